//! The ledger's transactions, as the model has them: each is one step, and nothing happens in its middle.

use deed_core::ports::ledger::Found;
use deed_core::state::{Event, State, next};
use deed_core::time::Timestamp;
use deed_core::verify::ABSENT_READS;

use crate::rules::{Rule, Scope};
use crate::state::{ACTIONS, APART, COMMIT_WITHIN, Claim, Job, Kill, LEASE, READS_MAX, SETTLE, Ticks, World};

/// The protocol with some rules taken out.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// What goes wrong, and where.
    pub scope: Scope,
    /// Which rules are not kept.
    pub without: Vec<Rule>,
}

/// A change that was refused: the claim was lost, or the state machine does not have it.
pub(crate) struct Refused;

/// What became of asking for a permit.
pub(crate) enum Arming {
    /// Good until.
    Granted(Ticks),
    /// Back to the queue; a person's, where a switch is on.
    Held,
    /// The claim was lost.
    Lost,
}

impl Protocol {
    /// Whether a rule is kept.
    pub fn keeps(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// A runner's clock.
    pub(crate) fn clock(&self, runner: usize) -> Ticks {
        self.scope.ahead[runner]
    }

    fn fenced(&self, world: &World, runner: usize, job: &Job) -> bool {
        !self.keeps(Rule::WritesAreFenced) || world.claimed_as(runner, job)
    }

    /// `change::advance`.
    pub(crate) fn advance(&self, world: &mut World, runner: usize, job: &Job, event: Event) -> Result<(), Refused> {
        if !self.fenced(world, runner, job) {
            return Err(Refused);
        }
        let clock = self.clock(runner);
        let row = &mut world.rows[job.action];
        row.state = next(row.state, event).map_err(|_| Refused)?;
        if event == Event::OutcomeUnclear {
            row.over = Some(clock);
        } else {
            row.press_until = None;
        }
        Ok(())
    }

    /// `change::note` of a receipt: the write was answered.
    pub(crate) fn press_over(&self, world: &mut World, runner: usize, job: &Job) -> Result<(), Refused> {
        if !self.fenced(world, runner, job) {
            return Err(Refused);
        }
        world.rows[job.action].press_until = None;
        Ok(())
    }

    /// `claims::release`.
    pub(crate) fn release(&self, world: &mut World, runner: usize, job: &Job) {
        if self.fenced(world, runner, job) {
            world.rows[job.action].claim = None;
        }
    }

    /// `SqlLedger::claim`, of a named action: no other claim on the account, dead or alive.
    pub(crate) fn claim(&self, world: &mut World, runner: usize, action: usize) -> Option<u8> {
        if world.rows.iter().any(|row| row.claim.is_some()) {
            return None;
        }
        let lease = self.clock(runner) + LEASE;
        let row = &mut world.rows[action];
        row.epoch += 1;
        row.claim = Some(Claim { runner, epoch: row.epoch, lease, dead: false });
        Some(row.epoch)
    }

    /// `claims::stale`: whose claim may be taken over, as this runner sees it; and whether the lease is over, as
    /// opposed to its holder dead.
    pub(crate) fn is_stale(&self, by: usize, claim: &Claim) -> Option<bool> {
        let apart = if self.keeps(Rule::StaleByEveryClock) { APART } else { 0 };
        let over = claim.lease + apart <= self.clock(by);
        // A lock of another machine is not seen.
        let seen_dead = claim.dead && (self.scope.one_machine || claim.runner == by);
        (over || seen_dead).then_some(over)
    }

    /// `claims::take_over`: only while it is the claim that was found stale.
    pub(crate) fn take_over(&self, world: &mut World, by: usize, action: usize, epoch: u8) -> Option<u8> {
        let lease = self.clock(by) + LEASE;
        let row = &mut world.rows[action];
        row.claim.filter(|claim| claim.epoch == epoch)?;
        row.epoch += 1;
        row.claim = Some(Claim { runner: by, epoch: row.epoch, lease, dead: false });
        Some(row.epoch)
    }

    /// `workers::beat`.
    pub(crate) fn beat(&self, world: &mut World, runner: usize) {
        let now = self.clock(runner);
        for claim in world.rows.iter_mut().filter_map(|row| row.claim.as_mut()) {
            let over = claim.lease <= now && self.keeps(Rule::OverStaysOver);
            if claim.runner == runner && !claim.dead && !over {
                claim.lease = claim.lease.max(now + LEASE);
            }
        }
    }

    /// `arm::arm`.
    pub(crate) fn arm(&self, world: &mut World, runner: usize, job: &Job) -> Arming {
        let now = self.clock(runner);
        let deadline = now + COMMIT_WITHIN;
        let row = &world.rows[job.action];
        let ours = world.claimed_as(runner, job) || !self.keeps(Rule::ArmAsksForTheEpoch);
        let Ok(armed) = next(row.state, Event::Armed) else { return Arming::Lost };
        if !ours {
            return Arming::Lost;
        }
        let lease = row.claim.map_or(now, |claim| claim.lease);
        let other_is_unsettled = (0..ACTIONS).any(|other| other != job.action && world.rows[other].is_unsettled());
        if self.keeps(Rule::ArmReadsTheSwitch) && world.kill != Kill::Off
            || self.keeps(Rule::ArmOneUnsettled) && other_is_unsettled
            || self.keeps(Rule::ArmAsksForTheLease) && lease < deadline
        {
            return Arming::Held;
        }
        let row = &mut world.rows[job.action];
        row.state = armed;
        row.press_until = Some(deadline);
        row.attempted = Some(now);
        row.was_armed = true;
        for other in (0..ACTIONS).filter(|other| *other != job.action) {
            world.beyond[other].older_than_the_other |= world.beyond[other].objects > 0;
        }
        Arming::Granted(deadline)
    }

    /// Whether the settle window of an action is over, by a runner's clock.
    pub(crate) fn is_settled(&self, world: &World, by: usize, action: usize) -> bool {
        if !self.keeps(Rule::SettleWindow) {
            return true;
        }
        let row = &world.rows[action];
        let apart = if self.keeps(Rule::SettleByEveryClock) { APART } else { 0 };
        let from = if self.keeps(Rule::SettleFromTheEnd) { row.over.map(|at| at + apart) } else { row.attempted };
        // A tick is a stretch of time: what was told in it may have been told at its end.
        from.is_some_and(|from| from + SETTLE < self.clock(by))
    }

    /// Keeps a read, and what all of them come to: the event that ends it, or that it is a person's, or nothing yet.
    pub(crate) fn tally(&self, world: &mut World, action: usize, found: Found, settled: bool) -> Come {
        let row = &mut world.rows[action];
        if found == Found::Present {
            return Come::To(Event::FoundPresent);
        }
        if row.state == State::Attempted {
            return Come::To(Event::OutcomeUnclear);
        }
        row.tally.add(Timestamp(i64::from(settled)), found, Timestamp(1));
        // The number of a read only names it.
        row.tally.reads = 0;
        let needed = if self.keeps(Rule::TwoAbsentReads) { ABSENT_READS } else { 1 };
        if row.tally.absent >= needed {
            Come::To(Event::FoundAbsent)
        } else if row.tally.after_settle >= READS_MAX {
            Come::ToAPerson
        } else {
            Come::ToNothingYet
        }
    }

    /// `waits::pressing`: whether whoever throws the switch has to wait.
    pub(crate) fn is_pressing(&self, world: &World) -> bool {
        let apart = if self.keeps(Rule::AckByEveryClock) { APART } else { 0 };
        world.rows.iter().any(|row| row.press_until.is_some_and(|until| until > self.scope.ahead[2] - apart))
    }
}

/// What the reads come to.
pub(crate) enum Come {
    /// This event.
    To(Event),
    /// It is a person's.
    ToAPerson,
    /// Somebody looks again.
    ToNothingYet,
}
