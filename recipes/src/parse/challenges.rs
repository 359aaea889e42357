//! Pages that are not what was asked for.

use crate::diagnostics::Code;
use crate::model::{Challenge, ChallengeKind, Detector};
use crate::suggest::did_you_mean;
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, list, map, number, single, text};

/// Most detectors of one challenge.
const DETECTORS_MAX: usize = 50;
/// The only word in braces of a detector's text: the waiting time.
const SECONDS: &str = "{seconds}";
const KINDS: [(&str, ChallengeKind); 5] = [
    ("captcha", ChallengeKind::Captcha),
    ("checkpoint", ChallengeKind::Checkpoint),
    ("logged_out", ChallengeKind::LoggedOut),
    ("suspicious", ChallengeKind::Suspicious),
    ("rate_limit", ChallengeKind::RateLimit),
];

impl Reader<'_> {
    pub(super) fn challenges(&mut self, node: &Node) -> Option<Vec<Challenge>> {
        let entries = map(node, "`challenges`", &mut self.sink)?;
        if entries.is_empty() {
            let help = "name at least how a signed-out session looks: `logged_out: { any: [ { url: \"/login*\" } ] }`";
            self.sink.report(Code::MissingKey, node.label, "`challenges` is empty", help.to_owned());
        }
        let mut challenges = Vec::new();
        for entry in entries {
            let kind = KINDS.iter().find(|(name, _)| *name == entry.key).map(|(_, kind)| *kind);
            if kind.is_none() {
                let help = did_you_mean(&entry.key, KINDS.iter().map(|(name, _)| *name));
                self.sink.report(Code::UnknownKey, entry.key_span, format!("unknown challenge `{}`", entry.key), help);
            }
            let any = self.detectors(&entry.key, &entry.value);
            if let (Some(kind), Some(any)) = (kind, any) {
                challenges.push(Challenge { kind, any });
            }
        }
        Some(challenges)
    }

    fn detectors(&mut self, challenge: &str, node: &Node) -> Option<Vec<Detector>> {
        let what = format!("challenge `{challenge}`");
        let fields = Fields::open(node, &what, &["any"], &mut self.sink)?;
        let any = fields.need("any", "any: [ { url: \"/…\" } ]", &mut self.sink)?;
        let nodes = list(any, "`any`", 1..=DETECTORS_MAX, &mut self.sink)?;
        Some(nodes.iter().filter_map(|node| self.detector(node)).collect())
    }

    fn detector(&mut self, node: &Node) -> Option<Detector> {
        let entry = single(node, "a detector", &["css", "text", "url", "status"], &mut self.sink)?;
        match entry.key.as_str() {
            "css" => self.css(&entry.value, "`css`").map(Detector::Css),
            "text" => self.words(&entry.value).map(Detector::Text),
            "url" => self.path_glob(&entry.value, "`url`").map(Detector::Url),
            _ => {
                let status = number(&entry.value, "`status`", 300..=599, &mut self.sink)?;
                u16::try_from(status).ok().map(Detector::Status)
            }
        }
    }

    /// Words of the page; `{seconds}` may stand in them once.
    fn words(&mut self, node: &Node) -> Option<String> {
        let words = text(node, "`text`", &mut self.sink)?;
        let rest = words.replacen(SECONDS, "", 1);
        if rest.contains(['{', '}']) {
            let piece = rest.find('{').and_then(|at| rest.get(at..)).and_then(|tail| tail.split_inclusive('}').next());
            let at = self.within(node.span, piece.unwrap_or_default());
            let help = format!("only `{SECONDS}` can stand in it, once: it reads the waiting time");
            self.sink.report(Code::UnknownPlaceholder, at, "a detector's text knows no such placeholder", help);
            return None;
        }
        Some(words)
    }

    /// A glob over the path of a URL.
    fn path_glob(&mut self, node: &Node, what: &str) -> Option<String> {
        let glob = text(node, what, &mut self.sink)?;
        let everything = glob.chars().all(|c| matches!(c, '*' | '/')) && glob != "/";
        if glob.starts_with(['/', '*']) && !everything {
            return Some(glob);
        }
        let help = "write the path that the page has then, with `*` for any run of characters: \"/login*\"";
        self.sink.report(
            Code::BadValue,
            node.span,
            format!("{what} must be a path that not every page has"),
            help.to_owned(),
        );
        None
    }
}
