//! The signing key's file, and the history beside it.
//!
//! Owns their rules: the key is made with mode 0600 and refused when anybody else may read it; a new key signs only once the history that
//! introduces it is on the disk. It belongs outside the data directory: a copy of the proof must not be able to sign.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{KeyError, KeyHistory, SigningKey};
use crate::durable::{self, Temporary};
use crate::hash::Sha256;

/// A key file is three lines, a history a few hundred bytes a key; anything longer is another file.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Where a runner's signing key and its history lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStore {
    key: PathBuf,
}

/// The key that signs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentKey {
    /// [`PublicKey::id`](super::PublicKey::id).
    pub id: Sha256,
    /// Its place in the history, from 1.
    pub place: usize,
}

impl KeyStore {
    /// The key in this file, its history as `keys.json` beside it. Nothing is read or made yet.
    #[must_use]
    pub fn at(key: impl Into<PathBuf>) -> Self {
        Self { key: key.into() }
    }

    /// The key's file.
    #[must_use]
    pub fn key_path(&self) -> &Path {
        &self.key
    }

    /// The history's file.
    #[must_use]
    pub fn history_path(&self) -> PathBuf {
        self.key.with_file_name("keys.json")
    }

    fn next_path(&self) -> PathBuf {
        self.key.with_extension("next")
    }

    /// The key that signs and its history; both are made first where there is neither. `now`: RFC 3339, UTC, milliseconds.
    ///
    /// # Errors
    /// [`KeyError`]; also where only one of the two is there: a history that was lost is not begun anew, because who trusts an earlier key
    /// would not be led to this one any more.
    pub fn open_or_create(&self, now: &str) -> Result<(SigningKey, KeyHistory), KeyError> {
        let is_there = |path: &Path| path.try_exists().map_err(|error| unreadable(path, &error));
        if !is_there(&self.key)? && !is_there(&self.history_path())? {
            self.begin(now)?;
        }
        self.settled()
    }

    /// Makes the first key as any other one: first as the next, then introduced by the history, then taken. So a crash
    /// leaves nothing that looks like a history that was lost.
    fn begin(&self, now: &str) -> Result<(), KeyError> {
        let folder = self.key.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        durable::make_private_folder(folder).map_err(|error| unreadable(folder, &error))?;
        let (_, pem) = SigningKey::generate()?;
        publish(&self.next_path(), pem.as_bytes())?;
        // Of two who start at once the one that came first is the next for both; or it has taken it already.
        match open_key(&self.next_path()) {
            Ok(next) => publish(&self.history_path(), KeyHistory::begin(next.public(), now).to_json().as_bytes()),
            Err(KeyError::Unreadable { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Which key signs, without making or finishing anything.
    ///
    /// # Errors
    /// [`KeyError`] when either file is missing or unusable, or when they do not belong together.
    pub fn signing(&self) -> Result<CurrentKey, KeyError> {
        let key = open_key(&self.key)?;
        let history =
            self.history()?.ok_or_else(|| KeyError::History(format!("{} is gone", self.history_path().display())))?;
        let signs = history.current().map(|entry| (entry.id, entry.public_key));
        // A rotation that was interrupted is finished by whoever signs next.
        let is_next = |public| open_key(&self.next_path()).is_ok_and(|next| next.public() == public);
        match signs {
            Some((id, public)) if public == key.public() || is_next(public) => {
                Ok(CurrentKey { id, place: history.keys.len() })
            }
            _ => Err(KeyError::History(format!("its last key is not the one in {}", self.key.display()))),
        }
    }

    /// The history, where there is one.
    ///
    /// # Errors
    /// [`KeyError`] when it is there and does not hold.
    pub fn history(&self) -> Result<Option<KeyHistory>, KeyError> {
        let path = self.history_path();
        match read(&path) {
            Ok(text) => KeyHistory::parse(&text).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// Makes a new key, introduced by the one that signs now, which is then gone.
    ///
    /// # Errors
    /// [`KeyError`]; the key that signed before still does.
    pub fn rotate(&self, now: &str) -> Result<KeyHistory, KeyError> {
        let (current, mut history) = self.open_or_create(now)?;
        let (next, pem) = SigningKey::generate()?;
        history.introduce(&current, next.public(), now)?;
        // In this order: a crash leaves the old key signing, or the new one introduced and found by `settled`.
        replace(&self.next_path(), pem.as_bytes())?;
        replace(&self.history_path(), history.to_json().as_bytes())?;
        self.take_next()?;
        Ok(history)
    }

    /// The key that the history says signs; finishes a rotation that was interrupted.
    fn settled(&self) -> Result<(SigningKey, KeyHistory), KeyError> {
        let history =
            self.history()?.ok_or_else(|| KeyError::History(format!("{} is gone", self.history_path().display())))?;
        let signs = history.current().map(|entry| entry.public_key);
        let is_now = |key: &SigningKey| signs == Some(key.public());
        if !open_key(&self.key).is_ok_and(|key| is_now(&key))
            && open_key(&self.next_path()).is_ok_and(|key| is_now(&key))
        {
            self.take_next()?;
        }
        let key = open_key(&self.key)?;
        if is_now(&key) {
            return Ok((key, history));
        }
        Err(KeyError::History(format!("its last key is not the one in {}", self.key.display())))
    }

    fn take_next(&self) -> Result<(), KeyError> {
        let failed = |error: std::io::Error| unreadable(&self.key, &error);
        match std::fs::rename(self.next_path(), &self.key) {
            Ok(()) => durable::sync_folder(self.key.parent().unwrap_or(Path::new("."))).map_err(failed),
            // Somebody else has just finished it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Reads a private key file.
fn open_key(path: &Path) -> Result<SigningKey, KeyError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    // Asked of the open file, so that what was checked is what is read.
    let mode = file.metadata().map_err(|error| unreadable(path, &error))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    SigningKey::from_pem(&text).ok_or_else(|| KeyError::Invalid { path: path.to_owned() })
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a private file, unless there is one.
fn publish(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = Temporary::write(folder, bytes).and_then(|written| written.publish_if_absent(path));
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unreadable(path, &error)),
        _ => durable::sync_folder(folder).map_err(|error| unreadable(path, &error)),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Temporary::write(folder, bytes)
        .and_then(|written| written.replace(path))
        .and_then(|()| durable::sync_folder(folder))
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> KeyError {
    KeyError::Unreadable { path: path.to_owned(), why: error.to_string() }
}
