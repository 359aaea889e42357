//! The debugging pipe: NUL-terminated JSON on two file descriptors that only the browser and this process hold.
//!
//! Owns framing, call ids and the routing of answers and events. The types of the protocol are chromiumoxide's;
//! its connection is not used, because it speaks WebSocket only (a port that every local process could drive), has
//! bounds of its own that can not be changed, and queues events without limit. Here every call has a bound given by the
//! caller, a browser that is gone fails every pending call at once, and only events that somebody asked for are parsed.
//!
//! A call that timed out may still be carried out by the browser. Callers treat it as unknown.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chromiumoxide_types::Command;
use deed_core::ports::browser::BrowserFault;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot, watch};

/// Bound of a call that does no page work.
pub const CALL: Duration = Duration::from_secs(15);
/// Why a call fails whose session is over.
pub(crate) const SESSION_OVER: &str = "Session with given id not found.";
/// Greatest message that is taken from the browser (a screenshot of a large page is some MB).
const MESSAGE_MAX: usize = 64 << 20;

/// An event that was subscribed to.
#[derive(Debug)]
pub struct Event {
    /// `Page.lifecycleEvent` and so on.
    pub method: String,
    params: Box<RawValue>,
}

impl Event {
    /// Parses the parameters. An event that does not parse is none that can be acted on.
    pub fn parse<T: for<'a> Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.params.get())
            .inspect_err(|e| tracing::debug!(method = self.method, error = %e, "event does not parse"))
            .ok()
    }
}

type Answer = Result<Box<RawValue>, String>;

#[derive(Default)]
struct Routes {
    /// Call id → who waits, and the session that was asked.
    waiting: HashMap<u64, (oneshot::Sender<Answer>, Option<String>)>,
    /// Sessions whose renderer crashed.
    crashed: HashSet<String>,
    /// Session id (empty: the browser itself) → its listener.
    listeners: HashMap<String, mpsc::UnboundedSender<Event>>,
}

struct Shared {
    next_id: AtomicU64,
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    routes: Mutex<Routes>,
    gone: watch::Sender<Option<String>>,
}

/// A connection to one browser. Clones share it.
#[derive(Clone)]
pub struct Wire {
    shared: Arc<Shared>,
}

#[derive(Serialize)]
struct Outgoing<'a, C> {
    id: u64,
    method: &'a str,
    params: &'a C,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "sessionId", borrow)]
    session_id: Option<std::borrow::Cow<'a, str>>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<ProtocolError>,
}

#[derive(Deserialize)]
struct ProtocolError {
    message: String,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding it leaves maps that are still consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that is on its way.
pub struct Pending<R> {
    what: String,
    receiver: oneshot::Receiver<Answer>,
    wire: Wire,
    session: Option<String>,
    within: Duration,
    _response: std::marker::PhantomData<fn() -> R>,
}

impl Wire {
    /// Takes over both ends of the pipe.
    pub fn new(to_browser: pipe::Sender, from_browser: pipe::Receiver) -> Self {
        let (outbox, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            next_id: AtomicU64::new(1),
            outbox,
            routes: Mutex::new(Routes::default()),
            gone: watch::Sender::new(None),
        });
        let wire = Self { shared };
        tokio::spawn(write_all(wire.clone(), to_browser, inbox));
        tokio::spawn(read_all(wire.clone(), from_browser));
        wire
    }

    /// Sends a command and waits for its answer, at most `within`.
    pub async fn call<C: Command>(
        &self,
        session: Option<&str>,
        command: &C,
        within: Duration,
    ) -> Result<C::Response, BrowserFault> {
        self.send(session, command, within)?.answer().await
    }

    /// Hands a command to the pipe now; the answer can be awaited later.
    ///
    /// # Errors
    /// Only when the browser was known to be gone before: then nothing was handed over.
    pub fn send<C: Command>(
        &self,
        session: Option<&str>,
        command: &C,
        within: Duration,
    ) -> Result<Pending<C::Response>, BrowserFault> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let method = command.identifier();
        let message = Outgoing { id, method: &method, params: command, session_id: session };
        let mut bytes = serde_json::to_vec(&message)
            .map_err(|e| BrowserFault::Protocol { what: method.to_string(), why: e.to_string() })?;
        bytes.push(0);
        let (sender, receiver) = oneshot::channel();
        {
            let mut routes = lock(&self.shared.routes);
            // Under the lock, so that `fail_all` either sees this waiter or has set `gone` before.
            if let Some(why) = self.shared.gone.borrow().clone() {
                return Err(BrowserFault::Gone(why));
            }
            if session.is_some_and(|s| routes.crashed.contains(s)) {
                return Err(BrowserFault::TabCrashed);
            }
            routes.waiting.insert(id, (sender, session.map(str::to_owned)));
        }
        if self.shared.outbox.send(bytes).is_err() {
            return Err(BrowserFault::Gone("the pipe is closed".to_owned()));
        }
        Ok(Pending {
            what: method.into_owned(),
            receiver,
            wire: self.clone(),
            session: session.map(str::to_owned),
            within,
            _response: std::marker::PhantomData,
        })
    }

    /// Sends a command whose answer nobody needs.
    pub fn post<C: Command>(&self, session: Option<&str>, command: &C) {
        if let Err(fault) = self.send(session, command, CALL) {
            tracing::debug!(%fault, "not sent");
        }
    }

    /// All events of a session (`None`: the browser's own) from now on. The receiver must be read.
    pub fn listen(&self, session: Option<&str>) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.shared.routes).listeners.insert(session.unwrap_or_default().to_owned(), sender);
        receiver
    }

    /// Ends the listening of a session that is closed.
    pub fn forget(&self, session: &str) {
        let mut routes = lock(&self.shared.routes);
        routes.listeners.remove(session);
        routes.crashed.remove(session);
    }

    /// The session of a frame is over: its pending calls fail at once, as those of a document that goes away.
    pub fn detached(&self, session: &str) {
        self.forget(session);
        let mut routes = lock(&self.shared.routes);
        let ended: Vec<u64> =
            routes.waiting.iter().filter(|(_, (_, of))| of.as_deref() == Some(session)).map(|(id, _)| *id).collect();
        for id in ended {
            if let Some((waiter, _)) = routes.waiting.remove(&id) {
                // Nobody waits any more: that caller has already reported a timeout.
                let _ = waiter.send(Err(SESSION_OVER.to_owned()));
            }
        }
    }

    /// The session's renderer crashed: its pending calls fail at once, and so does every later one.
    pub fn crash(&self, session: &str) {
        let mut routes = lock(&self.shared.routes);
        routes.crashed.insert(session.to_owned());
        routes.waiting.retain(|_, (_, of)| of.as_deref() != Some(session));
    }

    fn has_crashed(&self, session: &str) -> bool {
        lock(&self.shared.routes).crashed.contains(session)
    }

    /// Why the browser is gone, if it is.
    pub fn gone(&self) -> Option<String> {
        self.shared.gone.borrow().clone()
    }

    /// Completes when the browser is gone.
    pub async fn wait_gone(&self) -> String {
        let mut watch = self.shared.gone.subscribe();
        loop {
            if let Some(why) = watch.borrow_and_update().clone() {
                return why;
            }
            if watch.changed().await.is_err() {
                return "the connection ended".to_owned();
            }
        }
    }

    /// Declares the browser gone: every pending call fails at once, and so does every later one.
    pub fn fail_all(&self, why: &str) {
        let mut routes = lock(&self.shared.routes);
        self.shared.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            if first {
                *gone = Some(why.to_owned());
            }
            first
        });
        routes.waiting.clear();
        routes.listeners.clear();
    }

    fn dispatch(&self, bytes: &[u8]) {
        let message: Incoming<'_> = match serde_json::from_slice(bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "message from the browser does not parse");
                return;
            }
        };
        let mut routes = lock(&self.shared.routes);
        if let Some(id) = message.id {
            let Some((waiter, _)) = routes.waiting.remove(&id) else { return };
            let answer = match (message.result, message.error) {
                (_, Some(error)) => Err(error.message),
                (Some(result), None) => Ok(result),
                (None, None) => Err("an answer without result".to_owned()),
            };
            // Nobody waits any more: that caller has already reported a timeout.
            let _ = waiter.send(answer);
        } else if let (Some(method), Some(params)) = (message.method, message.params) {
            let session = message.session_id.unwrap_or_default();
            if let Some(listener) = routes.listeners.get(session.as_ref())
                && listener.send(Event { method: method.into_owned(), params }).is_err()
            {
                routes.listeners.remove(session.as_ref());
            }
        }
    }
}

impl<R: for<'a> Deserialize<'a>> Pending<R> {
    /// Waits for the answer.
    pub async fn answer(self) -> Result<R, BrowserFault> {
        let ms = u64::try_from(self.within.as_millis()).unwrap_or(u64::MAX);
        match tokio::time::timeout(self.within, self.receiver).await {
            Err(_) => Err(BrowserFault::Timeout { what: self.what, ms }),
            Ok(Err(_)) => Err(match (self.wire.gone(), self.session) {
                (None, Some(session)) if self.wire.has_crashed(&session) => BrowserFault::TabCrashed,
                (gone, _) => BrowserFault::Gone(gone.unwrap_or_else(|| "the connection ended".to_owned())),
            }),
            Ok(Ok(Err(why))) => Err(BrowserFault::Protocol { what: self.what, why }),
            Ok(Ok(Ok(result))) => serde_json::from_str(result.get())
                .map_err(|e| BrowserFault::Protocol { what: self.what, why: format!("answer does not parse: {e}") }),
        }
    }
}

async fn write_all(wire: Wire, mut pipe: pipe::Sender, mut inbox: mpsc::UnboundedReceiver<Vec<u8>>) {
    loop {
        let bytes = tokio::select! {
            bytes = inbox.recv() => bytes,
            _ = wire.wait_gone() => None,
        };
        let Some(bytes) = bytes else { return };
        if let Err(error) = pipe.write_all(&bytes).await {
            wire.fail_all(&format!("writing to it failed: {error}"));
            return;
        }
    }
}

async fn read_all(wire: Wire, mut pipe: pipe::Receiver) {
    let mut buffer = Vec::with_capacity(1 << 16);
    let mut scanned = 0;
    loop {
        let read = tokio::select! {
            read = pipe.read_buf(&mut buffer) => read,
            _ = wire.wait_gone() => return,
        };
        match read {
            Ok(0) => return wire.fail_all("it closed its end of the pipe"),
            Err(error) => return wire.fail_all(&format!("reading from it failed: {error}")),
            Ok(_) => {}
        }
        let mut start = 0;
        while let Some(length) = buffer[scanned..].iter().position(|b| *b == 0) {
            let end = scanned + length;
            wire.dispatch(&buffer[start..end]);
            start = end + 1;
            scanned = start;
        }
        buffer.drain(..start);
        scanned = buffer.len();
        if buffer.len() > MESSAGE_MAX {
            return wire.fail_all("it sent a message without end");
        }
    }
}
