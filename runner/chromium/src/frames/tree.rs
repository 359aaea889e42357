//! Which frames a tab has, and which of them are looked into: a pure picture of what the browser told.
//!
//! A frame is looked into when its origin is among the recipe's, and the frame around it is looked into as well: nobody could tell
//! otherwise whether it is shown, or what lies in front of it. A frame of the same origin and process as the one around it belongs to that
//! one's realm: its looking code crosses it.

use std::collections::HashMap;

use serde::Deserialize;

/// A frame as the browser tells of it when it has another document.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) parent_id: Option<String>,
    pub(super) security_origin: String,
}

/// A frame whose document has a realm of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reachable {
    pub(super) frame: String,
    /// The protocol session that answers for its document.
    pub(super) session: String,
    /// The one that knows the element that holds it.
    pub(super) outer: String,
    /// The frame in whose realm that element stands.
    pub(super) parent: String,
    /// Changes with each document.
    pub(super) document: u64,
    /// Its process is gone.
    pub(super) crashed: bool,
}

#[derive(Debug)]
struct Known {
    parent: Option<String>,
    session: String,
    outer: String,
    /// As its URL tells; `None`: not known yet.
    origin: Option<String>,
    document: u64,
    crashed: bool,
    /// In which order frames came.
    place: u64,
}

/// All frames of one tab.
#[derive(Debug)]
pub(super) struct Tree {
    main: String,
    frames: HashMap<String, Known>,
    /// Numbers documents and places.
    last: u64,
}

impl Tree {
    /// A tab with nothing but its main frame.
    pub(super) fn new(main: &str, session: &str) -> Self {
        let mut tree = Self { main: main.to_owned(), frames: HashMap::new(), last: 0 };
        tree.known(main, session);
        tree
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn known(&mut self, frame: &str, session: &str) -> &mut Known {
        let (document, place) = (self.next(), self.next());
        self.frames.entry(frame.to_owned()).or_insert_with(|| Known {
            parent: None,
            session: session.to_owned(),
            outer: session.to_owned(),
            origin: None,
            document,
            crashed: false,
            place,
        })
    }

    /// A session tells of a new frame within a frame.
    pub(super) fn attached(&mut self, session: &str, frame: &str, parent: &str) {
        self.known(frame, session).parent = Some(parent.to_owned());
    }

    /// A session tells that a frame shows another document.
    pub(super) fn navigated(&mut self, session: &str, shown: &Shown) {
        self.remove_below(&shown.id, session);
        let document = self.next();
        let known = self.known(&shown.id, session);
        if shown.parent_id.is_some() {
            known.parent.clone_from(&shown.parent_id);
        }
        if known.session != session {
            // Back in the process of the frame around it.
            session.clone_into(&mut known.session);
            session.clone_into(&mut known.outer);
            known.crashed = false;
        }
        known.origin = Some(shown.security_origin.clone());
        known.document = document;
    }

    /// A session tells that a frame is gone, or (`swap`) goes on in another process.
    pub(super) fn detached(&mut self, session: &str, frame: &str, swap: bool) {
        if self.frames.get(frame).is_none_or(|known| known.session != session) {
            // Word from the process that it left before.
            return;
        }
        self.remove_below(frame, session);
        if swap {
            let document = self.next();
            if let Some(known) = self.frames.get_mut(frame) {
                known.origin = None;
                known.document = document;
            }
        } else {
            self.frames.remove(frame);
        }
    }

    /// A frame has a process, and with it a session, of its own.
    pub(super) fn adopted(&mut self, child: &str, outer: &str, frame: &str, parent: Option<&str>) {
        let document = self.next();
        let known = self.known(frame, child);
        child.clone_into(&mut known.session);
        outer.clone_into(&mut known.outer);
        known.origin = None;
        known.document = document;
        known.crashed = false;
        if known.parent.is_none() {
            known.parent = parent.map(str::to_owned);
        }
    }

    /// A session of a frame is over.
    pub(super) fn left(&mut self, child: &str) {
        let of_it: Vec<String> =
            self.frames.iter().filter(|(_, known)| known.session == child).map(|(frame, _)| frame.clone()).collect();
        for frame in of_it {
            self.frames.remove(&frame);
        }
    }

    /// The process behind a session crashed.
    pub(super) fn crashed(&mut self, child: &str) {
        for known in self.frames.values_mut().filter(|known| known.session == child) {
            known.crashed = true;
        }
    }

    /// Every session that answers for a frame.
    pub(super) fn sessions(&self) -> std::collections::HashSet<String> {
        self.frames.values().map(|known| known.session.clone()).collect()
    }

    /// Takes away the frames of a document that is gone. Those with a session of their own end with that.
    fn remove_below(&mut self, frame: &str, session: &str) {
        let mut below = vec![frame.to_owned()];
        while let Some(at) = below.pop() {
            let children: Vec<String> = self
                .frames
                .iter()
                .filter(|(_, known)| known.parent.as_ref() == Some(&at) && known.session == session)
                .map(|(child, _)| child.clone())
                .collect();
            for child in children {
                self.frames.remove(&child);
                below.push(child);
            }
        }
    }

    /// The frames with realms of their own, outer ones before inner ones, in the order in which they came.
    pub(super) fn reachable(&self, allowed: impl Fn(&str) -> bool) -> Vec<Reachable> {
        if self.frames.len() < 2 {
            return Vec::new();
        }
        let Some(main) = self.frames.get(&self.main) else { return Vec::new() };
        let mut children: HashMap<&str, Vec<(&String, &Known)>> = HashMap::new();
        for (frame, known) in &self.frames {
            if let Some(parent) = &known.parent {
                children.entry(parent).or_default().push((frame, known));
            }
        }
        let mut found = Vec::new();
        // Frame, the frame whose realm it belongs to, and the origin of that realm.
        let mut lit = std::collections::VecDeque::from([(&self.main, &self.main, main.origin.as_deref(), main)]);
        while let Some((frame, realm, origin, known)) = lit.pop_front() {
            let mut inner = children.remove(frame.as_str()).unwrap_or_default();
            inner.sort_by_key(|(_, known)| known.place);
            for (child, of_child) in inner {
                let Some(its) = of_child.origin.as_deref() else { continue };
                let together = of_child.session == known.session;
                // Documents without a URL of the network (about:blank, srcdoc) are of the origin of the frame around
                // them, or sandboxed: its looking code finds out.
                if together && (Some(its) == origin || !its.starts_with("http")) {
                    lit.push_back((child, realm, origin, of_child));
                } else if allowed(its) {
                    found.push(Reachable {
                        frame: child.clone(),
                        session: of_child.session.clone(),
                        outer: of_child.outer.clone(),
                        parent: realm.clone(),
                        document: of_child.document,
                        crashed: of_child.crashed,
                    });
                    lit.push_back((child, child, Some(its), of_child));
                }
            }
        }
        found
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    const HOME: &str = "https://home.test";
    const EDITOR: &str = "https://editor.test";
    const ADS: &str = "https://ads.test";

    fn shown(id: &str, parent: Option<&str>, origin: &str) -> Shown {
        Shown { id: id.into(), parent_id: parent.map(str::to_owned), security_origin: origin.into() }
    }

    /// A tab at home with one frame in a process of its own.
    fn tab(origin: &str) -> Tree {
        let mut tree = Tree::new("main", "tab");
        tree.navigated("tab", &shown("main", None, HOME));
        tree.attached("tab", "a", "main");
        tree.navigated("tab", &shown("a", Some("main"), "://"));
        tree.adopted("sa", "tab", "a", None);
        tree.detached("tab", "a", true);
        tree.navigated("sa", &shown("a", None, origin));
        tree
    }

    fn frames(tree: &Tree) -> Vec<String> {
        tree.reachable(|origin| origin != ADS).into_iter().map(|r| format!("{} in {}", r.frame, r.parent)).collect()
    }

    #[test]
    fn a_frame_in_another_process_is_reached_when_its_origin_is_the_recipes() {
        let tree = tab(EDITOR);
        assert_eq!(frames(&tree), ["a in main"]);
        let [a] = &tree.reachable(|_| true)[..] else { panic!("one") };
        assert_eq!((a.session.as_str(), a.outer.as_str()), ("sa", "tab"));
        assert_eq!(frames(&tab(ADS)), [""; 0]);
    }

    #[test]
    fn what_stands_in_a_dark_frame_is_dark() {
        let mut tree = tab(ADS);
        tree.attached("sa", "b", "a");
        tree.navigated("sa", &shown("b", Some("a"), HOME));
        assert_eq!(frames(&tree), [""; 0]);
    }

    #[test]
    fn a_frame_of_the_same_origin_belongs_to_the_realm_around_it() {
        let mut tree = Tree::new("main", "tab");
        tree.navigated("tab", &shown("main", None, HOME));
        tree.navigated("tab", &shown("same", Some("main"), HOME));
        tree.navigated("tab", &shown("blank", Some("same"), "://"));
        assert_eq!(frames(&tree), [""; 0]);
        tree.navigated("tab", &shown("deep", Some("blank"), EDITOR));
        assert_eq!(frames(&tree), ["deep in main"]);
        tree.navigated("tab", &shown("deeper", Some("deep"), HOME));
        assert_eq!(frames(&tree), ["deep in main", "deeper in deep"]);
    }

    #[test]
    fn frames_go_with_their_document_their_element_and_their_process() {
        let mut tree = tab(EDITOR);
        tree.left("sa");
        assert_eq!(frames(&tree), [""; 0]);
        let mut tree = Tree::new("main", "tab");
        tree.navigated("tab", &shown("main", None, HOME));
        for id in ["a", "b"] {
            tree.attached("tab", id, "main");
            tree.navigated("tab", &shown(id, Some("main"), EDITOR));
        }
        tree.detached("tab", "a", false);
        assert_eq!(frames(&tree), ["b in main"]);
        tree.navigated("tab", &shown("main", None, HOME));
        assert_eq!(frames(&tree), [""; 0]);
    }

    #[test]
    fn a_new_document_is_another_one_and_a_crash_is_told() {
        let mut tree = tab(EDITOR);
        let document = |tree: &Tree| tree.reachable(|_| true)[0].document;
        let before = document(&tree);
        tree.navigated("sa", &shown("a", None, EDITOR));
        assert_ne!(document(&tree), before);
        tree.crashed("sa");
        assert!(tree.reachable(|_| true)[0].crashed);
    }

    #[test]
    fn word_of_the_process_that_a_frame_left_changes_nothing() {
        let mut tree = tab(EDITOR);
        tree.detached("tab", "a", true);
        tree.detached("tab", "a", false);
        assert_eq!(frames(&tree), ["a in main"]);
        // And back into the process of the page.
        tree.navigated("tab", &shown("a", Some("main"), HOME));
        tree.left("sa");
        assert_eq!(frames(&tree), [""; 0], "it is of the page's own realm now");
        assert!(tree.frames.contains_key("a"));
    }
}
