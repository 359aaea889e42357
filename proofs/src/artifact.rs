//! One piece of evidence: its bytes before it is kept, and what is known of it afterwards.

use serde::{Deserialize, Serialize};

use crate::dom::DomHashes;
use crate::hash::Sha256;

/// What a piece of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// What the page looked like.
    Screenshot,
    /// What the page was made of: the serialised DOM.
    Dom,
    /// A change of the recipe that was proposed, for a person to check: nothing applies it.
    Proposal,
    /// What the platform said right after the commit.
    Receipt,
    /// A file that the order brought along.
    Media,
    /// What the page looked like from second to second around the commit: a video.
    Recording,
    /// The manifest of an episode.
    Manifest,
    /// The report of an episode.
    Report,
}

/// A piece of evidence that is about to be kept. Secrets must be masked before: what is kept stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// What it is.
    pub kind: ArtifactKind,
    /// The name of the step at whose end it was taken.
    pub step: String,
    /// The phase of the episode to which the step belongs.
    pub phase: String,
    /// Its media type, e.g. `image/png`.
    pub media_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it was taken, RFC 3339, from the caller's clock.
    pub at: String,
}

/// A piece of evidence that is durably stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactRef {
    /// The hash of its content, which is also its address in the store.
    pub sha256: Sha256,
    /// What it is.
    pub kind: ArtifactKind,
    /// The name of the step at whose end it was taken.
    pub step: String,
    /// The phase of the episode to which the step belongs.
    pub phase: String,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was taken, RFC 3339.
    pub at: String,
    /// For a DOM snapshot: its three hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dom: Option<DomHashes>,
}
