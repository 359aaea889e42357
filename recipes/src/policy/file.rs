//! The door to a [`PolicyFile`]: from a file, or from a text.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{PolicyFile, parse};
use crate::diagnostics::{Code, Diagnostics, Sink, Span};
use crate::load::{LoadError, read_bounded};
use crate::yaml;

/// Largest policy file, in bytes.
pub const POLICY_BYTES_MAX: usize = 512 * 1024;

/// Why a policy could not be had. Each message completes "failed to load the policy: …".
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than is read, or no text.
    #[error("{} {why}", path.display())]
    NotRead {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The policy breaks rules of the language.
    #[error("{} has {} error(s):\n\n{diagnostics}", path.display(), diagnostics.len())]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// All of them.
        diagnostics: Diagnostics,
    },
}

impl PolicyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NotRead { .. } => "policy-unreadable",
            Self::Invalid { .. } => "policy-invalid",
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. } | Self::NotRead { path, .. } | Self::Invalid { path, .. } => path,
        }
    }

    /// The errors of the policy's text, when that is what is wrong.
    #[must_use]
    pub const fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            Self::Invalid { diagnostics, .. } => Some(diagnostics),
            _ => None,
        }
    }
}

/// Loads a policy file.
///
/// # Errors
/// It can not be read, or breaks a rule of the language (all are reported).
pub fn load_policy(path: &Path) -> Result<PolicyFile, PolicyError> {
    let not_read = |why: String| PolicyError::NotRead { path: path.to_owned(), why };
    let bytes = read_bounded(path, POLICY_BYTES_MAX).map_err(|error| match error {
        LoadError::Unreadable { path, source } => PolicyError::Unreadable { path, source },
        _ => not_read(format!("is larger than {POLICY_BYTES_MAX} bytes")),
    })?;
    let source = String::from_utf8(bytes)
        .map_err(|error| not_read(format!("is not UTF-8: byte {} cannot be read", error.utf8_error().valid_up_to())))?;
    policy_from_str(&path.display().to_string(), &source)
        .map_err(|diagnostics| PolicyError::Invalid { path: path.to_owned(), diagnostics })
}

/// Reads and checks a policy's text. `name` is what errors call the file.
///
/// # Errors
/// Every error of the text.
pub fn policy_from_str(name: &str, source: &str) -> Result<PolicyFile, Diagnostics> {
    let mut sink =
        Sink::new(name, source).of_a("policy", "start with `defaults:`; docs/policy.md shows a whole policy");
    if source.len() > POLICY_BYTES_MAX {
        let message = format!("the policy has {} bytes; at most {POLICY_BYTES_MAX} are read", source.len());
        sink.report(Code::TooLarge, Span::default(), message, None);
        return Err(sink.finish());
    }
    let file = yaml::read(source, &mut sink)
        .and_then(|root| parse::file(&root, hex::encode(Sha256::digest(source)), &mut sink));
    let found = sink.finish();
    match file {
        Some(file) if found.is_empty() => Ok(file),
        _ => Err(found),
    }
}
