//! One episode that went well, with real evidence in a real store. Tests change it into what they need.

use std::io::Cursor;
use std::sync::Arc;

use deed_proofs::artifact::{ArtifactKind, NewArtifact};
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::*;
use deed_proofs::recorder::Recorder;
use deed_proofs::store::DirectoryStore;
use futures_executor::block_on;
use image::{ImageFormat, Rgb, RgbImage};

/// A store in a temporary folder, and the manifest of an episode whose evidence lies in it.
pub fn episode() -> (tempfile::TempDir, DirectoryStore, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path().join("proofs")).unwrap();
    let recorder = Recorder::new(Arc::new(store.clone())).unwrap();
    for (number, (phase, name)) in STEPS.into_iter().enumerate() {
        let at = at(number);
        let keep = |kind, media_type: &str, bytes| {
            let (step, phase, media_type, at) = (name.into(), phase.into(), media_type.into(), at.clone());
            recorder.keep(NewArtifact { kind, step, phase, media_type, bytes, at });
        };
        keep(ArtifactKind::Screenshot, "image/png", picture(number));
        keep(ArtifactKind::Dom, "text/html", format!("<main><h1>{name}</h1><p>step {number}</p></main>").into_bytes());
    }
    let kept = block_on(recorder.durable()).unwrap();
    let mut manifest = manifest();
    for (number, (phase, name)) in STEPS.into_iter().enumerate() {
        manifest.steps.push(Step {
            index: number as u32,
            phase: phase.into(),
            name: name.into(),
            at: at(number),
            url: Some(format!("https://practice.test/{name}")),
            checks: vec![check(
                "page_is_the_expected_one",
                true,
                "landmarks of the surface",
                "landmarks of the surface",
            )],
            artifacts: kept[number * 2..number * 2 + 2].iter().map(|artifact| artifact.sha256).collect(),
        });
    }
    manifest.artifacts = kept;
    (folder, store, manifest)
}

const STEPS: [(&str, &str); 4] =
    [("identity", "profile"), ("compose", "composer"), ("receipt", "posted"), ("verify", "feed")];

fn at(number: usize) -> String {
    format!("2026-11-20T12:00:{:02}.250Z", number * 3)
}

fn picture(number: usize) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(64, 40, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, number as u8 * 60]));
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// One check of a step.
pub fn check(name: &str, passed: bool, expected: &str, seen: &str) -> Check {
    Check { name: name.into(), passed, expected: expected.into(), seen: seen.into(), note: String::new() }
}

/// The manifest of an episode that went well, without steps and evidence.
pub fn manifest() -> Manifest {
    Manifest {
        version: MANIFEST_VERSION,
        action: ActionFacts {
            action_id: "act_01".into(),
            episode_id: "ep_01".into(),
            client_id: "acme".into(),
            platform: "practice".into(),
            account_id: "acc_ada".into(),
            handle: "ada".into(),
            lane: "browser".into(),
            action_type: "publish.post".into(),
            idempotency_key: "campaign-7/post-1".into(),
        },
        intent: Intent {
            payload_hash: Sha256::of(b"payload"),
            content_hash: Sha256::of(b"content"),
            recipe: RecipeRef { platform: "practice".into(), number: 3, hash: Sha256::of(b"recipe") },
            policy_snapshot_id: "pol_2026_11".into(),
        },
        outcome: Outcome {
            state: "postcheck_complete".into(),
            proof_level: 3,
            error_code: None,
            hold: None,
            platform_object_id: Some("p_8271".into()),
            permalink: Some("https://practice.test/p/8271".into()),
            visibility: Some("public".into()),
        },
        commit_target: Some(CommitTarget {
            element: "post_button".into(),
            agreed: vec!["role button \"Post\"".into(), "css [data-testid=post-submit]".into()],
            dissent: vec!["near below editor, text \"Post\"".into()],
            url: "https://practice.test/compose".into(),
            rect: Rect { x: 812.5, y: 431.0, width: 96.0, height: 36.0 },
            point: Point { x: 861.125, y: 448.7 },
            pressed_at: Some("2026-11-20T12:00:05.117Z".into()),
        }),
        receipt: Some(Receipt {
            sign: "toast “Your post is live”".into(),
            http_status: Some(201),
            object_id: Some("p_8271".into()),
            requests: vec![
                WriteRequest {
                    method: "POST".into(),
                    path: "/api/posts".into(),
                    gate: Gate::LetThrough,
                    status: Some(201),
                },
                WriteRequest { method: "POST".into(), path: "/api/posts".into(), gate: Gate::Blocked, status: None },
            ],
        }),
        verification: vec![
            VerificationRead {
                read: 1,
                at: "2026-11-20T12:00:08.000Z".into(),
                found: Found::Pending,
                note: "in the feed, marked as in review".into(),
                session: "read-only 1".into(),
            },
            VerificationRead {
                read: 2,
                at: "2026-11-20T12:00:28.000Z".into(),
                found: Found::Present,
                note: "first post of the feed, by @ada, same text and media".into(),
                session: "read-only 2".into(),
            },
        ],
        steps: Vec::new(),
        artifacts: Vec::new(),
        audit: vec![
            AuditEntry {
                event_id: "ev_1".into(),
                at: "2026-11-20T12:00:04.900Z".into(),
                status: "attempted".into(),
                hash: Sha256::of(b"ev_1").to_string(),
            },
            AuditEntry {
                event_id: "ev_2".into(),
                at: "2026-11-20T12:00:28.200Z".into(),
                status: "confirmed_success".into(),
                hash: Sha256::of(b"ev_2").to_string(),
            },
        ],
        identity: Some(Identity {
            fingerprint: Fingerprint {
                handle: "ada".into(),
                display_name: Some("Ada Lovelace".into()),
                avatar_hash: "9296b2331f4c8cfc".parse().ok(),
            },
            votes: vec![
                check("handle", true, "@ada", "@ada"),
                check("avatar", true, "at most 8 bits from 9296b2331f4c8cfc", "2 bits away"),
                check("switcher", false, "ada", ""),
            ],
            ok: true,
        }),
        tool: Tool { name: "deed".into(), version: "0.1.0".into(), browser: "Chromium 156".into() },
        pacing_seed: 18_446_744_073_709_551_615,
        recordings: Vec::new(),
        redactions: Vec::new(),
    }
}
