//! What the binary does: `run`, `explain`, `crash`, `tell`, `trace`, `same`; and `hand`, which `run` and `crash` begin for each core.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::crash;
use crate::crew::{self, Answer, Job, cores};
use crate::run::{Bench, Driver};
use crate::setting::Setting;
use crate::stage::lock;

const USAGE: &str = "deed-sim run [--seeds N] [--from SEED] [--threads T] [--episodes N] | explain SEED | \
                     trace SEED [--seeds N] [--orders N] [--delivered] | same [--seeds N] [--from SEED] | \
                     crash [--only WORDS] [--threads T] [--every] | tell CASE [POINT [POINT]]";
/// Into how many parts a case is divided at most, so that no process is left with a long one at the end.
const PARTS: u64 = 8;

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
    let said = |name: &str| args.iter().any(|a| a == name);
    let seed = || args.get(1).and_then(|s| s.parse().ok()).ok_or_else(|| format!("which seed? {USAGE}"));
    match args.first().map(String::as_str) {
        Some("run") => seeds(&Seeds {
            from: number("--from", 1)?,
            count: number("--seeds", 1_000)?,
            hands: number("--threads", cores())?,
            episodes: number("--episodes", u64::MAX)?,
        }),
        Some("explain") => explain(seed()?),
        Some("tell") => tell(args.get(1).map_or("", String::as_str), args.get(2..).unwrap_or_default()),
        Some("trace") => {
            let driver = if said("--delivered") { Driver::Delivered } else { Driver::Direct };
            trace(driver, seed()?, number("--seeds", 1)?, number("--orders", u64::MAX)?)
        }
        Some("same") => same(number("--from", 1)?, number("--seeds", 1_000)?),
        Some("crash") => {
            crash_by_crash(named("--only").map_or("", String::as_str), number("--threads", cores())?, said("--every"))
        }
        Some("hand") => crew::hand().map(|()| true),
        _ => Err(USAGE.to_owned()),
    }
}

struct Seeds {
    from: u64,
    count: u64,
    hands: u64,
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

impl Sums {
    fn take(&mut self, seed: u64, answer: Answer) {
        self.seeds += 1;
        self.episodes += answer.episodes;
        self.events += answer.events;
        self.writes += answer.writes;
        self.simulated_ms += answer.simulated_ms;
        for (ending, count) in answer.endings {
            *self.endings.entry(ending).or_default() += count;
        }
        if !answer.broken.is_empty() {
            self.broken.push((seed, answer.broken));
        }
    }
}

fn seeds(plan: &Seeds) -> Result<bool, String> {
    let begun = Instant::now();
    let next = AtomicU64::new(plan.from);
    let sums = Mutex::new(Sums::default());
    let job = || {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        let sums = lock(&sums);
        let enough = !sums.broken.is_empty() || sums.episodes >= plan.episodes;
        (seed < plan.from.saturating_add(plan.count) && !enough).then_some(Job::Seed(seed))
    };
    crew::run(plan.hands, job, |job, answer| {
        if let Job::Seed(seed) = job {
            lock(&sums).take(seed, answer);
        }
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
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
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
fn trace(driver: Driver, from: u64, count: u64, orders: u64) -> Result<bool, String> {
    let mut bench = Bench::on(driver)?;
    let most = usize::try_from(orders).unwrap_or(usize::MAX);
    for seed in from..from.saturating_add(count) {
        let outcome = bench.run(&Setting::of_seed(seed, true).with_orders(most))?;
        let whole = deed_proofs::Sha256::of(outcome.story.join("\n").as_bytes());
        println!("{seed} {whole}");
    }
    Ok(true)
}

/// The whole stories of these seeds, told by two processes at once, and compared.
fn same(from: u64, count: u64) -> Result<bool, String> {
    let begun = Instant::now();
    let told = || {
        let path = std::env::current_exe().map_err(|e| e.to_string())?;
        let told = Command::new(path).args(["trace", &from.to_string(), "--seeds", &count.to_string()]).output();
        let told = told.map_err(|e| e.to_string())?;
        if !told.status.success() {
            return Err(format!("a process ended with {}: {}", told.status, String::from_utf8_lossy(&told.stderr)));
        }
        String::from_utf8(told.stdout).map_err(|e| e.to_string())
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(told);
        (told(), other.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
    });
    let (one, other) = (one?, other?);
    let (one, other): (Vec<_>, Vec<_>) = (one.lines().collect(), other.lines().collect());
    let alike = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    for (one, other) in one.iter().zip(&other).filter(|(one, other)| one != other).take(20) {
        println!("differs: {one} and {other}");
    }
    println!("{alike} of {count} seeds told the same story in two processes, {:.1} s", begun.elapsed().as_secs_f64());
    Ok(u64::try_from(alike) == Ok(count) && one.len() == other.len())
}

/// The story of a case that is cut at these points: the first process at the first of them, the second at the second.
fn tell(case: &str, points: &[String]) -> Result<bool, String> {
    let named = crash::cases().into_iter().find(|c| format!("{} {}", c.flow, c.what) == case);
    let case = named
        .ok_or_else(|| format!("there is no such case: say flow and what happens, as `crash` names them; {USAGE}"))?;
    let point =
        |(process, text): (usize, &String)| Ok((process, text.parse().map_err(|_| format!("{text} is no point"))?));
    let points = points.iter().enumerate().map(point).collect::<Result<_, String>>()?;
    let outcome = case.tell(points)?;
    let mut out = std::io::stdout().lock();
    for line in outcome.story.iter().cloned().chain(outcome.broken.iter().map(|words| format!("BROKEN: {words}"))) {
        writeln!(out, "{line}").map_err(|e| e.to_string())?;
    }
    Ok(outcome.broken.is_empty())
}

fn crash_by_crash(only: &str, hands: u64, every: bool) -> Result<bool, String> {
    let begun = Instant::now();
    let cases = crash::cases();
    let chosen =
        (0..cases.len()).filter(|n| cases.get(*n).is_some_and(|c| format!("{} {}", c.flow, c.what).contains(only)));
    let jobs: Vec<Job> =
        chosen.flat_map(|case| (0..PARTS).map(move |part| Job::Sweep { case, part, parts: PARTS, every })).collect();
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let swept: Mutex<BTreeMap<usize, (u64, Answer)>> = Mutex::default();
    let job = || {
        let at = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).ok()?;
        jobs.get(at).copied()
    };
    crew::run(hands, job, |job, answer| {
        let Job::Sweep { case, .. } = job else { return };
        let mut swept = lock(&swept);
        let (parts, sum) = swept.entry(case).or_default();
        *parts += 1;
        sum.points = sum.points.max(answer.points);
        sum.pairs += answer.pairs;
        let named = cases.get(case).map_or_else(String::new, |c| format!("{:<14} {:<34}", c.flow, c.what));
        for words in answer.broken {
            failed.store(true, Ordering::SeqCst);
            println!("BROKEN: {named} {words}");
        }
        if *parts == PARTS {
            println!("{named} {:>4} points {:>7} pairs", sum.points, sum.pairs);
        }
    })?;
    let swept = swept.into_inner().unwrap_or_default();
    let sum = |of: fn(&Answer) -> u64| swept.values().map(|(_, answer)| of(answer)).sum::<u64>();
    let failed = failed.into_inner();
    println!(
        "{} cases, {} points, {} pairs, {}, {:.1} s",
        swept.len(),
        sum(|a| a.points),
        sum(|a| a.pairs),
        if failed { "BROKEN" } else { "0 broken" },
        begun.elapsed().as_secs_f64()
    );
    Ok(!failed)
}
