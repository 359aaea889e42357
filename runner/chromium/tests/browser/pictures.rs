//! A picture that nobody waits for is of the page as it stood when it was asked for, whatever the session does next.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{now, opening};
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::ports::browser::{Browser as _, Look, Need, Session as _};
use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::ImageHash;

fn visible(element: &str) -> Look {
    let name = element.to_owned();
    Look { until: vec![Need::Visible(name)], within: Duration::from_secs(20), ..Look::default() }
}

/// Waits until the page's pictures are loaded and drawn: an element has its size before that.
async fn painted(session: &deed_chromium::ChromiumSession) {
    let script = "Promise.all([...document.images].map((i) => i.decode().catch(() => 0)))
        .then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))";
    session.evaluate_in_page_for_tests(script).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_of_the_page_that_is_left_and_not_of_the_next() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
    let chromium = Chromium::new(config);
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let opening = opening(&practice.origin(), recipe, &practice.storage_state("north_star").unwrap().to_string());
    let mut session = chromium.open(&opening).await.unwrap();
    let (profile, composer) = (format!("{}/north_star", practice.origin()), format!("{}/compose", practice.origin()));
    session.goto(&profile).await.unwrap();
    assert!(session.look(&visible("header_avatar")).await.unwrap().satisfied);
    painted(&session).await;
    let still = ImageHash::of(&session.capture().await.unwrap().png).unwrap();
    for _ in 0..10 {
        let taking = session.capture();
        session.goto(&composer).await.unwrap();
        let left = taking.await.unwrap();
        assert!(left.html.contains("profile-avatar"), "the document is the one that was left");
        assert!(ImageHash::of(&left.png).unwrap().distance(still) <= 4, "and so is the picture");
        assert!(session.look(&visible("editor")).await.unwrap().satisfied);
        session.goto(&profile).await.unwrap();
        assert!(session.look(&visible("header_avatar")).await.unwrap().satisfied);
        painted(&session).await;
    }
    session.close().await;
    chromium.stop().await;
    practice.stop().await;
}
