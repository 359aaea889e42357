//! One world from its beginning to its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use deed_core::account::{Fingerprint, Mode};
use deed_core::approval::Risk;
use deed_core::ids::{AccountId, ClientId};
use deed_core::order::{Content, Lane, Media, Payload, Priority};
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::KillScope;
use deed_core::time::Timestamp;
use deed_ledger::{LedgerOptions, NewAccount, NewOrder, Sealer, SealerError, SqlLedger};
use deed_proofs::Sha256;
use deed_recipes::Recipe;
use deed_recipes::policy::PolicyFile;

use crate::dice::Dice;
use crate::direct::{self, Template};
use crate::page::BASE;
use crate::platform::{Member, Platform};
use crate::setting::{Deed, Order, Reach, Setting};
use crate::sim::{BEGIN_MS, Sim};
use crate::stage::{Given, Log, Stage, lock};
use crate::story::Line;
use crate::{check, keys, people, worker};

/// What stands in audit events.
const TOOL_VERSION: &str = "0.0.0-sim";

/// What sets the dice of approvers and of replicas apart from the world's.
const APPROVERS: u64 = 0x00a9_9e0e;
const REPLICAS: u64 = 0x00de_1a1d;
/// So often in a million an order that must be approved is filed by somebody who could approve it.
const FILED_BY_AN_APPROVER: u64 = 200_000;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What was broken; empty: nothing.
    pub broken: Vec<String>,
    /// Every event, where that was asked for.
    pub story: Vec<Line>,
    /// A digest of all events.
    pub digest: u64,
    /// Episodes that were begun.
    pub episodes: u64,
    /// Events.
    pub events: u64,
    /// Effects of the first processes, in order.
    pub effects: Vec<u64>,
    /// How much time went by in the world.
    pub simulated_ms: i64,
    /// Writes that reached the platform.
    pub writes: usize,
    /// How episodes ended.
    pub endings: BTreeMap<String, u64>,
    /// What is left behind, where the story was asked for: each action as the ledger has it, and each episode's manifest, in order.
    pub left: Vec<serde_json::Value>,
}

/// Sessions are no secrets in here.
struct Plain;

impl Sealer for Plain {
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealerError> {
        Ok(plain.to_vec())
    }

    fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, SealerError> {
        Ok(sealed.to_vec())
    }
}

/// What all runs of a thread share.
pub struct Bench {
    runtime: Arc<tokio::runtime::Runtime>,
    recipe: Arc<Recipe>,
    policies: BTreeMap<&'static str, Arc<PolicyFile>>,
    driver: Driver,
}

/// How a world's ledger reaches SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// In the world's own thread, on a copy of a ledger that was made once.
    Direct,
    /// By the driver that the ledger is delivered with, which makes the tables anew and carries statements out in a thread of its own.
    Delivered,
}

impl Bench {
    /// A bench.
    ///
    /// # Errors
    /// No runtime, or the built-in recipe does not load.
    pub fn new() -> Result<Self, String> {
        Self::on(Driver::Direct)
    }

    /// A bench whose ledgers reach SQLite this way.
    ///
    /// # Errors
    /// As [`Bench::new`].
    pub fn on(driver: Driver) -> Result<Self, String> {
        let recipe = deed_recipes::load_builtin("practice").map_err(|e| e.to_string())?;
        Self::with(driver, recipe)
    }

    /// A bench whose accounts work by this text of a recipe.
    ///
    /// # Errors
    /// As [`Bench::new`], and every error of the text.
    pub fn of_recipe(text: &str) -> Result<Self, String> {
        Self::with(Driver::Direct, deed_recipes::load_str("recipe.yaml", text).map_err(|e| e.to_string())?)
    }

    fn with(driver: Driver, mut recipe: Recipe) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        // Where elements stand is no part of this world; that all of them are there is.
        recipe.baselines.clear();
        let options = LedgerOptions {
            now: Arc::new(|| Timestamp(BEGIN_MS)),
            mint: Arc::new(String::new),
            sealer: Arc::new(Plain),
            tool_version: TOOL_VERSION.to_owned(),
        };
        Template::make(&runtime, options)?;
        Ok(Self { runtime: Arc::new(runtime), recipe: Arc::new(recipe), policies: BTreeMap::new(), driver })
    }

    fn policy(&mut self, text: &'static str) -> Result<Arc<PolicyFile>, String> {
        if text.is_empty() {
            return Ok(Arc::default());
        }
        if let Some(known) = self.policies.get(text) {
            return Ok(Arc::clone(known));
        }
        let file = deed_recipes::policy::policy_from_str("policy", text).map_err(|e| e.to_string())?;
        let file = Arc::new(file);
        self.policies.insert(text, Arc::clone(&file));
        Ok(file)
    }

    /// Runs a world to its end.
    ///
    /// # Errors
    /// The world could not be made: no finding about the engine.
    pub fn run(&mut self, setting: &Setting) -> Result<Outcome, String> {
        let policy = self.policy(setting.policy)?;
        let mut dice = Dice::new(setting.seed);
        let sim = Sim::new(dice.split(), setting.harm.clone(), setting.story);
        let (clock, minted, salt) = (sim.clone(), AtomicU64::new(0), dice.next());
        let options = LedgerOptions {
            now: Arc::new(move || clock.now()),
            mint: Arc::new(move || {
                let number = minted.fetch_add(1, Ordering::Relaxed);
                let mut own = Dice::new(salt ^ number);
                format!("{number:06}-{:08x}", own.next() & 0xffff_ffff)
            }),
            sealer: Arc::new(Plain),
            tool_version: TOOL_VERSION.to_owned(),
        };
        let driver = self.driver;
        let ledger = self.runtime.block_on(async {
            match driver {
                Driver::Direct => SqlLedger::open_copy(direct::ADDRESS, options).await,
                Driver::Delivered => SqlLedger::open_in_memory(options).await,
            }
        });
        let ledger = ledger.map_err(|e| e.to_string())?;
        let stage = Arc::new(Stage {
            sim: sim.clone(),
            platform: Mutex::new(Platform::default()),
            ledger,
            runtime: Arc::clone(&self.runtime),
            proofs: Mutex::default(),
            log: Mutex::new(Log::default()),
            recipe: Arc::clone(&self.recipe),
            policy,
            luck: setting.luck,
            approvers: Mutex::new(Dice::new(setting.seed ^ APPROVERS)),
            replicas: Mutex::new(Dice::new(setting.seed ^ REPLICAS)),
            ledger_fails: setting.ledger_fails,
            ledger_away: setting.ledger_away.clone(),
            ledger_calls: AtomicU32::new(0),
            store_fails: setting.store_fails.clone(),
            record: setting.record,
            avatar: setting.avatar,
            lease_ms: setting.lease_ms,
        });
        let accounts = self.runtime.block_on(people_and_accounts(&stage, setting)).map_err(|e| e.to_string())?;
        begin(&stage, setting, &accounts);
        let (slots, looks) = (setting.slots, setting.looks);
        let stage_of_the_dead = Arc::clone(&stage);
        sim.run(BEGIN_MS + setting.horizon_ms + setting.grace_ms, move |dead| {
            let stage = Arc::clone(&stage_of_the_dead);
            let (sim, machine) = (stage.sim.clone(), stage.sim.machine(dead));
            let after = sim.dice(|d| d.between(1_000, 120_000));
            sim.clone().spawn(None, async move {
                sim.sleep_ms(after).await;
                worker::begin(&stage, machine, slots, looks);
            });
        });
        let broken = check::all(&stage, &setting.bounds).iter().map(|words| sim.named(words)).collect();
        let left = if setting.story { stage.left()? } else { Vec::new() };
        let log = lock(&stage.log);
        let outcome = Outcome {
            seed: setting.seed,
            broken,
            story: sim.story(),
            digest: sim.digest(),
            episodes: log.episodes,
            events: sim.events(),
            effects: (0..4).map(|p| sim.effects(p)).collect(),
            simulated_ms: sim.now_ms() - BEGIN_MS,
            writes: lock(&stage.platform).arrivals.len(),
            endings: log.endings.clone(),
            left,
        };
        drop(log);
        self.runtime.block_on(stage.ledger.close());
        Ok(outcome)
    }
}

async fn people_and_accounts(
    stage: &Stage,
    setting: &Setting,
) -> Result<Vec<(AccountId, String, String)>, deed_ledger::LedgerError> {
    let ledger = &stage.ledger;
    let by = "ann";
    if setting.orders.iter().any(|o| o.approvals > 0) {
        for name in people::APPROVERS {
            if let Some(key) = keys::key(name) {
                ledger.add_approver(name, &key.public(), "root").await?;
            }
        }
    }
    let mut accounts = Vec::new();
    for number in 0..setting.accounts {
        let client = ClientId::new(format!("client{}", number / 2));
        ledger.ensure_client(&client, by).await?;
        let handle = format!("maker{number}");
        lock(&stage.platform).members.push(Member { handle: handle.clone(), name: format!("Maker {number}") });
        let avatar = setting.avatar.and_then(|_| crate::browser::picture());
        let fingerprint = Fingerprint { handle: handle.clone(), display_name: Some(format!("Maker {number}")), avatar };
        let new = NewAccount {
            client: client.clone(),
            platform: "practice".to_owned(),
            fingerprint,
            origin: Some(BASE.to_owned()),
        };
        let account = ledger.add_account(&new, by).await?.id;
        ledger.set_mode(&account, Mode::Live, by).await?;
        stage.sim.name(|names| names.account(account.as_str(), &handle));
        let cookie = format!("s-{account}");
        let state = serde_json::json!({
            "cookies": [{ "name": "sid", "value": cookie, "domain": "127.0.0.1", "path": "/", "expires": -1 }],
            "origins": [],
        });
        ledger.set_session(&account, &SessionState::new(state.to_string()), by).await?;
        let mut platform = lock(&stage.platform);
        platform.homes.insert(cookie.clone(), number);
        platform.sessions.insert(cookie, Some(number));
        accounts.push((account, handle, client.to_string()));
    }
    Ok(accounts)
}

/// The tasks of people and of workers.
fn begin(stage: &Arc<Stage>, setting: &Setting, accounts: &[(AccountId, String, String)]) {
    let sim = &stage.sim;
    for newer in (0..setting.earlier.posts).rev() {
        let text = match accounts.first() {
            Some(account) if setting.earlier.same == Some(newer) => words_of(0, &account.1),
            _ => format!("earlier post {newer}"),
        };
        let at = BEGIN_MS - i64::from(newer + 1) * 600_000;
        lock(&stage.platform).put(usize::from(setting.earlier.by_another), &text, 0, at, 0);
    }
    for (number, order) in setting.orders.iter().enumerate() {
        let Some(account) = accounts.get(order.account).cloned() else { continue };
        let (stage, order, sim) = (Arc::clone(stage), *order, sim.clone());
        let given = given(&stage, number, &order, &account);
        lock(&stage.log).orders.push(given);
        sim.clone().spawn(None, async move {
            sim.sleep_ms(order.at_ms).await;
            file(&stage, number, &account.0, &order);
            if order.filed_twice {
                sim.sleep_ms(20_000).await;
                file(&stage, number, &account.0, &order);
            }
        });
    }
    for (at, deed) in &setting.deeds {
        let (stage, at, deed, sim) = (Arc::clone(stage), *at, *deed, sim.clone());
        let account_of = |who: usize| accounts.get(who).cloned();
        let (scope, suspended) = match deed {
            Deed::Throw(Reach::Global, _) => (Some(KillScope::Global), None),
            Deed::Throw(Reach::Client(who), _) => (account_of(who).map(|a| KillScope::Client(a.2)), None),
            Deed::Throw(Reach::Account(who), _) => (account_of(who).map(|a| KillScope::Account(a.0.to_string())), None),
            Deed::Suspend(who, _) => (None, account_of(who).map(|a| a.0)),
            Deed::SetClock(..) => (None, None),
        };
        sim.clone().spawn(None, async move {
            sim.sleep_ms(at).await;
            match deed {
                Deed::Throw(_, for_ms) => scope.into_iter().for_each(|scope| people::throw(&stage, scope, for_ms)),
                Deed::Suspend(_, for_ms) => suspended.into_iter().for_each(|who| people::suspend(&stage, who, for_ms)),
                Deed::SetClock(by, for_ms) => {
                    sim.set_ahead(by);
                    sim.tell("clock", "is set", || format!("{} s ahead", by / 1_000));
                    sim.sleep_ms(for_ms).await;
                    sim.set_ahead(0);
                    sim.tell("clock", "is right again", String::new);
                }
            }
        });
    }
    for machine in &setting.machines {
        worker::begin(stage, *machine, setting.slots, setting.looks);
    }
    let last = setting.orders.iter().map(|o| o.at_ms).max().unwrap_or(0) + 30_000;
    let (stage, sim, round, horizon) = (Arc::clone(stage), sim.clone(), setting.round_ms, setting.horizon_ms);
    sim.clone().spawn(None, async move {
        loop {
            sim.sleep_ms(round).await;
            let elapsed = people::elapsed_ms(&stage);
            if (people::go_round(&stage) && elapsed > last) || (elapsed > horizon && check::all_rest(&stage)) {
                sim.stop();
            }
        }
    });
}

/// What an order says.
fn words_of(number: usize, handle: &str) -> String {
    format!("order {number} of {handle}")
}

/// The order in words, with what it is about put on the platform.
fn given(stage: &Stage, number: usize, order: &Order, account: &(AccountId, String, String)) -> Given {
    let mut platform = lock(&stage.platform);
    let text = match order.flow {
        "delete" | "like" | "follow" => String::new(),
        _ => words_of(number, &account.1),
    };
    let target = match order.flow {
        "publish.post" | "schedule" => String::new(),
        "follow" | "dm_send" => {
            let handle = format!("fan{number}");
            platform.members.push(Member { handle: handle.clone(), name: format!("Fan {number}") });
            handle
        }
        _ => platform.put(order.account, &format!("old post {number}"), 0, BEGIN_MS - 86_400_000, 0),
    };
    if order.there_already && order.flow == "publish.post" {
        platform.put(order.account, &text, order.media, BEGIN_MS - 7_200_000, 0);
    }
    let media = if order.flow == "publish.post" { order.media } else { 0 };
    let by_an_approver = order.approvals > 0 && lock(&stage.approvers).chance(FILED_BY_AN_APPROVER);
    Given {
        handle: account.1.clone(),
        client: account.2.clone(),
        flow: order.flow.to_owned(),
        text,
        media,
        target,
        approvals: order.approvals,
        filer: if by_an_approver { people::APPROVERS[0] } else { "filer" },
        there: order.there_already && order.flow == "publish.post",
        action: None,
    }
}

fn file(stage: &Stage, number: usize, account: &AccountId, order: &Order) {
    let Some(given) = lock(&stage.log).orders.get(number).cloned() else { return };
    let target = match given.flow.as_str() {
        "publish.post" | "schedule" => None,
        "follow" | "dm_send" => Some(given.target.clone()),
        _ => Some(format!("{BASE}/p/{}", given.target)),
    };
    let file = |n: usize| Media {
        path: format!("picture{n}.png"),
        sha256: Sha256::of(format!("{number} {n}").as_bytes()),
        bytes: 1_000,
        media_type: "image/png".to_owned(),
        shape: None,
    };
    let content = Content {
        text: given.text.clone(),
        media: (0..given.media).map(file).collect(),
        scheduled_at: (given.flow == "schedule").then_some(deed_core::time::Timestamp(BEGIN_MS + 172_800_000)),
        ..Content::default()
    };
    let risk = match order.approvals {
        0 => Risk::Low,
        1 => Risk::Medium,
        _ => Risk::High,
    };
    let new = NewOrder {
        client: ClientId::new(given.client),
        account: account.clone(),
        platform: "practice".to_owned(),
        lane: Lane::Browser,
        payload: Payload { action_type: given.flow.clone(), content, target },
        idempotency_key: None,
        experiment_id: None,
        variant_id: None,
        priority: Priority::Normal,
        not_before: None,
        depends_on: Vec::new(),
        batch: None,
        risk,
        filed_by: given.filer.to_owned(),
    };
    match stage.wait(stage.ledger.file_order(&new)) {
        Ok(filed) => {
            let id = filed.action.action.id.to_string();
            stage.sim.name(|names| names.action(&id, &format!("o{number}"), &given.handle));
            stage.sim.about(Some(&id));
            stage.sim.tell("filer", "files", || {
                format!("{id}: {} as {}, \"{}\" {}", given.flow, given.handle, given.text, given.target)
            });
            if let Some(order) = lock(&stage.log).orders.get_mut(number) {
                order.action = Some(id);
            }
        }
        Err(error) => stage.sim.tell("filer", "is refused", || error.to_string()),
    }
}
