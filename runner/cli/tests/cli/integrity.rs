//! What was changed from outside, versions that do not fit, recipes that break rules, and the pages of all codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::Deed;
use deed_core::hold::{Failure, HoldReason};
use serde_json::json;

#[test]
fn a_tampered_audit_line_is_named() {
    let deed = Deed::with_account();
    deed.ok(&["kill", "on", "--reason", "storm"]);
    let verdict = deed.json(0, &["audit", "verify"]);
    assert_eq!((&verdict["ok"], &verdict["rows"]), (&json!(true), &json!(3)));
    deed.sql(&[
        "DROP TRIGGER audit_events_never_updated",
        "UPDATE audit_events SET event_json = replace(event_json, 'account_added', 'account_addeD') WHERE seq = 2",
    ]);
    let verdict = deed.json(6, &["audit", "verify"]);
    assert_eq!((&verdict["ok"], &verdict["first_bad"]["seq"]), (&json!(false), &json!(2)));
    let said = deed.run(&["audit", "verify"]);
    assert!(said.out.starts_with("the audit log does not verify: line 2: "), "{}", said.out);
}

#[test]
fn a_changed_proof_names_the_file() {
    let deed = Deed::with_account();
    let order = deed.order("o.json", |_| {});
    let held = deed.json(3, &["act", &order]);
    let (id, report) = (held["action_id"].as_str().unwrap(), held["report"].as_str().unwrap());
    let folder = Path::new(report).parent().unwrap().display().to_string();
    assert_eq!(deed.json(0, &["proof", "verify", &folder])["holds"], true);
    let mut bytes = std::fs::read(report).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(report, bytes).unwrap();
    for of in [id, &folder] {
        let broken = deed.json(6, &["proof", "verify", of]);
        assert_eq!((&broken["holds"], &broken["problems"][0]["file"]), (&json!(false), &json!("report.html")), "{of}");
    }
    assert!(deed.run(&["proof", "verify", id]).out.contains("✗ report.html: "));
    assert_eq!(deed.fails(6, &["proof", "verify", "/nonexistent/episode"]).0, "proof-unreadable");
}

#[test]
fn a_ledger_of_a_newer_version_is_not_touched() {
    let deed = Deed::with_account();
    deed.sql(&["INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
                VALUES (9999, 'future', 0, 1, x'00', 0)"]);
    let before = std::fs::read(deed.ledger()).unwrap();
    let (code, said) = deed.fails(70, &["act", &deed.order("o.json", |_| {})]);
    assert_eq!(code, "ledger-newer");
    assert!(said.err.contains("use the version of Deed that wrote it"), "{}", said.err);
    assert!(std::fs::read(deed.ledger()).unwrap() == before, "not a byte of it changed");
}

#[test]
fn a_file_that_is_no_ledger_is_not_taken_for_one() {
    let deed = Deed::with_account();
    for tail in ["ledger.sqlite-wal", "ledger.sqlite-shm"] {
        let _ = std::fs::remove_file(deed.ledger().with_file_name(tail));
    }
    std::fs::write(deed.ledger(), "These are words and not a database. ".repeat(40)).unwrap();
    assert_eq!(deed.fails(6, &["queue", "list"]).0, "ledger-corrupt");
}

#[test]
fn recipes_are_checked_with_every_error_and_its_place() {
    let deed = Deed::new();
    let (yaml, _) = deed_recipes::builtin("practice").unwrap();
    std::fs::create_dir_all(deed.path("recipes/practice")).unwrap();
    deed.write("recipes/practice/recipe.yaml", yaml);
    let sound = deed.json(0, &["recipe", "check", "recipes"]);
    assert_eq!((&sound["recipes"][0]["ok"], &sound["recipes"][0]["platform"]), (&json!(true), &json!("practice")));

    deed.write("recipes/practice/recipe.yaml", yaml.replace("\nsurfaces:", "\nsurfces:"));
    let wrong = deed.json(2, &["recipe", "check", "recipes/practice"]);
    let count = wrong["recipes"][0]["diagnostics"].as_array().unwrap().len();
    assert_eq!(count, 2, "the key, and the part that is missing; not each name that would stand in it: {wrong}");
    assert_eq!(wrong["recipes"][0]["code"], "recipe-invalid");
    let unknown =
        wrong["recipes"][0]["diagnostics"].as_array().unwrap().iter().find(|d| d["code"] == "recipe-unknown-key");
    assert!(unknown.is_some_and(|d| d["line"].as_u64() > Some(1) && d["help"].as_str().is_some()), "{wrong}");
    let said = deed.run(&["recipe", "check", "recipes/practice"]);
    assert!(said.code == 2 && said.err.contains("recipe.yaml:") && said.err.contains("surfces"), "{said:?}");
    assert_eq!(deed.json(2, &["recipe", "check", "nowhere"])["recipes"][0]["code"], "recipe-unreadable");
}

#[test]
fn a_recipe_of_ones_own_wins_and_a_broken_one_does_not_run() {
    let mut deed = Deed::with_account();
    let order = deed.order("o.json", |_| {});
    std::fs::create_dir_all(deed.path("own/practice")).unwrap();
    let (yaml, _) = deed_recipes::builtin("practice").unwrap();
    deed.set("DEED_RECIPES", deed.path("own").display().to_string());
    for (sound, broken, code, help) in [
        ("commit: { click: post_button }", "", "recipe-no-commit", "commit"),
        ("    - css: main h1\n", "    - css: \"main[[\"\n", "recipe-bad-selector", "plain CSS"),
        ("\nsurfaces:", "\nsurfces:", "recipe-unknown-key", "did you mean `surfaces`?"),
    ] {
        assert!(yaml.contains(sound), "{sound}");
        deed.write("own/practice/recipe.yaml", yaml.replace(sound, broken));
        let (error, said) = deed.fails(2, &["act", &order]);
        let named = said.err.contains(&format!("error[{code}]")) && said.err.contains("recipe.yaml:");
        assert!(error == "recipe-invalid" && named && said.err.contains(help), "{}", said.err);
        assert_eq!(deed.actions(), 0);
    }
}

/// The workspace's sources.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open: Vec<_> =
        ["recipes", "proofs", "proofs/s3", "fixtures", "runner/core", "runner/ledger", "runner/chromium", "runner/cli"]
            .map(|c| root.join(c).join("src"))
            .into();
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Texts in quotes that look like a code.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let is_code = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit())
    };
    text.split('"').skip(1).step_by(2).filter(is_code)
}

/// Every code that a `code()` method of the workspace can return, and those that the ledger builds.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("fn code(") {
            let body = &rest[at..];
            let indent = rest[..at].rsplit('\n').next().map_or(0, |line| line.len() - line.trim_start().len());
            let end = body.find(&format!("\n{}}}", " ".repeat(indent))).unwrap_or(body.len());
            codes.extend(quoted(&body[..end]).map(str::to_owned));
            rest = &body[end..];
        }
        codes.extend(quoted(&text).filter(|c| c.starts_with("ledger-")).map(str::to_owned));
    }
    codes
}

#[test]
fn every_code_has_a_section_that_says_what_to_do() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md")).unwrap();
    let mut wanted = codes();
    assert!(
        wanted.len() > 60 && wanted.contains("usage") && wanted.contains("ledger-newer"),
        "the scan finds codes: {wanted:?}"
    );
    wanted.extend(HoldReason::ALL.map(|r| r.as_str().to_owned()));
    wanted.extend(
        [Failure::DuplicateContent, Failure::NotSent, Failure::NotFoundAfterAttempt].map(|f| f.as_str().to_owned()),
    );
    for code in &wanted {
        let section = page
            .split(&format!("\n### {code}\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("docs/errors.md has no section {code}"));
        let section = section.split("\n#").next().unwrap();
        assert!(section.contains("**Do:**"), "section {code} does not say what to do");
    }
    for code in deed_recipes::Code::ALL {
        assert!(page.contains(&format!("\n| `{code}` | ")), "docs/errors.md does not tell what {code} means");
    }
    let known = |heading: &str| wanted.contains(heading) || ["audit-broken", "proof-broken"].contains(&heading);
    let stale: Vec<_> = page.lines().filter_map(|l| l.strip_prefix("### ")).filter(|h| !known(h)).collect();
    assert_eq!(stale, [""; 0], "sections of codes that are gone");
}
