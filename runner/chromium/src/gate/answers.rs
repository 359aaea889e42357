//! Answers: what they say of documents and of the write that was let through, and when the page gets them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use chromiumoxide_cdp::cdp::browser_protocol::fetch::{
    ContinueRequestParams, EventRequestPaused, GetResponseBodyParams, HeaderEntry,
};
use chromiumoxide_cdp::cdp::browser_protocol::network::ResourceType;
use deed_core::time::Timestamp;

use super::paused::{header, is_json};
use super::{BODY_MAX, DocumentAnswer, Gate, Going, Waiting, lock};
use crate::network::{self, Network, Response, Tape};
use crate::wire::{CALL, Wire};

/// Whose an answer is, with its place among the writes; and what was held back for it.
type Taken = (Option<(u64, Option<usize>)>, Vec<Going>);

impl Gate {
    /// Lets an answer go to the page; a main document's waits for the pictures of the one before it.
    pub(super) fn deliver(&self, wire: &Wire, event: EventRequestPaused, session: u64) {
        if let Some(side) = lock(&self.state).sessions.get_mut(&session)
            && side.waits_for_pictures(&event)
        {
            side.waiting.push(Waiting::Answered(event.request_id));
            return;
        }
        wire.post(None, &ContinueRequestParams::new(event.request_id));
    }

    /// An answer came, or the request was cut off.
    pub(super) fn answered(&self, wire: &Wire, event: EventRequestPaused, now: Timestamp) {
        let status = event.response_status_code.and_then(|s| u16::try_from(s).ok());
        let headers = event.response_headers.clone().unwrap_or_default();
        let (owned, held) = self.take_answer(&event, status, &headers, now);
        held.into_iter().for_each(|going| self.go(wire, going));
        let Some((session, place)) = owned else {
            return wire.post(None, &ContinueRequestParams::new(event.request_id));
        };
        let tape = match lock(&self.state).sessions.get(&session).and_then(|s| s.network.clone()) {
            Some(Network::Tape(tape)) => Some(tape),
            _ => None,
        };
        let wanted = tape.is_some() || (place.is_some() && is_json(&headers));
        if wanted {
            let kept = Kept { session, place, status, headers, tape };
            tokio::spawn(read_body(self.clone(), wire.clone(), event, kept));
        } else {
            self.deliver(wire, event, session);
        }
    }

    /// Notes an answer where it matters. Returns whose it is, with its place among the writes if it is one's, and the requests
    /// that were held back for it.
    pub(super) fn take_answer(
        &self,
        event: &EventRequestPaused,
        status: Option<u16>,
        headers: &[HeaderEntry],
        now: Timestamp,
    ) -> Taken {
        let retry_after = retry_after(headers, now);
        let frame: &str = event.frame_id.as_ref();
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let Some(session) = state.owners.get(frame).copied() else { return (None, Vec::new()) };
        let Some(side) = state.sessions.get_mut(&session) else { return (None, Vec::new()) };
        if side.main_frame == frame && event.resource_type == ResourceType::Document {
            side.document = DocumentAnswer { status, retry_after, ahead_ms: ahead_ms(headers, now) };
        }
        let place = side.under_way.remove(event.request_id.inner());
        if let Some(write) = place.and_then(|p| side.writes.get_mut(p)) {
            write.status = status;
            write.retry_after = retry_after;
            write.cut = status.is_none();
            if let Some(relay) = &side.relay {
                relay.reopen();
            }
        }
        let held = if side.under_way.is_empty() { std::mem::take(&mut side.held) } else { Vec::new() };
        drop(guard);
        if place.is_some() {
            self.changed.notify_waiters();
        }
        (Some((session, place)), held)
    }

    /// Keeps the body of a write's answer, when it is JSON and small.
    pub(super) fn keep_body(&self, session: u64, place: usize, headers: &[HeaderEntry], bytes: &[u8]) {
        if bytes.len() > BODY_MAX || !is_json(headers) {
            return;
        }
        let Ok(body) = serde_json::from_slice(bytes) else { return };
        if let Some(write) = lock(&self.state).sessions.get_mut(&session).and_then(|s| s.writes.get_mut(place)) {
            write.body = Some(body);
        }
    }
}

/// `Retry-After`: seconds, or a date. A date is counted from the answer's own `Date`, so that the two clocks need not agree; from `now`
/// where the server tells none. One that is over is no wait.
pub(super) fn retry_after(headers: &[HeaderEntry], now: Timestamp) -> Option<Duration> {
    let value = header(headers, "retry-after")?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = Timestamp::parse_http_date(value)?;
    Some(until.since(sent_at(headers).unwrap_or(now)))
}

/// An answer's own `Date`.
fn sent_at(headers: &[HeaderEntry]) -> Option<Timestamp> {
    header(headers, "date").and_then(Timestamp::parse_http_date)
}

/// How far `now` is ahead of an answer's `Date`. One that a cache on the way kept tells its age.
pub(super) fn ahead_ms(headers: &[HeaderEntry], now: Timestamp) -> Option<i64> {
    let sent = sent_at(headers)?;
    let age = header(headers, "age").and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    Some(now.0.saturating_sub(sent.plus(Duration::from_secs(age)).0))
}

/// An answer whose body is read before the page gets it.
struct Kept {
    session: u64,
    place: Option<usize>,
    status: Option<u16>,
    headers: Vec<HeaderEntry>,
    tape: Option<Arc<dyn Tape>>,
}

/// Reads the body of an answer before the page gets it, so that the receipt does not hang on what the page does with it.
async fn read_body(gate: Gate, wire: Wire, event: EventRequestPaused, kept: Kept) {
    // A redirect has no body, and asking for it is an error.
    let redirect = kept.status.is_some_and(|s| (300..400).contains(&s) && s != 304);
    let body = if redirect || kept.status.is_none() {
        Ok(Vec::new())
    } else {
        let answer = wire.call(None, &GetResponseBodyParams::new(event.request_id.clone()), CALL).await;
        answer.map(|answer| {
            if answer.base64_encoded {
                base64::engine::general_purpose::STANDARD.decode(answer.body).unwrap_or_default()
            } else {
                answer.body.into_bytes()
            }
        })
    };
    if let (Some(place), Ok(bytes)) = (kept.place, &body) {
        gate.keep_body(kept.session, place, &kept.headers, bytes);
    }
    if let Some(tape) = kept.tape {
        let request = network::request_of(&event, kept.place.is_some());
        match (kept.status, body) {
            (Some(status), Ok(body)) => {
                let headers = kept.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
                tape.exchange(&request, Some(&Response { status, headers, body }), "");
            }
            (_, Err(fault)) => tape.exchange(&request, None, &fault.to_string()),
            (None, Ok(_)) => tape.exchange(&request, None, "no answer came"),
        }
    }
    wire.post(None, &ContinueRequestParams::new(event.request_id));
}
