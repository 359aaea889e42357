//! The ledger's rules, on real SQLite files.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod accounts;
mod arm;
mod audit;
mod change;
mod claims;
mod database;
mod desk;
mod open;
mod queue;
