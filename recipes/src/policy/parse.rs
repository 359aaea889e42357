//! Policy text → [`PolicyFile`], with every error of the file in one go. The schema is closed: what is not known is an error.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::model::{Autonomy, CostBudget, Fatigue, PolicyFile, Risk, Rules};
use super::quiet::{Day, QuietHours};
use super::share::Share;
use super::{wording, zones};
use crate::closed::{
    Entry, Fields, Node, Sink, Value, choice, did_you_mean, list, map, number, text, truth, wrong_type,
};
use crate::diagnostics::Code;
use crate::model::Budget;
use crate::parse::ACTION_TYPES;

/// Most sections of one kind, and most entries of one list.
const MANY: usize = 1_000;
/// Most stretches of quiet hours in one list.
const QUIET_MAX: usize = 20;

const KEYS: [&str; 4] = ["defaults", "platforms", "clients", "accounts"];
const RULES: [&str; 11] = [
    "engine_enabled",
    "autonomy",
    "allow",
    "zone",
    "quiet_hours",
    "rate_limits",
    "cost_budget",
    "fatigue",
    "confidence_min",
    "approval",
    "content",
];

/// The whole file; `None` when its root is no map. What is in error is left out and reported.
pub(super) fn file(root: &Node, hash: String, sink: &mut Sink<'_>) -> Option<PolicyFile> {
    let fields = Fields::open(root, "the policy", &KEYS, sink)?;
    let defaults = fields.get("defaults", sink).and_then(|node| rules(node, "`defaults`", sink)).unwrap_or_default();
    let mut sections = |key: &str, named: fn(&Entry, &mut Sink<'_>)| {
        fields.get(key, sink).map_or_else(IndexMap::new, |node| section(node, key, named, sink))
    };
    let platforms = sections("platforms", |entry, sink| {
        if !crate::parse::is_name(&entry.key) {
            let message = format!("`{}` is no platform's name", entry.key);
            sink.report(Code::BadValue, entry.key_span, message, "write it as its recipe does: `practice`".to_owned());
        }
    });
    let clients = sections("clients", |_, _| {});
    let accounts = sections("accounts", |_, _| {});
    Some(PolicyFile { hash, defaults, platforms, clients, accounts })
}

fn section(node: &Node, key: &str, named: fn(&Entry, &mut Sink<'_>), sink: &mut Sink<'_>) -> IndexMap<String, Rules> {
    let what = format!("`{key}`");
    let mut all = IndexMap::new();
    for entry in bounded(map(node, &what, sink).unwrap_or_default(), &what, node, sink) {
        named(entry, sink);
        if entry.key.trim().is_empty() {
            sink.report(Code::BadValue, entry.key_span, format!("a name in {what} is empty"), None);
        }
        let what = format!("`{key}.{}`", entry.key);
        if let Some(rules) = rules(&entry.value, &what, sink) {
            all.entry(entry.key.clone()).or_insert(rules);
        }
    }
    all
}

fn bounded<'n>(entries: &'n [Entry], what: &str, node: &Node, sink: &mut Sink<'_>) -> &'n [Entry] {
    crate::closed::limit(entries.len(), MANY, what, node.label, sink);
    entries.get(..entries.len().min(MANY)).unwrap_or_default()
}

fn rules(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<Rules> {
    let fields = Fields::open(node, what, &RULES, sink)?;
    let mut rules = Rules::default();
    if let Some(node) = fields.get("engine_enabled", sink) {
        rules.engine_enabled = truth(node, "`engine_enabled`", sink);
    }
    if let Some(node) = fields.get("autonomy", sink) {
        let words = [Autonomy::Auto, Autonomy::Manual, Autonomy::Draft].map(|word| (word.as_str(), word));
        rules.autonomy = choice(node, "`autonomy`", &words, sink);
    }
    if let Some(node) = fields.get("allow", sink) {
        rules.allow = allow(node, sink);
    }
    if let Some(node) = fields.get("zone", sink) {
        rules.zone = zone(node, sink);
    }
    if let Some(node) = fields.get("quiet_hours", sink) {
        rules.quiet_hours = quiet_hours(node, sink);
    }
    if let Some(node) = fields.get("rate_limits", sink) {
        rules.rate_limits = by_type(node, "`rate_limits`", sink, rate_limit);
    }
    if let Some(node) = fields.get("cost_budget", sink) {
        rules.cost_budget = cost_budget(node, sink).unwrap_or_default();
    }
    if let Some(node) = fields.get("fatigue", sink) {
        rules.fatigue = fatigue(node, sink);
    }
    if let Some(node) = fields.get("confidence_min", sink) {
        rules.confidence_min = share(node, "`confidence_min`", sink);
    }
    if let Some(node) = fields.get("approval", sink) {
        let words = [Risk::Low, Risk::Medium, Risk::High].map(|word| (word.as_str(), word));
        rules.approval = by_type(node, "`approval`", sink, |node, key, sink| {
            choice(node, &format!("the risk of `{key}`"), &words, sink)
        });
    }
    if let Some(fields) =
        fields.get("content", sink).and_then(|node| Fields::open(node, "`content`", &["hard", "soft"], sink))
    {
        rules.hard =
            fields.get("hard", sink).and_then(|node| wording::rules(node, "`content.hard`", sink)).unwrap_or_default();
        rules.soft =
            fields.get("soft", sink).and_then(|node| wording::rules(node, "`content.soft`", sink)).unwrap_or_default();
    }
    Some(rules)
}

fn known_type(key: &str, at: crate::closed::Span, what: &str, sink: &mut Sink<'_>) -> bool {
    let known = ACTION_TYPES.contains(&key);
    if !known {
        let help = did_you_mean(key, ACTION_TYPES);
        sink.report(Code::UnknownKey, at, format!("`{key}` in {what} is no action type"), help);
    }
    known
}

/// A map from action types.
fn by_type<T>(
    node: &Node,
    what: &str,
    sink: &mut Sink<'_>,
    read: impl Fn(&Node, &str, &mut Sink<'_>) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for entry in bounded(map(node, what, sink).unwrap_or_default(), what, node, sink) {
        let known = known_type(&entry.key, entry.key_span, what, sink);
        if let (true, Some(value)) = (known, read(&entry.value, &entry.key, sink)) {
            all.entry(entry.key.clone()).or_insert(value);
        }
    }
    all
}

fn allow(node: &Node, sink: &mut Sink<'_>) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for node in list(node, "`allow`", 1..=ACTION_TYPES.len(), sink)? {
        let name = text(node, "an action type", sink)?;
        if known_type(&name, node.span, "`allow`", sink) {
            all.insert(name);
        }
    }
    Some(all)
}

fn zone(node: &Node, sink: &mut Sink<'_>) -> Option<String> {
    let name = text(node, "`zone`", sink)?;
    let known = zones::proper_name(&name);
    if known.is_none() {
        let names = zones::names();
        let near = crate::suggest::nearest(&name, names.iter().map(String::as_str));
        let help = near.map_or_else(
            || "write an IANA name: Europe/Berlin, America/New_York, UTC".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        sink.report(Code::BadValue, node.span, format!("there is no time zone `{name}`"), help);
    }
    known
}

/// A list for all days, or lists by weekday.
fn quiet_hours(node: &Node, sink: &mut Sink<'_>) -> Option<Vec<QuietHours>> {
    let names: Vec<&str> = std::iter::once("all").chain(Day::ALL.map(Day::as_str)).collect();
    match &node.value {
        Value::List(_) => hours(node, "`quiet_hours`", &Day::ALL, sink),
        Value::Map(_) => {
            let fields = Fields::open(node, "`quiet_hours`", &names, sink)?;
            let mut all = Vec::new();
            for (key, days) in
                std::iter::once(("all", Day::ALL.to_vec())).chain(Day::ALL.map(|day| (day.as_str(), vec![day])))
            {
                if let Some(node) = fields.get(key, sink) {
                    all.extend(hours(node, &format!("`quiet_hours.{key}`"), &days, sink).unwrap_or_default());
                }
            }
            Some(all)
        }
        Value::Scalar { .. } => wrong_type(
            node,
            "`quiet_hours`",
            "a list (`[\"22:00-07:00\"]`) or a map of weekdays (`sun: [\"00:00-24:00\"]`)",
            sink,
        ),
    }
}

fn hours(node: &Node, what: &str, days: &[Day], sink: &mut Sink<'_>) -> Option<Vec<QuietHours>> {
    let mut all = Vec::new();
    // An empty list takes back what a section before it said.
    for node in list(node, what, 0..=QUIET_MAX, sink)? {
        let written = text(node, "a stretch of quiet hours", sink)?;
        match QuietHours::parse(&written, days) {
            Some(hours) => all.push(hours),
            None => {
                let help = "write `22:00-07:00`: from a time of the day to another one; the end may be 24:00";
                sink.report(Code::BadValue, node.span, format!("`{written}` is no stretch of a day"), help.to_owned());
            }
        }
    }
    Some(all)
}

fn rate_limit(node: &Node, key: &str, sink: &mut Sink<'_>) -> Option<Budget> {
    let what = format!("`rate_limits.{key}`");
    let fields = Fields::open(node, &what, &["per_hour", "per_day", "spacing_s"], sink)?;
    if node.entries().is_empty() {
        let help = "write `per_hour: 2`, `per_day: 6` or `spacing_s: 900`".to_owned();
        sink.report(Code::MissingKey, node.label, format!("{what} bounds nothing"), help);
    }
    let mut count = |key: &str, max: u64| {
        let node = fields.get(key, sink)?;
        number(node, &format!("`{key}`"), 1..=max, sink)
    };
    Some(Budget {
        per_hour: count("per_hour", 10_000).and_then(|count| u32::try_from(count).ok()),
        per_day: count("per_day", 100_000).and_then(|count| u32::try_from(count).ok()),
        spacing_s: count("spacing_s", 604_800),
    })
}

fn cost_budget(node: &Node, sink: &mut Sink<'_>) -> Option<CostBudget> {
    let fields = Fields::open(node, "`cost_budget`", &["units", "per_day", "per_month"], sink)?;
    let units = fields.get("units", sink).map_or_else(BTreeMap::new, |node| {
        by_type(node, "`cost_budget.units`", sink, |node, key, sink| {
            number(node, &format!("the cost of `{key}`"), 0..=1_000_000, sink).and_then(|n| u32::try_from(n).ok())
        })
    });
    let mut cap = |key: &str| {
        let node = fields.get(key, sink)?;
        number(node, &format!("`{key}`"), 0..=1_000_000_000_000, sink)
    };
    Some(CostBudget { units, per_day: cap("per_day"), per_month: cap("per_month") })
}

fn fatigue(node: &Node, sink: &mut Sink<'_>) -> Option<Fatigue> {
    let fields = Fields::open(node, "`fatigue`", &["days", "max"], sink)?;
    let days = fields.need("days", "days: 7", sink).and_then(|node| number(node, "`days`", 1..=31, sink));
    let max = fields.need("max", "max: 0.8", sink).and_then(|node| share(node, "`max`", sink));
    Some(Fatigue { days: u16::try_from(days?).ok()?, max: max? })
}

fn share(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<Share> {
    let found = match &node.value {
        Value::Scalar { text, plain: true } => Share::parse(text),
        _ => None,
    };
    if found.is_none() {
        return wrong_type(node, what, "a share from 0 to 1 with at most three decimals (`0.85`)", sink);
    }
    found
}
