//! The tabs of a session's context, where a person may open and close them.

use chromiumoxide_cdp::cdp::browser_protocol::target::{GetTargetsParams, TargetInfo};
use deed_core::ports::browser::BrowserFault;

use super::{CALL, ChromiumSession};

impl ChromiumSession {
    /// What the session's own tab shows; `None`: it was closed. Tabs that were opened out of it do not count.
    ///
    /// # Errors
    /// The browser's; [`BrowserFault::Gone`] when it was ended.
    pub async fn address(&self) -> Result<Option<String>, BrowserFault> {
        let targets = self.page.wire().call(None, &GetTargetsParams::default(), CALL).await?.target_infos;
        let own = |t: &TargetInfo| t.target_id.inner() == self.page.frame();
        Ok(targets.into_iter().find(own).map(|target| target.url))
    }
}
