//! Deleting payloads by rule, so that what is left still proves what it says.
//!
//! A rule names a client and how old its evidence may become. Of an episode that is older, the objects are deleted, manifest and hashes
//! stay, and `deleted.json` beside the manifest says what was deleted, when, and by which rule; the report is rendered again without the
//! pictures. An object that an episode with a right to it still lists stays until the last of them is old. Everything that is to be
//! deleted is written down, durably, before the first of it is: a prune that is cut short is taken up by the next.
//!
//! What is written down of a signed episode is signed too, and an earlier note that is not is not built upon: nobody
//! gets a deletion of their own signed by the next prune. Never touches a manifest, an episode that is not sealed, or
//! one whose outcome is still open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::hash::Sha256;
use crate::keys::KeyHistory;
use crate::manifest::Manifest;
use crate::report;
use crate::seal::{Signer, write_all};
use crate::signature::Envelope;
use crate::spool::Spool;
use crate::storage::{StorageRecord, StoredPiece};
use crate::store::{DirectoryStore, StoreError};
use crate::sums::{
    self, DELETED_ENVELOPE_FILE, DELETED_FILE, DeletionFiles, ENVELOPE_FILE, KEYS_FILE, MANIFEST_FILE, REPORT_FILE,
    SUMS_FILE, SignedFiles,
};

/// How old the evidence of a client may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In days.
    pub days: u32,
    /// What is older than this moment goes, RFC 3339 in UTC: the caller's clock.
    pub before: String,
}

/// `deleted.json`: what of an episode was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletions {
    /// Of this format: 1.
    pub version: u32,
    /// The episode.
    pub episode_id: String,
    /// The manifest that lists what is gone.
    pub manifest: Sha256,
    /// Every deleted object, in the order of their hashes.
    pub deleted: Vec<Deleted>,
}

/// One object that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deleted {
    /// Its hash, by which the manifest lists it.
    pub sha256: Sha256,
    /// When, RFC 3339.
    pub at: String,
    /// By which rule, in words.
    pub rule: String,
}

impl Deletions {
    /// The format's version.
    pub const VERSION: u32 = 1;

    /// The one byte form.
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON can not say.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Whether this object was deleted.
    #[must_use]
    pub fn has(&self, sha256: &Sha256) -> bool {
        self.deleted.iter().any(|deleted| deleted.sha256 == *sha256)
    }
}

/// What a prune did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Episodes whose payloads are gone now.
    pub episodes: Vec<String>,
    /// Objects that were deleted.
    pub objects: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Episodes that are old enough and were left alone: they are signed, and the key that would sign the deletion does not follow theirs.
    pub left: Vec<String>,
}

/// What was written down of an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenDown {
    /// What it says.
    pub deletions: Deletions,
    /// Whether a key of the history that was given signed it.
    pub signed: bool,
}

/// What was deleted of an episode, where that is about this manifest. Only what is signed may be acted upon elsewhere.
///
/// # Errors
/// [`StoreError`], what the disk said.
pub fn deletions(
    folder: &Path,
    manifest: &Manifest,
    hash: Sha256,
    keys: Option<&KeyHistory>,
) -> Result<Option<WrittenDown>, StoreError> {
    let about = |found: &Deletions| found.manifest == hash && found.episode_id == manifest.action.episode_id;
    let signed = match keys {
        Some(keys) => known_deletions(folder, Some(keys))?.filter(about),
        None => None,
    };
    Ok(match signed {
        Some(deletions) => Some(WrittenDown { deletions, signed: true }),
        None => known_deletions(folder, None)?.filter(about).map(|deletions| WrittenDown { deletions, signed: false }),
    })
}

/// A store elsewhere that has the proof too: what is deleted here is to be brought there, and deleted there.
#[derive(Debug, Clone, Copy)]
pub struct Elsewhere<'s> {
    /// Where it waits for that.
    pub spool: &'s Spool,
    /// The bucket.
    pub bucket: &'s str,
    /// The time of the marks: milliseconds since 1970.
    pub at: i64,
    /// Whether it is tried anew with what a legal hold kept there: nobody tells when one ends.
    pub held: bool,
}

struct Old<'r> {
    manifest: Manifest,
    hash: Sha256,
    rule: &'r Rule,
    known: Option<Deletions>,
    /// Who signs it; nobody where the episode was never signed.
    signer: Option<Signer<'r>>,
}

/// Deletes what is older than its client's rule. `now`: RFC 3339, written into `deleted.json`, which `signer` signs
/// where the episode is signed. What has to be deleted elsewhere too waits in the spool from before it is written down
/// here.
///
/// # Errors
/// [`StoreError`], what the disk said. What was deleted before is written down; running it again goes on.
pub fn prune(
    store: &DirectoryStore,
    rules: &BTreeMap<String, Rule>,
    now: &str,
    signer: Option<Signer<'_>>,
    elsewhere: Option<Elsewhere<'_>>,
) -> Result<Pruned, StoreError> {
    let episodes = store.root().join("episodes");
    let (mut old, mut in_use) = (Vec::new(), BTreeSet::new());
    let mut pruned = Pruned::default();
    for entry in fs::read_dir(&episodes).map_err(|error| StoreError::from_io(&episodes, error))? {
        let folder = entry.map_err(|error| StoreError::from_io(&episodes, error))?.path();
        let Some(json) = read(&folder.join(MANIFEST_FILE))? else { continue };
        // What can not be read keeps nothing alive, and nothing of it is deleted: its objects are not known.
        let Ok(manifest) = Manifest::from_json(&json) else { continue };
        let rule = rules
            .get(&manifest.action.client_id)
            .filter(|rule| is_over(&manifest) && newest(&manifest) < rule.before.as_str());
        let rule = rule.filter(|_| folder.join(REPORT_FILE).exists());
        let follows = |id: &Sha256| signer.filter(|signer| signer.keys.find(id).is_some());
        let signer = manifest.signer.as_ref().map(follows);
        match (rule, signer) {
            (Some(rule), None | Some(Some(_))) => {
                let signer = signer.flatten();
                let known = known_deletions(&folder, signer.map(|signer| signer.keys))?;
                old.push(Old { hash: Sha256::of(&json), manifest, rule, known, signer });
            }
            (rule, _) => {
                in_use.extend(manifest.artifacts.iter().map(|artifact| artifact.sha256));
                pruned.left.extend(rule.map(|_| manifest.action.episode_id));
            }
        }
    }
    for one in &old {
        let listed: BTreeSet<Sha256> = one.manifest.artifacts.iter().map(|artifact| artifact.sha256).collect();
        let going: BTreeSet<Sha256> = listed.difference(&in_use).copied().collect();
        let known = one.known.as_ref().is_some_and(|known| going.iter().all(|sha256| known.has(sha256)));
        let written = known && is_listed(store, one)?;
        let episode = &one.manifest.action.episode_id;
        let mark = |elsewhere: Elsewhere<'_>| elsewhere.spool.mark(episode, elsewhere.at);
        if !going.is_empty() && !written {
            let _held = elsewhere.map(mark).transpose()?;
            write_down(store, one, &going, now)?;
            pruned.episodes.push(episode.clone());
        } else if let Some(elsewhere) = elsewhere
            && may_go_elsewhere(store, one, now, elsewhere)?
        {
            drop(mark(elsewhere)?);
        }
    }
    // Only now: everything that is deleted is written down in every episode that lists it.
    let going: BTreeSet<Sha256> = old
        .iter()
        .flat_map(|one| one.manifest.artifacts.iter().map(|a| a.sha256))
        .filter(|s| !in_use.contains(s))
        .collect();
    for sha256 in going {
        if let Some(bytes) =
            delete(&store.object_path(&sha256)).map_err(|e| StoreError::from_io(&store.object_path(&sha256), e))?
        {
            pruned.objects += 1;
            pruned.bytes += bytes;
        }
    }
    Ok(pruned)
}

/// Whether a piece that a lock kept elsewhere may be deleted there by now.
fn may_go_elsewhere(
    store: &DirectoryStore,
    one: &Old<'_>,
    now: &str,
    elsewhere: Elsewhere<'_>,
) -> Result<bool, StoreError> {
    // What is not signed is never acted upon there.
    let Some(known) = one.known.as_ref().filter(|_| one.signer.is_some()) else { return Ok(false) };
    let folder = store.episode_folder(&one.manifest.action.episode_id);
    let report = read(&folder.join(REPORT_FILE))?.map(|bytes| Sha256::of(&bytes));
    let record = StorageRecord::read(&folder);
    // A lock's end has no fraction of a second and now has one; as texts they compare right but within that second.
    let free = |piece: &StoredPiece| match (&piece.retain_until, piece.legal_hold) {
        (_, true) => elsewhere.held,
        (Some(until), false) => until.as_str() < now,
        (None, false) => true,
    };
    let goes = |piece: &StoredPiece| match piece.name.as_str() {
        REPORT_FILE => Some(piece.sha256) != report,
        _ => known.has(&piece.sha256),
    };
    Ok(record.pieces.iter().any(|piece| piece.bucket == elsewhere.bucket && goes(piece) && free(piece)))
}

/// What was written down before: of a signed episode only where a key of its history signed it.
fn known_deletions(folder: &Path, keys: Option<&KeyHistory>) -> Result<Option<Deletions>, StoreError> {
    let Some(json) = read(&folder.join(DELETED_FILE))? else { return Ok(None) };
    let deletions = serde_json::from_slice(&json).ok();
    let Some(keys) = keys else { return Ok(deletions) };
    let envelope = read(&folder.join(DELETED_ENVELOPE_FILE))?.and_then(|json| Envelope::from_json(&json).ok());
    let signed = envelope.is_some_and(|envelope| {
        envelope.signed_by(keys).is_some() && envelope.is_about_deletions(Sha256::of(&json)).is_ok()
    });
    Ok(deletions.filter(|_| signed))
}

/// Whether what was written down was written to its end: the sums, which are written last, list it as it is.
fn is_listed(store: &DirectoryStore, one: &Old<'_>) -> Result<bool, StoreError> {
    let folder = store.episode_folder(&one.manifest.action.episode_id);
    let sums = read(&folder.join(SUMS_FILE))?.unwrap_or_default();
    let sums = String::from_utf8_lossy(&sums);
    let signature = one.signer.map(|_| DELETED_ENVELOPE_FILE);
    for name in [Some(DELETED_FILE), signature].into_iter().flatten() {
        let actual = read(&folder.join(name))?.map(|bytes| Sha256::of(&bytes));
        if actual.is_none() || actual != sums::hash_of(&sums, name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Its outcome is known, or it never came to an attempt.
fn is_over(manifest: &Manifest) -> bool {
    !matches!(manifest.outcome.state.as_str(), "attempted" | "unknown")
}

/// When the last thing was seen or done in it. Times are RFC 3339 in UTC with milliseconds, so they compare as texts.
fn newest(manifest: &Manifest) -> &str {
    let times = manifest.steps.iter().map(|step| step.at.as_str());
    times.chain(manifest.audit.iter().map(|entry| entry.at.as_str())).max().unwrap_or("9999")
}

fn write_down(store: &DirectoryStore, one: &Old<'_>, going: &BTreeSet<Sha256>, now: &str) -> Result<(), StoreError> {
    let manifest = &one.manifest;
    let rule = format!("payloads of client {} are deleted after {} days", manifest.action.client_id, one.rule.days);
    let before = one.known.iter().flat_map(|known| known.deleted.iter().cloned());
    let mut deleted: BTreeMap<Sha256, Deleted> = before.map(|deleted| (deleted.sha256, deleted)).collect();
    for sha256 in going {
        deleted.entry(*sha256).or_insert_with(|| Deleted { sha256: *sha256, at: now.to_owned(), rule: rule.clone() });
    }
    let deletions = Deletions {
        version: Deletions::VERSION,
        episode_id: manifest.action.episode_id.clone(),
        manifest: one.hash,
        deleted: deleted.into_values().collect(),
    };
    let unwritten = |why: String| StoreError::from_io(Path::new(DELETED_FILE), std::io::Error::other(why));
    let json = deletions.to_json().map_err(|error| unwritten(error.to_string()))?;
    let file = Sha256::of(&json);
    let sign = |signer: Signer<'_>| Envelope::sign_deletions(&deletions, file, signer.key)?.to_json();
    let envelope = one.signer.map(sign).transpose().map_err(|error| unwritten(format!("its signature {error}")))?;
    let kept = |sha256: &Sha256| {
        use crate::store::Store as _;
        if deletions.has(sha256) { None } else { store.get(sha256).ok() }
    };
    let report = report::render(manifest, &kept, Some(&deletions));
    let folder = store.episode_folder(&manifest.action.episode_id);
    let hash = |name: &str| Ok::<_, StoreError>(read(&folder.join(name))?.map(|bytes| Sha256::of(&bytes)));
    // The history that leads to the key of today, which begins with the one that lies there.
    let keys = one.signer.map(|signer| signer.keys.to_json());
    let keys_hash = keys.as_ref().map_or_else(|| hash(KEYS_FILE), |keys| Ok(Some(Sha256::of(keys.as_bytes()))))?;
    // What was signed is the manifest, which stays; the signature's lines stay with it.
    let signed = match (hash(ENVELOPE_FILE)?, keys_hash) {
        (Some(envelope), Some(keys)) => Some(SignedFiles { envelope, keys }),
        _ => None,
    };
    let envelope_hash = envelope.as_deref().map(Sha256::of);
    let told = DeletionFiles { deletions, file, envelope: envelope_hash };
    let sums = sums::render(manifest, one.hash, Sha256::of(report.as_bytes()), signed, Some(&told));
    let mut files = vec![(DELETED_FILE, json.as_slice())];
    files.extend(envelope.as_deref().map(|envelope| (DELETED_ENVELOPE_FILE, envelope)));
    files.extend(keys.as_deref().map(|keys| (KEYS_FILE, keys.as_bytes())));
    files.extend([(REPORT_FILE, report.as_bytes()), (SUMS_FILE, sums.as_bytes())]);
    write_all(&folder, &files).map_err(|error| StoreError::from_io(&folder, error))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(StoreError::from_io(path, error)),
    }
}

/// What was kept so recently is not deleted yet: an episode that is under way may list it, and has no manifest so far.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Its size; `None`: it was gone, or stays for now.
fn delete(path: &Path) -> std::io::Result<Option<u64>> {
    let size = match fs::metadata(path) {
        Ok(found) if found.modified()?.elapsed().is_ok_and(|since| since < RECENT) => return Ok(None),
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    fs::remove_file(path)?;
    if let Some(folder) = path.parent() {
        durable::sync_folder(folder)?;
    }
    Ok(Some(size))
}
