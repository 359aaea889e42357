//! Every state that can be reached, each step from it, and the shortest way to one that breaks a property.
//!
//! A checker of our own: breadth first, whole states compared (no hashes in their place), so that what is told is exact and the first
//! counterexample is a shortest one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use deed_core::state::State;

use crate::ledger::Protocol;
use crate::state::{ACTIONS, Beyond, Row, World};
use crate::step::Step;

/// What must never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// At most one write of an action leaves.
    AtMostOneWrite,
    /// No write leaves after the kill switch was acknowledged.
    NoneAfterTheAcknowledgement,
    /// What is confirmed as failed has no object.
    FailedIsNotThere,
    /// What is confirmed as done has one.
    DoneIsThere,
    /// What was armed is never before the arm transaction again.
    NeverBehindArm,
    /// Two actions of an account are never unsettled at once.
    OneUnsettled,
    /// From everywhere there is a way to where every action is settled or a person's.
    ComesToRest,
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AtMostOneWrite,
        Self::NoneAfterTheAcknowledgement,
        Self::FailedIsNotThere,
        Self::DoneIsThere,
        Self::NeverBehindArm,
        Self::OneUnsettled,
        Self::ComesToRest,
    ];

    /// Whether a state breaks it by itself.
    fn is_broken_in(self, world: &World) -> bool {
        let any = |broken: &dyn Fn(&Row, &Beyond) -> bool| {
            (0..ACTIONS).any(|action| broken(&world.rows[action], &world.beyond[action]))
        };
        match self {
            Self::AtMostOneWrite => any(&|_, beyond| beyond.left > 1),
            Self::NoneAfterTheAcknowledgement => world.late,
            Self::FailedIsNotThere => any(&|row, beyond| row.state == State::ConfirmedFailed && beyond.objects > 0),
            Self::DoneIsThere => any(&|row, beyond| {
                matches!(row.state, State::ConfirmedSuccess | State::PostcheckComplete) && beyond.objects == 0
            }),
            Self::NeverBehindArm => any(&|row, _| {
                row.was_armed && matches!(row.state, State::Queued | State::PreflightPassed | State::IdentityVerified)
            }),
            Self::OneUnsettled => world.rows.iter().all(Row::is_unsettled),
            // Seen when all states are known.
            Self::ComesToRest => false,
        }
    }
}

/// A way from the first state to one that breaks a property.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// Which.
    pub property: Property,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// Where they lead.
    pub end: World,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} is broken by {} steps:", self.property, self.steps.len())?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>3}. {step}", number + 1)?;
        }
        for (action, (row, beyond)) in self.end.rows.iter().zip(&self.end.beyond).enumerate() {
            if row.state != State::Cancelled {
                writeln!(
                    f,
                    "     action {action} is {}; {} writes left, {} objects, {} on their way",
                    row.state,
                    beyond.left,
                    beyond.objects,
                    u8::from(beyond.on_its_way.is_some())
                )?;
            }
        }
        Ok(())
    }
}

/// What the check of one protocol in one scope came to.
#[derive(Debug, Clone)]
pub struct Checked {
    /// States that can be reached.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// The greatest number of steps that the nearest way to a state takes.
    pub depth: u32,
    /// The first property that is broken; the search ends there.
    pub counterexample: Option<Counterexample>,
}

/// A state's place in the order in which it was found.
type Place = u32;

/// What is kept of the search.
struct Search {
    found: HashMap<World, Place>,
    /// From where each was found first, by which step.
    came: Vec<Option<(Place, Step)>>,
    edges: Vec<(Place, Place)>,
    steps: usize,
}

/// Checks a protocol exhaustively within its scope.
pub fn check(protocol: &Protocol) -> Checked {
    check_for(protocol, &Property::ALL)
}

/// As [`check`], for some properties.
pub fn check_for(protocol: &Protocol, properties: &[Property]) -> Checked {
    let first = protocol.initial();
    let mut search = Search { found: HashMap::new(), came: vec![None], edges: Vec::new(), steps: 0 };
    let asks_for_rest = properties.contains(&Property::ComesToRest);
    search.found.insert(first.clone(), 0);
    let mut rest = vec![first.is_at_rest()];
    let mut front = vec![(0, first)];
    let mut depth = 0;
    while !front.is_empty() {
        let mut behind = Vec::new();
        for (at, world) in front {
            for (step, to) in protocol.successors(&world) {
                let place = search.came.len() as Place;
                search.steps += 1;
                match search.found.entry(to) {
                    Entry::Occupied(known) => {
                        if asks_for_rest {
                            search.edges.push((at, *known.get()));
                        }
                    }
                    Entry::Vacant(new) => {
                        let to = new.key().clone();
                        new.insert(place);
                        search.came.push(Some((at, step)));
                        if asks_for_rest {
                            search.edges.push((at, place));
                        }
                        rest.push(to.is_at_rest());
                        if let Some(property) = properties.iter().find(|property| property.is_broken_in(&to)) {
                            let property = *property;
                            return search.told(depth + 1, property, place, to);
                        }
                        behind.push((place, to));
                    }
                }
            }
        }
        depth += u32::from(!behind.is_empty());
        front = behind;
    }
    let stuck = if asks_for_rest { search.stuck(&rest) } else { None };
    match stuck {
        Some(place) => {
            let end = search.found.iter().find(|(_, at)| **at == place).map(|(world, _)| world.clone());
            search.told(depth, Property::ComesToRest, place, end.unwrap_or_else(|| protocol.initial()))
        }
        None => search.summed(depth, None),
    }
}

impl Search {
    /// The first state from which no state of rest can be reached.
    fn stuck(&self, rest: &[bool]) -> Option<Place> {
        let mut starts = vec![0_usize; self.came.len() + 1];
        for (_, to) in &self.edges {
            starts[*to as usize + 1] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut fill = starts.clone();
        let mut from = vec![0 as Place; self.edges.len()];
        for (source, to) in &self.edges {
            from[fill[*to as usize]] = *source;
            fill[*to as usize] += 1;
        }
        let mut reaches = rest.to_vec();
        let mut open: Vec<usize> = (0..rest.len()).filter(|at| rest[*at]).collect();
        while let Some(at) = open.pop() {
            for source in &from[starts[at]..starts[at + 1]] {
                if !std::mem::replace(&mut reaches[*source as usize], true) {
                    open.push(*source as usize);
                }
            }
        }
        reaches.iter().position(|reaches| !reaches).map(|at| at as Place)
    }

    fn told(self, depth: u32, property: Property, place: Place, end: World) -> Checked {
        let mut steps = Vec::new();
        let mut at = place;
        while let Some((before, step)) = self.came[at as usize] {
            steps.push(step);
            at = before;
        }
        steps.reverse();
        self.summed(depth, Some(Counterexample { property, steps, end }))
    }

    fn summed(self, depth: u32, counterexample: Option<Counterexample>) -> Checked {
        Checked { states: self.came.len(), steps: self.steps, depth, counterexample }
    }
}
