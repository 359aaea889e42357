//! What only a server can do: be away, refuse, lose connections, be shared by many.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use deed_core::ids::ClientId;
use deed_core::ports::ledger::LedgerFault;
use deed_ledger::SqlLedger;
use sqlx::Connection as _;

use crate::desk::{Desk, options};
use crate::postgres::new_schema;

async fn open(address: &str) -> Result<SqlLedger, LedgerFault> {
    let keys = tempfile::tempdir().unwrap();
    SqlLedger::open_server(address, options(keys.path(), &Arc::new(AtomicI64::new(0)))).await
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    // Port 1: nothing listens there.
    let fault = open("postgres://deed:s3cret@127.0.0.1:1/ledger").await.unwrap_err();
    assert_eq!(fault.code(), "ledger-unreachable", "{fault}");
    let said = fault.to_string();
    assert!(said.contains("database ledger at 127.0.0.1:1") && said.contains("DATABASE_URL"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_refused() {
    let address = new_schema().replace("/postgres?", "/nowhere?");
    let fault = open(&address).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-refused", "{fault}");
    assert!(fault.to_string().contains("nowhere"), "{fault}");
}

#[tokio::test]
async fn a_commit_is_durable_whatever_the_address_asks_for() {
    let desk = Desk::new().await;
    let address = format!("{}%20-c%20synchronous_commit%3Doff", desk.address);
    let ledger = open(&address).await.unwrap();
    ledger.ensure_client(&ClientId::new("lasting"), "ann").await.unwrap();
    // Opening reads the setting back on each connection; what the address asks for is what a connection without the ledger gets.
    let mut raw = sqlx::PgConnection::connect(&address).await.unwrap();
    let asked: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut raw).await.unwrap();
    assert_eq!(asked, "off");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let desk = Desk::new().await;
    desk.ledger.close().await;
    desk.sql(r"INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '\x00', 0)")
        .await
        .unwrap();
    let fault = open(&desk.address).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-newer");
    assert!(fault.to_string().contains("migration 9999") && fault.to_string().contains("Install"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_ledger_at_once() {
    let address = new_schema();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { open(&address).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().close().await;
    }
}

#[tokio::test]
async fn connections_that_were_lost_are_made_again_and_nothing_is_lost() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    let before = desk.audit_rows().await;
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = current_schema() AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut desk.raw().await)
    .await
    .unwrap();
    assert!(ended >= 2, "{ended}");
    assert_eq!(desk.audit_rows().await, before);
    assert!(desk.ledger.ensure_client(&ClientId::new("after"), "ann").await.unwrap());
    assert_eq!(desk.ledger.action(&fence.action).await.unwrap().attempted_at, Some(desk.now()));
}

#[tokio::test]
async fn a_change_waits_for_the_one_before_it_and_gives_up_after_a_while() {
    let (desk, other) = (Desk::new().await, Desk::new().await);
    let mut raw = desk.raw().await;
    let mut held = raw.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))")
        .bind(0x6465_6564_i32)
        .execute(&mut *held)
        .await
        .unwrap();
    // Another ledger of the same server does not wait.
    assert!(other.ledger.ensure_client(&ClientId::new("x"), "ann").await.unwrap());
    let error = desk.ledger.ensure_client(&ClientId::new("x"), "ann").await.unwrap_err();
    assert_eq!(error.code(), "ledger-busy", "{error}");
    held.rollback().await.unwrap();
    assert!(desk.ledger.ensure_client(&ClientId::new("x"), "ann").await.unwrap());
}
