//! Where proof lies: bytes under the name of their own hash, written once and never changed.
//!
//! Owns the narrow [`Store`] port and its form on a local disk. It never deletes or overwrites an object. Layout of a
//! directory store:
//!
//! ```text
//! objects/ab/cdef…            one object, its name is its SHA-256 in hexadecimal, two digits and sixty-two
//! episodes/<episode_id>/      manifest.json, report.html, SHA256SUMS (written by `seal`)
//! writers/<episode_id>        who may write into that folder (see `writing`)
//! ```

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable::{self, Temporary};
use crate::hash::Sha256;

/// A place that keeps bytes under their hash. All calls block until the disk (or the other side) has answered.
pub trait Store: Send + Sync {
    /// Keeps `bytes`, durably, and returns their hash. Keeping the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be taken for kept.
    fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError>;

    /// The bytes with this hash, checked.
    ///
    /// # Errors
    /// [`StoreError::Missing`] or [`StoreError::Corrupt`] when they are not what was kept, else what the disk said.
    fn get(&self, sha256: &Sha256) -> Result<Vec<u8>, StoreError>;

    /// Whether there is an object with this hash. Its content is not read.
    ///
    /// # Errors
    /// [`StoreError`] when that cannot be told.
    fn has(&self, sha256: &Sha256) -> Result<bool, StoreError>;
}

/// Why proof could not be kept or read. Cheap to clone, because the first error of an episode is returned many times.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No space, or no quota, is left.
    #[error(
        "failed to write {path}: no space left; free space on that disk or move the proof directory, then run again"
    )]
    Full {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The file system is read-only or the rights are missing.
    #[error(
        "failed to write {path}: it is read-only for this user; mount it read-write or give the user the right to write there"
    )]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// There is no object with that hash.
    #[error("the object {sha256} is missing; restore {path} from a copy of the proof directory")]
    Missing {
        /// The hash that was asked for.
        sha256: Sha256,
        /// Where it should lie.
        path: PathBuf,
    },
    /// What lies there is not what was kept.
    #[error(
        "the object {sha256} is damaged: {what}; keep {path} as evidence and restore it from a copy of the proof directory"
    )]
    Corrupt {
        /// The hash that the object should have.
        sha256: Sha256,
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Anything else that the system said.
    #[error("failed to use {path}: {source}; check the disk and the rights on it, then run again")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// More pieces of evidence wait to be written than fit: the disk is far too slow for the episode.
    #[error(
        "failed to keep proof: {waiting} pieces of it wait for a disk that is too slow; move the proof directory to a faster one"
    )]
    Backlog {
        /// How many were waiting.
        waiting: usize,
    },
    /// A later claim has opened the episode's folder: whoever asked has lost the episode.
    #[error("failed to write proof: another runner has taken the episode over ({path}); what it writes counts")]
    Superseded {
        /// Where the claim is noted.
        path: PathBuf,
    },
    /// Another writer of the episode does not end.
    #[error(
        "failed to write proof: another process holds {path} and does not end; see which one has stopped, end or continue it, then run again"
    )]
    Busy {
        /// What it holds.
        path: PathBuf,
    },
    /// The thread that writes is gone, so what waited for it is lost.
    #[error("failed to keep proof: the thread that writes it stopped early; this is a defect, please report it")]
    WriterStopped,
}

impl StoreError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "store-full",
            Self::ReadOnly { .. } => "store-read-only",
            Self::Missing { .. } => "store-missing",
            Self::Corrupt { .. } => "store-corrupt",
            Self::Io { .. } => "store-io",
            Self::Backlog { .. } => "store-backlog",
            Self::Superseded { .. } => "store-superseded",
            Self::Busy { .. } => "store-busy",
            Self::WriterStopped => "store-writer-stopped",
        }
    }

    /// Sorts what the system said into what an operator can do about it.
    #[must_use]
    pub fn from_io(path: &Path, error: io::Error) -> Self {
        let (path, source) = (path.to_owned(), Arc::new(error));
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Full { path, source },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly { path, source },
            _ => Self::Io { path, source },
        }
    }
}

/// A store on a local disk. Several processes may use the same one at once.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    root: PathBuf,
}

impl DirectoryStore {
    /// Opens the store in a folder, making it when it is not there. What it makes is readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError`] when the folders cannot be made or made private.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        for folder in [root.join("objects"), root.join("episodes")] {
            durable::make_private_folder(&folder)
                .and_then(|()| durable::make_private(&folder))
                .map_err(|error| StoreError::from_io(&folder, error))?;
        }
        Ok(Self { root })
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the object with this hash lies, or would lie.
    #[must_use]
    pub fn object_path(&self, sha256: &Sha256) -> PathBuf {
        self.root.join(relative_object_path(sha256))
    }

    /// The folder of an episode. The name must have been checked before it becomes a path.
    #[must_use]
    pub fn episode_folder(&self, episode_id: &str) -> PathBuf {
        self.root.join("episodes").join(episode_id)
    }
}

/// Where an object lies below the store's folder: `objects/ab/cdef…`.
#[must_use]
pub fn relative_object_path(sha256: &Sha256) -> String {
    let digits = sha256.to_string();
    let (folder, name) = digits.split_at(2);
    format!("objects/{folder}/{name}")
}

impl Store for DirectoryStore {
    fn put(&self, bytes: &[u8]) -> Result<Sha256, StoreError> {
        let sha256 = Sha256::of(bytes);
        let path = self.object_path(&sha256);
        let failed = |error| StoreError::from_io(&path, error);
        let folder = path.parent().unwrap_or(&self.root);
        durable::make_private_folder(folder).map_err(failed)?;
        if has_size(&path, &sha256, bytes.len())? {
            // In use again: no prune that runs just now takes it for old.
            let touched = fs::File::open(&path).and_then(|file| file.set_modified(std::time::SystemTime::now()));
            if touched.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                return self.put(bytes);
            }
        } else {
            match Temporary::write(folder, bytes).and_then(|written| written.publish_if_absent(&path)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    has_size(&path, &sha256, bytes.len())?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        // Also for an object and a folder that were there: whoever made them may not have come this far.
        durable::sync_folder(folder).and_then(|()| durable::sync_folder(&self.root.join("objects"))).map_err(failed)?;
        Ok(sha256)
    }

    fn get(&self, sha256: &Sha256) -> Result<Vec<u8>, StoreError> {
        let path = self.object_path(sha256);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Missing { sha256: *sha256, path: path.clone() },
            _ => StoreError::Io { path: path.clone(), source: Arc::new(error) },
        })?;
        if Sha256::of(&bytes) == *sha256 {
            Ok(bytes)
        } else {
            Err(StoreError::Corrupt { sha256: *sha256, path, what: "its content has another hash".to_owned() })
        }
    }

    fn has(&self, sha256: &Sha256) -> Result<bool, StoreError> {
        let path = self.object_path(sha256);
        path.try_exists().map_err(|error| StoreError::Io { path, source: Arc::new(error) })
    }
}

/// Whether the object is there; an error when it is there with another size.
fn has_size(path: &Path, sha256: &Sha256, size: usize) -> Result<bool, StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.len() == size as u64 => Ok(true),
        Ok(found) => {
            let what = format!("it has {} bytes instead of {size}", found.len());
            Err(StoreError::Corrupt { sha256: *sha256, path: path.to_owned(), what })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::from_io(path, error)),
    }
}

#[cfg(test)]
mod tests;
