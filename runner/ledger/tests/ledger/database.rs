//! What the database refuses by itself, whoever asks.

use std::collections::BTreeMap;

use deed_core::state::{Event, State, legal_pairs};
use sqlx::{Connection as _, Row as _};

use crate::ON_A_SERVER;
use crate::desk::{ANN, Desk, request};
use deed_core::ports::ledger::{KillScope, Ledger as _};

#[tokio::test]
async fn the_legal_transitions_are_those_of_the_state_machine() {
    let desk = Desk::new().await;
    let rows = sqlx::query("SELECT from_state, to_state FROM state_transitions")
        .fetch_all(&mut desk.raw().await)
        .await
        .unwrap();
    let mut stored: Vec<_> = rows
        .iter()
        .map(|row| (State::parse(row.get("from_state")).unwrap(), State::parse(row.get("to_state")).unwrap()))
        .collect();
    stored.sort_unstable();
    assert_eq!(stored, legal_pairs());
}

/// For each state that can be reached from `queued`: the states on the way.
fn ways() -> BTreeMap<State, Vec<State>> {
    let mut ways = BTreeMap::from([(State::Queued, Vec::new())]);
    let mut open = vec![State::Queued];
    while let Some(from) = open.pop() {
        for (_, to) in legal_pairs().into_iter().filter(|(f, _)| *f == from) {
            if !ways.contains_key(&to) {
                let mut way = ways[&from].clone();
                way.push(to);
                ways.insert(to, way);
                open.push(to);
            }
        }
    }
    ways
}

#[tokio::test]
async fn every_pair_of_states_is_taken_or_refused_as_the_state_machine_says() {
    let desk = Desk::new().await;
    let id = desk.filed("hello").await;
    let mut raw = desk.raw().await;
    sqlx::raw_sql("UPDATE actions SET worker = 'w', lease_until = 1, episode_id = 'e'")
        .execute(&mut raw)
        .await
        .unwrap();
    let ways = ways();
    assert_eq!(ways.len(), State::ALL.len());
    for (from, way) in &ways {
        for to in State::ALL {
            let mut tx = raw.begin().await.unwrap();
            let mut result = Ok(());
            for state in way.iter().copied().chain([to]) {
                result = sqlx::query("UPDATE actions SET state = $1, attempted_at = 1 WHERE action_id = $2")
                    .bind(state.as_str())
                    .bind(id.as_str())
                    .execute(&mut *tx)
                    .await
                    .map(|_| ());
            }
            let legal = legal_pairs().contains(&(*from, to));
            match result {
                Ok(()) => assert!(legal, "{from} -> {to} was taken"),
                Err(error) => {
                    assert!(!legal, "{from} -> {to} was refused: {error}");
                    assert!(error.to_string().contains("illegal state transition"), "{from} -> {to}: {error}");
                }
            }
            tx.rollback().await.unwrap();
        }
    }
}

/// Ways around that only SQLite knows: it deletes without firing a DELETE trigger.
const FILE_ONLY: [(&str, &str); 5] = [
    ("INSERT OR REPLACE INTO audit_events SELECT seq, action_id, '{}', previous_hash, hash FROM audit_events WHERE seq = 1", "end of its chain"),
    ("INSERT OR REPLACE INTO operator_acts SELECT seq, 'x', NULL, '{}' FROM operator_acts LIMIT 1", "append-only"),
    ("INSERT OR REPLACE INTO policies SELECT policy_snapshot_id, '[]', 0 FROM policies", "immutable"),
    ("UPDATE OR REPLACE actions SET state = 'queued'", "illegal state transition"),
    (
        "INSERT OR REPLACE INTO actions (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash,
         content_hash, idempotency_key, state, created_at, updated_at)
         SELECT action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash,
         idempotency_key, 'queued', 0, 0 FROM actions",
        "never replaced",
    ),
];

/// Ways around that only PostgreSQL knows.
const SERVER_ONLY: [(&str, &str); 6] = [
    ("TRUNCATE audit_events CASCADE", "append-only"),
    ("TRUNCATE actions CASCADE", "never deleted"),
    ("TRUNCATE policies CASCADE", "immutable"),
    ("TRUNCATE kill_switches", "never deleted"),
    ("TRUNCATE state_transitions", "migration only"),
    (
        "INSERT INTO policies SELECT policy_snapshot_id, '[]', 0 FROM policies
         ON CONFLICT (policy_snapshot_id) DO UPDATE SET snapshot = excluded.snapshot",
        "immutable",
    ),
];

#[tokio::test]
async fn what_is_written_once_stays() {
    let desk = Desk::new().await;
    desk.ledger.policy_snapshot("{}").await.unwrap();
    desk.ledger.kill_on(&KillScope::Global, ANN).await.unwrap();
    desk.ledger.kill_off(&KillScope::Global, ANN).await.unwrap();
    let fence = desk.attempted("hello").await;
    let rows = desk.audit_rows().await;
    let refused = [
        ("UPDATE audit_events SET event_json = '{}' WHERE seq = 1", "append-only"),
        ("DELETE FROM audit_events", "append-only"),
        (
            "INSERT INTO audit_events SELECT seq + 1, NULL, '{}', 'x', 'y' FROM audit_events ORDER BY seq DESC LIMIT 1",
            "end of its chain",
        ),
        (
            "INSERT INTO audit_events SELECT seq + 2, NULL, '{}', hash, 'y' FROM audit_events ORDER BY seq DESC LIMIT 1",
            "end of its chain",
        ),
        ("UPDATE operator_acts SET done_by = 'x'", "append-only"),
        ("DELETE FROM operator_acts", "append-only"),
        ("UPDATE policies SET snapshot = '[]'", "immutable"),
        ("DELETE FROM policies", "immutable"),
        ("DELETE FROM actions", "never deleted"),
        (
            "INSERT INTO actions (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash,
             content_hash, idempotency_key, state, attempted_at, created_at, updated_at)
             SELECT 'x', client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash, 'x',
             'confirmed_success', 0, 0, 0 FROM actions",
            "begins as queued",
        ),
        ("UPDATE actions SET payload = '{}'", "never changes"),
        ("UPDATE actions SET idempotency_key = 'x'", "never changes"),
        ("UPDATE actions SET account_id = 'x'", "never changes"),
        ("UPDATE actions SET attempted_at = NULL", "never taken back"),
        ("UPDATE actions SET attempted_at = 5", "never taken back"),
        ("UPDATE actions SET epoch = 0", "never goes back"),
        ("UPDATE actions SET state = 'queued'", "illegal state transition"),
        ("UPDATE kill_switches SET on_reason = 'x'", "never changes"),
        ("UPDATE kill_switches SET off_at = NULL, off_by = NULL, off_reason = NULL", "never changes"),
        ("DELETE FROM kill_switches", "never deleted"),
        ("INSERT INTO state_transitions VALUES ('attempted', 'queued')", "migration only"),
        ("UPDATE state_transitions SET to_state = 'queued'", "migration only"),
        ("DELETE FROM state_transitions", "migration only"),
    ];
    for (sql, words) in refused.iter().chain(if ON_A_SERVER { &SERVER_ONLY[..] } else { &FILE_ONLY[..] }) {
        let error = desk.sql(sql).await.map_or_else(|words| words, |rows| format!("it was done, to {rows} rows"));
        assert!(error.contains(words), "{sql}: {error}");
    }
    assert_eq!(desk.audit_rows().await, rows);
    assert_eq!(desk.state(&fence.action).await, State::Attempted);
}

#[tokio::test]
async fn a_second_claim_or_a_second_unsettled_action_of_an_account_is_refused() {
    let desk = Desk::new().await;
    desk.unknown("first").await;
    let second = desk.ready("second").await;
    let third = desk.filed("third").await;
    let claim =
        format!("UPDATE actions SET worker = 'w', lease_until = 1, episode_id = 'e' WHERE action_id = '{third}'");
    assert!(desk.sql(&claim).await.unwrap_err().to_lowercase().contains("unique"));
    let attempt =
        format!("UPDATE actions SET state = 'attempted', attempted_at = 1 WHERE action_id = '{}'", second.action);
    assert!(desk.sql(&attempt).await.unwrap_err().to_lowercase().contains("unique"));
}

#[tokio::test]
async fn what_is_on_its_way_can_not_lose_its_claim() {
    let desk = Desk::new().await;
    let fence = desk.claimed("hello").await.fence;
    for event in [Event::PreflightPassed, Event::IdentityVerified, Event::OutcomeUnclear] {
        if event == Event::OutcomeUnclear {
            desk.ledger.arm(&fence, &request()).await.unwrap().unwrap();
            let fault = desk.ledger.release(&fence).await.unwrap_err();
            assert!(fault.to_string().contains("under_way_is_claimed"), "{fault}");
        }
        desk.step(&fence, event).await;
        let free = desk.ledger.release(&fence).await;
        assert_eq!(free.is_ok(), event == Event::OutcomeUnclear, "{event:?}: {free:?}");
    }
}
