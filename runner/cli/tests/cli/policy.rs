//! `deed policy`, and what a policy does to `deed act` and `deed work`: everything that needs no browser.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::Deed;
use serde_json::{Value, json};

/// With an account that has a session.
fn connected() -> Deed {
    let deed = Deed::with_account();
    deed.write("session.json", json!({ "cookies": [], "origins": [] }).to_string());
    deed.ok(&["account", "connect", "north_star", "--session", "session.json"]);
    deed
}

fn policy(deed: &Deed, text: &str) {
    std::fs::write(deed.ledger().with_file_name("policy.yaml"), text).unwrap();
}

/// Quiet today and tomorrow, in UTC, whenever it is that this runs: it ends, and not while a test runs.
fn quiet_now() -> String {
    let days = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60);
    let day = |later: u64| days[usize::try_from((today + later) % 7).unwrap()];
    format!("defaults: {{ quiet_hours: {{ {}: [\"00:00-24:00\"], {}: [\"00:00-24:00\"] }} }}\n", day(0), day(1))
}

fn check<'c>(answer: &'c Value, name: &str) -> &'c Value {
    let checks = answer["checks"].as_array().expect("checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {answer:#}"))
}

#[test]
fn an_order_is_checked_without_acting_and_without_being_filed() {
    let deed = connected();
    let order = deed.order("order.json", |_| ());
    let answer = deed.json(0, &["policy", "check", &order]);
    assert_eq!((&answer["would_be_held"], answer["checks"].as_array().unwrap().len()), (&Value::Null, 13));
    let said = deed.ok(&["policy", "check", &order]);
    assert!(said.out.contains("content_compliance  passed") && said.out.ends_with("it may run\n"), "{}", said.out);

    policy(
        &deed,
        "defaults: { content: { hard: { banned_terms: [rye] }, soft: { text_max: 3 } }, confidence_min: 0.5 }\n",
    );
    let answer = deed.json(3, &["policy", "check", &order]);
    assert_eq!(answer["would_be_held"]["reason"], "policy");
    assert_eq!(check(&answer, "confidence")["finding"], "the order has no score, at least 0.5 is asked for");
    let content = "`rye` is banned; should: 9 characters, the policy takes 3";
    assert_eq!(check(&answer, "content_compliance")["finding"], content);
    assert_eq!(answer["policy"]["confidence_min"], 0.5);
    let said = deed.run(&["policy", "check", &order]);
    assert!(said.code == 3 && said.out.contains("it would be held: policy"), "{said:?}");

    let better = deed.order("better.json", |o| {
        o["content"]["text"] = json!("Bun");
        o["score"] = json!(0.5);
    });
    deed.json(0, &["policy", "check", &better]);
    assert_eq!(deed.actions(), 0, "nothing was filed");
    let episodes = std::fs::read_dir(deed.path("home/.local/share/deed/proofs/episodes")).map_or(0, Iterator::count);
    assert_eq!(episodes, 0, "and nothing was worked on");
}

#[test]
fn quiet_hours_hold_an_order_until_they_end_and_a_changed_policy_counts_at_once() {
    let deed = connected();
    let order = deed.order("order.json", |_| ());
    policy(&deed, &quiet_now());
    let checked = deed.json(3, &["policy", "check", &order]);
    let acted = deed.json(3, &["act", &order]);
    assert_eq!(acted["hold"]["reason"], "quiet_hours", "{acted:#}");
    let until = acted["hold"]["until"].as_str().expect("it ends");
    assert!(until.ends_with("T00:00:00.000Z"), "{until}");
    assert_eq!(checked["would_be_held"]["until"], until);
    // Not due before they end.
    let said = deed.ok(&["work", "--until-idle"]);
    assert!(said.err.contains("nothing was due"), "{said:?}");
    // Without quiet hours it gets as far as the browser, which is none here.
    policy(&deed, "defaults: { quiet_hours: [] }\n");
    let acted = deed.json(3, &["act", &order]);
    assert_eq!(acted["hold"]["reason"], "transient", "{acted:#}");
}

#[test]
fn an_engine_that_is_off_for_a_client_begins_nothing_of_it() {
    let deed = connected();
    policy(
        &deed,
        "clients: { bakery: { engine_enabled: false } }\naccounts: { practice/north_star: { engine_enabled: true } }\n",
    );
    let acted = deed.json(3, &["act", &deed.order("order.json", |_| ())]);
    assert_eq!(acted["hold"]["reason"], "policy");
    let detail = acted["hold"]["detail"].as_str().unwrap();
    assert_eq!(detail, "engine_enabled: the policy says engine_enabled: false (clients.bakery)");
}

#[test]
fn with_a_policy_that_can_not_be_kept_to_nothing_runs() {
    let mut deed = connected();
    let order = deed.order("order.json", |_| ());
    policy(&deed, "defaults:\n  zone: Europe/Berln\n  rate_limits: { publish.post: { per_day: -3 } }\n  quiet: []\n");
    for command in ["act", "rehearse"] {
        let (code, said) = deed.fails(2, &[command, &order]);
        assert_eq!(code, "policy-invalid");
        for words in ["policy.yaml:2:9", "did you mean `Europe/Berlin`?", "here stands `-3`", "unknown key `quiet`"] {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
    }
    assert_eq!(deed.fails(2, &["work", "--until-idle"]).0, "policy-invalid");
    assert_eq!(deed.actions(), 0);
    let doctor = deed.json(70, &["doctor"]);
    let line = doctor["checks"].as_array().unwrap().iter().find(|check| check["check"] == "policy").unwrap();
    assert_eq!(line["status"], "fail", "{line}");
    deed.set("DEED_POLICY", "/nonexistent.yaml");
    assert_eq!(deed.fails(2, &["act", &order]).0, "policy-unreadable");
    assert_eq!(deed.fails(2, &["policy", "show"]).0, "policy-unreadable");
    // One that is named wins over the one in the data directory.
    let own = deed.write("own.yaml", "defaults: { allow: [like] }\n");
    let answer = deed.json(3, &["policy", "check", &order, "--policy", &own.display().to_string()]);
    assert_eq!(check(&answer, "platform_policy")["finding"], "the policy allows like, not publish.post");
}

#[test]
fn a_policy_file_is_validated_with_every_error_and_its_place() {
    let deed = Deed::with_account();
    let good = deed.write(
        "good.yaml",
        "clients: { bakery: { autonomy: auto } }\naccounts: { practice/@North_Star: { zone: UTC } }\n",
    );
    let good = good.display().to_string();
    let answer = deed.json(0, &["policy", "validate", &good]);
    assert_eq!((&answer["ok"], answer["nobodys"].as_array().unwrap().len()), (&json!(true), 0));
    assert!(deed.ok(&["policy", "validate", &good]).out.contains("sound  "));

    let typo = deed.write("typo.yaml", "clients: { bakry: { engine_enabled: false } }\n").display().to_string();
    let said = deed.ok(&["policy", "validate", &typo]);
    assert!(said.err.contains("`clients.bakry` is nobody's"), "{said:?}");

    let bad = deed.write("bad.yaml", "defaults:\n  autonmy: auto\n  zone: Mars\n").display().to_string();
    let answer = deed.json(2, &["policy", "validate", &bad]);
    let found: Vec<_> =
        answer["diagnostics"].as_array().unwrap().iter().map(|d| (d["line"].clone(), d["column"].clone())).collect();
    assert_eq!(found, [(json!(2), json!(3)), (json!(3), json!(9))]);
    assert!(deed.run(&["policy", "validate", &bad]).err.contains("did you mean `autonomy`?"));
    let schema = deed.json(0, &["policy", "schema"]);
    assert_eq!(schema["title"], "A policy of Deed");
}

#[test]
fn what_holds_is_shown_with_where_it_comes_from() {
    let deed = Deed::with_account();
    policy(
        &deed,
        "defaults: { zone: Europe/Berlin, rate_limits: { publish.post: { per_day: 6 } } }\n\
         accounts: { practice/north_star: { rate_limits: { publish.post: { per_day: 4 } } } }\n",
    );
    let rows = |said: &str| -> Vec<String> {
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let account = rows(&deed.ok(&["policy", "show", "--account", "north_star"]).out);
    for row in [
        "rate_limits.publish.post.per_day 4 accounts.practice/north_star",
        "zone Europe/Berlin defaults",
        "engine_enabled true built in",
    ] {
        assert!(account.iter().any(|found| found == row), "{row}: {account:#?}");
    }
    let everybody = rows(&deed.ok(&["policy", "show"]).out);
    assert!(everybody.iter().any(|row| row == "rate_limits.publish.post.per_day 6 defaults"), "{everybody:#?}");
    assert_eq!(deed.fails(2, &["policy", "show", "--account", "nobody"]).0, "not-found");
}

#[test]
fn what_an_order_says_of_itself_is_read_and_kept() {
    let deed = connected();
    for (key, value, words) in [
        ("score", json!(1.5), "1.5 is not between 0 and 1"),
        ("sponsored", json!("yes"), "expected a boolean"),
        ("citations", json!(["example"]), "`citations` has `example`, which is no URL"),
        ("scores", json!(1), "did you mean `score`?"),
    ] {
        let (code, said) = deed.fails(2, &["queue", "add", &deed.order("bad.json", |o| o[key] = value.clone())]);
        assert!(code == "order-invalid" && said.err.contains(words), "{said:?}");
    }
    let said = deed.order("said.json", |o| {
        o["score"] = json!(0.85);
        o["sponsored"] = json!(true);
        o["claims"] = json!(true);
        o["citations"] = json!(["https://example.com/study"]);
    });
    let id = deed.json(0, &["queue", "add", &said])["action_id"].as_str().unwrap().to_owned();
    policy(
        &deed,
        "defaults: { confidence_min: 0.9, content: { hard: { disclosure: [\"#ad\"], citations_min: 2 } } }\n",
    );
    let answer = deed.json(3, &["policy", "check", &said]);
    assert_eq!(check(&answer, "confidence")["finding"], "score 0.85, at least 0.9 is asked for");
    let finding = check(&answer, "content_compliance")["finding"].as_str().unwrap();
    assert!(finding.contains("write #ad") && finding.contains("names 1 citations, at least 2"), "{finding}");
    // Without them it is another order; with another score the same one.
    let plain = deed.json(0, &["queue", "add", &deed.order("plain.json", |_| ())])["action_id"].clone();
    assert_ne!(plain, id);
    let scored = deed.order("scored.json", |o| o["score"] = json!(0.1));
    assert_eq!(deed.json(0, &["queue", "add", &scored])["action_id"], plain);
}
