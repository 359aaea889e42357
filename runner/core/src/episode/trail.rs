//! The trail of an episode: what was checked at each step, with which evidence, and the manifest made of it.
//!
//! Owns no file: captures go to the proof spool, which hashes and writes them elsewhere; [`Trail::checkpoint`] and
//! [`Trail::seal`] wait until they are durable. An episode that a dead runner began is continued: its earlier steps stay.

use std::pin::Pin;

use deed_proofs::film::Developed;
use deed_proofs::manifest::{
    ActionFacts, Approval, AuditEntry, Check, CommitTarget, Dedupe, Fingerprint as StoredFingerprint,
    Found as ReadFound, Gate, Hold as StoredHold, Identity, Intent, Manifest, MaskedRegion, Outcome as StoredOutcome,
    Point, Receipt, RecipeRef, Recording, Rect as StoredRect, Redaction, Step, Tool, VerificationRead as StoredRead,
    WriteRequest,
};
use deed_proofs::picture::Region;
use deed_proofs::{ArtifactKind, ArtifactRef, Mark, NewArtifact, Sha256, marked, scrub};
use deed_recipes::Recipe;

use super::private::Private;
use crate::account::Fingerprint;
use crate::hold::{Failure, Hold};
use crate::ids::PolicySnapshotId;
use crate::judge::identity::{SignalVote, Vote};
use crate::judge::quorum::Agreement;
use crate::ports::browser::{Aim, BrowserFault, Capture, GateVerdict, Masked, Pacing, Place, WriteSeen};
use crate::ports::ledger::{Claim, Found, ObjectFacts, VerificationRead};
use crate::ports::proofs::{EpisodeProofs, ProofFault};
use crate::state::{Event, State, next};
use crate::time::Timestamp;

/// What a recording is.
const RECORDING_TYPE: &str = "video/webm";

/// What became of the episode, for the manifest.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The action's state.
    pub state: State,
    /// 0 to 3.
    pub proof_level: u8,
    /// Why it waits.
    pub hold: Option<Hold>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What is known of the object.
    pub object: ObjectFacts,
}

/// The trail. One per runner and episode.
pub struct Trail<P> {
    proofs: P,
    /// Everything but artifacts of this runner and their places in the steps.
    manifest: Manifest,
    /// Place of an artifact in the order of keeping → its step.
    kept: Vec<usize>,
    /// Pictures under way.
    pictures: Vec<UnderWay>,
    /// Recordings under way.
    filming: Vec<Filming>,
    /// Those that are kept.
    filmed: Vec<Recording>,
    /// What was masked, and in which of the artifacts of this runner.
    masked: Vec<(usize, Redaction)>,
    /// What no text of the manifest may quote.
    private: Private,
    /// Artifacts of an earlier runner of this episode, and what was masked in them.
    earlier: usize,
    earlier_redactions: usize,
    earlier_recordings: usize,
    /// How many artifacts the ledger was told of.
    told: usize,
    durable: Vec<ArtifactRef>,
    object: ObjectFacts,
    state: State,
    /// The page right before the press, and the place of its marked copy in the order of keeping.
    before: Option<Vec<u8>>,
    click: Option<usize>,
}

/// A recording that is made into a video.
struct Filming {
    step: usize,
    at: Timestamp,
    making: Pin<Box<dyn Future<Output = Result<Developed, String>> + Send + Sync>>,
}

/// A picture that is being taken.
struct UnderWay {
    step: usize,
    at: Timestamp,
    taking: Pin<Box<dyn Future<Output = Result<Capture, BrowserFault>> + Send + Sync>>,
}

impl<P: EpisodeProofs> Trail<P> {
    /// Begins the trail, or continues the one that a dead runner left.
    pub fn new(proofs: P, claim: &Claim, recipe: &Recipe, browser: String, pacing: Pacing) -> Self {
        let mut manifest = proofs.earlier().unwrap_or_else(|| blank(claim, recipe, browser, pacing));
        // What an earlier release began goes on in this one's form.
        manifest.version = deed_proofs::manifest::MANIFEST_VERSION;
        manifest.tool.worker = Some(claim.fence.worker.to_string());
        let (earlier, earlier_redactions) = (manifest.artifacts.len(), manifest.redactions.len());
        let earlier_recordings = manifest.recordings.len();
        let object = ObjectFacts {
            platform_object_id: manifest.outcome.platform_object_id.clone(),
            permalink: manifest.outcome.permalink.clone(),
            http_status: manifest.receipt.as_ref().and_then(|r| r.http_status),
            visibility: manifest.outcome.visibility.clone(),
        };
        Self {
            proofs,
            manifest,
            kept: Vec::new(),
            pictures: Vec::new(),
            filming: Vec::new(),
            filmed: Vec::new(),
            masked: Vec::new(),
            private: Private::of(&claim.action, recipe),
            earlier,
            earlier_redactions,
            earlier_recordings,
            told: 0,
            durable: Vec::new(),
            object,
            state: claim.action.state,
            before: None,
            click: None,
        }
    }

    /// Begins a step.
    pub fn step(&mut self, phase: &str, name: &str, at: Timestamp) {
        let index = u32::try_from(self.manifest.steps.len()).unwrap_or(u32::MAX);
        self.manifest.steps.push(Step {
            index,
            phase: phase.to_owned(),
            name: name.to_owned(),
            at: at.to_string(),
            url: None,
            checks: Vec::new(),
            artifacts: Vec::new(),
        });
        tracing::info!(phase, step = name, "step");
    }

    fn current(&mut self) -> Option<&mut Step> {
        self.manifest.steps.last_mut()
    }

    /// The page of the current step. Its query is left out: it may carry a token.
    pub fn url(&mut self, url: &str) {
        let url = super::reading::page_of(url);
        if let Some(step) = self.current() {
            step.url = Some(url);
        }
    }

    /// One thing that was checked in the current step.
    pub fn check(&mut self, name: &str, passed: bool, expected: &str, seen: &str, note: &str) {
        // Not what was seen: it may be the order's text, and logs are no place for it.
        tracing::debug!(check = name, passed, "check");
        let [expected, seen, note] = [expected, seen, note].map(|text| self.private.clean(text));
        if let Some(step) = self.current() {
            step.checks.push(Check { name: name.to_owned(), passed, expected, seen, note });
        }
    }

    /// What was read of an element, as the manifest may quote it.
    pub fn read(&self, element: &str, recipe: &Recipe, text: &str) -> String {
        self.private.read(element, recipe, text)
    }

    /// One thing that was done in the current step.
    pub fn note(&mut self, what: &str) {
        self.check("done", true, "", what, "");
    }

    /// Screenshot and document of the current step.
    pub fn keep_capture(&mut self, capture: Capture, at: Timestamp) {
        if let Some(step) = self.manifest.steps.len().checked_sub(1) {
            self.keep_at(step, capture, at);
        }
    }

    /// A picture of the current step that is under way; kept when [`Trail::pictures`] is asked for.
    pub fn picture(
        &mut self,
        taking: impl Future<Output = Result<Capture, BrowserFault>> + Send + Sync + 'static,
        at: Timestamp,
    ) {
        if let Some(step) = self.manifest.steps.len().checked_sub(1) {
            self.pictures.push(UnderWay { step, at, taking: Box::pin(taking) });
        }
    }

    /// Keeps the pictures that are under way, each at its step.
    ///
    /// # Errors
    /// The first fault; the other pictures are kept all the same.
    pub async fn pictures(&mut self) -> Result<(), BrowserFault> {
        let mut first = Ok(());
        for UnderWay { step, at, taking } in std::mem::take(&mut self.pictures) {
            match taking.await {
                Ok(capture) => self.keep_at(step, capture, at),
                Err(fault) => first = first.and(Err(fault)),
            }
        }
        first
    }

    /// As [`Trail::pictures`], where what was found stands whether its picture could be taken or not: a fault is noted.
    pub async fn pictures_noted(&mut self) {
        if let Err(fault) = self.pictures().await {
            self.check("picture", false, "a picture of every step", &fault.to_string(), "");
        }
    }

    /// A recording that ended at the current step; kept before the manifest is sealed.
    pub fn filming(
        &mut self,
        making: impl Future<Output = Result<Developed, String>> + Send + Sync + 'static,
        at: Timestamp,
    ) {
        if let Some(step) = self.manifest.steps.len().checked_sub(1) {
            self.filming.push(Filming { step, at, making: Box::pin(making) });
        }
    }

    /// Keeps the recordings that are under way. One that failed is a note: the outcome stands without it.
    async fn films(&mut self) {
        for Filming { step, at, making } in std::mem::take(&mut self.filming) {
            match making.await {
                Ok(Developed { webm, frames, duration_ms, commit_at_ms }) => {
                    let (sha256, media_type) = (Sha256::of(&webm), RECORDING_TYPE.to_owned());
                    self.filmed.push(Recording { sha256, media_type, frames, duration_ms, commit_at_ms });
                    self.keep(step, ArtifactKind::Recording, RECORDING_TYPE, webm, at);
                }
                Err(why) => self.check("recording", false, "a recording of the commit", &why, "the outcome stands"),
            }
        }
    }

    fn keep_at(&mut self, step: usize, capture: Capture, at: Timestamp) {
        let Capture { png, html, masked } = capture;
        let of_picture = |masked: &&Masked| matches!(masked.place, Place::Picture { .. });
        let (in_picture, in_document): (Vec<_>, Vec<_>) = masked.iter().partition(of_picture);
        self.withhold(&in_picture);
        self.keep(step, ArtifactKind::Screenshot, "image/png", png, at);
        self.withhold(&in_document);
        self.keep(step, ArtifactKind::Dom, "text/html", html.into_bytes(), at);
    }

    /// Notes what was masked in the artifact that is kept next.
    fn withhold(&mut self, masked: &[&Masked]) {
        let artifact = self.kept.len();
        for Masked { place, kind, content } in masked {
            let region = match place {
                Place::Picture { rect } => MaskedRegion::Picture(stored(rect)),
                Place::Document { path } => MaskedRegion::Document(path.clone()),
            };
            let commitment = self.proofs.withhold(content);
            // Which artifact it is in is known once that has its hash.
            let redaction = Redaction { sha256: commitment, kind: kind.clone(), region, commitment };
            self.masked.push((artifact, redaction));
        }
    }

    /// One piece of evidence of the current step.
    pub fn keep_piece(&mut self, kind: ArtifactKind, media_type: &str, bytes: Vec<u8>, at: Timestamp) {
        if let Some(step) = self.manifest.steps.len().checked_sub(1) {
            self.keep(step, kind, media_type, bytes, at);
        }
    }

    fn keep(&mut self, place: usize, kind: ArtifactKind, media_type: &str, bytes: Vec<u8>, at: Timestamp) {
        let Some(step) = self.manifest.steps.get(place) else { return };
        let artifact = NewArtifact {
            kind,
            step: step.name.clone(),
            phase: step.phase.clone(),
            media_type: media_type.to_owned(),
            bytes,
            at: at.to_string(),
        };
        self.kept.push(place);
        self.proofs.keep(artifact);
    }

    /// Which browser carries it out; known once one was started.
    pub fn browser(&mut self, version: String) {
        self.manifest.tool.browser = version;
    }

    /// What let the action pass.
    pub fn policy(&mut self, id: &PolicySnapshotId) {
        self.manifest.intent.policy_snapshot_id = id.to_string();
    }

    /// The approvals that the press counts on.
    pub fn approvals(&mut self, counted: Vec<Approval>) {
        self.manifest.intent.approvals = counted;
    }

    /// What the look for the same content found.
    pub fn dedupe(&mut self, compared: usize, duplicate: bool, permalink: Option<&str>, note: &str, at: Timestamp) {
        self.manifest.dedupe = Some(Dedupe {
            at: at.to_string(),
            compared: u32::try_from(compared).unwrap_or(u32::MAX),
            duplicate,
            permalink: permalink.map(str::to_owned),
            note: note.to_owned(),
        });
    }

    /// The page as it stood right before the press: what the click is marked on.
    pub fn before_press(&mut self, png: &[u8]) {
        self.before = Some(png.to_vec());
    }

    /// Keeps a copy of that page with the element and the point of the press marked, at the step of the press. Drawing
    /// it takes a while: it is done when nothing waits for it any more. Where it can not be drawn, the page as it is
    /// and the geometry tell the same.
    pub fn mark_click(&mut self, at: Timestamp) {
        let (Some(png), Some(target)) = (self.before.take(), &self.manifest.commit_target) else { return };
        let (rect, point) = (target.rect, target.point);
        let around =
            Region { x: pixel(rect.x), y: pixel(rect.y), width: pixel(rect.width), height: pixel(rect.height) };
        let pressed = Region { x: pixel(point.x), y: pixel(point.y), width: 1, height: 1 };
        let marks = [Mark { region: around, number: 1 }, Mark { region: pressed, number: 2 }];
        match marked(&png, &marks) {
            Ok(picture) => {
                let step = self.manifest.steps.iter().rposition(|step| step.phase == "commit").unwrap_or_default();
                self.click = Some(self.kept.len());
                self.keep(step, ArtifactKind::Screenshot, "image/png", picture, at);
            }
            Err(error) => self.check("click_marked", false, "a picture with the click marked", &error.to_string(), ""),
        }
    }

    /// The identity votes beside the stored fingerprint.
    pub fn identity(&mut self, fingerprint: &Fingerprint, votes: &[SignalVote], ok: bool) {
        let votes: Vec<_> = votes
            .iter()
            .map(|v| Check {
                name: v.signal.to_owned(),
                passed: v.vote == Vote::Match,
                expected: self.private.clean(&v.expected),
                seen: self.private.clean(&v.seen),
                note: format!("{:?}", v.vote).to_lowercase(),
            })
            .collect();
        if let Some(step) = self.current() {
            step.checks.extend(votes.iter().cloned());
        }
        self.manifest.identity = Some(Identity {
            fingerprint: StoredFingerprint {
                handle: fingerprint.handle.clone(),
                display_name: fingerprint.display_name.clone(),
                avatar_hash: fingerprint.avatar,
            },
            votes,
            ok,
            at: self.current().map(|step| step.at.clone()),
            evidence: Vec::new(),
        });
    }

    /// What will be pressed.
    pub fn commit_target(&mut self, element: &str, agreement: &Agreement, aim: &Aim) {
        self.manifest.commit_target = Some(CommitTarget {
            element: element.to_owned(),
            agreed: agreement.agreed.clone(),
            dissent: agreement.silent.clone(),
            url: aim.target.page.clone(),
            rect: stored(&aim.rect),
            point: Point { x: aim.point.0, y: aim.point.1 },
            picture: None,
            pressed_at: None,
        });
    }

    /// When it was pressed.
    pub fn pressed(&mut self, at: Timestamp) {
        if let Some(target) = &mut self.manifest.commit_target {
            target.pressed_at = Some(at.to_string());
        }
    }

    /// What the platform said.
    pub fn receipt(&mut self, sign: &str, object: &ObjectFacts, writes: &[WriteSeen]) {
        self.manifest.receipt = Some(Receipt {
            sign: self.private.clean(sign),
            http_status: object.http_status,
            object_id: object.platform_object_id.clone(),
            requests: writes
                .iter()
                .map(|w| WriteRequest {
                    method: w.method.clone(),
                    path: w.path.clone(),
                    gate: match w.verdict {
                        GateVerdict::LetThrough => Gate::LetThrough,
                        GateVerdict::Blocked => Gate::Blocked,
                    },
                    status: w.status,
                })
                .collect(),
        });
    }

    /// One verification read.
    pub fn verification(&mut self, read: &VerificationRead) {
        self.manifest.verification.push(StoredRead {
            read: read.read,
            at: read.at.to_string(),
            found: match read.found {
                Found::Present => ReadFound::Present,
                Found::Pending => ReadFound::Pending,
                Found::Absent => ReadFound::Absent,
                Found::Unreadable => ReadFound::Unreadable,
            },
            note: self.private.clean(&read.note),
            session: format!("fresh, read-only, of {}", self.manifest.tool.worker.as_deref().unwrap_or("a worker")),
        });
    }

    /// Adds what is known of the object; what was known before stays where nothing new is said.
    pub fn object(&mut self, object: &ObjectFacts) {
        let known = &mut self.object;
        let newer = |new: &Option<String>, old: &mut Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        newer(&object.platform_object_id, &mut known.platform_object_id);
        newer(&object.permalink, &mut known.permalink);
        newer(&object.visibility, &mut known.visibility);
        known.http_status = object.http_status.or(known.http_status);
    }

    /// All that is known of the object.
    pub fn known_object(&self) -> ObjectFacts {
        self.object.clone()
    }

    /// The action's state, as far as this episode's events go.
    pub fn state(&self) -> State {
        self.state
    }

    /// An event that the ledger took.
    pub fn event(&mut self, event: Event) {
        if let Ok(state) = next(self.state, event) {
            self.state = state;
        }
    }

    /// Waits until everything is durable and writes the manifest as it is now (the attempt proof).
    pub async fn checkpoint(&mut self) -> Result<Sha256, ProofFault> {
        self.collect().await?;
        self.manifest.outcome.state = self.state.as_str().to_owned();
        self.proofs.checkpoint(&self.manifest).await
    }

    /// Waits until everything is durable and seals manifest and report; returns the manifest's hash.
    pub async fn seal(&mut self, outcome: &Outcome, audit: Vec<AuditEntry>) -> Result<Sha256, ProofFault> {
        self.collect().await?;
        self.manifest.audit = audit;
        self.manifest.outcome = StoredOutcome {
            state: outcome.state.as_str().to_owned(),
            proof_level: outcome.proof_level,
            error_code: outcome.failure.map(|f| f.as_str().to_owned()),
            hold: outcome.hold.as_ref().map(|h| StoredHold {
                reason: h.reason.as_str().to_owned(),
                detail: self.private.clean(&h.detail),
                until: h.until.map(|u| u.to_string()),
            }),
            platform_object_id: outcome.object.platform_object_id.clone(),
            permalink: outcome.object.permalink.as_deref().map(scrub::url),
            visibility: outcome.object.visibility.clone(),
        };
        self.proofs.seal(&self.manifest).await
    }

    /// Whether what is sealed is where it has to be for level 3.
    pub fn sealed_is_stored(&self) -> bool {
        self.proofs.sealed_is_stored()
    }

    /// Takes what became durable into the manifest, each artifact at its step.
    async fn collect(&mut self) -> Result<(), ProofFault> {
        self.pictures_noted().await;
        self.films().await;
        let refs = self.proofs.durable().await?;
        for (place, artifact) in refs.iter().enumerate().skip(self.durable.len()) {
            if let Some(step) = self.kept.get(place).and_then(|s| self.manifest.steps.get_mut(*s)) {
                step.artifacts.push(artifact.sha256);
            }
        }
        self.manifest.artifacts.truncate(self.earlier);
        self.manifest.artifacts.extend(refs.iter().cloned());
        let click = self.click.and_then(|place| refs.get(place));
        if let (Some(click), Some(target)) = (click, &mut self.manifest.commit_target) {
            target.picture = Some(click.sha256);
        }
        if let Some(identity) = &mut self.manifest.identity {
            // The last look that judged the account is the one whose votes stand there.
            let looked = self.manifest.steps.iter().rev().find(|step| step.phase == "identity");
            identity.evidence = looked.map(|step| step.artifacts.clone()).unwrap_or_default();
        }
        self.manifest.redactions.truncate(self.earlier_redactions);
        self.manifest.redactions.extend(self.masked.iter().filter_map(|(place, redaction)| {
            Some(Redaction { sha256: refs.get(*place)?.sha256, ..redaction.clone() })
        }));
        self.manifest.recordings.truncate(self.earlier_recordings);
        self.manifest.recordings.extend(self.filmed.iter().cloned());
        self.durable = refs;
        Ok(())
    }

    /// Durable artifacts that the ledger was not told of yet; asked again, they come again.
    pub fn new_artifacts(&self) -> Vec<ArtifactRef> {
        self.durable.get(self.told..).unwrap_or_default().to_vec()
    }

    /// The same, and from now on the ledger is taken to know them.
    pub fn take_new_artifacts(&mut self) -> Vec<ArtifactRef> {
        let new = self.new_artifacts();
        self.told = self.durable.len();
        new
    }
}

fn stored(rect: &crate::ports::browser::Rect) -> StoredRect {
    StoredRect { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

/// The recipe's hash as it was loaded; a recipe built in memory is named by the hash of its name.
fn recipe_hash(recipe: &Recipe) -> Sha256 {
    recipe.hash.parse().unwrap_or_else(|_| Sha256::of(recipe.hash.as_bytes()))
}

fn blank(claim: &Claim, recipe: &Recipe, browser: String, pacing: Pacing) -> Manifest {
    let action = &claim.action;
    Manifest {
        version: deed_proofs::manifest::MANIFEST_VERSION,
        action: ActionFacts {
            action_id: action.id.to_string(),
            episode_id: claim.fence.episode.to_string(),
            client_id: action.client.to_string(),
            platform: action.platform.clone(),
            account_id: claim.account.id.to_string(),
            handle: claim.account.fingerprint.handle.clone(),
            lane: action.lane.as_str().to_owned(),
            action_type: action.payload.action_type.clone(),
            idempotency_key: action.idempotency_key.clone(),
        },
        intent: Intent {
            payload_hash: action.payload.hash(),
            content_hash: action.payload.content_hash(),
            recipe: RecipeRef { platform: recipe.platform.clone(), number: recipe.recipe, hash: recipe_hash(recipe) },
            policy_snapshot_id: String::new(),
            approvals: Vec::new(),
        },
        outcome: StoredOutcome {
            state: action.state.as_str().to_owned(),
            proof_level: 0,
            error_code: None,
            hold: None,
            platform_object_id: None,
            permalink: None,
            visibility: None,
        },
        dedupe: None,
        commit_target: None,
        receipt: None,
        verification: Vec::new(),
        steps: Vec::new(),
        artifacts: Vec::new(),
        audit: Vec::new(),
        identity: None,
        tool: Tool { name: "deed".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), browser, worker: None },
        pacing_seed: match pacing {
            Pacing::Unpaced => 0,
            Pacing::Considerate { seed } => seed,
        },
        redactions: Vec::new(),
        recordings: Vec::new(),
        signer: None,
    }
}

/// A CSS pixel of the viewport as a pixel of its picture; what is outside is drawn at the edge.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is no number becomes 0"
)]
fn pixel(css: f64) -> u32 {
    css.round() as u32
}
