//! The attempt proof: what was durable before the permit was made, checked while no outcome is sealed.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::episode;
use deed_proofs::store::DirectoryStore;
use deed_proofs::verify::{SignatureGuard, is_attempt};
use deed_proofs::{
    Expected, KeyHistory, KeyStore, Manifest, Sha256, Signer, SigningKey, Verification, checkpoint, seal_signed,
    verify_attempt,
};

/// An attempt that was signed.
struct Attempt {
    _folder: tempfile::TempDir,
    store: DirectoryStore,
    manifest: Manifest,
    hash: Sha256,
    key: SigningKey,
    keys: KeyHistory,
    episode: PathBuf,
}

fn attempt() -> Attempt {
    let (folder, store, mut manifest) = episode();
    let keys = KeyStore::at(folder.path().join("config/signing.key"));
    let (key, keys) = keys.open_or_create("2026-11-20T11:00:00.000Z").unwrap();
    // As it stands right before the arm transaction.
    manifest.outcome.state = "identity_verified".into();
    (manifest.outcome.proof_level, manifest.outcome.platform_object_id, manifest.outcome.permalink) = (0, None, None);
    (manifest.receipt, manifest.verification, manifest.audit) = (None, Vec::new(), Vec::new());
    let hash = checkpoint(&store, &manifest, Some(Signer { key: &key, keys: &keys })).unwrap();
    let episode = store.episode_folder("ep_01");
    Attempt { _folder: folder, store, manifest, hash, key, keys, episode }
}

impl Attempt {
    fn check(&self) -> Verification {
        let expected = Expected { keys: Some(&self.keys), signed: true, ..Expected::default() };
        verify_attempt(&self.episode, &expected).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.check().problems.into_iter().map(|problem| problem.file).collect()
    }

    /// The problems while a file is another one.
    fn with(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
        let path = self.episode.join(name);
        let before = fs::read(&path).unwrap();
        let mut after = before.clone();
        change(&mut after);
        fs::write(&path, after).unwrap();
        let names = self.names();
        fs::write(&path, before).unwrap();
        names
    }
}

#[test]
fn it_is_signed_and_checked_before_there_is_an_outcome() {
    let attempt = attempt();
    assert!(is_attempt(&attempt.episode));
    let found = attempt.check();
    assert_eq!((found.problems.as_slice(), found.manifest), (&[][..], Some(attempt.hash)));
    assert_eq!(found.signature, SignatureGuard::Known(attempt.key.public().id()));
    assert_eq!(found.checked, 3 + attempt.manifest.artifacts.len());

    let signer = Signer { key: &attempt.key, keys: &attempt.keys };
    seal_signed(&attempt.store, &Manifest { outcome: episode().2.outcome, ..attempt.manifest.clone() }, Some(signer))
        .unwrap();
    assert!(!is_attempt(&attempt.episode), "sealed, it is no attempt any more");
}

#[test]
fn whatever_is_changed_is_named() {
    let attempt = attempt();
    let text = |bytes: &mut Vec<u8>, from: &str, to: &str| {
        let changed = String::from_utf8(bytes.clone()).unwrap().replace(from, to);
        assert_ne!(changed.as_bytes(), bytes.as_slice());
        *bytes = changed.into_bytes();
    };
    let names = attempt.with("manifest.json", |bytes| text(bytes, "campaign-7", "campaign-8"));
    assert!(names.contains(&"manifest.json".to_owned()), "{names:?}");
    let names = attempt.with("manifest.dsse.json", |bytes| text(bytes, "\"sig\": \"", "\"sig\": \"AAAA"));
    assert!(names.contains(&"manifest.dsse.json".to_owned()), "{names:?}");
    let object = format!(
        "../../{}",
        attempt
            .store
            .object_path(&attempt.manifest.artifacts[0].sha256)
            .strip_prefix(attempt.store.root())
            .unwrap()
            .display()
    );
    assert_eq!(attempt.with(&object, |bytes| bytes[0] ^= 1), [object.as_str()]);

    // Another key signs another manifest, and says so everywhere.
    let (mallory, _) = SigningKey::generate().unwrap();
    let theirs = KeyHistory::begin(mallory.public(), "2026-11-20T11:00:00.000Z");
    let mut other = attempt.manifest.clone();
    other.action.handle = "eve".into();
    checkpoint(&attempt.store, &other, Some(Signer { key: &mallory, keys: &theirs })).unwrap();
    assert_eq!(attempt.names(), ["manifest.dsse.json"]);
    // And nobody at all: the ledger's hash finds it, and so does who asks for a signature.
    checkpoint(&attempt.store, &other, None).unwrap();
    fs::remove_file(attempt.episode.join("manifest.dsse.json")).unwrap();
    fs::remove_file(attempt.episode.join("keys.json")).unwrap();
    assert_eq!(attempt.names(), ["manifest.dsse.json"]);
    let ledger = Expected { manifest: Some(attempt.hash), ..Expected::default() };
    assert_eq!(verify_attempt(&attempt.episode, &ledger).unwrap().problems[0].file, "manifest.json");
}

#[test]
fn a_sealed_proof_whose_report_was_taken_away_is_no_attempt_proof() {
    let attempt = attempt();
    let signer = Signer { key: &attempt.key, keys: &attempt.keys };
    seal_signed(&attempt.store, &Manifest { outcome: episode().2.outcome, ..attempt.manifest.clone() }, Some(signer))
        .unwrap();
    for name in ["report.html", "SHA256SUMS"] {
        fs::remove_file(attempt.episode.join(name)).unwrap();
    }
    assert!(is_attempt(&attempt.episode), "by its files");
    assert_eq!(attempt.names(), ["manifest.json"], "and not by what it tells");
}
