//! The only doors to a [`Recipe`]: from a folder, from a text, from those that are built in.
//!
//! Reads the recipe and the baselines beside it, bounded in size and number. Never writes, never follows a path out of
//! what the recipe's folder lists.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::builtin;
use crate::diagnostics::Diagnostics;
use crate::model::{Baseline, Recipe, SurfaceName};
use crate::parse::{self, BYTES_MAX};

/// The recipe's file name within a platform's folder.
pub const FILE_NAME: &str = "recipe.yaml";
/// The folder of baselines beside it.
pub const BASELINES: &str = "baselines";
/// Largest baseline, in bytes.
const BASELINE_BYTES_MAX: usize = 1024 * 1024;

/// Why a recipe could not be had. Each message completes "failed to load the recipe: …".
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than the language allows.
    #[error("{} is larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// The recipe is not UTF-8.
    #[error(
        "{}:{line}:{column}: what follows `{before}` is not UTF-8; save the file as UTF-8, or write the character anew",
        path.display()
    )]
    NotText {
        /// Which one.
        path: PathBuf,
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// How many characters stand before it, and one.
        column: usize,
        /// What stands before it in its line.
        before: String,
    },
    /// The recipe breaks rules of the language.
    #[error("{} has {} error(s):\n\n{diagnostics}", path.display(), diagnostics.len())]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// All of them.
        diagnostics: Diagnostics,
    },
    /// A baseline does not belong to the recipe, or is no baseline.
    #[error("the baseline {} cannot be used: {reason}; record it again", path.display())]
    Baseline {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No recipe of this platform is built in.
    #[error("no recipe for `{platform}` is built in; there are: {}", builtin::platforms().collect::<Vec<_>>().join(", "))]
    NotBuiltIn {
        /// The platform that was asked for.
        platform: String,
    },
}

impl LoadError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "recipe-unreadable",
            Self::TooLarge { .. } => "recipe-too-large",
            Self::NotText { .. } => "recipe-not-text",
            Self::Invalid { .. } => "recipe-invalid",
            Self::Baseline { .. } => "recipe-baseline",
            Self::NotBuiltIn { .. } => "recipe-not-built-in",
        }
    }

    /// The errors of the recipe's text, when that is what is wrong.
    #[must_use]
    pub const fn diagnostics(&self) -> Option<&Diagnostics> {
        match self {
            Self::Invalid { diagnostics, .. } => Some(diagnostics),
            _ => None,
        }
    }
}

/// Loads a recipe and the baselines beside it. `path` is the file, or its folder.
///
/// # Errors
/// The file cannot be read, breaks a rule (all are reported), or a baseline does not belong to it.
pub fn load(path: &Path) -> Result<Recipe, LoadError> {
    load_file(path, None)
}

/// As [`load`], the recipe of this platform: accounts and orders name it by the folder.
///
/// # Errors
/// As [`load`], and the recipe is another platform's.
pub fn load_for(platform: &str, path: &Path) -> Result<Recipe, LoadError> {
    load_file(path, Some(platform))
}

fn load_file(path: &Path, platform: Option<&str>) -> Result<Recipe, LoadError> {
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let bytes = read_bounded(&file, BYTES_MAX)?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..at).unwrap_or_default();
        let line =
            String::from_utf8_lossy(before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
        let lines = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        LoadError::NotText { path: file.clone(), line: lines, column: line.chars().count() + 1, before: line }
    })?;
    let mut recipe = parse::parse(&file.display().to_string(), &source, platform)
        .map_err(|diagnostics| LoadError::Invalid { path: file.clone(), diagnostics })?;
    let folder = file.parent().unwrap_or_else(|| Path::new("")).join(BASELINES);
    for path in baseline_files(&folder)? {
        let bytes = read_bounded(&path, BASELINE_BYTES_MAX)?;
        add_baseline(&mut recipe, &path, &bytes)?;
    }
    Ok(recipe)
}

/// Reads and checks a recipe's text. `name` is what errors call the file. It has no baselines.
///
/// # Errors
/// Every error of the text.
pub fn load_str(name: &str, source: &str) -> Result<Recipe, Diagnostics> {
    parse::parse(name, source, None)
}

/// Every error of a recipe's text; empty when there is none.
#[must_use]
pub fn check_str(name: &str, source: &str) -> Diagnostics {
    parse::parse(name, source, None).err().unwrap_or_default()
}

/// Loads a recipe that is built in, with its baselines.
///
/// # Errors
/// None is built in for this platform. (That those which are load without error is tested.)
pub fn load_builtin(platform: &str) -> Result<Recipe, LoadError> {
    let Some((yaml, baselines)) = builtin::builtin(platform) else {
        return Err(LoadError::NotBuiltIn { platform: platform.to_owned() });
    };
    let path = PathBuf::from(platform).join(FILE_NAME);
    let mut recipe = load_str(&path.display().to_string(), yaml)
        .map_err(|diagnostics| LoadError::Invalid { path: path.clone(), diagnostics })?;
    for (surface, json) in baselines {
        let path = PathBuf::from(platform).join(BASELINES).join(format!("{surface}.json"));
        add_baseline(&mut recipe, &path, json.as_bytes())?;
    }
    Ok(recipe)
}

pub(crate) fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // A device or pipe could keep a reader waiting, or give bytes without end.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > bytes_max { Err(LoadError::TooLarge { path: path.to_owned(), bytes_max }) } else { Ok(bytes) }
}

/// The `*.json` files of a folder, by name; none when there is no folder.
fn baseline_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Adds a baseline, whose file is named after a surface of the recipe, or after a flow: that is of its composer at review.
fn add_baseline(recipe: &mut Recipe, path: &Path, json: &[u8]) -> Result<(), LoadError> {
    let refuse = |reason: String| LoadError::Baseline { path: path.to_owned(), reason };
    let surface: SurfaceName = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let baseline: Baseline = serde_json::from_slice(json).map_err(|error| refuse(error.to_string()))?;
    if baseline.surface != surface {
        return Err(refuse(format!("it says it is of surface `{}`", baseline.surface)));
    }
    let known: Vec<&str> = match (recipe.surfaces.get(&surface), recipe.flow(&surface)) {
        (Some(of), _) => of.landmarks.iter().map(String::as_str).collect(),
        (None, Some(_)) => recipe.reviewed(&surface),
        (None, None) => return Err(refuse(format!("the recipe has no surface `{surface}`, nor such a flow"))),
    };
    // Landmarks that the recipe no longer names would be looked for in vain, and their loss taken for drift.
    if let Some(unknown) = baseline.landmarks.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(refuse(format!("`{unknown}` is not a landmark of surface `{surface}`, nor reviewed in it")));
    }
    recipe.baselines.insert(surface, baseline);
    Ok(())
}
