//! A log whose past can not be changed unseen: a Merkle tree over its rows, signed checkpoints, and proofs between them.
//!
//! Owns the hashing (RFC 6962, section 2.1; RFC 9162, section 2.1), the checkpoint's form (C2SP tlog-checkpoint, a signed note with an
//! ed25519 signature) and the [`AuditBundle`] by which a stranger checks an action's rows offline. It knows no database: who keeps the
//! rows hands in their bytes and the nodes of the tree.

mod bundle;
mod checkpoint;
mod kept;
mod merkle;
mod proof;

pub use bundle::{AuditBundle, BundleError, BundleVerdict, ProvedRow};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use kept::checkpoint_name;
pub use merkle::{Frontier, NodePlace, fold, leaf_hash, node_hash, perfect_nodes};
pub use proof::{consistency_ranges, inclusion_ranges, verify_consistency, verify_inclusion};

#[cfg(test)]
mod tests;
