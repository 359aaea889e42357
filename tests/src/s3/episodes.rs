//! Episodes to upload: sealed proof in a directory store, and a client of the test's server.

use deed_proofs::manifest::{ActionFacts, Intent, MANIFEST_VERSION, Manifest, Outcome, RecipeRef, Step, Tool};
use deed_proofs::{ArtifactKind, ArtifactRef, DirectoryStore, KeyStore, Sha256, Signer, Spool, Store as _};
use deed_s3::{Bucket, Options, Place};

use super::{ACCESS_KEY, SECRET_KEY};

/// What a process needs to speak to the test's server, and to nobody else.
pub fn environment() -> [(&'static str, &'static str); 5] {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/nonexistent"),
    ]
}

/// A client of a bucket at an address, by path.
pub async fn bucket(endpoint: &str, name: &str, change: impl FnOnce(&mut Options)) -> Bucket {
    let mut options = Options { endpoint: Some(endpoint.to_owned()), path_style: true, ..Options::default() };
    options.keys = Some((ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()));
    change(&mut options);
    let place = Place { bucket: name.to_owned(), prefix: "agency/proof".to_owned() };
    Bucket::connect(place, options).await
}

/// A directory store with a spool.
pub fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = DirectoryStore::open(dir.path().join("proofs")).expect("a store");
    let spool = Spool::open(&store).expect("a spool");
    (dir, spool)
}

/// Seals an episode of pieces, marked as a runner marks it.
pub fn seal(spool: &Spool, episode: &str, level: u8, pieces: &[Vec<u8>]) -> Sha256 {
    let manifest = manifest(spool, episode, level, pieces);
    let _changing = spool.mark(episode, 1).expect("it is marked");
    deed_proofs::seal(spool.store(), &manifest).expect("it is sealed").manifest
}

/// The same for a client, signed.
pub fn seal_signed(spool: &Spool, (client, episode): (&str, &str), pieces: &[Vec<u8>], keys: &KeyStore) -> Sha256 {
    let mut manifest = manifest(spool, episode, 2, pieces);
    manifest.action.client_id = client.to_owned();
    let (key, history) = keys.open_or_create("2026-11-01T00:00:00.000Z").expect("a key");
    let _changing = spool.mark(episode, 1).expect("it is marked");
    let signer = Some(Signer { key: &key, keys: &history });
    deed_proofs::seal_signed(spool.store(), &manifest, signer).expect("it is sealed").manifest
}

fn manifest(spool: &Spool, episode: &str, level: u8, pieces: &[Vec<u8>]) -> Manifest {
    let store = spool.store();
    let at = "2026-11-20T12:00:00.000Z".to_owned();
    let artifacts: Vec<ArtifactRef> = pieces
        .iter()
        .map(|bytes| ArtifactRef {
            sha256: store.put(bytes).expect("it is kept"),
            kind: ArtifactKind::Media,
            step: "feed".to_owned(),
            phase: "verify".to_owned(),
            media_type: "application/octet-stream".to_owned(),
            bytes: bytes.len() as u64,
            at: at.clone(),
            dom: None,
        })
        .collect();
    let step = Step {
        index: 0,
        phase: "verify".to_owned(),
        name: "feed".to_owned(),
        at,
        url: None,
        checks: Vec::new(),
        artifacts: artifacts.iter().map(|a| a.sha256).collect(),
    };
    Manifest {
        version: MANIFEST_VERSION,
        action: ActionFacts {
            action_id: format!("action of {episode}"),
            episode_id: episode.to_owned(),
            client_id: "acme".to_owned(),
            platform: "practice".to_owned(),
            account_id: "acc".to_owned(),
            handle: "ada".to_owned(),
            lane: "browser".to_owned(),
            action_type: "publish.post".to_owned(),
            idempotency_key: "k".to_owned(),
        },
        intent: Intent {
            payload_hash: Sha256::of(b"payload"),
            content_hash: Sha256::of(b"content"),
            recipe: RecipeRef { platform: "practice".to_owned(), number: 3, hash: Sha256::of(b"recipe") },
            policy_snapshot_id: "p".to_owned(),
            approvals: Vec::new(),
        },
        outcome: Outcome {
            state: "confirmed_success".to_owned(),
            proof_level: level,
            error_code: None,
            hold: None,
            platform_object_id: None,
            permalink: None,
            visibility: None,
        },
        commit_target: None,
        receipt: None,
        verification: Vec::new(),
        steps: vec![step],
        artifacts,
        audit: Vec::new(),
        identity: None,
        dedupe: None,
        recordings: Vec::new(),
        redactions: Vec::new(),
        signer: None,
        tool: Tool { name: "deed".to_owned(), version: "0.1.0".to_owned(), browser: "none".to_owned(), worker: None },
        pacing_seed: 0,
    }
}
