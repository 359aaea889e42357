//! What a policy asks of the ledger: usage in windows, costs of a client, the session.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::account::{Account, Mode};
use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::ClientId;
use deed_core::order::Action;
use deed_core::policy::{Asks, PolicyFacts, SessionFacts, Usage, Window};
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{Change, KillScope, Ledger as _};
use deed_core::state::Event;
use deed_core::time::Timestamp;
use deed_ledger::{ClaimTarget, NewAccount};

use crate::desk::{ANN, Desk, LEASE, START, new_account, order, request, worker};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn asks(desk: &Desk, per_hour: u64, per_day: u64) -> Asks {
    let window = |length, max| Window { length, max: Some(max) };
    Asks {
        now: desk.now(),
        hour: window(HOUR, per_hour),
        day: window(DAY, per_day),
        fatigue: Some(window(DAY * 7, 100)),
        day_start: Timestamp(START),
        month_start: Timestamp(START),
        marker: None,
        approval: request().approval,
    }
}

async fn facts(desk: &Desk, asks: &Asks) -> PolicyFacts {
    let action = action_of(desk, &desk.account, "asked").await;
    desk.ledger.policy_facts(&action, &desk.account, asks).await.unwrap()
}

async fn action_of(desk: &Desk, account: &Account, text: &str) -> Action {
    desk.ledger.file_order(&order(account, text)).await.unwrap().action.action
}

/// Attempted as this account, found there, and out of the way.
async fn done(desk: &Desk, account: &Account, text: &str, action_type: &str) {
    let mut new = order(account, text);
    new.payload.action_type = action_type.to_owned();
    if !action_type.starts_with("publish.") {
        (new.experiment_id, new.variant_id) = (None, None);
    }
    let id = desk.ledger.file_order(&new).await.unwrap().action.action.id;
    let fence = desk.ledger.claim(&ClaimTarget::Action(id), &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    desk.step(&fence, Event::PreflightPassed).await;
    let change = Change { identity_ok: Some(true), ..Change::default() };
    desk.ledger.advance(&fence, Event::IdentityVerified, change).await.unwrap();
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    desk.step(&fence, Event::FoundPresent).await;
    desk.ledger.release(&fence).await.unwrap();
}

async fn another(desk: &Desk, handle: &str, client: &str) -> Account {
    desk.ledger.ensure_client(&ClientId::new(client), "ann").await.unwrap();
    let new = NewAccount { client: ClientId::new(client), ..new_account(handle) };
    let account = desk.ledger.add_account(&new, "ann").await.unwrap();
    desk.ledger.set_session(&account.id, &SessionState::new("{\"cookies\":[]}"), "ann").await.unwrap();
    desk.ledger.set_mode(&account.id, Mode::Live, "ann").await.unwrap()
}

#[tokio::test]
async fn an_account_that_did_nothing_used_nothing() {
    let desk = Desk::new().await;
    let found = facts(&desk, &asks(&desk, 2, 4)).await;
    assert_eq!(found, PolicyFacts { session: Some(SessionFacts { expires: None }), ..PolicyFacts::default() });
}

#[tokio::test]
async fn attempts_count_until_the_window_leaves_them_behind() {
    let desk = Desk::new().await;
    done(&desk, &desk.account, "one", "publish.post").await;
    let first = desk.now();
    desk.pass(10 * MINUTE);
    done(&desk, &desk.account, "two", "publish.post").await;
    let second = desk.now();
    desk.pass(20 * MINUTE);
    done(&desk, &desk.account, "three", "publish.post").await;
    let third = desk.now();

    let found = facts(&desk, &asks(&desk, 3, 4)).await;
    assert_eq!(found.hour, Usage { used: 3, frees: Some(first) });
    assert_eq!(found.day, Usage { used: 3, frees: None });
    assert_eq!((found.fatigue.used, found.last_attempt), (3, Some(third)));
    // Of a smaller budget, more must leave before there is room.
    assert_eq!(facts(&desk, &asks(&desk, 2, 1)).await.hour, Usage { used: 3, frees: Some(second) });
    assert_eq!(facts(&desk, &asks(&desk, 2, 1)).await.day, Usage { used: 3, frees: Some(third) });
    // An hour after the first it has left, to the millisecond.
    desk.pass(30 * MINUTE - Duration::from_millis(1));
    assert_eq!(facts(&desk, &asks(&desk, 3, 4)).await.hour.used, 3);
    desk.pass(Duration::from_millis(1));
    assert_eq!(facts(&desk, &asks(&desk, 3, 4)).await.hour, Usage { used: 2, frees: None });
}

#[tokio::test]
async fn what_was_not_attempted_or_is_anothers_or_of_another_type_does_not_count() {
    let desk = Desk::new().await;
    desk.filed("only filed").await;
    let held = desk.claimed("held").await.fence;
    let hold = Hold::new(HoldReason::Policy, "no");
    desk.ledger.advance(&held, Event::Held, Change { hold: Some(hold), ..Change::default() }).await.unwrap();
    desk.ledger.release(&held).await.unwrap();
    let sister = another(&desk, "south_star", "acme").await;
    let stranger = another(&desk, "tulip", "florist").await;
    done(&desk, &sister, "hers", "publish.post").await;
    done(&desk, &sister, "liked", "like").await;
    done(&desk, &stranger, "theirs", "publish.post").await;
    done(&desk, &desk.account, "liked", "like").await;

    let found = facts(&desk, &asks(&desk, 2, 4)).await;
    assert_eq!((found.hour.used, found.day.used, found.fatigue.used, found.last_attempt), (0, 0, 0, None));
    // The client's costs are those of all its accounts, and of no other client's.
    let counted = BTreeMap::from([("like".to_owned(), 2), ("publish.post".to_owned(), 1)]);
    assert_eq!((found.client_day, found.client_month), (counted.clone(), counted));
    let later = Asks { day_start: Timestamp(START + 1), ..asks(&desk, 2, 4) };
    assert_eq!(facts(&desk, &later).await.client_day, BTreeMap::new());
}

#[tokio::test]
async fn an_attempt_counts_whatever_became_of_it() {
    let desk = Desk::new().await;
    let fence = desk.attempted("absent").await;
    assert_eq!(facts(&desk, &asks(&desk, 2, 4)).await.hour.used, 1);
    for event in [Event::OutcomeUnclear, Event::FoundAbsent] {
        desk.step(&fence, event).await;
        assert_eq!(facts(&desk, &asks(&desk, 2, 4)).await.hour.used, 1, "{event:?}");
    }
}

#[tokio::test]
async fn the_session_says_when_it_ends_and_a_switch_that_it_is_on() {
    let desk = Desk::new().await;
    let two = r#"{"cookies":[{"name":"sid","expires":1000},{"name":"ad","expires":2000}]}"#;
    desk.ledger.set_session(&desk.account.id, &SessionState::new(two), "ann").await.unwrap();
    let by_marker = Asks { marker: Some("sid".to_owned()), ..asks(&desk, 2, 4) };
    let found = facts(&desk, &by_marker).await;
    assert_eq!(found.session, Some(SessionFacts { expires: Some(Timestamp(1_000_000)) }));
    assert_eq!(found.kill, None);
    desk.ledger.kill_on(&KillScope::Client("acme".to_owned()), ANN).await.unwrap();
    assert_eq!(facts(&desk, &by_marker).await.kill.unwrap().by, "ann");
}
