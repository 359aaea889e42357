//! The browser's own promises, each against real Chromium: it runs as nobody, listens nowhere, dies with its runner, and a
//! killed, wedged or crashed one is an error within its bound.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::now;
use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig, Runners};
use deed_core::ids::WorkerId;
use deed_core::judge::quorum;
use deed_core::ports::browser::{Access, Browser as _, BrowserFault, GateVerdict, Look, Need, Opening, Session as _};
use deed_fixtures::{Practice, PracticeConfig};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

fn chromium(runner: Option<(Runners, WorkerId)>) -> Chromium {
    Chromium::new(ChromiumConfig { launch: LaunchConfig::default(), runner, now: Arc::new(now) })
}

fn opening(practice: &Practice, access: Access) -> Opening {
    let recipe = deed_recipes::load_builtin("practice").unwrap();
    let session = practice.storage_state("north_star").unwrap().to_string();
    Opening { access, ..crate::support::opening(&practice.origin(), recipe, &session) }
}

async fn practice() -> Practice {
    Practice::start(PracticeConfig::default()).await.unwrap()
}

fn visible(element: &str) -> Look {
    Look {
        elements: vec![element.to_owned()],
        until: vec![Need::Visible(element.to_owned())],
        within: Duration::from_secs(20),
        ..Look::default()
    }
}

/// Status file fields of every live process of a group.
fn processes(group: i32) -> Vec<(i32, String)> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(')')?;
            let fields: Vec<_> = rest.split_whitespace().collect();
            // "X": dead and about to leave the table, as much gone as a zombie.
            (fields[2] == group.to_string() && !matches!(fields[0], "Z" | "X")).then_some(())?;
            // One that ended between the two reads is none.
            Some((pid, std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_sandboxed_never_root_and_listens_nowhere() {
    let (practice, browser) = (practice().await, chromium(None));
    let session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    let group = browser.process_group().await.unwrap();
    // It answers before its renderer is there and has shut itself in.
    let until = Instant::now() + Duration::from_secs(30);
    let all = loop {
        let all = processes(group);
        let shut_in = all.iter().any(|(_, status)| status.contains("Seccomp:\t2"));
        if (all.len() >= 3 && shut_in) || Instant::now() >= until {
            break all;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(all.len() >= 3, "a browser has several processes: {}", all.len());
    for (pid, status) in &all {
        let uid = status.lines().find(|l| l.starts_with("Uid:")).unwrap_or("Uid: 0");
        assert!(!uid.split_whitespace().skip(1).any(|id| id == "0"), "process {pid} runs as root: {uid}");
    }
    // Renderers run under seccomp (mode 2) when the sandbox is on.
    assert!(all.iter().any(|(_, status)| status.contains("Seccomp:\t2")), "no sandboxed process");
    // No socket of any of its processes listens.
    for (pid, _) in &all {
        for table in ["tcp", "tcp6"] {
            let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            let listening: Vec<_> =
                text.lines().skip(1).filter(|l| l.split_whitespace().nth(3) == Some("0A")).collect();
            for line in listening {
                let inode = line.split_whitespace().nth(9).unwrap();
                let owns = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().any(|fd| {
                    std::fs::read_link(fd.path()).is_ok_and(|l| l.to_string_lossy() == format!("socket:[{inode}]"))
                });
                assert!(!owns, "process {pid} listens: {line}");
            }
        }
    }
    drop(session);
    browser.stop().await;
    assert!(processes(group).is_empty(), "it is gone after stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_browser_is_an_error_within_2_s() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/north_star", practice.origin())).await.unwrap();
    let group = browser.process_group().await.unwrap();
    let started = Instant::now();
    // Waits for something that never comes, while the browser is killed.
    let look = visible("welcome_dismiss");
    let (seen, ()) = tokio::join!(session.look(&look), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill_process_group(Pid::from_raw(group).unwrap(), Signal::KILL).unwrap();
    });
    // Its end was noticed, not a heartbeat that is missing: how soon that is does not hang on the machine's speed.
    assert!(matches!(&seen, Err(BrowserFault::Gone(why)) if !why.contains("heartbeat")), "{seen:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    // The next session gets a new browser.
    drop(session);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/north_star", practice.origin())).await.unwrap();
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wedged_browser_is_an_error_within_6_s() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/north_star", practice.origin())).await.unwrap();
    let group = browser.process_group().await.unwrap();
    kill_process_group(Pid::from_raw(group).unwrap(), Signal::STOP).unwrap();
    let started = Instant::now();
    let seen = session.look(&visible("welcome_dismiss")).await;
    // By the heartbeat, which is 5 s at most; the look itself would have waited 20 s.
    assert!(matches!(&seen, Err(BrowserFault::Gone(why)) if why.contains("heartbeat")), "{seen:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    browser.stop().await;
    assert!(processes(group).is_empty(), "a stopped browser is ended too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_tab_is_an_error_within_2_s() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/north_star", practice.origin())).await.unwrap();
    let group = browser.process_group().await.unwrap();
    let started = Instant::now();
    let look = visible("welcome_dismiss");
    let (seen, ()) = tokio::join!(session.look(&look), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for (pid, _) in processes(group) {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains("--type=renderer") {
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        }
    });
    assert!(matches!(seen, Err(BrowserFault::TabCrashed)), "{seen:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_ends_the_browser_of_a_dead_runner_and_leaves_a_living_ones_alone() {
    let dir = tempfile::tempdir().unwrap();
    let runners = Runners::open(dir.path()).unwrap();
    let worker = WorkerId::new("w-dead");
    let lock = runners.enter(&worker).unwrap();
    let browser = chromium(Some((runners.clone(), worker.clone())));
    let _running = browser.running().await.unwrap();
    let group = browser.process_group().await.unwrap();

    assert!(runners.dead().unwrap().is_empty());
    assert!(runners.end_browser_of(&worker, false).await.is_err(), "the runner lives");
    assert!(!processes(group).is_empty());

    // The lock is let go of as the kernel does it when a runner is killed: the file stays.
    let note = std::fs::read(dir.path().join("w-dead.browser")).unwrap();
    drop(lock);
    std::fs::write(dir.path().join("w-dead.lock"), "").unwrap();
    std::fs::write(dir.path().join("w-dead.browser"), note).unwrap();
    assert_eq!(runners.dead().unwrap(), vec![worker.clone()]);
    runners.end_browser_of(&worker, false).await.unwrap();
    assert!(processes(group).is_empty(), "gone when the call returns");
    assert_eq!(runners.dead().unwrap(), vec![worker.clone()], "known to be dead until its claims are taken over");
    runners.forget(&worker);
    assert!(runners.dead().unwrap().is_empty(), "and forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_declared_write_leaves_without_a_permit() {
    let practice = practice().await;
    let browser = chromium(None);
    for access in [Access::ReadOnly, Access::Write] {
        let mut session = browser.open(&opening(&practice, access)).await.unwrap();
        session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
        let seen = session.look(&visible("editor")).await.unwrap();
        assert!(seen.satisfied);
        let (editor, _) = quorum::lone(&seen, "editor").unwrap();
        session.type_text(editor, "never sent").await.unwrap();
        // The page's own script fires the write, by every way that a page has.
        for script in [
            "fetch('/api/posts', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{\"text\":\"by fetch\"}'})",
            "navigator.sendBeacon('/api/posts', new Blob(['{\"text\":\"by beacon\"}'], {type: 'application/json'}))",
            "(() => { const f = document.createElement('iframe'); document.body.append(f); f.contentWindow.fetch(location.origin + '/api/posts', {method: 'POST', body: '{}'}); })()",
            "new Worker(URL.createObjectURL(new Blob([`fetch('${location.origin}/api/posts', {method: 'POST', body: '{}'})`])))",
            "(() => { const f = document.createElement('form'); f.method = 'post'; f.action = '/api/posts'; document.body.append(f); f.submit(); })()",
        ] {
            session.run_in_page_for_tests(script).await.unwrap();
        }
        let until = Instant::now() + Duration::from_secs(20);
        while session.writes(Duration::ZERO).await.len() < 4 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let writes = session.writes(Duration::ZERO).await;
        assert!(writes.len() >= 4, "the gate saw {writes:?}");
        assert!(writes.iter().all(|w| w.verdict == GateVerdict::Blocked), "{writes:?}");
        session.close().await;
    }
    assert!(
        practice.truth().writes.iter().all(|w| w.kind != deed_fixtures::WriteKind::Publish),
        "{:?}",
        practice.truth().writes
    );
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reversible_input_reaches_the_commit_element() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::Write)).await.unwrap();
    session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
    let seen = session.look(&visible("editor")).await.unwrap();
    let (editor, _) = quorum::lone(&seen, "editor").unwrap();
    session.type_text(editor, "ready to go").await.unwrap();
    let seen = session.look(&visible("post_button")).await.unwrap();
    let (button, _) = quorum::lone(&seen, "post_button").unwrap();
    assert!(seen.nodes[&button].enabled, "it could be pressed");
    let refused = session.click(button).await;
    assert!(matches!(refused, Err(BrowserFault::InputRefused(_))), "{refused:?}");
    let refused = session.type_text(button, "x").await;
    assert!(matches!(refused, Err(BrowserFault::InputRefused(_))), "{refused:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(session.writes(Duration::ZERO).await.is_empty(), "nothing was even tried");
    session.close().await;
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_snapshot() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
    assert!(session.look(&visible("editor")).await.unwrap().satisfied);
    let build = "for (const [name, more] of [['type', 'password'], ['autocomplete', 'one-time-code']]) { \
                 const el = document.createElement('input'); el.setAttribute(name, more); el.setAttribute('value', `hunter-${more}`); \
                 document.querySelector('main').append(el); }";
    session.run_in_page_for_tests(build).await.unwrap();
    let html = session.capture().await.unwrap().html;
    assert!(html.contains("one-time-code") && html.contains("type=\"password\""), "the fields are there");
    assert!(!html.contains("hunter-"), "their values are not");
    browser.stop().await;
}

/// Of what the runner knows nothing is passed on, and nobody else sees what the browser keeps.
#[tokio::test(flavor = "multi_thread")]
async fn it_has_a_clean_environment_and_a_private_home_that_goes_with_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let launch = LaunchConfig { profiles_in: Some(dir.path().to_owned()), ..LaunchConfig::default() };
    let browser = Chromium::new(ChromiumConfig { launch, runner: None, now: Arc::new(now) });
    let running = browser.running().await.unwrap();
    let group = browser.process_group().await.unwrap();
    // What this test runs with stands for the proxies and tokens of an operator.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for (pid, _) in processes(group) {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains("CARGO_"), "process {pid}");
    }
    let home = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    browser.stop().await;
    drop(running);
    let until = Instant::now() + Duration::from_secs(60);
    while std::fs::read_dir(dir.path()).unwrap().next().is_some() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "it is removed with the browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_not_see_the_looking_code_and_sees_that_it_is_automated() {
    let practice = practice().await;
    let browser = chromium(None);
    let mut session = browser.open(&opening(&practice, Access::ReadOnly)).await.unwrap();
    session.goto(&format!("{}/compose", practice.origin())).await.unwrap();
    assert!(session.look(&visible("editor")).await.unwrap().satisfied);
    let seen = session.evaluate_in_page_for_tests("`${typeof __deed} ${navigator.webdriver}`").await.unwrap();
    assert_eq!(seen, "undefined true");
    browser.stop().await;
}
