//! `deed recipe`: check (every error of every recipe, with its place), explain, schema, new, import. (`deed
//! recipe baseline` has a room of its own.)

mod explain;
mod make;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use deed_recipes::{FILE_NAME, LoadError, Recipe};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Tone};

/// Check, explain, make and import recipes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write where the landmarks of each surface stand now, from a session that can only look
    Baseline(super::baseline::Args),
    /// Check recipes: files, their folders, or a folder of such folders
    Check {
        /// What to check
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Tell in plain words what a recipe does, what its one irreversible click is, and what makes it stop
    Explain(explain::Args),
    /// Print the JSON Schema of the recipe language, for editors
    Schema,
    /// Write a new recipe, with comments and places to fill in
    New(make::NewArgs),
    /// Turn a recording of Chrome's developer tools into a draft recipe
    Import(make::ImportArgs),
}

/// Checks recipes.
///
/// # Errors
/// A folder that can not be read. A recipe with errors is an answer with its own exit code.
pub fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        // It needs a browser, and is run where those commands are.
        Command::Baseline(_) => Err(CliError::Usage("`recipe baseline` is run with a browser".to_owned())),
        Command::Check { paths } => check(paths, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Schema => schema(),
        Command::New(args) => make::new(args, context),
        Command::Import(args) => make::import(args, context),
    }
}

/// The schema is a JSON document already: `--json` changes nothing.
fn schema() -> Result<Answer, CliError> {
    let text = deed_recipes::schema();
    let data = serde_json::from_str(&text).map_err(|e| CliError::Usage(e.to_string()))?;
    Ok(Answer::done(data, text))
}

fn check(paths: &[PathBuf], context: &Context) -> Result<Answer, CliError> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(recipes_in(path)?);
    }
    let (mut exit, mut lines, mut data) = (Exit::Done, Vec::new(), Vec::new());
    for path in &all {
        match load(path) {
            Ok(recipe) => {
                lines.push(good(path, &recipe, context));
                data.push(good_json(path, &recipe));
            }
            Err(error) => {
                exit = Exit::BadInput;
                bad(path, &error, context);
                lines.push(format!("{}  {}", context.ui.out.tone(Tone::Bad, "wrong"), path.display()));
                let diagnostics = error.diagnostics().map(|d| json!(d));
                let message = diagnostics.is_none().then(|| error.to_string());
                data.push(json!({ "path": path, "ok": false, "code": error.code(), "message": message, "diagnostics": diagnostics }));
            }
        }
    }
    Ok(Answer { exit, data: json!({ "recipes": data, "exit": exit.code() }), text: lines.join("\n") })
}

/// A folder's recipe must be that of the platform whose name the folder has; a file may lie anywhere.
fn load(path: &Path) -> Result<Recipe, LoadError> {
    let folder = if path.is_dir() { path.canonicalize().ok() } else { None };
    match folder.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some(name) => deed_recipes::load_for(name, path),
        None => deed_recipes::load(path),
    }
}

/// The recipe at a path, or those in the folders below it.
fn recipes_in(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    if !path.is_dir() || path.join(FILE_NAME).exists() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(CliError::file("read the folder of recipes", path))?;
    let mut below: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.join(FILE_NAME).exists()).collect();
    below.sort();
    // Loading a folder without a recipe says that there is none.
    Ok(if below.is_empty() { vec![path.to_owned()] } else { below })
}

fn good(path: &Path, recipe: &Recipe, context: &Context) -> String {
    let flows: Vec<_> = recipe.flows.keys().map(String::as_str).collect();
    let word = context.ui.out.tone(Tone::Good, "sound");
    format!("{word}  {}  {} number {}: {}", path.display(), recipe.platform, recipe.recipe, flows.join(", "))
}

fn good_json(path: &Path, recipe: &Recipe) -> Value {
    let flows: Vec<_> = recipe.flows.keys().collect();
    json!({ "path": path, "ok": true, "platform": recipe.platform, "recipe": recipe.recipe, "hash": recipe.hash, "flows": flows })
}

/// The errors as a compiler shows them, for a person.
fn bad(path: &Path, error: &LoadError, context: &Context) {
    match error.diagnostics() {
        Some(diagnostics) => context.ui.say(&diagnostics.render(context.ui.err.0)),
        None => {
            let head = context.ui.err.tone(Tone::Bad, &format!("error[{}]", error.code()));
            context.ui.say(&format!("{head}: {error}\n  where: {}", path.display()));
        }
    }
}
