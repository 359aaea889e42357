//! The authored pages of the platforms as pages of the corpus: each scenario is played on its fixture's stage up to the commit, by the
//! recipe's own steps, and what stands there then is serialised. The pages are looked at under the platforms' real origins.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deed::order::OrderFile;
use deed::replay::fixture::{self, Fixture};
use deed::replay::stage::{FixtureStage, ReplayClock};
use deed_chromium::network::{Request, Stage};
use deed_chromium::{Chromium, ChromiumSession, Replaying};
use deed_core::account::Fingerprint;
use deed_core::baselines::{Composing, compose};
use deed_core::judge::quorum;
use deed_core::ports::browser::{Browser as _, Look, Need, Session as _};
use deed_recipes::{Placeholder, Recipe, Step, Values};
use serde_json::Value;

use super::base::{Base, looking};

/// How long a page may take to show what its recipe needs; its own timers run in real time.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a flow's reversible steps are taken from the start until they come to their end.
const COMPOSE_TRIES: u32 = 3;
/// How long it is waited for a signal that the page may not have.
const SIGNALS: Duration = Duration::from_millis(1500);

/// The scenarios whose pages are taken: those of the short form first, one of each platform.
const SHORT: [(&str, &str); 9] = [
    ("facebook", "success"),
    ("google-business-profile", "success"),
    ("instagram", "success"),
    ("linkedin", "success"),
    ("reddit", "success"),
    ("skool", "success"),
    ("tiktok", "success"),
    ("x", "success"),
    ("youtube", "success"),
];
/// Every other flow of them, but for `schedule`: its elements are known by an order's time, which a page that is judged by itself has not.
const MORE: [(&str, &str); 46] = [
    ("facebook", "group_success"),
    ("facebook", "comment_success"),
    ("facebook", "like"),
    ("facebook", "delete"),
    ("facebook", "edit"),
    ("facebook", "reel"),
    ("facebook", "story"),
    ("facebook", "follow"),
    ("google-business-profile", "reply"),
    ("google-business-profile", "edit"),
    ("google-business-profile", "delete"),
    ("instagram", "comment_success"),
    ("instagram", "like_success"),
    ("instagram", "follow_success"),
    ("instagram", "reel"),
    ("instagram", "edit"),
    ("instagram", "delete"),
    ("linkedin", "comment"),
    ("linkedin", "like"),
    ("linkedin", "follow"),
    ("linkedin", "edit"),
    ("linkedin", "delete"),
    ("reddit", "community"),
    ("reddit", "comment"),
    ("reddit", "upvote"),
    ("reddit", "follow"),
    ("reddit", "edit"),
    ("reddit", "delete"),
    ("skool", "comment"),
    ("skool", "like"),
    ("skool", "edit"),
    ("skool", "delete"),
    ("tiktok", "comment_success"),
    ("tiktok", "like_success"),
    ("tiktok", "follow_success"),
    ("tiktok", "delete"),
    ("x", "reply"),
    ("x", "like"),
    ("x", "delete"),
    ("x", "follow"),
    ("youtube", "short"),
    ("youtube", "like"),
    ("youtube", "follow"),
    ("youtube", "edit"),
    ("youtube", "delete"),
    ("youtube", "comment"),
];

/// Serialises the page with its open shadow roots; scripts are taken out, and what only a property knows becomes markup.
const SERIALISE: &str = r#"(async () => {
  const roots = [], sheets = [];
  const walk = (root) => { for (const el of root.querySelectorAll('*')) if (el.shadowRoot) { roots.push(el.shadowRoot); walk(el.shadowRoot); } };
  walk(document);
  const data = async (url) => { const blob = await (await fetch(url)).blob(); return new Promise((done) => { const r = new FileReader(); r.onload = () => done(r.result); r.readAsDataURL(blob); }); };
  for (const root of [document, ...roots]) {
    for (const link of root.querySelectorAll('link[rel=stylesheet]')) { const style = document.createElement('style'); style.textContent = `sheet ${sheets.push(link.href)}`; link.replaceWith(style); }
    for (const img of root.querySelectorAll('img')) if (img.src.startsWith('blob:')) img.setAttribute('src', await data(img.src));
    for (const field of root.querySelectorAll('textarea')) field.textContent = field.value;
    for (const field of root.querySelectorAll('input:not([type=file])')) { field.setAttribute('value', field.value); field.toggleAttribute('checked', field.checked); }
    root.querySelectorAll('script').forEach((s) => s.remove());
  }
  const html = document.documentElement.cloneNode(false).outerHTML.replace(/<\/html>$/, '');
  return ['<!doctype html>' + html + document.documentElement.getHTML({ shadowRoots: roots }) + '</html>', sheets];
})()"#;

/// Before the account's menu is opened: what is visible, and how its button is written.
const BEFORE_MENU: &str = r#"(async () => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((el) => [el, ...(el.shadowRoot ? all(el.shadowRoot) : [])]);
  const at = (path) => path.reduce((el, i) => (i === 65535 ? el.shadowRoot : el.children[i]), document.documentElement);
  globalThis.__before = new WeakSet(all(document).filter((el) => el.checkVisibility()));
  const button = at(PATH);
  globalThis.__button = [button, [...button.attributes].map((a) => [a.name, a.value])];
})()"#;

/// Once it is open: what came with it is marked, so that the serialised page can hide and show it, and the button is as before.
const MARK_MENU: &str = r#"(() => {
  const at = (path) => path.reduce((el, i) => (i === 65535 ? el.shadowRoot : el.children[i]), document.documentElement);
  const up = (el) => el.parentElement ?? el.getRootNode().host;
  let menu = at(PATH);
  for (let next = up(menu); next && !__before.has(next); next = up(menu)) menu = next;
  menu.setAttribute('data-judgement-menu', menu.getAttribute('style') ?? '');
  menu.style.setProperty('display', 'none', 'important');
  const [button, attributes] = __button;
  [...button.attributes].forEach((a) => button.removeAttribute(a.name));
  attributes.forEach(([name, value]) => button.setAttribute(name, value));
  button.setAttribute('data-judgement-opens', '');
})()"#;

/// What makes the serialised page react as far as reading the account needs it.
const MENU: &str = r#"<script>(() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((el) => [el, ...(el.shadowRoot ? all(el.shadowRoot) : [])]);
  addEventListener('click', (e) => {
    if (!e.composedPath().some((el) => el.hasAttribute?.('data-judgement-opens'))) return;
    const menu = all(document).find((el) => el.hasAttribute('data-judgement-menu'));
    if (menu) menu.setAttribute('style', menu.getAttribute('data-judgement-menu'));
  }, true);
})()</script>"#;

/// Renders the platforms' pages. The short form takes one scenario of each platform.
pub async fn render(browser: &Arc<Chromium>, root: &Path, short: bool) -> Vec<Base> {
    let all: Vec<_> = if short { SHORT.to_vec() } else { SHORT.iter().chain(&MORE).copied().collect() };
    let places = Arc::new(tokio::sync::Semaphore::new(2));
    let mut under_way = tokio::task::JoinSet::new();
    for (at, (platform, name)) in all.into_iter().enumerate() {
        let (browser, places) = (Arc::clone(browser), Arc::clone(&places));
        let folder = root.join("fixtures").join(platform).join(name);
        let recipe = deed_recipes::load(&root.join("recipes").join(platform)).expect("the recipe is sound");
        under_way.spawn(async move {
            let _place = places.acquire_owned().await;
            (at, of_scenario(&browser, &folder, Arc::new(recipe), name == "success").await)
        });
    }
    let mut bases = under_way.join_all().await;
    bases.sort_by_key(|(at, _)| *at);
    bases.into_iter().flat_map(|(_, bases)| bases).collect()
}

struct Play {
    session: ChromiumSession,
    recipe: Arc<Recipe>,
    fixture: Fixture,
    fingerprint: Fingerprint,
    base: String,
    behind: Arc<FixtureStage>,
}

async fn of_scenario(browser: &Arc<Chromium>, folder: &Path, recipe: Arc<Recipe>, whole: bool) -> Vec<Base> {
    let fixture = fixture::load(&folder.join(fixture::FILE_NAME)).expect("the fixture is sound");
    let (words, clock) = (fixture.words(), ReplayClock::default());
    let behind = Arc::new(FixtureStage::new(fixture.routes.clone(), words, &fixture.scene, clock, Vec::new()));
    let base = fixture.account.origin.clone().or_else(|| recipe.base_origin()).expect("an origin");
    let flow = fixture.order.action.clone();
    let stage: Arc<dyn Stage> = behind.clone();
    let opening = looking(&recipe, &flow, &base, fixture.account.storage_state.clone());
    let session = Replaying::new(Arc::clone(browser), stage).open(&opening).await.expect("a session");
    let fingerprint = fixture.account.fingerprint().expect("the account's facts");
    let mut play = Play { session, recipe, fixture, fingerprint, base, behind };
    let mut bases = Vec::new();
    if whole {
        bases.push(play.identity().await);
        let list = play.recipe.flows[&flow].verify.on.clone();
        bases.push(play.list(&list).await);
    }
    bases.push(play.composer(&flow).await);
    play.session.close().await;
    bases
}

impl Play {
    async fn identity(&mut self) -> Base {
        let recipe = Arc::clone(&self.recipe);
        let identity = &recipe.identity;
        self.open(&identity.on).await;
        let mut wanted = recipe.surfaces[&identity.on].landmarks.clone();
        wanted.extend(identity.handle.iter().chain(&identity.name).map(|s| s.element.clone()));
        let until = wanted.into_iter().map(Need::Visible).collect();
        let look = Look { until, within: SIGNALS, ..Look::default() };
        self.session.look(&look).await.expect("the page is looked at");
        if let Some(switcher) = identity.switcher.as_ref().filter(|s| s.open) {
            let item = switcher.item.clone().unwrap_or_else(|| switcher.element.clone());
            let node = self.find(&switcher.element, Need::Visible(switcher.element.clone())).await;
            self.script(BEFORE_MENU, node).await;
            self.session.click(node).await.expect("the menu opens");
            let item = self.find(&item, Need::Visible(item.clone())).await;
            self.script(MARK_MENU, item).await;
        }
        self.serialise(&identity.on, None).await
    }

    async fn list(&mut self, surface: &str) -> Base {
        self.open(surface).await;
        if let Some(ready) = self.recipe.surfaces[surface].ready.clone() {
            self.find(&ready, Need::Present(ready.clone())).await;
        }
        self.serialise(surface, None).await
    }

    /// What stands there when the flow's reversible steps are done.
    async fn composer(&mut self, flow: &str) -> Base {
        let recipe = Arc::clone(&self.recipe);
        let order = &self.fixture.order;
        let media = order.content.media.iter().map(|m| self.fixture.order_folder.join(m));
        let files: Vec<_> = media.map(|m| m.canonicalize().unwrap_or(m).display().to_string()).collect();
        let values = Filled { order, account: &self.fingerprint };
        let composing = Composing { base: &self.base, values: &values, files: &files, patience: PATIENCE };
        // A click goes where the element stood; content that is drawn at that moment may have pushed it away. A person clicks once more.
        let mut tries = 0;
        loop {
            tries += 1;
            let composed = compose(&mut self.session, &recipe, flow, &composing).await.expect("the browser goes on");
            match composed {
                Ok(_) => break,
                Err(_) if tries < COMPOSE_TRIES => {}
                Err(why) => panic!("{} {flow}: {why}", recipe.platform),
            }
        }
        let surface = recipe.flows[flow].steps.iter().rev().find_map(|step| match step {
            Step::Open(surface) => Some(surface.clone()),
            _ => None,
        });
        self.serialise(&surface.unwrap_or_else(|| recipe.identity.on.clone()), Some(flow)).await
    }

    async fn open(&mut self, surface: &str) {
        let values = Filled { order: &self.fixture.order, account: &self.fingerprint };
        let url = self.recipe.url_of(surface, &self.base, &values).expect("the surface has a URL");
        self.session.goto(&url).await.expect("the page opens");
        let landmarks = self.recipe.surfaces[surface].landmarks.clone();
        let until = landmarks.iter().cloned().map(Need::Visible).collect();
        let look = Look { until, within: PATIENCE, ..Look::default() };
        let seen = self.session.look(&look).await.expect("the page is looked at");
        assert!(seen.satisfied || landmarks.is_empty(), "{} {surface}: its landmarks are there", self.recipe.platform);
    }

    async fn find(&mut self, element: &str, need: Need) -> deed_core::ports::browser::NodeId {
        let look = Look { elements: vec![element.to_owned()], until: vec![need], within: PATIENCE, ..Look::default() };
        let seen = self.session.look(&look).await.expect("the page is looked at");
        match quorum::lone(&seen, element) {
            Some((node, _)) => node,
            None => panic!("{}: `{element}` is not there: {:?}", self.recipe.platform, seen.votes.get(element)),
        }
    }

    /// Runs a script that names a node by its place.
    async fn script(&mut self, script: &str, node: deed_core::ports::browser::NodeId) {
        let path = self.session.path_for_tests(node).await.expect("the node stands somewhere");
        let script = script.replace("PATH", &Value::from(path).to_string());
        self.session.evaluate_in_page_for_tests(&script).await.expect("the script runs");
    }

    async fn serialise(&mut self, surface: &str, flow: Option<&str>) -> Base {
        let here = self.session.evaluate_in_page_for_tests("location.href.split('#')[0]").await.expect("an address");
        let here = here.as_str().expect("an address").to_owned();
        let html = self.session.evaluate_in_page_for_tests(SERIALISE).await.expect("the page is serialised");
        let (mut html, sheets): (String, Vec<String>) =
            serde_json::from_value(html).expect("HTML and its style sheets");
        for (at, url) in sheets.into_iter().enumerate() {
            // The page may not read a sheet of another origin; the fixture has it.
            let request = Request {
                method: "GET".into(),
                url,
                kind: "Stylesheet".into(),
                headers: Vec::new(),
                body: None,
                write: false,
            };
            let css = self.behind.answer(&request).map(|cue| cue.response.body).unwrap_or_default();
            let css = String::from_utf8(css).expect("a style sheet is text");
            html = html.replacen(&format!("<style>sheet {}</style>", at + 1), &format!("<style>{css}</style>"), 1);
        }
        let html = if html.contains("data-judgement-menu") {
            html.replacen("</body>", &format!("{MENU}</body>"), 1)
        } else {
            html.to_owned()
        };
        let name = flow.unwrap_or(surface);
        let mark = if here.contains('?') { '&' } else { '?' };
        Base {
            name: format!("{}/{name}", self.recipe.platform),
            recipe: Arc::clone(&self.recipe),
            surface: Some(surface.to_owned()),
            flow: flow.map(str::to_owned),
            composed: flow.is_some(),
            url: format!("{here}{mark}judged={name}"),
            html,
            fingerprint: self.fingerprint.clone(),
            origin: self.base.clone(),
            session: self.fixture.account.storage_state.clone(),
            behind: Some(Arc::clone(&self.behind)),
        }
    }
}

/// The values of the scenario's order.
struct Filled<'a> {
    order: &'a OrderFile,
    account: &'a Fingerprint,
}

impl Values for Filled<'_> {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::ContentText => Some(&self.order.content.text),
            Placeholder::ContentTitle => self.order.content.title.as_deref(),
            Placeholder::Target => self.order.target.as_deref(),
            account => self.account.get(account),
        }
    }
}
