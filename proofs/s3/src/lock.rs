//! Object Lock: what is asked for, and what an object that was read back lacks of it.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
};

use crate::bucket::Bucket;
use crate::error::{S3Error, status};
use crate::place::LockMode;

/// By how much a lock may end earlier than asked for: stores round, and a request takes its time.
const LOCK_SLACK: Duration = Duration::from_secs(3600);

/// Until when an object is locked, RFC 3339.
pub(crate) fn retain_until(head: &HeadObjectOutput) -> Option<String> {
    head.object_lock_retain_until_date().and_then(|at| at.fmt(DateTimeFormat::DateTime).ok())
}

/// Whether there is a legal hold on an object.
pub(crate) fn is_held(head: &HeadObjectOutput) -> bool {
    head.object_lock_legal_hold_status() == Some(&ObjectLockLegalHoldStatus::On)
}

impl Bucket {
    /// Sees to it that the object is locked as asked; what has a longer lock keeps it.
    pub(crate) async fn locked(
        &self,
        key: &str,
        head: HeadObjectOutput,
        new: bool,
    ) -> Result<HeadObjectOutput, S3Error> {
        let missing = self.missing(&head);
        if missing.is_empty() {
            return Ok(head);
        }
        // Not all servers take a lock along with what is put in parts; and what was there before may have a shorter one.
        let (_, until, _) = self.lock();
        if let (Some(retention), Some(until)) = (self.options.retention, until)
            && missing.contains(&"retention")
        {
            let mode = match retention.mode {
                LockMode::Compliance => ObjectLockRetentionMode::Compliance,
                LockMode::Governance => ObjectLockRetentionMode::Governance,
            };
            let wanted = ObjectLockRetention::builder().mode(mode).retain_until_date(until).build();
            let request = self.client.put_object_retention().bucket(&self.place.bucket).key(key);
            let sent = request.set_version_id(head.version_id.clone()).retention(wanted).send().await;
            self.lock_taken(key, new, sent).await?;
        }
        if missing.contains(&"legal hold") {
            let wanted = ObjectLockLegalHold::builder().status(ObjectLockLegalHoldStatus::On).build();
            let request = self.client.put_object_legal_hold().bucket(&self.place.bucket).key(key);
            let sent = request.set_version_id(head.version_id.clone()).legal_hold(wanted).send().await;
            self.lock_taken(key, new, sent).await?;
        }
        let head = self
            .head(key)
            .await?
            .ok_or_else(|| S3Error::NotLocked { key: key.to_owned(), what: "it is gone".to_owned() })?;
        match self.missing(&head).as_slice() {
            [] => Ok(head),
            missing => {
                let what = format!("it was read back without {}", missing.join(" and "));
                Err(S3Error::NotLocked { key: key.to_owned(), what })
            }
        }
    }

    async fn lock_taken<T, E>(
        &self,
        key: &str,
        new: bool,
        sent: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
    ) -> Result<(), S3Error>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(_) => Ok(()),
            Err(error) if status(&error).is_some_and(|s| matches!(s, 400 | 404 | 405 | 501)) => {
                let key = key.to_owned();
                let what =
                    format!("{} ({})", error.code().unwrap_or("refused"), if new { "new" } else { "there before" });
                Err(S3Error::NotLocked { key, what })
            }
            Err(error) => Err(self.sorted(&format!("lock {key}"), &error)),
        }
    }

    /// What of the lock that was asked for an object lacks.
    fn missing(&self, head: &HeadObjectOutput) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if let (Some(retention), (_, Some(until), _)) = (self.options.retention, self.lock()) {
            let slack = i64::try_from(LOCK_SLACK.as_secs()).unwrap_or(0);
            let long_enough =
                head.object_lock_retain_until_date().is_some_and(|found| found.secs() + slack >= until.secs());
            // Compliance is more than governance.
            let strict_enough = match head.object_lock_mode() {
                Some(ObjectLockMode::Compliance) => true,
                Some(ObjectLockMode::Governance) => retention.mode == LockMode::Governance,
                _ => false,
            };
            if !(long_enough && strict_enough) {
                missing.push("retention");
            }
        }
        if self.options.legal_hold && !is_held(head) {
            missing.push("legal hold");
        }
        missing
    }

    /// What goes along with each object that is put.
    pub(crate) fn lock(&self) -> (Option<ObjectLockMode>, Option<DateTime>, Option<ObjectLockLegalHoldStatus>) {
        let hold = self.options.legal_hold.then_some(ObjectLockLegalHoldStatus::On);
        let Some(retention) = self.options.retention else { return (None, None, hold) };
        let mode = match retention.mode {
            LockMode::Compliance => ObjectLockMode::Compliance,
            LockMode::Governance => ObjectLockMode::Governance,
        };
        let until = self.now() + Duration::from_secs(u64::from(retention.days) * 24 * 3600);
        // In whole seconds: not every server reads a part of one.
        (Some(mode), Some(DateTime::from_secs(DateTime::from(until).secs())), hold)
    }
}
