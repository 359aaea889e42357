//! The offline check of an episode's folder: was any byte changed since it was sealed?
//!
//! Owns the comparison of what lies there with what must lie there. It needs no database, no settings and no network,
//! and it never repairs anything.
//!
//! What guards what: objects are named by their hash and listed in the manifest, so a change of one is always found. The
//! report is rendered again and compared, and `SHA256SUMS` has exactly one right text. The manifest itself is guarded by
//! `SHA256SUMS` only, so somebody who rewrites both (and the report) is caught by the hash that the ledger
//! holds, handed in as `expected_manifest`, or by a signature, and by nothing else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::artifact::ArtifactRef;
use crate::dom::dom_hashes;
use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::report;
use crate::retention::Deletions;
use crate::sums::{self, DELETED_FILE, MANIFEST_FILE, REPORT_FILE, SUMS_FILE};

/// What the check of an episode's folder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Everything that is not as it was sealed. Empty: nothing was changed.
    pub problems: Vec<Problem>,
    /// How many files were read and compared.
    pub checked: usize,
    /// The hash of `manifest.json` as it lies there: to be compared with the ledger's by whoever has that.
    pub manifest: Option<Sha256>,
    /// What vouches for `report.html`.
    pub report: ReportGuard,
    /// Payloads that were deleted by rule: `deleted.json` says which, when and why.
    pub deleted: usize,
}

impl Verification {
    /// Whether nothing was changed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, file: impl Into<String>, what: impl Into<String>) {
        let problem = Problem { file: file.into(), what: what.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// One thing that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a path from the episode's folder.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// What vouches for `report.html`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportGuard {
    /// It was rendered again from the manifest and the evidence, and is the same to the byte.
    Rendered,
    /// It was written by another release, whose rendering cannot be repeated: only its line in `SHA256SUMS` vouches for it.
    SumsOnly,
    /// Nothing does: see the problems.
    Nothing,
}

/// Why the check could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no such folder, or it cannot be read.
    #[error("failed to read the episode's folder {folder}: {source}")]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl VerifyError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "proof-unreadable",
        }
    }
}

/// Checks an episode's folder, which must lie in its store (`…/episodes/<episode_id>`).
///
/// `expected_manifest` is the hash that the ledger holds; without it see the module's words on what guards what.
///
/// # Errors
/// [`VerifyError`] when the folder cannot be read. Everything else is a [`Problem`].
pub fn verify(folder: &Path, expected_manifest: Option<Sha256>) -> Result<Verification, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: folder.to_owned(), source };
    let folder = &folder.canonicalize().map_err(unreadable)?;
    let mut found =
        Verification { problems: Vec::new(), checked: 0, manifest: None, report: ReportGuard::Nothing, deleted: 0 };
    find_extra_files(folder, &mut found).map_err(unreadable)?;

    let json = read(folder, MANIFEST_FILE, &mut found);
    let report = read(folder, REPORT_FILE, &mut found);
    let sums = read(folder, SUMS_FILE, &mut found).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());

    let manifest_hash = json.as_deref().map(Sha256::of);
    found.manifest = manifest_hash;
    check_manifest_hash(manifest_hash, expected_manifest, sums.as_deref(), &mut found);
    let manifest = json.as_deref().and_then(|json| read_manifest(folder, json, &mut found));
    let deletions = manifest.as_ref().and_then(|manifest| read_deletions(folder, manifest, manifest_hash, &mut found));
    let gone = deletions.as_ref().map(|(deletions, _)| deletions);
    let rendered = manifest.as_ref().and_then(|manifest| {
        let objects = read_objects(folder, manifest, gone, &mut found)?;
        Some(report::render(manifest, &|sha256| objects.get(sha256).cloned()))
    });
    let report_hash = check_report(report.as_deref(), rendered.as_deref(), sums.as_deref(), &mut found);
    if let (Some(manifest), Some(sums), Some(report_hash)) = (&manifest, &sums, report_hash) {
        // Where two files disagree and nobody can say which is right, that has been said above: here the line may stand.
        let vouched_for = expected_manifest.or_else(|| sums::hash_of(sums, MANIFEST_FILE)).or(manifest_hash);
        if let Some(manifest_hash) = vouched_for {
            let deletions = deletions.as_ref().map(|(deletions, sha256)| (deletions, *sha256));
            check_sums(sums, &sums::render_with(manifest, manifest_hash, report_hash, deletions), &mut found);
        }
    }
    Ok(found)
}

fn find_extra_files(folder: &Path, found: &mut Verification) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if ![MANIFEST_FILE, REPORT_FILE, SUMS_FILE, DELETED_FILE].iter().any(|known| name == **known) {
            found.problem(name.to_string_lossy(), "does not belong to a sealed episode");
        }
    }
    Ok(())
}

fn read(folder: &Path, name: &str, found: &mut Verification) -> Option<Vec<u8>> {
    match fs::read(folder.join(name)) {
        Ok(bytes) => {
            found.checked += 1;
            Some(bytes)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            found.problem(name, "is missing");
            None
        }
        Err(error) => {
            found.problem(name, format!("cannot be read: {error}"));
            None
        }
    }
}

fn check_manifest_hash(actual: Option<Sha256>, expected: Option<Sha256>, sums: Option<&str>, found: &mut Verification) {
    let Some(actual) = actual else { return };
    let listed = sums.and_then(|sums| sums::hash_of(sums, MANIFEST_FILE));
    match (expected, listed) {
        (Some(expected), _) if actual != expected => {
            found.problem(MANIFEST_FILE, format!("was changed: its hash is {actual}, the ledger has {expected}"));
        }
        // The ledger vouches for the manifest, so the line is wrong, which the comparison of the sums says.
        (Some(_), _) => {}
        (None, Some(listed)) if actual != listed => {
            found.problem(
                MANIFEST_FILE,
                format!("its hash is {actual}, {SUMS_FILE} has {listed}: one of the two was changed"),
            );
            found.problem(SUMS_FILE, format!("its line for {MANIFEST_FILE} does not fit: one of the two was changed"));
        }
        (None, Some(_)) => {}
        (None, None) => {
            if sums.is_some() {
                found.problem(SUMS_FILE, format!("has no readable line for {MANIFEST_FILE}"));
            }
        }
    }
}

fn read_manifest(folder: &Path, json: &[u8], found: &mut Verification) -> Option<Manifest> {
    let manifest = match Manifest::from_json(json) {
        Ok(manifest) => manifest,
        Err(error) => {
            found.problem(MANIFEST_FILE, error.to_string());
            return None;
        }
    };
    if !manifest.to_canonical_json().is_ok_and(|canonical| canonical == json) {
        found.problem(MANIFEST_FILE, "was not written by this program: it says the same in other bytes");
    }
    let named = &manifest.action.episode_id;
    if folder.file_name().is_none_or(|name| name != named.as_str()) {
        found.problem(MANIFEST_FILE, format!("is about another episode than its folder: {named}"));
    }
    Some(manifest)
}

/// What `deleted.json` says, where there is one, and its hash: it must be about this manifest, and name nothing that that does not list.
fn read_deletions(
    folder: &Path,
    manifest: &Manifest,
    manifest_hash: Option<Sha256>,
    found: &mut Verification,
) -> Option<(Deletions, Sha256)> {
    if !folder.join(DELETED_FILE).exists() {
        return None;
    }
    let json = read(folder, DELETED_FILE, found)?;
    let deletions: Deletions = match serde_json::from_slice(&json) {
        Ok(deletions) => deletions,
        Err(error) => {
            found.problem(DELETED_FILE, format!("cannot be read: {error}"));
            return None;
        }
    };
    let listed = |sha256| manifest.artifacts.iter().any(|artifact| artifact.sha256 == sha256);
    if Some(deletions.manifest) != manifest_hash || deletions.episode_id != manifest.action.episode_id {
        found.problem(DELETED_FILE, "is about another manifest");
    } else if deletions.version != Deletions::VERSION || !deletions.to_json().is_ok_and(|canonical| canonical == json) {
        found.problem(DELETED_FILE, "was not written by this program: it says the same in other bytes");
    } else if let Some(other) = deletions.deleted.iter().find(|deleted| !listed(deleted.sha256)) {
        found.problem(DELETED_FILE, format!("names {}, which {MANIFEST_FILE} does not list", other.sha256));
    } else {
        found.deleted = deletions.deleted.len();
        return Some((deletions, Sha256::of(&json)));
    }
    None
}

/// Reads and compares every object; `None` when one of them is not what it was.
fn read_objects(
    folder: &Path,
    manifest: &Manifest,
    gone: Option<&Deletions>,
    found: &mut Verification,
) -> Option<HashMap<Sha256, Vec<u8>>> {
    let problems_before = found.problems.len();
    let mut objects = HashMap::new();
    for artifact in manifest.artifacts.iter().filter(|artifact| gone.is_none_or(|gone| !gone.has(&artifact.sha256))) {
        let name = sums::object_name(&artifact.sha256);
        let bytes = match objects.entry(artifact.sha256) {
            Entry::Occupied(read_before) => read_before.into_mut(),
            Entry::Vacant(place) => {
                let Some(bytes) = read(folder, &name, found) else { continue };
                place.insert(bytes)
            }
        };
        check_object(&name, artifact, bytes, found);
    }
    (found.problems.len() == problems_before).then_some(objects)
}

fn check_object(name: &str, artifact: &ArtifactRef, bytes: &[u8], found: &mut Verification) {
    let size = bytes.len() as u64;
    if size < artifact.bytes {
        found.problem(name, format!("was cut short: {size} of {} bytes are left", artifact.bytes));
    } else if size > artifact.bytes {
        found.problem(name, format!("has {size} bytes, the manifest says {}", artifact.bytes));
    } else if Sha256::of(bytes) != artifact.sha256 {
        found.problem(name, "was changed: its hash is not its name");
    } else if artifact.dom.is_some_and(|hashes| hashes != dom_hashes(&String::from_utf8_lossy(bytes))) {
        found.problem(name, format!("has other DOM hashes than {MANIFEST_FILE} says"));
    }
}

/// Compares the report with its rendering, if there is one, and with its line; returns the hash that its line must have.
fn check_report(
    report: Option<&[u8]>,
    rendered: Option<&str>,
    sums: Option<&str>,
    found: &mut Verification,
) -> Option<Sha256> {
    let listed = sums.and_then(|sums| sums::hash_of(sums, REPORT_FILE));
    let Some(report) = report else { return listed };
    let actual = Sha256::of(report);
    if rendered.is_some_and(|rendered| rendered.as_bytes() == report) {
        found.report = ReportGuard::Rendered;
        return Some(actual);
    }
    // Rendered by this release it would be the same; a damaged piece of evidence is why it may not have been rendered at all.
    let same_renderer = rendered.is_some() && report::renderer_of(report) == Some(report::RENDERER);
    match listed {
        Some(listed) if listed == actual && !same_renderer => {
            if rendered.is_some() {
                found.report = ReportGuard::SumsOnly;
            }
            Some(actual)
        }
        Some(listed) if listed == actual => {
            found.problem(REPORT_FILE, format!("shows something else than {MANIFEST_FILE} and the evidence say"));
            Some(actual)
        }
        Some(listed) if rendered.is_some_and(|rendered| Sha256::of(rendered.as_bytes()) == listed) => {
            found.problem(REPORT_FILE, format!("was changed: its hash is {actual}, {SUMS_FILE} has {listed}"));
            Some(listed)
        }
        Some(listed) => {
            found.problem(
                REPORT_FILE,
                format!("its hash is {actual}, {SUMS_FILE} has {listed}: one of the two was changed"),
            );
            found.problem(SUMS_FILE, format!("its line for {REPORT_FILE} does not fit: one of the two was changed"));
            Some(listed)
        }
        None => {
            found.problem(REPORT_FILE, format!("is not vouched for: {SUMS_FILE} has no readable line for it"));
            Some(actual)
        }
    }
}

/// `SHA256SUMS` has one right text; says which line is not right.
fn check_sums(actual: &str, right: &str, found: &mut Verification) {
    if actual == right {
        return;
    }
    let (actual_lines, right_lines): (Vec<_>, Vec<_>) = (actual.lines().collect(), right.lines().collect());
    let mut named = false;
    for line in right_lines.iter().filter(|line| !actual_lines.contains(line)) {
        found.problem(SUMS_FILE, format!("lacks the line {line:?}"));
        named = true;
    }
    for line in actual_lines.iter().filter(|line| !right_lines.contains(line)) {
        found.problem(SUMS_FILE, format!("has the line {line:?}, which does not belong there"));
        named = true;
    }
    if !named {
        found.problem(SUMS_FILE, "was changed: its lines are in another order, repeated or ended otherwise");
    }
}
