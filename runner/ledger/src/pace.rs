//! The pace of an account, and what it has attempted: what budgets are counted from.
//!
//! The arithmetic is `deed_core::pace`; this file reads what it asks for and keeps what it answers. An account without a row has
//! the full pace.

use deed_core::ids::AccountId;
use deed_core::pace::{Bounds, History, Pace, Wait, Window};
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;

use crate::SqlLedger;
use crate::audit::tell_account;
use crate::engine::{Conn, During as _};
use crate::records::{Columns as _, unreadable};
use crate::rows::ActionDetails;

impl SqlLedger {
    /// The pace that rate limits have left the account.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn pace(&self, account: &AccountId) -> Result<Pace, LedgerFault> {
        let mut conn = self.read("read the account's pace").await?;
        read(&mut conn, account).await
    }
}

pub(crate) async fn read(conn: &mut Conn, account: &AccountId) -> Result<Pace, LedgerFault> {
    let row = sqlx::query("SELECT * FROM account_pace WHERE account_id = $1")
        .bind(account.as_str())
        .fetch_optional(conn)
        .await
        .during("read the account's pace")?;
    let Some(row) = row else { return Ok(Pace::default()) };
    let small = |column| {
        let number = row.number(column)?;
        u32::try_from(number).map_err(|_| unreadable(column, &number.to_string()))
    };
    Ok(Pace {
        factor_milli: small("factor_milli")?,
        jitter_milli: small("jitter_milli")?,
        not_before: row.time_maybe("not_before")?,
        slowed_at: row.time_maybe("slowed_at")?,
    })
}

async fn keep(conn: &mut Conn, account: &AccountId, pace: &Pace, now: Timestamp) -> Result<(), LedgerFault> {
    sqlx::query(
        "INSERT INTO account_pace (account_id, factor_milli, jitter_milli, not_before, slowed_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account_id) DO UPDATE SET factor_milli = excluded.factor_milli, jitter_milli = excluded.jitter_milli,
             not_before = excluded.not_before, slowed_at = excluded.slowed_at, updated_at = excluded.updated_at",
    )
    .bind(account.as_str())
    .bind(i64::from(pace.factor_milli))
    .bind(i64::from(pace.jitter_milli))
    .bind(pace.not_before.map(|t| t.0))
    .bind(pace.slowed_at.map(|t| t.0))
    .bind(now.0)
    .execute(conn)
    .await
    .during("keep the account's pace")?;
    Ok(())
}

/// Keeps the jitter of the attempt that comes after this one.
pub(crate) async fn draw(
    conn: &mut Conn,
    account: &AccountId,
    jitter_milli: u32,
    now: Timestamp,
) -> Result<(), LedgerFault> {
    let pace = Pace { jitter_milli, ..read(conn, account).await? };
    keep(conn, account, &pace, now).await
}

/// A rate limit: half the pace from now on, and nothing before the platform's word. Told in the audit log.
pub(crate) async fn slow(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    details: &ActionDetails,
    until: Option<Timestamp>,
) -> Result<(), LedgerFault> {
    let account = &details.action.account;
    let pace = read(conn, account).await?.slowed(now, until);
    keep(conn, account, &pace, now).await?;
    tell_account(ledger, conn, now, details, "account_slowed").await
}

/// A confirmed success: a little faster again, where it was slowed down.
pub(crate) async fn recover(conn: &mut Conn, now: Timestamp, account: &AccountId) -> Result<(), LedgerFault> {
    let pace = read(conn, account).await?;
    let recovered = pace.recovered();
    if recovered == pace { Ok(()) } else { keep(conn, account, &recovered, now).await }
}

/// How many attempts fill a window, as a number that a count is compared with.
pub(crate) fn most(window: &Window) -> i64 {
    window.most.map_or(i64::MAX, i64::from)
}

/// What the bounds make another attempt wait for.
pub(crate) async fn wait(
    conn: &mut Conn,
    account: &AccountId,
    action_type: &str,
    bounds: &Bounds,
) -> Result<Option<Wait>, LedgerFault> {
    let history = History {
        hour: filling(conn, account, action_type, &bounds.hour).await?,
        day: filling(conn, account, action_type, &bounds.day).await?,
        last: newest(conn, account, None, 0).await?,
    };
    Ok(bounds.wait(&history, action_type))
}

/// The attempt whose leaving makes room in a full window.
async fn filling(
    conn: &mut Conn,
    account: &AccountId,
    action_type: &str,
    window: &Window,
) -> Result<Option<Timestamp>, LedgerFault> {
    match window.most {
        Some(most) => newest(conn, account, Some(action_type), i64::from(most) - 1).await,
        None => Ok(None),
    }
}

/// The newest attempt but `older`, of one action type or of all.
async fn newest(
    conn: &mut Conn,
    account: &AccountId,
    action_type: Option<&str>,
    older: i64,
) -> Result<Option<Timestamp>, LedgerFault> {
    let row = sqlx::query(
        "SELECT attempted_at FROM actions
         WHERE account_id = $1 AND attempted_at IS NOT NULL AND ($2 IS NULL OR action_type = $2)
         ORDER BY attempted_at DESC LIMIT 1 OFFSET $3",
    )
    .bind(account.as_str())
    .bind(action_type)
    .bind(older)
    .fetch_optional(conn)
    .await
    .during("read what the account attempted")?;
    row.map(|row| row.time("attempted_at")).transpose()
}
