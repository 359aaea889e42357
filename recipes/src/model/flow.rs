//! A flow as checked data: what an order may bring, how it is found out that it is done, the steps, the one commit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Compare, ElementName, SurfaceName};
use crate::template::{Placeholder, Template};

/// The action types of the language, by the names that stand as keys in `flows` and in orders.
pub const ACTION_TYPES: [&str; 13] = [
    "publish.post",
    "publish.reel",
    "publish.story",
    "publish.short",
    "publish.pin",
    "publish.group_post",
    "schedule",
    "edit",
    "delete",
    "like",
    "comment_reply",
    "follow",
    "dm_send",
];

/// One action type of the platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// What an order may bring.
    pub content: ContentRules,
    /// How it is found out that it is done already.
    pub dedupe: Dedupe,
    /// The reversible steps, in order.
    pub steps: Vec<Step>,
    /// What must stand on the page before the commit.
    pub review: Vec<Review>,
    /// The one irreversible input.
    pub commit: Commit,
    /// The write requests that the commit makes. The network gate lets one of them through, once.
    pub writes: Vec<WritePattern>,
    /// What the page says right after the commit.
    pub receipt: Receipt,
    /// How a fresh read-only session finds out what happened.
    pub verify: Verify,
}

impl Flow {
    /// Every template of the flow itself; those of its surfaces are not among them.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let steps = self.steps.iter().flat_map(|step| match step {
            Step::Type { text, .. } => vec![text],
            Step::Upload { files, .. } => vec![files],
            Step::Choose { option, .. } => vec![option],
            _ => Vec::new(),
        });
        let review = self.review.iter().filter_map(|review| match &review.expect {
            ReviewExpect::Equals { text, .. } => Some(text),
            ReviewExpect::CountOfMedia => None,
        });
        let evidence = [&self.dedupe.evidence, &self.verify.evidence].into_iter().flat_map(Evidence::templates);
        steps.chain(review).chain(evidence).chain(self.verify.author.as_ref())
    }

    /// Whether the flow itself names a placeholder.
    #[must_use]
    pub fn names(&self, placeholder: Placeholder) -> bool {
        self.templates().any(|template| template.placeholders().any(|named| named == placeholder))
    }

    /// Whether the flow says when something is to appear.
    #[must_use]
    pub fn schedules(&self) -> bool {
        self.templates().flat_map(Template::placeholders).any(Placeholder::is_schedule)
    }

    /// Whether the review reads something back against the order's target.
    #[must_use]
    pub fn reviews_target(&self) -> bool {
        self.review.iter().any(|review| match &review.expect {
            ReviewExpect::Equals { text, .. } => text.placeholders().any(|named| named == Placeholder::Target),
            ReviewExpect::CountOfMedia => false,
        })
    }
}

/// What an order of this flow may bring.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContentRules {
    /// Greatest number of Unicode scalar values of the text; `None`: the platform has no limit.
    pub text_max: Option<usize>,
    /// Whether an order without text is refused.
    pub text_required: bool,
    /// Greatest number of Unicode scalar values of the title; `None`: no limit.
    pub title_max: Option<usize>,
    /// Whether an order without title is refused.
    pub title_required: bool,
    /// Fewest media files.
    pub media_min: usize,
    /// Greatest number of media files; 0: none.
    pub media_max: usize,
    /// Greatest size of one file, in bytes.
    pub media_bytes_max: Option<u64>,
    /// Media types that are taken, e.g. `image/png`; empty: `image/png`, `image/jpeg`, `image/webp`.
    pub media_types: Vec<String>,
    /// Least width divided by height of a picture or video.
    pub aspect_min: Option<f64>,
    /// Greatest width divided by height.
    pub aspect_max: Option<f64>,
    /// Least width and least height of a picture, in pixels.
    pub pixels_min: Option<u32>,
    /// Longest video, in seconds.
    pub seconds_max: Option<u32>,
    /// What the platform makes of links; told to the operator only.
    pub links: Option<String>,
    /// Whether an order names what it aims at.
    pub target: TargetRule,
}

/// See [`ContentRules::target`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRule {
    /// It names none.
    #[default]
    None,
    /// It must name one.
    Required,
}

/// How it is found out that the order is done already.
#[derive(Debug, Clone, PartialEq)]
pub struct Dedupe {
    /// The surface.
    pub on: SurfaceName,
    /// What shows it.
    pub evidence: Evidence,
    /// How many of the newest entries of a list are looked at.
    pub look_back: usize,
}

/// What shows that an order is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// An entry of the surface's list.
    Same(Same),
    /// An element that is so.
    State(StateEvidence),
    /// An object that is no longer there.
    Gone(GoneEvidence),
}

impl Evidence {
    /// The key by which a recipe writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Same(_) => "same",
            Self::State(_) => "state",
            Self::Gone(_) => "gone",
        }
    }

    /// What is compared with the page.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Same(same) => std::iter::once(&same.text).chain(same.title.as_ref()).collect(),
            Self::State(StateEvidence { is: StateIs::Name(text) | StateIs::Text(text), .. }) => vec![text],
            Self::State(_) | Self::Gone(_) => Vec::new(),
        }
    }
}

/// What makes an entry the same as the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Same {
    /// The text.
    pub text: Template,
    /// The title, where the list shows one.
    pub title: Option<Template>,
    /// Whether the number of media objects must be the same too.
    pub media: bool,
}

/// An element that shows by its state that the order is done.
#[derive(Debug, Clone, PartialEq)]
pub struct StateEvidence {
    /// The element.
    pub element: ElementName,
    /// How it is when the order is done.
    pub is: StateIs,
    /// How name or text are compared.
    pub compare: Compare,
    /// What is visible when the page has loaded and the order is not done; tells "not there" from "not loaded".
    pub unless: Option<ElementName>,
}

/// See [`StateEvidence::is`].
#[derive(Debug, Clone, PartialEq)]
pub enum StateIs {
    /// A toggle button that says it is pressed.
    Pressed,
    /// One that says it is not.
    NotPressed,
    /// A checkbox, radio button or switch that is on.
    Checked,
    /// One that is off.
    NotChecked,
    /// Visible at all.
    Visible,
    /// Its accessible name.
    Name(Template),
    /// Its text or value.
    Text(Template),
}

/// An object that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneEvidence {
    /// Any of these says that it is gone.
    pub any: Vec<GoneSign>,
    /// What is visible as long as it is there.
    pub unless: ElementName,
}

/// One sign that an object is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoneSign {
    /// The HTTP status of the object's document.
    Status(u16),
    /// A notice that is visible.
    Element(ElementName),
}

/// A reversible step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Go to a surface.
    Open(SurfaceName),
    /// Put a text into a field or editor; what stands there is cleared first.
    Type {
        /// The field.
        into: ElementName,
        /// The text.
        text: Template,
    },
    /// Give files to the page.
    Upload {
        /// By which way.
        to: UploadTo,
        /// Names the order's files: `{content.media}`.
        files: Template,
    },
    /// A click that can be taken back.
    Click(ElementName),
    /// The same click again and again, until another element is there (a calendar's next month).
    ClickUntil {
        /// What is clicked.
        element: ElementName,
        /// What must be visible then; when it is there already, nothing is clicked.
        until: ElementName,
        /// Greatest number of clicks.
        times_max: u32,
    },
    /// Put the pointer on an element, to open what opens under it.
    Hover(ElementName),
    /// A click on an element that may or may not be there (a welcome dialog's button).
    Dismiss(ElementName),
    /// Choose an option of a native select.
    Choose {
        /// The select.
        from: ElementName,
        /// The option's label, else its value.
        option: Template,
    },
    /// Bring a checkbox or switch to a state; nothing when it stands so already.
    Toggle {
        /// The checkbox or switch.
        element: ElementName,
        /// The state.
        on: bool,
    },
    /// Press a key that commits nothing.
    Press {
        /// The key.
        key: Key,
        /// The element that is given the focus first.
        on: Option<ElementName>,
    },
    /// Scroll.
    Scroll(Scroll),
    /// Wait.
    WaitFor(WaitFor),
    /// Wait for what takes its time (the processing of a film), with a bound of its own.
    WaitLong {
        /// What for.
        condition: WaitFor,
        /// The bound, in seconds.
        within_s: u32,
    },
    /// Keep an element's text for later steps and the review.
    Read {
        /// The element.
        element: ElementName,
        /// The name under which it is kept.
        name: String,
    },
}

impl Step {
    /// The elements that the step names.
    pub fn elements(&self) -> impl Iterator<Item = &ElementName> {
        let (one, other) = match self {
            Self::Open(_) | Self::Press { on: None, .. } => (None, None),
            Self::Type { into: element, .. }
            | Self::Upload { to: UploadTo::Input(element) | UploadTo::Button(element), .. }
            | Self::Click(element)
            | Self::Hover(element)
            | Self::Dismiss(element)
            | Self::Choose { from: element, .. }
            | Self::Toggle { element, .. }
            | Self::Press { on: Some(element), .. }
            | Self::Scroll(Scroll::To(element))
            | Self::Read { element, .. } => (Some(element), None),
            Self::ClickUntil { element, until, .. } => (Some(element), Some(until)),
            Self::Scroll(Scroll::Until { element, within, .. }) => (Some(element), within.as_ref()),
            Self::WaitFor(condition) | Self::WaitLong { condition, .. } => (Some(condition.element()), None),
        };
        one.into_iter().chain(other)
    }
}

impl WaitFor {
    /// The element that is waited for.
    #[must_use]
    pub const fn element(&self) -> &ElementName {
        let (Self::Visible(element) | Self::Gone(element) | Self::Enabled(element)) = self;
        element
    }
}

/// See [`Step::Upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadTo {
    /// A file input; it may be hidden.
    Input(ElementName),
    /// A button that opens the browser's file chooser.
    Button(ElementName),
}

/// The keys of the language. Enter and Space are not among them: on a button they commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the key of that name")]
pub enum Key {
    Escape,
    Tab,
    ArrowUp,
    ArrowDown,
    ArrowLeft,
    ArrowRight,
    PageUp,
    PageDown,
    Home,
    End,
}

impl Key {
    /// Every key of the language.
    pub const ALL: [Self; 10] = [
        Self::Escape,
        Self::Tab,
        Self::ArrowUp,
        Self::ArrowDown,
        Self::ArrowLeft,
        Self::ArrowRight,
        Self::PageUp,
        Self::PageDown,
        Self::Home,
        Self::End,
    ];

    /// Its name in recipes and in the browser (UI Events `key`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Escape => "Escape",
            Self::Tab => "Tab",
            Self::ArrowUp => "ArrowUp",
            Self::ArrowDown => "ArrowDown",
            Self::ArrowLeft => "ArrowLeft",
            Self::ArrowRight => "ArrowRight",
            Self::PageUp => "PageUp",
            Self::PageDown => "PageDown",
            Self::Home => "Home",
            Self::End => "End",
        }
    }
}

/// See [`Step::Scroll`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scroll {
    /// Bring an element into view.
    To(ElementName),
    /// Page by page, until an element is there.
    Until {
        /// The element.
        element: ElementName,
        /// What is scrolled; `None`: the page.
        within: Option<ElementName>,
        /// Greatest number of pages.
        times_max: u32,
    },
}

/// See [`Step::WaitFor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// Until it is visible.
    Visible(ElementName),
    /// Until no locator finds it visible.
    Gone(ElementName),
    /// Until it is visible and takes input.
    Enabled(ElementName),
}

/// One thing that must stand on the page before the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// Where.
    pub element: ElementName,
    /// What is asked of it.
    pub expect: ReviewExpect,
}

/// See [`Review`].
#[derive(Debug, Clone, PartialEq)]
pub enum ReviewExpect {
    /// Its text or value is this.
    Equals {
        /// What it must be.
        text: Template,
        /// How the two are compared.
        compare: Compare,
    },
    /// As many of it are visible as the order has media files (`count: "{content.media}"`).
    CountOfMedia,
}

/// The one irreversible input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// What is clicked.
    pub click: ElementName,
}

/// A write request: method and a glob over the path (`POST /api/posts`), and where one path serves many kinds of request,
/// what its query or its body contains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WritePattern {
    /// Upper case.
    pub method: String,
    /// `*` stands for any run of characters.
    pub path: String,
    /// What the body contains; `None`: not asked.
    pub body: Option<String>,
    /// What the URL's query contains; `None`: not asked.
    pub query: Option<String>,
}

impl fmt::Display for WritePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(query) = &self.query {
            write!(f, " with \"{query}\" in its query")?;
        }
        if let Some(body) = &self.body {
            write!(f, " with \"{body}\" in its body")?;
        }
        Ok(())
    }
}

/// What the page says right after the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Any of these is a receipt.
    pub any: Vec<ReceiptSign>,
    /// Where the object's id is read.
    pub object_id: Option<ObjectId>,
    /// How long it is waited for, in milliseconds.
    pub within_ms: u64,
}

/// One sign of success.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceiptSign {
    /// A text in a status or alert region, contained, case ignored.
    Toast(String),
    /// The page's path; `{object_id}` in it is read.
    Url(Template),
    /// An element that is visible.
    Element(ElementName),
}

/// Where the object's id is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectId {
    /// A path into the JSON body of the write request's response: `$.id`, `$.data.post.id`.
    Response(String),
}

/// How a fresh read-only session finds out what happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Verify {
    /// The surface.
    pub on: SurfaceName,
    /// What shows that the order is done.
    pub evidence: Evidence,
    /// Who must have written an entry, compared as a handle.
    pub author: Option<Template>,
    /// How long the platform may take to show it, in seconds.
    pub settle_s: u64,
    /// The element that leads to the object's own page; `None`: the entry's `permalink`.
    pub permalink: Option<ElementName>,
    /// What the object's own page must show for level 3.
    pub engagement: Option<ElementName>,
    /// Greatest number of reads before a person is asked.
    pub reads_max: u32,
    /// The first pause before what waits for the platform's review is looked at again, in seconds; it doubles.
    pub review_s: u64,
    /// Greatest number of looks at what waits for the platform's review before a person is told.
    pub reviews_max: u32,
}
