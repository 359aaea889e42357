//! Videos: what a file really is, by its container's header.
//!
//! Owns the bounded reading of MP4, QuickTime and WebM headers: type, size of the picture, length. It never decodes a frame, never
//! trusts a file's name, and never follows a size that the file states beyond the file. Formats: ISO/IEC 14496-12 (boxes `ftyp`,
//! `moov`, `mvhd`, `tkhd`) and RFC 9559 (EBML elements of Matroska, of which WebM is a part).

mod boxes;
mod ebml;
#[cfg(test)]
mod tests;

/// Most boxes or elements that are looked at; a file of nothing but headers must end.
const PARTS_MAX: usize = 10_000;

/// What a video file is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFacts {
    /// `video/mp4`, `video/quicktime`, `video/webm` or `video/x-matroska`.
    pub media_type: &'static str,
    /// Width in pixels, as it is shown.
    pub width: u32,
    /// Height in pixels, as it is shown.
    pub height: u32,
    /// Length; `None` when the header does not tell (a recording that was never finished).
    pub milliseconds: Option<u64>,
}

/// Why a video was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// The header is damaged, cut short, or has no picture in it.
    #[error("failed to read the video's header: {0}")]
    Damaged(&'static str),
}

impl VideoError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Damaged(_) => "video-damaged",
        }
    }
}

/// Whether the bytes begin as a video of a kind that [`inspect`] reads.
#[must_use]
pub fn is_video(bytes: &[u8]) -> bool {
    boxes::media_type(bytes).is_some() || ebml::begins(bytes)
}

/// Says what a video file is, from its header alone.
///
/// # Errors
/// [`VideoError`] when it is none of these kinds, or its header is damaged or cut short.
pub fn inspect(bytes: &[u8]) -> Result<VideoFacts, VideoError> {
    if let Some(media_type) = boxes::media_type(bytes) {
        return boxes::inspect(bytes, media_type);
    }
    if ebml::begins(bytes) {
        return ebml::inspect(bytes);
    }
    Err(VideoError::Damaged("it is neither MP4, QuickTime nor WebM"))
}

/// A number of up to 8 bytes, the greatest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A picture's side; 0 and what no screen has are none.
fn side(pixels: u64) -> Option<u32> {
    u32::try_from(pixels).ok().filter(|pixels| (1..=65_536).contains(pixels))
}
