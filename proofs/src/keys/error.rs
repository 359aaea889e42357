//! What can be wrong with keys.

use std::path::PathBuf;

/// Why a key or a history of keys can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no public key.
    #[error("this is no public ed25519 key: one is `ed25519:` and 44 characters, or a PEM of a PUBLIC KEY")]
    PublicKey,
    /// The system gave no random numbers.
    #[error("failed to make a key: the system gave no random numbers")]
    NoRandom,
    /// A file can not be read or written.
    #[error("failed to use the key file {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Others may read the private key.
    #[error("the signing key {} can be read by others (mode {mode:04o}): `chmod 600` it, and if others had access `deed proof keys rotate`", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds no private key.
    #[error("the file {} holds no private ed25519 key (PKCS #8 in PEM)", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
    },
    /// The history is not one.
    #[error("the key history does not hold: {0}")]
    History(String),
}

impl KeyError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PublicKey => "signing-public-key",
            Self::NoRandom | Self::Unreadable { .. } => "signing-key-unreadable",
            Self::Exposed { .. } => "signing-key-exposed",
            Self::Invalid { .. } => "signing-key-invalid",
            Self::History(_) => "signing-key-history",
        }
    }
}
