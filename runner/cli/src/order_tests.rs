#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use super::*;

const GOOD: &str =
    r#"{"platform":"practice","account":"north_star","action":"publish.post","content":{"text":"Rye today"}}"#;

fn error(text: &str) -> String {
    let error = parse("order.json", text).unwrap_err();
    format!("{} | {} | {}", error.place().unwrap(), error, error.help())
}

fn png() -> Vec<u8> {
    let mut bytes = io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(2, 2, image::Rgb([9, 9, 9])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn order(folder: &Path, media: &[&str]) -> Order {
    let mut file = parse("order.json", GOOD).unwrap();
    file.content.media = media.iter().map(PathBuf::from).collect();
    Order::from_parts("order.json", file, folder)
}

#[test]
fn the_smallest_order_is_enough() {
    let file = parse("order.json", GOOD).unwrap();
    assert_eq!((file.content.text.as_str(), file.client, file.idempotency_key), ("Rye today", None, None));
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest_one() {
    let text = "{\"platform\":\"practice\",\n \"acount\":\"north_star\"}";
    let found = error(text);
    assert!(found.starts_with("order.json:2:9 | unknown field `acount`"), "{found}");
    assert!(found.ends_with("did you mean `account`?"), "{found}");
    let text = GOOD.replace("\"text\"", "\"txt\"");
    assert!(error(&text).ends_with("did you mean `text`?"), "{}", error(&text));
}

#[test]
fn what_is_missing_double_or_of_another_kind_is_named() {
    assert!(error("{\"platform\":\"practice\",\"account\":\"a\"}").contains("missing field `action`"));
    assert!(error("{\"platform\":\"a\",\n\"platform\":\"b\"}").starts_with("order.json:2:"));
    assert!(error("{\"platform\":3}").contains("invalid type: integer `3`"));
    assert!(error("{\"platform\":").contains("EOF"));
    assert!(error(&GOOD.replace("north_star", " ")).contains("`account` is empty"));
    assert!(error(&format!("{GOOD} x")).contains("trailing characters"));
}

#[test]
fn experiments_belong_to_publishing_and_a_key_is_not_empty() {
    let with = |key: &str, action: &str| {
        GOOD.replace("publish.post", action).replace("\"content\"", &format!("{key},\"content\""))
    };
    assert!(parse("o", &with("\"experiment_id\":\"e\",\"variant_id\":\"v\"", "publish.post")).is_ok());
    assert!(error(&with("\"experiment_id\":\"e\"", "like.post")).contains("belong to publish actions"));
    assert!(error(&with("\"idempotency_key\":\"\"", "publish.post")).contains("`idempotency_key` is empty"));
}

#[test]
fn media_are_looked_at_by_content_and_kept_by_hash() {
    let dir = tempfile::tempdir().unwrap();
    // A wrong ending tells nothing.
    std::fs::write(dir.path().join("bread.jpg"), png()).unwrap();
    let kept = dir.path().join("kept");
    let order = order(dir.path(), &["bread.jpg"]);
    let payload = order.payload(&kept).unwrap();
    let media = &payload.content.media[0];
    assert_eq!((media.media_type.as_str(), media.sha256), ("image/png", Sha256::of(&png())));
    assert_eq!(check_media(&payload).unwrap_err().to_string(), "the kept media file is missing");
    order.keep_media(&payload).unwrap();
    assert!(media.path.ends_with("/bread.jpg"));
    check_media(&payload).unwrap();

    std::fs::write(&media.path, b"something else").unwrap();
    assert_eq!(check_media(&payload).unwrap_err().code(), "media-changed");
    order.keep_media(&payload).unwrap();
    check_media(&payload).unwrap();
}

#[test]
fn media_that_are_missing_or_no_pictures_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("words.png"), b"hello").unwrap();
    let code = |name: &str| order(dir.path(), &[name]).payload(dir.path()).unwrap_err().code();
    assert_eq!(code("none.png"), "order-media");
    assert_eq!(code("."), "order-media");
    assert_eq!(code("words.png"), "picture-format");
}
