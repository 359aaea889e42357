//! What a policy file says, section by section, before it is brought to one account.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{QuietHours, Share};
use crate::model::Budget;

/// A checked policy file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyFile {
    /// sha256 of the file, lower-case hex; empty when there is none.
    pub hash: String,
    /// What holds for everybody.
    pub defaults: Rules,
    /// By platform.
    pub platforms: IndexMap<String, Rules>,
    /// By client.
    pub clients: IndexMap<String, Rules>,
    /// By account: `platform/handle`, or its id.
    pub accounts: IndexMap<String, Rules>,
}

/// What one section says. What it does not say is as the section before it has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether anything runs at all.
    pub engine_enabled: Option<bool>,
    /// How much is done without a person.
    pub autonomy: Option<Autonomy>,
    /// The action types that are allowed; `None`: all that the recipe has.
    pub allow: Option<BTreeSet<String>>,
    /// The time zone of quiet hours, days and months; an IANA name.
    pub zone: Option<String>,
    /// When nothing is sent.
    pub quiet_hours: Option<Vec<QuietHours>>,
    /// How much of an action type an account may do.
    pub rate_limits: BTreeMap<String, Budget>,
    /// What a client's actions may cost.
    pub cost_budget: CostBudget,
    /// How much of an account's budget the last days may have used.
    pub fatigue: Option<Fatigue>,
    /// The least score of an order.
    pub confidence_min: Option<Share>,
    /// How risky an action type is.
    pub approval: BTreeMap<String, Risk>,
    /// What the text must keep to; what breaks it is held.
    pub hard: WordingRules,
    /// What the text should keep to; what breaks it is told.
    pub soft: WordingRules,
}

/// How much is done without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// By itself; a risky action type asks for approval.
    #[default]
    Auto,
    /// Each action waits for a person's approval before it is begun.
    Manual,
    /// Everything but the commit is done by itself; the commit waits for a person's approval.
    Draft,
}

impl Autonomy {
    /// The name in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
            Self::Draft => "draft",
        }
    }
}

/// How risky an action type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nobody has to look.
    #[default]
    Low,
    /// One person looks.
    Medium,
    /// Two people look, and each types the account's handle.
    High,
}

impl Risk {
    /// The name in policies, in orders and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Reads [`Risk::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|risk| risk.as_str() == text)
    }

    /// How many different people must approve.
    #[must_use]
    pub const fn approvals(self) -> u32 {
        match self {
            Self::Low => 0,
            Self::Medium => 1,
            Self::High => 2,
        }
    }
}

/// What a client's actions may cost, in units of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CostBudget {
    /// What an action of a type costs; one unit when it is not said.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, u32>,
    /// Units a calendar day of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
    /// Units a calendar month of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_month: Option<u64>,
}

impl CostBudget {
    /// What an action of this type costs, in units.
    #[must_use]
    pub fn of(&self, action_type: &str) -> u64 {
        self.units.get(action_type).copied().map_or(1, u64::from)
    }
}

/// How much of an account's daily budgets the last days may have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fatigue {
    /// How many days, each of 24 hours, back from now.
    pub days: u16,
    /// The greatest share.
    pub max: Share,
}

/// What the text of an order must, or should, keep to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WordingRules {
    /// Characters of the text.
    pub text_max: Option<u32>,
    /// Hashtags in title and text.
    pub hashtags_max: Option<u32>,
    /// Links.
    pub links_max: Option<u32>,
    /// Mentions.
    pub mentions_max: Option<u32>,
    /// Words and phrases that may not stand there.
    pub banned_terms: Vec<String>,
    /// The only domains, with all below them, that links may lead to.
    pub links_allowed: Option<BTreeSet<String>>,
    /// Domains, with all below them, that no link may lead to.
    pub links_banned: BTreeSet<String>,
    /// One of these must stand there when the order says `sponsored: true`.
    pub disclosure: Vec<String>,
    /// Citations that an order must name when it says `claims: true`.
    pub citations_min: Option<u32>,
    /// Whether each citation must stand in the text.
    pub citations_in_text: Option<bool>,
}
