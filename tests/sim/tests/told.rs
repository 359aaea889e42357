//! What is left behind by each outcome: the action as the ledger has it, and each episode's manifest, line by line. Whatever the engine
//! stops telling, or tells otherwise, is seen here. `INSTA_UPDATE=always` takes the new words over; they are to be read.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;

use deed_sim::crash;
use deed_sim::luck::{Luck, WriteFault};
use deed_sim::run::{Bench, Outcome};
use deed_sim::setting::{Deed, Reach, Setting};
use deed_sim::sim::Harm;
use serde_json::Value;

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
    for (key, value) in document.as_object().expect("an object") {
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
fn differences(plain: &[String], told: &[String]) -> Vec<String> {
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

/// What is told of one order under a sky of its own, after so long.
fn under(luck: Luck, deeds: Vec<(i64, Deed)>, after_ms: i64) -> Outcome {
    let one = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    Bench::new().expect("a bench").run(&Setting { deeds, horizon_ms: after_ms, ..one }).expect("a world")
}

/// How each episode said that it ended, and what is left behind.
fn told(outcome: &Outcome) -> Vec<String> {
    let ends = outcome.story.iter().filter(|line| line.what == "ends");
    let ends = ends.map(|line| format!("ends: {}", inline("", &line.words.as_str().into())));
    ends.chain(outcome.left.iter().flat_map(lines)).collect()
}

fn headline(name: &str, outcome: &Outcome) -> String {
    let endings: Vec<String> = outcome.endings.iter().map(|(words, times)| format!("{words} ×{times}")).collect();
    format!("\n{name}: {}; {} written", endings.join(", "), outcome.writes)
}

#[test]
fn each_outcome_is_told_as_it_was() {
    let mut plain: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut book = Vec::new();
    for case in crash::cases() {
        let outcome = case.tell(Vec::new()).expect("a world");
        assert!(outcome.broken.is_empty(), "{}: {:#?}", case.name(), outcome.broken);
        book.push(headline(&case.name(), &outcome));
        let told = told(&outcome);
        match plain.get(case.flow) {
            Some(plain) if case.flow == "publish.post" || case.usual => book.extend(differences(plain, &told)),
            Some(_) => {}
            None => {
                book.extend(told.iter().map(|line| format!("  {line}")));
                plain.insert(case.flow, told);
            }
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}

/// What stands in the ledger and in the proof while it is not over yet, and what is typed anew.
#[test]
fn what_is_under_way_is_told_as_it_was() {
    let luck = Luck::default();
    let restored = |restores| Luck { restores, ..luck };
    let written = |write| Luck { write, ..luck };
    let set = |ahead_ms| vec![(0, Deed::SetClock(ahead_ms, 60_000))];
    let worlds = [
        ("made and seen", luck, Vec::new(), 60_000),
        ("an old draft comes back once", restored(1), Vec::new(), 60_000),
        ("an old draft comes back twice", restored(2), Vec::new(), 60_000),
        ("an old draft comes back each time", restored(9), Vec::new(), 60_000),
        ("not known yet: the request was lost", written(WriteFault::RequestLost), Vec::new(), 25_000),
        ("not known yet: error after the write", written(WriteFault::ErrorAfter), Vec::new(), 9_200),
        ("not known yet: too many", written(WriteFault::TooMany), Vec::new(), 25_000),
        ("not known yet: late answer", written(WriteFault::Late(25_000)), Vec::new(), 9_500),
        ("a clock that is ahead", luck, set(3_600_000), 25_000),
        ("a clock that is behind", luck, set(-3_600_000), 25_000),
        ("the switch of the account", luck, vec![(0, Deed::Throw(Reach::Account(0), 10_000))], 60_000),
        ("suspended for a while", luck, vec![(0, Deed::Suspend(0, 10_000))], 60_000),
    ];
    let mut plain: Option<Vec<String>> = None;
    let mut book = Vec::new();
    for (name, luck, deeds, after_ms) in worlds {
        let outcome = under(luck, deeds, after_ms);
        book.push(headline(name, &outcome));
        let told = told(&outcome);
        match &plain {
            Some(plain) => book.extend(differences(plain, &told)),
            None => plain = Some(told),
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}
