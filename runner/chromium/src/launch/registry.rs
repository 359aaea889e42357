//! Which runners live, and which browsers they started.
//!
//! Every runner holds a lock on a file of its own for as long as it lives; the kernel lets go of it when the process dies, in
//! whatever way. Whoever can take that lock knows that the runner is dead, whatever the clocks say. Beside it stands the
//! browser that it started, so that recovery can end it before it touches the runner's actions.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deed_core::ids::WorkerId;
use deed_core::ports::browser::BrowserFault;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

/// How long an old browser may take to be gone after SIGKILL.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// The directory of the runners' locks.
#[derive(Debug, Clone)]
pub struct Runners {
    dir: PathBuf,
}

/// A runner's own lock, held for as long as it lives.
#[derive(Debug)]
pub struct RunnerLock {
    _file: File,
    path: PathBuf,
}

impl Drop for RunnerLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.with_extension("browser"));
        let _ = fs::remove_file(&self.path);
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct BrowserNote {
    group: i32,
    /// The leader's start time in clock ticks since boot (field 22 of `/proc/PID/stat`): a process id alone may be reused.
    started: u64,
    home: PathBuf,
}

fn fault(what: &str, path: &Path, error: &dyn std::fmt::Display) -> BrowserFault {
    BrowserFault::Launch(format!("failed to {what} {}: {error}", path.display()))
}

impl Runners {
    /// Uses (and makes) the directory.
    pub fn open(dir: &Path) -> Result<Self, BrowserFault> {
        fs::create_dir_all(dir).map_err(|e| fault("make", dir, &e))?;
        Ok(Self { dir: dir.to_path_buf() })
    }

    fn lock_path(&self, worker: &WorkerId) -> PathBuf {
        self.dir.join(format!("{worker}.lock"))
    }

    fn note_path(&self, worker: &WorkerId) -> PathBuf {
        self.dir.join(format!("{worker}.browser"))
    }

    /// Takes this runner's lock.
    pub fn enter(&self, worker: &WorkerId) -> Result<RunnerLock, BrowserFault> {
        let path = self.lock_path(worker);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|e| fault("make", &path, &e))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| fault("lock", &path, &e))?;
        Ok(RunnerLock { _file: file, path })
    }

    /// Writes down which browser a runner started.
    pub fn note_browser(&self, worker: &WorkerId, group: i32, home: &Path) -> Result<(), BrowserFault> {
        let path = self.note_path(worker);
        let note = BrowserNote { group, started: start_time(group).unwrap_or(0), home: home.to_path_buf() };
        let text = serde_json::to_string(&note).map_err(|e| fault("write", &path, &e))?;
        // Whole or not at all: half of a note says of no browser that it was ended.
        let half = path.with_extension("browser-half");
        let written = fs::write(&half, text).and_then(|()| fs::rename(&half, &path));
        written.map_err(|e| {
            let _ = fs::remove_file(&half);
            fault("write", &path, &e)
        })
    }

    /// Every runner whose lock can be taken: it is dead. The answer for a runner does not change back.
    pub fn dead(&self) -> Result<Vec<WorkerId>, BrowserFault> {
        let mut dead = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|e| fault("read", &self.dir, &e))?.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|e| e != "lock") {
                continue;
            }
            let Ok(file) = OpenOptions::new().append(true).open(&path) else { continue };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
                && let Some(stem) = path.file_stem()
            {
                dead.push(WorkerId::new(stem.to_string_lossy()));
            }
        }
        Ok(dead)
    }

    /// Whether a runner of this machine holds its lock; `None`: it is not of this machine, or long gone.
    fn lives(&self, worker: &WorkerId) -> Option<bool> {
        let file = OpenOptions::new().append(true).open(self.lock_path(worker)).ok()?;
        Some(flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
    }

    /// Ends the browser of a dead runner, or of one that let its leases lapse (`stalled`); returns when its process group is gone and its
    /// home removed. A runner of another machine is not known here: its permits are over with its lease.
    ///
    /// # Errors
    /// [`BrowserFault::Launch`] when the runner lives and has not stalled, or its browser does not end.
    pub async fn end_browser_of(&self, worker: &WorkerId, stalled: bool) -> Result<(), BrowserFault> {
        if !stalled && self.lives(worker) == Some(true) {
            return Err(BrowserFault::Launch(format!("runner {worker} lives; its browser is not touched")));
        }
        let path = self.note_path(worker);
        // It never started one, or it was ended before.
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        let note: BrowserNote = serde_json::from_str(&text).map_err(|e| fault("read", &path, &e))?;
        // Another process may have the leader's id by now: then the old group is gone.
        if start_time(note.group).is_none_or(|t| t == note.started) && !end_group(note.group).await {
            return Err(BrowserFault::Launch(format!("the old browser (process group {}) does not end", note.group)));
        }
        let _ = fs::remove_dir_all(&note.home);
        let _ = fs::remove_file(&path);
        Ok(())
    }

    /// Forgets a dead runner, once its claims are taken over. Before that its lock must stay: it is what says that the runner is
    /// dead, to whoever goes on with a recovery that was killed itself.
    pub fn forget(&self, worker: &WorkerId) {
        if self.lives(worker) == Some(false) && !self.note_path(worker).exists() {
            let _ = fs::remove_file(self.lock_path(worker));
        }
    }
}

/// Kills a process group; true when no process of it is left.
pub async fn end_group(group: i32) -> bool {
    let Some(id) = Pid::from_raw(group) else { return true };
    let until = Instant::now() + GONE_WITHIN;
    while Instant::now() < until {
        if !group_lives(group) {
            return true;
        }
        let _ = kill_process_group(id, Signal::KILL);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

/// Whether any process of the group is more than a zombie waiting for its parent.
pub fn group_lives(group: i32) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return true };
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok()).any(|pid| {
        stat_fields(pid).is_some_and(|f| {
            f.get(2).is_some_and(|g| g == &group.to_string()) && f.first().is_some_and(|s| s != "Z" && s != "X")
        })
    })
}

/// The fields of `/proc/PID/stat` after the command's name: state, parent, group, session, …
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything, parentheses included.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn start_time(pid: i32) -> Option<u64> {
    stat_fields(pid)?.get(19)?.parse().ok()
}
