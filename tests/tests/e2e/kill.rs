//! The kill switch, thrown at a random moment of an episode: after it was acknowledged nothing reaches the platform.
//!
//! Every other trial is aimed at a press under way: the platform answers late, so that the press lasts, and the switch is thrown meanwhile.
//! `DEED_KILL_TRIALS` sets the number of trials (12 by default; `make kill-trials`: 200), `DEED_KILL_SEED` their moments. What an
//! acknowledgement takes is printed, and not asserted.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed::commands::kill::until_no_press;
use deed::world::{DirectoryProofs, RealWorld, SystemClock, now};
use deed_chromium::Chromium;
use deed_core::episode;
use deed_core::ports::World;
use deed_core::ports::ledger::KillScope;
use deed_core::state::State;
use deed_fixtures::{Faults, WriteKind};
use deed_ledger::{Operator, SqlLedger};
use deed_tests::{Hooked, Stage, wait_for};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::Notify;

const BY: Operator<'static> = Operator { by: "ann", reason: "a trial" };

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How late the platform answers where a press is to last.
const ANSWERS_AFTER_MS: u64 = 1200;

/// A world that tells when each boundary was reached.
struct Timed<'s> {
    inner: &'s RealWorld,
    at: Mutex<BTreeMap<&'static str, Instant>>,
    armed: Notify,
}

impl<'s> Timed<'s> {
    fn new(inner: &'s RealWorld) -> Self {
        Self { inner, at: Mutex::default(), armed: Notify::new() }
    }

    fn at(&self, name: &str) -> Option<Instant> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// When nothing of the press could be under way any more: it is known what became of it, or that it was none.
    fn press_over(&self) -> Option<Instant> {
        self.at("receipt").or_else(|| self.at("pressed"))
    }
}

impl World for Timed<'_> {
    type Browser = Chromium;
    type Ledger = SqlLedger;
    type Proofs = DirectoryProofs;
    type Clock = SystemClock;

    fn browser(&self) -> &Chromium {
        self.inner.browser()
    }

    fn ledger(&self) -> &SqlLedger {
        self.inner.ledger()
    }

    fn proofs(&self) -> &DirectoryProofs {
        self.inner.proofs()
    }

    fn clock(&self) -> &SystemClock {
        self.inner.clock()
    }

    fn boundary(&self, name: &'static str) {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Instant::now());
        if name == "armed" {
            self.armed.notify_one();
        }
    }
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
        let aimed = trial % 2 == 1;
        stage.faults(Faults { write_delay_ms: if aimed { ANSWERS_AFTER_MS } else { 0 }, ..Faults::default() });
        let world = Timed::new(&stage.world);
        let share = dice.random_range(0.0..1.0);
        let throw = async {
            if aimed {
                world.armed.notified().await;
                tokio::time::sleep(Duration::from_millis(ANSWERS_AFTER_MS).mul_f64(share)).await;
            } else {
                tokio::time::sleep(whole.mul_f64(share)).await;
            }
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
        match world.press_over().filter(|over| pressing && *over > thrown) {
            Some(over) => beyond.push(acknowledged.saturating_duration_since(over)),
            None if pressing => {}
            None => alone.push(acknowledged - thrown),
        }
        stage.world.ledger.kill_off(&KillScope::Global, BY).await.expect("it is off again");
    }
    let worst = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    assert!(trials < 4 || !beyond.is_empty(), "no trial fell on a press under way");
    println!(
        "{trials} trials: {sent} sent before, {stopped} stopped, 0 after the acknowledgement; {} without a press under way: acknowledged in \
         {:?} (median), {:?} (worst); {} with one: {:?}, {:?} after it was over",
        alone.len(),
        median(&mut alone),
        worst(&alone),
        beyond.len(),
        median(&mut beyond),
        worst(&beyond),
    );
    stage.end().await;
}

/// The platform answers later than the recipe waits for its word: the press is under way until its session is closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_press_whose_write_was_not_answered_is_under_way_still() {
    let mut stage = Stage::new().await;
    let recipe = Arc::make_mut(&mut stage.recipe);
    recipe.flows.get_mut("publish.post").expect("it publishes").receipt.within_ms = 500;
    stage.faults(Faults { write_delay_ms: 20_000, ..Faults::default() });
    let seen = Mutex::new(None);
    let world = Hooked::new(&stage.world, "unknown", || {
        let pressing = wait_for(stage.world.ledger.pressing(&KillScope::Global)).expect("the ledger answers");
        let answered = stage.practice.truth().writes.iter().any(|write| write.answered != 0);
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((pressing, answered));
    });
    let action = stage.file("Answered late", Vec::new(), None).await;
    let claim = stage.claim(&action).await;
    let ending =
        episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("the ledger answers");
    let (pressing, answered) = seen.lock().unwrap_or_else(PoisonError::into_inner).expect("it was pressed");
    assert!(!answered && pressing.is_some(), "answered {answered}, under way until {pressing:?}: {ending:#?}");
    assert_eq!(stage.practice.truth().publishes_of("Answered late"), 1);
    stage.end().await;
}
