//! Recipes from disk, what the engine asks of them, and how they are told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod common;

use std::fs;
use std::path::Path;

use common::{GOOD, edit};
use deed_recipes::{
    LoadError, ObjectId, Placeholder, Recipe, UrlError, Values, check_str, explain, load, load_builtin, load_for,
    load_str,
};
use sha2::{Digest as _, Sha256};

const BASELINE: &str = r#"{"surface": "profile", "landmarks": {"handle": {"role": "paragraph", "name": null, "regions": ["main"], "below": []}}}"#;

struct Order {
    handle: &'static str,
    target: Option<&'static str>,
}

impl Values for Order {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::AccountHandle => Some(self.handle),
            Placeholder::Target => self.target,
            _ => None,
        }
    }
}

fn order(handle: &'static str) -> Order {
    Order { handle, target: None }
}

fn folder(recipe: &str, baselines: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("recipe.yaml"), recipe).unwrap();
    fs::create_dir(folder.path().join("baselines")).unwrap();
    for (name, json) in baselines {
        fs::write(folder.path().join("baselines").join(name), json).unwrap();
    }
    folder
}

fn code(path: &Path) -> &'static str {
    load(path).unwrap_err().code()
}

fn good() -> Recipe {
    load_str("recipe.yaml", GOOD).unwrap()
}

#[test]
fn a_folder_is_loaded_with_its_hash_and_its_baselines() {
    let folder = folder(GOOD, &[("profile.json", BASELINE), ("notes.txt", "not read")]);
    let recipe = load(folder.path()).unwrap();
    assert_eq!(recipe.hash, hex::encode(Sha256::digest(GOOD)));
    assert_eq!(recipe.baselines.keys().collect::<Vec<_>>(), ["profile"]);
    assert_eq!(load(&folder.path().join("recipe.yaml")).unwrap(), recipe);
    assert_ne!(load_str("x", &edit(GOOD, "recipe: 1", "recipe: 2")).unwrap().hash, recipe.hash);
}

#[test]
fn a_flow_has_a_baseline_of_its_own_for_what_is_reviewed_and_pressed() {
    let baseline = BASELINE.replace("profile", "publish.post").replace("handle", "post_button");
    let loaded = load(folder(GOOD, &[("publish.post.json", &baseline)]).path()).unwrap();
    assert_eq!(loaded.baselines.keys().collect::<Vec<_>>(), ["publish.post"]);
    assert!(loaded.reviewed("publish.post").contains(&"post_button"));
    let other = BASELINE.replace("profile", "publish.post").replace("handle", "menu");
    let refused = load(folder(GOOD, &[("publish.post.json", &other)]).path()).unwrap_err();
    assert!(refused.to_string().contains("nor reviewed in it"), "{refused}");
}

#[test]
fn what_cannot_be_loaded_says_why() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(code(empty.path()), "recipe-unreadable");
    assert_eq!(code(Path::new("/dev/zero")), "recipe-unreadable");
    fs::write(empty.path().join("recipe.yaml"), b"platform: \xff").unwrap();
    assert_eq!(code(empty.path()), "recipe-not-text");
    fs::write(empty.path().join("recipe.yaml"), b"platform: shop\nrecipe: 1 # gr\xc3\xbc\xdfe\n").unwrap();
    assert!(
        load(empty.path())
            .unwrap_err()
            .to_string()
            .contains("recipe.yaml:2:16: what follows `recipe: 1 # grü` is not UTF-8")
    );
    fs::write(empty.path().join("recipe.yaml"), vec![b' '; 300_000]).unwrap();
    assert_eq!(code(empty.path()), "recipe-too-large");
    fs::write(empty.path().join("recipe.yaml"), edit(GOOD, "click: post_button", "click: post_buton")).unwrap();
    let error = load(empty.path()).unwrap_err();
    assert_eq!(error.code(), "recipe-invalid");
    let first = error.diagnostics().unwrap().list().first().unwrap();
    assert_eq!(first.file, empty.path().join("recipe.yaml").display().to_string());
    assert!(error.to_string().contains("did you mean `post_button`?"), "{error}");
}

/// Accounts and orders name a recipe by its folder.
#[test]
fn a_recipe_in_another_platforms_folder_is_refused() {
    let folder = folder(GOOD, &[]);
    assert_eq!(load_for("shop", folder.path()).unwrap().platform, "shop");
    let error = load_for("market", folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("the recipe of `shop` is in the folder `market`") && error.contains("recipe.yaml:1:11"),
        "{error}"
    );
}

#[test]
fn a_baseline_that_does_not_belong_is_refused() {
    for (name, json, reason) in [
        ("profile.json", "{", "EOF"),
        ("feed.json", BASELINE, "of surface `profile`"),
        ("inbox.json", &BASELINE.replace("profile", "inbox"), "no surface `inbox`"),
        ("profile.json", &BASELINE.replace("handle", "menu"), "`menu` is not a landmark"),
    ] {
        let folder = folder(GOOD, &[(name, json)]);
        match load(folder.path()) {
            Err(error @ LoadError::Baseline { .. }) => {
                assert!(error.to_string().contains(reason), "{error}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// Windows line ends and a byte order mark are no errors, and do not move a caret.
#[test]
fn line_ends_and_byte_order_mark_are_taken_as_they_come() {
    let windows = GOOD.replace('\n', "\r\n");
    assert_eq!(check_str("recipe.yaml", &windows).to_string(), "");
    assert_eq!(check_str("recipe.yaml", &format!("\u{feff}{GOOD}")).to_string(), "");
    let broken = edit(&windows, "click: post_button", "click: post_buton");
    let found = check_str("recipe.yaml", &broken);
    assert_eq!((found.list()[0].line, found.list()[0].column), (54, 22));
    assert_eq!(found.to_string(), check_str("recipe.yaml", &broken.replace("\r\n", "\n")).to_string());
}

#[test]
fn a_surface_is_where_the_recipe_says_and_nowhere_else() {
    let recipe = good();
    let base = recipe.base_origin().unwrap();
    assert_eq!(base, "https://shop.test");
    let url = |surface: &str, handle| recipe.url_of(surface, &base, &order(handle));
    assert_eq!(url("feed", "north_star").unwrap(), "https://shop.test/north_star/posts");
    assert_eq!(url("composer", "north_star").unwrap(), "https://shop.test/compose");
    // A value is one path segment, whatever it tries.
    assert_eq!(url("feed", "a/../../b?c#d").unwrap(), "https://shop.test/a%2F..%2F..%2Fb%3Fc%23d/posts");
    assert_eq!(url("profile", "/evil.example").unwrap(), "https://shop.test/%2Fevil.example");
    assert!(matches!(url("feed", ".."), Err(UrlError::BadValue { .. })));
    assert!(matches!(url("feed", ""), Err(UrlError::BadValue { .. })));
    assert_eq!(url("inbox", "x").unwrap_err().code(), "url-unknown-surface");
    let elsewhere = recipe.url_of("feed", "https://shop.test.evil.example", &order("x"));
    assert_eq!(elsewhere.unwrap_err().code(), "url-outside-origins");
    assert_eq!(recipe.url_of("feed", "shop", &order("x")).unwrap_err().code(), "url-not-a-url");
}

#[test]
fn a_target_is_opened_only_at_home() {
    let recipe = load_str("x", &edit(GOOD, "https://shop.test/compose", "{target}")).unwrap();
    let url = |target| recipe.url_of("composer", "https://shop.test", &Order { handle: "x", target });
    assert_eq!(url(Some("/p/42?a=b")).unwrap(), "https://shop.test/p/42?a=b");
    assert_eq!(url(Some("https://shop.test/p/42")).unwrap(), "https://shop.test/p/42");
    for outside in [
        "https://evil.example/p/42",
        "//evil.example/p",
        "javascript:alert(1)",
        "http://shop.test/",
        "https://x@shop.test/",
    ] {
        assert_eq!(url(Some(outside)).unwrap_err().code(), "url-outside-origins", "{outside}");
    }
    assert_eq!(url(None).unwrap_err().code(), "recipe-missing-value");
}

#[test]
fn origins_of_this_machine_take_any_port() {
    let recipe = load_builtin("practice").unwrap();
    assert_eq!(recipe.base_origin(), None, "the account brings the port");
    assert!(recipe.allows_origin("http://127.0.0.1:41234"));
    assert!(!recipe.allows_origin("https://127.0.0.1:41234"));
    assert!(!recipe.allows_origin("http://127.0.0.2:80"));
    assert!(!recipe.allows_origin("null"));
    let url = recipe.url_of("feed", "http://127.0.0.1:41234", &order("north_star")).unwrap();
    assert_eq!(url, "http://127.0.0.1:41234/north_star/posts");
}

#[test]
fn the_objects_id_is_read_out_of_the_answer() {
    let recipe = load_builtin("practice").unwrap();
    let flow = recipe.flow("publish.post").unwrap();
    let id = flow.receipt.object_id.as_ref().unwrap();
    let read = |json: &str| id.read(&serde_json::from_str(json).unwrap());
    assert_eq!(read(r#"{"id": "p_1"}"#).as_deref(), Some("p_1"));
    assert_eq!(read(r#"{"id": 7}"#).as_deref(), Some("7"));
    for none in [r#"{"id": ""}"#, r#"{"id": null}"#, r#"{"id": 1.5}"#, r#"{"id": {}}"#, "[]", "{}"] {
        assert_eq!(read(none), None, "{none}");
    }
    assert_eq!(ObjectId::Response("no path".to_owned()).read(&serde_json::json!({})), None);
    assert!(flow.writes.iter().any(|write| write.matches("POST", "/api/posts")));
    assert!(!flow.writes.iter().any(|write| write.matches("POST", "/api/uploads")));
}

/// What stands in the file is what the engine gets, defaults included.
#[test]
fn defaults_are_those_of_the_language() {
    let recipe = good();
    let flow = recipe.flow("publish.post").unwrap();
    assert!(flow.content.text_required, "text is required when it has a limit");
    assert_eq!((flow.dedupe.look_back, flow.receipt.within_ms), (30, 20_000));
    assert_eq!((flow.verify.settle_s, flow.verify.reads_max), (20, 5));
    insta::assert_debug_snapshot!("model", Recipe { hash: "[hash]".to_owned(), ..recipe });
}

#[test]
fn a_flow_is_told_as_a_story() {
    let recipe = load_builtin("practice").unwrap();
    insta::assert_snapshot!("practice_story", explain(&recipe, "publish.post").unwrap());
    insta::assert_snapshot!("shop_story", explain(&good(), "publish.post").unwrap());
    assert_eq!(explain(&recipe, "publish.reel"), None);
}
