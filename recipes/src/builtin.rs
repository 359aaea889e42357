//! The recipes that come with the binary, one folder a platform beside this crate's `src`.

/// A baseline's surface and its JSON.
pub type BuiltinBaseline = (&'static str, &'static str);

/// One platform's recipe and its baselines.
struct Builtin {
    platform: &'static str,
    yaml: &'static str,
    baselines: &'static [BuiltinBaseline],
}

/// One line a platform: its folder, and its baselines.
macro_rules! built_in {
    ($($platform:literal: $($surface:literal)+;)+) => {
        &[$(Builtin {
            platform: $platform,
            yaml: include_str!(concat!("../", $platform, "/recipe.yaml")),
            baselines: &[$(($surface, include_str!(concat!("../", $platform, "/baselines/", $surface, ".json")))),+],
        }),+]
    };
}

/// In the order in which they are shown.
const ALL: &[Builtin] = built_in! {
    "practice": "composer" "feed" "profile" "scheduled";
    "facebook": "comment_reply" "composer" "delete" "edit" "follow" "group" "group_after" "like" "permalink" "person"
        "post" "profile" "publish.group_post" "publish.post" "publish.reel" "publish.story" "reel_composer" "stories"
        "story_composer" "timeline" "timeline_after" "timeline_reels";
    "instagram": "comment_reply" "comments" "composer" "delete" "edit" "follow" "grid" "like" "other_profile" "post"
        "profile" "publish.post" "publish.reel";
    "linkedin": "activity" "comment_reply" "composer" "delete" "edit" "follow" "like" "page" "post" "profile"
        "publish.post" "schedule" "scheduled";
    "reddit": "comment_reply" "community" "community_composer" "composer" "delete" "edit" "follow" "like" "person"
        "profile" "publish.group_post" "publish.post" "submitted" "thread";
    "tiktok": "comment_reply" "comments" "content" "delete" "follow" "like" "other_profile" "profile" "publish.post"
        "schedule" "upload" "video";
    "x": "comment_reply" "composer" "delete" "follow" "like" "person" "profile" "publish.post" "schedule" "scheduled"
        "status" "timeline";
    "google-business-profile": "account" "comment_reply" "composer" "delete" "edit" "feed" "publish.post"
        "review_reply" "update_edit";
    "skool": "comment_reply" "composer" "delete" "edit" "feed" "like" "object" "post" "publish.group_post";
    "youtube": "channel" "comment_reply" "comments" "composer" "delete" "edit" "feed" "follow" "like" "own_video"
        "profile" "publish.post" "publish.short" "schedule" "shorts" "studio_shorts" "studio_video" "upload" "video";
};

/// The recipe's text and its baselines, for a platform whose recipe is built in.
#[must_use]
pub fn builtin(platform: &str) -> Option<(&'static str, &'static [BuiltinBaseline])> {
    ALL.iter().find(|one| one.platform == platform).map(|one| (one.yaml, one.baselines))
}

/// The platforms whose recipes are built in.
pub fn platforms() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|one| one.platform)
}
