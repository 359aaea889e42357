//! What everybody in a simulated world shares: time, the platform, the ledger, the proof store, and what people did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deed_core::episode::{Looks, Options, Record};
use deed_core::ids::ActionId;
use deed_core::ports::World;
use deed_core::ports::browser::Pacing;
use deed_core::ports::ledger::{Fence, KillScope, LedgerFault};
use deed_core::time::{Steady, Timestamp};
use deed_ledger::{ActionDetails, ActionFilter, SqlLedger};
use deed_recipes::Recipe;
use deed_recipes::policy::PolicyFile;

use crate::browser::SimBrowser;
use crate::check;
use crate::dice::Dice;
use crate::ledger::SimLedger;
use crate::luck::Luck;
use crate::people::Manner;
use crate::platform::Platform;
use crate::proofs::{ProofStore, SimProofs};
use crate::setting::{Avatar, Away, StoreFails};
use crate::sim::{Process, Sim};

/// More actions than a world ever has.
const ACTIONS_MAX: u32 = 10_000;

/// A switch that a person threw.
#[derive(Debug, Clone)]
pub struct Thrown {
    /// How far it reaches.
    pub scope: KillScope,
    /// Since when the person was told that nothing can follow any more.
    pub acknowledged: i64,
    /// When it was turned off.
    pub off: Option<i64>,
}

/// A decision that a person signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// On which action.
    pub action: String,
    /// Who.
    pub name: &'static str,
    /// Yes or no.
    pub approves: bool,
    /// Whether the account's handle was typed.
    pub typed: bool,
    /// When.
    pub at: i64,
}

/// How old what was seen of an episode's object was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// The present look is an old one.
    pub is_old: bool,
    /// There was an old one since the last that was not, and was kept. One that a crash took away is none that anybody could count.
    pub was_old: bool,
}

/// What the arm transaction was seen to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Armed {
    /// When.
    pub at: i64,
    /// The epoch of the claim that the action was under then, as its callers were answered; `None`: nobody had claimed it.
    pub epoch: Option<i64>,
}

/// An order, as it was given.
#[derive(Debug, Clone)]
pub struct Given {
    /// The account's handle.
    pub handle: String,
    /// The client.
    pub client: String,
    /// The flow.
    pub flow: String,
    /// The text.
    pub text: String,
    /// Number of media objects.
    pub media: usize,
    /// The object's id, or the person's handle.
    pub target: String,
    /// How many people must approve it.
    pub approvals: u32,
    /// Who filed it: that one does not approve it.
    pub filer: &'static str,
    /// Whether it was there before the order.
    pub there: bool,
    /// The action that it became.
    pub action: Option<String>,
}

/// What is known outside of the code under test: by it the checkers judge.
#[derive(Debug, Default)]
pub struct Log {
    /// The orders.
    pub orders: Vec<Given>,
    /// The switches.
    pub thrown: Vec<Thrown>,
    /// What people signed, in order.
    pub signed: Vec<Signed>,
    /// Action → how its approvers go about it, and how often they were gone round to.
    pub asked: BTreeMap<String, (Manner, u32)>,
    /// Action → the states that the engine was seen to bring it to, in order.
    pub went: BTreeMap<String, Vec<&'static str>>,
    /// Episodes to whose writing session a challenge was shown.
    pub challenged: BTreeSet<String>,
    /// Episode → how old what its looks saw was.
    pub looks: BTreeMap<String, Looked>,
    /// Account id → when it may not write, and since when it may again.
    pub shut: Vec<(String, i64, Option<i64>)>,
    /// Actions that a person answered.
    pub answered: BTreeMap<String, bool>,
    /// Action → the epoch of its last claim, and until when its lease lasts: as the callers were answered, not as the ledger says later.
    pub leases: BTreeMap<String, (i64, i64)>,
    /// Episode → when it was armed.
    pub armed: BTreeMap<String, Armed>,
    /// What broke a promise the moment it happened.
    pub broken: Vec<String>,
    /// Episodes that ran to an end or were cut off.
    pub episodes: u64,
    /// How episodes ended, and how often.
    pub endings: BTreeMap<String, u64>,
}

/// A world.
pub struct Stage {
    /// Time.
    pub sim: Sim,
    /// The platform.
    pub platform: Mutex<Platform>,
    /// The ledger.
    pub ledger: SqlLedger,
    /// What drives the ledger's futures.
    pub runtime: Arc<tokio::runtime::Runtime>,
    /// The proof store.
    pub proofs: Mutex<ProofStore>,
    /// What people did, and what was ordered.
    pub log: Mutex<Log>,
    /// The recipe.
    pub recipe: Arc<Recipe>,
    /// What accounts may do.
    pub policy: Arc<PolicyFile>,
    /// What goes wrong in each episode: drawn so often, or always this.
    pub luck: Fortune,
    /// What decides about approvers: dice of their own, so that what they do moves nobody else's.
    pub approvers: Mutex<Dice>,
    /// What decides which look sees an old list.
    pub replicas: Mutex<Dice>,
    /// So often in a million a call of the ledger fails, before or after it was carried out.
    pub ledger_fails: u64,
    /// Which calls of the ledger fail for sure.
    pub ledger_away: Away,
    /// How often processes called it.
    pub ledger_calls: AtomicU32,
    /// Which calls of the proof store fail.
    pub store_fails: StoreFails,
    /// Which episodes are recorded.
    pub record: Record,
    /// What profiles show for a picture, where the accounts have one.
    pub avatar: Option<Avatar>,
    /// How long a lease is.
    pub lease_ms: i64,
}

/// Where luck comes from.
#[derive(Debug, Clone, Copy)]
pub enum Fortune {
    /// Drawn, so often in a million for each part.
    Drawn(u64),
    /// The same in each writing session.
    Fixed(Luck),
    /// The same in the sessions of so many episodes; after them nothing goes wrong any more.
    First(u64, Luck),
}

/// Takes a lock; a panic in a simulation ends it anyway.
pub fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// Something broke a promise.
    pub fn broke(&self, words: String) {
        self.sim.tell("checker", "BROKEN", || words.clone());
        lock(&self.log).broken.push(words);
    }

    /// All actions.
    pub fn actions(&self) -> Result<Vec<ActionDetails>, LedgerFault> {
        self.wait(self.ledger.list_actions(&ActionFilter::default(), ACTIONS_MAX))
    }

    /// What is left behind: each action as the ledger has it, and each episode's manifest.
    pub fn left(&self) -> Result<Vec<serde_json::Value>, String> {
        let actions = self.actions().map_err(|fault| fault.to_string())?;
        let store = lock(&self.proofs);
        let told = actions.iter().map(serde_json::to_string).chain(store.manifests().map(serde_json::to_string));
        told.map(|json| serde_json::from_str(&self.sim.named(&json?)))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// Somebody has a claim now.
    pub fn claimed(&self, fence: &Fence, lease: std::time::Duration) {
        self.sim.name(|names| names.episode(fence.episode.as_str(), fence.action.as_str()));
        lock(&self.log).leases.insert(fence.action.to_string(), (fence.epoch, self.sim.now().plus(lease).0));
    }

    /// The engine brought an action to a state.
    pub fn went(&self, action: &ActionId, to: &'static str) {
        lock(&self.log).went.entry(action.to_string()).or_default().push(to);
    }

    /// Something was written about an action by who says to have its claim: nobody else may.
    pub fn wrote(&self, fence: &Fence, what: &str) {
        let claim = lock(&self.log).leases.get(fence.action.as_str()).map(|(epoch, _)| *epoch);
        if claim != Some(fence.epoch) {
            self.broke(format!(
                "who lost {} {what} under epoch {}, its claim's is {claim:?}",
                fence.action, fence.epoch
            ));
        }
    }

    /// A look was kept.
    pub fn looked(&self, fence: &Fence) {
        if let Some(looks) = lock(&self.log).looks.get_mut(fence.episode.as_str()) {
            looks.was_old = looks.is_old;
        }
    }

    /// A worker's beat renewed a lease; it makes none shorter, whatever its clock says.
    pub fn beaten(&self, action: &ActionId, lease: std::time::Duration) {
        let until = lock(&self.log).leases.get(action.as_str()).map_or(0, |(_, until)| *until);
        self.renewed(action, lease);
        if let Some((_, now)) = lock(&self.log).leases.get_mut(action.as_str()) {
            *now = until.max(*now);
        }
    }

    /// A lease was renewed. One that is over stays over: by then somebody else may have looked, and found that it is.
    pub fn renewed(&self, action: &ActionId, lease: std::time::Duration) {
        let now = self.sim.now();
        let over = {
            let mut log = lock(&self.log);
            let Some((_, until)) = log.leases.get_mut(action.as_str()) else { return };
            std::mem::replace(until, now.plus(lease).0)
        };
        if over <= now.0 {
            self.broke(format!("the lease of {action} was over at {over} and was renewed at {}", now.0));
        }
    }

    /// A permit was made: under the claim's own epoch, not for longer than its lease lasts, and of what enough people approved.
    pub fn armed(&self, fence: &Fence, deadline: Timestamp) {
        let claim = lock(&self.log).leases.get(fence.action.as_str()).copied();
        let armed = Armed { at: self.sim.now_ms(), epoch: claim.map(|(epoch, _)| epoch) };
        lock(&self.log).armed.insert(fence.episode.to_string(), armed);
        self.went(&fence.action, "attempted");
        let unapproved = check::unapproved(&lock(&self.log), fence.action.as_str(), armed.at);
        if let Some(words) = unapproved {
            self.broke(format!("{} was armed and {words}", fence.action));
        }
        match claim {
            Some((epoch, _)) if epoch != fence.epoch => {
                self.broke(format!("{} was armed under epoch {}, its claim's is {epoch}", fence.action, fence.epoch));
            }
            Some((_, until)) if until < deadline.0 => {
                self.broke(format!("{} was armed until {}, its lease ends at {until}", fence.action, deadline.0));
            }
            Some(_) => {}
            None => self.broke(format!("{} was armed and nobody had claimed it", fence.action)),
        }
    }

    /// Runs a future of the ledger to its end: nothing else happens meanwhile, so that a seed is one order of events.
    pub fn wait<T>(&self, of: impl Future<Output = T>) -> T {
        self.runtime.block_on(of)
    }

    /// The options of an episode.
    pub fn options(&self, looks: Looks) -> Options {
        let lease = std::time::Duration::from_millis(self.lease_ms.unsigned_abs());
        let (policy, record) = (Arc::clone(&self.policy), self.record);
        Options { pacing: Pacing::Unpaced, lease, looks, policy, record, ..Options::default() }
    }
}

/// The world as one process has it.
#[derive(Clone)]
pub struct SimWorld {
    /// What all share.
    pub stage: Arc<Stage>,
    /// Which process.
    pub process: Process,
    browser: SimBrowser,
    ledger: SimLedger,
    proofs: SimProofs,
    clock: SimClock,
}

impl SimWorld {
    /// Of a process.
    pub fn new(stage: &Arc<Stage>, process: Process) -> Self {
        Self {
            stage: Arc::clone(stage),
            process,
            browser: SimBrowser::new(stage, process),
            ledger: SimLedger::new(stage, process),
            proofs: SimProofs::new(stage, process),
            clock: SimClock(stage.sim.clone(), process),
        }
    }
}

/// The simulation's clock.
#[derive(Clone)]
pub struct SimClock(Sim, Process);

impl deed_core::ports::Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn steady(&self) -> Steady {
        self.0.moment().steady
    }

    async fn sleep(&self, for_: std::time::Duration) {
        self.0.sleep_ms(i64::try_from(for_.as_millis()).unwrap_or(i64::MAX)).await;
        self.0.passing(self.1, "wakes").await;
    }
}

impl World for SimWorld {
    type Browser = SimBrowser;
    type Ledger = SimLedger;
    type Proofs = SimProofs;
    type Clock = SimClock;

    fn browser(&self) -> &SimBrowser {
        &self.browser
    }

    fn ledger(&self) -> &SimLedger {
        &self.ledger
    }

    fn proofs(&self) -> &SimProofs {
        &self.proofs
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn boundary(&self, name: &'static str) {
        self.stage.sim.tell(&format!("p{}", self.process), name, String::new);
    }
}

/// The fault of a database that is away.
pub fn away(what: &str) -> LedgerFault {
    LedgerFault::Database { what: what.to_owned(), why: "the database is away".to_owned(), code: "ledger-busy" }
}
