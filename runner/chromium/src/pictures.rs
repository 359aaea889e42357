//! Pictures under way: taken while the episode goes on, but never of what comes next.
//!
//! A screenshot costs more than anything else that an episode does. So it is asked for and not waited for; what would
//! change the page waits instead: every input ([`Pictures::idle`]), and the next document, whose answer the gate holds
//! back until the last picture is done. A page that is being left answers nothing any more: so where something is
//! masked on it, which it tells at once, it is not even left before the picture is done ([`Pictures::may_leave`]).
//! Never decides what a failed picture means.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::watch;

use crate::gate::Gate;
use crate::wire::Wire;

/// How many pictures there are.
#[derive(Debug, Default)]
struct Counts {
    under_way: usize,
    /// Of these, how many pages have not told yet whether anything is masked on them.
    untold: usize,
    /// Of these, on how many something is.
    masked: usize,
}

/// The pictures of one session that are not done yet.
#[derive(Clone)]
pub struct Pictures {
    counts: Arc<watch::Sender<Counts>>,
    leaving: Arc<AtomicBool>,
    gate: Gate,
    wire: Wire,
    session: u64,
}

const UNTOLD: u8 = 0;
const MASKED: u8 = 1;
const NOTHING: u8 = 2;

/// One picture under way; done when it is dropped.
pub struct UnderWay {
    pictures: Pictures,
    told: AtomicU8,
}

impl Pictures {
    /// None yet.
    pub fn new(gate: Gate, wire: Wire, session: u64) -> Self {
        Self { counts: Arc::default(), leaving: Arc::default(), gate, wire, session }
    }

    /// One more.
    pub fn begin(&self) -> UnderWay {
        self.gate.picture_begins(self.session);
        self.counts.send_modify(|counts| {
            counts.under_way += 1;
            counts.untold += 1;
        });
        UnderWay { pictures: self.clone(), told: AtomicU8::new(UNTOLD) }
    }

    /// Returns when none is under way. Each is bounded by its own calls.
    pub async fn idle(&self) {
        // The sender lives in `self`, so waiting can not fail.
        let _ = self.counts.subscribe().wait_for(|counts| counts.under_way == 0).await;
    }

    /// Returns when none is under way that needs the page until it is done.
    pub async fn may_leave(&self) {
        let _ = self.counts.subscribe().wait_for(|counts| counts.untold == 0 && counts.masked == 0).await;
    }

    /// The page is being left, or not any more.
    pub fn leaves(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::SeqCst);
    }
}

impl UnderWay {
    /// Whether anything is masked on the page; it is said once.
    pub fn tell(&self, masked: bool) {
        let told = if masked { MASKED } else { NOTHING };
        if self.told.compare_exchange(UNTOLD, told, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.pictures.counts.send_modify(|counts| {
                counts.untold -= 1;
                counts.masked += usize::from(masked);
            });
        }
    }

    /// Whether the page is being left, and answers nothing any more.
    pub fn is_left(&self) -> bool {
        self.pictures.leaving.load(Ordering::SeqCst)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Pictures { gate, wire, session, .. } = &self.pictures;
        gate.picture_done(wire, *session);
        let told = self.told.load(Ordering::SeqCst);
        self.pictures.counts.send_modify(|counts| {
            counts.under_way -= 1;
            counts.untold -= usize::from(told == UNTOLD);
            counts.masked -= usize::from(told == MASKED);
        });
    }
}
