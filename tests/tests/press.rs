//! The press itself, with a real permit, on pages that change at the worst moment: before the aim, between aim and press, and between
//! the press and its write. What is not still, not in front or not what the permit is for is never pressed and never leaves.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deed::world::now;
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::approval;
use deed_core::arm::arm;
use deed_core::judge::quorum;
use deed_core::permit::{Permit, Target};
use deed_core::ports::browser::{
    Access, Aim, Browser as _, BrowserFault, GateVerdict, LastCheck, Look, Need, NodeId, Opening, Press, Seen,
    Session as _,
};
use deed_core::ports::ledger::{ArmRequest, Change, Claim, Ledger as _};
use deed_core::state::Event;
use deed_core::time::Timestamp;
use deed_fixtures::{Practice, PracticeConfig, WriteKind};
use deed_tests::{HANDLE, Set};

/// Longer than any permit.
const AN_HOUR_MS: i64 = 3_600_000;

/// A composer that is ready to be pressed.
struct Ready {
    practice: Practice,
    set: Set,
    claim: Claim,
    session: ChromiumSession,
    button: NodeId,
    /// What is added to the browser's clock.
    later: Arc<AtomicI64>,
}

/// Nothing but what the browser itself checks.
struct NoCheck;

impl LastCheck for NoCheck {
    fn elements(&self) -> Vec<String> {
        Vec::new()
    }

    fn judge(&self, _: &Seen) -> Result<(), String> {
        Ok(())
    }
}

impl Ready {
    async fn new() -> Self {
        let practice = Practice::start(PracticeConfig::default()).await.expect("the platform starts");
        let later = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&later);
        let config = ChromiumConfig {
            launch: LaunchConfig::default(),
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
        let editor = find(&mut session, "editor").await;
        session.type_text(editor, "Pressed once").await.expect("it is typed");
        let button = find(&mut session, "post_button").await;
        let mut ready = Self { practice, set, claim, session, button, later };
        // Pages call these by name at any time.
        ready.page("window.theButton = [...document.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Post')").await;
        ready
    }

    async fn page(&mut self, script: &str) {
        self.session.run_in_page_for_tests(script).await.expect("the page runs it");
    }

    fn target(&self) -> Target {
        Target {
            recipe: self.set.recipe.hash.clone(),
            flow: "publish.post".into(),
            element: "post_button".into(),
            page: format!("{}/compose", self.practice.origin()),
            payload: self.claim.action.payload.hash(),
            marker: None,
        }
    }

    async fn aim(&mut self) -> Result<Aim, BrowserFault> {
        let target = self.target();
        self.session.aim(self.button, target).await
    }

    /// A permit as an episode gets it: out of the arm transaction.
    async fn permit(&self) -> Permit {
        let (ledger, fence) = (&self.set.world.ledger, &self.claim.fence);
        for event in [Event::PreflightPassed, Event::IdentityVerified] {
            ledger.advance(fence, event, Change::default()).await.expect("it goes on");
        }
        let target = self.target();
        let commit_within = Duration::from_secs(120);
        let approval = approval::need(&self.claim.action, &self.claim.account, &self.set.recipe.hash);
        let request =
            ArmRequest { target: target.hash(), commit_within, artifacts: Vec::new(), manifest: None, approval };
        arm(ledger, fence, &request, &target).await.expect("the ledger answers").expect("it is armed").permit
    }

    /// Aims, lets the page change itself, and presses; why nothing was sent.
    async fn refused_after(mut self, change: &str) -> String {
        let aim = self.aim().await.expect("it stands still and in front");
        self.page(change).await;
        let permit = self.permit().await;
        let press = self.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
        let Press::NotSent { why } = press else { panic!("{change}: {press:?}") };
        self.end_with(0).await;
        why
    }

    /// Waits until the gate has judged so many declared writes.
    async fn judged(&self, count: usize) -> Vec<(String, GateVerdict)> {
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

    async fn end_with(self, received: usize) {
        self.session.close().await;
        self.set.world.browser.stop().await;
        let truth = self.practice.truth();
        assert_eq!(truth.of_kind(WriteKind::Publish).count(), received, "{:?}", truth.writes);
        self.practice.stop().await;
    }
}

async fn find(session: &mut ChromiumSession, element: &str) -> NodeId {
    let look = Look {
        elements: vec![element.to_owned()],
        until: vec![Need::Visible(element.to_owned())],
        within: Duration::from_secs(60),
        ..Look::default()
    };
    let seen = session.look(&look).await.expect("the page is looked at");
    quorum::lone(&seen, element).unwrap_or_else(|| panic!("{element} is there")).0
}

const MOVES_ON: &str = "{ let n = 0; const step = () => { n += 3; theButton.style.transform = `translateX(${-(n % 90)}px)`; requestAnimationFrame(step); }; step(); }";
const COVER: &str = "{ const c = document.createElement('div'); c.style.cssText = 'position:fixed;inset:0;z-index:99999;background:white'; \
                     document.body.append(c); }";

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_moves_or_is_covered_is_not_aimed_at() {
    let mut ready = Ready::new().await;
    ready.page(COVER).await;
    let refused = ready.aim().await.expect_err("it is covered").to_string();
    assert!(refused.contains("lies in front of it"), "{refused}");
    ready.page("document.body.lastElementChild.remove()").await;
    ready.aim().await.expect("it can be aimed at again");
    ready.page(MOVES_ON).await;
    let refused = ready.aim().await.expect_err("it moves").to_string();
    assert!(refused.contains("does not stand still"), "{refused}");
    ready.end_with(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_moves_after_the_aim_is_not_pressed() {
    let why = Ready::new().await.refused_after("theButton.style.transform = 'translateX(-7px)'").await;
    assert!(why.contains("it moved"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_covered_after_the_aim_is_not_pressed() {
    let why = Ready::new().await.refused_after(COVER).await;
    assert!(why.contains("lies in front of it"), "{why}");
}

/// Whatever the page does in between: a write that comes after the permit's end does not leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_comes_after_the_permits_end_does_not_leave() {
    let mut ready = Ready::new().await;
    ready.page("{ const now = fetch; window.fetch = (...a) => new Promise((go) => { window.go = go; }).then(() => now(...a)); }").await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    ready.later.store(AN_HOUR_MS, Ordering::SeqCst);
    ready.page("{ const wait = () => (window.go ? window.go() : setTimeout(wait, 10)); wait(); }").await;
    assert_eq!(ready.judged(1).await, [("/api/posts".to_owned(), GateVerdict::Blocked)]);
    ready.end_with(0).await;
}

/// A page that uses the moment after the press for another write of the platform gets nothing; the ordered one leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_permit_is_for_the_writes_of_its_own_flow() {
    let mut ready = Ready::new().await;
    ready
        .page("{ const now = fetch; window.fetch = (...a) => now('/api/follow/passer_by', { method: 'POST' }).catch(() => {}).then(() => now(...a)); }")
        .await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    let expected = [
        ("/api/follow/passer_by".to_owned(), GateVerdict::Blocked),
        ("/api/posts".to_owned(), GateVerdict::LetThrough),
    ];
    assert_eq!(ready.judged(2).await, expected);
    // Its answer is there before the tab goes.
    assert_eq!(ready.session.writes(Duration::from_secs(60)).await.len(), 2);
    ready.end_with(1).await;
}
