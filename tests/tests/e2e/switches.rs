//! The account is switched behind the episode's back, at every boundary before the press: nothing is ever published as the other one.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use deed_core::episode::{self, Ending, Looks};
use deed_core::hold::{Failure, HoldReason};
use deed_core::state::State;
use deed_fixtures::{Faults, WriteKind};
use deed_tests::{HANDLE, Hooked, Stage, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The other account behind the same sign-in.
const OTHER: &str = "harbour_books";

/// Switches the account of the stored session on the server, as another window of the same person would.
async fn switch(origin: &str, cookies: &str, to: &str) {
    let host = origin.trim_start_matches("http://");
    let body = serde_json::json!({ "account": to }).to_string();
    let request = format!(
        "POST /switch HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncookie: {cookies}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("the platform is there");
    stream.write_all(request.as_bytes()).await.expect("the request leaves");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn switched_at(boundary: &'static str) {
    let stage = Stage::new().await;
    let ending = published_while_switched(&stage, boundary).await;
    let reason = ending.hold.as_ref().map(|h| h.reason);
    let held =
        matches!(reason, Some(HoldReason::WrongAccount | HoldReason::SessionChanged | HoldReason::IdentityUnproven));
    // After the review the last look before the press is what sees it: proved that nothing was sent.
    assert!(held || ending.failure == Some(Failure::NotSent), "switched at {boundary}: {ending:#?}");
    stage.end().await;
}

/// The page makes its request seconds after the press, and the account is switched in between: the server is asked once more.
#[tokio::test(flavor = "multi_thread")]
async fn pressed_and_the_page_takes_its_time() {
    let mut stage = Stage::new().await;
    stage.options.looks = Looks::InTurns;
    stage.practice.set_faults(Faults { write_after_ms: 2_000, ..Faults::default() });
    let ending = published_while_switched(&stage, "pressed").await;
    assert_eq!(stage.practice.truth().of_kind(WriteKind::Publish).count(), 0, "{ending:#?}");
    assert_eq!(ending.state, State::Unknown, "whether it counted is looked at: {ending:#?}");
    stage.end().await;
}

/// The same page and no switch.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_takes_its_time_publishes() {
    let stage = Stage::new().await;
    stage.practice.set_faults(Faults { write_after_ms: 2_000, ..Faults::default() });
    let ending = stage.publish("Fresh bread at 8").await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    assert_eq!(stage.practice.truth().of_kind(WriteKind::Publish).count(), 1);
    stage.end().await;
}

/// Publishes, with the account switched at a boundary: nothing is published as the other one.
async fn published_while_switched(stage: &Stage, boundary: &'static str) -> Ending {
    let state = stage.practice.storage_state(HANDLE).expect("a session");
    let cookies: Vec<String> = state["cookies"]
        .as_array()
        .expect("cookies")
        .iter()
        .map(|c| format!("{}={}", c["name"].as_str().unwrap_or(""), c["value"].as_str().unwrap_or("")))
        .collect();
    let action = stage.file("Fresh bread at 7", Vec::new(), None).await;
    // `storage_state` opens a session of its own: the episode gets exactly this one.
    let session = deed_core::ports::browser::SessionState::new(state.to_string());
    stage.world.ledger.set_session(&stage.account, &session, "test").await.expect("the session is stored");
    let claim = stage.claim(&action).await;
    let origin = stage.practice.origin();
    let cookies = cookies.join("; ");
    let world = Hooked::new(&stage.world, boundary, || wait_for(switch(&origin, &cookies, OTHER)));
    let ending =
        episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("the ledger answers");
    assert!(world.happened(), "{boundary} was reached: {ending:#?}");
    let truth = stage.practice.truth();
    let as_other: Vec<_> = truth.of_kind(WriteKind::Publish).filter(|w| w.account.as_deref() != Some(HANDLE)).collect();
    assert!(as_other.is_empty(), "switched at {boundary}: {as_other:#?}, {ending:#?}");
    ending
}

macro_rules! boundaries {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            switched_at(stringify!($name)).await;
        }
    )* };
}

boundaries![claimed, preflight_passed, opened, identity_verified, deduped, composed, reviewed, armed];
