//! Is the order done? From what was seen of its object: an entry of a list, the state of an element, or its absence.
//!
//! Asked before the commit (is it so already?) and after it (is it so now?). There are three answers, and the third is the
//! important one: what was not seen clearly is neither done nor not done, so that nothing is clicked, and nothing reported, on
//! the strength of a page that had not loaded.

use std::collections::BTreeSet;

use deed_recipes::{Compare, Evidence, GoneEvidence, GoneSign, Same, StateEvidence, StateIs};

use crate::judge::quorum::{self, Quorum};
use crate::judge::{same, text};
use crate::ports::browser::{NodeFacts, Seen};

/// How many nodes are named in words, of those that an element may be.
const NAMED_MAX: usize = 3;

/// What the evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is so.
    Done,
    /// The object was seen, and it is not so.
    NotDone,
    /// Neither can be said.
    Unreadable,
}

/// The answer, in words for the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What the evidence says.
    pub standing: Standing,
    /// What was seen.
    pub words: String,
}

impl Judged {
    fn new(standing: Standing, words: impl Into<String>) -> Self {
        Self { standing, words: words.into() }
    }

    /// Neither can be said.
    pub fn unreadable(words: impl Into<String>) -> Self {
        Self::new(Standing::Unreadable, words)
    }
}

/// Evidence with its placeholders filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// An entry of a list.
    Same(same::Wanted),
    /// An element that is so.
    State {
        /// What the recipe says.
        evidence: StateEvidence,
        /// The name or text that it must have, where it is about one.
        expected: String,
    },
    /// An object that is gone.
    Gone(GoneEvidence),
}

impl Wanted {
    /// Fills the placeholders in. `media` is the number of the order's files, `author` who must have written an entry.
    pub fn new(evidence: &Evidence, values: &dyn deed_recipes::Values, media: usize, author: Option<String>) -> Self {
        match evidence {
            Evidence::Same(Same { text, title, media: counted }) => Self::Same(same::Wanted {
                text: text.fill(values),
                title: title.as_ref().map(|title| title.fill(values)),
                media: counted.then_some(media),
                author,
            }),
            Evidence::State(evidence) => {
                let expected = match &evidence.is {
                    StateIs::Name(template) | StateIs::Text(template) => template.fill(values),
                    _ => String::new(),
                };
                Self::State { evidence: evidence.clone(), expected }
            }
            Evidence::Gone(evidence) => Self::Gone(evidence.clone()),
        }
    }

    /// What done means, for the proof.
    pub fn in_words(&self) -> String {
        match self {
            Self::Same(_) => "an entry with this text and media".to_owned(),
            Self::State { evidence, expected } => format!("`{}` {}", evidence.element, is_in_words(evidence, expected)),
            Self::Gone(_) => "the object is gone".to_owned(),
        }
    }
}

fn is_in_words(evidence: &StateEvidence, expected: &str) -> String {
    match evidence.is {
        StateIs::Pressed => "is pressed".to_owned(),
        StateIs::NotPressed => "is not pressed".to_owned(),
        StateIs::Checked => "is checked".to_owned(),
        StateIs::NotChecked => "is not checked".to_owned(),
        StateIs::Visible => "is visible".to_owned(),
        StateIs::Name(_) => format!("has the name \"{expected}\""),
        StateIs::Text(_) => format!("reads \"{expected}\""),
    }
}

/// Whether an element is visible by any of its locators.
fn visible(seen: &Seen, element: &str) -> bool {
    let mut nodes = seen.votes.get(element).into_iter().flatten().flat_map(|vote| &vote.nodes);
    nodes.any(|id| seen.nodes.get(id).is_none_or(|node| node.visible))
}

/// Whether an element is there beyond doubt: what tells that something was *not* done. Another button of the same words, which
/// one locator alone would take for it, tells nothing. An element with a single locator is known by that.
fn surely_there(seen: &Seen, element: &str) -> bool {
    let locators = seen.votes.get(element).map_or(0, Vec::len);
    if locators < quorum::QUORUM {
        return visible(seen, element);
    }
    match quorum::quorum(seen, element) {
        Quorum::Agreed(agreement) => seen.nodes.get(&agreement.node).is_none_or(|node| node.visible),
        Quorum::TooFew { .. } | Quorum::Conflict { .. } => false,
    }
}

/// What some locators of an element name and too few agree on, in words; `None`: nothing.
fn perhaps(seen: &Seen, element: &str) -> Option<String> {
    let nodes = seen.votes.get(element)?.iter().flat_map(|vote| &vote.nodes).copied();
    let shown = nodes.filter(|id| seen.nodes.get(id).is_none_or(|node| node.visible));
    let named: BTreeSet<_> = shown.map(|id| quorum::describe_node(seen, id)).take(NAMED_MAX).collect();
    let named: Vec<_> = named.into_iter().collect();
    (!named.is_empty()).then(|| format!("`{element}` is perhaps {}, its locators do not agree", named.join(" or ")))
}

/// Whether one node is so; `None`: it does not say.
fn holds(node: &NodeFacts, evidence: &StateEvidence, expected: &str) -> Option<bool> {
    match &evidence.is {
        StateIs::Pressed => node.pressed,
        StateIs::NotPressed => node.pressed.map(|pressed| !pressed),
        StateIs::Checked => node.checked,
        StateIs::NotChecked => node.checked.map(|checked| !checked),
        StateIs::Visible => Some(node.visible),
        StateIs::Name(_) => Some(text::same(evidence.compare, &node.name, expected)),
        // A page that has not filled its element in yet says nothing.
        StateIs::Text(_) if node.text.trim().is_empty() && !expected.trim().is_empty() => None,
        StateIs::Text(_) => Some(text::same(evidence.compare, &node.text, expected)),
    }
}

/// The state of an element. Locators that name single nodes are heard first; when what is named is not all alike, nothing can be
/// said.
pub fn state(evidence: &StateEvidence, expected: &str, seen: &Seen) -> Judged {
    let element = &evidence.element;
    let votes = seen.votes.get(element).map_or(&[][..], Vec::as_slice);
    let singles = votes.iter().filter(|vote| vote.nodes.len() == 1);
    let mut named: Vec<_> = singles.flat_map(|vote| &vote.nodes).collect();
    if named.is_empty() {
        named = votes.iter().flat_map(|vote| &vote.nodes).collect();
    }
    let facts: Vec<_> = named.into_iter().filter_map(|id| seen.nodes.get(id)).filter(|node| node.visible).collect();
    if facts.is_empty() {
        return match &evidence.unless {
            Some(unless) if surely_there(seen, unless) => {
                Judged::new(Standing::NotDone, format!("`{element}` is not there, `{unless}` is"))
            }
            Some(unless) if let Some(perhaps) = perhaps(seen, unless) => {
                Judged::unreadable(format!("`{element}` was not seen, and {perhaps}"))
            }
            _ => Judged::unreadable(format!("`{element}` was not seen")),
        };
    }
    let said: Vec<_> = facts.iter().map(|node| holds(node, evidence, expected)).collect();
    let is = is_in_words(evidence, expected);
    if said.iter().any(Option::is_none) {
        Judged::unreadable(format!("`{element}` does not say whether it {is}"))
    } else if said.iter().all(|so| *so == Some(true)) {
        Judged::new(Standing::Done, format!("`{element}` {is}"))
    } else if said.iter().all(|so| *so == Some(false)) {
        Judged::new(Standing::NotDone, format!("not so: `{element}` {is}"))
    } else {
        Judged::unreadable(format!("several elements are named `{element}`, and not all of them say the same"))
    }
}

/// The elements that a look must ask for to judge this evidence.
pub fn elements(evidence: &Evidence) -> Vec<String> {
    match evidence {
        Evidence::Same(_) => Vec::new(),
        Evidence::State(state) => std::iter::once(&state.element).chain(&state.unless).cloned().collect(),
        Evidence::Gone(gone) => {
            let notices = gone.any.iter().filter_map(|sign| match sign {
                GoneSign::Element(element) => Some(element),
                GoneSign::Status(_) => None,
            });
            notices.chain([&gone.unless]).cloned().collect()
        }
    }
}

/// Whether an object is gone. `status` is that of its document.
pub fn gone(evidence: &GoneEvidence, status: Option<u16>, seen: &Seen) -> Judged {
    // What is seen is there, whatever else the page says.
    if surely_there(seen, &evidence.unless) {
        return Judged::new(Standing::NotDone, format!("still there: `{}` is visible", evidence.unless));
    }
    if let Some(perhaps) = perhaps(seen, &evidence.unless) {
        return Judged::unreadable(format!("perhaps still there: {perhaps}"));
    }
    for sign in &evidence.any {
        match sign {
            GoneSign::Status(wanted) if status == Some(*wanted) => {
                return Judged::new(Standing::Done, format!("gone: its page answers {wanted}"));
            }
            GoneSign::Element(element) if visible(seen, element) => {
                return Judged::new(Standing::Done, format!("gone: `{element}` is visible"));
            }
            _ => {}
        }
    }
    Judged::unreadable(format!("neither a sign that it is gone nor `{}` was seen", evidence.unless))
}

/// Whether a page that was reached is the one that was asked for: a redirect to another object would be taken for it. Letter
/// case and a slash at the end do not count; a query may lose a key, but may not change one.
pub fn landed_at(asked: &str, reached: &str) -> bool {
    let parts = |url: &str| {
        let url = url.split('#').next().unwrap_or_default();
        let (page, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        (page.trim_end_matches('/').to_lowercase(), pairs)
    };
    let ((page, wanted), (at, found)) = (parts(asked), parts(reached));
    let changed = |(key, value): &(String, String)| found.iter().any(|(other, now)| other == key && now != value);
    text::same(Compare::Exact, &page, &at) && !wanted.iter().any(changed)
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
