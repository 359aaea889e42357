//! Why the way to the commit ended. Every one of these is before `arm`: nothing has happened.

use crate::hold::{Hold, HoldReason};
use crate::ports::browser::BrowserFault;
use crate::ports::ledger::LedgerFault;
use crate::ports::proofs::ProofFault;

/// Why the way to the commit ended.
pub(super) enum Stop {
    Hold(Hold),
    /// It is done already: where, and in words.
    Duplicate {
        permalink: Option<String>,
        id: Option<String>,
        words: String,
    },
    Ledger(LedgerFault),
}

impl From<LedgerFault> for Stop {
    fn from(fault: LedgerFault) -> Self {
        Self::Ledger(fault)
    }
}

impl From<BrowserFault> for Stop {
    fn from(fault: BrowserFault) -> Self {
        let reason = match fault {
            BrowserFault::ForeignOrigin { .. } | BrowserFault::InputRefused(_) => HoldReason::Drift,
            _ => HoldReason::Transient,
        };
        Self::Hold(Hold::new(reason, format!("{fault} ({})", fault.code())))
    }
}

impl From<ProofFault> for Stop {
    fn from(fault: ProofFault) -> Self {
        Self::Hold(Hold::new(HoldReason::Proof, format!("{} ({})", fault.message, fault.code)))
    }
}
