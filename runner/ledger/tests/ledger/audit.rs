//! The audit log: what was changed around the ledger is found, with its place.

use deed_core::audit::{CHAIN_START, chain_hash};

use crate::ON_A_SERVER;
use crate::desk::Desk;

/// Takes the triggers away as somebody with the file in his hands, or the owner of the tables, could.
const OPEN_UP: &str = if ON_A_SERVER {
    "DROP TRIGGER audit_events_append_only ON audit_events; DROP TRIGGER audit_events_in_chain ON audit_events;
    DROP TRIGGER operator_acts_append_only ON operator_acts"
} else {
    "DROP TRIGGER audit_events_never_updated; DROP TRIGGER audit_events_never_deleted;
    DROP TRIGGER audit_events_in_chain; DROP TRIGGER operator_acts_never_updated;"
};

async fn after(tamper: &str) -> (i64, String) {
    let desk = Desk::new().await;
    desk.attempted("hello").await;
    assert!(desk.audit_rows().await >= 8);
    desk.sql(OPEN_UP).await.unwrap();
    assert!(desk.sql(tamper).await.unwrap() > 0, "{tamper}");
    let verdict = desk.ledger.audit_verify().await.unwrap();
    assert!(!verdict.ok);
    let bad = verdict.first_bad.unwrap();
    assert_eq!(verdict.rows, bad.seq - 1 - i64::from(bad.what.contains("missing")), "what comes before it verifies");
    (bad.seq, bad.what)
}

#[tokio::test]
async fn a_changed_line_is_found() {
    let (seq, what) =
        after("UPDATE audit_events SET event_json = replace(event_json, 'queued', 'quened') WHERE seq = 5").await;
    assert_eq!((seq, what.as_str()), (5, "its hash is not the one of its content"));
    let (seq, what) = after("UPDATE audit_events SET hash = upper(hash) WHERE seq = 2").await;
    assert_eq!((seq, what.as_str()), (2, "its hash is not the one of its content"));
    let (seq, what) = after("UPDATE audit_events SET action_id = NULL WHERE seq = 6").await;
    assert_eq!((seq, what.as_str()), (6, "its action column is not the one of its content"));
}

#[tokio::test]
async fn a_line_that_is_gone_is_found() {
    let (seq, what) = after("DELETE FROM operator_acts WHERE seq = 9; DELETE FROM audit_events WHERE seq = 5").await;
    assert_eq!((seq, what.as_str()), (6, "line 5 is missing"));
}

#[tokio::test]
async fn a_line_that_was_hashed_anew_breaks_the_chain_after_it() {
    let desk = Desk::new().await;
    desk.attempted("hello").await;
    desk.sql(OPEN_UP).await.unwrap();
    let before = desk.ledger.audit_tail(100).await.unwrap().swap_remove(4);
    assert_eq!(before.seq, 5);
    let json = before.event.to_json().unwrap().replace("queued", "quened");
    let hash = chain_hash(&before.previous_hash, &json);
    desk.sql(&format!("UPDATE audit_events SET event_json = '{json}', hash = '{hash}' WHERE seq = 5")).await.unwrap();
    let bad = desk.ledger.audit_verify().await.unwrap().first_bad.unwrap();
    assert_eq!((bad.seq, bad.what.as_str()), (6, "it is not chained to the line before"));
}

#[tokio::test]
async fn another_name_under_an_act_is_found() {
    let (seq, what) =
        after("UPDATE operator_acts SET arguments = replace(arguments, 'ann', 'bob') WHERE seq = 2").await;
    assert_eq!((seq, what.as_str()), (2, "who did it and why is not what was hashed"));
}

#[tokio::test]
async fn the_head_moves_with_every_line() {
    let desk = Desk::new().await;
    let first = desk.ledger.audit_verify().await.unwrap();
    assert_ne!(first.head_hash, CHAIN_START);
    desk.filed("hello").await;
    let second = desk.ledger.audit_verify().await.unwrap();
    assert_eq!(second.rows, first.rows + 1);
    let last = desk.ledger.audit_tail(1).await.unwrap().remove(0);
    assert_eq!((last.previous_hash, last.hash), (first.head_hash, second.head_hash));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_make_one_chain() {
    let desk = Desk::new().await;
    let handles = [desk.ledger.clone(), desk.second_handle().await];
    let tasks: Vec<_> = (0..40)
        .map(|i| {
            let (ledger, order) = (handles[i % 2].clone(), desk.order(&format!("text {i}")));
            tokio::spawn(async move { ledger.file_order(&order).await.unwrap() })
        })
        .collect();
    let before = 4;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(desk.audit_rows().await, before + 40);
}
