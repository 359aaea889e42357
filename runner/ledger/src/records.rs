//! Reading columns: a value that does not read back is damage, and says which column it is.

use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use sqlx::Row as _;

use crate::engine::{During as _, Row, remedy};

/// A stored value that this version can not read.
pub(crate) fn unreadable(column: &str, value: &str) -> LedgerFault {
    LedgerFault::Database {
        what: format!("read the ledger's column {column}"),
        why: format!("{value:?} is no value of it{}", remedy("ledger-corrupt")),
        code: "ledger-corrupt",
    }
}

/// Columns by name.
pub(crate) trait Columns {
    /// A text.
    fn text(&self, column: &'static str) -> Result<String, LedgerFault>;
    /// A text or nothing.
    fn text_maybe(&self, column: &'static str) -> Result<Option<String>, LedgerFault>;
    /// A number.
    fn number(&self, column: &'static str) -> Result<i64, LedgerFault>;
    /// A number or nothing.
    fn number_maybe(&self, column: &'static str) -> Result<Option<i64>, LedgerFault>;

    /// A time.
    fn time(&self, column: &'static str) -> Result<Timestamp, LedgerFault> {
        self.number(column).map(Timestamp)
    }

    /// A time or nothing.
    fn time_maybe(&self, column: &'static str) -> Result<Option<Timestamp>, LedgerFault> {
        Ok(self.number_maybe(column)?.map(Timestamp))
    }

    /// A text with a meaning.
    fn parsed<T>(&self, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, LedgerFault> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| unreadable(column, &text))
    }

    /// A text with a meaning, or nothing.
    fn parsed_maybe<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, LedgerFault> {
        match self.text_maybe(column)? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).ok_or_else(|| unreadable(column, &text)),
        }
    }
}

impl Columns for Row {
    fn text(&self, column: &'static str) -> Result<String, LedgerFault> {
        self.try_get(column).during("read a row of the ledger")
    }

    fn text_maybe(&self, column: &'static str) -> Result<Option<String>, LedgerFault> {
        self.try_get(column).during("read a row of the ledger")
    }

    fn number(&self, column: &'static str) -> Result<i64, LedgerFault> {
        self.try_get(column).during("read a row of the ledger")
    }

    fn number_maybe(&self, column: &'static str) -> Result<Option<i64>, LedgerFault> {
        self.try_get(column).during("read a row of the ledger")
    }
}
