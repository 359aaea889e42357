//! `deed proof export`: the proof of an action as one file, checked before it gets its name.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use deed_core::ids::{ActionId, EpisodeId};
use deed_ledger::SqlLedger;
use deed_proofs::Problem;
use deed_proofs::export::{Expected, ExportVerification, Exported, export, verify_export_file};
use deed_proofs::log::{AuditBundle, BundleVerdict};
use deed_proofs::verify::ReportGuard;
use serde_json::json;

use super::{Against, signature_data, signature_words, stamp_words, stamps_data};
use crate::commands::audit::make_checkpoint;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Facts, Tone};

/// Writes and checks it.
///
/// # Errors
/// An unknown action, one without sealed proof, a disk that refuses. Proof that does not hold is an answer with its own exit code, and
/// then no file is written.
pub async fn run(id: &ActionId, to: Option<&Path>, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let known = ledger.action_details(id).await?.manifest;
    let (sealed, unsealed) = episodes(id, &ledger, context).await?;
    if sealed.is_empty() {
        return Err(CliError::NoProof { action: id.clone(), why: "no episode of it is sealed".to_owned() });
    }
    for episode in &unsealed {
        context.ui.warn(&format!("episode {episode} is not sealed yet and is left out"));
    }
    let to = to.map_or_else(|| PathBuf::from(format!("{id}.zip")), Path::to_owned);
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || CliError::file("write the export", &to);

    let mut temporary = tempfile::Builder::new().prefix(".deed-export-").tempfile_in(dir).map_err(failed())?;
    let store = context.proofs()?;
    let audit = audit_of(id, &ledger, context).await?;
    let exported = export(store.store(), &sealed, audit.as_ref(), BufWriter::new(temporary.as_file_mut()))?;
    temporary.flush().and_then(|()| temporary.as_file().sync_all()).map_err(failed())?;
    let manifests = exported.episodes.iter().map(|(_, manifest)| *manifest).collect();
    let expected = Expected { action: Some(id.as_str().to_owned()), manifests, ..Expected::default() };
    let mut found = verify_export_file(temporary.path(), &expected)?;
    // One that is not sealed yet may be the one that the ledger was told of last.
    if let Some(known) = known.filter(|known| unsealed.is_empty() && !expected.manifests.contains(known)) {
        let what = format!("no manifest has the hash that the ledger holds, {known}");
        found.problems.push(Problem { file: "manifest.json".to_owned(), what });
    }
    if !found.holds() {
        context.ui.say("nothing was written: the proof in the store does not hold");
        return Ok(answer(&found, &to, context));
    }
    temporary.persist(&to).map_err(|error| failed()(error.error))?;
    Ok(written(&exported, &unsealed, &to, context))
}

/// The action's rows of the audit log up to now, under a checkpoint that is signed for it. A log that is not what an earlier checkpoint was
/// signed of proves nothing: then the export has none, and says so.
async fn audit_of(id: &ActionId, ledger: &SqlLedger, context: &Context) -> Result<Option<AuditBundle>, CliError> {
    if let Err(error) = make_checkpoint(ledger, context).await {
        context.ui.warn(&format!("the audit log is left out: {error}"));
        return Ok(None);
    }
    let (_, keys) = context.signing()?;
    Ok(ledger.audit_proof(id, &keys).await?)
}

/// Sealed episodes of an action, and those that are not sealed, each in the order in which they began.
async fn episodes(
    id: &ActionId,
    ledger: &SqlLedger,
    context: &Context,
) -> Result<(Vec<String>, Vec<String>), CliError> {
    let rows = ledger.audit_of(id).await?;
    let mut all: Vec<String> = Vec::new();
    for episode in rows.into_iter().filter_map(|row| row.event.episode_id) {
        if !all.contains(&episode) {
            all.push(episode);
        }
    }
    let folder = |episode: &String| context.episode_folder(&EpisodeId::new(episode.clone()));
    all.retain(|episode| folder(episode).join("manifest.json").exists());
    Ok(all.into_iter().partition(|episode| folder(episode).join("report.html").exists()))
}

fn written(exported: &Exported, unsealed: &[String], to: &Path, context: &Context) -> Answer {
    let facts = Facts::default()
        .with("file", to.display())
        .with("holds", format!("{} files, {} bytes", exported.files, exported.bytes));
    let facts = exported
        .episodes
        .iter()
        .fold(facts, |facts, (episode, manifest)| facts.with("episode", episode).with("manifest", manifest));
    let mut text = context.ui.out.tone(Tone::Good, "exported, and checked");
    text.push('\n');
    text.push_str(&facts.render());
    context.ui.say("give the receiver your public key another way (`deed proof keys export`), or each manifest's hash: `deed proof verify FILE --key KEY`, or `--expect-manifest HASH`, then finds an export made anew");
    let episodes: Vec<_> = exported
        .episodes
        .iter()
        .map(|(episode, manifest)| json!({ "episode": episode, "manifest": manifest }))
        .collect();
    let data = json!({
        "file": to,
        "files": exported.files,
        "bytes": exported.bytes,
        "episodes": episodes,
        "left_out": unsealed,
        "exit": Exit::Done.code(),
    });
    Answer::done(data, text)
}

/// Checks an export by itself: no ledger, no store.
///
/// # Errors
/// A file that cannot be read. One that does not hold is an answer with its own exit code.
pub(super) fn verify(file: &Path, against: &Against, context: &Context) -> Result<Answer, CliError> {
    let expected = Expected {
        action: against.action.clone(),
        manifests: against.manifests.clone(),
        keys: against.keys.as_ref(),
        authorities: against.authorities.as_ref(),
    };
    let found = verify_export_file(file, &expected)?;
    if against.manifests.is_empty() && against.keys.is_none() {
        context.ui.say("checked by itself: an export that was made anew, all of it, is found by --key FILE or --expect-manifest HASH only, with a key or a hash that you got another way");
    }
    Ok(answer(&found, file, context))
}

fn audit_words(audit: &BundleVerdict) -> String {
    let whose = if audit.known { "which is known" } else { "which is NOT known: nobody vouches for it" };
    format!("the action's rows are in a log of {} rows, signed by key {}, {whose}", audit.size, audit.key)
}

/// What vouches for a page.
fn page_words(guard: ReportGuard) -> &'static str {
    match guard {
        ReportGuard::Rendered => "rendered again: the same to the byte",
        ReportGuard::SumsOnly => "written by another release: SHA256SUMS vouches for it",
        ReportGuard::Nothing => "not vouched for",
    }
}

fn answer(found: &ExportVerification, file: &Path, context: &Context) -> Answer {
    let paint = context.ui.out;
    let holds = found.holds();
    let headline = if holds {
        paint.tone(Tone::Good, "the proof holds: no byte was changed")
    } else {
        paint.tone(Tone::Bad, &format!("the proof does not hold: {} problem(s)", found.problems.len()))
    };
    let facts = Facts::default()
        .with("file", file.display())
        .with("checked", format!("{} files", found.files))
        .maybe("action", found.action.as_deref());
    let facts = facts.with("overview", page_words(found.overview));
    let facts = found.episodes.iter().fold(facts, |facts, episode| {
        let report = page_words(episode.report);
        let facts = facts.with("episode", &episode.episode).maybe("state", episode.state.as_deref());
        let facts = facts.maybe("manifest", episode.manifest).with("signature", signature_words(episode.signature));
        episode
            .stamps
            .iter()
            .fold(facts.with("report", report), |facts, stamp| facts.with("time stamp", stamp_words(stamp)))
    });
    let facts = facts.maybe("audit log", found.audit.as_ref().map(audit_words));
    let mut text = format!("{headline}\n{}", facts.render());
    for problem in &found.problems {
        text.push_str(&format!("  {} {}: {}\n", paint.tone(Tone::Bad, "✗"), problem.file, problem.what));
    }
    let exit = if holds { Exit::Done } else { Exit::Integrity };
    let problems: Vec<_> = found.problems.iter().map(|p| json!({ "file": p.file, "what": p.what })).collect();
    let episodes: Vec<_> = found
        .episodes
        .iter()
        .map(|e| json!({ "episode": e.episode, "manifest": e.manifest, "state": e.state, "signature": signature_data(e.signature), "stamps": stamps_data(&e.stamps) }))
        .collect();
    let data = json!({
        "holds": holds,
        "file": file,
        "files": found.files,
        "action": found.action,
        "episodes": episodes,
        "audit": found.audit,
        "problems": problems,
        "exit": exit.code(),
    });
    Answer { exit, data, text }
}
