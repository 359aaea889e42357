//! Exports as the operator makes them and as a stranger checks them, with and without Deed.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::path::Path;
use std::process::Command;

use crate::support::{Deed, said};
use serde_json::{Value, json};

/// A Deed with one action that is held, and so has one sealed episode; its id.
fn held() -> (Deed, String) {
    let deed = Deed::with_account();
    let held = deed.json(3, &["act", &deed.order("o.json", |_| {})]);
    (deed, held["action_id"].as_str().unwrap().to_owned())
}

/// An export and the hash of its one manifest.
fn exported() -> (Deed, String, String) {
    let (deed, id) = held();
    let answer = deed.json(0, &["proof", "export", &id, "-o", "proof.zip"]);
    assert_eq!(answer["left_out"], json!([]));
    let manifest = answer["episodes"][0]["manifest"].as_str().unwrap().to_owned();
    (deed, id, manifest)
}

/// Somebody else's machine: no ledger, no settings, no store.
fn stranger(deed: &Deed) -> Deed {
    let stranger = Deed::new();
    std::fs::copy(deed.path("proof.zip"), stranger.path("proof.zip")).unwrap();
    stranger
}

fn names(problems: &Value) -> Vec<&str> {
    problems.as_array().unwrap().iter().map(|problem| problem["file"].as_str().unwrap()).collect()
}

#[test]
fn a_stranger_checks_it_and_leaves_nothing_behind() {
    let (deed, id, manifest) = exported();
    let stranger = stranger(&deed);
    let found = stranger.json(0, &["proof", "verify", "proof.zip"]);
    assert_eq!((&found["holds"], &found["action"]), (&json!(true), &json!(id)));
    assert_eq!(found["episodes"][0]["manifest"], json!(manifest));
    assert_eq!(found["episodes"][0]["state"], "queued");
    let said = stranger.ok(&["proof", "verify", "proof.zip", "--expect-manifest", &manifest, "--action", &id]);
    assert!(said.out.starts_with("the proof holds: no byte was changed"), "{}", said.out);
    assert!(!said.err.contains("made anew"), "{}", said.err);
    assert!(stranger.ok(&["proof", "verify", "proof.zip"]).err.contains("--expect-manifest"));
    let left: Vec<_> = std::fs::read_dir(stranger.path("home")).unwrap().collect();
    assert_eq!(left.len(), 0, "{left:?}");
    assert_eq!(stranger.fails(6, &["proof", "verify", "absent.zip"]).0, "proof-unreadable");
}

#[test]
fn what_was_changed_or_expected_otherwise_exits_with_6() {
    let (deed, _, manifest) = exported();
    let stranger = stranger(&deed);
    let mut bytes = std::fs::read(deed.path("proof.zip")).unwrap();
    let place = bytes.windows(9).position(|bytes| bytes == b"bakery\",\n").unwrap();
    bytes[place] ^= 1;
    stranger.write("changed.zip", &bytes);
    let found = stranger.json(6, &["proof", "verify", "changed.zip"]);
    assert_eq!(found["holds"], false);
    assert!(names(&found["problems"]).iter().any(|name| name.ends_with("/manifest.json")), "{found}");
    let said = stranger.run(&["proof", "verify", "changed.zip"]);
    assert!(said.code == 6 && said.out.contains("✗ episodes/") && said.out.contains("/manifest.json: "), "{said:?}");

    let other = manifest.replace(&manifest[..1], if manifest.starts_with('0') { "1" } else { "0" });
    let found = stranger.json(6, &["proof", "verify", "proof.zip", "--expect-manifest", &other]);
    assert!(found["problems"].to_string().contains("not expected"), "{found}");
    let found = stranger.json(6, &["proof", "verify", "proof.zip", "--action", "another"]);
    assert_eq!(names(&found["problems"]), ["proof.zip"]);
    assert_eq!(stranger.fails(2, &["proof", "verify", "proof.zip", "--expect-manifest", "abc"]).0, "usage");
}

#[test]
fn the_same_proof_is_the_same_file_and_a_broken_one_is_not_exported() {
    let (deed, id, manifest) = exported();
    deed.ok(&["proof", "export", &id]);
    let (first, second) =
        (std::fs::read(deed.path("proof.zip")).unwrap(), std::fs::read(deed.path(&format!("{id}.zip"))).unwrap());
    assert!(first == second);
    let folder = deed.json(0, &["proof", "show", &id])["folder"].as_str().unwrap().to_owned();
    deed.ok(&["proof", "verify", &folder, "--expect-manifest", &manifest]);
    deed.ok(&["proof", "verify", &id, "--expect-manifest", &manifest]);
    let other = "0".repeat(64);
    for of in [&folder, &id] {
        assert_eq!(
            names(&deed.json(6, &["proof", "verify", of, "--expect-manifest", &other])["problems"]),
            ["manifest.json"]
        );
    }
    assert_eq!(deed.fails(2, &["proof", "verify", &folder, "--action", &id]).0, "usage");

    let report = Path::new(&folder).join("report.html");
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, text.replacen("Held", "Sent", 1)).unwrap();
    let found = deed.json(6, &["proof", "export", &id, "-o", "broken.zip"]);
    assert!(names(&found["problems"]).iter().any(|name| name.ends_with("report.html")), "{found}");
    assert!(!deed.path("broken.zip").exists(), "nothing was written");
    std::fs::write(&report, text).unwrap();
    std::fs::write(Path::new(&folder).join("notes.txt"), "").unwrap();
    assert_eq!(deed.fails(6, &["proof", "export", &id]).0, "export-foreign-file");
    assert_eq!(deed.fails(2, &["proof", "export", "no-such-action"]).0, "not-found");
}

#[test]
fn two_episodes_of_one_flow_are_compared() {
    let (deed, first) = held();
    let second = deed.json(3, &["act", &deed.order("p.json", |o| o["content"]["text"] = json!("Spelt today"))]);
    let second = second["action_id"].as_str().unwrap();
    let found = deed.json(0, &["proof", "diff", &first, second, "-o", "diff.html"]);
    assert_eq!(found["same"], true, "{found}");
    let page = std::fs::read_to_string(deed.path("diff.html")).unwrap();
    assert!(page.contains("Nothing that is compared changed") && !page.contains("<script"), "{page}");
    let folder = deed.json(0, &["proof", "show", &first])["folder"].as_str().unwrap().to_owned();
    assert!(deed.ok(&["proof", "diff", &folder, second]).out.contains("steps are alike"));
    assert_eq!(deed.fails(6, &["proof", "diff", &folder, "/nowhere/ep"]).0, "proof-unreadable");
}

/// Exactly the lines of the page, by a shell, with standard tools.
#[test]
fn the_lines_of_the_page_check_an_export_without_deed() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/proofs.md")).unwrap();
    let block = |heading: &str| {
        let section = page.split_once(heading).unwrap_or_else(|| panic!("docs/proofs.md has no {heading:?}")).1;
        let block = section.split_once("```sh\n").expect("a block of lines").1;
        block.split_once("\n```").expect("its end").0.to_owned()
    };
    let (files, signature) = (block("<!-- tested: files -->"), block("<!-- tested: signature -->"));
    let (deed, _, _) = exported();
    let stranger = stranger(&deed);
    let dir = stranger.path("");
    let run = |lines: &str| {
        said(
            Command::new("bash").args(["-euo", "pipefail", "-c", lines]).current_dir(&dir).output().expect("bash runs"),
        )
    };
    let checked = run(&files);
    assert!(checked.code == 0 && checked.out.contains("report.html: OK"), "{checked:?}");
    let episode = std::fs::read_dir(dir.join("proof/episodes")).unwrap().next().unwrap().unwrap().path();
    // Only what is signed has a signature to check; the lines are for those.
    if episode.join("manifest.dsse.json").exists() {
        let checked = run(&signature);
        assert!(checked.code == 0 && checked.out.contains("Signature Verified Successfully"), "{checked:?}");
    }

    // The same lines say no when a byte was changed.
    let report = episode.join("report.html");
    let mut bytes = std::fs::read(&report).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&report, bytes).unwrap();
    let again: String =
        files.lines().filter(|line| !line.starts_with("unzip")).map(|line| format!("{line}\n")).collect();
    assert_ne!(run(&again).code, 0);
}
