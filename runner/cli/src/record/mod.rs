//! Recording: pages visited read-only in an account's session, by a recipe or by a person, become a fixture that replays.
//!
//! Owns the tape, what is visited, and what is written. Nothing is written before it went through [`scrub`]. Stored sessions, request
//! bodies and cookies are never part of a recording. Never commits: the session is read-only, and no declared write leaves it.

mod pictures;
pub mod scrub;
mod walk;
mod watch;
pub mod write;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_chromium::network::{Network, Request, Response, Tape};
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::account::Account;
use deed_core::ids::EpisodeId;
use deed_core::ports::browser::{Access, BrowserFault, Opening, Pacing, Session as _, SessionState};
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

impl Recording {
    fn note_stopped(&mut self, tab: &mut ChromiumSession) {
        let stopped = tab.take_stopped().into_iter().map(|s| format!("{} {} ({})", s.method, s.url, s.kind));
        self.kept_home.extend(stopped);
    }
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
        Ok(self.picture(tab, recording, name).await?)
    }

    /// Keeps how the page looks now.
    async fn picture(
        &self,
        tab: &mut ChromiumSession,
        recording: &mut Recording,
        name: &str,
    ) -> Result<(), BrowserFault> {
        recording.pictures.push((name.to_owned(), tab.capture().await?.png));
        recording.note_stopped(tab);
        Ok(())
    }

    /// The recording with all that came over the network.
    fn end(&self, mut recording: Recording) -> Recording {
        recording.exchanges = std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).exchanges);
        recording
    }

    /// Whether something came over the network, and nothing for so long.
    fn still_for(&self, quiet: Duration) -> bool {
        let last = self.kept.lock().unwrap_or_else(PoisonError::into_inner).last;
        last.is_some_and(|last| last.elapsed() > quiet)
    }

    async fn quiet(&self) {
        let began = Instant::now();
        while began.elapsed() < QUIET_WITHIN {
            if self.still_for(QUIET) {
                return;
            }
            tokio::time::sleep(QUIET / 8).await;
        }
    }
}

/// The surfaces of a flow, in the order in which an episode visits them. One whose URL needs what is not known yet is left out.
pub fn surfaces(recipe: &Recipe, flow: &str, account: &Account, target: Option<&str>) -> Vec<Visit> {
    let values = Known { account, target };
    let base = base_of(recipe, account);
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

/// The page on which the recipe looks who is signed in.
///
/// # Errors
/// What it needs is not known of the account.
pub fn own_page(recipe: &Recipe, account: &Account) -> Result<String, CliError> {
    let url = recipe.url_of(&recipe.identity.on, &base_of(recipe, account), &account.fingerprint);
    url.map_err(|why| CliError::Usage(format!("the account's own page is not known ({why}); name a URL to begin at")))
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

/// As whom pages are visited: the platform's recipe, the account, its session.
pub type As<'a> = (&'a Arc<Recipe>, &'a Account, &'a SessionState);

/// Visits pages read-only in an account's session, and takes what of a flow's steps needs no order.
///
/// # Errors
/// The browser's, a URL outside the recipe's origins among them.
pub async fn record(plan: Plan<'_>, of: As<'_>, binary: Option<std::path::PathBuf>) -> Result<Recording, CliError> {
    let launch = LaunchConfig { binary, ..LaunchConfig::default() };
    let chromium = Chromium::recording(ChromiumConfig { launch, runner: None, now: Arc::new(now) });
    let flow = plan.flow.unwrap_or_default();
    let recorded = async {
        let (mut tab, deck) = open(&chromium, of, flow).await?;
        let recording = visit_all(&mut tab, &deck, plan, of).await?;
        tab.close().await;
        Ok(deck.end(recording))
    }
    .await;
    chromium.stop().await;
    recorded
}

/// Records what a person visits in a window, read-only in an account's session, beginning at `url`: until they close it, or `stop` ends.
/// Each page that stands still is kept, and what is shown whenever `keep_now` says so; `kept` is told its address.
///
/// # Errors
/// The browser's, a URL outside the recipe's origins among them.
pub async fn record_person(
    url: &str,
    of: As<'_>,
    launch: LaunchConfig,
    keep_now: tokio::sync::mpsc::UnboundedReceiver<()>,
    stop: impl Future<Output = ()>,
    kept: impl FnMut(&str),
) -> Result<Recording, CliError> {
    let chromium = Chromium::recording(ChromiumConfig { launch, runner: None, now: Arc::new(now) });
    let recorded = async {
        let (mut tab, deck) = open(&chromium, of, "").await?;
        tab.goto(url).await?;
        let mut recording = Recording::default();
        tokio::select! {
            () = watch::watch(&mut tab, &deck, &mut recording, keep_now, kept) => {}
            () = stop => {}
        }
        recording.note_stopped(&mut tab);
        tab.close().await;
        Ok(deck.end(recording))
    }
    .await;
    chromium.stop().await;
    recorded
}

/// A read-only tab in the account's session, with a tape. The commit element of `flow` is not clicked in it.
async fn open(
    chromium: &Chromium,
    (recipe, account, session): As<'_>,
    flow: &str,
) -> Result<(ChromiumSession, Arc<Deck>), BrowserFault> {
    let deck = Arc::new(Deck::default());
    let opening = Opening {
        account: account.id.clone(),
        episode: EpisodeId::new(format!("record-{}", uuid::Uuid::now_v7())),
        recipe: Arc::clone(recipe),
        flow: flow.to_owned(),
        base: base_of(recipe, account),
        session: session.clone(),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    };
    let tape: Arc<dyn Tape> = deck.clone();
    Ok((chromium.open_on(&opening, Network::Tape(tape)).await?, deck))
}

fn base_of(recipe: &Recipe, account: &Account) -> String {
    account.origin.clone().or_else(|| recipe.base_origin()).unwrap_or_default()
}

async fn visit_all(
    tab: &mut ChromiumSession,
    deck: &Deck,
    plan: Plan<'_>,
    (recipe, account, _): As<'_>,
) -> Result<Recording, CliError> {
    let mut recording = Recording::default();
    for visit in plan.visits {
        tab.goto(&visit.url).await?;
        deck.keep_page(tab, &mut recording, &visit.name).await?;
    }
    let steps = plan.flow.and_then(|flow| recipe.flow(flow)).map_or(&[][..], |flow| &flow.steps);
    let mut at = plan.visits.last().map(|visit| visit.url.clone());
    for (nth, step) in steps.iter().enumerate() {
        let number = nth + 1;
        let taken = match step {
            Step::Open(surface) => {
                let values = Known { account, target: plan.target };
                match recipe.url_of(surface, &base_of(recipe, account), &values) {
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
            other => walk::take(tab, other).await.unwrap_or_else(|why| walk::Taken::Not(why.to_string())),
        };
        match taken {
            walk::Taken::Done(None) => {}
            walk::Taken::Done(Some(name)) => {
                deck.keep_page(tab, &mut recording, &format!("step{number}_{name}")).await?;
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
    Ok(recording)
}
