//! Tries that ended by a fault before anything was attempted.

use std::time::Duration;

use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::{Change, Ledger as _, Try};
use deed_core::retry::{TRIES_MAX, Transient, due};
use deed_core::state::{Event, State};
use deed_ledger::ClaimTarget;

use crate::desk::{Desk, LEASE, worker};

/// A claim of the next action that is due; whether there was one.
async fn gone_again(desk: &Desk, roll: u64) -> Option<ActionId> {
    let claim = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w"), LEASE).await.unwrap()?;
    let fence = claim.fence;
    desk.step(&fence, Event::PreflightPassed).await;
    let failed = desk.ledger.tries(&fence.action).await.unwrap() + 1;
    let until = due(State::PreflightPassed, Some(Transient::BrowserGone), failed, roll, desk.now());
    let hold = Hold { reason: HoldReason::Transient, detail: format!("the browser is gone {failed}"), until };
    let change = Change { hold: Some(hold), tried: Some(Transient::BrowserGone.as_str()), ..Change::default() };
    desk.ledger.advance(&fence, Event::Held, change).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    Some(fence.action)
}

#[tokio::test]
async fn a_fault_is_tried_again_when_it_is_due_and_a_few_times_only() {
    let desk = Desk::new().await;
    let id = desk.filed("hello").await;
    let roll = 3_000;
    for number in 1..=TRIES_MAX {
        assert_eq!(gone_again(&desk, roll).await.as_ref(), Some(&id), "try {number}");
        assert_eq!(gone_again(&desk, roll).await, None, "it is not due at once");
        desk.pass(Duration::from_millis(roll - 1));
        assert_eq!(gone_again(&desk, roll).await, None, "nor a moment before");
        desk.pass(Duration::from_millis(1));
    }
    desk.pass(Duration::from_secs(86_400));
    assert_eq!(gone_again(&desk, roll).await, None, "a person has to look");
    let tries = desk.second_handle().await.tries_of(&id).await.unwrap();
    assert_eq!(tries.iter().map(|t| t.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(tries.iter().map(|t| t.next.is_some()).collect::<Vec<_>>(), [true, true, true, true, false]);
    let first = Try {
        number: 1,
        at: tries[0].at,
        fault: "browser_gone".to_owned(),
        detail: "the browser is gone 1".to_owned(),
        next: Some(tries[0].at.plus(Duration::from_millis(roll))),
    };
    assert_eq!(tries[0], first);
    // A person asks for it: one more try, and the count goes on from where it was.
    let claim = desk.ledger.claim(&ClaimTarget::Action(id.clone()), &worker("w"), LEASE).await.unwrap().unwrap();
    assert_eq!(desk.ledger.tries(&id).await.unwrap(), TRIES_MAX);
    desk.ledger.release(&claim.fence).await.unwrap();
}

#[tokio::test]
async fn a_hold_that_is_no_fault_counts_no_try() {
    let desk = Desk::new().await;
    let fence = desk.claimed("hello").await.fence;
    let hold = Hold::new(HoldReason::Transient, "the lease has too little time left");
    desk.ledger.advance(&fence, Event::Held, Change { hold: Some(hold), ..Change::default() }).await.unwrap();
    assert_eq!(desk.ledger.tries(&fence.action).await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_attempted_is_never_tried_again() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    let change = |tried| Change { tried, ..Change::default() };
    let fault = desk.ledger.advance(&fence, Event::Held, change(Some("browser_gone"))).await.unwrap_err();
    assert_eq!(fault.code(), "illegal-transition");
    let refused = desk.ledger.advance(&fence, Event::OutcomeUnclear, change(Some("browser_gone"))).await.unwrap_err();
    assert!(refused.to_string().contains("never tried again"), "{refused}");
    let tries = format!(
        "INSERT INTO action_tries (action_id, try_number, tried_at, fault, detail) VALUES ('{}', 1, 0, 'x', 'x')",
        fence.action
    );
    assert!(desk.sql(&tries).await.unwrap_err().contains("what was attempted is never tried again"));
    assert_eq!(
        (desk.state(&fence.action).await, desk.ledger.tries(&fence.action).await.unwrap()),
        (State::Attempted, 0)
    );
}

#[tokio::test]
async fn tries_are_only_added_to() {
    let desk = Desk::new().await;
    let id = desk.filed("hello").await;
    assert_eq!(gone_again(&desk, 0).await, Some(id));
    for sql in ["UPDATE action_tries SET tried_at = 0", "DELETE FROM action_tries"] {
        assert!(desk.sql(sql).await.unwrap_err().contains("append-only"), "{sql}");
    }
}
