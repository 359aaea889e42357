//! A checkpoint: how many rows a log has and the root of the tree over them, signed.
//!
//! The form is C2SP tlog-checkpoint (<https://c2sp.org/tlog-checkpoint>) in a signed note (<https://c2sp.org/signed-note>), signature
//! type ed25519: origin, size, root in base64, an empty line, and a signature line. So the usual tools of transparency logs read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hash::Sha256;
use crate::keys::{KeyEntry, KeyHistory, PublicKey, SigningKey};

/// What stands before the origin's own part.
const ORIGIN: &str = "deed-audit/";
/// How a signature line begins.
const SIGNATURE: &str = "\u{2014} ";
/// The signature type ed25519 of signed notes.
const ED25519: u8 = 1;
/// A checkpoint is some 250 bytes; anything much longer is another file.
const BYTES_MAX: usize = 16 * 1024;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `deed-audit/` and the first 16 digits of its first row's leaf hash.
    pub origin: String,
    /// How many rows.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Sha256,
}

/// A checkpoint as it was read, with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The bytes that are signed.
    body: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    key: [u8; 4],
    bytes: Vec<u8>,
}

/// The text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no checkpoint of an audit log: {what}")]
pub struct CheckpointError {
    /// What is wrong with it.
    pub what: &'static str,
}

impl CheckpointError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "checkpoint-malformed"
    }
}

impl Checkpoint {
    /// The origin of the log whose first row has this leaf hash.
    #[must_use]
    pub fn origin_of(first_leaf: &Sha256) -> String {
        format!("{ORIGIN}{}", first_leaf.to_string().get(..16).unwrap_or_default())
    }

    /// Signs it. The same checkpoint and key always give the same text.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let line = [&key_hash(&self.origin, &key.public())[..], &key.sign(body.as_bytes())].concat();
        format!("{body}\n{SIGNATURE}{} {}\n", self.origin, BASE64.encode(line))
    }

    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root.as_bytes()))
    }

    /// The verifier key of this log in the form of signed notes: name, key hash and key, for the usual tools.
    #[must_use]
    pub fn verifier_key(origin: &str, key: &PublicKey) -> String {
        let bytes = [&[ED25519][..], key.as_bytes()].concat();
        format!("{origin}+{}+{}", hex::encode(key_hash(origin, key)), BASE64.encode(bytes))
    }
}

impl SignedCheckpoint {
    /// Reads a checkpoint. That its form is right says nothing of its signature.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let wrong = |what| CheckpointError { what };
        if text.len() > BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let (body, signatures) = text.split_once("\n\n").ok_or(wrong("it has no signature"))?;
        let body = format!("{body}\n");
        let mut lines = body.lines();
        let origin = lines.next().filter(|origin| origin.starts_with(ORIGIN)).ok_or(wrong("it is another log's"))?;
        let size = lines.next().unwrap_or_default();
        let size =
            size.parse().ok().filter(|number: &u64| number.to_string() == size).ok_or(wrong("it has no size"))?;
        let root = lines.next().and_then(|line| BASE64.decode(line).ok()).and_then(|bytes| {
            let bytes: [u8; 32] = bytes.try_into().ok()?;
            Some(Sha256::from(bytes))
        });
        let root = root.ok_or(wrong("it has no root"))?;
        if lines.next().is_some() {
            return Err(wrong("it says more than a checkpoint of Deed does"));
        }
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
        let signatures: Option<Vec<_>> = signatures.lines().map(signature).collect();
        match signatures {
            Some(signatures) if !signatures.is_empty() && text.ends_with('\n') => {
                Ok(Self { checkpoint, body, signatures })
            }
            _ => Err(wrong("its signature lines can not be read")),
        }
    }

    /// The key of `keys` that signed it, if one did.
    #[must_use]
    pub fn signed_by<'k>(&self, keys: &'k KeyHistory) -> Option<&'k KeyEntry> {
        let origin = &self.checkpoint.origin;
        keys.keys.iter().rev().find(|entry| {
            let hash = key_hash(origin, &entry.public_key);
            self.signatures.iter().any(|signature| {
                signature.name == *origin
                    && signature.key == hash
                    && entry.public_key.signed(self.body.as_bytes(), &signature.bytes)
            })
        })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, signed) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
    let signed = BASE64.decode(signed).ok()?;
    let (key, bytes) = signed.split_first_chunk::<4>()?;
    Some(Signature { name: name.to_owned(), key: *key, bytes: bytes.to_vec() })
}

/// The first four bytes of SHA-256 over name, line feed, signature type and key (signed-note).
fn key_hash(name: &str, key: &PublicKey) -> [u8; 4] {
    let hash = Sha256::of(&[name.as_bytes(), &[b'\n', ED25519], key.as_bytes()].concat());
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}
