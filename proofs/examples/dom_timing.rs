//! Prints how long the hashes of a 2 MB page take: the median of 21 runs, in milliseconds, and the mean of their CPU time, which is what
//! they take on a machine that does nothing else. Ends with 1 when the median is 40 or more, or when the same page with other posts,
//! counters, dates, class names and styles has another structure.
//!
//! `cargo run --release -p deed-proofs --example dom_timing [PAGE.html]`

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use deed_proofs::dom_hashes;

const PAGE_BYTES: usize = 2_000_000;
const RUNS: usize = 21;
const MEDIAN_MS_MAX: f64 = 40.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let page = match std::env::args().nth(1) {
        Some(file) => std::fs::read_to_string(file)?,
        None => feed(1),
    };
    let cpu_before = cpu_ms();
    let mut elapsed_ms: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(dom_hashes(std::hint::black_box(&page)));
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    let cpu_each = cpu_before.zip(cpu_ms()).map(|(before, after)| (after - before) / RUNS as f64);
    let cpu_each = cpu_each.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.1} ms each"));
    elapsed_ms.sort_by(f64::total_cmp);
    let median_ms = elapsed_ms[RUNS / 2];
    println!(
        "DOM hashes of {} bytes: median {median_ms:.1} ms of {RUNS} runs, bar {MEDIAN_MS_MAX} ms; CPU time {cpu_each}",
        page.len()
    );
    let same = dom_hashes(&feed(1)).structure == dom_hashes(&feed(7)).structure;
    println!("the same page with volatile changes: {} structure hash", if same { "the same" } else { "another" });
    Ok(if same && median_ms < MEDIAN_MS_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The CPU time of this thread so far, where the system tells. It is counted in ticks of a few milliseconds: no single run's.
fn cpu_ms() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(stat.split(' ').next()?.parse::<f64>().ok()? / 1_000_000.0)
}

/// A feed as a modern platform serialises it: deep, with many attributes, and every third post of another shape. What changes by
/// itself (posts, counters, dates, hashed class names, styles) changes with the build.
fn feed(build: usize) -> String {
    let mut page = String::from("<!DOCTYPE html><html><head><title>Feed</title></head><body><main role=\"feed\">");
    let mut number = build * 1000;
    while page.len() < PAGE_BYTES {
        number += 1;
        page.push_str(&format!(
            "<article style=\"--n:{build}\" class=\"post css-{number:x}a1\" id=\"post-{number}\" data-testid=\"post\" data-author=\"user{number}\">\
             <header class=\"x1n2onr6 x78zum5\"><a href=\"/user{number}?ref=feed&amp;t={number}\" class=\"author\">\
             <img src=\"/avatars/{number}.png\" alt=\"Avatar of user {number}\" class=\"avatar\"></a>\
             <time datetime=\"2026-11-0{build}T12:00:00Z\">{number} min ago</time></header>\
             <div class=\"body\"><p>Text number {number}, with <b>bold</b> words &amp; <a href=\"https://a.test/{number}\">a link</a>.</p>{}</div>\
             <footer><button type=\"button\" aria-label=\"Like, {number} likes\" aria-pressed=\"false\" class=\"like\">\
             <svg viewBox=\"0 0 24 24\"><path d=\"M12 21l-1-1C5 15 2 12 2 8\"></path></svg><span>{number}</span></button>\
             <button type=\"button\" class=\"reply\">Reply</button></footer></article>",
            if number.is_multiple_of(3) { "<figure class=\"media\"><img src=\"/m.jpg\" alt=\"\"></figure>" } else { "" },
        ));
    }
    page.push_str("</main></body></html>");
    page
}
