//! Opening: durable settings, a private file, and databases that must not be used.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use deed_core::ports::ledger::LedgerFault;
use deed_ledger::SqlLedger;

use crate::desk::{Desk, file, options};

async fn open(path: &Path) -> Result<SqlLedger, LedgerFault> {
    let keys = tempfile::tempdir().unwrap();
    SqlLedger::open(path, options(keys.path(), &Arc::new(AtomicI64::new(0)))).await
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let desk = Desk::new().await;
    // The ledger is open, so its write-ahead log stays for as long as this looks.
    for entry in std::fs::read_dir(desk.dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o7777, 0o600, "{entry:?}");
    }
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut desk.raw().await).await.unwrap();
    assert_eq!(journal, "wal");
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let desk = Desk::new().await;
    let fence = desk.attempted("hello").await;
    desk.ledger.close().await;
    let again = desk.second_handle().await;
    assert_eq!(again.action(&fence.action).await.unwrap().attempted_at, Some(desk.now()));
    assert!(again.audit_verify().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { open(&path).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let desk = Desk::new().await;
    desk.ledger.close().await;
    desk.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .await
        .unwrap();
    let fault = open(&file(desk.dir.path())).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-newer");
    assert!(fault.to_string().contains("migration 9999") && fault.to_string().contains("Install"), "{fault}");
    desk.sql("DELETE FROM _sqlx_migrations WHERE version = 9999; UPDATE _sqlx_migrations SET checksum = x'00'")
        .await
        .unwrap();
    let fault = open(&file(desk.dir.path())).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-newer", "{fault}");
}

#[tokio::test]
async fn another_file_is_no_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    std::fs::write(&path, "these are words, not a database; and long enough to have a header of its own".repeat(20))
        .unwrap();
    let fault = open(&path).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-corrupt", "{fault}");
    assert!(fault.to_string().contains("backup"), "{fault}");
    let fault = open(&dir.path().join("none").join("ledger")).await.unwrap_err();
    assert_eq!(fault.code(), "ledger-database", "{fault}");
}

#[tokio::test]
async fn a_ledger_that_can_not_be_written_says_so() {
    // Once more, as somebody for whom a file can be read-only.
    if let Some(ledger) = std::env::var_os("DEED_TEST_LEDGER") {
        match open(Path::new(&ledger)).await {
            Ok(_) => println!("it was opened"),
            Err(fault) => println!("the code is {}: {fault}", fault.code()),
        }
        return;
    }
    let desk = Desk::new().await;
    desk.ledger.close().await;
    let ledger = file(desk.dir.path());
    for (path, mode) in [(ledger.as_path(), 0o444), (desk.dir.path(), 0o555)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let Some(output) = as_nobody("open::a_ledger_that_can_not_be_written_says_so", &ledger) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    std::fs::set_permissions(desk.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(said.contains("the code is ledger-read-only"), "{said}");
    assert!(said.contains("write permission"), "{said}");
}

/// Runs one test of this binary without root's rights, for which no file is read-only.
fn as_nobody(test: &str, ledger: &Path) -> Option<std::process::Output> {
    let program = ledger.with_extension("program");
    let parent = ledger.parent()?;
    std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o555)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["--exact", test, "--nocapture"])
        .env("DEED_TEST_LEDGER", ledger)
        .output();
    match output {
        Ok(output) if output.stdout.is_empty() => {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: setpriv does not run here: {error}");
            None
        }
    }
}
