//! Several episodes of one runner at a time, as `deed work` runs them, and what a runner of a fleet owes the others.
//!
//! Each slot takes what is due, one action after another: what is to be looked at again first, then the next of the batch that it is in,
//! then the next of all. A beat renews the leases of all of them together; a slot whose claim was lost stops. A signal drains: what is not
//! armed is put back, what is armed goes on to its end. What dead or stalled workers left is taken over as long as the work lasts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_core::ids::{AccountId, ActionId};
use deed_core::ports::ledger::{Change, Claim, Fence, Ledger as _, LedgerFault};
use deed_core::state::{Event, State};
use deed_ledger::{CLOCKS_APART, ClaimTarget};
use deed_s3::upload::Due;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::commands::audit::make_checkpoint;
use crate::error::CliError;
use crate::retention;
use crate::runtime::{BEATS_PER_LEASE, Runner, Worked};
use crate::signals::asked_to_stop;
use crate::stamp;
use crate::upload;
use crate::webhook::deliver::deliver_due;
use crate::webhook::send::Sender;
use crate::world::now;

/// How long a slot that found nothing waits before it looks again.
const IDLE: Duration = Duration::from_millis(500);
/// How often it is looked whether other workers left something.
const HOUSEKEEPING: Duration = Duration::from_secs(3);
/// How long an episode that has lost its claim may take to notice by itself.
const LOST_GRACE: Duration = Duration::from_secs(2);
/// The first and the longest pause while the ledger can not be reached; it doubles.
const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// How often a slot tries to put back what it has, while the ledger can not be reached.
const PUT_BACK_TRIES: u32 = 8;
/// Most messages that webhooks are sent before the worker looks around again.
const TOLD_AT_ONCE: u32 = 100;
/// How long a worker that has nothing left to do waits for webhooks; what is not told by then is due again for the next one.
const TOLD_AT_THE_END_WITHIN: Duration = Duration::from_secs(10);
/// After how many rows, and after how many milliseconds, the audit log gets a new checkpoint.
const CHECKPOINT_ROWS: u64 = 256;
const CHECKPOINT_MS: i64 = 10 * 60 * 1_000;
/// How many outcomes are kept for the answer of a run without an end.
const KEPT: usize = 1_000;

/// How a runner works.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Episodes at once, at most.
    pub slots: u32,
    /// Actions, at most.
    pub max: Option<u32>,
    /// Whether it ends when nothing is due.
    pub until_idle: bool,
}

/// What the slots share.
struct Floor<'r> {
    runner: &'r Runner,
    plan: Plan,
    /// Set by the first signal, or when one slot met what ends them all.
    drain: watch::Sender<bool>,
    /// What this runner's slots have claimed.
    mine: Mutex<BTreeSet<ActionId>>,
    /// What it had, and has lost.
    lost: watch::Sender<BTreeSet<ActionId>>,
    /// Sends webhooks, where TLS can be set up.
    sender: Option<Sender>,
    taken: AtomicU32,
    busy: AtomicUsize,
    worked: Mutex<Vec<Worked>>,
}

/// What a slot does next.
enum Job {
    Act(Claim),
    Look(Claim),
}

/// Works until there is nothing left to do, or a signal ends it. Answers what was worked on; `None`: a second signal came.
///
/// # Errors
/// The ledger's, where the work is to end by itself; else it is waited for.
pub async fn work(mut runner: Runner, plan: Plan) -> Result<Option<Vec<Worked>>, CliError> {
    let drain = watch::Sender::new(false);
    let ended = {
        let work = on_the_floor(&runner, plan, drain.clone());
        tokio::pin!(work);
        tokio::select! {
            biased;
            ended = &mut work => Some(ended),
            () = asked_to_stop() => {
                let ui = runner.context().ui;
                ui.say("ending: what is not armed is put back, what is armed goes on to its end; a second signal leaves at once");
                drain.send_replace(true);
                tokio::select! {
                    biased;
                    ended = &mut work => Some(ended),
                    () = asked_to_stop() => None,
                }
            }
        }
    };
    runner.leave(matches!(ended, Some(Ok(_)))).await;
    ended.transpose()
}

async fn on_the_floor(runner: &Runner, plan: Plan, drain: watch::Sender<bool>) -> Result<Vec<Worked>, CliError> {
    let floor = Floor {
        runner,
        plan,
        drain,
        mine: Mutex::default(),
        lost: watch::Sender::new(BTreeSet::new()),
        sender: Sender::new().inspect_err(|why| tracing::warn!(why, "no webhook is sent")).ok(),
        taken: AtomicU32::new(0),
        busy: AtomicUsize::new(0),
        worked: Mutex::default(),
    };
    runner.agree_on_the_time().await?;
    runner.ledger().enter_worker(runner.worker(), &machine(), std::process::id(), plan.slots).await?;
    floor.take_over(&mut BTreeSet::new()).await?;
    let slots = join_all((0..plan.slots.max(1)).map(|_| floor.slot()));
    let ended: Vec<Result<(), CliError>> = tokio::select! {
        ended = slots => ended,
        () = floor.beat() => Vec::new(),
        () = floor.keep_house() => Vec::new(),
        () = floor.tell_others() => Vec::new(),
        () = floor.keep_records() => Vec::new(),
        () = floor.keep_uploading() => Vec::new(),
    };
    if let Err(fault) = floor.put_back_all().await {
        tracing::warn!(%fault, "what was taken over was not put back; recovery does it later");
    }
    ended.into_iter().collect::<Result<(), _>>()?;
    let _ = tokio::time::timeout(TOLD_AT_THE_END_WITHIN, floor.tell_once()).await;
    let _ = tokio::time::timeout(TOLD_AT_THE_END_WITHIN, floor.record_once(true)).await;
    upload::at_the_end(runner.context(), runner.ledger(), None).await;
    runner.ledger().leave_worker(runner.worker()).await?;
    Ok(floor.worked.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Floor<'_> {
    /// One episode after another.
    async fn slot(&self) -> Result<(), CliError> {
        let runner = self.runner.fork();
        let mut batch = None;
        let mut away = AWAY.0;
        while !*self.drain.borrow() && self.may_take() {
            self.busy.fetch_add(1, Ordering::SeqCst);
            let done = match self.next(&runner, &mut batch).await {
                Ok(Some(job)) => self.carry_out(&runner, job).await.map(|()| true),
                Ok(None) => Ok(false),
                Err(fault) => Err(fault.into()),
            };
            self.busy.fetch_sub(1, Ordering::SeqCst);
            match done {
                Ok(true) => away = AWAY.0,
                Ok(false) if self.plan.until_idle && self.nothing_is_left().await? => return Ok(()),
                Ok(false) => self.pause(IDLE).await,
                Err(error) if self.plan.until_idle => {
                    self.drain.send_replace(true);
                    return Err(error);
                }
                Err(error) => {
                    runner.context().ui.error(&error);
                    self.pause(away).await;
                    away = (away * 2).min(AWAY.1);
                }
            }
        }
        Ok(())
    }

    fn may_take(&self) -> bool {
        self.plan.max.is_none_or(|max| self.taken.load(Ordering::SeqCst) < max)
    }

    async fn pause(&self, time: Duration) {
        let mut drain = self.drain.subscribe();
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = drain.wait_for(|drain| *drain) => {}
        }
    }

    /// Nothing is under way here, nothing was due a moment ago, and nothing is to be looked at later.
    async fn nothing_is_left(&self) -> Result<bool, CliError> {
        Ok(self.busy.load(Ordering::SeqCst) == 0 && self.runner.ledger().next_verification().await?.is_none())
    }

    async fn next(&self, runner: &Runner, batch: &mut Option<(AccountId, String)>) -> Result<Option<Job>, LedgerFault> {
        let (ledger, worker, lease) = (runner.ledger(), runner.worker(), runner.lease());
        if let Some(claim) = ledger.claim_verification(worker, lease).await? {
            return Ok(Some(Job::Look(claim)));
        }
        if let Some((account, name)) = batch.take()
            && let Some(claim) = ledger.claim(&ClaimTarget::Batch(account.clone(), name.clone()), worker, lease).await?
        {
            *batch = Some((account, name));
            return Ok(Some(Job::Act(claim)));
        }
        let Some(claim) = ledger.claim(&ClaimTarget::NextDue, worker, lease).await? else { return Ok(None) };
        let details = ledger.action_details(&claim.action.id).await?;
        *batch = details.batch.map(|name| (claim.account.id.clone(), name));
        Ok(Some(Job::Act(claim)))
    }

    /// Works on what was claimed, as long as it is ours and no signal came before it was armed.
    async fn carry_out(&self, runner: &Runner, job: Job) -> Result<(), CliError> {
        let fence = match &job {
            Job::Act(claim) | Job::Look(claim) => claim.fence.clone(),
        };
        self.taken.fetch_add(u32::from(matches!(job, Job::Act(_))), Ordering::SeqCst);
        self.lost.send_modify(|lost| {
            lost.remove(&fence.action);
        });
        self.mine().insert(fence.action.clone());
        let ended = self.until_it_ends(runner, job, &fence).await;
        self.mine().remove(&fence.action);
        match ended {
            Some(Ok(Some(worked))) => {
                self.keep(worked);
                Ok(())
            }
            Some(Ok(None)) => Ok(()),
            Some(Err(error)) => {
                self.put_back(&fence).await;
                Err(error)
            }
            None => {
                self.put_back(&fence).await;
                Ok(())
            }
        }
    }

    async fn until_it_ends(
        &self,
        runner: &Runner,
        job: Job,
        fence: &Fence,
    ) -> Option<Result<Option<Worked>, CliError>> {
        let mut armed = runner.armed();
        let looks = matches!(job, Job::Look(_));
        let work = async {
            match job {
                Job::Act(claim) => runner.run(claim).await.map(Some),
                Job::Look(claim) => runner.verify(claim).await,
            }
        };
        tokio::pin!(work);
        let (mut drain, mut lost) = (self.drain.subscribe(), self.lost.subscribe());
        let drained = async {
            // A slot that ends leaves the sender; then nothing drains any more.
            let _ = drain.wait_for(|drain| *drain).await;
            if !looks {
                // What may have been armed goes on to its end.
                let _ = armed.wait_for(|armed| !armed).await;
            }
        };
        let lost = async {
            // What `wait_for` answers keeps the others from telling what they have: it does not outlive this.
            let _ = lost.wait_for(|lost| lost.contains(&fence.action)).await;
        };
        tokio::select! {
            biased;
            ended = &mut work => Some(ended),
            () = lost => {
                runner.context().ui.warn(&format!("the claim on {} was lost: another worker has it, or the ledger was away for too long", fence.action));
                // It may be at its very end.
                tokio::time::timeout(LOST_GRACE, &mut work).await.ok()
            }
            () = drained => None,
        }
    }

    fn keep(&self, worked: Worked) {
        self.runner.context().ui.say(&format!("{}: {}", worked.action, worked.ending.words));
        let mut kept = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        // What was unknown and then was looked at again counts as what it is now.
        kept.retain(|earlier| earlier.action != worked.action);
        if self.plan.until_idle || kept.len() < KEPT {
            kept.push(worked);
        }
    }

    fn mine(&self) -> std::sync::MutexGuard<'_, BTreeSet<ActionId>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of what an episode left behind that ended in the middle: its session is closed, so nothing of it can be sent any more.
    /// What was not armed is queued again; what may have happened is unknown. Where the ledger stays away, recovery does the same later.
    async fn put_back(&self, fence: &Fence) {
        let mut away = AWAY.0;
        for _ in 0..PUT_BACK_TRIES {
            match let_go(self.runner, fence).await {
                Ok(()) | Err(LedgerFault::FenceLost(_)) => return,
                Err(fault) => {
                    tracing::warn!(%fault, action = %fence.action, "it could not be put back yet");
                    tokio::time::sleep(away).await;
                    away = (away * 2).min(AWAY.1);
                }
            }
        }
    }

    /// Renews the leases of all that the slots have; never ends.
    async fn beat(&self) {
        loop {
            tokio::time::sleep(self.runner.lease() / BEATS_PER_LEASE).await;
            let had = self.mine().clone();
            match self.runner.ledger().beat(self.runner.worker(), self.runner.lease()).await {
                Ok(held) => {
                    let gone: BTreeSet<_> = had.into_iter().filter(|id| !held.contains(id)).collect();
                    self.lost.send_replace(gone);
                }
                Err(fault) => tracing::warn!(%fault, "the leases were not renewed"),
            }
        }
    }

    /// Takes over what others left; never ends.
    async fn keep_house(&self) {
        let mut told = BTreeSet::new();
        let mut pruned: Option<Instant> = None;
        loop {
            if pruned.is_none_or(|at| at.elapsed() > retention::EVERY) {
                pruned = Some(Instant::now());
                if let Err(error) = retention::prune(self.runner.ledger(), self.runner.context(), false).await {
                    tracing::warn!(%error, "payloads that are too old were not deleted");
                }
            }
            tokio::time::sleep(HOUSEKEEPING).await;
            if let Err(error) = self.take_over(&mut told).await {
                tracing::warn!(%error, "what other workers left was not looked at");
            }
        }
    }

    /// Brings proof to the store elsewhere; never ends. A store that is not reached keeps nobody from working.
    async fn keep_uploading(&self) {
        let uploader = match self.runner.context().uploader().await {
            Ok(Some(uploader)) => uploader,
            Ok(None) => return std::future::pending().await,
            Err(error) => {
                self.runner.context().ui.warn(&format!("proof is not uploaded: {error}"));
                return std::future::pending().await;
            }
        };
        loop {
            if let Err(error) = upload::drain(&uploader, self.runner.ledger(), None, Due::Now).await {
                tracing::warn!(%error, "proof was not uploaded");
            }
            tokio::time::sleep(HOUSEKEEPING).await;
        }
    }

    /// Sends what webhooks are to hear; never ends.
    async fn tell_others(&self) {
        loop {
            self.tell_once().await;
            tokio::time::sleep(HOUSEKEEPING).await;
        }
    }

    /// A webhook that is not reached keeps nobody from working: what it was to hear is due again later.
    async fn tell_once(&self) {
        let Some(sender) = &self.sender else { return };
        if let Err(fault) = deliver_due(self.runner.ledger(), sender, TOLD_AT_ONCE).await {
            tracing::warn!(%fault, "webhooks were not sent");
        }
    }

    /// Gets time stamps that are due, and checkpoints of the audit log; never ends.
    async fn keep_records(&self) {
        loop {
            self.record_once(false).await;
            tokio::time::sleep(HOUSEKEEPING).await;
        }
    }

    /// Neither an authority that is away nor a checkpoint that can not be made keeps anybody from working.
    async fn record_once(&self, at_the_end: bool) {
        let context = self.runner.context();
        if let Err(error) = self.checkpoint_once(at_the_end).await {
            tracing::error!(%error, "no checkpoint of the audit log was made");
        }
        match stamp::pass(context, false).await {
            Ok(stamped) => {
                stamped.waiting.iter().for_each(|(episode, why)| tracing::warn!(%episode, why, "not stamped yet"))
            }
            Err(error) => tracing::warn!(%error, "no time stamp was asked for"),
        }
    }

    /// A checkpoint every so many rows or minutes, and one at the end.
    async fn checkpoint_once(&self, at_the_end: bool) -> Result<(), CliError> {
        let ledger = self.runner.ledger();
        let uncovered = ledger.audit_uncovered().await?;
        let waited = uncovered.since.is_none_or(|since| now().0.saturating_sub(since.0) >= CHECKPOINT_MS);
        if uncovered.rows > 0 && (at_the_end || waited || uncovered.rows >= CHECKPOINT_ROWS) {
            make_checkpoint(ledger, self.runner.context()).await?;
        }
        Ok(())
    }

    /// Takes over what dead and stalled workers left: what had not been armed is queued again, what may have happened is looked at by
    /// whichever slot is free.
    async fn take_over(&self, told: &mut BTreeSet<ActionId>) -> Result<(), CliError> {
        let (claims, left) = self.runner.take_over_quietly().await?;
        for (action, why) in left {
            if told.insert(action.clone()) {
                self.runner.context().ui.warn(&format!("action {action} is left alone: {why}"));
            }
        }
        let mut ended = Ok(());
        for claim in claims {
            let fence = claim.fence.clone();
            if let Err(error) = self.settle(claim).await {
                // The beat would hold it for as long as this worker lives.
                self.put_back(&fence).await;
                ended = Err(error);
            }
        }
        ended
    }

    async fn settle(&self, claim: Claim) -> Result<(), CliError> {
        if claim.action.state == State::Unknown {
            self.runner.ledger().release(&claim.fence).await?;
        } else if let Some(worked) = self.runner.verify(claim).await? {
            self.keep(worked);
        }
        Ok(())
    }

    /// Puts back what this worker still has when its slots have ended: housekeeping may have been in the middle of what it had taken over.
    async fn put_back_all(&self) -> Result<(), LedgerFault> {
        let (ledger, worker) = (self.runner.ledger(), self.runner.worker());
        for claim in ledger.stale_claims(std::slice::from_ref(worker)).await? {
            let details = ledger.action_details(&claim.action).await?;
            let Some(episode) = details.action.episode.filter(|_| claim.worker == *worker) else { continue };
            let account = details.action.account;
            self.put_back(&Fence { action: claim.action, account, episode, worker: claim.worker, epoch: claim.epoch })
                .await;
        }
        Ok(())
    }
}

async fn let_go(runner: &Runner, fence: &Fence) -> Result<(), LedgerFault> {
    let ledger = runner.ledger();
    let details = ledger.action_details(&fence.action).await?;
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
        // It ended before its proof was sealed or its permalink opened: any worker does that.
        State::ConfirmedSuccess if details.verify_at.is_none() => {
            ledger.verify_at(fence, Some(now())).await?;
        }
        // It ended, perhaps before its proof was sealed.
        State::ConfirmedFailed | State::PostcheckComplete => return runner.seal_late(fence).await,
        _ => {}
    }
    ledger.release(fence).await
}

impl Runner {
    /// Leases are compared with each runner's own clock, so those that share a ledger must agree on the time.
    ///
    /// # Errors
    /// [`CliError::Clock`], the ledger's.
    async fn agree_on_the_time(&self) -> Result<(), CliError> {
        match self.ledger().clock_ahead().await? {
            Some(ahead) if ahead.unsigned_abs() > CLOCKS_APART.as_millis() as u64 / 2 => Err(CliError::Clock { ahead }),
            _ => Ok(()),
        }
    }
}

/// This machine's name, for people.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
