//! One event of an action: the new state, what goes with it and its audit event, in one transaction; or nothing at all.
//!
//! [`next`] decides where an event leads; this file never names a target state itself. The fence is asked first: whoever lost the
//! claim changes nothing. `attempted` can not be reached here, only through `arm`.

use deed_core::hold::{Hold, HoldReason};
use deed_core::ports::ledger::{Change, Fence, LedgerFault, VerificationRead};
use deed_core::state::{Event, IllegalTransition, State, next};
use deed_core::time::Timestamp;
use deed_proofs::ArtifactRef;

use crate::audit::{tell_account, tell_action};
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::rows::{self, ActionDetails};
use crate::{SqlLedger, approvals, pace, tries, waits, warnings};

/// $1 state, $2 to $4 the hold, $5 the failure, $6 now, $19 when to look again; the rest as in `note`. A hold lasts until the next change
/// of state. A press of which nobody knows what came lasts until its permit ended: what left it may be on its way still.
const ADVANCE: &str = "UPDATE actions
SET state = $1, hold_reason = $2, hold_detail = $3, hold_until = $4, failure = coalesce($5, failure), updated_at = $6,
    press_until = CASE WHEN $1 = 'unknown' THEN press_until END, verify_at = CASE WHEN $1 = 'unknown' THEN $6 ELSE $19 END,
    platform_object_id = coalesce($7, platform_object_id), permalink = coalesce($8, permalink),
    http_status = coalesce($9, http_status), visibility = coalesce($10, visibility),
    identity_ok = coalesce($11, identity_ok), policy_snapshot_id = coalesce($12, policy_snapshot_id),
    proof_level = CASE WHEN $13 > proof_level THEN $13 ELSE proof_level END,
    manifest_hash = coalesce($14, manifest_hash)
WHERE action_id = $15 AND worker = $16 AND epoch = $17 AND state = $18";

/// What is known is added to, never taken away.
const NOTE: &str = "UPDATE actions
SET updated_at = $1, press_until = CASE WHEN $13 = 1 THEN NULL ELSE press_until END,
    platform_object_id = coalesce($2, platform_object_id), permalink = coalesce($3, permalink),
    http_status = coalesce($4, http_status), visibility = coalesce($5, visibility),
    identity_ok = coalesce($6, identity_ok), policy_snapshot_id = coalesce($7, policy_snapshot_id),
    proof_level = CASE WHEN $8 > proof_level THEN $8 ELSE proof_level END,
    manifest_hash = coalesce($9, manifest_hash)
WHERE action_id = $10 AND worker = $11 AND epoch = $12";

/// What a platform answers to a write that came too fast.
const TOO_MANY_REQUESTS: u16 = 429;

type Query = sqlx::query::Query<'static, crate::engine::Db, <crate::engine::Db as sqlx::Database>::Arguments>;

/// The facts of a change, in the order in which both statements take them.
fn bind_facts(query: Query, change: &Change) -> Query {
    query
        .bind(change.object.platform_object_id.clone())
        .bind(change.object.permalink.clone())
        .bind(change.object.http_status.map(i64::from))
        .bind(change.object.visibility.clone())
        .bind(change.identity_ok.map(i64::from))
        .bind(change.policy.as_ref().map(ToString::to_string))
        .bind(i64::from(change.proof_level.unwrap_or(0)))
        .bind(change.manifest.map(|m| m.to_string()))
}

pub(crate) async fn advance(
    ledger: &SqlLedger,
    fence: &Fence,
    event: Event,
    change: Change,
) -> Result<(), LedgerFault> {
    let what = "change the action's state";
    let mut tx = ledger.write(what).await?;
    let now = ledger.now();
    let before = fenced(on(&mut tx), fence).await?;
    let from = before.action.state;
    if event == Event::Armed {
        // The arm transaction is the only way to `attempted`.
        return Err(IllegalTransition { state: from, event }.into());
    }
    let to = next(from, event)?;
    let hold = kept_hold(on(&mut tx), fence, &change).await?;
    let query = sqlx::query(ADVANCE)
        .bind(to.as_str())
        .bind(hold.map(|h| h.reason.as_str()))
        .bind(hold.map(|h| h.detail.clone()))
        .bind(hold.and_then(|h| h.until).map(|t| t.0))
        .bind(change.failure.map(|f| f.as_str()))
        .bind(now.0);
    let done = bind_facts(query, &change)
        .bind(fence.action.to_string())
        .bind(fence.worker.to_string())
        .bind(fence.epoch)
        .bind(from.as_str())
        .bind(change.look_again.map(|t| t.0))
        .execute(on(&mut tx))
        .await
        .during(what)?;
    if done.rows_affected() != 1 {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    if let Some(fault) = change.tried {
        tries::keep(on(&mut tx), &fence.action, fault, hold, now).await?;
    }
    let after = told(ledger, on(&mut tx), now, fence, to.as_str(), &change).await?;
    waits::after_change(ledger, on(&mut tx), now, &fence.action, to).await?;
    if let Some(ok) = change.identity_ok {
        seen_as(on(&mut tx), now, fence, ok).await?;
    }
    warnings::of_change(ledger, on(&mut tx), now, event, &after).await?;
    if to == State::Queued {
        read_only_if_need_be(ledger, on(&mut tx), now, &after).await?;
    }
    if hold.is_some_and(|h| h.reason == HoldReason::RateLimit) {
        pace::slow(ledger, on(&mut tx), now, &after, hold.and_then(|h| h.until)).await?;
    }
    if event == Event::FoundPresent {
        pace::recover(on(&mut tx), now, &after.action.account).await?;
    }
    commit(tx, what).await
}

/// The hold, unless what it waits for came while the action was on its way to it.
async fn kept_hold<'c>(conn: &mut Conn, fence: &Fence, change: &'c Change) -> Result<Option<&'c Hold>, LedgerFault> {
    if let (Some(hold), Some(need)) = (&change.hold, &change.approval)
        && hold.reason == HoldReason::Approval
        && approvals::standing(conn, &fence.action, need).await?.meets(need)
    {
        return Ok(None);
    }
    Ok(change.hold.as_ref())
}

pub(crate) async fn note(ledger: &SqlLedger, fence: &Fence, change: Change) -> Result<(), LedgerFault> {
    let what = "keep what is known of the action";
    let mut tx = ledger.write(what).await?;
    let now = ledger.now();
    fenced(on(&mut tx), fence).await?;
    let done = bind_facts(sqlx::query(NOTE).bind(now.0), &change)
        .bind(fence.action.to_string())
        .bind(fence.worker.to_string())
        .bind(fence.epoch)
        .bind(i64::from(change.press_over))
        .execute(on(&mut tx))
        .await
        .during(what)?;
    if done.rows_affected() != 1 {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    // A manifest says that the proof is sealed; a later look, who sees it now; a receipt, what the platform answered.
    let status = match (&change.manifest, &change.object.visibility) {
        (Some(_), _) => "sealed",
        (None, Some(_)) => "visibility",
        (None, None) => "receipt",
    };
    let after = told(ledger, on(&mut tx), now, fence, status, &change).await?;
    if change.object.http_status == Some(TOO_MANY_REQUESTS) {
        pace::slow(ledger, on(&mut tx), now, &after, change.not_before).await?;
    }
    commit(tx, what).await
}

/// Keeps the artifacts, and appends the audit event of what the row says now.
async fn told(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    fence: &Fence,
    status: &str,
    change: &Change,
) -> Result<ActionDetails, LedgerFault> {
    keep_artifacts(&mut *conn, fence, &change.artifacts).await?;
    let after = rows::action(&mut *conn, &fence.action).await?;
    tell_action(ledger, conn, now, &after, status, &change.artifacts, change.manifest).await?;
    Ok(after)
}

/// The account becomes read-only where the hold says so. One that a person suspended stays suspended.
async fn read_only_if_need_be(
    ledger: &SqlLedger,
    conn: &mut Conn,
    now: Timestamp,
    after: &ActionDetails,
) -> Result<(), LedgerFault> {
    let Some(hold) = after.hold.as_ref().filter(|h| h.reason.makes_read_only()) else { return Ok(()) };
    let done = sqlx::query(
        "UPDATE platform_accounts SET state = 'read_only', state_reason = $1, updated_at = $2
         WHERE account_id = $3 AND state = 'active'",
    )
    .bind(format!("{}: {}", hold.reason.as_str(), hold.detail))
    .bind(now.0)
    .bind(after.action.account.as_str())
    .execute(&mut *conn)
    .await
    .during("make the account read-only")?;
    if done.rows_affected() == 1 {
        tell_account(ledger, conn, now, after, "account_read_only").await?;
    }
    Ok(())
}

/// Keeps at the account when it was last looked who is signed in, and whether that was the account.
async fn seen_as(conn: &mut Conn, now: Timestamp, fence: &Fence, ok: bool) -> Result<(), LedgerFault> {
    sqlx::query("UPDATE platform_accounts SET identity_at = $1, identity_ok = $2 WHERE account_id = $3")
        .bind(now.0)
        .bind(i64::from(ok))
        .bind(fence.account.as_str())
        .execute(conn)
        .await
        .during("keep who was signed in")?;
    Ok(())
}

pub(crate) async fn verification(
    ledger: &SqlLedger,
    fence: &Fence,
    read: &VerificationRead,
) -> Result<(), LedgerFault> {
    let what = "keep a verification read";
    let mut tx = ledger.write(what).await?;
    fenced(on(&mut tx), fence).await?;
    sqlx::query(
        "INSERT INTO verifications (action_id, episode_id, epoch, read_number, read_at, found, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(fence.action.as_str())
    .bind(fence.episode.as_str())
    .bind(fence.epoch)
    .bind(i64::from(read.read))
    .bind(read.at.0)
    .bind(read.found.as_str())
    .bind(&read.note)
    .execute(on(&mut tx))
    .await
    .during(what)?;
    commit(tx, what).await
}

/// Whether the row's claim is the fence's.
pub(crate) fn same_claim(details: &ActionDetails, fence: &Fence) -> bool {
    details.action.account == fence.account
        && details.action.episode.as_ref() == Some(&fence.episode)
        && details.worker.as_ref() == Some(&fence.worker)
        && details.epoch == fence.epoch
}

/// The action, if the claim on it is still ours.
pub(crate) async fn fenced(conn: &mut Conn, fence: &Fence) -> Result<ActionDetails, LedgerFault> {
    let details = rows::action(conn, &fence.action).await?;
    if same_claim(&details, fence) { Ok(details) } else { Err(LedgerFault::FenceLost(fence.action.clone())) }
}

/// Keeps references to artifacts that are durable in the proof store.
pub(crate) async fn keep_artifacts(
    conn: &mut Conn,
    fence: &Fence,
    artifacts: &[ArtifactRef],
) -> Result<(), LedgerFault> {
    let what = "keep the artifacts";
    for artifact in artifacts {
        let reference = serde_json::to_string(artifact).map_err(|error| LedgerFault::Database {
            what: what.to_owned(),
            why: error.to_string(),
            code: "ledger-database",
        })?;
        sqlx::query("INSERT INTO artifacts (action_id, episode_id, sha256, reference) VALUES ($1, $2, $3, $4)")
            .bind(fence.action.as_str())
            .bind(fence.episode.as_str())
            .bind(artifact.sha256.to_string())
            .bind(reference)
            .execute(&mut *conn)
            .await
            .during(what)?;
    }
    Ok(())
}
