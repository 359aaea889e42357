//! Pictures of a page, one after another, made into a video.
//!
//! Owns bounds, masking, scaling, the mark of the commit and compression. Frames wait as they came (JPEG) until the film is developed on a
//! thread of the caller's choice. A frame of which it is not known what must be masked is never taken.

use std::collections::VecDeque;

use image::{Rgb, RgbImage, imageops};

use crate::picture::{self, PictureError, Region};
use crate::redact;
use crate::webm::{self, Frame, WebmError};

/// Bounds of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Longest, in milliseconds.
    pub length_ms_max: u64,
    /// Most frames a second.
    pub fps_max: u32,
    /// Widest, in pixels; a wider page is made smaller.
    pub width_max: u32,
    /// Most bytes of all frames together, as they come from the browser.
    pub bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { length_ms_max: 90_000, fps_max: 5, width_max: 960, bytes_max: 32 << 20 }
    }
}

/// Most frames, whatever the other bounds say.
const FRAMES_MAX: usize = 1_000;
/// How long the frame around the picture says that the commit was pressed, in milliseconds.
const MARK_MS: u64 = 600;
const MARK_WIDTH: u32 = 6;
const MARK: Rgb<u8> = Rgb([214, 39, 40]);
/// Of 100.
const QUALITY: f32 = 55.0;

/// One frame as it came, and what of it must be painted over.
struct Exposure {
    /// The clock's time, in milliseconds since 1970.
    at: i64,
    jpeg: Vec<u8>,
    masks: Vec<Region>,
}

/// A film that is being exposed. When it is full its oldest frames make room: the commit stands at its end.
pub struct Film {
    bounds: Bounds,
    frames: VecDeque<Exposure>,
    bytes: usize,
}

/// A developed film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Developed {
    /// The video.
    pub webm: Vec<u8>,
    /// How many pictures it has.
    pub frames: u32,
    /// How long it plays, in milliseconds.
    pub duration_ms: u64,
    /// When the commit was pressed, from its beginning.
    pub commit_at_ms: Option<u64>,
}

/// Why there is no video.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// A frame is no picture.
    #[error("failed to read a frame: {0}")]
    Frame(#[from] PictureError),
    /// A frame could not be compressed.
    #[error("failed to compress a frame")]
    Compress,
    /// The video could not be put together.
    #[error("failed to put the video together: {0}")]
    Webm(#[from] WebmError),
}

impl Film {
    /// A film of no frames yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, frames: VecDeque::new(), bytes: 0 }
    }

    /// Takes a frame of the page, in JPEG, shown at a time of the clock, in milliseconds since 1970. `masks`: what of it, in its own
    /// pixels, must be painted over; `None`: that is not known, and the frame is left out.
    pub fn expose(&mut self, at: i64, jpeg: Vec<u8>, masks: Option<Vec<Region>>) {
        let Some(masks) = masks else { return };
        // Of two in the same millisecond the later one counts.
        if self.frames.back().is_some_and(|last| last.at >= at) {
            self.bytes -= self.frames.pop_back().map_or(0, |last| last.jpeg.len());
        }
        self.bytes = self.bytes.saturating_add(jpeg.len());
        self.frames.push_back(Exposure { at, jpeg, masks });
        let length = i64::try_from(self.bounds.length_ms_max).unwrap_or(i64::MAX);
        while self.bytes > self.bounds.bytes_max
            || self.frames.len() > FRAMES_MAX
            || self.frames.front().is_some_and(|first| at.saturating_sub(first.at) > length)
        {
            match self.frames.pop_front() {
                Some(oldest) => self.bytes -= oldest.jpeg.len(),
                None => return,
            }
        }
    }

    /// Whether it has no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// When its newest frame was shown, in milliseconds since 1970.
    #[must_use]
    pub fn last_at(&self) -> Option<i64> {
        self.frames.back().map(|last| last.at)
    }

    /// Makes the video. `commit_at` and `end` are times of the clock, in milliseconds since 1970. Takes as long as it takes: not for a
    /// thread on which anybody waits.
    ///
    /// # Errors
    /// [`FilmError`].
    pub fn develop(self, commit_at: Option<i64>, end: i64) -> Result<Developed, FilmError> {
        let begun = self.frames.front().map_or(0, |first| first.at);
        let since = |at: i64| u64::try_from(at.saturating_sub(begun)).unwrap_or(0);
        let commit = commit_at.filter(|at| *at >= begun).map(since);
        let mut size = None;
        let mut frames = Vec::with_capacity(self.frames.len());
        for exposure in self.frames {
            let mut canvas = picture::decode(&exposure.jpeg)?;
            redact::paint(&mut canvas, &exposure.masks);
            let (width, height) =
                *size.get_or_insert_with(|| fitting(canvas.width(), canvas.height(), self.bounds.width_max));
            let mut small = if (canvas.width(), canvas.height()) == (width, height) {
                image::DynamicImage::ImageRgba8(canvas).into_rgb8()
            } else {
                image::DynamicImage::ImageRgba8(imageops::thumbnail(&canvas, width, height)).into_rgb8()
            };
            let at_ms = since(exposure.at);
            if commit.is_some_and(|commit| (commit..commit + MARK_MS).contains(&at_ms)) {
                mark(&mut small);
            }
            frames.push(Frame { at_ms, vp8: compress(&small)? });
        }
        let (width, height) = size.unwrap_or_default();
        let last = frames.last().map_or(0, |frame| frame.at_ms);
        let duration_ms =
            since(end).min(self.bounds.length_ms_max).max(last + 1_000 / u64::from(self.bounds.fps_max.max(1)));
        let commit_at_ms = commit.filter(|commit| *commit <= duration_ms);
        let webm = webm::mux(&frames, width, height, duration_ms, commit_at_ms)?;
        let count = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        Ok(Developed { webm, frames: count, duration_ms, commit_at_ms })
    }
}

/// The size of a picture that is no wider than allowed; even, as VP8 likes it.
fn fitting(width: u32, height: u32, width_max: u32) -> (u32, u32) {
    let fit = width.min(width_max.max(16));
    let scaled = u64::from(height) * u64::from(fit) / u64::from(width.max(1));
    ((fit & !1).max(2), (u32::try_from(scaled).unwrap_or(height) & !1).max(2))
}

/// A frame around the picture, for the moment of the commit.
fn mark(picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if x < MARK_WIDTH || y < MARK_WIDTH || x + MARK_WIDTH >= width || y + MARK_WIDTH >= height {
            *pixel = MARK;
        }
    }
}

fn compress(picture: &RgbImage) -> Result<Vec<u8>, FilmError> {
    let (width, height) = picture.dimensions();
    let mut config = webp::WebPConfig::new().map_err(|()| FilmError::Compress)?;
    config.lossless = 0;
    config.quality = QUALITY;
    // The fastest of its methods: a screenshot has large even areas, of which a slower one gains little.
    config.method = 1;
    let encoded =
        webp::Encoder::from_rgb(picture, width, height).encode_advanced(&config).map_err(|_| FilmError::Compress)?;
    webm::vp8_of_webp(&encoded).map(<[u8]>::to_vec).ok_or(FilmError::Compress)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn jpeg(colour: [u8; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_pixel(320, 200, Rgb(colour));
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        bytes
    }

    #[test]
    fn a_frame_of_which_the_masks_are_not_known_is_left_out() {
        let mut film = Film::new(Bounds::default());
        film.expose(1_000, jpeg([9, 9, 9]), None);
        assert!(film.is_empty());
        film.expose(1_300, jpeg([9, 9, 9]), Some(Vec::new()));
        let developed = film.develop(Some(1_300), 2_300).unwrap();
        assert_eq!((developed.frames, developed.duration_ms, developed.commit_at_ms), (1, 1_000, Some(0)));
    }

    #[test]
    fn a_film_is_bounded_in_length_and_size_and_keeps_what_came_last() {
        let bounds = Bounds { length_ms_max: 1_000, width_max: 160, bytes_max: 1 << 20, fps_max: 5 };
        let mut film = Film::new(bounds);
        for at in [0, 500, 900, 900, 1_400, 1_700] {
            film.expose(at, jpeg([9, 9, 9]), Some(Vec::new()));
        }
        let developed = film.develop(Some(1_400), 60_000).unwrap();
        assert_eq!((developed.frames, developed.duration_ms, developed.commit_at_ms), (3, 1_000, Some(500)));
        let facts = crate::video::inspect(&developed.webm).unwrap();
        assert_eq!((facts.width, facts.height), (160, 100));
        let mut small = Film::new(Bounds { bytes_max: 10, ..bounds });
        small.expose(0, jpeg([9, 9, 9]), Some(Vec::new()));
        assert!(small.is_empty());
        assert!(small.develop(None, 0).is_err());
    }
}
