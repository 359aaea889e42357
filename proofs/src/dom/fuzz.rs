//! Pages that nobody would write: the canonical form is made of them, in bounded time, without panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::reference::{ours, theirs};
use super::*;
/// The same cases every time: one that is found can be found again.
const SEED: RngSeed = RngSeed::Fixed(2026);

const TAGS: [&str; 22] = [
    "div",
    "p",
    "li",
    "ul",
    "table",
    "tr",
    "td",
    "b",
    "svg",
    "math",
    "script",
    "style",
    "textarea",
    "template",
    "select",
    "option",
    "iframe",
    "title",
    "br",
    "plaintext",
    "nav",
    "article",
];

/// One piece of a page; some are whole elements, some only half of one.
fn piece() -> impl Strategy<Value = String> {
    let tag = || prop::sample::select(&TAGS[..]);
    let attribute = ("[a-z:@\\-]{1,9}", "[^\"]{0,12}").prop_map(|(name, value)| format!(" {name}=\"{value}\""));
    let attributes = prop::collection::vec(attribute, 0..4).prop_map(|all| all.concat());
    prop_oneof![
        4 => (tag(), attributes.clone()).prop_map(|(tag, attributes)| format!("<{tag}{attributes}>")),
        3 => tag().prop_map(|tag| format!("</{tag}>")),
        1 => (tag(), attributes).prop_map(|(tag, attributes)| format!("<{tag}{attributes}/>")),
        1 => prop::sample::select(&["<", "</", "<!--", "-->", "<![CDATA[", "]]>", "&#x", "&amp", "\0", "<div class=", "=\"", "<!doctype", "\u{feff}"][..])
            .prop_map(str::to_owned),
        2 => "\\PC{0,12}".prop_map(|text| text),
        1 => ("[a-z\\-]{1,6}", 1..4000_usize).prop_map(|(name, size)| format!("<div {name}=\"{}\">", "x ".repeat(size))),
        1 => (tag(), 1..200_usize).prop_map(|(tag, depth)| format!("<{tag}>").repeat(depth)),
    ]
}

/// The characters and words on which the reading of a page turns, in any order.
fn markup() -> impl Strategy<Value = String> {
    let turns = &[
        "<",
        "<",
        "</",
        ">",
        ">",
        "/",
        "/>",
        "=",
        "=",
        "\"",
        "'",
        " ",
        "\n",
        "\r",
        "\t",
        "\x0c",
        "\0",
        "-",
        "--",
        "!",
        "!--",
        "<!--",
        "-->",
        "--!>",
        "<!",
        "<?",
        "<!doctype",
        "<![CDATA[",
        "]",
        "]]>",
        "&",
        "&amp;",
        "&amp",
        "&lt;",
        "&nbsp;",
        "&#65;",
        "&#x",
        "&notit;",
        "&not",
        "a",
        "B",
        "p",
        "id",
        "ID",
        "class",
        "role",
        "data-x",
        "DATA-testid",
        "type=",
        "id=",
        " class=\"",
        " id='",
        "script",
        "SCRIPT",
        "<script",
        "</script",
        "title",
        "<title>",
        "</title",
        "style",
        "textarea",
        "svg",
        "<svg>",
        "</svg>",
        "math",
        "plaintext",
        "noscript",
        "option",
        "li",
        "\u{fffd}",
        "\u{e4}",
        "\u{3042}",
        "1",
        ";",
        "`",
    ][..];
    prop::collection::vec(prop::sample::select(turns), 0..60).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, rng_seed: SEED, ..ProptestConfig::default() })]

    #[test]
    fn any_fragment_has_a_canonical_form(pieces in prop::collection::vec(piece(), 0..60)) {
        let html = pieces.concat();
        let form = canonical(&html);
        // Each line is a depth and an element; what is compared and hashed is the same every time.
        for line in form.lines() {
            prop_assert!(line.split(' ').next().is_some_and(|depth| depth.parse::<usize>().is_ok()), "{line}");
        }
        prop_assert_eq!(dom_hashes(&html).structure, Sha256::of(form.as_bytes()));
        prop_assert_eq!(form, canonical(&html));
    }

    #[test]
    fn any_text_has_a_canonical_form(html in "\\PC{0,400}") {
        let _ = dom_hashes(&html);
    }

    #[test]
    fn any_bytes_have_a_canonical_form(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = dom_hashes(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn tags_are_those_of_html5ever(html in prop::collection::vec(piece(), 0..60).prop_map(|all| all.concat())) {
        prop_assert_eq!(ours(&html), theirs(&html));
    }

    /// What somebody writes between the tags is never structure.
    #[test]
    fn text_is_no_structure(text in "[^<&\0]{0,60}") {
        prop_assert_eq!(canonical(&format!("<main><p>{text}</p></main>")), canonical("<main><p></p></main>"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tags_are_those_of_html5ever_however_they_are_cut(html in markup()) {
        prop_assert_eq!(ours(&html), theirs(&html));
    }

    #[test]
    fn hidden_scripts_end_where_they_end_for_html5ever(
        parts in prop::collection::vec(prop::sample::select(
            &["<!--", "-", "--", "->", "-->", ">", "<", "<script", "<SCRIPT>", "</script", "</script>", " ", "/", "x", "!", "<p>", "</scripty>", "\0"][..],
        ), 0..40),
    ) {
        let html = format!("<script>{}", parts.concat());
        prop_assert_eq!(ours(&html), theirs(&html));
    }
}

#[test]
fn ten_thousand_levels_and_a_megabyte_end() {
    let size = 1024 * 1024;
    let deep = |tag: &str| format!("{}x{}", format!("<{tag}>").repeat(10_000), format!("</{tag}>").repeat(10_000));
    assert_eq!(canonical(&deep("section")).lines().count(), 10_000);
    let mut pages = vec![deep("div"), deep("b"), deep("svg"), deep("table"), deep("li")];
    // A piece again and again, up to a megabyte.
    for piece in [
        "<",
        "&",
        "<a ",
        "<!--",
        "<div class=\"a b c\">",
        "</p>",
        "<p",
        "<ul><li>",
        "\u{3042}",
        "<svg><a>",
        "]]>",
        "<textarea>",
    ] {
        pages.push(piece.repeat(size / piece.len()));
    }
    pages.push(format!("<div class=\"{}\">", "c ".repeat(size / 2)));
    pages.push(format!("<div id=\"{}\">", "x".repeat(size)));
    for page in pages {
        let start = Instant::now();
        let _ = dom_hashes(&page);
        let took = start.elapsed();
        // Linear is seconds in a debug build on a busy machine; quadratic would be hours.
        assert!(took < Duration::from_secs(60), "{} took {took:?}", page.get(..30).unwrap_or_default());
    }
}
