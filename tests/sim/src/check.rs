//! The checkers. They judge by the platform's own record, by what was ordered and by what people did, never by what the engine says of
//! itself; what the ledger says is only compared with that.

use std::collections::BTreeMap;

use deed_core::ports::ledger::KillScope;
use deed_core::state::{Event, State};
use deed_ledger::ActionDetails;
use deed_proofs::Sha256;
use serde::Deserialize;

use crate::platform::{Arrival, Effect};
use crate::stage::{Armed, Given, Log, Stage, lock};

/// A permit's time and the way of a request: an attempt and its arrival are at most so far apart.
const PRESS_MS: i64 = 16_000;
/// The way of a request: so long after the gate let it go it may arrive.
const WAY_MS: i64 = 800;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Lines of the audit log that are read at once.
const AUDIT_LINES: u32 = 5_000;
/// From so many approvers on, only an approval with the account's handle typed counts.
const TYPED_FROM: u32 = 2;

/// What the policy of a run says that an account may do, as the checkers know it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Attempts of a flow within an hour.
    pub per_hour: Option<usize>,
    /// Attempts of a flow within a day.
    pub per_day: Option<usize>,
    /// Between two attempts of an account.
    pub spacing_ms: i64,
    /// Minutes of the day (UTC) in which nothing is sent: from, to.
    pub quiet: Option<(i64, i64)>,
}

/// Whether a write is the one that an order asks for.
fn is_of(order: &Given, arrival: &Arrival) -> bool {
    let request = &arrival.request;
    let text = matches!(order.flow.as_str(), "publish.post" | "schedule" | "edit" | "comment_reply" | "dm_send");
    let target = !matches!(order.flow.as_str(), "publish.post" | "schedule");
    request.flow == order.flow && (!text || request.text == order.text) && (!target || request.target == order.target)
}

/// Whether a write of this action's order was carried out.
pub fn made_by_order(stage: &Stage, action: &str) -> bool {
    let log = lock(&stage.log);
    let Some(order) = log.orders.iter().find(|o| o.action.as_deref() == Some(action)) else { return false };
    lock(&stage.platform).arrivals.iter().any(|a| is_of(order, a) && a.effect == Effect::Made)
}

/// Which holds shut the account until a person clears it: a challenge, drift, or doubt about who is signed in, as the
/// design's table of outcomes and `ARCHITECTURE.md` (11) have it. Not the engine's own table.
pub fn shuts(hold: &str) -> bool {
    matches!(hold, "wrong_account" | "identity_unproven" | "session_changed" | "challenge" | "drift")
}

/// Where an event leads, as the design draws it; not the engine's own table.
pub const fn state_after(event: Event) -> &'static str {
    match event {
        Event::PreflightPassed => "preflight_passed",
        Event::IdentityVerified => "identity_verified",
        Event::Held | Event::Interrupted => "queued",
        Event::Armed => "attempted",
        Event::DuplicateFound | Event::NotSent | Event::FoundAbsent => "confirmed_failed",
        Event::OutcomeUnclear => "unknown",
        Event::FoundPresent => "confirmed_success",
        Event::PostcheckDone => "postcheck_complete",
        Event::Cancelled => "cancelled",
    }
}

/// Why an action was not to be armed at a moment, if it was not: counted from what people signed by then and from what the order asks for.
pub fn unapproved(log: &Log, action: &str, at: i64) -> Option<String> {
    unapproved_since(log, action, at, at)
}

/// As [`unapproved`], where a rejection counts only until an earlier moment: what was armed before it may arrive after it.
fn unapproved_since(log: &Log, action: &str, at: i64, rejected_until: i64) -> Option<String> {
    let order = log.orders.iter().find(|o| o.action.as_deref() == Some(action))?;
    let mut latest = BTreeMap::new();
    for signed in log.signed.iter().filter(|s| s.action == action && s.name != order.filer) {
        if signed.at <= if signed.approves { at } else { rejected_until } {
            latest.insert(signed.name, signed);
        }
    }
    if let Some(who) = latest.values().find(|s| !s.approves) {
        return Some(format!("{} had rejected it", who.name));
    }
    let counts = |typed: bool| typed || order.approvals < TYPED_FROM;
    let have = latest.values().filter(|s| counts(s.typed)).count();
    (have < order.approvals as usize).then(|| format!("{have} of {} had approved it", order.approvals))
}

/// All that is wrong. Empty: every promise was kept.
pub fn all(stage: &Stage, bounds: &Bounds) -> Vec<String> {
    let mut wrong = lock(&stage.log).broken.clone();
    let arrivals = lock(&stage.platform).arrivals.clone();
    let handles: Vec<String> = lock(&stage.platform).members.iter().map(|m| m.handle.clone()).collect();
    let orders = lock(&stage.log).orders.clone();
    let actions = stage.actions().unwrap_or_else(|fault| {
        wrong.push(format!("the actions can not be listed: {fault}"));
        Vec::new()
    });
    let accounts = stage.wait(stage.ledger.list_accounts()).unwrap_or_else(|fault| {
        wrong.push(format!("the accounts can not be listed: {fault}"));
        Vec::new()
    });
    let handle_of = |by: usize| handles.get(by).map_or("", String::as_str);

    for arrival in &arrivals {
        let at = arrival.at;
        let named = format!("the write {} \"{}\"", arrival.request.path, arrival.request.text);
        let Some(order) = orders.iter().find(|o| is_of(o, arrival)) else {
            wrong.push(format!("{named} was ordered by nobody"));
            continue;
        };
        let action = order.action.clone().unwrap_or_default();
        if handle_of(arrival.by) != order.handle {
            wrong.push(format!("{named} of {action} was made as {}, not as {}", handle_of(arrival.by), order.handle));
        }
        if order.there {
            wrong.push(format!("{named} of {action} was made although it was there already"));
        }
        match &arrival.stamp {
            None => wrong.push(format!("{named} was let through by no gate")),
            Some(stamp) if stamp.action != action => {
                wrong.push(format!("{named} of {action} left with the permit of {}", stamp.action));
            }
            Some(stamp) => {
                let under = |armed: &&Armed| armed.epoch == Some(stamp.epoch);
                let armed = lock(&stage.log).armed.get(&arrival.episode).copied();
                if armed.as_ref().filter(under).is_none() {
                    wrong
                        .push(format!("{named} of {action} left under epoch {}, and was armed {armed:?}", stamp.epoch));
                }
            }
        }
        if !arrival.may_write {
            wrong.push(format!("{named} left from a session that only reads"));
        }
        let account = accounts.iter().find(|a| a.fingerprint.handle == order.handle);
        let account = account.map_or("", |a| a.id.as_str());
        for thrown in &lock(&stage.log).thrown {
            let reaches = match &thrown.scope {
                KillScope::Global => true,
                KillScope::Client(client) => *client == order.client,
                KillScope::Account(id) => id == account,
            };
            if reaches && thrown.acknowledged <= at && thrown.off.is_none_or(|off| at < off) {
                wrong.push(format!("{named} of {action} arrived after {:?} was acknowledged", thrown.scope));
            }
        }
        for (of, from, till) in &lock(&stage.log).shut {
            if of == account && *from <= at && till.is_none_or(|till| at < till) {
                wrong.push(format!("{named} of {action} was made while its account was read-only or suspended"));
            }
        }
        if let Some(words) = unapproved_since(&lock(&stage.log), &action, at, at - PRESS_MS) {
            wrong.push(format!("{named} of {action} was made and {words}"));
        }
        if let Some((from, to)) = bounds.quiet {
            let minute = (at - WAY_MS).rem_euclid(24 * HOUR_MS) / 60_000;
            let quiet = if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to };
            if quiet {
                wrong.push(format!("{named} of {action} was made in quiet hours"));
            }
        }
    }
    for order in &orders {
        let writes = arrivals.iter().filter(|a| is_of(order, a)).count();
        if writes > 1 {
            wrong.push(format!("{} writes of {:?}", writes, order.action));
        }
        let there = |id: &str| actions.iter().any(|details| details.action.id.as_str() == id);
        if !order.action.as_deref().is_some_and(there) {
            wrong.push(format!(
                "an order of {} ({} {}) is no action: {:?}",
                order.handle, order.flow, order.text, order.action
            ));
        }
    }
    budgets(&mut wrong, &arrivals, bounds);
    for details in &actions {
        outcome(&mut wrong, stage, details, &actions, &orders, &arrivals);
    }
    audit(&mut wrong, stage, &actions);
    wrong
}

fn budgets(wrong: &mut Vec<String>, arrivals: &[Arrival], bounds: &Bounds) {
    for (place, arrival) in arrivals.iter().enumerate() {
        let before = arrivals.iter().take(place).filter(|a| a.by == arrival.by);
        if before.clone().any(|a| arrival.at - a.at < bounds.spacing_ms - PRESS_MS) {
            wrong.push(format!("{} came too near after the one before", arrival.request.path));
        }
        let of_flow = before.filter(|a| a.request.flow == arrival.request.flow);
        let within = |time: i64| of_flow.clone().filter(|a| arrival.at - a.at < time - PRESS_MS).count() + 1;
        for (name, time, most) in [("an hour", HOUR_MS, bounds.per_hour), ("a day", DAY_MS, bounds.per_day)] {
            let count = within(time);
            if most.is_some_and(|most| count > most) {
                wrong.push(format!("{} is number {count} within {name}", arrival.request.path));
            }
        }
    }
}

fn outcome(
    wrong: &mut Vec<String>,
    stage: &Stage,
    details: &ActionDetails,
    actions: &[ActionDetails],
    orders: &[Given],
    arrivals: &[Arrival],
) {
    let id = details.action.id.as_str();
    let Some(order) = orders.iter().find(|o| o.action.as_deref() == Some(id)) else {
        wrong.push(format!("{id} is of no order"));
        return;
    };
    let made = arrivals.iter().any(|a| is_of(order, a) && a.effect == Effect::Made);
    let arrived = arrivals.iter().any(|a| is_of(order, a));
    let state = details.action.state;
    match state {
        State::ConfirmedSuccess | State::PostcheckComplete if !made => {
            wrong.push(format!("{id} is {state} and was not made"));
        }
        State::ConfirmedFailed if made => wrong.push(format!("{id} is {state} ({:?}) and was made", details.failure)),
        State::Queued | State::Cancelled | State::PreflightPassed | State::IdentityVerified if arrived => {
            wrong.push(format!("{id} is {state} although a write of it arrived"));
        }
        _ => {}
    }
    sealed(wrong, stage, details);
    if !rests(stage, details, actions) {
        wrong.push(format!("{id} neither ended nor waits for anybody: {state}, hold {:?}", details.hold));
    }
}

/// Whether an action has ended or waits for somebody, and is in nobody's hands.
fn rests(stage: &Stage, details: &ActionDetails, actions: &[ActionDetails]) -> bool {
    details.worker.is_none()
        && match details.action.state {
            State::Queued => waits(stage, details, actions, stage.sim.now_ms()),
            State::PreflightPassed | State::IdentityVerified | State::Attempted => false,
            State::Unknown => details.verify_at.is_none(),
            _ => true,
        }
}

/// Whether all do. A world that is cut off with something under way tells nothing of it.
pub fn all_rest(stage: &Stage) -> bool {
    stage.actions().is_ok_and(|actions| actions.iter().all(|details| rests(stage, details, &actions)))
}

/// What ended has its proof, which is the one that the ledger knows of, and not only that of before the press.
fn sealed(wrong: &mut Vec<String>, stage: &Stage, details: &ActionDetails) {
    let (state, Some(episode)) = (details.action.state, &details.action.episode) else { return };
    // What is seen there and not proved yet is looked at again, and sealed then.
    let seen_only = state == State::ConfirmedSuccess && details.verify_at.is_none();
    if !seen_only && !matches!(state, State::ConfirmedFailed | State::PostcheckComplete) {
        return;
    }
    let store = lock(&stage.proofs);
    let (id, lies, known) = (&details.action.id, store.lies(episode), details.manifest);
    // A person may have answered since.
    let told = lies.is_none_or(|(_, told)| !matches!(told, "identity_verified" | "attempted"));
    let same = lies.map(|(hash, _)| hash) == known;
    if !same || !told {
        wrong.push(format!("{id} is {state}, and its proof is {lies:?}, of which the ledger knows {known:?}"));
    }
}

/// Whether a queued action waits for a person, or for a time.
fn waits(stage: &Stage, details: &ActionDetails, actions: &[ActionDetails], now: i64) -> bool {
    let until_later = |details: &ActionDetails, reason: Option<&str>| {
        let hold = details.hold.as_ref().filter(|h| reason.is_none_or(|reason| h.reason.as_str() == reason));
        hold.is_some_and(|h| h.until.is_none_or(|until| until.0 > now - 20 * 60_000))
    };
    // What is of the same kind as something that is over budget waits with it.
    let of_its_kind = |other: &&ActionDetails| {
        other.action.account == details.action.account
            && other.action.payload.action_type == details.action.payload.action_type
    };
    let budget = actions.iter().filter(of_its_kind).any(|other| until_later(other, Some("budget")));
    let account = stage.wait(deed_core::ports::ledger::Ledger::account(&stage.ledger, &details.action.account));
    let active = account.is_ok_and(|a| a.state == deed_core::account::AccountState::Active);
    until_later(details, None)
        || budget
        || !active
        || details.not_before.0 > now
        || details.waits_for > 0
        || now - details.updated_at.0 < 40 * 60_000
}

/// What of an audit event is checked. The bytes are read by themselves, not by the engine's types.
#[derive(Deserialize)]
struct Told {
    timestamp: String,
    action_id: Option<String>,
    result: ToldResult,
}

/// See [`Told`].
#[derive(Deserialize)]
struct ToldResult {
    status: String,
}

/// The audit chain is whole, in order of time, tells for each action a life that the design allows, tells every state
/// that the engine was seen to bring it to, and ends with the one that it has.
fn audit(wrong: &mut Vec<String>, stage: &Stage, actions: &[ActionDetails]) {
    match stage.wait(stage.ledger.audit_verify()) {
        Ok(verdict) if verdict.ok => {}
        Ok(verdict) => wrong.push(format!("the audit chain is broken: {:?}", verdict.first_bad)),
        Err(fault) => wrong.push(format!("the audit chain can not be read: {fault}")),
    }
    let mut last = String::new();
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in chained(wrong, stage) {
        // Its times are the clock's: only where nobody set it back do they go on.
        if event.timestamp < last && !stage.sim.was_set() {
            wrong.push(format!("the audit log goes back in time at {}", event.timestamp));
        }
        last.clone_from(&event.timestamp);
        let (Some(action), to) = (event.action_id, event.result.status) else { continue };
        if !STATES.contains(&to.as_str()) {
            continue;
        }
        let life = lives.entry(action.clone()).or_default();
        let from = life.last().map(String::as_str);
        if !may_follow(from, &to) {
            wrong.push(format!("{action} went from {} to {to}", from.unwrap_or("nothing")));
        }
        life.push(to);
    }
    for details in actions {
        let (id, state) = (details.action.id.as_str(), details.action.state.as_str());
        let life = lives.remove(id).unwrap_or_default();
        if life.last().map(String::as_str) != Some(state) {
            wrong.push(format!("{id} is {state}, and the last that the audit log tells of it is {:?}", life.last()));
        }
        let log = lock(&stage.log);
        let mut told = life.iter();
        let missing = log.went.get(id).into_iter().flatten().find(|state| !told.any(|t| t == **state));
        if let Some(missing) = missing {
            wrong.push(format!("{id} became {missing}, and the audit log does not tell: {life:?}"));
        }
    }
    for action in lives.keys() {
        wrong.push(format!("the audit log tells of {action}, which is no action"));
    }
}

/// The events of the audit log, the oldest first, with the chain followed by code of the simulation's own: the lines
/// are numbered from 1 without a gap, and the hash of each is the sha256 of the hash before it in hexadecimal, a line
/// feed, and the line's bytes. Before the first stand 64 zeros.
fn chained(wrong: &mut Vec<String>, stage: &Stage) -> Vec<Told> {
    let mut events = Vec::new();
    let (mut seq, mut previous) = (0, "0".repeat(64));
    loop {
        let lines = match stage.wait(stage.ledger.audit_lines(seq, AUDIT_LINES)) {
            Ok(lines) => lines,
            Err(fault) => {
                wrong.push(format!("the audit log can not be read: {fault}"));
                return events;
            }
        };
        if lines.is_empty() {
            return events;
        }
        for line in lines {
            let hash = Sha256::of(format!("{previous}\n{}", line.event).as_bytes()).to_string();
            if line.seq != seq + 1 || line.previous_hash != previous || line.hash != hash {
                wrong.push(format!("the audit log is not chained at line {}, after {seq}", line.seq));
            }
            match serde_json::from_str(&line.event) {
                Ok(event) => events.push(event),
                Err(error) => wrong.push(format!("line {} of the audit log can not be read: {error}", line.seq)),
            }
            (seq, previous) = (line.seq, line.hash);
        }
    }
}

/// The states of an action; whatever else stands in the audit log is no state.
const STATES: [&str; 9] = [
    "queued",
    "preflight_passed",
    "identity_verified",
    "attempted",
    "unknown",
    "confirmed_success",
    "confirmed_failed",
    "postcheck_complete",
    "cancelled",
];

/// The state machine once more, as the design draws it; not the engine's own table.
fn may_follow(from: Option<&str>, to: &str) -> bool {
    let Some(from) = from else { return to == "queued" };
    let next: &[&str] = match from {
        "queued" => &["queued", "preflight_passed", "cancelled"],
        "preflight_passed" => &["queued", "identity_verified", "cancelled"],
        "identity_verified" => &["queued", "attempted", "confirmed_failed", "cancelled"],
        "attempted" => &["confirmed_success", "confirmed_failed", "unknown"],
        "unknown" => &["confirmed_success", "confirmed_failed"],
        "confirmed_success" => &["postcheck_complete"],
        _ => &[],
    };
    next.contains(&to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Signed;

    fn order(approvals: u32, filer: &'static str) -> Given {
        Given {
            handle: "maker0".to_owned(),
            client: "client0".to_owned(),
            flow: "like".to_owned(),
            text: String::new(),
            media: 0,
            target: "x1".to_owned(),
            approvals,
            filer,
            there: false,
            action: Some("a".to_owned()),
        }
    }

    fn signed(name: &'static str, approves: bool, typed: bool, at: i64) -> Signed {
        Signed { action: "a".to_owned(), name, approves, typed, at }
    }

    #[test]
    fn approvals_are_counted_by_people_and_by_the_moment() {
        let yes = |name, at| signed(name, true, true, at);
        let cases = [
            ("nobody is needed", order(0, "filer"), vec![], None),
            ("nobody did", order(1, "filer"), vec![], Some("0 of 1 had approved it")),
            ("one of two", order(2, "filer"), vec![yes("ann", 1)], Some("1 of 2 had approved it")),
            ("one person twice", order(2, "filer"), vec![yes("ann", 1), yes("ann", 2)], Some("1 of 2 had approved it")),
            (
                "the second too late",
                order(2, "filer"),
                vec![yes("ann", 1), yes("ben", 11)],
                Some("1 of 2 had approved it"),
            ),
            ("both", order(2, "filer"), vec![yes("ann", 1), yes("ben", 10)], None),
            ("the filer", order(1, "ann"), vec![yes("ann", 1)], Some("0 of 1 had approved it")),
            (
                "without the handle",
                order(2, "filer"),
                vec![yes("ann", 1), signed("ben", true, false, 2)],
                Some("1 of 2 had approved it"),
            ),
            (
                "taken back",
                order(1, "filer"),
                vec![yes("ann", 1), signed("ann", false, true, 2)],
                Some("ann had rejected it"),
            ),
            ("given again", order(1, "filer"), vec![signed("ann", false, true, 1), yes("ann", 2)], None),
        ];
        for (what, order, signed, expected) in cases {
            let log = Log { orders: vec![order], signed, ..Log::default() };
            assert_eq!(unapproved(&log, "a", 10).as_deref(), expected, "{what}");
        }
    }

    #[test]
    fn what_was_rejected_while_it_was_on_its_way_had_been_approved() {
        let signed = vec![signed("ann", true, true, 1), signed("ann", false, true, 9)];
        let log = Log { orders: vec![order(1, "filer")], signed, ..Log::default() };
        assert_eq!(unapproved_since(&log, "a", 10, 5), None);
    }
}
