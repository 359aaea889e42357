//! A session as a storage-state file: what browser test tools write, cookies and origins as JSON.
//!
//! Owns the check that a file is one before it is sealed. Never prints any of its values.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use deed_core::ports::browser::SessionState;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Largest session file, in bytes.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What is wrong with a session file.
#[derive(Debug, thiserror::Error)]
pub enum SessionFileError {
    /// It can not be read.
    #[error("failed to read the session file: {why}")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is no storage state.
    #[error("the session file is no storage state: {why}")]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, without any value.
        why: &'static str,
    },
}

impl SessionFileError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "session-unreadable",
            Self::Invalid { .. } => "session-invalid",
        }
    }

    /// Where.
    pub fn place(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => path.display().to_string(),
            Self::Invalid { path, line, column, .. } => format!("{}:{line}:{column}", path.display()),
        }
    }
}

/// The shape that is asked for. Tools add keys of their own, so unknown ones pass.
#[derive(Deserialize)]
struct StorageState {
    cookies: Vec<Cookie>,
    #[serde(default)]
    origins: Vec<Origin>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only that they are there and are texts is asked")]
struct Cookie {
    name: String,
    value: String,
    domain: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only that they are there is asked")]
struct Origin {
    origin: String,
    #[serde(default)]
    local_storage: Vec<IgnoredAny>,
}

/// A session file that was read.
#[derive(Debug)]
pub struct SessionFile {
    /// The session.
    pub state: SessionState,
    /// Number of cookies.
    pub cookies: usize,
    /// Number of origins with local storage.
    pub origins: usize,
    /// Whether others than its owner can read the file.
    pub exposed: bool,
}

/// Reads and checks a session file.
///
/// # Errors
/// See [`SessionFileError`].
pub fn read(path: &Path) -> Result<SessionFile, SessionFileError> {
    let unreadable = |why: String| SessionFileError::Unreadable { path: path.to_owned(), why };
    let file = File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let meta = file.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !meta.is_file() {
        return Err(unreadable("it is no file".to_owned()));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|e| unreadable(e.to_string()))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(unreadable(format!("it is larger than {BYTES_MAX} bytes")));
    }
    let state = parse(path, &text)?;
    Ok(SessionFile {
        cookies: state.cookies.len(),
        origins: state.origins.len(),
        exposed: meta.permissions().mode() & 0o077 != 0,
        state: SessionState::new(text),
    })
}

fn parse(path: &Path, text: &str) -> Result<StorageState, SessionFileError> {
    serde_json::from_str(text).map_err(|error| SessionFileError::Invalid {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        // The parser's own words may quote a value, and values here are secrets.
        why: match error.classify() {
            serde_json::error::Category::Data => "a key is missing or has a value of another kind",
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
        },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_browser_test_tools_write_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let text = r#"{"cookies":[{"name":"sid","value":"s3cret","domain":"a.test","path":"/","expires":-1}],
            "origins":[{"origin":"https://a.test","localStorage":[{"name":"k","value":"v"}]}]}"#;
        std::fs::write(&path, text).unwrap();
        let file = read(&path).unwrap();
        assert_eq!((file.cookies, file.origins, file.state.expose()), (1, 1, text));
        assert!(file.exposed, "a file of mode 0644 is");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!read(&path).unwrap().exposed);
    }

    #[test]
    fn an_error_names_the_place_and_no_value() {
        let error =
            parse(Path::new("s.json"), "{\"cookies\":[\n{\"name\":\"sid\",\"value\":12345678}]}").err().unwrap();
        assert_eq!(error.place(), "s.json:2:30");
        assert!(!error.to_string().contains("12345678"), "{error}");
        for text in ["", "[]", "{}", "{\"cookies\":{}}", "hello"] {
            assert_eq!(parse(Path::new("s.json"), text).err().unwrap().code(), "session-invalid", "{text}");
        }
    }
}
