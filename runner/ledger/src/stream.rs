//! What became of actions, as it is told to whoever filed them: each change of state, in the order of the audit log.
//!
//! The place in the audit log is the cursor: it is durable, it never goes back and it leaves nothing out. Hashes and pointers only; no
//! words of an order and none of a page.

use deed_core::hold::{Failure, HoldReason};
use deed_core::ports::ledger::LedgerFault;
use deed_core::state::State;
use deed_core::time::Timestamp;
use deed_proofs::Sha256;
use serde::Serialize;

use crate::SqlLedger;
use crate::audit::read_row;
use crate::engine::{During as _, Row};
use crate::records::{Columns as _, unreadable};
use crate::rows::ActionDetails;
use crate::warnings::in_words;

/// One change of an action's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// Its place in the audit log; what comes after it is asked for with it.
    pub cursor: i64,
    /// `action.held` for an action that waits for something, else `action.` and the state.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The action.
    pub action_id: String,
    /// Whose.
    pub client_id: String,
    /// Where.
    pub platform: String,
    /// As whom.
    pub platform_account_id: String,
    /// What.
    pub action_type: String,
    /// The filer's key.
    pub idempotency_key: String,
    /// The hash of what was ordered.
    pub payload_hash: Sha256,
    /// The experiment.
    pub experiment_id: Option<String>,
    /// The variant.
    pub variant_id: Option<String>,
    /// The state that it brought.
    pub state: State,
    /// Why it waits.
    pub hold: Option<HoldReason>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Where the object is.
    pub permalink: Option<String>,
    /// The platform's id of it.
    pub platform_object_id: Option<String>,
    /// 0 queued, 1 attempted, 2 it exists, 3 it lasts.
    pub proof_level: u8,
    /// When.
    #[serde(serialize_with = "in_words")]
    pub at: Timestamp,
}

impl Signal {
    /// Of an action as it stands right after the change.
    pub(crate) fn of(cursor: i64, now: Timestamp, details: &ActionDetails) -> Self {
        let action = &details.action;
        let hold = details.hold.as_ref().map(|h| h.reason);
        Self {
            cursor,
            event_type: event_type(action.state, hold.is_some()),
            action_id: action.id.to_string(),
            client_id: action.client.to_string(),
            platform: action.platform.clone(),
            platform_account_id: action.account.to_string(),
            action_type: action.payload.action_type.clone(),
            idempotency_key: action.idempotency_key.clone(),
            payload_hash: action.payload.hash(),
            experiment_id: action.experiment_id.clone(),
            variant_id: action.variant_id.clone(),
            state: action.state,
            hold,
            failure: details.failure,
            permalink: details.object.permalink.clone(),
            platform_object_id: details.object.platform_object_id.clone(),
            proof_level: details.proof_level,
            at: now,
        }
    }

    /// Whether it says how the action stands for now: it ended, it waits for somebody, or it is not known.
    pub fn is_outcome(&self) -> bool {
        is_outcome(self.state, self.hold.is_some())
    }

    /// `None`: the line is no change of state.
    fn read(row: &Row) -> Result<Option<Self>, LedgerFault> {
        let line = read_row(row)?;
        let Some(state) = State::parse(&line.event.result.status) else { return Ok(None) };
        let code = line.event.result.error_code.as_deref();
        let hold = code.filter(|_| state == State::Queued).and_then(HoldReason::parse);
        let level = row.number("proof_level")?;
        let level = u8::try_from(level).map_err(|_| unreadable("proof_level", &level.to_string()))?;
        let at = &line.event.timestamp;
        Ok(Some(Self {
            cursor: line.seq,
            event_type: event_type(state, hold.is_some()),
            action_id: row.text("action")?,
            client_id: row.text("client_id")?,
            platform: row.text("platform")?,
            platform_account_id: row.text("account_id")?,
            action_type: row.text("action_type")?,
            idempotency_key: row.text("idempotency_key")?,
            payload_hash: row.parsed("payload_hash", |t| t.parse().ok())?,
            experiment_id: row.text_maybe("experiment_id")?,
            variant_id: row.text_maybe("variant_id")?,
            state,
            hold,
            failure: code.filter(|_| hold.is_none()).and_then(Failure::parse),
            permalink: line.event.result.permalink,
            platform_object_id: line.event.result.platform_object_id,
            proof_level: level_then(state, level),
            at: Timestamp::parse(at).ok_or_else(|| unreadable("event_json", at))?,
        }))
    }
}

/// All types, in the order of an action's life.
pub const EVENT_TYPES: [&str; 10] = [
    "action.queued",
    "action.held",
    "action.preflight_passed",
    "action.identity_verified",
    "action.attempted",
    "action.unknown",
    "action.confirmed_success",
    "action.confirmed_failed",
    "action.postcheck_complete",
    "action.cancelled",
];

/// The types of [`Signal::is_outcome`].
pub const OUTCOME_TYPES: [&str; 6] = [
    "action.held",
    "action.unknown",
    "action.confirmed_success",
    "action.confirmed_failed",
    "action.postcheck_complete",
    "action.cancelled",
];

fn event_type(state: State, held: bool) -> String {
    if state == State::Queued && held { "action.held".to_owned() } else { format!("action.{state}") }
}

const fn is_outcome(state: State, held: bool) -> bool {
    match state {
        State::Queued => held,
        State::PreflightPassed | State::IdentityVerified | State::Attempted => false,
        State::Unknown
        | State::ConfirmedSuccess
        | State::ConfirmedFailed
        | State::PostcheckComplete
        | State::Cancelled => true,
    }
}

/// The proof level at a state that was left since: levels only grow, and each belongs to a state.
const fn level_then(state: State, now: u8) -> u8 {
    let most = match state {
        State::Queued | State::PreflightPassed | State::IdentityVerified | State::Cancelled => 0,
        State::Attempted | State::Unknown | State::ConfirmedFailed => 1,
        State::ConfirmedSuccess => 2,
        State::PostcheckComplete => 3,
    };
    if now < most { now } else { most }
}

/// Some lines of the audit log, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signals {
    /// The changes of state among them, in order.
    pub signals: Vec<Signal>,
    /// Where to go on, when there may be more now.
    pub more_after: Option<i64>,
}

impl SqlLedger {
    /// The changes of state after a place in the audit log, of at most `limit` lines of it.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn signals_after(&self, cursor: i64, limit: u32) -> Result<Signals, LedgerFault> {
        let what = "read what became of the actions";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT e.*, o.done_by, o.reason, a.action_id AS action, a.client_id, a.platform, a.account_id, a.action_type,
                 a.idempotency_key, a.payload_hash, a.experiment_id, a.variant_id, a.proof_level
             FROM audit_events e JOIN actions a ON a.action_id = e.action_id LEFT JOIN operator_acts o ON o.seq = e.seq
             WHERE e.seq > $1 ORDER BY e.seq LIMIT $2",
        )
        .bind(cursor)
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        let full = u32::try_from(rows.len()).is_ok_and(|n| n == limit);
        let more_after = match rows.last().filter(|_| full) {
            Some(last) => Some(last.number("seq")?),
            None => None,
        };
        let mut signals = Vec::new();
        for row in &rows {
            signals.extend(Signal::read(row)?);
        }
        Ok(Signals { signals, more_after })
    }

    /// The place of the audit log's last line; 0 when there is none.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn last_cursor(&self) -> Result<i64, LedgerFault> {
        let what = "read the end of the audit log";
        let mut conn = self.read(what).await?;
        let row = sqlx::query("SELECT coalesce(max(seq), 0) AS last FROM audit_events")
            .fetch_one(&mut *conn)
            .await
            .during(what)?;
        row.number("last")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_those_of_the_states() {
        let mut all: Vec<_> = State::ALL.into_iter().map(|s| event_type(s, false)).collect();
        all.push(event_type(State::Queued, true));
        all.sort();
        let mut named = EVENT_TYPES;
        named.sort_unstable();
        assert_eq!(all, named);
        let mut outcomes: Vec<_> =
            State::ALL.into_iter().filter(|s| is_outcome(*s, true)).map(|s| event_type(s, true)).collect();
        outcomes.sort();
        let mut named = OUTCOME_TYPES;
        named.sort_unstable();
        assert_eq!(outcomes, named);
    }
}
