//! How long the payloads of a client's proof are kept. Who changed it, and when, stands in the audit log.

use std::collections::BTreeMap;

use deed_core::ids::ClientId;
use deed_core::ports::ledger::LedgerFault;

use crate::acts::{Act, check_by};
use crate::audit::{Subject, tell_act};
use crate::engine::During as _;
use crate::kill::client_exists;
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::{LedgerError, SqlLedger};

/// Longest time that can be said, in days: as long as for ever.
pub const RETENTION_DAYS_MAX: u32 = 36_500;

impl SqlLedger {
    /// Says how many days payloads of a client's proof are kept; `None`: for ever.
    ///
    /// # Errors
    /// [`LedgerError::Missing`] for a number that is none of days or without who does it, [`LedgerFault::NotFound`] without the client.
    pub async fn set_retention(&self, client: &ClientId, days: Option<u32>, by: &str) -> Result<(), LedgerError> {
        let what = "set a client's retention";
        check_by(by)?;
        if days.is_some_and(|days| !(1..=RETENTION_DAYS_MAX).contains(&days)) {
            return Err(LedgerError::Missing("a number of days from 1 to 36500"));
        }
        let mut tx = self.write(what).await?;
        let now = self.now();
        client_exists(on(&mut tx), client.as_str()).await?;
        let change = match days {
            Some(days) => sqlx::query(
                "INSERT INTO client_retention (client_id, days, set_at) VALUES ($1, $2, $3)
                 ON CONFLICT (client_id) DO UPDATE SET days = excluded.days, set_at = excluded.set_at",
            )
            .bind(client.as_str())
            .bind(i64::from(days))
            .bind(now.0),
            None => sqlx::query("DELETE FROM client_retention WHERE client_id = $1").bind(client.as_str()),
        };
        change.execute(on(&mut tx)).await.during(what)?;
        let arguments = serde_json::json!({ "act": "client_retention", "client": client, "days": days });
        let subject = Subject { client: Some(client.as_str()), ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "client_retention", &Act::new(by, None, &arguments)).await?;
        commit(tx, what).await?;
        Ok(())
    }

    /// The clients whose payloads are not kept for ever, and how many days they are.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn retentions(&self) -> Result<BTreeMap<ClientId, u32>, LedgerFault> {
        let what = "read the retention of clients";
        let mut conn = self.read(what).await?;
        let rows =
            sqlx::query("SELECT client_id, days FROM client_retention").fetch_all(&mut *conn).await.during(what)?;
        rows.iter()
            .map(|row| {
                let days = u32::try_from(row.number("days")?).unwrap_or(RETENTION_DAYS_MAX);
                Ok((ClientId::new(row.text("client_id")?), days))
            })
            .collect()
    }
}
