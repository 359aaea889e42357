//! `make judgement`: the labelled corpus, judged in real Chromium, and the confusion matrix of each judgement.
//!
//! `PAGES` (3000), `SEED` (1), `AT_ONCE` (2), `SHORT=1` (the pages of CI), `JSON` (a file to write). Ends with 1 when a bar is missed.
#![expect(clippy::expect_used, reason = "a measurement that can not be made stops")]

use std::process::ExitCode;

use deed_tests::judgement::{Config, run};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() -> ExitCode {
    let seed = u64::try_from(number("SEED", 1)).unwrap_or(1);
    let config =
        Config { seed, pages: number("PAGES", 3000), at_once: number("AT_ONCE", 2), short: number("SHORT", 0) > 0 };
    let started = std::time::Instant::now();
    let report = run(config).await;
    println!("{}({:.0} s)", report.text(), started.elapsed().as_secs_f64());
    if let Some(file) = std::env::var_os("JSON") {
        std::fs::write(file, serde_json::to_vec_pretty(&report).expect("JSON")).expect("the file is written");
    }
    if report.missed().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
