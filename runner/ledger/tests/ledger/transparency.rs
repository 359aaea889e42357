//! The audit log as a log: checkpoints, proofs, and a database that was rewritten as a whole.

use deed_core::audit::{CHAIN_START, chain_hash};
use deed_proofs::log::{Checkpoint, SignedCheckpoint, leaf_hash, verify_consistency};
use deed_proofs::{KeyHistory, SigningKey};

use crate::ON_A_SERVER;
use crate::desk::Desk;

const OPEN_UP: &str = if ON_A_SERVER {
    "DROP TRIGGER audit_events_append_only ON audit_events; DROP TRIGGER audit_events_in_chain ON audit_events;
    DROP TRIGGER audit_nodes_append_only ON audit_nodes; DROP TRIGGER audit_checkpoints_append_only ON audit_checkpoints"
} else {
    "DROP TRIGGER audit_events_never_updated; DROP TRIGGER audit_events_never_deleted;
    DROP TRIGGER audit_events_in_chain; DROP TRIGGER audit_nodes_never_deleted;
    DROP TRIGGER audit_checkpoints_never_deleted;"
};

fn key() -> SigningKey {
    SigningKey::generate().unwrap().0
}

fn read(note: &str) -> Checkpoint {
    SignedCheckpoint::parse(note).unwrap().checkpoint
}

/// Rewrites the whole log consistently, with `from` changed into `to` in every line from `seq` on.
async fn rewrite(desk: &Desk, seq: u64, from: &str, to: &str) {
    desk.sql(OPEN_UP).await.unwrap();
    let mut previous = CHAIN_START.to_owned();
    let mut changed = 0;
    for line in desk.ledger.audit_lines(0, 10_000).await.unwrap() {
        let event = if line.seq >= seq { line.event.replace(from, to) } else { line.event.clone() };
        changed += u32::from(event != line.event);
        let hash = chain_hash(&previous, &event).to_string();
        let quoted = event.replace('\'', "''");
        let seq = line.seq;
        desk.sql(&format!(
            "UPDATE audit_events SET event_json = '{quoted}', previous_hash = '{previous}', hash = '{hash}' WHERE seq = {seq}"
        ))
        .await
        .unwrap();
        previous = hash;
    }
    assert!(changed > 0, "something was changed");
    desk.sql("DELETE FROM audit_nodes; DELETE FROM audit_checkpoints").await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_rewritten_as_a_whole_is_caught_by_a_kept_checkpoint() {
    let desk = Desk::new().await;
    let key = key();
    let early = desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap();
    desk.attempted("hello").await;
    let late = desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap();
    assert!(late.size > early.size + 3);
    let kept = [read(&late.note), read(&early.note)];
    let sound = desk.ledger.audit_verify_against(&kept).await.unwrap();
    assert!(sound.ok && sound.checkpoints.iter().all(|verdict| verdict.holds), "{sound:?}");

    rewrite(&desk, early.size + 1, "queued", "quened").await;
    assert!(desk.ledger.audit_verify().await.unwrap().ok, "by itself it verifies: nothing in it is what it was");
    let caught = desk.ledger.audit_verify_against(&kept).await.unwrap();
    let bad = caught.first_bad.unwrap();
    assert_eq!((caught.ok, bad.seq), (false, i64::try_from(early.size).unwrap() + 1), "{}", bad.what);
    assert_eq!(caught.checkpoints.iter().map(|verdict| verdict.holds).collect::<Vec<_>>(), [true, false]);
    // With the later one alone, nobody can say where; with the earlier one alone, nothing is known of what came after.
    assert_eq!(desk.ledger.audit_verify_against(&kept[..1]).await.unwrap().first_bad.unwrap().seq, 1);
    assert!(desk.ledger.audit_verify_against(&kept[1..]).await.unwrap().ok);
}

#[tokio::test]
async fn lines_that_were_cut_off_the_end_are_caught_by_a_kept_checkpoint() {
    let desk = Desk::new().await;
    desk.filed("one").await;
    let kept = desk.ledger.audit_checkpoint(&key(), None).await.unwrap().unwrap();
    desk.sql(OPEN_UP).await.unwrap();
    desk.sql(&format!("DELETE FROM audit_events WHERE seq = {}", kept.size)).await.unwrap();
    assert!(desk.ledger.audit_verify().await.unwrap().ok);
    let caught = desk.ledger.audit_verify_against(&[read(&kept.note)]).await.unwrap();
    assert_eq!(caught.first_bad.unwrap().seq, i64::try_from(kept.size).unwrap());
}

#[tokio::test]
async fn no_checkpoint_is_signed_of_a_log_that_is_not_the_one_before() {
    let desk = Desk::new().await;
    desk.filed("one").await;
    let key = key();
    let first = desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap();
    assert_eq!(
        desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap(),
        first,
        "nothing came since: the same again"
    );
    // The tree that is kept, rewritten; its checkpoint can not be: it is signed.
    desk.sql(OPEN_UP).await.unwrap();
    if !ON_A_SERVER {
        desk.sql("DROP TRIGGER audit_nodes_never_updated").await.unwrap();
    }
    let other = leaf_hash(b"other");
    desk.sql(&format!("UPDATE audit_nodes SET hash = '{other}' WHERE level = 0 AND idx = {}", first.size - 1))
        .await
        .unwrap();
    desk.filed("two").await;
    let error = desk.ledger.audit_checkpoint(&key, None).await.unwrap_err();
    assert_eq!(error.code(), "audit-broken", "{error}");
}

#[tokio::test]
async fn the_tree_grows_by_pieces_to_what_hashing_all_of_it_gives() {
    let desk = Desk::new().await;
    let key = key();
    let mut checkpoints = vec![desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap()];
    for count in [1, 2, 230] {
        for number in 0..count {
            desk.filed(&format!("text {count} {number}")).await;
        }
        checkpoints.push(desk.ledger.audit_checkpoint(&key, None).await.unwrap().unwrap());
    }
    let kept: Vec<_> = checkpoints.iter().map(|checkpoint| read(&checkpoint.note)).collect();
    let verdict = desk.ledger.audit_verify_against(&kept).await.unwrap();
    assert!(verdict.ok && verdict.checkpoints.len() == 4, "{verdict:?}");
    assert_eq!(desk.ledger.audit_checkpoints().await.unwrap(), checkpoints);
    assert_eq!(desk.ledger.audit_uncovered().await.unwrap().rows, 0);
    for (old, new) in checkpoints.iter().zip(&checkpoints[1..]) {
        let proof = desk.ledger.audit_consistency(old.size, new.size).await.unwrap().unwrap();
        assert!(verify_consistency(old.size, &old.root, new.size, &new.root, &proof));
        assert_eq!(desk.ledger.audit_root_at(old.size).await.unwrap(), Some(old.root));
    }
    assert_eq!(desk.ledger.audit_root_at(10_000).await.unwrap(), None);
}

#[tokio::test]
async fn an_actions_rows_are_proved_to_a_stranger() {
    let desk = Desk::new().await;
    let key = key();
    let keys = KeyHistory::begin(key.public(), "");
    let action = desk.filed("one").await;
    assert_eq!(desk.ledger.audit_proof(&action, &keys).await.unwrap(), None, "there is no checkpoint");
    desk.ledger.audit_checkpoint(&key, None).await.unwrap();
    for number in 0..20 {
        desk.filed(&format!("text {number}")).await;
    }
    desk.ledger.audit_checkpoint(&key, None).await.unwrap();
    let bundle = desk.ledger.audit_proof(&action, &keys).await.unwrap().unwrap();
    assert_eq!(bundle.rows.len(), desk.ledger.audit_of(&action).await.unwrap().len());
    assert!(bundle.verify(Some(&keys)).unwrap().known);
    let late = desk.filed("late").await;
    assert_eq!(desk.ledger.audit_proof(&late, &keys).await.unwrap(), None, "no checkpoint covers it");
}
