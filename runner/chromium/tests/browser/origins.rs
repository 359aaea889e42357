//! A page stays at home: what would leave the recipe's origins is stopped before it reaches anybody, and is named.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::now;
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::ports::browser::{Browser as _, BrowserFault, Look, Opening, Session as _, StoppedRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Those of the practice recipe.
const ORIGINS: &str = "  - \"http://127.0.0.1:*\"\n  - \"http://localhost:*\"\n";

/// A storage state with nothing in it.
const NO_SESSION: &str = "{\"cookies\":[],\"origins\":[]}";

/// An origin on this machine: notes each path that reaches it and answers with a page that anybody may read.
struct Elsewhere {
    origin: String,
    reached: Arc<Mutex<Vec<String>>>,
}

impl Elsewhere {
    async fn start(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{host}:{}", listener.local_addr().unwrap().port());
        let reached = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&reached);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let notes = Arc::clone(&notes);
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    let read = socket.read(&mut asked).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&asked[..read]).into_owned();
                    notes.lock().unwrap().extend(head.split(' ').nth(1).map(str::to_owned));
                    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\naccess-control-allow-origin: *\r\n\
                                  content-length: 5\r\nconnection: close\r\n\r\nthere";
                    let _ = socket.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { origin, reached }
    }

    fn reached(&self) -> Vec<String> {
        self.reached.lock().unwrap().clone()
    }

    async fn wait_for(&self, path: &str) {
        let began = Instant::now();
        while !self.reached().iter().any(|p| p == path) {
            assert!(began.elapsed() < Duration::from_secs(20), "{path} never came: {:?}", self.reached());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Stage {
    /// The platform. Its pages have no policy of their own that would hide what the gate does.
    home: Elsewhere,
    elsewhere: Elsewhere,
    browser: Chromium,
}

impl Stage {
    async fn new() -> Self {
        let config = ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) };
        Self {
            home: Elsewhere::start("127.0.0.1").await,
            elsewhere: Elsewhere::start("localhost").await,
            browser: Chromium::new(config),
        }
    }

    /// For a recipe that names the platform's origin only, and `resources`.
    fn opening(&self, resources: &str) -> Opening {
        let (yaml, _) = deed_recipes::builtin("practice").unwrap();
        assert!(yaml.contains(ORIGINS), "the recipe's origins were found");
        let own = format!("  - \"{}\"\n{resources}", self.home.origin);
        let recipe = deed_recipes::load_str("practice", &yaml.replace(ORIGINS, &own)).unwrap();
        crate::support::opening(&self.home.origin, recipe, NO_SESSION)
    }

    /// A tab on the platform.
    async fn tab(&self, resources: &str) -> ChromiumSession {
        let mut tab = self.browser.open(&self.opening(resources)).await.unwrap();
        tab.goto(&format!("{}/north_star", self.home.origin)).await.unwrap();
        assert_eq!(tab.take_stopped(), [], "the platform's own pages stay at home");
        tab
    }

    async fn end(self) {
        self.browser.stop().await;
    }
}

/// What was stopped, until `count` are.
async fn stopped(tab: &mut ChromiumSession, count: usize) -> Vec<StoppedRequest> {
    let began = Instant::now();
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(tab.take_stopped());
        assert!(began.elapsed() < Duration::from_secs(20), "only {all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_sends_elsewhere_is_stopped_and_named() {
    let stage = Stage::new().await;
    let to = &stage.elsewhere.origin;
    let mut tab = stage.tab("").await;
    let script = format!(
        "fetch('{to}/fetch?secret=1', {{ mode: 'no-cors' }}).catch(() => 0); navigator.sendBeacon('{to}/beacon', 'x');
         const xhr = new XMLHttpRequest(); xhr.open('POST', '{to}/xhr'); xhr.send('x'); new EventSource('{to}/events');
         document.body.insertAdjacentHTML('beforeend', `<iframe src=\"{to}/frame\"></iframe><iframe name=\"inner\"></iframe>
           <form method=\"post\" action=\"{to}/form\" target=\"inner\"><input name=\"a\" value=\"1\"></form>`);
         document.querySelector('form[target=inner]').submit(); window.open('{to}/window');
         setTimeout(() => new Image().src = '{to}/picture.png', 300)"
    );
    tab.run_in_page_for_tests(&script).await.unwrap();
    let expected = [
        ("GET", "/fetch"),
        ("POST", "/beacon"),
        ("POST", "/xhr"),
        ("GET", "/events"),
        ("GET", "/frame"),
        ("POST", "/form"),
        ("GET", "/window"),
    ];
    let (began, mut all) = (Instant::now(), Vec::<StoppedRequest>::new());
    // Counted by what they are: an event stream that is refused is tried again.
    while !expected.iter().all(|(method, path)| {
        let url = format!("{to}{path}");
        all.iter().any(|s| s.method == *method && s.url == url)
    }) {
        all.extend(tab.take_stopped());
        assert!(began.elapsed() < Duration::from_secs(30), "only {all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A picture goes; it is what comes last, so all the others had their chance.
    stage.elsewhere.wait_for("/picture.png").await;
    assert_eq!(stage.elsewhere.reached(), ["/picture.png"]);
    // None of it was the tab itself, so it can still be looked at.
    tab.look(&Look::default()).await.unwrap();
    drop(tab);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_reached_by_frames_and_background_requests_and_not_by_the_tab() {
    let stage = Stage::new().await;
    let to = &stage.elsewhere.origin;
    let mut tab = stage.tab(&format!("resources:\n  - \"{to}\"\n")).await;
    let script = format!(
        "fetch('{to}/fetch'); document.body.insertAdjacentHTML('beforeend', `<iframe src=\"{to}/frame\"></iframe>`)"
    );
    tab.run_in_page_for_tests(&script).await.unwrap();
    stage.elsewhere.wait_for("/fetch").await;
    stage.elsewhere.wait_for("/frame").await;
    assert_eq!(tab.take_stopped(), []);
    tab.run_in_page_for_tests(&format!("location.href = '{to}/tab'")).await.unwrap();
    stopped(&mut tab, 1).await;
    let fault = tab.look(&Look::default()).await.unwrap_err();
    assert_eq!(fault, BrowserFault::ForeignOrigin { url: format!("{to}/tab") });
    assert!(!stage.elsewhere.reached().contains(&"/tab".to_owned()));
    drop(tab);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_is_led_elsewhere_ends_as_foreign_origin() {
    let stage = Stage::new().await;
    let to = &stage.elsewhere.origin;
    let mut tab = stage.tab("").await;
    // By a form of the page.
    let script = format!(
        "document.body.insertAdjacentHTML('beforeend', `<form id=f method=post action=\"{to}/steal\"></form>`);
         document.getElementById('f').submit()"
    );
    tab.run_in_page_for_tests(&script).await.unwrap();
    stopped(&mut tab, 1).await;
    let fault = tab.look(&Look::default()).await.unwrap_err();
    assert_eq!(fault, BrowserFault::ForeignOrigin { url: format!("{to}/steal") });
    // Sent home again, it is at home again.
    tab.goto(&format!("{}/north_star", stage.home.origin)).await.unwrap();
    tab.look(&Look::default()).await.unwrap();
    // By a page that sends its visitor on: a worker of the platform's own answers with a redirect.
    let redirect = redirecting(to).await;
    let (yaml, _) = deed_recipes::builtin("practice").unwrap();
    let origins = "  - \"http://127.0.0.1:*\"\n  - \"http://localhost:*\"\n";
    let recipe = deed_recipes::load_str("practice", &yaml.replace(origins, &format!("  - \"{redirect}\"\n"))).unwrap();
    let opening = crate::support::opening(&redirect, recipe, NO_SESSION);
    let mut other = stage.browser.open(&opening).await.unwrap();
    let fault = other.goto(&format!("{redirect}/x")).await.unwrap_err();
    assert_eq!(fault, BrowserFault::ForeignOrigin { url: format!("{to}/landed") });
    assert_eq!(stage.elsewhere.reached(), [""; 0]);
    drop((tab, other));
    stage.end().await;
}

/// A server that sends everybody on.
async fn redirecting(to: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}/landed?token=1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = socket.read(&mut asked).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    origin
}

/// A platform whose certificate nobody vouches for; `None` where `openssl` is not installed.
fn untrusted(dir: &std::path::Path) -> Option<(std::process::Child, u16)> {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let (key, certificate) = (dir.join("key.pem"), dir.join("certificate.pem"));
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
    make.args(["-addext", "subjectAltName=IP:127.0.0.1"]).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    match make.stderr(Stdio::null()).status() {
        Ok(status) => assert!(status.success(), "openssl makes a certificate"),
        Err(error) => {
            println!("skipped: openssl does not run here: {error}");
            return None;
        }
    }
    let mut serve = Command::new("openssl");
    serve.args(["s_server", "-accept", "127.0.0.1:0", "-www"]).arg("-key").arg(key).arg("-cert").arg(certificate);
    let mut server = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let accepts = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
    // Read on, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    Some((server, accepts.rsplit(':').next().unwrap().parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_whose_certificate_is_not_trusted_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mut server, port)) = untrusted(dir.path()) else { return };
    let stage = Stage::new().await;
    let origin = format!("https://127.0.0.1:{port}");
    let mut opening = stage.opening("");
    let (yaml, _) = deed_recipes::builtin("practice").unwrap();
    let recipe = yaml.replace(ORIGINS, &format!("  - \"{origin}\"\n"));
    opening.recipe = Arc::new(deed_recipes::load_str("practice", &recipe).unwrap());
    opening.base.clone_from(&origin);
    let mut tab = stage.browser.open(&opening).await.unwrap();
    let went = tab.goto(&format!("{origin}/north_star")).await;
    assert!(matches!(&went, Err(BrowserFault::Navigation { reason, .. }) if reason.contains("ERR_CERT")), "{went:?}");
    tab.close().await;
    stage.end().await;
    server.kill().unwrap();
    server.wait().unwrap();
}
