//! The checkers. They judge by the platform's own record, by what was ordered and by what people did, never by what the engine says of
//! itself; what the ledger says is only compared with that.

use std::collections::BTreeMap;

use deed_core::ports::ledger::KillScope;
use deed_core::state::State;
use deed_ledger::{ActionDetails, ActionFilter};

use crate::platform::{Arrival, Effect};
use crate::stage::{Given, Stage, lock};

/// A permit's time and the way of a request: an attempt and its arrival are at most so far apart.
const PRESS_MS: i64 = 16_000;
/// The way of a request: so long after the gate let it go it may arrive.
const WAY_MS: i64 = 800;
const HOUR_MS: i64 = 3_600_000;

/// What the policy of a run says that an account may do, as the checkers know it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Attempts of a flow within an hour.
    pub per_hour: Option<usize>,
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

/// All that is wrong. Empty: every promise was kept.
pub fn all(stage: &Stage, bounds: &Bounds, at_rest: bool) -> Vec<String> {
    let mut wrong = lock(&stage.log).broken.clone();
    let arrivals = lock(&stage.platform).arrivals.clone();
    let handles: Vec<String> = lock(&stage.platform).members.iter().map(|m| m.handle.clone()).collect();
    let orders = lock(&stage.log).orders.clone();
    let actions = stage.wait(stage.ledger.list_actions(&ActionFilter::default(), 1_000)).unwrap_or_default();
    let accounts = stage.wait(stage.ledger.list_accounts()).unwrap_or_default();
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
            Some(_) => {}
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
        if order.approvals > 0 && lock(&stage.log).approved.get(&action).is_none_or(|approved| *approved > at) {
            wrong.push(format!("{named} of {action} was made and nobody had approved it"));
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
    }
    budgets(&mut wrong, &arrivals, bounds);
    for details in &actions {
        outcome(&mut wrong, stage, details, &orders, &arrivals, at_rest);
    }
    audit(&mut wrong, stage);
    wrong
}

fn budgets(wrong: &mut Vec<String>, arrivals: &[Arrival], bounds: &Bounds) {
    for (place, arrival) in arrivals.iter().enumerate() {
        let before = arrivals.iter().take(place).filter(|a| a.by == arrival.by);
        if before.clone().any(|a| arrival.at - a.at < bounds.spacing_ms - PRESS_MS) {
            wrong.push(format!("{} came too near after the one before", arrival.request.path));
        }
        let within = |a: &&Arrival| a.request.flow == arrival.request.flow && arrival.at - a.at < HOUR_MS - PRESS_MS;
        let count = before.filter(within).count() + 1;
        if bounds.per_hour.is_some_and(|most| count > most) {
            wrong.push(format!("{} is number {count} within an hour", arrival.request.path));
        }
    }
}

fn outcome(
    wrong: &mut Vec<String>,
    stage: &Stage,
    details: &ActionDetails,
    orders: &[Given],
    arrivals: &[Arrival],
    at_rest: bool,
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
    if !at_rest {
        return;
    }
    let now = stage.sim.now_ms();
    let held = match state {
        State::Queued => details.worker.is_none() && waits(stage, details, now),
        State::PreflightPassed | State::IdentityVerified | State::Attempted => false,
        State::Unknown => details.worker.is_none() && details.verify_at.is_none(),
        _ => details.worker.is_none(),
    };
    sealed(wrong, stage, details);
    if !held {
        wrong.push(format!("{id} neither ended nor waits for anybody: {state}, hold {:?}", details.hold));
    }
}

/// What ended has its proof, which is the one that the ledger knows of, and not only that of before the press.
fn sealed(wrong: &mut Vec<String>, stage: &Stage, details: &ActionDetails) {
    let (state, Some(episode)) = (details.action.state, &details.action.episode) else { return };
    if !matches!(state, State::ConfirmedFailed | State::PostcheckComplete) {
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
fn waits(stage: &Stage, details: &ActionDetails, now: i64) -> bool {
    let held = details.hold.as_ref().is_some_and(|h| h.until.is_none_or(|until| until.0 > now - 20 * 60_000));
    let account = stage.wait(deed_core::ports::ledger::Ledger::account(&stage.ledger, &details.action.account));
    held || account.is_ok_and(|a| a.state != deed_core::account::AccountState::Active)
        || details.not_before.0 > now
        || details.waits_for > 0
        || now - details.updated_at.0 < 40 * 60_000
}

/// The audit chain is whole, in order of time, and tells for each action a life that the design allows.
fn audit(wrong: &mut Vec<String>, stage: &Stage) {
    match stage.wait(stage.ledger.audit_verify()) {
        Ok(verdict) if verdict.ok => {}
        Ok(verdict) => wrong.push(format!("the audit chain is broken: {:?}", verdict.first_bad)),
        Err(fault) => wrong.push(format!("the audit chain can not be read: {fault}")),
    }
    let rows = stage.wait(stage.ledger.audit_tail(1_000_000)).unwrap_or_default();
    let mut rows: Vec<_> = rows.iter().map(|r| (r.seq, &r.event)).collect();
    rows.sort_by_key(|(seq, _)| *seq);
    let mut last = String::new();
    let mut lives: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, event) in rows {
        if event.timestamp < last {
            wrong.push(format!("the audit log goes back in time at {}", event.timestamp));
        }
        last.clone_from(&event.timestamp);
        let (Some(action), to) = (event.action_id.as_deref(), event.result.status.as_str()) else { continue };
        if State::parse(to).is_none() {
            continue;
        }
        let from = lives.insert(action, to);
        if !may_follow(from, to) {
            wrong.push(format!("{action} went from {} to {to}", from.unwrap_or("nothing")));
        }
    }
}

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
