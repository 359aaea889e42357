//! What goes back: the stream of outcomes, warnings, and webhooks over real HTTP.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::Deed;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How long a test waits for what must come.
const COMES: Duration = Duration::from_secs(60);

/// What a receiver got: headers and body.
#[derive(Debug, Clone)]
struct Got {
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What happened to which action.
    fn told(&self) -> (String, String) {
        let body = self.json();
        (body["data"]["action_id"].as_str().unwrap().to_owned(), body["type"].as_str().unwrap().to_owned())
    }
}

/// How a receiver answers; the last answer stays.
#[derive(Debug, Clone, Copy)]
enum Answers {
    Status(u16),
    /// Takes it, and says nothing for ever.
    Never,
    /// Leads elsewhere.
    Elsewhere,
}

#[derive(Default)]
struct Inner {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<Answers>>,
    came: Condvar,
}

/// A real HTTP server on this machine.
struct Receiver {
    inner: Arc<Inner>,
    url: String,
    _runtime: tokio::runtime::Runtime,
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: String) -> (StatusCode, HeaderMap, Bytes) {
    inner.got.lock().unwrap().push(Got { headers, body });
    inner.came.notify_all();
    let answer = {
        let mut answers = inner.answers.lock().unwrap();
        let first = answers.front().copied().unwrap_or(Answers::Status(200));
        if answers.len() > 1 {
            answers.pop_front();
        }
        first
    };
    let mut headers = HeaderMap::new();
    match answer {
        // Far more than anybody should read of an answer.
        Answers::Status(status) => (StatusCode::from_u16(status).unwrap(), headers, Bytes::from(vec![b'x'; 1 << 20])),
        Answers::Never => std::future::pending().await,
        Answers::Elsewhere => {
            headers.insert("location", "/elsewhere".parse().unwrap());
            (StatusCode::TEMPORARY_REDIRECT, headers, Bytes::new())
        }
    }
}

impl Receiver {
    fn new(answers: &[Answers]) -> Self {
        let inner = Arc::new(Inner { answers: Mutex::new(answers.iter().copied().collect()), ..Inner::default() });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
        let app = axum::Router::new()
            .route("/hook", post(take))
            .route("/elsewhere", post(take))
            .with_state(Arc::clone(&inner));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { inner, url, _runtime: runtime }
    }

    fn got(&self) -> Vec<Got> {
        self.inner.got.lock().unwrap().clone()
    }

    fn answers_with(&self, answers: &[Answers]) {
        *self.inner.answers.lock().unwrap() = answers.iter().copied().collect();
    }

    /// Waits until so many came.
    fn wait_for(&self, count: usize) {
        let got = self.inner.got.lock().unwrap();
        let (got, timeout) = self.inner.came.wait_timeout_while(got, COMES, |got| got.len() < count).unwrap();
        assert!(!timeout.timed_out(), "{count} messages did not come: {}", got.len());
    }
}

/// A webhook for every change of state; its id and secret.
fn hooked(deed: &Deed, receiver: &Receiver) -> (String, String) {
    let added = deed.json(0, &["webhook", "add", &receiver.url, "--allow-local", "--events", "all"]);
    (added["endpoint_id"].as_str().unwrap().to_owned(), added["secret"].as_str().unwrap().to_owned())
}

/// Files an order with this text and calls it off: two messages. Its id.
fn filed_and_cancelled(deed: &Deed, text: &str) -> String {
    let order = deed.order("o.json", |o| o["content"]["text"] = json!(text));
    let filed = deed.json(0, &["queue", "add", &order]);
    let id = filed["action_id"].as_str().unwrap().to_owned();
    deed.ok(&["queue", "cancel", &id, "--reason", "no"]);
    id
}

/// HMAC-SHA256 by its definition (RFC 2104), not by what Deed signs with.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    use deed_proofs::Sha256;
    assert!(key.len() <= 64, "a longer key would be hashed first");
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|i| key.get(i).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::of(&[pad(0x36), text.to_vec()].concat());
    Sha256::of(&[pad(0x5c), inner.as_bytes().to_vec()].concat()).as_bytes().to_vec()
}

#[test]
fn a_message_is_signed_so_that_anybody_with_the_secret_can_verify_it() {
    let deed = Deed::with_account();
    let receiver = Receiver::new(&[]);
    let (id, secret) = hooked(&deed, &receiver);
    let action = filed_and_cancelled(&deed, "a very secret text");
    let said = deed.json(0, &["webhook", "deliver", "--until-idle"]);
    assert_eq!((&said["taken"], &said["waiting"]), (&json!(2), &json!(0)));
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let got = receiver.got();
    let told: Vec<_> = got.iter().map(Got::told).collect();
    assert_eq!(told, [(action.clone(), "action.queued".to_owned()), (action, "action.cancelled".to_owned())]);
    for message in &got {
        let signed = [message.header("webhook-id"), message.header("webhook-timestamp"), &message.body].join(".");
        let expected = format!("v1,{}", STANDARD.encode(hmac_sha256(&key, signed.as_bytes())));
        assert_eq!(message.header("webhook-signature"), expected);
        let age = now_s() - message.header("webhook-timestamp").parse::<i64>().unwrap();
        assert!((-5..600).contains(&age), "in seconds: {age}");
        assert_eq!(message.header("content-type"), "application/json");
        assert!(!message.body.contains("secret text"), "{}", message.body);
    }
    assert_ne!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    // The secret was shown once, and a list does not have it.
    let listed = deed.json(0, &["webhook", "list"]);
    assert_eq!((&listed[0]["endpoint_id"], &listed[0]["delivered"]), (&json!(id), &json!(2)));
    assert!(!listed.to_string().contains("whsec_"));
    assert!(!std::fs::read(deed.ledger()).unwrap().windows(6).any(|w| w == b"whsec_"));
    let test = deed.json(0, &["webhook", "test", &id]);
    assert_eq!(test["status"], 200);
    assert_eq!(receiver.got()[2].json()["type"], "webhook.test");
    deed.ok(&["webhook", "remove", &id]);
    assert_eq!(deed.fails(2, &["webhook", "test", &id]).0, "not-found");
    assert_eq!(deed.json(0, &["audit", "verify"])["ok"], true);
}

fn now_s() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

#[test]
fn a_deliverer_that_is_killed_between_sending_and_keeping_sends_it_again() {
    let deed = Deed::with_account();
    let receiver = Receiver::new(&[Answers::Never]);
    hooked(&deed, &receiver);
    let action = filed_and_cancelled(&deed, "a");
    let mut deliverer = deed.command(&["webhook", "deliver", "--follow"]).spawn().unwrap();
    receiver.wait_for(1);
    deliverer.kill().unwrap();
    deliverer.wait().unwrap();
    receiver.answers_with(&[Answers::Status(200)]);
    // Nobody else sends it while the dead one's lease lasts, nor what comes after it.
    assert_eq!(deed.json(0, &["webhook", "deliver", "--until-idle"])["taken"], 0);
    deed.sql(&["UPDATE webhook_messages SET lease_until = 0 WHERE lease_until IS NOT NULL"]);
    assert_eq!(deed.json(0, &["webhook", "deliver", "--until-idle"])["taken"], 2);
    let got = receiver.got();
    let kinds: Vec<_> = got.iter().map(Got::told).collect();
    assert_eq!(
        kinds.iter().map(|k| k.1.as_str()).collect::<Vec<_>>(),
        ["action.queued", "action.queued", "action.cancelled"]
    );
    assert!(kinds.iter().all(|k| k.0 == action));
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"), "whoever got it twice can tell");
}

#[test]
fn several_deliverers_and_a_failing_receiver_keep_the_order_of_each_action() {
    let deed = Deed::with_account();
    let receiver = Receiver::new(&[Answers::Status(503)]);
    hooked(&deed, &receiver);
    for text in ["a", "b", "c"] {
        filed_and_cancelled(&deed, text);
    }
    let failed = deed.json(0, &["webhook", "deliver", "--until-idle"]);
    assert_eq!((&failed["again"], &failed["taken"], &failed["waiting"]), (&json!(3), &json!(0), &json!(6)));
    receiver.answers_with(&[Answers::Status(200)]);
    deed.sql(&["UPDATE webhook_messages SET next_at = 0"]);
    let both: Vec<_> = (0..3)
        .map(|_| {
            deed.command(&["webhook", "deliver", "--until-idle"])
                .stderr(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut one in both {
        assert!(one.wait().unwrap().success());
    }
    let got = receiver.got();
    assert_eq!(got.len(), 9, "three that failed, and six");
    let after = &got[3..];
    for (action, _) in after.iter().map(Got::told) {
        let of: Vec<_> = after.iter().map(Got::told).filter(|(a, _)| *a == action).map(|(_, kind)| kind).collect();
        assert_eq!(of, ["action.queued", "action.cancelled"]);
    }
}

#[test]
fn a_redirect_is_not_followed_and_an_endpoint_that_is_gone_is_left_alone() {
    let deed = Deed::with_account();
    let receiver = Receiver::new(&[Answers::Elsewhere, Answers::Status(410)]);
    let (id, _) = hooked(&deed, &receiver);
    filed_and_cancelled(&deed, "a");
    assert_eq!(deed.json(0, &["webhook", "deliver", "--until-idle"])["again"], 1);
    assert_eq!(receiver.got().len(), 1, "the other place was not asked");
    deed.sql(&["UPDATE webhook_messages SET next_at = 0"]);
    assert_eq!(deed.json(0, &["webhook", "deliver", "--until-idle"])["given_up"], 1);
    let listed = deed.json(0, &["webhook", "list"]);
    assert_eq!((&listed[0]["state"], &listed[0]["pending"]), (&json!("gone"), &json!(0)));
    filed_and_cancelled(&deed, "b");
    assert_eq!(deed.json(0, &["webhook", "deliver", "--until-idle"])["taken"], 0);
    assert_eq!(receiver.got().len(), 2);
    let warnings = deed.json(0, &["warning", "list"]);
    assert_eq!(
        (&warnings[0]["kind"], &warnings[0]["severity"], &warnings[0]["count"]),
        (&json!("webhook_undelivered"), &json!("LOW"), &json!(1))
    );
    let warning = warnings[0]["warning_id"].as_str().unwrap();
    assert_eq!(deed.fails(2, &["warning", "close", warning, "--reason", " "]).0, "missing-argument");
    deed.ok(&["warning", "close", warning, "--reason", "the receiver moved"]);
    assert_eq!(deed.fails(2, &["warning", "close", warning, "--reason", "again"]).0, "warning-closed");
    assert_eq!(deed.json(0, &["warning", "list"]), json!([]));
    assert_eq!(deed.json(0, &["warning", "list", "--all"])[0]["closed"]["reason"], "the receiver moved");
    receiver.answers_with(&[Answers::Status(500)]);
    assert_eq!(deed.fails(70, &["webhook", "test", &id]).0, "webhook-failed");
}

#[test]
fn addresses_and_events_are_checked_before_anything_is_stored() {
    let deed = Deed::with_account();
    for url in
        ["http://hooks.example/", "https://10.1.2.3/", "http://127.0.0.1:9/", "https://169.254.169.254/", "nonsense"]
    {
        assert_eq!(deed.fails(2, &["webhook", "add", url]).0, "webhook-url", "{url}");
    }
    assert_eq!(deed.fails(2, &["webhook", "add", "https://10.1.2.3/", "--allow-local"]).0, "webhook-url");
    let (code, said) = deed.fails(2, &["webhook", "add", "https://hooks.example/", "--events", "action.hold"]);
    assert!(code == "webhook-event" && said.err.contains("did you mean `action.held`?"), "{said:?}");
    assert_eq!(deed.fails(2, &["webhook", "add", "https://hooks.example/", "--client", "nobody"]).0, "not-found");
    assert_eq!(deed.json(0, &["webhook", "list"]), json!([]));
}

#[test]
fn the_stream_goes_on_from_its_cursor_and_follows() {
    let deed = Deed::with_account();
    let first = filed_and_cancelled(&deed, "a very secret text");
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let said = deed.ok(&[&["queue", "watch"], arguments].concat());
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&[]);
    assert_eq!(all.iter().map(|l| l["state"].as_str().unwrap()).collect::<Vec<_>>(), ["queued", "cancelled"]);
    assert!(
        all.iter().all(|line| line["action_id"] == json!(first)) && !json!(all).to_string().contains("secret text")
    );
    assert_eq!(lines(&["--outcomes"]), all[1..]);
    let cursor = all[0]["cursor"].to_string();
    assert_eq!(lines(&["--from", &cursor]), all[1..]);
    let last = all[1]["cursor"].to_string();
    assert_eq!(lines(&["--from", &last]), [json!(null); 0]);
    assert_eq!(deed.fails(2, &["queue", "watch", "--from", "999999"]).0, "cursor-invalid");
    assert_eq!(deed.fails(2, &["queue", "watch", "--from=-1"]).0, "cursor-invalid");

    // A line comes while the stream goes on; a reader that goes away ends it without an error.
    let mut watch =
        deed.command(&["queue", "watch", "--follow", "--from", &last]).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(watch.stdout.take().unwrap());
    let second = filed_and_cancelled(&deed, "b");
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["action_id"], json!(second));
    drop(reader);
    filed_and_cancelled(&deed, "c");
    filed_and_cancelled(&deed, "d");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

#[test]
fn an_account_tells_when_its_session_ends_and_work_warns_of_it_once() {
    let deed = Deed::with_account();
    let import = |expires: i64| {
        let cookie =
            json!({ "name": "sid", "value": "s3cret", "domain": "127.0.0.1", "path": "/", "expires": expires });
        let file = deed.write("session.json", json!({ "cookies": [cookie] }).to_string()).display().to_string();
        deed.ok(&["account", "connect", "north_star", "--session", &file]);
        deed.json(0, &["account", "list"])[0]["health"].clone()
    };
    assert_eq!(deed.json(0, &["account", "show", "north_star"])["health"]["session"], json!(null));
    let health = import(now_s() + 10 * 3600);
    assert_eq!(health["session"]["expiry"], "dated");
    assert_eq!(
        (&health["identity"], &health["attempted_24h"], &health["holds"]),
        (&json!(null), &json!(0), &json!({}))
    );
    let list = deed.ok(&["account", "list"]).out;
    assert!(list.contains("ends in ") && list.contains(" h!"), "{list}");
    assert!(deed.ok(&["account", "show", "north_star"]).out.contains("ends soon, "));
    for _ in 0..2 {
        deed.ok(&["work", "--until-idle"]);
        let warnings = deed.json(0, &["warning", "list", "--account", "north_star"]);
        assert_eq!((&warnings[0]["kind"], &warnings[0]["count"]), (&json!("session_expiring"), &json!(1)));
    }
    assert_eq!(deed.json(0, &["account", "show", "north_star"])["health"]["warnings"], json!({ "LOW": 1 }));
    let health = import(-1);
    assert_eq!((&health["session"]["expiry"], &health["session"]["expires_at"]), (&json!("undated"), &json!(null)));
    assert!(deed.ok(&["account", "show", "north_star"]).out.contains("stored, without an end"));
    assert_eq!(deed.json(0, &["warning", "list"]), json!([]), "the new session does not end soon");
}
