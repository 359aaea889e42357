//! The one byte form of a manifest, and what a manifest may not say.

use std::collections::HashSet;

use serde::Deserialize;

use super::{MANIFEST_VERSION, MANIFEST_VERSION_OLDEST, Manifest, ManifestError, MaskedRegion, Rect};
use crate::artifact::ArtifactKind;

/// The longest name of an episode, in bytes: it becomes the name of a folder.
const EPISODE_ID_MAX: usize = 128;

impl Manifest {
    /// The one byte form: JSON, two spaces a level, fields in the order of this format, a newline at the end.
    ///
    /// # Errors
    /// [`ManifestError::Contradiction`] when [`check`](Self::check) finds one.
    pub fn to_canonical_json(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let mut json = serde_json::to_vec_pretty(self).map_err(ManifestError::Malformed)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`] when it is not JSON of this format and version, or contradicts itself.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        // The version first: "unknown field" would be the wrong answer to a manifest of a later release.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(json).map_err(ManifestError::Malformed)?;
        if !(MANIFEST_VERSION_OLDEST..=MANIFEST_VERSION).contains(&version) {
            return Err(ManifestError::UnknownVersion(version));
        }
        let manifest: Self = serde_json::from_slice(json).map_err(ManifestError::Malformed)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The first field that is there and that version 1 does not have.
    fn later_field(&self) -> Option<&'static str> {
        let identity = self.identity.as_ref();
        let fields = [
            ("dedupe", self.dedupe.is_some()),
            ("redactions", !self.redactions.is_empty()),
            ("recordings", !self.recordings.is_empty()),
            ("signer", self.signer.is_some()),
            ("approvals", !self.intent.approvals.is_empty()),
            ("picture", self.commit_target.as_ref().is_some_and(|target| target.picture.is_some())),
            ("at", identity.is_some_and(|identity| identity.at.is_some())),
            ("evidence", identity.is_some_and(|identity| !identity.evidence.is_empty())),
            ("worker", self.tool.worker.is_some()),
        ];
        fields.into_iter().find_map(|(field, is_there)| is_there.then_some(field))
    }

    /// Checks what types alone do not: that the version is known and its fields are its own, the episode's name can be
    /// a folder, the proof level exists, every piece of evidence that a step names is listed, DOM snapshots (and only
    /// they) carry their hashes, and geometry is finite.
    ///
    /// # Errors
    /// [`ManifestError::Contradiction`] or [`ManifestError::UnknownVersion`], naming the first that does not hold.
    pub fn check(&self) -> Result<(), ManifestError> {
        let contradiction = |what: String| Err(ManifestError::Contradiction(what));
        if !(MANIFEST_VERSION_OLDEST..=MANIFEST_VERSION).contains(&self.version) {
            return Err(ManifestError::UnknownVersion(self.version));
        }
        if self.version < 2
            && let Some(field) = self.later_field()
        {
            return contradiction(format!("version {} has no field `{field}`", self.version));
        }
        let episode_id = &self.action.episode_id;
        if !is_folder_name(episode_id) {
            return contradiction(format!(
                "the episode is named {episode_id:?}; allowed are up to {EPISODE_ID_MAX} letters, digits, '-', '_' and '.', not beginning with '.'"
            ));
        }
        if self.outcome.proof_level > 3 {
            return contradiction(format!("there is no proof level {}", self.outcome.proof_level));
        }
        let listed: HashSet<_> = self.artifacts.iter().map(|artifact| artifact.sha256).collect();
        for step in &self.steps {
            if let Some(sha256) = step.artifacts.iter().find(|sha256| !listed.contains(sha256)) {
                return contradiction(format!("step {} names the artifact {sha256}, which is not listed", step.index));
            }
        }
        if let Some(artifact) =
            self.artifacts.iter().find(|artifact| (artifact.kind == ArtifactKind::Dom) != artifact.dom.is_some())
        {
            return contradiction(format!(
                "of the artifacts only DOM snapshots, and all of them, have DOM hashes; {} is otherwise",
                artifact.sha256
            ));
        }
        let picture = self.commit_target.iter().filter_map(|target| target.picture);
        let evidence = self.identity.iter().flat_map(|identity| identity.evidence.iter().copied());
        let redacted = self.redactions.iter().map(|redaction| redaction.sha256);
        let recorded = self.recordings.iter().map(|recording| recording.sha256);
        let mut named = picture.chain(evidence).chain(redacted).chain(recorded);
        if let Some(sha256) = named.find(|sha256| !listed.contains(sha256)) {
            return contradiction(format!("it names the artifact {sha256}, which is not listed"));
        }
        let finite = |rect: &Rect| [rect.x, rect.y, rect.width, rect.height].iter().all(|number| number.is_finite());
        if self.redactions.iter().any(|r| matches!(&r.region, MaskedRegion::Picture(rect) if !finite(rect))) {
            return contradiction("a redaction's geometry is not finite".to_owned());
        }
        if let Some(target) = &self.commit_target {
            let (rect, point) = (target.rect, target.point);
            if ![rect.x, rect.y, rect.width, rect.height, point.x, point.y].iter().all(|number| number.is_finite()) {
                return contradiction("the commit target's geometry is not finite".to_owned());
            }
        }
        Ok(())
    }
}

pub(crate) fn is_folder_name(name: &str) -> bool {
    (1..=EPISODE_ID_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}
