//! `deed proof pending`, `upload` and `link`: proof and the store in S3.

use std::time::Duration;

use deed_core::ids::ActionId;
use deed_core::time::Timestamp;
use deed_proofs::{Spool, StorageRecord, StoredPiece};
use deed_s3::bucket::LINK_MAX;
use deed_s3::upload::Due;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Facts, Tone, table};
use crate::upload;
use crate::world::now;

/// Which proof.
#[derive(Debug, clap::Args)]
pub struct UploadArgs {
    /// Every episode on this machine, also those of before there was a store in S3
    #[arg(long)]
    pub all: bool,
}

/// Links to what.
#[derive(Debug, clap::Args)]
pub struct LinkArgs {
    /// Action id
    pub action: String,
    /// How long they last: a number and s, m, h or d; 7 days at most
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lasting)]
    pub expires: Duration,
    /// Also to each piece of evidence
    #[arg(long)]
    pub evidence: bool,
}

fn lasting(text: &str) -> Result<Duration, String> {
    let refused = || "say a number and s, m, h or d, such as 90m; 7d at most".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    let time = Duration::from_secs(number.saturating_mul(seconds));
    if time.is_zero() || time > LINK_MAX { Err(refused()) } else { Ok(time) }
}

/// What waits.
///
/// # Errors
/// The spool's.
pub fn pending(context: &Context) -> Result<Answer, CliError> {
    let waiting = if context.settings.proofs.join("spool").is_dir() {
        Spool::open(context.proofs()?.store())?.waiting()?
    } else {
        Vec::new()
    };
    let store = context.settings.s3.as_ref().map(|s3| s3.place.to_string());
    let rows: Vec<_> = waiting
        .iter()
        .map(|one| {
            let why = one.tries.trouble.as_ref().map_or_else(String::new, |t| format!("{}: {}", t.code, t.message));
            let next = if one.tries.next_at == 0 { String::new() } else { Timestamp(one.tries.next_at).to_string() };
            vec![one.episode.clone(), Timestamp(one.since).to_string(), one.tries.failed.to_string(), next, why]
        })
        .collect();
    let data: Vec<_> = waiting
        .iter()
        .map(|one| {
            json!({
                "episode_id": one.episode,
                "since": Timestamp(one.since).to_string(),
                "failed": one.tries.failed,
                "next_at": (one.tries.next_at != 0).then(|| Timestamp(one.tries.next_at).to_string()),
                "error": one.tries.trouble,
            })
        })
        .collect();
    let text = if rows.is_empty() {
        "nothing waits to be uploaded".to_owned()
    } else {
        table(&["EPISODE", "SINCE", "FAILED", "NEXT", "LAST ERROR"], &rows, context.ui.out)
    };
    Ok(Answer::done(json!({ "store": store, "pending": data }), text))
}

/// Uploads what waits, whether its pause is over or not.
///
/// # Errors
/// No store in S3, the spool's, the ledger's. What does not get there is an answer with its own exit code.
pub async fn upload(args: &UploadArgs, context: &Context) -> Result<Answer, CliError> {
    let uploader = context.uploader().await?.ok_or(CliError::NoRemote)?;
    let ledger = context.ledger().await?;
    if args.all {
        uploader.spool().mark_all(now().0)?;
    }
    let round = upload::drain(&uploader, &ledger, None, Due::All).await?;
    let failed: Vec<_> = round
        .failed
        .iter()
        .map(|one| json!({ "episode_id": one.episode, "action_id": one.action, "error": one.trouble, "failed": one.failed }))
        .collect();
    let uploaded: Vec<_> = round
        .uploaded
        .iter()
        .map(|one| json!({ "episode_id": one.episode, "action_id": one.action, "manifest": one.manifest, "new": one.new, "pieces": one.pieces, "removed": one.removed, "locked": one.locked }))
        .collect();
    let (done, waits) = (round.uploaded.len(), round.failed.len() + round.untold as usize + round.left as usize);
    let exit = if round.failed.is_empty() { Exit::Done } else { Exit::Internal };
    let mut text = format!("{done} episode(s) in {}, {waits} waiting\n", uploader.bucket().place());
    let (removed, locked) = round.uploaded.iter().fold((0, 0), |(r, l), one| (r + one.removed, l + one.locked));
    if removed + locked > 0 {
        text.push_str(&format!("{removed} piece(s) deleted there by rule, {locked} kept there by a lock\n"));
    }
    for one in &round.failed {
        let mark = context.ui.out.tone(Tone::Bad, "✗");
        text.push_str(&format!(
            "  {mark} {}: {} ({})\n    help: {}\n",
            one.episode, one.trouble.message, one.trouble.code, one.help
        ));
    }
    let data = json!({
        "store": uploader.bucket().place().to_string(),
        "uploaded": uploaded,
        "failed": failed,
        "waiting": waits,
        "exit": exit.code(),
    });
    Ok(Answer { exit, data, text })
}

/// Links to what is in the store of an action's proof: the newest manifest and report, and what stands beside them.
///
/// # Errors
/// No store in S3, an unknown action, proof that is not there yet, no credentials.
pub async fn link(args: &LinkArgs, context: &Context) -> Result<Answer, CliError> {
    let uploader = context.uploader().await?.ok_or(CliError::NoRemote)?;
    let ledger = context.ledger().await?;
    let id = ActionId::new(args.action.trim());
    let details = ledger.action_details(&id).await?;
    let no_proof = |why: &str| CliError::NoProof { action: id.clone(), why: why.to_owned() };
    let episode = details.action.episode.ok_or_else(|| no_proof("no episode worked on it yet"))?;
    let bucket = uploader.bucket();
    let record = StorageRecord::read(&context.episode_folder(&episode));
    let pieces = newest(&record, &bucket.place().bucket, args.evidence);
    if pieces.is_empty() {
        return Err(no_proof("it is not in the store yet: `deed proof pending` shows what waits"));
    }
    let until = now().plus(args.expires).to_string();
    let (mut facts, mut links) = (String::new(), Vec::new());
    for piece in pieces {
        let url = bucket.link(&piece.key, piece.version_id.as_deref(), args.expires).await?;
        facts.push_str(&format!("{}\n  {url}\n", piece.name));
        links.push(json!({ "name": piece.name, "sha256": piece.sha256, "url": url }));
    }
    context.ui.say("whoever has such a link can read it until it ends; it can not be taken back");
    let text = format!("{facts}{}", Facts::default().with("until", &until).render());
    Ok(Answer::done(json!({ "action_id": id, "until": until, "links": links }), text))
}

/// The last of each name; evidence where it is wanted.
fn newest<'r>(record: &'r StorageRecord, bucket: &str, evidence: bool) -> Vec<&'r StoredPiece> {
    let mut found: Vec<&StoredPiece> = Vec::new();
    for piece in record.pieces.iter().rev() {
        let wanted = evidence || !piece.name.starts_with("objects/");
        if wanted && piece.bucket == bucket && !found.iter().any(|known| known.name == piece.name) {
            found.push(piece);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lasts_as_long_as_was_said_and_never_longer_than_its_signature() {
        assert_eq!(lasting("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(lasting("7d"), Ok(LINK_MAX));
        for bad in ["", "h", "8d", "0s", "1w", "-1h", "1é"] {
            assert!(lasting(bad).is_err(), "{bad}");
        }
    }
}
