//! Is this entry the ordered object? Used before the commit (is it there already?) and after it (is it there now?).

use deed_recipes::Compare;

use crate::judge::text;
use crate::ports::browser::Item;
use crate::time::Timestamp;

/// What an entry must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The text.
    pub text: String,
    /// The title, where the list shows one.
    pub title: Option<String>,
    /// The number of media objects, when it matters.
    pub media: Option<usize>,
    /// The author, compared as a handle, when the list tells.
    pub author: Option<String>,
}

impl Wanted {
    /// Whether an entry is it. An entry whose list does not tell its author passes.
    pub fn is(&self, item: &Item) -> bool {
        text::same(Compare::Exact, &item.text, &self.text)
            && self
                .title
                .as_ref()
                .is_none_or(|title| text::same(Compare::Exact, item.title.as_deref().unwrap_or_default(), title))
            && self.media.is_none_or(|n| item.media == n)
            && match (&self.author, &item.author) {
                (Some(wanted), Some(seen)) => text::same(Compare::Handle, seen, wanted),
                _ => true,
            }
    }
}

/// The entry that is already there, among the newest `look_back`.
pub fn already_there<'a>(items: &'a [Item], wanted: &Wanted, look_back: usize) -> Option<&'a Item> {
    items.iter().take(look_back).find(|i| wanted.is(i))
}

/// How much a platform's clock may be behind ours.
pub const CLOCK_SKEW_MS: i64 = 120_000;

/// The entry that this attempt made: the same, and not older than the attempt. A match that is older is somebody else's or an
/// earlier one (a silently swallowed duplicate).
pub fn made_by_attempt<'a>(items: &'a [Item], wanted: &Wanted, attempted_at: Timestamp) -> Option<&'a Item> {
    items.iter().find(|i| wanted.is(i) && i.at.is_none_or(|t| t.0 >= attempted_at.0 - CLOCK_SKEW_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted { text: "Fresh bread at 7".into(), title: None, media: Some(1), author: Some("@north_star".into()) }
    }

    fn item(at: i64) -> Item {
        Item {
            text: "Fresh  bread at 7\n".into(),
            media: 1,
            author: Some("North Star".into()),
            at: Some(Timestamp(at)),
            ..Item::default()
        }
    }

    #[test]
    fn finds_it_within_the_look_back_only() {
        let items = [Item::default(), item(5)];
        assert!(already_there(&items, &wanted(), 2).is_some());
        assert!(already_there(&items, &wanted(), 1).is_none());
    }

    #[test]
    fn other_author_other_media_other_text_are_not_it() {
        for change in [
            Item { author: Some("@harbour".into()), ..item(5) },
            Item { media: 0, ..item(5) },
            Item { text: "Fresh bread at 8".into(), ..item(5) },
        ] {
            assert!(already_there(&[change], &wanted(), 9).is_none());
        }
    }

    #[test]
    fn a_title_is_compared_where_the_order_has_one() {
        let titled = |title: Option<&str>| Item { title: title.map(str::to_owned), ..item(5) };
        let wanted = Wanted { title: Some("Rye".into()), ..wanted() };
        assert!(wanted.is(&titled(Some(" Rye "))));
        assert!(!wanted.is(&titled(Some("Spelt"))));
        assert!(!wanted.is(&titled(None)), "an entry without a title is another one");
    }

    #[test]
    fn an_older_match_is_not_this_attempts() {
        let attempt = Timestamp(10 * CLOCK_SKEW_MS);
        assert!(made_by_attempt(&[item(attempt.0 + 5)], &wanted(), attempt).is_some());
        assert!(made_by_attempt(&[item(5)], &wanted(), attempt).is_none());
    }

    #[test]
    fn a_platforms_clock_may_be_behind_by_so_much_and_no_more() {
        let attempt = Timestamp(10 * CLOCK_SKEW_MS);
        assert!(made_by_attempt(&[item(attempt.0 - CLOCK_SKEW_MS)], &wanted(), attempt).is_some());
        assert!(made_by_attempt(&[item(attempt.0 - CLOCK_SKEW_MS - 1)], &wanted(), attempt).is_none());
    }

    #[test]
    fn an_entry_without_a_time_may_be_this_attempts_and_somebody_elses_is_not() {
        let attempt = Timestamp(10 * CLOCK_SKEW_MS);
        let undated = Item { at: None, ..item(5) };
        assert!(made_by_attempt(std::slice::from_ref(&undated), &wanted(), attempt).is_some());
        let somebody_elses = Item { author: Some("@harbour".into()), ..undated };
        assert!(made_by_attempt(&[somebody_elses], &wanted(), attempt).is_none());
    }

    #[test]
    fn a_list_that_tells_no_author_and_an_order_that_asks_for_no_media_leave_these_open() {
        assert!(wanted().is(&Item { author: None, ..item(5) }));
        let any = Wanted { media: None, author: None, ..wanted() };
        assert!(any.is(&Item { media: 4, author: Some("@harbour".into()), ..item(5) }));
    }
}
