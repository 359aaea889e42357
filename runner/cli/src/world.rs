//! The real world, put together: Chromium, SQL, disk and the system's clock behind the engine's ports.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deed_chromium::Chromium;
use deed_core::ids::EpisodeId;
use deed_core::ports::ledger::Fence;
use deed_core::ports::proofs::{EpisodeProofs, ProofFault, Proofs};
use deed_core::ports::{Clock, World};
use deed_core::time::{Steady, Timestamp};
use deed_ledger::SqlLedger;
use deed_proofs::scrub;
use deed_proofs::spool::Mark;
use deed_proofs::{
    ArtifactRef, DirectoryStore, KeyError, KeyStore, Manifest, NewArtifact, Recorder, SealError, Sha256, Signer, Spool,
    Store, StoreError, seal_signed,
};

use crate::vault::{Vault, Withheld};

/// The system's time.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn steady(&self) -> Steady {
        deed_chromium::steady()
    }

    async fn sleep(&self, for_: Duration) {
        tokio::time::sleep(for_).await;
    }
}

/// Proof in a directory, which may be the spool of a store elsewhere.
#[derive(Clone)]
pub struct DirectoryProofs {
    store: DirectoryStore,
    signing: Option<Signing>,
    /// Where there is a store elsewhere: what still has to be brought there.
    spool: Option<Spool>,
    vault: Option<Vault>,
}

/// With what proof is signed.
#[derive(Clone)]
struct Signing {
    keys: KeyStore,
    /// Whether its signatures are to get time stamps.
    stamped: bool,
}

impl DirectoryProofs {
    /// Uses (and makes) the directory.
    ///
    /// # Errors
    /// The store's: it can not be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: DirectoryStore::open(root)?, signing: None, spool: None, vault: None })
    }

    /// The same, and what is kept there is to be uploaded: each episode is marked before it changes.
    ///
    /// # Errors
    /// The store's.
    pub fn open_spool(root: &Path) -> Result<Self, StoreError> {
        let store = DirectoryStore::open(root)?;
        Ok(Self { spool: Some(Spool::open(&store)?), signing: None, vault: None, store })
    }

    /// Puts away what is masked, sealed, so that it can be disclosed later. Without a vault nobody can.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// Signs what is sealed; `stamped`: and notes that the signature is to get time stamps. The key is read at each sealing, so that a
    /// rotation counts at once.
    #[must_use]
    pub fn signed_by(self, keys: KeyStore, stamped: bool) -> Self {
        Self { signing: Some(Signing { keys, stamped }), ..self }
    }

    /// The store.
    pub fn store(&self) -> &DirectoryStore {
        &self.store
    }
}

/// The spool of one episode.
pub struct EpisodeSpool {
    store: DirectoryStore,
    signing: Option<Signing>,
    spool: Option<Spool>,
    recorder: Recorder,
    earlier: Option<Manifest>,
    episode: EpisodeId,
    /// The number of the claim by which it is held.
    claim: i64,
    vault: Option<Vault>,
    withheld: Mutex<Vec<Withheld>>,
}

fn key_fault(fault: &KeyError) -> ProofFault {
    ProofFault { code: fault.code().to_owned(), message: fault.to_string() }
}

/// Seals an episode, signed where there is a key to sign with.
fn seal(store: &DirectoryStore, signing: Option<&Signing>, manifest: &Manifest) -> Result<Sha256, ProofFault> {
    let Some(signing) = signing else {
        return deed_proofs::seal(store, manifest).map(|sealed| sealed.manifest).map_err(|fault| seal_fault(&fault));
    };
    let (key, keys) = signing.keys.open_or_create(&now().to_string()).map_err(|fault| key_fault(&fault))?;
    let episode = &manifest.action.episode_id;
    // Before, so that a crash leaves something that is due; and after, should somebody have found nothing to stamp in between.
    let note = || match signing.stamped {
        true => store.stamp_later(episode).map_err(|fault| store_fault(&fault)),
        false => Ok(()),
    };
    note()?;
    let sealed = seal_signed(store, manifest, Some(Signer { key: &key, keys: &keys })).map_err(|f| seal_fault(&f))?;
    note()?;
    Ok(sealed.manifest)
}

/// Keeps the attempt proof, signed where there is a key to sign with. It gets no time stamp: the sealing replaces its signature.
fn checkpoint(store: &DirectoryStore, signing: Option<&Signing>, manifest: &Manifest) -> Result<Sha256, ProofFault> {
    let open = |signing: &Signing| signing.keys.open_or_create(&now().to_string()).map_err(|fault| key_fault(&fault));
    let signing = signing.map(open).transpose()?;
    let signer = signing.as_ref().map(|(key, keys)| Signer { key, keys });
    deed_proofs::checkpoint(store, manifest, signer).map_err(|fault| seal_fault(&fault))
}

fn store_fault(fault: &StoreError) -> ProofFault {
    ProofFault { code: fault.code().to_owned(), message: fault.to_string() }
}

fn seal_fault(fault: &SealError) -> ProofFault {
    ProofFault { code: fault.code().to_owned(), message: fault.to_string() }
}

/// Before the episode changes, so that no change is ever forgotten.
fn mark(spool: Option<&Spool>, manifest: &Manifest) -> Result<Option<Mark>, SealError> {
    Ok(spool.map(|spool| spool.mark(&manifest.action.episode_id, now().0)).transpose()?)
}

/// Runs blocking disk work off the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProofFault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| ProofFault {
        code: "store-io".to_owned(),
        message: format!("the proof writer stopped: {}", scrub::end_of_task(e.is_panic())),
    })
}

impl Proofs for DirectoryProofs {
    type Episode = EpisodeSpool;

    async fn episode(&self, fence: &Fence) -> Result<EpisodeSpool, ProofFault> {
        let (store, signing) = (self.store.clone(), self.signing.clone());
        if let Some(Signing { keys, .. }) = signing.clone() {
            // A key that can not sign is known before anything is done that is to be proved.
            blocking(move || keys.open_or_create(&now().to_string())).await?.map_err(|fault| key_fault(&fault))?;
        }
        let (episode, claim) = (fence.episode.clone(), fence.epoch);
        let held_by = {
            let (store, episode) = (store.clone(), episode.clone());
            move || store.writing(episode.as_str(), claim)
        };
        let folder = store.episode_folder(episode.as_str());
        let earlier = blocking(move || {
            let _held = held_by()?;
            Ok(std::fs::read(folder.join("manifest.json")).ok())
        });
        let earlier = earlier.await?.map_err(|fault| store_fault(&fault))?;
        // A manifest that does not read is not continued; `proof verify` tells what is wrong with it.
        let earlier = earlier.and_then(|bytes| Manifest::from_json(&bytes).ok());
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let recorder = Recorder::new(shared).map_err(|e| store_fault(&e))?;
        let (vault, spool) = (self.vault.clone(), self.spool.clone());
        Ok(EpisodeSpool { store, signing, spool, recorder, earlier, episode, claim, vault, withheld: Mutex::default() })
    }
}

impl EpisodeProofs for EpisodeSpool {
    fn earlier(&self) -> Option<Manifest> {
        self.earlier.clone()
    }

    fn keep(&self, artifact: NewArtifact) {
        self.recorder.keep(artifact);
    }

    fn sealed_is_stored(&self) -> bool {
        self.spool.is_none()
    }

    fn withhold(&self, content: &[u8]) -> Sha256 {
        let withheld = Withheld::new(content);
        let commitment = withheld.commitment();
        if self.vault.is_some() {
            self.withheld.lock().unwrap_or_else(PoisonError::into_inner).push(withheld);
        }
        commitment
    }

    async fn durable(&self) -> Result<Vec<ArtifactRef>, ProofFault> {
        let withheld = std::mem::take(&mut *self.withheld.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(vault) = self.vault.clone().filter(|_| !withheld.is_empty()) {
            let episode = self.episode.clone();
            // What can not be put away can not be disclosed later; the proof holds without it.
            if let Err(error) = blocking(move || vault.put(&episode, &withheld)).await? {
                tracing::warn!(%error, "what was masked could not be put away; it can not be disclosed later");
            }
        }
        self.recorder.durable().await.map_err(|e| store_fault(&e))
    }

    async fn checkpoint(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        let (store, signing, spool) = (self.store.clone(), self.signing.clone(), self.spool.clone());
        let (manifest, claim) = (manifest.clone(), self.claim);
        blocking(move || {
            let _held = store.writing(&manifest.action.episode_id, claim).map_err(|fault| store_fault(&fault))?;
            let _changing = mark(spool.as_ref(), &manifest).map_err(|fault| seal_fault(&fault))?;
            checkpoint(&store, signing.as_ref(), &manifest)
        })
        .await?
    }

    async fn seal(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        let (store, signing, spool) = (self.store.clone(), self.signing.clone(), self.spool.clone());
        let (manifest, claim) = (manifest.clone(), self.claim);
        blocking(move || {
            let _held = store.writing(&manifest.action.episode_id, claim).map_err(|fault| store_fault(&fault))?;
            let _changing = mark(spool.as_ref(), &manifest).map_err(|fault| seal_fault(&fault))?;
            seal(&store, signing.as_ref(), &manifest)
        })
        .await?
    }
}

/// How often a halted process looks whether it is to go on.
const HALT_LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// A defect, for the tests of what is said of one.
#[expect(clippy::panic, reason = "asked for by whoever set DEED_HALT_AT")]
fn provoked(at: &str, words: &str) {
    panic!("a provoked defect at {at}, which quotes {words}");
}

/// What an episode stands on, for real. Clones share all of it.
#[derive(Clone)]
pub struct RealWorld {
    /// Chromium; worlds may share one.
    pub browser: Arc<Chromium>,
    /// The ledger.
    pub ledger: SqlLedger,
    /// The proof directory.
    pub proofs: DirectoryProofs,
    /// The clock.
    pub clock: SystemClock,
    /// `DEED_HALT_AT`: the boundary at which this process stops for good, so that a test can kill it exactly there; or, as `BOUNDARY@FILE`,
    /// until the file is there; or, as `BOUNDARY!WORDS`, at which it panics with these words in the message.
    pub halt_at: Option<String>,
}

impl World for RealWorld {
    type Browser = Chromium;
    type Ledger = SqlLedger;
    type Proofs = DirectoryProofs;
    type Clock = SystemClock;

    fn browser(&self) -> &Chromium {
        &self.browser
    }

    fn ledger(&self) -> &SqlLedger {
        &self.ledger
    }

    fn proofs(&self) -> &DirectoryProofs {
        &self.proofs
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn boundary(&self, name: &'static str) {
        tracing::debug!(boundary = name);
        let Some(halt_at) = &self.halt_at else { return };
        if let Some((at, words)) = halt_at.split_once('!') {
            if at == name {
                provoked(name, words);
            }
            return;
        }
        let (at, until) = halt_at.split_once('@').map_or((halt_at.as_str(), None), |(at, file)| (at, Some(file)));
        let goes_on = || until.is_some_and(|file| std::path::Path::new(file).exists());
        if at == name && !goes_on() {
            eprintln!("deed: halted at {name}");
            tokio::task::block_in_place(|| {
                while !goes_on() {
                    std::thread::park_timeout(HALT_LOOK);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "what a panic leaves is looked at")]
    use super::*;

    #[tokio::test]
    async fn a_writer_that_panics_tells_nothing_of_what_it_held() {
        let ended = blocking(|| panic!("no place for {}", ["sid=", "4711"].concat())).await;
        let fault = ended.map(|()| "done").unwrap_err();
        assert_eq!(fault.code, "store-io");
        assert_eq!(fault.message, "the proof writer stopped: a defect ended it");
    }
}
