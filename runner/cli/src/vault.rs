//! What was masked, sealed and kept apart from proof, so that it can be disclosed later and proved.
//!
//! A file of mode 0600 for each batch, `redactions/<episode>/<n>.age` below the data directory, sealed with the seal key. It never lies in
//! the proof directory, and no upload takes it along. Never keeps what was in a password or one-time-code field: that is not read.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_core::ids::EpisodeId;
use deed_ledger::Sealer;
use deed_proofs::Sha256;
use deed_proofs::redact::{SALT_BYTES, commitment};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use crate::context::make_private_dir;

/// The folder below the data directory.
pub const FOLDER: &str = "redactions";

/// One thing that was masked, with its salt. Never printed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Withheld {
    /// Hexadecimal digits.
    pub salt: String,
    /// Base64.
    pub content: String,
    #[serde(skip)]
    committed: Option<Sha256>,
}

impl std::fmt::Debug for Withheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Withheld(…)")
    }
}

impl Withheld {
    /// With a salt of its own.
    pub fn new(content: &[u8]) -> Self {
        let mut salt = [0; SALT_BYTES];
        rand::rng().fill_bytes(&mut salt);
        Self { salt: hex(&salt), content: STANDARD.encode(content), committed: Some(commitment(&salt, content)) }
    }

    /// What the manifest says of it.
    pub fn commitment(&self) -> Sha256 {
        self.committed.unwrap_or_else(|| {
            let salt: Vec<u8> = (0..self.salt.len() / 2)
                .filter_map(|at| u8::from_str_radix(self.salt.get(2 * at..2 * at + 2)?, 16).ok())
                .collect();
            let content = STANDARD.decode(&self.content).unwrap_or_default();
            Sha256::of(&[salt, content].concat())
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where what was masked is put away.
#[derive(Clone)]
pub struct Vault {
    root: PathBuf,
    sealer: Arc<dyn Sealer>,
}

impl Vault {
    /// In a data directory, under a key.
    pub fn new(data_dir: &Path, sealer: Arc<dyn Sealer>) -> Self {
        Self { root: data_dir.join(FOLDER), sealer }
    }

    /// The folder of an episode.
    pub fn folder(&self, episode: &EpisodeId) -> PathBuf {
        self.root.join(episode.as_str())
    }

    /// Puts a batch away, durably.
    ///
    /// # Errors
    /// The disk's and the sealer's.
    pub fn put(&self, episode: &EpisodeId, batch: &[Withheld]) -> io::Result<()> {
        let folder = self.folder(episode);
        make_private_dir(&folder)?;
        let sealed = self.sealer.seal(&serde_json::to_vec(batch)?).map_err(io::Error::other)?;
        for number in fs::read_dir(&folder)?.count().. {
            let path = folder.join(format!("{number}.age"));
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            match made {
                Ok(mut file) => {
                    file.write_all(&sealed)?;
                    file.sync_all()?;
                    return fs::File::open(&folder)?.sync_all();
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was put away of an episode.
    ///
    /// # Errors
    /// The disk's and the sealer's.
    pub fn all(&self, episode: &EpisodeId) -> io::Result<Vec<Withheld>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.folder(episode))? {
            let plain = self.sealer.unseal(&fs::read(entry?.path())?).map_err(io::Error::other)?;
            all.extend(serde_json::from_slice::<Vec<Withheld>>(&plain)?);
        }
        Ok(all)
    }

    /// Deletes what was put away of an episode: its payloads were deleted by rule, and what they hid goes with them.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget(&self, episode: &EpisodeId) -> io::Result<()> {
        match fs::remove_dir_all(self.folder(episode)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
