//! A proposed change of a recipe's locators, as a unified diff of its file.
//!
//! Never applies anything. A locator whose place in the file is not plain (written in one line with others, or over several) is left
//! alone: a diff that does not fit is worse than none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Locator, Side};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// Another locator in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The element.
    pub element: String,
    /// Which of its locators, from 0.
    pub locator: usize,
    /// What to write instead.
    pub instead: Locator,
}

/// The edits as a unified diff of `recipe.yaml`; `None`: none of them has a plain place in the file.
#[must_use]
pub fn unified_diff(source: &str, edits: &[Edit]) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut changed: BTreeMap<usize, String> = BTreeMap::new();
    for edit in edits {
        if let (Some(at), Some(yaml)) = (line_of(&lines, &edit.element, edit.locator), yaml_of(&edit.instead)) {
            let indent = lines[at].len() - lines[at].trim_start().len();
            changed.insert(at, format!("{}- {yaml}", &lines[at][..indent]));
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for at in changed.keys() {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| at - last <= 2 * CONTEXT) => group.push(*at),
            _ => groups.push(vec![*at]),
        }
    }
    let mut out = String::from("--- a/recipe.yaml\n+++ b/recipe.yaml\n");
    for group in &groups {
        let (first, last) = (group.first()?, group.last()?);
        let (from, to) = (first.saturating_sub(CONTEXT), (last + CONTEXT + 1).min(lines.len()));
        let _ = writeln!(out, "@@ -{0},{1} +{0},{1} @@", from + 1, to - from);
        for (at, line) in lines.iter().enumerate().take(to).skip(from) {
            match changed.get(&at) {
                Some(new) => {
                    let _ = writeln!(out, "-{line}\n+{new}");
                }
                None => {
                    let _ = writeln!(out, " {line}");
                }
            }
        }
    }
    (!groups.is_empty()).then_some(out)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The line of an element's locator: one of the `- …` lines below `element:` below `elements:`.
fn line_of(lines: &[&str], element: &str, locator: usize) -> Option<usize> {
    let elements = lines.iter().position(|l| l.starts_with("elements:"))?;
    let inside = |l: &&str| is_blank(l) || indent_of(l) > 0;
    let end = lines[elements + 1..].iter().position(|l| !inside(l)).map_or(lines.len(), |n| elements + 1 + n);
    let key = format!("{element}:");
    let head = (elements + 1..end).find(|at| {
        let line = lines[*at].trim_start();
        line.strip_prefix(&key).is_some_and(|rest| rest.is_empty() || is_blank(rest))
    })?;
    let depth = indent_of(lines[head]);
    let block = (head + 1..end).take_while(|at| is_blank(lines[*at]) || indent_of(lines[*at]) > depth);
    let mut found = Vec::new();
    for at in block.filter(|at| !is_blank(lines[*at])) {
        // A locator that goes on over several lines has no plain place.
        if !lines[at].trim_start().starts_with("- ") {
            return None;
        }
        found.push(at);
    }
    found.get(locator).copied()
}

/// A string as YAML; JSON's quoting is YAML's.
fn quoted(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

fn yaml_of(locator: &Locator) -> Option<String> {
    Some(match locator {
        Locator::Role { role, name: Some(name) } => format!("role: {{ {role}: {} }}", quoted(name)?),
        Locator::Role { role, name: None } => format!("role: {{ {role}: ~ }}"),
        Locator::Label(label) => format!("label: {}", quoted(label)?),
        Locator::Text(text) => format!("text: {}", quoted(text)?),
        Locator::TestId(id) => format!("testid: {}", quoted(id)?),
        Locator::Css(css) => format!("css: {}", quoted(css)?),
        Locator::Xpath(xpath) => format!("xpath: {}", quoted(xpath)?),
        Locator::OneOf { css, text } => format!("one_of: {{ css: {}, text: {} }}", quoted(css)?, quoted(text)?),
        Locator::Near { side, of, text } => {
            let side = match side {
                Side::Below => "below",
                Side::Above => "above",
                Side::LeftOf => "left_of",
                Side::RightOf => "right_of",
                Side::Inside => "inside",
            };
            format!("near: {{ {side}: {of}, text: {} }}", quoted(text)?)
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn edit(locator: usize, instead: Locator) -> Edit {
        Edit { element: "post_button".into(), locator, instead }
    }

    #[test]
    fn a_diff_that_is_applied_is_a_sound_recipe_with_the_other_locator() {
        let (source, _) = crate::builtin("practice").unwrap();
        let role = Locator::Role { role: "button".into(), name: Some("Share \"now\"".into()) };
        let diff =
            unified_diff(source, &[edit(0, role.clone()), edit(1, Locator::TestId("share-cta".into()))]).unwrap();
        let removed: Vec<_> = diff.lines().filter(|l| l.starts_with('-') && !l.starts_with("---")).collect();
        let added: Vec<_> = diff.lines().filter(|l| l.starts_with('+') && !l.starts_with("+++")).collect();
        assert_eq!((removed.len(), added.len()), (2, 2), "{diff}");
        let mut changed = source.to_owned();
        for (old, new) in removed.iter().zip(&added) {
            assert_eq!(source.matches(&old[1..]).count(), 1);
            changed = changed.replace(&old[1..], &new[1..]);
        }
        let recipe = crate::load_str("practice", &changed).unwrap();
        assert_eq!(recipe.elements["post_button"].locators[0], role);
        assert_eq!(recipe.elements["post_button"].locators[1], Locator::TestId("share-cta".into()));
    }

    #[test]
    fn the_numbers_of_a_hunk_are_those_of_the_file() {
        let source = "platform: p\nelements:\n  a:\n    - text: \"A\"\n  post_button:\n    - text: \"B\"\n    - css: b\nidentity: 1\n";
        let diff = unified_diff(source, &[edit(1, Locator::Css("c".into()))]).unwrap();
        assert_eq!(
            diff,
            "--- a/recipe.yaml\n+++ b/recipe.yaml\n@@ -4,5 +4,5 @@\n     - text: \"A\"\n   post_button:\n     - text: \"B\"\n-    - css: b\n+    - css: \"c\"\n identity: 1\n"
        );
    }

    #[test]
    fn what_has_no_plain_place_is_left_alone() {
        let source = "elements:\n  post_button: [ { css: a }, { css: b } ]\n";
        assert_eq!(unified_diff(source, &[edit(0, Locator::Css("c".into()))]), None);
        let source = "elements:\n  post_button:\n    - role:\n        button: \"A\"\n    - css: b\n";
        assert_eq!(unified_diff(source, &[edit(1, Locator::Css("c".into()))]), None);
    }
}
