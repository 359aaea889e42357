//! The arithmetic of budgets at its edges, and its laws over rolled values.

use super::*;
use crate::dice::roll;
use crate::ids::EpisodeId;

const NOW: Timestamp = Timestamp(1_795_167_000_000);

fn ago(ms: i64) -> Option<Timestamp> {
    Some(Timestamp(NOW.0 - ms))
}

fn limits(per_hour: Option<u32>, per_day: Option<u32>, spacing_s: u64) -> Limits {
    Limits { per_hour, per_day, spacing: Duration::from_secs(spacing_s) }
}

fn until(limits: Limits, pace: Pace, history: History) -> Option<i64> {
    pace.bounds(&limits, NOW).wait(&history, "publish.post").map(|wait| wait.until.0 - NOW.0)
}

#[test]
fn what_is_exactly_an_hour_a_day_or_a_spacing_old_no_longer_counts() {
    let pace = Pace::default();
    let hour = |at| until(limits(Some(2), None, 0), pace, History { hour: at, ..History::default() });
    assert_eq!((hour(ago(3_599_999)), hour(ago(3_600_000)), hour(None)), (Some(1), None, None));
    let day = |at| until(limits(None, Some(2), 0), pace, History { day: at, ..History::default() });
    assert_eq!((day(ago(86_399_999)), day(ago(86_400_000))), (Some(1), None));
    let near = |at| until(limits(None, None, 900), pace, History { last: at, ..History::default() });
    assert_eq!((near(ago(899_999)), near(ago(900_000)), near(ago(0))), (Some(1), None, Some(900_000)));
    // Nothing is bounded that nobody bounded, not even two attempts at the same moment.
    let everything = History { hour: ago(0), day: ago(0), last: ago(0) };
    assert_eq!(until(Limits::default(), pace, everything), None);
}

#[test]
fn the_latest_of_all_bounds_is_waited_for_and_all_are_named() {
    let history = History { hour: ago(3_000_000), day: ago(80_000_000), last: ago(100_000) };
    let pace = Pace { not_before: Some(Timestamp(NOW.0 + 5_000)), ..Pace::default() };
    let wait = pace.bounds(&limits(Some(2), Some(6), 900), NOW).wait(&history, "publish.post").unwrap();
    assert_eq!(wait.until.0 - NOW.0, 6_400_000);
    for word in ["2 publish.post within an hour", "6 publish.post within a day", "waits 900 s", "asked the account"] {
        assert!(wait.words.contains(word), "{}", wait.words);
    }
}

#[test]
fn a_rate_limit_halves_the_pace_and_successes_bring_it_back() {
    let mut pace = Pace { jitter_milli: 500, ..Pace::default() };
    let mut factors = Vec::new();
    for _ in 0..6 {
        pace = pace.slowed(NOW, None);
        factors.push(pace.factor_milli);
    }
    assert_eq!(factors, [2_000, 4_000, 8_000, 16_000, 16_000, 16_000]);
    assert_eq!(pace.slowed_at, Some(NOW));
    let bounds = pace.bounds(&limits(Some(2), Some(40), 100), NOW);
    assert_eq!((bounds.hour.most, bounds.day.most, bounds.gap.as_secs()), (Some(1), Some(2), 2_400));
    let successes = std::iter::successors(Some(pace), |pace| Some(pace.recovered()));
    let needed = successes.take_while(|pace| pace.factor_milli > 1_000).count();
    assert_eq!(needed, 27, "successes from the slowest pace to the full one");
    assert_eq!(Pace::default().recovered(), Pace::default());
}

#[test]
fn the_platforms_word_is_kept_when_a_shorter_one_follows() {
    let pace = Pace::default().slowed(NOW, Some(NOW.plus(HOUR)));
    for later in [None, Some(NOW.plus(Duration::from_secs(5)))] {
        assert_eq!(pace.slowed(NOW, later).not_before, Some(NOW.plus(HOUR)));
    }
    assert_eq!(until(Limits::default(), pace, History::default()), Some(3_600_000));
    let over = Pace { not_before: Some(NOW), ..pace };
    assert_eq!(until(Limits::default(), over, History::default()), None, "at that moment it may go on");
}

/// Over many rolled cases: waiting until the moment that was told is always enough and never too long, a slower pace never allows
/// more, and a jitter only makes a gap longer, by half at most.
#[test]
fn the_laws_hold_over_rolled_values() {
    for case in 0..2_000 {
        let episode = EpisodeId::new(format!("case {case}"));
        let rolled = |what: &str, below: u64| roll(&episode, what) % below;
        let small = |what: &str, below: u64| u32::try_from(rolled(what, below)).unwrap();
        let limits = limits(
            (rolled("asks hour", 2) == 0).then(|| 1 + small("hour", 20)),
            (rolled("asks day", 2) == 0).then(|| 1 + small("day", 200)),
            rolled("spacing", 4_000),
        );
        let jitter_milli = jitter_milli(roll(&episode, "jitter"));
        let pace = Pace { factor_milli: 1_000 + small("factor", 15_001), jitter_milli, ..Pace::default() };
        let at = |what: &str, below| ago(i64::try_from(rolled(what, below)).unwrap());
        let history = History { hour: at("h", 4_000_000), day: at("d", 90_000_000), last: at("l", 9_000_000) };

        let bounds = pace.bounds(&limits, NOW);
        if let Some(wait) = bounds.wait(&history, "like") {
            assert!(wait.until > NOW, "{case}");
            let then = pace.bounds(&limits, wait.until);
            assert_eq!(then.wait(&history, "like"), None, "{case}: it was enough");
            let before = pace.bounds(&limits, wait.until.minus(Duration::from_millis(1)));
            assert!(before.wait(&history, "like").is_some(), "{case}: it was not too long");
        }
        let slower = pace.slowed(NOW, None).bounds(&limits, NOW);
        assert!(slower.gap >= bounds.gap && slower.hour.most <= bounds.hour.most && slower.day.most <= bounds.day.most);
        assert!(slower.hour.most != Some(0) && slower.day.most != Some(0), "{case}: one always stays");
        let even = Pace { jitter_milli: 0, ..pace }.bounds(&limits, NOW).gap;
        assert!(even <= bounds.gap && bounds.gap <= even * 3 / 2, "{case}");
    }
}
