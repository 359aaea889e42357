//! How an account is, as `deed account list` and `show` tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::account::{Account, AccountState};
use deed_core::hold::HoldReason;
use deed_core::pace::Limits;
use deed_core::policy;
use deed_core::session::SessionExpiry;
use deed_core::time::Timestamp;
use deed_core::warning::Severity;
use deed_ledger::{AccountHealth, Used, WARNED_AHEAD};
use serde_json::{Value, json};

use crate::context::Context;
use crate::ui::Facts;
use crate::world::now;

/// A line of the list is no longer, so that it fits a terminal.
const COLUMNS: usize = 100;
/// The widest name of an account, and of a client, in the list: with all other columns at their widest, a line fits.
pub const NAME_MAX: usize = 28;
/// See [`NAME_MAX`].
pub const CLIENT_MAX: usize = 12;
/// What stands before a line that belongs to the one above.
const INDENT: &str = "    ";

/// `platform/handle`, by which any command finds the account.
pub fn name(account: &Account) -> String {
    format!("{}/{}", account.platform, account.fingerprint.handle)
}

/// What an account may do of each action type, as its policy and recipe say now. A policy or recipe that can not be read says nothing here:
/// `deed doctor` names it.
pub fn limits(account: &Account, context: &Context) -> BTreeMap<String, Limits> {
    let (Ok(file), Ok(recipe)) = (context.policy(), context.recipe(&account.platform)) else { return BTreeMap::new() };
    let policy = file.resolve(&policy::who(account), &recipe.budgets);
    recipe.flows.keys().map(|kind| (kind.clone(), Limits::of(&policy, kind))).collect()
}

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

/// The session in a few words: when it ends, counted from now.
pub fn session_short(health: &AccountHealth, now: Timestamp) -> String {
    match health.session.as_ref().map(|session| session.ends) {
        None => "none".to_owned(),
        Some(Some(SessionExpiry::Dated(at))) if at <= now => "ended".to_owned(),
        Some(Some(SessionExpiry::Dated(at))) if at <= now.plus(WARNED_AHEAD) => {
            format!("ends in {}!", span(at.since(now)))
        }
        Some(Some(SessionExpiry::Dated(at))) => format!("ends in {}", span(at.since(now))),
        Some(Some(SessionExpiry::Undated)) => "without an end".to_owned(),
        Some(Some(SessionExpiry::None)) => "no cookie".to_owned(),
        Some(None) => "end not known".to_owned(),
    }
}

/// The last look in a few words.
pub fn identity_short(health: &AccountHealth, now: Timestamp) -> String {
    match &health.identity {
        Some(look) => {
            format!("{} {} ago", if look.proven { "proven" } else { "NOT proven" }, span(now.since(look.at)))
        }
        None => "never looked".to_owned(),
    }
}

/// `5 min`, `3 h`, `12 d`: whole ones, rounded down.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0..=59 => format!("{minutes} min"),
        60..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / (24 * 60)),
    }
}

/// `publish.post 1 of 2 an hour, 3 of 6 a day`, one for each action type of which something was attempted in the last day.
pub fn budget_words(health: &AccountHealth, limits: &BTreeMap<String, Limits>) -> Vec<String> {
    let of = |used: u32, most: Option<u32>, window: &str| match most {
        Some(most) => format!("{used} of {most} {window}"),
        None => format!("{used} {window}"),
    };
    let words = |(kind, used): (&String, &Used)| {
        let most = limits.get(kind).copied().unwrap_or_default();
        // An hour that nothing bounds says less than the day does.
        let hour = most.per_hour.map(|most| of(used.hour, Some(most), "an hour"));
        let day = of(used.day, most.per_day, "a day");
        format!("{kind} {}", hour.into_iter().chain([day]).collect::<Vec<_>>().join(", "))
    };
    health.used.iter().map(words).collect()
}

/// A cell that is no wider than this; what is cut off of it stands under the account's line.
pub fn cell(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    let kept: String = words.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// What stands under an account's line: what was too long for it, why it does not act, what it used, what waits, what
/// is warned of. Nothing where nothing is to be said.
pub fn more(account: &Account, health: &AccountHealth, limits: &BTreeMap<String, Limits>) -> Vec<String> {
    let because = account.state_reason.iter().filter(|_| account.state != AccountState::Active).cloned().collect();
    let entries =
        |words: String| if words == "-" { Vec::new() } else { words.split(", ").map(str::to_owned).collect() };
    let long = |words: String, most: usize| Some(words).filter(|w| w.chars().count() > most).into_iter().collect();
    let said: [(&str, Vec<String>); 6] = [
        ("account", long(name(account), NAME_MAX)),
        ("client", long(account.client.to_string(), CLIENT_MAX)),
        ("because", because),
        ("used", budget_words(health, limits)),
        ("held", entries(holds_words(health))),
        ("warned", entries(warnings_words(health))),
    ];
    said.into_iter()
        .filter(|(_, words)| !words.is_empty())
        .flat_map(|(what, words)| lines(what, &words.join("; ")))
        .collect()
}

/// `what  words`, in lines that fit; a word that is longer stands in a line of its own.
fn lines(what: &str, words: &str) -> Vec<String> {
    let mut lines = vec![format!("{INDENT}{what:<7} ")];
    for word in words.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.chars().count() + word.chars().count() > COLUMNS && !line.trim_end().ends_with(what) {
            lines.push(format!("{INDENT}{:<7} {word} ", ""));
        } else {
            line.push_str(word);
            line.push(' ');
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
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
pub fn facts(facts: Facts, health: &AccountHealth, limits: &BTreeMap<String, Limits>) -> Facts {
    let used = budget_words(health, limits);
    facts
        .with("session", session_words(health))
        .with("identity", identity_words(health))
        .with("attempted", format!("{} in 24 h", health.attempted_24h))
        .maybe("budget", (!used.is_empty()).then(|| used.join("; ")))
        .with("held", holds_words(health))
        .with("warnings", warnings_words(health))
}

/// Puts it into the account's JSON.
pub fn into_json(
    account: &Account,
    mut data: Value,
    health: &AccountHealth,
    limits: &BTreeMap<String, Limits>,
) -> Value {
    let budget = |(kind, used): (&String, &Used)| {
        let most = limits.get(kind).copied().unwrap_or_default();
        let said = json!({
            "hour": used.hour, "per_hour": most.per_hour, "day": used.day, "per_day": most.per_day,
        });
        (kind.clone(), said)
    };
    let budget: serde_json::Map<String, Value> = health.used.iter().map(budget).collect();
    let session = health.session.as_ref().map(|s| {
        json!({
            "stored_at": s.stored_at.to_string(),
            "expiry": s.ends.map(SessionExpiry::as_str),
            "expires_at": s.ends.and_then(SessionExpiry::at).map(|at| at.to_string()),
        })
    });
    let health = json!({
        "state": account.state, "mode": account.mode, "session": session, "identity": health.identity,
        "attempted_24h": health.attempted_24h, "budget": budget, "holds": health.holds, "warnings": health.warnings,
    });
    if let Some(object) = data.as_object_mut() {
        object.insert("health".to_owned(), health);
    }
    data
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use deed_ledger::{IdentityLook, StoredSession};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn health() -> AccountHealth {
        let at = Timestamp(0).plus(100 * DAY);
        AccountHealth {
            session: Some(StoredSession { stored_at: at, ends: Some(SessionExpiry::Dated(at.plus(12 * DAY))) }),
            identity: Some(IdentityLook { at: at.minus(DAY / 8), proven: true }),
            attempted_24h: 4,
            used: [
                ("publish.post".to_owned(), Used { hour: 1, day: 3 }),
                ("like".to_owned(), Used { hour: 0, day: 1 }),
            ]
            .into(),
            holds: [(HoldReason::Drift, 1), (HoldReason::RateLimit, 2)].into(),
            warnings: BTreeMap::new(),
        }
    }

    #[test]
    fn times_are_counted_from_now_and_an_end_that_is_near_stands_out() {
        let now = Timestamp(0).plus(100 * DAY);
        let ends = |at| {
            let mut health = health();
            health.session.as_mut().unwrap().ends = at;
            session_short(&health, now)
        };
        assert_eq!(ends(Some(SessionExpiry::Dated(now.plus(12 * DAY)))), "ends in 12 d");
        assert_eq!(ends(Some(SessionExpiry::Dated(now.plus(DAY)))), "ends in 24 h!");
        assert_eq!(ends(Some(SessionExpiry::Dated(now))), "ended");
        assert_eq!(ends(None), "end not known");
        assert_eq!(identity_short(&health(), now), "proven 3 h ago");
        let mut not = health();
        not.identity.as_mut().unwrap().proven = false;
        assert_eq!(identity_short(&not, now), "NOT proven 3 h ago");
    }

    #[test]
    fn what_was_used_stands_beside_what_may_be() {
        let limits = [("publish.post".to_owned(), Limits { per_hour: Some(2), per_day: Some(6), ..Limits::default() })];
        assert_eq!(
            budget_words(&health(), &limits.into()),
            ["like 1 a day", "publish.post 1 of 2 an hour, 3 of 6 a day"]
        );
    }

    #[test]
    fn no_line_is_longer_than_a_terminal_is_wide() {
        let long = "a_word ".repeat(60);
        let broken = lines("because", &long);
        assert!(broken.len() > 3 && broken.iter().all(|line| line.chars().count() <= COLUMNS), "{broken:#?}");
        assert_eq!(broken.join(" ").matches("a_word").count(), 60);
        assert_eq!((cell("abcd", 4), cell("abcde", 4)), ("abcd".to_owned(), "abc…".to_owned()));
        // The widest row that there is: mode, state, session and identity at their longest, two spaces between.
        let (session, identity) = ("ends in 59 min!".len(), "NOT proven 59 min ago".len());
        assert!(NAME_MAX + CLIENT_MAX + "draft".len() + "suspended".len() + session + identity + 5 * 2 <= COLUMNS);
        assert_eq!(lines("held", &"x".repeat(120)), [format!("    held    {}", "x".repeat(120))]);
    }
}
