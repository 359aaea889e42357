//! One connection: arguments down, rows up, in the same thread.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Rows};
use sqlx::Error;
use sqlx_core::any::{
    AnyArguments, AnyColumn, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo, AnyTypeInfoKind,
    AnyValue, AnyValueKind,
};
use sqlx_core::error::{DatabaseError, ErrorKind};
use sqlx_core::ext::ustr::UStr;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::{Either, HashMap};

use super::kinds::Names;
use super::template::Template;
use crate::stage::lock;

/// Statements that are kept ready; the ledger has about half as many.
const STATEMENTS: usize = 512;

/// A result or a row of a statement.
type Part = Either<AnyQueryResult, AnyRow>;

/// What is known of a statement once it was prepared.
struct Known {
    names: Arc<Names>,
    columns: Vec<AnyColumn>,
    /// For each of its parameters, in SQLite's order, which argument it is.
    arguments: Vec<usize>,
}

/// A database with what is known of it. It is used by one world after another.
struct Base {
    db: rusqlite::Connection,
    known: HashMap<String, Arc<Known>>,
    /// The settings that were made, in their order. They outlive a world, and making one again would have every statement prepared anew.
    settings: Vec<String>,
}

thread_local! {
    /// Databases of this thread that no world has, each as new.
    static FREE: RefCell<Vec<Base>> = const { RefCell::new(Vec::new()) };
}

/// A connection to a database in memory that is this connection's own.
///
/// All that a world does to the database stands in one transaction that is never committed: at its end it is taken
/// back, and the database is as new for the next world, with its statements still prepared. The ledger's transactions
/// are savepoints within it. For a database with a single connection that is the same thing: all or nothing, what was
/// released is there, what was rolled back is not.
pub struct Wire {
    /// `None` only while it is dropped.
    base: Option<Base>,
    /// How many settings were asked for by this world.
    asked: usize,
    in_world: bool,
    in_transaction: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire(…)")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let Some(base) = self.base.take() else { return };
        // One that can not be taken back is not used again.
        if !self.in_world || run(&base.db, "ROLLBACK").is_ok() {
            // The thread may be at its end, and have no such place any more.
            let _ = FREE.try_with(|free| free.borrow_mut().push(base));
        }
    }
}

impl Wire {
    /// To a database that is as new.
    pub fn new() -> Result<Self, Error> {
        let base = match FREE.with(|free| free.borrow_mut().pop()) {
            Some(base) => base,
            None => {
                let db = Template::copy()?;
                // Plans do not depend on what is bound: a statement is prepared once and not anew for other arguments.
                db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
                db.set_prepared_statement_cache_capacity(STATEMENTS);
                Base { db, known: HashMap::default(), settings: Vec::new() }
            }
        };
        Ok(Self { base: Some(base), asked: 0, in_world: false, in_transaction: false })
    }

    /// The database, with the world's transaction begun.
    fn base(&mut self) -> Result<&mut Base, Error> {
        let base = self.base.as_mut().ok_or(Error::WorkerCrashed)?;
        if !self.in_world {
            run(&base.db, "BEGIN")?;
            self.in_world = true;
        }
        if base.db.is_autocommit() {
            // SQLite rolled all of it back by itself: there is nothing left to go on with.
            return Err(Error::WorkerCrashed);
        }
        Ok(base)
    }

    /// 1 within a transaction.
    pub fn depth(&self) -> usize {
        usize::from(self.in_transaction)
    }

    /// Begins a transaction of the ledger's.
    pub fn begin_now(&mut self) -> Result<(), Error> {
        if self.in_transaction {
            // The ledger has no transactions within others, so there is nothing to be faithful to.
            return Err(Error::InvalidSavePointStatement);
        }
        run(&self.base()?.db, "SAVEPOINT ledger")?;
        self.in_transaction = true;
        Ok(())
    }

    /// What was done in the transaction is there.
    pub fn commit_now(&mut self) -> Result<(), Error> {
        if self.in_transaction {
            run(&self.base()?.db, "RELEASE ledger")?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// What was done in the transaction was not done.
    pub fn roll_back_now(&mut self) -> Result<(), Error> {
        if self.in_transaction {
            let base = self.base()?;
            run(&base.db, "ROLLBACK TO ledger")?;
            run(&base.db, "RELEASE ledger")?;
            self.in_transaction = false;
        }
        Ok(())
    }

    fn known(
        known: &mut HashMap<String, Arc<Known>>,
        sql: &str,
        statement: &CachedStatement<'_>,
    ) -> Result<Arc<Known>, Error> {
        if let Some(known) = known.get(sql) {
            return Ok(Arc::clone(known));
        }
        let named = statement.column_names();
        let column = |(ordinal, name): (usize, &&str)| AnyColumn {
            ordinal,
            name: UStr::Static(kept(name)),
            type_info: AnyTypeInfo { kind: AnyTypeInfoKind::Null },
        };
        let columns: Vec<AnyColumn> = named.iter().enumerate().map(column).collect();
        let names = columns.iter().map(|c| (c.name.clone(), c.ordinal)).collect();
        let mut unnamed = 0;
        let arguments = (1..=statement.parameter_count()).map(|at| match statement.parameter_name(at) {
            None => {
                unnamed += 1;
                Ok(unnamed)
            }
            Some(name) => name
                .get(1..)
                .and_then(|n| n.parse().ok())
                .filter(|n| *n > 0)
                .ok_or_else(|| Error::Protocol(format!("the parameter {name} of a statement is no number"))),
        });
        let fresh = Known { names: Arc::new(names), columns, arguments: arguments.collect::<Result<_, _>>()? };
        let fresh = Arc::new(fresh);
        known.insert(sql.to_owned(), Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Carries a statement out: its rows, at most so many, and how many it changed.
    fn carry_out(&mut self, sql: &str, arguments: Option<AnyArguments>, most: usize) -> Result<Vec<Part>, Error> {
        let Some(arguments) = arguments else {
            // Settings of the connection: several statements without arguments, before the world begins.
            let base = self.base.as_mut().ok_or(Error::WorkerCrashed)?;
            if base.settings.get(self.asked).is_none_or(|made| made != sql) {
                base.settings.truncate(self.asked);
                base.db.execute_batch(sql).map_err(fault)?;
                base.settings.push(sql.to_owned());
            }
            self.asked += 1;
            return Ok(vec![Either::Left(AnyQueryResult::default())]);
        };
        let Base { db, known, .. } = self.base()?;
        let mut statement = db.prepare_cached(sql).map_err(fault)?;
        let known = Self::known(known, sql, &statement)?;
        for (at, number) in known.arguments.iter().enumerate() {
            // What is not given is NULL, as SQLite has it.
            let Some(value) = arguments.values.0.get(number - 1) else { continue };
            statement.raw_bind_parameter(at + 1, Given(value)).map_err(fault)?;
        }
        let mut parts = Vec::new();
        {
            let mut rows = statement.raw_query();
            while parts.len() < most {
                let Some(row) = next(&mut rows, &known)? else { break };
                parts.push(Either::Right(row));
            }
        }
        drop(statement);
        if parts.len() < most {
            parts.push(Either::Left(AnyQueryResult { rows_affected: db.changes(), last_insert_id: None }));
        }
        Ok(parts)
    }
}

/// Carries out a statement without arguments and rows.
fn run(db: &rusqlite::Connection, sql: &str) -> Result<(), Error> {
    db.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(fault)
}

/// A column's name for as long as the process lives: each row has all of its columns' names, and they are few.
fn kept(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = lock(&NAMES);
    match names.get(name) {
        Some(known) => known,
        None => {
            let fresh: &'static str = name.to_owned().leak();
            names.insert(fresh);
            fresh
        }
    }
}

/// The next row.
fn next(rows: &mut Rows<'_>, known: &Known) -> Result<Option<AnyRow>, Error> {
    let Some(row) = rows.next().map_err(fault)? else { return Ok(None) };
    let mut values = Vec::with_capacity(known.columns.len());
    for at in 0..known.columns.len() {
        let kind = match row.get_ref(at).map_err(fault)? {
            ValueRef::Null => AnyValueKind::Null(AnyTypeInfoKind::Null),
            ValueRef::Integer(number) => AnyValueKind::BigInt(number),
            ValueRef::Real(number) => AnyValueKind::Double(number),
            ValueRef::Text(text) => {
                let text = str::from_utf8(text).map_err(|error| Error::Decode(Box::new(error)))?;
                AnyValueKind::Text(Arc::new(text.to_owned()))
            }
            ValueRef::Blob(bytes) => AnyValueKind::Blob(Arc::new(bytes.to_vec())),
        };
        values.push(AnyValue { kind });
    }
    Ok(Some(AnyRow { column_names: Arc::clone(&known.names), columns: known.columns.clone(), values }))
}

/// An argument, as SQLite takes it.
struct Given<'a>(&'a AnyValueKind);

impl ToSql for Given<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            AnyValueKind::Null(_) => ValueRef::Null,
            AnyValueKind::Bool(yes) => ValueRef::Integer(i64::from(*yes)),
            AnyValueKind::SmallInt(number) => ValueRef::Integer(i64::from(*number)),
            AnyValueKind::Integer(number) => ValueRef::Integer(i64::from(*number)),
            AnyValueKind::BigInt(number) => ValueRef::Integer(*number),
            AnyValueKind::Real(number) => ValueRef::Real(f64::from(*number)),
            AnyValueKind::Double(number) => ValueRef::Real(*number),
            AnyValueKind::Text(text) => ValueRef::Text(text.as_bytes()),
            AnyValueKind::TextSlice(text) => ValueRef::Text(text.as_bytes()),
            AnyValueKind::Blob(bytes) => ValueRef::Blob(bytes),
            other => return Err(rusqlite::Error::ToSqlConversionFailure(format!("no argument: {other:?}").into())),
        }))
    }
}

/// SQLite's answer under its own extended code, as the ledger's own driver gives it.
#[derive(Debug, thiserror::Error)]
#[error("(code: {code}) {message}")]
struct Refused {
    code: i32,
    message: String,
}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        use rusqlite::ffi;
        match self.code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => ErrorKind::UniqueViolation,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::ForeignKeyViolation,
            ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::NotNullViolation,
            ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

/// An error of SQLite as one of `sqlx`.
pub(super) fn fault(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(answer, words) => {
            let message = words.unwrap_or_else(|| answer.to_string());
            Error::Database(Box::new(Refused { code: answer.extended_code, message }))
        }
        other => Error::Protocol(other.to_string()),
    }
}

/// A future that is there already.
fn at_once<'f, T: Send + 'f>(value: T) -> BoxFuture<'f, T> {
    Box::pin(ready(value))
}

impl AnyConnectionBackend for Wire {
    fn name(&self) -> &str {
        "SQLite"
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        at_once(Ok(()))
    }

    fn close_hard(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        at_once(Ok(()))
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(Ok(()))
    }

    fn begin(&mut self, _: Option<SqlStr>) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.begin_now())
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.commit_now())
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.roll_back_now())
    }

    fn start_rollback(&mut self) {
        // One that can not be rolled back stays marked, and the pool replaces the connection.
        let _ = self.roll_back_now();
    }

    fn get_transaction_depth(&self) -> usize {
        self.depth()
    }

    fn shrink_buffers(&mut self) {}

    fn flush(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(Ok(()))
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn fetch_many(
        &mut self,
        query: SqlStr,
        _: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, Result<Part, Error>> {
        match self.carry_out(query.as_str(), arguments, usize::MAX) {
            Ok(parts) => stream::iter(parts.into_iter().map(Ok)).boxed(),
            Err(error) => stream::once(ready(Err(error))).boxed(),
        }
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        _: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxFuture<'_, Result<Option<AnyRow>, Error>> {
        let parts = self.carry_out(query.as_str(), arguments, 1);
        at_once(parts.map(|parts| parts.into_iter().find_map(Either::right)))
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        _: SqlStr,
        _: &[AnyTypeInfo],
    ) -> BoxFuture<'c, Result<AnyStatement, Error>> {
        at_once(Err(Error::Protocol("statements are prepared as they are used".to_owned())))
    }
}
