//! The guard: a tiny process that outlives a killed runner by a moment, ends the browser's process group and removes its home.
//!
//! A closed pipe ends a healthy browser; a stopped or wedged one does not notice. The guard waits for the end of
//! its standard input, which the kernel closes when the runner dies in whatever way. It is a process group of its own, so that a Ctrl-C
//! meant for the runner does not reach it.

use std::path::Path;
use std::process::Stdio;

use deed_core::ports::browser::BrowserFault;
use tokio::process::{Child, ChildStdin, Command};

/// `read` returns at the end of input. A second's grace lets a healthy browser end by itself.
const SCRIPT: &str = r#"
read -r word
[ "$word" = done ] || sleep 0.3
kill -KILL -- "-$1" 2>/dev/null
rm -rf -- "$2"
"#;

/// Ends the browser when dropped, or when this process dies.
#[derive(Debug)]
pub struct Guard {
    _stdin: Option<ChildStdin>,
    _child: Child,
}

impl Guard {
    /// Starts the guard of a process group.
    pub fn start(group: i32, home: &Path) -> Result<Self, BrowserFault> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg("deed-guard").arg(group.to_string()).arg(home);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(|e| BrowserFault::Launch(format!("the guard did not start: {e}")))?;
        Ok(Self { _stdin: child.stdin.take(), _child: child })
    }
}
