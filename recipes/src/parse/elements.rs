//! Elements and their locators.

use crate::aria::ROLES;
use crate::diagnostics::Code;
use crate::model::{Element, Locator, Side, Words};
use crate::suggest::did_you_mean;
use crate::template::{Placeholder, of_order};
use crate::xpath;
use crate::yaml::{Entry, Node};

use super::Reader;
use super::fields::{Fields, list, map, single, text};

/// Most locators of one element.
const LOCATORS_MAX: usize = 10;
const KINDS: [&str; 8] = ["role", "label", "text", "css", "xpath", "testid", "one_of", "near"];
/// What of an order may stand in the words of a locator: what has a closed form.
const OF_TIME: [Placeholder; 3] =
    [Placeholder::ContentScheduledAt, Placeholder::ContentScheduledDate, Placeholder::ContentScheduledTime];
const SIDES: [(&str, Side); 5] = [
    ("below", Side::Below),
    ("above", Side::Above),
    ("left_of", Side::LeftOf),
    ("right_of", Side::RightOf),
    ("inside", Side::Inside),
];

impl Reader<'_> {
    /// An element. `None` when one of its locators is in error, so that no rule judges half of it.
    pub(super) fn element(&mut self, name: &str, node: &Node) -> Option<Element> {
        let nodes = list(node, &format!("element `{name}`"), 1..=LOCATORS_MAX, &mut self.sink)?;
        let mut locators: Vec<Locator> = Vec::new();
        let mut sound = true;
        for node in nodes {
            match self.locator(name, node) {
                Some(locator) if locators.contains(&locator) => {
                    let help = "remove it: the same locator twice would have two votes";
                    let message = format!("`{name}` has this locator already");
                    self.sink.report(Code::DuplicateLocator, node.span, message, help.to_owned());
                }
                Some(locator) => locators.push(locator),
                None => sound = false,
            }
        }
        let words =
            if locators.iter().filter_map(Locator::words).any(of_order) { Words::OfOrder } else { Words::Fixed };
        sound.then_some(Element { locators, words })
    }

    fn locator(&mut self, element: &str, node: &Node) -> Option<Locator> {
        let entry = single(node, "a locator", &KINDS, &mut self.sink)?;
        let value = &entry.value;
        match entry.key.as_str() {
            "role" => self.role(value),
            "label" => self.locator_words(value, "`label`").map(Locator::Label),
            "text" => self.locator_words(value, "`text`").map(Locator::Text),
            "css" => self.css(value, "`css`").map(Locator::Css),
            "xpath" => self.xpath(value).map(Locator::Xpath),
            "testid" => self.fixed_text(value, "`testid`").map(Locator::TestId),
            "one_of" => self.one_of(value),
            _ => self.near(element, value),
        }
    }

    /// `one_of: { css: ".day", text: "{content.scheduled_at|D}" }`
    fn one_of(&mut self, node: &Node) -> Option<Locator> {
        let fields = Fields::open(node, "`one_of`", &["css", "text"], &mut self.sink)?;
        let css = fields.need("css", "css: \".day\"", &mut self.sink).and_then(|node| self.css(node, "`one_of.css`"));
        let text = fields
            .need("text", "text: \"{content.scheduled_at|D}\"", &mut self.sink)
            .and_then(|node| self.locator_words(node, "`one_of.text`"));
        Some(Locator::OneOf { css: css?, text: text? })
    }

    /// Words by which an element is known: fixed ones, or the order's time in a form of its own. Nothing else of an order is of so closed
    /// a form: free text could name any node of a page.
    fn locator_words(&mut self, node: &Node, what: &str) -> Option<String> {
        let words = text(node, what, &mut self.sink)?;
        if !of_order(&words) {
            return self.fixed_text(node, what);
        }
        self.template(node, what, &OF_TIME).map(|_| words)
    }

    /// `role: { button: "Post" }`, or `role: { button: ~ }` for any name.
    fn role(&mut self, node: &Node) -> Option<Locator> {
        let entries = map(node, "`role`", &mut self.sink)?;
        let [Entry { key, key_span, value }] = entries else {
            let help = "write `role: { button: \"Post\" }`";
            self.sink.report(
                Code::WrongType,
                node.span,
                "`role` takes one role with its accessible name",
                help.to_owned(),
            );
            return None;
        };
        let known = ROLES.contains(&key.as_str());
        if !known {
            let help = did_you_mean(key, ROLES.iter().copied());
            self.sink.report(Code::UnknownRole, *key_span, format!("`{key}` is not a role of WAI-ARIA"), help);
        }
        let name = if value.is_null() { None } else { Some(self.locator_words(value, "the accessible name")?) };
        known.then(|| Locator::Role { role: key.clone(), name })
    }

    /// `near: { below: editor, text: "Post" }`
    fn near(&mut self, element: &str, node: &Node) -> Option<Locator> {
        let entries = map(node, "`near`", &mut self.sink)?;
        let mut place = None;
        let mut wanted = None;
        let mut places = 0;
        for entry in entries {
            if entry.key == "text" {
                wanted = self.locator_words(&entry.value, "`near.text`");
            } else if let Some((_, side)) = SIDES.iter().find(|(name, _)| *name == entry.key) {
                places += 1;
                place = self.element_name(&entry.value, "the element that it is near").map(|of| (*side, of));
            } else {
                let known = SIDES.iter().map(|(name, _)| *name).chain(["text"]);
                let help = did_you_mean(&entry.key, known);
                self.sink.report(
                    Code::UnknownKey,
                    entry.key_span,
                    format!("unknown key `{}` in `near`", entry.key),
                    help,
                );
            }
        }
        if places != 1 || !entries.iter().any(|entry| entry.key == "text") {
            let help = format!("write `near: {{ below: <element>, text: \"…\" }}` in `{element}`");
            self.sink.report(Code::MissingKey, node.label, "`near` takes one side and the wanted `text`", help);
        }
        let (side, of) = place?;
        Some(Locator::Near { side, of, text: wanted? })
    }

    /// A text of a locator. Nothing is filled in there: a placeholder would be looked for letter by letter.
    pub(super) fn fixed_text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = text(node, what, &mut self.sink)?;
        if let Some(placeholder) = placeholder_like(&text) {
            let at = self.within(node.span, placeholder);
            let help = "it is the same for every account and order: use words that do not change";
            let message = format!("`{placeholder}` has no value in {what}");
            self.sink.report(Code::PlaceholderNotHere, at, message, help.to_owned());
        }
        Some(text)
    }

    fn xpath(&mut self, node: &Node) -> Option<String> {
        let text = text(node, "`xpath`", &mut self.sink)?;
        match xpath::fault(&text) {
            None => Some(text),
            Some(reason) => {
                let help = "write `//button[@type='submit']`, or use `css`";
                self.sink.report(
                    Code::BadXpath,
                    node.span,
                    format!("`xpath` cannot be read: {reason}"),
                    help.to_owned(),
                );
                None
            }
        }
    }
}

/// What is written as a placeholder is: `{account.handle}`, and also one that there is not.
fn placeholder_like(text: &str) -> Option<&str> {
    let named =
        |inner: &str| inner.starts_with(|c: char| c.is_ascii_lowercase()) && !inner.contains(char::is_whitespace);
    text.match_indices('{').find_map(|(at, _)| {
        let tail = text.get(at..)?;
        let whole = tail.get(..=tail.find('}')?)?;
        named(whole.get(1..whole.len() - 1)?).then_some(whole)
    })
}
