//! What is done to a runner in the middle of its work, and when: the blows, and how they are aimed at the press.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use deed_core::time::Timestamp;

use crate::process::Home;

/// How long anything may take that is waited for.
pub const WITHIN: Duration = Duration::from_secs(180);
/// The word of the gate when it lets the write through: the press counted.
pub const GATE: &str = "the gate lets one write through";

/// The word right before the press is handed to the browser.
pub const PRESS: &str = "the press is handed to the browser";

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// SIGKILL for the runner.
    Kill,
    /// SIGSTOP for the runner, and SIGCONT a while later.
    Stop,
    /// SIGKILL for the whole browser.
    BrowserKilled,
    /// SIGKILL for the renderers: the tab crashes.
    TabCrashed,
    /// Another process holds the write lock of the ledger's file.
    LedgerLocked,
    /// The connections to the ledger's server are ended, for a while again and again.
    LedgerCut,
    /// The store that takes the proof ends every connection, for a while.
    StoreCut,
    /// The proof store is gone; a file stands in its place.
    ProofsGone,
    /// The disk of ledger and proofs is full.
    DiskFull,
    /// The runner's clock jumps an hour ahead, or back.
    ClockStepped,
}

impl Blow {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Kill,
        Self::Stop,
        Self::BrowserKilled,
        Self::TabCrashed,
        Self::LedgerLocked,
        Self::LedgerCut,
        Self::StoreCut,
        Self::ProofsGone,
        Self::DiskFull,
        Self::ClockStepped,
    ];
}

/// When it is done.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// So long after a boundary of the episode.
    After(&'static str, Duration),
    /// So long after the press was handed to the browser.
    AfterThePress(Duration),
    /// So long after the gate let the write through.
    AfterTheGate(Duration),
    /// So long after the permit, which is about when the press counts: as long as it took before, and this much more or less.
    AroundThePress(i64),
}

/// What a run showed of how long it takes from the permit to the press; the middle one counts.
#[derive(Debug, Default)]
pub struct Aim {
    took: Vec<Duration>,
}

impl Aim {
    /// As if it took so long.
    pub fn of(took: Duration) -> Self {
        Self { took: vec![took] }
    }

    /// What it took, when both were seen.
    pub fn learn(&mut self, seen: &Seen) {
        if let (Some(armed), Some(pressed)) = (seen.at("boundary=\"armed\""), seen.at(GATE)) {
            self.took.push(Duration::from_millis(u64::try_from(pressed - armed).unwrap_or(0)));
            self.took.sort();
        }
    }

    /// About so long.
    pub fn middle(&self) -> Duration {
        self.took.get(self.took.len() / 2).copied().unwrap_or(Duration::from_millis(250))
    }
}

/// A `deed act` that is watched by its own log.
pub struct Watched {
    /// The process.
    pub child: Child,
    lines: Receiver<String>,
    /// What it said.
    pub seen: Seen,
}

/// The lines of a log, each with the time that stands in it.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// In the order in which they came.
    pub lines: Vec<String>,
}

impl Seen {
    /// When a line with this was written, in milliseconds since 1970, by the runner's clock.
    pub fn at(&self, word: &str) -> Option<i64> {
        let line = self.lines.iter().find(|line| line.contains(word))?;
        Timestamp::parse(line.split_whitespace().next()?).map(|at| at.0)
    }
}

impl Watched {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        command.env("DEED_LOG", "deed=debug").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("deed starts");
        // Who aims at it is served first, so that what it says is heard at once: a priority from 0 to 19, see
        // renice(1). Its browser inherits it.
        let _ = Command::new("renice").args(["-n", "5", "-p", &child.id().to_string()]).stdout(Stdio::null()).status();
        let words = BufReader::new(child.stderr.take().expect("its words"));
        let (send, lines) = channel();
        std::thread::spawn(move || words.lines().map_while(Result::ok).try_for_each(|line| send.send(line).ok()));
        Self { child, lines, seen: Seen::default() }
    }

    /// Reads until a line has this word; false: it ended before.
    pub fn until(&mut self, word: &str) -> bool {
        let end = Instant::now() + WITHIN;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let reached = line.contains(word);
                    self.seen.lines.push(line);
                    if reached {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("{word} does not come: {:#?}", self.seen.lines),
            }
        }
    }

    /// Waits for the moment; false: it ended before.
    pub fn wait_for(&mut self, moment: Moment, aim: &Aim) -> bool {
        let boundary = |name: &str| format!("boundary=\"{name}\"");
        let (word, after) = match moment {
            Moment::After(name, after) => (boundary(name), after),
            Moment::AfterThePress(after) => (PRESS.to_owned(), after),
            Moment::AfterTheGate(after) => (GATE.to_owned(), after),
            Moment::AroundThePress(by) => {
                let by_us = by.saturating_add(i64::try_from(aim.middle().as_micros()).unwrap_or(0));
                (boundary("armed"), Duration::from_micros(u64::try_from(by_us).unwrap_or(0)))
            }
        };
        if !self.until(&word) {
            return false;
        }
        let until = Instant::now() + after;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        true
    }

    /// Waits for its end, and hears the rest of what it said.
    pub fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + WITHIN;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if Instant::now() > until {
                let _ = self.child.kill();
                self.seen.lines.extend(self.lines.try_iter());
                panic!("it does not end: {:#?}", self.seen.lines);
            }
            std::thread::park_timeout(Duration::from_millis(20));
        };
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.seen.lines.push(line);
        }
        status
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to processes; some may be gone by then.
pub fn signal(name: &str, to: &[u32]) {
    if !to.is_empty() {
        let to: Vec<String> = to.iter().map(u32::to_string).collect();
        let _ = Command::new("kill").arg(name).args(to).stderr(Stdio::null()).status();
    }
}

/// The processes of a home's browsers, by their kind: empty for the browser itself.
pub fn browser_processes(home: &Home) -> BTreeMap<u32, String> {
    let mark = home.path().join("tmp").display().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let line = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ");
        let kind = line.split("--type=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
        (line.contains(&mark) && (line.contains("--remote-debugging-pipe") || !kind.is_empty())).then_some((id, kind))
    });
    processes.collect()
}

/// The clock of one process, which can be stepped while it runs.
pub struct SteppedClock {
    library: PathBuf,
    file: PathBuf,
}

impl SteppedClock {
    /// Right, for the time being; `None` where libfaketime is not installed.
    pub fn new(home: &Home) -> Option<Self> {
        let libraries =
            std::fs::read_dir("/usr/lib").ok()?.flatten().map(|e| e.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries.into_iter().find(|path| path.is_file())?;
        let clock = Self { library, file: home.path().join("clock") };
        clock.step(0);
        Some(clock)
    }

    /// Ahead by so many seconds, or behind.
    pub fn step(&self, seconds: i64) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{seconds:+}\n")).expect("a file");
        std::fs::rename(next, &self.file).expect("it is put in place");
    }

    /// A command under this clock. How long things take is not changed. The variables are those of faketime(1), whose own wrapper would be
    /// another process than the one that is to be killed, and takes no clock that is stepped later.
    pub fn govern(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// A directory that is gone: a file stands in its place until it is put back.
pub struct Gone<'p>(&'p Path);

impl<'p> Gone<'p> {
    /// Takes it away.
    pub fn take(path: &'p Path) -> Self {
        std::fs::rename(path, path.with_extension("away")).expect("it is taken away");
        let _ = std::fs::write(path, "");
        Self(path)
    }
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
        let _ = std::fs::rename(self.0.with_extension("away"), self.0);
    }
}
