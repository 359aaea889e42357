//! An action's rows of the audit log with all that a stranger needs to check them offline: `audit.json`.

use serde::{Deserialize, Serialize};

use super::checkpoint::SignedCheckpoint;
use super::merkle::leaf_hash;
use super::proof::verify_inclusion;
use crate::hash::Sha256;
use crate::keys::KeyHistory;

/// The version of the format.
const VERSION: u32 = 1;

/// The rows of one action, each proved to be in the log that a checkpoint was signed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditBundle {
    /// 1.
    pub version: u32,
    /// The action.
    pub action_id: String,
    /// The checkpoint's text, a signed note.
    pub checkpoint: String,
    /// The keys of the runner that signed it: they say whose it is, and are trusted for nothing else.
    pub keys: KeyHistory,
    /// The action's rows, in order.
    pub rows: Vec<ProvedRow>,
}

/// One row of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedRow {
    /// Its place, from 0.
    pub index: u64,
    /// Its bytes.
    pub event: String,
    /// The inclusion proof, from the row upwards.
    pub proof: Vec<Sha256>,
}

/// What the check of a bundle says when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleVerdict {
    /// How many rows the log had.
    pub size: u64,
    /// Its root.
    pub root: Sha256,
    /// The id of the key that signed the checkpoint.
    pub key: Sha256,
    /// Whether that key is one that the verifier brought, or one that it leads to.
    pub known: bool,
}

/// Why a bundle does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It can not be read.
    #[error("the audit bundle can not be read: {0}")]
    Malformed(String),
    /// No key that counts signed the checkpoint.
    #[error("the checkpoint was not signed by a key that is known")]
    Unsigned,
    /// A row is not in the log, or not the action's.
    #[error("row {index} is not in the log that the checkpoint was signed of: {why}")]
    Row {
        /// Its place, from 0.
        index: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl BundleError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "audit-bundle-malformed",
            Self::Unsigned => "audit-bundle-unsigned",
            Self::Row { .. } => "audit-bundle-row",
        }
    }
}

impl AuditBundle {
    /// A bundle of this format's version.
    #[must_use]
    pub fn new(action_id: String, checkpoint: String, keys: KeyHistory, rows: Vec<ProvedRow>) -> Self {
        Self { version: VERSION, action_id, checkpoint, keys, rows }
    }

    /// Its one form in bytes, as `audit.json` has it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them: there is nothing that could not be written.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// [`BundleError::Malformed`].
    pub fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        let bundle: Self = serde_json::from_slice(json).map_err(|error| BundleError::Malformed(error.to_string()))?;
        if bundle.version == VERSION {
            return Ok(bundle);
        }
        Err(BundleError::Malformed(format!("it has version {}, this program reads {VERSION}", bundle.version)))
    }

    /// Checks it offline: the checkpoint's signature, each row's place under its root, each row's action, their order.
    ///
    /// `trust` is what the verifier brings. Without it the bundle's own keys tell whose it is, and [`BundleVerdict::known`] is false.
    ///
    /// # Errors
    /// [`BundleError`], the first thing that does not hold.
    pub fn verify(&self, trust: Option<&KeyHistory>) -> Result<BundleVerdict, BundleError> {
        let signed =
            SignedCheckpoint::parse(&self.checkpoint).map_err(|error| BundleError::Malformed(error.to_string()))?;
        let own = signed.signed_by(&self.keys).filter(|key| key.id == key.public_key.id());
        let signer = match trust {
            Some(trust) => {
                signed.signed_by(trust).or_else(|| own.and_then(|key| trust.leads_to(&key.id, Some(&self.keys))))
            }
            None => own,
        };
        let key = signer.ok_or(BundleError::Unsigned)?.id;
        let checkpoint = &signed.checkpoint;
        let mut next = 0;
        for row in &self.rows {
            let wrong = |why| Err(BundleError::Row { index: row.index, why });
            if row.index < next {
                return wrong("the rows are not in order");
            }
            next = row.index + 1;
            let leaf = leaf_hash(row.event.as_bytes());
            if !verify_inclusion(&leaf, row.index, checkpoint.size, &row.proof, &checkpoint.root) {
                return wrong("its inclusion proof does not lead to the checkpoint's root");
            }
            let action = serde_json::from_str::<serde_json::Value>(&row.event).ok();
            if action.as_ref().and_then(|event| event.get("action_id")?.as_str()) != Some(self.action_id.as_str()) {
                return wrong("it is about another action");
            }
        }
        Ok(BundleVerdict { size: checkpoint.size, root: checkpoint.root, key, known: trust.is_some() })
    }
}
