//! The press of a commit element that stands in a frame of another site, in a process of its own, with a real permit: once, and never when
//! the page or the frame changes between the aim and the press. Writes are counted at the platform.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::time::Duration;

use deed_core::ports::browser::{GateVerdict, Press, Session as _};
use deed_tests::ready::{NoCheck, Ready};

const COVER: &str = "{ const c = document.createElement('div'); c.style.cssText = 'position:fixed;inset:0;z-index:99999;background:white'; \
                     document.body.append(c); }";
/// As a page of its own does it.
const POST: &str = "fetch('/api/posts', { method: 'POST', headers: { 'content-type': 'application/json' }, \
                    body: JSON.stringify({ text: 'unasked', media: [], client_token: 'unasked' }) }).catch(() => {})";

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_frame_is_pressed_once_and_its_write_leaves_once() {
    let mut ready = Ready::in_a_frame().await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    assert_eq!(ready.judged(1).await, [("/api/posts".to_owned(), GateVerdict::LetThrough)]);
    assert_eq!(ready.session.writes(Duration::from_secs(60)).await.len(), 1);
    // The permit is used up: another one of the same frame stays.
    ready.frame(POST).await;
    let verdicts = ready.judged(2).await;
    assert_eq!(verdicts.last().map(|(_, verdict)| *verdict), Some(GateVerdict::Blocked), "{verdicts:?}");
    ready.end_with(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_a_frame_does_not_leave_without_a_permit() {
    let ready = Ready::in_a_frame().await;
    ready.frame(POST).await;
    assert_eq!(ready.judged(1).await, [("/api/posts".to_owned(), GateVerdict::Blocked)]);
    ready.end_with(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_covered_in_its_frame_or_by_the_page_is_not_aimed_at() {
    let mut ready = Ready::in_a_frame().await;
    ready.page(COVER).await;
    let refused = ready.aim().await.expect_err("the frame is covered").to_string();
    assert!(refused.contains("lies in front of its frame"), "{refused}");
    ready.page("document.body.lastElementChild.remove()").await;
    ready.frame(COVER).await;
    let refused = ready.aim().await.expect_err("it is covered").to_string();
    assert!(refused.contains("lies in front of it"), "{refused}");
    ready.end_with(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_covered_after_the_aim_is_not_pressed_into() {
    let why = Ready::in_a_frame().await.refused_after(COVER).await;
    assert!(why.contains("lies in front of its frame"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_moves_after_the_aim_is_not_pressed_into() {
    let why =
        Ready::in_a_frame().await.refused_after("document.querySelector('iframe').style.marginTop = '30px'").await;
    assert!(why.contains("it moved"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_moves_in_its_frame_after_the_aim_is_not_pressed() {
    let why = Ready::in_a_frame().await.refused_after_in_frame("theButton.style.transform = 'translateX(-7px)'").await;
    assert!(why.contains("it moved"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_loads_again_after_the_aim_is_not_pressed_into() {
    let ready = Ready::in_a_frame().await;
    let why = ready.refused_after("{ const f = document.querySelector('iframe'); f.src = f.src; }").await;
    assert!(why.contains("gone") || why.contains("moved") || why.contains("context"), "{why}");
}
