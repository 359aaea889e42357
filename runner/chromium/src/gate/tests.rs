#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use chromiumoxide_cdp::cdp::browser_protocol::fetch::HeaderEntry;

use super::*;

/// A request of a frame, as the browser tells of it.
fn paused(frame: &str, path: &str) -> EventRequestPaused {
    serde_json::from_value(serde_json::json!({
        "requestId": "1",
        "frameId": frame,
        "resourceType": "Fetch",
        "request": {
            "url": format!("http://127.0.0.1:4000{path}"),
            "method": "POST",
            "headers": {},
            "initialPriority": "High",
            "referrerPolicy": "no-referrer",
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn a_declared_write_of_no_known_frame_is_stopped() {
    let gate = Gate::default();
    let recipe = Arc::new(deed_recipes::load_builtin("practice").unwrap());
    let side = Side {
        main_frame: "main".to_owned(),
        of_flow: recipe.flows["publish.post"].writes.clone(),
        recipe,
        relay: Relay::start().await.unwrap(),
        network: Network::Live,
    };
    gate.open_session(1, side);
    let stopped = |frame, path| matches!(gate.judge(paused(frame, path), Timestamp(0)), Judged::Stop);
    assert!(stopped("a stranger's", "/api/posts"), "whose it is can not be told");
    assert!(stopped("a stranger's", "/api/follow/passer_by"), "of whatever flow");
    assert!(!stopped("a stranger's", "/api/welcome"), "no declared write");
    assert!(stopped("main", "/api/posts"), "the session's own, without a permit");
    gate.close_session(1);
    assert!(!stopped("a stranger's", "/api/posts"), "no session gates it any more");
}

#[test]
fn how_far_our_clock_is_ahead_is_told_by_the_answers_date() {
    let ahead = |headers: &[(&str, &str)]| {
        let headers: Vec<HeaderEntry> = headers.iter().map(|(name, value)| HeaderEntry::new(*name, *value)).collect();
        // 08:49:27 of that day.
        answers::ahead_ms(&headers, Timestamp(784_111_767_000))
    };
    assert_eq!(ahead(&[("Date", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(-10_000));
    assert_eq!(ahead(&[("date", "Sun, 06 Nov 1994 08:39:27 GMT")]), Some(600_000));
    assert_eq!(ahead(&[("date", "Sun, 06 Nov 1994 08:39:27 GMT"), ("Age", " 590 ")]), Some(10_000), "a cache kept it");
    for nonsense in ["", "yesterday", "784111767"] {
        assert_eq!(ahead(&[("date", nonsense)]), None, "{nonsense}");
    }
    assert_eq!(ahead(&[]), None);
}

#[test]
fn a_wait_is_told_in_seconds_or_as_a_date_by_the_servers_own_clock() {
    let asked = |headers: &[(&str, &str)]| {
        let headers: Vec<HeaderEntry> = headers.iter().map(|(name, value)| HeaderEntry::new(*name, *value)).collect();
        // Ten seconds before 08:49:37 of that day.
        answers::retry_after(&headers, Timestamp(784_111_767_000)).map(|wait| wait.as_secs())
    };
    let date = ("Date", "Sun, 06 Nov 1994 08:40:00 GMT");
    let until = ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(asked(&[("retry-after", " 120 ")]), Some(120));
    assert_eq!(asked(&[until, date]), Some(577), "by the server's clock");
    assert_eq!(asked(&[until]), Some(10), "by ours where it tells none");
    assert_eq!(asked(&[("Retry-After", "Sun, 06 Nov 1994 08:39:00 GMT"), date]), Some(0), "it is over");
    for nonsense in ["soon", "-5", "1.5", "", "99999999999999999999999", "Sun, 06 Nov"] {
        assert_eq!(asked(&[("Retry-After", nonsense)]), None, "{nonsense}");
    }
    assert_eq!(asked(&[date]), None);
}
