//! Bounds of an episode, and how it ended.

use std::sync::Arc;
use std::time::Duration;

use deed_proofs::film::Bounds;
use deed_recipes::policy::PolicyFile;

use crate::approval::Risk;
use crate::hold::{Failure, Hold};
use crate::ports::browser::Pacing;
use crate::ports::ledger::ObjectFacts;
use crate::state::State;

/// Bounds and manner of an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How input is paced.
    pub pacing: Pacing,
    /// How long a claim is good without being renewed. Renewed at every phase.
    pub lease: Duration,
    /// How long the worst commit takes, press and release included; the permit ends then.
    pub commit_within: Duration,
    /// How long a page may take to show what it should.
    pub patience: Duration,
    /// How long a step may wait for what takes its time, whatever its recipe says.
    pub long_wait_max: Duration,
    /// How long identity signals may take; what comes later is missing.
    pub identity_wait: Duration,
    /// First pause between two verification reads; it doubles.
    pub verify_pause: Duration,
    /// Who looks again when a look did not answer.
    pub looks: Looks,
    /// What accounts may do; one without sections allows everything that a recipe can.
    pub policy: Arc<PolicyFile>,
    /// Which episodes are recorded.
    pub record: Record,
    /// Bounds of a recording.
    pub film: Bounds,
}

/// Which episodes are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Record {
    /// Those whose risk is high.
    #[default]
    HighRisk,
    /// All.
    Always,
    /// None.
    Never,
}

impl Record {
    /// Whether an episode of this risk is.
    #[must_use]
    pub const fn wanted(self, risk: Risk) -> bool {
        match self {
            Self::HighRisk => matches!(risk, Risk::High),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Who looks again when a look did not answer what became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// The same episode, after a pause, until there is an answer: a person waits for it.
    UntilAnswered,
    /// Whichever worker is free when the next look is due.
    InTurns,
}

impl Options {
    /// Paced by this seed, where there is one.
    #[must_use]
    pub fn with_seed(self, seed: Option<u64>) -> Self {
        Self { pacing: seed.map_or(self.pacing, |seed| Pacing::Considerate { seed }), ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pacing: Pacing::Considerate { seed: 0 },
            lease: Duration::from_secs(180),
            commit_within: Duration::from_secs(15),
            patience: Duration::from_secs(15),
            long_wait_max: Duration::from_secs(1800),
            identity_wait: Duration::from_secs(6),
            verify_pause: Duration::from_secs(2),
            policy: Arc::default(),
            record: Record::default(),
            film: Bounds::default(),
            looks: Looks::UntilAnswered,
        }
    }
}

/// How an episode ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The action's state.
    pub state: State,
    /// Why it waits.
    pub hold: Option<Hold>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What is known of the object.
    pub object: ObjectFacts,
    /// 0 queued, 1 attempted, 2 confirmed, 3 durable.
    pub proof_level: u8,
    /// One sentence for a person.
    pub words: String,
    /// Proof that could not be sealed: the outcome stands, the proof is incomplete.
    pub proof_fault: Option<String>,
}

/// Whether the commit is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Carry the action out.
    Act,
    /// Everything but the commit; the ledger's action is not touched.
    Rehearse,
}

impl Ending {
    pub(super) fn open(state: State, words: String) -> Self {
        let object = ObjectFacts::default();
        Self { state, hold: None, failure: None, object, proof_level: 1, words, proof_fault: None }
    }

    pub(super) fn held(hold: Hold) -> Self {
        let words = hold.detail.clone();
        Self {
            state: State::Queued,
            hold: Some(hold),
            failure: None,
            object: ObjectFacts::default(),
            proof_level: 0,
            words,
            proof_fault: None,
        }
    }
}
