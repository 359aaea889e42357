//! A throw-away S3 server for tests: Ceph's RADOS gateway over one monitor and one store in memory, shared by all test
//! processes of a build.
//!
//! It knows keys and signatures, refuses to overwrite (in a bucket without versions), keeps versions and locks objects;
//! it compares no SHA-256, and ignores `If-None-Match` in a bucket with versions and the lock of what is put in parts:
//! a server as they are. It answers in the clear and, at another port, with TLS under an authority of the tests' own;
//! it encrypts with one key that it is told (`aws:kms`), and with none of its own.
//!
//! The first process that needs it makes it, which takes some ten seconds; a watchdog ends it a few seconds after the
//! last one has gone. What lies in it is asked for with requests of this file's own, not with the SDK.

mod authority;
pub mod episodes;
pub mod faulty;
pub mod http;

use std::fs::{File, OpenOptions};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The key of the user that tests are.
pub const ACCESS_KEY: &str = "DEEDTESTS00000000000";
/// Its secret.
pub const SECRET_KEY: &str = "no-secret-but-of-a-server-that-lives-for-a-minute";
/// The name of the key that it encrypts with.
pub const KMS_KEY: &str = "deed-tests";
/// 32 bytes that everybody knows.
const KMS_KEY_BYTES: &str = "ZGVlZC10ZXN0cy1lbmNyeXB0LXdpdGgtdGhpcy1rZXk=";
/// How long the server may take to come up; the machine may be busy.
const UP_WITHIN: Duration = Duration::from_secs(240);

/// Ends the server when nobody holds the lock of its users; looks every two seconds, for two hours at most.
/// $1 the lock that is held while it is started or ended, $2 the users' lock, $3 the directory.
const WATCHDOG: &str = r#"
starting=$1 users=$2 dir=$3
for _ in $(seq 3600); do
  sleep 2
  flock -x "$starting" flock -n -x "$users" sh -c 'kill -9 $(cat "$1"/*.process) 2>/dev/null; rm -rf "$1"' end "$dir" && exit 0
done
"#;

/// A running server.
pub struct Server {
    dir: PathBuf,
    port: u16,
    tls_port: u16,
    _using: File,
}

/// The server, started when it is first asked for.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::get)
}

impl Server {
    fn get() -> Self {
        let build = deed_proofs::Sha256::of(env!("CARGO_MANIFEST_DIR").as_bytes()).to_string();
        let base = std::env::temp_dir().join(format!("deed-s3-{}", build.get(..12).unwrap_or_default()));
        let (starting_at, using_at) = (base.with_extension("starting"), base.with_extension("using"));
        let starting = lock_file(&starting_at);
        starting.lock().expect("the lock of whoever starts it");
        let using = lock_file(&using_at);
        using.lock_shared().expect("the lock of its users");
        let mut server =
            Self { port: port_in(&base, "port"), tls_port: port_in(&base, "tls-port"), dir: base, _using: using };
        if !server.answers() {
            server.start(&starting_at, &using_at);
        }
        server
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS.
    pub fn tls_endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.tls_port)
    }

    /// The certificate of its authority, PEM.
    pub fn authority(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new bucket; one that locks objects keeps versions too.
    pub fn bucket(&self, locks: bool) -> String {
        let name = format!("t-{}", uuid::Uuid::now_v7().simple());
        let headers: &[(&str, &str)] = if locks { &[("x-amz-bucket-object-lock-enabled", "true")] } else { &[] };
        let made = self.request("PUT", &format!("/{name}"), headers, b"");
        assert_eq!(made.status, 200, "{}", String::from_utf8_lossy(&made.body));
        name
    }

    /// A signed request.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> http::Answer {
        http::signed(self.port, method, path, headers, body)
    }

    /// The bytes under a key; `None` where there is nothing.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let answer = self.request("GET", &format!("/{bucket}/{key}"), &[], b"");
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            other => panic!("GET {key}: {other}"),
        }
    }

    fn answers(&self) -> bool {
        self.port != 0
            && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && http::plain(self.port, "GET", "/").status == 200
    }

    fn start(&mut self, starting: &Path, using: &Path) {
        // What a machine that went down has left.
        let _ = std::fs::remove_dir_all(&self.dir);
        std::fs::create_dir(&self.dir).expect("a directory");
        for sub in ["mon", "osd", "run"] {
            std::fs::create_dir(self.dir.join(sub)).expect("a directory");
        }
        authority::make(&self.dir);
        self.port = free_port();
        self.tls_port = free_port();
        let monitor = free_port();
        let (fsid, osd) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
        std::fs::write(self.dir.join("ceph.conf"), self.settings(&fsid, monitor)).expect("its settings");
        // Before anything is started: it ends what is left of a start that fails half-way.
        let mut watchdog = Command::new("setsid");
        watchdog.args(["--fork", "sh", "-c", WATCHDOG, "watchdog"]).args([starting, using, &self.dir]);
        assert!(quiet(&mut watchdog).status().expect("setsid runs").success());

        let keyring = self.path("keyring");
        self.run(
            "ceph-authtool",
            &["--create-keyring", &keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"],
        );
        for name in ["client.admin", "client.rgw", "osd.0"] {
            let rights = [
                "--cap",
                "mon",
                if name == "osd.0" { "allow profile osd" } else { "allow *" },
                "--cap",
                "osd",
                "allow *",
            ];
            self.run("ceph-authtool", &[&[keyring.as_str(), "--gen-key", "-n", name][..], &rights[..]].concat());
        }
        let map = self.path("monmap");
        let at = format!("[v2:127.0.0.1:{monitor}]");
        self.run("monmaptool", &["--create", "--fsid", &fsid, "--addv", "a", &at, &map]);
        self.run("ceph-mon", &["-i", "a", "--mkfs", "--monmap", &map, "--keyring", &keyring]);
        self.daemon("ceph-mon", &["-i", "a", "-f"]);
        self.run("ceph", &["--connect-timeout", "120", "osd", "new", &osd]);
        self.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &osd]);
        self.daemon("ceph-osd", &["-i", "0", "-f"]);
        self.daemon("radosgw", &["-n", "client.rgw", "-f"]);
        let since = Instant::now();
        while !self.answers() {
            assert!(since.elapsed() < UP_WITHIN, "radosgw did not come up: see {}", self.path("log"));
            pause(Duration::from_millis(100));
        }
        let user = ["-n", "client.rgw", "user", "create", "--uid=deed", "--display-name=deed"];
        let keys = [format!("--access-key={ACCESS_KEY}"), format!("--secret-key={SECRET_KEY}")];
        self.run("radosgw-admin", &[&user[..], &[keys[0].as_str(), keys[1].as_str()]].concat());
        std::fs::write(self.dir.join("tls-port"), self.tls_port.to_string()).expect("its port");
        std::fs::write(self.dir.join("port"), self.port.to_string()).expect("its port");
    }

    fn settings(&self, fsid: &str, monitor: u16) -> String {
        let dir = self.dir.display();
        format!(
            "[global]\nfsid = {fsid}\nmon host = [v2:127.0.0.1:{monitor}]\nauth cluster required = cephx\n\
             auth service required = cephx\nauth client required = cephx\nauth allow insecure global id reclaim = false\n\
             osd pool default size = 1\nosd pool default min size = 1\nosd pool default pg num = 4\nosd crush chooseleaf type = 0\n\
             mon allow pool size one = true\nosd objectstore = memstore\nmemstore device bytes = 4294967296\n\
             run dir = {dir}/run\nadmin socket =\nlog file = {dir}/log\npid file =\nkeyring = {dir}/keyring\n\
             mon data = {dir}/mon\nosd data = {dir}/osd\nmon data avail crit = 0\nmon data avail warn = 0\n\
             public addr = 127.0.0.1\nms bind ipv6 = false\nrgw data = {dir}/run\nrgw rados pool pg num min = 4\n\
             rgw thread pool size = 64\nrgw crypt require ssl = false\nrgw crypt s3 kms backend = testing\n\
             rgw crypt s3 kms encryption keys = {KMS_KEY}={KMS_KEY_BYTES}\n\
             rgw frontends = beast endpoint=127.0.0.1:{} ssl_endpoint=127.0.0.1:{} ssl_certificate={dir}/server.pem \
             ssl_private_key={dir}/server.key\n",
            self.port, self.tls_port
        )
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        // To a file, not to a pipe: daemons keep what they were started with open.
        let log = OpenOptions::new().create(true).append(true).open(self.dir.join("output")).expect("a log");
        let mut command = Command::new(program);
        quiet(&mut command).args(arguments).env("CEPH_CONF", self.path("ceph.conf")).current_dir("/");
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program, arguments).status();
        let said = || std::fs::read_to_string(self.dir.join("output")).unwrap_or_default();
        let done = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        assert!(
            done,
            "{program} failed ({status:?}): `.ci/prepare tests` installs what tests need; or see why: {}",
            said()
        );
    }

    /// Starts a daemon that outlives this process; the watchdog ends it.
    fn daemon(&self, program: &str, arguments: &[&str]) {
        let process = self.dir.join(format!("{program}.process"));
        let script = "echo $$ > \"$1\"; shift; exec \"$@\"";
        let process = process.display().to_string();
        let wrapped = [&["--fork", "sh", "-c", script, "daemon", &process, program][..], arguments].concat();
        self.run("setsid", &wrapped);
    }
}

fn port_in(dir: &Path, name: &str) -> u16 {
    std::fs::read_to_string(dir.join(name)).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

#[expect(clippy::disallowed_methods, reason = "waits for a condition, in a thread of its own")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn lock_file(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a lock file")
}
