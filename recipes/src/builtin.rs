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
    "facebook": "composer" "group" "group_after" "post" "profile" "timeline" "timeline_after";
    "instagram": "comments" "composer" "grid" "other_profile" "post" "profile";
    "linkedin": "activity" "composer" "post" "profile";
    "reddit": "community" "community_composer" "composer" "profile" "submitted" "thread";
    "tiktok": "comments" "content" "other_profile" "profile" "upload" "video";
    "x": "composer" "person" "profile" "status" "timeline";
    "google-business-profile": "account" "composer" "feed";
    "skool": "composer" "feed" "post";
    "youtube": "channel" "composer" "feed" "profile" "shorts" "upload" "video";
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
