//! The ledger's rules, on real SQLite files. `postgres.rs` is the same suite on a server.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod accounts;
mod approvals;
mod arm;
mod audit;
mod budgets;
mod change;
mod claims;
mod database;
mod desk;
mod facts;
mod fleet;
mod health;
mod open;
mod outbox;
#[path = "../support/postgres.rs"]
mod postgres;
mod queue;
mod review;
mod stored;
mod transparency;
mod tries;
mod warnings;

/// Which engine this suite runs on.
const ON_A_SERVER: bool = false;
