//! Places of a recipe that a person still has to fill in: words that begin with `TODO_`, as skeletons and imported drafts have them.
//!
//! Owns what is said about each. A recipe with such a place never loads, so a draft can not run by accident. Never fills one in.

use crate::diagnostics::{Code, Sink, Span};
use crate::yaml::{Node, Value};

/// How such a word begins.
const MARK: &str = "TODO_";

/// What to put in a place, by its word; the longest beginning that fits counts.
const WORDS: &[(&str, &str)] = &[
    (
        "TODO_HOST",
        "the platform's address as the browser shows it, without `https://` and path, as in `www.example.com`",
    ),
    ("TODO_DATE", "the day on which you compared this recipe with the platform, as in `2026-11-20`"),
    (
        "TODO_PROFILE_PATH",
        "what stands after the host on the account's own profile page; keep {account.handle} where the handle stands",
    ),
    ("TODO_COMPOSER_PATH", "what stands after the host on the page on which one writes, as in `compose`"),
    ("TODO_FEED_PATH", "what stands after the host on the page that lists what the account published"),
    ("TODO_THREAD_PATH", "what stands after the host on the page that lists the answers or messages"),
    ("TODO_LOGIN_PATH", "how the path of the sign-in page begins, as in `login`"),
    (
        "TODO_ENTRY",
        "CSS of one entry or of a part of it: right-click it in the browser, choose Inspect, and look for a class or attribute that all entries have",
    ),
    (
        "TODO_WRITE",
        "the path of the request that the last click sends: open the developer tools, Network, click once by hand, and look for the POST",
    ),
    ("TODO_RECEIPT", "the words that the page shows when it worked, as in `Your post is live`"),
    ("TODO_ROBOT_WORDS", "the words that the page shows when it wants to know whether you are a robot"),
    (
        "TODO_COMMIT",
        "the name of the element whose click can not be taken back (Post, Send, Like, Delete); define it under `elements` in two independent ways",
    ),
    ("TODO_SURFACE", "the name of the page, as it stands under `surfaces`"),
    ("TODO_ELEMENT", "the name of an element, as it stands under `elements`"),
    ("TODO_TEXT_MAX", "how many characters the platform takes, as in `500`"),
];
/// What to put in a place whose word ends so.
const ENDINGS: &[(&str, &str)] = &[
    (
        "_TESTID",
        "its data-testid: right-click it in the browser, choose Inspect, and look for `data-testid=\"…\"`; without one, write another kind of locator",
    ),
    (
        "_CSS",
        "CSS that finds it: right-click it in the browser, choose Inspect, and look for an id, a class or an attribute that says what it is",
    ),
    ("_NAME", "the words on it, as a screen reader would say them"),
    ("_LABEL", "the words beside or in the empty field"),
    ("_TEXT", "its visible words"),
];

/// Reports each place once, and has the sink keep back what else is wrong with it: that is only because it is not filled in.
pub(crate) fn report(root: &Node, sink: &mut Sink<'_>) {
    let mut places = Vec::new();
    collect(root, &mut places);
    for (word, span) in &places {
        let at = sink
            .text(*span)
            .find(word)
            .map_or(*span, |from| Span { start: span.start + from, end: span.start + from + word.len() });
        let help = format!("put here {}", what_to_put(word));
        sink.report(Code::Unfilled, at, format!("`{word}` is still to be filled in"), help);
    }
    sink.keep_back_within(places.into_iter().map(|(_, span)| span).collect());
}

/// The tree is at most as deep as [`crate::yaml`] lets it be.
fn collect(node: &Node, places: &mut Vec<(String, Span)>) {
    match &node.value {
        Value::Scalar { text, .. } => places.extend(word_in(text).map(|word| (word.to_owned(), node.span))),
        Value::List(items) => items.iter().for_each(|item| collect(item, places)),
        Value::Map(entries) => {
            for entry in entries {
                places.extend(word_in(&entry.key).map(|word| (word.to_owned(), entry.key_span)));
                collect(&entry.value, places);
            }
        }
    }
}

/// The first such word of a text.
fn word_in(text: &str) -> Option<&str> {
    let from = text.find(MARK)?;
    let rest = text.get(from..)?;
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(rest.len());
    rest.get(..end).filter(|word| word.len() > MARK.len())
}

fn what_to_put(word: &str) -> &'static str {
    let by_beginning = WORDS.iter().filter(|(name, _)| word.starts_with(name)).max_by_key(|(name, _)| name.len());
    let by_ending = || ENDINGS.iter().find(|(ending, _)| word.ends_with(ending));
    by_beginning.or_else(by_ending).map_or("what the comment beside it says", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_seen_by_its_word() {
        assert_eq!(word_in("https://TODO_HOST/x"), Some("TODO_HOST"));
        assert_eq!(word_in("say TODO_NAME_2, please"), Some("TODO_NAME_2"));
        for filled in ["todo_host", "TODO", "TODO: later", "TODO_", "a TO DO_X"] {
            assert_eq!(word_in(filled), None, "{filled}");
        }
        assert!(what_to_put("TODO_HANDLE_TESTID").contains("data-testid"));
        assert!(what_to_put("TODO_ENTRY_CSS").contains("one entry"), "the beginning says more than the ending");
        assert_eq!(what_to_put("TODO_X"), "what the comment beside it says");
    }
}
