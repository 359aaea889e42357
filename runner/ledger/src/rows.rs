//! Rows as values: accounts, actions, kill switches.

use deed_core::account::{Account, AccountState, Fingerprint, Mode};
use deed_core::approval::{AccountApprovals, Risk};
use deed_core::hold::{Failure, Hold, HoldReason};
use deed_core::ids::{AccountId, ActionId, ClientId, EpisodeId, PolicySnapshotId, WorkerId};
use deed_core::order::{Action, Lane, Priority};
use deed_core::ports::ledger::{KillScope, KillSwitch, LedgerFault, ObjectFacts};
use deed_core::state::State;
use deed_core::time::Timestamp;
use deed_proofs::Sha256;
use serde::Serialize;

use crate::engine::{Conn, During as _, Row};
use crate::records::{Columns as _, unreadable};

/// Everything that the ledger knows of an action, in one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionDetails {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// Why it waits.
    pub hold: Option<Hold>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What is known of the object.
    pub object: ObjectFacts,
    /// 0 queued, 1 attempted, 2 confirmed, 3 durable.
    pub proof_level: u8,
    /// The hash of the manifest that was sealed last (or drafted for the attempt).
    pub manifest: Option<Sha256>,
    /// What let it pass.
    pub policy: Option<PolicySnapshotId>,
    /// Whether 2 of 3 held, once it was looked at.
    pub identity_ok: Option<bool>,
    /// The fencing epoch: how often it was claimed.
    pub epoch: i64,
    /// Who works on it.
    pub worker: Option<WorkerId>,
    /// Until when that one's lease is good.
    pub lease_until: Option<Timestamp>,
    /// 2 high, 1 normal, 0 low.
    pub priority: Priority,
    /// Not to be begun before this time; the epoch when any time will do.
    pub not_before: Timestamp,
    /// How many actions it still waits for.
    pub waits_for: i64,
    /// The batch that it belongs to.
    pub batch: Option<String>,
    /// When a worker looks again by itself, while it is not known what became of it.
    pub verify_at: Option<Timestamp>,
    /// Who filed the order; unknown for actions of before this was kept.
    pub filed_by: Option<String>,
    /// When it was filed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl ActionDetails {
    pub(crate) fn read(row: &Row) -> Result<Self, LedgerFault> {
        let hold = match row.parsed_maybe("hold_reason", HoldReason::parse)? {
            None => None,
            Some(reason) => {
                Some(Hold { reason, detail: row.text("hold_detail")?, until: row.time_maybe("hold_until")? })
            }
        };
        let level = row.number("proof_level")?;
        Ok(Self {
            action: read_action(row)?,
            hold,
            failure: row.parsed_maybe("failure", Failure::parse)?,
            object: ObjectFacts {
                platform_object_id: row.text_maybe("platform_object_id")?,
                permalink: row.text_maybe("permalink")?,
                http_status: match row.number_maybe("http_status")? {
                    None => None,
                    Some(n) => Some(u16::try_from(n).map_err(|_| unreadable("http_status", &n.to_string()))?),
                },
                visibility: row.text_maybe("visibility")?,
            },
            proof_level: u8::try_from(level).map_err(|_| unreadable("proof_level", &level.to_string()))?,
            manifest: row.parsed_maybe("manifest_hash", |t| t.parse().ok())?,
            policy: row.text_maybe("policy_snapshot_id")?.map(PolicySnapshotId::new),
            identity_ok: row.number_maybe("identity_ok")?.map(|n| n != 0),
            epoch: row.number("epoch")?,
            worker: row.text_maybe("worker")?.map(WorkerId::new),
            lease_until: row.time_maybe("lease_until")?,
            priority: row.number("priority").map(Priority::of_rank)?,
            not_before: row.time("not_before")?,
            waits_for: row.number("waits_for")?,
            batch: row.text_maybe("batch")?,
            verify_at: row.time_maybe("verify_at")?,
            filed_by: row.text_maybe("filed_by")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

fn read_action(row: &Row) -> Result<Action, LedgerFault> {
    Ok(Action {
        id: ActionId::new(row.text("action_id")?),
        episode: row.text_maybe("episode_id")?.map(EpisodeId::new),
        client: ClientId::new(row.text("client_id")?),
        account: AccountId::new(row.text("account_id")?),
        platform: row.text("platform")?,
        lane: row.parsed("lane", Lane::parse)?,
        payload: row.parsed("payload", |json| serde_json::from_str(json).ok())?,
        idempotency_key: row.text("idempotency_key")?,
        state: row.parsed("state", State::parse)?,
        attempted_at: row.time_maybe("attempted_at")?,
        experiment_id: row.text_maybe("experiment_id")?,
        variant_id: row.text_maybe("variant_id")?,
        risk: row.parsed("risk", Risk::parse)?,
    })
}

/// The row of an action.
pub(crate) async fn action(conn: &mut Conn, id: &ActionId) -> Result<ActionDetails, LedgerFault> {
    let row = sqlx::query("SELECT * FROM actions WHERE action_id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await
        .during("read an action")?;
    match row {
        Some(row) => ActionDetails::read(&row),
        None => Err(LedgerFault::NotFound { what: "action", id: id.to_string() }),
    }
}

/// The row of an account.
pub(crate) async fn account(conn: &mut Conn, id: &AccountId) -> Result<Account, LedgerFault> {
    let row = sqlx::query(
        "SELECT a.*, (SELECT count(*) FROM sessions s WHERE s.account_id = a.account_id) AS session_count
         FROM platform_accounts a WHERE a.account_id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(conn)
    .await
    .during("read an account")?;
    match row {
        Some(row) => read_account(&row),
        None => Err(LedgerFault::NotFound { what: "account", id: id.to_string() }),
    }
}

/// All accounts, by platform and handle.
pub(crate) async fn accounts(conn: &mut Conn) -> Result<Vec<Account>, LedgerFault> {
    let rows = sqlx::query(
        "SELECT a.*, (SELECT count(*) FROM sessions s WHERE s.account_id = a.account_id) AS session_count
         FROM platform_accounts a ORDER BY a.platform, a.handle, a.account_id",
    )
    .fetch_all(conn)
    .await
    .during("list the accounts")?;
    rows.iter().map(read_account).collect()
}

fn read_account(row: &Row) -> Result<Account, LedgerFault> {
    Ok(Account {
        id: AccountId::new(row.text("account_id")?),
        client: ClientId::new(row.text("client_id")?),
        platform: row.text("platform")?,
        fingerprint: Fingerprint {
            handle: row.text("handle")?,
            display_name: row.text_maybe("display_name")?,
            avatar: row.parsed_maybe("avatar", |t| t.parse().ok())?,
        },
        origin: row.text_maybe("origin")?,
        state: row.parsed("state", AccountState::parse)?,
        state_reason: row.text_maybe("state_reason")?,
        mode: row.parsed("mode", Mode::parse)?,
        has_session: row.number("session_count")? > 0,
        approvals: row.parsed("approvals", AccountApprovals::parse)?,
    })
}

/// A kill switch that is on.
pub(crate) fn read_switch(row: &Row) -> Result<KillSwitch, LedgerFault> {
    let id = row.text("scope_id")?;
    let scope = row.parsed("scope", |scope| match scope {
        "global" => Some(KillScope::Global),
        "client" => Some(KillScope::Client(id)),
        "account" => Some(KillScope::Account(id)),
        _ => None,
    })?;
    Ok(KillSwitch { scope, by: row.text("on_by")?, at: row.time("on_at")?, reason: row.text("on_reason")? })
}
