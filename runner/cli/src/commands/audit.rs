//! `deed audit`: the append-only log, read and checked.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;
use deed_ledger::{AuditCheckpoint, SqlLedger};
use deed_proofs::log::{Checkpoint, SignedCheckpoint, checkpoint_name};
use deed_s3::Bucket;
use serde_json::json;

use super::keys;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Facts, Tone, table};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The last lines, oldest first
    Tail {
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: u32,
    },
    /// Check every line's hash and place in the chain, and the log against its checkpoints
    Verify(VerifyArgs),
    /// Sign how the log stands now; whoever keeps it can tell later whether the log was rewritten
    Checkpoint,
    /// Every line with its bytes and hashes, one JSON document a line
    Export(ExportArgs),
}

/// Against what to check.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A checkpoint that was kept elsewhere; may be said several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The keys to trust: a public key or a key history [default: this machine's own history]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What to export.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Only the lines after this one
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
}

/// Runs the command.
///
/// # Errors
/// The ledger's. A log that does not verify is an answer with its own exit code.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Tail { lines } => tail(*lines, context).await,
        Command::Verify(args) => verify(args, context).await,
        Command::Checkpoint => checkpoint(context).await,
        Command::Export(args) => export(args, context).await.map(|()| Answer::done(json!(null), String::new())),
    }
}

/// Lines that are read at once.
const LINES_AT_ONCE: u32 = 1_000;

/// Prints the log, one JSON document a line, without holding all of it.
///
/// # Errors
/// The ledger's, or nobody takes what is printed.
pub async fn export(args: &ExportArgs, context: &Context) -> Result<(), CliError> {
    let ledger = context.ledger().await?;
    let mut after = args.after;
    loop {
        let lines = ledger.audit_lines(after, LINES_AT_ONCE).await?;
        let Some(last) = lines.last() else { return Ok(()) };
        after = last.seq;
        let mut out = std::io::stdout().lock();
        for line in &lines {
            writeln!(out, "{}", json!(line)).map_err(CliError::file("print the audit log", "stdout"))?;
        }
    }
}

async fn checkpoint(context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let Some(made) = make_checkpoint(&ledger, context).await? else {
        context.ui.say("the audit log is empty");
        return Ok(Answer::done(json!(null), String::new()));
    };
    let (key, _) = context.signing()?;
    let origin = SignedCheckpoint::parse(&made.note).map(|signed| signed.checkpoint.origin).unwrap_or_default();
    let file = context.settings.proofs.join(checkpoint_name(made.size));
    context
        .ui
        .say(&format!("kept as {}: keep a copy where whoever runs this ledger can not change it", file.display()));
    let data = json!({
        "size": made.size,
        "root": made.root,
        "note": made.note,
        "file": file,
        "verifier_key": Checkpoint::verifier_key(&origin, &key.public()),
    });
    Ok(Answer::done(data, made.note))
}

/// Signs a checkpoint and keeps it beside the proof, if the log is still what the last one there was signed of.
///
/// # Errors
/// `audit-broken` when it is not; the ledger's, the key's, the proof store's.
pub async fn make_checkpoint(ledger: &SqlLedger, context: &Context) -> Result<Option<AuditCheckpoint>, CliError> {
    let (key, keys) = context.signing()?;
    let proofs = context.proofs()?;
    let mut last = None;
    for size in proofs.store().checkpoint_sizes()?.into_iter().rev() {
        let (_, kept) = proofs.store().checkpoint_of(size)?;
        // Files of other keys are not ours to judge by.
        if let Some(kept) = kept.filter(|kept| kept.signed_by(&keys).is_some()) {
            last = Some(kept.checkpoint);
            break;
        }
    }
    let Some(made) = ledger.audit_checkpoint(&key, last.as_ref()).await? else { return Ok(None) };
    proofs.store().keep_checkpoint(made.size, &made.note)?;
    // One that does not get there is made up for by the next: each is signed over all that the ones before it are of.
    if let Some(s3) = &context.settings.s3 {
        let bucket = Bucket::connect(s3.place.clone(), s3.options()).await;
        if let Err(error) = bucket.keep_named(&checkpoint_name(made.size), made.note.as_bytes()).await {
            context.ui.warn(&format!("the checkpoint is kept on this machine and not in the store yet: {error}"));
        }
    }
    Ok(Some(made))
}

/// The checkpoints to hold the log against: those that were named, those beside the proof, those in the ledger. What is not signed by a
/// key that counts is a problem where it was named, and told where it was found.
async fn kept(
    args: &VerifyArgs,
    ledger: &SqlLedger,
    context: &Context,
) -> Result<(Vec<Checkpoint>, Vec<String>), CliError> {
    let keys = match &args.key {
        Some(path) => Some(keys::brought(path)?),
        None => context.keys().history()?,
    };
    let (mut taken, mut problems) = (Vec::new(), Vec::new());
    let counts = |signed: &SignedCheckpoint| keys.as_ref().is_some_and(|keys| signed.signed_by(keys).is_some());
    for path in &args.checkpoint {
        let text = std::fs::read_to_string(path).map_err(CliError::file("read the checkpoint", path))?;
        let signed =
            SignedCheckpoint::parse(&text).map_err(|source| CliError::Checkpoint { path: path.clone(), source })?;
        if counts(&signed) {
            taken.push(signed.checkpoint);
        } else {
            problems.push(format!("{}: its signature is of no key that is known", path.display()));
        }
    }
    if context.settings.proofs.join("log").exists() {
        let proofs = context.proofs()?;
        for size in proofs.store().checkpoint_sizes()? {
            match proofs.store().checkpoint_of(size)? {
                (_, Some(signed)) if counts(&signed) => taken.push(signed.checkpoint),
                (path, Some(_)) => {
                    problems.push(format!("{}: its signature is of no key that is known", path.display()));
                }
                (path, None) => problems.push(format!("{}: it can not be read", path.display())),
            }
        }
    }
    for made in ledger.audit_checkpoints().await? {
        match SignedCheckpoint::parse(&made.note) {
            Ok(signed) if counts(&signed) => taken.push(signed.checkpoint),
            _ => problems
                .push(format!("checkpoint {} of the ledger: its signature is of no key that is known", made.size)),
        }
    }
    taken.sort_by_key(|checkpoint| (checkpoint.size, checkpoint.root));
    taken.dedup();
    Ok((taken, problems))
}

async fn tail(lines: u32, context: &Context) -> Result<Answer, CliError> {
    let rows = context.ledger().await?.audit_tail(lines).await?;
    if rows.is_empty() {
        context.ui.say("the audit log is empty");
    }
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let event = &row.event;
            let dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), Clone::clone);
            vec![
                row.seq.to_string(),
                event.timestamp.clone(),
                event.result.status.clone(),
                dash(event.result.error_code.as_ref()),
                dash(event.action_id.as_ref().or(event.platform_account_id.as_ref()).or(event.client_id.as_ref())),
                dash(row.by.as_ref()),
                dash(row.reason.as_ref()),
            ]
        })
        .collect();
    let head = ["SEQ", "TIME", "STATUS", "CODE", "ABOUT", "BY", "REASON"];
    let text = if cells.is_empty() { String::new() } else { table(&head, &cells, context.ui.out) };
    Ok(Answer::done(json!(rows), text))
}

async fn verify(args: &VerifyArgs, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let (kept, problems) = kept(args, &ledger, context).await?;
    let verdict = ledger.audit_verify_against(&kept).await?;
    let (exit, tone, headline) = match &verdict.first_bad {
        None if problems.is_empty() => (Exit::Done, Tone::Good, "the audit log verifies".to_owned()),
        None => {
            (Exit::Integrity, Tone::Bad, "the lines of the audit log verify, and not all of its checkpoints".to_owned())
        }
        Some(bad) => {
            (Exit::Integrity, Tone::Bad, format!("the audit log does not verify: line {}: {}", bad.seq, bad.what))
        }
    };
    let held = verdict.checkpoints.iter().filter(|checkpoint| checkpoint.holds).count();
    let facts = Facts::default().with("lines", verdict.rows).with("head", &verdict.head_hash);
    let facts = facts.with("checkpoints", format!("{held} of {} hold", verdict.checkpoints.len()));
    let facts = problems.iter().fold(facts, |facts, problem| facts.with("problem", problem));
    let help = match exit {
        Exit::Done => {
            "keep a checkpoint elsewhere (deed audit checkpoint): it shows later that the log was not rewritten"
        }
        _ => {
            "the ledger's file was changed from outside: keep it as evidence, restore a backup, see docs/errors.md#audit-broken"
        }
    };
    let facts = facts.with("help", help);
    let text = format!("{}\n{}", context.ui.out.tone(tone, &headline), facts.render());
    let mut data = json!(verdict);
    if let Some(object) = data.as_object_mut() {
        if !problems.is_empty() {
            object.insert("ok".to_owned(), json!(false));
        }
        object.insert("problems".to_owned(), json!(problems));
        object.insert("exit".to_owned(), json!(exit.code()));
    }
    Ok(Answer { exit, data, text })
}
