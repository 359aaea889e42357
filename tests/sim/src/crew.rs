//! Worlds in processes of their own, one for each core.
//!
//! A world is one thread that never waits, so two cores are best used by two processes: SQLite's allocator and its page
//! cache are one for the whole process, behind locks that two busy threads would hand to and fro. It also makes a panic
//! the finding of one seed. A process (`deed-sim hand`) reads a job a line and answers with a line of JSON; it ends
//! when nobody gives it more.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::crash::{self, Case, Swept};
use crate::run::Bench;
use crate::setting::Setting;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// The world of this seed.
    Seed(u64),
    /// A part of a case of crash by crash.
    Sweep {
        /// Which, in [`crash::cases`].
        case: usize,
        /// Which part of its points.
        part: u64,
        /// Of how many.
        parts: u64,
        /// Whether every call is a point.
        every: bool,
    },
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was broken; empty: nothing.
    pub broken: Vec<String>,
    /// Episodes that were begun.
    pub episodes: u64,
    /// Events.
    pub events: u64,
    /// Writes that reached the platform.
    pub writes: usize,
    /// How much time went by in the world, or worlds.
    pub simulated_ms: i64,
    /// How episodes ended.
    pub endings: BTreeMap<String, u64>,
    /// Points of the episode, of a sweep.
    pub points: u64,
    /// Pairs of points, of a sweep.
    pub pairs: u64,
}

/// As many as there are cores.
pub fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
}

/// Does what the lines of the standard input say, until there are no more.
///
/// # Errors
/// A job that can not be read, or a world that could not be made.
pub fn hand() -> Result<(), String> {
    let mut bench = Bench::new()?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let job: Job = serde_json::from_str(&line).map_err(|e| format!("the job {line}: {e}"))?;
        let answer = serde_json::to_string(&carry_out(&mut bench, job)?).map_err(|e| e.to_string())?;
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn carry_out(bench: &mut Bench, job: Job) -> Result<Answer, String> {
    match job {
        Job::Seed(seed) => {
            let outcome = bench.run(&Setting::of_seed(seed, false))?;
            Ok(Answer {
                broken: outcome.broken,
                episodes: outcome.episodes,
                events: outcome.events,
                writes: outcome.writes,
                simulated_ms: outcome.simulated_ms,
                endings: outcome.endings,
                ..Answer::default()
            })
        }
        Job::Sweep { case, part, parts, every } => {
            let cases = crash::cases();
            let case = Case { every, ..*cases.get(case).ok_or_else(|| format!("there is no case {case}"))? };
            let Swept { points, pairs, broken } = case.sweep(bench, part, parts)?;
            let broken = broken.into_iter().map(|(at, words)| format!("at {at:?}: {words}")).collect();
            Ok(Answer { broken, points, pairs, ..Answer::default() })
        }
    }
}

/// Has jobs done by so many processes. Each time that one is free, `next` says what it does then; `done` hears what came of it.
///
/// # Errors
/// A process could not be started or a world not be made. One that ended by itself is a broken promise of its job, not an error.
pub fn run(hands: u64, next: impl Fn() -> Option<Job> + Sync, done: impl Fn(Job, Answer) + Sync) -> Result<(), String> {
    let work = || -> Result<(), String> {
        let mut hand = None;
        while let Some(job) = next() {
            let at_work = match hand.take() {
                Some(hand) => hand,
                None => Hand::new()?,
            };
            match at_work.give(job)? {
                Ok((answer, free)) => {
                    hand = Some(free);
                    done(job, answer);
                }
                Err(how) => done(job, Answer { broken: vec![format!("the run {how}")], ..Answer::default() }),
            }
        }
        hand.map_or(Ok(()), Hand::end)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..hands.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().map_err(|_| "a thread panicked".to_owned())?)
    })
}

/// One process.
struct Hand {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Hand {
    fn new() -> Result<Self, String> {
        let path = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(path);
        let begun = command.arg("hand").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = begun.map_err(|e| format!("begin a process: {e}"))?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { process, to, from: BufReader::new(from) }),
            _ => Err("a process has no standard input and output".to_owned()),
        }
    }

    /// The answer and the process, or how it ended in the middle.
    fn give(mut self, job: Job) -> Result<Result<(Answer, Self), String>, String> {
        let line = serde_json::to_string(&job).map_err(|e| e.to_string())?;
        let mut heard = String::new();
        // A pipe that breaks is a process that ended; what it ended with says more.
        let _ = writeln!(self.to, "{line}").and_then(|()| self.to.flush());
        let _ = self.from.read_line(&mut heard);
        if heard.is_empty() {
            drop(self.to);
            let status = self.process.wait().map_err(|e| e.to_string())?;
            // 2: it has said on its standard error why there was no world.
            return if status.code() == Some(2) {
                Err(format!("{job:?} could not be begun"))
            } else {
                Ok(Err(format!("ended in the middle: {status}")))
            };
        }
        let answer = serde_json::from_str(&heard).map_err(|e| format!("the answer {heard}: {e}"))?;
        Ok(Ok((answer, self)))
    }

    fn end(mut self) -> Result<(), String> {
        drop(self.to);
        self.process.wait().map(drop).map_err(|e| e.to_string())
    }
}
