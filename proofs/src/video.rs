//! Videos: what a file really is.
//!
//! Owns the look at a file's boxes (ISO/IEC 14496-12) that tells an MP4 video from anything else. Never decodes a picture of it, and
//! never trusts a length that the file itself gives: every box must lie within the file.

/// The media type of an MP4 video.
pub const MP4: &str = "video/mp4";
/// Most boxes at the top of a file that are looked at.
const BOXES_MAX: usize = 10_000;
/// Major brands of MP4; QuickTime (`qt  `), HEIF pictures (`heic`, `mif1`) and others have brands of their own.
const BRANDS: [&[u8; 4]; 9] = [b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V "];

/// Whether these bytes are an MP4 video: a file type box with a brand of MP4 first, and a movie box somewhere behind it.
#[must_use]
pub fn is_mp4(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for nth in 0..BOXES_MAX {
        let Some((kind, content, behind)) = next_box(rest) else { return false };
        if nth == 0 {
            let brand = content.get(..4);
            if kind != b"ftyp" || !BRANDS.iter().any(|known| brand == Some(known.as_slice())) {
                return false;
            }
        }
        if kind == b"moov" {
            return true;
        }
        rest = behind;
    }
    false
}

/// A box's kind, its content, and what stands behind it.
fn next_box(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let size = u64::from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?));
    let kind = bytes.get(4..8)?;
    let (header, size) = match size {
        // To the end of the file.
        0 => (8, bytes.len() as u64),
        1 => (16, u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?)),
        size => (8, size),
    };
    let size = usize::try_from(size).ok()?;
    Some((kind, bytes.get(header..size)?, bytes.get(size..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
        [size.to_be_bytes().as_slice(), kind, content].concat()
    }

    #[test]
    fn a_movie_behind_a_file_type_of_mp4_is_one() {
        let ftyp = boxed(b"ftyp", b"isom\0\0\x02\0isommp41");
        let moov = boxed(b"moov", &boxed(b"mvhd", &[0; 100]));
        assert!(is_mp4(&[ftyp.clone(), moov.clone()].concat()));
        assert!(is_mp4(&[ftyp.clone(), boxed(b"free", &[]), boxed(b"mdat", &[1; 9]), moov.clone()].concat()));
        let long = [&1_u32.to_be_bytes(), b"mdat".as_slice(), &20_u64.to_be_bytes(), &[7; 4]].concat();
        assert!(is_mp4(&[ftyp.clone(), long, moov.clone()].concat()), "a box with a long length");
        for (what, bytes) in [
            ("no movie", ftyp.clone()),
            ("no file type", moov.clone()),
            ("QuickTime", [boxed(b"ftyp", b"qt  \0\0\0\0"), moov.clone()].concat()),
            ("cut short", [ftyp.clone(), moov.get(..moov.len() - 1).unwrap_or_default().to_vec()].concat()),
            ("a length beyond the file", [ftyp, b"\xff\xff\xff\xffmoov".to_vec()].concat()),
            ("a picture", b"\x89PNG\r\n\x1a\n".to_vec()),
            ("nothing", Vec::new()),
        ] {
            assert!(!is_mp4(&bytes), "{what}");
        }
    }
}
