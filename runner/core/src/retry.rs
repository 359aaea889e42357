//! Trying again by itself: only before anything was attempted, only what may be gone by itself, only a few times.
//!
//! An episode that ended here before *arm* has sent nothing, so another one may begin. What may have happened never comes here:
//! the state is asked first, whatever the fault was.

use std::time::Duration;

use crate::ports::browser::BrowserFault;
use crate::state::State;
use crate::time::Timestamp;

/// The bound of the first pause; it doubles with each try.
const BASE: Duration = Duration::from_secs(5);
/// No pause is longer.
const CAP: Duration = Duration::from_secs(15 * 60);
/// So many episodes of an action may end by such a fault; then a person has to look.
pub const TRIES_MAX: u32 = 5;

/// What the browser calls a server that is not there at the moment. A certificate that is wrong, or a page that may not be opened,
/// will not be right in a minute.
const NOT_THERE: [&str; 11] = [
    "ERR_CONNECTION_",
    "ERR_TIMED_OUT",
    "ERR_EMPTY_RESPONSE",
    "ERR_ADDRESS_UNREACHABLE",
    "ERR_NAME_NOT_RESOLVED",
    "ERR_INTERNET_DISCONNECTED",
    "ERR_NETWORK_CHANGED",
    "ERR_NETWORK_IO_SUSPENDED",
    "ERR_SOCKS_CONNECTION_FAILED",
    "ERR_PROXY_CONNECTION_FAILED",
    "ERR_HTTP2_PING_FAILED",
];

/// A fault that may be gone by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transient {
    /// The browser's process ended, or its tab crashed.
    BrowserGone,
    /// The page or the browser took too long.
    TimedOut,
    /// The server was not there.
    NotReached,
    /// The platform's clock and ours are apart: somebody, or the time service, may be setting it right.
    ClockApart,
    /// The server answered a page that was only read with this status, 500 to 599.
    ServerError(u16),
}

impl Transient {
    /// Which of them a fault of the browser is, if it is one.
    pub fn of(fault: &BrowserFault) -> Option<Self> {
        match fault {
            BrowserFault::Gone(_) | BrowserFault::TabCrashed => Some(Self::BrowserGone),
            BrowserFault::Timeout { .. } => Some(Self::TimedOut),
            BrowserFault::ClockApart { .. } => Some(Self::ClockApart),
            BrowserFault::Navigation { reason, .. } => {
                NOT_THERE.iter().any(|name| reason.contains(name)).then_some(Self::NotReached)
            }
            BrowserFault::Launch(_)
            | BrowserFault::ForeignOrigin { .. }
            | BrowserFault::InputRefused(_)
            | BrowserFault::Protocol { .. } => None,
        }
    }

    /// Whether a page's status is one.
    pub fn of_status(status: Option<u16>) -> Option<Self> {
        status.filter(|status| (500..600).contains(status)).map(Self::ServerError)
    }

    /// The name in the database and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BrowserGone => "browser_gone",
            Self::TimedOut => "timed_out",
            Self::NotReached => "not_reached",
            Self::ClockApart => "clock_apart",
            Self::ServerError(_) => "server_error",
        }
    }
}

/// When an action may be tried again by itself after its `failed`-th episode ended by a fault, that one counted; `None`: a person has
/// to look. The pause is anything from nothing to its bound (full jitter), drawn by the roll.
pub fn due(state: State, fault: Option<Transient>, failed: u32, roll: u64, now: Timestamp) -> Option<Timestamp> {
    if !matches!(state, State::Queued | State::PreflightPassed | State::IdentityVerified) {
        return None;
    }
    fault?;
    if failed >= TRIES_MAX {
        return None;
    }
    let doubled = BASE.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
    let bound = u64::try_from(doubled.min(CAP).as_millis()).unwrap_or(u64::MAX);
    Some(now.plus(Duration::from_millis(roll % bound.saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice;
    use crate::ids::EpisodeId;

    const NOW: Timestamp = Timestamp(1_795_167_000_000);
    const FAULTS: [Transient; 5] = [
        Transient::BrowserGone,
        Transient::TimedOut,
        Transient::NotReached,
        Transient::ClockApart,
        Transient::ServerError(503),
    ];

    #[test]
    fn what_may_have_happened_is_never_tried_again() {
        for state in State::ALL {
            let before_arm = matches!(state, State::Queued | State::PreflightPassed | State::IdentityVerified);
            for fault in FAULTS {
                assert_eq!(due(state, Some(fault), 1, 7, NOW).is_some(), before_arm, "{state} {fault:?}");
            }
        }
    }

    #[test]
    fn only_what_may_be_gone_by_itself_is_tried_again() {
        let navigation =
            |reason: &str| BrowserFault::Navigation { url: "https://x.test".to_owned(), reason: reason.to_owned() };
        for (fault, expected) in [
            (BrowserFault::Gone("killed".to_owned()), Some(Transient::BrowserGone)),
            (BrowserFault::TabCrashed, Some(Transient::BrowserGone)),
            (BrowserFault::Timeout { what: "the page".to_owned(), ms: 1 }, Some(Transient::TimedOut)),
            (BrowserFault::ClockApart { url: String::new(), ahead_ms: -61_000 }, Some(Transient::ClockApart)),
            (navigation("net::ERR_CONNECTION_REFUSED"), Some(Transient::NotReached)),
            (navigation("net::ERR_SOCKS_CONNECTION_FAILED"), Some(Transient::NotReached)),
            (navigation("net::ERR_CERT_AUTHORITY_INVALID"), None),
            (navigation("`target` has no value"), None),
            (BrowserFault::Launch("no Chromium".to_owned()), None),
            (BrowserFault::ForeignOrigin { url: "https://evil.test".to_owned() }, None),
            (BrowserFault::InputRefused("covered".to_owned()), None),
            (BrowserFault::Protocol { what: "the session".to_owned(), why: "no".to_owned() }, None),
        ] {
            assert_eq!(Transient::of(&fault), expected, "{fault}");
            assert_eq!(due(State::Queued, Transient::of(&fault), 1, 7, NOW).is_some(), expected.is_some(), "{fault}");
        }
        for (status, transient) in [(200, false), (404, false), (429, false), (499, false), (500, true), (599, true)] {
            assert_eq!(Transient::of_status(Some(status)).is_some(), transient, "{status}");
        }
        assert_eq!(Transient::of_status(None), None);
    }

    #[test]
    fn after_the_last_try_a_person_has_to_look() {
        for fault in FAULTS {
            let tried: Vec<_> = (1..9).map(|n| due(State::Queued, Some(fault), n, 7, NOW).is_some()).collect();
            assert_eq!(tried, [true, true, true, true, false, false, false, false], "{fault:?}");
        }
        assert_eq!(due(State::Queued, Some(Transient::TimedOut), u32::MAX, u64::MAX, NOW), None);
    }

    #[test]
    fn the_pause_doubles_its_bound_and_is_spread_over_all_of_it() {
        for (failed, bound_ms) in [(1, 5_000), (2, 10_000), (3, 20_000), (4, 40_000)] {
            let pauses: Vec<i64> = (0..500)
                .filter_map(|n| {
                    let roll = dice::roll(&EpisodeId::new(format!("e-{n}")), "retry");
                    due(State::Queued, Some(Transient::BrowserGone), failed, roll, NOW).map(|until| until.0 - NOW.0)
                })
                .collect();
            assert!(pauses.len() == 500 && pauses.iter().all(|ms| (0..=bound_ms).contains(ms)), "{failed}");
            let (least, most) = (pauses.iter().min().copied(), pauses.iter().max().copied());
            assert!(least < Some(bound_ms / 20) && most > Some(bound_ms * 19 / 20), "{failed}: {least:?} to {most:?}");
        }
    }
}
