//! What a dead runner left behind.
//!
//! The order is the safety: first the old browser is ended (its process group gone, its profile free), so that nothing it still
//! held back can land later. A worker that lives keeps its browser as long as its leases last; one that let them lapse has stalled, and
//! its permits are over. A browser on another machine can not be ended from here: its worker's lease is waited for, and with it the end
//! of each permit; the gate there lets nothing out after that; then the claim is taken over under a new epoch; then `attempted` becomes `unknown`. It is never queued
//! again. What had not been armed goes back to the queue.

use crate::episode::Options;
use crate::ids::WorkerId;
use crate::ports::World;
use crate::ports::browser::Browser;
use crate::ports::ledger::{Change, Claim, Ledger, LedgerFault};
use crate::state::{Event, State};

/// What recovery did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Back in the queue: nothing had been armed.
    pub requeued: Vec<crate::ids::ActionId>,
    /// May have happened, or ended without a sealed proof; claimed, and to be verified or sealed now ([`crate::episode::resume`]).
    pub to_verify: Vec<Claim>,
    /// Left alone, with the reason: the old browser could not be proved ended.
    pub left: Vec<(crate::ids::ActionId, String)>,
}

/// Resolves every stale claim.
///
/// # Errors
/// The ledger's. What was resolved before stays resolved.
pub async fn recover<W: World>(
    world: &W,
    worker: &WorkerId,
    dead: &[WorkerId],
    options: &Options,
) -> Result<Recovered, LedgerFault> {
    let mut recovered = Recovered::default();
    for stale in world.ledger().stale_claims(dead).await? {
        if let Err(fault) = world.browser().end_of_worker(&stale.worker, stale.lease_over).await {
            recovered.left.push((stale.action, fault.to_string()));
            continue;
        }
        world.boundary("old_browser_ended");
        let Some(claim) = world.ledger().take_over(&stale, worker, options.lease).await? else { continue };
        world.boundary("taken_over");
        match claim.action.state {
            State::Attempted => {
                let change = Change { proof_level: Some(1), ..Change::default() };
                world.ledger().advance(&claim.fence, Event::OutcomeUnclear, change).await?;
                world.boundary("recovered_unknown");
                let mut claim = claim;
                claim.action.state = State::Unknown;
                recovered.to_verify.push(claim);
            }
            State::Unknown | State::ConfirmedSuccess => recovered.to_verify.push(claim),
            State::Queued => world.ledger().release(&claim.fence).await?,
            State::PreflightPassed | State::IdentityVerified => {
                world.ledger().advance(&claim.fence, Event::Interrupted, Change::default()).await?;
                world.ledger().release(&claim.fence).await?;
                recovered.requeued.push(claim.action.id);
            }
            // It ended; whether its proof was sealed is not known.
            State::ConfirmedFailed | State::PostcheckComplete => recovered.to_verify.push(claim),
            State::Cancelled => world.ledger().release(&claim.fence).await?,
        }
    }
    Ok(recovered)
}
