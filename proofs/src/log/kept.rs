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

    /// Every checkpoint that is kept here, with its file, the smallest first; and the files that are none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn checkpoints(&self) -> Result<(Vec<(PathBuf, SignedCheckpoint)>, Vec<PathBuf>), StoreError> {
        let folder = self.root().join(FOLDER);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
            Err(error) => return Err(StoreError::from_io(&folder, error)),
        };
        let (mut kept, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::from_io(&folder, error))?;
            if !entry.file_name().to_string_lossy().starts_with(NAME) {
                continue;
            }
            let path = entry.path();
            let text = fs::read_to_string(&path).map_err(|error| StoreError::from_io(&path, error))?;
            match SignedCheckpoint::parse(&text) {
                Ok(checkpoint) => kept.push((path, checkpoint)),
                Err(_) => others.push(path),
            }
        }
        kept.sort_by_key(|(_, kept)| kept.checkpoint.size);
        Ok((kept, others))
    }
}
