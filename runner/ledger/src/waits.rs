//! What an action waits for: other actions, a time to look again, the end of a press, a person who lets it go on.

use deed_core::hold::HoldReason;
use deed_core::ids::{AccountId, ActionId};
use deed_core::ports::ledger::{Fence, KillScope, LedgerFault};
use deed_core::state::State;
use deed_core::time::Timestamp;

use crate::SqlLedger;
use crate::acts::{Act, Operator};
use crate::audit::{Subject, tell_act, tell_action};
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::rows::{self, ActionDetails};
use crate::{LedgerError, kill};

/// $1 since when, $2 and $3 the switch's columns.
pub(crate) const PRESSING: &str = "SELECT max(press_until) AS latest FROM actions
WHERE press_until > $1
  AND ($2 = 'global' OR ($2 = 'client' AND client_id = $3) OR ($2 = 'account' AND account_id = $3))";

/// When the next look is due.
pub(crate) const NEXT_LOOK: &str =
    "SELECT min(verify_at) AS first FROM actions WHERE verify_at IS NOT NULL AND state = 'unknown'";

/// $1 the reason of the hold.
pub(crate) const HELD_BY: &str = "SELECT DISTINCT account_id FROM actions WHERE hold_reason = $1";

/// The actions that are not confirmed yet, of those that this one waits for.
pub(crate) async fn waited_for(conn: &mut Conn, id: &ActionId) -> Result<Vec<ActionId>, LedgerFault> {
    let rows = sqlx::query(
        "SELECT d.depends_on FROM action_dependencies d JOIN actions o ON o.action_id = d.depends_on
         WHERE d.action_id = $1 AND o.state NOT IN ('confirmed_success', 'postcheck_complete') ORDER BY d.depends_on",
    )
    .bind(id.as_str())
    .fetch_all(conn)
    .await
    .during("read what an action waits for")?;
    rows.iter().map(|row| row.text("depends_on").map(ActionId::new)).collect()
}

/// Keeps what a new action waits for, and counts what of it is not confirmed yet.
pub(crate) async fn depend(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    id: &ActionId,
    on: &[ActionId],
) -> Result<(), LedgerFault> {
    let what = "keep what an action waits for";
    for other in on {
        sqlx::query("INSERT INTO action_dependencies (action_id, depends_on) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.as_str())
            .bind(other.as_str())
            .execute(&mut *conn)
            .await
            .during(what)?;
    }
    if !on.is_empty() {
        count(conn, "action_id = $1", id).await?;
        for other in on {
            let state = rows::action(&mut *conn, other).await?.action.state;
            if matches!(state, State::ConfirmedFailed | State::Cancelled) {
                never(ledger, &mut *conn, now, id, other, state).await?;
            }
        }
    }
    Ok(())
}

async fn count(conn: &mut Conn, which: &'static str, id: &ActionId) -> Result<(), LedgerFault> {
    let sql = format!(
        "UPDATE actions SET waits_for = (
             SELECT count(*) FROM action_dependencies d JOIN actions o ON o.action_id = d.depends_on
             WHERE d.action_id = actions.action_id AND o.state NOT IN ('confirmed_success', 'postcheck_complete'))
         WHERE {which}"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.as_str())
        .execute(conn)
        .await
        .during("count what an action waits for")?;
    Ok(())
}

/// After a change of state: whoever waited for it may go on, or never will.
pub(crate) async fn after_change(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    id: &ActionId,
    state: State,
) -> Result<(), LedgerFault> {
    match state {
        State::ConfirmedSuccess | State::PostcheckComplete => {
            count(conn, "action_id IN (SELECT action_id FROM action_dependencies WHERE depends_on = $1)", id).await
        }
        State::ConfirmedFailed | State::Cancelled => {
            let rows =
                sqlx::query("SELECT action_id FROM action_dependencies WHERE depends_on = $1 ORDER BY action_id")
                    .bind(id.as_str())
                    .fetch_all(&mut *conn)
                    .await
                    .during("list what waits for an action")?;
            for row in &rows {
                let waiting = ActionId::new(row.text("action_id")?);
                never(ledger, &mut *conn, now, &waiting, id, state).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What waits for an action that will not come to be is a person's.
async fn never(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    waiting: &ActionId,
    on: &ActionId,
    state: State,
) -> Result<(), LedgerFault> {
    let done = sqlx::query(
        "UPDATE actions SET hold_reason = $1, hold_detail = $2, hold_until = NULL, updated_at = $3
         WHERE action_id = $4 AND state = 'queued'",
    )
    .bind(HoldReason::Dependency.as_str())
    .bind(format!("it waits for action {on}, which is {state}"))
    .bind(now.0)
    .bind(waiting.as_str())
    .execute(&mut *conn)
    .await
    .during("hold what waits for an action that failed")?;
    if done.rows_affected() == 1 {
        let details = rows::action(&mut *conn, waiting).await?;
        tell_action(ledger, conn, now, &details, State::Queued.as_str(), &[], None).await?;
    }
    Ok(())
}

/// When any worker is to look again.
pub(crate) async fn verify_at(ledger: &SqlLedger, fence: &Fence, at: Option<Timestamp>) -> Result<(), LedgerFault> {
    let what = "keep when to look again";
    let mut tx = ledger.write(what).await?;
    let done = sqlx::query(
        "UPDATE actions SET verify_at = $1, updated_at = $5 WHERE action_id = $2 AND worker = $3 AND epoch = $4
           AND state IN ('unknown', 'confirmed_success')",
    )
    .bind(at.map(|t| t.0))
    .bind(fence.action.as_str())
    .bind(fence.worker.as_str())
    .bind(fence.epoch)
    .bind(ledger.now().0)
    .execute(on(&mut tx))
    .await
    .during(what)?;
    if done.rows_affected() != 1 {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    commit(tx, what).await
}

/// Lets the held actions of an account that wait for one of these reasons go on by themselves.
pub(crate) async fn let_go(conn: &mut Conn, account: &AccountId, reasons: &[HoldReason]) -> Result<u64, LedgerFault> {
    let mut released = 0;
    for reason in reasons {
        let done = sqlx::query(
            "UPDATE actions SET hold_reason = NULL, hold_detail = NULL, hold_until = NULL
             WHERE hold_reason = $1 AND account_id = $2 AND state = 'queued' AND worker IS NULL",
        )
        .bind(reason.as_str())
        .bind(account.as_str())
        .execute(&mut *conn)
        .await
        .during("let held actions go on")?;
        released += done.rows_affected();
    }
    Ok(released)
}

/// Lets what a kill switch held go on, on every account that no switch stands in the way of any more.
pub(crate) async fn after_kill_off(conn: &mut Conn) -> Result<(), LedgerFault> {
    let rows = sqlx::query(HELD_BY)
        .bind(HoldReason::KillSwitch.as_str())
        .fetch_all(&mut *conn)
        .await
        .during("list what a kill switch held")?;
    for row in &rows {
        let account = rows::account(&mut *conn, &AccountId::new(row.text("account_id")?)).await?;
        if kill::in_the_way(&mut *conn, &account).await?.is_none() {
            let_go(&mut *conn, &account.id, &[HoldReason::KillSwitch]).await?;
        }
    }
    Ok(())
}

impl SqlLedger {
    /// Which actions this one waits for and that are not confirmed yet.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn waits_for(&self, id: &ActionId) -> Result<Vec<ActionId>, LedgerFault> {
        let mut conn = self.read("read what an action waits for").await?;
        waited_for(&mut conn, id).await
    }

    /// Until when a press within the switch's reach may still leave that was armed before the switch was thrown; `None`: none can.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn pressing(&self, scope: &KillScope) -> Result<Option<Timestamp>, LedgerFault> {
        let what = "read which presses are under way";
        let mut conn = self.read(what).await?;
        let (name, id) = kill::stored(scope);
        let row = sqlx::query(PRESSING)
            // A permit ends by the clock of the runner that has it.
            .bind(self.now().0.saturating_sub(i64::try_from(crate::claims::CLOCKS_APART.as_millis()).unwrap_or(0)))
            .bind(name)
            .bind(id)
            .fetch_one(&mut *conn)
            .await
            .during(what)?;
        row.time_maybe("latest")
    }

    /// When the next thing is to be looked at again; `None`: nothing is.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn next_verification(&self) -> Result<Option<Timestamp>, LedgerFault> {
        let what = "read when to look again";
        let mut conn = self.read(what).await?;
        let row = sqlx::query(NEXT_LOOK).fetch_one(&mut *conn).await.during(what)?;
        row.time_maybe("first")
    }

    /// A person lets a held action go on: workers take it up again by themselves.
    ///
    /// # Errors
    /// [`LedgerError::NotForAPerson`] when it is not queued or somebody has it; [`LedgerFault::NotFound`]; [`LedgerError::Missing`].
    pub async fn release_action(&self, id: &ActionId, operator: Operator<'_>) -> Result<ActionDetails, LedgerError> {
        let what = "let a held action go on";
        operator.check()?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let before = rows::action(on(&mut tx), id).await?;
        if before.action.state != State::Queued || before.worker.is_some() {
            let state = before.action.state;
            return Err(LedgerError::NotForAPerson { action: id.clone(), state, worker: before.worker });
        }
        sqlx::query(
            "UPDATE actions SET hold_reason = NULL, hold_detail = NULL, hold_until = NULL, updated_at = $1
             WHERE action_id = $2 AND state = 'queued' AND worker IS NULL",
        )
        .bind(now.0)
        .bind(id.as_str())
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let action = rows::action(on(&mut tx), id).await?;
        let said = serde_json::json!({ "act": "released", "action": id, "held": before.hold.map(|h| h.reason) });
        let act = Act::new(operator.by, Some(operator.reason), &said);
        let subject = Subject { action: Some(&action), ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "released", &act).await?;
        commit(tx, what).await?;
        Ok(action)
    }
}
