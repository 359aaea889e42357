//! The world as the episode sees it. Each port is as narrow as the engine's use of it; the same episode runs over
//! Chromium, SQL and disk, and over simulated ones.

pub mod browser;
pub mod ledger;
pub mod proofs;

use std::future::Future;
use std::time::Duration;

use crate::time::{Steady, Timestamp};

/// What time it is, and waiting.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Now, by the clock of this process that nobody sets.
    fn steady(&self) -> Steady;
    /// Waits.
    fn sleep(&self, for_: Duration) -> impl Future<Output = ()> + Send;
}

/// Everything that an episode stands on.
pub trait World: Send + Sync {
    /// The browser.
    type Browser: browser::Browser;
    /// The ledger.
    type Ledger: ledger::Ledger;
    /// The proof spool.
    type Proofs: proofs::Proofs;
    /// The clock.
    type Clock: Clock;

    /// The browser.
    fn browser(&self) -> &Self::Browser;
    /// The ledger.
    fn ledger(&self) -> &Self::Ledger;
    /// The proof spool.
    fn proofs(&self) -> &Self::Proofs;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// Called at every named boundary of an episode. Only the crash tests do anything here.
    fn boundary(&self, _name: &'static str) {}
}
