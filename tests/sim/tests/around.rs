//! What stands around the page: a proof store that fails, a recording, the picture of a profile. What is told of it, compared line by line
//! with what is told where nothing is the matter. `INSTA_UPDATE=always` takes new words over; they are to be read.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::ops::Range;

use deed_core::episode::Record;
use deed_sim::book::{differences, headline, told};
use deed_sim::luck::{Luck, Profile, WriteFault};
use deed_sim::run::{Bench, Outcome};
use deed_sim::setting::{Avatar, Setting, StoreFails};
use deed_sim::sim::Harm;

fn setting(luck: Luck) -> Setting {
    let one = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    // Nobody goes round who would let it be tried again.
    Setting { round_ms: 10_000_000_000, horizon_ms: 600_000, grace_ms: 0, ..one }
}

fn run(setting: &Setting) -> Outcome {
    let outcome = Bench::new().expect("a bench").run(setting).expect("a world");
    assert!(outcome.broken.is_empty(), "{:?} {:#?}\n{:#?}", setting.store_fails, outcome.broken, outcome.story);
    outcome
}

fn failing(seals_only: bool, calls: Range<u32>) -> StoreFails {
    StoreFails { seals_only, calls }
}

/// Proof that can not be kept ends what was not pressed yet, and changes nothing of what became of what was.
#[test]
fn a_proof_store_that_fails_is_told_and_changes_no_outcome() {
    let mut book = Vec::new();
    for (name, luck) in [
        ("made and seen", Luck::default()),
        ("response lost", Luck { write: WriteFault::ResponseLost, ..Luck::default() }),
        ("request lost", Luck { write: WriteFault::RequestLost, ..Luck::default() }),
        ("another's profile", Luck { profile: Profile::Other, ..Luck::default() }),
    ] {
        let plain = run(&setting(luck));
        let plain = told(&plain);
        for (from, times) in (1..9).flat_map(|call| [(call, 1), (call, 6)]) {
            let outcome = run(&Setting { store_fails: failing(false, from..from + times), ..setting(luck) });
            book.push(headline(&format!("{name}, the proof store fails at call {from}, {times} time(s)"), &outcome));
            let (more, less): (Vec<_>, Vec<_>) =
                differences(&plain, &told(&outcome)).into_iter().partition(|line| line.starts_with('+'));
            book.extend(more);
            book.push(format!("- {} lines", less.len()));
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}

/// An object whose proof could not be sealed is looked at again, less and less often, and not for ever.
#[test]
fn proof_that_can_not_be_sealed_is_tried_again_ever_more_seldom() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let fails = Setting { store_fails: failing(true, 1..u32::MAX), ..setting(Luck::default()) };
    let outcome = Bench::new().expect("a bench").run(&Setting { horizon_ms: 9 * DAY_MS, ..fails }).expect("a world");
    assert_eq!(outcome.writes, 1);
    assert!(
        outcome.broken.len() == 1 && outcome.broken[0].contains("its proof is"),
        "the checker sees that it was given up: {:#?}",
        outcome.broken
    );
    let minutes: Vec<i64> = outcome
        .story
        .iter()
        .filter(|line| line.what == "the proof store fails")
        .map(|line| line.since_ms / 60_000)
        .collect();
    let pauses: Vec<i64> = minutes.windows(2).map(|two| two[1] - two[0]).collect();
    insta::assert_snapshot!(format!("{pauses:?}"));
    let a_while = Setting { store_fails: failing(true, 1..6), ..setting(Luck::default()) };
    let outcome = run(&Setting { horizon_ms: DAY_MS, ..a_while });
    assert_eq!(outcome.endings.get("postcheck_complete"), Some(&1), "{:?}", outcome.endings);
}

#[test]
fn what_is_recorded_is_told() {
    let plain = told(&run(&setting(Luck::default())));
    let mut book = Vec::new();
    for (name, record, approvals) in [
        ("all", Record::Always, 0),
        ("all, of medium risk", Record::Always, 1),
        ("what is of high risk, of low risk", Record::HighRisk, 0),
        ("what is of high risk, of medium risk", Record::HighRisk, 1),
        ("what is of high risk, of high risk", Record::HighRisk, 2),
        ("nothing, of high risk", Record::Never, 2),
    ] {
        let mut setting = Setting { record, round_ms: 30_000, ..setting(Luck::default()) };
        setting.orders[0].approvals = approvals;
        let outcome = run(&setting);
        book.push(headline(name, &outcome));
        book.extend(differences(&plain, &told(&outcome)));
    }
    insta::assert_snapshot!(book.join("\n"));
}

#[test]
fn the_picture_of_a_profile_is_a_signal() {
    let plain = told(&run(&setting(Luck::default())));
    let mut book = Vec::new();
    for avatar in [Avatar::Right, Avatar::Other, Avatar::Unloaded, Avatar::Gone] {
        for profile in [Profile::Right, Profile::Other, Profile::Public, Profile::NameOnly, Profile::SwitcherSays] {
            let luck = Luck { profile, ..Luck::default() };
            let outcome = run(&Setting { avatar: Some(avatar), ..setting(luck) });
            book.push(headline(&format!("picture {avatar:?}, profile {profile:?}"), &outcome));
            let of_identity =
                |line: &String| ["identity", "handle", "avatar", "switcher"].iter().any(|w| line.contains(w));
            book.extend(differences(&plain, &told(&outcome)).into_iter().filter(of_identity));
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}
