//! The judgements, measured: a labelled corpus of mutated pages, opened in real Chromium, and what Deed would do on each.
//!
//! Owns the corpus (a base page, one labelled operator, up to two harmless ones beside it; all drawn from a seed) and the count.
//! The truth is kept in the page's own world, where neither the looking code nor the judgement can see it. Nothing is
//! pressed: what would be pressed is compared with the true node.

mod base;
mod grid;
mod page;
mod speed;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse as _};
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::ports::browser::Browser as _;
use serde::Deserialize;
use tokio::sync::Mutex;

use base::Base;
use page::{Given, Judged};
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

/// Draws the corpus: half benign, half harmful; every pair of page and operator comes up before one comes up again.
fn plan(config: Config, known: &[(Base, Given, Vec<Operator>)]) -> Vec<Planned> {
    let mut dice = Dice(config.seed);
    let pairs = |kind: &str| -> Vec<(usize, Operator)> {
        let of = |(i, (_, _, operators)): (usize, &(Base, Given, Vec<Operator>))| -> Vec<(usize, Operator)> {
            operators.iter().filter(|o| o.kind == kind).map(|o| (i, o.clone())).collect()
        };
        known.iter().enumerate().flat_map(of).collect()
    };
    let (mut benign, mut harmful) = (pairs("benign"), pairs("harmful"));
    dice.shuffle(&mut benign);
    dice.shuffle(&mut harmful);
    (0..config.pages)
        .map(|i| {
            let list = if i % 2 == 0 { &benign } else { &harmful };
            let (base, label) = list[(i / 2) % list.len()].clone();
            let noise: Vec<_> = known[base]
                .2
                .iter()
                .filter(|o| o.kind == "benign" && o.name != label.name && !ALONE.contains(&o.name.as_str()))
                .collect();
            let mut names: Vec<String> =
                (0..dice.below(3)).map(|_| noise[dice.below(noise.len())].name.clone()).collect();
            names.dedup();
            names.push(label.name.clone());
            let seed = u32::try_from(dice.next() & 0xffff_ffff).unwrap_or(1);
            Planned { base, label, names, seed }
        })
        .collect()
}

/// Serves the recorded pages on this machine; returns the origin.
async fn serve(bases: &[Base]) -> String {
    let pages: BTreeMap<String, String> = bases.iter().map(|b| (b.path.clone(), b.html.clone())).collect();
    let pages = Arc::new(pages);
    let app = Router::new().fallback(move |uri: Uri| {
        let page = pages.get(&uri.to_string()).cloned();
        async move { page.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |html| Html(html).into_response()) }
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    origin
}

/// Builds the corpus, judges every page of it, and counts.
pub async fn run(config: Config) -> Report {
    let browser = Arc::new(Chromium::new(ChromiumConfig {
        launch: LaunchConfig::default(),
        runner: None,
        now: Arc::new(deed::world::now),
    }));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut bases = base::practice(&browser).await;
    bases.extend(base::authored(&root.join("fixtures"), &root.join("recipes")));
    let large = speed::large(&bases);
    let served: Vec<Base> = bases.iter().chain(&large).cloned().collect();
    let origin = serve(&served).await;

    let (mut known, mut left_out) = (Vec::new(), Vec::new());
    for base in bases {
        let mut session = open(&browser, &base, &origin).await;
        match page::given(&mut session, &base, &origin).await {
            Ok(given) => {
                let operators = page::operators(&session, &given).await;
                known.push((base, given, operators));
            }
            Err(why) => left_out.push(format!("{}: {why}", base.name)),
        }
    }
    let plan = Arc::new(plan(config, &known));
    let known = Arc::new(known);
    let next = Arc::new(AtomicUsize::new(0));
    let judged: Arc<Mutex<BTreeMap<usize, Judged>>> = Arc::default();
    let mut workers = Vec::new();
    for _ in 0..config.at_once {
        let (browser, plan, known) = (Arc::clone(&browser), Arc::clone(&plan), Arc::clone(&known));
        let (next, judged, origin) = (Arc::clone(&next), Arc::clone(&judged), origin.clone());
        workers.push(tokio::spawn(async move {
            let mut sessions = BTreeMap::new();
            loop {
                let i = next.fetch_add(1, Ordering::SeqCst);
                let Some(planned) = plan.get(i) else { return };
                let (base, given, _) = &known[planned.base];
                let key = (base.recipe.platform.clone(), base.flow.clone());
                if !sessions.contains_key(&key) {
                    sessions.insert(key.clone(), open(&browser, base, &origin).await);
                }
                let session = sessions.get_mut(&key).expect("it was opened");
                let found = page::judge(session, base, given, planned, &origin).await;
                judged.lock().await.insert(i, found);
            }
        }));
    }
    for worker in workers {
        worker.await.expect("every page is judged");
    }
    let grid = grid::run(&browser, &known, &origin).await;
    let speed = match &large {
        Some(large) => speed::run(&mut open(&browser, large, &origin).await, large, &origin).await,
        None => speed::Speed::default(),
    };
    browser.stop().await;
    let judged = std::mem::take(&mut *judged.lock().await);
    let operators = known.iter().flat_map(|(_, _, o)| o.iter().map(|o| (o.name.clone(), o.kind.clone()))).collect();
    tally::Report::new(
        config,
        &plan,
        &judged.into_values().collect::<Vec<_>>(),
        &known,
        operators,
        left_out,
        grid,
        speed,
    )
}

async fn open(browser: &Chromium, base: &Base, origin: &str) -> deed_chromium::ChromiumSession {
    let flow = base.flow.clone().or_else(|| base.recipe.flows.keys().next().cloned()).unwrap_or_default();
    let opening = base::looking(&base.recipe, &flow, origin, r#"{"cookies":[],"origins":[]}"#.to_owned());
    browser.open(&opening).await.expect("a session")
}
