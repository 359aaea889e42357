//! Time stamps for signatures: asks the authorities that the settings name, and keeps what they answer.
//!
//! A signature that waits for its stamp is on the disk as such before it is asked for ([`DirectoryStore::stamp_later`]); an authority
//! that does not answer delays the stamp, and nothing else: no outcome waits for it.

mod http;

use deed_proofs::stamp::DueStamp;
use deed_proofs::{DirectoryStore, Spool};

use crate::context::Context;
use crate::error::CliError;
use crate::world::now;

pub use http::Authority;

/// What a pass over all that is due came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamped {
    /// Episodes whose signature is stamped by every authority now.
    pub done: Vec<String>,
    /// Episodes that still wait, each with why.
    pub waiting: Vec<(String, String)>,
}

/// Asks for every stamp that is due; `all`: also those whose next try is later. One that fails is due again after a pause.
///
/// # Errors
/// The proof store's. An authority that does not answer is no error.
pub async fn pass(context: &Context, all: bool) -> Result<Stamped, CliError> {
    let mut stamped = Stamped::default();
    if context.settings.stamps.is_empty() {
        return Ok(stamped);
    }
    let proofs = context.proofs()?;
    let store = proofs.store();
    let due: Vec<DueStamp> = store.stamps_due()?.into_iter().filter(|due| all || due.next_at <= now().0).collect();
    if due.is_empty() {
        return Ok(stamped);
    }
    let authority = Authority::new();
    for due in due {
        match of_episode(store, &due.episode_id, &context.settings.stamps, authority.as_ref()).await {
            Ok(()) => {
                store.stamped(&due.episode_id)?;
                // The stamps came after the sealing: the folder goes to the store elsewhere once more.
                if context.settings.s3.is_some() {
                    drop(Spool::open(store)?.mark(&due.episode_id, now().0)?);
                }
                stamped.done.push(due.episode_id);
            }
            Err(why) => {
                store.stamp_failed(&due, now().0)?;
                stamped.waiting.push((due.episode_id, why));
            }
        }
    }
    Ok(stamped)
}

/// Gets the stamps that an episode's signature still lacks; why not, in words.
async fn of_episode(
    store: &DirectoryStore,
    episode: &str,
    urls: &[String],
    authority: Result<&Authority, &String>,
) -> Result<(), String> {
    // Nothing that is signed lies there (any more): nothing to stamp.
    let Some(envelope) = store.envelope_of(episode).map_err(|e| e.to_string())? else { return Ok(()) };
    let authority = authority.map_err(Clone::clone)?;
    let mut missing = Vec::new();
    for url in urls {
        let (request, answered) = store.stamp_request(episode, &envelope, url).map_err(|e| e.to_string())?;
        if answered {
            continue;
        }
        let kept = match authority.ask(url, request.as_der()).await {
            Ok(answer) => store.keep_stamp(episode, &envelope, url, &answer).map(|_| ()).map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        if let Err(why) = kept {
            missing.push(format!("{url}: {why}"));
        }
    }
    if !missing.is_empty() {
        return Err(missing.join("; "));
    }
    // Sealed again meanwhile: the new signature has no stamp yet.
    match store.envelope_of(episode).map_err(|e| e.to_string())? {
        Some(now) if now != envelope => Err("it was sealed again meanwhile".to_owned()),
        _ => Ok(()),
    }
}
