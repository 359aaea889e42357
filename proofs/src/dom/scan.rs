//! From HTML text to shapes, in one pass over `html5ever`'s tokens.
//!
//! Never recurses and never walks the stack of open elements without shortening it.

use std::cell::RefCell;
use std::collections::HashMap;

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

use super::attributes::{Part, part_of, write_relevant};
use super::shape::{LineId, Outline, ShapeId, Shapes};

/// Elements that have no end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// The canonical form of a page.
pub(super) fn outline(html: &str) -> Outline {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // The sink asks for no script to be run, so the tokenizer never stops half-way.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.tree.into_inner().finish()
}

#[derive(Default)]
struct Sink {
    tree: RefCell<Tree>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        let mut tree = self.tree.borrow_mut();
        match tag.kind {
            TagKind::StartTag => tree.start(&tag),
            TagKind::EndTag => {
                tree.end(&tag.name);
                TokenSinkResult::Continue
            }
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.tree.borrow().in_foreign_content()
    }
}

/// How an element takes part, as it is remembered for the next one like it.
#[derive(Clone, Copy)]
struct Place {
    /// `None` when it does not stand in the canonical form itself.
    line: Option<LineId>,
    /// What is inside does not count.
    closed_off: bool,
    /// It takes what is inside as its children.
    owns: bool,
    /// What is inside is a menu or a toolbar.
    in_order: bool,
}

/// An element whose end tag has not come yet.
struct Open {
    name: LocalName,
    name_id: usize,
    /// Its own, and what it inherits from around it.
    place: Place,
    /// The nearest element, this one included, that takes the children; `None` for the top of the page.
    owner: Option<usize>,
    children: Vec<ShapeId>,
}

#[derive(Default)]
struct Tree {
    shapes: Shapes,
    places: HashMap<String, Place>,
    /// Kept from tag to tag, so that a known one costs no allocation.
    relevant: String,
    open: Vec<Open>,
    name_ids: HashMap<LocalName, usize>,
    /// How many elements of a name are open.
    open_by_name: Vec<usize>,
    /// How many of the open elements are `<svg>` or `<math>`: inside them other rules of HTML hold.
    foreign_open: usize,
    top: Vec<ShapeId>,
}

impl Tree {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let foreign = self.in_foreign_content();
        if !foreign {
            self.end_what_this_ends(&tag.name);
        }
        let (around, mut owner) = self.open.last().map_or((None, None), |last| (Some(last.place), last.owner));
        let place = match around {
            Some(around) if around.closed_off => Place { line: None, owns: false, ..around },
            _ => {
                let own = self.place_of(tag);
                Place { in_order: own.in_order || around.is_some_and(|around| around.in_order), ..own }
            }
        };
        if place.owns {
            owner = Some(self.open.len());
        }
        let name_id = self.name_id(&tag.name);
        self.push(Open { name: tag.name.clone(), name_id, place, owner, children: Vec::new() });
        if VOID.contains(&&*tag.name) || (tag.self_closing && self.in_foreign_content()) {
            self.close_last();
            return TokenSinkResult::Continue;
        }
        if foreign { TokenSinkResult::Continue } else { text_mode(&tag.name) }
    }

    fn end(&mut self, name: &LocalName) {
        if self.open.last().is_none_or(|last| last.name != *name) {
            // An end tag that ends nothing is ignored, without looking through everything that is open.
            let is_open = self.name_ids.get(name).is_some_and(|id| self.open_by_name[*id] > 0);
            if !is_open {
                return;
            }
            while self.open.last().is_some_and(|last| last.name != *name) {
                self.close_last();
            }
        }
        self.close_last();
    }

    fn push(&mut self, open: Open) {
        self.open_by_name[open.name_id] += 1;
        self.foreign_open += usize::from(is_foreign(&open.name));
        self.open.push(open);
    }

    fn close_last(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        self.open_by_name[closed.name_id] -= 1;
        self.foreign_open -= usize::from(is_foreign(&closed.name));
        let Some(line) = closed.place.line else { return };
        let shape = self.shapes.intern(line, &closed.children, closed.place.in_order);
        // Its own owner is the nearest one around it, which the element below on the stack knows.
        match self.open.last().and_then(|around| around.owner) {
            Some(owner) => self.open[owner].children.push(shape),
            None => self.top.push(shape),
        }
    }

    fn place_of(&mut self, tag: &Tag) -> Place {
        write_relevant(tag, &mut self.relevant);
        if let Some(place) = self.places.get(&self.relevant) {
            return *place;
        }
        let part = part_of(tag);
        let (closed_off, owns) = (matches!(part, Part::Dropped | Part::Leaf(_)), matches!(part, Part::Branch(_)));
        let place = match part {
            Part::Dropped | Part::Transparent => Place { line: None, closed_off, owns, in_order: false },
            Part::Leaf(line) | Part::Branch(line) => {
                let in_order = line.keeps_order;
                Place { line: Some(self.shapes.intern_line(line)), closed_off, owns, in_order }
            }
        };
        self.places.insert(self.relevant.clone(), place);
        place
    }

    fn name_id(&mut self, name: &LocalName) -> usize {
        if let Some(id) = self.name_ids.get(name) {
            return *id;
        }
        let id = self.open_by_name.len();
        self.open_by_name.push(0);
        self.name_ids.insert(name.clone(), id);
        id
    }

    /// End tags that HTML lets people leave out. A serialised snapshot has them all; pages written by hand do not.
    fn end_what_this_ends(&mut self, opened: &str) {
        while self.open.last().is_some_and(|last| ends(opened, &last.name)) {
            self.close_last();
        }
    }

    fn in_foreign_content(&self) -> bool {
        self.foreign_open > 0
    }

    fn finish(mut self) -> Outline {
        while !self.open.is_empty() {
            self.close_last();
        }
        self.shapes.outline(&self.top)
    }
}

fn is_foreign(name: &str) -> bool {
    matches!(name, "svg" | "math")
}

/// Whether the start of one element ends another that is still open.
fn ends(opened: &str, open: &str) -> bool {
    match open {
        "p" => matches!(
            opened,
            "address"
                | "article"
                | "aside"
                | "blockquote"
                | "details"
                | "div"
                | "dl"
                | "fieldset"
                | "figure"
                | "footer"
                | "form"
                | "h1"
                | "h2"
                | "h3"
                | "h4"
                | "h5"
                | "h6"
                | "header"
                | "hr"
                | "li"
                | "main"
                | "menu"
                | "nav"
                | "ol"
                | "p"
                | "pre"
                | "section"
                | "table"
                | "ul"
                | "dt"
                | "dd"
                | "tr"
                | "td"
                | "th"
        ),
        "li" => opened == "li",
        "dt" | "dd" => matches!(opened, "dt" | "dd"),
        "option" => matches!(opened, "option" | "optgroup"),
        "optgroup" => opened == "optgroup",
        "td" | "th" => matches!(opened, "td" | "th" | "tr" | "tbody" | "tfoot"),
        "tr" => matches!(opened, "tr" | "tbody" | "tfoot"),
        "thead" | "tbody" => matches!(opened, "tbody" | "tfoot"),
        "head" => opened == "body",
        _ => false,
    }
}

/// What the tokenizer must take for text until the end tag: otherwise a script's strings would become elements.
fn text_mode(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => TokenSinkResult::RawData(RawKind::Rawtext),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}
