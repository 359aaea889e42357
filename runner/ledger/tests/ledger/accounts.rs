//! Accounts, sessions and kill switches, as people manage them.

use deed_core::account::{AccountState, Mode};
use deed_core::ids::{AccountId, ClientId};
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{KillScope, Ledger as _};
use deed_ledger::{LedgerError, Operator};

use crate::ON_A_SERVER;
use crate::desk::{ANN, Desk, new_account};

#[tokio::test]
async fn a_new_account_is_active_and_in_draft() {
    let desk = Desk::new().await;
    let new = new_account("@south_star");
    let account = desk.ledger.add_account(&new, "ann").await.unwrap();
    assert_eq!((account.state, account.mode, account.has_session), (AccountState::Active, Mode::Draft, false));
    assert_eq!(account.fingerprint.handle, "south_star");
    assert_eq!(account.fingerprint.avatar, new.fingerprint.avatar);
    assert_eq!(desk.ledger.account(&account.id).await.unwrap(), account);
    let again = desk.ledger.add_account(&new, "ann").await.unwrap_err();
    assert_eq!(again.code(), "account-exists");
    let mut elsewhere = new.clone();
    elsewhere.origin = Some("http://127.0.0.1:4000".to_owned());
    desk.ledger.add_account(&elsewhere, "ann").await.unwrap();
    let mut stranger = new_account("x");
    stranger.client = ClientId::new("nobody");
    assert_eq!(desk.ledger.add_account(&stranger, "ann").await.unwrap_err().code(), "not-found");
    assert_eq!(
        desk.ledger.add_account(&new_account("@"), "ann").await.unwrap_err(),
        LedgerError::Missing("the handle")
    );
    assert!(!desk.ledger.ensure_client(&ClientId::new("acme"), "ann").await.unwrap());
}

#[tokio::test]
async fn an_account_is_found_by_what_a_person_types() {
    let desk = Desk::new().await;
    let id = desk.account.id.clone();
    for name in ["north_star", "@north_star", "practice/north_star", "practice/@north_star", id.as_str()] {
        assert_eq!(desk.ledger.find_account(name).await.unwrap().id, id, "{name}");
    }
    assert_eq!(desk.ledger.find_account("south").await.unwrap_err().code(), "not-found");
    let mut twin = new_account("north_star");
    twin.platform = "other".to_owned();
    let twin = desk.ledger.add_account(&twin, "ann").await.unwrap();
    let error = desk.ledger.find_account("north_star").await.unwrap_err();
    assert_eq!(error.code(), "ambiguous-account");
    for part in ["practice/north_star", "other/north_star", id.as_str(), twin.id.as_str()] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(desk.ledger.find_account("other/north_star").await.unwrap().id, twin.id);
}

#[tokio::test]
async fn a_session_is_stored_sealed_only() {
    let desk = Desk::new().await;
    let secret = "{\"cookies\":[{\"name\":\"sid\",\"value\":\"hunter2\"}]}";
    desk.ledger.set_session(&desk.account.id, &SessionState::new(secret), "ann").await.unwrap();
    let second = desk.second_handle().await;
    let read = second.session(&desk.account.id).await.unwrap().unwrap();
    assert_eq!(read.expose(), secret);
    // While both are open the write-ahead log is there, and stays: the last one to close takes it away.
    let mut looked_at = Vec::new();
    if ON_A_SERVER {
        let sealed = sqlx::query_scalar("SELECT sealed FROM sessions").fetch_one(&mut desk.raw().await).await.unwrap();
        looked_at.push(sealed);
    } else {
        for entry in std::fs::read_dir(desk.dir.path()).unwrap() {
            looked_at.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
        assert!(looked_at.len() >= 2, "the database and its write-ahead log");
    }
    for bytes in looked_at {
        assert!(!bytes.windows(7).any(|w| w == b"hunter2"), "the session is nowhere in what is stored");
    }
    second.close().await;
    desk.ledger.close().await;
    let damaged = if ON_A_SERVER { r"'\x00'" } else { "x'00'" };
    desk.sql(&format!("UPDATE sessions SET sealed = {damaged}")).await.unwrap();
    let fault = desk.second_handle().await.session(&desk.account.id).await.unwrap_err();
    assert_eq!(fault.code(), "unseal-failed");
}

#[tokio::test]
async fn every_act_of_a_person_is_in_the_log_with_who_and_why() {
    let desk = Desk::new().await;
    let (ledger, id) = (&desk.ledger, &desk.account.id);
    ledger.suspend_account(id, Operator { by: "bob", reason: "asked to" }).await.unwrap();
    ledger.clear_account(id, Operator { by: "eve", reason: "all well" }).await.unwrap();
    ledger.set_mode(id, Mode::Draft, "bob").await.unwrap();
    ledger.kill_on(&KillScope::Global, Operator { by: "bob", reason: "fire" }).await.unwrap();
    ledger.kill_off(&KillScope::Global, Operator { by: "eve", reason: "out" }).await.unwrap();
    let cancelled = desk.filed("hello").await;
    ledger.cancel_action(&cancelled, Operator { by: "eve", reason: "typo" }).await.unwrap();
    let log = ledger.audit_tail(100).await.unwrap();
    let acts: Vec<_> = log
        .iter()
        .filter_map(|row| Some((row.event.result.status.as_str(), row.by.as_deref()?, row.reason.as_deref())))
        .collect();
    assert_eq!(
        acts,
        [
            ("client_added", "ann", None),
            ("account_added", "ann", None),
            ("session_imported", "ann", None),
            ("account_mode_live", "ann", None),
            ("account_suspended", "bob", Some("asked to")),
            ("account_cleared", "eve", Some("all well")),
            ("account_mode_draft", "bob", None),
            ("kill_on", "bob", Some("fire")),
            ("kill_off", "eve", Some("out")),
            ("cancelled", "eve", Some("typo")),
        ]
    );
    assert!(ledger.audit_verify().await.unwrap().ok);
}

#[tokio::test]
async fn an_act_without_a_name_or_a_reason_is_none() {
    let desk = Desk::new().await;
    let rows = desk.audit_rows().await;
    let nobody = Operator { by: " ", reason: "x" };
    let why = Operator { by: "ann", reason: "" };
    assert_eq!(desk.ledger.kill_on(&KillScope::Global, nobody).await.unwrap_err().code(), "missing-argument");
    assert_eq!(desk.ledger.clear_account(&desk.account.id, why).await.unwrap_err().code(), "missing-argument");
    assert_eq!(desk.ledger.set_mode(&desk.account.id, Mode::Live, "").await.unwrap_err().code(), "missing-argument");
    assert_eq!(desk.audit_rows().await, rows);
}

#[tokio::test]
async fn kill_switches_are_read_widest_first_and_keep_their_history() {
    let desk = Desk::new().await;
    let account = KillScope::Account(desk.account.id.to_string());
    let client = KillScope::Client("acme".to_owned());
    let mut seen = Vec::new();
    for scope in [&account, &client, &KillScope::Global] {
        desk.ledger.kill_on(scope, ANN).await.unwrap();
        seen.push(desk.ledger.kill_switch(&desk.account).await.unwrap().unwrap().scope);
    }
    assert_eq!(seen, [account.clone(), client.clone(), KillScope::Global]);
    let status = desk.ledger.kill_status().await.unwrap();
    assert_eq!(status.iter().map(|s| s.scope.clone()).collect::<Vec<_>>(), [KillScope::Global, client, account]);

    let first = status[0].clone();
    let again = desk.ledger.kill_on(&KillScope::Global, Operator { by: "bob", reason: "me too" }).await.unwrap();
    assert_eq!(again, first, "a switch that is on stays as it was");
    assert!(desk.ledger.kill_off(&KillScope::Global, ANN).await.unwrap());
    assert!(!desk.ledger.kill_off(&KillScope::Global, ANN).await.unwrap());
    desk.ledger.kill_on(&KillScope::Global, ANN).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kill_switches WHERE scope = 'global'")
        .fetch_one(&mut desk.raw().await)
        .await
        .unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_switch_for_nobody_is_refused_because_it_would_stop_nothing() {
    let desk = Desk::new().await;
    for scope in [KillScope::Client("acmee".to_owned()), KillScope::Account("north_star".to_owned())] {
        assert_eq!(desk.ledger.kill_on(&scope, ANN).await.unwrap_err().code(), "not-found", "{scope:?}");
    }
    let none = AccountId::new("none");
    assert_eq!(desk.ledger.set_mode(&none, Mode::Live, "ann").await.unwrap_err().code(), "not-found");
}
