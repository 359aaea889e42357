//! Who writes into an episode's folder: one at a time, and nobody who was succeeded.
//!
//! A runner holds an episode by its claim, and the ledger tells when it has lost it. Between that word and the disk a
//! process may stand still for as long as it likes, and another may take the episode over and seal it meanwhile. So the
//! number of the latest claim that opened the folder stands beside it, and whoever writes holds a lock on that number:
//! an older claim writes nothing more. It is for processes that share the disk; what lies on another machine is another
//! folder. Beside `objects/` and `episodes/`:
//!
//! ```text
//! writers/EPISODE   the number of the latest claim, in digits; locked while somebody writes
//! ```
//!
//! It has not to outlast a power cut, which no writer does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::durable;
use crate::store::{DirectoryStore, StoreError};

/// How long an earlier writer is waited for: far longer than sealing takes.
const WAIT: Duration = Duration::from_secs(30);
/// How often it is looked whether it is done.
const LOOK: Duration = Duration::from_millis(10);

/// The right to write into an episode's folder, as long as it is held.
#[derive(Debug)]
#[must_use]
pub struct Writing {
    _held: File,
}

impl DirectoryStore {
    /// Takes the right to write into the folder of an episode. `claim` is the number of the claim by which the episode
    /// is held; it grows with each. Waits until who writes there just now is done.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] when a later claim was here, [`StoreError::Busy`] when the other writer does not end, else what the disk said.
    pub fn writing(&self, episode: &str, claim: i64) -> Result<Writing, StoreError> {
        let folder = self.root().join("writers");
        let path = folder.join(episode);
        let failed = |error| StoreError::from_io(&path, error);
        durable::make_private_folder(&folder).map_err(failed)?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(failed)?;
        lock(&file, &path)?;
        let latest = read(&mut file).map_err(failed)?;
        if latest.is_some_and(|latest| latest > claim) {
            return Err(StoreError::Superseded { path });
        }
        if latest != Some(claim) {
            // Always as long, so that one call replaces it: whoever is killed leaves the one or the other.
            file.write_all_at(format!("{claim:020}\n").as_bytes(), 0).map_err(failed)?;
        }
        Ok(Writing { _held: file })
    }
}

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    let end = Instant::now() + WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::park_timeout(LOOK),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { path: PathBuf::from(path) }),
            Err(TryLockError::Error(error)) => return Err(StoreError::from_io(path, error)),
        }
    }
}

/// `None`: nobody was here, or whoever was came no further than to the file.
fn read(file: &mut File) -> io::Result<Option<i64>> {
    let mut digits = String::new();
    file.read_to_string(&mut digits)?;
    Ok(digits.strip_suffix('\n').and_then(|digits| digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn who_was_succeeded_writes_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(folder.path()).unwrap();
        drop(store.writing("e1", 9).unwrap());
        drop(store.writing("e1", 9).unwrap());
        drop(store.writing("e1", 10).unwrap());
        assert_eq!(store.writing("e1", 9).unwrap_err().code(), "store-superseded");
        drop(store.writing("e2", 9).unwrap());
    }

    #[test]
    fn they_write_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(folder.path()).unwrap();
        let first = store.writing("e1", 1).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let held = store.writing("e1", 2).unwrap();
                assert!(done.load(std::sync::atomic::Ordering::SeqCst), "it waited for the first");
                drop(held);
            });
            // Long enough for one that does not wait.
            std::thread::park_timeout(LOOK * 10);
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            drop(first);
            second.join().unwrap();
        });
    }

    #[test]
    fn what_is_no_number_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(folder.path()).unwrap();
        drop(store.writing("e1", 3).unwrap());
        for cut in ["", "1", "x\n"] {
            std::fs::write(folder.path().join("writers/e1"), cut).unwrap();
            drop(store.writing("e1", 3).unwrap());
            assert_eq!(store.writing("e1", 2).unwrap_err().code(), "store-superseded", "{cut:?}");
        }
    }
}
