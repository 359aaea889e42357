//! What is peculiar to an engine, behind one face: how a connection is made and proved durable, how a write transaction begins, how its
//! errors are named, and the migrations. Everything else in this crate is SQL that both engines take, written once.
//!
//! Write transactions of a ledger come one after another on both: SQLite has one writer, and on PostgreSQL each begins by
//! taking one advisory lock. So what a transaction read is still so when it commits, and the rules need no second form for an engine
//! whose transactions overlap.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deed_core::ports::ledger::LedgerFault;
use sqlx::SqlSafeStr as _;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

pub use postgres::describe;
pub(crate) use postgres::is_made;

/// The database.
pub(crate) type Db = sqlx::Any;
/// One of its connections.
pub(crate) type Conn = sqlx::AnyConnection;
/// A pool of them.
pub(crate) type Pool = sqlx::AnyPool;
/// A transaction.
pub(crate) type Tx = sqlx::Transaction<'static, Db>;
/// A row.
pub(crate) type Row = sqlx::any::AnyRow;

/// How long a task waits for a connection of this process.
const CONNECTION_WAIT: Duration = Duration::from_secs(30);
/// How long a write transaction waits for another one's, of whatever process.
const BUSY: Duration = Duration::from_secs(10);

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file, or memory.
    Sqlite,
    /// A server.
    Postgres,
}

/// The connections of a ledger.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) engine: Engine,
    /// To change with.
    pub(crate) writer: Pool,
    /// To read with: a connection that can not write.
    pub(crate) readers: Pool,
}

impl Pools {
    /// The ledger in a file, which must be there.
    pub(crate) async fn of_file(path: &Path, what: &str) -> Result<Self, LedgerFault> {
        install_drivers();
        let writer = sqlite::writer(path).await.during(what)?;
        migrate(Engine::Sqlite, &writer).await?;
        let readers = sqlite::readers(path).await.during(what)?;
        Ok(Self { engine: Engine::Sqlite, writer, readers })
    }

    /// A ledger in memory: one connection, for reading and writing.
    pub(crate) async fn in_memory() -> Result<Self, LedgerFault> {
        install_drivers();
        let writer = sqlite::in_memory().await.during("open a ledger in memory")?;
        migrate(Engine::Sqlite, &writer).await?;
        Ok(Self { engine: Engine::Sqlite, readers: writer.clone(), writer })
    }

    /// A ledger in memory whose tables were made before, behind a driver that the caller installed: one connection.
    pub(crate) async fn of_copy(url: &str) -> Result<Self, LedgerFault> {
        let writer = sqlite::in_memory_at(url).await.during("open a copy of a ledger in memory")?;
        Ok(Self { engine: Engine::Sqlite, readers: writer.clone(), writer })
    }

    /// The ledger on a PostgreSQL server, in the schema that is first in the connection's search path.
    pub(crate) async fn of_server(url: &str, what: &str) -> Result<Self, LedgerFault> {
        install_drivers();
        let writer = postgres::writer(url).await.during(what)?;
        migrate(Engine::Postgres, &writer).await?;
        let readers = postgres::readers(url).await.during(what)?;
        Ok(Self { engine: Engine::Postgres, writer, readers })
    }

    /// Begins a transaction that writes; no other one of this ledger has begun and not ended.
    pub(crate) async fn begin_write(&self) -> Result<Tx, sqlx::Error> {
        begin_write(self.engine, &self.writer).await
    }
}

/// Whether the drivers are the caller's own choice.
static CHOSEN: AtomicBool = AtomicBool::new(false);

/// Says that the caller has installed the drivers of `sqlx::Any` by itself, SQLite's own among them: then no others are installed.
pub fn drivers_are_chosen() {
    CHOSEN.store(true, Ordering::SeqCst);
}

fn install_drivers() {
    if !CHOSEN.load(Ordering::SeqCst) {
        sqlx::any::install_default_drivers();
    }
}

async fn begin_write(engine: Engine, pool: &Pool) -> Result<Tx, sqlx::Error> {
    match engine {
        Engine::Sqlite => sqlite::begin_write(pool).await,
        Engine::Postgres => postgres::begin_write(pool).await,
    }
}

/// A pool whose connections are prepared and proved by `ready`.
async fn pool(
    options: AnyConnectOptions,
    of: AnyPoolOptions,
    ready: impl for<'c> Fn(&'c mut Conn) -> futures_util::future::BoxFuture<'c, Result<(), sqlx::Error>>
    + Send
    + Sync
    + 'static,
) -> Result<Pool, sqlx::Error> {
    of.acquire_timeout(CONNECTION_WAIT)
        .after_connect(move |conn, _| ready(conn))
        // SQLite rolls back by itself when the disk is full; the driver does not notice, and such a connection would refuse every
        // later transaction. It is replaced.
        .before_acquire(|conn, _| Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(conn)) }))
        .connect_with(sqlx::ConnectOptions::disable_statement_logging(options))
        .await
}

/// A setting that is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("the setting {name} is {found} and must be {wanted}; without it a committed action can be lost. {remedy}")]
struct WrongSetting {
    name: &'static str,
    wanted: String,
    found: String,
    remedy: &'static str,
}

fn expect(name: &'static str, wanted: &str, found: &str, remedy: &'static str) -> Result<(), sqlx::Error> {
    if wanted == found {
        return Ok(());
    }
    let wrong = WrongSetting { name, wanted: wanted.to_owned(), found: found.to_owned(), remedy };
    Err(sqlx::Error::Configuration(Box::new(wrong)))
}

/// Brings the schema up to date, under the write lock, so that two processes that open a new ledger do it once.
async fn migrate(engine: Engine, pool: &Pool) -> Result<(), LedgerFault> {
    let what = "bring the ledger's tables up to date";
    let steps = match engine {
        Engine::Sqlite => sqlite::MIGRATIONS,
        Engine::Postgres => postgres::MIGRATIONS,
    };
    let migrations = steps
        .iter()
        .map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    let migrator = Migrator::with_migrations(migrations);
    let mut tx = begin_write(engine, pool).await.during(what)?;
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
        // A file's are the database's own errors; these are of the connection to a server.
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => "ledger-unreachable",
        other => other.as_database_error().and_then(|e| e.code()).map_or("ledger-database", |c| stable_code(&c)),
    };
    LedgerFault::Database { what: what.to_owned(), why: format!("{error}{}", remedy(code)), code }
}

/// A SQLSTATE has five characters; SQLite's codes are numbers of up to four digits.
fn stable_code(code: &str) -> &'static str {
    if code.len() == 5 { postgres::stable_code(code) } else { sqlite::stable_code(code) }
}

/// What the operator does about it.
pub(crate) fn remedy(code: &str) -> &'static str {
    match code {
        "ledger-busy" => {
            ". Another process writes for too long, or the server takes no connection: end the one or start the other, then run the command again"
        }
        "ledger-read-only" => ". Give the file and its directory, or the server's user, their write permission back",
        "ledger-corrupt" => ". The file is no ledger or is damaged: put a backup in its place",
        "ledger-full" => {
            ". Make room on the disk, or raise the quota or the greatest size of a file; nothing was changed"
        }
        "ledger-unreachable" => ". Start the server, or correct DATABASE_URL; what was committed is there",
        "ledger-refused" => ". Correct the user, password or database in DATABASE_URL, or the server's permissions",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_engines_are_named() {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_READONLY_DBMOVED, SQLITE_NOTADB, SQLITE_FULL, SQLITE_CONSTRAINT_TRIGGER.
        let codes = ["517", "1032", "26", "13", "1811", "?"].map(stable_code);
        let expected =
            ["ledger-busy", "ledger-read-only", "ledger-corrupt", "ledger-full", "ledger-database", "ledger-database"];
        assert_eq!(codes, expected);
        // SQLITE_IOERR_SHMSIZE is what a full disk says first, SQLITE_IOERR_WRITE and SQLITE_IOERR_TRUNCATE what a quota does;
        // SQLITE_IOERR_READ is a disk that is broken.
        let codes = ["4874", "778", "1546", "266"].map(stable_code);
        assert_eq!(codes, ["ledger-full", "ledger-full", "ledger-full", "ledger-database"]);
        // lock_not_available, read_only_sql_transaction, disk_full, data_corrupted, cannot_connect_now, invalid_password, unique_violation.
        let codes = ["55P03", "25006", "53100", "XX001", "57P03", "28P01", "23505"].map(stable_code);
        let expected = [
            "ledger-busy",
            "ledger-read-only",
            "ledger-full",
            "ledger-corrupt",
            "ledger-unreachable",
            "ledger-refused",
            "ledger-database",
        ];
        assert_eq!(codes, expected);
    }
}
