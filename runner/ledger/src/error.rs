//! What an operator's command can be refused for, beyond what the ledger itself can suffer.

use deed_core::ids::{AccountId, ActionId, WorkerId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::state::{IllegalTransition, State};
use deed_core::time::Timestamp;

use crate::approvals::ApprovalError;

/// Why an operator's command was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The ledger's own fault.
    #[error(transparent)]
    Fault(#[from] LedgerFault),
    /// The name fits more than one account.
    #[error("account {name} could be {}; name it by its id", candidates.join(" or "))]
    AmbiguousAccount {
        /// What was typed.
        name: String,
        /// What it could be, each as `platform/handle (client, origin, id)`.
        candidates: Vec<String>,
    },
    /// This account of the platform is there already.
    #[error("{platform}/{handle} is there already, as account {account}")]
    AccountExists {
        /// The platform.
        platform: String,
        /// The handle.
        handle: String,
        /// The stored account.
        account: AccountId,
    },
    /// The order names another client or platform than its account has.
    #[error("account {account} has {what} {is}, the order says {said}")]
    AccountMismatch {
        /// The account.
        account: AccountId,
        /// `client` or `platform`.
        what: &'static str,
        /// The account's.
        is: String,
        /// The order's.
        said: String,
    },
    /// Only what is not known can be answered by a person, and only while nobody looks.
    #[error("action {action} is {state}{}: only what is unknown, and what nobody works on, waits for a person's answer", worker.as_ref().map_or_else(String::new, |w| format!(", and runner {w} has it")))]
    NotForAPerson {
        /// The action.
        action: ActionId,
        /// Where it stands.
        state: State,
        /// Who has it; perhaps dead, and not recovered yet.
        worker: Option<WorkerId>,
    },
    /// An approval, an approver or a request was not taken.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A warning is closed once.
    #[error("warning {id} was closed by {by} at {at}")]
    WarningClosed {
        /// The warning.
        id: String,
        /// Who closed it.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Something that must be said is missing.
    #[error("{0} is missing: say it, it is kept in the audit log")]
    Missing(&'static str),
}

impl LedgerError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::AmbiguousAccount { .. } => "ambiguous-account",
            Self::AccountExists { .. } => "account-exists",
            Self::AccountMismatch { .. } => "account-mismatch",
            Self::NotForAPerson { .. } => "not-for-a-person",
            Self::Approval(error) => error.code(),
            Self::WarningClosed { .. } => "warning-closed",
            Self::Missing(_) => "missing-argument",
        }
    }
}

impl From<IllegalTransition> for LedgerError {
    fn from(illegal: IllegalTransition) -> Self {
        Self::Fault(illegal.into())
    }
}
