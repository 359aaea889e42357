//! One module a command.

pub mod account;
pub mod act;
pub mod approve;
pub mod approver;
pub mod audit;
pub mod baseline;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod health;
pub mod init;
pub mod intake;
pub mod keys;
pub mod kill;
pub mod policy;
pub mod practice;
pub mod proof;
pub mod queue;
pub mod recipe;
pub mod record;
pub mod rehearse;
pub mod replay;
pub mod sign_in;
pub mod warning;
pub mod watch;
pub mod webhook;
pub mod work;

use crate::args::Command;
use crate::context::Context;
use crate::error::CliError;
use crate::ui::Answer;

/// Runs a command. `None`: it has said everything already.
///
/// # Errors
/// The command's.
pub async fn run(command: Command, context: &Context) -> Result<Option<Answer>, CliError> {
    let answer = match command {
        Command::Practice(args) => return practice::run(&args, context).await.map(|()| None),
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Init => init::run(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Account(command) => account::run(&command, context).await,
        Command::Act(args) => act::run(&args, context).await,
        Command::Rehearse(args) => rehearse::run(&args, context).await,
        Command::Queue(command) => return queue::run(&command, context).await,
        Command::Approve(args) => approve::run(&args, context).await,
        Command::Approver(command) => approver::run(&command, context).await,
        Command::Work(args) => work::run(&args, context).await,
        Command::Warning(command) => warning::run(&command, context).await,
        Command::Webhook(command) => webhook::run(&command, context).await,
        Command::Client(command) => client::run(&command, context).await,
        Command::Kill(command) => kill::run(&command, context).await,
        Command::Audit(audit::Command::Export(args)) => return audit::export(&args, context).await.map(|()| None),
        Command::Audit(command) => audit::run(&command, context).await,
        Command::Proof(command) => proof::run(&command, context).await,
        Command::Recipe(recipe::Command::Baseline(args)) => baseline::run(&args, context).await,
        Command::Recipe(command) => recipe::run(&command, context),
        Command::Policy(command) => policy::run(&command, context).await,
        Command::Record(args) => record::run(&args, context).await,
        Command::Replay(args) => replay::run(&args, context).await,
    };
    answer.map(Some)
}
