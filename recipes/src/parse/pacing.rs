//! How input is paced: the bounds within which a considerate session reads, rests, moves and types.

use crate::diagnostics::Code;
use crate::model::{InputPace, MsRange};
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, list, number};

/// Each key with its longest pause in milliseconds. A flow's inputs together stay well within a lease.
const KEYS: [(&str, u64); 4] = [("reading_ms", 20_000), ("dwell_ms", 2_000), ("pointer_ms", 100), ("typing_ms", 500)];

impl Reader<'_> {
    pub(super) fn pacing(&mut self, node: &Node) -> Option<InputPace> {
        let fields = Fields::open(node, "`pacing`", &KEYS.map(|(key, _)| key), &mut self.sink)?;
        if node.entries().is_empty() {
            let help = "write `typing_ms: [28, 95]`, or remove the key".to_owned();
            self.sink.report(Code::MissingKey, node.label, "`pacing` bounds nothing", help);
        }
        let [reading, dwell, pointer, typing] = KEYS.map(|(key, max)| {
            let node = fields.get(key, &mut self.sink)?;
            self.range(node, key, max)
        });
        Some(InputPace { reading, dwell, pointer, typing })
    }

    /// `[shortest, longest]`.
    fn range(&mut self, node: &Node, key: &str, max: u64) -> Option<MsRange> {
        let what = format!("`{key}`");
        let ends = list(node, &what, 1..=2, &mut self.sink)?;
        let [from, to] = ends else {
            let help = format!("write the shortest and the longest pause in milliseconds: `{key}: [28, 95]`");
            self.sink.report(Code::BadValue, node.span, format!("{what} must be two numbers"), help);
            return None;
        };
        let min = number(from, &what, 1..=max, &mut self.sink)?;
        let max = number(to, &what, 1..=max, &mut self.sink)?;
        if min > max {
            let help = format!("write the shorter one first: `{key}: [{max}, {min}]`");
            self.sink.report(Code::BadValue, node.span, format!("{what} goes from {min} down to {max}"), help);
            return None;
        }
        Some(MsRange { min, max })
    }
}
