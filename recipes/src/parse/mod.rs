//! Recipe text → [`Recipe`], with every error of the file in one go.
//!
//! Owns the shape of the language: which key may stand where, what a value may be, which names and placeholders resolve.
//! The schema is closed: what is not known is an error, never ignored. Rules about the recipe as a whole are
//! [`crate::check`]'s. Never reads a file.
//!
//! The tree is walked once for the names (surfaces, elements) and once for everything, so a name may be used before the
//! line that defines it, and an element with an error in it is still a known name.

mod challenges;
mod content;
mod elements;
mod evidence;
pub(crate) mod fields;
mod flow;
mod head;
mod identity;
mod outcome;
mod pacing;
mod redact;
mod steps;
mod surfaces;
mod writes;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use crate::check::{self, Use, UseKind};
use crate::diagnostics::{Code, Diagnostics, Sink, Span};
use crate::model::{ElementName, InputPace, OriginPattern, Recipe, Source, SurfaceName};
use crate::suggest::did_you_mean;
use crate::template::{Placeholder, Template, TemplateError, of_order};
use crate::unfilled;
use crate::yaml::{self, Node, Value};
use fields::{Fields, limit, map};
pub(crate) use head::is_name;

/// Largest recipe, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// The action types that a recipe may have a flow for.
pub const ACTION_TYPES: [&str; 13] = [
    "publish.post",
    "publish.reel",
    "publish.story",
    "publish.short",
    "publish.pin",
    "publish.group_post",
    "schedule",
    "edit",
    "delete",
    "like",
    "comment_reply",
    "follow",
    "dm_send",
];
/// Most elements of a recipe.
const ELEMENTS_MAX: usize = 200;
/// Most surfaces of a recipe.
const SURFACES_MAX: usize = 100;
/// Most flows of a recipe.
const FLOWS_MAX: usize = 50;

const KEYS: [&str; 13] = [
    "platform",
    "recipe",
    "verified",
    "origins",
    "resources",
    "budgets",
    "pacing",
    "surfaces",
    "elements",
    "identity",
    "challenges",
    "redact",
    "flows",
];

/// Reads and checks a recipe. `file` is what errors call it, `folder` the folder that must have its platform's name.
pub(crate) fn parse(file: &str, source: &str, folder: Option<&str>) -> Result<Recipe, Diagnostics> {
    let mut sink = Sink::new(file, source);
    if source.len() > BYTES_MAX {
        let message = format!("the recipe has {} bytes; at most {BYTES_MAX} are read", source.len());
        sink.report(Code::TooLarge, Span::default(), message, "split the platform into several recipes".to_owned());
        return Err(sink.finish());
    }
    let Some(root) = yaml::read(source, &mut sink) else {
        return Err(sink.finish());
    };
    unfilled::report(&root, &mut sink);
    let mut reader = Reader {
        sink,
        folder,
        origins: Some(Vec::new()),
        surfaces: Vec::new(),
        elements: Vec::new(),
        of_order: Vec::new(),
        in_steps: false,
        flows: Vec::new(),
        uses: Vec::new(),
        reads: None,
    };
    let recipe = reader.recipe(&root, source);
    let found = reader.sink.finish();
    match recipe {
        Some(recipe) if found.is_empty() => Ok(recipe),
        _ => Err(found),
    }
}

/// What is known while the tree is walked.
pub(crate) struct Reader<'s> {
    pub(crate) sink: Sink<'s>,
    /// What its platform must be called.
    folder: Option<&'s str>,
    /// `None` once one of them is in error: then nothing can be said of what they cover.
    origins: Option<Vec<OriginPattern>>,
    /// Surfaces, as far as the first walk sees them.
    surfaces: Vec<KnownSurface>,
    /// Names of elements, and where they stand.
    elements: Vec<(ElementName, Span)>,
    /// Names of those that are known by words of the order.
    of_order: Vec<ElementName>,
    /// Whether the steps of a flow are being read.
    in_steps: bool,
    /// Names of flows.
    flows: Vec<String>,
    /// Who touches or trusts which element, for the rules of the whole.
    uses: Vec<Use>,
    /// What the steps of the flow have read so far; `None` where nothing that is read has a value.
    reads: Option<Vec<String>>,
}

/// What the first walk knows of a surface.
struct KnownSurface {
    name: SurfaceName,
    /// Whether it lists objects.
    lists: bool,
    /// Whether it reads titles of its entries.
    titles: bool,
    /// Whether the order's target is in its URL.
    by_target: bool,
}

/// Whether a word of it names the order's time.
fn names_order(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => of_order(text),
        Value::List(nodes) => nodes.iter().any(names_order),
        Value::Map(entries) => entries.iter().any(|entry| names_order(&entry.value)),
    }
}

impl Reader<'_> {
    fn recipe(&mut self, root: &Node, source: &str) -> Option<Recipe> {
        let fields = Fields::open(root, "the recipe", &KEYS, &mut self.sink)?;
        self.learn_names(root);
        let (folder, sink) = (self.folder, &mut self.sink);
        let platform = fields
            .need("platform", "platform: <name of its folder>", sink)
            .and_then(|node| head::platform(node, folder, sink));
        let number = fields.need("recipe", "recipe: 1", sink).and_then(|node| head::number(node, sink));
        let verified = fields
            .need("verified", "verified: { against: fixtures, on: 2026-11-20 }", sink)
            .and_then(|node| head::verified(node, sink));
        self.origins = fields
            .need("origins", "origins: [\"https://example.com\"]", &mut self.sink)
            .and_then(|node| head::origins(node, &mut self.sink));
        let resources = match fields.get("resources", &mut self.sink) {
            Some(node) => head::resources(node, &mut self.sink),
            None => Some(Vec::new()),
        };
        let budgets = match fields.get("budgets", &mut self.sink) {
            Some(node) => self.named(node, "`budgets`", FLOWS_MAX, Self::budget),
            None => Some(IndexMap::new()),
        };
        let pacing = match fields.get("pacing", &mut self.sink) {
            Some(node) => self.pacing(node),
            None => Some(InputPace::default()),
        };
        let surfaces = fields
            .need("surfaces", "surfaces: { profile: { url: \"/{account.handle}\" } }", &mut self.sink)
            .and_then(|node| self.named(node, "`surfaces`", SURFACES_MAX, Self::surface));
        let elements = fields
            .need("elements", "elements: { post_button: [ … ] }", &mut self.sink)
            .and_then(|node| self.named(node, "`elements`", ELEMENTS_MAX, Self::element));
        let identity = fields
            .need("identity", "identity: { on: profile, handle: …, name: … }", &mut self.sink)
            .and_then(|node| self.identity(node));
        let challenges = fields
            .need("challenges", "challenges: { logged_out: { any: [ { url: \"/login*\" } ] } }", &mut self.sink)
            .and_then(|node| self.challenges(node));
        let redact = match fields.get("redact", &mut self.sink) {
            Some(node) => self.redact(node),
            None => Some(IndexMap::new()),
        };
        let flows = fields
            .need("flows", "flows: { publish.post: … }", &mut self.sink)
            .and_then(|node| self.named(node, "`flows`", FLOWS_MAX, Self::flow));
        let place = |name: &str| self.elements.iter().find(|(known, _)| known == name).map(|(_, span)| *span);
        let known: check::Known<'_> = elements
            .iter()
            .flatten()
            .map(|(name, element)| (name.as_str(), (element, place(name).unwrap_or_default())))
            .collect();
        check::whole(&known, &self.uses, &mut self.sink);
        Some(Recipe {
            platform: platform?,
            recipe: number?,
            verified: verified?,
            origins: self.origins.take()?,
            resources: resources?,
            budgets: budgets?,
            pacing: pacing?,
            surfaces: surfaces?,
            elements: elements?,
            identity: identity?,
            challenges: challenges?,
            redact: redact?,
            flows: flows?,
            hash: hex::encode(Sha256::digest(source)),
            source: Source(source.into()),
            baselines: BTreeMap::new(),
        })
    }

    /// The first walk: which surfaces and elements there are.
    fn learn_names(&mut self, root: &Node) {
        for section in root.entries() {
            for entry in section.value.entries() {
                match section.key.as_str() {
                    "surfaces" => {
                        let field = |key| entry.value.entries().iter().find(|field| field.key == key);
                        let items = field("items");
                        let target = Placeholder::Target.to_string();
                        self.surfaces.push(KnownSurface {
                            name: entry.key.clone(),
                            lists: items.is_some(),
                            titles: items.is_some_and(|items| items.value.entries().iter().any(|f| f.key == "title")),
                            by_target: field("url").is_some_and(
                                |url| matches!(&url.value.value, Value::Scalar { text, .. } if text.contains(&target)),
                            ),
                        });
                    }
                    "flows" => self.flows.push(entry.key.clone()),
                    "elements" => {
                        self.elements.push((entry.key.clone(), entry.key_span));
                        if names_order(&entry.value) {
                            self.of_order.push(entry.key.clone());
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// A map of names that the recipe's author chooses. A value in error is left out; its error is reported.
    fn named<T>(
        &mut self,
        node: &Node,
        what: &str,
        max: usize,
        mut read: impl FnMut(&mut Self, &str, &Node) -> Option<T>,
    ) -> Option<IndexMap<String, T>> {
        let entries = map(node, what, &mut self.sink)?;
        if entries.is_empty() {
            self.sink.report(Code::MissingKey, node.label, format!("{what} is empty"), None);
        }
        limit(entries.len(), max, what, node.label, &mut self.sink);
        let mut all = IndexMap::new();
        for entry in entries.iter().take(max) {
            head::check_name(&entry.key, entry.key_span, &mut self.sink);
            // Of two with one name, which is an error of its own, the first counts.
            if let Some(value) = read(self, &entry.key, &entry.value) {
                all.entry(entry.key.clone()).or_insert(value);
            }
        }
        Some(all)
    }

    /// The name of an element that the recipe defines.
    fn element_name(&mut self, node: &Node, what: &str) -> Option<ElementName> {
        let name = fields::text(node, what, &mut self.sink)?;
        if self.elements.iter().any(|(known, _)| *known == name) {
            if !self.in_steps && self.of_order.contains(&name) {
                let message = format!("`{name}` is known by the order's time, and {what} may not be");
                let help = "only the steps of a flow may name such an element: what is read back, what is pressed, who is signed \
                            in and what a page is recognised by are the same for every order"
                    .to_owned();
                self.sink.report(Code::PlaceholderNotHere, node.span, message, help);
            }
            return Some(name);
        }
        // A whole part that is missing is one error, which is reported where it is missing.
        if self.elements.is_empty() {
            return None;
        }
        let help = did_you_mean(&name, self.elements.iter().map(|(known, _)| known.as_str()));
        self.sink.report(Code::UnknownElement, node.span, format!("`elements` has no `{name}`"), help);
        None
    }

    /// The name of an element, and a note of what is done with it.
    fn used(&mut self, node: &Node, what: &str, kind: UseKind) -> Option<ElementName> {
        let element = self.element_name(node, what)?;
        self.uses.push(Use { element: element.clone(), span: node.span, kind });
        Some(element)
    }

    /// The name of a surface that the recipe defines.
    fn surface_name(&mut self, node: &Node, what: &str) -> Option<SurfaceName> {
        let name = fields::text(node, what, &mut self.sink)?;
        if self.surfaces.iter().any(|known| known.name == name) {
            return Some(name);
        }
        if self.surfaces.is_empty() {
            return None;
        }
        let help = did_you_mean(&name, self.surfaces.iter().map(|known| known.name.as_str()));
        self.sink.report(Code::UnknownSurface, node.span, format!("`surfaces` has no `{name}`"), help);
        None
    }

    /// The name of a surface that lists objects.
    fn listing_name(&mut self, node: &Node, what: &str) -> Option<SurfaceName> {
        let name = self.surface_name(node, what)?;
        if !self.surfaces.iter().any(|known| known.name == name && known.lists) {
            let message = format!("{what} reads entries of a list, but the surface `{name}` has no `items`");
            let help = format!("add `items: {{ each: \"article\", text: \".text\" }}` to `surfaces.{name}`");
            self.sink.report(Code::SurfaceWithoutItems, node.span, message, help);
        }
        Some(name)
    }

    /// A text with placeholders, of which only `allowed` have a value in this place.
    fn template(&mut self, node: &Node, what: &str, allowed: &[Placeholder]) -> Option<Template> {
        let text = fields::text(node, what, &mut self.sink)?;
        match Template::parse(&text) {
            Ok(template) => {
                for placeholder in template.placeholders().filter(|placeholder| !allowed.contains(placeholder)) {
                    let shown = placeholder.to_string();
                    let names: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
                    let help = if names.is_empty() {
                        "write a fixed text".to_owned()
                    } else {
                        format!("known here: {}", names.join(", "))
                    };
                    let at = self.within(node.span, &shown);
                    self.sink.report(Code::PlaceholderNotHere, at, format!("`{shown}` has no value in {what}"), help);
                }
                self.reads_of(node, what, &template);
                Some(template)
            }
            Err(TemplateError::Unclosed { at }) => {
                let at = self.within(node.span, text.get(at..).unwrap_or_default());
                let help = "close it with `}`, or write `{{` for a brace that stands for itself";
                self.sink.report(Code::BadTemplate, at, format!("a brace in {what} is never closed"), help.to_owned());
                None
            }
            Err(TemplateError::Form { name, fault, .. }) => {
                let at = self.within(node.span, &format!("{{{name}}}"));
                let help = "write the form behind a bar: {content.scheduled_at|MM/DD/YYYY}".to_owned();
                self.sink.report(Code::BadTemplate, at, format!("{fault}"), help);
                None
            }
            Err(TemplateError::Unknown { name, .. }) => {
                let shown = format!("{{{name}}}");
                let known: Vec<String> = Placeholder::ALL.iter().map(ToString::to_string).collect();
                let help = did_you_mean(&shown, known.iter().map(String::as_str));
                let at = self.within(node.span, &shown);
                self.sink.report(Code::UnknownPlaceholder, at, format!("`{shown}` is not a placeholder"), help);
                None
            }
        }
    }

    /// What a template takes from `read` steps was read by an earlier one.
    fn reads_of(&mut self, node: &Node, what: &str, template: &Template) {
        for name in template.reads() {
            let shown = format!("{{read.{name}}}");
            let at = self.within(node.span, &shown);
            match &self.reads {
                None => {
                    let help = "what a step read is known to later steps and to the review, not elsewhere".to_owned();
                    let message = format!("`{shown}` has no value in {what}");
                    self.sink.report(Code::PlaceholderNotHere, at, message, help);
                }
                Some(known) if !known.iter().any(|known| known == name) => {
                    let help = did_you_mean(name, known.iter().map(String::as_str))
                        .unwrap_or_else(|| format!("add `- read: {{ element: <element>, as: {name} }}` before it"));
                    let message = format!("`{shown}` is used, but no earlier step reads it");
                    self.sink.report(Code::NotRead, at, message, help);
                }
                Some(_) => {}
            }
        }
    }

    /// Where a piece of a text stands in the source; the whole text when quoting or folding hides it.
    fn within(&self, span: Span, piece: &str) -> Span {
        match self.sink.text(span).find(piece) {
            Some(at) if !piece.is_empty() => Span { start: span.start + at, end: span.start + at + piece.len() },
            _ => span,
        }
    }

    /// A CSS selector.
    fn css(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = fields::text(node, what, &mut self.sink)?;
        match crate::css::parse(&text) {
            Ok(_) => Some(text),
            Err(reason) => {
                let help = "plain CSS, as in a style sheet, quote attribute values; of the states of a page (`:checked`, \
                            `:enabled`) none can be asked for: name an attribute instead";
                let message = format!("{what} is not a CSS selector: {reason}");
                self.sink.report(Code::BadSelector, node.span, message, help.to_owned());
                None
            }
        }
    }
}
