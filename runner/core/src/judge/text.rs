//! When two texts are the same. Explicit rules only: what a recipe does not say is not assumed.

use deed_recipes::Compare;
use unicode_normalization::UnicodeNormalization as _;

/// White space folded to single spaces, ends trimmed, Unicode NFC. Zero-width characters that editors insert are dropped.
pub fn fold(text: &str) -> String {
    let visible: String = text.nfc().filter(|c| !matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}')).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A handle without its decoration: no leading `@`, lower case, `_`, `-`, `.` and spaces as one.
fn handle(text: &str) -> String {
    let folded = fold(text).to_lowercase();
    let bare = folded.strip_prefix('@').unwrap_or(&folded);
    bare.chars().map(|c| if matches!(c, '_' | '-' | '.' | ' ') { '_' } else { c }).collect()
}

/// Whether `seen` is what was `expected`.
pub fn same(compare: Compare, seen: &str, expected: &str) -> bool {
    let (s, e) = (fold(seen), fold(expected));
    match compare {
        Compare::Exact => s == e,
        Compare::IgnoreCase => s.to_lowercase() == e.to_lowercase(),
        Compare::Handle => handle(seen) == handle(expected),
        Compare::Contains => s.contains(&e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_in_the_forms_that_platforms_show() {
        for shown in ["@north_star", "north_star", "@North Star", "@NORTH_STAR", "  north.star "] {
            assert!(same(Compare::Handle, shown, "@north_star"), "{shown}");
        }
        for other in ["@north_star2", "north", "@harbour_books", ""] {
            assert!(!same(Compare::Handle, other, "@north_star"), "{other}");
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_one() {
        assert!(same(Compare::Exact, "Bru\u{308}cke", "Brücke"));
        assert!(!same(Compare::Exact, "Brucke", "Brücke"));
    }

    #[test]
    fn line_breaks_and_runs_of_spaces_are_folded_but_words_are_not() {
        assert!(same(Compare::Exact, "a\n\n b", "a b"));
        assert!(!same(Compare::Exact, "ab", "a b"));
    }
}
