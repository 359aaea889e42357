//! How an account is, as `deed account list` and `show` tell it.

use deed_core::account::Account;
use deed_core::hold::HoldReason;
use deed_core::session::SessionExpiry;
use deed_core::warning::Severity;
use deed_ledger::{AccountHealth, WARNED_AHEAD};
use serde_json::{Value, json};

use crate::ui::Facts;
use crate::world::now;

/// The session in words; what is not known is said not to be.
pub fn session_words(health: &AccountHealth) -> String {
    let Some(session) = &health.session else { return "none".to_owned() };
    match session.ends {
        Some(SessionExpiry::Dated(at)) if at <= now() => format!("ended {}", at.to_the_second()),
        Some(SessionExpiry::Dated(at)) if at <= now().plus(WARNED_AHEAD) => {
            format!("ends soon, {}", at.to_the_second())
        }
        Some(SessionExpiry::Dated(at)) => format!("ends {}", at.to_the_second()),
        Some(SessionExpiry::Undated) => "stored, without an end".to_owned(),
        Some(SessionExpiry::None) => "stored, no cookie of the platform".to_owned(),
        None => "stored, end not known".to_owned(),
    }
}

/// The last look in words.
pub fn identity_words(health: &AccountHealth) -> String {
    match &health.identity {
        Some(look) if look.proven => format!("proven {}", look.at.to_the_second()),
        Some(look) => format!("not proven {}", look.at.to_the_second()),
        None => "never looked".to_owned(),
    }
}

/// `drift 1, rate_limit 2`.
pub fn holds_words(health: &AccountHealth) -> String {
    counted(health.holds.iter().map(|(reason, count)| (HoldReason::as_str(*reason), count)))
}

/// `HIGH 1, LOW 2`, the worst first.
pub fn warnings_words(health: &AccountHealth) -> String {
    counted(health.warnings.iter().rev().map(|(severity, count)| (Severity::as_str(*severity), count)))
}

fn counted<'c>(of: impl Iterator<Item = (&'static str, &'c u32)>) -> String {
    let words: Vec<_> = of.map(|(name, count)| format!("{name} {count}")).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

/// The rows of `deed account show`.
pub fn facts(facts: Facts, health: &AccountHealth) -> Facts {
    facts
        .with("session", session_words(health))
        .with("identity", identity_words(health))
        .with("attempted", format!("{} in 24 h", health.attempted_24h))
        .with("held", holds_words(health))
        .with("warnings", warnings_words(health))
}

/// Puts it into the account's JSON.
pub fn into_json(account: &Account, mut data: Value, health: &AccountHealth) -> Value {
    let session = health.session.as_ref().map(|s| {
        json!({
            "stored_at": s.stored_at.to_string(),
            "expiry": s.ends.map(SessionExpiry::as_str),
            "expires_at": s.ends.and_then(SessionExpiry::at).map(|at| at.to_string()),
        })
    });
    let health = json!({
        "state": account.state, "mode": account.mode, "session": session, "identity": health.identity,
        "attempted_24h": health.attempted_24h, "holds": health.holds, "warnings": health.warnings,
    });
    if let Some(object) = data.as_object_mut() {
        object.insert("health".to_owned(), health);
    }
    data
}
