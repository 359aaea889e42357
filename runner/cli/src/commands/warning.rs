//! `deed warning`: what a person should look at, and that a person did.

use clap::Subcommand;
use deed_core::account::Account;
use deed_ledger::{Operator, Warning};
use serde_json::json;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::ui::{Answer, Facts, Tone, table};

/// Most warnings that are shown.
const SHOWN_MAX: u32 = 500;

/// What to do with warnings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open warnings, the newest first
    List {
        /// Closed ones too
        #[arg(long)]
        all: bool,
        /// Only of this account: handle, platform/handle or id
        #[arg(long)]
        account: Option<String>,
    },
    /// Close a warning: you have looked at it
    Close {
        /// Warning id
        warning: String,
        /// What you found; stands in the audit log
        #[arg(long)]
        reason: String,
    },
}

/// Runs the command.
///
/// # Errors
/// An unknown account or warning, one that is closed, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    match command {
        Command::List { all, account } => {
            let account = match account {
                Some(name) => Some(ledger.find_account(name).await?.id),
                None => None,
            };
            let warnings = ledger.list_warnings(account.as_ref(), *all, SHOWN_MAX).await?;
            let accounts = ledger.list_accounts().await?;
            Ok(list(&warnings, &accounts, context))
        }
        Command::Close { warning, reason } => {
            let operator = Operator { by: &context.settings.operator, reason };
            let warning = ledger.close_warning(warning.trim(), operator).await?;
            let facts = Facts::default()
                .with("id", &warning.warning_id)
                .with("kind", warning.kind.as_str())
                .with("severity", warning.severity.as_str())
                .with("count", warning.count)
                .with("detail", &warning.detail);
            let text = format!("{}\n{}", context.ui.out.tone(Tone::Strong, "closed"), facts.render());
            Ok(Answer::done(json!(warning), text))
        }
    }
}

fn list(warnings: &[Warning], accounts: &[Account], context: &Context) -> Answer {
    if warnings.is_empty() {
        context.ui.say("no warnings");
        return Answer::done(json!([]), "");
    }
    let of = |warning: &Warning| match (&warning.account_id, &warning.client_id) {
        (Some(id), _) => accounts.iter().find(|a| a.id == *id).map_or_else(|| id.to_string(), account_name),
        (None, Some(client)) => format!("client {client}"),
        (None, None) => "all".to_owned(),
    };
    let rows: Vec<_> = warnings
        .iter()
        .map(|w| {
            vec![
                w.severity.as_str().to_owned(),
                w.kind.as_str().to_owned(),
                of(w),
                w.count.to_string(),
                w.last_at.to_string(),
                w.closed.as_ref().map_or_else(|| "open".to_owned(), |c| format!("closed by {}", c.by)),
                w.warning_id.clone(),
                w.detail.clone(),
            ]
        })
        .collect();
    let head = ["SEVERITY", "KIND", "OF", "COUNT", "LAST", "STATE", "ID", "DETAIL"];
    Answer::done(json!(warnings), table(&head, &rows, context.ui.out))
}
