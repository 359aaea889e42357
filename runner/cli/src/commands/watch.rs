//! `deed queue watch`: what becomes of actions, a line of JSON for each change of state, from a cursor on.
//!
//! The cursor is the place in the audit log: whoever keeps the last one that it has dealt with misses nothing and may stop at any time.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use deed_ledger::{Signal, SqlLedger};

use crate::context::Context;
use crate::error::CliError;
use crate::signals::asked_to_stop;

/// Lines of the audit log that are read at once.
const AT_ONCE: u32 = 500;
/// How often it is looked whether there is more.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// From where, and for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only what came after this cursor; from the beginning without it
    #[arg(long, default_value_t = 0)]
    from: i64,
    /// Go on until a signal comes
    #[arg(long)]
    follow: bool,
    /// Only how actions ended, and those that are held or unknown
    #[arg(long)]
    outcomes: bool,
}

/// How the writing ended.
enum Written {
    All,
    /// Nobody reads any more.
    Closed,
}

/// Runs the command: it writes by itself, so that a reader has each line at once.
///
/// # Errors
/// [`CliError::Cursor`], the ledger's, standard output that can not be written.
pub async fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let ledger = context.ledger().await?;
    let last = ledger.last_cursor().await?;
    if !(0..=last).contains(&args.from) {
        return Err(CliError::Cursor { cursor: args.from, last });
    }
    tokio::select! {
        done = watch(args, &ledger) => done,
        () = asked_to_stop() => Ok(()),
    }
}

async fn watch(args: &Args, ledger: &SqlLedger) -> Result<(), CliError> {
    let mut cursor = args.from;
    loop {
        let read = ledger.signals_after(cursor, AT_ONCE).await?;
        let wanted = read.signals.iter().filter(|signal| !args.outcomes || signal.is_outcome());
        let written = write(&mut io::stdout().lock(), wanted);
        if let Written::Closed =
            written.map_err(CliError::file("write what became of the actions", "standard output"))?
        {
            return Ok(());
        }
        match (read.more_after, read.signals.last()) {
            (Some(after), _) => {
                cursor = after;
                continue;
            }
            (None, Some(last)) => cursor = last.cursor,
            (None, None) => {}
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Each line by itself: a reader acts on it while the next one is still to come.
fn write<'s>(to: &mut impl Write, signals: impl Iterator<Item = &'s Signal>) -> io::Result<Written> {
    for signal in signals {
        let line = format!("{}\n", serde_json::to_string(signal)?);
        match to.write_all(line.as_bytes()).and_then(|()| to.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Written::Closed),
            done => done?,
        }
    }
    Ok(Written::All)
}
