//! What is counted, and the bars it is held against.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::base::Base;
use super::grid::Grid;
use super::page::{Act, Given, Judged};
use super::speed::Speed;
use super::{Config, Operator, Planned};

/// Drift on a commit-critical element must be found in at least this share of the harmful pages.
const FOUND_MIN: f64 = 0.99;
/// At most this share of the benign pages may be stopped at.
const FALSE_STOPS_MAX: f64 = 0.01;
/// Examples that are kept of an operator that was judged wrongly.
const EXAMPLES: usize = 12;

/// A confusion matrix of a yes-or-no judgement.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Matrix {
    /// It was there, and was found.
    pub found: usize,
    /// It was there, and was not found.
    pub missed: usize,
    /// It was not there, and was "found".
    pub false_: usize,
    /// It was not there, and nothing was said.
    pub quiet: usize,
}

impl Matrix {
    fn count(&mut self, is: bool, said: bool) {
        match (is, said) {
            (true, true) => self.found += 1,
            (true, false) => self.missed += 1,
            (false, true) => self.false_ += 1,
            (false, false) => self.quiet += 1,
        }
    }
}

/// What became of the commit, of benign and of harmful pages.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Commits {
    /// The true node would be pressed.
    pub right: usize,
    /// Another would.
    pub wrong: usize,
    /// None would.
    pub stopped: usize,
}

impl Commits {
    fn count(&mut self, act: &Act) {
        match act {
            Act::Right => self.right += 1,
            Act::Wrong => self.wrong += 1,
            Act::Stopped => self.stopped += 1,
        }
    }
}

/// One operator that was not judged perfectly.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Row {
    /// Pages with this label.
    pub pages: usize,
    /// Of them judged wrongly.
    pub wrongly: usize,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

/// A run of the corpus.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    seed: u64,
    pages: usize,
    bases: Vec<String>,
    left_out: Vec<String>,
    not_applied: Vec<String>,
    platforms: BTreeMap<String, (usize, usize)>,
    operators: BTreeMap<String, String>,
    commit_on_benign: Commits,
    commit_on_harmful: Commits,
    drift: Matrix,
    challenge: Matrix,
    identity: Matrix,
    benign_pages: usize,
    false_stops: usize,
    critical_pages: usize,
    critical_found: usize,
    not_perfect: BTreeMap<String, Row>,
    grid: Grid,
    speed: Speed,
}

impl Report {
    #[expect(clippy::too_many_arguments, reason = "everything that one run measured comes together here, once")]
    pub(super) fn new(
        config: Config,
        plan: &[Planned],
        judged: &[Judged],
        known: &[(Base, Given, Vec<Operator>)],
        operators: BTreeMap<String, String>,
        left_out: Vec<String>,
        grid: Grid,
        speed: Speed,
    ) -> Self {
        let mut report = Self {
            seed: config.seed,
            pages: judged.len(),
            bases: known.iter().map(|(base, ..)| base.name.clone()).collect(),
            left_out,
            not_applied: Vec::new(),
            platforms: BTreeMap::new(),
            operators,
            commit_on_benign: Commits::default(),
            commit_on_harmful: Commits::default(),
            drift: Matrix::default(),
            challenge: Matrix::default(),
            identity: Matrix::default(),
            benign_pages: 0,
            false_stops: 0,
            critical_pages: 0,
            critical_found: 0,
            not_perfect: BTreeMap::new(),
            grid,
            speed,
        };
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for (planned, judged) in plan.iter().zip(judged) {
            if let Some(why) = &judged.not_applied {
                report.not_applied.push(why.clone());
                continue;
            }
            let platform = known[planned.base].0.recipe.platform.clone();
            let wrongly = report.count(planned, judged);
            let row = rows.entry(format!("{} {}", planned.label.kind, planned.label.name)).or_default();
            row.pages += 1;
            let of = report.platforms.entry(platform).or_default();
            of.0 += 1;
            of.1 += usize::from(wrongly);
            if wrongly {
                row.wrongly += 1;
                if row.examples.len() < EXAMPLES {
                    let why = match &judged.act {
                        Some(Act::Wrong) => "another one would be pressed".to_owned(),
                        _ if judged.why.is_empty() => "it went on".to_owned(),
                        _ => judged.why.join(" | "),
                    };
                    row.examples.push(format!("{} [{}]: {why}", known[planned.base].0.name, planned.names.join(", ")));
                }
            }
        }
        report.not_perfect = rows.into_iter().filter(|(_, row)| row.wrongly > 0).collect();
        report
    }

    /// Counts one page; whether it was judged wrongly.
    fn count(&mut self, planned: &Planned, judged: &Judged) -> bool {
        let (harmful, of) = (planned.label.kind == "harmful", planned.label.of.as_str());
        if let Some(act) = &judged.act {
            if harmful { self.commit_on_harmful.count(act) } else { self.commit_on_benign.count(act) }
        }
        self.challenge.count(of == "challenge", judged.challenge.is_some());
        if let Some(proven) = judged.identity
            && (of == "identity" || !harmful)
        {
            self.identity.count(of == "identity", !proven);
        }
        let critical = matches!(of, "commit" | "editor" | "landmark");
        if critical || !harmful {
            self.drift.count(critical, judged.stopped());
        }
        if critical {
            self.critical_pages += 1;
            self.critical_found += usize::from(judged.stopped());
        }
        if !harmful {
            self.benign_pages += 1;
            self.false_stops += usize::from(judged.stopped());
        }
        let wrong_target = judged.act == Some(Act::Wrong);
        let right = match of {
            "challenge" => judged.challenge.is_some(),
            "identity" => judged.identity == Some(false),
            _ if harmful => judged.stopped(),
            _ => !judged.stopped(),
        };
        wrong_target || !right
    }

    fn share(part: usize, of: usize) -> f64 {
        let n = |x: usize| f64::from(u32::try_from(x).unwrap_or(u32::MAX));
        if of == 0 { 0.0 } else { n(part) / n(of) }
    }

    /// The bars that were missed, in words; empty: all hold.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let wrong = self.commit_on_benign.wrong + self.commit_on_harmful.wrong;
        let found = Self::share(self.critical_found, self.critical_pages);
        let stops = Self::share(self.false_stops, self.benign_pages);
        let mut bar = |holds: bool, words: String| {
            if !holds {
                missed.push(words);
            }
        };
        bar(wrong == 0, format!("{wrong} presses on a wrong target, 0 allowed"));
        bar(found >= FOUND_MIN, format!("drift on a critical element found in {:.2} %, 99 % asked", found * 100.0));
        bar(stops <= FALSE_STOPS_MAX, format!("{:.2} % of the benign pages stopped at, 1 % allowed", stops * 100.0));
        bar(self.challenge.missed == 0, format!("{} challenges missed, 0 allowed", self.challenge.missed));
        bar(self.identity.missed == 0, format!("{} wrong accounts accepted, 0 allowed", self.identity.missed));
        let accepted = self.grid.wrong_accepted.len();
        bar(accepted == 0, format!("{accepted} wrong combinations of signals accepted, 0 allowed"));
        let kinds = |kind: &str| self.operators.values().filter(|k| *k == kind).count();
        bar(kinds("benign") >= 25 && kinds("harmful") >= 25, "fewer than 25 operators of a kind took part".to_owned());
        bar(
            self.grid.combinations >= 125,
            format!("{} combinations of signals read, 125 asked", self.grid.combinations),
        );
        missed
    }

    /// As a person reads it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let kinds = |kind: &str| self.operators.values().filter(|k| *k == kind).count();
        let _ = writeln!(
            out,
            "{} pages from {} recorded ones ({}), {} benign and {} harmful operators, seed {}",
            self.pages,
            self.bases.len(),
            self.bases.join(", "),
            kinds("benign"),
            kinds("harmful"),
            self.seed,
        );
        for left_out in &self.left_out {
            let _ = writeln!(out, "left out: {left_out}");
        }
        let of: Vec<_> = self.platforms.iter().map(|(p, (pages, wrong))| format!("{p} {wrong} of {pages}")).collect();
        let _ = writeln!(out, "judged wrongly: {}", of.join(", "));
        for why in &self.not_applied {
            let _ = writeln!(out, "not applied: {}", why.lines().next().unwrap_or_default());
        }
        let commits = |name: &str, c: &Commits| {
            format!("commit, {name:<8} right {:>5}   wrong {:>5}   stopped {:>5}", c.right, c.wrong, c.stopped)
        };
        let _ = writeln!(out, "\n{}", commits("benign", &self.commit_on_benign));
        let _ = writeln!(out, "{}", commits("harmful", &self.commit_on_harmful));
        for (name, m) in [("drift", &self.drift), ("challenge", &self.challenge), ("identity", &self.identity)] {
            let _ = writeln!(
                out,
                "{name:<16} found {:>5}   missed {:>4}   false {:>7}   quiet {:>7}",
                m.found, m.missed, m.false_, m.quiet
            );
        }
        let _ = writeln!(
            out,
            "\ndrift on a critical element found: {} of {} ({:.2} %)   false stops: {} of {} ({:.2} %)",
            self.critical_found,
            self.critical_pages,
            Self::share(self.critical_found, self.critical_pages) * 100.0,
            self.false_stops,
            self.benign_pages,
            Self::share(self.false_stops, self.benign_pages) * 100.0,
        );
        let _ = writeln!(
            out,
            "signals: {} combinations, {} wrong accepted, {} right refused",
            self.grid.combinations,
            self.grid.wrong_accepted.len(),
            self.grid.right_refused.len()
        );
        for words in self.grid.wrong_accepted.iter().chain(&self.grid.right_refused) {
            let _ = writeln!(out, "  {words}");
        }
        let _ = writeln!(
            out,
            "a page of {} bytes: look and drift score median {:.1} ms, best {:.1} ms of {}; the score alone {:.3} ms",
            self.speed.bytes, self.speed.look_ms, self.speed.best_ms, self.speed.runs, self.speed.score_ms
        );
        if !self.not_perfect.is_empty() {
            let _ = writeln!(out, "\nnot perfect:");
        }
        for (name, row) in &self.not_perfect {
            let _ = writeln!(out, "  {name}: {} of {} judged wrongly", row.wrongly, row.pages);
            for example in &row.examples {
                let _ = writeln!(out, "    {example}");
            }
        }
        for missed in self.missed() {
            let _ = writeln!(out, "MISSED: {missed}");
        }
        out
    }
}
