//! The real world, put together: Chromium, SQL, disk and the system's clock behind the engine's ports.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deed_chromium::Chromium;
use deed_core::ids::EpisodeId;
use deed_core::ports::proofs::{EpisodeProofs, ProofFault, Proofs};
use deed_core::ports::{Clock, World};
use deed_core::time::Timestamp;
use deed_ledger::SqlLedger;
use deed_proofs::{ArtifactRef, DirectoryStore, Manifest, NewArtifact, Recorder, SealError, Sha256, Store, StoreError};

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

    async fn sleep(&self, for_: Duration) {
        tokio::time::sleep(for_).await;
    }
}

/// Proof in a directory.
#[derive(Clone)]
pub struct DirectoryProofs {
    store: DirectoryStore,
    vault: Option<Vault>,
}

impl DirectoryProofs {
    /// Uses (and makes) the directory.
    ///
    /// # Errors
    /// The store's: it can not be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: DirectoryStore::open(root)?, vault: None })
    }

    /// Puts away what is masked, sealed, so that it can be disclosed later. Without a vault nobody can.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// The store.
    pub fn store(&self) -> &DirectoryStore {
        &self.store
    }
}

/// The spool of one episode.
pub struct EpisodeSpool {
    store: DirectoryStore,
    recorder: Recorder,
    earlier: Option<Manifest>,
    episode: EpisodeId,
    vault: Option<Vault>,
    withheld: Mutex<Vec<Withheld>>,
}

fn store_fault(fault: &StoreError) -> ProofFault {
    ProofFault { code: fault.code().to_owned(), message: fault.to_string() }
}

fn seal_fault(fault: &SealError) -> ProofFault {
    ProofFault { code: fault.code().to_owned(), message: fault.to_string() }
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
        let (episode, vault) = (episode.clone(), self.vault.clone());
        Ok(EpisodeSpool { store, recorder, earlier, episode, vault, withheld: Mutex::default() })
    }
}

impl EpisodeProofs for EpisodeSpool {
    fn earlier(&self) -> Option<Manifest> {
        self.earlier.clone()
    }

    fn keep(&self, artifact: NewArtifact) {
        self.recorder.keep(artifact);
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
        let (store, manifest) = (self.store.clone(), manifest.clone());
        blocking(move || deed_proofs::checkpoint(&store, &manifest)).await?.map_err(|e| seal_fault(&e))
    }

    async fn seal(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        let (store, manifest) = (self.store.clone(), manifest.clone());
        blocking(move || deed_proofs::seal(&store, &manifest)).await?.map(|s| s.manifest).map_err(|e| seal_fault(&e))
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
