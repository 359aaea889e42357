//! `deed queue`: actions that wait, ran or were called off.

use std::path::Path;

use clap::Subcommand;
use deed_core::ids::ActionId;
use deed_core::state::State;
use deed_ledger::{ActionDetails, ActionFilter, Operator, Resolution};
use serde_json::json;

use super::{act, intake, watch};
use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::order;
use crate::outcome;
use crate::suggest::did_you_mean;
use crate::ui::{Answer, table};

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// File an order for `deed work`, without running it; `-` takes orders from standard input, one a line (NDJSON)
    Add(act::Args),
    /// The newest actions
    List {
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// Only of this account
        #[arg(long)]
        account: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One action in full
    Show {
        /// Action id
        action: String,
    },
    /// What becomes of actions, a line of JSON for each change of state
    Watch(watch::Args),
    /// Say what became of an action that looking could not find out
    #[command(group = clap::ArgGroup::new("found").required(true).args(["posted", "absent"]))]
    Resolve {
        /// Action id
        action: String,
        /// It is there: you saw it on the platform
        #[arg(long)]
        posted: bool,
        /// It is not there, and will not come
        #[arg(long)]
        absent: bool,
        /// Where it is
        #[arg(long, requires = "posted", value_name = "URL", value_parser = web_address)]
        permalink: Option<String>,
        /// How you know; stands in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Let a held action go on: workers take it up again by themselves
    Release {
        /// Action id
        action: String,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Call an action off, before anything of it was attempted
    Cancel {
        /// Action id
        action: String,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
}

/// An address that a browser opens.
fn web_address(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        _ => Err("write the whole address, https://…".to_owned()),
    }
}

/// Runs the command. `None`: it has written everything already.
///
/// # Errors
/// Bad input, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Option<Answer>, CliError> {
    let answer = match command {
        Command::Watch(args) => return watch::run(args, context).await.map(|()| None),
        Command::Add(args) if args.order == Path::new("-") => intake::run(context).await,
        Command::Add(args) => add(args, context).await,
        Command::List { state, account, limit } => list(state.as_deref(), account.as_deref(), *limit, context).await,
        Command::Show { action } => show(&ActionId::new(action.trim()), context).await,
        Command::Resolve { action, posted, permalink, reason, .. } => {
            let ledger = context.ledger().await?;
            let operator = Operator { by: &context.settings.operator, reason };
            let found = if *posted { Resolution::Posted { permalink: permalink.clone() } } else { Resolution::Absent };
            ledger.resolve_action(&ActionId::new(action.trim()), &found, operator).await?;
            context.ui.say("kept, as your word: no session of Deed's saw it, so its proof level stays what it was");
            let answer = show(&ActionId::new(action.trim()), context).await?;
            Ok(Answer::done(answer.data, answer.text))
        }
        Command::Release { action, reason } => {
            let ledger = context.ledger().await?;
            let operator = Operator { by: &context.settings.operator, reason };
            ledger.release_action(&ActionId::new(action.trim()), operator).await?;
            context.ui.say("let go: `deed work` takes it up when its turn comes");
            let answer = show(&ActionId::new(action.trim()), context).await?;
            Ok(Answer::done(answer.data, answer.text))
        }
        Command::Cancel { action, reason } => {
            let ledger = context.ledger().await?;
            let operator = Operator { by: &context.settings.operator, reason };
            ledger.cancel_action(&ActionId::new(action.trim()), operator).await?;
            context.ui.say("called off; it will never be sent");
            // Cancelling is what was asked for, so it is done whatever the state's own exit code is.
            let answer = show(&ActionId::new(action.trim()), context).await?;
            Ok(Answer::done(answer.data, answer.text))
        }
    };
    answer.map(Some)
}

async fn add(args: &act::Args, context: &Context) -> Result<Answer, CliError> {
    let order = order::read(&args.order)?;
    let ledger = context.ledger().await?;
    let checked = act::check(&order, &ledger, context).await?;
    let filed = act::file(&order, &checked, &ledger, context).await?;
    if !filed.created {
        context.ui.say("this order was filed before: here is where it stands");
    }
    let answer = answer(&filed.action, &account_name(&checked.account), context);
    Ok(Answer::done(answer.data, answer.text))
}

async fn show(id: &ActionId, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let details = ledger.action_details(id).await?;
    let account = ledger.find_account(details.action.account.as_str()).await?;
    let mut answer = answer(&details, &account_name(&account), context);
    let reads = ledger.verifications_of(id).await?;
    let waits = ledger.waits_for(id).await?;
    let tries = ledger.tries_of(id).await?;
    if let Some(object) = answer.data.as_object_mut() {
        let reads =
            reads.iter().map(|r| json!({ "read": r.read, "at": r.at.to_string(), "found": r.found, "note": r.note }));
        object.insert("verification".to_owned(), reads.collect());
        let told = tries.iter().map(|t| {
            let (at, next) = (t.at.to_string(), t.next.map(|next| next.to_string()));
            json!({ "try": t.number, "at": at, "fault": t.fault, "detail": t.detail, "next": next })
        });
        object.insert("tries".to_owned(), told.collect());
        object.insert("epoch".to_owned(), json!(details.epoch));
        object.insert("worker".to_owned(), json!(details.worker));
        object.insert("waits_for".to_owned(), json!(waits));
    }
    for other in &waits {
        answer.text.push_str(&format!("  waits for action {other}\n"));
    }
    for t in &tries {
        let next = t.next.map_or_else(|| "when a person asks for it".to_owned(), |next| next.to_string());
        answer.text.push_str(&format!("  try {:<4} {}  {}; next {next}\n", t.number, t.at, t.fault));
    }
    for read in &reads {
        answer.text.push_str(&format!("  read {:<3} {}  {}: {}\n", read.read, read.at, read.found.as_str(), read.note));
    }
    // Looking succeeded, whatever is seen.
    Ok(Answer::done(answer.data, answer.text))
}

fn answer(details: &ActionDetails, account: &str, context: &Context) -> Answer {
    outcome::answer(details, account, &context.settings.proofs, context.ui.out)
}

async fn list(state: Option<&str>, account: Option<&str>, limit: u32, context: &Context) -> Result<Answer, CliError> {
    let state = state.map(parse_state).transpose()?;
    let ledger = context.ledger().await?;
    let account = match account {
        Some(name) => Some(ledger.find_account(name).await?.id),
        None => None,
    };
    let actions = ledger.list_actions(&ActionFilter { state, account }, limit).await?;
    if actions.is_empty() {
        context.ui.say("no such actions");
        return Ok(Answer::done(json!([]), ""));
    }
    let accounts = ledger.list_accounts().await?;
    let handle = |details: &ActionDetails| {
        let account = accounts.iter().find(|a| a.id == details.action.account);
        account.map_or_else(|| details.action.account.to_string(), |a| a.fingerprint.handle.clone())
    };
    let rows: Vec<_> = actions
        .iter()
        .map(|d| {
            let why = d.hold.as_ref().map(|h| h.reason.as_str()).or_else(|| d.failure.map(|f| f.as_str()));
            vec![
                d.created_at.to_string(),
                handle(d),
                d.action.payload.action_type.clone(),
                d.action.state.as_str().to_owned(),
                why.unwrap_or("-").to_owned(),
                d.hold.as_ref().and_then(|h| h.until).map_or_else(|| "-".to_owned(), |u| u.to_string()),
                d.action.id.to_string(),
            ]
        })
        .collect();
    let head = ["FILED", "ACCOUNT", "ACTION", "STATE", "BECAUSE", "UNTIL", "ID"];
    let data: Vec<_> = actions.iter().map(|d| outcome::to_json(d, &context.settings.proofs)).collect();
    Ok(Answer::done(json!(data), table(&head, &rows, context.ui.out)))
}

fn parse_state(text: &str) -> Result<State, CliError> {
    let known: Vec<_> = State::ALL.into_iter().map(State::as_str).collect();
    State::parse(text)
        .ok_or_else(|| CliError::Usage(format!("there is no state `{text}`; {}", did_you_mean(text, &known))))
}
