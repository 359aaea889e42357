//! What every command stands on: settings, terminal, and how ledger, recipes and proof store are opened.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deed_core::account::Account;
use deed_core::ids::EpisodeId;
use deed_ledger::{AgeSealer, LedgerOptions, SqlLedger};
use deed_proofs::{KeyHistory, KeyStore, SigningKey, Spool};
use deed_recipes::policy::{PolicyError, PolicyFile, load_policy};
use deed_recipes::{FILE_NAME, LoadError, Recipe};
use deed_s3::{Bucket, Uploader};

use crate::error::CliError;
use crate::settings::Settings;
use crate::ui::Ui;
use crate::vault::Vault;
use crate::world::{DirectoryProofs, now};

/// What a command is run with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where things lie and who is asking.
    pub settings: Settings,
    /// The terminal.
    pub ui: Ui,
    /// Ledgers that were opened, to be closed at the end.
    opened: Arc<Mutex<Vec<SqlLedger>>>,
}

/// How long closing the ledger may take: connections that an abandoned task still holds are not waited for.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

impl Context {
    /// Nothing is opened yet.
    pub fn new(settings: Settings, ui: Ui) -> Self {
        Self { settings, ui, opened: Arc::default() }
    }

    /// Closes what was opened. A ledger in a file that is only dropped leaves its log beside it, with or without what was in it: whoever
    /// copies the file would need both.
    pub async fn close(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for ledger in opened {
            let _ = tokio::time::timeout(CLOSED_WITHIN, ledger.close()).await;
        }
    }

    /// The ledger, which must be there: a mistyped data directory must not look like an empty one.
    ///
    /// # Errors
    /// [`CliError::NotInitialised`], the seal key's and the ledger's.
    pub async fn ledger(&self) -> Result<SqlLedger, CliError> {
        if !self.has_ledger().await? {
            return Err(CliError::NotInitialised { place: self.settings.ledger_place() });
        }
        self.open_ledger().await
    }

    /// The ledger, made with its directory and the seal key when it is not there.
    ///
    /// # Errors
    /// The directory's, the seal key's and the ledger's.
    pub async fn ledger_made(&self) -> Result<SqlLedger, CliError> {
        let dir = &self.settings.data_dir;
        make_private_dir(dir).map_err(CliError::file("make the data directory", dir))?;
        self.open_ledger().await
    }

    /// Whether there is one already.
    ///
    /// # Errors
    /// The directory's or the server's.
    pub async fn has_ledger(&self) -> Result<bool, CliError> {
        match &self.settings.database {
            Some(url) => Ok(SqlLedger::is_on_server(url.expose()).await?),
            None => {
                let path = self.settings.ledger();
                path.try_exists().map_err(CliError::file("look for the ledger", &path))
            }
        }
    }

    async fn open_ledger(&self) -> Result<SqlLedger, CliError> {
        let key = &self.settings.seal_key;
        if let Some(dir) = key.parent().filter(|d| !d.as_os_str().is_empty()) {
            make_private_dir(dir).map_err(CliError::file("make the seal key's directory", dir))?;
        }
        let options = LedgerOptions {
            now: Arc::new(now),
            mint: Arc::new(mint),
            sealer: Arc::new(AgeSealer::open_or_create(key)?),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let ledger = match &self.settings.database {
            Some(url) => SqlLedger::open_server(url.expose(), options).await?,
            None => SqlLedger::open(&self.settings.ledger(), options).await?,
        };
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(ledger.clone());
        Ok(ledger)
    }

    /// The proof store.
    ///
    /// # Errors
    /// The store's.
    pub fn proofs(&self) -> Result<DirectoryProofs, CliError> {
        let proofs = match self.settings.s3 {
            Some(_) => DirectoryProofs::open_spool(&self.settings.proofs)?,
            None => DirectoryProofs::open(&self.settings.proofs)?,
        };
        let proofs = proofs.signed_by(self.keys(), !self.settings.stamps.is_empty());
        // Without the key nothing can be put away; who runs episodes has opened the ledger, and so made it.
        Ok(if self.settings.seal_key.exists() { proofs.with_vault(self.vault()?) } else { proofs })
    }

    /// Where what is masked in proof is put away.
    ///
    /// # Errors
    /// The seal key's.
    pub fn vault(&self) -> Result<Vault, CliError> {
        Ok(Vault::new(&self.settings.data_dir, Arc::new(AgeSealer::open(&self.settings.seal_key)?)))
    }

    /// What brings proof to the store elsewhere, where there is one.
    ///
    /// # Errors
    /// The spool's; the store elsewhere is not asked anything yet.
    pub async fn uploader(&self) -> Result<Option<Uploader>, CliError> {
        let Some(s3) = &self.settings.s3 else { return Ok(None) };
        let spool = Spool::open(self.proofs()?.store())?;
        let bucket = Bucket::connect(s3.place.clone(), s3.options()).await;
        Ok(Some(Uploader::new(bucket, spool).with_keys(self.keys())))
    }

    /// Where the signing key and its history lie.
    pub fn keys(&self) -> KeyStore {
        KeyStore::at(&self.settings.signing_key)
    }

    /// The key that signs and its history; both are made when they are not there.
    ///
    /// # Errors
    /// [`KeyError`](deed_proofs::KeyError).
    pub fn signing(&self) -> Result<(SigningKey, KeyHistory), CliError> {
        let dir = self.settings.signing_key.parent().filter(|d| !d.as_os_str().is_empty());
        if let Some(dir) = dir {
            make_private_dir(dir).map_err(CliError::file("make the signing key's directory", dir))?;
        }
        Ok(self.keys().open_or_create(&now().to_string())?)
    }

    /// Where an episode's proof lies.
    pub fn episode_folder(&self, episode: &EpisodeId) -> PathBuf {
        self.settings.proofs.join("episodes").join(episode.as_str())
    }

    /// What accounts may do: the policy file, read anew; where there is none, everything that recipes can.
    ///
    /// # Errors
    /// [`PolicyError`]; with a policy that breaks a rule nothing runs.
    pub fn policy(&self) -> Result<Arc<PolicyFile>, PolicyError> {
        self.settings.policy_file().map_or_else(|| Ok(Arc::default()), |path| load_policy(&path).map(Arc::new))
    }

    /// The recipe of a platform: the one in the folder of recipes, else the built-in one.
    ///
    /// # Errors
    /// [`LoadError`]; a recipe that breaks a rule does not run.
    pub fn recipe(&self, platform: &str) -> Result<Arc<Recipe>, LoadError> {
        let own = self.settings.recipes.as_ref().filter(|_| plain(platform)).map(|dir| dir.join(platform));
        match own.filter(|folder| folder.join(FILE_NAME).exists()) {
            Some(folder) => deed_recipes::load_for(platform, &folder).map(Arc::new),
            None => deed_recipes::load_builtin(platform).map(Arc::new),
        }
    }
}

/// A platform's name becomes a folder's name, and must not lead out of the folder of recipes.
fn plain(platform: &str) -> bool {
    !platform.is_empty() && platform.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// A fresh id: UUID version 7, so that ids sort by time.
pub fn mint() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// `@north_star (practice)`, as messages name an account.
pub fn account_name(account: &Account) -> String {
    format!("@{} ({})", account.fingerprint.handle, account.platform)
}

/// Makes a directory, and what leads to it, for its owner only. One that is there stays as it is.
///
/// # Errors
/// The system's.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|m| m.is_dir()) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_platform_never_leads_out_of_its_folder() {
        assert!(plain("practice") && plain("face-book_2"));
        for name in ["", ".", "..", "a/b", "../x", "a b", "ä"] {
            assert!(!plain(name), "{name}");
        }
    }
}
