//! Subtrees as shared values, and the collapsing of repeated siblings.
//!
//! Equal subtrees are stored once and have the same number, so comparing two is comparing two integers, and a page
//! with 10,000 posts of one shape costs one shape. Exact: no hash stands for a comparison here.
//!
//! Which siblings are one:
//! - neighbours of the same shape, always;
//! - a run of entries (`<li>`, `<article>`, `role=row` …) becomes the sorted set of its shapes, since a new post with a
//!   picture may stand above or below one without; not inside a menu or toolbar, where order is the platform's own;
//! - a run of siblings with the same name (class, test id, role) does so too, once one shape occurs twice.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use super::attributes::{Line, Repeats};
use super::sketch::{fnv1a, mix};

/// The number of a shape.
pub(super) type ShapeId = u32;

/// The canonical form, ready to be hashed.
pub(super) struct Outline {
    /// One element a line: depth, space, element.
    pub(super) text: String,
    /// Of each line without its depth, so that a new wrapper does not change every line inside it.
    pub(super) line_hashes: Vec<u64>,
}

/// The number of a line.
pub(super) type LineId = u32;

struct StoredLine {
    line: Line,
    hash: u64,
}

struct Shape {
    /// The line, then the children: what makes two shapes the same.
    parts: Rc<[u32]>,
    /// Depends on nothing but the content, unlike the number: entries are sorted by it.
    content_hash: u64,
}

impl Shape {
    fn line(&self) -> LineId {
        self.parts[0]
    }

    fn children(&self) -> &[ShapeId] {
        &self.parts[1..]
    }
}

/// All different subtrees of one page.
#[derive(Default)]
pub(super) struct Shapes {
    lines: Vec<StoredLine>,
    line_ids: HashMap<String, LineId>,
    shapes: Vec<Shape>,
    ids: HashMap<Rc<[u32]>, ShapeId>,
    /// Kept from call to call, so that an element like many before costs no allocation.
    parts: Vec<u32>,
}

impl Shapes {
    /// The number of a line. The same text always has the same number.
    pub(super) fn intern_line(&mut self, line: Line) -> LineId {
        if let Some(id) = self.line_ids.get(&line.text) {
            return *id;
        }
        let id = self.lines.len() as LineId;
        self.line_ids.insert(line.text.clone(), id);
        self.lines.push(StoredLine { hash: fnv1a(line.text.as_bytes()), line });
        id
    }

    /// The shape of an element with these children, which are collapsed first.
    pub(super) fn intern(&mut self, line: LineId, children: &[ShapeId], in_order: bool) -> ShapeId {
        let own = &self.lines[line as usize];
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        parts.push(line);
        self.collapse(children, own.line.lists, in_order || own.line.keeps_order, &mut parts);
        let id = match self.ids.get(parts.as_slice()) {
            Some(id) => *id,
            None => self.add(&parts),
        };
        self.parts = parts;
        id
    }

    fn add(&mut self, parts: &[u32]) -> ShapeId {
        let own = self.lines[parts[0] as usize].hash;
        let content_hash =
            parts[1..].iter().fold(mix(0, own), |hash, child| mix(hash, self.shapes[*child as usize].content_hash));
        let id = self.shapes.len() as ShapeId;
        let parts: Rc<[u32]> = parts.into();
        self.shapes.push(Shape { parts: Rc::clone(&parts), content_hash });
        self.ids.insert(parts, id);
        id
    }

    /// The canonical form of these top-level siblings.
    pub(super) fn outline(&self, top: &[ShapeId]) -> Outline {
        let mut outline = Outline { text: String::new(), line_hashes: Vec::new() };
        let mut collapsed = Vec::new();
        self.collapse(top, false, false, &mut collapsed);
        let mut open: Vec<(usize, ShapeId)> = collapsed.into_iter().rev().map(|id| (0, id)).collect();
        while let Some((depth, id)) = open.pop() {
            let shape = &self.shapes[id as usize];
            let own = &self.lines[shape.line() as usize];
            // Writing to a String cannot fail.
            let _ = writeln!(outline.text, "{depth} {}", own.line.text);
            outline.line_hashes.push(own.hash);
            open.extend(shape.children().iter().rev().map(|child| (depth + 1, *child)));
        }
        outline
    }

    fn collapse(&self, siblings: &[ShapeId], all_entries: bool, in_order: bool, into: &mut Vec<ShapeId>) {
        if all_entries {
            into.extend(self.sorted_set(siblings));
            return;
        }
        let line_of = |id: &ShapeId| self.shapes[*id as usize].line();
        for run in siblings.chunk_by(|a, b| line_of(a) == line_of(b)) {
            let [first, _, ..] = run else {
                into.extend(run);
                continue;
            };
            let set = self.sorted_set(run);
            let is_list = match self.lines[line_of(first) as usize].line.repeats {
                Repeats::Bare => false,
                Repeats::Named => set.len() < run.len(),
                Repeats::Entry => !in_order || set.len() < run.len(),
            };
            if is_list {
                into.extend(set);
            } else {
                into.extend(run.chunk_by(|a, b| a == b).filter_map(|same| same.first()));
            }
        }
    }

    fn sorted_set(&self, siblings: &[ShapeId]) -> Vec<ShapeId> {
        let mut set = siblings.to_vec();
        set.sort_unstable_by_key(|id| (self.shapes[*id as usize].content_hash, *id));
        set.dedup();
        set
    }
}
