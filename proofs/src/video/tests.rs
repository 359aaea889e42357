#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
/// The same cases every time: one that is found can be found again.
const SEED: RngSeed = RngSeed::Fixed(2026);

fn part(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// A track of this size; `turned` by a quarter.
fn track(width: u32, height: u32, turned: bool) -> Vec<u8> {
    let mut head = vec![0; 40];
    let (one, matrix) = (0x1_0000_u32, if turned { [0, 1, 0, 1, 0] } else { [1, 0, 0, 0, 1] });
    head.extend(matrix.iter().flat_map(|cell| (cell * one).to_be_bytes()));
    head.extend([0; 16]);
    head.extend((width << 16).to_be_bytes());
    head.extend((height << 16).to_be_bytes());
    part(b"trak", &part(b"tkhd", &head))
}

fn mp4(brand: &[u8; 4], tracks: &[Vec<u8>], scale: u32, duration: u32) -> Vec<u8> {
    let mut head = vec![0; 12];
    head.extend(scale.to_be_bytes());
    head.extend(duration.to_be_bytes());
    head.extend([0; 80]);
    let movie = [part(b"mvhd", &head), tracks.concat()].concat();
    [part(b"ftyp", &[&brand[..], &[0; 4]].concat()), part(b"mdat", &[7; 64]), part(b"moov", &movie)].concat()
}

fn element(id: u64, body: &[u8]) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let size = (body.len() as u64 | 1 << 56).to_be_bytes();
    [&id[..], &size, body].concat()
}

fn webm(kind: &str, seconds: Option<f64>) -> Vec<u8> {
    let mut info = element(0x2AD7B1, &1_000_000_u32.to_be_bytes());
    if let Some(seconds) = seconds {
        info.extend(element(0x4489, &(seconds * 1000.0).to_be_bytes()));
    }
    let video = [element(0xB0, &720_u16.to_be_bytes()), element(0xBA, &1280_u16.to_be_bytes())].concat();
    let sound = element(0xAE, &element(0xE1, &[1]));
    let tracks = [sound, element(0xAE, &element(0xE0, &video))].concat();
    let segment = [element(0x1549A966, &info), element(0x1654AE6B, &tracks), element(0x1F43B675, &[0; 32])].concat();
    [element(0x1A45DFA3, &element(0x4282, kind.as_bytes())), element(0x18538067, &segment)].concat()
}

#[test]
fn a_header_tells_type_size_and_length() {
    let facts = |bytes: &[u8]| {
        let facts = inspect(bytes).unwrap();
        (facts.media_type, facts.width, facts.height, facts.milliseconds)
    };
    let sound = track(0, 0, false);
    let film = mp4(b"isom", &[sound.clone(), track(1920, 1080, false)], 600, 900);
    assert_eq!(facts(&film), ("video/mp4", 1920, 1080, Some(1500)));
    let phone = mp4(b"qt  ", &[track(1920, 1080, true), sound], 1000, 61_000);
    assert_eq!(facts(&phone), ("video/quicktime", 1080, 1920, Some(61_000)));
    assert_eq!(facts(&mp4(b"isom", &[track(64, 64, false)], 0, 900)).3, None);
    assert_eq!(facts(&mp4(b"isom", &[track(64, 64, false)], 600, 0)).3, None, "a fragmented file");
    assert_eq!(facts(&webm("webm", Some(12.5))), ("video/webm", 720, 1280, Some(12_500)));
    assert_eq!(facts(&webm("matroska", None)), ("video/x-matroska", 720, 1280, None));
}

#[test]
fn what_is_no_video_or_cut_short_is_refused() {
    for still in [&b"\0\0\0\x18ftypheic\0\0\0\0"[..], b"\0\0\0\x18ftypavif", b"\x89PNG\r\n\x1a\n", b"", b"ftyp"] {
        assert!(!is_video(still), "{still:?}");
    }
    let film = mp4(b"isom", &[track(1920, 1080, false)], 600, 900);
    let cut = &film[..60];
    assert!(is_video(cut));
    assert_eq!(inspect(cut), Err(VideoError::Damaged("it has no `moov` box, as when it was cut short")));
    let sound = mp4(b"isom", &[track(0, 0, false)], 600, 900);
    assert_eq!(inspect(&sound).unwrap_err().code(), "video-damaged");
    assert_eq!(inspect(&webm("webm", None)[..40]).unwrap_err().code(), "video-damaged");
}

#[test]
fn five_megabytes_of_headers_end() {
    let size = 5 * 1024 * 1024;
    let head = part(b"ftyp", b"isom\0\0\0\0");
    let start = Instant::now();
    for filler in
        [part(b"free", b""), part(b"trak", b""), part(b"moov", &part(b"trak", b"")), vec![0, 0, 0, 1], vec![0]]
    {
        let _ = inspect(&[head.clone(), filler.repeat(size / filler.len())].concat());
    }
    for filler in
        [element(0x18538067, b""), element(0xEC, b""), vec![0x1A, 0x45, 0xDF, 0xA3, 0xFF], vec![0xFF], vec![0x80]]
    {
        let _ = inspect(&[webm("webm", None), filler.repeat(size / filler.len())].concat());
        let _ = inspect(&[vec![0x1A, 0x45, 0xDF, 0xA3], filler.repeat(size / filler.len())].concat());
    }
    assert!(start.elapsed() < Duration::from_secs(120), "took {:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, rng_seed: SEED, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..3_usize) {
        let head: &[u8] = [&b""[..], b"\0\0\0\x10ftypisom\0\0\0\0", b"\x1A\x45\xDF\xA3"][kind];
        let _ = inspect(&[head, &bytes].concat());
    }

    /// Bytes of a good file overwritten, and the rest cut off.
    #[test]
    fn a_damaged_file_is_read_without_panic(
        matroska in any::<bool>(),
        overwrites in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if matroska { webm("webm", Some(3.0)) } else { mp4(b"isom", &[track(640, 480, false)], 600, 900) };
        for (at, byte) in overwrites {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(facts) = inspect(&bytes) {
            prop_assert!(facts.width > 0 && facts.height > 0);
        }
    }
}
