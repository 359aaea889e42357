//! One object: put if absent, read back, locked; never overwritten.
//!
//! What the store promised is asked for again (`HEAD`) before it is believed: there are servers that answer 200 and ignore `If-None-Match`,
//! checksums or lock headers. An object that is there already is judged in the same way, and left as it is.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_proofs::{CheckedBy, Sha256, StoredPiece};
use sha2::Digest as _;
use tokio::sync::OnceCell;

use crate::connect::client;
use crate::error::{S3Error, sorted, status};
use crate::lock::{is_held, retain_until};
use crate::parts::{Measured, PartSums, Source};
use crate::place::{Options, Place};

/// How long an object that was just taken may take to be seen, and how often it is looked for.
const SEEN: (u32, Duration) = (4, Duration::from_millis(250));
/// The longest life of a link: signatures of version 4 are not valid for longer.
pub const LINK_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the store has under a key, read back, and whether this call brought it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What the store told when it was asked again.
    pub piece: StoredPiece,
    /// False: it was there before.
    pub new: bool,
}

/// A place in a store. Clones share one client.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(crate) client: Client,
    pub(crate) place: Place,
    pub(crate) options: Options,
    pub(crate) refuses: Arc<OnceCell<bool>>,
}

impl Bucket {
    /// Prepares to speak to a store; nothing is asked of it yet.
    pub async fn connect(place: Place, options: Options) -> Self {
        Self { client: client(&options).await, place, options, refuses: Arc::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Puts an object under a key that names its content, unless it is there.
    ///
    /// `name` is what the record calls it; `wanted` the hash that its key was made of.
    ///
    /// # Errors
    /// [`S3Error`]; then nothing may be taken for kept.
    pub(crate) async fn keep(&self, key: &str, name: &str, source: &Source, wanted: &Sha256) -> Result<Kept, S3Error> {
        let measured = source.measure().await?;
        if measured.sha256 != *wanted {
            let what = format!("its content has the hash {} and not {wanted}", measured.sha256);
            return Err(S3Error::Conflict { key: format!("{name} on this disk"), what });
        }
        self.keep_measured(key, name, source, &measured).await
    }

    /// As [`Bucket::keep`], of a file on this disk.
    ///
    /// # Errors
    /// As [`Bucket::keep`].
    pub async fn keep_file(&self, key: &str, name: &str, path: &Path, wanted: &Sha256) -> Result<Kept, S3Error> {
        self.keep(key, name, &Source::open(path.to_owned())?, wanted).await
    }

    /// Puts a small file under a name of its own, once: the first one to put it there stays. With the same content
    /// again nothing happens; with another one it is a [`S3Error::Conflict`].
    ///
    /// # Errors
    /// [`S3Error`]; [`S3Error::Overwrites`] where the store could not be trusted to keep the first one.
    pub async fn keep_named(&self, name: &str, bytes: &[u8]) -> Result<Kept, S3Error> {
        let key = self.place.key(name);
        let source = Source::Bytes(Arc::from(bytes));
        let measured = source.measure().await?;
        if !self.refuses_to_overwrite().await? && !self.keeps_versions().await? {
            return Err(S3Error::Overwrites { key });
        }
        let kept = self.keep_measured(&key, name, &source, &measured).await?;
        if kept.new && kept.piece.version_id.is_some() {
            self.is_the_only_version(&key).await?;
        }
        Ok(kept)
    }

    async fn keep_measured(
        &self,
        key: &str,
        name: &str,
        source: &Source,
        measured: &Measured,
    ) -> Result<Kept, S3Error> {
        let mut new = false;
        let mut head = self.head(key).await?;
        if head.is_none() {
            new = match measured.parts.as_slice() {
                [part] => self.put(key, source, *part).await?,
                _ => self.put_in_parts(key, source, measured).await?,
            };
            head = self.head_of_what_was_put(key).await?;
        }
        let Some(head) = head else {
            return Err(S3Error::NotKept { key: key.to_owned(), what: "there is nothing under it".to_owned() });
        };
        let checked_by = self.believe(key, &head, measured, new).await?;
        self.encrypted(key, &head)?;
        let head = self.locked(key, head, new).await?;
        Ok(Kept { piece: self.piece(key, name, measured, &head, checked_by), new })
    }

    /// What is under a key; `None` when nothing is.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, S3Error> {
        let request =
            self.client.head_object().bucket(&self.place.bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match request.send().await {
            Ok(head) => Ok(Some(head)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.sorted(&format!("look for {key}"), &error)),
        }
    }

    /// Some stores tell of an object a moment after they took it.
    async fn head_of_what_was_put(&self, key: &str) -> Result<Option<HeadObjectOutput>, S3Error> {
        for _ in 0..SEEN.0 {
            if let Some(head) = self.head(key).await? {
                return Ok(Some(head));
            }
            tokio::time::sleep(SEEN.1).await;
        }
        Ok(None)
    }

    /// Puts an object in one request. False: there is one already.
    async fn put(&self, key: &str, source: &Source, part: PartSums) -> Result<bool, S3Error> {
        let (lock, until, hold) = self.lock();
        let (encryption, kms_key) = self.encryption();
        let request = self
            .client
            .put_object()
            .bucket(&self.place.bucket)
            .key(key)
            .if_none_match("*")
            .checksum_sha256(STANDARD.encode(part.sha256))
            // For those that know no SHA-256; an entity tag is only the same sum told back.
            .content_md5(STANDARD.encode(part.md5))
            .content_type(content_type(key))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .set_object_lock_mode(lock)
            .set_object_lock_retain_until_date(until)
            .set_object_lock_legal_hold_status(hold)
            .body(source.part(part).await?);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(412) => Ok(false),
            Err(error) => Err(self.sorted(&format!("put {key}"), &error)),
        }
    }

    /// Puts an object part by part, each with its own checksum. False: there is one already.
    async fn put_in_parts(&self, key: &str, source: &Source, measured: &Measured) -> Result<bool, S3Error> {
        let (lock, until, hold) = self.lock();
        let (encryption, kms_key) = self.encryption();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.place.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type(content_type(key))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .set_object_lock_mode(lock)
            .set_object_lock_retain_until_date(until)
            .set_object_lock_legal_hold_status(hold)
            .send()
            .await
            .map_err(|error| self.sorted(&format!("begin to put {key}"), &error))?;
        let Some(upload) = begun.upload_id() else {
            return Err(S3Error::NotKept { key: key.to_owned(), what: "the upload has no id".to_owned() });
        };
        let done = self.put_parts(key, upload, source, measured).await;
        if !matches!(done, Ok(true)) {
            // What was sent so far costs room until somebody ends it. If this fails too, the bucket's own rule for unfinished uploads does.
            let abort = self.client.abort_multipart_upload().bucket(&self.place.bucket).key(key).upload_id(upload);
            if let Err(error) = abort.send().await {
                tracing::warn!(key, why = %self.sorted("end an unfinished upload", &error), "an unfinished upload stays");
            }
        }
        done
    }

    async fn put_parts(&self, key: &str, upload: &str, source: &Source, measured: &Measured) -> Result<bool, S3Error> {
        let mut parts = Vec::new();
        for (part, number) in measured.parts.iter().zip(1_i32..) {
            let checksum = STANDARD.encode(part.sha256);
            let sent = self
                .client
                .upload_part()
                .bucket(&self.place.bucket)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .checksum_sha256(&checksum)
                .content_md5(STANDARD.encode(part.md5))
                .body(source.part(*part).await?)
                .send()
                .await
                .map_err(|error| self.sorted(&format!("put part {number} of {key}"), &error))?;
            let completed = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            // Only where the store said that it knows it: another one does not take an element that it does not know.
            parts.push(completed.set_checksum_sha256(sent.checksum_sha256).build());
        }
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.place.bucket)
            .key(key)
            .upload_id(upload)
            .if_none_match("*")
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await;
        match completed {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(412) => Ok(false),
            // Sent twice because its answer was lost: the first one ended the upload.
            Err(error) if error.code() == Some("NoSuchUpload") && self.head(key).await?.is_some() => Ok(true),
            Err(error) => Err(self.sorted(&format!("put {key} together"), &error)),
        }
    }

    /// Whether what is under the key is what was measured, and by what that is seen.
    async fn believe(
        &self,
        key: &str,
        head: &HeadObjectOutput,
        is: &Measured,
        new: bool,
    ) -> Result<CheckedBy, S3Error> {
        let wrong = |what: String| {
            let key = key.to_owned();
            if new { S3Error::NotKept { key, what } } else { S3Error::Conflict { key, what } }
        };
        let bytes = head.content_length().unwrap_or_default();
        if u64::try_from(bytes) != Ok(is.bytes) {
            return Err(wrong(format!("it has {bytes} bytes, {} were meant", is.bytes)));
        }
        match head.checksum_sha256() {
            Some(told) if told == is.checksum() => return Ok(CheckedBy::Sha256),
            // In parts of another size it has another checksum.
            Some(told) if told.contains('-') || is.parts.len() > 1 => {}
            Some(told) => {
                return Err(wrong(format!("the store told the checksum {told}, {} was meant", is.checksum())));
            }
            None => {}
        }
        if head.e_tag().is_some_and(|tag| tag.trim_matches('"') == is.etag()) {
            return Ok(CheckedBy::Etag);
        }
        // An entity tag that is not the MD5 means nothing where the store encrypts.
        match self.read_back(key, is.bytes).await? {
            read if read == is.sha256 => Ok(CheckedBy::ReadBack),
            read => Err(wrong(format!("its content has the hash {read}, {} was meant", is.sha256))),
        }
    }

    /// The hash of what is under a key, read through piece by piece; of `most` bytes and one more, at most.
    async fn read_back(&self, key: &str, most: u64) -> Result<Sha256, S3Error> {
        let what = format!("read {key} back");
        let request = self.client.get_object().bucket(&self.place.bucket).key(key);
        let mut body = request.send().await.map_err(|error| self.sorted(&what, &error))?.body;
        let (mut hash, mut read) = (sha2::Sha256::new(), 0_u64);
        loop {
            match body.try_next().await {
                Ok(Some(bytes)) if read <= most => {
                    read += bytes.len() as u64;
                    hash.update(&bytes);
                }
                Ok(_) => break,
                Err(error) => return Err(S3Error::Unreachable { what, why: error.to_string() }),
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        Ok(Sha256::from(digest))
    }

    /// Whether the bucket keeps what is overwritten or deleted.
    pub(crate) async fn keeps_versions(&self) -> Result<bool, S3Error> {
        Ok(self.versioning().await? == Some(BucketVersioningStatus::Enabled))
    }

    /// Whether the bucket keeps versions, or kept them once; `None`: never.
    pub(crate) async fn versioning(&self) -> Result<Option<BucketVersioningStatus>, S3Error> {
        let asked = self.client.get_bucket_versioning().bucket(&self.place.bucket).send().await;
        let found = asked.map_err(|error| self.sorted("ask whether the bucket keeps versions", &error))?;
        Ok(found.status)
    }

    /// A store that ignores `If-None-Match` has made a second version over the first one, which is still there.
    async fn is_the_only_version(&self, key: &str) -> Result<(), S3Error> {
        let asked = self.client.list_object_versions().bucket(&self.place.bucket).prefix(key).max_keys(10).send().await;
        let found = asked.map_err(|error| self.sorted(&format!("list the versions of {key}"), &error))?;
        let tags: std::collections::BTreeSet<_> =
            found.versions().iter().filter(|v| v.key() == Some(key)).filter_map(|v| v.e_tag()).collect();
        if tags.len() < 2 {
            return Ok(());
        }
        let what = "another one put something else there at the same time; both versions are kept".to_owned();
        Err(S3Error::Conflict { key: key.to_owned(), what })
    }

    /// A link by which anybody can read the object until it ends. It is a secret while it lasts.
    ///
    /// # Errors
    /// [`S3Error`]: no credentials. The object is not looked for.
    pub async fn link(&self, key: &str, version: Option<&str>, lasts: Duration) -> Result<String, S3Error> {
        let what = || format!("sign a link to {key}");
        let config = PresigningConfig::builder().start_time(self.now()).expires_in(lasts.min(LINK_MAX)).build();
        let config = config.map_err(|error| S3Error::Refused { what: what(), status: 0, why: error.to_string() })?;
        let request = self.client.get_object().bucket(&self.place.bucket).key(key);
        let request = request.set_version_id(version.map(str::to_owned));
        let signed = request.presigned(config).await.map_err(|error| self.sorted(&what(), &error))?;
        Ok(signed.uri().to_owned())
    }

    fn piece(
        &self,
        key: &str,
        name: &str,
        is: &Measured,
        head: &HeadObjectOutput,
        checked_by: CheckedBy,
    ) -> StoredPiece {
        StoredPiece {
            name: name.to_owned(),
            sha256: is.sha256,
            bytes: is.bytes,
            bucket: self.place.bucket.clone(),
            key: key.to_owned(),
            etag: head.e_tag().map(|tag| tag.trim_matches('"').to_owned()),
            version_id: head.version_id().filter(|id| *id != "null").map(str::to_owned),
            checksum_sha256: head.checksum_sha256().map(str::to_owned),
            checked_by,
            lock_mode: head.object_lock_mode().map(|mode| mode.as_str().to_owned()),
            retain_until: retain_until(head),
            legal_hold: is_held(head),
            encryption: head.server_side_encryption().map(|how| how.as_str().to_owned()),
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.options.now)()
    }

    pub(crate) fn sorted<E>(&self, what: &str, error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> S3Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        sorted(what, &self.place.bucket, self.now(), error)
    }
}

/// What browsers are told that it is.
fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, end)| end) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Keeps the futures of this file sendable: they run on the workers' own runtime.
#[expect(dead_code, reason = "checked by the compiler, never called")]
fn is_send(bucket: &Bucket) -> impl Future + Send {
    bucket.keep_named("", &[])
}
