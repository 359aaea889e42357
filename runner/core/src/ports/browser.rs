//! The browser as the episode sees it: pages are looked at, reversible inputs are made, and one press takes a permit.
//!
//! An adapter judges nothing. It reports what each locator names; quorum, identity, drift and dedupe are decided in
//! [`crate::judge`]. It does guarantee three things, whatever the engine asks:
//! no reversible input reaches an element of a commit; no declared write request leaves without a permit, and one permit lets
//! one through; every call ends within its bound.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deed_proofs::ImageHash;
use deed_proofs::film::{Bounds, Developed};
use deed_recipes::{ChallengeKind, Key, Recipe};

use crate::ids::{AccountId, EpisodeId, WorkerId};
use crate::permit::{Permit, Target};
use crate::time::Timestamp;

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No declared write request ever passes.
    ReadOnly,
    /// One declared write request passes with a permit.
    Write,
}

/// Cookies and local storage, as a storage-state JSON text. Never printed.
#[derive(Clone)]
pub struct SessionState(String);

impl SessionState {
    /// Takes the JSON text of a storage state.
    pub fn new(json: impl Into<String>) -> Self {
        Self(json.into())
    }

    /// The secret, for the one who injects it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionState(…)")
    }
}

/// How input is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// As fast as the page takes it: tests, measurements and read-only sessions.
    Unpaced,
    /// Like a considerate person, drawn from this seed.
    Considerate {
        /// Kept with the proof.
        seed: u64,
    },
}

/// What a session is opened with.
#[derive(Debug, Clone)]
pub struct Opening {
    /// As whom.
    pub account: AccountId,
    /// For which episode.
    pub episode: EpisodeId,
    /// The language of what will be asked.
    pub recipe: Arc<Recipe>,
    /// The action type, whose commit element no reversible input may reach and whose writes are gated.
    pub flow: String,
    /// The platform's origin, `https://host`.
    pub base: String,
    /// The account's session.
    pub session: SessionState,
    /// What may pass.
    pub access: Access,
    /// How input is paced.
    pub pacing: Pacing,
}

/// Why the browser could not do what was asked. Nothing in it says whether an input counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrowserFault {
    /// No usable Chromium, or it did not start.
    #[error("failed to start the browser: {0}")]
    Launch(String),
    /// The process ended, or stopped answering.
    #[error("the browser is gone: {0}")]
    Gone(String),
    /// The page's renderer crashed.
    #[error("the tab crashed")]
    TabCrashed,
    /// A bound was reached.
    #[error("{what} took longer than {ms} ms")]
    Timeout {
        /// What was waited for.
        what: String,
        /// The bound.
        ms: u64,
    },
    /// The page could not be loaded.
    #[error("failed to open {url}: {reason}")]
    Navigation {
        /// Where to.
        url: String,
        /// The browser's word for it.
        reason: String,
    },
    /// The page went outside the recipe's origins.
    #[error("{url} is outside the recipe's origins")]
    ForeignOrigin {
        /// Where the page went.
        url: String,
    },
    /// The platform's clock and ours are too far apart for any time to be compared.
    #[error("this machine's clock is {} s {} the platform's at {url}", ahead_ms.unsigned_abs() / 1000, if *ahead_ms > 0 { "ahead of" } else { "behind" })]
    ClockApart {
        /// What the platform answered.
        url: String,
        /// How far our clock is ahead of its, in milliseconds; negative: behind.
        ahead_ms: i64,
    },
    /// The input would have reached something else, or a commit.
    #[error("input refused: {0}")]
    InputRefused(String),
    /// The browser answered something that it should not.
    #[error("the browser refused {what}: {why}")]
    Protocol {
        /// The command.
        what: String,
        /// Its message.
        why: String,
    },
}

impl BrowserFault {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Launch(_) => "browser-launch",
            Self::Gone(_) => "browser-gone",
            Self::TabCrashed => "tab-crashed",
            Self::Timeout { .. } => "browser-timeout",
            Self::Navigation { .. } => "navigation-failed",
            Self::ForeignOrigin { .. } => "foreign-origin",
            Self::ClockApart { .. } => "platform-clock",
            Self::InputRefused(_) => "input-refused",
            Self::Protocol { .. } => "browser-protocol",
        }
    }
}

/// A node of the current document. Ids are never reused within a document and mean nothing in the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// CSS pixels of the viewport.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeFacts {
    /// Lower-case tag name.
    pub tag: String,
    /// Accessible role.
    pub role: String,
    /// Accessible name.
    pub name: String,
    /// Visible text; the value of a form control.
    pub text: String,
    /// Whether it is rendered and has a size.
    pub visible: bool,
    /// Whether it takes input.
    pub enabled: bool,
    /// Whether a toggle button is pressed; `None`: it does not say.
    pub pressed: Option<bool>,
    /// Whether a checkbox, radio button or switch is on; `None`: it is none, or does not say.
    pub checked: Option<bool>,
    /// Where it stands.
    pub rect: Rect,
    /// Landmark regions around it, outermost first.
    pub regions: Vec<String>,
    /// What its markup says that a press does (`submit to /posts`, `follow a link`); empty: nothing.
    pub acts: String,
    /// What kind of control it is beside its role (`opens a menu`, `toggle`, `read-only`).
    pub traits: Vec<String>,
    /// Accessible name of the form or dialog that it belongs to; empty: of none, or of one without a name.
    pub container: String,
    /// Whether the page's frame (its header, navigation or footer) holds another control of its role and name.
    pub twin: bool,
    /// What its developers call it in tests.
    pub test_id: Option<String>,
}

/// What one locator names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// The locator in words (`role button "Post"`).
    pub locator: String,
    /// Its matches in document order; hidden ones are left out unless the element is a file input.
    pub nodes: Vec<NodeId>,
}

/// A challenge that a detector saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeHit {
    /// What it means.
    pub kind: ChallengeKind,
    /// Which detector, in words.
    pub detector: String,
    /// A waiting time, from `Retry-After` or from the page's words.
    pub wait: Option<Duration>,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// The object's id, where the list tells.
    pub id: Option<String>,
    /// Its text as it is shown.
    pub text: String,
    /// Its title, where the list shows one.
    pub title: Option<String>,
    /// Its author as shown.
    pub author: Option<String>,
    /// Number of media objects.
    pub media: usize,
    /// When it was made, if the page tells.
    pub at: Option<Timestamp>,
    /// Its own page, absolute.
    pub permalink: Option<String>,
    /// Whether it waits for moderation.
    pub pending: bool,
}

/// What a look asks for, all in one pass.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Elements of the recipe by name.
    pub elements: Vec<String>,
    /// The surface whose `items` are read.
    pub items_of: Option<String>,
    /// Greatest number of items.
    pub items_max: usize,
    /// Wait until all of these hold, or a challenge is seen.
    pub until: Vec<Need>,
    /// Wait until any of these holds, or a challenge is seen; empty: not asked.
    pub until_any: Vec<Need>,
    /// Bound of the wait; zero looks once.
    pub within: Duration,
    /// A page within the recipe's origins whose server is asked anew whose session this is, before the look.
    pub confirm: Option<String>,
}

/// A condition of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// At least one locator of the element names a visible node.
    Visible(String),
    /// At least one locator of the element names a node, visible or not (a file input).
    Present(String),
    /// At least this many are visible.
    Count(String, usize),
    /// No locator of the element names a visible node.
    Gone(String),
    /// At least one locator names a visible node that takes input.
    Enabled(String),
    /// At least one locator names a visible checkbox or switch that stands so.
    Checked(String, bool),
    /// A text stands in a status or alert region, case ignored.
    Toast(String),
    /// The page's path matches this glob.
    Path(String),
    /// A let-through write was refused or cut off: no other sign will come.
    WriteRefused,
}

/// What a look saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// The page's URL.
    pub url: String,
    /// The document's HTTP status, when it is known.
    pub status: Option<u16>,
    /// The document's `lang`.
    pub lang: Option<String>,
    /// Element → one vote per locator.
    pub votes: BTreeMap<String, Vec<Vote>>,
    /// Every node that a vote names.
    pub nodes: BTreeMap<NodeId, NodeFacts>,
    /// Challenges, worst first.
    pub challenges: Vec<ChallengeHit>,
    /// The list, when one was asked for and is there.
    pub items: Option<Vec<Item>>,
    /// Texts in status and alert regions.
    pub toasts: Vec<String>,
    /// What the session says of itself, when the recipe tells where.
    pub marker: Option<String>,
    /// The same, as the server says it now of the page that was to be asked; `None`: it does not tell.
    pub marker_at_home: Option<String>,
    /// It was asked for that, and did not answer in time.
    pub home_silent: bool,
    /// Whether the wait ended with its conditions met.
    pub satisfied: bool,
}

/// How far a platform's clock and ours may be apart. Within it no object of an attempt looks older than the attempt
/// ([`CLOCK_SKEW_MS`](crate::judge::same::CLOCK_SKEW_MS) allows twice as much).
pub const PLATFORM_APART: Duration = Duration::from_secs(60);

/// Where a navigation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// What was asked for; where it led, a look tells ([`Seen::url`]).
    pub url: String,
    /// The document's HTTP status.
    pub status: Option<u16>,
    /// `Retry-After`, when the server sent one.
    pub retry_after: Option<Duration>,
    /// How far our clock is ahead of the server's `Date`, in milliseconds; negative: behind. `None`: it told none.
    pub ahead_ms: Option<i64>,
}

impl Landing {
    /// Whether the two clocks agree as far as they must, so that times of the one can be compared with the other's.
    ///
    /// # Errors
    /// [`BrowserFault::ClockApart`].
    pub fn of_our_time(&self) -> Result<(), BrowserFault> {
        match self.ahead_ms {
            Some(ahead_ms) if ahead_ms.unsigned_abs() > PLATFORM_APART.as_millis() as u64 => {
                Err(BrowserFault::ClockApart { url: self.url.clone(), ahead_ms })
            }
            _ => Ok(()),
        }
    }
}

/// A picture and the document behind it, both without what proof never shows.
#[derive(Debug, Clone)]
pub struct Capture {
    /// PNG of the viewport, painted over where something is masked.
    pub png: Vec<u8>,
    /// The document's HTML, with a mark where something is masked.
    pub html: String,
    /// What was masked, for a commitment to it.
    pub masked: Vec<Masked>,
}

/// Where something was masked.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// In the picture, in CSS pixels of the viewport.
    Picture {
        /// What was painted over.
        rect: Rect,
    },
    /// In the document.
    Document {
        /// A CSS path to the masked element.
        path: String,
    },
}

/// One thing that was masked. Never printed, never kept as it is.
#[derive(Clone, PartialEq)]
pub struct Masked {
    /// Where.
    pub place: Place,
    /// What kind of thing (`message`, `email` …; `secret`: a field that is always masked, whose content is not read).
    pub kind: String,
    /// What stood there: PNG of the part of a picture, or words of a document.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masked({}, {:?}, …)", self.kind, self.place)
    }
}

/// What a press is aimed at: still, in view, hit-tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// The node.
    pub node: NodeId,
    /// What it is good for.
    pub target: Target,
    /// Where it stands.
    pub rect: Rect,
    /// Where it will be pressed.
    pub point: (f64, f64),
}

/// What came of a press. There is no fourth answer, and no retry.
#[derive(Debug)]
pub enum Press {
    /// The browser took the press and the release.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// Proved: no input left this process.
    NotSent {
        /// Why.
        why: String,
    },
    /// The press may have counted.
    Unknown {
        /// What went wrong.
        fault: BrowserFault,
    },
}

/// What the gate did with a declared write request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// It left, with the permit.
    LetThrough,
    /// It never left.
    Blocked,
}

/// A declared write request that the page made.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteSeen {
    /// Upper case.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// What the gate did.
    pub verdict: GateVerdict,
    /// The response's status; `None`: none came (yet).
    pub status: Option<u16>,
    /// The response body, when it is JSON and small.
    pub body: Option<serde_json::Value>,
    /// The connection ended without a response.
    pub cut: bool,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// A request that would have left the recipe's origins and was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedRequest {
    /// Upper case.
    pub method: String,
    /// Where to, without query and fragment.
    pub url: String,
    /// What it was for: `Document`, `Fetch`, `Ping` …
    pub kind: String,
}

/// What must hold on the page in the last look before the press; decided by the engine.
pub trait LastCheck: Send + Sync {
    /// What is looked at.
    fn elements(&self) -> Vec<String>;

    /// Which page is asked anew whose session this is.
    fn confirm(&self) -> Option<String> {
        None
    }

    /// Whether the press may happen; the refusal in words.
    fn judge(&self, seen: &Seen) -> Result<(), String>;
}

/// Opens sessions, and ends what dead runners left behind.
pub trait Browser: Send + Sync {
    /// An account's own browser context.
    type Session: Session;

    /// Opens a context of its own with the account's session in it.
    fn open(&self, opening: &Opening) -> impl Future<Output = Result<Self::Session, BrowserFault>> + Send;

    /// Product and version, for the proof.
    fn version(&self) -> String;

    /// Ends the browser of a dead worker, or of one that has `stalled` (its lease is over, so nothing of it may press
    /// any more): returns when its process group is gone and its profile is free. An error means that this is not
    /// proved, and its actions must not be touched.
    fn end_of_worker(&self, worker: &WorkerId, stalled: bool) -> impl Future<Output = Result<(), BrowserFault>> + Send;
}

/// One context, one tab.
pub trait Session: Send + Sync {
    /// Goes to a URL within the recipe's origins.
    fn goto(&mut self, url: &str) -> impl Future<Output = Result<Landing, BrowserFault>> + Send;

    /// Looks, waiting first when asked to. A condition that does not come is `satisfied: false`, not an error.
    fn look(&self, look: &Look) -> impl Future<Output = Result<Seen, BrowserFault>> + Send;

    /// Screenshot and document as the page stands now. Both are asked for at once, and the answer need not be waited for: whatever the
    /// session does next to the page (an input, another document) waits until the picture is done.
    fn capture(&self) -> impl Future<Output = Result<Capture, BrowserFault>> + Send + Sync + 'static;

    /// Begins to record what the page shows, within bounds, without what proof never shows. What goes wrong with it touches nothing else.
    fn record(&mut self, _bounds: Bounds) {}

    /// Ends the recording, if there is one. It is made into a video elsewhere, whether that is waited for or not; `Err`: why there is none.
    fn recorded(
        &mut self,
        _commit_at: Option<Timestamp>,
    ) -> Option<impl Future<Output = Result<Developed, String>> + Send + Sync + 'static> {
        None::<std::future::Ready<Result<Developed, String>>>
    }

    /// Perceptual hash of what is shown at a node; `None` when it shows nothing yet.
    fn image_hash(&mut self, node: NodeId) -> impl Future<Output = Result<Option<ImageHash>, BrowserFault>> + Send;

    /// A click that can be taken back.
    fn click(&mut self, node: NodeId) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Puts the pointer on an element and leaves it there.
    fn hover(&mut self, node: NodeId) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Chooses the option of a native select with this label, else with this value.
    fn choose(&mut self, node: NodeId, option: &str) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Presses a key, on an element that is given the focus first, or where the focus is.
    fn key(&mut self, key: Key, on: Option<NodeId>) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Brings an element into view.
    fn scroll_to(&mut self, node: NodeId) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Scrolls the page, or an element of it, by most of its height. Whether anything moved.
    fn scroll_page(&mut self, within: Option<NodeId>) -> impl Future<Output = Result<bool, BrowserFault>> + Send;

    /// Clears the field and puts the text into it.
    fn type_text(&mut self, node: NodeId, text: &str) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Gives files to a file input.
    fn upload(&mut self, node: NodeId, files: &[String]) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Clicks a button and gives files to the file chooser that it opens. The chooser itself is never shown.
    fn upload_by(&mut self, button: NodeId, files: &[String]) -> impl Future<Output = Result<(), BrowserFault>> + Send;

    /// Brings the commit element into view, waits until it is still for 150 ms and hit-tests it. Presses nothing.
    fn aim(&mut self, node: NodeId, target: Target) -> impl Future<Output = Result<Aim, BrowserFault>> + Send;

    /// The commit. Checks the permit, that the aim still holds, and that `check` passes on one last look; awaits `last_word` (the
    /// kill switch); then presses and releases. A refusal of any of them is [`Press::NotSent`].
    fn press<C, F>(&mut self, aim: Aim, permit: Permit, check: &C, last_word: F) -> impl Future<Output = Press> + Send
    where
        C: LastCheck,
        F: Future<Output = Result<(), String>> + Send;

    /// The declared write requests so far, in order. Waits, at most `within`, until one that was let through is answered: a page
    /// may say success before its request has left, and closing it then would take the request back half-way.
    fn writes(&self, within: Duration) -> impl Future<Output = Vec<WriteSeen>> + Send;

    /// Requests that were stopped because they would have left the recipe's origins, each told once.
    fn take_stopped(&mut self) -> Vec<StoppedRequest> {
        Vec::new()
    }

    /// Cookies of the whole context, and local storage of the page's own origin, as a storage state.
    fn state(&self) -> impl Future<Output = Result<SessionState, BrowserFault>> + Send;

    /// Ends the context. Never fails: what can not be closed is ended with its process.
    fn close(self) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_of_another_time_is_told() {
        let at = |ahead_ms| Landing { url: "https://x.test/".to_owned(), status: None, retry_after: None, ahead_ms };
        for near in [None, Some(0), Some(60_000), Some(-60_000)] {
            assert_eq!(at(near).of_our_time(), Ok(()));
        }
        let words = |ahead| at(Some(ahead)).of_our_time().map_err(|fault| fault.to_string());
        assert_eq!(
            words(61_000),
            Err("this machine's clock is 61 s ahead of the platform's at https://x.test/".to_owned())
        );
        assert_eq!(
            words(-90_000),
            Err("this machine's clock is 90 s behind the platform's at https://x.test/".to_owned())
        );
    }
}
