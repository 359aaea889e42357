//! The reversible steps of a flow, one by one. Every stop here is a hold: nothing has happened.
//!
//! Never: presses a commit element (the browser refuses it, whatever is asked), waits without a bound, goes on when the page did
//! not take what it was given.

use std::time::Duration;

use deed_recipes::{Scroll, Step, UploadTo, WaitFor};

use super::Episode;
use super::stop::Stop;
use crate::hold::{Hold, HoldReason};
use crate::judge::evidence::landed_at;
use crate::judge::{quorum, text};
use crate::ports::browser::{Look, Need, Session};
use crate::ports::{Clock, World};

/// How long a page of a list may take to bring its entries, after it was scrolled.
const NEXT_ENTRIES: Duration = Duration::from_millis(700);
/// How long a page may take to turn over after a click that is made again and again.
const TURNS_OVER: Duration = Duration::from_millis(1500);
/// A look of a long wait is not shorter, whatever the patience.
const SHORTEST_LOOK: Duration = Duration::from_millis(200);
/// So many times in a row a list may stay where it is before its end is believed.
const AT_END: u32 = 3;
/// The claim is renewed after so many pages.
const RENEW_PAGES: u32 = 10;

fn hold(reason: HoldReason, detail: String) -> Stop {
    Stop::Hold(Hold::new(reason, detail))
}

impl<W: World> Episode<'_, W> {
    /// Carries one step out.
    pub(super) async fn take<S: Session>(&mut self, session: &mut S, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Open(surface) => self.open_surface(session, surface).await,
            Step::Dismiss(element) => {
                let seen = session.look(&Look { elements: vec![element.clone()], ..Look::default() }).await?;
                let alone = || quorum::only(&seen, element).ok();
                let node =
                    if self.is_one_of_many(element) { alone() } else { quorum::lone(&seen, element).map(|l| l.0) };
                if let Some(node) = node {
                    session.click(node).await?;
                    self.trail.note(&format!("dismissed {element}"));
                }
                Ok(())
            }
            Step::WaitFor(condition) => self.wait_for(session, condition).await,
            Step::WaitLong { condition, within_s } => self.wait_long(session, condition, *within_s).await,
            Step::Click(element) => {
                let node = self.find(session, element, Need::Visible(element.clone())).await?;
                Ok(session.click(node).await?)
            }
            Step::ClickUntil { element, until, times_max } => {
                self.click_until(session, element, until, *times_max).await
            }
            Step::Hover(element) => {
                let node = self.find(session, element, Need::Visible(element.clone())).await?;
                Ok(session.hover(node).await?)
            }
            Step::Type { into, text } => self.type_into(session, into, text).await,
            Step::Choose { from, option } => {
                let node = self.find(session, from, Need::Enabled(from.clone())).await?;
                let option = self.filled(option)?;
                session.choose(node, &option).await?;
                self.trail.note(&format!("chose \"{option}\" in {from}"));
                Ok(())
            }
            Step::Toggle { element, on } => self.toggle(session, element, *on).await,
            Step::Press { key, on } => {
                let node = match on {
                    Some(element) => Some(self.find(session, element, Need::Visible(element.clone())).await?),
                    None => None,
                };
                Ok(session.key(*key, node).await?)
            }
            Step::Scroll(Scroll::To(element)) => {
                let node = self.find(session, element, Need::Visible(element.clone())).await?;
                Ok(session.scroll_to(node).await?)
            }
            Step::Scroll(Scroll::Until { element, within, times_max }) => {
                self.scroll_until(session, element, within.as_deref(), *times_max).await
            }
            Step::Upload { to, .. } => self.upload(session, to).await,
            Step::Read { element, name } => self.read(session, element, name).await,
        }
    }

    /// Goes to a surface. One that the order's target names must be the page of that target, unless the review reads it.
    async fn open_surface<S: Session>(&mut self, session: &mut S, surface: &str) -> Result<(), Stop> {
        let recipe = std::sync::Arc::clone(&self.recipe);
        self.trail.step("compose", &format!("Open {surface}"), self.world.clock().now());
        let seen = self.visit(session, surface).await?;
        // A dialog that the recipe knows may stand in front of the landmarks; they are judged as they are behind it.
        self.landmarks(surface, &seen, session).await?;
        self.trail.keep_capture(session.capture().await?, self.world.clock().now());
        if let Some(asked) = self.asked_target(surface)
            && !self.flow(&recipe).reviews_target()
        {
            let there = landed_at(&asked, &seen.url);
            let reached = super::reading::page_of(&seen.url);
            self.trail.check("target_reached", there, &asked, &reached, "");
            if !there {
                let detail = format!("{asked} was asked for, and the page led to {reached}");
                return Err(hold(HoldReason::ReviewMismatch, detail));
            }
        }
        Ok(())
    }

    async fn wait_for<S: Session>(&mut self, session: &mut S, condition: &WaitFor) -> Result<(), Stop> {
        let (need, otherwise) = match condition {
            WaitFor::Visible(element) => {
                return self.find(session, element, Need::Visible(element.clone())).await.map(drop);
            }
            WaitFor::Gone(element) => (Need::Gone(element.clone()), format!("`{element}` did not go away")),
            WaitFor::Enabled(element) => (Need::Enabled(element.clone()), format!("`{element}` can not be used")),
        };
        let look = Look { until: vec![need], within: self.options.patience, ..Look::default() };
        let seen = session.look(&look).await?;
        self.no_challenge(&seen)?;
        self.same_session(&seen)?;
        if seen.satisfied { Ok(()) } else { Err(hold(HoldReason::Drift, otherwise)) }
    }

    /// Waits for what takes its time, look by look: the claim is renewed, challenges and the session are judged, and
    /// the kill switch is read between them. What is not over in time is nobody's drift: the order waits for a person,
    /// and the account goes on.
    async fn wait_long<S: Session>(&mut self, session: &mut S, condition: &WaitFor, within_s: u32) -> Result<(), Stop> {
        let element = condition.element().clone();
        let need = match condition {
            WaitFor::Visible(_) => Need::Visible(element.clone()),
            WaitFor::Gone(_) => Need::Gone(element.clone()),
            WaitFor::Enabled(_) => Need::Enabled(element.clone()),
        };
        let within = Duration::from_secs(u64::from(within_s)).min(self.options.long_wait_max);
        let slice = self.options.patience.max(SHORTEST_LOOK);
        let end = self.world.clock().now().plus(within);
        // Counted as well: where a clock stands still, the number of looks is the bound.
        let mut looks = within.as_millis().div_ceil(slice.as_millis()).max(1);
        loop {
            let left = end.since(self.world.clock().now());
            let look = Look {
                elements: vec![element.clone()],
                until: vec![need.clone()],
                within: slice.min(left),
                ..Look::default()
            };
            let seen = session.look(&look).await?;
            self.no_challenge(&seen)?;
            self.same_session(&seen)?;
            if seen.satisfied {
                self.trail.note(&format!("{element} came {} s before the bound", left.as_secs()));
                return Ok(());
            }
            looks = looks.saturating_sub(1);
            if looks == 0 || left <= slice {
                let detail = format!("`{element}` did not come to be as it must within {within:?}");
                return Err(hold(HoldReason::Transient, detail));
            }
            self.renew().await?;
            self.no_kill_switch("while the platform takes its time").await?;
        }
    }

    /// Clicks one element until another is there. A page that turns over more slowly than it is looked at is passed by: then the other is
    /// never seen, and nothing is sent.
    async fn click_until<S: Session>(
        &mut self,
        session: &mut S,
        element: &str,
        until: &str,
        times_max: u32,
    ) -> Result<(), Stop> {
        let mut clicks = 0;
        loop {
            let look = Look {
                elements: vec![until.to_owned()],
                until: vec![Need::Visible(until.to_owned())],
                within: TURNS_OVER.min(self.options.patience),
                ..Look::default()
            };
            let seen = session.look(&look).await?;
            self.no_challenge(&seen)?;
            self.same_session(&seen)?;
            if seen.satisfied {
                if self.is_one_of_many(until)
                    && let Err(why) = quorum::only(&seen, until)
                {
                    return Err(hold(HoldReason::Drift, format!("`{until}` is not found alone: {why}")));
                }
                self.trail.note(&format!("{until} was there after {clicks} click(s) on {element}"));
                return Ok(());
            }
            if clicks >= times_max {
                let detail = format!("`{until}` was not there after {clicks} click(s) on `{element}`");
                return Err(hold(HoldReason::Drift, detail));
            }
            let node = self.find(session, element, Need::Visible(element.to_owned())).await?;
            session.click(node).await?;
            clicks += 1;
            if clicks % RENEW_PAGES == 0 {
                self.renew().await?;
            }
        }
    }

    /// Brings a checkbox or switch to a state, and sees that it took it.
    async fn toggle<S: Session>(&mut self, session: &mut S, element: &str, on: bool) -> Result<(), Stop> {
        let (node, facts) = self.find_facts(session, element, Need::Visible(element.to_owned())).await?;
        let wanted = if on { "on" } else { "off" };
        match facts.checked {
            None => return Err(hold(HoldReason::Drift, format!("`{element}` does not say whether it is on"))),
            Some(is) if is == on => {
                self.trail.note(&format!("{element} is {wanted} already"));
                return Ok(());
            }
            Some(_) => session.click(node).await?,
        }
        let until = vec![Need::Checked(element.to_owned(), on)];
        let seen = session.look(&Look { until, within: self.options.patience, ..Look::default() }).await?;
        self.no_challenge(&seen)?;
        if !seen.satisfied {
            return Err(hold(HoldReason::ReviewMismatch, format!("`{element}` did not go {wanted}")));
        }
        self.trail.note(&format!("switched {element} {wanted}"));
        Ok(())
    }

    /// Page by page, until the element is there: a list that shows only a part of itself at a time.
    async fn scroll_until<S: Session>(
        &mut self,
        session: &mut S,
        element: &str,
        within: Option<&str>,
        times_max: u32,
    ) -> Result<(), Stop> {
        let list = match within {
            Some(list) => Some(self.find(session, list, Need::Visible(list.to_owned())).await?),
            None => None,
        };
        let (mut pages, mut unmoved) = (0, 0);
        loop {
            let look = Look {
                elements: vec![element.to_owned()],
                until: vec![Need::Visible(element.to_owned())],
                within: NEXT_ENTRIES.min(self.options.patience),
                ..Look::default()
            };
            let seen = session.look(&look).await?;
            self.no_challenge(&seen)?;
            self.same_session(&seen)?;
            if quorum::lone(&seen, element).is_some() {
                self.trail.note(&format!("{element} was there after {pages} page(s)"));
                return Ok(());
            }
            if pages >= times_max || unmoved >= AT_END {
                let detail = format!("`{element}` was not there after {pages} page(s)");
                return Err(hold(HoldReason::Drift, detail));
            }
            unmoved = if session.scroll_page(list).await? { 0 } else { unmoved + 1 };
            pages += 1;
            if pages % RENEW_PAGES == 0 {
                self.renew().await?;
            }
        }
    }

    async fn upload<S: Session>(&mut self, session: &mut S, to: &UploadTo) -> Result<(), Stop> {
        let files: Vec<_> = self.claim.action.payload.content.media.iter().map(|m| m.path.clone()).collect();
        if files.is_empty() {
            return Ok(());
        }
        let element = match to {
            UploadTo::Input(into) => {
                let node = self.find(session, into, Need::Present(into.clone())).await?;
                session.upload(node, &files).await?;
                into
            }
            UploadTo::Button(button) => {
                let node = self.find(session, button, Need::Enabled(button.clone())).await?;
                session.upload_by(node, &files).await?;
                button
            }
        };
        self.trail.note(&format!("gave {} file(s) to {element}", files.len()));
        Ok(())
    }

    /// Keeps an element's text under a name.
    async fn read<S: Session>(&mut self, session: &mut S, element: &str, name: &str) -> Result<(), Stop> {
        let (_, facts) = self.find_facts(session, element, Need::Visible(element.to_owned())).await?;
        let read = text::fold(&facts.text);
        if read.is_empty() {
            return Err(hold(HoldReason::Drift, format!("`{element}` has no text to read")));
        }
        let told = self.trail.read(element, &self.recipe, &read);
        self.trail.check(&format!("read {name}"), true, "", &told, "");
        self.reads.insert(name.to_owned(), read);
        Ok(())
    }
}
