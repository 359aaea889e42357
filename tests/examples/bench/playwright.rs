//! (c) The same steps as a bare playwright-core script, where Node and the package are there (`make bench` installs it).

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use deed_tests::HANDLE;

use crate::platform::Platform;

pub struct Playwright {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    level: usize,
}

impl Playwright {
    /// `None` where Node or playwright-core is not there.
    pub fn start(platform: &Platform, level: usize) -> Option<Self> {
        let modules = std::env::var("PLAYWRIGHT_DIR").ok()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/bench/playwright.cjs");
        let binary = deed_chromium::find_binary().ok()?;
        let mut child = Command::new("node")
            .arg(script)
            .env("NODE_PATH", format!("{modules}/node_modules"))
            .env("BROWSER", binary.executable())
            .env("ORIGIN", &platform.facts.origin)
            .env("HANDLE", HANDLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take()?;
        let output = BufReader::new(child.stdout.take()?);
        let sessions = serde_json::to_string(&platform.facts.sessions[16..]).ok()?;
        writeln!(input, "{sessions}").ok()?;
        Some(Self { child, input, output, level })
    }

    pub fn round(&mut self, round: usize) -> Vec<f64> {
        writeln!(self.input, "{}", serde_json::json!({ "level": self.level, "round": round }))
            .expect("the script reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the script answers");
        serde_json::from_str(&line).expect("milliseconds")
    }
}

impl Drop for Playwright {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "end");
        let _ = self.child.wait();
    }
}
