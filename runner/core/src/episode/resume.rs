//! What became of an action that another episode, or an earlier turn, left open: looking, and nothing else.

use std::sync::Arc;

use deed_recipes::Recipe;

use super::{Ending, Episode, Options, Purpose};
use crate::ports::ledger::{Claim, Ledger, LedgerFault};
use crate::ports::proofs::Proofs;
use crate::ports::{Clock, World};
use crate::state::State;
use crate::time::{CLOCKS_APART, Timestamp};
use crate::verify;

/// Finds out what became of an action that may have happened, and settles it: what recovery hands over, and what a person asks
/// for again. Only looks; the claim is released at the end.
///
/// # Errors
/// The ledger's.
pub async fn resume<W: World>(
    world: &W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &Options,
) -> Result<Ending, LedgerFault> {
    let attempted_at = claim.action.attempted_at.unwrap_or_else(|| world.clock().now());
    let proofs = match world.proofs().episode(&claim.fence).await {
        Ok(proofs) => proofs,
        Err(fault) => {
            // What is known stays so; the next try has a store again, if it is not made at once.
            if matches!(claim.action.state, State::Unknown | State::ConfirmedSuccess) {
                let at = world.clock().now().plus(verify::PAUSE_MAX);
                world.ledger().verify_at(&claim.fence, Some(at)).await?;
            }
            world.ledger().release(&claim.fence).await?;
            return Ok(Ending::open(claim.action.state, fault.to_string()));
        }
    };
    if matches!(claim.action.state, State::ConfirmedFailed | State::PostcheckComplete) {
        return sealed(world, claim, recipe, options, proofs).await;
    }
    let over_at = over_at(world, &claim, attempted_at, options).await?;
    let mut episode = Episode::new(world, claim, recipe, options, Purpose::Act, proofs);
    let ending = episode.settle(attempted_at, over_at).await?;
    world.ledger().release(&episode.claim.fence).await?;
    world.boundary("released");
    Ok(ending)
}

/// Seals the proof of what ended while its runner died, or lost its claim, before it had done so.
async fn sealed<W: World>(
    world: &W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &Options,
    proofs: <W::Proofs as Proofs>::Episode,
) -> Result<Ending, LedgerFault> {
    let (state, failure) = (claim.action.state, claim.failure);
    let mut episode = Episode::new(world, claim, recipe, options, Purpose::Act, proofs);
    let words = "it had ended; its proof was sealed by who took it over".to_owned();
    let ending = episode.finish(state, None, failure, words).await?;
    world.ledger().release(&episode.claim.fence).await?;
    world.boundary("released");
    Ok(ending)
}

/// Since when nothing of another episode's press can have left, by whatever clock: it became `unknown` only after its
/// session or its browser was ended, or its permit was over.
async fn over_at<W: World>(
    world: &W,
    claim: &Claim,
    attempted_at: Timestamp,
    options: &Options,
) -> Result<Timestamp, LedgerFault> {
    let trail = world.ledger().audit_trail(&claim.action.id).await?;
    let unknown = trail.iter().find(|line| line.status == State::Unknown.as_str());
    // A clock that was stepped in between says nothing; then the permit's end is all that is known.
    let (earliest, latest) = (attempted_at, world.clock().now().plus(CLOCKS_APART));
    let unknown = unknown.and_then(|line| Timestamp::parse(&line.at)).filter(|at| (earliest..=latest).contains(at));
    Ok(unknown.unwrap_or_else(|| attempted_at.plus(options.commit_within)).plus(CLOCKS_APART))
}
