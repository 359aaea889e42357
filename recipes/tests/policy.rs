//! Policy files: what a good one means for an account, what the author of a bad one is told, and that no text is too much for the
//! reader.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;

use deed_recipes::policy::{Autonomy, Policy, PolicyFile, Risk, Who, load_policy, policy_from_str};
use deed_recipes::{Budget, Code};
use indexmap::IndexMap;
use proptest::prelude::*;

/// Every key once.
const GOOD: &str = include_str!("common/policy.yaml");

fn file(source: &str) -> PolicyFile {
    policy_from_str("policy.yaml", source).unwrap_or_else(|found| panic!("{found}"))
}

const NORTH_STAR: Who<'_> = Who { client: "bakery", platform: "practice", handle: "north_star", account: "0190-north" };

fn of(source: &str, who: &Who<'_>) -> Policy {
    file(source).resolve(who, &IndexMap::new())
}

#[test]
fn the_good_one_as_it_holds_for_two_accounts() {
    let elsewhere = Who { client: "florist", platform: "x", handle: "tulip", account: "0190-tulip" };
    let budgets = IndexMap::from([(
        "publish.post".to_owned(),
        Budget { per_hour: Some(1), per_day: Some(50), spacing_s: Some(60) },
    )]);
    let mut all = String::new();
    for (who, budgets) in [(NORTH_STAR, budgets), (elsewhere, IndexMap::new())] {
        let policy = file(GOOD).resolve(&who, &budgets);
        let mut json = serde_json::to_value(&policy).unwrap();
        json["file"] = "…".into();
        writeln!(all, "{}\n{json:#}\n", who.handle).unwrap();
    }
    insta::assert_snapshot!("resolved", all);
}

#[test]
fn nothing_said_is_what_is_built_in() {
    let policy = of("defaults: {}\n", &NORTH_STAR);
    assert_eq!(policy, Policy { file: policy.file.clone(), ..Policy::default() });
    assert_eq!(PolicyFile::default().resolve(&NORTH_STAR, &IndexMap::new()), Policy::default());
    assert_eq!((policy.risk("publish.post"), policy.autonomy), (Risk::Low, Autonomy::Auto));
}

#[test]
fn one_false_is_the_last_word_wherever_it_stands() {
    let rule = |section: &str, name: &str| match section {
        "defaults" => "defaults: { engine_enabled: false }\n".to_owned(),
        _ => format!("{section}: {{ {name}: {{ engine_enabled: false }} }}\n"),
    };
    let all = [("defaults", ""), ("platforms", "practice"), ("clients", "bakery"), ("accounts", "practice/north_star")];
    for (off, name) in all {
        let mut source = rule(off, name);
        for (on, name) in all.iter().filter(|(section, _)| *section != off) {
            source.push_str(&rule(on, name).replace("false", "true"));
        }
        let policy = of(&source, &NORTH_STAR);
        assert!(!policy.engine_enabled, "{off} is not heard");
        assert!(policy.from["engine_enabled"].iter().all(|from| from.starts_with(off)), "{:?}", policy.from);
    }
}

#[test]
fn what_protects_can_only_be_narrowed_and_what_tells_the_manner_is_the_last_ones() {
    let source = r##"
defaults:
  autonomy: draft
  allow: [publish.post, like]
  zone: UTC
  quiet_hours: ["22:00-07:00"]
  rate_limits: { publish.post: { per_hour: 2, spacing_s: 600 } }
  approval: { publish.post: high, like: low }
  confidence_min: 0.7
  content: { hard: { text_max: 200, banned_terms: [a], links_allowed: [example.com] } }
accounts:
  practice/@North_Star:
    autonomy: auto
    allow: [publish.post, follow]
    zone: Europe/Berlin
    quiet_hours: []
    rate_limits: { publish.post: { per_hour: 9, per_day: 3, spacing_s: 60 } }
    approval: { publish.post: low, like: medium }
    confidence_min: 0.2
    content: { hard: { text_max: 900, banned_terms: [b], links_allowed: [shop.example.com] } }
"##;
    let policy = of(source, &NORTH_STAR);
    let limits = policy.limits("publish.post");
    assert_eq!((limits.per_hour, limits.per_day), (Some(2), Some(3)));
    assert_eq!(limits.spacing.map(|s| s.as_secs()), Some(600));
    assert_eq!(policy.allow.clone().unwrap().into_iter().collect::<Vec<_>>(), ["publish.post"]);
    assert_eq!((policy.risk("publish.post"), policy.risk("like")), (Risk::High, Risk::Medium));
    assert_eq!(policy.confidence_min.unwrap().thousandths(), 700);
    let hard = &policy.content.hard;
    assert_eq!((hard.text_max, hard.banned_terms.len(), hard.links_allowed.len()), (Some(200), 2, 2));
    assert_eq!((policy.autonomy, policy.zone.as_str(), policy.quiet_hours.len()), (Autonomy::Auto, "Europe/Berlin", 0));
    assert_eq!(policy.from["rate_limits.publish.post.per_day"], ["accounts.practice/@North_Star"]);
    assert_eq!(policy.from["rate_limits.publish.post.per_hour"], ["defaults"]);
    assert_eq!(policy.from["allow"], ["defaults", "accounts.practice/@North_Star"]);
}

#[test]
fn the_recipes_budgets_and_the_policys_limits_are_joined_to_the_stricter() {
    let source = "defaults: { rate_limits: { publish.post: { per_hour: 5, per_day: 4 } } }\n";
    let budgets = IndexMap::from([
        ("publish.post".to_owned(), Budget { per_hour: Some(2), per_day: Some(6), spacing_s: Some(900) }),
        ("like".to_owned(), Budget { per_hour: Some(30), ..Budget::default() }),
    ]);
    let policy = file(source).resolve(&NORTH_STAR, &budgets);
    let limits = policy.limits("publish.post");
    assert_eq!((limits.per_hour, limits.per_day, limits.spacing.map(|s| s.as_secs())), (Some(2), Some(4), Some(900)));
    assert_eq!(policy.limits("like").per_hour, Some(30));
    assert_eq!(policy.limits("follow"), deed_recipes::policy::Limits::default());
}

/// Name, code, what is replaced in [`GOOD`] and by what.
const BAD: &[(&str, Code, &str, &str)] = &[
    ("unknown_section", Code::UnknownKey, "clients:\n", "client:\n"),
    ("unknown_key", Code::UnknownKey, "  autonomy: manual\n", "  autonmy: manual\n"),
    ("unknown_key_of_a_cap", Code::UnknownKey, "text_max: 280", "text_maximum: 280"),
    ("duplicate_key", Code::DuplicateKey, "  autonomy: manual\n", "  autonomy: manual\n  autonomy: auto\n"),
    ("duplicate_account", Code::DuplicateKey, "accounts:\n", "accounts:\n  practice/north_star: { autonomy: auto }\n"),
    ("negative_cap", Code::WrongType, "per_hour: 2,", "per_hour: -2,"),
    ("cap_of_nothing", Code::Limit, "per_hour: 2,", "per_hour: 0,"),
    ("cap_in_words", Code::WrongType, "per_hour: 2,", "per_hour: two,"),
    ("unknown_zone", Code::BadValue, "Europe/Berlin", "Europe/Berln"),
    ("zone_far_from_any", Code::BadValue, "Europe/Berlin", "at home"),
    ("no_truth", Code::WrongType, "engine_enabled: true", "engine_enabled: yes"),
    ("unknown_word", Code::BadValue, "autonomy: manual", "autonomy: automatic"),
    ("unknown_action_type", Code::UnknownKey, "allow: [publish.post,", "allow: [publish.psot,"),
    (
        "limit_of_an_unknown_action_type",
        Code::UnknownKey,
        "    publish.post: { per_hour",
        "    publish.pots: { per_hour",
    ),
    ("no_time_of_day", Code::BadValue, "22:00-07:00", "22:00-25:00"),
    ("quiet_hours_as_text", Code::WrongType, "[\"00:00-24:00\"]", "all day"),
    ("unknown_weekday", Code::UnknownKey, "    sun: [", "    sunday: ["),
    ("share_above_one", Code::WrongType, "confidence_min: 0.6", "confidence_min: 60"),
    ("fatigue_without_days", Code::MissingKey, "{ days: 7, max: 0.8 }", "{ max: 0.8 }"),
    ("unknown_risk", Code::BadValue, "publish.post: medium", "publish.post: mediun"),
    ("a_domain_with_a_path", Code::BadValue, "[example.com]", "[\"https://example.com/\"]"),
    ("list_for_a_map", Code::WrongType, "  practice:\n", "  practice: [like]\n  other:\n"),
    ("key_without_value", Code::MissingKey, "zone: Europe/Berlin", "zone:"),
    ("not_yaml", Code::Syntax, "defaults:\n", "defaults: :\n"),
    ("anchor", Code::UnsupportedYaml, "autonomy: manual", "autonomy: &a manual"),
];

#[test]
fn what_the_author_of_a_bad_one_is_told() {
    let mut all = String::new();
    for (name, code, from, to) in BAD {
        assert!(GOOD.contains(from), "{name}: the good policy has no {from:?}");
        let found = policy_from_str("policy.yaml", &GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(found.list().iter().any(|d| d.code == *code), "{name}: {found}");
        writeln!(all, "── {name}\n{found}\n").unwrap();
    }
    for (name, source) in [("empty", ""), ("a_list", "- like\n"), ("only_a_comment", "# nothing\n")] {
        let found = policy_from_str("policy.yaml", source).unwrap_err();
        writeln!(all, "── {name}\n{found}\n").unwrap();
    }
    insta::assert_snapshot!("bad_policies", all);
}

#[test]
fn a_file_that_can_not_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.yaml");
    let error = |path: &Path| load_policy(path).unwrap_err();
    assert_eq!(error(&path).code(), "policy-unreadable");
    std::fs::write(&path, b"defaults: {}\n\xff").unwrap();
    assert!(error(&path).to_string().contains("not UTF-8: byte 13"));
    std::fs::write(&path, vec![b'#'; 600 * 1024]).unwrap();
    assert!(error(&path).to_string().contains("is larger than"));
    std::fs::write(&path, "defaults: { zone: Mars }\n").unwrap();
    assert_eq!((error(&path).code(), error(&path).diagnostics().unwrap().len()), ("policy-invalid", 1));
    std::fs::write(&path, GOOD).unwrap();
    assert_eq!(load_policy(&path).unwrap().hash.len(), 64);
}

/// Pieces of policies, so that what is put together gets past the first line of the reader.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("defaults:\n".to_owned()),
        Just("  zone: Europe/Berlin\n".to_owned()),
        Just("  quiet_hours: [\"22:00-07:00\", ".to_owned()),
        Just("  rate_limits: { publish.post: { per_hour: 2".to_owned()),
        Just("]\n".to_owned()),
        Just("} }\n".to_owned()),
        Just("accounts:\n  a/b:\n".to_owned()),
        Just("    content: { hard: { links_allowed: [".to_owned()),
        "[ -~äß\u{200b}\t\n]{0,12}",
        "[0-9.:-]{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_much_for_the_reader(pieces in prop::collection::vec(piece(), 0..12), flip in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let source = pieces.concat();
        if let Err(found) = policy_from_str("policy.yaml", &source) {
            prop_assert!(!found.is_empty() && !found.to_string().is_empty());
        }
        // One byte of the good one changed.
        let mut bytes = GOOD.as_bytes().to_vec();
        let at = flip.index(bytes.len());
        bytes[at] = byte;
        let _ = policy_from_str("policy.yaml", &String::from_utf8_lossy(&bytes));
    }
}
