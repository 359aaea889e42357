//! `deed work`: one worker of however many. It takes over what dead ones left, looks at what is not known yet, and works on what is due.

use std::time::Duration;

use deed_core::ids::ActionId;
use deed_ledger::SqlLedger;
use serde_json::json;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::exit::Exit;
use crate::fleet::{self, Plan};
use crate::outcome;
use crate::runtime::{Runner, Worked};
use crate::ui::Answer;

/// Most episodes at once: each has a browser context of its own.
const CONCURRENCY_MAX: i64 = 32;
/// The shortest and the longest lease, in seconds: arming asks for 15 s of it, and a dead worker's actions wait for its end.
const LEASE_S: std::ops::RangeInclusive<i64> = 20..=600;

/// How to work.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when nothing is due any more, instead of waiting for more
    #[arg(long)]
    pub until_idle: bool,
    /// Actions at the same time, each of another account
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=CONCURRENCY_MAX))]
    pub concurrency: u32,
    /// End after so many actions, also when more are due
    #[arg(long, value_name = "N")]
    pub max: Option<u32>,
    /// How many seconds other workers wait before they take over what this one has, when it stops answering
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(LEASE_S))]
    pub lease: u32,
}

/// Runs the command. The exit code is the worst of all that was worked on.
///
/// # Errors
/// No browser, a clock that is not the server's, the ledger's.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    ledger.warn_of_sessions().await?;
    let runner = Runner::enter(context, ledger.clone())?.in_a_fleet(Duration::from_secs(u64::from(args.lease)));
    let plan = Plan { slots: args.concurrency, max: args.max, until_idle: args.until_idle };
    let Some(worked) = fleet::work(runner, plan).await? else {
        // What was under way when the second signal came is in the ledger, for recovery.
        return Err(stopped(&ledger, CliError::StoppedBefore { action: None }).await);
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
