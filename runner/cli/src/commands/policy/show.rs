//! `deed policy show`: what holds, key by key, and which sections each value comes from.

use deed_core::policy::who;
use deed_recipes::policy::{Policy, Who};
use serde_json::{Value, json};

use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::ui::{Answer, table};

/// Maps of the policy that are one value each.
const WHOLE: [&str; 2] = ["fatigue", "from"];

pub(super) async fn run(account: Option<&str>, context: &Context) -> Result<Answer, CliError> {
    let file = context.policy()?;
    let (whose, policy) = match account {
        Some(name) => {
            let account = context.ledger().await?.find_account(name).await?;
            let recipe = context.recipe(&account.platform)?;
            (account_name(&account), file.resolve(&who(&account), &recipe.budgets))
        }
        None => {
            let nobody = Who { client: "", platform: "", handle: "", account: "" };
            ("everybody".to_owned(), file.resolve(&nobody, &Default::default()))
        }
    };
    let path = context.settings.policy_file();
    let place =
        path.as_ref().map_or_else(|| "no policy file: what is built in".to_owned(), |p| p.display().to_string());
    let mut rows = Vec::new();
    let json = json!(policy);
    for (key, value) in
        json.as_object().into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "file" | "from"))
    {
        leaves(key, value, &policy, &mut rows);
    }
    let text = format!("what holds for {whose} ({place})\n{}", table(&["KEY", "VALUE", "FROM"], &rows, context.ui.out));
    Ok(Answer::done(json!({ "for": whose, "policy_file": path, "policy": policy }), text))
}

fn leaves(key: &str, value: &Value, policy: &Policy, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) if !WHOLE.contains(&key) => {
            for (below, value) in map {
                leaves(&format!("{key}.{below}"), value, policy, rows);
            }
        }
        _ => {
            let from = policy.from.get(key).map_or_else(|| "built in".to_owned(), |from| from.join(" + "));
            rows.push(vec![key.to_owned(), shown(value), from]);
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Array(list) if list.is_empty() => "–".to_owned(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
