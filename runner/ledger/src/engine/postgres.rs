//! PostgreSQL: a server that several runners share.

use std::str::FromStr as _;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{BUSY, Conn, Pool, Tx, expect, pool};

/// Connections that change the ledger. They come one after another; a few are there so that one that is lost holds up nobody.
const WRITERS_MAX: u32 = 4;
/// Connections that only read.
const READERS_MAX: u32 = 4;
/// A transaction whose process stopped in the middle of it (or whose machine is gone) is ended by the server after this long: it holds
/// the lock that all others wait for, and they wait longer than this ([`BUSY`]).
const IDLE_IN_TRANSACTION_S: u32 = 6;
/// No statement of the ledger takes longer.
const STATEMENT_S: u32 = 30;
/// Each query of the ledger looks a few rows up by an index. What the planner knows of a table may be old, and a join that reads a whole
/// queue once is worse than any look-up.
const PLANS: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET jit = off";
/// The oldest server that Debian still keeps.
const OLDEST: i64 = 130_000;
/// The first half of the advisory lock's key, "deed"; the other is the schema, so that two ledgers of one database do not wait for each
/// other.
const LOCK: i32 = 0x6465_6564;

/// The migrations, in order.
pub(super) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "ledger", include_str!("../../../../migrations/postgres/0001_ledger.sql")),
    (2, "fleet", include_str!("../../../../migrations/postgres/0002_fleet.sql")),
    (10, "review", include_str!("../../../../migrations/postgres/0010_review.sql")),
    (5, "policy_facts", include_str!("../../../../migrations/postgres/0005_policy_facts.sql")),
    (9, "retention", include_str!("../../../../migrations/postgres/0009_retention.sql")),
    (6, "pace", include_str!("../../../../migrations/postgres/0006_pace.sql")),
    (8, "transparency", include_str!("../../../../migrations/postgres/0008_transparency.sql")),
    (3, "approvals", include_str!("../../../../migrations/postgres/0003_approvals.sql")),
    (4, "signals", include_str!("../../../../migrations/postgres/0004_signals.sql")),
];

/// Whether the tables are there.
pub(crate) async fn is_made(url: &str) -> Result<bool, sqlx::Error> {
    let mut conn = PgConnectOptions::from_str(url)?.disable_statement_logging().connect().await?;
    let made = sqlx::query_scalar("SELECT to_regclass('audit_events') IS NOT NULL").fetch_one(&mut conn).await?;
    conn.close().await?;
    Ok(made)
}

/// Connections that write.
pub(super) async fn writer(url: &str) -> Result<Pool, sqlx::Error> {
    let options: AnyConnectOptions = url.parse()?;
    // Tried once outside the pool, for the first error's own words.
    let mut probe = options.clone().disable_statement_logging().connect().await?;
    set(&mut probe, false).await?;
    check(&mut probe).await?;
    probe.close().await?;
    of(options, false, WRITERS_MAX).await
}

/// Connections that can not write.
pub(super) async fn readers(url: &str) -> Result<Pool, sqlx::Error> {
    of(url.parse()?, true, READERS_MAX).await
}

async fn of(options: AnyConnectOptions, read_only: bool, max: u32) -> Result<Pool, sqlx::Error> {
    pool(options, AnyPoolOptions::new().max_connections(max).min_connections(1), move |conn| {
        Box::pin(async move {
            set(conn, read_only).await?;
            check(conn).await
        })
    })
    .await
}

/// Begins a transaction that writes, after all that began before it have ended. Under READ COMMITTED each statement then sees all of
/// what they committed, and nobody changes anything until this one ends.
pub(super) async fn begin_write(pool: &Pool) -> Result<Tx, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))").bind(LOCK).execute(&mut *tx).await?;
    Ok(tx)
}

async fn set(conn: &mut Conn, read_only: bool) -> Result<(), sqlx::Error> {
    let busy = BUSY.as_millis();
    let durable = match show(conn, "synchronous_commit").await?.as_str() {
        // Stronger ones than `on` stay as the server has them.
        "off" | "local" | "remote_write" => "SET synchronous_commit = on;",
        _ => "",
    };
    let read_only = if read_only { "on" } else { "off" };
    let settings = format!(
        "{durable} SET lock_timeout = {busy}; SET statement_timeout = '{STATEMENT_S}s';
         SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'; SET default_transaction_isolation = 'read committed';
         SET default_transaction_read_only = {read_only}; SET client_min_messages = warning; {PLANS}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(conn).await.map(drop)
}

async fn show(conn: &mut Conn, name: &'static str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(conn).await
}

/// Reads back what the safety of a committed action hangs on.
async fn check(conn: &mut Conn) -> Result<(), sqlx::Error> {
    let server = "Set it in the server's configuration";
    for name in ["fsync", "full_page_writes"] {
        expect(name, "on", &show(conn, name).await?, server)?;
    }
    let commit = show(conn, "synchronous_commit").await?;
    if commit != "remote_apply" {
        expect("synchronous_commit", "on", &commit, server)?;
    }
    expect("server_encoding", "UTF8", &show(conn, "server_encoding").await?, "Make the database with ENCODING 'UTF8'")?;
    let version = show(conn, "server_version_num").await?;
    let recent = version.parse::<i64>().is_ok_and(|v| v >= OLDEST);
    let found = if recent { "13 or newer" } else { version.as_str() };
    expect("server_version", "13 or newer", found, "Use a newer server")
}

/// SQLSTATE, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn stable_code(code: &str) -> &'static str {
    match code {
        // lock_not_available, query_canceled (a statement took too long), deadlock, serialization, too_many_connections.
        "55P03" | "57014" | "40P01" | "40001" | "53300" => "ledger-busy",
        "25006" => "ledger-read-only",
        "53100" => "ledger-full",
        "42501" | "3D000" => "ledger-refused",
        // Ended by the administrator, starting up, or our transaction was idle for too long.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => "ledger-unreachable",
        _ if code.starts_with("XX") => "ledger-corrupt",
        _ if code.starts_with("08") => "ledger-unreachable",
        _ if code.starts_with("28") => "ledger-refused",
        _ => "ledger-database",
    }
}

/// Which server and database, for messages: without the password that the address may hold.
pub fn describe(url: &str) -> String {
    let Ok(options) = PgConnectOptions::from_str(url) else { return "PostgreSQL".to_owned() };
    let place =
        options.get_socket().map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let database = options.get_database().unwrap_or(options.get_username());
    format!("PostgreSQL database {database} at {place}:{}", options.get_port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let said = describe("postgres://deed:s3cret@db.example:6432/ledger?sslmode=require");
        assert_eq!(said, "PostgreSQL database ledger at db.example:6432");
        assert!(!describe("postgres://deed:s3cret@[bad/ledger").contains("s3cret"));
    }
}
