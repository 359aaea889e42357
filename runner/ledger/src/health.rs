//! How an account is: its session, the last look at who is signed in, what was attempted, what waits, what is warned of.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::hold::HoldReason;
use deed_core::ids::{AccountId, ClientId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::session::SessionExpiry;
use deed_core::time::Timestamp;
use deed_core::warning::{Severity, WarningKind};
use serde::Serialize;

use crate::SqlLedger;
use crate::engine::{Conn, During as _, Row};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::warnings::{self, Occurrence, in_words};

/// So long ahead the end of a session is warned of.
pub const WARNED_AHEAD: Duration = Duration::from_secs(72 * 3600);
/// What was attempted within this time is counted.
const BUDGET_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// The shorter window of a budget.
const HOUR: Duration = Duration::from_secs(3600);

/// A stored session, without anything of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredSession {
    /// Since when it is the one that is stored.
    #[serde(serialize_with = "in_words")]
    pub stored_at: Timestamp,
    /// When it ends; `None`: it was stored before this was asked.
    pub ends: Option<SessionExpiry>,
}

/// A look at who was signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityLook {
    /// When.
    #[serde(serialize_with = "in_words")]
    pub at: Timestamp,
    /// Whether it was proved to be the account.
    pub proven: bool,
}

/// What was attempted of one action type, whatever became of it: what budgets are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Used {
    /// Within the hour that ends now.
    pub hour: u32,
    /// Within the day that ends now.
    pub day: u32,
}

/// How an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountHealth {
    /// Its session, when it has one.
    pub session: Option<StoredSession>,
    /// The last look, when there was one.
    pub identity: Option<IdentityLook>,
    /// Actions that were attempted in the last 24 hours.
    pub attempted_24h: u32,
    /// The same by action type; those of which nothing was attempted are left out.
    pub used: BTreeMap<String, Used>,
    /// Actions that are held, by reason.
    pub holds: BTreeMap<HoldReason, u32>,
    /// Open warnings, of the account itself, by severity.
    pub warnings: BTreeMap<Severity, u32>,
}

/// $1 the account.
const ONE: &str = "SELECT p.identity_at, p.identity_ok, s.updated_at AS stored_at, s.expiry, s.expires_at
FROM platform_accounts p LEFT JOIN sessions s ON s.account_id = p.account_id WHERE p.account_id = $1";
/// $1 the account, $2 the beginning of the day, $3 of the hour.
const USED: &str = "SELECT action_type, count(*) AS in_day, count(CASE WHEN attempted_at > $3 THEN 1 END) AS in_hour
FROM actions WHERE account_id = $1 AND attempted_at > $2 GROUP BY action_type";

impl SqlLedger {
    /// How an account is.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], [`LedgerFault::Database`].
    pub async fn account_health(&self, id: &AccountId) -> Result<AccountHealth, LedgerFault> {
        let what = "read how an account is";
        let mut conn = self.read(what).await?;
        let (day, hour) = (self.now().minus(BUDGET_WITHIN), self.now().minus(HOUR));
        let row = sqlx::query(ONE).bind(id.as_str()).fetch_optional(&mut *conn).await.during(what)?;
        let row = row.ok_or_else(|| LedgerFault::NotFound { what: "account", id: id.to_string() })?;
        let session = match row.time_maybe("stored_at")? {
            Some(stored_at) => Some(StoredSession { stored_at, ends: ends(&row)? }),
            None => None,
        };
        let identity = match (row.time_maybe("identity_at")?, row.number_maybe("identity_ok")?) {
            (Some(at), Some(ok)) => Some(IdentityLook { at, proven: ok != 0 }),
            _ => None,
        };
        let holds = sqlx::query(
            "SELECT hold_reason AS key, count(*) AS n FROM actions
             WHERE account_id = $1 AND state = 'queued' AND hold_reason IS NOT NULL GROUP BY hold_reason",
        );
        let open = sqlx::query(
            "SELECT severity AS key, count(*) AS n FROM warnings
             WHERE account_id = $1 AND closed_at IS NULL GROUP BY severity",
        );
        let used = sqlx::query(USED).bind(id.as_str()).bind(day.0).bind(hour.0);
        let used = used.fetch_all(&mut *conn).await.during(what)?;
        let used: BTreeMap<String, Used> = used
            .iter()
            .map(|row| {
                let used = Used { hour: small(row.number("in_hour")?), day: small(row.number("in_day")?) };
                Ok((row.text("action_type")?, used))
            })
            .collect::<Result<_, LedgerFault>>()?;
        let holds = holds.bind(id.as_str()).fetch_all(&mut *conn).await.during(what)?;
        let open = open.bind(id.as_str()).fetch_all(&mut *conn).await.during(what)?;
        Ok(AccountHealth {
            session,
            identity,
            attempted_24h: used.values().fold(0, |sum, used| sum.saturating_add(used.day)),
            used,
            holds: counted(&holds, HoldReason::parse)?,
            warnings: counted(&open, Severity::parse)?,
        })
    }

    /// Warns of each session that ends within [`WARNED_AHEAD`], once for each end.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn warn_of_sessions(&self) -> Result<(), LedgerFault> {
        let what = "warn of sessions that end";
        let mut tx = self.write(what).await?;
        let now = self.now();
        warn_of_ends(self, on(&mut tx), now, None).await?;
        commit(tx, what).await
    }
}

/// Warns of the sessions that end soon; of one account, or of all.
pub(crate) async fn warn_of_ends(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    of: Option<&AccountId>,
) -> Result<(), LedgerFault> {
    let rows = sqlx::query(
        "SELECT s.account_id, s.expires_at, p.client_id FROM sessions s JOIN platform_accounts p ON p.account_id = s.account_id
         WHERE s.expires_at <= $1 AND ($2 IS NULL OR s.account_id = $2) ORDER BY s.account_id",
    )
    .bind(now.plus(WARNED_AHEAD).0)
    .bind(of.map(AccountId::as_str))
    .fetch_all(&mut *conn)
    .await
    .during("look for sessions that end")?;
    for row in rows {
        let account = AccountId::new(row.text("account_id")?);
        let client = ClientId::new(row.text("client_id")?);
        let detail = format!("the stored session ends at {}: import it again", row.time("expires_at")?);
        let kind = WarningKind::SessionExpiring;
        if !warnings::is_told(&mut *conn, kind, &account, &detail).await? {
            let what =
                Occurrence { kind, client: Some(&client), account: Some(&account), action: None, detail: &detail };
            warnings::record(ledger, &mut *conn, now, what).await?;
        }
    }
    Ok(())
}

fn ends(row: &Row) -> Result<Option<SessionExpiry>, LedgerFault> {
    let Some(kind) = row.text_maybe("expiry")? else { return Ok(None) };
    match (kind.as_str(), row.time_maybe("expires_at")?) {
        ("dated", Some(at)) => Ok(Some(SessionExpiry::Dated(at))),
        ("undated", _) => Ok(Some(SessionExpiry::Undated)),
        ("none", _) => Ok(Some(SessionExpiry::None)),
        _ => Err(unreadable("expiry", &kind)),
    }
}

fn counted<K: Ord>(rows: &[Row], parse: impl Fn(&str) -> Option<K>) -> Result<BTreeMap<K, u32>, LedgerFault> {
    rows.iter().map(|row| Ok((row.parsed("key", &parse)?, small(row.number("n")?)))).collect()
}

fn small(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
