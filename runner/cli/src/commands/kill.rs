//! `deed kill`: the switch that stops everything, a client or an account. It is read before preflight, before the browser is
//! touched, in the arm transaction and right before the press. A press that was armed before the switch was thrown may have passed its
//! last reading: `kill on` waits until it is over, or its permit has ended, and returns only when no press can follow.

use std::time::{Duration, Instant};

use clap::Subcommand;
use deed_core::ports::ledger::{KillScope, KillSwitch, LedgerFault};
use deed_core::time::Timestamp;
use deed_ledger::{Operator, SqlLedger};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Tone, table};

/// How often it is looked whether a press is over.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

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
            let waited = until_no_press(&ledger, &scope, |until| {
                context.ui.say(&format!(
                    "the switch is on; a press that was armed before may be on its way, until {until} at the latest"
                ));
            })
            .await?;
            let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            let text = context.ui.out.tone(Tone::Warn, &format!("{switch}\nno press can follow it any more"));
            Ok(Answer::done(json!({ "on": true, "switch": switch_json(&switch), "waited_ms": waited }), text))
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

/// Waits for the presses that were armed before the switch was thrown; none can be armed any more. `tell` hears once until when it may
/// take at the latest: the end of their permits.
///
/// # Errors
/// The ledger's.
pub async fn until_no_press(
    ledger: &SqlLedger,
    scope: &KillScope,
    mut tell: impl FnMut(Timestamp),
) -> Result<Duration, LedgerFault> {
    let begun = Instant::now();
    let mut told = false;
    while let Some(until) = ledger.pressing(scope).await? {
        if !std::mem::replace(&mut told, true) {
            tell(until);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(begun.elapsed())
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
