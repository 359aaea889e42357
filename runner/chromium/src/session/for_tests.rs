//! What tests ask of a session beside the port: playing a hostile page, and looking at what the page can not show. Nothing else uses it.

use deed_core::ports::browser::{BrowserFault, NodeId};

use super::{CALL, ChromiumSession};

impl ChromiumSession {
    /// Runs a script as the page itself would. Tests use it to play a hostile page; nothing else does.
    #[doc(hidden)]
    pub async fn run_in_page_for_tests(&self, script: &str) -> Result<(), BrowserFault> {
        use chromiumoxide_cdp::cdp::js_protocol::runtime::EvaluateParams;
        self.page.wire().call(Some(self.page.session()), &EvaluateParams::new(script), CALL).await.map(drop)
    }

    /// As [`Self::run_in_page_for_tests`], in the process of the frame that a node stands in.
    #[doc(hidden)]
    pub async fn run_in_frame_for_tests(&self, node: NodeId, script: &str) -> Result<(), BrowserFault> {
        use chromiumoxide_cdp::cdp::js_protocol::runtime::EvaluateParams;
        let on = self.page.world_of(node.0).await?.0.session;
        self.page.wire().call(Some(&on), &EvaluateParams::new(script), CALL).await.map(drop)
    }

    /// Ends the process of the frame that a node stands in, as a crash does.
    #[doc(hidden)]
    pub async fn crash_frame_for_tests(&self, node: NodeId) -> Result<(), BrowserFault> {
        use chromiumoxide_cdp::cdp::browser_protocol::page::CrashParams;
        let on = self.page.world_of(node.0).await?.0.session;
        self.page.wire().post(Some(&on), &CrashParams::default());
        Ok(())
    }

    /// URLs of the frames that run in processes of their own, in whatever tab.
    #[doc(hidden)]
    pub async fn frame_processes_for_tests(&self) -> Result<Vec<String>, BrowserFault> {
        use chromiumoxide_cdp::cdp::browser_protocol::target::GetTargetsParams;
        let all = self.page.wire().call(None, &GetTargetsParams::default(), CALL).await?.target_infos;
        Ok(all.into_iter().filter(|target| target.r#type == "iframe").map(|target| target.url).collect())
    }

    /// As [`Self::run_in_page_for_tests`], with the script's answer; a promise is waited for, and an exception is an error.
    #[doc(hidden)]
    pub async fn evaluate_in_page_for_tests(&self, script: &str) -> Result<serde_json::Value, BrowserFault> {
        use chromiumoxide_cdp::cdp::js_protocol::runtime::EvaluateParams;
        let ask =
            EvaluateParams { await_promise: Some(true), return_by_value: Some(true), ..EvaluateParams::new(script) };
        let answer = self.page.wire().call(Some(self.page.session()), &ask, CALL).await?;
        match answer.exception_details {
            None => Ok(answer.result.value.unwrap_or_default()),
            Some(exception) => {
                let why = exception.exception.and_then(|e| e.description).unwrap_or(exception.text);
                Err(BrowserFault::Protocol { what: "a script of a test".to_owned(), why })
            }
        }
    }

    /// Role and name of a node in Chromium's accessibility tree; a node that assistive technology is not told of has neither.
    #[doc(hidden)]
    pub async fn accessible_for_tests(&self, node: NodeId) -> Result<(String, String), BrowserFault> {
        use chromiumoxide_cdp::cdp::browser_protocol::accessibility::{AxValue, GetPartialAxTreeParams};
        let (object, on) = self.page.object(node.0).await?;
        let ask = GetPartialAxTreeParams {
            object_id: Some(object),
            fetch_relatives: Some(false),
            ..GetPartialAxTreeParams::default()
        };
        let answer = self.page.wire().call(Some(&on), &ask, CALL).await?;
        let word = |value: Option<AxValue>| {
            value.and_then(|v| v.value).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let found = answer.nodes.into_iter().next().filter(|n| !n.ignored);
        Ok(found.map(|n| (word(n.role), word(n.name))).unwrap_or_default())
    }

    /// Where a node stands: the place of each ancestor among its siblings, from the document's element down; 65535 leads into an
    /// open shadow root.
    #[doc(hidden)]
    pub async fn path_for_tests(&self, node: NodeId) -> Result<Vec<usize>, BrowserFault> {
        use chromiumoxide_cdp::cdp::js_protocol::runtime::CallFunctionOnParams;
        const PATH: &str = "function () { const path = []; \
                            for (let el = this, up = el.parentNode; up?.children && up !== document; up = el.parentNode) { \
                            const root = up instanceof ShadowRoot; path.unshift([...up.children].indexOf(el)); \
                            if (root) path.unshift(65535); el = root ? up.host : up; } \
                            return path; }";
        let (object, on) = self.page.object(node.0).await?;
        let ask = CallFunctionOnParams {
            object_id: Some(object),
            return_by_value: Some(true),
            ..CallFunctionOnParams::new(PATH)
        };
        let answer = self.page.wire().call(Some(&on), &ask, CALL).await?;
        serde_json::from_value(answer.result.value.unwrap_or_default())
            .map_err(|e| BrowserFault::Protocol { what: "the place of a node".to_owned(), why: e.to_string() })
    }
}
