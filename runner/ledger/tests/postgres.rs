//! The ledger's rules, on a real PostgreSQL: the suite of `ledger/main.rs` once more, and what only a server can do.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "ledger/accounts.rs"]
mod accounts;
#[path = "ledger/approvals.rs"]
mod approvals;
#[path = "ledger/arm.rs"]
mod arm;
#[path = "ledger/audit.rs"]
mod audit;
#[path = "ledger/budgets.rs"]
mod budgets;
#[path = "ledger/change.rs"]
mod change;
#[path = "ledger/claims.rs"]
mod claims;
#[path = "ledger/database.rs"]
mod database;
#[path = "ledger/desk.rs"]
mod desk;
#[path = "ledger/facts.rs"]
mod facts;
#[path = "ledger/fleet.rs"]
mod fleet;
#[path = "ledger/health.rs"]
mod health;
#[path = "ledger/outbox.rs"]
mod outbox;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "ledger/queue.rs"]
mod queue;
#[path = "ledger/review.rs"]
mod review;
#[path = "support/server.rs"]
mod server;
#[path = "ledger/stored.rs"]
mod stored;
#[path = "ledger/transparency.rs"]
mod transparency;
#[path = "ledger/tries.rs"]
mod tries;
#[path = "ledger/warnings.rs"]
mod warnings;

/// Which engine this suite runs on.
const ON_A_SERVER: bool = true;
