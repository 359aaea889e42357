//! The browser: there, starts, which version, as whom, and whether its sandbox is really on.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use deed_chromium::launch::LaunchConfig;
use deed_chromium::{Chromium, ChromiumConfig};
use deed_core::ports::browser::Browser as _;

use super::Finding;
use crate::context::Context;
use crate::error::CliError;
use crate::runtime::browser_binary;
use crate::world::now;

/// How long a renderer may take to be there and sandboxed.
const RENDERER_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn look(context: &Context) -> Vec<Finding> {
    let binary = match browser_binary(context) {
        Ok(binary) => binary,
        Err(fault) => return vec![Finding::of("browser", &CliError::Browser(fault))],
    };
    let browser = Chromium::new(ChromiumConfig {
        launch: LaunchConfig { binary: context.settings.browser.clone(), ..LaunchConfig::default() },
        runner: None,
        now: Arc::new(now),
    });
    let started = browser.running().await;
    let findings = match started {
        Err(fault) => {
            let remedy = format!("start {} by hand and read what it says", binary.executable().display());
            vec![Finding::fail("browser", format!("{fault} [{}]", fault.code()), remedy)]
        }
        Ok(_running) => {
            let mut findings =
                vec![Finding::ok("browser", format!("{} ({})", browser.version(), binary.executable().display()))];
            if let Some(group) = browser.process_group().await {
                findings.push(user(group));
                findings.push(sandbox(group).await);
            }
            findings
        }
    };
    browser.stop().await;
    findings
}

fn user(leader: i32) -> Finding {
    let uid = |path: &str| fs::metadata(path).map(|m| m.uid()).ok();
    match (uid("/proc/self"), uid(&format!("/proc/{leader}"))) {
        (_, None) => Finding::warn("user", "could not be seen", "the browser ended early; run `deed doctor` again"),
        (_, Some(0)) => Finding::fail(
            "user",
            "the browser runs as root",
            "this is a defect: its sandbox does nothing then; please report it",
        ),
        (Some(0), Some(uid)) => Finding::ok(
            "user",
            format!("the browser runs as uid {uid}, which is nobody else's, because Deed runs as root"),
        ),
        (_, Some(uid)) => Finding::ok("user", format!("the browser runs as uid {uid}, as Deed does")),
    }
}

/// A renderer is sandboxed when the kernel filters its system calls (seccomp mode 2, `proc(5)`).
async fn sandbox(group: i32) -> Finding {
    let remedy = "allow unprivileged user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, or the AppArmor profile of Chromium)";
    let begun = tokio::time::Instant::now();
    loop {
        let renderers = renderers(group);
        if !renderers.is_empty() && renderers.iter().all(|sandboxed| *sandboxed) {
            return Finding::ok("sandbox", "on: the renderer's system calls are filtered");
        }
        if begun.elapsed() > RENDERER_WITHIN {
            return match renderers.len() {
                0 => {
                    Finding::warn("sandbox", "no renderer was seen, so it is not known whether it is sandboxed", remedy)
                }
                _ => Finding::fail("sandbox", "a renderer runs without one", remedy),
            };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The renderers of the browser's process group: whether each is sandboxed.
fn renderers(group: i32) -> Vec<bool> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| group_of(*id) == Some(group))
        .filter(|id| {
            fs::read(format!("/proc/{id}/cmdline"))
                .is_ok_and(|c| String::from_utf8_lossy(&c).contains("--type=renderer"))
        })
        .filter_map(|id| fs::read_to_string(format!("/proc/{id}/status")).ok())
        .map(|status| status.lines().any(|l| l.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2")))
        .collect()
}

/// Field 5 of `/proc/PID/stat`; the name before it may hold anything.
fn group_of(id: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}
