//! `make bench-recording`: what a recording costs an episode. Unpaced episodes with and without one, in turns, on one browser; medians.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]

use std::time::Instant;

use deed_core::episode::Record;
use deed_core::state::State;
use deed_tests::Stage;

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let rounds: usize = std::env::var("BENCH_EPISODES").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let mut stage = Stage::new().await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    // The first of each pays for what is warm later.
    for round in 0..=rounds {
        for record in [Record::Never, Record::Always] {
            stage.options.record = record;
            let action = stage.file(&format!("Round {round}, {record:?}"), Vec::new(), None).await;
            let started = Instant::now();
            let ending = stage.run(&action).await;
            let ms = started.elapsed().as_secs_f64() * 1_000.0;
            assert_eq!(ending.state, State::PostcheckComplete, "{ending:?}");
            if round > 0 {
                if record == Record::Always { with.push(ms) } else { without.push(ms) }
            }
        }
    }
    let (with, without) = (median(with), median(without));
    println!(
        "{rounds} episodes each, unpaced, in turns; medians: without {without:.0} ms, with {with:.0} ms, {:+.1} %",
        (with / without - 1.0) * 100.0
    );
    stage.end().await;
}
