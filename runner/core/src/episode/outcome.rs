//! What an episode becomes: the outcome in the ledger first, then the sealed proof. Proof that fails changes no outcome.

use std::time::Duration;

use deed_proofs::manifest::AuditEntry;

use super::Episode;
use super::ending::{Ending, Purpose};
use super::stop::Stop;
use super::trail::Outcome;
use crate::dice;
use crate::hold::{Failure, Hold, HoldReason};
use crate::ports::ledger::{AuditLine, Change, Ledger, LedgerFault, ObjectFacts};
use crate::ports::proofs::ProofFault;
use crate::ports::{Clock, World};
use crate::retry::{self, Transient};
use crate::review;
use crate::state::{Event, State};
use crate::time::Timestamp;
use crate::verify::Verdict;

/// How often a proof is sealed for a ledger that is away just then.
const SEAL_TRIES: u32 = 5;
/// The shortest and the longest pause before an object is looked at again whose proof could not be kept.
const SEAL_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(6 * 3600));
/// An object that has been there for so long is not looked at for its proof any more.
const SEAL_GIVES_UP: Duration = Duration::from_secs(7 * 24 * 3600);

impl<W: World> Episode<'_, W> {
    pub(super) async fn conclude(&mut self, verdict: Verdict) -> Result<Ending, LedgerFault> {
        match verdict {
            Verdict::Present { object, engaged, what, again } => {
                let known = self.trail.known_object().visibility;
                self.trail.object(&object);
                let object = self.trail.known_object();
                let pending = object.visibility.as_deref() == Some(review::PENDING);
                let confirmed = self.trail.state() == State::ConfirmedSuccess;
                if !confirmed {
                    let change =
                        Change { object: object.clone(), proof_level: Some(2), look_again: again, ..Change::default() };
                    self.advance_hard(Event::FoundPresent, change).await?;
                } else if object.visibility != known {
                    self.note(Change { object: object.clone(), ..Change::default() }).await?;
                }
                self.world.boundary("confirmed");
                let mut ending = Ending {
                    state: State::ConfirmedSuccess,
                    hold: None,
                    failure: None,
                    object,
                    proof_level: 2,
                    words: match again.filter(|_| pending) {
                        Some(at) => format!("{what}, waiting for the platform's review; looked at again at {at}"),
                        None if pending => {
                            format!("{what}, waiting for the platform's review; that was the last look: look yourself")
                        }
                        None => format!("{what}, seen by a fresh session"),
                    },
                    proof_fault: None,
                };
                // Level 3 needs the manifest in the store; it is sealed with what it will be, and counted when it is there.
                if engaged {
                    ending.state = State::PostcheckComplete;
                    ending.proof_level = 3;
                    ending.words = format!("{what}, with its permalink and engagement surface");
                }
                // `None`: it stands as it is to be.
                let mut again_at = (confirmed && !engaged).then_some(again);
                let sealed = self.seal(&ending).await;
                match sealed {
                    Ok(()) if engaged && !self.trail.sealed_is_stored() => {
                        ending.state = State::ConfirmedSuccess;
                        ending.proof_level = 2;
                        ending.words.push_str("; level 3 when its manifest is in the store");
                    }
                    Ok(()) if engaged => {
                        let change =
                            Change { proof_level: Some(3), object: ending.object.clone(), ..Change::default() };
                        self.advance_hard(Event::PostcheckDone, change).await?;
                        self.world.boundary("postchecked");
                    }
                    Ok(()) => {}
                    Err(fault) => {
                        again_at = match fault {
                            // It was away: whoever looks again seals what it did not hear of.
                            SealFault::Ledger(_) => {
                                Some(Some(self.world.clock().now().plus(self.options.verify_pause)))
                            }
                            // Room may be made, a disk be there again: who looks again seals all of it.
                            SealFault::Proof(_) => Some(self.seal_again_at().into_iter().chain(again).min()),
                        };
                        ending.state = State::ConfirmedSuccess;
                        ending.proof_level = 2;
                        ending.proof_fault = Some(match again_at.flatten() {
                            Some(at) => format!("{fault}; looked at again at {at}, and sealed then"),
                            None => format!("{fault}; nobody looks again by itself"),
                        });
                    }
                }
                if let Some(again) = again_at {
                    self.world.ledger().verify_at(&self.claim.fence, again).await?;
                }
                Ok(ending)
            }
            Verdict::Absent { words } if self.trail.state() == State::ConfirmedSuccess => {
                if self.trail.known_object().visibility.as_deref() == Some(review::PENDING) {
                    self.trail.object(&ObjectFacts { visibility: Some(review::GONE.into()), ..ObjectFacts::default() });
                    self.note(Change { object: self.trail.known_object(), ..Change::default() }).await?;
                }
                let words = format!("it was there before; now it is {words}");
                let ending = self.finish(State::ConfirmedSuccess, None, None, words).await?;
                self.world.ledger().verify_at(&self.claim.fence, None).await?;
                Ok(ending)
            }
            Verdict::Absent { words } => {
                let change = Change { failure: Some(Failure::NotFoundAfterAttempt), ..Change::default() };
                self.advance_hard(Event::FoundAbsent, change).await?;
                self.finish(State::ConfirmedFailed, None, Some(Failure::NotFoundAfterAttempt), words).await
            }
            Verdict::Later { at, why } => {
                let ending = self.still_open(format!("{why}; looked at again at {at}")).await?;
                self.world.ledger().verify_at(&self.claim.fence, Some(at)).await?;
                Ok(ending)
            }
            Verdict::Open { why } => {
                let ending = self.still_open(why).await?;
                // From here on it is a person's: no worker looks again by itself.
                self.world.ledger().verify_at(&self.claim.fence, None).await?;
                Ok(ending)
            }
        }
    }

    /// When an object whose proof could not be kept is looked at again: after as long as it has been there for, so that a store that stays
    /// as it is makes few visits. `None`: it was tried for long enough.
    fn seal_again_at(&self) -> Option<Timestamp> {
        let now = self.world.clock().now();
        let age = self.claim.action.attempted_at.map_or(SEAL_AGAIN.0, |at| now.since(at));
        (age < SEAL_GIVES_UP).then(|| now.plus(age.clamp(SEAL_AGAIN.0, SEAL_AGAIN.1)))
    }

    async fn still_open(&mut self, why: String) -> Result<Ending, LedgerFault> {
        if self.trail.state() == State::Attempted {
            self.advance_hard(Event::OutcomeUnclear, Change::default()).await?;
        }
        self.finish(self.trail.state(), None, None, why).await
    }

    pub(super) async fn not_sent(&mut self, why: &str) -> Result<Ending, LedgerFault> {
        let change = Change { failure: Some(Failure::NotSent), ..Change::default() };
        self.advance_hard(Event::NotSent, change).await?;
        self.finish(State::ConfirmedFailed, None, Some(Failure::NotSent), format!("proved not sent: {why}")).await
    }

    /// The end of an episode that stopped before the commit.
    pub(super) async fn stopped(&mut self, stop: Stop) -> Result<Ending, LedgerFault> {
        match stop {
            Stop::Ledger(fault) => Err(fault),
            Stop::Hold(hold) => self.held(hold, None).await,
            Stop::Fault { hold, fault } if self.purpose == Purpose::Rehearse => self.held(hold, Some(fault)).await,
            Stop::Fault { hold, fault } => {
                let failed = self.world.ledger().tries(&self.claim.action.id).await?.saturating_add(1);
                let roll = dice::roll(&self.claim.fence.episode, "retry");
                let until = retry::due(self.trail.state(), Some(fault), failed, roll, self.world.clock().now());
                let tries = match failed {
                    ..=retry::TRIES_MAX => format!("try {failed} of {}", retry::TRIES_MAX),
                    _ => format!("try {failed}, after the {} that nobody has to ask for", retry::TRIES_MAX),
                };
                let detail = format!("{}; {tries}", hold.detail);
                self.held(Hold { detail, until, ..hold }, Some(fault)).await
            }
            Stop::Duplicate { permalink, id, words } => {
                let object = ObjectFacts { permalink, platform_object_id: id, ..ObjectFacts::default() };
                self.trail.object(&object);
                let change = Change { failure: Some(Failure::DuplicateContent), object, ..Change::default() };
                self.advance(Event::DuplicateFound, change).await?;
                self.finish(State::ConfirmedFailed, None, Some(Failure::DuplicateContent), words).await
            }
        }
    }

    /// Back to the queue; with the fault, where it is one that may be gone by itself.
    async fn held(&mut self, hold: Hold, fault: Option<Transient>) -> Result<Ending, LedgerFault> {
        let words = hold.detail.clone();
        let identity_ok = match hold.reason {
            HoldReason::WrongAccount | HoldReason::IdentityUnproven => Some(false),
            _ => None,
        };
        let tried = fault.map(Transient::as_str);
        let approval = (hold.reason == HoldReason::Approval).then_some(self.need);
        let change = Change { hold: Some(hold.clone()), identity_ok, tried, approval, ..Change::default() };
        self.advance(Event::Held, change).await?;
        self.world.boundary("held");
        self.finish(State::Queued, Some(hold), None, words).await
    }

    /// Seals the proof and tells the ending. The outcome is in the ledger already; proof that fails does not change it.
    pub(super) async fn finish(
        &mut self,
        state: State,
        hold: Option<Hold>,
        failure: Option<Failure>,
        words: String,
    ) -> Result<Ending, LedgerFault> {
        let proof_level = match (state, failure) {
            (State::PostcheckComplete, _) => 3,
            (State::ConfirmedSuccess, _) => 2,
            (_, Some(Failure::NotFoundAfterAttempt | Failure::NotSent)) => 1,
            (state, _) if state.may_have_happened() => 1,
            _ => 0,
        };
        let object = self.trail.known_object();
        let mut ending = Ending { state, hold, failure, object, proof_level, words, proof_fault: None };
        for left in (0..SEAL_TRIES).rev() {
            match self.seal(&ending).await {
                Ok(()) => break,
                // Whoever takes it over seals it.
                Err(SealFault::Ledger(fault @ LedgerFault::FenceLost(_))) => return Err(fault),
                Err(SealFault::Ledger(_)) if left > 0 => self.world.clock().sleep(self.options.verify_pause).await,
                Err(fault) => {
                    ending.proof_fault = Some(fault.to_string());
                    break;
                }
            }
        }
        Ok(ending)
    }

    pub(super) async fn seal(&mut self, ending: &Ending) -> Result<(), SealFault> {
        let outcome = Outcome {
            state: ending.state,
            proof_level: ending.proof_level,
            hold: ending.hold.clone(),
            failure: ending.failure,
            object: ending.object.clone(),
        };
        let audit = self.audit().await.map_err(SealFault::Ledger)?;
        // Two runners never write into one folder: who has lost the claim writes nothing, and nobody takes it over meanwhile.
        self.renew().await.map_err(SealFault::Ledger)?;
        let manifest = self.trail.seal(&outcome, audit).await.map_err(SealFault::Proof)?;
        let artifacts = self.trail.take_new_artifacts();
        if self.purpose == Purpose::Act {
            let change = Change { manifest: Some(manifest), artifacts, ..Change::default() };
            self.world.ledger().note(&self.claim.fence, change).await.map_err(SealFault::Ledger)?;
        }
        self.world.boundary("sealed");
        Ok(())
    }

    pub(super) async fn audit(&self) -> Result<Vec<AuditEntry>, LedgerFault> {
        if self.purpose == Purpose::Rehearse {
            return Ok(Vec::new());
        }
        let lines = self.world.ledger().audit_trail(&self.claim.action.id).await?;
        let entry = |l: AuditLine| AuditEntry { event_id: l.event_id, at: l.at, status: l.status, hash: l.hash };
        Ok(lines.into_iter().map(entry).collect())
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SealFault {
    #[error(transparent)]
    Proof(ProofFault),
    #[error(transparent)]
    Ledger(LedgerFault),
}
