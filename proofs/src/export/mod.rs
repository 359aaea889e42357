//! One file that holds the whole proof of an action, and its check by a stranger: offline, without a database, without settings.
//!
//! Owns what lies in an export and what must not. It never repairs, unpacks or compresses anything. Layout, which once unpacked is
//! that of a [store](crate::store), so that `sha256sum -c SHA256SUMS` works in its root and in each episode's folder:
//!
//! ```text
//! SHA256SUMS                        every other file of the export
//! audit.json                        the action's rows of the audit log, with proofs that lead to a signed checkpoint (where there is one)
//! overview.html                     for people: what became of the action, each episode's report, and who vouches for it
//! episodes/<episode_id>/…           each sealed episode of the action, with all files of its folder
//! objects/ab/cdef…                  every object that one of their manifests lists, and no other
//! ```
//!
//! The zip has one byte form (`zip`), so the same proof exported twice is the same file, and a changed bit is found wherever it is.
//! What an export cannot say of itself is that it is the right one: a whole one that was made anew holds. That takes a signature, or a
//! hash that came another way ([`Expected`]).

mod check;
mod open;
mod shown;
mod write;
mod zip;

pub(crate) use open::open_episode;

pub use check::{EpisodeFound, Expected, ExportVerification, verify_export, verify_export_file};
pub use write::{ExportError, Exported, export};

use crate::hash::Sha256;
use crate::store::relative_object_path;
use crate::sums;

/// The action's rows of the audit log, in the root of an export.
const AUDIT_FILE: &str = "audit.json";

/// The page for people, in the root of an export.
const OVERVIEW_FILE: &str = "overview.html";

/// What a name in an export stands for.
enum Place<'a> {
    /// The rows of the audit log.
    Audit,
    /// The sums of all other files.
    Sums,
    /// The page for people.
    Overview,
    /// A file of an episode, by its folder's name.
    Episode(&'a str),
    /// An object.
    Object(Sha256),
}

impl<'a> Place<'a> {
    /// `None` for a name that no file of an export has; so nothing that leads elsewhere has a place.
    fn of(name: &'a str) -> Option<Self> {
        if name == sums::SUMS_FILE {
            return Some(Self::Sums);
        }
        if name == AUDIT_FILE {
            return Some(Self::Audit);
        }
        if name == OVERVIEW_FILE {
            return Some(Self::Overview);
        }
        if let Some((episode, file)) = name.strip_prefix("episodes/").and_then(|rest| rest.split_once('/')) {
            let plain = crate::manifest::is_folder_name(episode) && sums::belongs_to_an_episode(file);
            return plain.then_some(Self::Episode(episode));
        }
        let digits: String = name.strip_prefix("objects/")?.split('/').collect();
        let sha256: Sha256 = digits.parse().ok()?;
        (relative_object_path(&sha256) == name).then_some(Self::Object(sha256))
    }
}

/// The one text of the sums in the root of an export, over all of its other files in the order of their names.
fn root_sums<'a>(files: impl Iterator<Item = (&'a str, Sha256)>) -> String {
    files.map(|(name, sha256)| format!("{sha256}  {name}\n")).collect()
}
