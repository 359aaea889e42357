//! A fleet: real worker processes on two "machines" (data directories), one PostgreSQL, one proof store, twenty
//! accounts; workers are killed and stopped all the while, their connections to the ledger are cut, and the platform
//! misbehaves.
//!
//! Each order reaches the platform at most once, as its own account, and all of them end or wait for a person. `DEED_FLEET_ORDERS`,
//! `DEED_FLEET_SECONDS`, `DEED_FLEET_WORKERS` and `DEED_FLEET_SEED` make it longer or another one (`make fleet`: 400 orders, 10 minutes).
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use deed_core::account::{AccountState, Fingerprint, Mode};
use deed_core::ids::ClientId;
use deed_core::ports::browser::SessionState;
use deed_core::state::State;
use deed_fixtures::{Faults, Practice, PracticeConfig, WriteKind};
use deed_ledger::{ActionDetails, ActionFilter, NewAccount, Operator, SqlLedger};
use deed_proofs::ImageHash;
use deed_tests::process::Home;

use crate::postgres;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Accounts of one platform; ten platforms make twenty accounts.
const HANDLES: [&str; 2] = ["north_star", "harbour_books"];
const PLATFORMS: usize = 10;
/// How long a worker's claims are good without a beat: the shortest there is.
const LEASE_S: u64 = 20;
/// How long after the last blow everything may take to come to an end.
const SETTLE_WITHIN: Duration = Duration::from_secs(600);
/// How often a person goes round.
const ROUND: Duration = Duration::from_secs(10);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The platforms, and one client's accounts on them.
struct Town {
    platforms: Vec<Practice>,
    /// By order text: which platform, which handle.
    orders: BTreeMap<String, (usize, &'static str)>,
}

impl Town {
    async fn new(ledger: &SqlLedger) -> Self {
        let mut town = Self { platforms: Vec::new(), orders: BTreeMap::new() };
        ledger.ensure_client(&ClientId::new("agency"), "test").await.unwrap();
        for _ in 0..PLATFORMS {
            let practice = Practice::start(PracticeConfig::default()).await.expect("the platform");
            for handle in HANDLES {
                let facts = practice.account_fingerprint(handle).expect("the account");
                let new = NewAccount {
                    client: ClientId::new("agency"),
                    platform: "practice".to_owned(),
                    fingerprint: Fingerprint {
                        handle: handle.to_owned(),
                        display_name: Some(facts.display_name),
                        avatar: Some(ImageHash::of(&facts.avatar_png).expect("a picture")),
                    },
                    origin: Some(practice.origin()),
                };
                let id = ledger.add_account(&new, "test").await.unwrap().id;
                let session = practice.storage_state(handle).expect("a session").to_string();
                ledger.set_session(&id, &SessionState::new(session), "test").await.unwrap();
                ledger.set_mode(&id, Mode::Live, "test").await.unwrap();
            }
            town.platforms.push(practice);
        }
        town
    }

    /// Orders as lines of JSON, spread over all accounts.
    async fn order(&mut self, count: u64, ledger: &SqlLedger) -> String {
        let accounts = ledger.list_accounts().await.unwrap();
        let mut lines = String::new();
        for (number, account) in (0..count).zip(accounts.iter().cycle()) {
            let origin = account.origin.as_deref().unwrap();
            let platform = self.platforms.iter().position(|p| p.origin() == origin).unwrap();
            let handle = HANDLES.into_iter().find(|h| *h == account.fingerprint.handle).unwrap();
            let text = format!("Order {number}: open from seven");
            let order = serde_json::json!({
                "platform": "practice", "account": account.id, "action": "publish.post", "content": { "text": text },
            });
            lines.push_str(&format!("{order}\n"));
            self.orders.insert(text, (platform, handle));
        }
        lines
    }

    /// What the platforms received, against what was ordered; how many writes there were.
    fn at_most_once_and_as_themselves(&self) -> usize {
        let mut written = 0;
        for (number, platform) in self.platforms.iter().enumerate() {
            for write in platform.truth().writes.iter().filter(|w| w.kind == WriteKind::Publish) {
                let (at, handle) = self.orders.get(&write.text).expect("somebody ordered it");
                assert_eq!((*at, Some(*handle)), (number, write.account.as_deref()), "as its own account: {write:?}");
                written += 1;
            }
        }
        for text in self.orders.keys() {
            assert!(self.writes_of(text) <= 1, "{text}: {} writes", self.writes_of(text));
        }
        written
    }

    /// Requests, whatever became of them.
    fn writes_of(&self, text: &str) -> usize {
        let (platform, _) = self.orders[text];
        self.platforms[platform].truth().publishes_of(text)
    }

    /// Those that made a post.
    fn made_of(&self, text: &str) -> usize {
        let (platform, _) = self.orders[text];
        self.platforms[platform].truth().stored_publishes_of(text)
    }
}

/// What a platform does wrong for a while.
fn some_faults(dice: &mut StdRng) -> Faults {
    let none = Faults::default();
    match dice.random_range(0..8) {
        0 => Faults { lose_response_after_write: true, ..none },
        1 => Faults { error_500_after_write: true, ..none },
        2 => Faults { error_500_before_write: true, ..none },
        3 => Faults { lose_request_before_write: true, ..none },
        4 => Faults { visible_after_ms: 1500, ..none },
        5 => Faults { page_delay_ms: 400, api_delay_ms: 400, ..none },
        6 => Faults { double_fire: true, ..none },
        _ => none,
    }
}

/// The workers, each started again when it was killed.
struct Fleet {
    homes: [Home; 2],
    workers: Vec<Worker>,
    killed: usize,
    stopped: usize,
    cut: usize,
}

struct Worker {
    child: Child,
    stopped_until: Option<Instant>,
}

impl Fleet {
    fn start(homes: [Home; 2], count: u64) -> Self {
        let mut fleet = Self { homes, workers: Vec::new(), killed: 0, stopped: 0, cut: 0 };
        for number in 0..usize::try_from(count).unwrap() {
            let child = fleet.spawn(number);
            fleet.workers.push(Worker { child, stopped_until: None });
        }
        fleet
    }

    fn spawn(&self, number: usize) -> Child {
        let mut command =
            self.homes[number % 2].command(&["work", "--concurrency", "2", "--lease", &LEASE_S.to_string()]);
        // One proof store and one key for all.
        let shared = self.homes[0].path();
        command.env("DEED_PROOFS", shared.join("proofs")).env("DEED_SEAL_KEY", shared.join("seal.key"));
        let log = File::options().append(true).create(true).open(self.log(number)).unwrap();
        command.stdout(Stdio::null()).stderr(log).spawn().expect("a worker starts")
    }

    fn log(&self, number: usize) -> std::path::PathBuf {
        self.homes[0].path().join(format!("worker-{number}.log"))
    }

    fn logs(&self) -> String {
        let log = |n: usize| std::fs::read_to_string(self.log(n)).unwrap_or_default();
        (0..self.workers.len()).map(|n| format!("worker {n}\n{}", log(n))).collect::<Vec<_>>().join("\n")
    }

    /// One blow, or none, to one worker.
    fn strike(&mut self, dice: &mut StdRng) {
        let number = dice.random_range(0..self.workers.len());
        if self.workers[number].stopped_until.is_some() {
            return;
        }
        let stop = |worker: &mut Worker, seconds| {
            signal(&worker.child, "STOP");
            worker.stopped_until = Some(Instant::now() + Duration::from_secs(seconds));
        };
        match dice.random_range(0..10) {
            0..=1 => {
                self.workers[number].child.kill().unwrap();
                self.workers[number].child.wait().unwrap();
                self.workers[number].child = self.spawn(number);
                self.killed += 1;
            }
            // Longer than its lease, or shorter.
            2 => stop(&mut self.workers[number], LEASE_S + 8),
            3 => stop(&mut self.workers[number], 3),
            _ => return,
        }
        self.stopped += usize::from(self.workers[number].stopped_until.is_some());
    }

    /// Lets those go on whose stop is over (or all of them).
    fn go_on(&mut self, all: bool) {
        for number in 0..self.workers.len() {
            let worker = &mut self.workers[number];
            if worker.stopped_until.is_some_and(|until| all || until <= Instant::now()) {
                signal(&worker.child, "CONT");
                worker.stopped_until = None;
            }
            if let Some(ended) = worker.child.try_wait().unwrap() {
                // Its ledger was cut off while it began: whoever runs workers starts it again.
                assert_eq!(ended.code(), Some(70), "worker {number} ended by itself\n{}", self.logs());
                self.workers[number].child = self.spawn(number);
            }
        }
    }

    /// SIGTERM drains: whoever has nothing armed leaves in order.
    fn drain(&mut self) {
        for number in 0..self.workers.len() {
            signal(&self.workers[number].child, "TERM");
            let until = Instant::now() + SETTLE_WITHIN;
            let status = loop {
                if let Some(status) = self.workers[number].child.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < until, "worker {number} does not end\n{}", self.logs());
                std::thread::park_timeout(Duration::from_millis(100));
            };
            assert!(status.code().is_some(), "it ended by itself: {status}\n{}", self.logs());
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

/// Ends every connection of the workers to the ledger, in the middle of whatever it does.
async fn cut_off(address: &str) {
    let schema = address.split("application_name=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let other = address.replace("application_name=", "application_name=test_");
    let mut raw = <sqlx::PgConnection as sqlx::Connection>::connect(&other).await.unwrap();
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
        .bind(schema)
        .execute(&mut raw)
        .await
        .unwrap();
    sqlx::Connection::close(raw).await.unwrap();
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()), "SIG{name} is sent");
}

/// A person goes round: closes the warnings, lets accounts write again, and lets go on what waits for nothing but that.
/// Without it three outcomes that are not known at once stop an account for the day, and most orders would only be
/// held.
async fn go_round(ledger: &SqlLedger) {
    let by = Operator { by: "ann", reason: "looked at it" };
    for warning in ledger.list_warnings(None, false, 1000).await.unwrap() {
        let _ = ledger.close_warning(&warning.warning_id, by).await;
    }
    for account in ledger.list_accounts().await.unwrap().iter().filter(|a| a.state == AccountState::ReadOnly) {
        // Refused where another press may be under way.
        let _ = ledger.clear_account(&account.id, by).await;
    }
    for details in ledger.list_actions(&ActionFilter::default(), 1000).await.unwrap() {
        if details.action.state == State::Queued && details.hold.is_some_and(|hold| hold.until.is_none()) {
            let _ = ledger.release_action(&details.action.id, by).await;
        }
    }
}

/// Whether it has ended, or waits for a person or for a time.
fn is_at_rest(details: &ActionDetails) -> bool {
    match details.action.state {
        State::PostcheckComplete | State::ConfirmedSuccess | State::ConfirmedFailed | State::Cancelled => {
            details.worker.is_none()
        }
        State::Queued => details.hold.is_some() && details.worker.is_none(),
        State::Unknown => details.worker.is_none() && details.verify_at.is_none(),
        State::PreflightPassed | State::IdentityVerified | State::Attempted => false,
    }
}

#[test]
fn in_trouble_each_order_is_written_at_most_once_as_its_own_account_and_all_come_to_rest() {
    let (orders, seconds) = (setting("DEED_FLEET_ORDERS", 40), setting("DEED_FLEET_SECONDS", 45));
    let (count, seed) = (setting("DEED_FLEET_WORKERS", 4), setting("DEED_FLEET_SEED", 1));
    let mut dice = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let address = postgres::new_schema();
    let homes = [Home::on_server(&address), Home::on_server(&address)];
    homes[0].ok(&["init"]);
    let (ledger, mut town) = runtime.block_on(async {
        let unharmed = address.replace("application_name=", "application_name=test_");
        let ledger = deed_tests::open_ledger_on(&unharmed, &homes[0].path().join("seal.key")).await;
        let town = Town::new(&ledger).await;
        (ledger, town)
    });
    let lines = runtime.block_on(town.order(orders, &ledger));
    let mut add = homes[0].command(&["queue", "add", "-"]);
    let mut adding = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("deed starts");
    adding.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());

    let begun = Instant::now();
    let mut fleet = Fleet::start(homes, count);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = Instant::now();
    while Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(dice.random_range(800..2500)));
        for platform in &town.platforms {
            if dice.random_bool(0.2) {
                platform.set_faults(some_faults(&mut dice));
            }
        }
        fleet.strike(&mut dice);
        if dice.random_bool(0.15) {
            runtime.block_on(cut_off(&address));
            fleet.cut += 1;
        }
        if rounds.elapsed() > ROUND {
            rounds = Instant::now();
            runtime.block_on(go_round(&ledger));
        }
        fleet.go_on(false);
    }
    town.platforms.iter().for_each(|platform| platform.set_faults(Faults::default()));
    fleet.go_on(true);

    let list = || runtime.block_on(ledger.list_actions(&ActionFilter::default(), 1000)).unwrap();
    let until = Instant::now() + SETTLE_WITHIN;
    while Instant::now() < until && !list().iter().all(is_at_rest) {
        std::thread::park_timeout(Duration::from_millis(500));
    }
    let restless: Vec<_> = list().into_iter().filter(|details| !is_at_rest(details)).collect();
    assert!(restless.is_empty(), "left in the middle: {restless:#?}\n{}", fleet.logs());
    fleet.drain();

    let written = town.at_most_once_and_as_themselves();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    let mut holds: BTreeMap<&str, usize> = BTreeMap::new();
    for details in list() {
        let text = &details.action.payload.content.text;
        let (writes, made) = (town.writes_of(text), town.made_of(text));
        match details.action.state {
            State::PostcheckComplete | State::ConfirmedSuccess => assert_eq!((writes, made), (1, 1), "{details:#?}"),
            State::Queued => assert_eq!(writes, 0, "{details:#?}"),
            State::ConfirmedFailed => assert_eq!(made, 0, "{details:#?}"),
            _ => {}
        }
        *states.entry(details.action.state.as_str()).or_default() += 1;
        if let Some(hold) = details.hold.filter(|_| details.action.state == State::Queued) {
            *holds.entry(hold.reason.as_str()).or_default() += 1;
        }
    }
    assert!(states.contains_key("postcheck_complete"), "nothing came through: {states:?}\n{}", fleet.logs());
    assert!(runtime.block_on(ledger.audit_verify()).unwrap().ok);
    let (killed, stopped, cut) = (fleet.killed, fleet.stopped, fleet.cut);
    println!(
        "{orders} orders, {count} workers, {killed} killed, {stopped} stopped, {cut} times cut off from the ledger, {written} writes, \
         none twice: {states:?}, held for {holds:?}; {} s",
        begun.elapsed().as_secs()
    );
    runtime.block_on(async {
        ledger.close().await;
        for platform in town.platforms {
            platform.stop().await;
        }
    });
}
