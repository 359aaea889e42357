//! An episode of every flow writes no secret: fifty are planted where platforms, sessions, people and the machine have them, and every byte
//! that is left behind is searched for them, in each form that it may have there. What is drawn is searched for by its colour.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::HANDLE;
use deed_tests::process::Home;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// No page has it but for what is planted.
const PINK: [u8; 3] = [255, 0, 255];
/// Of what may be seen.
const GREEN: [u8; 3] = [0, 255, 0];

fn canary(number: usize) -> String {
    format!("cnry{number:02}Zq{}xK", 7919 * (number + 11))
}

/// What the proxy adds to each page. `[[7]]` is a canary.
const PLANTED: &str = r#"<div id="planted" style="position:fixed;left:0;bottom:0;width:640px;height:160px;pointer-events:none;z-index:9">
<p style="background:#0f0;margin:0">planted</p>
<input type="password" value="[[0]]" style="background:#f0f;color:#f0f"><input id="typed" type="password" style="background:#f0f;color:#f0f">
<input autocomplete="one-time-code" value="[[1]]" style="background:#f0f"><input name="otp" value="[[2]]" style="background:#f0f">
<input id="verificationCode" value="[[3]]" style="background:#f0f"><input aria-label="CVV" value="[[4]]" style="background:#f0f">
<input type="hidden" name="csrf" value="[[5]]"><input type="hidden" name="state" value="[[6]]">
<p class="planted-mail" style="background:#f0f;margin:0">[[7]]@bakery.example <a href="mailto:[[8]]@bakery.example">write</a></p>
<p class="planted-phone" style="background:#f0f;margin:0" data-call="[[9]]">call [[10]]</p>
<p class="planted-name" style="background:#f0f;margin:0" title="[[11]]"><img alt="[[12]]" src="/avatar/[[13]].png">[[14]]</p>
<div class="planted-message" style="background:#f0f">[[15]] <span aria-label="[[16]]">[[17]]</span><textarea>[[18]]</textarea></div>
<a href="/next?access_token=[[19]]&amp;page=2">a</a><a href="/next?sig=[[20]]#access_token=[[21]]">b</a>
<a href="https://ann:[[22]]@127.0.0.1/x">c</a><img srcset="/a.png?key=[[23]] 1x" src="/a.png?auth=[[24]]" alt="">
<i data-auth-token="[[25]]" data-csrf="[[26]]" nonce="[[27]]" onclick="go('[[28]]')"></i>
<template>[[29]]</template><noscript>[[30]]</noscript><iframe hidden srcdoc="[[31]]"></iframe><!-- [[32]] -->
<p>Authorization: Bearer [[33]]</p><p>the same words elsewhere: [[17]]</p></div>
<script>window.__STATE__ = { token: "[[34]]", nested: "{\"refresh\":\"[[35]]\"}" }; document.querySelector('#typed').value = '[[36]]';
localStorage.setItem('planted', '[[37]]'); document.cookie = 'planted=[[38]]; path=/'; console.log('[[39]]');
fetch('/planted?otp=[[40]]', { headers: { Authorization: 'Bearer [[41]]' } }).catch(() => 0);</script>
<meta name="csrf-token" content="[[42]]">"#;

/// Of the session that is imported, of the environment, of the message that is ordered.
const IN_SESSION: std::ops::Range<usize> = 43..46;
const IN_ENVIRONMENT: [(&str, usize); 3] =
    [("AWS_SECRET_ACCESS_KEY", 46), ("AWS_SESSION_TOKEN", 47), ("WEBHOOK_SECRET", 48)];
const MESSAGE: usize = 49;
/// Those of headers and cookies of each answer, which are more than fifty.
const IN_HEADERS: std::ops::Range<usize> = 50..54;

fn planted() -> String {
    let mut page = PLANTED.to_owned();
    for number in 0..43 {
        page = page.replace(&format!("[[{number}]]"), &canary(number));
    }
    assert!(!page.contains("[["), "{page}");
    page
}

/// Passes everything on to the platform, and adds what is planted to its pages.
async fn proxy(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (upstream, mine, page) = (Arc::new(upstream), Arc::new(origin.clone()), Arc::new(planted()));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (upstream, mine, page) = (Arc::clone(&upstream), Arc::clone(&mine), Arc::clone(&page));
            tokio::spawn(async move {
                // A connection that breaks is the browser's to notice.
                let _ = pass_on(socket, &upstream, &mine, &page).await;
            });
        }
    });
    origin
}

/// Head and body of a message whose length is told, or which ends with its connection.
async fn message(socket: &mut TcpStream, to_end: bool) -> std::io::Result<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut piece = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match socket.read(&mut piece).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => all.extend_from_slice(&piece[..read]),
        }
    };
    let mut body = all.split_off(end);
    let head = String::from_utf8_lossy(&all).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    while length.map_or(to_end, |length| body.len() < length) {
        match socket.read(&mut piece).await? {
            0 => break,
            read => body.extend_from_slice(&piece[..read]),
        }
    }
    Ok((head, body))
}

async fn pass_on(mut browser: TcpStream, upstream: &str, mine: &str, page: &str) -> std::io::Result<()> {
    let (head, body) = message(&mut browser, false).await?;
    let host = upstream.trim_start_matches("http://");
    let asked: Vec<String> = head
        .trim_end()
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .map(|line| line.replace(mine, upstream).replace(mine.trim_start_matches("http://"), host))
        .collect();
    let mut platform = TcpStream::connect(host).await?;
    let asked = format!("{}\r\nconnection: close\r\n\r\n", asked.join("\r\n"));
    platform.write_all(&[asked.as_bytes(), &body].concat()).await?;
    let (head, mut body) = message(&mut platform, true).await?;
    // Addresses that the platform tells are its own.
    if head.to_ascii_lowercase().contains("content-type: application/json") {
        body = String::from_utf8_lossy(&body).replace(upstream, mine).into_bytes();
    }
    if head.to_ascii_lowercase().contains("content-type: text/html") {
        let text = String::from_utf8_lossy(&body).into_owned();
        let at = text.rfind("</body>").unwrap_or(text.len());
        body = format!("{}{page}{}", &text[..at], &text[at..]).into_bytes();
    }
    let dropped = ["content-length:", "connection:", "content-security-policy:", "transfer-encoding:"];
    let kept: Vec<String> = head
        .trim_end()
        .lines()
        .filter(|line| !dropped.iter().any(|name| line.to_ascii_lowercase().starts_with(name)))
        .map(|line| line.replace(upstream, mine))
        .collect();
    let [cookie, other, token, bearer] = [50, 51, 52, 53].map(canary);
    let added = format!(
        "set-cookie: device={cookie}; Path=/; HttpOnly\r\nset-cookie: remember={other}; Path=/\r\nx-csrf-token: {token}\r\n\
         authorization: Bearer {bearer}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    browser.write_all(&[kept.join("\r\n").as_bytes(), b"\r\n", added.as_bytes(), &body].concat()).await?;
    browser.shutdown().await
}

/// The account's own session, and more beside it.
fn session(own: &str, origin: &str) -> String {
    let mut state: Value = serde_json::from_str(own).unwrap();
    let cookie = json!({ "name": "planted2", "value": canary(43), "domain": "127.0.0.1", "path": "/" });
    state["cookies"].as_array_mut().unwrap().push(cookie);
    let storage = json!([{ "name": "device", "value": canary(44) }, { "name": "inner", "value": json!({ "t": canary(45) }).to_string() }]);
    state["origins"] = json!([{ "origin": origin, "localStorage": storage }]);
    state.to_string()
}

/// The practice recipe, which also knows what is planted.
fn recipe(home: &Home) {
    let path = home.path().join("recipes/practice/recipe.yaml");
    let yaml = std::fs::read_to_string(&path).unwrap();
    let kinds = [("mail", "email"), ("phone", "phone"), ("name", "name"), ("message", "message")];
    let (mut elements, mut redact) = (String::new(), String::new());
    for (name, kind) in kinds {
        let _ = writeln!(elements, "  planted_{name}:\n    - css: \".planted-{name}\"");
        let _ = writeln!(redact, "  planted_{name}: {kind}");
    }
    let known = yaml.replacen("\nredact:\n", &format!("\nredact:\n{redact}"), 1);
    let known = known.replacen("\nelements:\n", &format!("\nelements:\n{elements}"), 1);
    assert!(known.len() > yaml.len() + elements.len(), "the recipe has both parts");
    std::fs::write(path, known).unwrap();
}

fn orders(origin: &str) -> Vec<Value> {
    let at = |path: &str| format!("{origin}{path}");
    let order = |action: &str, text: &str, target: Option<String>| {
        let mut order =
            json!({ "platform": "practice", "account": HANDLE, "action": action, "content": { "text": text } });
        if let Some(target) = target {
            order["target"] = target.into();
        }
        order
    };
    let mut scheduled = order("schedule", "For tomorrow, at noon", None);
    scheduled["content"]["scheduled_at"] = "2031-05-06T12:00:00Z".into();
    vec![
        order("publish.post", "Rye buns, out of the oven", None),
        scheduled,
        order("like", "", Some(at("/p/p_seed07"))),
        order("comment_reply", "Thank you for this", Some(at("/p/p_seed07"))),
        order("edit", "What it says now", Some(at("/p/p_seed00"))),
        order("delete", "", Some(at("/p/p_seed00"))),
        order("follow", "", Some("passer_by".to_owned())),
        order("dm_send", &format!("Between us: {}", canary(MESSAGE)), Some("passer_by".to_owned())),
    ]
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(files(&path))
        } else if path.is_file() {
            all.push(path)
        }
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut out, chunk| {
        let word = chunk.iter().fold(0_u32, |w, b| (w << 8) | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(LETTERS[(word >> (18 - 6 * place)) as usize & 63]));
        }
        out
    })
}

/// As it is, in hexadecimal digits, and in base64 wherever it begins there.
fn forms(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    });
    let inner = (0..3).map(|skip| {
        let encoded = base64(&[&vec![b'x'; skip], secret.as_bytes()].concat());
        // Without the letters that its neighbours have a part in.
        encoded[4 * skip.min(1)..encoded.len() - 2].to_owned()
    });
    [secret.to_owned(), hex].into_iter().chain(inner).collect()
}

fn folded(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

/// Chunks of a PNG that say something in words, compressed or not.
fn words_in_png(png: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = &png[8..];
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let kind = String::from_utf8_lossy(&rest[4..8]).into_owned();
        if ["tEXt", "zTXt", "iTXt", "eXIf"].contains(&kind.as_str()) {
            found.push(kind);
        }
        rest = &rest[(length + 12).min(rest.len())..];
    }
    found
}

fn pixels(png: &[u8], colour: [u8; 3]) -> usize {
    let picture = image::load_from_memory(png).unwrap().into_rgb8();
    picture.pixels().filter(|p| p.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24)).count()
}

/// One more order, in which code panics with all that is secret in its message.
fn words_of_a_panic(home: &Home) -> [(String, Vec<u8>); 1] {
    let all: Vec<String> = (0..IN_HEADERS.end).map(canary).collect();
    let order = json!({ "platform": "practice", "account": HANDLE, "action": "publish.post", "content": { "text": "Not today" } });
    std::fs::write(home.path().join("order.json"), order.to_string()).unwrap();
    let mut act = home.command(&["act", "order.json", "--json"]);
    act.env("DEED_LOG", "trace").env("RUST_BACKTRACE", "full");
    let output = act.env("DEED_HALT_AT", format!("composed!{}", all.join(" "))).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(70), "{words}");
    assert!(words.contains("defect: ") && words.contains("world.rs:"), "it panicked, and says where: {words}");
    [("the words of a panic".to_owned(), [output.stdout, output.stderr].concat())]
}

#[test]
fn fifty_planted_secrets_are_in_nothing_that_an_episode_of_any_flow_leaves() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).unwrap();
    let origin = runtime.block_on(proxy(practice.origin()));
    let home = Home::empty();
    recipe(&home);
    home.connect_at(&practice, &origin);
    let own = practice.storage_state(HANDLE).unwrap().to_string();
    std::fs::write(home.path().join("session.json"), session(&own, &origin)).unwrap();
    home.ok(&["account", "connect", HANDLE, "--session", "session.json"]);

    let mut said = Vec::new();
    for order in orders(&origin) {
        let flow = order["action"].as_str().unwrap().to_owned();
        std::fs::write(home.path().join("order.json"), order.to_string()).unwrap();
        let mut act = home.command(&["act", "order.json", "--record"]);
        act.env("DEED_LOG", "deed=trace,deed_core=trace,deed_chromium=trace,deed_ledger=trace,deed_proofs=trace");
        act.envs(IN_ENVIRONMENT.map(|(name, number)| (name, canary(number))));
        let output = act.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{flow}: {words}");
        assert!(words.contains("TRACE") || words.contains("DEBUG"), "{flow} was logged");
        said.push((format!("the words of {flow}"), [output.stdout, output.stderr].concat()));
    }
    said.extend(words_of_a_panic(&home));
    for command in [&["audit", "tail"][..], &["queue", "list"], &["audit", "tail", "--json"], &["audit", "verify"]] {
        let output = home.command(command).output().unwrap();
        said.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    let key = std::fs::read_to_string(home.path().join("seal.key")).unwrap();
    let key = key.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).unwrap().to_owned();
    let own_session: Value = serde_json::from_str(&own).unwrap();
    let mut secrets: Vec<String> = (0..IN_HEADERS.end).map(canary).collect();
    secrets.extend([key, own_session["cookies"][0]["value"].as_str().unwrap().to_owned()]);
    assert!(secrets.len() >= 50 && IN_SESSION.end == 46, "{}", secrets.len());

    let (mut pictures, mut recordings, mut seen) = (0, 0, 0);
    let mut places: Vec<(String, Vec<u8>)> = said;
    for file in files(&home.path().join("data")).into_iter().chain(files(&home.path().join("tmp"))) {
        let bytes = std::fs::read(&file).unwrap();
        if bytes.starts_with(b"\x89PNG") {
            pictures += 1;
            assert_eq!(words_in_png(&bytes), [""; 0], "{}", file.display());
            assert_eq!(pixels(&bytes, PINK), 0, "something that is masked shows in {}", file.display());
            seen += usize::from(pixels(&bytes, GREEN) > 100);
        }
        recordings += usize::from(bytes.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]));
        places.push((file.display().to_string(), bytes));
    }
    assert!(
        pictures > 40 && seen > 20,
        "{seen} of {pictures} pictures show what was planted: the test would prove nothing else"
    );
    assert!(recordings >= 8, "{recordings} recordings");
    let mut found = Vec::new();
    for (place, bytes) in &places {
        let text = folded(bytes);
        for secret in &secrets {
            // The ledger holds what was ordered, for the runner that is to do it: docs/security.md says so.
            if *secret == canary(MESSAGE) && place.contains("ledger.sqlite") {
                continue;
            }
            found.extend(
                forms(secret)
                    .into_iter()
                    .filter(|form| text.contains(&form.to_ascii_lowercase()))
                    .map(|form| (form, place)),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    // What is no secret is still there.
    let manifests: Vec<_> =
        places.iter().filter(|(place, _)| place.ends_with("manifest.json")).map(|(_, b)| folded(b)).collect();
    assert_eq!(manifests.len(), 8);
    assert!(manifests.iter().any(|m| m.contains("rye buns")), "a public text is quoted");
    assert!(manifests.iter().any(|m| m.contains("(private: sha256 ")), "a private one is a hash");
    assert!(manifests.iter().all(|m| m.contains("\"kind\": \"email\"") && m.contains("\"recordings\"")));
    drop(home);
    runtime.block_on(practice.stop());
}
