//! Warnings: what is one, how often, how bad, and how it is closed.

use std::time::Duration;

use deed_core::account::Mode;
use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::{Change, Ledger as _, LedgerFault};
use deed_core::state::Event;
use deed_core::warning::{Severity, WarningKind};
use deed_ledger::{ClaimTarget, LedgerError, Operator, Warning};

use crate::desk::{ANN, Desk, LEASE, new_account, order, worker};

/// One episode that ends with this hold.
async fn held(desk: &Desk, text: &str, reason: HoldReason) -> ActionId {
    let fence = desk.claimed(text).await.fence;
    let hold = Hold { reason, detail: format!("seen with {text}"), until: None };
    desk.ledger.advance(&fence, Event::Held, Change { hold: Some(hold), ..Change::default() }).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    fence.action
}

async fn open(desk: &Desk) -> Vec<Warning> {
    desk.ledger.list_warnings(None, false, 50).await.unwrap()
}

fn told(warnings: &[Warning]) -> Vec<(WarningKind, Severity, u32)> {
    warnings.iter().map(|w| (w.kind, w.severity, w.count)).collect()
}

#[tokio::test]
async fn each_hold_is_a_warning_exactly_where_its_kind_says_so() {
    for reason in HoldReason::ALL {
        let desk = Desk::new().await;
        let action = held(&desk, "a", reason).await;
        let expected: Vec<_> = WarningKind::of_hold(reason).map(|kind| (kind, kind.base(), 1)).into_iter().collect();
        let warnings = open(&desk).await;
        assert_eq!(told(&warnings), expected, "{}", reason.as_str());
        for warning in warnings {
            assert_eq!(warning.action_id, Some(action.clone()));
            assert_eq!((warning.account_id.as_ref(), warning.detail.as_str()), (Some(&desk.account.id), "seen with a"));
        }
    }
}

#[tokio::test]
async fn three_of_a_kind_in_a_day_raise_the_severity_and_three_over_several_days_do_not() {
    let desk = Desk::new().await;
    for text in ["a", "b", "c"] {
        held(&desk, text, HoldReason::Proof).await;
        desk.pass(Duration::from_secs(13 * 3600));
    }
    assert_eq!(told(&open(&desk).await), [(WarningKind::ProofStore, Severity::Medium, 3)]);
    for text in ["d", "e"] {
        held(&desk, text, HoldReason::Proof).await;
    }
    // With the one of 13 hours ago they are three.
    let warnings = open(&desk).await;
    assert_eq!(told(&warnings), [(WarningKind::ProofStore, Severity::High, 5)]);
    assert_eq!(warnings[0].last_at, desk.now());
    // It does not become milder by itself.
    desk.pass(Duration::from_secs(48 * 3600));
    held(&desk, "f", HoldReason::Proof).await;
    assert_eq!(told(&open(&desk).await), [(WarningKind::ProofStore, Severity::High, 6)]);
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_a_warning_and_so_is_a_look_without_an_answer() {
    let desk = Desk::new().await;
    let fence = desk.attempted("a").await;
    assert_eq!(open(&desk).await, []);
    desk.step(&fence, Event::OutcomeUnclear).await;
    assert_eq!(told(&open(&desk).await), [(WarningKind::OutcomeUnknown, Severity::Medium, 1)]);
    desk.ledger.release(&fence).await.unwrap();
    assert_eq!(told(&open(&desk).await), [(WarningKind::OutcomeUnknown, Severity::Medium, 1)], "it is looked at again");
    // Twice nobody found out, and no worker is to look again.
    for _ in 0..2 {
        desk.pass(Duration::from_secs(1));
        let again = desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap().unwrap();
        desk.ledger.verify_at(&again.fence, None).await.unwrap();
        desk.ledger.release(&again.fence).await.unwrap();
    }
    let expected = [
        (WarningKind::VerificationUnanswered, Severity::Medium, 2),
        (WarningKind::OutcomeUnknown, Severity::Medium, 1),
    ];
    assert_eq!(told(&open(&desk).await), expected);
    // A look that finds out is none.
    let last = desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap().unwrap();
    desk.step(&last.fence, Event::FoundPresent).await;
    desk.ledger.release(&last.fence).await.unwrap();
    assert_eq!(told(&open(&desk).await), expected);
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_no_warning() {
    let desk = Desk::new().await;
    let stale = desk.attempted("a").await;
    desk.pass(LEASE + deed_ledger::CLOCKS_APART);
    let claims = desk.ledger.stale_claims(&[]).await.unwrap();
    desk.ledger.take_over(&claims[0], &worker("w2"), LEASE).await.unwrap().unwrap();
    let lost = desk.ledger.advance(&stale, Event::OutcomeUnclear, Change::default()).await.unwrap_err();
    assert!(matches!(lost, LedgerFault::FenceLost(_)), "{lost}");
    assert_eq!(open(&desk).await, []);
}

#[tokio::test]
async fn a_person_closes_a_warning_with_a_reason_and_it_stands_in_the_audit_log() {
    let desk = Desk::new().await;
    held(&desk, "a", HoldReason::Proof).await;
    let id = open(&desk).await[0].warning_id.clone();
    let unsaid = desk.ledger.close_warning(&id, Operator { by: "ann", reason: " " }).await.unwrap_err();
    assert!(matches!(unsaid, LedgerError::Missing(_)), "{unsaid}");
    let closed = desk.ledger.close_warning(&id, ANN).await.unwrap().closed.unwrap();
    assert_eq!((closed.by.as_str(), closed.reason.as_str(), closed.at), ("ann", "because", desk.now()));
    let last = desk.ledger.audit_tail(1).await.unwrap().remove(0);
    assert_eq!(last.event.result.status, "warning_closed");
    assert_eq!(last.event.platform_account_id.as_deref(), Some(desk.account.id.as_str()));
    assert_eq!((last.by.as_deref(), last.reason.as_deref()), (Some("ann"), Some("because")));
    desk.audit_rows().await;
    let twice = desk.ledger.close_warning(&id, ANN).await.unwrap_err();
    assert_eq!(twice.code(), "warning-closed");
    assert_eq!(desk.ledger.close_warning("none", ANN).await.unwrap_err().code(), "not-found");
    assert_eq!(open(&desk).await, []);
    assert_eq!(desk.ledger.list_warnings(Some(&desk.account.id), true, 50).await.unwrap().len(), 1);
}

#[tokio::test]
async fn closing_does_not_begin_the_count_anew() {
    let desk = Desk::new().await;
    for text in ["a", "b"] {
        held(&desk, text, HoldReason::Proof).await;
        let id = open(&desk).await[0].warning_id.clone();
        desk.ledger.close_warning(&id, ANN).await.unwrap();
    }
    held(&desk, "c", HoldReason::Proof).await;
    assert_eq!(told(&open(&desk).await), [(WarningKind::ProofStore, Severity::High, 1)]);
}

#[tokio::test]
async fn whoever_clears_the_account_closes_what_made_it_read_only_and_nothing_else() {
    let desk = Desk::new().await;
    held(&desk, "a", HoldReason::Proof).await;
    held(&desk, "b", HoldReason::Challenge).await;
    let worst = desk.ledger.open_warnings(&desk.account).await.unwrap();
    assert_eq!(
        told(&worst),
        [(WarningKind::Challenge, Severity::High, 1), (WarningKind::ProofStore, Severity::Medium, 1)]
    );
    desk.ledger.clear_account(&desk.account.id, ANN).await.unwrap();
    assert_eq!(told(&open(&desk).await), [(WarningKind::ProofStore, Severity::Medium, 1)]);
    let closed = desk.ledger.list_warnings(None, true, 50).await.unwrap();
    let challenge = closed.iter().find(|w| w.kind == WarningKind::Challenge).unwrap();
    assert_eq!(challenge.closed.as_ref().unwrap().reason, "because");
}

#[tokio::test]
async fn a_warning_is_of_its_account_and_of_no_other() {
    let desk = Desk::new().await;
    held(&desk, "a", HoldReason::Proof).await;
    held(&desk, "b", HoldReason::Proof).await;
    let other = desk.ledger.add_account(&new_account("other"), "ann").await.unwrap();
    desk.ledger.set_mode(&other.id, Mode::Live, "ann").await.unwrap();
    let id = desk.ledger.file_order(&order(&other, "c")).await.unwrap().action.action.id;
    let fence = desk.ledger.claim(&ClaimTarget::Action(id), &worker("w3"), LEASE).await.unwrap().unwrap().fence;
    let hold = Hold::new(HoldReason::Proof, "seen");
    desk.ledger.advance(&fence, Event::Held, Change { hold: Some(hold), ..Change::default() }).await.unwrap();
    let of = |account| desk.ledger.list_warnings(Some(account), false, 50);
    assert_eq!(told(&of(&other.id).await.unwrap()), [(WarningKind::ProofStore, Severity::Medium, 1)]);
    assert_eq!(told(&of(&desk.account.id).await.unwrap()), [(WarningKind::ProofStore, Severity::Medium, 2)]);
    assert_eq!(desk.ledger.open_warnings(&other).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_database_keeps_warnings_as_they_were() {
    let desk = Desk::new().await;
    held(&desk, "a", HoldReason::Challenge).await;
    for sql in [
        "DELETE FROM warnings",
        "UPDATE warnings SET severity = 'LOW'",
        "INSERT INTO warnings
        (warning_id, kind, severity, client_id, account_id, first_at, last_at, occurrences, detail)
        SELECT 'x', kind, severity, client_id, account_id, 0, 0, 1, '' FROM warnings",
    ] {
        desk.sql(sql).await.unwrap_err();
    }
    let id = open(&desk).await[0].warning_id.clone();
    desk.ledger.close_warning(&id, ANN).await.unwrap();
    desk.sql("UPDATE warnings SET closed_by = NULL, closed_at = NULL, closed_reason = NULL").await.unwrap_err();
}
