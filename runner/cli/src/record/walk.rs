//! The steps of a flow that need no order, taken while a recording runs: what opens by a click asks the server too, and
//! a fixture without those requests could not be replayed.
//!
//! Never: types, uploads or chooses (there is nothing to type), clicks a commit element (the session refuses it), goes
//! on past a step that could not be taken.

use std::time::Duration;

use deed_chromium::ChromiumSession;
use deed_core::judge::quorum;
use deed_core::ports::browser::{BrowserFault, Look, Need, Seen, Session as _};
use deed_recipes::{Step, WaitFor};

/// How long a step's element may take to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of a step.
pub enum Taken {
    /// It was done; its name for the picture, where the page may show something else now.
    Done(Option<String>),
    /// It needs words, files or a choice of an order.
    NeedsAnOrder,
    /// Why it could not be done.
    Not(String),
}

async fn look(tab: &mut ChromiumSession, element: &str, need: Need) -> Result<Seen, BrowserFault> {
    let elements = vec![element.to_owned()];
    tab.look(&Look { elements, until: vec![need], within: PATIENCE, ..Look::default() }).await
}

/// Takes one step. [`Step::Open`] is not one of these: it is visited like a surface.
///
/// # Errors
/// The browser's.
pub async fn take(tab: &mut ChromiumSession, step: &Step) -> Result<Taken, BrowserFault> {
    let (element, verb) = match step {
        Step::Click(element) => (element, "click"),
        Step::Hover(element) => (element, "hover"),
        Step::Dismiss(element) => {
            let seen = tab.look(&Look { elements: vec![element.clone()], ..Look::default() }).await?;
            if let Some((node, _)) = quorum::lone(&seen, element) {
                tab.click(node).await?;
            }
            return Ok(Taken::Done(None));
        }
        Step::WaitFor(condition) => {
            let (element, need) = match condition {
                WaitFor::Visible(e) => (e, Need::Visible(e.clone())),
                WaitFor::Gone(e) => (e, Need::Gone(e.clone())),
                WaitFor::Enabled(e) => (e, Need::Enabled(e.clone())),
            };
            let met = look(tab, element, need).await?.satisfied;
            return Ok(if met { Taken::Done(None) } else { Taken::Not(format!("`{element}` did not come to it")) });
        }
        _ => return Ok(Taken::NeedsAnOrder),
    };
    let seen = look(tab, element, Need::Visible(element.clone())).await?;
    let Some((node, _)) = quorum::lone(&seen, element) else {
        return Ok(Taken::Not(format!("`{element}` was not found")));
    };
    match step {
        Step::Hover(_) => tab.hover(node).await?,
        _ => tab.click(node).await?,
    }
    Ok(Taken::Done(Some(format!("{verb}_{element}"))))
}
