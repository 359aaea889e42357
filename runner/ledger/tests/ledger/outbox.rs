//! The stream of outcomes and the outbox: nothing left out, nothing twice in it, in order per action.

use std::time::Duration;

use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ClientId;
use deed_core::ports::ledger::{Change, Fence, Ledger as _, ObjectFacts};
use deed_core::state::{Event, State};
use deed_core::warning::{Severity, WarningKind};
use deed_ledger::{
    EVENT_TYPES, Endpoint, EndpointState, Message, NewEndpoint, OUTCOME_TYPES, Resolution, Sent, Signal,
};

use sqlx::Connection as _;

use crate::desk::{ANN, Desk, LEASE, worker};

const MINUTE: Duration = Duration::from_secs(60);

async fn endpoint(desk: &Desk, events: &[&str]) -> Endpoint {
    let new = NewEndpoint {
        url: "https://hooks.example/deed".to_owned(),
        client: None,
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        allow_local: false,
    };
    desk.ledger.add_endpoint(&new, "whsec_c2VjcmV0", "ann").await.unwrap()
}

async fn next(desk: &Desk) -> Option<Message> {
    desk.ledger.next_message(MINUTE).await.unwrap()
}

fn kind(message: &Message) -> String {
    let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    body["type"].as_str().unwrap().to_owned()
}

async fn signals(desk: &Desk, mut cursor: i64, step: u32) -> Vec<Signal> {
    let mut all = Vec::new();
    loop {
        let read = desk.ledger.signals_after(cursor, step).await.unwrap();
        all.extend(read.signals);
        match read.more_after {
            Some(after) => cursor = after,
            None => return all,
        }
    }
}

/// From `attempted` to the end, with the notes between.
async fn to_the_end(desk: &Desk, fence: &Fence) {
    let object = ObjectFacts { permalink: Some("/p/p1".to_owned()), http_status: Some(201), ..ObjectFacts::default() };
    desk.ledger.note(fence, Change { object, proof_level: Some(1), ..Change::default() }).await.unwrap();
    let change = Change { proof_level: Some(2), ..Change::default() };
    desk.ledger.advance(fence, Event::FoundPresent, change).await.unwrap();
    let change = Change { proof_level: Some(3), ..Change::default() };
    desk.ledger.advance(fence, Event::PostcheckDone, change).await.unwrap();
    desk.ledger.release(fence).await.unwrap();
}

#[tokio::test]
async fn every_change_of_state_is_in_the_stream_once_from_whatever_cursor() {
    let desk = Desk::new().await;
    let fence = desk.attempted("a very secret text").await;
    to_the_end(&desk, &fence).await;
    let held = desk.claimed("b").await.fence;
    let hold = Hold::new(HoldReason::RateLimit, "a page's words");
    desk.ledger.advance(&held, Event::Held, Change { hold: Some(hold), ..Change::default() }).await.unwrap();
    desk.ledger.release(&held).await.unwrap();
    desk.ledger.cancel_action(&held.action, ANN).await.unwrap();
    let unknown = desk.unknown("c").await;
    desk.ledger.resolve_action(&unknown, &Resolution::Absent, ANN).await.unwrap();

    let all = signals(&desk, 0, 1000).await;
    let told: Vec<_> = all.iter().map(|s| (s.event_type.as_str(), s.proof_level)).collect();
    let expected = [
        ("action.queued", 0),
        ("action.preflight_passed", 0),
        ("action.identity_verified", 0),
        ("action.attempted", 1),
        ("action.confirmed_success", 2),
        ("action.postcheck_complete", 3),
        ("action.queued", 0),
        ("action.held", 0),
        ("action.cancelled", 0),
        ("action.queued", 0),
        ("action.preflight_passed", 0),
        ("action.identity_verified", 0),
        ("action.attempted", 1),
        ("action.unknown", 1),
        ("action.confirmed_failed", 1),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (all[7].hold, all[14].failure.map(|f| f.as_str())),
        (Some(HoldReason::RateLimit), Some("not_found_after_attempt"))
    );
    assert_eq!((all[5].permalink.as_deref(), all[5].state), (Some("/p/p1"), State::PostcheckComplete));
    // In whatever portions, and from the middle: the same.
    for step in [1, 2, 7] {
        assert_eq!(signals(&desk, 0, step).await, all, "by {step}");
    }
    for (place, signal) in all.iter().enumerate() {
        assert_eq!(signals(&desk, signal.cursor, 2).await, all[place + 1..], "after {}", signal.cursor);
    }
    let words = serde_json::to_string(&all).unwrap();
    assert!(!words.contains("secret text") && !words.contains("a page's words"), "{words}");
    assert!(desk.ledger.last_cursor().await.unwrap() >= all[14].cursor);
}

#[tokio::test]
async fn a_message_says_what_the_stream_says_and_is_there_exactly_when_the_change_is() {
    let desk = Desk::new().await;
    let before = desk.filed("before the endpoint").await;
    desk.ledger.cancel_action(&before, ANN).await.unwrap();
    let cursor = desk.ledger.last_cursor().await.unwrap();
    endpoint(&desk, &EVENT_TYPES).await;
    let fence = desk.attempted("a very secret text").await;
    // Refused changes leave no message.
    desk.ledger.advance(&fence, Event::Held, Change::default()).await.unwrap_err();
    to_the_end(&desk, &fence).await;
    let stream = signals(&desk, cursor, 100).await;
    assert_eq!(stream.len(), 6);
    for signal in &stream {
        let message = next(&desk).await.unwrap();
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(
            (body["type"].as_str(), &body["data"]),
            (Some(signal.event_type.as_str()), &serde_json::json!(signal))
        );
        assert!(!message.body.contains("secret text"), "{}", message.body);
        assert!(message.id.starts_with("msg_") && message.secret == "whsec_c2VjcmV0");
        assert!(desk.ledger.settle_message(&message, Sent::Taken, "200").await.unwrap());
    }
    assert!(next(&desk).await.is_none());
    let endpoint = desk.ledger.list_endpoints().await.unwrap().remove(0);
    assert_eq!((endpoint.pending, endpoint.delivered, endpoint.dead), (0, 6, 0));
}

#[tokio::test]
async fn a_later_message_of_an_action_waits_for_the_earlier_one_and_other_actions_do_not() {
    let desk = Desk::new().await;
    endpoint(&desk, &["action.queued", "action.cancelled"]).await;
    let (first, other) = (desk.filed("a").await, desk.filed("b").await);
    desk.ledger.cancel_action(&first, ANN).await.unwrap();
    let a1 = next(&desk).await.unwrap();
    let b1 = next(&desk).await.unwrap();
    assert_eq!((kind(&a1).as_str(), kind(&b1).as_str()), ("action.queued", "action.queued"));
    assert!(b1.body.contains(other.as_str()));
    // The first one of `a` is under way, then waits for another try: the second stays behind it.
    assert!(next(&desk).await.is_none());
    assert!(desk.ledger.settle_message(&b1, Sent::Taken, "200").await.unwrap());
    assert!(desk.ledger.settle_message(&a1, Sent::Again(MINUTE), "503").await.unwrap());
    assert!(next(&desk).await.is_none());
    desk.pass(MINUTE);
    let again = next(&desk).await.unwrap();
    assert_eq!((&again.id, again.attempts), (&a1.id, 1), "the same message, with the same id");
    assert!(desk.ledger.settle_message(&again, Sent::GivenUp, "503").await.unwrap());
    // Given up: now the next one may go.
    let a2 = next(&desk).await.unwrap();
    assert_eq!(kind(&a2), "action.cancelled");
    let warnings = desk.ledger.list_warnings(None, false, 9).await.unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].kind, warnings[0].severity), (WarningKind::WebhookUndelivered, Severity::Low));
    assert_eq!((warnings[0].account_id.as_ref(), warnings[0].action_id.as_ref()), (None, Some(&first)));
}

#[tokio::test]
async fn a_message_whose_sender_died_is_sent_again_after_its_lease_and_not_before() {
    let desk = Desk::new().await;
    endpoint(&desk, &["action.queued"]).await;
    desk.filed("a").await;
    let lost = next(&desk).await.unwrap();
    let second = desk.second_handle().await;
    desk.pass(MINUTE - Duration::from_millis(1));
    assert!(second.next_message(MINUTE).await.unwrap().is_none());
    desk.pass(Duration::from_millis(1));
    let again = second.next_message(MINUTE).await.unwrap().unwrap();
    assert_eq!((&again.id, &again.body), (&lost.id, &lost.body));
    // The first one lives after all: what it says no longer counts.
    assert!(!desk.ledger.settle_message(&lost, Sent::GivenUp, "late").await.unwrap());
    assert!(second.settle_message(&again, Sent::Taken, "200").await.unwrap());
    assert!(!second.settle_message(&again, Sent::Taken, "200").await.unwrap(), "once");
    assert!(next(&desk).await.is_none());
}

#[tokio::test]
async fn many_takers_get_each_message_once_and_each_action_in_order() {
    let desk = Desk::new().await;
    endpoint(&desk, &["action.queued", "action.cancelled"]).await;
    for text in ["a", "b", "c", "d", "e", "f"] {
        let id = desk.filed(text).await;
        desk.ledger.cancel_action(&id, ANN).await.unwrap();
    }
    let second = desk.second_handle().await;
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let takers: Vec<_> = (0..8)
        .map(|n| {
            let (ledger, order) = (if n % 2 == 0 { desk.ledger.clone() } else { second.clone() }, order.clone());
            tokio::spawn(async move {
                // Twelve messages: whoever finds none just now may find one later.
                for _ in 0..12 {
                    let Some(message) = ledger.next_message(MINUTE).await.unwrap() else {
                        tokio::task::yield_now().await;
                        continue;
                    };
                    let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
                    order.lock().unwrap().push((
                        body["data"]["action_id"].as_str().unwrap().to_owned(),
                        body["type"].as_str().unwrap().to_owned(),
                    ));
                    assert!(ledger.settle_message(&message, Sent::Taken, "200").await.unwrap());
                }
            })
        })
        .collect();
    for taker in takers {
        taker.await.unwrap();
    }
    while let Some(message) = next(&desk).await {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        let of = body["data"]["action_id"].as_str().unwrap().to_owned();
        order.lock().unwrap().push((of, kind(&message)));
        desk.ledger.settle_message(&message, Sent::Taken, "200").await.unwrap();
    }
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 12, "{order:?}");
    for (action, _) in order.iter() {
        let of: Vec<_> = order.iter().filter(|(a, _)| a == action).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(of, ["action.queued", "action.cancelled"], "{order:?}");
    }
}

#[tokio::test]
async fn an_endpoint_hears_of_its_client_and_its_events_only() {
    let desk = Desk::new().await;
    desk.ledger.ensure_client(&ClientId::new("other"), "ann").await.unwrap();
    let new = |client: &str, events: &[&str]| NewEndpoint {
        url: "https://hooks.example".to_owned(),
        client: Some(ClientId::new(client)),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        allow_local: false,
    };
    let nobody = desk.ledger.add_endpoint(&new("nobody", &OUTCOME_TYPES), "whsec_", "ann").await.unwrap_err();
    assert_eq!(nobody.code(), "not-found");
    desk.ledger.add_endpoint(&new("other", &EVENT_TYPES), "whsec_", "ann").await.unwrap();
    let own = desk.ledger.add_endpoint(&new("acme", &OUTCOME_TYPES), "whsec_", "ann").await.unwrap();
    let fence = desk.attempted("a").await;
    desk.step(&fence, Event::OutcomeUnclear).await;
    let message = next(&desk).await.unwrap();
    assert_eq!((kind(&message).as_str(), &message.endpoint), ("action.unknown", &own.endpoint_id));
    assert!(next(&desk).await.is_none());
}

#[tokio::test]
async fn what_is_gone_or_removed_is_sent_nothing_more() {
    let desk = Desk::new().await;
    let gone = endpoint(&desk, &["action.queued"]).await;
    desk.filed("a").await;
    desk.filed("b").await;
    let message = next(&desk).await.unwrap();
    assert!(desk.ledger.settle_message(&message, Sent::Gone, "410").await.unwrap());
    assert!(next(&desk).await.is_none());
    desk.filed("c").await;
    let listed = desk.ledger.list_endpoints().await.unwrap();
    assert_eq!((listed[0].state, listed[0].pending), (EndpointState::Gone, 0));
    assert_eq!(desk.ledger.list_warnings(None, false, 9).await.unwrap().len(), 1);

    let removed = endpoint(&desk, &["action.queued"]).await;
    desk.filed("d").await;
    assert_eq!(desk.ledger.waiting_messages().await.unwrap().0, 1);
    desk.ledger.remove_endpoint(&removed.endpoint_id, "ann").await.unwrap();
    assert_eq!(desk.ledger.waiting_messages().await.unwrap(), (0, None));
    let code = desk.ledger.endpoint_with_secret(&removed.endpoint_id).await.unwrap_err().code();
    assert_eq!(code, "not-found");
    assert_eq!(desk.ledger.remove_endpoint(&removed.endpoint_id, "ann").await.unwrap_err().code(), "not-found");
    assert_eq!(desk.ledger.list_endpoints().await.unwrap().len(), 1);
    let statuses: Vec<_> =
        desk.ledger.audit_tail(2).await.unwrap().into_iter().map(|r| r.event.result.status).collect();
    assert_eq!(statuses, ["queued", "webhook_removed"]);
    assert_eq!(desk.ledger.endpoint_with_secret(&gone.endpoint_id).await.unwrap().1, "whsec_c2VjcmV0");
}

#[tokio::test]
async fn a_secret_is_stored_sealed_and_a_message_never_changes() {
    let desk = Desk::new().await;
    endpoint(&desk, &["action.queued"]).await;
    let mut raw = desk.raw().await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM webhook_endpoints").fetch_one(&mut raw).await.unwrap();
    assert!(sealed.len() > 50 && !sealed.windows(6).any(|w| w == b"whsec_"));
    raw.close().await.unwrap();
    desk.filed("a").await;
    for sql in ["UPDATE webhook_messages SET body = 'x'", "DELETE FROM webhook_messages"] {
        desk.sql(sql).await.unwrap_err();
    }
    let message = next(&desk).await.unwrap();
    desk.ledger.settle_message(&message, Sent::Taken, "200").await.unwrap();
    desk.sql("UPDATE webhook_messages SET state = 'pending', settled_at = NULL").await.unwrap_err();
}

#[tokio::test]
async fn a_runner_that_died_is_told_of_too() {
    let desk = Desk::new().await;
    endpoint(&desk, &["action.unknown", "action.queued"]).await;
    let fence = desk.attempted("a").await;
    desk.pass(LEASE + deed_ledger::CLOCKS_APART);
    let stale = desk.ledger.stale_claims(&[]).await.unwrap().remove(0);
    let claim = desk.ledger.take_over(&stale, &worker("w2"), LEASE).await.unwrap().unwrap();
    desk.ledger.advance(&claim.fence, Event::OutcomeUnclear, Change::default()).await.unwrap();
    let first = next(&desk).await.unwrap();
    desk.ledger.settle_message(&first, Sent::Taken, "200").await.unwrap();
    assert_eq!(kind(&next(&desk).await.unwrap()), "action.unknown");
    assert_eq!(desk.state(&fence.action).await, State::Unknown);
}
