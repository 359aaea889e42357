//! `deed work`: one worker that recovers, verifies what is not settled, and then works on what is due, one by one.

use deed_core::ids::ActionId;
use deed_ledger::SqlLedger;
use serde_json::json;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outcome;
use crate::runtime::{Runner, Worked};
use crate::ui::Answer;

/// How long to work.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when nothing is due any more
    #[arg(long, required = true)]
    pub until_idle: bool,
    /// End after so many actions, also when more are due
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub max: u32,
}

/// Runs the command. The exit code is the worst of all that was worked on.
///
/// # Errors
/// No browser, the ledger's.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    ledger.warn_of_sessions().await?;
    let runner = Runner::enter(context, ledger.clone())?;
    let max = args.max;
    let ended = runner.supervise(async |runner| all_that_is_due(runner, max, context).await).await?;
    // What was under way when a signal came is in the ledger, for recovery.
    let worked = ended.ok_or(CliError::StoppedBefore { action: None });
    let worked = match worked {
        Ok(worked) => worked,
        Err(error) => return Err(stopped(&ledger, error).await),
    };
    let mut exit = Exit::Done;
    let (mut texts, mut data) = (Vec::new(), Vec::new());
    for one in &worked {
        exit = exit.max(Exit::of_ending(&one.ending));
        let (text, value) = tell(one, &ledger, context).await?;
        texts.push(text);
        data.push(value);
    }
    if worked.is_empty() {
        context.ui.say("nothing was due");
    }
    Ok(Answer { exit, data: json!({ "worked": data, "exit": exit.code() }), text: texts.join("\n") })
}

async fn all_that_is_due(runner: &Runner, max: u32, context: &Context) -> Result<Vec<Worked>, CliError> {
    let mut worked = runner.recover().await?;
    worked.extend(runner.settle(None).await?);
    for _ in 0..max {
        match runner.act_next().await? {
            Some(one) => {
                context.ui.say(&format!("{}: {}", one.action, one.ending.words));
                worked.push(one);
            }
            None => break,
        }
    }
    Ok(worked)
}

/// Whether the signal came when something may have been sent.
async fn stopped(ledger: &SqlLedger, before: CliError) -> CliError {
    match ledger
        .list_actions(&deed_ledger::ActionFilter { state: Some(deed_core::state::State::Attempted), account: None }, 1)
        .await
    {
        Ok(attempted) => match attempted.into_iter().next() {
            Some(details) => CliError::StoppedAfter { action: details.action.id },
            None => before,
        },
        Err(fault) => fault.into(),
    }
}

async fn tell(one: &Worked, ledger: &SqlLedger, context: &Context) -> Result<(String, serde_json::Value), CliError> {
    let id: &ActionId = &one.action;
    if let Some(fault) = &one.ending.proof_fault {
        context.ui.warn(&format!("the outcome of {id} stands, its proof is incomplete: {fault}"));
    }
    let details = ledger.action_details(id).await?;
    let account = ledger.find_account(details.action.account.as_str()).await?;
    let text = outcome::to_text(&details, &account_name(&account), &context.settings.proofs, context.ui.out);
    Ok((text, outcome::to_json(&details, &context.settings.proofs)))
}
