//! Pictures without the words that lie in them beside the picture: PNG text chunks, JPEG comments and EXIF.
//!
//! What can be seen in a picture is not touched: a screenshot shows what the page showed.

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks that are needed to show a PNG; all others carry words, times or places.
const SHOWN: [&[u8]; 12] =
    [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"acTL", b"fcTL", b"fdAT"];

/// The picture's bytes with nothing but the picture; other bytes as they are.
pub fn without_words(bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(PNG) {
        png(bytes).unwrap_or_default()
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        jpeg(bytes).unwrap_or_default()
    } else {
        bytes.to_vec()
    }
}

/// `None`: it is cut off or damaged, and could hide anything.
fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = PNG.to_vec();
    let mut rest = bytes.get(PNG.len()..)?;
    loop {
        let length = usize::try_from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
        let chunk = rest.get(..length.checked_add(12)?)?;
        let kind = chunk.get(4..8)?;
        if SHOWN.contains(&kind) {
            out.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            // What comes behind the end is no picture.
            return Some(out);
        }
        rest = rest.get(chunk.len()..)?;
    }
}

fn jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.get(..2)?.to_vec();
    let mut rest = bytes.get(2..)?;
    loop {
        let [0xff, marker] = *rest.get(..2)? else { return None };
        if marker == 0xda {
            // The picture itself, to the end.
            out.extend_from_slice(rest);
            return Some(out);
        }
        let length = usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?));
        let segment = rest.get(..length.checked_add(2)?)?;
        // APP0 (JFIF) and APP14 (Adobe) tell how colours are meant; the other APPs and COM carry words.
        if !matches!(marker, 0xe1..=0xed | 0xef | 0xfe) {
            out.extend_from_slice(segment);
        }
        rest = rest.get(segment.len()..)?;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use image::ImageFormat;

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(8, 8).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn words_are_taken_out_and_the_picture_stays() {
        let plain = picture(ImageFormat::Png);
        let mut with_words = plain.clone();
        let words = b"\0\0\0\x0etEXtComment\0secret\0\0\0\0";
        with_words.splice(33..33, words.iter().copied());
        with_words.extend(b"secret");
        assert_eq!(without_words(&with_words), plain);

        let plain = picture(ImageFormat::Jpeg);
        let mut with_words = plain.clone();
        with_words.splice(2..2, b"\xff\xfe\0\x08secret".iter().copied());
        assert_eq!(without_words(&with_words), plain);
        assert!(without_words(&PNG[..8]).is_empty(), "what is cut off is not kept");
    }
}
