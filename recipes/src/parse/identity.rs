//! How the account is proved.

use crate::check::UseKind;
use crate::diagnostics::Code;
use crate::model::{Compare, Identity, ImageSignal, Marker, SwitcherSignal, TextSignal};
use crate::template::Placeholder;
use crate::yaml::Node;

use super::Reader;
use super::fields::{Fields, choice, number, single, text, truth};

/// Greatest distance at which two 64-bit hashes can still be said to be alike; unrelated pictures lie around 32.
const DISTANCE_MAX: u64 = 20;
/// Distance that counts as the same picture when the recipe does not say.
const DISTANCE_DEFAULT: u32 = 8;
const KEYS: [&str; 7] = ["on", "own", "handle", "name", "avatar", "switcher", "marker"];
const COMPARES: [(&str, Compare); 4] = [
    ("exact", Compare::Exact),
    ("ignore_case", Compare::IgnoreCase),
    ("handle", Compare::Handle),
    ("contains", Compare::Contains),
];
/// What the ledger knows of an account.
const OF_ACCOUNT: [Placeholder; 2] = [Placeholder::AccountHandle, Placeholder::AccountDisplayName];

impl Reader<'_> {
    pub(super) fn identity(&mut self, node: &Node) -> Option<Identity> {
        let fields = Fields::open(node, "`identity`", &KEYS, &mut self.sink)?;
        let on =
            fields.need("on", "on: profile", &mut self.sink).and_then(|node| self.surface_name(node, "`identity.on`"));
        let own = fields.get("own", &mut self.sink).map(|node| self.used(node, "`identity.own`", UseKind::Identity));
        let handle = fields.get("handle", &mut self.sink).map(|node| self.text_signal(node, "handle", Compare::Handle));
        let name = fields.get("name", &mut self.sink).map(|node| self.text_signal(node, "name", Compare::Exact));
        let avatar = fields.get("avatar", &mut self.sink).map(|node| self.avatar(node));
        let switcher = fields.get("switcher", &mut self.sink).map(|node| self.switcher(node));
        let marker = fields.get("marker", &mut self.sink).map(|node| self.marker(node));
        // A switcher that says the name repeats what the profile's name says: the two are one fact.
        let by_name = switcher
            .as_ref()
            .and_then(Option::as_ref)
            .is_some_and(|switcher| !switcher.selected.placeholders().any(|name| name == Placeholder::AccountHandle));
        let face = (name.is_some() && !by_name) || avatar.is_some();
        let signals = [handle.is_some(), face, switcher.is_some()].into_iter().filter(|there| *there).count();
        if signals < 2 {
            let message = format!("identity has {signals} of 3 signals; 2 must agree before anything is done");
            let help = "define two of: `handle`; `name` or `avatar` (together one signal); `switcher` (one that says the name needs `handle` or \
                        `avatar` beside it)";
            self.sink.report(Code::IdentityWeak, node.label, message, help.to_owned());
        }
        Some(Identity {
            on: on?,
            own: own.flatten(),
            handle: handle.flatten(),
            name: name.flatten(),
            avatar: avatar.flatten(),
            switcher: switcher.flatten(),
            marker: marker.flatten(),
        })
    }

    fn text_signal(&mut self, node: &Node, key: &str, default: Compare) -> Option<TextSignal> {
        let what = format!("`identity.{key}`");
        let fields = Fields::open(node, &what, &["element", "equals", "compare"], &mut self.sink)?;
        let element = fields
            .need("element", "element: <name>", &mut self.sink)
            .and_then(|node| self.used(node, &what, UseKind::Identity));
        let equals = fields
            .need("equals", "equals: \"@{account.handle}\"", &mut self.sink)
            .and_then(|node| self.of_account(node, &what));
        let compare = self.compare(&fields, default);
        Some(TextSignal { element: element?, equals: equals?, compare: compare? })
    }

    /// A text that names the account: a fixed one would be true of every account.
    fn of_account(&mut self, node: &Node, what: &str) -> Option<crate::template::Template> {
        let template = self.template(node, what, &OF_ACCOUNT)?;
        if template.placeholders().next().is_none() {
            let help = "use \"{account.handle}\" or \"{account.display_name}\"";
            self.sink.report(
                Code::BadValue,
                node.span,
                format!("{what} is compared with a fixed text"),
                help.to_owned(),
            );
        }
        Some(template)
    }

    /// How two texts are compared; `None` when the recipe says it wrongly.
    pub(super) fn compare(&mut self, fields: &Fields<'_>, default: Compare) -> Option<Compare> {
        match fields.get("compare", &mut self.sink) {
            Some(node) => choice(node, "`compare`", &COMPARES, &mut self.sink),
            None => Some(default),
        }
    }

    fn avatar(&mut self, node: &Node) -> Option<ImageSignal> {
        let what = "`identity.avatar`";
        let fields = Fields::open(node, what, &["element", "image_like", "distance_max"], &mut self.sink)?;
        let element = fields
            .need("element", "element: <name>", &mut self.sink)
            .and_then(|node| self.used(node, what, UseKind::Identity));
        let image_like =
            fields.need("image_like", "image_like: \"{account.avatar_hash}\"", &mut self.sink).and_then(|node| {
                let template = self.template(node, "`image_like`", &[Placeholder::AccountAvatarHash])?;
                if !template.is_only(Placeholder::AccountAvatarHash) {
                    let help = "write `image_like: \"{account.avatar_hash}\"`";
                    self.sink.report(
                        Code::BadValue,
                        node.span,
                        "`image_like` names the stored picture and nothing else",
                        help.to_owned(),
                    );
                }
                Some(template)
            });
        let distance_max = match fields.get("distance_max", &mut self.sink) {
            Some(node) => {
                number(node, "`distance_max`", 0..=DISTANCE_MAX, &mut self.sink).and_then(|far| u32::try_from(far).ok())
            }
            None => Some(DISTANCE_DEFAULT),
        };
        Some(ImageSignal { element: element?, image_like: image_like?, distance_max: distance_max? })
    }

    fn switcher(&mut self, node: &Node) -> Option<SwitcherSignal> {
        let what = "`identity.switcher`";
        let fields = Fields::open(node, what, &["element", "open", "item", "selected"], &mut self.sink)?;
        let element_node = fields.need("element", "element: account_menu", &mut self.sink);
        let element = element_node.and_then(|node| {
            self.used(node, what, UseKind::Identity);
            self.used(node, what, UseKind::Touched { by: "the account switcher" })
        });
        let open = match fields.get("open", &mut self.sink) {
            Some(node) => truth(node, "`open`", &mut self.sink),
            None => Some(false),
        };
        let item = fields.get("item", &mut self.sink).and_then(|node| self.used(node, what, UseKind::Identity));
        let selected = fields
            .need("selected", "selected: \"{account.handle}\"", &mut self.sink)
            .and_then(|node| self.of_account(node, "`selected`"));
        Some(SwitcherSignal { element: element?, open: open?, item, selected: selected? })
    }

    /// `cookie: name`, or `attribute: { css: html, name: data-account-id }`.
    fn marker(&mut self, node: &Node) -> Option<Marker> {
        let entry = single(node, "`identity.marker`", &["cookie", "attribute"], &mut self.sink)?;
        if entry.key == "cookie" {
            return text(&entry.value, "`cookie`", &mut self.sink).map(Marker::Cookie);
        }
        let fields = Fields::open(&entry.value, "`attribute`", &["css", "name"], &mut self.sink)?;
        let css = fields.need("css", "css: html", &mut self.sink).and_then(|node| self.css(node, "`css`"));
        let name = fields
            .need("name", "name: data-account-id", &mut self.sink)
            .and_then(|node| self.attribute(node, "`name`"));
        Some(Marker::Attribute { css: css?, attribute: name? })
    }
}
