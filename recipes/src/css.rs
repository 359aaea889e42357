//! What a CSS selector rests on, as far as the checker must know it: its branches and its classes, ids and attributes.
//!
//! Parsing is `scraper`'s (Servo's selector engine); this reads the normal form that it writes back. Never matches a page.

use scraper::Selector;
use scraper::error::SelectorErrorKind;
use scraper::selector::ToCss as _;

/// Parses a selector; the error says why not, in words that complete "it is not a CSS selector: …".
pub(crate) fn parse(css: &str) -> Result<Selector, String> {
    Selector::parse(css).map_err(|error| match error {
        // The parser has no words for these, only names: `DanglingCombinator`.
        SelectorErrorKind::UnexpectedSelectorParseError(kind) => words(&format!("{kind:?}")),
        SelectorErrorKind::EndOfLine => "it ends too early".to_owned(),
        SelectorErrorKind::UnexpectedToken => "a character stands where none is expected".to_owned(),
        other => other.to_string().to_lowercase(),
    })
}

/// `DanglingCombinator` → `dangling combinator`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars().take_while(|c| c.is_alphanumeric()) {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// A class, an id or an attribute that a selector names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Class(String),
    Id(String),
    /// Name, and value unless it is only asked whether the attribute is there.
    Attribute(String, Option<String>),
}

impl Token {
    /// The text that a person who renames things would change.
    pub(crate) fn value(&self) -> Option<&str> {
        match self {
            Self::Class(text) | Self::Id(text) => Some(text),
            Self::Attribute(_, value) => value.as_deref(),
        }
    }
}

/// The selector's alternatives (`a, b` has two) in normal form; none when it does not parse.
pub(crate) fn branches(css: &str) -> Vec<String> {
    let Ok(selector) = parse(css) else {
        return Vec::new();
    };
    let normal = selector.to_css_string();
    let mut scan = Scan::default();
    let mut branches = vec![String::new()];
    for c in normal.chars() {
        let quoted = scan.step(c);
        if c == ',' && !quoted && scan.depth == 0 {
            branches.push(String::new());
        } else if let Some(last) = branches.last_mut() {
            last.push(c);
        }
    }
    branches.into_iter().map(|branch| branch.trim().to_owned()).collect()
}

/// The classes, ids and attributes that a selector names anywhere; none when it does not parse.
pub(crate) fn tokens(css: &str) -> Vec<Token> {
    let Ok(selector) = parse(css) else {
        return Vec::new();
    };
    let normal = selector.to_css_string();
    let mut tokens = Vec::new();
    let mut rest = normal.as_str();
    while let Some(at) = rest.find(['[', '.', '#', '\\']) {
        let (mark, after) = (rest.as_bytes().get(at).copied(), rest.get(at + 1..).unwrap_or_default());
        let length = match mark {
            Some(b'[') => attribute_length(after),
            Some(b'\\') => after.chars().next().map_or(0, char::len_utf8),
            _ => name_length(after),
        };
        let inner = after.get(..length).unwrap_or_default();
        match mark {
            Some(b'[') => tokens.push(attribute(inner)),
            Some(b'.') => tokens.push(Token::Class(inner.to_owned())),
            Some(b'#') => tokens.push(Token::Id(inner.to_owned())),
            _ => {}
        }
        rest = after.get(length..).unwrap_or_default();
    }
    tokens
}

/// Length of what stands between `[` and its `]`.
fn attribute_length(after: &str) -> usize {
    let mut scan = Scan::default();
    after.char_indices().find(|(_, c)| !scan.step(*c) && *c == ']').map_or(after.len(), |(at, _)| at)
}

/// Length of an identifier, escapes included.
fn name_length(after: &str) -> usize {
    let mut escaped = false;
    after
        .char_indices()
        .find(|(_, c)| {
            let inside = escaped || *c == '\\' || c.is_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii();
            escaped = !escaped && *c == '\\';
            !inside
        })
        .map_or(after.len(), |(at, _)| at)
}

/// `data-testid="x"` → name and value, whatever the operator.
fn attribute(inner: &str) -> Token {
    let Some((name, value)) = inner.split_once('=') else {
        return Token::Attribute(inner.trim().to_ascii_lowercase(), None);
    };
    let name = name.trim_end_matches(['~', '|', '^', '$', '*']).trim().to_ascii_lowercase();
    let value = value.trim().trim_end_matches(" i").trim_end_matches(" s");
    Token::Attribute(name, Some(value.trim_matches('"').to_owned()))
}

/// Knows whether a character stands within quotes or brackets.
#[derive(Default)]
struct Scan {
    depth: usize,
    quote: Option<char>,
    escaped: bool,
}

impl Scan {
    /// Takes one character; says whether it stood within quotes or was escaped.
    fn step(&mut self, c: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            return true;
        }
        self.escaped = c == '\\';
        match self.quote {
            Some(quote) => {
                if c == quote {
                    self.quote = None;
                }
                true
            }
            None => {
                match c {
                    '"' | '\'' => self.quote = Some(c),
                    '[' | '(' => self.depth += 1,
                    ']' | ')' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                self.quote.is_some() || self.escaped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_split_where_a_comma_separates_and_nowhere_else() {
        assert_eq!(branches("a ,b"), ["a", "b"]);
        assert_eq!(branches("[title='a,b'],:is(i, u)").len(), 2);
        assert!(branches("[").is_empty());
    }

    #[test]
    fn tokens_are_read_in_normal_form() {
        let attribute = |name: &str, value: &str| Token::Attribute(name.to_owned(), Some(value.to_owned()));
        assert_eq!(
            tokens("form[aria-label='New post'] > .actions button.primary#go"),
            [
                attribute("aria-label", "New post"),
                Token::Class("actions".to_owned()),
                Token::Class("primary".to_owned()),
                Token::Id("go".to_owned()),
            ]
        );
        assert_eq!(tokens("[data-testid^=post]"), [attribute("data-testid", "post")]);
        assert_eq!(tokens("[title='a].b']"), [attribute("title", "a].b")]);
        assert_eq!(tokens("a[href]"), [Token::Attribute("href".to_owned(), None)]);
        assert!(tokens("main button").is_empty());
    }
}
