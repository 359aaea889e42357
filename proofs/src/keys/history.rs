//! The history of a runner's keys: each key but the first is introduced by a statement that its predecessor signed.
//!
//! Owns what follows from it: whoever trusts one key trusts those that it leads to, forwards only. A key can not vouch for an earlier one,
//! so a thief of the newest key can not make an older history; and a retired key vouches for nothing that says it was made later.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{KeyError, PublicKey, SigningKey};
use crate::hash::Sha256;

/// The version of the file.
const VERSION: u32 = 1;
/// What an introduction is for: a signature under it says nothing else.
const PURPOSE: &str = "deed-key-introduction-1";
/// Most keys of one history; a file with more is none of ours.
const KEYS_MAX: usize = 10_000;

/// All keys of a runner, oldest first. Public: it may be given to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHistory {
    /// 1.
    pub version: u32,
    /// Oldest first.
    pub keys: Vec<KeyEntry>,
}

/// One key of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// [`PublicKey::id`].
    pub id: Sha256,
    /// The key.
    pub public_key: PublicKey,
    /// Since when it signs, RFC 3339, UTC, milliseconds.
    pub from: String,
    /// When it was retired; absent for the one that signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The predecessor's signature over [`KeyEntry::statement`], base64; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced: Option<Introduction>,
}

/// Who vouches for a new key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// The predecessor's id.
    pub by: Sha256,
    /// Its signature over the statement, base64.
    pub signature: String,
}

impl KeyEntry {
    /// The bytes that the predecessor signs: JSON with its keys in alphabetical order and no white space.
    pub(super) fn statement(&self, by: Sha256) -> String {
        serde_json::json!({
            "by": by, "from": self.from, "id": self.id, "public_key": self.public_key, "purpose": PURPOSE,
        })
        .to_string()
    }
}

impl KeyHistory {
    /// The history of a first key.
    #[must_use]
    pub fn begin(key: PublicKey, from: &str) -> Self {
        let first = KeyEntry { id: key.id(), public_key: key, from: from.to_owned(), until: None, introduced: None };
        Self { version: VERSION, keys: vec![first] }
    }

    /// Adds `next`, introduced by the key that signs now, which is retired at the same moment.
    ///
    /// # Errors
    /// [`KeyError::History`] when `current` is not the key that signs now.
    pub fn introduce(&mut self, current: &SigningKey, next: PublicKey, at: &str) -> Result<(), KeyError> {
        let last = self.keys.last_mut().filter(|last| last.public_key == current.public());
        let last = last.ok_or_else(|| KeyError::History("the signing key is not its last one".to_owned()))?;
        last.until = Some(at.to_owned());
        let by = last.id;
        let mut entry =
            KeyEntry { id: next.id(), public_key: next, from: at.to_owned(), until: None, introduced: None };
        entry.introduced = Some(Introduction { by, signature: current.sign_base64(entry.statement(by).as_bytes()) });
        self.keys.push(entry);
        Ok(())
    }

    /// Reads a key history, or one public key in either of its forms (as a history of that key alone, good at all times).
    ///
    /// # Errors
    /// [`KeyError::History`], [`KeyError::PublicKey`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if !text.trim_start().starts_with('{') {
            return text.parse().map(|key| Self::begin(key, ""));
        }
        let history: Self = serde_json::from_str(text).map_err(|error| KeyError::History(error.to_string()))?;
        history.check()?;
        Ok(history)
    }

    /// The one byte form: JSON, two spaces a level, a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
    }

    /// Checks that it is a history: each id the key's own, each key but the first introduced by the one before it.
    ///
    /// # Errors
    /// [`KeyError::History`], naming the first key that does not fit.
    pub fn check(&self) -> Result<(), KeyError> {
        let broken = |what: String| Err(KeyError::History(what));
        if self.version != VERSION || self.keys.is_empty() || self.keys.len() > KEYS_MAX {
            return broken(format!("it has version {} and {} keys", self.version, self.keys.len()));
        }
        for (place, entry) in self.keys.iter().enumerate() {
            if entry.id != entry.public_key.id() {
                return broken(format!("key {} has another id than its bytes", entry.id));
            }
            let before = place.checked_sub(1).and_then(|place| self.keys.get(place));
            match (before, &entry.introduced) {
                (None, None) => {}
                (Some(before), Some(by)) if by.by == before.id && vouched(entry, by, before) => {}
                _ => return broken(format!("key {} was not introduced by the one before it", entry.id)),
            }
        }
        Ok(())
    }

    /// The key of this id.
    #[must_use]
    pub fn find(&self, id: &Sha256) -> Option<&KeyEntry> {
        self.keys.iter().find(|entry| entry.id == *id)
    }

    /// The key that signs now.
    #[must_use]
    pub fn current(&self) -> Option<&KeyEntry> {
        self.keys.last()
    }

    /// The entry of a key that this history, brought by somebody who trusts it, leads to: one of its own, or one that `further` (which
    /// came with the proof and is trusted for nothing else) introduces, step by step, from its last one. A retired key leads nowhere but to
    /// its successor in this history: a thief of it can not introduce another.
    #[must_use]
    pub fn leads_to<'h>(&'h self, id: &Sha256, further: Option<&'h Self>) -> Option<&'h KeyEntry> {
        if let Some(own) = self.find(id) {
            return Some(own);
        }
        // By their bytes: an id is only a name, which anybody can write beside another key.
        let mut trusted: BTreeSet<PublicKey> = self.current().map(|entry| entry.public_key).into_iter().collect();
        for pair in further.into_iter().flat_map(|further| further.keys.windows(2)) {
            let [before, entry] = pair else { continue };
            let introduced =
                entry.introduced.as_ref().is_some_and(|by| by.by == before.id && vouched(entry, by, before));
            if trusted.contains(&before.public_key) && introduced && entry.id == entry.public_key.id() {
                if entry.id == *id {
                    return Some(entry);
                }
                trusted.insert(entry.public_key);
            }
        }
        None
    }
}

/// Whether the key before signed for this entry.
fn vouched(entry: &KeyEntry, by: &Introduction, before: &KeyEntry) -> bool {
    before.public_key.signed_base64(entry.statement(by.by).as_bytes(), &by.signature)
}
