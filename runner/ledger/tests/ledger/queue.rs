//! Orders: once per key, for the account that they name, called off only before anything was attempted.

use deed_core::hold::Failure;
use deed_core::ids::ActionId;
use deed_core::ports::ledger::{Ledger as _, LedgerFault};
use deed_core::state::{Event, State};
use deed_ledger::{ActionFilter, Operator, Resolution, SqlLedger};

use crate::desk::{ANN, Desk, new_account, options, order, request};

#[tokio::test]
async fn the_same_order_is_the_same_action() {
    let desk = Desk::new().await;
    let first = desk.ledger.file_order(&desk.order("hello")).await.unwrap();
    let rows = desk.audit_rows().await;
    let again = desk.ledger.file_order(&desk.order("hello")).await.unwrap();
    assert!(first.created && !again.created);
    assert_eq!(first.action, again.action);
    assert_eq!(desk.audit_rows().await, rows, "filing it again is nothing new");
    assert!(desk.ledger.file_order(&desk.order("another")).await.unwrap().created);
    // Also after it ended: keys are kept for ever.
    desk.ledger.cancel_action(&first.action.action.id, ANN).await.unwrap();
    let after = desk.ledger.file_order(&desk.order("hello")).await.unwrap();
    assert_eq!((after.created, after.action.action.state), (false, State::Cancelled));
}

#[tokio::test]
async fn a_key_with_another_payload_or_account_is_a_conflict() {
    let desk = Desk::new().await;
    let keyed = |text: &str| deed_ledger::NewOrder { idempotency_key: Some("k1".to_owned()), ..desk.order(text) };
    let first = desk.ledger.file_order(&keyed("hello")).await.unwrap().action.action;
    assert_eq!(first.idempotency_key, "k1");
    assert!(!desk.ledger.file_order(&keyed("hello")).await.unwrap().created);
    let conflict = LedgerFault::IdempotencyConflict { key: "k1".to_owned(), action: first.id };
    assert_eq!(desk.ledger.file_order(&keyed("hello!")).await.unwrap_err(), conflict.clone().into());
    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    let other = deed_ledger::NewOrder { account: neighbour.id, ..keyed("hello") };
    assert_eq!(desk.ledger.file_order(&other).await.unwrap_err(), conflict.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_filed_by_many_at_once_is_one_action() {
    let desk = Desk::new().await;
    let handles = [desk.ledger.clone(), desk.second_handle().await];
    let tasks: Vec<_> = (0..16)
        .map(|i| {
            let (ledger, order) = (handles[i % 2].clone(), desk.order("hello"));
            tokio::spawn(async move { ledger.file_order(&order).await.unwrap() })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        created += usize::from(task.await.unwrap().created);
    }
    assert_eq!(created, 1);
    assert_eq!(desk.ledger.list_actions(&ActionFilter::default(), 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_order_names_the_owner_of_its_account() {
    let desk = Desk::new().await;
    let mut wrong = desk.order("hello");
    wrong.platform = "other".to_owned();
    assert_eq!(desk.ledger.file_order(&wrong).await.unwrap_err().code(), "account-mismatch");
    let mut wrong = desk.order("hello");
    wrong.client = deed_core::ids::ClientId::new("other");
    assert_eq!(desk.ledger.file_order(&wrong).await.unwrap_err().code(), "account-mismatch");
    let mut wrong = desk.order("hello");
    wrong.account = deed_core::ids::AccountId::new("none");
    assert_eq!(desk.ledger.file_order(&wrong).await.unwrap_err().code(), "not-found");
}

#[tokio::test]
async fn an_action_is_called_off_before_it_was_attempted_only() {
    let desk = Desk::new().await;
    let fence = desk.ready("ready").await;
    let cancelled = desk.ledger.cancel_action(&fence.action, ANN).await.unwrap();
    assert_eq!(cancelled.action.state, State::Cancelled);
    desk.ledger.release(&fence).await.unwrap();
    let unknown = desk.unknown("sent").await;
    assert_eq!(desk.ledger.cancel_action(&unknown, ANN).await.unwrap_err().code(), "illegal-transition");
    assert_eq!(desk.state(&unknown).await, State::Unknown);
}

#[tokio::test]
async fn a_person_answers_what_is_unknown_and_nothing_else() {
    let desk = Desk::new().await;
    let resolve = async |id: &ActionId, found: &Resolution| desk.ledger.resolve_action(id, found, ANN).await;
    let posted = Resolution::Posted { permalink: Some("https://practice.test/p/7".to_owned()) };
    // Under way, attempted, being looked at: not a person's to say.
    let fence = desk.ready("sent").await;
    assert_eq!(resolve(&fence.action, &posted).await.unwrap_err().code(), "not-for-a-person");
    desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
    assert_eq!(resolve(&fence.action, &posted).await.unwrap_err().code(), "not-for-a-person");
    desk.step(&fence, Event::OutcomeUnclear).await;
    let error = resolve(&fence.action, &posted).await.unwrap_err();
    assert!(error.to_string().contains("runner w1 has it"), "{error}");
    desk.ledger.release(&fence).await.unwrap();

    let nobody = Operator { by: "ann", reason: " " };
    assert_eq!(
        desk.ledger.resolve_action(&fence.action, &posted, nobody).await.unwrap_err().code(),
        "missing-argument"
    );
    let resolved = resolve(&fence.action, &posted).await.unwrap();
    assert_eq!((resolved.action.state, resolved.proof_level), (State::ConfirmedSuccess, 1));
    assert_eq!(resolved.object.permalink.as_deref(), Some("https://practice.test/p/7"));
    assert_eq!(resolve(&fence.action, &Resolution::Absent).await.unwrap_err().code(), "not-for-a-person");

    let other = desk.unknown("not sent").await;
    let resolved = resolve(&other, &Resolution::Absent).await.unwrap();
    assert_eq!(
        (resolved.action.state, resolved.failure),
        (State::ConfirmedFailed, Some(Failure::NotFoundAfterAttempt))
    );
    let told = desk.ledger.audit_of(&other).await.unwrap().pop().unwrap();
    assert_eq!((told.by.as_deref(), told.reason.as_deref()), (Some("ann"), Some("because")));
    assert!(desk.audit_rows().await > 0);
}

#[tokio::test]
async fn lists_are_filtered_bounded_and_newest_first() {
    let desk = Desk::new().await;
    let neighbour = desk.ledger.add_account(&new_account("south_star"), "ann").await.unwrap();
    let mut filed = Vec::new();
    for text in ["a", "b", "c"] {
        filed.push(desk.filed(text).await);
        desk.pass(std::time::Duration::from_millis(1));
    }
    let theirs = desk.ledger.file_order(&order(&neighbour, "d")).await.unwrap().action.action.id;
    desk.ledger.cancel_action(&filed[1], ANN).await.unwrap();
    let list = async |filter: ActionFilter, limit| {
        let actions = desk.ledger.list_actions(&filter, limit).await.unwrap();
        actions.into_iter().map(|a| a.action.id).collect::<Vec<_>>()
    };
    assert_eq!(list(ActionFilter::default(), 2).await, [theirs.clone(), filed[2].clone()]);
    let queued = ActionFilter { state: Some(State::Queued), account: Some(desk.account.id.clone()) };
    assert_eq!(list(queued, 10).await, [filed[2].clone(), filed[0].clone()]);
    let of_neighbour = ActionFilter { account: Some(neighbour.id), ..ActionFilter::default() };
    assert_eq!(list(of_neighbour, 10).await, [theirs]);
}

#[tokio::test]
async fn a_ledger_in_memory_keeps_the_same_rules() {
    let desk = Desk::new().await;
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let memory = SqlLedger::open_in_memory(options(desk.dir.path(), &clock)).await.unwrap();
    memory.ensure_client(&desk.account.client, "ann").await.unwrap();
    let account = memory.add_account(&new_account("north_star"), "ann").await.unwrap();
    let filed = memory.file_order(&order(&account, "hello")).await.unwrap();
    assert!(!memory.file_order(&order(&account, "hello")).await.unwrap().created);
    assert_eq!(memory.action(&filed.action.action.id).await.unwrap().state, State::Queued);
    assert_eq!(memory.account(&account.id).await.unwrap(), account);
    assert!(memory.audit_verify().await.unwrap().ok);
}
