//! One tab: navigation, looking, capturing. Reads only; input is in [`crate::input`].
//!
//! Judgement code runs in an isolated world, where the page can not reach it. A document that goes away while it is looked
//! at is looked at again, within the same bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use chromiumoxide_cdp::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide_cdp::cdp::browser_protocol::inspector::EnableParams as EnableInspector;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    AddScriptToEvaluateOnNewDocumentParams, CaptureScreenshotFormat, CaptureScreenshotParams,
    CreateIsolatedWorldParams, EnableParams, EventFileChooserOpened, EventFrameAttached, EventJavascriptDialogOpening,
    EventLifecycleEvent, EventScreencastFrame, HandleJavaScriptDialogParams, NavigateParams,
    SetLifecycleEventsEnabledParams, Viewport,
};
use chromiumoxide_cdp::cdp::browser_protocol::target::{AttachToTargetParams, CreateTargetParams};
use chromiumoxide_cdp::cdp::js_protocol::runtime::{EvaluateParams, ExecutionContextId, RemoteObjectId};
use deed_core::ports::browser::BrowserFault;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};

use crate::film::Screen;
use crate::frames::{Frames, PAGE, auto_attach, split};
use crate::gate::Gate;
use crate::wire::{CALL, Event, SESSION_OVER, Wire};

/// The looking code, and what masks what proof never shows.
const DEED_JS: &str = concat!(include_str!("deed.js"), include_str!("redact.js"));
/// The name of the isolated world.
const WORLD: &str = "deed";
/// Bound of a navigation up to its parsed document.
pub const NAVIGATION: Duration = Duration::from_secs(30);
/// Bound of a screenshot.
const SCREENSHOT: Duration = Duration::from_secs(30);
/// A screenshot may be tried again: the headless shell refuses about one in five hundred.
const SCREENSHOT_TRIES: u32 = 3;

/// How many documents of a tab are remembered. A navigation waits for its own and for those that replace it.
const DOCUMENTS_KEPT: usize = 32;

/// The main frame's documents in the order in which they came, as the tab's events told.
///
/// A history, not the latest one: between two looks at it a page may have replaced its document, or an inner frame have been parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Progress {
    /// Loader, and whether its document is parsed.
    documents: VecDeque<(String, bool)>,
}

impl Progress {
    fn note(&mut self, event: &EventLifecycleEvent, main_frame: &str) {
        if event.frame_id.inner() != main_frame {
            return;
        }
        let (loader, parsed) = (event.loader_id.inner(), event.name == "DOMContentLoaded");
        match self.documents.iter_mut().find(|(known, _)| known == loader) {
            Some((_, was_parsed)) => *was_parsed |= parsed,
            None => self.documents.push_back((loader.clone(), parsed)),
        }
        if self.documents.len() > DOCUMENTS_KEPT {
            self.documents.pop_front();
        }
    }

    /// The loader of the newest document that is parsed.
    fn newest(&self) -> Option<String> {
        self.documents.iter().rev().find(|(_, parsed)| *parsed).map(|(loader, _)| loader.clone())
    }

    /// Whether the loader's document is parsed, or one that replaced it (a page that sends its visitor on while it loads).
    fn arrived(&self, loader: &str) -> bool {
        self.documents.iter().skip_while(|(known, _)| known != loader).any(|(_, parsed)| *parsed)
    }
}

/// One tab.
pub struct Page {
    wire: Wire,
    session: String,
    target: String,
    progress: watch::Receiver<Progress>,
    choosers: watch::Receiver<Option<EventFileChooserOpened>>,
    context: Mutex<Option<ExecutionContextId>>,
    /// Its inner frames of other origins.
    pub(crate) frames: Arc<Frames>,
    /// Who gets the frames of a recording.
    pub(crate) screen: Screen,
}

/// Where looking code runs: an isolated world of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    /// The protocol session that answers for it.
    pub(crate) session: String,
    /// Ends with the document.
    pub(crate) context: ExecutionContextId,
}

/// Asks for the looking code's world in a frame.
pub(crate) fn isolated_world(frame: &str) -> CreateIsolatedWorldParams {
    CreateIsolatedWorldParams { world_name: Some(WORLD.to_owned()), ..CreateIsolatedWorldParams::new(frame.to_owned()) }
}

impl Page {
    /// Opens a blank tab in a context and prepares it.
    pub async fn open(wire: &Wire, gate: &Gate, context: &BrowserContextId) -> Result<Self, BrowserFault> {
        let create =
            CreateTargetParams { browser_context_id: Some(context.clone()), ..CreateTargetParams::new("about:blank") };
        let target = wire.call(None, &create, CALL).await?.target_id;
        let attach = AttachToTargetParams { target_id: target.clone(), flatten: Some(true) };
        let session: String = wire.call(None, &attach, CALL).await?.session_id.into();
        let events = wire.listen(Some(&session));
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (chooser_sender, choosers) = watch::channel(None);
        let main_frame = target.inner().clone();
        let frames = Arc::new(Frames::new(wire.clone(), &main_frame, &session));
        let install = AddScriptToEvaluateOnNewDocumentParams {
            world_name: Some(WORLD.to_owned()),
            ..AddScriptToEvaluateOnNewDocumentParams::new(DEED_JS)
        };
        frames.each_runs(install.clone());
        let screen = Screen::default();
        let tell = Tell {
            progress: progress_sender,
            choosers: chooser_sender,
            wire: wire.clone(),
            main_frame,
            gate: gate.clone(),
            frames: Arc::clone(&frames),
            screen: Arc::clone(&screen),
        };
        tokio::spawn(attend(Arc::new(tell), session.clone(), events));
        let on = Some(session.as_str());
        // In one flight: the answers come in order.
        let inspector = wire.send(on, &EnableInspector::default(), CALL)?;
        let enable = wire.send(on, &EnableParams::default(), CALL)?;
        let lifecycle = wire.send(on, &SetLifecycleEventsEnabledParams::new(true), CALL)?;
        let install = wire.send(on, &install, CALL)?;
        let attach = wire.send(on, &auto_attach(), CALL)?;
        inspector.answer().await?;
        enable.answer().await?;
        lifecycle.answer().await?;
        install.answer().await?;
        attach.answer().await?;
        let target = target.inner().clone();
        Ok(Self { wire: wire.clone(), session, target, progress, choosers, context: Mutex::new(None), frames, screen })
    }

    /// The main frame's id, which is the target's.
    pub fn frame(&self) -> &str {
        &self.target
    }

    /// File choosers that the page opened while they were intercepted.
    pub fn choosers(&self) -> watch::Receiver<Option<EventFileChooserOpened>> {
        self.choosers.clone()
    }

    /// The protocol session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The connection.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Goes to a URL; returns when its document is parsed.
    pub async fn goto(&self, url: &str) -> Result<(), BrowserFault> {
        let mut progress = self.progress.clone();
        self.forget_context();
        let answer = self.wire.call(Some(&self.session), &NavigateParams::new(url), NAVIGATION).await?;
        if let Some(reason) = answer.error_text {
            return Err(BrowserFault::Navigation { url: url.to_owned(), reason });
        }
        // No loader: a move within the document.
        let Some(loader) = answer.loader_id else { return Ok(()) };
        // Asked for while the document is still being parsed.
        let world = self.wire.send(Some(&self.session), &self.world(), CALL)?;
        let parsed = progress.wait_for(|p| p.arrived(loader.inner()));
        match tokio::time::timeout(NAVIGATION, parsed).await.map(|arrived| arrived.map(drop)) {
            Ok(Ok(())) => {
                // One that is of a document that was replaced meanwhile is noticed when it is used.
                let context = world.answer().await.ok().map(|world| world.execution_context_id);
                *self.context.lock().unwrap_or_else(PoisonError::into_inner) = context;
                Ok(())
            }
            Ok(Err(_)) => Err(BrowserFault::Gone(self.wire.gone().unwrap_or_else(|| "the tab is gone".to_owned()))),
            Err(_) => Err(BrowserFault::Timeout { what: format!("opening {url}"), ms: 30_000 }),
        }
    }

    fn world(&self) -> CreateIsolatedWorldParams {
        isolated_world(&self.target)
    }

    /// The next call makes a world of its own when this fault says that there is none any more.
    pub(crate) fn forget_if_gone(&self, fault: &BrowserFault) {
        if document_went_away(fault) {
            self.forget_context();
        }
    }

    fn forget_context(&self) {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn context(&self) -> Result<ExecutionContextId, BrowserFault> {
        let known = *self.context.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known {
            return Ok(id);
        }
        let id = self.wire.call(Some(&self.session), &self.world(), CALL).await?.execution_context_id;
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(id)
    }

    /// The world of the page itself.
    pub(crate) async fn main_world(&self) -> Result<World, BrowserFault> {
        Ok(World { session: self.session.clone(), context: self.context().await? })
    }

    fn evaluation(context: ExecutionContextId, call: &str, by_value: bool) -> EvaluateParams {
        // The world may be younger than the script (about:blank): then the code comes along.
        let expression =
            format!("globalThis.__deed ? __deed.{call} : (() => {{ {DEED_JS}; return __deed.{call}; }})()");
        EvaluateParams {
            context_id: Some(context),
            return_by_value: Some(by_value),
            await_promise: Some(true),
            ..EvaluateParams::new(expression)
        }
    }

    /// Whether the page's world is known, so that a call reaches it in one flight.
    pub(crate) fn knows_its_world(&self) -> bool {
        self.context.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Calls the looking code of the page once: `look({…})`.
    async fn call_once<T: DeserializeOwned>(&self, call: &str, within: Duration) -> Result<T, BrowserFault> {
        let world = self.main_world().await?;
        self.ask(&world, call, within).await
    }

    /// Calls the looking code of a world once.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        world: &World,
        call: &str,
        within: Duration,
    ) -> Result<T, BrowserFault> {
        let (on, context) = (Some(world.session.as_str()), world.context);
        let short = EvaluateParams {
            context_id: Some(context),
            return_by_value: Some(true),
            await_promise: Some(true),
            ..EvaluateParams::new(format!("__deed.{call}"))
        };
        let mut answer = self.wire.call(on, &short, within).await?;
        if answer.exception_details.as_ref().is_some_and(|e| format!("{e:?}").contains("__deed is not defined")) {
            answer = self.wire.call(on, &Self::evaluation(context, call, true), within).await?;
        }
        if let Some(exception) = answer.exception_details {
            let why = exception.exception.and_then(|e| e.description).unwrap_or(exception.text);
            return Err(BrowserFault::Protocol { what: "looking at the page".to_owned(), why });
        }
        let value = answer.result.value.unwrap_or_default();
        serde_json::from_value(value)
            .map_err(|e| BrowserFault::Protocol { what: "looking at the page".to_owned(), why: e.to_string() })
    }

    /// Calls the looking code; a document that goes away meanwhile is asked again, within the same bound. Only for
    /// calls that change nothing.
    pub async fn call<T: DeserializeOwned>(
        &self,
        make: impl Fn(Duration) -> String,
        within: Duration,
    ) -> Result<T, BrowserFault> {
        let started = Instant::now();
        loop {
            let left = within.saturating_sub(started.elapsed());
            match self.call_once(&make(left), left + CALL).await {
                Err(fault) if document_went_away(&fault) && started.elapsed() < within + CALL => {
                    self.forget_context();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                other => return other,
            }
        }
    }

    /// Calls the looking code exactly once, for calls that touch the page (focus, scrolling).
    pub async fn touch<T: DeserializeOwned>(&self, call: &str, within: Duration) -> Result<T, BrowserFault> {
        self.call_once(call, within).await
    }

    /// As [`Page::touch`], in the realm of a node, by whose number there the call is made.
    pub async fn touch_at<T: DeserializeOwned>(
        &self,
        node: u64,
        call: impl FnOnce(u64) -> String,
        within: Duration,
    ) -> Result<T, BrowserFault> {
        let (world, local) = self.world_of(node).await?;
        self.ask(&world, &call(local), within).await
    }

    /// A handle on a node, for protocol commands that need one, and the session that they go to.
    pub async fn object(&self, node: u64) -> Result<(RemoteObjectId, String), BrowserFault> {
        let (world, local) = self.world_of(node).await?;
        let ask = Self::evaluation(world.context, &format!("node({local})"), false);
        let answer = self.wire.call(Some(&world.session), &ask, CALL).await?;
        let object = answer.result.object_id.ok_or_else(|| BrowserFault::InputRefused("it is gone".to_owned()))?;
        Ok((object, world.session))
    }

    /// Whether a node matches a CSS selector; `None` when it is gone.
    pub async fn matches(&self, node: u64, css: &str) -> Result<Option<bool>, BrowserFault> {
        let css = serde_json::to_string(css).unwrap_or_default();
        if split(node).0 != PAGE {
            return self.touch_at(node, |n| format!("node({n})?.matches({css}) ?? null"), CALL).await;
        }
        self.call(|_| format!("node({node})?.matches({css}) ?? null"), CALL).await
    }

    /// PNG of the viewport, or of a part of the page.
    pub async fn screenshot(&self, clip: Option<Viewport>) -> Result<Vec<u8>, BrowserFault> {
        let params = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Png),
            optimize_for_speed: Some(true),
            clip,
            ..CaptureScreenshotParams::default()
        };
        let mut tries = 0;
        let answer = loop {
            tries += 1;
            let mut progress = self.progress.clone();
            let shown = progress.borrow_and_update().newest();
            // One that was asked for while a page went by itself may never be answered: it is asked for again on the next.
            let replaced = async { progress.wait_for(|p| p.newest() != shown).await.is_ok() };
            let asked = self.wire.call(Some(&self.session), &params, SCREENSHOT);
            let answer = tokio::select! {
                biased;
                answer = asked => answer,
                true = replaced, if tries < SCREENSHOT_TRIES => continue,
            };
            match answer {
                Err(BrowserFault::Protocol { .. }) if tries < SCREENSHOT_TRIES => {}
                other => break other?,
            }
        };
        let data: &str = answer.data.as_ref();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|e| BrowserFault::Protocol { what: "the screenshot".to_owned(), why: e.to_string() })
    }
}

/// Whether a document was replaced while it was asked.
pub(crate) fn document_went_away(fault: &BrowserFault) -> bool {
    let BrowserFault::Protocol { why, .. } = fault else { return false };
    [
        "Cannot find context",
        "Execution context was destroyed",
        "navigated or closed",
        "Cannot find execution context",
        "No frame for given id",
        SESSION_OVER,
    ]
    .iter()
    .any(|text| why.contains(text))
}

/// Who hears of a tab's events.
struct Tell {
    progress: watch::Sender<Progress>,
    choosers: watch::Sender<Option<EventFileChooserOpened>>,
    wire: Wire,
    main_frame: String,
    gate: Gate,
    frames: Arc<Frames>,
    screen: Screen,
}

/// The events of a tab, or of a frame in a process of its own. Dialogs are answered at once (a page that asks "really?" gets a no), so
/// that nothing hangs on them.
async fn attend(tell: Arc<Tell>, session: String, mut events: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        match event.method.as_str() {
            "Page.lifecycleEvent" => {
                if let Some(lifecycle) = event.parse::<EventLifecycleEvent>() {
                    tell.progress.send_modify(|p| p.note(&lifecycle, &tell.main_frame));
                }
            }
            "Page.javascriptDialogOpening" => {
                if let Some(dialog) = event.parse::<EventJavascriptDialogOpening>() {
                    let leave = dialog.r#type.as_ref() == "beforeunload";
                    tell.wire.post(Some(&session), &HandleJavaScriptDialogParams::new(leave));
                }
            }
            "Page.fileChooserOpened" => {
                if let Some(opened) = event.parse::<EventFileChooserOpened>() {
                    tell.choosers.send_replace(Some(opened));
                }
            }
            "Page.screencastFrame" => {
                let screen = tell.screen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let (Some(screen), Some(frame)) = (screen, event.parse::<EventScreencastFrame>()) {
                    // Where it is full, the recorder has fallen behind: that frame is left out.
                    let _ = screen.try_send(frame);
                }
            }
            "Inspector.targetCrashed" => tell.wire.crash(&session),
            "Page.frameAttached" => {
                if let Some(attached) = event.parse::<EventFrameAttached>() {
                    tell.gate.adopt_from(attached.frame_id.inner(), attached.parent_frame_id.inner());
                }
            }
            _ => {}
        }
        if let Some(attached) = tell.frames.hear(&session, &event) {
            // Whatever its parent: it is this tab's.
            tell.gate.adopt_from(attached.target_info.target_id.inner(), &tell.main_frame);
            let child: String = attached.session_id.into();
            let events = tell.wire.listen(Some(&child));
            tokio::spawn(attend_frame(Arc::clone(&tell), child.clone(), events));
            tell.frames.prepare(&child);
        }
    }
}

/// As [`attend`], which thereby comes to spawn itself.
fn attend_frame(
    tell: Arc<Tell>,
    session: String,
    events: mpsc::UnboundedReceiver<Event>,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(attend(tell, session, events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(frame: &str, loader: &str, name: &str) -> EventLifecycleEvent {
        EventLifecycleEvent {
            frame_id: frame.to_owned().into(),
            loader_id: loader.to_owned().into(),
            name: name.to_owned(),
            timestamp: chromiumoxide_cdp::cdp::browser_protocol::network::MonotonicTime::new(0.0),
        }
    }

    fn after(events: &[(&str, &str, &str)]) -> Progress {
        let mut progress = Progress::default();
        events.iter().for_each(|(frame, loader, name)| progress.note(&event(frame, loader, name), "main"));
        progress
    }

    #[test]
    fn an_inner_frame_that_is_parsed_right_after_hides_nothing() {
        let progress = after(&[
            ("main", "a", "init"),
            ("main", "a", "DOMContentLoaded"),
            ("inner", "b", "init"),
            ("inner", "b", "DOMContentLoaded"),
        ]);
        assert!(progress.arrived("a"));
    }

    #[test]
    fn an_inner_frame_is_no_arrival() {
        let progress = after(&[("main", "a", "init"), ("inner", "b", "init"), ("inner", "b", "DOMContentLoaded")]);
        assert!(!progress.arrived("a"));
    }

    #[test]
    fn a_document_that_was_replaced_before_it_was_parsed_has_arrived_as_the_other_one() {
        let started = [("main", "old", "DOMContentLoaded"), ("main", "a", "init"), ("main", "b", "init")];
        assert!(!after(&started).arrived("a"), "the one before it does not count");
        assert!(after(&[started.as_slice(), &[("main", "b", "DOMContentLoaded")]].concat()).arrived("a"));
    }

    #[test]
    fn the_history_is_bounded() {
        let mut progress = Progress::default();
        for loader in 0..1000 {
            progress.note(&event("main", &loader.to_string(), "DOMContentLoaded"), "main");
        }
        assert_eq!(progress.documents.len(), DOCUMENTS_KEPT);
        assert!(progress.arrived("999"));
    }
}
