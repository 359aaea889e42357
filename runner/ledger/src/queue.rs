//! Orders become actions, once; and what people ask of them: lists, one in full, its proof, calling it off.

use deed_core::account::Account;
use deed_core::approval::Risk;
use deed_core::hold::Failure;
use deed_core::ids::{AccountId, ActionId, ClientId};
use deed_core::order::{Lane, Payload, Priority, default_idempotency_key};
use deed_core::ports::ledger::{Found, LedgerFault, VerificationRead};
use deed_core::state::{Event, State, next};
use deed_core::time::Timestamp;
use deed_proofs::ArtifactRef;

use crate::acts::{Act, Operator, check_by};
use crate::audit::{Subject, tell_act, tell_action};
use crate::engine::{Conn, During as _, Tx};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::rows::{self, ActionDetails};
use crate::{LedgerError, SqlLedger, waits};

/// An order, after it was checked against the recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose.
    pub client: ClientId,
    /// As whom.
    pub account: AccountId,
    /// Where.
    pub platform: String,
    /// How.
    pub lane: Lane,
    /// What.
    pub payload: Payload,
    /// The filer's own key; without one it is made of client, platform, account, action type and payload.
    pub idempotency_key: Option<String>,
    /// The experiment (publish only).
    pub experiment_id: Option<String>,
    /// The variant (publish only).
    pub variant_id: Option<String>,
    /// What goes first when several are due.
    pub priority: Priority,
    /// Not to be begun before.
    pub not_before: Option<Timestamp>,
    /// Actions that must be confirmed before.
    pub depends_on: Vec<ActionId>,
    /// Actions of one batch are worked on one after another by the same worker.
    pub batch: Option<String>,
    /// The risk that the order brings; part of what a key stands for.
    pub risk: Risk,
    /// Who files it; nobody approves what they filed.
    pub filed_by: String,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The action: the new one, or the one that was stored under the same key.
    pub action: ActionDetails,
    /// Whether it is new.
    pub created: bool,
}

/// What a person found where Deed could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It is there.
    Posted {
        /// Where, when the person says so.
        permalink: Option<String>,
    },
    /// It is not there, and will not come.
    Absent,
}

/// Which actions are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionFilter {
    /// In this state.
    pub state: Option<State>,
    /// Of this account.
    pub account: Option<AccountId>,
}

impl SqlLedger {
    /// Files an order. The same key with the same payload for the same account is the same action; keys are kept for ever.
    ///
    /// # Errors
    /// [`LedgerFault::IdempotencyConflict`] for the same key with anything else; [`LedgerFault::NotFound`] without the account;
    /// [`LedgerError::AccountMismatch`] when the order names another client or platform than the account has.
    pub async fn file_order(&self, order: &NewOrder) -> Result<Filed, LedgerError> {
        let what = "file an order";
        let key = match order.idempotency_key.as_deref().map(str::trim) {
            Some("") => return Err(LedgerError::Missing("the idempotency key")),
            Some(key) => key.to_owned(),
            None => default_idempotency_key(&order.client, &order.platform, &order.account, &order.payload),
        };
        check_by(&order.filed_by)?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let account = rows::account(on(&mut tx), &order.account).await?;
        same_owner(order, &account)?;
        if let Some(stored) = by_key(on(&mut tx), &key).await? {
            let same = stored.action.account == order.account
                && stored.action.payload.hash() == order.payload.hash()
                && stored.action.risk == order.risk;
            if !same {
                return Err(LedgerFault::IdempotencyConflict { key, action: stored.action.id }.into());
            }
            return Ok(Filed { action: stored, created: false });
        }
        let id = ActionId::new(self.mint());
        insert(on(&mut tx), &id, order, &key, now).await?;
        waits::depend(self, on(&mut tx), now, &id, &order.depends_on).await?;
        let action = rows::action(on(&mut tx), &id).await?;
        tell_action(self, on(&mut tx), now, &action, State::Queued.as_str(), &[], None).await?;
        commit(tx, what).await?;
        Ok(Filed { action, created: true })
    }

    /// Everything that the ledger knows of an action.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], [`LedgerFault::Database`].
    pub async fn action_details(&self, id: &ActionId) -> Result<ActionDetails, LedgerFault> {
        let mut conn = self.read("read an action").await?;
        rows::action(&mut conn, id).await
    }

    /// The action that was filed under an idempotency key.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn action_by_key(&self, key: &str) -> Result<Option<ActionDetails>, LedgerFault> {
        let mut conn = self.read("look an idempotency key up").await?;
        by_key(&mut conn, key).await
    }

    /// An action as it was ordered, and where it stands.
    ///
    /// # Errors
    /// As [`SqlLedger::action_details`].
    pub async fn action(&self, id: &ActionId) -> Result<deed_core::order::Action, LedgerFault> {
        Ok(self.action_details(id).await?.action)
    }

    /// The action of this client that has this id, or was filed under this idempotency key.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], [`LedgerFault::Database`].
    pub async fn find_action(&self, client: &ClientId, name: &str) -> Result<ActionId, LedgerFault> {
        let what = "look an action up";
        let mut conn = self.read(what).await?;
        let row = sqlx::query(
            "SELECT action_id FROM actions WHERE client_id = $1 AND (action_id = $2 OR idempotency_key = $2)
             ORDER BY CASE WHEN action_id = $2 THEN 0 ELSE 1 END LIMIT 1",
        )
        .bind(client.as_str())
        .bind(name)
        .fetch_optional(&mut *conn)
        .await
        .during(what)?;
        match row {
            Some(row) => Ok(ActionId::new(row.text("action_id")?)),
            None => Err(LedgerFault::NotFound { what: "action", id: name.to_owned() }),
        }
    }

    /// The newest `limit` actions that fit the filter, newest first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_actions(&self, filter: &ActionFilter, limit: u32) -> Result<Vec<ActionDetails>, LedgerFault> {
        let what = "list the actions";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT * FROM actions WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR account_id = $2)
             ORDER BY created_at DESC, action_id DESC LIMIT $3",
        )
        .bind(filter.state.map(State::as_str))
        .bind(filter.account.as_ref().map(AccountId::as_str))
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().map(ActionDetails::read).collect()
    }

    /// Calls an action off, before anything of it was attempted. A worker that has it can do nothing more but note its proof.
    ///
    /// # Errors
    /// [`LedgerFault::Illegal`] from `attempted` on; [`LedgerFault::NotFound`]; [`LedgerError::Missing`].
    pub async fn cancel_action(&self, id: &ActionId, operator: Operator<'_>) -> Result<ActionDetails, LedgerError> {
        let what = "cancel an action";
        operator.check()?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let from = rows::action(on(&mut tx), id).await?.action.state;
        let to = next(from, Event::Cancelled)?;
        sqlx::query(
            "UPDATE actions SET state = $1, hold_reason = NULL, hold_detail = NULL, hold_until = NULL, updated_at = $2
             WHERE action_id = $3 AND state = $4",
        )
        .bind(to.as_str())
        .bind(now.0)
        .bind(id.as_str())
        .bind(from.as_str())
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let action =
            self.told_of(&mut tx, now, id, &serde_json::json!({ "act": "cancelled", "action": id }), operator).await?;
        waits::after_change(self, on(&mut tx), now, id, to).await?;
        commit(tx, what).await?;
        Ok(action)
    }

    /// A person's answer to what looking did not find out: whether an action that is `unknown` happened. Its proof level stays what it
    /// was, for no session of Deed's saw it.
    ///
    /// # Errors
    /// [`LedgerError::NotForAPerson`] in any other state, or while somebody has the action (a dead runner is recovered first);
    /// [`LedgerFault::NotFound`]; [`LedgerError::Missing`].
    pub async fn resolve_action(
        &self,
        id: &ActionId,
        found: &Resolution,
        operator: Operator<'_>,
    ) -> Result<ActionDetails, LedgerError> {
        let what = "keep a person's answer";
        operator.check()?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let before = rows::action(on(&mut tx), id).await?;
        let from = before.action.state;
        if from != State::Unknown || before.worker.is_some() {
            return Err(LedgerError::NotForAPerson { action: id.clone(), state: from, worker: before.worker });
        }
        let (event, failure, permalink) = match found {
            Resolution::Posted { permalink } => (Event::FoundPresent, None, permalink.as_deref()),
            Resolution::Absent => (Event::FoundAbsent, Some(Failure::NotFoundAfterAttempt), None),
        };
        let to = next(from, event)?;
        sqlx::query(
            "UPDATE actions SET state = $1, failure = $2, permalink = coalesce($3, permalink), updated_at = $4,
                 hold_reason = NULL, hold_detail = NULL, hold_until = NULL, verify_at = NULL, press_until = NULL
             WHERE action_id = $5 AND state = $6 AND worker IS NULL",
        )
        .bind(to.as_str())
        .bind(failure.map(|f| f.as_str()))
        .bind(permalink)
        .bind(now.0)
        .bind(id.as_str())
        .bind(from.as_str())
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let said = serde_json::json!({ "act": "resolved", "action": id, "found": to, "permalink": permalink });
        let action = self.told_of(&mut tx, now, id, &said, operator).await?;
        waits::after_change(self, on(&mut tx), now, id, to).await?;
        commit(tx, what).await?;
        Ok(action)
    }

    /// The action as it stands after what a person did with it, and the audit event of that.
    async fn told_of(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        id: &ActionId,
        said: &serde_json::Value,
        operator: Operator<'_>,
    ) -> Result<ActionDetails, LedgerFault> {
        let action = rows::action(on(tx), id).await?;
        let act = Act::new(operator.by, Some(operator.reason), said);
        let subject = Subject { action: Some(&action), ..Subject::default() };
        tell_act(self, on(tx), now, subject, action.action.state.as_str(), &act).await?;
        Ok(action)
    }

    /// References to the artifacts of an action, in the order in which they became durable.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn artifacts_of(&self, id: &ActionId) -> Result<Vec<ArtifactRef>, LedgerFault> {
        let what = "list the artifacts of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT reference FROM artifacts WHERE action_id = $1 ORDER BY artifact_id")
            .bind(id.as_str())
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        rows.iter().map(|row| row.parsed("reference", |json| serde_json::from_str(json).ok())).collect()
    }

    /// The verification reads of an action, in order. Numbers begin again with each claim.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn verifications_of(&self, id: &ActionId) -> Result<Vec<VerificationRead>, LedgerFault> {
        let what = "list the verification reads of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT * FROM verifications WHERE action_id = $1 ORDER BY verification_id")
            .bind(id.as_str())
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        rows.iter()
            .map(|row| {
                let read = row.number("read_number")?;
                Ok(VerificationRead {
                    read: u32::try_from(read).map_err(|_| unreadable("read_number", &read.to_string()))?,
                    at: row.time("read_at")?,
                    found: row.parsed("found", parse_found)?,
                    note: row.text("note")?,
                })
            })
            .collect()
    }
}

fn parse_found(text: &str) -> Option<Found> {
    [Found::Present, Found::Pending, Found::Absent, Found::Unreadable].into_iter().find(|f| f.as_str() == text)
}

fn same_owner(order: &NewOrder, account: &Account) -> Result<(), LedgerError> {
    let mismatch = |what, is: &str, said: &str| LedgerError::AccountMismatch {
        account: account.id.clone(),
        what,
        is: is.to_owned(),
        said: said.to_owned(),
    };
    if order.client != account.client {
        return Err(mismatch("client", account.client.as_str(), order.client.as_str()));
    }
    if order.platform != account.platform {
        return Err(mismatch("platform", &account.platform, &order.platform));
    }
    Ok(())
}

async fn by_key(conn: &mut Conn, key: &str) -> Result<Option<ActionDetails>, LedgerFault> {
    let row = sqlx::query("SELECT * FROM actions WHERE idempotency_key = $1")
        .bind(key)
        .fetch_optional(conn)
        .await
        .during("look an idempotency key up")?;
    row.as_ref().map(ActionDetails::read).transpose()
}

async fn insert(
    conn: &mut Conn,
    id: &ActionId,
    order: &NewOrder,
    key: &str,
    now: Timestamp,
) -> Result<(), LedgerFault> {
    let what = "file an order";
    let payload = serde_json::to_string(&order.payload).map_err(|error| LedgerFault::Database {
        what: what.to_owned(),
        why: error.to_string(),
        code: "ledger-database",
    })?;
    sqlx::query(
        "INSERT INTO actions
         (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash, idempotency_key,
          experiment_id, variant_id, state, created_at, updated_at, priority, not_before, batch, risk, filed_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16, $17, $18, $19)",
    )
    .bind(id.as_str())
    .bind(order.client.as_str())
    .bind(order.account.as_str())
    .bind(&order.platform)
    .bind(order.lane.as_str())
    .bind(&order.payload.action_type)
    .bind(payload)
    .bind(order.payload.hash().to_string())
    .bind(order.payload.content_hash().to_string())
    .bind(key)
    .bind(order.experiment_id.as_deref())
    .bind(order.variant_id.as_deref())
    .bind(State::Queued.as_str())
    .bind(now.0)
    .bind(order.priority.rank())
    .bind(order.not_before.map_or(0, |t| t.0))
    .bind(order.batch.as_deref())
    .bind(order.risk.as_str())
    .bind(order.filed_by.trim())
    .execute(conn)
    .await
    .during(what)?;
    Ok(())
}
