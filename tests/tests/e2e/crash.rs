//! The real `deed` process, killed with SIGKILL at every boundary of an episode and at random moments around the press.
//!
//! After recovery the platform shows at most one write for each order, every action has ended or waits for a person, the proof
//! and the audit log verify, and no browser is left. `DEED_CRASH_RUNS` sets the number of runs (60 by default).
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::HANDLE;
use deed_tests::process::Home;

/// The boundaries of an episode, in order, and those of the recovery that follows.
const BOUNDARIES: [&str; 17] = [
    "claimed",
    "preflight_passed",
    "opened",
    "identity_verified",
    "deduped",
    "composed",
    "reviewed",
    "proof_durable",
    "armed",
    "pressed",
    "receipt",
    "verified",
    "confirmed",
    "sealed",
    "postchecked",
    "released",
    // Reached when nothing kills it: the run without a crash is part of the set.
    "never",
];

/// Boundaries of recovery itself: the second process is killed there as well.
const IN_RECOVERY: [&str; 4] = ["old_browser_ended", "taken_over", "recovered_unknown", "verified"];

/// Runs a command and kills it with SIGKILL when its words say that it is where we want it. Returns whether SIGKILL ended it.
fn run_and_kill(mut command: Command, when: impl Fn(&str) -> bool, then_wait: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("deed starts");
    let words = BufReader::new(child.stderr.take().expect("its words"));
    let mut reached = false;
    for line in words.lines().map_while(Result::ok) {
        if when(&line) {
            reached = true;
            break;
        }
    }
    if reached {
        let until = Instant::now() + then_wait;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        child.kill().expect("it is killed");
    }
    let status = child.wait().expect("it ended");
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

/// How a run is killed.
enum Kill {
    At(&'static str),
    /// So long after the composer was reviewed: before, in and after arm, press and receipt.
    AroundThePress(Duration),
}

/// One order, one kill, one recovery; returns how many processes were killed.
fn one_run(practice: &Practice, number: usize, kill: &Kill, in_recovery: Option<&str>) -> usize {
    let home = Home::new(practice);
    let text = format!("Crash run {number}: open from seven");
    home.order(&text);

    let mut act = home.command(&["act", "order.json"]);
    let mut killed = 0;
    let story = match kill {
        Kill::At(boundary) => {
            act.env("DEED_HALT_AT", boundary);
            killed += usize::from(run_and_kill(act, |line| line.contains("halted at"), Duration::ZERO));
            format!("run {number}, killed at {boundary}")
        }
        Kill::AroundThePress(after) => {
            act.env("DEED_LOG", "deed=debug");
            let composed = |line: &str| line.contains("boundary") && line.contains("composed");
            killed += usize::from(run_and_kill(act, composed, *after));
            format!("run {number}, killed {after:?} after the composer was filled")
        }
    };
    if let Some(boundary) = in_recovery {
        let mut work = home.command(&["work", "--until-idle"]);
        work.env("DEED_HALT_AT", boundary);
        killed += usize::from(run_and_kill(work, |line| line.contains("halted at"), Duration::ZERO));
    }

    // Recovery, by a new process; it also finishes what had not been armed.
    let output = home.command(&["work", "--until-idle"]).output().expect("deed works");
    let words = String::from_utf8_lossy(&output.stderr);
    let queue: serde_json::Value = serde_json::from_str(&home.ok(&["queue", "list", "--json"])).expect("JSON");
    let actions = queue.get("actions").unwrap_or(&queue).as_array().expect("a list of actions").clone();

    let writes = practice.truth().publishes_of(&text);
    assert!(writes <= 1, "{story}: {writes} writes reached the platform\n{words}");
    for action in &actions {
        let state = action["state"].as_str().expect("a state");
        let held = !action["hold"].is_null();
        let ended = matches!(state, "postcheck_complete" | "confirmed_success" | "confirmed_failed");
        assert!(ended || held, "{story}: an action is left {state}\n{action}\n{words}");
        match state {
            "postcheck_complete" | "confirmed_success" => assert_eq!(writes, 1, "{story}: {state} without a write"),
            "confirmed_failed" => assert_eq!(writes, 0, "{story}: {state} although it was written\n{action}\n{words}"),
            _ => {}
        }
        let id = action["action_id"].as_str().expect("an id");
        if action["manifest"].is_string() {
            home.ok(&["proof", "verify", id]);
        }
    }
    home.ok(&["audit", "verify"]);
    let until = Instant::now() + Duration::from_secs(30);
    while !home.browsers_left().is_empty() && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let left = home.browsers_left();
    assert!(left.is_empty(), "{story}: browsers left: {left:#?}");
    killed
}

fn every_kill(runs: usize) -> Vec<(Kill, Option<&'static str>)> {
    let mut kills: Vec<_> = BOUNDARIES.iter().map(|b| (Kill::At(b), None)).collect();
    kills.extend(IN_RECOVERY.iter().map(|r| (Kill::At("pressed"), Some(*r))));
    // Evenly spread with a golden-ratio step, so that any number of runs covers the whole stretch without a clock's help.
    let mut at = 0.5_f64;
    while kills.len() < runs {
        at = (at + 0.618_033_988_75).fract();
        kills.push((Kill::AroundThePress(Duration::from_micros((at * 450_000.0) as u64)), None));
    }
    kills
}

#[test]
fn killed_at_any_moment_nothing_is_posted_twice_and_nothing_hangs() {
    let runs = std::env::var("DEED_CRASH_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let kills = every_kill(runs);
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((kill, in_recovery)) = kills.get(number) else { return };
                    killed.fetch_add(one_run(&practice, number, kill, *in_recovery), Ordering::Relaxed);
                }
            });
        }
    });
    let truth = practice.truth();
    let strangers: Vec<_> = truth.writes.iter().filter(|w| w.stored && w.account.as_deref() != Some(HANDLE)).collect();
    let published = truth.writes.iter().filter(|w| w.kind == deed_fixtures::WriteKind::Publish).count();
    let killed = killed.into_inner();
    let strangers_count = strangers.len();
    println!(
        "{runs} orders, {killed} SIGKILLs, {published} posts, none twice, {strangers_count} as another account, 0 browsers left"
    );
    assert!(killed >= kills.len() / 2, "only {killed} of {runs} runs were killed: the kills miss their moment");
    assert!(strangers.is_empty(), "{strangers:?}");
    runtime.block_on(practice.stop());
}
