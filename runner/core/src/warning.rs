//! Warnings: what went wrong with an account often enough, or badly enough, that a person should look.
//!
//! Owns which holds and outcomes are warnings, and how bad each is. Pure: the ledger counts, this file judges the count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hold::HoldReason;

/// Occurrences that are younger than this count together.
pub const COUNTED_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// So many of a kind within [`COUNTED_WITHIN`] raise the severity by one step, and so do as many more.
pub const RAISED_EVERY: u32 = 3;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// To be known.
    Low,
    /// To be looked at soon.
    Medium,
    /// To be looked at before anything else is sent.
    High,
    /// Something that must never happen nearly did.
    Critical,
}

impl Severity {
    /// From the least to the worst.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in the database, in JSON and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Reads [`Severity::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether no more should be sent in its reach until a person has looked.
    pub const fn stops(self) -> bool {
        matches!(self, Self::High | Self::Critical)
    }

    fn next(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }
}

/// What is warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// An action may have happened, and the page did not say.
    OutcomeUnknown,
    /// Looking did not find out whether an action happened.
    VerificationUnanswered,
    /// What is there waits for the platform's review still after the last look, or is not there any more.
    NotPublic,
    /// The layout is not the one that the recipe was verified against.
    Drift,
    /// Captcha, checkpoint, log-in wall.
    Challenge,
    /// Somebody else was signed in.
    WrongAccount,
    /// The account could not be proved.
    IdentityUnproven,
    /// The session became another one during an episode.
    SessionChanged,
    /// Proof could not be made durable.
    ProofStore,
    /// The stored session ends soon, or has ended.
    SessionExpiring,
    /// Proof is durable on this machine and does not get to the store.
    ProofUpload,
    /// Outcomes do not reach whoever wants to hear of them.
    WebhookUndelivered,
}

impl WarningKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::OutcomeUnknown,
        Self::VerificationUnanswered,
        Self::NotPublic,
        Self::Drift,
        Self::Challenge,
        Self::WrongAccount,
        Self::IdentityUnproven,
        Self::SessionChanged,
        Self::ProofStore,
        Self::SessionExpiring,
        Self::ProofUpload,
        Self::WebhookUndelivered,
    ];

    /// The name in the database, in JSON and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutcomeUnknown => "outcome_unknown",
            Self::VerificationUnanswered => "verification_unanswered",
            Self::NotPublic => "not_public",
            Self::Drift => "drift",
            Self::Challenge => "challenge",
            Self::WrongAccount => "wrong_account",
            Self::IdentityUnproven => "identity_unproven",
            Self::SessionChanged => "session_changed",
            Self::ProofStore => "proof_store",
            Self::SessionExpiring => "session_expiring",
            Self::ProofUpload => "proof_upload",
            Self::WebhookUndelivered => "webhook_undelivered",
        }
    }

    /// Reads [`WarningKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// The warning that a hold is; most are none.
    pub const fn of_hold(reason: HoldReason) -> Option<Self> {
        match reason {
            HoldReason::Drift => Some(Self::Drift),
            HoldReason::Challenge => Some(Self::Challenge),
            HoldReason::WrongAccount => Some(Self::WrongAccount),
            HoldReason::IdentityUnproven => Some(Self::IdentityUnproven),
            HoldReason::SessionChanged => Some(Self::SessionChanged),
            HoldReason::Proof => Some(Self::ProofStore),
            _ => None,
        }
    }

    /// Whether it made the account read-only, so that the person who clears the account has looked at it.
    pub const fn is_cleared_with_the_account(self) -> bool {
        matches!(
            self,
            Self::Drift | Self::Challenge | Self::WrongAccount | Self::IdentityUnproven | Self::SessionChanged
        )
    }

    /// How bad one is.
    pub const fn base(self) -> Severity {
        match self {
            Self::SessionExpiring | Self::ProofUpload | Self::WebhookUndelivered | Self::NotPublic => Severity::Low,
            Self::OutcomeUnknown | Self::VerificationUnanswered | Self::Drift | Self::ProofStore => Severity::Medium,
            Self::Challenge | Self::IdentityUnproven | Self::SessionChanged => Severity::High,
            Self::WrongAccount => Severity::Critical,
        }
    }

    /// How bad it can become. What says nothing about whether acting is safe never stops the acting.
    const fn worst(self) -> Severity {
        match self {
            Self::SessionExpiring | Self::ProofUpload | Self::WebhookUndelivered | Self::NotPublic => Severity::Medium,
            _ => Severity::Critical,
        }
    }

    /// How bad it is when there were `count` of them within [`COUNTED_WITHIN`].
    pub fn severity_after(self, count: u32) -> Severity {
        let steps = count / RAISED_EVERY;
        // Four severities: more steps than that end at the worst.
        let raised = (0..steps.min(4)).fold(self.base(), |severity, _| severity.next());
        raised.min(self.worst())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_day_raise_it_by_one_and_never_above_critical() {
        let after = |kind: WarningKind| [1, 2, 3, 5, 6, 9, 1_000_000].map(|n| kind.severity_after(n).as_str());
        assert_eq!(after(WarningKind::Drift), ["MEDIUM", "MEDIUM", "HIGH", "HIGH", "CRITICAL", "CRITICAL", "CRITICAL"]);
        assert_eq!(
            after(WarningKind::WrongAccount),
            ["CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL"]
        );
        assert_eq!(
            after(WarningKind::WebhookUndelivered),
            ["LOW", "LOW", "MEDIUM", "MEDIUM", "MEDIUM", "MEDIUM", "MEDIUM"]
        );
    }

    #[test]
    fn whatever_makes_an_account_read_only_is_warned_of_and_cleared_with_it() {
        for reason in HoldReason::ALL {
            let cleared = WarningKind::of_hold(reason).is_some_and(WarningKind::is_cleared_with_the_account);
            assert_eq!(cleared, reason.makes_read_only(), "{}", reason.as_str());
        }
    }

    #[test]
    fn names_read_back() {
        for kind in WarningKind::ALL {
            assert_eq!(WarningKind::parse(kind.as_str()), Some(kind));
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
            assert_eq!(severity.stops(), severity >= Severity::High);
        }
    }
}
