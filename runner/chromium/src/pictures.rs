//! Pictures under way: taken while the episode goes on, but never of what comes next.
//!
//! A screenshot costs more than anything else that an episode does. So it is asked for and not waited for; what would change the page
//! waits instead: every input ([`Pictures::idle`]), and the next document, whose answer the gate holds back until the last picture is
//! done. Never decides what a failed picture means.

use std::sync::Arc;

use tokio::sync::watch;

use crate::gate::Gate;
use crate::wire::Wire;

/// The pictures of one session that are not done yet.
#[derive(Clone)]
pub struct Pictures {
    under_way: Arc<watch::Sender<usize>>,
    gate: Gate,
    wire: Wire,
    session: u64,
}

/// One picture under way; done when it is dropped.
pub struct UnderWay(Pictures);

impl Pictures {
    /// None yet.
    pub fn new(gate: Gate, wire: Wire, session: u64) -> Self {
        Self { under_way: Arc::new(watch::Sender::new(0)), gate, wire, session }
    }

    /// One more.
    pub fn begin(&self) -> UnderWay {
        self.gate.picture_begins(self.session);
        self.under_way.send_modify(|count| *count += 1);
        UnderWay(self.clone())
    }

    /// Returns when none is under way. Each is bounded by its own calls.
    pub async fn idle(&self) {
        // The sender lives in `self`, so waiting can not fail.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.gate.picture_done(&self.0.wire, self.0.session);
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}
