//! What there is in the model: rows of the ledger, runners, what travels, the platform.
//!
//! Times are ticks from now, so that a state does not depend on when it is: what is over is negative, and below a floor all is the same.

use deed_core::ports::ledger::Found;
use deed_core::state::State;
use deed_core::verify::Tally;

/// A number of ticks, from now.
pub type Ticks = i8;

/// How long a permit is good: longer than clocks are apart and a platform takes to show what it has (15 s against 4 s and, of
/// many a recipe, 5 s), so that a window that begins too early is over before the last write can leave.
pub const COMMIT_WITHIN: Ticks = 3;
/// How long a lease is: no longer than a permit, so that nothing but the rules keeps the two apart.
pub const LEASE: Ticks = 3;
/// How far clocks may be apart.
pub const APART: Ticks = 1;
/// The settle window.
pub const SETTLE: Ticks = 1;
/// Reads after the settle window, before it is a person's.
pub const READS_MAX: u32 = 3;
/// Below this all ends of permits are the same: over by every clock.
pub const PERMIT_OVER: Ticks = 0;
/// Below this all ends of leases are the same, and of presses: over by every clock, with whatever margin.
pub const LEASE_OVER: Ticks = -APART;
/// Below this all beginnings of settle windows are the same: whatever margin there is, it is over.
pub const LONG_AGO: Ticks = -(SETTLE + APART + 1);

/// The runners of the model.
pub const RUNNERS: usize = 2;
/// The most actions.
pub const ACTIONS: usize = 2;

/// Who has an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which runner.
    pub runner: usize,
    /// Under which epoch.
    pub epoch: u8,
    /// The end of the lease, by the clock of whoever wrote it.
    pub lease: Ticks,
    /// Whether the process that claimed it was killed.
    pub dead: bool,
}

/// One action in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// Where it stands.
    pub state: State,
    /// Who works on it.
    pub claim: Option<Claim>,
    /// The last epoch.
    pub epoch: u8,
    /// Until when a press may leave.
    pub press_until: Option<Ticks>,
    /// When it was armed.
    pub attempted: Option<Ticks>,
    /// Since when nothing of the press can leave any more: when it became unknown.
    pub over: Option<Ticks>,
    /// The reads so far.
    pub tally: Tally,
    /// Waits for a person.
    pub persons: bool,
    /// It was armed once; for the properties, no column.
    pub was_armed: bool,
}

/// How far a runner has come with what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It found a claim stale, and ended its browser where it can.
    Noticed,
    /// It took a claim over.
    TookOver,
    /// Claimed, to be carried out.
    Claimed,
    /// Preflight passed.
    Preflighted,
    /// The account was proved.
    Identified,
    /// Composed and reviewed.
    Ready,
    /// The permit is there, good until.
    Armed(Ticks),
    /// The switch was read once more.
    LastWordHeard(Ticks),
    /// Pressed, with the permit that was good until.
    Pressed(Ticks),
    /// Proved: nothing left.
    NotSent,
    /// The receipt was read: clear or not. The session is to be ended.
    Closing(bool),
    /// The session was ended, or asked to end.
    Closed(bool),
    /// A fresh session is to look.
    Look,
    /// It saw; and whether that was after the settle window.
    Saw(Found, bool),
    /// The claim is to be released.
    Release,
    /// The ledger failed: what it has is to be let go of.
    LetGo,
}

/// What a runner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Job {
    /// The action.
    pub action: usize,
    /// Under which epoch.
    pub epoch: u8,
    /// How far.
    pub phase: Phase,
}

/// The page that was pressed, and the gate before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session {
    /// For which action.
    pub action: usize,
    /// The permit in the gate's slot, good until.
    pub permit: Option<Ticks>,
    /// Writes that the page still fires.
    pub fires: u8,
    /// Writes that the gate let through and that have not left the machine.
    pub passed: u8,
}

/// One runner: a process and its browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Runner {
    /// Whether the process lives.
    pub lives: bool,
    /// Whether it is stopped.
    pub paused: bool,
    /// What it works on.
    pub job: Option<Job>,
    /// The page that it pressed.
    pub session: Option<Session>,
    /// Whether its browser lives.
    pub browser: bool,
}

/// The kill switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kill {
    /// Off.
    Off,
    /// On, not acknowledged.
    Thrown,
    /// On; whoever threw it was told that nothing follows.
    Acknowledged,
}

/// What of an action is beyond the runners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Beyond {
    /// Writes that left a machine.
    pub left: u8,
    /// On its way, or not to be seen yet: so many more ticks may pass.
    pub on_its_way: Option<Ticks>,
    /// Objects that are to be seen.
    pub objects: u8,
    /// Whether those were there when the other action was armed.
    pub older_than_the_other: bool,
}

/// A state of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The ledger.
    pub rows: [Row; ACTIONS],
    /// The runners.
    pub runners: [Runner; RUNNERS],
    /// Network and platform.
    pub beyond: [Beyond; ACTIONS],
    /// The switch.
    pub kill: Kill,
    /// A write left after the acknowledgement.
    pub late: bool,
    /// What may still go wrong: crashes, pauses, faults, double fires, stale reads.
    pub left: [u8; 5],
}

/// Indexes of [`World::left`].
pub mod budget {
    /// Runners that are killed.
    pub const CRASHES: usize = 0;
    /// Runners that are stopped.
    pub const PAUSES: usize = 1;
    /// Browsers that die, ledgers that fail.
    pub const FAULTS: usize = 2;
    /// Pages that fire twice.
    pub const DOUBLE_FIRES: usize = 3;
    /// Reads that miss what is there.
    pub const STALE_READS: usize = 4;
}

impl Row {
    /// Filed; or, where the scope has no such action, over.
    pub fn new(there: bool) -> Self {
        Self {
            state: if there { State::Queued } else { State::Cancelled },
            claim: None,
            epoch: 0,
            press_until: None,
            attempted: None,
            over: None,
            tally: Tally::default(),
            persons: false,
            was_armed: false,
        }
    }

    /// Whether it may have happened and nobody knows.
    pub fn is_unsettled(&self) -> bool {
        matches!(self.state, State::Attempted | State::Unknown)
    }

    /// Whether it is a person's now.
    pub fn is_a_persons(&self) -> bool {
        self.persons && self.claim.is_none() && matches!(self.state, State::Queued | State::Unknown)
    }

    /// Whether nobody has it, and it is known what became of it.
    pub fn is_settled(&self) -> bool {
        self.claim.is_none() && (self.state.is_final() || self.state == State::ConfirmedSuccess)
    }
}

impl Runner {
    /// A process that has just begun.
    pub fn new() -> Self {
        Self { lives: true, paused: false, job: None, session: None, browser: true }
    }

    /// Whether it does anything now.
    pub fn acts(&self) -> bool {
        self.lives && !self.paused
    }

    /// Whether it may take something.
    pub fn is_idle(&self) -> bool {
        self.acts() && self.job.is_none() && self.session.is_none()
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Whether an action's row is claimed so.
    pub fn claimed_as(&self, runner: usize, job: &Job) -> bool {
        self.rows[job.action].claim.is_some_and(|c| c.runner == runner && c.epoch == job.epoch && !c.dead)
    }

    /// Whether nothing more will be done by itself, and of every action somebody knows what became of it or is asked. What waits behind an
    /// unsettled action that is a person's waits for that person.
    pub fn is_at_rest(&self) -> bool {
        let asked = self.rows.iter().any(|row| row.is_a_persons() && row.state == State::Unknown);
        let waits = |row: &Row| asked && row.state == State::Queued && row.claim.is_none();
        self.rows.iter().all(|row| row.is_settled() || row.is_a_persons() || waits(row))
    }

    /// Takes away what nothing asks for any more, so that states that go on alike are one.
    pub fn forget(&mut self) {
        for row in &mut self.rows {
            row.press_until = row.press_until.filter(|until| *until > LEASE_OVER);
            if !row.is_unsettled() {
                row.over = None;
                row.attempted = None;
                row.tally = Tally::default();
            }
        }
        self.renumber();
    }

    /// Epochs are compared for equality only: numbering those that somebody still names anew keeps states finite.
    fn renumber(&mut self) {
        for action in 0..ACTIONS {
            let mut named: Vec<u8> =
                self.runners.iter().filter_map(|r| r.job).filter(|j| j.action == action).map(|j| j.epoch).collect();
            named.extend(self.rows[action].claim.map(|c| c.epoch));
            named.push(self.rows[action].epoch);
            named.sort_unstable();
            named.dedup();
            let anew = |epoch: u8| named.iter().position(|e| *e == epoch).map_or(0, |at| at as u8);
            for job in self.runners.iter_mut().filter_map(|r| r.job.as_mut()).filter(|j| j.action == action) {
                job.epoch = anew(job.epoch);
            }
            let row = &mut self.rows[action];
            if let Some(claim) = &mut row.claim {
                claim.epoch = anew(claim.epoch);
            }
            row.epoch = anew(row.epoch);
        }
    }
}
