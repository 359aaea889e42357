//! Deed's ledger on SQL: clients, accounts, actions, kill switches, audit, proof references, sealed sessions.
//!
//! Owns what is durable about an action, and the arm transaction, which is the one judge of whether a press may happen. Each change
//! of state is one transaction with its audit event. It never touches a browser, never makes a permit (it answers with plain data,
//! [`ArmGrant`](deed_core::permit::ArmGrant)), never stores a session unsealed, never deletes an action or its key, and never lets
//! anything lead back from `attempted` to the queue; the database refuses that as well (`migrations/`).
//!
//! Start reading at [`SqlLedger`] (opening); then `arm`, `change` and `claims`, which are the safety of it; `engine` holds
//! everything that is peculiar to SQLite or to PostgreSQL.

#![forbid(unsafe_code)]

mod accounts;
mod acts;
mod approvals;
mod arm;
mod audit;
mod change;
mod claims;
mod engine;
mod error;
mod facts;
mod files;
mod health;
mod kill;
mod open;
mod outbox;
mod pace;
mod plans;
mod port;
mod queue;
mod records;
mod retention;
mod rows;
mod seal;
mod stored;
mod stream;
mod transparency;
mod tries;
mod waits;
mod warnings;
mod webhooks;
mod workers;

pub use accounts::NewAccount;
pub use acts::Operator;
pub use approvals::{
    ApprovalError, ApprovalRequest, Approver, ApproverKey, Decided, GivenApproval, NewApprovalRequest, PublicKey,
    SignedStatement,
};
pub use audit::{AuditRow, AuditVerdict, BadRow, CheckpointVerdict};
pub use claims::{CLOCKS_APART, ClaimTarget, Obstacle};
pub use engine::{describe as describe_server, drivers_are_chosen};
pub use error::LedgerError;
pub use health::{AccountHealth, IdentityLook, StoredSession, Used, WARNED_AHEAD};
pub use open::{LedgerOptions, SqlLedger};
pub use outbox::{Message, Sent};
pub use queue::{ActionFilter, Filed, NewOrder, Resolution};
pub use retention::RETENTION_DAYS_MAX;
pub use rows::ActionDetails;
pub use seal::{AgeSealer, Sealer, SealerError};
pub use stored::InStore;
pub use stream::{EVENT_TYPES, OUTCOME_TYPES, Signal, Signals};
pub use transparency::{AuditCheckpoint, AuditLineBytes, Uncovered};
pub use warnings::{Closed, Warning};
pub use webhooks::{Endpoint, EndpointState, NewEndpoint};
pub use workers::WorkerRow;
