//! A new recipe to fill in, in plain words, for `deed recipe new`.
//!
//! Owns the texts beside this file: a head that all recipes have, and a flow for each family of action types. Every place to fill
//! in is a `TODO_…` word, so a skeleton parses and never runs. Writes no file.

use crate::parse::is_name;

const HEAD: &str = include_str!("head.yaml");
/// Surfaces, elements and flow of a family, parted by this line.
const PART: &str = "%%\n";

/// A platform's name that can not be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` can not be a platform's name: a lower-case letter first, then a-z, 0-9, `_` and `-`, at most 60 characters"
)]
pub struct NotAPlatform {
    /// What was asked for.
    pub name: String,
}

/// The text of a new recipe. `None` when there is no such action type.
///
/// # Errors
/// The platform's name can not be one.
pub fn skeleton(platform: &str, action_type: &str) -> Result<Option<String>, NotAPlatform> {
    if !is_name(platform) || platform.contains('.') {
        return Err(NotAPlatform { name: platform.to_owned() });
    }
    let family = match action_type {
        "publish.post" | "publish.reel" | "publish.story" | "publish.short" | "publish.pin" | "publish.group_post"
        | "schedule" => include_str!("publish.yaml"),
        "comment_reply" | "dm_send" => include_str!("answer.yaml"),
        "edit" => include_str!("edit.yaml"),
        "like" | "follow" => include_str!("state.yaml"),
        "delete" => include_str!("gone.yaml"),
        _ => return Ok(None),
    };
    let mut parts = family.split(PART);
    let (surfaces, elements, flow) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Ok(Some(assemble(platform, action_type, "\"https://TODO_HOST\"", surfaces, elements) + flow))
}

/// A recipe up to the parts of its flow. What is put in may hold anything: each place is filled once.
pub(crate) fn assemble(platform: &str, action_type: &str, origins: &str, surfaces: &str, elements: &str) -> String {
    let mut text = String::new();
    for piece in HEAD.split('%') {
        text.push_str(match piece {
            "PLATFORM" => platform,
            "FLOW" => action_type,
            "ORIGINS" => origins,
            "SURFACES" => surfaces,
            "ELEMENTS" => elements,
            fixed => fixed,
        });
    }
    text
}
