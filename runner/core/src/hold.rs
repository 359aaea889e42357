//! Why an action waits, and how it failed.

use serde::{Deserialize, Serialize};

use crate::pace::Wait;
use crate::time::Timestamp;

/// Why an action waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// A kill switch is on (global, client or account).
    KillSwitch,
    /// The account is in mode `draft`: everything but the commit was done.
    DraftMode,
    /// The account is read-only after a challenge or drift.
    AccountReadOnly,
    /// The account is suspended by a person.
    AccountSuspended,
    /// There is no session, or it does not fit the account.
    Connection,
    /// A named policy check did not pass.
    Policy,
    /// The quiet hours of the account.
    QuietHours,
    /// What may be done or spent in this time is done or spent.
    Budget,
    /// People must approve it first, or one rejected it.
    Approval,
    /// Another handle is signed in.
    WrongAccount,
    /// Fewer than 2 of 3 signals.
    IdentityUnproven,
    /// The session's own marker changed between identity and press.
    SessionChanged,
    /// Captcha, checkpoint, log-in wall or suspicious activity.
    Challenge,
    /// The layout is not the one the recipe was verified against.
    Drift,
    /// The platform asked to wait.
    RateLimit,
    /// What stands in the composer is not the order.
    ReviewMismatch,
    /// The destination could not be read, so it is not known whether the content is there already.
    DestinationUnreadable,
    /// The browser or the platform was not there.
    Transient,
    /// Proof could not be made durable.
    Proof,
    /// An action that it waits for did not come to be, and will not.
    Dependency,
}

impl HoldReason {
    /// The name in the database, in JSON and on the terminal; also the anchor of its page in `docs/errors.md`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::DraftMode => "draft_mode",
            Self::AccountReadOnly => "account_read_only",
            Self::AccountSuspended => "account_suspended",
            Self::Connection => "connection",
            Self::Policy => "policy",
            Self::QuietHours => "quiet_hours",
            Self::Budget => "budget",
            Self::Approval => "approval",
            Self::WrongAccount => "wrong_account",
            Self::IdentityUnproven => "identity_unproven",
            Self::SessionChanged => "session_changed",
            Self::Challenge => "challenge",
            Self::Drift => "drift",
            Self::RateLimit => "rate_limit",
            Self::ReviewMismatch => "review_mismatch",
            Self::DestinationUnreadable => "destination_unreadable",
            Self::Transient => "transient",
            Self::Proof => "proof",
            Self::Dependency => "dependency",
        }
    }

    /// All reasons.
    pub const ALL: [Self; 20] = [
        Self::KillSwitch,
        Self::DraftMode,
        Self::AccountReadOnly,
        Self::AccountSuspended,
        Self::Connection,
        Self::Policy,
        Self::QuietHours,
        Self::Budget,
        Self::Approval,
        Self::WrongAccount,
        Self::IdentityUnproven,
        Self::SessionChanged,
        Self::Challenge,
        Self::Drift,
        Self::RateLimit,
        Self::ReviewMismatch,
        Self::DestinationUnreadable,
        Self::Transient,
        Self::Proof,
        Self::Dependency,
    ];

    /// Reads [`HoldReason::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }

    /// Whether the account becomes read-only with it, until a person clears it.
    pub const fn makes_read_only(self) -> bool {
        matches!(
            self,
            Self::WrongAccount | Self::IdentityUnproven | Self::SessionChanged | Self::Challenge | Self::Drift
        )
    }

    /// Whether what waits for it may go on as soon as a person says that the account is active.
    pub const fn ends_when_active(self) -> bool {
        self.makes_read_only() || matches!(self, Self::AccountReadOnly | Self::AccountSuspended)
    }

    /// What the operator does about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::KillSwitch => "turn the switch off with `deed kill off` when it is safe, then run the action again",
            Self::DraftMode => {
                "look at the composer in the proof; `deed account mode ACCOUNT live` lets the account publish"
            }
            Self::AccountReadOnly => {
                "look at the proof, put it right on the platform, then `deed account clear ACCOUNT --reason …`"
            }
            Self::AccountSuspended => {
                "a person suspended the account; `deed account clear ACCOUNT --reason …` activates it"
            }
            Self::Connection => "import a session with `deed account connect ACCOUNT --session FILE`",
            Self::Policy => {
                "the check that did not pass is named above: change the order, the account or the policy; `deed policy check ORDER` shows all checks"
            }
            Self::QuietHours => "wait until the time that is shown: `deed work` takes it up by itself",
            Self::Budget => {
                "wait until the time that is shown: `deed work` takes it up by itself; where none is shown, change the policy's limits"
            }
            Self::Approval => {
                "`deed approve request ACTION` asks the approvers, `deed approve show ACTION` tells who did; `deed work` goes on when all did"
            }
            Self::WrongAccount => {
                "the session is signed in as somebody else: sign in as the account, import the session again, then `deed account clear`"
            }
            Self::IdentityUnproven => {
                "compare the screenshot with the stored fingerprint; refresh the fingerprint or the recipe, then `deed account clear`"
            }
            Self::SessionChanged => {
                "the signed-in account changed during the episode: sign in again, import the session, then `deed account clear`"
            }
            Self::Challenge => "answer the platform's challenge yourself in a browser, then `deed account clear`",
            Self::Drift => "compare the screenshots, mend the recipe, `deed recipe check`, then `deed account clear`",
            Self::RateLimit => "wait until the time that is shown",
            Self::ReviewMismatch => {
                "the composer did not take the content as ordered: see the proof; the recipe or the order must change"
            }
            Self::DestinationUnreadable => "open the destination yourself; when it loads again, run the action again",
            Self::Transient => {
                "nothing was sent; `deed work` tries it again at the time that is shown, or run it yourself"
            }
            Self::Proof => "make room or give the directory back its rights, then run the action again",
            Self::Dependency => {
                "order it anew without what did not come to be, or call it off with `deed queue cancel`"
            }
        }
    }
}

/// A hold: the reason, in words, and until when, if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub reason: HoldReason,
    /// What was seen.
    pub detail: String,
    /// When it may be tried again, if the platform or the policy said so.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// A hold that only a person, or another try, ends.
    pub fn new(reason: HoldReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), until: None }
    }
}

impl From<Wait> for Hold {
    fn from(wait: Wait) -> Self {
        Self { reason: HoldReason::Budget, detail: wait.words, until: Some(wait.until) }
    }
}

/// Why an action ended without its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The content was on the destination before; nothing was clicked.
    DuplicateContent,
    /// Armed, but proved that no input left the process.
    NotSent,
    /// Attempted, and absent in agreeing reads after the settle window.
    NotFoundAfterAttempt,
}

impl Failure {
    /// The error code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateContent => "duplicate_content",
            Self::NotSent => "not_sent",
            Self::NotFoundAfterAttempt => "not_found_after_attempt",
        }
    }

    /// Reads [`Failure::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::DuplicateContent, Self::NotSent, Self::NotFoundAfterAttempt].into_iter().find(|f| f.as_str() == text)
    }
}
