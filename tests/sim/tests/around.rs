//! What stands around the page: a proof store that fails, a recording, the picture of a profile. What is told of it, compared line by line
//! with what is told where nothing is the matter. `INSTA_UPDATE=always` takes new words over; they are to be read.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::ops::Range;

use deed_core::episode::{Looks, Record};
use deed_sim::book::{differences, headline, told};
use deed_sim::check::Bounds;
use deed_sim::luck::{Led, Luck, PageFault, PressFault, Profile, WriteFault};
use deed_sim::run::{Bench, Outcome};
use deed_sim::setting::{Avatar, Away, Deed, Earlier, Order, Reach, Setting, StoreFails, outcomes};
use deed_sim::sim::Harm;

/// No person comes who would let what is held be tried again.
const NOBODY_GOES_ROUND: i64 = 10_000_000_000;

fn setting(luck: Luck) -> Setting {
    let one = Setting::of_one("publish.post", luck, Harm::At(Vec::new()), true);
    Setting { round_ms: NOBODY_GOES_ROUND, horizon_ms: 600_000, grace_ms: 0, ..one }
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

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// What is told of an outcome that begins with one of these words; what is told again and again with its number.
fn told_of(outcome: &Outcome, words: &[&str]) -> Vec<String> {
    let mut said: Vec<(String, u32)> = Vec::new();
    for line in told(outcome).into_iter().filter(|line| words.iter().any(|word| line.starts_with(word))) {
        let line = line.split(", read ").next().unwrap_or_default().to_owned();
        match said.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => said.push((line, 1)),
        }
    }
    said.into_iter().map(|(line, times)| if times > 1 { format!("{line} ×{times}") } else { line }).collect()
}

/// One entry of a book; where it says the same as the one before, only its name.
struct Book {
    lines: Vec<String>,
    last: Vec<String>,
}

impl Book {
    fn new() -> Self {
        Self { lines: Vec::new(), last: Vec::new() }
    }

    fn add(&mut self, name: &str, said: Vec<String>) {
        self.lines.push(format!("{name}{}", if said == self.last { ": the same" } else { "" }));
        if said != self.last {
            self.lines.extend(said.iter().map(|line| format!("  {line}")));
            self.last = said;
        }
    }
}

/// Each call of the ledger fails, before or after it was carried out: nothing is made twice, and all comes to its end with its proof.
#[test]
fn whichever_call_of_the_ledger_fails_all_comes_to_its_end() {
    let mut book = Book::new();
    for (name, luck, calls) in [
        ("made and seen", Luck::default(), 48),
        ("request lost", Luck { write: WriteFault::RequestLost, ..Luck::default() }, 72),
        ("another's profile", Luck { profile: Profile::Other, ..Luck::default() }, 24),
    ] {
        // One, or so many that nobody who asks again a few times gets through.
        for (call, times) in (1..calls).flat_map(|call| [(call, 1), (call, 8)]) {
            for after in [false, true] {
                let away = Away { calls: call..call + times, after };
                let outcome = run(&Setting { ledger_away: away, grace_ms: DAY_MS, ..setting(luck) });
                let said = told_of(&outcome, &["ends", "state", "proof_level"]);
                let when = if after { "after" } else { "before" };
                book.add(&format!("{name}, call {call}, {times} time(s), {when} it was carried out"), said);
            }
        }
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// Where who pressed looks until there is an answer.
#[test]
fn each_outcome_of_who_waits_for_the_answer() {
    let mut book = Book::new();
    for (name, luck) in outcomes() {
        let outcome = run(&Setting { looks: Looks::UntilAnswered, ..setting(luck) });
        book.add(name, told_of(&outcome, &["ends", "state", "proof_level", "verification"]));
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// When what waits for the platform's review is looked at again, and what is said of it.
#[test]
fn what_waits_for_review_is_looked_at_again() {
    let luck = Luck { write: WriteFault::Pending, ..Luck::default() };
    let outcome = run(&Setting { horizon_ms: 5 * DAY_MS, ..setting(luck) });
    insta::assert_snapshot!(told_of(&outcome, &["ends", "state", "object", "verification"]).join("\n"));
}

/// A clock that is wrong from the press on, for days: what is there is seen, and that something is not there is not told.
#[test]
fn under_a_wrong_clock_nothing_is_told_to_be_absent() {
    let mut book = Book::new();
    for (name, write, shown_milli) in [
        ("made", WriteFault::None, 0),
        ("made and shown late", WriteFault::None, 1_000),
        ("response lost", WriteFault::ResponseLost, 0),
        ("request lost", WriteFault::RequestLost, 0),
    ] {
        for (ahead, hours) in [(3_600_000, 1), (3_600_000, 72), (-3_600_000, 1), (-3_600_000, 72)] {
            let deeds = vec![(9_500, Deed::SetClock(ahead, hours * 60 * MINUTE_MS))];
            let setting = setting(Luck { write, shown_milli, ..Luck::default() });
            let outcome = run(&Setting { deeds, horizon_ms: 4 * DAY_MS, ..setting });
            let name = format!("{name}, {} s ahead for {hours} hours", ahead / 1_000);
            book.add(&name, told_of(&outcome, &["ends", "state", "verification"]));
        }
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// Whatever comes to a session that only looks, at whichever call.
#[test]
fn what_comes_while_looking_is_told() {
    let mut book = Book::new();
    for (name, write) in [("made", WriteFault::None), ("request lost", WriteFault::RequestLost)] {
        for fault in [PageFault::Captcha, PageFault::ServerError, PageFault::RateLimit, PageFault::Timeout] {
            for call in 1..14 {
                let luck = Luck { write, reader_page: Some((call, fault)), ..Luck::default() };
                let outcome = run(&Setting { grace_ms: DAY_MS, ..setting(luck) });
                let said = told_of(&outcome, &["ends", "state", "proof_level", "verification", "  ✗"]);
                book.add(&format!("{name}, {} at call {call}", fault.words()), said);
            }
        }
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// How long it takes until a kill switch is acknowledged: while a write may be on its way, and no longer.
#[test]
fn a_switch_waits_for_what_may_be_on_its_way_and_no_longer() {
    let mut book = Book::new();
    for (name, luck) in [
        ("made", Luck::default()),
        ("late answer", Luck { write: WriteFault::Late(6_000), ..Luck::default() }),
        ("no acknowledgement", Luck { press: PressFault::NoAck(5_000), ..Luck::default() }),
    ] {
        for at in (6_000..20_000).step_by(500) {
            let deeds = vec![(at, Deed::Throw(Reach::Global, 60_000))];
            let outcome = run(&Setting { deeds, ..setting(luck) });
            let when = |what| outcome.story.iter().find(|line| line.what == what).map(|line| line.since_ms);
            let waits =
                when("is told that nothing can follow").zip(when("throws a switch")).map(|(to, from)| to - from);
            book.add(&format!("{name}, thrown after {at} ms"), vec![format!("acknowledged after {waits:?} ms")]);
        }
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// What a crash leaves behind for who looks two minutes later.
#[test]
fn what_a_crash_leaves_is_told_before_it_is_over() {
    let mut book = Book::new();
    for (name, luck) in [
        ("request lost", Luck { write: WriteFault::RequestLost, ..Luck::default() }),
        ("no acknowledgement", Luck { press: PressFault::NoAck(5_000), ..Luck::default() }),
    ] {
        for point in 0..40 {
            let harm = Harm::At(vec![(0, point)]);
            let one = Setting { horizon_ms: 2 * MINUTE_MS, harm, ..setting(luck) };
            let outcome = Bench::new().expect("a bench").run(&one).expect("a world");
            book.add(
                &format!("{name}, crash {point}"),
                told_of(&outcome, &["ends", "state", "proof_level", "outcome"]),
            );
        }
        let one = Setting { horizon_ms: 20_000, ..setting(luck) };
        let outcome = Bench::new().expect("a bench").run(&one).expect("a world");
        book.add(
            &format!("{name}, no crash, after 20 s"),
            told_of(&outcome, &["ends", "state", "proof_level", "outcome"]),
        );
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}

/// What is over budget is held before a browser is opened for it.
#[test]
fn what_is_over_budget_opens_no_browser() {
    let mut three = setting(Luck::default());
    three.policy = "defaults: { rate_limits: { publish.post: { per_hour: 2 } } }\n";
    three.bounds = Bounds { per_hour: Some(2), ..Bounds::default() };
    three.orders = (0..3).map(|n| Order { at_ms: n * 60_000, ..three.orders[0] }).collect();
    let outcome = run(&three);
    assert_eq!(outcome.writes, 2);
    let of_the_third = |what: &str| {
        let opened = outcome.story.iter().filter(|line| line.what == what);
        opened.filter(|line| line.about.as_ref().is_some_and(|(order, _)| order == "o2")).count()
    };
    assert_eq!((of_the_third("opens a session"), of_the_third("goes to")), (0, 0));
    assert!(of_the_third("ends") > 0, "it was held");
}

/// A page that leads to another one than the order's target is acted on by nobody, and tells nothing of what became of a write.
#[test]
fn a_page_that_leads_elsewhere_is_not_the_targets() {
    let mut book = Book::new();
    for led in [Led::Actor, Led::Reader] {
        for flow in ["edit", "delete", "like", "comment_reply", "follow", "dm_send"] {
            let luck = Luck { led, ..Luck::default() };
            let one = Setting::of_one(flow, luck, Harm::At(Vec::new()), true);
            let earlier = Earlier { posts: 2, ..Earlier::default() };
            let outcome =
                run(&Setting { round_ms: NOBODY_GOES_ROUND, horizon_ms: DAY_MS, grace_ms: 0, earlier, ..one });
            assert_eq!(outcome.writes, usize::from(led == Led::Reader), "{flow}");
            book.add(&format!("{flow}, led: {led:?}"), told_of(&outcome, &["ends", "state", "dedupe", "  ✗"]));
        }
    }
    insta::assert_snapshot!(book.lines.join("\n"));
}
