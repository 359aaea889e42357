//! The SHA-256 of some bytes, as a value that cannot be mistaken for other text.
//!
//! Owns the one written form that the whole project uses: 64 lower-case hexadecimal digits, as `sha256sum` prints them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

/// A SHA-256 digest (FIPS 180-4). Written as 64 lower-case hexadecimal digits, everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 32 bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    /// A digest that was computed piece by piece.
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// Why a text is not a [`Sha256`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written as 64 lower-case hexadecimal digits")]
pub struct NotASha256;

impl NotASha256 {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "not-a-sha256"
    }
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        // One value has one written form: an upper-case digest would be another string for the same bytes.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotASha256);
        }
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| NotASha256)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Reads a 64-bit value written as 16 lower-case hexadecimal digits: the form of image hashes and sketches.
pub(crate) fn parse_hex_u64(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc").to_string(), abc);
        assert_eq!(abc.parse::<Sha256>().unwrap(), Sha256::of(b"abc"));
    }

    #[test]
    fn only_the_one_written_form_is_read() {
        let upper = Sha256::of(b"abc").to_string().to_uppercase();
        for text in ["", "abc", upper.as_str(), &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
            assert_eq!(text.parse::<Sha256>(), Err(NotASha256), "{text:?}");
        }
    }

    #[test]
    fn json_holds_it_as_text() {
        let digest = Sha256::of(b"");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), digest);
    }
}
