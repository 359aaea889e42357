//! The store in S3, where one is set: whether it is reached, and which of its promises it keeps.

use deed_s3::{Probe, Promise};

use super::Finding;
use crate::context::Context;
use crate::settings::store::S3Settings;

pub(super) async fn look(context: &Context) -> Vec<Finding> {
    let Some(s3) = &context.settings.s3 else { return Vec::new() };
    let uploader = match context.uploader().await {
        Ok(Some(uploader)) => uploader,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::of("store", &error)],
    };
    let mut findings: Vec<_> = uploader.bucket().probe().await.into_iter().map(|probe| finding(probe, s3)).collect();
    findings.push(match uploader.spool().waiting() {
        Ok(waiting) if waiting.is_empty() => Finding::ok("upload", "nothing waits"),
        Ok(waiting) => {
            let seen = format!("proof of {} episode(s) waits", waiting.len());
            Finding::warn("upload", seen, "`deed proof pending` shows why, `deed proof upload` tries now")
        }
        Err(error) => Finding::of("upload", &error.into()),
    });
    findings
}

fn finding(probe: Probe, s3: &S3Settings) -> Finding {
    let place = &s3.place;
    let name = match probe.promise {
        Promise::Reached => "store",
        Promise::RefusesToOverwrite => "overwrite",
        Promise::ComparesChecksums => "checksums",
        Promise::KeepsVersions => "versions",
        Promise::CanLock => "lock",
        Promise::Encrypts => "encryption",
    };
    let asked_to_lock = s3.retention.is_some() || s3.legal_hold;
    match (probe.promise, probe.kept) {
        // Outcomes do not wait for it, so it stops no action.
        (Promise::Reached, Err(error)) => {
            Finding::warn(name, format!("{place}: {error} [{}]", error.code()), error.help())
        }
        (_, Err(error)) => Finding::warn(name, format!("{error} [{}]", error.code()), error.help()),
        (Promise::Reached, Ok(_)) => Finding::ok(name, format!("{place} takes what is put there")),
        (Promise::RefusesToOverwrite, Ok(true)) => Finding::ok(name, "it refuses to put where something is"),
        (Promise::RefusesToOverwrite, Ok(false)) => Finding::warn(
            name,
            "it overwrites although it is told not to (it ignores If-None-Match)",
            "Deed looks before it puts, and its keys name their content; turn versioning on, or use a store that refuses",
        ),
        (Promise::ComparesChecksums, Ok(true)) => Finding::ok(name, "it compares SHA-256 with what arrived"),
        (Promise::ComparesChecksums, Ok(false)) => Finding::warn(
            name,
            "it takes a wrong SHA-256 without a word",
            "nothing to do: what is put there is compared with its entity tag, or read back",
        ),
        (Promise::KeepsVersions, Ok(true)) => Finding::ok(name, "it keeps what is overwritten or deleted"),
        (Promise::KeepsVersions, Ok(false)) => Finding::warn(
            name,
            "what is deleted there is gone",
            "turn versioning on in the bucket, so that whoever may write there can not take proof away",
        ),
        (Promise::CanLock, Ok(true)) => Finding::ok(name, "its objects can be locked"),
        (Promise::CanLock, Ok(false)) if asked_to_lock => Finding::fail(
            name,
            "objects are to be locked, and this bucket can not",
            "make a bucket with Object Lock, or unset the retention and the legal hold",
        ),
        (Promise::Encrypts, Ok(true)) => Finding::ok(name, "it encrypts as it is asked to"),
        (Promise::Encrypts, Ok(false)) => Finding::fail(
            name,
            "it is asked to encrypt, takes what is put there, and does not (it ignores the header)",
            "use a store that encrypts, or unset DEED_S3_ENCRYPTION",
        ),
        (Promise::CanLock, Ok(false)) => Finding::ok(name, "no Object Lock, and none is asked for"),
    }
}
