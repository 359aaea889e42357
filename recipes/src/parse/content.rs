//! What an order of a flow may bring.

use std::ops::RangeInclusive;

use crate::diagnostics::{Code, Span};
use crate::model::{ContentRules, Flow, Step, TargetRule};
use crate::template::Placeholder;
use crate::yaml::{Node, Value};

use super::Reader;
use super::fields::{Fields, choice, list, number, text, truth, wrong_type};

const KEYS: [&str; 14] = [
    "text_max",
    "text_required",
    "title_max",
    "title_required",
    "media_min",
    "media_max",
    "media_bytes_max",
    "media_types",
    "aspect_min",
    "aspect_max",
    "pixels_min",
    "seconds_max",
    "links",
    "target",
];
/// Most media files of one order.
const MEDIA_MAX: u64 = 100;
const TARGETS: [(&str, TargetRule); 2] = [("required", TargetRule::Required), ("none", TargetRule::None)];

impl Reader<'_> {
    /// The rules, and whether `target` was said in so many words.
    pub(super) fn content(&mut self, node: &Node) -> Option<(ContentRules, Option<Span>)> {
        let fields = Fields::open(node, "`content`", &KEYS, &mut self.sink)?;
        let text_max = self.count(&fields, "text_max", 1..=1_000_000);
        let text_required = self.yes(&fields, "text_required");
        let title_max = self.count(&fields, "title_max", 1..=10_000);
        let title_required = self.yes(&fields, "title_required").unwrap_or(false);
        let media_min = self.count(&fields, "media_min", 0..=MEDIA_MAX).unwrap_or_default();
        let media_max = self.count(&fields, "media_max", 0..=MEDIA_MAX).unwrap_or_default();
        if let Some(at) = fields.key_span("media_min").filter(|_| media_min > media_max) {
            let message = format!("`media_min` is {media_min}, `media_max` only {media_max}");
            self.sink.report(Code::BadValue, at, message, "no order could fit both".to_owned());
        }
        let bytes = fields
            .get("media_bytes_max", &mut self.sink)
            .map(|node| number(node, "`media_bytes_max`", 1..=10_000_000_000, &mut self.sink));
        let types = fields.get("media_types", &mut self.sink).map(|node| {
            let nodes = list(node, "`media_types`", 1..=20, &mut self.sink).unwrap_or_default();
            nodes.iter().filter_map(|node| self.media_type(node)).collect()
        });
        let (aspect_min, aspect_max) = (self.ratio(&fields, "aspect_min"), self.ratio(&fields, "aspect_max"));
        if let (Some(min), Some(max), Some(at)) = (aspect_min, aspect_max, fields.key_span("aspect_min"))
            && min > max
        {
            let message = format!("`aspect_min` is {min}, `aspect_max` only {max}");
            self.sink.report(Code::BadValue, at, message, "no picture could fit both".to_owned());
        }
        let pixels_min = self.count(&fields, "pixels_min", 1..=100_000).and_then(|n| u32::try_from(n).ok());
        let seconds_max = self.count(&fields, "seconds_max", 1..=86_400).and_then(|n| u32::try_from(n).ok());
        let links = fields.get("links", &mut self.sink).and_then(|node| text(node, "`links`", &mut self.sink));
        let target =
            fields.get("target", &mut self.sink).and_then(|node| choice(node, "`target`", &TARGETS, &mut self.sink));
        let rules = ContentRules {
            text_max,
            text_required: text_required.unwrap_or(text_max.is_some()),
            title_max,
            title_required,
            media_min,
            media_max,
            media_bytes_max: bytes.flatten(),
            media_types: types.unwrap_or_default(),
            aspect_min,
            aspect_max,
            pixels_min,
            seconds_max,
            links,
            target: target.unwrap_or_default(),
        };
        Some((rules, target.and_then(|_| fields.key_span("target"))))
    }

    fn count(&mut self, fields: &Fields<'_>, key: &str, range: RangeInclusive<u64>) -> Option<usize> {
        let node = fields.get(key, &mut self.sink)?;
        number(node, &format!("`{key}`"), range, &mut self.sink).and_then(|count| usize::try_from(count).ok())
    }

    fn yes(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        let node = fields.get(key, &mut self.sink)?;
        truth(node, &format!("`{key}`"), &mut self.sink)
    }

    /// Width divided by height.
    fn ratio(&mut self, fields: &Fields<'_>, key: &str) -> Option<f64> {
        let node = fields.get(key, &mut self.sink)?;
        let written = match &node.value {
            Value::Scalar { text, plain: true } => text.parse::<f64>().ok(),
            _ => None,
        };
        let Some(ratio) = written else {
            return wrong_type(node, &format!("`{key}`"), "a number, width divided by height", &mut self.sink);
        };
        if (0.01..=100.0).contains(&ratio) {
            return Some(ratio);
        }
        let help = "width divided by height: 1 is a square, 1.78 is a wide screen".to_owned();
        self.sink.report(Code::Limit, node.span, format!("`{key}` is outside 0.01 to 100"), help);
        None
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

    /// Whether the flow takes a target, and that it looks whether it is at it. `said` is where `target` stands.
    pub(super) fn target(&mut self, what: &str, label: Span, flow: &mut Flow, said: Option<Span>) {
        let at_target = |surface: &str| self.surfaces.iter().any(|known| known.name == surface && known.by_target);
        let opens = flow.steps.iter().any(|step| matches!(step, Step::Open(surface) if at_target(surface)));
        let named = flow.names(Placeholder::Target) || at_target(&flow.dedupe.on) || at_target(&flow.verify.on);
        match (flow.content.target, said) {
            (TargetRule::None, Some(at)) if named || opens => {
                let message = format!("{what} names {}, but says that it takes no target", Placeholder::Target);
                self.sink.report(Code::BadValue, at, message, "write `target: required`, or leave it out".to_owned());
            }
            (TargetRule::None, _) if named || opens => flow.content.target = TargetRule::Required,
            _ => {}
        }
        if flow.content.target == TargetRule::Required && !opens && !flow.reviews_target() {
            let message = format!("{what} takes a target, but never looks whether it is at it");
            let help = format!(
                "open a surface whose `url` has {target}, or review an element against it: `- {{ element: <name>, equals: \
                 \"{target}\" }}`",
                target = Placeholder::Target
            );
            self.sink.report(Code::TargetUnchecked, label, message, help);
        }
    }
}
