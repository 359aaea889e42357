//! The Recorder's JSON: a title and a list of steps. Unknown keys are passed over, because the format grows; what a person typed is
//! measured here and dropped.

use serde_json::Value;
use url::Url;

use super::selectors::{Target, slug, target};
use super::{RecordingError, STEPS_MAX};

/// Longest text that was typed and is looked for in the ways to other elements, at least, in characters.
const TYPED_CHARS_MIN: usize = 4;

/// What was recorded.
pub(super) struct Recording {
    pub(super) steps: Vec<Step>,
}

/// One thing that was done.
pub(super) enum Step {
    /// A page was opened; `None` when it is none of the web (a new tab).
    Open(Option<Url>),
    /// A click; the page that it led to.
    Click { on: Target, led_to: Option<Url> },
    /// Something was typed, chosen, or a file was given.
    Change { into: Target, chars: usize },
    /// A key was pressed.
    Key(String),
    /// The pointer was moved over something.
    Hover(Target),
    /// An element was brought into view; `None`: the page was moved.
    Scroll(Option<Target>),
    /// Something was waited for, or for it to be gone.
    Wait { on: Target, gone: bool },
    /// What the language can not say.
    Other(&'static str),
    /// Nothing to be said of it.
    Silent,
}

impl Recording {
    /// A name for the platform: the first page's host without `www` and ending.
    pub(super) fn platform(&self) -> String {
        let host = self.pages().next().and_then(Url::host_str).unwrap_or_default();
        let host = host.strip_prefix("www.").unwrap_or(host);
        slug(host.split('.').next().unwrap_or_default())
    }

    /// The pages that were opened.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Url> {
        self.steps.iter().filter_map(|step| match step {
            Step::Open(url) => url.as_ref(),
            _ => None,
        })
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Recording, RecordingError> {
    // Some editors put a byte order mark before what they save.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let json: Value = serde_json::from_slice(bytes).map_err(RecordingError::NotJson)?;
    let invalid = |why: &str| RecordingError::NotARecording(why.to_owned());
    if json.pointer("/log/entries").is_some() {
        return Err(invalid("it is an HTTP archive (HAR), which the Network panel exports"));
    }
    let Some(steps) = json.get("steps").and_then(Value::as_array) else {
        return Err(invalid("it has no list of `steps`"));
    };
    if steps.len() > STEPS_MAX {
        return Err(RecordingError::TooLarge);
    }
    let typed: Vec<&str> = steps
        .iter()
        .filter(|step| step["type"] == "change")
        .filter_map(|step| step["value"].as_str())
        .filter(|value| value.chars().count() >= TYPED_CHARS_MIN)
        .collect();
    let steps: Vec<Step> =
        steps.iter().enumerate().map(|(nth, raw)| step(nth, raw, &typed)).collect::<Result<_, _>>()?;
    let recording = Recording { steps };
    if recording.pages().next().is_none() {
        return Err(RecordingError::Empty("it opens no page of the web"));
    }
    if !recording.steps.iter().any(|step| matches!(step, Step::Click { .. } | Step::Change { .. })) {
        return Err(RecordingError::Empty("nothing was clicked or typed"));
    }
    Ok(recording)
}

fn step(nth: usize, raw: &Value, typed: &[&str]) -> Result<Step, RecordingError> {
    let Some(kind) = raw.get("type").and_then(Value::as_str) else {
        return Err(RecordingError::NotARecording(format!("step {} has no `type`", nth + 1)));
    };
    let of = |value: Option<&str>| element(nth, raw, value, typed);
    Ok(match kind {
        "navigate" => Step::Open(raw["url"].as_str().and_then(page)),
        "click" if raw["button"].as_str().is_some_and(|button| button != "primary") => {
            Step::Other("a click with another mouse button")
        }
        "click" => Step::Click { on: of(None)?, led_to: led_to(raw) },
        "doubleClick" => Step::Other("a double click"),
        "change" => {
            let value = raw["value"].as_str().unwrap_or_default();
            let mut into = of(Some(value))?;
            // A browser hides the folder of a chosen file behind this one.
            into.file |= value.to_lowercase().starts_with("c:\\fakepath\\");
            Step::Change { into, chars: value.chars().count() }
        }
        "keyDown" => Step::Key(raw["key"].as_str().unwrap_or_default().to_owned()),
        "hover" => Step::Hover(of(None)?),
        "scroll" if raw.get("selectors").is_some() => Step::Scroll(Some(of(None)?)),
        "scroll" => Step::Scroll(None),
        "waitForElement" => {
            let none = raw["count"] == 0 || raw["visible"] == false;
            let gone = none && raw["operator"].as_str().is_none_or(|operator| operator != ">=");
            Step::Wait { on: of(None)?, gone }
        }
        "waitForExpression" => Step::Other("a wait for a script's expression"),
        "emulateNetworkConditions" => Step::Other("a slowed network"),
        "customStep" => Step::Other("a step of an extension"),
        // Deed has a window of its own; a key's release and a closed tab say nothing.
        "setViewport" | "keyUp" | "close" => Step::Silent,
        _ => Step::Other("a step that this version does not know"),
    })
}

fn led_to(raw: &Value) -> Option<Url> {
    let events = raw["assertedEvents"].as_array()?;
    events.iter().filter(|event| event["type"] == "navigation").find_map(|event| page(event["url"].as_str()?))
}

/// An address of the web, without what may be private in it.
fn page(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    url.set_query(None);
    url.set_fragment(None);
    // A name and password in an address are nobody's business; a URL with a host takes both.
    url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    Some(url)
}

fn element(nth: usize, raw: &Value, value: Option<&str>, typed: &[&str]) -> Result<Target, RecordingError> {
    let Some(selectors) = raw.get("selectors").and_then(Value::as_array) else {
        return Err(RecordingError::NotARecording(format!("step {} has no `selectors`", nth + 1)));
    };
    let ways: Vec<String> =
        selectors.iter().filter_map(way).filter(|way| !typed.iter().any(|typed| way.contains(typed))).collect();
    let mut found = target(&ways, value, value.is_some());
    found.framed = raw["frame"].as_array().is_some_and(|frame| !frame.is_empty());
    Ok(found)
}

/// A text, or the last of a chain: open shadow roots are crossed by all locators but XPath.
fn way(selector: &Value) -> Option<String> {
    match selector {
        Value::String(way) => Some(way.clone()),
        Value::Array(chain) => {
            let last = chain.last()?.as_str()?;
            (chain.len() == 1 || !last.starts_with("xpath/")).then(|| last.to_owned())
        }
        _ => None,
    }
}
