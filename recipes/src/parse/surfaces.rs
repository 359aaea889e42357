//! Surfaces: where a page is, what must be on it, how its list is read.

use url::Url;

use crate::diagnostics::Code;
use crate::model::{Items, OriginPattern, Surface};
use crate::template::{Part, Placeholder, Template};
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, list, text, truth};

/// Most landmarks of one surface.
const LANDMARKS_MAX: usize = 50;
/// What an order or an account can say of where a page is.
const IN_URL: [Placeholder; 2] = [Placeholder::AccountHandle, Placeholder::Target];
const ITEM_KEYS: [&str; 10] =
    ["each", "text", "title", "author", "media", "time", "permalink", "pending", "id_attribute", "scrolls"];

impl Reader<'_> {
    pub(super) fn surface(&mut self, name: &str, node: &Node) -> Option<Surface> {
        let what = format!("surface `{name}`");
        let fields = Fields::open(node, &what, &["url", "landmarks", "items", "ready"], &mut self.sink)?;
        let url = fields.need("url", "url: \"/…\"", &mut self.sink).and_then(|node| self.surface_url(node));
        let landmarks = fields.get("landmarks", &mut self.sink).map_or_else(Vec::new, |node| {
            let nodes = list(node, "`landmarks`", 1..=LANDMARKS_MAX, &mut self.sink).unwrap_or_default();
            nodes.iter().filter_map(|node| self.element_name(node, "a landmark")).collect()
        });
        let items = match fields.get("items", &mut self.sink) {
            Some(node) => Some(self.items(&what, node)?),
            None => None,
        };
        let ready = fields.get("ready", &mut self.sink).and_then(|node| self.element_name(node, "`ready`"));
        Some(Surface { url: url?, landmarks, items, ready })
    }

    /// A path below the account's origin, an absolute URL within `origins`, or `{target}`.
    fn surface_url(&mut self, node: &Node) -> Option<Template> {
        let template = self.template(node, "`url`", &IN_URL)?;
        if template.is_only(Placeholder::Target) {
            return Some(template);
        }
        let head = match template.parts.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        if head.starts_with('/') && !head.starts_with("//") && !head.starts_with("/\\") {
            return Some(template);
        }
        // The origin must stand there in full, before the first placeholder: it decides where the session goes.
        let origin_is_fixed =
            head.split_once("://").is_some_and(|(_, rest)| rest.contains('/') || template.parts.len() == 1);
        let url = Url::parse(head).ok().filter(|_| origin_is_fixed);
        match (url, &self.origins) {
            (None, _) => {
                let help = "write a path (`/compose`), a whole URL (`https://example.com/compose`), or \"{target}\"";
                self.sink.report(Code::BadValue, node.span, "this is neither a path nor a URL", help.to_owned());
                None
            }
            (Some(url), Some(origins)) if !origins.iter().any(|origin| origin.covers(&url)) => {
                let known: Vec<String> = origins.iter().map(OriginPattern::to_string).collect();
                let message = format!("{} is not in `origins`", url.origin().ascii_serialization());
                let help = format!(
                    "the session may go to {}; add the origin there if it belongs to the platform",
                    known.join(", ")
                );
                self.sink.report(Code::OriginNotCovered, node.span, message, help);
                None
            }
            (Some(_), _) => Some(template),
        }
    }

    fn items(&mut self, surface: &str, node: &Node) -> Option<Items> {
        let fields = Fields::open(node, &format!("`items` of {surface}"), &ITEM_KEYS, &mut self.sink)?;
        let each = fields.need("each", "each: \"article\"", &mut self.sink).and_then(|node| self.css(node, "`each`"));
        let text_css =
            fields.need("text", "text: \".post-text\"", &mut self.sink).and_then(|node| self.css(node, "`text`"));
        let mut optional = |key: &str| {
            let node = fields.get(key, &mut self.sink)?;
            self.css(node, &format!("`{key}`"))
        };
        let (title, author, media, time) = (optional("title"), optional("author"), optional("media"), optional("time"));
        let (permalink, pending) = (optional("permalink"), optional("pending"));
        let id_attribute =
            fields.get("id_attribute", &mut self.sink).and_then(|node| self.attribute(node, "`id_attribute`"));
        let scrolls = match fields.get("scrolls", &mut self.sink) {
            Some(node) => truth(node, "`scrolls`", &mut self.sink)?,
            None => false,
        };
        let (each, text) = (each?, text_css?);
        Some(Items { each, text, title, author, media, time, permalink, pending, id_attribute, scrolls })
    }

    /// The name of an attribute, not a selector.
    pub(super) fn attribute(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = text(node, what, &mut self.sink)?;
        if name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')) {
            return Some(name);
        }
        let help = "write its bare name, as in `data-post-id`";
        self.sink.report(Code::BadValue, node.span, format!("{what} is not the name of an attribute"), help.to_owned());
        None
    }
}
