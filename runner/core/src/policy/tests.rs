#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use deed_recipes::policy::{Share, policy_from_str};

use super::*;
use crate::approval::ApprovalStanding;
use crate::order::Content;
use crate::ports::browser::SessionState;
use crate::ports::ledger::{KillScope, KillSwitch};
use crate::sample::{account, action};

/// A Friday, 10:30 in Berlin.
const NOW: Timestamp = Timestamp(1_795_167_000_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn rye() -> Content {
    Content { text: "Rye and cardamom buns.".to_owned(), ..Content::default() }
}

/// What the ledger says of an account that has a session and did nothing yet.
fn fresh() -> PolicyFacts {
    PolicyFacts { session: Some(SessionFacts::default()), ..PolicyFacts::default() }
}

fn policy(defaults: &str) -> Policy {
    let file = policy_from_str("policy.yaml", &format!("defaults:\n{defaults}")).unwrap_or_else(|e| panic!("{e}"));
    let account = account();
    file.resolve(&who(&account), &practice().budgets)
}

fn practice() -> Recipe {
    deed_recipes::load_builtin("practice").unwrap()
}

fn report(policy: &Policy, content: Content, facts: &PolicyFacts, now: Timestamp) -> PolicyReport {
    evaluate(&action(content), &account(), &practice(), policy, facts, now)
}

fn found<'r>(report: &'r PolicyReport, name: &str) -> &'r PolicyCheck {
    report.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}"))
}

/// Name, outcome and finding of one check; all others passed or only warn.
fn one(policy: &Policy, content: Content, facts: &PolicyFacts, name: &str) -> (Outcome, String, Option<Timestamp>) {
    let report = report(policy, content, facts, NOW);
    for check in report.checks.iter().filter(|check| check.name != name) {
        assert!(check.passes(), "{}: {}", check.name, check.finding);
    }
    let check = found(&report, name);
    (check.outcome, check.finding.clone(), check.until)
}

#[test]
fn without_a_policy_everything_passes_and_every_check_says_what_it_saw() {
    let report = report(&Policy::default(), rye(), &fresh(), NOW);
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "engine_enabled",
            "account_active",
            "connection",
            "autonomy",
            "platform_policy",
            "time_window",
            "rate_limits",
            "cost_budget",
            "fatigue",
            "early_warnings",
            "confidence",
            "approval",
            "content_compliance",
        ]
    );
    for check in &report.checks {
        assert_eq!((check.outcome, check.until), (Outcome::Passed, None), "{}: {}", check.name, check.finding);
        assert!(!check.finding.is_empty(), "{}", check.name);
    }
    assert_eq!((report.hold(), report.hold_before_commit()), (None, None));
}

#[test]
fn an_engine_that_is_off_runs_nothing() {
    let (outcome, finding, until) = one(&policy("  engine_enabled: false\n"), rye(), &fresh(), "engine_enabled");
    assert_eq!((outcome, until), (Outcome::Failed, None));
    assert_eq!(finding, "the policy says engine_enabled: false (defaults)");
    let switch = KillSwitch { scope: KillScope::Global, by: "ann".into(), at: NOW, reason: "stop".into() };
    let report = report(&Policy::default(), rye(), &PolicyFacts { kill: Some(switch), ..fresh() }, NOW);
    assert_eq!(report.hold().unwrap().reason, HoldReason::KillSwitch);
}

#[test]
fn only_what_is_allowed_runs() {
    let (outcome, finding, _) = one(&policy("  allow: [like, follow]\n"), rye(), &fresh(), "platform_policy");
    assert_eq!((outcome, finding.as_str()), (Outcome::Failed, "the policy allows follow, like, not publish.post"));
    assert_eq!(one(&policy("  allow: [publish.post]\n"), rye(), &fresh(), "platform_policy").0, Outcome::Passed);
}

fn usage(used: u64, frees: i64) -> Usage {
    Usage { used, frees: Some(Timestamp(frees)) }
}

#[test]
fn a_full_hour_or_day_waits_until_its_oldest_attempt_leaves_it() {
    let limits = policy("  rate_limits: { publish.post: { per_hour: 2, per_day: 4 } }\n");
    let facts = PolicyFacts { hour: usage(2, NOW.0 - 10 * MINUTE), day: Usage { used: 3, frees: None }, ..fresh() };
    let (outcome, finding, until) = one(&limits, rye(), &facts, "rate_limits");
    assert_eq!((outcome, finding.as_str()), (Outcome::Failed, "2 of 2 within 60 minutes"));
    assert_eq!(until, Some(Timestamp(NOW.0 + 50 * MINUTE)));
    let facts = PolicyFacts { day: usage(4, NOW.0 - HOUR), ..facts };
    assert_eq!(one(&limits, rye(), &facts, "rate_limits").2, Some(Timestamp(NOW.0 + 23 * HOUR)));
    let facts = PolicyFacts { hour: Usage { used: 1, frees: None }, day: Usage { used: 3, frees: None }, ..fresh() };
    let (outcome, finding, _) = one(&limits, rye(), &facts, "rate_limits");
    assert_eq!((outcome, finding.as_str()), (Outcome::Passed, "1 of 2 within 60 minutes, 3 of 4 within 24 hours"));
}

#[test]
fn two_of_a_kind_keep_their_distance() {
    let limits = policy("  rate_limits: { publish.post: { spacing_s: 900 } }\n");
    let last = |at: i64| PolicyFacts { last_attempt: Some(Timestamp(at)), ..fresh() };
    let (outcome, _, until) = one(&limits, rye(), &last(NOW.0 - 14 * MINUTE), "rate_limits");
    assert_eq!((outcome, until), (Outcome::Failed, Some(Timestamp(NOW.0 + MINUTE))));
    assert_eq!(one(&limits, rye(), &last(NOW.0 - 15 * MINUTE), "rate_limits").0, Outcome::Passed);
}

#[test]
fn the_clients_costs_are_counted_and_free_again_with_the_next_day_or_month() {
    let costs =
        "  zone: Europe/Berlin\n  cost_budget: { units: { publish.post: 3, like: 1 }, per_day: 10, per_month: 100 }\n";
    let spent = |posts: u64, likes: u64, month: u64| PolicyFacts {
        client_day: [("publish.post".to_owned(), posts), ("like".to_owned(), likes)].into(),
        client_month: [("publish.post".to_owned(), month)].into(),
        ..fresh()
    };
    let (outcome, finding, _) = one(&policy(costs), rye(), &spent(2, 1, 20), "cost_budget");
    assert_eq!(outcome, Outcome::Passed, "{finding}");
    assert_eq!(finding, "7 of 10 units used today, this costs 3, 60 of 100 units used this month, this costs 3");
    let (outcome, _, until) = one(&policy(costs), rye(), &spent(2, 2, 20), "cost_budget");
    assert_eq!((outcome, until), (Outcome::Failed, Timestamp::parse("2026-11-21T00:00:00+01:00")));
    let (outcome, _, until) = one(&policy(costs), rye(), &spent(0, 0, 33), "cost_budget");
    assert_eq!((outcome, until), (Outcome::Failed, Timestamp::parse("2026-12-01T00:00:00+01:00")));
    let never = policy("  cost_budget: { units: { publish.post: 11 }, per_day: 10 }\n");
    assert_eq!(one(&never, rye(), &fresh(), "cost_budget").2, None);
}

#[test]
fn an_account_that_used_its_share_rests() {
    let rest = policy("  rate_limits: { publish.post: { per_day: 10 } }\n  fatigue: { days: 7, max: 0.8 }\n");
    let tired = |used: u64| PolicyFacts { fatigue: usage(used, NOW.0 - 6 * 24 * HOUR), ..fresh() };
    assert_eq!(one(&rest, rye(), &tired(55), "fatigue").0, Outcome::Passed);
    let (outcome, finding, until) = one(&rest, rye(), &tired(56), "fatigue");
    assert_eq!((outcome, finding.as_str()), (Outcome::Failed, "56 of 56 in 7 days (0.8 of the daily budget)"));
    assert_eq!(until, Some(Timestamp(NOW.0 + 24 * HOUR)));
    assert_eq!(one(&policy("  fatigue: { days: 7, max: 0.8 }\n"), rye(), &tired(999), "fatigue").0, Outcome::Passed);
}

#[test]
fn an_open_high_or_critical_warning_blocks() {
    for (severity, outcome) in [
        (Severity::Low, Outcome::Warned),
        (Severity::Medium, Outcome::Warned),
        (Severity::High, Outcome::Failed),
        (Severity::Critical, Outcome::Failed),
    ] {
        let warning = OpenWarning { severity, kind: "reach_dropped".to_owned(), since: NOW };
        let facts = PolicyFacts { open_warnings: vec![warning], ..fresh() };
        let (found, finding, until) = one(&Policy::default(), rye(), &facts, "early_warnings");
        assert_eq!((found, until), (outcome, None), "{finding}");
    }
}

#[test]
fn a_score_below_the_minimum_or_none_waits() {
    let sure = policy("  confidence_min: 0.6\n");
    for (score, outcome) in [
        (None, Outcome::Failed),
        (Some("0.599"), Outcome::Failed),
        (Some("0.6"), Outcome::Passed),
        (Some("1"), Outcome::Passed),
    ] {
        let content = Content { score: score.and_then(Share::parse), ..rye() };
        assert_eq!(one(&sure, content, &fresh(), "confidence").0, outcome, "{score:?}");
    }
}

fn approved(by: &[&str]) -> PolicyFacts {
    let approved_by = by.iter().map(|by| (*by).to_owned()).collect();
    let approvals = ApprovalStanding { approved_by, revision: 1, is_current: true, ..ApprovalStanding::default() };
    PolicyFacts { approvals, ..fresh() }
}

#[test]
fn a_risk_wants_its_persons_each_of_whom_counts_once() {
    let high = policy("  approval: { publish.post: high }\n");
    for (by, outcome) in [
        (&[][..], Outcome::Failed),
        (&["ann"], Outcome::Failed),
        (&["ann", "ann"], Outcome::Failed),
        (&["ann", "bob"], Outcome::Passed),
    ] {
        assert_eq!(one(&high, rye(), &approved(by), "approval").0, outcome, "{by:?}");
    }
    assert_eq!(report(&high, rye(), &fresh(), NOW).hold().unwrap().reason, HoldReason::Approval);
}

#[test]
fn a_manual_account_begins_nothing_without_approval_and_a_draft_account_commits_nothing() {
    let manual = report(&policy("  autonomy: manual\n"), rye(), &fresh(), NOW);
    assert_eq!(manual.hold().unwrap().reason, HoldReason::Approval);
    let draft = report(&policy("  autonomy: draft\n"), rye(), &fresh(), NOW);
    assert_eq!(draft.hold(), None);
    assert_eq!(draft.hold_before_commit().unwrap().reason, HoldReason::Approval);
    for autonomy in ["manual", "draft"] {
        let report = report(&policy(&format!("  autonomy: {autonomy}\n")), rye(), &approved(&["ann"]), NOW);
        assert_eq!((report.hold(), report.hold_before_commit()), (None, None), "{autonomy}");
    }
    assert_eq!(manual.hold_of_rehearsal(), None);
}

#[test]
fn what_breaks_a_hard_rule_waits_and_what_breaks_a_soft_one_is_told() {
    let both = policy("  content: { hard: { text_max: 30, banned_terms: [cure] }, soft: { text_max: 20 } }\n");
    let of = |text: &str| {
        one(&both, Content { text: text.to_owned(), ..Content::default() }, &fresh(), "content_compliance")
    };
    assert_eq!(of("Rye.").0, Outcome::Passed);
    let (outcome, finding, _) = of("Rye and cardamom buns.");
    assert_eq!((outcome, finding.as_str()), (Outcome::Warned, "should: 22 characters, the policy takes 20"));
    let (outcome, finding, until) = of("A cure.");
    assert_eq!((outcome, finding.as_str(), until), (Outcome::Failed, "`cure` is banned", None));
    assert_eq!(of(" ").0, Outcome::Failed, "the recipe's own rules are hard");
}

#[test]
fn a_session_that_is_over_is_no_connection() {
    let session =
        |expires: i64| PolicyFacts { session: Some(SessionFacts { expires: Some(Timestamp(expires)) }), ..fresh() };
    assert_eq!(one(&Policy::default(), rye(), &session(NOW.0 + 1), "connection").0, Outcome::Passed);
    assert_eq!(one(&Policy::default(), rye(), &session(NOW.0), "connection").0, Outcome::Failed);
    let none = PolicyFacts { session: None, ..fresh() };
    assert_eq!(report(&Policy::default(), rye(), &none, NOW).hold().unwrap().reason, HoldReason::Connection);
}

#[test]
fn a_session_ends_with_its_marker_else_with_its_last_cookie() {
    let of = |json: &str, marker| SessionFacts::of(&SessionState::new(json), marker).expires.map(|t| t.0);
    let two = r#"{"cookies":[{"name":"sid","expires":1000.5},{"name":"ad","expires":2000}]}"#;
    assert_eq!(of(two, Some("sid")), Some(1_000_500));
    assert_eq!(of(two, None), Some(2_000_000));
    assert_eq!(of(two, Some("other")), Some(2_000_000));
    assert_eq!(of(r#"{"cookies":[{"name":"sid","expires":-1},{"name":"ad","expires":2000}]}"#, None), None);
    assert_eq!(of(r#"{"cookies":[]}"#, None), None);
    assert_eq!(of("no json", Some("sid")), None);
}

#[test]
fn a_hold_ends_by_itself_only_when_all_that_failed_does() {
    let waits = policy(
        "  zone: Europe/Berlin\n  quiet_hours: [\"10:00-12:00\"]\n  rate_limits: { publish.post: { per_hour: 1 } }\n",
    );
    let full = PolicyFacts { hour: usage(1, NOW.0), ..fresh() };
    let hold = report(&waits, rye(), &full, NOW).hold().unwrap();
    assert_eq!((hold.reason, hold.until), (HoldReason::QuietHours, Some(Timestamp(NOW.0 + 90 * MINUTE))));
    assert!(
        hold.detail.contains("time_window: Fri 10:30") && hold.detail.contains("rate_limits: 1 of 1"),
        "{}",
        hold.detail
    );
    let person = policy("  zone: Europe/Berlin\n  quiet_hours: [\"10:00-12:00\"]\n  autonomy: manual\n");
    let hold = report(&person, rye(), &fresh(), NOW).hold().unwrap();
    assert_eq!((hold.reason, hold.until), (HoldReason::Approval, None));
}

#[test]
fn the_snapshot_holds_policy_facts_checks_and_recipe_and_changes_with_each() {
    let recipe = practice();
    let of = |policy: &Policy, facts: &PolicyFacts| {
        let report = report(policy, rye(), facts, NOW);
        snapshot(&recipe, policy, facts, &report, NOW)
    };
    let (plain, limited) = (Policy::default(), policy("  rate_limits: { publish.post: { per_hour: 2 } }\n"));
    let used = PolicyFacts { hour: Usage { used: 1, frees: None }, ..fresh() };
    let all = [of(&plain, &fresh()), of(&limited, &fresh()), of(&limited, &used)];
    assert_eq!(of(&plain, &fresh()), all[0], "the same facts make the same bytes");
    assert!(all[0] != all[1] && all[1] != all[2]);
    let json: serde_json::Value = serde_json::from_str(&all[2]).unwrap();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["at", "checks", "facts", "policy", "recipe"]);
    assert_eq!(json["policy"]["rate_limits"]["publish.post"]["per_hour"], 2);
    assert_eq!((&json["facts"]["hour"]["used"], &json["recipe"]["platform"]), (&1.into(), &"practice".into()));
    assert_eq!(json["checks"].as_array().unwrap().len(), 13);
}

#[test]
fn the_ledger_is_asked_for_what_the_policy_counts() {
    let policy = policy(
        "  zone: America/New_York\n  rate_limits: { publish.post: { per_hour: 2, per_day: 10 } }\n  fatigue: { days: 3, max: 0.5 }\n",
    );
    let asks = Asks::of(&policy, &practice(), &action(rye()), &account(), NOW);
    assert_eq!((asks.hour.max, asks.day.max, asks.fatigue.unwrap().max), (Some(2), Some(10), Some(15)));
    assert_eq!(asks.hour.since(NOW), Timestamp(NOW.0 - HOUR));
    assert_eq!(Some(asks.day_start), Timestamp::parse("2026-11-20T00:00:00-05:00"));
    assert_eq!(Some(asks.month_start), Timestamp::parse("2026-11-01T00:00:00-04:00"));
    let mut like = action(rye());
    like.payload.action_type = "like".to_owned();
    let asks = Asks::of(&policy, &practice(), &like, &account(), NOW);
    assert_eq!((asks.hour.max, asks.day.max, asks.fatigue), (None, None, None));
}
