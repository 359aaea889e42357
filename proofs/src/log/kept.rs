//! Checkpoints as files beside the proof, `log/checkpoint-SIZE`: whoever copies the proof store keeps them, so that a database that was
//! rewritten is found by them.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::checkpoint::SignedCheckpoint;
use crate::durable::{self, Temporary};
use crate::store::{DirectoryStore, StoreError};

/// Their folder.
const FOLDER: &str = "log";
/// How their names begin.
const NAME: &str = "checkpoint-";

/// The name of a checkpoint's file in a store.
#[must_use]
pub fn checkpoint_name(size: u64) -> String {
    format!("{FOLDER}/{NAME}{size}")
}

impl DirectoryStore {
    /// Keeps a checkpoint, durably. One that is there of the same size is never replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_checkpoint(&self, size: u64, text: &str) -> Result<PathBuf, StoreError> {
        let folder = self.root().join(FOLDER);
        let path = self.root().join(checkpoint_name(size));
        let written = durable::make_private_folder(&folder)
            .and_then(|()| Temporary::write(&folder, text.as_bytes()))
            .and_then(|written| written.publish_if_absent(&path));
        match written {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(StoreError::from_io(&path, error)),
            _ => durable::sync_folder(&folder).map_err(|error| StoreError::from_io(&folder, error))?,
        }
        Ok(path)
    }

    /// How many rows each checkpoint that is kept here is of, the smallest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn checkpoint_sizes(&self) -> Result<Vec<u64>, StoreError> {
        let folder = self.root().join(FOLDER);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::from_io(&folder, error)),
        };
        let mut sizes = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::from_io(&folder, error))?;
            let name = entry.file_name();
            let size = name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u64>().ok());
            sizes.extend(size.filter(|size| name == *format!("{NAME}{size}")));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// The checkpoint of so many rows, with its file; `None` where what lies there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn checkpoint_of(&self, size: u64) -> Result<(PathBuf, Option<SignedCheckpoint>), StoreError> {
        let path = self.root().join(checkpoint_name(size));
        let bytes = fs::read(&path).map_err(|error| StoreError::from_io(&path, error))?;
        let read = std::str::from_utf8(&bytes).ok().and_then(|text| SignedCheckpoint::parse(text).ok());
        Ok((path, read.filter(|kept| kept.checkpoint.size == size)))
    }
}
