//! Seeds, crash by crash, and that a seed is one run: the bounded forms. The long ones: `make sim`, `make sim-crash`.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::process::Command;

use deed_sim::crash;
use deed_sim::luck::{Luck, PressFault, WriteFault};
use deed_sim::run::{Bench, Driver};
use deed_sim::setting::Setting;
use deed_sim::sim::Harm;
use deed_sim::sources::COMMIT;

/// A number from the environment, for the long forms.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn kept(from: u64, count: u64) {
    let mut bench = Bench::new().expect("a bench");
    for seed in from..from + count {
        let outcome = bench.run(&Setting::of_seed(seed, false)).expect("a world");
        assert!(
            outcome.broken.is_empty(),
            "seed {seed} of {} (`deed-sim explain {seed}`): {:#?}",
            *COMMIT,
            outcome.broken
        );
    }
}

#[test]
fn every_seed_keeps_every_promise() {
    kept(1, number("DEED_SIM_SEEDS", 12));
}

/// What this luck makes of a plain post of one worker.
fn one(luck: Luck) -> deed_sim::run::Outcome {
    let setting = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    Bench::new().expect("a bench").run(&setting).expect("a world")
}

#[test]
fn a_plain_order_is_made_once_and_seen() {
    let outcome = one(Luck::default());
    assert_eq!((outcome.writes, &outcome.broken), (1, &Vec::new()), "{:#?}", outcome.story);
    assert_eq!(outcome.endings.get("postcheck_complete"), Some(&1), "{:?}", outcome.endings);
}

#[test]
fn a_late_write_is_found_and_a_platform_that_lies_is_not_believed() {
    let late = one(Luck { press: PressFault::Slow(14_500), shown_milli: 1_000, ..Luck::default() });
    assert!(late.broken.is_empty(), "{:?}", late.broken);
    let lie = one(Luck { write: WriteFault::NothingMade, ..Luck::default() });
    assert_eq!(lie.endings.get("failed: not_found_after_attempt"), Some(&1), "{:?}", lie.endings);
}

#[test]
fn a_seed_is_the_same_story_by_the_driver_that_the_ledger_is_delivered_with() {
    let told = |driver| {
        let mut bench = Bench::on(driver).expect("a bench");
        let mut run = |seed| bench.run(&Setting::of_seed(seed, true).with_orders(6)).expect("a world").story;
        (1..=number("DEED_SIM_DRIVERS", 8)).map(&mut run).collect::<Vec<_>>()
    };
    let (direct, delivered) = (told(Driver::Direct), told(Driver::Delivered));
    assert!(direct.iter().all(|story| story.len() > 50), "{direct:#?}");
    for (seed, (direct, delivered)) in direct.iter().zip(&delivered).enumerate() {
        assert_eq!(direct, delivered, "seed {}", seed + 1);
    }
}

#[test]
fn the_same_seed_is_the_same_story_in_another_process() {
    let seeds = number("DEED_SIM_TRACES", 100).to_string();
    let told = || {
        let output = Command::new(env!("CARGO_BIN_EXE_deed-sim"))
            .args(["trace", "1", "--seeds", &seeds, "--orders", "5"])
            .output();
        String::from_utf8(output.expect("it runs").stdout).expect("text")
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(told);
        (told(), other.join().expect("it ends"))
    });
    assert_eq!(one.lines().count().to_string(), seeds);
    assert_eq!(one, other);
}

#[test]
fn cut_at_every_point_and_its_recovery_too_a_post_keeps_every_promise() {
    let mut bench = Bench::new().expect("a bench");
    let parts = number("DEED_SIM_CRASH_PARTS", 8);
    let case = crash::cases().into_iter().find(|c| c.what == "made and seen").expect("the plain case");
    let swept = case.sweep(&mut bench, 3 % parts, parts).expect("worlds");
    assert!(swept.pairs > 0 && swept.points > 20, "{swept:?}");
    assert!(swept.broken.is_empty(), "{:#?}", swept.broken);
}
