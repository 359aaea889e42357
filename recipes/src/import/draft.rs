//! A recording → the text of a draft, in the form of a skeleton.

use url::Url;

use super::recording::{Recording, Step};
use super::selectors::{Target, quoted, slug};
use crate::skeleton::assemble;

/// The keys that the language knows.
const KEYS: [&str; 10] =
    ["Escape", "Tab", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"];
/// Names that the skeleton's head uses.
const TAKEN: [&str; 6] =
    ["handle_on_profile", "name_on_profile", "edit_profile", "account_menu", "media_preview", "feed"];

/// What the draft is made of, while the recording is gone through.
#[derive(Default)]
struct Draft {
    origins: Vec<String>,
    surfaces: Vec<(String, Url)>,
    elements: Vec<(String, Target)>,
    steps: Vec<String>,
    review: Vec<String>,
    uploads: bool,
    notes: Vec<String>,
}

/// The text, and what is not in it.
pub(super) fn write(platform: &str, recording: &Recording) -> (String, Vec<String>) {
    let mut draft = Draft::default();
    let steps = &recording.steps;
    let last = steps.iter().rposition(|step| matches!(step, Step::Click { .. }));
    for (nth, step) in steps.iter().enumerate().take(last.unwrap_or(steps.len())) {
        // A click into a field that is then filled in only puts the cursor there.
        let focus = match (step, steps.get(nth + 1)) {
            (Step::Click { on, .. }, Some(Step::Change { into, .. })) => same_element(on, into),
            _ => false,
        };
        if !focus {
            draft.step(step);
        }
    }
    let offered = last.and_then(|nth| match steps.get(nth) {
        Some(Step::Click { on, .. }) => Some(on),
        _ => None,
    });
    let text = assemble(platform, "publish.post", &draft.origins_line(), &draft.surfaces(), &draft.elements(offered));
    (text + &draft.flow(offered), draft.notes)
}

fn same_element(one: &Target, other: &Target) -> bool {
    let rests = |locator: &&String| !locator.starts_with("text:");
    one.locators.iter().filter(rests).any(|locator| other.locators.contains(locator))
}

impl Draft {
    fn say(&mut self, line: impl Into<String>) {
        self.steps.push(line.into());
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Open(Some(url)) => {
                let name = self.surface(url);
                self.say(format!("- open: {name}"));
            }
            Step::Click { on, led_to } => {
                self.on("a click", on, |name| format!("- click: {name}"));
                if let Some(url) = led_to {
                    self.say(format!("# here the page went to {}", quoted(url.path())));
                }
            }
            Step::Change { into, chars } => self.change(into, *chars),
            Step::Key(key) if KEYS.contains(&key.as_str()) => self.say(format!("- press: {{ key: {key} }}")),
            Step::Key(key) => {
                let which =
                    if matches!(key.as_str(), "Enter" | "Space" | " ") { "Enter or Space" } else { "another key" };
                self.say(format!(
                    "# {which} was pressed here: it is not in the language, because it can send; use a click"
                ));
                self.note(format!("{which} was pressed: not in the language, because it can send"));
            }
            Step::Hover(on) => self.on("a hover", on, |name| format!("- hover: {name}")),
            Step::Scroll(Some(to)) => self.on("a scroll", to, |name| format!("- scroll: {{ to: {name} }}")),
            Step::Wait { on, gone: false } => self.on("a wait", on, |name| format!("- wait_for: {name}")),
            Step::Wait { on, gone: true } => self.on("a wait", on, |name| format!("- wait_for: {{ gone: {name} }}")),
            Step::Other(what) => {
                self.say(format!("# {what} was recorded here: it is not in the language"));
                self.note(format!("{what} was recorded: not in the language"));
            }
            // Deed brings what it touches into view by itself.
            Step::Open(None) | Step::Scroll(None) | Step::Silent => {}
        }
    }

    fn change(&mut self, into: &Target, chars: usize) {
        if into.secret {
            self.say("# a password or code was typed here; it is left out, and Deed never signs in: take the sign-in's steps out");
            self.note(
                "a password or code was typed: left out. Deed never signs in; take the steps of the sign-in out"
                    .to_owned(),
            );
        } else if into.file {
            self.uploads = true;
            self.on("an upload", into, |name| format!("- upload: {{ into: {name}, files: \"{{content.media}}\" }}"));
        } else if into.select {
            self.say("# an option was chosen here; write its words");
            self.on("a choice", into, |name| format!("- choose: {{ from: {name}, option: TODO_OPTION_TEXT }}"));
        } else {
            self.say(format!("# {chars} characters were typed here; the recording's words are left out"));
            self.on("a text", into, |name| format!("- type: {{ into: {name}, text: \"{{content.text}}\" }}"));
            if let Some((name, _)) = self.elements.iter().find(|(_, known)| known == into) {
                let line = format!("- {{ element: {name}, equals: \"{{content.text}}\" }}");
                if !self.review.contains(&line) {
                    self.review.push(line);
                }
            }
        }
    }

    /// A step on an element, which gets a name.
    fn on(&mut self, what: &str, target: &Target, step: impl Fn(&str) -> String) {
        if target.locators.is_empty() {
            self.say(format!("# {what} was recorded here, on something that the language has no way to find"));
            self.note(format!("{what} on something that the language has no way to find"));
            return;
        }
        if target.framed {
            self.say("# the next one stood in an inner frame: its origin must be the page's own, or among `origins`");
        }
        let name = self.element(target);
        self.say(step(&name));
    }

    fn element(&mut self, target: &Target) -> String {
        if let Some((name, _)) = self.elements.iter().find(|(_, known)| known == target) {
            return name.clone();
        }
        let name = self.free(&target.name, if target.file { "media_input" } else { "element" });
        self.elements.push((name.clone(), target.clone()));
        name
    }

    /// A name that nothing has yet.
    fn free(&self, wanted: &str, otherwise: &str) -> String {
        let stem = if wanted.is_empty() { otherwise } else { wanted };
        let free = |name: &str| {
            !TAKEN.contains(&name)
                && name != "profile"
                && !self.elements.iter().any(|(known, _)| known == name)
                && !self.surfaces.iter().any(|(known, _)| known == name)
        };
        let numbered = (2..).map(|nth| format!("{stem}_{nth}"));
        std::iter::once(stem.to_owned()).chain(numbered).find(|name| free(name)).unwrap_or_default()
    }

    fn surface(&mut self, url: &Url) -> String {
        let origin = url.origin().ascii_serialization();
        if !self.origins.contains(&origin) {
            self.origins.push(origin);
        }
        if let Some((name, _)) = self.surfaces.iter().find(|(_, known)| known == url) {
            return name.clone();
        }
        let last = url.path_segments().and_then(|segments| segments.rev().find(|segment| !segment.is_empty()));
        let name = self.free(&slug(last.unwrap_or("home")), "page");
        self.surfaces.push((name.clone(), url.clone()));
        name
    }

    fn origins_line(&self) -> String {
        self.origins.iter().map(|origin| quoted(origin)).collect::<Vec<_>>().join(", ")
    }

    fn surfaces(&self) -> String {
        let mut text =
            "  # Pages of the recording. Where an address holds the account's handle, write {account.handle}.\n"
                .to_owned();
        for (name, url) in &self.surfaces {
            let first = self.origins.first().is_some_and(|origin| *origin == url.origin().ascii_serialization());
            let address = if first { url.path() } else { url.as_str() };
            text.push_str(&format!("  {name}:\n    url: {}\n", quoted(address)));
        }
        text + include_str!("feed.yaml")
    }

    fn elements(&self, offered: Option<&Target>) -> String {
        let mut text = "  # Elements of the recording, in the ways in which the browser found them.\n".to_owned();
        for (name, target) in &self.elements {
            text.push_str(&format!("  {name}:\n"));
            for locator in &target.locators {
                text.push_str(&format!("    - {locator}\n"));
            }
        }
        if self.uploads {
            text.push_str(
                "  media_preview:               # one for each file that was added\n    - css: TODO_PREVIEW_CSS\n",
            );
        }
        if let Some(target) = offered {
            let name = self.free(&target.name, "last_click");
            text.push_str("  # The recording's last click was on this. If it is the click that can not be taken back, and only then, take the\n");
            text.push_str(
                "  # marks away and name it in \"commit\" below. It needs two ways that do not depend on each other.\n",
            );
            text.push_str(&format!("  # {name}:\n"));
            for locator in &target.locators {
                text.push_str(&format!("  #   - {locator}\n"));
            }
        }
        text
    }

    fn flow(&self, offered: Option<&Target>) -> String {
        let lines = |lines: &[String]| lines.iter().map(|line| format!("      {line}\n")).collect::<String>();
        let media = if self.uploads { ", media_max: 4, media_types: [image/png, image/jpeg]" } else { "" };
        let mut review = self.review.clone();
        if self.uploads {
            review.push("- { element: media_preview, count: \"{content.media}\" }".to_owned());
        }
        if review.is_empty() {
            review.push("- { element: TODO_ELEMENT, equals: \"{content.text}\" }".to_owned());
        }
        let steps = if self.steps.iter().any(|line| line.starts_with('-')) {
            lines(&self.steps)
        } else {
            format!("{}      - open: TODO_SURFACE\n", lines(&self.steps))
        };
        let commit = if offered.is_some() {
            "    # The recording's last click stands, as an offer, at the end of \"elements\".\n"
        } else {
            ""
        };
        include_str!("flow.yaml")
            .replace("%MEDIA%", media)
            .replace("%COMMIT%\n", commit)
            .replace("%STEPS%\n", &steps)
            .replace("%REVIEW%\n", &lines(&review))
    }
}
