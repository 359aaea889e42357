//! What is there and waits for the platform's review: a row that any worker takes when its time comes, until a person is told.

use std::time::Duration;

use deed_core::ports::ledger::{ArmRefusal, Change, Claim, Fence, Ledger as _, ObjectFacts};
use deed_core::review::{GONE, PENDING, PUBLIC};
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_core::warning::WarningKind;

use crate::desk::{ANN, Desk, LEASE, request, worker};

fn seen(visibility: &str) -> ObjectFacts {
    ObjectFacts { visibility: Some(visibility.to_owned()), ..ObjectFacts::default() }
}

/// Seen by its first look, waiting for review; nobody works on it.
async fn pending(desk: &Desk, text: &str, look_again: Option<Timestamp>) -> Fence {
    let fence = desk.attempted(text).await;
    let change = Change { object: seen(PENDING), proof_level: Some(2), look_again, ..Change::default() };
    desk.ledger.advance(&fence, Event::FoundPresent, change).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    fence
}

async fn taken(desk: &Desk, name: &str) -> Option<Claim> {
    desk.ledger.claim_verification(&worker(name), LEASE).await.unwrap()
}

async fn warned(desk: &Desk) -> Vec<WarningKind> {
    desk.ledger.list_warnings(None, false, 50).await.unwrap().iter().map(|warning| warning.kind).collect()
}

#[tokio::test]
async fn it_is_looked_at_again_when_its_time_comes_and_nothing_of_it_can_be_armed() {
    let desk = Desk::new().await;
    let first = pending(&desk, "a", Some(desk.now().plus(Duration::from_secs(60)))).await;
    assert!(taken(&desk, "w2").await.is_none(), "not yet");
    // A run until nothing is left does not wait for it, and it holds up nothing else of its account.
    assert_eq!(desk.ledger.next_verification().await.unwrap(), None);
    desk.pass(Duration::from_secs(60));
    let claim = taken(&desk, "w2").await.unwrap();
    assert_eq!((&claim.action.id, &claim.fence.episode), (&first.action, &first.episode));
    assert!(taken(&desk, "w3").await.is_none(), "one at a time");
    let refused = desk.ledger.arm(&claim.fence, &request()).await.unwrap().unwrap_err();
    assert_eq!(refused, ArmRefusal::FenceLost, "it is never armed again");
    // Nothing new: later once more.
    desk.ledger.verify_at(&claim.fence, Some(desk.now().plus(Duration::from_secs(120)))).await.unwrap();
    desk.ledger.release(&claim.fence).await.unwrap();
    assert!(taken(&desk, "w2").await.is_none());
    desk.pass(Duration::from_secs(120));
    let claim = taken(&desk, "w3").await.unwrap();
    let change = Change { object: seen(PUBLIC), proof_level: Some(3), ..Change::default() };
    desk.ledger.advance(&claim.fence, Event::PostcheckDone, change).await.unwrap();
    desk.ledger.release(&claim.fence).await.unwrap();
    let stored = desk.ledger.action_details(&first.action).await.unwrap();
    assert_eq!((stored.action.state, stored.proof_level), (State::PostcheckComplete, 3));
    assert_eq!((stored.object.visibility.as_deref(), stored.verify_at), (Some(PUBLIC), None));
    desk.pass(LEASE);
    assert!(taken(&desk, "w2").await.is_none());
    assert_eq!(warned(&desk).await, []);
}

#[tokio::test]
async fn what_is_not_known_is_looked_at_before_what_is_not_public() {
    let desk = Desk::new().await;
    let waits = pending(&desk, "a", Some(desk.now())).await;
    desk.pass(Duration::from_secs(5));
    let unknown = desk.unknown("b").await;
    let claim = taken(&desk, "w2").await.unwrap();
    assert_eq!(claim.action.id, unknown);
    desk.ledger.verify_at(&claim.fence, None).await.unwrap();
    desk.ledger.release(&claim.fence).await.unwrap();
    assert_eq!(taken(&desk, "w2").await.unwrap().action.id, waits.action);
}

#[tokio::test]
async fn after_the_last_look_a_person_is_told_and_no_worker_looks_again() {
    let desk = Desk::new().await;
    let waits = pending(&desk, "a", Some(desk.now())).await;
    assert_eq!(warned(&desk).await, [], "it is looked at again");
    let claim = taken(&desk, "w2").await.unwrap();
    desk.ledger.verify_at(&claim.fence, None).await.unwrap();
    desk.ledger.release(&claim.fence).await.unwrap();
    assert_eq!(warned(&desk).await, [WarningKind::NotPublic]);
    desk.pass(Duration::from_secs(1_000_000));
    assert!(taken(&desk, "w2").await.is_none());
    // A person asks for a look, and it is gone.
    let claim = desk.ledger.claim_unsettled(&waits.action, &worker("w3"), LEASE).await.unwrap().unwrap();
    desk.ledger.note(&claim.fence, Change { object: seen(GONE), ..Change::default() }).await.unwrap();
    desk.ledger.release(&claim.fence).await.unwrap();
    let told = desk.ledger.list_warnings(None, false, 50).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].detail.contains("not there any more") && told[0].count == 2, "{told:#?}");
    assert_eq!(desk.statuses(&waits.action).await.last().map(String::as_str), Some("visibility"));
    desk.ledger.close_warning(&told[0].warning_id, ANN).await.unwrap();
}
