//! The arm transaction: the one judge of whether a press may happen.
//!
//! Every condition stands in one UPDATE, under the write lock, together with `attempted` and its audit event. It changes one row
//! or none; only when none was changed is it asked why, and that answer decides nothing. There is no second way to `attempted`:
//! `advance` refuses the event.

use deed_core::account::{AccountState, Mode};
use deed_core::approval::{ApprovalNeed, Autonomy, Risk, needed};
use deed_core::ids::ActionId;
use deed_core::pace::Bounds;
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
use crate::pace;
use crate::records::Columns as _;
use crate::rows;

const WHAT: &str = "arm the action";

/// $1 now, $2 the target, $3 the manifest, $4 the end of the permit; $5 to $9 the fence; $10 and $11 how many attempts of this type since
/// when are too many, of the hour, $12 and $13 of the day; $14 since when an attempt of the account is too near; $15 to $17 the approvals.
const ARM: &str = concat!(
    "UPDATE actions
SET state = 'attempted', attempted_at = $1, updated_at = $1, proof_level = 1, target_hash = $2, press_until = $4,
    manifest_hash = coalesce($3, manifest_hash), hold_reason = NULL, hold_detail = NULL, hold_until = NULL
WHERE action_id = $5 AND account_id = $6 AND episode_id = $7 AND worker = $8 AND epoch = $9
  AND state = 'identity_verified'
  AND waits_for = 0
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
      WHERE o.account_id = actions.account_id AND o.action_id <> actions.action_id AND o.state IN ('attempted', 'unknown'))
  AND (SELECT count(*) FROM actions h
       WHERE h.account_id = actions.account_id AND h.action_type = actions.action_type AND h.attempted_at > $11) < $10
  AND (SELECT count(*) FROM actions d
       WHERE d.account_id = actions.account_id AND d.action_type = actions.action_type AND d.attempted_at > $13) < $12
  AND NOT EXISTS (SELECT 1 FROM actions n WHERE n.account_id = actions.account_id AND n.attempted_at > $14)
  AND NOT EXISTS (SELECT 1 FROM account_pace p WHERE p.account_id = actions.account_id AND p.not_before > $1)",
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
    let bounds = pace::read(on(&mut tx), &fence.account).await?.bounds(&request.limits, now);
    let need = &request.approval;
    // The statement below counts; whether each was signed, only this can tell. Nobody else writes meanwhile.
    if !approvals::standing(on(&mut tx), &fence.action, need).await?.meets(need) {
        return refusal(on(&mut tx), fence, deadline, &bounds, need).await.map(Err);
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
        .bind(pace::most(&bounds.hour))
        .bind(bounds.hour.after(now).0)
        .bind(pace::most(&bounds.day))
        .bind(bounds.day.after(now).0)
        .bind(bounds.gap_after().0)
        .bind(i64::from(need.needed))
        .bind(need.binding.to_string())
        .bind(i64::from(need.risk == Risk::High))
        .execute(on(&mut tx))
        .await
        .during(WHAT)?;
    if done.rows_affected() != 1 {
        // Nothing was changed; the transaction is given up when it is dropped.
        return refusal(on(&mut tx), fence, deadline, &bounds, need).await.map(Err);
    }
    pace::draw(on(&mut tx), &fence.account, request.jitter_milli, now).await?;
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
    deadline: Timestamp,
    bounds: &Bounds,
    need: &ApprovalNeed,
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
    if details.waits_for > 0 {
        return Ok(ArmRefusal::Waits(details.waits_for));
    }
    if details.lease_until.is_none_or(|until| until < deadline) {
        return Ok(ArmRefusal::LeaseTooShort);
    }
    if let Some(wait) = pace::wait(&mut *conn, &fence.account, &details.action.payload.action_type, bounds).await? {
        return Ok(ArmRefusal::Budget(wait));
    }
    let standing = approvals::standing(&mut *conn, &fence.action, need).await?;
    let needed = needed(account.approvals.risk().max(details.action.risk), Autonomy::Auto).max(need.needed);
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
