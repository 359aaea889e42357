//! Setting up: init, settings, doctor, accounts, sessions, the practice platform's files.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests stop at the first surprise")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Deed, mode, png};

#[test]
fn init_makes_everything_private_and_may_run_again() {
    let deed = Deed::new();
    let first = deed.json(0, &["init"]);
    assert_eq!((first["ledger"]["made"].as_bool(), first["seal_key"]["made"].as_bool()), (Some(true), Some(true)));
    assert_eq!(mode(&deed.ledger()), 0o600);
    assert_eq!(mode(&deed.path("home/.config/deed/seal.key")), 0o600);
    for dir in ["home/.local/share/deed", "home/.local/share/deed/proofs/objects", "home/.config/deed"] {
        assert_eq!(mode(&deed.path(dir)), 0o700, "{dir}");
    }
    let again = deed.json(0, &["init"]);
    assert_eq!((again["ledger"]["made"].as_bool(), again["seal_key"]["made"].as_bool()), (Some(false), Some(false)));
}

#[test]
fn without_a_ledger_nothing_pretends_that_there_is_one() {
    let mut deed = Deed::new();
    deed.set("DEED_DATA", deed.path("mistyped").display().to_string());
    for arguments in [
        &["kill", "on", "--reason", "x"][..],
        &["kill", "status"],
        &["queue", "list"],
        &["account", "list"],
        &["audit", "verify"],
        &["work", "--until-idle"],
    ] {
        assert_eq!(deed.fails(2, arguments).0, "not-initialised", "{arguments:?}");
    }
    assert!(!deed.path("mistyped").exists(), "looking makes nothing");
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let deed = Deed::new();
    let (code, said) = deed.fails(2, &["kil", "on"]);
    assert!(code == "usage" && said.err.contains("'kill'"), "{}", said.err);
    assert_eq!(deed.fails(2, &["kill", "on"]).0, "usage");
    assert_eq!(deed.fails(2, &["work", "--concurrency", "0"]).0, "usage");
    let help = deed.ok(&["--help"]);
    assert!(help.out.contains("Exit codes: 0 done") && help.err.is_empty());
}

#[test]
fn settings_come_from_the_file_the_environment_and_flags() {
    let mut deed = Deed::new();
    deed.write("deed.toml", "data_dir = \"from-file\"\noperator = \"file\"\n");
    let seen = |deed: &Deed, flags: &[&str]| {
        let data = deed.json(0, &[flags, &["init"]].concat());
        (data["ledger"]["path"].as_str().unwrap().to_owned(), data["operator"].as_str().unwrap().to_owned())
    };
    assert!(seen(&deed, &[]).0.ends_with("from-file/ledger.sqlite"));
    assert_eq!(seen(&deed, &[]).1, "ann", "the environment wins over the file");
    deed.set("DEED_DATA", deed.path("from-env").display().to_string());
    assert!(seen(&deed, &[]).0.ends_with("from-env/ledger.sqlite"));
    assert!(seen(&deed, &["--data-dir", "from-flag"]).0.ends_with("from-flag/ledger.sqlite"));

    deed.write("deed.toml", "operator = \"ann\"\nbrwoser = \"x\"\n");
    let (code, said) = deed.fails(2, &["init"]);
    assert_eq!(code, "settings-invalid");
    assert!(said.err.contains("where: deed.toml:2:1") && said.err.contains("did you mean `browser`?"), "{}", said.err);
    deed.set("DEED_CONFIG", "/nonexistent.toml");
    assert_eq!(deed.fails(2, &["init"]).0, "settings-unreadable");
}

#[test]
fn a_seal_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let deed = Deed::with_account();
    let key = deed.path("home/.config/deed/seal.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(deed.fails(70, &["account", "list"]).0, "key-exposed");
    let checks = deed.json(70, &["doctor"]);
    let failed =
        |name: &str| checks["checks"].as_array().unwrap().iter().any(|c| c["check"] == name && c["status"] == "fail");
    assert!(failed("seal key") && failed("ledger"), "{checks}");
}

#[test]
fn the_doctor_names_a_missing_browser_and_what_to_do() {
    let mut deed = Deed::with_account();
    deed.set("DEED_BROWSER", "/nonexistent/chromium");
    let checks = deed.json(70, &["doctor"]);
    let browser = checks["checks"].as_array().unwrap().iter().find(|c| c["check"] == "browser").unwrap().clone();
    assert_eq!(browser["status"], "fail");
    assert!(browser["seen"].as_str().unwrap().contains("[browser-launch]"), "{browser}");
    assert!(browser["remedy"].as_str().unwrap().contains("chromium-headless-shell"), "{browser}");
    let ok =
        |name: &str| checks["checks"].as_array().unwrap().iter().any(|c| c["check"] == name && c["status"] == "ok");
    assert!(ok("data") && ok("proofs") && ok("ledger") && ok("seal key") && ok("clock"), "{checks}");
}

#[test]
fn the_demonstration_says_at_once_that_the_browser_is_missing_and_leaves_nothing() {
    let mut deed = Deed::new();
    deed.set("DEED_BROWSER", "/nonexistent/chromium");
    assert_eq!(deed.fails(70, &["demo", "--dir", "demo"]).0, "browser-launch");
    assert!(!deed.path("demo").exists());
    deed.set("DEED_BROWSER", "/bin/true");
    std::fs::create_dir(deed.path("full")).unwrap();
    deed.write("full/mine.txt", "x");
    assert_eq!(deed.fails(2, &["demo", "--dir", "full"]).0, "usage");
}

#[test]
fn an_account_begins_in_draft_and_every_act_on_it_is_told() {
    let deed = Deed::with_account();
    let account = deed.json(0, &["account", "show", "@north_star"]);
    assert_eq!((account["mode"].as_str(), account["state"].as_str()), (Some("draft"), Some("active")));
    assert_eq!((account["handle"].as_str(), account["has_session"].as_bool()), (Some("north_star"), Some(false)));
    assert_eq!(deed.json(0, &["account", "mode", "north_star", "live"])["mode"], "live");
    let suspended = deed.json(0, &["account", "suspend", "practice/north_star", "--reason", "on leave"]);
    assert_eq!((suspended["state"].as_str(), suspended["mode"].as_str()), (Some("suspended"), Some("live")));
    let cleared = deed.json(0, &["account", "clear", account["account_id"].as_str().unwrap(), "--reason", "back"]);
    assert_eq!((cleared["state"].as_str(), cleared["state_reason"].as_str()), (Some("active"), None));

    let lines = deed.json(0, &["audit", "tail"]);
    let told: Vec<_> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["event"]["result"]["status"].as_str().unwrap(), l["by"].as_str().unwrap(), l["reason"].as_str()))
        .collect();
    let expected = [
        ("client_added", "ann", None),
        ("account_added", "ann", None),
        ("account_mode_live", "ann", None),
        ("account_suspended", "ann", Some("on leave")),
        ("account_cleared", "ann", Some("back")),
    ];
    assert_eq!(told, expected);
}

#[test]
fn bad_accounts_are_refused_before_anything_is_stored() {
    let deed = Deed::with_account();
    let add = |more: &[&str]| {
        let mut arguments = vec!["account", "add", "--platform", "practice", "--handle", "harbour_books"];
        arguments.extend(more);
        deed.fails(2, &arguments).0
    };
    let words = deed.write("words.json", "{\"cookies\": 3}").display().to_string();
    let origin = ["--origin", "http://127.0.0.1:4999"];
    assert_eq!(add(&[]), "origin-not-allowed");
    assert_eq!(add(&["--origin", "https://evil.test"]), "origin-not-allowed");
    assert_eq!(add(&[&origin[..], &["--session", &words]].concat()), "session-invalid");
    assert_eq!(add(&[&origin[..], &["--session", "/nonexistent"]].concat()), "session-unreadable");
    assert_eq!(add(&[&origin[..], &["--avatar", &words]].concat()), "picture-format");
    assert_eq!(deed.fails(2, &["account", "add", "--platform", "myspace", "--handle", "x"]).0, "recipe-not-built-in");
    assert_eq!(deed.json(0, &["account", "list"]).as_array().unwrap().len(), 1, "only the one from before");
    let again =
        ["account", "add", "--platform", "practice", "--handle", "north_star", "--origin", "http://127.0.0.1:4999"];
    assert_eq!(deed.fails(2, &again).0, "account-exists");
    assert_eq!(deed.fails(2, &["account", "show", "nobody"]).0, "not-found");
}

#[test]
fn two_accounts_of_one_handle_are_told_apart() {
    let deed = Deed::with_account();
    let other = "http://127.0.0.1:4998";
    deed.ok(&["account", "add", "--platform", "practice", "--handle", "north_star", "--name", "N", "--origin", other]);
    let (code, said) = deed.fails(2, &["account", "show", "north_star"]);
    assert_eq!(code, "ambiguous-account");
    assert!(said.err.contains(other), "{}", said.err);
}

#[test]
fn the_practice_platform_writes_what_an_account_needs_and_ends_when_asked() {
    let deed = Deed::new();
    let mut command = deed.command(&["practice", "--files", "files", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !text.ends_with("\n}\n") {
        text.push_str(&lines.next().expect("it says where it is").unwrap());
        text.push('\n');
    }
    let said: serde_json::Value = serde_json::from_str(&text).unwrap();
    let origin = said["origin"].as_str().unwrap();
    let account = &said["accounts"][0];
    assert_eq!(mode(&deed.path(account["session"].as_str().unwrap())), 0o600);

    let field = |name: &str| account[name].as_str().unwrap().to_owned();
    let (handle, name, avatar, session) = (field("handle"), field("name"), field("avatar"), field("session"));
    let added = deed.json(
        0,
        &[
            "account",
            "add",
            "--platform",
            "practice",
            "--handle",
            &handle,
            "--name",
            &name,
            "--avatar",
            &avatar,
            "--origin",
            origin,
            "--session",
            &session,
        ],
    );
    assert_eq!((added["has_session"].as_bool(), added["mode"].as_str()), (Some(true), Some("draft")));
    assert_eq!(added["avatar_hash"].as_str().map(str::len), Some(16));
    let sealed = std::fs::read(deed.ledger()).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("practice_session"), "the session is sealed");

    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_avatar_is_known_by_its_look() {
    let deed = Deed::new();
    let avatar = deed.write("avatar.png", png()).display().to_string();
    let added = deed.json(
        0,
        &[
            "account",
            "add",
            "--platform",
            "practice",
            "--handle",
            "x",
            "--avatar",
            &avatar,
            "--origin",
            "http://127.0.0.1:1",
        ],
    );
    assert_ne!(added["avatar_hash"], "0000000000000000");
}
