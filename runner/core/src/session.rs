//! What a stored session says about itself: when it ends, and which of it belongs to the platform.
//!
//! Pure: reads a storage state, never prints a value of it.

use std::collections::BTreeMap;

use deed_recipes::Recipe;
use serde::Serialize;
use serde_json::Value;

use crate::ports::browser::SessionState;
use crate::time::Timestamp;

/// An end that moved by less, in seconds, is not worth a new seal: many platforms move it with every page.
const END_MOVED_S: f64 = 24.0 * 3600.0;

/// When a session ends, as far as its cookies of the platform say. Whether the platform ends it earlier, nobody can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "expiry", content = "expires_at")]
pub enum SessionExpiry {
    /// The first of those that have an end, ends then.
    Dated(Timestamp),
    /// None of them has an end: they live as long as a browser, and say nothing.
    Undated,
    /// There is no cookie of the platform.
    None,
}

impl SessionExpiry {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dated(_) => "dated",
            Self::Undated => "undated",
            Self::None => "none",
        }
    }

    /// The end, when there is one.
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::Dated(at) => Some(at),
            Self::Undated | Self::None => None,
        }
    }
}

/// When a session ends. `None`: it is no storage state.
pub fn expiry(session: &SessionState, recipe: &Recipe) -> Option<SessionExpiry> {
    let state: Value = serde_json::from_str(session.expose()).ok()?;
    let own: Vec<_> = state.get("cookies")?.as_array()?.iter().filter(|c| is_own_cookie(c, recipe)).collect();
    // Seconds since 1970, -1 or nothing for a cookie that lives as long as the browser.
    let seconds = own.iter().filter_map(|c| c.get("expires")?.as_f64()).filter(|s| *s > 0.0);
    let first = seconds.fold(None, |first: Option<f64>, s| Some(first.map_or(s, |f| f.min(s))));
    Some(match first {
        #[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest time")]
        Some(seconds) => SessionExpiry::Dated(Timestamp((seconds * 1000.0) as i64)),
        None if own.is_empty() => SessionExpiry::None,
        None => SessionExpiry::Undated,
    })
}

/// Of a session, what is of the recipe's origins and nothing else: what a browser had of other places stays behind.
/// `None`: it is no storage state.
pub fn only_own(session: &SessionState, recipe: &Recipe) -> Option<SessionState> {
    let state: Value = serde_json::from_str(session.expose()).ok()?;
    let cookies: Vec<_> = state.get("cookies")?.as_array()?.iter().filter(|c| is_own_cookie(c, recipe)).collect();
    let is_own = |origin: &&Value| {
        origin.get("origin").and_then(Value::as_str).is_some_and(|name| recipe.allows_origin(name))
            && !entries(origin).is_empty()
    };
    let origins: Vec<_> = list(&state, "origins").iter().filter(is_own).collect();
    Some(SessionState::new(serde_json::json!({ "cookies": cookies, "origins": origins }).to_string()))
}

/// The stored session with what a browser has of it now: cookies and local storage of the recipe's origins. What is of other places
/// stays as it was stored. `None`: nothing changed that is worth a new seal, or nothing of the session is left.
pub fn refreshed(stored: &SessionState, now: &SessionState, recipe: &Recipe) -> Option<SessionState> {
    let mut state: Value = serde_json::from_str(stored.expose()).ok()?;
    let now: Value = serde_json::from_str(now.expose()).ok()?;
    let (old, others): (Vec<Value>, Vec<Value>) =
        list(&state, "cookies").iter().cloned().partition(|c| is_own_cookie(c, recipe));
    let own = without_doubles(list(&now, "cookies").iter().filter(|c| is_own_cookie(c, recipe)), &old);
    if own.is_empty() {
        // Signed out: what is stored was better.
        return None;
    }
    let mut changed = own.len() != old.len() || own.iter().any(|cookie| !old.iter().any(|o| is_same(o, cookie)));
    let mut origins = list(&state, "origins").to_vec();
    for origin in list(&now, "origins") {
        let Some(name) = origin.get("origin").and_then(Value::as_str).filter(|o| recipe.allows_origin(o)) else {
            continue;
        };
        let place = origins.iter().position(|o| o.get("origin").and_then(Value::as_str) == Some(name));
        match place.and_then(|at| origins.get_mut(at)) {
            Some(old) if entries(old) == entries(origin) => {}
            None if entries(origin).is_empty() => {}
            Some(old) => {
                changed = true;
                *old = origin.clone();
            }
            None => {
                changed = true;
                origins.push(origin.clone());
            }
        }
    }
    if !changed {
        return None;
    }
    let object = state.as_object_mut()?;
    object.insert("cookies".to_owned(), others.into_iter().chain(own).collect());
    object.insert("origins".to_owned(), origins.into());
    Some(SessionState::new(state.to_string()))
}

fn list<'v>(state: &'v Value, key: &str) -> &'v [Value] {
    state.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Name, domain and path: a leading dot says who else gets it, not which one it is.
fn key(cookie: &Value) -> [&str; 3] {
    let text = |key: &str| cookie.get(key).and_then(Value::as_str).unwrap_or_default();
    [text("name"), text("domain").trim_start_matches('.'), text("path")]
}

/// Of two that differ in a leading dot only, the one that is not as it was stored: the platform set it, the other one was put there.
fn without_doubles<'v>(now: impl Iterator<Item = &'v Value>, old: &[Value]) -> Vec<Value> {
    let mut own: Vec<Value> = Vec::new();
    for cookie in now {
        match own.iter_mut().find(|o| key(o) == key(cookie)) {
            Some(double) if old.iter().any(|o| is_same(o, double)) => *double = cookie.clone(),
            Some(_) => {}
            None => own.push(cookie.clone()),
        }
    }
    own
}

/// The same cookie with the same value and about the same end.
fn is_same(one: &Value, other: &Value) -> bool {
    let end = |c: &Value| c.get("expires").and_then(Value::as_f64).filter(|s| *s > 0.0);
    let ends = match (end(one), end(other)) {
        (Some(one), Some(other)) => (one - other).abs() < END_MOVED_S,
        (one, other) => one.is_none() == other.is_none(),
    };
    key(one) == key(other) && one.get("value") == other.get("value") && ends
}

/// Local storage by name.
fn entries(origin: &Value) -> BTreeMap<&str, &str> {
    list(origin, "localStorage")
        .iter()
        .filter_map(|e| Some((e.get("name")?.as_str()?, e.get("value")?.as_str()?)))
        .collect()
}

/// Whether a browser would send a cookie to one of the recipe's origins.
fn is_own_cookie(cookie: &Value, recipe: &Recipe) -> bool {
    let Some(domain) = cookie.get("domain").and_then(Value::as_str) else { return false };
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    !domain.is_empty()
        && recipe.origins.iter().any(|origin| {
            origin.host == domain || origin.host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
        })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn ends(cookies: &str) -> Option<SessionExpiry> {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        expiry(&SessionState::new(format!("{{\"cookies\":{cookies}}}")), &recipe)
    }

    #[test]
    fn the_first_end_of_the_platforms_own_cookies_counts() {
        let own = r#"{"name":"sid","value":"x","domain":"127.0.0.1","path":"/","expires":1795167000.5}"#;
        let later = r#"{"name":"b","value":"x","domain":"127.0.0.1","expires":1995167000}"#;
        let other = r#"{"name":"c","value":"x","domain":"ads.test","expires":1000}"#;
        assert_eq!(ends(&format!("[{later},{own},{other}]")), Some(SessionExpiry::Dated(Timestamp(1_795_167_000_500))));
        assert_eq!(ends(&format!("[{other}]")), Some(SessionExpiry::None));
    }

    const STORED: &str = r#"{"cookies":[
        {"name":"sid","value":"old","domain":"127.0.0.1","path":"/","expires":2000000000},
        {"name":"ads","value":"theirs","domain":"ads.test","path":"/","expires":1}],
        "origins":[{"origin":"http://127.0.0.1:4000","localStorage":[{"name":"device","value":"d1"}]}],"made_by":"a tool"}"#;

    fn now(value: &str, domain: &str, expires: f64, device: &str) -> String {
        format!(
            r#"{{"cookies":[{{"name":"sid","value":"{value}","domain":"{domain}","path":"/","expires":{expires}}},
            {{"name":"ads","value":"set by the browser","domain":"ads.test","path":"/","expires":2}}],
            "origins":[{{"origin":"http://127.0.0.1:4000","localStorage":[{{"name":"device","value":"{device}"}}]}},
            {{"origin":"https://evil.test","localStorage":[{{"name":"x","value":"y"}}]}}]}}"#
        )
    }

    #[test]
    fn of_a_captured_session_only_what_is_the_platforms_is_kept() {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let captured = SessionState::new(now("new", "127.0.0.1", 2e9, "d1"));
        let kept = only_own(&captured, &recipe).unwrap();
        assert!(kept.expose().contains("\"new\"") && kept.expose().contains("\"d1\""), "{}", kept.expose());
        for foreign in ["ads", "evil", "set by the browser"] {
            assert!(!kept.expose().contains(foreign), "{foreign}: {}", kept.expose());
        }
        assert!(only_own(&SessionState::new("{}"), &recipe).is_none());
    }

    fn fresh(now: &str) -> Option<Value> {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let fresh = refreshed(&SessionState::new(STORED), &SessionState::new(now), &recipe)?;
        Some(serde_json::from_str(fresh.expose()).unwrap())
    }

    #[test]
    fn what_the_platform_changed_is_taken_over_and_nothing_of_other_places() {
        let state = fresh(&now("new", "127.0.0.1", 2e9, "d1")).unwrap();
        let cookies = state["cookies"].as_array().unwrap();
        let values: Vec<_> = cookies.iter().map(|c| c["value"].as_str().unwrap()).collect();
        assert_eq!(values, ["theirs", "new"]);
        assert_eq!(state["origins"].as_array().unwrap().len(), 1, "no storage of a foreign origin");
        assert_eq!(state["made_by"], "a tool");
        assert_eq!(fresh(&now("old", "127.0.0.1", 2e9, "d2")).unwrap()["origins"][0]["localStorage"][0]["value"], "d2");
        assert!(fresh(&now("old", "127.0.0.1", 2e9 + 90_000.0, "d1")).is_some(), "it lasts a day longer");
    }

    #[test]
    fn what_did_not_change_or_is_gone_is_not_taken_over() {
        assert_eq!(fresh(&now("old", "127.0.0.1", 2e9, "d1")), None);
        assert_eq!(fresh(&now("old", ".127.0.0.1", 2e9 + 60.0, "d1")), None, "the same cookie, a minute longer");
        assert_eq!(fresh(r#"{"cookies":[],"origins":[]}"#), None, "signed out");
        assert_eq!(fresh("no state"), None);
    }

    #[test]
    fn of_two_forms_of_a_cookie_the_platforms_own_is_taken() {
        let put = r#"{"name":"sid","value":"old","domain":".127.0.0.1","path":"/","expires":2000000000}"#;
        let set = r#"{"name":"sid","value":"new","domain":"127.0.0.1","path":"/","expires":2000000000}"#;
        for both in [format!("{put},{set}"), format!("{set},{put}")] {
            let state = fresh(&format!("{{\"cookies\":[{both}]}}")).unwrap();
            let own: Vec<_> = state["cookies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|c| c["name"] == "sid")
                .map(|c| &c["value"])
                .collect();
            assert_eq!(own, ["new"]);
        }
    }

    #[test]
    fn cookies_without_an_end_are_not_given_one() {
        let session = r#"{"name":"sid","value":"x","domain":"127.0.0.1","expires":-1}"#;
        let bare = r#"{"name":"sid","value":"x","domain":".127.0.0.1"}"#;
        for cookie in [session, bare] {
            assert_eq!(ends(&format!("[{cookie}]")), Some(SessionExpiry::Undated));
        }
        assert_eq!(ends("[]"), Some(SessionExpiry::None));
        assert_eq!(ends("7"), None);
    }
}
