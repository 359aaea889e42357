//! Sections → one [`Policy`]: built in, recipe, `defaults`, `platforms`, `clients`, `accounts`, in this order.
//!
//! Where a key protects somebody (`engine_enabled`, `allow`, `rate_limits`, the caps of `cost_budget`, `confidence_min`, `approval`, and
//! all of `content` but `disclosure`), the strictest of all sections wins: a later section can only narrow. Where it
//! says how an account is run (`autonomy`, `zone`, `quiet_hours`, `fatigue`, `cost_budget.units`, `content.….disclosure`), the most
//! specific section wins.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::model::{CostBudget, PolicyFile, Rules, WordingRules};
use super::resolved::{Policy, ResolvedWording};
use crate::model::Budget;

/// Whose policy is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// The client.
    pub client: &'a str,
    /// The platform.
    pub platform: &'a str,
    /// The account's handle.
    pub handle: &'a str,
    /// The account's id.
    pub account: &'a str,
}

impl Who<'_> {
    /// Whether a name in `accounts` means this account: its id, or platform and handle without regard to case and a leading `@`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let handle = |handle: &str| handle.trim_start_matches('@').to_lowercase();
        let by_handle =
            |(platform, named): (&str, &str)| platform == self.platform && handle(named) == handle(self.handle);
        name == self.account || name.split_once('/').is_some_and(by_handle)
    }
}

impl PolicyFile {
    /// What holds for one account, whose recipe has these budgets.
    #[must_use]
    pub fn resolve(&self, who: &Who<'_>, budgets: &IndexMap<String, Budget>) -> Policy {
        let policy = Policy { file: self.hash.clone(), ..Policy::default() };
        let mut joined = Joined { policy, section: format!("recipe {}", who.platform) };
        for (action_type, budget) in budgets {
            joined.rate_limit(action_type, budget);
        }
        let platform = self.platforms.get(who.platform).map(|rules| (format!("platforms.{}", who.platform), rules));
        let client = self.clients.get(who.client).map(|rules| (format!("clients.{}", who.client), rules));
        let accounts = self.accounts.iter().filter(|(name, _)| who.is_called(name));
        let accounts = accounts.map(|(name, rules)| (format!("accounts.{name}"), rules));
        let sections =
            std::iter::once(("defaults".to_owned(), &self.defaults)).chain(platform).chain(client).chain(accounts);
        for (section, rules) in sections {
            joined.section = section;
            joined.take(rules);
        }
        joined.policy
    }
}

struct Joined {
    policy: Policy,
    /// The section that is being taken.
    section: String,
}

impl Joined {
    fn take(&mut self, rules: &Rules) {
        if let Some(enabled) = rules.engine_enabled {
            // One `false` is the last word, wherever it stands.
            let before = self.policy.engine_enabled;
            self.policy.engine_enabled = before && enabled;
            if before {
                self.decides("engine_enabled");
            }
        }
        if let Some(autonomy) = rules.autonomy {
            self.policy.autonomy = autonomy;
            self.decides("autonomy");
        }
        if let Some(allow) = &rules.allow {
            let narrowed = match self.policy.allow.take() {
                None => allow.clone(),
                Some(before) => before.intersection(allow).cloned().collect(),
            };
            self.policy.allow = Some(narrowed);
            self.adds("allow");
        }
        if let Some(zone) = &rules.zone {
            self.policy.zone.clone_from(zone);
            self.decides("zone");
        }
        if let Some(hours) = &rules.quiet_hours {
            self.policy.quiet_hours.clone_from(hours);
            self.decides("quiet_hours");
        }
        for (action_type, limit) in &rules.rate_limits {
            self.rate_limit(action_type, limit);
        }
        self.cost_budget(&rules.cost_budget);
        if let Some(fatigue) = rules.fatigue {
            self.policy.fatigue = Some(fatigue);
            self.decides("fatigue");
        }
        let mut confidence_min = self.policy.confidence_min;
        self.greatest("confidence_min", &mut confidence_min, rules.confidence_min);
        self.policy.confidence_min = confidence_min;
        for (action_type, risk) in &rules.approval {
            let mut greatest = self.policy.approval.get(action_type).copied();
            self.greatest(&format!("approval.{action_type}"), &mut greatest, Some(*risk));
            self.policy.approval.extend(greatest.map(|risk| (action_type.clone(), risk)));
        }
        let mut hard = std::mem::take(&mut self.policy.content.hard);
        self.wording("content.hard", &mut hard, &rules.hard);
        self.policy.content.hard = hard;
        let mut soft = std::mem::take(&mut self.policy.content.soft);
        self.wording("content.soft", &mut soft, &rules.soft);
        self.policy.content.soft = soft;
    }

    fn rate_limit(&mut self, action_type: &str, limit: &Budget) {
        let mut joined = self.policy.rate_limits.get(action_type).copied().unwrap_or_default();
        let key = |which: &str| format!("rate_limits.{action_type}.{which}");
        self.least(&key("per_hour"), &mut joined.per_hour, limit.per_hour);
        self.least(&key("per_day"), &mut joined.per_day, limit.per_day);
        self.greatest(&key("spacing_s"), &mut joined.spacing_s, limit.spacing_s);
        self.policy.rate_limits.insert(action_type.to_owned(), joined);
    }

    fn cost_budget(&mut self, said: &CostBudget) {
        let mut joined = std::mem::take(&mut self.policy.cost_budget);
        for (action_type, units) in &said.units {
            joined.units.insert(action_type.clone(), *units);
            self.decides(&format!("cost_budget.units.{action_type}"));
        }
        self.least("cost_budget.per_day", &mut joined.per_day, said.per_day);
        self.least("cost_budget.per_month", &mut joined.per_month, said.per_month);
        self.policy.cost_budget = joined;
    }

    fn wording(&mut self, key: &str, joined: &mut ResolvedWording, said: &WordingRules) {
        let at = |which: &str| format!("{key}.{which}");
        self.least(&at("text_max"), &mut joined.text_max, said.text_max);
        self.least(&at("hashtags_max"), &mut joined.hashtags_max, said.hashtags_max);
        self.least(&at("links_max"), &mut joined.links_max, said.links_max);
        self.least(&at("mentions_max"), &mut joined.mentions_max, said.mentions_max);
        if !said.banned_terms.is_empty() {
            joined.banned_terms.extend(said.banned_terms.iter().cloned());
            self.adds(&at("banned_terms"));
        }
        if let Some(domains) = &said.links_allowed {
            joined.links_allowed.push(domains.clone());
            self.adds(&at("links_allowed"));
        }
        if !said.links_banned.is_empty() {
            joined.links_banned.extend(said.links_banned.iter().cloned());
            self.adds(&at("links_banned"));
        }
        if !said.disclosure.is_empty() {
            joined.disclosure.clone_from(&said.disclosure);
            self.decides(&at("disclosure"));
        }
        let mut citations = Some(joined.citations_min).filter(|min| *min > 0);
        self.greatest(&at("citations_min"), &mut citations, said.citations_min);
        joined.citations_min = citations.unwrap_or(0);
        let mut in_text = Some(joined.citations_in_text).filter(|yes| *yes);
        self.greatest(&at("citations_in_text"), &mut in_text, said.citations_in_text);
        joined.citations_in_text = in_text.unwrap_or(false);
    }

    /// The stricter is the smaller one.
    fn least<T: Ord + Copy>(&mut self, key: &str, joined: &mut Option<T>, said: Option<T>) {
        if let Some(said) = said.filter(|said| joined.is_none_or(|before| *said < before)) {
            *joined = Some(said);
            self.decides(key);
        }
    }

    /// The stricter is the greater one.
    fn greatest<T: Ord + Copy>(&mut self, key: &str, joined: &mut Option<T>, said: Option<T>) {
        if let Some(said) = said.filter(|said| joined.is_none_or(|before| *said > before)) {
            *joined = Some(said);
            self.decides(key);
        }
    }

    fn decides(&mut self, key: &str) {
        self.from().insert(key.to_owned(), vec![]);
        self.adds(key);
    }

    fn adds(&mut self, key: &str) {
        let section = self.section.clone();
        self.from().entry(key.to_owned()).or_default().push(section);
    }

    fn from(&mut self) -> &mut BTreeMap<String, Vec<String>> {
        &mut self.policy.from
    }
}
