//! What somebody asked for: one order becomes one action.
//!
//! The canonical payload is what hashes, idempotency and approval are bound to. It is JSON with keys in alphabetical order and no
//! white space; media stand in it by their content hash, never by their path.

use deed_proofs::Sha256;
use deed_recipes::policy::Share;
use deed_recipes::{Placeholder, Values};
use serde::{Deserialize, Serialize};

use crate::approval::Risk;
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

/// What goes first when several actions are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After all others.
    Low,
    /// As filed.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// Its rank in the database: the higher goes first.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
    }

    /// Reads [`Priority::rank`].
    pub const fn of_rank(rank: i64) -> Self {
        match rank {
            ..=0 => Self::Low,
            1 => Self::Normal,
            2.. => Self::High,
        }
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
    /// The title, where the action type has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it is to appear, where the action type says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// The files, in order.
    #[serde(default)]
    pub media: Vec<Media>,
    /// Whether somebody pays for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sponsored: bool,
    /// Whether it makes claims that want a source.
    #[serde(default, skip_serializing_if = "is_false")]
    pub claims: bool,
    /// The sources of its claims, as URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<String>,
    /// How sure its author is of it. No part of what is ordered: the same content with another score is the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Share>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(said: &bool) -> bool {
    !said
}

impl Values for ScheduledWords {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        Self::get(self, placeholder)
    }
}

/// When something is to appear, as the recipe's placeholders say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledWords {
    /// To the second, RFC 3339 in UTC.
    whole: String,
    /// Where the day ends in it and the time of day begins.
    day_ends: usize,
}

impl ScheduledWords {
    /// Of a time.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let whole = at.to_the_second();
        let day_ends = whole.find('T').unwrap_or(whole.len());
        Self { whole, day_ends }
    }

    /// What a placeholder stands for; `None` for those that do not speak of it.
    #[must_use]
    pub fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::ContentScheduledAt => Some(&self.whole),
            Placeholder::ContentScheduledDate => self.whole.get(..self.day_ends),
            Placeholder::ContentScheduledTime => self.whole.get(self.day_ends + 1..self.day_ends + 6),
            _ => None,
        }
    }
}

impl Content {
    /// Its part of the canonical form. What was not said is left out, so that orders from before a key was known keep their hash.
    fn canonical(&self) -> serde_json::Map<String, serde_json::Value> {
        let media: Vec<_> = self.media.iter().map(|m| m.sha256.to_string()).collect();
        // serde_json's map is a BTreeMap here (no `preserve_order`), so keys come out in alphabetical order.
        let mut fields = serde_json::Map::new();
        fields.insert("media".to_owned(), media.into());
        fields.insert("text".to_owned(), self.text.clone().into());
        if let Some(title) = &self.title {
            fields.insert("title".to_owned(), title.clone().into());
        }
        if let Some(at) = self.scheduled_at {
            fields.insert("scheduled_at".to_owned(), at.to_string().into());
        }
        for (key, said) in [("sponsored", self.sponsored), ("claims", self.claims)] {
            if said {
                fields.insert(key.to_owned(), true.into());
            }
        }
        if !self.citations.is_empty() {
            fields.insert("citations".to_owned(), self.citations.clone().into());
        }
        fields
    }
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
        let mut fields = self.content.canonical();
        fields.insert("action_type".to_owned(), self.action_type.clone().into());
        fields.insert("target".to_owned(), self.target.clone().into());
        serde_json::Value::Object(fields).to_string()
    }

    /// sha256 of the canonical form.
    pub fn hash(&self) -> Sha256 {
        Sha256::of(self.canonical().as_bytes())
    }

    /// sha256 of the content alone: what dedupe and approvals compare.
    pub fn content_hash(&self) -> Sha256 {
        Sha256::of(serde_json::Value::Object(self.content.canonical()).to_string().as_bytes())
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
    /// The risk that the order brings; it raises the account's, never lowers it.
    pub risk: Risk,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(content: Content) -> Payload {
        Payload { action_type: "publish.post".into(), content, target: None }
    }

    #[test]
    fn an_order_without_the_newer_keys_keeps_its_canonical_form() {
        let content = Content { text: "Rye".into(), ..Content::default() };
        assert_eq!(
            payload(content).canonical(),
            r#"{"action_type":"publish.post","media":[],"target":null,"text":"Rye"}"#
        );
    }

    #[test]
    fn a_score_is_kept_and_is_no_part_of_what_is_ordered() {
        let plain = Content { text: "Rye".into(), ..Content::default() };
        let scored = Content { score: Share::parse("0.85"), ..plain.clone() };
        assert_eq!(payload(plain).hash(), payload(scored.clone()).hash());
        let json = serde_json::to_string(&scored).unwrap_or_default();
        assert_eq!(json, r#"{"text":"Rye","media":[],"score":0.85}"#);
        assert_eq!(serde_json::from_str::<Content>(&json).ok(), Some(scored));
    }

    #[test]
    fn title_time_and_what_it_says_of_itself_are_part_of_what_is_ordered() {
        let plain = Content { text: "Rye".into(), ..Content::default() };
        let titled = Content { title: Some("Bread".into()), ..plain.clone() };
        let timed = Content { scheduled_at: Some(Timestamp(1_795_167_000_000)), ..plain.clone() };
        let sponsored = Content { sponsored: true, ..plain.clone() };
        let claiming = Content { claims: true, ..plain.clone() };
        let cited = Content { claims: true, citations: vec!["https://example.com".into()], ..plain.clone() };
        let all = [plain, titled, timed.clone(), sponsored, claiming, cited].map(payload);
        for (a, b) in (0..all.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            assert_ne!(all[a].hash(), all[b].hash(), "{a} {b}");
            assert_ne!(all[a].content_hash(), all[b].content_hash(), "{a} {b}");
        }
        assert!(payload(timed).canonical().contains(r#""scheduled_at":"2026-11-20T09:30:00.000Z""#));
    }
}
