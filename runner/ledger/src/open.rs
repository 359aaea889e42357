//! Opening a ledger: the file is made for its owner only, its settings are proved, its tables brought up to date.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;

use crate::engine::{self, Conn, Db, During as _, Engine, Pools, Tx};
use crate::files::create_private;
use crate::seal::Sealer;

/// What a ledger needs of its surroundings.
#[derive(Clone)]
pub struct LedgerOptions {
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A fresh id at each call (UUID version 7).
    pub mint: Arc<dyn Fn() -> String + Send + Sync>,
    /// Seals sessions.
    pub sealer: Arc<dyn Sealer>,
    /// Stands in every audit event.
    pub tool_version: String,
}

/// The ledger on SQL. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct SqlLedger {
    pools: Pools,
    pub(crate) options: LedgerOptions,
}

impl std::fmt::Debug for SqlLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqlLedger(…)")
    }
}

impl SqlLedger {
    /// Opens the ledger in this file, and makes it first when there is none. The directory must be there.
    ///
    /// # Errors
    /// [`LedgerFault::Database`] with the codes `ledger-newer` (a newer version wrote it), `ledger-read-only`, `ledger-full`,
    /// `ledger-corrupt` (not a ledger), `ledger-busy`, and `ledger-database` for the rest, a setting that could not be made
    /// durable among them.
    pub async fn open(path: &Path, options: LedgerOptions) -> Result<Self, LedgerFault> {
        let what = format!("open the ledger {}", path.display());
        // Made by us and not by the engine, which would make it readable for all. The WAL takes over the mode.
        create_private(path, b"").map_err(|error| file_fault(&what, &error))?;
        // A file that can not be written is opened for reading by the engine, and its log is then made with the same mode: it would be in
        // the way after the file has its permission back.
        std::fs::OpenOptions::new().append(true).open(path).map_err(|error| file_fault(&what, &error))?;
        Ok(Self { pools: Pools::of_file(path, &what).await?, options })
    }

    /// Opens the ledger on a PostgreSQL server (`postgres://user@host/database`), and makes its tables first when there are none, in the
    /// first schema of the search path. A lease is compared with the runner's own clock, so runners that share it must agree on the time.
    ///
    /// # Errors
    /// [`LedgerFault::Database`] with the codes `ledger-unreachable`, `ledger-refused` (user, password, database), `ledger-newer`,
    /// `ledger-busy`, and `ledger-database` for the rest, a server that does not keep what it committed among them. No message
    /// holds the password.
    pub async fn open_server(url: &str, options: LedgerOptions) -> Result<Self, LedgerFault> {
        let what = format!("open the ledger in {}", engine::describe(url));
        Ok(Self { pools: Pools::of_server(url, &what).await?, options })
    }

    /// Whether the tables of a ledger are on this server, in the schema that a ledger would be made in.
    ///
    /// # Errors
    /// As [`SqlLedger::open_server`].
    pub async fn is_on_server(url: &str) -> Result<bool, LedgerFault> {
        engine::is_made(url).await.during(&format!("look for a ledger in {}", engine::describe(url)))
    }

    /// A ledger in memory, for simulation: the same rules, but nothing survives the process and the durable settings are not asked for.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn open_in_memory(options: LedgerOptions) -> Result<Self, LedgerFault> {
        Ok(Self { pools: Pools::in_memory().await?, options })
    }

    /// As [`SqlLedger::open_in_memory`], for a simulation with a driver of its own (`sqlx::any::install_drivers`): each connection to this
    /// address is a database of its own, in SQLite, whose tables are there already and up to date.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn open_copy(url: &str, options: LedgerOptions) -> Result<Self, LedgerFault> {
        Ok(Self { pools: Pools::of_copy(url).await?, options })
    }

    /// Ends all connections; what was committed is in the file.
    pub async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.options.now)()
    }

    pub(crate) fn mint(&self) -> String {
        (self.options.mint)()
    }

    /// Which engine it is on.
    pub(crate) fn engine(&self) -> Engine {
        self.pools.engine
    }

    /// Begins a write transaction. Read the clock after this, not before: it may have waited for another writer.
    pub(crate) async fn write(&self, what: &str) -> Result<Tx, LedgerFault> {
        self.pools.begin_write().await.during(what)
    }

    /// A connection to read with.
    pub(crate) async fn read(&self, what: &str) -> Result<sqlx::pool::PoolConnection<Db>, LedgerFault> {
        self.pools.readers.acquire().await.during(what)
    }
}

/// Commits; when this fails, whether it was committed is not known.
pub(crate) async fn commit(tx: Tx, what: &str) -> Result<(), LedgerFault> {
    tx.commit().await.during(what)
}

/// The connection of a transaction.
pub(crate) fn on(tx: &mut Tx) -> &mut Conn {
    tx
}

fn file_fault(what: &str, error: &std::io::Error) -> LedgerFault {
    let code = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "ledger-read-only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "ledger-full",
        _ => "ledger-database",
    };
    LedgerFault::Database { what: what.to_owned(), why: format!("{error}{}", engine::remedy(code)), code }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use deed_core::ids::ClientId;

    use super::*;
    use crate::{AgeSealer, LedgerError};

    async fn opened(dir: &Path) -> SqlLedger {
        let options = LedgerOptions {
            now: Arc::new(|| Timestamp(0)),
            mint: Arc::new(|| uuid::Uuid::now_v7().to_string()),
            sealer: Arc::new(AgeSealer::open_or_create(&dir.join("key")).unwrap()),
            tool_version: "0.0.0-test".to_owned(),
        };
        SqlLedger::open(&dir.join("ledger"), options).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_refuses_the_change_and_leaves_the_ledger_whole() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = opened(dir.path()).await;
        ledger.ensure_client(&ClientId::new("acme"), "ann").await.unwrap();
        let before = ledger.audit_verify().await.unwrap();
        // SQLite keeps this limit per connection, and answers as it does when the disk is full.
        sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&ledger.pools.writer).await.unwrap();
        let big = ClientId::new("x".repeat(500_000));
        let error = ledger.ensure_client(&big, "ann").await.unwrap_err();
        assert_eq!(error.code(), "ledger-full", "{error}");
        assert!(matches!(&error, LedgerError::Fault(fault) if fault.to_string().contains("Make room")), "{error}");
        assert_eq!(ledger.audit_verify().await.unwrap(), before);
        // The connection that saw it was replaced: the ledger works again as soon as there is room.
        assert!(ledger.ensure_client(&big, "ann").await.unwrap());
        assert_eq!(ledger.audit_verify().await.unwrap().rows, before.rows + 1);
    }

    #[tokio::test]
    async fn a_reading_connection_can_not_write() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = opened(dir.path()).await;
        let refused = sqlx::query("DELETE FROM clients").execute(&ledger.pools.readers).await.during("delete");
        assert_eq!(refused.unwrap_err().code(), "ledger-read-only");
    }

    #[tokio::test]
    async fn a_change_that_was_given_up_half_way_leaves_nothing_and_blocks_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = opened(dir.path()).await;
        let mut tx = ledger.write("add").await.unwrap();
        sqlx::query("INSERT INTO clients (client_id, created_at) VALUES ('half', 0)")
            .execute(on(&mut tx))
            .await
            .unwrap();
        drop(tx);
        assert!(ledger.ensure_client(&ClientId::new("half"), "ann").await.unwrap(), "it was not there");
    }
}
