//! `deed rehearse`: everything of an order but the commit, in a session in which no write request passes. Nothing is stored but
//! proof; done means that the composer stood ready as ordered.

use deed_core::episode::{self, Ending};
use deed_core::hold::HoldReason;
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::order::{Action, Lane, default_idempotency_key};
use deed_core::ports::ledger::{Claim, Fence};
use deed_core::state::State;
use serde_json::json;

use super::act::{self, Checked};
use crate::context::{Context, account_name, mint};
use crate::error::CliError;
use crate::exit::Exit;
use crate::order::{self, Order};
use crate::runtime::Runner;
use crate::ui::{Answer, Facts, Tone};

/// An order, and how it is paced.
#[derive(Debug, clap::Args)]
#[group(id = "rehearsal")]
pub struct Args {
    #[command(flatten)]
    order: act::Args,
    /// Pace the inputs as an earlier episode did: the pacing seed of its report
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// Bad input, no browser, the ledger's.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let order = order::read(&args.order.order)?;
    let ledger = context.ledger().await?;
    let checked = act::check(&order, &ledger, context).await?;
    order.keep_media(&checked.payload)?;
    let runner = Runner::enter(context, ledger)?;
    let claim = rehearsal(&order, &checked, &runner);
    let episode = claim.fence.episode.clone();
    let ended = runner
        .supervise(async |runner| {
            let options = runner.acting_options()?.with_seed(args.seed);
            Ok(episode::rehearse(runner.world(), claim, checked.recipe.clone(), &options).await?)
        })
        .await?;
    let ending = ended.ok_or(CliError::StoppedBefore { action: None })?;
    Ok(answer(&ending, &episode, &checked, context))
}

/// A claim on an action that the ledger does not know, and never will.
fn rehearsal(order: &Order, checked: &Checked, runner: &Runner) -> Claim {
    let account = checked.account.clone();
    let action = Action {
        id: ActionId::new(format!("rehearsal-{}", mint())),
        episode: None,
        client: account.client.clone(),
        account: account.id.clone(),
        platform: order.file.platform.clone(),
        lane: Lane::Browser,
        payload: checked.payload.clone(),
        idempotency_key: default_idempotency_key(&account.client, &order.file.platform, &account.id, &checked.payload),
        state: State::Queued,
        attempted_at: None,
        experiment_id: order.file.experiment_id.clone(),
        variant_id: order.file.variant_id.clone(),
        risk: order.file.risk,
    };
    let fence = Fence {
        action: action.id.clone(),
        account: account.id.clone(),
        episode: EpisodeId::new(mint()),
        worker: runner.worker().clone(),
        epoch: 0,
    };
    Claim { action, account, fence, failure: None }
}

fn answer(ending: &Ending, episode: &EpisodeId, checked: &Checked, context: &Context) -> Answer {
    let report = Some(context.episode_folder(episode).join("report.html")).filter(|r| r.exists());
    let hold = ending.hold.as_ref();
    let (exit, tone, headline) = match hold.map(|h| h.reason) {
        // A rehearsal ends where draft mode ends: right before the commit.
        Some(HoldReason::DraftMode) => {
            (Exit::Done, Tone::Good, "rehearsed: the composer stood ready; nothing was sent".to_owned())
        }
        Some(reason) => (Exit::Held, Tone::Warn, format!("stopped: {}; nothing was sent", reason.as_str())),
        None => {
            let why = ending.failure.map_or_else(|| ending.words.clone(), |f| f.as_str().to_owned());
            (Exit::of_ending(ending), Tone::Bad, format!("it would fail: {why}; nothing was sent"))
        }
    };
    let stopped = hold.filter(|h| h.reason != HoldReason::DraftMode);
    let facts = Facts::default()
        .with("account", account_name(&checked.account))
        .maybe("why", stopped.map(|h| &h.detail))
        .maybe("until", stopped.and_then(|h| h.until))
        .maybe("found", ending.object.permalink.as_ref())
        .maybe("proof", report.as_ref().map(|r| r.display().to_string()))
        .maybe("help", stopped.map(|h| h.reason.remedy()))
        .maybe("beware", ending.proof_fault.as_ref());
    let data = json!({
        "rehearsed": exit == Exit::Done,
        "episode_id": episode,
        "platform_account_id": checked.account.id,
        "hold": stopped.map(|h| json!({ "reason": h.reason, "detail": h.detail, "until": h.until.map(|u| u.to_string()) })),
        "error_code": ending.failure.map(|f| f.as_str()),
        "permalink": ending.object.permalink,
        "report": report,
        "proof_fault": ending.proof_fault,
        "exit": exit.code(),
    });
    Answer { exit, data, text: format!("{}\n{}", context.ui.out.tone(tone, &headline), facts.render()) }
}
