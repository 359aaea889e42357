//! Proof in a real S3 server: put once, read back, locked, raised to level 3 when it is there, and never lost on the way.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::time::{Duration, SystemTime};

use deed_proofs::spool::Trouble;
use deed_proofs::{CheckedBy, Sha256, Spool, StorageRecord};
use deed_s3::bucket::Kept;
use deed_s3::upload::{Due, Round};
use deed_s3::{Bucket, LockMode, Promise, Retention, S3Error, Uploader};
use deed_tests::s3::episodes::{bucket, seal, spool};
use deed_tests::s3::faulty::{Fault, Faulty};
use deed_tests::s3::{http, server};

fn code<T: std::fmt::Debug>(result: Result<T, S3Error>) -> &'static str {
    result.expect_err("it must be refused").code()
}

/// Larger than a part.
fn large() -> Vec<u8> {
    (0..9 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect()
}

async fn keep(bucket: &Bucket, dir: &std::path::Path, key: &str, bytes: &[u8]) -> Result<Kept, S3Error> {
    let path = dir.join("piece");
    std::fs::write(&path, bytes).expect("a file");
    bucket.keep_file(key, "piece", &path, &Sha256::of(bytes)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_never_overwritten_and_what_was_put_is_read_back() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    for name in [server.bucket(false), server.bucket(true)] {
        let store = bucket(&server.endpoint(), &name, |_| {}).await;
        for (key, bytes) in [("small", b"one".to_vec()), ("empty", Vec::new()), ("large", large())] {
            let first = keep(&store, dir.path(), key, &bytes).await.expect("it is kept");
            assert!(first.new && first.piece.bytes == bytes.len() as u64, "{first:?}");
            assert_eq!(first.piece.checked_by, CheckedBy::Etag, "this server tells no SHA-256");
            let again = keep(&store, dir.path(), key, &bytes).await.expect("it is there");
            assert!(!again.new && again.piece == first.piece, "{again:?}");
            assert_eq!(code(keep(&store, dir.path(), key, b"two").await), "s3-conflict");
            assert!(server.object(&name, key).as_deref() == Some(&bytes[..]), "{key} is what it was");
        }
        assert_eq!(
            code(store.keep_file("x", "x", &dir.path().join("piece"), &Sha256::of(b"other")).await),
            "s3-conflict"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_between_the_look_and_the_put_is_not_overwritten() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (name, hiding) = (server.bucket(false), Faulty::before(server.port()));
    let store = bucket(&hiding.endpoint(), &name, |_| {}).await;
    server.request("PUT", &format!("/{name}/a"), &[], b"first");
    hiding.does(&[Fault::Hidden], 1000);
    assert_eq!(code(keep(&store, dir.path(), "a", b"second").await), "s3-not-kept");
    assert_eq!(server.object(&name, "a").as_deref(), Some(&b"first"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_may_be_written_once_keeps_its_first_content() {
    let server = server();
    let (plain, versions) = (server.bucket(false), server.bucket(true));
    for name in [&plain, &versions] {
        let store = bucket(&server.endpoint(), name, |_| {}).await;
        assert!(store.keep_named("log/1.json", b"first").await.expect("it is kept").new);
        assert!(!store.keep_named("log/1.json", b"first").await.expect("the same again").new);
        assert_eq!(code(store.keep_named("log/1.json", b"second").await), "s3-conflict");
        assert_eq!(server.object(name, "agency/proof/log/1.json").as_deref(), Some(&b"first"[..]));
    }
    // Two at once, each of which sees nothing there: one of them hears of it, and nothing is lost.
    let two = [bucket(&server.endpoint(), &plain, |_| {}).await, bucket(&server.endpoint(), &plain, |_| {}).await];
    let (a, b) = tokio::join!(two[0].keep_named("log/2.json", b"from a"), two[1].keep_named("log/2.json", b"from b!"));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_believed_before_it_was_read_back() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (name, liar) = (server.bucket(false), Faulty::before(server.port()));
    let store = bucket(&liar.endpoint(), &name, |_| {}).await;
    liar.does(&[Fault::Swallowed], 1000);
    assert_eq!(code(keep(&store, dir.path(), "a", b"one").await), "s3-not-kept");
    liar.does(&[], 0);
    assert!(keep(&store, dir.path(), "a", b"one").await.expect("it is kept").new);
    // Something of the same size is under the key: only its content tells.
    server.request("PUT", &format!("/{name}/b"), &[], b"two");
    assert_eq!(code(keep(&store, dir.path(), "b", b"one").await), "s3-conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_read_back_and_its_absence_is_an_error() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (plain, locks) = (server.bucket(false), server.bucket(true));
    let retention = Retention { mode: LockMode::Compliance, days: 2 };
    let locked = bucket(&server.endpoint(), &locks, |o| (o.retention, o.legal_hold) = (Some(retention), true)).await;
    // In parts too, though this server forgets the lock of those.
    for (key, bytes) in [("small", b"one".to_vec()), ("large", large())] {
        let kept = keep(&locked, dir.path(), key, &bytes).await.expect("it is kept").piece;
        assert_eq!(kept.lock_mode.as_deref(), Some("COMPLIANCE"), "{kept:?}");
        assert!(kept.legal_hold && kept.version_id.is_some() && kept.retain_until.is_some(), "{kept:?}");
        let version = kept.version_id.expect("a version");
        let gone = server.request("DELETE", &format!("/{locks}/{key}?versionId={version}"), &[], b"");
        assert_eq!(gone.status, 403, "a locked version can not be deleted");
    }
    // What was there without a lock gets it.
    let without = bucket(&server.endpoint(), &locks, |_| {}).await;
    assert_eq!(keep(&without, dir.path(), "later", b"x").await.expect("it is kept").piece.lock_mode, None);
    let kept = keep(&locked, dir.path(), "later", b"x").await.expect("it is there");
    assert!(!kept.new && kept.piece.lock_mode.is_some(), "{kept:?}");
    // A bucket that can not lock.
    let cannot = bucket(&server.endpoint(), &plain, |o| o.legal_hold = true).await;
    let refused = code(keep(&cannot, dir.path(), "x", b"x").await);
    assert!(["s3-refused", "s3-not-locked"].contains(&refused), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_does_not_keep_of_its_promises_is_found_out() {
    let server = server();
    let found = async |name: &str| -> Vec<(Promise, bool)> {
        let store = bucket(&server.endpoint(), name, |_| {}).await;
        // Twice: what the first one left must not change the second one's answer.
        store.probe().await;
        store.probe().await.into_iter().map(|p| (p.promise, p.kept.expect("it answers"))).collect()
    };
    use Promise::{CanLock, ComparesChecksums, KeepsVersions, Reached, RefusesToOverwrite};
    let plain = [
        (Reached, true),
        (RefusesToOverwrite, true),
        (ComparesChecksums, false),
        (KeepsVersions, false),
        (CanLock, false),
    ];
    assert_eq!(found(&server.bucket(false)).await, plain);
    let locks = [
        (Reached, true),
        (RefusesToOverwrite, false),
        (ComparesChecksums, false),
        (KeepsVersions, true),
        (CanLock, true),
    ];
    assert_eq!(found(&server.bucket(true)).await, locks);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_named_by_what_can_be_done_about_it() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (name, proxy) = (server.bucket(false), Faulty::before(server.port()));
    let tried = async |endpoint: &str, bucket_name: &str, change: &dyn Fn(&mut deed_s3::Options)| {
        let store = bucket(endpoint, bucket_name, |o| change(o)).await;
        code(keep(&store, dir.path(), "x", b"x").await)
    };
    let at = server.endpoint();
    assert_eq!(tried("http://127.0.0.1:1", &name, &|_| {}).await, "s3-unreachable");
    assert_eq!(tried(&at, "t-not-there", &|_| {}).await, "s3-no-bucket");
    let wrong = |o: &mut deed_s3::Options| o.keys = o.keys.take().map(|(key, _)| (key, "wrong".to_owned()));
    let said = tried(&at, &name, &wrong).await;
    assert!(["s3-credentials", "s3-denied"].contains(&said), "{said}");
    let late = |o: &mut deed_s3::Options| o.now = std::sync::Arc::new(|| SystemTime::now() + Duration::from_secs(3600));
    assert_eq!(tried(&at, &name, &late).await, "s3-clock");
    let aes = |o: &mut deed_s3::Options| o.encryption = "AES256".parse().ok();
    let another = server.bucket(false);
    assert_eq!(
        tried(&at, &another, &aes).await,
        "s3-not-encrypted",
        "it takes the header, and encrypts nothing by itself"
    );
    proxy.does(&[Fault::NoRoom], 1000);
    assert_eq!(tried(&proxy.endpoint(), &name, &|_| {}).await, "s3-full");
    proxy.does(&[Fault::Busy], 1000);
    assert_eq!(tried(&proxy.endpoint(), &name, &|_| {}).await, "s3-unavailable");
    assert_eq!(server.object(&name, "x"), None, "nothing half-done is there");
}

async fn drain(uploader: &Uploader) -> Round {
    uploader.drain(None, Due::All, async |_| Ok(true)).await.expect("the spool reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_leaves_the_spool_when_all_of_it_was_seen_in_the_store_and_each_sealing_stays() {
    let (server, (_dir, spool)) = (server(), spool());
    let name = server.bucket(false);
    let uploader = Uploader::new(bucket(&server.endpoint(), &name, |_| {}).await, spool.clone());
    let first = seal(&spool, "e1", 2, &[b"a".to_vec(), b"b".to_vec(), b"b".to_vec()]);
    let folder = spool.store().episode_folder("e1");
    std::fs::create_dir(folder.join("stamps")).expect("a directory");
    std::fs::write(folder.join("stamps/1.tsr"), "stamp").expect("a file");

    // Whoever has to be told is away: it waits, and nothing is put again.
    let away = Trouble { code: "ledger-busy".to_owned(), message: "the ledger is away".to_owned() };
    let round = uploader.drain(None, Due::All, async |_| Err(away.clone())).await.expect("it reads");
    assert_eq!((round.untold, round.uploaded.len(), spool.waiting().expect("it reads").len()), (1, 0, 1));
    let round = drain(&uploader).await;
    assert_eq!((round.uploaded.len(), round.uploaded[0].new, round.uploaded[0].manifest), (1, 0, first), "{round:?}");
    assert!(spool.waiting().expect("it reads").is_empty());

    let second = seal(&spool, "e1", 3, &[b"a".to_vec(), b"c".to_vec()]);
    let round = drain(&uploader).await;
    assert_eq!((round.uploaded[0].manifest, round.uploaded[0].proof_level), (second, 3));
    let under = |key: String| server.object(&name, &format!("agency/proof/{key}"));
    for manifest in [first, second] {
        let found = under(format!("episodes/e1/manifest-{manifest}.json")).expect("each sealing stays");
        assert_eq!(Sha256::of(&found), manifest);
    }
    for bytes in [&b"a"[..], b"b", b"c"] {
        let name = deed_proofs::store::relative_object_path(&Sha256::of(bytes));
        assert_eq!(under(format!("episodes/e1/{name}")).as_deref(), Some(bytes));
    }
    assert_eq!(under(format!("episodes/e1/stamps/1-{}.tsr", Sha256::of(b"stamp"))).as_deref(), Some(&b"stamp"[..]));
    let record = StorageRecord::read(&folder);
    assert_eq!(record.pieces.iter().filter(|p| p.name == "manifest.json").count(), 2);
    assert!(record.pieces.iter().all(|p| p.bucket == name && p.key.starts_with("agency/proof/") && p.etag.is_some()));

    // A link opens without credentials, until it ends; without it nothing does.
    let piece = record.pieces.iter().rfind(|p| p.name == "report.html").expect("a report");
    let link = uploader.bucket().link(&piece.key, None, Duration::from_secs(600)).await.expect("a link");
    let path = link.strip_prefix(&server.endpoint()).expect("an address of the server");
    let opened = http::plain(server.port(), "GET", path);
    assert_eq!((opened.status, Sha256::of(&opened.body)), (200, piece.sha256));
    assert_eq!(http::plain(server.port(), "GET", path.split('?').next().expect("a path")).status, 403);
    let damaged = path.replace("X-Amz-Expires=600", "X-Amz-Expires=6000");
    assert_eq!(http::plain(server.port(), "GET", &damaged).status, 403, "its end is signed too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_waits_with_its_reason_across_restarts_and_comes_later() {
    let (server, (_dir, spool)) = (server(), spool());
    let (name, proxy) = (server.bucket(false), Faulty::before(server.port()));
    let manifest = seal(&spool, "e1", 3, &[b"a".to_vec(), b"b".to_vec()]);
    proxy.does(&[Fault::NoRoom], 1000);
    let told = std::sync::atomic::AtomicU32::new(0);
    let tell = async |_: &deed_s3::Uploaded| {
        told.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(true)
    };
    for failed in 1..=2 {
        // As after a restart: nothing but the disk knows.
        let again = Spool::open(spool.store()).expect("the spool");
        let uploader = Uploader::new(bucket(&proxy.endpoint(), &name, |_| {}).await, again);
        let round = uploader.drain(None, Due::All, &tell).await.expect("it reads");
        assert_eq!((round.failed[0].failed, round.failed[0].trouble.code.as_str()), (failed, "s3-full"), "{round:?}");
        assert!(round.failed[0].lasting);
        let waiting = uploader.spool().waiting().expect("it reads");
        assert_eq!((waiting.len(), waiting[0].tries.failed), (1, failed));
        // Not before its pause is over.
        let round = uploader.drain(None, Due::Now, &tell).await.expect("it reads");
        assert_eq!((round.left, round.failed.len()), (1, 0));
    }
    assert_eq!(told.load(std::sync::atomic::Ordering::SeqCst), 0, "nobody is told of what is not there");
    proxy.does(&[], 0);
    let uploader = Uploader::new(bucket(&proxy.endpoint(), &name, |_| {}).await, spool.clone());
    let round = drain(&uploader).await;
    assert_eq!(round.uploaded.first().map(|u| u.manifest), Some(manifest), "{round:?}");
    assert!(spool.waiting().expect("it reads").is_empty());
}
