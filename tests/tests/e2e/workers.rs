//! Worker processes: they drain when they are asked to end, and one that stalled for longer than its lease can do nothing any more.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};
use deed_tests::HANDLE;
use deed_tests::process::Home;

use crate::postgres;
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
        // Each look is a process of its own.
        std::thread::park_timeout(Duration::from_millis(400));
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
    // Machines that share a ledger share what seals sessions and what signs proof.
    for key in ["seal.key", "signing.key", "keys.json"] {
        std::fs::copy(homes[0].path().join(key), homes[1].path().join(key)).unwrap();
    }
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

/// What a queue's consumer orders when somebody asks for the price under a post: a public reply, and then a message. Their keys are made of
/// the comment, so that the same comment never makes two of either.
fn answers(origin: &str, comment: &str, author: &str, words: &str) -> Vec<Value> {
    if !words.to_lowercase().contains("price") {
        return Vec::new();
    }
    let (reply, message) = (format!("{comment}/reply"), format!("{comment}/message"));
    vec![
        json!({ "platform": "practice", "account": HANDLE, "action": "comment_reply", "target": format!("{origin}/p/p_seed07"),
                "content": { "text": "We have sent you the price list." }, "idempotency_key": reply }),
        json!({ "platform": "practice", "account": HANDLE, "action": "dm_send", "target": author,
                "content": { "text": "Two loaves of rye are 9.80." }, "idempotency_key": message, "depends_on": [reply] }),
    ]
}

/// Golden path 4: a comment with a keyword, a reply to it, then a message, as far as the policy allows; never a second message.
#[test]
fn gp4_a_keyword_is_answered_and_then_written_to_once_as_far_as_the_policy_allows() {
    let (runtime, practice) = platform();
    let home = Home::new(&practice);
    let policy = home.path().join("data/policy.yaml");
    std::fs::write(&policy, "defaults: { allow: [comment_reply] }\n").unwrap();
    assert!(answers(&practice.origin(), "c-1", "passer_by", "What a lovely loaf").is_empty());
    let orders = answers(&practice.origin(), "c-1", "passer_by", "What is the PRICE?");
    let ids = add(&home, &orders);
    let count = |kind| practice.truth().of_kind(kind).count();
    let show = |id: &str| home.run(home.command(&["queue", "show", id])).json;
    assert_eq!(show(&ids[1])["waits_for"][0], ids[0].as_str(), "the message waits for the reply");
    let work = || home.run(home.command(&["work", "--until-idle"]));

    let said = work();
    assert_eq!((count(WriteKind::Comment), count(WriteKind::Dm)), (1, 0), "{said:?}");
    let message = show(&ids[1]);
    assert_eq!(message["hold"]["reason"], "policy", "{message:#}");
    assert!(message["hold"]["detail"].as_str().unwrap().contains("platform_policy"), "{message:#}");

    std::fs::write(&policy, "defaults: { allow: [comment_reply, dm_send] }\n").unwrap();
    home.ok(&["queue", "release", &ids[1], "--reason", "the policy allows it now"]);
    // Killed when the platform had just taken it: that it is there is found out by looking.
    let mut killed = home.command(&["work", "--until-idle"]);
    killed.env("DEED_HALT_AT", "receipt");
    let mut worker = deed_tests::process::run_until(&mut killed, |line| line.contains("halted at")).expect("it halts");
    worker.kill().unwrap();
    worker.wait().unwrap();
    let said = work();
    let message = show(&ids[1]);
    assert!(
        matches!(message["state"].as_str(), Some("confirmed_success" | "postcheck_complete")),
        "{message:#}\n{said:?}"
    );
    assert_eq!(count(WriteKind::Dm), 1);

    // The consumer hears of the same comment again.
    assert_eq!(add(&home, &orders), ids);
    work();
    let truth = practice.truth();
    let at = |kind| truth.of_kind(kind).map(|write| write.seq).collect::<Vec<_>>();
    let (replies, messages) = (at(WriteKind::Comment), at(WriteKind::Dm));
    assert_eq!((replies.len(), messages.len()), (1, 1));
    assert!(replies[0] < messages[0]);
    runtime.block_on(practice.stop());
}
