//! Whose proof it is, when it was signed, and whether the log is still the one that it was: with the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests stop at the first surprise")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use crate::support::tsa::{Authority, openssl};
use crate::support::{Deed, mode};
use deed_proofs::Sha256;
use deed_proofs::log::{Frontier, leaf_hash};
use serde_json::{Value, json};

/// An action that was held, with its proof: its id and its episode's folder.
fn held(deed: &Deed, name: &str) -> (String, String) {
    let order = deed.order(name, |order| order["content"]["text"] = json!(name));
    let held = deed.json(3, &["act", &order]);
    let folder = Path::new(held["report"].as_str().unwrap()).parent().unwrap().display().to_string();
    (held["action_id"].as_str().unwrap().to_owned(), folder)
}

#[test]
fn a_proof_is_signed_and_only_a_key_that_is_named_vouches_for_it() {
    let deed = Deed::with_account();
    let (id, folder) = held(&deed, "one");
    let key = deed.path("home/.config/deed/signing.key");
    assert_eq!(mode(&key), 0o600);
    let keys = deed.path("keys.json").display().to_string();
    deed.ok(&["proof", "keys", "export", "--out", &keys]);

    let unknown = deed.json(0, &["proof", "verify", &folder]);
    assert_eq!(unknown["signature"]["state"], "unknown");
    assert!(deed.run(&["proof", "verify", &folder]).out.contains("which is NOT known"));
    let known = deed.json(0, &["proof", "verify", &folder, "--key", &keys]);
    assert_eq!(known["signature"], json!({ "state": "known", "key": unknown["signature"]["key"] }));
    assert_eq!(deed.json(0, &["proof", "verify", &id])["signature"]["state"], "known");

    // Rotated: the old proof still holds, and the new one for whoever kept the first key.
    deed.ok(&["proof", "keys", "rotate"]);
    assert_eq!(deed.json(0, &["proof", "keys"])["keys"].as_array().unwrap().len(), 2);
    assert_eq!(deed.json(0, &["proof", "verify", &id])["signature"], known["signature"]);
    let (later, later_folder) = held(&deed, "two");
    let second = deed.json(0, &["proof", "verify", &later])["signature"].clone();
    assert_ne!(second["key"], known["signature"]["key"]);
    assert_eq!(deed.json(0, &["proof", "verify", &later_folder, "--key", &keys])["signature"], second);

    // Somebody else's keys: refused, and the file named.
    let other = Deed::with_account();
    let theirs = other.path("theirs.json").display().to_string();
    other.ok(&["proof", "keys", "export", "--out", &theirs]);
    let refused = deed.json(6, &["proof", "verify", &folder, "--key", &theirs]);
    assert_eq!(refused["problems"][0]["file"], "manifest.dsse.json");
    assert_eq!(deed.fails(2, &["proof", "verify", &folder, "--key", &deed.order("o.txt", |_| {})]).0, "usage");
}

#[test]
fn without_its_key_nothing_is_done_that_could_not_be_signed() {
    use std::os::unix::fs::PermissionsExt as _;
    let deed = Deed::with_account();
    let key = deed.path("home/.config/deed/signing.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let order = deed.order("o.json", |_| {});
    let held = deed.json(3, &["act", &order]);
    assert_eq!(held["hold"]["reason"], "proof");
    assert!(held["hold"]["detail"].as_str().unwrap().contains("signing-key-exposed"), "{held}");
    assert_eq!(deed.fails(70, &["proof", "keys"]).0, "signing-key-exposed");
}

#[test]
fn an_authority_that_is_down_delays_the_stamp_and_never_the_outcome() {
    let mut deed = Deed::with_account();
    // A port that nobody listens at, until somebody does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    deed.set("DEED_TSA_URLS", format!("http://{at}/tsr"));
    let (id, folder) = held(&deed, "one");
    let stamps = Path::new(&folder).join("stamps");
    let waiting = deed.json(0, &["proof", "stamp"]);
    assert_eq!((waiting["stamped"].as_array().unwrap().len(), waiting["waiting"].as_array().unwrap().len()), (0, 1));
    assert_eq!(deed.json(0, &["proof", "verify", &folder])["stamps"], json!([]), "the proof holds meanwhile");

    let authority = Arc::new(Authority::new(deed.path("tsa")));
    authority.clone().serve(TcpListener::bind(at).unwrap());
    let done = deed.json(0, &["proof", "stamp"]);
    assert_eq!((done["stamped"].as_array().unwrap().len(), done["waiting"].as_array().unwrap().len()), (1, 0));
    assert_eq!(deed.json(0, &["proof", "stamp"])["stamped"], json!([]), "once is enough");

    assert_eq!(deed.json(0, &["proof", "verify", &folder])["stamps"][0]["known"], false);
    let verified = deed.json(0, &["proof", "verify", &folder, "--tsa-ca", &authority.root()]);
    assert_eq!(verified["stamps"][0]["known"], true);
    let stranger = Authority::new(deed.path("stranger"));
    let refused = deed.json(6, &["proof", "verify", &folder, "--tsa-ca", &stranger.root()]);
    let named = refused["problems"][0]["file"].as_str().unwrap().to_owned();
    assert!(named.starts_with("stamps/") && named.ends_with(".tsr"), "{refused}");

    // The overview of an export shows it, and to whom it is said to belong.
    deed.ok(&["proof", "export", &id, "-o", "stamped.zip"]);
    let zip = String::from_utf8_lossy(&std::fs::read(deed.path("stamped.zip")).unwrap()).into_owned();
    let authority_name = at.to_string().replace(':', "-");
    assert!(
        zip.contains(&format!("says <strong>{authority_name}-tsr</strong>")),
        "{}",
        zip.split_once("<main>").unwrap().1
    );

    // And with openssl alone.
    let root = authority.root();
    openssl(Path::new(&folder), &format!("ts -verify -in {named} -data manifest.dsse.json -CAfile {root}"));
    // A stamp that was changed is found without its authority as well.
    let answer = std::fs::read(Path::new(&folder).join(&named)).unwrap();
    let of = Sha256::of(&std::fs::read(Path::new(&folder).join("manifest.dsse.json")).unwrap());
    let place = answer.windows(32).position(|window| window == of.as_bytes()).unwrap();
    let mut changed = answer;
    changed[place] ^= 1;
    std::fs::write(Path::new(&folder).join(&named), changed).unwrap();
    assert_eq!(deed.json(6, &["proof", "verify", &folder])["problems"][0]["file"], named.as_str());
    assert_eq!(std::fs::read_dir(stamps).unwrap().count(), 2);
}

#[test]
fn a_kept_checkpoint_catches_what_was_cut_off_or_rewritten() {
    let deed = Deed::with_account();
    deed.ok(&["kill", "on", "--reason", "storm"]);
    let made = deed.json(0, &["audit", "checkpoint"]);
    assert_eq!((&made["size"], mode(Path::new(made["file"].as_str().unwrap()))), (&json!(3), 0o600));
    let elsewhere = deed.write("kept", made["note"].as_str().unwrap()).display().to_string();
    let sound = deed.json(0, &["audit", "verify", "--checkpoint", &elsewhere]);
    assert_eq!((&sound["ok"], &sound["checkpoints"][0]), (&json!(true), &json!({ "size": 3, "holds": true })));
    // One that somebody else signed is nobody's word.
    let other = Deed::with_account();
    let theirs = deed.write("theirs", other.json(0, &["audit", "checkpoint"])["note"].as_str().unwrap());
    assert_eq!(deed.json(6, &["audit", "verify", "--checkpoint", &theirs.display().to_string()])["ok"], false);
    assert_eq!(
        deed.fails(2, &["audit", "verify", "--checkpoint", &deed.order("o.txt", |_| {})]).0,
        "checkpoint-malformed"
    );

    // The last line is cut off, with all that the ledger itself keeps of it.
    deed.sql(&[
        "DROP TRIGGER audit_events_never_deleted",
        "DROP TRIGGER operator_acts_never_deleted",
        "DROP TRIGGER audit_nodes_never_deleted",
        "DROP TRIGGER audit_checkpoints_never_deleted",
        "DELETE FROM operator_acts WHERE seq = 3",
        "DELETE FROM audit_events WHERE seq = 3",
        "DELETE FROM audit_nodes",
        "DELETE FROM audit_checkpoints",
    ]);
    for arguments in [&["audit", "verify"][..], &["audit", "verify", "--checkpoint", &elsewhere]] {
        let caught = deed.json(6, arguments);
        assert_eq!((&caught["ok"], &caught["first_bad"]["seq"]), (&json!(false), &json!(3)), "{arguments:?}");
    }
    assert_eq!(deed.fails(6, &["audit", "checkpoint"]).0, "audit-broken", "nothing is signed over it");
    std::fs::remove_dir_all(deed.path("home/.local/share/deed/proofs/log")).unwrap();
    assert_eq!(deed.json(0, &["audit", "verify"])["ok"], true, "without any checkpoint nothing tells");
    assert_eq!(deed.json(6, &["audit", "verify", "--checkpoint", &elsewhere])["first_bad"]["seq"], 3);
}

#[test]
fn an_exported_log_gives_the_checkpoints_root() {
    let deed = Deed::with_account();
    held(&deed, "one");
    let made = deed.json(0, &["audit", "checkpoint"]);
    let mut tree = Frontier::default();
    for line in deed.ok(&["audit", "export"]).out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let leaf = leaf_hash(line["event"].as_str().unwrap().as_bytes());
        assert_eq!(line["leaf_hash"], leaf.to_string());
        tree.push(leaf, |_, _| {});
        assert_eq!(line["seq"], tree.size());
    }
    assert_eq!((&made["size"], &made["root"]), (&json!(tree.size()), &json!(tree.root())));
    let last = tree.size() - 1;
    assert_eq!(deed.ok(&["audit", "export", "--after", &last.to_string()]).out.lines().count(), 1);
}

#[test]
fn the_manifest_on_disk_is_of_the_printed_schema() {
    let deed = Deed::with_account();
    let (_, folder) = held(&deed, "one");
    let printed: Value = serde_json::from_str(&deed.ok(&["proof", "schema"]).out).unwrap();
    let published = include_str!("../../../../proofs/schema/manifest.schema.json");
    assert_eq!(printed, serde_json::from_str::<Value>(published).unwrap());
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(Path::new(&folder).join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["version"], 2);
    let fields = printed["properties"].as_object().unwrap();
    assert!(manifest.as_object().unwrap().keys().all(|field| fields.contains_key(field)));
}

#[test]
fn the_doctor_looks_at_the_signing_key_and_at_the_authorities() {
    let mut deed = Deed::with_account();
    // No browser: what is asked here needs none.
    deed.set("DEED_BROWSER", "/nonexistent/chromium");
    let said = |deed: &Deed, check: &str| {
        let checks = deed.json(70, &["doctor"])["checks"].as_array().unwrap().clone();
        let found = checks.into_iter().find(|found| found["check"] == check).expect("it is looked at");
        format!("{}: {} {}", found["status"].as_str().unwrap(), found["seen"], found["remedy"])
    };
    let (key, history) = (deed.path("home/.config/deed/signing.key"), deed.path("home/.config/deed/keys.json"));
    let id = deed.json(0, &["proof", "keys"])["keys"][0]["id"].as_str().unwrap().to_owned();
    let good = said(&deed, "signing key");
    assert!(good.starts_with("ok: ") && good.contains(&id) && good.contains("mode 0600"), "{good}");
    deed.ok(&["proof", "keys", "rotate"]);
    let rotated = said(&deed, "signing key");
    assert!(rotated.starts_with("ok: ") && rotated.contains("number 2") && !rotated.contains(&id), "{rotated}");

    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(
        said(&deed, "signing key").starts_with("fail: ")
            && said(&deed, "signing key").contains("[signing-key-exposed]")
    );
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    // Another key than the history's last one; no history; no key.
    let (own, other) = (std::fs::read(&key).unwrap(), Deed::with_account());
    other.ok(&["proof", "keys"]);
    std::fs::write(&key, std::fs::read(other.path("home/.config/deed/signing.key")).unwrap()).unwrap();
    let foreign = said(&deed, "signing key");
    assert!(foreign.starts_with("fail: ") && foreign.contains("its last key is not the one"), "{foreign}");
    std::fs::write(&key, &own).unwrap();
    let kept = std::fs::read(&history).unwrap();
    std::fs::remove_file(&history).unwrap();
    let without = said(&deed, "signing key");
    assert!(without.starts_with("fail: ") && without.contains("is gone"), "{without}");
    assert!(!history.exists(), "looking makes nothing");
    std::fs::write(&history, kept).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(said(&deed, "signing key").starts_with("fail: "), "{}", said(&deed, "signing key"));
    assert!(!key.exists());
    std::fs::write(&key, own).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(said(&deed, "signing key").starts_with("ok: "));

    assert!(said(&deed, "time stamps").contains("no authority is named"));
    deed.set("DEED_TSA_URLS", "http://127.0.0.1:1/");
    assert!(said(&deed, "time stamps").starts_with("ok: ") && said(&deed, "time stamps").contains("nothing waits"));
}
