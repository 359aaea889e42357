//! How a page wants a date or a time written: `MM/DD/YYYY`, `h:mm A`, `dddd, MMMM D`.
//!
//! Owns the closed set of letters, and the words for months and days, which are English: a recipe is for one language of a page.
//! Never: guesses a form, or takes a letter that it does not know for itself. Times are in UTC, which is the browser's time zone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The longest form, in characters.
const LENGTH_MAX: usize = 60;

/// A form of a date or time, split once when the recipe is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateForm {
    pieces: Vec<Piece>,
}

/// A piece of a [`DateForm`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    /// What is no letter stands for itself.
    Text(String),
    /// A part of the time.
    Part(DatePart),
}

/// A part of a time, and the letters for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum DatePart {
    Year,
    MonthName,
    MonthShort,
    MonthTwo,
    Month,
    DayTwo,
    Day,
    WeekdayName,
    WeekdayShort,
    Hour24Two,
    Hour24,
    Hour12Two,
    Hour12,
    MinuteTwo,
    Minute,
    HalfUpper,
    HalfLower,
}

impl DatePart {
    /// Longer letters first, so that `MMMM` is not read as twice `MM`.
    const ALL: [(&'static str, Self); 17] = [
        ("YYYY", Self::Year),
        ("MMMM", Self::MonthName),
        ("MMM", Self::MonthShort),
        ("MM", Self::MonthTwo),
        ("M", Self::Month),
        ("DD", Self::DayTwo),
        ("D", Self::Day),
        ("dddd", Self::WeekdayName),
        ("ddd", Self::WeekdayShort),
        ("HH", Self::Hour24Two),
        ("H", Self::Hour24),
        ("hh", Self::Hour12Two),
        ("h", Self::Hour12),
        ("mm", Self::MinuteTwo),
        ("m", Self::Minute),
        ("A", Self::HalfUpper),
        ("a", Self::HalfLower),
    ];

    fn letters(self) -> &'static str {
        Self::ALL.iter().find(|(_, part)| *part == self).map_or("", |(letters, _)| letters)
    }

    fn write(self, at: DateTime, out: &mut String) {
        let twelve = (at.hour() + 11) % 12 + 1;
        let half = if at.hour() < 12 { ("AM", "am") } else { ("PM", "pm") };
        let text = match self {
            Self::Year => format!("{:04}", at.year()),
            Self::MonthName => at.strftime("%B").to_string(),
            Self::MonthShort => at.strftime("%b").to_string(),
            Self::MonthTwo => format!("{:02}", at.month()),
            Self::Month => at.month().to_string(),
            Self::DayTwo => format!("{:02}", at.day()),
            Self::Day => at.day().to_string(),
            Self::WeekdayName => at.strftime("%A").to_string(),
            Self::WeekdayShort => at.strftime("%a").to_string(),
            Self::Hour24Two => format!("{:02}", at.hour()),
            Self::Hour24 => at.hour().to_string(),
            Self::Hour12Two => format!("{twelve:02}"),
            Self::Hour12 => twelve.to_string(),
            Self::MinuteTwo => format!("{:02}", at.minute()),
            Self::Minute => at.minute().to_string(),
            Self::HalfUpper => half.0.to_owned(),
            Self::HalfLower => half.1.to_owned(),
        };
        out.push_str(&text);
    }
}

/// Which parts of a time a text tells.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeSet<&'static str>);

impl Told {
    const DATE: [&'static str; 3] = ["year", "month", "day"];
    const TIME: [&'static str; 2] = ["hour", "minute"];

    pub(crate) fn all(&mut self) {
        self.date();
        self.time_of_day();
    }

    pub(crate) fn date(&mut self) {
        self.0.extend(Self::DATE);
    }

    pub(crate) fn time_of_day(&mut self) {
        self.0.extend(Self::TIME);
    }

    /// Twelve hours and the half of the day make an hour.
    pub(crate) fn is_whole(&self) -> bool {
        let has = |part: &str| {
            self.0.contains(part) || (part == "hour" && self.0.contains("hour of twelve") && self.0.contains("half"))
        };
        Self::DATE.into_iter().chain(Self::TIME).all(has)
    }
}

/// Why a text is no form of a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateFormError {
    /// Nothing stands there.
    #[error("write one behind the bar, such as MM/DD/YYYY")]
    Empty,
    /// More than anybody needs.
    #[error("it is longer than {LENGTH_MAX} characters")]
    TooLong,
    /// Letters that stand for nothing.
    #[error(
        "`{letters}` stands for nothing; the letters are YYYY, MMMM (July), MMM (Jul), MM, M, DD, D, dddd (Monday), ddd (Mon), HH, H, hh, h, mm, m, A (AM), a (am)"
    )]
    Letters {
        /// The letters.
        letters: String,
    },
    /// What stands before the bar is no time.
    #[error("`{of}` is no time; only {{content.scheduled_at|…}} has a form")]
    NoTime {
        /// What stands before the bar.
        of: String,
    },
}

impl DateForm {
    /// Reads a form. Runs of the same letter are one part; what is no letter stands for itself.
    ///
    /// # Errors
    /// Nothing, too much, or letters that stand for nothing.
    pub fn parse(text: &str) -> Result<Self, DateFormError> {
        if text.trim().is_empty() {
            return Err(DateFormError::Empty);
        }
        if text.chars().count() > LENGTH_MAX {
            return Err(DateFormError::TooLong);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let run = rest.find(|c| c != first).unwrap_or(rest.len());
            let (letters, after) = rest.split_at(run);
            if first.is_alphabetic() {
                let part = DatePart::ALL.iter().find(|(known, _)| *known == letters).map(|(_, part)| *part);
                pieces.push(Piece::Part(part.ok_or_else(|| DateFormError::Letters { letters: letters.to_owned() })?));
            } else if let Some(Piece::Text(text)) = pieces.last_mut() {
                text.push_str(letters);
            } else {
                pieces.push(Piece::Text(letters.to_owned()));
            }
            rest = after;
        }
        Ok(Self { pieces })
    }

    /// Adds the parts that it tells. A weekday is no part: it does not say which week.
    pub(crate) fn tell(&self, told: &mut Told) {
        told.0.extend(self.pieces.iter().filter_map(|piece| match piece {
            Piece::Part(DatePart::Year) => Some("year"),
            Piece::Part(DatePart::MonthName | DatePart::MonthShort | DatePart::MonthTwo | DatePart::Month) => {
                Some("month")
            }
            Piece::Part(DatePart::DayTwo | DatePart::Day) => Some("day"),
            Piece::Part(DatePart::Hour24Two | DatePart::Hour24) => Some("hour"),
            Piece::Part(DatePart::Hour12Two | DatePart::Hour12) => Some("hour of twelve"),
            Piece::Part(DatePart::HalfUpper | DatePart::HalfLower) => Some("half"),
            Piece::Part(DatePart::MinuteTwo | DatePart::Minute) => Some("minute"),
            Piece::Part(DatePart::WeekdayName | DatePart::WeekdayShort) | Piece::Text(_) => None,
        }));
    }

    /// The time in this form, in UTC; `None` where it is not a time in RFC 3339.
    #[must_use]
    pub fn of(&self, rfc3339: &str) -> Option<String> {
        let at: jiff::Timestamp = rfc3339.parse().ok()?;
        let at = at.to_zoned(TimeZone::UTC).datetime();
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Part(part) => part.write(at, &mut out),
            }
        }
        Some(out)
    }
}

impl fmt::Display for DateForm {
    /// As it stands in the recipe.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Part(part) => f.write_str(part.letters())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn of(form: &str, at: &str) -> String {
        DateForm::parse(form).unwrap().of(at).unwrap()
    }

    #[test]
    fn every_letter_says_its_part() {
        for (form, said) in [
            ("YYYY-MM-DD", "2026-07-05"),
            ("M/D/YYYY", "7/5/2026"),
            ("dddd, MMMM D", "Sunday, July 5"),
            ("ddd MMM DD", "Sun Jul 05"),
            ("HH:mm", "14:07"),
            ("H.m", "14.7"),
            ("hh:mm a", "02:07 pm"),
            ("h:mm A", "2:07 PM"),
        ] {
            assert_eq!(of(form, "2026-07-05T14:07:09Z"), said, "{form}");
        }
    }

    #[test]
    fn midnight_and_noon_are_twelve() {
        assert_eq!(of("h A|hh a", "2026-12-31T00:30:00Z"), "12 AM|12 am");
        assert_eq!(of("h A", "2026-12-31T12:30:00Z"), "12 PM");
        assert_eq!(of("h A", "2026-12-31T11:59:59Z"), "11 AM");
        assert_eq!(of("H", "2026-12-31T00:30:00Z"), "0");
    }

    #[test]
    fn it_is_the_day_in_utc() {
        assert_eq!(of("D MMM", "2026-07-05T23:30:00-02:00"), "6 Jul");
    }

    #[test]
    fn a_letter_that_stands_for_nothing_is_an_error() {
        for (form, letters) in [("YY", "YY"), ("D. of MMMM", "o"), ("DDD", "DDD"), ("ss", "ss"), ("é", "é")] {
            assert_eq!(DateForm::parse(form), Err(DateFormError::Letters { letters: letters.to_owned() }), "{form}");
        }
        assert_eq!(DateForm::parse(" "), Err(DateFormError::Empty));
        assert_eq!(DateForm::parse(&"D ".repeat(31)), Err(DateFormError::TooLong));
        assert_eq!(DateForm::parse("D").unwrap().of("tomorrow"), None);
    }
}
