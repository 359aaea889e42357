//! What is there, but waits for the platform's review: when it is looked at again, and when a person is told.
//!
//! Pure. Looks grow rarer, because a review takes minutes or days and each look is a visit to the platform. Nothing of this sends
//! anything: a look is a verification read in a read-only session, and what was confirmed never goes back.

use std::time::Duration;

use deed_recipes::Verify;

use crate::ports::ledger::{Found, VerificationRead};
use crate::time::Timestamp;

/// The longest pause between two looks.
pub const PAUSE_MAX: Duration = Duration::from_secs(6 * 3600);
/// [`crate::ports::ledger::ObjectFacts::visibility`] of what everybody sees.
pub const PUBLIC: &str = "public";
/// The same, of what waits for the platform's review.
pub const PENDING: &str = "pending_review";
/// The same, of what waited for the platform's review and is not there any more: refused, most likely.
pub const GONE: &str = "gone";

/// How often it was looked at again since it was first seen waiting for review; `None`: it never was.
pub fn looks(reads: &[VerificationRead]) -> Option<u32> {
    let first = reads.iter().position(|read| read.found == Found::Pending)?;
    Some(u32::try_from(reads.len() - first - 1).unwrap_or(u32::MAX))
}

/// When it is looked at again after so many looks; `None`: a person is told, and no worker looks by itself any more.
pub fn next_look(verify: &Verify, looks: u32, now: Timestamp) -> Option<Timestamp> {
    let pause = Duration::from_secs(verify.review_s).saturating_mul(2_u32.saturating_pow(looks));
    (looks < verify.reviews_max).then(|| now.plus(pause.min(PAUSE_MAX)))
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn verify() -> Verify {
        let recipe = deed_recipes::load_builtin("practice").expect("it is built in");
        recipe.flows["publish.post"].verify.clone()
    }

    #[test]
    fn looks_grow_rarer_for_two_days_and_then_a_person_is_told() {
        let verify = verify();
        let minutes = |looks| next_look(&verify, looks, Timestamp(0)).map(|at| at.0 / 60_000);
        assert_eq!([0, 1, 2, 8, 9, 15].map(minutes), [Some(1), Some(2), Some(4), Some(256), Some(360), Some(360)]);
        let whole: i64 = (0..verify.reviews_max).filter_map(minutes).sum();
        assert!((48 * 60..60 * 60).contains(&whole), "{whole} minutes");
        assert_eq!(minutes(verify.reviews_max), None);
        assert_eq!(minutes(u32::MAX), None);
    }

    #[test]
    fn only_what_was_seen_waiting_is_looked_at_again() {
        let read = |found| VerificationRead { read: 1, at: Timestamp(0), found, note: String::new() };
        let of = |found: &[Found]| looks(&found.iter().copied().map(read).collect::<Vec<_>>());
        assert_eq!(of(&[Found::Absent, Found::Present]), None);
        assert_eq!(of(&[Found::Absent, Found::Pending]), Some(0));
        assert_eq!(of(&[Found::Pending, Found::Pending, Found::Unreadable]), Some(2));
    }
}
