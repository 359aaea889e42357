//! A sealed episode: what lies there, what standard tools say of it, and that no byte of it can be changed unseen.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::episode;
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::{Found, Manifest, VerificationRead};
use deed_proofs::store::{DirectoryStore, Store as _};
use deed_proofs::verify::ReportGuard;
use deed_proofs::{SealedEpisode, Verification, seal, verify};

fn sealed() -> (tempfile::TempDir, DirectoryStore, Manifest, SealedEpisode) {
    let (folder, store, manifest) = episode();
    let sealed = seal(&store, &manifest).unwrap();
    (folder, store, manifest, sealed)
}

/// The files of an episode by the names that a report of problems gives them.
fn files(store: &DirectoryStore, manifest: &Manifest, folder: &Path) -> Vec<(String, PathBuf)> {
    let own = ["manifest.json", "report.html", "SHA256SUMS"].map(|name| (name.to_owned(), folder.join(name)));
    let objects: BTreeSet<Sha256> = manifest.artifacts.iter().map(|artifact| artifact.sha256).collect();
    let objects = objects.iter().map(|sha256| {
        let (start, rest) = (sha256.to_string()[..2].to_owned(), sha256.to_string()[2..].to_owned());
        (format!("../../objects/{start}/{rest}"), store.object_path(sha256))
    });
    own.into_iter().chain(objects).collect()
}

fn names(verification: &Verification) -> Vec<&str> {
    verification.problems.iter().map(|problem| problem.file.as_str()).collect()
}

/// Changes a file for the time of a look at it.
fn with_changed<T>(file: &Path, bytes: &[u8], look: impl FnOnce() -> T) -> T {
    let before = fs::read(file).unwrap();
    fs::write(file, bytes).unwrap();
    let seen = look();
    fs::write(file, before).unwrap();
    seen
}

#[test]
fn a_sealed_episode_holds_with_and_without_the_ledger() {
    let (_folder, store, manifest, sealed) = sealed();
    assert_eq!(sealed.folder, store.root().join("episodes/ep_01"));
    for expected in [None, Some(sealed.manifest)] {
        let found = verify(&sealed.folder, expected).unwrap();
        assert_eq!(found.problems, vec![]);
        assert_eq!(found.report, ReportGuard::Rendered);
        assert_eq!(found.manifest, Some(sealed.manifest));
        assert_eq!(found.checked, 3 + manifest.artifacts.len());
    }
    for (name, hash) in
        [("manifest.json", sealed.manifest), ("report.html", sealed.report), ("SHA256SUMS", sealed.sums)]
    {
        let file = sealed.folder.join(name);
        assert_eq!(Sha256::of(&fs::read(&file).unwrap()), hash, "{name}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(Manifest::from_json(&fs::read(sealed.folder.join("manifest.json")).unwrap()).unwrap(), manifest);
}

#[test]
fn sha256sum_agrees() {
    let (_folder, store, manifest, sealed) = sealed();
    let check = || {
        Command::new("sha256sum").args(["-c", "--strict", "SHA256SUMS"]).current_dir(&sealed.folder).output().unwrap()
    };
    let output = check();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2 + manifest.artifacts.len());

    let object = store.object_path(&manifest.artifacts[0].sha256);
    with_changed(&object, b"another picture", || assert!(!check().status.success()));
}

#[test]
fn any_changed_byte_of_any_file_is_found_and_named() {
    let (_folder, store, manifest, sealed) = sealed();
    let mut dice = Dice(0x5eed);
    let mut flips = 0;
    for (name, file) in files(&store, &manifest, &sealed.folder) {
        let bytes = fs::read(&file).unwrap();
        // Every byte of a small file, and 120 of a large one, spread over it.
        let places: Vec<usize> = if bytes.len() <= 120 {
            (0..bytes.len()).collect()
        } else {
            (0..120).map(|_| dice.below(bytes.len())).collect()
        };
        for place in places {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << dice.below(8);
            flips += 1;
            for expected in [None, Some(sealed.manifest)] {
                let found = with_changed(&file, &changed, || verify(&sealed.folder, expected)).unwrap();
                let ledger = if expected.is_some() { "with" } else { "without" };
                assert!(
                    names(&found).contains(&name.as_str()),
                    "byte {place} of {name}, {ledger} the ledger: {found:?}"
                );
            }
        }
    }
    assert!(flips > 700, "{flips}");
    assert!(verify(&sealed.folder, None).unwrap().holds());
}

#[test]
fn with_the_ledger_only_the_changed_file_is_named() {
    let (_folder, store, manifest, sealed) = sealed();
    for (name, file) in files(&store, &manifest, &sealed.folder) {
        let mut changed = fs::read(&file).unwrap();
        // The last digit of the last hash, the last brace, the last pixel: somewhere inside every time.
        let place = changed.len() - 3;
        changed[place] ^= 1;
        let found = with_changed(&file, &changed, || verify(&sealed.folder, Some(sealed.manifest))).unwrap();
        assert!(names(&found).iter().all(|named| *named == name), "{name}: {found:?}");
    }
}

#[test]
fn missing_truncated_and_longer_files_are_found_and_named() {
    let (_folder, store, manifest, sealed) = sealed();
    for (name, file) in files(&store, &manifest, &sealed.folder) {
        let bytes = fs::read(&file).unwrap();
        let longer = [bytes.as_slice(), b"\n"].concat();
        for changed in [b"".as_slice(), &bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1], &longer] {
            let found = with_changed(&file, changed, || verify(&sealed.folder, None)).unwrap();
            assert!(names(&found).contains(&name.as_str()), "{name} with {} bytes: {found:?}", changed.len());
        }
        fs::remove_file(&file).unwrap();
        let found = verify(&sealed.folder, None).unwrap();
        assert!(
            found.problems.iter().any(|problem| problem.file == name && problem.what == "is missing"),
            "{name}: {found:?}"
        );
        fs::write(&file, bytes).unwrap();
    }
}

#[test]
fn what_does_not_belong_is_found() {
    let (_folder, _store, _manifest, sealed) = sealed();
    fs::write(sealed.folder.join("notes.txt"), b"").unwrap();
    assert_eq!(names(&verify(&sealed.folder, None).unwrap()), ["notes.txt"]);
    fs::remove_file(sealed.folder.join("notes.txt")).unwrap();

    let sums = sealed.folder.join("SHA256SUMS");
    let text = fs::read_to_string(&sums).unwrap();
    let first = text.lines().next().unwrap();
    for changed in
        [format!("{text}{first}\n"), text.replace("  ", " *"), text.lines().rev().collect::<Vec<_>>().join("\n")]
    {
        let found = with_changed(&sums, changed.as_bytes(), || verify(&sealed.folder, Some(sealed.manifest))).unwrap();
        assert!(names(&found).contains(&"SHA256SUMS"), "{changed}");
    }
}

#[test]
fn an_episode_in_the_place_of_another_is_found() {
    let (_folder, store, _manifest, sealed) = sealed();
    let other = store.root().join("episodes/ep_02");
    fs::rename(&sealed.folder, &other).unwrap();
    let found = verify(&other, Some(sealed.manifest)).unwrap();
    assert_eq!(names(&found), ["manifest.json"]);
    assert!(found.problems[0].what.contains("ep_01"), "{found:?}");
}

/// Somebody who rewrites everything consistently: the ledger's hash is what catches it.
#[test]
fn a_consistent_forgery_is_caught_by_the_ledger_only() {
    let (_folder, store, mut manifest, honest) = sealed();
    manifest.outcome.platform_object_id = Some("p_6666".into());
    let forged = seal(&store, &manifest).unwrap();
    assert_ne!(forged.manifest, honest.manifest);
    assert!(verify(&forged.folder, None).unwrap().holds());
    assert_eq!(names(&verify(&forged.folder, Some(honest.manifest)).unwrap())[0], "manifest.json");
}

/// A forger of the report alone, who puts the new hash into the sums: rendering it again catches it.
#[test]
fn a_forged_report_with_a_fitting_sum_is_found() {
    let (_folder, _store, _manifest, sealed) = sealed();
    let (report, sums) = (sealed.folder.join("report.html"), sealed.folder.join("SHA256SUMS"));
    let honest = fs::read_to_string(&report).unwrap();
    let forge = |forged: &str| {
        fs::write(&report, forged).unwrap();
        let right = fs::read_to_string(&sums).unwrap();
        let hash_of = |text: &str| Sha256::of(text.as_bytes()).to_string();
        let fitting = right.replace(&hash_of(&honest), &hash_of(forged));
        assert_ne!(right, fitting);
        with_changed(&sums, fitting.as_bytes(), || verify(&sealed.folder, Some(sealed.manifest))).unwrap()
    };
    let found = forge(&honest.replace("Posted once", "Posted twice"));
    assert_eq!(names(&found), ["report.html"]);
    assert_eq!(found.report, ReportGuard::Nothing);

    // A report of another release cannot be rendered again: it passes, and that nothing but its sum vouches for it is said.
    let found = forge(&honest.replace("deed-proofs report 3", "deed-proofs report 999"));
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.report, ReportGuard::SumsOnly);
}

#[test]
fn dom_hashes_that_do_not_fit_the_snapshot_are_found() {
    let (_folder, store, mut manifest, _) = sealed();
    let other = manifest.artifacts[3].dom;
    manifest.artifacts[1].dom = other;
    let sealed = seal(&store, &manifest).unwrap();
    let found = verify(&sealed.folder, Some(sealed.manifest)).unwrap();
    assert_eq!(found.problems.len(), 1);
    assert!(found.problems[0].what.contains("DOM hashes"), "{found:?}");
}

#[test]
fn sealing_again_replaces_the_three_files_and_clears_what_was_left() {
    let (_folder, store, mut manifest, first) = sealed();
    fs::write(first.folder.join(".tmp-1-1"), b"half").unwrap();
    manifest.verification.push(VerificationRead {
        read: 3,
        at: "2026-11-21T12:00:00Z".into(),
        found: Found::Present,
        note: "still there".into(),
        session: "read-only 3".into(),
    });
    let second = seal(&store, &manifest).unwrap();
    assert_ne!(first.manifest, second.manifest);
    assert!(verify(&second.folder, Some(second.manifest)).unwrap().holds());
    assert_eq!(fs::read_dir(&second.folder).unwrap().count(), 3);
    assert_eq!(seal(&store, &manifest).unwrap(), second, "the same manifest gives the same bytes");
}

#[test]
fn an_episode_without_its_evidence_is_not_sealed() {
    let (_folder, store, manifest) = episode();
    let object = store.object_path(&manifest.artifacts[2].sha256);
    let bytes = fs::read(&object).unwrap();

    fs::write(&object, b"other").unwrap();
    assert_eq!(seal(&store, &manifest).unwrap_err().code(), "store-corrupt");
    fs::remove_file(&object).unwrap();
    assert_eq!(seal(&store, &manifest).unwrap_err().code(), "store-missing");
    assert!(!store.root().join("episodes/ep_01").exists());

    store.put(&bytes).unwrap();
    let mut manifest = manifest;
    manifest.artifacts[2].bytes += 1;
    assert_eq!(seal(&store, &manifest).unwrap_err().code(), "store-corrupt");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let error = verify(Path::new("/nowhere/episodes/ep_01"), None).unwrap_err();
    assert_eq!(error.code(), "proof-unreadable");
    assert!(error.to_string().contains("/nowhere/episodes/ep_01"), "{error}");
}

/// xorshift64: the same changes in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        match usize::try_from(self.0 % limit as u64) {
            Ok(face) => face,
            Err(error) => panic!("{error}"),
        }
    }
}
