//! Quiet hours against an oracle that only reads the wall clock, minute by minute; and the days on which the clock is changed.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const MINUTE: i64 = 60_000;

fn policy(zone: &str, hours: &[&str]) -> Policy {
    let quiet_hours = hours.iter().map(|hours| QuietHours::parse(hours, &Day::ALL).unwrap()).collect();
    Policy { zone: zone.to_owned(), quiet_hours, ..Policy::default() }
}

fn at(rfc_3339: &str) -> Timestamp {
    Timestamp::parse(rfc_3339).unwrap()
}

/// `None`: nothing stands in the way; else until when.
fn quiet(policy: &Policy, now: Timestamp) -> Option<Option<Timestamp>> {
    let check = time_window(policy, now);
    (!check.passes()).then_some(check.until)
}

/// Every moment of a day and a half around a change of the clock, minute by minute: quiet exactly from `begin` to `end`.
#[track_caller]
fn quiet_exactly(zone: &str, hours: &str, from: &str, stretches: &[(&str, &str)]) {
    let policy = policy(zone, &[hours]);
    let stretches: Vec<_> = stretches.iter().map(|(begin, end)| (at(begin), at(end))).collect();
    let start = at(from).0;
    for minute in 0..36 * 60 {
        let now = Timestamp(start + minute * MINUTE);
        let expected = stretches.iter().find(|(begin, end)| *begin <= now && now < *end).map(|(_, end)| Some(*end));
        assert_eq!(quiet(&policy, now), expected, "{zone} {hours} at {now}");
        // One millisecond before the minute is over it is as it was.
        let last = Timestamp(now.0 + MINUTE - 1);
        assert_eq!(quiet(&policy, last), expected, "{zone} {hours} at {last}");
    }
}

#[test]
fn across_midnight_when_the_clock_is_put_forward_and_back() {
    // Berlin: 2026-03-29 02:00 → 03:00, 2026-10-25 03:00 → 02:00.
    let night = "22:00-07:00";
    quiet_exactly(
        "Europe/Berlin",
        night,
        "2026-03-28T12:00:00+01:00",
        &[
            ("2026-03-28T22:00:00+01:00", "2026-03-29T07:00:00+02:00"),
            ("2026-03-29T22:00:00+02:00", "2026-03-30T07:00:00+02:00"),
        ],
    );
    quiet_exactly(
        "Europe/Berlin",
        night,
        "2026-10-24T12:00:00+02:00",
        &[
            ("2026-10-24T22:00:00+02:00", "2026-10-25T07:00:00+01:00"),
            ("2026-10-25T22:00:00+01:00", "2026-10-26T07:00:00+01:00"),
        ],
    );
    // New York: 2026-03-08 02:00 → 03:00, 2026-11-01 02:00 → 01:00.
    quiet_exactly(
        "America/New_York",
        night,
        "2026-03-07T12:00:00-05:00",
        &[
            ("2026-03-07T22:00:00-05:00", "2026-03-08T07:00:00-04:00"),
            ("2026-03-08T22:00:00-04:00", "2026-03-09T07:00:00-04:00"),
        ],
    );
    quiet_exactly(
        "America/New_York",
        night,
        "2026-10-31T12:00:00-04:00",
        &[
            ("2026-10-31T22:00:00-04:00", "2026-11-01T07:00:00-05:00"),
            ("2026-11-01T22:00:00-05:00", "2026-11-02T07:00:00-05:00"),
        ],
    );
    // Lord Howe, by half an hour: 2026-10-04 02:00 → 02:30, 2026-04-05 02:00 → 01:30.
    quiet_exactly(
        "Australia/Lord_Howe",
        night,
        "2026-10-03T12:00:00+10:30",
        &[
            ("2026-10-03T22:00:00+10:30", "2026-10-04T07:00:00+11:00"),
            ("2026-10-04T22:00:00+11:00", "2026-10-05T07:00:00+11:00"),
        ],
    );
    quiet_exactly(
        "Australia/Lord_Howe",
        night,
        "2026-04-04T12:00:00+11:00",
        &[
            ("2026-04-04T22:00:00+11:00", "2026-04-05T07:00:00+10:30"),
            ("2026-04-05T22:00:00+10:30", "2026-04-06T07:00:00+10:30"),
        ],
    );
    // Kolkata never changes its clock.
    quiet_exactly(
        "Asia/Kolkata",
        night,
        "2026-03-28T12:00:00+05:30",
        &[
            ("2026-03-28T22:00:00+05:30", "2026-03-29T07:00:00+05:30"),
            ("2026-03-29T22:00:00+05:30", "2026-03-30T07:00:00+05:30"),
        ],
    );
}

#[test]
fn hours_that_do_not_exist_are_not_quiet() {
    quiet_exactly(
        "Europe/Berlin",
        "02:00-03:00",
        "2026-03-29T00:00:00+01:00",
        &[("2026-03-30T02:00:00+02:00", "2026-03-30T03:00:00+02:00")],
    );
    quiet_exactly(
        "America/New_York",
        "02:15-02:45",
        "2026-03-08T00:00:00-05:00",
        &[("2026-03-09T02:15:00-04:00", "2026-03-09T02:45:00-04:00")],
    );
    quiet_exactly(
        "Australia/Lord_Howe",
        "02:00-02:30",
        "2026-10-04T00:00:00+10:30",
        &[("2026-10-05T02:00:00+11:00", "2026-10-05T02:30:00+11:00")],
    );
}

#[test]
fn a_stretch_that_begins_or_ends_in_hours_that_do_not_exist_does_so_at_the_leap() {
    quiet_exactly(
        "Europe/Berlin",
        "01:00-02:30",
        "2026-03-28T12:00:00+01:00",
        &[("2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00")],
    );
    quiet_exactly(
        "Europe/Berlin",
        "02:30-04:00",
        "2026-03-28T12:00:00+01:00",
        &[("2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00")],
    );
    quiet_exactly(
        "Australia/Lord_Howe",
        "02:15-03:00",
        "2026-10-03T12:00:00+10:30",
        &[("2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00")],
    );
}

#[test]
fn hours_that_exist_twice_are_quiet_both_times_and_what_lies_between_as_well() {
    quiet_exactly(
        "Europe/Berlin",
        "02:00-03:00",
        "2026-10-24T12:00:00+02:00",
        &[("2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00")],
    );
    quiet_exactly(
        "Europe/Berlin",
        "02:30-02:45",
        "2026-10-24T12:00:00+02:00",
        &[("2026-10-25T02:30:00+02:00", "2026-10-25T02:45:00+01:00")],
    );
    quiet_exactly(
        "America/New_York",
        "22:00-01:30",
        "2026-10-31T12:00:00-04:00",
        &[
            ("2026-10-31T22:00:00-04:00", "2026-11-01T01:30:00-05:00"),
            ("2026-11-01T22:00:00-05:00", "2026-11-02T01:30:00-05:00"),
        ],
    );
    quiet_exactly(
        "Australia/Lord_Howe",
        "01:30-02:00",
        "2026-04-04T12:00:00+11:00",
        &[("2026-04-05T01:30:00+11:00", "2026-04-05T02:00:00+10:30")],
    );
}

#[test]
fn a_day_that_never_was_has_no_hours() {
    // Apia had no 30 December 2011.
    let policy = policy("Pacific/Apia", &["22:00-07:00"]);
    assert_eq!(quiet(&policy, at("2011-12-29T23:00:00-10:00")), Some(Some(at("2011-12-31T07:00:00+14:00"))));
    assert_eq!(quiet(&policy, at("2011-12-31T07:00:00+14:00")), None);
}

#[test]
fn a_stretch_belongs_to_the_day_on_which_it_begins() {
    let quiet_hours = vec![QuietHours::parse("22:00-07:00", &[Day::Fri]).unwrap()];
    let policy = Policy { zone: "Europe/Berlin".to_owned(), quiet_hours, ..Policy::default() };
    let end = Some(Some(at("2026-11-21T07:00:00+01:00")));
    assert_eq!(quiet(&policy, at("2026-11-20T22:00:00+01:00")), end);
    assert_eq!(quiet(&policy, at("2026-11-21T06:59:59+01:00")), end);
    assert_eq!(quiet(&policy, at("2026-11-20T06:00:00+01:00")), None);
    assert_eq!(quiet(&policy, at("2026-11-21T23:00:00+01:00")), None);
}

#[test]
fn stretches_that_touch_are_one_and_a_week_without_a_gap_has_no_end() {
    let touching = policy("UTC", &["08:00-10:00", "10:00-12:00", "11:00-13:00"]);
    assert_eq!(quiet(&touching, at("2026-11-20T09:00:00Z")), Some(Some(at("2026-11-20T13:00:00Z"))));
    let always = policy("UTC", &["00:00-24:00"]);
    assert_eq!(quiet(&always, at("2026-11-20T09:00:00Z")), Some(None));
}

#[test]
fn a_zone_that_is_not_known_is_quiet() {
    let nowhere = Policy { zone: "Mars/Olympus".to_owned(), ..policy("UTC", &["08:00-10:00"]) };
    assert_eq!(quiet(&nowhere, at("2026-11-20T12:00:00Z")), Some(None));
}

#[test]
fn days_and_months_begin_by_the_zones_clock() {
    let now = at("2026-03-29T12:00:00+02:00");
    assert_eq!(
        day_and_month("Europe/Berlin", now),
        Some((at("2026-03-29T00:00:00+01:00"), at("2026-03-01T00:00:00+01:00")))
    );
    assert_eq!(
        next_day_and_month("Europe/Berlin", now),
        Some((at("2026-03-30T00:00:00+02:00"), at("2026-04-01T00:00:00+02:00")))
    );
    // Havana leaps over midnight: 2026-03-08 begins at 01:00.
    assert_eq!(
        day_and_month("America/Havana", at("2026-03-08T12:00:00-04:00")).unwrap().0,
        at("2026-03-08T01:00:00-04:00")
    );
    // And shows the first hour of 2026-11-01 twice.
    assert_eq!(
        day_and_month("America/Havana", at("2026-11-01T12:00:00-05:00")).unwrap().0,
        at("2026-11-01T00:00:00-04:00")
    );
}

/// Whether the wall clock shows an hour of a stretch, and nothing else is asked.
fn the_clock_says_quiet(policy: &Policy, now: Timestamp) -> bool {
    let clock = zone(&policy.zone).unwrap().to_datetime(instant(now).unwrap());
    let minute = i32::from(clock.hour()) * 60 + i32::from(clock.minute());
    let day = |date: Date| Day::from_iso(date.weekday().to_monday_one_offset()).unwrap();
    policy.quiet_hours.iter().any(|hours| {
        let (from, (later, to)) = (hours.from(), hours.to());
        let from = i32::from(from.0) * 60 + i32::from(from.1);
        let to = i32::from(to.0) * 60 + i32::from(to.1) + i32::from(later) * 24 * 60;
        let begun_today = hours.days.contains(&day(clock.date())) && (from..to).contains(&minute);
        let yesterday = clock.date().yesterday().unwrap();
        begun_today || hours.days.contains(&day(yesterday)) && (from..to).contains(&(minute + 24 * 60))
    })
}

const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "Africa/Casablanca"];

fn stretches() -> impl Strategy<Value = Vec<QuietHours>> {
    let one = (0_u16..96, 1_u16..96, prop::collection::btree_set(0_usize..7, 1..=7)).prop_map(|(from, long, days)| {
        let written = |at: u16| format!("{:02}:{:02}", at % 96 / 4, at % 4 * 15);
        let days: Vec<_> = days.into_iter().filter_map(|day| Day::ALL.get(day).copied()).collect();
        QuietHours::parse(&format!("{}-{}", written(from), written(from + long)), &days).unwrap()
    });
    prop::collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(2026), failure_persistence: None, ..ProptestConfig::default() })]

    /// The end that is told is the first moment at which it is not quiet; and whenever the wall clock says quiet, it is.
    #[test]
    fn until_is_the_first_moment_that_passes(zone_at in 0..ZONES.len(), quiet_hours in stretches(), start in 1_767_225_600_i64..1_830_297_600) {
        let policy = Policy { zone: ZONES[zone_at].to_owned(), quiet_hours, ..Policy::default() };
        let now = Timestamp(start / 60 * MINUTE);
        prop_assert!(!the_clock_says_quiet(&policy, now) || quiet(&policy, now).is_some(), "{now} {policy:?}");
        if let Some(Some(until)) = quiet(&policy, now) {
            prop_assert!(until > now);
            prop_assert_eq!(quiet(&policy, until), None, "it is still quiet at {}", until);
            prop_assert!(!the_clock_says_quiet(&policy, until));
            // Every minute up to it is quiet, and says the same end.
            let mut minute = now.0;
            while minute < until.0 {
                prop_assert_eq!(quiet(&policy, Timestamp(minute)), Some(Some(until)), "at {}", Timestamp(minute));
                minute += if until.0 - minute > 4 * 60 * MINUTE { 15 * MINUTE } else { MINUTE };
            }
            prop_assert_eq!(quiet(&policy, Timestamp(until.0 - 1)), Some(Some(until)));
        }
    }
}
