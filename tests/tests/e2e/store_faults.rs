//! A thousand pieces through a store in trouble: none lost, none put twice, memory bounded.
//!
//! `DEED_STORE_PIECES` makes it longer. Faults: refused, cut in the middle of the body, slow, 500, 503, half an answer, no answer after the
//! work was done, 412 though nothing is there.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::time::Instant;

use deed_proofs::store::relative_object_path;
use deed_proofs::{Sha256, Spool, StorageRecord};
use deed_s3::Uploader;
use deed_s3::upload::Due;
use deed_tests::s3::episodes::{bucket, seal, spool};
use deed_tests::s3::faulty::{Fault, Faulty};
use deed_tests::s3::server;

/// Of a thousand requests, so many meet a fault.
const FAULTS: u64 = 40;
/// Rounds at most; each is a new process as far as the store can tell.
const ROUNDS: usize = 100;
/// What the upload may take in memory, in KiB: four parts of 8 MiB, twice (read and sent), and what the SDK needs.
const MEMORY_KIB_MAX: u64 = 160 * 1024;

/// A line of `/proc/self/status`, in KiB.
fn memory_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Piece `n`: unlike all others; the last few are recordings.
fn piece(n: usize, of: usize) -> Vec<u8> {
    let bytes = if n + 3 >= of { 24 * 1024 * 1024 } else { 2_000 + (n * 37) % 20_000 };
    let mut x = n as u64 + 1;
    let next = |_| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 56) as u8
    };
    (0..bytes).map(next).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_pieces_none_is_lost_none_is_put_twice_and_memory_is_bounded() {
    let pieces = std::env::var("DEED_STORE_PIECES").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let (server, (_dir, spool)) = (server(), spool());
    let name = server.bucket(false);
    let proxy = Faulty::before(server.port());
    // In ten episodes.
    let (mut hashes, mut manifests) = (Vec::new(), Vec::new());
    for episode in 0..10 {
        let of_it: Vec<_> = (0..pieces).filter(|n| n % 10 == episode).map(|n| piece(n, pieces)).collect();
        hashes.extend(of_it.iter().map(|bytes| (episode, Sha256::of(bytes))));
        manifests.push((format!("e{episode}"), seal(&spool, &format!("e{episode}"), 2, &of_it)));
    }
    let total: u64 =
        hashes.iter().map(|(_, h)| std::fs::metadata(spool.store().object_path(h)).expect("it is there").len()).sum();

    // The high-water mark counts from here (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").expect("the mark is reset");
    let before = memory_kib("VmRSS");
    proxy.does(&Fault::PASSING, FAULTS);
    let since = Instant::now();
    let mut rounds = 0;
    while !spool.waiting().expect("it reads").is_empty() {
        rounds += 1;
        assert!(rounds <= ROUNDS, "{:?}", spool.waiting());
        let again = Spool::open(spool.store()).expect("the spool");
        let uploader = Uploader::new(bucket(&proxy.endpoint(), &name, |_| {}).await, again);
        uploader.drain(None, Due::All, async |_| Ok(true)).await.expect("it reads");
    }
    let (took, peak) = (since.elapsed(), memory_kib("VmHWM"));

    let seen = proxy.seen();
    println!(
        "{pieces} pieces, {:.0} MB, in {:.1} s and {rounds} rounds; {} requests, faults {:?}; memory {} MB before, {} MB at most",
        total as f64 / 1e6,
        took.as_secs_f64(),
        seen.requests,
        seen.faults,
        before / 1024,
        peak / 1024
    );
    assert!(seen.faults.len() == Fault::PASSING.len(), "every fault happened: {:?}", seen.faults);
    // Asked of the server itself, not of the SDK nor through the proxy.
    for (episode, hash) in &hashes {
        let key = format!("agency/proof/episodes/e{episode}/{}", relative_object_path(hash));
        let found = server.object(&name, &key).expect("not lost");
        assert_eq!(Sha256::of(&found), *hash);
    }
    for (episode, manifest) in &manifests {
        let key = format!("agency/proof/episodes/{episode}/manifest-{manifest}.json");
        assert_eq!(Sha256::of(&server.object(&name, &key).expect("not lost")), *manifest);
        let record = StorageRecord::read(&spool.store().episode_folder(episode));
        assert!(record.pieces.iter().any(|p| p.sha256 == *manifest), "the record names it");
    }
    let twice: Vec<_> = seen.taken.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "put twice: {twice:?}");
    assert!(peak.saturating_sub(before) < MEMORY_KIB_MAX, "{before} KiB before, {peak} KiB at most");
}
