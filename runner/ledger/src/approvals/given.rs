//! Decisions as they are kept, and whether each is what its approver signed.

use deed_core::approval::{Decision, Statement};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use deed_proofs::Sha256;
use serde::Serialize;

use super::PublicKey;
use super::approvers::same_person;
use super::requests::small;
use crate::SqlLedger;
use crate::engine::{During as _, Row};
use crate::records::Columns as _;

/// A decision that was given, with all that is needed to check it offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenApproval {
    /// Who decided.
    pub approver: String,
    /// Which request.
    pub revision: u32,
    /// What it is bound to.
    pub binding: Sha256,
    /// Yes or no.
    pub decision: Decision,
    /// Whether the account's handle was typed.
    pub handle_typed: bool,
    /// When, by the approver's clock.
    pub at: Timestamp,
    /// The bytes that were signed.
    pub statement: String,
    /// The signature, base64.
    pub signature: String,
    /// What it is checked with.
    pub public_key: PublicKey,
    /// Whether the approver was revoked since.
    pub revoked: bool,
    /// Whether the key signed this statement, and the statement says what the ledger says.
    pub verifies: bool,
    /// Whether the approver filed the order.
    #[serde(skip)]
    pub(crate) by_filer: bool,
}

impl GivenApproval {
    /// A row of `approvals`, with `name`, `public_key` and `revoked_at` of its approver, the account's `handle` and `filed_by`.
    pub(crate) fn read(row: &Row) -> Result<Self, LedgerFault> {
        let mut given = Self {
            approver: row.text("name")?,
            revision: small(row, "revision")?,
            binding: row.parsed("binding", |text| text.parse().ok())?,
            decision: row.parsed("decision", Decision::parse)?,
            handle_typed: row.number("handle_typed")? != 0,
            at: row.time("decided_at")?,
            statement: row.text("statement")?,
            signature: row.text("signature")?,
            public_key: row.parsed("public_key", |text| text.parse().ok())?,
            revoked: row.time_maybe("revoked_at")?.is_some(),
            verifies: false,
            by_filer: false,
        };
        given.by_filer = row.text_maybe("filed_by")?.is_some_and(|filer| same_person(&filer, &given.approver));
        given.verifies = given.says(&ActionId::new(row.text("action_id")?), &row.text("handle")?)
            && given.public_key.signed(&given.statement, &given.signature);
        Ok(given)
    }

    /// Whether the statement says what the columns say.
    fn says(&self, action: &ActionId, handle: &str) -> bool {
        let Ok(said) = serde_json::from_str::<serde_json::Value>(&self.statement) else { return false };
        let text = |key: &str| said.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let expected = Statement {
            action: action.clone(),
            revision: self.revision,
            binding: self.binding,
            approver: self.approver.clone(),
            decision: self.decision,
            handle: self.handle_typed.then(|| handle.to_owned()),
            reason: text("reason"),
            at: self.at,
        };
        expected.canonical() == self.statement
    }
}

impl SqlLedger {
    /// Every decision on an action, in the order in which they were given, the ones that do not count (any more) too.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn approvals_given(&self, action: &ActionId) -> Result<Vec<GivenApproval>, LedgerFault> {
        let what = "read the approvals of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT p.*, v.name, v.public_key, v.revoked_at, a.handle, actions.filed_by
             FROM approvals p JOIN approvers v ON v.approver_id = p.approver_id JOIN actions ON actions.action_id = p.action_id
             JOIN platform_accounts a ON a.account_id = actions.account_id
             WHERE p.action_id = $1 ORDER BY p.approval_id",
        )
        .bind(action.as_str())
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        rows.iter().map(GivenApproval::read).collect()
    }
}
