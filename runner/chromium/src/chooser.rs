//! Files for a page that opens the browser's file chooser from a button.
//!
//! The chooser is intercepted, so that none is ever shown, and only while this step runs. Never: gives files to an input that this
//! button did not ask for.

use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide_cdp::cdp::browser_protocol::page::{
    EventFileChooserOpened, FileChooserOpenedMode, SetInterceptFileChooserDialogParams,
};
use deed_core::ports::browser::{BrowserFault, NodeId};

use crate::input::mouse_click;
use crate::session::ChromiumSession;
use crate::wire::CALL;

/// How long a button may take to open its file chooser.
const OPENS: Duration = Duration::from_secs(5);

/// See [`deed_core::ports::browser::Session::upload_by`].
pub(crate) async fn upload_by(
    session: &mut ChromiumSession,
    button: NodeId,
    files: &[String],
) -> Result<(), BrowserFault> {
    let staged = session.staged(files)?;
    let point = session.reversible(button, "the upload").await?;
    // An inner frame in a process of its own answers for itself.
    let on = session.page().world_of(button.0).await?.0.session;
    let mut choosers = session.page().choosers();
    choosers.mark_unchanged();
    intercept(session, &on, true).await?;
    let given = async {
        mouse_click(session.page(), point).await?;
        let opened = match tokio::time::timeout(OPENS, choosers.changed()).await {
            Ok(Ok(())) => choosers.borrow_and_update().clone(),
            Ok(Err(_)) => return Err(BrowserFault::Gone("the tab is gone".to_owned())),
            Err(_) => None,
        };
        give(session, &on, opened, staged).await
    }
    .await;
    // A page that is gone has no chooser to intercept any more: what matters is whether the files were given.
    let ended = intercept(session, &on, false).await;
    given?;
    ended?;
    session.pace.dwell().await;
    Ok(())
}

async fn give(
    session: &ChromiumSession,
    on: &str,
    opened: Option<EventFileChooserOpened>,
    files: Vec<String>,
) -> Result<(), BrowserFault> {
    let refused = |why: String| Err(BrowserFault::InputRefused(why));
    let Some(opened) = opened else {
        return refused(format!("the button opened no file chooser within {} s", OPENS.as_secs()));
    };
    let Some(input) = opened.backend_node_id else {
        return refused("the file chooser belongs to no file input".to_owned());
    };
    if opened.mode == FileChooserOpenedMode::SelectSingle && files.len() > 1 {
        return refused(format!("the file chooser takes one file, the order has {}", files.len()));
    }
    let set = SetFileInputFilesParams { backend_node_id: Some(input), ..SetFileInputFilesParams::new(files) };
    session.page().wire().call(Some(on), &set, CALL).await.map(drop)
}

async fn intercept(session: &ChromiumSession, on: &str, whether: bool) -> Result<(), BrowserFault> {
    let params = SetInterceptFileChooserDialogParams::new(whether);
    session.page().wire().call(Some(on), &params, CALL).await.map(drop)
}
