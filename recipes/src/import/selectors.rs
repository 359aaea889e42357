//! The Recorder's selectors → locators of the language.
//!
//! Each step of a recording names its element in several ways, every way a text or a chain of texts through shadow roots, told
//! apart by their beginning (`aria/`, `text/`, `xpath/`, `pierce/`, else CSS). What the language can not say is left out.

use crate::aria::ROLES;
use crate::xpath;

/// Longest text of a locator that is taken over, in characters.
const CHARS_MAX: usize = 200;
/// Most locators of one element.
const LOCATORS_MAX: usize = 6;
/// What in a selector says that a secret is typed there.
const SECRET: [&str; 7] =
    ["password", "passwd", "passwort", "passphrase", "passcode", "one-time-code", "verification code"];

/// One element of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target {
    /// Locators as lines of YAML, without the dash.
    pub(super) locators: Vec<String>,
    /// A name for it, made of its words; empty when there are none.
    pub(super) name: String,
    /// A secret is typed there.
    pub(super) secret: bool,
    /// It is a file input.
    pub(super) file: bool,
    /// It is a select.
    pub(super) select: bool,
    /// It stands in an inner frame.
    pub(super) framed: bool,
}

/// Reads the ways to one element. `typed` is what was written into it: a way that repeats it is left out, because a draft
/// keeps no word of that.
pub(super) fn target(ways: &[String], typed: Option<&str>, edited: bool) -> Target {
    let all = ways.join(" ").to_lowercase();
    let tag = ways.iter().find_map(|way| tag_of(way)).unwrap_or_default();
    let mut found = Target {
        secret: SECRET.iter().any(|word| all.contains(word)),
        file: all.contains("type=file") || all.contains("type=\"file\"") || all.contains("type='file'"),
        select: tag == "select",
        ..Target::default()
    };
    let mut words: Vec<String> = Vec::new();
    for way in ways.iter().filter(|way| way.chars().count() <= CHARS_MAX) {
        let Some((locator, said)) = locator(way, &tag, edited, typed) else { continue };
        // The same words by role and by text are one voter written twice.
        let repeats = locator.starts_with("text:") && words.contains(&said);
        if !found.locators.contains(&locator) && !repeats && found.locators.len() < LOCATORS_MAX {
            found.locators.push(locator);
        }
        if found.name.is_empty() {
            found.name = slug(&said);
        }
        words.push(said);
    }
    found
}

/// A locator and the words that it rests on.
fn locator(way: &str, tag: &str, edited: bool, typed: Option<&str>) -> Option<(String, String)> {
    let repeats = |text: &str| typed.is_some_and(|typed| repeats(text, typed));
    if let Some(aria) = way.strip_prefix("aria/") {
        let (name, role) = aria_parts(aria);
        if name.is_empty() || repeats(&name) {
            return None;
        }
        let role = role.or_else(|| role_of(tag).map(str::to_owned)).filter(|role| ROLES.contains(&role.as_str()));
        let line = match role {
            _ if edited => format!("label: {}", quoted(&name)),
            Some(role) => format!("role: {{ {role}: {} }}", quoted(&name)),
            None => format!("text: {}", quoted(&name)),
        };
        return Some((line, name));
    }
    if let Some(text) = way.strip_prefix("text/") {
        let unusable = text.trim().is_empty() || edited || repeats(text);
        return (!unusable).then(|| (format!("text: {}", quoted(text)), text.to_owned()));
    }
    if repeats(way) {
        return None;
    }
    if let Some(path) = way.strip_prefix("xpath/") {
        return xpath::fault(path).is_none().then(|| (format!("xpath: {}", quoted(path)), String::new()));
    }
    let css = way.strip_prefix("pierce/").unwrap_or(way);
    if let Some(id) = test_id(css) {
        return Some((format!("testid: {}", quoted(id)), id.to_owned()));
    }
    crate::css::parse(css).is_ok().then(|| (format!("css: {}", quoted(css)), id_of(css)))
}

/// Whether a way to an element gives away what was typed into it.
fn repeats(way: &str, typed: &str) -> bool {
    let (way, typed) = (way.trim().to_lowercase(), typed.trim().to_lowercase());
    let long = |text: &str| text.chars().count() >= 3;
    way == typed || (long(&typed) && way.contains(&typed)) || (long(&way) && typed.contains(&way))
}

/// `Post[role="button"]` is the name Post and the role button.
fn aria_parts(text: &str) -> (String, Option<String>) {
    let Some((name, rest)) = text.rsplit_once("[role=") else {
        return (text.trim().to_owned(), None);
    };
    let role = rest.trim_end_matches(']').trim_matches(['"', '\'']);
    (name.trim().to_owned(), Some(role.to_owned()))
}

/// `[data-testid='x']` and nothing else is a test id.
fn test_id(css: &str) -> Option<&str> {
    let inner = css.strip_prefix('[')?.strip_suffix(']')?;
    let (key, value) = inner.split_once('=')?;
    let value = value.trim_matches(['"', '\'']);
    let known = matches!(key, "data-testid" | "data-test-id" | "data-test");
    (known && !value.is_empty() && !value.contains(['"', '\'', '[', ']'])).then_some(value)
}

/// The words of `#post-button` for a name; nothing of other selectors.
fn id_of(css: &str) -> String {
    css.strip_prefix('#').filter(|id| !id.contains([' ', '>', '.', '['])).unwrap_or_default().to_owned()
}

/// The tag of the last part of a CSS selector or XPath.
fn tag_of(way: &str) -> Option<String> {
    let last = match way.strip_prefix("xpath/") {
        Some(path) => path.rsplit('/').next()?,
        None if way.starts_with("aria/") || way.starts_with("text/") => return None,
        None => way.strip_prefix("pierce/").unwrap_or(way).rsplit([' ', '>']).next()?,
    };
    let tag: String = last.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!tag.is_empty()).then(|| tag.to_lowercase())
}

fn role_of(tag: &str) -> Option<&'static str> {
    match tag {
        "button" => Some("button"),
        "a" => Some("link"),
        _ => None,
    }
}

/// Words as a name of the language; empty when nothing is left of them.
pub(super) fn slug(words: &str) -> String {
    let mut slug = String::new();
    for c in words.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
        if slug.len() >= 40 {
            break;
        }
    }
    let slug = slug.trim_matches('_');
    if slug.starts_with(|c: char| c.is_ascii_lowercase()) { slug.to_owned() } else { String::new() }
}

/// A text of YAML in double quotes, whose escapes are those of JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
