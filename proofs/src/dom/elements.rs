//! What the name of an element says about how a page is read, looked up once for each name.

use std::collections::HashMap;

use super::scan::Place;
use super::tokens::TextMode;

/// Elements that have no end tag.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// How many names are found without their map. Pages have about fifty, and a clash costs no more than the map.
const RECENT: usize = 256;

/// The number of a name.
pub(super) type NameId = usize;

/// Elements of one name.
pub(super) struct Element {
    pub(super) name: String,
    /// They have no end tag.
    pub(super) is_void: bool,
    /// `<svg>` or `<math>`: inside them other rules of HTML hold.
    pub(super) is_foreign: bool,
    /// How what is inside is read: otherwise a script's strings would become elements.
    pub(super) mode: TextMode,
    /// What their start tags are, for elements whose end tags people leave out.
    starts: u16,
    /// Before which start tags their end tags may be left out.
    ended_by: u16,
    /// How many of them are open.
    pub(super) open: usize,
    /// How one without attributes that count takes part, once there was one.
    pub(super) bare: Option<Place>,
}

impl Element {
    fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_void: VOID.contains(&name),
            is_foreign: matches!(name, "svg" | "math"),
            mode: text_mode(name),
            starts: starts(name),
            ended_by: ended_by(name),
            open: 0,
            bare: None,
        }
    }

    /// Whether its start tag ends this one, which is still open.
    pub(super) fn ends(&self, open: &Self) -> bool {
        self.starts & open.ended_by != 0
    }
}

/// All names of a page.
pub(super) struct Elements {
    all: Vec<Element>,
    ids: HashMap<String, NameId>,
    /// Short names with their numbers, each at the one place where it may be.
    recent: [(u64, NameId); RECENT],
}

impl Default for Elements {
    fn default() -> Self {
        Self { all: Vec::new(), ids: HashMap::new(), recent: [(0, 0); RECENT] }
    }
}

impl Elements {
    /// The number of a name.
    pub(super) fn id(&mut self, name: &str) -> NameId {
        let Some(short) = short(name) else { return self.id_by_map(name) };
        // The upper byte of a product depends on all bits.
        let slot = (short.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize;
        if self.recent[slot].0 != short {
            self.recent[slot] = (short, self.id_by_map(name));
        }
        self.recent[slot].1
    }

    fn id_by_map(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.all.len();
        self.ids.insert(name.to_owned(), id);
        self.all.push(Element::of(name));
        id
    }

    pub(super) fn get(&self, id: NameId) -> &Element {
        &self.all[id]
    }

    pub(super) fn get_mut(&mut self, id: NameId) -> &mut Element {
        &mut self.all[id]
    }
}

/// A name of up to eight bytes as a number that is not 0. No two have the same, since no name has a NUL.
fn short(name: &str) -> Option<u64> {
    if name.len() > 8 {
        return None;
    }
    Some(name.bytes().fold(0, |number, byte| number << 8 | u64::from(byte)))
}

const BLOCK: u16 = 1;
const LI: u16 = 1 << 1;
const DT_DD: u16 = 1 << 2;
const OPTION: u16 = 1 << 3;
const OPTGROUP: u16 = 1 << 4;
const CELL: u16 = 1 << 5;
const ROW: u16 = 1 << 6;
const ROWS: u16 = 1 << 7;
const BODY: u16 = 1 << 8;

fn starts(name: &str) -> u16 {
    match name {
        "address" | "article" | "aside" | "blockquote" | "details" | "div" | "dl" | "fieldset" | "figure"
        | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hr" | "main" | "menu" | "nav"
        | "ol" | "p" | "pre" | "section" | "table" | "ul" => BLOCK,
        "li" => BLOCK | LI,
        "dt" | "dd" => BLOCK | DT_DD,
        "td" | "th" => BLOCK | CELL,
        "tr" => BLOCK | ROW,
        "option" => OPTION,
        "optgroup" => OPTGROUP,
        "tbody" | "tfoot" => ROWS,
        "body" => BODY,
        _ => 0,
    }
}

fn ended_by(name: &str) -> u16 {
    match name {
        "p" => BLOCK,
        "li" => LI,
        "dt" | "dd" => DT_DD,
        "option" => OPTION | OPTGROUP,
        "optgroup" => OPTGROUP,
        "td" | "th" => CELL | ROW | ROWS,
        "tr" => ROW | ROWS,
        "thead" | "tbody" => ROWS,
        "head" => BODY,
        _ => 0,
    }
}

fn text_mode(name: &str) -> TextMode {
    match name {
        "script" => TextMode::Script,
        "style" => TextMode::Until("style"),
        "xmp" => TextMode::Until("xmp"),
        "iframe" => TextMode::Until("iframe"),
        "noembed" => TextMode::Until("noembed"),
        "noframes" => TextMode::Until("noframes"),
        "noscript" => TextMode::Until("noscript"),
        "title" => TextMode::Until("title"),
        "textarea" => TextMode::Until("textarea"),
        "plaintext" => TextMode::Plain,
        _ => TextMode::Markup,
    }
}
