//! `deed act`: carries out one order, once.
//!
//! The same order again is the same action: its stored outcome is the answer, without a browser. What an earlier run left
//! behind is resolved first.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deed_core::account::Account;
use deed_core::episode::Ending;
use deed_core::ids::{ActionId, ClientId};
use deed_core::order::{Lane, Payload};
use deed_core::ports::ledger::LedgerFault;
use deed_core::state::State;
use deed_core::time::Timestamp;
use deed_ledger::{ActionDetails, Filed, LedgerError, NewOrder, SqlLedger};
use deed_recipes::Recipe;

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::order::{self, Order};
use crate::outcome;
use crate::runtime::{Runner, waits_for_review};
use crate::stamp;
use crate::ui::Answer;
use crate::upload;

/// How long the answer waits for time stamps.
const STAMPED_WITHIN: Duration = Duration::from_secs(10);

/// An order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Order as a JSON file, or - for standard input
    pub order: PathBuf,
}

/// An order that was checked against its account and recipe; nothing is stored yet.
pub struct Checked {
    /// As whom.
    pub account: Account,
    /// By which recipe.
    pub recipe: Arc<Recipe>,
    /// What.
    pub payload: Payload,
}

/// Runs the command.
///
/// # Errors
/// Bad input, no browser, the ledger's; an episode's own stops are outcomes.
pub async fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let order = order::read(&args.order)?;
    let ledger = context.ledger().await?;
    carry_out(&order, &ledger, context).await
}

/// Files the order and works on it, unless it was done before.
///
/// # Errors
/// As [`run`].
pub async fn carry_out(order: &Order, ledger: &SqlLedger, context: &Context) -> Result<Answer, CliError> {
    let checked = check(order, ledger, context).await?;
    // With a policy that can not be kept to, nothing is filed either.
    context.policy()?;
    let filed = file(order, &checked, ledger, context).await?;
    let id = filed.action.action.id.clone();
    if is_settled(&filed.action) {
        context.ui.say("this order was worked on before: here is its stored outcome; nothing was sent now");
        return stored(&id, &checked.account, ledger, context).await;
    }
    let runner = Runner::enter(context, ledger.clone())?;
    let ended = runner.supervise(async |runner| work(runner, &id, &checked.account).await).await?;
    let Some(ending) = ended else { return Err(stopped(&id, ledger).await) };
    if let Some(fault) = ending.and_then(|e| e.proof_fault) {
        context.ui.warn(&format!("the outcome stands, its proof is incomplete: {fault}"));
    }
    stamp_now(context).await;
    upload::at_the_end(context, ledger, upload::episode_of(ledger, &id).await?.as_ref()).await;
    stored(&id, &checked.account, ledger, context).await
}

/// Gets time stamps where authorities are named. What is not stamped within the bound is due again; the outcome waits for none of it.
async fn stamp_now(context: &Context) {
    match tokio::time::timeout(STAMPED_WITHIN, stamp::pass(context, false)).await {
        Ok(Ok(stamped)) if stamped.waiting.is_empty() => {}
        Ok(Ok(_)) | Err(_) => {
            context.ui.say("the signature waits for its time stamp: `deed work` and `deed proof stamp` ask again");
        }
        Ok(Err(error)) => context.ui.warn(&format!("no time stamp was asked for: {error}")),
    }
}

/// `None`: recovery or verification came to an answer, so there was nothing to do.
async fn work(runner: &Runner, id: &ActionId, account: &Account) -> Result<Option<Ending>, CliError> {
    let mut worked = runner.recover().await?;
    worked.extend(runner.settle(Some(&account.id)).await?);
    worked.extend(runner.look_again(id).await?);
    if runner.ledger().action(id).await?.state != State::Queued {
        return Ok(worked.into_iter().find(|w| w.action == *id).map(|w| w.ending));
    }
    Ok(Some(runner.act(id).await?.ending))
}

/// Checks the order against the account and the recipe.
///
/// # Errors
/// An unknown account or platform, content that the platform does not take.
pub async fn check(order: &Order, ledger: &SqlLedger, context: &Context) -> Result<Checked, CliError> {
    let recipe = context.recipe(&order.file.platform)?;
    check_against(order, recipe, ledger, context).await
}

/// As [`check`], with a recipe that is at hand.
///
/// # Errors
/// As [`check`].
pub async fn check_against(
    order: &Order,
    recipe: Arc<Recipe>,
    ledger: &SqlLedger,
    context: &Context,
) -> Result<Checked, CliError> {
    let account = find_account(order, ledger).await?;
    let payload = order.payload(&context.settings.media())?;
    order.check(&recipe, &payload)?;
    Ok(Checked { account, recipe, payload })
}

/// The order's platform tells accounts of the same handle apart.
async fn find_account(order: &Order, ledger: &SqlLedger) -> Result<Account, LedgerError> {
    let name = &order.file.account;
    let of_platform = ledger.find_account(&format!("{}/{name}", order.file.platform)).await;
    match of_platform {
        Err(LedgerError::Fault(LedgerFault::NotFound { .. })) => ledger.find_account(name).await,
        other => other,
    }
}

/// Keeps the order's media and files it, as `by`'s.
///
/// # Errors
/// Media that can not be kept, another client or platform than the account's, an idempotency key with another payload.
pub async fn file_quietly(order: &Order, checked: &Checked, ledger: &SqlLedger, by: &str) -> Result<Filed, CliError> {
    if !checked.payload.content.media.is_empty() {
        order.keep_media(&checked.payload)?;
    }
    let client = order.file.client.as_ref().map_or_else(|| checked.account.client.clone(), ClientId::new);
    let mut depends_on = Vec::new();
    for name in &order.file.depends_on {
        depends_on.push(ledger.find_action(&client, name.trim()).await?);
    }
    let new = NewOrder {
        client,
        account: checked.account.id.clone(),
        platform: order.file.platform.clone(),
        lane: Lane::Browser,
        payload: checked.payload.clone(),
        idempotency_key: order.file.idempotency_key.clone(),
        experiment_id: order.file.experiment_id.clone(),
        variant_id: order.file.variant_id.clone(),
        priority: order.file.priority,
        not_before: order.file.not_before.as_deref().and_then(Timestamp::parse),
        depends_on,
        batch: order.file.batch.clone(),
        risk: order.file.risk,
        filed_by: by.to_owned(),
    };
    Ok(ledger.file_order(&new).await?)
}

/// As [`file_quietly`], and says so.
///
/// # Errors
/// As [`file_quietly`].
pub async fn file(order: &Order, checked: &Checked, ledger: &SqlLedger, context: &Context) -> Result<Filed, CliError> {
    let filed = file_quietly(order, checked, ledger, &context.settings.operator).await?;
    if filed.created {
        let what = &filed.action.action.payload.action_type;
        context.ui.say(&format!(
            "filed {what} as {}: action {}",
            account_name(&checked.account),
            filed.action.action.id
        ));
    }
    Ok(filed)
}

/// Whether a run has nothing to add.
fn is_settled(stored: &ActionDetails) -> bool {
    let state = stored.action.state;
    state.is_final() || (state == State::ConfirmedSuccess && !waits_for_review(stored))
}

/// The outcome as the ledger holds it.
async fn stored(id: &ActionId, account: &Account, ledger: &SqlLedger, context: &Context) -> Result<Answer, CliError> {
    let details = ledger.action_details(id).await?;
    Ok(outcome::answer(&details, &account_name(account), &context.settings.proofs, context.ui.out))
}

/// What a signal interrupted: the ledger tells whether anything may have been sent.
pub(crate) async fn stopped(id: &ActionId, ledger: &SqlLedger) -> CliError {
    match ledger.action(id).await {
        Ok(action) if !action.state.may_have_happened() => CliError::StoppedBefore { action: Some(id.clone()) },
        Ok(_) => CliError::StoppedAfter { action: id.clone() },
        Err(fault) => CliError::OutcomeUnknown { action: id.clone(), fault },
    }
}
