//! A flow: what may be ordered, in which order it happens, where its one commit stands.
//!
//! The order of the keys in the file is the order of the act. A reader who goes from top to bottom has read what
//! happens, and a flow whose commit comes before its checks does not load.

use crate::check::UseKind;
use crate::diagnostics::{Code, Span};
use crate::model::{ACTION_TYPES, Commit, ContentRules, Flow};
use crate::suggest::did_you_mean;
use crate::template::Placeholder;
use crate::yaml::{Entry, Node};

use super::Reader;
use super::fields::Fields;

/// The parts of a flow, in the order in which they happen.
const PARTS: [&str; 8] = ["content", "dedupe", "steps", "review", "commit", "writes", "receipt", "verify"];
/// Where the commit stands in [`PARTS`].
const COMMIT: usize = 4;
/// What an order brings, and whom it is for.
pub(super) const OF_ORDER: [Placeholder; 8] = [
    Placeholder::ContentText,
    Placeholder::ContentTitle,
    Placeholder::ContentScheduledAt,
    Placeholder::ContentScheduledDate,
    Placeholder::ContentScheduledTime,
    Placeholder::Target,
    Placeholder::AccountHandle,
    Placeholder::AccountDisplayName,
];

impl Reader<'_> {
    pub(super) fn flow(&mut self, name: &str, node: &Node) -> Option<Flow> {
        if !ACTION_TYPES.contains(&name) {
            let help = did_you_mean(name, ACTION_TYPES);
            self.sink.report(Code::UnknownKey, node.label, format!("`{name}` is not an action type"), help);
        }
        let what = format!("flow `{name}`");
        let fields = Fields::open(node, &what, &PARTS, &mut self.sink)?;
        self.order_of_parts(&what, node.entries());
        let content = match fields.get("content", &mut self.sink) {
            Some(node) => self.content(node),
            None => Some((ContentRules::default(), None)),
        };
        let dedupe_line = "dedupe: { on: feed, same: { text: \"{content.text}\" } }";
        let dedupe = fields.need("dedupe", dedupe_line, &mut self.sink).and_then(|node| self.dedupe(node));
        self.reads = Some(Vec::new());
        self.in_steps = true;
        let steps_node = fields.need("steps", "steps: [ { open: composer } ]", &mut self.sink);
        let steps = steps_node.and_then(|node| self.steps(name, node));
        self.in_steps = false;
        let review_line = "review: [ { element: editor, equals: \"{content.text}\" } ]";
        let review_node = fields.need("review", review_line, &mut self.sink);
        let review = review_node.and_then(|node| self.review(node));
        if let (Some(steps), Some(review), Some(at)) = (&steps, &review, review_node) {
            crate::check::review_reads_back(&what, steps, review, at.label, &mut self.sink);
            crate::check::time_reads_back(&what, steps, review, &self.of_order, at.label, &mut self.sink);
        }
        self.reads = None;
        let commit = self.commit(&what, node.label, &fields, node.entries());
        let writes =
            fields.need("writes", "writes: [\"POST /api/posts\"]", &mut self.sink).and_then(|node| self.writes(node));
        let receipt_line = "receipt: { any: [ { toast: \"…\" } ] }";
        let receipt = fields.need("receipt", receipt_line, &mut self.sink).and_then(|node| self.receipt(node));
        let verify_line = "verify: { on: feed, same: { text: \"{content.text}\" } }";
        let verify = fields.need("verify", verify_line, &mut self.sink).and_then(|node| self.verify(node));
        let (content, target_said) = content?;
        let mut flow = Flow {
            content,
            dedupe: dedupe?,
            steps: steps?,
            review: review?,
            commit: commit?,
            writes: writes?,
            receipt: receipt?,
            verify: verify?,
        };
        self.target(&what, node.label, &mut flow, target_said);
        Some(flow)
    }

    /// Every part must stand after those that happen before it.
    fn order_of_parts(&mut self, what: &str, entries: &[Entry]) {
        let rank = |entry: &Entry| PARTS.iter().position(|part| *part == entry.key);
        // The latest part so far; the first key that stands before its time is reported against it.
        let mut latest: Option<(usize, &Entry)> = None;
        for entry in entries {
            let Some(here) = rank(entry) else { continue };
            match latest {
                Some((before, other)) if here < before => {
                    let (key, other) = (&entry.key, &other.key);
                    let message = if here < COMMIT && before >= COMMIT {
                        format!("in {what}, `{key}` stands after `{other}`, but belongs before the commit")
                    } else if before > COMMIT && here <= COMMIT {
                        format!("in {what}, `{other}` stands before `{key}`, but belongs after the commit")
                    } else {
                        format!("in {what}, `{key}` stands after `{other}`")
                    };
                    let help = format!("the parts stand in the order in which they happen: {}", PARTS.join(", "));
                    self.sink.report(Code::Order, entry.key_span, message, help);
                }
                _ => latest = Some((here, entry)),
            }
        }
    }

    fn commit(&mut self, what: &str, label: Span, fields: &Fields<'_>, entries: &[Entry]) -> Option<Commit> {
        if !entries.iter().any(|entry| entry.key == "commit") {
            let help = "add `commit: { click: <element> }` between `review` and `writes`";
            self.sink.report(Code::NoCommit, label, format!("{what} has no commit"), help.to_owned());
        }
        let node = fields.get("commit", &mut self.sink)?;
        let fields = Fields::open(node, "`commit`", &["click"], &mut self.sink)?;
        let click = fields
            .need("click", "click: post_button", &mut self.sink)
            .and_then(|node| self.used(node, "`commit.click`", UseKind::Commit))?;
        Some(Commit { click })
    }
}
