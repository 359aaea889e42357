//! Quiet hours as they are written: `22:00-07:00`, on some weekdays or on all.

use std::fmt;

use serde::{Serialize, Serializer};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// A weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The name in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    /// The day of an ISO weekday number, Monday 1 to Sunday 7.
    #[must_use]
    pub fn from_iso(number: i8) -> Option<Self> {
        usize::try_from(number).ok()?.checked_sub(1).and_then(|at| Self::ALL.get(at)).copied()
    }
}

/// A stretch of the wall clock in which nothing is sent. It belongs to the days on which it begins; one that ends at or before its
/// beginning ends on the day after.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuietHours {
    /// The days on which it begins, in the order of the week, each once.
    pub days: Vec<Day>,
    from: u16,
    to: u16,
}

impl QuietHours {
    /// Reads `HH:MM-HH:MM`; the end may be `24:00`. `None` when it is something else, or nothing lies between.
    #[must_use]
    pub fn parse(text: &str, days: &[Day]) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        (from < DAY && from != to).then(|| Self { days: days.to_vec(), from, to })
    }

    /// Hour and minute of the beginning.
    #[must_use]
    pub fn from(&self) -> (i8, i8) {
        clock(self.from)
    }

    /// How many days after its beginning it ends, and the hour and minute there.
    #[must_use]
    pub fn to(&self) -> (i8, (i8, i8)) {
        (if self.to == DAY || self.to <= self.from { 1 } else { 0 }, clock(self.to % DAY))
    }

    /// `22:00-07:00`.
    #[must_use]
    pub fn hours(&self) -> String {
        let written = |at: u16| format!("{:02}:{:02}", at / 60, at % 60);
        format!("{}-{}", written(self.from), written(self.to))
    }
}

fn clock(minutes: u16) -> (i8, i8) {
    let part = |number: u16| i8::try_from(number).unwrap_or_default();
    (part(minutes / 60), part(minutes % 60))
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hours())?;
        if self.days.len() < Day::ALL.len() {
            let days: Vec<_> = self.days.iter().map(|day| day.as_str()).collect();
            write!(f, " ({})", days.join(", "))?;
        }
        Ok(())
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn hours_across_midnight_end_on_the_next_day() {
        let quiet = |text: &str| QuietHours::parse(text, &Day::ALL).unwrap();
        assert_eq!((quiet("22:00-07:00").from(), quiet("22:00-07:00").to()), ((22, 0), (1, (7, 0))));
        assert_eq!(quiet("12:30-14:05").to(), (0, (14, 5)));
        assert_eq!(quiet("18:00-24:00").to(), (1, (0, 0)));
        assert_eq!(quiet("18:00-00:00").to(), (1, (0, 0)));
        assert_eq!(quiet("00:00-24:00").to_string(), "00:00-24:00");
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for bad in [
            "",
            "22:00",
            "22-07",
            "25:00-07:00",
            "22:60-07:00",
            "24:00-07:00",
            "8:00-9:00",
            "08:00-08:00",
            "+8:00-09:00",
        ] {
            assert_eq!(QuietHours::parse(bad, &Day::ALL), None, "{bad}");
        }
    }
}
