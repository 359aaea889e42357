//! `deed audit`: the append-only log, read and checked.

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Facts, Tone, table};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The last lines, oldest first
    Tail {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: u32,
    },
    /// Check every line's hash and place in the chain
    Verify,
}

/// Runs the command.
///
/// # Errors
/// The ledger's. A log that does not verify is an answer with its own exit code.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Tail { lines } => tail(*lines, context).await,
        Command::Verify => verify(context).await,
    }
}

async fn tail(lines: u32, context: &Context) -> Result<Answer, CliError> {
    let rows = context.ledger().await?.audit_tail(lines).await?;
    if rows.is_empty() {
        context.ui.say("the audit log is empty");
    }
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let event = &row.event;
            let dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), Clone::clone);
            vec![
                row.seq.to_string(),
                event.timestamp.clone(),
                event.result.status.clone(),
                dash(event.result.error_code.as_ref()),
                dash(event.action_id.as_ref().or(event.platform_account_id.as_ref()).or(event.client_id.as_ref())),
                dash(row.by.as_ref()),
                dash(row.reason.as_ref()),
            ]
        })
        .collect();
    let head = ["SEQ", "TIME", "STATUS", "CODE", "ABOUT", "BY", "REASON"];
    let text = if cells.is_empty() { String::new() } else { table(&head, &cells, context.ui.out) };
    Ok(Answer::done(json!(rows), text))
}

async fn verify(context: &Context) -> Result<Answer, CliError> {
    let verdict = context.ledger().await?.audit_verify().await?;
    let (exit, tone, headline) = match &verdict.first_bad {
        None => (Exit::Done, Tone::Good, "the audit log verifies".to_owned()),
        Some(bad) => {
            (Exit::Integrity, Tone::Bad, format!("the audit log does not verify: line {}: {}", bad.seq, bad.what))
        }
    };
    let facts = Facts::default().with("lines", verdict.rows).with("head", &verdict.head_hash);
    let help = match exit {
        Exit::Done => "keep the head hash elsewhere: it shows later that no line was cut off the end",
        _ => {
            "the ledger's file was changed from outside: keep it as evidence, restore a backup, see docs/errors.md#audit-broken"
        }
    };
    let facts = facts.with("help", help);
    let text = format!("{}\n{}", context.ui.out.tone(tone, &headline), facts.render());
    let mut data = json!(verdict);
    if let Some(object) = data.as_object_mut() {
        object.insert("exit".to_owned(), json!(exit.code()));
    }
    Ok(Answer { exit, data, text })
}
