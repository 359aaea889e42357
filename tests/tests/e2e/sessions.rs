//! A session that the platform refreshes during an episode: kept where it is still proved to be the account's, and nowhere else.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use deed_core::episode;
use deed_core::ports::ledger::Ledger as _;
use deed_core::state::State;
use deed_fixtures::{Faults, PageKind};
use deed_tests::{Hooked, Stage};

async fn stored(stage: &Stage) -> String {
    let session = stage.world.ledger.session(&stage.account).await.expect("the ledger answers");
    session.expect("there is a session").expose().to_owned()
}

async fn refreshed(stage: &Stage) -> usize {
    let log = stage.world.ledger.audit_tail(1000).await.expect("the audit log is read");
    log.iter().filter(|line| line.event.result.status == "session_refreshed").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_rotated_is_used_by_verification_and_by_the_next_episode() {
    let stage = Stage::new().await;
    stage.faults(Faults { rotate_session_on_publish: true, ..Faults::default() });
    let before = stored(&stage).await;
    for (count, text) in ["Fresh rye today", "And now with seeds"].into_iter().enumerate() {
        let ending = stage.publish(text).await;
        assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
        assert_eq!(refreshed(&stage).await, count + 1);
    }
    let after = stored(&stage).await;
    assert_ne!(after, before);
    // What the platform did not touch is as it was.
    let device = |state: &str| {
        let state: serde_json::Value = serde_json::from_str(state).expect("a storage state");
        state["origins"][0]["localStorage"][0]["value"].clone()
    };
    assert_eq!(device(&after), device(&before));
    assert_eq!(stage.publishes(), (2, 2));
    assert!(stage.world.ledger.audit_verify().await.expect("the audit log is read").ok);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_not_refreshed_is_not_sealed_again() {
    let stage = Stage::new().await;
    let before = stored(&stage).await;
    let ending = stage.publish("Fresh rye today").await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    assert_eq!((refreshed(&stage).await, stored(&stage).await), (0, before));
    stage.end().await;
}

/// A session that was rotated, and then something else befalls it before it could be kept.
async fn not_kept(then: Faults) {
    let stage = Stage::new().await;
    stage.faults(Faults { rotate_session_on_publish: true, ..Faults::default() });
    let before = stored(&stage).await;
    let action = stage.file("Fresh rye today", Vec::new(), None).await;
    let claim = stage.claim(&action).await;
    let hooked = Hooked::new(&stage.world, "receipt", || stage.practice.set_faults(then.clone()));
    let ending =
        episode::run(&hooked, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("the ledger answers");
    assert!(hooked.happened(), "the receipt was read");
    assert_eq!((refreshed(&stage).await, stored(&stage).await), (0, before), "{ending:#?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_log_in_wall_nothing_is_kept() {
    not_kept(Faults { login_wall_on: Some(PageKind::Any), ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_became_somebody_elses_is_not_kept() {
    not_kept(Faults { wrong_account: true, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_that_ended_in_a_challenge_keeps_nothing() {
    let stage = Stage::new().await;
    stage.faults(Faults { captcha_on: Some(PageKind::Compose), ..Faults::default() });
    let before = stored(&stage).await;
    let ending = stage.publish("Fresh rye today").await;
    assert_eq!(ending.state, State::Queued, "{ending:#?}");
    assert_eq!((refreshed(&stage).await, stored(&stage).await), (0, before));
    stage.end().await;
}
