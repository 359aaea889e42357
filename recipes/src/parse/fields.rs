//! Reads plain values out of nodes: texts, numbers, choices, lists, maps with known keys.
//!
//! Every reader reports what is wrong and answers `None`; its caller goes on, so that one run finds all errors. Never
//! knows what a recipe is.

use std::ops::RangeInclusive;

use crate::diagnostics::{Code, Sink, Span};
use crate::suggest::did_you_mean;
use crate::yaml::{Entry, Node, Value};

/// Longest text of a recipe, in characters.
const TEXT_CHARS_MAX: usize = 1_000;
/// Unknown keys of one map that are told; the first ones are mended first.
const UNKNOWN_MAX: usize = 100;

/// A map whose keys were compared with those that the language knows here.
pub struct Fields<'n> {
    what: String,
    label: Span,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Opens a map; unknown keys are reported at once. `what` completes "… in" ("`identity`").
    pub fn open(node: &'n Node, what: &str, known: &[&str], sink: &mut Sink<'_>) -> Option<Self> {
        let entries = map(node, what, sink)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())).take(UNKNOWN_MAX) {
            let help = did_you_mean(&entry.key, known.iter().copied());
            sink.report(Code::UnknownKey, entry.key_span, format!("unknown key `{}` in {what}", entry.key), help);
        }
        Some(Self { what: what.to_owned(), label: node.label, entries })
    }

    /// Where a key stands, if it stands there.
    pub(crate) fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.key_span)
    }

    /// The value of a key that may be left out. A key without a value is reported.
    pub fn get(&self, key: &str, sink: &mut Sink<'_>) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if entry.value.is_null() {
            let message = format!("`{key}` in {} has no value", self.what);
            sink.report(Code::MissingKey, entry.key_span, message, "give it a value, or remove the key".to_owned());
            return None;
        }
        Some(&entry.value)
    }

    /// The value of a key that must be there. `write` shows what to write.
    pub fn need(&self, key: &str, write: &str, sink: &mut Sink<'_>) -> Option<&'n Node> {
        if !self.entries.iter().any(|entry| entry.key == key) {
            let message = format!("{} has no `{key}`", self.what);
            sink.report(Code::MissingKey, self.label, message, format!("add `{write}`"));
        }
        self.get(key, sink)
    }
}

/// The entries of a map.
pub fn map<'n>(node: &'n Node, what: &str, sink: &mut Sink<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        _ => wrong_type(node, what, "a map (`key: value`)", sink),
    }
}

/// The one entry of a map that says of what kind a thing is (`css: …`, `open: …`).
pub fn single<'n>(node: &'n Node, what: &str, known: &[&str], sink: &mut Sink<'_>) -> Option<&'n Entry> {
    let entries = map(node, what, sink)?;
    match entries {
        [entry] if known.contains(&entry.key.as_str()) => Some(entry),
        [entry] => {
            let help = did_you_mean(&entry.key, known.iter().copied());
            sink.report(Code::UnknownKey, entry.key_span, format!("unknown key `{}` in {what}", entry.key), help);
            None
        }
        _ => {
            let message = format!("{what} must have exactly one key, this has {}", entries.len());
            let help = format!("begin a list entry (`- `) for each; known here: {}", known.join(", "));
            sink.report(Code::WrongType, node.span, message, help);
            None
        }
    }
}

/// The entries of a list, within its limits.
pub fn list<'n>(node: &'n Node, what: &str, count: RangeInclusive<usize>, sink: &mut Sink<'_>) -> Option<&'n [Node]> {
    let Value::List(items) = &node.value else {
        return wrong_type(node, what, "a list (`[ … ]` or lines with `- `)", sink);
    };
    if items.len() < *count.start() {
        let message = format!("{what} is an empty list");
        sink.report(Code::MissingKey, node.label, message, format!("give it at least {} entry", count.start()));
        return None;
    }
    limit(items.len(), *count.end(), what, node.label, sink);
    items.get(..items.len().min(*count.end()))
}

/// Reports when there are more of something than the language allows.
pub fn limit(count: usize, max: usize, what: &str, at: Span, sink: &mut Sink<'_>) {
    if count > max {
        sink.report(Code::Limit, at, format!("{what} has {count} entries; at most {max} are allowed"), None);
    }
}

/// A text that is not empty.
pub fn text(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<String> {
    let Value::Scalar { text, .. } = &node.value else {
        return wrong_type(node, what, "a text", sink);
    };
    if node.is_null() || text.trim().is_empty() {
        sink.report(
            Code::BadValue,
            node.label,
            format!("{what} is empty"),
            "write a text, or remove the key".to_owned(),
        );
        return None;
    }
    if text.chars().count() > TEXT_CHARS_MAX {
        let message = format!("{what} is longer than {TEXT_CHARS_MAX} characters");
        sink.report(Code::Limit, node.span, message, None);
        return None;
    }
    Some(text.clone())
}

/// A whole number within limits.
pub fn number(node: &Node, what: &str, range: RangeInclusive<u64>, sink: &mut Sink<'_>) -> Option<u64> {
    let digits = match &node.value {
        Value::Scalar { text, plain: true } if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
            text
        }
        _ => return wrong_type(node, what, "a whole number", sink),
    };
    match digits.parse::<u64>() {
        Ok(number) if range.contains(&number) => Some(number),
        _ => {
            let message = format!("{what} is {digits}, outside {} to {}", range.start(), range.end());
            let nearest = if digits.parse::<u64>().is_ok_and(|number| number < *range.start()) {
                range.start()
            } else {
                range.end()
            };
            sink.report(Code::Limit, node.span, message, format!("the nearest allowed value is {nearest}"));
            None
        }
    }
}

/// `true` or `false`.
pub fn truth(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<bool> {
    match &node.value {
        Value::Scalar { text, plain: true } if text == "true" => Some(true),
        Value::Scalar { text, plain: true } if text == "false" => Some(false),
        _ => wrong_type(node, what, "`true` or `false`", sink),
    }
}

/// One word of a closed set.
pub fn choice<T: Copy>(node: &Node, what: &str, words: &[(&str, T)], sink: &mut Sink<'_>) -> Option<T> {
    let word = text(node, what, sink)?;
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if found.is_none() {
        let help = did_you_mean(&word, words.iter().map(|(name, _)| *name));
        sink.report(Code::BadValue, node.span, format!("{what} cannot be `{word}`"), help);
    }
    found
}

/// Reports that something else stands where a value of some type belongs.
pub fn wrong_type<T>(node: &Node, what: &str, wanted: &str, sink: &mut Sink<'_>) -> Option<T> {
    let (found, help) = match &node.value {
        _ if node.is_null() => ("nothing".to_owned(), None),
        Value::Scalar { text, plain: true } if text.chars().count() <= 40 => (format!("`{text}`"), None),
        Value::Scalar { plain: true, .. } => ("a text".to_owned(), None),
        Value::Scalar { .. } if wanted.starts_with("a text") => ("a text".to_owned(), None),
        Value::Scalar { .. } => ("a text in quotes".to_owned(), Some("remove the quotes".to_owned())),
        Value::List(_) => ("a list".to_owned(), quotes_help(node, sink)),
        Value::Map(_) => ("a map".to_owned(), quotes_help(node, sink)),
    };
    sink.report(Code::WrongType, node.span, format!("{what} must be {wanted}; here stands {found}"), help);
    None
}

/// `css: [href]` and `text: {content.text}` are a list and a map in YAML: the most frequent slip of all.
fn quotes_help(node: &Node, sink: &Sink<'_>) -> Option<String> {
    let written = sink.text(node.span);
    let bracket = written.starts_with(['[', '{']) && !written.contains('\n');
    bracket.then(|| format!("a text that begins with `[` or `{{` needs quotes: \"{}\"", written.replace('"', "'")))
}
