//! The reversible steps of a flow, and the review of what they made.

use crate::check::UseKind;
use crate::diagnostics::Code;
use crate::model::{Compare, Key, Review, ReviewExpect, Scroll, Step, UploadTo, WaitFor};
use crate::suggest::did_you_mean;
use crate::template::{Placeholder, is_read_name};
use crate::yaml::{Node, Value};

use super::Reader;
use super::fields::{Fields, list, number, single, text, truth};
use super::flow::OF_ORDER;

/// Most steps of one flow.
const STEPS_MAX: usize = 50;
/// Most things that one review looks at.
const REVIEWS_MAX: usize = 50;
/// Pages that are scrolled when the recipe does not say.
const TIMES_DEFAULT: u32 = 20;
/// Most pages that are scrolled.
const TIMES_MAX: u64 = 200;
/// Clicks of `click: { until: … }` when the recipe does not say.
const CLICKS_DEFAULT: u32 = 12;
/// Most of them.
const CLICKS_MAX: u64 = 60;
/// The longest wait of one step, in seconds: what a platform may take with a film. The account has nothing else done meanwhile.
const WITHIN_S_MAX: u64 = 1800;
const KINDS: [&str; 12] =
    ["open", "type", "upload", "click", "hover", "dismiss", "choose", "toggle", "press", "scroll", "wait_for", "read"];

impl Reader<'_> {
    pub(super) fn steps(&mut self, flow: &str, node: &Node) -> Option<Vec<Step>> {
        let nodes = list(node, "`steps`", 1..=STEPS_MAX, &mut self.sink)?;
        let steps: Vec<Step> = nodes.iter().filter_map(|node| self.step(flow, node)).collect();
        (steps.len() == nodes.len()).then_some(steps)
    }

    fn step(&mut self, flow: &str, node: &Node) -> Option<Step> {
        if let Some(entry) = node.entries().iter().find(|entry| entry.key == "commit") {
            let help = "steps can be taken back; the commit stands alone, after `review`";
            let message = format!("a commit stands among the steps of flow `{flow}`");
            self.sink.report(Code::CommitInSteps, entry.key_span, message, help.to_owned());
            return None;
        }
        let entry = single(node, "a step", &KINDS, &mut self.sink)?;
        let value = &entry.value;
        match entry.key.as_str() {
            "open" => self.surface_name(value, "`open`").map(Step::Open),
            "type" => self.type_step(value),
            "upload" => self.upload_step(value),
            "click" => self.click_step(value),
            "hover" => self.touched(value, "`hover`", "a `hover` step").map(Step::Hover),
            "dismiss" => self.touched(value, "`dismiss`", "a `dismiss` step").map(Step::Dismiss),
            "choose" => self.choose_step(value),
            "toggle" => self.toggle_step(value),
            "press" => self.press_step(value),
            "scroll" => self.scroll_step(value).map(Step::Scroll),
            "wait_for" => self.wait_step(value),
            _ => self.read_step(value),
        }
    }

    /// The name of an element that gets an input.
    fn touched(&mut self, node: &Node, what: &str, by: &'static str) -> Option<String> {
        self.used(node, what, UseKind::Touched { by })
    }

    /// `click: next`, or `click: { element: next, until: month, times_max: 12 }`.
    fn click_step(&mut self, node: &Node) -> Option<Step> {
        let by = "a `click` step";
        if !matches!(node.value, Value::Map(_)) {
            return self.touched(node, "`click`", by).map(Step::Click);
        }
        let fields = Fields::open(node, "`click`", &["element", "until", "times_max"], &mut self.sink)?;
        let element = fields
            .need("element", "element: next_month", &mut self.sink)
            .and_then(|node| self.touched(node, "`element`", by));
        let until =
            fields.need("until", "until: month", &mut self.sink).and_then(|node| self.element_name(node, "`until`"));
        let times_max = match fields.get("times_max", &mut self.sink) {
            Some(node) => {
                number(node, "`times_max`", 1..=CLICKS_MAX, &mut self.sink).and_then(|times| u32::try_from(times).ok())
            }
            None => Some(CLICKS_DEFAULT),
        };
        Some(Step::ClickUntil { element: element?, until: until?, times_max: times_max? })
    }

    fn type_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`type`", &["into", "text"], &mut self.sink)?;
        let into = fields
            .need("into", "into: editor", &mut self.sink)
            .and_then(|node| self.used(node, "`into`", UseKind::Touched { by: "a `type` step" }));
        let text = fields
            .need("text", "text: \"{content.text}\"", &mut self.sink)
            .and_then(|node| self.template(node, "`text`", &OF_ORDER));
        Some(Step::Type { into: into?, text: text? })
    }

    fn upload_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`upload`", &["into", "button", "files"], &mut self.sink)?;
        let by = "an `upload` step";
        let to = match (fields.get("into", &mut self.sink), fields.get("button", &mut self.sink)) {
            (Some(into), None) => self.touched(into, "`into`", by).map(UploadTo::Input),
            (None, Some(button)) => self.touched(button, "`button`", by).map(UploadTo::Button),
            _ => {
                let help = "write `into: media_input`, or `button: attach_button` for one that opens a file chooser";
                let message = "an upload takes one of `into` and `button`";
                self.sink.report(Code::MissingKey, node.label, message, help.to_owned());
                None
            }
        };
        let files = fields
            .need("files", "files: \"{content.media}\"", &mut self.sink)
            .and_then(|node| self.media(node, "`files`"));
        Some(Step::Upload { to: to?, files: files? })
    }

    fn choose_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`choose`", &["from", "option"], &mut self.sink)?;
        let from = fields
            .need("from", "from: audience", &mut self.sink)
            .and_then(|node| self.touched(node, "`from`", "a `choose` step"));
        let option = fields
            .need("option", "option: \"Public\"", &mut self.sink)
            .and_then(|node| self.template(node, "`option`", &OF_ORDER));
        Some(Step::Choose { from: from?, option: option? })
    }

    fn toggle_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`toggle`", &["element", "on"], &mut self.sink)?;
        let element = fields
            .need("element", "element: schedule_switch", &mut self.sink)
            .and_then(|node| self.touched(node, "`element`", "a `toggle` step"));
        let on = fields.need("on", "on: true", &mut self.sink).and_then(|node| truth(node, "`on`", &mut self.sink));
        Some(Step::Toggle { element: element?, on: on? })
    }

    fn press_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`press`", &["key", "on"], &mut self.sink)?;
        let key = fields.need("key", "key: Escape", &mut self.sink).and_then(|node| self.key(node));
        let on = fields.get("on", &mut self.sink).map(|node| self.touched(node, "`on`", "a `press` step"));
        let on = on.map_or(Some(None), |on| on.map(Some));
        Some(Step::Press { key: key?, on: on? })
    }

    fn key(&mut self, node: &Node) -> Option<Key> {
        let name = text(node, "`key`", &mut self.sink)?;
        let found = Key::ALL.into_iter().find(|key| key.as_str() == name);
        if found.is_none() {
            let commits = ["enter", "return", "space", "numpadenter"].contains(&name.to_lowercase().as_str());
            let help = if commits {
                Some(
                    "Enter and Space can commit, so no step presses them: click the element, or make it the commit"
                        .into(),
                )
            } else {
                did_you_mean(&name, Key::ALL.map(Key::as_str))
            };
            self.sink.report(Code::BadValue, node.span, format!("`{name}` is not a key of the language"), help);
        }
        found
    }

    fn scroll_step(&mut self, node: &Node) -> Option<Scroll> {
        let fields = Fields::open(node, "`scroll`", &["to", "until", "in", "times_max"], &mut self.sink)?;
        let within = fields.get("in", &mut self.sink).map(|node| self.element_name(node, "`in`"));
        let times_max = match fields.get("times_max", &mut self.sink) {
            Some(node) => {
                number(node, "`times_max`", 1..=TIMES_MAX, &mut self.sink).and_then(|times| u32::try_from(times).ok())
            }
            None => Some(TIMES_DEFAULT),
        };
        match (fields.get("to", &mut self.sink), fields.get("until", &mut self.sink)) {
            (Some(to), None) => {
                if let Some(at) = fields.key_span("in").or(fields.key_span("times_max")) {
                    let message = "`in` and `times_max` are about `scroll: { until: … }`";
                    self.sink.report(Code::BadValue, at, message, "remove it".to_owned());
                }
                self.touched(to, "`to`", "a `scroll` step").map(Scroll::To)
            }
            (None, Some(until)) => {
                let element = self.element_name(until, "`until`");
                let within = within.map_or(Some(None), |within| within.map(Some));
                Some(Scroll::Until { element: element?, within: within?, times_max: times_max? })
            }
            _ => {
                let help = "write `to: <element>`, or `until: <element>` to go on page by page";
                let message = "a scroll takes one of `to` and `until`";
                self.sink.report(Code::MissingKey, node.label, message, help.to_owned());
                None
            }
        }
    }

    /// `wait_for: notice`, `wait_for: { gone: notice }`, `wait_for: { visible: notice, within_s: 600 }`.
    fn wait_step(&mut self, node: &Node) -> Option<Step> {
        if !matches!(node.value, Value::Map(_)) {
            return self.element_name(node, "`wait_for`").map(|element| Step::WaitFor(WaitFor::Visible(element)));
        }
        let fields = Fields::open(node, "`wait_for`", &["visible", "gone", "enabled", "within_s"], &mut self.sink)?;
        let mut conditions = Vec::new();
        for key in ["visible", "gone", "enabled"] {
            if let Some(node) = fields.get(key, &mut self.sink) {
                conditions.push((key, self.element_name(node, "`wait_for`")));
            }
        }
        let within_s = match fields.get("within_s", &mut self.sink) {
            Some(node) => {
                let seconds = number(node, "`within_s`", 1..=WITHIN_S_MAX, &mut self.sink)?;
                Some(u32::try_from(seconds).ok()?)
            }
            None => None,
        };
        if conditions.len() != 1 {
            let help = "write `visible: <element>`, `gone: <element>` or `enabled: <element>`".to_owned();
            self.sink.report(Code::MissingKey, node.label, "`wait_for` waits for one thing", help);
            return None;
        }
        let (key, element) = conditions.pop()?;
        let element = element?;
        let condition = match key {
            "gone" => WaitFor::Gone(element),
            "enabled" => WaitFor::Enabled(element),
            _ => WaitFor::Visible(element),
        };
        Some(match within_s {
            Some(within_s) => Step::WaitLong { condition, within_s },
            None => Step::WaitFor(condition),
        })
    }

    fn read_step(&mut self, node: &Node) -> Option<Step> {
        let fields = Fields::open(node, "`read`", &["element", "as"], &mut self.sink)?;
        let element = fields
            .need("element", "element: code", &mut self.sink)
            .and_then(|node| self.element_name(node, "`element`"));
        let name_node = fields.need("as", "as: code", &mut self.sink)?;
        let name = text(name_node, "`as`", &mut self.sink)?;
        let reads = self.reads.get_or_insert_default();
        let fault = if !is_read_name(&name) {
            Some("this cannot be a name: begin with a letter; then a-z, 0-9, `_`; at most 40 characters".to_owned())
        } else if reads.contains(&name) {
            Some(format!("an earlier step has read `{name}` already"))
        } else {
            None
        };
        if let Some(message) = fault {
            let help = "each thing that is read has a name of its own".to_owned();
            self.sink.report(Code::BadValue, name_node.span, message, help);
            return None;
        }
        // An element in error still has its name: what uses it is not in error for that.
        reads.push(name.clone());
        Some(Step::Read { element: element?, name })
    }

    /// `{content.media}` and nothing else.
    fn media(&mut self, node: &Node, what: &str) -> Option<crate::template::Template> {
        let template = self.template(node, what, &[Placeholder::ContentMedia])?;
        if !template.is_only(Placeholder::ContentMedia) {
            let help = "write \"{content.media}\"";
            self.sink.report(
                Code::BadValue,
                node.span,
                format!("{what} names the order's media files"),
                help.to_owned(),
            );
            return None;
        }
        Some(template)
    }

    pub(super) fn review(&mut self, node: &Node) -> Option<Vec<Review>> {
        let nodes = list(node, "`review`", 1..=REVIEWS_MAX, &mut self.sink)?;
        let reviews: Vec<Review> = nodes.iter().filter_map(|node| self.review_entry(node)).collect();
        (reviews.len() == nodes.len()).then_some(reviews)
    }

    fn review_entry(&mut self, node: &Node) -> Option<Review> {
        let fields = Fields::open(node, "`review`", &["element", "equals", "count", "compare"], &mut self.sink)?;
        let element = fields
            .need("element", "element: editor", &mut self.sink)
            .and_then(|node| self.element_name(node, "`element`"));
        let equals = fields.get("equals", &mut self.sink);
        let count = fields.get("count", &mut self.sink);
        let compare = self.compare(&fields, Compare::Exact);
        let expect = match (equals, count) {
            (Some(node), None) => {
                let text = self.template(node, "`equals`", &OF_ORDER)?;
                ReviewExpect::Equals { text, compare: compare? }
            }
            (None, Some(node)) => {
                self.media(node, "`count`")?;
                ReviewExpect::CountOfMedia
            }
            _ => {
                let help = "write `equals: \"{content.text}\"` or `count: \"{content.media}\"`";
                self.sink.report(
                    Code::MissingKey,
                    node.label,
                    "a review takes one of `equals` and `count`",
                    help.to_owned(),
                );
                return None;
            }
        };
        Some(Review { element: element?, expect })
    }
}
