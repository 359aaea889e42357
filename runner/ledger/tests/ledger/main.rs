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
mod open;
#[path = "../support/postgres.rs"]
mod postgres;
mod queue;
mod tries;

/// Which engine this suite runs on.
const ON_A_SERVER: bool = false;
