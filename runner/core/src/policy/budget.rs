//! How much of what may be done is done: rate limits, costs, fatigue. Each says when its budget is free again.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_recipes::policy::{CostBudget, Policy};

use super::facts::{PolicyFacts, Usage, Window};
use super::{PolicyCheck, quiet};
use crate::hold::HoldReason;
use crate::time::Timestamp;

/// The window of `per_hour`.
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
/// The window of `per_day`.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is full, and when it has room again.
struct Full {
    words: String,
    until: Option<Timestamp>,
}

/// When a full window has room again: when the attempt that fills it is as old as the window is long.
fn full(window: &Window, usage: &Usage) -> Option<Option<Timestamp>> {
    let max = window.max?;
    (usage.used >= max).then(|| usage.frees.map(|attempt| attempt.plus(window.length)))
}

fn told(name: &'static str, full: Vec<Full>, room: Vec<String>, unbounded: &str) -> PolicyCheck {
    if full.is_empty() {
        let finding = if room.is_empty() { unbounded.to_owned() } else { room.join(", ") };
        return PolicyCheck::passed(name, finding);
    }
    let until = full.iter().map(|one| one.until).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let words: Vec<_> = full.into_iter().map(|one| one.words).collect();
    PolicyCheck::failed(name, HoldReason::Budget, words.join(", ")).until(until)
}

pub(super) fn rate_limits(kind: &str, policy: &Policy, facts: &PolicyFacts, now: Timestamp) -> PolicyCheck {
    let limits = policy.limits(kind);
    let (mut over, mut room) = (Vec::new(), Vec::new());
    for (length, max, usage, within) in
        [(HOUR, limits.per_hour, &facts.hour, "60 minutes"), (DAY, limits.per_day, &facts.day, "24 hours")]
    {
        let Some(max) = max else { continue };
        let words = format!("{} of {max} within {within}", usage.used);
        match full(&Window { length, max: Some(max.into()) }, usage) {
            Some(until) => over.push(Full { words, until }),
            None => room.push(words),
        }
    }
    if let (Some(spacing), Some(last)) = (limits.spacing, facts.last_attempt) {
        let free = last.plus(spacing);
        let words = format!("the last one at {}, {} s between two", last.to_the_second(), spacing.as_secs());
        if free > now {
            over.push(Full { words, until: Some(free) });
        } else {
            room.push(words);
        }
    }
    told("rate_limits", over, room, &format!("no limit for {kind}"))
}

fn cost(budget: &CostBudget, used: &BTreeMap<String, u64>) -> u64 {
    used.iter().fold(0, |all, (kind, count)| all.saturating_add(budget.of(kind).saturating_mul(*count)))
}

pub(super) fn cost_budget(kind: &str, policy: &Policy, facts: &PolicyFacts, now: Timestamp) -> PolicyCheck {
    let budget = &policy.cost_budget;
    let this = budget.of(kind);
    let next = quiet::next_day_and_month(&policy.zone, now);
    let (mut over, mut room) = (Vec::new(), Vec::new());
    for (cap, used, again, within) in [
        (budget.per_day, &facts.client_day, next.map(|n| n.0), "today"),
        (budget.per_month, &facts.client_month, next.map(|n| n.1), "this month"),
    ] {
        let Some(cap) = cap else { continue };
        let used = cost(budget, used);
        let words = format!("{used} of {cap} units used {within}, this costs {this}");
        if used.saturating_add(this) > cap {
            // What costs more than the whole budget never fits.
            over.push(Full { words, until: again.filter(|_| this <= cap) });
        } else {
            room.push(words);
        }
    }
    told("cost_budget", over, room, "no cost budget")
}

/// The window of `fatigue`: so many actions of this type may have been attempted in it. `None` where nothing bounds it.
pub(super) fn fatigue_window(policy: &Policy, kind: &str) -> Option<Window> {
    let (fatigue, per_day) = (policy.fatigue?, policy.limits(kind).per_day?);
    let days = u64::from(fatigue.days);
    let max = u64::from(per_day).saturating_mul(days).saturating_mul(u64::from(fatigue.max.thousandths())) / 1000;
    Some(Window { length: DAY.saturating_mul(u32::from(fatigue.days)), max: Some(max) })
}

pub(super) fn fatigue(kind: &str, policy: &Policy, facts: &PolicyFacts) -> PolicyCheck {
    let name = "fatigue";
    let (Some(fatigue), Some(window)) = (policy.fatigue, fatigue_window(policy, kind)) else {
        let why = if policy.fatigue.is_some() { "no daily budget to compare with" } else { "no limit" };
        return PolicyCheck::passed(name, why);
    };
    let max = window.max.unwrap_or(0);
    let words =
        format!("{} of {max} in {} days ({} of the daily budget)", facts.fatigue.used, fatigue.days, fatigue.max);
    match full(&window, &facts.fatigue) {
        Some(until) => told(name, vec![Full { words, until }], Vec::new(), ""),
        None => PolicyCheck::passed(name, words),
    }
}
