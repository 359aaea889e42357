#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

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
