//! Deed's command line as a library: settings, the real world put together, one module a command.
//!
//! Owns what a person and a script see: words to stderr, data to stdout, exit codes, error codes with their remedies. Never decides
//! about an action: the engine does, the ledger remembers.
//!
//! Start reading at [`run`]; then [`runtime`] (one runner), [`order`] and `commands/act.rs`.

pub mod args;
pub mod commands;
pub mod context;
mod defect;
pub mod error;
pub mod exit;
pub mod fleet;
mod log;
pub mod memory;
pub mod order;
pub mod outcome;
mod progress;
pub mod record;
pub mod replay;
pub mod retention;
pub mod runtime;
pub mod session_file;
pub mod settings;
mod signals;
pub mod stamp;
pub mod suggest;
mod tls;
pub mod ui;
pub mod upload;
pub mod vault;
pub mod webhook;
pub mod window;
pub mod world;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::ui::Ui;

/// Runs one command line, the program's name first, and says how it ended.
pub fn run(arguments: Vec<OsString>) -> Exit {
    defect::install();
    memory::large_blocks_go_back();
    let json = arguments.iter().any(|a| a == "--json");
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &Ui::detect(json)),
    };
    let ui = Ui::detect(cli.json);
    // What the command had in its hands is dropped on the way here, and nothing of it is used afterwards.
    let ended = catch_unwind(AssertUnwindSafe(|| start(cli, ui)));
    match ended.unwrap_or_else(|_| Err(defect::error())) {
        Ok(exit) => exit,
        Err(error) => {
            ui.error(&error);
            error.exit()
        }
    }
}

fn start(cli: Cli, ui: Ui) -> Result<Exit, CliError> {
    let settings = Settings::load(&cli.settings, &|name| std::env::var_os(name))?;
    let context = Context::new(settings, ui);
    log::start(&context, cli.verbose, log::wants_progress(&cli.command, ui));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::file("start the runtime", "threads and event queue"))?;
    let answer = runtime.block_on(async {
        let _limits = signals::limits_are_errors();
        let answer = commands::run(cli.command, &context).await;
        context.close().await;
        answer
    })?;
    // A command that ran until it was stopped has said everything.
    let Some(answer) = answer else { return Ok(Exit::Done) };
    ui.answer(&answer);
    Ok(answer.exit)
}

/// `--help` and `--version` are answers; everything else is an error in its fixed form.
fn usage(error: &clap::Error, ui: &Ui) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked {
        // Nobody reading is no reason to fail.
        let _ = error.print();
        return Exit::Done;
    }
    let words = error.render().to_string();
    let words = words.strip_prefix("error: ").unwrap_or(&words).trim_end();
    // clap's own last line says the same as our help.
    let words = words.strip_suffix("For more information, try '--help'.").unwrap_or(words).trim_end();
    let error = CliError::Usage(words.to_owned());
    ui.error(&error);
    error.exit()
}
