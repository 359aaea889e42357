//! Steps and lists that the practice recipe does not have, in worlds whose recipe has them: what each comes to, and what is told of it. The
//! elements' names say how they behave (`tests/sim/src/scripted.rs`). `INSTA_UPDATE=always` takes new words over; they are to be read.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_sim::book::{differences, headline, told};
use deed_sim::luck::{Luck, PageFault};
use deed_sim::run::{Bench, Outcome};
use deed_sim::setting::{Deed, Earlier, Reach, Setting};
use deed_sim::sim::Harm;
use deed_sim::stage::Fortune;

const PRACTICE: &str = include_str!("../../../recipes/practice/recipe.yaml");

/// The steps of `publish.post` in it, up to the text.
const STEPS: &str = "      - open: composer
      - dismiss: welcome_dismiss
      - upload: { into: media_input, files: \"{content.media}\" }
";
/// Where its elements begin.
const ELEMENTS: &str = "\nelements:\n";

/// Where the review of `publish.post` begins, and what it says of a choice.
const REVIEW: &str = "    review:\n";
const CHOSEN: &str = "      - { element: picker, equals: \"{content.text}\" }\n";

/// The practice recipe, changed.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(PRACTICE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the practice recipe has no more: {from}");
        text.replacen(from, to, 1)
    })
}

/// The practice recipe with these steps before the text of a post, and the elements that they name.
fn with_steps(steps: &[&str], elements: &[&str]) -> String {
    let steps: String = steps.iter().map(|step| format!("      - {step}\n")).collect();
    let described = |element: &&str| format!("  {element}:\n    - testid: {element}\n    - css: \".{element}\"\n");
    let elements: String = elements.iter().map(described).collect();
    let chosen = if steps.contains("choose:") { CHOSEN } else { "" };
    changed(&[
        (STEPS, &format!("{STEPS}{steps}")),
        (ELEMENTS, &format!("{ELEMENTS}{elements}")),
        (REVIEW, &format!("{REVIEW}{chosen}")),
    ])
}

fn setting(luck: Luck) -> Setting {
    let one = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    Setting { horizon_ms: 600_000, grace_ms: 3_600_000, ..one }
}

fn run(recipe: &str, setting: &Setting) -> Outcome {
    let outcome = Bench::of_recipe(recipe).expect("a bench").run(setting).expect("a world");
    assert!(outcome.broken.is_empty(), "{:#?}\n{:#?}", outcome.broken, outcome.story);
    outcome
}

/// A step, and the elements that it names.
type Case = (&'static str, &'static [&'static str]);

/// Steps that come to their end.
const TAKEN: [Case; 21] = [
    ("wait_for: after_3000_ms", &["after_3000_ms"]),
    ("wait_for: { gone: until_3000_ms }", &["until_3000_ms"]),
    ("wait_for: { enabled: usable_after_3000_ms }", &["usable_after_3000_ms"]),
    ("wait_for: { visible: after_40000_ms, within_s: 90 }", &["after_40000_ms"]),
    ("wait_for: { gone: until_40000_ms, within_s: 90 }", &["until_40000_ms"]),
    ("wait_for: { enabled: usable_after_40000_ms, within_s: 90 }", &["usable_after_40000_ms"]),
    ("click: turn", &["turn"]),
    ("click: { element: turn, until: after_3_clicks, times_max: 3 }", &["turn", "after_3_clicks"]),
    ("click: { element: turn, until: after_0_clicks, times_max: 3 }", &["turn", "after_0_clicks"]),
    ("click: { element: turn, until: after_25_clicks, times_max: 60 }", &["turn", "after_25_clicks"]),
    ("hover: hover_me", &["hover_me"]),
    ("choose: { from: picker, option: \"{content.text}\" }", &["picker"]),
    ("toggle: { element: switch_off, on: true }", &["switch_off"]),
    ("toggle: { element: switch_off, on: false }", &["switch_off"]),
    ("toggle: { element: switch_on, on: false }", &["switch_on"]),
    ("press: { key: Escape }", &[]),
    ("press: { key: Tab, on: turn }", &["turn"]),
    ("scroll: { to: turn }", &["turn"]),
    ("scroll: { until: after_0_pages, times_max: 4 }", &["after_0_pages"]),
    ("scroll: { until: after_4_pages, in: turn, times_max: 4 }", &["turn", "after_4_pages"]),
    ("read: { element: says_seven, as: hour }", &["says_seven"]),
];

/// Steps that do not.
const HELD: [Case; 13] = [
    ("wait_for: after_600000_ms", &["after_600000_ms"]),
    ("wait_for: { gone: until_600000_ms }", &["until_600000_ms"]),
    ("wait_for: { enabled: usable_after_600000_ms }", &["usable_after_600000_ms"]),
    ("wait_for: { visible: after_600000_ms, within_s: 90 }", &["after_600000_ms"]),
    ("click: { element: turn, until: after_4_clicks, times_max: 3 }", &["turn", "after_4_clicks"]),
    ("click: { element: unheard_of, until: after_1_clicks, times_max: 3 }", &["unheard_of", "after_1_clicks"]),
    ("hover: unheard_of", &["unheard_of"]),
    ("toggle: { element: switch_stuck, on: true }", &["switch_stuck"]),
    ("toggle: { element: switch_silent, on: true }", &["switch_silent"]),
    ("press: { key: Tab, on: unheard_of }", &["unheard_of"]),
    ("scroll: { until: after_5_pages, times_max: 4 }", &["after_5_pages"]),
    ("scroll: { until: after_9_pages, times_max: 40 }", &["after_9_pages"]),
    ("read: { element: says_, as: hour }", &["says_"]),
];

#[test]
fn each_step_is_told_as_it_was() {
    let mut book = Vec::new();
    for (cases, held) in [(TAKEN.as_slice(), false), (HELD.as_slice(), true)] {
        let mut first: Option<Vec<String>> = None;
        for (step, elements) in cases {
            // Nobody goes round who would let it be tried again.
            let alone =
                Setting { round_ms: 10_000_000_000, horizon_ms: 300_000, grace_ms: 0, ..setting(Luck::default()) };
            let outcome = run(&with_steps(&[step], elements), &alone);
            assert_eq!(outcome.writes, usize::from(!held), "{step}");
            book.push(headline(step, &outcome));
            let told = told(&outcome);
            match &first {
                Some(first) => book.extend(differences(first, &told)),
                None => {
                    book.extend(told.iter().map(|line| format!("  {line}")));
                    first = Some(told);
                }
            }
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}

/// What a page did in answer to an input is there for the next step.
#[test]
fn what_an_input_opens_is_there_for_the_next_step() {
    for (steps, elements) in [
        (["hover: hover_me", "click: after_hover"], ["hover_me", "after_hover"]),
        (["press: { key: Tab, on: turn }", "click: after_key"], ["turn", "after_key"]),
        (["scroll: { until: after_2_pages, times_max: 9 }", "click: after_2_pages"], ["turn", "after_2_pages"]),
    ] {
        assert_eq!(run(&with_steps(&steps, &elements), &setting(Luck::default())).writes, 1, "{steps:?}");
    }
}

/// What was uploaded is waited for, by the review.
#[test]
fn a_preview_that_comes_late_is_waited_for() {
    let recipe = with_steps(&[], &["previews_come_late"]);
    let mut setting = setting(Luck::default());
    setting.orders[0].media = 2;
    let outcome = run(&recipe, &setting);
    assert_eq!((outcome.writes, outcome.episodes), (1, 1), "{:?}", outcome.endings);
}

/// Somebody else's post with the same words is not the account's own.
#[test]
fn somebody_elses_words_are_no_duplicate() {
    let earlier = Earlier { posts: 3, same: Some(1), by_another: true };
    assert_eq!(run(PRACTICE, &Setting { earlier, ..setting(Luck::default()) }).writes, 1);
    let own = Earlier { by_another: false, ..earlier };
    assert_eq!(run(PRACTICE, &Setting { earlier: own, ..setting(Luck::default()) }).writes, 0);
}

/// A challenge and another account are seen wherever they come while a step goes on. The page tells at any moment who is signed in.
#[test]
fn what_comes_while_a_step_goes_on_is_seen() {
    let mut book = Vec::new();
    for (step, elements) in TAKEN.iter().chain(&HELD) {
        let elements: Vec<&str> = elements.iter().chain(&["tells_who_is_signed_in"]).copied().collect();
        let mut bench = Bench::of_recipe(&with_steps(&[step], &elements)).expect("a bench");
        for (what, luck_at) in [
            (
                "a captcha",
                (|call| Luck { page: Some((call, PageFault::Captcha)), ..Luck::default() }) as fn(u32) -> Luck,
            ),
            ("another account", |call| Luck { switched: Some(call), ..Luck::default() }),
        ] {
            let mut endings: Vec<String> = Vec::new();
            for call in 10..26 {
                let luck = Fortune::First(1, luck_at(call));
                let setting = Setting { luck, ..setting(Luck::default()) };
                let outcome = bench.run(&setting).expect("a world");
                assert!(outcome.broken.is_empty(), "{step}, {call}: {:#?}\n{:#?}", outcome.broken, outcome.story);
                let first = outcome.story.iter().find(|line| line.what == "ends").map(|line| line.words.clone());
                let first = first.unwrap_or_default();
                if endings.last() != Some(&first) {
                    endings.push(first);
                }
            }
            book.push(format!("{step}, {what}\n  {}", endings.join("\n  ")));
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}

#[test]
fn a_kill_switch_ends_a_long_wait() {
    let recipe = with_steps(&["wait_for: { visible: after_600000_ms, within_s: 900 }"], &["after_600000_ms"]);
    let deeds = vec![(60_000, Deed::Throw(Reach::Global, 10_000_000))];
    let outcome = run(&recipe, &Setting { deeds, horizon_ms: 300_000, ..setting(Luck::default()) });
    assert_eq!(outcome.writes, 0);
    insta::assert_snapshot!(told(&outcome).join("\n"));
}

/// A list that has five entries in the page at a time, and brings its last three only to who stands at its end. Entries are known by
/// their ids, by their links, or by all that is shown.
#[test]
fn a_list_that_scrolls_is_read_back_as_far_as_the_recipe_says() {
    const ID: &str = "      id_attribute: data-post-id\n\n  object:";
    const LINK: &str = "      permalink: \"a[data-testid=post-link]\"";
    const BACK: &str = "media: true }, look_back: 30 }";
    const NO_ID: &str = "      scrolls: true\n\n  object:";
    let mut book = Vec::new();
    for (known, id, link, back) in [
        ("known by ids", format!("      scrolls: true\n{ID}"), LINK.to_owned(), BACK),
        ("known by links", NO_ID.to_owned(), LINK.to_owned(), BACK),
        ("known by what is shown", NO_ID.to_owned(), format!("      # {LINK}"), BACK),
        (
            "known by ids, back to 100",
            format!("      scrolls: true\n{ID}"),
            LINK.to_owned(),
            "media: true }, look_back: 100 }",
        ),
    ] {
        let list = changed(&[(ID, &id), (LINK, &link), (BACK, back)]);
        for (posts, same) in [
            (3, None),
            (5, None),
            (6, None),
            (8, None),
            (9, None),
            (14, None),
            (29, None),
            (30, None),
            (95, None),
            (3, Some(2)),
            (9, Some(4)),
            (9, Some(5)),
            (9, Some(8)),
            (14, Some(13)),
            (40, Some(28)),
            (40, Some(29)),
            (40, Some(30)),
            (60, Some(59)),
        ] {
            let earlier = Earlier { posts, same, by_another: false };
            let outcome = run(&list, &Setting { earlier, ..setting(Luck::default()) });
            let back_to = if back == BACK { 30 } else { 100 };
            let duplicate = same.is_some_and(|newer| newer < back_to);
            assert_eq!(outcome.writes, usize::from(!duplicate), "{known}: {posts} posts, the same {same:?}");
            book.push(headline(&format!("{known}: {posts} posts, the same {same:?}"), &outcome));
            let of_the_list = |line: &String| ["dedupe", "scrolled"].iter().any(|word| line.contains(word));
            book.extend(told(&outcome).into_iter().filter(of_the_list));
            let often = |what: &str| outcome.story.iter().filter(|line| line.what == what).count();
            book.push(format!("{} pages, {} renewals", often("goes to"), often("renews the lease")));
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}
