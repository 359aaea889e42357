//! Which attributes of an element say what it is, and how an element is written in the canonical form.
//!
//! A short list of what is kept, not a long one of what is volatile: frameworks invent new attributes, but not new meanings.
//! Left out on purpose: every text (`aria-label`, `title`, `alt`, `placeholder`, `value`), every state (`aria-expanded`,
//! `disabled`, `style`), every reference and token (`href`, `src`, `nonce`, `content`, `for`, `aria-controls`).

use std::fmt::Write as _;

use super::names::{self, Name};
use super::tokens::Tag;

/// How an element takes part in the canonical form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Neither it nor anything inside.
    Dropped,
    /// Not itself, but what is inside, as if it stood in its place.
    Transparent,
    /// Itself without what is inside.
    Leaf(Line),
    /// Itself and what is inside.
    Branch(Line),
}

/// One element as a line of the canonical form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `tag[attribute="value"]…`, without the depth.
    pub(super) text: String,
    /// How siblings that are written alike are collapsed.
    pub(super) repeats: Repeats,
    /// Every child is an entry of a list, however it is written.
    pub(super) lists: bool,
    /// Entries below keep their order: it is a menu or a toolbar, made by the platform and not by its users.
    pub(super) keeps_order: bool,
}

/// How a run of siblings with the same line is collapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Nothing but the tag: only neighbours of the same shape are one.
    Bare,
    /// It carries a name: once two of them have the same shape, the run is a list.
    Named,
    /// It is an entry of a list by its meaning, even when it stands alone.
    Entry,
}

/// Decides how an element takes part, from its tag alone.
pub(super) fn part_of(tag: &Tag) -> Part {
    match tag.name() {
        "head" | "script" | "style" | "noscript" | "template" | "link" | "meta" | "base" | "title" | "hr" | "track" => {
            Part::Dropped
        }
        "b" | "i" | "em" | "strong" | "u" | "s" | "small" | "mark" | "sub" | "sup" | "br" | "wbr" | "font" | "code" => {
            Part::Transparent
        }
        // Their classes hold the theme, the language and what scripts found out about the browser.
        name @ ("html" | "body") => Part::Branch(Line::bare(name)),
        name => {
            let mut attributes: Vec<(&str, &str)> = tag.attributes().collect();
            // Stable: of one that is written twice the first stays.
            attributes.sort_by_key(|(key, _)| *key);
            attributes.dedup_by_key(|(key, _)| *key);
            let line = line_of(name, &attributes);
            let drawn = matches!(
                name,
                "svg" | "math" | "canvas" | "video" | "audio" | "picture" | "object" | "iframe" | "textarea"
            );
            if drawn || is_editor(&attributes) { Part::Leaf(line) } else { Part::Branch(line) }
        }
    }
}

impl Line {
    fn bare(tag: &str) -> Self {
        Self { text: tag.to_owned(), repeats: Repeats::Bare, lists: false, keeps_order: false }
    }
}

fn line_of(name: &str, attributes: &[(&str, &str)]) -> Line {
    let kept: Vec<(&str, String)> =
        attributes.iter().filter_map(|(key, value)| Some((*key, kept_value(key, value.trim())?))).collect();
    let role = kept.iter().find(|(key, _)| *key == "role").map_or("", |(_, role)| role);
    let entry = matches!(name, "article" | "li" | "tr" | "option")
        || matches!(role, "article" | "listitem" | "comment" | "row" | "option");
    let named = kept.iter().any(|(key, _)| matches!(*key, "class" | "role" | "id") || is_test_id(key));
    let mut line = Line {
        repeats: if entry {
            Repeats::Entry
        } else if named {
            Repeats::Named
        } else {
            Repeats::Bare
        },
        lists: matches!(role, "feed" | "log"),
        keeps_order: matches!(name, "nav" | "menu")
            || matches!(role, "navigation" | "menu" | "menubar" | "toolbar" | "tablist" | "radiogroup"),
        ..Line::bare(name)
    };
    for (key, value) in kept {
        // Writing to a String cannot fail.
        let _ = write!(line.text, "[{key}={value:?}]");
    }
    line
}

/// What of an attribute is kept.
pub(super) enum Kept {
    Classes,
    Identifier,
    Path,
    Word,
    /// Only that it is there.
    Presence,
}

/// What is kept of an attribute of this name; `None` when it does not count.
pub(super) fn kept(key: &str) -> Option<Kept> {
    match key {
        "class" => Some(Kept::Classes),
        "id" | "name" => Some(Kept::Identifier),
        "action" | "formaction" => Some(Kept::Path),
        "role" | "type" | "method" | "formmethod" | "enctype" | "accept" | "itemprop" | "inputmode"
        | "contenteditable" | "aria-haspopup" | "aria-modal" | "aria-multiline" | "multiple" | "required"
        | "draggable" => Some(Kept::Word),
        _ if is_test_id(key) => Some(Kept::Identifier),
        // Of other data only that it is there: values hold authors, counters, times and keys.
        _ if key.starts_with("data-") && !key.starts_with("data-v-") => Some(Kept::Presence),
        _ => None,
    }
}

/// What stays of an attribute; `None` when it is volatile. Values are short, so that a line stays one.
fn kept_value(key: &str, value: &str) -> Option<String> {
    match kept(key)? {
        Kept::Classes => names::stable_classes(value),
        Kept::Identifier => names::stable(value, Name::Identifier),
        Kept::Path => Some(names::stable_path(value)),
        Kept::Word => Some(value.to_ascii_lowercase()),
        Kept::Presence => names::stable(key, Name::Identifier).filter(|name| name == key).map(|_| String::new()),
    }
}

fn is_test_id(key: &str) -> bool {
    matches!(key, "data-testid" | "data-test-id" | "data-test" | "data-qa" | "data-cy" | "data-e2e" | "data-component")
}

/// What somebody types is content, not structure.
fn is_editor(attributes: &[(&str, &str)]) -> bool {
    attributes.iter().any(|(key, value)| match *key {
        "contenteditable" => !value.eq_ignore_ascii_case("false"),
        "role" => value.eq_ignore_ascii_case("textbox"),
        _ => false,
    })
}
