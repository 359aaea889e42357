//! The arm transaction: the one judge of whether a press may happen.
//!
//! Every condition stands in one UPDATE, under the write lock, together with `attempted` and its audit event. It changes one row
//! or none; only when none was changed is it asked why, and that answer decides nothing. There is no second way to `attempted`:
//! `advance` refuses the event.

use deed_core::account::{AccountState, Mode};
use deed_core::approval::{ApprovalNeed, Autonomy, Risk, needed};
use deed_core::ids::ActionId;
use deed_core::permit::ArmGrant;
use deed_core::ports::ledger::{ArmRefusal, ArmRequest, Fence, LedgerFault};
use deed_core::state::State;
use deed_core::time::Timestamp;

use crate::SqlLedger;
use crate::approvals::{self, approved};
use crate::audit::tell_action;
use crate::change::{keep_artifacts, same_claim};
use crate::engine::{Conn, During as _};
use crate::kill;
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::rows;

const WHAT: &str = "arm the action";

/// $1 now, $2 the target, $3 the manifest, $4 the end of the permit; $5 to $9 the fence; $10 to $12 the approvals.
const ARM: &str = concat!(
    "UPDATE actions
SET state = 'attempted', attempted_at = $1, updated_at = $1, proof_level = 1, target_hash = $2,
    manifest_hash = coalesce($3, manifest_hash), hold_reason = NULL, hold_detail = NULL, hold_until = NULL
WHERE action_id = $5 AND account_id = $6 AND episode_id = $7 AND worker = $8 AND epoch = $9
  AND state = 'identity_verified'
  AND lease_until >= $4
  AND EXISTS (
      SELECT 1 FROM platform_accounts a
      WHERE a.account_id = actions.account_id AND a.client_id = actions.client_id AND a.state = 'active' AND a.mode = 'live')
  AND NOT EXISTS (
      SELECT 1 FROM kill_switches k
      WHERE k.off_at IS NULL
        AND (k.scope = 'global'
          OR (k.scope = 'client' AND k.scope_id = actions.client_id)
          OR (k.scope = 'account' AND k.scope_id = actions.account_id)))
  AND NOT EXISTS (
      SELECT 1 FROM actions o
      WHERE o.account_id = actions.account_id AND o.action_id <> actions.action_id AND o.state IN ('attempted', 'unknown'))",
    approved!()
);

pub(crate) async fn arm(
    ledger: &SqlLedger,
    fence: &Fence,
    request: &ArmRequest,
) -> Result<Result<ArmGrant, ArmRefusal>, LedgerFault> {
    let mut tx = ledger.write(WHAT).await?;
    let now = ledger.now();
    let deadline = now.plus(request.commit_within);
    let need = &request.approval;
    // The statement below counts; whether each was signed, only this can tell. Nobody else writes meanwhile.
    if !approvals::standing(on(&mut tx), &fence.action, need).await?.meets(need) {
        return refusal(on(&mut tx), fence, need, deadline).await.map(Err);
    }
    let done = sqlx::query(ARM)
        .bind(now.0)
        .bind(request.target.to_string())
        .bind(request.manifest.map(|m| m.to_string()))
        .bind(deadline.0)
        .bind(fence.action.as_str())
        .bind(fence.account.as_str())
        .bind(fence.episode.as_str())
        .bind(fence.worker.as_str())
        .bind(fence.epoch)
        .bind(i64::from(need.needed))
        .bind(need.binding.to_string())
        .bind(i64::from(need.risk == Risk::High))
        .execute(on(&mut tx))
        .await
        .during(WHAT)?;
    if done.rows_affected() != 1 {
        // Nothing was changed; the transaction is given up when it is dropped.
        return refusal(on(&mut tx), fence, need, deadline).await.map(Err);
    }
    keep_artifacts(on(&mut tx), fence, &request.artifacts).await?;
    let details = rows::action(on(&mut tx), &fence.action).await?;
    tell_action(ledger, on(&mut tx), now, &details, State::Attempted.as_str(), &request.artifacts, request.manifest)
        .await?;
    commit(tx, WHAT).await?;
    Ok(Ok(ArmGrant { action: fence.action.clone(), epoch: fence.epoch, deadline, armed_at: now }))
}

/// Which condition did not hold, for the operator.
async fn refusal(
    conn: &mut Conn,
    fence: &Fence,
    need: &ApprovalNeed,
    deadline: Timestamp,
) -> Result<ArmRefusal, LedgerFault> {
    let details = rows::action(&mut *conn, &fence.action).await?;
    if !same_claim(&details, fence) || details.action.state != State::IdentityVerified {
        return Ok(ArmRefusal::FenceLost);
    }
    let account = rows::account(&mut *conn, &fence.account).await?;
    if let Some(switch) = kill::in_the_way(&mut *conn, &account).await? {
        return Ok(ArmRefusal::KillSwitch(switch));
    }
    if account.state != AccountState::Active {
        return Ok(ArmRefusal::AccountNotActive(account.state.as_str().to_owned()));
    }
    if account.mode != Mode::Live {
        return Ok(ArmRefusal::Draft);
    }
    if let Some(other) = unsettled_other(&mut *conn, fence).await? {
        return Ok(ArmRefusal::AccountBusy(other));
    }
    if details.lease_until.is_none_or(|until| until < deadline) {
        return Ok(ArmRefusal::LeaseTooShort);
    }
    let standing = approvals::standing(&mut *conn, &fence.action, need).await?;
    let needed = needed(account.approvals.risk().max(details.action.risk), Autonomy::Full).max(need.needed);
    if !standing.meets(need) || needed > need.needed {
        let words = if needed > need.needed {
            format!("{needed} must approve by now, and {} was asked for", need.needed)
        } else {
            standing.words(&fence.action, need)
        };
        return Ok(ArmRefusal::Approval { have: standing.have(), needed, words });
    }
    // The account is another client's than the action: the rows contradict each other, and nothing is armed on such ground.
    Err(LedgerFault::Database {
        what: WHAT.to_owned(),
        why: format!("action {} and its account do not belong to the same client", fence.action),
        code: "ledger-corrupt",
    })
}

async fn unsettled_other(conn: &mut Conn, fence: &Fence) -> Result<Option<ActionId>, LedgerFault> {
    let row = sqlx::query(
        "SELECT action_id FROM actions WHERE account_id = $1 AND action_id <> $2 AND state IN ('attempted', 'unknown') LIMIT 1",
    )
    .bind(fence.account.as_str())
    .bind(fence.action.as_str())
    .fetch_optional(conn)
    .await
    .during(WHAT)?;
    row.map(|row| row.text("action_id").map(ActionId::new)).transpose()
}
