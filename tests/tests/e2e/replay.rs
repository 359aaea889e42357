//! Every scenario under `fixtures/` comes to what it must; and replay itself keeps its promises: what has no answer is named, a write
//! without a permit is never answered, nothing reaches a network.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deed::replay::scenario::Found;
use deed::replay::{self, Played};
use deed_chromium::Chromium;
use tokio::net::TcpListener;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").canonicalize().unwrap()
}

/// A scenario of its own on the practice pages: `routes` and what is expected.
fn authored(dir: &Path, routes: &str, expect: &str) -> replay::scenario::Scenario {
    let folder = dir.join("own");
    std::fs::create_dir_all(&folder).unwrap();
    let base = fixtures().join("practice");
    let routes = routes.replace("PAGES", &base.join("pages").display().to_string());
    let fixture = format!("uses: {}\nroutes:\n{routes}", base.join("base.yaml").display());
    std::fs::write(folder.join("fixture.yaml"), fixture).unwrap();
    std::fs::write(folder.join("expect.yaml"), expect).unwrap();
    let mut scenario = replay::load(&folder, None).unwrap();
    scenario.patience = replay::scenario::UNHURRIED;
    scenario
}

/// The composer with a script in it, and no button that the recipe trusts: the flow stops there, nothing is pressed.
fn composer_that_stops(script: &str) -> String {
    format!(
        "  - on: \"GET http://127.0.0.1:4000/compose\"\n    body: PAGES/composer.html\n    edit:\n      \
         - {{ find: \"data-testid=\\\"post-submit\\\">Post\", put: \"class=x>Send\" }}\n      \
         - {{ find: \"<!--slot:notice-->\", put: \"<script>{script}</script>\" }}\n"
    )
}

async fn play(scenario: replay::scenario::Scenario, chromium: &Arc<Chromium>) -> (Found, Vec<String>) {
    let Played { found, differs, .. } = replay::play(&scenario, chromium, None).await;
    (found.unwrap(), differs)
}

/// What a platform's recipe must be shown to do at least, each by scenarios of one of these names.
const REQUIRED: [&[&str]; 10] = [
    &["success"],
    &["wrong_account"],
    &["identity_unproven"],
    &["already_posted"],
    &["captcha", "captcha_in_composer", "checkpoint"],
    &["logged_out"],
    &["rate_limited"],
    &["drift_composer"],
    &["drift_elsewhere"],
    &["slow"],
];

#[test]
fn each_platform_has_the_scenarios_that_it_must() {
    let mut missing = Vec::new();
    let platforms: Vec<_> = deed_recipes::platforms().collect();
    assert_eq!(platforms.len(), 10);
    for platform in platforms {
        let there = |name: &str| {
            let folder = fixtures().join(platform);
            [name.to_owned(), name.replace('_', "-")].iter().any(|name| folder.join(name).join("expect.yaml").exists())
        };
        missing.extend(REQUIRED.iter().filter(|names| !names.iter().any(|n| there(n))).map(|names| (platform, names)));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_to_what_it_must() {
    let folders = replay::scenarios(&fixtures()).unwrap();
    assert!(folders.len() >= 100, "the scenarios were found: {}", folders.len());
    let scenarios: Vec<_> = folders.iter().map(|f| replay::load(f, None).unwrap()).collect();
    let chromium = replay::browser(None);
    let all = replay::play_all(scenarios, &chromium, 6, None, |_| {}).await;
    chromium.stop().await;
    let wrong: Vec<_> = all.iter().filter(|p| !p.passed()).map(|p| (&p.name, &p.differs)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(all.len(), folders.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let chromium = replay::browser(None);
    let expect = "outcome: queued\nhold: drift\nwrites: 0\nelements: { post_button: \"textarea\" }\n";
    let scenario = authored(dir.path(), "  - { on: \"GET http://127.0.0.1:4000/none\" }\n", expect);
    let (found, differs) = play(scenario, &chromium).await;
    chromium.stop().await;
    assert_eq!((found.outcome.as_str(), found.level, found.played.writes), ("confirmed_success", 3, 1));
    for wanted in ["outcome is confirmed_success", "hold is none", "writes is 1", "`post_button` was another node"] {
        assert!(differs.iter().any(|d| d.contains(wanted)), "{wanted}: {differs:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_is_named_with_method_url_and_type() {
    let dir = tempfile::tempdir().unwrap();
    let chromium = replay::browser(None);
    let script = "new Image().src = '/pictures/none.png?v=2'; fetch('/api/other', { method: 'PUT', body: 'x' })";
    let routes = composer_that_stops(script);
    let (found, differs) = play(authored(dir.path(), &routes, "outcome: queued\n"), &chromium).await;
    chromium.stop().await;
    for named in
        ["GET http://127.0.0.1:4000/pictures/none.png?v=2 (Image)", "PUT http://127.0.0.1:4000/api/other (XHR)"]
    {
        assert!(found.played.unmatched.iter().any(|u| u == named), "{named}: {:?}", found.played.unmatched);
        assert!(differs.iter().any(|d| d.contains(named)), "{differs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_permit_is_never_answered_by_the_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let chromium = replay::browser(None);
    let fires = |path: &str| {
        composer_that_stops(&format!("fetch('{path}', {{ method: 'POST', body: 'Fresh bread' }})"))
            + "  - { on: \"POST http://127.0.0.1:4000/api/undeclared\", goes_to: after, status: 204 }\n"
    };
    let expect = "outcome: queued\nhold: drift\nwrites: 0\n";
    let (found, differs) = play(authored(dir.path(), &fires("/api/posts"), expect), &chromium).await;
    assert_eq!((found.played.writes, found.played.scene.as_str()), (0, "before"), "{differs:?}");
    assert!(differs.is_empty(), "the write was stopped at the gate, so it is not unmatched either: {differs:?}");
    // A write that the recipe does not declare gets through and moves the scene: had the other one got through, it would have shown.
    let (found, differs) = play(authored(dir.path(), &fires("/api/undeclared"), expect), &chromium).await;
    chromium.stop().await;
    assert_eq!((found.played.writes, found.played.scene.as_str()), (1, "after"), "{differs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_a_network() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    tokio::spawn(async move {
        while let Ok((_socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let chromium = replay::browser(None);
    let script = format!(
        "fetch('http://{at}/fetch', {{ mode: 'no-cors' }}); new Image().src = 'http://{at}/image'; \
         new WebSocket('ws://{at}/socket'); new EventSource('http://{at}/events'); \
         navigator.sendBeacon('http://{at}/beacon', 'x'); window.open('http://{at}/window'); \
         document.write('<link rel=preconnect href=http://{at}>'); \
         new Image().src = 'https://image.example/x.png'"
    );
    let (found, _) = play(authored(dir.path(), &composer_that_stops(&script), "outcome: queued\n"), &chromium).await;
    chromium.stop().await;
    assert_eq!(reached.load(Ordering::SeqCst), 0, "{:?}", found.played);
    let unmatched = found.played.unmatched.join("\n");
    for kind in ["fetch (XHR)", "image (Image)", "events (XHR)", "beacon (Ping)", "example/x.png (Image)"] {
        assert!(unmatched.contains(kind), "{kind} was tried: {unmatched}");
    }
    assert_eq!(
        found.played.escaped,
        [at.to_string()],
        "what does not pass the gate is refused at the relay, and named"
    );
}
