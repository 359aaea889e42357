//! The browser: contexts, tabs, looks and inputs. It promises what the real port promises: a permit is consumed by one press, no
//! reversible input reaches a commit element, a declared write leaves only by the gate, and every call ends.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use deed_core::ids::WorkerId;
use deed_core::permit::{Permit, Slot, Target, WORD_HOLDS};
use deed_core::ports::browser::{
    Access, Aim, Browser, BrowserFault, Capture, GateVerdict, Landing, LastCheck, Look, Need, NodeId, Opening, Press,
    Rect, Seen, Session, SessionState, WriteSeen,
};
use deed_core::time::Timestamp;
use deed_proofs::ImageHash;
use deed_proofs::film::{Bounds, Developed};
use deed_recipes::{ChallengeKind, Key};

use crate::luck::{Drift, Led, Luck, PageFault, Profile};
use crate::page::{Age, BASE, Doc, View};
use crate::platform::Request;
use crate::scripted::{Done, LIVE};
use crate::setting::Avatar;
use crate::sim::Process;
use crate::stage::{Fortune, Stage, lock};

/// The browser of one process.
#[derive(Clone)]
pub struct SimBrowser {
    pub(crate) stage: Arc<Stage>,
    pub(crate) process: Process,
    /// How often it was ended and begun again.
    ended: Arc<Mutex<u64>>,
}

/// How often somebody who wants to switch the account looks whether a write is leaving just now.
const SWITCH_TRIES: u32 = 20;

/// What is behind a tab, also for what the tab set off.
pub struct Tab {
    pub(crate) stage: Arc<Stage>,
    pub(crate) process: Process,
    pub(crate) opening: Opening,
    pub(crate) cookie: String,
    pub(crate) luck: Luck,
    pub(crate) state: Mutex<TabState>,
    born: u64,
    ended: Arc<Mutex<u64>>,
    me: Weak<Self>,
}

/// What changes in a tab.
#[derive(Default)]
pub struct TabState {
    pub(crate) doc: Option<Doc>,
    pub(crate) loads: u64,
    pub(crate) calls: u32,
    pub(crate) closed: bool,
    pub(crate) crashed: bool,
    pub(crate) slot: Slot,
    records: bool,
    pub(crate) writes: Vec<WriteSeen>,
    /// What it was told that it made.
    pub(crate) made: Option<Request>,
    pub(crate) restores: u32,
    pub(crate) restored_late: bool,
    switched: bool,
    pub(crate) swapped: bool,
    pub(crate) pressed: Option<Pressed>,
}

/// The press.
pub(crate) struct Pressed {
    /// When.
    pub(crate) at: Timestamp,
    /// Whose session it was, where the server can be asked.
    pub(crate) marker: Option<String>,
}

/// One context with one tab.
pub struct SimSession {
    pub(crate) tab: Arc<Tab>,
}

impl SimBrowser {
    /// Of a process.
    pub fn new(stage: &Arc<Stage>, process: Process) -> Self {
        let ended = Arc::clone(lock(&stage.platform).browsers.entry(process).or_default());
        Self { stage: Arc::clone(stage), process, ended }
    }

    /// Whether a look at what became of a write is an old one: now and then, and never two that are kept of the same
    /// episode after each other, for that is what agreeing reads are for. One replica may be behind for one read; a
    /// platform that shows old things for longer than its settle window is no platform of the recipe's.
    fn sees_old(&self, luck: Luck, opening: &Opening) -> Luck {
        let drawn = match self.stage.luck {
            Fortune::Drawn(often) => lock(&self.stage.replicas).chance(often),
            Fortune::Fixed(_) | Fortune::First(..) => luck.old_read,
        };
        let mut log = lock(&self.stage.log);
        let looks = log.looks.entry(opening.episode.to_string()).or_default();
        looks.is_old = drawn && !looks.was_old;
        looks.was_old |= looks.is_old;
        Luck { old_read: looks.is_old, ..luck }
    }
}

/// The process of a worker, by its name.
pub fn process_of(worker: &WorkerId) -> Option<Process> {
    worker.as_str().strip_prefix('w')?.parse().ok()
}

impl Browser for SimBrowser {
    type Session = SimSession;

    async fn open(&self, opening: &Opening) -> Result<SimSession, BrowserFault> {
        let sim = &self.stage.sim;
        sim.passing(self.process, "opens a session").await;
        let reads = opening.access == Access::ReadOnly;
        let luck = match self.stage.luck {
            // A session that only reads meets its own troubles, and fewer.
            Fortune::Drawn(often) => sim.dice(|d| Luck::draw(&mut d.split(), if reads { often / 4 } else { often })),
            Fortune::First(most, _) if lock(&self.stage.log).episodes > most => Luck::default(),
            Fortune::Fixed(luck) | Fortune::First(_, luck) => luck,
        };
        let luck = if reads { self.sees_old(luck.of_a_reader(), opening) } else { luck };
        let cookie = cookie_of(&opening.session);
        sim.tell(
            &format!("p{}", self.process),
            if reads { "opens a session that only reads" } else { "opens a session" },
            || {
                let words = luck.words();
                let words = if words.is_empty() { "nothing goes wrong".to_owned() } else { words };
                format!("session {cookie} for {}; {words}", opening.flow)
            },
        );
        sim.passing(self.process, "opened a session").await;
        let born = *lock(&self.ended);
        let state = TabState { restores: luck.restores, ..TabState::default() };
        if luck.profile != Profile::Right {
            lock(&self.stage.platform).switch(&cookie);
        }
        let tab = Arc::new_cyclic(|me| Tab {
            me: Weak::clone(me),
            stage: Arc::clone(&self.stage),
            process: self.process,
            opening: opening.clone(),
            cookie,
            luck,
            state: Mutex::new(state),
            born,
            ended: Arc::clone(&self.ended),
        });
        Ok(SimSession { tab })
    }

    fn version(&self) -> String {
        "simulated/1".to_owned()
    }

    async fn end_of_worker(&self, worker: &WorkerId, stalled: bool) -> Result<(), BrowserFault> {
        let sim = &self.stage.sim;
        sim.point(self.process, "ends an old browser").await;
        // A browser on another machine is nothing that is known here.
        if let Some(other) = process_of(worker).filter(|p| sim.machine(*p) == sim.machine(self.process)) {
            if !stalled && !sim.crashed(other) {
                return Err(BrowserFault::Launch(format!("runner {worker} lives; its browser is not touched")));
            }
            let ended = Arc::clone(lock(&self.stage.platform).browsers.entry(other).or_default());
            *lock(&ended) += 1;
        }
        sim.passing(self.process, "ended an old browser").await;
        Ok(())
    }
}

/// The value of the one cookie of a storage state.
fn cookie_of(session: &SessionState) -> String {
    let state: serde_json::Value = serde_json::from_str(session.expose()).unwrap_or_default();
    state["cookies"][0]["value"].as_str().unwrap_or_default().to_owned()
}

impl Tab {
    /// Whether nothing of it can leave any more: closed, its browser ended, or its process gone.
    pub(crate) fn is_shut(&self) -> bool {
        self.stage.sim.crashed(self.process) || lock(&self.state).closed || *lock(&self.ended) != self.born
    }

    /// Itself, for what it sets off.
    pub(crate) fn shared(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// Writes down what was done in it.
    fn tell(&self, what: &'static str, words: impl FnOnce() -> String) {
        self.stage.sim.tell(&format!("p{}", self.process), what, words);
    }

    /// One call of the browser: it takes a while, and here the page's troubles come up.
    async fn call(&self, what: &'static str) -> Result<(), BrowserFault> {
        let sim = &self.stage.sim;
        sim.passing(self.process, what).await;
        let number = {
            let mut state = lock(&self.state);
            state.calls += 1;
            state.calls
        };
        if *lock(&self.ended) != self.born {
            return Err(BrowserFault::Gone("it was ended by another runner".to_owned()));
        }
        if lock(&self.state).crashed {
            return Err(BrowserFault::TabCrashed);
        }
        let luck = self.luck;
        if luck.switched.is_some_and(|at| number >= at) && !std::mem::replace(&mut lock(&self.state).switched, true) {
            self.switch();
        }
        if luck.sneaks == Some(number) {
            crate::press::request_later(self, 5, "by itself");
        }
        match luck.page {
            Some((at, fault)) if at == number => self.strike(fault),
            _ => Ok(()),
        }
    }

    /// Somebody else is signed in, in another window: now, or as soon as nothing is leaving, so that a write that comes late meets it.
    fn switch(&self) {
        let Some(tab) = self.shared() else { return };
        let sim = self.stage.sim.clone();
        let switched = |tab: &Self| {
            lock(&tab.stage.platform).switch(&tab.cookie);
            tab.stage.sim.tell("platform", "another account is signed in", || format!("session {}", tab.cookie));
        };
        if !tab.is_leaving() {
            return switched(&tab);
        }
        sim.clone().spawn(None, async move {
            for _ in 0..SWITCH_TRIES {
                sim.sleep_ms(sim.dice(|d| d.between(100, 3_000))).await;
                if !tab.is_leaving() {
                    return switched(&tab);
                }
            }
        });
    }

    /// While a request is under way nobody can see who the server takes it to be from, and right after the press its
    /// last word is believed: those moments are no part of what is promised.
    fn is_leaving(&self) -> bool {
        let state = lock(&self.state);
        let just_pressed = |pressed: &Pressed| self.stage.sim.now() < pressed.at.plus(WORD_HOLDS);
        let under_way = |w: &WriteSeen| w.verdict == GateVerdict::LetThrough && w.status.is_none() && !w.cut;
        state.pressed.as_ref().is_some_and(just_pressed) || state.writes.iter().any(under_way)
    }

    fn strike(&self, fault: PageFault) -> Result<(), BrowserFault> {
        self.stage.sim.tell("platform", "trouble", || fault.words().to_owned());
        let mut state = lock(&self.state);
        let mut put = |kind, wait| {
            if let Some(doc) = &mut state.doc {
                doc.challenge(kind, wait);
            }
            Ok(())
        };
        match fault {
            PageFault::Captcha => put(ChallengeKind::Captcha, None),
            PageFault::Checkpoint => put(ChallengeKind::Checkpoint, None),
            PageFault::SignedOut => put(ChallengeKind::LoggedOut, None),
            PageFault::RateLimit => put(ChallengeKind::RateLimit, Some(120)),
            PageFault::ServerError => {
                if let Some(doc) = &mut state.doc {
                    doc.status = 503;
                }
                Ok(())
            }
            PageFault::NotThere => {
                Err(BrowserFault::Navigation { url: "it".to_owned(), reason: "net::ERR_CONNECTION_REFUSED".to_owned() })
            }
            PageFault::Timeout => Err(BrowserFault::Timeout { what: "the page".to_owned(), ms: 30_000 }),
            PageFault::TabCrash => {
                state.crashed = true;
                Err(BrowserFault::TabCrashed)
            }
            PageFault::BrowserGone => {
                drop(state);
                *lock(&self.ended) += 1;
                Err(BrowserFault::Gone("killed".to_owned()))
            }
        }
    }

    fn commit_element(&self) -> &str {
        self.opening.recipe.flows.get(&self.opening.flow).map_or("", |f| f.commit.click.as_str())
    }

    fn signed_in(&self) -> Option<String> {
        lock(&self.stage.platform).signed_in(&self.cookie).map(crate::platform::Member::marker)
    }

    /// What stands there now.
    pub(crate) fn see(&self, look: &Look) -> Seen {
        let now = self.stage.sim.now_ms();
        let state = lock(&self.state);
        let Some(doc) = &state.doc else { return Seen::default() };
        let mut seen = Seen {
            url: doc.url.clone(),
            status: Some(doc.status),
            marker: if self.opening.recipe.elements.contains_key(LIVE) { self.signed_in() } else { doc.marker.clone() },
            toasts: doc.toasts.clone(),
            challenges: doc.challenge.iter().cloned().collect(),
            ..Seen::default()
        };
        let named = look
            .elements
            .iter()
            .map(String::as_str)
            .chain(look.until.iter().chain(&look.until_any).filter_map(element_of));
        let luck = if state.swapped { Luck { drift: Some(Drift::Swapped), ..self.luck } } else { self.luck };
        for element in named {
            if !seen.votes.contains_key(element) {
                let (votes, nodes) = doc.votes(&self.opening.recipe, element, self.commit_element(), now, &luck);
                seen.votes.insert(element.to_owned(), votes);
                seen.nodes.extend(nodes);
            }
        }
        if look.items_of.is_some() && now >= doc.ready_at && doc.challenge.is_none() && doc.status < 400 {
            let list = self.opening.recipe.surfaces.get(look.items_of.as_deref().unwrap_or_default());
            let listed = match list.and_then(|surface| surface.items.as_ref()).filter(|_| doc.scrolls) {
                Some(l) => doc.done.in_view(&doc.items, l.id_attribute.is_some(), l.permalink.is_some(), now),
                None => doc.items.clone(),
            };
            seen.items = Some(listed.into_iter().take(look.items_max).collect());
        }
        let holds = |need: &Need| holds(need, &seen, &state.writes);
        seen.satisfied =
            look.until.iter().all(holds) && (look.until_any.is_empty() || look.until_any.iter().any(holds));
        if look.confirm.is_some() {
            seen.home_silent = self.luck.home_silent;
            seen.marker_at_home = if seen.home_silent { None } else { self.signed_in() };
        }
        seen
    }

    /// A reversible input: never on the commit element.
    async fn input(&self, node: NodeId, what: &'static str) -> Result<String, BrowserFault> {
        self.call(what).await?;
        let state = lock(&self.state);
        let element = state.doc.as_ref().and_then(|d| d.element(&self.opening.recipe, node));
        match element {
            Some(element) if element == self.commit_element() => {
                Err(BrowserFault::InputRefused(format!("`{element}` is a commit")))
            }
            Some(element) => {
                self.tell(what, || element.to_owned());
                Ok(element.to_owned())
            }
            None => Err(BrowserFault::InputRefused("it is gone".to_owned())),
        }
    }

    /// A challenge was shown to who may write. A rate limit asks to wait, and for nothing else.
    fn was_challenged(&self, kind: ChallengeKind) {
        if kind != ChallengeKind::RateLimit && self.opening.access == Access::Write {
            lock(&self.stage.log).challenged.insert(self.opening.episode.to_string());
        }
    }

    /// Whether a page of the platform is shown as who must not write there any more: for the checkers.
    pub(crate) fn challenged(&self) -> bool {
        lock(&self.state).doc.as_ref().is_some_and(|d| d.challenge.is_some())
    }
}

fn element_of(need: &Need) -> Option<&str> {
    match need {
        Need::Visible(e)
        | Need::Present(e)
        | Need::Count(e, _)
        | Need::Gone(e)
        | Need::Enabled(e)
        | Need::Checked(e, _) => Some(e),
        Need::Toast(_) | Need::Path(_) | Need::WriteRefused => None,
    }
}

fn holds(need: &Need, seen: &Seen, writes: &[WriteSeen]) -> bool {
    let facts = |e: &str| seen.votes.get(e).and_then(|votes| seen.nodes.get(votes.first()?.nodes.first()?));
    let count = |e: &str| seen.votes.get(e).into_iter().flatten().map(|v| v.nodes.len()).max().unwrap_or(0);
    match need {
        Need::Visible(e) | Need::Present(e) => count(e) > 0,
        Need::Enabled(e) => facts(e).is_some_and(|f| f.enabled),
        Need::Checked(e, on) => facts(e).is_some_and(|f| f.checked == Some(*on)),
        Need::Count(e, n) => count(e) >= *n,
        Need::Gone(e) => count(e) == 0,
        Need::Toast(text) => seen.toasts.iter().any(|t| t.eq_ignore_ascii_case(text)),
        Need::Path(_) => false,
        Need::WriteRefused => {
            writes.iter().any(|w| w.verdict == GateVerdict::LetThrough && (w.cut || w.status.is_some_and(|s| s >= 400)))
        }
    }
}

/// What another picture comes to: it shares half of its bits with the right one.
const ANOTHER_PICTURE: &str = "0ff00ff00ff00ff0";

/// What the picture of every account comes to.
pub(crate) fn picture() -> Option<ImageHash> {
    "00ff00ff00ff00ff".parse().ok()
}

impl SimSession {
    fn done(&self, what: impl FnOnce(&mut Done)) {
        if let Some(doc) = &mut lock(&self.tab.state).doc {
            what(&mut doc.done);
        }
    }
}

impl Session for SimSession {
    async fn goto(&mut self, url: &str) -> Result<Landing, BrowserFault> {
        let tab = &self.tab;
        {
            let age = match tab.opening.access {
                Access::Write if tab.luck.stale_list => Age::OldLists,
                Access::ReadOnly if tab.luck.old_read => Age::Old,
                Access::Write | Access::ReadOnly => Age::Fresh,
            };
            let now = tab.stage.sim.now_ms();
            let platform = lock(&tab.stage.platform);
            let signed_in = platform.sessions.get(&tab.cookie).copied().flatten();
            let mut state = lock(&tab.state);
            state.loads += 1;
            let number = state.loads;
            let led = match tab.opening.access {
                Access::Write => Led::Actor,
                Access::ReadOnly => Led::Reader,
            };
            let elsewhere = (tab.luck.led == led).then(|| platform.elsewhere(url, signed_in)).flatten();
            let mut doc =
                Doc::load(number, elsewhere.as_deref().unwrap_or(url), now, &platform, signed_in, &tab.luck, age);
            if let (Some(made), Some(by)) = (&state.made, platform.signed_in(&tab.cookie)) {
                doc.remember(made, &by.handle, now);
            }
            let mut lists = tab.opening.recipe.surfaces.values().filter_map(|surface| surface.items.as_ref());
            doc.pictured = !matches!(tab.stage.avatar, None | Some(Avatar::Gone));
            doc.scrolls = matches!(doc.view, View::Feed(_)) && lists.any(|items| items.scrolls);
            state.doc = Some(doc);
        }
        tab.tell("goes to", || url.strip_prefix(BASE).unwrap_or(url).to_owned());
        tab.call("opens a page").await?;
        let state = lock(&tab.state);
        let (status, limited) = state.doc.as_ref().map_or((None, false), |d| {
            (Some(d.status), d.challenge.as_ref().is_some_and(|c| c.kind == ChallengeKind::RateLimit))
        });
        let retry_after = limited.then_some(Duration::from_secs(120));
        Ok(Landing {
            url: url.to_owned(),
            status: if limited { Some(429) } else { status },
            retry_after,
            ahead_ms: Some(tab.stage.sim.ahead_ms()),
        })
    }

    async fn look(&self, look: &Look) -> Result<Seen, BrowserFault> {
        let tab = &self.tab;
        tab.call("looks").await?;
        let sim = &tab.stage.sim;
        let until = sim.now_ms() + i64::try_from(look.within.as_millis()).unwrap_or(i64::MAX);
        let mut pause = 100;
        loop {
            let seen = tab.see(look);
            if seen.satisfied || !seen.challenges.is_empty() || sim.now_ms() >= until {
                if let Some(challenge) = seen.challenges.first() {
                    tab.tell("meets a challenge", || challenge.detector.clone());
                    tab.was_challenged(challenge.kind);
                }
                return Ok(seen);
            }
            sim.sleep_until((sim.now_ms() + pause).min(until).max(sim.paused_until(tab.process))).await;
            pause = (pause * 2).min(2_000);
            if *lock(&tab.ended) != tab.born {
                return Err(BrowserFault::Gone("it was ended".to_owned()));
            }
        }
    }

    fn capture(&self) -> impl Future<Output = Result<Capture, BrowserFault>> + Send + Sync + 'static {
        let number = lock(&self.tab.state).loads;
        std::future::ready(Ok(Capture { png: vec![0x89], html: format!("<p>{number}"), masked: Vec::new() }))
    }

    fn record(&mut self, _: Bounds) {
        lock(&self.tab.state).records = true;
    }

    fn recorded(
        &mut self,
        commit_at: Option<Timestamp>,
    ) -> Option<impl Future<Output = Result<Developed, String>> + Send + Sync + 'static> {
        let recorded = std::mem::take(&mut lock(&self.tab.state).records);
        let film = || Developed { webm: vec![0x1a], frames: 2, duration_ms: 900, commit_at_ms: commit_at.map(|_| 700) };
        recorded.then(|| std::future::ready(Ok(film())))
    }

    async fn image_hash(&mut self, _: NodeId) -> Result<Option<ImageHash>, BrowserFault> {
        self.tab.call("looks at a picture").await?;
        Ok(match self.tab.stage.avatar {
            Some(Avatar::Right) => picture(),
            Some(Avatar::Other) => ANOTHER_PICTURE.parse().ok(),
            Some(Avatar::Unloaded | Avatar::Gone) | None => None,
        })
    }

    async fn click(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        let element = self.tab.input(node, "clicks").await?;
        let opened = match element.as_str() {
            "account_menu" => "account_menu",
            "edit_button" => "edit_button",
            "delete_button" => "delete_button",
            "welcome_dismiss" => "dismissed",
            other => {
                self.done(|done| done.click(other));
                return Ok(());
            }
        };
        if let Some(doc) = &mut lock(&self.tab.state).doc {
            doc.open.push(opened);
        }
        Ok(())
    }

    async fn hover(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        self.tab.input(node, "hovers").await?;
        self.done(Done::hover);
        Ok(())
    }

    async fn choose(&mut self, node: NodeId, option: &str) -> Result<(), BrowserFault> {
        self.tab.input(node, "chooses").await?;
        self.done(|done| done.choose(option));
        Ok(())
    }

    async fn key(&mut self, _: Key, _: Option<NodeId>) -> Result<(), BrowserFault> {
        self.tab.call("presses a key").await?;
        self.done(Done::key);
        Ok(())
    }

    async fn scroll_to(&mut self, node: NodeId) -> Result<(), BrowserFault> {
        self.tab.input(node, "scrolls").await.map(drop)
    }

    async fn scroll_page(&mut self, _: Option<NodeId>) -> Result<bool, BrowserFault> {
        self.tab.call("scrolls a page").await?;
        let now = self.tab.stage.sim.now_ms();
        let mut state = lock(&self.tab.state);
        Ok(state.doc.as_mut().is_some_and(|doc| doc.done.scroll(doc.scrolls.then_some(doc.items.len()), now)))
    }

    async fn type_text(&mut self, node: NodeId, text: &str) -> Result<(), BrowserFault> {
        let element = self.tab.input(node, "types").await?;
        let mut state = lock(&self.tab.state);
        let restored = state.restores > 0;
        state.restores = state.restores.saturating_sub(1);
        let now = if restored { format!("{text} and last week's draft") } else { text.to_owned() };
        if let Some(doc) = &mut state.doc {
            doc.fields.insert(element, now);
        }
        Ok(())
    }

    async fn upload(&mut self, node: NodeId, files: &[String]) -> Result<(), BrowserFault> {
        self.tab.input(node, "gives files").await?;
        let now = self.tab.stage.sim.now_ms();
        if let Some(doc) = &mut lock(&self.tab.state).doc {
            doc.uploads += files.len();
            doc.uploaded_at = now;
        }
        Ok(())
    }

    async fn upload_by(&mut self, button: NodeId, files: &[String]) -> Result<(), BrowserFault> {
        self.upload(button, files).await
    }

    async fn aim(&mut self, node: NodeId, target: Target) -> Result<Aim, BrowserFault> {
        self.tab.call("aims").await?;
        self.tab.tell("aims at", || target.element.clone());
        self.tab.stage.sim.sleep_ms(150).await;
        let rect = Rect { x: 10.0, y: 10.0, width: 80.0, height: 8.0 };
        Ok(Aim { node, target, rect, point: (50.0, 14.0) })
    }

    async fn press<C, F>(&mut self, aim: Aim, permit: Permit, check: &C, last_word: F) -> Press
    where
        C: LastCheck,
        F: Future<Output = Result<(), String>> + Send,
    {
        crate::press::press(self, aim, permit, check, last_word).await
    }

    async fn writes(&self, within: Duration) -> Vec<WriteSeen> {
        let sim = &self.tab.stage.sim;
        sim.passing(self.tab.process, "reads the writes").await;
        let begun = sim.now_ms();
        loop {
            let writes = lock(&self.tab.state).writes.clone();
            let (mut came, mut open) = (false, false);
            for write in writes.iter() {
                let through = write.verdict == GateVerdict::LetThrough;
                came |= through;
                open |= through && !write.cut && write.status.is_none();
            }
            // When none has come at all, only a moment.
            let bound = if came { i64::try_from(within.as_millis()).unwrap_or(0) } else { 3_000 };
            let answered = came && !open;
            if answered || sim.now_ms() >= begun + bound {
                return writes;
            }
            sim.sleep_ms(250).await;
        }
    }

    async fn state(&self) -> Result<SessionState, BrowserFault> {
        self.tab.call("reads the session").await?;
        Ok(self.tab.opening.session.clone())
    }

    async fn close(self) {
        lock(&self.tab.state).closed = true;
        self.tab.stage.sim.passing(self.tab.process, "closes a session").await;
    }
}

impl Drop for SimSession {
    fn drop(&mut self) {
        lock(&self.tab.state).closed = true;
    }
}

impl Luck {
    /// What of it meets a session that only reads: troubles of pages, never of who is signed in.
    #[must_use]
    pub fn of_a_reader(self) -> Self {
        let page = self.reader_page.or(self.page).filter(|(_, fault)| !matches!(fault, PageFault::BrowserGone));
        Self { page, sneaks: self.sneaks, old_read: self.old_read, led: self.led, ..Self::default() }
    }
}

/// The object or the person that a page is about.
pub(crate) fn target_of(view: &View) -> String {
    match view {
        View::Object(id) => id.clone(),
        View::Thread(whom) | View::Profile(whom) => whom.clone(),
        _ => String::new(),
    }
}
