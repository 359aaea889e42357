//! `make bench`: the full episode beside the raw floor and a bare Playwright script, in one run.
//!
//! (a) the episode with every check, proof and the ledger; (b) the same navigations, inputs, screenshots and snapshots as raw protocol
//! calls with no engine around them; (c) the same as a playwright-core script with no safety at all. All unpaced, interleaved round by
//! round, on the same browser executable, against one platform in a process of its own.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that can not run says so and stops"
)]

mod engine;
mod floor;
mod measure;
mod platform;
mod playwright;

use measure::{Usage, cpu_s, group_cpu_s, median, p95, pss_mb, rss_mb};

/// Accounts at once.
const LEVELS: [usize; 4] = [1, 2, 4, 8];

fn episodes() -> usize {
    std::env::var("BENCH_EPISODES").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

/// `BENCH_LEVELS=1,4` measures these only.
fn levels() -> Vec<usize> {
    let asked = std::env::var("BENCH_LEVELS").unwrap_or_default();
    let asked: Vec<_> = asked.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    if asked.is_empty() { LEVELS.to_vec() } else { asked }
}

/// One row of the table.
struct Row {
    name: &'static str,
    ms: Vec<f64>,
    wall_s: f64,
    cpu_s: f64,
    chromium_s: f64,
    rss_mb: f64,
    pss_mb: f64,
}

impl Row {
    fn new(name: &'static str) -> Self {
        Self { name, ms: Vec::new(), wall_s: 0.0, cpu_s: 0.0, chromium_s: 0.0, rss_mb: 0.0, pss_mb: 0.0 }
    }

    fn add(&mut self, mut usage: Usage) {
        self.ms.append(&mut usage.ms);
        self.wall_s += usage.wall_s;
        self.cpu_s += usage.cpu_s;
        self.chromium_s += usage.chromium_s;
        self.rss_mb = self.rss_mb.max(usage.rss_mb);
        self.pss_mb = self.pss_mb.max(usage.pss_mb);
    }
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return platform::serve().await;
    }
    // As every command of Deed does.
    deed::memory::large_blocks_go_back();
    println!(
        "| accounts | what | median ms | p95 ms | episodes/s | driver CPU ms/episode | Chromium CPU ms/episode | driver RSS MB | Chromium PSS MB/account |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for level in levels() {
        let rows = measure_level(level).await;
        for row in &rows {
            let count = row.ms.len() as f64;
            println!(
                "| {level} | {} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} |",
                row.name,
                median(&row.ms),
                p95(&row.ms),
                count / row.wall_s,
                row.cpu_s * 1_000.0 / count,
                row.chromium_s * 1_000.0 / count,
                row.rss_mb,
                row.pss_mb / level as f64,
            );
        }
        let of = |i: usize| rows.get(i).map(|r| median(&r.ms));
        ratios.push((level, of(0).unwrap() / of(1).unwrap(), of(2).map(|c| of(0).unwrap() / c)));
    }
    println!();
    for (level, floor, playwright) in ratios {
        let third = playwright.map_or_else(|| "no Node here".to_owned(), |r| format!("{r:.2} x Playwright"));
        println!("{level} at once: the episode takes {floor:.2} x the floor, {third}");
    }
}

async fn measure_level(level: usize) -> Vec<Row> {
    let platform = platform::Platform::start();
    let engine = engine::Engine::start(&platform, level).await;
    let floor = floor::Floor::start().await;
    let mut playwright = playwright::Playwright::start(&platform, level);
    let mut rows = vec![Row::new("episode"), Row::new("floor")];
    if playwright.is_some() {
        rows.push(Row::new("playwright"));
    }
    let rounds = (episodes() / level).max(3);
    for round in 0..=rounds {
        // Which comes first changes from round to round; the first round warms up and does not count.
        for place in 0..rows.len() {
            let which = (place + round) % rows.len();
            let group = match which {
                0 => engine.group().await,
                1 => floor.group(),
                _ => 0,
            };
            let chromium = || if group > 0 { group_cpu_s(group) } else { 0.0 };
            let (cpu, chromium_before, started) = (cpu_s(), chromium(), std::time::Instant::now());
            let ms = match which {
                0 => engine.round(round).await,
                1 => floor.round(&platform, level, round).await,
                _ => playwright.as_mut().unwrap().round(round),
            };
            eprint!("\r{level} at once, round {round} of {rounds}: {}          ", rows[which].name);
            let usage = Usage {
                ms,
                wall_s: started.elapsed().as_secs_f64(),
                cpu_s: cpu_s() - cpu,
                chromium_s: chromium() - chromium_before,
                rss_mb: rss_mb(),
                pss_mb: if group > 0 { pss_mb(group) } else { 0.0 },
            };
            if round > 0 {
                rows[which].add(usage);
            }
        }
    }
    engine.stop().await;
    floor.stop().await;
    rows
}
