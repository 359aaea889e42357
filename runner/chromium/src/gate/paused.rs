//! What a paused request and its answer say: method, path, query, body, headers.

use base64::Engine as _;
use chromiumoxide_cdp::cdp::browser_protocol::fetch::HeaderEntry;
use chromiumoxide_cdp::cdp::browser_protocol::network::Request;
use deed_recipes::WritePattern;

/// What a request says of itself, read once.
pub(super) struct Asked {
    /// Upper case.
    pub(super) method: String,
    pub(super) path: String,
    query: String,
    body: Option<Vec<u8>>,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            method: request.method.to_ascii_uppercase(),
            path: path_of(&request.url),
            query: query_of(&request.url),
            body: body_of(request),
        }
    }

    /// Whether it is one of these writes.
    pub(super) fn is_one_of(&self, patterns: &[WritePattern]) -> bool {
        let fits = |p: &WritePattern| p.fits(&self.method, &self.path, &self.query, self.body.as_deref());
        patterns.iter().any(fits)
    }
}

pub(super) fn is_json(headers: &[HeaderEntry]) -> bool {
    header(headers, "content-type").is_some_and(|v| v.contains("json"))
}

fn path_of(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |u| u.path().to_owned())
}

fn query_of(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|u| u.query().map(str::to_owned)).unwrap_or_default()
}

/// The bytes of a request's body; `None` when the browser does not show all of them (a file, a stream, too long), or shows them
/// compressed. What can not be read may be anything.
fn body_of(request: &Request) -> Option<Vec<u8>> {
    let encoded = request
        .headers
        .inner()
        .as_object()
        .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("content-encoding")));
    if encoded {
        return None;
    }
    if request.has_post_data != Some(true) {
        return Some(Vec::new());
    }
    let entries = request.post_data_entries.as_ref().filter(|entries| !entries.is_empty())?;
    let mut body = Vec::new();
    for entry in entries {
        let bytes: &str = entry.bytes.as_ref()?.as_ref();
        body.extend(base64::engine::general_purpose::STANDARD.decode(bytes).ok()?);
    }
    Some(body)
}

pub(super) fn header<'h>(headers: &'h [HeaderEntry], name: &str) -> Option<&'h str> {
    headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
}
