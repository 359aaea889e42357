//! `deed-sim`: runs seeds, tells the story of one, goes through crash by crash.

use std::process::ExitCode;

fn main() -> ExitCode {
    match deed_sim::command::run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(6),
        Err(usage) => {
            eprintln!("deed-sim: {usage}");
            ExitCode::from(2)
        }
    }
}
