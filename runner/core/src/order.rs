//! What somebody asked for: one order becomes one action.
//!
//! The canonical payload is what hashes, idempotency and approval are bound to. It is JSON with keys in alphabetical order and no
//! white space; media stand in it by their content hash, never by their path.

use deed_proofs::Sha256;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ActionId, ClientId, EpisodeId};
use crate::state::State;
use crate::time::Timestamp;

/// The lane by which an action is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The platform's API.
    Api,
    /// A real browser.
    #[default]
    Browser,
    /// Both.
    Hybrid,
}

impl Lane {
    /// The name in the database and in audit events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Browser => "browser",
            Self::Hybrid => "hybrid",
        }
    }

    /// Reads [`Lane::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Api, Self::Browser, Self::Hybrid].into_iter().find(|l| l.as_str() == text)
    }
}

/// One media file of an order, after it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Where it lies.
    pub path: String,
    /// Its content.
    pub sha256: Sha256,
    /// Its size.
    pub bytes: u64,
    /// Its type, by content.
    pub media_type: String,
    /// How large it is shown and how long it plays. Orders of before this was looked at have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<MediaShape>,
}

/// What the header of a picture or video tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaShape {
    /// Width in pixels, as it is shown.
    pub width: u32,
    /// Height in pixels, as it is shown.
    pub height: u32,
    /// Length of a video, when its header tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// The text.
    #[serde(default)]
    pub text: String,
    /// The files, in order.
    #[serde(default)]
    pub media: Vec<Media>,
}

/// What an action does, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// `publish.post` and so on; names the recipe's flow.
    pub action_type: String,
    /// What is to be published.
    pub content: Content,
    /// What it aims at (a permalink, a handle), where the action type has a target.
    pub target: Option<String>,
}

impl Payload {
    /// The canonical form, over which [`Payload::hash`] is made.
    pub fn canonical(&self) -> String {
        let media: Vec<_> = self.content.media.iter().map(|m| m.sha256.to_string()).collect();
        // serde_json's map is a BTreeMap here (no `preserve_order`), so keys come out in alphabetical order.
        serde_json::json!({
            "action_type": self.action_type,
            "media": media,
            "target": self.target,
            "text": self.content.text,
        })
        .to_string()
    }

    /// sha256 of the canonical form.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.canonical().as_bytes())
    }

    /// sha256 of text and media alone: what dedupe and approvals compare.
    pub fn content_hash(&self) -> Sha256 {
        let media: Vec<_> = self.content.media.iter().map(|m| m.sha256.to_string()).collect();
        Sha256::of(serde_json::json!({ "media": media, "text": self.content.text }).to_string().as_bytes())
    }
}

/// sha256 over client, platform, account, action type and canonical payload: the key of an order that brings none.
pub fn default_idempotency_key(client: &ClientId, platform: &str, account: &AccountId, payload: &Payload) -> String {
    let parts = serde_json::json!([client, platform, account, payload.action_type, payload.canonical()]);
    Sha256::of(parts.to_string().as_bytes()).to_string()
}

/// One atomic side effect, as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// The episode that works on it, or worked last.
    pub episode: Option<EpisodeId>,
    /// Whose it is.
    pub client: ClientId,
    /// As whom.
    pub account: AccountId,
    /// Where.
    pub platform: String,
    /// How.
    pub lane: Lane,
    /// What.
    pub payload: Payload,
    /// The idempotency key.
    pub idempotency_key: String,
    /// Where it stands.
    pub state: State,
    /// When the permit was made.
    pub attempted_at: Option<Timestamp>,
    /// The experiment it belongs to (publish only).
    pub experiment_id: Option<String>,
    /// The variant of the experiment (publish only).
    pub variant_id: Option<String>,
}
