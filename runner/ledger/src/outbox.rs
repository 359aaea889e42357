//! The outbox: messages for webhooks, written in the transaction of the change that they tell of, and handed out one by one.
//!
//! A message of an action is handed out only when no earlier one of that action waits for the same endpoint: it was taken, or given up.
//! Who has one has it under a lease; whoever dies with it lets it go when the lease ends, and it is sent again (at least once, with
//! the same id). The network is not here: the caller sends, and says what came of it.

use std::time::Duration;

use deed_core::ids::{ActionId, ClientId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::state::State;
use deed_core::time::Timestamp;
use deed_core::warning::WarningKind;

use crate::SqlLedger;
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::rows::ActionDetails;
use crate::stream::Signal;
use crate::warnings::{self, Occurrence};
use crate::webhooks::drop_pending;

/// A message to be sent now.
#[derive(Clone)]
pub struct Message {
    /// Its id: the same each time that it is sent.
    pub id: String,
    /// To which endpoint.
    pub endpoint: String,
    /// Where that is.
    pub url: String,
    /// Whether that may be on this machine.
    pub allow_local: bool,
    /// What it is signed with (`whsec_…`).
    pub secret: String,
    /// The body.
    pub body: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// Nobody else sends it before this time.
    pub until: Timestamp,
    lease: String,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} to {})", self.id, self.endpoint)
    }
}

/// What came of sending a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was taken.
    Taken,
    /// It was not; it is sent again after this time.
    Again(Duration),
    /// It was not, and is given up: a warning.
    GivenUp,
    /// The endpoint said that it is gone: nothing more is sent there.
    Gone,
}

/// $1 now.
const NEXT: &str = "SELECT m.message_id, m.endpoint_id, m.body, m.attempts, e.url, e.allow_local, e.sealed
FROM webhook_messages m JOIN webhook_endpoints e ON e.endpoint_id = m.endpoint_id
WHERE m.state = 'pending' AND e.state = 'active' AND m.next_at <= $1 AND (m.lease_until IS NULL OR m.lease_until <= $1)
  AND NOT EXISTS (
      SELECT 1 FROM webhook_messages o
      WHERE o.endpoint_id = m.endpoint_id AND o.action_id = m.action_id AND o.state = 'pending' AND o.seq < m.seq)
ORDER BY m.next_at, m.seq LIMIT 1";

/// Puts a change of state into the outbox, for each endpoint that wants it.
pub(crate) async fn enqueue(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    seq: i64,
    details: &ActionDetails,
) -> Result<(), LedgerFault> {
    let what = "put a message into the outbox";
    let rows = sqlx::query(
        "SELECT endpoint_id, events FROM webhook_endpoints
         WHERE state = 'active' AND (client_id IS NULL OR client_id = $1) ORDER BY endpoint_id",
    )
    .bind(details.action.client.as_str())
    .fetch_all(&mut *conn)
    .await
    .during(what)?;
    if rows.is_empty() {
        return Ok(());
    }
    let signal = Signal::of(seq, now, details);
    let body =
        serde_json::json!({ "type": signal.event_type, "timestamp": now.to_string(), "data": signal }).to_string();
    for row in rows {
        if !row.text("events")?.split(' ').any(|wanted| wanted == signal.event_type) {
            continue;
        }
        sqlx::query(
            "INSERT INTO webhook_messages
             (message_id, endpoint_id, seq, action_id, event_type, body, state, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7)",
        )
        .bind(format!("msg_{}", ledger.mint()))
        .bind(row.text("endpoint_id")?)
        .bind(seq)
        .bind(details.action.id.as_str())
        .bind(&signal.event_type)
        .bind(&body)
        .bind(now.0)
        .execute(&mut *conn)
        .await
        .during(what)?;
    }
    Ok(())
}

/// Whether an audit event with this status is one of those that are told.
pub(crate) fn is_told(status: &str) -> bool {
    State::parse(status).is_some()
}

impl SqlLedger {
    /// Hands out the message that is due first, for so long; `None` when none is.
    ///
    /// # Errors
    /// [`LedgerFault::Database`], the sealer's among them.
    pub async fn next_message(&self, lease: Duration) -> Result<Option<Message>, LedgerFault> {
        let what = "take a message from the outbox";
        let mut tx = self.write(what).await?;
        let now = self.now();
        let row = sqlx::query(NEXT).bind(now.0).fetch_optional(on(&mut tx)).await.during(what)?;
        let Some(row) = row else { return Ok(None) };
        let attempts = row.number("attempts")?;
        let message = Message {
            id: row.text("message_id")?,
            endpoint: row.text("endpoint_id")?,
            url: row.text("url")?,
            allow_local: row.number("allow_local")? != 0,
            secret: self.unsealed(&row)?,
            body: row.text("body")?,
            attempts: u32::try_from(attempts).map_err(|_| unreadable("attempts", &attempts.to_string()))?,
            until: now.plus(lease),
            lease: self.mint(),
        };
        sqlx::query("UPDATE webhook_messages SET lease = $1, lease_until = $2 WHERE message_id = $3")
            .bind(&message.lease)
            .bind(message.until.0)
            .bind(&message.id)
            .execute(on(&mut tx))
            .await
            .during(what)?;
        commit(tx, what).await?;
        Ok(Some(message))
    }

    /// Keeps what came of sending a message. False: it is somebody else's by now, or was dropped, and nothing was kept.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn settle_message(&self, message: &Message, sent: Sent, answer: &str) -> Result<bool, LedgerFault> {
        let what = "keep what came of a message";
        let mut tx = self.write(what).await?;
        let now = self.now();
        let (state, next) = match sent {
            Sent::Taken => ("delivered", now),
            Sent::Again(pause) => ("pending", now.plus(pause)),
            Sent::GivenUp => ("dead", now),
            Sent::Gone => ("dropped", now),
        };
        let done = sqlx::query(
            "UPDATE webhook_messages
             SET state = $1, next_at = $2, attempts = attempts + 1, last_answer = $3, lease = NULL, lease_until = NULL, settled_at = $4
             WHERE message_id = $5 AND lease = $6 AND state = 'pending'",
        )
        .bind(state)
        .bind(next.0)
        .bind(answer)
        .bind((state != "pending").then_some(now.0))
        .bind(&message.id)
        .bind(&message.lease)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        if sent == Sent::Gone {
            sqlx::query("UPDATE webhook_endpoints SET state = 'gone', updated_at = $1 WHERE endpoint_id = $2 AND state = 'active'")
                .bind(now.0)
                .bind(&message.endpoint)
                .execute(on(&mut tx))
                .await
                .during(what)?;
            drop_pending(on(&mut tx), now, &message.endpoint).await?;
        }
        if matches!(sent, Sent::GivenUp | Sent::Gone) {
            self.warn_of(on(&mut tx), now, message, sent, answer).await?;
        }
        commit(tx, what).await?;
        Ok(true)
    }

    async fn warn_of(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        message: &Message,
        sent: Sent,
        answer: &str,
    ) -> Result<(), LedgerFault> {
        let row = sqlx::query(
            "SELECT m.action_id, e.client_id FROM webhook_messages m JOIN webhook_endpoints e ON e.endpoint_id = m.endpoint_id
             WHERE m.message_id = $1",
        )
        .bind(&message.id)
        .fetch_one(&mut *conn)
        .await
        .during("read a message")?;
        let (action, client) = (ActionId::new(row.text("action_id")?), row.text_maybe("client_id")?.map(ClientId::new));
        let what = if sent == Sent::Gone { "is gone, nothing more is sent there" } else { "did not take a message" };
        let detail = format!("webhook {} {what}: {answer}", message.endpoint);
        let occurrence = Occurrence {
            kind: WarningKind::WebhookUndelivered,
            client: client.as_ref(),
            account: None,
            action: Some(&action),
            detail: &detail,
        };
        warnings::record(self, conn, now, occurrence).await
    }

    /// How many messages wait, and when the first of those that no one has just now is due.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn waiting_messages(&self) -> Result<(u32, Option<Timestamp>), LedgerFault> {
        let what = "count the messages that wait";
        let mut conn = self.read(what).await?;
        let row = sqlx::query(
            "SELECT count(*) AS waiting, min(next_at) AS next_at FROM webhook_messages WHERE state = 'pending'",
        )
        .fetch_one(&mut *conn)
        .await
        .during(what)?;
        Ok((u32::try_from(row.number("waiting")?).unwrap_or(u32::MAX), row.time_maybe("next_at")?))
    }
}
