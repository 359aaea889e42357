//! A flow: what may be ordered, in which order it happens, where its one commit stands.
//!
//! The order of the keys in the file is the order of the act. A reader who goes from top to bottom has read what
//! happens, and a flow whose commit comes before its checks does not load.

use crate::check::UseKind;
use crate::diagnostics::{Code, Span};
use crate::model::{Commit, ContentRules, Dedupe, Flow, Same, WritePattern};
use crate::template::Placeholder;
use crate::yaml::{Entry, Node};

use super::Reader;
use super::fields::{Fields, decimal, list, number, text, truth};

/// The parts of a flow, in the order in which they happen.
const PARTS: [&str; 8] = ["content", "dedupe", "steps", "review", "commit", "writes", "receipt", "verify"];
/// Where the commit stands in [`PARTS`].
const COMMIT: usize = 4;
/// Most write patterns of one flow.
const WRITES_MAX: usize = 10;
/// How many of the newest entries are compared when the recipe does not say.
const LOOK_BACK_DEFAULT: usize = 30;
/// What an order brings, and whom it is for.
pub(super) const OF_ORDER: [Placeholder; 4] =
    [Placeholder::ContentText, Placeholder::Target, Placeholder::AccountHandle, Placeholder::AccountDisplayName];
const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
const CONTENT_KEYS: [&str; 11] = [
    "text_max",
    "text_required",
    "media_min",
    "media_max",
    "media_bytes_max",
    "media_types",
    "aspect_min",
    "aspect_max",
    "pixels_min",
    "seconds_max",
    "links",
];

impl Reader<'_> {
    pub(super) fn flow(&mut self, name: &str, node: &Node) -> Option<Flow> {
        let what = format!("flow `{name}`");
        let fields = Fields::open(node, &what, &PARTS, &mut self.sink)?;
        self.order_of_parts(&what, node.entries());
        let content = match fields.get("content", &mut self.sink) {
            Some(node) => self.content(node),
            None => Some(ContentRules::default()),
        };
        let dedupe_line = "dedupe: { on: feed, same: { text: \"{content.text}\" } }";
        let dedupe = fields.need("dedupe", dedupe_line, &mut self.sink).and_then(|node| self.dedupe(node));
        let steps_node = fields.need("steps", "steps: [ { open: composer } ]", &mut self.sink);
        let steps = steps_node.and_then(|node| self.steps(name, node));
        let review_line = "review: [ { element: editor, equals: \"{content.text}\" } ]";
        let review_node = fields.need("review", review_line, &mut self.sink);
        let review = review_node.and_then(|node| self.review(node));
        if let (Some(steps), Some(review), Some(at)) = (&steps, &review, review_node) {
            crate::check::review_reads_back(&what, steps, review, at.label, &mut self.sink);
        }
        let commit = self.commit(&what, node.label, &fields, node.entries());
        let writes =
            fields.need("writes", "writes: [\"POST /api/posts\"]", &mut self.sink).and_then(|node| self.writes(node));
        let receipt_line = "receipt: { any: [ { toast: \"…\" } ] }";
        let receipt = fields.need("receipt", receipt_line, &mut self.sink).and_then(|node| self.receipt(node));
        let verify_line = "verify: { on: feed, same: { text: \"{content.text}\" } }";
        let verify = fields.need("verify", verify_line, &mut self.sink).and_then(|node| self.verify(node));
        Some(Flow {
            content: content?,
            dedupe: dedupe?,
            steps: steps?,
            review: review?,
            commit: commit?,
            writes: writes?,
            receipt: receipt?,
            verify: verify?,
        })
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

    fn content(&mut self, node: &Node) -> Option<ContentRules> {
        let fields = Fields::open(node, "`content`", &CONTENT_KEYS, &mut self.sink)?;
        let text_max = fields
            .get("text_max", &mut self.sink)
            .map(|node| number(node, "`text_max`", 1..=1_000_000, &mut self.sink));
        let text_required =
            fields.get("text_required", &mut self.sink).map(|node| truth(node, "`text_required`", &mut self.sink));
        let media_max =
            fields.get("media_max", &mut self.sink).map(|node| number(node, "`media_max`", 0..=100, &mut self.sink));
        let bytes = fields
            .get("media_bytes_max", &mut self.sink)
            .map(|node| number(node, "`media_bytes_max`", 1..=10_000_000_000, &mut self.sink));
        let types = fields.get("media_types", &mut self.sink).map(|node| {
            let nodes = list(node, "`media_types`", 1..=20, &mut self.sink).unwrap_or_default();
            nodes.iter().filter_map(|node| self.media_type(node)).collect()
        });
        let shape = self.media_shape(&fields);
        let links = fields.get("links", &mut self.sink).and_then(|node| text(node, "`links`", &mut self.sink));
        let text_max = text_max.flatten().and_then(|max| usize::try_from(max).ok());
        Some(ContentRules {
            text_max,
            text_required: text_required.flatten().unwrap_or(text_max.is_some()),
            media_max: media_max.flatten().and_then(|max| usize::try_from(max).ok()).unwrap_or_default(),
            media_bytes_max: bytes.flatten(),
            media_types: types.unwrap_or_default(),
            links,
            ..shape
        })
    }

    /// How many files there must be, and how pictures and videos are measured.
    fn media_shape(&mut self, fields: &Fields<'_>) -> ContentRules {
        let sink = &mut self.sink;
        let mut whole = |key: &str, range| fields.get(key, sink).and_then(|node| number(node, key, range, sink));
        let (media_min, pixels_min) = (whole("media_min", 0..=100), whole("pixels_min", 1..=32_768));
        let seconds_max = whole("seconds_max", 1..=86_400);
        let mut ratio = |key: &str| fields.get(key, sink).and_then(|node| decimal(node, key, 0.01..=100.0, sink));
        let (aspect_min, aspect_max) = (ratio("aspect_min"), ratio("aspect_max"));
        if let (Some(min), Some(max), Some(node)) = (aspect_min, aspect_max, fields.get("aspect_min", sink))
            && min > max
        {
            let help = "`aspect_min` is the narrowest (0.8 is 4:5), `aspect_max` the widest (1.91)";
            sink.report(Code::BadValue, node.span, "`aspect_min` is greater than `aspect_max`", help.to_owned());
        }
        ContentRules {
            media_min: media_min.and_then(|min| usize::try_from(min).ok()).unwrap_or_default(),
            pixels_min: pixels_min.and_then(|pixels| u32::try_from(pixels).ok()),
            seconds_max,
            aspect_min,
            aspect_max,
            ..ContentRules::default()
        }
    }

    fn media_type(&mut self, node: &Node) -> Option<String> {
        let media_type = text(node, "a media type", &mut self.sink)?;
        let good = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
        };
        if media_type.split_once('/').is_some_and(|(kind, sub)| good(kind) && good(sub)) {
            return Some(media_type);
        }
        let help = "write it as `image/png`";
        self.sink.report(Code::BadValue, node.span, format!("`{media_type}` is not a media type"), help.to_owned());
        None
    }

    fn dedupe(&mut self, node: &Node) -> Option<Dedupe> {
        let fields = Fields::open(node, "`dedupe`", &["on", "same", "look_back"], &mut self.sink)?;
        let on = fields.need("on", "on: feed", &mut self.sink).and_then(|node| self.listing_name(node, "`dedupe.on`"));
        let same = fields
            .need("same", "same: { text: \"{content.text}\" }", &mut self.sink)
            .and_then(|node| self.same(node, "`dedupe.same`"));
        let look_back = match fields.get("look_back", &mut self.sink) {
            Some(node) => {
                number(node, "`look_back`", 1..=500, &mut self.sink).and_then(|count| usize::try_from(count).ok())
            }
            None => Some(LOOK_BACK_DEFAULT),
        };
        Some(Dedupe { on: on?, same: same?, look_back: look_back? })
    }

    /// What makes an entry the ordered one. A fixed text would find every entry or none.
    pub(super) fn same(&mut self, node: &Node, what: &str) -> Option<Same> {
        let fields = Fields::open(node, what, &["text", "media"], &mut self.sink)?;
        let template = fields
            .need("text", "text: \"{content.text}\"", &mut self.sink)
            .and_then(|node| Some((self.template(node, what, &OF_ORDER)?, node.span)));
        if let Some((template, span)) = &template
            && template.placeholders().next().is_none()
        {
            let help = "use \"{content.text}\"";
            self.sink.report(Code::BadValue, *span, format!("{what} is compared with a fixed text"), help.to_owned());
        }
        let media = match fields.get("media", &mut self.sink) {
            Some(node) => truth(node, "`media`", &mut self.sink),
            None => Some(false),
        };
        Some(Same { text: template?.0, media: media? })
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

    fn writes(&mut self, node: &Node) -> Option<Vec<WritePattern>> {
        let nodes = list(node, "`writes`", 1..=WRITES_MAX, &mut self.sink)?;
        let writes: Vec<WritePattern> = nodes.iter().filter_map(|node| self.write(node)).collect();
        (writes.len() == nodes.len()).then_some(writes)
    }

    fn write(&mut self, node: &Node) -> Option<WritePattern> {
        let pattern = text(node, "a write", &mut self.sink)?;
        let (method, path) = pattern.split_once(' ').unwrap_or((pattern.as_str(), ""));
        let fixed = path.chars().filter(|c| !matches!(c, '*' | '/')).count();
        let fault = if !METHODS.contains(&method) {
            Some(format!("`{method}` is not a method that writes"))
        } else if !path.starts_with('/') || path.contains(char::is_whitespace) || path.contains(['?', '#']) {
            Some("after the method stands a path that begins with `/`, without query".to_owned())
        } else if fixed == 0 {
            Some(format!("`{path}` would be any request"))
        } else {
            None
        };
        if let Some(reason) = fault {
            let help = "write `POST /api/posts`; methods: POST, PUT, PATCH, DELETE; `*` is any run of characters";
            self.sink.report(
                Code::BadWrite,
                node.span,
                format!("this write cannot be gated: {reason}"),
                help.to_owned(),
            );
            return None;
        }
        Some(WritePattern { method: method.to_owned(), path: path.to_owned() })
    }
}
