//! `deed replay`: plays scenarios against fixtures and compares what came of them with what must.
//!
//! Needs no ledger and no settings but the browser and the recipes. Exit code 0: all as expected; 4: some are not.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::replay::{self, Played, html, junit};
use crate::ui::{Answer, Paint, Tone, table};
use crate::world::now;

/// Which scenarios, and where the result goes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of scenarios; each may be one, or hold many below it
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Scenarios at a time, all in one browser
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub jobs: u8,
    /// Only scenarios whose name contains this (practice/drift)
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the result as a page with pictures
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Keep the proof of each scenario in this folder
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A folder without scenarios, no browser, a result that can not be written. What is wrong with a scenario is its result.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let began = (Instant::now(), now());
    let mut folders = Vec::new();
    for dir in &args.dirs {
        for folder in replay::scenarios(dir)? {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    let mut unread = Vec::new();
    let mut ready = Vec::new();
    for folder in folders {
        let shown = folder.display().to_string();
        if args.only.as_ref().is_some_and(|only| !shown.contains(only.as_str())) {
            continue;
        }
        match replay::load(&folder, context.settings.recipes.as_deref()) {
            Ok(scenario) => ready.push(scenario),
            Err(error) => unread.push(unreadable(&folder, error.into())),
        }
    }
    let chromium = replay::browser(context.settings.browser.clone());
    if !ready.is_empty() {
        chromium.running().await?;
    }
    let ui = context.ui;
    let ended = |played: &Played| {
        if ui.live {
            let sign = if played.passed() { ui.err.tone(Tone::Good, "✓") } else { ui.err.tone(Tone::Bad, "✗") };
            ui.say(&format!("{sign} {} {}", played.name, played.outcome()));
        }
    };
    let mut all = replay::play_all(ready, &chromium, usize::from(args.jobs), args.keep.as_deref(), ended).await;
    chromium.stop().await;
    all.extend(unread);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let took = began.0.elapsed();
    if let Some(path) = &args.junit {
        write(path, &junit::render(&all))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::render(&all, took, &began.1.to_string()))?;
    }
    Ok(answer(&all, took, ui.out))
}

/// A scenario whose files can not be read is one that did not come to what it must.
fn unreadable(folder: &Path, error: CliError) -> Played {
    let name = folder.display().to_string();
    let differs = vec![error.to_string()];
    Played { name, expected: "a fixture that reads".to_owned(), found: Err(error), differs }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(CliError::file("make the folder", folder))?;
    }
    std::fs::write(path, text).map_err(CliError::file("write the result", path))
}

fn answer(all: &[Played], took: Duration, paint: Paint) -> Answer {
    let failed = all.iter().filter(|p| !p.passed()).count();
    let rows: Vec<_> = all
        .iter()
        .map(|p| {
            let differs = p.differs.first().map_or("", |d| d.lines().next().unwrap_or_default());
            let sign = if p.passed() { "ok" } else { "differs" };
            vec![
                sign.to_owned(),
                p.name.clone(),
                p.outcome(),
                if p.passed() { String::new() } else { p.expected.clone() },
                format!("{:.1} s", p.took().as_secs_f64()),
                differs.to_owned(),
            ]
        })
        .collect();
    let mut text = table(&["", "SCENARIO", "CAME TO", "EXPECTED", "TIME", "DIFFERS"], &rows, paint);
    for played in all.iter().filter(|p| !p.passed()) {
        text.push_str(&format!("\n\n{}", paint.tone(Tone::Bad, &played.name)));
        for difference in &played.differs {
            text.push_str(&format!("\n  {}", difference.replace('\n', "\n  ")));
        }
    }
    let headline = if failed == 0 {
        paint.tone(Tone::Good, &format!("all {} scenarios as expected", all.len()))
    } else {
        paint.tone(Tone::Bad, &format!("{failed} of {} scenarios differ", all.len()))
    };
    text.push_str(&format!("\n\n{headline} in {:.1} s", took.as_secs_f64()));
    let data = json!({
        "passed": failed == 0,
        "scenarios": all.iter().map(to_json).collect::<Vec<_>>(),
        "took_ms": millis(took),
    });
    Answer { exit: if failed == 0 { Exit::Done } else { Exit::Failed }, data, text }
}

fn to_json(played: &Played) -> Value {
    let mut json = json!({
        "scenario": played.name,
        "passed": played.passed(),
        "expected": played.expected,
        "came_to": played.outcome(),
        "differs": played.differs,
        "took_ms": millis(played.took()),
    });
    if let Ok(found) = &played.found {
        json["outcome"] = json!(found.outcome);
        json["hold"] = json!(found.hold);
        json["failure"] = json!(found.failure);
        json["says"] = json!(found.words);
        json["account"] = json!(found.account);
        json["level"] = json!(found.level);
        json["writes"] = json!(found.played.writes);
        json["requests"] = json!(found.played.requests);
        json["scene"] = json!(found.played.scene);
        json["identity"] = json!(found.identity);
        json["drift"] = json!(found.drift);
        json["unmatched"] = json!(found.played.unmatched);
        json["kept_home"] = json!(found.kept_home);
    }
    json
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
