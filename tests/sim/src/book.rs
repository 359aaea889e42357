//! What a world leaves behind, line by line, so that two of them can be compared: actions as the ledger has them, and each episode's manifest.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::run::Outcome;

/// Hashes, names that depend on all that went before, and what is the same each time.
const LEFT_OUT: [&str; 13] = [
    "account",
    "account_id",
    "at",
    "bytes",
    "content_hash",
    "event_id",
    "evidence",
    "hash",
    "intent",
    "media_type",
    "payload_hash",
    "sha256",
    "tool",
];
/// Those of which it is told that they are there.
const KNOWN: [&str; 4] = ["idempotency_key", "manifest", "policy", "policy_snapshot_id"];

/// Of a time only that there is one.
fn is_time(key: &str, value: &Value) -> bool {
    let after_all = value.as_i64().is_some_and(|ms| ms > 0);
    let instant = |text: &str| text.starts_with("2026-") && text.contains('T') && !text.contains(' ');
    value.as_str().is_some_and(instant)
        || (after_all && (key.ends_with("_at") || ["until", "not_before", "lease_until"].contains(&key)))
}

/// What there is of it, in one line.
fn inline(key: &str, value: &Value) -> String {
    let several = |entries: Vec<String>| entries.join(", ");
    match value {
        value if is_time(key, value) => "(time)".to_owned(),
        Value::String(_) if KNOWN.contains(&key) => "(known)".to_owned(),
        Value::Array(hashes) if key == "artifacts" => hashes.len().to_string(),
        Value::String(text) => text
            .split(' ')
            .map(|word| if is_time("", &word.into()) { "(time)" } else { word })
            .collect::<Vec<_>>()
            .join(" "),
        Value::Array(list) => format!("[{}]", several(list.iter().map(|entry| inline(key, entry)).collect())),
        Value::Object(map) => {
            let told = map.iter().filter(|(key, value)| {
                let empty =
                    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
                !LEFT_OUT.contains(&key.as_str()) && !empty
            });
            format!("{{{}}}", several(told.map(|(key, value)| format!("{key} {}", inline(key, value))).collect()))
        }
        other => other.to_string(),
    }
}

/// A document: a line for each fact, for each entry of a list, and for each check of a step.
fn lines(document: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (key, value) in document.as_object().into_iter().flatten() {
        match value {
            // Each step says how many are its own.
            Value::Array(list) if key == "artifacts" => told.push(format!("{key}: {}", list.len())),
            Value::Array(list) => {
                for entry in list {
                    let mut entry = entry.clone();
                    let checks = entry.as_object_mut().and_then(|entry| entry.remove("checks"));
                    told.push(format!("{key}: {}", inline(key, &entry)));
                    let checks = checks.as_ref().and_then(Value::as_array).into_iter().flatten();
                    told.extend(checks.map(check));
                }
            }
            Value::Null => {}
            _ if LEFT_OUT.contains(&key.as_str()) => {}
            _ => told.push(format!("{key}: {}", inline(key, value))),
        }
    }
    told
}

/// What was found, what was asked for, and what is noted.
fn check(check: &Value) -> String {
    let sign = if check["passed"] == Value::Bool(true) { "✓" } else { "✗" };
    let parts = ["seen", "expected", "note"].map(|key| inline(key, &check[key]));
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("  {sign} {}: {}", inline("name", &check["name"]), parts.join(" · "))
}

/// What one has and the other has not, as `+` and `-`.
pub fn differences(plain: &[String], told: &[String]) -> Vec<String> {
    let mut count: BTreeMap<&String, i32> = BTreeMap::new();
    plain.iter().for_each(|line| *count.entry(line).or_default() += 1);
    let mut apart = Vec::new();
    for line in told {
        let left = count.entry(line).or_default();
        *left -= 1;
        if *left < 0 {
            apart.push(format!("+ {line}"));
        }
    }
    apart.extend(
        plain
            .iter()
            .filter(|line| {
                let left = count.get_mut(line).filter(|left| **left > 0);
                left.map(|left| *left -= 1).is_some()
            })
            .map(|line| format!("- {line}")),
    );
    apart
}

/// How each episode said that it ended, and what is left behind.
pub fn told(outcome: &Outcome) -> Vec<String> {
    let ends = outcome.story.iter().filter(|line| line.what == "ends");
    let ends = ends.map(|line| format!("ends: {}", inline("", &line.words.as_str().into())));
    ends.chain(outcome.left.iter().flat_map(lines)).collect()
}

/// What it came to, in a line.
pub fn headline(name: &str, outcome: &Outcome) -> String {
    let endings: Vec<String> = outcome.endings.iter().map(|(words, times)| format!("{words} ×{times}")).collect();
    format!("\n{name}: {}; {} written", endings.join(", "), outcome.writes)
}
