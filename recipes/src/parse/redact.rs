//! What proof never shows.

use indexmap::IndexMap;

use crate::check::UseKind;
use crate::diagnostics::Code;
use crate::model::{ElementName, RedactKind};
use crate::suggest::did_you_mean;
use crate::yaml::Node;

use super::Reader;
use super::fields::{choice, limit, map};

/// Most redacted elements of a recipe: each is looked for whenever a picture is taken.
const REDACTED_MAX: usize = 50;

impl Reader<'_> {
    /// `redact: { thread: message, contact: email }`: element → what it holds.
    pub(super) fn redact(&mut self, node: &Node) -> Option<IndexMap<ElementName, RedactKind>> {
        let entries = map(node, "`redact`", &mut self.sink)?;
        limit(entries.len(), REDACTED_MAX, "`redact`", node.label, &mut self.sink);
        let words: Vec<(&str, RedactKind)> = RedactKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
        let mut all = IndexMap::new();
        for entry in entries.iter().take(REDACTED_MAX) {
            let known = self.elements.iter().any(|(name, _)| *name == entry.key);
            if !known && !self.elements.is_empty() {
                let help = did_you_mean(&entry.key, self.elements.iter().map(|(name, _)| name.as_str()));
                let message = format!("`elements` has no `{}`", entry.key);
                self.sink.report(Code::UnknownElement, entry.key_span, message, help);
            }
            let what = format!("what `{}` holds", entry.key);
            if let Some(kind) = choice(&entry.value, &what, &words, &mut self.sink) {
                self.uses.push(crate::check::Use {
                    element: entry.key.clone(),
                    span: entry.key_span,
                    kind: UseKind::Redacted,
                });
                all.insert(entry.key.clone(), kind);
            }
        }
        Some(all)
    }
}
