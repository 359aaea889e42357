//! The network gate: no declared write request leaves without a permit, and one permit lets exactly one through.
//!
//! It stands at the browser, not at the page: requests of frames, workers, service workers, pop-ups and beacons pass it
//! as well. A request whose owner can not be told is treated as nobody's: a declared write of it never passes. What it can not
//! see are WebSockets.
//!
//! It also keeps pages at home: a document, background request, beacon or event stream to an origin outside the recipe's `origins` and
//! `resources` is stopped and named. Pictures, styles, fonts, scripts and media are not: they carry nothing away that a page could not
//! put into any link, and platforms serve them from anywhere.
//!
//! It also reads the answers that matter: status and `Retry-After` of documents, status and body of the write that it let through.
//! Where a request goes that it lets go is [`crate::network`]'s matter.

mod answers;
mod home;
mod paused;
mod word;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::fetch::{
    ContinueRequestParams, EnableParams, EventRequestPaused, FailRequestParams, RequestId, RequestPattern,
};
use chromiumoxide_cdp::cdp::browser_protocol::network::{ErrorReason, ResourceType};
use deed_core::permit::{Permit, Slot};
use deed_core::ports::browser::{BrowserFault, GateVerdict, StoppedRequest, WriteSeen};
use deed_core::time::Timestamp;
use deed_recipes::{Recipe, WritePattern};
use tokio::sync::Notify;

use self::paused::Asked;
pub use self::word::Word;
use crate::clock::moment;
use crate::network::{self, Cue, Network, Stage};
use crate::relay::Relay;
use crate::wire::{CALL, Wire};

/// Greatest response body that is kept for the receipt.
const BODY_MAX: usize = 256 << 10;

/// How long a request of an unknown frame is held back for its frame to become known.
const ADOPTION_TRIES: u32 = 20;
const ADOPTION_PAUSE: Duration = Duration::from_millis(10);

/// How long after the press a page may take to make its write request.
const WRITE_COMES: Duration = Duration::from_secs(3);

/// Stopped requests that are remembered of a session; a page may try for ever.
const STOPPED_MAX: usize = 50;

/// Resource types whose requests can carry a write. Pictures, styles, scripts, fonts and media are always fetched by GET.
const CAN_WRITE: [ResourceType; 7] = [
    ResourceType::Document,
    ResourceType::Xhr,
    ResourceType::Fetch,
    ResourceType::Ping,
    ResourceType::Other,
    ResourceType::CspViolationReport,
    // Never a write, but it would take a connection while one is under way.
    ResourceType::EventSource,
];

/// What a document's answer said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentAnswer {
    /// HTTP status.
    pub status: Option<u16>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// How far our clock is ahead of its `Date`, in milliseconds.
    pub ahead_ms: Option<i64>,
}

#[derive(Default)]
struct SessionSide {
    /// Every declared write of the recipe.
    declared: Vec<WritePattern>,
    /// Those of the flow: the only ones a permit is good for.
    of_flow: Vec<WritePattern>,
    permit: Slot,
    /// How the server is asked once more for a write that comes late.
    word: Option<Word>,
    writes: Vec<WriteSeen>,
    /// Fetch request id of a let-through write → its place in `writes`.
    under_way: HashMap<String, usize>,
    document: DocumentAnswer,
    main_frame: String,
    /// Other requests, held back while a write is under way, so that none takes its one connection.
    held: Vec<Going>,
    relay: Option<Relay>,
    network: Option<Network>,
    recipe: Option<Arc<Recipe>>,
    /// Requests that would have left the recipe's origins, not yet told.
    stopped: Vec<StoppedRequest>,
    /// Where the main frame wanted to go, outside the recipe's origins.
    strayed: Option<String>,
    /// Pictures of the present document that are not done.
    pictures: usize,
    /// The engine sends the main frame somewhere else, as opposed to a page that goes by itself.
    leaves: bool,
    /// Documents that wait for them: answered by the platform, or about to be answered by a fixture.
    waiting: Vec<Waiting>,
}

/// A main document that is not shown yet.
enum Waiting {
    Answered(RequestId),
    Going(Box<Going>),
}

/// A request that the gate lets go.
struct Going {
    event: EventRequestPaused,
    network: Network,
    /// Whether its answer is waited for here.
    answer: bool,
    /// A declared write with its permit; the relay that makes it leave once.
    write: Option<Option<Relay>>,
}

/// What is done with a paused request.
enum Judged {
    Go(Box<Going>),
    Stop,
    Wait,
}

/// Whose side of the gate is opened, and how.
pub struct Side {
    /// The tab's main frame.
    pub main_frame: String,
    /// Tells the origins, and every declared write.
    pub recipe: Arc<Recipe>,
    /// The writes that a permit is good for.
    pub of_flow: Vec<WritePattern>,
    /// The context's way to the network.
    pub relay: Relay,
    /// Where requests go that are let go.
    pub network: Network,
}

#[derive(Default)]
struct State {
    /// Frame id → session key.
    owners: HashMap<String, u64>,
    sessions: HashMap<u64, SessionSide>,
}

/// The gate of one browser.
#[derive(Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // The maps are changed in single steps; a panic leaves them whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    /// Puts the gate up. Until this returned, no page may be opened. `all`: also for requests that can not carry a write.
    pub async fn enable(&self, wire: &Wire, all: bool) -> Result<(), BrowserFault> {
        let pattern =
            |resource_type| RequestPattern { url_pattern: Some("*".to_owned()), resource_type, request_stage: None };
        let patterns =
            if all { vec![pattern(None)] } else { CAN_WRITE.iter().map(|kind| pattern(Some(kind.clone()))).collect() };
        let enable = EnableParams { patterns: Some(patterns), handle_auth_requests: None };
        wire.call(None, &enable, CALL).await.map(drop)
    }

    /// A new frame or pop-up belongs to whom its parent belongs.
    pub fn adopt_from(&self, frame: &str, parent: &str) {
        let mut state = lock(&self.state);
        if let Some(session) = state.owners.get(parent).copied() {
            state.owners.insert(frame.to_owned(), session);
        }
    }

    /// Opens a session's side of the gate, shut for every declared write.
    pub fn open_session(&self, session: u64, side: Side) {
        let mut state = lock(&self.state);
        state.owners.insert(side.main_frame.clone(), session);
        let side = SessionSide {
            declared: side.recipe.flows.values().flat_map(|f| f.writes.iter().cloned()).collect(),
            of_flow: side.of_flow,
            main_frame: side.main_frame,
            relay: Some(side.relay),
            network: Some(side.network),
            recipe: Some(side.recipe),
            ..SessionSide::default()
        };
        state.sessions.insert(session, side);
    }

    /// Forgets a session whose context is gone.
    pub fn close_session(&self, session: u64) {
        let mut state = lock(&self.state);
        state.owners.retain(|_, owner| *owner != session);
        state.sessions.remove(&session);
    }

    /// One declared write of the session's flow may pass, once, until the permit's deadline. Now it is pressed.
    pub fn admit(&self, session: u64, permit: Permit, word: Option<Word>, now: Timestamp) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.permit.admit(permit, moment(now));
            side.word = word;
        }
    }

    /// Takes an unused permit away.
    pub fn shut(&self, session: u64) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.permit.shut();
        }
    }

    /// The declared writes of a session so far.
    pub fn writes(&self, session: u64) -> Vec<WriteSeen> {
        lock(&self.state).sessions.get(&session).map(|s| s.writes.clone()).unwrap_or_default()
    }

    /// What the last main document answered.
    pub fn document(&self, session: u64) -> DocumentAnswer {
        lock(&self.state).sessions.get(&session).map(|s| s.document.clone()).unwrap_or_default()
    }

    /// Where the main frame wanted to go outside the recipe's origins since it was last sent somewhere.
    pub fn strayed(&self, session: u64) -> Option<String> {
        lock(&self.state).sessions.get(&session).and_then(|s| s.strayed.clone())
    }

    /// The main frame is sent somewhere else now: where it strayed before is over.
    pub fn forget_strayed(&self, session: u64) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.strayed = None;
        }
    }

    /// Requests that were stopped because they would have left the recipe's origins, each told once.
    pub fn take_stopped(&self, session: u64) -> Vec<StoppedRequest> {
        lock(&self.state).sessions.get_mut(&session).map(|s| std::mem::take(&mut s.stopped)).unwrap_or_default()
    }

    /// Whether the engine is sending the main frame somewhere else.
    pub fn leaves(&self, session: u64, leaves: bool) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.leaves = leaves;
        }
    }

    /// A picture of the present document is being taken: the next one is not shown before it is done.
    pub fn picture_begins(&self, session: u64) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.pictures += 1;
        }
    }

    /// It is done.
    pub fn picture_done(&self, wire: &Wire, session: u64) {
        let waiting = match lock(&self.state).sessions.get_mut(&session) {
            Some(side) => {
                side.pictures = side.pictures.saturating_sub(1);
                if side.pictures == 0 { std::mem::take(&mut side.waiting) } else { Vec::new() }
            }
            None => Vec::new(),
        };
        for document in waiting {
            match document {
                Waiting::Answered(request) => wire.post(None, &ContinueRequestParams::new(request)),
                Waiting::Going(going) => self.go(wire, *going),
            }
        }
    }

    /// A fixture's answer is there at once, so its request waits for the pictures. Gives back what need not wait.
    fn put_off(&self, going: Going) -> Option<Going> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let owner = state.owners.get(going.event.frame_id.inner().as_str());
        match owner.and_then(|o| state.sessions.get_mut(o)) {
            Some(side) if side.waits_for_pictures(&going.event) => {
                side.waiting.push(Waiting::Going(Box::new(going)));
                None
            }
            _ => Some(going),
        }
    }

    /// Completes when a let-through write of the session was refused or cut off.
    pub async fn wait_refused(&self, session: u64) {
        loop {
            let changed = self.changed.notified();
            let refused = |w: &WriteSeen| w.cut || w.status.is_some_and(|s| s >= 400);
            if self.writes(session).iter().any(|w| w.verdict == GateVerdict::LetThrough && refused(w)) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until a write that was let through is answered or cut off; when none has come to the gate at all, only a moment.
    pub async fn wait_answered(&self, session: u64, within: Duration) {
        let answered = async {
            loop {
                let changed = self.changed.notified();
                match self.under_way(session) {
                    Some(false) => return,
                    Some(true) => changed.await,
                    None if tokio::time::timeout(WRITE_COMES, changed).await.is_err() => return,
                    None => {}
                }
            }
        };
        let _ = tokio::time::timeout(within, answered).await;
    }

    /// Whether a let-through write waits for its answer; `None`: none was let through.
    fn under_way(&self, session: u64) -> Option<bool> {
        let mut waits = None;
        for write in self.writes(session) {
            if write.verdict == GateVerdict::LetThrough {
                waits = Some(waits == Some(true) || !(write.cut || write.status.is_some()));
            }
        }
        waits
    }

    /// Decides about one paused request. Never waits for the network.
    pub fn paused(&self, wire: &Wire, event: EventRequestPaused, now: Timestamp) {
        if event.response_status_code.is_some() || event.response_error_reason.is_some() {
            self.answered(wire, event, now);
        } else if self.knows(event.frame_id.as_ref()) {
            self.leaving(wire, event, now);
        } else {
            // The word that the frame exists comes by another way and may be a moment late. Held back meanwhile, not judged.
            let (gate, wire) = (self.clone(), wire.clone());
            let begun = Instant::now();
            tokio::spawn(async move {
                for _ in 0..ADOPTION_TRIES {
                    if gate.knows(event.frame_id.as_ref()) {
                        break;
                    }
                    tokio::time::sleep(ADOPTION_PAUSE).await;
                }
                // A permit may have ended meanwhile.
                gate.leaving(&wire, event, now.plus(begun.elapsed()));
            });
        }
    }

    fn knows(&self, frame: &str) -> bool {
        lock(&self.state).owners.contains_key(frame)
    }

    /// Has the server asked first where the write comes late.
    fn leaving(&self, wire: &Wire, event: EventRequestPaused, now: Timestamp) {
        let Some((session, word)) = self.to_be_asked(&event, now) else { return self.decided(wire, event, now) };
        self.changed.notify_waiters();
        let (gate, wire) = (self.clone(), wire.clone());
        let begun = Instant::now();
        tokio::spawn(async move {
            if let Err(why) = word.holds().await {
                tracing::warn!(why, "a write that came late after its press is stopped");
                gate.shut(session);
            }
            if lock(&gate.state).sessions.contains_key(&session) {
                gate.decided(&wire, event, now.plus(begun.elapsed()));
            } else {
                wire.post(None, &FailRequestParams::new(event.request_id, ErrorReason::BlockedByClient));
            }
        });
    }

    /// Whose write it is that would leave with a permit, but so late that what the server said before the press does not hold any more.
    fn to_be_asked(&self, event: &EventRequestPaused, now: Timestamp) -> Option<(u64, Word)> {
        let guard = lock(&self.state);
        let session = *guard.owners.get(event.frame_id.inner().as_str())?;
        let side = guard.sessions.get(&session)?;
        let now = side.network.as_ref().and_then(Network::stage).map_or(now, |stage| stage.now());
        let late = side.permit.asks_again(moment(now)) && Asked::of(&event.request).is_one_of(&side.of_flow);
        side.word.clone().filter(|_| late).map(|word| (session, word))
    }

    fn decided(&self, wire: &Wire, event: EventRequestPaused, now: Timestamp) {
        let id = event.request_id.clone();
        match self.judge(event, now) {
            Judged::Go(going) => {
                let write = going.write.is_some();
                self.go(wire, *going);
                if write {
                    self.changed.notify_waiters();
                }
            }
            Judged::Stop => {
                wire.post(None, &FailRequestParams::new(id, ErrorReason::BlockedByClient));
                self.changed.notify_waiters();
            }
            Judged::Wait => {}
        }
    }

    fn judge(&self, event: EventRequestPaused, now: Timestamp) -> Judged {
        let asked = Asked::of(&event.request);
        let (method, path) = (&asked.method, &asked.path);
        let frame: &str = event.frame_id.as_ref();
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let owner = state.owners.get(frame).copied();
        let Some(side) = owner.and_then(|o| state.sessions.get_mut(&o)) else {
            // Nobody's: if any session would have gated it, it is gated. Where fixtures answer, nobody's has no answer.
            let staged = |s: &SessionSide| matches!(s.network, Some(Network::Stage(_)));
            let gated = state.sessions.values().any(|s| asked.is_one_of(&s.declared) || staged(s));
            if !gated {
                return Judged::Go(Box::new(Going { event, network: Network::Live, answer: false, write: None }));
            }
            tracing::warn!(method, path, "a request of no known session was stopped");
            return Judged::Stop;
        };
        if side.stops(&event, method) {
            return Judged::Stop;
        }
        let network = side.network.clone().unwrap_or(Network::Live);
        if !asked.is_one_of(&side.declared) {
            let answer = side.main_frame == frame && event.resource_type == ResourceType::Document;
            let going = Going { event, network, answer, write: None };
            if side.under_way.is_empty() {
                return Judged::Go(Box::new(going));
            }
            side.held.push(going);
            return Judged::Wait;
        }
        let mut write = WriteSeen {
            method: method.clone(),
            path: path.clone(),
            verdict: GateVerdict::Blocked,
            status: None,
            body: None,
            cut: false,
            retry_after: None,
        };
        let good = asked.is_one_of(&side.of_flow);
        let now = network.stage().map_or(now, |stage| stage.now());
        let permit = if good { side.permit.let_through(moment(now)) } else { None };
        if let Some(permit) = permit {
            tracing::info!(method, path, action = %permit.action(), epoch = permit.epoch(), "the gate lets one write through");
            write.verdict = GateVerdict::LetThrough;
            side.under_way.insert(event.request_id.inner().clone(), side.writes.len());
            side.writes.push(write);
            let write = Some(side.relay.clone());
            Judged::Go(Box::new(Going { event, network, answer: true, write }))
        } else {
            tracing::warn!(method, path, "the gate stopped a write");
            side.writes.push(write);
            Judged::Stop
        }
    }

    /// Lets a request go to where its session's requests go.
    fn go(&self, wire: &Wire, going: Going) {
        let going = if matches!(going.network, Network::Stage(_)) { self.put_off(going) } else { Some(going) };
        let Some(Going { event, network, answer, write }) = going else { return };
        let mut go = ContinueRequestParams::new(event.request_id.clone());
        let is_write = write.is_some();
        match network {
            Network::Stage(stage) => return self.play(wire, stage, event, is_write),
            Network::Live => go.intercept_response = Some(answer),
            Network::Tape(_) => go.intercept_response = Some(true),
        }
        match write.flatten() {
            Some(relay) => {
                let wire = wire.clone();
                tokio::spawn(async move {
                    // On the wire, too, it can leave only once.
                    relay.single(&event.request.url).await;
                    wire.post(None, &go);
                });
            }
            None => wire.post(None, &go),
        }
    }

    /// Has a stage answer a request.
    fn play(&self, wire: &Wire, stage: Arc<dyn Stage>, event: EventRequestPaused, write: bool) {
        let cue = stage.answer(&network::request_of(&event, write));
        let (gate, wire) = (self.clone(), wire.clone());
        let delay = cue.as_ref().map(|c| c.delay).unwrap_or_default();
        let answer = move || match cue {
            Some(Cue { response, mark, .. }) => {
                stage.answered(mark);
                let headers = network::entries(&response.headers);
                let (owned, held) = gate.take_answer(&event, Some(response.status), &headers, stage.now());
                if let Some((session, Some(place))) = owned {
                    gate.keep_body(session, place, &headers, &response.body);
                }
                wire.post(None, &network::fulfil(event.request_id, &response));
                held.into_iter().for_each(|going| gate.go(&wire, going));
            }
            None => {
                let (_, held) = gate.take_answer(&event, None, &[], stage.now());
                wire.post(None, &network::refuse(event.request_id));
                held.into_iter().for_each(|going| gate.go(&wire, going));
            }
        };
        if delay.is_zero() {
            answer();
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                answer();
            });
        }
    }
}

impl SessionSide {
    /// Whether it is the main frame's next document, and the one before it is still being pictured.
    fn waits_for_pictures(&self, event: &EventRequestPaused) -> bool {
        // A page that goes by itself is not held up: its renderer may answer nothing before it has gone, no picture either.
        self.leaves
            && self.pictures > 0
            && event.resource_type == ResourceType::Document
            && self.main_frame == event.frame_id.inner().as_str()
    }
}

#[cfg(test)]
mod tests;
