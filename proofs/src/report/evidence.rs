//! Pictures as part of the page, and the table of hashes at its end.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};

use crate::artifact::{ArtifactKind, ArtifactRef};
use crate::hash::Sha256;
use crate::manifest::Manifest;

/// The pictures of an episode. Each is put into the page once, however often it is shown.
pub(super) struct Pictures<'a> {
    manifest: &'a Manifest,
    evidence: &'a dyn Fn(&Sha256) -> Option<Vec<u8>>,
    shown: HashSet<Sha256>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(manifest: &'a Manifest, evidence: &'a dyn Fn(&Sha256) -> Option<Vec<u8>>) -> Self {
        Self { manifest, evidence, shown: HashSet::new() }
    }

    /// What the manifest says of a piece of evidence that a step took: the same bytes may have been kept by several steps.
    pub(super) fn artifact(&self, sha256: &Sha256) -> Option<&'a ArtifactRef> {
        self.manifest.artifacts.iter().find(|artifact| artifact.sha256 == *sha256)
    }

    /// A picture, or what to say in its place.
    pub(super) fn picture(&mut self, artifact: &ArtifactRef, alternative: &str) -> Markup {
        let sha256 = &artifact.sha256;
        let id = format!("picture-{sha256}");
        if self.shown.contains(sha256) {
            return html! { p.absent { a href={ "#" (id) } { "The same picture as above" } } };
        }
        // Only what cannot run: an SVG or an HTML page handed in as evidence is not shown.
        let shows = matches!(artifact.media_type.as_str(), "image/png" | "image/jpeg" | "image/webp");
        match (self.evidence)(sha256).filter(|_| shows) {
            Some(bytes) => {
                self.shown.insert(*sha256);
                html! {
                    img #(id) src={ "data:" (artifact.media_type) ";base64," (PreEscaped(STANDARD.encode(bytes))) } alt=(alternative);
                    // Without scripts: the address says which picture is large, and the style follows it.
                    figcaption { a.larger href={ "#" (id) } { "Show larger" } a.smaller href="#timeline" { "Show smaller" } }
                }
            }
            None if shows => html! { p.absent { "The picture is missing from the store." } },
            None => html! { p.absent { "Not shown here: " (artifact.media_type) ", " (size(artifact.bytes)) } },
        }
    }
}

impl Pictures<'_> {
    /// A proposed change as text; it is put into the page as it is, escaped.
    pub(super) fn proposal(&self, artifact: &ArtifactRef) -> Markup {
        match (self.evidence)(&artifact.sha256) {
            Some(bytes) => html! { pre { (String::from_utf8_lossy(&bytes)) } },
            None => html! { p.absent { "The proposed change is missing from the store." } },
        }
    }
}

/// Every piece of evidence with its hash, last and small: for those who check.
pub(super) fn hashes(manifest: &Manifest) -> Markup {
    let intent = &manifest.intent;
    html! {
        section #hashes {
            h2 { "Hashes" }
            @if !manifest.redactions.is_empty() {
                p.faint {
                    (manifest.redactions.len()) " part(s) were masked before they were kept; the manifest holds a commitment to each."
                }
            }
            table.hashes {
                thead { tr { th { "What" } th { "SHA-256" } th.number { "Size" } } }
                tbody {
                    (named_hash("Order", intent.payload_hash))
                    (named_hash("Content", intent.content_hash))
                    (named_hash(&format!("Recipe {} {}", intent.recipe.platform, intent.recipe.number), intent.recipe.hash))
                    @for artifact in &manifest.artifacts {
                        tr {
                            td { (kind_in_words(artifact.kind)) span.faint { " · " (artifact.step) } }
                            td {
                                code { (artifact.sha256) }
                                @if let Some(dom) = &artifact.dom {
                                    br;
                                    span.faint { "structure " } code { (dom.structure) }
                                    br;
                                    span.faint { "sketch " } code { (dom.sketch) }
                                }
                            }
                            td.number { (size(artifact.bytes)) }
                        }
                    }
                }
            }
        }
    }
}

fn named_hash(name: &str, sha256: Sha256) -> Markup {
    html! { tr { td { (name) } td { code { (sha256) } } td {} } }
}

/// The name of a kind of evidence.
pub(super) fn kind_in_words(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Screenshot => "Screenshot",
        ArtifactKind::Dom => "DOM snapshot",
        ArtifactKind::Proposal => "Proposed change of the recipe",
        ArtifactKind::Receipt => "Receipt",
        ArtifactKind::Recording => "Recording",
        ArtifactKind::Media => "Media",
        ArtifactKind::Manifest => "Manifest",
        ArtifactKind::Report => "Report",
    }
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
