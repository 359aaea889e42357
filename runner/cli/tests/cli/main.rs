//! The real binary, command by command.

mod approvals;
mod export;
mod integrity;
mod orders;
mod policy;
mod recipes;
mod setup;
mod signals;
mod support;
mod trust;
