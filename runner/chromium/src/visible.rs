//! A browser with a window, in which a person signs in; what the platform gave them is read out of it.
//!
//! Owns the window and what is read: cookies, and the local storage of the tabs that are open. Never types, presses or looks at a page: no
//! gate, no looking code and no input of ours is in it, so that a person signs in as anywhere else, through whatever identity provider.
//! `navigator.webdriver` is true in it. Its context is off the record: nothing of it is written to the profile, and the profile
//! goes with it.

use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::browser::{BrowserContextId, GetVersionParams};
use chromiumoxide_cdp::cdp::browser_protocol::page::CreateIsolatedWorldParams;
use chromiumoxide_cdp::cdp::browser_protocol::storage::GetCookiesParams;
use chromiumoxide_cdp::cdp::browser_protocol::target::{
    AttachToTargetParams, CreateBrowserContextParams, CreateTargetParams, DetachFromTargetParams, GetTargetsParams,
    TargetInfo,
};
use chromiumoxide_cdp::cdp::js_protocol::runtime::EvaluateParams;
use deed_core::ports::browser::{BrowserFault, SessionState};
use serde_json::{Value, json};

use crate::launch::{self, GuardHandle, Home, LaunchConfig};
use crate::storage::cookies_as_json;
use crate::wire::{CALL, Wire};

/// How long the full browser may take to start.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Origin and local storage of a document, as JSON; nothing where it may not be read.
const STORED: &str = "(() => { try { return JSON.stringify({ origin: location.origin, \
    localStorage: Object.entries(localStorage).map(([name, value]) => ({ name, value })) }); } catch { return null; } })()";

/// The window.
pub struct Visible {
    wire: Wire,
    context: BrowserContextId,
    group: i32,
    // In this order: the guard removes the home as well.
    _guard: GuardHandle,
    _home: Home,
}

impl Visible {
    /// Starts a browser on a display and opens a window at `url`.
    ///
    /// # Errors
    /// [`BrowserFault::Launch`].
    pub async fn open(config: &LaunchConfig, url: &str) -> Result<Self, BrowserFault> {
        let (mut launched, _) = launch::start(config, None)?;
        let wire = Wire::new(launched.to_browser, launched.from_browser);
        let ended = wire.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = launched.child.wait() => ended.fail_all("it was closed"),
                _ = ended.wait_gone() => {
                    let _ = launched.child.start_kill();
                    let _ = launched.child.wait().await;
                }
            }
        });
        wire.call(None, &GetVersionParams::default(), START_WITHIN).await.map_err(|fault| {
            BrowserFault::Launch(format!("the browser with a window did not start: {fault}; is the display reachable?"))
        })?;
        let context = wire.call(None, &CreateBrowserContextParams::default(), CALL).await?.browser_context_id;
        let create = CreateTargetParams {
            browser_context_id: Some(context.clone()),
            new_window: Some(true),
            ..CreateTargetParams::new(url)
        };
        wire.call(None, &create, CALL).await?;
        Ok(Self { wire, context, group: launched.group, _guard: launched.guard, _home: launched.home })
    }

    /// The tabs that are open; none: the person closed the window.
    async fn tabs(&self) -> Result<Vec<TargetInfo>, BrowserFault> {
        let targets = self.wire.call(None, &GetTargetsParams::default(), CALL).await?.target_infos;
        let ours = |t: &TargetInfo| t.r#type == "page" && t.browser_context_id.as_ref() == Some(&self.context);
        Ok(targets.into_iter().filter(ours).collect())
    }

    /// All cookies of the window, and the local storage of the tabs whose origin `of` takes. `None`: the window is closed.
    ///
    /// # Errors
    /// The browser's; [`BrowserFault::Gone`] when the person ended it.
    pub async fn state(&self, of: impl Fn(&str) -> bool) -> Result<Option<SessionState>, BrowserFault> {
        let tabs = self.tabs().await?;
        if tabs.is_empty() {
            return Ok(None);
        }
        let ask = GetCookiesParams { browser_context_id: Some(self.context.clone()) };
        let cookies = cookies_as_json(self.wire.call(None, &ask, CALL).await?.cookies);
        let mut origins: Vec<Value> = Vec::new();
        for tab in tabs.iter().filter(|tab| of(&tab.url)) {
            // A tab that goes elsewhere meanwhile is read the next time.
            let Ok(Some(stored)) = self.stored(tab).await else { continue };
            let known = origins.iter().any(|other| other["origin"] == stored["origin"]);
            if !known && stored["origin"].as_str().is_some_and(&of) {
                origins.push(stored);
            }
        }
        Ok(Some(SessionState::new(json!({ "cookies": cookies, "origins": origins }).to_string())))
    }

    /// Read in a world of its own, where the page can not see who reads.
    async fn stored(&self, tab: &TargetInfo) -> Result<Option<Value>, BrowserFault> {
        let attach = AttachToTargetParams { target_id: tab.target_id.clone(), flatten: Some(true) };
        let session: String = self.wire.call(None, &attach, CALL).await?.session_id.into();
        let read = async {
            let world = CreateIsolatedWorldParams::new(tab.target_id.inner().clone());
            let context = self.wire.call(Some(&session), &world, CALL).await?.execution_context_id;
            let ask = EvaluateParams { context_id: Some(context), ..EvaluateParams::new(STORED) };
            let answer = self.wire.call(Some(&session), &ask, CALL).await?.result.value;
            let text = answer.as_ref().and_then(Value::as_str).map(str::to_owned);
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        }
        .await;
        let detach = DetachFromTargetParams { session_id: Some(session.clone().into()) };
        self.wire.post(None, &detach);
        self.wire.forget(&session);
        read
    }

    /// Ends the browser and waits until it is gone; its profile goes with it.
    pub async fn stop(self) {
        self.wire.fail_all("it was stopped");
        launch::end_group(self.group).await;
    }
}
