//! One running Chromium, shared by the accounts of a runner, each in a context of its own.
//!
//! Owns the process, its heartbeat, the gate and a small store of warm contexts (a context costs 60 to 150 ms to make). A browser that
//! does not answer within its heartbeat is declared gone, and every pending call fails at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::browser::{BrowserContextId, GetVersionParams};
use chromiumoxide_cdp::cdp::browser_protocol::fetch::EventRequestPaused;
use chromiumoxide_cdp::cdp::browser_protocol::target::{
    CreateBrowserContextParams, DisposeBrowserContextParams, EventTargetCreated, SetDiscoverTargetsParams,
};
use deed_core::ids::WorkerId;
use deed_core::ports::browser::{Access, Browser, BrowserFault, Opening};
use deed_core::time::Timestamp;
use tokio::sync::Mutex as AsyncMutex;

use crate::gate::{Gate, Side};
use crate::launch::{self, Home, LaunchConfig, Runners};
use crate::network::Network;
use crate::page::Page;
use crate::relay::{Reach, Relay};
use crate::session::{ChromiumSession, inject};
use crate::wire::{CALL, Event, Wire};

/// How often the browser is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const HEARTBEAT_WITHIN: Duration = Duration::from_secs(4);
/// How long it may take to start. A cold disk takes seconds.
const START_WITHIN: Duration = Duration::from_secs(30);

/// What time it is; handed in, so that a test may turn it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a browser is had.
#[derive(Clone)]
pub struct ChromiumConfig {
    /// How it is started.
    pub launch: LaunchConfig,
    /// Where runners register, and as which.
    pub runner: Option<(Runners, WorkerId)>,
    /// The clock that permits are checked against.
    pub now: Now,
}

/// Chromium, started when it is first needed and again when it is gone.
pub struct Chromium {
    config: ChromiumConfig,
    running: AsyncMutex<Option<Arc<Running>>>,
    version: Mutex<String>,
    /// Whether every request passes the gate, not only those that can carry a write.
    all_requests: bool,
    /// Contexts kept ready beyond those that the running episodes verify in.
    spare: usize,
}

/// A browser process and what belongs to it.
pub struct Running {
    /// The connection.
    pub wire: Wire,
    /// The network gate.
    pub gate: Gate,
    /// The clock.
    pub now: Now,
    home: Home,
    group: i32,
    _guard: launch::GuardHandle,
    warm: Mutex<VecDeque<Warm>>,
    /// Contexts that are being made.
    making: AtomicUsize,
    /// Sessions that may write and are open: each is followed by one that verifies.
    writing: AtomicUsize,
    next_session: AtomicU64,
}

/// A context with its tab, not yet anybody's.
pub struct Warm {
    /// The context.
    pub context: BrowserContextId,
    /// Its tab.
    pub page: Page,
    /// Its way to the network.
    pub relay: Relay,
}

impl Chromium {
    /// Prepares; nothing is started yet.
    pub fn new(config: ChromiumConfig) -> Self {
        Self::made(config, false)
    }

    /// A browser whose every request can be put onto a tape.
    pub fn recording(config: ChromiumConfig) -> Self {
        Self::made(config, true)
    }

    /// A browser without a network: no name resolves, and only a stage answers.
    pub fn hermetic(mut config: ChromiumConfig) -> Self {
        config.launch.hermetic = true;
        Self::made(config, true)
    }

    fn made(config: ChromiumConfig, all_requests: bool) -> Self {
        let version = Mutex::new("not started".to_owned());
        Self { config, running: AsyncMutex::new(None), version, all_requests, spare: 0 }
    }

    /// Keeps that many contexts ready for episodes that are still to come, as a runner with a queue does. One context for the
    /// verification of each running episode is made ready in any case.
    #[must_use]
    pub fn with_spare(mut self, spare: usize) -> Self {
        self.spare = spare;
        self
    }

    /// The running browser, started if need be.
    pub async fn running(&self) -> Result<Arc<Running>, BrowserFault> {
        let mut slot = self.running.lock().await;
        if let Some(running) = slot.as_ref()
            && running.wire.gone().is_none()
        {
            return Ok(Arc::clone(running));
        }
        *slot = None;
        let (running, version) = Running::start(&self.config, self.all_requests).await?;
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
        *slot = Some(Arc::clone(&running));
        Ok(running)
    }

    /// Opens a context of its own whose requests, once the gate lets them go, go where `network` says.
    ///
    /// # Errors
    /// As [`Browser::open`]; and [`BrowserFault::Launch`] for a network that this browser was not made for.
    pub async fn open_on(&self, opening: &Opening, network: Network) -> Result<ChromiumSession, BrowserFault> {
        let fits = match network {
            Network::Live => !self.config.launch.hermetic,
            Network::Tape(_) => !self.config.launch.hermetic && self.all_requests,
            Network::Stage(_) => self.config.launch.hermetic,
        };
        if !fits {
            return Err(BrowserFault::Launch("this browser was started for another kind of network".to_owned()));
        }
        let running = self.running().await?;
        let warm = running.take().await?;
        warm.relay.reach(match &network {
            Network::Stage(stage) => Reach::Nothing(Some(Arc::clone(stage))),
            _ if opening.recipe.is_local() => Reach::Local,
            _ => Reach::Public,
        });
        let session = running.next_session.fetch_add(1, Ordering::Relaxed);
        let verified_next = match opening.access {
            Access::Write => running.writing.fetch_add(1, Ordering::Relaxed) + 1,
            Access::ReadOnly => 0,
        };
        let of_flow = match opening.access {
            Access::Write => opening.recipe.flows.get(&opening.flow).map(|f| f.writes.clone()).unwrap_or_default(),
            Access::ReadOnly => Vec::new(),
        };
        let side = Side {
            main_frame: warm.page.frame().to_owned(),
            recipe: Arc::clone(&opening.recipe),
            of_flow,
            relay: warm.relay.clone(),
            network: network.clone(),
        };
        running.gate.open_session(session, side);
        let context = warm.context.clone();
        let opened = ChromiumSession::new(Arc::clone(&running), warm, session, opening.clone(), network);
        inject(&running.wire, &context, opened.page(), &opening.session).await?;
        running.prewarm(verified_next + self.spare);
        Ok(opened)
    }

    /// Ends the browser and waits until it is gone.
    pub async fn stop(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.stop().await;
        }
    }

    /// The process group of the running browser, for tests that kill it.
    pub async fn process_group(&self) -> Option<i32> {
        self.running.lock().await.as_ref().map(|r| r.group)
    }
}

impl Running {
    async fn start(config: &ChromiumConfig, all_requests: bool) -> Result<(Arc<Self>, String), BrowserFault> {
        let runner = config.runner.as_ref().map(|(runners, worker)| (runners, worker));
        let (launched, _binary) = launch::start(&config.launch, runner)?;
        let wire = Wire::new(launched.to_browser, launched.from_browser);
        let gate = Gate::default();
        let events = wire.listen(None);
        let version =
            wire.call(None, &GetVersionParams::default(), START_WITHIN).await.map_err(|fault| match fault {
                BrowserFault::Gone(why) => {
                    BrowserFault::Launch(format!("it ended while starting ({why}); `deed doctor` tells more"))
                }
                other => other,
            })?;
        gate.enable(&wire, all_requests).await?;
        wire.call(None, &SetDiscoverTargetsParams::new(true), CALL).await?;
        let running = Arc::new(Self {
            wire: wire.clone(),
            gate,
            now: Arc::clone(&config.now),
            home: launched.home,
            group: launched.group,
            _guard: launched.guard,
            warm: Mutex::default(),
            making: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
            next_session: AtomicU64::new(1),
        });
        tokio::spawn(attend(Arc::downgrade(&running), wire.clone(), events));
        tokio::spawn(heartbeat(wire.clone()));
        tokio::spawn(reap(launched.child, wire));
        Ok((running, version.product))
    }

    /// Copies a file to where the browser may read it.
    pub fn stage(&self, file: &str) -> Result<String, BrowserFault> {
        Ok(self.home.stage(std::path::Path::new(file))?.display().to_string())
    }

    async fn make(&self) -> Result<Warm, BrowserFault> {
        let relay = Relay::start().await?;
        let create = CreateBrowserContextParams {
            dispose_on_detach: Some(true),
            proxy_server: Some(relay.proxy_server()),
            // Chromium goes to this machine's own addresses directly unless it is told not to.
            proxy_bypass_list: Some("<-loopback>".to_owned()),
            ..CreateBrowserContextParams::default()
        };
        let context = self.wire.call(None, &create, CALL).await?.browser_context_id;
        match Page::open(&self.wire, &self.gate, &context).await {
            Ok(page) => Ok(Warm { context, page, relay }),
            Err(fault) => {
                self.dispose(context);
                Err(fault)
            }
        }
    }

    async fn take(self: &Arc<Self>) -> Result<Warm, BrowserFault> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match warm {
            Some(warm) => Ok(warm),
            None => self.make().await,
        }
    }

    /// Makes contexts ready while nobody waits: one for each session that will be verified, and the spare ones. One that nobody takes
    /// costs a renderer for nothing.
    fn prewarm(self: &Arc<Self>, wanted: usize) {
        let mut there = {
            let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
            warm.len() + self.making.load(Ordering::Relaxed)
        };
        while there < wanted {
            there += 1;
            self.making.fetch_add(1, Ordering::Relaxed);
            let running = Arc::clone(self);
            tokio::spawn(async move {
                let made = running.make().await;
                let mut warm = running.warm.lock().unwrap_or_else(PoisonError::into_inner);
                running.making.fetch_sub(1, Ordering::Relaxed);
                match made {
                    Ok(made) => warm.push_back(made),
                    Err(fault) => tracing::debug!(%fault, "no context was made ready"),
                }
            });
        }
    }

    /// A session that could write is closed.
    pub(crate) fn writes_no_more(&self) {
        self.writing.fetch_sub(1, Ordering::Relaxed);
    }

    /// Throws a context away, with everything in it.
    pub fn dispose(&self, context: BrowserContextId) {
        self.wire.post(None, &DisposeBrowserContextParams::new(context));
    }

    async fn stop(&self) {
        self.wire.fail_all("it was stopped");
        launch::end_group(self.group).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.wire.fail_all("it was stopped");
    }
}

/// The browser's own events: paused requests, new and crashed targets.
async fn attend(
    running: std::sync::Weak<Running>,
    wire: Wire,
    mut events: tokio::sync::mpsc::UnboundedReceiver<Event>,
) {
    while let Some(event) = events.recv().await {
        let Some(running) = running.upgrade() else { return };
        match event.method.as_str() {
            "Fetch.requestPaused" => match event.parse::<EventRequestPaused>() {
                Some(paused) => running.gate.paused(&wire, paused, (running.now)()),
                // A request that can not be read stays paused: it does not leave.
                None => tracing::warn!("a paused request does not parse and stays stopped"),
            },
            "Target.targetCreated" => {
                if let Some(created) = event.parse::<EventTargetCreated>()
                    && let Some(opener) = created.target_info.opener_id
                {
                    // A pop-up's frame has the target's id; it belongs to the session that opened it.
                    running.gate.adopt_from(created.target_info.target_id.inner(), opener.inner());
                }
            }
            _ => {}
        }
    }
}

async fn heartbeat(wire: Wire) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match wire.call(None, &GetVersionParams::default(), HEARTBEAT_WITHIN).await {
            Ok(_) => {}
            Err(BrowserFault::Gone(_)) => return,
            Err(fault) => return wire.fail_all(&format!("no heartbeat: {fault}")),
        }
    }
}

async fn reap(mut child: tokio::process::Child, wire: Wire) {
    tokio::select! {
        status = child.wait() => {
            let why = status.map_or_else(|e| e.to_string(), |s| s.to_string());
            wire.fail_all(&format!("its process ended ({why})"));
        }
        _ = wire.wait_gone() => {
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
    }
}

impl Browser for Chromium {
    type Session = ChromiumSession;

    async fn open(&self, opening: &Opening) -> Result<ChromiumSession, BrowserFault> {
        match self.open_on(opening, Network::Live).await {
            // It died before this was known. Nothing was asked of it yet, so another one may be asked.
            Err(BrowserFault::Gone(why)) => {
                tracing::info!(why, "the browser had gone; another one is started");
                self.open_on(opening, Network::Live).await
            }
            other => other,
        }
    }

    fn version(&self) -> String {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn end_of_worker(&self, worker: &WorkerId, stalled: bool) -> Result<(), BrowserFault> {
        match &self.config.runner {
            Some((runners, _)) => runners.end_browser_of(worker, stalled).await,
            None => Err(BrowserFault::Launch(format!(
                "this browser keeps no register; it can not tell whether {worker}'s is gone"
            ))),
        }
    }
}
