//! Deed's engine: what an action is, where it may go, and the one episode that carries it out.
//!
//! Owns the state machine, the judgement, the permit and the episode. Never touches a file, a socket, a process or a clock: it
//! sees the world through [`ports`] only, so that the same code runs over Chromium and in simulation.
//!
//! Start reading at [`episode`]; then [`permit`] and [`arm`], which are the safety of it.

#![forbid(unsafe_code)]

pub mod account;
pub mod approval;
pub mod arm;
pub mod audit;
pub mod baselines;
pub mod dice;
pub mod episode;
pub mod hold;
pub mod ids;
pub mod judge;
pub mod order;
pub mod pace;
pub mod permit;
pub mod policy;
pub mod ports;
pub mod recover;
pub mod retry;
pub mod review;
#[cfg(test)]
mod sample;
pub mod session;
pub mod state;
pub mod time;
pub mod verify;
pub mod warning;
