//! A recording shows what the page showed, nothing that is masked, and no frame of which that is not known.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{now, opening};
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::ports::browser::{Browser as _, Look, Need, Session as _};
use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::film::Bounds;
use deed_proofs::video;
use image::RgbImage;

const PINK: [u8; 3] = [255, 0, 255];
const GREEN: [u8; 3] = [0, 255, 0];

/// Elements of one level: id and body.
fn elements(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut all = Vec::new();
    while let Some(first) = bytes.first() {
        let id_length = first.leading_zeros() as usize + 1;
        let id = bytes[..id_length].iter().fold(0_u32, |id, b| (id << 8) | u32::from(*b));
        let size_length = bytes[id_length].leading_zeros() as usize + 1;
        let marked =
            bytes[id_length..id_length + size_length].iter().fold(0_u64, |size, b| (size << 8) | u64::from(*b));
        let size = (marked & !(1 << (7 * size_length))) as usize;
        let body = id_length + size_length;
        all.push((id, &bytes[body..body + size]));
        bytes = &bytes[body + size..];
    }
    all
}

/// The pictures of a recording: each is a VP8 key frame, and so a WebP picture.
fn frames(webm: &[u8]) -> Vec<RgbImage> {
    let segment = elements(webm).into_iter().find(|(id, _)| *id == 0x1853_8067).unwrap().1;
    let clusters = elements(segment).into_iter().filter(|(id, _)| *id == 0x1F43_B675);
    clusters
        .flat_map(|(_, cluster)| {
            elements(cluster).into_iter().filter(|(id, _)| *id == 0xA3).map(|(_, block)| &block[4..])
        })
        .map(|vp8| {
            let padded = vp8.len() + vp8.len() % 2;
            let mut webp =
                [b"RIFF", &(padded as u32 + 12).to_le_bytes()[..], b"WEBPVP8 ", &(vp8.len() as u32).to_le_bytes(), vp8]
                    .concat();
            webp.resize(20 + padded, 0);
            image::load_from_memory(&webp).unwrap().into_rgb8()
        })
        .collect()
}

fn pixels(picture: &RgbImage, colour: [u8; 3]) -> usize {
    picture.pixels().filter(|p| p.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 40)).count()
}

async fn shown(session: &mut ChromiumSession, url: &str, element: &str) {
    session.goto(url).await.unwrap();
    let look = Look { until: vec![Need::Present(element.into())], within: Duration::from_secs(20), ..Look::default() };
    assert!(session.look(&look).await.unwrap().satisfied);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_frame_shows_what_is_masked_or_is_of_a_page_that_nobody_knows_yet() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
    let chromium = Chromium::new(config);
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let opening = opening(&practice.origin(), recipe, &practice.storage_state("north_star").unwrap().to_string());
    let mut session = chromium.open(&opening).await.unwrap();
    let (profile, thread) =
        (format!("{}/north_star", practice.origin()), format!("{}/messages/harbour_books", practice.origin()));
    shown(&mut session, &profile, "account_menu").await;
    session.record(Bounds { fps_max: 15, ..Bounds::default() });
    for round in 0..4 {
        shown(&mut session, &thread, "thread_list").await;
        // As a platform does it: the conversation is there with the page's first frame, and it moves.
        session
            .run_in_page_for_tests(
                "{ const list = document.querySelector('[data-testid=thread]');
                 const open = document.createElement('p'); open.style = 'background:#0f0;height:30px'; document.querySelector('main').prepend(open);
                 const drawn = document.createElement('li');
                 drawn.style = 'background:#f0f;width:120px;height:60px;position:relative';
                 list.append(drawn);
                 let at = 0;
                 setInterval(() => { at = (at + 29) % 500; drawn.style.left = `${at}px`;
                   if (list.children.length < 6) { const late = document.createElement('li'); late.textContent = 'late'; late.style = 'background:#f0f'; list.append(late); } }, 8); }",
            )
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        if round < 3 {
            shown(&mut session, &profile, "account_menu").await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    let recorded = session.recorded(Some(now())).unwrap().await.unwrap();
    let facts = video::inspect(&recorded.webm).unwrap();
    assert_eq!((facts.media_type, facts.width), ("video/webm", 960));
    let pictures = frames(&recorded.webm);
    assert_eq!(pictures.len(), recorded.frames as usize);
    let public = pictures.iter().filter(|p| pixels(p, GREEN) > 500).count();
    assert!(public >= 1, "{public} of {} frames show the conversation's page", pictures.len());
    for (number, picture) in pictures.iter().enumerate() {
        assert_eq!(pixels(picture, PINK), 0, "frame {number} of {}", pictures.len());
    }
    session.close().await;
    chromium.stop().await;
    practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_with_what_came_of_the_commit_even_where_nothing_moves() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
    let chromium = Chromium::new(config);
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let opening = opening(&practice.origin(), recipe, &practice.storage_state("north_star").unwrap().to_string());
    let mut session = chromium.open(&opening).await.unwrap();
    shown(&mut session, &format!("{}/north_star", practice.origin()), "account_menu").await;
    let bounds = Bounds::default();
    let mut recorded = None;
    // A busy browser may show its first frame after this commit: such a recording does not have it.
    for seconds in [2, 5, 10] {
        session.record(bounds);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        recorded = session.recorded(Some(now())).unwrap().await.ok();
        if recorded.as_ref().is_some_and(|recorded| recorded.commit_at_ms.is_some()) {
            break;
        }
    }
    let recorded = recorded.unwrap();
    // The newest frame is shown for one period: were it one from before the commit, the recording would end with the commit.
    let period = 1_000 / u64::from(bounds.fps_max);
    assert!(
        recorded.duration_ms >= recorded.commit_at_ms.unwrap() + period,
        "it plays for {} ms",
        recorded.duration_ms
    );
    session.close().await;
    chromium.stop().await;
    practice.stop().await;
}
