//! What was masked in a proof can be shown to whom it concerns, and proved; and what is to be kept how long is said,
//! and carried out, by the real process.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::HANDLE;
use deed_tests::process::Home;
use serde_json::{Value, json};

const WORDS: &str = "Between us: a table for two, at eight";

#[test]
fn a_masked_message_is_disclosed_and_proved_and_a_changed_one_is_not() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).unwrap();
    let home = Home::new(&practice);
    let order = json!({
        "platform": "practice", "account": HANDLE, "action": "dm_send", "target": "passer_by", "content": { "text": WORDS },
    });
    std::fs::write(home.path().join("order.json"), order.to_string()).unwrap();
    let said = home.run(home.command(&["act", "order.json"]));
    assert_eq!(said.code, 0, "{said:?}");
    let action = said.json["action_id"].as_str().unwrap_or_default().to_owned();
    assert!(!action.is_empty(), "{}", said.json);

    let listed = home.run(home.command(&["proof", "disclose", &action])).json;
    let parts = listed.as_array().unwrap();
    let of_words = |part: &&Value| part["kind"] == "message" && part["region"].is_string();
    assert!(parts.iter().any(|p| p["region"].is_object()) && parts.iter().any(|p| of_words(&p)), "{listed}");
    let sealed = home.path().join("data/redactions");
    let episode = std::fs::read_dir(&sealed).unwrap().next().unwrap().unwrap().path();
    for file in std::fs::read_dir(episode).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).contains("salt"), "it is sealed");
    }
    // One of them holds the message: the conversation after it was sent.
    let shown = parts.iter().filter(of_words).find_map(|part| {
        let said = home.run(home.command(&["proof", "disclose", &action, part["commitment"].as_str().unwrap()]));
        assert_eq!(said.code, 0, "{said:?}");
        let content = said.json["content"].as_str().unwrap().to_owned();
        let plain = from_base64(&content);
        String::from_utf8_lossy(&plain).contains(WORDS).then_some(said.json)
    });
    let shown = shown.unwrap();
    let file = home.path().join("disclosure.json");
    std::fs::write(&file, shown.to_string()).unwrap();
    let verify = || home.run(home.command(&["proof", "verify", &action, "--disclosure", "disclosure.json"]));
    assert_eq!((verify().code, verify().json["holds"].as_bool()), (0, Some(true)));
    let mut other = shown.clone();
    other["content"] = "Tm90aGluZyBvZiB0aGUga2luZA==".into();
    std::fs::write(&file, other.to_string()).unwrap();
    assert_eq!((verify().code, verify().json["holds"].as_bool()), (6, Some(false)));
    let mut elsewhere = shown;
    elsewhere["episode_id"] = "another".into();
    std::fs::write(&file, elsewhere.to_string()).unwrap();
    assert_eq!(verify().code, 6);

    home.ok(&["client", "retention", "default", "--days", "30"]);
    let all = home.run(home.command(&["client", "retention"])).json;
    assert_eq!(all[0]["days"], 30, "{all}");
    let pruned = home.run(home.command(&["proof", "prune"])).json;
    assert_eq!(pruned["objects"], 0, "nothing is that old: {pruned}");
    home.ok(&["client", "retention", "default", "--forever"]);
    assert_eq!(home.run(home.command(&["client", "retention"])).json, json!([]));
    let rows = home.ok(&["audit", "tail", "--json"]);
    assert!(rows.contains("client_retention"), "{rows}");
    drop(home);
    runtime.block_on(practice.stop());
}

/// Standard base64, read.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => u32::from(letter - b'A'),
        b'a'..=b'z' => u32::from(letter - b'a') + 26,
        b'0'..=b'9' => u32::from(letter - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|b| *b != b'=').collect();
    let bytes = letters.chunks(4).flat_map(|four| {
        let word = four.iter().fold(0, |word, letter| (word << 6) | value(*letter)) << (6 * (4 - four.len()));
        [(word >> 16) as u8, (word >> 8) as u8, word as u8].into_iter().take(four.len() - 1).collect::<Vec<_>>()
    });
    bytes.collect()
}
