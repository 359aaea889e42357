//! `deed proof`: what proves an action, and whether it is what it was.

mod disclose;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::state::State;
use deed_ledger::SqlLedger;
use deed_proofs::verify::ReportGuard;
use deed_proofs::{Sha256, Verification};
use serde_json::json;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outcome;
use crate::ui::{Answer, Facts, Tone, table};

/// What to do with proof.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Outcome, evidence and report of an action
    Show {
        /// Action id
        action: String,
    },
    /// Find any byte that was changed since the proof was sealed
    Verify {
        /// Action id, or the folder of an episode
        of: String,
        /// Check that this is what the proof hides, too: a file of `deed proof disclose`
        #[arg(long, value_name = "FILE")]
        disclosure: Option<PathBuf>,
    },
    /// Show one masked part of a proof, with what proves it; without a commitment, list all
    Disclose {
        /// Action id
        action: String,
        /// Commitment of the part, or how it begins
        commitment: Option<String>,
    },
    /// Delete payloads that are older than their client's retention
    Prune,
}

/// Runs the command.
///
/// # Errors
/// An unknown action, an unreadable folder. Proof that does not hold is an answer with its own exit code.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Show { action } => show(&ActionId::new(action.trim()), context).await,
        Command::Verify { of, disclosure } => {
            let (answer, folder) = if is_folder(of) {
                (verify_folder(Path::new(of), context)?, PathBuf::from(of))
            } else {
                let (ledger, id) = (context.ledger().await?, ActionId::new(of.trim()));
                let answer = verify_action(&id, &ledger, context).await?;
                let folder = answer.data["folder"].as_str().map(PathBuf::from).unwrap_or_default();
                (answer, folder)
            };
            match disclosure {
                // What a proof that does not hold hides proves nothing.
                Some(file) if answer.exit == Exit::Done => disclose::check(&folder, file, context),
                _ => Ok(answer),
            }
        }
        Command::Disclose { action, commitment } => {
            disclose::disclose(&ActionId::new(action.trim()), commitment.as_deref(), context).await
        }
        Command::Prune => prune(context).await,
    }
}

async fn prune(context: &Context) -> Result<Answer, CliError> {
    let pruned = crate::retention::prune(&context.ledger().await?, context).await?;
    let data = json!({ "episodes": pruned.episodes, "objects": pruned.objects, "bytes": pruned.bytes });
    let text = format!(
        "{} object(s) of {} episode(s) deleted, {} bytes\n",
        pruned.objects,
        pruned.episodes.len(),
        pruned.bytes
    );
    Ok(Answer::done(data, text))
}

/// A folder is one that is there, or is written like one.
fn is_folder(of: &str) -> bool {
    of.contains('/') || Path::new(of).is_dir()
}

async fn show(id: &ActionId, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let details = ledger.action_details(id).await?;
    let account = ledger.find_account(details.action.account.as_str()).await?;
    let artifacts = ledger.artifacts_of(id).await?;
    let proofs = &context.settings.proofs;
    let mut answer = outcome::answer(&details, &account_name(&account), proofs, context.ui.out);
    let folder = details.action.episode.as_ref().map(|e| context.episode_folder(e)).filter(|f| f.exists());
    if let Some(object) = answer.data.as_object_mut() {
        object.insert("artifacts".to_owned(), json!(artifacts));
        object.insert("folder".to_owned(), json!(folder));
    }
    let facts = Facts::default()
        .maybe("folder", folder.map(|f| f.display().to_string()))
        .maybe("manifest", details.manifest)
        .with("evidence", format!("{} pieces", artifacts.len()));
    answer.text.push_str(&facts.render());
    if !artifacts.is_empty() {
        let rows: Vec<_> = artifacts
            .iter()
            .map(|a| {
                vec![a.at.clone(), a.phase.clone(), a.media_type.clone(), a.bytes.to_string(), a.sha256.to_string()]
            })
            .collect();
        answer.text.push_str(&table(&["TIME", "PHASE", "TYPE", "BYTES", "SHA256"], &rows, context.ui.out));
    }
    // Looking succeeded, whatever is seen.
    Ok(Answer::done(answer.data, answer.text))
}

/// Checks an action's proof against the hash that the ledger holds.
///
/// # Errors
/// An unknown action, one without proof.
pub async fn verify_action(id: &ActionId, ledger: &SqlLedger, context: &Context) -> Result<Answer, CliError> {
    let details = ledger.action_details(id).await?;
    let no_proof = |why: &str| CliError::NoProof { action: id.clone(), why: why.to_owned() };
    let manifest = details.manifest.ok_or_else(|| no_proof("none was sealed for it"))?;
    let episode = sealed_episode(id, manifest, ledger).await?.or_else(|| details.action.episode.clone());
    let folder = context.episode_folder(&episode.ok_or_else(|| no_proof("no episode worked on it yet"))?);
    let unsettled = matches!(details.action.state, State::Attempted | State::Unknown);
    if unsettled && !folder.join("report.html").exists() {
        return Err(no_proof("it was attempted and is not verified yet, so its proof is not sealed"));
    }
    let found = check(&folder, Some(manifest))?;
    let guarded = "the hash that the ledger holds vouches for the manifest";
    Ok(answer(&found, &folder, guarded, context))
}

/// The episode whose sealing the ledger was told of. An episode that began later and ended early may stand in the action instead.
async fn sealed_episode(id: &ActionId, manifest: Sha256, ledger: &SqlLedger) -> Result<Option<EpisodeId>, CliError> {
    let (rows, manifest) = (ledger.audit_of(id).await?, manifest.to_string());
    let sealed = rows.iter().rev().find(|row| row.event.proof.artifact_refs.contains(&manifest));
    Ok(sealed.and_then(|row| row.event.episode_id.clone()).map(EpisodeId::new))
}

fn verify_folder(folder: &Path, context: &Context) -> Result<Answer, CliError> {
    let found = check(folder, None)?;
    context.ui.say("checked without the ledger: whoever rewrote manifest, report and sums together is found by `deed proof verify ACTION` only");
    Ok(answer(&found, folder, "SHA256SUMS beside it vouches for the manifest", context))
}

fn check(folder: &Path, manifest: Option<Sha256>) -> Result<Verification, CliError> {
    Ok(deed_proofs::verify(folder, manifest)?)
}

fn answer(found: &Verification, folder: &Path, guarded: &str, context: &Context) -> Answer {
    let paint = context.ui.out;
    let holds = found.holds();
    let report = match found.report {
        ReportGuard::Rendered => "rendered again from manifest and evidence: the same to the byte",
        ReportGuard::SumsOnly => "written by another release: SHA256SUMS vouches for it",
        ReportGuard::Nothing => "not vouched for",
    };
    let facts = Facts::default()
        .with("folder", folder.display())
        .with("checked", format!("{} files", found.checked))
        .maybe("manifest", found.manifest)
        .with("guard", guarded)
        .with("report", report);
    let headline = if holds && found.deleted > 0 {
        let words = format!("the proof holds; {} payload(s) were deleted by rule: see deleted.json", found.deleted);
        paint.tone(Tone::Good, &words)
    } else if holds {
        paint.tone(Tone::Good, "the proof holds: no byte was changed")
    } else {
        paint.tone(Tone::Bad, &format!("the proof does not hold: {} problem(s)", found.problems.len()))
    };
    let mut text = format!("{headline}\n{}", facts.render());
    for problem in &found.problems {
        text.push_str(&format!("  {} {}: {}\n", paint.tone(Tone::Bad, "✗"), problem.file, problem.what));
    }
    let exit = if holds { Exit::Done } else { Exit::Integrity };
    let problems: Vec<_> = found.problems.iter().map(|p| json!({ "file": p.file, "what": p.what })).collect();
    let data = json!({
        "holds": holds,
        "folder": folder,
        "checked": found.checked,
        "manifest": found.manifest,
        "deleted": found.deleted,
        "problems": problems,
        "exit": exit.code(),
    });
    Answer { exit, data, text }
}
