//! `deed kill`: the switch that stops everything, a client or an account. It is read before preflight, before the browser is
//! touched, in the arm transaction and right before the press; a press that has passed its last reading is a few
//! milliseconds from being sent and can not be called back; none after it happens.

use clap::Subcommand;
use deed_core::ports::ledger::{KillScope, KillSwitch};
use deed_ledger::{Operator, SqlLedger};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Tone, table};

/// What to do with the switches.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Stop everything, or everything of a client or an account
    On(SwitchArgs),
    /// Let it go on
    Off(SwitchArgs),
    /// Switches that are on
    Status,
}

/// Which switch, and why.
#[derive(Debug, clap::Args)]
pub struct SwitchArgs {
    /// Only this client
    #[arg(long, conflicts_with = "account")]
    client: Option<String>,
    /// Only this account: handle, platform/handle or id
    #[arg(long)]
    account: Option<String>,
    /// Why; stands in the audit log
    #[arg(long)]
    reason: String,
}

/// Runs the command.
///
/// # Errors
/// An unknown client or account, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    match command {
        Command::On(args) => {
            let scope = scope(args, &ledger).await?;
            let switch = ledger.kill_on(&scope, operator(context, args)).await?;
            let text = context.ui.out.tone(Tone::Warn, &switch.to_string());
            Ok(Answer::done(json!({ "on": true, "switch": switch_json(&switch) }), text))
        }
        Command::Off(args) => {
            let scope = scope(args, &ledger).await?;
            let was_on = ledger.kill_off(&scope, operator(context, args)).await?;
            let left = ledger.kill_status().await?;
            let name = scope_name(&scope);
            let mut text = if was_on { format!("off: {name}") } else { format!("was not on: {name}") };
            if !left.is_empty() {
                text.push_str(&format!(
                    "\nstill on: {}",
                    left.iter().map(|s| scope_name(&s.scope)).collect::<Vec<_>>().join(", ")
                ));
            }
            let left: Vec<_> = left.iter().map(switch_json).collect();
            Ok(Answer::done(json!({ "on": false, "was_on": was_on, "scope": scope, "still_on": left }), text))
        }
        Command::Status => Ok(status(&ledger.kill_status().await?, context)),
    }
}

fn operator<'a>(context: &'a Context, args: &'a SwitchArgs) -> Operator<'a> {
    Operator { by: &context.settings.operator, reason: &args.reason }
}

async fn scope(args: &SwitchArgs, ledger: &SqlLedger) -> Result<KillScope, CliError> {
    Ok(match (&args.client, &args.account) {
        (Some(client), _) => KillScope::Client(client.clone()),
        (None, Some(account)) => KillScope::Account(ledger.find_account(account).await?.id.to_string()),
        (None, None) => KillScope::Global,
    })
}

fn scope_name(scope: &KillScope) -> String {
    match scope {
        KillScope::Global => "global".to_owned(),
        KillScope::Client(id) => format!("client {id}"),
        KillScope::Account(id) => format!("account {id}"),
    }
}

fn switch_json(switch: &KillSwitch) -> serde_json::Value {
    json!({ "scope": switch.scope, "by": switch.by, "at": switch.at.to_string(), "reason": switch.reason })
}

fn status(on: &[KillSwitch], context: &Context) -> Answer {
    let data = json!({ "on": on.iter().map(switch_json).collect::<Vec<_>>() });
    if on.is_empty() {
        return Answer::done(data, "no kill switch is on");
    }
    let rows: Vec<_> =
        on.iter().map(|s| vec![scope_name(&s.scope), s.at.to_string(), s.by.clone(), s.reason.clone()]).collect();
    Answer::done(data, table(&["SCOPE", "SINCE", "BY", "REASON"], &rows, context.ui.out))
}
