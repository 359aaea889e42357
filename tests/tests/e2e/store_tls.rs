//! A real S3 server behind TLS, and one that encrypts: whom Deed trusts, and what it believes of an encryption that it asked for.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::path::Path;

use deed_proofs::Sha256;
use deed_s3::{Authorities, Bucket, Kept, Options, Promise, S3Error};
use deed_tests::process::Home;
use deed_tests::s3::episodes::{bucket, environment};
use deed_tests::s3::faulty::{Fault, Faulty};
use deed_tests::s3::{KMS_KEY, server};

async fn keep(store: &Bucket, dir: &Path, key: &str, bytes: &[u8]) -> Result<Kept, S3Error> {
    let path = dir.join("file");
    std::fs::write(&path, bytes).expect("a file");
    store.keep_file(key, key, &path, &Sha256::of(bytes)).await
}

fn kms(options: &mut Options) {
    options.encryption = format!("aws:kms={KMS_KEY}").parse().ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_certificate_leads_nowhere_is_not_spoken_to_and_with_its_authority_it_is() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (at, name) = (server.tls_endpoint(), server.bucket(false));
    let stranger = bucket(&at, &name, |_| {}).await;
    let refused = keep(&stranger, dir.path(), "x", b"x").await.expect_err("nobody vouches for it");
    assert_eq!((refused.code(), refused.is_lasting()), ("s3-untrusted", true), "{refused}");
    assert!(refused.to_string().contains("not trusted: UnknownIssuer"), "{refused}");
    assert!(refused.help().contains("DEED_S3_CA"), "{}", refused.help());
    assert_eq!(server.object(&name, "x"), None, "nothing was sent");

    let pem = std::fs::read(server.authority()).expect("its certificate");
    let own = Authorities::from_pem(pem.clone()).expect("it reads");
    let trusting = bucket(&at, &name, |options| options.authorities = Some(own.clone())).await;
    assert!(keep(&trusting, dir.path(), "x", b"x").await.expect("it is kept").new);
    assert_eq!(server.object(&name, "x").as_deref(), Some(&b"x"[..]));

    // Under another name its certificate is nobody's.
    let elsewhere = at.replace("127.0.0.1", "localhost");
    let misnamed = bucket(&elsewhere, &name, |options| options.authorities = Some(own)).await;
    let refused = keep(&misnamed, dir.path(), "y", b"y").await.expect_err("it is not for this name");
    assert_eq!(refused.code(), "s3-untrusted", "{refused}");

    let broken = [&pem[..pem.len() / 2], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b""];
    assert!(broken.iter().all(|pem| Authorities::from_pem(pem.to_vec()).is_err()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encryption_is_read_back_and_its_absence_is_an_error() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let (name, liar) = (server.bucket(false), Faulty::before(server.port()));
    let asking = bucket(&server.endpoint(), &name, kms).await;
    // In parts too.
    for (key, bytes) in [("small", b"one".to_vec()), ("large", vec![7; 9 * 1024 * 1024])] {
        let kept = keep(&asking, dir.path(), key, &bytes).await.expect("it is kept");
        assert_eq!(kept.piece.encryption.as_deref(), Some("aws:kms"), "{kept:?}");
        let head = server.request("HEAD", &format!("/{name}/{key}"), &[], b"");
        assert_eq!(head.header("x-amz-server-side-encryption"), Some("aws:kms"), "{}", head.head);
        assert_eq!(head.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(KMS_KEY), "{}", head.head);
        assert_eq!(server.object(&name, key).map(|bytes| Sha256::of(&bytes)), Some(Sha256::of(&bytes)));
    }
    // A store that ignores the header: said at once, and said again when it is there already.
    let ignored = bucket(&liar.endpoint(), &name, kms).await;
    liar.does(&[Fault::Unencrypted], 1000);
    for _ in 0..2 {
        let refused = keep(&ignored, dir.path(), "ignored", b"one").await.expect_err("it is not encrypted");
        assert_eq!((refused.code(), refused.is_lasting()), ("s3-not-encrypted", true), "{refused}");
    }
    // This very server does so where it is asked to encrypt with keys of its own, of which it has none.
    let aes = bucket(&server.endpoint(), &name, |options| options.encryption = "AES256".parse().ok()).await;
    assert_eq!(
        keep(&aes, dir.path(), "aes", b"one").await.expect_err("it is not encrypted").code(),
        "s3-not-encrypted"
    );
    let plain = bucket(&server.endpoint(), &name, |_| {}).await;
    keep(&plain, dir.path(), "before", b"two").await.expect("it is kept");
    let refused = keep(&asking, dir.path(), "before", b"two").await.expect_err("it was there before, in the clear");
    assert_eq!(refused.code(), "s3-not-encrypted", "{refused}");
    assert_eq!(server.object(&name, "before").as_deref(), Some(&b"two"[..]), "and was left as it is");

    let probed = async |store: &Bucket| {
        let found = store.probe().await.into_iter().find(|probe| probe.promise == Promise::Encrypts);
        found.map(|probe| probe.kept.expect("it answers"))
    };
    assert_eq!(probed(&asking).await, Some(true));
    assert_eq!(probed(&ignored).await, Some(false));
    assert_eq!(probed(&plain).await, None, "nobody asked");
}

#[test]
fn the_doctor_names_a_store_that_does_not_encrypt_and_one_that_is_not_trusted() {
    let server = server();
    let (name, liar) = (server.bucket(false), Faulty::before(server.port()));
    let home = Home::empty();
    home.ok(&["init"]);
    let doctor = |endpoint: &str, more: &[(&str, &str)]| {
        let mut doctor = home.command(&["doctor"]);
        doctor.envs(environment()).env("DEED_PROOFS", format!("s3://{name}/proof")).env("DEED_S3_ENDPOINT", endpoint);
        doctor.envs(more.iter().copied());
        let said = home.run(doctor);
        move |check: &str| {
            let checks = said.json["checks"].as_array().cloned().unwrap_or_default();
            let found = checks.into_iter().find(|found| found["check"] == check);
            found.map(|found| format!("{}: {} {}", found["status"], found["seen"], found["remedy"])).unwrap_or_default()
        }
    };
    let key = format!("aws:kms={KMS_KEY}");
    let asks = ("DEED_S3_ENCRYPTION", key.as_str());
    let ca = server.authority().display().to_string();
    let trusting = doctor(&server.tls_endpoint(), &[asks, ("AWS_CA_BUNDLE", &ca)]);
    assert!(trusting("store").starts_with("\"ok\""), "{}", trusting("store"));
    assert!(trusting("encryption").starts_with("\"ok\""), "{}", trusting("encryption"));
    let stranger = doctor(&server.tls_endpoint(), &[]);
    assert!(
        stranger("store").contains("[s3-untrusted]") && stranger("store").contains("DEED_S3_CA"),
        "{}",
        stranger("store")
    );
    liar.does(&[Fault::Unencrypted], 1000);
    let ignored = doctor(&liar.endpoint(), &[asks]);
    assert!(ignored("encryption").starts_with("\"fail\""), "{}", ignored("encryption"));
    assert!(ignored("encryption").contains("ignores the header"), "{}", ignored("encryption"));
}
