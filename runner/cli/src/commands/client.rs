//! `deed client`: what holds for all accounts of a client.

use clap::Subcommand;
use deed_core::ids::ClientId;
use deed_ledger::RETENTION_DAYS_MAX;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, table};

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say how long pictures, snapshots and recordings of a client are kept; without a client, tell it of all
    Retention {
        /// Which client
        client: Option<String>,
        /// Delete payloads after so many days; manifests and hashes stay
        #[arg(long, value_name = "N", requires = "client", value_parser = clap::value_parser!(u32).range(1..=i64::from(RETENTION_DAYS_MAX)))]
        days: Option<u32>,
        /// Keep them for ever
        #[arg(long, requires = "client", conflicts_with = "days")]
        forever: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// An unknown client, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    let Command::Retention { client, days, forever } = command;
    let ledger = context.ledger().await?;
    if let Some(client) = client.as_deref().filter(|_| days.is_some() || *forever) {
        let client = ClientId::new(client.trim());
        ledger.set_retention(&client, *days, &context.settings.operator).await?;
        context.ui.say("it is carried out by `deed work`, and by `deed proof prune`");
    }
    let wanted = client.as_deref().map(str::trim);
    let all: Vec<_> = ledger
        .retentions()
        .await?
        .into_iter()
        .filter(|(name, _)| wanted.is_none_or(|wanted| name.as_str() == wanted))
        .collect();
    let rows: Vec<_> = all.iter().map(|(client, days)| vec![client.to_string(), days.to_string()]).collect();
    let text = match (rows.is_empty(), wanted) {
        (true, Some(client)) => format!("payloads of {client} are kept for ever\n"),
        (true, None) => "payloads of all clients are kept for ever\n".to_owned(),
        (false, _) => table(&["CLIENT", "DAYS"], &rows, context.ui.out),
    };
    let data: Vec<_> = all.iter().map(|(client, days)| json!({ "client": client, "days": days })).collect();
    Ok(Answer::done(json!(data), text))
}
