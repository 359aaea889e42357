//! What is asked of the looking code, and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::ports::browser::{ChallengeHit, Item, Look, Need, NodeFacts, NodeId, Rect, Seen, Vote};
use deed_core::time::Timestamp;
use deed_recipes::{Challenge, ChallengeKind, Detector, Items, Locator, Marker, Recipe, Side, Words};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize)]
struct RawChallenge {
    kind: ChallengeKind,
    any: Vec<Detector>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum RawNeed {
    Visible(String),
    Present(String),
    Gone(String),
    Enabled(String),
    Checked(String, bool),
    Count(String, usize),
    Toast(String),
    Path(String),
}

/// A look, as the page's side reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Query {
    asked: Vec<String>,
    elements: BTreeMap<String, Vec<Locator>>,
    items: Option<Items>,
    items_max: usize,
    until: Vec<RawNeed>,
    until_any: Vec<RawNeed>,
    within: u64,
    challenges: Vec<RawChallenge>,
    marker: Option<Marker>,
    confirm: Option<String>,
    /// The commit element, whose stillness is watched from the first look on.
    pub commit: Option<String>,
    /// Locators of the commit element, for reversible inputs.
    pub commit_locators: Vec<Locator>,
    /// Elements that hold frames which are looked into, by their numbers in the realm that is asked.
    pub owners: Vec<u64>,
    /// Whether what each condition counts is told, because several realms are asked.
    pub parted: bool,
}

impl Query {
    /// With everything that the recipe says about what is asked.
    pub fn new(recipe: &Recipe, look: &Look) -> Self {
        let mut query = Self {
            asked: look.elements.clone(),
            elements: BTreeMap::new(),
            items: look.items_of.as_ref().and_then(|s| recipe.surfaces.get(s)).and_then(|s| s.items.clone()),
            items_max: look.items_max,
            until: look.until.iter().filter_map(raw_need).collect(),
            until_any: look.until_any.iter().filter_map(raw_need).collect(),
            within: 0,
            challenges: recipe.challenges.iter().map(raw_challenge).collect(),
            marker: recipe.identity.marker.clone(),
            confirm: look.confirm.clone().filter(|_| recipe.identity.marker.is_some()),
            commit: None,
            commit_locators: Vec::new(),
            owners: Vec::new(),
            parted: false,
        };
        let needed = look.until.iter().chain(&look.until_any).filter_map(|need| match need {
            Need::Visible(e)
            | Need::Present(e)
            | Need::Gone(e)
            | Need::Enabled(e)
            | Need::Checked(e, _)
            | Need::Count(e, _) => Some(e.clone()),
            Need::Toast(_) | Need::Path(_) | Need::WriteRefused => None,
        });
        for name in look.elements.iter().cloned().chain(needed) {
            if let Some(element) = recipe.elements.get(&name) {
                // Words that an order would fill in are nobody's words: nothing is looked for, letter by letter least of all.
                let open = element.words == Words::OfOrder;
                let locators = if open { Vec::new() } else { element.locators.clone() };
                query.with_near(recipe, &locators);
                query.elements.insert(name, locators);
            }
        }
        query
    }

    /// Adds the anchors of `near` locators.
    pub fn with_near(&mut self, recipe: &Recipe, locators: &[Locator]) {
        for locator in locators {
            if let Locator::Near { of, .. } = locator
                && let Some(anchor) = recipe.elements.get(of)
            {
                self.elements.entry(of.clone()).or_insert_with(|| anchor.locators.clone());
            }
        }
    }

    /// The anchors of `near` locators that were added, for who asks nothing else.
    pub(crate) fn into_elements(self) -> BTreeMap<String, Vec<Locator>> {
        self.elements
    }

    /// Whether it waits for anything.
    pub fn waits(&self) -> bool {
        !(self.until.is_empty() && self.until_any.is_empty())
    }

    /// The same, for an inner frame: whose session this is, only the page itself says.
    pub fn for_frame(&self, owners: Vec<u64>) -> Self {
        Self { marker: None, confirm: None, owners, parted: true, ..self.clone() }
    }

    /// The same, for a page whose inner frames are asked as well. `anew`: the server has not been asked yet whose session this is.
    pub fn for_page(&self, owners: Vec<u64>, anew: bool) -> Self {
        Self { confirm: self.confirm.clone().filter(|_| anew), owners, parted: true, ..self.clone() }
    }

    /// Whether the conditions hold, given what each counted in the page, and summed over the page and its frames.
    pub fn satisfied(&self, page: &Counts, all: &Counts) -> bool {
        let holds = |(i, need): (usize, &RawNeed), page: &[Vec<usize>], all: &[Vec<usize>]| {
            let counts = all.get(i).map(Vec::as_slice).unwrap_or_default();
            let some = |counts: &[usize]| counts.iter().any(|n| *n > 0);
            match need {
                RawNeed::Gone(_) => !some(counts),
                RawNeed::Count(_, wanted) => counts.iter().copied().max().unwrap_or_default() >= *wanted,
                // The path is the page's, not a frame's.
                RawNeed::Path(_) => page.get(i).is_some_and(|counts| some(counts)),
                RawNeed::Visible(_)
                | RawNeed::Present(_)
                | RawNeed::Enabled(_)
                | RawNeed::Checked(..)
                | RawNeed::Toast(_) => some(counts),
            }
        };
        self.waits()
            && self.until.iter().enumerate().all(|need| holds(need, &page.all, &all.all))
            && (self.until_any.is_empty()
                || self.until_any.iter().enumerate().any(|need| holds(need, &page.any, &all.any)))
    }

    /// As a JavaScript literal. JSON is one, since ECMAScript 2019.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
    }

    /// A call of the looking code.
    pub fn call(&self, function: &str, within: Duration) -> String {
        let timed = Self { within: u64::try_from(within.as_millis()).unwrap_or(u64::MAX), ..self.clone() };
        format!("{function}({})", timed.json())
    }
}

fn raw_need(need: &Need) -> Option<RawNeed> {
    Some(match need {
        Need::Visible(e) => RawNeed::Visible(e.clone()),
        Need::Present(e) => RawNeed::Present(e.clone()),
        Need::Gone(e) => RawNeed::Gone(e.clone()),
        Need::Enabled(e) => RawNeed::Enabled(e.clone()),
        Need::Checked(e, on) => RawNeed::Checked(e.clone(), *on),
        Need::Count(e, n) => RawNeed::Count(e.clone(), *n),
        Need::Toast(t) => RawNeed::Toast(t.clone()),
        Need::Path(p) => RawNeed::Path(p.clone()),
        // Seen by the gate, not by the page.
        Need::WriteRefused => return None,
    })
}

fn raw_challenge(challenge: &Challenge) -> RawChallenge {
    RawChallenge { kind: challenge.kind, any: challenge.any.clone() }
}

/// CSS pixels.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub struct RawRect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl From<RawRect> for Rect {
    fn from(r: RawRect) -> Self {
        Self { x: r.x, y: r.y, width: r.width, height: r.height }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawFacts {
    tag: String,
    role: String,
    name: String,
    text: String,
    visible: bool,
    enabled: bool,
    pressed: Option<bool>,
    checked: Option<bool>,
    pub(crate) rect: RawRect,
    pub(crate) regions: Vec<String>,
    acts: String,
    traits: Vec<String>,
    container: String,
    twin: bool,
    test_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawHit {
    kind: ChallengeKind,
    detector: String,
    seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawItem {
    id: Option<String>,
    text: String,
    title: Option<String>,
    author: Option<String>,
    media: usize,
    at: Option<String>,
    permalink: Option<String>,
    pending: bool,
}

/// What each condition of a look counted in one realm, a number for each locator.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Counts {
    /// Of the conditions that must all hold.
    pub all: Vec<Vec<usize>>,
    /// Of those of which one must hold.
    pub any: Vec<Vec<usize>>,
}

impl Counts {
    /// Adds those of another realm.
    pub fn add(&mut self, other: &Self) {
        for (mine, more) in [(&mut self.all, &other.all), (&mut self.any, &other.any)] {
            for (mine, more) in mine.iter_mut().zip(more) {
                for (count, more) in mine.iter_mut().zip(more) {
                    *count += more;
                }
            }
        }
    }
}

/// The element that holds a frame.
#[derive(Debug, Clone, Deserialize)]
pub struct RawOwner {
    /// Whether what is in the frame can be seen at all.
    pub shown: bool,
    /// Where the frame's content begins.
    pub x: f64,
    pub y: f64,
    /// Landmark regions around the content, outermost first.
    pub regions: Vec<String>,
    /// How far the document around it is scrolled.
    pub scroll: (f64, f64),
}

/// What the looking code answers.
#[derive(Debug, Deserialize)]
pub struct RawSeen {
    url: String,
    status: Option<u16>,
    lang: Option<String>,
    pub(crate) votes: BTreeMap<String, Vec<Vec<u64>>>,
    pub(crate) nodes: BTreeMap<u64, RawFacts>,
    pub(crate) challenges: Vec<RawHit>,
    pub(crate) items: Option<Vec<RawItem>>,
    pub(crate) toasts: Vec<String>,
    marker: Option<String>,
    #[serde(default)]
    pub(crate) marker_at_home: Option<String>,
    #[serde(default)]
    pub(crate) home_silent: bool,
    pub(crate) satisfied: bool,
    #[serde(default)]
    pub(crate) owners: BTreeMap<u64, Option<RawOwner>>,
    #[serde(default)]
    pub(crate) counts: Counts,
    #[serde(skip)]
    locators: BTreeMap<String, Vec<String>>,
}

impl RawSeen {
    /// Gives the votes the names of their locators.
    pub fn with_locators(mut self, recipe: &Recipe) -> Self {
        self.locators = self
            .votes
            .keys()
            .filter_map(|name| Some((name.clone(), recipe.elements.get(name)?.locators.iter().map(in_words).collect())))
            .collect();
        self
    }

    /// As the engine reads it.
    pub fn into_seen(self) -> Seen {
        let locators = self.locators;
        let votes = self
            .votes
            .into_iter()
            .map(|(name, votes)| {
                let words = locators.get(&name);
                let votes = votes
                    .into_iter()
                    .enumerate()
                    .map(|(i, nodes)| Vote {
                        locator: words.and_then(|w| w.get(i)).cloned().unwrap_or_else(|| format!("locator {}", i + 1)),
                        nodes: nodes.into_iter().map(NodeId).collect(),
                    })
                    .collect();
                (name, votes)
            })
            .collect();
        let mut challenges: Vec<_> = self
            .challenges
            .into_iter()
            .map(|h| ChallengeHit { kind: h.kind, detector: h.detector, wait: h.seconds.map(Duration::from_secs) })
            .collect();
        challenges.sort_by_key(|c| c.kind);
        Seen {
            url: self.url,
            status: self.status,
            lang: self.lang,
            votes,
            nodes: self.nodes.into_iter().map(|(id, f)| (NodeId(id), f.into())).collect(),
            challenges,
            items: self.items.map(|items| items.into_iter().map(Into::into).collect()),
            toasts: self.toasts,
            marker: self.marker,
            marker_at_home: self.marker_at_home,
            home_silent: self.home_silent,
            satisfied: self.satisfied,
        }
    }
}

impl From<RawFacts> for NodeFacts {
    fn from(f: RawFacts) -> Self {
        Self {
            tag: f.tag,
            role: f.role,
            name: f.name,
            text: f.text,
            visible: f.visible,
            enabled: f.enabled,
            pressed: f.pressed,
            checked: f.checked,
            rect: f.rect.into(),
            regions: f.regions,
            acts: f.acts,
            traits: f.traits,
            container: f.container,
            twin: f.twin,
            test_id: f.test_id,
        }
    }
}

impl From<RawItem> for Item {
    fn from(i: RawItem) -> Self {
        Self {
            id: i.id,
            text: i.text,
            title: i.title,
            author: i.author,
            media: i.media,
            at: i.at.as_deref().and_then(Timestamp::parse),
            permalink: i.permalink,
            pending: i.pending,
        }
    }
}

/// A locator as a person reads it.
fn in_words(locator: &Locator) -> String {
    match locator {
        Locator::Role { role, name: Some(name) } => format!("role {role} \"{name}\""),
        Locator::Role { role, name: None } => format!("role {role}"),
        Locator::Label(label) => format!("label \"{label}\""),
        Locator::Text(text) => format!("text \"{text}\""),
        Locator::Css(css) => format!("css {css}"),
        Locator::Xpath(xpath) => format!("xpath {xpath}"),
        Locator::TestId(id) => format!("test id {id}"),
        Locator::OneOf { css, text } => format!("\"{text}\" among css {css}"),
        Locator::Near { side, of, text } => {
            let side = match side {
                Side::Below => "below",
                Side::Above => "above",
                Side::LeftOf => "left of",
                Side::RightOf => "right of",
                Side::Inside => "inside",
            };
            format!("\"{text}\" {side} {of}")
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use deed_core::order::ScheduledWords;

    use super::*;

    #[test]
    fn what_an_order_would_fill_in_is_never_looked_for() {
        let recipe = deed_recipes::load_builtin("tiktok").unwrap();
        let look = Look { elements: vec!["schedule_day".to_owned(), "caption".to_owned()], ..Look::default() };
        let asked = |recipe: &Recipe| Query::new(recipe, &look).into_elements();
        assert_eq!(asked(&recipe)["schedule_day"], []);
        assert!(!asked(&recipe)["caption"].is_empty());
        let at = Timestamp::parse("2029-12-05T20:05:00Z").unwrap();
        let filled = asked(&recipe.for_order(&ScheduledWords::of(at)));
        let day = Locator::OneOf { css: ".calendar-wrapper span.day.valid".to_owned(), text: "5".to_owned() };
        assert_eq!(filled["schedule_day"], [day]);
    }
}
