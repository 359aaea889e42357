//! A route: which request it answers, in which scene, and with what.
//!
//! Owns matching and the filling of placeholders. Never reads a file and never moves a scene.

use std::time::Duration;

use deed_chromium::network::{Request, Response};
use deed_core::time::Timestamp;
use deed_recipes::glob_matches;

/// Which requests a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Upper case, or `*`.
    pub method: String,
    /// The URL; `*` stands for any run of characters unless it is literal.
    pub url: String,
    /// Whether the query counts.
    pub with_query: bool,
    /// Recorded URLs mean themselves.
    pub literal: bool,
}

impl Pattern {
    /// Reads `GET https://host/path`.
    pub fn parse(text: &str) -> Option<Self> {
        let (method, url) = text.trim().split_once(char::is_whitespace)?;
        let url = url.trim();
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).filter(|rest| !rest.is_empty());
        let good = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase()) || method == "*";
        if !good || url.contains(char::is_whitespace) || url.contains('#') {
            return None;
        }
        // A browser always asks for a path.
        let slash = if rest?.contains('/') { "" } else { "/" };
        let with_query = url.contains('?');
        Some(Self { method: method.to_owned(), url: format!("{url}{slash}"), with_query, literal: false })
    }

    fn matches(&self, method: &str, url: &str) -> bool {
        let url = if self.with_query { url } else { without_query(url) };
        (self.method == "*" || self.method == method)
            && if self.literal { self.url == url } else { glob_matches(&self.url, url) }
    }
}

/// A URL's part before the query.
pub fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// How placeholders are put into a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Not at all: pictures, fonts, recorded bodies.
    Never,
    /// Escaped for HTML.
    Html,
    /// Escaped for a JSON text.
    Json,
    /// As they are.
    Plain,
}

impl Fill {
    /// By the content type.
    pub fn of(media_type: &str) -> Self {
        let kind = media_type.split(';').next().unwrap_or_default().trim();
        match kind {
            "text/html" | "image/svg+xml" | "application/xhtml+xml" => Self::Html,
            "application/json" => Self::Json,
            _ if kind.ends_with("+json") => Self::Json,
            _ if kind.starts_with("text/") => Self::Plain,
            _ => Self::Never,
        }
    }
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What it answers.
    pub on: Pattern,
    /// Only in this scene; `None`: in every one.
    pub scene: Option<String>,
    /// The request's body must contain this.
    pub has: Option<String>,
    /// The scene after its answer.
    pub goes_to: Option<String>,
    /// What it answers with.
    pub response: Response,
    /// How placeholders are put in.
    pub fill: Fill,
    /// How long it takes.
    pub delay: Duration,
    /// Of several recorded answers to one request each is given once, in order; the last one stays.
    pub once: bool,
}

impl Route {
    /// Whether it answers a request in a scene.
    pub fn fits(&self, request: &Request, scene: &str) -> bool {
        let body = |wanted: &String| {
            request.body.as_ref().is_some_and(|b| String::from_utf8_lossy(b).contains(wanted.as_str()))
        };
        self.scene.as_ref().is_none_or(|s| s == scene)
            && self.on.matches(&request.method, &request.url)
            && self.has.as_ref().is_none_or(body)
    }

    /// Its answer now.
    pub fn response(&self, words: &Words, now: Timestamp) -> Response {
        let mut response = self.response.clone();
        if self.fill != Fill::Never
            && let Ok(text) = std::str::from_utf8(&response.body)
        {
            response.body = words.fill(text, self.fill, now).into_bytes();
        }
        response
    }
}

/// What placeholders of bodies stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// `account.handle` and so on, with their values.
    pub known: Vec<(&'static str, String)>,
}

impl Words {
    /// The names that a body may use; `now` is one as well.
    pub const NAMES: [&'static str; 6] =
        ["account.display_name", "account.handle", "now", "order.target", "order.text", "order.title"];

    /// Puts the values in; braces around anything else stay as they are.
    pub fn fill(&self, text: &str, how: Fill, now: Timestamp) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let name = from.get(2..).and_then(|r| r.split_once("}}")).map(|(name, _)| name);
            let value = name.and_then(|name| self.value(name.trim(), now));
            match (name, value) {
                (Some(name), Some(value)) => {
                    out.push_str(&escaped(&value, how));
                    rest = from.get(name.len() + 4..).unwrap_or_default();
                }
                _ => {
                    out.push_str("{{");
                    rest = from.get(2..).unwrap_or_default();
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str, now: Timestamp) -> Option<String> {
        if name == "now" {
            return Some(now.to_string());
        }
        self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    /// Placeholders of a body that look meant and are none.
    pub fn unknown(text: &str) -> Option<&str> {
        text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim()).find(|name| {
            let meant = ["account.", "order."].iter().any(|p| name.starts_with(p));
            meant && !name.contains(char::is_whitespace) && !Self::NAMES.contains(name)
        })
    }
}

fn escaped(value: &str, how: Fill) -> String {
    match how {
        Fill::Never | Fill::Plain => value.to_owned(),
        Fill::Json => {
            let quoted = serde_json::Value::String(value.to_owned()).to_string();
            quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
        }
        Fill::Html => value.chars().fold(String::with_capacity(value.len()), |mut out, letter| {
            match letter {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
            out
        }),
    }
}

/// The content type of a file by its ending.
pub fn media_type(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "json" => "application/json",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "mp4" => "video/mp4",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_counts_the_query_only_when_it_names_one() {
        let fits = |pattern: &str, method: &str, url: &str| Pattern::parse(pattern).unwrap().matches(method, url);
        assert!(fits("GET https://a.test/x", "GET", "https://a.test/x?y=1"));
        assert!(!fits("GET https://a.test/x", "POST", "https://a.test/x"));
        assert!(fits("GET https://a.test", "GET", "https://a.test/"));
        assert!(fits("GET https://a.test/x?y=*", "GET", "https://a.test/x?y=12"));
        assert!(!fits("GET https://a.test/x?y=*", "GET", "https://a.test/x"));
        assert!(fits("GET https://*.a.test/p/*", "GET", "https://cdn.a.test/p/7/8"));
        assert!(fits("* https://a.test/*", "PUT", "https://a.test/x"));
        for bad in ["https://a.test/", "get https://a.test/", "GET /x", "GET ftp://a.test/", "GET https://", ""] {
            assert!(Pattern::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn placeholders_are_escaped_for_where_they_stand() {
        let words = Words { known: vec![("order.text", "a \"b\" <c>".into())] };
        let fill = |text: &str, how| words.fill(text, how, Timestamp(0));
        assert_eq!(fill("<p>{{order.text}}</p>", Fill::Html), "<p>a &quot;b&quot; &lt;c&gt;</p>");
        assert_eq!(fill(r#"{"t":"{{order.text}}"}"#, Fill::Json), r#"{"t":"a \"b\" <c>"}"#);
        assert_eq!(
            fill("{{ order.text }}|{{other}}|{{now}}|{{", Fill::Plain),
            "a \"b\" <c>|{{other}}|1970-01-01T00:00:00.000Z|{{"
        );
        assert_eq!(Words::unknown("{{x}} {{order.txt}}"), Some("order.txt"));
        assert_eq!(Words::unknown("{{order.text}} {{now}} {{#if order}}"), None);
    }
}
