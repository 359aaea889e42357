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
const ALL: &[Builtin] = &[Builtin {
    platform: "practice",
    yaml: include_str!("../practice/recipe.yaml"),
    baselines: &[
        ("composer", include_str!("../practice/baselines/composer.json")),
        ("feed", include_str!("../practice/baselines/feed.json")),
        ("profile", include_str!("../practice/baselines/profile.json")),
    ],
}];

/// The recipe's text and its baselines, for a platform whose recipe is built in.
#[must_use]
pub fn builtin(platform: &str) -> Option<(&'static str, &'static [BuiltinBaseline])> {
    ALL.iter().find(|one| one.platform == platform).map(|one| (one.yaml, one.baselines))
}

/// The platforms whose recipes are built in.
pub fn platforms() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|one| one.platform)
}
