//! Orders: what somebody asks for, as a JSON file.
//!
//! A closed schema; every error names its line and column. Media are named relative to the order's file, looked at by
//! content, and kept under their hash before the order is filed, so that what is uploaded later is what was ordered.
//! Nothing is filed here.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use deed_core::approval::Risk;
use deed_core::order::{Content, Media, MediaShape, Payload, Priority};
use deed_core::policy::content_problems;
use deed_core::time::Timestamp;
use deed_proofs::Sha256;
use deed_proofs::picture::{self, PictureError};
use deed_proofs::video::{self, VideoError, VideoFacts};
use deed_recipes::Recipe;
use deed_recipes::policy::Share;
use serde::Deserialize;
use url::Url;

use crate::suggest::did_you_mean;

/// Largest order, in bytes.
pub const ORDER_BYTES_MAX: u64 = 1024 * 1024;
/// Largest media file that is read at all, in bytes; the recipe's own limit is mostly lower.
pub const MEDIA_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most media files that are read at all.
const MEDIA_MAX: usize = 64;
/// Most sources of an order.
const CITATIONS_MAX: usize = 50;

/// What is wrong with an order. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The file can not be read.
    #[error("failed to read the order: {why}")]
    Unreadable {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// It is not what an order looks like.
    #[error("{message}")]
    Invalid {
        /// Its name.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// A media file can not be used.
    #[error("the media file can not be used: {why}")]
    Media {
        /// Which one.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A copy of a media file can not be kept: not the order's fault.
    #[error("failed to keep a copy of the media file: {source}")]
    Keep {
        /// Where it would be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A media file is no picture or video that platforms take.
    #[error("{source}")]
    Picture {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        source: PictureError,
    },
    /// A media file is a video whose header can not be read.
    #[error("{source}")]
    Video {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        source: VideoError,
    },
    /// The recipe has no such action type.
    #[error("the recipe of {platform} has no flow `{action}`")]
    Flow {
        /// The order's name.
        name: String,
        /// The platform.
        platform: String,
        /// What was asked for.
        action: String,
        /// What to write instead.
        help: String,
    },
    /// The platform does not take this content.
    #[error("the platform does not take this content: {}", problems.join("; "))]
    Content {
        /// The order's name.
        name: String,
        /// All of it.
        problems: Vec<String>,
    },
    /// A kept media file is no longer what was ordered.
    #[error("the kept media file is {why}")]
    MediaChanged {
        /// Which one.
        path: PathBuf,
        /// Missing or changed.
        why: &'static str,
    },
}

impl OrderError {
    /// The same error of a text that begins so many lines further down.
    #[must_use]
    pub fn moved_down(mut self, lines: usize) -> Self {
        if let Self::Invalid { line, .. } = &mut self {
            *line += lines;
        }
        self
    }

    /// The stable code; also the anchor in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "order-unreadable",
            Self::Invalid { .. } => "order-invalid",
            Self::Media { .. } => "order-media",
            Self::Keep { .. } => "file",
            Self::Picture { source, .. } => source.code(),
            Self::Video { source, .. } => source.code(),
            Self::Flow { .. } => "order-flow",
            Self::Content { .. } => "order-content",
            Self::MediaChanged { .. } => "media-changed",
        }
    }

    /// Where.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Unreadable { name, .. } | Self::Flow { name, .. } | Self::Content { name, .. } => Some(name.clone()),
            Self::Invalid { name, line, column, .. } => Some(format!("{name}:{line}:{column}")),
            Self::Media { path, .. }
            | Self::Keep { path, .. }
            | Self::Picture { path, .. }
            | Self::Video { path, .. }
            | Self::MediaChanged { path, .. } => Some(path.display().to_string()),
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "name a JSON file, or - for standard input".to_owned(),
            Self::Invalid { help, .. } | Self::Flow { help, .. } => help.clone(),
            Self::Media { .. } => {
                "media are named relative to the order's file; each must be there, readable, and within the limit".to_owned()
            }
            Self::Keep { .. } => {
                "make room there, or give this user the right to write, then run the same order again; nothing was stored"
                    .to_owned()
            }
            Self::Picture { .. } => {
                "give a PNG, JPEG or WebP picture, or an MP4, QuickTime or WebM video, that opens elsewhere".to_owned()
            }
            Self::Video { .. } => {
                "export the video again, as MP4; it must play elsewhere from beginning to end".to_owned()
            }
            Self::Content { .. } => "change the order; nothing was stored".to_owned(),
            Self::MediaChanged { .. } => {
                "file the same order again from its original media: that puts the kept copy right".to_owned()
            }
        }
    }
}

/// An order, as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFile {
    /// Names the recipe.
    pub platform: String,
    /// Handle, `platform/handle` or id.
    pub account: String,
    /// Action type, `publish.post` and so on.
    pub action: String,
    /// What is to be published.
    #[serde(default)]
    pub content: ContentFile,
    /// Whose; must be the account's client when it is said.
    pub client: Option<String>,
    /// What it aims at, where the action type has a target.
    pub target: Option<String>,
    /// The filer's own key.
    pub idempotency_key: Option<String>,
    /// The experiment (publish only).
    pub experiment_id: Option<String>,
    /// The variant (publish only).
    pub variant_id: Option<String>,
    /// What goes first when several are due.
    #[serde(default)]
    pub priority: Priority,
    /// Not to be begun before, RFC 3339.
    pub not_before: Option<String>,
    /// Actions that must be confirmed before: action ids, or idempotency keys of the same client.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Actions of one batch are worked on one after another.
    pub batch: Option<String>,
    /// How sure its author is of it, 0 to 1.
    pub score: Option<Share>,
    /// Whether somebody pays for it.
    #[serde(default)]
    pub sponsored: bool,
    /// Whether it makes claims that want a source.
    #[serde(default)]
    pub claims: bool,
    /// The sources of its claims, as URLs.
    #[serde(default)]
    pub citations: Vec<String>,
    /// How much harm it could do; raises the number of people that the account asks for, never lowers it.
    #[serde(default)]
    pub risk: Risk,
}

/// The content, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentFile {
    /// The text.
    #[serde(default)]
    pub text: String,
    /// Paths of media files, relative to the order's file.
    #[serde(default)]
    pub media: Vec<PathBuf>,
    /// The title, where the action type has one.
    pub title: Option<String>,
    /// When it is to appear, RFC 3339, where the action type says so.
    pub scheduled_at: Option<String>,
}

const KEYS: [&str; 18] = [
    "account",
    "action",
    "batch",
    "citations",
    "claims",
    "client",
    "content",
    "depends_on",
    "experiment_id",
    "idempotency_key",
    "not_before",
    "platform",
    "priority",
    "risk",
    "score",
    "sponsored",
    "target",
    "variant_id",
];
const CONTENT_KEYS: [&str; 4] = ["media", "scheduled_at", "text", "title"];

/// An order and where its media lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What errors call it.
    pub name: String,
    /// What it says.
    pub file: OrderFile,
    /// What relative media paths count from.
    folder: PathBuf,
}

/// Reads an order from a file, or from standard input when the path is `-`.
///
/// # Errors
/// It can not be read, or is no order.
pub fn read(path: &Path) -> Result<Order, OrderError> {
    let stdin = path == Path::new("-");
    let name = if stdin { "(standard input)".to_owned() } else { path.display().to_string() };
    let unreadable = |why: String| OrderError::Unreadable { name: name.clone(), why };
    let mut text = String::new();
    let read = if stdin {
        io::stdin().lock().take(ORDER_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(ORDER_BYTES_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(|e| unreadable(e.to_string()))?;
    if text.len() as u64 > ORDER_BYTES_MAX {
        return Err(unreadable(format!("it is larger than {ORDER_BYTES_MAX} bytes")));
    }
    let folder = if stdin { PathBuf::new() } else { path.parent().unwrap_or_else(|| Path::new("")).to_owned() };
    let file = parse(&name, &text)?;
    Ok(Order { name, file, folder })
}

/// Reads the text of an order.
///
/// # Errors
/// [`OrderError::Invalid`].
pub fn parse(name: &str, text: &str) -> Result<OrderFile, OrderError> {
    let invalid = |line, column, message: String, help: String| OrderError::Invalid {
        name: name.to_owned(),
        line,
        column,
        message,
        help,
    };
    let file: OrderFile = serde_json::from_str(text).map_err(|error| {
        let words = error.to_string();
        let message = words.rsplit_once(" at line ").map_or(words.as_str(), |(before, _)| before).to_owned();
        let help = help_for(&message);
        invalid(error.line(), error.column(), message, help)
    })?;
    let whole = |message: &str, help: &str| Err(invalid(1, 1, message.to_owned(), help.to_owned()));
    for (key, value) in [("platform", &file.platform), ("account", &file.account), ("action", &file.action)] {
        if value.trim().is_empty() {
            return whole(&format!("`{key}` is empty"), "every order names its platform, account and action");
        }
    }
    if file.idempotency_key.as_deref().is_some_and(|key| key.trim().is_empty()) {
        return whole("`idempotency_key` is empty", "give it a value, or leave it out: then the content makes the key");
    }
    if file.target.as_deref().is_some_and(|target| target.trim().is_empty()) {
        return whole("`target` is empty", "write a permalink, a handle or a place's URL, or leave it out");
    }
    if file.content.title.as_deref().is_some_and(|title| title.trim().is_empty()) {
        return whole("`content.title` is empty", "give it a value, or leave it out");
    }
    if let Some(at) = file.content.scheduled_at.as_deref().filter(|at| Timestamp::parse(at).is_none()) {
        let message = format!("`content.scheduled_at` is no time: `{at}`");
        return whole(&message, "write RFC 3339 with its zone: 2026-11-20T09:30:00Z or 2026-11-20T10:30:00+01:00");
    }
    if let Some(at) = file.not_before.as_deref().filter(|at| Timestamp::parse(at).is_none()) {
        let message = format!("`not_before` is no time: `{at}`");
        return whole(&message, "write RFC 3339 with its zone: 2026-11-20T09:30:00Z or 2026-11-20T10:30:00+01:00");
    }
    if file.batch.as_deref().is_some_and(|batch| batch.trim().is_empty()) {
        return whole("`batch` is empty", "give it a name, or leave it out");
    }
    let web = |url: &str| Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(bad) = file.citations.iter().find(|url| !web(url)) {
        return whole(&format!("`citations` has `{bad}`, which is no URL"), "write each source as https://…");
    }
    if file.citations.len() > CITATIONS_MAX {
        let message = format!("`citations` has {} sources", file.citations.len());
        return whole(&message, "name at most 50: those that carry the claims");
    }
    if (file.experiment_id.is_some() || file.variant_id.is_some()) && !file.action.starts_with("publish.") {
        return whole("`experiment_id` and `variant_id` belong to publish actions", "leave them out of this order");
    }
    Ok(file)
}

/// serde names what it did not know between backticks.
fn help_for(message: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match unknown {
        Some(key) if message.contains("`media`") && !message.contains("`platform`") => did_you_mean(key, &CONTENT_KEYS),
        Some(key) => did_you_mean(key, &KEYS),
        None => "an order looks like this: {\"platform\":\"practice\",\"account\":\"north_star\",\"action\":\"publish.post\",\"content\":{\"text\":\"…\"}}"
            .to_owned(),
    }
}

impl Order {
    /// An order that was made in this process.
    pub fn from_parts(name: &str, file: OrderFile, folder: &Path) -> Self {
        Self { name: name.to_owned(), file, folder: folder.to_owned() }
    }

    /// What the recipe says about it: nothing, when it takes the order.
    ///
    /// # Errors
    /// [`OrderError::Flow`], [`OrderError::Content`].
    pub fn check(&self, recipe: &Recipe, payload: &Payload) -> Result<(), OrderError> {
        let name = self.name.clone();
        if recipe.flow(&payload.action_type).is_none() {
            let known: Vec<_> = recipe.flows.keys().map(String::as_str).collect();
            let action = payload.action_type.clone();
            let help = did_you_mean(&action, &known);
            return Err(OrderError::Flow { name, platform: recipe.platform.clone(), action, help });
        }
        let problems = content_problems(recipe, payload);
        if problems.is_empty() { Ok(()) } else { Err(OrderError::Content { name, problems }) }
    }

    /// What is to be stored: media looked at, not yet kept. `kept_in` is where [`keep_media`] puts them.
    ///
    /// # Errors
    /// A media file that can not be read or is no picture.
    pub fn payload(&self, kept_in: &Path) -> Result<Payload, OrderError> {
        let content = &self.file.content;
        if content.media.len() > MEDIA_MAX {
            let problems =
                vec![format!("the order has {} media files, at most {MEDIA_MAX} are looked at", content.media.len())];
            return Err(OrderError::Content { name: self.name.clone(), problems });
        }
        let media = content.media.iter().map(|path| self.look_at(path, kept_in)).collect::<Result<_, _>>()?;
        Ok(Payload {
            action_type: self.file.action.clone(),
            content: Content {
                text: content.text.clone(),
                media,
                title: content.title.clone(),
                scheduled_at: content.scheduled_at.as_deref().and_then(Timestamp::parse),
                sponsored: self.file.sponsored,
                claims: self.file.claims,
                citations: self.file.citations.clone(),
                score: self.file.score,
            },
            target: self.file.target.clone(),
        })
    }

    fn look_at(&self, path: &Path, kept_in: &Path) -> Result<Media, OrderError> {
        let path = self.folder.join(path);
        let bytes = read_media(&path)?;
        let (media_type, shape) = facts(&path, &bytes)?;
        let sha256 = Sha256::of(&bytes);
        let name = path.file_name().map_or_else(|| "picture".into(), |n| n.to_string_lossy().into_owned());
        Ok(Media {
            path: kept_in.join(sha256.to_string()).join(name).display().to_string(),
            sha256,
            bytes: bytes.len() as u64,
            media_type: media_type.to_owned(),
            shape: Some(shape),
        })
    }

    /// Puts a copy of each media file where the payload says it is. The folder is named by the content, the file by its own name,
    /// because pages show it.
    ///
    /// # Errors
    /// A copy can not be made, or the file changed since it was looked at.
    pub fn keep_media(&self, payload: &Payload) -> Result<(), OrderError> {
        for (said, media) in self.file.content.media.iter().zip(&payload.content.media) {
            let kept = Path::new(&media.path);
            if check_kept(media).is_ok() {
                continue;
            }
            let from = self.folder.join(said);
            let bytes = read_media(&from)?;
            if Sha256::of(&bytes) != media.sha256 {
                return Err(OrderError::Media { path: from, why: "it changed while it was read".to_owned() });
            }
            write_private(kept, &bytes).map_err(|source| OrderError::Keep { path: kept.to_owned(), source })?;
        }
        Ok(())
    }
}

/// Whether every kept media file of an action is there and is what was ordered.
///
/// # Errors
/// [`OrderError::MediaChanged`] for the first that is not.
pub fn check_media(payload: &Payload) -> Result<(), OrderError> {
    payload.content.media.iter().try_for_each(check_kept)
}

fn check_kept(media: &Media) -> Result<(), OrderError> {
    let changed = |why| OrderError::MediaChanged { path: PathBuf::from(&media.path), why };
    let bytes = read_media(Path::new(&media.path)).map_err(|_| changed("missing"))?;
    if Sha256::of(&bytes) == media.sha256 { Ok(()) } else { Err(changed("not what was ordered")) }
}

/// What a media file is, by its content.
fn facts(path: &Path, bytes: &[u8]) -> Result<(&'static str, MediaShape), OrderError> {
    if video::is_video(bytes) {
        let facts = video::inspect(bytes).map_err(|source| OrderError::Video { path: path.to_owned(), source })?;
        let VideoFacts { media_type, width, height, milliseconds } = facts;
        return Ok((media_type, MediaShape { width, height, milliseconds }));
    }
    let refused = |source| OrderError::Picture { path: path.to_owned(), source };
    let media_type = picture::inspect(bytes).map_err(refused)?.media_type;
    let (width, height) = picture::shown_size(bytes).map_err(refused)?;
    Ok((media_type, MediaShape { width, height, milliseconds: None }))
}

fn read_media(path: &Path) -> Result<Vec<u8>, OrderError> {
    let unusable = |why: String| OrderError::Media { path: path.to_owned(), why };
    let file = File::open(path).map_err(|e| unusable(e.to_string()))?;
    let meta = file.metadata().map_err(|e| unusable(e.to_string()))?;
    // A pipe or device could keep the reader waiting.
    if !meta.is_file() {
        return Err(unusable("it is no file".to_owned()));
    }
    let too_large = || unusable(format!("it is larger than {} MiB, the most that is ever read", MEDIA_BYTES_MAX >> 20));
    if meta.len() > MEDIA_BYTES_MAX {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(MEDIA_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| unusable(e.to_string()))?;
    // It may have grown while it was read.
    if bytes.len() as u64 > MEDIA_BYTES_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Written beside its place and renamed into it, so that nobody sees half of it.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    crate::context::make_private_dir(folder)?;
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(bytes)?;
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|e| e.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
