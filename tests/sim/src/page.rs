//! Pages: what a document shows, element by element, by the names that the recipe gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::ports::browser::{ChallengeHit, Item, NodeFacts, NodeId, Rect, Vote};
use deed_core::time::Timestamp;
use deed_recipes::{ChallengeKind, Recipe};

use crate::luck::{Drift, Luck, Profile};
use crate::platform::{Kind, Platform, Request};
use crate::scripted::{Done, LATE_PREVIEWS};

/// The platform's origin.
pub const BASE: &str = "http://127.0.0.1:4000";
/// The node of the button that stands where it should not.
pub const DECOY: u64 = 900;
/// Nodes of one document.
const NODES: u64 = 1_000;
/// How far behind an old page is: longer than any settle window.
const OLD_MS: i64 = 3_600_000;
/// So long after.
const PREVIEWS_TAKE_MS: i64 = 1_500;
/// How long a page takes to load.
const LOADS_MS: i64 = 300;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// Somebody's profile.
    Profile(String),
    /// Somebody's posts.
    Feed(String),
    /// The composer.
    Composer,
    /// An object's own page.
    Object(String),
    /// A conversation.
    Thread(String),
    /// Posts for later.
    Scheduled,
    /// Something that is not there.
    Missing,
}

impl View {
    /// By its path.
    pub fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            ["compose"] => Self::Composer,
            ["scheduled"] => Self::Scheduled,
            ["p", id] => Self::Object((*id).to_owned()),
            ["messages", whom] => Self::Thread((*whom).to_owned()),
            [who, "posts"] => Self::Feed((*who).to_owned()),
            [who] if !who.is_empty() => Self::Profile((*who).to_owned()),
            _ => Self::Missing,
        }
    }
}

/// How old what a page shows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// As it is now.
    Fresh,
    /// Its lists are those of an hour ago.
    OldLists,
    /// All of it is as it was an hour ago: it was answered by a replica that is behind.
    Old,
}

/// An object as its page showed it when it was loaded.
#[derive(Debug, Clone, Default)]
struct Seen {
    text: String,
    liked: bool,
}

/// One loaded document.
#[derive(Debug, Clone)]
pub struct Doc {
    /// Its number within the tab.
    pub number: u64,
    /// Its URL.
    pub url: String,
    /// What it is.
    pub view: View,
    /// Its status.
    pub status: u16,
    /// What it says of who is signed in.
    pub marker: Option<String>,
    /// When all of it is there.
    pub ready_at: i64,
    /// What stands in its place.
    pub challenge: Option<ChallengeHit>,
    /// Whether the page is still there behind the challenge.
    pub behind: bool,
    /// What was typed, by element.
    pub fields: BTreeMap<String, String>,
    /// Files that were given to it.
    pub uploads: usize,
    /// When the last ones were.
    pub(crate) uploaded_at: i64,
    /// Status texts.
    pub toasts: Vec<String>,
    /// The entries of its list.
    pub items: Vec<Item>,
    /// Elements that were clicked open.
    pub open: Vec<&'static str>,
    /// What was done to elements whose names say how they behave.
    pub(crate) done: Done,
    /// Whether its list shows a part of itself.
    pub(crate) scrolls: bool,
    /// Whether a profile has a picture.
    pub(crate) pictured: bool,
    object: Option<Seen>,
    following: bool,
    shown_handle: String,
    shown_name: String,
    selected: String,
    own: bool,
    profile_signals: bool,
    gone: Option<&'static str>,
}

fn hit(kind: ChallengeKind, wait: Option<u64>) -> ChallengeHit {
    ChallengeHit { kind, detector: format!("{kind:?}"), wait: wait.map(Duration::from_secs) }
}

impl Doc {
    /// Loads a page as it is at this moment, for who is signed in.
    pub fn load(
        number: u64,
        url: &str,
        now: i64,
        platform: &Platform,
        signed_in: Option<usize>,
        luck: &Luck,
        age: Age,
    ) -> Self {
        let path = url.strip_prefix(BASE).unwrap_or(url).split(['?', '#']).next().unwrap_or_default();
        let mut view = View::of(path);
        let member = signed_in.and_then(|at| platform.members.get(at));
        let then = if age == Age::Fresh { now } else { now - OLD_MS };
        let seen_at = if age == Age::Old { now - OLD_MS } else { now };
        let own_handle = member.map(|m| m.handle.clone()).unwrap_or_default();
        let mut items = Vec::new();
        let mut object = None;
        let mut status = 200;
        match &view {
            View::Feed(who) => {
                let author = platform.member(who);
                items = platform.list(then, BASE, |o| o.kind == Kind::Post && Some(o.author) == author);
                // Entries of others stand between them: shared posts.
                items.extend(
                    platform.list(then, BASE, |o| o.kind == Kind::Post && Some(o.author) != author).into_iter().take(5),
                );
            }
            View::Scheduled => {
                items = platform.list(then, BASE, |o| o.kind == Kind::Scheduled && Some(o.author) == signed_in)
            }
            View::Thread(whom) => {
                let wanted = Kind::Message(whom.clone());
                items = platform.list(then, BASE, |o| o.kind == wanted && Some(o.author) == signed_in);
            }
            View::Object(id) => {
                let wanted = Kind::Comment(id.clone());
                items = platform.list(then, BASE, |o| o.kind == wanted);
                match platform.object(id).filter(|o| o.gone.is_none_or(|g| g > seen_at) && o.shown <= seen_at) {
                    Some(o) => {
                        let liked = signed_in.is_some_and(|by| o.liked(by, seen_at));
                        object = Some(Seen { text: o.text(seen_at).to_owned(), liked });
                    }
                    None => status = 404,
                }
            }
            View::Profile(who) if platform.member(who).is_none() => {
                status = 404;
                view = View::Missing;
            }
            _ => {}
        }
        let shown = match &view {
            View::Profile(who) => who.clone(),
            _ => String::new(),
        };
        let shown_name =
            platform.member(&shown).and_then(|at| platform.members.get(at)).map(|m| m.name.clone()).unwrap_or_default();
        let following = signed_in.is_some_and(|by| platform.follows(by, &shown, seen_at));
        let own = shown == own_handle;
        let mut doc = Self {
            number,
            url: url.to_owned(),
            view,
            status,
            marker: member.map(super::platform::Member::marker),
            ready_at: now + LOADS_MS,
            challenge: None,
            behind: false,
            fields: BTreeMap::new(),
            uploads: 0,
            uploaded_at: 0,
            toasts: Vec::new(),
            items,
            open: Vec::new(),
            done: Done::default(),
            scrolls: false,
            pictured: false,
            object,
            following,
            shown_handle: shown,
            shown_name,
            selected: own_handle,
            own,
            profile_signals: true,
            gone: None,
        };
        doc.as_luck_says(luck);
        if signed_in.is_none() {
            doc.challenge = Some(hit(ChallengeKind::LoggedOut, None));
        }
        doc
    }

    fn as_luck_says(&mut self, luck: &Luck) {
        if luck.drift == Some(Drift::LandmarkGone) && self.view == View::Composer {
            self.gone = Some("editor");
        }
        if !matches!(self.view, View::Profile(_)) {
            return;
        }
        match luck.profile {
            Profile::Right => {}
            // The page asked for is the right one's; who is signed in sees the own one instead.
            Profile::Other => {
                self.shown_handle.clone_from(&self.selected);
                self.own = true;
            }
            Profile::Public => {
                self.own = false;
                self.selected = String::new();
            }
            Profile::NameOnly => {
                self.own = true;
                self.shown_handle = String::new();
                self.selected = String::new();
            }
            Profile::SwitcherSays => self.own = true,
        }
        self.profile_signals = luck.profile != Profile::NameOnly;
    }

    /// Puts a challenge over the page, whose elements are all found behind it.
    pub fn challenge_over(&mut self, kind: ChallengeKind) {
        self.challenge = Some(hit(kind, None));
        self.behind = true;
    }

    /// Puts a challenge in the page's place.
    pub fn challenge(&mut self, kind: ChallengeKind, wait: Option<u64>) {
        self.challenge = Some(hit(kind, wait));
    }

    /// The tab keeps in memory what it was told that it made, as pages do that draw themselves, and shows it wherever
    /// it belongs. Nothing of it need be true: that is why a look at what became of a write is a session of its own.
    pub fn remember(&mut self, made: &Request, by: &str, now: i64) {
        let listed = match (&self.view, made.flow.as_str()) {
            (View::Feed(who), "publish.post") => who == by,
            (View::Scheduled, "schedule") => true,
            (View::Object(id), "comment_reply") => *id == made.target,
            (View::Thread(whom), "dm_send") => *whom == made.target,
            _ => false,
        };
        if listed {
            let item = Item {
                id: None,
                text: made.text.clone(),
                title: None,
                author: Some(format!("@{by}")),
                media: made.media,
                at: Some(Timestamp(now)),
                permalink: None,
                pending: false,
            };
            self.items.insert(0, item);
        }
        let this = matches!(&self.view, View::Object(id) | View::Profile(id) if *id == made.target);
        match (made.flow.as_str(), &mut self.object) {
            ("follow", _) if this => self.following = true,
            ("like", Some(object)) if this => object.liked = true,
            ("edit", Some(object)) if this => object.text.clone_from(&made.text),
            ("delete", Some(_)) if this => (self.object, self.status) = (None, 404),
            _ => {}
        }
    }

    /// The page heard that its write was carried out.
    pub fn told(&mut self, flow: &str) {
        let toast = match flow {
            "publish.post" => "Your post is live",
            "schedule" => "Your post is scheduled",
            "edit" => "Saved",
            "delete" => "Your post was deleted",
            "comment_reply" => "Your comment is live",
            "dm_send" => "Message sent",
            "follow" => {
                self.following = true;
                "Following"
            }
            _ => {
                if let Some(object) = &mut self.object {
                    object.liked = true;
                }
                "Liked"
            }
        };
        self.toasts.push(toast.to_owned());
    }

    /// What an element shows, or nothing: its role, its words, and whether it is pressed.
    fn shows(&self, element: &str, target: &str) -> Option<(&'static str, String, Option<bool>)> {
        if (self.challenge.is_some() && !self.behind) || self.gone == Some(element) || self.status >= 500 {
            return None;
        }
        let typed = |field: &str| self.fields.get(field).cloned().unwrap_or_default();
        let plain = |role: &'static str, words: &str| Some((role, words.to_owned(), None));
        let there = |so: bool, role: &'static str, words: String| so.then_some((role, words, None));
        let profile = matches!(self.view, View::Profile(_));
        let composer = self.view == View::Composer;
        let object = matches!(self.view, View::Object(_)) && self.object.is_some();
        let open = |what: &str| self.open.contains(&what);
        match element {
            "account_menu" => plain("button", "Account menu"),
            "selected_account" => {
                there(open("account_menu") && !self.selected.is_empty(), "menuitem", format!("@{}", self.selected))
            }
            "header_handle" => there(profile && !self.shown_handle.is_empty(), "", format!("@{}", self.shown_handle)),
            "person_handle" => there(profile, "", format!("@{}", self.shown_handle)),
            "header_avatar" => there(profile && self.pictured, "img", String::new()),
            "header_name" => there(profile, "heading", self.shown_name.clone()),
            "edit_profile" => there(profile && self.own, "button", "Edit profile".to_owned()),
            "follow_button" if profile && !self.own => {
                let words = if self.following { "Following" } else { "Follow" };
                Some(("button", words.to_owned(), Some(self.following)))
            }
            "following_button" => there(profile && self.following, "button", "Following".to_owned()),
            "editor" => there(composer, "textbox", typed("editor")),
            "media_input" | "welcome" => there(composer, "", String::new()),
            "welcome_dismiss" => there(composer && !open("dismissed"), "button", "Got it".to_owned()),
            "post_button" => there(composer, "button", "Post".to_owned()),
            "schedule_time" => there(composer, "textbox", typed("schedule_time")),
            "schedule_button" => there(composer, "button", "Schedule".to_owned()),
            "feed_ready" => there(matches!(self.view, View::Feed(_)), "", String::new()),
            "scheduled_list" => there(self.view == View::Scheduled, "list", String::new()),
            "like_button" if object => {
                Some(("button", "Like".to_owned(), Some(self.object.as_ref().is_some_and(|o| o.liked))))
            }
            "liked" => there(object && self.object.as_ref().is_some_and(|o| o.liked), "button", "Like".to_owned()),
            "post_entry" | "comments_section" => there(object, "article", String::new()),
            "post_text" => there(object, "", self.object.as_ref().map(|o| o.text.clone()).unwrap_or_default()),
            "post_address" => there(object, "textbox", target.to_owned()),
            "missing_notice" => {
                there(matches!(self.view, View::Object(_)) && self.object.is_none(), "", "Not here".to_owned())
            }
            "comment_editor" => there(object, "textbox", typed("comment_editor")),
            "comment_save" => there(object, "button", "Save".to_owned()),
            "edit_button" => there(object && !open("edit_button"), "button", "Edit".to_owned()),
            "edit_form" => there(object && open("edit_button"), "form", String::new()),
            "edit_editor" => there(object && open("edit_button"), "textbox", typed("edit_editor")),
            "edit_save" => there(object && open("edit_button"), "button", "Save".to_owned()),
            "delete_button" => there(object, "button", "Delete".to_owned()),
            "delete_dialog" => there(object && open("delete_button"), "alertdialog", String::new()),
            "delete_confirm" => there(object && open("delete_button"), "button", "Delete".to_owned()),
            "thread_handle" => match &self.view {
                View::Thread(whom) => plain("heading", &format!("@{whom}")),
                _ => None,
            },
            "thread_list" => there(matches!(self.view, View::Thread(_)), "list", String::new()),
            "message_editor" => there(matches!(self.view, View::Thread(_)), "textbox", typed("message_editor")),
            "message_send" => there(matches!(self.view, View::Thread(_)), "button", "Send".to_owned()),
            _ => None,
        }
    }

    /// What the locators of an element name on this page, and what is known of the nodes.
    pub fn votes(
        &self,
        recipe: &Recipe,
        element: &str,
        commit: &str,
        now: i64,
        luck: &Luck,
    ) -> (Vec<Vote>, Vec<(NodeId, NodeFacts)>) {
        let Some((at, _, described)) = recipe.elements.get_full(element) else { return (Vec::new(), Vec::new()) };
        let first = self.number * NODES;
        let locators = described.locators.len();
        let named = |place: usize, nodes: Vec<NodeId>| Vote { locator: format!("locator {}", place + 1), nodes };
        let none = || ((0..locators).map(|p| named(p, Vec::new())).collect(), Vec::new());
        if now < self.ready_at {
            return none();
        }
        if element == "media_preview" {
            if recipe.elements.contains_key(LATE_PREVIEWS) && now < self.uploaded_at + PREVIEWS_TAKE_MS {
                return none();
            }
            let nodes: Vec<_> = (0..self.uploads).map(|n| NodeId(first + 600 + n as u64)).collect();
            let facts = nodes.iter().map(|n| (*n, NodeFacts { visible: true, ..NodeFacts::default() })).collect();
            let votes = if self.view == View::Composer && (self.challenge.is_none() || self.behind) {
                nodes
            } else {
                Vec::new()
            };
            return ((0..locators).map(|p| named(p, votes.clone())).collect(), facts);
        }
        let target = self.url.as_str();
        let shown = self.shows(element, target);
        let scripted = if shown.is_none() && self.view == View::Composer && self.challenge.is_none() {
            self.done.shows(element, now - self.ready_at)
        } else {
            None
        };
        let (enabled, checked) = scripted.as_ref().map_or((true, None), |s| (s.enabled, s.checked));
        let Some((role, words, pressed)) = shown.or(scripted.map(|s| (s.role, s.words, None))) else { return none() };
        let node = NodeId(first + at as u64);
        let drift = luck.drift.filter(|_| element == commit);
        // What outvotes the right one stands before it on the page, the others after it: neither order may decide.
        let decoy = NodeId(if drift == Some(Drift::Outvoted) { first - 1 } else { first + DECOY });
        let facts = |words: &str| NodeFacts {
            tag: "x".to_owned(),
            role: role.to_owned(),
            name: words.to_owned(),
            text: words.to_owned(),
            visible: element != "media_input",
            enabled,
            pressed,
            checked,
            rect: Rect { x: 10.0, y: 10.0 * at as f64, width: 80.0, height: 8.0 },
            ..NodeFacts::default()
        };
        let of = |place: usize| match drift {
            Some(Drift::Dissent) if place + 1 == locators => vec![decoy],
            Some(Drift::Outvoted) if place > 0 => vec![decoy],
            Some(Drift::Swapped) => vec![decoy],
            Some(Drift::Lonely) => {
                if place == 0 {
                    vec![decoy]
                } else {
                    Vec::new()
                }
            }
            _ => vec![node],
        };
        let mut known = vec![(node, facts(&words))];
        if drift.is_some() {
            known.push((decoy, facts("Delete account")));
        }
        ((0..locators).map(|p| named(p, of(p))).collect(), known)
    }

    /// Which element a node is, and whether it is of this document.
    pub fn element<'r>(&self, recipe: &'r Recipe, node: NodeId) -> Option<&'r str> {
        let at = node.0.checked_sub(self.number * NODES)?;
        let (name, _) = recipe.elements.get_index(usize::try_from(at).ok()?)?;
        Some(name)
    }

    /// Whether a node is the button that should not be there.
    pub fn is_decoy(&self, node: NodeId) -> bool {
        let first = self.number * NODES;
        node.0 == first + DECOY || node.0 + 1 == first
    }
}
