//! `deed record`: what a recipe visits, or a person in a window, read-only in an account's session, becomes a fixture.

use std::path::PathBuf;

use deed_core::ports::ledger::{Ledger as _, LedgerFault};
use serde_json::json;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::record::{self, Plan, Recording, Visit, write::Of};
use crate::signals::asked_to_stop;
use crate::ui::{Answer, Facts};
use crate::window;

/// What is visited, as whom, and where it is kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Handle, platform/handle or id
    #[arg(long)]
    pub account: String,
    /// Folder for the fixture; made when it is not there, and must be empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Visit the surfaces of this flow of the recipe (publish.post) and take those of its steps that need no order; nothing is committed
    #[arg(long, value_name = "ACTION")]
    pub flow: Option<String>,
    /// What the flow aims at, where its surfaces need it
    #[arg(long, value_name = "TARGET", requires = "flow")]
    pub target: Option<String>,
    /// Personal data to take out, beside what is taken out anyway; may be said several times
    #[arg(long, value_name = "WORD")]
    pub scrub: Vec<String>,
    /// Open a window and keep what you visit in it until you close it: each page that stands still, and what is shown when you press Enter here
    #[arg(long, conflicts_with = "flow")]
    pub window: bool,
    /// Pages to visit, within the recipe's origins; with --window the one to begin at, else the account's own page
    #[arg(value_name = "URL", required_unless_present_any = ["flow", "window"])]
    pub urls: Vec<String>,
}

/// What a person does who has no display.
const WITHOUT_A_DISPLAY: &str = "run it on a desktop, or name the pages instead of --window: `deed record … URL…`";

/// Runs the command.
///
/// # Errors
/// Bad input, an account without a session, the browser's, a folder that can not be written or is not empty.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let empty = std::fs::read_dir(&args.out).map_or(true, |mut entries| entries.next().is_none());
    if !empty {
        return Err(CliError::Usage(format!(
            "--out {} is not empty; name an empty folder, or one that is not there",
            args.out.display()
        )));
    }
    let ledger = context.ledger().await?;
    let account = ledger.find_account(&args.account).await?;
    let recipe = context.recipe(&account.platform)?;
    let session = ledger.session(&account.id).await?;
    let session = session.ok_or_else(|| LedgerFault::NotFound { what: "session", id: account_name(&account) })?;
    let who = (&recipe, &account, &session);
    let (visited, recording) =
        if args.window { in_a_window(args, context, who).await? } else { visit(args, context, who).await? };
    let flow = args.flow.as_deref();
    let target = args.target.as_deref();
    let of = Of { recipe: &recipe, account: &account, session: &session, flow, target, words: &args.scrub };
    let written = record::write(&recording, &of, &args.out)?;
    if let Some(end) = &recording.steps_end {
        context.ui.say(&format!("the flow's steps were taken until {end}"));
    }
    for stopped in &recording.kept_home {
        context.ui.warn(&format!("stopped, because it would have left the recipe's origins: {stopped}"));
    }
    if written.left_out > 0 {
        context
            .ui
            .warn(&format!("{} bodies held a secret that could not be taken out; they are empty", written.left_out));
    }
    context.ui.warn("pictures show what the pages showed: look at them before you pass them on");
    let facts = Facts::default()
        .with("fixture", args.out.display())
        .with("pages", visited.len())
        .with("exchanges", written.exchanges);
    let data = json!({
        "out": args.out,
        "visited": visited,
        "exchanges": written.exchanges,
        "pictures": written.pictures,
        "left_out": written.left_out,
        "kept_home": recording.kept_home,
        "steps_end": recording.steps_end,
    });
    Ok(Answer::done(data, format!("recorded\n{}", facts.render())))
}

/// The addresses, and what was recorded of them.
type Recorded = (Vec<String>, Recording);

async fn visit(args: &Args, context: &Context, who: record::As<'_>) -> Result<Recorded, CliError> {
    let (recipe, account, _) = who;
    let mut visits = Vec::new();
    if let Some(flow) = &args.flow {
        visits = record::surfaces(recipe, flow, account, args.target.as_deref());
        if visits.is_empty() {
            let known: Vec<_> = recipe.flows.keys().map(String::as_str).collect();
            return Err(CliError::Usage(format!("the recipe has no flow {flow}; it has {}", known.join(", "))));
        }
    }
    visits.extend(
        args.urls.iter().enumerate().map(|(n, url)| Visit { name: format!("page{}", n + 1), url: url.clone() }),
    );
    for visit in &visits {
        context.ui.say(&format!("visiting {}", visit.url));
    }
    let plan = Plan { visits: &visits, flow: args.flow.as_deref(), target: args.target.as_deref() };
    let recording = record::record(plan, who, context.settings.browser.clone()).await?;
    Ok((visits.into_iter().map(|visit| visit.url).collect(), recording))
}

async fn in_a_window(args: &Args, context: &Context, who: record::As<'_>) -> Result<Recorded, CliError> {
    let (recipe, account, _) = who;
    let first = match args.urls.as_slice() {
        [] => record::own_page(recipe, account)?,
        [one] => one.clone(),
        _ => return Err(CliError::Usage("--window begins at one page; name one URL, or none".to_owned())),
    };
    let launch = window::launch(WITHOUT_A_DISPLAY)?;
    let ui = context.ui;
    ui.say("browse in the window; what the recipe declares as a write does not leave it");
    ui.say("each page is kept when it stands still; Enter here keeps what is shown now; close the window to end");
    let mut visited = Vec::new();
    let keep = |url: &str| {
        // What stands behind it may be a secret.
        let page = url.split(['?', '#']).next().unwrap_or_default();
        ui.say(&format!("kept {page}"));
        visited.push(page.to_owned());
    };
    let recording = record::record_person(&first, who, launch, window::lines(), asked_to_stop(), keep).await?;
    Ok((visited, recording))
}
