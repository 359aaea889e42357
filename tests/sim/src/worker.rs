//! A worker's process: it recovers what dead and stalled ones left, then takes what is due, one action after another.
//!
//! What a worker does around an episode stands in the binary (`runner/cli/src/runtime.rs` and `fleet.rs`), tied to signals, settings and
//! the terminal. This file drives the same functions of `deed-core` and `deed-ledger` in the same order: claim, run or resume, put back
//! after an error, beat, take over. Where that order changes there, it changes here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deed_core::episode::{self, Ending, Looks};
use deed_core::ids::{ActionId, WorkerId};
use deed_core::ports::Clock as _;
use deed_core::ports::World as _;
use deed_core::ports::ledger::{Change, Claim, Fence, Ledger as _, LedgerFault};
use deed_core::recover;
use deed_core::state::{Event, State};
use deed_ledger::ClaimTarget;
use futures_util::future::{Either, select};

use crate::sim::Process;
use crate::stage::{SimWorld, Stage, lock};

/// The first and the longest pause of a slot that found nothing; it doubles, where the real one looks every half second.
const IDLE_MS: (i64, i64) = (2_000, 240_000);
/// How often it is looked whether other workers left something; the real one looks every three seconds.
const HOUSEKEEPING_MS: i64 = 90_000;
/// A lease is renewed so often within its time.
const BEATS_PER_LEASE: i64 = 3;
/// How long an episode that has lost its claim may take to notice by itself.
const LOST_GRACE_MS: i64 = 2_000;
/// The first and the longest pause while the ledger can not be reached; it doubles.
const AWAY_MS: (i64, i64) = (500, 15_000);
/// How often a slot tries to put back what it has.
const PUT_BACK_TRIES: u32 = 8;

/// The name of a process's worker.
pub fn worker_of(process: Process) -> WorkerId {
    WorkerId::new(format!("w{process}"))
}

/// What the slots of a process share.
struct Floor {
    world: SimWorld,
    worker: WorkerId,
    lease: Duration,
    looks: Looks,
    mine: Mutex<BTreeSet<ActionId>>,
    lost: Mutex<BTreeSet<ActionId>>,
    waiting: Mutex<Vec<usize>>,
}

/// Begins a process on this machine with so many slots.
pub fn begin(stage: &Arc<Stage>, machine: u32, slots: u32, looks: Looks) -> Process {
    let process = stage.sim.begin_process(machine);
    let floor = Arc::new(Floor {
        world: SimWorld::new(stage, process),
        worker: worker_of(process),
        lease: Duration::from_millis(stage.lease_ms.unsigned_abs()),
        looks,
        mine: Mutex::default(),
        lost: Mutex::default(),
        waiting: Mutex::default(),
    });
    stage.sim.tell(&format!("p{process}"), "begins", || format!("on machine {machine}"));
    let sim = stage.sim.clone();
    sim.clone().spawn(Some(process), async move {
        let mut away = AWAY_MS.0;
        while floor.enter(slots).await.is_err() {
            sim.about(None);
            sim.sleep_ms(away).await;
            away = (away * 2).min(AWAY_MS.1);
        }
        sim.about(None);
        for slot in 0..slots {
            let (floor, named) = (Arc::clone(&floor), sim.clone());
            sim.spawn(Some(process), async move {
                named.slot(slot);
                floor.slot().await;
            });
        }
        let beating = Arc::clone(&floor);
        sim.spawn(Some(process), async move { beating.beat().await });
        loop {
            sim.sleep_ms(HOUSEKEEPING_MS).await;
            let _ = floor.take_over().await;
            sim.about(None);
        }
    });
    process
}

impl Floor {
    fn stage(&self) -> &Arc<Stage> {
        &self.world.stage
    }

    async fn enter(&self, slots: u32) -> Result<(), LedgerFault> {
        let ledger = self.world.ledger();
        let sql = ledger.sql();
        let machine = format!("m{}", self.stage().sim.machine(self.world.process));
        let entered = sql.enter_worker(&self.worker, &machine, 1, slots);
        // Who came back after an error is registered already.
        let _ = ledger.call("registers", entered).await;
        self.take_over().await
    }

    /// Takes over what dead and stalled workers left.
    async fn take_over(&self) -> Result<(), LedgerFault> {
        let sim = &self.stage().sim;
        let dead: Vec<_> = sim.dead_on(sim.machine(self.world.process)).into_iter().map(worker_of).collect();
        let options = self.stage().options(self.looks);
        let recovered = recover::recover(&self.world, &self.worker, &dead, &options).await?;
        for claim in recovered.to_verify {
            if claim.action.state == State::Unknown && self.looks == Looks::InTurns {
                self.world.ledger().release(&claim.fence).await?;
            } else {
                self.verify(claim).await?;
            }
        }
        Ok(())
    }

    async fn slot(&self) {
        let sim = self.stage().sim.clone();
        let (mut idle, mut away) = (IDLE_MS.0, AWAY_MS.0);
        loop {
            match self.next().await {
                Ok(Some((claim, looks))) => {
                    idle = IDLE_MS.0;
                    match self.carry_out(claim, looks).await {
                        Ok(()) => away = AWAY_MS.0,
                        Err(_) => {
                            sim.sleep_ms(away).await;
                            away = (away * 2).min(AWAY_MS.1);
                        }
                    }
                }
                Ok(None) => {
                    sim.sleep_ms(idle).await;
                    idle = (idle * 2).min(IDLE_MS.1);
                }
                Err(_) => {
                    sim.sleep_ms(away).await;
                    away = (away * 2).min(AWAY_MS.1);
                }
            }
        }
    }

    async fn next(&self) -> Result<Option<(Claim, bool)>, LedgerFault> {
        let ledger = self.world.ledger();
        let sql = ledger.sql();
        let look = async { ledger.claimed(sql.claim_verification(&self.worker, self.lease).await, self.lease) };
        if let Some(claim) = ledger.call("claims a look", look).await? {
            return Ok(Some((claim, true)));
        }
        let due =
            async { ledger.claimed(sql.claim(&ClaimTarget::NextDue, &self.worker, self.lease).await, self.lease) };
        let claim = ledger.call("claims", due).await?;
        Ok(claim.map(|claim| (claim, false)))
    }

    async fn carry_out(&self, claim: Claim, looks: bool) -> Result<(), LedgerFault> {
        let (fence, sim) = (claim.fence.clone(), &self.stage().sim);
        sim.about(Some(fence.action.as_str()));
        sim.tell(&format!("p{}", self.world.process), if looks { "looks at" } else { "takes" }, || {
            format!("{} of {}, epoch {}", claim.action.id, claim.account.fingerprint.handle, fence.epoch)
        });
        lock(&self.lost).remove(&fence.action);
        lock(&self.mine).insert(fence.action.clone());
        let ended = {
            let work = Box::pin(async { if looks { self.verify(claim).await } else { self.run(claim).await } });
            let lost = std::future::poll_fn(|_| {
                if lock(&self.lost).contains(&fence.action) {
                    return std::task::Poll::Ready(());
                }
                lock(&self.waiting).push(sim.current());
                std::task::Poll::Pending
            });
            match select(work, lost).await {
                Either::Left((ended, _)) => Some(ended),
                Either::Right(((), work)) => match select(work, sim.sleep_ms(LOST_GRACE_MS)).await {
                    Either::Left((ended, _)) => Some(ended),
                    Either::Right(_) => None,
                },
            }
        };
        lock(&self.mine).remove(&fence.action);
        if !matches!(ended, Some(Ok(()))) {
            self.put_back(&fence).await;
        }
        sim.about(None);
        ended.unwrap_or(Ok(()))
    }

    async fn run(&self, claim: Claim) -> Result<(), LedgerFault> {
        let action = claim.action.id.clone();
        lock(&self.stage().log).episodes += 1;
        let options = self.stage().options(self.looks);
        let ending = episode::run(&self.world, claim, Arc::clone(&self.stage().recipe), &options).await;
        self.told(&action, ending)
    }

    async fn verify(&self, claim: Claim) -> Result<(), LedgerFault> {
        let action = claim.action.id.clone();
        let options = self.stage().options(self.looks);
        let ending = episode::resume(&self.world, claim, Arc::clone(&self.stage().recipe), &options).await;
        self.told(&action, ending)
    }

    fn told(&self, action: &ActionId, ending: Result<Ending, LedgerFault>) -> Result<(), LedgerFault> {
        let words = match &ending {
            Ok(Ending { hold: Some(hold), .. }) => format!("held: {}", hold.reason.as_str()),
            Ok(Ending { failure: Some(failure), .. }) => format!("failed: {}", failure.as_str()),
            Ok(ending) => ending.state.as_str().to_owned(),
            Err(fault) => format!("error: {}", fault.code()),
        };
        self.stage().sim.tell(&format!("p{}", self.world.process), "ends", || {
            let more = ending.as_ref().map_or_else(ToString::to_string, |e| e.words.clone());
            format!("{action} {words} ({more})")
        });
        *lock(&self.stage().log).endings.entry(words).or_default() += 1;
        ending.map(drop)
    }

    /// Lets go of what an episode left behind that ended in the middle.
    async fn put_back(&self, fence: &Fence) {
        let mut away = AWAY_MS.0;
        for _ in 0..PUT_BACK_TRIES {
            match self.let_go(fence).await {
                Ok(()) | Err(LedgerFault::FenceLost(_)) => return,
                Err(_) => {
                    self.stage().sim.sleep_ms(away).await;
                    away = (away * 2).min(AWAY_MS.1);
                }
            }
        }
    }

    async fn let_go(&self, fence: &Fence) -> Result<(), LedgerFault> {
        let ledger = self.world.ledger();
        let details = ledger.ask("reads the action", ledger.sql().action_details(&fence.action)).await?;
        if details.worker.as_ref() != Some(&fence.worker) || details.epoch != fence.epoch {
            return Ok(());
        }
        match details.action.state {
            State::PreflightPassed | State::IdentityVerified => {
                ledger.advance(fence, Event::Interrupted, Change::default()).await?;
            }
            State::Attempted => {
                ledger.advance(fence, Event::OutcomeUnclear, Change::default()).await?;
            }
            State::ConfirmedSuccess if details.verify_at.is_none() => {
                ledger.verify_at(fence, Some(self.world.clock().now())).await?;
            }
            State::ConfirmedFailed | State::PostcheckComplete => {
                return recover::seal_late(&self.world, fence, self.lease, |claim| self.verify(claim)).await;
            }
            _ => {}
        }
        ledger.release(fence).await
    }

    /// Renews the leases of all that the slots have.
    async fn beat(&self) {
        let sim = &self.stage().sim;
        let ledger = self.world.ledger();
        loop {
            sim.sleep_ms(self.stage().lease_ms / BEATS_PER_LEASE).await;
            let had = lock(&self.mine).clone();
            if had.is_empty() {
                // The real one says that it is alive; nobody in here asks.
                continue;
            }
            let beat = async {
                let done = ledger.sql().beat(&self.worker, self.lease).await;
                done.inspect(|held| held.iter().for_each(|id| self.stage().beaten(id, self.lease)))
            };
            if let Ok(held) = ledger.call("beats", beat).await {
                *lock(&self.lost) = had.into_iter().filter(|id| !held.contains(id)).collect();
                if !lock(&self.lost).is_empty() {
                    std::mem::take(&mut *lock(&self.waiting)).into_iter().for_each(|task| sim.wake(task));
                }
            }
        }
    }
}
