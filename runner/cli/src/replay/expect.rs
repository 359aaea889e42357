//! `expect.yaml`: what a scenario must come to.

use std::collections::BTreeMap;
use std::path::Path;

use deed_recipes::Code;
use deed_recipes::closed::{Fields, Node, Sink, Value, choice, list, map, number, text, wrong_type};

use crate::replay::error::FixtureError;
use crate::replay::fixture::read_yaml;

/// How far a drift score may be off what was expected.
const DRIFT_WITHIN: f64 = 0.01;

const KEYS: [&str; 10] =
    ["outcome", "hold", "failure", "account", "level", "writes", "identity", "elements", "drift", "says"];
const OUTCOMES: [(&str, &str); 4] = [
    ("confirmed_success", "confirmed_success"),
    ("queued", "queued"),
    ("confirmed_failed", "confirmed_failed"),
    ("unknown", "unknown"),
];
const ACCOUNTS: [(&str, &str); 3] = [("active", "active"), ("read_only", "read_only"), ("suspended", "suspended")];
const VOTES: [(&str, &str); 3] = [("match", "match"), ("mismatch", "mismatch"), ("missing", "missing")];
/// Name and avatar are one signal; either word names it.
const SIGNALS: [&str; 5] = ["handle", "name", "avatar", "avatar_or_name", "switcher"];

/// A drift score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// This one, nearly.
    Is(f64),
    /// More than this.
    Above(f64),
}

impl Score {
    /// Whether a score is as expected.
    pub fn fits(self, score: f64) -> bool {
        match self {
            Self::Is(wanted) => (score - wanted).abs() <= DRIFT_WITHIN,
            Self::Above(floor) => score > floor,
        }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(score) => write!(f, "{score:.2}"),
            Self::Above(floor) => write!(f, "more than {floor:.2}"),
        }
    }
}

/// What a scenario must come to. What is left out is not asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// `confirmed_success`, `queued`, `confirmed_failed` or `unknown`.
    pub outcome: String,
    /// The hold's reason.
    pub hold: Option<String>,
    /// The failure.
    pub failure: Option<String>,
    /// The account's state afterwards.
    pub account: Option<String>,
    /// The proof level.
    pub level: Option<u64>,
    /// Requests let through to a route that moves the scene.
    pub writes: Option<u64>,
    /// Signal → vote.
    pub identity: BTreeMap<String, String>,
    /// Element → CSS of the node that must have been chosen.
    pub elements: Vec<(String, String)>,
    /// Surface → score.
    pub drift: BTreeMap<String, Score>,
    /// Words that hold or failure must contain.
    pub says: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// It can not be read, or breaks the schema.
pub fn load(path: &Path) -> Result<Expect, FixtureError> {
    read_yaml(path, expect)
}

fn expect(root: &Node, sink: &mut Sink<'_>) -> Option<Expect> {
    let fields = Fields::open(root, "expect.yaml", &KEYS, sink)?;
    let outcome = fields
        .need("outcome", "outcome: confirmed_success", sink)
        .and_then(|n| choice(n, "`outcome`", &OUTCOMES, sink));
    let word = |key: &str, sink: &mut Sink<'_>| fields.get(key, sink).and_then(|n| text(n, key, sink));
    let (hold, failure) = (word("hold", sink), word("failure", sink));
    let account = fields.get("account", sink).and_then(|n| choice(n, "`account`", &ACCOUNTS, sink));
    let level = fields.get("level", sink).and_then(|n| number(n, "`level`", 0..=3, sink));
    let writes = fields.get("writes", sink).and_then(|n| number(n, "`writes`", 0..=10, sink));
    let mut identity = BTreeMap::new();
    if let Some(node) = fields.get("identity", sink)
        && Fields::open(node, "`identity`", &SIGNALS, sink).is_some()
    {
        for entry in node.entries() {
            if let Some(vote) = choice(&entry.value, "a vote", &VOTES, sink) {
                let signal =
                    if matches!(entry.key.as_str(), "name" | "avatar") { "avatar_or_name" } else { &entry.key };
                identity.insert(signal.to_owned(), vote.to_owned());
            }
        }
    }
    let entries = |key: &str, sink: &mut Sink<'_>| fields.get(key, sink).and_then(|n| map(n, key, sink));
    let elements = entries("elements", sink).into_iter().flatten();
    let elements = elements.filter_map(|e| Some((e.key.clone(), text(&e.value, "a CSS selector", sink)?))).collect();
    let drift = entries("drift", sink).into_iter().flatten();
    let drift = drift.filter_map(|e| Some((e.key.clone(), score(&e.value, sink)?))).collect();
    let says = fields.get("says", sink).and_then(|n| list(n, "`says`", 1..=20, sink)).into_iter().flatten();
    let says = says.filter_map(|n| text(n, "a word", sink)).collect();
    let outcome = outcome?.to_owned();
    Some(Expect {
        outcome,
        hold,
        failure,
        account: account.map(str::to_owned),
        level,
        writes,
        identity,
        elements,
        drift,
        says,
    })
}

fn score(node: &Node, sink: &mut Sink<'_>) -> Option<Score> {
    let Value::Scalar { text, .. } = &node.value else {
        return wrong_type(node, "a drift score", "a number, or \">0\"", sink);
    };
    let read = match text.trim().strip_prefix('>') {
        Some(floor) => floor.trim().parse().map(Score::Above),
        None => text.trim().parse().map(Score::Is),
    };
    match read {
        Ok(score) => Some(score),
        Err(_) => {
            let help = "write a score from 0.0 to 1.0, or \">0\"".to_owned();
            sink.report(Code::BadValue, node.span, format!("`{text}` is no drift score"), help);
            None
        }
    }
}
