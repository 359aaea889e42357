//! The episode's folder: manifest, report and check sums, as one step of the episode.
//!
//! Owns the order in which they are written. It never changes an object and never decides an outcome. Sealing an episode
//! again, because a later look at the platform added to it, replaces the three files; signed, also the envelope and the keys beside them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::ArtifactRef;
use crate::durable::{self, Temporary};
use crate::hash::Sha256;
use crate::keys::{KeyHistory, SigningKey};
use crate::manifest::{Manifest, ManifestError};
use crate::report;
use crate::signature::{Envelope, SignatureError};
use crate::store::{DirectoryStore, Store as _, StoreError};
use crate::sums::{self, ENVELOPE_FILE, KEYS_FILE, MANIFEST_FILE, REPORT_FILE, SUMS_FILE, SignedFiles};

/// A sealed episode: what the ledger has to remember of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEpisode {
    /// Of `manifest.json`. Kept elsewhere, it is what guards the folder against somebody who rewrites all of it.
    pub manifest: Sha256,
    /// Of `report.html`.
    pub report: Sha256,
    /// Of `SHA256SUMS`.
    pub sums: Sha256,
    /// Of `manifest.dsse.json`, where it was signed: what a time stamp is of.
    pub envelope: Option<Sha256>,
    /// The episode's folder.
    pub folder: PathBuf,
}

/// Why an episode could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The manifest says something that cannot be.
    #[error("failed to seal the episode: {0}")]
    Manifest(#[from] ManifestError),
    /// It could not be signed.
    #[error("failed to sign the episode: the envelope {0}")]
    Signature(#[from] SignatureError),
    /// A file could not be written, or a piece of evidence is not what it was.
    #[error("failed to seal the episode: {0}")]
    Store(#[from] StoreError),
}

impl SealError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// With what an episode is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'k> {
    /// The key.
    pub key: &'k SigningKey,
    /// Its history, which goes along with the proof.
    pub keys: &'k KeyHistory,
}

/// Writes an episode's `manifest.json`, `report.html` and `SHA256SUMS`, durably, without a signature.
///
/// # Errors
/// As [`seal_signed`].
pub fn seal(store: &DirectoryStore, manifest: &Manifest) -> Result<SealedEpisode, SealError> {
    seal_signed(store, manifest, None)
}

/// Writes an episode's `manifest.json`, `report.html` and `SHA256SUMS`, durably; signed, also `manifest.dsse.json` and `keys.json`.
/// The manifest is written with the signer's name in it.
///
/// All are complete on the disk before the first of them gets its name, and each replaces its predecessor in one step.
/// A crash between these steps leaves files of two sealings: [`verify`](crate::verify()) says so, and sealing again, which the caller
/// does because it has no [`SealedEpisode`] on record, puts it right. Time stamps of an earlier envelope stay: their names say of which.
///
/// # Errors
/// [`SealError`] when the manifest contradicts itself, a piece of evidence is missing or damaged, or the disk refuses.
pub fn seal_signed(
    store: &DirectoryStore,
    manifest: &Manifest,
    signer: Option<Signer<'_>>,
) -> Result<SealedEpisode, SealError> {
    let manifest = &signed_by(manifest, signer);
    let json = manifest.to_canonical_json()?;
    // Read once, for the check and for the report.
    let mut objects = BTreeMap::new();
    for artifact in &manifest.artifacts {
        objects.insert(artifact.sha256, checked(store, artifact)?);
    }
    let report = report::render(manifest, &|sha256| objects.get(sha256).cloned(), None);
    let (manifest_hash, report_hash) = (Sha256::of(&json), Sha256::of(report.as_bytes()));
    let signed = signer.map(|signer| signature(manifest, manifest_hash, signer)).transpose()?;
    let hashes = signed
        .as_ref()
        .map(|(envelope, keys)| SignedFiles { envelope: Sha256::of(envelope), keys: Sha256::of(keys.as_bytes()) });
    let sums = sums::render(manifest, manifest_hash, report_hash, hashes, None);

    let folder = store.episode_folder(&manifest.action.episode_id);
    let mut files: Vec<(&str, &[u8])> = vec![(REPORT_FILE, report.as_bytes()), (MANIFEST_FILE, &json)];
    if let Some((envelope, keys)) = &signed {
        files.extend([(ENVELOPE_FILE, envelope.as_slice()), (KEYS_FILE, keys.as_bytes())]);
    }
    files.push((SUMS_FILE, sums.as_bytes()));
    let envelope = hashes.map(|hashes| hashes.envelope);
    remove_what_is_over(&folder, envelope)
        .and_then(|()| write_all(&folder, &files))
        .map_err(|error| StoreError::from_io(&folder, error))?;
    let sums = Sha256::of(sums.as_bytes());
    Ok(SealedEpisode { manifest: manifest_hash, report: report_hash, sums, envelope, folder })
}

/// Removes a signature where none is made any more.
fn remove_what_is_over(folder: &Path, envelope: Option<Sha256>) -> std::io::Result<()> {
    if envelope.is_some() {
        return Ok(());
    }
    for name in [ENVELOPE_FILE, KEYS_FILE] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Writes an episode's `manifest.json`, durably: the attempt proof, before the commit; signed, also
/// `manifest.dsse.json` and `keys.json`. A later [`seal()`] replaces them. What it is checked by:
/// [`verify_attempt`](crate::verify_attempt()).
///
/// # Errors
/// [`SealError`] when the manifest contradicts itself or the disk refuses.
pub fn checkpoint(
    store: &DirectoryStore,
    manifest: &Manifest,
    signer: Option<Signer<'_>>,
) -> Result<Sha256, SealError> {
    let manifest = &signed_by(manifest, signer);
    let json = manifest.to_canonical_json()?;
    let hash = Sha256::of(&json);
    let signed = signer.map(|signer| signature(manifest, hash, signer)).transpose()?;
    let folder = store.episode_folder(&manifest.action.episode_id);
    let mut files: Vec<(&str, &[u8])> = vec![(MANIFEST_FILE, &json)];
    if let Some((envelope, keys)) = &signed {
        files.extend([(ENVELOPE_FILE, envelope.as_slice()), (KEYS_FILE, keys.as_bytes())]);
    }
    write_all(&folder, &files).map_err(|error| StoreError::from_io(&folder, error))?;
    Ok(hash)
}

/// The manifest, saying who signs it.
fn signed_by(manifest: &Manifest, signer: Option<Signer<'_>>) -> Manifest {
    Manifest { signer: signer.map(|signer| signer.key.public().id()), ..manifest.clone() }
}

/// The envelope and the keys that go along with it.
fn signature(manifest: &Manifest, hash: Sha256, signer: Signer<'_>) -> Result<(Vec<u8>, String), SealError> {
    Ok((Envelope::sign(manifest, hash, signer.key)?.to_json()?, signer.keys.to_json()))
}

/// An artifact's bytes, which are what the manifest says of them.
fn checked(store: &DirectoryStore, artifact: &ArtifactRef) -> Result<Vec<u8>, StoreError> {
    let bytes = store.get(&artifact.sha256)?;
    let size = bytes.len() as u64;
    if size == artifact.bytes {
        return Ok(bytes);
    }
    let what = format!("it has {size} bytes, the manifest says {}", artifact.bytes);
    Err(StoreError::Corrupt { sha256: artifact.sha256, path: store.object_path(&artifact.sha256), what })
}

pub(crate) fn write_all(folder: &Path, files: &[(&str, &[u8])]) -> std::io::Result<()> {
    durable::make_private_folder(folder)?;
    // An episode is sealed by the one who holds its lease, so what lies here unfinished is of a writer that is gone.
    durable::remove_temporaries(folder)?;
    let written: Vec<Temporary> =
        files.iter().map(|(_, bytes)| Temporary::write(folder, bytes)).collect::<Result<_, _>>()?;
    for (temporary, (name, _)) in written.into_iter().zip(files) {
        temporary.replace(&folder.join(name))?;
    }
    durable::sync_folder(folder)
}
