//! `deed proof keys`: the key that signs, its history, and a new one.

use std::path::PathBuf;

use clap::Subcommand;
use deed_proofs::{KeyError, KeyHistory};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, table};
use crate::world::now;

/// What to do with the keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The keys that signed, the oldest first, and the one that signs
    List,
    /// Make a new key, introduced by the one that signs now
    Rotate,
    /// The key history as a file to give to whoever checks proof
    Export {
        /// Where to write it; without, it is printed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// The key's.
pub fn run(command: Option<&Command>, context: &Context) -> Result<Answer, CliError> {
    match command {
        None | Some(Command::List) => Ok(list(&existing(context)?, context)),
        Some(Command::Rotate) => {
            let history = context.signing().and_then(|_| Ok(context.keys().rotate(&now().to_string())?))?;
            context.ui.say(
                "from now on the last key signs; give its history to whoever checks proof: deed proof keys export",
            );
            Ok(list(&history, context))
        }
        Some(Command::Export { out }) => {
            let history = existing(context)?;
            let text = history.to_json();
            if let Some(path) = out {
                std::fs::write(path, &text).map_err(CliError::file("write the key history", path))?;
                context.ui.say(&format!("wrote {}", path.display()));
            }
            let text = if out.is_some() { String::new() } else { text };
            Ok(Answer::done(json!(history), text))
        }
    }
}

/// The history; one is made where nothing was signed yet.
fn existing(context: &Context) -> Result<KeyHistory, CliError> {
    context.signing().map(|(_, history)| history)
}

/// The keys in a file that a verifier brings: a history, or one public key.
///
/// # Errors
/// The file's.
pub fn brought(path: &PathBuf) -> Result<KeyHistory, CliError> {
    let text = std::fs::read_to_string(path).map_err(CliError::file("read the key file", path))?;
    // The file that was named is no key, which is not the same as a history of our own that does not hold.
    KeyHistory::parse(&text).map_err(|error: KeyError| CliError::Usage(format!("{}: {error}", path.display())))
}

fn list(history: &KeyHistory, context: &Context) -> Answer {
    let rows: Vec<_> = history
        .keys
        .iter()
        .map(|key| {
            let until = key.until.clone().unwrap_or_else(|| "signs".to_owned());
            vec![key.id.to_string(), key.from.clone(), until, key.public_key.to_string()]
        })
        .collect();
    Answer::done(json!(history), table(&["ID", "FROM", "UNTIL", "PUBLIC KEY"], &rows, context.ui.out))
}
