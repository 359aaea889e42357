//! Deed's proof: artifacts, DOM and image hashes, manifest, verification, stores, report.
//!
//! Owns everything by which a stranger can check, offline, what an episode did. It never reads a clock, never drives a
//! browser, never decides an outcome, and knows no async runtime: callers tell it the times, the facts and the bytes.
//!
//! Read in this order: [`artifact`] (what is kept), [`recorder`] (how it is kept without slowing the browser down),
//! [`store`] (where), [`manifest`] (what it says), [`seal()`] (the episode's folder), [`verify()`] (how a stranger checks it),
//! [`report`] (what a person looks at). [`dom`] and [`picture`] are the hashes that survive what does not matter.

#![forbid(unsafe_code)]

pub mod artifact;
pub mod compare;
pub mod dom;
mod durable;
pub mod export;
mod files;
pub mod film;
pub mod hash;
pub mod keys;
pub mod log;
pub mod manifest;
mod mark;
pub mod picture;
pub mod recorder;
pub mod redact;
pub mod report;
pub mod retention;
pub mod scrub;
pub mod seal;
pub mod signature;
pub mod spool;
pub mod stamp;
pub mod storage;
pub mod store;
mod sums;
pub mod verify;
pub mod video;
pub mod webm;
mod writers;

pub use artifact::{ArtifactKind, ArtifactRef, NewArtifact};
pub use dom::{DomHashes, Sketch, dom_hashes};
pub use hash::Sha256;
pub use keys::{KeyError, KeyHistory, KeyStore, PublicKey, SigningKey};
pub use manifest::Manifest;
pub use mark::{Mark, marked};
pub use picture::ImageHash;
pub use recorder::Recorder;
pub use seal::{SealError, SealedEpisode, Signer, checkpoint, seal, seal_signed};
pub use spool::Spool;
pub use storage::{CheckedBy, StorageRecord, StoredPiece};
pub use store::{DirectoryStore, Store, StoreError};
pub use verify::{Expected, Problem, Verification, VerifyError, verify, verify_against, verify_attempt};
pub use writers::Writing;
