//! What is wrong with a recipe, and where.
//!
//! Owns the codes, the positions and the collecting of errors: a recipe's author sees all of them in one go. How they
//! look on a terminal is [`crate::render`]'s matter. Nothing here decides what is wrong.

use std::fmt;

use serde::{Serialize, Serializer};

/// Most errors that are kept of one file; hostile input must not make an endless report.
const KEPT_MAX: usize = 100;
/// Longest piece of a source line that is kept with an error, in bytes.
const LINE_BYTES_MAX: usize = 400;

/// The kind of an error of a recipe. Its text form is stable and has a page in `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// It is not YAML.
    Syntax,
    /// The file is larger than [`crate::BYTES_MAX`].
    TooLarge,
    /// Lists and maps nest too deeply, or there are too many of them.
    TooDeep,
    /// An anchor, alias, tag or second document: YAML that the language leaves out.
    UnsupportedYaml,
    /// A key stands twice in one map.
    DuplicateKey,
    /// A key that the language does not know in this place.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A list where a text belongs, and the like.
    WrongType,
    /// The right type, yet not a value that can be meant.
    BadValue,
    /// More, longer or greater than the language allows.
    Limit,
    /// An element that the recipe does not define.
    UnknownElement,
    /// A surface that the recipe does not define.
    UnknownSurface,
    /// A surface that must list objects has no `items`.
    SurfaceWithoutItems,
    /// A placeholder outside the closed set.
    UnknownPlaceholder,
    /// A placeholder that has no value in this place.
    PlaceholderNotHere,
    /// A text whose braces do not close.
    BadTemplate,
    /// A CSS selector that does not parse.
    BadSelector,
    /// An XPath expression that cannot parse.
    BadXpath,
    /// A role that WAI-ARIA does not define.
    UnknownRole,
    /// The same locator twice in one element: it would vote twice.
    DuplicateLocator,
    /// Elements that are found by being near each other in a circle.
    NearCycle,
    /// An origin that a session must not be carried to.
    BadOrigin,
    /// A URL outside `origins`.
    OriginNotCovered,
    /// A write pattern that names no request, or every one.
    BadWrite,
    /// A flow without a commit.
    NoCommit,
    /// A flow with more than one commit.
    SeveralCommits,
    /// A commit among the reversible steps.
    CommitInSteps,
    /// The parts of a flow do not stand in the order in which they happen.
    Order,
    /// A reversible step touches what may be a commit element.
    CommitTouched,
    /// An element of a commit or of identity has fewer than two independent locators.
    NotIndependent,
    /// Fewer than two of the three identity signals.
    IdentityWeak,
    /// Something is put into the composer that review never reads back.
    ReviewIncomplete,
    /// `{read.NAME}` that no earlier step reads.
    NotRead,
    /// A flow that takes a target, and never looks whether it is at it.
    TargetUnchecked,
    /// A `TODO_…` of a skeleton or an imported draft.
    Unfilled,
}

impl Code {
    /// Every code, in the order of its definition.
    pub const ALL: [Self; 35] = [
        Self::Syntax,
        Self::TooLarge,
        Self::TooDeep,
        Self::UnsupportedYaml,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::Limit,
        Self::UnknownElement,
        Self::UnknownSurface,
        Self::SurfaceWithoutItems,
        Self::UnknownPlaceholder,
        Self::PlaceholderNotHere,
        Self::BadTemplate,
        Self::BadSelector,
        Self::BadXpath,
        Self::UnknownRole,
        Self::DuplicateLocator,
        Self::NearCycle,
        Self::BadOrigin,
        Self::OriginNotCovered,
        Self::BadWrite,
        Self::NoCommit,
        Self::SeveralCommits,
        Self::CommitInSteps,
        Self::Order,
        Self::CommitTouched,
        Self::NotIndependent,
        Self::IdentityWeak,
        Self::ReviewIncomplete,
        Self::NotRead,
        Self::TargetUnchecked,
        Self::Unfilled,
    ];

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "recipe-syntax",
            Self::TooLarge => "recipe-too-large",
            Self::TooDeep => "recipe-too-deep",
            Self::UnsupportedYaml => "recipe-unsupported-yaml",
            Self::DuplicateKey => "recipe-duplicate-key",
            Self::UnknownKey => "recipe-unknown-key",
            Self::MissingKey => "recipe-missing-key",
            Self::WrongType => "recipe-wrong-type",
            Self::BadValue => "recipe-bad-value",
            Self::Limit => "recipe-limit",
            Self::UnknownElement => "recipe-unknown-element",
            Self::UnknownSurface => "recipe-unknown-surface",
            Self::SurfaceWithoutItems => "recipe-surface-without-items",
            Self::UnknownPlaceholder => "recipe-unknown-placeholder",
            Self::PlaceholderNotHere => "recipe-placeholder-not-here",
            Self::BadTemplate => "recipe-bad-template",
            Self::BadSelector => "recipe-bad-selector",
            Self::BadXpath => "recipe-bad-xpath",
            Self::UnknownRole => "recipe-unknown-role",
            Self::DuplicateLocator => "recipe-duplicate-locator",
            Self::NearCycle => "recipe-near-cycle",
            Self::BadOrigin => "recipe-bad-origin",
            Self::OriginNotCovered => "recipe-origin-not-covered",
            Self::BadWrite => "recipe-bad-write",
            Self::NoCommit => "recipe-no-commit",
            Self::SeveralCommits => "recipe-several-commits",
            Self::CommitInSteps => "recipe-commit-in-steps",
            Self::Order => "recipe-order",
            Self::CommitTouched => "recipe-commit-touched",
            Self::NotIndependent => "recipe-not-independent",
            Self::IdentityWeak => "recipe-identity-weak",
            Self::ReviewIncomplete => "recipe-review-incomplete",
            Self::NotRead => "recipe-not-read",
            Self::TargetUnchecked => "recipe-target-unchecked",
            Self::Unfilled => "recipe-unfilled",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A range of bytes of the recipe's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One error of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The file, as its caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Column of the first character after the error on the same line.
    pub column_end: usize,
    /// The source line; a very long one is cut around the error.
    pub source_line: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where the error stands within `source_line`, in bytes.
    #[serde(skip)]
    pub(crate) in_line: (usize, usize),
}

/// All errors of one recipe, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The errors, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Whether the recipe is without error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many errors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The errors as a compiler shows them: code, message, place, source line, caret, help.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        crate::render::render(&self.list, colour)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Collects errors of one source text while it is read.
pub struct Sink<'s> {
    file: &'s str,
    /// What the file is, and how one begins, for what is said of it as a whole.
    what: (&'static str, &'static str),
    source: &'s str,
    /// Byte offset of the start of each line.
    line_starts: Vec<usize>,
    found: Vec<(Span, Diagnostic)>,
    /// Where nothing more is reported.
    kept_back: Vec<Span>,
}

impl<'s> Sink<'s> {
    /// Begins collecting. `file` is what errors call it.
    pub fn new(file: &'s str, source: &'s str) -> Self {
        let breaks = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        let what = ("recipe", "start with `platform: <name>`; docs/recipes.md shows a whole recipe");
        Self { file, what, source, line_starts, found: Vec::new(), kept_back: Vec::new() }
    }

    /// What the file is ("policy"), and how one begins, where it is no recipe.
    #[must_use]
    pub fn of_a(mut self, what: &'static str, begin: &'static str) -> Self {
        self.what = (what, begin);
        self
    }

    /// See [`Sink::of_a`].
    pub(crate) fn what(&self) -> (&'static str, &'static str) {
        self.what
    }

    /// Reports nothing more that lies wholly within these places: all that is to be said of them is said.
    pub(crate) fn keep_back_within(&mut self, places: Vec<Span>) {
        self.kept_back = places;
    }

    /// The source text between two bytes; empty when they are no character boundaries.
    pub fn text(&self, span: Span) -> &'s str {
        self.source.get(span.start..span.end).unwrap_or_default()
    }

    /// Line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Notes an error. Beyond the greatest number that is kept, it is dropped: the first ones are what is mended first.
    pub fn report(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        let said = self.kept_back.iter().any(|place| place.start <= span.start && span.end <= place.end);
        if self.found.len() >= KEPT_MAX || said {
            return;
        }
        let placed = self.place(span);
        let diagnostic = Diagnostic {
            code,
            message: message.into(),
            file: self.file.to_owned(),
            line: placed.line,
            column: placed.column,
            column_end: placed.column_end,
            source_line: placed.text,
            help: help.into(),
            in_line: placed.in_line,
        };
        self.found.push((span, diagnostic));
    }

    /// The errors, in the order of the file, each once.
    pub fn finish(mut self) -> Diagnostics {
        self.found.sort_by_key(|(span, diagnostic)| (span.start, diagnostic.code));
        self.found.dedup_by(|a, b| a.1 == b.1);
        Diagnostics { list: self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect() }
    }

    fn place(&self, span: Span) -> Placed {
        let source = self.source;
        let start = floor(source, span.start);
        let line = self.line(start);
        let line_start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let rest = source.get(line_start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default().trim_end();
        let from = (start - line_start).min(text.len());
        // An error over several lines is shown on its first; one on nothing at all still gets a caret.
        let to = floor(source, span.end).saturating_sub(line_start).clamp(from, text.len());
        let column = text.get(..from).unwrap_or_default().chars().count() + 1;
        let wide = text.get(from..to).unwrap_or_default().chars().count().max(1);
        let cut_from =
            if text.len() > LINE_BYTES_MAX { floor(text, from.saturating_sub(LINE_BYTES_MAX / 4)) } else { 0 };
        let cut_to = floor(text, (cut_from + LINE_BYTES_MAX).min(text.len()));
        let text = text.get(cut_from..cut_to).unwrap_or_default().to_owned();
        let in_line = (from - cut_from, to.min(cut_to).saturating_sub(cut_from));
        Placed { line, column, column_end: column + wide, text, in_line }
    }
}

/// A span brought to its line.
struct Placed {
    line: usize,
    column: usize,
    column_end: usize,
    text: String,
    in_line: (usize, usize),
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}
