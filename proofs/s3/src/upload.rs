//! The spool of a directory store, drained: one episode after another, a few pieces at a time.
//!
//! Owns the order (evidence, then the manifest, then what stands beside it), the keys, the record beside the manifest,
//! and when a failed upload is tried again. An episode leaves the spool only when each of its pieces was seen in the
//! store, the record of that is durable, and whoever has to be told was told. Memory is bounded: [`LANES`] pieces at a
//! time, each in parts of 8 MiB.
//!
//! Keys below the place; each names its content, so none is ever written anew:
//!
//! ```text
//! episodes/EPISODE/objects/ab/cdef…         a piece of its evidence
//! episodes/EPISODE/manifest-SHA256.json     each manifest that was sealed, and every other file of the episode, in the same form
//! ```
//!
//! Each episode has its evidence for itself, though some of it is the same as another's: several runners share a place, none knows what the
//! others' episodes list, and a rule that deletes one episode's must not reach another's.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use deed_proofs::retention::{self, WrittenDown};
use deed_proofs::spool::{Taken, Tries, Trouble};
use deed_proofs::storage::{STORAGE_VERSION, StorageRecord, episode_files};
use deed_proofs::store::relative_object_path;
use deed_proofs::{KeyStore, Manifest, Sha256, Spool, StoreError, StoredPiece};
use futures_util::StreamExt as _;

use crate::bucket::Bucket;
use crate::error::S3Error;
use crate::parts::Source;
use crate::remove::Removed;

/// Pieces that are uploaded at the same time.
pub const LANES: usize = 4;
/// After so many failures an episode is left for later: most of what follows would fail too.
const FAILURES_MAX: u32 = 8;
/// Largest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The first and the longest pause after a failure; it doubles with each.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15 * 60));
/// The pause when only whoever has to be told is not ready.
const PAUSE_UNTOLD: Duration = Duration::from_secs(2);

/// An episode whose every piece was seen in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Which.
    pub episode: String,
    /// Whose proof it is.
    pub action: String,
    /// The hash of the manifest that is there now, as the ledger knows it.
    pub manifest: Sha256,
    /// The level that this manifest claims, now that it is where it should be.
    pub proof_level: u8,
    /// How many pieces came there now.
    pub new: u32,
    /// How many there are in all.
    pub pieces: u32,
    /// How many were removed there, because a rule deleted them here.
    pub removed: u32,
    /// How many a rule deleted here, and a lock keeps there for now.
    pub locked: u32,
}

/// An episode that waits on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub episode: String,
    /// Whose proof it is, where its manifest reads.
    pub action: Option<String>,
    /// Why.
    pub trouble: Trouble,
    /// What to do.
    pub help: &'static str,
    /// How often it failed in a row.
    pub failed: u32,
    /// Whether it stays so until somebody does something.
    pub lasting: bool,
}

/// What came of one round over the spool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// What is all there now.
    pub uploaded: Vec<Uploaded>,
    /// What waits on, with why.
    pub failed: Vec<Failed>,
    /// How many are all there and wait only for whoever has to be told.
    pub untold: u32,
    /// How many another process has, or are not due yet.
    pub left: u32,
}

/// Which episodes are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Those whose pause is over.
    Now,
    /// All, because a person asked.
    All,
}

/// Drains the spool of one store into a bucket.
#[derive(Debug, Clone)]
pub struct Uploader {
    pub(crate) bucket: Bucket,
    spool: Spool,
    keys: Option<KeyStore>,
}

/// Why an episode is not all there.
struct Stop {
    error: S3Error,
    action: Option<String>,
}

impl Uploader {
    /// From a spool to a bucket.
    #[must_use]
    pub fn new(bucket: Bucket, spool: Spool) -> Self {
        Self { bucket, spool, keys: None }
    }

    /// With the keys whose signature makes a deletion one that reaches the store. Without them nothing is ever removed there.
    #[must_use]
    pub fn with_keys(self, keys: KeyStore) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Where it goes.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// What waits.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Uploads what waits, the longest waiting first; of one episode, or of all. `tell` hears of each episode that is
    /// all there, before it leaves the spool; when it answers false, or an error, the episode waits on and it is told
    /// again.
    ///
    /// # Errors
    /// [`StoreError`]: the spool can not be read or written. What the store refuses is told in the [`Round`].
    pub async fn drain(
        &self,
        only: Option<&str>,
        due: Due,
        tell: impl AsyncFn(&Uploaded) -> Result<bool, Trouble>,
    ) -> Result<Round, StoreError> {
        let mut round = Round::default();
        for waiting in self.spool.waiting()? {
            if only.is_some_and(|episode| episode != waiting.episode) {
                continue;
            }
            if due == Due::Now && waiting.tries.next_at > self.now_ms() {
                round.left += 1;
                continue;
            }
            match self.spool.take(&waiting.episode)? {
                Some(taken) => self.upload(taken, &tell, &mut round).await?,
                None => round.left += 1,
            }
        }
        Ok(round)
    }

    async fn upload(
        &self,
        taken: Taken,
        tell: &impl AsyncFn(&Uploaded) -> Result<bool, Trouble>,
        round: &mut Round,
    ) -> Result<(), StoreError> {
        let episode = taken.episode().to_owned();
        if !self.spool.store().episode_folder(&episode).join("manifest.json").exists() {
            // Nobody holds the mark, and nothing was made: whoever began to is gone.
            return taken.done();
        }
        let uploaded = match self.episode(&episode).await {
            Ok(uploaded) => uploaded,
            Err(Stop { error, action }) => {
                let failed = taken.tries().failed.saturating_add(1);
                let trouble = Trouble { code: error.code().to_owned(), message: error.to_string() };
                let next_at = self.now_ms().saturating_add(millis(pause(failed)));
                tracing::warn!(episode, code = trouble.code, failed, "proof waits to be uploaded");
                taken.again(&Tries { failed, next_at, trouble: Some(trouble.clone()) })?;
                let (help, lasting) = (error.help(), error.is_lasting());
                round.failed.push(Failed { episode, action, trouble, help, failed, lasting });
                return Ok(());
            }
        };
        match tell(&uploaded).await {
            Ok(true) => {
                taken.done()?;
                round.uploaded.push(uploaded);
            }
            untold => {
                let trouble = untold.err();
                let next_at = self.now_ms().saturating_add(millis(PAUSE_UNTOLD));
                let failed = taken.tries().failed;
                taken.again(&Tries { failed, next_at, trouble })?;
                round.untold += 1;
            }
        }
        Ok(())
    }

    /// Brings everything of an episode to the store.
    async fn episode(&self, episode: &str) -> Result<Uploaded, Stop> {
        let store = self.spool.store();
        let folder = store.episode_folder(episode);
        let no_action = |error: S3Error| Stop { error, action: None };
        // The manifest as it is now. What replaces it while it is uploaded is marked anew.
        let (json, manifest) = read_manifest(&folder).map_err(|error| no_action(error.into()))?;
        let sha256 = Sha256::of(&json);
        let action = manifest.action.action_id.clone();
        let stop = |error: S3Error| Stop { error, action: Some(action.clone()) };
        let record = Record::of(&folder);

        let deletions = self.deletions(&folder, &manifest, sha256).map_err(|error| stop(error.into()))?;
        let is_deleted = |sha256: &Sha256| deletions.as_ref().is_some_and(|known| known.deletions.has(sha256));
        let objects: BTreeSet<Sha256> = manifest.artifacts.iter().map(|a| a.sha256).collect();
        let objects = objects.into_iter().filter(|sha256| !is_deleted(sha256)).map(|sha256| Piece {
            name: relative_object_path(&sha256),
            key: key_of_evidence(episode, &sha256),
            sha256: Some(sha256),
            path: store.object_path(&sha256),
            bytes: None,
        });
        let evidence = self.pieces(objects.collect(), &record).await;
        // Only now, so that a manifest in the store says that its evidence is there too.
        let sealed = Piece {
            name: "manifest.json".to_owned(),
            key: key_of_file(episode, "manifest.json", &sha256),
            sha256: Some(sha256),
            path: folder.join("manifest.json"),
            bytes: Some(json),
        };
        let told = match evidence {
            Ok(()) => self.pieces(vec![sealed], &record).await,
            failed => failed,
        };
        let told = match told {
            Ok(()) => self.beside(episode, &folder, &record).await,
            failed => failed,
        };
        // Last: what says why it is gone is there by now.
        let told = match (told, deletions.filter(|known| known.signed)) {
            (Ok(()), Some(known)) => self.remove(episode, &folder, &known.deletions, &record).await,
            (told, _) => told.map(|()| Removed::default()),
        };
        // What is there is written down, whatever failed: the next try goes on from it.
        let written = record.write(&folder);
        let removed = told.map_err(stop)?;
        let (new, pieces) = written.map_err(|error| stop(error.into()))?;
        Ok(Uploaded {
            episode: episode.to_owned(),
            proof_level: manifest.outcome.proof_level,
            action,
            manifest: sha256,
            new,
            pieces,
            removed: removed.gone,
            locked: removed.locked,
        })
    }

    /// What of an episode a rule deleted here. The keys are read anew each time: a new one may have signed it.
    fn deletions(&self, folder: &Path, manifest: &Manifest, hash: Sha256) -> Result<Option<WrittenDown>, StoreError> {
        let keys = self.keys.as_ref().map(KeyStore::history).transpose();
        let keys = keys.map_err(|error| StoreError::from_io(folder, std::io::Error::other(error.to_string())))?;
        retention::deletions(folder, manifest, hash, keys.flatten().as_ref())
    }

    /// Every other file of the episode's folder.
    async fn beside(&self, episode: &str, folder: &Path, record: &Record) -> Result<(), S3Error> {
        let files = episode_files(folder)?.into_iter().filter(|(name, _)| name != "manifest.json");
        let pieces = files.map(|(name, path)| {
            // The key is made when its content is known.
            Piece { key: format!("episodes/{episode}"), name, sha256: None, path, bytes: None }
        });
        self.pieces(pieces.collect(), record).await
    }

    /// Brings pieces to the store, a few at a time; the first error, when there is one.
    async fn pieces(&self, pieces: Vec<Piece>, record: &Record) -> Result<(), S3Error> {
        let failures = AtomicU32::new(0);
        let first = Mutex::new(None);
        futures_util::stream::iter(pieces)
            .for_each_concurrent(LANES, async |piece| {
                if failures.load(Ordering::SeqCst) >= FAILURES_MAX {
                    return;
                }
                if let Err(error) = self.piece(piece, record).await {
                    failures.fetch_add(1, Ordering::SeqCst);
                    lock(&first).get_or_insert(error);
                }
            })
            .await;
        let first = lock(&first).take();
        first.map_or(Ok(()), Err)
    }

    async fn piece(&self, piece: Piece, record: &Record) -> Result<(), S3Error> {
        let source = match piece.bytes {
            Some(bytes) => Source::Bytes(bytes.into()),
            None => Source::open(piece.path)?,
        };
        let (sha256, name) = match piece.sha256 {
            Some(sha256) => (sha256, piece.key),
            None => {
                let sha256 = source.measure().await?.sha256;
                (sha256, format!("{}/{}", piece.key, named(&piece.name, &sha256)))
            }
        };
        let key = self.bucket.place().key(&name);
        if record.has(&self.bucket.place().bucket, &key) {
            return Ok(());
        }
        let kept = self.bucket.keep(&key, &piece.name, &source, &sha256).await?;
        record.add(kept.piece, kept.new);
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        let since = self.bucket.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(since)
    }
}

/// One thing to upload.
struct Piece {
    name: String,
    /// Below the place; of a file whose hash is not known yet, its folder.
    key: String,
    sha256: Option<Sha256>,
    path: std::path::PathBuf,
    bytes: Option<Vec<u8>>,
}

/// The record of an episode while it is uploaded.
pub(crate) struct Record {
    record: Mutex<StorageRecord>,
    new: AtomicU32,
}

impl Record {
    fn of(folder: &Path) -> Self {
        Self { record: Mutex::new(StorageRecord::read(folder)), new: AtomicU32::new(0) }
    }

    fn has(&self, bucket: &str, key: &str) -> bool {
        lock(&self.record).piece(bucket, key).is_some()
    }

    fn add(&self, piece: StoredPiece, new: bool) {
        self.new.fetch_add(u32::from(new), Ordering::SeqCst);
        lock(&self.record).pieces.push(piece);
    }

    /// What is under a key is gone.
    pub(crate) fn forget(&self, bucket: &str, key: &str) {
        lock(&self.record).pieces.retain(|piece| (piece.bucket.as_str(), piece.key.as_str()) != (bucket, key));
    }

    /// What is under a key is locked, so and so long.
    pub(crate) fn locked(&self, bucket: &str, key: &str, until: Option<String>, hold: bool) {
        let mut record = lock(&self.record);
        let found = record.pieces.iter_mut().find(|piece| (piece.bucket.as_str(), piece.key.as_str()) == (bucket, key));
        if let Some(piece) = found {
            (piece.retain_until, piece.legal_hold) = (until, hold);
        }
    }

    fn write(&self, folder: &Path) -> Result<(u32, u32), StoreError> {
        let mut record = lock(&self.record);
        record.version = STORAGE_VERSION;
        record.write(folder)?;
        Ok((self.new.load(Ordering::SeqCst), u32::try_from(record.pieces.len()).unwrap_or(u32::MAX)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The key of a piece of an episode's evidence, below the place.
fn key_of_evidence(episode: &str, sha256: &Sha256) -> String {
    format!("episodes/{episode}/{}", relative_object_path(sha256))
}

/// The key of a file of an episode, below the place.
pub(crate) fn key_of_file(episode: &str, name: &str, sha256: &Sha256) -> String {
    format!("episodes/{episode}/{}", named(name, sha256))
}

/// `manifest.json` → `manifest-SHA256.json`; in a folder, the folder stays.
fn named(name: &str, sha256: &Sha256) -> String {
    let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
    let slash = if folder.is_empty() { "" } else { "/" };
    match file.split_once('.') {
        Some((stem, rest)) if !stem.is_empty() => format!("{folder}{slash}{stem}-{sha256}.{rest}"),
        _ => format!("{folder}{slash}{file}-{sha256}"),
    }
}

fn read_manifest(folder: &Path) -> Result<(Vec<u8>, Manifest), StoreError> {
    use std::io::Read as _;
    let path = folder.join("manifest.json");
    let failed = |error: std::io::Error| StoreError::Io { path: path.clone(), source: std::sync::Arc::new(error) };
    let mut json = Vec::new();
    let file = std::fs::File::open(&path).map_err(failed)?;
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut json).map_err(failed)?;
    let manifest = Manifest::from_json(&json).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    Ok((json, manifest))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// How long to wait after so many failures in a row.
fn pause(failed: u32) -> Duration {
    PAUSE.0.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(PAUSE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!([1, 2, 3, 9, 99].map(|n| pause(n).as_secs()), [5, 10, 20, 900, 900]);
    }

    #[test]
    fn a_key_names_its_content() {
        let sha256 = Sha256::of(b"x");
        assert_eq!(key_of_file("e1", "manifest.json", &sha256), format!("episodes/e1/manifest-{sha256}.json"));
        assert_eq!(named("manifest.dsse.json", &sha256), format!("manifest-{sha256}.dsse.json"));
        assert_eq!(named("stamps/1.tsr", &sha256), format!("stamps/1-{sha256}.tsr"));
        assert_eq!(named("SHA256SUMS", &sha256), format!("SHA256SUMS-{sha256}"));
        assert_eq!(named("a/.x", &sha256), format!("a/.x-{sha256}"));
    }
}
