//! The server's word on whose session this is, asked once more for a write that comes late after its press.
//!
//! Right before the press the server was asked. A page may make its request seconds later, and the account may have
//! been switched in another window by then: the write would be the other account's. Never decides which writes leave:
//! that is the gate's.

use std::sync::Arc;

use chromiumoxide_cdp::cdp::browser_protocol::browser::BrowserContextId;
use deed_core::permit::word_of_server;
use deed_core::ports::browser::BrowserFault;
use deed_recipes::Marker;
use serde::Deserialize;

use crate::page::Page;
use crate::press::CONFIRM;
use crate::wire::CALL;

/// How it is asked, and what it must be.
#[derive(Clone)]
pub struct Word {
    page: Arc<Page>,
    context: BrowserContextId,
    how: How,
    expected: String,
}

#[derive(Clone)]
enum How {
    /// The value of a cookie.
    Cookie(String),
    /// A call of the looking code, which asks the server.
    Page(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Home {
    marker_at_home: Option<String>,
    home_silent: bool,
}

impl Word {
    /// `None` where the recipe has no way to ask. `confirm`: the page that is asked.
    pub fn new(
        page: &Arc<Page>,
        context: &BrowserContextId,
        marker: Option<&Marker>,
        confirm: Option<String>,
        expected: Option<&String>,
    ) -> Option<Self> {
        let how = match marker? {
            Marker::Cookie(name) => How::Cookie(name.clone()),
            attribute @ Marker::Attribute { .. } => {
                How::Page(format!("home({})", serde_json::json!({ "confirm": confirm?, "marker": attribute })))
            }
        };
        Some(Self { page: Arc::clone(page), context: context.clone(), how, expected: expected?.clone() })
    }

    /// Whether the session is still what it was at the press; the refusal in words, without what either is. Within [`CONFIRM`].
    pub(super) async fn holds(&self) -> Result<(), String> {
        let heard = self.heard().await.map_err(|fault| format!("it could not be asked: {fault}"))?;
        word_of_server(&self.expected, heard.marker_at_home.as_deref(), heard.home_silent).map_err(str::to_owned)
    }

    async fn heard(&self) -> Result<Home, BrowserFault> {
        match &self.how {
            How::Page(call) => self.page.touch(call, CONFIRM + CALL).await,
            How::Cookie(name) => {
                let now = crate::storage::cookie(&self.page, &self.context, name).await?;
                // One that is gone is another one.
                Ok(Home { marker_at_home: Some(now.unwrap_or_default()), home_silent: false })
            }
        }
    }
}
