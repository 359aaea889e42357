//! `deed proof disclose`: what was masked in a proof, shown to whom it concerns, so that they can check it; and that check.

use std::path::Path;

use deed_core::ids::ActionId;
use deed_proofs::Manifest;
use deed_proofs::manifest::{MaskedRegion, Redaction};
use deed_proofs::redact::{Disclosed, Disclosure};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Tone, table};

/// Largest disclosure that is read, in bytes: a masked part is no larger than a screenshot.
const BYTES_MAX: u64 = 64 << 20;

/// Writes one masked part with its salt; without a commitment, tells what was masked.
///
/// # Errors
/// An action without proof, a part that was not put away, the vault's.
pub async fn disclose(id: &ActionId, commitment: Option<&str>, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let no_proof = |why: &str| CliError::NoProof { action: id.clone(), why: why.to_owned() };
    let details = ledger.action_details(id).await?;
    let episode = details.action.episode.ok_or_else(|| no_proof("no episode worked on it yet"))?;
    let manifest =
        manifest(&context.episode_folder(&episode)).ok_or_else(|| no_proof("its manifest can not be read"))?;
    let Some(commitment) = commitment else { return Ok(list(&manifest, context)) };
    let mut matching = manifest.redactions.iter().filter(|r| r.commitment.to_string().starts_with(commitment.trim()));
    let (Some(redaction), None) = (matching.next(), matching.next()) else {
        return Err(no_proof("not exactly one masked part of it has that commitment; without one, all are listed"));
    };
    let vault = context.vault()?;
    let all = vault.all(&episode).map_err(CliError::file("read what was put away", &vault.folder(&episode)))?;
    let Some(withheld) = all.into_iter().find(|withheld| withheld.commitment() == redaction.commitment) else {
        return Err(no_proof("what was masked there was not put away on this machine, or was deleted by rule"));
    };
    let disclosure = Disclosure {
        episode_id: manifest.action.episode_id.clone(),
        sha256: redaction.sha256,
        kind: redaction.kind.clone(),
        region: redaction.region.clone(),
        commitment: redaction.commitment,
        salt: withheld.salt,
        content: withheld.content,
    };
    context.ui.warn("this holds what was masked, in clear: give it to nobody else");
    let data = json!(disclosure);
    let text = format!("{data:#}\n");
    Ok(Answer::done(data, text))
}

fn list(manifest: &Manifest, context: &Context) -> Answer {
    let place = |redaction: &Redaction| match &redaction.region {
        MaskedRegion::Picture(rect) => format!("{} × {} at {}, {}", rect.width, rect.height, rect.x, rect.y),
        MaskedRegion::Document(path) => path.clone(),
    };
    let rows: Vec<_> = manifest
        .redactions
        .iter()
        .map(|r| vec![r.commitment.to_string(), r.kind.clone(), r.sha256.to_string(), place(r)])
        .collect();
    let text = if rows.is_empty() {
        "nothing was masked in this proof\n".to_owned()
    } else {
        table(&["COMMITMENT", "KIND", "IN", "WHERE"], &rows, context.ui.out)
    };
    Answer::done(json!(manifest.redactions), text)
}

fn manifest(folder: &Path) -> Option<Manifest> {
    Manifest::from_json(&std::fs::read(folder.join("manifest.json")).ok()?).ok()
}

/// Checks a disclosure against the manifest of an episode's folder, which is checked by itself.
///
/// # Errors
/// Files that can not be read.
pub fn check(folder: &Path, file: &Path, context: &Context) -> Result<Answer, CliError> {
    let unreadable = |why: String| CliError::file("read the disclosure", file)(std::io::Error::other(why));
    let size = std::fs::metadata(file).map_err(CliError::file("read the disclosure", file))?.len();
    if size > BYTES_MAX {
        return Err(unreadable(format!("it is larger than {BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(file).map_err(CliError::file("read the disclosure", file))?;
    let disclosure: Disclosure = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
    let at = folder.join("manifest.json");
    let manifest = manifest(folder).ok_or_else(|| {
        CliError::file("read the manifest", &at)(std::io::Error::other("it is missing or no manifest"))
    })?;
    let outcome = disclosure.check(&manifest);
    let (words, tone, exit) = match outcome {
        Disclosed::Proved => ("the disclosure holds: the manifest hides exactly this, there", Tone::Good, Exit::Done),
        Disclosed::NotWhatWasHidden => {
            ("the disclosure does not hold: salt and content are not what was committed to", Tone::Bad, Exit::Integrity)
        }
        Disclosed::NotInManifest => {
            ("the disclosure does not hold: the manifest has no such commitment there", Tone::Bad, Exit::Integrity)
        }
    };
    let data = json!({
        "holds": outcome == Disclosed::Proved, "commitment": disclosure.commitment, "kind": disclosure.kind,
        "in": disclosure.sha256, "exit": exit.code(),
    });
    Ok(Answer { exit, data, text: format!("{}\n", context.ui.out.tone(tone, words)) })
}
