//! What happens by itself: gates and pages, runners that are killed and stopped, the network, the platform, the operator, time.

use crate::ledger::Protocol;
use crate::rules::Rule;
use crate::state::{
    ACTIONS, Beyond, Kill, LEASE_OVER, LONG_AGO, PERMIT_OVER, Phase, RUNNERS, Runner, SETTLE, World, budget,
};
use crate::step::{Next, spend};

impl Protocol {
    /// The gate, and what is behind it.
    pub(crate) fn gate(&self, next: &mut Next<'_>, runner: usize) {
        let Some(session) = next.from.runners[runner].session else { return };
        if session.fires > 0 {
            let good = session.permit.is_some_and(|until| self.clock(runner) < until || !self.keeps(Rule::PermitEnds));
            let mut world = next.from.clone();
            if let Some(s) = &mut world.runners[runner].session {
                s.fires -= 1;
                if good && self.keeps(Rule::GateLetsOneThrough) {
                    s.permit = None;
                }
                s.passed += u8::from(good && !self.scope.no_pause_in_the_gate);
            }
            if good && self.scope.no_pause_in_the_gate {
                leave(&mut world, session.action);
            }
            let what = if good { "'s gate lets the write through" } else { "'s gate stops a write" };
            next.push(Some(runner), Some(session.action), what, world);
        }
        if session.passed > 0 {
            let mut world = next.from.clone();
            if let Some(s) = &mut world.runners[runner].session {
                s.passed -= 1;
            }
            leave(&mut world, session.action);
            next.push(Some(runner), Some(session.action), "'s write leaves the machine", world);
        }
        let asked_to_end = next.from.runners[runner].job.is_none_or(|job| {
            job.action != session.action || !matches!(job.phase, Phase::Pressed(_) | Phase::Closing(_) | Phase::LetGo)
        });
        if asked_to_end {
            let mut world = next.from.clone();
            world.runners[runner].session = None;
            next.push(Some(runner), Some(session.action), "'s session has ended", world);
        }
    }

    /// What becomes of a runner by itself.
    pub(crate) fn trouble(&self, next: &mut Next<'_>, runner: usize) {
        let (from, is) = (next.from, next.from.runners[runner]);
        let mut change = |what, which: Option<usize>, change: &dyn Fn(&mut World)| {
            if which.is_some_and(|which| from.left[which] == 0) {
                return;
            }
            let mut world = from.clone();
            if let Some(which) = which {
                spend(&mut world, which);
            }
            change(&mut world);
            next.push(Some(runner), None, what, world);
        };
        if !is.lives {
            return change("is started again", None, &|world| world.runners[runner] = Runner::new());
        }
        if is.job.is_some() {
            // Its relay goes with it: nothing of its browser's leaves any more.
            change("is killed", Some(budget::CRASHES), &|world| {
                world.runners[runner] = Runner { lives: false, browser: false, ..Runner::new() };
                for claim in world.rows.iter_mut().filter_map(|r| r.claim.as_mut()).filter(|c| c.runner == runner) {
                    claim.dead = true;
                }
            });
        }
        if is.paused {
            return change("goes on", None, &|world| world.runners[runner].paused = false);
        }
        if is.job.is_some() {
            change("is stopped", Some(budget::PAUSES), &|world| world.runners[runner].paused = true);
            if is.browser {
                change("'s browser dies", Some(budget::FAULTS), &|world| {
                    world.runners[runner].browser = false;
                    world.runners[runner].session = None;
                });
            }
        }
    }

    /// Network, platform, operator, time.
    pub(crate) fn rest_of_the_world(&self, next: &mut Next<'_>) {
        let from = next.from;
        for action in 0..ACTIONS {
            if from.beyond[action].on_its_way.is_some() {
                let mut world = from.clone();
                land(&mut world, action);
                next.push(None, Some(action), "the write is carried out and is to be seen", world);
                let mut world = from.clone();
                world.beyond[action].on_its_way = None;
                next.push(None, Some(action), "the write is lost", world);
            }
        }
        let throws = self.scope.kill && from.kill == Kill::Off;
        if throws || from.kill == Kill::Thrown && !(self.keeps(Rule::AckWaits) && self.is_pressing(from)) {
            let mut world = from.clone();
            world.kill = if throws { Kill::Thrown } else { Kill::Acknowledged };
            let what = if throws { "the kill switch is thrown" } else { "the kill switch is acknowledged" };
            next.push(None, None, what, world);
        }
        let due = |b: &Beyond| b.on_its_way == Some(0) && self.scope.seen_within_settle;
        if !from.beyond.iter().any(due) {
            next.push(None, None, "time passes; who runs says so", self.later(from));
        }
    }

    /// One tick later; every runner that runs has moved its leases.
    fn later(&self, from: &World) -> World {
        let mut world = from.clone();
        let older = |at: &mut i8, floor: i8| *at = at.saturating_sub(1).max(floor);
        for row in &mut world.rows {
            row.press_until.iter_mut().for_each(|at| older(at, LEASE_OVER));
            row.claim.iter_mut().for_each(|claim| older(&mut claim.lease, LEASE_OVER));
            row.attempted.iter_mut().chain(&mut row.over).for_each(|at| older(at, LONG_AGO));
        }
        for runner in &mut world.runners {
            if let Some(Phase::Armed(until) | Phase::LastWordHeard(until) | Phase::Pressed(until)) =
                runner.job.as_mut().map(|job| &mut job.phase)
            {
                older(until, PERMIT_OVER);
            }
            runner.session.iter_mut().filter_map(|s| s.permit.as_mut()).for_each(|until| older(until, PERMIT_OVER));
        }
        for beyond in &mut world.beyond {
            beyond.on_its_way.iter_mut().for_each(|left| *left = left.saturating_sub(1).max(0));
        }
        for runner in 0..RUNNERS {
            if world.runners[runner].acts() {
                self.beat(&mut world, runner);
            }
        }
        world
    }
}

/// A write leaves the machine.
fn leave(world: &mut World, action: usize) {
    let beyond = &mut world.beyond[action];
    beyond.left += 1;
    beyond.on_its_way = Some(SETTLE);
    world.late |= world.kill == Kill::Acknowledged;
}

/// It is carried out.
pub(crate) fn land(world: &mut World, action: usize) {
    world.beyond[action].on_its_way = None;
    world.beyond[action].objects += 1;
}
