//! The part of the schema that says what happens in a flow.

use serde_json::{Value, json};

use super::{list, name, number, object, one_of_keys, reference, said, text, truth, with_one_of};

/// What an editor says about a flow's key.
pub(super) fn kind(action_type: &str) -> &'static str {
    match action_type {
        "publish.post" => "Publish a post.",
        "publish.reel" => "Publish a reel.",
        "publish.story" => "Publish a story.",
        "publish.short" => "Publish a short.",
        "publish.pin" => "Publish a pin.",
        "publish.group_post" => "Publish a post in a group.",
        "schedule" => "Schedule a post for later.",
        "edit" => "Change a post that is there.",
        "delete" => "Delete a post that is there.",
        "like" => "Like something.",
        "comment_reply" => "Answer a post or a comment.",
        "follow" => "Follow somebody.",
        "dm_send" => "Send a direct message.",
        _ => "An action of this platform.",
    }
}

pub(super) fn flow() -> Value {
    let mut flow = object(
        &["dedupe", "steps", "review", "commit", "writes", "receipt", "verify"],
        vec![
            ("content", "What an order may bring; checked before the browser opens.", content()),
            ("dedupe", "How it is found out that it is done already; then nothing is clicked.", dedupe()),
            ("steps", "The reversible steps, in order.", list(1, 50, reference("step"))),
            ("review", "What must stand on the page before the commit.", list(1, 50, review())),
            (
                "commit",
                "The one irreversible input.",
                object(&["click"], vec![("click", "The element that is clicked, once, with a permit.", name())]),
            ),
            (
                "writes",
                "The requests that the commit makes; the gate lets one of them through, once.",
                list(1, 10, write()),
            ),
            ("receipt", "What the page says right after the commit.", receipt()),
            ("verify", "How a fresh read-only session finds out what happened.", verify()),
        ],
    );
    flow["description"] =
        json!("One action: content, dedupe, steps, review, commit, writes, receipt, verify, in this order.");
    flow
}

fn content() -> Value {
    let media_type = json!({ "type": "string", "pattern": "^[a-z0-9+.-]+/[a-z0-9+.-]+$" });
    object(
        &[],
        vec![
            ("text_max", "Most characters of the text.", number(1, 1_000_000)),
            ("text_required", "Whether an order without text is refused; true when `text_max` is said.", truth()),
            ("title_max", "Most characters of the title.", number(1, 1_000_000)),
            ("title_required", "Whether an order without title is refused.", truth()),
            ("media_min", "Fewest media files.", number(0, 100)),
            ("media_max", "Most media files; 0 when it is not said.", number(0, 100)),
            ("media_bytes_max", "Greatest size of one file, in bytes.", number(1, 10_000_000_000)),
            ("media_types", "Types that are taken, by content, as in image/png.", list(1, 20, media_type)),
            ("aspect_min", "Least width divided by height of a picture or video.", ratio()),
            ("aspect_max", "Greatest width divided by height of a picture or video.", ratio()),
            ("pixels_min", "Least width and height of a picture or video, in pixels.", number(1, 32_768)),
            ("seconds_max", "Greatest length of a video, in seconds.", number(1, 86_400)),
            ("links", "What the platform makes of links: a note for people.", text()),
            ("target", "Whether an order must name what it aims at.", json!({ "enum": ["required", "none"] })),
        ],
    )
}

fn ratio() -> Value {
    json!({ "type": "number", "minimum": 0.01, "maximum": 100 })
}

fn dedupe() -> Value {
    let dedupe = object(
        &["on"],
        vec![
            ("on", "The surface on which it is looked for.", name()),
            ("same", "An entry of its list that is what the order brings.", reference("same")),
            ("state", "An element that says that it is done already.", reference("state")),
            ("gone", "Signs that the object is gone already.", reference("gone")),
            ("look_back", "How many of the newest entries are looked at; 30 when it is not said.", number(1, 500)),
        ],
    );
    with_one_of(dedupe, &["same", "state", "gone"])
}

pub(super) fn same() -> Value {
    object(
        &["text"],
        vec![
            ("text", "The text: \"{content.text}\".", text()),
            ("title", "The title: \"{content.title}\"; needs `items.title`.", text()),
            ("media", "Whether the number of media objects must be the same too.", truth()),
        ],
    )
}

pub(super) fn state() -> Value {
    let words = json!({ "enum": ["pressed", "not_pressed", "checked", "not_checked", "visible"] });
    let read = one_of_keys(vec![
        ("name", "Its accessible name is this.", text()),
        ("text", "Its visible text is this.", text()),
    ]);
    let mut state = object(
        &["element", "is"],
        vec![
            ("element", "What is looked at.", name()),
            ("is", "How it stands when it is done.", json!({ "anyOf": [words, read] })),
            ("compare", "How name or text is compared.", reference("compare")),
            (
                "unless",
                "For `visible`: what is there when it is not done, so that a page that did not load is not taken for it.",
                name(),
            ),
        ],
    );
    state["if"] = json!({ "properties": { "is": { "const": "visible" } }, "required": ["is"] });
    state["then"] = json!({ "required": ["unless"] });
    state
}

pub(super) fn gone() -> Value {
    let sign = one_of_keys(vec![
        ("status", "The page's HTTP status.", number(300, 599)),
        ("element", "Something visible that says so.", name()),
    ]);
    object(
        &["any", "unless"],
        vec![
            ("any", "Any of these says that it is gone.", list(1, 20, sign)),
            ("unless", "What is visible while it is still there.", name()),
        ],
    )
}

pub(super) fn step() -> Value {
    one_of_keys(vec![
        ("open", "Go to a surface.", name()),
        (
            "click",
            "Click an element; the click can be taken back. Or the same click again and again, until another element is there.",
            json!({ "anyOf": [name(), object(
                &["element", "until"],
                vec![
                    ("element", "What is clicked.", name()),
                    ("until", "What must be visible then; when it is there already, nothing is clicked.", name()),
                    ("times_max", "The greatest number of clicks; 12 when it is not said.", number(1, 60)),
                ],
            )] }),
        ),
        ("hover", "Move the pointer over an element: opens a menu that opens on hover.", name()),
        ("dismiss", "Click an element away, if it is there.", name()),
        (
            "type",
            "Put a text into a field or editor; what stands there is cleared first.",
            object(
                &["into", "text"],
                vec![("into", "The field.", name()), ("text", "The text: \"{content.text}\".", text())],
            ),
        ),
        ("upload", "Give the order's files to a file input, or to the file chooser that a button opens.", upload()),
        (
            "choose",
            "Choose an option of a native select.",
            object(
                &["from", "option"],
                vec![("from", "The select.", name()), ("option", "The option's label, else its value.", text())],
            ),
        ),
        (
            "toggle",
            "Bring a checkbox or switch to a state; nothing when it stands so already.",
            object(
                &["element", "on"],
                vec![("element", "The checkbox or switch.", name()), ("on", "Whether it is to be on.", truth())],
            ),
        ),
        ("press", "Press a key that commits nothing; Enter and Space are not in the language.", press()),
        ("scroll", "Bring an element into view, or go down page by page until it is there.", scroll()),
        (
            "wait_for",
            "Wait until an element is visible, or gone, or enabled.",
            json!({ "anyOf": [name(), with_one_of(object(
                &[],
                vec![
                    ("visible", "Wait until it is visible.", name()),
                    ("gone", "Wait until it is gone.", name()),
                    ("enabled", "Wait until it is enabled.", name()),
                    ("within_s", "The longest wait, in seconds, for what takes its time.", number(1, 1800)),
                ],
            ), &["visible", "gone", "enabled"])] }),
        ),
        (
            "read",
            "Read an element's text, for {read.NAME} in later steps.",
            object(&["element", "as"], vec![("element", "What is read.", name()), ("as", "The NAME.", name())]),
        ),
    ])
}

fn upload() -> Value {
    let upload = object(
        &["files"],
        vec![
            ("into", "The file input; it may be hidden.", name()),
            ("button", "The button that opens a file chooser.", name()),
            ("files", "The order's files.", json!({ "const": "{content.media}" })),
        ],
    );
    with_one_of(upload, &["into", "button"])
}

fn press() -> Value {
    let keys =
        ["Escape", "Tab", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"];
    object(
        &["key"],
        vec![
            ("key", "The key that is pressed.", json!({ "enum": keys })),
            ("on", "The element that is focused first.", name()),
        ],
    )
}

fn scroll() -> Value {
    let mut scroll = object(
        &[],
        vec![
            ("to", "Bring this element into view.", name()),
            ("until", "Go down page by page until this element is there.", name()),
            ("times_max", "Most pages.", number(1, 200)),
            ("in", "The list that is scrolled; without it, the page.", name()),
        ],
    );
    scroll["dependentRequired"] = json!({ "times_max": ["until"], "in": ["until"] });
    with_one_of(scroll, &["to", "until"])
}

fn review() -> Value {
    let review = object(
        &["element"],
        vec![
            ("element", "Where it stands.", name()),
            ("equals", "Its text or value must be this.", text()),
            ("count", "As many of it must be visible as the order has files.", json!({ "const": "{content.media}" })),
            ("compare", "How the two are compared.", reference("compare")),
        ],
    );
    with_one_of(review, &["equals", "count"])
}

fn write() -> Value {
    let pattern = json!({ "type": "string", "pattern": "^(POST|PUT|PATCH|DELETE) /[^\\s?#]*$" });
    let with_more = object(
        &["request"],
        vec![
            ("request", "Method and path; `*` is any run of characters.", pattern.clone()),
            ("body", "The request's body contains this.", text()),
            ("query", "The URL's query contains this.", text()),
        ],
    );
    said("A request that the commit makes: POST /api/posts.", json!({ "anyOf": [pattern, with_more] }))
}

fn receipt() -> Value {
    let sign = one_of_keys(vec![
        ("toast", "A text in a status or alert region, upper or lower case.", text()),
        ("url", "The page's path, as in \"/p/{object_id}\".", json!({ "type": "string", "pattern": "^/" })),
        ("element", "An element that is visible.", name()),
    ]);
    let object_id = one_of_keys(vec![(
        "response",
        "A path into the JSON of the write's response, as in $.data.id.",
        json!({ "type": "string", "pattern": "^\\$" }),
    )]);
    object(
        &["any"],
        vec![
            ("any", "Any of these is a receipt.", list(1, 20, sign)),
            ("object_id", "Where the object's id is read.", object_id),
            (
                "within_ms",
                "How long it is waited for, in milliseconds; 20000 when it is not said.",
                number(100, 120_000),
            ),
        ],
    )
}

fn verify() -> Value {
    let verify = object(
        &["on"],
        vec![
            ("on", "The surface on which it is looked for.", name()),
            ("same", "An entry of its list that is what the order brought.", reference("same")),
            ("state", "An element that says that it is done.", reference("state")),
            ("gone", "Signs that the object is gone.", reference("gone")),
            ("author", "Who must have written it, compared as a handle.", text()),
            (
                "settle_s",
                "How long the platform may take to show it, in seconds; 20 when it is not said.",
                number(0, 3_600),
            ),
            ("permalink", "The element that leads to the object's own page; without it, the entry's own link.", name()),
            ("engagement", "What the object's own page must show for level 3.", name()),
            ("reads_max", "Most reads before a person is asked; 5 when it is not said.", number(2, 50)),
            (
                "review_s",
                "The first pause before what waits for the platform's review is looked at again, in seconds; it doubles; 60 when it is not said.",
                number(1, 86_400),
            ),
            (
                "reviews_max",
                "Most looks at what waits for the platform's review before a person is told; 16 when it is not said.",
                number(1, 100),
            ),
        ],
    );
    with_one_of(verify, &["same", "state", "gone"])
}
