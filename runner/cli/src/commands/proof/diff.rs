//! `deed proof diff`: two episodes of one flow beside each other.

use std::path::{Path, PathBuf};

use deed_core::ids::ActionId;
use deed_proofs::compare::{Differs, Episode, Side, compare, render};
use serde_json::{Value, json};

use super::{folder_of, is_export, is_folder};
use crate::context::Context;
use crate::error::CliError;
use crate::ui::{Answer, Tone};

/// Compares them: each an action, whose last sealed episode it is, a folder, or an export.
///
/// # Errors
/// An unknown action, one without proof, a folder that does not read, episodes of two flows, a page that cannot be written.
pub async fn run(first: &str, second: &str, page: Option<&Path>, context: &Context) -> Result<Answer, CliError> {
    let (first, second) = (open(first, context).await?, open(second, context).await?);
    let comparison = compare(&first, &second)?;
    if let Some(path) = page {
        std::fs::write(path, render(&first, &second, &comparison)).map_err(CliError::file("write the page", path))?;
        context.ui.say(&format!("with pictures: {}", path.display()));
    }
    let headline = if comparison.is_same() {
        context.ui.out.tone(Tone::Good, "nothing that is compared changed")
    } else {
        context.ui.out.tone(Tone::Warn, "they differ")
    };
    let ids = [&first, &second].map(|episode| episode.manifest.action.episode_id.clone());
    let steps: Vec<Value> = comparison
        .steps
        .iter()
        .map(|step| {
            json!({
                "phase": step.phase,
                "step": step.name,
                "differs": step.differs(),
                "only_in": step.only_in.map(|side| match side { Side::First => "first", Side::Second => "second" }),
                "facts": facts(&step.facts),
                "page": step.page.as_ref().map(|page| page.changes.iter().map(ToString::to_string).collect::<Vec<_>>()),
                "sketch_distance": step.sketch_distance,
                "picture_changed_permille": step.picture.as_ref().map(|picture| picture.changed_permille),
            })
        })
        .collect();
    let data = json!({
        "same": comparison.is_same(),
        "first": ids[0],
        "second": ids[1],
        "facts": facts(&comparison.facts),
        "steps": steps,
        "page": page,
    });
    Ok(Answer::done(data, format!("{headline}\n{}", comparison.to_text())))
}

fn facts(facts: &[Differs]) -> Vec<Value> {
    facts.iter().map(|fact| json!({ "what": fact.what, "first": fact.first, "second": fact.second })).collect()
}

async fn open(of: &str, context: &Context) -> Result<Episode, CliError> {
    let folder = if is_export(of) || is_folder(of) {
        PathBuf::from(of)
    } else {
        let ledger = context.ledger().await?;
        folder_of(&ActionId::new(of.trim()), &ledger, context).await?.0
    };
    Ok(Episode::open(&folder)?)
}
