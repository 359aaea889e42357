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
    /// Whether a request is this write. `url_path` may bring a query or fragment; neither counts.
    #[must_use]
    pub fn matches(&self, method: &str, url_path: &str) -> bool {
        let path = url_path.split(['?', '#']).next().unwrap_or_default();
        self.method.eq_ignore_ascii_case(method) && glob_matches(&self.path, path)
    }
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
        let write = WritePattern { method: "POST".to_owned(), path: "/api/posts".to_owned() };
        assert!(write.matches("post", "/api/posts?x=/api/other"));
        assert!(!write.matches("PUT", "/api/posts"));
        assert!(!write.matches("POST", "/api/posts/1"));
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let started = std::time::Instant::now();
        let pattern = "*a".repeat(2_000) + "b";
        assert!(!glob_matches(&pattern, &"a".repeat(100_000)));
        assert!(started.elapsed() < std::time::Duration::from_secs(2));
    }
}
