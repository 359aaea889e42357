//! What proof costs an episode: the same screenshots and snapshots with and without being kept. Run by `make bench-proof`.
//!
//! One browser, one page that is another one at each step, ten captures a round, rounds in turn: the browser alone, and with the recorder,
//! which hashes and writes on its own thread while the next capture is taken; the wait until all of it is on the disk is counted. The
//! ratio is that of the medians. `DEED_BENCH_ROUNDS` (30) says how many rounds. At the end, what one published post takes on the disk.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a bench stops at the first surprise")]

#[path = "../../runner/chromium/tests/browser/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::ports::browser::{Browser as _, Look, Need, Session as _};
use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::artifact::{ArtifactKind, NewArtifact};
use deed_proofs::{DirectoryStore, Recorder};
use deed_tests::Stage;

const CAPTURES: usize = 10;

#[tokio::main]
async fn main() {
    let rounds = std::env::var("DEED_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    capture(rounds).await;
    episode().await;
}

async fn capture(rounds: usize) {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(support::now) };
    let chromium = Chromium::new(config);
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let state = practice.storage_state("north_star").unwrap().to_string();
    let mut session = chromium.open(&support::opening(&practice.origin(), recipe, &state)).await.unwrap();
    session.goto(&format!("{}/north_star", practice.origin())).await.unwrap();
    let look =
        Look { until: vec![Need::Visible("header_avatar".into())], within: Duration::from_secs(20), ..Look::default() };
    assert!(session.look(&look).await.unwrap().satisfied);

    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path().join("proofs")).unwrap();
    let (mut alone, mut kept, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    let mut number = 0;
    for round in 0..=rounds {
        // In turn, and the one that comes first changes, so that neither has the warmer machine.
        let proof_first = round.is_multiple_of(2);
        for with_proof in [proof_first, !proof_first] {
            let recorder = with_proof.then(|| Recorder::new(Arc::new(store.clone())).unwrap());
            let begun = Instant::now();
            for _ in 0..CAPTURES {
                number += 1;
                step(&session, number, recorder.as_ref()).await;
            }
            let captured = begun.elapsed();
            if let Some(recorder) = &recorder {
                assert_eq!(recorder.durable().await.unwrap().len(), 2 * CAPTURES);
            }
            let all = begun.elapsed();
            // The first round warms up.
            if round > 0 {
                let each = all.as_secs_f64() * 1000.0 / CAPTURES as f64;
                if with_proof {
                    kept.push(each);
                    waits.push((all - captured).as_secs_f64() * 1000.0);
                } else {
                    alone.push(each);
                }
            }
        }
    }
    let (alone, kept, wait) = (median(&mut alone), median(&mut kept), median(&mut waits));
    println!(
        "screenshot and snapshot: {alone:.1} ms a step, {kept:.1} ms when kept as proof: {:.3} (bar 1.100; medians of {rounds} rounds of {CAPTURES}); \
         {wait:.1} ms of a round are the wait for the disk at its end",
        kept / alone
    );
    session.close().await;
    chromium.stop().await;
    practice.stop().await;
}

/// One capture of a page that is another one each time, as it is after each step of an episode.
async fn step(session: &ChromiumSession, number: usize, recorder: Option<&Recorder>) {
    let script = format!("document.querySelector('h1').textContent = 'Step {number}'; true");
    session.evaluate_in_page_for_tests(&script).await.unwrap();
    let capture = session.capture().await.unwrap();
    let Some(recorder) = recorder else { return };
    let keep = |kind, media_type: &str, bytes| {
        let (step, phase) = (format!("step {number}"), "bench".to_owned());
        recorder.keep(NewArtifact {
            kind,
            step,
            phase,
            media_type: media_type.into(),
            bytes,
            at: "2026-11-22T00:00:00Z".into(),
        });
    };
    keep(ArtifactKind::Screenshot, "image/png", capture.png);
    keep(ArtifactKind::Dom, "text/html", capture.html.into_bytes());
}

fn median(ms: &mut [f64]) -> f64 {
    ms.sort_by(f64::total_cmp);
    ms.get(ms.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn episode() {
    let stage = Stage::new().await;
    let action = stage.file("Measured, once", vec![stage.picture()], None).await;
    let begun = Instant::now();
    let ending = stage.run(&action).await;
    let took = begun.elapsed();
    assert_eq!(ending.proof_level, 3, "{ending:#?}");
    let folder = stage.proof_folder(&action).await;
    let own = bytes_below(&folder);
    let objects = bytes_below(&stage.world.proofs.store().root().join("objects"));
    let id = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let mut zip = Vec::new();
    let exported = deed_proofs::export::export(stage.world.proofs.store(), &[id], None, &mut zip).unwrap();
    println!(
        "one published post with a picture ({:.1} s): {objects} bytes of objects, {own} bytes of manifest, report and sums; exported {} files, {} bytes",
        took.as_secs_f64(),
        exported.files,
        zip.len()
    );
    stage.end().await;
}

fn bytes_below(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        bytes += if entry.path().is_dir() { bytes_below(&entry.path()) } else { entry.metadata().unwrap().len() };
    }
    bytes
}
