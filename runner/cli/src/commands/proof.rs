//! `deed proof`: what proves an action, and whether it is what it was.

mod diff;
mod disclose;
mod export;
mod remote;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::state::State;
use deed_ledger::SqlLedger;
use deed_proofs::stamp::Authorities;
use deed_proofs::verify::{FoundStamp, ReportGuard, SignatureGuard, is_attempt};
use deed_proofs::{Expected, KeyHistory, Problem, Sha256, Verification};
use serde_json::json;

use super::keys;
use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outcome;
use crate::stamp;
use crate::ui::{Answer, Facts, Tone, table};

const LEDGER_VOUCHES: &str = "the hash that the ledger holds vouches for the manifest";

/// What to do with proof.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Outcome, evidence and report of an action
    Show {
        /// Action id
        action: String,
    },
    /// What waits to be uploaded to the store in S3, since when, and why
    Pending,
    /// Upload what waits, now
    Upload(remote::UploadArgs),
    /// Links by which somebody without an account of the store reads a proof, until they end
    Link(remote::LinkArgs),
    /// Find any byte that was changed since the proof was sealed
    Verify(VerifyArgs),
    /// Put all proof of an action into one file that anybody can check offline
    Export {
        /// Action id
        action: String,
        /// Where to write it [default: ACTION.zip]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Compare two episodes of one flow: what changed on the platform since it last worked
    Diff {
        /// Action id, folder of an episode, or export: the older one
        first: String,
        /// Action id, folder of an episode, or export
        second: String,
        /// Write it with pictures as a page, too
        #[arg(long, short, value_name = "FILE.html")]
        output: Option<PathBuf>,
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
    /// The keys that sign proof
    Keys {
        /// What to do; without, they are listed
        #[command(subcommand)]
        command: Option<keys::Command>,
    },
    /// Ask the authorities for the time stamps that are still missing
    Stamp,
    /// The JSON Schema of manifest.json
    Schema,
}

/// What to check, and against what.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Action id, the folder of an episode, or an export
    of: String,
    /// The manifest must have this hash, which you got another way (of an export: each of its manifests)
    #[arg(long, value_name = "SHA256")]
    expect_manifest: Vec<Sha256>,
    /// An export must be about this action
    #[arg(long, value_name = "ID")]
    action: Option<String>,
    /// The keys to trust, and no others: a public key or a key history (`deed proof keys export`)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Certificates (PEM) of the authorities whose time stamps count
    #[arg(long, value_name = "FILE")]
    tsa_ca: Option<PathBuf>,
    /// Check that this is what the proof hides, too: a file of `deed proof disclose`
    #[arg(long, value_name = "FILE")]
    disclosure: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// An unknown action, an unreadable folder. Proof that does not hold is an answer with its own exit code.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Show { action } => show(&ActionId::new(action.trim()), context).await,
        Command::Pending => remote::pending(context),
        Command::Upload(args) => remote::upload(args, context).await,
        Command::Link(args) => remote::link(args, context).await,
        Command::Verify(args) => verify(args, context).await,
        Command::Keys { command } => keys::run(command.as_ref(), context),
        Command::Stamp => stamp_all(context).await,
        Command::Schema => {
            let schema = deed_proofs::manifest::schema();
            Ok(Answer::done(serde_json::from_str(&schema).unwrap_or_default(), schema))
        }
        Command::Export { action, output } => {
            export::run(&ActionId::new(action.trim()), output.as_deref(), context).await
        }
        Command::Disclose { action, commitment } => {
            disclose::disclose(&ActionId::new(action.trim()), commitment.as_deref(), context).await
        }
        Command::Prune => prune(context).await,
        Command::Diff { first, second, output } => diff::run(first, second, output.as_deref(), context).await,
    }
}

async fn verify(args: &VerifyArgs, context: &Context) -> Result<Answer, CliError> {
    let against = Against::read(args)?;
    let of = args.of.trim();
    if is_export(of) {
        if args.disclosure.is_some() {
            return Err(CliError::Usage(
                "--disclosure is for an episode: unpack the export and name its folder".to_owned(),
            ));
        }
        return export::verify(Path::new(of), &against, context);
    }
    if args.action.is_some() {
        return Err(CliError::Usage("--action is for exports: an action's own proof is checked by its id".to_owned()));
    }
    if args.expect_manifest.len() > 1 {
        return Err(CliError::Usage("one episode has one manifest: give --expect-manifest once".to_owned()));
    }
    let answer = if is_folder(of) {
        verify_folder(Path::new(of), &against, context)?
    } else {
        let ledger = context.ledger().await?;
        verify_action_against(&ActionId::new(of), &ledger, &against, context).await?
    };
    match &args.disclosure {
        // What a proof that does not hold hides proves nothing.
        Some(file) if answer.exit == Exit::Done => {
            let folder = answer.data["folder"].as_str().map(PathBuf::from).unwrap_or_default();
            disclose::check(&folder, file, context)
        }
        _ => Ok(answer),
    }
}

/// An export is a file that is there, or is written like one.
fn is_export(of: &str) -> bool {
    of.ends_with(".zip") || Path::new(of).is_file()
}

/// What the verifier brings.
#[derive(Debug, Default)]
struct Against {
    action: Option<String>,
    manifests: Vec<Sha256>,
    keys: Option<KeyHistory>,
    authorities: Option<Authorities>,
}

impl Against {
    fn read(args: &VerifyArgs) -> Result<Self, CliError> {
        let keys = args.key.as_ref().map(keys::brought).transpose()?;
        let read = |path: &PathBuf| std::fs::read(path).map_err(CliError::file("read the certificates", path));
        let pem = args.tsa_ca.as_ref().map(read).transpose()?;
        let authorities = pem.as_deref().map(Authorities::from_pem).transpose()?;
        Ok(Self { action: args.action.clone(), manifests: args.expect_manifest.clone(), keys, authorities })
    }
}

async fn prune(context: &Context) -> Result<Answer, CliError> {
    let pruned = crate::retention::prune(&context.ledger().await?, context, true).await?;
    let data =
        json!({ "episodes": pruned.episodes, "objects": pruned.objects, "bytes": pruned.bytes, "left": pruned.left });
    let text = format!(
        "{} object(s) of {} episode(s) deleted, {} bytes\n",
        pruned.objects,
        pruned.episodes.len(),
        pruned.bytes
    );
    if context.settings.s3.is_some() && !pruned.episodes.is_empty() {
        context.ui.say("the store elsewhere follows with the next upload: `deed work`, or `deed proof upload`");
    }
    Ok(Answer::done(data, text))
}

async fn stamp_all(context: &Context) -> Result<Answer, CliError> {
    if context.settings.stamps.is_empty() {
        context.ui.say("no authority is named: say its address in DEED_TSA_URLS, or as `stamps` in deed.toml");
    }
    let stamped = stamp::pass(context, true).await?;
    let waiting: Vec<_> =
        stamped.waiting.iter().map(|(episode, why)| json!({ "episode": episode, "why": why })).collect();
    let mut text = format!("{} stamped, {} waiting\n", stamped.done.len(), stamped.waiting.len());
    for (episode, why) in &stamped.waiting {
        text.push_str(&format!("  {episode}: {why}\n"));
    }
    Ok(Answer::done(json!({ "stamped": stamped.done, "waiting": waiting }), text))
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
    verify_action_against(id, ledger, &Against::default(), context).await
}

async fn verify_action_against(
    id: &ActionId,
    ledger: &SqlLedger,
    against: &Against,
    context: &Context,
) -> Result<Answer, CliError> {
    let attempt = attempt_of(id, ledger, context).await?;
    let (folder, manifest) = match &attempt {
        Some(attempt) => attempt.clone(),
        None => folder_of(id, ledger, context).await?,
    };
    // Here the runner's own history says whose signatures count, where the verifier names nothing else.
    let own = context.keys().history()?;
    let expected = Expected {
        manifest: Some(manifest),
        keys: against.keys.as_ref().or(own.as_ref()),
        signed: against.keys.is_some(),
        authorities: against.authorities.as_ref(),
    };
    let check = if attempt.is_some() { deed_proofs::verify_attempt } else { deed_proofs::verify_against };
    let mut found = check(&folder, &expected)?;
    // The ledger may have been rewritten with the proof; what the caller kept was not.
    expect(&mut found, against.manifests.first().copied());
    Ok(answer(&found, &folder, LEDGER_VOUCHES, context))
}

/// The folder of an attempt proof and its manifest's hash that the ledger holds, where the action was attempted and nothing is sealed yet.
async fn attempt_of(
    id: &ActionId,
    ledger: &SqlLedger,
    context: &Context,
) -> Result<Option<(PathBuf, Sha256)>, CliError> {
    let details = ledger.action_details(id).await?;
    let folder = details.action.episode.as_ref().map(|episode| context.episode_folder(episode));
    let unsettled = matches!(details.action.state, State::Attempted | State::Unknown);
    let folder = folder.filter(|folder| unsettled && is_attempt(folder));
    Ok(folder.zip(details.manifest))
}

/// The folder of the episode that was sealed last, and the hash of its manifest that the ledger holds.
async fn folder_of(id: &ActionId, ledger: &SqlLedger, context: &Context) -> Result<(PathBuf, Sha256), CliError> {
    let details = ledger.action_details(id).await?;
    let no_proof = |why: &str| CliError::NoProof { action: id.clone(), why: why.to_owned() };
    let manifest = details.manifest.ok_or_else(|| no_proof("none was sealed for it"))?;
    let episode = sealed_episode(id, manifest, ledger).await?.or_else(|| details.action.episode.clone());
    let folder = context.episode_folder(&episode.ok_or_else(|| no_proof("no episode worked on it yet"))?);
    let unsettled = matches!(details.action.state, State::Attempted | State::Unknown);
    if unsettled && !folder.join("report.html").exists() {
        return Err(no_proof("it was attempted and is not verified yet, so its proof is not sealed"));
    }
    Ok((folder, manifest))
}

/// The episode whose sealing the ledger was told of. An episode that began later and ended early may stand in the action instead.
async fn sealed_episode(id: &ActionId, manifest: Sha256, ledger: &SqlLedger) -> Result<Option<EpisodeId>, CliError> {
    let (rows, manifest) = (ledger.audit_of(id).await?, manifest.to_string());
    let sealed = rows.iter().rev().find(|row| row.event.proof.artifact_refs.contains(&manifest));
    Ok(sealed.and_then(|row| row.event.episode_id.clone()).map(EpisodeId::new))
}

fn verify_folder(folder: &Path, against: &Against, context: &Context) -> Result<Answer, CliError> {
    let expected = Expected {
        manifest: None,
        keys: against.keys.as_ref(),
        signed: against.keys.is_some(),
        authorities: against.authorities.as_ref(),
    };
    let attempt = is_attempt(folder);
    let check = if attempt { deed_proofs::verify_attempt } else { deed_proofs::verify_against };
    let mut found = check(folder, &expected)?;
    let kept = against.manifests.first().copied();
    expect(&mut found, kept);
    let guarded = match found.signature {
        _ if kept.is_some() => "the hash that was expected vouches for the manifest",
        SignatureGuard::Known(_) => "the signature of a key that you named vouches for the manifest",
        SignatureGuard::Unknown(_) => {
            context.ui.say("checked without the ledger, and signed by a key that you did not name: anybody can make such a proof. Name the key by --key, or use `deed proof verify ACTION`");
            match attempt {
                true => "a signature of a key that is not known vouches for the manifest",
                false => "SHA256SUMS beside it vouches for the manifest, and a signature of a key that is not known",
            }
        }
        SignatureGuard::Absent | SignatureGuard::Nothing => {
            context.ui.say("checked without the ledger: whoever rewrote manifest, report and sums together is found by `deed proof verify ACTION`, or by --expect-manifest with a hash that you kept, only");
            if attempt {
                "nothing here vouches for the manifest"
            } else {
                "SHA256SUMS beside it vouches for the manifest"
            }
        }
    };
    Ok(answer(&found, folder, guarded, context))
}

/// Compares the manifest with the hash that the caller knows.
fn expect(found: &mut Verification, expected: Option<Sha256>) {
    let (Some(actual), Some(expected)) = (found.manifest, expected) else { return };
    if actual != expected {
        let what = format!("its hash is {actual}, expected was {expected}: it was changed, or made anew");
        found.problems.push(Problem { file: "manifest.json".to_owned(), what });
    }
}

/// Whose signature it is, for a person.
fn signature_words(guard: SignatureGuard) -> String {
    match guard {
        SignatureGuard::Absent => "none: it was never signed".to_owned(),
        SignatureGuard::Known(key) => format!("of key {key}, which is known"),
        SignatureGuard::Unknown(key) => format!("of key {key}, which is NOT known: nobody vouches for it"),
        SignatureGuard::Nothing => "does not hold".to_owned(),
    }
}

fn signature_data(guard: SignatureGuard) -> serde_json::Value {
    match guard {
        SignatureGuard::Absent => json!({ "state": "absent" }),
        SignatureGuard::Known(key) => json!({ "state": "known", "key": key }),
        SignatureGuard::Unknown(key) => json!({ "state": "unknown", "key": key }),
        SignatureGuard::Nothing => json!({ "state": "broken" }),
    }
}

/// A time stamp, for a person.
fn stamp_words(stamp: &FoundStamp) -> String {
    let whose = if stamp.known {
        "of an authority that you named"
    } else {
        "its authority's signature was not checked: --tsa-ca"
    };
    format!("{} ({}; {whose})", stamp.at, stamp.name)
}

fn stamps_data(stamps: &[FoundStamp]) -> Vec<serde_json::Value> {
    stamps.iter().map(|s| json!({ "name": s.name, "at": s.at, "known": s.known })).collect()
}

fn answer(found: &Verification, folder: &Path, guarded: &str, context: &Context) -> Answer {
    let paint = context.ui.out;
    let holds = found.holds();
    let attempt = is_attempt(folder);
    let report = match found.report {
        ReportGuard::Rendered => "rendered again from manifest and evidence: the same to the byte",
        ReportGuard::SumsOnly => "written by another release: SHA256SUMS vouches for it",
        ReportGuard::Nothing if attempt => "none yet: this is the proof of the attempt, and its outcome is not sealed",
        ReportGuard::Nothing => "not vouched for",
    };
    let facts = Facts::default()
        .with("folder", folder.display())
        .with("checked", format!("{} files", found.checked))
        .maybe("manifest", found.manifest)
        .with("guard", guarded)
        .with("signature", signature_words(found.signature));
    let facts = facts.with("report", report);
    let facts = found.stamps.iter().fold(facts, |facts, stamp| facts.with("time stamp", stamp_words(stamp)));
    let headline = if holds && found.deleted > 0 {
        let words = format!("the proof holds; {} payload(s) were deleted by rule: see deleted.json", found.deleted);
        paint.tone(Tone::Good, &words)
    } else if holds && attempt {
        paint.tone(Tone::Good, "the attempt proof holds: no byte was changed; no outcome is sealed yet")
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
        "attempt": attempt,
        "folder": folder,
        "checked": found.checked,
        "manifest": found.manifest,
        "signature": signature_data(found.signature),
        "stamps": stamps_data(&found.stamps),
        "deleted": found.deleted,
        "problems": problems,
        "exit": exit.code(),
    });
    Answer { exit, data, text }
}
