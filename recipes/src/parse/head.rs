//! The head of a recipe: platform, number, what it was verified against, origins; and the form of names.

use crate::diagnostics::{Code, Sink, Span};
use crate::model::{Budget, OriginPattern, ResourcePattern, Verified, VerifiedAgainst};
use crate::origin::OriginError;
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, choice, list, number as whole_number, text};
use crate::suggest::did_you_mean;

/// Most origins of a recipe.
const ORIGINS_MAX: usize = 20;
/// Most resources of a recipe.
const RESOURCES_MAX: usize = 50;
/// Longest name that an author chooses, in characters.
const NAME_CHARS_MAX: usize = 60;

pub(super) fn platform(node: &Node, folder: Option<&str>, sink: &mut Sink<'_>) -> Option<String> {
    let name = text(node, "`platform`", sink)?;
    check_name(&name, node.span, sink);
    if let Some(folder) = folder.filter(|folder| *folder != name) {
        let help =
            format!("accounts and orders know it by its folder: write `platform: {folder}`, or rename the folder");
        sink.report(Code::BadValue, node.span, format!("the recipe of `{name}` is in the folder `{folder}`"), help);
    }
    Some(name)
}

/// A name is lower-case letters, digits, `_`, `-` and `.`, so that it can stand in a file name, a log and a command line.
pub(super) fn check_name(name: &str, span: Span, sink: &mut Sink<'_>) {
    if !is_name(name) {
        let help = format!("begin with a letter; then a-z, 0-9, `_`, `-`, `.`; at most {NAME_CHARS_MAX} characters");
        sink.report(Code::BadValue, span, "this cannot be a name", help);
    }
}

/// Whether a text can be a name.
pub(crate) fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    let long = name.chars().count() > NAME_CHARS_MAX;
    !long && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good)
}

pub(super) fn number(node: &Node, sink: &mut Sink<'_>) -> Option<u32> {
    whole_number(node, "`recipe`", 1..=u64::from(u32::MAX), sink).and_then(|number| u32::try_from(number).ok())
}

pub(super) fn verified(node: &Node, sink: &mut Sink<'_>) -> Option<Verified> {
    let fields = Fields::open(node, "`verified`", &["against", "on", "by"], sink)?;
    let words = [("fixtures", VerifiedAgainst::Fixtures), ("live", VerifiedAgainst::Live)];
    let against = fields
        .need("against", "against: fixtures", sink)
        .and_then(|node| choice(node, "`verified.against`", &words, sink));
    let on = fields.need("on", "on: 2026-11-20", sink).and_then(|node| date(node, sink));
    let by = if against == Some(VerifiedAgainst::Live) {
        fields.need("by", "by: <who looked at the live platform>", sink)
    } else {
        fields.get("by", sink)
    };
    let by = by.and_then(|node| text(node, "`verified.by`", sink));
    Some(Verified { against: against?, on: on?, by })
}

fn date(node: &Node, sink: &mut Sink<'_>) -> Option<String> {
    let date = text(node, "`verified.on`", sink)?;
    if is_date(&date) {
        return Some(date);
    }
    let help = "write it as year-month-day: 2026-11-20";
    sink.report(Code::BadValue, node.span, format!("`{date}` is not a date"), help.to_owned());
    None
}

/// A day of the Gregorian calendar in the form of ISO 8601 (`2026-11-20`).
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return false;
    }
    let number = |part: &str| part.parse::<u32>().unwrap_or_default();
    let (year, month, day) = (number(year), number(month), number(day));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `None` when one of them is in error: then nothing can be said of what they cover.
pub(super) fn origins(node: &Node, sink: &mut Sink<'_>) -> Option<Vec<OriginPattern>> {
    let nodes = list(node, "`origins`", 1..=ORIGINS_MAX, sink)?;
    let read: Vec<Option<OriginPattern>> = nodes.iter().map(|node| origin(node, sink)).collect();
    read.into_iter().collect()
}

fn origin(node: &Node, sink: &mut Sink<'_>) -> Option<OriginPattern> {
    let text = text(node, "an origin", sink)?;
    OriginPattern::parse(&text).map_err(|reason| no_origin(node, &text, "an origin", reason, sink)).ok()
}

fn no_origin(node: &Node, text: &str, what: &str, reason: OriginError, sink: &mut Sink<'_>) {
    let help = match reason {
        OriginError::Form => "write `https://example.com`, without path or slash at the end",
        OriginError::Scheme | OriginError::HttpElsewhere => {
            "use https; `http://` is for 127.0.0.1, localhost and [::1], where test servers run"
        }
        OriginError::HostWildcard => {
            "name each host: a wildcard would carry the session to hosts that nobody looked at"
        }
        OriginError::Host => "copy it from the browser's address bar, in lower case",
        OriginError::Below => "write `https://*.example.com`: every host below example.com, and no more",
        OriginError::Port => "write a number, or leave the port out",
        OriginError::AnyPortElsewhere => "name the port; `:*` is for 127.0.0.1, localhost and [::1]",
    };
    sink.report(Code::BadOrigin, node.span, format!("`{text}` is not {what}: {reason}"), help.to_owned());
}

/// Where background requests may go beside the origins.
pub(super) fn resources(node: &Node, sink: &mut Sink<'_>) -> Option<Vec<ResourcePattern>> {
    let nodes = list(node, "`resources`", 1..=RESOURCES_MAX, sink)?;
    let read: Vec<Option<ResourcePattern>> = nodes
        .iter()
        .map(|node| {
            let text = text(node, "a resource", sink)?;
            ResourcePattern::parse(&text).map_err(|reason| no_origin(node, &text, "a resource", reason, sink)).ok()
        })
        .collect();
    read.into_iter().collect()
}

impl Reader<'_> {
    /// How much of an action type an account may do.
    pub(super) fn budget(&mut self, name: &str, node: &Node) -> Option<Budget> {
        if !self.flows.iter().any(|known| known == name) {
            let help = did_you_mean(name, self.flows.iter().map(String::as_str));
            self.sink.report(Code::UnknownKey, node.label, format!("`flows` has no `{name}`"), help);
        }
        let what = format!("budget `{name}`");
        let fields = Fields::open(node, &what, &["per_hour", "per_day", "spacing_s"], &mut self.sink)?;
        if node.entries().is_empty() {
            let help = "write `per_hour: 2`, `per_day: 6` or `spacing_s: 900`".to_owned();
            self.sink.report(Code::MissingKey, node.label, format!("{what} bounds nothing"), help);
        }
        let mut count = |key: &str, max: u64| {
            let node = fields.get(key, &mut self.sink)?;
            whole_number(node, &format!("`{key}`"), 1..=max, &mut self.sink)
        };
        let per_hour = count("per_hour", 10_000).and_then(|count| u32::try_from(count).ok());
        let per_day = count("per_day", 100_000).and_then(|count| u32::try_from(count).ok());
        Some(Budget { per_hour, per_day, spacing_s: count("spacing_s", 604_800) })
    }
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn a_date_is_a_day_that_exists() {
        for good in ["2026-11-20", "2024-02-29", "2000-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "26-01-01",
            "2026-1-1",
            "",
            "2026-01-01T00",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
