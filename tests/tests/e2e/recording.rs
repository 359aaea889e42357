//! An episode's recording is a video that a browser plays: kept with the proof, with the commit in it, and without a say in the outcome.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use deed_core::episode::Record;
use deed_core::ports::browser::{Access, Browser as _, Look, Opening, Pacing, Session as _, SessionState};
use deed_core::state::State;
use deed_proofs::{ArtifactKind, Manifest, Store as _};
use deed_tests::{Set, Stage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const PAGE: &str = "<!doctype html><title>Recording</title><video src='/recording.webm' muted preload='auto'></video>";

/// Serves the video as a web server does, parts of it included, and a page that shows it.
async fn serve(webm: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let webm = Arc::new(webm);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let webm = Arc::clone(&webm);
            tokio::spawn(async move {
                let (mut asked, mut piece) = (Vec::new(), [0; 4096]);
                while !asked.windows(4).any(|four| four == b"\r\n\r\n") {
                    match socket.read(&mut piece).await {
                        Ok(read) if read > 0 => asked.extend_from_slice(&piece[..read]),
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&asked).to_ascii_lowercase();
                let answer = if head.starts_with("get /recording.webm") {
                    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.split_once('-'));
                    let from: usize = range.and_then(|(from, _)| from.parse().ok()).unwrap_or(0).min(webm.len() - 1);
                    let to = range
                        .and_then(|(_, to)| to.trim().parse::<usize>().ok())
                        .unwrap_or(webm.len() - 1)
                        .min(webm.len() - 1);
                    let head = format!(
                        "HTTP/1.1 206 Partial Content\r\ncontent-type: video/webm\r\naccept-ranges: bytes\r\n\
                         content-range: bytes {from}-{to}/{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        webm.len(),
                        to + 1 - from
                    );
                    [head.as_bytes(), &webm[from..=to]].concat()
                } else {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        PAGE.len()
                    );
                    [head.as_bytes(), PAGE.as_bytes()].concat()
                };
                let _ = socket.write_all(&answer).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    origin
}

/// Width, height, duration, and of a point in time the colours at the picture's edge and in a grid over it.
async fn played(set: &Set, webm: Vec<u8>, at_ms: u64) -> serde_json::Value {
    let origin = serve(webm).await;
    let opening = Opening {
        account: set.account.clone(),
        episode: deed_core::ids::EpisodeId::new("playing"),
        recipe: Arc::clone(&set.recipe),
        flow: "publish.post".into(),
        base: origin.clone(),
        session: SessionState::new("{}"),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    };
    let mut session = set.world.browser.open(&opening).await.unwrap();
    session.goto(&format!("{origin}/player")).await.unwrap();
    session.look(&Look::default()).await.unwrap();
    let script = format!(
        "(async () => {{
           const video = document.querySelector('video');
           const heard = (name) => new Promise((done, failed) => {{
             video.addEventListener(name, done, {{ once: true }});
             video.addEventListener('error', () => failed(new Error(video.error?.message ?? 'error')), {{ once: true }});
             setTimeout(() => failed(new Error(`no ${{name}}`)), 30000); }});
           if (video.readyState < 2) await heard('loadeddata');
           const seeked = async (seconds) => {{ const there = heard('seeked'); video.currentTime = seconds; await there; return video.currentTime; }};
           const back = await seeked(0);
           const there = await seeked({at_ms} / 1000);
           const canvas = document.createElement('canvas');
           canvas.width = video.videoWidth; canvas.height = video.videoHeight;
           const drawing = canvas.getContext('2d');
           drawing.drawImage(video, 0, 0);
           const at = (x, y) => [...drawing.getImageData(x, y, 1, 1).data].slice(0, 3);
           const grid = [];
           for (let y = 20; y < canvas.height - 10; y += 20) for (let x = 20; x < canvas.width - 10; x += 20) grid.push([x, y, ...at(x, y)]);
           return {{ width: video.videoWidth, height: video.videoHeight, seconds: video.duration, back, there, edge: at(2, 2), grid }};
         }})()"
    );
    let seen = session.evaluate_in_page_for_tests(&script).await.unwrap();
    session.close().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_plays_in_a_browser_with_the_commit_in_it() {
    let mut stage = Stage::new().await;
    stage.options.record = Record::Always;
    // Typed like a person, for seconds: however busy the machine is, there is a frame from before the press.
    stage.options.pacing = Pacing::Considerate { seed: 11 };
    let action = stage.file("Rye buns, out of the oven", Vec::new(), None).await;
    let ending = stage.run(&action).await;
    assert_eq!((ending.state, ending.proof_level), (State::PostcheckComplete, 3), "{ending:#?}");
    let folder = stage.proof_folder(&action).await;
    let manifest = Manifest::from_json(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let [recording] = manifest.recordings.as_slice() else { unreachable!("{:?}", manifest.recordings) };
    let commit_at = recording.commit_at_ms.unwrap();
    assert!(
        recording.frames >= 2 && recording.media_type == "video/webm" && commit_at < recording.duration_ms,
        "{recording:?}"
    );
    assert!(manifest.redactions.is_empty(), "nothing of a public post is hidden: {:?}", manifest.redactions);
    let artifact = manifest.artifacts.iter().find(|a| a.sha256 == recording.sha256).unwrap();
    assert_eq!((artifact.kind, artifact.media_type.as_str()), (ArtifactKind::Recording, "video/webm"));
    assert!(deed_proofs::verify(&folder, None).unwrap().holds());
    let webm = stage.world.proofs.store().get(&recording.sha256).unwrap();

    let seen = played(&stage, webm.clone(), 0).await;
    assert_eq!((seen["width"].as_u64(), seen["height"].as_u64()), (Some(960), Some(600)));
    let seconds = seen["seconds"].as_f64().unwrap();
    assert!((seconds * 1_000.0 - recording.duration_ms as f64).abs() < 50.0, "{seconds} s, {recording:?}");
    // Its frames are the page's: one of the screenshots, which were taken beside it, looks like the one at the beginning.
    let store = stage.world.proofs.store();
    let screenshots = manifest.artifacts.iter().filter(|a| a.kind == ArtifactKind::Screenshot);
    let grid = seen["grid"].as_array().unwrap();
    let nearest = screenshots
        .map(|a| {
            let png = image::load_from_memory(&store.get(&a.sha256).unwrap()).unwrap();
            let small = image::imageops::thumbnail(&png.into_rgb8(), 960, 600);
            let apart = |point: &serde_json::Value| {
                let n = |i: usize| point[i].as_u64().unwrap();
                let there = small.get_pixel(n(0) as u32, n(1) as u32).0;
                (0..3).map(|c| u64::from(there[c]).abs_diff(n(c + 2))).sum::<u64>()
            };
            grid.iter().map(apart).sum::<u64>() / grid.len() as u64
        })
        .min()
        .unwrap();
    // Of 765, the sum of three channels: what scaling and compression take from thin letters.
    assert!(nearest < 30, "no screenshot is like it: {nearest} apart");

    // Right after the press the picture has a frame around it, if one was drawn then: the first after it tells.
    let after = played(&stage, webm, commit_at + 350).await;
    assert!(
        (after["there"].as_f64().unwrap() * 1_000.0 - (commit_at + 350) as f64).abs() < 200.0,
        "it was gone to: {}",
        after["there"]
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_to_be_recorded_is_and_a_recorder_has_no_say() {
    let mut stage = Stage::new().await;
    let recordings = async |stage: &Stage, text: &str| {
        let action = stage.file(text, Vec::new(), None).await;
        let ending = stage.run(&action).await;
        assert_eq!((ending.state, ending.proof_level), (State::PostcheckComplete, 3), "{ending:#?}");
        let json = std::fs::read(stage.proof_folder(&action).await.join("manifest.json")).unwrap();
        let manifest = Manifest::from_json(&json).unwrap();
        let notes = manifest.steps.iter().flat_map(|s| &s.checks).filter(|c| c.name == "recording").count();
        (manifest.recordings.len(), notes)
    };
    assert_eq!(recordings(&stage, "Of low risk").await, (0, 0));
    stage.options.record = Record::Always;
    // No frame fits: there is no video, which is a note.
    stage.options.film.bytes_max = 10;
    assert_eq!(recordings(&stage, "With a recorder that fails").await, (0, 1));
    stage.options.record = Record::Never;
    assert_eq!(recordings(&stage, "Never").await, (0, 0));
    stage.end().await;
}
