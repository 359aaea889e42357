//! The network gate: no declared write request leaves without a permit, and one permit lets exactly one through.
//!
//! It stands at the browser, not at the page: requests of frames, workers, service workers, pop-ups and beacons pass it
//! as well. A request whose owner can not be told is treated as nobody's: a declared write of it never passes. What it can not
//! see are WebSockets.
//!
//! It also reads the answers that matter: status and `Retry-After` of documents, status and body of the write that it let through.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use chromiumoxide_cdp::cdp::browser_protocol::fetch::{
    ContinueRequestParams, EnableParams, EventRequestPaused, FailRequestParams, GetResponseBodyParams, HeaderEntry,
    RequestPattern,
};
use chromiumoxide_cdp::cdp::browser_protocol::network::{ErrorReason, Request, ResourceType};
use deed_core::permit::Permit;
use deed_core::ports::browser::{BrowserFault, GateVerdict, WriteSeen};
use deed_core::time::Timestamp;
use deed_recipes::WritePattern;
use tokio::sync::Notify;

use crate::relay::Relay;
use crate::wire::{CALL, Wire};

/// Greatest response body that is kept for the receipt.
const BODY_MAX: usize = 256 << 10;

/// How long a request of an unknown frame is held back for its frame to become known.
const ADOPTION_TRIES: u32 = 20;
const ADOPTION_PAUSE: Duration = Duration::from_millis(10);

/// How long after the press a page may take to make its write request.
const WRITE_COMES: Duration = Duration::from_secs(3);

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
    /// `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
}

#[derive(Default)]
struct SessionSide {
    /// Every declared write of the recipe.
    declared: Vec<WritePattern>,
    /// Those of the flow: the only ones a permit is good for.
    of_flow: Vec<WritePattern>,
    permit: Option<Permit>,
    writes: Vec<WriteSeen>,
    /// Fetch request id of a let-through write → its place in `writes`.
    under_way: HashMap<String, usize>,
    document: DocumentAnswer,
    main_frame: String,
    /// Other requests, held back while a write is under way, so that none takes its one connection.
    held: Vec<ContinueRequestParams>,
    relay: Option<Relay>,
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
    /// Puts the gate up. Until this returned, no page may be opened.
    pub async fn enable(&self, wire: &Wire) -> Result<(), BrowserFault> {
        let patterns = CAN_WRITE
            .iter()
            .map(|kind| RequestPattern {
                url_pattern: Some("*".to_owned()),
                resource_type: Some(kind.clone()),
                request_stage: None,
            })
            .collect();
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
    pub fn open_session(
        &self,
        session: u64,
        main_frame: &str,
        declared: Vec<WritePattern>,
        of_flow: Vec<WritePattern>,
        relay: Relay,
    ) {
        let main = main_frame.to_owned();
        let side = SessionSide { declared, of_flow, main_frame: main, relay: Some(relay), ..SessionSide::default() };
        let mut state = lock(&self.state);
        state.owners.insert(main_frame.to_owned(), session);
        state.sessions.insert(session, side);
    }

    /// Forgets a session whose context is gone.
    pub fn close_session(&self, session: u64) {
        let mut state = lock(&self.state);
        state.owners.retain(|_, owner| *owner != session);
        state.sessions.remove(&session);
    }

    /// One declared write of the session's flow may pass, once, until the permit's deadline.
    pub fn admit(&self, session: u64, permit: Permit) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.permit = Some(permit);
        }
    }

    /// Takes an unused permit away.
    pub fn shut(&self, session: u64) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session) {
            side.permit = None;
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
            self.answered(wire, event);
        } else if self.knows(event.frame_id.as_ref()) {
            self.leaving(wire, &event, now);
        } else {
            // The word that the frame exists comes by another way and may be a moment late. Held back meanwhile, not judged.
            let (gate, wire) = (self.clone(), wire.clone());
            tokio::spawn(async move {
                for _ in 0..ADOPTION_TRIES {
                    if gate.knows(event.frame_id.as_ref()) {
                        break;
                    }
                    tokio::time::sleep(ADOPTION_PAUSE).await;
                }
                gate.leaving(&wire, &event, now);
            });
        }
    }

    fn knows(&self, frame: &str) -> bool {
        lock(&self.state).owners.contains_key(frame)
    }

    fn leaving(&self, wire: &Wire, event: &EventRequestPaused, now: Timestamp) {
        let method = event.request.method.to_ascii_uppercase();
        let path = path_of(&event.request.url);
        let frame: &str = event.frame_id.as_ref();
        let mut state = lock(&self.state);
        let owner = state.owners.get(frame).copied();
        let (query, body) = (query_of(&event.request.url), body_of(&event.request));
        let matches =
            |patterns: &[WritePattern]| patterns.iter().any(|p| p.fits(&method, &path, &query, body.as_deref()));
        let declared = match owner.and_then(|o| state.sessions.get(&o)) {
            Some(side) => matches(&side.declared),
            // Nobody's: if any session would have gated it, it is gated.
            None => state.sessions.values().any(|side| matches(&side.declared)),
        };
        let mut go = ContinueRequestParams::new(event.request_id.clone());
        if !declared {
            let main = owner.and_then(|o| state.sessions.get(&o)).is_some_and(|s| s.main_frame == frame);
            go.intercept_response = Some(main && event.resource_type == ResourceType::Document);
            match owner.and_then(|o| state.sessions.get_mut(&o)) {
                Some(side) if !side.under_way.is_empty() => side.held.push(go),
                _ => wire.post(None, &go),
            }
            return;
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
        let side = owner.and_then(|o| state.sessions.get_mut(&o));
        let Some(side) = side else {
            tracing::warn!(method, path, "a declared write of no known session was stopped");
            wire.post(None, &FailRequestParams::new(event.request_id.clone(), ErrorReason::BlockedByClient));
            return;
        };
        // Taking the permit out of its slot is what makes it single-use.
        let good = matches(&side.of_flow);
        let permit = if good { side.permit.take().filter(|p| now < p.deadline()) } else { None };
        if let Some(permit) = permit {
            tracing::info!(method, path, action = %permit.action(), epoch = permit.epoch(), "the gate lets one write through");
            write.verdict = GateVerdict::LetThrough;
            side.under_way.insert(event.request_id.inner().clone(), side.writes.len());
            go.intercept_response = Some(true);
            let (relay, wire, url) = (side.relay.clone(), wire.clone(), event.request.url.clone());
            tokio::spawn(async move {
                // On the wire, too, it can leave only once.
                if let Some(relay) = relay {
                    relay.single(&url).await;
                }
                wire.post(None, &go);
            });
        } else {
            tracing::warn!(method, path, "the gate stopped a write");
            wire.post(None, &FailRequestParams::new(event.request_id.clone(), ErrorReason::BlockedByClient));
        }
        side.writes.push(write);
        drop(state);
        self.changed.notify_waiters();
    }

    fn answered(&self, wire: &Wire, event: EventRequestPaused) {
        let status = event.response_status_code.and_then(|s| u16::try_from(s).ok());
        let headers = event.response_headers.as_deref().unwrap_or_default();
        let retry_after = header(headers, "retry-after").and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
        let frame: &str = event.frame_id.as_ref();
        let mut state = lock(&self.state);
        let Some(session) = state.owners.get(frame).copied() else {
            drop(state);
            wire.post(None, &ContinueRequestParams::new(event.request_id));
            return;
        };
        let Some(side) = state.sessions.get_mut(&session) else {
            drop(state);
            wire.post(None, &ContinueRequestParams::new(event.request_id));
            return;
        };
        if side.main_frame == frame && event.resource_type == ResourceType::Document {
            side.document = DocumentAnswer { status, retry_after };
        }
        let place = side.under_way.remove(event.request_id.inner());
        if let Some(write) = place.and_then(|p| side.writes.get_mut(p)) {
            write.status = status;
            write.retry_after = retry_after;
            write.cut = event.response_error_reason.is_some();
            if let Some(relay) = &side.relay {
                relay.reopen();
            }
        }
        let held = if side.under_way.is_empty() { std::mem::take(&mut side.held) } else { Vec::new() };
        drop(state);
        held.iter().for_each(|go| wire.post(None, go));
        self.changed.notify_waiters();
        let json = header(headers, "content-type").is_some_and(|v| v.contains("json"));
        match place {
            Some(place) if json && status.is_some() => {
                tokio::spawn(read_body(self.clone(), wire.clone(), session, place, event));
            }
            _ => wire.post(None, &ContinueRequestParams::new(event.request_id)),
        }
    }

    fn keep_body(&self, session: u64, place: usize, body: serde_json::Value) {
        if let Some(write) = lock(&self.state).sessions.get_mut(&session).and_then(|s| s.writes.get_mut(place)) {
            write.body = Some(body);
        }
    }
}

/// Reads the body of the write's answer before the page gets it, so that the receipt does not hang on what the page does with it.
async fn read_body(gate: Gate, wire: Wire, session: u64, place: usize, event: EventRequestPaused) {
    let answer = wire.call(None, &GetResponseBodyParams::new(event.request_id.clone()), CALL).await;
    wire.post(None, &ContinueRequestParams::new(event.request_id));
    let Ok(answer) = answer else { return };
    let bytes = if answer.base64_encoded {
        base64::engine::general_purpose::STANDARD.decode(answer.body).unwrap_or_default()
    } else {
        answer.body.into_bytes()
    };
    if bytes.len() > BODY_MAX {
        return;
    }
    if let Ok(body) = serde_json::from_slice(&bytes) {
        gate.keep_body(session, place, body);
    }
}

fn path_of(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |u| u.path().to_owned())
}

fn query_of(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|u| u.query().map(str::to_owned)).unwrap_or_default()
}

/// The bytes of a request's body; `None` when the browser does not show all of them (a file, a stream, too long), or shows them
/// compressed. What can not be read may be anything.
fn body_of(request: &Request) -> Option<Vec<u8>> {
    let encoded = request
        .headers
        .inner()
        .as_object()
        .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("content-encoding")));
    if encoded {
        return None;
    }
    if request.has_post_data != Some(true) {
        return Some(Vec::new());
    }
    let entries = request.post_data_entries.as_ref().filter(|entries| !entries.is_empty())?;
    let mut body = Vec::new();
    for entry in entries {
        let bytes: &str = entry.bytes.as_ref()?.as_ref();
        body.extend(base64::engine::general_purpose::STANDARD.decode(bytes).ok()?);
    }
    Some(body)
}

fn header<'h>(headers: &'h [HeaderEntry], name: &str) -> Option<&'h str> {
    headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
}
