//! Every combination of the three identity signals in each of five states, in a real page.

use std::sync::Arc;

use deed_core::judge::identity::{self, Verdict};
use deed_core::ports::browser::Session as _;
use serde::Serialize;

use super::page::install;
use super::stages::Stages;
use super::{Known, WAIT};

const STATES: [&str; 5] = ["match", "mismatch", "missing", "ambiguous", "late"];
const SIGNALS: [&str; 3] = ["handle", "avatar_or_name", "switcher"];
/// Later than any reading takes.
const LATE_MS: u32 = 60_000;

/// What came of all combinations.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Grid {
    /// How many were read.
    pub combinations: usize,
    /// Accepted though another account is named, or fewer than two signals match or are there twice.
    pub wrong_accepted: Vec<String>,
    /// Refused though two match and none names another.
    pub right_refused: Vec<String>,
}

/// Reads all 125 combinations on the first identity page of each of so many platforms, `at_once` at a time.
pub async fn run(stages: &Arc<Stages>, known: &Arc<Vec<Known>>, platforms_max: usize, at_once: usize) -> Grid {
    let mut platforms: Vec<(usize, &str)> = Vec::new();
    for (at, (base, given, _)) in known.iter().enumerate().filter(|(_, (_, given, _))| given.identity) {
        let all_three = ["handle", "name", "switcher"].iter().all(|s| given.signals.contains_key(s));
        let platform = base.recipe.platform.as_str();
        if all_three && platforms.len() < platforms_max && platforms.iter().all(|(_, p)| *p != platform) {
            platforms.push((at, platform));
        }
    }
    let each = STATES.iter().flat_map(|a| STATES.iter().flat_map(move |b| STATES.iter().map(move |c| [*a, *b, *c])));
    let each: Vec<[&'static str; 3]> = each.collect();
    let mut grid = Grid::default();
    for (at, platform) in platforms {
        let mut under_way = tokio::task::JoinSet::new();
        for part in each.chunks(each.len().div_ceil(at_once.max(1))) {
            let (stages, known, part) = (Arc::clone(stages), Arc::clone(known), part.to_vec());
            under_way.spawn(async move { read(&stages, &known[at], &part).await });
        }
        for (states, proven) in under_way.join_all().await.into_iter().flatten() {
            grid.count(platform, states, proven);
        }
    }
    grid
}

/// Each combination, and whether the account was proved.
async fn read(stages: &Stages, (base, given, _): &Known, each: &[[&'static str; 3]]) -> Vec<([&'static str; 3], bool)> {
    let mut session = stages.open(base).await;
    let json = serde_json::to_string(given).expect("JSON");
    let mut found = Vec::new();
    for states in each {
        session.goto(&base.url).await.expect("the page opens");
        install(&session).await;
        let set =
            |(signal, state): (&str, &&str)| format!("__judgement.signal({json}, '{signal}', '{state}', {LATE_MS});");
        let script: String = SIGNALS.into_iter().zip(states).map(set).collect();
        session.run_in_page_for_tests(&script).await.expect("the signals are set");
        let read = deed_core::episode::read_identity(&mut session, &base.recipe, WAIT).await;
        let (readings, _) = read.expect("the signals are read");
        found.push((*states, identity::judge(&base.fingerprint, &readings).1 == Verdict::Proven));
    }
    session.close().await;
    found
}

impl Grid {
    fn count(&mut self, platform: &str, states: [&str; 3], proven: bool) {
        self.combinations += 1;
        let names_another = states[0] == "mismatch" || states[2] == "mismatch";
        let of = |wanted: &str| states.iter().filter(|s| **s == wanted).count();
        let right = !names_another && of("match") >= 2;
        // What is there twice says the same twice: it may count or not.
        let may_be = !names_another && of("match") + of("ambiguous") >= 2;
        let words = || {
            let states = SIGNALS.iter().zip(states).map(|(s, state)| format!("{s} {state}"));
            format!("{platform}: {}", states.collect::<Vec<_>>().join(", "))
        };
        match (proven, right) {
            (true, false) if !may_be => self.wrong_accepted.push(words()),
            (false, true) => self.right_refused.push(words()),
            _ => {}
        }
    }
}
