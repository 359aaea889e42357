//! `deed recipe`: schema, new, import, explain; and media that a recipe does not take.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::fs;
use std::path::Path;

use crate::support::Deed;
use serde_json::{Value, json};

const RECORDING: &str = include_str!("../../../../recipes/tests/recordings/post.json");

#[test]
fn the_schema_is_printed_as_it_stands_in_the_file() {
    let deed = Deed::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/schema/recipe.schema.json");
    let printed: Value = serde_json::from_str(&deed.ok(&["recipe", "schema"]).out).unwrap();
    assert_eq!(printed, serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap());
    assert_eq!(deed.json(0, &["recipe", "schema"]), printed);
    assert_eq!(printed["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn a_new_recipe_is_written_once_and_says_what_is_left() {
    let deed = Deed::new();
    let made = deed.json(0, &["recipe", "new", "shop", "--out", "mine"]);
    assert_eq!(made["path"], "mine/shop/recipe.yaml");
    let left = made["to_fill_in"].as_u64().unwrap();
    assert!(left > 15, "{made}");

    let checked = deed.json(2, &["recipe", "check", "mine/shop"]);
    let found = checked["recipes"][0]["diagnostics"].as_array().unwrap();
    assert_eq!(found.len() as u64, left);
    assert!(
        found
            .iter()
            .all(|one| one["code"] == "recipe-unfilled" && one["help"].as_str().unwrap().starts_with("put here "))
    );
    let said = deed.run(&["recipe", "check", "mine/shop"]);
    assert!(said.err.contains("`TODO_COMPOSER_PATH` is still to be filled in"), "{}", said.err);

    fs::write(deed.path("mine/shop/recipe.yaml"), "mine").unwrap();
    assert_eq!(deed.fails(2, &["recipe", "new", "shop", "--out", "mine"]).0, "recipe-exists");
    assert_eq!(fs::read_to_string(deed.path("mine/shop/recipe.yaml")).unwrap(), "mine", "nothing is overwritten");
    // Without --out: the folder of recipes, else one beside.
    deed.ok(&["recipe", "new", "shop", "--flow", "dm_send"]);
    assert!(fs::read_to_string(deed.path("recipes/shop/recipe.yaml")).unwrap().contains("\n  dm_send:\n"));
    deed.ok(&["recipe", "new", "shop", "--recipes", "ours"]);
    assert!(deed.path("ours/shop/recipe.yaml").exists());
    let (code, said) = deed.fails(2, &["recipe", "new", "other", "--flow", "publish.pots"]);
    assert!(code == "usage" && said.err.contains("did you mean `publish.post`?"), "{}", said.err);
    assert_eq!(deed.fails(2, &["recipe", "new", "../evil"]).0, "usage");
    assert!(!deed.path("recipes/other").exists());
}

#[test]
fn a_recording_becomes_a_draft_that_does_not_run() {
    let deed = Deed::new();
    deed.write("post.json", RECORDING);
    let said = deed.ok(&["recipe", "import", "post.json"]);
    assert!(said.out.starts_with("drafted  recipes/shop/recipe.yaml\n  note  "), "{}", said.out);
    assert!(said.out.contains("places to fill in") && !said.out.contains('\x1b'), "{}", said.out);
    let text = fs::read_to_string(deed.path("recipes/shop/recipe.yaml")).unwrap();
    assert!(text.contains("# The recording's last click") && !text.contains("Fresh bread"), "{text}");
    let checked = deed.run(&["recipe", "check", "recipes/shop"]);
    assert!(checked.code == 2 && checked.err.contains("`TODO_COMMIT` is still to be filled in"), "{}", checked.err);
    assert_eq!(deed.fails(2, &["recipe", "import", "post.json"]).0, "recipe-exists");
    assert_eq!(
        deed.json(0, &["recipe", "import", "post.json", "--platform", "bakery"])["path"],
        "recipes/bakery/recipe.yaml"
    );
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_its_code() {
    let deed = Deed::new();
    deed.write("post.json", RECORDING);
    for (code, text) in [
        ("recording-not-json", "hello"),
        ("recording-invalid", "{\"log\":{\"entries\":[]}}"),
        ("recording-empty", "{\"steps\":[]}"),
    ] {
        deed.write("bad.json", text);
        let (found, said) = deed.fails(2, &["recipe", "import", "bad.json"]);
        assert!(found == code && said.err.contains("where: bad.json"), "{}", said.err);
    }
    assert_eq!(deed.fails(2, &["recipe", "import", "none.json"]).0, "recording-unreadable");
    assert_eq!(deed.fails(2, &["recipe", "import", "."]).0, "recording-unreadable");
    assert_eq!(deed.fails(2, &["recipe", "import", "post.json", "--platform", "A B"]).0, "recording-platform");
    deed.write("large.json", " ".repeat(4 * 1024 * 1024 + 1));
    assert_eq!(deed.fails(2, &["recipe", "import", "large.json"]).0, "recording-too-large");
    assert!(!deed.path("recipes").exists(), "nothing is made");
}

#[test]
fn a_recipe_is_told_in_plain_words() {
    let deed = Deed::new();
    let said = deed.ok(&["recipe", "explain", "practice", "--flow", "publish.post"]);
    for words in [
        "publish.post on practice",
        "  1. Open `profile`",
        "COMMIT, once, with a permit: click `post_button`.",
        "In a fresh session that can only read",
        "It stops before the commit, with nothing sent, when:",
        "a captcha is met",
    ] {
        assert!(said.out.contains(words), "{words} is not in\n{}", said.out);
    }
    assert!(said.out.lines().all(|line| line.chars().count() <= 100) && !said.out.contains('\x1b'), "{}", said.out);
    let told = deed.json(0, &["recipe", "explain"]);
    let flow = told["flows"].as_array().unwrap().iter().find(|flow| flow["platform"] == "practice").unwrap();
    let commit = flow["commit_step"].as_u64().unwrap() as usize;
    assert!(flow["steps"][commit - 1].as_str().unwrap().starts_with("COMMIT"), "{flow}");
    assert!(deed.fails(2, &["recipe", "explain", "practice", "--flow", "publish.pots"]).1.err.contains("did you mean"));
    assert_eq!(deed.fails(2, &["recipe", "explain", "nowhere"]).0, "recipe-not-built-in");
    deed.ok(&["recipe", "new", "shop"]);
    assert_eq!(deed.fails(2, &["recipe", "explain", "recipes/shop"]).0, "recipe-invalid");
}

#[test]
fn media_that_the_recipe_does_not_take_are_refused_before_anything_is_stored() {
    let mut deed = Deed::with_account();
    let folder = deed.path("strict/practice");
    fs::create_dir_all(&folder).unwrap();
    let practice = include_str!("../../../../recipes/practice/recipe.yaml");
    let rules = "media_min: 1\n      pixels_min: 32\n      aspect_max: 1.5\n      seconds_max: 3\n      media_types: [image/png, video/mp4]\n";
    let strict = practice.replace("media_types: [image/png, image/jpeg, image/webp]\n", rules);
    assert_ne!(strict, practice);
    fs::write(folder.join("recipe.yaml"), strict).unwrap();
    deed.set("DEED_RECIPES", deed.path("strict").display().to_string());
    let mut wide = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(80, 40).write_to(&mut wide, image::ImageFormat::Png).unwrap();
    deed.write("wide.jpg", wide.into_inner());
    deed.write("small.png", crate::support::png());
    deed.write("cut.mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08mdat");
    let refused = |media: Value| {
        let order = deed.order("o.json", |o| o["content"]["media"] = media);
        let (code, said) = deed.fails(2, &["queue", "add", &order]);
        (code, said.err)
    };
    let (code, said) = refused(json!([]));
    assert!(code == "order-content" && said.contains("0 media files, the platform wants at least 1"), "{said}");
    let (code, said) = refused(json!(["small.png"]));
    assert!(
        code == "order-content" && said.contains("small.png is 16 × 16 pixels, the platform wants at least 32 a side"),
        "{said}"
    );
    let (code, said) = refused(json!(["wide.jpg"]));
    assert!(
        code == "order-content" && said.contains("wide.jpg is 80 × 40 pixels, 2.00 times as wide as high"),
        "{said}"
    );
    let (code, said) = refused(json!(["cut.mp4"]));
    assert!(code == "video-damaged" && said.contains("cut.mp4") && said.contains("moov"), "{said}");
    assert_eq!(deed.actions(), 0);
}

#[test]
fn a_baseline_has_one_source_and_a_fixture_must_be_one() {
    let deed = Deed::new();
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/practice").display().to_string();
    let baseline = |more: &[&str], code: &str| {
        let said = deed.fails(2, &[&["recipe", "baseline", &recipe], more].concat());
        assert_eq!(said.0, code, "{}", said.1.err);
    };
    baseline(&[], "usage");
    baseline(&["--practice", "--from", "fixtures"], "usage");
    baseline(&["--account", "north_star", "--from", "fixtures"], "usage");
    baseline(&["--from", "nowhere"], "fixture-none");
}
