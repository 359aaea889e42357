//! `report.html`: the manifest as a page that a person wants to look at.
//!
//! Owns words, order and looks. Self-contained: pictures are inside, there are no scripts and no links to anything but the
//! permalink, and the page's own content policy forbids the rest, so it can be mailed, archived and opened offline. It
//! decides nothing and adds no fact: everything shown is in the manifest, and everything shown is escaped.
//!
//! The same manifest and evidence give the same bytes, which is what [`verify`](crate::verify()) relies on. A change of the
//! rendering needs a new [`RENDERER`]; the snapshot test reminds of it.

pub(crate) mod change;
pub(crate) mod evidence;
pub(crate) mod overview;
mod sections;
mod timeline;
mod verdict;
mod vouch;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::hash::Sha256;
use crate::manifest::Manifest;
use crate::retention::Deletions;

/// The version of the rendering. A report of another version cannot be rendered again to compare it.
pub const RENDERER: u32 = 3;

const STYLE: &str = include_str!("style.css");
const GENERATOR: &str = "<meta name=\"generator\" content=\"deed-proofs report ";
/// Nothing is loaded and nothing runs, even if a platform's text had found a way through the escaping.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The head of a page of this crate. `is_report`: it names its renderer, because it will be rendered again and compared.
pub(crate) fn head(title: &str, is_report: bool) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            @if is_report { (PreEscaped(format!("{GENERATOR}{RENDERER}\">"))) }
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// Renders the report of an episode. `evidence` gives the bytes of a piece of evidence by its hash; where it gives none, the
/// report says that the picture is missing. `deletions`: what a rule deleted of it.
#[must_use]
pub fn render(
    manifest: &Manifest,
    evidence: &dyn Fn(&Sha256) -> Option<Vec<u8>>,
    deletions: Option<&Deletions>,
) -> String {
    let verdict = verdict::of(manifest);
    let title = format!("{} · {} on {}", verdict.headline, manifest.action.action_type, manifest.action.platform);
    let mut pictures = evidence::Pictures::new(manifest, evidence);
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title, true))
            body {
                main {
                    (sections::headline(manifest, &verdict))
                    (sections::facts(manifest))
                    (sections::media(manifest, &mut pictures))
                    (sections::press_and_receipt(manifest))
                    (change::change(manifest, &mut pictures))
                    (sections::identity(manifest))
                    (timeline::timeline(manifest, &mut pictures))
                    (sections::verification(manifest))
                    (vouch::vouching(manifest, deletions))
                    (sections::audit(manifest))
                    (evidence::hashes(manifest))
                }
                (sections::footer(manifest))
            }
        }
    }
    .into_string()
}

/// Which version of the rendering a report says it has.
pub(crate) fn renderer_of(report: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(report.get(..2048).unwrap_or(report));
    let (_, rest) = text.split_once(GENERATOR)?;
    rest.split_once('"')?.0.parse().ok()
}
