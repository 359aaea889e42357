//! The pages that the corpus is made from: the practice platform's own, rendered once in real Chromium and serialised, and every
//! authored page of a platform that has a recipe (`fixtures/PLATFORM/pages/SURFACE*.html`).
//!
//! A page takes part in those judgements that it passes as it is; what it does not pass is told, never guessed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use deed_core::account::Fingerprint;
use deed_core::ids::{AccountId, EpisodeId};
use deed_core::ports::browser::{Access, Browser as _, Look, Need, Opening, Pacing, Session as _, SessionState};
use deed_fixtures::{Editor, Faults, Practice, PracticeConfig};
use deed_proofs::ImageHash;
use deed_recipes::{OriginPattern, PortPattern, Recipe, Step};

use super::Chromium;
use crate::HANDLE;

/// One page as it was recorded.
#[derive(Clone)]
pub struct Base {
    /// `practice/composer`.
    pub name: String,
    /// The recipe that reads it; this machine is among its origins.
    pub recipe: Arc<Recipe>,
    /// Which surface it is; `None`: one that the recipe only passes by (a permalink).
    pub surface: Option<String>,
    /// The flow whose commit stands on it.
    pub flow: Option<String>,
    /// Path and query under which it is served.
    pub path: String,
    /// The document.
    pub html: String,
    /// The account that it shows.
    pub fingerprint: Fingerprint,
}

/// What makes a serialised page react as far as looking needs it: a button that says it opens a menu does so.
const MENUS: &str = r#"<script>
document.addEventListener('click', (e) => { const b = e.target.closest('[aria-haspopup=menu]'); const m = document.querySelector('[role=menu]');
  if (b && m) { m.hidden = !m.hidden; b.setAttribute('aria-expanded', String(!m.hidden)); } });
document.addEventListener('keydown', (e) => { const m = document.querySelector('[role=menu]'); if (e.key === 'Escape' && m) m.hidden = true; });
</script>"#;

/// Everything that a page needs put into it, and its scripts taken out.
const SERIALISE: &str = r#"(async () => {
  const data = async (url) => { const blob = await (await fetch(url)).blob(); return new Promise((done) => { const r = new FileReader(); r.onload = () => done(r.result); r.readAsDataURL(blob); }); };
  for (const img of document.images) if (!img.src.startsWith('data:')) img.setAttribute('src', await data(img.src));
  for (const link of document.querySelectorAll('link[rel=stylesheet]')) { const style = document.createElement('style'); style.textContent = await (await fetch(link.href)).text(); link.replaceWith(style); }
  for (const field of document.querySelectorAll('textarea')) field.textContent = field.value;
  for (const field of document.querySelectorAll('input:not([type=file])')) field.setAttribute('value', field.value);
  document.querySelectorAll('script').forEach((s) => s.remove());
  return '<!doctype html>' + document.documentElement.outerHTML;
})()"#;

/// An opening of a session that can only look.
pub fn looking(recipe: &Arc<Recipe>, flow: &str, base: &str, session: String) -> Opening {
    Opening {
        account: AccountId::new("judgement"),
        episode: EpisodeId::new("judgement"),
        recipe: Arc::clone(recipe),
        flow: flow.to_owned(),
        base: base.to_owned(),
        session: SessionState::new(session),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    }
}

/// Renders the practice platform's surfaces, each in the state in which an episode judges it.
pub async fn practice(browser: &Chromium) -> Vec<Base> {
    let practice = Practice::start(PracticeConfig::default()).await.expect("the practice platform starts");
    let recipe = Arc::new(deed_recipes::load_builtin("practice").expect("the practice recipe is sound"));
    let facts = practice.account_fingerprint(HANDLE).expect("the account exists");
    let fingerprint = Fingerprint {
        handle: HANDLE.into(),
        display_name: Some(facts.display_name),
        avatar: Some(ImageHash::of(&facts.avatar_png).expect("the avatar is a picture")),
    };
    let state = practice.storage_state(HANDLE).expect("a session").to_string();
    let mut session =
        browser.open(&looking(&recipe, "publish.post", &practice.origin(), state)).await.expect("a session");
    let post = practice.truth().objects.iter().find(|o| o.account.as_deref() == Some(HANDLE)).map(|o| o.id.clone());
    let dark = Faults { skin: Some("dark".into()), ..Faults::default() };
    let rich = Faults { editor: Editor::Contenteditable, ..Faults::default() };
    let crowded = Faults { ads: true, ..Faults::default() };
    let pages = [
        ("profile", Some("profile"), format!("/{HANDLE}"), Faults::default()),
        ("profile_dark", Some("profile"), format!("/{HANDLE}"), dark.clone()),
        ("composer", Some("composer"), "/compose".to_owned(), Faults::default()),
        ("composer_rich", Some("composer"), "/compose".to_owned(), rich),
        ("composer_dark", Some("composer"), "/compose".to_owned(), dark),
        ("feed", Some("feed"), format!("/{HANDLE}/posts"), Faults::default()),
        ("feed_crowded", Some("feed"), format!("/{HANDLE}/posts"), crowded),
        ("permalink", None, format!("/p/{}", post.expect("a seeded post")), Faults::default()),
    ];
    let mut bases = Vec::new();
    for (name, surface, path, faults) in pages {
        practice.set_faults(faults);
        session.goto(&format!("{}{path}", practice.origin())).await.expect("the page opens");
        let ready = if surface == Some("composer") { "post_button" } else { "account_menu" };
        let until = vec![Need::Visible(ready.to_owned())];
        let elements = vec!["editor".to_owned()];
        let look = Look { elements, until, within: std::time::Duration::from_secs(10), ..Look::default() };
        let seen = session.look(&look).await.expect("the page is looked at");
        assert!(seen.satisfied, "{name} is there");
        wait_until_idle(&session).await;
        if let Some((editor, _)) = deed_core::judge::quorum::lone(&seen, "editor") {
            session.type_text(editor, "Fresh bread at 7").await.expect("the text is typed");
        }
        let html = session.evaluate_in_page_for_tests(SERIALISE).await.expect("the page is serialised");
        bases.push(Base {
            name: format!("practice/{name}"),
            recipe: Arc::clone(&recipe),
            surface: surface.map(str::to_owned),
            flow: (surface == Some("composer")).then(|| "publish.post".to_owned()),
            path: format!("{path}?base={name}"),
            html: html.as_str().expect("HTML").replace("</body>", &format!("{MENUS}</body>")),
            fingerprint: fingerprint.clone(),
        });
    }
    session.close().await;
    practice.stop().await;
    bases
}

/// Waits until the page's own script has filled it.
async fn wait_until_idle(session: &deed_chromium::ChromiumSession) {
    const IDLE: &str = "new Promise((done) => { const look = () => document.querySelector('main[aria-busy=true]') ? setTimeout(look, 20) : done(true); look(); })";
    session.evaluate_in_page_for_tests(IDLE).await.expect("the page fills");
}

/// The authored pages of every other platform that has a recipe beside its fixtures.
pub fn authored(fixtures: &Path, recipes: &Path) -> Vec<Base> {
    let mut platforms: Vec<_> = std::fs::read_dir(fixtures)
        .expect("the fixtures are there")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.join("pages").is_dir())
        .collect();
    platforms.sort();
    let mut bases = Vec::new();
    for folder in platforms {
        let platform = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Ok(mut recipe) = deed_recipes::load(&recipes.join(&platform)) else { continue };
        let here = |host: &str| OriginPattern { scheme: "http".into(), host: host.into(), port: PortPattern::Any };
        recipe.origins.push(here("127.0.0.1"));
        let recipe = Arc::new(recipe);
        let words = words_of(&folder);
        let mut pages: Vec<_> =
            std::fs::read_dir(folder.join("pages")).expect("its pages").flatten().map(|e| e.path()).collect();
        pages.sort();
        for page in pages.iter().filter(|p| p.extension().is_some_and(|e| e == "html")) {
            let stem = page.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            let Some(surface) = surface_of(&recipe, &stem) else { continue };
            let html = std::fs::read_to_string(page).expect("the page is text");
            bases.push(Base {
                name: format!("{platform}/{stem}"),
                flow: flow_on(&recipe, &surface),
                recipe: Arc::clone(&recipe),
                surface: Some(surface),
                path: format!("/{platform}/{stem}.html"),
                html: filled(&html, &words),
                fingerprint: Fingerprint {
                    handle: words.get("handle").cloned().unwrap_or_else(|| HANDLE.to_owned()),
                    display_name: words.get("display_name").cloned(),
                    avatar: std::fs::read(folder.join("pages/avatar.png")).ok().and_then(|b| ImageHash::of(&b).ok()),
                },
            });
        }
    }
    bases
}

/// The longest surface name with which a page's name begins.
fn surface_of(recipe: &Recipe, stem: &str) -> Option<String> {
    let fits = |name: &&String| {
        stem.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-']))
    };
    recipe.surfaces.keys().filter(fits).max_by_key(|name| name.len()).cloned()
}

/// The flow whose commit stands on the surface: the one that opens it last.
fn flow_on(recipe: &Recipe, surface: &str) -> Option<String> {
    let last = |steps: &[Step]| {
        steps.iter().rev().find_map(|s| if let Step::Open(name) = s { Some(name.clone()) } else { None })
    };
    recipe.flows.iter().find(|(_, flow)| last(&flow.steps).as_deref() == Some(surface)).map(|(name, _)| name.clone())
}

/// Handle and name of the account that a platform's pages are authored for, from its `base.yaml`.
fn words_of(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder.join("base.yaml")).unwrap_or_default();
    let value = |key: &str| {
        let rest = text.split(&format!("{key}:")).nth(1)?.trim_start();
        let end = |c: char| matches!(c, '"' | '\n');
        Some(match rest.strip_prefix('"') {
            Some(quoted) => quoted.split(end).next()?.to_owned(),
            None => rest.split([',', '}', '\n']).next()?.trim().to_owned(),
        })
    };
    ["handle", "display_name"].into_iter().filter_map(|k| Some((k.to_owned(), value(k)?))).collect()
}

fn filled(html: &str, words: &BTreeMap<String, String>) -> String {
    let mut html = html.replace("{{order.text}}", "Fresh bread at 7").replace("{{now}}", "2026-11-20T12:00:00Z");
    for (key, value) in words {
        html = html.replace(&format!("{{{{account.{key}}}}}"), value);
    }
    html
}
