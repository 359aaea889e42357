//! A fleet: what goes first, what waits for what, who keeps what it has, and the end of a press.

use std::time::Duration;

use deed_core::hold::{Failure, Hold, HoldReason};
use deed_core::ids::ActionId;
use deed_core::order::Priority;
use deed_core::ports::ledger::{ArmRefusal, Change, Fence, KillScope, Ledger as _};
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_ledger::{ClaimTarget, NewOrder, Obstacle};

use crate::desk::{ANN, COMMIT, Desk, LEASE, new_account, order, request, worker};

async fn file(desk: &Desk, order: NewOrder) -> ActionId {
    desk.pass(Duration::from_millis(1));
    desk.ledger.file_order(&order).await.unwrap().action.action.id
}

/// Claims what is next and lets it go again.
async fn next(desk: &Desk) -> Option<ActionId> {
    let claim = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap()?;
    desk.ledger.release(&claim.fence).await.unwrap();
    Some(claim.action.id)
}

/// The order in which a worker that does nothing else would take all that is due.
async fn all(desk: &Desk) -> Vec<ActionId> {
    let mut taken = Vec::new();
    while let Some(claim) = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap() {
        taken.push(claim.action.id.clone());
        hold(desk, &claim.fence, HoldReason::Policy).await;
    }
    taken
}

async fn hold(desk: &Desk, fence: &Fence, reason: HoldReason) {
    let change = Change { hold: Some(Hold::new(reason, "a test")), ..Change::default() };
    desk.ledger.advance(fence, Event::Held, change).await.unwrap();
    desk.ledger.release(fence).await.unwrap();
}

/// All the way to a confirmed success.
async fn confirm(desk: &Desk, id: &ActionId) {
    let claim = desk.ledger.claim(&ClaimTarget::Action(id.clone()), &worker("w1"), LEASE).await.unwrap().unwrap();
    desk.step(&claim.fence, Event::PreflightPassed).await;
    desk.step(&claim.fence, Event::IdentityVerified).await;
    desk.ledger.arm(&claim.fence, &request()).await.unwrap().unwrap();
    desk.step(&claim.fence, Event::FoundPresent).await;
    desk.ledger.release(&claim.fence).await.unwrap();
}

#[tokio::test]
async fn priority_then_due_time_then_filing() {
    let desk = Desk::new().await;
    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    let soon = desk.now().plus(Duration::from_secs(60));
    let low = file(&desk, NewOrder { priority: Priority::Low, ..desk.order("low") }).await;
    let later = file(&desk, NewOrder { not_before: Some(soon), priority: Priority::High, ..desk.order("later") }).await;
    let first = file(&desk, order(&neighbour, "first")).await;
    let second = file(&desk, desk.order("second")).await;
    let high = file(&desk, NewOrder { priority: Priority::High, ..order(&neighbour, "high") }).await;
    assert_eq!(all(&desk).await, [high, first, second, low]);
    desk.pass(Duration::from_secs(60));
    assert_eq!(all(&desk).await, [later]);
}

#[tokio::test]
async fn a_dependent_waits_for_confirmed_success_and_nothing_less() {
    let desk = Desk::new().await;
    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    let reply = desk.filed("reply").await;
    let message = file(&desk, NewOrder { depends_on: vec![reply.clone()], ..order(&neighbour, "message") }).await;
    let by_name = ClaimTarget::Action(message.clone());
    let waits = Some(Obstacle::Waits { on: vec![reply.clone()] });
    assert_eq!(desk.ledger.obstacle(&message).await.unwrap(), waits);
    assert_eq!(next(&desk).await, Some(reply.clone()));

    let fence = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    for event in [Event::PreflightPassed, Event::IdentityVerified] {
        desk.step(&fence, event).await;
        assert_eq!(next(&desk).await, None);
    }
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    assert_eq!(next(&desk).await, None, "attempted is not confirmed");
    desk.step(&fence, Event::OutcomeUnclear).await;
    assert_eq!(next(&desk).await, None, "nor is unknown");
    let asked = desk.ledger.claim(&by_name, &worker("w2"), LEASE).await.unwrap();
    assert!(asked.is_none(), "nor does asking for it by name help");
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();
    assert_eq!(next(&desk).await, Some(message.clone()));
    assert_eq!(desk.ledger.obstacle(&message).await.unwrap(), None);
    assert!(desk.ledger.waits_for(&message).await.unwrap().is_empty());
}

#[tokio::test]
async fn arm_refuses_what_waits_for_another_action() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    desk.sql("UPDATE actions SET waits_for = 1").await.unwrap();
    assert_eq!(desk.ledger.arm(&fence, &request()).await.unwrap(), Err(ArmRefusal::Waits(1)));
    desk.sql("UPDATE actions SET waits_for = 0").await.unwrap();
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_for_an_action_that_failed_is_a_persons() {
    let desk = Desk::new().await;
    let first = desk.filed("first").await;
    let second = file(&desk, NewOrder { depends_on: vec![first.clone()], ..desk.order("second") }).await;
    desk.ledger.cancel_action(&first, ANN).await.unwrap();
    let held = desk.ledger.action_details(&second).await.unwrap();
    assert_eq!(held.hold.map(|h| h.reason), Some(HoldReason::Dependency));
    assert_eq!(desk.statuses(&second).await, ["queued", "queued"], "the log says so too");
    let third = file(&desk, NewOrder { depends_on: vec![first.clone()], ..desk.order("third") }).await;
    let held = desk.ledger.action_details(&third).await.unwrap();
    assert_eq!(held.hold.map(|h| h.reason), Some(HoldReason::Dependency), "also when it had failed before");
    assert_eq!(next(&desk).await, None);
    desk.ledger.release_action(&second, ANN).await.unwrap();
    assert_eq!(next(&desk).await, None, "letting it go on does not make what it waits for come to be");

    let failing = desk.unknown("failing").await;
    let fourth = file(&desk, NewOrder { depends_on: vec![failing.clone()], ..desk.order("fourth") }).await;
    desk.ledger.resolve_action(&failing, &deed_ledger::Resolution::Absent, ANN).await.unwrap();
    let held = desk.ledger.action_details(&fourth).await.unwrap();
    assert_eq!(held.hold.map(|h| h.reason), Some(HoldReason::Dependency));
    assert_eq!(desk.ledger.action_details(&failing).await.unwrap().failure, Some(Failure::NotFoundAfterAttempt));
}

#[tokio::test]
async fn what_an_action_waits_for_never_changes() {
    let desk = Desk::new().await;
    let first = desk.filed("first").await;
    file(&desk, NewOrder { depends_on: vec![first.clone()], ..desk.order("second") }).await;
    for statement in ["DELETE FROM action_dependencies", "UPDATE action_dependencies SET depends_on = action_id"] {
        assert!(desk.sql(statement).await.unwrap_err().contains("never changes"), "{statement}");
    }
}

#[tokio::test]
async fn a_batch_goes_on_with_its_next_one_that_was_not_armed() {
    let desk = Desk::new().await;
    let of_batch = |text: &str| NewOrder { batch: Some("ten".to_owned()), ..desk.order(text) };
    let first = file(&desk, of_batch("1")).await;
    file(&desk, desk.order("another")).await;
    let second = file(&desk, of_batch("2")).await;
    let third = file(&desk, of_batch("3")).await;
    let batch = ClaimTarget::Batch(desk.account.id.clone(), "ten".to_owned());
    confirm(&desk, &first).await;
    let claim = desk.ledger.claim(&batch, &worker("w1"), LEASE).await.unwrap().unwrap();
    assert_eq!(claim.action.id, second);
    desk.step(&claim.fence, Event::PreflightPassed).await;
    desk.step(&claim.fence, Event::IdentityVerified).await;
    desk.ledger.arm(&claim.fence, &request()).await.unwrap().unwrap();
    // The worker dies here; whoever takes over finds out what became of it, and goes on after it.
    let stale = desk.ledger.stale_claims(&[worker("w1")]).await.unwrap().remove(0);
    let taken = desk.ledger.take_over(&stale, &worker("w2"), LEASE).await.unwrap().unwrap();
    desk.step(&taken.fence, Event::OutcomeUnclear).await;
    assert!(desk.ledger.claim(&batch, &worker("w2"), LEASE).await.unwrap().is_none());
    desk.step(&taken.fence, Event::FoundPresent).await;
    desk.ledger.release(&taken.fence).await.unwrap();
    let claim = desk.ledger.claim(&batch, &worker("w2"), LEASE).await.unwrap().unwrap();
    assert_eq!(claim.action.id, third);
}

#[tokio::test]
async fn a_beat_keeps_what_a_worker_has_and_not_what_it_lost() {
    let desk = Desk::new().await;
    let beat = async || desk.ledger.beat(&worker("w1"), LEASE).await.unwrap();
    desk.ledger.enter_worker(&worker("w1"), "here", 7, 2).await.unwrap();
    assert!(beat().await.is_empty());
    let claim = desk.claimed("hello").await;
    for _ in 0..3 {
        desk.pass(LEASE / 2);
        assert_eq!(beat().await, std::slice::from_ref(&claim.action.id));
    }
    let details = desk.ledger.action_details(&claim.action.id).await.unwrap();
    assert_eq!(details.lease_until, Some(desk.now().plus(LEASE)));
    let workers = desk.ledger.list_workers(Timestamp(0)).await.unwrap();
    assert_eq!((workers[0].seen_at, &workers[0].actions), (desk.now(), &vec![claim.action.id.clone()]));
    assert_eq!(desk.ledger.beat(&worker("w2"), LEASE).await.unwrap(), [], "another's is not touched");

    desk.pass(LEASE);
    assert!(beat().await.is_empty(), "a lease that was over stays over");
    assert_eq!(desk.ledger.action_details(&claim.action.id).await.unwrap().lease_until, Some(desk.now()));
    desk.ledger.leave_worker(&worker("w1")).await.unwrap();
    assert_eq!(desk.ledger.list_workers(Timestamp(0)).await.unwrap()[0].left_at, Some(desk.now()));
}

#[tokio::test]
async fn a_stalled_worker_can_neither_arm_nor_write_after_another_took_over() {
    let desk = Desk::new().await;
    let old = desk.ready("hello").await;
    desk.pass(LEASE + deed_ledger::CLOCKS_APART);
    let stale = desk.ledger.stale_claims(&[]).await.unwrap().remove(0);
    let new = desk.ledger.take_over(&stale, &worker("w2"), LEASE).await.unwrap().unwrap().fence;
    assert_eq!(desk.ledger.arm(&old, &request()).await.unwrap(), Err(ArmRefusal::FenceLost));
    for change in [
        desk.ledger.renew(&old, LEASE).await,
        desk.ledger.advance(&old, Event::Interrupted, Change::default()).await,
        desk.ledger.note(&old, Change::default()).await,
        desk.ledger.verify_at(&old, None).await,
        desk.ledger.release(&old).await,
    ] {
        assert_eq!(change.unwrap_err().code(), "fence-lost");
    }
    assert!(desk.ledger.beat(&old.worker, LEASE).await.unwrap().is_empty());
    desk.ledger.arm(&new, &request()).await.unwrap().unwrap();
    // Nor does it tell anybody that the other's press is over.
    desk.ledger.note(&old, Change::default()).await.unwrap_err();
    assert!(desk.ledger.pressing(&KillScope::Global).await.unwrap().is_some());
}

/// A clock that ran an hour ahead said when to look again: nobody waits for that hour once it was set right.
#[tokio::test]
async fn what_a_clock_ahead_put_off_is_looked_at_as_soon_as_it_is_set_back() {
    let (desk, hour) = (Desk::new().await, Duration::from_secs(3600));
    let fence = desk.attempted("hello").await;
    desk.pass(hour);
    desk.step(&fence, Event::OutcomeUnclear).await;
    desk.ledger.release(&fence).await.unwrap();
    let claim = async || {
        let claim = desk.ledger.claim_verification(&worker("w1"), LEASE).await.unwrap();
        claim.map(|claim| claim.fence)
    };
    desk.set_back(hour);
    let fence = claim().await.unwrap();

    // What a right clock puts off is not due before, and what one ahead puts off anew is.
    let later = desk.now().plus(COMMIT);
    desk.ledger.verify_at(&fence, Some(later)).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    assert_eq!(claim().await, None);
    assert_eq!(desk.ledger.next_verification().await.unwrap(), Some(later));
    desk.pass(hour);
    let fence = claim().await.unwrap();
    desk.ledger.verify_at(&fence, Some(desk.now().plus(COMMIT))).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    desk.set_back(hour);
    assert!(claim().await.is_some());
}

#[tokio::test]
async fn a_press_is_under_way_from_arm_until_it_is_over_or_its_permit_ended() {
    let desk = Desk::new().await;
    let account = KillScope::Account(desk.account.id.to_string());
    let (client, other) = (KillScope::Client("acme".to_owned()), KillScope::Client("other".to_owned()));
    let fence = desk.ready("hello").await;
    assert_eq!(desk.ledger.pressing(&KillScope::Global).await.unwrap(), None);
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    let until = Some(desk.now().plus(COMMIT));
    for scope in [&KillScope::Global, &client, &account] {
        assert_eq!(desk.ledger.pressing(scope).await.unwrap(), until, "{scope:?}");
    }
    assert_eq!(desk.ledger.pressing(&other).await.unwrap(), None);
    desk.pass(COMMIT);
    assert!(desk.ledger.pressing(&account).await.unwrap().is_some(), "the runner's clock may be behind");
    desk.pass(deed_ledger::CLOCKS_APART);
    assert_eq!(desk.ledger.pressing(&account).await.unwrap(), None);
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();

    let fence = desk.attempted("again").await;
    desk.ledger.note(&fence, Change::default()).await.unwrap();
    assert!(
        desk.ledger.pressing(&KillScope::Global).await.unwrap().is_some(),
        "a write that was not answered may be on its way"
    );
    desk.ledger.note(&fence, Change { press_over: true, ..Change::default() }).await.unwrap();
    assert_eq!(desk.ledger.pressing(&KillScope::Global).await.unwrap(), None);
    desk.step(&fence, Event::OutcomeUnclear).await;
    assert_eq!(desk.ledger.pressing(&KillScope::Global).await.unwrap(), None);
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();

    let fence = desk.attempted("once more").await;
    desk.step(&fence, Event::OutcomeUnclear).await;
    let until = Some(desk.now().plus(COMMIT));
    assert_eq!(
        desk.ledger.pressing(&account).await.unwrap(),
        until,
        "nobody knows whether something left and is on its way"
    );
}

#[tokio::test]
async fn what_a_kill_switch_held_goes_on_when_no_switch_stands_in_its_way() {
    let desk = Desk::new().await;
    let id = desk.filed("hello").await;
    desk.ledger.kill_on(&KillScope::Global, ANN).await.unwrap();
    desk.ledger.kill_on(&KillScope::Client("acme".to_owned()), ANN).await.unwrap();
    let fence = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    hold(&desk, &fence, HoldReason::KillSwitch).await;
    assert_eq!(next(&desk).await, None);
    desk.ledger.kill_off(&KillScope::Global, ANN).await.unwrap();
    assert_eq!(next(&desk).await, None, "the client's is on still");
    desk.ledger.kill_off(&KillScope::Client("acme".to_owned()), ANN).await.unwrap();
    assert_eq!(next(&desk).await, Some(id));
}

#[tokio::test]
async fn what_a_person_clears_goes_on_by_itself_and_a_draft_does_not() {
    let desk = Desk::new().await;
    let id = desk.filed("hello").await;
    let claim = async || desk.ledger.claim(&ClaimTarget::NextDue, &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    hold(&desk, &claim().await, HoldReason::Drift).await;
    assert_eq!(next(&desk).await, None);
    desk.ledger.clear_account(&desk.account.id, ANN).await.unwrap();
    assert_eq!(next(&desk).await, Some(id.clone()));
    hold(&desk, &claim().await, HoldReason::DraftMode).await;
    desk.ledger.set_mode(&desk.account.id, deed_core::account::Mode::Live, "ann").await.unwrap();
    assert_eq!(next(&desk).await, None, "what was tried in draft does not go out by itself");
    desk.ledger.release_action(&id, ANN).await.unwrap();
    assert_eq!(next(&desk).await, Some(id.clone()));
    assert_eq!(desk.statuses(&id).await.last().map(String::as_str), Some("released"));
}

#[tokio::test]
async fn what_is_not_known_is_looked_at_again_when_its_time_comes_by_whoever_is_free() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    desk.step(&fence, Event::OutcomeUnclear).await;
    let at = desk.now().plus(Duration::from_secs(8));
    desk.ledger.verify_at(&fence, Some(at)).await.unwrap();
    let claim = async |name: &str| desk.ledger.claim_verification(&worker(name), LEASE).await.unwrap();
    assert_eq!(desk.ledger.next_verification().await.unwrap(), Some(at));
    desk.pass(Duration::from_secs(8));
    assert!(claim("w2").await.is_none(), "somebody has it");
    desk.ledger.release(&fence).await.unwrap();
    let second = claim("w2").await.unwrap();
    assert_eq!((&second.action.id, &second.fence.episode), (&fence.action, &fence.episode));
    assert!(claim("w3").await.is_none());
    // Nobody found out: it is a person's now, and no worker looks by itself.
    desk.ledger.verify_at(&second.fence, None).await.unwrap();
    desk.ledger.release(&second.fence).await.unwrap();
    desk.pass(LEASE);
    assert!(claim("w3").await.is_none());
    assert_eq!(desk.ledger.next_verification().await.unwrap(), None);
    desk.ledger.resolve_action(&fence.action, &deed_ledger::Resolution::Absent, ANN).await.unwrap();
    assert_eq!(desk.state(&fence.action).await, State::ConfirmedFailed);
}

#[tokio::test]
async fn no_query_of_a_worker_reads_a_whole_table() {
    let mut desk = Desk::new().await;
    if crate::ON_A_SERVER {
        // A small table is read whole because that is quicker; where there is no index, it is read whole even so.
        desk.address = desk.address.replace("options=", "options=-c%20enable_seqscan%3Doff%20");
    }
    let ledger = desk.second_handle().await;
    for (name, plan) in ledger.worker_plans().await.unwrap() {
        assert!(!plan.is_empty(), "{name}");
        for line in &plan {
            let line = line.trim();
            assert!(!line.contains("Seq Scan"), "{name}: {plan:#?}");
            // `h` is what was found so far, and no table.
            let whole = line.starts_with("SCAN") && line != "SCAN h" && !line.contains("INDEX");
            assert!(!whole, "{name}: {plan:#?}");
        }
    }
}

/// With statistics of a deep queue SQLite took an account's whole queue for a way to the one action of it that is not settled.
#[tokio::test]
async fn with_statistics_of_a_deep_queue_no_query_of_a_worker_reads_an_accounts_queue() {
    let desk = Desk::new().await;
    let account = desk.account.id.as_str();
    let fill = format!(
        "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000)
         INSERT INTO actions (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash,
             idempotency_key, state, created_at, updated_at)
         SELECT 'a' || (10000 + n), p.client_id, p.account_id, p.platform, 'browser', 'publish.post', '{{}}', 'h', 'h', 'k' || n, 'queued', n, n
         FROM s JOIN platform_accounts p ON p.account_id = '{account}'"
    );
    assert_eq!(desk.sql(&fill).await, Ok(4000));
    desk.sql("ANALYZE").await.unwrap();
    let ledger = desk.second_handle().await;
    for (name, plan) in ledger.worker_plans().await.unwrap() {
        assert!(!plan.iter().any(|line| line.contains("actions_of_account")), "{name}: {plan:#?}");
    }
}
