//! What is peculiar to the engine: how a connection is made and proved durable, how a write transaction begins, how its errors are
//! named, and the embedded migrations. Everything else in this crate is SQL that another engine takes too.

use std::path::Path;
use std::time::Duration;

use deed_core::ports::ledger::LedgerFault;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

/// The database.
pub(crate) type Db = sqlx::Sqlite;
/// One of its connections.
pub(crate) type Conn = sqlx::SqliteConnection;
/// A pool of them.
pub(crate) type Pool = sqlx::SqlitePool;
/// A transaction.
pub(crate) type Tx = sqlx::Transaction<'static, Db>;
/// A row.
pub(crate) type Row = sqlx::sqlite::SqliteRow;

/// How long a connection waits for another process's write transaction.
const BUSY_MS: u64 = 10_000;
/// How long a task waits for the one write connection of this process.
const WRITER_WAIT: Duration = Duration::from_secs(30);
/// How often a new file is put into WAL mode while others do the same.
const WAL_TRIES: u32 = 20;
/// Connections that only read.
const READERS_MAX: u32 = 4;

/// Whether what was committed must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// WAL and `synchronous=FULL`, read back on every connection.
    Full,
    /// In memory: nothing survives. For simulation.
    None,
}

/// The write connection: one, so that write transactions of this process queue up here and not at the file lock.
pub(crate) async fn writer(path: &Path) -> Result<Pool, sqlx::Error> {
    let options = base(path).journal_mode(SqliteJournalMode::Wal);
    // Tried once outside the pool: a pool would try again and again, and then say no more than that it waited.
    let mut probe = base(path).disable_statement_logging().connect().await?;
    write_ahead(&mut probe).await?;
    check_settings(&mut probe, Durability::Full).await?;
    probe.close().await?;
    pool(options, Durability::Full, 1).await
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

/// A database in memory: one connection, for reading and writing.
pub(crate) async fn in_memory() -> Result<Pool, sqlx::Error> {
    pool(SqliteConnectOptions::new().in_memory(true).foreign_keys(true), Durability::None, 1).await
}

/// Connections that can not write.
pub(crate) async fn readers(path: &Path) -> Result<Pool, sqlx::Error> {
    pool(base(path).pragma("query_only", "ON"), Durability::Full, READERS_MAX).await
}

fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_millis(BUSY_MS))
}

async fn pool(options: SqliteConnectOptions, durability: Durability, max: u32) -> Result<Pool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(max)
        .min_connections(1)
        .acquire_timeout(WRITER_WAIT)
        // A connection in memory is the database itself: it is never given up for being idle or old.
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |conn, _| Box::pin(async move { check_settings(conn, durability).await }))
        // SQLite rolls back by itself when the disk is full; the driver does not notice, and such a connection would refuse every
        // later transaction. It is replaced.
        .before_acquire(|conn, _| Box::pin(async move { Ok(!conn.is_in_transaction()) }))
        .connect_with(options.disable_statement_logging())
        .await
}

/// Reads the settings back: a pragma that is not understood or not possible is silently something else.
pub(crate) async fn check_settings(conn: &mut Conn, durability: Durability) -> Result<(), sqlx::Error> {
    let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *conn).await?;
    expect("foreign_keys", "1", &foreign_keys.to_string())?;
    if durability == Durability::None {
        return Ok(());
    }
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *conn).await?;
    expect("journal_mode", "wal", &journal.to_lowercase())?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *conn).await?;
    expect("synchronous", "2", &synchronous.to_string())?;
    let busy: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *conn).await?;
    expect("busy_timeout", &BUSY_MS.to_string(), &busy.to_string())
}

/// A setting that is not what it was set to.
#[derive(Debug, thiserror::Error)]
#[error(
    "the setting {name} is {found} and must be {wanted}; without it a committed action can be lost. Keep the ledger on a local disk"
)]
struct WrongSetting {
    name: &'static str,
    wanted: String,
    found: String,
}

fn expect(name: &'static str, wanted: &str, found: &str) -> Result<(), sqlx::Error> {
    if wanted == found {
        return Ok(());
    }
    Err(sqlx::Error::Configuration(Box::new(WrongSetting { name, wanted: wanted.to_owned(), found: found.to_owned() })))
}

/// Begins a transaction that writes. It takes the write lock at once: a transaction that began by reading and then found another
/// writer could only fail.
pub(crate) async fn begin_write(pool: &Pool) -> Result<Tx, sqlx::Error> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// The migrations, in order.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "ledger", include_str!("../../../migrations/sqlite/0001_ledger.sql"))];

/// Brings the schema up to date, under the write lock, so that two processes that open a new file do it once.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), LedgerFault> {
    let what = "bring the ledger's tables up to date";
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    let migrator = Migrator::with_migrations(migrations);
    let mut tx = begin_write(pool).await.during(what)?;
    // `run` gives a future that can not move between threads; this is what it does inside.
    match migrator.run_direct(None, &mut *tx, false).await {
        Ok(()) => tx.commit().await.during(what),
        Err(error) => Err(migration_fault(what, error)),
    }
}

fn migration_fault(what: &str, error: MigrateError) -> LedgerFault {
    let (why, code) = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => return fault(what, &error),
        MigrateError::VersionMissing(version) => (
            format!(
                "it has migration {version}, which this version of deed does not know: a newer version wrote it. \
                 Install that version, or choose another data directory"
            ),
            "ledger-newer",
        ),
        MigrateError::VersionMismatch(version) => (
            format!(
                "its migration {version} is not the one of this version of deed: another build wrote it. Use that build"
            ),
            "ledger-newer",
        ),
        other => (other.to_string(), "ledger-database"),
    };
    LedgerFault::Database { what: what.to_owned(), why, code }
}

/// Names what was being done when the database failed.
pub(crate) trait During<T> {
    /// `what` completes "failed to …".
    fn during(self, what: &str) -> Result<T, LedgerFault>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, what: &str) -> Result<T, LedgerFault> {
        self.map_err(|error| fault(what, &error))
    }
}

/// The database's error under its stable code.
pub(crate) fn fault(what: &str, error: &sqlx::Error) -> LedgerFault {
    let code = match error {
        sqlx::Error::PoolTimedOut => "ledger-busy",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "ledger-corrupt",
        other => other.as_database_error().and_then(|e| e.code()).map_or("ledger-database", |c| stable_code(&c)),
    };
    LedgerFault::Database { what: what.to_owned(), why: format!("{error}{}", remedy(code)), code }
}

/// The index beside the write-ahead log could not be made larger: the first thing that a full disk refuses, when the ledger opens.
const IOERR_SHMSIZE: i64 = 4874;

/// SQLite's result codes, <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
fn stable_code(code: &str) -> &'static str {
    let code = code.parse::<i64>();
    if code == Ok(IOERR_SHMSIZE) {
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

/// What the operator does about it.
pub(crate) fn remedy(code: &str) -> &'static str {
    match code {
        "ledger-busy" => ". Another process writes for too long: end it, then run the command again",
        "ledger-read-only" => ". Give the file and its directory back their write permission",
        "ledger-corrupt" => ". The file is no ledger or is damaged: put a backup in its place",
        "ledger-full" => ". Make room on the disk; nothing was changed",
        _ => "",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    async fn with(options: SqliteConnectOptions) -> String {
        let mut conn = options.connect().await.unwrap();
        let said = check_settings(&mut conn, Durability::Full).await;
        // Closed and waited for: one that is only dropped may still hold the file when the next changes its journal.
        conn.close().await.unwrap();
        said.map_or_else(|e| e.to_string(), |()| "durable".to_owned())
    }

    #[tokio::test]
    async fn each_setting_that_differs_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let good = || base(&dir.path().join("l")).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        assert_eq!(with(good()).await, "durable");
        assert!(with(good().synchronous(SqliteSynchronous::Normal)).await.contains("synchronous is 1 and must be 2"));
        assert!(with(good().foreign_keys(false)).await.contains("foreign_keys is 0"));
        assert!(with(good().busy_timeout(Duration::from_secs(1))).await.contains("busy_timeout is 1000"));
        assert!(with(good().journal_mode(SqliteJournalMode::Delete)).await.contains("journal_mode is delete"));
    }

    #[test]
    fn extended_result_codes_are_named_by_their_primary_code() {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_READONLY_DBMOVED, SQLITE_NOTADB, SQLITE_FULL, SQLITE_CONSTRAINT_TRIGGER.
        let codes = ["517", "1032", "26", "13", "1811", "?"].map(stable_code);
        let expected =
            ["ledger-busy", "ledger-read-only", "ledger-corrupt", "ledger-full", "ledger-database", "ledger-database"];
        assert_eq!(codes, expected);
        // SQLITE_IOERR_SHMSIZE is what a full disk says first; SQLITE_IOERR_READ is a disk that is broken.
        assert_eq!(["4874", "266"].map(stable_code), ["ledger-full", "ledger-database"]);
    }
}
