//! The recipe language as a JSON Schema (draft 2020-12), for editors: completion, help on every key, errors while one types.
//!
//! Owns the published schema, whose file is `schema/recipe.schema.json`. It says the shape of the language: keys, types, closed
//! sets, limits. What needs the recipe as a whole (names that resolve, selectors that parse, the order of a flow's parts, two
//! independent locators) is the checker's alone, so a recipe that an editor likes may still be refused. Never decides whether
//! a recipe runs.

mod flow;
mod page;
#[cfg(test)]
pub(crate) mod tests;

use serde_json::{Map, Value, json};

use crate::parse::ACTION_TYPES;

/// A name that an author chooses.
const NAME: &str = "^[a-z][a-z0-9_.-]{0,59}$";

/// The JSON Schema of the recipe language, as one JSON document with a line break at its end.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", recipe())
}

fn recipe() -> Value {
    let mut root = object(
        &["platform", "recipe", "verified", "origins", "surfaces", "elements", "identity", "challenges", "flows"],
        vec![
            ("platform", "The platform's name, also the name of the recipe's folder.", reference("name")),
            (
                "recipe",
                "The recipe's own number. Raise it with every change: approvals and proofs name it.",
                number(1, u32::MAX.into()),
            ),
            ("verified", "What the recipe was verified against, when, and by whom.", verified()),
            (
                "origins",
                "The only places to which the session is taken. https; http and the port `*` for this machine only.",
                list(1, 20, json!({ "type": "string", "pattern": "^https?://[^/?#\\s]+$" })),
            ),
            (
                "resources",
                "Further origins that the page's own background requests and inner frames may reach; a host may begin with `*.`.",
                list(1, 100, json!({ "type": "string", "pattern": "^https?://[^/?#\\s]+$" })),
            ),
            (
                "budgets",
                "Cautious caps for each action type.",
                json!({
                    "type": "object",
                    "propertyNames": { "enum": ACTION_TYPES },
                    "additionalProperties": object(&[], vec![
                        ("per_hour", "Most actions of this type in an hour.", number(1, 10_000)),
                        ("per_day", "Most actions of this type in a day.", number(1, 100_000)),
                        ("spacing_s", "Seconds since the account's last action, of whatever type, at least.", number(1, 604_800)),
                    ]),
                }),
            ),
            (
                "pacing",
                "Bounds of the pace of inputs, each the shortest and the longest pause in milliseconds.",
                object(
                    &[],
                    vec![
                        ("reading_ms", "How long a new page is read.", range(20_000)),
                        ("dwell_ms", "How long the pointer rests before and after a click.", range(2_000)),
                        ("pointer_ms", "How long it rests at each point of its way.", range(100)),
                        ("typing_ms", "The pause after each letter.", range(500)),
                    ],
                ),
            ),
            ("surfaces", "The platform's pages by name.", named(page::surface(), 100)),
            ("elements", "Things on the pages, each found in several independent ways.", named(page::element(), 200)),
            ("identity", "How the account is proved: two of three signals must match.", page::identity()),
            (
                "challenges",
                "Pages that are not what was asked for; any detector of a kind is enough.",
                page::challenges(),
            ),
            (
                "redact",
                "What proof never shows: elements, and what each holds. Masked in pictures, snapshots and recordings.",
                json!({
                    "type": "object", "minProperties": 1, "maxProperties": 50,
                    "propertyNames": { "pattern": NAME },
                    "additionalProperties": { "enum": crate::model::RedactKind::ALL.map(crate::model::RedactKind::as_str) },
                }),
            ),
            ("flows", "What can be done, one flow for each action type.", object_of_flows()),
        ],
    );
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("A recipe of Deed"));
        root.insert(
            "description".to_owned(),
            json!("One platform's checked script. The language is described in docs/recipes.md; `deed recipe check` has the last word."),
        );
        root.insert("$defs".to_owned(), definitions());
    }
    root
}

fn object_of_flows() -> Value {
    let kinds: Map<String, Value> =
        ACTION_TYPES.iter().map(|kind| ((*kind).to_owned(), said(flow::kind(kind), reference("flow")))).collect();
    json!({ "type": "object", "additionalProperties": false, "minProperties": 1, "properties": kinds })
}

fn verified() -> Value {
    let mut verified = object(
        &["against", "on"],
        vec![
            ("against", "Recorded or authored pages, or the live platform.", json!({ "enum": ["fixtures", "live"] })),
            (
                "on",
                "The day, as year-month-day.",
                json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
            ),
            ("by", "Who looked at the live platform; needed with `against: live`.", text()),
        ],
    );
    if let Value::Object(verified) = &mut verified {
        verified.insert("if".to_owned(), json!({ "properties": { "against": { "const": "live" } } }));
        verified.insert("then".to_owned(), json!({ "required": ["by"] }));
    }
    verified
}

fn definitions() -> Value {
    json!({
        "name": { "type": "string", "pattern": NAME },
        "text": { "type": "string", "minLength": 1, "maxLength": 1000, "pattern": "\\S" },
        "compare": { "enum": ["exact", "ignore_case", "handle", "contains"] },
        "locator": page::locator(),
        "flow": flow::flow(),
        "step": flow::step(),
        "same": flow::same(),
        "state": flow::state(),
        "gone": flow::gone(),
    })
}

/// A closed map. Each property is its key, what an editor says about it, and its schema.
pub(crate) fn object(required: &[&str], properties: Vec<(&str, &str, Value)>) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(key, words, schema)| (key.to_owned(), said(words, schema))).collect();
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A closed map of which exactly one key stands there: it says of what kind the thing is.
fn one_of_keys(properties: Vec<(&str, &str, Value)>) -> Value {
    let mut object = object(&[], properties);
    object["minProperties"] = json!(1);
    object["maxProperties"] = json!(1);
    object
}

/// A closed map of which exactly one of these keys stands there, among others.
fn with_one_of(mut object: Value, keys: &[&str]) -> Value {
    let choices: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
    object["oneOf"] = json!(choices);
    object
}

/// A map from names that the author chooses.
fn named(each: Value, max: usize) -> Value {
    json!({
        "type": "object", "minProperties": 1, "maxProperties": max,
        "propertyNames": { "pattern": NAME }, "additionalProperties": each,
    })
}

pub(crate) fn said(words: &str, mut schema: Value) -> Value {
    schema["description"] = json!(words);
    schema
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

/// A text that is not empty.
fn text() -> Value {
    reference("text")
}

/// The name of an element, a surface and so on.
fn name() -> Value {
    reference("name")
}

pub(crate) fn number(min: u64, max: u64) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max })
}

/// A shortest and a longest pause.
fn range(max: u64) -> Value {
    list(2, 2, number(1, max))
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

pub(crate) fn list(min: usize, max: usize, each: Value) -> Value {
    json!({ "type": "array", "minItems": min, "maxItems": max, "items": each })
}
