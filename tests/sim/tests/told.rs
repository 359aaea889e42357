//! What is left behind by each outcome: the action as the ledger has it, and each episode's manifest, line by line. Whatever the engine
//! stops telling, or tells otherwise, is seen here. `INSTA_UPDATE=always` takes the new words over; they are to be read.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;

use deed_sim::book::{differences, headline, told};
use deed_sim::crash;
use deed_sim::luck::{Luck, WriteFault};
use deed_sim::run::{Bench, Outcome};
use deed_sim::setting::{Deed, Reach, Setting};
use deed_sim::sim::Harm;

/// What is told of one order under a sky of its own, after so long.
fn under(luck: Luck, deeds: Vec<(i64, Deed)>, after_ms: i64) -> Outcome {
    let one = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    Bench::new().expect("a bench").run(&Setting { deeds, horizon_ms: after_ms, ..one }).expect("a world")
}

#[test]
fn each_outcome_is_told_as_it_was() {
    let mut plain: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut book = Vec::new();
    for case in crash::cases() {
        let outcome = case.tell(Vec::new()).expect("a world");
        assert!(outcome.broken.is_empty(), "{}: {:#?}", case.name(), outcome.broken);
        book.push(headline(&case.name(), &outcome));
        let told = told(&outcome);
        match plain.get(case.flow) {
            Some(plain) if case.flow == "publish.post" || case.usual => book.extend(differences(plain, &told)),
            Some(_) => {}
            None => {
                book.extend(told.iter().map(|line| format!("  {line}")));
                plain.insert(case.flow, told);
            }
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}

/// What stands in the ledger and in the proof while it is not over yet, and what is typed anew.
#[test]
fn what_is_under_way_is_told_as_it_was() {
    let luck = Luck::default();
    let restored = |restores| Luck { restores, ..luck };
    let written = |write| Luck { write, ..luck };
    let set = |ahead_ms| vec![(0, Deed::SetClock(ahead_ms, 60_000))];
    let worlds = [
        ("made and seen", luck, Vec::new(), 60_000),
        ("an old draft comes back once", restored(1), Vec::new(), 60_000),
        ("an old draft comes back twice", restored(2), Vec::new(), 60_000),
        ("an old draft comes back each time", restored(9), Vec::new(), 60_000),
        ("not known yet: the request was lost", written(WriteFault::RequestLost), Vec::new(), 25_000),
        ("not known yet: error after the write", written(WriteFault::ErrorAfter), Vec::new(), 9_200),
        ("not known yet: too many", written(WriteFault::TooMany), Vec::new(), 25_000),
        ("not known yet: late answer", written(WriteFault::Late(25_000)), Vec::new(), 9_500),
        ("a clock that is ahead", luck, set(3_600_000), 25_000),
        ("a clock that is behind", luck, set(-3_600_000), 25_000),
        ("the switch of the account", luck, vec![(0, Deed::Throw(Reach::Account(0), 10_000))], 60_000),
        ("suspended for a while", luck, vec![(0, Deed::Suspend(0, 10_000))], 60_000),
    ];
    let mut plain: Option<Vec<String>> = None;
    let mut book = Vec::new();
    for (name, luck, deeds, after_ms) in worlds {
        let outcome = under(luck, deeds, after_ms);
        book.push(headline(name, &outcome));
        let told = told(&outcome);
        match &plain {
            Some(plain) => book.extend(differences(plain, &told)),
            None => plain = Some(told),
        }
    }
    insta::assert_snapshot!(book.join("\n"));
}
