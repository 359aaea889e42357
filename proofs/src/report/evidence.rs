//! Pictures as part of the page, and the table of hashes at its end.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};

use crate::artifact::{ArtifactKind, ArtifactRef};
use crate::hash::Sha256;
use crate::manifest::{Manifest, Step};
use crate::picture::{self, Region};

/// The pictures of an episode. Each is put into the page once, however often it is shown.
pub(crate) struct Pictures<'a> {
    manifest: &'a Manifest,
    evidence: &'a dyn Fn(&Sha256) -> Option<Vec<u8>>,
    shown: HashSet<Sha256>,
    /// Those that stand in a drawing, with their width and height in pixels: another drawing can show them again.
    drawn: HashMap<Sha256, (u32, u32)>,
}

impl<'a> Pictures<'a> {
    pub(crate) fn new(manifest: &'a Manifest, evidence: &'a dyn Fn(&Sha256) -> Option<Vec<u8>>) -> Self {
        Self { manifest, evidence, shown: HashSet::new(), drawn: HashMap::new() }
    }

    /// The first piece of evidence of a step that is of this kind.
    pub(crate) fn of_step(&self, step: &Step, is_of_kind: impl Fn(&ArtifactRef) -> bool) -> Option<&'a ArtifactRef> {
        step.artifacts.iter().filter_map(|sha256| self.artifact(sha256)).find(|artifact| is_of_kind(artifact))
    }

    /// The bytes of a piece of evidence.
    pub(crate) fn bytes(&self, artifact: &ArtifactRef) -> Option<Vec<u8>> {
        (self.evidence)(&artifact.sha256)
    }

    /// A PNG picture with frames drawn over it; it stays as it is, the frames lie beside it in the page.
    pub(crate) fn framed(&mut self, artifact: &ArtifactRef, alternative: &str, frames: &[Region]) -> Markup {
        let sha256 = artifact.sha256;
        if !self.drawn.contains_key(&sha256) {
            let Some(bytes) = self.bytes(artifact) else {
                return html! { p.absent { "The picture is missing from the store." } };
            };
            let Ok(facts) = picture::inspect(&bytes) else {
                return html! { p.absent { "The picture cannot be read." } };
            };
            let (width, height) = (facts.width, facts.height);
            self.drawn.insert(sha256, (width, height));
            let data = STANDARD.encode(bytes);
            return drawing(
                (width, height),
                alternative,
                frames,
                html! {
                    image #{ "drawn-" (sha256) } width=(width) height=(height) href={ "data:" (facts.media_type) ";base64," (PreEscaped(data)) } {}
                },
            );
        }
        self.drawn_again(&sha256, alternative, frames)
    }

    fn drawn_again(&self, sha256: &Sha256, alternative: &str, frames: &[Region]) -> Markup {
        let Some(size) = self.drawn.get(sha256) else { return html! {} };
        drawing(*size, alternative, frames, html! { use href={ "#drawn-" (sha256) } {} })
    }

    /// What the manifest says of a piece of evidence that a step took: the same bytes may have been kept by several steps.
    pub(super) fn artifact(&self, sha256: &Sha256) -> Option<&'a ArtifactRef> {
        self.manifest.artifacts.iter().find(|artifact| artifact.sha256 == *sha256)
    }

    /// A picture, or what to say in its place.
    pub(super) fn picture(&mut self, artifact: &ArtifactRef, alternative: &str) -> Markup {
        let sha256 = &artifact.sha256;
        if self.drawn.contains_key(sha256) {
            return html! {
                (self.drawn_again(sha256, alternative, &[]))
                figcaption { a href={ "#drawn-" (sha256) } { "The same picture above, larger" } }
            };
        }
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

fn drawing((width, height): (u32, u32), alternative: &str, frames: &[Region], picture: Markup) -> Markup {
    html! {
        svg.shot viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(alternative) {
            (picture)
            @for frame in frames {
                // Light below dark, so that it is seen on every ground.
                @for class in ["frame under", "frame"] {
                    rect class=(class) x=(frame.x) y=(frame.y) width=(frame.width) height=(frame.height) rx="4" {}
                }
            }
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
