//! What may not leave the recipe's origins and resources. Never looks at whether a request is a write: that is the gate's.

use chromiumoxide_cdp::cdp::browser_protocol::fetch::EventRequestPaused;
use chromiumoxide_cdp::cdp::browser_protocol::network::ResourceType;
use deed_core::ports::browser::StoppedRequest;

use super::{STOPPED_MAX, SessionSide};

impl SessionSide {
    /// Whether a request would leave the recipe's origins. It is named, and a main frame's end is remembered.
    pub(super) fn stops(&mut self, event: &EventRequestPaused, method: &str) -> bool {
        let Some(recipe) = &self.recipe else { return false };
        let kept_home = match event.resource_type {
            ResourceType::Document
            | ResourceType::Xhr
            | ResourceType::Fetch
            | ResourceType::Ping
            | ResourceType::EventSource
            | ResourceType::CspViolationReport => true,
            // What the browser has no name for may fetch, and not send.
            ResourceType::Other => !matches!(method, "GET" | "HEAD" | "OPTIONS"),
            _ => false,
        };
        let url = &event.request.url;
        let frame: &str = event.frame_id.as_ref();
        let main = self.main_frame == frame && event.resource_type == ResourceType::Document;
        // A tab may go where the session may be carried; what it embeds and asks in the background may also be a resource.
        let may = if main { recipe.allows_request_of_tab(url) } else { recipe.may_reach(url) };
        if !kept_home || may {
            return false;
        }
        let page = url.split(['?', '#']).next().unwrap_or(url).to_owned();
        let kind = event.resource_type.as_ref();
        tracing::warn!(method, url = page, kind, "the gate stopped a request outside the recipe's origins");
        if main {
            self.strayed = Some(page.clone());
        }
        if self.stopped.len() < STOPPED_MAX {
            self.stopped.push(StoppedRequest { method: method.to_owned(), url: page, kind: kind.to_owned() });
        }
        true
    }
}
