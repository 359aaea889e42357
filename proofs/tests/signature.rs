//! A signed episode: whose it is, what it is of, and that neither can be exchanged unseen.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use common::episode;
use deed_proofs::keys::{KeyHistory, KeyStore, SigningKey};
use deed_proofs::manifest::Manifest;
use deed_proofs::store::DirectoryStore;
use deed_proofs::verify::SignatureGuard;
use deed_proofs::{Expected, SealedEpisode, Sha256, Signer, Verification, seal, seal_signed, verify, verify_against};
use serde_json::Value;

/// Before and after the episode of the tests, which is of 2026-11-20T12:00.
const BEFORE: &str = "2026-11-20T11:00:00.000Z";
const AFTER: &str = "2026-11-20T13:00:00.000Z";

struct Signed {
    _folder: tempfile::TempDir,
    store: DirectoryStore,
    manifest: Manifest,
    keys: KeyStore,
    sealed: SealedEpisode,
}

fn signed() -> Signed {
    let (folder, store, manifest) = episode();
    let keys = KeyStore::at(folder.path().join("config/signing.key"));
    let sealed = sign(&store, &manifest, &keys);
    Signed { _folder: folder, store, manifest, keys, sealed }
}

fn sign(store: &DirectoryStore, manifest: &Manifest, keys: &KeyStore) -> SealedEpisode {
    let (key, history) = keys.open_or_create(BEFORE).unwrap();
    seal_signed(store, manifest, Some(Signer { key: &key, keys: &history })).unwrap()
}

fn names(found: &Verification) -> Vec<&str> {
    found.problems.iter().map(|problem| problem.file.as_str()).collect()
}

fn against(folder: &Path, keys: &KeyHistory) -> Verification {
    verify_against(folder, &Expected { keys: Some(keys), signed: true, ..Expected::default() }).unwrap()
}

fn stranger() -> (tempfile::TempDir, KeyStore) {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyStore::at(folder.path().join("signing.key"));
    (folder, keys)
}

#[test]
fn it_holds_with_its_key_and_says_so_where_nobody_knows_the_key() {
    let signed = signed();
    let keys = signed.keys.history().unwrap().unwrap();
    let id = keys.keys[0].id;
    let known = against(&signed.sealed.folder, &keys);
    assert_eq!((known.problems, known.signature), (vec![], SignatureGuard::Known(id)));
    let nobodys = verify(&signed.sealed.folder, None).unwrap();
    assert_eq!((nobodys.problems, nobodys.signature), (vec![], SignatureGuard::Unknown(id)));
    assert_eq!(nobodys.checked, 5 + signed.manifest.artifacts.len());
    assert_eq!(sign(&signed.store, &signed.manifest, &signed.keys), signed.sealed, "the same gives the same bytes");

    let sums =
        Command::new("sha256sum").args(["-c", "--strict", "SHA256SUMS"]).current_dir(&signed.sealed.folder).output();
    let sums = sums.unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    assert_eq!(String::from_utf8_lossy(&sums.stdout).lines().count(), 4 + signed.manifest.artifacts.len());
}

/// Somebody who rewrites everything consistently and signs it: the verifier's key is what catches it.
#[test]
fn what_somebody_else_signed_again_is_refused_and_named() {
    let signed = signed();
    let trusted = signed.keys.history().unwrap().unwrap();
    let mut forged = signed.manifest.clone();
    forged.outcome.platform_object_id = Some("p_6666".into());
    let (_folder, mallory) = stranger();
    let forged = sign(&signed.store, &forged, &mallory);
    assert!(verify(&forged.folder, None).unwrap().holds(), "anybody can sign with a key of their own");
    let found = against(&forged.folder, &trusted);
    assert_eq!((names(&found), found.signature), (vec!["manifest.dsse.json"], SignatureGuard::Nothing));
    assert!(found.problems[0].what.contains("a key that is not known"), "{found:?}");
}

/// The honest envelope beside a rewritten manifest: it is of another one.
#[test]
fn a_manifest_that_is_not_the_signed_one_is_named() {
    let signed = signed();
    let trusted = signed.keys.history().unwrap().unwrap();
    let envelope = fs::read(signed.sealed.folder.join("manifest.dsse.json")).unwrap();
    let mut forged = signed.manifest.clone();
    forged.outcome.platform_object_id = Some("p_6666".into());
    let forged = sign(&signed.store, &forged, &signed.keys);
    let path = forged.folder.join("manifest.dsse.json");
    let theirs = fs::read(&path).unwrap();
    fs::write(&path, &envelope).unwrap();
    let sums = fs::read_to_string(forged.folder.join("SHA256SUMS")).unwrap();
    let fitting = sums.replace(&Sha256::of(&theirs).to_string(), &Sha256::of(&envelope).to_string());
    assert_ne!(sums, fitting);
    fs::write(forged.folder.join("SHA256SUMS"), fitting).unwrap();
    for found in [against(&forged.folder, &trusted), verify(&forged.folder, None).unwrap()] {
        assert_eq!(names(&found), ["manifest.json"], "{found:?}");
        assert_eq!(found.signature, SignatureGuard::Nothing);
    }
}

#[test]
fn a_signature_that_was_taken_away_is_missed() {
    let signed = signed();
    let trusted = signed.keys.history().unwrap().unwrap();
    for file in ["manifest.dsse.json", "keys.json"] {
        let path = signed.sealed.folder.join(file);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(names(&verify(&signed.sealed.folder, None).unwrap()).contains(&file), "{file}");
        fs::write(&path, bytes).unwrap();
    }
    // A proof that was never signed holds by itself, and not where a signature is asked for.
    let plain = seal(&signed.store, &signed.manifest).unwrap();
    assert!(verify(&plain.folder, None).unwrap().holds());
    assert_eq!(names(&against(&plain.folder, &trusted)), ["manifest.dsse.json"]);
}

#[test]
fn every_changed_byte_of_signature_and_keys_is_found_and_named() {
    let signed = signed();
    let trusted = signed.keys.history().unwrap().unwrap();
    for file in ["manifest.dsse.json", "keys.json"] {
        let path = signed.sealed.folder.join(file);
        let bytes = fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).unwrap();
            for found in [against(&signed.sealed.folder, &trusted), verify(&signed.sealed.folder, None).unwrap()] {
                assert!(names(&found).contains(&file), "byte {place} of {file}: {found:?}");
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(against(&signed.sealed.folder, &trusted).holds());
}

#[test]
fn old_proof_holds_after_a_rotation_and_new_proof_for_who_knows_the_old_key() {
    let signed = signed();
    let early = signed.keys.history().unwrap().unwrap();
    let later = signed.keys.rotate(AFTER).unwrap();
    assert_eq!(against(&signed.sealed.folder, &later).signature, SignatureGuard::Known(early.keys[0].id));

    // Of the day after, so that the new key's time has come; and somebody who kept the first key only.
    let again = sign(&signed.store, &signed.manifest, &signed.keys);
    assert_eq!(against(&again.folder, &early).signature, SignatureGuard::Known(later.keys[1].id), "it is led to it");
    let newest = KeyHistory::begin(later.keys[1].public_key, AFTER);
    sign(&signed.store, &signed.manifest, &signed.keys);
    assert!(against(&again.folder, &newest).holds());
}

#[test]
fn a_retired_key_signs_nothing_that_came_later() {
    let signed = signed();
    let (old, _) = signed.keys.open_or_create(BEFORE).unwrap();
    // Retired before what the manifest tells of was over; whoever has the old key signs with it all the same.
    let history = signed.keys.rotate("2026-11-20T12:00:10.000Z").unwrap();
    let mut stale = history.clone();
    stale.keys.truncate(1);
    let sealed = seal_signed(&signed.store, &signed.manifest, Some(Signer { key: &old, keys: &stale })).unwrap();
    let found = against(&sealed.folder, &history);
    assert_eq!(names(&found), ["manifest.dsse.json"]);
    assert!(found.problems[0].what.contains("retired"), "{found:?}");
}

#[test]
fn an_approval_that_nobody_signed_is_found() {
    let signed = signed();
    let mut forged = signed.manifest.clone();
    forged.intent.approvals[0].approver = "eve".into();
    let forged = sign(&signed.store, &forged, &signed.keys);
    let found = verify(&forged.folder, Some(forged.manifest)).unwrap();
    assert_eq!(names(&found), ["manifest.json"]);
    assert!(found.problems[0].what.contains("eve"), "{found:?}");
}

/// What a stranger with a shell finds: the signature over DSSE's encoding, by the key in the file, with openssl.
#[test]
fn openssl_agrees() {
    let signed = signed();
    let envelope: Value =
        serde_json::from_slice(&fs::read(signed.sealed.folder.join("manifest.dsse.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let payload = BASE64.decode(text(&envelope["payload"])).unwrap();
    let kind = text(&envelope["payloadType"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let encoded = [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), &payload].concat();
    fs::write(at.join("message"), encoded).unwrap();
    fs::write(at.join("signature"), BASE64.decode(text(&envelope["signatures"][0]["sig"])).unwrap()).unwrap();
    let (key, _): (SigningKey, _) = signed.keys.open_or_create(BEFORE).unwrap();
    fs::write(at.join("key.pem"), key.public().to_pem()).unwrap();
    let arguments = "pkeyutl -verify -pubin -inkey key.pem -rawin -in message -sigfile signature";
    let said = Command::new("openssl").args(arguments.split(' ')).current_dir(at).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let der = Command::new("openssl").args("pkey -pubin -in key.pem -outform DER".split(' ')).current_dir(at).output();
    assert_eq!(Sha256::of(&der.unwrap().stdout).to_string(), text(&envelope["signatures"][0]["keyid"]));

    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["subject"][0]["name"], "manifest.json");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], signed.sealed.manifest.to_string());
    let objects: std::collections::BTreeSet<_> = signed.manifest.artifacts.iter().map(|one| one.sha256).collect();
    assert_eq!(statement["subject"].as_array().unwrap().len(), 1 + objects.len());
}
