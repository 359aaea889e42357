//! The keys by which a runner signs its proof: ed25519, with a history that is followed from one key to the next.
//!
//! Owns the forms of keys (PKCS #8 and SubjectPublicKeyInfo in PEM, RFC 8410, and one line for people), the rules of the key file (made
//! with mode 0600, refused when anybody else may read it) and the [`history`]. A private key is never printed and never stored with proof.

mod error;
mod file;
pub mod history;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hash::Sha256;

pub use error::KeyError;
pub use file::{CurrentKey, KeyStore};
pub use history::{KeyEntry, KeyHistory};

/// What stands before the 32 bytes of a private key in PKCS #8, version 1 (RFC 8410, section 7).
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key in SubjectPublicKeyInfo (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the base64 of a public key, in one line.
const PUBLIC_MARK: &str = "ed25519:";

/// A public ed25519 key; written `ed25519:` and its 32 bytes in base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key's name: sha256 of its SubjectPublicKeyInfo in DER, as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    #[must_use]
    pub fn id(&self) -> Sha256 {
        Sha256::of(&[&PUBLIC_PREFIX[..], &self.0].concat())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As PEM, for ordinary tools.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[&PUBLIC_PREFIX[..], &self.0].concat())
    }

    /// Whether this key's owner signed exactly these bytes (RFC 8032); `signature` has 64 bytes.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    /// As [`PublicKey::signed`], the signature in base64.
    #[must_use]
    pub fn signed_base64(&self, message: &[u8], signature: &str) -> bool {
        BASE64.decode(signature).is_ok_and(|bytes| self.signed(message, &bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_MARK}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// The one-line form, or PEM.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let raw = match text.strip_prefix(PUBLIC_MARK) {
            Some(line) => BASE64.decode(line).ok(),
            None => unpem("PUBLIC KEY", text).and_then(|der| der.strip_prefix(&PUBLIC_PREFIX[..]).map(<[u8]>::to_vec)),
        };
        raw.and_then(|raw| <[u8; 32]>::try_from(raw).ok()).map(Self).ok_or(KeyError::PublicKey)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A private ed25519 key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

impl SigningKey {
    /// A new key, and its PEM, which is a secret.
    ///
    /// # Errors
    /// [`KeyError::NoRandom`].
    pub fn generate() -> Result<(Self, String), KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::NoRandom)?;
        let text = pem("PRIVATE KEY", &[&PRIVATE_PREFIX[..], &seed].concat());
        let key = Self::from_pem(&text).ok_or(KeyError::NoRandom)?;
        Ok((key, text))
    }

    /// Reads a private key in PEM.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        let der = unpem("PRIVATE KEY", text)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).ok()?;
        Some(Self { pair, public: PublicKey(public) })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The 64 bytes of the signature over these bytes (RFC 8032). The same bytes always get the same one.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// As [`SigningKey::sign`], in base64.
    #[must_use]
    pub fn sign_base64(&self, message: &[u8]) -> String {
        BASE64.encode(self.sign(message))
    }
}

/// A short key in PEM.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    // Fewer than 48 bytes: one line of 64 characters at most.
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

/// The bytes of the first block of this label in a text; `None` where there is none that reads.
#[must_use]
pub fn unpem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    BASE64.decode(body).ok()
}

#[cfg(test)]
mod tests;
