//! One connection: arguments down, rows up. It does what the ledger's own driver does, in the same thread.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{self, BoxStream, StreamExt as _};
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

/// A connection to a database in memory, which ends with it.
pub struct Wire {
    db: rusqlite::Connection,
    known: HashMap<String, Arc<Known>>,
    in_transaction: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire(…)")
    }
}

impl Wire {
    /// To this database.
    pub fn new(db: rusqlite::Connection) -> Self {
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        Self { db, known: HashMap::default(), in_transaction: false }
    }

    /// 1 within a transaction.
    pub fn depth(&self) -> usize {
        usize::from(self.in_transaction)
    }

    /// Begins a transaction.
    pub fn begin_now(&mut self, statement: Option<&str>) -> Result<(), Error> {
        if self.in_transaction {
            // The ledger has no transactions within others, so there is nothing to be faithful to.
            return Err(Error::InvalidSavePointStatement);
        }
        self.db.prepare_cached(statement.unwrap_or("BEGIN")).and_then(|mut s| s.raw_execute()).map_err(fault)?;
        self.in_transaction = true;
        Ok(())
    }

    /// Ends a transaction, as this says.
    pub fn end_now(&mut self, how: &'static str) -> Result<(), Error> {
        if !self.in_transaction {
            return Ok(());
        }
        self.db.prepare_cached(how).and_then(|mut s| s.raw_execute()).map_err(fault)?;
        self.in_transaction = false;
        Ok(())
    }

    /// Rolls back what was dropped in the middle.
    pub fn give_up(&mut self) {
        // One that SQLite rolled back by itself can not be rolled back; then it stays marked, and the pool replaces the connection.
        let _ = self.end_now("ROLLBACK");
    }

    fn known(known: &mut HashMap<String, Arc<Known>>, sql: &str, statement: &CachedStatement<'_>) -> Result<Arc<Known>, Error> {
        if let Some(known) = known.get(sql) {
            return Ok(Arc::clone(known));
        }
        let named = statement.column_names();
        let column = |(ordinal, name): (usize, &&str)| AnyColumn {
            ordinal,
            name: UStr::new(name),
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
            Some(name) => name.get(1..).and_then(|n| n.parse().ok()).filter(|n| *n > 0).ok_or_else(|| {
                Error::Protocol(format!("the parameter {name} of a statement is no number"))
            }),
        });
        let fresh = Known { names: Arc::new(names), columns, arguments: arguments.collect::<Result<_, _>>()? };
        let fresh = Arc::new(fresh);
        known.insert(sql.to_owned(), Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Carries a statement out: its rows, at most so many, and how many it changed.
    fn carry_out(&mut self, sql: &str, arguments: Option<AnyArguments>, most: usize) -> Result<Vec<Part>, Error> {
        let Some(arguments) = arguments else {
            // Several statements without arguments, for their effect.
            self.db.execute_batch(sql).map_err(fault)?;
            return Ok(vec![Either::Left(AnyQueryResult::default())]);
        };
        let mut statement = self.db.prepare_cached(sql).map_err(fault)?;
        let known = Self::known(&mut self.known, sql, &statement)?;
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
            parts.push(Either::Left(AnyQueryResult { rows_affected: self.db.changes(), last_insert_id: None }));
        }
        Ok(parts)
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

    fn begin(&mut self, statement: Option<SqlStr>) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.begin_now(statement.as_ref().map(SqlStr::as_str)))
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.end_now("COMMIT"))
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        at_once(self.end_now("ROLLBACK"))
    }

    fn start_rollback(&mut self) {
        self.give_up();
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
