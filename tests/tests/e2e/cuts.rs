//! The connection to the ledger is lost at each boundary of an episode, for a moment and for longer than a lease: a real worker over
//! PostgreSQL, behind a wire that can be cut. It waits or lets go, lives on, and each order is written at most once and comes to an end.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::process::Home;

use crate::postgres;
use serde_json::Value;

/// The shortest lease that there is.
const LEASE_S: u64 = 20;
/// A server that is started again.
const MOMENT: Duration = Duration::from_millis(1500);
/// Longer than a lease, by every clock, and longer than anything waits for a connection.
const LONG: Duration = Duration::from_secs(33);
/// How long anything here may take.
const WITHIN: Duration = Duration::from_secs(400);
/// Cases at once: most of their time is waiting.
const AT_ONCE: usize = 3;

/// Where the order ends, and how many writes the platform received of it.
type Ends = (&'static str, usize);
const DONE: Ends = ("postcheck_complete", 1);
/// Armed, and proved or found not to have been sent: nothing is pressed while the kill switch can not be read.
const NOT_SENT: Ends = ("confirmed_failed", 0);

/// Each boundary, in its order, and how it ends when the connection is lost there for a moment, and for long.
const PHASES: [(&str, Ends, Ends); 16] = [
    ("claimed", DONE, DONE),
    ("preflight_passed", DONE, DONE),
    ("opened", DONE, DONE),
    ("identity_verified", DONE, DONE),
    ("deduped", DONE, DONE),
    ("composed", DONE, DONE),
    ("reviewed", DONE, DONE),
    ("proof_durable", DONE, DONE),
    ("armed", DONE, NOT_SENT),
    ("pressed", DONE, DONE),
    ("receipt", DONE, DONE),
    ("verified", DONE, DONE),
    ("confirmed", DONE, DONE),
    ("sealed", DONE, DONE),
    ("postchecked", DONE, DONE),
    ("released", DONE, DONE),
];

/// A connection and what it leads to.
type Pair = (TcpStream, UnixStream);

/// A wire to the server that can be cut, mended, and lose the answer to a commit. It has an address of its own, which nobody takes while it
/// is cut.
struct Wire {
    at: SocketAddr,
    server: PathBuf,
    open: Arc<AtomicBool>,
    pairs: Arc<Mutex<Vec<Pair>>>,
    /// Whether the answer to the next commit is lost, with its connection.
    lose: Arc<AtomicBool>,
}

impl Wire {
    /// The wire, and the ledger's address through it.
    fn to(address: &str) -> (Self, String) {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let number = u8::try_from(NUMBER.fetch_add(1, Ordering::SeqCst)).expect("few wires");
        let process = u8::try_from(std::process::id() % 250).expect("less than 250");
        let at = SocketAddr::from((Ipv4Addr::new(127, 77, process, number), 5432));
        let (before, rest) = address.split_once('@').expect("a user");
        let (socket, rest) = rest.split_once(":5432").expect("a port");
        let server = PathBuf::from(socket.replace("%2F", "/")).join(".s.PGSQL.5432");
        let wire =
            Self { at, server, open: Arc::default(), pairs: Arc::default(), lose: Arc::new(AtomicBool::new(false)) };
        wire.mend();
        (wire, format!("{before}@{at}{rest}"))
    }

    fn mend(&self) {
        let listener = TcpListener::bind(self.at).expect("the address is ours");
        self.open.store(true, Ordering::SeqCst);
        let (open, pairs, lose) = (Arc::clone(&self.open), Arc::clone(&self.pairs), Arc::clone(&self.lose));
        let server = self.server.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if !open.load(Ordering::SeqCst) {
                    return;
                }
                let far = UnixStream::connect(&server).expect("the server is there");
                join(&near, &far, &lose);
                pairs.lock().unwrap().push((near, far));
            }
        });
    }

    /// Ends what is connected; until it is mended, connections are refused.
    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        // Wakes the one who listens, who then goes away with the port.
        let _ = TcpStream::connect(self.at);
        while TcpStream::connect(self.at).is_ok() {
            std::thread::yield_now();
        }
        for (near, far) in self.pairs.lock().unwrap().drain(..) {
            hang_up(&near, &far);
        }
    }
}

fn hang_up(near: &TcpStream, far: &UnixStream) {
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

/// Carries both ways until one side ends.
fn join(near: &TcpStream, far: &UnixStream, lose: &Arc<AtomicBool>) {
    let deaf = Arc::new(AtomicBool::new(false));
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let (lose, deaf_now) = (Arc::clone(lose), Arc::clone(&deaf));
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            let commits = buffer[..n].windows(6).any(|word| word == b"COMMIT");
            if commits && lose.swap(false, Ordering::SeqCst) {
                deaf_now.store(true, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        hang_up(&from, &to);
    });
    let (mut from, mut to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            // The server has answered: what it was asked is done, and nobody hears of it.
            if deaf.load(Ordering::SeqCst) || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        hang_up(&to, &from);
    });
}

/// A worker that is ended whatever happens.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How the connection is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    /// For so long.
    For(Duration),
    /// With the answer to the next commit, which the server carried out.
    OfTheAnswer,
}

struct Case {
    at: &'static str,
    loss: Loss,
    ends: Ends,
}

impl Case {
    fn run(&self, practice: &Practice) {
        let address = postgres::new_schema();
        let home = Home::on_server(&address);
        home.connect(practice);
        let text = format!("Cut at {}, {:?}", self.at, self.loss);
        home.order(&text);
        home.ok(&["queue", "add", "order.json"]);
        let (wire, through) = Wire::to(&address);
        let (log, go) = (home.path().join("worker.log"), home.path().join("go"));
        let words = || std::fs::read_to_string(&log).unwrap_or_default();
        let mut command = home.command(&["work", "--lease", &LEASE_S.to_string()]);
        command.env("DATABASE_URL", through).env("DEED_HALT_AT", format!("{}@{}", self.at, go.display()));
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let mut worker = Worker(command.spawn().expect("a worker starts"));
        wait(&format!("{text}: it gets there"), &words, || words().contains("halted at"));
        match self.loss {
            Loss::For(time) => {
                wire.cut();
                std::fs::write(&go, "").unwrap();
                let back = Instant::now() + time;
                while let Some(left) = back.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                    std::thread::park_timeout(left);
                }
                wire.mend();
            }
            Loss::OfTheAnswer => {
                wire.lose.store(true, Ordering::SeqCst);
                std::fs::write(&go, "").unwrap();
            }
        }
        let action = || -> Value { home.run(home.command(&["queue", "list"])).json[0].clone() };
        let ended =
            |action: &Value| matches!(action["state"].as_str(), Some("postcheck_complete" | "confirmed_failed"));
        wait(&format!("{text}: it comes to an end"), &|| format!("{:#}\n{}", action(), words()), || ended(&action()));
        assert!(worker.0.try_wait().unwrap().is_none(), "{text}: the worker lives on\n{}", words());
        let asked = Command::new("kill").args(["-TERM", &worker.0.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        // Its code is that of the worst outcome; 70 would be an end that nobody asked for.
        let code = worker.0.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 4 | 5)), "{text}: {code:?}\n{}", words());
        let (action, writes) = (action(), practice.truth().publishes_of(&text));
        assert_eq!(
            (action["state"].as_str(), writes),
            (Some(self.ends.0), self.ends.1),
            "{text}\n{action:#}\n{}",
            words()
        );
        assert_eq!(home.run(home.command(&["audit", "verify"])).json["ok"], true, "{text}");
        home.ok(&["proof", "verify", action["action_id"].as_str().unwrap()]);
        assert!(home.browsers_left().is_empty(), "{text}: {:?}", home.browsers_left());
    }
}

fn wait(what: &str, why: &dyn Fn() -> String, so: impl Fn() -> bool) {
    let end = Instant::now() + WITHIN;
    while !so() {
        assert!(Instant::now() < end, "{what}\n{}", why());
        // Some looks are processes of their own.
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

/// All cases, some at once; each that fails is named.
fn run(cases: Vec<Case>) {
    let only = std::env::var("DEED_CUT_AT").ok();
    let cases: Vec<_> = cases.into_iter().filter(|case| only.as_deref().is_none_or(|at| at == case.at)).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let practice = runtime.block_on(Practice::start(PracticeConfig::default())).expect("the platform");
    let next = AtomicUsize::new(0);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case.run(&practice)));
                        failed.extend(ran.is_err().then(|| format!("{} ({:?})", case.at, case.loss)));
                    }
                    failed
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap_or_else(|_| panic!("a hand fell"))).collect()
    });
    assert!(failed.is_empty(), "see above: {failed:?}");
    runtime.block_on(practice.stop());
}

#[test]
fn a_connection_that_is_lost_for_a_moment_at_whatever_boundary_is_made_again() {
    let case = |(at, ends, _)| Case { at, loss: Loss::For(MOMENT), ends };
    run(PHASES.into_iter().map(case).collect());
}

#[test]
fn a_connection_that_is_lost_for_longer_than_a_lease_at_whatever_boundary_loses_nothing_and_doubles_nothing() {
    let case = |(at, _, ends)| Case { at, loss: Loss::For(LONG), ends };
    run(PHASES.into_iter().map(case).collect());
}

/// The change is made, and whoever made it does not know: arm's own commit among them.
#[test]
fn where_the_answer_to_a_commit_is_lost_the_ledger_is_asked_what_became_of_it() {
    let cases = [
        // The first boundary is before preflight's commit, and so on.
        ("claimed", DONE),
        ("opened", DONE),
        // Armed, and no permit came of it: nothing was pressed.
        ("proof_durable", NOT_SENT),
        ("pressed", DONE),
        ("verified", DONE),
        ("confirmed", DONE),
        ("sealed", DONE),
        ("postchecked", DONE),
    ];
    run(cases.into_iter().map(|(at, ends)| Case { at, loss: Loss::OfTheAnswer, ends }).collect());
}
