//! What a dead runner left behind.
//!
//! The order is the safety: first the old browser is ended (its process group gone, its profile free), so that nothing
//! it still held back can land later. A worker that lives keeps its browser as long as its leases last; one that let
//! them lapse has stalled, and its permits are over. A browser on another machine can not be ended from here: its
//! worker's lease is waited for, and with it the end of each permit; the gate there lets nothing out after that; then
//! the claim is taken over under a new epoch; then `attempted` becomes `unknown`. It is never queued again. What had
//! not been armed goes back to the queue.

use std::fmt::Display;
use std::time::Duration;

use crate::episode::Options;
use crate::ids::WorkerId;
use crate::ports::browser::Browser;
use crate::ports::ledger::{Change, Claim, Fence, Ledger, LedgerFault, StaleClaim};
use crate::ports::{Clock, World};
use crate::state::{Event, State};

/// How often it is tried to seal what ended.
const SEAL_TRIES: u32 = 8;
/// The first and the longest pause between two tries; it doubles.
const SEAL_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

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
                world.ledger().advance(&claim.fence, Event::OutcomeUnclear, Change::default()).await?;
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

/// Seals what ended in the middle, under a claim of its own; `seal` is what does it ([`crate::episode::resume`]).
///
/// What stands in the way may pass: it is tried again, because nobody else looks at what has ended and was let go.
///
/// # Errors
/// The ledger's, while it is taken over or let go of.
pub async fn seal_late<W: World, T, E: Display, F: Future<Output = Result<T, E>>>(
    world: &W,
    fence: &Fence,
    lease: Duration,
    seal: impl Fn(Claim) -> F,
) -> Result<(), LedgerFault> {
    let (action, worker) = (&fence.action, &fence.worker);
    let (mut epoch, mut pause) = (fence.epoch, SEAL_PAUSE.0);
    for left in (0..SEAL_TRIES).rev() {
        let stale = StaleClaim { action: action.clone(), worker: worker.clone(), epoch, lease_over: false };
        let Some(claim) = world.ledger().take_over(&stale, worker, lease).await? else { break };
        let fence = claim.fence.clone();
        let Err(error) = seal(claim).await else { break };
        tracing::warn!(%error, %action, "its proof could not be sealed");
        if left == 0 {
            world.ledger().release(&fence).await?;
        } else {
            epoch = fence.epoch;
            world.clock().sleep(pause).await;
            pause = (pause * 2).min(SEAL_PAUSE.1);
        }
    }
    Ok(())
}
