//! The reversible steps of a flow, and the review of what they made.

use crate::check::UseKind;
use crate::diagnostics::Code;
use crate::model::{Compare, Review, ReviewExpect, Step};
use crate::template::Placeholder;
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, list, single};
use super::flow::OF_ORDER;

/// Most steps of one flow.
const STEPS_MAX: usize = 50;
/// Most things that one review looks at.
const REVIEWS_MAX: usize = 50;
const KINDS: [&str; 6] = ["open", "type", "upload", "click", "dismiss", "wait_for"];

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
            "click" => self.used(value, "`click`", UseKind::Touched { by: "a `click` step" }).map(Step::Click),
            "dismiss" => self.used(value, "`dismiss`", UseKind::Touched { by: "a `dismiss` step" }).map(Step::Dismiss),
            _ => self.element_name(value, "`wait_for`").map(Step::WaitFor),
        }
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
        let fields = Fields::open(node, "`upload`", &["into", "files"], &mut self.sink)?;
        let into = fields
            .need("into", "into: media_input", &mut self.sink)
            .and_then(|node| self.used(node, "`into`", UseKind::Touched { by: "an `upload` step" }));
        let files = fields
            .need("files", "files: \"{content.media}\"", &mut self.sink)
            .and_then(|node| self.media(node, "`files`"));
        Some(Step::Upload { into: into?, files: files? })
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
