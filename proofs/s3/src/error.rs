//! What a store can answer wrongly, named by what an operator can do about it.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use deed_proofs::StoreError;

/// Clocks that differ by more make signatures invalid.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// Why something is not in the store, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// No connection, no answer, or half of one.
    #[error("failed to {what}: the store does not answer: {why}")]
    Unreachable {
        /// What was tried.
        what: String,
        /// What came back.
        why: String,
    },
    /// The store answered that it can not just now.
    #[error("failed to {what}: the store answered {status}: {why}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// The status.
        status: u16,
        /// What it said.
        why: String,
    },
    /// No credentials, or none that the store knows.
    #[error("failed to {what}: no valid credentials: {why}")]
    Credentials {
        /// What was tried.
        what: String,
        /// What is wrong with them.
        why: String,
    },
    /// This machine's clock and the store's do not agree, so that no signature is valid.
    #[error("failed to {what}: this machine's clock and the store's are too far apart: {why}")]
    Clock {
        /// What was tried.
        what: String,
        /// What was seen.
        why: String,
    },
    /// The credentials do not give the right to.
    #[error("failed to {what}: the store does not allow it: {why}")]
    Denied {
        /// What was tried.
        what: String,
        /// What it said.
        why: String,
    },
    /// The bucket is not there.
    #[error("failed to {what}: there is no bucket {bucket}")]
    NoBucket {
        /// What was tried.
        what: String,
        /// Its name.
        bucket: String,
    },
    /// No space, or no quota, is left.
    #[error("failed to {what}: the store has no room: {why}")]
    Full {
        /// What was tried.
        what: String,
        /// What it said.
        why: String,
    },
    /// The bytes did not arrive as they were sent.
    #[error("failed to {what}: the bytes did not arrive as they were sent: {why}")]
    Damaged {
        /// What was tried.
        what: String,
        /// What was seen.
        why: String,
    },
    /// Another request wrote the same key at the same time.
    #[error("failed to {what}: another request writes the same key just now")]
    Busy {
        /// What was tried.
        what: String,
    },
    /// Any other refusal.
    #[error("failed to {what}: the store refused it with {status}: {why}")]
    Refused {
        /// What was tried.
        what: String,
        /// The status.
        status: u16,
        /// What it said.
        why: String,
    },
    /// There is something else under the key. It was not touched.
    #[error("there is something else under {key} already: {what}; it was not overwritten")]
    Conflict {
        /// The key.
        key: String,
        /// How it differs.
        what: String,
    },
    /// The store said that it took it, and does not have it as it was sent.
    #[error("the store said that it took {key}, and does not have it: {what}")]
    NotKept {
        /// The key.
        key: String,
        /// What was found when it was read back.
        what: String,
    },
    /// The store took it and did not lock it.
    #[error("the store took {key} and did not lock it as asked: {what}")]
    NotLocked {
        /// The key.
        key: String,
        /// What was found when it was read back.
        what: String,
    },
    /// The store said that it deleted it, and lists it still.
    #[error("the store was told to delete {key}, and lists it still")]
    NotRemoved {
        /// The key.
        key: String,
    },
    /// The store has it, and not encrypted as asked.
    #[error("the store has {key}, and not encrypted as asked: {what}")]
    NotEncrypted {
        /// The key.
        key: String,
        /// What was found when it was read back.
        what: String,
    },
    /// Its certificate leads to no authority that is trusted.
    #[error("failed to {what}: the store's certificate is not trusted: {why}")]
    Untrusted {
        /// What was tried.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Names that may be written once only can not be kept in this store.
    #[error("the store overwrites objects although it is told not to, and keeps no versions: {key} was not put there")]
    Overwrites {
        /// The key.
        key: String,
    },
    /// The local copy.
    #[error(transparent)]
    Local(#[from] StoreError),
}

impl S3Error {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "s3-unreachable",
            Self::Unavailable { .. } => "s3-unavailable",
            Self::Credentials { .. } => "s3-credentials",
            Self::Clock { .. } => "s3-clock",
            Self::Denied { .. } => "s3-denied",
            Self::NoBucket { .. } => "s3-no-bucket",
            Self::Full { .. } => "s3-full",
            Self::Damaged { .. } => "s3-damaged",
            Self::Busy { .. } => "s3-busy",
            Self::Refused { .. } => "s3-refused",
            Self::NotEncrypted { .. } => "s3-not-encrypted",
            Self::Untrusted { .. } => "s3-untrusted",
            Self::Conflict { .. } => "s3-conflict",
            Self::NotKept { .. } => "s3-not-kept",
            Self::NotLocked { .. } => "s3-not-locked",
            Self::NotRemoved { .. } => "s3-not-removed",
            Self::Overwrites { .. } => "s3-overwrites",
            Self::Local(error) => error.code(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Busy { .. } | Self::Damaged { .. } => {
                "nothing is lost: proof stays on this disk and is uploaded when the store answers; `deed proof pending` shows what waits"
            }
            Self::Credentials { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's role; then `deed proof upload`"
            }
            Self::Clock { .. } => "set this machine's clock (`timedatectl set-ntp true`); then `deed proof upload`",
            Self::Denied { .. } => {
                "give these credentials s3:GetObject and s3:PutObject below the prefix (with a lock s3:PutObjectRetention and s3:PutObjectLegalHold; where a client's proof is deleted by rule s3:ListBucket, s3:ListBucketVersions, s3:DeleteObject and s3:DeleteObjectVersion)"
            }
            Self::NoBucket { .. } => "make the bucket, or correct DEED_PROOFS; Deed makes none",
            Self::Full { .. } => "make room in the store, or raise its quota; proof stays on this disk meanwhile",
            Self::Refused { .. } => {
                "`deed doctor` shows what the store can; the answer above says what it did not take"
            }
            Self::Conflict { .. } => {
                "find out who wrote it: Deed's keys name their content. Give Deed a prefix of its own"
            }
            Self::NotKept { .. } => {
                "the store (or what stands before it) answers for what it did not do: `deed doctor`, then use another one"
            }
            Self::NotEncrypted { .. } => {
                "use a store that encrypts (`deed doctor` tries it), or unset the encryption; what was there before can be encrypted in its place there, or give Deed a new prefix"
            }
            Self::Untrusted { .. } => {
                "name a PEM file with the authority's certificate in DEED_S3_CA (AWS_CA_BUNDLE); if it should be known already, look at what stands between"
            }
            Self::NotLocked { .. } => "make the bucket with Object Lock, or unset the retention and the legal hold",
            Self::NotRemoved { .. } => {
                "delete it by hand with all its versions; see which rule or replication brings it back"
            }
            Self::Overwrites { .. } => {
                "turn versioning on in the bucket, or use a store that refuses to overwrite; `deed doctor` shows it"
            }
            Self::Local(_) => "`deed doctor` shows where the proof store is and whether it can be written",
        }
    }

    /// Whether it stays so until somebody does something about it.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Damaged { .. } | Self::Busy { .. })
    }
}

/// The status of a refusal; `None`: there was no whole answer.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    match error {
        SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
        _ => None,
    }
}

/// Sorts what the SDK says by what can be done about it.
pub(crate) fn sorted<E>(what: &str, bucket: &str, now: SystemTime, error: &SdkError<E, HttpResponse>) -> S3Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let what = what.to_owned();
    let SdkError::ServiceError(answer) = error else {
        let why = DisplayErrorContext(error).to_string();
        // The SDK has no kind of its own for a request that could not be signed.
        return if why.to_lowercase().contains("credential") {
            S3Error::Credentials {
                what,
                why: "none were found in the environment, the profile or the machine's role".to_owned(),
            }
        } else if let Some((_, why)) = why.split_once("invalid peer certificate: ") {
            // By rustls' words: the SDK hands its error on as text only.
            let end = why.find([')', '"']).unwrap_or(why.len());
            S3Error::Untrusted { what, why: bounded(why.get(..end).unwrap_or(why)) }
        } else {
            S3Error::Unreachable { what, why: bounded(&why) }
        };
    };
    let status = answer.raw().status().as_u16();
    let code = answer.err().code().unwrap_or_default().to_owned();
    let why = match answer.err().message().filter(|message| !message.is_empty()) {
        Some(message) => bounded(&format!("{code}: {message}")),
        None if code.is_empty() => format!("status {status}"),
        None => code.clone(),
    };
    match (status, code.as_str()) {
        (_, "RequestTimeTooSkewed" | "RequestExpired") => S3Error::Clock { what, why },
        (403, _) if apart(answer.raw(), now).is_some() => {
            let why = apart(answer.raw(), now).unwrap_or_default();
            S3Error::Clock { what, why }
        }
        (
            _,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "AuthorizationHeaderMalformed",
        )
        | (401, _) => S3Error::Credentials { what, why },
        (507, _)
        | (_, "QuotaExceeded" | "XMinioStorageFull" | "InsufficientCapacity" | "StorageFull" | "EntityTooLarge") => {
            S3Error::Full { what, why }
        }
        (_, "NoSuchBucket") => S3Error::NoBucket { what, bucket: bucket.to_owned() },
        (
            _,
            "BadDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch"
            | "IncompleteBody"
            | "RequestTimeout",
        ) => S3Error::Damaged { what, why },
        (403, _) => S3Error::Denied { what, why },
        (409, "ConditionalRequestConflict" | "OperationAborted") => S3Error::Busy { what },
        (429 | 500.., _) => S3Error::Unavailable { what, status, why },
        _ => S3Error::Refused { what, status, why },
    }
}

/// How far the store's clock is from ours, when that is too far. An answer to `HEAD` has no other way to say so.
fn apart(answer: &HttpResponse, now: SystemTime) -> Option<String> {
    let date = answer.headers().get("date")?;
    let theirs =
        aws_sdk_s3::primitives::DateTime::from_str(date, aws_sdk_s3::primitives::DateTimeFormat::HttpDate).ok()?;
    let ours = aws_sdk_s3::primitives::DateTime::from(now);
    let seconds = ours.secs() - theirs.secs();
    (seconds.unsigned_abs() > SKEW_MAX.as_secs()).then(|| {
        let word = if seconds > 0 { "ahead of" } else { "behind" };
        format!("this machine is {} s {word} the store", seconds.unsigned_abs())
    })
}

/// What strangers say, on one line and not too long.
fn bounded(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    line.trim().to_owned()
}
