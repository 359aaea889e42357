//! The policy language as a JSON Schema, for editors; its file is `schema/policy.schema.json`. `deed policy validate` has the last word.

use serde_json::{Map, Value, json};

use super::quiet::Day;
use crate::parse::ACTION_TYPES;
use crate::schema::{list, number, object, said};

/// The JSON Schema of the policy language, as one JSON document with a line break at its end.
#[must_use]
pub fn policy_schema() -> String {
    format!("{:#}\n", whole())
}

pub(super) fn whole() -> Value {
    let sections = |max: u32| json!({ "type": "object", "maxProperties": max, "propertyNames": { "minLength": 1 }, "additionalProperties": rules() });
    let mut root = object(
        &[],
        vec![
            ("defaults", "What holds for everybody.", rules()),
            ("platforms", "By platform, as its recipe is called.", sections(1_000)),
            ("clients", "By client.", sections(1_000)),
            ("accounts", "By account: platform/handle, or its id.", sections(1_000)),
        ],
    );
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("A policy of Deed"));
        root.insert(
            "description".to_owned(),
            json!("What accounts may do. The language is described in docs/policy.md; `deed policy validate` has the last word."),
        );
        root.insert("$defs".to_owned(), json!({ "rules": the_rules(), "wording": wording() }));
    }
    root
}

fn rules() -> Value {
    json!({ "$ref": "#/$defs/rules" })
}

fn the_rules() -> Value {
    let rate_limit = object(
        &[],
        vec![
            ("per_hour", "Most actions of this type within any 60 minutes.", number(1, 10_000)),
            ("per_day", "Most actions of this type within any 24 hours.", number(1, 100_000)),
            ("spacing_s", "Seconds between two actions of this type, at least.", number(1, 604_800)),
        ],
    );
    let units = by_type(number(0, 1_000_000));
    object(
        &[],
        vec![
            (
                "engine_enabled",
                "Whether anything runs at all; one false is the last word.",
                json!({ "type": "boolean" }),
            ),
            (
                "autonomy",
                "auto: by itself. manual: each action waits for approval. draft: its commit waits for approval.",
                json!({ "enum": ["auto", "manual", "draft"] }),
            ),
            (
                "allow",
                "The action types that are allowed; sections can only narrow it.",
                list(1, ACTION_TYPES.len(), json!({ "enum": ACTION_TYPES })),
            ),
            ("zone", "The time zone, an IANA name: Europe/Berlin.", json!({ "type": "string", "minLength": 1 })),
            (
                "quiet_hours",
                "When nothing is sent, by the zone's wall clock: for all days, or by weekday.",
                quiet_hours(),
            ),
            ("rate_limits", "How much of an action type an account may do.", by_type(rate_limit)),
            (
                "cost_budget",
                "What a client's actions may cost, in units of your own.",
                object(
                    &[],
                    vec![
                        ("units", "What an action of a type costs; one unit when it is not said.", units),
                        ("per_day", "Units a calendar day of the zone.", number(0, 1_000_000_000_000)),
                        ("per_month", "Units a calendar month of the zone.", number(0, 1_000_000_000_000)),
                    ],
                ),
            ),
            (
                "fatigue",
                "How much of an account's daily budget the last days may have used.",
                object(
                    &["days", "max"],
                    vec![
                        ("days", "How many days back.", number(1, 31)),
                        ("max", "The greatest share, 0 to 1.", share()),
                    ],
                ),
            ),
            ("confidence_min", "The least score of an order, 0 to 1.", share()),
            (
                "approval",
                "How risky an action type is: low needs no approval, medium one person's, high two persons'.",
                by_type(json!({ "enum": ["low", "medium", "high"] })),
            ),
            (
                "content",
                "What a text must keep to (hard: what breaks it is held) and should (soft: what breaks it is told).",
                object(
                    &[],
                    vec![
                        ("hard", "What breaks it is held.", json!({ "$ref": "#/$defs/wording" })),
                        ("soft", "What breaks it is told.", json!({ "$ref": "#/$defs/wording" })),
                    ],
                ),
            ),
        ],
    )
}

fn quiet_hours() -> Value {
    let stretch = json!({ "type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$" });
    let hours = list(0, 20, stretch);
    let days = std::iter::once("all").chain(Day::ALL.map(Day::as_str));
    let words = |day: &str| if day == "all" { "Every day.".to_owned() } else { format!("Beginning on a {day}.") };
    let days: Map<String, Value> = days.map(|day| (day.to_owned(), said(&words(day), hours.clone()))).collect();
    json!({ "oneOf": [hours, { "type": "object", "additionalProperties": false, "properties": days }] })
}

fn wording() -> Value {
    let texts = || list(1, 2_000, json!({ "type": "string", "minLength": 1, "maxLength": 1000 }));
    object(
        &[],
        vec![
            ("text_max", "Characters of the text, at most.", number(0, 1_000_000)),
            ("hashtags_max", "Hashtags, at most.", number(0, 10_000)),
            ("links_max", "Links, at most.", number(0, 10_000)),
            ("mentions_max", "Mentions, at most.", number(0, 10_000)),
            (
                "banned_terms",
                "Words and phrases that may not stand there; whole words, without regard to case.",
                texts(),
            ),
            ("links_allowed", "The only domains, with all below them, that links may lead to.", texts()),
            ("links_banned", "Domains, with all below them, that no link may lead to.", texts()),
            ("disclosure", "One of these must stand there when the order says sponsored: true.", texts()),
            ("citations_min", "Citations that an order must name when it says claims: true.", number(0, 50)),
            ("citations_in_text", "Whether each citation must stand in the text.", json!({ "type": "boolean" })),
        ],
    )
}

fn by_type(each: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "enum": ACTION_TYPES }, "additionalProperties": each })
}

fn share() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 1 })
}
