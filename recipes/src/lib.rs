//! Deed's recipe language: model, parse, check, explain.
//!
//! A recipe is a platform's script: its pages, how their elements are found, how an account is proved, and one flow for
//! each kind of action. [`load`] reads one, with every error of the file in one go; the [`Recipe`] that it gives has
//! passed all rules of the checker. Start reading at [`model`], then [`load`], then `parse`.
//!
//! Never opens a page, never waits, never writes: what a recipe says is done by the engine.

#![forbid(unsafe_code)]

mod aria;
mod builtin;
mod check;
pub mod closed;
mod css;
mod date_form;
mod diagnostics;
mod explain;
mod glob;
mod import;
mod json_path;
mod load;
mod locator;
pub mod model;
mod origin;
mod parse;
pub mod patch;
pub mod policy;
mod recipe;
mod render;
mod schema;
mod skeleton;
mod suggest;
pub mod template;
mod unfilled;
mod xpath;
mod yaml;

pub use builtin::{BuiltinBaseline, builtin, platforms};
pub use diagnostics::{Code, Diagnostic, Diagnostics};
pub use explain::{Story, explain, story};
pub use glob::glob_matches;
pub use import::{Draft, RECORDING_BYTES_MAX, RecordingError, import_recording};
pub use load::{BASELINES, FILE_NAME, LoadError, check_str, load, load_builtin, load_for, load_str};
pub use model::*;
pub use parse::{ACTION_TYPES, BYTES_MAX};
pub use recipe::UrlError;
pub use schema::schema;
pub use skeleton::{NotAPlatform, skeleton};
pub use template::{MissingValue, Part, Placeholder, Template, TemplateError, Values};
