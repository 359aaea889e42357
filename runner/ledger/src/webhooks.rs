//! Where outcomes are sent: endpoints, their filters and their secrets, as people manage them.

use deed_core::ids::ClientId;
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use serde::Serialize;
use sqlx::Row as _;

use crate::acts::{Act, check_by};
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _, Row};
use crate::kill::client_exists;
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::seal::{SealerError, sealer_fault};
use crate::warnings::in_words;
use crate::{LedgerError, SqlLedger};

/// A new endpoint, after its address was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Where.
    pub url: String,
    /// Only of this client, which must be there.
    pub client: Option<ClientId>,
    /// Which types of [`EVENT_TYPES`](crate::EVENT_TYPES).
    pub events: Vec<String>,
    /// Whether it may be on this machine.
    pub allow_local: bool,
}

/// What an endpoint is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// It is sent to.
    Active,
    /// It said that it is gone (410).
    Gone,
    /// A person removed it.
    Removed,
}

impl EndpointState {
    const ALL: [Self; 3] = [Self::Active, Self::Gone, Self::Removed];

    /// The name in the database and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Gone => "gone",
            Self::Removed => "removed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// An endpoint, and how far its messages are. Never with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Its id.
    pub endpoint_id: String,
    /// Where.
    pub url: String,
    /// Only of this client.
    pub client_id: Option<ClientId>,
    /// Which types.
    pub events: Vec<String>,
    /// Whether it may be on this machine.
    pub allow_local: bool,
    /// What it is good for.
    pub state: EndpointState,
    /// Since when.
    #[serde(serialize_with = "in_words")]
    pub created_at: Timestamp,
    /// Messages that wait.
    pub pending: u32,
    /// Messages that were taken.
    pub delivered: u32,
    /// Messages that were given up.
    pub dead: u32,
}

const LIST: &str = "SELECT e.*,
    (SELECT count(*) FROM webhook_messages m WHERE m.endpoint_id = e.endpoint_id AND m.state = 'pending') AS pending,
    (SELECT count(*) FROM webhook_messages m WHERE m.endpoint_id = e.endpoint_id AND m.state = 'delivered') AS delivered,
    (SELECT count(*) FROM webhook_messages m WHERE m.endpoint_id = e.endpoint_id AND m.state = 'dead') AS dead
FROM webhook_endpoints e WHERE ($1 IS NULL AND e.state <> 'removed' OR e.endpoint_id = $1) ORDER BY e.created_at, e.endpoint_id";

impl SqlLedger {
    /// Keeps an endpoint with its secret, sealed. It is told of what happens from now on.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`] without the client; the sealer's; [`LedgerError::Missing`].
    pub async fn add_endpoint(&self, new: &NewEndpoint, secret: &str, by: &str) -> Result<Endpoint, LedgerError> {
        let what = "add a webhook";
        check_by(by)?;
        if new.events.is_empty() {
            return Err(LedgerError::Missing("the webhook's events"));
        }
        let sealed = self.options.sealer.seal(secret.as_bytes()).map_err(|e| sealer_fault(what, &e))?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        if let Some(client) = &new.client {
            client_exists(on(&mut tx), client.as_str()).await?;
        }
        let id = self.mint();
        sqlx::query(
            "INSERT INTO webhook_endpoints
             (endpoint_id, url, client_id, events, sealed, allow_local, state, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $7)",
        )
        .bind(&id)
        .bind(&new.url)
        .bind(new.client.as_ref().map(ClientId::as_str))
        .bind(new.events.join(" "))
        .bind(sealed)
        .bind(i64::from(new.allow_local))
        .bind(now.0)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let endpoint = by_id(on(&mut tx), &id).await?;
        let said = serde_json::json!({
            "act": "webhook_added", "allow_local": new.allow_local, "client": new.client, "events": new.events, "url": new.url,
            "webhook": id,
        });
        self.tell_endpoint(on(&mut tx), now, &endpoint, "webhook_added", &Act::new(by, None, &said)).await?;
        commit(tx, what).await?;
        Ok(endpoint)
    }

    /// All endpoints that were not removed, the oldest first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_endpoints(&self) -> Result<Vec<Endpoint>, LedgerFault> {
        let what = "list the webhooks";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(LIST).bind(None::<String>).fetch_all(&mut *conn).await.during(what)?;
        rows.iter().map(read).collect()
    }

    /// Forgets an endpoint's secret and sends it nothing more; what waited for it is dropped.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`]; [`LedgerError::Missing`].
    pub async fn remove_endpoint(&self, id: &str, by: &str) -> Result<Endpoint, LedgerError> {
        let what = "remove a webhook";
        check_by(by)?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let before = by_id(on(&mut tx), id).await?;
        if before.state == EndpointState::Removed {
            return Err(not_found(id).into());
        }
        let no_secret: Vec<u8> = Vec::new();
        sqlx::query(
            "UPDATE webhook_endpoints SET state = 'removed', sealed = $1, updated_at = $2 WHERE endpoint_id = $3",
        )
        .bind(no_secret)
        .bind(now.0)
        .bind(id)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        drop_pending(on(&mut tx), now, id).await?;
        let said = serde_json::json!({ "act": "webhook_removed", "webhook": id });
        let endpoint = by_id(on(&mut tx), id).await?;
        self.tell_endpoint(on(&mut tx), now, &endpoint, "webhook_removed", &Act::new(by, None, &said)).await?;
        commit(tx, what).await?;
        Ok(endpoint)
    }

    /// An endpoint and its secret, for whoever sends to it now.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], for a removed one too; the sealer's.
    pub async fn endpoint_with_secret(&self, id: &str) -> Result<(Endpoint, String), LedgerFault> {
        let what = "read a webhook";
        let mut conn = self.read(what).await?;
        let endpoint = by_id(&mut conn, id).await?;
        if endpoint.state == EndpointState::Removed {
            return Err(not_found(id));
        }
        let row = sqlx::query("SELECT sealed FROM webhook_endpoints WHERE endpoint_id = $1")
            .bind(id)
            .fetch_one(&mut *conn)
            .await
            .during(what)?;
        Ok((endpoint, self.unsealed(&row)?))
    }

    /// The secret in a row that has it.
    pub(crate) fn unsealed(&self, row: &Row) -> Result<String, LedgerFault> {
        let what = "unseal a webhook's secret";
        let sealed: Vec<u8> = row.try_get("sealed").during(what)?;
        let plain = self.options.sealer.unseal(&sealed).map_err(|e| sealer_fault(what, &e))?;
        String::from_utf8(plain).map_err(|_| sealer_fault(what, &SealerError::Unseal("it is no text".to_owned())))
    }

    async fn tell_endpoint(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        endpoint: &Endpoint,
        status: &str,
        act: &Act<'_>,
    ) -> Result<(), LedgerFault> {
        let client = endpoint.client_id.as_ref().map(ClientId::as_str);
        tell_act(self, conn, now, Subject { client, ..Subject::default() }, status, act).await
    }
}

/// What waits for an endpoint will not be sent any more.
pub(crate) async fn drop_pending(conn: &mut Conn, now: Timestamp, endpoint: &str) -> Result<(), LedgerFault> {
    sqlx::query(
        "UPDATE webhook_messages SET state = 'dropped', settled_at = $1, lease = NULL, lease_until = NULL
         WHERE endpoint_id = $2 AND state = 'pending'",
    )
    .bind(now.0)
    .bind(endpoint)
    .execute(conn)
    .await
    .during("drop what waits for a webhook")?;
    Ok(())
}

fn not_found(id: &str) -> LedgerFault {
    LedgerFault::NotFound { what: "webhook", id: id.to_owned() }
}

async fn by_id(conn: &mut Conn, id: &str) -> Result<Endpoint, LedgerFault> {
    let row = sqlx::query(LIST).bind(Some(id)).fetch_optional(conn).await.during("read a webhook")?;
    row.as_ref().map_or_else(|| Err(not_found(id)), read)
}

fn read(row: &Row) -> Result<Endpoint, LedgerFault> {
    let count = |column: &'static str| {
        let number = row.number(column)?;
        u32::try_from(number).map_err(|_| unreadable(column, &number.to_string()))
    };
    Ok(Endpoint {
        endpoint_id: row.text("endpoint_id")?,
        url: row.text("url")?,
        client_id: row.text_maybe("client_id")?.map(ClientId::new),
        events: row.text("events")?.split(' ').map(str::to_owned).collect(),
        allow_local: row.number("allow_local")? != 0,
        state: row.parsed("state", EndpointState::parse)?,
        created_at: row.time("created_at")?,
        pending: count("pending")?,
        delivered: count("delivered")?,
        dead: count("dead")?,
    })
}
