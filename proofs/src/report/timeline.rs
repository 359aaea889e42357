//! The steps in order, each with what the page looked like and what was checked.

use maud::{Markup, html};

use super::evidence::{Pictures, kind_in_words, size};
use super::verdict::{in_words, plural};
use crate::artifact::{ArtifactKind, ArtifactRef};
use crate::manifest::{Check, Manifest, Step};

/// The timeline.
pub(super) fn timeline(manifest: &Manifest, pictures: &mut Pictures<'_>) -> Markup {
    if manifest.steps.is_empty() {
        return html! {};
    }
    html! {
        section #timeline {
            h2 { "Step by step" }
            ol.timeline {
                @for step in &manifest.steps { (one_step(step, pictures)) }
            }
        }
    }
}

fn one_step(step: &Step, pictures: &mut Pictures<'_>) -> Markup {
    let failed = step.checks.iter().filter(|check| !check.passed).count();
    let (class, sign) = match (step.checks.len(), failed) {
        (0, _) => ("plain", "•"),
        (_, 0) => ("passed", "✓"),
        _ => ("failed", "✕"),
    };
    let evidence: Vec<&ArtifactRef> = step.artifacts.iter().filter_map(|sha256| pictures.artifact(sha256)).collect();
    let is_screenshot = |artifact: &&&ArtifactRef| artifact.kind == ArtifactKind::Screenshot;
    html! {
        li.step.(class) {
            div.marker aria-hidden="true" { (sign) }
            div.step-body {
                header {
                    h3 { (in_words(&step.name)) }
                    span.phase { (in_words(&step.phase)) }
                    time datetime=(step.at) { (time_of_day(&step.at)) }
                }
                @if let Some(url) = &step.url { p.url { (url) } }
                div.step-content {
                    @for screenshot in evidence.iter().filter(is_screenshot) {
                        figure { (pictures.picture(screenshot, &format!("The page at the end of the step {}", in_words(&step.name)))) }
                    }
                    div.findings {
                        @if !step.checks.is_empty() {
                            p.count { (summary(step.checks.len(), failed)) }
                            (checks(&step.checks))
                        }
                        @for proposal in evidence.iter().filter(|artifact| artifact.kind == ArtifactKind::Proposal) {
                            (pictures.proposal(proposal))
                        }
                        @for other in evidence.iter().filter(|artifact| !is_screenshot(artifact)) {
                            span.chip title=(other.sha256) { (kind_in_words(other.kind)) " · " (size(other.bytes)) }
                        }
                    }
                }
            }
        }
    }
}

/// Checks with their findings; what was expected is only told where something else was seen.
pub(super) fn checks(checks: &[Check]) -> Markup {
    html! {
        ul.checks {
            @for check in checks {
                li.(if check.passed { "passed" } else { "failed" }) {
                    span.sign { (if check.passed { "✓ passed" } else { "✕ failed" }) }
                    div {
                        strong { (in_words(&check.name)) }
                        @if check.expected == check.seen {
                            @if !check.seen.is_empty() { div.seen { (check.seen) } }
                        } @else {
                            div.seen { span.faint { "expected " } (or_nothing(&check.expected)) }
                            div.seen { span.faint { "seen " } (or_nothing(&check.seen)) }
                        }
                        @if !check.note.is_empty() { div.note { (check.note) } }
                    }
                }
            }
        }
    }
}

fn summary(count: usize, failed: usize) -> String {
    match failed {
        0 => format!("{count} {} passed", plural(count, "check", "checks")),
        _ => format!("{failed} of {count} {} failed", plural(count, "check", "checks")),
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// The time of an RFC 3339 moment without its day, to the millisecond; the day stands above.
fn time_of_day(at: &str) -> &str {
    at.get(11..).map_or(at, |time| time.trim_end_matches('Z'))
}
