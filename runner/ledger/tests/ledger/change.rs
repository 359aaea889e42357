//! Changes of state: with their audit event, by the holder of the claim, legal ones only.

use deed_core::account::AccountState;
use deed_core::hold::{Failure, Hold, HoldReason};
use deed_core::ports::ledger::{
    Change, Fence, Found, Ledger as _, LedgerFault, ObjectFacts, StaleClaim, VerificationRead,
};
use deed_core::state::{Event, State};
use deed_ledger::ClaimTarget;
use deed_proofs::{ArtifactKind, Sha256};

use crate::desk::{ANN, Desk, LEASE, artifact, request, worker};

fn held(reason: HoldReason) -> Change {
    Change { hold: Some(Hold { reason, detail: "seen".to_owned(), until: None }), ..Change::default() }
}

#[tokio::test]
async fn a_whole_life_stands_in_the_audit_log_with_hashes_and_without_words() {
    let desk = Desk::new().await;
    let policy = desk.ledger.policy_snapshot("{\"checks\":[]}").await.unwrap();
    assert_eq!(policy.as_str(), Sha256::of(b"{\"checks\":[]}").to_string());
    assert_eq!(
        desk.ledger.policy_snapshot("{\"checks\":[]}").await.unwrap(),
        policy,
        "the same bytes are the same snapshot"
    );

    let fence = desk.claimed("a very secret text").await.fence;
    let ledger = &desk.ledger;
    let change = Change { policy: Some(policy.clone()), ..Change::default() };
    ledger.advance(&fence, Event::PreflightPassed, change).await.unwrap();
    let dom = artifact(b"<html><body><main>x</main></body></html>", ArtifactKind::Dom);
    let change = Change { identity_ok: Some(true), artifacts: vec![dom.clone()], ..Change::default() };
    ledger.advance(&fence, Event::IdentityVerified, change).await.unwrap();
    ledger.arm(&fence, &request()).await.unwrap().unwrap();
    let receipt =
        ObjectFacts { platform_object_id: Some("p1".to_owned()), http_status: Some(201), ..ObjectFacts::default() };
    ledger.note(&fence, Change { object: receipt, ..Change::default() }).await.unwrap();
    let object = ObjectFacts { permalink: Some("/p/p1".to_owned()), ..ObjectFacts::default() };
    let change = Change { object, proof_level: Some(2), ..Change::default() };
    ledger.advance(&fence, Event::FoundPresent, change).await.unwrap();
    let manifest = Sha256::of(b"manifest");
    ledger.note(&fence, Change { manifest: Some(manifest), ..Change::default() }).await.unwrap();
    ledger.advance(&fence, Event::PostcheckDone, Change { proof_level: Some(3), ..Change::default() }).await.unwrap();

    let statuses = [
        "queued",
        "preflight_passed",
        "identity_verified",
        "attempted",
        "receipt",
        "confirmed_success",
        "sealed",
        "postcheck_complete",
    ];
    assert_eq!(desk.statuses(&fence.action).await, statuses);
    let log = ledger.audit_of(&fence.action).await.unwrap();
    let trail = ledger.audit_trail(&fence.action).await.unwrap();
    let lines =
        |row: &deed_ledger::AuditRow| (row.event.audit_event_id.clone(), row.event.timestamp.clone(), row.hash.clone());
    assert!(
        trail.iter().map(|line| (line.event_id.clone(), line.at.clone(), line.hash.clone())).eq(log.iter().map(lines))
    );
    let identity = &log[2].event;
    assert_eq!(identity.identity_fingerprint_ok, Some(true));
    assert_eq!(identity.proof.dom_hash, dom.dom.map(|d| d.structure.to_string()));
    let last = &log[7].event;
    assert_eq!(last.policy_snapshot_id.as_deref(), Some(policy.as_str()));
    assert_eq!(last.episode_id.as_deref(), Some(fence.episode.as_str()));
    assert_eq!((last.client_id.as_deref(), last.platform.as_deref()), (Some("acme"), Some("practice")));
    assert_eq!((last.lane.as_deref(), last.action_type.as_deref()), (Some("browser"), Some("publish.post")));
    assert_eq!((last.experiment_id.as_deref(), last.variant_id.as_deref()), (Some("exp"), Some("b")));
    assert_eq!((last.request.tool.as_str(), last.request.tool_version.as_str()), ("deed", "0.0.0-test"));
    assert_eq!(last.request.safe_payload_hash, desk.order("a very secret text").payload.hash().to_string());
    assert_eq!(
        (last.result.platform_object_id.as_deref(), last.result.permalink.as_deref()),
        (Some("p1"), Some("/p/p1"))
    );
    assert_eq!((last.result.http_status, last.result.error_code.as_deref()), (Some(201), None));
    assert_eq!(last.timestamp, desk.now().to_string());
    for row in &log {
        assert!(!row.event.to_json().unwrap().contains("secret"), "no message text in the audit log");
    }
    let details = ledger.action_details(&fence.action).await.unwrap();
    assert_eq!((details.proof_level, details.manifest, details.policy), (3, Some(manifest), Some(policy)));
    assert_eq!(details.object.http_status, Some(201), "what is known is added to, never taken away");
    assert!(desk.audit_rows().await > 8);
}

#[tokio::test]
async fn each_hold_makes_the_account_read_only_exactly_where_its_reason_says_so() {
    let desk = Desk::new().await;
    for reason in HoldReason::ALL {
        let fence = desk.claimed(reason.as_str()).await.fence;
        desk.ledger.advance(&fence, Event::Held, held(reason)).await.unwrap();
        desk.ledger.release(&fence).await.unwrap();
        let account = desk.ledger.account(&desk.account.id).await.unwrap();
        let expected = if reason.makes_read_only() { AccountState::ReadOnly } else { AccountState::Active };
        assert_eq!(account.state, expected, "{reason:?}");
        let details = desk.ledger.action_details(&fence.action).await.unwrap();
        assert_eq!((details.action.state, details.hold), (State::Queued, held(reason).hold));
        let last = desk.ledger.audit_of(&fence.action).await.unwrap().pop().unwrap().event.result;
        assert_eq!((last.status.as_str(), last.error_code.as_deref()), ("queued", Some(reason.as_str())));
        if reason.makes_read_only() {
            let told = desk.ledger.audit_tail(1).await.unwrap().remove(0).event;
            assert_eq!((told.result.status.as_str(), told.action_id), ("account_read_only", None));
            assert_eq!(account.state_reason, Some(format!("{}: seen", reason.as_str())));
            desk.ledger.clear_account(&desk.account.id, ANN).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_suspended_account_stays_suspended() {
    let desk = Desk::new().await;
    let fence = desk.claimed("hello").await.fence;
    desk.ledger.suspend_account(&desk.account.id, ANN).await.unwrap();
    desk.ledger.advance(&fence, Event::Held, held(HoldReason::Challenge)).await.unwrap();
    let account = desk.ledger.account(&desk.account.id).await.unwrap();
    assert_eq!((account.state, account.state_reason.as_deref()), (AccountState::Suspended, Some("because (by ann)")));
}

#[tokio::test]
async fn a_hold_ends_with_the_next_change_of_state() {
    let desk = Desk::new().await;
    let fence = desk.claimed("hello").await.fence;
    desk.ledger.advance(&fence, Event::Held, held(HoldReason::Transient)).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    let again =
        desk.ledger.claim(&ClaimTarget::Action(fence.action), &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    assert!(desk.ledger.action_details(&again.action).await.unwrap().hold.is_some(), "a claim alone changes nothing");
    desk.step(&again, Event::PreflightPassed).await;
    assert_eq!(desk.ledger.action_details(&again.action).await.unwrap().hold, None);
}

#[tokio::test]
async fn an_illegal_event_changes_nothing() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    let rows = desk.audit_rows().await;
    for event in [Event::Held, Event::Interrupted, Event::PreflightPassed, Event::DuplicateFound, Event::Cancelled] {
        let fault = desk.ledger.advance(&fence, event, held(HoldReason::Drift)).await.unwrap_err();
        assert!(matches!(fault, LedgerFault::Illegal(_)), "{event:?}: {fault}");
    }
    assert_eq!((desk.state(&fence.action).await, desk.audit_rows().await), (State::Attempted, rows));
    assert_eq!(desk.ledger.account(&desk.account.id).await.unwrap().state, AccountState::Active);
}

#[tokio::test]
async fn proof_is_noted_after_the_end_by_the_holder_of_the_claim() {
    let desk = Desk::new().await;
    let sealed = || Change { manifest: Some(Sha256::of(b"m")), ..Change::default() };

    let cancelled = desk.claimed("cancelled").await.fence;
    desk.ledger.cancel_action(&cancelled.action, ANN).await.unwrap();
    let failed = {
        desk.ledger.note(&cancelled, sealed()).await.unwrap();
        let fault = desk.ledger.advance(&cancelled, Event::PreflightPassed, Change::default()).await.unwrap_err();
        assert_eq!(fault.code(), "illegal-transition", "but it goes no further");
        desk.ledger.release(&cancelled).await.unwrap();
        desk.attempted("failed").await
    };
    let change = Change { failure: Some(Failure::NotSent), ..Change::default() };
    desk.ledger.advance(&failed, Event::NotSent, change).await.unwrap();
    desk.ledger.note(&failed, sealed()).await.unwrap();
    let last = desk.ledger.audit_of(&failed.action).await.unwrap().pop().unwrap().event.result;
    assert_eq!((last.status.as_str(), last.error_code.as_deref()), ("sealed", Some("not_sent")));
}

#[tokio::test]
async fn a_proof_level_never_falls() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    desk.ledger.note(&fence, Change { proof_level: Some(2), ..Change::default() }).await.unwrap();
    desk.ledger.note(&fence, Change { proof_level: Some(1), ..Change::default() }).await.unwrap();
    assert_eq!(desk.ledger.action_details(&fence.action).await.unwrap().proof_level, 2);
}

#[tokio::test]
async fn who_lost_the_claim_writes_nothing_more() {
    let desk = Desk::new().await;
    let old = desk.ready("hello").await;
    let stale =
        StaleClaim { action: old.action.clone(), worker: old.worker.clone(), epoch: old.epoch, lease_over: false };
    let new = desk.ledger.take_over(&stale, &worker("w2"), LEASE).await.unwrap().unwrap().fence;
    let rows = desk.audit_rows().await;
    let read = VerificationRead { read: 1, at: desk.now(), found: Found::Absent, note: String::new() };
    // The old worker under its own name, and under the new one's with its old epoch.
    for fence in [
        old.clone(),
        Fence { worker: new.worker.clone(), ..old.clone() },
        Fence { worker: old.worker.clone(), ..new.clone() },
    ] {
        let lost = LedgerFault::FenceLost(fence.action.clone());
        assert_eq!(desk.ledger.advance(&fence, Event::Held, held(HoldReason::Drift)).await, Err(lost.clone()));
        assert_eq!(desk.ledger.note(&fence, Change::default()).await, Err(lost.clone()));
        assert_eq!(desk.ledger.verification(&fence, &read).await, Err(lost.clone()));
        assert_eq!(desk.ledger.renew(&fence, LEASE).await, Err(lost.clone()));
        assert_eq!(desk.ledger.release(&fence).await, Err(lost));
        assert!(desk.ledger.arm(&fence, &request()).await.unwrap().is_err());
    }
    assert_eq!(desk.audit_rows().await, rows);
    desk.ledger.arm(&new, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn verification_reads_are_kept_in_order() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    for (number, found) in [(1, Found::Unreadable), (2, Found::Absent), (3, Found::Pending), (4, Found::Present)] {
        let read = VerificationRead { read: number, at: desk.now(), found, note: format!("read {number}") };
        desk.ledger.verification(&fence, &read).await.unwrap();
    }
    let reads = desk.ledger.verifications_of(&fence.action).await.unwrap();
    let seen: Vec<_> = reads.iter().map(|r| (r.read, r.found.as_str(), r.note.as_str())).collect();
    assert_eq!(
        seen,
        [(1, "unreadable", "read 1"), (2, "absent", "read 2"), (3, "pending", "read 3"), (4, "present", "read 4")]
    );
}
