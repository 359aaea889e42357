//! `SHA256SUMS`: the file by which anybody checks an episode with `sha256sum -c SHA256SUMS`, run in the episode's folder.

use std::collections::BTreeSet;

use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::storage::STORAGE_FILE;
use crate::store::relative_object_path;

/// The names of an episode's files.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";
pub(crate) const REPORT_FILE: &str = "report.html";
pub(crate) const SUMS_FILE: &str = "SHA256SUMS";
/// Those that a signed episode has besides.
pub(crate) const ENVELOPE_FILE: &str = "manifest.dsse.json";
pub(crate) const KEYS_FILE: &str = "keys.json";
/// The folder of its time stamps. They come later, and each names what it is of, so they stand in no list.
pub(crate) const STAMPS_FOLDER: &str = "stamps";
/// What a rule deleted.
pub(crate) const DELETED_FILE: &str = "deleted.json";
/// The signature of that.
pub(crate) const DELETED_ENVELOPE_FILE: &str = "deleted.dsse.json";

/// Hashes of the files that only a signed episode has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignedFiles {
    pub(crate) envelope: Sha256,
    pub(crate) keys: Sha256,
}

/// What a rule deleted of an episode, and the hashes of the files that say so.
#[derive(Debug, Clone)]
pub(crate) struct DeletionFiles {
    pub(crate) deletions: Deletions,
    pub(crate) file: Sha256,
    /// Of the signature, where there is one.
    pub(crate) envelope: Option<Sha256>,
}

/// What may lie beside the three: signature and keys, what the store said, what a rule deleted.
const COMPANIONS: [&str; 5] = [ENVELOPE_FILE, KEYS_FILE, STORAGE_FILE, DELETED_FILE, DELETED_ENVELOPE_FILE];

/// Whether a file of this name, a path from the episode's folder, may lie in the folder of a sealed episode.
pub(crate) fn belongs_to_an_episode(name: &str) -> bool {
    let is_stamp = |file: &str| !file.contains('/') && (file.ends_with(".tsr") || file.ends_with(".tsq"));
    matches!(name, MANIFEST_FILE | REPORT_FILE | SUMS_FILE)
        || COMPANIONS.contains(&name)
        || name.strip_prefix(STAMPS_FOLDER).and_then(|rest| rest.strip_prefix('/')).is_some_and(is_stamp)
}

/// The one text of `SHA256SUMS` for an episode. Of one of which payloads were deleted it has the hash of `deleted.json`, and not what is
/// gone.
pub(crate) fn render(
    manifest: &Manifest,
    manifest_hash: Sha256,
    report_hash: Sha256,
    signed: Option<SignedFiles>,
    deletions: Option<&DeletionFiles>,
) -> String {
    let gone = |sha256: &Sha256| deletions.is_some_and(|files| files.deletions.has(sha256));
    let objects: BTreeSet<Sha256> =
        manifest.artifacts.iter().map(|artifact| artifact.sha256).filter(|sha256| !gone(sha256)).collect();
    let own = [line(manifest_hash, MANIFEST_FILE), line(report_hash, REPORT_FILE)];
    let signed = signed.map(|files| [line(files.envelope, ENVELOPE_FILE), line(files.keys, KEYS_FILE)]);
    let deleted = deletions.map(|files| line(files.file, DELETED_FILE));
    let deleted_by = deletions.and_then(|files| files.envelope).map(|sha256| line(sha256, DELETED_ENVELOPE_FILE));
    own.into_iter()
        .chain(signed.into_iter().flatten())
        .chain(deleted)
        .chain(deleted_by)
        .chain(objects.iter().map(|sha256| line(*sha256, &object_name(sha256))))
        .collect()
}

/// How an object is named in an episode's `SHA256SUMS`: its path from the episode's folder.
pub(crate) fn object_name(sha256: &Sha256) -> String {
    format!("../../{}", relative_object_path(sha256))
}

/// The hash that the text gives for a file; `None` when it has no such line or the line is damaged.
pub(crate) fn hash_of(text: &str, name: &str) -> Option<Sha256> {
    text.lines().find_map(|line| line.split_once("  ").filter(|(_, file)| *file == name)?.0.parse().ok())
}

fn line(sha256: Sha256, name: &str) -> String {
    format!("{sha256}  {name}\n")
}
