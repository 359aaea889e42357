//! The check of an attempt proof: what was durable before the permit was made, as long as no outcome is sealed.
//!
//! It is a manifest that tells no outcome, with its evidence, signed where the runner has a key. It says what was about
//! to be done and why that was allowed; that nothing more is known of it is not its fault, and not its word either: the
//! ledger has its hash from the arm transaction on.

use std::path::Path;

use super::{Expected, Verification, VerifyError, objects_hold, read, read_manifest, signed};
use crate::files::{Files as _, Folder};
use crate::hash::Sha256;
use crate::storage::STORAGE_FILE;
use crate::sums::{ENVELOPE_FILE, KEYS_FILE, MANIFEST_FILE, REPORT_FILE, SUMS_FILE};

/// The state of an action right before it is armed.
const BEFORE_ARM: &str = "identity_verified";

/// Whether there is an attempt proof in this folder, and nothing that is sealed.
#[must_use]
pub fn is_attempt(folder: &Path) -> bool {
    let is_there = |name: &str| folder.join(name).exists();
    is_there(MANIFEST_FILE) && !is_there(REPORT_FILE) && !is_there(SUMS_FILE)
}

/// Checks the attempt proof in an episode's folder. One that tells an outcome is refused: it was sealed once, and its report taken away.
///
/// # Errors
/// [`VerifyError`] when the folder cannot be read. Everything else is a [`Problem`](super::Problem).
pub fn verify_attempt(folder: &Path, expected: &Expected<'_>) -> Result<Verification, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: folder.to_owned(), source };
    let files = Folder::open(folder).map_err(unreadable)?;
    let mut found = Verification::begin();
    let present = files.names().map_err(unreadable)?;
    let belongs = [MANIFEST_FILE, ENVELOPE_FILE, KEYS_FILE, STORAGE_FILE];
    for name in present.iter().filter(|name| !belongs.contains(&name.as_str())) {
        found.problem(name.as_str(), "does not belong to an attempt proof");
    }
    let Some(json) = read(&files, MANIFEST_FILE, &mut found) else { return Ok(found) };
    let hash = Sha256::of(&json);
    found.manifest = Some(hash);
    if let Some(expected) = expected.manifest.filter(|expected| *expected != hash) {
        found.problem(MANIFEST_FILE, format!("was changed: its hash is {hash}, the ledger has {expected}"));
    }
    let Some(manifest) = read_manifest(&files, &json, &mut found) else { return Ok(found) };
    if manifest.outcome.state != BEFORE_ARM {
        let what = format!("tells an outcome ({}): {REPORT_FILE} and {SUMS_FILE} are missing", manifest.outcome.state);
        found.problem(MANIFEST_FILE, what);
    }
    signed::check(&files, &present, &manifest, hash, expected, None, &mut found);
    objects_hold(&files, &manifest, None, &mut found);
    Ok(found)
}
