//! The pace of one session: where the pointer goes and how long it rests, drawn from a seed and from nothing else.
//!
//! Drawing is apart from doing ([`crate::input`]), so that the same seed on the same page gives the same inputs, and a test can see
//! it. The seed stands in the manifest of the episode. Each draw is within the recipe's bounds, or within the bounds below where the
//! recipe names none; only a text that would take too long to type is typed faster.

use std::time::Duration;

use deed_core::ports::browser::Pacing;
use deed_recipes::{InputPace, MsRange};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Bounds of a considerate person's pace, in milliseconds.
const READING: MsRange = MsRange { min: 350, max: 1_099 };
const DWELL: MsRange = MsRange { min: 90, max: 259 };
const POINTER: MsRange = MsRange { min: 12, max: 29 };
const TYPING: MsRange = MsRange { min: 28, max: 94 };
/// However long the text, typing it takes no longer.
const TYPING_MS_MAX: u64 = 12_000;
/// The same where the recipe bounds the rhythm: a lease is good for three minutes.
const TYPING_BOUNDED_MS_MAX: u64 = 60_000;
/// Points of a pointer path.
const PATH_POINTS: u32 = 12;
/// How far a path bends aside, in CSS pixels.
const BEND: f64 = 40.0;

/// The pace of one session.
pub struct Pace {
    dice: Option<StdRng>,
    bounds: InputPace,
    at: (f64, f64),
    /// The pointer holds something open: the next way is straight, so that it does not leave it sideways.
    holds: bool,
}

/// A point of a pointer path, and the rest there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waypoint {
    /// CSS pixels of the viewport.
    pub at: (f64, f64),
    /// Before the next one.
    pub rest: Duration,
}

impl Pace {
    /// Drawn from the seed, within the recipe's bounds; unpaced has no dice and never waits.
    pub fn new(pacing: Pacing, bounds: &InputPace) -> Self {
        let dice = match pacing {
            Pacing::Unpaced => None,
            Pacing::Considerate { seed } => Some(StdRng::seed_from_u64(seed)),
        };
        Self { dice, bounds: bounds.clone(), at: (0.0, 0.0), holds: false }
    }

    /// Whether it waits at all.
    pub fn is_paced(&self) -> bool {
        self.dice.is_some()
    }

    fn draw(&mut self, bounds: &MsRange) -> Duration {
        let ms = self.dice.as_mut().map_or(0, |dice| dice.random_range(bounds.min..=bounds.max));
        Duration::from_millis(ms)
    }

    /// How long a new page is read before anything is done on it.
    pub fn reading(&mut self) -> Duration {
        self.draw(&self.bounds.reading.unwrap_or(READING))
    }

    /// How long the pointer rests before and after a click.
    pub fn dwelling(&mut self) -> Duration {
        self.draw(&self.bounds.dwell.unwrap_or(DWELL))
    }

    /// The pointer rests on what opened under it.
    pub fn hold(&mut self) {
        self.holds = true;
    }

    /// The way to a point, without the point itself: a bent line when paced, nothing otherwise. The pointer is there afterwards.
    pub fn path(&mut self, to: (f64, f64)) -> Vec<Waypoint> {
        let from = std::mem::replace(&mut self.at, to);
        let far = if std::mem::take(&mut self.holds) { 0.0 } else { BEND };
        let Some(dice) = &mut self.dice else { return Vec::new() };
        let bend = (dice.random_range(-1.0..1.0) * far, dice.random_range(-1.0..1.0) * far);
        let rest = self.bounds.pointer.unwrap_or(POINTER);
        (1..PATH_POINTS)
            .map(|step| {
                let t = f64::from(step) / f64::from(PATH_POINTS);
                // A quadratic curve through a point beside the straight line, faster in the middle.
                let ease = t * t * (3.0 - 2.0 * t);
                let side = 4.0 * ease * (1.0 - ease);
                let x = from.0 + (to.0 - from.0) * ease + bend.0 * side;
                let y = from.1 + (to.1 - from.1) * ease + bend.1 * side;
                Waypoint { at: (x.max(0.0), y.max(0.0)), rest: self.draw(&rest) }
            })
            .collect()
    }

    /// The pause after each of so many letters.
    pub fn rhythm(&mut self, letters: usize) -> Vec<Duration> {
        let count = u64::try_from(letters).unwrap_or(u64::MAX).max(1);
        let (bounds, whole) = match self.bounds.typing {
            Some(bounds) => (bounds, TYPING_BOUNDED_MS_MAX),
            None => (TYPING, TYPING_MS_MAX),
        };
        let max = bounds.max.min((whole / count).max(1));
        let within = MsRange { min: bounds.min.min(max), max };
        (0..letters).map(|_| self.draw(&within)).collect()
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    const BOUNDED: InputPace = InputPace {
        reading: Some(MsRange { min: 2_000, max: 2_500 }),
        dwell: Some(MsRange { min: 7, max: 7 }),
        pointer: Some(MsRange { min: 1, max: 3 }),
        typing: Some(MsRange { min: 120, max: 240 }),
    };

    /// What a short episode does: reads, goes somewhere, clicks, types, holds a menu open, goes on.
    fn inputs(seed: u64, bounds: &InputPace) -> (Vec<Waypoint>, Vec<Duration>) {
        let mut pace = Pace::new(Pacing::Considerate { seed }, bounds);
        let mut rests = vec![pace.reading()];
        let mut points = pace.path((640.0, 300.0));
        rests.push(pace.dwelling());
        rests.extend(pace.rhythm(40));
        pace.hold();
        points.extend(pace.path((20.0, 500.0)));
        rests.push(pace.dwelling());
        (points, rests)
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_seed_others() {
        for bounds in [&InputPace::default(), &BOUNDED] {
            for seed in (0..200).chain([u64::MAX]) {
                let (points, rests) = inputs(seed, bounds);
                assert_eq!((points.clone(), rests.clone()), inputs(seed, bounds), "{seed}");
                let other = inputs(seed.wrapping_add(1), bounds);
                assert!(points != other.0 && rests != other.1, "{seed}");
            }
        }
    }

    /// A seed of an old proof is worth something only as long as it still says the same: when this fails, a newer library draws
    /// differently, and that has to be told.
    #[test]
    fn what_a_seed_means_does_not_change() {
        let (_, rests) = inputs(7, &InputPace::default());
        let rests: Vec<u128> = rests.iter().take(6).map(Duration::as_millis).collect();
        assert_eq!(rests, [372, 196, 87, 87, 66, 61]);
    }

    #[test]
    fn every_draw_is_within_its_bounds() {
        let (defaults, bounded) = ((READING, DWELL, POINTER, TYPING), &BOUNDED);
        let own = (bounded.reading, bounded.dwell, bounded.pointer, bounded.typing);
        let own = (own.0.unwrap_or(READING), own.1.unwrap_or(DWELL), own.2.unwrap_or(POINTER), own.3.unwrap_or(TYPING));
        for (bounds, (reading, dwell, pointer, typing)) in [(InputPace::default(), defaults), (BOUNDED, own)] {
            let within = |range: &MsRange, rest: &Duration| {
                (u128::from(range.min)..=u128::from(range.max)).contains(&rest.as_millis())
            };
            for seed in 0..500 {
                let (points, rests) = inputs(seed, &bounds);
                assert!(within(&reading, &rests[0]) && within(&dwell, &rests[1]), "{seed}");
                assert!(rests[2..42].iter().all(|rest| within(&typing, rest)), "{seed}");
                assert!(points.iter().all(|point| within(&pointer, &point.rest)), "{seed}");
                // No further aside than the bend of a way reaches, and straight while something is held open.
                let (first, second) = points.split_at(points.len() / 2);
                assert!(first.iter().all(|p| (0.0..=690.0).contains(&p.at.0) && (0.0..=350.0).contains(&p.at.1)));
                let straight = |p: &Waypoint| (p.at.1 - 300.0) * (20.0 - 640.0) - (p.at.0 - 640.0) * (500.0 - 300.0);
                assert!(second.iter().all(|p| straight(p).abs() < 0.001), "{seed}");
            }
        }
    }

    #[test]
    fn a_long_text_is_typed_faster_and_never_takes_too_long() {
        for (bounds, most_ms) in [(InputPace::default(), 12_000), (BOUNDED, 60_000)] {
            for letters in [0, 1, 40, 500, 5_000, 70_000] {
                let rests = Pace::new(Pacing::Considerate { seed: 3 }, &bounds).rhythm(letters);
                assert_eq!(rests.len(), letters);
                let whole: Duration = rests.iter().sum();
                // A letter is never typed in less than a millisecond.
                assert!(whole.as_millis() <= most_ms.max(letters as u128), "{letters}: {whole:?}");
            }
        }
    }

    #[test]
    fn unpaced_goes_there_at_once() {
        let mut pace = Pace::new(Pacing::Unpaced, &BOUNDED);
        assert_eq!((pace.reading(), pace.dwelling(), pace.path((3.0, 4.0))), (Duration::ZERO, Duration::ZERO, vec![]));
        assert!(pace.rhythm(9).iter().all(Duration::is_zero) && !pace.is_paced());
    }
}
