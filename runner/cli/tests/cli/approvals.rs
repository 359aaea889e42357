//! Approvers and their keys on the command line, and what is refused before anybody signs.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use crate::support::{Deed, mode};
use serde_json::json;

#[test]
fn a_key_is_its_owners_and_only_its_public_half_is_registered() {
    let deed = Deed::with_account();
    let made = deed.json(0, &["approver", "keygen", "--out", "ben.key"]);
    let public = made["public_key"].as_str().unwrap();
    assert_eq!(mode(&deed.path("ben.key")), 0o600);
    let private = std::fs::read_to_string(deed.path("ben.key")).unwrap();
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----"), "an ordinary PEM");
    let secret = private.lines().nth(1).unwrap();
    assert!(!made.to_string().contains(secret));
    // A file that is there is left as it is.
    assert_eq!(deed.fails(2, &["approver", "keygen", "--out", "ben.key"]).0, "approver-key-unreadable");
    assert_eq!(std::fs::read_to_string(deed.path("ben.key")).unwrap(), private);

    // The private one, given by mistake, is refused and not shown.
    for wrong in ["ben.key", "none.pub", "ed25519:AAAA"] {
        let (code, said) = deed.fails(2, &["approver", "add", "ben", "--key", wrong]);
        assert_eq!(code, "approver-public-key", "{wrong}");
        assert!(!said.err.contains(secret), "{said:?}");
    }
    assert_eq!(deed.json(0, &["approver", "add", "ben", "--key", "ben.key.pub"])["public_key"], public);
    assert_eq!(deed.fails(2, &["approver", "add", "eve", "--key", public]).0, "approver-exists");
    deed.ok(&["approver", "revoke", "Ben", "--reason", "left"]);
    assert_eq!(deed.json(0, &["approver", "list"])[0]["revoked_reason"], "left");
    assert_eq!(deed.fails(2, &["approver", "revoke", "ben", "--reason", "again"]).0, "approver-revoked");
    assert_eq!(deed.fails(2, &["approver", "revoke", "nobody", "--reason", "x"]).0, "not-found");
    assert_eq!(deed.json(0, &["audit", "verify"])["ok"], true);
}

#[test]
fn what_can_not_be_decided_is_refused_with_its_reason() {
    let deed = Deed::with_account();
    deed.ok(&["approver", "keygen", "--out", "ben.key"]);
    deed.ok(&["approver", "add", "ben", "--key", "ben.key.pub"]);
    let order = deed.order("o.json", |_| {});
    let id = deed.json(0, &["queue", "add", &order])["action_id"].as_str().unwrap().to_owned();
    // Nobody has to approve it, until the account says so; then nobody has asked.
    assert_eq!(deed.fails(2, &["approve", "request", &id]).0, "approval-not-asked");
    deed.ok(&["account", "approvals", "north_star", "one", "--reason", "a new client"]);
    assert_eq!(deed.json(0, &["account", "show", "north_star"])["approvals"], "one");
    let decide = |key: &str| {
        let args = ["approve", &id, "--as", "ben", "--key", key, "--revision", "1"];
        deed.fails(2, &args).0
    };
    assert_eq!(decide("ben.key"), "approval-not-asked");
    assert_eq!(decide("ben.key.pub"), "approver-key-invalid");
    assert_eq!(decide("none.key"), "approver-key-unreadable");
    std::fs::set_permissions(deed.path("ben.key"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(decide("ben.key"), "approver-key-exposed");
    assert_eq!(deed.fails(2, &["approve"]).0, "usage");
    let no_reason = ["approve", &id, "--as", "ben", "--key", "ben.key", "--revision", "1", "--reject"];
    assert_eq!(deed.fails(2, &no_reason).0, "usage");
    assert_eq!(deed.json(0, &["approve", "list"]), json!([]));
    assert_eq!(deed.json(0, &["approve", "show", &id])["needed"], 1);
    assert_eq!(deed.fails(2, &["approve", "verify", "none"]).0, "not-found");
}

#[test]
fn a_decision_that_nobody_signed_is_found() {
    let deed = Deed::with_account();
    deed.ok(&["approver", "keygen", "--out", "ben.key"]);
    deed.ok(&["approver", "add", "ben", "--key", "ben.key.pub"]);
    let order = deed.order("o.json", |order| order["risk"] = json!("medium"));
    let id = deed.json(0, &["queue", "add", &order])["action_id"].as_str().unwrap().to_owned();
    assert_eq!(deed.json(0, &["approve", "verify", &id])["holds"], true);
    deed.sql(&[
        "INSERT INTO approval_requests
         SELECT action_id, 1, content_hash, 'medium', 1,
             '{\"sha256\":\"' || content_hash || '\",\"kind\":\"screenshot\",\"step\":\"s\",\"phase\":\"review\",\"media_type\":\"image/png\",\"bytes\":1,\"at\":\"\"}',
             'e', 'ann', 0
         FROM actions",
        "INSERT INTO approvals (action_id, revision, binding, approver_id, decision, handle_typed, statement, signature, decided_at)
         SELECT action_id, 1, content_hash, 1, 'approve', 0, '{}', 'AAAA', 0 FROM actions",
    ]);
    let found = deed.json(6, &["approve", "verify", &id]);
    assert_eq!((&found["holds"], &found["decisions"][0]["verifies"]), (&json!(false), &json!(false)));
    let listed = deed.json(0, &["approve", "list"]);
    assert_eq!((&listed[0]["action_id"], &listed[0]["approved_by"]), (&json!(id), &json!([])));
}

#[test]
fn an_order_says_its_risk_in_a_word_that_is_known() {
    let deed = Deed::with_account();
    let order = deed.order("o.json", |order| order["risk"] = json!("hihg"));
    let (code, said) = deed.fails(2, &["queue", "add", &order]);
    assert_eq!(code, "order-invalid");
    assert!(said.err.contains("`low`, `medium`, `high`"), "{}", said.err);
    let order = deed.order("o.json", |order| order["rsik"] = json!("high"));
    assert!(deed.fails(2, &["queue", "add", &order]).1.err.contains("did you mean `risk`?"));
    // The same order at another risk is another one, and its key is taken.
    let order = deed.order("o.json", |_| {});
    deed.ok(&["queue", "add", &order]);
    let order = deed.order("o.json", |order| order["risk"] = json!("high"));
    assert_eq!(deed.fails(2, &["queue", "add", &order]).0, "idempotency-conflict");
}
