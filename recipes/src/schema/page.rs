//! The part of the schema that says what stands on the platform's pages: surfaces, elements, identity, challenges.

use serde_json::{Value, json};

use super::{list, name, number, object, one_of_keys, reference, text, truth};
use crate::aria::ROLES;

pub(super) fn surface() -> Value {
    object(
        &["url"],
        vec![
            ("url", "A path below the account's origin, a whole URL within `origins`, or \"{target}\".", text()),
            ("landmarks", "Elements that must be there, and stand where the baseline says.", list(1, 50, name())),
            ("ready", "An element that says that the page has loaded, when landmarks do not.", name()),
            ("items", "How one entry of the page's list is read; all but `each` look inside one entry.", items()),
        ],
    )
}

fn items() -> Value {
    object(
        &["each", "text"],
        vec![
            ("each", "CSS of one entry.", text()),
            ("text", "CSS of its text.", text()),
            ("title", "CSS of its title.", text()),
            ("author", "CSS of its author's handle or name.", text()),
            ("media", "CSS with one match for each media object.", text()),
            ("time", "CSS of an element with `datetime`, or whose text is an RFC 3339 time.", text()),
            ("permalink", "CSS of the link to the entry's own page.", text()),
            ("pending", "CSS of what is there while the entry waits for moderation.", text()),
            (
                "id_attribute",
                "The attribute of `each` that names the object.",
                json!({ "type": "string", "pattern": "^[A-Za-z0-9_:-]+$" }),
            ),
            ("scrolls", "Whether more entries come as the page is scrolled.", truth()),
        ],
    )
}

pub(super) fn element() -> Value {
    list(1, 10, reference("locator"))
}

pub(super) fn locator() -> Value {
    one_of_keys(vec![
        (
            "role",
            "A WAI-ARIA role and its accessible name: { button: \"Post\" }; ~ for any name.",
            json!({
                "type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": { "enum": ROLES },
                "additionalProperties": { "type": ["string", "null"], "minLength": 1, "maxLength": 1000, "pattern": "\\S" },
            }),
        ),
        ("label", "A form control by its label.", text()),
        ("text", "The smallest element whose visible text is this.", text()),
        ("css", "A CSS selector.", text()),
        (
            "xpath",
            "An XPath expression, which begins with `/`, `.` or `(`.",
            json!({ "type": "string", "pattern": "^[/.(]", "maxLength": 1000 }),
        ),
        ("testid", "data-testid, data-test-id or data-test.", text()),
        (
            "one_of",
            "One of many alike, by its whole visible text, in which the order's time may stand: { css: \".day\", text: \"{content.scheduled_at|D}\" }.",
            object(
                &["css", "text"],
                vec![("css", "CSS of the many.", text()), ("text", "The text of the one that is meant.", text())],
            ),
        ),
        ("near", "A place beside another element: { below: editor, text: \"Post\" }.", near()),
    ])
}

fn near() -> Value {
    let mut near = object(
        &["text"],
        vec![
            ("text", "The visible text or accessible name of the wanted element.", text()),
            ("below", "It lies under this element.", name()),
            ("above", "It lies over this element.", name()),
            ("left_of", "It lies left of this element.", name()),
            ("right_of", "It lies right of this element.", name()),
            ("inside", "It lies within this element.", name()),
        ],
    );
    near["minProperties"] = json!(2);
    near["maxProperties"] = json!(2);
    near
}

pub(super) fn identity() -> Value {
    let signal = || {
        object(
            &["element", "equals"],
            vec![
                ("element", "Where it stands.", name()),
                ("equals", "What it must be: \"{account.handle}\" or \"{account.display_name}\" in it.", text()),
                ("compare", "How the two are compared.", reference("compare")),
            ],
        )
    };
    let avatar = object(
        &["element", "image_like"],
        vec![
            ("element", "Where the picture stands.", name()),
            ("image_like", "The stored picture.", json!({ "const": "{account.avatar_hash}" })),
            ("distance_max", "How many of 64 bits may differ; 8 when it is not said.", number(0, 20)),
        ],
    );
    let switcher = object(
        &["element", "selected"],
        vec![
            ("element", "What is looked at, or clicked with `open: true`.", name()),
            ("open", "Click it first, and press Escape afterwards.", truth()),
            ("item", "The entry that is marked as the current one; without it, `element` itself.", name()),
            ("selected", "What it must be, compared as a handle.", text()),
        ],
    );
    let marker = one_of_keys(vec![
        ("cookie", "The name of the cookie whose value says who the session is.", text()),
        (
            "attribute",
            "An attribute that every page has and that says who the session is.",
            object(
                &["css", "name"],
                vec![
                    ("css", "CSS of the element.", text()),
                    ("name", "The attribute.", json!({ "type": "string", "pattern": "^[A-Za-z0-9_:-]+$" })),
                ],
            ),
        ),
    ]);
    object(
        &["on"],
        vec![
            ("on", "The surface on which the signals are read.", name()),
            ("own", "Something that only the account's owner sees there.", name()),
            ("handle", "The handle on the page.", signal()),
            ("name", "The display name on the page; counts together with the avatar as one signal.", signal()),
            ("avatar", "The picture on the page.", avatar),
            ("switcher", "The menu that says which of the connected accounts is the current one.", switcher),
            ("marker", "What the session says of itself; must not change between identity and press.", marker),
        ],
    )
}

pub(super) fn challenges() -> Value {
    let detector = || {
        one_of_keys(vec![
            ("css", "Something visible, by CSS.", text()),
            ("text", "Visible words, upper or lower case; {seconds} in them reads a waiting time.", text()),
            ("url", "A glob over the page's path, as in \"/login*\".", json!({ "type": "string", "pattern": "^[/*]" })),
            ("status", "The HTTP status of the page or of one of its requests.", number(300, 599)),
        ])
    };
    let kind = || object(&["any"], vec![("any", "Any of these is enough.", list(1, 50, detector()))]);
    let mut challenges = object(
        &[],
        vec![
            ("captcha", "A person must prove to be one. Deed stops; it never solves it.", kind()),
            ("checkpoint", "\"Confirm that it is you\". Deed stops.", kind()),
            ("logged_out", "The session is signed out. Deed stops; it never signs in.", kind()),
            ("suspicious", "\"Suspicious activity\" and the like. Deed stops.", kind()),
            ("rate_limit", "Too many requests. The action waits for the time that is named.", kind()),
        ],
    );
    challenges["minProperties"] = json!(1);
    challenges
}
