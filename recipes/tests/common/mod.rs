//! A small valid recipe, and edits that break one thing in it.

/// Valid, and short enough to be read beside a test.
pub const GOOD: &str = include_str!("good.yaml");

/// The recipe with one piece replaced. Stops when the piece is not there exactly once: the test would test nothing.
pub fn edit(source: &str, from: &str, to: &str) -> String {
    assert_eq!(source.matches(from).count(), 1, "`{from}` must stand in the recipe exactly once");
    source.replace(from, to)
}
