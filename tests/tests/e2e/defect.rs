//! Code of Deed panics in the middle of the real process: what is said names the place and quotes nothing, the exit code says what can be
//! known, and the next run goes on without sending anything twice.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::time::{Duration, Instant};

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::process::Home;

/// What the message of the panic quotes.
const HELD: &str = "sid=q7Zk-never-to-be-shown";

#[test]
fn a_panic_names_its_place_quotes_nothing_and_leaves_an_action_that_is_sent_once() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let home = Home::new(&practice);
    // Which boundary, how it ends, what it can not know, what becomes of it, how often it may be there.
    for (boundary, code, known, state, times) in [
        ("composed", 70, "nothing was sent", "postcheck_complete", 1),
        ("armed", 5, "is not known", "confirmed_failed", 0),
        ("pressed", 5, "is not known", "postcheck_complete", 1),
    ] {
        let text = format!("A defect when {boundary}");
        home.order(&text);
        let mut act = home.command(&["act", "order.json"]);
        act.env("DEED_HALT_AT", format!("{boundary}!{HELD}")).env("DEED_LOG", "trace").env("RUST_BACKTRACE", "full");
        let said = home.run(act);
        assert_eq!((said.code, said.why()), (code, "defect"), "{boundary}: {}", said.words);
        assert!(said.json["error"]["message"].as_str().expect("words").contains(known), "{}", said.json);
        assert!(said.json["error"]["where"].as_str().expect("a place").contains("world.rs:"), "{}", said.json);
        assert!(said.words.contains("defect: ") && said.words.contains("provoked"), "its frames: {}", said.words);
        assert!(!format!("{}{}", said.words, said.json).contains(HELD), "{boundary}: {}", said.words);

        let began = Instant::now();
        while !home.browsers_left().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(120), "its browser is left: {:?}", home.browsers_left());
            runtime.block_on(tokio::time::sleep(Duration::from_millis(50)));
        }
        let said = home.run(home.command(&["act", "order.json"]));
        assert_eq!(said.json["state"], state, "{boundary}: {}", said.words);
        assert_eq!(practice.truth().publishes_of(&text), times, "{boundary}");
    }
    runtime.block_on(practice.stop());
}
