//! The stage of one scenario: it answers requests out of the fixture, moves the scene, and remembers what had no answer.
//!
//! It stands behind the network gate: a declared write that has no permit never gets here. Never touches a network.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_chromium::network::{Cue, Request, Response, Stage};
use deed_core::ports::Clock;
use deed_core::time::{Steady, Timestamp};

use crate::replay::route::{Route, Words, without_query};
use crate::world::now;

/// Unmatched requests that are remembered; a page may ask for ever.
const UNMATCHED_MAX: usize = 50;
/// The mark of an answer that is no route's.
const NO_ROUTE: usize = usize::MAX;

/// The system's time, moved on where the engine would sleep.
#[derive(Debug, Clone, Default)]
pub struct ReplayClock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock for ReplayClock {
    fn now(&self) -> Timestamp {
        Timestamp(now().0.saturating_add(self.ahead_ms.load(Ordering::SeqCst)))
    }

    fn steady(&self) -> Steady {
        deed_chromium::steady()
    }

    async fn sleep(&self, for_: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(for_.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// What the stage saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// Requests that no route answers, as `GET https://… (Image)`.
    pub unmatched: Vec<String>,
    /// Connections beside the gate, refused.
    pub escaped: Vec<String>,
    /// Requests that were let through to a route that moves the scene.
    pub writes: usize,
    /// All requests.
    pub requests: usize,
    /// Watched elements → whether each found node was the right one.
    pub chosen: BTreeMap<String, Vec<bool>>,
    /// The last scene.
    pub scene: String,
}

#[derive(Default)]
struct State {
    played: Played,
    /// Recorded answers that were given.
    given: HashSet<usize>,
}

/// The stage.
pub struct FixtureStage {
    routes: Vec<Route>,
    words: Words,
    clock: ReplayClock,
    watched: Vec<(String, String)>,
    state: Mutex<State>,
}

impl FixtureStage {
    /// Sets the first scene.
    pub fn new(
        routes: Vec<Route>,
        words: Words,
        scene: &str,
        clock: ReplayClock,
        watched: Vec<(String, String)>,
    ) -> Self {
        let played = Played { scene: scene.to_owned(), ..Played::default() };
        Self { routes, words, clock, watched, state: Mutex::new(State { played, given: HashSet::new() }) }
    }

    /// What was seen so far.
    pub fn played(&self) -> Played {
        self.lock().played.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Lists that only grow; a panic leaves them whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first route that fits; of recorded ones the first that was not given yet, else the last.
    fn find(&self, request: &Request, state: &State) -> Option<(usize, &Route)> {
        let fitting = |request: &Request| {
            let mut last = None;
            for (at, route) in self.routes.iter().enumerate() {
                if route.fits(request, &state.played.scene) {
                    if !route.once || !state.given.contains(&at) {
                        return Some((at, route));
                    }
                    last = Some((at, route));
                }
            }
            last
        };
        fitting(request).or_else(|| {
            // A recorded URL often carries a query that is new each time.
            let bare = without_query(&request.url).to_owned();
            let recorded = |(_, r): &(usize, &Route)| r.once;
            self.routes
                .iter()
                .enumerate()
                .find(|(_, r)| {
                    r.once
                        && r.on.method == request.method
                        && without_query(&r.on.url) == bare
                        && r.scene.as_ref().is_none_or(|s| *s == state.played.scene)
                })
                .filter(recorded)
        })
    }
}

impl Stage for FixtureStage {
    fn answer(&self, request: &Request) -> Option<Cue> {
        let mut state = self.lock();
        state.played.requests += 1;
        let Some((at, route)) = self.find(request, &state) else {
            if let Some(response) = courtesy(request) {
                return Some(Cue { response, delay: Duration::ZERO, mark: NO_ROUTE });
            }
            let named = format!("{} {} ({})", request.method, request.url, request.kind);
            tracing::warn!(request = named, scene = state.played.scene, "the fixture has no answer");
            if state.played.unmatched.len() < UNMATCHED_MAX && !state.played.unmatched.contains(&named) {
                state.played.unmatched.push(named);
            }
            return None;
        };
        state.given.insert(at);
        let writes = request.write || !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if route.goes_to.is_some() && writes {
            state.played.writes += 1;
        }
        let mut response = route.response(&self.words, self.clock.now());
        allow_origin(request, &mut response);
        Some(Cue { response, delay: route.delay, mark: at })
    }

    fn answered(&self, mark: usize) {
        if let Some(scene) = self.routes.get(mark).and_then(|r| r.goes_to.as_ref()) {
            self.lock().played.scene.clone_from(scene);
        }
    }

    fn escaped(&self, host: &str, port: u16) {
        let named = format!("{host}:{port}");
        let mut state = self.lock();
        if state.played.escaped.len() < UNMATCHED_MAX && !state.played.escaped.contains(&named) {
            state.played.escaped.push(named);
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn watched(&self) -> &[(String, String)] {
        &self.watched
    }

    fn chosen(&self, element: &str, matches: bool) {
        self.lock().played.chosen.entry(element.to_owned()).or_default().push(matches);
    }
}

/// What a fixture need not spell out: there is no icon, and a preflight is granted when the request behind it is one's own matter.
fn courtesy(request: &Request) -> Option<Response> {
    if without_query(&request.url).ends_with("/favicon.ico") {
        return Some(Response { status: 404, ..Response::default() });
    }
    let method = request.header("access-control-request-method").filter(|_| request.method == "OPTIONS")?;
    let headers = request.header("access-control-request-headers").unwrap_or("*");
    let mut response = Response {
        status: 204,
        headers: vec![
            ("access-control-allow-methods".to_owned(), method.to_owned()),
            ("access-control-allow-headers".to_owned(), headers.to_owned()),
        ],
        body: Vec::new(),
    };
    allow_origin(request, &mut response);
    Some(response)
}

/// The answer to a request of another origin says that it may be read, unless the fixture says something itself.
fn allow_origin(request: &Request, response: &mut Response) {
    let Some(origin) = request.header("origin").filter(|o| !request.url.starts_with(&format!("{o}/"))) else { return };
    let name = "access-control-allow-origin";
    if !response.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
        response.headers.push((name.to_owned(), origin.to_owned()));
        response.headers.push(("access-control-allow-credentials".to_owned(), "true".to_owned()));
    }
}
