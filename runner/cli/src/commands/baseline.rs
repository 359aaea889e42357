//! `deed recipe baseline`: writes where the landmarks of each surface stand now into the recipe's `baselines` folder.
//!
//! From a connected account's session, from the practice platform, or from fixtures: pages that were recorded or authored. The
//! session is read-only: no write request passes. What was written is shown by `git diff`; a person looks at it before it is
//! trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_chromium::{Chromium, ChromiumConfig, LaunchConfig};
use deed_core::account::Fingerprint;
use deed_core::baselines::{Recorded, record};
use deed_core::episode::Options;
use deed_core::ids::{AccountId, EpisodeId};
use deed_core::ports::browser::{Access, Browser as _, Opening, Pacing, Session as _, SessionState};
use deed_core::ports::ledger::Ledger as _;
use deed_fixtures::{Practice, PracticeConfig};
use deed_proofs::ImageHash;
use deed_recipes::{BASELINES, FILE_NAME, Recipe};
use serde_json::json;

use super::account;
use crate::context::{Context, mint};
use crate::error::CliError;
use crate::exit::Exit;
use crate::replay;
use crate::runtime::browser_binary;
use crate::ui::{Answer, Facts, Tone};
use crate::world::now;

/// The account whose pages the practice platform's baselines are recorded from.
const PRACTICE_HANDLE: &str = "north_star";

/// What to record from: one of the three.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").args(["account", "practice", "from"]).required(true))]
pub struct Args {
    /// The recipe's folder
    pub recipe: PathBuf,
    /// A connected account; its session is opened read-only
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The practice platform, started for it
    #[arg(long)]
    pub practice: bool,
    /// Recorded or authored pages: a folder with a fixture.yaml; said several times, each adds the surfaces that it shows
    #[arg(long, value_name = "FIXTURE_DIR")]
    pub from: Vec<PathBuf>,
}

/// Whose pages are looked at.
struct Source {
    fingerprint: Fingerprint,
    session: SessionState,
    base: String,
}

/// Runs the command.
///
/// # Errors
/// A recipe with errors, no browser, an account without a session or that is not proved, a fixture that can not be used, a folder
/// that can not be written.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    browser_binary(context)?;
    let recipe = Arc::new(without_baselines(&args.recipe)?);
    let recorded = match &args.account {
        Some(name) => {
            let source = of_account(name, &recipe, context).await?;
            look(&recipe, source, context).await?
        }
        None if !args.from.is_empty() => {
            let chromium = replay::browser(context.settings.browser.clone());
            let recorded = replay::baseline::of_all(&args.from, &recipe, &chromium).await;
            chromium.stop().await;
            recorded?
        }
        None => {
            let practice = Practice::start(PracticeConfig::default()).await?;
            let recorded = look(&recipe, of_practice(&practice)?, context).await;
            practice.stop().await;
            recorded?
        }
    };
    let folder = if args.recipe.is_dir() { args.recipe.clone() } else { args.recipe.with_file_name("") };
    let files = write(&folder.join(BASELINES), &recorded)?;
    Ok(answer(&files, &recorded, context))
}

/// The recipe alone: baselines that no longer fit it are what is to be replaced.
fn without_baselines(path: &Path) -> Result<Recipe, CliError> {
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let text = std::fs::read_to_string(&file).map_err(CliError::file("read the recipe", &file))?;
    deed_recipes::load_str(&file.display().to_string(), &text)
        .map_err(|diagnostics| CliError::Recipe(deed_recipes::LoadError::Invalid { path: file, diagnostics }))
}

async fn of_account(name: &str, recipe: &Recipe, context: &Context) -> Result<Source, CliError> {
    let (ledger, account) = account::find(name, context).await?;
    let session = ledger.session(&account.id).await?;
    ledger.close().await;
    let Some(session) = session else {
        return Err(CliError::Usage(format!(
            "account {name} has no session; `deed account connect {name} --session FILE`"
        )));
    };
    let base = account.origin.clone().filter(|o| recipe.allows_origin(o)).or_else(|| recipe.base_origin());
    let Some(base) = base else {
        return Err(CliError::Usage(format!("the origin of account {name} is not one of the recipe's origins")));
    };
    Ok(Source { fingerprint: account.fingerprint, session, base })
}

fn of_practice(practice: &Practice) -> Result<Source, CliError> {
    let facts = practice.account_fingerprint(PRACTICE_HANDLE)?;
    Ok(Source {
        fingerprint: Fingerprint {
            handle: PRACTICE_HANDLE.to_owned(),
            display_name: Some(facts.display_name),
            avatar: ImageHash::of(&facts.avatar_png).ok(),
        },
        session: SessionState::new(practice.storage_state(PRACTICE_HANDLE)?.to_string()),
        base: practice.origin(),
    })
}

async fn look(recipe: &Arc<Recipe>, source: Source, context: &Context) -> Result<Recorded, CliError> {
    let browser = Chromium::new(ChromiumConfig {
        launch: LaunchConfig { binary: context.settings.browser.clone(), ..LaunchConfig::default() },
        runner: None,
        now: Arc::new(now),
    });
    let opening = Opening {
        account: AccountId::new("baseline"),
        episode: EpisodeId::new(mint()),
        recipe: Arc::clone(recipe),
        flow: recipe.flows.keys().next().cloned().unwrap_or_default(),
        base: source.base.clone(),
        session: source.session,
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    };
    let recorded = async {
        let mut session = browser.open(&opening).await?;
        let patience = Options::default().patience;
        let recorded = record(&mut session, recipe, &source.base, &source.fingerprint, patience, now()).await;
        session.close().await;
        recorded.map_err(CliError::from)
    }
    .await;
    browser.stop().await;
    recorded
}

fn write(folder: &Path, recorded: &Recorded) -> Result<Vec<PathBuf>, CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::file("make the folder of baselines", folder))?;
    let mut files = Vec::new();
    for baseline in &recorded.baselines {
        let file = folder.join(format!("{}.json", baseline.surface));
        let written = serde_json::to_string_pretty(baseline)
            .map_err(std::io::Error::other)
            .and_then(|json| std::fs::write(&file, format!("{json}\n")));
        written.map_err(CliError::file("write the baseline", &file))?;
        files.push(file);
    }
    Ok(files)
}

fn answer(files: &[PathBuf], recorded: &Recorded, context: &Context) -> Answer {
    let exit = if recorded.left_out.is_empty() { Exit::Done } else { Exit::Held };
    let tone = if recorded.left_out.is_empty() { Tone::Good } else { Tone::Warn };
    let mut facts = Facts::default();
    for file in files {
        facts = facts.with("written", file.display());
    }
    for (surface, why) in &recorded.left_out {
        facts = facts.with("left out", format!("{surface}: {why}"));
    }
    for what in &recorded.unsteady {
        facts = facts.with("differs", what);
    }
    let headline = context
        .ui
        .out
        .tone(tone, &format!("{} of {} baselines written", files.len(), files.len() + recorded.left_out.len()));
    let left_out: Vec<_> = recorded.left_out.iter().map(|(s, why)| json!({ "surface": s, "why": why })).collect();
    let data = json!({ "written": files, "left_out": left_out, "unsteady": recorded.unsteady, "exit": exit.code() });
    Answer { exit, data, text: format!("{headline}\n{}", facts.render()) }
}
