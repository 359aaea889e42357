//! The machine fails under the real process: a full disk, a disk that can not be written, a wedged browser whose runner is killed, a
//! signal in the middle of a press. What is said names the remedy, nothing is sent that is not told, and the next run goes on by itself.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deed_fixtures::{Faults, Practice, PracticeConfig};
use deed_tests::HANDLE;
use deed_tests::process::{Home, Said, run_until};

/// The practice platform beside the process.
struct Platform {
    runtime: tokio::runtime::Runtime,
    practice: Practice,
}

impl Platform {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
        Self { runtime, practice }
    }

    fn end(self) {
        self.runtime.block_on(self.practice.stop());
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// How many actions there are.
fn actions(home: &Home, data: &Path) -> usize {
    let mut list = home.command(&["queue", "list"]);
    list.env("DEED_DATA", data);
    home.run(list).json.as_array().map_or(0, Vec::len)
}

fn failed(said: &Said, code: &str, remedy: &str) {
    assert_eq!((said.code, said.why()), (70, code), "{said:?}");
    let help = said.json["error"]["help"].as_str().unwrap_or_default();
    assert!(help.contains(remedy), "{help}");
}

#[test]
fn a_full_disk_is_named_when_the_ledger_opens_when_an_order_is_filed_and_when_media_are_kept() {
    let Some(home) = Home::with_small_disk(2048) else { return };
    let platform = Platform::new();
    let data = home.path().join("disk/data");
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command.env("DEED_DATA", &data);
        home.run(command)
    };
    // Not even made: it is said, and when there is room the same command goes on.
    home.disk().fill(0);
    let said = run(&["init"]);
    assert!(said.code == 70 && ["file", "ledger-full"].contains(&said.why()), "{said:?}");
    home.disk().make_room();
    assert_eq!(run(&["init"]).code, 0);
    let origin = platform.practice.origin();
    let add = ["account", "add", "--platform", "practice", "--handle", HANDLE, "--origin", &origin];
    assert_eq!(run(&add).code, 0);
    home.order("Filed when there is room");

    home.disk().fill(0);
    for command in [&["queue", "list"][..], &["act", "order.json"], &["kill", "on", "--reason", "storm"]] {
        failed(&run(command), "ledger-full", "make room on that disk");
    }
    home.disk().make_room();
    // So much that it opens: the index beside the log takes 32 KiB.
    home.disk().fill(40);
    failed(&run(&["act", "order.json"]), "ledger-full", "make room on that disk");
    home.disk().make_room();
    assert_eq!(actions(&home, &data), 0, "nothing half-filed");

    // Room for the ledger, none for the copy of a picture.
    let mut picture = platform.practice.account_fingerprint(HANDLE).expect("the account").avatar_png;
    picture.resize(picture.len() + 400 * 1024, 0);
    std::fs::write(home.path().join("large.png"), picture).expect("a picture");
    let order = serde_json::json!({
        "platform": "practice", "account": HANDLE, "action": "publish.post",
        "content": { "text": "With a picture", "media": ["large.png"] },
    });
    std::fs::write(home.path().join("order.json"), order.to_string()).expect("the order");
    home.disk().fill(300);
    failed(&run(&["queue", "add", "order.json"]), "file", "make room there");
    assert_eq!(actions(&home, &data), 0, "nothing half-filed");
    home.disk().make_room();
    assert_eq!(run(&["queue", "add", "order.json"]).code, 0);
    assert_eq!(run(&["audit", "verify"]).json["ok"], true);
    platform.end();
}

/// `ulimit -f`, and with it every errno but ENOSPC by which a file takes no more: SQLite calls them an I/O error.
#[test]
fn a_file_that_may_not_become_longer_is_a_full_disk_and_not_the_end_of_the_process() {
    let platform = Platform::new();
    let home = Home::new(&platform.practice);
    home.order("Filed without a limit");
    let file = home.command(&["queue", "add", "order.json", "--json"]);
    // In blocks of 512 bytes: the index beside the log has 64, and the log of one order has more than that.
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -f 66 && exec \"$@\"", "sh"]).arg(file.get_program()).args(file.get_args());
    limited.current_dir(home.path()).env_clear().stdin(std::process::Stdio::null());
    limited.envs(file.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.output().expect("a shell");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!((output.status.code(), said["error"]["code"].as_str()), (Some(70), Some("ledger-full")), "{output:?}");
    let list = || home.run(home.command(&["queue", "list"])).json.as_array().map_or(0, Vec::len);
    assert_eq!(list(), 0, "nothing half-filed");
    home.ok(&["queue", "add", "order.json"]);
    assert_eq!((list(), home.run(home.command(&["audit", "verify"])).json["ok"].as_bool()), (1, Some(true)));
    platform.end();
}

/// The disk is filled when the process says that it reached a boundary; it may be a little further by then.
#[test]
fn a_disk_that_fills_up_during_an_episode_is_told_truthfully_and_the_next_run_resolves_it() {
    let Some(home) = Home::with_small_disk(16 * 1024).filter(|home| home.disk().takes_a_browser()) else { return };
    let platform = Platform::new();
    home.connect(&platform.practice);
    let data = home.path().join("disk/data");
    std::fs::create_dir(home.disk().from_outside().join("data")).expect("a directory");
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(home.path().join("data/.")).arg(home.disk().from_outside().join("data"));
    assert!(copy.status().expect("cp runs").success());
    let act = || {
        let mut command = home.command(&["act", "order.json"]);
        command.env("DEED_DATA", &data).env("DEED_PROOFS", home.path().join("proofs"));
        command
    };
    for boundary in ["preflight_passed", "composed", "proof_durable", "armed", "pressed", "receipt", "verified"] {
        let text = format!("Filled at {boundary}");
        home.order(&text);
        let mut command = act();
        command.env("DEED_LOG", "deed=debug");
        let child = run_until(&mut command, |line| line.contains(&format!("boundary=\"{boundary}\"")));
        home.disk().fill(0);
        let code = child.unwrap_or_else(|| panic!("{boundary} was not reached")).wait().expect("it ends").code();
        let writes = platform.practice.truth().publishes_of(&text);
        // Done, held and failed are told of what is so; what is not known says that; and 70 means that nothing was sent.
        let truthful = match code {
            Some(0) => writes == 1,
            Some(3 | 70) => writes == 0,
            Some(4 | 5) => writes <= 1,
            _ => false,
        };
        assert!(truthful, "{boundary}: {code:?} with {writes} writes");
        home.disk().make_room();
        let said = home.run(act());
        let writes = platform.practice.truth().publishes_of(&text);
        match said.json["state"].as_str() {
            Some("postcheck_complete" | "confirmed_success") => assert_eq!(writes, 1, "{boundary}: {said:?}"),
            Some("confirmed_failed") => assert_eq!(writes, 0, "{boundary}: {said:?}"),
            _ => panic!("{boundary}: the next run does not resolve it: {said:?}"),
        }
        let mut verify = home.command(&["audit", "verify"]);
        verify.env("DEED_DATA", &data);
        assert_eq!(home.run(verify).json["ok"], true, "{boundary}");
        // The third outcome in a day that is not known at once stops the account until somebody has looked.
        let ask = |arguments: &[&str]| {
            let mut command = home.command(arguments);
            command.env("DEED_DATA", &data);
            home.run(command)
        };
        for warning in ask(&["warning", "list"]).json.as_array().expect("a list") {
            let id = warning["warning_id"].as_str().expect("an id");
            assert_eq!(ask(&["warning", "close", id, "--reason", "the disk was full"]).code, 0);
        }
    }
    platform.end();
}

/// Held before the commit, nothing sent; and with room the same order goes on to its end.
fn held_for_proof_and_then_posted(home: &Home, platform: &Platform, proofs: &Path, mend: impl FnOnce()) {
    home.order("Not without proof");
    let act = || {
        let mut command = home.command(&["act", "order.json"]);
        command.env("DEED_PROOFS", proofs);
        home.run(command)
    };
    let said = act();
    assert_eq!((said.code, said.why()), (3, "proof"), "{said:?}");
    assert_eq!(platform.practice.truth().publishes_of("Not without proof"), 0);
    assert_eq!(said.json["state"], "queued", "{said:?}");
    let account = home.run(home.command(&["account", "show", HANDLE]));
    assert_eq!(account.json["state"], "active", "the disk is no fault of the account: {account:?}");
    mend();
    let said = act();
    assert_eq!((said.code, said.json["state"].as_str()), (0, Some("postcheck_complete")), "{said:?}");
    assert_eq!(platform.practice.truth().publishes_of("Not without proof"), 1);
    assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true);
}

#[test]
fn a_full_proof_store_holds_the_action_before_its_commit() {
    let Some(home) = Home::with_small_disk(64 * 1024).filter(|home| home.disk().takes_a_browser()) else { return };
    let platform = Platform::new();
    home.connect(&platform.practice);
    let proofs = home.path().join("disk/proofs");
    let mut init = home.command(&["init"]);
    init.env("DEED_PROOFS", &proofs);
    assert_eq!(home.run(init).code, 0);
    home.disk().fill(0);
    held_for_proof_and_then_posted(&home, &platform, &proofs, || home.disk().make_room());
    platform.end();
}

#[test]
fn a_proof_store_that_can_not_be_written_holds_the_action_before_its_commit() {
    let platform = Platform::new();
    let home = Home::unprivileged(&platform.practice);
    let proofs = home.path().join("data/proofs");
    let folders = [proofs.join("objects"), proofs.join("episodes"), proofs.clone()];
    folders.iter().for_each(|folder| set_mode(folder, 0o500));
    held_for_proof_and_then_posted(&home, &platform, &proofs, || folders.iter().for_each(|f| set_mode(f, 0o700)));
    platform.end();
}

#[test]
fn a_data_directory_that_can_not_be_written_is_named_with_what_to_do() {
    let platform = Platform::new();
    let home = Home::unprivileged(&platform.practice);
    let data = home.path().join("data");
    let ledger = data.join("ledger.sqlite");
    home.order("When it can be written");
    let add = || home.run(home.command(&["queue", "add", "order.json"]));
    set_mode(&ledger, 0o400);
    failed(&add(), "ledger-read-only", "able to write the file and the directory");
    set_mode(&data, 0o500);
    failed(&add(), "ledger-read-only", "able to write the file and the directory");
    set_mode(&ledger, 0o600);
    set_mode(&data, 0o700);
    // The register of runners is no fault of the browser.
    let register = data.join("runners");
    std::fs::create_dir_all(&register).expect("a directory");
    set_mode(&register, 0o500);
    failed(&home.run(home.command(&["act", "order.json"])), "file", "this user may use it");
    assert_eq!(actions(&home, &data), 1, "the order was filed and waits");
    std::fs::remove_dir(&register).expect("it is empty");
    assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true);
    platform.end();
}

fn signal(name: &str, to: &str) {
    assert!(Command::new("kill").args([name, "--", to]).status().expect("kill runs").success(), "{name} {to}");
}

/// The process group of a browser of this home.
fn browser_group(home: &Home) -> String {
    let mark = home.path().join("tmp").display().to_string();
    let mut groups = std::fs::read_dir("/proc").expect("proc").flatten().filter_map(|entry| {
        let line = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?).into_owned();
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let group = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.to_owned();
        (line.contains(&mark) && line.contains("--remote-debugging-pipe")).then_some(group)
    });
    groups.next().expect("a browser runs")
}

fn wait_until(platform: &Platform, what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    platform.runtime.block_on(async {
        while !so() {
            assert!(began.elapsed() < Duration::from_secs(120), "{what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

/// A closed pipe ends a healthy browser. One that is wedged does not notice: the guard ends it.
#[test]
fn a_wedged_browser_does_not_outlive_a_killed_runner() {
    let platform = Platform::new();
    let home = Home::new(&platform.practice);
    home.order("Wedged");
    let mut command = home.command(&["act", "order.json"]);
    command.env("DEED_HALT_AT", "composed");
    let mut runner: Child = run_until(&mut command, |line| line.contains("halted at")).expect("it halts");
    signal("-STOP", &format!("-{}", browser_group(&home)));
    runner.kill().expect("it is killed");
    runner.wait().expect("it is gone");
    wait_until(&platform, "the browser is gone", || home.browsers_left().is_empty());
    let tmp = home.path().join("tmp");
    wait_until(&platform, "its profile is gone", || std::fs::read_dir(&tmp).expect("a directory").next().is_none());
    let said = home.run(home.command(&["act", "order.json"]));
    assert_eq!(said.json["state"], "postcheck_complete", "{said:?}");
    assert_eq!(platform.practice.truth().publishes_of("Wedged"), 1);
    platform.end();
}

/// Nothing but the end of the press ends a press: the platform's answer is read and kept before the signal counts.
#[test]
fn a_signal_in_the_middle_of_a_press_waits_for_the_receipt() {
    let platform = Platform::new();
    let home = Home::new(&platform.practice);
    platform.practice.set_faults(Faults { write_delay_ms: 4_000, ..Faults::default() });
    for boundary in ["armed", "pressed"] {
        let text = format!("Stopped when {boundary}");
        home.order(&text);
        let mut command = home.command(&["act", "order.json"]);
        command.env("DEED_LOG", "deed=debug");
        let mut runner =
            run_until(&mut command, |line| line.contains(&format!("boundary=\"{boundary}\""))).expect("it presses");
        signal("-TERM", &runner.id().to_string());
        let code = runner.wait().expect("it ends").code();
        assert_eq!(code, Some(5), "{boundary}: stopped after the attempt");
        let log = home.run(home.command(&["audit", "tail", "-n", "3"]));
        let statuses: Vec<_> =
            log.json.as_array().into_iter().flatten().map(|l| l["event"]["result"]["status"].clone()).collect();
        assert!(statuses.contains(&"receipt".into()), "{boundary}: {statuses:?}");
        let said = home.run(home.command(&["act", "order.json"]));
        assert_eq!(said.json["state"], "postcheck_complete", "{boundary}: {said:?}");
        assert_eq!(platform.practice.truth().publishes_of(&text), 1);
    }
    platform.end();
}

/// The way to the platform. Shut, it cuts what is open and answers nobody.
struct Door {
    origin: String,
    open: Arc<AtomicBool>,
    cut: tokio::sync::watch::Sender<u32>,
}

impl Door {
    fn before(platform: &Platform) -> Self {
        let (open, cut) = (Arc::new(AtomicBool::new(true)), tokio::sync::watch::Sender::new(0));
        let (is_open, cuts) = (Arc::clone(&open), cut.clone());
        let to = platform.practice.origin().trim_start_matches("http://").to_owned();
        let listener = platform.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        platform.runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let (to, mut cut) = (to.clone(), cuts.subscribe());
                tokio::spawn(async move {
                    let Ok(mut server) = tokio::net::TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { origin, open, cut }
    }

    fn set(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
        if !open {
            self.cut.send_modify(|n| *n += 1);
        }
    }
}

/// A home whose recipe gives up looking soon.
fn reading_twice_at_most() -> Home {
    let home = Home::empty();
    let recipe = home.path().join("recipes/practice/recipe.yaml");
    let yaml = std::fs::read_to_string(&recipe).expect("the recipe");
    assert!(yaml.contains("reads_max: 5"), "its reads were found");
    std::fs::write(&recipe, yaml.replace("reads_max: 5", "reads_max: 2")).expect("the recipe");
    home
}

#[test]
fn what_looking_can_not_find_out_a_person_says_and_it_is_never_sent_again() {
    let platform = Platform::new();
    let door = Door::before(&platform);
    let home = reading_twice_at_most();
    home.connect_at(&platform.practice, &door.origin);
    home.order("Somebody looked");
    let mut command = home.command(&["act", "order.json"]);
    command.env("DEED_HALT_AT", "pressed");
    let mut runner = run_until(&mut command, |line| line.contains("halted at")).expect("it presses");
    runner.kill().expect("it is killed");
    runner.wait().expect("it ended");
    let list = || home.run(home.command(&["queue", "list"])).json[0].clone();
    let id = list()["action_id"].as_str().expect("an id").to_owned();
    let resolve = |more: &[&str]| {
        let mut command = home.command(&["queue", "resolve", &id]);
        command.args(more);
        home.run(command)
    };
    // A runner died with it: it is recovered first, because its browser may still act.
    let posted = ["--posted", "--permalink", "https://practice.test/p/1", "--reason", "seen on my phone"];
    assert_eq!((resolve(&posted).code, resolve(&posted).why()), (2, "not-for-a-person"));
    door.set(false);
    assert_eq!(home.run(home.command(&["work", "--until-idle"])).code, 5);
    assert_eq!(list()["state"], "unknown");
    assert_eq!(resolve(&["--posted", "--absent", "--reason", "x"]).code, 2);
    assert_eq!(resolve(&["--reason", "x"]).code, 2);
    let said = resolve(&posted);
    assert_eq!((said.code, &said.json["state"]), (0, &serde_json::json!("confirmed_success")), "{said:?}");
    door.set(true);
    assert_eq!(home.run(home.command(&["act", "order.json"])).json["state"], "confirmed_success");
    assert!(platform.practice.truth().publishes_of("Somebody looked") <= 1);
    assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true);
    platform.end();
}

/// What nobody could look at stays open, and is settled by the first run that can.
#[test]
fn a_platform_that_comes_back_is_looked_at_and_the_action_goes_on_to_its_end() {
    let platform = Platform::new();
    let door = Door::before(&platform);
    let home = reading_twice_at_most();
    home.connect_at(&platform.practice, &door.origin);
    for boundary in ["opened", "composed", "armed", "pressed"] {
        let text = format!("Gone when {boundary}");
        home.order(&text);
        let mut command = home.command(&["act", "order.json"]);
        command.env("DEED_LOG", "deed=debug");
        let runner = run_until(&mut command, |line| line.contains(&format!("boundary=\"{boundary}\"")));
        door.set(false);
        let code = runner.expect("it gets there").wait().expect("it ends").code();
        let writes = platform.practice.truth().publishes_of(&text);
        match code {
            Some(3) => assert_eq!(writes, 0, "{boundary}"),
            Some(5) => assert!(writes <= 1, "{boundary}"),
            _ => panic!("{boundary}: {code:?}"),
        }
        door.set(true);
        let said = home.run(home.command(&["act", "order.json"]));
        let writes = platform.practice.truth().publishes_of(&text);
        match said.json["state"].as_str() {
            Some("postcheck_complete") => assert_eq!(writes, 1, "{boundary}: {said:?}"),
            Some("confirmed_failed") if code == Some(5) => assert_eq!(writes, 0, "{boundary}: {said:?}"),
            _ => panic!("{boundary}: {said:?}"),
        }
    }
    platform.end();
}

/// The pace of an earlier episode again: the seed is in the proof of both.
#[test]
fn a_rehearsal_is_paced_by_the_seed_that_it_is_given() {
    let platform = Platform::new();
    let home = Home::new(&platform.practice);
    let order = home.order("At the pace of then");
    let mut command = home.command(&["rehearse", "--seed", "18446744073709551615"]);
    command.arg(order);
    let said = home.run(command);
    assert_eq!((said.code, said.json["rehearsed"].as_bool()), (0, Some(true)), "{said:?}");
    let report = Path::new(said.json["report"].as_str().expect("a report"));
    let manifest = std::fs::read(report.with_file_name("manifest.json")).expect("the manifest");
    let manifest = deed_proofs::manifest::Manifest::from_json(&manifest).expect("it reads");
    assert_eq!(manifest.pacing_seed, u64::MAX);
    drop(home);
    platform.end();
}
