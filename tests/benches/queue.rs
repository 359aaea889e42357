//! What a claim costs at a depth of a thousand and of a million queued actions: 32 claimers on PostgreSQL, one on SQLite.
//! `DEED_BENCH_DEPTH` sets the greater depth. Run by `make bench-queue`; nothing is asserted but that no table is read whole.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a bench stops at the first surprise")]

#[path = "../../runner/ledger/tests/support/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_core::account::{Fingerprint, Mode};
use deed_core::ids::{ClientId, WorkerId};
use deed_core::ports::ledger::Ledger as _;
use deed_ledger::{ClaimTarget, NewAccount, SqlLedger};
use deed_tests::{open_ledger, open_ledger_on};

/// An agency of fifty clients.
const ACCOUNTS: usize = 200;
const LEASE: Duration = Duration::from_secs(600);
/// Actions that are filed in one transaction.
const AT_ONCE: usize = 100_000;
/// What makes filling quick and is of no matter to a claim: the connection that fills is another one, and a queue that
/// is lost in the middle is filled again. Without a cache for them, each row of a deep queue reads the ends of a dozen
/// indexes from the disk.
const FILLS: [&str; 2] = [
    "SET synchronous_commit = off",
    "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY",
];

/// As a queue is that filled up slowly: the autovacuum has been there, and does not begin in the middle of a
/// measurement; the log is in the file.
const SETTLED: [&str; 2] = ["VACUUM ANALYZE", "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)"];

/// Actions from the one number to the other, spread over the accounts; their ids grow, as those of real ones do.
fn fill(from: usize, to: usize, series: &str) -> String {
    format!(
        "INSERT INTO actions (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash,
             idempotency_key, state, created_at, updated_at)
         SELECT 'a' || (100000000 + n), 'bench', p.account_id, 'practice', 'browser',
             'publish.post', '{{\"action_type\":\"publish.post\",\"content\":{{\"text\":\"x\",\"media\":[]}},\"target\":null}}', 'h', 'h', 'k' || n,
             'queued', n, n
         FROM {series}
         JOIN (SELECT account_id, row_number() OVER (ORDER BY account_id) AS place FROM platform_accounts) p
           ON p.place = n % {ACCOUNTS} + 1",
        series = series.replace("$from", &from.to_string()).replace("$to", &to.to_string()),
    )
}

async fn accounts(ledger: &SqlLedger) {
    ledger.ensure_client(&ClientId::new("bench"), "bench").await.unwrap();
    for number in 0..ACCOUNTS {
        let new = NewAccount {
            client: ClientId::new("bench"),
            platform: "practice".to_owned(),
            fingerprint: Fingerprint { handle: format!("h{number}"), display_name: None, avatar: None },
            origin: None,
        };
        let id = ledger.add_account(&new, "bench").await.unwrap().id;
        ledger.set_mode(&id, Mode::Live, "bench").await.unwrap();
    }
}

/// The given share of claims is quicker.
fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times[at].as_secs_f64() * 1000.0
}

async fn claims(ledger: &SqlLedger, claimers: usize, each: usize) -> Vec<Duration> {
    let one = async |number: usize| {
        let worker = WorkerId::new(format!("w{number}"));
        let mut times = Vec::new();
        for _ in 0..each {
            let begun = Instant::now();
            let claim = ledger.claim(&ClaimTarget::NextDue, &worker, LEASE).await.unwrap().expect("something is due");
            times.push(begun.elapsed());
            ledger.release(&claim.fence).await.unwrap();
        }
        times
    };
    let tasks: Vec<_> = (0..claimers).map(one).collect();
    futures_util::future::join_all(tasks).await.into_iter().flatten().collect()
}

async fn measure(
    name: &str,
    ledger: &SqlLedger,
    raw: &mut sqlx::AnyConnection,
    [series, quick, settled]: [&'static str; 3],
    claimers: usize,
    each: usize,
) {
    let deep = std::env::var("DEED_BENCH_DEPTH").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    accounts(ledger).await;
    sqlx::raw_sql(quick).execute(&mut *raw).await.unwrap();
    let (mut from, mut shallow) = (0, 0.0);
    for depth in [1_000, deep] {
        let begun = Instant::now();
        while from < depth {
            let to = depth.min(from + AT_ONCE);
            let sql = fill(from, to, series);
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *raw).await.unwrap();
            from = to;
        }
        sqlx::raw_sql(settled).execute(&mut *raw).await.unwrap();
        let filled = begun.elapsed();
        claims(ledger, claimers, each / 4 + 1).await;
        let mut times = claims(ledger, claimers, each).await;
        let (median, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        if shallow == 0.0 {
            shallow = p99;
        }
        println!(
            "{name:<11} depth {depth:>9}: {claimers:>2} claimers, {:>5} claims, median {median:7.2} ms, p99 {p99:7.2} ms, p99 ratio {:.2}; filled in {:.1} s",
            times.len(),
            p99 / shallow,
            filled.as_secs_f64()
        );
    }
    for (query, plan) in ledger.worker_plans().await.unwrap() {
        let whole = plan.iter().find(|line| line.contains("Seq Scan on actions") || line.trim() == "SCAN actions");
        assert!(whole.is_none(), "{name}: {query} reads the whole queue: {plan:#?}");
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let address = postgres::new_schema();
        let server = Arc::new(open_ledger_on(&address, &key).await);
        let mut raw = <sqlx::AnyConnection as sqlx::Connection>::connect(&address).await.unwrap();
        let how = ["generate_series($from + 1, $to) AS s (n)", FILLS[0], SETTLED[0]];
        measure("PostgreSQL", &server, &mut raw, how, 32, 40).await;
        server.close().await;

        let path = dir.path().join("ledger");
        let file = open_ledger(&path, &key).await;
        let mut raw =
            <sqlx::AnyConnection as sqlx::Connection>::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        let series =
            "(WITH RECURSIVE s (n) AS (SELECT $from + 1 UNION ALL SELECT n + 1 FROM s WHERE n < $to) SELECT n FROM s)";
        measure("SQLite", &file, &mut raw, [series, FILLS[1], SETTLED[1]], 1, 400).await;
        file.close().await;
    });
}
