//! Tries of an action that ended by a fault before anything was attempted: when, by what, and when the next one is due.
//!
//! Only added to. The database refuses a try of what was attempted.

use deed_core::hold::Hold;
use deed_core::ids::ActionId;
use deed_core::ports::ledger::{LedgerFault, Try};
use deed_core::time::Timestamp;

use crate::SqlLedger;
use crate::engine::{Conn, During as _};
use crate::records::{Columns as _, unreadable};

impl SqlLedger {
    /// The tries of an action that ended by a fault, in order.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn tries_of(&self, action: &ActionId) -> Result<Vec<Try>, LedgerFault> {
        let what = "list the tries of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT * FROM action_tries WHERE action_id = $1 ORDER BY try_number")
            .bind(action.as_str())
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        rows.iter()
            .map(|row| {
                let number = row.number("try_number")?;
                Ok(Try {
                    number: u32::try_from(number).map_err(|_| unreadable("try_number", &number.to_string()))?,
                    at: row.time("tried_at")?,
                    fault: row.text("fault")?,
                    detail: row.text("detail")?,
                    next: row.time_maybe("next_at")?,
                })
            })
            .collect()
    }
}

pub(crate) async fn count(conn: &mut Conn, action: &ActionId) -> Result<u32, LedgerFault> {
    let row = sqlx::query("SELECT count(*) AS tries FROM action_tries WHERE action_id = $1")
        .bind(action.as_str())
        .fetch_one(conn)
        .await
        .during("count the tries of an action")?;
    Ok(u32::try_from(row.number("tries")?).unwrap_or(u32::MAX))
}

/// One more, with the hold that it left.
pub(crate) async fn keep(
    conn: &mut Conn,
    action: &ActionId,
    fault: &str,
    hold: Option<&Hold>,
    now: Timestamp,
) -> Result<(), LedgerFault> {
    let number = i64::from(count(&mut *conn, action).await?) + 1;
    sqlx::query(
        "INSERT INTO action_tries (action_id, try_number, tried_at, fault, detail, next_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(action.as_str())
    .bind(number)
    .bind(now.0)
    .bind(fault)
    .bind(hold.map_or("", |h| h.detail.as_str()))
    .bind(hold.and_then(|h| h.until).map(|t| t.0))
    .execute(conn)
    .await
    .during("keep a try of an action")?;
    Ok(())
}
