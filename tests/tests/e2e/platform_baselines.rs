//! The baselines of the platforms' recipes are what their fixtures show, so they can not drift apart: `deed recipe baseline` writes
//! them anew from the scenarios that are named here. (`baselines.rs` holds the same of the practice platform itself.)
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed::replay;
use deed_chromium::Chromium;
use deed_core::baselines::Recorded;
use deed_recipes::Recipe;
use tokio::task::JoinSet;

/// Each platform, and the scenarios that together show all its surfaces. Where words on a landmark are not of the layout (a counter,
/// a suggestion of the day), two scenarios show it differently.
const SHOWN_BY: [(&str, &[&str]); 9] = [
    ("facebook", &["success", "group_success", "comment_success", "like", "delete", "edit", "reel", "story", "follow"]),
    ("google-business-profile", &["success", "all_posts", "reply", "edit", "delete"]),
    ("instagram", &["success", "comment_success", "like_success", "follow_success", "reel", "edit", "delete"]),
    ("linkedin", &["success", "comment", "like", "follow", "follow-company", "edit", "delete", "schedule"]),
    ("reddit", &["success", "community", "comment", "upvote", "follow", "edit", "delete"]),
    ("skool", &["success", "comment", "like", "edit", "delete"]),
    ("tiktok", &["success", "comment_success", "like_success", "follow_success", "schedule", "delete"]),
    ("x", &["success", "reply", "like", "follow", "delete", "schedule"]),
    (
        "youtube",
        &[
            "success",
            "other_suggestion",
            "short",
            "like_counted",
            "follow",
            "schedule",
            "schedule_morning",
            "edit",
            "delete",
            "comment",
        ],
    ),
];

fn beside(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).canonicalize().unwrap()
}

fn recipe(platform: &str) -> Arc<Recipe> {
    Arc::new(deed_recipes::load(&beside("recipes").join(platform)).unwrap())
}

fn scenarios(platform: &str, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| beside("fixtures").join(platform).join(name)).collect()
}

/// What differs, as a person mends it.
fn differs(platform: &str, names: &[&str], recorded: &Recorded) -> Option<String> {
    let recipe = recipe(platform);
    let now: Vec<_> = recorded.baselines.iter().map(|b| &b.surface).collect();
    let other: Vec<_> =
        recorded.baselines.iter().filter(|b| recipe.baselines.get(&b.surface) != Some(b)).map(|b| &b.surface).collect();
    let stale: Vec<_> = recipe.baselines.keys().filter(|s| !now.contains(s)).collect();
    let from: String = names.iter().map(|name| format!(" --from fixtures/{platform}/{name}")).collect();
    (!other.is_empty() || !stale.is_empty() || !recorded.left_out.is_empty()).then(|| {
        let left_out = &recorded.left_out;
        format!("{platform}: other {other:?}, not shown {stale:?}, left out {left_out:?}; `deed recipe baseline recipes/{platform}{from}`")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_baselines_are_what_their_fixtures_show() {
    let chromium: Arc<Chromium> = replay::browser(None);
    let mut under_way = JoinSet::new();
    for (platform, names) in SHOWN_BY {
        let chromium = Arc::clone(&chromium);
        under_way.spawn(async move {
            let recorded = replay::baseline::of_all(&scenarios(platform, names), &recipe(platform), &chromium).await;
            differs(platform, names, &recorded.unwrap())
        });
    }
    let wrong: Vec<_> = under_way.join_all().await.into_iter().flatten().collect();
    chromium.stop().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fixture_does_not_show_is_named() {
    let chromium = replay::browser(None);
    let youtube = recipe("youtube");
    let recorded = replay::baseline::of_all(&scenarios("youtube", &["success"]), &youtube, &chromium).await.unwrap();
    let left_out: Vec<_> = recorded.left_out.iter().map(|(surface, _)| surface.as_str()).collect();
    assert_eq!(left_out, ["channel", "comments", "own_video", "studio_video", "video"]);
    assert!(recorded.left_out.iter().all(|(_, why)| why.contains("visits no such page")), "{:?}", recorded.left_out);
    // That one fixture does not come to its own commit is told, also where another one does.
    let x = recipe("x");
    let recorded =
        replay::baseline::of_all(&scenarios("x", &["success", "drift-composer"]), &x, &chromium).await.unwrap();
    let stuck = recorded.left_out.iter().find(|(surface, _)| surface == "publish.post").map(|(_, why)| why.as_str());
    assert!(stuck.is_some_and(|why| why.contains("did not come to the commit")), "{:?}", recorded.left_out);
    // Pages of another platform, or of somebody else's session, are no baseline.
    for (platform, name, code) in
        [("x", "success", "fixture-misfit"), ("youtube", "wrong_account", "baseline-identity")]
    {
        let refused = replay::baseline::of_all(&scenarios(platform, &[name]), &youtube, &chromium).await;
        assert_eq!(refused.map_err(|e| e.code()), Err(code), "{platform}/{name}");
    }
    chromium.stop().await;
}
