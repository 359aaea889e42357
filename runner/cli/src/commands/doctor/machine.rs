//! Everything but the browser: directories, disk space, the ledger's settings, the seal key, the clock, the recipes, the policy.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use deed_core::time::Timestamp;
use deed_ledger::SqlLedger;

use super::Finding;
use crate::context::Context;
use crate::error::CliError;
use crate::world::now;

/// Below this much free space an operator should know. An episode keeps a few megabytes.
const FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// Deed did not exist before; a clock that is earlier was never set.
const CLOCK_FROM: Timestamp = Timestamp(1_735_689_600_000);
/// By how much a clock may lag behind the newest audit line before it went back.
const CLOCK_BACK_MS_MAX: i64 = 5_000;

pub(super) async fn look(context: &Context) -> Vec<Finding> {
    let settings = &context.settings;
    let mut findings =
        vec![settings_file(context), writable("data", &settings.data_dir), writable("proofs", &settings.proofs)];
    findings.extend(space(context));
    findings.push(seal_key(context));
    let ledger = match context.has_ledger().await {
        Ok(false) => None,
        Ok(true) => Some(context.ledger().await),
        Err(error) => Some(Err(error)),
    };
    findings.push(ledger_finding(ledger.as_ref(), context));
    findings.push(clock(ledger.and_then(Result::ok).as_ref()).await);
    findings.push(recipes(context));
    findings.push(policy(context));
    findings
}

/// With a policy that can not be kept to, nothing runs.
fn policy(context: &Context) -> Finding {
    let Some(path) = context.settings.policy_file() else {
        return Finding::ok("policy", "no policy file: what recipes can is allowed");
    };
    match context.policy() {
        Ok(_) => Finding::ok("policy", path.display().to_string()),
        Err(error) => {
            let seen = format!("{} can not be kept to [{}]", path.display(), error.code());
            Finding::fail("policy", seen, format!("`deed policy validate {}` shows every error", path.display()))
        }
    }
}

fn settings_file(context: &Context) -> Finding {
    let file = context.settings.file.as_ref();
    let file = file.map_or_else(|| "no deed.toml".to_owned(), |path| path.display().to_string());
    Finding::ok("settings", format!("{file}, operator {}", context.settings.operator))
}

fn writable(name: &'static str, dir: &Path) -> Finding {
    if !dir.exists() {
        return Finding::warn(name, format!("{} is not there yet", dir.display()), "`deed init` makes it");
    }
    let tried = tempfile::NamedTempFile::new_in(dir).and_then(|mut file| {
        file.write_all(b"deed doctor")?;
        file.as_file().sync_all()
    });
    match tried {
        Ok(()) => Finding::ok(name, format!("{} can be written", dir.display())),
        Err(error) => Finding::fail(
            name,
            format!("{} can not be written: {error}", dir.display()),
            "give this user the right to write there, make room, or name another directory",
        ),
    }
}

fn space(context: &Context) -> Option<Finding> {
    let dir = [&context.settings.proofs, &context.settings.data_dir].into_iter().find(|d| d.exists())?;
    let stat = rustix::fs::statvfs(dir).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let seen = format!("{:.1} GB free at {}", free as f64 / 1e9, dir.display());
    Some(if free < FREE_BYTES_MIN {
        Finding::warn("space", seen, "make room: an action whose proof can not be kept is held")
    } else {
        Finding::ok("space", seen)
    })
}

fn seal_key(context: &Context) -> Finding {
    let path = &context.settings.seal_key;
    let Ok(meta) = fs::metadata(path) else {
        return Finding::warn("seal key", format!("{} is not there yet", path.display()), "`deed init` makes it");
    };
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let seen = format!("{} can be read by others (mode {mode:04o})", path.display());
        return Finding::fail("seal key", seen, format!("chmod 600 {}", path.display()));
    }
    let inside = match (path.canonicalize(), context.settings.data_dir.canonicalize()) {
        (Ok(key), Ok(data)) => key.starts_with(data),
        _ => false,
    };
    if inside {
        let seen = format!("{} lies in the data directory", path.display());
        return Finding::warn(
            "seal key",
            seen,
            "move it elsewhere: a copy of the data directory alone must not open the sessions in it",
        );
    }
    Finding::ok("seal key", format!("{}, mode {mode:04o}", path.display()))
}

fn ledger_finding(ledger: Option<&Result<SqlLedger, CliError>>, context: &Context) -> Finding {
    let place = context.settings.ledger_place();
    let proved = match context.settings.database {
        Some(_) => "fsync, full_page_writes, synchronous_commit=on",
        None => "WAL, synchronous=FULL, foreign keys",
    };
    match ledger {
        None => Finding::warn("ledger", format!("{place} is not there yet"), "`deed init` makes it"),
        Some(Err(error)) => Finding::of("ledger", error),
        // Opening reads each setting back and refuses to go on where one differs.
        Some(Ok(_)) => Finding::ok("ledger", format!("{place}: {proved}, read back")),
    }
}

async fn clock(ledger: Option<&SqlLedger>) -> Finding {
    let now = now();
    if now < CLOCK_FROM {
        return Finding::fail(
            "clock",
            format!("it says {now}"),
            "set the clock: leases, permits and audit times depend on it",
        );
    }
    let newest = match ledger {
        Some(ledger) => {
            ledger.audit_tail(1).await.ok().and_then(|rows| Timestamp::parse(&rows.first()?.event.timestamp))
        }
        None => None,
    };
    match newest {
        Some(newest) if newest.0 > now.0.saturating_add(CLOCK_BACK_MS_MAX) => Finding::fail(
            "clock",
            format!("it says {now}, but the newest audit line is of {newest}: it went back"),
            "set the clock (`timedatectl set-ntp true`): leases, permits and audit times depend on it",
        ),
        _ => Finding::ok("clock", now.to_string()),
    }
}

fn recipes(context: &Context) -> Finding {
    let Some(dir) = &context.settings.recipes else {
        return Finding::ok(
            "recipes",
            format!("built in: {}", deed_recipes::platforms().collect::<Vec<_>>().join(", ")),
        );
    };
    if dir.is_dir() {
        Finding::ok("recipes", format!("{}, then the built-in ones", dir.display()))
    } else {
        Finding::fail(
            "recipes",
            format!("{} is no directory", dir.display()),
            "name one with --recipes (DEED_RECIPES), or none",
        )
    }
}
