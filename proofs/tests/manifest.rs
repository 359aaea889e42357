//! The manifest: one byte form, nothing unknown, nothing that contradicts itself.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use common::{episode, manifest};
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::{Hold, Manifest};

#[test]
fn the_byte_form_stands_still() {
    let json = manifest().to_canonical_json().unwrap();
    insta::assert_snapshot!(String::from_utf8(json).unwrap());
}

#[test]
fn what_is_written_is_read_and_written_again_the_same() {
    let (_folder, _store, mut manifest) = episode();
    manifest.outcome.hold = Some(Hold { reason: "quiet_hours".into(), detail: "until morning".into(), until: None });
    // Numbers that a careless reader of JSON changes in the last bit.
    if let Some(target) = &mut manifest.commit_target {
        target.rect.x = 0.1 + 0.2;
        target.rect.y = 1e-17;
        target.point.x = 123_456.789_012_345_67;
        target.point.y = -0.0;
    }
    let json = manifest.to_canonical_json().unwrap();
    let read = Manifest::from_json(&json).unwrap();
    assert_eq!(read, manifest);
    assert_eq!(read.to_canonical_json().unwrap(), json);
    assert!(json.ends_with(b"}\n"));
}

#[test]
fn unknown_fields_and_versions_are_refused() {
    let json = String::from_utf8(manifest().to_canonical_json().unwrap()).unwrap();
    for (from, to, code) in [
        ("\"version\": 1,", "\"version\": 2, \"later\": true,", "manifest-version"),
        ("\"version\": 1,", "\"version\": 1, \"later\": true,", "manifest-malformed"),
        ("\"lane\": ", "\"track\": 1, \"lane\": ", "manifest-malformed"),
        ("\"http_status\": 201", "\"http_status\": 70000", "manifest-malformed"),
        ("let_through", "waved_through", "manifest-malformed"),
        ("\"proof_level\": 3", "\"proof_level\": 4", "manifest-contradiction"),
        ("}\n", "", "manifest-malformed"),
    ] {
        let changed = json.replace(from, to);
        assert_ne!(changed, json, "{from}");
        assert_eq!(Manifest::from_json(changed.as_bytes()).unwrap_err().code(), code, "{from} → {to}");
    }
}

#[test]
fn an_episode_name_that_is_a_path_is_refused() {
    for name in ["", ".", "..", "../ep", "a/b", ".tmp-1", "a b", "ä", "a\0", &"x".repeat(129)] {
        let mut manifest = manifest();
        manifest.action.episode_id = name.into();
        assert_eq!(manifest.to_canonical_json().unwrap_err().code(), "manifest-contradiction", "{name:?}");
    }
}

#[test]
fn contradictions_are_refused() {
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 5] = [
        ("which is not listed", |manifest| manifest.steps[0].artifacts.push(Sha256::of(b"never kept"))),
        ("DOM", |manifest| manifest.artifacts[0].dom = manifest.artifacts[1].dom),
        ("DOM", |manifest| manifest.artifacts[1].dom = None),
        ("not finite", |manifest| manifest.commit_target.iter_mut().for_each(|target| target.rect.width = f64::NAN)),
        ("proof level", |manifest| manifest.outcome.proof_level = 4),
    ];
    for (what, change) in changes {
        let (_folder, _store, mut manifest) = episode();
        change(&mut manifest);
        let error = manifest.to_canonical_json().unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}
