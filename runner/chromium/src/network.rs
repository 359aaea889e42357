//! Where a session's requests go once the gate lets them go: to the platform, to a stage that answers from a fixture, or to the
//! platform with a tape running along.
//!
//! The gate stands in front of all three and is the same for all three: a declared write needs its permit before any of them hears of
//! it. A stage answers at the browser, under the real `https` origin; what it has no answer for fails, and nothing reaches a network.
//! Never decides whether a request may go.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide_cdp::cdp::browser_protocol::fetch::{
    EventRequestPaused, FailRequestParams, FulfillRequestParams, HeaderEntry, RequestId,
};
use chromiumoxide_cdp::cdp::browser_protocol::network::ErrorReason;
use deed_core::time::Timestamp;

/// Header names and values.
pub type Headers = Vec<(String, String)>;

/// A request that left the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// The whole URL, without fragment.
    pub url: String,
    /// What it is for: `Document`, `Fetch`, `Image` …
    pub kind: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body, as far as the browser shows it (files in a form are left out); `None`: it has one that can not be read.
    pub body: Option<Vec<u8>>,
    /// Whether it is a declared write that the gate let through.
    pub write: bool,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// What a stage does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// The answer.
    pub response: Response,
    /// How long it takes.
    pub delay: Duration,
    /// The stage's own mark, given back by [`Stage::answered`].
    pub mark: usize,
}

/// Answers every request of the sessions that play on it.
pub trait Stage: Send + Sync {
    /// The answer; `None`: there is none, and the request fails.
    fn answer(&self, request: &Request) -> Option<Cue>;

    /// The answer of this mark reaches the page now.
    fn answered(&self, mark: usize);

    /// Something tried to leave the browser beside the gate (a WebSocket, say). It was refused.
    fn escaped(&self, host: &str, port: u16);

    /// The time on this stage; permits are checked against it.
    fn now(&self) -> Timestamp;

    /// Elements whose choice is watched, each with the CSS selector that its node must match.
    fn watched(&self) -> &[(String, String)];

    /// A look found a watched element; whether its node matches.
    fn chosen(&self, element: &str, matches: bool);
}

/// Hears every request with its answer. Called before the page gets the answer.
pub trait Tape: Send + Sync {
    /// One exchange. `response` is `None` when there was none (`why` tells).
    fn exchange(&self, request: &Request, response: Option<&Response>, why: &str);
}

/// Where a session's requests go.
#[derive(Clone)]
pub enum Network {
    /// To the platform, through the context's relay.
    Live,
    /// To nowhere: a fixture answers.
    Stage(Arc<dyn Stage>),
    /// To the platform, and onto a tape.
    Tape(Arc<dyn Tape>),
}

impl Network {
    /// The stage, in replay.
    pub(crate) fn stage(&self) -> Option<&Arc<dyn Stage>> {
        match self {
            Self::Stage(stage) => Some(stage),
            Self::Live | Self::Tape(_) => None,
        }
    }
}

/// A paused request as a stage or a tape sees it.
pub(crate) fn request_of(event: &EventRequestPaused, write: bool) -> Request {
    let request = &event.request;
    let headers = request.headers.inner().as_object().into_iter().flatten();
    let headers = headers.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned())).collect();
    let body = if request.has_post_data == Some(true) {
        request.post_data_entries.as_ref().map(|entries| {
            let bytes = entries.iter().filter_map(|e| STANDARD.decode::<&str>(e.bytes.as_ref()?.as_ref()).ok());
            bytes.flatten().collect()
        })
    } else {
        Some(Vec::new())
    };
    Request {
        method: request.method.to_ascii_uppercase(),
        url: request.url.clone(),
        kind: event.resource_type.as_ref().to_owned(),
        headers,
        body,
        write,
    }
}

pub(crate) fn entries(headers: &[(String, String)]) -> Vec<HeaderEntry> {
    headers.iter().map(|(name, value)| HeaderEntry::new(name.clone(), value.clone())).collect()
}

/// The answer as the browser takes it.
pub(crate) fn fulfil(id: RequestId, response: &Response) -> FulfillRequestParams {
    FulfillRequestParams {
        response_headers: Some(entries(&response.headers)),
        body: Some(STANDARD.encode(&response.body).into()),
        ..FulfillRequestParams::new(id, i64::from(response.status))
    }
}

/// No answer.
pub(crate) fn refuse(id: RequestId) -> FailRequestParams {
    FailRequestParams::new(id, ErrorReason::AddressUnreachable)
}
