//! Putting an action's proof into one file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::shown::gather;
use super::zip::{Writer, measure};
use super::{AUDIT_FILE, OVERVIEW_FILE, root_sums};
use crate::durable::TEMPORARY_PREFIX;
use crate::files::{self, Folder};
use crate::hash::Sha256;
use crate::log::AuditBundle;
use crate::manifest::{Manifest, ManifestError};
use crate::report::overview;
use crate::retention::Deletions;
use crate::store::{DirectoryStore, relative_object_path};
use crate::sums::{self, DELETED_FILE, MANIFEST_FILE, SUMS_FILE};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many files it holds.
    pub files: usize,
    /// How many bytes those files have together.
    pub bytes: u64,
    /// Each episode and the hash of its manifest: told to the receiver another way, it guards against an export made anew.
    pub episodes: Vec<(String, Sha256)>,
}

/// Why an action's proof could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of the proof cannot be read.
    #[error("failed to export: {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something lies in an episode's folder that no episode has.
    #[error("failed to export: {path} does not belong to a sealed episode")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A manifest does not read.
    #[error("failed to export {path}: {source}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// The export itself cannot be written.
    #[error("failed to write the export: {0}")]
    Unwritable(#[source] io::Error),
}

impl ExportError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "export-unreadable",
            Self::Foreign { .. } => "export-foreign-file",
            Self::Manifest { source, .. } => source.code(),
            Self::Unwritable(_) => "export-unwritable",
        }
    }
}

/// Writes the proof of these episodes, which are all of one action, and its rows of the audit log as one zip. The same proof gives the same
/// bytes.
///
/// Nothing is checked but that it can be read: [`verify_export`](super::verify_export()) does that, and should be asked before the file is
/// handed on.
///
/// # Errors
/// [`ExportError`]; what was written until then is no export.
pub fn export<W: Write>(
    store: &DirectoryStore,
    episodes: &[String],
    audit: Option<&AuditBundle>,
    out: W,
) -> Result<Exported, ExportError> {
    let mut sources = BTreeMap::new();
    let mut manifests = Vec::new();
    let mut shown = BTreeMap::new();
    for episode in episodes {
        let folder = store.episode_folder(episode);
        collect_episode(episode, &folder, &mut sources)?;
        let (json, manifest) = read_manifest(&folder.join(MANIFEST_FILE))?;
        manifests.push((episode.clone(), Sha256::of(&json)));
        let gathered = Folder::open(&folder).and_then(|files| gather(&files));
        let gathered = gathered.map_err(|source| ExportError::Unreadable { path: folder.clone(), source })?;
        shown.extend(gathered.map(|gathered| (episode.as_str(), gathered)));
        let gone = read_deletions(&folder)?;
        let is_gone = |sha256: &Sha256| gone.as_ref().is_some_and(|gone| gone.has(sha256));
        for artifact in manifest.artifacts.iter().filter(|artifact| !is_gone(&artifact.sha256)) {
            sources.insert(relative_object_path(&artifact.sha256), store.object_path(&artifact.sha256));
        }
    }

    let mut measured = BTreeMap::new();
    for (name, path) in &sources {
        let facts = open(path).and_then(|mut file| measure(&mut file, &mut io::sink()));
        measured.insert(name.as_str(), facts.map_err(|source| ExportError::Unreadable { path: path.clone(), source })?);
    }
    let overview = overview::render(&shown.into_values().collect::<Vec<_>>(), audit);
    let facts = measure(&mut overview.as_bytes(), &mut io::sink()).map_err(ExportError::Unwritable)?;
    measured.insert(OVERVIEW_FILE, facts);
    let audit = audit.map(AuditBundle::to_json);
    if let Some(audit) = &audit {
        let facts = measure(&mut audit.as_bytes(), &mut io::sink()).map_err(ExportError::Unwritable)?;
        measured.insert(AUDIT_FILE, facts);
    }
    let sums = root_sums(measured.iter().map(|(name, (_, _, sha256))| (*name, *sha256)));
    let of_sums = measure(&mut sums.as_bytes(), &mut io::sink()).map_err(ExportError::Unwritable)?;
    measured.insert(SUMS_FILE, of_sums);

    let mut writer = Writer::new(out);
    let bytes = measured.values().map(|(size, ..)| size).sum();
    for (name, facts) in &measured {
        let mut content: Box<dyn Read> = match sources.get(*name) {
            Some(path) => {
                Box::new(open(path).map_err(|source| ExportError::Unreadable { path: path.clone(), source })?)
            }
            None if *name == AUDIT_FILE => Box::new(audit.as_deref().unwrap_or_default().as_bytes()),
            None if *name == OVERVIEW_FILE => Box::new(overview.as_bytes()),
            None => Box::new(sums.as_bytes()),
        };
        writer.add(name, *facts, &mut content).map_err(ExportError::Unwritable)?;
    }
    writer.finish().map_err(ExportError::Unwritable)?;
    Ok(Exported { files: measured.len(), bytes, episodes: manifests })
}

/// All files of an episode's folder, whoever put them there, under their names in the export.
fn collect_episode(episode: &str, folder: &Path, sources: &mut BTreeMap<String, PathBuf>) -> Result<(), ExportError> {
    let unreadable = |source| ExportError::Unreadable { path: folder.to_owned(), source };
    for name in files::names_below(folder).map_err(unreadable)? {
        let path = folder.join(&name);
        if name.starts_with(TEMPORARY_PREFIX) {
            continue;
        }
        if !sums::belongs_to_an_episode(&name) {
            return Err(ExportError::Foreign { path });
        }
        sources.insert(format!("episodes/{episode}/{name}"), path);
    }
    Ok(())
}

/// What a rule deleted of the episode. What can not be read says nothing: then every object has to be there.
fn read_deletions(folder: &Path) -> Result<Option<Deletions>, ExportError> {
    let path = folder.join(DELETED_FILE);
    match std::fs::read(&path) {
        Ok(json) => Ok(serde_json::from_slice(&json).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ExportError::Unreadable { path, source }),
    }
}

fn read_manifest(path: &Path) -> Result<(Vec<u8>, Manifest), ExportError> {
    let json = std::fs::read(path).map_err(|source| ExportError::Unreadable { path: path.to_owned(), source })?;
    let manifest =
        Manifest::from_json(&json).map_err(|source| ExportError::Manifest { path: path.to_owned(), source })?;
    Ok((json, manifest))
}

/// A regular file: nothing that a link in the store leads to gets into an export.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    File::open(path)
}
