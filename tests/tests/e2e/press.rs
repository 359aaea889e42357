//! The press itself, with a real permit, on pages that change at the worst moment: before the aim, between aim and press, and between
//! the press and its write. What is not still, not in front or not what the permit is for is never pressed and never leaves.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::sync::atomic::Ordering;
use std::time::Duration;

use deed_core::ports::browser::{GateVerdict, Press, Session as _};
use deed_fixtures::WriteKind;
use deed_tests::ready::{NoCheck, Ready};

/// Longer than any permit.
const AN_HOUR_MS: i64 = 3_600_000;

const MOVES_ON: &str = "{ let n = 0; const step = () => { n += 3; theButton.style.transform = `translateX(${-(n % 90)}px)`; requestAnimationFrame(step); }; step(); }";
const COVER: &str = "{ const c = document.createElement('div'); c.style.cssText = 'position:fixed;inset:0;z-index:99999;background:white'; \
                     document.body.append(c); }";

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_moves_or_is_covered_is_not_aimed_at() {
    let mut ready = Ready::new().await;
    ready.page(COVER).await;
    let refused = ready.aim().await.expect_err("it is covered").to_string();
    assert!(refused.contains("lies in front of it"), "{refused}");
    ready.page("document.body.lastElementChild.remove()").await;
    ready.aim().await.expect("it can be aimed at again");
    ready.page(MOVES_ON).await;
    let refused = ready.aim().await.expect_err("it moves").to_string();
    assert!(refused.contains("does not stand still"), "{refused}");
    ready.end_with(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_moves_after_the_aim_is_not_pressed() {
    let why = Ready::new().await.refused_after("theButton.style.transform = 'translateX(-7px)'").await;
    assert!(why.contains("it moved"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_covered_after_the_aim_is_not_pressed() {
    let why = Ready::new().await.refused_after(COVER).await;
    assert!(why.contains("lies in front of it"), "{why}");
}

/// Whatever the page does in between: a write that comes after the permit's end does not leave.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_comes_after_the_permits_end_does_not_leave() {
    let mut ready = Ready::new().await;
    ready.page("{ const now = fetch; window.fetch = (...a) => new Promise((go) => { window.go = go; }).then(() => now(...a)); }").await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    ready.later.store(AN_HOUR_MS, Ordering::SeqCst);
    ready.page("{ const wait = () => (window.go ? window.go() : setTimeout(wait, 10)); wait(); }").await;
    assert_eq!(ready.judged(1).await, [("/api/posts".to_owned(), GateVerdict::Blocked)]);
    ready.end_with(0).await;
}

/// A page that uses the moment after the press for another write of the platform gets nothing; the ordered one leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_permit_is_for_the_writes_of_its_own_flow() {
    let mut ready = Ready::new().await;
    ready
        .page("{ const now = fetch; window.fetch = (...a) => now('/api/follow/passer_by', { method: 'POST' }).catch(() => {}).then(() => now(...a)); }")
        .await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    let expected = [
        ("/api/follow/passer_by".to_owned(), GateVerdict::Blocked),
        ("/api/posts".to_owned(), GateVerdict::LetThrough),
    ];
    assert_eq!(ready.judged(2).await, expected);
    // Its answer is there before the tab goes.
    assert_eq!(ready.session.writes(Duration::from_secs(60)).await.len(), 2);
    ready.end_with(1).await;
}

/// A picture that is still being taken keeps the session's tab, not its right to write: when `close` returned, the
/// press is told to be over.
#[tokio::test(flavor = "multi_thread")]
async fn when_a_session_is_closed_its_page_writes_no_more() {
    let mut ready = Ready::new().await;
    ready.page("{ const now = fetch; window.fetch = (...a) => new Promise((go) => { window.go = go; }).then(() => now(...a)); }").await;
    let aim = ready.aim().await.expect("it can be pressed");
    let permit = ready.permit().await;
    let press = ready.session.press(aim, permit, &NoCheck, async { Ok(()) }).await;
    assert!(matches!(press, Press::Sent { .. }), "{press:?}");
    // The page answers nothing for a while, no picture either; then, before it answers, it sends what it was pressed for.
    let late = "{ const wait = () => { if (!window.go) return setTimeout(wait, 10); \
                const end = performance.now() + 2000; while (performance.now() < end); window.go(); }; setTimeout(wait, 100); }";
    ready.page(late).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let picture = tokio::spawn(ready.session.capture());
    let Ready { practice, set, session, .. } = ready;
    session.close().await;
    let _ = tokio::time::timeout(Duration::from_secs(60), picture).await.expect("the picture is taken or given up");
    // Longer than it takes to arrive.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let received = practice.truth().of_kind(WriteKind::Publish).count();
    set.world.browser.stop().await;
    practice.stop().await;
    assert_eq!(received, 0, "it left after the session was closed");
}
