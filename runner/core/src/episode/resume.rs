//! What became of an action that another episode, or an earlier turn, left open: looking, and nothing else.

use std::sync::Arc;

use deed_recipes::Recipe;

use super::{Ending, Episode, Options, Purpose};
use crate::ids::ActionId;
use crate::ports::ledger::{AuditLine, Claim, Ledger, LedgerFault};
use crate::ports::proofs::Proofs;
use crate::ports::{Clock, World};
use crate::state::State;
use crate::time::{CLOCKS_APART, Timestamp};
use crate::verify::{self, Times};

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
    let times = times(world, &claim.action.id, attempted_at, None, options).await?;
    let mut episode = Episode::new(world, claim, recipe, options, Purpose::Act, proofs);
    let ending = episode.settle(times).await?;
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

/// When an attempt was made, as the audit log tells it. `ended_at`: when its own session was ended, by who ended it just now. Where another
/// episode left it open, nothing of its press can have left since it became `unknown`, by whatever clock: it became that only after
/// its session or its browser was ended, or its permit was over.
pub(super) async fn times<W: World>(
    world: &W,
    action: &ActionId,
    attempted_at: Timestamp,
    ended_at: Option<Timestamp>,
    options: &Options,
) -> Result<Times, LedgerFault> {
    let trail = world.ledger().audit_trail(action).await?;
    let of = |line: &AuditLine| Timestamp::parse(&line.at);
    let identified_at = trail.iter().rfind(|line| line.status == State::IdentityVerified.as_str()).and_then(of);
    if let Some(ended) = ended_at {
        return Ok(Times::of(identified_at, attempted_at, ended_at, ended));
    }
    let unknown = trail.iter().find(|line| line.status == State::Unknown.as_str()).and_then(of);
    // A clock that was stepped in between says nothing; then the permit's end is all that is known.
    let (earliest, latest) = (attempted_at, world.clock().now().plus(CLOCKS_APART));
    let ended = unknown.filter(|at| (earliest..=latest).contains(at));
    let over_at = ended.unwrap_or_else(|| attempted_at.plus(options.commit_within)).plus(CLOCKS_APART);
    Ok(Times::of(identified_at, attempted_at, unknown, over_at))
}
