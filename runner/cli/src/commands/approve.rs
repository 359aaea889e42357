//! `deed approve`: people look at what would be sent and sign what they decide. Nothing is sent here: the last approval makes the
//! action due, and `deed work` takes it up.

mod request;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use deed_core::account::Account;
use deed_core::approval::{ApprovalNeed, Decision, Statement, need};
use deed_core::ids::ActionId;
use deed_core::policy;
use deed_core::ports::ledger::Ledger as _;
use deed_ledger::{ActionDetails, ApproverKey, SqlLedger};
use deed_recipes::Recipe;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Tone};
use crate::world::now;

/// Decide, or look at what waits for a decision.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    decide: Option<DecideArgs>,
}

/// What to look at, or to ask for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rehearse an action and ask the approvers, with a picture of the filled composer
    Request {
        /// Action id
        action: String,
    },
    /// Requests of actions that were not attempted yet
    List {
        /// At most so many
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// What would be sent, as whom, where its picture lies, and who approved
    Show {
        /// Action id
        action: String,
        /// Write the picture of the composer (PNG) here
        #[arg(long, value_name = "FILE")]
        picture: Option<PathBuf>,
    },
    /// Check the signature of every decision on an action
    Verify {
        /// Action id
        action: String,
    },
}

/// A decision.
#[derive(Debug, clap::Args)]
pub struct DecideArgs {
    /// Action id
    action: String,
    /// Who decides, as registered
    #[arg(long = "as", value_name = "NAME")]
    approver: String,
    /// Private key of that person
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Which revision was looked at, as `deed approve show` says
    #[arg(long, value_name = "N")]
    revision: u32,
    /// Account's handle, typed; a high risk asks for it
    #[arg(long)]
    handle: Option<String>,
    /// Say no: the action waits until you say otherwise
    #[arg(long, requires = "reason")]
    reject: bool,
    /// Why; stands in the audit log
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Bad input, a decision that is not taken, no browser for a rehearsal, the ledger's.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    match (&args.command, &args.decide) {
        (Some(Command::Request { action }), _) => request::run(&id(action), context).await,
        (Some(Command::List { limit }), _) => show::list(*limit, context).await,
        (Some(Command::Show { action, picture }), _) => show::run(&id(action), picture.as_deref(), context).await,
        (Some(Command::Verify { action }), _) => show::verify(&id(action), context).await,
        (None, Some(args)) => decide(args, context).await,
        (None, None) => Err(CliError::Usage("name an action, or say request, list, show or verify".to_owned())),
    }
}

fn id(text: &str) -> ActionId {
    ActionId::new(text.trim())
}

/// An action as it would be sent now.
struct Present {
    details: ActionDetails,
    account: Account,
    recipe: Arc<Recipe>,
    need: ApprovalNeed,
}

/// Reads the action, its account and its recipe as they are now.
async fn present(id: &ActionId, ledger: &SqlLedger, context: &Context) -> Result<Present, CliError> {
    let details = ledger.action_details(id).await?;
    let account = ledger.account(&details.action.account).await?;
    let recipe = context.recipe(&details.action.platform)?;
    let policy = context.policy()?.resolve(&policy::who(&account), &recipe.budgets);
    let need = need(&details.action, &account, &recipe.hash, &policy);
    Ok(Present { details, account, recipe, need })
}

async fn decide(args: &DecideArgs, context: &Context) -> Result<Answer, CliError> {
    let key = ApproverKey::open(&args.key)?;
    let ledger = context.ledger().await?;
    let id = id(&args.action);
    let present = present(&id, &ledger, context).await?;
    let approver = ledger.approver(&args.approver).await?;
    let decision = if args.reject { Decision::Reject } else { Decision::Approve };
    let said = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let statement = Statement {
        action: id.clone(),
        revision: args.revision,
        binding: present.need.binding,
        approver: approver.name.clone(),
        decision,
        handle: said(&args.handle).map(|handle| handle.trim_start_matches('@').to_owned()),
        reason: said(&args.reason),
        at: now(),
    };
    let decided = ledger.decide(&key.sign(statement), &present.need).await?;
    let words = decided.standing.words(&id, &present.need);
    let (tone, headline) = match decision {
        Decision::Reject => (Tone::Warn, "rejected: it waits until you approve it, or it is called off".to_owned()),
        Decision::Approve if decided.met => {
            (Tone::Good, "approved: that is enough, `deed work --until-idle` takes it up".to_owned())
        }
        Decision::Approve => (Tone::Good, format!("approved: {words}")),
    };
    let data = json!({
        "action_id": id,
        "revision": args.revision,
        "approver": approver.name,
        "decision": decision,
        "needed": present.need.needed,
        "risk": present.need.risk,
        "approved_by": decided.standing.approved_by,
        "rejected_by": decided.standing.rejected_by,
        "enough": decided.met,
    });
    Ok(Answer::done(data, context.ui.out.tone(tone, &headline)))
}
