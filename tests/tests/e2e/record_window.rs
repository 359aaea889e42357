//! `deed record --window`: a person browses in a real Chromium on a display of the test's own, and what they visit is kept.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::HANDLE;
use deed_tests::process::Home;
use serde_json::Value;

use crate::screen::{Screen, wait};

#[test]
fn what_a_person_visits_in_the_window_is_kept_and_nothing_is_sent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).unwrap();
    let home = Home::new(&practice);
    let screen = Screen::new();
    let file = |name: &str| std::fs::File::create(home.path().join(name)).unwrap();
    let words = || std::fs::read_to_string(home.path().join("record.log")).unwrap_or_default();
    let mut command = home.command(&["record", "--account", HANDLE, "--window", "--out", "seen", "--json"]);
    command.env("DISPLAY", &screen.name).stdin(Stdio::piped());
    let mut deed = command.stdout(file("record.json")).stderr(file("record.log")).spawn().unwrap();
    let kept =
        |times: usize, page: &str| words().matches(&format!("kept {}{page}\n", practice.origin())).count() >= times;
    let own = format!("/{HANDLE}");
    wait("the account's own page", words, || kept(1, &own));

    // As a person goes to another page.
    let window = screen.window("Practice").unwrap();
    let go_to = |address: &str| {
        let typed = ["type", "--delay", "20", address];
        for arguments in [&["windowfocus", "--sync", &window][..], &["key", "ctrl+l"], &typed, &["key", "Return"]] {
            assert!(screen.hand(arguments).is_some(), "xdotool {arguments:?}");
            std::thread::park_timeout(Duration::from_millis(200));
        }
    };
    go_to(&format!("{}/compose?token=not-for-the-terminal", practice.origin()));
    wait("the page that was gone to", words, || kept(1, "/compose"));
    // And asks for another picture of it.
    deed.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    wait("the picture that was asked for", words, || kept(2, "/compose"));
    // And does what the recipe declares as a write. It is asked for, and does not leave.
    let liked = practice.truth().objects.first().map(|object| object.id.clone()).unwrap();
    go_to(&format!(
        "javascript:void(fetch('/api/posts/{liked}/like',{{method:'POST'}}).catch(()=>document.title='Refused'))"
    ));
    wait("the write that is refused", words, || screen.window("^Refused").is_some());
    assert!(screen.hand(&["key", "ctrl+w"]).is_some());
    let ended = std::cell::RefCell::new(&mut deed);
    wait("it ends with the window", words, || ended.borrow_mut().try_wait().unwrap().is_some());
    assert!(deed.wait().unwrap().success(), "{}", words());
    wait("the browser is gone", String::new, || home.browsers_left().is_empty());

    let text = std::fs::read_to_string(home.path().join("record.json")).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((said["pictures"].as_u64(), said["visited"].as_array().map(Vec::len)), (Some(3), Some(3)), "{said:#}");
    assert!(!text.contains("not-for-the-terminal") && !words().contains("not-for-the-terminal"), "{text}\n{}", words());
    let har = std::fs::read_to_string(home.path().join("seen/fixture.har")).unwrap();
    for page in [&own, "/compose"] {
        assert!(har.contains(&format!("\"url\": \"{}{page}", practice.origin())), "{page} is not on the tape");
    }
    assert!(!har.contains("not-for-the-terminal"), "a query parameter that is named like a secret");
    assert!(practice.truth().writes.is_empty(), "nothing was sent");
    runtime.block_on(practice.stop());
}

#[test]
fn without_a_display_the_pages_can_be_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).unwrap();
    let home = Home::new(&practice);
    let said = home.run(home.command(&["record", "--account", HANDLE, "--window", "--out", "seen"]));
    assert_eq!((said.code, said.why()), (2, "no-display"), "{said:?}");
    assert!(said.json["error"]["help"].as_str().unwrap().contains("URL"), "{said:?}");
    assert!(!home.path().join("seen").exists());
    runtime.block_on(practice.stop());
}

/// Ctrl-C in the terminal ends it like the window's own button: what was visited is kept.
#[test]
fn ctrl_c_keeps_what_was_visited() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).unwrap();
    let home = Home::new(&practice);
    let screen = Screen::new();
    let log = home.path().join("record.log");
    let words = || std::fs::read_to_string(&log).unwrap_or_default();
    let mut command = home.command(&["record", "--account", HANDLE, "--window", "--out", "seen"]);
    command.env("DISPLAY", &screen.name).stdin(Stdio::null()).stdout(Stdio::null());
    let mut deed = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    wait("the first page", words, || words().contains("kept http"));
    let sent = Command::new("kill").args(["-INT", &deed.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let ended = std::cell::RefCell::new(&mut deed);
    wait("it ends", words, || ended.borrow_mut().try_wait().unwrap().is_some());
    assert!(deed.wait().unwrap().success(), "{}", words());
    assert!(
        home.path().join("seen/fixture.har").is_file() && home.path().join("seen/screenshot-1-page1.png").is_file()
    );
    wait("the browser is gone", String::new, || home.browsers_left().is_empty());
    runtime.block_on(practice.stop());
}
