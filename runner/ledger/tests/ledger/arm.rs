//! Arm: one transaction that grants or refuses, each condition on its own.

use std::time::Duration;

use deed_core::ids::{ActionId, EpisodeId};
use deed_core::ports::ledger::{ArmRefusal, Change, Fence, KillScope, Ledger as _, LedgerFault};
use deed_core::state::{Event, State};
use deed_ledger::ClaimTarget;
use deed_proofs::Sha256;

use crate::desk::{ANN, COMMIT, Desk, LEASE, new_account, order, request, worker};

#[tokio::test]
async fn grants_when_everything_holds_and_says_so_durably() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    let grant = desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    assert_eq!((grant.action.clone(), grant.epoch), (fence.action.clone(), fence.epoch));
    assert_eq!((grant.armed_at, grant.deadline), (desk.now(), desk.now().plus(COMMIT)));

    let stored = desk.second_handle().await.action_details(&fence.action).await.unwrap();
    assert_eq!((stored.action.state, stored.action.attempted_at), (State::Attempted, Some(desk.now())));
    assert_eq!((stored.proof_level, stored.manifest), (1, request().manifest));
    assert_eq!(desk.ledger.artifacts_of(&fence.action).await.unwrap(), request().artifacts);
    let last = desk.ledger.audit_of(&fence.action).await.unwrap().pop().unwrap().event;
    assert_eq!(last.result.status, "attempted");
    let screenshot = Sha256::of(b"composer").to_string();
    assert_eq!(last.proof.artifact_refs, [screenshot.clone(), Sha256::of(b"draft manifest").to_string()]);
    assert_eq!(last.proof.screenshots, [screenshot]);
}

/// Refused, and nothing was changed.
async fn refused(desk: &Desk, fence: &Fence) -> ArmRefusal {
    let (state, rows) = (desk.state(&fence.action).await, desk.audit_rows().await);
    let refusal = desk.ledger.arm(fence, &request()).await.unwrap().unwrap_err();
    assert_eq!((desk.state(&fence.action).await, desk.audit_rows().await), (state, rows), "{refusal}");
    assert!(desk.ledger.artifacts_of(&fence.action).await.unwrap().is_empty(), "{refusal}");
    refusal
}

#[tokio::test]
async fn refuses_a_fence_that_is_not_the_claims() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    for other in [
        Fence { epoch: fence.epoch + 1, ..fence.clone() },
        Fence { epoch: fence.epoch - 1, ..fence.clone() },
        Fence { worker: worker("w2"), ..fence.clone() },
        Fence { episode: EpisodeId::new("other"), ..fence.clone() },
        Fence { account: deed_core::ids::AccountId::new("other"), ..fence.clone() },
    ] {
        assert_eq!(refused(&desk, &other).await, ArmRefusal::FenceLost, "{other:?}");
    }
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn refuses_every_state_but_identity_verified() {
    let desk = Desk::new().await;
    let fence = desk.claimed("hello").await.fence;
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::FenceLost);
    desk.step(&fence, Event::PreflightPassed).await;
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::FenceLost);
    desk.step(&fence, Event::IdentityVerified).await;
    desk.ledger.cancel_action(&fence.action, ANN).await.unwrap();
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::FenceLost);
}

#[tokio::test]
async fn refuses_a_second_time_whatever_became_of_the_first() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    for event in [Event::OutcomeUnclear, Event::FoundAbsent] {
        assert_eq!(desk.ledger.arm(&fence, &request()).await.unwrap(), Err(ArmRefusal::FenceLost));
        desk.step(&fence, event).await;
    }
    assert_eq!(desk.ledger.arm(&fence, &request()).await.unwrap(), Err(ArmRefusal::FenceLost));
}

#[tokio::test]
async fn refuses_a_lease_that_ends_before_the_worst_commit() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    desk.ledger.renew(&fence, COMMIT - Duration::from_millis(1)).await.unwrap();
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::LeaseTooShort);
    desk.ledger.renew(&fence, COMMIT).await.unwrap();
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn refuses_an_account_that_is_not_active_or_not_live() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    for state in ["read_only", "suspended"] {
        desk.sql(&format!("UPDATE platform_accounts SET state = '{state}'")).await.unwrap();
        assert_eq!(refused(&desk, &fence).await, ArmRefusal::AccountNotActive(state.to_owned()));
    }
    desk.sql("UPDATE platform_accounts SET state = 'active', mode = 'draft'").await.unwrap();
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::Draft);
    desk.sql("UPDATE platform_accounts SET mode = 'live'").await.unwrap();
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn refuses_within_the_reach_of_each_kill_switch_and_nowhere_else() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    let reach =
        [KillScope::Global, KillScope::Client("acme".to_owned()), KillScope::Account(desk.account.id.to_string())];
    for scope in reach {
        let switch = desk.ledger.kill_on(&scope, ANN).await.unwrap();
        assert_eq!(refused(&desk, &fence).await, ArmRefusal::KillSwitch(switch));
        assert!(desk.ledger.kill_off(&scope, ANN).await.unwrap());
    }
    desk.ledger.ensure_client(&deed_core::ids::ClientId::new("other"), "ann").await.unwrap();
    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    desk.ledger.kill_on(&KillScope::Client("other".to_owned()), ANN).await.unwrap();
    desk.ledger.kill_on(&KillScope::Account(neighbour.id.to_string()), ANN).await.unwrap();
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
}

#[tokio::test]
async fn refuses_while_another_action_of_the_account_is_not_settled() {
    let desk = Desk::new().await;
    let open = desk.unknown("first").await;
    let fence = desk.ready("second").await;
    assert_eq!(refused(&desk, &fence).await, ArmRefusal::AccountBusy(open));
}

#[tokio::test]
async fn there_is_no_other_way_to_attempted() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    let fault = desk.ledger.advance(&fence, Event::Armed, Change::default()).await.unwrap_err();
    assert_eq!(fault.code(), "illegal-transition");
    assert_eq!(desk.state(&fence.action).await, State::IdentityVerified);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_tasks_on_two_handles_get_one_grant() {
    let desk = Desk::new().await;
    let fence = desk.ready("hello").await;
    let handles = [desk.ledger.clone(), desk.second_handle().await];
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let (ledger, fence) = (handles[i % 2].clone(), fence.clone());
            tokio::spawn(async move { ledger.arm(&fence, &request()).await.unwrap() })
        })
        .collect();
    let mut grants = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => grants += 1,
            Err(refusal) => assert_eq!(refusal, ArmRefusal::FenceLost),
        }
    }
    assert_eq!(grants, 1);
    let statuses = desk.statuses(&fence.action).await;
    assert_eq!(statuses.iter().filter(|s| *s == "attempted").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_armed_after_a_kill_switch_was_acknowledged() {
    let desk = Desk::new().await;
    let other = desk.second_handle().await;
    let (mut armed, mut refusals) = (0, 0);
    for round in 0..20 {
        let account = desk.ledger.add_account(&new_account(&format!("a{round}")), "ann").await.unwrap();
        desk.ledger.set_mode(&account.id, deed_core::account::Mode::Live, "ann").await.unwrap();
        let id = desk.ledger.file_order(&order(&account, "hello")).await.unwrap().action.action.id;
        let fence = desk.ledger.claim(&ClaimTarget::Action(id), &worker("w"), LEASE).await.unwrap().unwrap().fence;
        desk.step(&fence, Event::PreflightPassed).await;
        desk.step(&fence, Event::IdentityVerified).await;
        let scope = KillScope::Account(account.id.to_string());
        let arm = {
            let (ledger, fence) = (other.clone(), fence.clone());
            tokio::spawn(async move { ledger.arm(&fence, &request()).await.unwrap() })
        };
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        desk.ledger.kill_on(&scope, ANN).await.unwrap();
        match arm.await.unwrap() {
            Err(refusal) => {
                assert!(matches!(refusal, ArmRefusal::KillSwitch(_)), "{refusal}");
                refusals += 1;
            }
            Ok(_) => {
                let log = desk.ledger.audit_tail(2).await.unwrap();
                let order: Vec<_> = log.iter().map(|row| row.event.result.status.as_str()).collect();
                assert_eq!(order, ["attempted", "kill_on"], "armed before the switch, never after");
                armed += 1;
            }
        }
    }
    assert_eq!(armed + refusals, 20);
}

#[tokio::test]
async fn an_action_that_is_not_there_is_said_so() {
    let desk = Desk::new().await;
    let fence = Fence { action: ActionId::new("none"), ..desk.ready("hello").await };
    let fault = desk.ledger.arm(&fence, &request()).await.unwrap_err();
    assert_eq!(fault, LedgerFault::NotFound { what: "action", id: "none".to_owned() });
}
