//! The policy language: what an operator lets accounts do, read from one `policy.yaml`.
//!
//! Owns the shape of the file (closed, like a recipe's), and how its sections become one [`Policy`] for one account. Never looks at an
//! action, a clock or a ledger: what a policy says about an action is decided in the engine. docs/policy.md is its manual.
//!
//! Start reading at [`model`], then [`parse`], then [`resolve`], which says for each key whether the strictest or the most specific
//! section wins.

mod file;
pub mod links;
mod model;
mod parse;
mod quiet;
mod resolve;
mod resolved;
mod schema;
mod share;
#[cfg(test)]
mod tests;
mod wording;
mod zones;

pub use file::{POLICY_BYTES_MAX, PolicyError, load_policy, policy_from_str};
pub use model::{Autonomy, CostBudget, Fatigue, PolicyFile, Risk, Rules, WordingRules};
pub use quiet::{Day, QuietHours};
pub use resolve::Who;
pub use resolved::{Limits, Policy, ResolvedWording, Wording};
pub use schema::policy_schema;
pub use share::Share;
pub use zones::{UTC, zone};
