//! Two episodes of one flow beside each other: what changed on the platform since it last worked.
//!
//! Owns the comparison and its two forms, text and page. It judges nothing: drift is judged from baselines, before a press; this is for
//! the person who wonders afterwards. Texts that differ by their nature (posts, names, times) are not compared; structure, findings,
//! pictures, recipe and browser are.

mod page;
mod steps;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

pub use page::render;
pub use steps::{Side, StepComparison};

use crate::export::open_episode;
use crate::files::{Files, Folder};
use crate::hash::Sha256;
use crate::manifest::{CommitTarget, Manifest, ManifestError};
use crate::sums::{self, MANIFEST_FILE};
use crate::verify::VerifyError;

/// An episode that is looked at: what its manifest says, and the evidence beside it.
pub struct Episode {
    /// Its manifest.
    pub manifest: Manifest,
    files: Box<dyn Files>,
}

impl Episode {
    /// Reads an episode's folder, or the newest episode of an export. Evidence is read when it is looked at, and only
    /// where it is what its hash says.
    ///
    /// # Errors
    /// [`CompareError`] when the folder, the export or the manifest does not read.
    pub fn open(folder: &Path) -> Result<Self, CompareError> {
        let unreadable = |source: io::Error| VerifyError::Unreadable { folder: folder.to_owned(), source };
        let files: Box<dyn Files> = match folder.is_file() {
            true => open_episode(folder).map_err(unreadable)?,
            false => Box::new(Folder::open(folder).map_err(unreadable)?),
        };
        let json = files.read(MANIFEST_FILE).map_err(unreadable)?;
        let manifest = Manifest::from_json(&json)
            .map_err(|source| CompareError::Manifest { path: folder.join(MANIFEST_FILE), source })?;
        Ok(Self { manifest, files })
    }

    /// The bytes of a piece of evidence, where they are what was kept.
    #[must_use]
    pub fn evidence(&self, sha256: &Sha256) -> Option<Vec<u8>> {
        self.files.read(&sums::object_name(sha256)).ok().filter(|bytes| Sha256::of(bytes) == *sha256)
    }
}

/// Why two episodes were not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A folder cannot be read.
    #[error(transparent)]
    Unreadable(#[from] VerifyError),
    /// A manifest does not read.
    #[error("failed to compare {path}: {source}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// They are not of one flow.
    #[error(
        "{first} is an episode of {first_flow}, and {second} of {second_flow}: only episodes of one flow are compared"
    )]
    OtherFlow {
        /// The first episode.
        first: String,
        /// Platform and kind of its action.
        first_flow: String,
        /// The second episode.
        second: String,
        /// Platform and kind of its action.
        second_flow: String,
    },
}

impl CompareError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(error) => error.code(),
            Self::Manifest { source, .. } => source.code(),
            Self::OtherFlow { .. } => "diff-other-flow",
        }
    }
}

/// A fact that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// Which.
    pub what: String,
    /// In the first episode.
    pub first: String,
    /// In the second.
    pub second: String,
}

/// What differs between two episodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Facts of the whole: outcome, recipe, browser, what was pressed.
    pub facts: Vec<Differs>,
    /// Every step of either, in the order of the first.
    pub steps: Vec<StepComparison>,
}

impl Comparison {
    /// Whether nothing that is compared differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.facts.is_empty() && self.steps.iter().all(|step| !step.differs())
    }

    /// The comparison as text: facts, then each step that differs.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        for Differs { what, first, second } in &self.facts {
            let _ = writeln!(text, "{what}: {} → {}", or_nothing(first), or_nothing(second));
        }
        for step in self.steps.iter().filter(|step| step.differs()) {
            let _ = writeln!(text, "\n{} · {}", step.phase, step.name);
            for sentence in step.sentences() {
                let _ = writeln!(text, "  {sentence}");
            }
        }
        let same = self.steps.iter().filter(|step| !step.differs()).count();
        let _ = writeln!(text, "\n{same} of {} steps are alike", self.steps.len());
        text
    }
}

/// Compares two episodes of one flow: the first one is the older.
///
/// # Errors
/// [`CompareError::OtherFlow`] when they are of two platforms or two kinds of action.
pub fn compare(first: &Episode, second: &Episode) -> Result<Comparison, CompareError> {
    let flow = |episode: &Episode| {
        let action = &episode.manifest.action;
        format!("{} on {}", action.action_type, action.platform)
    };
    if flow(first) != flow(second) {
        return Err(CompareError::OtherFlow {
            first: first.manifest.action.episode_id.clone(),
            first_flow: flow(first),
            second: second.manifest.action.episode_id.clone(),
            second_flow: flow(second),
        });
    }
    Ok(Comparison { facts: facts(&first.manifest, &second.manifest), steps: steps::compare(first, second) })
}

fn facts(first: &Manifest, second: &Manifest) -> Vec<Differs> {
    let recipe = |m: &Manifest| {
        let recipe = &m.intent.recipe;
        format!("{} {} ({}…)", recipe.platform, recipe.number, &recipe.hash.to_string()[..12])
    };
    let hold = |m: &Manifest| m.outcome.hold.as_ref().map(|hold| format!("{}: {}", hold.reason, hold.detail));
    let outcome = |m: &Manifest| match (hold(m), &m.outcome.error_code) {
        (Some(hold), _) => format!("{}, held ({hold})", m.outcome.state),
        (None, Some(code)) => format!("{}, {code}", m.outcome.state),
        (None, None) => format!("{}, proof level {}", m.outcome.state, m.outcome.proof_level),
    };
    let target = |m: &Manifest, of: fn(&CommitTarget) -> String| m.commit_target.as_ref().map(of).unwrap_or_default();
    let receipt = |m: &Manifest| m.receipt.as_ref().map(|receipt| receipt.sign.clone()).unwrap_or_default();
    let pairs = [
        ("outcome", outcome(first), outcome(second)),
        ("account", format!("@{}", first.action.handle), format!("@{}", second.action.handle)),
        ("recipe", recipe(first), recipe(second)),
        ("Deed", first.tool.version.clone(), second.tool.version.clone()),
        ("browser", first.tool.browser.clone(), second.tool.browser.clone()),
        ("pressed", target(first, |t| t.element.clone()), target(second, |t| t.element.clone())),
        ("locators that agreed", target(first, |t| t.agreed.join(" · ")), target(second, |t| t.agreed.join(" · "))),
        ("locators that did not", target(first, |t| t.dissent.join(" · ")), target(second, |t| t.dissent.join(" · "))),
        ("place and size of what was pressed", target(first, place), target(second, place)),
        ("the platform’s answer", receipt(first), receipt(second)),
    ];
    let differing = pairs.into_iter().filter(|(_, first, second)| first != second);
    differing.map(|(what, first, second)| Differs { what: what.to_owned(), first, second }).collect()
}

fn place(target: &CommitTarget) -> String {
    let rect = target.rect;
    format!("{:.0} × {:.0} px at {:.0}, {:.0}", rect.width, rect.height, rect.x, rect.y)
}

/// A value for people.
pub(crate) fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
