//! Which signatures still wait for a time stamp, and where requests and answers lie.
//!
//! ```text
//! stamps-due/<episode_id>                        what is tried again until every authority has answered
//! episodes/<episode_id>/stamps/HASH-NAME.tsq     a request: made once, so that whoever asks again asks the same
//! episodes/<episode_id>/stamps/HASH-NAME.tsr     the authority's answer
//! ```
//!
//! HASH are the first 16 digits of the envelope's SHA-256: an envelope that replaces another one gets stamps of its own, and the earlier
//! ones stay. A signature that waits for its stamp keeps nothing else waiting.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Stamp, StampError, StampRequest};
use crate::durable::{self, Temporary};
use crate::hash::Sha256;
use crate::store::{DirectoryStore, StoreError};
use crate::sums::{ENVELOPE_FILE, STAMPS_FOLDER};

/// The folder of what is due.
const DUE_FOLDER: &str = "stamps-due";
/// The first and the longest pause between two tries, in milliseconds; it doubles.
const PAUSE_MS: (i64, i64) = (60_000, 3_600_000);
/// Longest name of an authority in a file's name.
const NAME_MAX: usize = 80;

/// A signature that waits for a time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueStamp {
    /// The episode.
    pub episode_id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried again, in milliseconds since 1970.
    pub next_at: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tries {
    tries: u32,
    next_at: i64,
}

/// How the files of a stamp begin: of which envelope, by which authority.
#[must_use]
pub(crate) fn stem(envelope: &Sha256, authority: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = authority.split_once("://").map_or(authority, |(_, rest)| rest).chars().map(plain).collect();
    format!("{}-{}", mark(envelope), name.get(..name.len().min(NAME_MAX)).unwrap_or_default())
}

/// By what a stamp's files are known as an envelope's.
pub(crate) fn mark(envelope: &Sha256) -> String {
    envelope.to_string().get(..16).unwrap_or_default().to_owned()
}

impl DirectoryStore {
    /// Notes, durably, that an episode's signature is to be stamped. What was noted before stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stamp_later(&self, episode_id: &str) -> Result<(), StoreError> {
        let path = self.due_path(episode_id);
        self.at(&path, |folder| {
            durable::make_private_folder(folder)?;
            match Temporary::write(folder, &tries_json(&Tries::default())?)?.publish_if_absent(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
                _ => durable::sync_folder(folder),
            }
        })
    }

    /// Everything that waits for a stamp, in the order of its names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stamps_due(&self) -> Result<Vec<DueStamp>, StoreError> {
        let folder = self.root().join(DUE_FOLDER);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::from_io(&folder, error)),
        };
        let mut due = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| StoreError::from_io(&folder, error))?;
            let episode_id = entry.file_name().to_string_lossy().into_owned();
            if episode_id.starts_with('.') {
                continue;
            }
            // What can not be read, or is gone by now, is tried at once.
            let tries: Tries =
                fs::read(entry.path()).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
            due.push(DueStamp { episode_id, tries: tries.tries, next_at: tries.next_at });
        }
        due.sort_by(|a, b| a.episode_id.cmp(&b.episode_id));
        Ok(due)
    }

    /// Notes that a try did not succeed: the next one comes after a pause that doubles from a minute to an hour. `now` in milliseconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stamp_failed(&self, due: &DueStamp, now: i64) -> Result<(), StoreError> {
        let pause = PAUSE_MS.0.saturating_mul(1_i64.checked_shl(due.tries.min(20)).unwrap_or(1)).min(PAUSE_MS.1);
        let tries = Tries { tries: due.tries.saturating_add(1), next_at: now.saturating_add(pause) };
        let path = self.due_path(&due.episode_id);
        self.at(&path, |folder| {
            Temporary::write(folder, &tries_json(&tries)?)?.replace(&path)?;
            durable::sync_folder(folder)
        })
    }

    /// Notes that an episode's signature waits for nothing any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stamped(&self, episode_id: &str) -> Result<(), StoreError> {
        let path = self.due_path(episode_id);
        self.at(&path, |folder| match fs::remove_file(&path) {
            Ok(()) => durable::sync_folder(folder),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// The hash of an episode's signature as it lies there; `None` where it has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn envelope_of(&self, episode_id: &str) -> Result<Option<Sha256>, StoreError> {
        let path = self.episode_folder(episode_id).join(ENVELOPE_FILE);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Sha256::of(&bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::from_io(&path, error)),
        }
    }

    /// The request for this authority: the one that was made before, else a new one, durable before it is sent. And whether it was
    /// answered already.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn stamp_request(
        &self,
        episode_id: &str,
        envelope: &Sha256,
        authority: &str,
    ) -> Result<(StampRequest, bool), SpoolError> {
        let path = self.stamp_path(episode_id, envelope, authority, "tsq");
        let answer = self.stamp_path(episode_id, envelope, authority, "tsr");
        let request = StampRequest::new(*envelope)?;
        let stored = self.at(&path, |folder| {
            durable::make_private_folder(folder)?;
            match Temporary::write(folder, request.as_der())?.publish_if_absent(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => durable::sync_folder(folder)?,
            }
            fs::read(&path)
        })?;
        let request = StampRequest::from_der(&stored);
        let answered = fs::read(&answer).is_ok_and(|answer| request.answer(envelope, &answer).is_ok());
        Ok((request, answered))
    }

    /// Checks an answer against its request and keeps it.
    ///
    /// # Errors
    /// [`SpoolError`]; then nothing was kept.
    pub fn keep_stamp(
        &self,
        episode_id: &str,
        envelope: &Sha256,
        authority: &str,
        answer: &[u8],
    ) -> Result<Stamp, SpoolError> {
        let (request, _) = self.stamp_request(episode_id, envelope, authority)?;
        let stamp = request.answer(envelope, answer)?;
        let path = self.stamp_path(episode_id, envelope, authority, "tsr");
        self.at(&path, |folder| {
            Temporary::write(folder, answer)?.replace(&path)?;
            durable::sync_folder(folder)
        })?;
        Ok(stamp)
    }

    fn due_path(&self, episode_id: &str) -> PathBuf {
        self.root().join(DUE_FOLDER).join(episode_id)
    }

    fn stamp_path(&self, episode_id: &str, envelope: &Sha256, authority: &str, ending: &str) -> PathBuf {
        let name = format!("{}.{ending}", stem(envelope, authority));
        self.episode_folder(episode_id).join(STAMPS_FOLDER).join(name)
    }

    fn at<T>(
        &self,
        path: &std::path::Path,
        work: impl FnOnce(&std::path::Path) -> io::Result<T>,
    ) -> Result<T, StoreError> {
        work(path.parent().unwrap_or(self.root())).map_err(|error| StoreError::from_io(path, error))
    }
}

/// Why a stamp was not kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// The answer is none.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// The disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SpoolError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stamp(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

fn tries_json(tries: &Tries) -> io::Result<Vec<u8>> {
    serde_json::to_vec(tries).map_err(io::Error::other)
}
