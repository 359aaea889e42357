//! Proof that comes to the store elsewhere after the episode is over: what is raised by it, and what is not.

use deed_core::ports::ledger::{Change, Fence, Ledger as _};
use deed_core::state::{Event, State};
use deed_core::warning::{Severity, WarningKind};
use deed_ledger::InStore;
use deed_proofs::Sha256;

use crate::desk::{Desk, LEASE, worker};

/// Confirmed, its proof sealed; the claim is still held.
async fn sealed(desk: &Desk, text: &str, manifest: Sha256) -> Fence {
    let fence = desk.attempted(text).await;
    let change = Change { proof_level: Some(2), ..Change::default() };
    desk.ledger.advance(&fence, Event::FoundPresent, change).await.unwrap();
    desk.ledger.note(&fence, Change { manifest: Some(manifest), ..Change::default() }).await.unwrap();
    fence
}

async fn level(desk: &Desk, fence: &Fence) -> (State, u8) {
    let details = desk.ledger.action_details(&fence.action).await.unwrap();
    (details.action.state, details.proof_level)
}

#[tokio::test]
async fn the_sealed_manifest_in_the_store_raises_the_level_once_and_nothing_else_does() {
    let desk = Desk::new().await;
    let (manifest, other) = (Sha256::of(b"manifest"), Sha256::of(b"an earlier one"));
    let fence = sealed(&desk, "a", manifest).await;
    let told = async |manifest, level| desk.ledger.proof_in_store(&fence.action, manifest, level).await.unwrap();
    assert_eq!(told(manifest, 3).await, InStore::Later, "somebody works on it");
    desk.ledger.release(&fence).await.unwrap();
    assert_eq!(told(other, 3).await, InStore::Nothing, "another manifest");
    assert_eq!(told(manifest, 2).await, InStore::Nothing, "one that claims less");
    assert_eq!(level(&desk, &fence).await, (State::ConfirmedSuccess, 2));
    assert_eq!(told(manifest, 3).await, InStore::Raised);
    assert_eq!(level(&desk, &fence).await, (State::PostcheckComplete, 3));
    assert_eq!(told(manifest, 3).await, InStore::Nothing, "once");
    let statuses = desk.statuses(&fence.action).await;
    assert_eq!(statuses.last().map(String::as_str), Some("postcheck_complete"), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| *s == "postcheck_complete").count(), 1);
}

#[tokio::test]
async fn what_is_not_confirmed_is_never_raised() {
    let desk = Desk::new().await;
    let manifest = Sha256::of(b"manifest");
    let fence = desk.attempted("a").await;
    desk.ledger.note(&fence, Change { manifest: Some(manifest), ..Change::default() }).await.unwrap();
    desk.step(&fence, Event::OutcomeUnclear).await;
    desk.ledger.release(&fence).await.unwrap();
    assert_eq!(desk.ledger.proof_in_store(&fence.action, manifest, 3).await.unwrap(), InStore::Nothing);
    assert_eq!(level(&desk, &fence).await.0, State::Unknown);
    let claim = desk.ledger.claim_unsettled(&fence.action, &worker("w9"), LEASE).await.unwrap().unwrap();
    desk.step(&claim.fence, Event::FoundAbsent).await;
    desk.ledger.release(&claim.fence).await.unwrap();
    assert_eq!(desk.ledger.proof_in_store(&fence.action, manifest, 3).await.unwrap(), InStore::Nothing);
    assert_eq!(level(&desk, &fence).await.0, State::ConfirmedFailed);
}

#[tokio::test]
async fn proof_that_does_not_get_there_is_one_warning_that_never_stops_the_acting() {
    let desk = Desk::new().await;
    let fence = sealed(&desk, "a", Sha256::of(b"m")).await;
    for _ in 0..7 {
        desk.ledger.warn_of_upload(Some(&fence.action), "refused").await.unwrap();
    }
    desk.ledger.warn_of_upload(None, "refused").await.unwrap();
    let open = desk.ledger.list_warnings(None, false, 10).await.unwrap();
    let open: Vec<_> = open.iter().filter(|w| w.kind == WarningKind::ProofUpload).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].count, open[0].severity, open[0].action_id.as_ref()),
        (8, Severity::Medium, Some(&fence.action))
    );
    assert!(!open[0].severity.stops());
}
