//! What `cargo mutants --list --json` says, as far as it is needed here.

use serde::Deserialize;

/// One change. Its number is its place in the list, from 1 on.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutant {
    /// File, place and what is changed, in words.
    pub name: String,
    /// Where, from the root of the workspace.
    pub file: String,
    /// The package that it is part of.
    pub package: String,
    /// What kind of change.
    pub genre: Genre,
    /// What stands there instead.
    pub replacement: String,
    /// The text that is replaced.
    pub span: Span,
}

/// From a place to another.
#[derive(Debug, Clone, Deserialize)]
pub struct Span {
    /// Its first character.
    pub start: Place,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub struct Place {
    /// From 1 on.
    pub line: usize,
    /// From 1 on, in characters.
    pub column: usize,
}

/// The kinds of changes of cargo-mutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Genre {
    /// A function answers at once.
    FnValue,
    /// One operator for another.
    BinaryOperator,
    /// A `!` or `-` less.
    UnaryOperator,
    /// An arm less, where there is a catch-all.
    MatchArm,
    /// A guard that always or never holds.
    MatchArmGuard,
    /// A field less, where a base fills it in.
    StructField,
}
