//! Budgets, spacing and pace, inside the arm transaction.

use std::time::Duration;

use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::AccountId;
use deed_core::order::{Content, Payload};
use deed_core::pace::{Limits, Wait};
use deed_core::ports::ledger::{ArmRefusal, ArmRequest, Change, Fence, Ledger as _, ObjectFacts};
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_ledger::{ClaimTarget, NewOrder, SqlLedger};

use crate::desk::{ANN, Desk, LEASE, order, request, worker};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const MS: Duration = Duration::from_millis(1);

fn limits(per_hour: Option<u32>, per_day: Option<u32>, spacing_s: u64) -> Limits {
    Limits { per_hour, per_day, spacing: Duration::from_secs(spacing_s) }
}

fn within(limits: Limits) -> ArmRequest {
    ArmRequest { limits, ..request() }
}

/// Claims an action under a lease of days, so that it is not what stands in the way.
async fn ready(desk: &Desk, text: &str, action_type: &str) -> Fence {
    let content = Content { text: text.to_owned(), ..Content::default() };
    let payload = Payload { action_type: action_type.to_owned(), content, target: None };
    let new = NewOrder { payload, ..desk.order(text) };
    let id = desk.ledger.file_order(&new).await.unwrap().action.action.id;
    let fence = desk.ledger.claim(&ClaimTarget::Action(id), &worker("w"), DAY * 10).await.unwrap().unwrap().fence;
    desk.step(&fence, Event::PreflightPassed).await;
    desk.step(&fence, Event::IdentityVerified).await;
    fence
}

/// Armed, seen, and let go.
async fn done(desk: &Desk, text: &str, action_type: &str, request: &ArmRequest) {
    let fence = ready(desk, text, action_type).await;
    desk.ledger.arm(&fence, request).await.unwrap().unwrap();
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();
}

/// What arm makes it wait for, which is what preflight was told.
async fn refused(desk: &Desk, fence: &Fence, request: &ArmRequest) -> Wait {
    let rows = desk.audit_rows().await;
    let refusal = desk.ledger.arm(fence, request).await.unwrap().unwrap_err();
    let wait = if let ArmRefusal::Budget(wait) = &refusal { Some(wait.clone()) } else { None }.unwrap();
    assert_eq!((desk.state(&fence.action).await, desk.audit_rows().await), (State::IdentityVerified, rows));
    let action_type = desk.ledger.action(&fence.action).await.unwrap().payload.action_type;
    let told = desk.ledger.budget(&fence.account, &action_type, &request.limits).await.unwrap();
    assert_eq!(told.as_ref(), Some(&wait), "preflight says what arm says");
    wait
}

/// Refused until this much later and not a moment longer: a millisecond before it is over it is refused again, then granted.
async fn granted_after(desk: &Desk, fence: &Fence, request: &ArmRequest, later: Duration) {
    let at = desk.now().plus(later);
    assert_eq!(refused(desk, fence, request).await.until, at);
    desk.pass(later - MS);
    assert_eq!(refused(desk, fence, request).await.until, at);
    desk.pass(MS);
    assert_eq!(desk.ledger.budget(&fence.account, "publish.post", &request.limits).await.unwrap(), None);
    desk.ledger.arm(fence, request).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_hour_and_a_day_are_exact_at_their_edges() {
    for (limits, window) in [(limits(Some(2), None, 0), HOUR), (limits(None, Some(2), 0), DAY)] {
        let desk = Desk::new().await;
        done(&desk, "first", "publish.post", &within(limits)).await;
        desk.pass(Duration::from_secs(600));
        done(&desk, "second", "publish.post", &within(limits)).await;
        desk.pass(Duration::from_secs(60));
        let fence = ready(&desk, "third", "publish.post").await;
        // The first makes room, not the second.
        granted_after(&desk, &fence, &within(limits), window - Duration::from_secs(660)).await;
    }
}

#[tokio::test]
async fn other_types_and_other_accounts_have_budgets_of_their_own() {
    let desk = Desk::new().await;
    let one = within(limits(Some(1), Some(1), 0));
    done(&desk, "first", "publish.post", &one).await;
    done(&desk, "another type", "like", &one).await;
    let neighbour = desk.ledger.add_account(&crate::desk::new_account("south_star"), "ann").await.unwrap();
    desk.ledger.set_mode(&neighbour.id, deed_core::account::Mode::Live, "ann").await.unwrap();
    let id = desk.ledger.file_order(&order(&neighbour, "first")).await.unwrap().action.action.id;
    let fence = desk.ledger.claim(&ClaimTarget::Action(id), &worker("w"), LEASE).await.unwrap().unwrap().fence;
    desk.step(&fence, Event::PreflightPassed).await;
    desk.step(&fence, Event::IdentityVerified).await;
    desk.ledger.arm(&fence, &one).await.unwrap().unwrap();
    let fence = ready(&desk, "second", "publish.post").await;
    let wait = refused(&desk, &fence, &one).await;
    assert!(wait.words.contains("1 publish.post within an hour") && wait.words.contains("a day"), "{}", wait.words);
    assert_eq!(wait.until, desk.now().plus(DAY), "the later of both");
}

#[tokio::test]
async fn what_was_attempted_counts_whatever_became_of_it() {
    let desk = Desk::new().await;
    let one = within(limits(Some(1), None, 0));
    let fence = ready(&desk, "first", "publish.post").await;
    desk.ledger.arm(&fence, &one).await.unwrap().unwrap();
    desk.step(&fence, Event::NotSent).await;
    desk.ledger.release(&fence).await.unwrap();
    let fence = ready(&desk, "second", "publish.post").await;
    assert_eq!(refused(&desk, &fence, &one).await.until, desk.now().plus(HOUR));
}

#[tokio::test]
async fn attempts_of_whatever_type_are_spaced_and_the_jitter_was_drawn_before() {
    let desk = Desk::new().await;
    let spaced = |jitter_milli| ArmRequest { jitter_milli, ..within(limits(None, None, 100)) };
    done(&desk, "first", "like", &spaced(250)).await;
    assert_eq!(desk.ledger.pace(&desk.account.id).await.unwrap().jitter_milli, 250);
    let fence = ready(&desk, "second", "publish.post").await;
    // What this request draws is for the attempt after it; another process finds what was drawn at the one before.
    assert_eq!(desk.second_handle().await.pace(&desk.account.id).await.unwrap().jitter_milli, 250);
    granted_after(&desk, &fence, &spaced(0), Duration::from_secs(125)).await;
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();
    let fence = ready(&desk, "third", "publish.post").await;
    granted_after(&desk, &fence, &spaced(0), Duration::from_secs(100)).await;
}

/// A pause ends, and what waited behind it still comes one spacing after another.
#[tokio::test]
async fn no_burst_when_a_pause_ends() {
    let desk = Desk::new().await;
    let spaced = ArmRequest { jitter_milli: 100, ..within(limits(None, None, 60)) };
    let scope = deed_core::ports::ledger::KillScope::Global;
    desk.ledger.kill_on(&scope, ANN).await.unwrap();
    for n in 0..3 {
        desk.filed(&format!("waits {n}")).await;
    }
    desk.pass(DAY);
    desk.ledger.kill_off(&scope, ANN).await.unwrap();
    let mut armed_at = Vec::new();
    // As a worker does, ten seconds after ten seconds.
    for _ in 0..30 {
        if let Some(claim) = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w"), LEASE).await.unwrap() {
            let fence = claim.fence;
            let wait = desk.ledger.budget(&fence.account, "publish.post", &spaced.limits).await.unwrap();
            if let Some(wait) = wait {
                let change = Change { hold: Some(Hold::from(wait)), ..Change::default() };
                desk.ledger.advance(&fence, Event::Held, change).await.unwrap();
                desk.ledger.release(&fence).await.unwrap();
                let behind = desk.ledger.claim(&ClaimTarget::NextDue, &worker("w"), LEASE).await.unwrap();
                assert!(behind.is_none(), "what waits behind it is not told the same");
            } else {
                desk.step(&fence, Event::PreflightPassed).await;
                desk.step(&fence, Event::IdentityVerified).await;
                armed_at.push(desk.ledger.arm(&fence, &spaced).await.unwrap().unwrap().armed_at);
                desk.step(&fence, Event::FoundPresent).await;
                desk.ledger.release(&fence).await.unwrap();
            }
        }
        desk.pass(Duration::from_secs(10));
    }
    let gaps: Vec<_> = armed_at.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert_eq!(gaps, [70, 70], "66 s, at the next look");
}

/// Another account of the same client, with an action that is ready to be armed.
async fn of_type(ledger: &SqlLedger, account: &AccountId, text: &str) -> Fence {
    let account = ledger.account(account).await.unwrap();
    let id = ledger.file_order(&order(&account, text)).await.unwrap().action.action.id;
    let fence = ledger.claim(&ClaimTarget::Action(id), &worker("w"), DAY).await.unwrap().unwrap().fence;
    ledger.advance(&fence, Event::PreflightPassed, Change::default()).await.unwrap();
    ledger.advance(&fence, Event::IdentityVerified, Change::default()).await.unwrap();
    fence
}

/// Twenty tasks on two handles want an attempt of one account, as fast as it lets them: three get one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_get_as_many_as_the_budget_has() {
    let desk = Desk::new().await;
    let handles = [desk.ledger.clone(), desk.second_handle().await];
    let three = within(limits(Some(3), None, 0));
    let turn = std::sync::Arc::new(tokio::sync::Mutex::new(()));
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (ledger, account, three, turn) =
                (handles[n % 2].clone(), desk.account.id.clone(), three.clone(), turn.clone());
            tokio::spawn(async move {
                // An account has one claim, so that only the arms of one claim can meet: ten of each task's.
                let _turn = turn.lock().await;
                let fence = of_type(&ledger, &account, &format!("number {n}")).await;
                let arms: Vec<_> = (0..10)
                    .map(|_| {
                        let (ledger, fence, three) = (ledger.clone(), fence.clone(), three.clone());
                        tokio::spawn(async move { ledger.arm(&fence, &three).await.unwrap() })
                    })
                    .collect();
                let mut granted = 0;
                for arm in arms {
                    match arm.await.unwrap() {
                        Ok(_) => granted += 1,
                        Err(refusal) => assert!(matches!(refusal, ArmRefusal::Budget(_) | ArmRefusal::FenceLost)),
                    }
                }
                if granted > 0 {
                    ledger.advance(&fence, Event::FoundPresent, Change::default()).await.unwrap();
                } else {
                    ledger.advance(&fence, Event::Held, Change::default()).await.unwrap();
                }
                ledger.release(&fence).await.unwrap();
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 3);
}

fn rate_limited(until: Option<Timestamp>) -> Change {
    let hold = Hold { reason: HoldReason::RateLimit, detail: "the platform asks to wait".to_owned(), until };
    Change { hold: Some(hold), ..Change::default() }
}

#[tokio::test]
async fn a_rate_limit_stops_the_account_halves_its_pace_and_success_brings_it_back() {
    let desk = Desk::new().await;
    let spaced = within(limits(Some(4), None, 60));
    let fence = ready(&desk, "first", "publish.post").await;
    let until = desk.now().plus(Duration::from_secs(300));
    desk.ledger.advance(&fence, Event::Held, rate_limited(Some(until))).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    let pace = desk.ledger.pace(&desk.account.id).await.unwrap();
    assert_eq!((pace.factor_milli, pace.not_before, pace.slowed_at), (2_000, Some(until), Some(desk.now())));
    let told = desk.ledger.audit_tail(1).await.unwrap().remove(0).event;
    assert_eq!((told.result.status.as_str(), told.action_id), ("account_slowed", None));

    // The account was asked to wait, not the action: nothing else of it is armed either.
    let other = ready(&desk, "second", "like").await;
    granted_after(&desk, &other, &spaced, Duration::from_secs(300)).await;
    desk.step(&other, Event::FoundPresent).await;
    desk.ledger.release(&other).await.unwrap();
    let pace = desk.ledger.pace(&desk.account.id).await.unwrap();
    assert_eq!((pace.factor_milli, pace.slowed_at), (1_800, desk.now().minus(Duration::from_secs(300)).into()));

    // One success later the spacing is 1.8 times as long, and of four an hour there are two.
    let third = ready(&desk, "third", "publish.post").await;
    granted_after(&desk, &third, &spaced, Duration::from_secs(108)).await;
    desk.step(&third, Event::FoundPresent).await;
    desk.ledger.release(&third).await.unwrap();
    desk.pass(Duration::from_secs(200));
    done(&desk, "fourth", "publish.post", &spaced).await;
    let fifth = ready(&desk, "fifth", "publish.post").await;
    assert_eq!(refused(&desk, &fifth, &spaced).await.until, desk.now().plus(HOUR - Duration::from_secs(200)));
}

#[tokio::test]
async fn a_write_that_came_too_fast_slows_the_account_as_well() {
    let desk = Desk::new().await;
    let fence = ready(&desk, "first", "publish.post").await;
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    let until = desk.now().plus(Duration::from_secs(30));
    let object = ObjectFacts { http_status: Some(429), ..ObjectFacts::default() };
    let receipt = Change { object, not_before: Some(until), ..Change::default() };
    desk.ledger.note(&fence, receipt).await.unwrap();
    desk.step(&fence, Event::FoundAbsent).await;
    desk.ledger.release(&fence).await.unwrap();
    let pace = desk.ledger.pace(&desk.account.id).await.unwrap();
    assert_eq!((pace.factor_milli, pace.not_before), (2_000, Some(until)), "absent is no success");
    let fence = ready(&desk, "second", "publish.post").await;
    granted_after(&desk, &fence, &request(), Duration::from_secs(30)).await;
}

#[tokio::test]
async fn a_persons_word_brings_no_pace_back() {
    let desk = Desk::new().await;
    let fence = ready(&desk, "first", "publish.post").await;
    desk.ledger.advance(&fence, Event::Held, rate_limited(None)).await.unwrap();
    desk.ledger.release(&fence).await.unwrap();
    let id = desk.unknown("second").await;
    let found = deed_ledger::Resolution::Posted { permalink: None };
    desk.ledger.resolve_action(&id, &found, ANN).await.unwrap();
    assert_eq!(desk.ledger.pace(&desk.account.id).await.unwrap().factor_milli, 2_000);
}
