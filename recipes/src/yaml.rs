//! YAML text → a tree of nodes that know where they stand.
//!
//! Owns the limits on hostile input: size, depth, number of nodes. Anchors, aliases, tags and second documents are
//! refused, so that what a reviewer reads in the file is what runs. Never knows what a key means.
//!
//! The events come from saphyr-parser (YAML 1.2). The tree is built with an explicit stack of bounded height, so no input
//! can exhaust the thread's own.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as EventSpan};

use crate::diagnostics::{Code, Sink, Span};

/// Greatest depth of lists and maps within each other.
const DEPTH_MAX: usize = 24;
/// Greatest number of texts, lists and maps.
const NODES_MAX: usize = 20_000;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// The value's own text.
    pub span: Span,
    /// What an error about the whole value points at: its key when it has one.
    pub label: Span,
    /// What was written.
    pub value: Value,
}

/// A value.
#[derive(Debug)]
pub enum Value {
    /// A text.
    Scalar {
        /// As it is meant: without quotes, escapes resolved.
        text: String,
        /// Whether it stands without quotes, so that it may also mean a number, a truth value or nothing.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// A key of a map with its value. Keys that stand twice are all here; the error is already reported.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where it stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// Whether nothing was written (`key:`, `~`, `null`).
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar { .. } | Value::List(_) => &[],
        }
    }
}

/// A list or map that is not closed yet.
struct Open {
    start: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    /// `keys`: those of `entries`, so that a map of thousands is not searched for each.
    Map {
        entries: Vec<Entry>,
        keys: BTreeSet<String>,
        key: Option<(String, Span)>,
    },
}

/// Reads one YAML document. `None` when it is no YAML at all; the reasons are in `sink`.
pub fn read(source: &str, sink: &mut Sink<'_>) -> Option<Node> {
    let offsets: Vec<usize> = source.char_indices().map(|(at, _)| at).chain(std::iter::once(source.len())).collect();
    let mut builder =
        Builder { source, offsets, stack: Vec::new(), root: None, nodes: 0, documents: 0, aliases: false };
    for event in Parser::new_from_str(source) {
        match event {
            Ok((event, span)) => {
                let span = builder.bytes(span);
                builder.take(event, span, sink)?;
            }
            Err(error) => {
                builder.refuse(builder.offset(error.marker().index()), error.info(), sink);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        let (what, begin) = sink.what();
        sink.report(Code::Syntax, Span::default(), format!("the {what} is empty"), begin.to_owned());
    }
    builder.root.filter(|_| !builder.aliases)
}

struct Builder<'s> {
    source: &'s str,
    /// Byte offset of each character, and of the end: the parser counts in characters.
    offsets: Vec<usize>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    /// An alias stands for a value that is not known here, so nothing more can be said of the recipe.
    aliases: bool,
}

impl Builder<'_> {
    fn offset(&self, char_index: usize) -> usize {
        self.offsets.get(char_index).copied().unwrap_or(self.source.len())
    }

    /// Says why it is no YAML, at the place that a person has to mend.
    fn refuse(&self, at: usize, why: &str, sink: &mut Sink<'_>) {
        if why.contains("recursion limit") {
            let help =
                format!("no part of a {} is nearly as deep: look for a bracket that does not close", sink.what().0);
            return sink.report(Code::TooDeep, Span { start: at, end: at }, "brackets nest too deeply here", help);
        }
        // The scanner tells of a tab where it was before it, at the end of the line above.
        if let Some(tab) = why.contains("tab").then(|| self.tab_from(at)).flatten() {
            let (span, help) = (Span { start: tab, end: tab + 1 }, "YAML indents by spaces: replace the tab by spaces");
            return sink.report(Code::Syntax, span, "a tab stands in the indentation", help.to_owned());
        }
        let help = "check indentation, quotes and brackets; a text with `: `, `#`, `{` or `[` in it needs quotes";
        let message = format!("this is not valid YAML: {why}");
        sink.report(Code::Syntax, Span { start: at, end: at }, message, help.to_owned());
    }

    /// The first tab before the first word of a line, from the line of `at` on.
    fn tab_from(&self, at: usize) -> Option<usize> {
        let mut start = self.source.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
        for line in self.source.get(start..)?.split_inclusive('\n') {
            let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
            if let Some(tab) = line.get(..indentation).and_then(|blank| blank.find('\t')) {
                return Some(start + tab);
            }
            start += line.len();
        }
        None
    }

    /// The bytes of an event, without the white space that the scanner counts at the end of a block.
    fn bytes(&self, span: EventSpan) -> Span {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        let text = self.source.get(start..end).unwrap_or_default();
        Span { start, end: start + quoted(text).unwrap_or(text.trim_end()).len() }
    }

    /// `None` stops the reading.
    fn take(&mut self, event: Event<'_>, span: Span, sink: &mut Sink<'_>) -> Option<()> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = format!("a {} is one document: remove the second `---`", sink.what().0);
                    sink.report(Code::UnsupportedYaml, span, "a second document begins here", help);
                    return None;
                }
            }
            Event::Alias(_) => {
                let help = "write the value out: what is read in the file must be what runs";
                sink.report(
                    Code::UnsupportedYaml,
                    span,
                    "aliases (`*name`) are not part of the language",
                    help.to_owned(),
                );
                self.aliases = true;
                self.node(Value::Scalar { text: String::new(), plain: true }, span, sink)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_extras(anchor, tag.is_some(), span, sink);
                let value = Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.node(value, span, sink)?;
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_extras(anchor, tag.is_some(), span, sink);
                self.open(OpenKind::List(Vec::new()), span, sink)?;
            }
            Event::MappingStart(anchor, tag) => {
                refuse_extras(anchor, tag.is_some(), span, sink);
                self.open(OpenKind::Map { entries: Vec::new(), keys: BTreeSet::new(), key: None }, span, sink)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span, sink)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Some(())
    }

    fn open(&mut self, kind: OpenKind, span: Span, sink: &mut Sink<'_>) -> Option<()> {
        if self.stack.len() >= DEPTH_MAX {
            sink.report(
                Code::TooDeep,
                span,
                format!("lists and maps nest deeper than {DEPTH_MAX} here"),
                format!("no part of a {} is nearly as deep: look for a bracket that does not close", sink.what().0),
            );
            return None;
        }
        self.stack.push(Open { start: span.start, kind });
        Some(())
    }

    fn close(&mut self, span: Span, sink: &mut Sink<'_>) -> Option<()> {
        let open = self.stack.pop()?;
        let end = span.end.max(open.start);
        let text = self.source.get(open.start..end).unwrap_or_default();
        let whole = Span { start: open.start, end: open.start + text.trim_end().len() };
        let value = match open.kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map { entries, .. } => Value::Map(entries),
        };
        self.node(value, whole, sink)
    }

    /// Puts a finished value where it belongs: the root, a list, a key or a key's value.
    fn node(&mut self, value: Value, span: Span, sink: &mut Sink<'_>) -> Option<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the {} has more than {NODES_MAX} values", sink.what().0);
            sink.report(Code::TooDeep, span, message, "split it into several".to_owned());
            return None;
        }
        let node = Node { span, label: span, value };
        match self.stack.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, keys, key }) => match key.take() {
                Some((name, key_span)) => {
                    let again = !keys.insert(name.clone());
                    add(entries, again, Entry { key: name, key_span, value: node }, sink);
                }
                None => *key = Some(key_of(node, sink)),
            },
        }
        Some(())
    }
}

/// A text in quotes without what follows it: white space, a comment. `None`: it begins with no quote.
fn quoted(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let doubled = mark == '\'' && letters.peek().is_some_and(|(_, next)| *next == mark);
        match letter {
            '\\' if mark == '"' => drop(letters.next()),
            c if c == mark && doubled => drop(letters.next()),
            c if c == mark => return text.get(..=at),
            _ => {}
        }
    }
    None
}

fn add(entries: &mut Vec<Entry>, again: bool, entry: Entry, sink: &mut Sink<'_>) {
    let Entry { key, key_span, mut value } = entry;
    if let Some(first) = entries.iter().find(|entry| again && entry.key == key) {
        let line = sink.line(first.key_span.start);
        // A second commit is not a slip of the pen like any other key; it gets its own words.
        let (code, help) = if key == "commit" {
            (
                Code::SeveralCommits,
                "a flow has exactly one irreversible input: remove one, or make it a flow of its own",
            )
        } else {
            (Code::DuplicateKey, "remove one of the two")
        };
        sink.report(
            code,
            key_span,
            format!("`{key}` stands here a second time; the first is on line {line}"),
            help.to_owned(),
        );
    }
    value.label = key_span;
    entries.push(Entry { key, key_span, value });
}

fn key_of(node: Node, sink: &mut Sink<'_>) -> (String, Span) {
    match node.value {
        Value::Scalar { text, .. } => (text, node.span),
        Value::List(_) | Value::Map(_) => {
            let help = "a text that begins with `{` or `[` needs quotes: \"{account.handle}\"";
            sink.report(Code::WrongType, node.span, "a key must be a name", help.to_owned());
            (String::new(), node.span)
        }
    }
}

fn refuse_extras(anchor: usize, tag: bool, span: Span, sink: &mut Sink<'_>) {
    if anchor != 0 {
        let help = "write the value out at each place: what is read in the file must be what runs";
        sink.report(Code::UnsupportedYaml, span, "anchors (`&name`) are not part of the language", help.to_owned());
    }
    if tag {
        let help = "remove the tag; a text that begins with `!` needs quotes";
        sink.report(Code::UnsupportedYaml, span, "tags (`!name`) are not part of the language", help.to_owned());
    }
}
