//! A flow told as a numbered story, for the person who approves it. Never leaves out a step: what happens is in it.

use std::fmt;

use crate::model::{
    Budget, Challenge, ChallengeKind, Compare, ContentRules, Dedupe, Detector, ElementName, Evidence, Flow,
    GoneEvidence, GoneSign, Identity, InputPace, Locator, Marker, MsRange, ObjectId, Receipt, ReceiptSign, Recipe,
    Review, ReviewExpect, Same, Scroll, StateEvidence, StateIs, Step, TargetRule, UploadTo, Verify, WaitFor, Words,
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
    let head = format!(
        "{action_type} on {}, recipe {}. {}{}{}",
        recipe.platform,
        recipe.recipe,
        content(&flow.content),
        recipe.budgets.get(action_type).map_or_else(String::new, budget),
        pacing(&recipe.pacing)
    );
    let mut lines = vec![identity(&recipe.identity), dedupe(&flow.dedupe, &flow.verify, recipe)];
    lines.extend(flow.steps.iter().map(|one| format!("{}{}", step(one), by_words_of_order(recipe, one))));
    lines.extend(flow.review.iter().map(review));
    let at = lines.len();
    lines.extend([commit(flow), receipt(&flow.receipt)]);
    lines.extend(verify(&flow.verify));
    lines.extend(redact(recipe));
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

/// What proof of it does not show.
fn redact(recipe: &Recipe) -> Option<String> {
    let names: Vec<String> = recipe.redact.iter().map(|(name, kind)| format!("`{name}` ({})", kind.as_str())).collect();
    (!names.is_empty()).then(|| format!("Proof masks {} in pictures, snapshots and recordings.", names.join(", ")))
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
    let title = match (rules.title_required, rules.title_max) {
        (true, Some(max)) => format!(", a title of 1 to {max} characters"),
        (true, None) => ", a title".to_owned(),
        (false, Some(max)) => format!(", a title of up to {max} characters"),
        (false, None) => String::new(),
    };
    let media = match (rules.media_min, rules.media_max) {
        (_, 0) => "no media".to_owned(),
        (0, max) => format!("up to {max} media file(s)"),
        (min, max) => format!("{min} to {max} media file(s)"),
    };
    let target = if rules.target == TargetRule::Required { " It names what it aims at." } else { "" };
    let mut limits = Vec::new();
    if let Some(min) = rules.aspect_min {
        limits.push(format!("width at least {min} of the height"));
    }
    if let Some(max) = rules.aspect_max {
        limits.push(format!("width at most {max} of the height"));
    }
    if let Some(min) = rules.pixels_min {
        limits.push(format!("{min} pixels each way"));
    }
    if let Some(max) = rules.seconds_max {
        limits.push(format!("videos of up to {max} s"));
    }
    let limits = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
    format!("{text}{title} and {media}{limits}.{target}")
}

fn budget(budget: &Budget) -> String {
    let mut caps = Vec::new();
    if let Some(count) = budget.per_hour {
        caps.push(format!("{count} an hour"));
    }
    if let Some(count) = budget.per_day {
        caps.push(format!("{count} a day"));
    }
    if let Some(seconds) = budget.spacing_s {
        caps.push(format!("{seconds} s apart"));
    }
    format!(" At most: {}.", caps.join(", "))
}

fn pacing(pace: &InputPace) -> String {
    let bounds = [
        ("a new page", pace.reading),
        ("each click", pace.dwell),
        ("each point of the pointer's way", pace.pointer),
        ("each letter", pace.typing),
    ];
    let said: Vec<String> = bounds
        .iter()
        .filter_map(|(what, range)| range.map(|MsRange { min, max }| format!("{min} to {max} ms for {what}")))
        .collect();
    if said.is_empty() { String::new() } else { format!(" It takes its time: {}.", said.join(", ")) }
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
    let title = same.title.as_ref().map_or_else(String::new, |title| format!(" and the title \"{title}\""));
    format!("the text \"{}\"{title}{media}", same.text)
}

/// A state as a clause: "`like_button` is pressed".
fn state(state: &StateEvidence) -> String {
    let element = &state.element;
    let is = match &state.is {
        StateIs::Pressed => "is pressed".to_owned(),
        StateIs::NotPressed => "is not pressed".to_owned(),
        StateIs::Checked => "is checked".to_owned(),
        StateIs::NotChecked => "is not checked".to_owned(),
        StateIs::Visible => "is visible".to_owned(),
        StateIs::Name(name) => format!("{} \"{name}\" by name", compared(state.compare).trim_end_matches(',')),
        StateIs::Text(text) => format!("{} \"{text}\"", compared(state.compare).trim_end_matches(',')),
    };
    match &state.unless {
        Some(unless) => format!("`{element}` {is} (it is not when only `{unless}` is there)"),
        None => format!("`{element}` {is}"),
    }
}

/// What says that an object is gone, as a clause.
fn gone(gone: &GoneEvidence) -> String {
    let signs: Vec<String> = gone
        .any
        .iter()
        .map(|sign| match sign {
            GoneSign::Status(status) => format!("it answers {status}"),
            GoneSign::Element(element) => format!("`{element}` is visible"),
        })
        .collect();
    format!("{} (it is there as long as `{}` is visible)", signs.join(" or "), gone.unless)
}

fn dedupe(dedupe: &Dedupe, verify: &Verify, recipe: &Recipe) -> String {
    let on = &dedupe.on;
    // On the surface that is verified on, an entry of somebody else is not it here either.
    let author = if verify.on == dedupe.on { by(verify) } else { String::new() };
    match &dedupe.evidence {
        Evidence::Same(wanted) => {
            let scrolls = recipe.surfaces.get(on).and_then(|at| at.items.as_ref()).is_some_and(|items| items.scrolls);
            let scroll = if scrolls { " and scroll through it" } else { "" };
            let newest = dedupe.look_back;
            format!("Open `{on}`{scroll}. Stop if one of the newest {newest} entries has {}{author}.", same(wanted))
        }
        Evidence::State(wanted) => format!("Open `{on}`. Stop if {}.", state(wanted)),
        Evidence::Gone(wanted) => format!("Open `{on}`. Stop if {}.", gone(wanted)),
    }
}

/// By which words of the order an element of the step is known, where one is.
fn by_words_of_order(recipe: &Recipe, step: &Step) -> String {
    let known = |name: &ElementName| {
        let element = recipe.element(name).filter(|element| element.words != Words::Fixed)?;
        let words: Vec<String> =
            element.locators.iter().filter_map(Locator::words).map(|words| format!("\"{words}\"")).collect();
        Some(format!(" `{name}` is the only one that says {}; none or several such stop it.", words.join(" or ")))
    };
    step.elements().filter_map(known).collect()
}

fn step(step: &Step) -> String {
    match step {
        Step::Open(surface) => format!("Open `{surface}`."),
        Step::Type { into, text } => format!("Clear `{into}` and type \"{text}\" into it."),
        Step::Upload { to: UploadTo::Input(into), files } => format!("Give the files \"{files}\" to `{into}`."),
        Step::Upload { to: UploadTo::Button(button), files } => {
            format!("Click `{button}` and give the files \"{files}\" to the file chooser that it opens.")
        }
        Step::Click(element) => format!("Click `{element}`, which can be taken back."),
        Step::ClickUntil { element, until, times_max } => {
            format!("Click `{element}`, which can be taken back, up to {times_max} times, until `{until}` is there.")
        }
        Step::Hover(element) => format!("Put the pointer on `{element}`."),
        Step::Dismiss(element) => format!("If `{element}` is there, click it away."),
        Step::Choose { from, option } => format!("Choose \"{option}\" in `{from}`."),
        Step::Toggle { element, on } => {
            format!("Switch `{element}` {}, if it is not so already.", if *on { "on" } else { "off" })
        }
        Step::Press { key, on: None } => format!("Press {}.", key.as_str()),
        Step::Press { key, on: Some(element) } => format!("Press {} on `{element}`.", key.as_str()),
        Step::Scroll(Scroll::To(element)) => format!("Scroll `{element}` into view."),
        Step::Scroll(Scroll::Until { element, within, times_max }) => {
            let what = within.as_ref().map_or_else(|| "the page".to_owned(), |within| format!("`{within}`"));
            format!("Scroll {what} page by page, up to {times_max} times, until `{element}` is there.")
        }
        Step::WaitFor(condition) => format!("Wait until {}.", waited_for(condition)),
        Step::WaitLong { condition, within_s } => format!("Wait up to {within_s} s until {}.", waited_for(condition)),
        Step::Read { element, name } => format!("Read `{element}` and keep it as {{read.{name}}}."),
    }
}

fn waited_for(condition: &WaitFor) -> String {
    match condition {
        WaitFor::Visible(element) => format!("`{element}` is visible"),
        WaitFor::Gone(element) => format!("`{element}` is gone"),
        WaitFor::Enabled(element) => format!("`{element}` can be used"),
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

fn by(verify: &Verify) -> String {
    verify.author.as_ref().map_or_else(String::new, |author| format!(", by \"{author}\""))
}

fn verify(verify: &Verify) -> Vec<String> {
    let author = by(verify);
    let look = match &verify.evidence {
        Evidence::Same(wanted) => format!("look for {}{author}", same(wanted)),
        Evidence::State(wanted) => format!("look whether {}", state(wanted)),
        Evidence::Gone(wanted) => format!("look whether {}", gone(wanted)),
    };
    let mut lines = vec![format!(
        "In a fresh session that can only read, open `{}` up to {} times, for at least {} s, and {look}.",
        verify.on, verify.reads_max, verify.settle_s,
    )];
    let by = verify.permalink.as_ref().map_or_else(|| "the entry's link".to_owned(), |element| format!("`{element}`"));
    match (&verify.evidence, &verify.engagement) {
        (Evidence::Same(_), Some(engagement)) => {
            lines.push(format!("Follow {by} to the object's own page; it must show `{engagement}`."));
        }
        (Evidence::Same(_), None) => lines.push(format!("Keep the address that {by} leads to.")),
        (Evidence::State(_), Some(engagement)) => lines.push(format!("The page must show `{engagement}` as well.")),
        (Evidence::State(_) | Evidence::Gone(_), _) => {}
    }
    lines
}
