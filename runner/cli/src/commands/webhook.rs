//! `deed webhook`: who is told what became of actions, and the telling.

use std::time::Duration;

use clap::Subcommand;
use deed_core::ids::ClientId;
use deed_ledger::{EVENT_TYPES, Endpoint, NewEndpoint, OUTCOME_TYPES};
use serde_json::{Value, json};

use crate::context::{Context, mint};
use crate::error::CliError;
use crate::signals::asked_to_stop;
use crate::suggest::did_you_mean;
use crate::ui::{Answer, Facts, Tone, table};
use crate::webhook::WebhookError;
use crate::webhook::address::Address;
use crate::webhook::deliver::{Tally, deliver_due};
use crate::webhook::send::Sender;
use crate::webhook::sign::new_secret;
use crate::world::now;

/// How many messages are sent before it is told what came of them.
const AT_ONCE: u32 = 200;
/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell an address of outcomes from now on; the secret is shown once
    Add {
        /// Address, https://…
        url: String,
        /// Only what becomes of this client's actions
        #[arg(long)]
        client: Option<String>,
        /// Which events, `all` for every change of state; outcomes without it
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        /// The address is on this machine
        #[arg(long)]
        allow_local: bool,
    },
    /// All webhooks, and how far their messages are
    List,
    /// Tell an address nothing more, and forget its secret
    Remove {
        /// Webhook id
        webhook: String,
    },
    /// Send a test message now, once
    Test {
        /// Webhook id
        webhook: String,
    },
    /// Send what waits
    #[command(group = clap::ArgGroup::new("until").required(true).args(["until_idle", "follow"]))]
    Deliver {
        /// End when nothing is due any more
        #[arg(long)]
        until_idle: bool,
        /// Go on until a signal comes
        #[arg(long)]
        follow: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// An address or event that is none, the ledger's, a test message that is not taken.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Add { url, client, events, allow_local } => {
            let address = Address::parse(url, *allow_local)?;
            let new = NewEndpoint {
                url: address.url().to_string(),
                client: client.as_deref().map(|c| ClientId::new(c.trim())),
                events: types(events)?,
                allow_local: *allow_local,
            };
            add(&new, context).await
        }
        Command::List => list(context).await,
        Command::Remove { webhook } => {
            let endpoint = context.ledger().await?.remove_endpoint(webhook.trim(), &context.settings.operator).await?;
            context.ui.say("nothing more is sent there; its secret is forgotten");
            Ok(Answer::done(json!(endpoint), facts(&endpoint, None, context)))
        }
        Command::Test { webhook } => test(webhook.trim(), context).await,
        Command::Deliver { follow, .. } => deliver(*follow, context).await,
    }
}

/// The types that are meant.
fn types(said: &[String]) -> Result<Vec<String>, WebhookError> {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    if said.is_empty() {
        return Ok(owned(&OUTCOME_TYPES));
    }
    if said.iter().any(|name| name == "all") {
        return Ok(owned(&EVENT_TYPES));
    }
    for name in said {
        if !EVENT_TYPES.contains(&name.as_str()) {
            return Err(WebhookError::Event { name: name.clone(), hint: did_you_mean(name, &EVENT_TYPES) });
        }
    }
    // In the order of an action's life, each once.
    Ok(owned(&EVENT_TYPES).into_iter().filter(|name| said.contains(name)).collect())
}

async fn add(new: &NewEndpoint, context: &Context) -> Result<Answer, CliError> {
    let secret = new_secret();
    let endpoint = context.ledger().await?.add_endpoint(new, &secret, &context.settings.operator).await?;
    context.ui.say("the secret is shown this once: give it to the receiver, which verifies signatures with it");
    let mut data = json!(endpoint);
    if let Some(object) = data.as_object_mut() {
        object.insert("secret".to_owned(), json!(secret));
    }
    Ok(Answer::done(data, facts(&endpoint, Some(&secret), context)))
}

fn facts(endpoint: &Endpoint, secret: Option<&str>, context: &Context) -> String {
    let facts = Facts::default()
        .with("id", &endpoint.endpoint_id)
        .maybe("client", endpoint.client_id.as_ref())
        .with("events", endpoint.events.join(", "))
        .with("state", endpoint.state.as_str())
        .maybe("secret", secret);
    format!("{}\n{}", context.ui.out.tone(Tone::Strong, &endpoint.url), facts.render())
}

async fn list(context: &Context) -> Result<Answer, CliError> {
    let endpoints = context.ledger().await?.list_endpoints().await?;
    if endpoints.is_empty() {
        context.ui.say("there are no webhooks");
        return Ok(Answer::done(json!([]), ""));
    }
    let rows: Vec<_> = endpoints
        .iter()
        .map(|e| {
            vec![
                e.url.clone(),
                e.client_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                e.state.as_str().to_owned(),
                e.pending.to_string(),
                e.delivered.to_string(),
                e.dead.to_string(),
                e.endpoint_id.clone(),
            ]
        })
        .collect();
    let head = ["URL", "CLIENT", "STATE", "WAITING", "TAKEN", "GIVEN UP", "ID"];
    Ok(Answer::done(json!(endpoints), table(&head, &rows, context.ui.out)))
}

fn sender() -> Result<Sender, CliError> {
    Sender::new().map_err(|why| CliError::file("set TLS up", "certificate authorities")(std::io::Error::other(why)))
}

async fn test(id: &str, context: &Context) -> Result<Answer, CliError> {
    let (endpoint, secret) = context.ledger().await?.endpoint_with_secret(id).await?;
    let address = Address::parse(&endpoint.url, endpoint.allow_local)?;
    let at = now();
    let body = json!({ "type": "webhook.test", "timestamp": at.to_string(), "data": { "endpoint_id": id } });
    let message = format!("msg_{}", mint());
    let failed = |why: String| WebhookError::Failed { url: endpoint.url.clone(), why };
    let status = sender()?.post(&address, &secret, &message, at, &body.to_string()).await.map_err(failed)?;
    if !status.is_success() {
        return Err(failed(format!("it answered {status}")).into());
    }
    let data = json!({ "endpoint_id": id, "message_id": message, "status": status.as_u16() });
    Ok(Answer::done(data, format!("taken: {} answered {status}", endpoint.url)))
}

async fn deliver(follow: bool, context: &Context) -> Result<Answer, CliError> {
    let (ledger, sender) = (context.ledger().await?, sender()?);
    let mut all = Tally::default();
    let stop = asked_to_stop();
    tokio::pin!(stop);
    loop {
        // Whatever is under way when a signal comes is left to its lease, and sent again: at least once.
        let some = tokio::select! {
            some = deliver_due(&ledger, &sender, AT_ONCE) => some?,
            () = &mut stop => break,
        };
        let idle = some.sent() == 0;
        some.problems.iter().for_each(|problem| context.ui.warn(problem));
        all = all.and(Tally { problems: Vec::new(), ..some });
        if !idle {
            continue;
        }
        if !follow {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = &mut stop => break,
        }
    }
    let (waiting, next) = ledger.waiting_messages().await?;
    let text =
        format!("{} taken, {} to be sent again, {} given up; {waiting} wait", all.taken, all.again, all.given_up);
    Ok(Answer::done(data(&all, waiting, next.map(|t| t.to_string())), text))
}

fn data(tally: &Tally, waiting: u32, next: Option<String>) -> Value {
    json!({
        "taken": tally.taken, "again": tally.again, "given_up": tally.given_up, "waiting": waiting, "next_at": next,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn events_are_those_that_there_are() {
        let said = |names: &[&str]| types(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&[]).unwrap(), OUTCOME_TYPES);
        assert_eq!(said(&["all"]).unwrap(), EVENT_TYPES);
        assert_eq!(said(&["action.unknown", "action.held", "action.held"]).unwrap(), ["action.held", "action.unknown"]);
        let error = said(&["action.hold"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no event `action.hold`; did you mean `action.held`?");
    }
}
