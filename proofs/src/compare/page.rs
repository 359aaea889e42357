//! The comparison as a page of its own: nothing runs, nothing is loaded, pictures are inside.

use maud::{DOCTYPE, Markup, html};

use super::{Comparison, Episode, Side, StepComparison, or_nothing};
use crate::report::change::{changes_of_page, frames, picture_in_words};
use crate::report::evidence::Pictures;
use crate::report::head;

/// How many pairs of pictures are put into the page, the steps that differ before all others.
const PICTURES_MAX: usize = 20;

/// Renders the comparison of two episodes.
#[must_use]
pub fn render(first: &Episode, second: &Episode, comparison: &Comparison) -> String {
    let action = &first.manifest.action;
    let title = format!("{} on {}: two episodes", action.action_type, action.platform);
    let (evidence_first, evidence_second) = (|sha256: &_| first.evidence(sha256), |sha256: &_| second.evidence(sha256));
    let mut pictures =
        (Pictures::new(&first.manifest, &evidence_first), Pictures::new(&second.manifest, &evidence_second));
    let differing = comparison.steps.iter().filter(|step| step.differs()).count();
    let mut room = PICTURES_MAX;
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title, false))
            body {
                main {
                    header.verdict.(if comparison.is_same() { "good" } else { "waiting" }) {
                        p.eyebrow { "Deed · two episodes of " (action.action_type) " on " (action.platform) }
                        div.verdict-line {
                            span.symbol aria-hidden="true" { (if comparison.is_same() { "=" } else { "≠" }) }
                            h1 {
                                @if comparison.is_same() { "Nothing that is compared changed" }
                                @else { (differing) " of " (comparison.steps.len()) " steps differ" }
                            }
                        }
                        p.lead {
                            "First " code { (first.manifest.action.episode_id) } (when(first)) ", second "
                            code { (second.manifest.action.episode_id) } (when(second)) ". Texts, counters and times are not compared."
                        }
                    }
                    @if !comparison.facts.is_empty() { (facts(comparison)) }
                    @for step in comparison.steps.iter().filter(|step| step.differs()) { (one_step(step, &mut pictures, &mut room)) }
                    (alike(comparison))
                }
                footer { p.faint { "Made by Deed from the two manifests and their evidence. It is no proof: the two episodes are." } }
            }
        }
    }
    .into_string()
}

fn when(episode: &Episode) -> String {
    episode.manifest.steps.first().map(|step| format!(" of {}", step.at)).unwrap_or_default()
}

fn facts(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "The whole" }
            table {
                thead { tr { th { "What" } th { "First" } th { "Second" } } }
                tbody {
                    @for fact in &comparison.facts {
                        tr { td { strong { (fact.what) } } td { (or_nothing(&fact.first)) } td { (or_nothing(&fact.second)) } }
                    }
                }
            }
        }
    }
}

fn one_step(step: &StepComparison, pictures: &mut (Pictures<'_>, Pictures<'_>), room: &mut usize) -> Markup {
    let shown = step.pictures.as_ref().filter(|_| *room > 0);
    *room -= usize::from(shown.is_some());
    let frames = step.picture.as_ref().map_or(&[][..], frames);
    html! {
        section {
            h2 { (step.name) " " span.phase { (step.phase) } }
            @match step.only_in {
                Some(Side::First) => p { "Only the first episode came here." },
                Some(Side::Second) => p { "Only the second episode came here." },
                None => {}
            }
            @if !step.facts.is_empty() {
                table {
                    thead { tr { th { "Check" } th { "First" } th { "Second" } } }
                    tbody {
                        @for fact in &step.facts {
                            tr { td { strong { (fact.what) } } td { (fact.first) } td { (fact.second) } }
                        }
                    }
                }
            }
            @if let Some(page) = &step.page { (changes_of_page(page)) }
            @if let Some(distance) = step.sketch_distance { p.hint { "Sketches of the two pages: " (distance) " of 64 bits apart." } }
            @if let Some((a, b)) = shown {
                @if let Some(picture) = &step.picture { p.hint { (picture_in_words(picture)) } }
                div.before-after {
                    figure {
                        (pictures.0.framed(a, &format!("First episode, {}", step.name), frames))
                        figcaption { strong { "First" } }
                    }
                    figure {
                        (pictures.1.framed(b, &format!("Second episode, {}", step.name), frames))
                        figcaption { strong { "Second" } }
                    }
                }
            }
        }
    }
}

fn alike(comparison: &Comparison) -> Markup {
    let alike: Vec<&StepComparison> = comparison.steps.iter().filter(|step| !step.differs()).collect();
    html! {
        section {
            h2 { "Alike in both" }
            @if alike.is_empty() { p { "No step." } }
            ul.checks {
                @for step in alike {
                    li.passed { span.sign { "= alike" } div { strong { (step.name) } div.note { (step.phase) } } }
                }
            }
        }
    }
}
