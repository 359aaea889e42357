//! What version 2 of the manifest added: approvals, the look for duplicates, redactions, recordings.

use serde::{Deserialize, Serialize};

use super::Rect;
use crate::hash::Sha256;
use crate::keys::PublicKey;

/// An approval that counted, with all that is needed to check it offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who approved.
    pub approver: String,
    /// Which request of approval.
    pub revision: u32,
    /// What it is bound to: content, payload, account, recipe, action type and target, as one hash.
    pub binding: Sha256,
    /// When, RFC 3339, by the approver's clock.
    pub at: String,
    /// The bytes that were signed.
    pub statement: String,
    /// The signature over them, base64.
    pub signature: String,
    /// The approver's key.
    pub public_key: PublicKey,
}

impl Approval {
    /// Whether the approver's key signed this statement, and the statement says what stands beside it.
    #[must_use]
    pub fn verifies(&self) -> bool {
        let Ok(said) = serde_json::from_str::<serde_json::Value>(&self.statement) else { return false };
        let is = |key: &str, value: serde_json::Value| said.get(key) == Some(&value);
        is("approver", self.approver.clone().into())
            && is("at", self.at.clone().into())
            && is("binding", self.binding.to_string().into())
            && is("decision", "approve".into())
            && is("revision", self.revision.into())
            && self.public_key.signed_base64(self.statement.as_bytes(), &self.signature)
    }
}

/// What the look for the same content found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dedupe {
    /// When, RFC 3339.
    pub at: String,
    /// How many entries of the destination were compared; 0 where a state was read instead of a list.
    pub compared: u32,
    /// Whether it was there already: then nothing was pressed.
    pub duplicate: bool,
    /// Where the one that was found can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// What was found, in words.
    pub note: String,
}

/// Something that was masked before it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// The artifact that would show it; listed in [`Manifest::artifacts`](super::Manifest::artifacts).
    pub sha256: Sha256,
    /// What kind of thing it is (`message`, `email` …; `secret`: a field whose content is never read).
    pub kind: String,
    /// Where it stood.
    pub region: MaskedRegion,
    /// SHA-256 of 32 random bytes and what stood there; see [`crate::redact`].
    pub commitment: Sha256,
}

/// Where something was masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaskedRegion {
    /// In a picture, in CSS pixels of the viewport.
    Picture(Rect),
    /// In a document: a CSS path.
    Document(String),
}

/// A video of the page around the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The artifact; listed in [`Manifest::artifacts`](super::Manifest::artifacts).
    pub sha256: Sha256,
    /// `video/webm`.
    pub media_type: String,
    /// How many pictures it has.
    pub frames: u32,
    /// How long it plays, in milliseconds.
    pub duration_ms: u64,
    /// When the commit was pressed, in milliseconds from its beginning; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_at_ms: Option<u64>,
}
