//! A browser that plays on a stage: every request of its sessions is answered by a fixture, under the platform's real origins.
//!
//! The browser is shared, the stage is one scenario's. Nothing here decides what a request is answered with.

use std::sync::Arc;

use deed_core::ids::WorkerId;
use deed_core::judge::quorum::{self, Quorum};
use deed_core::ports::browser::{Browser, BrowserFault, Opening, Seen};

use crate::browser::Chromium;
use crate::network::{Network, Stage};
use crate::page::Page;
use crate::session::ChromiumSession;

/// One scenario's browser.
pub struct Replaying {
    chromium: Arc<Chromium>,
    stage: Arc<dyn Stage>,
}

impl Replaying {
    /// Plays on `stage`. The browser must be a [hermetic](Chromium::hermetic) one.
    pub fn new(chromium: Arc<Chromium>, stage: Arc<dyn Stage>) -> Self {
        Self { chromium, stage }
    }
}

impl Browser for Replaying {
    type Session = ChromiumSession;

    async fn open(&self, opening: &Opening) -> Result<ChromiumSession, BrowserFault> {
        self.chromium.open_on(opening, Network::Stage(Arc::clone(&self.stage))).await
    }

    fn version(&self) -> String {
        self.chromium.version()
    }

    async fn end_of_worker(&self, worker: &WorkerId, stalled: bool) -> Result<(), BrowserFault> {
        self.chromium.end_of_worker(worker, stalled).await
    }
}

/// Tells the stage whether the nodes that its watched elements name are the ones that they must name. The commit's is
/// named by its quorum, as the engine takes it: what one locator alone would take for it is never pressed.
pub(crate) async fn watch(
    stage: &dyn Stage,
    page: &Page,
    seen: &Seen,
    commit: Option<&str>,
) -> Result<(), BrowserFault> {
    for (element, css) in stage.watched() {
        let named = if commit == Some(element) {
            match quorum::quorum(seen, element) {
                Quorum::Agreed(agreement) => Some(agreement.node),
                Quorum::TooFew { .. } | Quorum::Conflict { .. } => None,
            }
        } else {
            quorum::lone(seen, element).map(|(node, _)| node)
        };
        if let Some(node) = named
            && let Some(matches) = page.matches(node.0, css).await?
        {
            stage.chosen(element, matches);
        }
    }
    Ok(())
}
