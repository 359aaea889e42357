//! A flow told as a numbered story, for the person who approves it. Never leaves out a step: what happens is in it.

use std::fmt::Write as _;

use crate::model::{
    Compare, ContentRules, Dedupe, Flow, Identity, Marker, ObjectId, Receipt, ReceiptSign, Recipe, Review,
    ReviewExpect, Same, Step, Verify,
};

/// Tells the flow of an action type in plain words, one numbered line for each thing that happens. `None`: the recipe has
/// no such flow.
#[must_use]
pub fn explain(recipe: &Recipe, action_type: &str) -> Option<String> {
    let flow = recipe.flow(action_type)?;
    let mut story = Story::default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        story.text,
        "{action_type} on {}, recipe {}. {}",
        recipe.platform,
        recipe.recipe,
        content(&flow.content)
    );
    story.say(identity(&recipe.identity));
    story.say(dedupe(&flow.dedupe));
    for step in &flow.steps {
        story.say(self::step(step));
    }
    for review in &flow.review {
        story.say(self::review(review));
    }
    story.say(commit(flow));
    story.say(receipt(&flow.receipt));
    for line in verify(&flow.verify) {
        story.say(line);
    }
    Some(story.text)
}

#[derive(Default)]
struct Story {
    text: String,
    lines: usize,
}

impl Story {
    fn say(&mut self, line: String) {
        self.lines += 1;
        let _ = writeln!(self.text, "{:>3}. {line}", self.lines);
    }
}

fn content(rules: &ContentRules) -> String {
    let text = match (rules.text_max, rules.text_required) {
        (Some(max), true) => format!("Takes a text of 1 to {max} characters"),
        (Some(max), false) => format!("Takes a text of up to {max} characters"),
        (None, true) => "Takes a text".to_owned(),
        (None, false) => "Needs no text".to_owned(),
    };
    match rules.media_max {
        0 => format!("{text} and no media."),
        max => format!("{text} and up to {max} media file(s)."),
    }
}

fn identity(identity: &Identity) -> String {
    let mut signals = Vec::new();
    if let Some(handle) = &identity.handle {
        signals.push(format!("`{}` {} \"{}\"", handle.element, compared(handle.compare), handle.equals));
    }
    if let Some(name) = &identity.name {
        signals.push(format!("`{}` {} \"{}\"", name.element, compared(name.compare), name.equals));
    }
    if let Some(avatar) = &identity.avatar {
        signals.push(format!("the picture in `{}` looks like the stored one", avatar.element));
    }
    if let Some(switcher) = &identity.switcher {
        signals.push(format!("the switcher `{}` says \"{}\"", switcher.element, switcher.selected));
    }
    let own = identity
        .own
        .as_ref()
        .map_or_else(String::new, |own| format!(", which must show `{own}` to be the account's own"));
    let marker = match &identity.marker {
        None => String::new(),
        Some(Marker::Cookie(name)) => {
            format!(" From here to the click the cookie `{name}` must not change.")
        }
        Some(Marker::Attribute { css, attribute }) => {
            format!(" From here to the click the attribute `{attribute}` of `{css}` must not change.")
        }
    };
    format!(
        "Open `{}`{own}. Go on only if at least two of three agree and none disagrees: {}.{marker}",
        identity.on,
        signals.join("; ")
    )
}

const fn compared(compare: Compare) -> &'static str {
    match compare {
        Compare::Exact => "reads exactly",
        Compare::IgnoreCase => "reads, upper or lower case,",
        Compare::Handle => "is the handle",
        Compare::Contains => "contains",
    }
}

fn same(same: &Same) -> String {
    let media = if same.media { " and as many media" } else { "" };
    format!("the text \"{}\"{media}", same.text)
}

fn dedupe(dedupe: &Dedupe) -> String {
    format!("Open `{}`. Stop if one of the newest {} entries has {}.", dedupe.on, dedupe.look_back, same(&dedupe.same))
}

fn step(step: &Step) -> String {
    match step {
        Step::Open(surface) => format!("Open `{surface}`."),
        Step::Type { into, text } => format!("Clear `{into}` and type \"{text}\" into it."),
        Step::Upload { into, files } => format!("Give the files \"{files}\" to `{into}`."),
        Step::Click(element) => format!("Click `{element}`, which can be taken back."),
        Step::Dismiss(element) => format!("If `{element}` is there, click it away."),
        Step::WaitFor(element) => format!("Wait until `{element}` is visible."),
    }
}

fn review(review: &Review) -> String {
    let element = &review.element;
    match &review.expect {
        ReviewExpect::Equals { text, compare } => {
            format!("Read `{element}` back. Go on only if it {} \"{text}\".", compared(*compare).trim_end_matches(','))
        }
        ReviewExpect::CountOfMedia => {
            format!("Count `{element}`. Go on only if there are as many as media files in the order.")
        }
    }
}

fn commit(flow: &Flow) -> String {
    let writes: Vec<String> = flow.writes.iter().map(|write| format!("`{write}`")).collect();
    let click = &flow.commit.click;
    format!(
        "COMMIT, once, with a permit: click `{click}`. One request of {} may leave; nothing is clicked again.",
        writes.join(" or ")
    )
}

fn receipt(receipt: &Receipt) -> String {
    let signs: Vec<String> = receipt
        .any
        .iter()
        .map(|sign| match sign {
            ReceiptSign::Toast(text) => format!("the page says \"{text}\""),
            ReceiptSign::Url(path) => format!("the page is at \"{path}\""),
            ReceiptSign::Element(element) => format!("`{element}` is visible"),
        })
        .collect();
    let id = match &receipt.object_id {
        None => String::new(),
        Some(ObjectId::Response(path)) => format!(" The object's id is `{path}` of the answer."),
    };
    format!("Wait up to {} ms until {}.{id}", receipt.within_ms, signs.join(", or "))
}

fn verify(verify: &Verify) -> Vec<String> {
    let author = verify.author.as_ref().map_or_else(String::new, |author| format!(", by \"{author}\""));
    let mut lines = vec![format!(
        "In a fresh session that can only read, open `{}` up to {} times, for at least {} s, and look for {}{author}.",
        verify.on,
        verify.reads_max,
        verify.settle_s,
        same(&verify.same)
    )];
    let by = verify.permalink.as_ref().map_or_else(|| "the entry's link".to_owned(), |element| format!("`{element}`"));
    if let Some(engagement) = &verify.engagement {
        lines.push(format!("Follow {by} to the object's own page; it must show `{engagement}`."));
    } else {
        lines.push(format!("Keep the address that {by} leads to."));
    }
    lines
}
