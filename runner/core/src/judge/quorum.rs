//! Which node is meant.
//!
//! Each locator votes. For reading, one vote is enough and a dissenter is noted ([`lone`]). For a commit and for identity a
//! quorum decides ([`quorum`]): at least two locators name the very same single node, and none names another. A locator that
//! finds nothing is silent; one that finds several is silent too if the node is among them, and a dissenter if not.
//! There is no healing: on anything else the answer is no node.

use std::collections::BTreeMap;

use crate::ports::browser::{NodeFacts, NodeId, Seen, Vote};

/// Votes needed on a commit or an identity element.
pub const QUORUM: usize = 2;

/// The answer of [`quorum`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quorum {
    /// Enough locators name this node and none another.
    Agreed(Agreement),
    /// Nothing named it, or too few did.
    TooFew {
        /// Locators that named a single node.
        for_: Vec<String>,
        /// Locators that found nothing, or several.
        silent: Vec<String>,
    },
    /// Locators name different nodes.
    Conflict {
        /// Each locator with what it names, in words.
        votes: Vec<String>,
    },
}

/// An agreed node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The node.
    pub node: NodeId,
    /// Who named it.
    pub agreed: Vec<String>,
    /// Who found nothing, or several with this one among them.
    pub silent: Vec<String>,
}

impl Quorum {
    /// In words, for checks and holds.
    pub fn describe(&self) -> String {
        match self {
            Self::Agreed(a) if a.silent.is_empty() => format!("{} agree", a.agreed.join(", ")),
            Self::Agreed(a) => {
                format!("{} agree; none or several found by {}", a.agreed.join(", "), a.silent.join(", "))
            }
            Self::TooFew { for_, silent } if for_.is_empty() => {
                format!("none or several found by {}", silent.join(", "))
            }
            Self::TooFew { for_, silent } => {
                format!("only {} found it; none or several found by {}", for_.join(", "), silent.join(", "))
            }
            Self::Conflict { votes } => format!("locators disagree: {}", votes.join("; ")),
        }
    }
}

/// A node in words.
pub(super) fn describe_node(seen: &Seen, node: NodeId) -> String {
    match seen.nodes.get(&node) {
        Some(NodeFacts { tag, role, name, rect, .. }) => {
            let what = if role.is_empty() { tag } else { role };
            format!("{what} \"{name}\" at {:.0},{:.0}", rect.x, rect.y)
        }
        None => format!("node {}", node.0),
    }
}

/// The strict rule, for commit and identity.
pub fn quorum(seen: &Seen, element: &str) -> Quorum {
    let votes: &[Vote] = seen.votes.get(element).map_or(&[], Vec::as_slice);
    let mut singles: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
    for vote in votes {
        if let [node] = vote.nodes.as_slice() {
            singles.entry(*node).or_default().push(vote.locator.clone());
        }
    }
    let in_conflict = || Quorum::Conflict {
        votes: votes
            .iter()
            .filter(|v| !v.nodes.is_empty())
            .map(|v| {
                let named: Vec<_> = v.nodes.iter().take(3).map(|n| describe_node(seen, *n)).collect();
                format!("{} names {}", v.locator, named.join(" and "))
            })
            .collect(),
    };
    if singles.len() > 1 {
        return in_conflict();
    }
    let silent = |node: Option<NodeId>| -> Vec<String> {
        votes
            .iter()
            .filter(|v| v.nodes.is_empty() || (v.nodes.len() > 1 && node.is_none_or(|n| v.nodes.contains(&n))))
            .map(|v| v.locator.clone())
            .collect()
    };
    let Some((node, agreed)) = singles.into_iter().next() else {
        return Quorum::TooFew { for_: Vec::new(), silent: silent(None) };
    };
    if votes.iter().any(|v| v.nodes.len() > 1 && !v.nodes.contains(&node)) {
        return in_conflict();
    }
    let silent = silent(Some(node));
    if agreed.len() < QUORUM {
        return Quorum::TooFew { for_: agreed, silent };
    }
    Quorum::Agreed(Agreement { node, agreed, silent })
}

/// The rule for one of many alike, which is known by words of the order: every locator that names a single node names
/// this one, and one that names several has it among them. Of two that would do, or of none, nobody chooses.
pub fn only(seen: &Seen, element: &str) -> Result<NodeId, String> {
    let votes: &[Vote] = seen.votes.get(element).map_or(&[], Vec::as_slice);
    let mut singles = votes.iter().filter_map(|v| if let [node] = v.nodes.as_slice() { Some(*node) } else { None });
    let alone = singles.next().filter(|node| votes.iter().all(|v| v.nodes.is_empty() || v.nodes.contains(node)));
    alone.ok_or_else(|| {
        let named = |vote: &Vote| {
            let nodes: Vec<_> = vote.nodes.iter().take(3).map(|node| describe_node(seen, *node)).collect();
            let nodes = if nodes.is_empty() { "nothing".to_owned() } else { nodes.join(" and ") };
            format!("{} names {nodes}", vote.locator)
        };
        let words: Vec<_> = votes.iter().map(named).collect();
        if words.is_empty() { "nothing is known of it without the order's time".to_owned() } else { words.join("; ") }
    })
}

/// The lenient rule, for reading and for reversible steps: the node that most locators name first, and who
/// disagreed.
pub fn lone(seen: &Seen, element: &str) -> Option<(NodeId, Vec<String>)> {
    let votes: &[Vote] = seen.votes.get(element).map_or(&[], Vec::as_slice);
    let mut first: BTreeMap<NodeId, usize> = BTreeMap::new();
    for vote in votes {
        if let Some(node) = vote.nodes.first() {
            *first.entry(*node).or_default() += 1;
        }
    }
    let most = first.values().copied().max()?;
    // Among equals the locator that stands first in the recipe decides.
    let node = votes.iter().filter_map(|v| v.nodes.first()).find(|n| first.get(n) == Some(&most)).copied()?;
    let dissent =
        votes.iter().filter(|v| v.nodes.first().is_some_and(|n| *n != node)).map(|v| v.locator.clone()).collect();
    Some((node, dissent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(votes: &[(&str, &[u64])]) -> Seen {
        let votes = votes
            .iter()
            .map(|(l, ns)| Vote { locator: (*l).into(), nodes: ns.iter().map(|n| NodeId(*n)).collect() })
            .collect();
        Seen { votes: BTreeMap::from([("button".to_owned(), votes)]), ..Seen::default() }
    }

    fn agreed(votes: &[(&str, &[u64])]) -> Option<u64> {
        match quorum(&seen(votes), "button") {
            Quorum::Agreed(a) => Some(a.node.0),
            _ => None,
        }
    }

    #[test]
    fn all_agree() {
        assert_eq!(agreed(&[("role", &[7]), ("css", &[7]), ("testid", &[7])]), Some(7));
    }

    #[test]
    fn two_agree_and_one_finds_nothing() {
        assert_eq!(agreed(&[("role", &[7]), ("css", &[]), ("testid", &[7])]), Some(7));
    }

    #[test]
    fn one_vote_is_too_few() {
        assert_eq!(agreed(&[("role", &[]), ("css", &[7]), ("testid", &[])]), None);
    }

    #[test]
    fn a_single_other_vote_is_a_conflict_whatever_the_majority() {
        assert_eq!(agreed(&[("role", &[7]), ("css", &[7]), ("testid", &[7]), ("near", &[8])]), None);
    }

    #[test]
    fn several_matches_do_not_count_as_a_vote() {
        assert_eq!(agreed(&[("role", &[7, 9]), ("css", &[7])]), None);
        assert_eq!(agreed(&[("role", &[7, 9]), ("css", &[7]), ("testid", &[7])]), Some(7));
    }

    #[test]
    fn several_matches_elsewhere_are_a_conflict() {
        assert_eq!(agreed(&[("role", &[8, 9]), ("css", &[7]), ("testid", &[7])]), None);
    }

    #[test]
    fn one_of_many_is_found_alone_or_not_at_all() {
        let found = |votes: &[(&str, &[u64])]| only(&seen(votes), "button").ok().map(|node| node.0);
        assert_eq!(found(&[("one of", &[7])]), Some(7));
        assert_eq!(found(&[("one of", &[7]), ("role", &[])]), Some(7));
        assert_eq!(found(&[("one of", &[7, 9]), ("role", &[7])]), Some(7));
        for not_alone in [
            &[("one of", &[7, 9][..])][..],
            &[("one of", &[])],
            &[("one of", &[7]), ("role", &[8])],
            &[("one of", &[8, 9]), ("role", &[7])],
            &[],
        ] {
            assert_eq!(found(not_alone), None, "{not_alone:?}");
        }
        let why = only(&seen(&[("one of", &[7, 9])]), "button").err();
        assert_eq!(why.as_deref(), Some("one of names node 7 and node 9"));
    }

    #[test]
    fn an_unknown_element_has_no_node() {
        assert_eq!(quorum(&Seen::default(), "button"), Quorum::TooFew { for_: vec![], silent: vec![] });
    }

    #[test]
    fn reading_takes_the_most_named_and_notes_the_dissenter() {
        let s = seen(&[("css", &[3]), ("role", &[7]), ("testid", &[7])]);
        assert_eq!(lone(&s, "button"), Some((NodeId(7), vec!["css".to_owned()])));
    }

    #[test]
    fn reading_takes_the_first_locators_word_among_equals_and_nothing_from_nothing() {
        let s = seen(&[("text", &[]), ("css", &[9]), ("role", &[7])]);
        assert_eq!(lone(&s, "button"), Some((NodeId(9), vec!["role".to_owned()])));
        assert_eq!(lone(&seen(&[("css", &[])]), "button"), None);
        assert_eq!(lone(&seen(&[("css", &[9])]), "another"), None);
    }

    #[test]
    fn who_agreed_and_who_was_silent_is_told_apart() {
        let s = seen(&[("role", &[7]), ("css", &[]), ("testid", &[7]), ("near", &[7, 9])]);
        let agreed = ["role", "testid"].map(str::to_owned).to_vec();
        let silent = ["css", "near"].map(str::to_owned).to_vec();
        assert_eq!(quorum(&s, "button"), Quorum::Agreed(Agreement { node: NodeId(7), agreed, silent }));

        let s = seen(&[("role", &[7]), ("css", &[]), ("near", &[7, 9])]);
        let silent = ["css", "near"].map(str::to_owned).to_vec();
        assert_eq!(quorum(&s, "button"), Quorum::TooFew { for_: vec!["role".to_owned()], silent });

        // Nobody names a single node: what names several is silent, whichever they are.
        let s = seen(&[("role", &[7, 8]), ("css", &[])]);
        let silent = ["role", "css"].map(str::to_owned).to_vec();
        assert_eq!(quorum(&s, "button"), Quorum::TooFew { for_: vec![], silent });
    }

    #[test]
    fn the_operator_reads_who_said_what() {
        let in_words = |votes: &[(&str, &[u64])]| quorum(&seen(votes), "button").describe();
        assert_eq!(in_words(&[("role", &[7]), ("css", &[7])]), "role, css agree");
        assert_eq!(
            in_words(&[("role", &[7]), ("css", &[7]), ("near", &[])]),
            "role, css agree; none or several found by near"
        );
        assert_eq!(in_words(&[("role", &[]), ("css", &[])]), "none or several found by role, css");
        assert_eq!(in_words(&[("role", &[7]), ("css", &[])]), "only role found it; none or several found by css");
        assert_eq!(
            in_words(&[("role", &[7]), ("css", &[8, 9]), ("near", &[])]),
            "locators disagree: role names node 7; css names node 8 and node 9"
        );
    }

    #[test]
    fn a_node_is_described_by_role_name_and_place() {
        use crate::ports::browser::Rect;
        let mut s = seen(&[]);
        let rect = Rect { x: 10.4, y: 20.6, ..Rect::default() };
        let button =
            NodeFacts { tag: "div".into(), role: "button".into(), name: "Post".into(), rect, ..NodeFacts::default() };
        s.nodes.insert(NodeId(2), NodeFacts { role: String::new(), ..button.clone() });
        s.nodes.insert(NodeId(1), button);
        assert_eq!(describe_node(&s, NodeId(1)), "button \"Post\" at 10,21");
        assert_eq!(describe_node(&s, NodeId(2)), "div \"Post\" at 10,21");
        assert_eq!(describe_node(&s, NodeId(3)), "node 3");
    }
}
