//! Payloads that are too old go, what is left still proves what it says, and nobody can delete by hand under that name. And what was masked
//! can be disclosed and proved, or is not what was masked.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::episode;
use deed_proofs::manifest::{Manifest, MaskedRegion, Redaction};
use deed_proofs::redact::{Disclosed, Disclosure, SALT_BYTES, commitment};
use deed_proofs::retention::{Deletions, Pruned, Rule, prune};
use deed_proofs::store::{DirectoryStore, Store as _};
use deed_proofs::{Sha256, seal, verify};

const NOW: &str = "2027-01-01T00:00:00.000Z";

fn rules(before: &str) -> BTreeMap<String, Rule> {
    BTreeMap::from([("acme".to_owned(), Rule { days: 30, before: before.to_owned() })])
}

/// As if everything had been kept long ago.
fn age(store: &DirectoryStore, manifest: &Manifest) {
    for artifact in &manifest.artifacts {
        if let Ok(file) = File::open(store.object_path(&artifact.sha256)) {
            file.set_modified(SystemTime::now() - Duration::from_secs(40 * 24 * 60 * 60)).unwrap();
        }
    }
}

fn pruned(store: &DirectoryStore, before: &str) -> Pruned {
    prune(store, &rules(before), NOW).unwrap()
}

#[test]
fn what_is_too_old_goes_and_what_is_left_still_holds() {
    let (_folder, store, manifest) = episode();
    let sealed = seal(&store, &manifest).unwrap();
    age(&store, &manifest);
    assert_eq!(pruned(&store, "2026-11-20T12:00:00.000Z"), Pruned::default(), "it is younger than that");
    let gone = pruned(&store, "2026-12-02T00:00:00.000Z");
    assert_eq!((gone.episodes.as_slice(), gone.objects), (&["ep_01".to_owned()][..], manifest.artifacts.len()));
    assert!(manifest.artifacts.iter().all(|a| !store.has(&a.sha256).unwrap()));
    assert_eq!(fs::read(sealed.folder.join("manifest.json")).unwrap(), manifest.to_canonical_json().unwrap());

    let found = verify(&sealed.folder, Some(sealed.manifest)).unwrap();
    assert_eq!((found.problems.as_slice(), found.deleted), (&[][..], manifest.artifacts.len()));
    let deletions: Deletions = serde_json::from_slice(&fs::read(sealed.folder.join("deleted.json")).unwrap()).unwrap();
    assert_eq!(deletions.manifest, sealed.manifest);
    assert!(deletions.deleted.iter().all(|d| d.at == NOW && d.rule.contains("acme") && d.rule.contains("30 days")));
    let report = fs::read_to_string(sealed.folder.join("report.html")).unwrap();
    assert!(!report.contains("data:image"), "nor are they left in the report");
    let sums = std::process::Command::new("sha256sum")
        .args(["-c", "SHA256SUMS"])
        .current_dir(&sealed.folder)
        .output()
        .unwrap();
    assert!(sums.status.success(), "{sums:?}");
    assert_eq!(pruned(&store, "2026-12-02T00:00:00.000Z"), Pruned::default(), "once");
}

#[test]
fn an_object_that_another_episode_has_a_right_to_stays_until_the_last() {
    let (_folder, store, manifest) = episode();
    let first = seal(&store, &manifest).unwrap();
    let mut other = manifest.clone();
    other.action.episode_id = "ep_02".into();
    other.action.client_id = "another".into();
    // Both show the same profile, and nothing else that is the same.
    let shared = manifest.artifacts[0].sha256;
    other.artifacts.truncate(1);
    other.steps.truncate(1);
    other.steps[0].artifacts = vec![shared];
    let second = seal(&store, &other).unwrap();
    age(&store, &manifest);
    let gone = pruned(&store, "2026-12-02T00:00:00.000Z");
    assert_eq!(gone.objects, manifest.artifacts.len() - 1);
    assert!(store.has(&shared).unwrap(), "the other client's is kept for ever");
    for (folder, deleted) in [(&first.folder, manifest.artifacts.len() - 1), (&second.folder, 0)] {
        let found = verify(folder, None).unwrap();
        assert_eq!((found.problems.as_slice(), found.deleted), (&[][..], deleted));
    }
    let mut both = rules("2026-12-02T00:00:00.000Z");
    both.insert("another".into(), Rule { days: 7, before: "2026-12-25T00:00:00.000Z".into() });
    assert_eq!(prune(&store, &both, NOW).unwrap().objects, 1);
    for (folder, deleted) in [(&first.folder, manifest.artifacts.len()), (&second.folder, 1)] {
        let found = verify(folder, None).unwrap();
        assert_eq!((found.problems.as_slice(), found.deleted), (&[][..], deleted));
    }
}

#[test]
fn what_is_open_or_was_kept_just_now_stays() {
    let (_folder, store, mut manifest) = episode();
    manifest.outcome.state = "unknown".into();
    seal(&store, &manifest).unwrap();
    age(&store, &manifest);
    assert_eq!(pruned(&store, "2026-12-02T00:00:00.000Z"), Pruned::default(), "its outcome is open");
    manifest.outcome.state = "confirmed_failed".into();
    seal(&store, &manifest).unwrap();
    // Kept again: another episode, which has no manifest yet, shows the same.
    let bytes = store.get(&manifest.artifacts[0].sha256).unwrap();
    store.put(&bytes).unwrap();
    assert_eq!(pruned(&store, "2026-12-02T00:00:00.000Z").objects, manifest.artifacts.len() - 1);
    assert!(store.has(&manifest.artifacts[0].sha256).unwrap());
}

fn changed(folder: &Path, change: impl FnOnce(&mut Deletions)) -> Vec<String> {
    let path = folder.join("deleted.json");
    let before = fs::read(&path).unwrap();
    let mut deletions: Deletions = serde_json::from_slice(&before).unwrap();
    change(&mut deletions);
    fs::write(&path, deletions.to_json().unwrap()).unwrap();
    let problems = verify(folder, None).unwrap().problems.into_iter().map(|p| p.file).collect();
    fs::write(&path, before).unwrap();
    problems
}

#[test]
fn a_deletion_that_nobody_wrote_down_is_found_and_so_is_a_changed_one() {
    let (_folder, store, manifest) = episode();
    let sealed = seal(&store, &manifest).unwrap();
    age(&store, &manifest);
    pruned(&store, "2026-12-02T00:00:00.000Z");
    assert!(!changed(&sealed.folder, |d| d.deleted[0].at = "2020-01-01T00:00:00.000Z".into()).is_empty());
    assert!(!changed(&sealed.folder, |d| drop(d.deleted.pop())).is_empty(), "one that is gone and not listed");
    assert!(!changed(&sealed.folder, |d| d.manifest = Sha256::of(b"another")).is_empty());
    assert!(!changed(&sealed.folder, |d| d.deleted[0].sha256 = Sha256::of(b"another")).is_empty());
    assert_eq!(changed(&sealed.folder, |_| {}), [""; 0]);
}

#[test]
fn what_was_masked_can_be_proved_and_nothing_else() {
    let (_folder, _store, mut manifest) = episode();
    let (salt, content) = ([7; SALT_BYTES], b"see you at six");
    let region = MaskedRegion::Document("body > p:nth-child(1)".into());
    let sha256 = manifest.artifacts[1].sha256;
    let committed = commitment(&salt, content);
    manifest.redactions.push(Redaction {
        sha256,
        kind: "message".into(),
        region: region.clone(),
        commitment: committed,
    });
    let read = Manifest::from_json(&manifest.to_canonical_json().unwrap()).unwrap();
    assert_eq!(read, manifest);
    let disclosure = |content: &str, sha256| Disclosure {
        episode_id: "ep_01".into(),
        sha256,
        kind: "message".into(),
        region: region.clone(),
        commitment: committed,
        salt: "07".repeat(SALT_BYTES),
        content: content.into(),
    };
    let (right, wrong) = ("c2VlIHlvdSBhdCBzaXg=", "c2VlIHlvdSBhdCB0ZW4=");
    assert_eq!(disclosure(right, sha256).check(&manifest), Disclosed::Proved);
    assert_eq!(disclosure(wrong, sha256).check(&manifest), Disclosed::NotWhatWasHidden);
    assert_eq!(disclosure(right, manifest.artifacts[0].sha256).check(&manifest), Disclosed::NotInManifest);
    let other = Disclosure { salt: "08".repeat(SALT_BYTES), ..disclosure(right, sha256) };
    assert_eq!(other.check(&manifest), Disclosed::NotWhatWasHidden, "the salt is part of it");
    manifest.redactions[0].sha256 = Sha256::of(b"nothing that is listed");
    assert!(manifest.to_canonical_json().is_err());
}
