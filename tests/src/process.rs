//! The real `deed` process in a data directory of its own, on a disk that may be small.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use deed_fixtures::Practice;
use serde_json::Value;

use crate::{HANDLE, recipe_yaml_settling_in};

/// A user without rights of its own.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// The binary that was built with this test.
pub fn binary() -> PathBuf {
    let mut path = std::env::current_exe().expect("this test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let path = path.join("deed");
    assert!(path.is_file(), "{} is built with the workspace", path.display());
    path
}

/// One data directory with a live account on the platform.
pub struct Home {
    dir: tempfile::TempDir,
    disk: Option<SmallDisk>,
    /// The server that holds the ledger, in place of a file.
    database: Option<String>,
    /// Runs commands as somebody for whom modes count, where this process is root.
    unprivileged: bool,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its one document.
    pub json: Value,
    /// Its words.
    pub words: String,
}

impl Said {
    /// The error's code, or the hold's reason.
    pub fn why(&self) -> &str {
        let hold = self.json["hold"]["reason"].as_str();
        self.json["error"]["code"].as_str().or(hold).unwrap_or_default()
    }
}

impl Home {
    /// Made, with the account connected and live.
    pub fn new(practice: &Practice) -> Self {
        let home = Self::bare(None);
        home.connect(practice);
        home
    }

    /// Nothing in it but recipes; the ledger is on a server.
    pub fn on_server(url: &str) -> Self {
        let mut home = Self::bare(None);
        home.database = Some(url.to_owned());
        home
    }

    /// With a small disk mounted at `disk` in it; `None` where nothing may be mounted.
    pub fn with_small_disk(kib: u64) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = dir.path().join("disk");
        std::fs::create_dir(&at).expect("a directory");
        let disk = SmallDisk::mount(&at, kib)?;
        let mut home = Self::bare(Some(dir));
        home.disk = Some(disk);
        Some(home)
    }

    /// Nothing in it but recipes.
    pub fn empty() -> Self {
        Self::bare(None)
    }

    /// For commands without root's rights, for which no file is read-only.
    pub fn unprivileged(practice: &Practice) -> Self {
        let mut home = Self::bare(None);
        home.unprivileged = is_root();
        if home.unprivileged {
            let copy = home.path().join("deed");
            std::fs::copy(binary(), copy).expect("the binary is copied to where anybody reaches it");
            std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).expect("root gives it away");
        }
        home.connect(practice);
        home
    }

    fn bare(dir: Option<tempfile::TempDir>) -> Self {
        let dir = dir.unwrap_or_else(|| tempfile::tempdir().expect("a temporary directory"));
        let home = Self { dir, disk: None, database: None, unprivileged: false };
        let at = home.path();
        for sub in ["tmp", "recipes/practice"] {
            std::fs::create_dir_all(at.join(sub)).expect("a directory");
        }
        std::fs::write(at.join("recipes/practice/recipe.yaml"), recipe_yaml_settling_in(2)).expect("the recipe");
        // Every process of the unprivileged browser must be able to reach its home below.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(at, mode).expect("readable");
        let sticky = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
        std::fs::set_permissions(at.join("tmp"), sticky).expect("writable");
        home
    }

    /// Makes the ledger and connects the account, live.
    pub fn connect(&self, practice: &Practice) {
        self.connect_at(practice, &practice.origin());
    }

    /// As [`Home::connect`], where the platform is reached by another address.
    pub fn connect_at(&self, practice: &Practice, origin: &str) {
        let at = self.path();
        let facts = practice.account_fingerprint(HANDLE).expect("the account");
        std::fs::write(at.join("avatar.png"), facts.avatar_png).expect("the avatar");
        let session = practice.storage_state(HANDLE).expect("a session").to_string();
        std::fs::write(at.join("session.json"), session.replace(&practice.origin(), origin)).expect("the session");
        self.ok(&["init"]);
        self.ok(&[
            "account",
            "add",
            "--platform",
            "practice",
            "--handle",
            HANDLE,
            "--name",
            &facts.display_name,
            "--avatar",
            "avatar.png",
            "--session",
            "session.json",
            "--origin",
            origin,
        ]);
        self.ok(&["account", "mode", HANDLE, "live"]);
    }

    /// Where everything lies.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The small disk.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("this home has a small disk")
    }

    /// Writes an order for a post.
    pub fn order(&self, text: &str) -> PathBuf {
        let order = serde_json::json!({
            "platform": "practice", "account": HANDLE, "action": "publish.post", "content": { "text": text },
        });
        let path = self.path().join("order.json");
        std::fs::write(&path, order.to_string()).expect("the order");
        path
    }

    /// A command in this home. Its variables may be set anew.
    pub fn command(&self, args: &[&str]) -> Command {
        let at = self.path();
        let mut command = match &self.disk {
            Some(disk) => disk.enter(&binary()),
            None if self.unprivileged => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
                command.arg(at.join("deed"));
                command
            }
            None => Command::new(binary()),
        };
        command.args(args).current_dir(at).env_clear();
        for name in ["PATH", "HOME"] {
            command.env(name, std::env::var_os(name).unwrap_or_default());
        }
        command.env("DEED_DATA", at.join("data")).env("DEED_SEAL_KEY", at.join("seal.key"));
        command.env("DEED_RECIPES", at.join("recipes")).env("TMPDIR", at.join("tmp"));
        command.env("DEED_UNPACED", "1").env("DEED_OPERATOR", "crash test").stdin(Stdio::null());
        command.envs(self.database.as_ref().map(|url| ("DATABASE_URL", url)));
        command
    }

    /// Runs a command that must be done.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("deed runs");
        let (words, said) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "deed {args:?}: {:?}\n{words}\n{said}", output.status);
        said.into_owned()
    }

    /// Runs a command to its end, whatever it is.
    pub fn run(&self, mut command: Command) -> Said {
        let output = command.arg("--json").output().expect("deed runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Said { code: output.status.code().unwrap_or(-1), json, words }
    }

    /// Processes of browsers that were started from here.
    pub fn browsers_left(&self) -> Vec<String> {
        let mark = self.path().join("tmp").display().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (line.contains(&mark) && line.contains("chrom")).then_some(line)
        });
        processes.collect()
    }
}

/// The words of a command that came to its end; `None`: it did not in time, and was ended.
pub fn words_within(command: &mut Command, limit: Duration) -> Option<String> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = child.stderr.take().expect("its words");
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut words = Vec::new();
        let _ = stderr.read_to_end(&mut words);
        let _ = say.send(words);
    });
    let words = said.recv_timeout(limit).ok();
    if words.is_none() {
        child.kill().expect("it is ended");
    }
    child.wait().expect("it ended");
    words.map(|words| String::from_utf8_lossy(&words).into_owned())
}

/// Starts a command and waits until its words say that it is where we want it; `None`: it ended before.
pub fn run_until(command: &mut Command, when: impl Fn(&str) -> bool) -> Option<Child> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("deed starts");
    let mut words = BufReader::new(child.stderr.take().expect("its words"));
    let mut line = String::new();
    while words.read_line(&mut line).is_ok_and(|n| n > 0) {
        if when(&line) {
            // Read on, so that it never waits for a reader.
            std::thread::spawn(move || std::io::copy(&mut words, &mut std::io::sink()));
            return Some(child);
        }
        line.clear();
    }
    child.wait().expect("it ended");
    None
}

/// A disk of a few mebibytes at most, in a mount namespace of its own: it is gone with the process that holds it, whatever happens.
pub struct SmallDisk {
    holder: Child,
    at: PathBuf,
    root: bool,
}

impl SmallDisk {
    /// Mounts it; `None` where that is not allowed.
    pub fn mount(at: &Path, kib: u64) -> Option<Self> {
        let root = is_root();
        let mut command = Command::new("unshare");
        command.arg("--mount").args((!root).then_some("--map-root-user"));
        let script = "mount -t tmpfs -o mode=0777,size=\"$1\"k tmpfs \"$2\" && echo mounted && read -r _";
        command.args(["sh", "-c", script, "sh"]).arg(kib.to_string()).arg(at);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut said = [0; 7];
        let mounted =
            holder.stdout.as_mut().is_some_and(|out| out.read_exact(&mut said).is_ok()) && said == *b"mounted";
        if !mounted {
            println!("skipped: nothing can be mounted here");
            return None;
        }
        Some(Self { holder, at: at.to_owned(), root })
    }

    /// A command that sees it.
    fn enter(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.holder.id().to_string()).arg("--mount");
        command.args((!self.root).then_some(["--user", "--preserve-credentials"]).into_iter().flatten());
        // Entering a namespace leads to its root directory.
        let home = self.at.parent().unwrap_or(&self.at);
        command.args(["--", "sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh"]).arg(home).arg(program);
        command
    }

    /// Whether a browser can be started beside it: as somebody who only seems to be root it can not.
    pub fn takes_a_browser(&self) -> bool {
        self.root
    }

    /// Its path as this process, which is not in the namespace, reaches it.
    pub fn from_outside(&self) -> PathBuf {
        let rest = self.at.strip_prefix("/").unwrap_or(&self.at);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(rest)
    }

    /// Takes all of its space but so much.
    pub fn fill(&self, but_kib: usize) {
        let path = self.from_outside().join("fill");
        let mut file = std::fs::File::create(&path).expect("a file on the small disk");
        let mut kib = 0_usize;
        while file.write_all(&[0; 1024]).is_ok() {
            kib += 1;
        }
        let keep = u64::try_from(kib.saturating_sub(but_kib)).expect("a size") * 1024;
        file.set_len(keep).expect("it is cut");
    }

    /// Gives the space back.
    pub fn make_room(&self) {
        std::fs::remove_file(self.from_outside().join("fill")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
