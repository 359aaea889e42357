//! `deed recipe new` and `deed recipe import`: recipes to fill in. Never overwrites a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use deed_recipes::{ACTION_TYPES, Code, FILE_NAME, RECORDING_BYTES_MAX, check_str, import_recording, skeleton};
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::suggest::did_you_mean;
use crate::ui::{Answer, Facts, Tone};

/// What to make.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// The platform's name, as orders will say it
    platform: String,
    /// What the recipe will do
    #[arg(long, value_name = "ACTION", default_value = "publish.post")]
    flow: String,
    /// Where the platform's folder is made; without it, the folder of recipes (--recipes), else `recipes`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What to import.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The recording, exported as JSON from the Recorder panel of Chrome's developer tools
    recording: PathBuf,
    /// The platform's name, as orders will say it; without it, taken from the recording's first address
    #[arg(long)]
    platform: Option<String>,
    /// Where the platform's folder is made; without it, the folder of recipes (--recipes), else `recipes`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes a skeleton.
///
/// # Errors
/// A name that can not be one, an unknown action type, a recipe that is there already.
pub fn new(args: &NewArgs, context: &Context) -> Result<Answer, CliError> {
    let made = skeleton(&args.platform, &args.flow).map_err(|error| CliError::Usage(error.to_string()))?;
    let Some(text) = made else {
        let help = did_you_mean(&args.flow, &ACTION_TYPES);
        return Err(CliError::Usage(format!("there is no action type `{}`; {help}", args.flow)));
    };
    let path = write(&args.platform, &text, args.out.as_deref(), context)?;
    Ok(answer("made", &path, &text, &[], context))
}

/// Writes a draft.
///
/// # Errors
/// A file that is no recording, a name that can not be one, a recipe that is there already.
pub fn import(args: &ImportArgs, context: &Context) -> Result<Answer, CliError> {
    let recording = read(&args.recording)?;
    let draft = import_recording(&recording, args.platform.as_deref())
        .map_err(|source| CliError::Recording { path: args.recording.clone(), source })?;
    let path = write(&draft.platform, &draft.text, args.out.as_deref(), context)?;
    Ok(answer("drafted", &path, &draft.text, &draft.notes, context))
}

/// One byte more than is read, so that the importer can say that it is too much.
fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::RecordingUnreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // A pipe or device could keep the reader waiting.
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    let mut bytes = Vec::new();
    file.take(RECORDING_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn write(platform: &str, text: &str, out: Option<&Path>, context: &Context) -> Result<PathBuf, CliError> {
    let below = out.or(context.settings.recipes.as_deref()).unwrap_or_else(|| Path::new("recipes"));
    let folder = below.join(platform);
    fs::create_dir_all(&folder).map_err(CliError::file("make the recipe's folder", &folder))?;
    let path = folder.join(FILE_NAME);
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(CliError::file("write the recipe", &path))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(CliError::RecipeExists { path }),
        Err(error) => return Err(CliError::file("write the recipe", &path)(error)),
    }
    Ok(path)
}

fn answer(word: &str, path: &Path, text: &str, notes: &[String], context: &Context) -> Answer {
    let found = check_str(FILE_NAME, text);
    let unfilled = found.list().iter().filter(|one| one.code == Code::Unfilled).count();
    let folder = path.parent().unwrap_or(path);
    let next = format!("deed recipe check {}", folder.display());
    let mut shown = format!("{}  {}\n", context.ui.out.tone(Tone::Good, word), path.display());
    for note in notes {
        shown.push_str(&format!("  note  {note}\n"));
    }
    let facts = Facts::default()
        .with("left", format!("{unfilled} places to fill in; each is a word that begins with TODO_"))
        .with("next", format!("open it in an editor; `{next}` names each place with what to put there"));
    shown.push_str(&facts.render());
    Answer::done(json!({ "path": path, "to_fill_in": unfilled, "notes": notes, "next": next }), shown)
}
