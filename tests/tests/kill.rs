//! The kill switch, thrown at a random moment of an episode: after it was acknowledged nothing reaches the platform.
//!
//! `DEED_KILL_TRIALS` sets the number of trials (12 by default; `make kill-trials`: 200), `DEED_KILL_SEED` their moments. What an
//! acknowledgement takes is printed, and not asserted.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed::commands::kill::until_no_press;
use deed::world::now;
use deed_core::episode;
use deed_core::ports::ledger::KillScope;
use deed_core::state::State;
use deed_fixtures::WriteKind;
use deed_ledger::Operator;
use deed_tests::{Hooked, Stage};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const BY: Operator<'static> = Operator { by: "ann", reason: "a trial" };

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Half of them are quicker.
fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_it_is_acknowledged_nothing_reaches_the_platform() {
    let (trials, seed) = (setting("DEED_KILL_TRIALS", 12), setting("DEED_KILL_SEED", 1));
    let mut dice = StdRng::seed_from_u64(seed);
    let stage = Stage::new().await;
    let begun = Instant::now();
    assert_eq!(stage.publish("An episode that nobody stops").await.state, State::PostcheckComplete);
    let whole = begun.elapsed();
    // Without a press under way; and what came on top of the end of one.
    let (mut alone, mut beyond) = (Vec::new(), Vec::new());
    let (mut sent, mut stopped) = (0, 0);
    for trial in 0..trials {
        let text = format!("Trial {trial}");
        let action = stage.file(&text, Vec::new(), None).await;
        let claim = stage.claim(&action).await;
        let over = Mutex::new(None);
        let world = Hooked::new(&stage.world, "receipt", || {
            *over.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        });
        let moment = whole.mul_f64(dice.random_range(0.0..1.0));
        let throw = async {
            tokio::time::sleep(moment).await;
            let ledger = &stage.world.ledger;
            let thrown = Instant::now();
            ledger.kill_on(&KillScope::Global, BY).await.expect("it is thrown");
            let mut pressing = false;
            until_no_press(ledger, &KillScope::Global, |_| pressing = true).await.expect("the ledger answers");
            (thrown, Instant::now(), now(), pressing)
        };
        let run = episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options);
        let (ending, (thrown, acknowledged, at, pressing)) = tokio::join!(run, throw);
        let ending = ending.expect("the ledger answers");
        let truth = stage.practice.truth();
        let writes: Vec<_> = truth.of_kind(WriteKind::Publish).filter(|w| w.text == text).collect();
        let late: Vec<_> = writes.iter().filter(|w| w.at.as_millisecond() > at.0).collect();
        assert!(late.is_empty(), "trial {trial}, seed {seed}: acknowledged at {at}, then {late:#?}");
        match (writes.len(), ending.state) {
            (1, State::PostcheckComplete) => sent += 1,
            (0, State::Queued | State::ConfirmedFailed) => stopped += 1,
            other => panic!("trial {trial}: {other:?} {ending:#?}"),
        }
        let over = *over.lock().unwrap_or_else(PoisonError::into_inner);
        match over.filter(|over| pressing && *over > thrown) {
            Some(over) => beyond.push(acknowledged.saturating_duration_since(over)),
            None => alone.push(acknowledged - thrown),
        }
        stage.world.ledger.kill_off(&KillScope::Global, BY).await.expect("it is off again");
    }
    let worst = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    println!(
        "{trials} trials: {sent} sent before, {stopped} stopped, 0 after the acknowledgement; acknowledged in {:?} (median), {:?} (worst); \
         {} with a press under way: {:?}, {:?} after it was over",
        median(&mut alone),
        worst(&alone),
        beyond.len(),
        median(&mut beyond),
        worst(&beyond),
    );
    stage.end().await;
}
