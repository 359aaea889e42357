//! The real process with its proof in a real S3 server: an outcome never waits for it, level 3 does, and nothing is forgotten.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::Sha256;
use deed_tests::process::{Home, Said};
use deed_tests::s3::{episodes, http, server};
use serde_json::Value;

struct Remote {
    home: Home,
    bucket: String,
}

impl Remote {
    fn run(&self, args: &[&str], secret: Option<&str>) -> Said {
        let mut command = self.home.command(args);
        command.envs(episodes::environment()).env("AWS_ENDPOINT_URL_S3", server().endpoint());
        command.env("DEED_PROOFS", format!("s3://{}/agency", self.bucket));
        command.envs(secret.map(|secret| ("AWS_SECRET_ACCESS_KEY", secret)));
        self.home.run(command)
    }

    fn pending(&self) -> Vec<Value> {
        let said = self.run(&["proof", "pending"], None);
        said.json["pending"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn an_outcome_never_waits_for_the_store_and_level_three_does() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let remote = Remote { home: Home::new(&practice), bucket: server().bucket(false) };

    // The store takes it: level 3 with its manifest there.
    remote.home.order("In the store");
    let done = remote.run(&["act", "order.json"], None);
    assert_eq!(
        (done.code, &done.json["state"], &done.json["proof_level"]),
        (0, &Value::from("postcheck_complete"), &Value::from(3)),
        "{done:?}"
    );
    assert!(remote.pending().is_empty());
    let action = done.json["action_id"].as_str().expect("an action").to_owned();
    let verified = remote.run(&["proof", "verify", &action], None);
    assert_eq!((verified.code, &verified.json["holds"]), (0, &Value::from(true)), "{verified:?}");
    let links = remote.run(&["proof", "link", &action, "--expires", "10m"], None);
    let links = links.json["links"].as_array().cloned().unwrap_or_default();
    assert!(links.len() >= 3, "{links:?}");
    for link in &links {
        let url =
            link["url"].as_str().and_then(|u| u.strip_prefix(&server().endpoint())).expect("an address of the server");
        let opened = http::plain(server().port(), "GET", url);
        assert_eq!(
            (opened.status, Sha256::of(&opened.body).to_string().as_str()),
            (200, link["sha256"].as_str().expect("a hash"))
        );
    }

    // The store knows the key no more: the outcome is recorded all the same, at level 2, and a person is warned.
    remote.home.order("Not in the store yet");
    let done = remote.run(&["act", "order.json"], Some("wrong"));
    assert_eq!(
        (done.code, &done.json["state"], &done.json["proof_level"]),
        (0, &Value::from("confirmed_success"), &Value::from(2)),
        "{done:?}"
    );
    assert!(done.words.contains("waits to be uploaded"), "{}", done.words);
    let action = done.json["action_id"].as_str().expect("an action").to_owned();
    let pending = remote.pending();
    assert_eq!((pending.len(), &pending[0]["failed"]), (1, &Value::from(1)), "{pending:?}");
    let warnings = remote.run(&["warning", "list"], None).json.to_string();
    assert!(warnings.contains("proof_upload"), "{warnings}");
    assert_eq!(remote.run(&["proof", "link", &action], None).why(), "no-proof");

    // Once it is known again, another process brings it there, and the level is raised, once.
    let uploaded = remote.run(&["proof", "upload"], None);
    assert_eq!((uploaded.code, uploaded.json["uploaded"].as_array().map(Vec::len)), (0, Some(1)), "{uploaded:?}");
    let shown = remote.run(&["proof", "show", &action], None);
    assert_eq!(
        (&shown.json["state"], &shown.json["proof_level"]),
        (&Value::from("postcheck_complete"), &Value::from(3)),
        "{shown:?}"
    );
    assert!(remote.pending().is_empty());
    assert_eq!(remote.run(&["proof", "verify", &action], None).json["holds"], true);
    assert_eq!(remote.run(&["audit", "verify"], None).json["ok"], true);
    assert_eq!(practice.truth().publishes_of("Not in the store yet"), 1);
    runtime.block_on(practice.stop());
}
