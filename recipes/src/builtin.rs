//! The recipes that come with the binary, one folder a platform beside this crate's `src`.

/// A baseline's surface and its JSON.
pub type BuiltinBaseline = (&'static str, &'static str);

/// One platform's recipe and its baselines.
struct Builtin {
    platform: &'static str,
    yaml: &'static str,
    baselines: &'static [BuiltinBaseline],
}

/// In the order in which they are shown.
const ALL: &[Builtin] = &[
    Builtin {
        platform: "practice",
        yaml: include_str!("../practice/recipe.yaml"),
        baselines: &[
            ("composer", include_str!("../practice/baselines/composer.json")),
            ("feed", include_str!("../practice/baselines/feed.json")),
            ("profile", include_str!("../practice/baselines/profile.json")),
        ],
    },
    Builtin {
        platform: "linkedin",
        yaml: include_str!("../linkedin/recipe.yaml"),
        baselines: &[
            ("activity", include_str!("../linkedin/baselines/activity.json")),
            ("composer", include_str!("../linkedin/baselines/composer.json")),
            ("post", include_str!("../linkedin/baselines/post.json")),
            ("profile", include_str!("../linkedin/baselines/profile.json")),
        ],
    },
    Builtin {
        platform: "reddit",
        yaml: include_str!("../reddit/recipe.yaml"),
        baselines: &[
            ("community", include_str!("../reddit/baselines/community.json")),
            ("community_composer", include_str!("../reddit/baselines/community_composer.json")),
            ("composer", include_str!("../reddit/baselines/composer.json")),
            ("profile", include_str!("../reddit/baselines/profile.json")),
            ("submitted", include_str!("../reddit/baselines/submitted.json")),
            ("thread", include_str!("../reddit/baselines/thread.json")),
        ],
    },
    Builtin {
        platform: "x",
        yaml: include_str!("../x/recipe.yaml"),
        baselines: &[
            ("composer", include_str!("../x/baselines/composer.json")),
            ("person", include_str!("../x/baselines/person.json")),
            ("profile", include_str!("../x/baselines/profile.json")),
            ("status", include_str!("../x/baselines/status.json")),
            ("timeline", include_str!("../x/baselines/timeline.json")),
        ],
    },
];

/// The recipe's text and its baselines, for a platform whose recipe is built in.
#[must_use]
pub fn builtin(platform: &str) -> Option<(&'static str, &'static [BuiltinBaseline])> {
    ALL.iter().find(|one| one.platform == platform).map(|one| (one.yaml, one.baselines))
}

/// The platforms whose recipes are built in.
pub fn platforms() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|one| one.platform)
}
