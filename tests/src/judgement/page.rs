//! One page: what is recorded of it, and what Deed's own judgement says of a mutated form of it.

use std::collections::BTreeMap;

use deed_chromium::ChromiumSession;
use deed_core::judge::drift;
use deed_core::judge::identity::{self, Verdict};
use deed_core::judge::quorum::{self, Quorum};
use deed_core::permit::Target;
use deed_core::ports::browser::{BrowserFault, Look, Need, Seen, Session as _};
use deed_proofs::Sha256;
use deed_recipes::{ChallengeKind, Detector, Recipe, Step};
use serde::Serialize;
use serde_json::Value;

use super::base::Base;
use super::{Operator, Planned, WAIT};

const OPERATORS_JS: &str = include_str!("operators.js");

/// Where the true nodes of a base page stand, for the operators.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Given {
    elements: BTreeMap<String, Vec<usize>>,
    pub commit: Option<String>,
    editor: Option<String>,
    landmarks: Vec<String>,
    entries: Vec<Vec<usize>>,
    pub signals: BTreeMap<&'static str, String>,
    selected: Option<Vec<usize>>,
    pub identity: bool,
    handle: String,
    /// What stands before the handle where a signal shows it: `@`, `u/`.
    forms: BTreeMap<&'static str, String>,
    /// Whether the commit element is found by two locators that name none of its words.
    pub wordless: bool,
    /// Elements whose names are compared.
    named: Vec<String>,
    /// Whether the account is told by its handle and its picture alone.
    by_picture: bool,
    /// Whether the recipe takes every frame with "captcha" in its address for a challenge.
    any_frame: bool,
    challenges: Vec<&'static str>,
    words: BTreeMap<&'static str, String>,
    css: BTreeMap<&'static str, String>,
}

/// What came of the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The true node would be pressed.
    Right,
    /// Another one would.
    Wrong,
    /// Nothing would.
    Stopped,
}

/// What Deed's judgement said of one page.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// A challenge was seen.
    pub challenge: Option<String>,
    /// What moved, with the score.
    pub drift: Option<(f64, String)>,
    /// Only where a commit stands.
    pub act: Option<Act>,
    /// Only on the identity surface.
    pub identity: Option<bool>,
    /// Why it stopped, in words.
    pub why: Vec<String>,
    /// Why the page was not changed: an operator did not find what it changes. It is counted nowhere.
    pub not_applied: Option<String>,
}

impl Judged {
    /// Whether an episode would stop here.
    pub fn stopped(&self) -> bool {
        !self.why.is_empty()
    }
}

/// Makes the operators known to the page.
pub async fn install(session: &ChromiumSession) {
    session.run_in_page_for_tests(OPERATORS_JS).await.expect("the operators are there");
}

/// What is compared with a baseline on a page: the surface's landmarks when it opens; what is reviewed once steps led on from there.
fn judged_elements(base: &Base) -> Vec<String> {
    if base.composed {
        return base.baseline().map(|b| b.landmarks.keys().cloned().collect()).unwrap_or_default();
    }
    let surface = base.surface.as_ref().and_then(|s| base.recipe.surfaces.get(s));
    surface.map(|s| s.landmarks.clone()).unwrap_or_default()
}

/// The elements that the recipe's judgements look at on a page.
fn elements(recipe: &Recipe, base: &Base) -> (Vec<String>, Option<String>, Option<String>) {
    let mut all = judged_elements(base);
    let flow = base.flow.as_ref().and_then(|f| recipe.flows.get(f));
    let commit = flow.map(|f| f.commit.click.clone());
    let editor = flow.and_then(|f| {
        f.steps.iter().find_map(|s| if let Step::Type { into, .. } = s { Some(into.clone()) } else { None })
    });
    all.extend(commit.iter().chain(&editor).cloned());
    if base.surface.as_ref() == Some(&recipe.identity.on) && !base.composed {
        all.extend(signals(recipe).into_values());
    }
    all.sort();
    all.dedup();
    (all, commit, editor)
}

fn signals(recipe: &Recipe) -> BTreeMap<&'static str, String> {
    let identity = &recipe.identity;
    [
        ("own", identity.own.clone()),
        ("handle", identity.handle.as_ref().map(|s| s.element.clone())),
        ("name", identity.name.as_ref().map(|s| s.element.clone())),
        ("avatar", identity.avatar.as_ref().map(|s| s.element.clone())),
        ("switcher", identity.switcher.as_ref().map(|s| s.element.clone())),
    ]
    .into_iter()
    .filter_map(|(signal, element)| Some((signal, element?)))
    .collect()
}

/// Opens a base page as it is and notes where everything stands; the reason when its own judgements do not pass it.
pub async fn given(session: &mut ChromiumSession, base: &Base) -> Result<Given, String> {
    let recipe = &base.recipe;
    session.goto(&base.url).await.map_err(|e| e.to_string())?;
    let (names, commit, editor) = elements(recipe, base);
    let clean = judge_open(session, base).await;
    if clean.stopped() {
        return Err(clean.why.join("; "));
    }
    let mut given = Given {
        handle: base.fingerprint.handle.clone(),
        landmarks: judged_elements(base),
        forms: forms(recipe),
        named: base
            .baseline()
            .map(|b| b.landmarks.iter().filter(|(_, p)| p.name.is_some()).map(|(n, _)| n.clone()).collect())
            .unwrap_or_default(),
        by_picture: recipe.identity.handle.is_none()
            || recipe.identity.name.is_none() && recipe.identity.switcher.is_none(),
        identity: clean.identity == Some(true),
        ..Given::default()
    };
    let seen = session.look(&Look { elements: names.clone(), ..Look::default() }).await.map_err(|e| e.to_string())?;
    for name in names {
        if let Some((node, _)) = quorum::lone(&seen, &name) {
            given.elements.insert(name, session.path_for_tests(node).await.map_err(|e| e.to_string())?);
        }
    }
    if let Some((node, votes)) = commit.as_ref().and_then(|c| Some((quorum::lone(&seen, c)?.0, seen.votes.get(c)?))) {
        let facts = &seen.nodes[&node];
        let spoken: Vec<&str> = facts.name.split_whitespace().chain(facts.text.split_whitespace()).collect();
        let words = |locator: &str| spoken.iter().any(|w| w.chars().count() > 2 && locator.contains(w));
        given.wordless = votes.iter().filter(|v| v.nodes == [node] && !words(&v.locator)).count() >= 2;
    }
    let there = |name: &String| given.elements.contains_key(name);
    given.commit = commit.filter(there);
    given.editor = editor.filter(there);
    given.signals = signals(recipe).into_iter().filter(|(_, e)| there(e)).collect();
    let (commit_there, asked) = (given.commit.is_some(), base.flow.is_some());
    if asked && !commit_there {
        return Err("its commit element is not there".to_owned());
    }
    if given.identity {
        given.selected = selected(session, recipe).await;
    }
    given.entries = entries(session, base).await;
    describe_challenges(recipe, &mut given);
    Ok(given)
}

/// How the platform writes a handle where it is a signal.
fn forms(recipe: &Recipe) -> BTreeMap<&'static str, String> {
    let identity = &recipe.identity;
    let before = |template: &deed_recipes::Template| {
        template.to_string().split("{account.").next().unwrap_or_default().to_owned()
    };
    [
        ("handle", identity.handle.as_ref().map(|s| before(&s.equals))),
        ("switcher", identity.switcher.as_ref().map(|s| before(&s.selected))),
    ]
    .into_iter()
    .filter_map(|(signal, form)| Some((signal, form?)))
    .collect()
}

/// The selected entry of the switcher, which may only be there while its menu is open.
async fn selected(session: &mut ChromiumSession, recipe: &Recipe) -> Option<Vec<usize>> {
    let switcher = recipe.identity.switcher.as_ref()?;
    let item = switcher.item.as_ref().unwrap_or(&switcher.element);
    let look = Look { elements: vec![switcher.element.clone(), item.clone()], ..Look::default() };
    let mut seen = session.look(&look).await.ok()?;
    if switcher.open && quorum::lone(&seen, item).is_none() {
        let (node, _) = quorum::lone(&seen, &switcher.element)?;
        session.click(node).await.ok()?;
        let look = Look { until: vec![Need::Visible(item.clone())], within: WAIT, ..look };
        seen = session.look(&look).await.ok()?;
    }
    let (node, _) = quorum::lone(&seen, item)?;
    session.path_for_tests(node).await.ok()
}

async fn entries(session: &ChromiumSession, base: &Base) -> Vec<Vec<usize>> {
    let items = base.surface.as_ref().and_then(|s| base.recipe.surfaces[s].items.clone());
    let Some(items) = items else { return Vec::new() };
    let css = Value::from(items.each);
    let script = format!(
        "[...document.querySelectorAll({css})].slice(0, 20).map((el) => {{ const p = []; \
         for (; el.parentElement; el = el.parentElement) p.unshift([...el.parentElement.children].indexOf(el)); return p; }})"
    );
    let found = session.evaluate_in_page_for_tests(&script).await.unwrap_or_default();
    serde_json::from_value(found).unwrap_or_default()
}

fn describe_challenges(recipe: &Recipe, given: &mut Given) {
    for challenge in &recipe.challenges {
        let kind = kind_of(challenge.kind);
        for detector in &challenge.any {
            match detector {
                Detector::Text(text) => {
                    given.challenges.push(kind);
                    given.words.entry(kind).or_insert_with(|| text.clone());
                }
                // `[data-testid=login-form]` as something to put into a page.
                Detector::Css(css) if css.starts_with('[') && css.ends_with(']') && css.contains('=') => {
                    let html = format!(
                        "<form {}><input aria-label=\"Code\"><button>Go on</button></form>",
                        &css[1..css.len() - 1]
                    );
                    given.css.entry(kind).or_insert(html);
                }
                Detector::Css(css) if any_frame(css) => {
                    given.challenges.push(kind);
                    given.any_frame = true;
                }
                _ => {}
            }
        }
    }
}

/// Whether a selector stands for every frame that has "captcha" in its address, and not for one maker's.
fn any_frame(css: &str) -> bool {
    css.split(',').any(|part| part.trim().replace(['"', '\''], "") == "iframe[src*=captcha]")
}

fn kind_of(kind: ChallengeKind) -> &'static str {
    match kind {
        ChallengeKind::Captcha => "captcha",
        ChallengeKind::Checkpoint => "checkpoint",
        ChallengeKind::LoggedOut => "logged_out",
        ChallengeKind::Suspicious => "suspicious",
        ChallengeKind::RateLimit => "rate_limit",
    }
}

/// The operators that fit a base page.
///
/// A label is true only where the operator does what it says: a challenge is one that the recipe knows in that form, and a page in
/// another language is the account's own only where the commit is found without its words; and what the baseline takes for content
/// (a suggestion of the day) may be called otherwise.
pub async fn operators(session: &ChromiumSession, given: &Given) -> Vec<Operator> {
    install(session).await;
    let json = serde_json::to_string(given).expect("JSON");
    let list = session.evaluate_in_page_for_tests(&format!("__judgement.list({json})")).await.expect("the list");
    let mut list: Vec<Operator> = serde_json::from_value(list).expect("operators");
    let named = |element: &String| given.named.contains(element);
    list.retain(|o| match o.name.as_str() {
        "captcha_frame" => given.any_frame,
        "captcha_in_words" => given.words.contains_key("captcha"),
        "editor_renamed" => given.editor.as_ref().is_some_and(&named),
        "landmark_renamed" => given.landmarks.iter().all(named),
        // It turns the colours of pictures round too, which is another picture to an account that is told by little else.
        "dark_theme" => !given.by_picture,
        "another_language" => given.wordless,
        _ => true,
    });
    list
}

/// Opens a base page, lets the operators change it, and asks the judgement.
pub async fn judge(session: &mut ChromiumSession, base: &Base, given: &Given, planned: &Planned) -> Judged {
    session.goto(&base.url).await.expect("the page opens");
    install(session).await;
    let json = serde_json::to_string(given).expect("JSON");
    let names = serde_json::to_string(&planned.names).expect("JSON");
    let apply = format!("__judgement.apply({json}, {names}, {})", planned.seed);
    let applied = session.evaluate_in_page_for_tests(&apply).await.and_then(|changed| match changed {
        Value::Bool(false) => Err(BrowserFault::InputRefused("it changes nothing here".to_owned())),
        _ => Ok(()),
    });
    if let Err(fault) = applied {
        return Judged {
            not_applied: Some(format!("{} on {}: {fault}", planned.names.join(", "), base.name)),
            ..Judged::default()
        };
    }
    judge_open(session, base).await
}

/// What an episode would do on the page that is open.
pub async fn judge_open(session: &mut ChromiumSession, base: &Base) -> Judged {
    let recipe = &base.recipe;
    let mut judged = Judged::default();
    let landmarks = judged_elements(base);
    let commit = base.flow.as_ref().and_then(|f| recipe.flows.get(f)).map(|f| f.commit.click.clone());
    let look = Look {
        elements: landmarks.iter().chain(&commit).cloned().collect(),
        until: landmarks.iter().cloned().map(Need::Visible).collect(),
        within: WAIT,
        ..Look::default()
    };
    let seen = session.look(&look).await.expect("the page is looked at");
    challenge(&seen, &mut judged);
    if let Some(surface) = &base.surface {
        let drift = drift::judge(&landmarks, base.baseline(), &seen);
        if !drift.is_none() {
            let words = drift.reasons.join("; ");
            judged.why.push(format!("drift {:.2}: {words}", drift.score));
            judged.drift = Some((drift.score, words));
        }
        if *surface == recipe.identity.on && !base.composed {
            identity(session, base, &mut judged).await;
        }
    }
    if let Some(element) = commit {
        act(session, base, &element, &seen, &mut judged).await;
    }
    judged
}

fn challenge(seen: &Seen, judged: &mut Judged) {
    if let Some(hold) = deed_core::episode::challenge_of(seen, deed::world::now()) {
        judged.why.push(hold.detail.clone());
        judged.challenge = Some(hold.detail);
    }
}

async fn identity(session: &mut ChromiumSession, base: &Base, judged: &mut Judged) {
    let read = deed_core::episode::read_identity(session, &base.recipe, WAIT).await;
    let (readings, _) = match read {
        Ok(read) => read,
        Err(fault) => {
            judged.identity = Some(false);
            judged.why.push(fault.to_string());
            return;
        }
    };
    let (votes, verdict) = identity::judge(&base.fingerprint, &readings);
    judged.identity = Some(verdict == Verdict::Proven);
    if verdict != Verdict::Proven {
        let votes: Vec<_> = votes.iter().map(|v| format!("{} {:?}, saw {}", v.signal, v.vote, v.seen)).collect();
        judged.why.push(format!("{verdict:?}: {}", votes.join("; ")));
    }
}

/// Quorum, then aim: the node that would be pressed, against the true one.
async fn act(session: &mut ChromiumSession, base: &Base, element: &str, seen: &Seen, judged: &mut Judged) {
    judged.act = Some(Act::Stopped);
    let node = match quorum::quorum(seen, element) {
        Quorum::Agreed(agreement) => agreement.node,
        other => {
            judged.why.push(format!("`{element}`: {}", other.describe()));
            return;
        }
    };
    if judged.stopped() {
        return;
    }
    let target = Target {
        recipe: base.recipe.hash.clone(),
        flow: base.flow.clone().unwrap_or_default(),
        element: element.to_owned(),
        page: seen.url.clone(),
        payload: Sha256::of(b"judgement"),
        marker: None,
    };
    match session.aim(node, target).await {
        Ok(aim) => {
            let chosen = session.path_for_tests(aim.node).await.expect("the node stands somewhere");
            let truth =
                session.evaluate_in_page_for_tests("globalThis.__judgement ? __judgement.commit() : null").await;
            let truth: Option<Vec<usize>> = serde_json::from_value(truth.unwrap_or_default()).unwrap_or_default();
            judged.act = Some(if truth == Some(chosen) { Act::Right } else { Act::Wrong });
        }
        Err(BrowserFault::InputRefused(why)) => judged.why.push(format!("`{element}` can not be pressed: {why}")),
        Err(fault) => panic!("{}: {fault}", base.name),
    }
}
