//! A context's session, read back as a storage state: what [`crate::session`] puts into a context, taken out of it again.
//!
//! Never prints a value of it.

use chromiumoxide_cdp::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide_cdp::cdp::browser_protocol::network::{Cookie, CookieSameSite};
use chromiumoxide_cdp::cdp::browser_protocol::storage::GetCookiesParams;
use deed_core::ports::browser::{BrowserFault, SessionState};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::page::Page;
use crate::wire::CALL;

/// Local storage of the page's origin, as `deed.js` tells it.
#[derive(Debug, Deserialize)]
struct Stored {
    origin: String,
    entries: Vec<(String, String)>,
}

/// Cookies as a storage state has them.
pub(crate) fn cookies_as_json(cookies: Vec<Cookie>) -> Vec<Value> {
    let as_json = |c: Cookie| {
        json!({
            "name": c.name, "value": c.value, "domain": c.domain, "path": c.path,
            "expires": if c.session { -1.0 } else { c.expires },
            "httpOnly": c.http_only, "secure": c.secure,
            "sameSite": c.same_site.map(|s| match s {
                CookieSameSite::Strict => "Strict",
                CookieSameSite::Lax => "Lax",
                CookieSameSite::None => "None",
            }),
        })
    };
    cookies.into_iter().map(as_json).collect()
}

/// The value of a cookie, by its name.
pub(crate) async fn cookie(
    page: &Page,
    context: &BrowserContextId,
    name: &str,
) -> Result<Option<String>, BrowserFault> {
    let ask = GetCookiesParams { browser_context_id: Some(context.clone()) };
    let cookies = page.wire().call(None, &ask, CALL).await?.cookies;
    Ok(cookies.into_iter().find(|cookie| cookie.name == name).map(|cookie| cookie.value))
}

/// All cookies of the context, and the local storage of the page's own origin.
pub(crate) async fn read(page: &Page, context: &BrowserContextId) -> Result<SessionState, BrowserFault> {
    let ask = GetCookiesParams { browser_context_id: Some(context.clone()) };
    let cookies = cookies_as_json(page.wire().call(None, &ask, CALL).await?.cookies);
    let stored: Stored = page.call(|_| "stored()".to_owned(), CALL).await?;
    let entries: Vec<Value> =
        stored.entries.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let state = json!({ "cookies": cookies, "origins": [{ "origin": stored.origin, "localStorage": entries }] });
    Ok(SessionState::new(state.to_string()))
}
