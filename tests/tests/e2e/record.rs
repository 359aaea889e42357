//! A recording holds no secret: fifty are planted everywhere a platform could have one, and every written byte is searched for them.
//! And what was recorded replays.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed::record::write::Of;
use deed::record::{self, Recording, Visit};
use deed::replay;
use deed_core::account::{Account, AccountState, Fingerprint, Mode};
use deed_core::ids::{AccountId, ClientId};
use deed_core::ports::browser::SessionState;
use deed_fixtures::{Practice, PracticeConfig};
use deed_recipes::{Baseline, Recipe};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Path → headers and body.
type Pages = BTreeMap<&'static str, (String, Vec<u8>)>;

/// A server that answers each path with what is planted there, whatever the method.
async fn serve(pages: impl FnOnce(&str) -> Pages) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let pages = Arc::new(pages(&origin));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let pages = Arc::clone(&pages);
            tokio::spawn(async move {
                let mut asked = Vec::new();
                let mut piece = [0; 4096];
                while !asked.windows(4).any(|w| w == b"\r\n\r\n") {
                    match socket.read(&mut piece).await {
                        Ok(read) if read > 0 => asked.extend_from_slice(&piece[..read]),
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&asked).into_owned();
                let path = head.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/").to_owned();
                let missing = ("content-type: text/plain\r\n".to_owned(), b"none".to_vec());
                let (headers, body) = pages.get(path.as_str()).unwrap_or(&missing);
                let head =
                    format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = socket.write_all(&[head.as_bytes(), body].concat()).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    origin
}

fn recipe() -> Arc<Recipe> {
    Arc::new(deed_recipes::load_builtin("practice").unwrap())
}

fn account(origin: &str, display_name: &str) -> Account {
    Account {
        id: AccountId::new("acc"),
        client: ClientId::new("bakery"),
        platform: "practice".into(),
        fingerprint: Fingerprint { handle: "north_star".into(), display_name: Some(display_name.into()), avatar: None },
        origin: Some(origin.to_owned()),
        state: AccountState::Active,
        state_reason: None,
        mode: Mode::Draft,
        has_session: true,
        approvals: deed_core::approval::AccountApprovals::None,
    }
}

/// The fifty. Some have characters that are encoded differently in every place.
fn canaries() -> Vec<String> {
    let special = |n: usize| if n.is_multiple_of(3) { "/+=" } else { "" };
    (0..43)
        .map(|n| format!("cnry{n:02}{}Zq{}", special(n), 7919 * (n + 11)))
        .chain([
            "cnry43.ann@bakery.example".to_owned(),
            "cnry44@mail.bakery.example".to_owned(),
            "cnry45.bob@bakery.example".to_owned(),
            "+49 30 5550146".to_owned(),
            "212-555-0147".to_owned(),
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjbnJ5NDgifQ.cnry48signature".to_owned(),
            "Marigold Featherstone".to_owned(),
        ])
        .collect()
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

/// Standard base64, written out here so that the test does not lean on what it tests.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut out, chunk| {
        let word = chunk.iter().fold(0_u32, |w, b| (w << 8) | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(word >> (18 - 6 * place)) as usize & 63]);
            out.push(if place <= chunk.len() { letter } else { '=' });
        }
        out
    })
}

fn forms(canary: &str) -> Vec<String> {
    let json = canary.replace('/', "\\/");
    let percent = percent(canary);
    let hex = canary.bytes().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    });
    let plain64 = base64(canary.as_bytes()).trim_end_matches('=').to_owned();
    let in_middle = base64(format!("id:{canary}").as_bytes());
    let in_middle = in_middle[4..in_middle.len() - 4].to_owned();
    vec![canary.to_owned(), json, percent.to_lowercase(), percent, hex, plain64, in_middle]
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    })
}

/// A real picture with a text chunk.
fn png_with_text(text: &str) -> Vec<u8> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/practice/pages/bread.png");
    let mut png = std::fs::read(fixture).unwrap();
    let data = [b"tEXtComment\0", text.as_bytes()].concat();
    let length = u32::try_from(data.len() - 4).unwrap().to_be_bytes();
    let chunk = [&length[..], &data, &crc(&data).to_be_bytes()].concat();
    png.splice(33..33, chunk);
    png
}

/// `[[12]]` is a canary as it is, `[[p12]]` percent-encoded, `[[b12]]` in base64, `[[m12]]` in the middle of a longer one, `[[j12]]` in
/// JSON with escaped slashes, `[[u12]]` with an escaped `@`.
fn fill(template: &str, canaries: &[String]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("[[") {
        out.push_str(before);
        let (name, left) = after.split_once("]]").unwrap();
        let how = name.chars().next().unwrap();
        let canary = &canaries[name.trim_start_matches(char::is_alphabetic).parse::<usize>().unwrap()];
        out.push_str(&match how {
            'p' => percent(canary),
            'b' => base64(canary.as_bytes()),
            'm' => base64(format!("user:{canary}:rest").as_bytes()),
            'j' => canary.replace('/', "\\/"),
            'u' => canary.replace('@', "\\u0040"),
            _ => canary.clone(),
        });
        rest = left;
    }
    out + rest
}

const PAGE: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Planted</title>
<meta name="csrf-token" content="[[33]]"><link rel="stylesheet" href="/style.css?token=[[p21]]">
</head><body data-auth-token="[[34]]">
<p>cookies [[0]] [[p1]] [[b2]] [[m3]] storage [[4]] [[j6]] [[b5]] and [[p7]]</p>
<form><input type="hidden" name="csrf" value="[[32]]"><input type="password" value="[[35]]"></form>
<a href="/next?access_token=[[p22]]&amp;x=1">next</a> <a href="/next?x=1&amp;sig=[[p23]]">sig</a>
<p>write to [[43]], <a href="mailto:[[p44]]">mail</a>, call [[46]] or [[47]]; I am [[49]]</p>
<p>Authorization: Bearer [[20]]</p><img src="/picture.png" alt="">
<p>set by the server: [[8]] [[p9]] [[b10]] [[11]]; sent: [[12]] [[b13]] [[p14]] [[15]] [[16]] [[p40]] [[41]]</p>
<script>
  const apiKey = '[[36]]'; var config = { "accessToken": "[[37]]", inner: "{\"refresh_token\":\"[[38]]\"}" };
  window.__SECRET__ = "[[39]]"; const jwt = "[[48]]"; const owner = "[[u45]]";
  const post = (url, init) => fetch(url, { method: 'POST', ...init });
  fetch('/api/me?otp=[[p24]]&code=[[p25]]', { headers: { 'Authorization': 'Bearer [[13]]', 'X-CSRF-Token': '[[14]]',
    'X-Auth-Key': '[[15]]', 'X-Api-Key': '[[16]]' } });
  fetch('/api/list?key=[[p26]]');
  post('/api/form', { body: new URLSearchParams({ password: '[[40]]', otp: '[[41]]', auth: '[[42]]' }) });
  navigator.sendBeacon('/api/beacon', JSON.stringify({ session: '[[12]]' }));
</script></body></html>"#;

const JSON: &str = r#"{"token":"[[27]]","user":{"session_id":"[[j28]]","csrfToken":"[[29]]","password":"[[30]]"},
"nested":"{\"client_secret\":\"[[31]]\"}","form":"[[42]]","contact":"[[u45]]","name":"[[49]]","cookie":"[[1]]"}"#;

const SET: &str = "set-cookie: sid2=[[8]]; Path=/\r\nset-cookie: remember=[[p9]]; HttpOnly\r\nset-cookie: t=[[10]]\r\n\
                   set-cookie: last=[[11]]\r\nx-csrf-token: [[17]]\r\nauthorization: Bearer [[18]]\r\nx-session-id: [[19]]\r\n";

fn planted(canaries: &[String]) -> Pages {
    let kind = |kind: &str| format!("content-type: {kind}\r\n");
    let mut pages = Pages::new();
    pages.insert("/north_star", (kind("text/html") + &fill(SET, canaries), fill(PAGE, canaries).into_bytes()));
    let json = fill(JSON, canaries).into_bytes();
    for path in ["/api/me", "/api/list", "/api/form", "/api/beacon"] {
        pages.insert(path, (kind("application/json"), json.clone()));
    }
    let css = fill("body{background:url(/picture.png?sig=[[p23]])} /* [[17]] [[18]] [[19]] */", canaries);
    pages.insert("/style.css", (kind("text/css"), css.into_bytes()));
    // Its text chunk holds one that is known from nowhere else to be a secret.
    pages.insert("/picture.png", (kind("image/png"), png_with_text(&canaries[46])));
    pages
}

/// Cookies and local storage of the account.
fn session(canaries: &[String], origin: &str) -> SessionState {
    let cookies: Vec<_> = (0..4)
        .map(|n| serde_json::json!({ "name": format!("c{n}"), "value": canaries[n], "domain": "127.0.0.1", "path": "/" }))
        .collect();
    let inner = serde_json::json!({ "device": canaries[5], "more": [canaries[6]] }).to_string();
    let storage = serde_json::json!([
        { "name": "plain", "value": canaries[4] }, { "name": "inner", "value": inner }, { "name": "p", "value": canaries[7] }
    ]);
    let origins = serde_json::json!([{ "origin": origin, "localStorage": storage }]);
    SessionState::new(serde_json::json!({ "cookies": cookies, "origins": origins }).to_string())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// Everything that was recorded, before it is scrubbed.
fn raw(recording: &Recording) -> Vec<u8> {
    let mut all = Vec::new();
    for exchange in &recording.exchanges {
        let request = &exchange.request;
        all.extend(format!("{} {:?}\n", request.url, request.headers).into_bytes());
        all.extend(request.body.clone().unwrap_or_default());
        if let Some(response) = &exchange.response {
            all.extend(format!("{:?}\n", response.headers).into_bytes());
            all.extend(&response.body);
        }
    }
    all
}

/// Bytes to search in: as text, case folded.
fn folded(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_ascii_lowercase()
}

fn holds(folded: &str, text: &str) -> bool {
    folded.contains(&text.to_ascii_lowercase())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_planted_secrets_are_in_no_written_byte() {
    let canaries = canaries();
    assert_eq!(canaries.len(), 50);
    let origin = serve(|_| planted(&canaries)).await;
    let (account, session, recipe) = (account(&origin, &canaries[49]), session(&canaries, &origin), recipe());
    let visits =
        [Visit { name: "profile".into(), url: format!("{origin}/north_star?session={}", percent(&canaries[19])) }];
    let pages = record::Plan { visits: &visits, flow: None, target: None };
    let recording = record::record(pages, (&recipe, &account, &session), None).await.unwrap();
    let raw = folded(&raw(&recording));
    for canary in &canaries {
        let there = forms(canary).iter().chain([&canary.replace('@', "\\u0040")]).any(|f| holds(&raw, f));
        assert!(there, "{canary} was planted, and not recorded: the test would prove nothing");
    }
    assert!(recording.exchanges.len() >= 7, "{}", recording.exchanges.len());

    let dir = tempfile::tempdir().unwrap();
    let words = [canaries[49].clone()];
    let written = record::write(&recording, &of_a_post(&recipe, &account, &session, &words), dir.path()).unwrap();
    assert_eq!(written.pictures, 1);
    let files = files(dir.path());
    assert!(files.len() >= 8, "{files:?}");
    let mut found = Vec::new();
    for file in &files {
        let bytes = folded(&[std::fs::read(file).unwrap(), file.display().to_string().into_bytes()].concat());
        for (number, canary) in canaries.iter().enumerate() {
            found.extend(forms(canary).into_iter().filter(|f| holds(&bytes, f)).map(|f| (number, f, file)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    // What is no secret is still there.
    let page = files.iter().find(|f| f.extension().is_some_and(|e| e == "html")).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<title>Planted</title>") && page.contains("const post = (url, init)"), "{page}");
    assert!(files.iter().any(|f| f.extension().is_some_and(|e| e == "png") && f.parent().unwrap().ends_with("bodies")));
}

fn of_a_post<'a>(recipe: &'a Recipe, account: &'a Account, session: &'a SessionState, words: &'a [String]) -> Of<'a> {
    Of { recipe, account, session, flow: Some("publish.post"), target: None, words }
}

fn names_in_order<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

const fn plan<'a>(visits: &'a [record::Visit], target: Option<&'a str>) -> record::Plan<'a> {
    record::Plan { visits, flow: Some(if target.is_some() { "delete" } else { "publish.post" }), target }
}

/// A dialog that opens by a click is recorded; what it is for is not done.
#[tokio::test(flavor = "multi_thread")]
async fn the_steps_that_need_no_order_are_recorded_too() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let facts = practice.account_fingerprint("north_star").unwrap();
    let session = SessionState::new(practice.storage_state("north_star").unwrap().to_string());
    let (account, recipe) = (account(&practice.origin(), &facts.display_name), recipe());
    let own = |o: &&deed_fixtures::ObjectRecord| o.account.as_deref() == Some("north_star");
    let post = practice.truth().objects.iter().find(own).map(|o| o.id.clone()).unwrap();
    let target = format!("{}/p/{post}", practice.origin());
    let visits = record::surfaces(&recipe, "delete", &account, Some(&target));
    let recording = record::record(plan(&visits, Some(&target)), (&recipe, &account, &session), None).await.unwrap();
    let names: Vec<_> = recording.pictures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.last(), Some(&"step2_click_delete_button"), "{names:?}");
    assert_eq!(recording.steps_end, None);
    assert!(practice.truth().writes.is_empty(), "recording sends nothing");
    // A flow that types ends there.
    let posting = record::surfaces(&recipe, "publish.post", &account, None);
    let recording = record::record(plan(&posting, None), (&recipe, &account, &session), None).await.unwrap();
    assert_eq!(recording.steps_end.as_deref(), Some("step 3 of 4 needs an order"));
    practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_replays() {
    let practice = Practice::start(PracticeConfig::default()).await.unwrap();
    let facts = practice.account_fingerprint("north_star").unwrap();
    let session = SessionState::new(practice.storage_state("north_star").unwrap().to_string());
    let (account, recipe) = (account(&practice.origin(), &facts.display_name), recipe());
    let visits = record::surfaces(&recipe, "publish.post", &account, None);
    let names: Vec<_> = visits.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["profile", "feed", "composer"]);
    let recording = record::record(plan(&visits, None), (&recipe, &account, &session), None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    record::write(&recording, &of_a_post(&recipe, &account, &session, &[]), dir.path()).unwrap();
    assert!(practice.truth().writes.is_empty(), "recording sends nothing");
    let origin = practice.origin();
    practice.stop().await;

    // Its pages are baselines as well; a surface that was not visited is named.
    let chromium = replay::browser(None);
    let baselines = replay::baseline::of_all(&[dir.path().to_owned()], &recipe, &chromium).await.unwrap();
    chromium.stop().await;
    // What the flow's own composer shows at review is beside the surfaces; the practice recipe has it in its composer's baseline.
    let (at_review, of_surfaces): (Vec<_>, Vec<_>) =
        baselines.baselines.iter().partition(|b| b.surface == "publish.post");
    let pressed = |b: &Baseline| b.landmarks.get("post_button").cloned();
    assert_eq!(at_review.first().map(|b| pressed(b)), Some(pressed(&recipe.baselines["composer"])));
    for baseline in &of_surfaces {
        assert_eq!(recipe.baselines.get(&baseline.surface), Some(*baseline));
    }
    let surfaces: Vec<_> = of_surfaces.iter().map(|b| b.surface.as_str()).collect();
    assert_eq!(surfaces, names_in_order(&names));
    let scheduled = baselines.left_out.iter().find(|(surface, _)| surface == "scheduled").map(|(_, why)| why.as_str());
    let wanted = format!("no answer for GET {origin}/scheduled in scene before");
    assert!(scheduled.is_some_and(|why| why.contains(&wanted)), "{:?}", baselines.left_out);

    // The write is authored: it can not be recorded without being done.
    let path = dir.path().join("fixture.yaml");
    let fixture = std::fs::read_to_string(&path).unwrap();
    let write = format!(
        "routes:\n  - {{ on: \"POST {origin}/api/posts\", goes_to: after, status: 201, json: {{ id: \"x1\" }} }}\n"
    );
    std::fs::write(&path, fixture + &write).unwrap();
    let expect = "outcome: confirmed_failed\nfailure: not_found_after_attempt\nwrites: 1\nidentity: { handle: match }\n\
                  drift: { composer: 0.0, feed: 0.0, profile: 0.0 }\n";
    std::fs::write(dir.path().join("expect.yaml"), expect).unwrap();
    let mut scenario = replay::load(dir.path(), None).unwrap();
    scenario.patience = replay::scenario::UNHURRIED;
    let chromium = replay::browser(None);
    let played = replay::play(&scenario, &chromium, None).await;
    chromium.stop().await;
    assert!(played.passed(), "{:#?}", played.differs);
}
