//! What version 2 of the manifest added: approvals, the look for duplicates, redactions, recordings.

use serde::{Deserialize, Serialize};

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

/// One place of a piece of evidence that was made unreadable before it was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    /// The piece of evidence, as it was kept; listed in [`Manifest::artifacts`](super::Manifest::artifacts).
    pub sha256: Sha256,
    /// What was made unreadable.
    pub kind: RedactionKind,
    /// Where.
    pub region: Region,
    /// SHA-256 of a salt followed by what stood there: whoever is given both can check it, nobody can guess it.
    pub commitment: Sha256,
}

/// What a redaction made unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedactionKind {
    /// Pixels of a picture or of a recording's frames.
    Pixels,
    /// The text of a node of a document.
    Text,
    /// The value of an attribute of a node of a document.
    Attribute,
}

/// Where a redaction is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Region {
    /// A rectangle in CSS pixels of the viewport.
    Rect {
        /// From the left edge.
        x: f64,
        /// From the top edge.
        y: f64,
        /// Width.
        w: f64,
        /// Height.
        h: f64,
    },
    /// A node of the document, by the path that names it.
    Dom {
        /// The path, e.g. `html/body/main/p[2]`.
        path: String,
    },
}

/// A recording of the episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The recording; listed in [`Manifest::artifacts`](super::Manifest::artifacts).
    pub sha256: Sha256,
    /// Its media type.
    pub media_type: String,
    /// How many frames.
    pub frames: u32,
    /// How long, in milliseconds.
    pub duration_ms: u64,
    /// When in it the commit was pressed, in milliseconds; absent when it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_at_ms: Option<u64>,
}
