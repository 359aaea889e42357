//! Removing from a store what a client's rule deleted here.
//!
//! The one place that deletes anything there, and it deletes by one title only: a deletion that the runner's own keys
//! signed. It reaches the evidence that the deletion lists and the reports of before, which show that evidence, below
//! the folder of that one episode. Manifests, signatures and stamps stay. What a lock keeps stays until the lock ends,
//! and is said to. Deleted is what the store does not list any more.

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_s3::primitives::DateTime;
use deed_proofs::Sha256;
use deed_proofs::retention::Deletions;
use deed_proofs::store::relative_object_path;

use crate::bucket::Bucket;
use crate::error::{S3Error, status};
use crate::lock::{is_held, retain_until};
use crate::upload::{Record, Uploader, key_of_file};

/// Pages of a list that are read; of a thousand entries each. An episode has some dozen.
const PAGES_MAX: u32 = 100;

/// What became of what had to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Not there any more since now.
    pub gone: u32,
    /// Kept by a lock.
    pub locked: u32,
}

/// One version of an object; the only one, in a bucket that keeps none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    key: String,
    id: Option<String>,
}

/// Until when, RFC 3339, and whether there is a legal hold.
type Lock = (Option<String>, bool);

impl Uploader {
    /// Removes what of an episode was deleted here.
    pub(crate) async fn remove(
        &self,
        episode: &str,
        folder: &Path,
        deletions: &Deletions,
        record: &Record,
    ) -> Result<Removed, S3Error> {
        let place = self.bucket.place();
        let report = std::fs::read(folder.join("report.html"))
            .map_err(|error| deed_proofs::StoreError::from_io(&folder.join("report.html"), error))?;
        let shown = place.key(&key_of_file(episode, "report.html", &Sha256::of(&report)));
        let all = place.key(&format!("episodes/{episode}/"));
        let reports = format!("{all}report-");
        let gone: BTreeSet<String> =
            deletions.deleted.iter().map(|one| format!("{all}{}", relative_object_path(&one.sha256))).collect();
        let goes = |version: &Version| {
            gone.contains(&version.key) || (version.key.starts_with(&reports) && version.key != shown)
        };
        let mut removed = Removed::default();
        for version in self.bucket.versions(&all).await?.into_iter().filter(goes) {
            match self.bucket.remove(&version).await? {
                None => {
                    removed.gone += 1;
                    record.forget(&place.bucket, &version.key);
                }
                Some((until, hold)) => {
                    removed.locked += 1;
                    record.locked(&place.bucket, &version.key, until, hold);
                }
            }
        }
        if removed.gone > 0 {
            let left: Vec<Version> = self.bucket.versions(&all).await?.into_iter().filter(goes).collect();
            if let Some(still) = left.get(removed.locked as usize) {
                return Err(S3Error::NotRemoved { key: still.key.clone() });
            }
        }
        Ok(removed)
    }
}

impl Bucket {
    /// Every version of every object whose key begins so.
    async fn versions(&self, prefix: &str) -> Result<Vec<Version>, S3Error> {
        let what = format!("list {prefix}");
        let mut found = Vec::new();
        if self.versioning().await?.is_none() {
            let mut from = None;
            for _ in 0..PAGES_MAX {
                let request = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(prefix);
                let page = request.set_continuation_token(from).send().await;
                let page = page.map_err(|error| self.sorted(&what, &error))?;
                found.extend(
                    page.contents().iter().filter_map(|o| Some(Version { key: o.key()?.to_owned(), id: None })),
                );
                from = page.next_continuation_token;
                if from.is_none() {
                    return Ok(found);
                }
            }
            return Err(endless(what));
        }
        let (mut key, mut version) = (None, None);
        for _ in 0..PAGES_MAX {
            let request = self.client.list_object_versions().bucket(&self.place.bucket).prefix(prefix);
            let page = request.set_key_marker(key).set_version_id_marker(version).send().await;
            let page = page.map_err(|error| self.sorted(&what, &error))?;
            let entry = |v: &aws_sdk_s3::types::ObjectVersion| {
                Some(Version { key: v.key()?.to_owned(), id: v.version_id().map(str::to_owned) })
            };
            found.extend(page.versions().iter().filter_map(entry));
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            (key, version) = (page.next_key_marker, page.next_version_id_marker);
        }
        Err(endless(what))
    }

    /// Deletes a version for good; what locks it, where something does.
    async fn remove(&self, version: &Version) -> Result<Option<Lock>, S3Error> {
        let what = format!("delete {}", version.key);
        let id = version.id.clone();
        let head = self.client.head_object().bucket(&self.place.bucket).key(&version.key).set_version_id(id.clone());
        let head = match head.send().await {
            Ok(head) => head,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(self.sorted(&what, &error)),
        };
        let hold = is_held(&head);
        let now = DateTime::from(self.now());
        if hold || head.object_lock_retain_until_date().is_some_and(|until| until.secs() > now.secs()) {
            return Ok(Some((retain_until(&head), hold)));
        }
        let request = self.client.delete_object().bucket(&self.place.bucket).key(&version.key).set_version_id(id);
        request.send().await.map_err(|error| self.sorted(&what, &error))?;
        Ok(None)
    }
}

/// A list of which no end was seen: what is in it can not be said to be deleted.
fn endless(what: String) -> S3Error {
    let why = format!("there is more after {PAGES_MAX} pages");
    S3Error::Unavailable { what, status: 200, why }
}
