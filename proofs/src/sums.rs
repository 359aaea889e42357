//! `SHA256SUMS`: the file by which anybody checks an episode with `sha256sum -c SHA256SUMS`, run in the episode's folder.

use std::collections::BTreeSet;

use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::store::relative_object_path;

/// The names of an episode's files.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";
pub(crate) const REPORT_FILE: &str = "report.html";
pub(crate) const SUMS_FILE: &str = "SHA256SUMS";
pub(crate) const DELETED_FILE: &str = "deleted.json";

/// The one text of `SHA256SUMS` for an episode.
pub(crate) fn render(manifest: &Manifest, manifest_hash: Sha256, report_hash: Sha256) -> String {
    render_with(manifest, manifest_hash, report_hash, None)
}

/// The same, for one of which payloads were deleted: with the hash of `deleted.json`, without what is gone.
pub(crate) fn render_with(
    manifest: &Manifest,
    manifest_hash: Sha256,
    report_hash: Sha256,
    deletions: Option<(&Deletions, Sha256)>,
) -> String {
    let gone = |sha256: &Sha256| deletions.is_some_and(|(deletions, _)| deletions.has(sha256));
    let objects: BTreeSet<Sha256> =
        manifest.artifacts.iter().map(|artifact| artifact.sha256).filter(|sha256| !gone(sha256)).collect();
    let own = [line(manifest_hash, MANIFEST_FILE), line(report_hash, REPORT_FILE)];
    let deleted = deletions.map(|(_, sha256)| line(sha256, DELETED_FILE));
    own.into_iter().chain(deleted).chain(objects.iter().map(|sha256| line(*sha256, &object_name(sha256)))).collect()
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
