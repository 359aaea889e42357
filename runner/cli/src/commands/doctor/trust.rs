//! What vouches for proof: the signing key with its history, and the authorities that stamp the time.
//!
//! Nothing is made here and nothing is asked over the network: `deed init` makes a key, `deed proof stamp` asks the authorities.

use std::os::unix::fs::PermissionsExt as _;

use deed_proofs::KeyStore;

use super::Finding;
use crate::context::Context;
use crate::error::CliError;

pub(super) fn look(context: &Context) -> Vec<Finding> {
    vec![signing_key(context), stamps(context)]
}

fn signing_key(context: &Context) -> Finding {
    const NAME: &str = "signing key";
    let keys: KeyStore = context.keys();
    let path = keys.key_path();
    let mode = match std::fs::metadata(path) {
        Ok(meta) => meta.permissions().mode() & 0o7777,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !keys.history_path().exists() => {
            return Finding::warn(NAME, format!("{} is not there yet", path.display()), "`deed init` makes it");
        }
        // A new key beside an old history would be a key that nobody introduced.
        Err(error) => {
            let seen = format!("{} can not be read ({error}), and its history is there", path.display());
            return Finding::fail(
                NAME,
                seen,
                "put the key back from where it is kept: nothing can be signed without it",
            );
        }
    };
    let entry = match keys.signing() {
        Ok(entry) => entry,
        Err(error) => return Finding::of(NAME, &CliError::Key(error)),
    };
    let inside = match (path.canonicalize(), context.settings.data_dir.canonicalize()) {
        (Ok(key), Ok(data)) => key.starts_with(data),
        _ => false,
    };
    if inside {
        let seen = format!("{} lies in the data directory", path.display());
        return Finding::warn(NAME, seen, "move it elsewhere: a copy of the data directory must not be able to sign");
    }
    let of = match entry.place {
        1 => "the first of its history".to_owned(),
        place => format!("number {place} of its history"),
    };
    Finding::ok(NAME, format!("{}, mode {mode:04o}, id {}, {of}", path.display(), entry.id))
}

fn stamps(context: &Context) -> Finding {
    const NAME: &str = "time stamps";
    let urls = &context.settings.stamps;
    if urls.is_empty() {
        return Finding::ok(NAME, "no authority is named: signatures get none (DEED_TSA_URLS)");
    }
    let due = context.proofs().and_then(|proofs| Ok(proofs.store().stamps_due()?));
    match due {
        Err(error) => Finding::of(NAME, &error),
        Ok(due) if due.is_empty() => Finding::ok(NAME, format!("{}; nothing waits", urls.join(", "))),
        Ok(due) => {
            let seen = format!("{}; {} signature(s) wait", urls.join(", "), due.len());
            Finding::warn(NAME, seen, "`deed proof stamp` asks now, and says why where one does not answer")
        }
    }
}
