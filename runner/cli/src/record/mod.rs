//! Recording: pages visited read-only in an account's session become a fixture that replays.
//!
//! Owns the tape, what is visited, and what is written. Nothing is written before it went through [`scrub`]. Stored sessions, request
//! bodies and cookies are never part of a recording. Never commits: the session is read-only, and no declared write leaves it.

mod pictures;
pub mod scrub;
mod walk;
pub mod write;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_chromium::network::{Network, Request, Response, Tape};
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::account::Account;
use deed_core::ids::EpisodeId;
use deed_core::ports::browser::{Access, Opening, Pacing, Session as _, SessionState};
use deed_recipes::{Placeholder, Recipe, Step, Values};

use crate::error::CliError;
use crate::world::now;

pub use write::write;

/// Most exchanges of a recording.
const EXCHANGES_MAX: usize = 2_000;
/// Most bytes of all bodies of a recording.
const BYTES_MAX: usize = 256 << 20;
/// So long nothing may come over the network for a page to count as there.
const QUIET: Duration = Duration::from_millis(2_000);
/// So long it is waited for that.
const QUIET_WITHIN: Duration = Duration::from_secs(30);

/// What is visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// What the picture is called.
    pub name: String,
    /// Where.
    pub url: String,
}

/// What is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The pages.
    pub visits: &'a [Visit],
    /// The flow whose steps are taken after that, as far as they need no order.
    pub flow: Option<&'a str>,
    /// What it aims at.
    pub target: Option<&'a str>,
}

/// One request with its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// Its answer, if one came.
    pub response: Option<Response>,
    /// When.
    pub at: String,
}

/// Everything that was recorded, as it came. Holds secrets; only [`write()`] may be given it.
#[derive(Default)]
pub struct Recording {
    /// In the order in which the answers came.
    pub exchanges: Vec<Exchange>,
    /// Name and PNG of each visited page.
    pub pictures: Vec<(String, Vec<u8>)>,
    /// Requests that were stopped because they would have left the recipe's origins.
    pub kept_home: Vec<String>,
    /// Where the steps of the flow ended, when not all were taken, and why.
    pub steps_end: Option<String>,
}

#[derive(Default)]
struct Deck {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    exchanges: Vec<Exchange>,
    bytes: usize,
    last: Option<Instant>,
}

impl Tape for Deck {
    fn exchange(&self, request: &Request, response: Option<&Response>, why: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last = Some(Instant::now());
        kept.bytes += response.map_or(0, |r| r.body.len());
        if kept.exchanges.len() >= EXCHANGES_MAX || kept.bytes > BYTES_MAX {
            tracing::warn!("the recording is full; the page goes on without it");
            return;
        }
        if response.is_none() {
            tracing::debug!(why, "an exchange without an answer");
        }
        let (request, response) = (request.clone(), response.cloned());
        kept.exchanges.push(Exchange { request, response, at: now().to_string() });
    }
}

impl Deck {
    /// Waits until the page is there, and keeps how it looks.
    async fn keep_page(
        &self,
        tab: &mut ChromiumSession,
        recording: &mut Recording,
        name: &str,
    ) -> Result<(), CliError> {
        self.quiet().await;
        recording.pictures.push((name.to_owned(), tab.capture().await?.png));
        let stopped = tab.take_stopped().into_iter().map(|s| format!("{} {} ({})", s.method, s.url, s.kind));
        recording.kept_home.extend(stopped);
        Ok(())
    }

    async fn quiet(&self) {
        let began = Instant::now();
        while began.elapsed() < QUIET_WITHIN {
            let last = self.kept.lock().unwrap_or_else(PoisonError::into_inner).last;
            if last.is_some_and(|l| l.elapsed() > QUIET) {
                return;
            }
            tokio::time::sleep(QUIET / 8).await;
        }
    }
}

/// The surfaces of a flow, in the order in which an episode visits them. One whose URL needs what is not known yet is left out.
pub fn surfaces(recipe: &Recipe, flow: &str, account: &Account, target: Option<&str>) -> Vec<Visit> {
    let values = Known { account, target };
    let base = account.origin.clone().or_else(|| recipe.base_origin()).unwrap_or_default();
    let mut visits: Vec<Visit> = Vec::new();
    for name in recipe.visits(flow) {
        match recipe.url_of(name, &base, &values) {
            Ok(url) if visits.iter().all(|v| v.url != url) => visits.push(Visit { name: name.to_owned(), url }),
            Ok(_) => {}
            Err(why) => tracing::warn!(surface = name, %why, "not visited"),
        }
    }
    visits
}

struct Known<'a> {
    account: &'a Account,
    target: Option<&'a str>,
}

impl Values for Known<'_> {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::AccountHandle => Some(&self.account.fingerprint.handle),
            Placeholder::AccountDisplayName => self.account.fingerprint.display_name.as_deref(),
            Placeholder::Target => self.target,
            _ => None,
        }
    }
}

/// Visits pages read-only in an account's session, and takes what of a flow's steps needs no order.
///
/// # Errors
/// The browser's, a URL outside the recipe's origins among them.
pub async fn record(
    plan: Plan<'_>,
    recipe: &Arc<Recipe>,
    account: &Account,
    session: &SessionState,
    binary: Option<std::path::PathBuf>,
) -> Result<Recording, CliError> {
    let launch = LaunchConfig { binary, ..LaunchConfig::default() };
    let chromium = Chromium::recording(ChromiumConfig { launch, runner: None, now: Arc::new(now) });
    let recorded = visit_all(plan, recipe, account, session, &chromium).await;
    chromium.stop().await;
    recorded
}

async fn visit_all(
    plan: Plan<'_>,
    recipe: &Arc<Recipe>,
    account: &Account,
    session: &SessionState,
    chromium: &Chromium,
) -> Result<Recording, CliError> {
    let deck = Arc::new(Deck::default());
    let opening = Opening {
        account: account.id.clone(),
        episode: EpisodeId::new(format!("record-{}", uuid::Uuid::now_v7())),
        recipe: Arc::clone(recipe),
        // So that its commit element is not clicked.
        flow: plan.flow.unwrap_or_default().to_owned(),
        base: account.origin.clone().or_else(|| recipe.base_origin()).unwrap_or_default(),
        session: session.clone(),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    };
    let tape: Arc<dyn Tape> = deck.clone();
    let mut tab = chromium.open_on(&opening, Network::Tape(tape)).await?;
    let mut recording = Recording::default();
    for visit in plan.visits {
        tab.goto(&visit.url).await?;
        deck.keep_page(&mut tab, &mut recording, &visit.name).await?;
    }
    let steps = plan.flow.and_then(|flow| recipe.flow(flow)).map_or(&[][..], |flow| &flow.steps);
    let mut at = plan.visits.last().map(|visit| visit.url.clone());
    for (nth, step) in steps.iter().enumerate() {
        let number = nth + 1;
        let taken = match step {
            Step::Open(surface) => {
                let values = Known { account, target: plan.target };
                match recipe.url_of(surface, &opening.base, &values) {
                    // It was opened just now.
                    Ok(url) if at.as_ref() == Some(&url) => walk::Taken::Done(None),
                    Ok(url) => match tab.goto(&url).await {
                        Ok(_) => {
                            at = Some(url);
                            walk::Taken::Done(Some(format!("open_{surface}")))
                        }
                        Err(why) => walk::Taken::Not(why.to_string()),
                    },
                    Err(why) => walk::Taken::Not(why.to_string()),
                }
            }
            // What was recorded until then is worth keeping.
            other => walk::take(&mut tab, other).await.unwrap_or_else(|why| walk::Taken::Not(why.to_string())),
        };
        match taken {
            walk::Taken::Done(None) => {}
            walk::Taken::Done(Some(name)) => {
                deck.keep_page(&mut tab, &mut recording, &format!("step{number}_{name}")).await?;
            }
            walk::Taken::NeedsAnOrder => {
                recording.steps_end = Some(format!("step {number} of {} needs an order", steps.len()));
                break;
            }
            walk::Taken::Not(why) => {
                recording.steps_end = Some(format!("step {number} of {} could not be taken: {why}", steps.len()));
                break;
            }
        }
    }
    tab.close().await;
    recording.exchanges = std::mem::take(&mut deck.kept.lock().unwrap_or_else(PoisonError::into_inner).exchanges);
    Ok(recording)
}
