//! Exit codes, from one exhaustive match.
//!
//! Owns the number that a script sees. Decides nothing about an action: it translates the state that the ledger holds.

use deed_core::episode::Ending;
use deed_core::state::State;

/// How a command ended.
///
/// In the order of what a person has to know first: where several actions ran, the greatest one is the command's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// Done.
    Done,
    /// Usage or bad input; nothing was stored.
    BadInput,
    /// Held: nothing was done, the action waits.
    Held,
    /// Confirmed: the action's object does not exist because of it.
    Failed,
    /// It may have happened; verification goes on with the next run.
    Unknown,
    /// Proof or audit does not verify.
    Integrity,
    /// The machine or Deed itself: browser missing, disk full, ledger unreadable, a defect.
    Internal,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::BadInput, Self::Held, Self::Failed, Self::Unknown, Self::Integrity, Self::Internal];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::BadInput => 2,
            Self::Held => 3,
            Self::Failed => 4,
            Self::Unknown => 5,
            Self::Integrity => 6,
            Self::Internal => 70,
        }
    }

    /// What a state of an action means to a script.
    pub const fn of_state(state: State) -> Self {
        match state {
            State::ConfirmedSuccess | State::PostcheckComplete => Self::Done,
            State::ConfirmedFailed => Self::Failed,
            State::Attempted | State::Unknown => Self::Unknown,
            // Cancelled by a person before anything was attempted: nothing was done, as with a hold.
            State::Queued | State::PreflightPassed | State::IdentityVerified | State::Cancelled => Self::Held,
        }
    }

    /// What the end of an episode means to a script. Proof that could not be sealed does not change what happened.
    pub const fn of_ending(ending: &Ending) -> Self {
        Self::of_state(ending.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_manual() {
        let numbers: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(numbers, [0, 2, 3, 4, 5, 6, 70]);
    }

    #[test]
    fn no_state_that_may_have_happened_says_that_nothing_was_done() {
        for state in State::ALL {
            let exit = Exit::of_state(state);
            assert_eq!(state.may_have_happened(), matches!(exit, Exit::Done | Exit::Unknown), "{state}");
            assert!(!matches!(exit, Exit::BadInput | Exit::Integrity | Exit::Internal), "{state}");
        }
    }

    #[test]
    fn the_worst_of_several_is_the_greatest() {
        assert_eq!([Exit::Held, Exit::Unknown, Exit::Failed, Exit::Done].into_iter().max(), Some(Exit::Unknown));
    }
}
