//! `deed recipe explain`: each flow as a numbered story, for the person who approves it.

use std::path::Path;
use std::sync::Arc;

use deed_recipes::{Recipe, Story, story};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::suggest::did_you_mean;
use crate::ui::{Answer, Paint, Tone};

/// Longest line of the story, in characters.
const WIDTH: usize = 100;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A platform, or the file or folder of a recipe; without it, every recipe that is built in
    recipe: Option<String>,
    /// Only this flow
    #[arg(long, value_name = "ACTION")]
    flow: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A recipe that does not load, or a flow that it has not.
pub fn run(args: &Args, context: &Context) -> Result<Answer, CliError> {
    let recipes = match &args.recipe {
        Some(named) => vec![find(named, context)?],
        None => deed_recipes::platforms().map(|name| context.recipe(name)).collect::<Result<_, _>>()?,
    };
    let (mut texts, mut data) = (Vec::new(), Vec::new());
    for recipe in &recipes {
        for (action, told) in stories(recipe, args.flow.as_deref()) {
            texts.push(shown(&told, context.ui.out));
            data.push(as_json(recipe, action, &told));
        }
    }
    if let (true, Some(flow)) = (data.is_empty(), &args.flow) {
        let known: Vec<_> = recipes.iter().flat_map(|recipe| recipe.flows.keys().map(String::as_str)).collect();
        return Err(CliError::Usage(format!("no recipe here has a flow `{flow}`; {}", did_you_mean(flow, &known))));
    }
    Ok(Answer::done(json!({ "flows": data }), texts.join("\n")))
}

fn find(named: &str, context: &Context) -> Result<Arc<Recipe>, CliError> {
    let path = Path::new(named);
    // A folder of the platform's name in the working directory is not meant by the name alone, unless it holds a recipe.
    if path.is_file() || path.join(deed_recipes::FILE_NAME).is_file() || named.contains(['/', '.']) {
        return Ok(deed_recipes::load(path).map(Arc::new)?);
    }
    Ok(context.recipe(named)?)
}

fn stories<'r>(recipe: &'r Recipe, only: Option<&str>) -> Vec<(&'r str, Story)> {
    let wanted = recipe.flows.keys().filter(|name| only.is_none_or(|only| only == *name));
    wanted.filter_map(|name| Some((name.as_str(), story(recipe, name)?))).collect()
}

fn as_json(recipe: &Recipe, action: &str, story: &Story) -> Value {
    json!({
        "platform": recipe.platform, "recipe": recipe.recipe, "hash": recipe.hash, "action": action,
        "summary": story.head, "steps": story.lines, "commit_step": story.commit + 1, "stops": story.stops,
    })
}

fn shown(story: &Story, paint: Paint) -> String {
    let mut text = paint.tone(Tone::Strong, &wrapped("", &story.head));
    for (nth, line) in story.lines.iter().enumerate() {
        let line = wrapped(&format!("{:>3}. ", nth + 1), line);
        text.push('\n');
        text.push_str(&if nth == story.commit { paint.tone(Tone::Warn, &line) } else { line });
    }
    text.push_str("\n\nIt stops before the commit, with nothing sent, when:");
    for stop in &story.stops {
        text.push('\n');
        text.push_str(&wrapped("  - ", stop));
    }
    text.push('\n');
    text
}

/// The words after their mark, broken at spaces, each further line under the first word.
fn wrapped(mark: &str, words: &str) -> String {
    let mut text = mark.to_owned();
    let mut column = mark.chars().count();
    for (nth, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if nth > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(mark.chars().count()));
            column = mark.chars().count();
        } else if nth > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_go_on_under_their_first_word() {
        let text = wrapped("  1. ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 100) && text.lines().count() > 1, "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("     word")), "{text}");
        assert_eq!(wrapped("- ", "short"), "- short");
    }
}
