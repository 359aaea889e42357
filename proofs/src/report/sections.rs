//! The parts of the report around its timeline.

use maud::{Markup, html};

use super::evidence::Pictures;
use super::timeline::checks;
use super::verdict::{Verdict, day_and_time, in_words, level_in_words};
use crate::artifact::ArtifactKind;
use crate::manifest::{CommitTarget, Found, Gate, Manifest, Receipt};

/// The outcome, before everything else.
pub(super) fn headline(manifest: &Manifest, verdict: &Verdict) -> Markup {
    let outcome = &manifest.outcome;
    html! {
        header.verdict.(verdict.tone.class()) {
            p.eyebrow { "Deed · proof of one action" }
            div.verdict-line {
                span.symbol aria-hidden="true" { (verdict.tone.symbol()) }
                h1 { (verdict.headline) }
            }
            p.lead { (verdict.detail) }
            @if let Some(permalink) = &outcome.permalink { p.permalink { (link(permalink)) } }
            div.level {
                span.steps aria-hidden="true" {
                    @for level in 1..=3 { span.(if level <= outcome.proof_level { "reached" } else { "open" }) {} }
                }
                span { "Proof level " (outcome.proof_level) " of 3, " (level_in_words(outcome.proof_level)) }
            }
        }
    }
}

/// Who, what, when, by which rules.
pub(super) fn facts(manifest: &Manifest) -> Markup {
    let (action, intent, outcome) = (&manifest.action, &manifest.intent, &manifest.outcome);
    let pressed_at = manifest.commit_target.as_ref().and_then(|target| target.pressed_at.as_ref());
    html! {
        section.facts {
            dl {
                (fact("Account", html! { strong { "@" (action.handle.trim_start_matches('@')) } " on " (action.platform) }))
                (fact("Action", html! { (action.action_type) " · " (action.lane) " lane" }))
                @match (pressed_at, manifest.steps.first()) {
                    (Some(at), _) => (fact("Pressed", html! { (moment(at)) })),
                    (None, Some(first)) => (fact("Begun", html! { (moment(&first.at)) })),
                    (None, None) => {}
                }
                @if let Some(last) = manifest.audit.last() { (fact("Last event", html! { (moment(&last.at)) })) }
                @if let Some(object_id) = &outcome.platform_object_id { (fact("Object", html! { code { (object_id) } })) }
                @if let Some(visibility) = &outcome.visibility { (fact("Visibility", html! { (in_words(visibility)) })) }
                @if let Some(code) = &outcome.error_code { (fact("Error", html! { code { (code) } })) }
                (fact("Client", html! { code { (action.client_id) } }))
                (fact("Rules", html! { "recipe " (intent.recipe.platform) " " (intent.recipe.number) }))
                (fact("Policies", html! { code { (intent.policy_snapshot_id) } }))
                (fact("Order", html! { code { (action.action_id) } }))
                (fact("Episode", html! { code { (action.episode_id) } }))
            }
        }
    }
}

/// The files that the order brought along.
pub(super) fn media(manifest: &Manifest, pictures: &mut Pictures<'_>) -> Markup {
    let media: Vec<_> = manifest.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Media).collect();
    if media.is_empty() {
        return html! {};
    }
    html! {
        section #media {
            h2 { "Media of the order" }
            div.gallery {
                @for (index, artifact) in media.iter().enumerate() {
                    figure { (pictures.picture(artifact, &format!("Media file {} of the order", index + 1))) }
                }
            }
        }
    }
}

/// What was pressed, and what the platform answered.
pub(super) fn press_and_receipt(manifest: &Manifest) -> Markup {
    if manifest.commit_target.is_none() && manifest.receipt.is_none() {
        return html! {};
    }
    html! {
        section.pair {
            @if let Some(target) = &manifest.commit_target { (commit_target(target)) }
            @if let Some(receipt) = &manifest.receipt { (self::receipt(receipt)) }
        }
    }
}

fn commit_target(target: &CommitTarget) -> Markup {
    let votes = target.agreed.len() + target.dissent.len();
    html! {
        div.card {
            h2 { "The press" }
            p.big { code { (target.element) } }
            p {
                @match &target.pressed_at {
                    Some(at) => { "Pressed once, on " (moment(at)) "." },
                    None => "Found, and not pressed.",
                }
            }
            p.faint {
                (target.agreed.len()) " of " (votes) " locators named this very element, " (pixels(target.rect.width)) " × " (pixels(target.rect.height))
                " px; aimed at " (pixels(target.point.x)) ", " (pixels(target.point.y)) "."
            }
            ul.checks {
                @for locator in &target.agreed { li.passed { span.sign { "✓ agreed" } code { (locator) } } }
                @for locator in &target.dissent { li.failed { span.sign { "✕ dissent" } code { (locator) } } }
            }
            p.url { (target.url) }
        }
    }
}

fn receipt(receipt: &Receipt) -> Markup {
    html! {
        div.card {
            h2 { "The platform’s answer" }
            p.big { (receipt.sign) }
            @if receipt.http_status.is_some() || receipt.object_id.is_some() {
                p {
                    @if let Some(status) = receipt.http_status { "Status " strong { (status) } }
                    @if receipt.http_status.is_some() && receipt.object_id.is_some() { " · " }
                    @if let Some(object_id) = &receipt.object_id { "Object " code { (object_id) } }
                }
            }
            @if !receipt.requests.is_empty() {
                p.hint { "Write requests that the page tried, at the network gate:" }
                table {
                    @for request in &receipt.requests {
                        tr {
                            td { code { (request.method) " " (request.path) } }
                            td {
                                @match request.gate {
                                    Gate::LetThrough => span.sign.good { "→ let through" },
                                    Gate::Blocked => span.sign.bad { "✕ blocked" },
                                }
                            }
                            td.number { @if let Some(status) = request.status { (status) } }
                        }
                    }
                }
            }
        }
    }
}

/// The votes on the account beside what is stored of it.
pub(super) fn identity(manifest: &Manifest) -> Markup {
    let Some(identity) = &manifest.identity else { return html! {} };
    let fingerprint = &identity.fingerprint;
    html! {
        section #identity {
            h2 { "The right account" }
            div.pair {
                div.card {
                    h3 { "Stored fingerprint" }
                    dl {
                        (fact("Handle", html! { strong { (fingerprint.handle) } }))
                        (fact("Name", html! { @match &fingerprint.display_name { Some(name) => (name), None => span.faint { "not stored" } } }))
                        (fact("Avatar hash", html! { @match &fingerprint.avatar_hash { Some(hash) => code { (hash) }, None => span.faint { "not stored" } } }))
                    }
                }
                div.card {
                    h3 { @if identity.ok { span.sign.good { "✓ proved" } } @else { span.sign.bad { "✕ not proved" } } " by what the page showed" }
                    (checks(&identity.votes))
                }
            }
        }
    }
}

/// Every look at the destination.
pub(super) fn verification(manifest: &Manifest) -> Markup {
    if manifest.verification.is_empty() {
        return html! {};
    }
    html! {
        section #verification {
            h2 { "Looking for it afterwards" }
            p.hint { "Each look was a fresh session that cannot write." }
            table {
                thead { tr { th { "Look" } th { "When" } th { "Found" } th { "What was seen" } th { "Session" } } }
                tbody {
                    @for read in &manifest.verification {
                        tr {
                            td { (read.read) }
                            td { (moment(&read.at)) }
                            td {
                                @match read.found {
                                    Found::Present => span.sign.good { "✓ present" },
                                    Found::Pending => span.sign.waiting { "‖ pending" },
                                    Found::Absent => span.sign.bad { "✕ absent" },
                                    Found::Unreadable => span.sign.unknown { "? unreadable" },
                                }
                            }
                            td { (read.note) }
                            td { code { (read.session) } }
                        }
                    }
                }
            }
        }
    }
}

/// The audit trail, each event with the hash that chains it to the one before.
pub(super) fn audit(manifest: &Manifest) -> Markup {
    if manifest.audit.is_empty() {
        return html! {};
    }
    html! {
        section #audit {
            h2 { "Audit trail" }
            table {
                thead { tr { th { "When" } th { "State" } th { "Event" } th { "Chain hash" } } }
                tbody {
                    @for event in &manifest.audit {
                        tr {
                            td { (moment(&event.at)) }
                            td { strong { (in_words(&event.status)) } }
                            td { code { (event.event_id) } }
                            td { code title=(event.hash) { (shortened(&event.hash)) } }
                        }
                    }
                }
            }
        }
    }
}

/// How to check all this.
pub(super) fn footer(manifest: &Manifest) -> Markup {
    let tool = &manifest.tool;
    html! {
        footer {
            p {
                "This page shows what " code { "manifest.json" } " beside it says. To check that nothing was changed, run "
                code { "sha256sum -c SHA256SUMS" } " in this folder, or " code { "deed proof verify" } "."
            }
            p.faint { (tool.name) " " (tool.version) " · " (tool.browser) " · pacing seed " (manifest.pacing_seed) " · key " code { (manifest.action.idempotency_key) } }
        }
    }
}

pub(super) fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

pub(super) fn moment(at: &str) -> Markup {
    html! { time datetime=(at) title=(at) { (day_and_time(at)) } }
}

/// A link only where a click leads to a web page, and nowhere else.
fn link(url: &str) -> Markup {
    if url.starts_with("https://") || url.starts_with("http://") {
        html! { a href=(url) rel="noopener noreferrer nofollow" { (url) } }
    } else {
        html! { span { (url) } }
    }
}

fn pixels(length: f64) -> String {
    format!("{length:.0}")
}

pub(super) fn shortened(hash: &str) -> String {
    match hash.get(..16) {
        Some(start) if hash.len() > 16 => format!("{start}…"),
        _ => hash.to_owned(),
    }
}
