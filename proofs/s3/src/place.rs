//! Where proof goes, and how: `s3://bucket/prefix`, endpoint, encryption, lock.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// A bucket and what all keys begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// Without a slash at either end; may be empty.
    pub prefix: String,
}

/// Why a text is none of the settings of this file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: say {form}")]
pub struct NotUnderstood {
    /// What was said.
    pub text: String,
    /// What it should be.
    pub what: &'static str,
    /// How that is written.
    pub form: &'static str,
}

impl Place {
    /// The key of what is named so below the place.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

impl FromStr for Place {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let no = || NotUnderstood {
            text: text.to_owned(),
            what: "place in S3",
            form: "s3://BUCKET/PREFIX (a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens)",
        };
        let rest = text.strip_prefix("s3://").ok_or_else(no)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        let segments = prefix.is_empty()
            || prefix.split('/').all(|s| {
                !matches!(s, "" | "." | "..")
                    && s.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '=' | '+' | '@'))
            });
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) || !segments || prefix.len() > 512 {
            return Err(no());
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.key_of_bucket())
    }
}

impl Place {
    fn key_of_bucket(&self) -> String {
        if self.prefix.is_empty() { self.bucket.clone() } else { format!("{}/{}", self.bucket, self.prefix) }
    }
}

/// How the store is asked to encrypt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// `AES256`: with keys of the store's own.
    Aes256,
    /// `aws:kms`, with the bucket's key or a named one.
    Kms(Option<String>),
}

impl FromStr for Encryption {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        match text.split_once('=') {
            None if text == "AES256" => Ok(Self::Aes256),
            None if text == "aws:kms" => Ok(Self::Kms(None)),
            Some(("aws:kms", key)) if !key.is_empty() => Ok(Self::Kms(Some(key.to_owned()))),
            _ => Err(NotUnderstood {
                text: text.to_owned(),
                what: "server-side encryption",
                form: "AES256, aws:kms or aws:kms=KEY",
            }),
        }
    }
}

/// Who may still end a lock early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Nobody.
    Compliance,
    /// Whoever has the right to.
    Governance,
}

/// How long what is put is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// In which mode.
    pub mode: LockMode,
    /// From the upload on.
    pub days: u32,
}

/// The longest retention: a hundred years.
const DAYS_MAX: u32 = 36_500;

impl FromStr for Retention {
    type Err = NotUnderstood;

    fn from_str(text: &str) -> Result<Self, NotUnderstood> {
        let read = || {
            let (mode, days) = text.trim().split_once(' ')?;
            let days = days.trim().strip_suffix('d')?.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days))?;
            match mode {
                "compliance" => Some(Self { mode: LockMode::Compliance, days }),
                "governance" => Some(Self { mode: LockMode::Governance, days }),
                _ => None,
            }
        };
        read().ok_or_else(|| NotUnderstood {
            text: text.to_owned(),
            what: "retention",
            form: "\"compliance DAYSd\" or \"governance DAYSd\", such as \"compliance 365d\"",
        })
    }
}

/// Certificate authorities that a store's certificate may lead to, besides those that this machine trusts. Each can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities(Vec<u8>);

impl Authorities {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// In words, when there is none, or one that does not read.
    pub fn from_pem(pem: Vec<u8>) -> Result<Self, String> {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            webpki::anchor_from_trusted_cert(&certificate).map_err(|error| error.to_string())?;
            count += 1;
        }
        if count == 0 { Err("it holds no certificate in PEM".to_owned()) } else { Ok(Self(pem)) }
    }

    pub(crate) fn as_pem(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({} bytes)", self.0.len())
    }
}

/// How the store is reached, and what is asked of it.
#[derive(Clone)]
pub struct Options {
    /// In place of the one that the AWS environment names.
    pub endpoint: Option<String>,
    /// `endpoint/bucket/key` in place of `bucket.endpoint/key`; servers other than AWS mostly want it.
    pub path_style: bool,
    /// Server-side encryption; the bucket's own way without it.
    pub encryption: Option<Encryption>,
    /// Object Lock; the bucket's own default without it.
    pub retention: Option<Retention>,
    /// Whether each object gets a legal hold.
    pub legal_hold: bool,
    /// Whom its certificate may lead to, besides those that this machine trusts.
    pub authorities: Option<Authorities>,
    /// Access key and secret, in place of what the standard credential chain finds. Never shown.
    pub keys: Option<(String, String)>,
    /// The clock: requests are signed with it, retention counts from it.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            path_style: false,
            encryption: None,
            retention: None,
            legal_hold: false,
            authorities: None,
            keys: None,
            now: Arc::new(SystemTime::now),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("endpoint", &self.endpoint)
            .field("path_style", &self.path_style)
            .field("encryption", &self.encryption)
            .field("retention", &self.retention)
            .field("legal_hold", &self.legal_hold)
            .field("authorities", &self.authorities)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() -> Result<(), NotUnderstood> {
        let place: Place = "s3://proof-bucket/agency/deed/".parse()?;
        assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("proof-bucket", "agency/deed"));
        assert_eq!(place.key("objects/ab/cd"), "agency/deed/objects/ab/cd");
        assert_eq!("s3://bucket".parse::<Place>()?.key("x"), "x");
        for bad in [
            "",
            "s3://",
            "s3://ab",
            "s3://Bucket/x",
            "s3://bucket//x",
            "s3://bucket/a/../b",
            "/srv/proofs",
            "s3://b cket/",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn encryption_and_retention_are_said_in_one_way() {
        assert_eq!("AES256".parse(), Ok(Encryption::Aes256));
        assert_eq!("aws:kms=arn:k".parse(), Ok(Encryption::Kms(Some("arn:k".to_owned()))));
        assert!("aes".parse::<Encryption>().is_err() && "aws:kms=".parse::<Encryption>().is_err());
        assert_eq!("compliance 365d".parse(), Ok(Retention { mode: LockMode::Compliance, days: 365 }));
        for bad in ["", "365d", "compliance", "compliance 0d", "compliance 1y", "strict 3d", "governance 40000d"] {
            assert!(bad.parse::<Retention>().is_err(), "{bad}");
        }
    }
}
