//! Points in time as numbers. This crate never asks what time it is: the clock is a port.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How far the clocks of two machines may be apart that share a ledger: each is refused when it differs from the server's by more than half
/// of it. What one machine wrote is over for others only when it is over by every clock.
pub const CLOCKS_APART: Duration = Duration::from_secs(4);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This much later; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// This much earlier; saturates.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(ms))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// Reads the date of an HTTP header, `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let read = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim());
        read.ok().map(|t| Self(t.as_millisecond()))
    }

    /// RFC 3339 in UTC to the second, `2026-11-20T09:30:00Z`: as forms and people write it.
    pub fn to_the_second(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map_or_else(|_| self.to_string(), |t| format!("{t:.0}"))
    }
}

/// How long since some moment of this process: a clock that nobody sets, and that stands still while the machine sleeps. It is compared only with
/// others of the same process, and is never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(pub Duration);

impl Steady {
    /// This much later; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Now, by both clocks: what is over by one of them is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the machine's clock, which may be set.
    pub at: Timestamp,
    /// By the one that may not.
    pub steady: Steady,
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-11-20T09:30:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn writes_and_reads_rfc_3339() {
        let t = Timestamp(1_795_167_000_123);
        assert_eq!(t.to_string(), "2026-11-20T09:30:00.123Z");
        assert_eq!(t.to_the_second(), "2026-11-20T09:30:00Z");
        assert_eq!(Timestamp::parse("2026-11-20T10:30:00.123+01:00"), Some(t));
    }
}
