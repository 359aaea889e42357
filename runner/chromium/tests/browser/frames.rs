//! Inner frames of other origins, in real Chromium: what stands in one is seen and can be used when the recipe names its origin, in the
//! page's process or in one of its own; every other one stays dark. A frame that breaks is an error within its bound.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::now;
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::judge::quorum;
use deed_core::ports::browser::{
    Access, Browser as _, BrowserFault, Look, Need, NodeFacts, NodeId, Opening, Seen, Session as _,
};
use deed_recipes::Key;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Those of the practice recipe.
const ORIGINS: &str = "  - \"http://127.0.0.1:*\"\n  - \"http://localhost:*\"\n";
/// A storage state with nothing in it.
const NO_SESSION: &str = "{\"cookies\":[],\"origins\":[]}";
/// Longer than anything here takes, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);

const NAMES: [&str; 8] = ["field", "select", "press", "log", "file", "attach", "list", "inner"];

/// What stands in the frames: each part tells in `log` what befell it.
const PARTS: &str = r#"<!doctype html><body style="margin:0"><main role="form" aria-label="Editor">
<p data-testid="t-log">log:</p>
<input type="password" data-testid="t-secret" value="hunter2">
<textarea data-testid="t-field">old</textarea>
<select data-testid="t-select"><option>Friends</option><option>Public</option></select>
<button type="button" data-testid="t-press">Bold</button>
<input type="file" data-testid="t-file"><button type="button" data-testid="t-attach">Attach</button>
<div data-testid="t-list" style="height:60px;overflow:auto"><div style="height:900px">rows</div></div>
</main><script>
const at = (id) => document.querySelector(`[data-testid=t-${id}]`);
const say = (what) => { at("log").textContent += ` ${what}`; };
at("press").addEventListener("click", () => say("pressed"));
at("select").addEventListener("change", () => say(at("select").value));
at("attach").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", () => say(at("file").files[0].name));
at("list").addEventListener("scroll", () => { at("list").dataset.scrolled = "1"; });
document.addEventListener("keydown", (e) => { if (e.key === "Escape") say("escape"); });
</script>"#;

/// A server that shows the same pages under any name of this machine.
struct Server {
    port: u16,
    pages: Arc<Mutex<Vec<(String, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (shown, notes) = (Arc::clone(&pages), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (shown, notes) = (Arc::clone(&shown), Arc::clone(&notes));
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    let read = socket.read(&mut asked).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&asked[..read]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    notes.lock().unwrap().push(path.clone());
                    let page = shown.lock().unwrap().iter().find(|(p, _)| *p == path).map(|(_, html)| html.clone());
                    let html = page.unwrap_or_default();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{html}",
                        html.len()
                    );
                    let _ = socket.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, pages, asked }
    }

    fn shows(&self, path: &str, html: &str) {
        self.pages.lock().unwrap().push((path.to_owned(), html.to_owned()));
    }

    fn was_asked(&self, path: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|p| p == path)
    }

    fn at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }
}

struct Stage {
    home: Server,
    /// Another port: another origin of the same site.
    beside: Server,
    browser: Chromium,
    session: ChromiumSession,
}

impl Stage {
    /// A tab whose recipe names these origins.
    async fn new(origins: &[String], home: Server, beside: Server) -> Self {
        let launch = LaunchConfig { isolate_sites: true, ..LaunchConfig::default() };
        let config = ChromiumConfig { launch, runner: None, now: Arc::new(now) };
        let browser = Chromium::new(config);
        let (yaml, _) = deed_recipes::builtin("practice").unwrap();
        let origins: String = origins.iter().map(|origin| format!("  - \"{origin}\"\n")).collect();
        // Whatever else may be asked in the background: a frame may load, and stays dark.
        let own = format!("{origins}resources: [\"http://127.0.0.1:*\", \"http://localhost:*\"]\n");
        let elements: String = NAMES.iter().map(|name| format!("  t_{name}: [ {{ testid: t-{name} }} ]\n")).collect();
        let recipe = yaml.replace(ORIGINS, &own).replace("\nelements:\n", &format!("\nelements:\n{elements}"));
        let recipe = deed_recipes::load_str("practice", &recipe).unwrap();
        let opening =
            Opening { access: Access::Write, ..crate::support::opening(&home.at("127.0.0.1"), recipe, NO_SESSION) };
        let session = browser.open(&opening).await.unwrap();
        Self { home, beside, browser, session }
    }

    /// A page at home with one frame: of another site, or (`beside`) of another origin of the same one.
    async fn with_frame(beside_home: bool, around: &str) -> Self {
        let (home, beside) = (Server::start().await, Server::start().await);
        let inner = if beside_home { beside.at("127.0.0.1") } else { home.at("localhost") };
        let framed = around.replace("FRAME", &format!("{inner}/parts"));
        home.shows("/page", &framed);
        home.shows("/parts", PARTS);
        beside.shows("/parts", PARTS);
        let origins = [home.at("127.0.0.1"), inner];
        let mut stage = Self::new(&origins, home, beside).await;
        stage.goto("/page").await;
        stage
    }

    async fn goto(&mut self, path: &str) {
        let url = format!("{}{path}", self.home.at("127.0.0.1"));
        self.session.goto(&url).await.unwrap();
    }

    async fn seen(&self, element: &str, need: Need, within: Duration) -> Seen {
        let look = Look { elements: vec![element.to_owned()], until: vec![need], within, ..Look::default() };
        self.session.look(&look).await.unwrap()
    }

    async fn find(&self, element: &str) -> NodeId {
        let seen = self.seen(element, Need::Present(element.to_owned()), PATIENCE).await;
        assert!(seen.satisfied, "{element} is there: {seen:?}");
        quorum::lone(&seen, element).unwrap().0
    }

    async fn facts(&self, element: &str) -> NodeFacts {
        let seen = self.seen(element, Need::Present(element.to_owned()), PATIENCE).await;
        let (node, _) = quorum::lone(&seen, element).unwrap();
        seen.nodes[&node].clone()
    }

    async fn told(&self, what: &str) {
        let began = Instant::now();
        loop {
            let log = self.facts("t_log").await.text;
            if log.contains(what) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.session.close().await;
        self.browser.stop().await;
    }
}

const PLAIN: &str = r#"<!doctype html><body style="margin:0"><main role="dialog" style="padding:30px">
<iframe src="FRAME" style="width:500px;height:400px;border:7px solid;padding:5px"></iframe></main>"#;

async fn every_input(beside_home: bool) {
    let mut stage = Stage::with_frame(beside_home, PLAIN).await;
    let field = stage.find("t_field").await;
    let apart = stage.session.frame_processes_for_tests().await.unwrap();
    assert_eq!(apart.len(), usize::from(!beside_home), "{apart:?}");
    stage.session.type_text(field, "Fresh — Brötchen").await.unwrap();
    assert_eq!(stage.facts("t_field").await.text, "Fresh — Brötchen");
    let press = stage.find("t_press").await;
    stage.session.click(press).await.unwrap();
    stage.told("pressed").await;
    let select = stage.find("t_select").await;
    stage.session.choose(select, "Public").await.unwrap();
    stage.told("Public").await;
    stage.session.key(Key::Escape, Some(field)).await.unwrap();
    stage.told("escape").await;
    let list = stage.find("t_list").await;
    assert!(stage.session.scroll_page(Some(list)).await.unwrap());
    let dir = tempfile::tempdir().unwrap();
    for (name, by) in [("direct.txt", "t_file"), ("chosen.txt", "t_attach")] {
        let file = dir.path().join(name);
        std::fs::write(&file, "words").unwrap();
        let (node, files) = (stage.find(by).await, [file.display().to_string()]);
        match by {
            "t_file" => stage.session.upload(node, &files).await.unwrap(),
            _ => stage.session.upload_by(node, &files).await.unwrap(),
        }
        stage.told(name).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_input_goes_into_a_frame_in_a_process_of_its_own() {
    every_input(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_input_goes_into_a_frame_of_another_origin_in_the_pages_process() {
    every_input(true).await;
}

/// What stands in a frame is where the page shows it, in the regions around the frame, and is read like anything else.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_frame_has_its_place_on_the_page() {
    let stage = Stage::with_frame(false, PLAIN).await;
    let facts = stage.facts("t_field").await;
    assert_eq!(facts.regions, ["dialog", "form"]);
    assert!(facts.rect.x > 42.0 && facts.rect.y > 42.0, "{:?}", facts.rect);
    assert_eq!(facts.text, "old");
    let html = stage.session.capture().await.unwrap().html;
    let (_, inside) = html.split_once(&format!("<deed-frame origin=\"{}\">", stage.home.at("localhost"))).unwrap();
    assert!(inside.contains("t-field") && html.ends_with("</deed-frame></body></html>"), "{html}");
    assert!(!html.contains("hunter2"), "a password is in no snapshot: {html}");
    stage.end().await;
}

/// A wait that began when there was no frame ends with the frame that comes; one for what goes, when the frame goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_hears_of_frames_that_come_and_go() {
    let stage = Stage::with_frame(false, "<!doctype html><body><p data-testid=t-log>here</p>").await;
    let add = format!(
        "setTimeout(() => {{ const f = document.createElement('iframe'); f.src = '{}/parts'; document.body.append(f); }}, 300)",
        stage.home.at("localhost")
    );
    stage.session.run_in_page_for_tests(&add).await.unwrap();
    let seen = stage.seen("t_press", Need::Visible("t_press".into()), PATIENCE).await;
    assert!(seen.satisfied);
    // One locator, one match in the page and one in the frame.
    let both = stage.seen("t_log", Need::Count("t_log".into(), 2), PATIENCE).await;
    assert!(both.satisfied && both.votes["t_log"][0].nodes.len() == 2, "{both:?}");
    stage
        .session
        .run_in_page_for_tests("setTimeout(() => document.querySelector('iframe').remove(), 300)")
        .await
        .unwrap();
    assert!(stage.seen("t_press", Need::Gone("t_press".into()), PATIENCE).await.satisfied);
    stage.end().await;
}

/// A recipe that does not name the frame's origin: whatever process it is in, nothing in it is seen, and no input goes into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_an_origin_that_the_recipe_does_not_name_stays_dark() {
    for host in ["localhost", "127.0.0.1"] {
        let (home, beside) = (Server::start().await, Server::start().await);
        let around = format!(
            "<!doctype html><body style='margin:0'><div data-testid=t-log style='width:600px'>\
             <iframe src='{}/parts' style='width:600px;height:400px'></iframe></div><input data-testid=t-inner>",
            beside.at(host)
        );
        home.shows("/page", &around);
        beside.shows("/parts", PARTS);
        let mut stage = Stage::new(&[home.at("127.0.0.1")], home, beside).await;
        stage.goto("/page").await;
        let seen = stage.seen("t_field", Need::Visible("t_field".into()), Duration::from_secs(3)).await;
        assert!(stage.beside.was_asked("/parts"), "{host}: the frame loaded");
        assert!(!seen.satisfied && seen.votes["t_field"].iter().all(|v| v.nodes.is_empty()), "{host}: {seen:?}");
        assert!(!stage.session.capture().await.unwrap().html.contains("t-field"), "{host}");
        let log = stage.find("t_log").await;
        let refused = stage.session.click(log).await.unwrap_err().to_string();
        assert!(refused.contains("an inner frame of another origin lies there"), "{host}: {refused}");
        // A page that gives the focus away does not get the key into it.
        stage.session.run_in_page_for_tests("document.querySelector('iframe').focus()").await.unwrap();
        let refused = stage.session.key(Key::Escape, None).await.unwrap_err().to_string();
        assert!(refused.contains("the focus is in an inner frame"), "{host}: {refused}");
        let field = stage.find("t_inner").await;
        stage.session.type_text(field, "mine").await.unwrap();
        assert_eq!(stage.facts("t_inner").await.text, "mine", "{host}");
        stage.end().await;
    }
}

/// A sandboxed frame has no origin, whatever its URL says; and what is in a dark frame is dark.
#[tokio::test(flavor = "multi_thread")]
async fn a_sandboxed_frame_and_what_stands_in_a_dark_one_stay_dark() {
    let sandboxed = PLAIN.replace("<iframe ", "<iframe sandbox='allow-scripts' ");
    let stage = Stage::with_frame(false, &sandboxed).await;
    let seen = stage.seen("t_field", Need::Visible("t_field".into()), Duration::from_secs(3)).await;
    assert!(!seen.satisfied, "{seen:?}");
    stage.end().await;
    let (home, beside) = (Server::start().await, Server::start().await);
    home.shows("/page", &PLAIN.replace("FRAME", &format!("{}/between", beside.at("localhost"))));
    beside.shows("/between", &PLAIN.replace("FRAME", &format!("{}/parts", home.at("127.0.0.1"))));
    home.shows("/parts", PARTS);
    let mut stage = Stage::new(&[home.at("127.0.0.1")], home, beside).await;
    stage.goto("/page").await;
    let seen = stage.seen("t_field", Need::Visible("t_field".into()), Duration::from_secs(3)).await;
    assert!(!seen.satisfied, "{seen:?}");
    stage.end().await;
}

/// A frame in a frame, each of another site than the one around it.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_in_a_frame_is_reached_through_both() {
    let (home, beside) = (Server::start().await, Server::start().await);
    home.shows(
        "/page",
        &PLAIN.replace("FRAME", &format!("{}/between", home.at("localhost"))).replace("400px", "700px"),
    );
    home.shows("/between", &PLAIN.replace("FRAME", &format!("{}/parts", home.at("127.0.0.1"))));
    home.shows("/parts", PARTS);
    let mut stage = Stage::new(&[home.at("127.0.0.1"), home.at("localhost")], home, beside).await;
    stage.goto("/page").await;
    let press = stage.find("t_press").await;
    assert_eq!(stage.facts("t_press").await.regions, ["dialog", "dialog", "form"]);
    stage.session.click(press).await.unwrap();
    stage.told("pressed").await;
    // Covered on the outermost level.
    stage
        .session
        .run_in_page_for_tests("{ const c = document.createElement('div'); c.style.cssText = 'position:fixed;inset:0'; document.body.append(c); }")
        .await
        .unwrap();
    let refused = stage.session.click(press).await.unwrap_err().to_string();
    assert!(refused.contains("lies in front of its frame"), "{refused}");
    stage.end().await;
}

/// What the browser draws elsewhere than the frame thinks is not met by the pointer.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_turned_round_is_not_clicked_into() {
    for beside_home in [false, true] {
        let turned = PLAIN.replace("border:7px", "transform:rotate(180deg);border:7px");
        let mut stage = Stage::with_frame(beside_home, &turned).await;
        let press = stage.find("t_press").await;
        let refused = stage.session.click(press).await.unwrap_err().to_string();
        assert!(refused.contains("the pointer does not reach it"), "{refused}");
        assert_eq!(stage.facts("t_log").await.text, "log:");
        stage.end().await;
    }
}

/// A frame whose process ends, or that does nothing any more, is an error within its bound.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_breaks_is_an_error() {
    let stage = Stage::with_frame(false, PLAIN).await;
    let press = stage.find("t_press").await;
    let look = Look {
        elements: vec!["t_press".into()],
        until: vec![Need::Visible("t_inner".into())],
        within: PATIENCE,
        ..Look::default()
    };
    let began = Instant::now();
    let (seen, ()) = tokio::join!(stage.session.look(&look), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage.session.crash_frame_for_tests(press).await.unwrap();
    });
    assert_eq!(seen, Err(BrowserFault::TabCrashed));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    stage.end().await;

    let stage = Stage::with_frame(false, PLAIN).await;
    let press = stage.find("t_press").await;
    stage.session.run_in_frame_for_tests(press, "setTimeout(() => { for (;;); })").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = stage.session.look(&Look { elements: vec!["t_press".into()], ..Look::default() }).await;
    assert!(matches!(seen, Err(BrowserFault::Timeout { .. })), "{seen:?}");
    drop(stage.session);
    stage.browser.stop().await;
}
