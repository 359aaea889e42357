//! Bad recipes and what their author is told. Each case breaks one thing in a recipe that is otherwise good; the
//! snapshot is the whole report, so a rule that is taken out of the checker, or an error that grows a companion, is seen.
#![expect(clippy::panic, reason = "tests stop at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use common::{GOOD, edit};
use deed_recipes::{Code, check_str};

/// What the case is called, the code that must be in its report, the piece of [`GOOD`] that is replaced, and by what.
type Case = (&'static str, Code, &'static str, &'static str);

const COMMIT: &str = "    commit: { click: post_button }\n";
const WRITES: &str = "    writes: [\"POST /api/posts\"]\n";
const DEDUPE: &str = "    dedupe: { on: feed, same: { text: \"{content.text}\" } }\n";
const REVIEW_TEXT: &str = "      - { element: editor, equals: \"{content.text}\" }\n";
const REVIEW_MEDIA: &str = "      - { element: media_preview, count: \"{content.media}\" }\n";
const VERIFY: &str = "    verify: { on: feed, same: { text: \"{content.text}\" }, author: \"{account.handle}\" }\n";
const POST_BUTTON: &str = "    - role: { button: \"Post\" }\n    - testid: post-submit\n";
const STEP_CLICK: &str = "      - click: save_button\n";
const SAVE_BUTTON: &str = "    - role: { button: \"Save draft\" }\n";
const SIGNALS: &str = r#"  handle: { element: handle, equals: "@{account.handle}" }
  name: { element: name, equals: "{account.display_name}" }
  switcher: { element: menu, open: true, selected: "{account.handle}" }
"#;
/// Name and avatar are one signal, however good they are.
const FACE_ONLY: &str = r#"  name: { element: name, equals: "{account.display_name}" }
  avatar: { element: name, image_like: "{account.avatar_hash}" }
"#;

const FACE_BADLY: &str = r#"  handle: { element: handle, equals: "@{account.handle}" }
  avatar: { element: name, image_like: "x{account.avatar_hash}" }
"#;

/// The shape of the file.
const SHAPE: &[Case] = &[
    ("not_yaml", Code::Syntax, "platform: shop", "platform: shop: x"),
    ("unclosed_bracket", Code::Syntax, "[\"https://shop.test\"]", "[\"https://shop.test\""),
    ("tab_in_the_indentation", Code::Syntax, "  - testid: post-submit\n", "\t- testid: post-submit\n"),
    ("quoted_with_a_comment", Code::WrongType, "recipe: 1\n", "recipe: \"1\"   # raise it with each change\n"),
    (
        "brackets_without_end",
        Code::TooDeep,
        "recipe: 1\n",
        concat!(
            "recipe: 1\nx: ",
            "{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: ",
            "\n"
        ),
    ),
    ("second_document", Code::UnsupportedYaml, "recipe: 1\n", "recipe: 1\n---\n"),
    (
        "alias",
        Code::UnsupportedYaml,
        "element: handle, equals: \"@{account.handle}\"",
        "element: &handle handle, equals: *handle",
    ),
    ("alias_of_nothing", Code::Syntax, "equals: \"@{account.handle}\"", "equals: *handle"),
    ("anchor", Code::UnsupportedYaml, "recipe: 1", "recipe: &number 1"),
    ("tag", Code::UnsupportedYaml, "recipe: 1", "recipe: !!int 1"),
    ("duplicate_key", Code::DuplicateKey, "recipe: 1\n", "recipe: 1\nrecipe: 2\n"),
    ("duplicate_element", Code::DuplicateKey, "  save_button:\n", "  menu:\n"),
    ("unknown_key", Code::UnknownKey, "    review:\n", "    reviews:\n"),
    ("unknown_key_far_from_any", Code::UnknownKey, "recipe: 1", "recipe: 1\nloop: 3"),
    ("missing_identity", Code::MissingKey, "identity:\n  on: profile\n", "identity:\n"),
    ("key_without_value", Code::MissingKey, "recipe: 1", "recipe:"),
    ("empty_list", Code::MissingKey, WRITES, "    writes: []\n"),
    ("list_for_text", Code::WrongType, "css: \"input[type=file]\"", "css: [type=file]"),
    ("map_for_text", Code::WrongType, "files: \"{content.media}\"", "files: {content.media}"),
    ("text_for_number", Code::WrongType, "text_max: 500", "text_max: many"),
    ("quoted_number", Code::WrongType, "text_max: 500", "text_max: \"500\""),
    (
        "two_steps_in_one",
        Code::WrongType,
        "      - open: composer\n",
        "      - open: composer\n        click: save_button\n",
    ),
    ("not_a_date", Code::BadValue, "2026-11-20", "2026-02-30"),
    ("live_by_nobody", Code::MissingKey, "against: fixtures", "against: live"),
    ("not_a_name", Code::BadValue, "  save_button:\n", "  Save Button:\n"),
    ("number_too_great", Code::Limit, "text_max: 500", "text_max: 99999999999999999999999"),
    ("settle_too_long", Code::Limit, "author: \"{account.handle}\"", "settle_s: 3601"),
    (
        "unknown_compare",
        Code::BadValue,
        "equals: \"{account.display_name}\"",
        "equals: \"{account.display_name}\", compare: exactly",
    ),
    ("not_a_media_type", Code::BadValue, "media_max: 4", "media_max: 4, media_types: [png]"),
    ("not_an_attribute", Code::BadValue, "text: .text", "text: .text, id_attribute: \"[data-id]\""),
    ("files_by_fixed_text", Code::BadValue, "files: \"{content.media}\"", "files: cat.png"),
    ("picture_of_two_parts", Code::BadValue, SIGNALS, FACE_BADLY),
    ("reads_too_few", Code::Limit, "author: \"{account.handle}\"", "reads_max: 1"),
    ("status_that_is_success", Code::Limit, "{ url: \"/login*\" }", "{ status: 200 }"),
    ("marker_of_nothing", Code::UnknownKey, "  on: profile\n", "  on: profile\n  marker: { header: x-account }\n"),
];

/// Names, placeholders, selectors, origins.
const NAMES: &[Case] = &[
    ("unknown_element", Code::UnknownElement, "click: post_button", "click: post_buton"),
    ("redacts_nothing", Code::UnknownElement, "flows:\n", "redact: { inboks: message }\nflows:\n"),
    ("redacts_what", Code::BadValue, "flows:\n", "redact: { editor: messages }\nflows:\n"),
    ("unknown_surface", Code::UnknownSurface, "- open: composer", "- open: compose"),
    ("unknown_placeholder", Code::UnknownPlaceholder, "\"@{account.handle}\"", "\"@{account.handel}\""),
    ("brace_not_closed", Code::BadTemplate, "\"@{account.handle}\"", "\"@{account.handle\""),
    (
        "placeholder_elsewhere",
        Code::PlaceholderNotHere,
        "into: editor, text: \"{content.text}\"",
        "into: editor, text: \"{content.text} {object_id}\"",
    ),
    ("placeholder_in_locator", Code::PlaceholderNotHere, "label: \"Post text\"", "label: \"Post as {account.handle}\""),
    ("bad_css", Code::BadSelector, "css: main p.handle", "css: \"main p..handle\""),
    ("bad_css_in_items", Code::BadSelector, "text: .text", "text: \".text >\""),
    ("quoted_css_with_a_comment", Code::BadSelector, "css: main p.handle", "css: \"main p..handle\"   # the name"),
    ("xpath_axis", Code::BadXpath, "label: \"Post text\"", "xpath: \"//main//h1/follwing-sibling::p[1]\""),
    ("xpath_function", Code::BadXpath, "label: \"Post text\"", "xpath: \"//textarea[contain(., 'x')]\""),
    ("placeholder_in_a_toast", Code::PlaceholderNotHere, "toast: \"Posted\"", "toast: \"Posted as {account.handle}\""),
    ("nobodys_placeholder_in_a_toast", Code::PlaceholderNotHere, "toast: \"Posted\"", "toast: \"Posted as {nobody}\""),
    ("bad_xpath", Code::BadXpath, "label: \"Post text\"", "xpath: \"//textarea[@id='x\""),
    ("unknown_role", Code::UnknownRole, "role: { button: \"Account\" }", "role: { buton: \"Account\" }"),
    ("unknown_locator", Code::UnknownKey, "label: \"Post text\"", "lable: \"Post text\""),
    ("http_elsewhere", Code::BadOrigin, "[\"https://shop.test\"]", "[\"https://shop.test\", \"http://shop.test\"]"),
    ("any_port_elsewhere", Code::BadOrigin, "[\"https://shop.test\"]", "[\"https://shop.test:*\"]"),
    ("wildcard_host", Code::BadOrigin, "[\"https://shop.test\"]", "[\"https://*.shop.test\"]"),
    (
        "url_outside_origins",
        Code::OriginNotCovered,
        "https://shop.test/compose",
        "https://shop.test.evil.example/compose",
    ),
    ("url_of_no_form", Code::BadValue, "https://shop.test/compose", "//shop.test/compose"),
    ("unknown_challenge", Code::UnknownKey, "logged_out:", "log_out:"),
    ("detector_for_every_page", Code::BadValue, "\"/login*\"", "\"/*\""),
    ("detector_placeholder", Code::UnknownPlaceholder, "{ url: \"/login*\" }", "{ text: \"wait {minutes} min\" }"),
    ("write_by_get", Code::BadWrite, "POST /api/posts", "GET /api/posts"),
    ("write_of_anything", Code::BadWrite, "POST /api/posts", "POST /*"),
    ("write_without_path", Code::BadWrite, "POST /api/posts", "POST"),
    (
        "object_id_nowhere",
        Code::BadValue,
        "{ toast: \"Posted\" }, { url: \"/p/{object_id}\" }] }",
        "{ toast: \"Posted\" }], object_id: { response: id } }",
    ),
    ("receipt_url_ambiguous", Code::BadValue, "/p/{object_id}", "/p/{account.handle}{object_id}"),
    ("wide_and_tab", Code::UnknownElement, "click: post_button }", "click:\t\"送信ボタン\" }"),
];

/// The rules of a flow and of the whole.
const RULES: &[Case] = &[
    ("no_commit", Code::NoCommit, COMMIT, ""),
    (
        "two_commits",
        Code::SeveralCommits,
        COMMIT,
        "    commit: { click: post_button }\n    commit: { click: save_button }\n",
    ),
    ("commit_in_steps", Code::CommitInSteps, STEP_CLICK, "      - commit: { click: post_button }\n"),
    ("no_dedupe", Code::MissingKey, DEDUPE, ""),
    ("no_verify", Code::MissingKey, VERIFY, ""),
    ("no_writes", Code::MissingKey, WRITES, ""),
    ("dedupe_without_items", Code::SurfaceWithoutItems, "dedupe: { on: feed", "dedupe: { on: profile"),
    ("verify_without_items", Code::SurfaceWithoutItems, "verify: { on: feed", "verify: { on: profile"),
    (
        "dedupe_by_fixed_text",
        Code::BadValue,
        "dedupe: { on: feed, same: { text: \"{content.text}\" } }",
        "dedupe: { on: feed, same: { text: \"Post\" } }",
    ),
    ("identity_by_fixed_text", Code::BadValue, "equals: \"@{account.handle}\"", "equals: \"@north_star\""),
    ("review_forgets_text", Code::ReviewIncomplete, REVIEW_TEXT, ""),
    ("review_forgets_media", Code::ReviewIncomplete, REVIEW_MEDIA, ""),
    ("left_to_fill_in", Code::Unfilled, "\"https://shop.test\"", "\"https://TODO_HOST\""),
    ("review_of_nothing", Code::MissingKey, "equals: \"{content.text}\" }\n      - {", "compare: exact }\n      - {"),
    ("redacts_the_commit", Code::BadValue, "flows:\n", "redact: { post_button: other }\nflows:\n"),
    ("redacts_identity", Code::BadValue, "flows:\n", "redact: { handle: name }\nflows:\n"),
    ("step_clicks_the_commit", Code::CommitTouched, "- click: save_button", "- click: post_button"),
    ("step_dismisses_the_commit", Code::CommitTouched, "- click: save_button", "- dismiss: post_button"),
    ("step_shares_a_locator", Code::CommitTouched, SAVE_BUTTON, "    - css: \"button[data-testid='post-submit']\"\n"),
    ("step_has_any_button", Code::CommitTouched, SAVE_BUTTON, "    - role: { button: ~ }\n"),
    (
        "step_has_the_commits_test_id",
        Code::CommitTouched,
        SAVE_BUTTON,
        "    - xpath: \"//*[@data-testid='post-submit']\"\n",
    ),
    ("step_has_the_commits_words", Code::CommitTouched, SAVE_BUTTON, "    - near: { below: editor, text: \"post\" }\n"),
    ("typing_into_the_commit", Code::CommitTouched, "    - label: \"Post text\"\n", "    - text: \"Post\"\n"),
    ("upload_into_the_commit", Code::CommitTouched, "css: \"input[type=file]\"", "testid: post-submit"),
    ("switcher_shares_a_locator", Code::CommitTouched, "testid: account-menu", "testid: post-submit"),
    ("permalink_is_the_commit", Code::CommitTouched, "author: \"{account.handle}\"", "permalink: post_button"),
    ("owner_by_one_locator", Code::NotIndependent, "  on: profile\n", "  on: profile\n  own: editor\n"),
    ("commit_with_one_locator", Code::NotIndependent, POST_BUTTON, "    - testid: post-submit\n"),
    (
        "commit_with_dependent_locators",
        Code::NotIndependent,
        POST_BUTTON,
        "    - testid: post-submit\n    - css: \"form [data-testid=post-submit]\"\n",
    ),
    ("identity_with_one_locator", Code::NotIndependent, "    - testid: profile-name\n", ""),
    (
        "same_locator_twice",
        Code::DuplicateLocator,
        POST_BUTTON,
        "    - role: { button: \"Post\" }\n    - testid: post-submit\n    - testid: post-submit\n",
    ),
    (
        "near_in_a_circle",
        Code::NearCycle,
        "    - label: \"Post text\"\n",
        "    - near: { below: editor, text: \"Post text\" }\n",
    ),
    ("near_without_side", Code::MissingKey, "    - label: \"Post text\"\n", "    - near: { text: \"Post text\" }\n"),
    ("identity_by_one_signal", Code::IdentityWeak, SIGNALS, FACE_ONLY),
    (
        "too_many_locators",
        Code::Limit,
        SAVE_BUTTON,
        "    [{text: a}, {text: b}, {text: c}, {text: d}, {text: e}, {text: f}, {text: g}, {text: h}, {text: i}, {text: j}, {text: k}]\n",
    ),
];

const DEDUPE_ON: &str = "dedupe: { on: feed, same: { text: \"{content.text}\" } }";
const DEDUPE_STATE: &str = "dedupe: { on: profile, state: { element: menu, is: STATE } }";
const ORIGINS: &str = "origins: [\"https://shop.test\"]\n";
const CONTENT: &str = "content: { text_max: 500, media_max: 4 }";
const FLOW: &str = "  publish.post:\n";

/// The newer steps, evidence, writes and rules.
const NEWER: &[Case] = &[
    ("unknown_action_type", Code::UnknownKey, FLOW, "  publish.posts:\n"),
    (
        "resource_of_half_the_web",
        Code::BadOrigin,
        ORIGINS,
        "origins: [\"https://shop.test\"]\nresources: [\"https://*.test\"]\n",
    ),
    (
        "budget_of_no_flow",
        Code::UnknownKey,
        ORIGINS,
        "origins: [\"https://shop.test\"]\nbudgets: { like: { per_day: 6 } }\n",
    ),
    (
        "budget_of_nothing",
        Code::MissingKey,
        ORIGINS,
        "origins: [\"https://shop.test\"]\nbudgets: { publish.post: {} }\n",
    ),
    ("pacing_of_nothing", Code::MissingKey, ORIGINS, "origins: [\"https://shop.test\"]\npacing: {}\n"),
    (
        "pacing_in_unknown_words",
        Code::UnknownKey,
        ORIGINS,
        "origins: [\"https://shop.test\"]\npacing: { typing: [28, 95] }\n",
    ),
    (
        "pacing_without_an_end",
        Code::BadValue,
        ORIGINS,
        "origins: [\"https://shop.test\"]\npacing: { typing_ms: [28] }\n",
    ),
    (
        "pacing_the_wrong_way_round",
        Code::BadValue,
        ORIGINS,
        "origins: [\"https://shop.test\"]\npacing: { dwell_ms: [260, 90] }\n",
    ),
    (
        "pacing_that_outlasts_a_lease",
        Code::Limit,
        ORIGINS,
        "origins: [\"https://shop.test\"]\npacing: { reading_ms: [1000, 180000] }\n",
    ),
    ("hover_on_the_commit", Code::CommitTouched, STEP_CLICK, "      - hover: post_button\n"),
    (
        "choose_in_the_commit",
        Code::CommitTouched,
        STEP_CLICK,
        "      - choose: { from: post_button, option: Public }\n",
    ),
    ("toggle_the_commit", Code::CommitTouched, STEP_CLICK, "      - toggle: { element: post_button, on: true }\n"),
    ("key_on_the_commit", Code::CommitTouched, STEP_CLICK, "      - press: { key: Escape, on: post_button }\n"),
    ("scroll_to_the_commit", Code::CommitTouched, STEP_CLICK, "      - scroll: { to: post_button }\n"),
    ("upload_by_the_commit", Code::CommitTouched, "into: media_input", "button: post_button"),
    ("key_that_commits", Code::BadValue, STEP_CLICK, "      - press: { key: Enter }\n"),
    ("key_misspelt", Code::BadValue, STEP_CLICK, "      - press: { key: PageDwn }\n"),
    ("upload_without_way", Code::MissingKey, "into: media_input, ", ""),
    ("scroll_of_both_kinds", Code::MissingKey, STEP_CLICK, "      - scroll: { to: menu, until: editor }\n"),
    ("scroll_to_page_by_page", Code::BadValue, STEP_CLICK, "      - scroll: { to: menu, times_max: 3 }\n"),
    ("wait_for_what", Code::UnknownKey, STEP_CLICK, "      - wait_for: { hidden: menu }\n"),
    ("toggle_to_a_word", Code::WrongType, STEP_CLICK, "      - toggle: { element: menu, on: maybe }\n"),
    ("read_under_no_name", Code::BadValue, STEP_CLICK, "      - read: { element: menu, as: \"The Code\" }\n"),
    (
        "read_twice",
        Code::BadValue,
        STEP_CLICK,
        "      - read: { element: menu, as: code }\n      - read: { element: name, as: code }\n",
    ),
    (
        "read_too_late",
        Code::NotRead,
        STEP_CLICK,
        "      - choose: { from: menu, option: \"{read.code}\" }\n      - read: { element: menu, as: code }\n",
    ),
    (
        "read_of_nothing_in_review",
        Code::NotRead,
        "count: \"{content.media}\" }",
        "count: \"{content.media}\" }\n      - { element: menu, equals: \"{read.code}\" }",
    ),
    (
        "read_in_dedupe",
        Code::PlaceholderNotHere,
        "dedupe: { on: feed, same: { text: \"{content.text}",
        "dedupe: { on: feed, same: { text: \"{content.text}{read.code}",
    ),
    (
        "time_is_not_read_back",
        Code::ReviewIncomplete,
        STEP_CLICK,
        "      - type: { into: menu, text: \"{content.scheduled_date}T{content.scheduled_time}\" }\n",
    ),
    (
        "dedupe_of_two_kinds",
        Code::MissingKey,
        DEDUPE_ON,
        "dedupe: { on: feed, same: { text: \"{content.text}\" }, gone: { any: [{ status: 404 }], unless: menu } }",
    ),
    ("dedupe_of_no_kind", Code::MissingKey, DEDUPE_ON, "dedupe: { on: feed }"),
    ("state_that_is_none", Code::BadValue, DEDUPE_ON, "dedupe: { on: profile, state: { element: menu, is: presed } }"),
    (
        "visible_without_unless",
        Code::MissingKey,
        DEDUPE_ON,
        "dedupe: { on: profile, state: { element: menu, is: visible } }",
    ),
    (
        "compare_of_a_word",
        Code::BadValue,
        DEDUPE_ON,
        "dedupe: { on: profile, state: { element: menu, is: pressed, compare: contains } }",
    ),
    (
        "look_back_at_a_state",
        Code::BadValue,
        DEDUPE_ON,
        "dedupe: { on: profile, state: { element: menu, is: pressed }, look_back: 3 }",
    ),
    ("gone_without_unless", Code::MissingKey, DEDUPE_ON, "dedupe: { on: profile, gone: { any: [{ status: 404 }] } }"),
    (
        "gone_by_a_server_in_trouble",
        Code::Limit,
        DEDUPE_ON,
        "dedupe: { on: profile, gone: { any: [{ status: 503 }], unless: menu } }",
    ),
    (
        "author_of_a_state",
        Code::BadValue,
        "verify: { on: feed, same: { text: \"{content.text}\" }",
        "verify: { on: profile, state: { element: menu, is: pressed }",
    ),
    (
        "title_of_a_list_without",
        Code::SurfaceWithoutItems,
        "dedupe: { on: feed, same: { text: \"{content.text}\"",
        "dedupe: { on: feed, same: { text: \"{content.text}\", title: \"{content.title}\"",
    ),
    (
        "write_by_two_letters",
        Code::BadWrite,
        "writes: [\"POST /api/posts\"]",
        "writes: [{ request: \"POST /graphql\", body: \"id\" }]",
    ),
    ("write_without_request", Code::MissingKey, "writes: [\"POST /api/posts\"]", "writes: [{ body: \"CreateStory\" }]"),
    ("fewer_media_than_needed", Code::BadValue, CONTENT, "content: { text_max: 500, media_min: 5, media_max: 4 }"),
    (
        "aspect_the_wrong_way_round",
        Code::BadValue,
        CONTENT,
        "content: { text_max: 500, media_max: 4, aspect_min: 2, aspect_max: 1.91 }",
    ),
    ("aspect_in_words", Code::WrongType, CONTENT, "content: { text_max: 500, media_max: 4, aspect_max: wide }"),
    (
        "target_never_looked_at",
        Code::TargetUnchecked,
        CONTENT,
        "content: { text_max: 500, media_max: 4, target: required }",
    ),
    (
        "target_named_and_denied",
        Code::BadValue,
        "text_max: 500, media_max: 4 }\n    dedupe: { on: feed, same: { text: \"{content.text}",
        "text_max: 500, media_max: 4, target: none }\n    dedupe: { on: feed, same: { text: \"{content.text} {target}",
    ),
];

/// What the newer cases replace, so that each of them is read as it is meant.
#[test]
fn the_newer_parts_are_good_where_they_are_good() {
    let steps = concat!(
        "      - hover: menu\n      - choose: { from: menu, option: \"Public\" }\n",
        "      - toggle: { element: menu, on: false }\n      - press: { key: Escape }\n",
        "      - press: { key: ArrowDown, on: menu }\n      - scroll: { to: menu }\n",
        "      - scroll: { until: menu, in: name, times_max: 3 }\n      - wait_for: { gone: save_button }\n",
        "      - wait_for: { enabled: post_button }\n      - read: { element: menu, as: code }\n",
        "      - choose: { from: menu, option: \"{read.code}\" }\n",
    );
    let source = edit(GOOD, STEP_CLICK, steps);
    let source =
        edit(&source, DEDUPE_ON, &DEDUPE_STATE.replace("STATE", "{ text: \"{content.text}\" }, compare: contains"));
    let source = edit(
        &source,
        "verify: { on: feed, same: { text: \"{content.text}\" }, author: \"{account.handle}\" }",
        "verify: { on: profile, gone: { any: [{ status: 404 }, { element: menu }], unless: editor } }",
    );
    let source = edit(
        &source,
        ORIGINS,
        "origins: [\"https://shop.test\"]\nresources: [\"https://*.cdn.test\"]\nbudgets: { publish.post: { per_hour: 2, spacing_s: 900 } }\npacing: { reading_ms: [800, 2500], typing_ms: [28, 28] }\n",
    );
    let source = edit(
        &source,
        "writes: [\"POST /api/posts\"]",
        "writes: [\"POST /api/posts\", { request: \"POST /graphql\", body: \"name=Create\", query: \"doc=77\" }]",
    );
    let source = edit(&source, "into: media_input", "button: media_input");
    assert_eq!(check_str("recipe.yaml", &source).to_string(), "");
}

#[test]
fn newer_steps_evidence_writes_and_rules() {
    snapshots("newer", NEWER);
}

#[test]
fn the_good_recipe_is_good() {
    assert_eq!(check_str("recipe.yaml", GOOD).to_string(), "");
}

fn snapshots(group: &str, cases: &[Case]) {
    let mut book = String::new();
    for (name, code, from, to) in cases {
        let found = check_str("recipe.yaml", &edit(GOOD, from, to));
        assert!(found.list().iter().any(|one| one.code == *code), "{name} must be told as {code}:\n{found}");
        let _ = writeln!(book, "=== {name}\n{found}");
    }
    insta::assert_snapshot!(group, book);
}

#[test]
fn shape_of_the_file() {
    snapshots("shape", SHAPE);
}

#[test]
fn names_placeholders_selectors_origins() {
    snapshots("names", NAMES);
}

#[test]
fn rules_of_the_whole() {
    snapshots("rules", RULES);
}

/// The parts of a flow in every wrong order of two neighbours.
#[test]
fn parts_of_a_flow_in_the_wrong_order() {
    let (head, flow) = GOOD.split_once("    content:").unwrap_or_else(|| panic!("the flow has moved"));
    let mut parts: Vec<String> = Vec::new();
    for line in format!("    content:{flow}").lines() {
        match parts.last_mut() {
            Some(part) if line.starts_with("      ") => {
                let _ = writeln!(part, "{line}");
            }
            _ => parts.push(format!("{line}\n")),
        }
    }
    assert_eq!(parts.len(), 8);
    let mut book = String::new();
    for at in 0..parts.len() - 1 {
        let mut swapped = parts.clone();
        swapped.swap(at, at + 1);
        let found = check_str("recipe.yaml", &format!("{head}{}", swapped.concat()));
        assert!(found.list().iter().all(|one| one.code == Code::Order), "{found}");
        assert_eq!(found.len(), 1, "{found}");
        let _ = writeln!(book, "{found}");
    }
    insta::assert_snapshot!("order", book);
}

/// A recipe that is too large in one of its parts is told which.
#[test]
fn every_part_has_a_limit() {
    let elements: String = (0..193).map(|nth| format!("  e{nth}: [{{ testid: e{nth} }}]\n")).collect();
    let steps = "      - open: composer\n".repeat(48);
    let surfaces: String = (0..98).map(|nth| format!("  s{nth}: {{ url: /s{nth} }}\n")).collect();
    for (from, more, what) in [
        ("elements:\n", elements, "`elements` has 201 entries; at most 200"),
        ("    steps:\n", steps, "`steps` has 52 entries; at most 50"),
        ("surfaces:\n", surfaces, "`surfaces` has 101 entries; at most 100"),
    ] {
        let found = check_str("recipe.yaml", &edit(GOOD, from, &format!("{from}{more}")));
        assert_eq!(found.list()[0].code, Code::Limit, "{found}");
        assert!(found.list()[0].message.contains(what), "{found}");
    }
}

/// One run tells all.
#[test]
fn all_errors_of_a_file_in_one_go() {
    let source = edit(GOOD, "click: post_button", "click: post_buton");
    let source = edit(&source, "recipe: 1", "recipe: none");
    let source = edit(&source, "css: main h1", "css: \"main h1[\"");
    let source = edit(&source, DEDUPE, "");
    let source = edit(&source, "verify: { on: feed", "verify: { on: profile");
    let found = check_str("recipe.yaml", &source);
    let codes: Vec<&str> = found.list().iter().map(|one| one.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "recipe-wrong-type",
            "recipe-bad-selector",
            "recipe-missing-key",
            "recipe-unknown-element",
            "recipe-surface-without-items",
        ]
    );
}

/// Every code is met by a case, but for those of hostile size, which `hostile.rs` meets.
#[test]
fn every_code_has_a_case() {
    let met: BTreeSet<&str> = [SHAPE, NAMES, RULES, NEWER].concat().iter().map(|case| case.1.as_str()).collect();
    let elsewhere = [Code::TooLarge, Code::TooDeep, Code::Order].map(Code::as_str);
    let missing: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !met.contains(code) && !elsewhere.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

/// What a program reads of an error.
#[test]
fn errors_as_json() {
    let found = check_str("recipe.yaml", &edit(GOOD, "click: post_button", "click: post_buton"));
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&found).unwrap_or_default());
}

#[test]
fn colour_is_asked_for() {
    let found = check_str("recipe.yaml", &edit(GOOD, "recipe: 1", "recipe: one"));
    assert!(!found.render(false).contains('\u{1b}'));
    assert!(found.render(true).contains('\u{1b}'));
}
