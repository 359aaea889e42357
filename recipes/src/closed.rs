//! Reading a closed YAML file: what is not known is an error with its place, never ignored.
//!
//! The recipe language stands on this; other files of the project (replay fixtures) are read by it too, so that they have the same
//! limits on hostile input and the same errors. Knows no key of any language.
//!
//! [`read`] makes the tree, [`Fields`] opens a map whose keys are known, [`text`], [`number`] and the others take values out of it. Each
//! reports what is wrong to the [`Sink`] and answers `None`, so that one run finds all errors.

pub use crate::diagnostics::{Sink, Span};
pub use crate::parse::fields::{Fields, choice, limit, list, map, number, single, text, truth, wrong_type};
pub use crate::suggest::did_you_mean;
pub use crate::yaml::{Entry, Node, Value, read};
