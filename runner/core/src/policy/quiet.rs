//! Quiet hours and calendar days by the wall clock of a zone.
//!
//! A stretch begins at the first moment at which the wall clock shows its beginning or later, and ends at the last moment before which
//! the clock showed less than its end. So where the clock is put forward, hours that do not exist are no stretch at all;
//! where it is put back, hours that exist twice are quiet both times, and what lies between the two as well.

use deed_recipes::policy::{Day, Policy, QuietHours, zone};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp as Instant};

use super::PolicyCheck;
use crate::hold::HoldReason;
use crate::time::Timestamp;

/// Quiet hours repeat every week: who finds no end in this many days finds none.
const DAYS_MAX: i64 = 15;

pub(super) fn time_window(policy: &Policy, now: Timestamp) -> PolicyCheck {
    let name = "time_window";
    if policy.quiet_hours.is_empty() {
        return PolicyCheck::passed(name, "no quiet hours");
    }
    let (Some(tz), Some(at)) = (zone(&policy.zone), instant(now)) else {
        // Whether it is quiet can not be told, so it is.
        return PolicyCheck::failed(name, HoldReason::Policy, format!("there is no time zone {}", policy.zone));
    };
    let clock = tz.to_datetime(at).strftime("%a %H:%M").to_string();
    match covering(&tz, &policy.quiet_hours, at) {
        None => PolicyCheck::passed(name, format!("{clock} in {} is outside the quiet hours", policy.zone)),
        Some((hours, _)) => {
            let finding = format!("{clock} in {} is within the quiet hours {hours}", policy.zone);
            PolicyCheck::failed(name, HoldReason::QuietHours, finding).until(quiet_until(&tz, &policy.quiet_hours, at))
        }
    }
}

/// The stretch that covers a moment and ends last, and its end.
fn covering<'h>(tz: &TimeZone, hours: &'h [QuietHours], at: Instant) -> Option<(&'h QuietHours, Instant)> {
    let today = tz.to_datetime(at).date();
    // A stretch that began yesterday may go on; tomorrow's may have begun where the clock is put back over midnight.
    let days = [today.yesterday().ok(), Some(today), today.tomorrow().ok()];
    let stretches = days.into_iter().flatten().flat_map(|day| hours.iter().map(move |hours| (day, hours)));
    stretches
        .filter_map(|(day, hours)| stretch(tz, hours, day).map(|(begin, end)| (hours, begin, end)))
        .filter(|(_, begin, end)| *begin <= at && at < *end)
        .max_by_key(|(_, _, end)| *end)
        .map(|(hours, _, end)| (hours, end))
}

/// The first moment from then on that no stretch covers; `None` when it is always quiet.
fn quiet_until(tz: &TimeZone, hours: &[QuietHours], from: Instant) -> Option<Timestamp> {
    let last = from.checked_add(Span::new().hours(24 * DAYS_MAX)).ok()?;
    let mut at = from;
    while let Some((_, end)) = covering(tz, hours, at) {
        at = end;
        if at > last {
            return None;
        }
    }
    Some(Timestamp(at.as_millisecond()))
}

/// Beginning and end of the stretch of one day, when it has one.
fn stretch(tz: &TimeZone, hours: &QuietHours, day: Date) -> Option<(Instant, Instant)> {
    let weekday = Day::from_iso(day.weekday().to_monday_one_offset())?;
    if !hours.days.contains(&weekday) {
        return None;
    }
    let (hour, minute) = hours.from();
    let begin = shows(tz, day.at(hour, minute, 0, 0), Pass::First)?;
    let (later, (hour, minute)) = hours.to();
    let ends_on = day.checked_add(Span::new().days(later)).ok()?;
    let end = shows(tz, ends_on.at(hour, minute, 0, 0), Pass::Last)?;
    Some((begin, end))
}

/// Which of two moments is meant at which the clock shows the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    First,
    Last,
}

/// When the wall clock shows this. Where it leaps over it: the moment of the leap.
fn shows(tz: &TimeZone, clock: DateTime, pass: Pass) -> Option<Instant> {
    let offset = match tz.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, after } => {
            if pass == Pass::First {
                before
            } else {
                after
            }
        }
        AmbiguousOffset::Gap { after, .. } => {
            // By the offset that comes after the leap, it would have been before the leap.
            let before = after.to_timestamp(clock).ok()?;
            return tz.following(before).next().map(|leap| leap.timestamp());
        }
    };
    offset.to_timestamp(clock).ok()
}

fn instant(at: Timestamp) -> Option<Instant> {
    Instant::from_millisecond(at.0).ok()
}

fn midnight(tz: &TimeZone, day: Date) -> Option<Timestamp> {
    shows(tz, day.at(0, 0, 0, 0), Pass::First).map(|at| Timestamp(at.as_millisecond()))
}

/// When the calendar day and the month of a moment began in a zone.
pub(super) fn day_and_month(name: &str, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let tz = zone(name)?;
    let today = tz.to_datetime(instant(now)?).date();
    Some((midnight(&tz, today)?, midnight(&tz, today.first_of_month())?))
}

/// When the next calendar day and the next month begin in a zone.
pub(super) fn next_day_and_month(name: &str, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let tz = zone(name)?;
    let today = tz.to_datetime(instant(now)?).date();
    let next_month = today.last_of_month().tomorrow().ok()?;
    Some((midnight(&tz, today.tomorrow().ok()?)?, midnight(&tz, next_month)?))
}

#[cfg(test)]
#[path = "quiet_tests.rs"]
mod tests;
