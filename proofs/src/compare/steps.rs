//! Step beside step: findings, structure, pictures.

use std::collections::HashMap;

use super::{Differs, Episode, or_nothing};
use crate::artifact::{ArtifactKind, ArtifactRef};
use crate::dom::{DomDifference, difference as dom_difference};
use crate::hash::Sha256;
use crate::manifest::{Check, Step};
use crate::picture::{PictureDifference, difference as picture_difference};
use crate::report::change::picture_in_words;

/// One of the two episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The older one.
    First,
    /// The newer one.
    Second,
}

/// One step in both episodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepComparison {
    /// The phase it belongs to.
    pub phase: String,
    /// Its name.
    pub name: String,
    /// The one episode that has it, where the other has not.
    pub only_in: Option<Side>,
    /// What was found otherwise: the page, and checks that passed here and failed there.
    pub facts: Vec<Differs>,
    /// What changed in the structure of the page, where both have a document.
    pub page: Option<DomDifference>,
    /// By how many of 64 bits the sketches of the two documents differ.
    pub sketch_distance: Option<u32>,
    /// Where the pictures differ, where both have one. Posts and times differ by their nature, so this alone is no difference.
    pub picture: Option<PictureDifference>,
    /// The two pictures.
    pub(super) pictures: Option<(ArtifactRef, ArtifactRef)>,
}

impl StepComparison {
    /// Whether anything but the picture differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.only_in.is_some()
            || !self.facts.is_empty()
            || self.page.as_ref().is_some_and(|page| !page.changes.is_empty())
    }

    /// What differs, each as a sentence.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        match self.only_in {
            Some(Side::First) => sentences.push("only the first episode came here".to_owned()),
            Some(Side::Second) => sentences.push("only the second episode came here".to_owned()),
            None => {}
        }
        let facts = self.facts.iter();
        sentences.extend(
            facts.map(|fact| format!("{}: {} → {}", fact.what, or_nothing(&fact.first), or_nothing(&fact.second))),
        );
        if let Some(page) = &self.page {
            if page.is_another_page() {
                sentences.push(format!("another page: {} % of it stands where it stood", page.kept_permille / 10));
            }
            sentences.extend(page.changes.iter().map(ToString::to_string));
        }
        if let Some(picture) = self.picture.as_ref().filter(|picture| !picture.boxes.is_empty()) {
            sentences.push(picture_in_words(picture));
        }
        sentences
    }
}

/// Pairs the steps by phase, name and how often both occurred before.
pub(super) fn compare(first: &Episode, second: &Episode) -> Vec<StepComparison> {
    let (theirs, mine) = (numbered(&second.manifest.steps), numbered(&first.manifest.steps));
    let by_key: HashMap<_, &Step> = theirs.iter().copied().collect();
    let mut steps: Vec<StepComparison> = mine
        .iter()
        .map(|(key, step)| match by_key.get(key) {
            Some(other) => both(first, step, second, other),
            None => only(step, Side::First),
        })
        .collect();
    let in_first: HashMap<_, &Step> = mine.iter().copied().collect();
    steps
        .extend(theirs.iter().filter(|(key, _)| !in_first.contains_key(key)).map(|(_, step)| only(step, Side::Second)));
    steps
}

type Key<'a> = (&'a str, &'a str, usize);

fn numbered(steps: &[Step]) -> Vec<(Key<'_>, &Step)> {
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    let mut numbered = Vec::with_capacity(steps.len());
    for step in steps {
        let (phase, name) = (step.phase.as_str(), step.name.as_str());
        let count = seen.entry((phase, name)).or_default();
        *count += 1;
        numbered.push(((phase, name, *count), step));
    }
    numbered
}

fn only(step: &Step, side: Side) -> StepComparison {
    StepComparison {
        phase: step.phase.clone(),
        name: step.name.clone(),
        only_in: Some(side),
        facts: Vec::new(),
        page: None,
        sketch_distance: None,
        picture: None,
        pictures: None,
    }
}

fn both(first: &Episode, a: &Step, second: &Episode, b: &Step) -> StepComparison {
    let find = |episode: &Episode, step: &Step, kind| {
        let listed = |sha256: &Sha256| episode.manifest.artifacts.iter().find(|artifact| artifact.sha256 == *sha256);
        step.artifacts.iter().filter_map(listed).find(|artifact: &&ArtifactRef| artifact.kind == kind).cloned()
    };
    let pair = |kind| find(first, a, kind).zip(find(second, b, kind));
    let documents = pair(ArtifactKind::Dom);
    let text = |episode: &Episode, artifact: &ArtifactRef| {
        Some(String::from_utf8_lossy(&episode.evidence(&artifact.sha256)?).into_owned())
    };
    let page = documents.as_ref().and_then(|(a, b)| Some(dom_difference(&text(first, a)?, &text(second, b)?)));
    let sketch_distance = documents.and_then(|(a, b)| Some(a.dom?.sketch.distance(b.dom?.sketch)));
    let pictures = pair(ArtifactKind::Screenshot);
    let picture = pictures
        .as_ref()
        .and_then(|(a, b)| picture_difference(&first.evidence(&a.sha256)?, &second.evidence(&b.sha256)?).ok());
    let facts = findings(a, b);
    let (phase, name) = (a.phase.clone(), a.name.clone());
    StepComparison { phase, name, only_in: None, facts, page, sketch_distance, picture, pictures }
}

/// Checks that do not end alike. What was seen in passing ones may be the order's own text, which differs by its nature.
fn findings(a: &Step, b: &Step) -> Vec<Differs> {
    let ended = |check: Option<&Check>| match check {
        Some(check) if check.passed => "passed".to_owned(),
        Some(check) => format!("failed (expected {}, seen {})", or_nothing(&check.expected), or_nothing(&check.seen)),
        None => "not checked".to_owned(),
    };
    let mut names: Vec<&str> = a.checks.iter().chain(&b.checks).map(|check| check.name.as_str()).collect();
    names.dedup();
    let mut found: Vec<Differs> = Vec::new();
    for name in names {
        // Of several under one name the one that failed counts.
        let of = |step: &Step| {
            let of_name = || step.checks.iter().filter(|check| check.name == name);
            ended(of_name().find(|check| !check.passed).or_else(|| of_name().next()))
        };
        let (first, second) = (of(a), of(b));
        if first != second && !found.iter().any(|before| before.what == name) {
            found.push(Differs { what: name.to_owned(), first, second });
        }
    }
    found
}
