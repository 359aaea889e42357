//! What the corpus plays on: one hermetic browser, and for each platform a stage that answers its pages under their real origins.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed::replay::stage::FixtureStage;
use deed::world::now;
use deed_chromium::network::{Cue, Request, Response, Stage};
use deed_chromium::{Chromium, ChromiumSession, Replaying};
use deed_core::ports::browser::Browser as _;
use deed_core::time::Timestamp;

use super::base::{Base, looking};

/// The pages, by platform.
pub struct Stages {
    browser: Arc<Chromium>,
    pages: Arc<BTreeMap<String, String>>,
}

impl Stages {
    /// The pages that can be opened.
    pub fn of<'b>(browser: Arc<Chromium>, bases: impl Iterator<Item = &'b Base>) -> Self {
        Self { browser, pages: Arc::new(bases.map(|b| (b.url.clone(), b.html.clone())).collect()) }
    }

    /// A session that can only look, for a page and all others of its platform.
    pub async fn open(&self, base: &Base) -> ChromiumSession {
        let flow = base.flow.clone().or_else(|| base.recipe.flows.keys().next().cloned()).unwrap_or_default();
        let stage = Pages { pages: Arc::clone(&self.pages), behind: base.behind.clone() };
        let opening = looking(&base.recipe, &flow, &base.origin, base.session.clone());
        Replaying::new(Arc::clone(&self.browser), Arc::new(stage)).open(&opening).await.expect("a session")
    }
}

struct Pages {
    pages: Arc<BTreeMap<String, String>>,
    behind: Option<Arc<FixtureStage>>,
}

impl Stage for Pages {
    fn answer(&self, request: &Request) -> Option<Cue> {
        if let Some(html) = self.pages.get(&request.url).filter(|_| request.kind == "Document") {
            let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
            let response = Response { status: 200, headers, body: html.clone().into_bytes() };
            return Some(Cue { response, delay: std::time::Duration::ZERO, mark: usize::MAX });
        }
        self.behind.as_ref()?.answer(request)
    }

    fn answered(&self, _: usize) {}

    fn escaped(&self, _: &str, _: u16) {}

    fn now(&self) -> Timestamp {
        now()
    }

    fn watched(&self) -> &[(String, String)] {
        &[]
    }

    fn chosen(&self, _: &str, _: bool) {}
}
