//! What a store elsewhere said of an episode's proof: `storage.json`, beside the manifest.
//!
//! Owns the record's format and which files of an episode are uploaded. The signed manifest can not contain what
//! happens after it was sealed, so this stands beside it; it proves nothing by itself and is not uploaded: each entry
//! can be asked for again at the store.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{self, Temporary};
use crate::hash::Sha256;
use crate::store::StoreError;
use crate::sums::MANIFEST_FILE;

/// The record's name in the episode's folder.
pub const STORAGE_FILE: &str = "storage.json";
/// The version of the format that this crate writes.
pub const STORAGE_VERSION: u32 = 1;
/// How deep folders in an episode's folder are followed.
const DEPTH_MAX: u32 = 3;

/// By what it was seen that the store holds the very bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckedBy {
    /// The store told the SHA-256 that it computed itself.
    Sha256,
    /// The store keeps no SHA-256; its entity tag is the MD5 that was expected.
    Etag,
    /// The store told neither: every byte was read back and hashed here.
    ReadBack,
}

/// One piece, as the store told of it when it was asked after the upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPiece {
    /// The name below the episode's folder (`manifest.json`), or `objects/ab/cdef…`.
    pub name: String,
    /// Of its content.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
    /// The bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
    /// The entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The version, in a bucket that keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The checksum that the store told, as it writes it (base64, with `-N` for one of N parts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum_sha256: Option<String>,
    /// By what its content was seen to be right.
    pub checked_by: CheckedBy,
    /// `COMPLIANCE` or `GOVERNANCE`, where it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_mode: Option<String>,
    /// Until when it is locked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<String>,
    /// Whether there is a legal hold on it.
    #[serde(default)]
    pub legal_hold: bool,
    /// How the store encrypts it (`AES256`, `aws:kms`), where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
}

/// The whole record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageRecord {
    /// [`STORAGE_VERSION`].
    pub version: u32,
    /// Every piece that was seen in the store, in the order in which it was.
    pub pieces: Vec<StoredPiece>,
}

impl StorageRecord {
    /// The record of an episode; an empty one where there is none, or one that does not read: then every piece is looked for again.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let found = fs::read(folder.join(STORAGE_FILE)).ok();
        let found: Option<Self> = found.and_then(|json| serde_json::from_slice(&json).ok());
        found
            .filter(|record| record.version == STORAGE_VERSION)
            .unwrap_or(Self { version: STORAGE_VERSION, pieces: Vec::new() })
    }

    /// Writes it, durably, in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let failed = |error: io::Error| StoreError::from_io(&folder.join(STORAGE_FILE), error);
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        json.push(b'\n');
        Temporary::write(folder, &json)
            .and_then(|written| written.replace(&folder.join(STORAGE_FILE)))
            .and_then(|()| durable::sync_folder(folder))
            .map_err(failed)
    }

    /// The entry of a piece under a key, when it was seen there.
    #[must_use]
    pub fn piece(&self, bucket: &str, key: &str) -> Option<&StoredPiece> {
        self.pieces.iter().find(|piece| piece.bucket == bucket && piece.key == key)
    }
}

/// The regular files of an episode, by their names below its folder: `manifest.json` first, then by name. What is being
/// written is left out, and so is the record itself.
///
/// # Errors
/// [`StoreError`].
pub fn episode_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut files = Vec::new();
    collect(folder, "", DEPTH_MAX, &mut files).map_err(|error| StoreError::from_io(folder, error))?;
    files.sort_by(|(a, _), (b, _)| (a != MANIFEST_FILE, a).cmp(&(b != MANIFEST_FILE, b)));
    Ok(files)
}

fn collect(folder: &Path, below: &str, depth: u32, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = match entry.file_type() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other?,
        };
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with(durable::TEMPORARY_PREFIX) {
            continue;
        }
        let name = format!("{below}{name}");
        if kind.is_file() && name != STORAGE_FILE {
            files.push((name, entry.path()));
        } else if kind.is_dir() && depth > 0 {
            collect(&entry.path(), &format!("{name}/"), depth - 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn every_regular_file_is_found_the_manifest_first_and_nothing_unfinished() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("stamps")).unwrap();
        for name in ["SHA256SUMS", "manifest.json", "a.json", "stamps/1.tsr", ".tmp-1-1", "storage.json"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let names: Vec<_> = episode_files(dir.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["manifest.json", "SHA256SUMS", "a.json", "stamps/1.tsr"]);
    }

    #[test]
    fn a_record_that_does_not_read_is_none() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(STORAGE_FILE), "{").unwrap();
        let mut record = StorageRecord::read(dir.path());
        assert!(record.pieces.is_empty());
        record.pieces.push(StoredPiece {
            name: "manifest.json".to_owned(),
            sha256: Sha256::of(b"x"),
            bytes: 1,
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            etag: None,
            version_id: None,
            checksum_sha256: None,
            checked_by: CheckedBy::Etag,
            lock_mode: None,
            retain_until: None,
            legal_hold: false,
            encryption: None,
        });
        record.write(dir.path()).unwrap();
        assert_eq!(StorageRecord::read(dir.path()), record);
        assert!(record.piece("b", "k").is_some() && record.piece("b", "other").is_none());
    }
}
