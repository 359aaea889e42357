//! How much an account may do, and how fast: budgets, spacing, and the pace that a platform's rate limits leave it.
//!
//! All of it is arithmetic on whole numbers, so that preflight, the arm transaction and both database engines come to the same
//! answer at every edge. What was attempted is counted, whatever became of it. The rules:
//!
//! - A window is the hour (day) that ends now; an attempt exactly one hour (day) old is no longer in it.
//! - The last attempt of the account, of whatever action type, is at least the spacing ago. The spacing is stretched by the pace
//!   and by a jitter of up to half of it, which was drawn when that last attempt was armed and is kept with the account: however long
//!   a pause was, what waited behind it still comes one spacing after another.
//! - A rate limit doubles the pace's factor, up to 16; each confirmed success takes a tenth of the factor off, down to 1. The
//!   factor multiplies the spacing and divides the budgets, of which one always stays.

use std::time::Duration;

use deed_recipes::policy::Policy;
use serde::Serialize;

use crate::time::Timestamp;

/// One hour.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// One day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The slowest pace, in thousandths.
const SLOWEST_MILLI: u32 = 16_000;
/// The greatest jitter, in thousandths of the spacing.
const JITTER_MILLI_MAX: u64 = 500;

/// How much of an action type an account may do. What is not said is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limits {
    /// Attempts within any hour.
    pub per_hour: Option<u32>,
    /// Attempts within any day.
    pub per_day: Option<u32>,
    /// Shortest time since the account's last attempt, of whatever action type.
    pub spacing: Duration,
}

impl Limits {
    /// What the policy allows of an action type; the recipe's budgets are joined in it already.
    pub fn of(policy: &Policy, action_type: &str) -> Self {
        let limits = policy.limits(action_type);
        let (per_hour, per_day) = (limits.per_hour, limits.per_day);
        Self { per_hour, per_day, spacing: limits.spacing.unwrap_or_default() }
    }
}

/// How an account stands with its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pace {
    /// 1000 is the full pace, 2000 the half, 16000 the slowest.
    pub factor_milli: u32,
    /// Drawn at the last attempt: how much longer than its spacing the next one waits, in thousandths.
    pub jitter_milli: u32,
    /// Until when the platform asked to wait.
    pub not_before: Option<Timestamp>,
    /// When it was slowed down last.
    pub slowed_at: Option<Timestamp>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { factor_milli: 1_000, jitter_milli: 0, not_before: None, slowed_at: None }
    }
}

/// A jitter out of a roll of the dice.
pub fn jitter_milli(roll: u64) -> u32 {
    u32::try_from(roll % (JITTER_MILLI_MAX + 1)).unwrap_or(0)
}

impl Pace {
    /// After a rate limit: half as fast, and nothing before the platform's own word.
    #[must_use]
    pub fn slowed(self, now: Timestamp, until: Option<Timestamp>) -> Self {
        Self {
            factor_milli: self.factor_milli.saturating_mul(2).min(SLOWEST_MILLI),
            not_before: self.not_before.max(until),
            slowed_at: Some(now),
            ..self
        }
    }

    /// After a confirmed success: a tenth faster, and never faster than the full pace.
    #[must_use]
    pub fn recovered(self) -> Self {
        let tenth_off = u64::from(self.factor_milli) * 9 / 10;
        Self { factor_milli: u32::try_from(tenth_off).unwrap_or(SLOWEST_MILLI).max(1_000), ..self }
    }

    /// What the limits come to now.
    pub fn bounds(&self, limits: &Limits, now: Timestamp) -> Bounds {
        let factor = u64::from(self.factor_milli.max(1_000));
        let most = |count: Option<u32>| {
            count.map(|count| u32::try_from(u64::from(count) * 1_000 / factor).unwrap_or(count).max(1))
        };
        let spacing = u64::try_from(limits.spacing.as_millis()).unwrap_or(u64::MAX);
        let stretched = spacing.saturating_mul(factor) / 1_000;
        let gap = stretched.saturating_mul(1_000 + u64::from(self.jitter_milli)) / 1_000;
        Bounds {
            now,
            hour: Window { most: most(limits.per_hour), length: HOUR },
            day: Window { most: most(limits.per_day), length: DAY },
            gap: Duration::from_millis(gap),
            not_before: self.not_before.filter(|until| *until > now),
        }
    }
}

/// At most so many in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many; `None`: as many as one likes.
    pub most: Option<u32>,
    /// How long.
    pub length: Duration,
}

/// Limits at a moment, for one account at its pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The moment.
    pub now: Timestamp,
    /// Of the same action type within an hour.
    pub hour: Window,
    /// Of the same action type within a day.
    pub day: Window,
    /// Since the account's last attempt.
    pub gap: Duration,
    /// The platform's own word, when it lies ahead.
    pub not_before: Option<Timestamp>,
}

/// What the account did, as far as the bounds ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// The attempt of this type that is [`Bounds::hour`]'s `most`-th newest.
    pub hour: Option<Timestamp>,
    /// The attempt of this type that is [`Bounds::day`]'s `most`-th newest.
    pub day: Option<Timestamp>,
    /// The newest attempt of any type.
    pub last: Option<Timestamp>,
}

/// Why and until when nothing may be attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// From this moment on it may be tried.
    pub until: Timestamp,
    /// Which bound is reached, in words.
    pub words: String,
}

impl Window {
    /// What is later than this counts.
    pub fn after(&self, now: Timestamp) -> Timestamp {
        now.minus(self.length)
    }
}

impl Bounds {
    /// An attempt that is later than this is too near.
    pub fn gap_after(&self) -> Timestamp {
        self.now.minus(self.gap)
    }

    /// What stands in the way of another attempt of `action_type`; `None`: nothing.
    pub fn wait(&self, history: &History, action_type: &str) -> Option<Wait> {
        let full = |window: &Window, attempt: Option<Timestamp>, name: &str| {
            let (most, attempt) = (window.most?, attempt?);
            let words = format!("{most} {action_type} within {name} are attempted, and no more are allowed");
            (attempt > window.after(self.now)).then(|| (attempt.plus(window.length), words))
        };
        let near = history.last.filter(|last| *last > self.gap_after()).map(|last| {
            let words =
                format!("the account's last attempt was at {last}, the next one waits {} s", self.gap.as_secs());
            (last.plus(self.gap), words)
        });
        let asked = self.not_before.map(|until| (until, "the platform asked the account to wait".to_owned()));
        let reached: Vec<_> =
            [full(&self.hour, history.hour, "an hour"), full(&self.day, history.day, "a day"), near, asked]
                .into_iter()
                .flatten()
                .collect();
        let until = reached.iter().map(|(until, _)| *until).max()?;
        Some(Wait { until, words: reached.into_iter().map(|(_, words)| words).collect::<Vec<_>>().join("; ") })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#[path = "pace_tests.rs"]
mod tests;
