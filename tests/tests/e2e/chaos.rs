//! Everything at once, to the real process with a real browser: runners killed and stopped, browsers and tabs killed,
//! the ledger locked or cut off, the proof store gone or its S3 server cut off, the disk full, the clock stepped; half
//! of the kills within a few milliseconds of the press.
//!
//! After each: one recovery, then the platform is asked for its truth. No order is written twice or as another account, every action has
//! ended or waits for a person, proofs and audit log verify, no browser is left. `DEED_CHAOS_RUNS` and `DEED_CHAOS_SEED` make it longer or
//! another one (`make chaos`: 2000).
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};
use deed_tests::HANDLE;
use deed_tests::chaos::{Aim, Blow, GATE, Gone, Moment, PRESS, SteppedClock, Watched, browser_processes, signal};
use deed_tests::process::{Home, run_until, words_within};
use deed_tests::s3;
use deed_tests::s3::faulty::{Fault, Faulty};

use crate::postgres;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// How near to the press a kill counts as near, in milliseconds: to the input or to the write that it makes, of which either may be what
/// is lost.
const NEAR_MS: i64 = 5;

/// How long the recovery may take, a loaded machine's reads included.
const RECOVERY_MAX: Duration = Duration::from_secs(600);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One run that is to be: what, when, and how long, where it lasts.
#[derive(Debug, Clone, Copy)]
struct Plan {
    blow: Blow,
    moment: Moment,
    lasts: Duration,
    /// Of the clock.
    step_s: i64,
}

/// Boundaries from the claim to the end.
const BOUNDARIES: [&str; 9] =
    ["claimed", "opened", "composed", "proof_durable", "armed", "pressed", "receipt", "verified", "sealed"];

fn plans(runs: u64, dice: &mut StdRng) -> Vec<Plan> {
    let plan = |number: u64| {
        let other = usize::try_from(number / 3).unwrap_or(0) % (Blow::ALL.len() - 1) + 1;
        // Two of three are kills.
        let blow = if number % 3 == 2 { Blow::ALL[other] } else { Blow::Kill };
        let boundary = BOUNDARIES[dice.random_range(0..BOUNDARIES.len())];
        let any = Moment::After(boundary, Duration::from_millis(dice.random_range(0..60)));
        let near = Moment::AroundThePress(dice.random_range(-4_000..4_000));
        // Before the permit a wrong clock is a wrong clock: what the platform's own clock says is compared with it.
        let moment = match blow {
            Blow::ClockStepped => Moment::After("armed", Duration::from_millis(dice.random_range(0..200))),
            // Of nine runs six are kills: one anywhere, one aimed at by time, which may be before the press, two at the
            // input, two at the write.
            Blow::Kill if number.is_multiple_of(9) => any,
            Blow::Kill if number % 9 == 1 => near,
            Blow::Kill if number % 9 < 5 => Moment::AfterThePress(Duration::from_micros(dice.random_range(0..3_000))),
            Blow::Kill => Moment::AfterTheGate(Duration::from_micros(dice.random_range(0..3_000))),
            _ if dice.random_bool(0.5) => near,
            _ => any,
        };
        let lasts = Duration::from_millis(if dice.random_bool(0.1) { 12_000 } else { dice.random_range(200..2_500) });
        Plan { blow, moment, lasts, step_s: if dice.random_bool(0.5) { 3_600 } else { -3_600 } }
    };
    (0..runs).map(plan).collect()
}

/// Where one order is carried out.
struct Place {
    home: Home,
    /// Where the ledger's file and the proofs are.
    data: PathBuf,
    clock: Option<SteppedClock>,
    server: Option<String>,
    /// What stands before the S3 server, and the bucket.
    store: Option<(Faulty, String)>,
}

impl Place {
    /// `None`: this blow can not be dealt here.
    fn new(practice: &Practice, blow: Blow) -> Option<Self> {
        let (home, server) = match blow {
            Blow::DiskFull => (Home::with_small_disk(24 * 1024).filter(|home| home.disk().takes_a_browser())?, None),
            Blow::LedgerCut => {
                let address = postgres::new_schema();
                (Home::on_server(&address), Some(address))
            }
            _ => (Home::empty(), None),
        };
        home.connect(practice);
        let mut data = home.path().join("data");
        if blow == Blow::DiskFull {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(&data).arg(home.disk().from_outside());
            assert!(copy.status().expect("cp runs").success());
            data = home.path().join("disk/data");
        }
        let clock = if blow == Blow::ClockStepped { Some(SteppedClock::new(&home)?) } else { None };
        let store = (blow == Blow::StoreCut).then(|| (Faulty::before(s3::server().port()), s3::server().bucket(false)));
        Some(Self { home, data, clock, server, store })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env("DEED_DATA", &self.data);
        if let Some((before, bucket)) = &self.store {
            command.envs(s3::episodes::environment()).env("AWS_ENDPOINT_URL_S3", before.endpoint());
            command.env("DEED_PROOFS", format!("s3://{bucket}/agency"));
        }
        command
    }

    fn said(&self, args: &[&str]) -> deed_tests::process::Said {
        self.home.run(self.command(args))
    }
}

/// Holds the write lock of the ledger's file.
fn lock_for(ledger: PathBuf, time: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(ledger).busy_timeout(Duration::from_secs(60));
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.expect("the ledger's file");
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("the lock");
        tokio::time::sleep(time).await;
        sqlx::query("ROLLBACK").execute(&mut other).await.expect("it is let go");
        other.close().await.expect("closed");
    });
}

/// Ends the connections, and for the time the new ones too.
fn cut_off(address: &str, time: Duration) {
    let other = address.replace("application_name=", "application_name=test_");
    let schema = address.split("application_name=").nth(1).and_then(|rest| rest.split('&').next()).expect("a name");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection as _;
        let mut raw = sqlx::PgConnection::connect(&other).await.expect("the server");
        let until = Instant::now() + time;
        loop {
            sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
                .bind(schema)
                .execute(&mut raw)
                .await
                .expect("they are ended");
            if Instant::now() >= until {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        raw.close().await.expect("closed");
    });
}

/// Deals the blow, and mends it when its time is over; the runner has ended when this returns.
fn strike(place: &Place, act: &mut Watched, plan: &Plan) {
    let runner = act.child.id();
    let wait = || std::thread::park_timeout(plan.lasts);
    match plan.blow {
        Blow::Kill => {
            let _ = act.child.kill();
        }
        Blow::Stop => {
            signal("-STOP", &[runner]);
            wait();
            signal("-CONT", &[runner]);
        }
        Blow::BrowserKilled | Blow::TabCrashed => {
            let tab = plan.blow == Blow::TabCrashed;
            let struck = browser_processes(&place.home).into_iter().filter(|(_, kind)| !tab || kind == "renderer");
            signal("-KILL", &struck.map(|(id, _)| id).collect::<Vec<_>>());
        }
        Blow::LedgerLocked => lock_for(place.data.join("ledger.sqlite"), plan.lasts),
        Blow::LedgerCut => cut_off(place.server.as_deref().expect("a server"), plan.lasts),
        Blow::StoreCut => {
            let (before, _) = place.store.as_ref().expect("a store");
            before.does(&[Fault::Refused, Fault::CutBody, Fault::NoAnswer], 1000);
            wait();
            before.does(&[], 0);
        }
        Blow::ProofsGone => {
            let proofs = place.data.join("proofs");
            let _gone = Gone::take(&proofs);
            act.end();
        }
        Blow::DiskFull => {
            place.home.disk().fill(0);
            act.end();
            place.home.disk().make_room();
        }
        Blow::ClockStepped => place.clock.as_ref().expect("a clock").step(plan.step_s),
    }
    act.end();
}

/// What one run came to.
struct Came {
    state: String,
    /// Whether it was struck before its end.
    struck: bool,
    /// How far from the press, where both are known.
    from_the_press_ms: Option<i64>,
    wrote: usize,
}

fn one_run(practice: &Practice, number: usize, plan: &Plan, aim: &Mutex<Aim>) -> Option<Came> {
    let place = Place::new(practice, plan.blow)?;
    let text = format!("Chaos {number}: open from seven");
    place.home.order(&text);
    let mut command = place.command(&["act", "order.json"]);
    if let Some(clock) = &place.clock {
        clock.govern(&mut command);
    }
    let mut act = Watched::start(command);
    let middle = aim.lock().unwrap_or_else(PoisonError::into_inner).middle();
    let struck = act.wait_for(plan.moment, &Aim::of(middle));
    let at = deed::world::now().0;
    if struck {
        strike(&place, &mut act, plan);
    } else {
        act.end();
    }
    let story = format!("run {number}, {plan:?}");
    if plan.blow == Blow::Kill || !struck {
        aim.lock().unwrap_or_else(PoisonError::into_inner).learn(&act.seen);
    }

    // The recovery, under a right clock; it finishes what had not been armed.
    let words = words_within(&mut place.command(&["work", "--until-idle"]), RECOVERY_MAX).unwrap_or_else(|| {
        let queue = place.said(&["queue", "list"]).json;
        panic!("the recovery went on for more than {RECOVERY_MAX:?}: {story}\n{}\n{queue:#}", act.seen.lines.join("\n"))
    });
    let told = || format!("{story}\n{}\nrecovery:\n{words}", act.seen.lines.join("\n"));
    let writes: Vec<_> = practice
        .truth()
        .writes
        .into_iter()
        .filter(|write| write.kind == WriteKind::Publish && write.text == text)
        .collect();
    assert!(writes.len() <= 1, "{} writes\n{}", writes.len(), told());
    assert!(writes.iter().all(|write| write.account.as_deref() == Some(HANDLE)), "{writes:?}\n{}", told());
    let queue = place.said(&["queue", "list"]);
    let action = match queue.json.as_array().and_then(|all| all.first()) {
        Some(action) => action.clone(),
        // It was struck before its order was filed.
        None => serde_json::json!({ "state": "not_filed", "hold": null }),
    };
    let state = action["state"].as_str().expect("a state").to_owned();
    match (state.as_str(), writes.len()) {
        ("postcheck_complete" | "confirmed_success", 1) | ("confirmed_failed" | "not_filed", 0) => {}
        ("queued", 0) => assert!(!action["hold"].is_null(), "queued without a hold: {action}\n{}", told()),
        other => panic!("{other:?}: {action}\n{}", told()),
    }
    if let (Some(id), true) = (action["action_id"].as_str(), action["manifest"].is_string()) {
        // Proof that could not be kept is told; the outcome stands.
        let incomplete = told().contains("proof is incomplete");
        assert!(place.said(&["proof", "verify", id]).code == 0 || incomplete, "its proof does not verify\n{}", told());
    }
    if place.store.is_some() {
        // What could not be brought to the store is remembered, and brought there once it answers.
        place.said(&["proof", "upload"]);
        let pending = place.said(&["proof", "pending"]).json["pending"].clone();
        assert_eq!(pending, serde_json::json!([]), "{}", told());
    }
    assert_eq!(place.said(&["audit", "verify"]).json["ok"], true, "{}", told());
    let until = Instant::now() + Duration::from_secs(30);
    while !place.home.browsers_left().is_empty() && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let left = place.home.browsers_left();
    assert!(left.is_empty(), "browsers left: {left:#?}\n{}", told());

    let middle = || aim.lock().unwrap_or_else(PoisonError::into_inner).middle();
    let written = act.seen.at(GATE).or_else(|| {
        // Killed before its word was out: the platform has it, or it would have come about then.
        let armed = act.seen.at("boundary=\"armed\"")?;
        writes.first().map(|w| w.at.as_millisecond()).or(Some(armed + i64::try_from(middle().as_millis()).unwrap_or(0)))
    });
    let known = [act.seen.at(PRESS), written].into_iter().flatten().map(|moment| at - moment);
    let from_the_press_ms = known.min_by_key(|from| from.abs()).filter(|_| struck && plan.blow != Blow::ClockStepped);
    let state = match action["hold"]["reason"].as_str() {
        Some(reason) => format!("held: {reason}"),
        None => state,
    };
    Some(Came { state, struck, from_the_press_ms, wrote: writes.len() })
}

fn table(all: &[(Plan, Came)]) -> String {
    let mut table = format!("{:<14} {:>5} {:>7} {:>7} {:>6}  outcome\n", "fault", "runs", "struck", "within", "wrote");
    for blow in Blow::ALL {
        let of: Vec<_> = all.iter().filter(|(plan, _)| plan.blow == blow).map(|(_, came)| came).collect();
        if of.is_empty() {
            continue;
        }
        let near = of.iter().filter(|came| came.from_the_press_ms.is_some_and(|ms| ms.abs() <= NEAR_MS)).count();
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        of.iter().for_each(|came| *states.entry(&came.state).or_default() += 1);
        let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let (struck, wrote) = (of.iter().filter(|c| c.struck).count(), of.iter().map(|c| c.wrote).sum::<usize>());
        let name = format!("{blow:?}");
        table += &format!("{name:<14} {:>5} {struck:>7} {near:>7} {wrote:>6}  {}\n", of.len(), states.join(", "));
    }
    table
}

#[test]
fn whatever_breaks_in_the_middle_nothing_is_written_twice_and_all_is_told() {
    let (runs, seed) = (setting("DEED_CHAOS_RUNS", 60), setting("DEED_CHAOS_SEED", 1));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let plans = plans(runs, &mut StdRng::seed_from_u64(seed));
    let (next, aim, all) = (AtomicUsize::new(0), Mutex::new(Aim::default()), Mutex::new(Vec::new()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = plans.get(number) else { return };
                    match one_run(&practice, number, plan, &aim) {
                        Some(came) => all.lock().unwrap_or_else(PoisonError::into_inner).push((*plan, came)),
                        None => println!("run {number}: {:?} can not be dealt here", plan.blow),
                    }
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let strangers = practice.truth().writes.iter().filter(|w| w.stored && w.account.as_deref() != Some(HANDLE)).count();
    let kills = all.iter().filter(|(plan, came)| plan.blow == Blow::Kill && came.struck);
    let near = |came: &Came, ms| came.from_the_press_ms.is_some_and(|from| from.abs() <= ms);
    let (kills, near_5, near_20) = kills.fold((0, 0, 0), |(all, five, twenty), (_, came)| {
        (all + 1, five + usize::from(near(came, NEAR_MS)), twenty + usize::from(near(came, 4 * NEAR_MS)))
    });
    println!(
        "seed {seed}: {} runs in {:.0} s, {kills} kills, of them {near_5} within {NEAR_MS} ms of the press and {near_20} within {} ms; \
         0 written twice, {strangers} as another account, 0 browsers left\n{}",
        all.len(),
        begun.elapsed().as_secs_f64(),
        4 * NEAR_MS,
        table(&all)
    );
    assert_eq!(strangers, 0);
    assert!(
        kills * 10 >= usize::try_from(runs).expect("a number") * 4,
        "only {kills} of {runs} runs were kills that struck"
    );
    runtime.block_on(practice.stop());
}

/// From permit to write it may take longer than a settle window lasts; and the platform shows late. Recovery begins at once.
#[test]
fn the_settle_window_begins_when_nothing_can_leave_any_more() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let home = Home::new(&practice);
    let text = "Armed early, written late, shown later";
    home.order(text);
    practice.set_faults(Faults { visible_after_ms: 4_000, write_delay_ms: 60_000, ..Faults::default() });
    let mut command = home.command(&["act", "order.json"]);
    command.env("DEED_LOG", "deed=debug");
    let mut runner: Child = run_until(&mut command, |line| line.contains("boundary=\"armed\"")).expect("it is armed");
    // Longer than the recipe's settle window of 2 s, and not as long as the permit.
    signal("-STOP", &[runner.id()]);
    std::thread::park_timeout(Duration::from_millis(4_500));
    signal("-CONT", &[runner.id()]);
    let until = Instant::now() + Duration::from_secs(60);
    while practice.truth().publishes_of(text) == 0 {
        let ended = runner.try_wait().expect("it can be waited for");
        assert!(ended.is_none() && Instant::now() < until, "it presses: {ended:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    runner.kill().expect("it is killed");
    runner.wait().expect("it is gone");
    practice.set_faults(Faults { visible_after_ms: 4_000, ..Faults::default() });
    let work = home.command(&["work", "--until-idle"]).stdout(Stdio::null()).output().expect("deed works");
    let action = home.run(home.command(&["queue", "list"])).json[0].clone();
    let words = String::from_utf8_lossy(&work.stderr);
    assert_eq!(practice.truth().publishes_of(text), 1);
    let state = action["state"].as_str();
    assert!(matches!(state, Some("postcheck_complete" | "confirmed_success")), "{action:#}\n{words}");
    runtime.block_on(practice.stop());
}
