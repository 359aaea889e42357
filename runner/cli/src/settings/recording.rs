//! `record`: which episodes are recorded, and how much of them.

use deed_core::episode::Record;
use deed_proofs::film::Bounds;

/// Which episodes are recorded, within which bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recording {
    /// Which.
    pub when: Record,
    /// How much.
    pub bounds: Bounds,
}

/// What to write.
pub const FORM: &str =
    "high-risk, always or never, then bounds where they are to be others: always,seconds=60,fps=5,width=960";

impl Recording {
    /// Reads [`FORM`]; `None`: it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',').map(str::trim);
        let when = match parts.next()? {
            "high-risk" => Record::HighRisk,
            "always" => Record::Always,
            "never" => Record::Never,
            _ => return None,
        };
        let mut bounds = Bounds::default();
        for part in parts {
            let (name, value) = part.split_once('=')?;
            let value: u32 = value.parse().ok()?;
            match (name, value) {
                ("seconds", 5..=600) => bounds.length_ms_max = u64::from(value) * 1_000,
                ("fps", 1..=15) => bounds.fps_max = value,
                ("width", 320..=1_280) => bounds.width_max = value,
                _ => return None,
            }
        }
        Some(Self { when, bounds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_a_word_and_bounds_within_limits() {
        let always = Recording::parse("always, seconds=30,fps=2,width=640").map(|r| (r.when, r.bounds));
        let bounds = Bounds { length_ms_max: 30_000, fps_max: 2, width_max: 640, ..Bounds::default() };
        assert_eq!(always, Some((Record::Always, bounds)));
        assert_eq!(Recording::parse("never").map(|r| r.when), Some(Record::Never));
        for wrong in
            ["", "on", "always,fps=0", "always,fps=60", "always,colour=1", "always,fps", "always,seconds=99999"]
        {
            assert_eq!(Recording::parse(wrong), None, "{wrong}");
        }
    }
}
