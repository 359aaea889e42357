//! The manifest: one byte form, nothing unknown, nothing that contradicts itself.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use common::{episode, manifest};
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::{Hold, Manifest, MaskedRegion, Recording, Rect, Redaction, schema};
use serde_json::{Value, json};

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
        ("\"version\": 2,", "\"version\": 3, \"later\": true,", "manifest-version"),
        ("\"version\": 2,", "\"version\": 0,", "manifest-version"),
        ("\"version\": 2,", "\"version\": 2, \"later\": true,", "manifest-malformed"),
        ("\"version\": 2,", "\"version\": 1,", "manifest-contradiction"),
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

/// A manifest of the first release, and what it was as bytes.
#[test]
fn version_1_is_read_and_written_as_it_was() {
    let bytes = include_bytes!("manifests/version-1.json");
    let manifest = Manifest::from_json(bytes).unwrap();
    assert_eq!((manifest.version, manifest.dedupe.is_none()), (1, true));
    assert_eq!(manifest.to_canonical_json().unwrap(), bytes);
}

/// All that a manifest can hold.
fn full() -> Manifest {
    let (_folder, _store, mut manifest) = episode();
    let first = manifest.artifacts[0].sha256;
    if let Some(target) = &mut manifest.commit_target {
        target.picture = Some(first);
    }
    if let Some(identity) = &mut manifest.identity {
        identity.evidence = vec![first];
    }
    let redaction = |kind: &str, region| {
        let commitment = Sha256::of(b"salt and what stood there");
        Redaction { sha256: first, kind: kind.into(), region, commitment }
    };
    manifest.redactions = vec![
        redaction("message", MaskedRegion::Picture(Rect { x: 1.5, y: 2.0, width: 30.0, height: 40.0 })),
        redaction("secret", MaskedRegion::Document("html>body>main>p:nth-of-type(2)".into())),
    ];
    manifest.recordings = vec![Recording {
        sha256: first,
        media_type: "video/webm".into(),
        frames: 40,
        duration_ms: 4_000,
        commit_at_ms: Some(2_500),
    }];
    manifest.signer = Some(Sha256::of(b"key"));
    manifest.outcome.hold = Some(Hold {
        reason: "quiet_hours".into(),
        detail: "until morning".into(),
        until: Some("2026-11-21T06:00:00.000Z".into()),
    });
    manifest.outcome.error_code = Some("quiet_hours".into());
    manifest
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn value(manifest: &Manifest) -> Value {
    serde_json::from_slice(&manifest.to_canonical_json().unwrap()).unwrap()
}

#[test]
fn what_is_written_is_what_the_published_schema_says() {
    let validator = validator();
    let old: Value = serde_json::from_slice(include_bytes!("manifests/version-1.json")).unwrap();
    for (what, manifest) in [("old", old), ("plain", value(&manifest())), ("full", value(&full()))] {
        let errors: Vec<_> =
            validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{what}: {errors:#?}");
    }
    assert_eq!(Manifest::from_json(&full().to_canonical_json().unwrap()).unwrap(), full());
}

#[test]
fn the_schema_refuses_what_reading_refuses() {
    let validator = validator();
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 6] = [
        ("an unknown field", |manifest| manifest["later"] = json!(true)),
        ("an unknown field below", |manifest| manifest["tool"]["later"] = json!(true)),
        ("a missing field", |manifest| drop(manifest.as_object_mut().map(|all| all.remove("steps")))),
        ("a hash of another form", |manifest| manifest["intent"]["payload_hash"] = json!("abc")),
        ("an unknown outcome", |manifest| manifest["verification"][0]["found"] = json!("maybe")),
        ("a redaction of both kinds", |manifest| manifest["redactions"][0]["region"]["path"] = json!("html")),
    ];
    for (what, change) in changes {
        let mut manifest = value(&full());
        change(&mut manifest);
        assert!(!validator.is_valid(&manifest), "{what}");
        let json = serde_json::to_vec(&manifest).unwrap();
        assert!(Manifest::from_json(&json).is_err(), "{what}");
    }
}

/// `DEED_WRITE_SCHEMA=1` writes the file; without it, the two are compared.
#[test]
fn the_schema_file_is_the_printed_schema() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/manifest.schema.json");
    if std::env::var_os("DEED_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, schema()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, schema(), "write it again: DEED_WRITE_SCHEMA=1 cargo test -p deed-proofs schema");
}

#[test]
fn what_a_manifest_names_is_listed_in_it() {
    type Change = fn(&mut Manifest);
    let changes: [Change; 4] = [
        |manifest| manifest.redactions[0].sha256 = Sha256::of(b"never kept"),
        |manifest| manifest.recordings[0].sha256 = Sha256::of(b"never kept"),
        |manifest| manifest.identity.iter_mut().for_each(|identity| identity.evidence.push(Sha256::of(b"never kept"))),
        |manifest| {
            manifest.commit_target.iter_mut().for_each(|target| target.picture = Some(Sha256::of(b"never kept")))
        },
    ];
    for change in changes {
        let mut manifest = full();
        change(&mut manifest);
        let error = manifest.to_canonical_json().unwrap_err();
        assert!(error.to_string().contains("is not listed"), "{error}");
    }
}
