//! A policy as it holds for one account: every key has a value, and it is known where each comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::{Autonomy, CostBudget, Fatigue, QuietHours, Risk, Share, UTC};
use crate::model::Budget;

/// What holds for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// sha256 of the policy file, lower-case hex; empty when there is none.
    pub file: String,
    /// Whether anything runs at all.
    pub engine_enabled: bool,
    /// How much is done without a person.
    pub autonomy: Autonomy,
    /// The action types that are allowed; `None`: all that the recipe has.
    pub allow: Option<BTreeSet<String>>,
    /// The time zone, an IANA name.
    pub zone: String,
    /// When nothing is sent, by the wall clock of the zone.
    pub quiet_hours: Vec<QuietHours>,
    /// How much of an action type the account may do, by the action type's name: what the policy and the recipe's budgets say together.
    pub rate_limits: BTreeMap<String, Budget>,
    /// What the client's actions may cost.
    pub cost_budget: CostBudget,
    /// How much of the account's daily budgets the last days may have used.
    pub fatigue: Option<Fatigue>,
    /// The least score of an order.
    pub confidence_min: Option<Share>,
    /// How risky an action type is; low when it is not said.
    pub approval: BTreeMap<String, Risk>,
    /// What the text keeps to.
    pub content: Wording,
    /// Key → the sections that its value comes from. What is not here is built in.
    pub from: BTreeMap<String, Vec<String>>,
}

/// What a text keeps to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Wording {
    /// What breaks it is held.
    pub hard: ResolvedWording,
    /// What breaks it is told.
    pub soft: ResolvedWording,
}

/// One level of [`Wording`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ResolvedWording {
    /// Characters of the text.
    pub text_max: Option<u32>,
    /// Hashtags in title and text.
    pub hashtags_max: Option<u32>,
    /// Links.
    pub links_max: Option<u32>,
    /// Mentions.
    pub mentions_max: Option<u32>,
    /// Words and phrases that may not stand there.
    pub banned_terms: BTreeSet<String>,
    /// Each link leads to a domain of each of these lists, or below it.
    pub links_allowed: Vec<BTreeSet<String>>,
    /// No link leads to one of these domains, or below it.
    pub links_banned: BTreeSet<String>,
    /// One of these stands there when the order is sponsored.
    pub disclosure: Vec<String>,
    /// Citations of an order that makes claims.
    pub citations_min: u32,
    /// Whether each citation stands in the text.
    pub citations_in_text: bool,
}

/// How much of one action type an account may do. What is not said is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Within any 60 minutes.
    pub per_hour: Option<u32>,
    /// Within any 24 hours.
    pub per_day: Option<u32>,
    /// Shortest time between two.
    pub spacing: Option<Duration>,
}

impl Policy {
    /// How much of an action type the account may do: the stricter of the policy's `rate_limits` and the recipe's `budgets`.
    #[must_use]
    pub fn limits(&self, action_type: &str) -> Limits {
        let budget = self.rate_limits.get(action_type).copied().unwrap_or_default();
        Limits {
            per_hour: budget.per_hour,
            per_day: budget.per_day,
            spacing: budget.spacing_s.map(Duration::from_secs),
        }
    }

    /// How risky an action type is.
    #[must_use]
    pub fn risk(&self, action_type: &str) -> Risk {
        self.approval.get(action_type).copied().unwrap_or_default()
    }
}

/// What is built in: everything that a recipe can do is allowed, at any time, by itself.
impl Default for Policy {
    fn default() -> Self {
        Self {
            file: String::new(),
            engine_enabled: true,
            autonomy: Autonomy::Auto,
            allow: None,
            zone: UTC.to_owned(),
            quiet_hours: Vec::new(),
            rate_limits: BTreeMap::new(),
            cost_budget: CostBudget::default(),
            fatigue: None,
            confidence_min: None,
            approval: BTreeMap::new(),
            content: Wording::default(),
            from: BTreeMap::new(),
        }
    }
}
