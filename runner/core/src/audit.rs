//! The audit event: exactly these fields, no secrets, no message text, hashes and pointers only.
//!
//! Each event carries the hash of the one before; [`chain_hash`] is the rule. The ledger's triggers refuse UPDATE and DELETE.

use deed_proofs::Sha256;
use serde::{Deserialize, Serialize};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEvent {
    /// Its id.
    pub audit_event_id: String,
    /// RFC 3339, UTC, milliseconds.
    pub timestamp: String,
    /// The episode; none for what a person did outside one.
    pub episode_id: Option<String>,
    /// The action; none for switches and account changes.
    pub action_id: Option<String>,
    /// Whose.
    pub client_id: Option<String>,
    /// Where.
    pub platform: Option<String>,
    /// As whom.
    pub platform_account_id: Option<String>,
    /// How.
    pub lane: Option<String>,
    /// What.
    pub action_type: Option<String>,
    /// The order's key.
    pub idempotency_key: Option<String>,
    /// What let it pass.
    pub policy_snapshot_id: Option<String>,
    /// Whether 2 of 3 held, once it was looked at.
    pub identity_fingerprint_ok: Option<bool>,
    /// What was asked.
    pub request: AuditRequest,
    /// What came of it.
    pub result: AuditResult,
    /// What proves it.
    pub proof: AuditProof,
    /// The experiment, on publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment_id: Option<String>,
    /// The variant, on publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_id: Option<String>,
}

/// See [`AuditEvent::request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRequest {
    /// sha256 of the canonical payload, or of the command's arguments.
    pub safe_payload_hash: String,
    /// `deed`.
    pub tool: String,
    /// Its version.
    pub tool_version: String,
}

/// See [`AuditEvent::result`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditResult {
    /// The state after it, or what was done (`account_cleared`, `kill_on`).
    pub status: String,
    /// The platform's id of the object.
    pub platform_object_id: Option<String>,
    /// Its own page.
    pub permalink: Option<String>,
    /// The write request's HTTP status.
    pub http_status: Option<u16>,
    /// Hold reason or failure.
    pub error_code: Option<String>,
}

/// See [`AuditEvent::proof`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditProof {
    /// sha256 of every artifact.
    pub artifact_refs: Vec<String>,
    /// sha256 of the screenshots among them.
    pub screenshots: Vec<String>,
    /// Structure hash of the last DOM snapshot.
    pub dom_hash: Option<String>,
}

impl AuditEvent {
    /// The bytes that are stored and hashed: JSON in the order of the fields.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// The hash of the first event's predecessor.
pub const CHAIN_START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// sha256 over the predecessor's hash (hex), a line feed, and the event's stored bytes.
pub fn chain_hash(previous: &str, event_json: &str) -> Sha256 {
    Sha256::of(format!("{previous}\n{event_json}").as_bytes())
}
