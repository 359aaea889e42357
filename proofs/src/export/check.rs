//! The offline check of an export: is every byte of it what was exported?

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::shown::gather;
use super::zip::{Member, scan};
use super::{AUDIT_FILE, OVERVIEW_FILE, Place, root_sums};
use crate::files::{FILE_BYTES_MAX, Files, too_large};
use crate::hash::Sha256;
use crate::keys::KeyHistory;
use crate::log::{AuditBundle, BundleVerdict};
use crate::manifest::Manifest;
use crate::report;
use crate::stamp::Authorities;
use crate::sums::SUMS_FILE;
use crate::verify::{self, FoundStamp, Problem, ReportGuard, SignatureGuard, Verification, VerifyError, verify_files};

/// What the one who checks knows from elsewhere. An export that was made anew, all of it, is found by this and by a signature only.
#[derive(Debug, Clone, Default)]
pub struct Expected<'e> {
    /// The action that it must be about.
    pub action: Option<String>,
    /// The hashes of all manifests that it must hold; none: any.
    pub manifests: Vec<Sha256>,
    /// The keys that are trusted: then each manifest, and the audit log's checkpoint, must be signed by one of them, or by one that they
    /// lead to.
    pub keys: Option<&'e KeyHistory>,
    /// The authorities whose time stamps count.
    pub authorities: Option<&'e Authorities>,
}

/// What the check of an export found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportVerification {
    /// Everything that is not as it was exported. Empty: nothing was changed.
    pub problems: Vec<Problem>,
    /// How many files it holds.
    pub files: usize,
    /// The action, where a manifest could be read.
    pub action: Option<String>,
    /// Each episode.
    pub episodes: Vec<EpisodeFound>,
    /// The audit log's checkpoint that the action's rows lead to, where the export has them and they hold.
    pub audit: Option<BundleVerdict>,
    /// What vouches for the overview.
    pub overview: ReportGuard,
}

impl ExportVerification {
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

/// An episode in an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeFound {
    /// Its folder's name.
    pub episode: String,
    /// The hash of its manifest as it lies there.
    pub manifest: Option<Sha256>,
    /// What its manifest says became of the action.
    pub state: Option<String>,
    /// What vouches for its report.
    pub report: ReportGuard,
    /// Whose signature vouches for its manifest.
    pub signature: SignatureGuard,
    /// The time stamps of that signature.
    pub stamps: Vec<FoundStamp>,
}

/// Checks an export in a file. See [`verify_export`].
///
/// # Errors
/// [`VerifyError`] when it cannot be read. Everything else is a [`Problem`].
pub fn verify_export_file(path: &Path, expected: &Expected<'_>) -> Result<ExportVerification, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    verify_export(&mut BufReader::new(file), &name, expected).map_err(unreadable)
}

/// Checks an export: the zip's own bytes, each file against the sums, and each episode as its folder is checked.
///
/// It needs no database, no settings and no network, unpacks nothing, and holds one file at a time beside what the report shows. Every
/// problem names a file: one of the export, or the export itself by the `name` that is given.
///
/// # Errors
/// What the system says when the bytes cannot be read.
pub fn verify_export<R: Read + Seek>(
    input: &mut R,
    name: &str,
    expected: &Expected<'_>,
) -> io::Result<ExportVerification> {
    let scan = scan(input)?;
    let mut found = ExportVerification {
        problems: Vec::new(),
        files: scan.members.len(),
        action: None,
        episodes: Vec::new(),
        audit: None,
        overview: ReportGuard::Nothing,
    };
    for (file, what) in scan.flaws {
        found.problem(file.unwrap_or_else(|| name.to_owned()), what);
    }
    if !scan.whole {
        return Ok(found);
    }
    check_places(&scan.members, name, &mut found);
    let members: BTreeMap<&str, &Member> =
        scan.members.iter().rev().map(|member| (member.name.as_str(), member)).collect();
    let input = RefCell::new(input);
    check_root_sums(&members, &input, &mut found)?;
    let told = check_episodes(&members, &input, expected, &mut found)?;
    let audit = match members.get(AUDIT_FILE) {
        Some(member) => check_audit(&read_member(*input.borrow_mut(), member)?, &told, expected, &mut found),
        None => None,
    };
    check_overview(&members, &input, audit.as_ref(), &mut found)?;
    check_expected(name, expected, &mut found);
    Ok(found)
}

/// Every file must have a place; what leads out of the folder in which it is unpacked has none.
fn check_places(members: &[Member], name: &str, found: &mut ExportVerification) {
    for member in members.iter().filter(|member| Place::of(&member.name).is_none()) {
        let leads_elsewhere = member.name.starts_with('/')
            || member.name.contains('\\')
            || member.name.split('/').any(|part| part == "..");
        let what = if leads_elsewhere {
            "leads out of the folder that an export is unpacked in"
        } else {
            "does not belong to an export"
        };
        // A name with signs that a terminal would obey is shown in quotes.
        let shown =
            if member.name.chars().any(char::is_control) { format!("{:?}", member.name) } else { member.name.clone() };
        found.problem(shown, what);
    }
    if !members.iter().any(|member| matches!(Place::of(&member.name), Some(Place::Episode(_)))) {
        found.problem(name, "holds no episode");
    }
}

/// The sums in the root have one right text.
fn check_root_sums<R: Read + Seek>(
    members: &BTreeMap<&str, &Member>,
    input: &RefCell<&mut R>,
    found: &mut ExportVerification,
) -> io::Result<()> {
    let others = members.values().filter(|member| member.name != SUMS_FILE);
    let right = root_sums(others.clone().map(|member| (member.name.as_str(), member.sha256)));
    let Some(member) = members.get(SUMS_FILE) else {
        found.problem(SUMS_FILE, "is missing");
        return Ok(());
    };
    let actual = read_member(*input.borrow_mut(), member)?;
    if actual == right.as_bytes() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&actual);
    let listed: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(hash, name)| (name, hash)).collect();
    for member in others {
        match listed.get(member.name.as_str()) {
            Some(hash) if *hash == member.sha256.to_string() => {}
            Some(hash) => found.problem(
                &member.name,
                format!("its hash is {}, {SUMS_FILE} has {hash:?}: one of the two was changed", member.sha256),
            ),
            None => found.problem(&member.name, format!("is not listed in {SUMS_FILE}")),
        }
    }
    for name in listed.keys().filter(|name| !name.is_empty() && !members.contains_key(*name)) {
        found.problem(name.escape_debug().to_string(), format!("is missing: {SUMS_FILE} lists it"));
    }
    found.problem(SUMS_FILE, "is not the list of the files beside it");
    Ok(())
}

/// Checks each episode; returns the audit events that their manifests tell of.
fn check_episodes<R: Read + Seek>(
    members: &BTreeMap<&str, &Member>,
    input: &RefCell<&mut R>,
    expected: &Expected<'_>,
    found: &mut ExportVerification,
) -> io::Result<Vec<Told>> {
    let own = verify::Expected {
        manifest: None,
        keys: expected.keys,
        signed: expected.keys.is_some(),
        authorities: expected.authorities,
    };
    let mut told = Vec::new();
    let episodes: BTreeSet<&str> = members
        .keys()
        .filter_map(|name| match Place::of(name) {
            Some(Place::Episode(episode)) => Some(episode),
            _ => None,
        })
        .collect();
    let (mut listed, mut all_read) = (BTreeSet::new(), true);
    for episode in episodes {
        let (verification, manifest) = verify_files(&InExport { members, input, episode }, &own)?;
        take_over(episode, &verification, manifest.as_ref(), found);
        match manifest {
            Some(manifest) => {
                check_action(episode, &manifest, found);
                told.extend(manifest.audit.iter().map(|event| Told {
                    episode: episode.to_owned(),
                    event: event.event_id.clone(),
                    status: event.status.clone(),
                }));
                listed.extend(manifest.artifacts.iter().map(|artifact| artifact.sha256));
            }
            None => all_read = false,
        }
    }
    // A manifest that does not read may have listed it.
    for name in members.keys().filter(|_| all_read) {
        if matches!(Place::of(name), Some(Place::Object(sha256)) if !listed.contains(&sha256)) {
            found.problem(*name, "is listed by no manifest of the export");
        }
    }
    Ok(told)
}

/// An audit event that a manifest tells of.
struct Told {
    episode: String,
    event: String,
    status: String,
}

/// The page for people shows what the other files say. Where one of those was changed that has been said, and what the
/// page would have to show is not known.
fn check_overview<R: Read + Seek>(
    members: &BTreeMap<&str, &Member>,
    input: &RefCell<&mut R>,
    audit: Option<&AuditBundle>,
    found: &mut ExportVerification,
) -> io::Result<()> {
    let Some(member) = members.get(OVERVIEW_FILE) else {
        found.problem(OVERVIEW_FILE, "is missing");
        return Ok(());
    };
    let page = read_member(*input.borrow_mut(), member)?;
    if !found.holds() {
        return Ok(());
    }
    // Another release's page can not be rendered again; one that does not say of which it is is nobody's.
    if report::renderer_of(&page).is_some_and(|renderer| renderer != report::RENDERER) {
        found.overview = ReportGuard::SumsOnly;
        return Ok(());
    }
    let mut shown = Vec::new();
    for episode in &found.episodes {
        shown.extend(gather(&InExport { members, input, episode: &episode.episode })?);
    }
    if report::overview::render(&shown, audit).as_bytes() == page {
        found.overview = ReportGuard::Rendered;
    } else {
        found.problem(OVERVIEW_FILE, "shows something else than the other files say");
    }
    Ok(())
}

/// The rows of the audit log: proved to be in the log that a checkpoint was signed of, of this action, and all that the manifests tell of.
fn check_audit(
    json: &[u8],
    told: &[Told],
    expected: &Expected<'_>,
    found: &mut ExportVerification,
) -> Option<AuditBundle> {
    let bundle = match AuditBundle::from_json(json) {
        Ok(bundle) if bundle.to_json().as_bytes() == json => bundle,
        Ok(_) => {
            found.problem(AUDIT_FILE, "was not written by this program: it says the same in other bytes");
            return None;
        }
        Err(error) => {
            found.problem(AUDIT_FILE, error.to_string());
            return None;
        }
    };
    if let Some(action) = found.action.clone().filter(|action| *action != bundle.action_id) {
        found.problem(AUDIT_FILE, format!("is about the action {}, and the export about {action}", bundle.action_id));
    }
    match bundle.verify(expected.keys) {
        Ok(verdict) => found.audit = Some(verdict),
        Err(error) => found.problem(AUDIT_FILE, error.to_string()),
    }
    let rows: BTreeMap<String, String> = bundle
        .rows
        .iter()
        .filter_map(|row| {
            let event: serde_json::Value = serde_json::from_str(&row.event).ok()?;
            let status = event.pointer("/result/status")?.as_str()?.to_owned();
            Some((event.get("audit_event_id")?.as_str()?.to_owned(), status))
        })
        .collect();
    for Told { episode, event, status } in told {
        if rows.get(event) != Some(status) {
            let file = name_in_export(episode, crate::sums::MANIFEST_FILE);
            found.problem(
                file,
                format!("tells of the audit event {event} ({status}), which {AUDIT_FILE} does not have"),
            );
        }
    }
    Some(bundle)
}

fn take_over(episode: &str, verification: &Verification, manifest: Option<&Manifest>, found: &mut ExportVerification) {
    for problem in &verification.problems {
        found.problem(name_in_export(episode, &problem.file), &problem.what);
    }
    found.episodes.push(EpisodeFound {
        episode: episode.to_owned(),
        manifest: verification.manifest,
        state: manifest.map(|manifest| manifest.outcome.state.clone()),
        report: verification.report,
        signature: verification.signature,
        stamps: verification.stamps.clone(),
    });
}

/// All episodes are of one action: one of another is a replay.
fn check_action(episode: &str, manifest: &Manifest, found: &mut ExportVerification) {
    let action = &manifest.action.action_id;
    match &found.action {
        None => found.action = Some(action.clone()),
        Some(first) if first == action => {}
        Some(first) => {
            let what = format!("is about the action {action}, and the export about {first}");
            found.problem(name_in_export(episode, crate::sums::MANIFEST_FILE), what);
        }
    }
}

fn check_expected(name: &str, expected: &Expected<'_>, found: &mut ExportVerification) {
    if let (Some(wanted), Some(action)) = (&expected.action, found.action.clone())
        && *wanted != action
    {
        found.problem(name, format!("is about the action {action}, and not {wanted}"));
    }
    if expected.manifests.is_empty() {
        return;
    }
    for (episode, hash) in found.episodes.clone().into_iter().map(|episode| (episode.episode, episode.manifest)) {
        if let Some(hash) = hash.filter(|hash| !expected.manifests.contains(hash)) {
            let what = format!("its hash is {hash}, which is not expected: it was changed, or made anew");
            found.problem(name_in_export(&episode, crate::sums::MANIFEST_FILE), what);
        }
    }
    for hash in &expected.manifests {
        if !found.episodes.iter().any(|episode| episode.manifest == Some(*hash)) {
            found.problem(name, format!("holds no manifest with the expected hash {hash}"));
        }
    }
}

/// The name in an export of what an episode's sums and problems name by its path from the episode's folder.
pub(super) fn name_in_export(episode: &str, file: &str) -> String {
    match file.strip_prefix("../../") {
        Some(object) => object.to_owned(),
        None => format!("episodes/{episode}/{file}"),
    }
}

/// The files of an episode within an export.
struct InExport<'a, 'r, R> {
    members: &'a BTreeMap<&'a str, &'a Member>,
    input: &'a RefCell<&'r mut R>,
    episode: &'a str,
}

impl<R: Read + Seek> Files for InExport<'_, '_, R> {
    fn episode(&self) -> Option<String> {
        Some(self.episode.to_owned())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let own = format!("episodes/{}/", self.episode);
        Ok(self.members.keys().filter_map(|name| name.strip_prefix(&own)).map(str::to_owned).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let name = name_in_export(self.episode, name);
        let member = self.members.get(name.as_str()).ok_or(ErrorKind::NotFound)?;
        read_member(*self.input.borrow_mut(), member)
    }

    fn hash(&self, name: &str, bytes: &[u8]) -> Sha256 {
        // Computed over the same bytes as the zip was read for the first time.
        let member = self.members.get(name_in_export(self.episode, name).as_str());
        member.map_or_else(|| Sha256::of(bytes), |member| member.sha256)
    }
}

pub(super) fn read_member<R: Read + Seek>(input: &mut R, member: &Member) -> io::Result<Vec<u8>> {
    if member.size > FILE_BYTES_MAX {
        return Err(too_large());
    }
    input.seek(SeekFrom::Start(member.at))?;
    let mut bytes = Vec::new();
    input.by_ref().take(member.size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
