//! Recording baselines: where the landmarks of each surface stand now, for a person to look at and commit.
//!
//! Only looks. Begins with the identity surface: what another account's session shows is no baseline. A surface that does not
//! open, or whose landmarks are not all there, is left out and named; half a baseline would call the other half unchanged.

mod compose;
mod join;

use std::time::Duration;

use deed_recipes::{Baseline, Placeholder, Recipe, Values};

pub use compose::{Composing, compose};

use crate::account::Fingerprint;
use crate::episode::{challenge_of, read_identity};
use crate::judge::identity::{self, Verdict};
use crate::judge::{drift, quorum};
use crate::order::ScheduledWords;
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
    /// An order: surfaces of its target are those that its flow visits, and its steps lead to what the flow commits with.
    /// Without one both are left out.
    pub order: Option<Order<'a>>,
}

/// What is composed up to the commit, on pages on which nothing can be committed.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Its action type.
    pub flow: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its title.
    pub title: Option<&'a str>,
    /// When it is to appear.
    pub scheduled: Option<&'a ScheduledWords>,
    /// What it aims at.
    pub target: Option<&'a str>,
    /// Its media files.
    pub files: &'a [String],
}

impl Source<'_> {
    /// Where a surface is, or why that is not known.
    ///
    /// # Errors
    /// Its URL names what has no value here.
    pub fn url(&self, surface: &str) -> Result<String, String> {
        let plain = self.recipe.url_of(surface, self.base, self.account);
        let found = match self.order {
            Some(order) if plain.is_err() && self.recipe.visits(order.flow).contains(&surface) => {
                self.recipe.url_of(surface, self.base, &Known { account: self.account, order })
            }
            _ => plain,
        };
        found.map_err(|e| e.to_string())
    }
}

/// The account's placeholders, and the order's.
struct Known<'a> {
    account: &'a Fingerprint,
    order: Order<'a>,
}

impl Values for Known<'_> {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::Target => self.order.target,
            Placeholder::ContentText => Some(self.order.text),
            Placeholder::ContentTitle => self.order.title,
            of_time if of_time.is_schedule() => self.order.scheduled.and_then(|at| at.get(of_time)),
            of_account => self.account.get(of_account),
        }
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
    if let Some(order) = source.order {
        match at_review(session, source, order, patience, now).await? {
            Ok(baseline) => recorded.baselines.push(baseline),
            Err(why) => recorded.left_out.push((order.flow.to_owned(), why)),
        }
    }
    Ok(recorded)
}

/// What stands in the composer when it is reviewed: what is pressed, and what was typed into.
async fn at_review<S: Session>(
    session: &mut S,
    source: &Source<'_>,
    order: Order<'_>,
    patience: Duration,
    now: Timestamp,
) -> Result<Result<Baseline, String>, BrowserFault> {
    let Source { recipe, base, account, .. } = *source;
    let values = Known { account, order };
    let composing = Composing { base, values: &values, files: order.files, patience };
    if let Err(why) = compose(session, recipe, order.flow, &composing).await? {
        return Ok(Err(why));
    }
    let elements: Vec<String> = recipe.reviewed(order.flow).into_iter().map(str::to_owned).collect();
    let seen = session.look(&Look { elements: elements.clone(), ..Look::default() }).await?;
    if let Some(hold) = challenge_of(&seen, now) {
        return Ok(Err(hold.detail));
    }
    let content =
        [Some(account.handle.as_str()), account.display_name.as_deref(), Some(order.text), order.title, order.target];
    let content: Vec<&str> = content.into_iter().flatten().collect();
    Ok(Ok(drift::baseline(order.flow, &elements, &seen, &content)))
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
