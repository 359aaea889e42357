//! Workers: which processes work on this ledger, and the beat that keeps what they have.
//!
//! Whether a worker lives is told by its leases (and on its own machine by a file lock); the table is for people. A beat moves the
//! leases of all that a worker has, in one change; a lease that is over is not moved, and the worker learns that it lost it.

use std::time::Duration;

use deed_core::ids::{ActionId, WorkerId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use serde::Serialize;

use crate::SqlLedger;
use crate::engine::{During as _, Engine, Row};
use crate::open::{commit, on};
use crate::records::Columns as _;

/// How much more than its half of what clocks may be apart the server's answer may have taken, before the comparison says nothing.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A process that works on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerRow {
    /// Which.
    pub worker: WorkerId,
    /// The machine, by its host name.
    pub machine: String,
    /// Its process id there.
    pub process: i64,
    /// How many actions it works on at once, at most.
    pub concurrency: i64,
    /// Since when.
    pub started_at: Timestamp,
    /// When it last said that it is there.
    pub seen_at: Timestamp,
    /// When it ended its work in order; none: it works, or it died.
    pub left_at: Option<Timestamp>,
    /// What it has now.
    pub actions: Vec<ActionId>,
}

/// $1 the new end, $2 the worker, $3 now. A lease that is over stays over.
pub(crate) const BEAT: &str =
    "UPDATE actions SET lease_until = $1 WHERE worker = $2 AND lease_until > $3 AND lease_until < $1";

/// $1 the worker, $2 now.
pub(crate) const HELD: &str = "SELECT action_id FROM actions WHERE worker = $1 AND lease_until > $2 ORDER BY action_id";

impl SqlLedger {
    /// Registers a worker.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn enter_worker(
        &self,
        worker: &WorkerId,
        machine: &str,
        process: u32,
        concurrency: u32,
    ) -> Result<(), LedgerFault> {
        let what = "register a worker";
        let mut tx = self.write(what).await?;
        sqlx::query(
            "INSERT INTO workers (worker, machine, process, concurrency, started_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)",
        )
        .bind(worker.as_str())
        .bind(machine)
        .bind(i64::from(process))
        .bind(i64::from(concurrency))
        .bind(self.now().0)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        commit(tx, what).await
    }

    /// Says that a worker is there, and moves the leases of all that it has. Answers what it has still; what it had and is not among it,
    /// it has lost.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn beat(&self, worker: &WorkerId, lease: Duration) -> Result<Vec<ActionId>, LedgerFault> {
        let what = "renew the leases of a worker";
        let mut tx = self.write(what).await?;
        let now = self.now();
        sqlx::query(BEAT)
            .bind(now.plus(lease).0)
            .bind(worker.as_str())
            .bind(now.0)
            .execute(on(&mut tx))
            .await
            .during(what)?;
        sqlx::query("UPDATE workers SET seen_at = $1 WHERE worker = $2")
            .bind(now.0)
            .bind(worker.as_str())
            .execute(on(&mut tx))
            .await
            .during(what)?;
        let rows = sqlx::query(HELD).bind(worker.as_str()).bind(now.0).fetch_all(on(&mut tx)).await.during(what)?;
        let held = rows.iter().map(|row| row.text("action_id").map(ActionId::new)).collect::<Result<_, _>>()?;
        commit(tx, what).await?;
        Ok(held)
    }

    /// Says that a worker has ended its work in order.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn leave_worker(&self, worker: &WorkerId) -> Result<(), LedgerFault> {
        let what = "let a worker go";
        let mut tx = self.write(what).await?;
        sqlx::query("UPDATE workers SET left_at = $1, seen_at = $1 WHERE worker = $2")
            .bind(self.now().0)
            .bind(worker.as_str())
            .execute(on(&mut tx))
            .await
            .during(what)?;
        commit(tx, what).await
    }

    /// The workers that were seen since a time, the last seen first, with what they have.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_workers(&self, since: Timestamp) -> Result<Vec<WorkerRow>, LedgerFault> {
        let what = "list the workers";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT * FROM workers WHERE seen_at >= $1 ORDER BY seen_at DESC, worker")
            .bind(since.0)
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        let mut workers = Vec::new();
        for row in &rows {
            let mut worker = read_worker(row)?;
            let actions = sqlx::query("SELECT action_id FROM actions WHERE worker = $1 ORDER BY action_id")
                .bind(worker.worker.as_str())
                .fetch_all(&mut *conn)
                .await
                .during(what)?;
            worker.actions =
                actions.iter().map(|row| row.text("action_id").map(ActionId::new)).collect::<Result<_, _>>()?;
            workers.push(worker);
        }
        Ok(workers)
    }

    /// By how many milliseconds this machine's clock is ahead of the server's; `None` without a server, or when it took too long to
    /// answer to be of use. Runners that share a ledger compare leases with their own clocks, so these must agree.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn clock_ahead(&self) -> Result<Option<i64>, LedgerFault> {
        let what = "compare the clock with the server's";
        if self.engine() == Engine::Sqlite {
            return Ok(None);
        }
        let mut conn = self.read(what).await?;
        let before = self.now();
        let server: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(&mut *conn)
            .await
            .during(what)?;
        let after = self.now();
        if after.since(before) > ANSWER_WITHIN {
            return Ok(None);
        }
        // It was asked somewhere between the two.
        Ok(Some(if server < before.0 { before.0 - server } else { (after.0 - server).min(0) }))
    }
}

fn read_worker(row: &Row) -> Result<WorkerRow, LedgerFault> {
    Ok(WorkerRow {
        worker: WorkerId::new(row.text("worker")?),
        machine: row.text("machine")?,
        process: row.number("process")?,
        concurrency: row.number("concurrency")?,
        started_at: row.time("started_at")?,
        seen_at: row.time("seen_at")?,
        left_at: row.time_maybe("left_at")?,
        actions: Vec::new(),
    })
}
