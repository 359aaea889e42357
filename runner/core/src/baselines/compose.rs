//! The reversible steps of a flow, up to the commit, for a look at what is pressed. Nothing is reviewed and nothing can be pressed;
//! on pages that were recorded it ends where they end.

use std::time::Duration;

use deed_recipes::{Recipe, Scroll, Step, Template, UploadTo, Values, WaitFor, Words};

use crate::judge::quorum;
use crate::ports::browser::{BrowserFault, Look, Need, NodeId, Session};

/// How long a page may take to turn over after a click.
const TURNS_OVER: Duration = Duration::from_millis(1500);

/// Why the steps did not come to their end, in words.
type Stuck = String;

/// Carries the steps out and waits for the commit element.
///
/// # Errors
/// The browser's; inside, why a step could not be carried out on these pages.
pub async fn compose<S: Session>(
    session: &mut S,
    recipe: &Recipe,
    flow: &str,
    order: &Composing<'_>,
) -> Result<Result<(), Stuck>, BrowserFault> {
    let Some(flow) = recipe.flow(flow) else { return Ok(Err(format!("the recipe has no flow {flow}"))) };
    for step in &flow.steps {
        if let Err(why) = order.take(session, recipe, step).await? {
            return Ok(Err(why));
        }
    }
    let commit = &flow.commit.click;
    Ok(order.find(session, recipe, commit, Need::Enabled(commit.clone())).await?.map(drop))
}

/// What is composed, and how long a page may take.
pub struct Composing<'a> {
    /// The origin that the surfaces' paths count from.
    pub base: &'a str,
    /// The order's placeholders and the account's.
    pub values: &'a (dyn Values + Sync),
    /// Media files.
    pub files: &'a [String],
    /// How long a page may take to show what a step needs.
    pub patience: Duration,
}

impl Composing<'_> {
    async fn take<S: Session>(
        &self,
        session: &mut S,
        recipe: &Recipe,
        step: &Step,
    ) -> Result<Result<(), Stuck>, BrowserFault> {
        match step {
            Step::Open(surface) => return self.open(session, recipe, surface).await,
            Step::Dismiss(element) => {
                let seen = session.look(&Look { elements: vec![element.clone()], ..Look::default() }).await?;
                if let Some((node, _)) = quorum::lone(&seen, element) {
                    session.click(node).await?;
                }
            }
            Step::WaitFor(WaitFor::Gone(element)) => {
                let until = vec![Need::Gone(element.clone())];
                let seen = session.look(&Look { until, within: self.patience, ..Look::default() }).await?;
                return Ok(if seen.satisfied { Ok(()) } else { Err(format!("`{element}` did not go away")) });
            }
            Step::WaitLong { condition: WaitFor::Gone(element), .. } => {
                let until = vec![Need::Gone(element.clone())];
                let seen = session.look(&Look { until, within: self.patience, ..Look::default() }).await?;
                return Ok(if seen.satisfied { Ok(()) } else { Err(format!("`{element}` did not go away")) });
            }
            Step::ClickUntil { element, until, times_max } => {
                return self.click_until(session, recipe, [element, until], *times_max).await;
            }
            Step::Upload { .. } if self.files.is_empty() => {}
            Step::Press { key, on: None } => session.key(*key, None).await?,
            on_element => {
                let Some((element, need)) = need(on_element) else {
                    return Ok(Err("it has a step that is not carried out here".to_owned()));
                };
                match self.find(session, recipe, element, need).await? {
                    Ok(node) => return self.touch(session, on_element, node).await,
                    Err(why) => return Ok(Err(why)),
                }
            }
        }
        Ok(Ok(()))
    }

    async fn touch<S: Session>(
        &self,
        session: &mut S,
        step: &Step,
        node: NodeId,
    ) -> Result<Result<(), Stuck>, BrowserFault> {
        let filled = |text: &Template| text.try_fill(self.values).map_err(|e| e.to_string());
        match step {
            Step::Click(_) => session.click(node).await?,
            Step::Hover(_) => session.hover(node).await?,
            Step::Press { key, .. } => session.key(*key, Some(node)).await?,
            Step::Scroll(_) => session.scroll_to(node).await?,
            Step::Upload { to: UploadTo::Input(_), .. } => session.upload(node, self.files).await?,
            Step::Upload { to: UploadTo::Button(_), .. } => session.upload_by(node, self.files).await?,
            Step::Type { text, .. } => match filled(text) {
                Ok(text) => session.type_text(node, &text).await?,
                Err(why) => return Ok(Err(why)),
            },
            Step::Choose { option, .. } => match filled(option) {
                Ok(option) => session.choose(node, &option).await?,
                Err(why) => return Ok(Err(why)),
            },
            _ => {}
        }
        Ok(Ok(()))
    }

    async fn open<S: Session>(
        &self,
        session: &mut S,
        recipe: &Recipe,
        surface: &str,
    ) -> Result<Result<(), Stuck>, BrowserFault> {
        let url = match recipe.url_of(surface, self.base, self.values) {
            Ok(url) => url,
            Err(why) => return Ok(Err(why.to_string())),
        };
        match session.goto(&url).await {
            Err(fault @ BrowserFault::Navigation { .. }) => return Ok(Err(fault.to_string())),
            opened => opened?,
        };
        let landmarks = &recipe.surfaces[surface].landmarks;
        let until: Vec<_> = landmarks.iter().cloned().map(Need::Visible).collect();
        let look = Look { elements: landmarks.clone(), until, within: self.patience, ..Look::default() };
        session.look(&look).await?;
        Ok(Ok(()))
    }

    async fn click_until<S: Session>(
        &self,
        session: &mut S,
        recipe: &Recipe,
        [element, until]: [&str; 2],
        times_max: u32,
    ) -> Result<Result<(), Stuck>, BrowserFault> {
        for _ in 0..=times_max {
            let need = vec![Need::Visible(until.to_owned())];
            let within = TURNS_OVER.min(self.patience);
            if session.look(&Look { until: need, within, ..Look::default() }).await?.satisfied {
                return Ok(Ok(()));
            }
            match self.find(session, recipe, element, Need::Visible(element.to_owned())).await? {
                Ok(node) => session.click(node).await?,
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Err(format!("`{until}` was not there after {times_max} click(s) on `{element}`")))
    }

    async fn find<S: Session>(
        &self,
        session: &mut S,
        recipe: &Recipe,
        element: &str,
        need: Need,
    ) -> Result<Result<NodeId, Stuck>, BrowserFault> {
        let elements = vec![element.to_owned()];
        let look = Look { elements, until: vec![need], within: self.patience, ..Look::default() };
        let seen = session.look(&look).await?;
        let one_of_many = recipe.element(element).is_some_and(|element| element.words != Words::Fixed);
        let found = if one_of_many {
            quorum::only(&seen, element).ok()
        } else {
            quorum::lone(&seen, element).map(|(node, _)| node)
        };
        let found = found.filter(|_| seen.satisfied);
        Ok(found.ok_or_else(|| format!("`{element}` was not found, or can not be used")))
    }
}

/// The element of a step, and what must be so before the step is carried out; `None`: a step that is not carried out here.
fn need(step: &Step) -> Option<(&str, Need)> {
    let (element, need): (_, fn(String) -> Need) = match step {
        Step::Click(element)
        | Step::Hover(element)
        | Step::Type { into: element, .. }
        | Step::WaitFor(WaitFor::Visible(element))
        | Step::WaitLong { condition: WaitFor::Visible(element), .. }
        | Step::Press { on: Some(element), .. }
        | Step::Scroll(Scroll::To(element)) => (element, Need::Visible),
        Step::Choose { from: element, .. }
        | Step::WaitFor(WaitFor::Enabled(element))
        | Step::WaitLong { condition: WaitFor::Enabled(element), .. }
        | Step::Upload { to: UploadTo::Button(element), .. } => (element, Need::Enabled),
        Step::Upload { to: UploadTo::Input(element), .. } => (element, Need::Present),
        _ => return None,
    };
    Some((element, need(element.clone())))
}
