//! The proof store: what was handed over is durable when the barrier says so, and survives crashes from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use deed_core::ids::EpisodeId;
use deed_core::ports::ledger::Fence;
use deed_core::ports::proofs::{EpisodeProofs, ProofFault, Proofs};
use deed_proofs::{ArtifactRef, Manifest, NewArtifact, Sha256};

use crate::sim::Process;
use crate::stage::{Stage, lock};

/// What is durable.
#[derive(Debug, Default)]
pub struct ProofStore {
    sealed: BTreeMap<EpisodeId, Manifest>,
    hashes: BTreeMap<EpisodeId, Sha256>,
    /// The latest claim that opened the folder.
    claims: BTreeMap<EpisodeId, i64>,
    attempts: BTreeSet<EpisodeId>,
    written: u64,
    /// How often it was called.
    calls: u32,
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

    /// The manifests, in order of their episodes.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.sealed.values()
    }

    /// Takes the right to write into the folder, as the real store does.
    fn writing(&mut self, fence: &Fence) -> Result<(), ProofFault> {
        let latest = self.claims.entry(fence.episode.clone()).or_insert(fence.epoch);
        if *latest > fence.epoch {
            let message = "another runner has taken the episode over".to_owned();
            return Err(ProofFault { code: "store-superseded".to_owned(), message });
        }
        *latest = fence.epoch;
        Ok(())
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

    /// One call: the world says which ones fail.
    fn call(&self, seals: bool) -> Result<(), ProofFault> {
        if self.stage.store_fails.seals_only && !seals {
            return Ok(());
        }
        let number = {
            let mut store = lock(&self.stage.proofs);
            store.calls += 1;
            store.calls
        };
        if !self.stage.store_fails.calls.contains(&number) {
            return Ok(());
        }
        self.stage.sim.tell(&format!("p{}", self.process), "the proof store fails", || format!("call {number}"));
        Err(ProofFault { code: "store-full".to_owned(), message: "there is no room".to_owned() })
    }
}

/// One episode's spool.
pub struct Spool {
    of: SimProofs,
    fence: Fence,
    earlier: Option<Manifest>,
    kept: Mutex<Vec<NewArtifact>>,
    durable: Mutex<Vec<ArtifactRef>>,
}

impl Proofs for SimProofs {
    type Episode = Spool;

    async fn episode(&self, fence: &Fence) -> Result<Spool, ProofFault> {
        self.stage.sim.passing(self.process, "opens the proof").await;
        self.call(false)?;
        let earlier = {
            let mut store = lock(&self.stage.proofs);
            store.writing(fence)?;
            store.sealed.get(&fence.episode).cloned()
        };
        Ok(Spool { of: self.clone(), fence: fence.clone(), earlier, kept: Mutex::default(), durable: Mutex::default() })
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
        self.of.call(!before_commit)?;
        let hash = {
            let (mut store, episode) = (lock(&self.of.stage.proofs), &self.fence.episode);
            store.writing(&self.fence)?;
            store.sealed.insert(episode.clone(), manifest.clone());
            if before_commit {
                store.attempts.insert(episode.clone());
            }
            let hash = store.name();
            store.hashes.insert(episode.clone(), hash);
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
        self.of.call(false)?;
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
