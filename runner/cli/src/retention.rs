//! Payloads that are older than their client's rule, deleted: by `deed work` now and then, and by `deed proof prune`.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_core::ids::EpisodeId;
use deed_ledger::SqlLedger;
use deed_proofs::retention::{self, Elsewhere, Pruned, Rule};
use deed_proofs::{DirectoryStore, Signer, Spool};

use crate::context::Context;
use crate::error::CliError;
use crate::world::now;

/// How often a worker looks.
pub const EVERY: Duration = Duration::from_secs(60 * 60);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Deletes what is older than its client's rule, and what was put away of it; in a store elsewhere with the next
/// upload. `held`: also what a legal hold kept there is tried anew.
///
/// # Errors
/// The ledger's, the store's; what was deleted by then is written down.
pub async fn prune(ledger: &SqlLedger, context: &Context, held: bool) -> Result<Pruned, CliError> {
    let now = now();
    let before = |days: u32| deed_core::time::Timestamp(now.0 - i64::from(days) * DAY_MS).to_string();
    let rules: BTreeMap<String, Rule> = ledger
        .retentions()
        .await?
        .into_iter()
        .map(|(client, days)| (client.to_string(), Rule { days, before: before(days) }))
        .collect();
    if rules.is_empty() {
        return Ok(Pruned::default());
    }
    let store: DirectoryStore = context.proofs()?.store().clone();
    let (key, keys) = context.signing()?;
    let s3 = context.settings.s3.as_ref();
    let elsewhere = s3.map(|s3| Ok::<_, CliError>((Spool::open(&store)?, s3.place.bucket.clone()))).transpose()?;
    let pruning = tokio::task::spawn_blocking(move || {
        let elsewhere = elsewhere.as_ref().map(|(spool, bucket)| Elsewhere { spool, bucket, at: now.0, held });
        retention::prune(&store, &rules, &now.to_string(), Some(Signer { key: &key, keys: &keys }), elsewhere)
    });
    let ended = pruning.await.map_err(|e| std::io::Error::other(deed_proofs::scrub::end_of_task(e.is_panic())));
    let pruned = ended.map_err(CliError::file("prune", &context.settings.proofs))??;
    for episode in &pruned.left {
        context.ui.warn(&format!(
            "payloads of episode {episode} are too old and stay: it is signed by a key that is not in this machine's history"
        ));
    }
    if !pruned.episodes.is_empty() {
        let vault = context.vault()?;
        for episode in &pruned.episodes {
            let episode = EpisodeId::new(episode.clone());
            vault.forget(&episode).map_err(CliError::file("delete what was put away", &vault.folder(&episode)))?;
        }
    }
    Ok(pruned)
}
