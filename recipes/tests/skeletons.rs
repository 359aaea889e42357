//! New recipes: they parse, every place to fill in is named, and filled in they load.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use deed_recipes::{ACTION_TYPES, Code, check_str, load_str, skeleton};

fn new(action_type: &str) -> String {
    skeleton("shop", action_type).unwrap().unwrap()
}

/// Flows of the second edition's evidence; the others are checked whole.
const BY_STATE: [&str; 3] = ["like", "follow", "delete"];

#[test]
fn every_place_to_fill_in_is_named_and_nothing_else_is_wrong() {
    for action_type in ACTION_TYPES {
        let text = new(action_type);
        let found = check_str("recipe.yaml", &text);
        let unfilled = found.list().iter().filter(|one| one.code == Code::Unfilled).count();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert_eq!(unfilled, lines.map(|line| line.matches("TODO_").count()).sum::<usize>(), "{action_type}");
        if !BY_STATE.contains(&action_type) {
            assert_eq!(unfilled, found.len(), "{action_type}:\n{found}");
        }
        for one in found.list().iter().filter(|one| one.code == Code::Unfilled) {
            let help = one.help.as_deref().unwrap();
            assert!(help.starts_with("put here ") && !help.contains("the comment beside it"), "{} {help}", one.message);
        }
    }
}

#[test]
fn a_skeleton_that_is_filled_in_loads() {
    for action_type in ACTION_TYPES.into_iter().filter(|kind| !BY_STATE.contains(kind)) {
        let mut text = new(action_type);
        text =
            text.replace("TODO_HOST", "shop.test").replace("TODO_DATE", "2026-11-20").replace("TODO_TEXT_MAX", "500");
        // What is left takes any word; one of its own for each, as a person would write it.
        while let Some(at) = text.find("TODO_").filter(|_| text.contains("TODO_")) {
            let rest = &text[at..];
            let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap();
            let word = rest[5..end].to_lowercase().replace('_', "-");
            text.replace_range(at..at + end, &word);
        }
        let recipe = load_str("recipe.yaml", &text).unwrap();
        assert_eq!(
            (recipe.platform.as_str(), recipe.flows.keys().next().map(String::as_str)),
            ("shop", Some(action_type))
        );
    }
}

#[test]
fn names_that_are_none_are_refused() {
    for name in ["", "Shop", "../x", "a b", "1st", "a.b", &"x".repeat(61)] {
        assert!(skeleton(name, "publish.post").is_err(), "{name}");
    }
    assert_eq!(skeleton("shop", "publish.pots"), Ok(None));
}

#[test]
fn a_place_that_is_left_is_kept_from_running_whatever_else_is_right() {
    let good = include_str!("common/good.yaml");
    let left = good.replace("toast: \"Posted\"", "toast: \"TODO_RECEIPT_WORDS\"");
    let found = check_str("recipe.yaml", &left);
    assert_eq!(found.list().iter().map(|one| one.code).collect::<Vec<_>>(), [Code::Unfilled]);
    let shown = found.render(false);
    assert!(shown.contains("error[recipe-unfilled]: `TODO_RECEIPT_WORDS` is still to be filled in"), "{shown}");
    assert!(shown.contains("the words that the page shows when it worked"), "{shown}");
}
