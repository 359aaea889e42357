//! `deed approve request`: a rehearsal of the action, and its picture of the filled composer put before the approvers.

use deed_core::episode;
use deed_core::hold::HoldReason;
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::ports::ledger::{Claim, Fence};
use deed_core::state::State;
use deed_ledger::{ApprovalError, NewApprovalRequest};
use deed_proofs::{ArtifactKind, ArtifactRef, Manifest};
use serde_json::json;

use super::{Present, present, show};
use crate::context::{Context, account_name, mint};
use crate::error::CliError;
use crate::exit::Exit;
use crate::order::check_media;
use crate::runtime::Runner;
use crate::ui::{Answer, Facts, Tone};

/// The phase whose last picture shows the composer as it would be sent.
const REVIEW: &str = "review";

/// Runs the command.
///
/// # Errors
/// An action that nobody has to approve, that was attempted or that is being worked on; media that changed; no browser.
pub async fn run(id: &ActionId, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let present = present(id, &ledger, context).await?;
    let action = &present.details.action;
    if present.need.needed == 0 {
        let why = "nobody has to approve this action";
        return Err(ApprovalError::NotAsked { action: id.clone(), why }.into());
    }
    if action.state != State::Queued {
        return Err(ApprovalError::Closed { action: id.clone(), state: action.state }.into());
    }
    if let Some(obstacle) = ledger.obstacle(id).await? {
        return Err(CliError::Busy { action: id.clone(), obstacle });
    }
    check_media(&action.payload)?;
    let runner = Runner::enter(context, ledger.clone())?;
    let claim = rehearsal(&present, &runner);
    let episode = claim.fence.episode.clone();
    let ended = runner
        .supervise(async |runner| {
            let options = runner.options();
            Ok(episode::rehearse(runner.world(), claim, present.recipe.clone(), &options).await?)
        })
        .await?;
    let ending = ended.ok_or(CliError::StoppedBefore { action: Some(id.clone()) })?;
    // A rehearsal ends where draft mode ends: right before the commit.
    let stopped = ending.hold.as_ref().filter(|hold| hold.reason != HoldReason::DraftMode);
    if stopped.is_some() || ending.hold.is_none() {
        let why = stopped.map_or(ending.words.as_str(), |hold| hold.detail.as_str());
        return Ok(not_ready(why, stopped.map(|hold| hold.reason), &episode, &present, context));
    }
    let screenshot = picture_of(&episode, context)?;
    let new = NewApprovalRequest { action: id.clone(), need: present.need, screenshot, episode };
    let request = ledger.request_approval(&new, &context.settings.operator).await?;
    if request.revision > 1 {
        context.ui.say("what was approved under an earlier revision does not count any more");
    }
    show::run(id, None, context).await
}

/// A claim that the ledger does not know: nothing of the action is changed.
fn rehearsal(present: &Present, runner: &Runner) -> Claim {
    let fence = Fence {
        action: present.details.action.id.clone(),
        account: present.account.id.clone(),
        episode: EpisodeId::new(mint()),
        worker: runner.worker().clone(),
        epoch: 0,
    };
    Claim { action: present.details.action.clone(), account: present.account.clone(), fence, failure: None }
}

/// The last picture of the composer before it would have been sent, as the sealed manifest names it.
fn picture_of(episode: &EpisodeId, context: &Context) -> Result<ArtifactRef, CliError> {
    let path = context.episode_folder(episode).join("manifest.json");
    let bytes = std::fs::read(&path).map_err(CliError::file("read the rehearsal's proof", &path))?;
    let unusable =
        |why: &str| CliError::file("use the rehearsal's proof", &path)(std::io::Error::other(why.to_owned()));
    let manifest = Manifest::from_json(&bytes).map_err(|error| unusable(&error.to_string()))?;
    let mut pictures =
        manifest.artifacts.into_iter().filter(|a| a.kind == ArtifactKind::Screenshot && a.phase == REVIEW);
    pictures.next_back().ok_or_else(|| unusable("it has no picture of the composer"))
}

fn not_ready(
    why: &str,
    reason: Option<HoldReason>,
    episode: &EpisodeId,
    present: &Present,
    context: &Context,
) -> Answer {
    let report = Some(context.episode_folder(episode).join("report.html")).filter(|r| r.exists());
    let headline = "not asked: the composer did not stand ready; nothing was sent";
    let facts = Facts::default()
        .with("account", account_name(&present.account))
        .with("why", why)
        .maybe("proof", report.as_ref().map(|r| r.display().to_string()))
        .maybe("help", reason.map(HoldReason::remedy));
    let data = json!({
        "requested": false,
        "action_id": present.details.action.id,
        "hold": reason.map(|reason| json!({ "reason": reason, "detail": why })),
        "report": report,
        "exit": Exit::Held.code(),
    });
    let text = format!("{}\n{}", context.ui.out.tone(Tone::Warn, headline), facts.render());
    Answer { exit: Exit::Held, data, text }
}
