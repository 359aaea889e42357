//! What is durable before the permit is signed, and can be checked while nobody knows the outcome: the real process is
//! killed right after arm.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::process::{Home, run_until};

#[test]
fn an_attempt_is_proved_and_signed_before_there_is_an_outcome() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let home = Home::new(&practice);
    home.order("Signed before it is sent");
    let mut act = home.command(&["act", "order.json"]);
    act.env("DEED_HALT_AT", "armed");
    let mut runner = run_until(&mut act, |line| line.contains("halted at")).expect("it is armed");
    runner.kill().expect("it is killed");
    runner.wait().expect("it ended");

    let list = home.run(home.command(&["queue", "list"])).json;
    assert_eq!(list[0]["state"], "attempted", "{list}");
    let id = list[0]["action_id"].as_str().expect("an id").to_owned();
    let verify = |of: &str| home.run(home.command(&["proof", "verify", of]));
    let found = verify(&id);
    assert_eq!(
        (found.code, &found.json["attempt"], &found.json["holds"]),
        (0, &true.into(), &true.into()),
        "{found:?}"
    );
    assert_eq!(found.json["signature"]["state"], "known", "{found:?}");
    // A stranger with the key, and nothing of this machine's.
    let folder = found.json["folder"].as_str().expect("a folder").to_owned();
    home.ok(&["proof", "keys", "export", "--out", "keys.json"]);
    let stranger = home.run(home.command(&["proof", "verify", &folder, "--key", "keys.json"]));
    assert_eq!((stranger.code, &stranger.json["signature"]["state"]), (0, &"known".into()), "{stranger:?}");

    // Rewritten, without a signature: the ledger has its hash since the arm transaction, and the key its signature.
    let path = std::path::Path::new(&folder).join("manifest.json");
    let before = std::fs::read_to_string(&path).expect("the manifest");
    let after = before.replace("\"lane\": \"browser\"", "\"lane\": \"api\"");
    assert_ne!(before, after);
    std::fs::write(&path, after).expect("rewritten");
    for forged in [verify(&id), home.run(home.command(&["proof", "verify", &folder, "--key", "keys.json"]))] {
        assert_eq!(forged.code, 6, "{forged:?}");
        assert_eq!(forged.json["problems"][0]["file"], "manifest.json", "{forged:?}");
    }
    std::fs::write(&path, before).expect("as it was");

    // The next run looks, seals and signs; nothing was pressed.
    let said = home.run(home.command(&["act", "order.json"]));
    assert_eq!(said.json["state"], "confirmed_failed", "{said:?}");
    let sealed = verify(&id);
    assert_eq!((sealed.code, &sealed.json["attempt"]), (0, &false.into()), "{sealed:?}");
    assert_eq!(practice.truth().publishes_of("Signed before it is sent"), 0);
    runtime.block_on(practice.stop());
}
