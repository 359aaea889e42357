//! Preflight: named checks, each with what it saw. All of them are asked, so that the operator sees everything at once.
//!
//! The snapshot that decided is stored immutably; its hash is the action's `policy_snapshot_id`.

use deed_recipes::{Flow, Placeholder, Recipe, TargetRule};
use serde::Serialize;

use crate::account::{Account, AccountState};
use crate::hold::{Hold, HoldReason};
use crate::order::{Action, Media, Payload};

/// One named check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyCheck {
    /// Its name.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen, in words.
    pub finding: String,
    /// What the action waits for when it did not pass.
    #[serde(skip)]
    pub reason: HoldReason,
}

/// All checks of one preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// In the order in which they were asked.
    pub checks: Vec<PolicyCheck>,
}

impl PolicyReport {
    /// The hold of the first check that did not pass.
    pub fn hold(&self) -> Option<Hold> {
        let failed: Vec<_> = self.checks.iter().filter(|c| !c.passed).collect();
        let first = failed.first()?;
        let detail = failed.iter().map(|c| format!("{}: {}", c.name, c.finding)).collect::<Vec<_>>().join("; ");
        Some(Hold::new(first.reason, detail))
    }
}

fn check(name: &'static str, reason: HoldReason, result: Result<String, String>) -> PolicyCheck {
    let passed = result.is_ok();
    let finding = match result {
        Ok(finding) | Err(finding) => finding,
    };
    PolicyCheck { name, passed, finding, reason }
}

/// Looks at the action, its account and its recipe. Kill switches are asked before this, from the ledger.
pub fn preflight(action: &Action, account: &Account, recipe: &Recipe) -> PolicyReport {
    let state = match account.state {
        AccountState::Active => Ok("active".to_owned()),
        AccountState::ReadOnly => {
            Err(format!("read-only: {}", account.state_reason.as_deref().unwrap_or("no reason given")))
        }
        AccountState::Suspended => {
            Err(format!("suspended: {}", account.state_reason.as_deref().unwrap_or("no reason given")))
        }
    };
    let state_reason = if account.state == AccountState::Suspended {
        HoldReason::AccountSuspended
    } else {
        HoldReason::AccountReadOnly
    };
    let session =
        if account.has_session { Ok("session stored".to_owned()) } else { Err("no session is stored".to_owned()) };
    let flow = if recipe.flows.contains_key(&action.payload.action_type) {
        Ok(format!("{} by recipe {} number {}", action.payload.action_type, recipe.platform, recipe.recipe))
    } else {
        Err(format!("recipe {} has no flow {}", recipe.platform, action.payload.action_type))
    };
    let content = content_problems(recipe, &action.payload);
    let content =
        if content.is_empty() { Ok("within the recipe's limits".to_owned()) } else { Err(content.join("; ")) };
    PolicyReport {
        checks: vec![
            check("account_active", state_reason, state),
            check("connection", HoldReason::Connection, session),
            check("platform_policy", HoldReason::Policy, flow),
            check("content_compliance", HoldReason::Policy, content),
        ],
    }
}

/// What the flow does not take of a payload; empty when all is well. Also asked when an order is filed.
pub fn content_problems(recipe: &Recipe, payload: &Payload) -> Vec<String> {
    let Some(flow) = recipe.flows.get(&payload.action_type) else {
        let known: Vec<_> = recipe.flows.keys().map(String::as_str).collect();
        return vec![format!(
            "recipe {} has no flow {}; it has {}",
            recipe.platform,
            payload.action_type,
            known.join(", ")
        )];
    };
    let rules = &flow.content;
    let mut problems = Vec::new();
    let length = payload.content.text.chars().count();
    if rules.text_required && payload.content.text.trim().is_empty() {
        problems.push("the order has no text".to_owned());
    }
    if let Some(max) = rules.text_max
        && length > max
    {
        problems.push(format!("the text has {length} characters, the platform takes {max}"));
    }
    problems.extend(title_and_time_problems(flow, payload));
    let target = payload.target.as_deref().is_some_and(|target| !target.trim().is_empty());
    match rules.target {
        TargetRule::Required if !target => problems.push("the order names no target".to_owned()),
        TargetRule::None if payload.target.is_some() => {
            problems.push(format!("the order names a target, {} takes none", payload.action_type));
        }
        _ => {}
    }
    if payload.content.media.len() < rules.media_min {
        problems.push(format!(
            "the order has {} media files, the platform wants at least {}",
            payload.content.media.len(),
            rules.media_min
        ));
    }
    if payload.content.media.len() > rules.media_max {
        problems.push(format!(
            "the order has {} media files, the platform takes {}",
            payload.content.media.len(),
            rules.media_max
        ));
    }
    problems.extend(payload.content.media.iter().flat_map(|m| media_problems(rules, m)));
    problems
}

/// What is said and would be left out is a problem too: a post that was meant for later must not go out now.
fn title_and_time_problems(flow: &Flow, payload: &Payload) -> Vec<String> {
    let (rules, action) = (&flow.content, &payload.action_type);
    let mut problems = Vec::new();
    let title = payload.content.title.as_deref();
    let length = title.map_or(0, |title| title.chars().count());
    let titled = rules.title_required || rules.title_max.is_some() || flow.names(Placeholder::ContentTitle);
    if rules.title_required && title.is_none_or(|title| title.trim().is_empty()) {
        problems.push("the order has no title".to_owned());
    }
    if let Some(max) = rules.title_max.filter(|max| length > *max) {
        problems.push(format!("the title has {length} characters, the platform takes {max}"));
    }
    if title.is_some() && !titled {
        problems.push(format!("the order has a title, {action} takes none"));
    }
    match (flow.schedules(), payload.content.scheduled_at) {
        (true, None) => problems.push("the order does not say when (content.scheduled_at)".to_owned()),
        (false, Some(_)) => problems.push(format!("the order says when, {action} happens at once")),
        _ => {}
    }
    problems
}

fn media_problems(rules: &deed_recipes::ContentRules, media: &Media) -> Vec<String> {
    let mut problems = Vec::new();
    let default = ["image/png", "image/jpeg", "image/webp"];
    let taken = if rules.media_types.is_empty() {
        default.contains(&media.media_type.as_str())
    } else {
        rules.media_types.contains(&media.media_type)
    };
    if !taken {
        problems.push(format!("{} is {}, which the platform does not take", media.path, media.media_type));
    }
    if let Some(max) = rules.media_bytes_max
        && media.bytes > max
    {
        problems.push(format!("{} has {} bytes, the platform takes {max}", media.path, media.bytes));
    }
    problems
}
