//! After the commit: what the page says, and how a fresh session finds out what happened.

use crate::check::UseKind;
use crate::diagnostics::Code;
use crate::json_path;
use crate::model::{Evidence, ObjectId, Receipt, ReceiptSign, Verify};
use crate::template::{Part, Placeholder, Template};
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, list, number, single, text};

/// Most signs of one receipt.
const SIGNS_MAX: usize = 20;
/// How long a receipt is waited for when the recipe does not say, in milliseconds.
const WITHIN_MS_DEFAULT: u64 = 20_000;
/// How long the platform may take to show an object when the recipe does not say, in seconds.
const SETTLE_S_DEFAULT: u64 = 20;
/// Reads before a person is asked when the recipe does not say.
const READS_MAX_DEFAULT: u32 = 5;
/// The first pause before what waits for the platform's review is looked at again when the recipe does not say, in seconds.
const REVIEW_S_DEFAULT: u64 = 60;
/// Looks at what waits for the platform's review when the recipe does not say: with the default pauses, two days.
const REVIEWS_MAX_DEFAULT: u32 = 16;
const VERIFY_KEYS: [&str; 11] = [
    "on",
    "same",
    "state",
    "gone",
    "author",
    "settle_s",
    "permalink",
    "engagement",
    "reads_max",
    "review_s",
    "reviews_max",
];
/// What may stand in the path of a receipt.
const IN_RECEIPT: [Placeholder; 2] = [Placeholder::ObjectId, Placeholder::AccountHandle];

impl Reader<'_> {
    pub(super) fn receipt(&mut self, node: &Node) -> Option<Receipt> {
        let fields = Fields::open(node, "`receipt`", &["any", "object_id", "within_ms"], &mut self.sink)?;
        let any = fields.need("any", "any: [ { toast: \"…\" } ]", &mut self.sink).and_then(|node| {
            let nodes = list(node, "`receipt.any`", 1..=SIGNS_MAX, &mut self.sink)?;
            let signs: Vec<ReceiptSign> = nodes.iter().filter_map(|node| self.sign(node)).collect();
            (signs.len() == nodes.len()).then_some(signs)
        });
        let object_id = fields.get("object_id", &mut self.sink).map(|node| self.object_id(node));
        let within_ms = match fields.get("within_ms", &mut self.sink) {
            Some(node) => number(node, "`within_ms`", 100..=120_000, &mut self.sink),
            None => Some(WITHIN_MS_DEFAULT),
        };
        Some(Receipt { any: any?, object_id: object_id.flatten(), within_ms: within_ms? })
    }

    fn sign(&mut self, node: &Node) -> Option<ReceiptSign> {
        let entry = single(node, "a receipt", &["toast", "url", "element"], &mut self.sink)?;
        match entry.key.as_str() {
            "toast" => self.fixed_text(&entry.value, "`toast`").map(ReceiptSign::Toast),
            "url" => self.receipt_url(&entry.value).map(ReceiptSign::Url),
            _ => self.element_name(&entry.value, "`element`").map(ReceiptSign::Element),
        }
    }

    /// A path in which two placeholders are always told apart by a text between them.
    fn receipt_url(&mut self, node: &Node) -> Option<Template> {
        let template = self.template(node, "`receipt.url`", &IN_RECEIPT)?;
        let path = matches!(template.parts.first(), Some(Part::Text(text)) if text.starts_with('/'));
        let side_by_side =
            template.parts.windows(2).any(|pair| matches!(pair, [Part::Placeholder(_), Part::Placeholder(_)]));
        if path && !side_by_side {
            return Some(template);
        }
        let help = "write the path of the object's page: \"/p/{object_id}\"";
        self.sink.report(
            Code::BadValue,
            node.span,
            "`receipt.url` must be a path whose placeholders stand apart",
            help.to_owned(),
        );
        None
    }

    fn object_id(&mut self, node: &Node) -> Option<ObjectId> {
        let entry = single(node, "`object_id`", &["response"], &mut self.sink)?;
        let path = text(&entry.value, "`response`", &mut self.sink)?;
        if json_path::parse(&path).is_some() {
            return Some(ObjectId::Response(path));
        }
        let help = "write `$.id`, `$.data.post.id` or `$.posts[0].id`";
        self.sink.report(
            Code::BadValue,
            entry.value.span,
            format!("`{path}` is not a path into JSON"),
            help.to_owned(),
        );
        None
    }

    pub(super) fn verify(&mut self, node: &Node) -> Option<Verify> {
        let fields = Fields::open(node, "`verify`", &VERIFY_KEYS, &mut self.sink)?;
        let shown = self.evidence(node, &fields, "verify");
        let only_same = ["author", "permalink", "review_s", "reviews_max"];
        self.belongs_to_same(&fields, "verify", &only_same, shown.as_ref().map(|(_, evidence)| evidence));
        if let (Some((_, Evidence::Gone(_))), Some(at)) = (&shown, fields.key_span("engagement")) {
            let message = "`engagement` is looked for on the object's own page, but this flow's object is gone then";
            self.sink.report(Code::BadValue, at, message, "remove it".to_owned());
        }
        let author = fields.get("author", &mut self.sink).map(|node| {
            self.template(node, "`author`", &[Placeholder::AccountHandle, Placeholder::AccountDisplayName])
        });
        let settle_s = match fields.get("settle_s", &mut self.sink) {
            Some(node) => number(node, "`settle_s`", 0..=3_600, &mut self.sink),
            None => Some(SETTLE_S_DEFAULT),
        };
        let touched = UseKind::Touched { by: "`verify.permalink`" };
        let permalink =
            fields.get("permalink", &mut self.sink).and_then(|node| self.used(node, "`permalink`", touched));
        let engagement =
            fields.get("engagement", &mut self.sink).and_then(|node| self.element_name(node, "`engagement`"));
        let reads_max = match fields.get("reads_max", &mut self.sink) {
            // Absence takes two reads that agree.
            Some(node) => {
                number(node, "`reads_max`", 2..=50, &mut self.sink).and_then(|reads| u32::try_from(reads).ok())
            }
            None => Some(READS_MAX_DEFAULT),
        };
        let review_s = match fields.get("review_s", &mut self.sink) {
            Some(node) => number(node, "`review_s`", 1..=86_400, &mut self.sink),
            None => Some(REVIEW_S_DEFAULT),
        };
        let reviews_max = match fields.get("reviews_max", &mut self.sink) {
            Some(node) => {
                number(node, "`reviews_max`", 1..=100, &mut self.sink).and_then(|looks| u32::try_from(looks).ok())
            }
            None => Some(REVIEWS_MAX_DEFAULT),
        };
        let (on, evidence) = shown?;
        Some(Verify {
            on,
            evidence,
            author: author.flatten(),
            settle_s: settle_s?,
            permalink,
            engagement,
            reads_max: reads_max?,
            review_s: review_s?,
            reviews_max: reviews_max?,
        })
    }
}
