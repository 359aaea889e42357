//! `deed queue add -`: orders from standard input, one a line (NDJSON).
//!
//! Each line is filed or refused by itself: a bad one is named with its number and the others go in. The answer is a line of JSON for
//! each, in their order. The same input again files nothing twice.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};
use std::path::Path;
use std::sync::Arc;

use deed_ledger::SqlLedger;
use deed_recipes::Recipe;
use serde_json::{Value, json};

use super::act;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::order::{self, ORDER_BYTES_MAX, Order, OrderError};
use crate::ui::Answer;

/// Most lines that are taken at once; the answer to each is kept until the end.
const LINES_MAX: usize = 100_000;
/// What errors call it.
const NAME: &str = "(standard input)";

/// An order, or why it is none, and the line that it begins in.
type Line = (usize, Result<Order, OrderError>);

/// Runs the command.
///
/// # Errors
/// Standard input that can not be read, no ledger. What is wrong with one line is in the answer.
pub async fn run(context: &Context) -> Result<Answer, CliError> {
    let lines = read(&mut io::stdin().lock())?;
    let ledger = context.ledger().await?;
    let (mut answers, mut refused, mut exit) = (Vec::new(), 0_usize, Exit::Done);
    let mut recipes = BTreeMap::new();
    for (line, order) in lines {
        match file(order, &mut recipes, &ledger, context).await {
            Ok(mut answer) => {
                answer["line"] = json!(line);
                answers.push(answer);
            }
            Err(error) => {
                refused += 1;
                let mut answer = error.to_json();
                answer["line"] = json!(line);
                answers.push(answer);
                exit = error.exit();
                // The machine's own fault is the next line's as well: nothing more is tried, and the same input goes on from here.
                if exit != Exit::BadInput {
                    break;
                }
            }
        }
    }
    let filed = answers.len() - refused;
    context.ui.say(&format!("{filed} of {} filed or there already, {refused} refused", answers.len()));
    let text: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    Ok(Answer { exit, data: json!({ "orders": answers, "filed": filed, "refused": refused }), text })
}

async fn file(
    order: Result<Order, OrderError>,
    recipes: &mut BTreeMap<String, Arc<Recipe>>,
    ledger: &SqlLedger,
    context: &Context,
) -> Result<Value, CliError> {
    let order = order?;
    let platform = &order.file.platform;
    let recipe = match recipes.get(platform) {
        Some(recipe) => Arc::clone(recipe),
        // Read once for all of its orders.
        None => Arc::clone(recipes.entry(platform.clone()).or_insert(context.recipe(platform)?)),
    };
    let checked = act::check_against(&order, recipe, ledger, context).await?;
    let filed = act::file_quietly(&order, &checked, ledger, &context.settings.operator).await?;
    let action = &filed.action.action;
    Ok(json!({ "action_id": action.id, "created": filed.created, "state": action.state }))
}

/// The orders of a text: one a line, or one that is spread over several.
fn read(input: &mut impl BufRead) -> Result<Vec<Line>, OrderError> {
    let unreadable = |why: String| OrderError::Unreadable { name: NAME.to_owned(), why };
    let mut lines = Vec::new();
    for number in 1.. {
        let mut bytes = Vec::new();
        let read = input.by_ref().take(ORDER_BYTES_MAX + 1).read_until(b'\n', &mut bytes);
        if read.map_err(|e| unreadable(e.to_string()))? == 0 {
            break;
        }
        if bytes.len() as u64 > ORDER_BYTES_MAX {
            return Err(unreadable(format!("line {number} is larger than {ORDER_BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| unreadable(format!("line {number} is not UTF-8")))?;
        if !text.trim().is_empty() {
            lines.push((number, text));
        }
        if lines.len() > LINES_MAX {
            return Err(unreadable(format!("it has more than {LINES_MAX} lines: give it in parts")));
        }
    }
    if let Some((first, whole)) = one_document(&lines) {
        return Ok(vec![(first, made(first, &whole))]);
    }
    Ok(lines.iter().map(|(number, text)| (*number, made(*number, text))).collect())
}

/// All of it, when its first line alone is no JSON and the whole is.
fn one_document(lines: &[(usize, String)]) -> Option<(usize, String)> {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let (first, text) = lines.first()?;
    if is_json(text) {
        return None;
    }
    let whole: String = lines.iter().map(|(_, text)| text.as_str()).collect();
    is_json(&whole).then_some((*first, whole))
}

fn made(number: usize, text: &str) -> Result<Order, OrderError> {
    let file = order::parse(NAME, text).map_err(|error| error.moved_down(number - 1))?;
    Ok(Order::from_parts(&format!("{NAME}:{number}"), file, Path::new("")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"platform":"practice","account":"a","action":"publish.post","content":{"text":"x"}}"#;

    fn lines(text: &str) -> Vec<(usize, Option<String>)> {
        let lines = read(&mut text.as_bytes()).unwrap();
        lines.into_iter().map(|(line, order)| (line, order.err().and_then(|e| e.place()))).collect()
    }

    #[test]
    fn a_bad_line_is_named_and_spoils_no_other() {
        let text = format!("{ORDER}\n\n{{\"platform\": 1}}\n{ORDER}\nnot json");
        let bad = |line, column| Some(format!("{NAME}:{line}:{column}"));
        assert_eq!(lines(&text), [(1, None), (3, bad(3, 14)), (4, None), (5, bad(5, 2))]);
    }

    #[test]
    fn one_order_may_be_spread_over_several_lines() {
        assert_eq!(lines(&ORDER.replace(',', ",\n")), [(1, None)]);
        assert_eq!(lines(""), []);
    }

    #[test]
    fn what_is_too_large_or_no_text_is_refused_as_a_whole() {
        let large = "x".repeat(usize::try_from(ORDER_BYTES_MAX).unwrap() + 2);
        assert!(read(&mut large.as_bytes()).unwrap_err().to_string().contains("line 1 is larger"));
        assert!(read(&mut &b"\xff\xfe\n"[..]).unwrap_err().to_string().contains("line 1 is not UTF-8"));
    }
}
