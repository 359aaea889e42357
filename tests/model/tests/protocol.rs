//! The whole protocol holds in every scope; without one of its rules it does not; and what is only assumed of the world is named.
#![expect(clippy::panic, reason = "a counterexample is told as a panic")]

use std::time::Instant;

use deed_model::{Checked, Property, Protocol, Rule, Scope, check_for};

/// How far the clocks may be apart: nobody's, the second runner's, the first runner's, the operator's is ahead.
const CLOCKS: [[i8; 3]; 4] = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]];
/// The operator's is ahead.
const OPERATOR_AHEAD: Scope = Scope { ahead: [0, 0, 1], ..Scope::KILL };
/// The second runner's is ahead.
const SECOND_AHEAD: Scope = Scope { ahead: [0, 1, 0], ..Scope::LOOKS };
/// The second runner's is ahead, and there is a switch.
const SECOND_AHEAD_KILL: Scope = Scope { ahead: [0, 1, 0], ..Scope::KILL };
/// Both runners on one machine; there a runner may stop between the gate's look at its clock and the write.
const ONE_MACHINE: Scope = Scope { one_machine: true, no_pause_in_the_gate: false, ..Scope::LOOKS };
/// Two orders of one account.
const TWO_ORDERS: Scope = Scope { actions: 2, crashes: 1, ..Scope::CALM };

fn run(scope: Scope, without: &[Rule], properties: &[Property]) -> Checked {
    let begun = Instant::now();
    let checked = check_for(&Protocol { scope, without: without.to_vec() }, properties);
    let Checked { states, steps, depth, .. } = checked;
    let took = begun.elapsed().as_secs_f64();
    println!("{states:>9} states {steps:>9} steps, depth {depth:>3}, {took:>5.1} s, without {without:?}");
    checked
}

fn holds(scope: Scope, without: &[Rule]) {
    if let Some(counterexample) = run(scope, without, &Property::ALL).counterexample {
        panic!("{scope:?} without {without:?}: {counterexample}");
    }
}

fn breaks(scope: Scope, without: &[Rule], property: Property) {
    let Some(counterexample) = run(scope, without, &[property]).counterexample else {
        panic!("{scope:?}: nothing goes wrong without {without:?}");
    };
    println!("Without {without:?}: {counterexample}");
}

#[test]
fn it_holds_while_the_kill_switch_is_thrown() {
    CLOCKS.into_iter().for_each(|ahead| holds(Scope { ahead, ..Scope::KILL }, &[]));
}

#[test]
fn it_holds_when_ledger_or_browser_fail() {
    CLOCKS.into_iter().for_each(|ahead| holds(Scope { ahead, ..Scope::FAULT }, &[]));
}

#[test]
fn it_holds_when_looks_err_and_pages_fire_twice() {
    CLOCKS.into_iter().take(3).for_each(|ahead| holds(Scope { ahead, ..Scope::LOOKS }, &[]));
}

#[test]
fn it_holds_on_one_machine_wherever_a_runner_stops() {
    holds(ONE_MACHINE, &[]);
}

#[test]
fn it_holds_with_two_orders_of_one_account() {
    holds(TWO_ORDERS, &[]);
    holds(Scope { crashes: 0, pauses: 1, ..TWO_ORDERS }, &[]);
    holds(Scope { crashes: 0, faults: 1, stale_reads: 1, ..TWO_ORDERS }, &[]);
}

#[test]
fn it_holds_when_recovery_is_killed_as_well() {
    holds(Scope { crashes: 2, ahead: [0, 1, 0], ..Scope::CALM }, &[]);
    holds(Scope { crashes: 2, ahead: [0, 1, 0], one_machine: true, kill: true, ..Scope::CALM }, &[]);
}

/// Each rule, where its absence is seen, and what then goes wrong first.
const NEEDED: [(Rule, Scope, Property); 21] = [
    (Rule::ArmAsksForTheEpoch, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::ArmAsksForTheLease, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::ArmOneUnsettled, TWO_ORDERS, Property::OneUnsettled),
    (Rule::ArmBeforePress, Scope { kill: false, ..Scope::FAULT }, Property::AtMostOneWrite),
    (Rule::PermitOnce, Scope::CALM, Property::AtMostOneWrite),
    (Rule::PermitEnds, Scope::KILL, Property::NoneAfterTheAcknowledgement),
    (Rule::GateLetsOneThrough, Scope::LOOKS, Property::AtMostOneWrite),
    (Rule::SessionEndsFirst, Scope::CALM, Property::FailedIsNotThere),
    (Rule::AckWaits, Scope::KILL, Property::NoneAfterTheAcknowledgement),
    (Rule::AckByEveryClock, OPERATOR_AHEAD, Property::NoneAfterTheAcknowledgement),
    (Rule::OverStaysOver, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::WritesAreFenced, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::AttemptedIsNotQueued, Scope::KILL, Property::NeverBehindArm),
    (Rule::OldBrowserEndsFirst, ONE_MACHINE, Property::FailedIsNotThere),
    (Rule::NoAnswerIsUnknown, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::FreshRead, Scope::CALM, Property::DoneIsThere),
    (Rule::OlderIsAnother, Scope { stale_reads: 1, ..TWO_ORDERS }, Property::DoneIsThere),
    (Rule::SettleWindow, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::SettleFromTheEnd, Scope::LOOKS, Property::FailedIsNotThere),
    (Rule::SettleByEveryClock, SECOND_AHEAD, Property::FailedIsNotThere),
    (Rule::TwoAbsentReads, Scope::LOOKS, Property::FailedIsNotThere),
];

#[test]
fn each_rule_is_needed() {
    NEEDED.into_iter().for_each(|(rule, scope, property)| breaks(scope, &[rule], property));
}

/// The switch is read in the arm transaction and once more right before the press. Either is enough; without both it is passed by.
const EITHER: [Rule; 2] = [Rule::ArmReadsTheSwitch, Rule::LastWord];

#[test]
fn every_rule_is_in_the_table_or_stands_in_for_another() {
    for rule in Rule::ALL {
        let needed = NEEDED.iter().any(|(needed, ..)| *needed == rule);
        let in_others = EITHER.contains(&rule) || rule == SPARES;
        assert_ne!(needed, in_others, "{rule}");
    }
}

/// A runner whose clock is behind is not taken for one that stopped. Were it, nothing wrong would come of it but its
/// own work lost: what it armed counts as under way until its permit ends, and the settle window takes the clocks into
/// account itself.
const SPARES: Rule = Rule::StaleByEveryClock;

#[test]
fn a_claim_that_is_taken_over_too_early_costs_work_only() {
    [SECOND_AHEAD, SECOND_AHEAD_KILL, Scope { ahead: [0, 1, 0], ..Scope::FAULT }]
        .into_iter()
        .for_each(|scope| holds(scope, &[SPARES]));
}

#[test]
fn the_switch_is_read_twice_and_once_is_needed() {
    EITHER.into_iter().for_each(|rule| holds(Scope::KILL, &[rule]));
    breaks(Scope::KILL, &EITHER, Property::NoneAfterTheAcknowledgement);
}

/// No program can look at the clock and send in one moment. On one machine recovery ends the old browser before it
/// looks; on two it has to be assumed, and for the kill switch on one as well.
#[test]
fn a_runner_that_stops_between_gate_and_network_is_assumed_away() {
    breaks(Scope { no_pause_in_the_gate: false, ..Scope::LOOKS }, &[], Property::FailedIsNotThere);
    for one_machine in [false, true] {
        let scope = Scope { no_pause_in_the_gate: false, one_machine, ..Scope::KILL };
        breaks(scope, &[], Property::NoneAfterTheAcknowledgement);
    }
}

/// Whatever stops wherever, and however late the platform is: what was promised first needs no assumption.
#[test]
fn at_most_one_write_needs_no_assumption() {
    for one_machine in [false, true] {
        let scope = Scope { no_pause_in_the_gate: false, seen_within_settle: false, one_machine, ..SECOND_AHEAD };
        // What only makes a look err has no part in it.
        let scope = Scope { stale_reads: 0, faults: 1, ..scope };
        let checked =
            check_for(&Protocol { scope, without: Vec::new() }, &[Property::AtMostOneWrite, Property::NeverBehindArm]);
        println!("{:>9} states {:>9} steps, depth {:>3}, no assumption", checked.states, checked.steps, checked.depth);
        assert!(
            checked.counterexample.is_none(),
            "{}",
            checked.counterexample.map(|c| c.to_string()).unwrap_or_default()
        );
    }
}

/// A platform that shows a write later than the recipe's settle window says makes a wrong "failed"; never a second write.
#[test]
fn a_platform_that_is_later_than_its_settle_window_is_assumed_away() {
    breaks(Scope { seen_within_settle: false, ..Scope::LOOKS }, &[], Property::FailedIsNotThere);
}
