//! Plants all changes of a list of cargo-mutants in one copy of the sources, each behind a switch that is asked when the program runs: one build
//! for hundreds of changes, and each test says which of them it comes by. Called by `make cargo-mutants`.
//!
//! `deed-switch plant LIST TREE OUT`: LIST is what `cargo mutants --list --json` says, TREE a copy of the workspace, whose sources are changed.
//! OUT gets a line for each change: number, `planted`, `no place` or `no build`, and its name.
//!
//! `deed-switch ask PLANTED LISTED SEEN TOLD TREE OUT`: PLANTED is what the first wrote, LISTED what nextest lists, SEEN the directory that
//! the tests left, TOLD what nextest said of each. OUT gets a line for each change: number, `caught`, `hangs` or `missed`, by which test, and its
//! name. `DEED_SWITCH_BOUND`: seconds that the tests of one change may take together (300). `DEED_SWITCH_JOBS`: how many at a time (2).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, io};

use serde_json::Value;

use crate::ask::Asker;
use crate::list::Mutant;
use crate::rewrite::Switched;

mod ask;
mod list;
mod rewrite;

/// After so many builds it is given up: each takes at least one change out.
const BUILDS_MAX: usize = 40;

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{}: {fault}", path.display())]
    File { path: PathBuf, fault: io::Error },
    #[error("{}: {fault}", path.display())]
    List { path: PathBuf, fault: serde_json::Error },
    #[error("{file}: {fault}")]
    Source { file: String, fault: syn::Error },
    #[error("cargo: {0}")]
    Cargo(io::Error),
    #[error("it does not build, and no change is to blame:\n{0}")]
    Build(String),
    #[error("usage: deed-switch plant LIST TREE OUT, or ask PLANTED LISTED SEEN TOLD TREE OUT")]
    Usage,
}

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("deed-switch: {fault}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Vec<OsString>) -> Result<(), Fault> {
    let (command, paths) = args.split_first().ok_or(Fault::Usage)?;
    let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
    match (command.to_str(), paths.as_slice()) {
        (Some("plant"), [list, tree, out]) => plant(list, tree, out),
        (Some("ask"), [planted, listed, seen, told, tree, out]) => {
            let bound = Duration::from_secs(number("DEED_SWITCH_BOUND", 300));
            ask(&Asker::new(listed, seen, told, tree, bound)?, planted, out)
        }
        _ => Err(Fault::Usage),
    }
}

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// Asks of what was planted, but not of what OUT has an answer for: a run that was cut off goes on.
fn ask(asker: &Asker, planted: &Path, out: &Path) -> Result<(), Fault> {
    let known = if out.exists() { read(out)? } else { String::new() };
    let known: BTreeSet<&str> = known.lines().filter_map(|line| line.split('\t').next()).collect();
    let listed = read(planted)?;
    let changes: Vec<_> = listed
        .lines()
        .filter_map(|line| match line.split('\t').collect::<Vec<_>>().as_slice() {
            [id, "planted", name] if !known.contains(id) => Some((id.parse().ok()?, (*name).to_owned())),
            _ => None,
        })
        .collect();
    let hands = usize::try_from(number("DEED_SWITCH_JOBS", 2)).unwrap_or(1);
    let fault = Mutex::new(Ok(()));
    asker.ask(&changes, hands, |id, verdict, by, name| {
        if verdict == "missed" {
            println!("missed: {name} ({by})");
        }
        if let (Err(new), Ok(mut fault)) = (ask::append(out, &format!("{id}\t{verdict}\t{by}\t{name}\n")), fault.lock())
        {
            *fault = Err(new);
        }
    });
    fault.into_inner().unwrap_or(Ok(()))
}

fn plant(list: &Path, tree: &Path, out: &Path) -> Result<(), Fault> {
    let mutants: Vec<Mutant> =
        serde_json::from_str(&read(list)?).map_err(|fault| Fault::List { path: list.to_owned(), fault })?;
    let mut sources = BTreeMap::new();
    for mutant in &mutants {
        sources.entry(mutant.file.as_str()).or_insert(read(&tree.join(&mutant.file))?);
    }
    let packages: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.package.as_str()).collect();
    for root in
        sources.keys().filter_map(|file| file.split_once("/src/")).map(|(root, _)| root).collect::<BTreeSet<_>>()
    {
        let lib = tree.join(root).join("src/lib.rs");
        let text = read(&lib)?;
        write(&tree.join(root).join("src/switch.rs"), include_str!("planted.rs"))?;
        write(&lib, &format!("{text}\npub mod switch;\n"))?;
    }

    let mut unbuilt = BTreeSet::new();
    for build in 1..=BUILDS_MAX {
        let switched = write_all(&mutants, &sources, &unbuilt, tree)?;
        let errors = check(tree, &packages)?;
        let blamed: BTreeSet<u32> = errors.iter().filter_map(|error| blamed(error, &switched)).collect();
        println!("build {build}: {} errors, {} changes do not build", errors.len(), blamed.len());
        if errors.is_empty() {
            let planted: BTreeSet<u32> = switched.values().flat_map(|file| &file.planted).copied().collect();
            let told = (1..).zip(&mutants).map(|(id, mutant)| {
                let verdict = match (planted.contains(&id), unbuilt.contains(&id)) {
                    (true, _) => "planted",
                    (false, true) => "no build",
                    (false, false) => "no place",
                };
                format!("{id}\t{verdict}\t{}\n", mutant.name)
            });
            return write(out, &told.collect::<String>());
        }
        if blamed.is_empty() {
            return Err(Fault::Build(errors.iter().map(|error| error.to_string() + "\n").collect()));
        }
        unbuilt.extend(blamed);
    }
    Err(Fault::Build(format!("still after {BUILDS_MAX} builds")))
}

/// Writes each source with all its changes but those.
fn write_all<'s>(
    mutants: &[Mutant],
    sources: &BTreeMap<&'s str, String>,
    without: &BTreeSet<u32>,
    tree: &Path,
) -> Result<BTreeMap<&'s str, Switched>, Fault> {
    let mut all = BTreeMap::new();
    for (file, source) in sources {
        let of_it = (1..).zip(mutants).filter(|(id, mutant)| mutant.file == *file && !without.contains(id));
        let switched = rewrite::switched(source, &of_it.collect::<Vec<_>>())
            .map_err(|fault| Fault::Source { file: (*file).to_owned(), fault })?;
        write(&tree.join(file), &switched.text)?;
        all.insert(*file, switched);
    }
    Ok(all)
}

/// What the compiler finds wrong.
fn check(tree: &Path, packages: &BTreeSet<&str>) -> Result<Vec<Value>, Fault> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(tree).args(["check", "--quiet", "--message-format=json"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    let output = cargo.output().map_err(Fault::Cargo)?;
    let told = String::from_utf8_lossy(&output.stdout);
    let errors: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|told| told["reason"] == "compiler-message" && told["message"]["level"] == "error")
        .map(|mut told| told["message"].take())
        // The last words say how many there were.
        .filter(|error| error["spans"].as_array().is_some_and(|spans| !spans.is_empty()))
        .collect();
    if errors.is_empty() && !output.status.success() {
        return Err(Fault::Build(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(errors)
}

/// The change that this error is about: the smallest one that holds a place it names, the places that matter most first.
fn blamed(error: &Value, switched: &BTreeMap<&str, Switched>) -> Option<u32> {
    let mut spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
    spans.sort_by_key(|span| span["is_primary"] != Value::Bool(true));
    spans.into_iter().find_map(|span| {
        let file = switched.get(span["file_name"].as_str()?)?;
        let at = usize::try_from(span["byte_start"].as_u64()?).ok()?;
        let around = file.places.iter().filter(|(range, _)| range.contains(&at));
        around.min_by_key(|(range, _)| range.len()).map(|(_, id)| *id)
    })
}

fn read(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|fault| Fault::File { path: path.to_owned(), fault })
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(|fault| Fault::File { path: path.to_owned(), fault })
}
