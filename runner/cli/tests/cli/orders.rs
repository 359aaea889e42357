//! Orders, the queue, kill switches, recovery's command line: everything that needs no browser.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{Deed, png, said};
use serde_json::json;

#[test]
fn a_bad_order_is_refused_before_anything_is_stored() {
    let deed = Deed::with_account();
    deed.write("words.png", "hello");
    deed.write("broken.json", "{\"platform\":\"practice\",\n  \"acount\":\"north_star\"}");
    let long = "x".repeat(501);
    // Larger than anything that is read, and no byte of it on the disk.
    std::fs::File::create(deed.path("large.png")).unwrap().set_len(257 << 20).unwrap();
    let cases = [
        ("order-unreadable", "/nonexistent.json".to_owned()),
        ("order-invalid", "broken.json".to_owned()),
        ("order-content", deed.order("no-text.json", |o| o["content"]["text"] = json!(" "))),
        ("order-content", deed.order("long.json", |o| o["content"]["text"] = json!(long))),
        ("order-flow", deed.order("flow.json", |o| o["action"] = json!("publish.pots"))),
        ("order-media", deed.order("missing.json", |o| o["content"]["media"] = json!(["none.png"]))),
        ("order-media", deed.order("large.json", |o| o["content"]["media"] = json!(["large.png"]))),
        ("picture-format", deed.order("words.json", |o| o["content"]["media"] = json!(["words.png"]))),
        ("not-found", deed.order("account.json", |o| o["account"] = json!("nobody"))),
        ("recipe-not-built-in", deed.order("platform.json", |o| o["platform"] = json!("myspace"))),
        ("account-mismatch", deed.order("client.json", |o| o["client"] = json!("somebody"))),
    ];
    for (code, order) in &cases {
        for command in [&["act"][..], &["queue", "add"]] {
            let arguments = [command, &[order.as_str()]].concat();
            assert_eq!(&deed.fails(2, &arguments).0, code, "{arguments:?}");
        }
    }
    let (_, said) = deed.fails(2, &["act", "broken.json"]);
    assert!(
        said.err.contains("where: broken.json:2:10") && said.err.contains("did you mean `account`?"),
        "{}",
        said.err
    );
    assert!(deed.fails(2, &["act", &cases[4].1]).1.err.contains("did you mean `publish.post`?"));
    for (case, words) in [
        (2, "the order has no text"),
        (3, "the text has 501 characters, the platform takes 500"),
        (5, "media are named relative to the order's file"),
        (6, "larger than 256 MiB"),
        (8, "there is no account nobody"),
    ] {
        let said = deed.fails(2, &["act", &cases[case].1]).1.err;
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(deed.actions(), 0);
}

#[test]
fn too_many_media_are_counted_not_uploaded() {
    let deed = Deed::with_account();
    deed.write("a.png", png());
    let order = deed.order("o.json", |o| o["content"]["media"] = json!(["a.png", "a.png", "a.png", "a.png", "a.png"]));
    let (code, said) = deed.fails(2, &["act", &order]);
    assert!(code == "order-content" && said.err.contains("5 media files, the platform takes 4"), "{}", said.err);
}

#[test]
fn without_a_browser_the_order_waits_and_nothing_is_claimed() {
    let mut deed = Deed::with_account();
    deed.set("DEED_BROWSER", "/nonexistent/chromium");
    let order = deed.order("o.json", |_| {});
    let (code, said) = deed.fails(70, &["act", &order]);
    assert_eq!(code, "browser-launch");
    assert!(said.err.contains("apt-get install chromium-headless-shell"), "{}", said.err);
    let actions = deed.json(0, &["queue", "list"]);
    assert_eq!(actions.as_array().unwrap().len(), 1, "the same order is the same action");
    assert_eq!((&actions[0]["state"], &actions[0]["hold"]), (&json!("queued"), &json!(null)));
    assert_eq!(deed.fails(70, &["work", "--until-idle"]).0, "browser-launch");
    assert_eq!(deed.fails(70, &["rehearse", &order]).0, "browser-launch");
}

#[test]
fn a_kill_switch_holds_before_the_browser_is_touched() {
    let deed = Deed::with_account();
    assert_eq!(deed.ok(&["kill", "status"]).out, "no kill switch is on\n");
    let order = deed.order("o.json", |_| {});
    for scope in [&[][..], &["--client", "bakery"], &["--account", "north_star"]] {
        let with = |word: &'static str, reason: &'static str| [&["kill", word, "--reason", reason][..], scope].concat();
        deed.ok(&with("on", "storm"));
        let held = deed.json(3, &["act", &order]);
        assert_eq!((&held["state"], &held["hold"]["reason"]), (&json!("queued"), &json!("kill_switch")), "{scope:?}");
        assert!(held["hold"]["detail"].as_str().unwrap().contains("by ann: storm"));
        assert_eq!(
            deed.json(0, &["kill", "off", "--reason", "over", "--client", "bakery"])["was_on"],
            scope.contains(&"--client")
        );
        if !scope.contains(&"--client") {
            assert_eq!(deed.json(0, &with("off", "over"))["was_on"], true);
        }
    }
    assert_eq!(deed.json(0, &["kill", "status"])["on"], json!([]));
    assert_eq!(deed.fails(2, &["kill", "on", "--client", "nobody", "--reason", "x"]).0, "not-found");
    assert_eq!(deed.fails(2, &["kill", "on", "--account", "nobody", "--reason", "x"]).0, "not-found");
    assert_eq!(deed.fails(2, &["kill", "on", "--reason", " "]).0, "missing-argument");
}

#[test]
fn a_hold_says_why_and_what_to_do() {
    let deed = Deed::with_account();
    let order = deed.order("o.json", |_| {});
    let said = deed.run(&["act", &order]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.starts_with("held: connection; nothing was sent\n"), "{}", said.out);
    assert!(
        said.out.contains("no session is stored") && said.out.contains("help") && said.out.contains("report.html"),
        "{}",
        said.out
    );
    assert!(!said.out.contains('\x1b'), "no colour where there is no terminal");
    // The stop's own proof holds.
    let id = deed.json(0, &["queue", "list"])[0]["action_id"].as_str().unwrap().to_owned();
    assert_eq!(deed.json(0, &["proof", "verify", &id])["holds"], true);
    assert!(deed.ok(&["proof", "show", &id]).out.contains("manifest"));
}

#[test]
fn a_browser_that_does_not_start_is_a_hold_with_its_code() {
    let deed = Deed::with_account();
    let session = deed.write("s.json", "{\"cookies\":[],\"origins\":[]}").display().to_string();
    deed.ok(&["account", "connect", "north_star", "--session", &session]);
    let held = deed.json(3, &["act", &deed.order("o.json", |_| {})]);
    assert_eq!(held["hold"]["reason"], "transient");
    assert!(held["hold"]["detail"].as_str().unwrap().contains("(browser-launch)"), "{held}");
    let rehearsed = deed.json(3, &["rehearse", &deed.path("o.json").display().to_string()]);
    assert_eq!((&rehearsed["rehearsed"], &rehearsed["hold"]["reason"]), (&json!(false), &json!("transient")));
    assert_eq!(deed.actions(), 1, "a rehearsal stores no action");
    let runners = std::fs::read_dir(deed.path("home/.local/share/deed/runners")).unwrap().count();
    assert_eq!(runners, 0, "a runner that is done leaves the register");
}

/// The answers to orders from standard input, one a line, and the exit code.
fn add_lines(deed: &Deed, input: &str) -> (i32, Vec<serde_json::Value>) {
    let mut command = deed.command(&["queue", "add", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let said = said(child.wait_with_output().unwrap());
    (said.code, said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn an_order_from_standard_input_is_an_order() {
    let deed = Deed::with_account();
    let order = std::fs::read_to_string(deed.order("o.json", |_| {})).unwrap();
    let (code, answers) = add_lines(&deed, &order);
    assert_eq!((code, answers.len()), (0, 1));
    assert_eq!((&answers[0]["state"], &answers[0]["created"]), (&json!("queued"), &json!(true)));
    assert_eq!(deed.actions(), 1);
}

#[test]
fn of_a_thousand_orders_a_bad_one_is_named_and_the_others_go_in_once() {
    let deed = Deed::with_account();
    let order = |text: String| json!({ "platform": "practice", "account": "north_star", "action": "publish.post", "content": { "text": text } });
    let mut lines: Vec<_> = (1..=1000).map(|i| order(format!("Post {i}")).to_string()).collect();
    lines[416] = json!({ "platform": "practice", "acount": "north_star" }).to_string();
    let input = lines.join("\n");
    let (code, answers) = add_lines(&deed, &input);
    assert_eq!((code, answers.len()), (2, 1000));
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["line"], i + 1);
        assert_eq!(answer["action_id"].is_string(), i != 416, "{answer}");
    }
    let bad = &answers[416]["error"];
    assert_eq!((&bad["code"], &bad["where"]), (&json!("order-invalid"), &json!("(standard input):417:9")), "{bad}");
    assert!(bad["help"].as_str().unwrap().contains("did you mean `account`?"), "{bad}");
    let stored = deed.json(0, &["queue", "list", "--limit", "2000"]);
    assert_eq!(stored.as_array().unwrap().len(), 999);
    // Mended, the whole input again: one is new.
    lines[416] = order("Post 417".to_owned()).to_string();
    let (code, again) = add_lines(&deed, &lines.join("\n"));
    assert_eq!((code, again.iter().filter(|a| a["created"] == true).count()), (0, 1));
    assert_eq!(again[0]["action_id"], answers[0]["action_id"]);
}

#[test]
fn the_same_order_is_the_same_action_and_a_key_is_never_reused() {
    let deed = Deed::with_account();
    deed.write("a.png", png());
    let with = |name: &str, text: &str, key: Option<&str>| {
        deed.order(name, |o| {
            o["content"] = json!({ "text": text, "media": ["a.png"] });
            o["idempotency_key"] = json!(key);
        })
    };
    let id = |order: &str| deed.json(0, &["queue", "add", order])["action_id"].as_str().unwrap().to_owned();
    let first = id(&with("1.json", "Rye", None));
    assert_eq!(id(&with("2.json", "Rye", None)), first);
    assert_ne!(id(&with("3.json", "Rye", Some("again"))), first);
    assert_eq!(deed.fails(2, &["queue", "add", &with("4.json", "Other", Some("again"))]).0, "idempotency-conflict");
    assert_eq!(deed.actions(), 2);
}

#[test]
fn the_queue_is_listed_shown_and_called_off() {
    let deed = Deed::with_account();
    let order = deed.order("o.json", |_| {});
    let id = deed.json(0, &["queue", "add", &order])["action_id"].as_str().unwrap().to_owned();
    assert!(deed.ok(&["queue", "list", "--state", "queued", "--account", "north_star"]).out.contains(&id));
    assert_eq!(deed.json(0, &["queue", "list", "--state", "unknown"]), json!([]));
    let (code, said) = deed.fails(2, &["queue", "list", "--state", "queud"]);
    assert!(code == "usage" && said.err.contains("did you mean `queued`?"));
    assert_eq!(deed.fails(2, &["proof", "verify", &id]).0, "no-proof");
    assert_eq!(deed.json(0, &["queue", "cancel", &id, "--reason", "typo"])["state"], "cancelled");
    assert_eq!(deed.json(0, &["queue", "show", &id])["state"], "cancelled");
    assert_eq!(deed.fails(2, &["queue", "cancel", &id, "--reason", "twice"]).0, "illegal-transition");
    // The stored outcome, without a browser: nothing was done.
    assert_eq!(deed.json(3, &["act", &order])["state"], "cancelled");
    assert_eq!(deed.fails(2, &["queue", "show", "nothing"]).0, "not-found");
}

#[test]
fn work_goes_through_what_is_due_once_and_ends() {
    let deed = Deed::with_account();
    assert_eq!(deed.json(0, &["work", "--until-idle"])["worked"], json!([]));
    for text in ["a", "b", "c"] {
        deed.ok(&["queue", "add", &deed.order("o.json", |o| o["content"]["text"] = json!(text))]);
    }
    let worked = deed.json(3, &["work", "--until-idle", "--max", "2"]);
    assert_eq!(worked["worked"].as_array().unwrap().len(), 2, "bounded");
    let worked = deed.json(3, &["work", "--until-idle"]);
    assert_eq!(worked["worked"].as_array().unwrap().len(), 1, "what is held is not taken again by itself");
    assert_eq!(worked["worked"][0]["hold"]["reason"], "connection");
    assert_eq!(deed.json(0, &["work", "--until-idle"])["worked"], json!([]));
}

#[test]
fn media_that_changed_after_filing_are_held_back() {
    let deed = Deed::with_account();
    deed.write("a.png", png());
    let order = deed.order("o.json", |o| o["content"]["media"] = json!(["a.png"]));
    deed.ok(&["queue", "add", &order]);
    let media = deed.path("home/.local/share/deed/media");
    let kept = std::fs::read_dir(&media).unwrap().next().unwrap().unwrap().path().join("a.png");
    std::fs::write(&kept, "something else").unwrap();
    let held = deed.json(3, &["work", "--until-idle"]);
    assert_eq!(held["worked"][0]["hold"]["reason"], "policy");
    assert!(held["worked"][0]["hold"]["detail"].as_str().unwrap().contains("(media-changed)"), "{held}");
    // The order, run again from its original, puts the copy right.
    assert_eq!(deed.json(3, &["act", &order])["hold"]["reason"], "connection");
    assert_eq!(std::fs::read(&kept).unwrap(), png());
}

#[test]
fn the_pace_of_an_account_and_the_tries_of_an_action_are_shown() {
    let deed = Deed::with_account();
    assert_eq!(deed.json(0, &["account", "show", "north_star"])["pace"]["factor"], json!(1.0));
    assert!(deed.ok(&["account", "show", "north_star"]).out.contains("full"));
    let filed = deed.json(0, &["queue", "add", &deed.order("o.json", |_| {})]);
    let id = filed["action_id"].as_str().unwrap();
    assert_eq!(deed.json(0, &["queue", "show", id])["tries"], json!([]));
    deed.sql(&[
        "INSERT INTO account_pace SELECT account_id, 2500, 100, 1795167000000, 1795166000000, 0 FROM platform_accounts",
        "INSERT INTO action_tries SELECT action_id, 1, 1795167000000, 'browser_gone', 'the browser is gone', 1795167003000 FROM actions",
        "INSERT INTO action_tries SELECT action_id, 2, 1795167004000, 'timed_out', 'it took long', NULL FROM actions",
    ]);
    let pace = json!({
        "factor": 2.5, "share": 0.4, "slowed_at": "2026-11-20T09:13:20.000Z", "not_before": "2026-11-20T09:30:00.000Z",
    });
    assert_eq!(deed.json(0, &["account", "show", "north_star"])["pace"], pace);
    let shown = deed.ok(&["account", "show", "north_star"]).out;
    assert!(shown.contains("0.4 of the full one") && shown.contains("2026-11-20T09:30:00.000Z"), "{shown}");
    let tries = deed.json(0, &["queue", "show", id])["tries"].clone();
    assert_eq!(
        (tries.as_array().unwrap().len(), &tries[0]["fault"], &tries[1]["next"]),
        (2, &json!("browser_gone"), &json!(null))
    );
    assert_eq!(tries[0]["next"], json!("2026-11-20T09:30:03.000Z"));
    let shown = deed.ok(&["queue", "show", id]).out;
    assert!(
        shown.contains("try 1    2026-11-20T09:30:00.000Z  browser_gone; next 2026-11-20T09:30:03.000Z"),
        "{shown}"
    );
    assert!(shown.contains("timed_out; next when a person asks for it"), "{shown}");
}
