//! `deed approver`: who may approve. Each person has a key of their own; only its public half is ever given to Deed.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use deed_ledger::{Approver, ApproverKey, Operator, PublicKey};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Facts, table};

/// What to do with approvers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key pair; the approver does this, on a machine of their own
    Keygen {
        /// File for the private key; the public one gets the same name with .pub
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Register a person with their public key
    Add {
        /// Who
        name: String,
        /// Public key: a .pub file, or the text that begins with ed25519:
        #[arg(long, value_name = "PUBLIC")]
        key: String,
    },
    /// All approvers, the revoked ones too
    List,
    /// Take a person's say away; what they approved and was not sent yet does not count any more
    Revoke {
        /// Who
        name: String,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
}

/// Runs the command.
///
/// # Errors
/// A key that can not be read or made, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Keygen { out } => keygen(out, context),
        Command::Add { name, key } => {
            let key = public_key(key)?;
            let by = &context.settings.operator;
            let approver = context.ledger().await?.add_approver(name, &key, by).await?;
            context.ui.say(&format!("{} may approve what somebody else filed", approver.name));
            Ok(answer(&approver))
        }
        Command::List => list(context).await,
        Command::Revoke { name, reason } => {
            let operator = Operator { by: &context.settings.operator, reason };
            let approver = context.ledger().await?.revoke_approver(name, operator).await?;
            context.ui.say(&format!("{} has no say any more", approver.name));
            Ok(answer(&approver))
        }
    }
}

fn keygen(out: &Path, context: &Context) -> Result<Answer, CliError> {
    let mut public_file = out.as_os_str().to_owned();
    public_file.push(".pub");
    let public_file = PathBuf::from(public_file);
    let key = ApproverKey::create(out)?;
    let public = key.public();
    std::fs::write(&public_file, public.to_pem()).map_err(CliError::file("write the public key", &public_file))?;
    context.ui.say("keep the private key to yourself; give the public one to the operator");
    let facts = Facts::default()
        .with("private", out.display())
        .with("public", public_file.display())
        .with("key", public)
        .with("next", format!("deed approver add NAME --key {public}"));
    let data = json!({ "private_key_file": out, "public_key_file": public_file, "public_key": public });
    Ok(Answer::done(data, facts.render()))
}

/// A file, or the key itself.
fn public_key(said: &str) -> Result<PublicKey, CliError> {
    let path = Path::new(said);
    let text = if path.is_file() {
        std::fs::read_to_string(path).map_err(CliError::file("read the public key", path))?
    } else {
        said.to_owned()
    };
    Ok(text.parse()?)
}

async fn list(context: &Context) -> Result<Answer, CliError> {
    let approvers = context.ledger().await?.list_approvers().await?;
    if approvers.is_empty() {
        context.ui.say("there are no approvers yet: `deed approver keygen`, then `deed approver add`");
        return Ok(Answer::done(json!([]), ""));
    }
    let rows: Vec<_> = approvers
        .iter()
        .map(|a| {
            let revoked = a.revoked_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
            vec![a.name.clone(), a.added_at.to_string(), a.added_by.clone(), revoked, a.public_key.to_string()]
        })
        .collect();
    let data: Vec<_> = approvers.iter().map(to_json).collect();
    Ok(Answer::done(json!(data), table(&["NAME", "SINCE", "BY", "REVOKED", "KEY"], &rows, context.ui.out)))
}

fn to_json(approver: &Approver) -> serde_json::Value {
    json!({
        "name": approver.name,
        "public_key": approver.public_key,
        "added_by": approver.added_by,
        "added_at": approver.added_at.to_string(),
        "revoked_at": approver.revoked_at.map(|at| at.to_string()),
        "revoked_reason": approver.revoked_reason,
    })
}

fn answer(approver: &Approver) -> Answer {
    let facts = Facts::default()
        .with("name", &approver.name)
        .with("key", approver.public_key)
        .maybe("revoked", approver.revoked_at)
        .maybe("because", approver.revoked_reason.as_ref());
    Answer::done(to_json(approver), facts.render())
}
