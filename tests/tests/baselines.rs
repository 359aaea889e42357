//! The baselines of the practice recipe are what the practice platform shows today. `DEED_WRITE_BASELINES=1` writes them.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::ids::{AccountId, EpisodeId};
use deed_core::judge::drift;
use deed_core::ports::browser::{Access, Browser as _, Look, Need, Opening, Session as _, SessionState};
use deed_tests::{HANDLE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_practice_baselines_are_what_the_platform_shows() {
    let stage = Stage::new().await;
    let opening = Opening {
        account: AccountId::new("baseline"),
        episode: EpisodeId::new("baseline"),
        recipe: std::sync::Arc::clone(&stage.recipe),
        flow: "publish.post".into(),
        base: stage.practice.origin(),
        session: SessionState::new(stage.practice.storage_state(HANDLE).expect("a session").to_string()),
        access: Access::ReadOnly,
        pacing: stage.options.pacing,
    };
    let mut session = stage.world.browser.open(&opening).await.expect("a session");
    for (surface, path) in
        [("profile", format!("/{HANDLE}")), ("feed", format!("/{HANDLE}/posts")), ("composer", "/compose".to_owned())]
    {
        let landmarks = &stage.recipe.surfaces[surface].landmarks;
        session.goto(&format!("{}{path}", stage.practice.origin())).await.expect("the page opens");
        let look = Look {
            elements: landmarks.clone(),
            until: landmarks.iter().cloned().map(Need::Visible).collect(),
            within: stage.options.patience,
            ..Look::default()
        };
        let seen = session.look(&look).await.expect("the page is looked at");
        assert!(seen.satisfied, "every landmark of {surface} is there");
        let now = drift::baseline(surface, landmarks, &seen, &[HANDLE, "North Star"]);
        if std::env::var_os("DEED_WRITE_BASELINES").is_some() {
            let file = format!("{}/../recipes/practice/baselines/{surface}.json", env!("CARGO_MANIFEST_DIR"));
            let json = serde_json::to_string_pretty(&now).expect("JSON");
            std::fs::write(file, format!("{json}\n")).expect("the baseline is written");
        } else {
            assert_eq!(stage.recipe.baselines.get(surface), Some(&now), "DEED_WRITE_BASELINES=1 writes them anew");
        }
    }
    session.close().await;
    stage.end().await;
}
