//! Delivering what is due: at least once, in order per action, with pauses that grow.
//!
//! Several deliverers may run at once, in one process or in several: the outbox hands a message to one of them at a time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deed_core::ports::ledger::LedgerFault;
use deed_ledger::{Message, Sent, SqlLedger};
use hyper::StatusCode;
use rand::Rng as _;

use super::address::Address;
use super::send::{SEND_WITHIN, Sender};
use crate::world::now;

/// How long a message is one deliverer's. It must be left for a whole [`SEND_WITHIN`] when the sending begins.
const LEASE: Duration = Duration::from_secs(30);
/// How many are sent at once.
const LANES: usize = 4;
/// The pause after the first attempt; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(6 * 3600);
/// After so many attempts, within about a day, a message is given up.
const ATTEMPTS_MAX: u32 = 16;

/// What came of what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were taken.
    pub taken: u32,
    /// Messages that were not, and will be sent again.
    pub again: u32,
    /// Messages that were given up, and those of an endpoint that is gone.
    pub given_up: u32,
    /// What went wrong, in words.
    pub problems: Vec<String>,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.taken += other.taken;
        self.again += other.again;
        self.given_up += other.given_up;
        self.problems.extend(other.problems);
        self
    }

    /// How many were sent.
    pub const fn sent(&self) -> u32 {
        self.taken + self.again + self.given_up
    }
}

/// Sends what is due, at most `max` messages; ends when nothing is due any more. A message that fails is due again after its pause,
/// not within this call.
///
/// # Errors
/// The ledger's. What was sent and could not be kept is sent again.
pub async fn deliver_due(ledger: &SqlLedger, sender: &Sender, max: u32) -> Result<Tally, LedgerFault> {
    let left = AtomicU32::new(max);
    let lanes = futures_util::future::join_all((0..LANES).map(|_| lane(ledger, sender, &left))).await;
    lanes.into_iter().try_fold(Tally::default(), |all, lane| Ok(all.and(lane?)))
}

async fn lane(ledger: &SqlLedger, sender: &Sender, left: &AtomicU32) -> Result<Tally, LedgerFault> {
    let mut tally = Tally::default();
    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
        let Some(message) = ledger.next_message(LEASE).await? else { break };
        let (sent, answer) = send(sender, &message).await;
        if !ledger.settle_message(&message, sent, &answer).await? {
            // It took longer than the lease, or the endpoint was removed meanwhile: somebody else's word counts.
            continue;
        }
        match sent {
            Sent::Taken => tally.taken += 1,
            Sent::Again(_) => tally.again += 1,
            Sent::GivenUp | Sent::Gone => tally.given_up += 1,
        }
        if sent != Sent::Taken {
            tally.problems.push(format!("{} to webhook {}: {answer}", message.id, message.endpoint));
        }
    }
    Ok(tally)
}

async fn send(sender: &Sender, message: &Message) -> (Sent, String) {
    let again = || pause(message.attempts, rand::rng().random_range(0.0..1.0)).map_or(Sent::GivenUp, Sent::Again);
    if now().plus(SEND_WITHIN) > message.until {
        // The process stood still since it took the message: sending now could overtake whoever takes it next.
        return (Sent::Again(Duration::ZERO), "too late to be sent under this lease".to_owned());
    }
    let address = match Address::parse(&message.url, message.allow_local) {
        Ok(address) => address,
        Err(error) => return (again(), error.to_string()),
    };
    match sender.post(&address, &message.secret, &message.id, now(), &message.body).await {
        Ok(status) if status.is_success() => (Sent::Taken, status.as_u16().to_string()),
        Ok(StatusCode::GONE) => (Sent::Gone, "410: it is gone".to_owned()),
        Ok(status) if status.is_redirection() => (again(), format!("{}: redirects are not followed", status.as_u16())),
        Ok(status) => (again(), status.as_u16().to_string()),
        Err(why) => (again(), why),
    }
}

/// How long to wait after one more attempt, `attempts` having been made before; `None`: it is given up. `chance` is from 0 to 1, so that
/// messages that failed together do not all come back together.
fn pause(attempts: u32, chance: f64) -> Option<Duration> {
    if attempts.saturating_add(1) >= ATTEMPTS_MAX {
        return None;
    }
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts)).min(PAUSE_MAX);
    Some(doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_end_after_about_a_day() {
        let longest: Vec<_> = (0..20).map_while(|n| pause(n, 1.0)).collect();
        assert_eq!(longest.len() as u32, ATTEMPTS_MAX - 1);
        assert_eq!(longest.iter().take(4).map(Duration::as_secs).collect::<Vec<_>>(), [5, 10, 20, 40]);
        assert!(longest.iter().all(|p| *p <= PAUSE_MAX) && longest.last() == Some(&PAUSE_MAX));
        let total: Duration = longest.iter().sum();
        assert!((Duration::from_secs(20 * 3600)..Duration::from_secs(28 * 3600)).contains(&total), "{total:?}");
        assert_eq!(pause(0, 0.0), Some(FIRST_PAUSE / 2));
        assert_eq!(pause(u32::MAX - 1, 0.5), None);
    }

    #[test]
    fn a_lease_is_longer_than_a_sending() {
        assert!(LEASE >= SEND_WITHIN * 2);
    }
}
