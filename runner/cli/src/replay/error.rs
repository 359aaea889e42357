//! What can be wrong with a fixture, and with a replay as a whole.

use std::path::PathBuf;

use deed_recipes::{Diagnostics, LoadError};

/// Why a scenario could not be played.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// There is no scenario in a folder.
    #[error("there is no scenario in {}: no fixture.yaml below it", path.display())]
    NoScenario {
        /// The folder.
        path: PathBuf,
    },
    /// A file can not be read.
    #[error("failed to read {}: {why}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A file breaks the schema.
    #[error("{} has {} error(s):\n\n{diagnostics}", path.display(), diagnostics.len())]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// All of them.
        diagnostics: Diagnostics,
    },
    /// The recording is no HAR of the kind that is read.
    #[error("{} is no usable recording: {why}", path.display())]
    Har {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The fixture does not fit its recipe.
    #[error("{}: {why}", path.display())]
    Misfit {
        /// The fixture.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// The recipe does not load.
    #[error("failed to load the recipe: {0}")]
    Recipe(#[from] LoadError),
}

impl FixtureError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoScenario { .. } => "fixture-none",
            Self::Unreadable { .. } => "fixture-unreadable",
            Self::Invalid { .. } => "fixture-invalid",
            Self::Har { .. } => "fixture-har",
            Self::Misfit { .. } => "fixture-misfit",
            Self::Recipe(e) => e.code(),
        }
    }

    /// Where.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::NoScenario { path }
            | Self::Unreadable { path, .. }
            | Self::Har { path, .. }
            | Self::Misfit { path, .. } => Some(path.display().to_string()),
            Self::Invalid { diagnostics, .. } => first_place(diagnostics),
            Self::Recipe(e) => e.diagnostics().and_then(first_place),
        }
    }
}

fn first_place(diagnostics: &Diagnostics) -> Option<String> {
    diagnostics.list().first().map(|d| format!("{}:{}:{}", d.file, d.line, d.column))
}
