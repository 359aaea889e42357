//! What a page is made of, once everything that changes by itself is taken out.
//!
//! Owns the canonical form of a DOM snapshot and its three hashes. It never renders, runs or fetches anything, and never
//! judges drift: it says what stands there, the comparison with a baseline belongs to the caller.
//!
//! The canonical form has one element a line, `depth tag[attribute="value"]…`, in document order:
//! - no text, comments, scripts, styles, `<head>`, drawings (`<svg>`), and no content of editors (it is what somebody types);
//! - inline formatting (`<b>`, `<em>`, `<br>` …) is transparent: it belongs to the text;
//! - only attributes that say what an element is are kept (`attributes` lists them), in a fixed order, without the
//!   parts that a build or a database made up (`names`);
//! - repeated siblings are collapsed, so that a feed of 3 posts and one of 300 are the same (`shape`).
//!
//! The work is linear in the page's size and needs no recursion, whatever the page nests. To stay so it builds its own small tree
//! (`scan`) from the tags that it finds itself (`tokens`): the standard's tree construction walks the stack of open elements for every
//! `<div>`, which a page of 400,000 of them turns into minutes. A snapshot is what a browser has serialised, so its tags are
//! balanced; what is not is closed where it most likely ends.
//!
//! A change of the canonical form changes hashes that are already stored: it needs a new [manifest](crate::manifest)
//! version. The snapshot test of this module holds it still.

mod attributes;
mod difference;
mod elements;
mod names;
mod scan;
mod shape;
mod sketch;
mod tokens;
mod values;

use serde::{Deserialize, Serialize};

pub use difference::{DomChange, DomChangeKind, DomDifference, difference};
pub use sketch::{NotASketch, Sketch};

use crate::hash::Sha256;

/// The three hashes of a DOM snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomHashes {
    /// Of the bytes as they came from the browser. Equal only for the very same snapshot.
    pub raw: Sha256,
    /// Of [`canonical`]. Equal as long as nothing moved, appeared or went; new posts and counters do not count.
    pub structure: Sha256,
    /// A similarity sketch of the canonical form: small changes, small [distance](Sketch::distance).
    pub sketch: Sketch,
}

/// Computes the three hashes of a DOM snapshot, in time linear in its size.
#[must_use]
pub fn dom_hashes(html: &str) -> DomHashes {
    let outline = scan::outline(html);
    DomHashes {
        raw: Sha256::of(html.as_bytes()),
        structure: Sha256::of(outline.text.as_bytes()),
        sketch: sketch::of_lines(&outline.line_hashes),
    }
}

/// The canonical form of a page, one element a line: for the structure hash, and for a person to compare.
#[must_use]
pub fn canonical(html: &str) -> String {
    scan::outline(html).text
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
