//! A connected account: whose it is, how it is recognised, what may be done with it.

use deed_proofs::ImageHash;
use deed_recipes::Placeholder;
use serde::{Deserialize, Serialize};

use crate::approval::AccountApprovals;
use crate::ids::{AccountId, ClientId};

/// What may be done with the account at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Side effects may run.
    Active,
    /// Verification may run, side effects may not, until a person clears it.
    ReadOnly,
    /// Nothing runs.
    Suspended,
}

/// Whether the account commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything but the commit. New accounts start here.
    Draft,
    /// Commits.
    Live,
}

impl AccountState {
    /// The name in the database and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ReadOnly => "read_only",
            Self::Suspended => "suspended",
        }
    }

    /// Reads [`AccountState::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::ReadOnly, Self::Suspended].into_iter().find(|s| s.as_str() == text)
    }
}

impl Mode {
    /// The name in the database and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Live => "live",
        }
    }

    /// Reads [`Mode::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Draft, Self::Live].into_iter().find(|m| m.as_str() == text)
    }
}

/// How the account is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The handle as the operator typed it, without `@`.
    pub handle: String,
    /// The display name.
    pub display_name: Option<String>,
    /// The avatar's perceptual hash.
    pub avatar: Option<ImageHash>,
}

/// The account's own placeholders, and no others.
impl deed_recipes::Values for Fingerprint {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::AccountHandle => Some(&self.handle),
            Placeholder::AccountDisplayName => self.display_name.as_deref(),
            _ => None,
        }
    }
}

/// One connected account of one client on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id here.
    pub id: AccountId,
    /// Whose it is.
    pub client: ClientId,
    /// The platform; names the recipe.
    pub platform: String,
    /// How it is recognised.
    pub fingerprint: Fingerprint,
    /// The platform's origin for this account, when the recipe allows more than one (the practice platform's port).
    pub origin: Option<String>,
    /// What may be done with it.
    pub state: AccountState,
    /// Why it is not active, in words.
    pub state_reason: Option<String>,
    /// Whether it commits.
    pub mode: Mode,
    /// Whether a session is stored.
    pub has_session: bool,
    /// How many people every action of it needs.
    pub approvals: AccountApprovals,
}
