//! One look over all realms of a page: their votes and texts are joined as if they stood in one document.
//!
//! A page without frames to look into is asked as ever, in one call that waits in the page. With such frames each pass asks all realms in
//! one flight, and the waiting is done here. `near` locators find their anchors within their own realm only.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deed_core::ports::browser::BrowserFault;
use futures_util::future::join_all;
use serde::Deserialize;

use super::{PAGE, Realm, joined};
use crate::page::{Page, document_went_away};
use crate::query::{Counts, Query, RawOwner, RawSeen};
use crate::redact::{CleanDocument, DocumentRegion};
use crate::wire::CALL;

/// Between two passes over several realms.
const BEAT: Duration = Duration::from_millis(100);

/// Where a realm's content stands in the page.
#[derive(Clone)]
struct Stand {
    offset: (f64, f64),
    regions: Vec<String>,
}

impl Page {
    /// Looks until the conditions hold, a challenge is seen, or the time is over.
    pub async fn look(&self, query: &Query, within: Duration) -> Result<RawSeen, BrowserFault> {
        if !self.frames.any() {
            let ask = |left: Duration| query.call("lookUntil", left.min(within));
            let alone = self.call::<Option<RawSeen>>(ask, within);
            if within.is_zero() || !query.waits() {
                return alone.await?.ok_or_else(stopped);
            }
            let mut frames = self.frames.reachable.subscribe();
            tokio::select! {
                biased;
                seen = alone => return seen?.ok_or_else(stopped),
                Ok(_) = frames.wait_for(|frames| !frames.is_empty()) => {}
            }
            // A page that went away meanwhile waits no more either.
            match self.touch::<bool>("stop()", CALL).await {
                Ok(_) => {}
                Err(fault) if document_went_away(&fault) => {}
                Err(other) => return Err(other),
            }
        }
        self.look_into_all(query, within).await
    }

    async fn look_into_all(&self, query: &Query, within: Duration) -> Result<RawSeen, BrowserFault> {
        let started = Instant::now();
        let mut frames = self.frames.reachable.subscribe();
        let mut home = None;
        loop {
            frames.borrow_and_update();
            match self.pass(query, home.is_none()).await {
                Ok(mut seen) => {
                    // Asked once; each later pass has the same answer.
                    let home = home.get_or_insert_with(|| (seen.marker_at_home.clone(), seen.home_silent));
                    (seen.marker_at_home, seen.home_silent) = home.clone();
                    let over = started.elapsed() >= within || !query.waits();
                    if over || seen.satisfied || !seen.challenges.is_empty() {
                        return Ok(seen);
                    }
                }
                Err(fault) if document_went_away(&fault) && started.elapsed() < within + CALL => {}
                Err(other) => return Err(other),
            }
            let _ = tokio::time::timeout(BEAT, frames.changed()).await;
        }
    }

    /// Asks all realms once.
    async fn pass(&self, query: &Query, anew: bool) -> Result<RawSeen, BrowserFault> {
        let realms = self.realms().await?;
        let owners_in = |number: u32| realms.iter().filter(|r| r.parent == number).map(|r| r.owner).collect::<Vec<_>>();
        let of_page = query.for_page(owners_in(PAGE), anew).call("lookUntil", Duration::ZERO);
        let main = self.main_world().await?;
        // The server's word has its own bound, within this one.
        let page = self.ask::<RawSeen>(&main, &of_page, CALL);
        let calls: Vec<String> = realms
            .iter()
            .map(|realm| query.for_frame(owners_in(realm.number)).call("lookUntil", Duration::ZERO))
            .collect();
        let inner =
            join_all(realms.iter().zip(&calls).map(|(realm, call)| self.ask::<RawSeen>(&realm.world, call, CALL)));
        let (page, inner) = tokio::join!(page, inner);
        let mut seen = page.inspect_err(|fault| self.forget_if_gone(fault))?;
        let of_page = seen.counts.clone();
        let mut counts = of_page.clone();
        let mut stands = BTreeMap::from([(PAGE, Stand { offset: (0.0, 0.0), regions: Vec::new() })]);
        let mut owners: BTreeMap<u32, BTreeMap<u64, Option<RawOwner>>> =
            BTreeMap::from([(PAGE, std::mem::take(&mut seen.owners))]);
        for (realm, of_it) in realms.iter().zip(inner) {
            let mut of_it = of_it?;
            owners.insert(realm.number, std::mem::take(&mut of_it.owners));
            // What is in a frame that is not shown, or in one that is not, can not be seen.
            let owner = owners.get(&realm.parent).and_then(|of| of.get(&realm.owner)).and_then(Option::as_ref);
            let (Some(owner), Some(around)) = (owner.filter(|o| o.shown), stands.get(&realm.parent)) else { continue };
            let stand = Stand {
                offset: (around.offset.0 + owner.x, around.offset.1 + owner.y),
                regions: around.regions.iter().chain(&owner.regions).cloned().collect(),
            };
            join(&mut seen, &mut counts, of_it, realm, &stand);
            stands.insert(realm.number, stand);
        }
        seen.satisfied = query.satisfied(&of_page, &counts);
        Ok(seen)
    }
}

/// Adds what was seen in a frame to what was seen around it.
fn join(seen: &mut RawSeen, counts: &mut Counts, inner: RawSeen, realm: &Realm, stand: &Stand) {
    counts.add(&inner.counts);
    for (element, votes) in inner.votes {
        let known = seen.votes.entry(element).or_default();
        for (i, nodes) in votes.into_iter().enumerate() {
            if known.len() <= i {
                known.resize(i + 1, Vec::new());
            }
            if let Some(vote) = known.get_mut(i) {
                vote.extend(nodes.into_iter().map(|node| joined(realm.number, node)));
            }
        }
    }
    for (node, mut facts) in inner.nodes {
        facts.rect.x += stand.offset.0;
        facts.rect.y += stand.offset.1;
        facts.regions.splice(0..0, stand.regions.iter().cloned());
        seen.nodes.insert(joined(realm.number, node), facts);
    }
    seen.challenges.extend(inner.challenges);
    seen.toasts.extend(inner.toasts);
    if let Some(items) = inner.items {
        seen.items.get_or_insert_default().extend(items);
    }
}

fn stopped() -> BrowserFault {
    BrowserFault::Protocol { what: "looking at the page".to_owned(), why: "another look ended it".to_owned() }
}

/// What stands in the body of an inner frame, and of which origin it is.
#[derive(Deserialize)]
struct Body {
    origin: String,
    html: String,
    regions: Vec<DocumentRegion>,
}

impl Page {
    /// The document's HTML without what proof never shows, with what stands in the frames that are looked into after it: a `deed-frame`
    /// element for each, with its origin.
    pub(crate) async fn html(&self, masking: &str) -> Result<CleanDocument, BrowserFault> {
        let mut document = self.call::<CleanDocument>(|_| format!("html({masking})"), CALL).await?;
        if !self.frames.any() {
            return Ok(document);
        }
        let mut inside = String::new();
        for realm in self.realms().await? {
            match self.ask::<Body>(&realm.world, &format!("body({masking})"), CALL).await {
                Ok(body) => {
                    inside.push_str(&format!("<deed-frame origin=\"{}\">{}</deed-frame>", body.origin, body.html));
                    document.masked_frames |= !body.regions.is_empty();
                    document.regions.extend(body.regions);
                }
                // It has gone since: it is no part of the page any more.
                Err(fault) if document_went_away(&fault) => {}
                Err(other) => return Err(other),
            }
        }
        let html = &mut document.html;
        let end = html.rfind("</body>").unwrap_or(html.len());
        html.insert_str(end, &inside);
        Ok(document)
    }
}
