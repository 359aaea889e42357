//! What an episode says of itself, in one file: `manifest.json`.
//!
//! Owns the format (version 2; version 1 is read and written as it was; unknown fields are refused) and its one byte
//! form, and its JSON Schema ([`schema()`]). It holds facts, hashes and pointers, and, where the composer was read
//! back, the order's own text; never secrets or credentials. The caller fills it, nothing here is decided or looked up.

use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::hash::Sha256;
use crate::picture::ImageHash;

/// The version of the format that this crate writes.
pub const MANIFEST_VERSION: u32 = 2;
/// The oldest version that this crate reads: without [`Manifest::dedupe`] and what else version 2 brought.
pub const MANIFEST_VERSION_OLDEST: u32 = 1;

/// Everything that is claimed about one episode, with every piece of evidence by hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format: [`MANIFEST_VERSION`], or an older one in which the fields of later ones are absent.
    pub version: u32,
    /// Which action this is about.
    pub action: ActionFacts,
    /// What was ordered, and under which rules.
    pub intent: Intent,
    /// What became of it.
    pub outcome: Outcome,
    /// What the look for the same content found, before anything was composed. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Dedupe>,
    /// The element that the commit was aimed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_target: Option<CommitTarget>,
    /// What the platform said right after the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Every look at the destination after the commit, in order.
    pub verification: Vec<VerificationRead>,
    /// Every step, in order.
    pub steps: Vec<Step>,
    /// Every piece of evidence, in the order of keeping.
    pub artifacts: Vec<ArtifactRef>,
    /// The audit events of the episode, in order.
    pub audit: Vec<AuditEntry>,
    /// How the account was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What carried it out.
    pub tool: Tool,
    /// The seed of the pacing of the inputs.
    pub pacing_seed: u64,
    /// Everything that was masked in a picture or a document before it was kept, with what commits to what stood there. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<Redaction>,
    /// Every recording, in the order of keeping. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
    /// The id of the key that signs this manifest, where one does: the signature lies beside it. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Sha256>,
}

/// Which action an episode carried out, for whom and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFacts {
    /// The action.
    pub action_id: String,
    /// The execution attempt; also the name of the episode's folder.
    pub episode_id: String,
    /// The client that ordered it.
    pub client_id: String,
    /// The platform's name.
    pub platform: String,
    /// The platform account.
    pub account_id: String,
    /// The account's handle on the platform.
    pub handle: String,
    /// `api`, `browser` or `hybrid`.
    pub lane: String,
    /// What kind of action it is, e.g. `publish.post`.
    pub action_type: String,
    /// The key under which the order can be repeated without being carried out twice.
    pub idempotency_key: String,
}

/// What was ordered, and under which rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Of the canonical payload of the order.
    pub payload_hash: Sha256,
    /// Of the content alone: what an approval is for.
    pub content_hash: Sha256,
    /// The recipe that was followed.
    pub recipe: RecipeRef,
    /// The snapshot of the policies that were checked.
    pub policy_snapshot_id: String,
    /// The approvals that counted, each with its approver's signature. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
}

/// A recipe, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeRef {
    /// The platform's name.
    pub platform: String,
    /// The recipe's number.
    pub number: u32,
    /// Of the recipe's file.
    pub hash: Sha256,
}

/// What became of the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The state of the action, e.g. `confirmed_success`.
    pub state: String,
    /// 0 queued, 1 attempted, 2 the object exists, 3 permalink stored and engagement surface seen.
    pub proof_level: u8,
    /// Why it failed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The platform's own name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_object_id: Option<String>,
    /// Where the object can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// `public`, `pending_review`, `gone` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<String>,
}

/// Why an action waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The reason as a stable code, e.g. `kill_switch`.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
    /// When it ends by itself, RFC 3339; absent when a person has to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The element that the commit was aimed at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitTarget {
    /// The element's name in the recipe.
    pub element: String,
    /// The locators that named this very node.
    pub agreed: Vec<String>,
    /// The locators that named another or none.
    pub dissent: Vec<String>,
    /// The page on which it stood.
    pub url: String,
    /// Where it stood, in CSS pixels of the viewport.
    pub rect: Rect,
    /// Where it was pressed, in CSS pixels of the viewport.
    pub point: Point,
    /// The picture of the page before the press with the element and the point marked; listed in [`Manifest::artifacts`]. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Sha256>,
    /// When it was pressed, RFC 3339; absent when it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressed_at: Option<String>,
}

/// A rectangle in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rect {
    /// From the left edge.
    pub x: f64,
    /// From the top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A point in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// From the left edge.
    pub x: f64,
    /// From the top edge.
    pub y: f64,
}

/// What the platform said right after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The sign that was seen, in words.
    pub sign: String,
    /// The status of the write's response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The object that the response named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The write requests that the page tried, in order.
    pub requests: Vec<WriteRequest>,
}

/// A write request, and what the network gate did with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteRequest {
    /// The HTTP method.
    pub method: String,
    /// The path, without query.
    pub path: String,
    /// Whether it passed.
    pub gate: Gate,
    /// The status of its response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// What the network gate did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The one request that a permit allows.
    LetThrough,
    /// It never left.
    Blocked,
}

/// One look at the destination in a read-only session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationRead {
    /// Its number, from 1.
    pub read: u32,
    /// When, RFC 3339.
    pub at: String,
    /// What was found.
    pub found: Found,
    /// What was seen, in words.
    pub note: String,
    /// Which session looked.
    pub session: String,
}

/// What a look at the destination found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The object is there, by this author, with this content.
    Present,
    /// It is not there.
    Absent,
    /// It is there, and not public yet.
    Pending,
    /// The page could not be read.
    Unreadable,
}

/// One step of the episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its place, from 0.
    pub index: u32,
    /// The phase it belongs to, e.g. `identity`.
    pub phase: String,
    /// Its name.
    pub name: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// The page on which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The evidence taken at its end; each is listed in [`Manifest::artifacts`].
    pub artifacts: Vec<Sha256>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// Anything else, in words.
    pub note: String,
}

/// One event of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// The event.
    pub event_id: String,
    /// When, RFC 3339.
    pub at: String,
    /// The state that it brought.
    pub status: String,
    /// The event's hash in the chain.
    pub hash: String,
}

/// How the account was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What was stored of the account when it was added.
    pub fingerprint: Fingerprint,
    /// The votes: handle, avatar or name, account switcher.
    pub votes: Vec<Check>,
    /// Whether at least two of three agreed and none spoke against it.
    pub ok: bool,
    /// When it was looked at, RFC 3339. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What was seen: pictures and documents of the look; each is listed in [`Manifest::artifacts`]. Since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sha256>,
}

/// What is stored of an account, to know it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The handle.
    pub handle: String,
    /// The name that the platform displays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The hash of the avatar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_hash: Option<ImageHash>,
}

/// What carried the action out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The browser and its version.
    pub browser: String,
    /// The worker that carried it out, or looked last. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// Why a manifest cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is not JSON of this format.
    #[error("failed to read the manifest: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The format has another version.
    #[error(
        "the manifest has version {0}; this program reads up to version {MANIFEST_VERSION}: use the release that wrote it, or a later one"
    )]
    UnknownVersion(u32),
    /// It says something that cannot be.
    #[error("the manifest contradicts itself: {0}")]
    Contradiction(String),
}

impl ManifestError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "manifest-malformed",
            Self::UnknownVersion(_) => "manifest-version",
            Self::Contradiction(_) => "manifest-contradiction",
        }
    }
}

mod extra;
mod rules;
mod schema;

pub(crate) use rules::is_folder_name;

pub use extra::{Approval, Dedupe, MaskedRegion, Recording, Redaction};
pub use schema::schema;
