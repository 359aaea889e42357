//! Globs over paths and the network gate's write patterns: `*` is any run of characters, everything else is itself.
//!
//! No pattern and no path can make a match slow: each fixed piece is looked for once, from left to right.

use crate::model::WritePattern;

/// Whether `text` has the form of `pattern`. Linear in the length of both.
#[must_use]
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(head) else {
        return false;
    };
    let mut pieces = tail.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

impl WritePattern {
    /// Whether a request has this method and path. `url_path` may bring a query or fragment; neither counts.
    #[must_use]
    pub fn matches(&self, method: &str, url_path: &str) -> bool {
        let path = url_path.split(['?', '#']).next().unwrap_or_default();
        self.method.eq_ignore_ascii_case(method) && glob_matches(&self.path, path)
    }

    /// Whether a request is this write: method, path, and what its query and body contain. A body of `None` could not be
    /// read and may be any: it counts as fitting.
    #[must_use]
    pub fn fits(&self, method: &str, url_path: &str, query: &str, body: Option<&[u8]>) -> bool {
        let in_query = self.query.as_ref().is_none_or(|wanted| query.contains(wanted.as_str()));
        let in_body = match (&self.body, body) {
            (None, _) | (_, None) => true,
            (Some(wanted), Some(body)) => contains(body, wanted.as_bytes()),
        };
        self.matches(method, url_path) && in_query && in_body
    }
}

/// Whether the bytes contain these bytes. The recipe's texts are short, so the plain search is enough.
fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_the_rest_is_itself() {
        for (pattern, text, expected) in [
            ("/login*", "/login", true),
            ("/login*", "/login?next=/a/b", true),
            ("/login*", "/logout", false),
            ("/login", "/login/", false),
            ("/api/*/posts", "/api/v1/x/posts", true),
            ("/api/*/posts", "/api/posts", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a**b", "ab", true),
            ("*ö*", "schön", true),
            ("/p/?", "/p/x", false),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_write_is_method_and_path() {
        let write = WritePattern { method: "POST".to_owned(), path: "/api/posts".to_owned(), body: None, query: None };
        assert!(write.matches("post", "/api/posts?x=/api/other"));
        assert!(!write.matches("PUT", "/api/posts"));
        assert!(!write.matches("POST", "/api/posts/1"));
    }

    #[test]
    fn one_path_for_everything_is_told_apart_by_query_or_body() {
        let pattern = |body: Option<&str>, query: Option<&str>| WritePattern {
            method: "POST".to_owned(),
            path: "/api/graphql/".to_owned(),
            body: body.map(str::to_owned),
            query: query.map(str::to_owned),
        };
        let by_body = pattern(Some("name=Create"), None);
        let fits = |body: Option<&str>| by_body.fits("POST", "/api/graphql/", "", body.map(str::as_bytes));
        assert!(fits(Some("a=1&name=CreateStory")));
        assert!(!fits(Some("a=1&name=Like")));
        assert!(!fits(Some("")), "a request without a body is not it");
        assert!(fits(None), "a body that can not be read may be it");
        assert!(!by_body.fits("POST", "/api/other", "", None));
        let by_query = pattern(None, Some("queryId=Shares"));
        assert!(by_query.fits("POST", "/api/graphql/", "a=1&queryId=Shares.7", None));
        assert!(!by_query.fits("POST", "/api/graphql/", "queryId=Likes", None));
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let started = std::time::Instant::now();
        let pattern = "*a".repeat(2_000) + "b";
        assert!(!glob_matches(&pattern, &"a".repeat(100_000)));
        assert!(started.elapsed() < std::time::Duration::from_secs(60));
    }
}
