//! Sessions at rest: sealed with age (<https://age-encryption.org/v1>), the key in a file of its own.
//!
//! Owns the key file's rules: made with mode 0600, refused when anybody else may read it. Never writes plain text anywhere, never
//! prints a key.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use deed_core::ports::ledger::LedgerFault;

use crate::files::create_private;

/// A key file is one line; anything longer is another file.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// What went wrong with sealing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealerError {
    /// The key file can not be read or made.
    #[error("failed to open the key file {}: {why}", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Others may read the key.
    #[error("the key file {} can be read by others (mode {mode:04o}): `chmod 600` it, and if others had access make a new key and import the sessions again", path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds no age identity.
    #[error("the key file {} holds no age identity (a line that begins with AGE-SECRET-KEY-1)", path.display())]
    KeyInvalid {
        /// The file.
        path: PathBuf,
    },
    /// Sealing failed.
    #[error("failed to seal: {0}")]
    Seal(String),
    /// Unsealing failed: another key, or changed bytes.
    #[error(
        "failed to unseal: {0}; the key file is another one, or the stored bytes were changed. Import the session again"
    )]
    Unseal(String),
}

impl SealerError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyUnreadable { .. } => "key-unreadable",
            Self::KeyExposed { .. } => "key-exposed",
            Self::KeyInvalid { .. } => "key-invalid",
            Self::Seal(_) => "seal-failed",
            Self::Unseal(_) => "unseal-failed",
        }
    }
}

/// The ledger could not seal or unseal what it keeps.
pub(crate) fn sealer_fault(what: &str, error: &SealerError) -> LedgerFault {
    LedgerFault::Database { what: what.to_owned(), why: error.to_string(), code: error.code() }
}

/// Seals what is secret before it is stored.
pub trait Sealer: Send + Sync {
    /// Plain bytes to sealed ones.
    ///
    /// # Errors
    /// [`SealerError::Seal`].
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealerError>;

    /// Sealed bytes to plain ones.
    ///
    /// # Errors
    /// [`SealerError::Unseal`] when the key is another one or the bytes were changed.
    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealerError>;
}

/// An age X25519 identity, read from a key file that only its owner can read.
pub struct AgeSealer {
    identity: Identity,
}

impl std::fmt::Debug for AgeSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgeSealer({})", self.identity.to_public())
    }
}

impl AgeSealer {
    /// Reads the key file, and makes it first when there is none.
    ///
    /// # Errors
    /// [`SealerError::KeyUnreadable`], [`SealerError::KeyExposed`], [`SealerError::KeyInvalid`].
    pub fn open_or_create(path: &Path) -> Result<Self, SealerError> {
        create_private(path, key_file(&Identity::generate()).as_bytes()).map_err(|e| unreadable(path, &e))?;
        Self::open(path)
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// As [`AgeSealer::open_or_create`].
    pub fn open(path: &Path) -> Result<Self, SealerError> {
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        // Asked of the open file, so that what was checked is what is read.
        let meta = file.metadata().map_err(|e| unreadable(path, &e))?;
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SealerError::KeyExposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
        let identity = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .and_then(|line| line.parse::<Identity>().ok());
        identity.map(|identity| Self { identity }).ok_or_else(|| SealerError::KeyInvalid { path: path.to_owned() })
    }
}

fn key_file(identity: &Identity) -> String {
    let (public, secret) = (identity.to_public(), identity.to_string());
    format!(
        "# Deed's key for stored sessions. Keep it out of backups of the ledger.\n# public key: {public}\n{}\n",
        secret.expose_secret()
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> SealerError {
    SealerError::KeyUnreadable { path: path.to_owned(), why: error.to_string() }
}

impl Sealer for AgeSealer {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
        age::encrypt(&self.identity.to_public(), plain).map_err(|e| SealerError::Seal(e.to_string()))
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealerError> {
        age::decrypt(&self.identity, sealed).map_err(|e| SealerError::Unseal(e.to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_sealed_session_opens_with_its_key_only() {
        let dir = tempfile::tempdir().unwrap();
        let sealer = AgeSealer::open_or_create(&dir.path().join("key")).unwrap();
        let sealed = sealer.seal(b"cookie=secret").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        let again = AgeSealer::open_or_create(&dir.path().join("key")).unwrap();
        assert_eq!(again.unseal(&sealed).unwrap(), b"cookie=secret");
        let other = AgeSealer::open_or_create(&dir.path().join("other")).unwrap();
        assert_eq!(other.unseal(&sealed).unwrap_err().code(), "unseal-failed");
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(again.unseal(&changed).unwrap_err().code(), "unseal-failed");
    }

    #[test]
    fn the_key_file_is_made_for_its_owner_and_refused_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        AgeSealer::open_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
        for mode in [0o640, 0o604] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                AgeSealer::open_or_create(&path).unwrap_err(),
                SealerError::KeyExposed { path: path.clone(), mode }
            );
        }
    }

    #[test]
    fn another_file_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create_private(&path, b"# only words\n\nhello\n").unwrap();
        assert_eq!(AgeSealer::open_or_create(&path).unwrap_err().code(), "key-invalid");
        assert_eq!(AgeSealer::open(&dir.path().join("none")).unwrap_err().code(), "key-unreadable");
    }
}
