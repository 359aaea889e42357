//! Logs: quiet unless asked for by `--verbose` or `DEED_LOG`, always to stderr. Message texts and secrets are not logged: the
//! engine's events carry names, counts and hashes.

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::args::Command;
use crate::context::Context;
use crate::progress;
use crate::ui::Ui;

/// Whether the steps of an episode are shown: on a terminal; in the demonstration always.
pub(crate) fn wants_progress(command: &Command, ui: Ui) -> bool {
    match command {
        Command::Demo(_) => true,
        Command::Act(_) | Command::Rehearse(_) | Command::Work(_) => ui.live,
        _ => false,
    }
}

/// Starts logging and progress. With the log on, progress would say everything twice.
pub(crate) fn start(context: &Context, verbose: bool, progress: bool) {
    let asked = std::env::var("DEED_LOG").ok().filter(|v| !v.is_empty());
    let logs = verbose || asked.is_some();
    let filter = match asked.map(EnvFilter::try_new) {
        Some(Ok(filter)) => filter,
        Some(Err(error)) => {
            context.ui.warn(&format!("DEED_LOG is not a filter ({error}); logging at info"));
            EnvFilter::new("info")
        }
        None if verbose => EnvFilter::new("info,deed=debug,deed_core=debug,deed_ledger=debug,deed_chromium=debug"),
        None => EnvFilter::default().add_directive(LevelFilter::ERROR.into()),
    };
    let log = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(filter);
    let steps = (progress && !logs).then(|| progress::layer(context.ui.err));
    let subscriber = tracing_subscriber::registry().with(log).with(steps);
    if let Err(error) = subscriber.try_init() {
        context.ui.warn(&format!("logging is off: {error}"));
    }
}
