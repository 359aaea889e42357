//! `deed-sim`: runs seeds, tells the story of one, goes through crash by crash.

use std::process::ExitCode;

use deed_sim::command::Stop;

/// An episode in here is some ten thousand small allocations, SQLite's among them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match deed_sim::command::run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(6),
        Err(Stop::Usage(why)) => {
            eprintln!("deed-sim: {}", why.trim_end());
            ExitCode::from(2)
        }
        // What a shell sees of a program that writes to nobody.
        Err(Stop::Closed) => ExitCode::from(141),
    }
}
