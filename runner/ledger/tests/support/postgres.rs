//! A throw-away PostgreSQL for tests: one server for all test processes of a build, each test in a schema of its own.
//!
//! The first process that needs it makes it (`initdb`, as an unprivileged user, in a temporary directory, on a unix socket only); a
//! watchdog ends it and removes it a few seconds after the last process has gone. Who uses it is told by a shared lock on a file, which
//! the system takes back from a process that dies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Ends the server when nobody holds the lock of its users; looks every two seconds, for two hours at most.
/// $1 the lock that is held while it is started or ended, $2 the users' lock, $3 the directory, $4… how to run as its user.
const WATCHDOG: &str = r#"
starting=$1 users=$2 dir=$3; shift 3
for _ in $(seq 3600); do
  sleep 2
  flock -x "$starting" flock -n -x "$users" "$@" pg_ctl -D "$dir/data" -m immediate stop && { rm -rf "$dir"; exit 0; }
done
"#;

/// The address of a new schema on the server.
pub fn new_schema() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(Server::get);
    let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
    server.sql(&format!("CREATE SCHEMA {schema}"));
    server.address(&schema)
}

struct Server {
    dir: PathBuf,
    _using: File,
}

impl Server {
    fn get() -> Self {
        // Named after this build, and short: the path of a socket has 107 bytes at most.
        let build = deed_proofs::Sha256::of(env!("CARGO_TARGET_TMPDIR").as_bytes()).to_string();
        let base = std::env::temp_dir().join(format!("deed-pg-{}", build.get(..12).unwrap_or_default()));
        let (starting_at, using_at) = (base.with_extension("starting"), base.with_extension("using"));
        let starting = lock_file(&starting_at);
        starting.lock().unwrap();
        let using = lock_file(&using_at);
        using.lock_shared().unwrap();
        let server = Self { dir: base, _using: using };
        if !server.answers() {
            server.start(&starting_at, &using_at);
        }
        server
    }

    fn answers(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.dir.join(".s.PGSQL.5432")).is_ok()
    }

    fn start(&self, starting: &Path, using: &Path) {
        // What a machine that went down has left.
        let _ = std::fs::remove_dir_all(&self.dir);
        std::fs::create_dir(&self.dir).unwrap();
        std::fs::set_permissions(&self.dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        if runs_as_root() {
            std::os::unix::fs::chown(&self.dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = self.dir.join("data").display().to_string();
        self.run("initdb", &["-D", &data, "-U", "deed", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let socket_only = format!("-k {} -c listen_addresses='' -c max_connections=200", self.dir.display());
        let log = self.dir.join("log").display().to_string();
        self.run("pg_ctl", &["-D", &data, "-w", "-t", "120", "-l", &log, "-o", &socket_only, "start"]);
        let mut watchdog = Command::new("setsid");
        watchdog.args(["--fork", "sh", "-c", WATCHDOG, "watchdog"]).args([starting, using, &self.dir]).args(as_user());
        assert!(quiet(&mut watchdog).env("PATH", path()).status().unwrap().success());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let (user, output) = (as_user(), self.dir.join("output"));
        let mut command = match user.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        // To a file, not to a pipe: the server keeps what it was started with open.
        let file = File::create(&output).unwrap();
        let status = quiet(&mut command)
            .args(arguments)
            .env("PATH", path())
            .current_dir("/")
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status();
        let said = std::fs::read_to_string(output).unwrap_or_default();
        let done = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        assert!(done, "{program} failed ({status:?}): install postgresql, or see why: {said}");
    }

    fn sql(&self, statement: &str) {
        let address = self.address("public");
        let statement = statement.to_owned();
        // Of its own: the caller may be in the middle of another runtime.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                use sqlx::Connection as _;
                let mut conn = sqlx::PgConnection::connect(&address).await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
                conn.close().await.unwrap();
            });
        })
        .join()
        .unwrap();
    }

    fn address(&self, schema: &str) -> String {
        let socket = self.dir.display().to_string().replace('/', "%2F");
        format!("postgres://deed@{socket}:5432/postgres?application_name={schema}&options=-c%20search_path%3D{schema}")
    }
}

const NOBODY: u32 = 65_534;

fn runs_as_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// A server never runs as root.
fn as_user() -> &'static [&'static str] {
    if runs_as_root() { &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] } else { &[] }
}

/// Debian keeps the server's programs beside the PATH, in a directory for each version.
fn path() -> std::ffi::OsString {
    let mut dirs: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    dirs.sort();
    dirs.reverse();
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(dirs.into_iter().chain(std::env::split_paths(&own))).unwrap()
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn lock_file(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
