//! The command line: each command's arguments stand with the command, here is the list.

use clap::{Parser, Subcommand};

use crate::commands::{
    account, act, approve, approver, audit, client, demo, kill, policy, practice, proof, queue, recipe, record,
    rehearse, replay, warning, webhook, work,
};
use crate::settings::Flags;

/// Deed carries out one side effect at a time through a platform's own web page, at most once, as the right account, and leaves
/// proof that a stranger can check offline.
#[derive(Debug, Parser)]
#[command(name = "deed", version, max_term_width = 120, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// One JSON document on stdout instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log what happens to stderr (DEED_LOG=FILTER chooses what).
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(flatten)]
    /// Where things lie.
    pub settings: Flags,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 2 usage or bad input · 3 held (nothing was done) · 4 confirmed failed · \
                          5 unknown · 6 integrity (proof or audit does not verify) · 70 internal";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish one post on the practice platform through real Chromium, once, with proof
    Demo(demo::Args),
    /// Serve the practice platform, to look around in it
    Practice(practice::Args),
    /// Make data directory, ledger, seal key and proof store
    Init,
    /// Check browser, sandbox, disk, ledger, key and clock
    Doctor,
    /// Connect accounts and say what may be done with them
    #[command(subcommand)]
    Account(account::Command),
    /// Say what holds for all accounts of a client
    #[command(subcommand)]
    Client(client::Command),
    /// Carry out an order, once
    Act(act::Args),
    /// Do everything of an order but the commit; nothing is stored but proof
    Rehearse(rehearse::Args),
    /// Look at actions, file orders for later, call actions off
    #[command(subcommand)]
    Queue(queue::Command),
    /// Approve or reject what waits for people, and look at it
    Approve(approve::Args),
    /// Say who may approve
    #[command(subcommand)]
    Approver(approver::Command),
    /// Work on what is due
    Work(work::Args),
    /// Stop everything, a client or an account, or let it go on
    #[command(subcommand)]
    Kill(kill::Command),
    /// Look at warnings, and close them
    #[command(subcommand)]
    Warning(warning::Command),
    /// Tell other programs what became of actions
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Read and check the audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at proof and check it
    #[command(subcommand)]
    Proof(proof::Command),
    /// Say what accounts may do: check an order, a policy file, an account
    #[command(subcommand)]
    Policy(policy::Command),
    /// Check, explain, make and import recipes
    #[command(subcommand)]
    Recipe(recipe::Command),
    /// Visit pages read-only and keep them as a fixture, without secrets
    Record(record::Args),
    /// Play recorded or authored pages through the recipes, without a network
    Replay(replay::Args),
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
