//! Every combination of the three identity signals in each of five states, in a real page.

use std::sync::Arc;

use deed_chromium::Chromium;
use deed_core::judge::identity::{self, Verdict};
use deed_core::ports::browser::Session as _;
use serde::Serialize;

use super::base::Base;
use super::page::{Given, install, url};
use super::{Operator, WAIT};

const STATES: [&str; 5] = ["match", "mismatch", "missing", "ambiguous", "late"];
const SIGNALS: [&str; 3] = ["handle", "avatar_or_name", "switcher"];
/// Later than any reading takes.
const LATE_MS: u32 = 60_000;

/// What came of all combinations.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Grid {
    /// How many were read.
    pub combinations: usize,
    /// Accepted though another account is named, or fewer than two signals match.
    pub wrong_accepted: Vec<String>,
    /// Refused though two match and none names another.
    pub right_refused: Vec<String>,
}

/// Reads all 125 combinations on the first identity page of each platform.
pub async fn run(browser: &Arc<Chromium>, known: &[(Base, Given, Vec<Operator>)], origin: &str) -> Grid {
    let mut grid = Grid::default();
    let mut platforms: Vec<&str> = Vec::new();
    for (base, given, _) in known.iter().filter(|(_, given, _)| given.identity) {
        let all_three = ["handle", "name", "switcher"].iter().all(|s| given.signals.contains_key(s));
        if !all_three || platforms.contains(&base.recipe.platform.as_str()) {
            continue;
        }
        platforms.push(&base.recipe.platform);
        let mut session = super::open(browser, base, origin).await;
        let json = serde_json::to_string(given).expect("JSON");
        for handle in STATES {
            for who in STATES {
                for switcher in STATES {
                    let states = [handle, who, switcher];
                    session.goto(&url(base, origin)).await.expect("the page opens");
                    install(&session).await;
                    let set = |(signal, state): (&str, &str)| {
                        format!("__judgement.signal({json}, '{signal}', '{state}', {LATE_MS});")
                    };
                    let script: String = SIGNALS.into_iter().zip(states).map(set).collect();
                    session.run_in_page_for_tests(&script).await.expect("the signals are set");
                    let read = deed_core::episode::read_identity(&mut session, &base.recipe, WAIT).await;
                    let (readings, _) = read.expect("the signals are read");
                    let proven = identity::judge(&base.fingerprint, &readings).1 == Verdict::Proven;
                    grid.count(states, proven);
                }
            }
        }
    }
    grid
}

impl Grid {
    fn count(&mut self, states: [&str; 3], proven: bool) {
        self.combinations += 1;
        let names_another = states[0] == "mismatch" || states[2] == "mismatch";
        let right = !names_another && states.iter().filter(|s| **s == "match").count() >= 2;
        let words =
            || SIGNALS.iter().zip(states).map(|(s, state)| format!("{s} {state}")).collect::<Vec<_>>().join(", ");
        match (proven, right) {
            (true, false) => self.wrong_accepted.push(words()),
            (false, true) => self.right_refused.push(words()),
            _ => {}
        }
    }
}
