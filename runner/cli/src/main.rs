//! Deed's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(deed::run(std::env::args_os().collect()).code())
}
