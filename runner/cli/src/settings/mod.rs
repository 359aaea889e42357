//! Settings: flags over environment over `deed.toml` over defaults.
//!
//! Owns where things lie and who is asking. Never makes a file or a directory: `init` and opening the ledger do.

pub mod file;
mod recording;
pub mod store;

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use file::FileSettings;
pub use recording::Recording;
use store::{S3Settings, SCHEME};

/// Most authorities that stamp a signature.
const AUTHORITIES_MAX: usize = 2;

/// The environment, handed in so that a test can set it.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// What the command line says; each wins over the environment and the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Settings (flag over environment over deed.toml)")]
pub struct Flags {
    /// Settings file [env: DEED_CONFIG; else ./deed.toml, then ~/.config/deed/deed.toml]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// Ledger, runner locks, media [env: DEED_DATA; default: ~/.local/share/deed]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub data_dir: Option<PathBuf>,
    /// Chromium executable [env: DEED_BROWSER; default: found on the PATH]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub browser: Option<PathBuf>,
    /// Folder of recipes, PLATFORM/recipe.yaml in it [env: DEED_RECIPES; else the built-in ones]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub recipes: Option<PathBuf>,
    /// Policy file [env: DEED_POLICY; default: policy.yaml in the data directory, when it is there]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub policy: Option<PathBuf>,
    /// Proof store, a directory or s3://BUCKET/PREFIX [env: DEED_PROOFS; default: proofs in the data directory]
    #[arg(long, global = true, value_name = "PLACE", hide_short_help = true)]
    pub proofs: Option<PathBuf>,
    /// Key that seals stored sessions [env: DEED_SEAL_KEY; default: ~/.config/deed/seal.key]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub seal_key: Option<PathBuf>,
    /// Key that signs proof and checkpoints [env: DEED_SIGNING_KEY; default: signing.key beside the seal key]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub signing_key: Option<PathBuf>,
    /// Who is asking; stands in the audit log [env: DEED_OPERATOR; default: the user]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub operator: Option<String>,
    /// Record the page around the commit: high-risk (default), always, never, with bounds [env: DEED_RECORD]
    #[arg(long, global = true, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always", hide_short_help = true)]
    pub record: Option<String>,
    /// Input as fast as the page takes it, for tests [env: DEED_UNPACED=1]
    #[arg(long, global = true, hide_short_help = true)]
    pub unpaced: bool,
}

/// The address of the PostgreSQL database that holds the ledger. It may hold a password: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address with all that is in it, for the one who connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&deed_ledger::describe_server(&self.0))
    }
}

/// What counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The settings file that was read.
    pub file: Option<PathBuf>,
    /// The server that holds the ledger (`DATABASE_URL`); `None`: a file in the data directory.
    pub database: Option<DatabaseUrl>,
    /// Ledger, runner locks, media.
    pub data_dir: PathBuf,
    /// The Chromium executable; `None`: found on the PATH.
    pub browser: Option<PathBuf>,
    /// The folder of recipes; `None`: those that are built in.
    pub recipes: Option<PathBuf>,
    /// The policy file that was named; it must be there.
    pub policy: Option<PathBuf>,
    /// The proof store on this machine; with a store elsewhere, the spool.
    pub proofs: PathBuf,
    /// Where proof is uploaded to, when `proofs` names a place in S3.
    pub s3: Option<S3Settings>,
    /// The key that seals stored sessions.
    pub seal_key: PathBuf,
    /// The key that signs proof and checkpoints; its history lies beside it.
    pub signing_key: PathBuf,
    /// Where signatures get their time stamps (RFC 3161); none, one or two addresses.
    pub stamps: Vec<String>,
    /// Who is asking.
    pub operator: String,
    /// Which episodes are recorded, and how much of them.
    pub recording: Recording,
    /// Whether input is as fast as the page takes it.
    pub unpaced: bool,
    /// The boundary at which an episode stops for good; only the crash tests set it (`DEED_HALT_AT`).
    pub halt_at: Option<String>,
}

/// What is wrong with the settings. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file can not be read.
    #[error("failed to read the settings file: {why}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file says something that is not known.
    #[error("{message}")]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: Option<String>,
    },
    /// An environment variable has a value that is not known.
    #[error("the environment variable {name} has the value {value:?}")]
    BadVariable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// What is said of the store in S3 is not understood.
    #[error("failed to read what {name} says: {why}")]
    BadStore {
        /// The variable; the settings file has the same words.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
    /// `DATABASE_URL` is another kind of database's.
    #[error("DATABASE_URL is no address of a PostgreSQL database: it begins with {scheme:?}")]
    BadDatabase {
        /// What stands before `://`; the rest may hold a password.
        scheme: String,
    },
    /// The authorities for time stamps are not such.
    #[error("{value:?} is no address of an authority for time stamps, or there are more than two")]
    BadStamps {
        /// What was said.
        value: String,
    },
    /// Neither a directory nor a home directory to put one in.
    #[error("there is no home directory, so there is no place for {what}")]
    NoHome {
        /// What has no place.
        what: &'static str,
    },
}

impl SettingsError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "settings-unreadable",
            Self::Invalid { .. } => "settings-invalid",
            Self::BadVariable { .. } | Self::BadStore { .. } | Self::BadDatabase { .. } => "settings-variable",
            Self::BadStamps { .. } => "settings-stamps",
            Self::NoHome { .. } => "settings-no-home",
        }
    }

    /// Where.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Unreadable { path, .. } => Some(path.display().to_string()),
            Self::Invalid { path, line, column, .. } => Some(format!("{}:{line}:{column}", path.display())),
            Self::BadVariable { name, .. } | Self::BadStore { name, .. } => {
                Some(format!("environment variable {name}"))
            }
            Self::BadDatabase { .. } => Some("environment variable DATABASE_URL".to_owned()),
            Self::BadStamps { .. } => Some("DEED_TSA_URLS, or `stamps` in deed.toml".to_owned()),
            Self::NoHome { .. } => None,
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "name a file that is there with --config or DEED_CONFIG, or none".to_owned(),
            Self::Invalid { help: Some(help), .. } => help.clone(),
            Self::Invalid { help: None, .. } => {
                format!("the keys are {}, each with a text in quotes", file::KEYS.join(", "))
            }
            Self::BadVariable { name: "DEED_RECORD", .. } => format!("say {}", recording::FORM),
            Self::BadVariable { .. } => "say 1 or 0".to_owned(),
            Self::BadStore { .. } => "docs/operations.md tells what is said of a store in S3".to_owned(),
            Self::BadDatabase { .. } => {
                "say postgres://USER@HOST/DATABASE, or unset it: then the ledger is a file in the data directory"
                    .to_owned()
            }
            Self::BadStamps { .. } => {
                "say one or two addresses that begin with https:// or http://, with a comma between them".to_owned()
            }
            Self::NoHome { .. } => "set HOME, or --data-dir (DEED_DATA) and --seal-key (DEED_SEAL_KEY)".to_owned(),
        }
    }
}

impl Settings {
    /// Puts together what flags, environment and file say.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn load(flags: &Flags, env: Env<'_>) -> Result<Self, SettingsError> {
        let path = file::find(flags.config.as_deref(), env)?;
        let file = path.as_deref().map(|p| file::read(p, env)).transpose()?.unwrap_or_default();
        Self::merge(flags, env, file, path)
    }

    fn merge(flags: &Flags, env: Env<'_>, file: FileSettings, path: Option<PathBuf>) -> Result<Self, SettingsError> {
        let pick = |flag: &Option<PathBuf>, name: &str, file: Option<PathBuf>| {
            flag.clone().or_else(|| said(env, name).map(PathBuf::from)).or(file)
        };
        let data_dir = match pick(&flags.data_dir, "DEED_DATA", file.data_dir) {
            Some(dir) => dir,
            None => data_home(env).ok_or(SettingsError::NoHome { what: "the data directory" })?.join("deed"),
        };
        let seal_key = match pick(&flags.seal_key, "DEED_SEAL_KEY", file.seal_key) {
            Some(path) => path,
            // Not in the data directory: a copy of that alone must not open the sessions in it.
            None => {
                config_home(env).ok_or(SettingsError::NoHome { what: "the seal key" })?.join("deed").join("seal.key")
            }
        };
        let text = |name: &str| said(env, name).map(|v| v.to_string_lossy().into_owned());
        // Beside the seal key, for the same reason: a copy of the proof must not be able to sign.
        let signing_key = pick(&flags.signing_key, "DEED_SIGNING_KEY", file.signing_key)
            .unwrap_or_else(|| seal_key.with_file_name("signing.key"));
        let stamps = text("DEED_TSA_URLS").or(file.stamps).map(authorities).transpose()?.unwrap_or_default();
        let own = || data_dir.join("proofs");
        let proofs = pick(&flags.proofs, "DEED_PROOFS", file.proofs).unwrap_or_else(own);
        let elsewhere = proofs.to_str().filter(|place| place.starts_with(SCHEME));
        let s3 = elsewhere.map(|place| S3Settings::read(place, env, &file.s3)).transpose()?;
        let proofs = match s3 {
            Some(_) => said(env, "DEED_SPOOL").map(PathBuf::from).or(file.spool).unwrap_or_else(own),
            None => proofs,
        };
        Ok(Self {
            file: path,
            database: text("DATABASE_URL").map(database).transpose()?,
            proofs,
            s3,
            policy: pick(&flags.policy, "DEED_POLICY", file.policy),
            browser: pick(&flags.browser, "DEED_BROWSER", file.browser),
            recipes: pick(&flags.recipes, "DEED_RECIPES", file.recipes),
            operator: flags
                .operator
                .clone()
                .or_else(|| text("DEED_OPERATOR"))
                .or(file.operator)
                .unwrap_or_else(|| user(env)),
            recording: match flags.record.clone().or_else(|| text("DEED_RECORD")).or(file.record) {
                Some(said) => {
                    Recording::parse(&said).ok_or(SettingsError::BadVariable { name: "DEED_RECORD", value: said })?
                }
                None => Recording::default(),
            },
            unpaced: flags.unpaced || switch(env, "DEED_UNPACED")?,
            halt_at: text("DEED_HALT_AT"),
            data_dir,
            seal_key,
            signing_key,
            stamps,
        })
    }

    /// Where the ledger is, for messages.
    pub fn ledger_place(&self) -> String {
        match &self.database {
            Some(url) => format!("{url:?}"),
            None => self.ledger().display().to_string(),
        }
    }

    /// The policy file: the one that was named, else `policy.yaml` in the data directory when there is one.
    pub fn policy_file(&self) -> Option<PathBuf> {
        // One that can not be looked for is there: reading it says why it can not be read.
        let own = || Some(self.data_dir.join("policy.yaml")).filter(|path| path.try_exists().unwrap_or(true));
        self.policy.clone().or_else(own)
    }

    /// The ledger's file, where it is one.
    pub fn ledger(&self) -> PathBuf {
        self.data_dir.join("ledger.sqlite")
    }

    /// Where runners register.
    pub fn runners(&self) -> PathBuf {
        self.data_dir.join("runners")
    }

    /// Where the media of filed orders lie.
    pub fn media(&self) -> PathBuf {
        self.data_dir.join("media")
    }
}

fn database(url: String) -> Result<DatabaseUrl, SettingsError> {
    match url.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(DatabaseUrl(url)),
        Some((scheme, _)) => Err(SettingsError::BadDatabase { scheme: scheme.to_owned() }),
        None => Err(SettingsError::BadDatabase { scheme: String::new() }),
    }
}

/// Up to two addresses, with a comma between them.
fn authorities(said: String) -> Result<Vec<String>, SettingsError> {
    let urls: Vec<String> = said.split(',').map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect();
    let fits = |url: &String| {
        url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
    };
    if urls.len() <= AUTHORITIES_MAX && urls.iter().all(fits) {
        return Ok(urls);
    }
    Err(SettingsError::BadStamps { value: said })
}

/// A variable that is set to something.
fn said(env: Env<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}

fn switch(env: Env<'_>, name: &'static str) -> Result<bool, SettingsError> {
    let Some(value) = said(env, name) else { return Ok(false) };
    match value.to_string_lossy().to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        other => Err(SettingsError::BadVariable { name, value: other.to_owned() }),
    }
}

fn home(env: Env<'_>) -> Option<PathBuf> {
    said(env, "HOME").map(PathBuf::from)
}

/// `$XDG_CONFIG_HOME`, else `~/.config`. A relative one is ignored, as the specification asks.
fn config_home(env: Env<'_>) -> Option<PathBuf> {
    xdg(env, "XDG_CONFIG_HOME", ".config")
}

fn data_home(env: Env<'_>) -> Option<PathBuf> {
    xdg(env, "XDG_DATA_HOME", ".local/share")
}

fn xdg(env: Env<'_>, name: &str, below_home: &str) -> Option<PathBuf> {
    let set = said(env, name).map(PathBuf::from).filter(|p| p.is_absolute());
    set.or_else(|| home(env).map(|home| home.join(below_home)))
}

/// The user's name, or number: the audit log must name somebody.
fn user(env: Env<'_>) -> String {
    let name = ["USER", "LOGNAME"].iter().find_map(|name| said(env, name));
    match name {
        Some(name) => name.to_string_lossy().into_owned(),
        None => std::fs::metadata(Path::new("/proc/self"))
            .map_or_else(|_| "unknown".to_owned(), |m| format!("uid-{}", m.uid())),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn settings(flags: Flags, variables: &[(&str, &str)], file: FileSettings) -> Settings {
        let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Settings::merge(&flags, &env, file, None).unwrap()
    }

    const HOME: (&str, &str) = ("HOME", "/home/ann");

    #[test]
    fn a_server_holds_the_ledger_where_one_is_named_and_its_password_is_never_shown() {
        let address = "postgres://deed:s3cret@db.example/agency";
        let settings = settings(Flags::default(), &[HOME, ("DATABASE_URL", address)], FileSettings::default());
        assert_eq!(settings.database.as_ref().unwrap().expose(), address);
        assert_eq!(settings.ledger_place(), "PostgreSQL database agency at db.example:5432");
        assert!(!format!("{settings:?}").contains("s3cret"));
        let error = database("mysql://root:s3cret@db/x".to_owned()).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("s3cret")), ("settings-variable", false));
        assert!(database("s3cret".to_owned()).is_err_and(|e| !e.to_string().contains("s3cret")));
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let file =
            || FileSettings { proofs: Some("/file".into()), operator: Some("file".into()), ..FileSettings::default() };
        let env = [HOME, ("DEED_PROOFS", "/env"), ("DEED_OPERATOR", "env")];
        let flags = || Flags { proofs: Some("/flag".into()), operator: Some("flag".into()), ..Flags::default() };
        let seen = |s: Settings| (s.proofs.display().to_string(), s.operator);
        assert_eq!(seen(settings(flags(), &env, file())), ("/flag".into(), "flag".into()));
        assert_eq!(seen(settings(Flags::default(), &env, file())), ("/env".into(), "env".into()));
        assert_eq!(seen(settings(Flags::default(), &[HOME], file())), ("/file".into(), "file".into()));
    }

    #[test]
    fn nothing_set_is_enough() {
        let found = settings(Flags::default(), &[HOME, ("USER", "ann")], FileSettings::default());
        assert_eq!(found.data_dir, Path::new("/home/ann/.local/share/deed"));
        assert_eq!(found.proofs, Path::new("/home/ann/.local/share/deed/proofs"));
        assert_eq!(found.seal_key, Path::new("/home/ann/.config/deed/seal.key"));
        assert_eq!(
            (found.signing_key.as_path(), found.stamps.len()),
            (Path::new("/home/ann/.config/deed/signing.key"), 0)
        );
        assert_eq!((found.operator.as_str(), found.unpaced, found.browser, found.recipes), ("ann", false, None, None));
    }

    #[test]
    fn one_or_two_authorities_give_time_stamps() {
        let said = |value| {
            let env = |name: &str| match name {
                "HOME" => Some(OsString::from("/home/ann")),
                "DEED_TSA_URLS" => Some(OsString::from(value)),
                _ => None,
            };
            Settings::merge(&Flags::default(), &env, FileSettings::default(), None).map(|settings| settings.stamps)
        };
        assert_eq!(
            said("http://a.test/tsr, https://b.test"),
            Ok(vec!["http://a.test/tsr".into(), "https://b.test".into()])
        );
        for wrong in ["a.test", "ftp://a.test", "http://a.test,http://b.test,http://c.test"] {
            assert_eq!(said(wrong).unwrap_err().code(), "settings-stamps", "{wrong}");
        }
    }

    #[test]
    fn the_proofs_follow_the_data_directory_and_the_key_does_not() {
        let found = settings(
            Flags { data_dir: Some("/srv/deed".into()), ..Flags::default() },
            &[HOME],
            FileSettings::default(),
        );
        assert_eq!(found.proofs, Path::new("/srv/deed/proofs"));
        assert_eq!(found.seal_key, Path::new("/home/ann/.config/deed/seal.key"));
    }

    #[test]
    fn an_empty_variable_is_not_set_and_a_relative_xdg_directory_is_ignored() {
        let env = [HOME, ("DEED_DATA", ""), ("XDG_DATA_HOME", "relative")];
        assert_eq!(
            settings(Flags::default(), &env, FileSettings::default()).data_dir,
            Path::new("/home/ann/.local/share/deed")
        );
        let env = [HOME, ("XDG_DATA_HOME", "/data")];
        assert_eq!(settings(Flags::default(), &env, FileSettings::default()).data_dir, Path::new("/data/deed"));
    }

    #[test]
    fn unpaced_is_said_in_a_way_that_is_understood() {
        let unpaced =
            |value| settings(Flags::default(), &[HOME, ("DEED_UNPACED", value)], FileSettings::default()).unpaced;
        assert!(unpaced("1") && unpaced("true") && !unpaced("0") && !unpaced(""));
        let env = |name: &str| {
            (name == "DEED_UNPACED").then(|| OsString::from("maybe")).or((name == "HOME").then(|| "/h".into()))
        };
        let error = Settings::merge(&Flags::default(), &env, FileSettings::default(), None).unwrap_err();
        assert_eq!(error.code(), "settings-variable");
    }

    #[test]
    fn without_a_home_the_places_must_be_named() {
        let env = |_: &str| None;
        let error = Settings::merge(&Flags::default(), &env, FileSettings::default(), None).unwrap_err();
        assert_eq!(error.code(), "settings-no-home");
        let flags = Flags { data_dir: Some("/d".into()), seal_key: Some("/k".into()), ..Flags::default() };
        let found = Settings::merge(&flags, &env, FileSettings::default(), None).unwrap();
        assert!(found.operator.starts_with("uid-"), "{}", found.operator);
    }
}
