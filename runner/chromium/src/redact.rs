//! Pictures and documents without what proof never shows.
//!
//! What is masked, and where it stands, is asked of the page itself: from right before a picture until right after it, every place is kept
//! at which such an element stood, and all of them are painted over before the picture leaves this module. A picture whose page was
//! replaced meanwhile is refused and taken again. What is masked in an inner frame of another origin hides the whole frame. Never decides
//! what is private: the recipe does, beside fields that always are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use deed_core::ports::browser::{BrowserFault, Capture, Masked, Place, Rect};
use deed_proofs::picture::Region;
use deed_proofs::scrub::end_of_task;
use deed_recipes::template::Part;
use deed_recipes::{Locator, Recipe};
use serde::{Deserialize, Serialize};

use crate::page::Page;
use crate::pictures::UnderWay;
use crate::query::{Query, RawRect};
use crate::wire::CALL;

/// How often a picture is taken whose page was replaced while it was.
const TRIES: u32 = 3;
/// Around a masked element, in CSS pixels: what a letter or a shadow may stand out.
const MARGIN: f64 = 4.0;
/// What marks a whole inner frame.
const FRAME: &str = "frame";

/// What is masked, as the page's side reads it: made once for a session.
#[derive(Debug, Serialize)]
struct Masking {
    elements: BTreeMap<String, Vec<Locator>>,
    redact: Vec<(String, String)>,
    /// Query parameters that the recipe itself names.
    params: Vec<String>,
}

/// The masking of a recipe as a JavaScript literal.
pub fn masking(recipe: &Recipe) -> String {
    let mut anchors = Query::new(recipe, &deed_core::ports::browser::Look::default());
    let mut elements = BTreeMap::new();
    for (name, _) in &recipe.redact {
        if let Some(element) = recipe.elements.get(name) {
            anchors.with_near(recipe, &element.locators);
            elements.insert(name.clone(), element.locators.clone());
        }
    }
    elements.extend(anchors.into_elements());
    let redact = recipe.redact.iter().map(|(name, kind)| (name.clone(), kind.as_str().to_owned())).collect();
    let params = recipe
        .surfaces
        .values()
        .flat_map(|surface| &surface.url.parts)
        .filter_map(|part| if let Part::Text(text) = part { text.split_once('?') } else { None })
        .flat_map(|(_, query)| query.split('&').filter_map(|pair| pair.split('=').next()).map(str::to_owned))
        .collect();
    serde_json::to_string(&Masking { elements, redact, params }).unwrap_or_else(|_| "null".to_owned())
}

/// One masked element of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct DocumentRegion {
    kind: String,
    path: String,
    words: String,
}

/// A document that may be kept.
#[derive(Debug, Deserialize)]
pub(crate) struct CleanDocument {
    pub(crate) html: String,
    pub(crate) regions: Vec<DocumentRegion>,
    /// Whether anything was masked in an inner frame of another origin.
    #[serde(skip)]
    pub(crate) masked_frames: bool,
}

/// Where masked elements stood while a picture was taken.
#[derive(Debug, Deserialize)]
pub(crate) struct Masks {
    masks: Vec<Mask>,
    /// How often the page drew meanwhile.
    frames: u32,
    /// Of the viewport, in CSS pixels.
    width: f64,
    /// Since when they were kept, in milliseconds since 1970.
    pub(crate) since: f64,
}

/// A number for a watch over a page's masks.
pub(crate) fn token() -> u64 {
    TOKENS.fetch_add(1, Ordering::Relaxed)
}

#[derive(Debug, Deserialize)]
struct Mask {
    kind: String,
    rect: RawRect,
}

impl Masks {
    /// The places in a picture that is so many pixels wide, with their kinds and where they are on the page.
    pub(crate) fn regions(&self, picture_width: u32, with_frames: bool) -> Vec<(String, Rect, Region)> {
        let scale = if self.width > 0.0 { f64::from(picture_width) / self.width } else { 1.0 };
        self.masks
            .iter()
            .filter(|mask| with_frames || mask.kind != FRAME)
            .map(|mask| {
                let rect = Rect {
                    x: mask.rect.x - MARGIN,
                    y: mask.rect.y - MARGIN,
                    width: mask.rect.width + 2.0 * MARGIN,
                    height: mask.rect.height + 2.0 * MARGIN,
                };
                (mask.kind.clone(), rect, pixels(&rect, scale))
            })
            .collect()
    }
}

/// All pixels that a rectangle touches, from the picture's edge on.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float to an integer saturates, and all are brought to zero or more before"
)]
fn pixels(rect: &Rect, scale: f64) -> Region {
    let (left, top) = ((rect.x * scale).floor().max(0.0), (rect.y * scale).floor().max(0.0));
    let (right, bottom) = (((rect.x + rect.width) * scale).ceil(), ((rect.y + rect.height) * scale).ceil());
    let (width, height) = ((right - left).max(0.0), (bottom - top).max(0.0));
    Region { x: left as u32, y: top as u32, width: width as u32, height: height as u32 }
}

/// A picture of the page and where on it something is masked; nothing of it may be kept yet.
struct Raw {
    png: Vec<u8>,
    document: CleanDocument,
    masks: Masks,
}

/// What was seen of a page, before it is masked. Only [`Taken::masked`] leads out of it.
pub(crate) struct Taken(Raw);

static TOKENS: AtomicU64 = AtomicU64::new(1);

/// Takes picture and document. All that is asked of the page first is sent before this future is polled a second time.
pub(crate) async fn take(page: &Page, masking: &str, under_way: &UnderWay) -> Result<Taken, BrowserFault> {
    for _ in 0..TRIES {
        let token = token();
        // Only where the page's world is known is the watch on its way before the picture is asked for.
        let known = page.knows_its_world();
        let (begin, settle) = (format!("maskBegin({token}, {masking}, false)"), format!("maskSettle({token})"));
        let begun = async {
            let masked = page.touch::<bool>(&begin, CALL).await;
            under_way.tell(!matches!(masked, Ok(false)));
            masked
        };
        let settled = page.touch::<Option<Masks>>(&settle, CALL);
        // In the order in which they are sent.
        let flight = async { tokio::join!(begun, page.screenshot(None), page.html(masking)) };
        tokio::pin!(settled, flight);
        let mut early = None;
        let (begun, png, document) = loop {
            tokio::select! {
                biased;
                landed = &mut flight => break landed,
                settled = &mut settled, if early.is_none() => early = Some(settled),
            }
        };
        // A page on which nothing was masked may be left meanwhile; then what it told of its next frames stands.
        let ended = match (&begun, early) {
            (Ok(false), Some(settled)) if under_way.is_left() => settled,
            (Ok(false), None) if under_way.is_left() => settled.await,
            _ => page.touch(&format!("maskEnd({token})"), CALL).await,
        };
        let (png, document) = (png?, document?);
        match (begun, ended) {
            (Ok(_), Ok(Some(masks))) if known && masks.frames > 0 => {
                return Ok(Taken(Raw { png, document, masks }));
            }
            (Err(fault @ (BrowserFault::Gone(_) | BrowserFault::TabCrashed)), _)
            | (_, Err(fault @ (BrowserFault::Gone(_) | BrowserFault::TabCrashed))) => return Err(fault),
            (begun, ended) => {
                let frames = ended.as_ref().ok().and_then(Option::as_ref).map(|m| m.frames);
                tracing::debug!(
                    known,
                    ?frames,
                    begun = begun.is_ok(),
                    "a picture is taken again: its masks are not known"
                );
            }
        }
    }
    Err(BrowserFault::Protocol {
        what: "the picture".to_owned(),
        why: "it is refused: the page was replaced while it was taken, so what must be masked on it is not known"
            .to_owned(),
    })
}

impl Taken {
    /// Paints over what is masked, off the runtime's own threads.
    pub(crate) async fn masked(self) -> Result<Capture, BrowserFault> {
        let Raw { png, document, masks } = self.0;
        let refused = |why: String| BrowserFault::Protocol { what: "the picture".to_owned(), why };
        let none = masks.masks.iter().all(|mask| mask.kind == FRAME && !document.masked_frames);
        let of_document = document.regions.into_iter().map(|region| Masked {
            place: Place::Document { path: region.path },
            kind: region.kind,
            content: region.words.into_bytes(),
        });
        if none {
            return Ok(Capture { png, html: document.html, masked: of_document.collect() });
        }
        let painted = tokio::task::spawn_blocking(move || {
            let width = deed_proofs::picture::inspect(&png).map(|facts| facts.width).map_err(|e| e.to_string())?;
            let regions = masks.regions(width, document.masked_frames);
            let places: Vec<Region> = regions.iter().map(|(_, _, region)| *region).collect();
            let painted = deed_proofs::redact::painted_over(&png, &places).map_err(|e| e.to_string())?;
            Ok::<_, String>((painted, regions))
        });
        let (painted, regions) =
            painted.await.map_err(|e| refused(end_of_task(e.is_panic()).to_owned()))?.map_err(refused)?;
        let of_picture = regions.into_iter().zip(painted.hidden).filter_map(|((kind, rect, _), content)| {
            // Nothing of it lies in the picture.
            let content = content?;
            Some(Masked { place: Place::Picture { rect }, kind, content })
        });
        Ok(Capture { png: painted.png, html: document.html, masked: of_picture.chain(of_document).collect() })
    }
}
