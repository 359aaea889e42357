//! Recording what a person visits, in a window on their own display.
//!
//! Nothing is typed or clicked by Deed, and the session is read-only: what the recipe declares as a write stays at home. A
//! page is kept when it stands still, and whenever the person asks for it.

use std::time::{Duration, Instant};

use deed_chromium::ChromiumSession;
use deed_core::ports::browser::BrowserFault;
use tokio::sync::mpsc;

use super::{Deck, QUIET, QUIET_WITHIN, Recording};

/// How often the window is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a person may take.
pub const WITHIN: Duration = Duration::from_secs(30 * 60);
/// Most pictures of a recording.
const PICTURES_MAX: usize = 100;

/// Until the window is closed, or it took too long. Nothing that goes wrong takes away what was recorded.
pub(super) async fn watch(
    tab: &mut ChromiumSession,
    deck: &Deck,
    recording: &mut Recording,
    mut keep_now: mpsc::UnboundedReceiver<()>,
    mut kept: impl FnMut(&str),
) {
    let began = Instant::now();
    let (mut shown, mut since) = (String::new(), Instant::now());
    let mut kept_of = String::new();
    while began.elapsed() < WITHIN {
        let asked = tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => false,
            Some(()) = keep_now.recv() => true,
        };
        let url = match tab.address().await {
            Ok(Some(url)) => url,
            Ok(None) | Err(BrowserFault::Gone(_)) => return,
            // What was recorded is worth more than one look at the window.
            Err(why) => {
                tracing::debug!(%why, "the window was not looked at");
                continue;
            }
        };
        if url != shown {
            (shown, since) = (url, Instant::now());
        }
        // A page that asks without end is kept all the same.
        let still = deck.still_for(QUIET) && since.elapsed() > QUIET || since.elapsed() > QUIET_WITHIN;
        if !(asked || still && shown != kept_of) || recording.pictures.len() >= PICTURES_MAX {
            continue;
        }
        let name = format!("page{}", recording.pictures.len() + 1);
        // Whatever becomes of it: a page that gives no picture is not asked for one without end.
        kept_of.clone_from(&shown);
        match deck.picture(tab, recording, &name).await {
            Ok(()) => kept(&shown),
            Err(BrowserFault::Gone(_)) => return,
            // It went on to another page meanwhile, or crashed; Enter asks again.
            Err(why) => tracing::warn!(%why, "no picture of this page"),
        }
    }
}
