//! The baselines of the practice recipe are what the practice platform shows today; `deed recipe baseline recipes/practice
//! --practice` writes them anew.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::account::Fingerprint;
use deed_core::baselines::{RecordError, Recorded, record};
use deed_core::ids::{AccountId, EpisodeId};
use deed_core::ports::browser::{Access, Browser as _, Opening, Session as _, SessionState};
use deed_fixtures::Faults;
use deed_tests::{HANDLE, Stage};

async fn recorded(stage: &Stage, handle: &str) -> Result<Recorded, RecordError> {
    let opening = Opening {
        account: AccountId::new("baseline"),
        episode: EpisodeId::new("baseline"),
        recipe: std::sync::Arc::clone(&stage.recipe),
        flow: "publish.post".into(),
        base: stage.practice.origin(),
        session: SessionState::new(stage.practice.storage_state(handle).expect("a session").to_string()),
        access: Access::ReadOnly,
        pacing: stage.options.pacing,
    };
    let display_name = stage.practice.account_fingerprint(HANDLE).expect("the account").display_name;
    let account = Fingerprint { handle: HANDLE.into(), display_name: Some(display_name), avatar: None };
    let mut session = stage.world.browser.open(&opening).await.expect("a session");
    let now = deed::world::now();
    let base = stage.practice.origin();
    let recorded = record(&mut session, &stage.recipe, &base, &account, stage.options.patience, now).await;
    session.close().await;
    recorded
}

/// Surfaces of an order's target: without an order there is none.
fn of_targets() -> Vec<(String, String)> {
    let why = "the recipe names {target}, which has no value here";
    ["object", "person", "thread"].map(|surface| (surface.to_owned(), why.to_owned())).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_practice_baselines_are_what_the_platform_shows() {
    let stage = Stage::new().await;
    let recorded = recorded(&stage, HANDLE).await.expect("they are recorded");
    assert_eq!(recorded.left_out, of_targets());
    for now in &recorded.baselines {
        assert_eq!(stage.recipe.baselines.get(&now.surface), Some(now), "deed recipe baseline writes them anew");
    }
    assert_eq!(recorded.baselines.len(), stage.recipe.baselines.len());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_of_another_accounts_session() {
    let stage = Stage::new().await;
    let refused = recorded(&stage, "harbour_books").await;
    assert!(matches!(refused, Err(RecordError::Identity(_))), "{refused:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_whose_landmark_is_gone_is_left_out_and_named() {
    let mut stage = Stage::new().await;
    stage.options.patience = std::time::Duration::from_secs(10);
    stage.faults(Faults { drift: Some(deed_fixtures::Drift::ButtonGone), ..Faults::default() });
    let recorded = recorded(&stage, HANDLE).await.expect("the rest is recorded");
    let gone = ("composer".to_owned(), "`post_button` not found".to_owned());
    assert_eq!(recorded.left_out, [vec![gone], of_targets()].concat());
    assert_eq!(recorded.baselines.len(), 3);
    stage.end().await;
}
