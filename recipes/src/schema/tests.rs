#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::diagnostics::Sink;
use crate::yaml::{self, Node, Value as Yaml};
use crate::{builtin, check_str, load_str, platforms};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&super::schema()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// A recipe's text as an editor sees it: plain words that look like numbers or truth values are such.
fn as_json(source: &str) -> Value {
    let mut sink = Sink::new("recipe.yaml", source);
    value(&yaml::read(source, &mut sink).unwrap_or_else(|| panic!("{}", sink.finish())))
}

pub(crate) fn value(node: &Node) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        Yaml::Scalar { text, plain: true } => match serde_json::from_str::<Value>(text) {
            Ok(found @ (Value::Bool(_) | Value::Number(_))) => found,
            _ => json!(text),
        },
        Yaml::Scalar { text, .. } => json!(text),
        Yaml::List(items) => items.iter().map(value).collect(),
        Yaml::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect(),
    }
}

#[track_caller]
fn taken(validator: &Validator, what: &str, recipe: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(recipe).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// `DEED_WRITE_SCHEMA=1` writes the file; without it, the two are compared.
#[test]
fn the_file_is_the_printed_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/recipe.schema.json");
    if std::env::var_os("DEED_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, super::schema()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, super::schema(), "write it again: DEED_WRITE_SCHEMA=1 cargo test -p deed-recipes schema");
}

#[test]
fn every_key_has_help_and_every_map_is_closed() {
    fn walk(at: &str, schema: &Value, keys: &mut usize) {
        if schema["type"] == "object" {
            let closed = schema["additionalProperties"] == json!(false) || schema.get("propertyNames").is_some();
            assert!(closed, "{at} is open");
        }
        if let Some(properties) = schema["properties"].as_object() {
            for (key, property) in properties {
                // The condition of an `if` names a property to look at it, not to explain it.
                if !at.ends_with("/if") {
                    *keys += 1;
                    let words = property["description"].as_str().unwrap_or_default();
                    assert!(words.ends_with('.') && words.len() > 8, "{at}/{key} has no help");
                }
            }
        }
        match schema {
            Value::Object(map) => map.iter().for_each(|(key, value)| walk(&format!("{at}/{key}"), value, keys)),
            Value::Array(list) => list.iter().for_each(|value| walk(at, value, keys)),
            _ => {}
        }
    }
    let mut keys = 0;
    walk("", &super::recipe(), &mut keys);
    assert!(keys > 120, "{keys} keys");
}

#[test]
fn every_built_in_recipe_is_taken() {
    let validator = validator();
    for platform in platforms() {
        taken(&validator, platform, &as_json(builtin(platform).unwrap().0));
    }
    taken(&validator, "good.yaml", &as_json(include_str!("../../tests/common/good.yaml")));
}

/// What the second edition adds, as its authors write it.
#[test]
fn the_second_edition_is_taken() {
    let validator = validator();
    let more: Value = as_json(
        r##"
resources: ["https://*.cdn.test", "https://www.shop.test"]
budgets: { publish.post: { per_hour: 2, per_day: 6, spacing_s: 900 } }
pacing: { reading_ms: [800, 2500], dwell_ms: [90, 260], pointer_ms: [12, 30], typing_ms: [28, 95] }
content: { text_max: 2200, title_max: 100, title_required: true, media_min: 1, media_max: 10, media_bytes_max: 8388608,
           media_types: [image/jpeg, video/mp4], aspect_min: 0.8, aspect_max: 1.91, pixels_min: 320, seconds_max: 90,
           links: plain, target: required }
steps:
  - hover: editor
  - upload: { button: save_button, files: "{content.media}" }
  - choose: { from: editor, option: "Public" }
  - toggle: { element: editor, on: true }
  - press: { key: Escape }
  - press: { key: ArrowDown, on: editor }
  - scroll: { to: editor }
  - scroll: { until: editor, times_max: 20, in: menu }
  - wait_for: { gone: editor }
  - wait_for: { enabled: editor }
  - read: { element: editor, as: before }
  - type: { into: editor, text: "{content.title} {read.before} {content.scheduled_date}" }
writes:
  - { request: "POST /api/graphql/", body: "fb_api_req_friendly_name=ComposerStoryCreateMutation" }
  - { request: "POST /voyager/api/graphql", query: "queryId=voyagerContentcreationDashShares" }
dedupe:
  - { on: feed, same: { text: "{content.text}", title: "{content.title}", media: true }, look_back: 30 }
  - { on: feed, state: { element: menu, is: pressed } }
  - { on: feed, state: { element: menu, is: visible, unless: editor } }
  - { on: feed, gone: { any: [ { status: 404 }, { element: menu } ], unless: editor } }
verify:
  - { on: feed, state: { element: menu, is: { name: "Following" }, compare: ignore_case }, settle_s: 10, reads_max: 5 }
  - { on: feed, gone: { any: [ { status: 404 } ], unless: editor }, settle_s: 10 }
"##,
    );
    let good = as_json(include_str!("../../tests/common/good.yaml"));
    for (key, part) in more.as_object().unwrap() {
        let alternatives = match part {
            Value::Array(list) if matches!(key.as_str(), "dedupe" | "verify") => list.clone(),
            other => vec![other.clone()],
        };
        for alternative in alternatives {
            let mut recipe = good.clone();
            let place = if matches!(key.as_str(), "resources" | "budgets" | "pacing") {
                &mut recipe
            } else {
                &mut recipe["flows"]["publish.post"]
            };
            place[key] = alternative;
            taken(&validator, key, &recipe);
        }
    }
    let mut kinds = good.clone();
    for kind in crate::ACTION_TYPES {
        kinds["flows"][kind] = good["flows"]["publish.post"].clone();
    }
    taken(&validator, "kinds", &kinds);
}

/// One thing of the practice recipe replaced: what it is, and by what.
const MUTATIONS: &[(&str, &str)] = &[
    // An unknown key at each level.
    ("recipe: 4  ", "recipe: 1\nloop: 3  "),
    ("against: fixtures,", "against: fixtures, whom: me,"),
    ("    url: /compose\n", "    url: /compose\n    load: fast\n"),
    ("      time: time\n", "      time: time\n      likes: span\n"),
    ("    - label: \"Post text\"", "    - lable: \"Post text\""),
    ("near: { below: editor,", "near: { under: editor,"),
    ("  own: edit_profile\n", "  owner: edit_profile\n"),
    ("element: header_handle,", "element: header_handle, trim: true,"),
    ("distance_max: 8 }", "distance: 8 }"),
    ("item: selected_account,", "entry: selected_account,"),
    ("marker: { attribute: {", "marker: { header: {"),
    ("css: html, name:", "css: html, value:"),
    ("  captcha:\n    any:\n", "  captcha:\n    all:\n"),
    ("  checkpoint:\n", "  robots:\n"),
    ("- status: 429", "- code: 429"),
    ("      text_max: 500\n", "      text_length: 500\n"),
    (
        "same: { text: \"{content.text}\", media: true }, look_back: 30",
        "same: { text: \"{content.text}\", media: true }, back: 30",
    ),
    (
        "same: { text: \"{content.text}\", media: true }, look_back",
        "same: { text: \"{content.text}\", hash: true }, look_back",
    ),
    ("- open: composer", "- goto: composer"),
    ("type: { into: editor,", "type: { into: editor, slowly: true,"),
    ("upload: { into: media_input,", "upload: { into: media_input, wait: true,"),
    ("- { element: editor, equals", "- { element: editor, within: 3, equals"),
    ("commit: { click: post_button }", "commit: { press: post_button }"),
    ("- toast: \"Your post", "- popup: \"Your post"),
    ("object_id: { response:", "object_id: { header:"),
    ("      settle_s: 20\n", "      settle: 20\n"),
    // A part that is missing.
    ("platform: practice\n", ""),
    ("verified: { against: fixtures, on: 2026-11-20 }\n", ""),
    ("  on: profile\n", ""),
    ("      each: \"[data-testid=post]\"", "      # each"),
    ("    commit: { click: post_button }\n", ""),
    ("    writes: [\"POST /api/posts\"]\n", ""),
    ("commit: { click: post_button }", "commit: {}"),
    ("against: fixtures,", "against: live,"),
    ("type: { into: editor, text: \"{content.text}\" }", "type: { into: editor }"),
    (", text: \"Post\" }                        #", " } #"),
    // Another type.
    ("recipe: 4  ", "recipe: one  "),
    ("platform: practice\n", "platform: [practice]\n"),
    ("    landmarks: [editor, post_button]", "    landmarks: editor"),
    ("    - label: \"Post text\"", "    - label: [\"Post text\"]"),
    ("open: true,", "open: sometimes,"),
    ("- status: 429", "- status: often"),
    ("      text_max: 500\n", "      text_max: many\n"),
    ("writes: [\"POST /api/posts\"]", "writes: \"POST /api/posts\""),
    ("media: true }, look_back: 30", "media: 3 }, look_back: 30"),
    ("- open: composer", "- [open, composer]"),
    // A word or number that is not of its set.
    ("against: fixtures,", "against: staging,"),
    ("on: 2026-11-20", "on: yesterday"),
    ("compare: handle", "compare: exactly"),
    ("role: { button: \"Account menu\" }", "role: { knob: \"Account menu\" }"),
    ("distance_max: 8 }", "distance_max: 21 }"),
    ("- status: 429", "- status: 200"),
    ("      media_max: 4\n", "      media_max: 101\n"),
    ("[image/png, image/jpeg", "[png, image/jpeg"),
    ("look_back: 30", "look_back: 0"),
    ("files: \"{content.media}\"", "files: \"cat.png\""),
    ("writes: [\"POST /api/posts\"]", "writes: [\"GET /api/posts\"]"),
    ("response: \"$.id\"", "response: \"id\""),
    ("      reads_max: 5", "      reads_max: 1"),
    ("      within_ms: 20000", "      within_ms: 5"),
];

#[test]
fn what_the_schema_refuses_the_checker_refuses_too() {
    assert!(MUTATIONS.len() >= 40);
    let validator = validator();
    let practice = builtin("practice").unwrap().0;
    for (from, to) in MUTATIONS {
        assert!(practice.contains(from), "`{from}` must stand in the recipe");
        let recipe = practice.replacen(from, to, 1);
        assert!(!validator.is_valid(&as_json(&recipe)), "the schema takes `{to}`");
        assert!(load_str("recipe.yaml", &recipe).is_err(), "the checker takes `{to}`");
        assert!(!check_str("recipe.yaml", &recipe).render(false).is_empty());
    }
}
