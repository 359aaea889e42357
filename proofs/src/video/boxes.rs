//! MP4 and QuickTime: boxes of a size, a four-letter kind and a body. Never recurses: the way down is three levels, each by name.

use super::{PARTS_MAX, VideoError, VideoFacts, number, side};

/// Brands of still pictures, which share the container.
const STILL: [&[u8]; 6] = [b"heic", b"heix", b"heif", b"mif1", b"avif", b"msf1"];

/// The type, by the `ftyp` box at the beginning.
pub(super) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let brand = bytes.get(8..12).filter(|_| bytes.get(4..8) == Some(b"ftyp"))?;
    if STILL.contains(&brand) {
        return None;
    }
    Some(if brand == b"qt  " { "video/quicktime" } else { "video/mp4" })
}

pub(super) fn inspect(bytes: &[u8], media_type: &'static str) -> Result<VideoFacts, VideoError> {
    let mut left = PARTS_MAX;
    let movie = Boxes { rest: bytes, left: &mut left }
        .find(|(kind, _)| *kind == b"moov")
        .ok_or(VideoError::Damaged("it has no `moov` box, as when it was cut short"))?
        .1;
    let (mut length, mut picture) = (None, None::<(u32, u32)>);
    for (kind, body) in (Boxes { rest: movie, left: &mut left }).collect::<Vec<_>>() {
        match kind {
            b"mvhd" => length = milliseconds(body),
            b"trak" => {
                let head = Boxes { rest: body, left: &mut left }.find(|(kind, _)| *kind == b"tkhd");
                let size = head.and_then(|(_, head)| shown_size(head));
                // Sound has no size; of several pictures (a thumbnail track) the largest is what is shown.
                picture = picture.max_by_area(size);
            }
            _ => {}
        }
    }
    let (width, height) = picture.ok_or(VideoError::Damaged("it has no track with a picture"))?;
    Ok(VideoFacts { media_type, width, height, milliseconds: length })
}

/// The larger of two sizes.
trait Larger {
    fn max_by_area(self, other: Self) -> Self;
}

impl Larger for Option<(u32, u32)> {
    fn max_by_area(self, other: Self) -> Self {
        let area = |size: &(u32, u32)| u64::from(size.0) * u64::from(size.1);
        self.into_iter().chain(other).max_by_key(area)
    }
}

/// `mvhd`: duration by time scale. A fragmented file says 0 here.
fn milliseconds(head: &[u8]) -> Option<u64> {
    let (scale, duration) = match head.first()? {
        0 => (head.get(12..16)?, head.get(16..20)?),
        1 => (head.get(20..24)?, head.get(24..32)?),
        _ => return None,
    };
    // All ones stand for "not known".
    let known = duration.iter().any(|byte| *byte != 0xff);
    let (scale, duration) = (u128::from(number(scale)), u128::from(number(duration)));
    let known = known && scale > 0 && duration > 0;
    known.then(|| u64::try_from(duration * 1000 / scale).unwrap_or(u64::MAX))
}

/// `tkhd`: width and height as 16.16 numbers, turned as the matrix says.
fn shown_size(head: &[u8]) -> Option<(u32, u32)> {
    let matrix = match head.first()? {
        0 => 40,
        1 => 52,
        _ => return None,
    };
    let word = |nth: usize| Some(number(head.get(matrix + 4 * nth..matrix + 4 * nth + 4)?));
    let (width, height) = (side(word(9)? >> 16)?, side(word(10)? >> 16)?);
    let quarter_turn = word(0)? == 0 && word(4)? == 0 && word(1)? != 0 && word(3)? != 0;
    Some(if quarter_turn { (height, width) } else { (width, height) })
}

/// The boxes of a piece of the file, one after the other; ends at the first that is damaged.
struct Boxes<'b, 'l> {
    rest: &'b [u8],
    left: &'l mut usize,
}

impl<'b> Iterator for Boxes<'b, '_> {
    type Item = (&'b [u8], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        *self.left = self.left.checked_sub(1)?;
        let kind = self.rest.get(4..8)?;
        let (head, size) = match number(self.rest.get(..4)?) {
            // Up to the end of what is around it.
            0 => (8, self.rest.len() as u64),
            1 => (16, number(self.rest.get(8..16)?)),
            size => (8, size),
        };
        // A size beyond the file is a file cut short: what is there is read.
        let end = usize::try_from(size).unwrap_or(usize::MAX).min(self.rest.len());
        let body = self.rest.get(head..end)?;
        self.rest = &self.rest[end..];
        Some((kind, body))
    }
}
