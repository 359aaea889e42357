//! (a) The full episode: ledger, identity, dedupe, review, arm, press, receipt, verification, proof.

use std::sync::Arc;
use std::time::Instant;

use deed_core::state::State;
use deed_tests::{Set, browser_with_spare};

use crate::platform::Platform;

/// One stage (ledger, account, proof directory) for each account; one browser for all.
pub struct Engine {
    stages: Vec<Arc<Set>>,
}

impl Engine {
    pub async fn start(platform: &Platform, level: usize) -> Self {
        let facts = &platform.facts;
        let mut stages: Vec<Arc<Set>> = Vec::new();
        // As a runner with that many accounts in its queue.
        let browser = browser_with_spare(level);
        for place in 0..level {
            let browser = Some(Arc::clone(&browser));
            let session = facts.sessions[place].to_string();
            let stage = Set::up(&facts.origin, &facts.display_name, &facts.avatar_png, session, browser, 20).await;
            stages.push(Arc::new(stage));
        }
        Self { stages }
    }

    pub async fn group(&self) -> i32 {
        self.stages[0].world.browser.process_group().await.unwrap_or(0)
    }

    pub async fn round(&self, round: usize) -> Vec<f64> {
        let runs = self.stages.iter().enumerate().map(|(place, stage)| {
            let stage = Arc::clone(stage);
            tokio::spawn(async move {
                let started = Instant::now();
                let ending = stage.publish(&format!("Episode {round}, account {place}, from the engine")).await;
                assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
                started.elapsed().as_secs_f64() * 1_000.0
            })
        });
        let runs: Vec<_> = runs.collect();
        let mut ms = Vec::new();
        for run in runs {
            ms.push(run.await.expect("the episode runs"));
        }
        ms
    }

    pub async fn stop(&self) {
        self.stages[0].world.browser.stop().await;
    }
}
