//! Bringing proof to the store elsewhere, and telling the ledger: what waited for it is raised, what does not get there is warned of.
//!
//! Never changes an outcome and never holds an action up: the outcome is in the ledger before anything is uploaded.

use std::time::Duration;

use deed_core::ids::{ActionId, EpisodeId};
use deed_core::ports::ledger::LedgerFault;
use deed_ledger::{InStore, SqlLedger};
use deed_proofs::spool::Trouble;
use deed_s3::upload::{Due, Failed, Round, Uploaded, Uploader};

use crate::context::Context;
use crate::error::CliError;

/// How long a command that has something else to say waits for the upload of what it did. What is not there by then waits on.
const WITHIN: Duration = Duration::from_secs(30);
/// A fault that may pass is warned of when an episode has met so many in a row.
const WARNED_AFTER: u32 = 3;

/// One round over the spool.
///
/// # Errors
/// The spool's, and the ledger's when a warning can not be kept.
pub async fn drain(uploader: &Uploader, ledger: &SqlLedger, only: Option<&str>, due: Due) -> Result<Round, CliError> {
    let round = uploader.drain(only, due, async |uploaded: &Uploaded| tell(ledger, uploaded).await).await?;
    if let Some(failed) = round.failed.iter().find(|failed| is_warned_of(failed)) {
        let waiting = round.failed.len();
        let detail = format!(
            "{} ({}); proof of {waiting} episode(s) waits on this machine",
            failed.trouble.message, failed.trouble.code
        );
        ledger.warn_of_upload(failed.action.as_ref().map(ActionId::new).as_ref(), &detail).await?;
    }
    Ok(round)
}

/// Once for each episode: when somebody has to do something at its first failure, else when it goes on failing.
fn is_warned_of(failed: &Failed) -> bool {
    failed.failed == if failed.lasting { 1 } else { WARNED_AFTER }
}

/// The ledger hears that a manifest is in the store. False: it is to be told again.
async fn tell(ledger: &SqlLedger, uploaded: &Uploaded) -> Result<bool, Trouble> {
    let action = ActionId::new(&uploaded.action);
    match ledger.proof_in_store(&action, uploaded.manifest, uploaded.proof_level).await {
        Ok(InStore::Later) => Ok(false),
        Ok(InStore::Raised | InStore::Nothing) => Ok(true),
        Err(fault) => Err(Trouble { code: fault.code().to_owned(), message: fault.to_string() }),
    }
}

/// At the end of a command: one try, within a bound. What does not get there is said, and waits.
pub async fn at_the_end(context: &Context, ledger: &SqlLedger, episode: Option<&EpisodeId>) {
    match tokio::time::timeout(WITHIN, try_once(context, ledger, episode)).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(round))) => say(context, &round),
        Ok(Err(error)) => context.ui.warn(&format!("proof was not uploaded: {error}")),
        Err(_) => context.ui.warn("proof is still being uploaded: `deed work` or `deed proof upload` goes on with it"),
    }
}

async fn try_once(
    context: &Context,
    ledger: &SqlLedger,
    episode: Option<&EpisodeId>,
) -> Result<Option<Round>, CliError> {
    let Some(uploader) = context.uploader().await? else { return Ok(None) };
    drain(&uploader, ledger, episode.map(EpisodeId::as_str), Due::Now).await.map(Some)
}

/// What a person should know of a round.
pub fn say(context: &Context, round: &Round) {
    if let Some(first) = round.failed.first() {
        context.ui.warn(&format!(
            "the outcome stands, its proof waits to be uploaded ({}): {}\n  help: {}",
            first.trouble.code, first.trouble.message, first.help
        ));
    }
}

/// The episode of an action.
///
/// # Errors
/// The ledger's.
pub async fn episode_of(ledger: &SqlLedger, id: &ActionId) -> Result<Option<EpisodeId>, LedgerFault> {
    Ok(ledger.action(id).await?.episode)
}
