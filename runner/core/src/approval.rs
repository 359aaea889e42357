//! Approvals: who must have looked at what before it may be sent.
//!
//! Owns how many people are needed ([`needed`]), what an approval is bound to ([`binding`]) and the words that an approver signs
//! ([`Statement`]). Never counts approvals (the ledger does, in the arm transaction) and never holds a key.

use std::collections::BTreeSet;

use deed_proofs::Sha256;
use deed_recipes::policy::Policy;
pub use deed_recipes::policy::{Autonomy, Risk};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::ids::ActionId;
use crate::order::Action;
use crate::time::Timestamp;

/// How many people every action of an account needs, whatever its order says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountApprovals {
    /// None.
    #[default]
    None,
    /// One.
    One,
    /// Two different ones.
    Two,
}

impl AccountApprovals {
    /// The name in the database and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One => "one",
            Self::Two => "two",
        }
    }

    /// Reads [`AccountApprovals::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::One, Self::Two].into_iter().find(|a| a.as_str() == text)
    }

    /// The risk that asks for as many.
    pub const fn risk(self) -> Risk {
        match self {
            Self::None => Risk::Low,
            Self::One => Risk::Medium,
            Self::Two => Risk::High,
        }
    }
}

/// How many different people must approve. Where a person has the last word, it is one at least.
pub fn needed(risk: Risk, autonomy: Autonomy) -> u32 {
    let of_risk = risk.approvals();
    if autonomy == Autonomy::Auto { of_risk } else { of_risk.max(1) }
}

/// What an action needs before it may be armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ApprovalNeed {
    /// How many different people.
    pub needed: u32,
    /// Why so many; at [`Risk::High`] only approvals with the handle typed count.
    pub risk: Risk,
    /// What exactly they must have approved.
    pub binding: Sha256,
}

/// What this action needs now: the highest risk that policy, account and order say, and the policy's autonomy; bound to
/// the recipe as it is.
pub fn need(action: &Action, account: &Account, recipe_hash: &str, policy: &Policy) -> ApprovalNeed {
    let of_policy = policy.risk(&action.payload.action_type);
    let risk = account.approvals.risk().max(action.risk).max(of_policy);
    let needed = needed(risk, policy.autonomy);
    ApprovalNeed { needed, risk, binding: binding(action, account, recipe_hash) }
}

/// sha256 over content, payload, account, recipe, action type and target: any change of one of them is another binding.
pub fn binding(action: &Action, account: &Account, recipe_hash: &str) -> Sha256 {
    // serde_json's map sorts its keys, so that these are always the same bytes.
    let bound = serde_json::json!({
        "account_handle": account.fingerprint.handle,
        "account_id": account.id,
        "action_type": action.payload.action_type,
        "content_hash": action.payload.content_hash(),
        "payload_hash": action.payload.hash(),
        "recipe_hash": recipe_hash,
        "target": action.payload.target,
    });
    Sha256::of(bound.to_string().as_bytes())
}

/// What an approver decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may be sent.
    Approve,
    /// It may not, until this approver says otherwise.
    Reject,
}

impl Decision {
    /// The name in the database and in statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }

    /// Reads [`Decision::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approve, Self::Reject].into_iter().find(|d| d.as_str() == text)
    }
}

/// What a statement is for: a signature under it says nothing else.
const PURPOSE: &str = "deed-approval-1";

/// What an approver signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The action.
    pub action: ActionId,
    /// Which request of it: people approve what they saw.
    pub revision: u32,
    /// What the request is bound to.
    pub binding: Sha256,
    /// Who decides, as registered.
    pub approver: String,
    /// Yes or no.
    pub decision: Decision,
    /// The account's handle, where it was typed.
    pub handle: Option<String>,
    /// Why, where it was said.
    pub reason: Option<String>,
    /// When, by the approver's clock.
    pub at: Timestamp,
}

impl Statement {
    /// The bytes that are signed: JSON with its keys in alphabetical order and no white space.
    pub fn canonical(&self) -> String {
        serde_json::json!({
            "action": self.action,
            "approver": self.approver,
            "at": self.at.to_string(),
            "binding": self.binding,
            "decision": self.decision,
            "handle": self.handle,
            "purpose": PURPOSE,
            "reason": self.reason,
            "revision": self.revision,
        })
        .to_string()
    }
}

/// How an action stands with its approvers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ApprovalStanding {
    /// Who approved exactly this binding at its latest revision, and counts. In alphabetical order.
    pub approved_by: Vec<String>,
    /// Who rejected exactly this binding and did not take it back.
    pub rejected_by: Vec<String>,
    /// The latest request's revision; 0 when approval was never asked for.
    pub revision: u32,
    /// Whether the latest request is of this binding.
    pub is_current: bool,
}

impl ApprovalStanding {
    /// How many people count, each once.
    pub fn have(&self) -> u32 {
        let people: BTreeSet<_> = self.approved_by.iter().map(|name| name.to_lowercase()).collect();
        u32::try_from(people.len()).unwrap_or(u32::MAX)
    }

    /// Whether that is enough.
    pub fn meets(&self, need: &ApprovalNeed) -> bool {
        self.rejected_by.is_empty() && self.have() >= need.needed
    }

    /// For a person, without the action's own words.
    pub fn words(&self, action: &ActionId, need: &ApprovalNeed) -> String {
        let people = |names: &[String]| names.join(", ");
        if !self.rejected_by.is_empty() {
            return format!("rejected by {}", people(&self.rejected_by));
        }
        if need.needed == 0 {
            return "nobody has to approve".to_owned();
        }
        let (needed, risk) = (need.needed, need.risk.as_str());
        if self.revision == 0 {
            return format!(
                "{needed} must approve ({risk} risk), and nobody was asked: `deed approve request {action}`"
            );
        }
        if !self.is_current {
            let revision = self.revision;
            return format!(
                "{needed} must approve ({risk} risk), and it changed since revision {revision} was asked for: `deed approve request {action}`"
            );
        }
        let who = if self.approved_by.is_empty() { "nobody".to_owned() } else { people(&self.approved_by) };
        format!("{needed} must approve revision {} ({risk} risk), {who} did", self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;
    use crate::order::Content;
    use crate::sample::{self, account};

    fn action() -> Action {
        sample::action(Content { text: "Fresh bread".into(), ..Content::default() })
    }

    #[test]
    fn risk_and_autonomy_decide_the_number() {
        let risks = [Risk::Low, Risk::Medium, Risk::High];
        let table = |autonomy| risks.map(|risk| needed(risk, autonomy));
        assert_eq!(table(Autonomy::Auto), [0, 1, 2]);
        assert_eq!(table(Autonomy::Draft), [1, 1, 2]);
        assert_eq!(table(Autonomy::Manual), [1, 1, 2]);
    }

    #[test]
    fn an_order_raises_the_accounts_rule_and_never_lowers_it() {
        use AccountApprovals as Rule;
        for (rule, risk, expected) in [
            (Rule::None, Risk::Low, 0),
            (Rule::None, Risk::Medium, 1),
            (Rule::None, Risk::High, 2),
            (Rule::One, Risk::Low, 1),
            (Rule::One, Risk::High, 2),
            (Rule::Two, Risk::Low, 2),
            (Rule::Two, Risk::Medium, 2),
        ] {
            let (action, account) = (Action { risk, ..action() }, Account { approvals: rule, ..account() });
            assert_eq!(need(&action, &account, "r", &Policy::default()).needed, expected, "{rule:?} {risk:?}");
        }
    }

    #[test]
    fn whatever_is_approved_is_bound() {
        let of = |action: &Action, account: &Account, recipe: &str| binding(action, account, recipe);
        let (plain, account) = (action(), account());
        let first = of(&plain, &account, "r");
        assert_eq!(first, of(&action(), &account, "r"), "the same is the same");
        let mut text = action();
        text.payload.content.text.push('!');
        let mut target = action();
        target.payload.target = Some("https://p/1".into());
        let mut kind = action();
        kind.payload.action_type = "publish.reply".into();
        let mut handle = account.clone();
        handle.fingerprint.handle = "south_star".into();
        let mut other = account.clone();
        other.id = AccountId::new("other");
        let changed = [
            of(&text, &account, "r"),
            of(&target, &account, "r"),
            of(&kind, &account, "r"),
            of(&plain, &handle, "r"),
            of(&plain, &other, "r"),
            of(&plain, &account, "r2"),
        ];
        for (i, one) in changed.iter().enumerate() {
            assert_ne!(*one, first, "{i}");
            assert!(!changed[..i].contains(one), "{i}");
        }
    }

    #[test]
    fn a_statement_is_always_the_same_bytes() {
        let statement = Statement {
            action: ActionId::new("a"),
            revision: 2,
            binding: Sha256::of(b"x"),
            approver: "ann".into(),
            decision: Decision::Approve,
            handle: None,
            reason: None,
            at: Timestamp(1_795_167_000_000),
        };
        let expected = format!(
            r#"{{"action":"a","approver":"ann","at":"2026-11-20T09:30:00.000Z","binding":"{}","decision":"approve","handle":null,"purpose":"deed-approval-1","reason":null,"revision":2}}"#,
            Sha256::of(b"x")
        );
        assert_eq!(statement.canonical(), expected);
    }
}
