//! Crash by crash: an episode is cut at every point of it, and the recovery that follows is cut at every point of it as well. All pairs.

use crate::luck::Luck;
use crate::run::{Bench, Outcome};
use crate::setting::{FLOWS, Setting, outcomes};
use crate::sim::Harm;
use crate::stage::Fortune;

/// So many episodes have the case's luck: the one that is cut, the one that follows, and one for the second cut.
const EPISODES: u64 = 3;

/// One thing to go through: a flow and what happens to it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The flow.
    pub flow: &'static str,
    /// What happens, in words.
    pub what: &'static str,
    /// The same.
    pub luck: Luck,
    /// Whether every call of every port is a point, also one that leaves nothing behind.
    pub every: bool,
}

/// Every outcome of a post, and the plain way of every other flow.
pub fn cases() -> Vec<Case> {
    let posts = outcomes().into_iter().map(|(what, luck)| Case { flow: FLOWS[0], what, luck, every: false });
    let others = FLOWS.into_iter().skip(1).flat_map(|flow| {
        outcomes().into_iter().take(3).map(move |(what, luck)| Case { flow, what, luck, every: false })
    });
    posts.chain(others).collect()
}

/// What came of a case.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// Points of the episode.
    pub points: u64,
    /// Pairs of points.
    pub pairs: u64,
    /// What was broken, with the pair.
    pub broken: Vec<(Vec<(usize, u64)>, String)>,
}

impl Case {
    /// How it is called.
    pub fn name(&self) -> String {
        format!("{} {}", self.flow, self.what)
    }

    fn run(&self, bench: &mut Bench, points: Vec<(usize, u64)>) -> Result<Outcome, String> {
        self.world(bench, points, false)
    }

    /// The whole story of one pair.
    ///
    /// # Errors
    /// The world could not be made.
    pub fn tell(&self, points: Vec<(usize, u64)>) -> Result<Outcome, String> {
        self.world(&mut Bench::new()?, points, true)
    }

    fn world(&self, bench: &mut Bench, points: Vec<(usize, u64)>, story: bool) -> Result<Outcome, String> {
        let harm = if self.every { Harm::AtEvery(points) } else { Harm::At(points) };
        let mut setting = Setting::of_one(self.flow, self.luck, harm, story);
        // A captcha that came each time would be cleared and come again until the end of time: every pair of thousands of points, all alike.
        setting.luck = Fortune::First(EPISODES, self.luck);
        bench.run(&setting)
    }

    /// Goes through all pairs, of the episode's points those that are `part` modulo `parts`.
    ///
    /// # Errors
    /// A world could not be made.
    pub fn sweep(&self, bench: &mut Bench, part: u64, parts: u64) -> Result<Swept, String> {
        let plain = self.run(bench, Vec::new())?;
        let mut swept = Swept { points: plain.effects.first().copied().unwrap_or(0), ..Swept::default() };
        swept.take(Vec::new(), &plain);
        for first in (0..swept.points).filter(|n| n % parts == part) {
            let once = self.run(bench, vec![(0, first)])?;
            swept.take(vec![(0, first)], &once);
            for second in 0..once.effects.get(1).copied().unwrap_or(0) {
                let points = vec![(0, first), (1, second)];
                let twice = self.run(bench, points.clone())?;
                swept.pairs += 1;
                swept.take(points, &twice);
            }
        }
        Ok(swept)
    }
}

impl Swept {
    fn take(&mut self, points: Vec<(usize, u64)>, outcome: &Outcome) {
        self.broken.extend(outcome.broken.iter().map(|words| (points.clone(), words.clone())));
    }
}
