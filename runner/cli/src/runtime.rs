//! One runner: its register entry, its browser, what it recovers, and the actions that it works on.
//!
//! A runner whose work did not come to its end looks dead to the next one, which it is: its lock's file stays, and what it had
//! claimed is recovered at once instead of after its lease.

use std::sync::Arc;
use std::time::Duration;

use deed_chromium::launch::{Binary, LaunchConfig, RunnerLock, Runners, find_binary};
use deed_chromium::{Chromium, ChromiumConfig};
use deed_core::episode::{self, Ending, Looks, Options};
use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::{AccountId, ActionId, WorkerId};
use deed_core::ports::World;
use deed_core::ports::browser::{BrowserFault, Pacing};
use deed_core::ports::ledger::{Change, Claim, Fence, Ledger as _, LedgerFault, ObjectFacts};
use deed_core::state::{Event, State};
use deed_core::{recover, review};
use deed_ledger::{ActionDetails, ClaimTarget, Obstacle, SqlLedger};
use deed_recipes::Recipe;
use tokio::sync::watch;

use crate::context::Context;
use crate::defect;
use crate::error::CliError;
use crate::order::check_media;
use crate::signals::{asked_to_stop, until_stopped};
use crate::world::{DirectoryProofs, RealWorld, SystemClock, now};

/// How often a lease is renewed within its time.
pub const BEATS_PER_LEASE: u32 = 3;
/// How long what can not be looked at now is left alone.
const UNUSABLE_PAUSE: Duration = Duration::from_secs(60);

/// The real world, which also tells how far the episode in it has come.
pub struct Watched {
    inner: RealWorld,
    /// From right before the arm transaction until the receipt is read.
    pressing: watch::Sender<bool>,
    /// From the arm transaction until the action is let go of.
    armed: watch::Sender<bool>,
}

impl Watched {
    fn new(inner: RealWorld) -> Self {
        Self { inner, pressing: watch::Sender::new(false), armed: watch::Sender::new(false) }
    }
}

impl World for Watched {
    type Browser = Chromium;
    type Ledger = SqlLedger;
    type Proofs = DirectoryProofs;
    type Clock = SystemClock;

    fn browser(&self) -> &Chromium {
        &self.inner.browser
    }

    fn ledger(&self) -> &SqlLedger {
        &self.inner.ledger
    }

    fn proofs(&self) -> &DirectoryProofs {
        &self.inner.proofs
    }

    fn clock(&self) -> &SystemClock {
        &self.inner.clock
    }

    fn boundary(&self, name: &'static str) {
        self.pressing.send_replace(matches!(name, "proof_durable" | "armed" | "pressed"));
        match name {
            "proof_durable" => {
                defect::may_arm();
                self.armed.send_replace(true);
            }
            "claimed" | "held" | "released" => drop(self.armed.send_replace(false)),
            _ => {}
        }
        self.inner.boundary(name);
    }
}

/// Whether it is there and not public yet.
pub fn waits_for_review(details: &ActionDetails) -> bool {
    details.action.state == State::ConfirmedSuccess && details.object.visibility.as_deref() == Some(review::PENDING)
}

/// An action that was worked on.
#[derive(Debug)]
pub struct Worked {
    /// Which.
    pub action: ActionId,
    /// How it ended.
    pub ending: Ending,
}

/// One runner.
pub struct Runner {
    context: Context,
    world: Watched,
    worker: WorkerId,
    runners: Runners,
    lease: Duration,
    looks: Looks,
    lock: Option<RunnerLock>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            // Dropping it would remove the file by which the next runner sees that this one is dead. The kernel lets go of the lock.
            std::mem::forget(lock);
        }
    }
}

/// The Chromium that will be started; asked before anything is claimed, so that a missing one holds nothing up.
///
/// # Errors
/// [`BrowserFault::Launch`] with the remedy.
pub fn browser_binary(context: &Context) -> Result<Binary, BrowserFault> {
    match &context.settings.browser {
        Some(path) => Binary::at(path),
        None => find_binary(),
    }
}

impl Runner {
    /// Registers a runner. The browser is started when it is first needed.
    ///
    /// # Errors
    /// No Chromium, the register's, the proof store's.
    pub fn enter(context: &Context, ledger: SqlLedger) -> Result<Self, CliError> {
        browser_binary(context)?;
        // A policy that can not be read is told before anything is claimed.
        context.policy()?;
        let proofs = context.proofs()?;
        let register = context.settings.runners();
        // The register is a directory of ours: what is wrong with it is no fault of the browser.
        let unusable = |fault: BrowserFault| {
            let why = match fault {
                BrowserFault::Launch(why) => why,
                other => other.to_string(),
            };
            CliError::file("use the register of runners", &register)(std::io::Error::other(why))
        };
        let runners = Runners::open(&register).map_err(unusable)?;
        let worker = WorkerId::new(format!("w-{}", uuid::Uuid::now_v7()));
        let lock = runners.enter(&worker).map_err(unusable)?;
        let browser = Chromium::new(ChromiumConfig {
            launch: LaunchConfig { binary: context.settings.browser.clone(), ..LaunchConfig::default() },
            runner: Some((runners.clone(), worker.clone())),
            now: Arc::new(now),
        });
        let inner = RealWorld {
            browser: Arc::new(browser),
            ledger,
            proofs,
            clock: SystemClock,
            halt_at: context.settings.halt_at.clone(),
        };
        let (lease, looks) = (Options::default().lease, Looks::UntilAnswered);
        let world = Watched::new(inner);
        Ok(Self { context: context.clone(), world, worker, runners, lease, looks, lock: Some(lock) })
    }

    /// As one of a fleet: with leases so short, and looking again in turns with the others.
    #[must_use]
    pub fn in_a_fleet(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self.looks = Looks::InTurns;
        self
    }

    /// One more episode of the same runner at the same time: the same browser and the same worker.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            context: self.context.clone(),
            world: Watched::new(self.world.inner.clone()),
            worker: self.worker.clone(),
            runners: self.runners.clone(),
            lease: self.lease,
            looks: self.looks,
            lock: None,
        }
    }

    /// What the command was run with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// How long a claim is good without a beat.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether the episode under way may have been armed; false again when its action was let go of.
    pub fn armed(&self) -> watch::Receiver<bool> {
        self.world.armed.subscribe()
    }

    /// The ledger.
    pub fn ledger(&self) -> &SqlLedger {
        &self.world.inner.ledger
    }

    /// The world, for an episode that claims nothing.
    pub fn world(&self) -> &Watched {
        &self.world
    }

    /// Who this runner is.
    pub fn worker(&self) -> &WorkerId {
        &self.worker
    }

    /// Bounds and manner of the next episode; each is paced by a seed of its own, kept with its proof.
    pub fn options(&self) -> Options {
        let pacing = if self.context.settings.unpaced {
            Pacing::Unpaced
        } else {
            Pacing::Considerate { seed: uuid::Uuid::new_v4().as_u64_pair().0 }
        };
        let recording = self.context.settings.recording;
        let (record, film) = (recording.when, recording.bounds);
        Options { pacing, lease: self.lease, looks: self.looks, record, film, ..Options::default() }
    }

    /// As [`Runner::options`], for what may commit: with the policy as it is now.
    ///
    /// # Errors
    /// The policy's.
    pub fn acting_options(&self) -> Result<Options, CliError> {
        Ok(Options { policy: self.context.policy()?, ..self.options() })
    }

    /// Resolves what dead runners left: their browsers are ended, what had not been armed is queued again, what may have
    /// happened is verified.
    ///
    /// # Errors
    /// The register's and the ledger's.
    pub async fn recover(&self) -> Result<Vec<Worked>, CliError> {
        let mut worked = Vec::new();
        for claim in self.take_over().await? {
            self.context.ui.say(&format!("verifying {}: an earlier run stopped after the attempt", claim.action.id));
            worked.extend(self.verify(claim).await?);
        }
        Ok(worked)
    }

    /// As [`Runner::recover`], without looking: what may have happened is answered, claimed by this runner.
    async fn take_over(&self) -> Result<Vec<Claim>, CliError> {
        let (claims, left) = self.take_over_quietly().await?;
        for (action, why) in &left {
            self.context.ui.warn(&format!("action {action} is left alone: {why}"));
        }
        Ok(claims)
    }

    /// As [`Runner::recover`], without looking: what may have happened is answered, claimed by this runner, and what was left alone, with
    /// the reason.
    ///
    /// # Errors
    /// The register's and the ledger's.
    pub async fn take_over_quietly(&self) -> Result<(Vec<Claim>, Vec<(ActionId, String)>), CliError> {
        let options = self.options();
        let dead = self.runners.dead()?;
        let recovered = recover::recover(&self.world, &self.worker, &dead, &options).await?;
        let ui = &self.context.ui;
        for action in &recovered.requeued {
            ui.say(&format!("recovered {action}: an earlier run stopped before the attempt; it is queued again"));
        }
        for worker in &dead {
            // Files of runners that had claimed nothing; what is in use stays.
            if let Err(fault) = self.runners.end_browser_of(worker, false).await {
                ui.warn(&fault.to_string());
            }
        }
        // Only now: a recovery that is killed half-way must find the dead runners again.
        if recovered.left.is_empty() {
            dead.iter().for_each(|worker| self.runners.forget(worker));
        }
        Ok((recovered.to_verify, recovered.left))
    }

    /// Verifies what may have happened and is nobody's; of one account, or of all.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn settle(&self, of: Option<&AccountId>) -> Result<Vec<Worked>, CliError> {
        let mut worked = Vec::new();
        for id in self.ledger().unsettled().await? {
            let action = self.ledger().action(&id).await?;
            if of.is_some_and(|account| *account != action.account) {
                continue;
            }
            let claim = self.ledger().claim_unsettled(&id, &self.worker, self.options().lease).await?;
            let Some(claim) = claim else { continue };
            self.context.ui.say(&format!("verifying {id}: it was attempted, and is not known to exist"));
            worked.extend(self.verify(claim).await?);
        }
        Ok(worked)
    }

    /// Looks at once whether an action is public by now that waited for the platform's review; `None`: it does not, or somebody has the
    /// account.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn look_again(&self, id: &ActionId) -> Result<Option<Worked>, CliError> {
        if !waits_for_review(&self.ledger().action_details(id).await?) {
            return Ok(None);
        }
        let Some(claim) = self.ledger().claim_unsettled(id, &self.worker, self.options().lease).await? else {
            return Ok(None);
        };
        self.context.ui.say(&format!("looking at {id}: it waited for the platform's review"));
        self.verify(claim).await
    }

    /// Looks what became of a claimed action; `None` when it can not be looked at now.
    ///
    /// # Errors
    /// The ledger's: what became of it is not known.
    pub async fn verify(&self, claim: Claim) -> Result<Option<Worked>, CliError> {
        let action = claim.action.id.clone();
        let recipe = match self.context.recipe(&claim.action.platform) {
            Ok(recipe) if recipe.flow(&claim.action.payload.action_type).is_some() => recipe,
            unusable => {
                let why =
                    unusable.err().map_or_else(|| "the recipe has no such flow any more".to_owned(), |e| e.to_string());
                self.context.ui.warn(&format!("action {action} can not be verified now: {why}"));
                if matches!(claim.action.state, State::Unknown | State::ConfirmedSuccess) {
                    self.ledger().verify_at(&claim.fence, Some(now().plus(UNUSABLE_PAUSE))).await?;
                }
                self.ledger().release(&claim.fence).await?;
                return Ok(None);
            }
        };
        match episode::resume(&self.world, claim, recipe, &self.options()).await {
            Ok(ending) => Ok(Some(Worked { action, ending })),
            Err(fault) => Err(CliError::OutcomeUnknown { action, fault }),
        }
    }

    /// Seals the proof of what ended in the middle.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn seal_late(&self, fence: &Fence) -> Result<(), LedgerFault> {
        recover::seal_late(&self.world, fence, self.lease(), |claim| self.verify(claim)).await
    }

    /// Works on one queued action.
    ///
    /// # Errors
    /// [`CliError::Busy`], the recipe's, kept media that changed, the ledger's.
    pub async fn act(&self, action: &ActionId) -> Result<Worked, CliError> {
        let target = ClaimTarget::Action(action.clone());
        match self.ledger().claim(&target, &self.worker, self.options().lease).await? {
            Some(claim) => self.run(claim).await,
            None => {
                let obstacle = self.ledger().obstacle(action).await?;
                // Free again by now: as if it had just been worked on.
                let state = self.ledger().action(action).await?.state;
                Err(CliError::Busy {
                    action: action.clone(),
                    obstacle: obstacle.unwrap_or(Obstacle::NotQueued { state }),
                })
            }
        }
    }

    /// Works on a claimed action.
    ///
    /// # Errors
    /// As [`Runner::act`].
    pub async fn run(&self, claim: Claim) -> Result<Worked, CliError> {
        let action = claim.action.id.clone();
        let (recipe, options) = match self.ready(&claim) {
            Ok(ready) => ready,
            Err(error) => return self.hold_back(claim, &error).await,
        };
        match episode::run(&self.world, claim, recipe, &options).await {
            Ok(ending) => Ok(Worked { action, ending }),
            Err(fault) => Err(self.after_fault(action, fault).await),
        }
    }

    fn ready(&self, claim: &Claim) -> Result<(Arc<Recipe>, Options), CliError> {
        let recipe = self.context.recipe(&claim.action.platform)?;
        check_media(&claim.action.payload)?;
        Ok((recipe, self.acting_options()?))
    }

    /// What is not there any more when its turn comes waits for a person, so that it does not come again at once.
    async fn hold_back(&self, claim: Claim, error: &CliError) -> Result<Worked, CliError> {
        let hold = Hold::new(HoldReason::Policy, format!("{error} ({})", error.code()));
        let change = Change { hold: Some(hold.clone()), ..Change::default() };
        self.ledger().advance(&claim.fence, Event::Held, change).await?;
        self.ledger().release(&claim.fence).await?;
        let ending = Ending {
            state: State::Queued,
            words: hold.detail.clone(),
            hold: Some(hold),
            failure: None,
            object: ObjectFacts::default(),
            proof_level: 0,
            proof_fault: None,
        };
        Ok(Worked { action: claim.action.id, ending })
    }

    /// The ledger failed in the middle: what it holds now tells whether anything may have been sent. When it does not
    /// answer, it may.
    async fn after_fault(&self, action: ActionId, fault: LedgerFault) -> CliError {
        match self.ledger().action(&action).await {
            Ok(stored) if !stored.state.may_have_happened() => fault.into(),
            _ => CliError::OutcomeUnknown { action, fault },
        }
    }

    /// Works until it is done or a signal ends it (`None`), then closes the browser. Only a runner that is done leaves the
    /// register: after anything else it may have something claimed, which the next one recovers.
    ///
    /// # Errors
    /// The work's.
    pub async fn supervise<T>(
        mut self,
        work: impl AsyncFnOnce(&Self) -> Result<T, CliError>,
    ) -> Result<Option<T>, CliError> {
        let pressing = self.world.pressing.subscribe();
        let ended = tokio::select! {
            biased;
            ended = until_stopped(work(&self), asked_to_stop(), pressing) => ended,
            () = self.keep_beating() => None,
        };
        self.leave(matches!(ended, Some(Ok(_)))).await;
        ended.transpose()
    }

    /// Closes the browser; who is done leaves the register.
    pub async fn leave(&mut self, done: bool) {
        self.world.inner.browser.stop().await;
        if done {
            drop(self.lock.take());
        }
    }

    /// Moves the leases of what this runner has; never ends.
    async fn keep_beating(&self) {
        loop {
            tokio::time::sleep(self.lease / BEATS_PER_LEASE).await;
            if let Err(fault) = self.ledger().beat(&self.worker, self.lease).await {
                tracing::warn!(%fault, "the leases were not renewed");
            }
        }
    }
}
