//! How long the drift score of a large page takes: the look in the browser, and the comparison with the baseline.
//!
//! Measured, not asserted: a bar on time belongs to a machine that does nothing else.

use std::fmt::Write as _;
use std::time::Instant;

use deed_chromium::ChromiumSession;
use deed_core::judge::drift;
use deed_core::ports::browser::{Look, Session as _};
use serde::Serialize;

use super::base::Base;

const BYTES: usize = 2_000_000;

/// What was measured.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Speed {
    /// The size of the page.
    pub bytes: usize,
    /// Median of a look at its landmarks with their drift score.
    pub look_ms: f64,
    /// The quickest of them: what it takes when nothing else runs.
    pub best_ms: f64,
    /// Median of the drift score alone, once the page was looked at.
    pub score_ms: f64,
    /// How many looks.
    pub runs: usize,
}

/// The first page with a commit, with so many posts behind it that it has 2 MB.
pub fn large(bases: &[Base]) -> Option<Base> {
    let base = bases.iter().find(|b| b.flow.is_some())?;
    let mut posts = String::new();
    let mut number = 0;
    while posts.len() + base.html.len() < BYTES {
        number += 1;
        let _ = write!(
            posts,
            "<article class=\"x{number:x}\"><header><a href=\"/u{number}\">user {number}</a><time>{number} min</time></header>\
             <div><p>Text number {number} of a long page, with <b>bold</b> words.</p></div>\
             <footer><span role=\"button\" aria-label=\"Like\">{number}</span></footer></article>"
        );
    }
    Some(Base {
        name: format!("{}_large", base.name),
        url: format!("{}_large", base.url),
        html: base.html.replacen("</main>", &format!("{posts}</main>"), 1),
        ..base.clone()
    })
}

/// Looks at it so many times.
pub async fn run(session: &mut ChromiumSession, base: &Base, runs: usize) -> Speed {
    session.goto(&base.url).await.expect("the page opens");
    let surface = base.surface.clone().unwrap_or_default();
    let landmarks = base.recipe.surfaces[&surface].landmarks.clone();
    let look = Look { elements: landmarks.clone(), ..Look::default() };
    let (mut ms, mut score_ms) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let started = Instant::now();
        let seen = session.look(&look).await.expect("the page is looked at");
        let scored = Instant::now();
        let found = drift::judge(&landmarks, base.recipe.baselines.get(&surface), &seen);
        score_ms.push(scored.elapsed().as_secs_f64() * 1000.0);
        ms.push(started.elapsed().as_secs_f64() * 1000.0);
        assert!(found.is_none(), "{:?}", found.reasons);
    }
    ms.sort_by(f64::total_cmp);
    score_ms.sort_by(f64::total_cmp);
    let (look_ms, score_ms) = (ms[runs / 2], score_ms[runs / 2]);
    Speed { bytes: base.html.len(), look_ms, best_ms: ms[0], score_ms, runs }
}
