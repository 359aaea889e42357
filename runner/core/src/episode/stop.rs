//! Why the way to the commit ended. Every one of these is before `arm`: nothing has happened.

use crate::hold::{Hold, HoldReason};
use crate::ids::ActionId;
use crate::ports::browser::BrowserFault;
use crate::ports::ledger::{ArmRefusal, LedgerFault};
use crate::ports::proofs::ProofFault;
use crate::retry::Transient;

/// Why the way to the commit ended.
pub(super) enum Stop {
    Hold(Hold),
    /// As a hold, by what may be gone by itself: it is tried again.
    Fault {
        hold: Hold,
        fault: Transient,
    },
    /// It is done already: where, and in words.
    Duplicate {
        permalink: Option<String>,
        id: Option<String>,
        words: String,
    },
    Ledger(LedgerFault),
}

impl Stop {
    /// What the ledger's refusal to arm becomes.
    pub(super) fn of_refusal(refusal: ArmRefusal, action: &ActionId) -> Self {
        match refusal {
            ArmRefusal::KillSwitch(switch) => Self::Hold(Hold::new(HoldReason::KillSwitch, switch.to_string())),
            ArmRefusal::Draft => Self::Hold(Hold::new(
                HoldReason::DraftMode,
                "the account is in mode draft: everything but the commit was done",
            )),
            ArmRefusal::AccountNotActive(state) => {
                Self::Hold(Hold::new(HoldReason::AccountReadOnly, format!("the account became {state}")))
            }
            ArmRefusal::Waits(_) => Self::Hold(Hold::new(HoldReason::Dependency, refusal.to_string())),
            ArmRefusal::Budget(wait) => Self::Hold(wait.into()),
            ArmRefusal::LeaseTooShort | ArmRefusal::AccountBusy(_) => {
                Self::Hold(Hold::new(HoldReason::Transient, refusal.to_string()))
            }
            ArmRefusal::Approval { words, .. } => Self::Hold(Hold::new(HoldReason::Approval, words)),
            ArmRefusal::FenceLost => Self::Ledger(LedgerFault::FenceLost(action.clone())),
        }
    }
}

impl From<LedgerFault> for Stop {
    fn from(fault: LedgerFault) -> Self {
        Self::Ledger(fault)
    }
}

impl From<BrowserFault> for Stop {
    fn from(fault: BrowserFault) -> Self {
        let reason = match &fault {
            BrowserFault::ForeignOrigin { .. } | BrowserFault::InputRefused(_) => HoldReason::Drift,
            _ => HoldReason::Transient,
        };
        let hold = Hold::new(reason, format!("{fault} ({})", fault.code()));
        match Transient::of(&fault) {
            Some(fault) => Self::Fault { hold, fault },
            None => Self::Hold(hold),
        }
    }
}

impl From<ProofFault> for Stop {
    fn from(fault: ProofFault) -> Self {
        Self::Hold(Hold::new(HoldReason::Proof, format!("{} ({})", fault.message, fault.code)))
    }
}
