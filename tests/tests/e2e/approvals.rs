//! People approve under the real process: a risky order waits, a rehearsal shows its filled composer, people sign, and it is sent once.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::{Manifest, Sha256};
use deed_tests::process::{Home, Said};
use deed_tests::{HANDLE, recipe_yaml_settling_in};
use serde_json::{Value, json};

fn platform() -> (tokio::runtime::Runtime, Practice) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    (runtime, practice)
}

fn run(home: &Home, args: &[&str]) -> Said {
    home.run(home.command(args))
}

/// Makes a key for a person and registers it.
fn register(home: &Home, name: &str) {
    let key = format!("{name}.key");
    home.ok(&["approver", "keygen", "--out", &key]);
    home.ok(&["approver", "add", name, "--key", &format!("{key}.pub")]);
}

/// Files an order, without running it.
fn filed(home: &Home, text: &str, risk: Option<&str>) -> String {
    let mut order = json!({
        "platform": "practice", "account": HANDLE, "action": "publish.post", "content": { "text": text },
    });
    if let Some(risk) = risk {
        order["risk"] = json!(risk);
    }
    std::fs::write(home.path().join("order.json"), order.to_string()).expect("the order");
    let said = run(home, &["queue", "add", "order.json"]);
    said.json["action_id"].as_str().unwrap_or_else(|| panic_on(&said)).to_owned()
}

#[expect(clippy::panic, reason = "tests stop at the first surprise")]
fn panic_on(said: &Said) -> ! {
    panic!("{said:?}")
}

fn approve(home: &Home, action: &str, name: &str, more: &[&str]) -> Said {
    let key = format!("{name}.key");
    let args = [&["approve", action, "--as", name, "--key", &key][..], more].concat();
    run(home, &args)
}

/// The picture is the one that the rehearsal took when it had read the order back from the composer.
fn shows(home: &Home, shown: &Value, text: &str) {
    let picture = shown["picture"].as_str().expect("there is a picture");
    let bytes = std::fs::read(picture).expect("the picture is there");
    assert!(bytes.starts_with(b"\x89PNG"), "{picture}");
    let episodes = std::fs::read_dir(home.path().join("data/proofs/episodes")).expect("the proofs");
    let manifests = episodes.flatten().filter_map(|folder| std::fs::read(folder.path().join("manifest.json")).ok());
    let mut manifests = manifests.filter_map(|bytes| Manifest::from_json(&bytes).ok());
    let of_picture = |m: &Manifest| m.artifacts.iter().any(|a| a.sha256 == Sha256::of(&bytes) && a.phase == "review");
    let manifest = manifests.find(of_picture).expect("a rehearsal took it in its review");
    assert_eq!(Some(manifest.action.action_id.as_str()), shown["action_id"].as_str());
    // What was read back from the composer right before.
    let mut checks = manifest.steps.iter().flat_map(|step| &step.checks);
    assert!(checks.any(|check| check.name.starts_with("review ") && check.passed && check.seen.contains(text)));
}

#[test]
fn a_risky_order_waits_for_two_people_who_saw_it_and_is_sent_once() {
    let (runtime, practice) = platform();
    let home = Home::new(&practice);
    for name in ["ben", "cleo", "Crash Test"] {
        register(&home, name);
    }
    let text = "Closed on Monday";
    let action = filed(&home, text, Some("high"));
    // Held before a browser is opened: this one could not be.
    let mut work = home.command(&["work", "--until-idle"]);
    work.env("DEED_BROWSER", "/bin/true");
    let said = home.run(work);
    assert_eq!((said.code, said.json["worked"][0]["hold"]["reason"].as_str()), (3, Some("approval")), "{said:?}");
    let nothing_due = || {
        let said = run(&home, &["work", "--until-idle"]);
        assert_eq!((said.code, said.json["worked"].as_array().map(Vec::len)), (0, Some(0)), "{said:?}");
        assert_eq!(practice.truth().publishes_of(text), 0);
    };
    nothing_due();
    assert_eq!(approve(&home, &action, "ben", &["--revision", "1"]).why(), "approval-not-asked");

    let asked = run(&home, &["approve", "request", &action]);
    let facts = (asked.json["revision"].as_u64(), asked.json["needed"].as_u64(), asked.json["risk"].as_str());
    assert_eq!((asked.code, facts), (0, (Some(1), Some(2), Some("high"))), "{asked:?}");
    shows(&home, &asked.json, text);
    home.ok(&["approve", "show", &action, "--picture", "look.png"]);
    let kept = std::fs::read(asked.json["picture"].as_str().expect("a picture")).expect("it is there");
    assert_eq!(std::fs::read(home.path().join("look.png")).expect("a copy"), kept);
    assert_eq!(run(&home, &["approve", "list"]).json[0]["action_id"].as_str(), Some(action.as_str()));

    // Who filed it, a key that is not one's own, no handle, another handle, another revision.
    let typed = ["--revision", "1", "--handle", HANDLE];
    assert_eq!(approve(&home, &action, "Crash Test", &typed).why(), "approval-by-filer");
    let forged = [&["approve", &action, "--as", "cleo", "--key", "ben.key"][..], &typed].concat();
    assert_eq!(run(&home, &forged).why(), "approval-signature");
    assert_eq!(approve(&home, &action, "ben", &["--revision", "1"]).why(), "approval-handle");
    assert_eq!(approve(&home, &action, "ben", &["--revision", "1", "--handle", "south_star"]).why(), "approval-handle");
    assert_eq!(approve(&home, &action, "ben", &["--revision", "2", "--handle", HANDLE]).why(), "approval-stale");
    for _ in 0..2 {
        let one = approve(&home, &action, "ben", &typed);
        assert_eq!((one.code, one.json["enough"].as_bool()), (0, Some(false)), "{one:?}");
    }
    nothing_due();
    let two = approve(&home, &action, "cleo", &["--revision", "1", "--handle", "@north_star"]);
    assert_eq!((two.code, two.json["approved_by"].clone()), (0, json!(["ben", "cleo"])), "{two:?}");
    let said = run(&home, &["work", "--until-idle"]);
    assert_eq!((said.code, said.json["worked"][0]["state"].as_str()), (0, Some("postcheck_complete")), "{said:?}");
    assert_eq!(practice.truth().publishes_of(text), 1);
    assert_eq!(approve(&home, &action, "ben", &typed).why(), "approval-closed");
    assert_eq!(run(&home, &["work", "--until-idle"]).code, 0);
    assert_eq!(practice.truth().publishes_of(text), 1);

    let verified = run(&home, &["approve", "verify", &action]);
    assert_eq!((verified.code, verified.json["holds"].as_bool()), (0, Some(true)), "{verified:?}");
    assert_eq!(run(&home, &["audit", "verify"]).json["ok"], true);
    runtime.block_on(practice.stop());
}

#[test]
fn a_changed_recipe_voids_what_was_approved() {
    let (runtime, practice) = platform();
    let home = Home::new(&practice);
    register(&home, "ben");
    home.ok(&["account", "approvals", HANDLE, "one", "--reason", "a new client"]);
    let text = "Approved and then changed";
    let action = filed(&home, text, None);
    assert_eq!(run(&home, &["approve", "request", &action]).code, 0);
    assert_eq!(approve(&home, &action, "ben", &["--revision", "1"]).json["enough"], true);
    let recipe = home.path().join("recipes/practice/recipe.yaml");
    std::fs::write(&recipe, recipe_yaml_settling_in(3)).expect("another recipe");
    let said = run(&home, &["work", "--until-idle"]);
    assert_eq!((said.code, said.json["worked"][0]["hold"]["reason"].as_str()), (3, Some("approval")), "{said:?}");
    assert_eq!(practice.truth().publishes_of(text), 0);
    let stale = approve(&home, &action, "ben", &["--revision", "1"]);
    assert_eq!((stale.code, stale.why()), (2, "approval-stale"), "{stale:?}");
    assert!(format!("{stale:?}").contains("it changed, look again"), "{stale:?}");
    assert_eq!(run(&home, &["approve", "show", &action]).json["current"], false);

    assert_eq!(run(&home, &["approve", "request", &action]).json["revision"], 2);
    assert_eq!(approve(&home, &action, "ben", &["--reject", "--reason", "the price", "--revision", "2"]).code, 0);
    assert_eq!(run(&home, &["work", "--until-idle"]).json["worked"].as_array().map(Vec::len), Some(0));
    assert_eq!(practice.truth().publishes_of(text), 0);
    assert_eq!(approve(&home, &action, "ben", &["--revision", "2"]).json["enough"], true);
    let said = run(&home, &["work", "--until-idle"]);
    assert_eq!((said.code, practice.truth().publishes_of(text)), (0, 1), "{said:?}");
    runtime.block_on(practice.stop());
}
