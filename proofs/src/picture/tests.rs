#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder as _, Rgb, RgbImage, Rgba, imageops};

use super::*;

/// An avatar: soft patches of light and dark, others for each seed.
fn avatar(seed: u32, size: u32) -> RgbImage {
    let patch = |column: u32, row: u32| {
        let mixed = (seed * 1009 + column * 31 + row * 57 + 7).wrapping_mul(2_654_435_761);
        f64::from((mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 24)
    };
    RgbImage::from_fn(size, size, |x, y| {
        let (x, y) = (f64::from(x) / f64::from(size) * 6.0, f64::from(y) / f64::from(size) * 6.0);
        let (column, row) = (x as u32, y as u32);
        let blend = |from: f64, to: f64, share: f64| from + (to - from) * share;
        let upper = blend(patch(column, row), patch(column + 1, row), x.fract());
        let lower = blend(patch(column, row + 1), patch(column + 1, row + 1), x.fract());
        let light = blend(upper, lower, y.fract());
        Rgb([light as u8, (light * 0.8) as u8, (light * 0.6 + 40.0) as u8])
    })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(picture: &RgbImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

#[test]
fn the_same_avatar_scaled_and_compressed_is_near() {
    let original = ImageHash::of(&png(&avatar(1, 400))).unwrap();
    for (what, bytes) in [
        ("the same file", png(&avatar(1, 400))),
        ("smaller", png(&imageops::resize(&avatar(1, 400), 48, 48, imageops::FilterType::Lanczos3))),
        ("larger", png(&imageops::resize(&avatar(1, 400), 517, 517, imageops::FilterType::Triangle))),
        ("webp", encoded(&avatar(1, 400), ImageFormat::WebP)),
        ("low-quality jpeg", {
            let mut bytes = Vec::new();
            let picture = avatar(1, 400);
            JpegEncoder::new_with_quality(&mut bytes, 25)
                .write_image(&picture, 400, 400, image::ExtendedColorType::Rgb8)
                .unwrap();
            bytes
        }),
    ] {
        let distance = original.distance(ImageHash::of(&bytes).unwrap());
        assert!(distance <= 4, "{what}: {distance}");
    }
}

#[test]
fn different_avatars_are_far() {
    let hashes: Vec<ImageHash> = (1..=8).map(|seed| ImageHash::of(&png(&avatar(seed, 200))).unwrap()).collect();
    for (index, a) in hashes.iter().enumerate() {
        for b in &hashes[index + 1..] {
            assert!(a.distance(*b) > 8, "{a} and {b}: {}", a.distance(*b));
        }
    }
}

#[test]
fn a_region_of_a_screenshot_has_the_hash_of_what_stands_there() {
    let mut screenshot = RgbImage::from_pixel(800, 600, Rgb([250, 250, 250]));
    imageops::overlay(&mut screenshot, &avatar(5, 64), 120, 77);
    let region = Region { x: 120, y: 77, width: 64, height: 64 };
    let cropped = ImageHash::of_region(&png(&screenshot), region).unwrap();
    assert_eq!(cropped, ImageHash::of(&png(&avatar(5, 64))).unwrap());
    assert_ne!(cropped, ImageHash::of(&png(&screenshot)).unwrap());
}

#[test]
fn a_region_beyond_the_picture_is_refused() {
    let bytes = png(&avatar(1, 50));
    for (x, y, width, height) in [(0, 0, 0, 10), (0, 0, 10, 0), (45, 0, 6, 10), (0, 50, 1, 1), (u32::MAX, 0, 2, 2)] {
        let error = ImageHash::of_region(&bytes, Region { x, y, width, height }).unwrap_err();
        assert_eq!(error.code(), "picture-region", "{error}");
    }
}

#[test]
fn a_flat_picture_is_said_to_prove_nothing() {
    let flat = |colour| ImageHash::of(&png(&RgbImage::from_pixel(64, 64, Rgb(colour)))).unwrap();
    assert!(flat([200, 30, 30]).is_flat());
    assert_eq!(flat([200, 30, 30]).distance(flat([10, 10, 200])), 0);
    // What a lossy format does to a flat picture does not make it telling.
    let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([120 + ((x * 7 + y * 13) % 3) as u8; 3]));
    assert!(ImageHash::of(&png(&noisy)).unwrap().is_flat());
    assert!(!ImageHash::of(&png(&avatar(1, 64))).unwrap().is_flat());
}

#[test]
fn transparent_parts_are_white() {
    let clear = RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([0, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) });
    let white = RgbImage::from_fn(64, 64, |x, _| if x < 32 { Rgb([0; 3]) } else { Rgb([255; 3]) });
    let mut bytes = Cursor::new(Vec::new());
    clear.write_to(&mut bytes, ImageFormat::Png).unwrap();
    assert_eq!(ImageHash::of(bytes.get_ref()).unwrap(), ImageHash::of(&png(&white)).unwrap());
}

#[test]
fn a_picture_smaller_than_the_grid_has_a_hash() {
    for (width, height) in [(1, 1), (2, 9), (9, 2), (8, 7)] {
        ImageHash::of(&png(&imageops::resize(&avatar(1, 40), width, height, imageops::FilterType::Nearest))).unwrap();
    }
}

#[test]
fn the_hash_stands_still() {
    assert_eq!(ImageHash::of(&png(&avatar(1, 90))).unwrap().to_string(), "9296b2331f4c8cfc");
}

#[test]
fn a_file_is_what_its_content_says() {
    let picture = avatar(1, 30);
    for (format, media_type) in
        [(ImageFormat::Png, "image/png"), (ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::WebP, "image/webp")]
    {
        let facts = inspect(&encoded(&picture, format)).unwrap();
        assert_eq!(facts, PictureFacts { media_type, width: 30, height: 30 });
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let whole = png(&avatar(1, 30));
    for (bytes, code) in [
        (b"".as_slice(), "picture-format"),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00", "picture-format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture-format"),
        (&whole[..20], "picture-damaged"),
        (&whole[..whole.len() / 2], "picture-damaged"),
    ] {
        assert_eq!(ImageHash::of(bytes).unwrap_err().code(), code);
    }
    // The header alone is enough to know what it would be.
    assert_eq!(inspect(&whole[..whole.len() / 2]).unwrap().width, 30);
}

/// A PNG whose header states this size, with a valid checksum, and next to nothing behind it.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(&header);
    bytes.extend(crc32(&header).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT");
    bytes.extend(crc32(b"IDAT").to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_decompression_bomb_is_refused_before_it_goes_off() {
    for (width, height) in
        [(60_000, 60_000), (SIDE_MAX + 1, 1), (1, SIDE_MAX + 1), (SIDE_MAX, SIDE_MAX), (20_000, 2_501)]
    {
        let bytes = bomb(width, height);
        assert_eq!(inspect(&bytes).unwrap_err().code(), "picture-too-large", "{width} × {height}");
        assert_eq!(ImageHash::of(&bytes).unwrap_err().code(), "picture-too-large", "{width} × {height}");
    }
    match ImageHash::of(&bomb(100, 100)) {
        Err(PictureError::Damaged(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hash_is_sixteen_hexadecimal_digits() {
    let hash = ImageHash::of(&png(&avatar(3, 50))).unwrap();
    assert_eq!(hash.to_string().parse::<ImageHash>(), Ok(hash));
    assert_eq!(serde_json::from_str::<ImageHash>(&serde_json::to_string(&hash).unwrap()).unwrap(), hash);
    assert_eq!("12".parse::<ImageHash>(), Err(NotAnImageHash));
}
