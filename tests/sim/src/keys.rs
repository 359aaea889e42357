//! The approvers' keys. They are the same in every run, so that a seed is one run; nothing outside of the simulation trusts them.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::OnceLock;

use deed_ledger::ApproverKey;

/// Private keys as they stand in a file: the seeds are 32 times 0x01, 0x02 and 0x03.
const PEMS: [(&str, &str); 3] = [
    ("ann", "MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"),
    ("ben", "MC4CAQAwBQYDK2VwBCIEIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"),
    ("cat", "MC4CAQAwBQYDK2VwBCIEIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD"),
];

/// The key of an approver. Keys are read from files only, so each goes through one.
pub fn key(name: &str) -> Option<&'static ApproverKey> {
    static KEYS: OnceLock<Vec<(&'static str, Option<ApproverKey>)>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| PEMS.iter().map(|(name, der)| (*name, read(name, der))).collect());
    keys.iter().find(|(of, _)| *of == name)?.1.as_ref()
}

fn read(name: &str, der: &str) -> Option<ApproverKey> {
    let path = std::env::temp_dir().join(format!("deed-sim-{}-{name}.pem", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).ok()?;
    let label = "PRIVATE KEY";
    writeln!(file, "-----BEGIN {label}-----\n{der}\n-----END {label}-----").ok()?;
    let key = ApproverKey::open(&path).ok();
    let _ = std::fs::remove_file(&path);
    key
}
