//! What the binary does: `run`, `explain`, `crash`, `trace`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::crash::{self, Swept};
use crate::run::Bench;
use crate::setting::Setting;
use crate::stage::lock;

const USAGE: &str = "deed-sim run [--seeds N] [--from SEED] [--threads T] [--episodes N] | explain SEED | trace SEED [--seeds N] [--orders N] | \
                     crash [--only WORDS] [--threads T] [--every]";

/// Runs a command. `false`: a promise was broken.
///
/// # Errors
/// Usage, or a world that could not be made.
pub fn run(args: &[String]) -> Result<bool, String> {
    let named = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, otherwise: u64| match named(name) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| format!("{name} takes a number; {USAGE}")),
    };
    let seed = || args.get(1).and_then(|s| s.parse().ok()).ok_or_else(|| format!("which seed? {USAGE}"));
    match args.first().map(String::as_str) {
        Some("run") => seeds(&Seeds {
            from: number("--from", 1)?,
            count: number("--seeds", 1_000)?,
            threads: number("--threads", 2)?,
            episodes: number("--episodes", u64::MAX)?,
        }),
        Some("explain") => explain(seed()?),
        Some("trace") => trace(seed()?, number("--seeds", 1)?, number("--orders", u64::MAX)?),
        Some("crash") => {
            let every = args.iter().any(|a| a == "--every");
            crash_by_crash(named("--only").map_or("", String::as_str), number("--threads", 2)?, every)
        }
        _ => Err(USAGE.to_owned()),
    }
}

struct Seeds {
    from: u64,
    count: u64,
    threads: u64,
    episodes: u64,
}

#[derive(Default)]
struct Sums {
    seeds: u64,
    episodes: u64,
    events: u64,
    writes: usize,
    simulated_ms: i64,
    endings: BTreeMap<String, u64>,
    broken: Vec<(u64, Vec<String>)>,
}

fn seeds(plan: &Seeds) -> Result<bool, String> {
    let begun = Instant::now();
    let next = AtomicU64::new(plan.from);
    let sums = Mutex::new(Sums::default());
    let work = || -> Result<(), String> {
        let mut bench = Bench::new()?;
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            let enough = {
                let sums = lock(&sums);
                !sums.broken.is_empty() || sums.episodes >= plan.episodes
            };
            if seed >= plan.from.saturating_add(plan.count) || enough {
                return Ok(());
            }
            let outcome = bench.run(&Setting::of_seed(seed, false))?;
            let mut sums = lock(&sums);
            sums.seeds += 1;
            sums.episodes += outcome.episodes;
            sums.events += outcome.events;
            sums.writes += outcome.writes;
            sums.simulated_ms += outcome.simulated_ms;
            for (ending, count) in outcome.endings {
                *sums.endings.entry(ending).or_default() += count;
            }
            if !outcome.broken.is_empty() {
                sums.broken.push((seed, outcome.broken));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().map_err(|_| "a run panicked".to_owned())?)
    })?;
    let sums = sums.into_inner().unwrap_or_default();
    let took = begun.elapsed().as_secs_f64();
    for (seed, broken) in &sums.broken {
        println!("seed {seed} of commit {} broke a promise; `deed-sim explain {seed}` tells how", commit());
        broken.iter().for_each(|words| println!("  {words}"));
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (simulated, episodes) = (sums.simulated_ms as f64 / 1000.0, sums.episodes as f64);
    println!(
        "{} seeds, {} episodes, {} writes, {} events, {simulated:.0} s simulated in {took:.1} s: {:.0} episodes a second, {:.0} times as \
         fast as time, {} broken",
        sums.seeds,
        sums.episodes,
        sums.writes,
        sums.events,
        episodes / took,
        simulated / took,
        sums.broken.len()
    );
    for (ending, count) in &sums.endings {
        println!("  {count:>9}  {ending}");
    }
    Ok(sums.broken.is_empty())
}

/// The commit that was built, where git tells.
fn commit() -> String {
    let git = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    git.ok()
        .and_then(|o| String::from_utf8(o.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |s| s.trim().to_owned())
}

fn explain(seed: u64) -> Result<bool, String> {
    let setting = Setting::of_seed(seed, true);
    let mut out = std::io::stdout().lock();
    let mut say = |line: &str| writeln!(out, "{line}").map_err(|e| e.to_string());
    say(&format!(
        "seed {seed}: {} account(s), processes on machines {:?} with {} slot(s), {} orders",
        setting.accounts,
        setting.machines,
        setting.slots,
        setting.orders.len()
    ))?;
    say(&format!(
        "lease {} ms, {:?}, {:?}, {:?}; the ledger fails {} times in a million",
        setting.lease_ms, setting.looks, setting.harm, setting.luck, setting.ledger_fails
    ))?;
    say(&format!("policy: {}", if setting.policy.is_empty() { "none" } else { setting.policy.trim() }))?;
    let outcome = Bench::new()?.run(&setting)?;
    for line in &outcome.story {
        say(line)?;
    }
    say(&format!(
        "{} episodes, {} writes, {} s; digest {:016x}",
        outcome.episodes,
        outcome.writes,
        outcome.simulated_ms / 1000,
        outcome.digest
    ))?;
    for words in &outcome.broken {
        say(&format!("BROKEN: {words}"))?;
    }
    Ok(outcome.broken.is_empty())
}

/// The digest of each seed's whole story, for comparing processes.
fn trace(from: u64, count: u64, orders: u64) -> Result<bool, String> {
    let mut bench = Bench::new()?;
    let most = usize::try_from(orders).unwrap_or(usize::MAX);
    for seed in from..from.saturating_add(count) {
        let outcome = bench.run(&Setting::of_seed(seed, true).with_orders(most))?;
        let whole = deed_proofs::Sha256::of(outcome.story.join("\n").as_bytes());
        println!("{seed} {whole}");
    }
    Ok(true)
}

fn crash_by_crash(only: &str, threads: u64, every: bool) -> Result<bool, String> {
    let begun = Instant::now();
    let mut whole = Swept::default();
    for case in crash::cases().into_iter().filter(|c| format!("{} {}", c.flow, c.what).contains(only)) {
        let case = crash::Case { every, ..case };
        let parts: Vec<Result<Swept, String>> = std::thread::scope(|scope| {
            let sweeping = (0..threads).map(|part| scope.spawn(move || case.sweep(&mut Bench::new()?, part, threads)));
            let sweeping: Vec<_> = sweeping.collect();
            sweeping.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a run panicked".to_owned()))).collect()
        });
        let (mut points, mut pairs) = (0, 0);
        for part in parts {
            let part = part?;
            points = part.points;
            pairs += part.pairs;
            whole.broken.extend(
                part.broken.into_iter().map(|(at, words)| (at, format!("{}, {}: {words}", case.flow, case.what))),
            );
        }
        whole.points += points;
        whole.pairs += pairs;
        println!("{:<14} {:<34} {points:>4} points {pairs:>7} pairs", case.flow, case.what);
    }
    for (at, words) in whole.broken.iter().take(20) {
        println!("BROKEN at {at:?}: {words}");
    }
    println!(
        "{} points, {} pairs, {} broken, {:.1} s",
        whole.points,
        whole.pairs,
        whole.broken.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(whole.broken.is_empty())
}
