//! The judgements, measured: a labelled corpus of mutated pages, opened in real Chromium, and what Deed would do on each.
//!
//! Owns the corpus (a base page, one labelled operator, up to two harmless ones beside it; all drawn from a seed) and the count.
//! The truth is kept in the page's own world, where neither the looking code nor the judgement can see it. Nothing is
//! pressed: what would be pressed is compared with the true node.

mod base;
mod grid;
mod page;
mod platforms;
mod speed;
mod stages;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::ports::browser::Session as _;
use serde::Deserialize;
use tokio::sync::Mutex;

use base::Base;
use page::{Given, Judged};
use stages::Stages;
pub use tally::Report;

/// How long a look waits for a landmark. The pages stand still, so what does not come at once does not come.
const WAIT: Duration = Duration::from_millis(250);

/// The size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Everything is drawn from it.
    pub seed: u64,
    /// How many pages.
    pub pages: usize,
    /// How many are open at once.
    pub at_once: usize,
    /// The form of CI: one flow of each platform, and the combinations of signals on one platform only.
    pub short: bool,
}

/// An operator, as the page's side lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Operator {
    /// Its name.
    pub name: String,
    /// `benign` or `harmful`.
    pub kind: String,
    /// What it harms.
    pub of: String,
}

/// One page of the corpus.
#[derive(Debug, Clone)]
pub struct Planned {
    base: usize,
    /// The labelled operator.
    label: Operator,
    /// The order in which operators are applied; the labelled one is the last.
    names: Vec<String>,
    seed: u32,
}

/// A page, what is known of it, and what can be done to it.
type Known = (Base, Given, Vec<Operator>);

/// A small generator, so that a corpus is the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// A page that says of itself that it is in another language is judged without names: it is a label of its own, not noise.
const ALONE: [&str; 1] = ["another_language"];

/// A page, an operator that fits it, and how often both came up.
type Pair<'a> = (usize, &'a Operator, usize);

/// Draws the corpus: half benign, half harmful, platform by platform; of a platform's pairs of page and operator the one comes up
/// that came up least, and among those the operator that came up least anywhere.
fn plan(config: Config, known: &[Known]) -> Vec<Planned> {
    let mut dice = Dice(config.seed);
    let mut strata: BTreeMap<(&str, &str), Vec<Pair<'_>>> = BTreeMap::new();
    for (i, (base, _, operators)) in known.iter().enumerate() {
        for operator in operators {
            strata.entry((&operator.kind, &base.recipe.platform)).or_default().push((i, operator, 0));
        }
    }
    strata.values_mut().for_each(|pairs| dice.shuffle(pairs));
    let platforms = |kind: &str| strata.keys().filter(|(k, _)| *k == kind).map(|(_, p)| *p).collect::<Vec<_>>();
    let order = [("benign", platforms("benign")), ("harmful", platforms("harmful"))];
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let mut planned = Vec::new();
    for i in 0..config.pages {
        let (kind, platforms) = &order[i % 2];
        let pairs = strata.get_mut(&(*kind, platforms[(i / 2) % platforms.len()])).expect("the platform has pairs");
        let least =
            pairs.iter_mut().min_by_key(|(_, o, times)| (*times, used.get(o.name.as_str()).copied().unwrap_or(0)));
        let (base, label, times) = least.expect("a pair");
        *times += 1;
        *used.entry(&label.name).or_default() += 1;
        let noise: Vec<_> = known[*base]
            .2
            .iter()
            .filter(|o| o.kind == "benign" && o.name != label.name && !ALONE.contains(&o.name.as_str()))
            .collect();
        let mut names: Vec<String> = (0..dice.below(3)).map(|_| noise[dice.below(noise.len())].name.clone()).collect();
        names.dedup();
        names.push(label.name.clone());
        let seed = u32::try_from(dice.next() & 0xffff_ffff).unwrap_or(1);
        planned.push(Planned { base: *base, label: (*label).clone(), names, seed });
    }
    // One platform after the other: its sessions are opened once.
    planned.sort_by_key(|p| p.base);
    planned
}

/// Builds the corpus, judges every page of it, and counts.
pub async fn run(config: Config) -> Report {
    let root =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project's folder");
    let live = Chromium::new(ChromiumConfig {
        launch: LaunchConfig::default(),
        runner: None,
        now: Arc::new(deed::world::now),
    });
    let mut bases = base::practice(&live).await;
    live.stop().await;
    let browser = deed::replay::browser(None);
    bases.extend(platforms::render(&browser, &root, config.short).await);
    let large = speed::large(&bases);
    let stages = Arc::new(Stages::of(Arc::clone(&browser), bases.iter().chain(&large)));

    let (known, left_out) = known_of(config, &stages, bases).await;
    let plan = Arc::new(plan(config, &known));
    let known = Arc::new(known);
    let judged = judge_all(config, &stages, &plan, &known).await;
    let platforms_max = if config.short { 1 } else { usize::MAX };
    let grid = grid::run(&stages, &known, platforms_max, config.at_once).await;
    let speed = match &large {
        Some(large) => speed::run(&mut stages.open(large).await, large, if config.short { 5 } else { 21 }).await,
        None => speed::Speed::default(),
    };
    browser.stop().await;
    let operators = known.iter().flat_map(|(_, _, o)| o.iter().map(|o| (o.name.clone(), o.kind.clone()))).collect();
    tally::Report::new(config, &plan, &judged, &known, operators, left_out, grid, speed)
}

/// What is known of each page that its own judgements pass, and why the others are left out.
async fn known_of(config: Config, stages: &Arc<Stages>, bases: Vec<Base>) -> (Vec<Known>, Vec<String>) {
    let places = Arc::new(tokio::sync::Semaphore::new(config.at_once));
    let mut under_way = tokio::task::JoinSet::new();
    for (at, base) in bases.into_iter().enumerate() {
        let (stages, places) = (Arc::clone(stages), Arc::clone(&places));
        under_way.spawn(async move {
            let _place = places.acquire_owned().await;
            let mut session = stages.open(&base).await;
            let found = match page::given(&mut session, &base).await {
                Ok(given) => {
                    let operators = page::operators(&session, &given).await;
                    Ok((base, given, operators))
                }
                Err(why) => Err(format!("{}: {why}", base.name)),
            };
            session.close().await;
            (at, found)
        });
    }
    let mut all = under_way.join_all().await;
    all.sort_by_key(|(at, _)| *at);
    let (mut known, mut left_out) = (Vec::new(), Vec::new());
    for (_, found) in all {
        match found {
            Ok(one) => known.push(one),
            Err(why) => left_out.push(why),
        }
    }
    (known, left_out)
}

/// Every page of the plan, in its order.
async fn judge_all(
    config: Config,
    stages: &Arc<Stages>,
    plan: &Arc<Vec<Planned>>,
    known: &Arc<Vec<Known>>,
) -> Vec<Judged> {
    let next = Arc::new(AtomicUsize::new(0));
    let judged: Arc<Mutex<BTreeMap<usize, Judged>>> = Arc::default();
    let mut workers = Vec::new();
    for _ in 0..config.at_once {
        let (stages, plan, known) = (Arc::clone(stages), Arc::clone(plan), Arc::clone(known));
        let (next, judged) = (Arc::clone(&next), Arc::clone(&judged));
        workers.push(tokio::spawn(async move {
            let mut session: Option<(usize, deed_chromium::ChromiumSession)> = None;
            loop {
                let i = next.fetch_add(1, Ordering::SeqCst);
                let Some(planned) = plan.get(i) else { return };
                let (base, given, _) = &known[planned.base];
                let mut open = match session.take() {
                    Some((of, open)) if of == planned.base => open,
                    other => {
                        if let Some((_, old)) = other {
                            old.close().await;
                        }
                        stages.open(base).await
                    }
                };
                let found = page::judge(&mut open, base, given, planned).await;
                judged.lock().await.insert(i, found);
                session = Some((planned.base, open));
            }
        }));
    }
    for worker in workers {
        worker.await.expect("every page is judged");
    }
    let judged = std::mem::take(&mut *judged.lock().await);
    judged.into_values().collect()
}
