//! A recording of Chrome's developer tools → a draft of a recipe.
//!
//! Owns what is taken from a recording and what is left to a person: pages, elements and reversible steps are taken; identity, the
//! commit and how it is verified are `TODO_…` places, so a draft never runs as it is. Never keeps what was typed (only how long
//! it was), the query of an address, or a password; never guesses which click is the irreversible one.

mod draft;
mod recording;
mod selectors;
#[cfg(test)]
mod tests;

use crate::parse::is_name;

/// Largest recording, in bytes.
pub const RECORDING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most steps of a recording.
const STEPS_MAX: usize = 500;

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The platform's name.
    pub platform: String,
    /// The recipe's text.
    pub text: String,
    /// What of the recording is not in it, and why.
    pub notes: Vec<String>,
}

/// Why a file gives no draft. Each message completes "failed to import the recording: …".
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but nothing that the Recorder exports.
    #[error("it is no recording: {0}")]
    NotARecording(String),
    /// It is larger, or has more steps, than is read.
    #[error("it is larger than {RECORDING_BYTES_MAX} bytes or has more than {STEPS_MAX} steps")]
    TooLarge,
    /// It opens no page, or nothing was done there.
    #[error("nothing in it can be used: {0}")]
    Empty(&'static str),
    /// The name that was given, or taken from the first address, can not be one.
    #[error("`{0}` can not be a platform's name")]
    Platform(String),
}

impl RecordingError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "recording-not-json",
            Self::NotARecording(_) => "recording-invalid",
            Self::TooLarge => "recording-too-large",
            Self::Empty(_) => "recording-empty",
            Self::Platform(_) => "recording-platform",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::NotJson(_) | Self::NotARecording(_) => {
                "export it again: Chrome's developer tools, Recorder, Export, \"Export as a JSON file\""
            }
            Self::TooLarge => "record only the one action: from opening the page to the click that sends it",
            Self::Empty(_) => "record again: open the page, write, and click what sends it",
            Self::Platform(_) => {
                "say --platform with a lower-case name: a letter first, then a-z, 0-9, `_` and `-`, at most 60 characters"
            }
        }
    }
}

/// Reads a recording and makes a draft of it. Without a platform's name, the first address gives it.
///
/// # Errors
/// [`RecordingError`].
pub fn import_recording(bytes: &[u8], platform: Option<&str>) -> Result<Draft, RecordingError> {
    if bytes.len() > RECORDING_BYTES_MAX {
        return Err(RecordingError::TooLarge);
    }
    let recording = recording::read(bytes)?;
    let platform = platform.map_or_else(|| recording.platform(), str::to_owned);
    if !is_name(&platform) || platform.contains('.') {
        return Err(RecordingError::Platform(platform));
    }
    let (text, notes) = draft::write(&platform, &recording);
    Ok(Draft { platform, text, notes })
}
