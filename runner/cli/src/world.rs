//! The real world, put together: Chromium, SQL, disk and the system's clock behind the engine's ports.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deed_chromium::Chromium;
use deed_core::ids::EpisodeId;
use deed_core::ports::proofs::{EpisodeProofs, ProofFault, Proofs};
use deed_core::ports::{Clock, World};
use deed_core::time::Timestamp;
use deed_ledger::SqlLedger;
use deed_proofs::spool::Mark;
use deed_proofs::{
    ArtifactRef, DirectoryStore, Manifest, NewArtifact, Recorder, SealError, Sha256, Spool, Store, StoreError,
};

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

    async fn sleep(&self, for_: Duration) {
        tokio::time::sleep(for_).await;
    }
}

/// Proof in a directory, which may be the spool of a store elsewhere.
#[derive(Clone)]
pub struct DirectoryProofs {
    store: DirectoryStore,
    /// Where there is a store elsewhere: what still has to be brought there.
    spool: Option<Spool>,
}

impl DirectoryProofs {
    /// Uses (and makes) the directory.
    ///
    /// # Errors
    /// The store's: it can not be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: DirectoryStore::open(root)?, spool: None })
    }

    /// The same, and what is kept there is to be uploaded: each episode is marked before it changes.
    ///
    /// # Errors
    /// The store's.
    pub fn open_spool(root: &Path) -> Result<Self, StoreError> {
        let store = DirectoryStore::open(root)?;
        Ok(Self { spool: Some(Spool::open(&store)?), store })
    }

    /// The store.
    pub fn store(&self) -> &DirectoryStore {
        &self.store
    }
}

/// The spool of one episode.
pub struct EpisodeSpool {
    store: DirectoryStore,
    spool: Option<Spool>,
    recorder: Recorder,
    earlier: Option<Manifest>,
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
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| ProofFault { code: "store-io".to_owned(), message: format!("the proof writer stopped: {e}") })
}

impl Proofs for DirectoryProofs {
    type Episode = EpisodeSpool;

    async fn episode(&self, episode: &EpisodeId) -> Result<EpisodeSpool, ProofFault> {
        let store = self.store.clone();
        let folder = store.episode_folder(episode.as_str());
        let earlier = blocking(move || std::fs::read(folder.join("manifest.json")).ok()).await?;
        // A manifest that does not read is not continued; `proof verify` tells what is wrong with it.
        let earlier = earlier.and_then(|bytes| Manifest::from_json(&bytes).ok());
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let recorder = Recorder::new(shared).map_err(|e| store_fault(&e))?;
        Ok(EpisodeSpool { store, spool: self.spool.clone(), recorder, earlier })
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

    async fn durable(&self) -> Result<Vec<ArtifactRef>, ProofFault> {
        self.recorder.durable().await.map_err(|e| store_fault(&e))
    }

    async fn checkpoint(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        let (store, spool, manifest) = (self.store.clone(), self.spool.clone(), manifest.clone());
        blocking(move || {
            let _changing = mark(spool.as_ref(), &manifest)?;
            deed_proofs::checkpoint(&store, &manifest)
        })
        .await?
        .map_err(|e| seal_fault(&e))
    }

    async fn seal(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        let (store, spool, manifest) = (self.store.clone(), self.spool.clone(), manifest.clone());
        blocking(move || {
            let _changing = mark(spool.as_ref(), &manifest)?;
            deed_proofs::seal(&store, &manifest)
        })
        .await?
        .map(|s| s.manifest)
        .map_err(|e| seal_fault(&e))
    }
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
    /// `DEED_HALT_AT`: the boundary at which this process stops for good, so that a test can kill it exactly there.
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
        if self.halt_at.as_deref() == Some(name) {
            eprintln!("deed: halted at {name}");
            loop {
                std::thread::park();
            }
        }
    }
}
