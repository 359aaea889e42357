//! A Deed of its own for each test: its directories, its environment, its commands.
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

pub mod tsa;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A Deed in a temporary directory.
pub struct Deed {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Deed {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { dir, variables: vec![("DEED_BROWSER", "/bin/true".to_owned()), ("DEED_OPERATOR", "ann".to_owned())] }
    }

    /// With ledger and one account, `north_star`, client `bakery`, without a session.
    pub fn with_account() -> Self {
        let deed = Self::new();
        deed.ok(&["init"]);
        deed.ok(&[
            "account",
            "add",
            "--platform",
            "practice",
            "--handle",
            "@north_star",
            "--name",
            "North Star",
            "--client",
            "bakery",
            "--origin",
            "http://127.0.0.1:4999",
        ]);
        deed
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.retain(|(n, _)| *n != name);
        self.variables.push((name, value.into()));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn ledger(&self) -> PathBuf {
        self.path("home/.local/share/deed/ledger.sqlite")
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the file is written");
        path
    }

    /// An order that would be taken, changed by `change`.
    pub fn order(&self, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut order = serde_json::json!({
            "platform": "practice", "account": "north_star", "action": "publish.post", "content": { "text": "Rye today" },
        });
        change(&mut order);
        self.write(name, order.to_string()).display().to_string()
    }

    /// A command in this Deed's environment.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let home = self.path("home");
        std::fs::create_dir_all(&home).expect("a home");
        let mut command = Command::new(env!("CARGO_BIN_EXE_deed"));
        command.args(arguments).current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.variables.iter().map(|(n, v)| (n, v)));
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Said {
        said(self.command(arguments).output().expect("deed runs"))
    }

    /// Runs a command that must be done.
    pub fn ok<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}\n{said:?}");
        said
    }

    /// Runs a command with `--json` that must end so; its one document.
    pub fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let all: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        let said = self.run(&all);
        assert_eq!(said.code, code, "{arguments:?}\n{said:?}");
        serde_json::from_str(&said.out)
            .unwrap_or_else(|e| panic!("{arguments:?} printed no JSON document ({e}):\n{}", said.out))
    }

    /// Runs a command that must fail so; the error's code, as a person and as a script see it.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> (String, Said) {
        let error = self.json(code, arguments)["error"].clone();
        let name = error["code"].as_str().expect("an error has a code").to_owned();
        for part in ["message", "help"] {
            assert!(error[part].as_str().is_some_and(|t| !t.is_empty()), "{name} has no {part}");
        }
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.err.contains(&format!("error[{name}]: ")) && said.err.contains("\n  help: "), "{said:?}");
        assert_eq!(said.out, "", "words go to stderr");
        (name, said)
    }

    /// How many actions there are.
    pub fn actions(&self) -> usize {
        self.json(0, &["queue", "list"]).as_array().map_or(0, Vec::len)
    }

    /// Changes the ledger behind Deed's back.
    pub fn sql(&self, statements: &'static [&'static str]) {
        let path = self.ledger();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            use sqlx::{ConnectOptions as _, Connection as _};
            let mut conn =
                sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.expect("the ledger opens");
            for statement in statements {
                sqlx::query(*statement).execute(&mut conn).await.expect("the statement runs");
            }
            conn.close().await.expect("the ledger closes");
        });
    }
}

pub fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The permission bits of a file.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o777
}

/// A small picture.
pub fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([(x * 16) as u8, (y * 16) as u8, (x * y) as u8]));
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}
