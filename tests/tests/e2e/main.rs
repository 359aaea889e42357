//! End to end: the engine in a real browser against real servers, and the real process.
//!
//! One program for all of them: each of its own would be compiled and linked with everything again.

#[path = "../../../runner/ledger/tests/support/postgres.rs"]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod postgres;

mod approvals;
mod attempt;
mod baselines;
mod chaos;
mod connect;
mod crash;
mod cuts;
mod defect;
mod disclosure;
mod faults;
mod fleet;
mod flows;
mod frames;
mod golden;
mod judgement;
mod kill;
mod long_wait;
mod machine;
mod outages;
mod pacing;
mod platform_baselines;
mod policy;
mod press;
mod proposals;
mod record;
mod record_window;
mod recording;
mod recovery;
mod replay;
mod review;
mod screen;
mod secrets;
mod server;
mod sessions;
mod store;
mod store_act;
mod store_faults;
mod store_retention;
mod store_tls;
mod switches;
mod workers;
