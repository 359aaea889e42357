//! Everything that can happen next.

use std::fmt;

use deed_core::ports::ledger::Found;
use deed_core::state::{Event, State};

use crate::happens::land;
use crate::ledger::{Arming, Come, Protocol};
use crate::rules::Rule;
use crate::state::{
    ACTIONS, Beyond, COMMIT_WITHIN, Job, Kill, PERMIT_OVER, Phase, RUNNERS, Row, Runner, Session, World, budget,
};

/// One step, by whom and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The runner; none: the world.
    pub by: Option<usize>,
    /// The action.
    pub action: Option<usize>,
    /// In words.
    pub what: &'static str,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Some(runner) if self.what.starts_with('\'') => write!(f, "runner {runner}")?,
            Some(runner) => write!(f, "runner {runner} ")?,
            None => f.write_str("         ")?,
        }
        f.write_str(self.what)?;
        match self.action {
            Some(action) => write!(f, " (action {action})"),
            None => Ok(()),
        }
    }
}

/// Collects what can happen next.
pub(crate) struct Next<'p> {
    pub(crate) protocol: &'p Protocol,
    pub(crate) from: &'p World,
    pub(crate) found: Vec<(Step, World)>,
}

impl Next<'_> {
    /// A step of a runner with what it has.
    fn job(
        &mut self,
        runner: usize,
        job: Job,
        what: &'static str,
        change: impl FnOnce(&Protocol, &mut World) -> Phase,
    ) {
        let mut world = self.from.clone();
        let phase = change(self.protocol, &mut world);
        world.runners[runner].job = Some(Job { phase, ..job });
        self.push(Some(runner), Some(job.action), what, world);
    }

    pub(crate) fn push(&mut self, by: Option<usize>, action: Option<usize>, what: &'static str, mut world: World) {
        world.forget();
        if self.protocol.keeps(Rule::SettleFromTheEnd) {
            world.rows.iter_mut().for_each(|row| row.attempted = None);
        }
        self.found.push((Step { by, action, what }, world));
    }
}

/// Takes one off what may still go wrong.
pub(crate) fn spend(world: &mut World, which: usize) {
    world.left[which] = world.left[which].saturating_sub(1);
}

impl Protocol {
    /// The first state: all is filed, nobody has anything.
    pub fn initial(&self) -> World {
        let scope = &self.scope;
        World {
            rows: std::array::from_fn(|action| Row::new(action < usize::from(scope.actions))),
            runners: [Runner::new(); RUNNERS],
            beyond: [Beyond::default(); ACTIONS],
            kill: Kill::Off,
            late: false,
            left: [scope.crashes, scope.pauses, scope.faults, scope.double_fires, scope.stale_reads],
        }
    }

    /// Every step from a state, and where it leads.
    pub fn successors(&self, from: &World) -> Vec<(Step, World)> {
        let mut next = Next { protocol: self, from, found: Vec::new() };
        for runner in 0..RUNNERS {
            self.trouble(&mut next, runner);
            if from.runners[runner].acts() {
                self.gate(&mut next, runner);
                match from.runners[runner].job {
                    Some(job) => self.go_on(&mut next, runner, job),
                    None => self.take_something(&mut next, runner),
                }
            }
        }
        self.rest_of_the_world(&mut next);
        next.found
    }

    /// What an idle runner takes.
    fn take_something(&self, next: &mut Next<'_>, runner: usize) {
        let from = next.from;
        if !from.runners[runner].is_idle() {
            return;
        }
        for action in 0..ACTIONS {
            let row = &from.rows[action];
            let (phase, what) = match (row.state, row.persons, row.claim) {
                (State::Queued, false, None) => (Phase::Claimed, "claims it"),
                (State::Unknown, false, None) => (Phase::Look, "claims it to look"),
                (_, _, Some(claim)) => {
                    if let Some(over) = self.is_stale(runner, &claim) {
                        self.notice(next, runner, action, over);
                    }
                    continue;
                }
                _ => continue,
            };
            let mut world = from.clone();
            let Some(epoch) = self.claim(&mut world, runner, action) else { continue };
            world.runners[runner].browser = true;
            world.runners[runner].job = Some(Job { action, epoch, phase });
            next.push(Some(runner), Some(action), what, world);
        }
    }

    /// `recover::recover`, up to the end of the old browser.
    fn notice(&self, next: &mut Next<'_>, runner: usize, action: usize, over: bool) {
        let mut world = next.from.clone();
        let Some(claim) = world.rows[action].claim else { return };
        let old = &mut world.runners[claim.runner];
        let reached = self.scope.one_machine && claim.runner != runner;
        if reached && self.keeps(Rule::OldBrowserEndsFirst) && (over || claim.dead) {
            old.session = None;
            old.browser = false;
        }
        world.runners[runner].job = Some(Job { action, epoch: claim.epoch, phase: Phase::Noticed });
        next.push(Some(runner), Some(action), "finds the claim stale; ends the old browser where it can", world);
    }

    /// The next step of a runner with what it has.
    fn go_on(&self, next: &mut Next<'_>, runner: usize, job: Job) {
        let from = next.from;
        let has_browser = from.runners[runner].browser;
        let now = self.clock(runner);
        match job.phase {
            Phase::Noticed => {
                let mut world = from.clone();
                let taken = self.take_over(&mut world, runner, job.action, job.epoch);
                world.runners[runner].browser = true;
                world.runners[runner].job = taken.map(|epoch| Job { epoch, phase: Phase::TookOver, ..job });
                next.push(Some(runner), Some(job.action), "takes it over, if it is still that claim", world);
            }
            Phase::TookOver => {
                next.job(runner, job, "resolves what it took over", |p, world| p.resolve(world, runner, &job))
            }
            Phase::Claimed => next.job(runner, job, "reads the kill switch; preflight", |p, world| {
                if world.kill != Kill::Off {
                    return p.hold(world, runner, &job);
                }
                p.advanced(world, runner, &job, Event::PreflightPassed, Phase::Preflighted)
            }),
            Phase::Preflighted | Phase::Identified | Phase::Ready if !has_browser => {
                next.job(runner, job, "has no browser any more: lets go of it", |_, _| Phase::LetGo);
            }
            Phase::Preflighted => next.job(runner, job, "proves the account", |p, world| {
                p.advanced(world, runner, &job, Event::IdentityVerified, Phase::Identified)
            }),
            Phase::Identified => {
                let there = from.beyond.iter().any(|b| b.objects > 0);
                next.job(runner, job, "looks whether it is there already; composes; reviews", |p, world| {
                    if there {
                        p.advanced(world, runner, &job, Event::DuplicateFound, Phase::Release)
                    } else {
                        Phase::Ready
                    }
                });
                if there && from.left[budget::STALE_READS] > 0 {
                    next.job(
                        runner,
                        job,
                        "looks at an old copy, where it is not there; composes; reviews",
                        |_, world| {
                            spend(world, budget::STALE_READS);
                            Phase::Ready
                        },
                    );
                }
            }
            Phase::Ready => self.at_the_commit(next, runner, job),
            Phase::Armed(_) | Phase::LastWordHeard(_) if !has_browser => {
                next.job(runner, job, "can not press: the browser is gone", |_, _| Phase::NotSent);
            }
            Phase::Armed(until) => next.job(runner, job, "reads the kill switch once more", |p, world| {
                let refused = world.kill != Kill::Off && p.keeps(Rule::LastWord);
                if refused { Phase::NotSent } else { Phase::LastWordHeard(until) }
            }),
            Phase::LastWordHeard(until) if self.keeps(Rule::PermitEnds) && now >= until => {
                next.job(runner, job, "does not press: the permit ended", |_, _| Phase::NotSent);
            }
            Phase::LastWordHeard(until) => self.press(next, runner, job, until),
            Phase::NotSent => next.job(runner, job, "tells that it was not sent", |p, world| {
                p.advanced(world, runner, &job, Event::NotSent, Phase::Release)
            }),
            Phase::Pressed(until) => self.receipt(next, runner, job, until),
            Phase::Closing(clear) => next.job(runner, job, "ends the session", |p, world| {
                if p.keeps(Rule::SessionEndsFirst) {
                    world.runners[runner].session = None;
                }
                Phase::Closed(clear)
            }),
            Phase::Closed(true) if !self.keeps(Rule::FreshRead) => {
                next.job(runner, job, "believes the page", |p, world| {
                    p.advanced(world, runner, &job, Event::FoundPresent, Phase::Release)
                });
            }
            Phase::Closed(true) => next.job(runner, job, "opens a fresh session", |_, _| Phase::Look),
            Phase::Closed(false) => next.job(runner, job, "tells that it is not known", |p, world| {
                p.advanced(world, runner, &job, Event::OutcomeUnclear, Phase::Look)
            }),
            Phase::Look => self.look(next, runner, job),
            Phase::Saw(found, settled) => next.job(runner, job, "keeps the read, and what all come to", |p, world| {
                p.conclude(world, runner, &job, found, settled)
            }),
            Phase::Release => {
                let mut world = from.clone();
                self.release(&mut world, runner, &job);
                world.runners[runner].job = None;
                next.push(Some(runner), Some(job.action), "releases it", world);
            }
            Phase::LetGo => {
                let mut world = from.clone();
                world.runners[runner].session = None;
                let phase =
                    if world.claimed_as(runner, &job) { Some(self.let_go(&mut world, runner, &job)) } else { None };
                world.runners[runner].job = phase.map(|phase| Job { phase, ..job });
                next.push(Some(runner), Some(job.action), "lets go of what it has, if it still has it", world);
            }
        }
        let at_the_ledger = !matches!(job.phase, Phase::LetGo | Phase::Release | Phase::Noticed | Phase::TookOver);
        if at_the_ledger && from.left[budget::FAULTS] > 0 {
            next.job(runner, job, "hears an error of the ledger", |_, world| {
                spend(world, budget::FAULTS);
                world.runners[runner].session = None;
                Phase::LetGo
            });
        }
    }

    /// Arms; or presses without, where that rule is taken out.
    fn at_the_commit(&self, next: &mut Next<'_>, runner: usize, job: Job) {
        if !self.keeps(Rule::ArmBeforePress) {
            return self.press(next, runner, job, self.clock(runner) + COMMIT_WITHIN);
        }
        let arm = |p: &Protocol, world: &mut World| match p.arm(world, runner, &job) {
            Arming::Granted(until) => Phase::Armed(until),
            Arming::Held => p.hold(world, runner, &job),
            Arming::Lost => Phase::LetGo,
        };
        next.job(runner, job, "asks for the permit", arm);
        if next.from.left[budget::FAULTS] > 0 {
            next.job(runner, job, "asks for the permit, and does not hear the answer", |p, world| {
                spend(world, budget::FAULTS);
                let _ = arm(p, world);
                Phase::LetGo
            });
        }
    }

    fn press(&self, next: &mut Next<'_>, runner: usize, job: Job, until: i8) {
        let press = |world: &mut World, fires| {
            let passed = world.runners[runner].session.map_or(0, |s| s.passed);
            world.runners[runner].session = Some(Session { action: job.action, permit: Some(until), fires, passed });
            // Only a second press asks for its end again.
            Phase::Pressed(if self.keeps(Rule::PermitOnce) { PERMIT_OVER } else { until })
        };
        // A session that was asked to end and has not is another one's page.
        if next.from.runners[runner].session.is_some_and(|s| s.action != job.action) {
            return;
        }
        next.job(runner, job, "presses", |_, world| press(world, 1));
        if next.from.left[budget::DOUBLE_FIRES] > 0 {
            next.job(runner, job, "presses, and the page fires twice", |_, world| {
                spend(world, budget::DOUBLE_FIRES);
                press(world, 2)
            });
        }
    }

    fn receipt(&self, next: &mut Next<'_>, runner: usize, job: Job, until: i8) {
        let beyond = next.from.beyond[job.action];
        let answered = move |p: &Protocol, world: &mut World| match p.press_over(world, runner, &job) {
            Ok(()) => Phase::Closing(true),
            Err(_) => Phase::LetGo,
        };
        let connected = next.from.runners[runner].session.is_some();
        if connected && beyond.on_its_way.is_some() {
            next.job(runner, job, "is answered: it is stored", |p, world| {
                land(world, job.action);
                answered(p, world)
            });
            next.job(runner, job, "is answered: it is stored; and nothing was", |p, world| {
                world.beyond[job.action].on_its_way = None;
                answered(p, world)
            });
        }
        if connected && beyond.objects > 0 {
            next.job(runner, job, "is answered: it was stored", answered);
        }
        next.job(runner, job, "hears no answer", |p, _| {
            if p.keeps(Rule::NoAnswerIsUnknown) { Phase::Closing(false) } else { Phase::NotSent }
        });
        if !self.keeps(Rule::PermitOnce) && connected {
            self.press(next, runner, job, until);
        }
    }

    /// What a fresh read-only session sees.
    fn look(&self, next: &mut Next<'_>, runner: usize, job: Job) {
        let from = next.from;
        let settled = self.is_settled(from, runner, job.action);
        let is_there = (0..ACTIONS).any(|of| {
            let beyond = from.beyond[of];
            let older = of != job.action && beyond.older_than_the_other && self.keeps(Rule::OlderIsAnother);
            beyond.objects > 0 && !older
        });
        let found = if is_there { Found::Present } else { Found::Absent };
        next.job(runner, job, if is_there { "looks: it is there" } else { "looks: it is not there" }, |_, _| {
            Phase::Saw(found, settled)
        });
        if is_there && from.left[budget::STALE_READS] > 0 {
            next.job(runner, job, "looks at an old copy: it is not there", |_, world| {
                spend(world, budget::STALE_READS);
                Phase::Saw(Found::Absent, settled)
            });
        }
        if from.left[budget::FAULTS] > 0 {
            next.job(runner, job, "can not read the page", |_, world| {
                spend(world, budget::FAULTS);
                Phase::Saw(Found::Unreadable, settled)
            });
        }
    }
}

impl Protocol {
    fn advanced(&self, world: &mut World, runner: usize, job: &Job, event: Event, then: Phase) -> Phase {
        match self.advance(world, runner, job, event) {
            Ok(()) => then,
            Err(_) => Phase::LetGo,
        }
    }

    /// Back to the queue. What a kill switch holds waits for a person, the rest comes again.
    fn hold(&self, world: &mut World, runner: usize, job: &Job) -> Phase {
        let phase = self.advanced(world, runner, job, Event::Held, Phase::Release);
        if phase == Phase::Release {
            world.rows[job.action].persons = world.kill != Kill::Off;
        }
        phase
    }

    /// `recover::recover`, after the claim was taken over.
    fn resolve(&self, world: &mut World, runner: usize, job: &Job) -> Phase {
        match world.rows[job.action].state {
            State::Attempted if !self.keeps(Rule::AttemptedIsNotQueued) => {
                world.rows[job.action].state = State::Queued;
                world.rows[job.action].press_until = None;
                Phase::Release
            }
            State::Attempted => self.advanced(world, runner, job, Event::OutcomeUnclear, Phase::Look),
            State::Unknown => Phase::Look,
            State::PreflightPassed | State::IdentityVerified => {
                self.advanced(world, runner, job, Event::Interrupted, Phase::Release)
            }
            State::Queued
            | State::ConfirmedSuccess
            | State::ConfirmedFailed
            | State::PostcheckComplete
            | State::Cancelled => Phase::Release,
        }
    }

    /// `fleet::let_go`: the session is closed, and what may have happened is unknown.
    fn let_go(&self, world: &mut World, runner: usize, job: &Job) -> Phase {
        let event = match world.rows[job.action].state {
            State::PreflightPassed | State::IdentityVerified => Event::Interrupted,
            State::Attempted => Event::OutcomeUnclear,
            _ => return Phase::Release,
        };
        self.advanced(world, runner, job, event, Phase::Release)
    }

    fn conclude(&self, world: &mut World, runner: usize, job: &Job, found: Found, settled: bool) -> Phase {
        if !world.claimed_as(runner, job) && self.keeps(Rule::WritesAreFenced) {
            return Phase::LetGo;
        }
        match self.tally(world, job.action, found, settled) {
            Come::To(event) => self.advanced(world, runner, job, event, Phase::Release),
            Come::ToAPerson => {
                world.rows[job.action].persons = true;
                Phase::Release
            }
            Come::ToNothingYet => Phase::Release,
        }
    }
}
