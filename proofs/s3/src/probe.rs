//! What a store keeps of its promises, tried out: `deed doctor` shows it.
//!
//! Leaves two objects (three where encryption is asked for) of a few bytes below `PREFIX/probe/`, under names that stay
//! the same; nothing of Deed's own is touched.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_proofs::Sha256;

use crate::bucket::Bucket;
use crate::error::{S3Error, status};

/// One thing that a store may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// It answers, and takes what these credentials put.
    Reached,
    /// It refuses to put where something is.
    RefusesToOverwrite,
    /// It compares a SHA-256 with what arrived.
    ComparesChecksums,
    /// It keeps what is overwritten or deleted.
    KeepsVersions,
    /// Its bucket can lock objects.
    CanLock,
    /// It encrypts as it is asked to.
    Encrypts,
}

/// What was found.
#[derive(Debug)]
pub struct Probe {
    /// Of what.
    pub promise: Promise,
    /// Whether it is kept, or why that could not be found out.
    pub kept: Result<bool, S3Error>,
}

const PROBE: &[u8] = b"Deed looks here whether this store refuses to overwrite.\n";

impl Bucket {
    /// Tries each promise. When the store is not reached, that alone is told.
    pub async fn probe(&self) -> Vec<Probe> {
        let refuses = self.tries_to_overwrite().await;
        if refuses.is_err() {
            return vec![Probe { promise: Promise::Reached, kept: refuses }];
        }
        let reached = Probe { promise: Promise::Reached, kept: Ok(true) };
        let mut found = vec![reached, Probe { promise: Promise::RefusesToOverwrite, kept: refuses }];
        found.push(Probe { promise: Promise::ComparesChecksums, kept: self.compares_checksums().await });
        found.push(Probe { promise: Promise::KeepsVersions, kept: self.keeps_versions().await });
        found.push(Probe { promise: Promise::CanLock, kept: self.can_lock().await });
        if self.options.encryption.is_some() {
            found.push(Probe { promise: Promise::Encrypts, kept: self.encrypts().await });
        }
        found
    }

    /// As [`Promise::RefusesToOverwrite`]; asked of the store once.
    pub(crate) async fn refuses_to_overwrite(&self) -> Result<bool, S3Error> {
        self.refuses.get_or_try_init(|| self.tries_to_overwrite()).await.copied()
    }

    async fn tries_to_overwrite(&self) -> Result<bool, S3Error> {
        // The first one may be the first ever; the second one finds something there.
        Ok(!self.put_probe("overwrite", None).await? || !self.put_probe("overwrite", None).await?)
    }

    async fn compares_checksums(&self) -> Result<bool, S3Error> {
        let of_something_else = STANDARD.encode(Sha256::of(b"something else").as_bytes());
        match self.put_probe("checksum", Some(&of_something_else)).await {
            // Taken, or taken by an earlier probe.
            Ok(_) => Ok(false),
            Err(S3Error::Damaged { .. } | S3Error::Refused { status: 400, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Puts a few bytes if there are none. False: it was refused because there are.
    async fn put_probe(&self, name: &str, checksum: Option<&str>) -> Result<bool, S3Error> {
        let key = self.place.key(&format!("probe/{name}"));
        let own = STANDARD.encode(Sha256::of(PROBE).as_bytes());
        let request = self.client.put_object().bucket(&self.place.bucket).key(&key).if_none_match("*");
        let request = request.checksum_sha256(checksum.unwrap_or(&own)).body(ByteStream::from_static(PROBE));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(412) => Ok(false),
            Err(error) => Err(self.sorted(&format!("put {key}"), &error)),
        }
    }

    async fn can_lock(&self) -> Result<bool, S3Error> {
        match self.client.get_object_lock_configuration().bucket(&self.place.bucket).send().await {
            Ok(found) => Ok(found.object_lock_configuration().is_some()),
            Err(error) if status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => Ok(false),
            Err(error) if matches!(status(&error), Some(400 | 405 | 501)) => Ok(false),
            Err(error) => Err(self.sorted("ask whether the bucket can lock objects", &error)),
        }
    }
}
