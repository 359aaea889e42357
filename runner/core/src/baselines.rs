//! Recording baselines: where the landmarks of each surface stand now, for a person to look at and commit.
//!
//! Only looks. Begins with the identity surface: what another account's session shows is no baseline. A surface that does not
//! open, or whose landmarks are not all there, is left out and named; half a baseline would call the other half unchanged.

mod join;

use std::time::Duration;

use deed_recipes::{Baseline, Placeholder, Recipe, Values};

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
    /// What is in no baseline because recordings differ in it, in words: a counter, a state.
    pub unsteady: Vec<String>,
}

/// Whose pages are looked at, and where.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Names the surfaces.
    pub recipe: &'a Recipe,
    /// The origin that the surfaces' paths count from.
    pub base: &'a str,
    /// Must be proved before anything is looked at.
    pub account: &'a Fingerprint,
    /// Action type and target of an order: surfaces of the target are those that its flow visits. Without one they are left out.
    pub order: Option<(&'a str, &'a str)>,
}

impl Source<'_> {
    /// Where a surface is, or why that is not known.
    ///
    /// # Errors
    /// Its URL names what has no value here.
    pub fn url(&self, surface: &str) -> Result<String, String> {
        let plain = self.recipe.url_of(surface, self.base, self.account);
        let found = match self.order {
            Some((flow, target)) if plain.is_err() && self.recipe.visits(flow).contains(&surface) => {
                self.recipe.url_of(surface, self.base, &Aimed { account: self.account, target })
            }
            _ => plain,
        };
        found.map_err(|e| e.to_string())
    }
}

/// The account's placeholders, and the order's target.
struct Aimed<'a> {
    account: &'a Fingerprint,
    target: &'a str,
}

impl Values for Aimed<'_> {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        if placeholder == Placeholder::Target { Some(self.target) } else { self.account.get(placeholder) }
    }
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

/// As [`record_of`], from an account's session, where no order says what surfaces of a target would be.
///
/// # Errors
/// As [`record_of`].
pub async fn record<S: Session>(
    session: &mut S,
    recipe: &Recipe,
    base: &str,
    account: &Fingerprint,
    patience: Duration,
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    record_of(session, &Source { recipe, base, account, order: None }, patience, now).await
}

/// Visits every surface that has landmarks and notes where they stand.
///
/// # Errors
/// The browser's; a session that is not proved to be the account's.
pub async fn record_of<S: Session>(
    session: &mut S,
    source: &Source<'_>,
    patience: Duration,
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    let (recipe, account) = (source.recipe, source.account);
    let home = source.url(&recipe.identity.on).map_err(RecordError::Identity)?;
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
        let found = match source.url(name) {
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
    match session.goto(url).await {
        // The other surfaces may open all the same.
        Err(fault @ BrowserFault::Navigation { .. }) => return Ok(Err(fault.to_string())),
        opened => opened?,
    };
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
