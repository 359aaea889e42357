//! Placeholders in recipe texts: `@{account.handle}`, `/p/{object_id}`.
//!
//! The set of names is closed; an unknown one is an error of the recipe, never an empty string at run time. `{{` stands
//! for a brace; a closing brace outside a placeholder stands for itself.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::date_form::{DateForm, DateFormError, Told};

/// A value that a recipe may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Placeholder {
    /// `{account.handle}`
    AccountHandle,
    /// `{account.display_name}`
    AccountDisplayName,
    /// `{account.avatar_hash}`
    AccountAvatarHash,
    /// `{content.text}`
    ContentText,
    /// `{content.media}`
    ContentMedia,
    /// `{content.title}`
    ContentTitle,
    /// `{content.scheduled_at}`: RFC 3339 in UTC, to the second.
    ContentScheduledAt,
    /// `{content.scheduled_date}`: its day in UTC, `2026-11-20`.
    ContentScheduledDate,
    /// `{content.scheduled_time}`: its time of day in UTC, `09:30`.
    ContentScheduledTime,
    /// `{target}`: what an order aims at (a permalink, a handle).
    Target,
    /// `{object_id}`: read, not filled in, in receipts.
    ObjectId,
}

impl Placeholder {
    /// Every placeholder of the language.
    pub const ALL: [Self; 11] = [
        Self::AccountHandle,
        Self::AccountDisplayName,
        Self::AccountAvatarHash,
        Self::ContentText,
        Self::ContentMedia,
        Self::ContentTitle,
        Self::ContentScheduledAt,
        Self::ContentScheduledDate,
        Self::ContentScheduledTime,
        Self::Target,
        Self::ObjectId,
    ];

    /// The name as it stands between the braces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountHandle => "account.handle",
            Self::AccountDisplayName => "account.display_name",
            Self::AccountAvatarHash => "account.avatar_hash",
            Self::ContentText => "content.text",
            Self::ContentMedia => "content.media",
            Self::ContentTitle => "content.title",
            Self::ContentScheduledAt => "content.scheduled_at",
            Self::ContentScheduledDate => "content.scheduled_date",
            Self::ContentScheduledTime => "content.scheduled_time",
            Self::Target => "target",
            Self::ObjectId => "object_id",
        }
    }

    /// Whether it says when something is to appear.
    #[must_use]
    pub const fn is_schedule(self) -> bool {
        matches!(self, Self::ContentScheduledAt | Self::ContentScheduledDate | Self::ContentScheduledTime)
    }

    /// Whether it is something that an order puts into a field, so that it must be read back.
    #[must_use]
    pub const fn is_written(self) -> bool {
        self.is_schedule() || matches!(self, Self::ContentText | Self::ContentTitle)
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

/// A text with placeholders, split once when the recipe is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// Filled in at run time.
    Placeholder(Placeholder),
    /// `{content.scheduled_at|D MMMM YYYY}`: when it is to appear, in the form that a page wants.
    Scheduled(DateForm),
    /// `{read.NAME}`: what an earlier step read under this name.
    Read(String),
}

/// What stands before the name in `{read.NAME}`.
const READ: &str = "read.";

/// Whether a name can be given to what a step reads: lower-case letters, digits and `_`, beginning with a letter.
pub(crate) fn is_read_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good)
}

/// Why a text is no template. Positions are bytes within the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{` without `}`.
    #[error("the brace at byte {at} is never closed")]
    Unclosed {
        /// Where the brace stands.
        at: usize,
    },
    /// A name outside the closed set.
    #[error("`{{{name}}}` is not a placeholder")]
    Unknown {
        /// Where the brace stands.
        at: usize,
        /// What stands between the braces.
        name: String,
    },
    /// The form of a date that is none, or stands behind something that is no date.
    #[error("`{{{name}}}` has no form of a date: {fault}")]
    Form {
        /// Where the brace stands.
        at: usize,
        /// What stands between the braces.
        name: String,
        /// What is wrong with it.
        fault: DateFormError,
    },
}

impl TemplateError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unclosed { .. } | Self::Form { .. } => crate::Code::BadTemplate.as_str(),
            Self::Unknown { .. } => crate::Code::UnknownPlaceholder.as_str(),
        }
    }
}

/// A template names a value that the caller does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recipe names {placeholder}, which has no value here")]
pub struct MissingValue {
    /// The first one that is missing, with its braces.
    pub placeholder: String,
}

impl MissingValue {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "recipe-missing-value"
    }
}

/// Where the values of placeholders come from.
pub trait Values {
    /// The value of one placeholder; `None` when there is none in this place.
    fn get(&self, placeholder: Placeholder) -> Option<&str>;

    /// What an earlier step read under this name.
    fn read(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }
}

impl Part {
    /// The value of a part that is filled in; `None` when it has none here.
    pub(crate) fn value<'v>(&'v self, values: &'v dyn Values) -> Option<Cow<'v, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Placeholder(placeholder) => values.get(*placeholder).map(Cow::Borrowed),
            Self::Scheduled(form) => form.of(values.get(Placeholder::ContentScheduledAt)?).map(Cow::Owned),
            Self::Read(name) => values.read(name).map(Cow::Borrowed),
        }
    }

    /// As it stands in the recipe.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.replace('{', "{{"),
            Self::Placeholder(placeholder) => placeholder.to_string(),
            Self::Scheduled(form) => format!("{{{}|{form}}}", Placeholder::ContentScheduledAt.name()),
            Self::Read(name) => format!("{{{READ}{name}}}"),
        }
    }
}

impl Template {
    /// Splits a text into its parts.
    ///
    /// # Errors
    /// A brace that does not close, or a name outside the closed set.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find('{')) {
            let brace = at + found;
            plain.push_str(text.get(at..brace).unwrap_or_default());
            let after = text.get(brace + 1..).unwrap_or_default();
            if after.starts_with('{') {
                plain.push('{');
                at = brace + 2;
                continue;
            }
            let length = after.find('}').ok_or(TemplateError::Unclosed { at: brace })?;
            let name = after.get(..length).unwrap_or_default();
            let part = named(name, brace)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
            at = brace + length + 2;
        }
        plain.push_str(text.get(at..).unwrap_or_default());
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The placeholders of the closed set that it names, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(*placeholder),
            Part::Scheduled(_) => Some(Placeholder::ContentScheduledAt),
            Part::Text(_) | Part::Read(_) => None,
        })
    }

    /// The names of what it takes from earlier `read` steps, in order.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Read(name) => Some(name.as_str()),
            Part::Text(_) | Part::Placeholder(_) | Part::Scheduled(_) => None,
        })
    }

    /// Whether it says when something is to appear, to the minute: from the year on, and with the half of the day where
    /// hours count to twelve.
    #[must_use]
    pub fn tells_whole_time(&self) -> bool {
        let mut told = Told::default();
        for part in &self.parts {
            match part {
                Part::Placeholder(Placeholder::ContentScheduledAt) => told.all(),
                Part::Placeholder(Placeholder::ContentScheduledDate) => told.date(),
                Part::Placeholder(Placeholder::ContentScheduledTime) => told.time_of_day(),
                Part::Scheduled(form) => form.tell(&mut told),
                Part::Placeholder(_) | Part::Text(_) | Part::Read(_) => {}
            }
        }
        told.is_whole()
    }

    /// Whether it is this one placeholder and nothing else.
    #[must_use]
    pub fn is_only(&self, placeholder: Placeholder) -> bool {
        self.parts == [Part::Placeholder(placeholder)]
    }

    /// The text with its placeholders filled in.
    ///
    /// # Errors
    /// A placeholder without a value: nothing half-filled may reach a page.
    pub fn try_fill(&self, values: &dyn Values) -> Result<String, MissingValue> {
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(&part.value(values).ok_or_else(|| MissingValue { placeholder: part.shown() })?);
        }
        Ok(out)
    }

    /// The text with its placeholders filled in; one without a value stays as it is written (`{target}`), never empty.
    ///
    /// For what is compared or shown to people. What is typed into a page or opened goes through [`Template::try_fill`].
    #[must_use]
    pub fn fill(&self, values: &dyn Values) -> String {
        self.parts.iter().map(|part| part.value(values).map_or_else(|| part.shown(), Cow::into_owned)).collect()
    }

    /// Whether a path of a URL has this form. A placeholder stands for one or more characters without `/`.
    #[must_use]
    pub fn matches(&self, actual: &str) -> bool {
        self.holes(actual).is_some()
    }

    /// Reads `{object_id}` out of a path of a URL (`/p/{object_id}` of `/p/42?x` is `42`). Query and fragment do not count.
    #[must_use]
    pub fn read(&self, actual: &str) -> Option<String> {
        let at = self.placeholders().position(|placeholder| placeholder == Placeholder::ObjectId)?;
        self.holes(actual)?.get(at).map(|hole| (*hole).to_owned())
    }

    /// What stands in place of each placeholder. Each fixed text is taken at its first place, the last one at the end of
    /// the path, so the time is linear.
    fn holes<'a>(&self, actual: &'a str) -> Option<Vec<&'a str>> {
        let mut rest = actual.split(['?', '#']).next().unwrap_or_default();
        let mut holes = Vec::new();
        let mut open = false;
        for (nth, part) in self.parts.iter().enumerate() {
            match part {
                // Two placeholders side by side cannot be told apart.
                Part::Placeholder(_) | Part::Scheduled(_) | Part::Read(_) if open => return None,
                Part::Placeholder(_) | Part::Scheduled(_) | Part::Read(_) => open = true,
                Part::Text(text) if !open => rest = rest.strip_prefix(text.as_str())?,
                Part::Text(text) => {
                    let last = nth + 1 == self.parts.len();
                    let at = if last { rest.strip_suffix(text.as_str())?.len() } else { find_after_first(rest, text)? };
                    holes.push(hole(rest.get(..at)?)?);
                    rest = rest.get(at + text.len()..)?;
                    open = false;
                }
            }
        }
        if open {
            holes.push(hole(rest)?);
            rest = "";
        }
        rest.is_empty().then_some(holes)
    }
}

/// Whether words name the order's time, in whatever form.
pub(crate) fn of_order(words: &str) -> bool {
    [Placeholder::ContentScheduledAt, Placeholder::ContentScheduledDate, Placeholder::ContentScheduledTime]
        .iter()
        .any(|of_time| words.contains(&format!("{{{}", of_time.name())))
}

/// What stands between two braces.
fn named(name: &str, at: usize) -> Result<Part, TemplateError> {
    if let Some((of, form)) = name.split_once('|') {
        let fault = |fault| TemplateError::Form { at, name: name.to_owned(), fault };
        if of != Placeholder::ContentScheduledAt.name() {
            return Err(fault(DateFormError::NoTime { of: of.to_owned() }));
        }
        return DateForm::parse(form).map(Part::Scheduled).map_err(fault);
    }
    let read = name.strip_prefix(READ).filter(|name| is_read_name(name)).map(|name| Part::Read(name.to_owned()));
    let known = || Placeholder::ALL.into_iter().find(|known| known.name() == name).map(Part::Placeholder);
    read.or_else(known).ok_or_else(|| TemplateError::Unknown { at, name: name.to_owned() })
}

/// Where `text` first stands in `rest`, leaving at least one character before it.
fn find_after_first(rest: &str, text: &str) -> Option<usize> {
    let first = rest.chars().next()?.len_utf8();
    rest.get(first..)?.find(text).map(|at| at + first)
}

fn hole(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('/')).then_some(text)
}

impl fmt::Display for Template {
    /// As it stands in the recipe.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            f.write_str(&part.shown())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    struct North;

    impl Values for North {
        fn get(&self, placeholder: Placeholder) -> Option<&str> {
            (placeholder == Placeholder::AccountHandle).then_some("north_star")
        }
    }

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn fills_what_it_knows_and_never_leaves_a_hole() {
        assert_eq!(template("@{account.handle}!").fill(&North), "@north_star!");
        assert_eq!(template("{{account.handle}").fill(&North), "{account.handle}");
        assert_eq!(template("to {target}").fill(&North), "to {target}");
        let missing = template("to {target}").try_fill(&North).unwrap_err();
        assert_eq!(missing.placeholder, "{target}");
        assert_eq!(template("{account.handle}").try_fill(&North).unwrap(), "north_star");
    }

    #[test]
    fn what_a_step_read_is_a_value_by_its_name() {
        struct Code;
        impl Values for Code {
            fn get(&self, _: Placeholder) -> Option<&str> {
                None
            }
            fn read(&self, name: &str) -> Option<&str> {
                (name == "code").then_some("A7")
            }
        }
        let with = template("#{read.code}!");
        assert_eq!(with.try_fill(&Code).unwrap(), "#A7!");
        assert_eq!(with.to_string(), "#{read.code}!");
        assert_eq!(with.reads().collect::<Vec<_>>(), ["code"]);
        assert_eq!(template("{read.other}").try_fill(&Code).unwrap_err().placeholder, "{read.other}");
        for not_a_name in ["{read.}", "{read.Code}", "{read.a.b}", "{read}"] {
            assert!(Template::parse(not_a_name).is_err(), "{not_a_name}");
        }
    }

    #[test]
    fn a_time_is_written_in_the_form_that_the_page_wants() {
        struct Morning;
        impl Values for Morning {
            fn get(&self, placeholder: Placeholder) -> Option<&str> {
                (placeholder == Placeholder::ContentScheduledAt).then_some("2026-07-20T07:05:00Z")
            }
        }
        let form = template("Will send on {content.scheduled_at|ddd, MMM D, YYYY} at {content.scheduled_at|h:mm A}");
        assert_eq!(form.try_fill(&Morning).unwrap(), "Will send on Mon, Jul 20, 2026 at 7:05 AM");
        assert!(form.placeholders().all(Placeholder::is_schedule));
        assert_eq!(form.placeholders().count(), 2);
        assert_eq!(form.try_fill(&North).unwrap_err().placeholder, "{content.scheduled_at|ddd, MMM D, YYYY}");
        assert_eq!(Template::parse("{content.text|D}").unwrap_err().code(), "recipe-bad-template");
        assert_eq!(Template::parse("{content.scheduled_at|}").unwrap_err().code(), "recipe-bad-template");
    }

    #[test]
    fn a_whole_time_goes_from_the_year_to_the_minute() {
        for whole in [
            "{content.scheduled_at}",
            "{content.scheduled_date}T{content.scheduled_time}",
            "{content.scheduled_at|ddd, MMM D, YYYY} at {content.scheduled_at|h:mm A}",
            "{content.scheduled_date} {content.scheduled_at|HH.mm}",
        ] {
            assert!(template(whole).tells_whole_time(), "{whole}");
        }
        for part in [
            "",
            "{content.scheduled_date}",
            "{content.scheduled_time}",
            "{content.scheduled_at|MMM D} at {content.scheduled_at|h:mm A}",
            "{content.scheduled_at|YYYY-MM-DD h:mm}",
            "{content.scheduled_at|YYYY-MM-DD HH}",
            "{content.scheduled_at|dddd YYYY HH:mm}",
        ] {
            assert!(!template(part).tells_whole_time(), "{part}");
        }
    }

    #[test]
    fn a_name_outside_the_closed_set_is_an_error_with_its_place() {
        assert_eq!(
            Template::parse("é{acount.handle}"),
            Err(TemplateError::Unknown { at: 2, name: "acount.handle".to_owned() })
        );
        assert_eq!(Template::parse("a{target"), Err(TemplateError::Unclosed { at: 1 }));
        assert_eq!(Template::parse("{}").unwrap_err().code(), "recipe-unknown-placeholder");
    }

    #[test]
    fn reads_the_object_id_out_of_a_path() {
        assert_eq!(template("/p/{object_id}").read("/p/p_42?utm=1#top").as_deref(), Some("p_42"));
        assert_eq!(template("/p/{object_id}").read("/p/p_42/insights"), None);
        assert_eq!(template("/p/{object_id}").read("/p/"), None);
        assert_eq!(template("/{account.handle}/p/{object_id}-x").read("/a/p/b-x-x").as_deref(), Some("b-x"));
        assert_eq!(template("/done").read("/done"), None);
        assert!(template("/done").matches("/done"));
        assert!(!template("/done").matches("/done/"));
        assert!(!template("{target}{object_id}").matches("ab"));
    }

    #[test]
    fn shows_itself_as_it_was_written() {
        for text in ["/p/{object_id}", "{{x} {target}", "plain", "", "on {content.scheduled_at|D MMM YYYY, h:mm A}"] {
            assert_eq!(template(text).to_string(), text);
        }
    }
}
