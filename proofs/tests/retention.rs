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
use deed_proofs::signature::Envelope;
use deed_proofs::store::{DirectoryStore, Store as _};
use deed_proofs::{
    Expected, KeyHistory, KeyStore, Sha256, Signer, SigningKey, Verification, seal, seal_signed, verify, verify_against,
};

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
    prune(store, &rules(before), NOW, None, None).unwrap()
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
    assert_eq!(prune(&store, &both, NOW, None, None).unwrap().objects, 1);
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

/// An episode that was sealed by a key of its own, and is old.
struct Signed {
    _folder: tempfile::TempDir,
    store: DirectoryStore,
    manifest: Manifest,
    keys: KeyStore,
    episode: std::path::PathBuf,
}

impl Signed {
    fn new() -> Self {
        let (folder, store, manifest) = episode();
        let keys = KeyStore::at(folder.path().join("config/signing.key"));
        let (key, history) = keys.open_or_create("2026-11-01T00:00:00.000Z").unwrap();
        let sealed = seal_signed(&store, &manifest, Some(Signer { key: &key, keys: &history })).unwrap();
        age(&store, &manifest);
        Self { _folder: folder, store, manifest, keys, episode: sealed.folder }
    }

    fn prune(&self) -> Pruned {
        let (key, keys) = self.keys.open_or_create(NOW).unwrap();
        self.prune_by(Some(Signer { key: &key, keys: &keys }))
    }

    fn prune_by(&self, signer: Option<Signer<'_>>) -> Pruned {
        prune(&self.store, &rules("2026-12-02T00:00:00.000Z"), NOW, signer, None).unwrap()
    }

    /// As a stranger who was given the history checks it, and as one who was not.
    fn checked(&self) -> [Verification; 2] {
        let history = self.keys.history().unwrap();
        [history.as_ref(), None]
            .map(|keys| verify_against(&self.episode, &Expected { keys, ..Expected::default() }).unwrap())
    }

    /// What both say of the files of the deletion.
    fn problems(&self) -> Vec<String> {
        let said = self.checked().map(|found| {
            let named = found.problems.iter().filter(|problem| problem.file.starts_with("deleted."));
            named.map(|problem| format!("{}: {}", problem.file, problem.what)).collect::<Vec<_>>()
        });
        assert!(said.iter().all(|said| !said.is_empty()), "both find it: {said:?}");
        said.into_iter().flatten().collect()
    }

    fn deletions(&self) -> Deletions {
        serde_json::from_slice(&self.read("deleted.json")).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.episode.join(name)).unwrap()
    }

    /// Writes what was deleted, signed or not, and the sums so that they agree.
    fn forge(&self, deletions: &Deletions, signer: Option<(&SigningKey, &KeyHistory)>) {
        let json = deletions.to_json().unwrap();
        if let Some((key, keys)) = signer {
            let envelope = Envelope::sign_deletions(deletions, Sha256::of(&json), key).unwrap();
            fs::write(self.episode.join("deleted.dsse.json"), envelope.to_json().unwrap()).unwrap();
            fs::write(self.episode.join("keys.json"), keys.to_json()).unwrap();
        }
        fs::write(self.episode.join("deleted.json"), json).unwrap();
        let sums = String::from_utf8(self.read("SHA256SUMS")).unwrap();
        let lines = sums.lines().map(|line| match line.split_once("  ") {
            Some((_, name)) if self.episode.join(name).exists() => {
                format!("{}  {name}\n", Sha256::of(&self.read(name)))
            }
            _ => format!("{line}\n"),
        });
        fs::write(self.episode.join("SHA256SUMS"), lines.collect::<String>()).unwrap();
    }
}

#[test]
fn what_a_rule_deleted_of_a_signed_episode_is_signed_too() {
    let signed = Signed::new();
    let gone = signed.prune();
    assert_eq!((gone.objects, gone.left.as_slice()), (signed.manifest.artifacts.len(), &[][..]));
    for found in signed.checked() {
        assert_eq!((found.problems.as_slice(), found.deleted), (&[][..], signed.manifest.artifacts.len()));
    }
    assert_eq!(signed.prune(), Pruned::default(), "once");
    let report = String::from_utf8(signed.read("report.html")).unwrap();
    assert!(report.contains("Deleted by rule") && report.contains("8 pieces of evidence"), "{report}");

    // Unsigned, and signed by nobody who is known, whatever the sums say.
    let (envelope, keys) = (signed.read("deleted.dsse.json"), signed.read("keys.json"));
    let honest = signed.deletions();
    let mut earlier = honest.clone();
    earlier.deleted[0].at = "2026-12-24T00:00:00.000Z".into();
    signed.forge(&earlier, None);
    assert!(
        signed.problems().iter().all(|said| said.starts_with("deleted.json: is not what was signed")),
        "{:?}",
        signed.problems()
    );
    fs::remove_file(signed.episode.join("deleted.dsse.json")).unwrap();
    signed.forge(&honest, None);
    assert!(
        signed.problems().iter().any(|said| said.starts_with("deleted.json: is not signed")),
        "{:?}",
        signed.problems()
    );

    fs::write(signed.episode.join("deleted.dsse.json"), &envelope).unwrap();
    signed.forge(&honest, None);
    assert!(signed.checked().iter().all(Verification::holds));
    fs::remove_file(signed.episode.join("deleted.json")).unwrap();
    assert!(
        signed.problems().iter().any(|said| said.starts_with("deleted.json: is missing")),
        "{:?}",
        signed.problems()
    );

    // A key of her own, which she lets introduce the real one: whoever goes by the keys beside the proof must see that, too.
    let (mallory, _) = SigningKey::generate().unwrap();
    let (real, _) = signed.keys.open_or_create(NOW).unwrap();
    let mut led = KeyHistory::begin(mallory.public(), "2026-10-01T00:00:00.000Z");
    led.introduce(&mallory, real.public(), "2026-10-02T00:00:00.000Z").unwrap();
    signed.forge(&earlier, Some((&mallory, &led)));
    assert!(signed.problems().iter().any(|said| said.contains("does not follow the key")), "{:?}", signed.problems());
    fs::write(signed.episode.join("keys.json"), keys).unwrap();
}

#[test]
fn a_later_key_of_the_same_history_signs_a_deletion_and_no_other_does() {
    let signed = Signed::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, others) = KeyStore::at(elsewhere.path().join("signing.key")).open_or_create(NOW).unwrap();
    for signer in [None, Some(Signer { key: &other, keys: &others })] {
        let left = signed.prune_by(signer);
        assert_eq!((left.objects, left.left.as_slice()), (0, &["ep_01".to_owned()][..]), "not by somebody else");
        assert!(signed.store.has(&signed.manifest.artifacts[0].sha256).unwrap());
    }
    let (retired, _) = signed.keys.open_or_create(NOW).unwrap();
    signed.keys.rotate("2026-12-20T00:00:00.000Z").unwrap();
    assert_eq!(signed.prune().objects, signed.manifest.artifacts.len());
    for found in signed.checked() {
        assert_eq!((found.problems.as_slice(), found.deleted), (&[][..], signed.manifest.artifacts.len()));
    }
    // The key that was retired before the deletion vouches for it no more.
    let history = signed.keys.history().unwrap().unwrap();
    signed.forge(&signed.deletions(), Some((&retired, &history)));
    assert!(signed.problems().iter().any(|said| said.contains("retired at 2026-12-20")), "{:?}", signed.problems());
}

#[test]
fn a_deletion_by_hand_is_not_signed_by_the_next_prune() {
    let signed = Signed::new();
    let victim = &signed.manifest.artifacts[0];
    let bytes = signed.store.get(&victim.sha256).unwrap();
    fs::remove_file(signed.store.object_path(&victim.sha256)).unwrap();
    let by_hand = Deletions {
        version: Deletions::VERSION,
        episode_id: "ep_01".into(),
        manifest: Sha256::of(&signed.read("manifest.json")),
        deleted: vec![deed_proofs::retention::Deleted {
            sha256: victim.sha256,
            at: "2026-11-21T00:00:00.000Z".into(),
            rule: "because I say so".into(),
        }],
    };
    fs::write(signed.episode.join("deleted.json"), by_hand.to_json().unwrap()).unwrap();
    signed.prune();
    let told = signed.deletions();
    assert!(told.deleted.iter().all(|one| one.at == NOW && one.rule.contains("30 days")), "{told:?}");
    assert!(signed.checked().iter().all(Verification::holds));
    assert!(!bytes.is_empty());
}

#[test]
fn a_prune_that_was_cut_short_is_taken_up() {
    let signed = Signed::new();
    // All that is written when it is written down, and nothing of it behind the first file.
    let before = ["report.html", "SHA256SUMS", "keys.json"].map(|name| (name, signed.read(name)));
    signed.prune();
    for (name, bytes) in &before {
        fs::write(signed.episode.join(name), bytes).unwrap();
    }
    fs::remove_file(signed.episode.join("deleted.dsse.json")).unwrap();
    assert!(!signed.checked()[0].holds());
    assert_eq!(signed.prune().episodes, ["ep_01"]);
    assert!(signed.checked().iter().all(Verification::holds), "{:?}", signed.checked());
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
