//! Elements that are known by the order's time: where one may stand, what it becomes for an order, and the steps that go with it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use common::{GOOD, edit};
use deed_recipes::{Code, Locator, Placeholder, Values, Words, check_str, explain, load_str};

const ELEMENTS: &str = "  save_button:\n";
/// A calendar, and the box that says what was picked.
const CALENDAR: &str = r#"  day:
    - one_of: { css: ".calendar .day", text: "{content.scheduled_at|D}" }
    - role: { gridcell: "{content.scheduled_at|MMMM D, YYYY}" }
  month:
    - near: { inside: calendar, text: "{content.scheduled_at|MMMM YYYY}" }
  calendar:
    - css: .calendar
  next_month:
    - testid: next-month
  chosen:
    - testid: chosen-time
  save_button:
"#;
const STEP_CLICK: &str = "      - click: save_button\n";
const PICK: &str = r"      - click: { element: next_month, until: month, times_max: 3 }
      - click: day
      - wait_for: { visible: chosen, within_s: 600 }
";
const REVIEW: &str = "      - { element: editor, equals: \"{content.text}\" }\n";
const READ_BACK: &str = r#"      - { element: editor, equals: "{content.text}" }
      - { element: chosen, equals: "{content.scheduled_at|YYYY-MM-DD HH:mm}" }
"#;

fn with_calendar() -> String {
    edit(&edit(&edit(GOOD, ELEMENTS, CALENDAR), STEP_CLICK, PICK), REVIEW, READ_BACK)
}

struct Evening;

impl Values for Evening {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        (placeholder == Placeholder::ContentScheduledAt).then_some("2026-07-05T20:05:00Z")
    }
}

struct Nothing;

impl Values for Nothing {
    fn get(&self, _: Placeholder) -> Option<&str> {
        None
    }
}

#[test]
fn the_words_of_an_order_are_filled_in_and_stay_open_without_one() {
    let recipe = load_str("recipe.yaml", &with_calendar()).unwrap_or_else(|found| panic!("{found}"));
    assert!(recipe.has_words_of_order());
    assert_eq!(recipe.elements["day"].words, Words::OfOrder);
    let filled = recipe.for_order(&Evening);
    let day = &filled.elements["day"];
    assert_eq!(day.words, Words::Filled);
    assert_eq!(day.locators[0], Locator::OneOf { css: ".calendar .day".into(), text: "5".into() });
    assert_eq!(day.locators[1], Locator::Role { role: "gridcell".into(), name: Some("July 5, 2026".into()) });
    assert!(matches!(&filled.elements["month"].locators[0], Locator::Near { text, .. } if text == "July 2026"));
    // Nothing else of it is another recipe: what was approved is what runs.
    assert_eq!((&filled.hash, &filled.flows), (&recipe.hash, &recipe.flows));
    assert_eq!(filled.elements["calendar"], recipe.elements["calendar"]);
    let open = recipe.for_order(&Nothing);
    assert_eq!(open.elements["day"].words, Words::OfOrder);
}

#[test]
fn the_story_says_by_what_it_is_known_and_how_long_it_waits() {
    let recipe = load_str("recipe.yaml", &with_calendar()).unwrap();
    let story = explain(&recipe, "publish.post").unwrap();
    for line in [
        "Click `next_month`, which can be taken back, up to 3 times, until `month` is there.",
        "`day` is the only one that says \"{content.scheduled_at|D}\" or \"{content.scheduled_at|MMMM D, YYYY}\"; none or several such stop it.",
        "Wait up to 600 s until `chosen` is visible.",
    ] {
        assert!(story.contains(line), "{line}\n{story}");
    }
}

/// What the case is called, the code, what is replaced in the recipe with the calendar, by what, and words of the report.
type Case = (&'static str, Code, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    ("a commit", Code::PlaceholderNotHere, "commit: { click: post_button }", "commit: { click: day }", "order's time"),
    ("identity", Code::PlaceholderNotHere, "name: { element: name,", "name: { element: day,", "order's time"),
    ("a landmark", Code::PlaceholderNotHere, "landmarks: [handle]", "landmarks: [day]", "order's time"),
    ("an anchor", Code::PlaceholderNotHere, "inside: calendar", "inside: day", "order's time"),
    ("a review", Code::PlaceholderNotHere, "element: chosen, equals", "element: day, equals", "order's time"),
    ("a receipt", Code::PlaceholderNotHere, "any: [{ toast: \"Posted\" }", "any: [{ element: day }", "order's time"),
    (
        "free text",
        Code::PlaceholderNotHere,
        "text: \"{content.scheduled_at|D}\"",
        "text: \"{content.text}\"",
        "{content.text}",
    ),
    (
        "free text beside the time",
        Code::PlaceholderNotHere,
        "text: \"{content.scheduled_at|D}\"",
        "text: \"{content.text} {content.scheduled_at|D}\"",
        "{content.text}",
    ),
    (
        "a form that is none",
        Code::BadTemplate,
        "text: \"{content.scheduled_at|D}\"",
        "text: \"{content.scheduled_at|Q}\"",
        "",
    ),
    (
        "a selector",
        Code::BadSelector,
        "css: .calendar\n",
        "css: \"[d={content.scheduled_at|D}]\"\n",
        "not a CSS selector",
    ),
    (
        "a time that nobody reads back",
        Code::ReviewIncomplete,
        "      - { element: chosen, equals: \"{content.scheduled_at|YYYY-MM-DD HH:mm}\" }\n",
        "",
        "never reads the whole time back",
    ),
    (
        "half a time",
        Code::ReviewIncomplete,
        "equals: \"{content.scheduled_at|YYYY-MM-DD HH:mm}\"",
        "equals: \"{content.scheduled_at|HH:mm}\"",
        "never reads the whole time back",
    ),
    (
        "clicks on the commit",
        Code::CommitTouched,
        "element: next_month, until",
        "element: post_button, until",
        "commit element",
    ),
    ("clicks without an end", Code::MissingKey, "until: month, times_max: 3", "times_max: 3", "until"),
    ("too many clicks", Code::Limit, "times_max: 3", "times_max: 61", ""),
    ("too long a wait", Code::Limit, "within_s: 600", "within_s: 1801", ""),
    ("a wait for nothing", Code::MissingKey, "visible: chosen, within_s: 600", "within_s: 600", "one thing"),
    (
        "a wait for two things",
        Code::MissingKey,
        "visible: chosen, within_s",
        "visible: chosen, gone: day, within_s",
        "one thing",
    ),
];

#[test]
fn what_is_the_same_for_every_order_is_not_known_by_an_orders_time() {
    assert_eq!(check_str("recipe.yaml", &with_calendar()).to_string(), "");
    for (name, code, from, to, words) in CASES {
        let found = check_str("recipe.yaml", &edit(&with_calendar(), from, to));
        assert!(found.list().iter().any(|one| one.code == *code), "{name} must be told as {code}:\n{found}");
        assert!(found.to_string().contains(words), "{name}:\n{found}");
    }
}
