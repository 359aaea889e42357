//! The protocol around the press as a model that is checked exhaustively: every order of steps of two runners, one account, its ledger, its
//! platform and an operator with a kill switch, with runners killed and stopped, clocks apart, writes that land late and answers that are
//! lost, within the budget of a [`rules::Scope`].
//!
//! It calls the engine's own pure functions where there are such: `deed_core::state::next`, `deed_core::verify::Tally`. The rest says what
//! the code does, one function a transaction; `docs/protocol.md` has the table of which stands where. Every rule can be taken out, and then
//! the checker tells how it goes wrong: so it is seen that the rule is needed, and that the checker sees.
//!
//! Never: knows of a browser, a database or a clock. A rule that is changed in the code is changed here, by hand.

#![forbid(unsafe_code)]

pub mod check;
mod happens;
mod ledger;
pub mod rules;
pub mod state;
mod step;

pub use check::{Checked, Counterexample, Property, check, check_for};
pub use ledger::Protocol;
pub use rules::{Rule, Scope};
pub use step::Step;
