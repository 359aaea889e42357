//! `deed.toml`: a closed schema, and where the file is looked for.
//!
//! Every key is known or an error with its line, its column and the nearest known key. Relative paths count from the
//! file's folder, `~/` from the home directory, because no shell expands them here.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::store::S3Texts;
use super::{Env, SettingsError, home};
use crate::suggest::did_you_mean;

/// The file's name.
pub const FILE_NAME: &str = "deed.toml";
/// The keys of the file.
pub const KEYS: [&str; 17] = [
    "browser",
    "data_dir",
    "operator",
    "policy",
    "proofs",
    "recipes",
    "record",
    "s3_ca",
    "s3_encryption",
    "s3_endpoint",
    "s3_legal_hold",
    "s3_path_style",
    "s3_retention",
    "seal_key",
    "signing_key",
    "spool",
    "stamps",
];
/// Largest settings file, in bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSettings {
    /// `browser`
    pub browser: Option<PathBuf>,
    /// `data_dir`
    pub data_dir: Option<PathBuf>,
    /// `operator`
    pub operator: Option<String>,
    /// `policy`
    pub policy: Option<PathBuf>,
    /// `proofs`
    pub proofs: Option<PathBuf>,
    /// `recipes`
    pub recipes: Option<PathBuf>,
    /// `record`
    pub record: Option<String>,
    /// `seal_key`
    pub seal_key: Option<PathBuf>,
    /// `signing_key`
    pub signing_key: Option<PathBuf>,
    /// `stamps`
    pub stamps: Option<String>,
    /// `spool`
    pub spool: Option<PathBuf>,
    /// `s3_…`
    pub s3: S3Texts,
}

/// The settings file that counts: `--config`, `$DEED_CONFIG`, `./deed.toml`, `$XDG_CONFIG_HOME/deed/deed.toml`. A file that was
/// named must be there; the others may be absent.
///
/// # Errors
/// A named file that is not there.
pub fn find(flag: Option<&Path>, env: Env<'_>) -> Result<Option<PathBuf>, SettingsError> {
    let from_env = env("DEED_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(named) = flag.map(Path::to_path_buf).or(from_env) {
        if named.is_file() {
            return Ok(Some(named));
        }
        return Err(SettingsError::Unreadable { path: named, why: "there is no such file".to_owned() });
    }
    let here = PathBuf::from(FILE_NAME);
    let candidates = [Some(here), super::config_home(env).map(|dir| dir.join("deed").join(FILE_NAME))];
    Ok(candidates.into_iter().flatten().find(|candidate| candidate.is_file()))
}

/// Reads a settings file.
///
/// # Errors
/// It can not be read, is not TOML, or has a key or a value that is not known.
pub fn read(path: &Path, env: Env<'_>) -> Result<FileSettings, SettingsError> {
    let unreadable = |why: String| SettingsError::Unreadable { path: path.to_owned(), why };
    let file = fs::File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let mut text = String::new();
    let read = file.take(BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|e| match e.kind() {
        ErrorKind::InvalidData => unreadable("it is not UTF-8".to_owned()),
        _ => unreadable(e.to_string()),
    })?;
    if text.len() as u64 > BYTES_MAX {
        return Err(unreadable(format!("it is larger than {BYTES_MAX} bytes")));
    }
    parse(path, &text, env)
}

/// Reads the text of a settings file.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str, env: Env<'_>) -> Result<FileSettings, SettingsError> {
    let invalid = |at: usize, message: String, help: Option<String>| {
        let (line, column) = line_and_column(text, at);
        SettingsError::Invalid { path: path.to_owned(), line, column, message, help }
    };
    let table = DeTable::parse(text).map_err(|e| {
        invalid(e.span().map_or(0, |s| s.start), e.message().lines().collect::<Vec<_>>().join(", "), None)
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut found = FileSettings::default();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let slot = match name {
            "browser" => &mut found.browser,
            "data_dir" => &mut found.data_dir,
            "policy" => &mut found.policy,
            "proofs" => &mut found.proofs,
            "recipes" => &mut found.recipes,
            "seal_key" => &mut found.seal_key,
            "signing_key" => &mut found.signing_key,
            "spool" => &mut found.spool,
            "s3_ca" => {
                let said = text_of(name, value).map_err(|m| invalid(value.span().start, m, None))?;
                found.s3.set(name, &absolute(folder, said, env).to_string_lossy());
                continue;
            }
            "s3_encryption" | "s3_endpoint" | "s3_legal_hold" | "s3_path_style" | "s3_retention" => {
                let said = text_of(name, value).map_err(|m| invalid(value.span().start, m, None))?;
                found.s3.set(name, said);
                continue;
            }
            "operator" | "stamps" => {
                let said = Some(text_of(name, value).map_err(|m| invalid(value.span().start, m, None))?.to_owned());
                if name == "stamps" {
                    found.stamps = said
                } else {
                    found.operator = said
                }
                continue;
            }
            "record" => {
                let said = text_of(name, value).map_err(|m| invalid(value.span().start, m, None))?;
                found.record = Some(said.to_owned());
                continue;
            }
            _ => {
                let message = format!("unknown key `{name}`");
                return Err(invalid(key.span().start, message, Some(did_you_mean(name, &KEYS))));
            }
        };
        let said = text_of(name, value).map_err(|m| invalid(value.span().start, m, None))?;
        *slot = Some(absolute(folder, said, env));
    }
    Ok(found)
}

fn text_of<'v>(key: &str, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, String> {
    match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() => Ok(text),
        DeValue::String(_) => Err(format!("`{key}` is empty")),
        _ => Err(format!("`{key}` must be a text in quotes")),
    }
}

fn absolute(folder: &Path, said: &str, env: Env<'_>) -> PathBuf {
    if said.starts_with(super::store::SCHEME) {
        return PathBuf::from(said);
    }
    match (said.strip_prefix("~/"), home(env)) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(OsString::from(said)),
    }
}

/// Line and column, both from 1, the column in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn no_env(_: &str) -> Option<OsString> {
        None
    }

    fn error(text: &str) -> String {
        let error = parse(Path::new("/etc/deed.toml"), text, &no_env).unwrap_err();
        format!("{error} | {} | {}", error.place().unwrap_or_default(), error.help())
    }

    #[test]
    fn paths_count_from_the_file() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/ann"));
        let text =
            "browser = \"/usr/bin/chromium\"\nproofs = \"proofs\"\nseal_key = \"~/keys/deed\"\noperator = \"ann\"\n";
        let found = parse(Path::new("/etc/deed/deed.toml"), text, &home).unwrap();
        let expected = FileSettings {
            browser: Some("/usr/bin/chromium".into()),
            proofs: Some("/etc/deed/proofs".into()),
            seal_key: Some("/home/ann/keys/deed".into()),
            operator: Some("ann".to_owned()),
            ..FileSettings::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_key_names_its_place_and_the_nearest_one() {
        let text = "operator = \"ann\"\n  brwoser = \"x\"\n";
        let expected = "unknown key `brwoser` | /etc/deed.toml:2:3 | did you mean `browser`?";
        assert_eq!(error(text), expected);
        assert!(error("colour = true").contains("known here: browser, data_dir"));
    }

    #[test]
    fn a_value_of_another_kind_names_its_place() {
        assert!(error("proofs = 3").starts_with("`proofs` must be a text in quotes | /etc/deed.toml:1:10"));
        assert!(error("proofs = \" \"").starts_with("`proofs` is empty"));
        assert!(error("[proofs]\nx = 1\n").starts_with("`proofs` must be a text in quotes"));
    }

    #[test]
    fn what_is_not_toml_names_its_place() {
        assert!(error("operator = \"ann\nproofs = 1").contains("/etc/deed.toml:1:"));
        assert!(error("proofs = \"a\"\nproofs = \"b\"\n").contains("/etc/deed.toml:2:1"));
    }
}
