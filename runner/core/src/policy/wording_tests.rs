//! What a text keeps to, rule by rule.
#![expect(clippy::panic, reason = "tests stop at the first surprise")]

use deed_recipes::policy::{Who, policy_from_str};

use super::*;

fn rules(hard: &str) -> ResolvedWording {
    let source = format!("defaults: {{ content: {{ hard: {{ {hard} }} }} }}\n");
    let file = policy_from_str("policy.yaml", &source).unwrap_or_else(|e| panic!("{e}"));
    let who = Who { client: "c", platform: "practice", handle: "h", account: "a" };
    file.resolve(&who, &Default::default()).content.hard
}

fn of(text: &str) -> Content {
    Content { text: text.to_owned(), ..Content::default() }
}

#[track_caller]
fn check(hard: &str, content: &Content, expected: &[&str]) {
    assert_eq!(problems(&rules(hard), content), expected, "{hard} on {:?}", content.text);
}

#[test]
fn caps_are_counted_and_told() {
    check("text_max: 5", &of("Brötä"), &[]);
    check("text_max: 5", &of("Brötän"), &["6 characters, the policy takes 5"]);
    check("hashtags_max: 1", &of("#rye #bun"), &["2 hashtags, the policy takes 1"]);
    check("mentions_max: 0", &of("with @ann"), &["1 mentions, the policy takes 0"]);
    check("links_max: 0", &of("see example.com/buns"), &["1 links, the policy takes 0"]);
    let titled = Content { title: Some("#rye".into()), ..of("#bun") };
    check("hashtags_max: 1", &titled, &["2 hashtags, the policy takes 1"]);
}

#[test]
fn a_banned_term_is_found_as_a_whole_word_in_whatever_form() {
    for text in [
        "A CURE for all",
        "the cure.",
        "cure",
        "cúre no, cu\u{ad}re yes",
        "ｃｕｒｅ",
        "(cure)",
        "#cure",
        "no\ncure\tat all",
    ] {
        check("banned_terms: [cure]", &of(text), &["`cure` is banned"]);
    }
    for text in ["secure", "cures", "manicure set", "cure2go", "cüre", ""] {
        check("banned_terms: [cure]", &of(text), &[]);
    }
    check("banned_terms: [miracle cure]", &of("A Miracle \n  Cure!"), &["`miracle cure` is banned"]);
    check("banned_terms: [straße]", &of("In der STRASSE"), &["`straße` is banned"]);
    check("banned_terms: [οδος]", &of("ΟΔΟΣ"), &["`οδος` is banned"]);
    check("banned_terms: [赌博]", &of("网上赌博网"), &["`赌博` is banned"]);
    check("banned_terms: [\"100 % safe\"]", &of("100 % safe!"), &["`100 % safe` is banned"]);
    let titled = Content { title: Some("The cure".into()), ..of("Rye") };
    check("banned_terms: [cure]", &titled, &["`cure` is banned"]);
}

#[test]
fn links_lead_to_allowed_domains_only_and_to_no_banned_one() {
    let allowed = "links_allowed: [example.com]";
    check(allowed, &of("at shop.example.com/a and https://example.com"), &[]);
    check(
        allowed,
        &of("at https://example.com@evil.example/"),
        &["links to evil.example are not among the allowed ones"],
    );
    check(allowed, &of("at notexample.com"), &["links to notexample.com are not among the allowed ones"]);
    check("links_banned: [bit.ly]", &of("at BIT.LY/x"), &["links to bit.ly are banned"]);
    check(
        "links_banned: [bit.ly]",
        &of("at bit.ly/x, https://go.BIT.LY"),
        &["links to bit.ly are banned", "links to go.bit.ly are banned"],
    );
    check("links_banned: [bit.ly]", &of("http://"), &["where the link http:// leads can not be told"]);
}

#[test]
fn who_is_paid_says_so() {
    let paid = |text: &str| Content { sponsored: true, ..of(text) };
    let rule = "disclosure: [\"#ad\", Anzeige]";
    let missing = "it is sponsored and does not say so: write #ad or Anzeige";
    check(rule, &paid("Buns! #AD"), &[]);
    check(rule, &paid("ANZEIGE: Buns"), &[]);
    check(rule, &paid("Buns #advent, ohne Anzeigen"), &[missing]);
    check(rule, &of("Buns"), &[]);
    check("text_max: 100", &paid("Buns"), &[]);
}

#[test]
fn who_makes_claims_names_sources() {
    let cites = |text: &str, urls: &[&str]| Content {
        claims: true,
        citations: urls.iter().map(|url| (*url).to_owned()).collect(),
        ..of(text)
    };
    let rule = "citations_min: 1, citations_in_text: true";
    check(rule, &cites("Rye is good: https://a.example/1", &["https://a.example/1"]), &[]);
    check(rule, &cites("Rye is good", &[]), &["it makes claims and names 0 citations, at least 1 are asked for"]);
    check(
        rule,
        &cites("Rye is good", &["https://a.example/1"]),
        &["the citation https://a.example/1 does not stand in the text"],
    );
    check("citations_min: 1", &cites("Rye is good", &["https://a.example/1"]), &[]);
    check(rule, &of("Rye is good"), &[]);
}
