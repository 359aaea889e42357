//! What `sqlx` wants to know of a database before it takes a driver of it. Through `Any` only the connection is ever used, so the rest is a
//! type that no value is of.

use std::borrow::Cow;
use std::str::FromStr;

use sqlx::{Error, Transaction};
use sqlx_core::any::{AnyConnectOptions, AnyQueryResult, AnyTypeInfo};
use sqlx_core::arguments::Arguments;
use sqlx_core::column::{Column, ColumnIndex};
use sqlx_core::connection::{ConnectOptions, Connection};
use sqlx_core::database::Database;
use sqlx_core::encode::Encode;
use sqlx_core::error::BoxDynError;
use sqlx_core::row::Row;
use sqlx_core::sql_str::SqlStr;
use sqlx_core::statement::Statement;
use sqlx_core::transaction::TransactionManager;
use sqlx_core::types::Type;
use sqlx_core::value::{Value, ValueRef};
use sqlx_core::{Either, HashMap};
use url::Url;

use super::SCHEME;
use super::connection::Wire;

/// The database.
#[derive(Debug)]
pub struct Direct;

impl Database for Direct {
    type Connection = Wire;
    type TransactionManager = Transactions;
    type Row = Never;
    type QueryResult = AnyQueryResult;
    type Column = Never;
    type TypeInfo = AnyTypeInfo;
    type Value = Never;
    type ValueRef<'r> = Never;
    type Arguments = NoArguments;
    type ArgumentBuffer = ();
    type Statement = Never;

    const NAME: &'static str = "SQLite";
    const URL_SCHEMES: &'static [&'static str] = &[SCHEME];
}

/// No value is of this type.
#[derive(Debug, Clone)]
pub enum Never {}

impl Row for Never {
    type Database = Direct;

    fn columns(&self) -> &[Self] {
        match *self {}
    }

    fn try_get_raw<I: ColumnIndex<Self>>(&self, _: I) -> Result<Self, Error> {
        match *self {}
    }
}

impl Column for Never {
    type Database = Direct;

    fn ordinal(&self) -> usize {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }

    fn type_info(&self) -> &AnyTypeInfo {
        match *self {}
    }
}

impl Value for Never {
    type Database = Direct;

    fn as_ref(&self) -> Self {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, AnyTypeInfo> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl ValueRef<'_> for Never {
    type Database = Direct;

    fn to_owned(&self) -> Self {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, AnyTypeInfo> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl Statement for Never {
    type Database = Direct;

    fn into_sql(self) -> SqlStr {
        match self {}
    }

    fn sql(&self) -> &SqlStr {
        match *self {}
    }

    fn parameters(&self) -> Option<Either<&[AnyTypeInfo], usize>> {
        match *self {}
    }

    fn columns(&self) -> &[Self] {
        match *self {}
    }

    sqlx_core::impl_statement_query!(NoArguments);
}

/// No arguments.
#[derive(Debug, Default)]
pub struct NoArguments;

impl Arguments for NoArguments {
    type Database = Direct;

    fn reserve(&mut self, _: usize, _: usize) {}

    fn add<'t, T: Encode<'t, Direct> + Type<Direct>>(&mut self, _: T) -> Result<(), BoxDynError> {
        Err("this driver is used through `Any` only".into())
    }

    fn len(&self) -> usize {
        0
    }
}

/// Transactions of a connection that is used without `Any`.
#[derive(Debug)]
pub struct Transactions;

impl TransactionManager for Transactions {
    type Database = Direct;

    async fn begin(conn: &mut Wire, _: Option<SqlStr>) -> Result<(), Error> {
        conn.begin_now()
    }

    async fn commit(conn: &mut Wire) -> Result<(), Error> {
        conn.commit_now()
    }

    async fn rollback(conn: &mut Wire) -> Result<(), Error> {
        conn.roll_back_now()
    }

    fn start_rollback(conn: &mut Wire) {
        let _ = conn.roll_back_now();
    }

    fn get_transaction_depth(conn: &Wire) -> usize {
        conn.depth()
    }
}

/// How to connect: there is one way.
#[derive(Debug, Clone)]
pub struct Way;

impl FromStr for Way {
    type Err = Error;

    fn from_str(_: &str) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl TryFrom<&AnyConnectOptions> for Way {
    type Error = Error;

    fn try_from(_: &AnyConnectOptions) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl ConnectOptions for Way {
    type Connection = Wire;

    fn from_url(_: &Url) -> Result<Self, Error> {
        Ok(Self)
    }

    async fn connect(&self) -> Result<Wire, Error> {
        Wire::new()
    }

    fn log_statements(self, _: log::LevelFilter) -> Self {
        self
    }

    fn log_slow_statements(self, _: log::LevelFilter, _: std::time::Duration) -> Self {
        self
    }
}

impl Connection for Wire {
    type Database = Direct;
    type Options = Way;

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }

    async fn close_hard(self) -> Result<(), Error> {
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&mut self) -> impl Future<Output = Result<Transaction<'_, Direct>, Error>> + Send + '_ {
        Transaction::begin(self, None)
    }

    fn shrink_buffers(&mut self) {}

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn should_flush(&self) -> bool {
        false
    }
}

/// Names of columns, as rows look them up.
pub type Names = HashMap<sqlx_core::ext::ustr::UStr, usize>;
