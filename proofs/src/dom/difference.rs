//! What differs between two pages, in words: what appeared, what vanished, what moved.
//!
//! Owns the comparison of two canonical forms. It sees what they hold: structure, no texts and no counters, with repeated siblings as
//! one. An element is the same where it stands at the same path of the same elements; one that is not, but is on the other page under
//! the same telling name, moved. Of a part that appeared or vanished as a whole only its root is named. The work is linear in the size
//! of both forms.

use std::collections::HashMap;
use std::fmt;

/// What differs between two pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomDifference {
    /// In the order of the pages: vanished and moved as they stood before, then what appeared.
    pub changes: Vec<DomChange>,
    /// How many elements of the page before stand where they stood, in thousandths.
    pub kept_permille: u32,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomChange {
    /// What became of it.
    pub kind: DomChangeKind,
    /// The element: its tag and what tells it best, as in `button[data-testid="post-submit"]`.
    pub element: String,
    /// Where it stands now, or stood when it vanished: the nearest part around it that has a name.
    pub place: String,
    /// How many elements are inside it that share its fate.
    pub inside: usize,
}

/// What became of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomChangeKind {
    /// It was not there before.
    Appeared,
    /// It is not there any more.
    Vanished,
    /// It stood elsewhere before.
    Moved {
        /// Where.
        from: String,
    },
}

impl DomDifference {
    /// Whether so little of the page before is left that it is another page.
    #[must_use]
    pub fn is_another_page(&self) -> bool {
        self.kept_permille < 300
    }
}

impl fmt::Display for DomChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, element, place, inside } = self;
        match kind {
            DomChangeKind::Appeared => write!(f, "{element} appeared in {place}")?,
            DomChangeKind::Vanished => write!(f, "{element} vanished from {place}")?,
            DomChangeKind::Moved { from } if from == place => write!(f, "{element} moved within {place}")?,
            DomChangeKind::Moved { from } => write!(f, "{element} moved from {from} to {place}")?,
        }
        match inside {
            0 => Ok(()),
            1 => f.write_str(", with one element inside"),
            _ => write!(f, ", with {inside} elements inside"),
        }
    }
}

/// Compares two pages as serialised documents.
#[must_use]
pub fn difference(before: &str, after: &str) -> DomDifference {
    let (before, after) = (super::canonical(before), super::canonical(after));
    let mut paths = Paths::default();
    let (mut before, mut after) = (nodes(&before, &mut paths), nodes(&after, &mut paths));
    keep(&mut before, &mut after);
    pair_moved(&mut before, &mut after);
    let kept = before.iter().filter(|node| matches!(node.fate, Fate::Kept)).count();
    let kept_permille = if before.is_empty() { 1000 } else { (kept * 1000 / before.len()) as u32 };

    let mut changes: Vec<DomChange> = (0..before.len())
        .filter_map(|at| match before[at].fate {
            Fate::Moved(to) if !moved_with_its_parent(&before, &after, at, to) => {
                let kind = DomChangeKind::Moved { from: place_of(&before, at) };
                Some(DomChange { kind, element: element(before[at].line), place: place_of(&after, to), inside: 0 })
            }
            Fate::Alone => whole_part(&before, at, DomChangeKind::Vanished),
            _ => None,
        })
        .collect();
    changes.extend((0..after.len()).filter_map(|at| match after[at].fate {
        Fate::Alone => whole_part(&after, at, DomChangeKind::Appeared),
        _ => None,
    }));
    DomDifference { changes, kept_permille }
}

/// An element of a canonical form.
struct Node<'a> {
    line: &'a str,
    depth: usize,
    parent: Option<usize>,
    path: u32,
    fate: Fate,
}

/// What is known of an element on the other page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is not there.
    Alone,
    /// It is there at the same path.
    Kept,
    /// It is there elsewhere, at this place of the other list.
    Moved(usize),
}

/// Numbers of paths, the same for both pages: the number of the parent's path, and the element's own line.
#[derive(Default)]
struct Paths(HashMap<(u32, String), u32>);

impl Paths {
    fn number(&mut self, parent: u32, line: &str) -> u32 {
        let next = self.0.len() as u32 + 1;
        *self.0.entry((parent, line.to_owned())).or_insert(next)
    }
}

fn nodes<'a>(canonical: &'a str, paths: &mut Paths) -> Vec<Node<'a>> {
    let mut nodes: Vec<Node<'a>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for line in canonical.lines() {
        let Some((depth, line)) = line.split_once(' ') else { continue };
        let depth = depth.parse().unwrap_or(0);
        while open.last().is_some_and(|last| nodes[*last].depth >= depth) {
            open.pop();
        }
        let parent = open.last().copied();
        let path = paths.number(parent.map_or(0, |parent| nodes[parent].path), line);
        open.push(nodes.len());
        nodes.push(Node { line, depth, parent, path, fate: Fate::Alone });
    }
    nodes
}

/// Elements at the same path are the same, as many as there are on both pages.
fn keep(before: &mut [Node<'_>], after: &mut [Node<'_>]) {
    let mut there: HashMap<u32, usize> = HashMap::new();
    for node in after.iter() {
        *there.entry(node.path).or_default() += 1;
    }
    let mut kept: HashMap<u32, usize> = HashMap::new();
    for node in before {
        if let Some(left) = there.get_mut(&node.path).filter(|left| **left > 0) {
            *left -= 1;
            *kept.entry(node.path).or_default() += 1;
            node.fate = Fate::Kept;
        }
    }
    for node in after {
        if let Some(left) = kept.get_mut(&node.path).filter(|left| **left > 0) {
            *left -= 1;
            node.fate = Fate::Kept;
        }
    }
}

/// What stands elsewhere under the same line moved, if the line tells it from others.
fn pair_moved(before: &mut [Node<'_>], after: &mut [Node<'_>]) {
    let mut elsewhere: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, node) in after.iter().enumerate().rev().filter(|(_, node)| node.fate == Fate::Alone) {
        elsewhere.entry(node.line).or_default().push(at);
    }
    for (at, node) in before.iter_mut().enumerate().filter(|(_, node)| node.fate == Fate::Alone) {
        if telling(node.line).is_none() {
            continue;
        }
        if let Some(to) = elsewhere.get_mut(node.line).and_then(Vec::pop) {
            node.fate = Fate::Moved(to);
            after[to].fate = Fate::Moved(at);
        }
    }
}

fn moved_with_its_parent(before: &[Node<'_>], after: &[Node<'_>], at: usize, to: usize) -> bool {
    match (before[at].parent, after[to].parent) {
        (Some(from), Some(now)) => before[from].fate == Fate::Moved(now),
        _ => false,
    }
}

/// The root of a part that is on one page only; `None` for what is inside one.
fn whole_part(nodes: &[Node<'_>], at: usize, kind: DomChangeKind) -> Option<DomChange> {
    if nodes[at].parent.is_some_and(|parent| nodes[parent].fate == Fate::Alone) {
        return None;
    }
    let below = nodes[at + 1..].iter().take_while(|node| node.depth > nodes[at].depth);
    let inside = below.filter(|node| node.fate == Fate::Alone).count();
    Some(DomChange { kind, element: element(nodes[at].line), place: place_of(nodes, at), inside })
}

/// The nearest part around an element that has a name, or else the one right around it.
fn place_of(nodes: &[Node<'_>], at: usize) -> String {
    let mut around = nodes[at].parent;
    while let Some(parent) = around {
        let line = nodes[parent].line;
        let landmark = matches!(tag(line), "main" | "nav" | "header" | "footer" | "aside" | "form" | "dialog" | "body");
        if landmark || telling(line).is_some() {
            return element(line);
        }
        around = nodes[parent].parent;
    }
    "the page".to_owned()
}

fn tag(line: &str) -> &str {
    line.split('[').next().unwrap_or(line)
}

/// The tag and the one attribute that tells it best.
fn element(line: &str) -> String {
    let attribute = telling(line).or_else(|| ["itemprop", "type", "class"].iter().find_map(|key| attribute(line, key)));
    format!("{}{}", tag(line), attribute.unwrap_or_default())
}

/// The attribute by which one knows an element again, as it is written.
fn telling(line: &str) -> Option<&str> {
    const NAMES: [&str; 10] = [
        "data-testid",
        "data-test-id",
        "data-test",
        "data-qa",
        "data-cy",
        "data-e2e",
        "data-component",
        "id",
        "name",
        "role",
    ];
    NAMES.iter().find_map(|key| attribute(line, key))
}

/// `[key="value"]` as it stands in the line. A quote inside a value is escaped there, so no value can pass for an attribute.
fn attribute<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let start = line.find(&format!("[{key}=\""))?;
    let value = start + key.len() + 3;
    let mut escaped = false;
    for (at, letter) in line[value..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (at > 0).then(|| line.get(start..value + at + 2)).flatten(),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<body><header id=top><nav><a>Home</a></nav></header><main><form id=compose>\
        <div role=textbox></div><button data-testid=post-submit type=submit>Post</button></form></main><footer id=end></footer></body>";

    fn words(after: &str) -> Vec<String> {
        difference(PAGE, after).changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_differs_where_only_texts_do() {
        let same = PAGE.replace("Home", "Start").replace(">Post<", ">Publish<");
        let difference = difference(PAGE, &same);
        assert_eq!(difference, DomDifference { changes: Vec::new(), kept_permille: 1000 });
        assert!(!difference.is_another_page());
    }

    #[test]
    fn what_appears_and_vanishes_is_named_by_its_root_and_place() {
        let toast = PAGE.replace("</main>", "<div role=status><p><span class=icon></span>Posted</p></div></main>");
        assert_eq!(words(&toast), [r#"div[role="status"] appeared in main, with 2 elements inside"#]);
        let gone = PAGE.replace("<button data-testid=post-submit type=submit>Post</button>", "");
        assert_eq!(words(&gone), [r#"button[data-testid="post-submit"] vanished from form[id="compose"]"#]);
    }

    #[test]
    fn what_stands_elsewhere_moved() {
        let button = "<button data-testid=post-submit type=submit>Post</button>";
        let moved = PAGE.replace(button, "").replace("<footer id=end>", &format!("<footer id=end>{button}"));
        assert_eq!(
            words(&moved),
            [r#"button[data-testid="post-submit"] moved from form[id="compose"] to footer[id="end"]"#]
        );
    }

    #[test]
    fn a_part_moves_as_a_whole_and_a_wrapper_is_no_upheaval() {
        let wrapped =
            PAGE.replace("<form id=compose>", "<div id=card><form id=compose>").replace("</form>", "</form></div>");
        assert_eq!(
            words(&wrapped),
            [r#"form[id="compose"] moved from main to div[id="card"]"#, r#"div[id="card"] appeared in main"#]
        );
    }

    #[test]
    fn another_page_is_said_to_be_one() {
        let other = "<body><section><article><h2>Post</h2></article></section></body>";
        assert!(difference(PAGE, other).is_another_page());
        assert_eq!(difference("", "").kept_permille, 1000);
    }

    #[test]
    fn a_value_cannot_pass_for_an_attribute() {
        assert_eq!(attribute(r#"a[class="x[id=\"y\"]"]"#, "id"), None);
        assert_eq!(attribute(r#"a[id="y\"]z"]"#, "id"), Some(r#"[id="y\"]z"]"#));
        assert_eq!(attribute(r#"a[id=""]"#, "id"), None);
    }
}
