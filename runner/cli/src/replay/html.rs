//! The result as a page: one card a scenario, with the picture of its last step. Self-contained, nothing runs, nothing is loaded.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::replay::Played;

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded and nothing runs, even if a page's text had found a way through the escaping.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole document. `took` is the time on the wall clock, `at` when it began.
pub fn render(all: &[Played], took: Duration, at: &str) -> String {
    let failed = all.iter().filter(|p| !p.passed()).count();
    let headline = if failed == 0 {
        format!("All {} scenarios as expected", all.len())
    } else {
        format!("{failed} of {} scenarios differ", all.len())
    };
    let mut platforms: BTreeMap<&str, Vec<&Played>> = BTreeMap::new();
    for played in all {
        platforms.entry(played.name.split('/').next().unwrap_or_default()).or_default().push(played);
    }
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (headline) " · Deed replay" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header.verdict.(if failed == 0 { "good" } else { "bad" }) {
                        p.eyebrow { "Deed replay" }
                        h1 { (headline) }
                        p.lead {
                            (platforms.len()) @if platforms.len() == 1 { " platform" } @else { " platforms" }
                            " · " (format!("{:.1} s", took.as_secs_f64())) " · " time { (at) }
                        }
                        nav aria-label="Platforms" {
                            @for (platform, played) in &platforms { (chip(platform, played)) }
                        }
                    }
                    @for (platform, played) in &platforms {
                        section id={ "p-" (platform) } {
                            h2 { (platform) }
                            div.cards {
                                // What differs is what is looked for.
                                @for one in played.iter().filter(|p| !p.passed()) { (card(one)) }
                                @for one in played.iter().filter(|p| p.passed()) { (card(one)) }
                            }
                        }
                    }
                }
                footer { p { "Played against fixtures under the platforms' real origins; no request left this machine." } }
            }
        }
    }
    .into_string()
}

fn chip(platform: &str, played: &[&Played]) -> Markup {
    let passed = played.iter().filter(|p| p.passed()).count();
    let tone = if passed == played.len() { "good" } else { "bad" };
    html! { a.chip.(tone) href={ "#p-" (platform) } { (platform) " " strong { (passed) "/" (played.len()) } } }
}

fn card(played: &Played) -> Markup {
    let name = played.name.split_once('/').map_or(played.name.as_str(), |(_, name)| name);
    let (tone, word) = if played.passed() { ("good", "as expected") } else { ("bad", "differs") };
    html! {
        article.card.(tone) {
            @match played.found.as_ref().ok().and_then(|f| f.picture.as_ref()) {
                Some(png) => {
                    img src={ "data:image/png;base64," (PreEscaped(STANDARD.encode(png))) } loading="lazy"
                        alt={ "The last picture of " (name) };
                }
                None => p.blank { "no picture was taken" },
            }
            div.words {
                h3 { (name) }
                p.sign { (word) }
                dl {
                    dt { "came to" } dd { (played.outcome()) }
                    @if !played.passed() { dt { "expected" } dd { (played.expected) } }
                    @if let Ok(found) = &played.found {
                        dt { "account" } dd { (found.account) }
                        dt { "proof level" } dd { (found.level) }
                        dt { "writes" } dd { (found.played.writes) }
                        dt { "requests" } dd { (found.played.requests) }
                        dt { "took" } dd { (format!("{:.2} s", found.took.as_secs_f64())) }
                    }
                }
                @if let Ok(found) = &played.found {
                    p.said { (found.words) }
                    @if !found.kept_home.is_empty() {
                        p.note { "Stopped, because it would have left the recipe's origins: " (found.kept_home.join(", ")) }
                    }
                }
                @if !played.differs.is_empty() {
                    ul.differs { @for difference in &played.differs { li { (difference) } } }
                }
            }
        }
    }
}
