//! Exports of one action, and a writer of zips of its own, so that tests can say of each byte what it shall be.

use std::collections::BTreeMap;

use deed_proofs::export::{Expected, ExportVerification, export, verify_export};
use deed_proofs::hash::Sha256;
use deed_proofs::manifest::Manifest;
use deed_proofs::seal;
use deed_proofs::store::DirectoryStore;

use crate::common::episode;

pub const NAME: &str = "act_01.zip";
/// Bytes of a local header, without its name.
pub const LOCAL: usize = 30;

/// A sealed action with two episodes, the second one a hold.
pub fn action() -> (tempfile::TempDir, DirectoryStore, Vec<Manifest>) {
    let (folder, store, first) = episode();
    let mut second = first.clone();
    second.action.episode_id = "ep_02".into();
    second.outcome.proof_level = 0;
    second.outcome.state = "queued".into();
    second.steps.truncate(1);
    second.artifacts.truncate(2);
    second.commit_target = None;
    for manifest in [&first, &second] {
        seal(&store, manifest).unwrap();
    }
    (folder, store, vec![first, second])
}

pub fn exported(store: &DirectoryStore, episodes: &[&str]) -> Vec<u8> {
    let episodes: Vec<String> = episodes.iter().map(|episode| (*episode).to_owned()).collect();
    let mut bytes = Vec::new();
    export(store, &episodes, None, &mut bytes).unwrap();
    bytes
}

pub fn check(zip: &[u8], expected: &Expected) -> ExportVerification {
    let found = verify_export(&mut std::io::Cursor::new(zip), NAME, expected).unwrap();
    for problem in &found.problems {
        assert!(!problem.file.is_empty() && !problem.what.is_empty(), "{found:?}");
    }
    found
}

/// The members of a zip that stores its files, in their order.
pub fn members(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let four = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize;
    let two = |at: usize| u16::from_le_bytes(zip[at..at + 2].try_into().unwrap()) as usize;
    let (mut at, mut members) = (0, Vec::new());
    while zip[at..].starts_with(b"PK\x03\x04") {
        let data = at + LOCAL + two(at + 26) + two(at + 28);
        let name = String::from_utf8(zip[at + LOCAL..at + LOCAL + two(at + 26)].to_vec()).unwrap();
        members.push((name, zip[data..data + four(at + 18)].to_vec()));
        at = data + four(at + 18);
    }
    members
}

/// A zip of these members in this order, every other byte as an export has it.
pub fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut common = vec![10, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((0o100_644_u32 << 16).to_le_bytes());
        directory.extend((zip.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(bytes);
    }
    let (at, size, count) = (zip.len() as u32, directory.len() as u32, (members.len() as u16).to_le_bytes());
    zip.extend(directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].concat());
    zip.extend(size.to_le_bytes());
    zip.extend(at.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

/// The same members in order of their names, with the sums in the root made anew: whoever has the program can do that.
pub fn summed(mut members: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    members.retain(|(name, _)| name != "SHA256SUMS");
    let by_name: BTreeMap<&String, Sha256> = members.iter().map(|(name, bytes)| (name, Sha256::of(bytes))).collect();
    let sums: String = by_name.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    members.push(("SHA256SUMS".into(), sums.into_bytes()));
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    members
}
