//! Chromium killed and the platform gone at every boundary of an episode: before the press the action waits and nothing was sent; after
//! it only looking can tell, and a later look does.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::sync::{Arc, Mutex};

use deed_core::episode;
use deed_core::hold::{Failure, HoldReason};
use deed_core::state::State;
use deed_fixtures::WriteKind;
use deed_tests::{Hooked, Stage, wait_for};

const BEFORE_ARM: [&str; 8] =
    ["claimed", "opened", "identity_verified", "deduped", "composed", "reviewed", "proof_durable", "preflight_passed"];
const AFTER_ARM: [&str; 8] =
    ["armed", "pressed", "receipt", "verified", "confirmed", "sealed", "postchecked", "released"];

fn kill_chromium(stage: &Stage) {
    // The last one may have been killed at the boundary before, and nothing has needed another since.
    let _running = wait_for(stage.world.browser.running()).expect("a browser runs");
    let group = wait_for(stage.world.browser.process_group()).expect("a browser runs");
    let killed = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
    assert!(killed.expect("kill runs").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_killed_at_every_boundary() {
    let stage = Stage::new().await;
    let mut posted = 0;
    // A browser is started first, so that there is one to kill at the first boundary.
    assert_eq!(stage.publish("Before anything goes wrong").await.state, State::PostcheckComplete);
    posted += 1;
    for at in BEFORE_ARM.into_iter().chain(AFTER_ARM) {
        let action = stage.file(&format!("Killed at {at}"), Vec::new(), None).await;
        let claim = stage.claim(&action).await;
        let world = Hooked::new(&stage.world, at, || kill_chromium(&stage));
        let ending = episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("it ends");
        assert!(world.happened(), "{at}");
        let writes = stage.practice.truth().publishes_of(&format!("Killed at {at}"));
        assert!(writes <= 1, "{at}: {writes} writes");
        posted += writes;
        match (ending.state, at) {
            // The browser is gone before it is needed: a new one is started, and nothing is lost.
            (
                State::PostcheckComplete,
                "claimed" | "preflight_passed" | "receipt" | "verified" | "pressed" | "proof_durable" | "confirmed"
                | "sealed" | "postchecked" | "released",
            ) => {
                assert_eq!(writes, 1, "{at}: {ending:#?}");
            }
            (State::Queued, _) if BEFORE_ARM.contains(&at) => {
                let reason = ending.hold.as_ref().map(|h| h.reason);
                assert_eq!((reason, writes), (Some(HoldReason::Transient), 0), "{at}: {ending:#?}");
            }
            // Its death is noticed when the permit is there already: proved not sent, and never tried again by itself.
            (State::ConfirmedFailed, "reviewed" | "proof_durable" | "armed") => {
                assert_eq!((ending.failure, writes), (Some(Failure::NotSent), 0), "{at}: {ending:#?}");
            }
            (State::ConfirmedFailed, "pressed") => {
                assert_eq!((ending.failure, writes), (Some(Failure::NotFoundAfterAttempt), 0), "{at}: {ending:#?}");
            }
            _ => panic!("{at}: {ending:#?}"),
        }
    }
    assert_eq!(stage.publishes(), (posted, posted));
    assert!(stage.world.ledger.audit_verify().await.expect("the audit log is read").ok);
    stage.end().await;
}

/// How the episode ended, what the platform received and stored, and whether the boundary came.
async fn platform_gone(at: &'static str) -> (episode::Ending, (usize, usize), bool) {
    let mut stage = Stage::new().await;
    stage.options.patience = std::time::Duration::from_secs(20);
    stage.options.identity_wait = std::time::Duration::from_secs(15);
    stage.options.verify_pause = std::time::Duration::from_millis(40);
    let action = stage.file("The platform goes away", Vec::new(), None).await;
    let claim = stage.claim(&action).await;
    let mut recipe = (*stage.recipe).clone();
    let flow = recipe.flows.get_mut("publish.post").expect("the flow");
    flow.verify.reads_max = 2;
    flow.receipt.within_ms = 20_000;
    stage.recipe = Arc::new(recipe);
    let (practice, set) = stage.into_parts();
    let practice = Mutex::new(practice);
    let world = Hooked::new(&set.world, at, || {
        wait_for(practice.lock().expect("no test panicked").go_dark());
    });
    let ending = episode::run(&world, claim, Arc::clone(&set.recipe), &set.options).await.expect("it ends");
    let happened = world.happened();
    assert!(set.world.ledger.audit_verify().await.expect("the audit log is read").ok);
    set.world.browser.stop().await;
    let truth = practice.into_inner().expect("no test panicked").truth();
    let received: Vec<_> = truth.writes.iter().filter(|w| w.kind == WriteKind::Publish).collect();
    let counts = (received.len(), received.iter().filter(|w| w.stored).count());
    (ending, counts, happened)
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_gone_before_the_composer_is_open_is_a_hold() {
    for at in ["claimed", "preflight_passed", "opened", "identity_verified", "deduped"] {
        let (ending, counts, happened) = platform_gone(at).await;
        assert!(happened, "{at}");
        let reason = ending.hold.as_ref().map(|h| h.reason);
        assert_eq!((ending.state, reason), (State::Queued, Some(HoldReason::Transient)), "{at}: {ending:#?}");
        assert_eq!(counts, (0, 0), "{at}");
    }
}

/// The open composer still shows everything that the last checks ask for, so it is pressed; the write reaches nobody. That is not
/// proof, and nothing but looking may end it.
#[tokio::test(flavor = "multi_thread")]
async fn platform_gone_around_the_press_stays_unknown_until_somebody_can_look() {
    for at in ["composed", "reviewed", "proof_durable", "armed", "pressed", "receipt"] {
        let (ending, counts, happened) = platform_gone(at).await;
        assert!(happened, "{at}");
        assert_eq!((ending.state, ending.hold, ending.failure), (State::Unknown, None, None), "{at}");
        assert!(ending.words.contains("no agreeing answer"), "{at}: {}", ending.words);
        let expected = match at {
            "receipt" => (1, 1),
            // The request may have been on its way when the platform went.
            "pressed" => (counts.0.min(1), counts.1.min(1)),
            _ => (0, 0),
        };
        assert_eq!(counts, expected, "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_gone_after_verification_changes_nothing() {
    for at in ["verified", "confirmed", "sealed", "postchecked", "released"] {
        let (ending, counts, happened) = platform_gone(at).await;
        assert!(happened, "{at}");
        assert_eq!((ending.state, counts), (State::PostcheckComplete, (1, 1)), "{at}: {ending:#?}");
    }
}
