//! Where proof is uploaded to, when `proofs` names a place in S3: the place, and what is asked of it.
//!
//! Credentials, region and endpoint are those of the AWS environment; only what it has no word for is said here.

use std::ffi::OsString;

use deed_s3::place::NotUnderstood;
use deed_s3::{Authorities, Encryption, Options, Place, Retention};

use super::{Env, SettingsError, said};

/// How a place in S3 begins.
pub const SCHEME: &str = "s3://";

/// What the settings file says, unread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Texts {
    ca: Option<String>,
    encryption: Option<String>,
    endpoint: Option<String>,
    legal_hold: Option<String>,
    path_style: Option<String>,
    retention: Option<String>,
}

impl S3Texts {
    /// Takes the text of a key `s3_…`.
    pub fn set(&mut self, key: &str, text: &str) {
        let slot = match key {
            "s3_ca" => &mut self.ca,
            "s3_encryption" => &mut self.encryption,
            "s3_endpoint" => &mut self.endpoint,
            "s3_legal_hold" => &mut self.legal_hold,
            "s3_path_style" => &mut self.path_style,
            _ => &mut self.retention,
        };
        *slot = Some(text.to_owned());
    }
}

/// A store elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// Bucket and prefix.
    pub place: Place,
    /// In place of the AWS environment's.
    pub endpoint: Option<String>,
    /// `endpoint/bucket/key`.
    pub path_style: bool,
    /// Server-side encryption.
    pub encryption: Option<Encryption>,
    /// Object Lock.
    pub retention: Option<Retention>,
    /// Legal hold.
    pub legal_hold: bool,
    /// Whom its certificate may lead to, besides those that this machine trusts.
    pub authorities: Option<Authorities>,
}

impl S3Settings {
    /// Reads the place, and what environment and file say of it.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(place: &str, env: Env<'_>, file: &S3Texts) -> Result<Self, SettingsError> {
        let pick = |name: &'static str, file: &Option<String>| {
            let text = said(env, name).map(|v: OsString| v.to_string_lossy().into_owned()).or_else(|| file.clone());
            text.map(|text| (name, text))
        };
        let endpoint = pick("DEED_S3_ENDPOINT", &file.endpoint);
        let own_server = endpoint.is_some()
            || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| said(env, name).is_some());
        if let Some((name, url)) = endpoint.as_ref().filter(|(_, url)| !url.starts_with("http")) {
            return Err(SettingsError::BadStore { name, why: format!("{url:?} is no address: say https://HOST") });
        }
        Ok(Self {
            place: place.parse().map_err(|e| refused("DEED_PROOFS", &e))?,
            endpoint: endpoint.map(|(_, url)| url),
            // A server of one's own seldom has a name for each bucket.
            path_style: switch(pick("DEED_S3_PATH_STYLE", &file.path_style))?.unwrap_or(own_server),
            encryption: parsed(pick("DEED_S3_ENCRYPTION", &file.encryption))?,
            retention: parsed(pick("DEED_S3_RETENTION", &file.retention))?,
            legal_hold: switch(pick("DEED_S3_LEGAL_HOLD", &file.legal_hold))?.unwrap_or(false),
            authorities: pick("DEED_S3_CA", &file.ca)
                .or_else(|| pick("AWS_CA_BUNDLE", &None))
                .map(|(name, path)| authorities(name, &path))
                .transpose()?,
        })
    }

    /// For the one who connects.
    pub fn options(&self) -> Options {
        Options {
            endpoint: self.endpoint.clone(),
            path_style: self.path_style,
            encryption: self.encryption.clone(),
            retention: self.retention,
            legal_hold: self.legal_hold,
            authorities: self.authorities.clone(),
            ..Options::default()
        }
    }
}

fn refused(name: &'static str, why: &NotUnderstood) -> SettingsError {
    SettingsError::BadStore { name, why: why.to_string() }
}

fn authorities(name: &'static str, path: &str) -> Result<Authorities, SettingsError> {
    let read = std::fs::read(path).map_err(|error| error.to_string()).and_then(Authorities::from_pem);
    read.map_err(|why| SettingsError::BadStore { name, why: format!("{path}: {why}") })
}

fn parsed<T: std::str::FromStr<Err = NotUnderstood>>(
    text: Option<(&'static str, String)>,
) -> Result<Option<T>, SettingsError> {
    text.map(|(name, text)| text.parse().map_err(|e| refused(name, &e))).transpose()
}

fn switch(text: Option<(&'static str, String)>) -> Result<Option<bool>, SettingsError> {
    let Some((name, text)) = text else { return Ok(None) };
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(SettingsError::BadStore { name, why: format!("{text:?} is neither 1 nor 0") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &str, variables: &[(&str, &str)]) -> Result<S3Settings, SettingsError> {
        let env = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        let mut file = S3Texts::default();
        file.set("s3_retention", "governance 7d");
        S3Settings::read(place, &env, &file)
    }

    #[test]
    fn the_environment_wins_over_the_file_and_a_server_of_ones_own_is_asked_by_path() -> Result<(), SettingsError> {
        let plain = read("s3://proofs-of-ours/deed", &[])?;
        assert!(!plain.path_style && plain.retention == "governance 7d".parse().ok() && plain.encryption.is_none());
        let own = [
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
            ("DEED_S3_RETENTION", "compliance 30d"),
            ("DEED_S3_LEGAL_HOLD", "1"),
        ];
        let own = read("s3://proofs-of-ours/deed", &own)?;
        assert!(own.path_style && own.legal_hold && own.retention == "compliance 30d".parse().ok());
        assert!(!read("s3://proofs", &[("AWS_ENDPOINT_URL", "http://x"), ("DEED_S3_PATH_STYLE", "0")])?.path_style);
        Ok(())
    }

    #[test]
    fn what_is_not_understood_names_the_setting() {
        for (place, name, value) in [
            ("s3://Proofs", "", ""),
            ("s3://proofs", "DEED_S3_RETENTION", "forever"),
            ("s3://proofs", "DEED_S3_ENCRYPTION", "rot13"),
            ("s3://proofs", "DEED_S3_PATH_STYLE", "perhaps"),
            ("s3://proofs", "DEED_S3_ENDPOINT", "proofs.example"),
            ("s3://proofs", "DEED_S3_CA", "/nonexistent/ca.pem"),
            ("s3://proofs", "AWS_CA_BUNDLE", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        ] {
            let error = read(place, &[(name, value)]).err();
            let place = error.as_ref().and_then(SettingsError::place).unwrap_or_default();
            assert!(place.contains(if name.is_empty() { "DEED_PROOFS" } else { name }), "{error:?}");
            assert!(error.is_some_and(|e| e.code() == "settings-variable"));
        }
    }
}
