//! Crash by crash: an episode is cut at every point of it, and the recovery that follows is cut at every point of it as well. All pairs.

use crate::check::Bounds;
use crate::luck::Luck;
use crate::run::{Bench, Outcome};
use crate::setting::{Deed, FLOWS, Reach, Setting, outcomes};
use crate::sim::Harm;
use crate::stage::Fortune;

/// So many episodes have the case's luck: the one that is cut, the one that follows, and one for the second cut.
const EPISODES: u64 = 3;

/// When the switch is thrown: an episode is in the middle of its composing.
const SWITCH_MS: i64 = 30_000;
/// A policy of quiet hours, and the same in minutes of the day. Simulated time begins at 9:30.
const QUIET: (&str, (i64, i64)) = ("defaults: { zone: UTC, quiet_hours: { all: [\"09:00-10:30\"] } }\n", (540, 630));

/// What is unlike the plain world of one order and one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// Nothing.
    Plain,
    /// What is ordered was there before.
    ThereAlready,
    /// Two people must approve.
    Approvals,
    /// The switch of the account is thrown in the middle, and closed again.
    Switch,
    /// It is filed in quiet hours, which end an hour later.
    QuietHours,
    /// A second worker on another machine: it is the one that is cut the second time.
    TwoMachines,
}

/// What else can stand around an order; of posts only, because what decides there asks for no flow.
const AROUND: [(&str, Around); 5] = [
    ("there already", Around::ThereAlready),
    ("two approvals", Around::Approvals),
    ("switch thrown for a while", Around::Switch),
    ("quiet hours", Around::QuietHours),
    ("a second machine", Around::TwoMachines),
];

/// One thing to go through: a flow and what happens to it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The flow.
    pub flow: &'static str,
    /// What happens, in words.
    pub what: &'static str,
    /// The same.
    pub luck: Luck,
    /// What is unlike the plain world.
    pub around: Around,
    /// Whether it is gone through without being asked for: `deed-sim crash`, in place of `deed-sim crash --all`.
    pub usual: bool,
    /// Whether every call of every port is a point, also one that leaves nothing behind.
    pub every: bool,
}

/// So many of the outcomes belong to the usual cases of a post, and of every other flow.
const USUAL: (usize, usize) = (21, 3);

/// Every outcome of every flow, and of a post all that can stand around it.
pub fn cases() -> Vec<Case> {
    let flows = FLOWS.into_iter().enumerate().flat_map(|(n, flow)| {
        let usual = if n == 0 { USUAL.0 } else { USUAL.1 };
        let case = move |(at, (what, luck))| {
            let usual = at < usual;
            Case { flow, what, luck, around: Around::Plain, usual, every: false }
        };
        outcomes().into_iter().enumerate().map(case)
    });
    let around = AROUND.map(|(what, around)| Case {
        flow: FLOWS[0],
        what,
        luck: Luck::default(),
        around,
        usual: false,
        every: false,
    });
    flows.chain(around).collect()
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
        // A captcha that came each time would be cleared and come again until the end of time: every pair of thousands
        // of points, all alike.
        setting.luck = Fortune::First(EPISODES, self.luck);
        match self.around {
            Around::Plain => {}
            Around::ThereAlready => setting.orders.iter_mut().for_each(|order| order.there_already = true),
            Around::Approvals => setting.orders.iter_mut().for_each(|order| order.approvals = 2),
            Around::Switch => setting.deeds = vec![(SWITCH_MS, Deed::Throw(Reach::Account(0), 10 * SWITCH_MS))],
            Around::QuietHours => {
                setting.policy = QUIET.0;
                setting.bounds = Bounds { quiet: Some(QUIET.1), ..Bounds::default() };
            }
            Around::TwoMachines => setting.machines = vec![0, 1],
        }
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
