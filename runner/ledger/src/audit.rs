//! The audit log: appended in the transaction of what it tells, chained by hash, never changed.
//!
//! Owns the making of events from the ledger's rows and the check of the whole chain. No message text and no secret ever stands
//! in an event: hashes and pointers only.

use deed_core::account::Account;
use deed_core::audit::{AuditEvent, AuditProof, AuditRequest, AuditResult, CHAIN_START, chain_hash};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use deed_proofs::log::{Checkpoint, Frontier, leaf_hash};
use deed_proofs::{ArtifactKind, ArtifactRef, Sha256};
use serde::Serialize;
use sqlx::Row as _;

use crate::acts::Act;
use crate::engine::{Conn, During as _, Row};
use crate::records::{Columns as _, unreadable};
use crate::rows::ActionDetails;
use crate::{SqlLedger, outbox};

/// Rows that are read at once when the chain is checked.
const VERIFY_ROWS: i64 = 1_000;

/// One line of the audit log, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Its place, from 1.
    pub seq: i64,
    /// What happened.
    pub event: AuditEvent,
    /// The hash of the line before.
    pub previous_hash: String,
    /// Its own.
    pub hash: String,
    /// Who did it, when a person did.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// The first line that does not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// Its place.
    pub seq: i64,
    /// What is wrong with it.
    pub what: String,
}

/// What the check of the whole log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// Whether every line verifies.
    pub ok: bool,
    /// Lines that verify, up to the first that does not.
    pub rows: i64,
    /// The first that does not.
    pub first_bad: Option<BadRow>,
    /// The hash of the last line that verifies. Kept elsewhere, it shows that none were cut off the end.
    pub head_hash: String,
    /// The checkpoints that the log was held against, the smallest first.
    pub checkpoints: Vec<CheckpointVerdict>,
}

/// Whether the log is the one that a checkpoint was signed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointVerdict {
    /// How many lines the log had then.
    pub size: u64,
    /// Whether its first lines are still those.
    pub holds: bool,
}

/// What an event is about.
#[derive(Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) action: Option<&'a ActionDetails>,
    pub(crate) account: Option<&'a Account>,
    pub(crate) client: Option<&'a str>,
}

/// An event about an action, with the proof that became durable with it.
pub(crate) async fn tell_action(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    details: &ActionDetails,
    status: &str,
    artifacts: &[ArtifactRef],
    manifest: Option<Sha256>,
) -> Result<(), LedgerFault> {
    let mut event = begin(ledger, now, &Subject { action: Some(details), ..Subject::default() }, status);
    event.proof = proof_of(artifacts, manifest);
    let seq = append(&mut *conn, &event).await?;
    if outbox::is_told(status) { outbox::enqueue(ledger, conn, now, seq, details).await } else { Ok(()) }
}

/// An event about what a person did, with who and why.
pub(crate) async fn tell_act(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    subject: Subject<'_>,
    status: &str,
    act: &Act<'_>,
) -> Result<(), LedgerFault> {
    let mut event = begin(ledger, now, &subject, status);
    event.request.safe_payload_hash = act.hash();
    let seq = append(&mut *conn, &event).await?;
    act.store(&mut *conn, seq).await?;
    match subject.action.filter(|_| outbox::is_told(status)) {
        Some(details) => outbox::enqueue(ledger, conn, now, seq, details).await,
        None => Ok(()),
    }
}

/// An event about an account that the engine itself changed.
pub(crate) async fn tell_account(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    details: &ActionDetails,
    status: &str,
) -> Result<(), LedgerFault> {
    let mut event = begin(ledger, now, &Subject { action: Some(details), ..Subject::default() }, status);
    // It is the account's event, not one of the action's states.
    event.action_id = None;
    append(conn, &event).await?;
    Ok(())
}

fn begin(ledger: &SqlLedger, now: Timestamp, subject: &Subject<'_>, status: &str) -> AuditEvent {
    let details = subject.action;
    let action = details.map(|d| &d.action);
    let account = subject.account;
    let publishes = action.is_some_and(|a| a.payload.action_type.starts_with("publish."));
    AuditEvent {
        audit_event_id: ledger.mint(),
        timestamp: now.to_string(),
        episode_id: action.and_then(|a| a.episode.as_ref()).map(ToString::to_string),
        action_id: action.map(|a| a.id.to_string()),
        client_id: action
            .map(|a| a.client.to_string())
            .or_else(|| account.map(|a| a.client.to_string()))
            .or_else(|| subject.client.map(str::to_owned)),
        platform: action.map(|a| a.platform.clone()).or_else(|| account.map(|a| a.platform.clone())),
        platform_account_id: action.map(|a| a.account.to_string()).or_else(|| account.map(|a| a.id.to_string())),
        lane: action.map(|a| a.lane.as_str().to_owned()),
        action_type: action.map(|a| a.payload.action_type.clone()),
        idempotency_key: action.map(|a| a.idempotency_key.clone()),
        policy_snapshot_id: details.and_then(|d| d.policy.as_ref()).map(ToString::to_string),
        identity_fingerprint_ok: details.and_then(|d| d.identity_ok),
        request: AuditRequest {
            safe_payload_hash: action.map_or_else(String::new, |a| a.payload.hash().to_string()),
            tool: "deed".to_owned(),
            tool_version: ledger.options.tool_version.clone(),
        },
        result: AuditResult {
            status: status.to_owned(),
            platform_object_id: details.and_then(|d| d.object.platform_object_id.clone()),
            permalink: details.and_then(|d| d.object.permalink.clone()),
            http_status: details.and_then(|d| d.object.http_status),
            error_code: details.and_then(error_code),
        },
        proof: AuditProof::default(),
        experiment_id: action.filter(|_| publishes).and_then(|a| a.experiment_id.clone()),
        variant_id: action.filter(|_| publishes).and_then(|a| a.variant_id.clone()),
    }
}

fn error_code(details: &ActionDetails) -> Option<String> {
    let hold = details.hold.as_ref().map(|h| h.reason.as_str());
    hold.or_else(|| details.failure.map(|f| f.as_str())).map(str::to_owned)
}

fn proof_of(artifacts: &[ArtifactRef], manifest: Option<Sha256>) -> AuditProof {
    let refs = artifacts.iter().map(|a| a.sha256).chain(manifest);
    let screenshots = artifacts.iter().filter(|a| a.kind == ArtifactKind::Screenshot);
    AuditProof {
        artifact_refs: refs.map(|hash| hash.to_string()).collect(),
        screenshots: screenshots.map(|a| a.sha256.to_string()).collect(),
        dom_hash: artifacts.iter().rev().find_map(|a| a.dom.as_ref()).map(|dom| dom.structure.to_string()),
    }
}

/// Appends to the chain. The caller's transaction holds the write lock, so nobody else appends between reading and writing.
async fn append(conn: &mut Conn, event: &AuditEvent) -> Result<i64, LedgerFault> {
    let what = "append to the audit log";
    let json = event.to_json().map_err(|error| LedgerFault::Database {
        what: what.to_owned(),
        why: error.to_string(),
        code: "ledger-database",
    })?;
    let last = sqlx::query("SELECT seq, hash FROM audit_events ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *conn)
        .await
        .during(what)?;
    let (seq, previous) = match last {
        Some(row) => (row.number("seq")? + 1, row.text("hash")?),
        None => (1, CHAIN_START.to_owned()),
    };
    sqlx::query(
        "INSERT INTO audit_events (seq, action_id, event_json, previous_hash, hash) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(seq)
    .bind(event.action_id.as_deref())
    .bind(&json)
    .bind(&previous)
    .bind(chain_hash(&previous, &json).to_string())
    .execute(conn)
    .await
    .during(what)?;
    Ok(seq)
}

impl SqlLedger {
    /// The last `count` lines of the audit log, oldest first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`]; `ledger-corrupt` when a line can not be read (then [`SqlLedger::audit_verify`] says which).
    pub async fn audit_tail(&self, count: u32) -> Result<Vec<AuditRow>, LedgerFault> {
        let what = "read the audit log";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT e.*, o.done_by, o.reason FROM audit_events e LEFT JOIN operator_acts o ON o.seq = e.seq
             ORDER BY e.seq DESC LIMIT $1",
        )
        .bind(i64::from(count))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().rev().map(read_row).collect()
    }

    /// Every line about one action, oldest first.
    ///
    /// # Errors
    /// As [`SqlLedger::audit_tail`].
    pub async fn audit_of(&self, action: &ActionId) -> Result<Vec<AuditRow>, LedgerFault> {
        let what = "read the audit log of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT e.*, o.done_by, o.reason FROM audit_events e LEFT JOIN operator_acts o ON o.seq = e.seq
             WHERE e.action_id = $1 ORDER BY e.seq",
        )
        .bind(action.as_str())
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().map(read_row).collect()
    }

    /// Checks every line: none missing, each hash right, each chained to the one before, each act's arguments the ones that were hashed.
    /// A log that was cut off at its end verifies; compare [`AuditVerdict::head_hash`] with one that was kept elsewhere.
    ///
    /// # Errors
    /// [`LedgerFault::Database`] when the log can not be read at all. What does not verify is a verdict, not an error.
    pub async fn audit_verify(&self) -> Result<AuditVerdict, LedgerFault> {
        self.audit_verify_against(&[]).await
    }

    /// As [`SqlLedger::audit_verify`], and whether the log is the one that each of these checkpoints was signed of: a
    /// log that was rewritten as a whole, hashes and all, is found by any of them that somebody kept. Whose they are is
    /// the caller's to ask.
    ///
    /// # Errors
    /// As [`SqlLedger::audit_verify`].
    pub async fn audit_verify_against(&self, kept: &[Checkpoint]) -> Result<AuditVerdict, LedgerFault> {
        let mut kept: Vec<&Checkpoint> = kept.iter().collect();
        kept.sort_by_key(|checkpoint| checkpoint.size);
        let mut held = Held { kept, origin: String::new(), tree: Frontier::default(), verdicts: Vec::new() };
        let mut verdict = self.verify_rows(&mut held).await?;
        if let (None, Some(bad)) = (&verdict.first_bad, held.end()) {
            verdict.ok = false;
            verdict.first_bad = Some(bad);
        }
        verdict.checkpoints = held.verdicts;
        Ok(verdict)
    }

    async fn verify_rows(&self, held: &mut Held<'_>) -> Result<AuditVerdict, LedgerFault> {
        let what = "verify the audit log";
        let mut conn = self.read(what).await?;
        let head_hash = CHAIN_START.to_owned();
        let mut verdict = AuditVerdict { ok: true, rows: 0, first_bad: None, head_hash, checkpoints: Vec::new() };
        loop {
            // By place, so that lines appended meanwhile are checked too and none is seen twice.
            let rows = sqlx::query(
                "SELECT e.*, o.arguments FROM audit_events e LEFT JOIN operator_acts o ON o.seq = e.seq
                 WHERE e.seq > $1 ORDER BY e.seq LIMIT $2",
            )
            .bind(verdict.rows)
            .bind(VERIFY_ROWS)
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
            if rows.is_empty() {
                return Ok(verdict);
            }
            for row in &rows {
                let seq = row.number("seq")?;
                match check_row(row, verdict.rows + 1, &verdict.head_hash) {
                    Ok(hash) => {
                        verdict.head_hash = hash;
                        verdict.rows = seq;
                        held.row(row.text("event_json")?.as_bytes());
                    }
                    Err(what) => {
                        verdict.ok = false;
                        verdict.first_bad = Some(BadRow { seq, what });
                        return Ok(verdict);
                    }
                }
            }
        }
    }
}

/// The checkpoints that a log is held against, row by row.
struct Held<'k> {
    /// The smallest first.
    kept: Vec<&'k Checkpoint>,
    origin: String,
    tree: Frontier,
    verdicts: Vec<CheckpointVerdict>,
}

impl Held<'_> {
    fn row(&mut self, bytes: &[u8]) {
        let leaf = leaf_hash(bytes);
        if self.tree.size() == 0 {
            self.origin = Checkpoint::origin_of(&leaf);
        }
        self.tree.push(leaf, |_, _| {});
        while let Some(next) = self.kept.get(self.verdicts.len()).filter(|next| next.size == self.tree.size()) {
            let holds = next.origin == self.origin && next.root == self.tree.root();
            self.verdicts.push(CheckpointVerdict { size: next.size, holds });
        }
    }

    /// The first line that does not hold, as near as the checkpoints tell.
    fn end(&mut self) -> Option<BadRow> {
        let seq = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let rows = self.tree.size();
        let missing = self.kept.get(self.verdicts.len()..).unwrap_or_default();
        let cut = missing.iter().map(|next| CheckpointVerdict { size: next.size, holds: false });
        self.verdicts.extend(cut.collect::<Vec<_>>());
        let bad = self.verdicts.iter().position(|verdict| !verdict.holds)?;
        let size = self.verdicts.get(bad)?.size;
        if size > rows {
            let what = format!("it is gone: a checkpoint was signed of {size} lines, {rows} are there");
            return Some(BadRow { seq: seq(rows) + 1, what });
        }
        let from = self.verdicts.iter().take(bad).map(|verdict| verdict.size).max().unwrap_or(0) + 1;
        let what = format!(
            "from here on it is not the log that a checkpoint was signed of: a line from {from} to {size} is another one"
        );
        Some(BadRow { seq: seq(from), what })
    }
}

pub(crate) fn read_row(row: &Row) -> Result<AuditRow, LedgerFault> {
    let json = row.text("event_json")?;
    Ok(AuditRow {
        seq: row.number("seq")?,
        event: serde_json::from_str(&json).map_err(|_| unreadable("event_json", &json))?,
        previous_hash: row.text("previous_hash")?,
        hash: row.text("hash")?,
        by: row.text_maybe("done_by")?,
        reason: row.text_maybe("reason")?,
    })
}

/// The line's hash when it verifies, else what is wrong with it.
fn check_row(row: &Row, place: i64, before: &str) -> Result<String, String> {
    let column =
        |name: &'static str| row.try_get::<String, _>(name).map_err(|e| format!("{name} can not be read: {e}"));
    let seq: i64 = row.try_get("seq").map_err(|e| format!("seq can not be read: {e}"))?;
    if seq != place {
        return Err(format!("line {place} is missing"));
    }
    let (json, previous, hash) = (column("event_json")?, column("previous_hash")?, column("hash")?);
    if previous != before {
        return Err("it is not chained to the line before".to_owned());
    }
    if chain_hash(&previous, &json).to_string() != hash {
        return Err("its hash is not the one of its content".to_owned());
    }
    let event: AuditEvent = serde_json::from_str(&json).map_err(|e| format!("it is no audit event: {e}"))?;
    let action: Option<String> = row.try_get("action_id").map_err(|e| e.to_string())?;
    if action != event.action_id {
        return Err("its action column is not the one of its content".to_owned());
    }
    let arguments: Option<String> = row.try_get("arguments").map_err(|e| e.to_string())?;
    match arguments {
        Some(text) if Sha256::of(text.as_bytes()).to_string() != event.request.safe_payload_hash => {
            Err("who did it and why is not what was hashed".to_owned())
        }
        _ => Ok(hash),
    }
}
