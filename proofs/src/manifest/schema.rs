//! The manifest's format as a JSON Schema (draft 2020-12), for whoever reads manifests with a program; its file is
//! `schema/manifest.schema.json`. It says the shape; what a manifest may not say beyond it is
//! [`Manifest::check`](super::Manifest::check)'s.

use serde_json::{Map, Value, json};

use super::{MANIFEST_VERSION, MANIFEST_VERSION_OLDEST};

/// A field: its name, what it says, its schema.
type Field = (&'static str, &'static str, Value);

/// The JSON Schema of `manifest.json`, as one JSON document with a line break at its end.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", whole())
}

fn whole() -> Value {
    let mut root = object(
        &[
            (
                "version",
                "The version of the format.",
                json!({ "type": "integer", "minimum": MANIFEST_VERSION_OLDEST, "maximum": MANIFEST_VERSION }),
            ),
            ("action", "Which action this is about.", reference("action")),
            ("intent", "What was ordered, and under which rules.", reference("intent")),
            ("outcome", "What became of it.", reference("outcome")),
            ("verification", "Every look at the destination after the commit, in order.", list(reference("read"))),
            ("steps", "Every step, in order.", list(reference("step"))),
            ("artifacts", "Every piece of evidence, in the order of keeping.", list(reference("artifact"))),
            ("audit", "The audit events of the episode, in order.", list(reference("event"))),
            ("tool", "What carried it out.", reference("tool")),
            (
                "pacing_seed",
                "The seed of the pacing of the inputs; 0 when unpaced.",
                json!({ "type": "integer", "minimum": 0 }),
            ),
        ],
        &[
            (
                "dedupe",
                "What the look for the same content found, before anything was composed. Since version 2.",
                reference("dedupe"),
            ),
            ("commit_target", "The element that the commit was aimed at.", reference("target")),
            ("receipt", "What the platform said right after the commit.", reference("receipt")),
            ("identity", "How the account was proved.", reference("identity")),
            (
                "redactions",
                "Places of the evidence that were made unreadable. Since version 2.",
                list(reference("redaction")),
            ),
            ("recordings", "Recordings of the episode. Since version 2.", list(reference("recording"))),
            ("signer", "The id of the key that signs this manifest. Since version 2.", hash()),
        ],
    );
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!("A manifest of Deed"));
        root.insert(
            "description".to_owned(),
            json!("Everything that is claimed about one episode, with every piece of evidence by hash. The format is described in docs/proofs.md."),
        );
        root.insert("$defs".to_owned(), definitions());
    }
    root
}

fn definitions() -> Value {
    json!({
        "action": object(
            &[
                ("action_id", "The action.", text()),
                ("episode_id", "The execution attempt; also the name of the episode's folder.", json!({ "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$" })),
                ("client_id", "The client that ordered it.", text()),
                ("platform", "The platform's name.", text()),
                ("account_id", "The platform account.", text()),
                ("handle", "The account's handle on the platform.", text()),
                ("lane", "How it was carried out.", json!({ "enum": ["api", "browser", "hybrid"] })),
                ("action_type", "What kind of action it is, e.g. publish.post.", text()),
                ("idempotency_key", "The key under which the order can be repeated without being carried out twice.", text()),
            ],
            &[],
        ),
        "intent": object(
            &[
                ("payload_hash", "Of the canonical payload of the order.", hash()),
                ("content_hash", "Of the content alone.", hash()),
                ("recipe", "The recipe that was followed.", object(
                    &[
                        ("platform", "The platform's name.", text()),
                        ("number", "The recipe's number.", number()),
                        ("hash", "Of the recipe's file.", hash()),
                    ],
                    &[],
                )),
                ("policy_snapshot_id", "The snapshot of the policies that were checked.", text()),
            ],
            &[("approvals", "The approvals that counted. Since version 2.", list(reference("approval")))],
        ),
        "approval": object(
            &[
                ("approver", "Who approved.", text()),
                ("revision", "Which request of approval.", number()),
                ("binding", "What it is bound to: content, payload, account, recipe, action type and target, as one hash.", hash()),
                ("at", "When, by the approver's clock.", time()),
                ("statement", "The bytes that were signed.", text()),
                ("signature", "The ed25519 signature over them, base64.", text()),
                ("public_key", "The approver's key.", json!({ "type": "string", "pattern": "^ed25519:[A-Za-z0-9+/]{43}=$" })),
            ],
            &[],
        ),
        "outcome": object(
            &[
                ("state", "The state of the action, e.g. confirmed_success.", text()),
                ("proof_level", "0 queued, 1 attempted, 2 the object exists, 3 permalink stored and engagement surface seen.", json!({ "type": "integer", "minimum": 0, "maximum": 3 })),
            ],
            &[
                ("error_code", "Why it failed, as a stable code.", text()),
                ("hold", "Why it waits.", object(
                    &[("reason", "The reason as a stable code.", text()), ("detail", "The reason in words.", text())],
                    &[("until", "When it ends by itself.", time())],
                )),
                ("platform_object_id", "The platform's own name of the object.", text()),
                ("permalink", "Where the object can be seen.", text()),
                ("visibility", "Who can see it, e.g. public.", text()),
            ],
        ),
        "dedupe": object(
            &[
                ("at", "When.", time()),
                ("compared", "How many entries of the destination were compared.", number()),
                ("duplicate", "Whether it was there already: then nothing was pressed.", truth()),
                ("note", "What was found, in words.", text()),
            ],
            &[("permalink", "Where the one that was found can be seen.", text())],
        ),
        "target": object(
            &[
                ("element", "The element's name in the recipe.", text()),
                ("agreed", "The locators that named this very node.", list(text())),
                ("dissent", "The locators that named another or none.", list(text())),
                ("url", "The page on which it stood.", text()),
                ("rect", "Where it stood, in CSS pixels of the viewport.", rectangle()),
                ("point", "Where it was pressed, in CSS pixels of the viewport.", object(
                    &[("x", "From the left edge.", float()), ("y", "From the top edge.", float())],
                    &[],
                )),
            ],
            &[
                ("picture", "The picture of the page before the press with the element and the point marked. Since version 2.", hash()),
                ("pressed_at", "When it was pressed; absent when it never was.", time()),
            ],
        ),
        "receipt": object(
            &[
                ("sign", "The sign that was seen, in words.", text()),
                ("requests", "The write requests that the page tried, in order.", list(object(
                    &[
                        ("method", "The HTTP method.", text()),
                        ("path", "The path, without query.", text()),
                        ("gate", "Whether it passed.", json!({ "enum": ["let_through", "blocked"] })),
                    ],
                    &[("status", "The status of its response.", status())],
                ))),
            ],
            &[
                ("http_status", "The status of the write's response.", status()),
                ("object_id", "The object that the response named.", text()),
            ],
        ),
        "read": object(
            &[
                ("read", "Its number, from 1.", number()),
                ("at", "When.", time()),
                ("found", "What was found.", json!({ "enum": ["present", "absent", "pending", "unreadable"] })),
                ("note", "What was seen, in words.", text()),
                ("session", "Which session looked.", text()),
            ],
            &[],
        ),
        "step": object(
            &[
                ("index", "Its place, from 0.", number()),
                ("phase", "The phase it belongs to, e.g. identity.", text()),
                ("name", "Its name.", text()),
                ("at", "When it ended.", time()),
                ("checks", "What was checked.", list(reference("check"))),
                ("artifacts", "The evidence taken at its end.", list(hash())),
            ],
            &[("url", "The page on which it ended.", text())],
        ),
        "check": object(
            &[
                ("name", "What was checked.", text()),
                ("passed", "Whether it held.", truth()),
                ("expected", "What had to be.", text()),
                ("seen", "What was.", text()),
                ("note", "Anything else, in words.", text()),
            ],
            &[],
        ),
        "artifact": object(
            &[
                ("sha256", "The hash of its content, which is also its address in the store.", hash()),
                ("kind", "What it is, e.g. screenshot.", text()),
                ("step", "The name of the step at whose end it was taken.", text()),
                ("phase", "The phase to which the step belongs.", text()),
                ("media_type", "Its media type.", text()),
                ("bytes", "Its size in bytes.", number()),
                ("at", "When it was taken.", time()),
            ],
            &[("dom", "The three hashes of a document.", object(
                &[
                    ("raw", "Of its bytes.", hash()),
                    ("structure", "Of its canonical form.", hash()),
                    ("sketch", "A sketch by which similar pages are near each other.", digits16()),
                ],
                &[],
            ))],
        ),
        "event": object(
            &[
                ("event_id", "The event.", text()),
                ("at", "When.", time()),
                ("status", "The state that it brought.", text()),
                ("hash", "Its hash in the chain.", text()),
            ],
            &[],
        ),
        "identity": object(
            &[
                ("fingerprint", "What was stored of the account when it was added.", object(
                    &[("handle", "The handle.", text())],
                    &[
                        ("display_name", "The name that the platform displays.", text()),
                        ("avatar_hash", "The hash of the avatar.", digits16()),
                    ],
                )),
                ("votes", "The votes: handle, avatar or name, account switcher.", list(reference("check"))),
                ("ok", "Whether at least two of three agreed and none spoke against it.", truth()),
            ],
            &[
                ("at", "When it was looked at. Since version 2.", time()),
                ("evidence", "What was seen: pictures and documents of the look. Since version 2.", list(hash())),
            ],
        ),
        "tool": object(
            &[
                ("name", "The program's name.", text()),
                ("version", "Its version.", text()),
                ("browser", "The browser and its version.", text()),
            ],
            &[("worker", "The worker that carried it out, or looked last. Since version 2.", text())],
        ),
        "redaction": object(
            &[
                ("sha256", "The piece of evidence, as it was kept.", hash()),
                ("kind", "What kind of thing it is: message, email, phone, name, other; secret: a field that is never read.", text()),
                ("region", "Where: in a picture a rectangle in CSS pixels, in a document a CSS path.", json!({ "oneOf": [rectangle(), text()] })),
                ("commitment", "SHA-256 of a salt followed by what stood there.", hash()),
            ],
            &[],
        ),
        "recording": object(
            &[
                ("sha256", "The recording.", hash()),
                ("media_type", "Its media type.", text()),
                ("frames", "How many frames.", number()),
                ("duration_ms", "How long, in milliseconds.", number()),
            ],
            &[("commit_at_ms", "When in it the commit was pressed, in milliseconds.", number())],
        ),
    })
}

fn rectangle() -> Value {
    let fields = [
        ("x", "From the left edge.", float()),
        ("y", "From the top edge.", float()),
        ("width", "Its width.", float()),
        ("height", "Its height.", float()),
    ];
    object(&fields, &[])
}

fn object(required: &[Field], optional: &[Field]) -> Value {
    let names: Vec<_> = required.iter().map(|(name, _, _)| *name).collect();
    let said = |(name, words, schema): &Field| {
        let mut schema = schema.clone();
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), json!(words));
        }
        ((*name).to_owned(), schema)
    };
    let properties: Map<String, Value> = required.iter().chain(optional).map(said).collect();
    json!({ "type": "object", "additionalProperties": false, "required": names, "properties": properties })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn hash() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
}

fn digits16() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn status() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 65_535 })
}

fn float() -> Value {
    json!({ "type": "number" })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}
