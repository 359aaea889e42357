//! A composer that is ready to be pressed, with the permit of a real ledger: what the tests of the press start from.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deed::world::now;
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::approval;
use deed_core::arm::arm;
use deed_core::judge::quorum;
use deed_core::pace::Limits;
use deed_core::permit::{Permit, Target};
use deed_core::ports::browser::{
    Access, Aim, Browser as _, BrowserFault, GateVerdict, LastCheck, Look, Need, NodeId, Opening, Press, Seen,
    Session as _,
};
use deed_core::ports::ledger::{ArmRequest, Change, Claim, Ledger as _};
use deed_core::state::Event;
use deed_core::time::Timestamp;
use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};

use crate::{HANDLE, Set};

/// Puts the button where scripts of a test find it by name.
const THE_BUTTON: &str =
    "window.theButton = [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Post')";

/// A composer that is ready to be pressed.
pub struct Ready {
    /// The platform.
    pub practice: Practice,
    /// The engine's side.
    pub set: Set,
    /// The action that is under way.
    pub claim: Claim,
    /// The composer's tab.
    pub session: ChromiumSession,
    /// What is pressed.
    pub button: NodeId,
    /// What is added to the browser's clock.
    pub later: Arc<AtomicI64>,
}

/// Nothing but what the browser itself checks.
pub struct NoCheck;

impl LastCheck for NoCheck {
    fn elements(&self) -> Vec<String> {
        Vec::new()
    }

    fn judge(&self, _: &Seen) -> Result<(), String> {
        Ok(())
    }
}

impl Ready {
    /// On a platform that behaves.
    pub async fn new() -> Self {
        let ready = Self::on(Faults::default()).await;
        // Pages call these by name at any time.
        ready.page(THE_BUTTON).await;
        ready
    }

    /// With the composer in a frame of another site, which has a process of its own.
    pub async fn in_a_frame() -> Self {
        let ready = Self::on(Faults { composer_in_frame: true, ..Faults::default() }).await;
        let apart = ready.session.frame_processes_for_tests().await.expect("the browser tells");
        assert!(apart.iter().any(|url| url.ends_with("/compose/frame")), "{apart:?}");
        ready.frame(THE_BUTTON).await;
        ready
    }

    async fn on(faults: Faults) -> Self {
        let practice = Practice::start(PracticeConfig::default()).await.expect("the platform starts");
        let isolate_sites = faults.composer_in_frame;
        practice.set_faults(faults);
        let later = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&later);
        let config = ChromiumConfig {
            launch: LaunchConfig { isolate_sites, ..LaunchConfig::default() },
            runner: None,
            now: Arc::new(move || Timestamp(now().0 + clock.load(Ordering::SeqCst))),
        };
        let browser = Arc::new(Chromium::new(config));
        let facts = practice.account_fingerprint(HANDLE).expect("the account exists");
        let state = practice.storage_state(HANDLE).expect("a session").to_string();
        let origin = practice.origin();
        let set = Set::up(&origin, &facts.display_name, &facts.avatar_png, state, Some(browser), 2).await;
        let action = set.file("Pressed once", Vec::new(), None).await;
        let claim = set.claim(&action).await;
        let opening = Opening {
            account: set.account.clone(),
            episode: claim.fence.episode.clone(),
            recipe: Arc::clone(&set.recipe),
            flow: "publish.post".into(),
            base: practice.origin(),
            session: set.world.ledger.session(&set.account).await.expect("it is read").expect("a session"),
            access: Access::Write,
            pacing: set.options.pacing,
        };
        let mut session = set.world.browser.open(&opening).await.expect("a session opens");
        session.goto(&format!("{origin}/compose")).await.expect("the composer opens");
        let editor = find(&session, "editor").await;
        session.type_text(editor, "Pressed once").await.expect("it is typed");
        let button = find(&session, "post_button").await;
        Self { practice, set, claim, session, button, later }
    }

    /// Runs a script in the page.
    pub async fn page(&self, script: &str) {
        self.session.run_in_page_for_tests(script).await.expect("the page runs it");
    }

    /// Runs a script in the frame that the button stands in.
    pub async fn frame(&self, script: &str) {
        self.session.run_in_frame_for_tests(self.button, script).await.expect("the frame runs it");
    }

    /// What a permit is for.
    pub fn target(&self) -> Target {
        Target {
            recipe: self.set.recipe.hash.clone(),
            flow: "publish.post".into(),
            element: "post_button".into(),
            page: format!("{}/compose", self.practice.origin()),
            payload: self.claim.action.payload.hash(),
            marker: None,
        }
    }

    /// Aims at the button.
    ///
    /// # Errors
    /// Why it can not be pressed.
    pub async fn aim(&mut self) -> Result<Aim, BrowserFault> {
        let target = self.target();
        self.session.aim(self.button, target).await
    }

    /// A permit as an episode gets it: out of the arm transaction.
    pub async fn permit(&self) -> Permit {
        let (ledger, fence) = (&self.set.world.ledger, &self.claim.fence);
        for event in [Event::PreflightPassed, Event::IdentityVerified] {
            ledger.advance(fence, event, Change::default()).await.expect("it goes on");
        }
        let target = self.target();
        let commit_within = Duration::from_secs(120);
        let policy = deed_recipes::policy::Policy::default();
        let approval = approval::need(&self.claim.action, &self.claim.account, &self.set.recipe.hash, &policy);
        let request = ArmRequest {
            target: target.hash(),
            commit_within,
            artifacts: Vec::new(),
            manifest: None,
            limits: Limits::default(),
            jitter_milli: 0,
            approval,
        };
        arm(ledger, fence, &request, &target, deed_chromium::steady())
            .await
            .expect("the ledger answers")
            .expect("it is armed")
            .permit
    }

    /// Aims, lets the page change itself, and presses; why nothing was sent.
    pub async fn refused_after(mut self, change: &str) -> String {
        let aim = self.aim().await.expect("it stands still and in front");
        self.page(change).await;
        self.refused(aim).await
    }

    /// Aims, lets the frame change itself, and presses; why nothing was sent.
    pub async fn refused_after_in_frame(mut self, change: &str) -> String {
        let aim = self.aim().await.expect("it stands still and in front");
        self.frame(change).await;
        self.refused(aim).await
    }

    async fn refused(mut self, aim: Aim) -> String {
        let permit = self.permit().await;
        let press = self.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
        let Press::NotSent { why } = press else { panic!("{press:?}") };
        self.end_with(0).await;
        why
    }

    /// Waits until the gate has judged so many declared writes.
    pub async fn judged(&self, count: usize) -> Vec<(String, GateVerdict)> {
        let all = async {
            loop {
                let writes = self.session.writes(Duration::ZERO).await;
                if writes.len() >= count {
                    return writes.into_iter().map(|w| (w.path, w.verdict)).collect();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), all).await.expect("the writes come to the gate")
    }

    /// Ends everything; so many posts must have come to the platform.
    pub async fn end_with(self, received: usize) {
        self.session.close().await;
        self.set.world.browser.stop().await;
        let truth = self.practice.truth();
        assert_eq!(truth.of_kind(WriteKind::Publish).count(), received, "{:?}", truth.writes);
        self.practice.stop().await;
    }
}

/// Looks for an element until it is there.
pub async fn find(session: &ChromiumSession, element: &str) -> NodeId {
    let look = Look {
        elements: vec![element.to_owned()],
        until: vec![Need::Visible(element.to_owned())],
        within: Duration::from_secs(60),
        ..Look::default()
    };
    let seen = session.look(&look).await.expect("the page is looked at");
    quorum::lone(&seen, element).unwrap_or_else(|| panic!("{element} is there")).0
}
