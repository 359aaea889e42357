//! The proof store: what was handed over is durable when the barrier says so, and survives crashes from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use deed_core::ids::EpisodeId;
use deed_core::ports::proofs::{EpisodeProofs, ProofFault, Proofs};
use deed_proofs::{ArtifactRef, Manifest, NewArtifact, Sha256};

use crate::sim::Process;
use crate::stage::{Stage, lock};

/// What is durable.
#[derive(Debug, Default)]
pub struct ProofStore {
    sealed: BTreeMap<EpisodeId, Manifest>,
    hashes: BTreeMap<EpisodeId, Sha256>,
    late: BTreeSet<EpisodeId>,
    attempts: BTreeSet<EpisodeId>,
    written: u64,
}

impl ProofStore {
    /// Whether the proof of before the commit of this episode is durable.
    pub fn has_attempt(&self, episode: &EpisodeId) -> bool {
        self.attempts.contains(episode)
    }

    /// What lies in the folder of an episode: the hash of the manifest, and the outcome that it tells.
    pub fn lies(&self, episode: &EpisodeId) -> Option<(Sha256, &str)> {
        let outcome = &self.sealed.get(episode)?.outcome.state;
        Some((*self.hashes.get(episode)?, outcome))
    }

    /// Whether a process stood still for a lease or longer right before it wrote there: another one may have written meanwhile.
    pub fn was_written_late(&self, episode: &EpisodeId) -> bool {
        self.late.contains(episode)
    }

    fn name(&mut self) -> Sha256 {
        self.written += 1;
        Sha256::of(&self.written.to_le_bytes())
    }
}

/// The proof store of one process.
#[derive(Clone)]
pub struct SimProofs {
    stage: Arc<Stage>,
    process: Process,
}

impl SimProofs {
    /// Of a process.
    pub fn new(stage: &Arc<Stage>, process: Process) -> Self {
        Self { stage: Arc::clone(stage), process }
    }
}

/// One episode's spool.
pub struct Spool {
    of: SimProofs,
    episode: EpisodeId,
    earlier: Option<Manifest>,
    kept: Mutex<Vec<NewArtifact>>,
    durable: Mutex<Vec<ArtifactRef>>,
}

impl Proofs for SimProofs {
    type Episode = Spool;

    async fn episode(&self, episode: &EpisodeId) -> Result<Spool, ProofFault> {
        self.stage.sim.passing(self.process, "opens the proof").await;
        let earlier = lock(&self.stage.proofs).sealed.get(episode).cloned();
        Ok(Spool {
            of: self.clone(),
            episode: episode.clone(),
            earlier,
            kept: Mutex::default(),
            durable: Mutex::default(),
        })
    }
}

impl Spool {
    async fn keep_manifest(
        &self,
        manifest: &Manifest,
        what: &'static str,
        before_commit: bool,
    ) -> Result<Sha256, ProofFault> {
        let sim = &self.of.stage.sim;
        sim.point(self.of.process, what).await;
        let heard = (self.of.process, manifest.action.action_id.clone());
        let heard = lock(&self.of.stage.log).heard.get(&heard).copied().unwrap_or_default();
        let hash = {
            let mut store = lock(&self.of.stage.proofs);
            store.sealed.insert(self.episode.clone(), manifest.clone());
            if before_commit {
                store.attempts.insert(self.episode.clone());
            }
            let hash = store.name();
            if sim.now_ms() - heard >= self.of.stage.lease_ms {
                store.late.insert(self.episode.clone());
            }
            store.hashes.insert(self.episode.clone(), hash);
            hash
        };
        sim.passing(self.of.process, what).await;
        Ok(hash)
    }
}

impl EpisodeProofs for Spool {
    fn earlier(&self) -> Option<Manifest> {
        self.earlier.clone()
    }

    fn keep(&self, artifact: NewArtifact) {
        lock(&self.kept).push(artifact);
    }

    fn withhold(&self, content: &[u8]) -> Sha256 {
        // Nothing is disclosed here, so no salt is kept.
        Sha256::of(content)
    }

    async fn durable(&self) -> Result<Vec<ArtifactRef>, ProofFault> {
        self.of.stage.sim.passing(self.of.process, "makes proof durable").await;
        let mut durable = lock(&self.durable);
        for artifact in std::mem::take(&mut *lock(&self.kept)) {
            durable.push(ArtifactRef {
                sha256: lock(&self.of.stage.proofs).name(),
                kind: artifact.kind,
                step: artifact.step,
                phase: artifact.phase,
                media_type: artifact.media_type,
                bytes: artifact.bytes.len() as u64,
                at: artifact.at,
                dom: None,
            });
        }
        Ok(durable.clone())
    }

    async fn checkpoint(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        self.keep_manifest(manifest, "keeps the attempt proof", true).await
    }

    async fn seal(&self, manifest: &Manifest) -> Result<Sha256, ProofFault> {
        self.keep_manifest(manifest, "seals the proof", false).await
    }
}
