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
    "facebook": "comment_reply" "composer" "group" "group_after" "post" "profile" "publish.group_post" "publish.post"
        "timeline" "timeline_after";
    "instagram": "comment_reply" "comments" "composer" "follow" "grid" "like" "other_profile" "post" "profile"
        "publish.post";
    "linkedin": "activity" "comment_reply" "composer" "like" "post" "profile" "publish.post";
    "reddit": "comment_reply" "community" "community_composer" "composer" "like" "profile" "publish.group_post"
        "publish.post" "submitted" "thread";
    "tiktok": "comment_reply" "comments" "content" "follow" "like" "other_profile" "profile" "publish.post"
        "schedule" "upload" "video";
    "x": "comment_reply" "composer" "delete" "follow" "like" "person" "profile" "publish.post" "schedule" "scheduled" "status"
        "timeline";
    "google-business-profile": "account" "composer" "feed" "publish.post";
    "skool": "comment_reply" "composer" "feed" "post" "publish.group_post";
    "youtube": "channel" "composer" "feed" "follow" "like" "profile" "publish.post" "publish.short" "shorts" "upload"
        "video";
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
