//! Warnings: written in the transaction of what they warn of, counted, and closed by a person with a reason.
//!
//! How bad a count is, is judged in [`deed_core::warning`]. An open warning takes up what happens again; a closed one never changes, but
//! what it counted still counts for its day: closing is no way to begin to count anew.

use deed_core::account::Account;
use deed_core::ids::{AccountId, ActionId, ClientId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::review;
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_core::warning::{COUNTED_WITHIN, Severity, WarningKind};
use serde::Serialize;

use crate::acts::{Act, Operator};
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _, Row};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::rows::{self, ActionDetails};
use crate::{LedgerError, SqlLedger};

/// A warning, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Its id.
    pub warning_id: String,
    /// Of what.
    pub kind: WarningKind,
    /// How bad.
    pub severity: Severity,
    /// Whose; none: everybody's.
    pub client_id: Option<ClientId>,
    /// Of which account; none: of all of the client's.
    pub account_id: Option<AccountId>,
    /// The last action with it.
    pub action_id: Option<ActionId>,
    /// When it happened first.
    #[serde(serialize_with = "in_words")]
    pub first_at: Timestamp,
    /// When it happened last.
    #[serde(serialize_with = "in_words")]
    pub last_at: Timestamp,
    /// How often.
    pub count: u32,
    /// What was seen last.
    pub detail: String,
    /// Who closed it, when and why.
    pub closed: Option<Closed>,
}

/// How a warning was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Who.
    pub by: String,
    /// When.
    #[serde(serialize_with = "in_words")]
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Times as people and other programs write them.
pub(crate) fn in_words<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Something that happened just now and is to be warned of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occurrence<'a> {
    pub(crate) kind: WarningKind,
    pub(crate) client: Option<&'a ClientId>,
    /// With its client.
    pub(crate) account: Option<&'a AccountId>,
    pub(crate) action: Option<&'a ActionId>,
    pub(crate) detail: &'a str,
}

impl<'a> Occurrence<'a> {
    fn of_action(kind: WarningKind, details: &'a ActionDetails, detail: &'a str) -> Self {
        let action = &details.action;
        Self { kind, client: Some(&action.client), account: Some(&action.account), action: Some(&action.id), detail }
    }
}

/// $1 kind, $2 client, $3 account; empty where there is none.
const OPEN: &str = "SELECT warning_id, severity FROM warnings
WHERE kind = $1 AND coalesce(client_id, '') = $2 AND coalesce(account_id, '') = $3 AND closed_at IS NULL";

/// As [`OPEN`], and $4 since when; of closed ones too.
const COUNTED: &str = "SELECT count(*) AS counted FROM warning_occurrences o
WHERE o.happened_at > $4 AND o.warning_id IN (
    SELECT warning_id FROM warnings WHERE kind = $1 AND coalesce(client_id, '') = $2 AND coalesce(account_id, '') = $3)";

/// Writes a warning, or lets the open one take it up.
pub(crate) async fn record(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    what: Occurrence<'_>,
) -> Result<(), LedgerFault> {
    let doing = "write a warning";
    let (kind, client, account) =
        (what.kind.as_str(), what.client.map(ClientId::as_str), what.account.map(AccountId::as_str));
    let open = sqlx::query(OPEN)
        .bind(kind)
        .bind(client.unwrap_or(""))
        .bind(account.unwrap_or(""))
        .fetch_optional(&mut *conn)
        .await
        .during(doing)?;
    let since = Timestamp(now.0.saturating_sub(Timestamp(0).plus(COUNTED_WITHIN).0));
    let counted = sqlx::query(COUNTED)
        .bind(kind)
        .bind(client.unwrap_or(""))
        .bind(account.unwrap_or(""))
        .bind(since.0)
        .fetch_one(&mut *conn)
        .await
        .during(doing)?;
    let before = u32::try_from(counted.number("counted")?).unwrap_or(u32::MAX);
    let severity = what.kind.severity_after(before.saturating_add(1));
    let action = what.action.map(ActionId::as_str);
    let id = match open {
        Some(row) => {
            let id = row.text("warning_id")?;
            // It does not become milder because what happened first is a day old.
            let severity = severity.max(row.parsed("severity", Severity::parse)?);
            sqlx::query(
                "UPDATE warnings SET severity = $1, action_id = coalesce($2, action_id), last_at = $3, occurrences = occurrences + 1,
                     detail = $4 WHERE warning_id = $5",
            )
            .bind(severity.as_str())
            .bind(action)
            .bind(now.0)
            .bind(what.detail)
            .bind(&id)
            .execute(&mut *conn)
            .await
            .during(doing)?;
            id
        }
        None => {
            let id = ledger.mint();
            sqlx::query(
                "INSERT INTO warnings
                 (warning_id, kind, severity, client_id, account_id, action_id, first_at, last_at, occurrences, detail)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1, $8)",
            )
            .bind(&id)
            .bind(kind)
            .bind(severity.as_str())
            .bind(client)
            .bind(account)
            .bind(action)
            .bind(now.0)
            .bind(what.detail)
            .execute(&mut *conn)
            .await
            .during(doing)?;
            id
        }
    };
    sqlx::query("INSERT INTO warning_occurrences (warning_id, happened_at) VALUES ($1, $2)")
        .bind(&id)
        .bind(now.0)
        .execute(conn)
        .await
        .during(doing)?;
    Ok(())
}

/// Whether an account was warned of exactly this before; closed or not, it is known.
pub(crate) async fn is_told(
    conn: &mut Conn,
    kind: WarningKind,
    account: &AccountId,
    detail: &str,
) -> Result<bool, LedgerFault> {
    let found =
        sqlx::query("SELECT warning_id FROM warnings WHERE kind = $1 AND account_id = $2 AND detail = $3 LIMIT 1")
            .bind(kind.as_str())
            .bind(account.as_str())
            .bind(detail)
            .fetch_optional(conn)
            .await
            .during("look for a warning")?;
    Ok(found.is_some())
}

/// The warning that a change of state is, if it is one.
pub(crate) async fn of_change(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    event: Event,
    after: &ActionDetails,
) -> Result<(), LedgerFault> {
    let held = after.hold.as_ref().filter(|_| event == Event::Held);
    let occurrence = match held.and_then(|hold| WarningKind::of_hold(hold.reason).map(|kind| (kind, hold))) {
        Some((kind, hold)) => Occurrence::of_action(kind, after, &hold.detail),
        None if event == Event::OutcomeUnclear => {
            Occurrence::of_action(WarningKind::OutcomeUnknown, after, "it may have happened, and the page did not say")
        }
        None => return Ok(()),
    };
    record(ledger, conn, now, occurrence).await
}

/// Whoever lets go of an action that is still `unknown`, and that no worker is to look at again, did not find out; of one that is there and
/// not public, did not see it published.
pub(crate) async fn of_release(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    released: &ActionDetails,
) -> Result<(), LedgerFault> {
    let (kind, detail) = match (released.action.state, released.object.visibility.as_deref()) {
        _ if released.verify_at.is_some() => return Ok(()),
        (State::Unknown, _) => (
            WarningKind::VerificationUnanswered,
            "looking did not find out whether it happened; `deed queue resolve` keeps a person's answer",
        ),
        (State::ConfirmedSuccess, Some(review::PENDING)) => (
            WarningKind::NotPublic,
            "it waits for the platform's review still, and no worker looks again by itself; the same order with `deed act` only looks",
        ),
        (State::ConfirmedSuccess, Some(review::GONE)) => (
            WarningKind::NotPublic,
            "it waited for the platform's review and is not there any more: refused, most likely",
        ),
        _ => return Ok(()),
    };
    record(ledger, conn, now, Occurrence::of_action(kind, released, detail)).await
}

/// Closes an account's open warnings of some kinds, by what somebody did about their cause.
pub(crate) async fn close_of_account(
    conn: &mut Conn,
    now: Timestamp,
    account: &AccountId,
    kinds: impl Iterator<Item = WarningKind>,
    operator: Operator<'_>,
) -> Result<(), LedgerFault> {
    for kind in kinds {
        sqlx::query(
            "UPDATE warnings SET closed_by = $1, closed_at = $2, closed_reason = $3
             WHERE account_id = $4 AND kind = $5 AND closed_at IS NULL",
        )
        .bind(operator.by)
        .bind(now.0)
        .bind(operator.reason)
        .bind(account.as_str())
        .bind(kind.as_str())
        .execute(&mut *conn)
        .await
        .during("close warnings")?;
    }
    Ok(())
}

impl SqlLedger {
    /// The newest `limit` warnings, newest first: open ones only unless `closed` is asked for too; of one account, or of all.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_warnings(
        &self,
        account: Option<&AccountId>,
        closed: bool,
        limit: u32,
    ) -> Result<Vec<Warning>, LedgerFault> {
        let what = "list the warnings";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT * FROM warnings WHERE ($1 IS NULL OR account_id = $1) AND ($2 = 1 OR closed_at IS NULL)
             ORDER BY last_at DESC, warning_id DESC LIMIT $3",
        )
        .bind(account.map(AccountId::as_str))
        .bind(i64::from(closed))
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().map(read).collect()
    }

    /// The open warnings in whose reach an account is: its own, its client's, everybody's. The worst first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn open_warnings(&self, account: &Account) -> Result<Vec<Warning>, LedgerFault> {
        let mut conn = self.read("read the open warnings").await?;
        open_of(&mut conn, account).await
    }

    /// Closes a warning: a person has looked at it.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`]; [`LedgerError::WarningClosed`]; [`LedgerError::Missing`].
    pub async fn close_warning(&self, id: &str, operator: Operator<'_>) -> Result<Warning, LedgerError> {
        let what = "close a warning";
        operator.check()?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let warning = by_id(on(&mut tx), id).await?;
        if let Some(closed) = warning.closed {
            return Err(LedgerError::WarningClosed { id: id.to_owned(), by: closed.by, at: closed.at });
        }
        sqlx::query("UPDATE warnings SET closed_by = $1, closed_at = $2, closed_reason = $3 WHERE warning_id = $4")
            .bind(operator.by)
            .bind(now.0)
            .bind(operator.reason)
            .bind(id)
            .execute(on(&mut tx))
            .await
            .during(what)?;
        let said = serde_json::json!({ "act": "warning_closed", "kind": warning.kind, "severity": warning.severity, "warning": id });
        let act = Act::new(operator.by, Some(operator.reason), &said);
        let account = match &warning.account_id {
            Some(id) => Some(rows::account(on(&mut tx), id).await?),
            None => None,
        };
        let client = warning.client_id.as_ref().map(ClientId::as_str);
        let subject = Subject { account: account.as_ref(), client, ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "warning_closed", &act).await?;
        let warning = by_id(on(&mut tx), id).await?;
        commit(tx, what).await?;
        Ok(warning)
    }
}

async fn by_id(conn: &mut Conn, id: &str) -> Result<Warning, LedgerFault> {
    let row = sqlx::query("SELECT * FROM warnings WHERE warning_id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await
        .during("read a warning")?;
    row.as_ref().map_or_else(|| Err(LedgerFault::NotFound { what: "warning", id: id.to_owned() }), read)
}

fn read(row: &Row) -> Result<Warning, LedgerFault> {
    let count = row.number("occurrences")?;
    let closed = match row.text_maybe("closed_by")? {
        None => None,
        Some(by) => Some(Closed { by, at: row.time("closed_at")?, reason: row.text("closed_reason")? }),
    };
    Ok(Warning {
        warning_id: row.text("warning_id")?,
        kind: row.parsed("kind", WarningKind::parse)?,
        severity: row.parsed("severity", Severity::parse)?,
        client_id: row.text_maybe("client_id")?.map(ClientId::new),
        account_id: row.text_maybe("account_id")?.map(AccountId::new),
        action_id: row.text_maybe("action_id")?.map(ActionId::new),
        first_at: row.time("first_at")?,
        last_at: row.time("last_at")?,
        count: u32::try_from(count).map_err(|_| unreadable("occurrences", &count.to_string()))?,
        detail: row.text("detail")?,
        closed,
    })
}

/// As [`SqlLedger::open_warnings`].
pub(crate) async fn open_of(conn: &mut Conn, account: &Account) -> Result<Vec<Warning>, LedgerFault> {
    let rows = sqlx::query(
        "SELECT * FROM warnings
         WHERE closed_at IS NULL
           AND (account_id = $1 OR (account_id IS NULL AND (client_id IS NULL OR client_id = $2)))
         ORDER BY last_at DESC, warning_id DESC",
    )
    .bind(account.id.as_str())
    .bind(account.client.as_str())
    .fetch_all(conn)
    .await
    .during("read the open warnings")?;
    let mut warnings = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    warnings.sort_by_key(|w| std::cmp::Reverse(w.severity));
    Ok(warnings)
}
