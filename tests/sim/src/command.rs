//! What the binary does: `run`, `explain`, `crash`, `tell`, `trace`, `same`; and `hand`, which `run` and `crash` begin for each core.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use crate::crash;
use crate::crew::{self, Answer, Job, cores};
use crate::run::{Bench, Driver};
use crate::setting::Setting;
use crate::sources::COMMIT;
use crate::stage::lock;
use crate::story;

const HELP: &str = "\
Deed's engine and ledger in a simulated world: one seed decides all. docs/simulation.md

  deed-sim run [--seeds N] [--from SEED] [--episodes N] [--threads T]   runs seeds until one breaks a promise
  deed-sim explain SEED [--action o3]                                   the story of a seed, or of one order of it
  deed-sim crash [--all] [--only WORDS] [--every] [--threads T]         cuts every episode at every point, twice
  deed-sim tell CASE [POINT [POINT]]                                    the story of a case, cut at these points
  deed-sim same [--seeds N] [--from SEED]                               tells seeds in two processes and compares
  deed-sim trace SEED [--seeds N] [--orders N] [--delivered]            a digest of each seed's story

Ends with 0 when every promise was kept, with 6 when one was broken, with 2 when it could not be begun.
";
/// Into how many parts a case is divided at most, so that no process is left with a long one at the end.
const PARTS: u64 = 8;

/// Why a command did not come to a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// What was asked for can not be done.
    Usage(String),
    /// Nobody reads any more what it says.
    Closed,
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Usage(why)
    }
}

/// Says a line to who asked. A pipe that was closed ends the command, quietly.
fn say(line: impl std::fmt::Display) -> Result<(), Stop> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Stop::Closed,
        _ => Stop::Usage(format!("failed to write: {error}")),
    })
}

/// What a command was told.
#[derive(Debug, Default)]
struct Told<'a> {
    free: Vec<&'a str>,
    values: BTreeMap<&'a str, &'a str>,
    said: Vec<&'a str>,
}

impl<'a> Told<'a> {
    /// Reads the arguments of a command that takes so many free ones, flags with a value and flags without.
    fn of(args: &'a [String], free_most: usize, takes: &[&str], says: &[&str]) -> Result<Self, Stop> {
        let mut told = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            if says.contains(&arg) {
                told.said.push(arg);
            } else if takes.contains(&arg) {
                let value = args.next().ok_or_else(|| format!("{arg} takes a value"))?;
                told.values.insert(arg, value);
            } else if arg.starts_with('-') {
                return Err(Stop::Usage(format!("there is no flag {arg} here\n{HELP}")));
            } else if told.free.len() < free_most {
                told.free.push(arg);
            } else {
                return Err(Stop::Usage(format!("`{arg}` is one word too many\n{HELP}")));
            }
        }
        Ok(told)
    }

    fn number(&self, name: &str, otherwise: u64) -> Result<u64, Stop> {
        let Some(text) = self.values.get(name) else { return Ok(otherwise) };
        text.parse().map_err(|_| Stop::Usage(format!("{name} takes a number, and {text} is none")))
    }

    fn seed(&self) -> Result<u64, Stop> {
        let text = self.free.first().ok_or_else(|| format!("which seed?\n{HELP}"))?;
        text.parse().map_err(|_| Stop::Usage(format!("{text} is no seed")))
    }
}

/// Runs a command. `false`: a promise was broken.
///
/// # Errors
/// Usage, a world that could not be made, or nobody reads what it says.
pub fn run(args: &[String]) -> Result<bool, Stop> {
    let (command, args) = args.split_first().map_or(("", args), |(command, args)| (command.as_str(), args));
    let asks = |arg: &str| matches!(arg, "--help" | "-h" | "help");
    if asks(command) || args.iter().any(|arg| asks(arg)) {
        return say(HELP.trim_end()).map(|()| true);
    }
    if matches!(command, "run" | "crash") {
        // Before the first story: the repository may have another commit when the last one is told.
        LazyLock::force(&COMMIT);
    }
    match command {
        "run" => {
            let told = Told::of(args, 0, &["--seeds", "--from", "--episodes", "--threads"], &[])?;
            seeds(&Seeds {
                from: told.number("--from", 1)?,
                count: told.number("--seeds", 1_000)?,
                hands: told.number("--threads", cores())?,
                episodes: told.number("--episodes", u64::MAX)?,
            })
        }
        "explain" => {
            let told = Told::of(args, 1, &["--action"], &[])?;
            explain(told.seed()?, told.values.get("--action").copied())
        }
        "tell" => {
            let told = Told::of(args, 3, &[], &[])?;
            let (case, points) = told.free.split_first().ok_or_else(|| format!("which case?\n{HELP}"))?;
            tell(case, points)
        }
        "trace" => {
            let told = Told::of(args, 1, &["--seeds", "--orders"], &["--delivered"])?;
            let driver = if told.said.is_empty() { Driver::Direct } else { Driver::Delivered };
            trace(driver, told.seed()?, told.number("--seeds", 1)?, told.number("--orders", u64::MAX)?)
        }
        "same" => {
            let told = Told::of(args, 0, &["--seeds", "--from"], &[])?;
            same(told.number("--from", 1)?, told.number("--seeds", 1_000)?)
        }
        "crash" => {
            let told = Told::of(args, 0, &["--only", "--threads"], &["--every", "--all"])?;
            let only = told.values.get("--only").copied().unwrap_or_default();
            let (every, all) = (told.said.contains(&"--every"), told.said.contains(&"--all"));
            crash_by_crash(only, all, told.number("--threads", cores())?, every)
        }
        "hand" => Ok(crew::hand().map(|()| true)?),
        "" => Err(Stop::Usage(format!("what is to be done?\n{HELP}"))),
        other => Err(Stop::Usage(format!("there is no command {other}\n{HELP}"))),
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

fn seeds(plan: &Seeds) -> Result<bool, Stop> {
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
        say(format!("seed {seed} of {} broke a promise; `deed-sim explain {seed}` tells how", *COMMIT))?;
        broken.iter().try_for_each(|words| say(format!("  {words}")))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (simulated, episodes) = (sums.simulated_ms as f64 / 1000.0, sums.episodes as f64);
    say(format!(
        "{} seeds, {} episodes, {} writes, {} events, {simulated:.0} s simulated in {took:.1} s: {:.0} episodes a second, {:.0} times as \
         fast as time, {} broken",
        sums.seeds,
        sums.episodes,
        sums.writes,
        sums.events,
        episodes / took,
        simulated / took,
        sums.broken.len()
    ))?;
    for (ending, count) in &sums.endings {
        say(format!("  {count:>9}  {ending}"))?;
    }
    Ok(sums.broken.is_empty())
}

fn explain(seed: u64, order: Option<&str>) -> Result<bool, Stop> {
    let setting = Setting::of_seed(seed, true);
    let outcome = Bench::new()?.run(&setting)?;
    let lines = match order {
        None => outcome.story,
        Some(order) => {
            let lines = story::of_order(&outcome.story, order);
            if lines.is_empty() {
                return Err(Stop::Usage(format!(
                    "seed {seed} has no order {order}: they are called o0 to o{}",
                    setting.orders.len().saturating_sub(1)
                )));
            }
            lines
        }
    };
    setting.words().iter().try_for_each(say)?;
    story::folded(&lines).iter().try_for_each(say)?;
    say(format!(
        "{} episodes, {} writes, {} s; digest {:016x}",
        outcome.episodes,
        outcome.writes,
        outcome.simulated_ms / 1000,
        outcome.digest
    ))?;
    outcome.broken.iter().try_for_each(|words| say(format!("BROKEN: {words}")))?;
    Ok(outcome.broken.is_empty())
}

/// The digest of each seed's whole story, for comparing processes.
fn trace(driver: Driver, from: u64, count: u64, orders: u64) -> Result<bool, Stop> {
    let mut bench = Bench::on(driver)?;
    let most = usize::try_from(orders).unwrap_or(usize::MAX);
    for seed in from..from.saturating_add(count) {
        let outcome = bench.run(&Setting::of_seed(seed, true).with_orders(most))?;
        let whole: Vec<_> = outcome.story.iter().map(ToString::to_string).collect();
        say(format!("{seed} {}", deed_proofs::Sha256::of(whole.join("\n").as_bytes())))?;
    }
    Ok(true)
}

/// The whole stories of these seeds, told by two processes at once, and compared.
fn same(from: u64, count: u64) -> Result<bool, Stop> {
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
        say(format!("differs: {one} and {other}"))?;
    }
    let took = begun.elapsed().as_secs_f64();
    say(format!("{alike} of {count} seeds told the same story in two processes, {took:.1} s"))?;
    Ok(u64::try_from(alike) == Ok(count) && one.len() == other.len())
}

/// The story of a case that is cut at these points: the first process at the first of them, the second at the second.
fn tell(case: &str, points: &[&str]) -> Result<bool, Stop> {
    let cases = crash::cases();
    let named = cases.iter().find(|c| c.name() == case);
    let case = named.ok_or_else(|| no_such_case(case, &cases))?;
    let point =
        |(process, text): (usize, &&str)| Ok((process, text.parse().map_err(|_| format!("{text} is no point"))?));
    let points = points.iter().enumerate().map(point).collect::<Result<_, String>>()?;
    let outcome = case.tell(points)?;
    story::folded(&outcome.story).iter().try_for_each(say)?;
    outcome.broken.iter().try_for_each(|words| say(format!("BROKEN: {words}")))?;
    Ok(outcome.broken.is_empty())
}

/// What there is instead.
fn no_such_case(words: &str, cases: &[crash::Case]) -> Stop {
    let names: Vec<_> = cases.iter().map(|case| format!("  {}", case.name())).collect();
    Stop::Usage(format!("there is no case `{words}`; these are:\n{}", names.join("\n")))
}

/// Goes through the usual cases, through all of them, or through those whose name contains words.
fn crash_by_crash(only: &str, all: bool, hands: u64, every: bool) -> Result<bool, Stop> {
    let begun = Instant::now();
    let cases = crash::cases();
    let all = all || !only.is_empty();
    let is_chosen = |n: &usize| cases.get(*n).is_some_and(|case| (all || case.usual) && case.name().contains(only));
    let chosen: Vec<usize> = (0..cases.len()).filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err(no_such_case(only, &cases));
    }
    let jobs: Vec<Job> = chosen
        .into_iter()
        .flat_map(|case| (0..PARTS).map(move |part| Job::Sweep { case, part, parts: PARTS, every }))
        .collect();
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let unheard = Mutex::new(Ok(()));
    let swept: Mutex<BTreeMap<usize, (u64, Answer)>> = Mutex::default();
    let told = |line: String| {
        let mut unheard = lock(&unheard);
        if unheard.is_ok() {
            *unheard = say(line);
        }
    };
    let job = || {
        if lock(&unheard).is_err() {
            return None;
        }
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
            told(format!("BROKEN: {named} {words}, of {}", *COMMIT));
        }
        if *parts == PARTS {
            told(format!("{named} {:>4} points {:>7} pairs", sum.points, sum.pairs));
        }
    })?;
    let swept = swept.into_inner().unwrap_or_default();
    let sum = |of: fn(&Answer) -> u64| swept.values().map(|(_, answer)| of(answer)).sum::<u64>();
    let failed = failed.into_inner();
    unheard.into_inner().unwrap_or(Err(Stop::Closed))?;
    say(format!(
        "{} cases, {} points, {} pairs, {}, {:.1} s, {}",
        swept.len(),
        sum(|a| a.points),
        sum(|a| a.pairs),
        if failed { "BROKEN" } else { "0 broken" },
        begun.elapsed().as_secs_f64(),
        *COMMIT
    ))?;
    Ok(!failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(args: &[&str]) -> String {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        match run(&args) {
            Err(Stop::Usage(words)) => words,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_known_is_refused_before_anything_runs() {
        for (args, expected) in [
            (vec!["run", "--seed", "3"], "there is no flag --seed here"),
            (vec!["run", "55"], "`55` is one word too many"),
            (vec!["run", "--seeds", "many"], "--seeds takes a number, and many is none"),
            (vec!["same", "--from"], "--from takes a value"),
            (vec!["explain"], "which seed?"),
            (vec!["explain", "1", "--action", "o999"], "seed 1 has no order o999"),
            (
                vec!["crash", "--only", "no such case"],
                "there is no case `no such case`; these are:\n  publish.post made and seen",
            ),
            (vec!["tell", "nothing"], "there is no case `nothing`"),
            (vec!["walk"], "there is no command walk"),
        ] {
            let words = usage(&args);
            assert!(words.starts_with(expected), "{args:?}: {words}");
        }
    }
}
