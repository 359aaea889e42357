//! The stage on which the end-to-end tests play: the practice platform, a real Chromium, a real ledger and a real proof
//! directory, put together as the `deed` binary does it. Tests count at the platform's truth endpoint, never in the browser.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a stage that can not be set up fails the test"
)]

pub mod chaos;
pub mod judgement;
pub mod process;
pub mod ready;
pub mod s3;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deed::world::{DirectoryProofs, RealWorld, SystemClock, now};
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig, RunnerLock, Runners};
use deed_core::account::{Account, Fingerprint, Mode};
use deed_core::approval::Risk;
use deed_core::episode::{self, Ending, Options};
use deed_core::ids::{AccountId, ActionId, ClientId, WorkerId};
use deed_core::order::{Content, Lane, Media, Payload};
use deed_core::ports::World;
use deed_core::ports::browser::{Pacing, SessionState};
use deed_core::ports::ledger::{Claim, Ledger as _};
use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};
use deed_ledger::{AgeSealer, ClaimTarget, LedgerOptions, NewAccount, NewOrder, SqlLedger};
use deed_proofs::{ImageHash, Sha256};
use deed_recipes::Recipe;
use tempfile::TempDir;

/// The account that the stage publishes as.
pub const HANDLE: &str = "north_star";

/// The platform, and everything that plays against it.
pub struct Stage {
    /// The platform.
    pub practice: Practice,
    set: Set,
}

/// The engine's side of the stage.
pub struct Set {
    /// The engine's world.
    pub world: RealWorld,
    /// The recipe, with a short settle window.
    pub recipe: Arc<Recipe>,
    /// The account.
    pub account: AccountId,
    /// Bounds fit for tests.
    pub options: Options,
    /// Everything on disk.
    pub dir: TempDir,
    worker: WorkerId,
    _lock: RunnerLock,
}

/// A browser that keeps contexts ready for so many episodes to come.
pub fn browser_with_spare(spare: usize) -> Arc<Chromium> {
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
    Arc::new(Chromium::new(config).with_spare(spare))
}

/// Bounds fit for tests: unpaced, short waits where waiting is not what is tested.
pub fn options() -> Options {
    Options {
        pacing: Pacing::Unpaced,
        patience: Duration::from_secs(12),
        identity_wait: Duration::from_secs(6),
        commit_within: Duration::from_secs(60),
        verify_pause: Duration::from_millis(300),
        ..Options::default()
    }
}

/// The built-in recipe's text with another settle window, in seconds.
pub fn recipe_yaml_settling_in(settle_s: u32) -> String {
    let (yaml, _) = deed_recipes::builtin("practice").expect("the practice recipe is built in");
    let changed = yaml.replace("settle_s: 20", &format!("settle_s: {settle_s}"));
    assert!(settle_s == 20 || changed != yaml, "the recipe's settle window was found");
    changed
}

/// The built-in recipe with another settle window, in seconds.
pub fn recipe_settling_in(settle_s: u32) -> Recipe {
    let changed = recipe_yaml_settling_in(settle_s);
    let mut recipe = deed_recipes::load_str("practice", &changed).expect("the practice recipe is sound");
    recipe.baselines = deed_recipes::load_builtin("practice").expect("it loads").baselines;
    recipe
}

impl Stage {
    /// A live account on a platform that behaves.
    pub async fn new() -> Self {
        Self::with_settle(2).await
    }

    /// As [`Stage::new`], with another settle window.
    pub async fn with_settle(settle_s: u32) -> Self {
        let practice = Practice::start(PracticeConfig::default()).await.expect("the practice platform starts");
        let facts = practice.account_fingerprint(HANDLE).expect("the account exists");
        let session = practice.storage_state(HANDLE).expect("a session").to_string();
        let set = Set::up(&practice.origin(), &facts.display_name, &facts.avatar_png, session, None, settle_s).await;
        Self { practice, set }
    }

    /// A picture on disk, as an order brings it.
    pub fn picture(&self) -> Media {
        let bytes = self.practice.account_fingerprint(HANDLE).expect("the account exists").avatar_png;
        let path: PathBuf = self.dir.path().join("sunrise.png");
        std::fs::write(&path, &bytes).expect("the picture is written");
        Media {
            path: path.display().to_string(),
            sha256: Sha256::of(&bytes),
            bytes: bytes.len() as u64,
            media_type: "image/png".into(),
            shape: None,
        }
    }

    /// Switches faults on.
    pub fn faults(&self, faults: Faults) {
        self.practice.set_faults(faults);
    }

    /// How many publish writes the server received, and how many of them it stored.
    pub fn publishes(&self) -> (usize, usize) {
        let truth = self.practice.truth();
        let of: Vec<_> = truth.writes.iter().filter(|w| w.kind == WriteKind::Publish).collect();
        (of.len(), of.iter().filter(|w| w.stored).count())
    }

    /// The platform and the engine's side, to end one under the other.
    pub fn into_parts(self) -> (Practice, Set) {
        (self.practice, self.set)
    }

    /// Ends the browser and the platform.
    pub async fn end(self) {
        self.set.world.browser.stop().await;
        self.practice.stop().await;
    }
}

impl Deref for Stage {
    type Target = Set;

    fn deref(&self) -> &Set {
        &self.set
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut Set {
        &mut self.set
    }
}

impl Set {
    /// A live account on a platform that runs elsewhere; the browser may be shared.
    pub async fn up(
        origin: &str,
        display_name: &str,
        avatar_png: &[u8],
        session: String,
        browser: Option<Arc<Chromium>>,
        settle_s: u32,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let worker = WorkerId::new(format!("w-{}", uuid::Uuid::new_v4()));
        let runners = Runners::open(&dir.path().join("runners")).expect("the runners' directory");
        let lock = runners.enter(&worker).expect("the runner's lock");
        let ledger = open_ledger(&dir.path().join("deed.sqlite"), &dir.path().join("seal.key")).await;
        let config = ChromiumConfig {
            launch: LaunchConfig::default(),
            runner: Some((runners, worker.clone())),
            now: Arc::new(now),
        };
        let world = RealWorld {
            browser: browser.unwrap_or_else(|| Arc::new(Chromium::new(config))),
            ledger,
            proofs: DirectoryProofs::open(&dir.path().join("proofs")).expect("the proof directory"),
            clock: SystemClock,
            halt_at: None,
        };
        let account = add_account(&world.ledger, origin, display_name, avatar_png, session).await;
        Self {
            world,
            recipe: Arc::new(recipe_settling_in(settle_s)),
            account,
            options: options(),
            dir,
            worker,
            _lock: lock,
        }
    }

    /// The runner that works here.
    pub fn worker(&self) -> &WorkerId {
        &self.worker
    }

    /// The account as the ledger has it now.
    pub async fn account(&self) -> Account {
        self.world.ledger.account(&self.account).await.expect("the account is there")
    }

    /// Files an order for a post.
    pub async fn file(&self, text: &str, media: Vec<Media>, key: Option<&str>) -> ActionId {
        let content = Content { text: text.into(), media, ..Content::default() };
        self.file_payload(Payload { action_type: "publish.post".into(), content, target: None }, key).await
    }

    /// Files an order of any action type.
    pub async fn file_payload(&self, payload: Payload, key: Option<&str>) -> ActionId {
        let order = NewOrder {
            client: ClientId::new("bakery"),
            account: self.account.clone(),
            platform: "practice".into(),
            lane: Lane::Browser,
            payload,
            idempotency_key: key.map(str::to_owned),
            experiment_id: None,
            variant_id: None,
            priority: deed_core::order::Priority::Normal,
            not_before: None,
            depends_on: Vec::new(),
            batch: None,
            risk: Risk::Low,
            filed_by: "crash test".to_owned(),
        };
        self.world.ledger.file_order(&order).await.expect("the order is filed").action.action.id
    }

    /// Claims an action.
    pub async fn claim(&self, action: &ActionId) -> Claim {
        let target = ClaimTarget::Action(action.clone());
        self.world
            .ledger
            .claim(&target, &self.worker, self.options.lease)
            .await
            .expect("the ledger answers")
            .expect("the action can be claimed")
    }

    /// Runs a filed action.
    pub async fn run(&self, action: &ActionId) -> Ending {
        let claim = self.claim(action).await;
        episode::run(&self.world, claim, Arc::clone(&self.recipe), &self.options).await.expect("the ledger answers")
    }

    /// Files and runs a post without media.
    pub async fn publish(&self, text: &str) -> Ending {
        let action = self.file(text, Vec::new(), None).await;
        self.run(&action).await
    }

    /// The folder of an action's proof.
    pub async fn proof_folder(&self, action: &ActionId) -> PathBuf {
        let action = self.world.ledger.action(action).await.expect("the action is there");
        let episode = action.episode.expect("it had an episode");
        self.world.proofs.store().episode_folder(episode.as_str())
    }
}

async fn add_account(ledger: &SqlLedger, origin: &str, name: &str, avatar_png: &[u8], session: String) -> AccountId {
    let by = "test";
    ledger.ensure_client(&ClientId::new("bakery"), by).await.expect("the client is there");
    let fingerprint = Fingerprint {
        handle: HANDLE.into(),
        display_name: Some(name.to_owned()),
        avatar: Some(ImageHash::of(avatar_png).expect("the avatar is a picture")),
    };
    let new = NewAccount {
        client: ClientId::new("bakery"),
        platform: "practice".into(),
        fingerprint,
        origin: Some(origin.to_owned()),
    };
    let id = ledger.add_account(&new, by).await.expect("the account is added").id;
    ledger.set_session(&id, &SessionState::new(session), by).await.expect("the session is stored");
    ledger.set_mode(&id, Mode::Live, by).await.expect("the account is live");
    id
}

/// A world in which something happens the first time that a named boundary is reached.
pub struct Hooked<'s, F> {
    inner: &'s RealWorld,
    at: &'static str,
    hook: F,
    done: AtomicBool,
}

impl<'s, F: Fn() + Send + Sync> Hooked<'s, F> {
    /// Calls `hook` at the boundary `at`, on the runtime's thread; it may block.
    pub fn new(inner: &'s RealWorld, at: &'static str, hook: F) -> Self {
        Self { inner, at, hook, done: AtomicBool::new(false) }
    }

    /// Whether the boundary was reached.
    pub fn happened(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// Waits for a future inside a hook.
pub fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

impl<F: Fn() + Send + Sync> World for Hooked<'_, F> {
    type Browser = Chromium;
    type Ledger = SqlLedger;
    type Proofs = DirectoryProofs;
    type Clock = SystemClock;

    fn browser(&self) -> &Chromium {
        self.inner.browser()
    }

    fn ledger(&self) -> &SqlLedger {
        self.inner.ledger()
    }

    fn proofs(&self) -> &DirectoryProofs {
        self.inner.proofs()
    }

    fn clock(&self) -> &SystemClock {
        self.inner.clock()
    }

    fn boundary(&self, name: &'static str) {
        if name == self.at && !self.done.swap(true, Ordering::SeqCst) {
            (self.hook)();
        }
    }
}

/// A ledger with everything real.
pub async fn open_ledger(path: &std::path::Path, key: &std::path::Path) -> SqlLedger {
    SqlLedger::open(path, ledger_options(key)).await.expect("the ledger opens")
}

/// The same on a server, which has a ledger already.
pub async fn open_ledger_on(address: &str, key: &std::path::Path) -> SqlLedger {
    SqlLedger::open_server(address, ledger_options(key)).await.expect("the ledger opens")
}

fn ledger_options(key: &std::path::Path) -> LedgerOptions {
    LedgerOptions {
        now: Arc::new(now),
        mint: Arc::new(|| uuid::Uuid::now_v7().to_string()),
        sealer: Arc::new(AgeSealer::open_or_create(key).expect("the seal key")),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
