//! One account's context as the episode's [`Session`].
//!
//! Translates between the port and the page; judges nothing. Pacing happens here: a considerate session moves, waits and types like a
//! person who takes care, drawn from the episode's seed.

mod for_tests;
mod tabs;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chromiumoxide_cdp::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide_cdp::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide_cdp::cdp::browser_protocol::network::{CookieParam, CookieSameSite, TimeSinceEpoch};
use chromiumoxide_cdp::cdp::browser_protocol::page::{AddScriptToEvaluateOnNewDocumentParams, Viewport};
use chromiumoxide_cdp::cdp::browser_protocol::storage::SetCookiesParams;
use deed_core::permit::{Permit, Target};
use deed_core::ports::browser::{
    Access, Aim, BrowserFault, Capture, Landing, LastCheck, Look, Need, NodeId, Opening, Press, Seen, Session,
    SessionState, StoppedRequest, WriteSeen,
};
use deed_core::time::Timestamp;
use deed_proofs::ImageHash;
use deed_proofs::film::{Bounds, Developed};
use deed_proofs::scrub::end_of_task;
use deed_recipes::{Key, Locator, Marker};
use futures_util::FutureExt as _;
use serde::Deserialize;

use crate::browser::{Running, Warm};
use crate::film::Recording;
use crate::frames::is_framed;
use crate::input::mouse_click;
use crate::network::Network;
use crate::pace::Pace;
use crate::page::Page;
use crate::pictures::Pictures;
use crate::query::{Query, RawSeen};
use crate::relay::Relay;
use crate::wire::{CALL, Wire};

/// How long a page may take to show that the write was refused, after the network said so.
const REFUSAL_GRACE: Duration = Duration::from_millis(700);
/// How long a picture may take to load.
const PICTURE: Duration = Duration::from_secs(3);
/// How long the pointer follows an element that moves, and how long it waits for it each time.
const FOLLOWED: Duration = Duration::from_secs(5);
const FOLLOWED_EVERY: Duration = Duration::from_millis(50);
/// How often a text is put into a field that does not keep it (an editor that restores old text after a moment).
const TYPE_TRIES: u32 = 3;

/// A context of its own with one tab.
pub struct ChromiumSession {
    pub(crate) running: Arc<Running>,
    pub(crate) context: BrowserContextId,
    /// The context's way to the network; ends with the session.
    relay: Relay,
    pub(crate) page: Arc<Page>,
    pub(crate) pictures: Pictures,
    pub(crate) key: u64,
    pub(crate) opening: Opening,
    pub(crate) pace: Pace,
    pub(crate) network: Network,
    /// What proof never shows, as the page's side reads it.
    pub(crate) masking: Arc<str>,
    recording: Option<Recording>,
    /// When it was opened, by the clock that nobody sets.
    began: Instant,
}

/// An answer of the looking code that may be a refusal: `{"why": "…"}`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Answer<T> {
    // Not `#[serde(flatten)]`: a flattened map with number keys does not deserialize.
    json: serde_json::Value,
    #[serde(skip)]
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T: serde::de::DeserializeOwned> Answer<T> {
    pub fn ok(self, what: &str) -> Result<T, BrowserFault> {
        if let Some(why) = self.json.get("why").and_then(|w| w.as_str()) {
            return Err(BrowserFault::InputRefused(why.to_owned()));
        }
        serde_json::from_value(self.json)
            .map_err(|e| BrowserFault::Protocol { what: what.to_owned(), why: e.to_string() })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Hit {
    pub point: (f64, f64),
}

/// Nothing but that it was done.
#[derive(Debug, Deserialize)]
struct Done {}

#[derive(Debug, Deserialize)]
struct Filled {
    filled: bool,
}

#[derive(Debug, Deserialize)]
struct Scrolled {
    moved: bool,
}

#[derive(Debug, Deserialize)]
struct Focused {
    fold: String,
    multiline: bool,
}

#[derive(Debug, Deserialize)]
struct TextAt {
    text: String,
}

#[derive(Debug, Deserialize)]
struct Picture {
    rect: crate::query::RawRect,
    scroll: (f64, f64),
}

impl ChromiumSession {
    pub(crate) fn new(running: Arc<Running>, warm: Warm, key: u64, opening: Opening, network: Network) -> Self {
        let pace = Pace::new(opening.pacing, &opening.recipe.pacing);
        let pictures = Pictures::new(running.gate.clone(), running.wire.clone(), key);
        let page = Arc::new(warm.page);
        page.frames.look_into(Arc::clone(&opening.recipe));
        let masking = crate::redact::masking(&opening.recipe).into();
        Self {
            running,
            context: warm.context,
            relay: warm.relay,
            page,
            pictures,
            key,
            opening,
            pace,
            network,
            masking,
            recording: None,
            began: Instant::now(),
        }
    }

    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// The time that permits are checked against.
    pub(crate) fn now(&self) -> Timestamp {
        self.network.stage().map_or_else(|| (self.running.now)(), |stage| stage.now())
    }

    /// The commit's locators, which no reversible input may reach.
    pub(crate) fn commit_query(&self) -> Query {
        let recipe = &self.opening.recipe;
        let mut query = Query::new(recipe, &Look::default());
        if let Some(flow) = recipe.flows.get(&self.opening.flow) {
            let locators: Vec<Locator> =
                recipe.elements.get(&flow.commit.click).map(|e| e.locators.clone()).unwrap_or_default();
            query.with_near(recipe, &locators);
            query.commit_locators = locators;
        }
        query
    }

    /// Brings an element into view and the pointer onto it, where a reversible input may go; returns the point. The way there takes
    /// time, in which a page may move what it shows: the pointer follows, for [`FOLLOWED`] at most.
    pub(crate) async fn reversible(&mut self, node: NodeId, what: &str) -> Result<(f64, f64), BrowserFault> {
        self.pictures.idle().await;
        let query = self.commit_query();
        let call = |n| format!("reversible({n}, {})", query.json());
        if is_framed(node.0) {
            let point = self.page.reach(node.0, Some(&query), call).await?.point;
            self.pace.approach(&self.page, point).await?;
            self.page.pointed(node.0).await?;
            return Ok(point);
        }
        let mut point = self.hit(&call(node.0), what).await?;
        let until = Instant::now() + FOLLOWED;
        loop {
            self.pace.approach(&self.page, point).await?;
            let now = self.hit(&call(node.0), what).await?;
            if (now.0 - point.0).abs() < 1.0 && (now.1 - point.1).abs() < 1.0 {
                return Ok(now);
            }
            if Instant::now() > until {
                return Err(BrowserFault::InputRefused("it does not stay in its place".to_owned()));
            }
            tokio::time::sleep(FOLLOWED_EVERY).await;
            point = now;
        }
    }

    /// Where an element of the page itself is hit now.
    async fn hit(&self, call: &str, what: &str) -> Result<(f64, f64), BrowserFault> {
        let answer: Answer<Hit> = self.page.touch(call, CALL).await?;
        Ok(answer.ok(what)?.point)
    }

    /// As [`ChromiumSession::reversible`], for inputs that need no point.
    async fn spared(&self, node: NodeId) -> Result<(), BrowserFault> {
        self.pictures.idle().await;
        let query = self.commit_query();
        let call = |n| format!("spared({n}, {})", query.json());
        let answer: Answer<Done> = self.page.touch_at(node.0, call, CALL).await?;
        answer.ok("the input")?;
        self.page.frames_spared(node.0, &query).await
    }

    /// Copies of files where the browser's user can read them.
    pub(crate) fn staged(&self, files: &[String]) -> Result<Vec<String>, BrowserFault> {
        files.iter().map(|file| self.running.stage(file)).collect()
    }

    /// Looks, and reads what only the driver can read (a cookie that scripts do not see).
    pub(crate) async fn finish(&self, raw: RawSeen) -> Result<Seen, BrowserFault> {
        let mut seen = raw.with_locators(&self.opening.recipe).into_seen();
        if let Some(Marker::Cookie(name)) = &self.opening.recipe.identity.marker {
            seen.marker = crate::storage::cookie(&self.page, &self.context, name).await?;
        }
        if seen.status.is_none() {
            seen.status = self.running.gate.document(self.key).status;
        }
        if let Some(url) = self.running.gate.strayed(self.key) {
            return Err(BrowserFault::ForeignOrigin { url });
        }
        if let Some(stage) = self.network.stage() {
            let commit = self.opening.recipe.flows.get(&self.opening.flow).map(|flow| flow.commit.click.as_str());
            crate::replay::watch(stage.as_ref(), &self.page, &seen, commit).await?;
        }
        Ok(seen)
    }
}

impl Session for ChromiumSession {
    async fn goto(&mut self, url: &str) -> Result<Landing, BrowserFault> {
        let origin = url::Url::parse(url)
            .map_err(|e| BrowserFault::Navigation { url: url.to_owned(), reason: e.to_string() })?;
        if !self.opening.recipe.allows_origin(&origin.origin().ascii_serialization()) {
            return Err(BrowserFault::ForeignOrigin { url: url.to_owned() });
        }
        self.running.gate.forget_strayed(self.key);
        if matches!(self.network, Network::Tape(_)) {
            // Answers that are read for a tape are not held back by the gate.
            self.pictures.idle().await;
        }
        self.pictures.may_leave().await;
        self.running.gate.leaves(self.key, true);
        self.pictures.leaves(true);
        let gone = self.page.goto(url).await;
        self.pictures.leaves(false);
        self.running.gate.leaves(self.key, false);
        // The browser only says that it was blocked; the gate knows where it led.
        if let Some(url) = self.running.gate.strayed(self.key) {
            return Err(BrowserFault::ForeignOrigin { url });
        }
        gone?;
        self.pace.read().await;
        let answer = self.running.gate.document(self.key);
        // The browser may have kept what it was sent since the session began: so much older its date may be. A recorded date says nothing.
        let kept_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let ahead_ms = answer.ahead_ms.filter(|_| self.network.stage().is_none());
        let ahead_ms = ahead_ms.map(|ahead| if ahead > 0 { (ahead - kept_ms).max(0) } else { ahead });
        Ok(Landing { url: url.to_owned(), status: answer.status, retry_after: answer.retry_after, ahead_ms })
    }

    async fn look(&self, look: &Look) -> Result<Seen, BrowserFault> {
        let mut query = Query::new(&self.opening.recipe, look);
        query.commit = self.opening.recipe.flows.get(&self.opening.flow).map(|f| f.commit.click.clone());
        let looking = self.page.look(&query, look.within);
        let raw = if look.until_any.contains(&Need::WriteRefused) {
            let refused = async {
                self.running.gate.wait_refused(self.key).await;
                tokio::time::sleep(REFUSAL_GRACE).await;
            };
            tokio::select! {
                raw = looking => raw?,
                () = refused => self.page.look(&query, Duration::ZERO).await?,
            }
        } else {
            looking.await?
        };
        self.finish(raw).await
    }

    fn capture(&self) -> impl Future<Output = Result<Capture, BrowserFault>> + Send + Sync + 'static {
        let (under_way, page, masking) = (self.pictures.begin(), Arc::clone(&self.page), Arc::clone(&self.masking));
        let mut taking = Box::pin(async move {
            let taken = crate::redact::take(&page, &masking, &under_way).await;
            drop(under_way);
            taken?.masked().await
        });
        // Asked for here and now: behind a navigation, the page would answer only when the next document is shown, and that waits for this.
        let done = taking.as_mut().now_or_never();
        let taking = tokio::spawn(async move {
            match done {
                Some(done) => done,
                None => taking.await,
            }
        });
        async move {
            let not_taken = |why| Err(BrowserFault::Gone(format!("the picture was not taken: {why}")));
            taking.await.unwrap_or_else(|e| not_taken(end_of_task(e.is_panic())))
        }
    }

    fn record(&mut self, bounds: Bounds) {
        self.recording = Some(Recording::begin(Arc::clone(&self.page), Arc::clone(&self.masking), bounds));
    }

    fn recorded(
        &mut self,
        commit_at: Option<Timestamp>,
    ) -> Option<impl Future<Output = Result<Developed, String>> + Send + Sync + 'static> {
        let (recording, now) = (self.recording.take()?, self.now());
        // The tab is closed when its last frame is taken.
        let under_way = self.pictures.begin();
        let ending = tokio::spawn(recording.end(commit_at, now, move || drop(under_way)));
        Some(async move { ending.await.unwrap_or_else(|e| Err(end_of_task(e.is_panic()).to_owned())) })
    }

    async fn image_hash(&mut self, node: NodeId) -> Result<Option<ImageHash>, BrowserFault> {
        let ms = PICTURE.as_millis();
        let answer: Answer<Picture> =
            self.page.touch_at(node.0, |n| format!("picture({n}, {ms})"), PICTURE + CALL).await?;
        let Ok(picture) = answer.ok("the picture") else { return Ok(None) };
        // The place is the page's: what is scrolled within a frame is no part of it.
        let from = if is_framed(node.0) { self.page.offset_on_page(node.0).await? } else { picture.scroll };
        let clip = Viewport {
            x: picture.rect.x + from.0,
            y: picture.rect.y + from.1,
            width: picture.rect.width,
            height: picture.rect.height,
            scale: 1.0,
        };
        let png = self.page.screenshot(Some(clip)).await?;
        Ok(ImageHash::of(&png).ok())
    }

    async fn click(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        let point = self.reversible(node, "the click").await?;
        mouse_click(&self.page, point).await
    }

    async fn hover(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        self.reversible(node, "the pointer").await?;
        self.pace.hold();
        Ok(())
    }

    async fn choose(&mut self, node: NodeId, option: &str) -> Result<(), BrowserFault> {
        self.reversible(node, "choosing").await?;
        let option = serde_json::Value::from(option);
        let answer: Answer<Done> = self.page.touch_at(node.0, |n| format!("choose({n}, {option})"), CALL).await?;
        answer.ok("the choice").map(drop)
    }

    async fn key(&mut self, key: Key, on: Option<NodeId>) -> Result<(), BrowserFault> {
        if let Some(node) = on {
            self.spared(node).await?;
            let focused: Answer<Done> = self.page.touch_at(node.0, |n| format!("focusOnly({n})"), CALL).await?;
            focused.ok("the focus")?;
        }
        self.pictures.idle().await;
        self.page.key_target(&self.commit_query()).await?;
        self.pace.dwell().await;
        crate::input::press_key(&self.page, key).await
    }

    async fn scroll_to(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        self.spared(node).await?;
        let answer: Answer<Done> = self.page.touch_at(node.0, |n| format!("scrollTo({n})"), CALL).await?;
        answer.ok("scrolling")?;
        self.pace.dwell().await;
        Ok(())
    }

    async fn scroll_page(&mut self, within: Option<NodeId>) -> Result<bool, BrowserFault> {
        self.pictures.idle().await;
        let answer: Answer<Scrolled> = match within {
            Some(node) => self.page.touch_at(node.0, |n| format!("scrollPage({n})"), CALL).await?,
            None => self.page.touch("scrollPage(null)", CALL).await?,
        };
        let moved = answer.ok("scrolling")?.moved;
        self.pace.dwell().await;
        Ok(moved)
    }

    async fn type_text(&mut self, node: NodeId, text: &str) -> Result<(), BrowserFault> {
        self.reversible(node, "typing").await?;
        let value = serde_json::Value::from(text);
        let picker: Answer<Filled> = self.page.touch_at(node.0, |n| format!("fill({n}, {value})"), CALL).await?;
        if picker.ok("the field")?.filled {
            return Ok(());
        }
        let wanted = deed_core::judge::text::fold(text);
        for _ in 0..TYPE_TRIES {
            let focused: Answer<Focused> = self.page.touch_at(node.0, |n| format!("focus({n})"), CALL).await?;
            let focused = focused.ok("the focus")?;
            if !focused.fold.is_empty() {
                crate::input::delete_selection(&self.page).await?;
            }
            self.pace.type_text(&self.page, text, focused.multiline).await?;
            let now: Answer<TextAt> = self.page.touch_at(node.0, |n| format!("textAt({n})"), CALL).await?;
            if deed_core::judge::text::fold(&now.ok("the field")?.text) == wanted {
                return Ok(());
            }
        }
        // The review says what is wrong with it, with a picture.
        Ok(())
    }

    async fn upload_by(&mut self, button: NodeId, files: &[String]) -> Result<(), BrowserFault> {
        crate::chooser::upload_by(self, button, files).await
    }

    async fn upload(&mut self, node: NodeId, files: &[String]) -> Result<(), BrowserFault> {
        self.spared(node).await?;
        let staged = self.staged(files)?;
        let (object, on) = self.page.object(node.0).await?;
        let set = SetFileInputFilesParams { object_id: Some(object), ..SetFileInputFilesParams::new(staged) };
        self.page.wire().call(Some(&on), &set, CALL).await?;
        self.pace.dwell().await;
        Ok(())
    }

    async fn aim(&mut self, node: NodeId, target: Target) -> Result<Aim, BrowserFault> {
        self.pictures.idle().await;
        crate::press::aim(self, node, target).await
    }

    async fn press<C, F>(&mut self, aim: Aim, permit: Permit, check: &C, last_word: F) -> Press
    where
        C: LastCheck,
        F: Future<Output = Result<(), String>> + Send,
    {
        crate::press::press(self, aim, permit, check, last_word).await
    }

    async fn writes(&self, within: Duration) -> Vec<WriteSeen> {
        self.running.gate.wait_answered(self.key, within).await;
        self.running.gate.writes(self.key)
    }

    fn take_stopped(&mut self) -> Vec<StoppedRequest> {
        self.running.gate.take_stopped(self.key)
    }

    async fn state(&self) -> Result<SessionState, BrowserFault> {
        crate::storage::read(&self.page, &self.context).await
    }

    async fn close(self) {
        if self.opening.access == Access::Write {
            // When this returns it is told that the press is over: from here on nothing of it may leave, whatever is still tidied up.
            self.running.gate.close_session(self.key);
            self.relay.cut().await;
        }
        // Nobody waits for its last pictures but the one who asked for them.
        tokio::spawn(async move {
            self.pictures.idle().await;
            drop(self);
        });
    }
}

impl Drop for ChromiumSession {
    fn drop(&mut self) {
        if self.opening.access == Access::Write {
            self.running.writes_no_more();
        }
        self.running.gate.close_session(self.key);
        self.page.frames.forget(self.page.session());
        self.page.wire().forget(self.page.session());
        self.running.dispose(self.context.clone());
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageState {
    #[serde(default)]
    cookies: Vec<Cookie>,
    #[serde(default)]
    origins: Vec<Origin>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    path: String,
    /// Seconds since 1970; -1: a session cookie.
    #[serde(default)]
    expires: Option<f64>,
    #[serde(default)]
    http_only: bool,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    same_site: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Origin {
    origin: String,
    #[serde(default)]
    local_storage: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    value: String,
}

/// Puts a stored session into a context: cookies at once, local storage when a page of the origin opens.
pub(crate) async fn inject(
    wire: &Wire,
    context: &BrowserContextId,
    page: &Page,
    state: &SessionState,
) -> Result<(), BrowserFault> {
    // The text is a secret: serde's message could quote it, so only the place is told.
    let state: StorageState = serde_json::from_str(state.expose()).map_err(|e| BrowserFault::Protocol {
        what: "the stored session".to_owned(),
        why: format!("not a storage state (line {}, column {})", e.line(), e.column()),
    })?;
    let cookies: Vec<_> = state.cookies.into_iter().map(cookie_param).collect();
    // An empty list is left out of the message, and then the browser refuses it.
    if !cookies.is_empty() {
        let set = SetCookiesParams { cookies, browser_context_id: Some(context.clone()) };
        wire.call(None, &set, CALL).await?;
    }
    let entries: BTreeMap<_, Vec<(String, String)>> = state
        .origins
        .into_iter()
        .filter(|o| !o.local_storage.is_empty())
        .map(|o| (o.origin, o.local_storage.into_iter().map(|e| (e.name, e.value)).collect()))
        .collect();
    if !entries.is_empty() {
        let json = serde_json::to_string(&entries)
            .map_err(|e| BrowserFault::Protocol { what: "the stored session".to_owned(), why: e.to_string() })?;
        let script = format!(
            "(() => {{ for (const [k, v] of ({json})[location.origin] ?? []) if (localStorage.getItem(k) === null) localStorage.setItem(k, v); }})()"
        );
        let script = AddScriptToEvaluateOnNewDocumentParams::new(script);
        page.frames.each_runs(script.clone());
        wire.call(Some(page.session()), &script, CALL).await?;
    }
    Ok(())
}

fn cookie_param(cookie: Cookie) -> CookieParam {
    CookieParam {
        domain: Some(cookie.domain),
        path: Some(cookie.path),
        secure: Some(cookie.secure),
        http_only: Some(cookie.http_only),
        same_site: cookie.same_site.and_then(|s| match s.as_str() {
            "Strict" => Some(CookieSameSite::Strict),
            "Lax" => Some(CookieSameSite::Lax),
            "None" => Some(CookieSameSite::None),
            _ => None,
        }),
        expires: cookie.expires.filter(|e| *e > 0.0).map(TimeSinceEpoch::new),
        ..CookieParam::new(cookie.name, cookie.value)
    }
}
