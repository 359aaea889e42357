//! Arming: the one place where a permit comes from.
//!
//! The ledger's transaction is the judge; this file only turns its durable grant into a [`Permit`]. There is no
//! other caller of [`Permit`]'s constructor, and none may be added.

use crate::permit::{Permit, Target};
use crate::ports::ledger::{ArmRefusal, ArmRequest, Fence, Ledger, LedgerFault};
use crate::time::{Steady, Timestamp};

/// A permit, and when it was armed.
#[derive(Debug)]
pub struct Armed {
    /// The right to commit.
    pub permit: Permit,
    /// The moment from which the side effect may exist.
    pub at: Timestamp,
}

/// Runs the arm transaction. An error of the ledger is not a refusal: the caller must read the state back, because the
/// transaction may have been committed.
///
/// `asked`: now, by the clock that nobody sets.
pub async fn arm<L: Ledger>(
    ledger: &L,
    fence: &Fence,
    request: &ArmRequest,
    target: &Target,
    asked: Steady,
) -> Result<Result<Armed, ArmRefusal>, LedgerFault> {
    assert_eq!(request.target, target.hash(), "a permit is armed for the target that was aimed at");
    Ok(ledger.arm(fence, request).await?.map(|grant| {
        assert_eq!(grant.action, fence.action, "the grant is for the fenced action");
        assert_eq!(grant.epoch, fence.epoch, "the grant is for the fenced epoch");
        let at = grant.armed_at;
        Armed { permit: Permit::from_grant(grant, target, asked), at }
    }))
}
