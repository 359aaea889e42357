//! The write requests of a flow, which the network gate holds back.

use crate::diagnostics::Code;
use crate::model::WritePattern;
use crate::yaml::{Node, Value};

use super::Reader;
use super::fields::{Fields, list, text};

/// Most write patterns of one flow.
const WRITES_MAX: usize = 10;
/// Shortest piece of a query or body that tells one request from another, in characters.
const PIECE_CHARS_MIN: usize = 3;
const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

impl Reader<'_> {
    pub(super) fn writes(&mut self, node: &Node) -> Option<Vec<WritePattern>> {
        let nodes = list(node, "`writes`", 1..=WRITES_MAX, &mut self.sink)?;
        let writes: Vec<WritePattern> = nodes.iter().filter_map(|node| self.write(node)).collect();
        (writes.len() == nodes.len()).then_some(writes)
    }

    /// `"POST /api/posts"`, or `{ request: "POST /graphql", body: "…", query: "…" }`.
    fn write(&mut self, node: &Node) -> Option<WritePattern> {
        if !matches!(node.value, Value::Map(_)) {
            let (method, path) = self.request(node)?;
            return Some(WritePattern { method, path, body: None, query: None });
        }
        let fields = Fields::open(node, "a write", &["request", "body", "query"], &mut self.sink)?;
        let request =
            fields.need("request", "request: \"POST /api/posts\"", &mut self.sink).and_then(|node| self.request(node));
        let body = fields.get("body", &mut self.sink).map(|node| self.piece(node, "`body`"));
        let query = fields.get("query", &mut self.sink).map(|node| self.piece(node, "`query`"));
        let (method, path) = request?;
        // One in error must not become a pattern that is wider than what was meant.
        let body = body.map_or(Some(None), |piece| piece.map(Some))?;
        let query = query.map_or(Some(None), |piece| piece.map(Some))?;
        Some(WritePattern { method, path, body, query })
    }

    fn piece(&mut self, node: &Node, what: &str) -> Option<String> {
        let piece = text(node, what, &mut self.sink)?;
        if piece.chars().count() >= PIECE_CHARS_MIN {
            return Some(piece);
        }
        let help = "name what only this request has: its operation's name or id".to_owned();
        let message = format!("{what} has fewer than {PIECE_CHARS_MIN} characters: too many requests would fit");
        self.sink.report(Code::BadWrite, node.span, message, help);
        None
    }

    fn request(&mut self, node: &Node) -> Option<(String, String)> {
        let pattern = text(node, "a write", &mut self.sink)?;
        let (method, path) = pattern.split_once(' ').unwrap_or((pattern.as_str(), ""));
        let fixed = path.chars().filter(|c| !matches!(c, '*' | '/')).count();
        let fault = if !METHODS.contains(&method) {
            Some(format!("`{method}` is not a method that writes"))
        } else if !path.starts_with('/') || path.contains(char::is_whitespace) || path.contains(['?', '#']) {
            Some("after the method stands a path that begins with `/`, without query".to_owned())
        } else if fixed == 0 {
            Some(format!("`{path}` would be any request"))
        } else {
            None
        };
        if let Some(reason) = fault {
            let help = "write `POST /api/posts`; methods: POST, PUT, PATCH, DELETE; `*` is any run of characters";
            let message = format!("this write cannot be gated: {reason}");
            self.sink.report(Code::BadWrite, node.span, message, help.to_owned());
            return None;
        }
        Some((method.to_owned(), path.to_owned()))
    }
}
