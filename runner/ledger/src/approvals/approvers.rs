//! Who may approve: people with a key of their own, registered and revoked by an operator.

use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use serde::Serialize;

use super::{ApprovalError, PublicKey};
use crate::acts::{Act, Operator, check_by};
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _, Row};
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::{LedgerError, SqlLedger};

/// A person who may approve, or might once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approver {
    /// The row, which the decisions name.
    #[serde(skip)]
    pub(crate) id: i64,
    /// Who.
    pub name: String,
    /// What their signatures are checked with.
    pub public_key: PublicKey,
    /// Who registered them.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// When they were revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoked_reason: Option<String>,
}

impl Approver {
    fn read(row: &Row) -> Result<Self, LedgerFault> {
        Ok(Self {
            id: row.number("approver_id")?,
            name: row.text("name")?,
            public_key: row.parsed("public_key", |text| text.parse().ok())?,
            added_by: row.text("added_by")?,
            added_at: row.time("added_at")?,
            revoked_at: row.time_maybe("revoked_at")?,
            revoked_reason: row.text_maybe("revoked_reason")?,
        })
    }
}

/// Names of people are the same whatever their case.
pub(super) fn same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

impl SqlLedger {
    /// Registers a person with a public key. A key belongs to one person for ever.
    ///
    /// # Errors
    /// [`ApprovalError::Exists`]; [`LedgerError::Missing`].
    pub async fn add_approver(&self, name: &str, key: &PublicKey, by: &str) -> Result<Approver, LedgerError> {
        let what = "add an approver";
        check_by(by)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(LedgerError::Missing("the approver's name"));
        }
        let mut tx = self.write(what).await?;
        let now = self.now();
        for there in all(on(&mut tx)).await? {
            let exists = |what| Err(ApprovalError::Exists { what, name: there.name.clone() }.into());
            if there.public_key == *key {
                return exists("the key");
            }
            if there.revoked_at.is_none() && same_person(&there.name, name) {
                return exists("the name");
            }
        }
        sqlx::query("INSERT INTO approvers (name, public_key, added_by, added_at) VALUES ($1, $2, $3, $4)")
            .bind(name)
            .bind(key.to_string())
            .bind(by)
            .bind(now.0)
            .execute(on(&mut tx))
            .await
            .during(what)?;
        let approver = active(on(&mut tx), name).await?;
        let said = serde_json::json!({ "act": "approver_added", "approver": name, "public_key": key });
        let act = Act::new(by, None, &said);
        tell_act(self, on(&mut tx), now, Subject::default(), "approver_added", &act).await?;
        commit(tx, what).await?;
        Ok(approver)
    }

    /// From now on the person has no say: what they approved and was not sent yet does not count any more, nor what they rejected.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], [`ApprovalError::Revoked`], [`LedgerError::Missing`].
    pub async fn revoke_approver(&self, name: &str, operator: Operator<'_>) -> Result<Approver, LedgerError> {
        let what = "revoke an approver";
        operator.check()?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let approver = active(on(&mut tx), name).await?;
        sqlx::query(
            "UPDATE approvers SET revoked_by = $1, revoked_at = $2, revoked_reason = $3 WHERE approver_id = $4",
        )
        .bind(operator.by)
        .bind(now.0)
        .bind(operator.reason)
        .bind(approver.id)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let said = serde_json::json!({
            "act": "approver_revoked", "approver": approver.name, "public_key": approver.public_key,
        });
        let act = Act::new(operator.by, Some(operator.reason), &said);
        tell_act(self, on(&mut tx), now, Subject::default(), "approver_revoked", &act).await?;
        commit(tx, what).await?;
        Ok(Approver { revoked_at: Some(now), revoked_reason: Some(operator.reason.to_owned()), ..approver })
    }

    /// The approver of this name, whatever its case, who is not revoked.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`], [`ApprovalError::Revoked`].
    pub async fn approver(&self, name: &str) -> Result<Approver, LedgerError> {
        let mut conn = self.read("read an approver").await?;
        active(&mut conn, name).await
    }

    /// All approvers, the revoked ones too, in the order in which they were registered.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_approvers(&self) -> Result<Vec<Approver>, LedgerFault> {
        let mut conn = self.read("list the approvers").await?;
        all(&mut conn).await
    }
}

async fn all(conn: &mut Conn) -> Result<Vec<Approver>, LedgerFault> {
    let rows = sqlx::query("SELECT * FROM approvers ORDER BY approver_id")
        .fetch_all(conn)
        .await
        .during("list the approvers")?;
    rows.iter().map(Approver::read).collect()
}

/// The approver of this name who is not revoked.
pub(super) async fn active(conn: &mut Conn, name: &str) -> Result<Approver, LedgerError> {
    let mut of_name: Vec<_> = all(conn).await?.into_iter().filter(|a| same_person(&a.name, name)).collect();
    if let Some(i) = of_name.iter().position(|a| a.revoked_at.is_none()) {
        return Ok(of_name.swap_remove(i));
    }
    match of_name.pop() {
        Some(revoked) => Err(ApprovalError::Revoked { name: revoked.name }.into()),
        None => Err(LedgerFault::NotFound { what: "approver", id: name.trim().to_owned() }.into()),
    }
}
