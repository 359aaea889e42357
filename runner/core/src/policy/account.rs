//! Whether the account may act at all, and with which session.

use super::{PolicyCheck, PolicyFacts};
use crate::account::{Account, AccountState};
use crate::hold::HoldReason;
use crate::time::Timestamp;

pub(super) fn active(account: &Account) -> PolicyCheck {
    let name = "account_active";
    let why = account.state_reason.as_deref().unwrap_or("no reason given");
    match account.state {
        AccountState::Active => PolicyCheck::passed(name, "active"),
        AccountState::ReadOnly => PolicyCheck::failed(name, HoldReason::AccountReadOnly, format!("read-only: {why}")),
        AccountState::Suspended => PolicyCheck::failed(name, HoldReason::AccountSuspended, format!("suspended: {why}")),
    }
}

pub(super) fn connection(facts: &PolicyFacts, now: Timestamp) -> PolicyCheck {
    let name = "connection";
    let Some(session) = facts.session else {
        return PolicyCheck::failed(name, HoldReason::Connection, "no session is stored");
    };
    match session.expires {
        Some(end) if end <= now => {
            let finding = format!("the stored session ended at {}", end.to_the_second());
            PolicyCheck::failed(name, HoldReason::Connection, finding)
        }
        Some(end) => PolicyCheck::passed(name, format!("session stored, until {}", end.to_the_second())),
        None => PolicyCheck::passed(name, "session stored"),
    }
}
