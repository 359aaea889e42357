//! One scenario: the real engine over a real ledger and a real proof store, in a browser whose network is the fixture.
//!
//! Bounds of real time are shortened, because a fixture answers at once; what the engine waits for on its own clock costs nothing.
//! Nothing else differs from a run against the platform: the recipe, the quorum, the arm transaction and the gate are the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_chromium::{Chromium, Replaying};
use deed_core::account::Mode;
use deed_core::approval::Risk;
use deed_core::episode::{self, Ending, Options};
use deed_core::ids::{ClientId, WorkerId};
use deed_core::order::Lane;
use deed_core::ports::browser::{Pacing, SessionState};
use deed_core::ports::{Clock as _, World};
use deed_core::state::State;
use deed_ledger::{AgeSealer, ClaimTarget, LedgerOptions, NewAccount, NewOrder, SqlLedger};
use deed_proofs::{ArtifactKind, Manifest, Store as _};
use deed_recipes::Recipe;

use crate::context::mint;
use crate::error::CliError;
use crate::order::Order;
use crate::replay::error::FixtureError;
use crate::replay::expect::Expect;
use crate::replay::fixture::Fixture;
use crate::replay::stage::{FixtureStage, Played, ReplayClock};
use crate::world::DirectoryProofs;

/// How long a page may take to show what it should, beside the fixture's own delays. Its answers come at once.
pub const PATIENCE: Duration = Duration::from_millis(1_500);
/// The same for a scenario that is played alone, because it differed beside others.
pub const UNHURRIED: Duration = Duration::from_secs(10);
/// A scenario that takes longer is stuck.
const SCENARIO: Duration = Duration::from_secs(120);

/// A scenario, read.
#[derive(Debug)]
pub struct Scenario {
    /// `facebook/success`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What plays.
    pub fixture: Fixture,
    /// What must come of it.
    pub expect: Expect,
    /// Its recipe.
    pub recipe: Arc<Recipe>,
    /// How long its pages may take to show what they should, beside its own delays.
    pub patience: Duration,
}

/// What came of a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// `confirmed_success`, `queued`, `confirmed_failed` or `unknown`.
    pub outcome: String,
    /// The hold's reason.
    pub hold: Option<String>,
    /// The failure.
    pub failure: Option<String>,
    /// One sentence for a person.
    pub words: String,
    /// The account's state.
    pub account: String,
    /// The proof level.
    pub level: u8,
    /// Signal → vote.
    pub identity: BTreeMap<String, String>,
    /// Surface → drift score.
    pub drift: BTreeMap<String, f64>,
    /// What the stage saw.
    pub played: Played,
    /// Requests stopped because they would have left the recipe's origins.
    pub kept_home: Vec<String>,
    /// The last picture that was taken, a PNG.
    pub picture: Option<Vec<u8>>,
    /// How long it took, in real time.
    pub took: Duration,
}

/// What an episode stands on, in replay.
struct ReplayWorld {
    browser: Replaying,
    ledger: SqlLedger,
    proofs: DirectoryProofs,
    clock: ReplayClock,
}

impl World for ReplayWorld {
    type Browser = Replaying;
    type Ledger = SqlLedger;
    type Proofs = DirectoryProofs;
    type Clock = ReplayClock;

    fn browser(&self) -> &Replaying {
        &self.browser
    }

    fn ledger(&self) -> &SqlLedger {
        &self.ledger
    }

    fn proofs(&self) -> &DirectoryProofs {
        &self.proofs
    }

    fn clock(&self) -> &ReplayClock {
        &self.clock
    }
}

impl Scenario {
    /// Plays it. `keep` is where its proof stays; else it is thrown away.
    ///
    /// # Errors
    /// The fixture does not fit its recipe, or the machine's (disk, browser).
    pub async fn play(&self, chromium: &Arc<Chromium>, keep: Option<&Path>) -> Result<Found, CliError> {
        let began = Instant::now();
        let dir = tempfile::Builder::new()
            .prefix("deed-replay-")
            .tempdir()
            .map_err(CliError::file("make a temporary directory", std::env::temp_dir()))?;
        let proofs = keep.map_or_else(|| dir.path().join("proofs"), |keep| keep.join(&self.name));
        let played = tokio::time::timeout(SCENARIO, self.run(chromium, dir.path(), &proofs)).await;
        let mut found =
            played.map_err(|_| self.misfit("it did not come to an end within two minutes".to_owned()))??;
        found.took = began.elapsed();
        Ok(found)
    }

    async fn run(&self, chromium: &Arc<Chromium>, dir: &Path, proofs: &Path) -> Result<Found, CliError> {
        let clock = ReplayClock::default();
        let watched = self.expect.elements.clone();
        let routes = self.fixture.routes.clone();
        let stage =
            Arc::new(FixtureStage::new(routes, self.fixture.words(), &self.fixture.scene, clock.clone(), watched));
        let ledger = ledger(dir, &clock).await?;
        let world = ReplayWorld {
            browser: Replaying::new(Arc::clone(chromium), stage.clone()),
            ledger,
            proofs: DirectoryProofs::open(proofs)?,
            clock,
        };
        let ending = self.act(&world, dir).await?;
        let account = world.ledger.list_accounts().await?.pop();
        let mut found = Found {
            outcome: outcome(ending.state).to_owned(),
            hold: ending.hold.as_ref().map(|h| h.reason.as_str().to_owned()),
            failure: ending.failure.map(|f| f.as_str().to_owned()),
            words: ending.words.clone(),
            account: account.map(|a| a.state.as_str().to_owned()).unwrap_or_default(),
            level: ending.proof_level,
            played: stage.played(),
            ..Found::default()
        };
        if let Some(fault) = &ending.proof_fault {
            found.words = format!("{}; its proof is incomplete: {fault}", found.words);
        }
        self.read_proof(&world, &mut found).await?;
        world.ledger.close().await;
        Ok(found)
    }

    /// Account, order, claim, episode.
    async fn act(&self, world: &ReplayWorld, dir: &Path) -> Result<Ending, CliError> {
        let ledger = &world.ledger;
        let (by, client) = ("replay", ClientId::new("replay"));
        ledger.ensure_client(&client, by).await?;
        let account = ledger.add_account(&self.account(&client)?, by).await?.id;
        let session = SessionState::new(self.fixture.account.storage_state.clone());
        ledger.set_session(&account, &session, by).await?;
        ledger.set_mode(&account, Mode::Live, by).await?;

        let order = Order::from_parts("order", self.fixture.order.clone(), &self.fixture.order_folder);
        let payload = order.payload(&dir.join("media"))?;
        order.check(&self.recipe, &payload)?;
        order.keep_media(&payload)?;
        let new = NewOrder {
            client,
            account,
            platform: self.recipe.platform.clone(),
            lane: Lane::Browser,
            payload,
            idempotency_key: None,
            experiment_id: None,
            variant_id: None,
            priority: deed_core::order::Priority::Normal,
            not_before: None,
            depends_on: Vec::new(),
            batch: None,
            risk: Risk::Low,
            filed_by: by.to_owned(),
        };
        let action = ledger.file_order(&new).await?.action.action.id;
        let options = self.options();
        let worker = WorkerId::new("replay");
        let claim = ledger.claim(&ClaimTarget::Action(action), &worker, options.lease).await?;
        let claim = claim.ok_or_else(|| self.misfit("its own order could not be claimed".to_owned()))?;
        Ok(episode::run(world, claim, self.quick(), &options).await?)
    }

    fn account(&self, client: &ClientId) -> Result<NewAccount, CliError> {
        let account = &self.fixture.account;
        let fingerprint = account.fingerprint()?;
        let platform = self.recipe.platform.clone();
        if let Some(origin) = &account.origin
            && !self.recipe.allows_origin(origin)
        {
            return Err(self.misfit(format!("its account's origin {origin} is not one of the recipe's")));
        }
        Ok(NewAccount { client: client.clone(), platform, fingerprint, origin: account.origin.clone() })
    }

    fn patience(&self) -> Duration {
        self.patience + self.fixture.slowest()
    }

    fn options(&self) -> Options {
        let patience = self.patience();
        let (identity_wait, long_wait_max) = (patience, patience);
        Options { pacing: Pacing::Unpaced, patience, long_wait_max, identity_wait, ..Options::default() }
    }

    /// The recipe with the receipt's wait shortened, which counts real time.
    fn quick(&self) -> Arc<Recipe> {
        let mut recipe = (*self.recipe).clone();
        let within_ms = u64::try_from(self.patience().as_millis()).unwrap_or(u64::MAX);
        for flow in recipe.flows.values_mut() {
            flow.receipt.within_ms = flow.receipt.within_ms.min(within_ms);
        }
        Arc::new(recipe)
    }

    /// Votes, drift and the last picture, out of the proof.
    async fn read_proof(&self, world: &ReplayWorld, found: &mut Found) -> Result<(), CliError> {
        let actions = world.ledger.list_actions(&deed_ledger::ActionFilter::default(), 1).await?;
        let Some(episode) = actions.into_iter().next().and_then(|a| a.action.episode) else { return Ok(()) };
        let store = world.proofs.store();
        let path = store.episode_folder(episode.as_str()).join("manifest.json");
        let bytes = std::fs::read(&path).map_err(CliError::file("read the proof's manifest", &path))?;
        let manifest =
            Manifest::from_json(&bytes).map_err(|e| self.misfit(format!("its manifest does not read: {e}")))?;
        if let Some(identity) = &manifest.identity {
            found.identity = identity.votes.iter().map(|v| (v.name.clone(), v.note.clone())).collect();
        }
        for check in manifest.steps.iter().flat_map(|s| &s.checks) {
            if let Some(surface) = check.name.strip_prefix("landmarks ") {
                let score = check.note.strip_prefix("score ").and_then(|s| s.parse().ok()).unwrap_or(0.0);
                let known = found.drift.entry(surface.to_owned()).or_insert(score);
                *known = known.max(score);
            }
            if check.name == "kept_at_home" && !found.kept_home.contains(&check.seen) {
                found.kept_home.push(check.seen.clone());
            }
        }
        let last = manifest.artifacts.iter().rev().find(|a| a.kind == ArtifactKind::Screenshot);
        found.picture = last.and_then(|a| store.get(&a.sha256).ok());
        Ok(())
    }

    fn misfit(&self, why: String) -> CliError {
        FixtureError::Misfit { path: self.folder.clone(), why }.into()
    }
}

/// How long a fixture's page may take to show what it should when nothing else hurries.
pub(super) fn unhurried(fixture: &Fixture) -> Duration {
    UNHURRIED + fixture.slowest()
}

/// A ledger in memory: the same rules, nothing left behind.
async fn ledger(dir: &Path, clock: &ReplayClock) -> Result<SqlLedger, CliError> {
    let clock = clock.clone();
    let options = LedgerOptions {
        now: Arc::new(move || clock.now()),
        mint: Arc::new(mint),
        sealer: Arc::new(AgeSealer::open_or_create(&dir.join("seal.key"))?),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(SqlLedger::open_in_memory(options).await?)
}

const fn outcome(state: State) -> &'static str {
    match state {
        State::ConfirmedSuccess | State::PostcheckComplete => "confirmed_success",
        State::ConfirmedFailed => "confirmed_failed",
        State::Attempted | State::Unknown => "unknown",
        State::Queued | State::PreflightPassed | State::IdentityVerified | State::Cancelled => "queued",
    }
}
