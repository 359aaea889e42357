//! `deed account connect`: a person signs in, in a real Chromium with a window on a display of the test's own, and types as a person does.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deed_fixtures::{Practice, PracticeConfig, WriteKind};
use deed_tests::HANDLE;
use deed_tests::process::Home;
use serde_json::Value;

use crate::screen::{Screen, wait};

/// Signs in on the platform's page as soon as it is there.
fn sign_in(screen: &Screen, user: &str, sitting: &Sitting) {
    let window = || screen.window("Sign in.*Practice");
    wait("the sign-in page", || sitting.words(), || window().is_some());
    let window = window().unwrap();
    // Beside the form; from there the second stop of the Tab key is the name.
    for arguments in [
        &["windowfocus", "--sync", &window][..],
        &["mousemove", "30", "500", "click", "1"],
        &["key", "Tab", "Tab"],
        &["type", "--delay", "30", user],
        &["key", "Tab"],
        &["type", "--delay", "30", "practice"],
        &["key", "Return"],
    ] {
        screen.hand(arguments).unwrap_or_else(|| panic!("xdotool {arguments:?}"));
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// One run of the command, with what it says.
struct Sitting<'h> {
    home: &'h Home,
    child: Child,
}

impl<'h> Sitting<'h> {
    fn begin(home: &'h Home, screen: &Screen, practice: &Practice) -> Self {
        let sign_in = format!("{}/login", practice.origin());
        let mut command = home.command(&["account", "connect", HANDLE, "--json", "--url", &sign_in]);
        command.env("DISPLAY", &screen.name).stdin(Stdio::piped());
        let file = |name: &str| std::fs::File::create(home.path().join(name)).unwrap();
        let child = command.stdout(file("connect.json")).stderr(file("connect.log")).spawn().expect("deed starts");
        Self { home, child }
    }

    fn words(&self) -> String {
        std::fs::read_to_string(self.home.path().join("connect.log")).unwrap_or_default()
    }

    /// Exit code and document, when it has ended.
    fn end(mut self) -> (Option<i32>, Value) {
        let ended = std::cell::Cell::new(None);
        let child = std::cell::RefCell::new(&mut self.child);
        let log = self.home.path().join("connect.log");
        wait(
            "it ends",
            || std::fs::read_to_string(&log).unwrap_or_default(),
            || {
                ended.set(child.borrow_mut().try_wait().unwrap());
                ended.get().is_some()
            },
        );
        let text = std::fs::read_to_string(self.home.path().join("connect.json")).unwrap();
        (ended.get().unwrap().code(), serde_json::from_str(&text).unwrap_or_default())
    }
}

impl Drop for Sitting<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A platform, and the account on it without a session.
fn scene() -> (tokio::runtime::Runtime, Practice, Home) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let home = Home::empty();
    let facts = practice.account_fingerprint(HANDLE).expect("the account");
    std::fs::write(home.path().join("avatar.png"), facts.avatar_png).unwrap();
    home.ok(&["init"]);
    let (origin, name) = (practice.origin(), facts.display_name);
    let who = ["--platform", "practice", "--handle", HANDLE, "--name", &name, "--avatar", "avatar.png"];
    home.ok(&[&["account", "add", "--origin", &origin][..], &who[..]].concat());
    (runtime, practice, home)
}

fn has_session(home: &Home) -> bool {
    home.run(home.command(&["account", "list"])).json[0]["has_session"] == true
}

/// No browser, and no profile.
fn nothing_is_left(home: &Home) {
    let profiles = || {
        let entries = std::fs::read_dir(home.path().join("tmp")).unwrap().flatten();
        entries.filter(|e| e.file_name().to_string_lossy().starts_with("deed-browser-")).count()
    };
    let left = || format!("{:?}, {} profiles", home.browsers_left(), profiles());
    wait("both browsers and their profiles are gone", left, || home.browsers_left().is_empty() && profiles() == 0);
}

#[test]
fn a_person_signs_in_and_the_sealed_session_works_and_nothing_of_the_window_stays() {
    let (runtime, practice, home) = scene();
    let screen = Screen::new();
    let sitting = Sitting::begin(&home, &screen, &practice);
    sign_in(&screen, "operator", &sitting);
    let words = home.path().join("connect.log");
    let (code, said) = sitting.end();
    let words = std::fs::read_to_string(words).unwrap();
    assert_eq!((code, said["has_session"].as_bool()), (Some(0), Some(true)), "{said:#}\n{words}");
    assert!(words.contains("proved and sealed"), "{words}");
    nothing_is_left(&home);
    let writes = practice.truth().writes;
    assert!(
        writes.iter().all(|write| write.kind == WriteKind::SignIn) && writes.len() == 1,
        "one sign-in: {writes:#?}"
    );
    // The look that proved it is the account's last one.
    let health = home.run(home.command(&["account", "list"])).json[0]["health"].clone();
    assert_eq!(health["identity"]["proven"], true, "{health:#}");
    // What was captured is what an episode needs.
    home.ok(&["account", "mode", HANDLE, "live"]);
    home.order("With a session that a person made");
    let said = home.run(home.command(&["act", "order.json"]));
    assert_eq!((said.code, said.json["state"].as_str()), (0, Some("postcheck_complete")), "{said:?}");
    runtime.block_on(practice.stop());
}

#[test]
fn of_somebody_else_who_signs_in_nothing_is_stored() {
    let (runtime, practice, home) = scene();
    let screen = Screen::new();
    let mut sitting = Sitting::begin(&home, &screen, &practice);
    sign_in(&screen, "visitor", &sitting);
    // It is said, and waited on.
    wait("it says so", || sitting.words(), || sitting.words().contains("not yet"));
    sitting.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let (code, said) = sitting.end();
    assert_eq!((code, said["error"]["code"].as_str()), (Some(3), Some("sign-in-not-proved")), "{said:#}");
    assert!(!has_session(&home));
    nothing_is_left(&home);
    runtime.block_on(practice.stop());
}

#[test]
fn whatever_ends_it_no_window_and_no_profile_stays() {
    let (runtime, practice, home) = scene();
    let screen = Screen::new();
    for (signal, code) in [("INT", Some(3)), ("TERM", Some(3)), ("KILL", None)] {
        let sitting = Sitting::begin(&home, &screen, &practice);
        let shown = || screen.window("Sign in.*Practice").is_some();
        wait("the window", || sitting.words(), shown);
        let sent = Command::new("kill").args([&format!("-{signal}"), &sitting.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let (ended, said) = sitting.end();
        assert_eq!(ended, code, "SIG{signal}: {said:#}");
        nothing_is_left(&home);
        wait("the window is gone", String::new, || !shown());
    }
    // A person who closes the window without having signed in.
    let sitting = Sitting::begin(&home, &screen, &practice);
    let window = || screen.window("Sign in.*Practice");
    wait("the window", || sitting.words(), || window().is_some());
    screen.hand(&["windowfocus", "--sync", &window().unwrap()]).unwrap();
    screen.hand(&["key", "ctrl+w"]).unwrap();
    let (code, said) = sitting.end();
    assert_eq!((code, said["error"]["code"].as_str()), (Some(3), Some("sign-in-not-proved")), "{said:#}");
    assert!(!has_session(&home));
    nothing_is_left(&home);
    runtime.block_on(practice.stop());
}

#[test]
fn without_a_display_or_a_browser_with_windows_it_is_said_what_to_do() {
    let (runtime, practice, home) = scene();
    let connect = || home.command(&["account", "connect", HANDLE]);
    let said = home.run(connect());
    assert_eq!((said.code, said.why()), (2, "no-display"), "{said:?}");
    assert!(said.json["error"]["help"].as_str().unwrap().contains("--session FILE"), "{said:?}");
    let mut command = connect();
    command.env("DISPLAY", ":99").env("DEED_VISIBLE_BROWSER", "/usr/bin/chromium-headless-shell");
    let said = home.run(command);
    assert_eq!((said.code, said.why()), (70, "no-visible-browser"), "{said:?}");
    runtime.block_on(practice.stop());
}
