//! What shows that an order is done: an entry of a list, the state of an element, or an object that is gone.

use crate::diagnostics::Code;
use crate::model::{Compare, Dedupe, Evidence, GoneEvidence, GoneSign, Same, StateEvidence, StateIs, SurfaceName};
use crate::suggest::did_you_mean;
use crate::template::Template;
use crate::yaml::{Node, Value};

use super::Reader;
use super::fields::{Fields, list, number, single, text, truth};
use super::flow::OF_ORDER;

/// How many of the newest entries are compared when the recipe does not say.
const LOOK_BACK_DEFAULT: usize = 30;
/// Most signs that an object is gone.
const SIGNS_MAX: usize = 20;
const KINDS: [&str; 3] = ["same", "state", "gone"];
/// States that are one word.
const WORDS: [(&str, StateIs); 5] = [
    ("pressed", StateIs::Pressed),
    ("not_pressed", StateIs::NotPressed),
    ("checked", StateIs::Checked),
    ("not_checked", StateIs::NotChecked),
    ("visible", StateIs::Visible),
];

impl Reader<'_> {
    pub(super) fn dedupe(&mut self, node: &Node) -> Option<Dedupe> {
        let known = ["on", "same", "state", "gone", "look_back"];
        let fields = Fields::open(node, "`dedupe`", &known, &mut self.sink)?;
        let shown = self.evidence(node, &fields, "dedupe");
        self.belongs_to_same(&fields, "dedupe", &["look_back"], shown.as_ref().map(|(_, evidence)| evidence));
        let look_back = match fields.get("look_back", &mut self.sink) {
            Some(node) => {
                number(node, "`look_back`", 1..=500, &mut self.sink).and_then(|count| usize::try_from(count).ok())
            }
            None => Some(LOOK_BACK_DEFAULT),
        };
        let (on, evidence) = shown?;
        Some(Dedupe { on, evidence, look_back: look_back? })
    }

    /// `on`, and exactly one of the three kinds of evidence.
    pub(super) fn evidence(&mut self, node: &Node, fields: &Fields<'_>, part: &str) -> Option<(SurfaceName, Evidence)> {
        let given: Vec<&str> = KINDS.into_iter().filter(|kind| fields.key_span(kind).is_some()).collect();
        let on_node = fields.need("on", "on: feed", &mut self.sink);
        let [kind] = given.as_slice() else {
            let message = format!("`{part}` takes exactly one of `same`, `state`, `gone`, this has {}", given.len());
            let help = "same: { text: \"{content.text}\" } · state: { element: like_button, is: pressed } · gone: { any: [ \
                        { status: 404 } ], unless: like_button }";
            self.sink.report(Code::MissingKey, node.label, message, help.to_owned());
            return None;
        };
        let what = format!("`{part}.{kind}`");
        let at = format!("`{part}.on`");
        let on = on_node.and_then(|node| match *kind {
            "same" => self.listing_name(node, &at),
            _ => self.surface_name(node, &at),
        });
        let node = fields.get(kind, &mut self.sink)?;
        let evidence = match *kind {
            "same" => self.same(node, &what, on.as_deref()).map(Evidence::Same),
            "state" => self.state(node, &what).map(Evidence::State),
            _ => self.gone(node, &what).map(Evidence::Gone),
        };
        Some((on?, evidence?))
    }

    /// Keys that say something about a list's entries have no meaning beside the other kinds of evidence.
    pub(super) fn belongs_to_same(
        &mut self,
        fields: &Fields<'_>,
        part: &str,
        keys: &[&str],
        evidence: Option<&Evidence>,
    ) {
        let Some(Evidence::State(_) | Evidence::Gone(_)) = evidence else {
            return;
        };
        for key in keys {
            if let Some(at) = fields.key_span(key) {
                let message = format!("`{key}` in `{part}` is about the entries of a list: it belongs to `same`");
                self.sink.report(Code::BadValue, at, message, "remove it".to_owned());
            }
        }
    }

    /// What makes an entry the ordered one. A fixed text would find every entry or none.
    fn same(&mut self, node: &Node, what: &str, on: Option<&str>) -> Option<Same> {
        let fields = Fields::open(node, what, &["text", "title", "media"], &mut self.sink)?;
        let text = fields
            .need("text", "text: \"{content.text}\"", &mut self.sink)
            .and_then(|node| self.of_the_order(node, what, "{content.text}"));
        let title = fields.get("title", &mut self.sink).map(|node| {
            let titled = self.surfaces.iter().any(|known| Some(known.name.as_str()) == on && known.titles);
            if let Some(on) = on.filter(|_| !titled) {
                let message = format!("{what} compares titles, but the `items` of surface `{on}` read none");
                let help = format!("add `title: \"h2\"` to `surfaces.{on}.items`");
                self.sink.report(Code::SurfaceWithoutItems, node.span, message, help);
            }
            self.of_the_order(node, what, "{content.title}")
        });
        let media = match fields.get("media", &mut self.sink) {
            Some(node) => truth(node, "`media`", &mut self.sink),
            None => Some(false),
        };
        let title = title.map_or(Some(None), |title| title.map(Some));
        Some(Same { text: text?, title: title?, media: media? })
    }

    fn of_the_order(&mut self, node: &Node, what: &str, write: &str) -> Option<Template> {
        let template = self.template(node, what, &OF_ORDER)?;
        if template.placeholders().next().is_none() {
            let message = format!("{what} is compared with a fixed text");
            self.sink.report(Code::BadValue, node.span, message, format!("use \"{write}\""));
        }
        Some(template)
    }

    fn state(&mut self, node: &Node, what: &str) -> Option<StateEvidence> {
        let fields = Fields::open(node, what, &["element", "is", "compare", "unless"], &mut self.sink)?;
        let element = fields
            .need("element", "element: like_button", &mut self.sink)
            .and_then(|node| self.element_name(node, "`element`"));
        let is = fields.need("is", "is: pressed", &mut self.sink).and_then(|node| self.state_is(node));
        let worded = matches!(is, Some(StateIs::Name(_) | StateIs::Text(_)));
        if let Some(at) = fields.key_span("compare").filter(|_| is.is_some() && !worded) {
            let message = "`compare` is about `is: { name: … }` and `is: { text: … }`";
            self.sink.report(Code::BadValue, at, message, "remove it".to_owned());
        }
        let compare = self.compare(&fields, Compare::Exact);
        let unless =
            fields.get("unless", &mut self.sink).map(|node| self.element_name(node, "`unless`")).unwrap_or_default();
        if is == Some(StateIs::Visible) && fields.key_span("unless").is_none() {
            let message =
                format!("{what} asks whether something is visible, and can not tell \"not there\" from \"not loaded\"");
            let help = "add `unless: <element>`: what the page shows when it has loaded and this is not there";
            self.sink.report(Code::MissingKey, node.label, message, help.to_owned());
        }
        Some(StateEvidence { element: element?, is: is?, compare: compare?, unless })
    }

    fn state_is(&mut self, node: &Node) -> Option<StateIs> {
        if matches!(node.value, Value::Map(_)) {
            let entry = single(node, "`is`", &["name", "text"], &mut self.sink)?;
            let template = self.template(&entry.value, "`is`", &OF_ORDER)?;
            return Some(if entry.key == "name" { StateIs::Name(template) } else { StateIs::Text(template) });
        }
        let word = text(node, "`is`", &mut self.sink)?;
        let found = WORDS.iter().find(|(name, _)| *name == word).map(|(_, is)| is.clone());
        if found.is_none() {
            let help = did_you_mean(&word, WORDS.iter().map(|(name, _)| *name))
                .map(|help| format!("{help}; or `{{ name: \"…\" }}`, `{{ text: \"…\" }}`"));
            self.sink.report(Code::BadValue, node.span, format!("`is` cannot be `{word}`"), help);
        }
        found
    }

    fn gone(&mut self, node: &Node, what: &str) -> Option<GoneEvidence> {
        let fields = Fields::open(node, what, &["any", "unless"], &mut self.sink)?;
        let any = fields.need("any", "any: [ { status: 404 } ]", &mut self.sink).and_then(|node| {
            let nodes = list(node, &format!("{what}.any"), 1..=SIGNS_MAX, &mut self.sink)?;
            let signs: Vec<GoneSign> = nodes.iter().filter_map(|node| self.gone_sign(node)).collect();
            (signs.len() == nodes.len()).then_some(signs)
        });
        let unless = fields
            .need("unless", "unless: <what is visible as long as it is there>", &mut self.sink)
            .and_then(|node| self.element_name(node, "`unless`"));
        Some(GoneEvidence { any: any?, unless: unless? })
    }

    fn gone_sign(&mut self, node: &Node) -> Option<GoneSign> {
        let entry = single(node, "a sign", &["status", "element"], &mut self.sink)?;
        if entry.key == "element" {
            return self.element_name(&entry.value, "`element`").map(GoneSign::Element);
        }
        // A server in trouble says nothing about the object.
        let status = number(&entry.value, "`status`", 400..=499, &mut self.sink)?;
        u16::try_from(status).ok().map(GoneSign::Status)
    }
}
