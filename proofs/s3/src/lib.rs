//! Deed's proof in an S3 store: put once, read back, never overwritten.
//!
//! Owns all that speaks to the store; nothing else of the workspace compiles against the SDK. It never overwrites an
//! object, deletes only what a signed deletion of a client's own rule lists, believes no answer that it has not read
//! back, decides no outcome and knows no ledger: what has to be told elsewhere is handed to the caller.
//!
//! Read in this order: [`place`] (where, and how), [`bucket`] (one object: put if absent, read back, locked as `lock`
//! says and encrypted as `encrypt` says), [`upload`] (the spool of a directory store, drained), [`remove`] (what a rule
//! deleted), [`probe`] (what a store keeps of its promises), [`error`].

#![forbid(unsafe_code)]

pub mod bucket;
mod connect;
mod encrypt;
pub mod error;
mod lock;
mod parts;
pub mod place;
pub mod probe;
mod remove;
pub mod upload;

pub use bucket::{Bucket, Kept};
pub use error::S3Error;
pub use place::{Authorities, Encryption, LockMode, Options, Place, Retention};
pub use probe::{Probe, Promise};
pub use upload::{Failed, Round, Uploaded, Uploader};
