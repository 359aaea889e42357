//! An export: what lies in it, what standard tools say of it, and what no export is.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;
mod zips;

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_proofs::export::{Expected, export};
use deed_proofs::hash::Sha256;
use deed_proofs::keys::KeyStore;
use deed_proofs::log::{AuditBundle, Checkpoint, ProvedRow, inclusion_ranges, leaf_hash, node_hash};
use deed_proofs::retention::{Rule, prune};
use deed_proofs::store::Store as _;
use deed_proofs::verify::ReportGuard;
use deed_proofs::{Manifest, seal, verify};
use zips::{LOCAL, NAME, action, check, exported, members, summed, zip};

/// Bytes of a record of the directory, without its name, and of the end.
const CENTRAL: usize = 46;
const END: usize = 22;

fn holds(bytes: &[u8]) -> bool {
    check(bytes, &Expected::default()).holds()
}

/// The files that the problems name, and what is said of them.
fn said(bytes: &[u8], expected: &Expected) -> String {
    let found = check(bytes, expected);
    assert!(!found.holds());
    found.problems.iter().map(|problem| format!("{}: {}\n", problem.file, problem.what)).collect()
}

#[test]
fn all_episodes_are_in_it_and_it_is_the_same_every_time() {
    let (_folder, store, manifests) = action();
    let bytes = exported(&store, &["ep_01", "ep_02"]);
    assert!(bytes == exported(&store, &["ep_02", "ep_01"]));
    let found = check(&bytes, &Expected::default());
    assert_eq!(found.problems, vec![]);
    assert_eq!((found.action.as_deref(), found.files), (Some("act_01"), 2 + 2 * 3 + 8));
    let hashes: Vec<Option<Sha256>> =
        manifests.iter().map(|manifest| Some(Sha256::of(&manifest.to_canonical_json().unwrap()))).collect();
    assert_eq!(found.episodes.iter().map(|episode| episode.manifest).collect::<Vec<_>>(), hashes);
    assert!(bytes == zip(&members(&bytes)), "the tests' own writer agrees");
    let names: Vec<String> = members(&bytes).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| name == "SHA256SUMS"
        || name == "overview.html"
        || name.starts_with("episodes/ep_0")
        || name.starts_with("objects/")));
}

#[test]
fn unpacked_it_is_what_a_store_is() {
    let (folder, store, _) = action();
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/export.zip"), exported(&store, &["ep_01", "ep_02"])).unwrap();
    let run = |program: &str, arguments: &[&str], below: &str| {
        let output =
            Command::new(program).args(arguments).current_dir(folder.path().join("out").join(below)).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(run("unzip", &["-t", "export.zip"], "").contains("No errors detected"));
    run("unzip", &["-q", "export.zip", "-d", "unpacked"], "");
    assert_eq!(run("sha256sum", &["-c", "--strict", "SHA256SUMS"], "unpacked").lines().count(), 1 + 2 * 3 + 8);
    for episode in ["ep_01", "ep_02"] {
        run("sha256sum", &["-c", "--strict", "SHA256SUMS"], &format!("unpacked/episodes/{episode}"));
        assert!(verify(&folder.path().join("out/unpacked/episodes").join(episode), None).unwrap().holds());
    }
}

#[test]
fn what_is_no_export_is_refused_and_named() {
    let (_folder, store, _) = action();
    let good = exported(&store, &["ep_01"]);
    let files = members(&good);
    let end = good.len() - END;
    let directory = u32::from_le_bytes(good[end + 16..end + 20].try_into().unwrap()) as usize;
    let with = |name: &str| {
        let mut files = files.clone();
        files.push((name.to_owned(), b"x".to_vec()));
        zip(&summed(files))
    };
    let patched = |places: &[(usize, &[u8])]| {
        let mut bytes = good.clone();
        for (at, change) in places {
            bytes[*at..at + change.len()].copy_from_slice(change);
        }
        bytes
    };
    let twice = {
        let mut files = files.clone();
        files.insert(1, files[0].clone());
        zip(&files)
    };
    let swapped = {
        let mut files = files.clone();
        files.swap(1, 2);
        zip(&files)
    };
    let (first, second) = (files[0].0.as_str(), files[1].0.as_str());
    let comment = [patched(&[(end + 20, &[3, 0])]).as_slice(), b"hey"].concat();
    let extra = {
        let mut bytes = patched(&[(28, &[4, 0])]);
        bytes.splice(LOCAL + first.len()..LOCAL + first.len(), [1, 2, 0, 0]);
        bytes
    };
    let link = (directory + 38, 0o120_777_u32 << 16);
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (with("episodes/ep_01/../../../etc/passwd"), "../../../etc/passwd", "leads out of the folder"),
        (with("/etc/passwd"), "/etc/passwd", "leads out of the folder"),
        (with("objects\\..\\x"), "objects\\..\\x", "leads out of the folder"),
        (with("\u{1b}[2J"), "\\u{1b}[2J", "does not belong to an export"),
        (with("episodes/ep_01/notes.txt"), "episodes/ep_01/notes.txt", "does not belong"),
        (with("episodes/.hidden/manifest.json"), "episodes/.hidden/manifest.json", "does not belong"),
        (with("episodes/ep_01/stamps/"), "episodes/ep_01/stamps/", "does not belong"),
        (with("objects/ab/cd"), "objects/ab/cd", "does not belong"),
        (twice, first, "twice"),
        (swapped, second, "belongs before it"),
        (patched(&[(link.0, &link.1.to_le_bytes())]), first, "symbolic link"),
        (patched(&[(8, &[8, 0])]), first, "compressed"),
        (patched(&[(22, &[0xff, 0xff, 0xff, 0xff])]), first, "compressed"),
        (patched(&[(18, &[0xff, 0xff, 0xff, 0xff])]), NAME, "cut short"),
        (patched(&[(6, &[1, 0])]), first, "version, flags or time"),
        (patched(&[(10, &[1, 0])]), first, "version, flags or time"),
        (patched(&[(directory + 12, &[1, 0])]), first, "zip's directory"),
        (patched(&[(directory + CENTRAL, b"X")]), first, "zip's directory"),
        (extra, first, "extra field"),
        (comment, NAME, "comment"),
        ([good.as_slice(), b"more"].concat(), NAME, "goes on for 4 bytes"),
        ([b"#!/bin/sh\n".as_slice(), &good].concat(), NAME, "no zip file"),
        (good[..directory].to_vec(), NAME, "cut short"),
        (good[..directory + 7].to_vec(), first, "zip's directory"),
        (good[..directory - 9].to_vec(), &files[files.len() - 2].0, "cut short"),
        (zip(&[]), NAME, "holds no episode"),
        (zip(&summed(Vec::new())), NAME, "holds no episode"),
        (Vec::new(), NAME, "no zip file"),
        (b"This is a letter and no proof, however long it may be.".to_vec(), NAME, "no zip file"),
    ];
    for (number, (bytes, file, what)) in cases.into_iter().enumerate() {
        let said = said(&bytes, &Expected::default());
        assert!(
            said.lines().any(|line| line.contains(file) && line.contains(what)),
            "case {number}, {file}, {what}: {said}"
        );
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}

#[test]
fn a_file_more_or_less_is_found_though_the_sums_agree() {
    let (_folder, store, _) = action();
    let files = members(&exported(&store, &["ep_01", "ep_02"]));
    let object = b"evidence that nobody took";
    let digits = Sha256::of(object).to_string();
    let name = format!("objects/{}/{}", &digits[..2], &digits[2..]);
    let mut more = files.clone();
    more.push((name.clone(), object.to_vec()));
    assert_eq!(
        said(&zip(&summed(more)), &Expected::default()),
        format!("{name}: is listed by no manifest of the export\n")
    );
    for (place, (name, _)) in files.iter().enumerate().filter(|(_, (name, _))| name != "SHA256SUMS") {
        let mut fewer = files.clone();
        fewer.remove(place);
        for fewer in [zip(&fewer), zip(&summed(fewer))] {
            let said = said(&fewer, &Expected::default());
            assert!(said.contains(&format!("{name}: is missing")), "{name}: {said}");
        }
    }
}

#[test]
fn an_export_made_anew_is_found_by_what_was_told_another_way() {
    let (_folder, store, manifests) = action();
    let honest: Vec<Sha256> =
        manifests.iter().map(|manifest| Sha256::of(&manifest.to_canonical_json().unwrap())).collect();
    let expected = Expected { action: Some("act_01".into()), manifests: honest.clone(), ..Expected::default() };
    assert!(check(&exported(&store, &["ep_01", "ep_02"]), &expected).holds());
    assert!(said(&exported(&store, &["ep_01"]), &expected).contains(&honest[1].to_string()), "an episode was left out");

    let mut forged = manifests[0].clone();
    forged.outcome.platform_object_id = Some("p_6666".into());
    seal(&store, &forged).unwrap();
    let bytes = exported(&store, &["ep_01", "ep_02"]);
    assert!(holds(&bytes), "nothing in it says that it was made anew");
    let words = said(&bytes, &expected);
    assert!(words.contains("episodes/ep_01/manifest.json: its hash is"), "{words}");
    assert!(!words.contains("episodes/ep_02/manifest.json: its hash is"), "{words}");
}

#[test]
fn a_proof_of_another_action_is_no_proof_of_this_one() {
    let (_folder, store, manifests) = action();
    let mut other = manifests[1].clone();
    (other.action.action_id, other.action.episode_id) = ("act_66".into(), "ep_66".into());
    seal(&store, &other).unwrap();
    let words = said(&exported(&store, &["ep_01", "ep_66"]), &Expected::default());
    assert_eq!(words, "episodes/ep_66/manifest.json: is about the action act_66, and the export about act_01\n");
    let alone = exported(&store, &["ep_66"]);
    assert!(holds(&alone));
    let expected = Expected { action: Some("act_01".into()), ..Expected::default() };
    assert_eq!(said(&alone, &expected), format!("{NAME}: is about the action act_66, and not act_01\n"));
}

#[test]
fn what_lies_beside_the_three_files_goes_along_and_nothing_else() {
    let (_folder, store, _) = action();
    let folder = store.episode_folder("ep_01");
    fs::create_dir(folder.join("stamps")).unwrap();
    for name in ["manifest.dsse.json", "keys.json", "storage.json", "stamps/first.tsr"] {
        fs::write(folder.join(name), b"{}").unwrap();
    }
    fs::write(folder.join(".tmp-1-1"), b"half").unwrap();
    let names: Vec<String> = members(&exported(&store, &["ep_01"])).into_iter().map(|(name, _)| name).collect();
    for name in ["keys.json", "stamps/first.tsr", "storage.json"] {
        assert!(names.contains(&format!("episodes/ep_01/{name}")), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains(".tmp-")));
    fs::write(folder.join("notes.txt"), b"").unwrap();
    let fails = || export(&store, &["ep_01".to_owned()], None, &mut Vec::new()).unwrap_err();
    assert_eq!(fails().code(), "export-foreign-file");
    assert!(fails().to_string().contains("notes.txt"), "{}", fails());
}

#[test]
fn what_cannot_be_read_is_not_exported() {
    let (folder, store, manifests) = action();
    let fails = |episode: &str| export(&store, &[episode.to_owned()], None, &mut Vec::new()).unwrap_err();
    assert_eq!(fails("ep_77").code(), "export-unreadable");
    let object = store.object_path(&manifests[0].artifacts[0].sha256);
    let bytes = fs::read(&object).unwrap();
    fs::remove_file(&object).unwrap();
    assert!(fails("ep_01").to_string().contains(&object.display().to_string()), "{}", fails("ep_01"));
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, &bytes).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &object).unwrap();
    assert!(fails("ep_01").to_string().contains("no regular file"), "{}", fails("ep_01"));
    fs::remove_file(&object).unwrap();
    store.put(&bytes).unwrap();
    assert!(holds(&exported(&store, &["ep_01"])));
    fs::write(Path::new(&store.episode_folder("ep_01")).join("manifest.json"), b"{}").unwrap();
    assert_eq!(fails("ep_01").code(), "manifest-malformed");
    assert!(Manifest::from_json(b"{}").is_err());
}

/// The action's rows of the audit log, alone in a log, under a signed checkpoint.
fn audit(manifest: &Manifest, keys: &KeyStore) -> AuditBundle {
    let (key, history) = keys.open_or_create("2026-11-20T11:00:00.000Z").unwrap();
    let rows: Vec<String> = manifest
        .audit
        .iter()
        .map(|event| {
            serde_json::json!({
                "action_id": "act_01", "audit_event_id": event.event_id, "result": { "status": event.status },
            })
            .to_string()
        })
        .collect();
    let leaves: Vec<Sha256> = rows.iter().map(|row| leaf_hash(row.as_bytes())).collect();
    let over = |(start, end): &(u64, u64)| root(&leaves[*start as usize..*end as usize]);
    let size = rows.len() as u64;
    let checkpoint = Checkpoint { origin: Checkpoint::origin_of(&leaves[0]), size, root: root(&leaves) };
    let proved = rows.into_iter().enumerate().map(|(index, event)| {
        let ranges = inclusion_ranges(index as u64, size).unwrap();
        ProvedRow { index: index as u64, event, proof: ranges.iter().map(over).collect() }
    });
    AuditBundle::new("act_01".into(), checkpoint.sign(&key), history, proved.collect())
}

/// RFC 6962, section 2.1.
fn root(leaves: &[Sha256]) -> Sha256 {
    match leaves {
        [one] => *one,
        many => {
            let half = many.len().next_power_of_two() / 2;
            node_hash(&root(&many[..half]), &root(&many[half..]))
        }
    }
}

#[test]
fn the_audit_log_in_an_export_is_checked_against_its_checkpoint_and_the_manifests() {
    let (folder, store, manifests) = action();
    let keys = KeyStore::at(folder.path().join("keys/signing.key"));
    let whole = audit(&manifests[0], &keys);
    let with = |bundle: &AuditBundle| {
        let mut bytes = Vec::new();
        export(&store, &["ep_01".into(), "ep_02".into()], Some(bundle), &mut bytes).unwrap();
        check(&bytes, &Expected::default())
    };
    let found = with(&whole);
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.audit.map(|audit| (audit.size, audit.known)), Some((whole.rows.len() as u64, false)));

    let files = |bundle: &AuditBundle| -> Vec<String> {
        with(bundle).problems.into_iter().map(|problem| problem.file).collect()
    };
    let changed = |change: &dyn Fn(&mut AuditBundle)| {
        let mut bundle = whole.clone();
        change(&mut bundle);
        bundle
    };
    let told_of_less = files(&changed(&|b| drop(b.rows.remove(0))));
    assert!(told_of_less.contains(&"episodes/ep_01/manifest.json".to_owned()), "{told_of_less:?}");
    for forged in [
        changed(&|b| b.rows[0].event = b.rows[0].event.replace("act_01", "act_02")),
        changed(&|b| b.rows[0].proof[0] = Sha256::of(b"another branch")),
        changed(&|b| b.action_id = "act_02".into()),
        changed(&|b| b.checkpoint = b.checkpoint.replace("deed", "dead")),
    ] {
        assert!(files(&forged).contains(&"audit.json".to_owned()), "{:?}", files(&forged));
    }
}

#[test]
fn the_overview_shows_who_vouches_and_nothing_else_than_the_files_say() {
    let (folder, store, manifests) = action();
    let keys = KeyStore::at(folder.path().join("keys/signing.key"));
    let bundle = audit(&manifests[0], &keys);
    let (key, history) = keys.open_or_create("2026-11-20T11:00:00.000Z").unwrap();
    deed_proofs::seal_signed(&store, &manifests[1], Some(deed_proofs::Signer { key: &key, keys: &history })).unwrap();
    let mut bytes = Vec::new();
    export(&store, &["ep_01".into(), "ep_02".into()], Some(&bundle), &mut bytes).unwrap();
    assert!(holds(&bytes));
    let files = members(&bytes);
    let (place, page) = files
        .iter()
        .enumerate()
        .find(|(_, (name, _))| name == "overview.html")
        .map(|(place, (_, page))| (place, String::from_utf8(page.clone()).unwrap()))
        .unwrap();
    for words in [
        "href=\"episodes/ep_01/report.html\"",
        "‖ never signed",
        &format!("✓ holds</span> · key <code>{}</code>", key.public().id()),
        "<strong>ben</strong>",
        "each proved to be in it",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("src="), "it runs and loads nothing");

    // Made to say something else, with sums that agree.
    let mut forged = files;
    forged[place].1 = page.replace("‖ never signed", "✓ holds").into_bytes();
    let said = said(&zip(&summed(forged.clone())), &Expected::default());
    assert_eq!(said, "overview.html: shows something else than the other files say\n");
    // Of another release it can not be rendered again, which is said.
    assert_eq!(check(&bytes, &Expected::default()).overview, ReportGuard::Rendered);
    forged[place].1 = page.replace("deed-proofs report 3", "deed-proofs report 999").into_bytes();
    let later = check(&zip(&summed(forged)), &Expected::default());
    assert!(later.holds() && later.overview == ReportGuard::SumsOnly, "{later:?}");
}

#[test]
fn what_a_rule_deleted_is_not_missed_in_an_export() {
    let (_folder, store, manifests) = action();
    for entry in walk(store.root()) {
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(72 * 60 * 60);
        std::fs::File::open(entry).unwrap().set_modified(long_ago).unwrap();
    }
    let rule = Rule { days: 30, before: "2027-01-01T00:00:00.000Z".into() };
    let rules = [(manifests[0].action.client_id.clone(), rule)].into();
    let pruned = prune(&store, &rules, "2027-02-01T00:00:00.000Z", None, None).unwrap();
    assert!(pruned.objects > 0, "{pruned:?}");
    let found = check(&exported(&store, &["ep_01", "ep_02"]), &Expected::default());
    assert!(found.holds(), "{found:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
