//! Dedupe on lists that show a part of themselves: many platforms keep no more than what is on the screen in the page.

use std::time::Duration;

use deed_recipes::{Dedupe, Step};

use super::Episode;
use super::stop::Stop;
use crate::hold::{Hold, HoldReason};
use crate::judge::same::{self, Wanted};
use crate::ports::browser::{Item, Look, Session};
use crate::ports::{Clock as _, World};

/// So many pages of a list are scrolled at most.
const PAGES_MAX: u32 = 30;
/// How long a list may take to bring more entries when it stands at its end.
const MORE: Duration = Duration::from_millis(700);
/// The claim is renewed after so many pages.
const RENEW_PAGES: u32 = 10;
/// Entries that one look reads at most.
const ITEMS_MAX: usize = 100;

impl<W: World> Episode<'_, W> {
    /// The newest entries of a list: those in the page, and where the recipe says that it scrolls those that come page by page, until there
    /// are as many as dedupe looks back, one is what is wanted, or the list ends.
    pub(super) async fn look_back<S: Session>(
        &mut self,
        session: &mut S,
        dedupe: &Dedupe,
        mut all: Vec<Item>,
        wanted: &Wanted,
    ) -> Result<Vec<Item>, Stop> {
        let scrolls = self.recipe.surfaces[&dedupe.on].items.as_ref().is_some_and(|items| items.scrolls);
        let (mut pages, mut ended, mut waited) = (0, !scrolls, false);
        while !ended
            && pages < PAGES_MAX
            && all.len() < dedupe.look_back
            && same::already_there(&all, wanted, dedupe.look_back).is_none()
        {
            let moved = session.scroll_page(None).await?;
            if !moved && pages == 0 {
                // All of it is in view.
                break;
            }
            pages += 1;
            if pages % RENEW_PAGES == 0 {
                self.renew().await?;
            }
            let mut more = self.entries(session, &dedupe.on, &all).await?;
            // What came while it was waited for at the end may stand below what is in the page: the end is believed when it does not move
            // afterwards either.
            let at_end = more.is_empty() && !moved;
            ended = at_end && waited;
            if at_end && !waited {
                self.world.clock().sleep(MORE).await;
                more = self.entries(session, &dedupe.on, &all).await?;
            }
            waited = at_end;
            all.append(&mut more);
        }
        if pages > 0 {
            self.trail.note(&format!("scrolled {pages} page(s) of {}: {} entries", dedupe.on, all.len()));
            self.trail.picture(session.capture(), self.world.clock().now());
            let opens = matches!(self.flow(&self.recipe).steps.first(), Some(Step::Open(_)));
            if !opens {
                // The steps begin where the page was opened, not at its end.
                self.visit(session, &dedupe.on).await?;
            }
        }
        Ok(all)
    }

    /// What the page lists now and `known` does not hold.
    async fn entries<S: Session>(&self, session: &mut S, on: &str, known: &[Item]) -> Result<Vec<Item>, Stop> {
        let look = Look { items_of: Some(on.to_owned()), items_max: ITEMS_MAX, ..Look::default() };
        let seen = session.look(&look).await?;
        self.no_challenge(&seen)?;
        self.server_well(&seen)?;
        self.same_session(&seen)?;
        let Some(items) = seen.items else {
            let detail = format!("surface {on} did not show its list any more when it was scrolled");
            return Err(Stop::Hold(Hold::new(HoldReason::DestinationUnreadable, detail)));
        };
        Ok(items.into_iter().filter(|item| !known.iter().any(|other| is_same_entry(other, item))).collect())
    }
}

/// Whether two looks saw one entry: by its id or address where it has them, else by all that is shown.
fn is_same_entry(a: &Item, b: &Item) -> bool {
    match (&a.id, &b.id, &a.permalink, &b.permalink) {
        (Some(a), Some(b), ..) => a == b,
        (_, _, Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
