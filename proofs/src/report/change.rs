//! Before and after the press, side by side, with what changed framed and told.

use maud::{Markup, html};

use super::evidence::Pictures;
use super::verdict::{in_words, plural};
use crate::artifact::{ArtifactKind, ArtifactRef};
use crate::dom::{DomChange, DomChangeKind, DomDifference, difference as dom_difference};
use crate::manifest::{Manifest, Step};
use crate::picture::{PictureDifference, Region, difference as picture_difference};

/// The phases whose last picture shows the page as it was pressed on.
const BEFORE: [&str; 2] = ["compose", "review"];
/// The phase whose first picture shows what the press did.
const AFTER: &str = "receipt";
/// How many changes of the page are told one by one.
const CHANGES_SHOWN: usize = 12;

/// The last page before the press and the first after it.
pub(super) fn change(manifest: &Manifest, pictures: &mut Pictures<'_>) -> Markup {
    let shot = |step: &Step| pictures.of_step(step, is_screenshot);
    let Some(after) = manifest.steps.iter().position(|step| step.phase == AFTER && shot(step).is_some()) else {
        return html! {};
    };
    let before = manifest.steps.iter().take(after);
    let Some(before) = before.rev().find(|step| BEFORE.contains(&step.phase.as_str()) && shot(step).is_some()) else {
        return html! {};
    };
    let after = &manifest.steps[after];
    let (Some(shot_before), Some(shot_after)) = (shot(before), shot(after)) else { return html! {} };
    let found = match (pictures.bytes(shot_before), pictures.bytes(shot_after)) {
        (Some(a), Some(b)) => picture_difference(&a, &b).ok(),
        _ => None,
    };
    let document = |step: &Step| {
        let bytes = pictures.bytes(pictures.of_step(step, |artifact| artifact.kind == ArtifactKind::Dom)?)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let page = document(before).zip(document(after)).map(|(before, after)| dom_difference(&before, &after));
    let frames = found.as_ref().map_or(&[][..], frames);
    html! {
        section #change {
            h2 { "Before and after the press" }
            @if let Some(found) = &found { p.hint { (picture_in_words(found)) } }
            div.before-after {
                (framed(pictures, shot_before, frames, "Before", &before.name, "as it was pressed on"))
                (framed(pictures, shot_after, frames, "After", &after.name, "what the press did"))
            }
            @if let Some(page) = &page { (changes_of_page(page)) }
        }
    }
}

/// Only PNG: it has one decoded form, so that the frames are the same wherever they are drawn again.
fn is_screenshot(artifact: &ArtifactRef) -> bool {
    artifact.kind == ArtifactKind::Screenshot && artifact.media_type == "image/png"
}

/// Boxes that say something: none around a whole page.
pub(crate) fn frames(found: &PictureDifference) -> &[Region] {
    if found.is_another_picture() { &[] } else { &found.boxes }
}

fn framed(
    pictures: &mut Pictures<'_>,
    artifact: &ArtifactRef,
    frames: &[Region],
    when: &str,
    step: &str,
    what: &str,
) -> Markup {
    let places = match frames.len() {
        0 => String::new(),
        count => format!(", with {count} {} framed", plural(count, "changed place", "changed places")),
    };
    html! {
        figure {
            (pictures.framed(artifact, &format!("The page {} the press, at the end of the step {}{places}", when.to_lowercase(), in_words(step)), frames))
            figcaption { strong { (when) } " · " (in_words(step)) span.faint { " · " (what) } }
        }
    }
}

/// How much of the picture changed, as a sentence.
pub(crate) fn picture_in_words(found: &PictureDifference) -> String {
    let percent = found.changed_permille.div_ceil(10);
    let sizes = if found.same_size { "" } else { " The two pictures have other sizes; what both show was compared." };
    let words = match (found.boxes.len(), found.is_another_picture()) {
        (0, _) => "Nothing to be seen changed.".to_owned(),
        (_, true) => format!("{percent} % of the picture changed: the platform showed another page."),
        (count, false) => {
            format!(
                "{percent} % of the picture changed, in {count} {}, framed in both.",
                plural(count, "place", "places")
            )
        }
    };
    format!("{words}{sizes}")
}

/// What appeared, vanished and moved, in words.
pub(crate) fn changes_of_page(page: &DomDifference) -> Markup {
    html! {
        div.changes {
            h3 { "What changed in the page’s structure" }
            @if page.changes.is_empty() { p { "Nothing: the same elements stand where they stood. Texts are not compared here." } }
            @if page.is_another_page() {
                p { "It is another page: " (page.kept_permille / 10) " % of the elements before stand where they stood." }
            }
            @if !page.changes.is_empty() { ul {
                @for change in page.changes.iter().take(CHANGES_SHOWN) { (one_change(change)) }
                @if page.changes.len() > CHANGES_SHOWN {
                    li.faint { "and " (page.changes.len() - CHANGES_SHOWN) " more; the documents are among the evidence" }
                }
            } }
        }
    }
}

fn one_change(change: &DomChange) -> Markup {
    let DomChange { kind, element, place, inside } = change;
    html! {
        li {
            @match kind {
                DomChangeKind::Appeared => { span.what { "+ appeared" } code { (element) } " in " code { (place) } }
                DomChangeKind::Vanished => { span.what { "− vanished" } code { (element) } " from " code { (place) } }
                DomChangeKind::Moved { from } if from == place => { span.what { "→ moved" } code { (element) } " within " code { (place) } }
                DomChangeKind::Moved { from } => { span.what { "→ moved" } code { (element) } " from " code { (from) } " to " code { (place) } }
            }
            @if *inside > 0 { span.faint { " with " (inside) " " (plural(*inside, "element", "elements")) " inside" } }
        }
    }
}
