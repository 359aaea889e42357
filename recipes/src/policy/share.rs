//! A share between 0 and 1, kept in thousandths: equal shares are equal, in a hash as well.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share between 0 and 1, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// So many thousandths; `None` above a thousand.
    #[must_use]
    pub const fn from_thousandths(thousandths: u16) -> Option<Self> {
        if thousandths <= 1000 { Some(Self(thousandths)) } else { None }
    }

    /// The share of a number, rounded down to thousandths; `None` outside 0 to 1.
    #[must_use]
    pub fn floor(number: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&number) {
            return None;
        }
        // 0.29 * 1000 is 289.999… in binary: what was written with three decimals stays as it was written.
        Some(Self((number * 1000.0 + 1e-6) as u16))
    }

    /// Reads `0`, `1`, `0.85`: at most three decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if !matches!(whole, "0" | "1") || !(1..=3).contains(&decimals.len()) {
            return None;
        }
        if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
        Self::from_thousandths(thousandths + if whole == "1" { 1000 } else { 0 })
    }

    /// In thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1000.0)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::floor(number).ok_or_else(|| serde::de::Error::custom(format!("{number} is not between 0 and 1")))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::Share;

    #[test]
    fn every_thousandth_is_written_and_read_as_it_is() {
        for thousandths in 0..=1000 {
            let share = Share::from_thousandths(thousandths).unwrap();
            assert_eq!(Share::parse(&share.to_string()), Some(share));
            let json = serde_json::to_string(&share).unwrap();
            assert_eq!(serde_json::from_str::<Share>(&json).unwrap(), share, "{json}");
        }
    }

    #[test]
    fn what_is_no_share_is_none() {
        for bad in ["", ".5", "1.001", "2", "-0.1", "0.1234", "0.", "1e-1", "NaN", "0,5"] {
            assert_eq!(Share::parse(bad), None, "{bad}");
        }
        assert_eq!([1.01, -0.01, f64::NAN].map(Share::floor), [None; 3]);
        assert_eq!(Share::floor(0.876_9).unwrap().thousandths(), 876);
    }
}
