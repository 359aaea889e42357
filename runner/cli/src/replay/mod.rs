//! Replay: a recipe's flow against fixtures, hermetically, under the platform's real origins.
//!
//! Owns scenarios: reading them, playing them, comparing what came of them with what must. What `deed replay` prints is
//! `commands/replay.rs`'s matter. Never reaches a network: every request is answered at the browser or fails, and is named.
//!
//! Start reading at [`load`] and [`play_all`]; then `scenario.rs` (one run of the real engine) and `stage.rs` (what answers).

pub mod baseline;
pub mod error;
pub mod expect;
pub mod fixture;
pub mod har;
pub mod html;
pub mod judge;
pub mod junit;
pub mod route;
pub mod scenario;
pub mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_recipes::{LoadError, Recipe};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::CliError;
use crate::world::now;
use error::FixtureError;
use scenario::{Found, Scenario};

/// How deep scenarios may lie below a folder that is named.
const DEPTH_MAX: usize = 4;

/// What came of one scenario.
#[derive(Debug)]
pub struct Played {
    /// Its name.
    pub name: String,
    /// The outcome that it must come to, with hold or failure.
    pub expected: String,
    /// What came of it; an error when it could not be played.
    pub found: Result<Found, CliError>,
    /// Every difference.
    pub differs: Vec<String>,
}

impl Played {
    /// Whether it came to what it must.
    pub fn passed(&self) -> bool {
        self.found.is_ok() && self.differs.is_empty()
    }

    /// The outcome in a few words.
    pub fn outcome(&self) -> String {
        match &self.found {
            Ok(found) => short(&found.outcome, found.hold.as_deref(), found.failure.as_deref()),
            Err(error) => format!("error {}", error.code()),
        }
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.found.as_ref().map(|f| f.took).unwrap_or_default()
    }
}

fn short(outcome: &str, hold: Option<&str>, failure: Option<&str>) -> String {
    match hold.or(failure) {
        Some(why) => format!("{outcome} ({why})"),
        None => outcome.to_owned(),
    }
}

/// Folders of scenarios at and below a folder, in the order of their names.
///
/// # Errors
/// The folder can not be read, or has none.
pub fn scenarios(folder: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let mut found = Vec::new();
    collect(folder, DEPTH_MAX, &mut found)?;
    if found.is_empty() { Err(FixtureError::NoScenario { path: folder.to_owned() }) } else { Ok(found) }
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), FixtureError> {
    if folder.join(fixture::FILE_NAME).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let unreadable = |e: std::io::Error| FixtureError::Unreadable { path: folder.to_owned(), why: e.to_string() };
    let mut below: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(unreadable)?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    below.iter().try_for_each(|path| collect(path, depth - 1, found))
}

/// Reads a scenario. The recipe is the one in `recipes`, else in a folder `recipes` beside or above the fixture, else built in.
///
/// # Errors
/// Its files', or the recipe's.
pub fn load(folder: &Path, recipes: Option<&Path>) -> Result<Scenario, FixtureError> {
    let fixture = fixture::load(&folder.join(fixture::FILE_NAME))?;
    let expect = expect::load(&folder.join("expect.yaml"))?;
    let recipe = recipe(&fixture.recipe, folder, recipes)?;
    let misfit = |why: String| FixtureError::Misfit { path: folder.to_owned(), why };
    let unknown = expect.elements.iter().map(|(e, _)| e).find(|e| recipe.element(e).is_none());
    if let Some(element) = unknown {
        return Err(misfit(format!("expect.yaml names `{element}`, which the recipe has no element of")));
    }
    if let Some(surface) = expect.drift.keys().find(|s| recipe.surface(s).is_none() && recipe.flow(s).is_none()) {
        return Err(misfit(format!("expect.yaml names `{surface}`, which the recipe has no surface of")));
    }
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let names: Vec<_> = whole.iter().rev().take(2).map(|n| n.to_string_lossy()).collect();
    let name = names.into_iter().rev().collect::<Vec<_>>().join("/");
    Ok(Scenario { name, folder: folder.to_owned(), fixture, expect, recipe, patience: scenario::PATIENCE })
}

fn recipe(platform: &str, folder: &Path, recipes: Option<&Path>) -> Result<Arc<Recipe>, LoadError> {
    let there = |dir: &Path| Some(dir.join(platform)).filter(|path| path.join(deed_recipes::FILE_NAME).is_file());
    let plain = platform.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let found = match recipes {
        _ if !plain => None,
        Some(dir) => there(dir),
        None => {
            let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
            whole.ancestors().find_map(|above| there(&above.join("recipes")))
        }
    };
    match found {
        Some(path) => deed_recipes::load(&path).map(Arc::new),
        None => deed_recipes::load_builtin(platform).map(Arc::new),
    }
}

/// The browser that scenarios are played in.
pub fn browser(binary: Option<PathBuf>) -> Arc<Chromium> {
    let launch = LaunchConfig { binary, ..LaunchConfig::default() };
    Arc::new(Chromium::hermetic(ChromiumConfig { launch, runner: None, now: Arc::new(now) }))
}

/// Plays scenarios, `jobs` at a time in one browser, and tells each as it ends. The answers stand in the order of the scenarios.
///
/// Waiting counts real time, and they share the machine: one that differs is played again at the end, alone and with more patience, and
/// that is its answer.
pub async fn play_all(
    scenarios: Vec<Scenario>,
    chromium: &Arc<Chromium>,
    jobs: usize,
    keep: Option<&Path>,
    mut ended: impl FnMut(&Played),
) -> Vec<Played> {
    let places = Arc::new(Semaphore::new(jobs.max(1)));
    let mut under_way = JoinSet::new();
    for (at, scenario) in scenarios.into_iter().enumerate() {
        let (chromium, places) = (Arc::clone(chromium), Arc::clone(&places));
        let keep = keep.map(Path::to_owned);
        under_way.spawn(async move {
            // Never closed, so it is always had.
            let _place = places.acquire_owned().await;
            let played = play(&scenario, &chromium, keep.as_deref()).await;
            (at, scenario, played)
        });
    }
    let (mut all, mut differing) = (Vec::new(), Vec::new());
    while let Some(done) = under_way.join_next().await {
        match done {
            Ok((at, scenario, played)) if jobs > 1 && !played.passed() => differing.push((at, scenario)),
            Ok((at, _, played)) => {
                ended(&played);
                all.push((at, played));
            }
            // A panic of a scenario is a defect of ours, not of the fixture.
            Err(error) => {
                tracing::error!(why = deed_proofs::scrub::end_of_task(error.is_panic()), "a scenario ended badly");
            }
        }
    }
    for (at, mut scenario) in differing {
        scenario.patience = scenario::UNHURRIED;
        let played = play(&scenario, chromium, keep).await;
        ended(&played);
        all.push((at, played));
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, played)| played).collect()
}

/// Plays one scenario and compares.
pub async fn play(scenario: &Scenario, chromium: &Arc<Chromium>, keep: Option<&Path>) -> Played {
    let found = scenario.play(chromium, keep).await;
    let expect = &scenario.expect;
    let differs = match &found {
        Ok(found) => judge::differences(expect, found),
        Err(error) => vec![error.to_string()],
    };
    let expected = short(&expect.outcome, expect.hold.as_deref(), expect.failure.as_deref());
    Played { name: scenario.name.clone(), expected, found, differs }
}
