//! The report: the outcome in the right words, everything escaped, nothing that runs or loads.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use common::{check, episode, manifest};
use deed_proofs::artifact::{ArtifactKind, ArtifactRef};
use deed_proofs::dom_hashes;
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::{Found, Hold, Manifest};
use deed_proofs::report::render;
use deed_proofs::store::Store as _;

fn page(manifest: &Manifest) -> String {
    render(manifest, &|_| None, None)
}

/// The text of the first element with this tag.
fn text_of<'a>(page: &'a str, tag: &str) -> &'a str {
    page.split_once(&format!("<{tag}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")))
        .map_or("", |(text, _)| text)
}

/// A change of this snapshot is a change of the rendering: raise `report::RENDERER` with it once a release has written reports.
#[test]
fn the_rendering_stands_still() {
    let (_folder, store, manifest) = episode();
    let page = render(&manifest, &|sha256| store.get(sha256).ok(), None);
    let (head, body) = page.split_once("<body>").unwrap();
    let head = Sha256::of(head.as_bytes());
    insta::assert_snapshot!(format!("head and style: {head}\n{}", body.replace("><", ">\n<")));
}

#[test]
fn the_outcome_is_said_in_words() {
    type Change = fn(&mut Manifest);
    let hold = |reason: &str| Some(Hold { reason: reason.into(), detail: "the reason in words".into(), until: None });
    let cases: [(&str, Change, &str, &str); 9] = [
        ("good", |_| {}, "Posted once, seen on the platform", "read-only session"),
        (
            "good",
            |m| m.outcome.visibility = Some("pending_review".into()),
            "Posted once, waiting for the platform’s review",
            "",
        ),
        ("good", |m| m.action.action_type = "delete.post".into(), "Deleted once, no longer on the platform", ""),
        ("unknown", |m| m.outcome.state = "unknown".into(), "Unknown: it may or may not have happened", "pressed once"),
        (
            "unknown",
            |m| m.outcome.proof_level = 1,
            "Unknown: it may or may not have happened",
            "It will not be tried again",
        ),
        (
            "bad",
            |m| {
                (m.outcome.state, m.outcome.error_code) =
                    ("confirmed_failed".into(), Some("not_found_after_attempt".into()))
            },
            "Failed: it is not on the platform",
            "new order",
        ),
        (
            "bad",
            |m| {
                (m.outcome.state, m.outcome.error_code) = ("confirmed_failed".into(), Some("duplicate_content".into()));
                (m.commit_target, m.outcome.proof_level) = (None, 0);
            },
            "Not done: the same content was already there",
            "so nothing was",
        ),
        (
            "bad",
            |m| m.outcome.error_code = Some("media_rejected".into()),
            "Failed: media rejected",
            "known not to have happened",
        ),
        ("waiting", |m| m.outcome.state = "cancelled".into(), "Cancelled", ""),
    ];
    for (tone, change, headline, detail) in cases {
        let mut manifest = manifest();
        change(&mut manifest);
        let page = page(&manifest);
        assert_eq!(text_of(&page, "h1"), headline);
        assert!(page.contains(&format!("<header class=\"verdict {tone}\">")), "{headline}");
        assert!(page.contains(detail), "{headline}: {detail}");
    }
    for (reason, headline) in [
        ("kill_switch", "Held: a kill switch is on"),
        ("wrong_account", "Held: another account was signed in"),
        ("quiet_hours", "Held: quiet hours"),
    ] {
        let mut manifest = manifest();
        (manifest.outcome.state, manifest.outcome.proof_level) = ("queued".into(), 0);
        (manifest.outcome.hold, manifest.commit_target) = (hold(reason), None);
        let page = page(&manifest);
        assert_eq!(text_of(&page, "h1"), headline);
        assert!(page.contains("The reason in words. Nothing was pressed. It waits for a person."), "{page}");
    }
}

#[test]
fn marks_are_words_and_not_colours_alone() {
    let (_folder, _store, mut manifest) = episode();
    manifest.steps[1].checks.push(check("text_in_composer", false, "Hello", "Hell"));
    manifest.verification[0].found = Found::Absent;
    let page = page(&manifest);
    for words in [
        "✓ passed",
        "✕ failed",
        "1 of 2 checks failed",
        "✓ present",
        "✕ absent",
        "→ let through",
        "✕ blocked",
        "✓ agreed",
        "✕ dissent",
        "✓ proved",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn everything_from_outside_is_escaped() {
    let (_folder, _store, manifest) = episode();
    let attack = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;'";
    let json = String::from_utf8(manifest.to_canonical_json().unwrap()).unwrap();
    let quoted = serde_json::to_string(attack).unwrap();
    let inner = &quoted[1..quoted.len() - 1];
    // Every text value of the manifest is the attack, except those whose form is checked.
    let mut attacked = 0;
    let attacked_json: String = json
        .lines()
        .map(|line| {
            let free = line.trim_end_matches(',').ends_with('"')
                && line.contains(": \"")
                && ![
                    "hash\"",
                    "sha256",
                    "\"kind",
                    "\"raw",
                    "structure",
                    "sketch",
                    "\"gate",
                    "\"found",
                    "episode_id",
                    "media_type",
                    "binding",
                    "public_key",
                ]
                .iter()
                .any(|name| line.contains(name));
            if !free {
                return format!("{line}\n");
            }
            attacked += 1;
            let (name, _) = line.split_once(": ").unwrap();
            format!("{name}: \"{inner}\"{}\n", if line.ends_with(',') { "," } else { "" })
        })
        .collect();
    assert!(attacked > 60, "{attacked}");
    let page = page(&Manifest::from_json(attacked_json.as_bytes()).unwrap());
    assert!(!page.contains("<script"));
    assert!(!page.contains("<img"));
    assert!(!page.contains("\"><script"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn nothing_runs_and_nothing_is_loaded() {
    let (_folder, store, manifest) = episode();
    let page = render(&manifest, &|sha256| store.get(sha256).ok(), None);
    assert!(page.contains("default-src 'none'"));
    for loading in ["<script", "<link", "<iframe", "<object", "@import", "url(", " on", "javascript:"] {
        let hits: Vec<_> = page.match_indices(loading).map(|(at, _)| &page[at..(at + 12).min(page.len())]).collect();
        let text = hits.iter().filter(|hit| !hit.starts_with(" on") || hit.contains('=')).count();
        assert_eq!(text, 0, "{loading}: {hits:?}");
    }
    let sources: Vec<&str> = page.split("src=\"").skip(1).chain(page.split("<image ").skip(1)).collect();
    assert_eq!(sources.len(), 4);
    assert!(sources.iter().all(|source| source.split('>').next().unwrap().contains("data:image/png;base64,")));
    let uses: Vec<&str> = page.split("<use href=\"").skip(1).collect();
    assert!(uses.len() == 2 && uses.iter().all(|used| used.starts_with("#drawn-")), "{uses:?}");
}

#[test]
fn a_permalink_that_is_no_web_address_is_no_link() {
    let mut manifest = manifest();
    manifest.outcome.permalink = Some("javascript:alert(1)".into());
    assert!(!page(&manifest).contains("href=\"javascript"));
}

#[test]
fn a_picture_is_embedded_once_and_a_missing_one_is_said_to_be_missing() {
    let (_folder, store, mut manifest) = episode();
    let first = manifest.steps[0].artifacts[0];
    manifest.steps[1].artifacts.push(first);
    let page = render(&manifest, &|sha256| store.get(sha256).ok(), None);
    assert_eq!(page.matches("data:image/png;base64,").count(), 4);
    assert!(page.contains("The same picture as above"));
    let page = render(&manifest, &|_| None, None);
    assert_eq!(page.matches("The picture is missing from the store.").count(), 7);
}

#[test]
fn evidence_that_is_no_picture_is_not_shown_as_one() {
    let (_folder, store, mut manifest) = episode();
    manifest.artifacts[0].media_type = "image/svg+xml".into();
    let page = render(&manifest, &|sha256| store.get(sha256).ok(), None);
    assert_eq!(page.matches("data:image/png;base64,").count(), 3);
    assert!(!page.contains("data:image/svg"));
}

#[test]
fn before_and_after_the_press_stand_side_by_side_with_what_changed() {
    let (_folder, store, mut manifest) = episode();
    let keep = |kind, media_type: &str, bytes: &[u8]| {
        let dom = (kind == ArtifactKind::Dom).then(|| dom_hashes(&String::from_utf8_lossy(bytes)));
        let (step, phase, at) = ("x".into(), "x".into(), "2026-11-20T12:00:00Z".into());
        let (sha256, bytes) = (store.put(bytes).unwrap(), bytes.len() as u64);
        ArtifactRef { sha256, kind, step, phase, media_type: media_type.into(), bytes, at, dom }
    };
    let shot = |dark: bool| {
        let canvas = image::RgbImage::from_fn(320, 200, |x, y| {
            image::Rgb(if dark && (100..140).contains(&x) && (40..60).contains(&y) { [0; 3] } else { [250; 3] })
        });
        let mut png = std::io::Cursor::new(Vec::new());
        canvas.write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    };
    let page = "<main><form id=compose><button name=post>Post</button></form></main>";
    let after = page.replace("</main>", "<div role=status>Live</div></main>");
    let evidence = [
        keep(ArtifactKind::Screenshot, "image/png", &shot(false)),
        keep(ArtifactKind::Dom, "text/html", page.as_bytes()),
        keep(ArtifactKind::Screenshot, "image/png", &shot(true)),
        keep(ArtifactKind::Dom, "text/html", after.as_bytes()),
    ];
    manifest.steps[1].artifacts = evidence[..2].iter().map(|artifact| artifact.sha256).collect();
    manifest.steps[2].artifacts = evidence[2..].iter().map(|artifact| artifact.sha256).collect();
    manifest.artifacts.extend(evidence);
    let page = render(&manifest, &|sha256| store.get(sha256).ok(), None);
    let (_, section) = page.split_once("<section id=\"change\">").unwrap();
    let section = section.split("</section>").next().unwrap();
    for part in [
        "in 1 place, framed in both",
        "<rect class=\"frame\" x=\"96\" y=\"32\" width=\"48\" height=\"32\"",
        "with 1 changed place framed",
        "+ appeared",
        "div[role=&quot;status&quot;]</code> in <code>main",
    ] {
        assert!(section.contains(part), "{part}: {section}");
    }
    assert_eq!(section.matches("class=\"frame\"").count(), 2);

    let absent = render(&manifest, &|_| None, None);
    assert!(absent.contains("The picture is missing from the store."));
    manifest.steps.remove(2);
    assert!(
        !render(&manifest, &|sha256| store.get(sha256).ok(), None).contains("id=\"change\""),
        "nothing after the press"
    );
}

#[test]
fn who_vouches_is_said_and_what_is_not_known_yet_as_well() {
    let (_folder, _store, mut manifest) = episode();
    let unsigned = page(&manifest);
    assert!(unsigned.contains("Not signed.") && !unsigned.contains("Deleted by rule"));
    assert!(unsigned.contains("<strong>ben</strong>") && unsigned.contains("✓ holds"));
    let key = Sha256::of(b"the key");
    manifest.signer = Some(key);
    manifest.intent.approvals[0].at = "2026-11-20T11:58:00.000Z".into();
    let signed = page(&manifest);
    assert!(signed.contains(&key.to_string()) && signed.contains("✕ does not hold"), "another time than was signed");
    manifest.intent.approvals.clear();
    assert!(page(&manifest).contains("nobody had to approve"));
}
