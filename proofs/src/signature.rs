//! The signature of a proof: an in-toto statement about the manifest and every piece of evidence, in a DSSE envelope.
//!
//! Owns `manifest.dsse.json`, and `deleted.dsse.json` where a rule deleted something: in-toto Statement v1
//! (<https://github.com/in-toto/attestation>, `spec/v1/statement.md`) as the payload of a DSSE v1 envelope
//! (<https://github.com/secure-systems-lab/dsse>), ed25519. Whose key counts is the verifier's to say.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::keys::{KeyEntry, KeyHistory, SigningKey};
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::store::relative_object_path;
use crate::sums::{DELETED_FILE, MANIFEST_FILE};

/// What the payload of the envelope is.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The statement's type.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What the statement says of its subjects: that they are the proof of one episode.
pub const PREDICATE_TYPE: &str = "urn:deed:episode:1";
/// What a statement says of `deleted.json`: that this was deleted of one episode, by whom.
pub const DELETIONS_TYPE: &str = "urn:deed:deletions:1";

/// The envelope (DSSE v1). Fields that it does not have are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    /// Base64.
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: serde_json::Value,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: Digest,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Digest {
    sha256: Sha256,
}

/// Why an envelope is not a signature of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It can not be read.
    #[error("can not be read: {0}")]
    Malformed(String),
    /// It is signed, of other files.
    #[error("is a signature of something else: {0}")]
    Other(String),
}

impl SignatureError {
    /// The stable code; also the anchor in `docs/errors.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "signature-malformed",
            Self::Other(_) => "signature-of-other",
        }
    }
}

/// What is signed (DSSE, "pre-authentication encoding").
fn encoded(payload: &[u8]) -> Vec<u8> {
    [format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).as_bytes(), payload].concat()
}

/// What a manifest and its hash have as subjects, each once: the manifest first.
fn subjects(manifest: &Manifest, hash: Sha256) -> Vec<Subject> {
    let objects: BTreeSet<Sha256> = manifest.artifacts.iter().map(|artifact| artifact.sha256).collect();
    let own = Subject { name: MANIFEST_FILE.to_owned(), digest: Digest { sha256: hash } };
    let object = |sha256: &Sha256| Subject { name: relative_object_path(sha256), digest: Digest { sha256: *sha256 } };
    std::iter::once(own).chain(objects.iter().map(object)).collect()
}

fn deletions_subject(hash: Sha256) -> Subject {
    Subject { name: DELETED_FILE.to_owned(), digest: Digest { sha256: hash } }
}

impl Envelope {
    /// Signs a manifest whose bytes have this hash. The same manifest and key always give the same envelope.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`], when the statement can not be written.
    pub fn sign(manifest: &Manifest, hash: Sha256, key: &SigningKey) -> Result<Self, SignatureError> {
        let action = &manifest.action;
        let predicate = serde_json::json!({
            "action_id": action.action_id,
            "action_type": action.action_type,
            "account_id": action.account_id,
            "client_id": action.client_id,
            "episode_id": action.episode_id,
            "idempotency_key": action.idempotency_key,
            "manifest_version": manifest.version,
            "payload_hash": manifest.intent.payload_hash,
            "platform": action.platform,
            "proof_level": manifest.outcome.proof_level,
            "recipe_hash": manifest.intent.recipe.hash,
            "state": manifest.outcome.state,
            "tool_version": manifest.tool.version,
        });
        Self::of(subjects(manifest, hash), PREDICATE_TYPE, predicate, key)
    }

    /// Signs `deleted.json`, whose bytes have this hash.
    ///
    /// # Errors
    /// As [`Envelope::sign`].
    pub fn sign_deletions(deletions: &Deletions, hash: Sha256, key: &SigningKey) -> Result<Self, SignatureError> {
        let predicate = serde_json::json!({ "episode_id": deletions.episode_id, "manifest": deletions.manifest });
        Self::of(vec![deletions_subject(hash)], DELETIONS_TYPE, predicate, key)
    }

    fn of(
        subject: Vec<Subject>,
        predicate_type: &str,
        predicate: serde_json::Value,
        key: &SigningKey,
    ) -> Result<Self, SignatureError> {
        let (kind, predicate_type) = (STATEMENT_TYPE.to_owned(), predicate_type.to_owned());
        let statement = Statement { kind, subject, predicate_type, predicate };
        let payload = serde_json::to_vec(&statement).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        let sig = key.sign_base64(&encoded(&payload));
        let signature = Signature { keyid: key.public().id().to_string(), sig };
        Ok(Self { payload_type: PAYLOAD_TYPE.to_owned(), payload: BASE64.encode(payload), signatures: vec![signature] })
    }

    /// The one byte form: JSON, two spaces a level, a newline at the end.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn to_json(&self) -> Result<Vec<u8>, SignatureError> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads an envelope. That it can be read says nothing of who signed it.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn from_json(json: &[u8]) -> Result<Self, SignatureError> {
        let envelope: Self =
            serde_json::from_slice(json).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        match envelope.payload_type.as_str() {
            PAYLOAD_TYPE => Ok(envelope),
            other => Err(SignatureError::Malformed(format!("its payload is of the type {other:?}"))),
        }
    }

    /// The names of the keys that say they signed it, as they stand there.
    #[must_use]
    pub fn key_ids(&self) -> Vec<&str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str()).collect()
    }

    /// The key of `keys` that signed exactly this payload, if one did. The names of keys are hints; what counts is the signature.
    #[must_use]
    pub fn signed_by<'k>(&self, keys: &'k KeyHistory) -> Option<&'k KeyEntry> {
        let payload = BASE64.decode(&self.payload).ok()?;
        let message = encoded(&payload);
        let signed = |entry: &&KeyEntry| {
            self.signatures.iter().any(|signature| entry.public_key.signed_base64(&message, &signature.sig))
        };
        keys.keys.iter().rev().find(signed)
    }

    /// Whether the statement is about this manifest, whose bytes have this hash, and exactly its evidence.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn is_about(&self, manifest: &Manifest, hash: Sha256) -> Result<(), SignatureError> {
        let other = |what: &str| Err(SignatureError::Other(what.to_owned()));
        let (mut said, mut right) = (self.subjects_of(PREDICATE_TYPE)?, subjects(manifest, hash));
        said.sort();
        right.sort();
        if said == right {
            return Ok(());
        }
        if said.iter().any(|subject| subject.name == MANIFEST_FILE && subject.digest.sha256 == hash) {
            return other("it names other evidence than the manifest");
        }
        other("it names another manifest")
    }

    /// Whether the statement is about the `deleted.json` whose bytes have this hash.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn is_about_deletions(&self, hash: Sha256) -> Result<(), SignatureError> {
        if self.subjects_of(DELETIONS_TYPE)? == [deletions_subject(hash)] {
            return Ok(());
        }
        Err(SignatureError::Other(format!("it names another {DELETED_FILE}")))
    }

    /// The subjects of the statement, which must be of this kind.
    fn subjects_of(&self, predicate_type: &str) -> Result<Vec<Subject>, SignatureError> {
        let payload = BASE64.decode(&self.payload).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        if statement.kind != STATEMENT_TYPE || statement.predicate_type != predicate_type {
            return Err(SignatureError::Other("its statement is of another kind".to_owned()));
        }
        Ok(statement.subject)
    }
}
