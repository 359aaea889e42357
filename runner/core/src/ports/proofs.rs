//! The proof spool as the episode sees it: artifacts are handed over and become durable elsewhere; a barrier waits for them.

use std::future::Future;

use deed_proofs::{ArtifactRef, Manifest, NewArtifact, Sha256};

use crate::ports::ledger::Fence;

/// What went wrong with the proof store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to keep proof: {message}")]
pub struct ProofFault {
    /// The stable code (`store-full`, `store-read-only` …).
    pub code: String,
    /// In words, with the remedy.
    pub message: String,
}

/// Opens the spool of an episode.
pub trait Proofs: Send + Sync {
    /// One episode's spool.
    type Episode: EpisodeProofs;

    /// Opens the spool of an episode for who holds this claim; one that a dead runner left is continued. From then on
    /// no earlier claim's holder writes into its folder any more, however long it stood still: it gets a fault.
    fn episode(&self, fence: &Fence) -> impl Future<Output = Result<Self::Episode, ProofFault>> + Send;
}

/// One episode's spool.
pub trait EpisodeProofs: Send + Sync {
    /// The manifest that an earlier runner sealed for this episode.
    fn earlier(&self) -> Option<Manifest>;

    /// Hands an artifact over; hashing and writing happen elsewhere, in order.
    fn keep(&self, artifact: NewArtifact);

    /// Puts away what was masked, where no proof is, with a salt that nobody can guess; returns the commitment to it. Durable with the
    /// artifacts.
    fn withhold(&self, content: &[u8]) -> Sha256;

    /// Returns when all that was kept is durable: every artifact of this runner, in the order of `keep`.
    fn durable(&self) -> impl Future<Output = Result<Vec<ArtifactRef>, ProofFault>> + Send;

    /// Writes the manifest durably as it is before the commit (the attempt proof), without a report; returns its hash.
    fn checkpoint(&self, manifest: &Manifest) -> impl Future<Output = Result<Sha256, ProofFault>> + Send;

    /// Whether what is sealed is where it has to be for level 3. False: it is brought to a store elsewhere afterwards, and whoever saw it
    /// there raises the level.
    fn sealed_is_stored(&self) -> bool {
        true
    }

    /// Writes manifest and report durably, replacing an earlier one; returns the manifest's hash.
    fn seal(&self, manifest: &Manifest) -> impl Future<Output = Result<Sha256, ProofFault>> + Send;
}
