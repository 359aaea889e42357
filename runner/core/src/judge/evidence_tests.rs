//! What evidence says, told case by case.

use std::collections::BTreeMap;

use deed_recipes::Template;

use super::*;
use crate::ports::browser::{NodeId, Vote};

/// A page on which each element's locators name these nodes.
fn page(votes: &[(&str, &[&[u64]])], nodes: &[(u64, NodeFacts)]) -> Seen {
    let vote = |nodes: &&[u64]| Vote { locator: "css".into(), nodes: nodes.iter().map(|n| NodeId(*n)).collect() };
    Seen {
        votes: votes.iter().map(|(name, votes)| ((*name).to_owned(), votes.iter().map(vote).collect())).collect(),
        nodes: nodes.iter().map(|(id, facts)| (NodeId(*id), facts.clone())).collect::<BTreeMap<_, _>>(),
        ..Seen::default()
    }
}

fn shown() -> NodeFacts {
    NodeFacts { visible: true, ..NodeFacts::default() }
}

fn button(pressed: Option<bool>) -> NodeFacts {
    NodeFacts { pressed, ..shown() }
}

fn like(is: StateIs) -> StateEvidence {
    StateEvidence { element: "like".into(), is, compare: Compare::Exact, unless: None }
}

fn words(text: &str) -> Template {
    Template::parse(text).unwrap_or(Template { parts: Vec::new() })
}

fn standing(evidence: &StateEvidence, expected: &str, seen: &Seen) -> Standing {
    state(evidence, expected, seen).standing
}

#[test]
fn a_toggle_is_pressed_or_it_is_not() {
    let seen = |pressed| page(&[("like", &[&[1], &[1]])], &[(1, button(pressed))]);
    assert_eq!(standing(&like(StateIs::Pressed), "", &seen(Some(true))), Standing::Done);
    assert_eq!(standing(&like(StateIs::Pressed), "", &seen(Some(false))), Standing::NotDone);
    assert_eq!(standing(&like(StateIs::NotPressed), "", &seen(Some(false))), Standing::Done);
}

#[test]
fn a_box_is_checked_or_it_is_not() {
    let seen = |checked| page(&[("like", &[&[1]])], &[(1, NodeFacts { checked: Some(checked), ..shown() })]);
    assert_eq!(standing(&like(StateIs::Checked), "", &seen(true)), Standing::Done);
    assert_eq!(standing(&like(StateIs::NotChecked), "", &seen(true)), Standing::NotDone);
    assert_eq!(standing(&like(StateIs::NotChecked), "", &seen(false)), Standing::Done);
}

#[test]
fn what_done_means_is_told_and_what_must_be_asked_for_as_well() {
    let told = |is: StateIs| Wanted::State { evidence: like(is), expected: "Following".into() }.in_words();
    for (is, words) in [
        (StateIs::Pressed, "`like` is pressed"),
        (StateIs::NotPressed, "`like` is not pressed"),
        (StateIs::Checked, "`like` is checked"),
        (StateIs::NotChecked, "`like` is not checked"),
        (StateIs::Visible, "`like` is visible"),
        (StateIs::Name(words("Following")), "`like` has the name \"Following\""),
        (StateIs::Text(words("Following")), "`like` reads \"Following\""),
    ] {
        assert_eq!(told(is), words);
    }
    let gone =
        GoneEvidence { any: vec![GoneSign::Status(404), GoneSign::Element("notice".into())], unless: "post".into() };
    assert_eq!(Wanted::Gone(gone.clone()).in_words(), "the object is gone");
    assert_eq!(elements(&Evidence::Gone(gone)), ["notice", "post"]);
    let state = StateEvidence { unless: Some("unlike".into()), ..like(StateIs::Pressed) };
    assert_eq!(elements(&Evidence::State(state)), ["like", "unlike"]);
}

/// A second click would take the like back, so a button that is silent about its state is not clicked.
#[test]
fn a_toggle_that_does_not_say_is_unreadable() {
    let silent = page(&[("like", &[&[1]])], &[(1, button(None))]);
    assert_eq!(standing(&like(StateIs::Pressed), "", &silent), Standing::Unreadable);
    assert_eq!(standing(&like(StateIs::NotPressed), "", &silent), Standing::Unreadable);
    assert_eq!(standing(&like(StateIs::Checked), "", &silent), Standing::Unreadable);
}

#[test]
fn an_element_that_was_not_seen_says_nothing() {
    assert_eq!(standing(&like(StateIs::Pressed), "", &Seen::default()), Standing::Unreadable);
    let hidden = page(&[("like", &[&[1]])], &[(1, NodeFacts { visible: false, ..button(Some(true)) })]);
    assert_eq!(standing(&like(StateIs::Pressed), "", &hidden), Standing::Unreadable);
}

#[test]
fn several_that_disagree_say_nothing() {
    let nodes = [(1, button(Some(true))), (2, button(Some(false)))];
    let two_locators = page(&[("like", &[&[1], &[2]])], &nodes);
    assert_eq!(standing(&like(StateIs::Pressed), "", &two_locators), Standing::Unreadable);
    let one_locator = page(&[("like", &[&[1, 2]])], &nodes);
    assert_eq!(standing(&like(StateIs::Pressed), "", &one_locator), Standing::Unreadable);
    // One that names exactly one node is heard before one that names several.
    let exact = page(&[("like", &[&[1, 2], &[1]])], &nodes);
    assert_eq!(standing(&like(StateIs::Pressed), "", &exact), Standing::Done);
}

#[test]
fn visible_needs_something_else_to_tell_not_there_from_not_loaded() {
    let evidence = StateEvidence { unless: Some("follow".into()), ..like(StateIs::Visible) };
    let there = page(&[("like", &[&[1]])], &[(1, shown())]);
    assert_eq!(standing(&evidence, "", &there), Standing::Done);
    let other = page(&[("like", &[&[]]), ("follow", &[&[2]])], &[(2, shown())]);
    assert_eq!(standing(&evidence, "", &other), Standing::NotDone);
    assert_eq!(standing(&evidence, "", &Seen::default()), Standing::Unreadable);
}

/// The button is gone from beside the name, and one of the same words stands further down, of somebody who is suggested.
#[test]
fn another_button_of_the_same_words_does_not_tell_that_it_was_not_done() {
    let evidence = StateEvidence { unless: Some("follow".into()), ..like(StateIs::Visible) };
    let another = page(&[("like", &[&[]]), ("follow", &[&[9], &[], &[]])], &[(9, shown())]);
    assert_eq!(standing(&evidence, "", &another), Standing::Unreadable);
    let own = page(&[("like", &[&[]]), ("follow", &[&[2, 9], &[2], &[2]])], &[(2, shown()), (9, shown())]);
    assert_eq!(standing(&evidence, "", &own), Standing::NotDone);
    // Nor that an object is still there; and certainly not that it is gone.
    let deleted = GoneEvidence { unless: "follow".into(), ..deleted() };
    assert_eq!(gone(&deleted, Some(404), &another).standing, Standing::Unreadable);
    assert_eq!(gone(&deleted, Some(200), &own).standing, Standing::NotDone);
}

#[test]
fn name_and_text_are_compared_as_the_recipe_says() {
    let facts = NodeFacts { name: "Following".into(), text: "Fresh  bread".into(), ..shown() };
    let seen = page(&[("like", &[&[1]])], &[(1, facts)]);
    let named = like(StateIs::Name(words("Following")));
    assert_eq!(standing(&named, "Following", &seen), Standing::Done);
    assert_eq!(standing(&named, "Follow", &seen), Standing::NotDone);
    let contains = StateEvidence { compare: Compare::Contains, ..like(StateIs::Text(words("{content.text}"))) };
    assert_eq!(standing(&contains, "bread", &seen), Standing::Done);
    assert_eq!(standing(&contains, "cake", &seen), Standing::NotDone);
    // An element that is still empty has not been filled in yet.
    let empty = page(&[("like", &[&[1]])], &[(1, shown())]);
    assert_eq!(standing(&contains, "bread", &empty), Standing::Unreadable);
}

fn deleted() -> GoneEvidence {
    let any = vec![GoneSign::Status(404), GoneSign::Element("notice".into())];
    GoneEvidence { any, unless: "like".into() }
}

#[test]
fn gone_is_what_a_sign_says() {
    let blank = Seen::default();
    assert_eq!(gone(&deleted(), Some(404), &blank).standing, Standing::Done);
    let notice = page(&[("notice", &[&[1]])], &[(1, shown())]);
    assert_eq!(gone(&deleted(), Some(200), &notice).standing, Standing::Done);
}

#[test]
fn an_empty_page_or_a_server_in_trouble_is_not_gone() {
    let blank = Seen::default();
    for status in [None, Some(200), Some(403), Some(429), Some(500), Some(503)] {
        assert_eq!(gone(&deleted(), status, &blank).standing, Standing::Unreadable, "{status:?}");
    }
}

#[test]
fn what_is_seen_is_not_gone_whatever_else_the_page_says() {
    let both = page(&[("notice", &[&[1]]), ("like", &[&[2]])], &[(1, shown()), (2, shown())]);
    assert_eq!(gone(&deleted(), Some(404), &both).standing, Standing::NotDone);
}

#[test]
fn what_its_locators_do_not_agree_on_is_perhaps_still_there() {
    let apart = page(&[("notice", &[&[1]]), ("like", &[&[2], &[3]])], &[(1, shown()), (2, shown()), (3, shown())]);
    let judged = gone(&deleted(), Some(404), &apart);
    assert_eq!(judged.standing, Standing::Unreadable);
    assert!(judged.words.contains("do not agree"), "{}", judged.words);
}

#[test]
fn a_redirect_to_another_object_is_not_the_target() {
    for same in ["https://a.test/p/42", "https://a.test/p/42/", "https://a.test/P/42#top", "https://a.test/p/42?utm=1"]
    {
        assert!(landed_at("https://a.test/p/42", same), "{same}");
    }
    for other in ["https://a.test/p/43", "https://a.test/", "https://a.test/p/42/likes", "https://b.test/p/42"] {
        assert!(!landed_at("https://a.test/p/42", other), "{other}");
    }
    assert!(landed_at("https://a.test/watch?v=1&share=x", "https://a.test/watch?v=1"));
    assert!(!landed_at("https://a.test/watch?v=1", "https://a.test/watch?v=2"));
}
