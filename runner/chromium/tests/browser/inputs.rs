//! The reversible inputs of the language, each against real Chromium on a page built for it: hover menu, select, checkbox, keys,
//! a list that shows a part of itself, a file chooser, a date field, an editor in an inner frame. None of them reaches a commit.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{now, opening};
use deed_chromium::{Chromium, ChromiumConfig, ChromiumSession, LaunchConfig};
use deed_core::judge::quorum;
use deed_core::ports::browser::{
    Access, Browser as _, BrowserFault, Look, Need, NodeFacts, NodeId, Opening, Pacing, Session as _,
};
use deed_fixtures::{Practice, PracticeConfig};
use deed_recipes::Key;

const NAMES: [&str; 13] = [
    "menu",
    "item",
    "select",
    "check",
    "list",
    "row",
    "attach",
    "files",
    "when",
    "inner",
    "inner_button",
    "inner_log",
    "log",
];

/// What the page is made of. Each part tells in `log` what befell it.
const BUILD: &str = r#"(() => {
  const add = (into, tag, id, more = {}) => {
    const el = into.ownerDocument.createElement(tag);
    el.dataset.testid = `t-${id}`;
    Object.assign(el, more);
    into.append(el);
    return el;
  };
  const page = document.querySelector("main");
  const log = add(page, "p", "log", { textContent: "log:" });
  const say = (what) => { log.textContent += ` ${what}`; };
  const box = add(page, "div", "box");
  const menu = add(box, "button", "menu", { type: "button", textContent: "More" });
  const item = add(box, "button", "item", { type: "button", textContent: "Pin", hidden: true });
  menu.addEventListener("mouseenter", () => { item.hidden = false; });
  box.addEventListener("mouseleave", () => { item.hidden = true; });
  item.addEventListener("click", () => say("pinned"));
  const select = add(page, "select", "select");
  for (const [value, label] of [["f", "Friends"], ["p", "Public"]]) {
    const option = document.createElement("option");
    Object.assign(option, { value, label });
    select.append(option);
  }
  select.addEventListener("change", () => say(`audience-${select.value}`));
  add(page, "input", "check", { type: "checkbox" }).addEventListener("change", () => say("checked"));
  const attach = add(page, "button", "attach", { type: "button", textContent: "Attach" });
  const input = document.createElement("input");
  input.type = "file";
  attach.addEventListener("click", () => input.click());
  const files = add(page, "p", "files", { textContent: "none" });
  input.addEventListener("change", () => { files.textContent = [...input.files].map((f) => `${f.name} ${f.size}`).join(); });
  add(page, "input", "when", { type: "datetime-local" }).addEventListener("change", (e) => say(`at-${e.target.value}`));
  const list = add(page, "div", "list");
  Object.assign(list.style, { height: "120px", overflow: "auto" });
  const inside = add(list, "div", "inside");
  Object.assign(inside.style, { height: "4000px", position: "relative" });
  const draw = () => {
    const first = Math.floor(list.scrollTop / 40);
    inside.replaceChildren();
    for (let i = first; i < first + 4; i += 1) {
      const row = add(inside, "div", i === 60 ? "row" : "other", { textContent: `row ${i}` });
      Object.assign(row.style, { position: "absolute", top: `${i * 40}px` });
    }
  };
  list.addEventListener("scroll", draw);
  draw();
  const frame = add(page, "iframe", "frame");
  Object.assign(frame.style, { border: "7px solid", padding: "5px", width: "300px", height: "150px" });
  const body = frame.contentDocument.body;
  add(body, "div", "inner", { contentEditable: "true", textContent: "old" }).style.minHeight = "30px";
  const inner = add(body, "button", "inner_button", { type: "button", textContent: "Bold" });
  const told = add(body, "p", "inner_log", { textContent: "-" });
  inner.addEventListener("click", () => { told.textContent = "bold"; });
  document.addEventListener("keydown", (e) => say(`key-${e.key}`));
})()"#;

struct Stage {
    practice: Practice,
    browser: Chromium,
    session: ChromiumSession,
}

impl Stage {
    async fn new() -> Self {
        Self::paced(7, "").await
    }

    /// Drawn from this seed; `pacing` is what the recipe says of it.
    async fn paced(seed: u64, pacing: &str) -> Self {
        let practice = Practice::start(PracticeConfig::default()).await.unwrap();
        let browser =
            Chromium::new(ChromiumConfig { launch: LaunchConfig::default(), runner: None, now: Arc::new(now) });
        let elements: String = NAMES.iter().map(|name| format!("  t_{name}: [ {{ testid: t-{name} }} ]\n")).collect();
        let (yaml, _) = deed_recipes::builtin("practice").unwrap();
        let recipe = yaml.replace("\nelements:\n", &format!("\n{pacing}elements:\n{elements}"));
        let recipe = deed_recipes::load_str("practice", &recipe).unwrap();
        let session = practice.storage_state("north_star").unwrap().to_string();
        let opening = Opening {
            access: Access::Write,
            pacing: Pacing::Considerate { seed },
            ..opening(&practice.origin(), recipe, &session)
        };
        let mut session = browser.open(&opening).await.unwrap();
        session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
        let mut stage = Self { practice, browser, session };
        stage.find("post_button").await;
        stage.session.run_in_page_for_tests(BUILD).await.unwrap();
        stage
    }

    async fn look(&mut self, element: &str, need: Need) -> Option<(NodeId, NodeFacts)> {
        let look = Look {
            elements: vec![element.to_owned()],
            until: vec![need],
            within: Duration::from_secs(10),
            ..Look::default()
        };
        let seen = self.session.look(&look).await.unwrap();
        let (node, _) = quorum::lone(&seen, element)?;
        Some((node, seen.nodes[&node].clone()))
    }

    async fn find(&mut self, element: &str) -> NodeId {
        self.look(element, Need::Visible(element.to_owned())).await.unwrap().0
    }

    async fn text(&mut self, element: &str) -> String {
        self.look(element, Need::Visible(element.to_owned())).await.unwrap().1.text
    }

    async fn end(self) {
        self.browser.stop().await;
        self.practice.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_takes_every_input_of_the_language() {
    let mut stage = Stage::new().await;
    let menu = stage.find("t_menu").await;
    stage.session.hover(menu).await.unwrap();
    let item = stage.find("t_item").await;
    stage.session.click(item).await.unwrap();
    assert!(stage.text("t_log").await.contains("pinned"));

    let select = stage.find("t_select").await;
    stage.session.choose(select, "Public").await.unwrap();
    assert_eq!(stage.text("t_select").await, "Public");
    assert!(stage.text("t_log").await.contains("audience-p"));
    let refused = stage.session.choose(select, "Nobody").await;
    assert!(matches!(refused, Err(BrowserFault::InputRefused(why)) if why.contains("no option")));

    let (check, facts) = stage.look("t_check", Need::Visible("t_check".into())).await.unwrap();
    assert_eq!(facts.checked, Some(false));
    stage.session.click(check).await.unwrap();
    let (_, facts) = stage.look("t_check", Need::Checked("t_check".into(), true)).await.unwrap();
    assert_eq!(facts.checked, Some(true));

    let when = stage.find("t_when").await;
    stage.session.type_text(when, "2026-12-01T09:30").await.unwrap();
    assert_eq!(stage.text("t_when").await, "2026-12-01T09:30");
    assert!(stage.text("t_log").await.contains("at-2026-12-01T09:30"));

    let menu = stage.find("t_menu").await;
    stage.session.key(Key::ArrowDown, Some(menu)).await.unwrap();
    stage.session.key(Key::Escape, None).await.unwrap();
    let log = stage.text("t_log").await;
    assert!(log.contains("key-ArrowDown") && log.contains("key-Escape"), "{log}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shows_a_part_of_itself_is_scrolled_page_by_page() {
    let mut stage = Stage::new().await;
    let list = stage.find("t_list").await;
    let mut pages = 0;
    loop {
        let seen = stage.session.look(&Look { elements: vec!["t_row".into()], ..Look::default() }).await.unwrap();
        if quorum::lone(&seen, "t_row").is_some() {
            break;
        }
        assert!(stage.session.scroll_page(Some(list)).await.unwrap(), "the list ended after {pages} pages");
        pages += 1;
    }
    assert!(pages > 5, "{pages}");
    assert_eq!(stage.text("t_row").await, "row 60");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_opens_a_file_chooser_gets_its_files() {
    let mut stage = Stage::new().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bread.txt");
    std::fs::write(&file, "rye").unwrap();
    let files = [file.display().to_string()];
    let attach = stage.find("t_attach").await;
    stage.session.upload_by(attach, &files).await.unwrap();
    assert_eq!(stage.text("t_files").await, "bread.txt 3");
    // One that opens none is told within its bound, and so is one that takes a single file.
    let menu = stage.find("t_menu").await;
    let refused = stage.session.upload_by(menu, &files).await;
    assert!(matches!(refused, Err(BrowserFault::InputRefused(why)) if why.contains("no file chooser")));
    let two = [files[0].clone(), files[0].clone()];
    let refused = stage.session.upload_by(attach, &two).await;
    assert!(matches!(refused, Err(BrowserFault::InputRefused(why)) if why.contains("takes one file")));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inner_frame_of_the_same_origin_is_crossed() {
    let mut stage = Stage::new().await;
    let editor = stage.find("t_inner").await;
    stage.session.type_text(editor, "Fresh rye").await.unwrap();
    assert_eq!(stage.text("t_inner").await.trim(), "Fresh rye");
    let button = stage.find("t_inner_button").await;
    stage.session.click(button).await.unwrap();
    assert_eq!(stage.text("t_inner_log").await, "bold");
    stage.end().await;
}

/// A second button of its words in a post, or hidden, is content; in the page's header it is told, also beside another one.
#[tokio::test(flavor = "multi_thread")]
async fn another_control_of_its_name_in_the_frame_of_the_page_is_told() {
    let mut stage = Stage::new().await;
    let add =
        |into: &str, html: &str| format!("document.querySelector('{into}').insertAdjacentHTML('beforeend', `{html}`)");
    let (post, hidden) = ("<article><header><button>More</button></header></article>", "<button hidden>More</button>");
    for (into, html, twin) in [
        ("main", post, false),
        ("header", hidden, false),
        ("header", "<a href=\"/more\">More</a>", false),
        ("header", "<div><button>More</button></div>", true),
    ] {
        stage.session.run_in_page_for_tests(&add(into, html)).await.unwrap();
        let menu = stage.look("t_menu", Need::Visible("t_menu".to_owned())).await.unwrap().1;
        assert_eq!(menu.twin, twin, "{html} in {into}");
    }
    stage.end().await;
}

/// A page that puts something else where the pointer is led to, as late content does: so many times.
fn fleeing(times: u32) -> String {
    format!(
        r#"(() => {{
  const button = document.querySelector("[data-testid=t-attach]");
  const other = Object.assign(document.createElement("button"), {{ type: "button", textContent: "Another" }});
  button.before(other);
  window.hits = [];
  button.parentElement.addEventListener("click", (e) => hits.push(e.target.textContent));
  const put = (el, left) => Object.assign(el.style, {{ position: "fixed", zIndex: 9, left, top: "20px", width: "90px", height: "30px" }});
  let [at, free] = ["20px", "420px"];
  put(button, at);
  put(other, free);
  let times = {times};
  document.addEventListener("mousemove", (e) => {{
    const to = button.getBoundingClientRect();
    if (times === 0 || Math.hypot(e.clientX - to.x - 45, e.clientY - to.y - 15) > 80) return;
    times -= 1;
    [at, free] = [free, at];
    put(button, at);
    put(other, free);
  }});
}})()"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_while_the_pointer_is_on_its_way_is_followed_and_nothing_else_is_clicked() {
    let mut stage = Stage::new().await;
    stage.session.run_in_page_for_tests(&fleeing(1)).await.unwrap();
    let button = stage.find("t_attach").await;
    stage.session.click(button).await.unwrap();
    let hits = stage.session.evaluate_in_page_for_tests("hits").await.unwrap();
    assert_eq!(hits, serde_json::json!(["Attach"]));
    stage.end().await;

    let mut stage = Stage::new().await;
    stage.session.run_in_page_for_tests(&fleeing(100_000)).await.unwrap();
    let button = stage.find("t_attach").await;
    let refused = stage.session.click(button).await;
    assert!(matches!(&refused, Err(BrowserFault::InputRefused(why)) if why.contains("stay")), "{refused:?}");
    assert_eq!(stage.session.evaluate_in_page_for_tests("hits").await.unwrap(), serde_json::json!([]));
    stage.end().await;
}

/// Whatever the input, it does not reach the commit element.
#[tokio::test(flavor = "multi_thread")]
async fn no_input_of_the_language_reaches_the_commit_element() {
    let mut stage = Stage::new().await;
    let commit = stage.find("post_button").await;
    let refused = |result: Result<(), BrowserFault>| {
        assert!(matches!(&result, Err(BrowserFault::InputRefused(why)) if why.contains("commit")), "{result:?}");
    };
    refused(stage.session.hover(commit).await);
    refused(stage.session.choose(commit, "Public").await);
    refused(stage.session.key(Key::Escape, Some(commit)).await);
    refused(stage.session.scroll_to(commit).await);
    refused(stage.session.upload(commit, &[]).await);
    refused(stage.session.upload_by(commit, &[]).await);
    // A key goes where the focus is, and the page can put it anywhere.
    let focus =
        "(() => { const b = document.querySelector('[data-testid=post-submit]'); b.disabled = false; b.focus(); })()";
    stage.session.run_in_page_for_tests(focus).await.unwrap();
    refused(stage.session.key(Key::ArrowDown, None).await);
    assert!(stage.practice.truth().writes.is_empty());
    stage.end().await;
}

/// Where the pointer was, and when each letter came.
const WATCH: &str = r#"(() => {
  window.points = [];
  window.letters = [];
  document.addEventListener("pointermove", (e) => {
    for (const at of e.getCoalescedEvents()) points.push([Math.round(at.clientX), Math.round(at.clientY)]);
  });
  document.addEventListener("keydown", (e) => letters.push([e.key, performance.now()]));
})()"#;

/// The points of a pointer path, the letters, and the pauses between these in milliseconds.
async fn inputs(seed: u64, pacing: &str) -> (Vec<(i64, i64)>, String, Vec<f64>) {
    let mut stage = Stage::paced(seed, pacing).await;
    stage.session.run_in_page_for_tests(WATCH).await.unwrap();
    let select = stage.find("t_select").await;
    stage.session.choose(select, "Public").await.unwrap();
    let editor = stage.find("editor").await;
    stage.session.type_text(editor, "Rye at seven").await.unwrap();
    let points = stage.session.evaluate_in_page_for_tests("points").await.unwrap();
    let letters = stage.session.evaluate_in_page_for_tests("letters").await.unwrap();
    stage.end().await;
    let letters: Vec<(String, f64)> = serde_json::from_value(letters).unwrap();
    let pauses = letters.windows(2).map(|two| two[1].1 - two[0].1).collect();
    (serde_json::from_value(points).unwrap(), letters.into_iter().map(|(key, _)| key).collect(), pauses)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_makes_the_same_inputs_on_the_same_page() {
    let (points, letters, _) = inputs(7, "").await;
    assert!(points.len() > 20 && letters == "Rye at seven", "{letters}: {points:?}");
    let (again, letters, _) = inputs(7, "").await;
    assert_eq!((again, letters.as_str()), (points.clone(), "Rye at seven"));
    let (other, _, pauses) = inputs(8, "pacing: { typing_ms: [150, 160] }\n").await;
    assert_ne!(other, points, "another seed goes another way");
    // Nothing is typed faster than the recipe says; how much slower a busy machine is, is nobody's to say.
    assert!(pauses.len() == 11 && pauses.iter().all(|ms| *ms >= 145.0), "{pauses:?}");
}
