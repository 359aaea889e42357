//! Deed's engine and ledger in a simulated world: one seed decides all.
//!
//! Owns the world (platform, browser, proof store, clock, people), the scheduler and the checkers. What is tested is the real thing: the
//! episode, verification and recovery of `deed-core` and the SQL of `deed-ledger`, on SQLite in memory. Never: decides anything that the
//! engine decides; asks the engine whether it kept its word. How to read a run: docs/simulation.md.

#![forbid(unsafe_code)]

pub mod book;
pub mod browser;
pub mod check;
pub mod command;
pub mod crash;
pub mod crew;
pub mod dice;
mod direct;
pub mod keys;
pub mod ledger;
pub mod luck;
pub mod page;
pub mod people;
pub mod platform;
mod press;
pub mod proofs;
pub mod run;
mod scripted;
pub mod setting;
pub mod sim;
pub mod sources;
pub mod stage;
pub mod story;
pub mod worker;
