//! Recording baselines: where the landmarks of each surface stand now, for a person to look at and commit.
//!
//! Only looks. Begins with the identity surface: what another account's session shows is no baseline. A surface whose
//! landmarks are not all there is left out and named; half a baseline would call the other half unchanged.

use std::time::Duration;

use deed_recipes::{Baseline, Recipe};

use crate::account::Fingerprint;
use crate::episode::{challenge_of, read_identity};
use crate::judge::identity::{self, Verdict};
use crate::judge::{drift, quorum};
use crate::ports::browser::{BrowserFault, Look, Need, Session};
use crate::time::Timestamp;

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// One for each surface that could be seen.
    pub baselines: Vec<Baseline>,
    /// Surfaces without one, and why.
    pub left_out: Vec<(String, String)>,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The browser's.
    #[error(transparent)]
    Browser(#[from] BrowserFault),
    /// The session is not proved to be the account's.
    #[error("failed to prove the account before recording: {0}")]
    Identity(String),
}

impl RecordError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Browser(fault) => fault.code(),
            Self::Identity(_) => "baseline-identity",
        }
    }
}

/// Visits every surface that has landmarks and notes where they stand.
///
/// # Errors
/// The browser's; a session that is not proved to be the account's.
pub async fn record<S: Session>(
    session: &mut S,
    recipe: &Recipe,
    base: &str,
    account: &Fingerprint,
    patience: Duration,
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    // Only the account's placeholders: a surface that needs more is opened in the course of a flow, not here.
    let url = |surface: &str| recipe.url_of(surface, base, account).map_err(|e| e.to_string());
    let home = url(&recipe.identity.on).map_err(RecordError::Identity)?;
    session.goto(&home).await?;
    let (readings, seen) = read_identity(session, recipe, patience).await?;
    if let Some(hold) = challenge_of(&seen, now) {
        return Err(RecordError::Identity(hold.detail));
    }
    let (votes, verdict) = identity::judge(account, &readings);
    if verdict != Verdict::Proven {
        let votes: Vec<_> = votes.iter().map(|v| format!("{} {:?}, saw {}", v.signal, v.vote, v.seen)).collect();
        return Err(RecordError::Identity(votes.join("; ")));
    }
    let mut recorded = Recorded::default();
    for (name, surface) in recipe.surfaces.iter().filter(|(_, s)| !s.landmarks.is_empty()) {
        let found = match url(name) {
            Ok(url) => one(session, &url, name, &surface.landmarks, account, patience, now).await?,
            Err(why) => Err(why),
        };
        match found {
            Ok(baseline) => recorded.baselines.push(baseline),
            Err(why) => recorded.left_out.push((name.clone(), why)),
        }
    }
    Ok(recorded)
}

async fn one<S: Session>(
    session: &mut S,
    url: &str,
    name: &str,
    landmarks: &[String],
    account: &Fingerprint,
    patience: Duration,
    now: Timestamp,
) -> Result<Result<Baseline, String>, BrowserFault> {
    session.goto(url).await?;
    let look = Look {
        elements: landmarks.to_vec(),
        until: landmarks.iter().cloned().map(Need::Visible).collect(),
        within: patience,
        ..Look::default()
    };
    let seen = session.look(&look).await?;
    if let Some(hold) = challenge_of(&seen, now) {
        return Ok(Err(hold.detail));
    }
    let missing: Vec<_> =
        landmarks.iter().filter(|l| quorum::lone(&seen, l).is_none()).map(|l| format!("`{l}`")).collect();
    if !missing.is_empty() {
        return Ok(Err(format!("{} not found", missing.join(", "))));
    }
    let content: Vec<&str> =
        [Some(account.handle.as_str()), account.display_name.as_deref()].into_iter().flatten().collect();
    Ok(Ok(drift::baseline(name, landmarks, &seen, &content)))
}
