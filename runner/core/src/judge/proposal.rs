//! What a person could write into the recipe when its locators fall silent or disagree.
//!
//! Proposes, never heals: the action stays stopped, and nothing reads a proposal but a person. The likely candidate is the one that
//! most locators name alone, and among equals the first locator's; it may be the wrong one, which is why all candidates are shown.

use std::fmt::Write as _;

use deed_recipes::patch::{Edit, unified_diff};
use deed_recipes::{Locator, Recipe};

use crate::judge::{quorum, text};
use crate::ports::browser::{NodeFacts, NodeId, Rect, Seen};

/// Most candidates of one element that are shown.
const CANDIDATES_MAX: usize = 4;
/// Longest text that makes a locator.
const TEXT_MAX: usize = 80;

/// A node that may be the one that is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub rect: Rect,
    /// What it is, in words.
    pub words: String,
    /// Which locators name it.
    pub named_by: Vec<String>,
}

/// The proposal for one element.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The element.
    pub element: String,
    /// The likely one first; never empty.
    pub candidates: Vec<Candidate>,
    /// Locators that found nothing.
    pub silent: Vec<String>,
    /// Locators that would name the likely one.
    pub edits: Vec<Edit>,
}

/// The proposal for an element whose locators do not all name the same single node. `None`: they do, or none names any.
pub fn propose(recipe: &Recipe, element: &str, seen: &Seen) -> Option<Proposal> {
    let votes = seen.votes.get(element)?;
    let locators = &recipe.element(element)?.locators;
    let mut nodes: Vec<NodeId> = Vec::new();
    for node in votes.iter().flat_map(|v| &v.nodes) {
        if !nodes.contains(node) {
            nodes.push(*node);
        }
    }
    let alone = |node: NodeId| votes.iter().filter(|v| v.nodes == [node]).count();
    nodes.sort_by_key(|node| std::cmp::Reverse(alone(*node)));
    let likely = *nodes.first()?;
    if alone(likely) == votes.len() {
        return None;
    }
    let facts = seen.nodes.get(&likely)?;
    let mut edits: Vec<Edit> = Vec::new();
    for (i, (locator, _)) in locators.iter().zip(votes).enumerate().filter(|(_, (_, v))| v.nodes != [likely]) {
        if let Some(instead) = instead_of(locator, facts)
            && !locators.contains(&instead)
            && !edits.iter().any(|e| e.instead == instead)
        {
            edits.push(Edit { element: element.to_owned(), locator: i, instead });
        }
    }
    let candidate = |node: &NodeId| {
        let facts = seen.nodes.get(node)?;
        Some(Candidate {
            node: *node,
            rect: facts.rect,
            words: quorum::describe_node(seen, *node),
            named_by: votes.iter().filter(|v| v.nodes.contains(node)).map(|v| v.locator.clone()).collect(),
        })
    };
    Some(Proposal {
        element: element.to_owned(),
        candidates: nodes.iter().take(CANDIDATES_MAX).filter_map(candidate).collect(),
        silent: votes.iter().filter(|v| v.nodes.is_empty()).map(|v| v.locator.clone()).collect(),
        edits,
    })
}

/// A locator of the same kind that names this node; `None` where its facts do not give one.
fn instead_of(locator: &Locator, facts: &NodeFacts) -> Option<Locator> {
    let name = Some(text::fold(&facts.name)).filter(|n| !n.is_empty() && n.len() <= TEXT_MAX);
    match locator {
        Locator::Role { .. } => Some(Locator::Role { role: facts.role.clone(), name: Some(name?) }),
        Locator::Label(_) => Some(Locator::Label(name?)),
        Locator::Text(_) => {
            let text = text::fold(&facts.text);
            (!text.is_empty() && text.len() <= TEXT_MAX).then_some(Locator::Text(text))
        }
        Locator::TestId(_) => facts.test_id.clone().map(Locator::TestId),
        Locator::Near { side, of, .. } => Some(Locator::Near { side: *side, of: of.clone(), text: name? }),
        // A path through the page's structure is a person's choice.
        Locator::Css(_) | Locator::Xpath(_) | Locator::OneOf { .. } => None,
    }
}

/// All proposals as one text: what was found, numbered as in the picture, and the diff.
pub fn describe(recipe: &Recipe, proposals: &[Proposal]) -> String {
    let mut out = String::from(
        "Proposed by Deed, to be checked by a person. Nothing was changed, and nothing applies this by itself.\n\
         A button that moved or was renamed may be another button: look at the picture first.\n",
    );
    let mut number = 0;
    for proposal in proposals {
        let _ = writeln!(out, "\n`{}`", proposal.element);
        for (place, candidate) in proposal.candidates.iter().enumerate() {
            number += 1;
            let likely = if place == 0 { "; taken as the one that is meant" } else { "" };
            let _ =
                writeln!(out, "  {number}  {}, named by {}{likely}", candidate.words, candidate.named_by.join(", "));
        }
        if !proposal.silent.is_empty() {
            let _ = writeln!(out, "  nothing found by {}", proposal.silent.join(", "));
        }
    }
    let edits: Vec<Edit> = proposals.iter().flat_map(|p| p.edits.clone()).collect();
    match unified_diff(&recipe.source.0, &edits) {
        Some(diff) => {
            let _ = write!(out, "\n{diff}");
        }
        None => out.push_str("\nNo change follows from what was seen: write the locators anew.\n"),
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::ports::browser::Vote;

    /// Votes of `post_button`'s four locators (role, test id, css, near) and two buttons.
    fn seen(votes: [&[u64]; 4]) -> Seen {
        let names = ["role button \"Post\"", "test id post-submit", "css form button", "\"Post\" below editor"];
        let vote = |(name, nodes): (&str, &[u64])| Vote {
            locator: name.into(),
            nodes: nodes.iter().copied().map(NodeId).collect(),
        };
        let button = |name: &str, id: Option<&str>| NodeFacts {
            role: "button".into(),
            name: name.into(),
            test_id: id.map(str::to_owned),
            ..NodeFacts::default()
        };
        Seen {
            votes: [("post_button".to_owned(), names.into_iter().zip(votes).map(vote).collect())].into(),
            nodes: [
                (NodeId(1), button("Share now", Some("share-cta"))),
                (NodeId(2), button("Save draft", Some("save-draft"))),
            ]
            .into(),
            ..Seen::default()
        }
    }

    fn proposal(votes: [&[u64]; 4]) -> Option<Proposal> {
        propose(&deed_recipes::load_builtin("practice").unwrap(), "post_button", &seen(votes))
    }

    #[test]
    fn nothing_is_proposed_where_all_agree_or_none_finds_anything() {
        assert_eq!(proposal([&[1], &[1], &[1], &[1]]), None);
        assert_eq!(proposal([&[], &[], &[], &[]]), None);
    }

    #[test]
    fn silent_locators_are_rewritten_for_the_one_that_is_left() {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let proposal = proposal([&[], &[], &[1], &[]]).unwrap();
        let text = describe(&recipe, std::slice::from_ref(&proposal));
        assert!(text.contains("+    - role: { button: \"Share now\" }"), "{text}");
        assert!(text.contains("+    - testid: \"share-cta\""), "{text}");
        assert!(text.contains("nothing found by role button \"Post\", test id post-submit"), "{text}");
        assert!(!text.contains("+    - css"), "{text}");
    }

    #[test]
    fn both_candidates_are_shown_the_likely_one_first() {
        let proposal = proposal([&[1], &[2], &[1], &[1, 2]]).unwrap();
        assert_eq!(proposal.candidates.iter().map(|c| c.node.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(proposal.candidates[1].named_by, ["test id post-submit", "\"Post\" below editor"]);
        assert!(proposal.edits.iter().any(|e| e.locator == 1), "the dissenter is rewritten");
    }
}
