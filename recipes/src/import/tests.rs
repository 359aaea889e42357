#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use serde_json::{Value, json};

use super::*;
use crate::{Code, check_str};

/// As the Recorder panel exports it.
const RECORDING: &str = include_str!("../../tests/recordings/post.json");

fn draft(recording: &Value) -> Draft {
    import_recording(recording.to_string().as_bytes(), Some("shop")).unwrap()
}

fn steps(more: Value) -> Value {
    let mut steps = vec![json!({ "type": "navigate", "url": "https://shop.test/compose" })];
    steps.extend(more.as_array().unwrap().iter().cloned());
    steps.push(json!({ "type": "click", "selectors": [["aria/Post"], ["#post"]], "offsetX": 1, "offsetY": 1 }));
    json!({ "title": "t", "steps": steps })
}

#[test]
fn a_recording_becomes_a_draft() {
    let draft = import_recording(RECORDING.as_bytes(), None).unwrap();
    assert_eq!(draft.platform, "shop");
    insta::assert_snapshot!(draft.text);
    insta::assert_snapshot!("notes", draft.notes.join("\n"));
}

#[test]
fn a_draft_lacks_only_what_a_person_must_fill_in() {
    let draft = import_recording(RECORDING.as_bytes(), None).unwrap();
    let found = check_str("recipe.yaml", &draft.text);
    assert!(found.list().iter().all(|one| one.code == Code::Unfilled), "{found}");
    for word in ["TODO_COMMIT", "TODO_HANDLE_TESTID", "TODO_PROFILE_PATH", "TODO_WRITE_PATH", "TODO_DATE"] {
        assert!(found.list().iter().any(|one| one.message.contains(&format!("`{word}`"))), "{word} is not named");
    }
}

#[test]
fn the_last_click_is_offered_and_never_taken() {
    let text = draft(&steps(json!([]))).text;
    assert!(text.contains("  # post:\n  #   - text: \"Post\"\n  #   - css: \"#post\"\n"), "{text}");
    assert!(text.contains("commit: { click: TODO_COMMIT }") && !text.contains("\n  post:"), "{text}");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    assert!(lines.clone().all(|line| !line.contains("Post")), "{text}");
}

#[test]
fn nothing_that_was_typed_is_kept() {
    let secret = "Our secret launch is on Friday";
    let recording = steps(json!([
        { "type": "change", "value": "hunter2-and-more", "selectors": [["aria/Password"], ["#pw"]] },
        { "type": "change", "value": "123", "selectors": [["input[type='password']"]] },
        { "type": "change", "value": secret, "selectors": [[format!("text/{secret}")], ["aria/Our secret"], ["#editor"]] },
        { "type": "click", "selectors": [[format!("aria/{secret}, draft")], [format!("[title='{secret}']")], [".save"]] },
        { "type": "keyDown", "key": "s" }, { "type": "keyUp", "key": "s" },
        { "type": "navigate", "url": "https://ann:letmein@shop.test/compose?token=abc#frag" },
    ]));
    let draft = draft(&recording);
    let all = format!("{}\n{}", draft.text, draft.notes.join("\n"));
    for word in ["hunter2", "secret", "123", "letmein", "abc", "frag", "Friday"] {
        assert!(!all.contains(word), "{word} is in\n{all}");
    }
    assert!(all.contains("# 30 characters were typed here") && !all.contains("16 characters"), "{all}");
    assert_eq!(draft.text.matches("- type:").count(), 1, "a password is no step: {all}");
}

#[test]
fn selectors_become_locators_of_the_language() {
    let line = |selectors: Value| {
        let text = draft(&steps(json!([{ "type": "click", "selectors": selectors }]))).text;
        let from = text.find("# Elements of the recording").unwrap();
        let to = text.find("# The recording's last click").unwrap();
        let lines: Vec<&str> = text[from..to].lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join(" ")
    };
    assert_eq!(line(json!([["aria/Save[role=\"button\"]"]])), "save: - role: { button: \"Save\" }");
    assert_eq!(
        line(json!([["aria/Save"], ["div > button"]])),
        "save: - role: { button: \"Save\" } - css: \"div > button\""
    );
    assert_eq!(line(json!([["aria/Save"], ["nav a.x"]])), "save: - role: { link: \"Save\" } - css: \"nav a.x\"");
    assert_eq!(
        line(json!(["[data-testid='save-it']", "pierce/[data-testid='save-it']"])),
        "save_it: - testid: \"save-it\""
    );
    assert_eq!(line(json!([["my-host", "button.save"]])), "element: - css: \"button.save\"");
    assert_eq!(line(json!([["xpath///*[@id=\"save\"]"]])), "element: - xpath: \"//*[@id=\\\"save\\\"]\"");
    assert_eq!(
        line(json!([["my-host", "xpath///b"], ["text/Save \"all\""]])),
        "save_all: - text: \"Save \\\"all\\\"\""
    );
    assert_eq!(
        line(json!([["aria/Save[role=\"button\"]"], ["text/Save"]])),
        "save: - role: { button: \"Save\" }",
        "one voter"
    );
    assert_eq!(
        line(json!([["p..x"], ["xpath/["], ["aria/[role=\"button\"]"]])),
        "",
        "what can not be said is left out"
    );
}

#[test]
fn every_kind_of_step_is_taken_or_told() {
    let on = json!([["#a"]]);
    let draft = draft(&steps(json!([
        { "type": "setViewport", "width": 1280, "height": 800 },
        { "type": "hover", "selectors": on }, { "type": "scroll", "selectors": on }, { "type": "scroll", "x": 0, "y": 200 },
        { "type": "waitForElement", "selectors": on }, { "type": "waitForElement", "selectors": on, "count": 0, "operator": "==" },
        { "type": "keyDown", "key": "Escape" }, { "type": "keyUp", "key": "Escape" }, { "type": "keyDown", "key": "Enter" },
        { "type": "doubleClick", "selectors": on }, { "type": "click", "button": "secondary", "selectors": on },
        { "type": "change", "value": "C:\\fakepath\\bread.png", "selectors": [["#file"]] },
        { "type": "change", "value": "public", "selectors": [["form > select"]] },
        { "type": "waitForExpression", "expression": "steal()" }, { "type": "somethingNew" },
    ])));
    let text = &draft.text;
    for line in [
        "- hover: a\n",
        "- scroll: { to: a }\n",
        "- wait_for: a\n",
        "- wait_for: { gone: a }\n",
        "- press: { key: Escape }\n",
        "# Enter or Space was pressed here",
        "# a double click was recorded here",
        "# a click with another mouse button",
        "- upload: { into: file, files: \"{content.media}\" }",
        "count: \"{content.media}\"",
        "- choose: { from: element, option: TODO_OPTION_TEXT }",
        "# a wait for a script's expression",
        "# a step that this version does not know",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("steal") && !text.contains("bread") && !text.contains("public\""), "{text}");
    assert!(draft.notes.len() >= 4, "{:?}", draft.notes);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let marked = format!("\u{feff}{RECORDING}");
    let (plain, marked) = (import_recording(RECORDING.as_bytes(), None), import_recording(marked.as_bytes(), None));
    assert_eq!(marked.unwrap().text, plain.unwrap().text);
}

#[test]
fn what_is_no_recording_is_refused_with_its_code() {
    let code = |text: &str| import_recording(text.as_bytes(), None).unwrap_err().code();
    assert_eq!(code("hello"), "recording-not-json");
    assert_eq!(code(""), "recording-not-json");
    for text in [
        "[]",
        "{}",
        "{\"steps\":3}",
        "{\"steps\":[{}]}",
        "{\"log\":{\"entries\":[]}}",
        "{\"steps\":[{\"type\":\"click\"}]}",
    ] {
        assert_eq!(code(text), "recording-invalid", "{text}");
    }
    for text in [
        "{\"steps\":[]}",
        "{\"steps\":[{\"type\":\"navigate\",\"url\":\"chrome://newtab/\"}]}",
        "{\"steps\":[{\"type\":\"navigate\",\"url\":\"https://shop.test/\"}]}",
    ] {
        assert_eq!(code(text), "recording-empty", "{text}");
    }
    let many = json!({ "steps": vec![json!({ "type": "keyUp" }); STEPS_MAX + 1] }).to_string();
    assert_eq!(code(&many), "recording-too-large");
    assert_eq!(code(&" ".repeat(RECORDING_BYTES_MAX + 1)), "recording-too-large");
    let by_number = steps(json!([])).to_string().replace("shop.test", "127.0.0.1");
    assert_eq!(code(&by_number), "recording-platform");
    assert_eq!(import_recording(RECORDING.as_bytes(), Some("../x")).unwrap_err().code(), "recording-platform");
}
