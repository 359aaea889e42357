//! `deed init`: data directory, ledger, seal key, signing key and proof store, each made when it is not there. Safe to run again.

use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Facts};

/// Runs the command.
///
/// # Errors
/// What can not be made.
pub async fn run(context: &Context) -> Result<Answer, CliError> {
    let settings = &context.settings;
    let (ledger, key) = (settings.ledger_place(), settings.seal_key.display().to_string());
    let (had_ledger, had_key) = (context.has_ledger().await?, settings.seal_key.exists());
    context.ledger_made().await?.close().await;
    context.proofs()?;
    let had_signing_key = settings.signing_key.exists();
    let (signing, _) = context.signing()?;
    if !had_key {
        context.ui.say("the seal key opens the stored sessions: keep a copy of it, apart from copies of the ledger");
    }
    let made = |had: bool, place: &str| format!("{place} ({})", if had { "was there" } else { "made" });
    let text = Facts::default()
        .with("ledger", made(had_ledger, &ledger))
        .with("seal key", made(had_key, &key))
        .with("signing key", made(had_signing_key, &settings.signing_key.display().to_string()))
        .with("proofs", settings.proofs.display())
        .with("operator", &settings.operator)
        .with("next", "deed doctor, then deed account add --help")
        .render();
    let data = json!({
        "ledger": { "path": ledger, "made": !had_ledger },
        "seal_key": { "path": key, "made": !had_key },
        "signing_key": { "path": settings.signing_key, "made": !had_signing_key, "id": signing.public().id() },
        "proofs": settings.proofs,
        "operator": settings.operator,
        "settings_file": settings.file,
    });
    Ok(Answer::done(data, format!("ready\n{text}")))
}
