//! The offline check of an episode's folder: was any byte changed since it was sealed?
//!
//! Owns the comparison of what lies there with what must lie there. It needs no database, no settings and no network,
//! and it never repairs anything.
//!
//! What guards what: objects are named by their hash and listed in the manifest, so a change of one is always found. The
//! report is rendered again and compared, and `SHA256SUMS` has exactly one right text. The manifest itself is guarded by
//! `SHA256SUMS` only, so somebody who rewrites both (and the report) is caught by the hash that the ledger
//! holds, handed in as `expected_manifest`, or by a signature with a key that the verifier knows, and by nothing else. A signature with
//! a key that nobody knows guards against nothing: [`SignatureGuard::Unknown`] says so. The signature is looked at in `signed.rs`.

mod attempt;
mod signed;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::artifact::ArtifactRef;
use crate::dom::dom_hashes;
use crate::files::{Files, Folder};
use crate::hash::Sha256;
use crate::keys::KeyHistory;
use crate::manifest::Manifest;
use crate::report;
use crate::retention::Deletions;
use crate::stamp::Authorities;
use crate::sums::{self, DELETED_ENVELOPE_FILE, DELETED_FILE, DeletionFiles, MANIFEST_FILE, REPORT_FILE, SUMS_FILE};

pub use attempt::{is_attempt, verify_attempt};
pub(crate) use signed::signature_and_stamps;
pub use signed::{FoundStamp, SignatureGuard};

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
    /// Whose signature vouches for the manifest.
    pub signature: SignatureGuard,
    /// The time stamps of the signature.
    pub stamps: Vec<FoundStamp>,
    /// Payloads that were deleted by rule: `deleted.json` says which, when and why.
    pub deleted: usize,
}

/// What the verifier knows and asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'e> {
    /// The manifest's hash that the ledger holds; without it see the module's words on what guards what.
    pub manifest: Option<Sha256>,
    /// The keys that are trusted: then a signature must be of one of them, or of one that they lead to.
    pub keys: Option<&'e KeyHistory>,
    /// Whether a proof that was never signed is refused. One that says it was signed is refused without its signature in any case.
    pub signed: bool,
    /// The authorities whose time stamps count: then each stamp's signature must lead to one of them.
    pub authorities: Option<&'e Authorities>,
}

impl Verification {
    fn begin() -> Self {
        Self {
            problems: Vec::new(),
            checked: 0,
            manifest: None,
            report: ReportGuard::Nothing,
            signature: SignatureGuard::Absent,
            stamps: Vec::new(),
            deleted: 0,
        }
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn problem(&mut self, file: impl Into<String>, what: impl Into<String>) {
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
    verify_against(folder, &Expected { manifest: expected_manifest, ..Expected::default() })
}

/// As [`verify`], against all that the verifier knows.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(folder: &Path, expected: &Expected<'_>) -> Result<Verification, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: folder.to_owned(), source };
    let files = Folder::open(folder).map_err(unreadable)?;
    Ok(verify_files(&files, expected).map_err(unreadable)?.0)
}

/// Checks the files of an episode, wherever they lie, and gives the manifest where it can be read.
pub(crate) fn verify_files(files: &dyn Files, expected: &Expected<'_>) -> io::Result<(Verification, Option<Manifest>)> {
    let mut found = Verification::begin();
    let present = find_extra_files(files, &mut found)?;

    let json = read(files, MANIFEST_FILE, &mut found);
    let report = read(files, REPORT_FILE, &mut found);
    let sums = read(files, SUMS_FILE, &mut found).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());

    let manifest_hash = json.as_deref().map(Sha256::of);
    found.manifest = manifest_hash;
    check_manifest_hash(manifest_hash, expected.manifest, sums.as_deref(), &mut found);
    let manifest = json.as_deref().and_then(|json| read_manifest(files, json, &mut found));
    let signed = match (&manifest, manifest_hash) {
        (Some(manifest), Some(hash)) => {
            signed::check(files, &present, manifest, hash, expected, sums.as_deref(), &mut found)
        }
        // What it would be a signature of can not be read, which has been said; its lines stand as they are.
        _ => signed::listed(sums.as_deref()),
    };
    let is_there = |name: &str| present.iter().any(|present| present == name);
    if is_there(DELETED_ENVELOPE_FILE) && !is_there(DELETED_FILE) {
        found.problem(DELETED_FILE, format!("is missing: {DELETED_ENVELOPE_FILE} is its signature"));
    }
    let deletions = manifest.as_ref().filter(|_| is_there(DELETED_FILE)).and_then(|manifest| {
        let (deletions, file) = read_deletions(files, manifest, manifest_hash, &mut found)?;
        let told = (&deletions, file);
        let (holds, envelope) = signed::check_deletions(files, manifest, told, expected, sums.as_deref(), &mut found);
        found.deleted = if holds { deletions.deleted.len() } else { 0 };
        Some(DeletionFiles { deletions, file, envelope })
    });
    let gone = deletions.as_ref().map(|files| &files.deletions);
    let rendered = manifest.as_ref().and_then(|manifest| {
        objects_hold(files, manifest, gone, &mut found).then(|| {
            let kept = |sha256: &Sha256| gone.is_none_or(|gone| !gone.has(sha256));
            // Read again as the report needs them, so that no more than one is held beside it.
            let evidence =
                |sha256: &Sha256| kept(sha256).then(|| files.read(&sums::object_name(sha256)).ok()).flatten();
            report::render(manifest, &evidence, gone)
        })
    });
    let report = report.as_deref().map(|report| (report, files.hash(REPORT_FILE, report)));
    let report_hash = check_report(report, rendered.as_deref(), sums.as_deref(), &mut found);
    if let (Some(manifest), Some(sums), Some(report_hash)) = (&manifest, &sums, report_hash) {
        // Where two files disagree and nobody can say which is right, that has been said above: here the line may stand.
        let vouched_for = expected.manifest.or_else(|| sums::hash_of(sums, MANIFEST_FILE)).or(manifest_hash);
        if let Some(manifest_hash) = vouched_for {
            let right = sums::render(manifest, manifest_hash, report_hash, signed, deletions.as_ref());
            check_sums(sums, &right, &mut found);
        }
    }
    Ok((found, manifest))
}

/// The names of the files that lie there; what does not belong there is a problem.
fn find_extra_files(files: &dyn Files, found: &mut Verification) -> io::Result<Vec<String>> {
    let present = files.names()?;
    for name in &present {
        if !sums::belongs_to_an_episode(name) {
            found.problem(name.as_str(), "does not belong to a sealed episode");
        }
    }
    Ok(present)
}

fn read(files: &dyn Files, name: &str, found: &mut Verification) -> Option<Vec<u8>> {
    match files.read(name) {
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

fn read_manifest(files: &dyn Files, json: &[u8], found: &mut Verification) -> Option<Manifest> {
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
    if files.episode().as_ref() != Some(named) {
        found.problem(MANIFEST_FILE, format!("is about another episode than its folder: {named}"));
    }
    Some(manifest)
}

/// What `deleted.json` says, and its hash: it must be about this manifest, and name nothing that that does not list.
fn read_deletions(
    files: &dyn Files,
    manifest: &Manifest,
    manifest_hash: Option<Sha256>,
    found: &mut Verification,
) -> Option<(Deletions, Sha256)> {
    let json = read(files, DELETED_FILE, found)?;
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
        return Some((deletions, Sha256::of(&json)));
    }
    None
}

/// Reads and compares every object that no rule deleted, one at a time; whether all of them are what they were.
fn objects_hold(files: &dyn Files, manifest: &Manifest, gone: Option<&Deletions>, found: &mut Verification) -> bool {
    let problems_before = found.problems.len();
    // The same bytes may be listed for several steps; what is said of them must be right each time.
    let mut listed: BTreeMap<Sha256, Vec<&ArtifactRef>> = BTreeMap::new();
    for artifact in manifest.artifacts.iter().filter(|artifact| gone.is_none_or(|gone| !gone.has(&artifact.sha256))) {
        listed.entry(artifact.sha256).or_default().push(artifact);
    }
    for (sha256, artifacts) in listed {
        let name = sums::object_name(&sha256);
        let Some(bytes) = read(files, &name, found) else { continue };
        for artifact in artifacts {
            check_object(&name, artifact, &bytes, files.hash(&name, &bytes), found);
        }
    }
    found.problems.len() == problems_before
}

fn check_object(name: &str, artifact: &ArtifactRef, bytes: &[u8], actual: Sha256, found: &mut Verification) {
    let size = bytes.len() as u64;
    if size < artifact.bytes {
        found.problem(name, format!("was cut short: {size} of {} bytes are left", artifact.bytes));
    } else if size > artifact.bytes {
        found.problem(name, format!("has {size} bytes, the manifest says {}", artifact.bytes));
    } else if actual != artifact.sha256 {
        found.problem(name, "was changed: its hash is not its name");
    } else if artifact.dom.is_some_and(|hashes| hashes != dom_hashes(&String::from_utf8_lossy(bytes))) {
        found.problem(name, format!("has other DOM hashes than {MANIFEST_FILE} says"));
    }
}

/// Compares the report with its rendering, if there is one, and with its line; returns the hash that its line must have.
fn check_report(
    report: Option<(&[u8], Sha256)>,
    rendered: Option<&str>,
    sums: Option<&str>,
    found: &mut Verification,
) -> Option<Sha256> {
    let listed = sums.and_then(|sums| sums::hash_of(sums, REPORT_FILE));
    let Some((report, actual)) = report else { return listed };
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
