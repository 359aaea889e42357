//! `overview.html`: the first page of an export. What became of the action, its episodes, and all that vouches for them.
//!
//! Owns its words and looks. Like the report it runs nothing, loads nothing and adds no fact: it is rendered from the
//! other files of the export, by the one who exports and again by the one who checks, and must be the same to the byte.

use maud::{DOCTYPE, Markup, html};

use super::head;
use super::sections::{fact, moment};
use super::verdict::{self, in_words, plural};
use super::vouch::{approvals, deleted};
use crate::hash::Sha256;
use crate::log::AuditBundle;
use crate::manifest::Manifest;
use crate::retention::Deletions;
use crate::verify::{FoundStamp, SignatureGuard};

/// What an export holds of one episode.
pub(crate) struct EpisodeShown {
    pub(crate) manifest: Manifest,
    pub(crate) manifest_hash: Sha256,
    /// Whether its signature holds with the keys that came along.
    pub(crate) signature: SignatureGuard,
    pub(crate) stamps: Vec<FoundStamp>,
    pub(crate) deletions: Option<Deletions>,
}

/// Renders it; `episodes` in the order of their names, which is that of their beginning.
pub(crate) fn render(episodes: &[EpisodeShown], audit: Option<&AuditBundle>) -> String {
    let last = episodes.last();
    let title = last.map_or_else(
        || "Proof of no action".to_owned(),
        |last| {
            let action = &last.manifest.action;
            format!("{} · {} on {}", verdict::of(&last.manifest).headline, action.action_type, action.platform)
        },
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title, true))
            body {
                main {
                    @if let Some(last) = last { (headline(&last.manifest)) (facts(&last.manifest)) }
                    (list(episodes))
                    section #vouching {
                        h2 { "Who vouches for this" }
                        p.hint {
                            "Checked with the keys that lie in the export. Anybody can make keys: compare their names with those that the operator gave you on "
                            "another way, or let " code { "deed proof verify FILE --key KEY" } " do it."
                        }
                        @for shown in episodes { (episode(shown, episodes.len() > 1)) }
                        (log(audit))
                    }
                }
                footer {
                    p {
                        "This page shows what the files beside it say. To check that nothing was changed, run " code { "deed proof verify FILE.zip" }
                        ", or, unpacked, " code { "sha256sum -c SHA256SUMS" } "."
                    }
                }
            }
        }
    }
    .into_string()
}

fn headline(manifest: &Manifest) -> Markup {
    let verdict = verdict::of(manifest);
    html! {
        header.verdict.(verdict.tone.class()) {
            p.eyebrow { "Deed · all proof of one action" }
            div.verdict-line {
                span.symbol aria-hidden="true" { (verdict.tone.symbol()) }
                h1 { (verdict.headline) }
            }
            p.lead { (verdict.detail) }
        }
    }
}

fn facts(manifest: &Manifest) -> Markup {
    let action = &manifest.action;
    html! {
        section.facts {
            dl {
                (fact("Account", html! { strong { "@" (action.handle.trim_start_matches('@')) } " on " (action.platform) }))
                (fact("Action", html! { (action.action_type) }))
                (fact("Client", html! { code { (action.client_id) } }))
                (fact("Order", html! { code { (action.action_id) } }))
            }
        }
    }
}

fn list(episodes: &[EpisodeShown]) -> Markup {
    html! {
        section #episodes {
            h2 { (episodes.len()) " " (plural(episodes.len(), "episode", "episodes")) }
            table {
                thead { tr { th { "Begun" } th { "Outcome" } th { "Report" } th { "Manifest" } } }
                tbody {
                    @for EpisodeShown { manifest, manifest_hash, .. } in episodes {
                        @let episode = &manifest.action.episode_id;
                        tr {
                            td { @if let Some(first) = manifest.steps.first() { (moment(&first.at)) } }
                            td { strong { (in_words(&manifest.outcome.state)) } " · proof level " (manifest.outcome.proof_level) }
                            td { a href=(format!("episodes/{episode}/report.html")) { (episode) } }
                            td { code { (manifest_hash) } }
                        }
                    }
                }
            }
        }
    }
}

fn episode(shown: &EpisodeShown, named: bool) -> Markup {
    html! {
        div.card.below {
            @if named { h3 { "Episode " code { (shown.manifest.action.episode_id) } } }
            dl {
                (fact("Signature", signature(shown)))
                @for stamp in &shown.stamps {
                    (fact("Time stamp", html! {
                        "it was there at " (moment(&stamp.at)) ", says " strong { (authority(&stamp.name)) }
                        span.faint { ". Whether that is the authority that you believe: " code { "--tsa-ca" } }
                    }))
                }
                @if shown.stamps.is_empty() { (fact("Time stamp", html! { span.faint { "none" } })) }
            }
            (approvals(&shown.manifest))
            @if let Some(deletions) = &shown.deletions { (deleted(deletions)) }
        }
    }
}

fn signature(shown: &EpisodeShown) -> Markup {
    html! {
        @match shown.signature {
            SignatureGuard::Known(key) | SignatureGuard::Unknown(key) => { span.sign.good { "✓ holds" } " · key " code { (key) } },
            SignatureGuard::Absent => span.sign.waiting { "‖ never signed" },
            SignatureGuard::Nothing => span.sign.bad { "✕ does not hold" },
        }
    }
}

fn log(audit: Option<&AuditBundle>) -> Markup {
    html! {
        div.card.below {
            h3 { "Audit log" }
            @match audit.map(|audit| (audit, audit.verify(None))) {
                Some((audit, Ok(found))) => dl {
                    (fact("Checkpoint", html! { span.sign.good { "✓ holds" } " · over " (found.size) " lines · key " code { (found.key) } }))
                    (fact("Root", html! { code { (found.root) } }))
                    (fact("Lines of this action", html! { (audit.rows.len()) ", each proved to be in it" }))
                },
                Some((_, Err(error))) => p { span.sign.bad { "✕ does not hold" } " · " (error) },
                None => p.faint { "The export brings no lines of it." },
            }
        }
    }
}

/// A stamp's name is that of the signature, a dash, and the authority's address.
fn authority(name: &str) -> &str {
    name.split_once('-').map_or(name, |(_, authority)| authority)
}
