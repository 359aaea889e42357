//! `deed policy check`: what preflight would say of an order now. Nothing is filed, and no browser is started.

use std::path::Path;

use deed_core::hold::Hold;
use deed_core::ids::{ActionId, ClientId};
use deed_core::order::{Action, Lane, default_idempotency_key};
use deed_core::policy::{self, Asks, Outcome, PolicyReport};
use deed_core::ports::ledger::Ledger as _;
use deed_core::state::State;
use deed_ledger::SqlLedger;
use serde_json::json;

use crate::commands::act::{self, Checked};
use crate::context::{Context, account_name, mint};
use crate::error::CliError;
use crate::exit::Exit;
use crate::order::{self, Order};
use crate::ui::{Answer, Facts, Tone, table};
use crate::world::now;

pub(super) async fn run(path: &Path, context: &Context) -> Result<Answer, CliError> {
    let order = order::read(path)?;
    let ledger = context.ledger().await?;
    let checked = act::check(&order, &ledger, context).await?;
    let action = action(&order, &checked, &ledger).await?;
    let (account, recipe, now) = (&checked.account, &checked.recipe, now());
    let policy = context.policy()?.resolve(&policy::who(account), &recipe.budgets);
    let asks = Asks::of(&policy, recipe, &action, account, now);
    let facts = ledger.policy_facts(&action, account, &asks).await?;
    let report = policy::evaluate(&action, account, recipe, &policy, &facts, now);
    let hold = report.hold_before_commit();
    let exit = if hold.is_some() { Exit::Held } else { Exit::Done };
    let data = json!({
        "account": account_name(account),
        "platform_account_id": account.id,
        "action_type": action.payload.action_type,
        "would_be_held": hold.as_ref().map(|h| json!({
            "reason": h.reason,
            "detail": h.detail,
            "until": h.until.map(|until| until.to_string()),
            "before": if report.hold().is_some() { "everything" } else { "the commit" },
        })),
        "checks": report.checks.iter().map(|check| json!({
            "name": check.name,
            "outcome": check.outcome,
            "finding": check.finding,
            "until": check.until.map(|until| until.to_string()),
        })).collect::<Vec<_>>(),
        "policy_file": context.settings.policy_file(),
        "policy": policy,
        "exit": exit.code(),
    });
    Ok(Answer { exit, data, text: text(&report, hold.as_ref(), context) })
}

/// The action that the order is, or would become: a filed one has its approvals.
async fn action(order: &Order, checked: &Checked, ledger: &SqlLedger) -> Result<Action, CliError> {
    let (account, payload) = (&checked.account, &checked.payload);
    let client = order.file.client.as_ref().map_or_else(|| account.client.clone(), ClientId::new);
    let key = order.file.idempotency_key.as_deref().map_or_else(
        || default_idempotency_key(&client, &order.file.platform, &account.id, payload),
        |key| key.trim().to_owned(),
    );
    let filed = ledger.action_by_key(&key).await?.map(|details| details.action);
    if let Some(action) = filed.filter(|action| action.account == account.id && action.payload.hash() == payload.hash())
    {
        return Ok(action);
    }
    Ok(Action {
        id: ActionId::new(format!("unfiled-{}", mint())),
        episode: None,
        client,
        account: account.id.clone(),
        platform: order.file.platform.clone(),
        lane: Lane::Browser,
        payload: payload.clone(),
        idempotency_key: key,
        state: State::Queued,
        attempted_at: None,
        experiment_id: order.file.experiment_id.clone(),
        variant_id: order.file.variant_id.clone(),
        risk: order.file.risk,
    })
}

fn text(report: &PolicyReport, hold: Option<&Hold>, context: &Context) -> String {
    let paint = context.ui.out;
    let until =
        |until: Option<_>| until.map_or_else(String::new, |until: deed_core::time::Timestamp| until.to_the_second());
    let rows: Vec<Vec<String>> = report
        .checks
        .iter()
        .map(|check| {
            vec![check.name.to_owned(), check.outcome.as_str().to_owned(), until(check.until), check.finding.clone()]
        })
        .collect();
    let table = table(&["CHECK", "OUTCOME", "UNTIL", "FOUND"], &rows, paint);
    let Some(hold) = hold else {
        let warned = report.checks.iter().filter(|check| check.outcome == Outcome::Warned).count();
        let words = if warned > 0 { format!("it may run; {warned} to be looked at") } else { "it may run".to_owned() };
        return format!("{table}\n{}", paint.tone(Tone::Good, &words));
    };
    let when = if report.hold().is_some() { "" } else { ", right before the commit" };
    let headline = paint.tone(Tone::Warn, &format!("it would be held: {}{when}", hold.reason.as_str()));
    let facts = Facts::default().maybe("until", hold.until).with("help", hold.reason.remedy());
    format!("{table}\n{headline}\n{}", facts.render())
}
