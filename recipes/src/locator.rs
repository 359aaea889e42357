//! When two locators say the same thing twice, and when they may reach the same node.
//!
//! A quorum is worth as much as its voters are independent: two selectors that rest on one test id are one voter. Never
//! looks at a page: this is about what is written.

use crate::css::{self, Token};
use crate::model::{Element, Locator, Words};
use crate::template::{Template, Values, of_order};
use crate::xpath;

/// The attributes that a `testid` locator reads.
const TEST_ID_ATTRIBUTES: [&str; 3] = ["data-testid", "data-test-id", "data-test"];
/// The attributes from which an accessible name is made.
const NAME_ATTRIBUTES: [&str; 4] = ["aria-label", "alt", "title", "placeholder"];

impl Locator {
    /// The word by which a recipe writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Role { .. } => "role",
            Self::Label(_) => "label",
            Self::Text(_) => "text",
            Self::Css(_) => "css",
            Self::Xpath(_) => "xpath",
            Self::TestId(_) => "testid",
            Self::OneOf { .. } => "one_of",
            Self::Near { .. } => "near",
        }
    }

    /// The words of the page by which it finds, where it has some; a selector has none.
    pub(crate) fn words(&self) -> Option<&str> {
        match self {
            Self::Role { name, .. } => name.as_deref(),
            Self::Label(text) | Self::Text(text) | Self::OneOf { text, .. } | Self::Near { text, .. } => Some(text),
            Self::Css(_) | Self::Xpath(_) | Self::TestId(_) => None,
        }
    }

    /// The same with other words.
    fn with_words(&self, with: String) -> Self {
        match self {
            Self::Role { role, .. } => Self::Role { role: role.clone(), name: Some(with) },
            Self::Label(_) => Self::Label(with),
            Self::Text(_) => Self::Text(with),
            Self::OneOf { css, .. } => Self::OneOf { css: css.clone(), text: with },
            Self::Near { side, of, .. } => Self::Near { side: *side, of: of.clone(), text: with },
            Self::Css(_) | Self::Xpath(_) | Self::TestId(_) => self.clone(),
        }
    }

    /// Whether this locator and another rest on different evidence, so that one change of the page does not break or
    /// mislead both: different kinds that do not read the same attribute, or CSS selectors without a common class, id or
    /// attribute.
    #[must_use]
    pub fn independent_of(&self, other: &Self) -> bool {
        match (self, other) {
            // Of the two things that it rests on, the selector is the one that another may repeat.
            (Self::OneOf { css, .. }, other) | (other, Self::OneOf { css, .. }) => {
                Self::Css(css.clone()).independent_of(other)
            }
            (Self::Css(a), Self::Css(b)) => {
                let (a, b) = (css::tokens(a), css::tokens(b));
                // Two bare chains of tags are both the page's nesting.
                let both_bare = a.is_empty() && b.is_empty();
                let in_common = a.iter().any(|token| b.contains(token));
                !both_bare && !in_common
            }
            (Self::Css(css), other) | (other, Self::Css(css)) => {
                !css::tokens(css).iter().any(|token| other.rests_on(token))
            }
            (Self::Xpath(xpath), Self::TestId(id)) | (Self::TestId(id), Self::Xpath(xpath)) => !quotes(xpath, id),
            (a, b) => a.kind() != b.kind(),
        }
    }

    /// Whether a locator other than CSS reads this token of a selector.
    fn rests_on(&self, token: &Token) -> bool {
        match (self, token) {
            (Self::TestId(id), Token::Attribute(name, value)) => {
                let part = |value: &String| id.contains(value.as_str()) || value.contains(id.as_str());
                TEST_ID_ATTRIBUTES.contains(&name.as_str()) && value.as_ref().is_none_or(part)
            }
            (Self::Role { name: Some(text), .. } | Self::Label(text), Token::Attribute(name, Some(value))) => {
                NAME_ATTRIBUTES.contains(&name.as_str()) && folded(value) == folded(text)
            }
            // A state is no name that somebody gives and changes: what it is a state of must differ.
            (Self::Xpath(xpath), token) => {
                token.value().is_some_and(|value| !matches!(value, "true" | "false") && quotes(xpath, value))
            }
            _ => false,
        }
    }

    /// Whether two locators are written so that they may name the same node: equal, or the same name asked for in another
    /// way. A reversible step must not touch what a commit element shares this with.
    #[must_use]
    pub fn shares_target_with(&self, other: &Self) -> bool {
        let read = |locator: &Self| match locator {
            Self::Near { text, .. } => Some(Self::Text(text.clone())),
            Self::Xpath(path) => xpath::as_css(path).map(Self::Css),
            _ => None,
        };
        if self == other {
            return true;
        }
        // What else is written in them is narrower: they may still be the same node.
        if let Some(as_another) = read(self) {
            return as_another.shares_target_with(other);
        }
        if let Some(as_another) = read(other) {
            return self.shares_target_with(&as_another);
        }
        match (self, other) {
            (Self::OneOf { css, text }, other) | (other, Self::OneOf { css, text }) => {
                Self::Css(css.clone()).shares_target_with(other) || Self::Text(text.clone()).shares_target_with(other)
            }
            (Self::Css(a), Self::Css(b)) => {
                let b = css::branches(b);
                css::branches(a).iter().any(|branch| b.contains(branch))
            }
            (Self::Css(css), Self::TestId(id)) | (Self::TestId(id), Self::Css(css)) => names_test_id(css, id),
            (Self::Role { role: a, name: a_name }, Self::Role { role: b, name: b_name }) => {
                let any_name = a_name.is_none() || b_name.is_none();
                a == b && (any_name || a_name.as_deref().map(folded) == b_name.as_deref().map(folded))
            }
            (Self::Role { name: Some(a), .. }, Self::Text(b) | Self::Label(b))
            | (Self::Text(b) | Self::Label(b), Self::Role { name: Some(a), .. })
            | (Self::Text(a), Self::Text(b))
            | (Self::Label(a), Self::Label(b)) => folded(a) == folded(b),
            (a, b) => a == b,
        }
    }
}

impl Element {
    /// The element of one order: its time filled into the words. `None`: the order has none, or the words are the recipe's own.
    pub(crate) fn for_order(&self, values: &dyn Values) -> Option<Self> {
        if self.words != Words::OfOrder {
            return None;
        }
        let filled = |locator: &Locator| match locator.words().filter(|words| of_order(words)) {
            Some(words) => Some(locator.with_words(Template::parse(words).ok()?.try_fill(values).ok()?)),
            None => Some(locator.clone()),
        };
        let locators = self.locators.iter().map(filled).collect::<Option<_>>()?;
        Some(Self { locators, words: Words::Filled })
    }

    /// Whether two of its locators rest on different evidence.
    #[must_use]
    pub fn has_independent_locators(&self) -> bool {
        let rest = |from: usize| self.locators.get(from..).unwrap_or_default();
        self.locators.iter().enumerate().any(|(nth, a)| rest(nth + 1).iter().any(|b| a.independent_of(b)))
    }
}

/// Whether one alternative of a selector asks for nothing but this test id (a tag before it changes nothing).
fn names_test_id(css: &str, id: &str) -> bool {
    css::branches(css).iter().any(|branch| {
        let at = branch.find('[').unwrap_or(branch.len());
        let (tag, rest) = branch.split_at_checked(at).unwrap_or((branch, ""));
        let tag_only = tag.chars().all(|c| c.is_alphanumeric() || matches!(c, '*' | '-'));
        tag_only && TEST_ID_ATTRIBUTES.iter().any(|name| rest == format!("[{name}=\"{id}\"]"))
    })
}

/// Whether an XPath expression names this text as a literal.
fn quotes(xpath: &str, text: &str) -> bool {
    !text.is_empty() && (xpath.contains(&format!("'{text}'")) || xpath.contains(&format!("\"{text}\"")))
}

/// White space folded, case ignored.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    fn css(text: &str) -> Locator {
        Locator::Css(text.to_owned())
    }
    fn test_id(text: &str) -> Locator {
        Locator::TestId(text.to_owned())
    }
    fn role(role: &str, name: Option<&str>) -> Locator {
        Locator::Role { role: role.to_owned(), name: name.map(str::to_owned) }
    }
    fn xpath(text: &str) -> Locator {
        Locator::Xpath(text.to_owned())
    }
    fn near(text: &str) -> Locator {
        Locator::Near { side: Side::Below, of: "editor".into(), text: text.to_owned() }
    }
    fn text(text: &str) -> Locator {
        Locator::Text(text.to_owned())
    }
    fn one_of(css: &str, text: &str) -> Locator {
        Locator::OneOf { css: css.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn one_piece_of_evidence_is_one_voter() {
        for (a, b, independent) in [
            (role("button", Some("Post")), test_id("post-submit"), true),
            (role("button", Some("Post")), role("link", Some("Post")), false),
            (role("button", Some("Post")), css("button[aria-label=post]"), false),
            (css("form .a"), css("main .b"), true),
            (css("form .a"), css(".a > button"), false),
            (css("form button"), css("main button"), false),
            (css("button[data-testid=post-submit]"), test_id("post-submit"), false),
            (css("[data-testid^=post]"), test_id("post-submit"), false),
            (css("[data-testid=composer] button.primary"), test_id("post-submit"), true),
            (xpath("//*[@data-testid='post-submit']"), test_id("post-submit"), false),
            (xpath("//button[@class='primary']"), css("button.primary"), false),
            (xpath("//form//button[1]"), css("button.primary"), true),
            (one_of(".day.valid", "20"), css(".day"), false),
            (one_of(".day.valid", "20"), one_of(".day", "20"), false),
            (one_of(".day.valid", "20"), role("gridcell", Some("20")), true),
            (xpath("//*[@role='menu']//*[@aria-checked='true']"), css("[data-testid=option][aria-checked=true]"), true),
        ] {
            assert_eq!(a.independent_of(&b), independent, "{a:?} {b:?}");
            assert_eq!(b.independent_of(&a), independent, "{b:?} {a:?}");
        }
    }

    #[test]
    fn what_may_be_the_same_node_is_seen_however_it_is_written() {
        for (a, b, shared) in [
            (css("form  >  button.primary"), css("i, form>button.primary"), true),
            (css("form button"), css("form button.primary"), false),
            (css("button[data-testid='post-submit']"), test_id("post-submit"), true),
            (css("[data-testid=post-submit] i"), test_id("post-submit"), false),
            (role("button", None), role("button", Some("Post")), true),
            (role("button", Some(" post ")), role("button", Some("Post")), true),
            (role("button", Some("Save")), role("button", Some("Post")), false),
            (text("Post"), role("button", Some("Post")), true),
            (text("Post"), test_id("Post"), false),
            (one_of("form i, form button", "Draft"), css("form button"), true),
            (one_of("form i", "Post"), role("button", Some("Post")), true),
            (one_of("form i", "Post"), one_of("main b", " post "), true),
            (one_of("form i", "20"), css("form button"), false),
            (xpath("//*[@data-testid='post-submit']"), test_id("post-submit"), true),
            (xpath("//button[@data-testid='post-submit']"), css("button[data-testid=post-submit]"), true),
            (xpath("//form//button[1]"), css("form button"), false),
            (near("post"), role("button", Some("Post")), true),
            (near("post"), near(" Post"), true),
            (near("Save"), text("Post"), false),
        ] {
            assert_eq!(a.shares_target_with(&b), shared, "{a:?} {b:?}");
            assert_eq!(b.shares_target_with(&a), shared, "{b:?} {a:?}");
        }
    }
}
