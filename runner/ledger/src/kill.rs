//! Kill switches: who turned which on, when and why. While one is on, `arm` refuses everything within its reach.

use deed_core::account::Account;
use deed_core::ids::AccountId;
use deed_core::ports::ledger::{KillScope, KillSwitch, LedgerFault};

use crate::acts::{Act, Operator};
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _, Tx};
use crate::open::{commit, on};
use crate::rows::{self, read_switch};
use crate::{LedgerError, SqlLedger, waits};

impl SqlLedger {
    /// Turns a kill switch on; when this returns, no arm transaction in its reach can succeed. One that is on stays as it was.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`] for a client or account that is not there: a switch with a wrong name would stop nothing.
    /// [`LedgerError::Missing`] without a name or a reason.
    pub async fn kill_on(&self, scope: &KillScope, operator: Operator<'_>) -> Result<KillSwitch, LedgerError> {
        let what = "turn the kill switch on";
        operator.check()?;
        let (name, id) = stored(scope);
        let mut tx = self.write(what).await?;
        let now = self.now();
        self.tell_switch(&mut tx, scope, "kill_on", operator).await?;
        let earlier = sqlx::query("SELECT * FROM kill_switches WHERE scope = $1 AND scope_id = $2 AND off_at IS NULL")
            .bind(name)
            .bind(id)
            .fetch_optional(on(&mut tx))
            .await
            .during(what)?;
        let switch = match earlier {
            Some(row) => read_switch(&row)?,
            None => {
                sqlx::query(
                    "INSERT INTO kill_switches (scope, scope_id, on_by, on_at, on_reason) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(name)
                .bind(id)
                .bind(operator.by)
                .bind(now.0)
                .bind(operator.reason)
                .execute(on(&mut tx))
                .await
                .during(what)?;
                KillSwitch {
                    scope: scope.clone(),
                    by: operator.by.to_owned(),
                    at: now,
                    reason: operator.reason.to_owned(),
                }
            }
        };
        commit(tx, what).await?;
        Ok(switch)
    }

    /// Turns a kill switch off, and lets what it held go on where no other one stands in the way. False: it was not on.
    ///
    /// # Errors
    /// As [`SqlLedger::kill_on`].
    pub async fn kill_off(&self, scope: &KillScope, operator: Operator<'_>) -> Result<bool, LedgerError> {
        let what = "turn the kill switch off";
        operator.check()?;
        let (name, id) = stored(scope);
        let mut tx = self.write(what).await?;
        self.tell_switch(&mut tx, scope, "kill_off", operator).await?;
        let done = sqlx::query(
            "UPDATE kill_switches SET off_by = $1, off_at = $2, off_reason = $3
             WHERE scope = $4 AND scope_id = $5 AND off_at IS NULL",
        )
        .bind(operator.by)
        .bind(self.now().0)
        .bind(operator.reason)
        .bind(name)
        .bind(id)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        waits::after_kill_off(on(&mut tx)).await?;
        commit(tx, what).await?;
        Ok(done.rows_affected() == 1)
    }

    /// All kill switches that are on, the widest first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn kill_status(&self) -> Result<Vec<KillSwitch>, LedgerFault> {
        let what = "read the kill switches";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT * FROM kill_switches WHERE off_at IS NULL
             ORDER BY CASE scope WHEN 'global' THEN 0 WHEN 'client' THEN 1 ELSE 2 END, scope_id",
        )
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().map(read_switch).collect()
    }

    async fn tell_switch(
        &self,
        tx: &mut Tx,
        scope: &KillScope,
        status: &str,
        operator: Operator<'_>,
    ) -> Result<(), LedgerFault> {
        let act = Act::new(operator.by, Some(operator.reason), &serde_json::json!({ "act": status, "switch": scope }));
        let account = match scope {
            KillScope::Account(id) => Some(rows::account(on(tx), &AccountId::new(id.clone())).await?),
            _ => None,
        };
        let client = match scope {
            KillScope::Client(id) => {
                client_exists(on(tx), id).await?;
                Some(id.as_str())
            }
            _ => None,
        };
        let subject = Subject { account: account.as_ref(), client, ..Subject::default() };
        tell_act(self, on(tx), self.now(), subject, status, &act).await
    }
}

/// The switch's two columns.
pub(crate) fn stored(scope: &KillScope) -> (&'static str, &str) {
    match scope {
        KillScope::Global => ("global", ""),
        KillScope::Client(id) => ("client", id),
        KillScope::Account(id) => ("account", id),
    }
}

pub(crate) async fn client_exists(conn: &mut Conn, id: &str) -> Result<(), LedgerFault> {
    let found = sqlx::query("SELECT client_id FROM clients WHERE client_id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await
        .during("read a client")?;
    found.map(|_| ()).ok_or_else(|| LedgerFault::NotFound { what: "client", id: id.to_owned() })
}

/// The widest switch that stands in the way of this account.
pub(crate) async fn in_the_way(conn: &mut Conn, account: &Account) -> Result<Option<KillSwitch>, LedgerFault> {
    let row = sqlx::query(
        "SELECT * FROM kill_switches
         WHERE off_at IS NULL
           AND (scope = 'global' OR (scope = 'client' AND scope_id = $1) OR (scope = 'account' AND scope_id = $2))
         ORDER BY CASE scope WHEN 'global' THEN 0 WHEN 'client' THEN 1 ELSE 2 END LIMIT 1",
    )
    .bind(account.client.as_str())
    .bind(account.id.as_str())
    .fetch_optional(conn)
    .await
    .during("read the kill switches")?;
    row.as_ref().map(read_switch).transpose()
}
