//! Approvals: who may give them, what they were asked, what they decided, and what of it counts.
//!
//! Owns the one rule of what counts ([`counting`]), which both the arm transaction and everybody who asks go by. Everything is kept:
//! an approver is revoked and never removed, a request and a decision never change. Never decides how many are needed
//! (`deed_core::approval` does), never releases anything but a hold for approval.

mod approvers;
mod decide;
mod error;
mod given;
mod keys;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

use deed_core::approval::{ApprovalNeed, ApprovalStanding, Decision, Risk};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::LedgerFault;
use deed_proofs::manifest::Approval;

use crate::engine::{Conn, During as _};
use crate::rows::ActionDetails;
use crate::{LedgerError, SqlLedger};

pub use approvers::Approver;
pub use decide::Decided;
pub use error::ApprovalError;
pub use given::GivenApproval;
pub use keys::{ApproverKey, PublicKey, SignedStatement};
pub use requests::{ApprovalRequest, NewApprovalRequest};

/// Which decisions on a row of `actions` count at all: the last one of each approver `v` who is not revoked and did not file the order.
/// A part of a WHERE clause over `actions`, `approvals p` and `approvers v`.
macro_rules! counting {
    () => {
        "p.action_id = actions.action_id AND v.approver_id = p.approver_id AND v.revoked_at IS NULL
         AND (actions.filed_by IS NULL OR lower(v.name) <> lower(actions.filed_by))
         AND p.approval_id = (
             SELECT max(l.approval_id) FROM approvals l WHERE l.action_id = p.action_id AND l.approver_id = p.approver_id)"
    };
}

/// More conditions of arming: that enough different people approved exactly this, under the latest request, and nobody rejected it.
/// $15 how many, no fewer than account and order ask for now; $16 the binding; $17 whether the handle must have been typed.
macro_rules! approved {
    () => {
        concat!(
            "
  AND $15 >= (
      SELECT CASE a.approvals WHEN 'two' THEN 2 WHEN 'one' THEN 1 ELSE 0 END
      FROM platform_accounts a WHERE a.account_id = actions.account_id)
  AND $15 >= CASE risk WHEN 'high' THEN 2 WHEN 'medium' THEN 1 ELSE 0 END
  AND (SELECT count(DISTINCT lower(v.name)) FROM approvals p, approvers v WHERE ",
            $crate::approvals::counting!(),
            " AND p.decision = 'approve' AND p.binding = $16 AND (p.handle_typed = 1 OR $17 = 0)
              AND p.revision = (SELECT max(r.revision) FROM approval_requests r WHERE r.action_id = p.action_id)) >= $15
  AND NOT EXISTS (SELECT 1 FROM approvals p, approvers v WHERE ",
            $crate::approvals::counting!(),
            " AND p.decision = 'reject' AND p.binding = $16)"
        )
    };
}

pub(crate) use {approved, counting};

/// Who approved and who rejected exactly this, each signature checked. What does not verify does not count as an approval.
pub(crate) async fn standing(
    conn: &mut Conn,
    action: &ActionId,
    need: &ApprovalNeed,
) -> Result<ApprovalStanding, LedgerFault> {
    let request = requests::latest(&mut *conn, action).await?;
    let (revision, asked) = request.map_or((0, None), |r| (r.revision, Some(r.binding)));
    let rows = sqlx::query(concat!(
        "SELECT p.*, v.name, v.public_key, v.revoked_at, a.handle, actions.filed_by
         FROM actions JOIN platform_accounts a ON a.account_id = actions.account_id, approvals p, approvers v
         WHERE actions.action_id = $1 AND ",
        counting!(),
        " ORDER BY lower(v.name)"
    ))
    .bind(action.as_str())
    .fetch_all(&mut *conn)
    .await
    .during("read who approved an action")?;
    let mut standing = ApprovalStanding { revision, is_current: asked == Some(need.binding), ..Default::default() };
    let mut people = BTreeSet::new();
    for row in &rows {
        let given = GivenApproval::read(row)?;
        if given.binding != need.binding {
            continue;
        }
        match given.decision {
            Decision::Reject => standing.rejected_by.push(given.approver),
            Decision::Approve => {
                let seen = need.risk < Risk::High || given.handle_typed;
                let counts = given.revision == revision && given.verifies && seen && !given.by_filer;
                if counts && people.insert(given.approver.to_lowercase()) {
                    standing.approved_by.push(given.approver);
                }
            }
        }
    }
    Ok(standing)
}

/// The approvals that count for what is needed, each with its signature, for the manifest: one of each person, the last.
pub(crate) async fn counted(
    ledger: &SqlLedger,
    action: &ActionId,
    need: &ApprovalNeed,
) -> Result<Vec<Approval>, LedgerFault> {
    let standing = ledger.approvals(action, need).await?;
    let mut counted: BTreeMap<String, Approval> = BTreeMap::new();
    for given in ledger.approvals_given(action).await? {
        let counts = standing.approved_by.contains(&given.approver)
            && given.decision == Decision::Approve
            && given.binding == need.binding
            && given.revision == standing.revision;
        // A public key that does not read here was not one that verified.
        let Some(public_key) = given.public_key.to_string().parse().ok().filter(|_| counts && given.verifies) else {
            continue;
        };
        let approval = Approval {
            approver: given.approver.clone(),
            revision: given.revision,
            binding: given.binding,
            at: given.at.to_string(),
            statement: given.statement,
            signature: given.signature,
            public_key,
        };
        counted.insert(given.approver.to_lowercase(), approval);
    }
    Ok(counted.into_values().collect())
}

impl SqlLedger {
    /// Who approved and who rejected exactly what is needed.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn approvals(&self, action: &ActionId, need: &ApprovalNeed) -> Result<ApprovalStanding, LedgerFault> {
        let mut conn = self.read("read who approved an action").await?;
        standing(&mut conn, action, need).await
    }
}

/// Only what was not attempted yet can be approved or rejected.
fn open_for_decisions(details: &ActionDetails) -> Result<(), LedgerError> {
    use deed_core::state::State;
    let state = details.action.state;
    match state {
        State::Queued | State::PreflightPassed | State::IdentityVerified => Ok(()),
        _ => Err(ApprovalError::Closed { action: details.action.id.clone(), state }.into()),
    }
}
