//! Ten thousand changes to an export, each found offline by the export alone, or by what its receiver was told, with the file named.
//!
//! `DEED_TAMPER_CHANGES` and `DEED_TAMPER_SEED` say how many and which.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;
mod zips;

use std::collections::BTreeMap;

use deed_proofs::export::Expected;
use deed_proofs::hash::Sha256;
use deed_proofs::keys::{KeyHistory, KeyStore};
use deed_proofs::manifest::Manifest;
use deed_proofs::store::DirectoryStore;
use deed_proofs::{Signer, seal, seal_signed};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use zips::{NAME, action, check, exported, members, summed, zip};

type Members = Vec<(String, Vec<u8>)>;

/// Before the episode of the tests.
const BEFORE: &str = "2026-11-20T11:00:00.000Z";

/// What can be done to an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// One bit of the file, wherever it is.
    Bit,
    /// One bit of the zip's own headers, where a reader might not look.
    HeaderBit,
    /// One bit of a member, in a zip that is right, with and without new sums.
    MemberBit,
    Dropped,
    /// Two members have each other's content.
    Swapped,
    TruncatedZip,
    TruncatedMember,
    LongerMember,
    Renamed,
    Duplicated,
    /// Two members in the wrong order.
    Reordered,
    Added,
    /// Bytes behind or before it.
    Surrounded,
    /// An episode of another action in the place of one of this.
    Replayed,
    /// A whole export of another action.
    Replaced,
    /// Manifest, report, sums and zip made anew, so that they agree, without a signature.
    Rewritten,
    /// The same, signed with another key.
    Resigned,
}

const ALL: [Change; 17] = {
    use Change::*;
    [
        Bit,
        HeaderBit,
        MemberBit,
        Dropped,
        Swapped,
        TruncatedZip,
        TruncatedMember,
        LongerMember,
        Renamed,
        Duplicated,
        Reordered,
        Added,
        Surrounded,
        Replayed,
        Replaced,
        Rewritten,
        Resigned,
    ]
};

/// What there is to change, and to change it with.
struct Stage {
    zip: Vec<u8>,
    members: Members,
    /// An export of another action, as good as this one.
    other: Members,
    /// Forged episodes, sealed by the program itself, and not signed.
    forged: Vec<Members>,
    /// The same, signed with another key.
    resigned: Vec<Members>,
    /// The keys that the receiver was given.
    keys: KeyHistory,
}

/// Seals with a key.
fn sign(store: &DirectoryStore, manifest: &Manifest, keys: &KeyStore) -> KeyHistory {
    let (key, history) = keys.open_or_create(BEFORE).unwrap();
    seal_signed(store, manifest, Some(Signer { key: &key, keys: &history })).unwrap();
    history
}

fn stage() -> Stage {
    let (folder, store, manifests) = action();
    let ours = KeyStore::at(folder.path().join("ours/signing.key"));
    sign(&store, &manifests[0], &ours);
    let keys = sign(&store, &manifests[1], &ours);
    let both = || exported(&store, &["ep_01", "ep_02"]);
    let zip = both();
    let theirs = KeyStore::at(folder.path().join("theirs/signing.key"));
    let (mut forged, mut resigned) = (Vec::new(), Vec::new());
    for forgery in forgeries(&manifests[0]) {
        seal(&store, &forgery).unwrap();
        forged.push(members(&both()));
        sign(&store, &forgery, &theirs);
        resigned.push(members(&both()));
    }
    let mut other = manifests[1].clone();
    (other.action.action_id, other.action.episode_id) = ("act_66".into(), "ep_01".into());
    sign(&store, &other, &ours);
    let other = members(&exported(&store, &["ep_01"]));
    Stage { members: members(&zip), zip, other, forged, resigned, keys }
}

/// What somebody would like to have proved instead.
fn forgeries(honest: &Manifest) -> Vec<Manifest> {
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut forged = honest.clone();
        change(&mut forged);
        forged
    };
    vec![
        with(&|m| m.outcome.platform_object_id = Some("p_6666".into())),
        with(&|m| m.outcome.permalink = Some("https://practice.test/p/6666".into())),
        with(&|m| m.action.handle = "mallory".into()),
        with(&|m| m.intent.content_hash = Sha256::of(b"another text")),
        with(&|m| m.outcome.proof_level = 2),
        with(&|m| m.verification.clear()),
        with(&|m| m.steps[0].checks[0].passed = false),
        with(&|m| m.artifacts.reverse()),
        with(&|m| m.pacing_seed ^= 1),
    ]
}

/// Makes one change; whether it can be found without having been told anything. `None` where nothing changed.
fn tampered(change: Change, stage: &Stage, dice: &mut SmallRng) -> Option<(Vec<u8>, bool)> {
    let mut files = stage.members.clone();
    let place = dice.random_range(0..files.len());
    let rebuilt = |files: Members, dice: &mut SmallRng| zip(&if dice.random() { summed(files) } else { files });
    let bytes = match change {
        Change::Bit => flipped(stage.zip.clone(), dice),
        Change::HeaderBit => {
            let mut bytes = stage.zip.clone();
            let headers: Vec<usize> = headers(&bytes);
            bytes[headers[dice.random_range(0..headers.len())]] ^= 1 << dice.random_range(0..8);
            bytes
        }
        Change::MemberBit => {
            files[place].1 = flipped(std::mem::take(&mut files[place].1), dice);
            rebuilt(files, dice)
        }
        Change::Dropped => {
            files.remove(place);
            rebuilt(files, dice)
        }
        Change::Swapped => {
            let other = dice.random_range(0..files.len());
            let content = files[place].1.clone();
            files[place].1 = std::mem::replace(&mut files[other].1, content);
            rebuilt(files, dice)
        }
        Change::TruncatedZip => stage.zip[..dice.random_range(0..stage.zip.len())].to_vec(),
        Change::TruncatedMember => {
            let length = dice.random_range(0..files[place].1.len());
            files[place].1.truncate(length);
            rebuilt(files, dice)
        }
        Change::LongerMember => {
            files[place].1.extend((0..dice.random_range(1..40)).map(|_| dice.random_range(9..127_u8)));
            rebuilt(files, dice)
        }
        Change::Renamed => {
            let name = &mut files[place].0;
            let at = dice.random_range(0..name.len());
            let letter = (b"0123456789abcdefxyz._-/"[dice.random_range(0..23)] as char).to_string();
            name.replace_range(at..=at, &letter);
            rebuilt(files, dice)
        }
        Change::Duplicated => {
            let mut twin = files[place].clone();
            if dice.random() {
                twin.1 = flipped(twin.1, dice);
            }
            files.insert(place + usize::from(dice.random::<bool>()), twin);
            zip(&files)
        }
        Change::Reordered => {
            let other = dice.random_range(0..files.len());
            files.swap(place, other);
            zip(&files)
        }
        Change::Added => {
            let names =
                ["notes.txt", "episodes/ep_01/extra.html", "objects/00/00", "../up", "episodes/ep_03/manifest.json"];
            files.push((names[dice.random_range(0..names.len())].to_owned(), vec![b'x'; dice.random_range(0..50)]));
            rebuilt(files, dice)
        }
        Change::Surrounded => {
            let more: Vec<u8> = (0..dice.random_range(1..50)).map(|_| dice.random()).collect();
            if dice.random() { [stage.zip.clone(), more].concat() } else { [more, stage.zip.clone()].concat() }
        }
        Change::Replayed => {
            let theirs = stage.other.iter().filter(|(name, _)| name != "SHA256SUMS").cloned();
            let mut merged: BTreeMap<String, Vec<u8>> = files.into_iter().collect();
            merged.extend(theirs);
            rebuilt(merged.into_iter().collect(), dice)
        }
        Change::Replaced => return Some((zip(&stage.other), false)),
        Change::Rewritten => return Some((zip(&stage.forged[dice.random_range(0..stage.forged.len())]), false)),
        Change::Resigned => return Some((zip(&stage.resigned[dice.random_range(0..stage.resigned.len())]), false)),
    };
    (bytes != stage.zip).then_some((bytes, true))
}

fn flipped(mut bytes: Vec<u8>, dice: &mut SmallRng) -> Vec<u8> {
    let place = dice.random_range(0..bytes.len());
    bytes[place] ^= 1 << dice.random_range(0..8);
    bytes
}

/// Every byte that is of no member.
fn headers(zip: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (0, Vec::new());
    for (name, bytes) in members(zip) {
        let data = at + zips::LOCAL + name.len();
        places.extend(at..data);
        at = data + bytes.len();
    }
    places.extend(at..zip.len());
    places
}

#[test]
fn every_change_is_found_and_a_file_is_named() {
    let from_environment = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let wanted = from_environment("DEED_TAMPER_CHANGES").unwrap_or(10_000);
    let mut dice = SmallRng::seed_from_u64(from_environment("DEED_TAMPER_SEED").unwrap_or(0x5eed));
    let stage = stage();
    let told = Expected { action: Some("act_01".into()), keys: Some(&stage.keys), ..Expected::default() };
    for whole in [&stage.zip, &zip(&stage.members)] {
        let found = check(whole, &told);
        assert!(found.holds(), "{found:?}");
    }
    for forged in stage.forged.iter().chain(&stage.resigned).chain([&stage.other]) {
        assert!(
            check(&zip(forged), &Expected::default()).holds(),
            "a forgery that does not hold by itself proves nothing"
        );
    }
    let names: Vec<&str> = stage.members.iter().map(|(name, _)| name.as_str()).collect();

    let (mut made, mut counts) = (0, BTreeMap::new());
    for round in 0.. {
        if made >= wanted {
            break;
        }
        let change = ALL[round % ALL.len()];
        let Some((bytes, by_itself)) = tampered(change, &stage, &mut dice) else { continue };
        made += 1;
        *counts.entry(change).or_insert(0) += 1;
        let expected = if by_itself { Expected::default() } else { told.clone() };
        let found = check(&bytes, &expected);
        assert!(!found.holds(), "{change:?}, change {made}: not found");
        let of_this_zip = |file: &str| file == NAME || names.contains(&file);
        let named = found.problems.iter().any(|problem| of_this_zip(&problem.file));
        let of_another = matches!(change, Change::Renamed | Change::Added | Change::Bit | Change::HeaderBit);
        assert!(named || of_another, "{change:?}, change {made}: no file of the export is named: {found:?}");
    }
    println!("{made} changes, all found: {counts:?}");
    assert_eq!(counts.len(), ALL.len());
}

/// Exhaustive where that is affordable: every bit of the first kilobytes of headers, and every length.
#[test]
fn every_bit_of_every_header_counts() {
    let (_folder, store, _) = action();
    let good = exported(&store, &["ep_02"]);
    for place in headers(&good) {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[place] ^= 1 << bit;
            assert!(!check(&bytes, &Expected::default()).holds(), "bit {bit} of byte {place}");
        }
    }
}
