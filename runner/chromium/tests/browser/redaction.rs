//! What proof never shows is in no picture and no snapshot that leaves a session: on the practice platform in a real browser, with pages
//! that do what real ones do (move, appear late, show a password).
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{now, opening};
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::ports::browser::{Browser as _, Capture, Look, Need, Place, Session as _};
use deed_fixtures::{Practice, PracticeConfig};

/// No page of the practice platform has it: where it is seen, something shows that must not.
const PINK: [u8; 3] = [255, 0, 255];
/// What must stay to be seen.
const GREEN: [u8; 3] = [0, 255, 0];

/// Styles of markup, which a policy may have refused, set by script.
const STYLED: &str =
    "document.querySelectorAll('[style]').forEach((el) => { el.style.cssText = el.getAttribute('style'); })";

struct Stage {
    practice: Practice,
    chromium: Chromium,
    session: ChromiumSession,
}

/// The conversation with somebody, as it has loaded.
async fn thread() -> Stage {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
    let chromium = Chromium::new(config);
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let opening = opening(&practice.origin(), recipe, &practice.storage_state("north_star").unwrap().to_string());
    let mut session = chromium.open(&opening).await.unwrap();
    session.goto(&format!("{}/messages/harbour_books", practice.origin())).await.unwrap();
    let list =
        Look { until: vec![Need::Present("thread_list".into())], within: Duration::from_secs(20), ..Look::default() };
    assert!(session.look(&list).await.unwrap().satisfied);
    Stage { practice, chromium, session }
}

impl Stage {
    async fn run(&self, script: &str) {
        // The platform's policy takes no style out of markup; and all is drawn before anybody looks.
        let script = format!(
            "(() => {{ {script}; {STYLED} }})(); new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        );
        self.session.evaluate_in_page_for_tests(&script).await.unwrap();
    }

    async fn end(self) {
        self.session.close().await;
        self.chromium.stop().await;
        self.practice.stop().await;
    }
}

/// How many pixels have about this colour.
fn pixels(capture: &Capture, colour: [u8; 3]) -> usize {
    let picture = image::load_from_memory(&capture.png).unwrap().into_rgb8();
    picture.pixels().filter(|p| p.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recipe_redacts_is_in_no_picture_and_no_snapshot() {
    let stage = thread().await;
    stage
        .run(
            "const list = document.querySelector('[data-testid=thread]');
             list.insertAdjacentHTML('beforeend', `<li style='background:#f0f' title='Meet me at pier seven' data-note='pier seven at dusk'>
               Meet me at pier seven <a href='/x/pier-seven?t=1' aria-label='pier seven'>the pier</a>
               <img alt='a map of pier seven' src='/pier-seven.png'></li>`);
             document.querySelector('main').insertAdjacentHTML('afterbegin', `<p style='background:#0f0'>Elsewhere: Meet me at pier seven</p>`);
             document.title = 'Meet me at pier seven (1)';",
        )
        .await;
    let capture = stage.session.capture().await.unwrap();
    assert_eq!(pixels(&capture, PINK), 0, "it is painted over");
    assert!(pixels(&capture, GREEN) > 100, "and nothing else is");
    let html = capture.html.to_lowercase();
    assert!(
        !html.contains("pier seven") && !html.contains("pier-seven"),
        "neither its words nor its attributes: {html}"
    );
    assert!(html.contains("elsewhere: ████████"), "the same words elsewhere are masked as well: {html}");
    assert!(html.contains("thread-handle") && html.contains("harbour"), "the rest of the page is there");
    let hidden = |place: fn(&Place) -> bool| capture.masked.iter().find(|m| m.kind == "message" && place(&m.place));
    let words = &hidden(|p| matches!(p, Place::Document { .. })).unwrap().content;
    assert!(String::from_utf8_lossy(words).contains("pier seven"), "what was hidden can be committed to");
    let part = &hidden(|p| matches!(p, Place::Picture { .. })).unwrap().content;
    assert!(image::load_from_memory(part).unwrap().into_rgb8().pixels().any(|p| p.0 == PINK));
    assert!(!format!("{capture:?}").contains("seven at"), "nor is it printed");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_or_a_one_time_code_is_kept_nowhere() {
    let stage = thread().await;
    let field = |attributes: &str, value: &str| {
        format!("<input {attributes} value='{value}' style='background:#f0f;color:#f0f;display:block'>")
    };
    let fields = [
        field("type=password", "hunter2-classic"),
        field("autocomplete=\"section-a one-time-code\"", "483920-a"),
        field("name=otpCode", "483920-b"),
        field("id=verification_code", "483920-c"),
        field("placeholder=CVV", "483920-d"),
        field("type=password id=toggled", "hunter2-toggled"),
        "<input type=hidden name=csrf value=hidden-token-1234>".to_owned(),
    ];
    stage.run(&format!("document.querySelector('main').insertAdjacentHTML('afterbegin', `{}`)", fields.concat())).await;
    let first = stage.session.capture().await.unwrap();
    // A page may show a password by making another kind of field of it.
    stage.run("document.querySelector('#toggled').type = 'text'; document.querySelector('#toggled').removeAttribute('id')").await;
    for capture in [first, stage.session.capture().await.unwrap()] {
        assert_eq!(pixels(&capture, PINK), 0, "painted over");
        for secret in ["hunter2", "483920", "hidden-token"] {
            assert!(!capture.html.contains(secret), "{secret} in {}", capture.html);
        }
        let secret: Vec<_> = capture.masked.iter().filter(|m| m.kind == "secret").collect();
        assert!(
            secret.len() >= 12
                && secret.iter().all(|m| matches!(m.place, Place::Picture { .. }) || m.content.is_empty())
        );
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_or_appears_while_a_picture_is_taken_is_masked_all_the_same() {
    let stage = thread().await;
    stage
        .run(
            "const list = document.querySelector('[data-testid=thread]');
             const drawn = document.createElement('li');
             drawn.style = 'background:#f0f;width:80px;height:40px;position:relative';
             list.append(drawn);
             let at = 0;
             setInterval(() => {
               at = (at + 37) % 600;
               drawn.style.left = `${at}px`;
               if (at % 3 === 0) { const late = document.createElement('li'); late.textContent = 'late'; late.style = 'background:#f0f'; list.append(late); }
               if (list.children.length > 8) list.lastElementChild.remove();
             }, 3);",
        )
        .await;
    for _ in 0..12 {
        let capture = stage.session.capture().await.unwrap();
        assert_eq!(pixels(&capture, PINK), 0, "it was masked wherever it stood");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lets_somebody_in_is_not_in_a_snapshot() {
    let stage = thread().await;
    stage
        .run(
            "document.head.insertAdjacentHTML('beforeend', `<meta name='csrf-token' content='meta-secret-1'>`);
             const script = document.createElement('script'); script.textContent = 'window.x = \"script-secret-1\"'; document.head.append(script);
             document.querySelector('main').insertAdjacentHTML('beforeend', `
               <a href='https://ann:url-secret-1@127.0.0.1/p?token=url-secret-2&page=2#access_token=url-secret-3'>next</a>
               <img srcset='/a.png?sig=url-secret-4 1x, /b.png?sig=url-secret-5 2x' data-auth-token='data-secret-1' onload='let s=\"on-secret-1\"'>
               <p>Authorization: Bearer text-secret-0001</p><!-- comment-secret-1 -->
               <template><p>template-secret-1</p></template><noscript>noscript-secret-1</noscript>
               <iframe srcdoc='frame-secret-1'></iframe>`);",
        )
        .await;
    let html = stage.session.capture().await.unwrap().html;
    assert!(!html.contains("-secret-"), "{html}");
    assert!(html.contains("/p?token=scrubbed&amp;page=2#"), "what names the page stays: {html}");
    stage.end().await;
}
