//! Claims: one an account, in the order of filing, taken over only when they are stale.

use std::time::Duration;

use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::ports::ledger::{Change, Ledger as _, LedgerFault};
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_ledger::{CLOCKS_APART, ClaimTarget, Obstacle};

use crate::desk::{ANN, Desk, LEASE, new_account, order, request, worker};

async fn next(desk: &Desk) -> Option<ActionId> {
    let claim = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap()?;
    desk.ledger.release(&claim.fence).await.unwrap();
    Some(claim.action.id)
}

async fn hold(desk: &Desk, id: &ActionId, until: Option<Timestamp>) {
    let target = ClaimTarget::Action(id.clone());
    let fence = desk.ledger.claim(&target, &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    let hold = Some(Hold { reason: HoldReason::RateLimit, detail: "429".to_owned(), until });
    desk.ledger.advance(&fence, Event::Held, Change { hold, ..Change::default() }).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
}

#[tokio::test]
async fn the_next_due_is_the_first_filed_that_waits_for_nothing() {
    let desk = Desk::new().await;
    assert_eq!(next(&desk).await, None);
    let first = desk.filed("first").await;
    desk.pass(Duration::from_millis(1));
    let second = desk.filed("second").await;
    assert_eq!(next(&desk).await, Some(first.clone()));
    let until = desk.now().plus(Duration::from_secs(60));
    hold(&desk, &first, Some(until)).await;
    assert_eq!(next(&desk).await, Some(second.clone()));
    hold(&desk, &second, None).await;
    assert_eq!(next(&desk).await, None, "a hold without an end waits for a person");
    desk.pass(Duration::from_secs(60));
    assert_eq!(next(&desk).await, Some(first), "a hold whose time is over is over");
    let asked = desk.ledger.claim(&ClaimTarget::Action(second), &worker("w1"), LEASE).await.unwrap();
    assert!(asked.is_some(), "a person may ask for an action that has a hold");
}

#[tokio::test]
async fn nothing_is_due_on_an_account_that_is_stopped_or_unsettled() {
    let desk = Desk::new().await;
    desk.filed("waits").await;
    desk.ledger.suspend_account(&desk.account.id, ANN).await.unwrap();
    assert_eq!(next(&desk).await, None);
    desk.ledger.clear_account(&desk.account.id, ANN).await.unwrap();
    assert!(next(&desk).await.is_some());
    desk.unknown("unsettled").await;
    assert_eq!(next(&desk).await, None);
}

#[tokio::test]
async fn an_account_has_one_claim() {
    let desk = Desk::new().await;
    let claim = desk.claimed("first").await;
    let second = desk.filed("second").await;
    let target = ClaimTarget::Action(second.clone());
    assert!(desk.ledger.claim(&target, &worker("w2"), LEASE).await.unwrap().is_none());
    let obstacle = desk.ledger.obstacle(&second).await.unwrap().unwrap();
    let until = desk.now().plus(LEASE);
    assert_eq!(obstacle, Obstacle::AccountClaimed { action: claim.action.id.clone(), worker: worker("w1"), until });
    // A dead claim is for recovery, which ends the old browser first.
    desk.pass(LEASE);
    assert!(desk.ledger.claim(&target, &worker("w2"), LEASE).await.unwrap().is_none());

    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    let third = desk.ledger.file_order(&order(&neighbour, "third")).await.unwrap().action.action.id;
    assert!(desk.ledger.claim(&ClaimTarget::Action(third), &worker("w2"), LEASE).await.unwrap().is_some());
    desk.ledger.release(&claim.fence).await.unwrap();
    assert_eq!(desk.ledger.obstacle(&second).await.unwrap(), None);
    assert!(desk.ledger.claim(&target, &worker("w2"), LEASE).await.unwrap().is_some());
    let released = desk.ledger.release(&claim.fence).await;
    assert_eq!(released, Err(LedgerFault::FenceLost(claim.action.id)));
}

#[tokio::test]
async fn each_claim_of_a_queued_action_is_a_new_epoch_and_a_new_episode() {
    let desk = Desk::new().await;
    let first = desk.claimed("hello").await;
    desk.ledger.release(&first.fence).await.unwrap();
    let target = ClaimTarget::Action(first.action.id.clone());
    let second = desk.ledger.claim(&target, &worker("w1"), LEASE).await.unwrap().unwrap();
    assert_eq!((first.fence.epoch, second.fence.epoch), (1, 2));
    assert_ne!(first.fence.episode, second.fence.episode);
    assert_eq!(second.action.episode.as_ref(), Some(&second.fence.episode));
    assert!(second.account.has_session);
}

#[tokio::test]
async fn only_a_queued_action_is_claimed_to_act() {
    let desk = Desk::new().await;
    let unknown = desk.unknown("hello").await;
    assert!(desk.ledger.claim(&ClaimTarget::Action(unknown.clone()), &worker("w1"), LEASE).await.unwrap().is_none());
    assert_eq!(desk.ledger.obstacle(&unknown).await.unwrap(), Some(Obstacle::NotQueued { state: State::Unknown }));
    let none = ClaimTarget::Action(ActionId::new("none"));
    assert_eq!(desk.ledger.claim(&none, &worker("w1"), LEASE).await.unwrap_err().code(), "not-found");
}

#[tokio::test]
async fn a_lease_is_renewed_while_it_lasts_and_never_after() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    desk.pass(LEASE - Duration::from_millis(1));
    desk.ledger.renew(&fence, LEASE).await.unwrap();
    desk.pass(LEASE);
    let lost = LedgerFault::FenceLost(fence.action.clone());
    assert_eq!(desk.ledger.renew(&fence, LEASE).await, Err(lost));
    assert!(desk.ledger.arm(&fence, &request()).await.unwrap().is_err(), "what was found over stays over");
    // What is true may still be written down, as long as nobody took over.
    desk.step(&fence, Event::Interrupted).await;
}

#[tokio::test]
async fn stale_are_the_claims_of_the_dead_and_those_whose_lease_is_over() {
    let desk = Desk::new().await;
    let claim = desk.claimed("hello").await;
    assert!(desk.ledger.stale_claims(&[worker("other")]).await.unwrap().is_empty());
    let stale = desk.ledger.stale_claims(&[worker("w1")]).await.unwrap();
    assert_eq!((stale.len(), &stale[0].action, stale[0].epoch), (1, &claim.action.id, 1));
    desk.pass(LEASE);
    assert!(desk.ledger.stale_claims(&[]).await.unwrap().is_empty(), "its worker's clock may be behind");
    desk.pass(CLOCKS_APART);
    assert_eq!(desk.ledger.stale_claims(&[]).await.unwrap().len(), 1);
    desk.ledger.release(&claim.fence).await.unwrap();
    assert!(desk.ledger.stale_claims(&[worker("w1")]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stale_claim_is_taken_over_once_and_its_episode_goes_on() {
    let desk = Desk::new().await;
    let old = desk.attempted("hello").await;
    let stale = desk.ledger.stale_claims(&[worker("w1")]).await.unwrap().remove(0);
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let (ledger, stale) = (desk.ledger.clone(), stale.clone());
            tokio::spawn(async move { ledger.take_over(&stale, &worker(&format!("r{i}")), LEASE).await.unwrap() })
        })
        .collect();
    let mut claims = Vec::new();
    for task in tasks {
        claims.extend(task.await.unwrap());
    }
    assert_eq!(claims.len(), 1);
    let fence = &claims[0].fence;
    assert_eq!((&fence.episode, fence.epoch), (&old.episode, old.epoch + 1));
    assert_eq!(claims[0].action.state, State::Attempted);
    desk.step(fence, Event::OutcomeUnclear).await;
}

#[tokio::test]
async fn what_may_have_happened_is_claimed_to_be_verified_only() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    assert!(desk.ledger.unsettled().await.unwrap().is_empty(), "somebody works on it");
    assert!(desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap().is_none());
    desk.pass(LEASE);
    assert_eq!(desk.ledger.unsettled().await.unwrap(), std::slice::from_ref(&fence.action));
    let dead = desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap();
    assert!(dead.is_none(), "a dead claim is for recovery");
    desk.step(&fence, Event::OutcomeUnclear).await;
    desk.ledger.release(&fence).await.unwrap();
    let claim = desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap().unwrap();
    assert_eq!((&claim.fence.episode, claim.action.state), (&fence.episode, State::Unknown));
    assert!(desk.ledger.arm(&claim.fence, &request()).await.unwrap().is_err());
    desk.step(&claim.fence, Event::FoundAbsent).await;
    desk.ledger.release(&claim.fence).await.unwrap();
    assert!(desk.ledger.unsettled().await.unwrap().is_empty());
    assert!(desk.ledger.claim_unsettled(&fence.action, &worker("w2"), LEASE).await.unwrap().is_none());
}
