//! How the database carries out what workers ask of it: for the test and the benchmark that hold it to its indexes.

use deed_core::ports::ledger::LedgerFault;
use sqlx::Row as _;

use crate::engine::{During as _, Engine};
use crate::{SqlLedger, claims, waits, workers};

/// A value of the kind that a parameter has.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number,
    Text,
}
use Kind::{Number, Text};

/// What a worker asks again and again, with the kinds of its parameters.
const QUERIES: [(&str, &str, &[Kind]); 11] = [
    ("next due", claims::NEXT_DUE, &[Number]),
    ("next of a batch", claims::NEXT_OF_BATCH, &[Number, Text, Text]),
    ("next to verify", claims::NEXT_TO_VERIFY, &[Number]),
    ("put off by a clock ahead", claims::PUT_OFF_BY_A_CLOCK_AHEAD, &[Number, Number]),
    ("unsettled", claims::UNSETTLED, &[Number]),
    ("claimed", claims::CLAIMED, &[]),
    ("beat", workers::BEAT, &[Number, Text, Number]),
    ("held", workers::HELD, &[Text, Number]),
    ("pressing", waits::PRESSING, &[Number, Text, Text]),
    ("next look", waits::NEXT_LOOK, &[]),
    ("held by a kill switch", waits::HELD_BY, &[Text]),
];

impl SqlLedger {
    /// The plan of each query of a worker, in the database's own words, a line each.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn worker_plans(&self) -> Result<Vec<(&'static str, Vec<String>)>, LedgerFault> {
        let what = "explain a query";
        let mut tx = self.write(what).await?;
        let mut plans = Vec::new();
        for (name, sql, kinds) in QUERIES {
            let (explain, column) = match self.engine() {
                Engine::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
                Engine::Postgres => ("EXPLAIN", "QUERY PLAN"),
            };
            let mut query = sqlx::query(sqlx::AssertSqlSafe(format!("{explain} {sql}")));
            for kind in kinds {
                query = match kind {
                    Number => query.bind(self.now().0),
                    Text => query.bind("x"),
                };
            }
            let rows = query.fetch_all(&mut *tx).await.during(what)?;
            let lines = rows.iter().map(|row| row.try_get::<String, _>(column).during(what));
            plans.push((name, lines.collect::<Result<_, _>>()?));
        }
        Ok(plans)
    }
}
