//! Worker processes: they drain when they are asked to end, and one that stalled for longer than its lease can do nothing any more.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "../../runner/ledger/tests/support/postgres.rs"]
mod postgres;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};
use deed_tests::HANDLE;
use deed_tests::process::Home;
use serde_json::{Value, json};

/// How long anything here may take.
const WITHIN: Duration = Duration::from_secs(240);

fn platform() -> (tokio::runtime::Runtime, Practice) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    (runtime, practice)
}

fn work(home: &Home, log: &str) -> Child {
    let log = std::fs::File::create(home.path().join(log)).unwrap();
    home.command(&["work", "--lease", "20"]).stdout(Stdio::null()).stderr(log).spawn().expect("a worker starts")
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()), "SIG{name} is sent");
}

/// The first action, as the ledger has it.
fn first(home: &Home) -> Value {
    home.run(home.command(&["queue", "list"])).json[0].clone()
}

fn until(home: &Home, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + WITHIN;
    loop {
        let action = first(home);
        if so(&action) {
            return action;
        }
        assert!(Instant::now() < end, "{what}: {action:#}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |action| action["state"] == state
}

/// Files orders, one a line.
fn add(home: &Home, orders: &[Value]) -> Vec<String> {
    use std::io::Write as _;
    let lines: String = orders.iter().map(|order| format!("{order}\n")).collect();
    let mut command = home.command(&["queue", "add", "-", "--json"]);
    let mut adding = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("deed starts");
    adding.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = adding.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["orders"].as_array().unwrap().iter().map(|order| order["action_id"].as_str().unwrap().to_owned()).collect()
}

fn post(text: &str) -> Value {
    json!({ "platform": "practice", "account": HANDLE, "action": "publish.post", "content": { "text": text } })
}

#[test]
fn a_worker_that_is_asked_to_end_puts_back_what_it_has_not_armed() {
    let (runtime, practice) = platform();
    let home = Home::new(&practice);
    practice.set_faults(Faults { page_delay_ms: 1000, ..Faults::default() });
    add(&home, &[post("Put back")]);
    let mut worker = work(&home, "worker.log");
    until(&home, "it is under way", is("preflight_passed"));
    signal(&worker, "TERM");
    assert_eq!(
        worker.wait().unwrap().code(),
        Some(0),
        "{}",
        std::fs::read_to_string(home.path().join("worker.log")).unwrap()
    );
    let action = first(&home);
    assert_eq!((action["state"].as_str(), action["hold"].is_null()), (Some("queued"), true), "{action:#}");
    assert_eq!(practice.truth().publishes_of("Put back"), 0);
    practice.set_faults(Faults::default());
    home.ok(&["work", "--until-idle"]);
    assert_eq!(practice.truth().publishes_of("Put back"), 1);
    assert!(home.browsers_left().is_empty());
    runtime.block_on(practice.stop());
}

#[test]
fn a_worker_that_is_asked_to_end_finishes_what_is_armed() {
    let (runtime, practice) = platform();
    let home = Home::new(&practice);
    practice.set_faults(Faults { write_delay_ms: 3000, ..Faults::default() });
    add(&home, &[post("Finished"), post("Not begun")]);
    let mut worker = work(&home, "worker.log");
    let armed = |_: &Value| practice.truth().publishes_of("Finished") == 1;
    until(&home, "it is armed", armed);
    signal(&worker, "TERM");
    assert_eq!(
        worker.wait().unwrap().code(),
        Some(0),
        "{}",
        std::fs::read_to_string(home.path().join("worker.log")).unwrap()
    );
    let list = home.run(home.command(&["queue", "list"])).json;
    let states: Vec<_> = list.as_array().unwrap().iter().map(|a| a["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["queued", "postcheck_complete"], "newest first: {list:#}");
    assert_eq!(practice.truth().publishes_of("Not begun"), 0);
    runtime.block_on(practice.stop());
}

/// Two machines on one ledger: the second takes over when the first has not answered for its lease. The first then goes on, in the middle
/// of what it did, and neither presses nor writes.
#[test]
fn a_worker_that_stalled_for_longer_than_its_lease_can_neither_press_nor_write() {
    let (runtime, practice) = platform();
    let address = postgres::new_schema();
    let homes = [Home::on_server(&address), Home::on_server(&address)];
    homes[0].connect(&practice);
    std::fs::copy(homes[0].path().join("seal.key"), homes[1].path().join("seal.key")).unwrap();
    practice.set_faults(Faults { page_delay_ms: 1500, ..Faults::default() });
    add(&homes[0], &[post("Taken over")]);
    let mut stalled = work(&homes[0], "worker.log");
    until(&homes[0], "its account is proved", is("identity_verified"));
    signal(&stalled, "STOP");
    practice.set_faults(Faults::default());
    let mut second = work(&homes[1], "worker.log");
    let done = until(&homes[1], "the second takes over", is("postcheck_complete"));
    let said = std::fs::read_to_string(homes[1].path().join("worker.log")).unwrap();
    assert!(said.contains("recovered") && said.contains(done["action_id"].as_str().unwrap()), "{said}");
    signal(&stalled, "CONT");
    let log = homes[0].path().join("worker.log");
    let end = Instant::now() + WITHIN;
    while !std::fs::read_to_string(&log).unwrap().contains("lost") {
        assert!(Instant::now() < end, "{}", std::fs::read_to_string(&log).unwrap());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    for worker in [&mut stalled, &mut second] {
        signal(worker, "TERM");
        worker.wait().unwrap();
    }
    let (truth, after) = (practice.truth(), first(&homes[1]));
    assert_eq!(truth.of_kind(WriteKind::Publish).count(), 1, "{:#?}", truth.writes);
    assert_eq!(after["manifest"], done["manifest"], "nothing was written after it: {after:#}");
    assert_eq!(homes[1].run(homes[1].command(&["audit", "verify"])).json["ok"], true);
    runtime.block_on(practice.stop());
}
