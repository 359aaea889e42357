//! The recipe as checked data.
//!
//! Owns the types that the engine reads. Nothing here knows YAML: [`crate::parse`] makes these values, [`crate::check`]
//! proves their rules. A [`Recipe`] can only be had through [`crate::load`], so whoever holds one holds a checked one.
//!
//! Maps keep the order of the file, because `explain` and the checker's messages follow it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::template::Template;

mod flow;

pub use flow::*;

/// The name of an element of the recipe, as in `elements: { post_button: … }`.
pub type ElementName = String;
/// The name of a surface of the recipe, as in `surfaces: { composer: … }`.
pub type SurfaceName = String;

/// A checked recipe of one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The platform's name, e.g. `practice`; also the name of the folder.
    pub platform: String,
    /// The recipe's own number, raised with every change.
    pub recipe: u32,
    /// What it was verified against, by whom and when.
    pub verified: Verified,
    /// The only places to which the session may be carried. The first that has no wildcard is the default base of relative URLs.
    pub origins: Vec<OriginPattern>,
    /// Further places that the page's own background requests and inner frames may reach. Deed never goes there itself.
    pub resources: Vec<ResourcePattern>,
    /// How much of an action type an account may do, by the action type's name.
    pub budgets: IndexMap<String, Budget>,
    /// Bounds of the pace of inputs.
    pub pacing: InputPace,
    /// Named pages.
    pub surfaces: IndexMap<SurfaceName, Surface>,
    /// Named elements, each with its independent locators.
    pub elements: IndexMap<ElementName, Element>,
    /// How the account is proved.
    pub identity: Identity,
    /// Captcha, checkpoint, log-in wall, rate-limit page …
    pub challenges: Vec<Challenge>,
    /// What proof never shows: elements whose every match is masked in pictures, snapshots and recordings before they are kept.
    pub redact: IndexMap<ElementName, RedactKind>,
    /// One flow per action type, keyed by its name (`publish.post`).
    pub flows: IndexMap<String, Flow>,
    /// sha256 of the recipe's file, lower-case hex; part of approval and proof.
    pub hash: String,
    /// The recipe's file as it was read, for a proposed change of it.
    pub source: Source,
    /// Baselines of surfaces (file name without ending → landmarks), empty when none was written yet.
    pub baselines: BTreeMap<SurfaceName, Baseline>,
}

/// The text of a recipe's file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Source(pub Arc<str>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

/// What a recipe was verified against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// `fixtures` or `live`.
    pub against: VerifiedAgainst,
    /// ISO date.
    pub on: String,
    /// Who, when live.
    pub by: Option<String>,
}

/// See [`Verified::against`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedAgainst {
    /// Recorded or authored pages.
    Fixtures,
    /// The live platform.
    Live,
}

/// `scheme://host[:port]`; the port may be `*` when the host is this machine (`127.0.0.1`, `localhost`, `[::1]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginPattern {
    /// `https`, or `http` for this machine only.
    pub scheme: String,
    /// Host without port.
    pub host: String,
    /// The port; `None` is the scheme's default.
    pub port: PortPattern,
}

/// See [`OriginPattern::port`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortPattern {
    /// The scheme's default port.
    Default,
    /// Exactly this port.
    Is(u16),
    /// Any port (this machine only).
    Any,
}

/// An origin of background requests; its host may stand for all hosts below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePattern {
    /// Scheme, host and port.
    pub origin: OriginPattern,
    /// Every host below [`OriginPattern::host`] (`https://*.example.com`), not that host itself.
    pub below: bool,
}

/// How much of one action type an account may do. What is not said is not bounded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Within any hour.
    pub per_hour: Option<u32>,
    /// Within any day.
    pub per_day: Option<u32>,
    /// Shortest time between two, in seconds.
    pub spacing_s: Option<u64>,
}

/// Within which bounds a considerate session rests between its inputs. What is not said has Deed's own bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InputPace {
    /// How long a new page is read.
    pub reading: Option<MsRange>,
    /// How long the pointer rests before and after a click.
    pub dwell: Option<MsRange>,
    /// How long it rests at each point of its way.
    pub pointer: Option<MsRange>,
    /// The pause after each letter.
    pub typing: Option<MsRange>,
}

/// A shortest and a longest pause, in milliseconds; the shortest is not longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsRange {
    /// Shortest.
    pub min: u64,
    /// Longest.
    pub max: u64,
}

/// A named page of the platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Path below the account's origin, or an absolute URL within `origins`.
    pub url: Template,
    /// Elements that must be there, and stand where they stood, for the recipe to be trusted on this surface.
    pub landmarks: Vec<ElementName>,
    /// For a surface that lists objects: how one entry is read.
    pub items: Option<Items>,
    /// A condition that says the surface has finished loading, when its landmarks do not (a feed that may be empty).
    pub ready: Option<ElementName>,
}

/// How the entries of a list (a feed, a comment thread) are read. All are CSS selectors; all but `each` look inside one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items {
    /// One entry.
    pub each: String,
    /// Its text; the visible text of the whole match is taken.
    pub text: String,
    /// Its title, where entries have one beside their text.
    pub title: Option<String>,
    /// The author's handle or name.
    pub author: Option<String>,
    /// One per media object of the entry.
    pub media: Option<String>,
    /// An element with `datetime`, or whose text is an RFC 3339 time.
    pub time: Option<String>,
    /// A link (`href`) to the entry's own page.
    pub permalink: Option<String>,
    /// There when the entry waits for moderation.
    pub pending: Option<String>,
    /// An attribute of `each` that names the object, e.g. `data-post-id`.
    pub id_attribute: Option<String>,
    /// Whether more entries come as the page is scrolled, and earlier ones may leave it: dedupe goes on page by page then.
    #[serde(default)]
    pub scrolls: bool,
}

/// One element and the independent ways to find it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// In the order of the file; each has a vote.
    pub locators: Vec<Locator>,
    /// Where the words of its locators come from.
    pub words: Words,
}

/// See [`Element::words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// The recipe: for every order the same.
    Fixed,
    /// The order's time, which is not filled in yet: such an element is never looked for.
    OfOrder,
    /// The order's time, filled in by [`Recipe::for_order`]: one of many alike, which must be found alone.
    Filled,
}

/// One way to find an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locator {
    /// Accessible role and name.
    Role {
        /// An ARIA role, e.g. `button`.
        role: String,
        /// The accessible name, compared after white space is folded; `None`: any.
        name: Option<String>,
    },
    /// A form control by its label.
    Label(String),
    /// The smallest element whose visible text is this.
    Text(String),
    /// A CSS selector.
    Css(String),
    /// An XPath expression.
    Xpath(String),
    /// `data-testid` (also `data-test-id`, `data-test`).
    TestId(String),
    /// One of many alike, by its words.
    OneOf {
        /// CSS of the many.
        css: String,
        /// The whole visible text of the one that is meant.
        text: String,
    },
    /// A place relative to another element.
    Near {
        /// Which side of it.
        side: Side,
        /// The other element.
        of: ElementName,
        /// The visible text or accessible name of the wanted element.
        text: String,
    },
}

/// See [`Locator::Near`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Its top is at or under the other's bottom.
    Below,
    /// Its bottom is at or over the other's top.
    Above,
    /// Left.
    LeftOf,
    /// Right.
    RightOf,
    /// A descendant.
    Inside,
}

/// The signals by which the account is proved; 2 of 3 (handle · avatar or name · switcher), none contradicting.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The surface on which they are read.
    pub on: SurfaceName,
    /// An element that only the account's owner sees on that surface (an "Edit profile" button). Without it, what the
    /// page shows may be somebody's public profile, and handle, name and avatar count as missing.
    pub own: Option<ElementName>,
    /// The handle.
    pub handle: Option<TextSignal>,
    /// The display name; counts together with the avatar as one signal.
    pub name: Option<TextSignal>,
    /// The avatar.
    pub avatar: Option<ImageSignal>,
    /// The account switcher.
    pub switcher: Option<SwitcherSignal>,
    /// What the session itself says of who it is; must not change between identity and press.
    pub marker: Option<Marker>,
}

/// A text on the page that must equal something.
#[derive(Debug, Clone, PartialEq)]
pub struct TextSignal {
    /// Where it stands.
    pub element: ElementName,
    /// What it must be.
    pub equals: Template,
    /// How the two are compared.
    pub compare: Compare,
}

/// How two texts are compared. White space is always folded and Unicode brought to NFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Letter by letter.
    #[default]
    Exact,
    /// Upper and lower case are one.
    IgnoreCase,
    /// As a handle: a leading `@` dropped, case ignored, `_`, `-`, `.` and spaces are one.
    Handle,
    /// The page's text contains it.
    Contains,
}

/// An image on the page that must look like the stored one.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSignal {
    /// Where it stands.
    pub element: ElementName,
    /// Names the stored hash: `{account.avatar_hash}`.
    pub image_like: Template,
    /// Greatest Hamming distance of the two 64-bit perceptual hashes that still counts as the same picture.
    pub distance_max: u32,
}

/// The account switcher: a menu that says which of the connected accounts is the current one.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitcherSignal {
    /// What is looked at, or clicked when `open`.
    pub element: ElementName,
    /// Click `element` first, and press Escape afterwards.
    pub open: bool,
    /// The entry that is marked as current; `None`: `element` itself.
    pub item: Option<ElementName>,
    /// What it must be, compared as a handle.
    pub selected: Template,
}

/// Where the session says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// The value of a cookie.
    Cookie(String),
    /// An attribute of an element that every page has.
    Attribute {
        /// CSS selector.
        css: String,
        /// The attribute.
        attribute: String,
    },
}

/// What a challenge means for the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeKind {
    /// A person must prove to be one.
    Captcha,
    /// "Confirm that it is you".
    Checkpoint,
    /// The session is signed out.
    LoggedOut,
    /// "Suspicious activity" and the like.
    Suspicious,
    /// Too many requests.
    RateLimit,
}

/// A page that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What it means; the key in the recipe.
    pub kind: ChallengeKind,
    /// Any of these is enough.
    pub any: Vec<Detector>,
}

/// One way to see a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// An element that is visible.
    Css(String),
    /// A text that is visible, case ignored. `{seconds}` in it reads a waiting time ("wait {seconds} s").
    Text(String),
    /// A glob over the path of the page's URL (`/login*`).
    Url(String),
    /// The HTTP status of the document, or of a background request of the page.
    Status(u16),
}

/// What a redacted element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedactKind {
    /// A private message, or a field in which one is written.
    Message,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// The name, handle or picture of somebody else.
    Name,
    /// Anything else that is nobody's business.
    Other,
}

impl RedactKind {
    /// Every kind, in the order of its definition.
    pub const ALL: [Self; 5] = [Self::Message, Self::Email, Self::Phone, Self::Name, Self::Other];

    /// As it is written in a recipe and in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Name => "name",
            Self::Other => "other",
        }
    }
}

/// The landmarks of one surface as they stood when the recipe was verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The surface.
    pub surface: SurfaceName,
    /// `lang` of the page that it was written from; in another language names are not compared.
    #[serde(default)]
    pub lang: Option<String>,
    /// Landmark → where it stood.
    pub landmarks: BTreeMap<ElementName, LandmarkPlace>,
}

/// Where a landmark stood, in classes that survive new posts, other widths and hashed class names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandmarkPlace {
    /// Accessible role.
    pub role: String,
    /// Accessible name; `None` where it is content (an editor's text, a handle).
    pub name: Option<String>,
    /// The chain of landmark regions around it, outermost first (`main`, `form`, `dialog` …).
    pub regions: Vec<String>,
    /// Other landmarks of the surface that lie wholly above it.
    pub below: Vec<ElementName>,
    /// Visible words of a button or link; `None`: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What its markup says that a press does; `None`: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts: Option<String>,
    /// What kind of control it is beside its role (`toggle`, `opens a menu`, `read-only`); `None`: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traits: Option<Vec<String>>,
    /// Further kinds that other recordings of the surface showed it as (a person's page, a company's).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_traits: Vec<Vec<String>>,
    /// Accessible name of the form or dialog that it belongs to; `None`: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whether a locator named it and nothing else.
    #[serde(default)]
    pub alone: bool,
    /// Whether what has its name is it: no locator that named it named another one in its dialog or right beside it, and the page's
    /// frame (header, navigation, footer) held none of its role and name. Of buttons, links and the like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
}
