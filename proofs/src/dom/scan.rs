//! From the tags of a page to shapes, in one pass.
//!
//! Never recurses and never walks the stack of open elements without shortening it.

use std::collections::HashMap;

use super::attributes::{Part, part_of};
use super::elements::{Element, Elements, NameId};
use super::shape::{LineId, Outline, ShapeId, Shapes};
use super::tokens::{Tag, Tags, TextMode};

/// The canonical form of a page.
pub(super) fn outline(html: &str) -> Outline {
    let mut tree = Tree::default();
    let mut tags = Tags::of(html);
    // One for all, so that a tag costs no allocation.
    let mut tag = Tag::default();
    while tags.read(&mut tag, tree.in_foreign_content()) {
        tags.mode = tree.add(&tag);
    }
    tree.finish()
}

/// How an element takes part, as it is remembered for the next one like it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// `None` when it does not stand in the canonical form itself.
    line: Option<LineId>,
    /// What is inside does not count.
    closed_off: bool,
    /// What is inside is a menu or a toolbar.
    in_order: bool,
}

/// An element whose end tag has not come yet.
struct Open {
    name: NameId,
    /// Its own, and what it inherits from around it.
    place: Place,
    /// Where its children begin among those that wait.
    first_child: usize,
}

#[derive(Default)]
pub(super) struct Tree {
    shapes: Shapes,
    elements: Elements,
    places: HashMap<String, Place>,
    open: Vec<Open>,
    /// Shapes whose parent is still open, in document order: the children of the innermost one are last.
    waiting: Vec<ShapeId>,
    /// How many of the open elements are `<svg>` or `<math>`.
    foreign_open: usize,
}

impl Tree {
    /// Adds a tag and says how what follows is to be read.
    pub(super) fn add(&mut self, tag: &Tag) -> TextMode {
        if !tag.is_end {
            return self.start(tag);
        }
        self.end(tag.name());
        TextMode::Markup
    }

    fn start(&mut self, tag: &Tag) -> TextMode {
        let foreign = self.in_foreign_content();
        let name = self.elements.id(tag.name());
        if !foreign {
            self.end_what_this_ends(name);
        }
        let around = self.open.last().map(|last| last.place);
        let place = match around {
            Some(around) if around.closed_off => Place { line: None, ..around },
            _ => {
                let own = self.place_of(tag, name);
                Place { in_order: own.in_order || around.is_some_and(|around| around.in_order), ..own }
            }
        };
        let element = self.elements.get_mut(name);
        element.open += 1;
        self.foreign_open += usize::from(element.is_foreign);
        let (is_void, mode) = (element.is_void, element.mode);
        self.open.push(Open { name, place, first_child: self.waiting.len() });
        if is_void || (tag.self_closing && self.in_foreign_content()) {
            self.close_last();
            return TextMode::Markup;
        }
        if foreign { TextMode::Markup } else { mode }
    }

    fn end(&mut self, name: &str) {
        if self.last_open().is_none_or(|last| last.name != name) {
            // An end tag that ends nothing is ignored, without looking through everything that is open.
            let id = self.elements.id(name);
            if self.elements.get(id).open == 0 {
                return;
            }
            while self.open.last().is_some_and(|last| last.name != id) {
                self.close_last();
            }
        }
        self.close_last();
    }

    fn close_last(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        let element = self.elements.get_mut(closed.name);
        element.open -= 1;
        self.foreign_open -= usize::from(element.is_foreign);
        // What is inside a transparent element waits on, for the element around it.
        let Some(line) = closed.place.line else { return };
        let shape = self.shapes.intern(line, &self.waiting[closed.first_child..], closed.place.in_order);
        self.waiting.truncate(closed.first_child);
        self.waiting.push(shape);
    }

    fn place_of(&mut self, tag: &Tag, name: NameId) -> Place {
        let is_bare = tag.text().len() == tag.name().len();
        let known = if is_bare { self.elements.get(name).bare } else { self.places.get(tag.text()).copied() };
        if let Some(place) = known {
            return place;
        }
        let part = part_of(tag);
        let closed_off = matches!(part, Part::Dropped | Part::Leaf(_));
        let place = match part {
            Part::Dropped | Part::Transparent => Place { line: None, closed_off, in_order: false },
            Part::Leaf(line) | Part::Branch(line) => {
                let in_order = line.keeps_order;
                Place { line: Some(self.shapes.intern_line(line)), closed_off, in_order }
            }
        };
        if is_bare {
            self.elements.get_mut(name).bare = Some(place);
        } else {
            self.places.insert(tag.text().to_owned(), place);
        }
        place
    }

    /// End tags that HTML lets people leave out. A serialised snapshot has them all; pages written by hand do not.
    fn end_what_this_ends(&mut self, opened: NameId) {
        while self.last_open().is_some_and(|last| self.elements.get(opened).ends(last)) {
            self.close_last();
        }
    }

    fn last_open(&self) -> Option<&Element> {
        self.open.last().map(|last| self.elements.get(last.name))
    }

    pub(super) fn in_foreign_content(&self) -> bool {
        self.foreign_open > 0
    }

    pub(super) fn finish(mut self) -> Outline {
        while !self.open.is_empty() {
            self.close_last();
        }
        self.shapes.outline(&self.waiting)
    }
}
