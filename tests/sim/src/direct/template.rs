//! A new ledger, made once and copied for each world.
//!
//! The tables are what [`SqlLedger::open`] makes of a new file, with the migrations and settings of the real thing.
//! Making them takes longer than most worlds live.

use std::cell::OnceCell;
use std::sync::OnceLock;

use deed_ledger::{LedgerOptions, SqlLedger};
use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB};
use sqlx::Error;

use super::connection::fault;

/// The bytes of the file, once it was made.
static MADE: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();

thread_local! {
    /// The template as a database, of this thread.
    static OPENED: OnceCell<Connection> = const { OnceCell::new() };
}

/// The template of this process.
pub struct Template;

impl Template {
    /// Makes it, where this was not done.
    ///
    /// # Errors
    /// The file could not be made or read.
    pub fn make(runtime: &tokio::runtime::Runtime, options: LedgerOptions) -> Result<(), String> {
        super::install();
        MADE.get_or_init(|| Self::made(runtime, options)).as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn made(runtime: &tokio::runtime::Runtime, options: LedgerOptions) -> Result<Vec<u8>, String> {
        let dir = std::env::temp_dir().join(format!("deed-sim-template-{}", std::process::id()));
        let words = |error: &dyn std::fmt::Display| format!("the template in {}: {error}", dir.display());
        std::fs::create_dir(&dir).map_err(|e| words(&e))?;
        let path = dir.join("ledger");
        let opened = runtime.block_on(async {
            let ledger = SqlLedger::open(&path, options).await?;
            ledger.close().await;
            Ok::<_, deed_core::ports::ledger::LedgerFault>(())
        });
        let bytes = opened.map_err(|e| words(&e)).and_then(|()| read(&path).map_err(|e| words(&e)));
        std::fs::remove_dir_all(&dir).map_err(|e| words(&e))?;
        bytes
    }

    /// A fresh copy of it, in memory.
    pub(super) fn copy() -> Result<Connection, Error> {
        OPENED.with(|opened| {
            let template = match opened.get() {
                Some(template) => template,
                None => {
                    let fresh = open()?;
                    opened.get_or_init(|| fresh)
                }
            };
            copied(template).map_err(fault)
        })
    }
}

/// The file's content. A database in memory has no write-ahead log, so the file may name none.
fn read(path: &std::path::Path) -> rusqlite::Result<Vec<u8>> {
    let db = Connection::open(path)?;
    db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    db.serialize(MAIN_DB).map(|data| data.to_vec())
}

fn open() -> Result<Connection, Error> {
    let bytes = match MADE.get() {
        Some(Ok(bytes)) => bytes,
        Some(Err(words)) => return Err(Error::Protocol(words.clone())),
        None => return Err(Error::Protocol("the template was not made".to_owned())),
    };
    let mut db = Connection::open_in_memory().map_err(fault)?;
    db.deserialize_read_exact(MAIN_DB, bytes.as_slice(), bytes.len(), true).map_err(fault)?;
    Ok(db)
}

fn copied(template: &Connection) -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    Backup::new(template, &mut db)?.step(-1)?;
    Ok(db)
}
