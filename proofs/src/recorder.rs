//! Keeping proof while the browser goes on.
//!
//! Owns one thread per episode that hashes and writes, fed by a bounded queue. [`Recorder::keep`] never waits;
//! [`Recorder::durable`] is the one point at which an episode waits for its proof, before `arm` and before it settles.
//! It depends on no async runtime, and never decides what a failed write means for the episode.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;

use crate::artifact::{ArtifactKind, ArtifactRef, NewArtifact};
use crate::dom::dom_hashes;
use crate::store::{Store, StoreError};

/// How many pieces of evidence may wait for the disk. An episode keeps two a step; only a disk that hangs lets 64 pile up.
pub const WAITING_MAX: usize = 64;

/// Keeps the proof of one episode.
///
/// Dropping it waits until everything kept before is written.
pub struct Recorder {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<NewArtifact>,
    kept: usize,
    /// Written or failed: how many of the kept ones are done with.
    settled: usize,
    durable: Vec<ArtifactRef>,
    first_error: Option<StoreError>,
    /// Who waits until `settled` has reached which number.
    flushes: Vec<(usize, oneshot::Sender<()>)>,
    closing: bool,
    writer_gone: bool,
}

impl Recorder {
    /// Starts the recorder of one episode.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the system gives no thread.
    pub fn new(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("deed-proof".to_owned())
            .spawn(move || theirs.write_until_closed(store.as_ref()))
            .map_err(|error| StoreError::from_io("the proof writer's thread".as_ref(), error))?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// Takes a piece of evidence to be hashed and written. Returns at once.
    ///
    /// When [`WAITING_MAX`] pieces are waiting already, this one is refused, and [`durable`](Self::durable) says
    /// so from then on: an episode whose proof is incomplete must not pass for one whose proof is not.
    pub fn keep(&self, artifact: NewArtifact) {
        let mut state = self.shared.lock();
        if state.waiting.len() >= WAITING_MAX || state.writer_gone {
            let waiting = state.waiting.len();
            let error = if state.writer_gone { StoreError::WriterStopped } else { StoreError::Backlog { waiting } };
            state.first_error.get_or_insert(error);
            return;
        }
        state.waiting.push_back(artifact);
        state.kept += 1;
        self.shared.work.notify_one();
    }

    /// Waits until everything kept before this call is durable, and returns all of it, in the order in which it was kept.
    ///
    /// # Errors
    /// The first error of this recorder, now and at every later call. What could be written nevertheless stays written and is
    /// listed by [`so_far`](Self::so_far).
    pub async fn durable(&self) -> Result<Vec<ArtifactRef>, StoreError> {
        let (upto, settled) = {
            let mut state = self.shared.lock();
            let upto = state.kept;
            let (tell, told) = oneshot::channel();
            if state.settled < upto && !state.writer_gone {
                state.flushes.push((upto, tell));
            } else {
                // Nothing to wait for: the sender is dropped, and waiting for it ends at once.
                drop(tell);
            }
            (upto, told)
        };
        // An error here means that the sender was dropped, after which the state below says everything.
        let _ = settled.await;
        let state = self.shared.lock();
        match &state.first_error {
            Some(error) => Err(error.clone()),
            None if state.settled < upto => Err(StoreError::WriterStopped),
            None => Ok(state.durable.iter().take(upto).cloned().collect()),
        }
    }

    /// What is durable by now, in the order of keeping, whatever else failed: for the manifest of an episode that has to end
    /// without a part of its proof.
    #[must_use]
    pub fn so_far(&self) -> Vec<ArtifactRef> {
        self.shared.lock().durable.clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so on stderr and in the state; there is nobody left to tell.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete at each point where a panic could come, so a poisoned lock is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_until_closed(&self, store: &dyn Store) {
        let _leave_no_one_waiting = WriterGone(self);
        while let Some(artifact) = self.next() {
            let outcome = write(store, artifact);
            let mut state = self.lock();
            match outcome {
                Ok(artifact) => state.durable.push(artifact),
                Err(error) => {
                    state.first_error.get_or_insert(error);
                }
            }
            state.settled += 1;
            let settled = state.settled;
            for (_, tell) in state.flushes.extract_if(.., |(upto, _)| *upto <= settled) {
                // Whoever does not wait any more needs no answer.
                let _ = tell.send(());
            }
        }
    }

    /// The next piece to write; `None` when the recorder is dropped and nothing waits any more.
    fn next(&self) -> Option<NewArtifact> {
        let state = self.lock();
        let mut state = self
            .work
            .wait_while(state, |state| state.waiting.is_empty() && !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front()
    }
}

/// Ends every wait when the writer's thread ends, also by a panic.
struct WriterGone<'a>(&'a Shared);

impl Drop for WriterGone<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.writer_gone = true;
        state.flushes.clear();
    }
}

fn write(store: &dyn Store, artifact: NewArtifact) -> Result<ArtifactRef, StoreError> {
    let NewArtifact { kind, step, phase, media_type, bytes, at } = artifact;
    let sha256 = store.put(&bytes)?;
    let dom = (kind == ArtifactKind::Dom).then(|| dom_hashes(&String::from_utf8_lossy(&bytes)));
    Ok(ArtifactRef { sha256, kind, step, phase, media_type, bytes: bytes.len() as u64, at, dom })
}

#[cfg(test)]
mod tests;
