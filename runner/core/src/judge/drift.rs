//! Has the layout moved?
//!
//! Per surface, every landmark must be there, and stand where its baseline says: the same role, the same landmark regions around it,
//! below the same landmarks, doing the same when it is pressed, the same kind of control, there once, and, in the same language,
//! with the same words on it and on its form. Content, counters, ads and class names are not looked at, so they are never drift.

use deed_recipes::{Baseline, LandmarkPlace};

use crate::judge::{quorum, text};
use crate::ports::browser::{NodeFacts, Seen};

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drift {
    /// 0 (nothing moved) to 1 (nothing is where it was): changed facts over all facts compared.
    pub score: f64,
    /// What moved, in words.
    pub reasons: Vec<String>,
}

impl Drift {
    /// Whether the surface can be trusted.
    pub fn is_none(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn found<'a>(seen: &'a Seen, landmark: &str) -> Option<&'a NodeFacts> {
    let (node, _) = quorum::lone(seen, landmark)?;
    seen.nodes.get(&node)
}

/// Whether a locator names it and nothing else.
fn alone(seen: &Seen, landmark: &str) -> bool {
    seen.votes.get(landmark).is_some_and(|votes| votes.iter().any(|v| v.nodes.len() == 1))
}

/// Whether what has its name is it, where content brings no other: each comment has a Like of its own, but no locator that names it
/// names another one in its dialog or right beside it, and the page's frame (its header, navigation, footer) holds none.
fn only(seen: &Seen, landmark: &str) -> bool {
    let Some((node, _)) = quorum::lone(seen, landmark) else { return false };
    let Some(it) = seen.nodes.get(&node) else { return false };
    let votes = seen.votes.get(landmark).map(Vec::as_slice).unwrap_or_default();
    let mut others = votes.iter().filter(|vote| vote.nodes.contains(&node)).flat_map(|vote| &vote.nodes);
    let counts = |id| in_dialog(it) || seen.nodes.get(id).is_some_and(|other| beside(it, other));
    !it.twin && !others.any(|id| *id != node && counts(id))
}

/// How far apart two of a row are at most, in CSS pixels: a word's width and the space around it.
const ROW_GAP: f64 = 160.0;

/// Whether the two stand side by side: on one line, and near each other.
fn beside(it: &NodeFacts, other: &NodeFacts) -> bool {
    let middle = |facts: &NodeFacts| facts.rect.y + facts.rect.height / 2.0;
    let on_one_line = (middle(it) - middle(other)).abs() <= it.rect.height.max(other.rect.height) / 2.0;
    let gap = (it.rect.x - other.rect.x - other.rect.width).max(other.rect.x - it.rect.x - it.rect.width);
    on_one_line && gap <= ROW_GAP
}

fn region(regions: &[String]) -> String {
    regions.last().map_or_else(|| "the page".to_owned(), Clone::clone)
}

/// Words without what counts: "Inbox, 3 unread" is "Inbox, 1,204 unread".
pub(crate) fn words(text: &str) -> String {
    let folded = text::fold(text);
    let mut out = String::with_capacity(folded.len());
    let mut letters = folded.chars().peekable();
    while let Some(letter) = letters.next() {
        let within = matches!(letter, '.' | ',' | '\'' | '’') && letters.peek().is_some_and(|next| next.is_numeric());
        let of_a_number = letter.is_numeric() || within && out.ends_with('#');
        if !of_a_number {
            out.push(letter);
        } else if !out.ends_with('#') {
            out.push('#');
        }
        // 1.2K is a number too.
        if out.ends_with('#') && letters.peek().is_some_and(|next| matches!(next, 'K' | 'M' | 'B')) {
            let mut after = letters.clone();
            after.next();
            if !after.peek().is_some_and(|next| next.is_alphanumeric()) {
                letters.next();
            }
        }
    }
    out
}

/// Whether there is a word in it, and not only a number, a sign or somebody's initial.
fn speaks(text: &str) -> bool {
    let mut letters = 0;
    words(text).chars().any(|c| {
        letters = if c.is_alphabetic() { letters + 1 } else { 0 };
        letters > 1
    })
}

/// What a list of traits, or an empty word, is called.
fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// One landmark's facts, compared one by one.
struct Comparison<'a> {
    landmark: &'a str,
    compared: u32,
    reasons: Vec<String>,
}

impl Comparison<'_> {
    fn fact(&mut self, same: bool, reason: impl FnOnce(&str) -> String) {
        self.compared += 1;
        if !same {
            self.reasons.push(reason(self.landmark));
        }
    }

    fn words(&mut self, what: &str, then: Option<&String>, now: &str) {
        let Some(then) = then else { return };
        self.fact(words(then) == words(now), |l| format!("`{l}` {what} \"{then}\", now \"{}\"", words(now)));
    }

    /// What the eye reads on it. Where that was a sign or a counter, any other will do, but no word.
    fn read(&mut self, then: Option<&String>, now: &str) {
        match then {
            Some(then) if then.is_empty() => {
                self.fact(!speaks(now), |l| format!("`{l}` read nothing in words, now \"{}\"", words(now)));
            }
            then => self.words("read", then, now),
        }
    }

    fn place(&mut self, then: &LandmarkPlace, now: &NodeFacts, same_language: bool) {
        self.fact(now.role == then.role, |l| format!("`{l}` was a {}, is a {}", then.role, now.role));
        self.fact(now.regions == then.regions, |l| {
            format!("`{l}` moved from {} to {}", region(&then.regions), region(&now.regions))
        });
        if let Some(acts) = &then.acts {
            let (then, now) = (or_nothing(acts), or_nothing(&now.acts));
            self.fact(then == now, |l| format!("`{l}` did {then}, does {now}"));
        }
        if let Some(traits) = &then.traits {
            let known = traits == &now.traits || then.or_traits.contains(&now.traits);
            let (then, now) = (traits.join(", "), now.traits.join(", "));
            self.fact(known, |l| format!("`{l}` was {}, is {}", or_nothing(&then), or_nothing(&now)));
        }
        if same_language {
            self.words("was named", then.name.as_ref(), &now.name);
            self.read(then.text.as_ref(), &now.text);
            self.words("belonged to", then.container.as_ref(), &now.container);
        }
    }
}

/// Compares the landmarks of a surface with its baseline; without one, only their presence is asked for.
pub fn judge(landmarks: &[String], baseline: Option<&Baseline>, seen: &Seen) -> Drift {
    let mut reasons = Vec::new();
    let mut compared = 0_u32;
    for landmark in landmarks {
        compared += 1;
        let Some(now) = found(seen, landmark) else {
            reasons.push(format!("`{landmark}` gone"));
            continue;
        };
        let Some(baseline) = baseline else { continue };
        let Some(then) = baseline.landmarks.get(landmark) else { continue };
        let mut comparison = Comparison { landmark, compared: 0, reasons: Vec::new() };
        comparison.place(then, now, baseline.lang == seen.lang);
        if then.alone {
            comparison.fact(alone(seen, landmark), |l| format!("`{l}` is there more than once"));
        }
        if then.only {
            comparison.fact(only(seen, landmark), |l| format!("another one is known by what `{l}` is known by"));
        }
        for above in &then.below {
            if let Some(other) = found(seen, above) {
                let below = other.rect.y + other.rect.height <= now.rect.y + 1.0;
                comparison.fact(below, |l| format!("`{l}` stood below `{above}`, now it does not"));
            }
        }
        compared += comparison.compared;
        reasons.append(&mut comparison.reasons);
    }
    let score = if compared == 0 {
        0.0
    } else {
        f64::from(u32::try_from(reasons.len()).unwrap_or(u32::MAX)) / f64::from(compared)
    };
    Drift { score: score.min(1.0), reasons }
}

/// Roles whose visible words are their meaning, not somebody's content.
const SPEAKING: [&str; 5] = ["button", "link", "tab", "menuitem", "switch"];

/// Whether it is a dialog itself: its regions are those that it stands in.
fn is_dialog(facts: &NodeFacts) -> bool {
    matches!(facts.role.as_str(), "dialog" | "alertdialog")
}

/// Whether it stands in a dialog. On the page itself content brings others of its name: each comment has a Like of its own.
fn in_dialog(facts: &NodeFacts) -> bool {
    facts.regions.iter().any(|region| matches!(region.as_str(), "dialog" | "alertdialog"))
}

/// The baseline of a surface as it is now. A landmark that is not there is left out; words that hold one of `content` (the
/// account's handle, its name) are not part of the layout and are left out too.
pub fn baseline(surface: &str, landmarks: &[String], seen: &Seen, content: &[&str]) -> Baseline {
    let there: Vec<_> = landmarks.iter().filter_map(|l| Some((l, found(seen, l)?))).collect();
    let layout = |words: &str| {
        let words = text::fold(words);
        let lower = words.to_lowercase();
        let of_account = content.iter().any(|c| !c.is_empty() && lower.contains(&c.to_lowercase()));
        // A mere sign may be drawn in another way.
        let spoken = words.chars().any(char::is_alphabetic);
        (spoken && !of_account).then_some(words)
    };
    let places = there.iter().map(|(landmark, facts)| {
        let above = |other: &NodeFacts| other.rect.y + other.rect.height <= facts.rect.y + 1.0;
        // What floats (a dialog) or stays (a banner) is above or below the rest by chance.
        let together = |other: &NodeFacts| {
            other.regions.first() == facts.regions.first() && !is_dialog(other) && !is_dialog(facts)
        };
        let below =
            there.iter().filter(|(l, f)| l != landmark && together(f) && above(f)).map(|(l, _)| (*l).clone()).collect();
        // No name is no content either, and no word on it: one that comes is told.
        let unnamed = facts.name.is_empty();
        let read = || if speaks(&facts.text) { layout(&facts.text) } else { Some(String::new()) };
        let place = LandmarkPlace {
            role: facts.role.clone(),
            name: if unnamed { Some(String::new()) } else { layout(&facts.name) },
            regions: facts.regions.clone(),
            below,
            text: SPEAKING.contains(&facts.role.as_str()).then(read).flatten(),
            acts: Some(facts.acts.clone()),
            traits: Some(facts.traits.clone()),
            or_traits: Vec::new(),
            container: layout(&facts.container),
            alone: alone(seen, landmark),
            only: SPEAKING.contains(&facts.role.as_str()) && only(seen, landmark),
        };
        ((*landmark).clone(), place)
    });
    Baseline { surface: surface.to_owned(), lang: seen.lang.clone(), landmarks: places.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::browser::{NodeId, Rect, Vote};

    fn page(button_y: f64, button_region: &str, name: &str, lang: &str) -> Seen {
        let vote = |id| vec![Vote { locator: "css".into(), nodes: vec![NodeId(id)] }];
        let facts = |role: &str, name: &str, y: f64, region: &str| NodeFacts {
            role: role.into(),
            name: name.into(),
            visible: true,
            rect: Rect { x: 0.0, y, width: 10.0, height: 10.0 },
            regions: vec!["main".into(), region.into()],
            ..NodeFacts::default()
        };
        Seen {
            lang: Some(lang.into()),
            votes: [("editor".to_owned(), vote(1)), ("button".to_owned(), vote(2))].into(),
            nodes: [
                (NodeId(1), facts("textbox", "Post text", 100.0, "form")),
                (NodeId(2), facts("button", name, button_y, button_region)),
            ]
            .into(),
            ..Seen::default()
        }
    }

    fn against(now: &Seen) -> Vec<String> {
        let landmarks = ["editor".to_owned(), "button".to_owned()];
        let then = baseline("composer", &landmarks, &page(200.0, "form", "Post", "en"), &[]);
        judge(&landmarks, Some(&then), now).reasons
    }

    #[test]
    fn the_same_page_has_not_moved_wherever_it_is_scrolled() {
        assert!(against(&page(200.0, "form", "Post", "en")).is_empty());
        assert!(against(&page(900.0, "form", "Post", "en")).is_empty());
    }

    #[test]
    fn moved_renamed_reordered_and_gone_are_drift_in_words() {
        assert_eq!(against(&page(200.0, "banner", "Post", "en")), ["`button` moved from form to banner"]);
        assert_eq!(against(&page(200.0, "form", "Delete", "en")), ["`button` was named \"Post\", now \"Delete\""]);
        assert_eq!(against(&page(20.0, "form", "Post", "en")), ["`button` stood below `editor`, now it does not"]);
        let mut gone = page(200.0, "form", "Post", "en");
        gone.votes.remove("button");
        assert_eq!(against(&gone), ["`button` gone"]);
    }

    #[test]
    fn a_counter_is_never_drift_however_it_is_written() {
        for (counted, as_) in [
            ("12 likes", "# likes"),
            ("1,204 likes", "# likes"),
            ("1.204.000 likes", "# likes"),
            ("1.2K likes", "# likes"),
        ] {
            assert_eq!(words(counted), as_);
        }
        assert_eq!(words("4Kids"), "#Kids");
        assert_eq!(words("Step 1, 2 left. Go"), "Step #, # left. Go", "a sentence's own marks stay");
    }

    #[test]
    fn a_word_that_comes_where_a_sign_or_a_counter_stood_is_drift() {
        let landmarks = ["button".to_owned()];
        let reading = |text: &str| {
            let mut seen = page(200.0, "form", "2 Likes. Like", "en");
            seen.nodes.entry(NodeId(2)).and_modify(|button| text.clone_into(&mut button.text));
            seen
        };
        for then in ["", "♡", "17", "1.2K"] {
            let then = baseline("like", &landmarks, &reading(then), &[]);
            for now in ["", "✕", "3", "4.1M", "A"] {
                assert_eq!(judge(&landmarks, Some(&then), &reading(now)).reasons, Vec::<String>::new(), "{now}");
            }
            let moved = judge(&landmarks, Some(&then), &reading("Delete")).reasons;
            assert_eq!(moved, ["`button` read nothing in words, now \"Delete\""]);
        }
    }

    /// Two locators agree on one, and the third names another one as well: what was said of one is said of two.
    #[test]
    fn a_second_one_of_the_same_name_is_drift_where_there_was_one() {
        let landmarks = ["button".to_owned()];
        let named = |region: &str, also: Option<u64>| {
            let mut seen = page(200.0, region, "Delete", "en");
            let vote = |locator: &str| Vote { locator: locator.into(), nodes: vec![NodeId(2)] };
            let mut votes = vec![vote("near"), vote("css"), vote("role")];
            votes[2].nodes.extend(also.map(NodeId));
            seen.votes.insert("button".to_owned(), votes);
            seen
        };
        let (one, two) = (named("dialog", None), named("dialog", Some(9)));
        let then = |seen: &Seen| baseline("delete", &landmarks, seen, &[]);
        assert_eq!(judge(&landmarks, Some(&then(&one)), &one).reasons, Vec::<String>::new());
        assert_eq!(
            judge(&landmarks, Some(&then(&one)), &two).reasons,
            ["another one is known by what `button` is known by"]
        );
        assert_eq!(judge(&landmarks, Some(&then(&two)), &two).reasons, Vec::<String>::new(), "there were two before");
        let then = then(&named("form", None));
        let reasons = |x: f64, y: f64, twin: bool| {
            let mut seen = named("form", Some(9));
            let rect = Rect { x, y, width: 10.0, height: 10.0 };
            seen.nodes.insert(NodeId(9), NodeFacts { role: "button".into(), rect, ..NodeFacts::default() });
            seen.nodes.entry(NodeId(2)).and_modify(|button| button.twin = twin);
            judge(&landmarks, Some(&then), &seen).reasons
        };
        let none = Vec::<String>::new();
        assert_eq!(reasons(0.0, 300.0, false), none, "content brings others");
        assert_eq!(reasons(400.0, 200.0, false), none, "far away on the same line is another column");
        let told = ["another one is known by what `button` is known by"];
        assert_eq!(reasons(60.0, 202.0, false), told, "right beside it");
        assert_eq!(reasons(0.0, 300.0, true), told, "in the page's header");
    }

    #[test]
    fn each_kind_that_was_recorded_is_known_and_no_other() {
        let landmarks = ["button".to_owned()];
        let of_kind = |kind: &[&str]| {
            let mut seen = page(200.0, "form", "Follow", "en");
            let kind: Vec<_> = kind.iter().map(|word| (*word).to_owned()).collect();
            seen.nodes.entry(NodeId(2)).and_modify(|button| button.traits.clone_from(&kind));
            seen
        };
        let mut then = baseline("follow", &landmarks, &of_kind(&[]), &[]);
        then.landmarks.entry("button".into()).and_modify(|place| place.or_traits = vec![vec!["toggle".into()]]);
        let reasons = |kind: &[&str]| judge(&landmarks, Some(&then), &of_kind(kind)).reasons;
        assert_eq!((reasons(&[]), reasons(&["toggle"])), (Vec::new(), Vec::new()));
        assert_eq!(reasons(&["opens a menu"]), ["`button` was nothing, is opens a menu"]);
    }

    /// A dialog floats: where it stands on the page says nothing, and an announcement at the top moves only the page.
    #[test]
    fn a_dialog_stands_below_nothing() {
        let landmarks = ["editor".to_owned(), "button".to_owned()];
        let below = |role: &str| {
            let mut seen = page(200.0, "form", "Post", "en");
            seen.nodes.values_mut().for_each(|facts| facts.regions.clear());
            seen.nodes.entry(NodeId(2)).and_modify(|facts| facts.role = role.to_owned());
            baseline("delete", &landmarks, &seen, &[]).landmarks["button"].below.clone()
        };
        assert_eq!((below("button"), below("dialog")), (vec!["editor".to_owned()], Vec::new()));
    }

    #[test]
    fn another_language_is_not_a_renamed_button() {
        assert!(against(&page(200.0, "form", "Veröffentlichen", "de")).is_empty());
    }
}
