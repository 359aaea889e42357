//! The ledger on a PostgreSQL server under the real process: `DATABASE_URL` is all that changes.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::process::Stdio;

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::process::Home;

use crate::postgres;

fn platform() -> (tokio::runtime::Runtime, Practice) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    (runtime, practice)
}

#[test]
fn a_post_goes_through_with_proof_and_nothing_of_the_ledger_is_a_file() {
    let (runtime, practice) = platform();
    let home = Home::on_server(&postgres::new_schema());
    // Before `init` it is said that there is nothing, and where.
    let said = home.run(home.command(&["queue", "list"]));
    assert_eq!((said.code, said.why()), (2, "not-initialised"), "{said:?}");
    assert!(format!("{said:?}").contains("PostgreSQL database postgres at /"), "{said:?}");

    home.connect(&practice);
    home.order("Kept on a server");
    let act = || home.run(home.command(&["act", "order.json"]));
    let said = act();
    assert_eq!((said.code, said.json["state"].as_str()), (0, Some("postcheck_complete")), "{said:?}");
    assert_eq!(act().json["action_id"], said.json["action_id"], "the same order is the same action");
    assert_eq!(practice.truth().publishes_of("Kept on a server"), 1);
    home.ok(&["proof", "verify", said.json["action_id"].as_str().expect("an id")]);
    assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true);
    let doctor = home.ok(&["doctor"]);
    assert!(doctor.contains("synchronous_commit=on"), "{doctor}");
    assert!(!home.path().join("data/ledger.sqlite").exists());
    runtime.block_on(practice.stop());
}

/// What SQLite's crash test shows at every boundary, at the ones that the ledger decides.
#[test]
fn a_runner_that_was_killed_is_recovered_and_nothing_is_posted_twice() {
    let (runtime, practice) = platform();
    for boundary in ["identity_verified", "armed", "pressed", "confirmed"] {
        let home = Home::on_server(&postgres::new_schema());
        home.connect(&practice);
        let text = format!("Killed at {boundary}");
        home.order(&text);
        let mut act = home.command(&["act", "order.json"]);
        act.env("DEED_HALT_AT", boundary);
        let mut runner = deed_tests::process::run_until(&mut act, |line| line.contains("halted at")).expect(boundary);
        runner.kill().expect("it is killed");
        runner.wait().expect("it ended");
        assert!(home.command(&["work", "--until-idle"]).stdout(Stdio::null()).output().is_ok());
        let writes = practice.truth().publishes_of(&text);
        let queue = home.run(home.command(&["queue", "list"]));
        let action = queue.json.get("actions").unwrap_or(&queue.json)[0].clone();
        match action["state"].as_str() {
            Some("postcheck_complete" | "confirmed_success") => assert_eq!(writes, 1, "{boundary}: {action}"),
            Some("confirmed_failed") => assert_eq!(writes, 0, "{boundary}: {action}"),
            _ => {
                assert!(writes <= 1, "{boundary}: {writes}");
                assert!(!action["hold"].is_null(), "{boundary}: {action}");
            }
        }
        assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true, "{boundary}");
    }
    runtime.block_on(practice.stop());
}

#[test]
fn another_kind_of_database_is_refused_and_its_password_not_shown() {
    let home = Home::on_server("mysql://root:s3cret@127.0.0.1/agency");
    let said = home.run(home.command(&["init"]));
    assert_eq!((said.code, said.why()), (2, "settings-variable"), "{said:?}");
    assert!(!format!("{said:?}").contains("s3cret"), "{said:?}");
    let home = Home::on_server("postgres://root:s3cret@127.0.0.1:1/agency");
    let said = home.run(home.command(&["init"]));
    assert_eq!((said.code, said.why()), (70, "ledger-unreachable"), "{said:?}");
    assert!(format!("{said:?}").contains("127.0.0.1:1") && !format!("{said:?}").contains("s3cret"), "{said:?}");
}
