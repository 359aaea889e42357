//! A decision: signed by its approver, of what would be sent now. The last approval releases the action in the same transaction.

use deed_core::approval::{ApprovalNeed, ApprovalStanding, Decision, Risk, Statement};
use deed_core::hold::HoldReason;
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;

use super::approvers::{Approver, active, same_person};
use super::{ApprovalError, SignedStatement, open_for_decisions, requests, standing};
use crate::acts::Act;
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::rows::{self, ActionDetails};
use crate::{LedgerError, SqlLedger};

const WHAT: &str = "keep a decision";

/// What a decision led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// How the action stands now.
    pub standing: ApprovalStanding,
    /// Whether that is enough.
    pub met: bool,
}

impl SqlLedger {
    /// Keeps an approver's decision. `present` is what the action needs now, with the recipe as it is now. The same statement again
    /// changes nothing.
    ///
    /// # Errors
    /// [`ApprovalError`]; [`LedgerFault::NotFound`] without the action or the approver.
    pub async fn decide(&self, signed: &SignedStatement, present: &ApprovalNeed) -> Result<Decided, LedgerError> {
        let said = &signed.statement;
        let mut tx = self.write(WHAT).await?;
        let now = self.now();
        let details = rows::action(on(&mut tx), &said.action).await?;
        open_for_decisions(&details)?;
        let approver = active(on(&mut tx), &said.approver).await?;
        let account = rows::account(on(&mut tx), &details.action.account).await?;
        proved(signed, &approver)?;
        if details.filed_by.as_deref().is_some_and(|filer| same_person(filer, &approver.name)) {
            return Err(ApprovalError::Filer { action: said.action.clone(), name: approver.name }.into());
        }
        of_the_present(on(&mut tx), said, present).await?;
        handle_typed(said, present.risk, &account.fingerprint.handle)?;
        if !kept_before(on(&mut tx), signed, &approver).await? {
            insert(on(&mut tx), signed, &approver).await?;
            let standing = standing(on(&mut tx), &said.action, present).await?;
            hold_or_release(on(&mut tx), said, standing.meets(present), now).await?;
            self.tell(on(&mut tx), now, &details, signed, &approver).await?;
        }
        let standing = standing(on(&mut tx), &said.action, present).await?;
        commit(tx, WHAT).await?;
        let met = standing.meets(present);
        Ok(Decided { standing, met })
    }

    /// The signature is in the log, so that it can be checked without these tables.
    async fn tell(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        before: &ActionDetails,
        signed: &SignedStatement,
        approver: &Approver,
    ) -> Result<(), LedgerFault> {
        let after = rows::action(&mut *conn, &before.action.id).await?;
        let status = match signed.statement.decision {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
        };
        let said = serde_json::json!({
            "act": status, "statement": signed.statement.canonical(), "signature": signed.signature,
            "public_key": approver.public_key,
        });
        let act = Act::new(&approver.name, signed.statement.reason.as_deref(), &said);
        tell_act(self, conn, now, Subject { action: Some(&after), ..Subject::default() }, status, &act).await
    }
}

/// Signed by the key that is registered under the name.
fn proved(signed: &SignedStatement, approver: &Approver) -> Result<(), ApprovalError> {
    let text = signed.statement.canonical();
    let named = signed.statement.approver == approver.name;
    if named && approver.public_key.signed(&text, &signed.signature) {
        return Ok(());
    }
    Err(ApprovalError::Signature { name: approver.name.clone() })
}

/// Of the latest request, which is of what would be sent now.
async fn of_the_present(conn: &mut Conn, said: &Statement, present: &ApprovalNeed) -> Result<(), LedgerError> {
    let action = &said.action;
    let Some(request) = requests::latest(conn, action).await? else {
        let why = "nobody has asked for approval of this action yet";
        return Err(ApprovalError::NotAsked { action: action.clone(), why }.into());
    };
    let stale = |why: String| Err(ApprovalError::Stale { action: action.clone(), why }.into());
    if said.revision != request.revision {
        return stale(format!("revision {} is the present one, not {}", request.revision, said.revision));
    }
    if request.binding != present.binding {
        return stale(format!("the recipe or the account is not the one that revision {} showed", request.revision));
    }
    if said.binding != present.binding {
        return stale("what was signed is not what would be sent".to_owned());
    }
    Ok(())
}

/// A handle that was typed must be the account's, always; at high risk it must have been typed.
fn handle_typed(said: &Statement, risk: Risk, handle: &str) -> Result<(), ApprovalError> {
    match said.handle.as_deref() {
        Some(typed) if typed != handle => Err(ApprovalError::Handle { why: format!("`{typed}` is not it") }),
        None if said.decision == Decision::Approve && risk == Risk::High => {
            Err(ApprovalError::Handle { why: "it was not typed".to_owned() })
        }
        _ => Ok(()),
    }
}

/// Whether exactly this statement is kept already. One of before the approver's last one is refused: it was taken back.
async fn kept_before(conn: &mut Conn, signed: &SignedStatement, approver: &Approver) -> Result<bool, LedgerError> {
    let said = &signed.statement;
    let rows = sqlx::query("SELECT signature, decided_at FROM approvals WHERE action_id = $1 AND approver_id = $2")
        .bind(said.action.as_str())
        .bind(approver.id)
        .fetch_all(conn)
        .await
        .during(WHAT)?;
    let mut later = false;
    for row in &rows {
        if row.text("signature")? == signed.signature {
            return Ok(true);
        }
        later |= row.time("decided_at")? >= said.at;
    }
    if later {
        let why = format!("{} decided again since this was signed", approver.name);
        return Err(ApprovalError::Stale { action: said.action.clone(), why }.into());
    }
    Ok(false)
}

async fn insert(conn: &mut Conn, signed: &SignedStatement, approver: &Approver) -> Result<(), LedgerFault> {
    let said = &signed.statement;
    sqlx::query(
        "INSERT INTO approvals
         (action_id, revision, binding, approver_id, decision, handle_typed, statement, signature, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(said.action.as_str())
    .bind(i64::from(said.revision))
    .bind(said.binding.to_string())
    .bind(approver.id)
    .bind(said.decision.as_str())
    .bind(i64::from(said.handle.is_some()))
    .bind(said.canonical())
    .bind(&signed.signature)
    .bind(said.at.0)
    .execute(conn)
    .await
    .during(WHAT)?;
    Ok(())
}

/// The last approval that was needed makes the action due again; a rejection makes it wait. One that a runner has is judged when
/// that one arms.
async fn hold_or_release(conn: &mut Conn, said: &Statement, met: bool, now: Timestamp) -> Result<(), LedgerFault> {
    let approval = HoldReason::Approval.as_str();
    let query = match said.decision {
        Decision::Reject => {
            let words = said.reason.as_deref().unwrap_or("no reason given");
            sqlx::query(
                "UPDATE actions SET hold_reason = $1, hold_detail = $2, hold_until = NULL, updated_at = $3
                 WHERE action_id = $4 AND state = 'queued' AND worker IS NULL AND (hold_reason IS NULL OR hold_reason = $1)",
            )
            .bind(approval)
            .bind(format!("rejected by {}: {words}", said.approver))
        }
        Decision::Approve if met => sqlx::query(
            "UPDATE actions SET hold_reason = NULL, hold_detail = NULL, hold_until = NULL, updated_at = $2
             WHERE action_id = $3 AND state = 'queued' AND hold_reason = $1",
        )
        .bind(approval),
        Decision::Approve => return Ok(()),
    };
    query.bind(now.0).bind(said.action.as_str()).execute(conn).await.during(WHAT)?;
    Ok(())
}
