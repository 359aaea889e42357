//! What the ledger knows that a policy asks for: plain data, and the question for it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use deed_recipes::policy::Policy;
use deed_recipes::{Marker, Recipe};
use serde::Serialize;

use super::{budget, quiet};
use crate::account::Account;
use crate::approval::{self, ApprovalNeed, ApprovalStanding};
use crate::order::Action;
use crate::ports::browser::SessionState;
use crate::ports::ledger::KillSwitch;
use crate::time::Timestamp;
pub use crate::warning::Severity;

/// What is asked of the ledger for one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asks {
    /// The moment of the preflight.
    pub now: Timestamp,
    /// The last 60 minutes.
    pub hour: Window,
    /// The last 24 hours.
    pub day: Window,
    /// The days of `fatigue`.
    pub fatigue: Option<Window>,
    /// Since when the client's costs count for the day.
    pub day_start: Timestamp,
    /// Since when they count for the month.
    pub month_start: Timestamp,
    /// The cookie by which the recipe tells whose session it is; its end is the session's.
    pub marker: Option<String>,
    /// Which approvals there must be.
    pub approval: ApprovalNeed,
}

/// A stretch of time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long.
    pub length: Duration,
    /// Most actions in it.
    pub max: Option<u64>,
}

impl Window {
    /// The moment after which an attempt is within it.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(i64::try_from(self.length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Asks {
    /// What this policy asks of the ledger for this action.
    pub fn of(policy: &Policy, recipe: &Recipe, action: &Action, account: &Account, now: Timestamp) -> Self {
        let action_type = action.payload.action_type.as_str();
        let limits = policy.limits(action_type);
        let (day_start, month_start) = quiet::day_and_month(&policy.zone, now).unwrap_or((Timestamp(0), Timestamp(0)));
        Self {
            now,
            approval: approval::need(action, account, &recipe.hash, policy),
            hour: Window { length: budget::HOUR, max: limits.per_hour.map(u64::from) },
            day: Window { length: budget::DAY, max: limits.per_day.map(u64::from) },
            fatigue: budget::fatigue_window(policy, action_type),
            day_start,
            month_start,
            marker: match &recipe.identity.marker {
                Some(Marker::Cookie(name)) => Some(name.clone()),
                _ => None,
            },
        }
    }
}

/// How much of a window is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Attempts in it.
    pub used: u64,
    /// Where the window is full: the attempt that must leave it before another one may be made, which is the newest but
    /// `max - 1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frees: Option<Timestamp>,
}

/// What the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PolicyFacts {
    /// The kill switch that stands in the way.
    pub kill: Option<KillSwitch>,
    /// Attempts of the account and action type in the last 60 minutes.
    pub hour: Usage,
    /// In the last 24 hours.
    pub day: Usage,
    /// In the days of `fatigue`.
    pub fatigue: Usage,
    /// The last attempt of the account and action type.
    pub last_attempt: Option<Timestamp>,
    /// Attempts of the client since the day began, by action type.
    pub client_day: BTreeMap<String, u64>,
    /// Attempts of the client since the month began, by action type.
    pub client_month: BTreeMap<String, u64>,
    /// The stored session.
    pub session: Option<SessionFacts>,
    /// Early warnings that nobody has closed.
    pub open_warnings: Vec<OpenWarning>,
    /// Who approved exactly this, and who rejected it.
    pub approvals: ApprovalStanding,
}

/// A stored session, without its secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SessionFacts {
    /// When its cookies are over, when they say so.
    pub expires: Option<Timestamp>,
}

impl SessionFacts {
    /// Reads when a storage state ends: with the cookie of this name, else with its last cookie. `None` when a cookie of those lasts as
    /// long as its browser, or none is there.
    pub fn of(session: &SessionState, marker: Option<&str>) -> Self {
        let json: serde_json::Value = serde_json::from_str(session.expose()).unwrap_or_default();
        let cookies = json["cookies"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = |cookie: &&serde_json::Value| marker.is_none_or(|name| cookie["name"] == name);
        let mut that_count: Vec<_> = cookies.iter().filter(named).collect();
        if that_count.is_empty() {
            that_count = cookies.iter().collect();
        }
        let ends = that_count.into_iter().map(|cookie| {
            let seconds = cookie["expires"].as_f64().filter(|seconds| *seconds > 0.0)?;
            Some(Timestamp((seconds * 1000.0) as i64))
        });
        Self { expires: ends.collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max()) }
    }
}

/// An early warning that nobody has closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenWarning {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for OpenWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, since {})", self.kind, self.severity.as_str(), self.since.to_the_second())
    }
}
