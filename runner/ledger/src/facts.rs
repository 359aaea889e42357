//! What the ledger knows that a policy asks for. Nothing here decides: the engine's `policy` does.
//!
//! Usage is what was attempted: an attempt counts whatever became of it, because the platform saw it.

use std::collections::BTreeMap;

use deed_core::account::Account;
use deed_core::order::Action;
use deed_core::policy::{Asks, OpenWarning, PolicyFacts, SessionFacts, Usage, Window};
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;

use crate::SqlLedger;
use crate::engine::{Conn, During as _};
use crate::records::Columns as _;
use crate::{accounts, approvals, kill, warnings};

const WHAT: &str = "read what the policy asks for";

pub(crate) async fn policy_facts(
    ledger: &SqlLedger,
    action: &Action,
    account: &Account,
    asks: &Asks,
) -> Result<PolicyFacts, LedgerFault> {
    let mut conn = ledger.read(WHAT).await?;
    let of = Of { account, kind: &action.payload.action_type, now: asks.now };
    let facts = PolicyFacts {
        kill: kill::in_the_way(&mut conn, account).await?,
        hour: of.usage(&mut conn, &asks.hour).await?,
        day: of.usage(&mut conn, &asks.day).await?,
        fatigue: match &asks.fatigue {
            Some(window) => of.usage(&mut conn, window).await?,
            None => Usage::default(),
        },
        last_attempt: of.last_attempt(&mut conn).await?,
        client_day: client_usage(&mut conn, account, asks.day_start).await?,
        client_month: client_usage(&mut conn, account, asks.month_start).await?,
        session: None,
        open_warnings: open_warnings(&mut conn, account).await?,
        approvals: approvals::standing(&mut conn, &action.id, &asks.approval).await?,
    };
    // A ledger in memory has one connection, and the session is read on one of its own.
    drop(conn);
    let session = accounts::session(ledger, &account.id).await?;
    let session = session.map(|session| SessionFacts::of(&session, asks.marker.as_deref()));
    Ok(PolicyFacts { session, ..facts })
}

/// Whose attempts, and of what.
struct Of<'a> {
    account: &'a Account,
    kind: &'a str,
    now: Timestamp,
}

impl Of<'_> {
    async fn usage(&self, conn: &mut Conn, window: &Window) -> Result<Usage, LedgerFault> {
        let since = window.since(self.now).0;
        let row = sqlx::query(
            "SELECT count(*) AS used FROM actions WHERE account_id = $1 AND action_type = $2 AND attempted_at > $3",
        )
        .bind(self.account.id.as_str())
        .bind(self.kind)
        .bind(since)
        .fetch_one(&mut *conn)
        .await
        .during(WHAT)?;
        let used = u64::try_from(row.number("used")?).unwrap_or(0);
        let Some(before_it) = window.max.filter(|max| used >= *max).and_then(|max| max.checked_sub(1)) else {
            return Ok(Usage { used, frees: None });
        };
        let row = sqlx::query(
            "SELECT attempted_at FROM actions WHERE account_id = $1 AND action_type = $2 AND attempted_at > $3
             ORDER BY attempted_at DESC LIMIT 1 OFFSET $4",
        )
        .bind(self.account.id.as_str())
        .bind(self.kind)
        .bind(since)
        .bind(i64::try_from(before_it).unwrap_or(i64::MAX))
        .fetch_optional(&mut *conn)
        .await
        .during(WHAT)?;
        let frees = row.map(|row| row.time("attempted_at")).transpose()?;
        Ok(Usage { used, frees })
    }

    async fn last_attempt(&self, conn: &mut Conn) -> Result<Option<Timestamp>, LedgerFault> {
        let row =
            sqlx::query("SELECT max(attempted_at) AS last FROM actions WHERE account_id = $1 AND action_type = $2")
                .bind(self.account.id.as_str())
                .bind(self.kind)
                .fetch_one(conn)
                .await
                .during(WHAT)?;
        row.time_maybe("last")
    }
}

/// Attempts of the account's client since then, by action type.
async fn client_usage(
    conn: &mut Conn,
    account: &Account,
    since: Timestamp,
) -> Result<BTreeMap<String, u64>, LedgerFault> {
    let rows = sqlx::query(
        "SELECT action_type, count(*) AS used FROM actions WHERE client_id = $1 AND attempted_at >= $2 GROUP BY action_type",
    )
    .bind(account.client.as_str())
    .bind(since.0)
    .fetch_all(conn)
    .await
    .during(WHAT)?;
    rows.iter().map(|row| Ok((row.text("action_type")?, u64::try_from(row.number("used")?).unwrap_or(0)))).collect()
}

/// Early warnings of the account, its client and everybody that nobody has closed.
async fn open_warnings(conn: &mut Conn, account: &Account) -> Result<Vec<OpenWarning>, LedgerFault> {
    let open = warnings::open_of(conn, account).await?;
    Ok(open
        .into_iter()
        .map(|w| OpenWarning { severity: w.severity, kind: w.kind.as_str().to_owned(), since: w.first_at })
        .collect())
}
