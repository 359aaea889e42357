//! The pages that the corpus is made from, each rendered once in real Chromium and serialised: here the practice platform's own, in
//! `platforms.rs` those of the authored platforms.
//!
//! A page takes part in those judgements that it passes as it is; what it does not pass is told, never guessed.

use std::sync::Arc;

use deed::replay::stage::FixtureStage;

use deed_core::account::Fingerprint;
use deed_core::ids::{AccountId, EpisodeId};
use deed_core::ports::browser::{Access, Browser as _, Look, Need, Opening, Pacing, Session as _, SessionState};
use deed_fixtures::{Editor, Faults, Practice, PracticeConfig};
use deed_proofs::ImageHash;
use deed_recipes::Recipe;

use super::Chromium;
use crate::HANDLE;

/// One page as it was recorded.
#[derive(Clone)]
pub struct Base {
    /// `practice/composer`.
    pub name: String,
    /// The recipe that reads it.
    pub recipe: Arc<Recipe>,
    /// Which surface it is; `None`: one that the recipe only passes by (a permalink).
    pub surface: Option<String>,
    /// The flow whose commit stands on it.
    pub flow: Option<String>,
    /// Whether steps led from the surface to what is shown: then its landmarks were judged before them, and only what is reviewed is
    /// compared.
    pub composed: bool,
    /// Where it is, at its platform's real origin; no other page of the corpus is there.
    pub url: String,
    /// The document.
    pub html: String,
    /// The account that it shows.
    pub fingerprint: Fingerprint,
    /// The origin that the recipe's paths count from.
    pub origin: String,
    /// The stored session that it is looked at in.
    pub session: String,
    /// What answers for pictures and styles that are not in the document.
    pub behind: Option<Arc<FixtureStage>>,
}

impl Base {
    /// What the page is compared with: its surface's baseline, or its flow's once steps led on from there.
    pub fn baseline(&self) -> Option<&deed_recipes::Baseline> {
        let of = if self.composed { &self.flow } else { &self.surface };
        self.recipe.baselines.get(of.as_ref()?)
    }
}

/// Where the practice platform's pages are looked at: an origin of its recipe, under which nothing listens.
const PRACTICE: &str = "http://127.0.0.1:4000";

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
            composed: false,
            url: format!("{PRACTICE}{path}?judged={name}"),
            html: html.as_str().expect("HTML").replace("</body>", &format!("{MENUS}</body>")),
            fingerprint: fingerprint.clone(),
            origin: PRACTICE.to_owned(),
            session: r#"{"cookies":[],"origins":[]}"#.to_owned(),
            behind: None,
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
