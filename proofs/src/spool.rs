//! What of a directory store still has to be uploaded, across restarts.
//!
//! Owns the marks by which nothing is forgotten: each sealing of an episode makes one before it changes the episode's
//! folder, and holds it until it is done. Only who has brought everything that was there to the store elsewhere removes
//! marks, and of those only the ones that nobody held when it began: what is changed meanwhile waits on, and what a
//! crash left is held by nobody. It knows no network and reads no clock. Beside `objects/` and `episodes/`:
//!
//! ```text
//! spool/marks/EPISODE.AT.NAME   empty: the episode changes or changed at AT (milliseconds since 1970); locked while it does
//! spool/state/EPISODE.json      how often it was tried, when it is tried next, why it failed
//! spool/state/EPISODE.lock      held by the one process that uploads it just now
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{self, Temporary};
use crate::store::{DirectoryStore, StoreError};

/// Why an upload failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The stable code.
    pub code: String,
    /// In words.
    pub message: String,
}

/// What is known of the tries so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tries {
    /// How often it failed in a row.
    pub failed: u32,
    /// Not to be tried before: milliseconds since 1970.
    pub next_at: i64,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// An episode that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub episode: String,
    /// Since when: milliseconds since 1970.
    pub since: i64,
    /// What is known of the tries so far.
    pub tries: Tries,
}

/// The marks and the tries of a directory store.
#[derive(Debug, Clone)]
pub struct Spool {
    store: DirectoryStore,
    marks: PathBuf,
    state: PathBuf,
}

impl Spool {
    /// Opens the spool of a store, making its folders when they are not there.
    ///
    /// # Errors
    /// [`StoreError`] when they can not be made.
    pub fn open(store: &DirectoryStore) -> Result<Self, StoreError> {
        let folder = store.root().join("spool");
        let spool = Self { store: store.clone(), marks: folder.join("marks"), state: folder.join("state") };
        for folder in [&spool.marks, &spool.state] {
            durable::make_private_folder(folder).map_err(|error| StoreError::from_io(folder, error))?;
        }
        Ok(spool)
    }

    /// The store whose spool this is.
    #[must_use]
    pub fn store(&self) -> &DirectoryStore {
        &self.store
    }

    /// Marks an episode as changing, durably. To be called before the change, and held until it is done: a crash leaves
    /// a mark too many, never one too few.
    ///
    /// # Errors
    /// [`StoreError`]; then the episode must not be changed.
    pub fn mark(&self, episode: &str, at: i64) -> Result<Mark, StoreError> {
        let failed = |error| StoreError::from_io(&self.marks, error);
        let temporary = Temporary::write(&self.marks, b"").map_err(failed)?;
        // Held before anybody can see it.
        let held = temporary.open().map_err(failed)?;
        held.lock().map_err(failed)?;
        // The temporary's own name is nobody else's, so neither is the mark's.
        let name = format!("{episode}.{at}.{}", temporary.name());
        temporary.publish_if_absent(&self.marks.join(name)).map_err(failed)?;
        durable::sync_folder(&self.marks).map_err(failed)?;
        Ok(Mark { _held: held })
    }

    /// Marks every episode that has a manifest: for proof that was made before there was anywhere to upload it to. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark_all(&self, at: i64) -> Result<usize, StoreError> {
        let episodes = self.store.root().join("episodes");
        let failed = |error| StoreError::from_io(&episodes, error);
        let mut marked = 0;
        for entry in fs::read_dir(&episodes).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(name) = entry.file_name().to_str().filter(|_| entry.path().join("manifest.json").is_file()) {
                drop(self.mark(name, at)?);
                marked += 1;
            }
        }
        Ok(marked)
    }

    /// The episodes that wait, the longest waiting first.
    ///
    /// # Errors
    /// [`StoreError`] when the folders can not be read.
    pub fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let mut since = BTreeMap::new();
        for (episode, at, _) in self.marks_of(None)? {
            let earliest = since.entry(episode).or_insert(at);
            *earliest = at.min(*earliest);
        }
        let mut waiting: Vec<_> =
            since.into_iter().map(|(episode, since)| Waiting { tries: self.tries(&episode), episode, since }).collect();
        waiting.sort_by(|a, b| (a.since, &a.episode).cmp(&(b.since, &b.episode)));
        Ok(waiting)
    }

    /// Takes an episode, to upload it. `None`: another process has it, it is being sealed, or it does not wait any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take(&self, episode: &str) -> Result<Option<Taken>, StoreError> {
        let path = self.state.join(format!("{episode}.lock"));
        let failed = |error| StoreError::from_io(&path, error);
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only now: what another process has just finished left no mark. And before anything of the episode is read.
        let marks: Vec<_> =
            self.marks_of(Some(episode))?.into_iter().map(|(_, _, path)| path).filter(|path| is_let_go(path)).collect();
        if marks.is_empty() {
            return Ok(None);
        }
        let (spool, episode) = (self.clone(), episode.to_owned());
        Ok(Some(Taken { tries: spool.tries(&episode), spool, episode, marks, _lock: lock }))
    }

    /// A state that does not read counts as none: it only tells when to try again.
    fn tries(&self, episode: &str) -> Tries {
        let read = fs::read(self.state_of(episode)).ok();
        read.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    fn state_of(&self, episode: &str) -> PathBuf {
        self.state.join(format!("{episode}.json"))
    }

    /// Episode, time and path of each mark; of one episode, or of all.
    fn marks_of(&self, of: Option<&str>) -> Result<Vec<(String, i64, PathBuf)>, StoreError> {
        let failed = |error| StoreError::from_io(&self.marks, error);
        let mut marks = Vec::new();
        for entry in fs::read_dir(&self.marks).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some((episode, at)) = name.to_str().and_then(read_mark) else { continue };
            if of.is_none_or(|wanted| wanted == episode) {
                marks.push((episode.to_owned(), at, entry.path()));
            }
        }
        Ok(marks)
    }
}

/// Whether the change that a mark was made for is done, or died.
fn is_let_go(mark: &Path) -> bool {
    File::open(mark).is_ok_and(|file| file.try_lock_shared().is_ok())
}

/// A change of an episode that is under way.
#[derive(Debug)]
pub struct Mark {
    _held: File,
}

/// `EPISODE.AT.NAME`; what has another form (an unfinished file) is none.
fn read_mark(name: &str) -> Option<(&str, i64)> {
    let (rest, _) = name.rsplit_once('.')?;
    let (episode, at) = rest.rsplit_once('.')?;
    Some((episode, at.parse().ok()?)).filter(|(episode, _)| !episode.is_empty())
}

/// An episode that this process uploads; no other one does meanwhile.
#[derive(Debug)]
pub struct Taken {
    spool: Spool,
    episode: String,
    marks: Vec<PathBuf>,
    tries: Tries,
    _lock: File,
}

impl Taken {
    /// Which.
    #[must_use]
    pub fn episode(&self) -> &str {
        &self.episode
    }

    /// What is known of the tries so far.
    #[must_use]
    pub fn tries(&self) -> &Tries {
        &self.tries
    }

    /// Everything that was there when it was taken is where it should be. What came since waits on.
    ///
    /// # Errors
    /// [`StoreError`]; then it is tried once more, and finds everything there.
    pub fn done(self) -> Result<(), StoreError> {
        remove(&self.spool.state_of(&self.episode))?;
        self.marks.iter().try_for_each(|mark| remove(mark))?;
        // Whoever has just opened it takes an episode without marks, or one that was marked since: at worst two upload the same bytes.
        remove(&self.spool.state.join(format!("{}.lock", self.episode)))
    }

    /// It waits on: not to be tried before `next_at`.
    ///
    /// # Errors
    /// [`StoreError`]; then it is tried again at once.
    pub fn again(self, tries: &Tries) -> Result<(), StoreError> {
        let path = self.spool.state_of(&self.episode);
        let failed = |error| StoreError::from_io(&path, error);
        let json = serde_json::to_vec(tries).map_err(|error| failed(error.into()))?;
        Temporary::write(&self.spool.state, &json).and_then(|written| written.replace(&path)).map_err(failed)?;
        durable::sync_folder(&self.spool.state).map_err(failed)
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::from_io(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn spool() -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(dir.path()).unwrap();
        let spool = Spool::open(&store).unwrap();
        (dir, spool)
    }

    fn names(spool: &Spool) -> Vec<String> {
        spool.waiting().unwrap().into_iter().map(|w| w.episode).collect()
    }

    #[test]
    fn what_is_marked_waits_until_it_is_done_and_the_longest_waiting_comes_first() {
        let (_dir, spool) = spool();
        for (episode, at) in [("b.1", 20), ("a", 30), ("b.1", 10)] {
            drop(spool.mark(episode, at).unwrap());
        }
        assert_eq!(names(&spool), ["b.1", "a"]);
        assert_eq!(spool.waiting().unwrap()[0].since, 10);
        spool.take("b.1").unwrap().unwrap().done().unwrap();
        assert_eq!(names(&spool), ["a"]);
        assert!(spool.take("b.1").unwrap().is_none());
    }

    #[test]
    fn what_is_marked_while_it_is_uploaded_waits_on() {
        let (_dir, spool) = spool();
        drop(spool.mark("a", 1).unwrap());
        let taken = spool.take("a").unwrap().unwrap();
        drop(spool.mark("a", 2).unwrap());
        taken.done().unwrap();
        assert_eq!(spool.waiting().unwrap()[0].since, 2);
    }

    #[test]
    fn what_is_being_sealed_while_it_is_uploaded_waits_on() {
        let (_dir, spool) = spool();
        let sealing = spool.mark("a", 1).unwrap();
        assert!(spool.take("a").unwrap().is_none(), "it is not complete yet");
        drop(spool.mark("a", 2).unwrap());
        let taken = spool.take("a").unwrap().unwrap();
        // Its last file comes after the uploader has read the folder.
        drop(sealing);
        taken.done().unwrap();
        assert_eq!(spool.waiting().unwrap()[0].since, 1);
        assert!(spool.take("a").unwrap().is_some());
    }

    #[test]
    fn an_episode_is_uploaded_by_one_at_a_time() {
        let (_dir, spool) = spool();
        drop(spool.mark("a", 1).unwrap());
        let taken = spool.take("a").unwrap().unwrap();
        assert!(Spool::open(spool.store()).unwrap().take("a").unwrap().is_none());
        drop(taken);
        assert!(spool.take("a").unwrap().is_some());
    }

    #[test]
    fn when_it_is_tried_next_and_why_it_failed_outlive_the_process() {
        let (_dir, spool) = spool();
        drop(spool.mark("a", 1).unwrap());
        let trouble = Trouble { code: "s3-unreachable".to_owned(), message: "refused".to_owned() };
        let tries = Tries { failed: 3, next_at: 99, trouble: Some(trouble) };
        spool.take("a").unwrap().unwrap().again(&tries).unwrap();
        assert_eq!(Spool::open(spool.store()).unwrap().waiting().unwrap()[0].tries, tries);
        spool.take("a").unwrap().unwrap().done().unwrap();
        drop(spool.mark("a", 2).unwrap());
        assert_eq!(spool.waiting().unwrap()[0].tries, Tries::default());
    }
}
