//! What the overview of an export shows, gathered in the same way by the one who writes it and by the one who checks it.

use std::io;

use crate::files::Files;
use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::report::overview::EpisodeShown;
use crate::sums::{DELETED_FILE, MANIFEST_FILE};
use crate::verify::signature_and_stamps;

/// Of one episode; `None` where its manifest does not read, which whoever checks it says.
///
/// # Errors
/// What the system says.
pub(super) fn gather(files: &dyn Files) -> io::Result<Option<EpisodeShown>> {
    let Ok(json) = files.read(MANIFEST_FILE) else { return Ok(None) };
    let Ok(manifest) = Manifest::from_json(&json) else { return Ok(None) };
    let manifest_hash = Sha256::of(&json);
    let (signature, stamps) = signature_and_stamps(files, &files.names()?, &manifest, manifest_hash);
    let deletions = files.read(DELETED_FILE).ok().and_then(|json| serde_json::from_slice(&json).ok());
    Ok(Some(EpisodeShown { manifest, manifest_hash, signature, stamps, deletions }))
}
