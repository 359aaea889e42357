//! The states of an action and the only way from one to the next.
//!
//! [`next`] is the whole truth; the database holds the same pairs (`migrations/`) and refuses all others, and
//! a test compares the two. There is no event that leads from [`State::Attempted`] or later back to [`State::Queued`]:
//! what may have been sent is never sent again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits, perhaps with a hold.
    Queued,
    /// Policy let it pass.
    PreflightPassed,
    /// The account was proved in this episode.
    IdentityVerified,
    /// The permit was made: from here on the side effect may exist.
    Attempted,
    /// The object exists.
    ConfirmedSuccess,
    /// The object does not exist because of this action.
    ConfirmedFailed,
    /// Not known; verification goes on.
    Unknown,
    /// The object exists, its permalink opened and the engagement surface was seen.
    PostcheckComplete,
    /// Called off by a person before anything was attempted.
    Cancelled,
}

impl State {
    /// All states, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::PreflightPassed,
        Self::IdentityVerified,
        Self::Attempted,
        Self::ConfirmedSuccess,
        Self::ConfirmedFailed,
        Self::Unknown,
        Self::PostcheckComplete,
        Self::Cancelled,
    ];

    /// The name in the database, in JSON and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::PreflightPassed => "preflight_passed",
            Self::IdentityVerified => "identity_verified",
            Self::Attempted => "attempted",
            Self::ConfirmedSuccess => "confirmed_success",
            Self::ConfirmedFailed => "confirmed_failed",
            Self::Unknown => "unknown",
            Self::PostcheckComplete => "postcheck_complete",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads [`State::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether the side effect may exist because of this action.
    pub const fn may_have_happened(self) -> bool {
        matches!(self, Self::Attempted | Self::Unknown | Self::ConfirmedSuccess | Self::PostcheckComplete)
    }

    /// Whether nothing more will be done by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::ConfirmedFailed | Self::PostcheckComplete | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// No kill switch, every policy check passed.
    PreflightPassed,
    /// 2 of 3 signals, none against.
    IdentityVerified,
    /// A stop before the commit: back to the queue, with a hold.
    Held,
    /// The runner died before the commit: back to the queue.
    Interrupted,
    /// The destination has this content already.
    DuplicateFound,
    /// The ledger made the permit.
    Armed,
    /// Proved: input never left the process.
    NotSent,
    /// Anything after `Armed` that is neither a proved "sent and seen" nor a proved "not sent".
    OutcomeUnclear,
    /// Verification found the object.
    FoundPresent,
    /// Verification agreed that there is no such object.
    FoundAbsent,
    /// The permalink opened and the engagement surface was seen.
    PostcheckDone,
    /// A person called it off.
    Cancelled,
}

impl Event {
    /// All events, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::PreflightPassed,
        Self::IdentityVerified,
        Self::Held,
        Self::Interrupted,
        Self::DuplicateFound,
        Self::Armed,
        Self::NotSent,
        Self::OutcomeUnclear,
        Self::FoundPresent,
        Self::FoundAbsent,
        Self::PostcheckDone,
        Self::Cancelled,
    ];
}

/// An event that can not happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action that is {state} can not take the event {event:?}")]
pub struct IllegalTransition {
    /// Where the action stands.
    pub state: State,
    /// What was said to have happened.
    pub event: Event,
}

/// The state after `event`. Pure and total: an illegal pair is an error, never a default.
pub fn next(state: State, event: Event) -> Result<State, IllegalTransition> {
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Queued, E::PreflightPassed) => Ok(S::PreflightPassed),
        (S::PreflightPassed, E::IdentityVerified) => Ok(S::IdentityVerified),
        (S::Queued | S::PreflightPassed | S::IdentityVerified, E::Held | E::Interrupted) => Ok(S::Queued),
        (S::Queued | S::PreflightPassed | S::IdentityVerified, E::Cancelled) => Ok(S::Cancelled),
        (S::IdentityVerified, E::DuplicateFound) => Ok(S::ConfirmedFailed),
        (S::IdentityVerified, E::Armed) => Ok(S::Attempted),
        (S::Attempted, E::NotSent) => Ok(S::ConfirmedFailed),
        (S::Attempted, E::OutcomeUnclear) => Ok(S::Unknown),
        (S::Attempted | S::Unknown, E::FoundPresent) => Ok(S::ConfirmedSuccess),
        (S::Attempted | S::Unknown, E::FoundAbsent) => Ok(S::ConfirmedFailed),
        (S::ConfirmedSuccess, E::PostcheckDone) => Ok(S::PostcheckComplete),
        (state, event) => Err(IllegalTransition { state, event }),
    }
}

/// Every legal pair of states, for the database and for the test that compares the two.
pub fn legal_pairs() -> Vec<(State, State)> {
    let mut pairs: Vec<_> = State::ALL
        .into_iter()
        .flat_map(|from| Event::ALL.into_iter().filter_map(move |event| next(from, event).ok().map(|to| (from, to))))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in State::ALL {
            for event in Event::ALL {
                let to = next(state, event).map_or("-", State::as_str);
                let _ = writeln!(table, "{:<18} {:<18} {to}", state.as_str(), format!("{event:?}"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn nothing_that_may_have_happened_is_ever_queued_again() {
        let mut reachable = vec![State::Attempted];
        while let Some(from) = reachable.pop() {
            for event in Event::ALL {
                if let Ok(to) = next(from, event) {
                    assert!(
                        !matches!(to, State::Queued | State::PreflightPassed | State::IdentityVerified),
                        "{from} -{event:?}-> {to}"
                    );
                    reachable.push(to);
                }
            }
        }
    }

    #[test]
    fn names_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert_eq!(state.to_string(), state.as_str());
        }
        assert_eq!(State::parse("done"), None);
    }

    #[test]
    fn what_may_have_happened_and_what_is_over() {
        let may_have: Vec<_> = State::ALL.into_iter().filter(|s| s.may_have_happened()).collect();
        assert_eq!(may_have, [State::Attempted, State::ConfirmedSuccess, State::Unknown, State::PostcheckComplete]);
        let over: Vec<_> = State::ALL.into_iter().filter(|s| s.is_final()).collect();
        assert_eq!(over, [State::ConfirmedFailed, State::PostcheckComplete, State::Cancelled]);
        for state in over {
            assert!(Event::ALL.into_iter().all(|event| next(state, event).is_err()), "{state} is the end");
        }
    }

    #[test]
    fn the_pairs_are_those_of_the_table() {
        let pairs = legal_pairs();
        assert_eq!(pairs.len(), 16, "{pairs:?}");
        assert!(pairs.is_sorted() && pairs.contains(&(State::IdentityVerified, State::Attempted)));
        assert!(!pairs.contains(&(State::Attempted, State::Queued)));
        assert!(!pairs.contains(&(State::Unknown, State::Queued)));
    }
}
