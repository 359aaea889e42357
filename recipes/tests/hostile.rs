//! Hostile input: it is refused in words, quickly, and never brings the process down.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use std::time::{Duration, Instant};

use common::{GOOD, edit};
use deed_recipes::{BYTES_MAX, Code, Diagnostics, Placeholder, Template, Values, check_str, glob_matches, load_str};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
/// The same cases every time: one that is found can be found again.
const SEED: RngSeed = RngSeed::Fixed(2026);

fn quickly(source: &str) -> Diagnostics {
    let started = Instant::now();
    let found = check_str("recipe.yaml", source);
    let rendered = found.render(true);
    // What is refused is refused in words, and what has no error loads.
    assert_eq!(found.is_empty(), load_str("recipe.yaml", source).is_ok());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "took {took:?}");
    assert!(rendered.len() < 1_000_000, "the report has {} bytes", rendered.len());
    found
}

#[test]
fn a_recipe_of_the_greatest_size_is_read_and_one_byte_more_is_not() {
    let padded = format!("{GOOD}#{}", " ".repeat(BYTES_MAX - GOOD.len() - 1));
    assert_eq!(padded.len(), BYTES_MAX);
    assert!(quickly(&padded).is_empty());
    assert_eq!(quickly(&format!("{padded} ")).list()[0].code, Code::TooLarge);
}

#[test]
fn depth_ends_in_an_error_not_in_a_crash() {
    for open in [
        "[", "{a: ", "- ", "? ", "[{", "- [", "\"", "'", "!", "&a ", "*a ", "%", "|\n", "a: |\n ", "\t", "#", "---\n",
        "...\n", "\u{feff}",
    ] {
        let source = open.repeat(BYTES_MAX / open.len());
        assert!(!quickly(&source).is_empty(), "{open}");
    }
    assert_eq!(quickly(&"[".repeat(100)).list()[0].code, Code::TooDeep);
    assert_eq!(quickly(&format!("a: [{}]", "x, ".repeat(50_000))).list()[0].code, Code::TooDeep);
}

#[test]
fn many_errors_make_a_report_that_ends() {
    let keys: String = (0..9_000).map(|nth| format!("key_{nth}: 1\n")).collect();
    assert_eq!(quickly(&keys).len(), 100);
    let elements: String = (0..5_000).map(|nth| format!("  e{nth}: [ {{ css: \"[\" }} ]\n")).collect();
    assert!(quickly(&edit(GOOD, "elements:\n", &format!("elements:\n{elements}"))).len() <= 100);
}

#[test]
fn one_endless_line_is_cut_around_the_error() {
    let found = quickly(&edit(GOOD, "click: post_button", &format!("click: {}x", "é".repeat(60_000))));
    assert!(found.list().iter().all(|one| one.source_line.len() <= 400));
    let found = quickly(&format!("{}: {{ a: 1 }}", "x".repeat(200_000)));
    assert!(!found.is_empty());
}

#[test]
fn deep_selectors_and_long_texts_do_not_exhaust_the_stack() {
    for selector in [":not(".repeat(190), ":is(".repeat(240), "[a=".repeat(300), "a ".repeat(490), "(".repeat(900)] {
        for (from, to) in [("css: main h1", "css"), ("css: \"input[type=file]\"", "xpath")] {
            quickly(&edit(GOOD, from, &format!("{to}: '{selector}'")));
        }
    }
}

/// A recipe that somebody sends must not write to the reader's terminal.
#[test]
fn control_characters_never_reach_the_terminal() {
    let source = edit(GOOD, "click: post_button", "\"cl\\e[2Jick\\a\": \"\\e]0;x\\a\"");
    let found = quickly(&source);
    assert!(!found.is_empty());
    assert!(!found.render(false).contains(['\u{1b}', '\u{7}']), "{}", found.render(false));
    let source = edit(GOOD, "click: post_button", "click: \"\u{202e}x\"");
    assert!(!quickly(&source).render(false).contains('\u{202e}'));
}

/// Every line and every value of a good recipe, taken out or replaced by something of another type.
#[test]
fn nothing_in_a_recipe_can_be_replaced_in_silence() {
    let lines: Vec<&str> = GOOD.lines().collect();
    for nth in 0..lines.len() {
        let without = [&lines[..nth], &lines[nth + 1..]].concat().join("\n");
        quickly(&without);
        for (colon, _) in lines[nth].match_indices(": ") {
            let (key, value) = lines[nth].split_at(colon + 2);
            let end = value.find([',', '}', ']']).unwrap_or(value.len());
            for other in ["~", "[]", "{}", "\"\"", "[~]", "{ a: b }", "-1", "true", "\"{\""] {
                let line = format!("{key}{other}{}", &value[end..]);
                quickly(&[&lines[..nth], &[line.as_str()], &lines[nth + 1..]].concat().join("\n"));
            }
        }
    }
}

struct Everything(String);

impl Values for Everything {
    fn get(&self, _: Placeholder) -> Option<&str> {
        Some(&self.0)
    }
}

/// The obvious way to match a glob; exponential, so only for short texts.
fn slow_glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            slow_glob(rest, text) || text.split_first().is_some_and(|(_, tail)| slow_glob(pattern, tail))
        }
        (Some((p, rest)), Some((t, tail))) => p == t && slow_glob(rest, tail),
        _ => false,
    }
}

/// A random tree of YAML in flow style, with keys and values that the language knows and others.
fn tree() -> impl Strategy<Value = String> {
    let words = prop::sample::select(
        &[
            "platform",
            "recipe",
            "surfaces",
            "elements",
            "flows",
            "publish.post",
            "steps",
            "commit",
            "click",
            "near",
            "text",
            "role",
            "button",
            "any",
            "url",
            "editor",
            "~",
            "0",
            "-1",
            "1e9",
            "true",
            "\"{content.text}\"",
            "\"{\"",
            "TODO_HOST",
            "\"//x[\"",
            "\"POST /a\"",
            "99999999999999999999",
            "\"\\u0000\"",
            "x y",
        ][..],
    );
    let leaf = prop_oneof![8 => words.clone().prop_map(str::to_owned), 1 => "[a-z{}. ]{0,12}".prop_map(|text| format!("{text:?}"))];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|all| format!("[{}]", all.join(", "))),
            prop::collection::vec((words.clone(), inner), 0..6).prop_map(|all| format!(
                "{{{}}}",
                all.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
            )),
        ]
    })
}

#[test]
fn five_megabytes_are_refused_at_once() {
    for piece in ["[", "a: ", "- x\n", "\"", "{a: [", "TODO_X ", "\u{3042}", "#\n"] {
        let source = piece.repeat(5 * 1024 * 1024 / piece.len());
        assert_eq!(quickly(&source).list()[0].code, Code::TooLarge, "{piece}");
        let recording = deed_recipes::import_recording(source.as_bytes(), None);
        assert_eq!(recording.unwrap_err().code(), "recording-too-large", "{piece}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, rng_seed: SEED, ..ProptestConfig::default() })]

    /// Bytes of a good recipe overwritten, cut out and put in elsewhere.
    #[test]
    fn a_mutated_recipe_never_panics(
        overwrites in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select("{}[]:,-#&*!|>'\"%@`?~\\ \n\t\u{e9}\u{3042}\0x9".chars().collect::<Vec<_>>())), 0..12),
        cut in (any::<prop::sample::Index>(), 0_usize..200),
        paste in any::<prop::sample::Index>(),
    ) {
        let mut chars: Vec<char> = GOOD.chars().collect();
        for (at, c) in overwrites {
            let at = at.index(chars.len());
            chars[at] = c;
        }
        let start = cut.0.index(chars.len());
        let end = (start + cut.1).min(chars.len());
        let piece: Vec<char> = chars.drain(start..end).collect();
        let at = paste.index(chars.len() + 1);
        chars.splice(at..at, piece);
        let source: String = chars.into_iter().collect();
        quickly(&source);
    }

    #[test]
    fn any_text_never_panics(source in "\\PC{0,300}") {
        quickly(&source);
    }

    #[test]
    fn yaml_like_text_never_panics(source in "([a-z]{1,4}|[ \n\\-:?,\\[\\]{}#&*!|>'\"%@~\t]){0,200}") {
        quickly(&source);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        quickly(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_tree_never_panics(tree in tree()) {
        quickly(&tree);
    }

    /// A part of a good recipe replaced by a random tree.
    #[test]
    fn a_recipe_with_a_foreign_part_never_panics(nth in any::<prop::sample::Index>(), tree in tree()) {
        let lines: Vec<&str> = GOOD.lines().collect();
        let nth = nth.index(lines.len());
        let key = lines[nth].split_inclusive(": ").next().unwrap_or_default().trim_end();
        let line = format!("{key} {tree}");
        quickly(&[&lines[..nth], &[line.as_str()], &lines[nth + 1..]].concat().join("\n"));
    }

    #[test]
    fn any_recording_never_panics(steps in prop::collection::vec(
        (prop::sample::select(&["navigate", "click", "change", "keyDown", "hover", "scroll", "waitForElement", "x"][..]),
         "[a-z/\\[\\]='\"#.>{}:\u{e9} ]{0,30}", "\\PC{0,20}"), 0..12)) {
        let steps: Vec<_> = steps.iter().map(|(kind, way, value)| serde_json::json!({
            "type": kind, "url": format!("https://shop.test/{way}"), "value": value, "key": value,
            "selectors": [[format!("aria/{way}")], [format!("text/{way}")], [format!("xpath/{way}")], [way], format!("pierce/{way}"), 3, []],
        })).collect();
        if let Ok(draft) = deed_recipes::import_recording(serde_json::json!({ "steps": steps }).to_string().as_bytes(), Some("shop")) {
            // Whatever was recorded, the draft is YAML of the language with places to fill in, and does not run.
            let found = quickly(&draft.text);
            prop_assert!(found.list().iter().any(|one| one.code == Code::Unfilled), "{}", found);
            prop_assert!(found.list().iter().all(|one| one.code != Code::Syntax), "{}\n{}", found, draft.text);
        }
    }

    #[test]
    fn the_glob_agrees_with_the_obvious_one(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        prop_assert_eq!(glob_matches(&pattern, &text), slow_glob(pattern.as_bytes(), text.as_bytes()));
    }

    /// What is filled into a path is read out of it again.
    #[test]
    fn an_object_id_comes_back_out(head in "/[a-z/]{0,8}", tail in "(/[a-z]{0,4})?", id in "[a-z0-9_]{1,10}") {
        let template = Template::parse(&format!("{head}{{object_id}}{tail}")).unwrap();
        let filled = template.fill(&Everything(id.clone()));
        prop_assert_eq!(template.read(&filled), Some(id));
    }

    #[test]
    fn a_template_shows_itself_as_it_was_written(text in "[a-z{}.]{0,20}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(Template::parse(&template.to_string()), Ok(template));
        }
    }
}
