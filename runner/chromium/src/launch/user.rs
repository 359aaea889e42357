//! As whom the browser runs.
//!
//! Chromium's sandbox refuses to work as root, and a browser that is taken over should own nothing. Started by root, each browser gets a
//! user id of its own, out of the range that systemd keeps for transient users (61184 to 65519) and that no process
//! uses now: no other process can be that user, read its profile or attach to it.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use deed_core::ports::browser::BrowserFault;
use rand::Rng as _;
use rustix::fs::{Gid, Uid};

const FIRST: u32 = 61_184;
const LAST: u32 = 65_519;

/// As whom the browser runs; `None`: as ourselves.
#[derive(Debug, Clone, Copy)]
pub struct BrowserUser(Option<u32>);

impl BrowserUser {
    /// Ourselves, or an unused id when we are root.
    pub fn choose() -> Result<Self, BrowserFault> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let used = ids_in_use();
        let start = rand::rng().random_range(FIRST..=LAST);
        (start..=LAST)
            .chain(FIRST..start)
            .find(|id| !used.contains(id))
            .map(|id| Self(Some(id)))
            .ok_or_else(|| BrowserFault::Launch("no unused user id for the browser".to_owned()))
    }

    /// Makes a file or directory the browser's.
    pub fn give(self, path: &Path) -> Result<(), BrowserFault> {
        let Self(Some(id)) = self else { return Ok(()) };
        rustix::fs::chown(path, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))
            .map_err(|e| BrowserFault::Launch(format!("failed to give {} to the browser's user: {e}", path.display())))
    }

    /// Has a command run as the browser's user. Supplementary groups are dropped by the standard library.
    pub fn run_as(self, command: &mut Command) {
        if let Self(Some(id)) = self {
            command.uid(id).gid(id);
        }
    }
}

fn ids_in_use() -> HashSet<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashSet::new() };
    entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|e| e.metadata().ok().map(|m| m.uid()))
        .collect()
}
