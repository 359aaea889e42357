//! What a person did: who, why, with which arguments. The audit event carries the arguments' hash, this row the arguments.

use deed_core::ports::ledger::LedgerFault;
use deed_proofs::Sha256;

use crate::LedgerError;
use crate::engine::{Conn, During as _};

/// The person behind an act, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Operator<'_> {
    /// Both must be said.
    pub(crate) fn check(self) -> Result<(), LedgerError> {
        check_by(self.by)?;
        if self.reason.trim().is_empty() {
            return Err(LedgerError::Missing("the reason"));
        }
        Ok(())
    }
}

/// Who did it must be said.
pub(crate) fn check_by(by: &str) -> Result<(), LedgerError> {
    if by.trim().is_empty() {
        return Err(LedgerError::Missing("who does it"));
    }
    Ok(())
}

/// An act, before it is stored.
#[derive(Debug)]
pub(crate) struct Act<'a> {
    pub(crate) by: &'a str,
    pub(crate) reason: Option<&'a str>,
    /// Canonical JSON (keys in alphabetical order); never a secret.
    pub(crate) arguments: String,
}

impl<'a> Act<'a> {
    pub(crate) fn new(by: &'a str, reason: Option<&'a str>, arguments: &serde_json::Value) -> Self {
        Self { by, reason, arguments: serde_json::json!({ "by": by, "reason": reason, "what": arguments }).to_string() }
    }

    /// What the audit event carries.
    pub(crate) fn hash(&self) -> String {
        Sha256::of(self.arguments.as_bytes()).to_string()
    }

    /// Stores it with the audit event `seq`.
    pub(crate) async fn store(&self, conn: &mut Conn, seq: i64) -> Result<(), LedgerFault> {
        sqlx::query("INSERT INTO operator_acts (seq, done_by, reason, arguments) VALUES ($1, $2, $3, $4)")
            .bind(seq)
            .bind(self.by)
            .bind(self.reason)
            .bind(&self.arguments)
            .execute(conn)
            .await
            .during("keep who did it and why")?;
        Ok(())
    }
}
