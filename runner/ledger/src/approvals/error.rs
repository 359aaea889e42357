//! What an approval can be refused for. Nothing was changed.

use std::path::PathBuf;

use deed_core::ids::ActionId;
use deed_core::state::State;

/// Why an approver, a request or a decision was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// What was looked at is not what would be sent now.
    #[error("it changed, look again: {why}")]
    Stale {
        /// The action.
        action: ActionId,
        /// What changed.
        why: String,
    },
    /// Nobody asked for approval, or it is not needed.
    #[error("there is nothing to approve: {why}")]
    NotAsked {
        /// The action.
        action: ActionId,
        /// Why.
        why: &'static str,
    },
    /// It is too late for a yes or a no.
    #[error("action {action} is {state}: only what was not attempted yet can be approved or rejected")]
    Closed {
        /// The action.
        action: ActionId,
        /// Where it stands.
        state: State,
    },
    /// Who filed the order has no say in it.
    #[error("{name} filed the order of action {action}: somebody else must look at it")]
    Filer {
        /// The action.
        action: ActionId,
        /// Who.
        name: String,
    },
    /// The key is not the one that is registered under this name.
    #[error("the signature is not {name}'s: the key that is registered under this name did not sign this")]
    Signature {
        /// Who it should be.
        name: String,
    },
    /// The account's handle was not typed, or is another one.
    #[error("a high-risk approval needs the account's handle typed exactly: {why}")]
    Handle {
        /// What is wrong with it.
        why: String,
    },
    /// There is no such approver any more.
    #[error("the approver {name} is revoked")]
    Revoked {
        /// Who.
        name: String,
    },
    /// The name, or the key, is an approver's already, or was one's.
    #[error("{what} belongs to the approver {name} already")]
    Exists {
        /// The name or the key.
        what: &'static str,
        /// Whose.
        name: String,
    },
    /// It is no public key.
    #[error("`{text}` is no public key of an approver")]
    PublicKey {
        /// What was given, shortened.
        text: String,
    },
    /// A private key file can not be read or made.
    #[error("failed to open the approver's key {}: {why}", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Others may read the private key.
    #[error("the approver's key {} can be read by others (mode {mode:04o})", path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds no private key.
    #[error("{} holds no ed25519 private key (PEM, PKCS #8)", path.display())]
    KeyInvalid {
        /// The file.
        path: PathBuf,
    },
}

impl ApprovalError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "approval-stale",
            Self::NotAsked { .. } => "approval-not-asked",
            Self::Closed { .. } => "approval-closed",
            Self::Filer { .. } => "approval-by-filer",
            Self::Signature { .. } => "approval-signature",
            Self::Handle { .. } => "approval-handle",
            Self::Revoked { .. } => "approver-revoked",
            Self::Exists { .. } => "approver-exists",
            Self::PublicKey { .. } => "approver-public-key",
            Self::KeyUnreadable { .. } => "approver-key-unreadable",
            Self::KeyExposed { .. } => "approver-key-exposed",
            Self::KeyInvalid { .. } => "approver-key-invalid",
        }
    }

    /// What the operator does about it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Stale { .. } => {
                "`deed approve show ACTION` shows what would be sent now; when its request is of before the change, `deed approve request ACTION` asks anew"
            }
            Self::NotAsked { .. } => {
                "`deed approve request ACTION` asks; `deed account approvals ACCOUNT one|two` makes it needed"
            }
            Self::Closed { .. } => "`deed queue show ACTION` tells what became of it",
            Self::Filer { .. } => "let another approver look; who filed it can call it off with `deed queue cancel`",
            Self::Signature { .. } => {
                "name the key file that belongs to the name; `deed approver list` shows the registered public keys"
            }
            Self::Handle { .. } => {
                "look at which account it is, then say --handle with its handle as `deed approve show ACTION` shows it"
            }
            Self::Revoked { .. } => "`deed approver add` registers a person anew, with a new key",
            Self::Exists { .. } => {
                "one person is one approver with one key: `deed approver revoke NAME --reason …` ends the old one, `deed approver keygen` makes a new key"
            }
            Self::PublicKey { .. } => {
                "give the .pub file that `deed approver keygen` made, or the text that begins with ed25519:"
            }
            Self::KeyUnreadable { .. } => {
                "name the approver's own private key file; `deed approver keygen --out FILE` makes one, and overwrites none"
            }
            Self::KeyExposed { .. } => {
                "`chmod 600` it; if others had access, revoke the approver and register a new key"
            }
            Self::KeyInvalid { .. } => "name the private key, not the .pub file beside it",
        }
    }
}
