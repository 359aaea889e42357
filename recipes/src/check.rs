//! The rules about a recipe as a whole: what the checker proves before anything runs.
//!
//! Owns the rules that need more than one place of the file. Those of one place (a name resolves, a selector parses, a
//! flow's parts stand in order) are where that place is read. Never repairs, never warns: a rule holds, or the recipe
//! does not load.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::diagnostics::{Code, Sink, Span};
use crate::model::{Element, Locator, Review, ReviewExpect, Step};
use crate::template::Placeholder;

/// One place of the recipe that does something with an element.
pub(crate) struct Use {
    pub(crate) element: String,
    pub(crate) span: Span,
    pub(crate) kind: UseKind,
}

/// What is done with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UseKind {
    /// It is the irreversible input.
    Commit,
    /// It is part of the proof of who the account is.
    Identity,
    /// It gets an input that can be taken back.
    Touched {
        /// By whom, for the message.
        by: &'static str,
    },
    /// Proof never shows it.
    Redacted,
}

/// Elements by name, with the place of their name.
pub(crate) type Known<'e> = IndexMap<&'e str, (&'e Element, Span)>;

/// Proves the rules of the whole. `elements` are those that could be read; a rule is silent about the others, whose own
/// errors are reported already.
pub(crate) fn whole(elements: &Known<'_>, uses: &[Use], sink: &mut Sink<'_>) {
    independent(elements, uses, sink);
    commit_untouched(elements, uses, sink);
    no_near_cycle(elements, sink);
    proof_is_shown(uses, sink);
}

/// What the account is proved by, and what is pressed, stands in the pictures: there a proof that hides it proves nothing.
fn proof_is_shown(uses: &[Use], sink: &mut Sink<'_>) {
    for redacted in uses.iter().filter(|one| one.kind == UseKind::Redacted) {
        let shows = uses.iter().filter(|other| other.element == redacted.element).find_map(|other| match other.kind {
            UseKind::Commit => Some("the commit"),
            UseKind::Identity => Some("identity"),
            UseKind::Touched { .. } | UseKind::Redacted => None,
        });
        if let Some(what) = shows {
            let message = format!("`{}` is redacted, but {what} rests on it and proof must show it", redacted.element);
            let help = "redact what stands around or inside it, by an element of its own".to_owned();
            sink.report(Code::BadValue, redacted.span, message, help);
        }
    }
}

/// Elements of a commit and of identity are found by quorum: that takes two voters that do not repeat each other.
fn independent(elements: &Known<'_>, uses: &[Use], sink: &mut Sink<'_>) {
    for one in uses {
        let what = match one.kind {
            UseKind::Commit => "the commit",
            UseKind::Identity => "identity",
            UseKind::Touched { .. } | UseKind::Redacted => continue,
        };
        let Some((element, _)) = elements.get(one.element.as_str()) else {
            continue;
        };
        if !element.has_independent_locators() {
            let name = &one.element;
            let message = format!("{what} rests on `{name}`, which has no two independent locators");
            let help = format!(
                "add a locator to `elements.{name}` that rests on something else: another kind (role, label, testid, css, \
                 near), or CSS without a class, id or attribute that another one names"
            );
            sink.report(Code::NotIndependent, one.span, message, help);
        }
    }
}

/// No reversible step may reach a commit element, by whatever name.
fn commit_untouched(elements: &Known<'_>, uses: &[Use], sink: &mut Sink<'_>) {
    let commits: BTreeSet<&str> =
        uses.iter().filter(|one| one.kind == UseKind::Commit).map(|one| one.element.as_str()).collect();
    for one in uses {
        let UseKind::Touched { by } = one.kind else {
            continue;
        };
        let name = one.element.as_str();
        for commit in &commits {
            let message = if *commit == name {
                format!("{by} touches `{name}`, which is a commit element")
            } else if let Some(kind) = shared_kind(elements, name, commit) {
                format!("{by} touches `{name}`, whose `{kind}` locator may find the commit element `{commit}`")
            } else {
                continue;
            };
            let help = "only the commit may touch it: take the step out, or give its element locators of its own";
            sink.report(Code::CommitTouched, one.span, message, help.to_owned());
        }
    }
}

/// The kind of a locator of `name` that may also find `commit`.
fn shared_kind(elements: &Known<'_>, name: &str, commit: &str) -> Option<&'static str> {
    let ((one, _), (other, _)) = (elements.get(name)?, elements.get(commit)?);
    let shares = |locator: &&Locator| other.locators.iter().any(|theirs| locator.shares_target_with(theirs));
    one.locators.iter().find(shares).map(Locator::kind)
}

/// `a` near `b` near `a` could be looked for for ever.
fn no_near_cycle(elements: &Known<'_>, sink: &mut Sink<'_>) {
    let near = |name: &str| {
        let locators = elements.get(name).map(|(element, _)| element.locators.as_slice()).unwrap_or_default();
        locators.iter().filter_map(|locator| match locator {
            Locator::Near { of, .. } => Some(of.as_str()),
            _ => None,
        })
    };
    // Elements that end, directly or through others that end, are taken away; what is left goes in circles.
    let mut left: BTreeSet<&str> = elements.keys().copied().collect();
    loop {
        let ends: Vec<&str> = left.iter().copied().filter(|name| !near(name).any(|of| left.contains(of))).collect();
        if ends.is_empty() {
            break;
        }
        for name in ends {
            left.remove(name);
        }
    }
    if let Some(first) = left.first() {
        let names: Vec<String> = left.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("these elements are near each other in a circle: {}", names.join(", "));
        let span = elements.get(first).map(|(_, span)| *span).unwrap_or_default();
        sink.report(Code::NearCycle, span, message, "let one of them be found without `near`".to_owned());
    }
}

/// What a flow puts into the composer, its review reads back: each thing where it was put. A time may go into several fields that are gone
/// by then; what counts for it is one place that says the whole of it, to the minute.
pub(crate) fn review_reads_back(flow: &str, steps: &[Step], review: &[Review], at: Span, sink: &mut Sink<'_>) {
    let put = steps.iter().filter_map(|step| match step {
        Step::Type { into, text } => Some((into, text, "types")),
        Step::Choose { from, option } => Some((from, option, "chooses")),
        _ => None,
    });
    for (into, text, does) in put {
        for wanted in text.placeholders().filter(|placeholder| placeholder.is_written()) {
            let read_back = review.iter().any(|entry| match &entry.expect {
                ReviewExpect::Equals { text, .. } if wanted.is_schedule() && text.tells_whole_time() => true,
                ReviewExpect::Equals { text, .. } => {
                    entry.element == *into && text.placeholders().any(|name| name == wanted)
                }
                ReviewExpect::CountOfMedia => false,
            });
            if !read_back {
                let what = match wanted {
                    Placeholder::ContentText => "the order's text",
                    Placeholder::ContentTitle => "the order's title",
                    _ => "the order's time",
                };
                let message = format!("{flow} {does} {what} into `{into}`, but its review never reads it back");
                let help = format!("add `- {{ element: {into}, equals: \"{text}\" }}`");
                sink.report(Code::ReviewIncomplete, at, message, help);
            }
        }
    }
    let uploads = steps.iter().any(|step| matches!(step, Step::Upload { .. }));
    if uploads && !review.iter().any(|entry| entry.expect == ReviewExpect::CountOfMedia) {
        let message = format!("{flow} uploads the order's media, but its review never counts them");
        let help = "add `- { element: media_preview, count: \"{content.media}\" }`";
        sink.report(Code::ReviewIncomplete, at, message, help.to_owned());
    }
}

/// A flow that picks what the order's time says (a day of a calendar) sets that time, whatever it clicks: its review
/// reads the whole of it in one place, from the year to the minute.
pub(crate) fn time_reads_back(
    flow: &str,
    steps: &[Step],
    review: &[Review],
    of_order: &[String],
    at: Span,
    sink: &mut Sink<'_>,
) {
    let picked = steps.iter().flat_map(Step::elements).find(|element| of_order.contains(element));
    let whole = |entry: &Review| matches!(&entry.expect, ReviewExpect::Equals { text, .. } if text.tells_whole_time());
    if let Some(element) = picked.filter(|_| !review.iter().any(whole)) {
        let message =
            format!("{flow} picks `{element}` by the order's time, but its review never reads the whole time back");
        let help = "add `- { element: <element>, equals: \"{content.scheduled_at|YYYY-MM-DD HH:mm}\" }`, of one place that says it \
                    from the year to the minute";
        sink.report(Code::ReviewIncomplete, at, message, help.to_owned());
    }
}
