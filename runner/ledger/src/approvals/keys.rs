//! The keys by which approvers prove who they are: ed25519, each person's own.
//!
//! Owns the key files' rules (made with mode 0600, refused when anybody else may read them) and the checking of signatures. A
//! private key is never stored in the ledger and never printed. The files are PKCS #8 and SubjectPublicKeyInfo in PEM (RFC 8410), so
//! that a stranger can make and check signatures with ordinary tools.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use deed_core::approval::Statement;
use deed_proofs::Sha256;
use deed_proofs::keys::{pem, unpem};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::ApprovalError;
use crate::files::create_private;

/// A key file is three lines; anything longer is another file.
const KEY_BYTES_MAX: u64 = 16 * 1024;
/// What stands before the 32 bytes of a private key in PKCS #8, version 1.
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key in SubjectPublicKeyInfo.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the base64 of a public key, in one line.
const PUBLIC_MARK: &str = "ed25519:";

/// Signatures that this process has found right, by the hash of key, text and signature. The same key, text and
/// signature are right for ever, and one approval is asked for many times on an action's way.
static CHECKED: Mutex<BTreeSet<Sha256>> = Mutex::new(BTreeSet::new());
/// More are forgotten and checked again.
const CHECKED_MAX: usize = 4_096;

/// A public key: `ed25519:` and its 32 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// As PEM, for ordinary tools.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[&PUBLIC_PREFIX[..], &self.0].concat())
    }

    /// Whether this key's owner signed exactly these bytes. `signature` is base64.
    pub fn signed(&self, text: &str, signature: &str) -> bool {
        let text_hash = Sha256::of(text.as_bytes()).to_string();
        let these = Sha256::of(&[&self.0[..], text_hash.as_bytes(), signature.as_bytes()].concat());
        if CHECKED.lock().is_ok_and(|checked| checked.contains(&these)) {
            return true;
        }
        let signed = self.verifies(text, signature);
        if let (true, Ok(mut checked)) = (signed, CHECKED.lock()) {
            if checked.len() >= CHECKED_MAX {
                checked.clear();
            }
            checked.insert(these);
        }
        signed
    }

    fn verifies(&self, text: &str, signature: &str) -> bool {
        BASE64
            .decode(signature)
            .is_ok_and(|bytes| UnparsedPublicKey::new(&ED25519, self.0).verify(text.as_bytes(), &bytes).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_MARK}{}", BASE64.encode(self.0))
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for PublicKey {
    type Err = ApprovalError;

    /// The one-line form, or PEM.
    fn from_str(text: &str) -> Result<Self, ApprovalError> {
        let text = text.trim();
        let raw = match text.strip_prefix(PUBLIC_MARK) {
            Some(line) => BASE64.decode(line).ok(),
            None => unpem("PUBLIC KEY", text).and_then(|der| der.strip_prefix(&PUBLIC_PREFIX[..]).map(<[u8]>::to_vec)),
        };
        let key = raw.and_then(|raw| <[u8; 32]>::try_from(raw).ok());
        // A private key that was given by mistake must not be shown.
        key.map(Self).ok_or_else(|| ApprovalError::PublicKey { text: text.lines().next().unwrap_or("").to_owned() })
    }
}

/// A statement with its approver's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// What was signed, as [`Statement::canonical`].
    pub statement: Statement,
    /// 64 bytes in base64.
    pub signature: String,
}

/// An approver's private key.
pub struct ApproverKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for ApproverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApproverKey({})", self.public)
    }
}

impl ApproverKey {
    /// Makes a new key in a new file, for its owner only. A file that is there is never overwritten.
    ///
    /// # Errors
    /// [`ApprovalError::KeyUnreadable`].
    pub fn create(path: &Path) -> Result<Self, ApprovalError> {
        let unreadable = |why: String| ApprovalError::KeyUnreadable { path: path.to_owned(), why };
        if path.symlink_metadata().is_ok() {
            return Err(unreadable("a file is there already; it was left as it is".to_owned()));
        }
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| unreadable("the system gave no random numbers".to_owned()))?;
        let text = pem("PRIVATE KEY", &[&PRIVATE_PREFIX[..], &seed].concat());
        create_private(path, text.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
        let key = Self::open(path)?;
        // Of two who made the same file at once one has the other's key: it must not be taken for its own.
        let made = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| unreadable(error.to_string()))?;
        if made.public_key().as_ref() != key.pair.public_key().as_ref() {
            return Err(unreadable("somebody else has just made it".to_owned()));
        }
        Ok(key)
    }

    /// Reads a private key file.
    ///
    /// # Errors
    /// [`ApprovalError::KeyUnreadable`], [`ApprovalError::KeyExposed`], [`ApprovalError::KeyInvalid`].
    pub fn open(path: &Path) -> Result<Self, ApprovalError> {
        let unreadable =
            |error: std::io::Error| ApprovalError::KeyUnreadable { path: path.to_owned(), why: error.to_string() };
        let file = File::open(path).map_err(unreadable)?;
        // Asked of the open file, so that what was checked is what is read.
        let meta = file.metadata().map_err(unreadable)?;
        let mode = meta.permissions().mode() & 0o7777;
        let mut text = String::new();
        file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        let invalid = || ApprovalError::KeyInvalid { path: path.to_owned() };
        let der = unpem("PRIVATE KEY", &text).ok_or_else(invalid)?;
        if mode & 0o077 != 0 {
            return Err(ApprovalError::KeyExposed { path: path.to_owned(), mode });
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| invalid())?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| invalid())?;
        Ok(Self { pair, public: PublicKey(public) })
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a statement.
    pub fn sign(&self, statement: Statement) -> SignedStatement {
        let signature = BASE64.encode(self.pair.sign(statement.canonical().as_bytes()));
        SignedStatement { statement, signature }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use std::fs::Permissions;

    use deed_core::approval::Decision;
    use deed_core::ids::ActionId;
    use deed_core::time::Timestamp;

    use super::*;

    fn statement() -> Statement {
        Statement {
            action: ActionId::new("a"),
            revision: 1,
            binding: Sha256::of(b"x"),
            approver: "ann".into(),
            decision: Decision::Approve,
            handle: None,
            reason: None,
            at: Timestamp(0),
        }
    }

    #[test]
    fn a_signature_is_of_one_key_and_of_exactly_these_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let key = ApproverKey::create(&dir.path().join("ann")).unwrap();
        let other = ApproverKey::create(&dir.path().join("ben")).unwrap();
        let signed = key.sign(statement());
        let text = statement().canonical();
        assert!(key.public().signed(&text, &signed.signature));
        assert!(!other.public().signed(&text, &signed.signature));
        assert!(!key.public().signed(&text.replace("approve", "reject!"), &signed.signature));
        assert!(!key.public().signed(&text, "AAAA"));
    }

    #[test]
    fn a_key_file_is_its_owners_only_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ann");
        let key = ApproverKey::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(ApproverKey::open(&path).unwrap().public(), key.public());
        assert_eq!(ApproverKey::create(&path).unwrap_err().code(), "approver-key-unreadable");
        assert_eq!(ApproverKey::open(&path).unwrap().public(), key.public());
        for mode in [0o640, 0o604] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(ApproverKey::open(&path).unwrap_err(), ApprovalError::KeyExposed { path: path.clone(), mode });
        }
    }

    #[test]
    fn a_public_key_is_read_in_both_its_forms_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ann");
        let public = ApproverKey::create(&path).unwrap().public();
        assert_eq!(public.to_string().parse(), Ok(public));
        assert_eq!(public.to_pem().parse(), Ok(public));
        let private = std::fs::read_to_string(&path).unwrap();
        for text in ["", "ed25519:AAAA", "hello", &private] {
            let error = text.parse::<PublicKey>().unwrap_err();
            assert_eq!(error.code(), "approver-public-key");
            assert!(!error.to_string().contains(private.lines().nth(1).unwrap()), "a private key is not shown");
        }
        std::fs::write(dir.path().join("pub"), public.to_pem()).unwrap();
        assert_eq!(ApproverKey::open(&dir.path().join("pub")).unwrap_err().code(), "approver-key-invalid");
    }
}
