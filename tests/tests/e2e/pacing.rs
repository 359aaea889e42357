//! Budgets, pace and tries in a real browser: what a platform's rate limit leaves, and what is tried again by itself.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_core::account::AccountState;
use deed_core::episode::{self, Ending};
use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::pace::Limits;
use deed_core::ports::ledger::Claim;
use deed_core::retry::TRIES_MAX;
use deed_core::state::State;
use deed_fixtures::{Faults, PageError, PageKind, PageRateLimit, RateLimit};
use deed_ledger::ClaimTarget;
use deed_recipes::Budget;
use deed_tests::{Hooked, Stage, wait_for};

/// A stage whose recipe asks for this spacing, in seconds.
async fn spaced(spacing_s: u64) -> Stage {
    let mut stage = Stage::new().await;
    let mut recipe = (*stage.recipe).clone();
    let budget = Budget { per_hour: Some(10), per_day: None, spacing_s: Some(spacing_s) };
    recipe.budgets.insert("publish.post".to_owned(), budget);
    stage.recipe = Arc::new(recipe);
    stage
}

/// The next action that is due, as a worker takes it; waits for it.
async fn due(stage: &Stage) -> Claim {
    let began = Instant::now();
    loop {
        let claimed = stage.world.ledger.claim(&ClaimTarget::NextDue, stage.worker(), stage.options.lease).await;
        if let Some(claim) = claimed.expect("the ledger answers") {
            return claim;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is due within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn work(stage: &Stage) -> Ending {
    let claim = due(stage).await;
    episode::run(&stage.world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("the ledger answers")
}

fn held(ending: Ending) -> Hold {
    assert_eq!(ending.state, State::Queued, "{ending:#?}");
    ending.hold.expect("it is held")
}

async fn factor(stage: &Stage) -> u32 {
    stage.world.ledger.pace(&stage.account).await.expect("the pace").factor_milli
}

/// What a recipe allows of posts where no policy says less.
fn limits(recipe: &deed_recipes::Recipe) -> Limits {
    let budget = recipe.budgets["publish.post"];
    let spacing = Duration::from_secs(budget.spacing_s.unwrap_or_default());
    Limits { per_hour: budget.per_hour, per_day: budget.per_day, spacing }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rate_limit_the_account_waits_goes_slower_and_keeps_its_distance() {
    let stage = spaced(3_600).await;
    let limit = PageRateLimit { retry_after_s: Some(8), on: PageKind::Compose };
    stage.faults(Faults { rate_limit_pages: Some(limit), ..Faults::default() });
    let first = stage.file("Asked to wait", Vec::new(), None).await;
    let hold = held(stage.run(&first).await);
    assert_eq!(hold.reason, HoldReason::RateLimit, "{hold:?}");
    let until = hold.until.expect("the platform said how long");
    assert_eq!(factor(&stage).await, 2_000);
    stage.faults(Faults::default());

    // The account was asked, not the action: another one is not even opened for.
    let second = stage.file("Behind it", Vec::new(), None).await;
    let pages = stage.practice.truth().pages;
    let hold = held(stage.run(&second).await);
    assert_eq!((hold.reason, hold.until), (HoldReason::Budget, Some(until)), "{hold:?}");
    assert_eq!(stage.practice.truth().pages, pages, "no page was opened");

    let ending = work(&stage).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    let done = stage.world.ledger.action(&first).await.expect("the action");
    assert!(done.attempted_at.is_some_and(|at| at >= until), "not before the platform's word: {done:?}");
    assert_eq!(factor(&stage).await, 1_800, "a success brings a tenth back");

    // The next one keeps the spacing, stretched by the pace and by the jitter that was drawn at the attempt.
    let hold = held(stage.run(&second).await);
    let ledger = &stage.world.ledger;
    let pace = ledger.pace(&stage.account).await.expect("the pace");
    let now = hold.until.expect("it says until when");
    let gap = pace.bounds(&limits(&stage.recipe), now).gap;
    assert!(gap >= Duration::from_secs(6_480) && gap <= Duration::from_secs(9_720), "{gap:?}");
    assert_eq!((hold.reason, hold.until), (HoldReason::Budget, done.attempted_at.map(|at| at.plus(gap))), "{hold:?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_refused_for_being_too_fast_slows_the_account() {
    let stage = Stage::new().await;
    let limit = RateLimit { retry_after_s: Some(3_600) };
    stage.faults(Faults { rate_limit_write: Some(limit), ..Faults::default() });
    let ending = stage.publish("Too fast").await;
    assert_eq!(ending.state, State::ConfirmedFailed, "{ending:#?}");
    stage.faults(Faults::default());
    assert_eq!(factor(&stage).await, 2_000);
    let hold = held(stage.publish("Another").await);
    assert_eq!(hold.reason, HoldReason::Budget, "{hold:?}");
    assert_eq!(stage.publishes(), (1, 0));
    stage.end().await;
}

async fn tries(stage: &Stage, action: &ActionId) -> Vec<(u32, String, bool)> {
    let tries = stage.world.ledger.tries_of(action).await.expect("the tries");
    tries.into_iter().map(|t| (t.number, t.fault, t.next.is_some())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_killed_before_the_attempt_is_tried_again_and_posts_once() {
    let stage = Stage::new().await;
    let action = stage.file("Twice begun, once posted", Vec::new(), None).await;
    for (n, at) in ["identity_verified", "composed"].into_iter().enumerate() {
        let kill = || {
            let group = wait_for(stage.world.browser.process_group()).expect("a browser runs");
            let killed = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
            assert!(killed.expect("kill runs").success());
        };
        let world = Hooked::new(&stage.world, at, kill);
        let claim = due(&stage).await;
        assert_eq!(claim.action.id, action);
        let ending = episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("it ends");
        assert!(world.happened(), "{at}");
        let hold = held(ending);
        assert_eq!(hold.reason, HoldReason::Transient, "{hold:?}");
        assert!(hold.until.is_some() && hold.detail.contains(&format!("try {} of {TRIES_MAX}", n + 1)), "{hold:?}");
    }
    let ending = work(&stage).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    let gone = || "browser_gone".to_owned();
    assert_eq!(tries(&stage, &action).await, [(1, gone(), true), (2, gone(), true)]);
    assert_eq!(stage.publishes(), (1, 1));
    assert!(stage.world.ledger.audit_verify().await.expect("the audit log is read").ok);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_trouble_is_tried_again_a_few_times_and_doubts_no_account() {
    let stage = Stage::new().await;
    let action = stage.file("When the server is well again", Vec::new(), None).await;
    let in_trouble = |on| Faults { error_pages: Some(PageError { status: 503, on }), ..Faults::default() };
    for (on, reason) in [
        (PageKind::Profile, HoldReason::Transient),
        (PageKind::Feed, HoldReason::DestinationUnreadable),
        (PageKind::Compose, HoldReason::Transient),
        (PageKind::Any, HoldReason::Transient),
    ] {
        stage.faults(in_trouble(on));
        let hold = held(stage.run(&action).await);
        assert!(hold.reason == reason && hold.until.is_some() && hold.detail.contains("503"), "{on:?}: {hold:?}");
    }
    let hold = held(stage.run(&action).await);
    assert_eq!((hold.reason, hold.until), (HoldReason::Transient, None), "a person has to look: {hold:?}");
    let servers = || "server_error".to_owned();
    let expected: Vec<_> = (1..=TRIES_MAX).map(|n| (n, servers(), n < TRIES_MAX)).collect();
    assert_eq!(tries(&stage, &action).await, expected);
    assert_eq!(stage.account().await.state, AccountState::Active);

    stage.faults(Faults::default());
    let ending = stage.run(&action).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}
