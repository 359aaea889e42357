//! Writes a recording as a fixture: `fixture.har` (HAR 1.2), its bodies and pictures as files beside it, and the two YAML files to
//! begin a scenario with. Everything goes through the scrubber first, names of files included.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use deed_chromium::network::Headers;
use deed_core::account::Account;
use deed_core::ports::browser::SessionState;
use deed_proofs::Sha256;
use deed_recipes::{Marker, Recipe};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::record::scrub::{SCRUBBED, Scrubber};
use crate::record::{Exchange, Recording, pictures};

/// Headers of answers that a replay needs. All others stay behind.
const HEADERS: [&str; 14] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-security-policy",
    "content-type",
    "location",
    "retry-after",
    "vary",
    "x-content-type-options",
];

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Exchanges in the recording.
    pub exchanges: usize,
    /// Bodies that held a secret and could not be cleaned; they are not there.
    pub left_out: usize,
    /// Pictures.
    pub pictures: usize,
}

/// Whose recording it is, for the beginning of a scenario.
pub struct Of<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The account.
    pub account: &'a Account,
    /// Its session: every value of it is a secret.
    pub session: &'a SessionState,
    /// The flow that was recorded.
    pub flow: Option<&'a str>,
    /// What the flow aims at.
    pub target: Option<&'a str>,
    /// Personal data to take out.
    pub words: &'a [String],
}

/// Scrubs and writes.
///
/// # Errors
/// A folder or file that can not be written; secrets that can not be put into one pattern.
pub fn write(recording: &Recording, of: &Of<'_>, out: &Path) -> Result<Written, CliError> {
    let pattern = |e: regex::Error| CliError::Usage(format!("what is to be scrubbed can not be searched for: {e}"));
    let mut scrubber = Scrubber::new(of.words).map_err(pattern)?;
    scrubber.learn_session(of.session.expose());
    for exchange in &recording.exchanges {
        scrubber.learn_exchange(&exchange.request, exchange.response.as_ref());
    }
    scrubber.settle().map_err(pattern)?;

    let bodies = out.join("bodies");
    fs::create_dir_all(&bodies).map_err(CliError::file("make the folder", &bodies))?;
    let mut written = Written { exchanges: 0, left_out: 0, pictures: 0 };
    let mut entries = Vec::new();
    for exchange in &recording.exchanges {
        entries.push(entry(exchange, &scrubber, &bodies, &mut written)?);
    }
    let har = json!({ "log": {
        "version": "1.2",
        "creator": { "name": "deed", "version": env!("CARGO_PKG_VERSION") },
        "pages": [],
        "entries": entries,
    } });
    save(&out.join("fixture.har"), format!("{har:#}\n").as_bytes())?;
    for (number, (name, png)) in recording.pictures.iter().enumerate() {
        let name = plain(&scrubber.text(name));
        save(&out.join(format!("screenshot-{}-{name}.png", number + 1)), &pictures::without_words(png))?;
        written.pictures += 1;
    }
    save(&out.join("fixture.yaml"), beginning(of, &scrubber).as_bytes())?;
    let expect = "# What the scenario must come to: docs/replay.md lists the keys.\noutcome: queued\n";
    save(&out.join("expect.yaml"), expect.as_bytes())?;
    Ok(written)
}

fn entry(exchange: &Exchange, scrubber: &Scrubber, bodies: &Path, written: &mut Written) -> Result<Value, CliError> {
    let request = &exchange.request;
    let url = scrubber.text(&request.url);
    let (status, headers, content) = match &exchange.response {
        None => (0, Vec::new(), json!({ "size": 0, "mimeType": "" })),
        Some(response) => {
            let kept = response.headers.iter().filter(|(n, _)| HEADERS.contains(&n.to_ascii_lowercase().as_str()));
            let headers: Headers = kept.map(|(n, v)| (n.to_ascii_lowercase(), scrubber.text(v))).collect();
            let kind = headers.iter().find(|(n, _)| n == "content-type").map_or("", |(_, v)| v.as_str());
            let body = scrubber.body(&response.headers, &response.body).unwrap_or_else(|| {
                written.left_out += 1;
                Vec::new()
            });
            let mut content = json!({ "size": body.len(), "mimeType": kind });
            if !body.is_empty() {
                let name = format!("{}.{}", &Sha256::of(&body).to_string()[..24], ending(kind));
                save(&bodies.join(&name), &body)?;
                content["_file"] = json!(format!("bodies/{name}"));
            }
            (response.status, headers, content)
        }
    };
    written.exchanges += 1;
    let pairs = |list: &Headers| list.iter().map(|(n, v)| json!({ "name": n, "value": v })).collect::<Vec<_>>();
    let query: Vec<Value> = url::Url::parse(&url)
        .map(|u| u.query_pairs().map(|(n, v)| json!({ "name": n, "value": v })).collect())
        .unwrap_or_default();
    Ok(json!({
        "startedDateTime": exchange.at,
        "time": 0,
        "request": {
            "method": request.method, "url": url, "httpVersion": "", "cookies": [], "headers": [],
            "queryString": query, "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "", "cookies": [], "headers": pairs(&headers),
            "content": content, "redirectURL": location(&headers), "headersSize": -1, "bodySize": -1,
        },
        "cache": {},
        "timings": { "send": 0, "wait": 0, "receive": 0 },
        "_resourceType": request.kind,
    }))
}

fn location(headers: &Headers) -> &str {
    headers.iter().find(|(n, _)| n == "location").map_or("", |(_, v)| v.as_str())
}

/// A fixture to go on from. The session stays behind; of its cookies only the one that the recipe looks at is named.
fn beginning(of: &Of<'_>, scrubber: &Scrubber) -> String {
    let account = of.account;
    let quoted = |text: &str| Value::String(scrubber.text(text)).to_string();
    let mut lines = BTreeMap::new();
    lines.insert(0, format!("recipe: {}", of.recipe.platform));
    let mut facts = vec![format!("handle: {}", quoted(&account.fingerprint.handle))];
    facts.extend(account.fingerprint.display_name.as_ref().map(|n| format!("display_name: {}", quoted(n))));
    let origin = account.origin.clone().or_else(|| of.recipe.base_origin());
    facts.extend(origin.as_ref().map(|o| format!("origin: {}", quoted(o))));
    if let (Some(Marker::Cookie(name)), Some(host)) =
        (&of.recipe.identity.marker, origin.and_then(|o| url::Url::parse(&o).ok()?.host_str().map(str::to_owned)))
    {
        facts.push(format!("cookies: [{{ name: {}, value: {SCRUBBED}, domain: {} }}]", quoted(name), quoted(&host)));
    }
    lines.insert(1, format!("account: {{ {} }}", facts.join(", ")));
    let flow = of.flow.unwrap_or("publish.post");
    let target = of.target.map(|target| format!(", target: {}", quoted(target))).unwrap_or_default();
    let order = format!("action_type: {flow}, content: {{ text: \"What is to be published\" }}{target}");
    lines.insert(2, format!("order: {{ {order} }}"));
    lines.insert(3, "har: fixture.har".to_owned());
    let head = "# Recorded by `deed record`: read-only, scrubbed. Routes written here come before the recording; the write and what\n\
                # is shown after it must be among them (docs/replay.md).\n";
    format!("{head}{}\n", lines.into_values().collect::<Vec<_>>().join("\n"))
}

fn ending(kind: &str) -> &'static str {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind {
        "text/html" => "html",
        "application/json" => "json",
        "text/css" => "css",
        "text/javascript" | "application/javascript" | "application/x-javascript" => "js",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/svg+xml" => "svg",
        "font/woff2" => "woff2",
        _ if kind.starts_with("text/") => "txt",
        _ => "bin",
    }
}

/// A name that can be a file's.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(60).collect()
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(CliError::file("write the recording", path))
}
