//! What the engine asks a checked recipe: its flows, its elements, where a surface is, which origins are home.
//!
//! Never opens a page and never gives out a URL outside the recipe's origins.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::json_path;
use crate::model::{Element, Flow, ObjectId, OriginPattern, PortPattern, Recipe, ReviewExpect, Step, Surface, Words};
use crate::template::{MissingValue, Part, Placeholder, Values};

/// Everything but the unreserved characters of RFC 3986: a value fills one path segment and can never end it.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a surface has no URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The recipe does not define the surface.
    #[error("the recipe has no surface `{surface}`")]
    UnknownSurface {
        /// The name that was asked for.
        surface: String,
    },
    /// The surface's URL names something that the caller does not have.
    #[error(transparent)]
    MissingValue(#[from] MissingValue),
    /// A value cannot be a part of a path (empty, `.` or `..`).
    #[error("the value of {placeholder} cannot stand in a URL: `{value}`")]
    BadValue {
        /// Which one, with its braces.
        placeholder: String,
        /// Its value.
        value: String,
    },
    /// What came out is no URL.
    #[error("`{url}` is not a URL")]
    NotAUrl {
        /// What came out.
        url: String,
    },
    /// What came out is not within the recipe's origins.
    #[error("`{url}` is outside the recipe's origins")]
    OutsideOrigins {
        /// What came out.
        url: String,
    },
}

impl UrlError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownSurface { .. } => "url-unknown-surface",
            Self::MissingValue(missing) => missing.code(),
            Self::BadValue { .. } => "url-bad-value",
            Self::NotAUrl { .. } => "url-not-a-url",
            Self::OutsideOrigins { .. } => "url-outside-origins",
        }
    }
}

impl Recipe {
    /// Whether what an order of this action type says is between two people: a direct message, or a text that stands in an element which
    /// the recipe redacts. Proof holds its hash then, never its words.
    #[must_use]
    pub fn is_private(&self, action_type: &str) -> bool {
        action_type.starts_with("dm_")
            || self
                .flow(action_type)
                .is_some_and(|flow| flow.review.iter().any(|r| self.redact.contains_key(&r.element)))
    }

    /// The flow of an action type (`publish.post`).
    #[must_use]
    pub fn flow(&self, action_type: &str) -> Option<&Flow> {
        self.flows.get(action_type)
    }

    /// An element by name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&Element> {
        self.elements.get(name)
    }

    /// The recipe of one order: where elements are known by the order's time, it is filled in. What the order does not have stays open,
    /// and what is open is never found. Everything else, the hash too, is the recipe's.
    #[must_use]
    pub fn for_order(&self, values: &dyn Values) -> Self {
        let mut filled = self.clone();
        for element in filled.elements.values_mut() {
            if let Some(of_order) = element.for_order(values) {
                *element = of_order;
            }
        }
        filled
    }

    /// Whether an element of it is known by the order's time.
    #[must_use]
    pub fn has_words_of_order(&self) -> bool {
        self.elements.values().any(|element| element.words == Words::OfOrder)
    }

    /// A surface by name.
    #[must_use]
    pub fn surface(&self, name: &str) -> Option<&Surface> {
        self.surfaces.get(name)
    }

    /// The default base of relative URLs: the first origin that has no wildcard. `None`: the account brings it.
    #[must_use]
    pub fn base_origin(&self) -> Option<String> {
        self.origins.iter().find(|origin| origin.port != PortPattern::Any).map(OriginPattern::to_string)
    }

    /// Whether the session may be carried to this origin (`https://practice.test`; a whole URL is judged by its origin).
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        Url::parse(origin).is_ok_and(|url| self.allows_url(&url))
    }

    /// Whether a tab may be at a URL: within `origins`, or no place of the network at all (`about:blank`).
    #[must_use]
    pub fn allows_request_of_tab(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| !matches!(url.scheme(), "http" | "https") || self.allows_url(&url))
    }

    /// Whether an inner frame or a background request may go to a URL: within `origins` or `resources`.
    #[must_use]
    pub fn may_reach(&self, url: &str) -> bool {
        self.allows_request_of_tab(url)
            || Url::parse(url).is_ok_and(|url| self.resources.iter().any(|origin| origin.covers(&url)))
    }

    /// Whether the platform runs on this machine: every origin is this machine's.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.origins.iter().all(OriginPattern::is_local)
    }

    /// Where a surface is. `base_origin` is the account's origin, e.g. [`Recipe::base_origin`].
    ///
    /// A placeholder fills (part of) one path segment, percent-encoded; only a URL that is nothing but `{target}` is taken
    /// as it comes.
    ///
    /// # Errors
    /// An unknown surface, a value that is missing or cannot stand in a path, a result outside the recipe's origins.
    pub fn url_of(&self, surface: &str, base_origin: &str, values: &dyn Values) -> Result<String, UrlError> {
        let template = match self.surface(surface) {
            Some(found) => &found.url,
            None => {
                return Err(UrlError::UnknownSurface { surface: surface.to_owned() });
            }
        };
        let reference = if template.is_only(Placeholder::Target) {
            template.try_fill(values)?
        } else {
            let filled: Result<Vec<String>, UrlError> =
                template.parts.iter().map(|part| url_part(part, values)).collect();
            filled?.concat()
        };
        let base = Url::parse(base_origin).map_err(|_| UrlError::NotAUrl { url: base_origin.to_owned() })?;
        let url = base.join(&reference).map_err(|_| UrlError::NotAUrl { url: reference })?;
        if self.allows_url(&url) { Ok(url.into()) } else { Err(UrlError::OutsideOrigins { url: url.into() }) }
    }

    /// The surfaces that an episode of a flow visits, in its order, each once; none for a flow that there is not.
    #[must_use]
    pub fn visits(&self, flow: &str) -> Vec<&str> {
        let Some(flow) = self.flow(flow) else { return Vec::new() };
        let opened = flow.steps.iter().filter_map(|step| match step {
            Step::Open(surface) => Some(surface.as_str()),
            _ => None,
        });
        let mut visits: Vec<&str> = Vec::new();
        for surface in
            [self.identity.on.as_str(), &flow.dedupe.on].into_iter().chain(opened).chain([flow.verify.on.as_str()])
        {
            if !visits.contains(&surface) {
                visits.push(surface);
            }
        }
        visits
    }

    /// What must stand in the composer of a flow when it is reviewed: what holds the order's words, and what is pressed. None for a
    /// flow that there is not.
    #[must_use]
    pub fn reviewed(&self, flow: &str) -> Vec<&str> {
        let Some(flow) = self.flow(flow) else { return Vec::new() };
        let words = flow.review.iter().filter(|r| matches!(r.expect, ReviewExpect::Equals { .. }));
        let mut reviewed: Vec<&str> = words.map(|r| r.element.as_str()).collect();
        reviewed.push(&flow.commit.click);
        reviewed.sort_unstable();
        reviewed.dedup();
        reviewed
    }

    fn allows_url(&self, url: &Url) -> bool {
        self.origins.iter().any(|origin| origin.covers(url))
    }
}

fn url_part(part: &Part, values: &dyn Values) -> Result<String, UrlError> {
    if let Part::Text(text) = part {
        return Ok(text.clone());
    }
    let placeholder = part.shown();
    let value = part.value(values).ok_or_else(|| MissingValue { placeholder: placeholder.clone() })?;
    match &*value {
        "" | "." | ".." => Err(UrlError::BadValue { placeholder, value: value.into_owned() }),
        value => Ok(utf8_percent_encode(value, SEGMENT).to_string()),
    }
}

impl ObjectId {
    /// Reads the object's id out of the JSON body of the write's response: a non-empty text, or a whole number.
    #[must_use]
    pub fn read(&self, body: &serde_json::Value) -> Option<String> {
        let Self::Response(path) = self;
        match json_path::follow(&json_path::parse(path)?, body)? {
            serde_json::Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            serde_json::Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        }
    }
}
