//! Claims: who works on an action, until when, under which fencing epoch.
//!
//! An account has one claim at most, dead or alive (the database holds that too): a dead one is taken over after its
//! browser was ended, never worked around. A lease that is over can not be renewed: whoever finds it over may rely on it that no arm
//! transaction of it can succeed any more.

use std::time::Duration;

use deed_core::ids::{AccountId, ActionId, WorkerId};
use deed_core::ports::ledger::{Claim, Fence, LedgerFault, StaleClaim};
use deed_core::state::State;
use deed_core::time::Timestamp;
use serde::Serialize;

use crate::SqlLedger;
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::waits::waited_for;
use crate::{health, rows, warnings};

/// Which action is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimTarget {
    /// This one, even when it has a hold: a person asked for it.
    Action(ActionId),
    /// Of those that are due, the one of the highest priority, then of the earliest due time, then filed first. Due: queued, its time come,
    /// without a hold or with one whose time is over, waiting for no other action, on an active account that nobody works on and that
    /// has nothing unsettled. What waits behind an action of its account and type that is over budget is not due: it would only be told
    /// the same.
    NextDue,
    /// The next that is due of this batch of this account, when nobody works on the account and nothing of it is unsettled.
    Batch(AccountId, String),
}

/// Why an action can not be claimed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "obstacle")]
pub enum Obstacle {
    /// It is not queued.
    #[error("the action is {state}")]
    NotQueued {
        /// Where it stands.
        state: State,
    },
    /// It waits for other actions to be confirmed.
    #[error("the action waits for {}", on.iter().map(|id| format!("action {id}")).collect::<Vec<_>>().join(", "))]
    Waits {
        /// Which are not confirmed yet.
        on: Vec<ActionId>,
    },
    /// Somebody works on the account, or died while working on it and was not recovered yet.
    #[error("worker {worker} has the account, for action {action}, until {until}")]
    AccountClaimed {
        /// On this action.
        action: ActionId,
        /// Who.
        worker: WorkerId,
        /// The end of the lease.
        until: Timestamp,
    },
}

pub use deed_core::time::CLOCKS_APART;

/// $1 now. From the accounts that are free to the first of each that is ready, so that a claim costs the same however
/// long the queue is. What stands behind an action of its type that is over budget is counted, not joined: PostgreSQL
/// would read all of an account for it. Accounts that are not free are listed, not looked for one by one: with
/// statistics of a deep queue SQLite would read all of each account for it.
pub(crate) const NEXT_DUE: &str = "WITH heads AS MATERIALIZED (
    SELECT (
        SELECT q.action_id FROM actions q WHERE q.account_id = p.account_id AND q.ready_at <= $1
          AND (SELECT count(*) FROM actions b WHERE b.account_id = q.account_id AND b.action_type = q.action_type
                 AND b.hold_reason = 'budget' AND b.hold_until > $1) = 0
        ORDER BY q.priority DESC, q.ready_at, q.created_at, q.action_id LIMIT 1) AS action_id
    FROM platform_accounts p
    WHERE p.state = 'active'
      AND p.account_id NOT IN (SELECT c.account_id FROM actions c WHERE c.worker IS NOT NULL)
      AND p.account_id NOT IN (SELECT u.account_id FROM actions u WHERE u.state IN ('attempted', 'unknown')))
SELECT a.action_id FROM heads h JOIN actions a ON a.action_id = h.action_id
ORDER BY a.priority DESC, a.ready_at, a.created_at, a.action_id LIMIT 1";

/// $1 now, $2 the account, $3 the batch; in the order of filing.
pub(crate) const NEXT_OF_BATCH: &str = "SELECT a.action_id FROM actions a
JOIN platform_accounts p ON p.account_id = a.account_id
WHERE a.account_id = $2 AND a.batch = $3 AND a.ready_at <= $1 AND p.state = 'active'
  AND NOT EXISTS (
      SELECT 1 FROM actions b WHERE b.account_id = a.account_id AND b.action_type = a.action_type
        AND b.hold_reason = 'budget' AND b.hold_until > $1)
  AND p.account_id NOT IN (SELECT c.account_id FROM actions c WHERE c.worker IS NOT NULL)
  AND p.account_id NOT IN (SELECT u.account_id FROM actions u WHERE u.state IN ('attempted', 'unknown'))
ORDER BY a.created_at, a.action_id LIMIT 1";

/// $1 now: what is not known yet, and after it what is not public yet, where it is to be looked at again, on an account that nobody works
/// on.
pub(crate) const NEXT_TO_VERIFY: &str = "SELECT a.action_id FROM actions a
WHERE a.verify_at <= $1 AND a.worker IS NULL AND a.state IN ('unknown', 'confirmed_success')
  AND NOT EXISTS (SELECT 1 FROM actions c WHERE c.account_id = a.account_id AND c.worker IS NOT NULL)
ORDER BY CASE a.state WHEN 'unknown' THEN 0 ELSE 1 END, a.verify_at, a.action_id LIMIT 1";

/// $1 now, $2 now and [`CLOCKS_APART`]: what a clock that was set back since has put off for as long as it ran ahead. Who put it off
/// wrote when they did so, and that is yet to come; what a right clock puts off later than that is not touched again.
pub(crate) const PUT_OFF_BY_A_CLOCK_AHEAD: &str = "UPDATE actions SET verify_at = $1
WHERE verify_at > $2 AND updated_at > $2 AND verify_at >= updated_at AND worker IS NULL
  AND state IN ('unknown', 'confirmed_success')";

/// $1 now.
pub(crate) const UNSETTLED: &str = "SELECT action_id FROM actions
WHERE state IN ('attempted', 'unknown') AND (worker IS NULL OR lease_until <= $1) ORDER BY attempted_at, action_id";

/// All claims.
pub(crate) const CLAIMED: &str =
    "SELECT action_id, worker, epoch, lease_until FROM actions WHERE worker IS NOT NULL ORDER BY worker, action_id";

/// $1 worker, $2 end of the lease, $3 a fresh episode, $4 action.
const CLAIM_QUEUED: &str = "UPDATE actions
SET worker = $1, lease_until = $2, episode_id = $3, epoch = epoch + 1
WHERE action_id = $4 AND state = 'queued' AND waits_for = 0
  AND NOT EXISTS (SELECT 1 FROM actions c WHERE c.account_id = actions.account_id AND c.worker IS NOT NULL)";

/// The episode goes on: its proof is continued, not begun again.
const CLAIM_UNSETTLED: &str = "UPDATE actions
SET worker = $1, lease_until = $2, episode_id = coalesce(episode_id, $3), epoch = epoch + 1
WHERE action_id = $4 AND state IN ('unknown', 'confirmed_success')
  AND NOT EXISTS (SELECT 1 FROM actions c WHERE c.account_id = actions.account_id AND c.worker IS NOT NULL)";

impl SqlLedger {
    /// Claims a queued action under a new epoch and a new episode. `None`: there is nothing to claim; for a named action
    /// [`SqlLedger::obstacle`] says why.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`] for a named action that is not there; [`LedgerFault::Database`].
    pub async fn claim(
        &self,
        target: &ClaimTarget,
        worker: &WorkerId,
        lease: Duration,
    ) -> Result<Option<Claim>, LedgerFault> {
        let what = "claim an action";
        let mut tx = self.write(what).await?;
        let now = self.now();
        let id = match target {
            ClaimTarget::Action(id) => Some(rows::action(on(&mut tx), id).await?.action.id),
            ClaimTarget::NextDue => {
                first(sqlx::query(NEXT_DUE).bind(now.0).fetch_optional(on(&mut tx)).await.during(what)?)?
            }
            ClaimTarget::Batch(account, batch) => {
                let query = sqlx::query(NEXT_OF_BATCH).bind(now.0).bind(account.as_str()).bind(batch);
                first(query.fetch_optional(on(&mut tx)).await.during(what)?)?
            }
        };
        let Some(id) = id else { return Ok(None) };
        let claimed = self.take(on(&mut tx), CLAIM_QUEUED, &id, worker, now.plus(lease)).await?;
        commit(tx, what).await?;
        Ok(claimed)
    }

    /// Claims an action that is `unknown`, or there but perhaps not public, to verify it; nothing can be armed with
    /// such a claim. `None`: it is neither, or there is a claim on its account (a dead one is for recovery: the old
    /// browser must be ended first).
    ///
    /// # Errors
    /// As [`SqlLedger::claim`].
    pub async fn claim_unsettled(
        &self,
        id: &ActionId,
        worker: &WorkerId,
        lease: Duration,
    ) -> Result<Option<Claim>, LedgerFault> {
        let what = "claim an action to verify it";
        let mut tx = self.write(what).await?;
        rows::action(on(&mut tx), id).await?;
        let until = self.now().plus(lease);
        let claimed = self.take(on(&mut tx), CLAIM_UNSETTLED, id, worker, until).await?;
        commit(tx, what).await?;
        Ok(claimed)
    }

    /// Claims what is to be looked at again by now, the longest due first; nothing can be armed with such a claim.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn claim_verification(&self, worker: &WorkerId, lease: Duration) -> Result<Option<Claim>, LedgerFault> {
        let what = "claim an action to verify it";
        let mut tx = self.write(what).await?;
        let now = self.now();
        let mend = sqlx::query(PUT_OFF_BY_A_CLOCK_AHEAD).bind(now.0).bind(now.plus(CLOCKS_APART).0);
        mend.execute(on(&mut tx)).await.during(what)?;
        let due = sqlx::query(NEXT_TO_VERIFY).bind(now.0).fetch_optional(on(&mut tx)).await.during(what)?;
        // Where an account is busy, what was set right for it is set right again the next time.
        let Some(id) = first(due)? else { return Ok(None) };
        let claimed = self.take(on(&mut tx), CLAIM_UNSETTLED, &id, worker, now.plus(lease)).await?;
        commit(tx, what).await?;
        Ok(claimed)
    }

    async fn take(
        &self,
        conn: &mut Conn,
        sql: &'static str,
        id: &ActionId,
        worker: &WorkerId,
        until: Timestamp,
    ) -> Result<Option<Claim>, LedgerFault> {
        let done = sqlx::query(sql)
            .bind(worker.as_str())
            .bind(until.0)
            .bind(self.mint())
            .bind(id.as_str())
            .execute(&mut *conn)
            .await
            .during("claim an action")?;
        if done.rows_affected() != 1 {
            return Ok(None);
        }
        let claim = read_claim(&mut *conn, id).await?;
        health::warn_of_ends(self, conn, self.now(), Some(&claim.account.id)).await?;
        Ok(Some(claim))
    }

    /// Why an action can not be claimed now; `None` when it can.
    ///
    /// # Errors
    /// As [`SqlLedger::claim`].
    pub async fn obstacle(&self, id: &ActionId) -> Result<Option<Obstacle>, LedgerFault> {
        let what = "read who works on the account";
        let mut conn = self.read(what).await?;
        let details = rows::action(&mut conn, id).await?;
        if details.action.state != State::Queued {
            return Ok(Some(Obstacle::NotQueued { state: details.action.state }));
        }
        if details.waits_for > 0 {
            return Ok(Some(Obstacle::Waits { on: waited_for(&mut conn, id).await? }));
        }
        let row = sqlx::query(
            "SELECT action_id, worker, lease_until FROM actions WHERE account_id = $1 AND worker IS NOT NULL",
        )
        .bind(details.action.account.as_str())
        .fetch_optional(&mut *conn)
        .await
        .during(what)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Obstacle::AccountClaimed {
            action: ActionId::new(row.text("action_id")?),
            worker: WorkerId::new(row.text("worker")?),
            until: row.time("lease_until")?,
        }))
    }

    /// Actions that may have happened and that nobody works on: without a claim, or with one whose lease is over.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn unsettled(&self) -> Result<Vec<ActionId>, LedgerFault> {
        let what = "list the unsettled actions";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(UNSETTLED).bind(self.now().0).fetch_all(&mut *conn).await.during(what)?;
        rows.iter().map(|row| row.text("action_id").map(ActionId::new)).collect()
    }
}

fn first(row: Option<crate::engine::Row>) -> Result<Option<ActionId>, LedgerFault> {
    row.map(|row| row.text("action_id").map(ActionId::new)).transpose()
}

async fn read_claim(conn: &mut Conn, id: &ActionId) -> Result<Claim, LedgerFault> {
    let details = rows::action(&mut *conn, id).await?;
    let account = rows::account(conn, &details.action.account).await?;
    let (Some(worker), Some(episode)) = (details.worker, details.action.episode.clone()) else {
        return Err(LedgerFault::FenceLost(id.clone()));
    };
    let fence = Fence { action: id.clone(), account: account.id.clone(), episode, worker, epoch: details.epoch };
    Ok(Claim { action: details.action, account, fence, failure: details.failure })
}

pub(crate) async fn renew(ledger: &SqlLedger, fence: &Fence, lease: Duration) -> Result<(), LedgerFault> {
    let what = "renew the lease";
    let mut tx = ledger.write(what).await?;
    let now = ledger.now();
    let done = sqlx::query(
        "UPDATE actions SET lease_until = $1
         WHERE action_id = $2 AND account_id = $3 AND episode_id = $4 AND worker = $5 AND epoch = $6 AND lease_until > $7",
    )
    .bind(now.plus(lease).0)
    .bind(fence.action.as_str())
    .bind(fence.account.as_str())
    .bind(fence.episode.as_str())
    .bind(fence.worker.as_str())
    .bind(fence.epoch)
    .bind(now.0)
    .execute(on(&mut tx))
    .await
    .during(what)?;
    if done.rows_affected() != 1 {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    commit(tx, what).await
}

pub(crate) async fn release(ledger: &SqlLedger, fence: &Fence) -> Result<(), LedgerFault> {
    let what = "release the claim";
    let mut tx = ledger.write(what).await?;
    let done = sqlx::query(
        "UPDATE actions SET worker = NULL, lease_until = NULL
         WHERE action_id = $1 AND account_id = $2 AND episode_id = $3 AND worker = $4 AND epoch = $5",
    )
    .bind(fence.action.as_str())
    .bind(fence.account.as_str())
    .bind(fence.episode.as_str())
    .bind(fence.worker.as_str())
    .bind(fence.epoch)
    .execute(on(&mut tx))
    .await
    .during(what)?;
    if done.rows_affected() != 1 {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    let released = rows::action(on(&mut tx), &fence.action).await?;
    let now = ledger.now();
    warnings::of_release(ledger, on(&mut tx), now, &released).await?;
    commit(tx, what).await
}

pub(crate) async fn stale(ledger: &SqlLedger, dead: &[WorkerId]) -> Result<Vec<StaleClaim>, LedgerFault> {
    let what = "list the stale claims";
    let mut conn = ledger.read(what).await?;
    let now = ledger.now();
    let rows = sqlx::query(CLAIMED).fetch_all(&mut *conn).await.during(what)?;
    let mut stale = Vec::new();
    for row in &rows {
        let worker = WorkerId::new(row.text("worker")?);
        let lease_over = row.time("lease_until")?.plus(CLOCKS_APART) <= now;
        if lease_over || dead.contains(&worker) {
            let (action, epoch) = (ActionId::new(row.text("action_id")?), row.number("epoch")?);
            stale.push(StaleClaim { action, worker, epoch, lease_over });
        }
    }
    Ok(stale)
}

pub(crate) async fn take_over(
    ledger: &SqlLedger,
    stale: &StaleClaim,
    worker: &WorkerId,
    lease: Duration,
) -> Result<Option<Claim>, LedgerFault> {
    let what = "take a stale claim over";
    let mut tx = ledger.write(what).await?;
    let until = ledger.now().plus(lease);
    let done = sqlx::query(
        "UPDATE actions SET worker = $1, lease_until = $2, epoch = epoch + 1
         WHERE action_id = $3 AND worker = $4 AND epoch = $5",
    )
    .bind(worker.as_str())
    .bind(until.0)
    .bind(stale.action.as_str())
    .bind(stale.worker.as_str())
    .bind(stale.epoch)
    .execute(on(&mut tx))
    .await
    .during(what)?;
    if done.rows_affected() != 1 {
        return Ok(None);
    }
    let claim = read_claim(on(&mut tx), &stale.action).await?;
    commit(tx, what).await?;
    Ok(Some(claim))
}
