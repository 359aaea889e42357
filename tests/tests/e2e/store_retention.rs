//! What a client's rule deleted on this machine is deleted in a real S3 server too: that episode's, by a signature
//! only, and once no lock keeps it.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, SystemTime};

use deed_proofs::retention::{Deletions, Elsewhere, Pruned, Rule, prune};
use deed_proofs::store::relative_object_path;
use deed_proofs::{KeyStore, Sha256, Signer, Spool, StorageRecord};
use deed_s3::Uploader;
use deed_s3::upload::{Due, Uploaded};
use deed_tests::s3::episodes::{bucket, seal_signed, spool};
use deed_tests::s3::{Server, server};

/// A machine whose client `acme` wants nothing kept for longer than a month, and a bucket.
struct Machine {
    server: &'static Server,
    folder: tempfile::TempDir,
    spool: Spool,
    bucket: String,
}

impl Machine {
    fn with(locks: bool) -> Self {
        let (server, (folder, spool)) = (server(), spool());
        Self { server, folder, spool, bucket: server.bucket(locks) }
    }

    fn keys(&self) -> KeyStore {
        KeyStore::at(self.folder.path().join("config/signing.key"))
    }

    /// Seals an old episode and brings it to the store.
    async fn episode(&self, client: &str, episode: &str, pieces: &[&[u8]]) {
        let owned: Vec<_> = pieces.iter().map(|bytes| bytes.to_vec()).collect();
        seal_signed(&self.spool, (client, episode), &owned, &self.keys());
        for bytes in pieces {
            let file = File::open(self.spool.store().object_path(&Sha256::of(bytes))).expect("it is kept");
            file.set_modified(SystemTime::now() - Duration::from_secs(60 * 24 * 3600)).expect("it is old");
        }
        assert_eq!(self.upload(false).await.len(), 1);
    }

    async fn upload(&self, hold: bool) -> Vec<Uploaded> {
        let bucket = bucket(&self.server.endpoint(), &self.bucket, |options| options.legal_hold = hold).await;
        let uploader = Uploader::new(bucket, self.spool.clone()).with_keys(self.keys());
        let round = uploader.drain(None, Due::All, async |_| Ok(true)).await.expect("the spool reads");
        assert!(round.failed.is_empty(), "{round:?}");
        round.uploaded
    }

    fn prune(&self, held: bool) -> Pruned {
        let rule = Rule { days: 30, before: "2026-12-20T00:00:00.000Z".to_owned() };
        let (key, keys) = self.keys().open_or_create("2026-11-01T00:00:00.000Z").expect("a key");
        let elsewhere = Elsewhere { spool: &self.spool, bucket: &self.bucket, at: 2, held };
        let rules = BTreeMap::from([("acme".to_owned(), rule)]);
        let signer = Signer { key: &key, keys: &keys };
        prune(self.spool.store(), &rules, "2027-01-20T00:00:00.000Z", Some(signer), Some(elsewhere)).expect("it prunes")
    }

    fn waiting(&self) -> Vec<String> {
        self.spool.waiting().expect("it reads").into_iter().map(|waiting| waiting.episode).collect()
    }

    fn in_store(&self, episode: &str, name: &str) -> bool {
        self.server.object(&self.bucket, &format!("agency/proof/episodes/{episode}/{name}")).is_some()
    }

    fn has(&self, episode: &str, bytes: &[u8]) -> bool {
        self.in_store(episode, &relative_object_path(&Sha256::of(bytes)))
    }

    fn record(&self, episode: &str) -> StorageRecord {
        StorageRecord::read(&self.spool.store().episode_folder(episode))
    }

    /// The name in the store of what lies in the episode's folder now.
    fn now(&self, episode: &str, name: &str, end: &str) -> String {
        let path = self.spool.store().episode_folder(episode).join(format!("{name}{end}"));
        format!("{name}-{}{end}", Sha256::of(&std::fs::read(path).expect("it is there")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_deletes_is_deleted_there_and_everything_else_stays() {
    for versions in [false, true] {
        let machine = Machine::with(versions);
        machine.episode("acme", "old", &[b"its picture", b"both show it"]).await;
        machine.episode("other", "kept", &[b"both show it", b"kept"]).await;
        let before = machine.record("old");
        let (showed, manifest) = (machine.now("old", "report", ".html"), machine.now("old", "manifest", ".json"));
        assert!(machine.has("old", b"its picture") && machine.in_store("old", &showed));

        assert_eq!(machine.prune(false).objects, 1, "what the other client's episode lists stays");
        assert_eq!(machine.waiting(), ["old"]);
        let uploaded = machine.upload(false).await;
        assert_eq!((uploaded[0].removed, uploaded[0].locked), (2, 0), "the picture, and the report that showed it");
        assert!(!machine.has("old", b"its picture") && !machine.in_store("old", &showed));
        for piece in before.pieces.iter().filter(|piece| piece.version_id.is_some()) {
            let version = piece.version_id.as_deref().expect("a version");
            let path = format!("/{}/{}?versionId={version}", machine.bucket, piece.key);
            let gone = piece.name == "report.html" || piece.sha256 == Sha256::of(b"its picture");
            assert_eq!(machine.server.request("GET", &path, &[], b"").status == 404, gone, "{piece:?}");
        }
        // What tells of it is there, and so is what was never this rule's to delete.
        for name in [manifest, machine.now("old", "report", ".html"), machine.now("old", "deleted", ".json")] {
            assert!(machine.in_store("old", &name), "{name}");
        }
        assert!(machine.in_store("old", &machine.now("old", "deleted", ".dsse.json")));
        assert!(
            machine.has("old", b"both show it") && machine.has("kept", b"both show it") && machine.has("kept", b"kept")
        );
        assert!(machine.record("old").pieces.iter().all(|piece| piece.sha256 != Sha256::of(b"its picture")));
        // Once: nothing waits, and an upload of everything brings nothing back and takes nothing away.
        assert_eq!((machine.prune(true), machine.waiting().len()), (Pruned::default(), 0));
        machine.spool.mark_all(3).expect("they are marked");
        let again = machine.upload(false).await;
        assert!(again.iter().all(|one| (one.new, one.removed, one.locked) == (0, 0, 0)), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_this_machines_keys_did_not_sign_reaches_nothing() {
    let machine = Machine::with(false);
    machine.episode("acme", "old", &[b"its picture"]).await;
    machine.prune(false);
    let folder = machine.spool.store().episode_folder("old");
    let json = std::fs::read(folder.join("deleted.json")).expect("it is written down");
    let mut deletions: Deletions = serde_json::from_slice(&json).expect("it reads");
    deletions.deleted[0].rule = "because somebody wants it".to_owned();
    std::fs::write(folder.join("deleted.json"), deletions.to_json().expect("it writes")).expect("it is changed");
    let uploaded = machine.upload(false).await;
    assert_eq!((uploaded[0].removed, uploaded[0].locked), (0, 0));
    assert!(machine.has("old", b"its picture"));
    // The next prune writes it down anew and signs that; then it goes.
    assert_eq!(machine.prune(false).episodes, ["old"]);
    assert_eq!(machine.upload(false).await[0].removed, 2);
    assert!(!machine.has("old", b"its picture"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_keeps_there_stays_until_it_ends() {
    let machine = Machine::with(true);
    machine.episode("acme", "old", &[b"its picture"]).await;
    machine.spool.mark("old", 1).expect("it is marked");
    let key = format!("agency/proof/episodes/old/{}", relative_object_path(&Sha256::of(b"its picture")));
    let hold = |status: &str| {
        let body = format!(
            "<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></LegalHold>"
        );
        let answer =
            machine.server.request("PUT", &format!("/{}/{key}?legal-hold", machine.bucket), &[], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    hold("ON");
    machine.prune(false);
    let uploaded = machine.upload(false).await;
    assert_eq!((uploaded[0].removed, uploaded[0].locked), (1, 1), "the report goes, the picture is held");
    assert!(machine.has("old", b"its picture"));
    let piece = machine.record("old").pieces.into_iter().find(|piece| piece.key == key).expect("it is known");
    assert!(piece.legal_hold);
    // Nobody tells when a hold ends: a worker does not ask every hour, a person's prune does.
    machine.prune(false);
    assert!(machine.waiting().is_empty());
    machine.prune(true);
    assert_eq!(machine.upload(false).await[0].locked, 1, "still");
    hold("OFF");
    machine.prune(true);
    assert_eq!(machine.upload(false).await[0].removed, 1);
    assert!(!machine.has("old", b"its picture"));
    machine.prune(true);
    assert!(machine.waiting().is_empty(), "nothing is left to be asked for");
}
