//! The guard: a tiny process that outlives a killed runner by a moment, ends the browser's process group and removes its home.
//!
//! A closed pipe ends a healthy browser; a stopped or wedged one does not notice. The guard waits for the end of
//! its standard input, which the kernel closes when the runner dies in whatever way. It is a process group of its own, so that a Ctrl-C
//! meant for the runner does not reach it.

use std::path::Path;
use std::process::Stdio;

use deed_core::ports::browser::BrowserFault;
use tokio::process::{Child, ChildStdin, Command};

/// `read` returns at the end of input. A moment's grace lets a healthy browser end by itself. What dies may write into its home to
/// the last, and a removal that meets that leaves the folder: both are done again until the home stays gone, ten seconds at most.
/// `kill -s KILL --` is what every shell reads; some take the dashes of `kill -KILL --` for a number, and end nothing. A group that is gone is
/// not asked for again: its number may be another's by then.
const SCRIPT: &str = r#"
read -r word
sleep 0.3
gone=
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -n "$gone" ] || kill -s KILL -- "-$1" 2>/dev/null || gone=yes
  rm -rf -- "$2" 2>/dev/null
  sleep 0.5
  [ -e "$2" ] || break
done
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Writes into its folder for three seconds, and makes it again when it is not there: as a process does that is dying.
    const WRITER: &str = r#"
for n in $(seq 300); do mkdir -p "$1/cache"; : > "$1/cache/$n"; sleep 0.01; done
"#;

    #[tokio::test]
    async fn a_home_that_is_written_to_while_it_is_removed_goes_in_the_end() -> std::io::Result<()> {
        let home = std::env::temp_dir().join(format!("deed-guard-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&home)?;
        let mut browser = Command::new("sleep").arg("60").process_group(0).spawn()?;
        let group = i32::try_from(browser.id().unwrap_or_default()).map_err(std::io::Error::other)?;
        let mut writer = Command::new("/bin/sh").args(["-c", WRITER, "writer"]).arg(&home).process_group(0).spawn()?;

        drop(Guard::start(group, &home).map_err(std::io::Error::other)?);
        let ended = tokio::time::timeout(Duration::from_secs(30), browser.wait()).await;
        assert!(ended.is_ok(), "the group outlived its runner");
        writer.wait().await?;
        for _ in 0..300 {
            if !home.exists() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::fs::remove_dir_all(&home)?;
        Err(std::io::Error::other("the home stayed"))
    }
}
