//! `content.hard` and `content.soft`: what a text must, or should, keep to.

use std::collections::BTreeSet;

use super::links;
use super::model::WordingRules;
use crate::closed::{Fields, Node, Sink, list, number, text, truth};
use crate::diagnostics::Code;

/// Most terms or domains of one list.
const LIST_MAX: usize = 2_000;

const KEYS: [&str; 10] = [
    "text_max",
    "hashtags_max",
    "links_max",
    "mentions_max",
    "banned_terms",
    "links_allowed",
    "links_banned",
    "disclosure",
    "citations_min",
    "citations_in_text",
];

pub(super) fn rules(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<WordingRules> {
    let fields = Fields::open(node, what, &KEYS, sink)?;
    let mut count = |key: &str, max: u64| {
        let node = fields.get(key, sink)?;
        number(node, &format!("`{key}`"), 0..=max, sink).and_then(|count| u32::try_from(count).ok())
    };
    let mut rules = WordingRules {
        text_max: count("text_max", 1_000_000),
        hashtags_max: count("hashtags_max", 10_000),
        links_max: count("links_max", 10_000),
        mentions_max: count("mentions_max", 10_000),
        citations_min: count("citations_min", 50),
        ..WordingRules::default()
    };
    if let Some(node) = fields.get("banned_terms", sink) {
        rules.banned_terms = texts(node, "`banned_terms`", "a banned term", sink).unwrap_or_default();
    }
    if let Some(node) = fields.get("disclosure", sink) {
        rules.disclosure = texts(node, "`disclosure`", "a disclosure", sink).unwrap_or_default();
    }
    if let Some(node) = fields.get("links_allowed", sink) {
        rules.links_allowed = domains(node, "`links_allowed`", sink);
    }
    if let Some(node) = fields.get("links_banned", sink) {
        rules.links_banned = domains(node, "`links_banned`", sink).unwrap_or_default();
    }
    if let Some(node) = fields.get("citations_in_text", sink) {
        rules.citations_in_text = truth(node, "`citations_in_text`", sink);
    }
    Some(rules)
}

fn texts(node: &Node, what: &str, each: &str, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    list(node, what, 1..=LIST_MAX, sink)?.iter().map(|node| text(node, each, sink)).collect()
}

fn domains(node: &Node, what: &str, sink: &mut Sink<'_>) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for node in list(node, what, 1..=LIST_MAX, sink)? {
        let written = text(node, "a domain", sink)?;
        match links::domain(&written) {
            Some(domain) => {
                all.insert(domain);
            }
            None => {
                let help = "write `example.com`, without scheme and path; all hosts below it are meant too";
                sink.report(Code::BadValue, node.span, format!("`{written}` is no domain"), help.to_owned());
            }
        }
    }
    Some(all)
}
