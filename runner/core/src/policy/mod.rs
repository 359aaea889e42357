//! Preflight: named checks, each with what it saw. All of them are asked, so that the operator sees everything at once.
//!
//! [`evaluate`] is a pure function of the action, its account and recipe, the [`Policy`] that holds for the account, and
//! [`PolicyFacts`], which the ledger knows. The snapshot that decided is stored immutably; its hash is the action's
//! `policy_snapshot_id`. Never asks a clock, never changes anything.

mod account;
mod budget;
mod content;
mod facts;
mod quiet;
mod wording;

#[cfg(test)]
mod tests;

use deed_recipes::Recipe;
use deed_recipes::policy::{Autonomy, Policy, Who};
use serde::Serialize;

pub use content::content_problems;
pub use facts::{Asks, OpenWarning, PolicyFacts, SessionFacts, Severity, Usage, Window};

use crate::account::Account;
use crate::approval;
use crate::hold::{Hold, HoldReason};
use crate::order::Action;
use crate::time::Timestamp;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing stands in the way.
    Passed,
    /// Something to be looked at; it stops nothing.
    Warned,
    /// The action waits.
    Failed,
}

impl Outcome {
    /// The word for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        }
    }
}

/// One named check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyCheck {
    /// Its name.
    pub name: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, in words.
    pub finding: String,
    /// The first moment at which it will pass by itself, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What the action waits for when it failed.
    #[serde(skip)]
    pub reason: HoldReason,
    /// Whether everything but the commit may be done although it failed.
    #[serde(skip)]
    pub composes: bool,
}

impl PolicyCheck {
    fn new(name: &'static str, outcome: Outcome, finding: impl Into<String>) -> Self {
        Self { name, outcome, finding: finding.into(), until: None, reason: HoldReason::Policy, composes: false }
    }

    fn passed(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, finding)
    }

    fn warned(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Outcome::Warned, finding)
    }

    fn failed(name: &'static str, reason: HoldReason, finding: impl Into<String>) -> Self {
        Self { reason, ..Self::new(name, Outcome::Failed, finding) }
    }

    fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }

    /// Whether it stops nothing.
    pub fn passes(&self) -> bool {
        self.outcome != Outcome::Failed
    }
}

/// All checks of one preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// In the order in which they were asked.
    pub checks: Vec<PolicyCheck>,
}

impl PolicyReport {
    /// Why the action is not begun.
    pub fn hold(&self) -> Option<Hold> {
        hold_of(self.checks.iter().filter(|check| !check.passes() && !check.composes).collect())
    }

    /// Why a rehearsal is not begun. It is what a person looks at before approving, so that it waits for no approval.
    pub fn hold_of_rehearsal(&self) -> Option<Hold> {
        let stands = |check: &&PolicyCheck| !check.passes() && check.reason != HoldReason::Approval;
        hold_of(self.checks.iter().filter(stands).collect())
    }

    /// Why it may be begun and not be committed.
    pub fn hold_before_commit(&self) -> Option<Hold> {
        hold_of(self.checks.iter().filter(|check| !check.passes()).collect())
    }
}

/// Why nothing may be sent at this moment, by the wall clock: the policy's quiet hours.
pub fn quiet(policy: &Policy, at: Timestamp) -> Option<Hold> {
    let check = quiet::time_window(policy, at);
    if check.passes() { None } else { hold_of(vec![&check]) }
}

/// One hold for all that failed. It ends by itself only when each of them does, and then with the last; else its reason is
/// the first that waits for a person.
fn hold_of(failed: Vec<&PolicyCheck>) -> Option<Hold> {
    let reason = failed.iter().find(|check| check.until.is_none()).or(failed.first())?.reason;
    let until =
        failed.iter().map(|check| check.until).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let detail = failed.iter().map(|check| format!("{}: {}", check.name, check.finding)).collect::<Vec<_>>().join("; ");
    Some(Hold { reason, detail, until })
}

/// Whose policy an account's is.
pub fn who(account: &Account) -> Who<'_> {
    Who {
        client: account.client.as_str(),
        platform: &account.platform,
        handle: &account.fingerprint.handle,
        account: account.id.as_str(),
    }
}

/// Asks every check.
pub fn evaluate(
    action: &Action,
    account: &Account,
    recipe: &Recipe,
    policy: &Policy,
    facts: &PolicyFacts,
    now: Timestamp,
) -> PolicyReport {
    let kind = action.payload.action_type.as_str();
    PolicyReport {
        checks: vec![
            engine_enabled(policy, facts),
            account::active(account),
            account::connection(facts, now),
            autonomy(policy),
            platform_policy(kind, recipe, policy),
            quiet::time_window(policy, now),
            budget::rate_limits(kind, policy, facts, now),
            budget::cost_budget(kind, policy, facts, now),
            budget::fatigue(kind, policy, facts),
            early_warnings(facts),
            confidence(action, policy),
            approval(action, account, recipe, policy, facts),
            wording::content_compliance(action, recipe, policy),
        ],
    }
}

fn engine_enabled(policy: &Policy, facts: &PolicyFacts) -> PolicyCheck {
    let name = "engine_enabled";
    if let Some(switch) = &facts.kill {
        return PolicyCheck::failed(name, HoldReason::KillSwitch, switch.to_string());
    }
    if policy.engine_enabled {
        return PolicyCheck::passed(name, "on, and no kill switch");
    }
    let from = policy.from.get(name).map(|from| from.join(", ")).unwrap_or_default();
    PolicyCheck::failed(name, HoldReason::Policy, format!("the policy says engine_enabled: false ({from})"))
}

fn autonomy(policy: &Policy) -> PolicyCheck {
    let finding = match policy.autonomy {
        Autonomy::Auto => "auto: it may act by itself",
        Autonomy::Manual => "manual: a person approves each action before it is begun",
        Autonomy::Draft => "draft: everything but the commit by itself, the commit after a person's approval",
    };
    match policy.autonomy {
        Autonomy::Auto => PolicyCheck::passed("autonomy", finding),
        Autonomy::Manual | Autonomy::Draft => PolicyCheck::warned("autonomy", finding),
    }
}

fn platform_policy(kind: &str, recipe: &Recipe, policy: &Policy) -> PolicyCheck {
    let name = "platform_policy";
    if !recipe.flows.contains_key(kind) {
        let finding = format!("recipe {} has no flow {kind}", recipe.platform);
        return PolicyCheck::failed(name, HoldReason::Policy, finding);
    }
    match &policy.allow {
        Some(allowed) if !allowed.contains(kind) => {
            let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
            let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            PolicyCheck::failed(name, HoldReason::Policy, format!("the policy allows {allowed}, not {kind}"))
        }
        _ => PolicyCheck::passed(name, format!("{kind} by recipe {} number {}", recipe.platform, recipe.recipe)),
    }
}

fn early_warnings(facts: &PolicyFacts) -> PolicyCheck {
    let name = "early_warnings";
    if facts.open_warnings.is_empty() {
        return PolicyCheck::passed(name, "no open warning");
    }
    let told: Vec<_> = facts.open_warnings.iter().map(ToString::to_string).collect();
    let told = format!("open: {}", told.join(", "));
    if facts.open_warnings.iter().any(|warning| warning.severity.stops()) {
        PolicyCheck::failed(name, HoldReason::Policy, told)
    } else {
        PolicyCheck::warned(name, told)
    }
}

fn confidence(action: &Action, policy: &Policy) -> PolicyCheck {
    let name = "confidence";
    match (policy.confidence_min, action.payload.content.score) {
        (None, None) => PolicyCheck::passed(name, "no score, and none is asked for"),
        (None, Some(score)) => PolicyCheck::passed(name, format!("score {score}, and none is asked for")),
        (Some(min), None) => PolicyCheck::failed(
            name,
            HoldReason::Policy,
            format!("the order has no score, at least {min} is asked for"),
        ),
        (Some(min), Some(score)) if score < min => {
            PolicyCheck::failed(name, HoldReason::Policy, format!("score {score}, at least {min} is asked for"))
        }
        (Some(min), Some(score)) => PolicyCheck::passed(name, format!("score {score}, at least {min} is asked for")),
    }
}

fn approval(action: &Action, account: &Account, recipe: &Recipe, policy: &Policy, facts: &PolicyFacts) -> PolicyCheck {
    let (name, need) = ("approval", approval::need(action, account, &recipe.hash, policy));
    let words = facts.approvals.words(&action.id, &need);
    if facts.approvals.meets(&need) {
        return PolicyCheck::passed(name, words);
    }
    let composes = policy.autonomy == Autonomy::Draft && facts.approvals.rejected_by.is_empty();
    PolicyCheck { composes, ..PolicyCheck::failed(name, HoldReason::Approval, words) }
}

/// What decided, as canonical JSON: keys in alphabetical order, no white space. Its sha256 is the action's `policy_snapshot_id`.
pub fn snapshot(
    recipe: &Recipe,
    policy: &Policy,
    facts: &PolicyFacts,
    report: &PolicyReport,
    now: Timestamp,
) -> String {
    // serde_json's map is a BTreeMap here (no `preserve_order`).
    serde_json::json!({
        "at": now.to_string(),
        "policy": policy,
        "facts": facts,
        "checks": report.checks,
        "recipe": { "platform": recipe.platform, "number": recipe.recipe, "hash": recipe.hash },
    })
    .to_string()
}
