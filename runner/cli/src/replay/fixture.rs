//! `fixture.yaml`: the account, the order and the routes of a scenario.
//!
//! Owns the schema and everything that can be said before a browser is there: bodies are read, edits are made, names are checked.
//! Never plays anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deed_chromium::network::Response;
use deed_core::account::Fingerprint;
use deed_proofs::ImageHash;
use deed_recipes::Code;
use deed_recipes::closed::{self, Fields, Node, Sink, Value, list, map, number, text, truth, wrong_type};
use serde_json::json;

use crate::error::CliError;
use crate::order::{self, OrderFile};
use crate::replay::error::FixtureError;
use crate::replay::har;
use crate::replay::route::{Fill, Pattern, Route, Words, media_type};

/// The file's name within a scenario.
pub const FILE_NAME: &str = "fixture.yaml";
/// How deep files may take keys over from files.
const USES_MAX: usize = 4;
/// Largest YAML file, in bytes.
const YAML_BYTES_MAX: u64 = 1024 * 1024;
/// Largest body, in bytes.
const BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most routes of a file.
const ROUTES_MAX: usize = 500;
/// Longest delay of an answer.
const DELAY_MS_MAX: u64 = 20_000;

const KEYS: [&str; 7] = ["uses", "recipe", "account", "order", "scene", "har", "routes"];
const ACCOUNT_KEYS: [&str; 6] = ["handle", "display_name", "avatar", "origin", "cookies", "local_storage"];
const COOKIE_KEYS: [&str; 6] = ["name", "value", "domain", "path", "secure", "http_only"];
const ORDER_KEYS: [&str; 3] = ["action_type", "content", "target"];
const ROUTE_KEYS: [&str; 11] =
    ["on", "scene", "has", "goes_to", "body", "json", "text", "edit", "status", "headers", "delay_ms"];

/// A scenario, read and checked.
#[derive(Debug)]
pub struct Fixture {
    /// Names the recipe.
    pub recipe: String,
    /// As whom.
    pub account: Account,
    /// What.
    pub order: OrderFile,
    /// What relative media paths of the order count from.
    pub order_folder: PathBuf,
    /// The order's title, where its action type has one.
    pub title: Option<String>,
    /// The first scene.
    pub scene: String,
    /// In the order in which they are tried.
    pub routes: Vec<Route>,
}

/// The account of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Its handle.
    pub handle: String,
    /// Its display name.
    pub display_name: Option<String>,
    /// The picture whose hash is in its fingerprint.
    pub avatar: Option<PathBuf>,
    /// The platform's origin for it.
    pub origin: Option<String>,
    /// The session, as a storage state.
    pub storage_state: String,
}

impl Account {
    /// What proves it: handle, name and the hash of its picture.
    ///
    /// # Errors
    /// The picture can not be read, or is none.
    pub fn fingerprint(&self) -> Result<Fingerprint, CliError> {
        let avatar = match &self.avatar {
            Some(path) => {
                let bytes = fs::read(path).map_err(CliError::file("read the avatar", path))?;
                Some(ImageHash::of(&bytes).map_err(|source| CliError::Picture { path: path.clone(), source })?)
            }
            None => None,
        };
        Ok(Fingerprint { handle: self.handle.clone(), display_name: self.display_name.clone(), avatar })
    }
}

impl Fixture {
    /// What placeholders of bodies stand for.
    pub fn words(&self) -> Words {
        let known = [
            ("account.handle", Some(self.account.handle.clone())),
            ("account.display_name", self.account.display_name.clone()),
            ("order.text", Some(self.order.content.text.clone())),
            ("order.title", self.title.clone()),
            ("order.target", self.order.target.clone()),
        ];
        Words { known: known.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect() }
    }

    /// The longest way that answers of it can take.
    pub fn slowest(&self) -> Duration {
        self.routes.iter().map(|r| r.delay).max().unwrap_or_default()
    }
}

/// Reads a scenario's `fixture.yaml` and what it uses.
///
/// # Errors
/// A file that can not be read or breaks the schema, with every error of that file.
pub fn load(path: &Path) -> Result<Fixture, FixtureError> {
    let mut whole = Parts::default();
    let mut next = Some(path.to_owned());
    for _ in 0..=USES_MAX {
        let Some(file) = next else { break };
        let folder = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let parts = read_yaml(&file, |root, sink| parts(root, &folder, sink))?;
        next = parts.uses.clone();
        whole.take_over(parts);
    }
    let misfit = |why: &str| FixtureError::Misfit { path: path.to_owned(), why: why.to_owned() };
    if next.is_some() {
        return Err(misfit("files use files more than four deep"));
    }
    let recipe = whole.recipe.ok_or_else(|| misfit("there is no `recipe: PLATFORM`"))?;
    let account = whole.account.ok_or_else(|| misfit("there is no `account: { handle: … }`"))?;
    let (asked, order_folder) = whole.order.ok_or_else(|| misfit("there is no `order: { action_type: … }`"))?;
    let mut routes = whole.routes;
    if let Some(recording) = &whole.har {
        routes.extend(har::routes(recording)?);
    }
    if routes.is_empty() {
        return Err(misfit("there are no `routes` and no `har`"));
    }
    let mut order = json!({ "platform": recipe, "account": account.handle, "action": asked["action_type"] });
    for key in ["content", "target"] {
        if !asked[key].is_null() {
            order[key] = asked[key].clone();
        }
    }
    let title = asked["content"]["title"].as_str().map(str::to_owned);
    let order = order::parse("order", &order.to_string()).map_err(|e| misfit(&format!("its order: {e}")))?;
    let scene = whole.scene.unwrap_or_else(|| "before".to_owned());
    Ok(Fixture { recipe, account, order, order_folder, title, scene, routes })
}

/// Reads a YAML file of the project's closed kind.
///
/// # Errors
/// It can not be read, or breaks the schema.
pub fn read_yaml<T>(path: &Path, read: impl FnOnce(&Node, &mut Sink<'_>) -> Option<T>) -> Result<T, FixtureError> {
    let bytes = read_bounded(path, YAML_BYTES_MAX)?;
    let source = String::from_utf8(bytes)
        .map_err(|_| FixtureError::Unreadable { path: path.to_owned(), why: "it is not UTF-8".to_owned() })?;
    let name = path.display().to_string();
    let mut sink = Sink::new(&name, &source);
    let value = closed::read(&source, &mut sink).and_then(|root| read(&root, &mut sink));
    let diagnostics = sink.finish();
    match value {
        Some(value) if diagnostics.is_empty() => Ok(value),
        _ => Err(FixtureError::Invalid { path: path.to_owned(), diagnostics }),
    }
}

/// Reads a file that may not be larger than `max`.
///
/// # Errors
/// [`FixtureError::Unreadable`].
pub fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, FixtureError> {
    let unreadable = |why: String| FixtureError::Unreadable { path: path.to_owned(), why };
    let size = fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if size > max {
        return Err(unreadable(format!("it is larger than {max} bytes")));
    }
    fs::read(path).map_err(|e| unreadable(e.to_string()))
}

/// What one file says.
#[derive(Debug, Default)]
struct Parts {
    uses: Option<PathBuf>,
    recipe: Option<String>,
    account: Option<Account>,
    order: Option<(serde_json::Value, PathBuf)>,
    scene: Option<String>,
    har: Option<PathBuf>,
    routes: Vec<Route>,
}

impl Parts {
    /// Takes over what was not said before; routes come behind.
    fn take_over(&mut self, other: Self) {
        self.recipe = self.recipe.take().or(other.recipe);
        self.account = self.account.take().or(other.account);
        self.order = self.order.take().or(other.order);
        self.scene = self.scene.take().or(other.scene);
        self.har = self.har.take().or(other.har);
        self.routes.extend(other.routes);
    }
}

fn parts(root: &Node, folder: &Path, sink: &mut Sink<'_>) -> Option<Parts> {
    let fields = Fields::open(root, "the fixture", &KEYS, sink)?;
    let word = |key: &str, sink: &mut Sink<'_>| fields.get(key, sink).and_then(|n| text(n, key, sink));
    let mut parts = Parts {
        uses: word("uses", sink).map(|p| folder.join(p)),
        recipe: word("recipe", sink),
        scene: word("scene", sink),
        har: word("har", sink).map(|p| folder.join(p)),
        ..Parts::default()
    };
    parts.account = fields.get("account", sink).and_then(|n| account(n, folder, sink));
    if let Some(node) = fields.get("order", sink)
        && Fields::open(node, "`order`", &ORDER_KEYS, sink).is_some()
    {
        parts.order = Some((to_json(node), folder.to_owned()));
    }
    let routes = fields.get("routes", sink).and_then(|n| list(n, "`routes`", 1..=ROUTES_MAX, sink));
    // All of them are read, so that all errors are told.
    parts.routes = routes.into_iter().flatten().filter_map(|n| route(n, folder, sink)).collect();
    Some(parts)
}

fn account(node: &Node, folder: &Path, sink: &mut Sink<'_>) -> Option<Account> {
    let fields = Fields::open(node, "`account`", &ACCOUNT_KEYS, sink)?;
    let word = |key: &str, sink: &mut Sink<'_>| fields.get(key, sink).and_then(|n| text(n, key, sink));
    let handle = fields.need("handle", "handle: north_star", sink).and_then(|n| text(n, "`handle`", sink));
    let display_name = word("display_name", sink);
    let origin = word("origin", sink);
    let avatar = fields.get("avatar", sink).and_then(|n| {
        let path = folder.join(text(n, "`avatar`", sink)?);
        if !path.is_file() {
            sink.report(Code::BadValue, n.span, format!("there is no file {}", path.display()), None);
        }
        Some(path)
    });
    let https = origin.as_deref().is_some_and(|o| o.starts_with("https://"));
    let cookies = fields.get("cookies", sink).and_then(|n| list(n, "`cookies`", 1..=50, sink)).into_iter().flatten();
    let cookies: Vec<_> = cookies.filter_map(|n| cookie(n, https, sink)).collect();
    let storage = fields.get("local_storage", sink).and_then(|n| map(n, "`local_storage`", sink));
    let storage: Vec<_> = storage
        .into_iter()
        .flatten()
        .map(|e| json!({ "name": e.key, "value": scalar(&e.value).unwrap_or_default() }))
        .collect();
    let origins = match &origin {
        Some(origin) if !storage.is_empty() => json!([{ "origin": origin, "localStorage": storage }]),
        _ => json!([]),
    };
    let storage_state = json!({ "cookies": cookies, "origins": origins }).to_string();
    Some(Account { handle: handle?, display_name, avatar, origin, storage_state })
}

fn cookie(node: &Node, https: bool, sink: &mut Sink<'_>) -> Option<serde_json::Value> {
    let fields = Fields::open(node, "a cookie", &COOKIE_KEYS, sink)?;
    let name = fields.need("name", "name: session", sink).and_then(|n| text(n, "`name`", sink));
    let value = fields.need("value", "value: \"1\"", sink).and_then(|n| text(n, "`value`", sink));
    let domain = fields.need("domain", "domain: .example.com", sink).and_then(|n| text(n, "`domain`", sink));
    let path = fields.get("path", sink).and_then(|n| text(n, "`path`", sink));
    let secure = fields.get("secure", sink).and_then(|n| truth(n, "`secure`", sink)).unwrap_or(https);
    let http_only = fields.get("http_only", sink).and_then(|n| truth(n, "`http_only`", sink)).unwrap_or(false);
    Some(json!({
        "name": name?,
        "value": value?,
        "domain": domain?,
        "path": path.unwrap_or_else(|| "/".to_owned()),
        "secure": secure,
        "httpOnly": http_only,
    }))
}

fn route(node: &Node, folder: &Path, sink: &mut Sink<'_>) -> Option<Route> {
    let fields = Fields::open(node, "a route", &ROUTE_KEYS, sink)?;
    let on = fields.need("on", "on: \"GET https://example.com/path\"", sink).and_then(|n| {
        let written = text(n, "`on`", sink)?;
        let pattern = Pattern::parse(&written);
        if pattern.is_none() {
            let help = "write a method in capitals (or *) and a full URL: \"GET https://example.com/path\"".to_owned();
            sink.report(Code::BadValue, n.span, format!("`{written}` is no request"), help);
        }
        pattern
    });
    let word = |key: &str, sink: &mut Sink<'_>| fields.get(key, sink).and_then(|n| text(n, key, sink));
    let (scene, has, goes_to) = (word("scene", sink), word("has", sink), word("goes_to", sink));
    let status = fields.get("status", sink).and_then(|n| number(n, "`status`", 200..=599, sink)).unwrap_or(200);
    let delay_ms = fields.get("delay_ms", sink).and_then(|n| number(n, "`delay_ms`", 0..=DELAY_MS_MAX, sink));
    let headers = fields.get("headers", sink).and_then(|n| map(n, "`headers`", sink)).into_iter().flatten();
    let mut headers: Vec<(String, String)> =
        headers.map(|e| (e.key.to_ascii_lowercase(), scalar(&e.value).unwrap_or_default())).collect();
    let (body, of_body) = body(&fields, node, folder, sink);
    let body = match (fields.get("edit", sink), body) {
        (Some(edits), body) => edit(edits, body, sink),
        (None, body) => body,
    };
    let said = headers.iter().find(|(n, _)| n == "content-type").map(|(_, v)| v.clone());
    if let (None, Some(kind)) = (&said, of_body) {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let fill = Fill::of(said.as_deref().or(of_body).unwrap_or_default());
    if fill != Fill::Never
        && let Ok(text) = std::str::from_utf8(&body)
        && let Some(unknown) = Words::unknown(text)
    {
        let help = format!("known here: {}", Words::NAMES.map(|n| format!("`{{{{{n}}}}}`")).join(", "));
        sink.report(Code::UnknownPlaceholder, node.span, format!("`{{{{{unknown}}}}}` is not a placeholder"), help);
    }
    let response = Response { status: u16::try_from(status).unwrap_or(200), headers, body };
    let delay = Duration::from_millis(delay_ms.unwrap_or_default());
    Some(Route { on: on?, scene, has, goes_to, response, fill, delay, once: false })
}

/// The body and its type.
fn body(fields: &Fields<'_>, route: &Node, folder: &Path, sink: &mut Sink<'_>) -> (Vec<u8>, Option<&'static str>) {
    let (file, inline, words) = (fields.get("body", sink), fields.get("json", sink), fields.get("text", sink));
    if [file, inline, words].iter().flatten().count() > 1 {
        let help = "keep one of `body`, `json` and `text`".to_owned();
        sink.report(Code::BadValue, route.span, "a route has one body", help);
    }
    if let Some(node) = file {
        let Some(name) = text(node, "`body`", sink) else { return (Vec::new(), None) };
        let path = folder.join(&name);
        let kind = media_type(&name);
        if kind.is_none() {
            let help = "name a file that ends in .html, .json, .js, .css, .txt, .xml, .svg, .png, .jpg, .webp, .gif, \
                        .ico, .mp4 or .woff2";
            sink.report(Code::BadValue, node.span, format!("the type of `{name}` is not known"), help.to_owned());
        }
        match read_bounded(&path, BODY_BYTES_MAX) {
            Ok(bytes) => (bytes, kind),
            Err(error) => {
                sink.report(Code::BadValue, node.span, error.to_string(), None);
                (Vec::new(), kind)
            }
        }
    } else if let Some(node) = inline {
        (to_json(node).to_string().into_bytes(), Some("application/json"))
    } else if let Some(node) = words {
        let Some(text) = scalar(node) else {
            wrong_type::<()>(node, "`text`", "a text", sink);
            return (Vec::new(), None);
        };
        let kind = if text.trim_start().starts_with('<') { "page.html" } else { "words.txt" };
        (text.into_bytes(), media_type(kind))
    } else {
        (Vec::new(), None)
    }
}

/// Each `find` must stand in the body exactly once: a fixture whose base page changed must not go on as if nothing had.
fn edit(node: &Node, body: Vec<u8>, sink: &mut Sink<'_>) -> Vec<u8> {
    let Ok(mut page) = String::from_utf8(body) else {
        sink.report(Code::BadValue, node.span, "only a text can be edited", None);
        return Vec::new();
    };
    for change in list(node, "`edit`", 1..=50, sink).into_iter().flatten() {
        let Some(fields) = Fields::open(change, "an edit", &["find", "put"], sink) else { continue };
        let find = fields.need("find", "find: \"<!--slot-->\"", sink).and_then(scalar);
        // An empty `put` takes away, so it is read as it stands.
        let put = change.entries().iter().find(|e| e.key == "put").and_then(|e| scalar(&e.value));
        let (Some(find), Some(put)) = (find.filter(|f| !f.is_empty()), put) else {
            let help = "an edit is { find: \"what stands there\", put: \"what stands there then\" }".to_owned();
            sink.report(Code::MissingKey, change.span, "an edit needs `find` and `put`", help);
            continue;
        };
        match page.matches(&find).count() {
            1 => page = page.replacen(&find, &put, 1),
            count => {
                let message = format!("`{find}` stands in the body {count} times; it must be once");
                sink.report(Code::BadValue, change.span, message, "name a longer piece of the page".to_owned());
            }
        }
    }
    page.into_bytes()
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// A YAML value as JSON; numbers, truth values and nothing as YAML 1.2 means them.
fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|e| (e.key.clone(), to_json(&e.value))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Scalar { .. } if node.is_null() => serde_json::Value::Null,
        Value::Scalar { text, plain: true } => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            // Only what is a JSON number; a version or a date stays a text.
            number => {
                serde_json::from_str::<serde_json::Number>(number).map_or_else(|_| text.clone().into(), Into::into)
            }
        },
        Value::Scalar { text, plain: false } => text.clone().into(),
    }
}
