//! A WebM file of single pictures, as any browser's `<video>` plays it.
//!
//! Owns the few elements of the container that a video of key frames needs: header, length, one VP8 track, a chapter at the commit, a
//! cluster and a cue for each picture. Never compresses: each frame comes as VP8. Formats: RFC 9559 (Matroska), the WebM guidelines
//! (webmproject.org), RFC 6386 (VP8), RFC 9649 (WebP, whose lossy form is one VP8 key frame).

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it begins to be shown, in milliseconds from the video's beginning.
    pub at_ms: u64,
    /// A VP8 key frame.
    pub vp8: Vec<u8>,
}

/// Why there is no video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebmError {
    /// Nothing to show.
    #[error("the video has no frames")]
    Empty,
    /// Frames do not follow one another.
    #[error("the video's frames are not in the order of their times")]
    Order,
}

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CHAPTERS: u32 = 0x1043_A770;
const CUES: u32 = 0x1C53_BB6B;
const CLUSTER: u32 = 0x1F43_B675;
/// Nanoseconds of a tick: times in the file are milliseconds.
const SCALE: u64 = 1_000_000;
const TRACK: u64 = 1;
const KEY_FRAME: u8 = 0x80;

/// The VP8 key frame in a lossy WebP picture; `None`: it holds none.
#[must_use]
pub fn vp8_of_webp(webp: &[u8]) -> Option<&[u8]> {
    let chunks =
        webp.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)).and_then(|rest| rest.strip_prefix(b"WEBP"))?;
    let mut rest = chunks;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?) as usize;
        if head.starts_with(b"VP8 ") {
            return body.get(..size);
        }
        // Chunks are padded to an even size.
        rest = body.get(size + size % 2..)?;
    }
    None
}

/// Puts frames together. `commit_ms` becomes a chapter.
///
/// # Errors
/// [`WebmError`].
pub fn mux(
    frames: &[Frame],
    width: u32,
    height: u32,
    end_ms: u64,
    commit_ms: Option<u64>,
) -> Result<Vec<u8>, WebmError> {
    let last = frames.last().ok_or(WebmError::Empty)?;
    if frames.windows(2).any(|two| two[0].at_ms >= two[1].at_ms) {
        return Err(WebmError::Order);
    }
    let length = end_ms.max(last.at_ms + 1);
    let clusters: Vec<Vec<u8>> = frames.iter().map(cluster).collect();
    let info = element(
        INFO,
        &[
            element(0x002A_D7B1, &number(SCALE)),
            element(0x4489, &(length as f64).to_be_bytes()),
            element(0x4D80, b"deed"),
            element(0x5741, b"deed"),
        ]
        .concat(),
    );
    let video = [element(0xB0, &number(width.into())), element(0xBA, &number(height.into()))].concat();
    let track = [
        element(0xD7, &number(TRACK)),
        element(0x73C5, &number(TRACK)),
        element(0x83, &number(1)),
        element(0x9C, &number(0)),
        element(0x86, b"V_VP8"),
        element(0xE0, &video),
    ]
    .concat();
    let tracks = element(TRACKS, &element(0xAE, &track));
    let chapters = commit_ms.map_or_else(Vec::new, chapter);
    // Places of clusters are counted from the segment's beginning, cues included, whose size does not depend on them.
    let before = info.len() + tracks.len() + chapters.len();
    let places = |cues: usize| {
        let next = |at: &mut usize, cluster: &Vec<u8>| {
            let here = *at;
            *at += cluster.len();
            Some(here)
        };
        clusters.iter().scan(before + cues, next).collect::<Vec<_>>()
    };
    let size = cues(frames, &places(0)).len();
    let cues = cues(frames, &places(size));
    let segment = [info, tracks, chapters, cues, clusters.concat()].concat();
    Ok([header(), element(SEGMENT, &segment)].concat())
}

fn header() -> Vec<u8> {
    let fields = [
        element(0x4286, &number(1)),
        element(0x42F7, &number(1)),
        element(0x42F2, &number(4)),
        element(0x42F3, &number(8)),
        element(0x4282, b"webm"),
        element(0x4287, &number(4)),
        element(0x4285, &number(2)),
    ];
    element(EBML, &fields.concat())
}

/// A cluster of one picture: each has a time of its own, so none is bound to the 32 s that a block may lie behind its cluster.
fn cluster(frame: &Frame) -> Vec<u8> {
    let block = [&[0x80 | TRACK as u8, 0, 0, KEY_FRAME][..], &frame.vp8].concat();
    element(CLUSTER, &[element(0xE7, &number(frame.at_ms)), element(0xA3, &block)].concat())
}

fn cues(frames: &[Frame], places: &[usize]) -> Vec<u8> {
    let point = |(frame, place): (&Frame, &usize)| {
        // Of a fixed width, so that the size of all cues is known before their places are.
        let position = [element(0xF7, &number(TRACK)), element(0xF1, &(*place as u64).to_be_bytes())].concat();
        element(0xBB, &[element(0xB3, &number(frame.at_ms)), element(0xB7, &position)].concat())
    };
    element(CUES, &frames.iter().zip(places).map(point).collect::<Vec<_>>().concat())
}

fn chapter(at_ms: u64) -> Vec<u8> {
    let display = element(0x80, &[element(0x85, b"commit"), element(0x437C, b"eng")].concat());
    // Chapters count nanoseconds.
    let atom = [element(0x73C4, &number(1)), element(0x91, &number(at_ms.saturating_mul(SCALE))), display].concat();
    let edition = [element(0x45BC, &number(1)), element(0xB6, &atom)].concat();
    element(CHAPTERS, &element(0x45B9, &edition))
}

/// An element: its id, its size in eight bytes or one, its body.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    match u8::try_from(body.len()) {
        Ok(size) if size < 0x7F => bytes.push(0x80 | size),
        _ => bytes.extend((0x0100_0000_0000_0000 | body.len() as u64).to_be_bytes()),
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A number in as few bytes as it needs, at least one.
fn number(value: u64) -> Vec<u8> {
    let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.is_empty() { vec![0] } else { bytes }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::video;

    fn frame(at_ms: u64, size: usize) -> Frame {
        Frame { at_ms, vp8: vec![7; size] }
    }

    #[test]
    fn the_header_says_what_it_is() {
        let webm = mux(&[frame(0, 3), frame(200, 300)], 960, 600, 1_234, Some(200)).unwrap();
        let facts = video::inspect(&webm).unwrap();
        assert_eq!((facts.media_type, facts.width, facts.height), ("video/webm", 960, 600));
        assert_eq!(facts.milliseconds, Some(1_234));
    }

    #[test]
    fn every_cue_leads_to_its_cluster() {
        let frames: Vec<_> = (0..20).map(|n| frame(n * 40_000, 40 * n as usize)).collect();
        let webm = mux(&frames, 16, 16, 0, None).unwrap();
        let segment = webm.windows(4).position(|four| four == SEGMENT.to_be_bytes()).unwrap() + 12;
        let position: Vec<usize> = (0..webm.len() - 10)
            .filter(|at| webm[*at] == 0xF1 && webm[at + 1] == 0x88)
            .map(|at| u64::from_be_bytes(webm[at + 2..at + 10].try_into().unwrap()) as usize)
            .collect();
        assert_eq!(position.len(), frames.len());
        for place in position {
            assert_eq!(webm[segment + place..][..4], CLUSTER.to_be_bytes());
        }
    }

    #[test]
    fn what_can_not_be_played_is_refused() {
        assert_eq!(mux(&[], 1, 1, 1, None), Err(WebmError::Empty));
        assert_eq!(mux(&[frame(5, 1), frame(5, 1)], 1, 1, 9, None), Err(WebmError::Order));
    }

    #[test]
    fn the_key_frame_of_a_picture_is_found_behind_other_chunks() {
        let webp = b"RIFF\x00\x00\x00\x00WEBPICCP\x03\x00\x00\x00abc\x00VP8 \x02\x00\x00\x00xy";
        assert_eq!(vp8_of_webp(webp), Some(&b"xy"[..]));
        assert_eq!(vp8_of_webp(b"RIFF\x00\x00\x00\x00WEBPVP8L\x01\x00\x00\x00x\x00"), None);
        assert_eq!(vp8_of_webp(b"RIFF\x00\x00\x00\x00WEBPVP8 \x09\x00\x00\x00x"), None);
        assert_eq!(vp8_of_webp(b"not a picture"), None);
    }
}
