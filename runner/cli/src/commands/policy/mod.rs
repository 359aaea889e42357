//! `deed policy`: check (all checks of one order, without acting), show (what holds for an account and where each key comes from),
//! validate (every error of a policy file), schema.

mod check;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use deed_core::policy::who;
use deed_recipes::policy::{PolicyError, PolicyFile, load_policy, policy_schema};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Tone};

/// Say what accounts may do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask all checks of an order, without acting and without filing it
    Check {
        /// Order as a JSON file, or - for standard input
        order: PathBuf,
    },
    /// What holds, key by key, and where each comes from
    Show {
        /// For this account: handle, platform/handle or id; else what holds for everybody
        #[arg(long)]
        account: Option<String>,
    },
    /// Check a policy file: every error with its place
    Validate {
        /// What to check
        file: PathBuf,
    },
    /// Print the JSON Schema of the policy language, for editors
    Schema,
}

/// Runs the command.
///
/// # Errors
/// Bad input, the ledger's. A policy with errors is an answer of `validate` with its own exit code.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Check { order } => check::run(order, context).await,
        Command::Show { account } => show::run(account.as_deref(), context).await,
        Command::Validate { file } => validate(file, context).await,
        Command::Schema => schema(),
    }
}

/// The schema is a JSON document already: `--json` changes nothing.
fn schema() -> Result<Answer, CliError> {
    let text = policy_schema();
    let data = serde_json::from_str(&text).map_err(|e| CliError::Usage(e.to_string()))?;
    Ok(Answer::done(data, text))
}

async fn validate(path: &Path, context: &Context) -> Result<Answer, CliError> {
    match load_policy(path) {
        Ok(file) => {
            let nobody = nobodys(&file, context).await?;
            for section in &nobody {
                context.ui.warn(&format!("`{section}` is nobody's: no account of the ledger is meant by it"));
            }
            let sections = file.platforms.len() + file.clients.len() + file.accounts.len();
            let word = context.ui.out.tone(Tone::Good, "sound");
            let text = format!("{word}  {}: defaults and {sections} sections", path.display());
            let data = json!({ "path": path, "ok": true, "hash": file.hash, "nobodys": nobody, "exit": 0 });
            Ok(Answer::done(data, text))
        }
        Err(error) => Ok(wrong(path, &error, context)),
    }
}

fn wrong(path: &Path, error: &PolicyError, context: &Context) -> Answer {
    match error.diagnostics() {
        Some(diagnostics) => context.ui.say(&diagnostics.render(context.ui.err.0)),
        None => {
            let head = context.ui.err.tone(Tone::Bad, &format!("error[{}]", error.code()));
            context.ui.say(&format!("{head}: {error}"));
        }
    }
    let message = error.diagnostics().is_none().then(|| error.to_string());
    let data = json!({
        "path": path,
        "ok": false,
        "code": error.code(),
        "message": message,
        "diagnostics": error.diagnostics(),
        "exit": Exit::BadInput.code(),
    });
    let text = format!("{}  {}", context.ui.out.tone(Tone::Bad, "wrong"), path.display());
    Answer { exit: Exit::BadInput, data, text }
}

/// Sections that mean no account of the ledger: a mistyped one protects nobody. Where there is no ledger yet, nothing is said.
async fn nobodys(file: &PolicyFile, context: &Context) -> Result<Vec<String>, CliError> {
    if !context.has_ledger().await? {
        return Ok(Vec::new());
    }
    let accounts = context.ledger().await?.list_accounts().await?;
    let mut all = Vec::new();
    for (kind, names) in
        [("platforms", file.platforms.keys()), ("clients", file.clients.keys()), ("accounts", file.accounts.keys())]
    {
        let unmet = names.filter(|name| {
            !accounts.iter().map(who).any(|who| match kind {
                "platforms" => who.platform == name.as_str(),
                "clients" => who.client == name.as_str(),
                _ => who.is_called(name),
            })
        });
        all.extend(unmet.map(|name| format!("{kind}.{name}")));
    }
    Ok(all)
}
