//! SQLite: one file, one writer.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{BUSY, Conn, Pool, Tx, expect, pool};

/// How often a new file is put into WAL mode while others do the same.
const WAL_TRIES: u32 = 20;
/// Connections that only read.
const READERS_MAX: u32 = 4;

/// The migrations, in order.
pub(super) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "ledger", include_str!("../../../../migrations/sqlite/0001_ledger.sql")),
    (2, "fleet", include_str!("../../../../migrations/sqlite/0002_fleet.sql")),
    (10, "review", include_str!("../../../../migrations/sqlite/0010_review.sql")),
    (5, "policy_facts", include_str!("../../../../migrations/sqlite/0005_policy_facts.sql")),
    (9, "retention", include_str!("../../../../migrations/sqlite/0009_retention.sql")),
    (6, "pace", include_str!("../../../../migrations/sqlite/0006_pace.sql")),
    (8, "transparency", include_str!("../../../../migrations/sqlite/0008_transparency.sql")),
    (3, "approvals", include_str!("../../../../migrations/sqlite/0003_approvals.sql")),
    (4, "signals", include_str!("../../../../migrations/sqlite/0004_signals.sql")),
];

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Durable changes: WAL and `synchronous=FULL`, read back on every connection.
    Write,
    /// Reading.
    Read,
    /// A database in memory: nothing survives. For simulation.
    Memory,
}

/// The write connection: one, so that write transactions of this process queue up here and not at the file lock.
pub(super) async fn writer(path: &Path) -> Result<Pool, sqlx::Error> {
    // Tried once outside the pool: a pool would try again and again, and then say no more than that it waited.
    let mut probe = options(path)?.disable_statement_logging().connect().await?;
    set(&mut probe, Use::Write).await?;
    write_ahead(&mut probe).await?;
    check(&mut probe).await?;
    probe.close().await?;
    of(options(path)?, Use::Write, 1).await
}

/// Connections that can not write.
pub(super) async fn readers(path: &Path) -> Result<Pool, sqlx::Error> {
    of(options(path)?, Use::Read, READERS_MAX).await
}

/// A database in memory: one connection, for reading and writing.
pub(super) async fn in_memory() -> Result<Pool, sqlx::Error> {
    in_memory_at("sqlite::memory:").await
}

/// The same, by the driver of this address.
pub(super) async fn in_memory_at(url: &str) -> Result<Pool, sqlx::Error> {
    of(url.parse()?, Use::Memory, 1).await
}

/// Begins a transaction that writes. It takes the write lock at once: a transaction that began by reading and then found another
/// writer could only fail.
pub(super) async fn begin_write(pool: &Pool) -> Result<Tx, sqlx::Error> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

async fn of(options: AnyConnectOptions, purpose: Use, max: u32) -> Result<Pool, sqlx::Error> {
    // A connection in memory is the database itself: it is never given up for being idle or old.
    let kept = AnyPoolOptions::new().max_connections(max).min_connections(1).idle_timeout(None).max_lifetime(None);
    pool(options, kept, move |conn| {
        Box::pin(async move {
            set(conn, purpose).await?;
            if purpose == Use::Memory { Ok(()) } else { check(conn).await }
        })
    })
    .await
}

/// A path as the address that the driver wants: what means something in an address is escaped.
fn options(path: &Path) -> Result<AnyConnectOptions, sqlx::Error> {
    let escaped: String = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("sqlite://{escaped}?mode=rw").parse()
}

async fn set(conn: &mut Conn, purpose: Use) -> Result<(), sqlx::Error> {
    let busy = BUSY.as_millis();
    let read_only = if purpose == Use::Read { "PRAGMA query_only = ON;" } else { "" };
    let settings =
        format!("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA busy_timeout = {busy}; {read_only}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(conn).await.map(drop)
}

/// Puts a new file into WAL mode. Of several that do so at once SQLite refuses all but one immediately, whatever the busy timeout is;
/// an empty write transaction does wait for the other.
async fn write_ahead(conn: &mut Conn) -> Result<(), sqlx::Error> {
    for left in (0..WAL_TRIES).rev() {
        match sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut *conn).await {
            Err(error) if left > 0 && is_busy(&error) => {
                sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut *conn).await?;
            }
            done => return done.map(drop),
        }
    }
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| stable_code(&code) == "ledger-busy")
}

/// Reads the settings back: a pragma that is not understood or not possible is silently something else.
async fn check(conn: &mut Conn) -> Result<(), sqlx::Error> {
    let local = "Keep the ledger on a local disk";
    let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *conn).await?;
    expect("foreign_keys", "1", &foreign_keys.to_string(), local)?;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *conn).await?;
    expect("journal_mode", "wal", &journal.to_lowercase(), local)?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *conn).await?;
    expect("synchronous", "2", &synchronous.to_string(), local)?;
    let busy: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *conn).await?;
    expect("busy_timeout", &BUSY.as_millis().to_string(), &busy.to_string(), local)
}

/// What a disk answers that takes no more. `SQLITE_FULL` is said of `ENOSPC` only: a quota (`EDQUOT`) and the greatest
/// size of a file (`EFBIG`) are a write, or a file made longer, that failed (IOERR_WRITE, IOERR_TRUNCATE); and the
/// index beside the write-ahead log is the first thing that a full disk refuses when the ledger opens (IOERR_SHMSIZE).
const NO_MORE: [i64; 3] = [778, 1546, 4874];

/// SQLite's result codes, <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
pub(super) fn stable_code(code: &str) -> &'static str {
    let code = code.parse::<i64>();
    if code.as_ref().is_ok_and(|code| NO_MORE.contains(code)) {
        return "ledger-full";
    }
    match code.map(|c| c & 0xff) {
        Ok(5 | 6) => "ledger-busy",
        Ok(8) => "ledger-read-only",
        Ok(11 | 26) => "ledger-corrupt",
        Ok(13) => "ledger-full",
        _ => "ledger-database",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// What the check says of a connection to a file in WAL mode on which this was set after the settings.
    async fn with(path: &Path, change: &'static str) -> String {
        let mut conn = options(path).unwrap().connect().await.unwrap();
        set(&mut conn, Use::Write).await.unwrap();
        write_ahead(&mut conn).await.unwrap();
        sqlx::raw_sql(change).execute(&mut conn).await.unwrap();
        let said = check(&mut conn).await;
        // Closed and waited for: one that is only dropped may still hold the file when the next changes its journal.
        conn.close().await.unwrap();
        said.map_or_else(|e| e.to_string(), |()| "durable".to_owned())
    }

    #[tokio::test]
    async fn each_setting_that_differs_is_refused() {
        sqlx::any::install_default_drivers();
        let dir = tempfile::tempdir().unwrap();
        // A name with what means something in an address.
        let path = dir.path().join("a ledger?mode=memory&100%#ä");
        std::fs::write(&path, b"").unwrap();
        let path = path.as_path();
        assert_eq!(with(path, "SELECT 1").await, "durable");
        assert!(with(path, "PRAGMA synchronous = NORMAL").await.contains("synchronous is 1 and must be 2"));
        assert!(with(path, "PRAGMA foreign_keys = OFF").await.contains("foreign_keys is 0"));
        assert!(with(path, "PRAGMA busy_timeout = 1000").await.contains("busy_timeout is 1000"));
        assert!(with(path, "PRAGMA journal_mode = DELETE").await.contains("journal_mode is delete"));
        assert!(std::fs::metadata(path).unwrap().len() > 0, "it was this file");
    }
}
