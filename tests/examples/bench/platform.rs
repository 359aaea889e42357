//! The practice platform in a process of its own, so that its work is not counted as the driver's.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use deed_fixtures::{Practice, PracticeConfig};
use deed_tests::HANDLE;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    pub origin: String,
    pub display_name: String,
    pub avatar_png: Vec<u8>,
    /// One signed-in session for each account at once.
    pub sessions: Vec<serde_json::Value>,
}

pub struct Platform {
    child: Child,
    pub facts: Facts,
}

/// The other process: serves until its input ends.
pub async fn serve() {
    let practice = Practice::start(PracticeConfig::default()).await.expect("the platform starts");
    let account = practice.account_fingerprint(HANDLE).expect("the account");
    let sessions = (0..24).map(|_| practice.storage_state(HANDLE).expect("a session")).collect();
    let facts = Facts {
        origin: practice.origin(),
        display_name: account.display_name,
        avatar_png: account.avatar_png,
        sessions,
    };
    println!("{}", serde_json::to_string(&facts).unwrap());
    let wait = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    let _ = wait.await;
    practice.stop().await;
}

impl Platform {
    pub fn start() -> Self {
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new(this)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the platform starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).expect("the platform tells where it is");
        Self { child, facts: serde_json::from_str(&line).expect("it tells it as JSON") }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
