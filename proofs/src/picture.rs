//! Pictures: whether two look alike, and what a file really is.
//!
//! Owns the image hash by which an avatar is recognised, and the bounded decoding of untrusted pictures. It never
//! decides whether two pictures are the same: it measures, the recipe's `distance_max` decides.

use std::fmt;
use std::io::Cursor;
use std::str::FromStr;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, RgbaImage};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hash::parse_hex_u64;

mod difference;

pub use difference::{PictureDifference, difference};

/// The longest side that is decoded, in pixels: a full-page screenshot fits.
pub const SIDE_MAX: u32 = 32_768;
/// The largest area that is decoded, in pixels.
pub const AREA_MAX: u64 = 50_000_000;
/// The most memory that decoding one picture may take, in bytes.
const DECODE_MEMORY_MAX: u64 = 512 * 1024 * 1024;
/// By how many grey levels of 255 a cell must be brighter than its left neighbour to count: less is what compression does.
const STEP_MIN: u64 = 2;
const COLUMNS: u32 = 9;
const ROWS: u32 = 8;

/// A 64-bit difference hash: bit by bit, whether the picture gets brighter from one cell of a 9 × 8 grid to the next.
///
/// Source: N. Krawetz, "Kind of Like That" (hackerfactor.com, 2013), with two changes that make it stand still for
/// pictures that were scaled and compressed again: cells are exact averages, and a step counts from two grey levels on.
/// Transparent parts are taken as white. Written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageHash(u64);

/// A part of a picture, in its pixels from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Pixels from the left edge.
    pub x: u32,
    /// Pixels from the top edge.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// What a picture file is, by its content and not by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureFacts {
    /// `image/png`, `image/jpeg` or `image/webp`.
    pub media_type: &'static str,
    /// Width in pixels, as stored (before any rotation that its metadata asks for).
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
}

/// Why a picture was refused.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Not PNG, JPEG or WebP.
    #[error("failed to read the picture: it is neither PNG, JPEG nor WebP")]
    UnknownFormat,
    /// The file's content is damaged or cut short.
    #[error("failed to decode the picture: {0}")]
    Damaged(#[source] ImageError),
    /// Decoding it would take more than is allowed.
    #[error(
        "the picture of {width} × {height} pixels is refused: at most {SIDE_MAX} a side and {AREA_MAX} in all are decoded"
    )]
    TooLarge {
        /// Width in pixels, as the file states it.
        width: u32,
        /// Height in pixels, as the file states it.
        height: u32,
    },
    /// Decoding it asked for more memory than is allowed.
    #[error("the picture is refused: decoding it takes more than {DECODE_MEMORY_MAX} bytes")]
    TooMuchMemory,
    /// The region is empty or reaches beyond the picture.
    #[error("the region {region:?} does not lie within the picture of {width} × {height} pixels")]
    OutsidePicture {
        /// What was asked for.
        region: Region,
        /// Width of the picture in pixels.
        width: u32,
        /// Height of the picture in pixels.
        height: u32,
    },
}

impl PictureError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "picture-format",
            Self::Damaged(_) => "picture-damaged",
            Self::TooLarge { .. } | Self::TooMuchMemory => "picture-too-large",
            Self::OutsidePicture { .. } => "picture-region",
        }
    }
}

impl ImageHash {
    /// The hash of a whole PNG, JPEG or WebP picture, turned upright as its metadata says.
    ///
    /// # Errors
    /// [`PictureError`] when the bytes are no such picture, are damaged, or would take too much to decode.
    pub fn of(bytes: &[u8]) -> Result<Self, PictureError> {
        let picture = decode(bytes)?;
        let whole = Region { x: 0, y: 0, width: picture.width(), height: picture.height() };
        Self::of_pixels(&picture, whole)
    }

    /// The hash of a part of a picture, such as the avatar in a screenshot.
    ///
    /// # Errors
    /// As [`ImageHash::of`], and when the region is empty or does not lie within the picture.
    pub fn of_region(png: &[u8], region: Region) -> Result<Self, PictureError> {
        Self::of_pixels(&decode(png)?, region)
    }

    /// How many of the 64 bits differ: 0 for the same picture, about 32 for two that have nothing in common.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    /// Whether the hash says nothing: a picture of one colour, or one that only darkens from left to right, has all bits
    /// zero, and so is at distance 0 from every other such picture. A match of two flat hashes proves no identity.
    #[must_use]
    pub fn is_flat(self) -> bool {
        self.0 == 0
    }

    fn of_pixels(picture: &RgbaImage, region: Region) -> Result<Self, PictureError> {
        let (width, height) = picture.dimensions();
        let fits =
            |from: u32, size: u32, limit: u32| size > 0 && from.checked_add(size).is_some_and(|end| end <= limit);
        if !fits(region.x, region.width, width) || !fits(region.y, region.height, height) {
            return Err(PictureError::OutsidePicture { region, width, height });
        }
        let mut bits = 0;
        for row in 0..ROWS {
            let cells: Vec<u64> = (0..COLUMNS).map(|column| cell_luma(picture, region, column, row)).collect();
            for pair in cells.windows(2) {
                bits = bits << 1 | u64::from(pair[1] >= pair[0] + STEP_MIN * 1000);
            }
        }
        Ok(Self(bits))
    }
}

/// The average brightness of one cell of the grid, in thousandths of a grey level.
fn cell_luma(picture: &RgbaImage, region: Region, column: u32, row: u32) -> u64 {
    let (left, right) = cell_edges(region.x, region.width, column, COLUMNS);
    let (top, bottom) = cell_edges(region.y, region.height, row, ROWS);
    let mut sum = 0;
    for y in top..bottom {
        for x in left..right {
            let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u64::from);
            // ITU-R BT.709 luma, over white where the picture is transparent.
            let luma = 213 * red + 715 * green + 72 * blue;
            sum += (luma * alpha + 255 * 1000 * (255 - alpha)) / 255;
        }
    }
    sum / (u64::from(right - left) * u64::from(bottom - top))
}

/// Where a cell begins and ends. Never empty: in a picture smaller than the grid neighbouring cells share a pixel.
fn cell_edges(from: u32, size: u32, index: u32, count: u32) -> (u32, u32) {
    // The area limit keeps sizes far below where these products would not fit.
    let edge = |i: u32| (u64::from(size) * u64::from(i) / u64::from(count)) as u32;
    let start = edge(index).min(size - 1);
    (from + start, from + edge(index + 1).max(start + 1))
}

/// Says what a picture file is, from its header alone: nothing is decoded.
///
/// # Errors
/// [`PictureError`] when it is no PNG, JPEG or WebP, its header is damaged, or its size is beyond what is ever decoded.
pub fn inspect(bytes: &[u8]) -> Result<PictureFacts, PictureError> {
    let (reader, media_type) = open(bytes)?;
    let (width, height) = reader.into_dimensions().map_err(PictureError::from_image)?;
    if width > SIDE_MAX || height > SIDE_MAX || u64::from(width) * u64::from(height) > AREA_MAX {
        return Err(PictureError::TooLarge { width, height });
    }
    Ok(PictureFacts { media_type, width, height })
}

/// Width and height of a picture as people see it, turned as its metadata says. Nothing is decoded.
///
/// # Errors
/// As [`inspect`].
pub fn shown_size(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let facts = inspect(bytes)?;
    let turned = open(bytes)?.0.into_decoder().and_then(|mut decoder| decoder.orientation());
    let quarter_turn = matches!(
        turned.map_err(PictureError::from_image)?,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    Ok(if quarter_turn { (facts.height, facts.width) } else { (facts.width, facts.height) })
}

/// A reader that keeps to the limits, and the media type.
type Opened<'a> = (ImageReader<Cursor<&'a [u8]>>, &'static str);

fn open(bytes: &[u8]) -> Result<Opened<'_>, PictureError> {
    let format = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
    let media_type = match format {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::WebP => "image/webp",
        _ => return Err(PictureError::UnknownFormat),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODE_MEMORY_MAX);
    reader.limits(limits);
    Ok((reader, media_type))
}

pub(crate) fn decode(bytes: &[u8]) -> Result<RgbaImage, PictureError> {
    // The header is checked first: not every decoder keeps to the limits it is given.
    inspect(bytes)?;
    let mut decoder = open(bytes)?.0.into_decoder().map_err(PictureError::from_image)?;
    let upright = decoder.orientation().map_err(PictureError::from_image)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(PictureError::from_image)?;
    picture.apply_orientation(upright);
    Ok(picture.into_rgba8())
}

impl PictureError {
    pub(crate) fn from_image(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooMuchMemory,
            other => Self::Damaged(other),
        }
    }
}

/// Why a text is not an [`ImageHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an image hash is written as 16 lower-case hexadecimal digits")]
pub struct NotAnImageHash;

impl FromStr for ImageHash {
    type Err = NotAnImageHash;

    fn from_str(text: &str) -> Result<Self, NotAnImageHash> {
        parse_hex_u64(text).map(Self).ok_or(NotAnImageHash)
    }
}

impl fmt::Display for ImageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ImageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageHash({self})")
    }
}

impl Serialize for ImageHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
