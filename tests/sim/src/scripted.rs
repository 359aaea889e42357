//! Elements whose names say how they behave, and lists that show a part of themselves: for worlds whose recipe takes steps that the practice
//! recipe does not take. The elements stand in the composer; the recipe of such a world names them, and that is all there is to say.

use std::collections::BTreeMap;

use deed_core::ports::browser::Item;
use deed_core::time::Timestamp;

/// A recipe with an element of this name has pages that tell at any moment who is signed in; others tell it as they are loaded.
pub(crate) const LIVE: &str = "tells_who_is_signed_in";
/// A recipe with an element of this name has a composer that shows what was uploaded only after a while.
pub(crate) const LATE_PREVIEWS: &str = "previews_come_late";
/// So many entries a list that scrolls has in the page.
const IN_VIEW: usize = 5;
/// By so many it moves.
const MOVES_BY: usize = 3;
/// So many come only after somebody stood at its end,
const HELD_BACK: usize = 3;
/// so much later.
const HELD_BACK_MS: i64 = 500;
/// A page without a list is so many pages long.
const PAGES: usize = 6;

/// What was done on a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Done {
    clicks: BTreeMap<String, u32>,
    hovered: bool,
    chosen: String,
    keys: u32,
    pages: usize,
    rest_comes_at: Option<i64>,
}

/// What an element shows.
pub(crate) struct Shown {
    pub(crate) role: &'static str,
    pub(crate) words: String,
    pub(crate) enabled: bool,
    pub(crate) checked: Option<bool>,
}

impl Done {
    pub(crate) fn click(&mut self, element: &str) {
        *self.clicks.entry(element.to_owned()).or_default() += 1;
    }

    pub(crate) fn hover(&mut self) {
        self.hovered = true;
    }

    pub(crate) fn choose(&mut self, option: &str) {
        option.clone_into(&mut self.chosen);
    }

    pub(crate) fn key(&mut self) {
        self.keys += 1;
    }

    /// One page on, of a list of so many entries or of a page without one; false: it stands at its end.
    pub(crate) fn scroll(&mut self, entries: Option<usize>, now: i64) -> bool {
        let moves = match entries {
            Some(entries) => self.pages * MOVES_BY + IN_VIEW < self.arrived(entries, now),
            None => self.pages < PAGES,
        };
        if moves {
            self.pages += 1;
        } else {
            self.rest_comes_at.get_or_insert(now + HELD_BACK_MS);
        }
        moves
    }

    fn arrived(&self, entries: usize, now: i64) -> usize {
        let all = entries <= IN_VIEW + HELD_BACK || self.rest_comes_at.is_some_and(|at| at <= now);
        if all { entries } else { entries - HELD_BACK }
    }

    /// What of a list that scrolls is in the page. What changes as it goes on is no part of who an entry is: links carry where they were
    /// shown, and where there is no id, times are told anew.
    pub(crate) fn in_view(&self, all: &[Item], ids: bool, links: bool, now: i64) -> Vec<Item> {
        let arrived = all.iter().take(self.arrived(all.len(), now));
        let shown = |item: &Item| {
            let link = item.permalink.as_ref().filter(|_| links);
            let at = item.at.map(|at| if ids || !links { at } else { Timestamp(at.0 + self.pages as i64) });
            let permalink = link.map(|link| if ids { format!("{link}?page={}", self.pages) } else { link.clone() });
            Item { id: item.id.clone().filter(|_| ids), permalink, at, ..item.clone() }
        };
        arrived.skip(self.pages * MOVES_BY).take(IN_VIEW).map(shown).collect()
    }

    /// What an element with such a name shows, so long after its page was there.
    pub(crate) fn shows(&self, element: &str, since_ms: i64) -> Option<Shown> {
        let number =
            |begin: &str, end: &str| -> Option<i64> { element.strip_prefix(begin)?.strip_suffix(end)?.parse().ok() };
        let shown = |words: &str| Shown { role: "button", words: words.to_owned(), enabled: true, checked: None };
        let when = |so: bool| so.then(|| shown(element));
        let clicked = |element: &str| self.clicks.get(element).copied().unwrap_or(0);
        if let Some(ms) = number("usable_after_", "_ms") {
            return Some(Shown { enabled: since_ms >= ms, ..shown(element) });
        }
        if let Some(ms) = number("after_", "_ms") {
            return when(since_ms >= ms);
        }
        if let Some(ms) = number("until_", "_ms") {
            return when(since_ms < ms);
        }
        if let Some(clicks) = number("after_", "_clicks") {
            return when(i64::from(clicked("turn")) >= clicks);
        }
        if let Some(pages) = number("after_", "_pages") {
            return when(i64::try_from(self.pages).is_ok_and(|gone| gone >= pages));
        }
        if let Some(words) = element.strip_prefix("says_") {
            return Some(shown(words));
        }
        let odd = clicked(element) % 2 == 1;
        let switch = |checked| Some(Shown { checked, ..shown(element) });
        match element {
            "turn" | "hover_me" => Some(shown(element)),
            "after_hover" => when(self.hovered),
            "after_key" => when(self.keys > 0),
            "picker" => Some(shown(&self.chosen)),
            "switch_off" => switch(Some(odd)),
            "switch_on" => switch(Some(!odd)),
            "switch_stuck" => switch(Some(false)),
            "switch_silent" => switch(None),
            _ => None,
        }
    }
}
