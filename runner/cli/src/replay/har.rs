//! A recording (HAR 1.2) as routes: each entry answers the URL that it was recorded at, several of one URL in their order.
//!
//! Bodies lie in files beside it (`content._file`) or in the text. What only matters on a wire (lengths, encodings) is left out.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use deed_chromium::network::Response;
use serde::Deserialize;

use crate::replay::error::FixtureError;
use crate::replay::fixture::read_bounded;
use crate::replay::route::{Fill, Pattern, Route};

/// Largest recording, in bytes; bodies are beside it.
const HAR_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Largest recorded body, in bytes.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Headers that speak of the wire, or would bind the browser beyond the replay.
const OF_THE_WIRE: [&str; 10] = [
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "expect-ct",
    "keep-alive",
    "nel",
    "report-to",
    "strict-transport-security",
    "transfer-encoding",
];

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Answer,
    #[serde(rename = "_scene")]
    scene: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Content {
    mime_type: Option<String>,
    text: Option<String>,
    encoding: Option<String>,
    #[serde(rename = "_file")]
    file: Option<String>,
}

/// Reads a recording.
///
/// # Errors
/// [`FixtureError::Har`], [`FixtureError::Unreadable`].
pub fn routes(path: &Path) -> Result<Vec<Route>, FixtureError> {
    let bytes = read_bounded(path, HAR_BYTES_MAX)?;
    let unusable = |why: String| FixtureError::Har { path: path.to_owned(), why };
    let har: Har = serde_json::from_slice(&bytes).map_err(|e| unusable(e.to_string()))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    // An entry without an answer (status 0) was cut off while it was recorded.
    let answered = har.log.entries.into_iter().filter(|e| (200..600).contains(&e.response.status));
    answered.map(|entry| route(entry, folder, &unusable)).collect()
}

fn route(entry: Entry, folder: &Path, unusable: &dyn Fn(String) -> FixtureError) -> Result<Route, FixtureError> {
    let content = entry.response.content;
    let body = match (&content.file, content.text) {
        (Some(file), _) => {
            if Path::new(file).components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
                return Err(unusable(format!("`{file}` leads out of its folder")));
            }
            read_bounded(&folder.join(file), BODY_BYTES_MAX)?
        }
        (None, Some(text)) if content.encoding.as_deref() == Some("base64") => {
            base64::engine::general_purpose::STANDARD.decode(text).map_err(|e| unusable(e.to_string()))?
        }
        (None, text) => text.unwrap_or_default().into_bytes(),
    };
    let headers = entry.response.headers.into_iter().map(|h| (h.name.to_ascii_lowercase(), h.value));
    let mut headers: Vec<_> =
        headers.filter(|(n, _)| !OF_THE_WIRE.contains(&n.as_str()) && !n.starts_with(':')).collect();
    if !headers.iter().any(|(n, _)| n == "content-type")
        && let Some(kind) = content.mime_type.filter(|k| !k.is_empty())
    {
        headers.push(("content-type".to_owned(), kind));
    }
    let url = entry.request.url.split('#').next().unwrap_or_default().to_owned();
    let on = Pattern { method: entry.request.method.to_ascii_uppercase(), url, with_query: true, literal: true };
    let response = Response { status: entry.response.status, headers, body };
    let (has, goes_to) = (None, None);
    Ok(Route { on, scene: entry.scene, has, goes_to, response, fill: Fill::Never, delay: Duration::ZERO, once: true })
}
