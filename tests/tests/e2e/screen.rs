//! A display of a test's own, and the hand of a person in front of it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything here may take. The full browser starts slowly.
const WITHIN: Duration = Duration::from_secs(180);

/// A display that nobody else sees.
pub struct Screen {
    server: Child,
    /// As `DISPLAY` has it.
    pub name: String,
}

impl Screen {
    pub fn new() -> Self {
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-ac", "-noreset"]);
        let mut server = server
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts: `.ci/prepare tests` installs it, with chromium and xdotool");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).expect("its number");
        Self { server, name: format!(":{}", number.trim()) }
    }

    /// What a hand does: moves, clicks, types.
    pub fn hand(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output().expect("xdotool");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The window with such a title, as soon as it is there.
    pub fn window(&self, title: &str) -> Option<String> {
        let windows = self.hand(&["search", "--onlyvisible", "--name", title])?;
        windows.lines().last().map(str::to_owned)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Waits for a condition.
pub fn wait(what: &str, why: impl Fn() -> String, so: impl Fn() -> bool) {
    let end = Instant::now() + WITHIN;
    while !so() {
        assert!(Instant::now() < end, "{what}\n{}", why());
        std::thread::park_timeout(Duration::from_millis(100));
    }
}
