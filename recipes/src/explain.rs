//! A flow told as a numbered story, for the person who approves it. Never leaves out a step: what happens is in it.

use std::fmt;

use crate::model::{
    Challenge, ChallengeKind, Compare, ContentRules, Dedupe, Detector, Flow, Identity, Marker, ObjectId, Receipt,
    ReceiptSign, Recipe, Review, ReviewExpect, Same, Step, Verify,
};

/// A flow in plain words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Story {
    /// What is done, by which recipe, and what an order may bring.
    pub head: String,
    /// What happens, one line each, in order.
    pub lines: Vec<String>,
    /// Which of the lines is the one irreversible click.
    pub commit: usize,
    /// What makes it stop before that click.
    pub stops: Vec<String>,
}

/// Tells the flow of an action type. `None`: the recipe has no such flow.
#[must_use]
pub fn story(recipe: &Recipe, action_type: &str) -> Option<Story> {
    let flow = recipe.flow(action_type)?;
    let head = format!("{action_type} on {}, recipe {}. {}", recipe.platform, recipe.recipe, content(&flow.content));
    let mut lines = vec![identity(&recipe.identity), dedupe(&flow.dedupe)];
    lines.extend(flow.steps.iter().map(step));
    lines.extend(flow.review.iter().map(review));
    let at = lines.len();
    lines.extend([commit(flow), receipt(&flow.receipt)]);
    lines.extend(verify(&flow.verify));
    Some(Story { head, lines, commit: at, stops: stops(recipe, flow) })
}

/// Tells the flow of an action type as a text, one numbered line for each thing that happens. `None`: the recipe has no
/// such flow.
#[must_use]
pub fn explain(recipe: &Recipe, action_type: &str) -> Option<String> {
    story(recipe, action_type).map(|story| story.to_string())
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
        for (nth, line) in self.lines.iter().enumerate() {
            writeln!(f, "{:>3}. {line}", nth + 1)?;
        }
        writeln!(f, "It stops before the commit, with nothing sent, when:")?;
        self.stops.iter().try_for_each(|stop| writeln!(f, "  - {stop}"))
    }
}

/// What stands in the way of the commit on any page of the flow.
fn stops(recipe: &Recipe, flow: &Flow) -> Vec<String> {
    let mut stops: Vec<String> = recipe.challenges.iter().map(challenge).collect();
    let mut surfaces = vec![&recipe.identity.on];
    surfaces.extend(flow.steps.iter().filter_map(|step| match step {
        Step::Open(surface) => Some(surface),
        _ => None,
    }));
    surfaces.dedup();
    for name in surfaces {
        let landmarks = recipe.surfaces.get(name).map_or(&[][..], |surface| &surface.landmarks);
        if !landmarks.is_empty() {
            let names: Vec<String> = landmarks.iter().map(|landmark| format!("`{landmark}`")).collect();
            stops.push(format!(
                "on `{name}`, {} is not there or not where it stood: the layout moved",
                names.join(" or ")
            ));
        }
    }
    stops.push(format!(
        "the ways to find `{}` do not agree on one element, or it is not still, in view and uncovered",
        flow.commit.click
    ));
    stops
}

fn challenge(challenge: &Challenge) -> String {
    let what = match challenge.kind {
        ChallengeKind::Captcha => "a captcha",
        ChallengeKind::Checkpoint => "a checkpoint",
        ChallengeKind::LoggedOut => "a sign-in page",
        ChallengeKind::Suspicious => "a warning about suspicious activity",
        ChallengeKind::RateLimit => "a rate limit, for which it waits,",
    };
    let signs: Vec<String> = challenge
        .any
        .iter()
        .map(|detector| match detector {
            Detector::Css(css) => format!("`{css}` is visible"),
            Detector::Text(text) => format!("the page says \"{text}\""),
            Detector::Url(path) => format!("the page is at \"{path}\""),
            Detector::Status(status) => format!("status {status}"),
        })
        .collect();
    format!("{what} is met: {}", signs.join(", or "))
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
