//! WebM and Matroska: elements of an id, a size and a body. Never recurses: each level is gone into by its id.

use super::{PARTS_MAX, VideoError, VideoFacts, number, side};

const EBML: u64 = 0x1A45_DFA3;
const DOC_TYPE: u64 = 0x4282;
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_A966;
const TIMESTAMP_SCALE: u64 = 0x002A_D7B1;
const DURATION: u64 = 0x4489;
const TRACKS: u64 = 0x1654_AE6B;
const TRACK_ENTRY: u64 = 0xAE;
const VIDEO: u64 = 0xE0;
const PIXEL_WIDTH: u64 = 0xB0;
const PIXEL_HEIGHT: u64 = 0xBA;
const CLUSTER: u64 = 0x1F43_B675;
/// Nanoseconds of one tick when the file does not say.
const SCALE_DEFAULT: u64 = 1_000_000;

pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|magic| number(magic) == EBML)
}

pub(super) fn inspect(bytes: &[u8]) -> Result<VideoFacts, VideoError> {
    let mut left = PARTS_MAX;
    let mut media_type = "video/x-matroska";
    let mut segment = None;
    for (id, body) in all(bytes, &mut left) {
        match id {
            EBML if all(body, &mut left).any(|(id, body)| id == DOC_TYPE && body == b"webm") => {
                media_type = "video/webm"
            }
            SEGMENT => segment = Some(body),
            _ => {}
        }
    }
    let segment = segment.ok_or(VideoError::Damaged("it has no segment, as when it was cut short"))?;
    let (mut length, mut picture) = (None, None);
    // Frames come after what is looked for.
    for (id, body) in all(segment, &mut left).take_while(|(id, _)| *id != CLUSTER) {
        match id {
            INFO => length = milliseconds(body, &mut left),
            TRACKS => {
                for (_, track) in all(body, &mut left).filter(|(id, _)| *id == TRACK_ENTRY) {
                    let video = all(track, &mut left).find(|(id, _)| *id == VIDEO);
                    picture = picture.or(video.and_then(|(_, video)| size(video, &mut left)));
                }
            }
            _ => {}
        }
    }
    let (width, height) = picture.ok_or(VideoError::Damaged("it has no track with a picture"))?;
    Ok(VideoFacts { media_type, width, height, milliseconds: length })
}

fn milliseconds(info: &[u8], left: &mut usize) -> Option<u64> {
    let (mut scale, mut ticks) = (SCALE_DEFAULT, None);
    for (id, body) in all(info, left) {
        match id {
            TIMESTAMP_SCALE => scale = number(body),
            DURATION => ticks = float(body),
            _ => {}
        }
    }
    let length = ticks? * scale as f64 / 1e6;
    (length.is_finite() && length > 0.0).then_some(length as u64)
}

fn size(video: &[u8], left: &mut usize) -> Option<(u32, u32)> {
    let (mut width, mut height) = (None, None);
    for (id, body) in all(video, left) {
        match id {
            PIXEL_WIDTH => width = side(number(body)),
            PIXEL_HEIGHT => height = side(number(body)),
            _ => {}
        }
    }
    Some((width?, height?))
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// The elements of a piece of the file; ends at the first that is damaged.
fn all<'b>(mut rest: &'b [u8], left: &mut usize) -> std::vec::IntoIter<(u64, &'b [u8])> {
    let mut elements = Vec::new();
    while *left > 0
        && let Some((id, body, after)) = one(rest)
    {
        *left -= 1;
        elements.push((id, body));
        rest = after;
        if id == CLUSTER {
            break;
        }
    }
    elements.into_iter()
}

/// An element's id and body, and what comes after it.
fn one(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (id, wide) = coded(bytes, 4, true)?;
    let (size, sized) = coded(bytes.get(wide..)?, 8, false)?;
    let body = bytes.get(wide + sized..)?;
    // All ones stand for "up to the end"; a size beyond the file is a file cut short.
    let unknown = size == (1 << (7 * sized)) - 1;
    let end = if unknown { body.len() } else { usize::try_from(size).unwrap_or(usize::MAX).min(body.len()) };
    Some((id, &body[..end], &body[end..]))
}

/// A number whose first byte tells its length by its leading zeros. Ids keep that mark.
fn coded(bytes: &[u8], wide_max: usize, keeps_mark: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let wide = first.leading_zeros() as usize + 1;
    let all = number(bytes.get(..wide).filter(|_| wide <= wide_max)?);
    Some((if keeps_mark { all } else { all & ((1 << (7 * wide)) - 1) }, wide))
}
