//! A copy of a screenshot with numbered boxes on it.
//!
//! The screenshot itself is evidence and stays as it is; this is a drawing for a person beside it.

use std::io::Cursor;

use image::{ImageFormat, Rgba, RgbaImage};

use crate::picture::{self, PictureError, Region};

/// A place in a picture and the number beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The place; what lies outside the picture is not drawn.
    pub region: Region,
    /// The number in the legend.
    pub number: u32,
}

/// Thickness of a box, in pixels.
const LINE: u32 = 3;
/// Edge of one dot of a digit, in pixels.
const DOT: u32 = 3;
const COLOURS: [[u8; 3]; 4] = [[214, 39, 40], [31, 119, 180], [148, 103, 189], [140, 86, 75]];
/// Digits of three by five dots, a row in three bits.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// Draws the marks on a copy of a picture, as PNG.
///
/// # Errors
/// The picture cannot be read, or not be written.
pub fn marked(picture: &[u8], marks: &[Mark]) -> Result<Vec<u8>, PictureError> {
    let mut canvas = picture::decode(picture)?;
    for (place, mark) in marks.iter().enumerate() {
        let [r, g, b] = COLOURS[place % COLOURS.len()];
        draw(&mut canvas, *mark, Rgba([r, g, b, 255]));
    }
    let mut png = Vec::new();
    canvas.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(PictureError::from_image)?;
    Ok(png)
}

fn fill(canvas: &mut RgbaImage, region: Region, colour: Rgba<u8>) {
    let right = region.x.saturating_add(region.width).min(canvas.width());
    let bottom = region.y.saturating_add(region.height).min(canvas.height());
    for y in region.y.min(bottom)..bottom {
        for x in region.x.min(right)..right {
            canvas.put_pixel(x, y, colour);
        }
    }
}

fn draw(canvas: &mut RgbaImage, mark: Mark, colour: Rgba<u8>) {
    let Region { x, y, width, height } = mark.region;
    let (x, y) = (x.saturating_sub(LINE), y.saturating_sub(LINE));
    let (width, height) = (width.saturating_add(2 * LINE), height.saturating_add(2 * LINE));
    let (right, bottom) = (x.saturating_add(width - LINE), y.saturating_add(height - LINE));
    fill(canvas, Region { x, y, width, height: LINE }, colour);
    fill(canvas, Region { x, y: bottom, width, height: LINE }, colour);
    fill(canvas, Region { x, y, width: LINE, height }, colour);
    fill(canvas, Region { x: right, y, width: LINE, height }, colour);

    // The number stands above the box, or inside it where there is no room.
    let digits: Vec<usize> = mark.number.to_string().bytes().map(|d| usize::from(d - b'0')).collect();
    let count = u32::try_from(digits.len()).unwrap_or(1);
    let label = Region { x, y: y.saturating_sub(7 * DOT), width: (count * 4 + 1) * DOT, height: 7 * DOT };
    fill(canvas, label, colour);
    for (place, digit) in digits.into_iter().enumerate() {
        let left = label.x + DOT + u32::try_from(place).unwrap_or(0) * 4 * DOT;
        for (row, bits) in (0_u32..).zip(DIGITS[digit]) {
            for column in 0..3 {
                if bits & (4 >> column) != 0 {
                    let dot = Region { x: left + column * DOT, y: label.y + DOT + row * DOT, width: DOT, height: DOT };
                    fill(canvas, dot, Rgba([255, 255, 255, 255]));
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn white() -> Vec<u8> {
        let mut png = Vec::new();
        let canvas = RgbaImage::from_pixel(100, 80, Rgba([255, 255, 255, 255]));
        canvas.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        png
    }

    fn pixel(png: &[u8], x: u32, y: u32) -> [u8; 3] {
        let [r, g, b, _] = picture::decode(png).unwrap().get_pixel(x, y).0;
        [r, g, b]
    }

    #[test]
    fn a_box_lies_around_the_place_and_leaves_it_to_be_seen() {
        let mark = Mark { region: Region { x: 20, y: 40, width: 30, height: 20 }, number: 1 };
        let png = marked(&white(), &[mark]).unwrap();
        assert_eq!(pixel(&png, 18, 50), COLOURS[0], "left edge");
        assert_eq!(pixel(&png, 51, 50), COLOURS[0], "right edge");
        assert_eq!(pixel(&png, 35, 50), [255, 255, 255], "inside");
        assert_eq!(pixel(&png, 18, 30), COLOURS[0], "the number's ground");
    }

    #[test]
    fn a_second_mark_has_a_colour_of_its_own_and_nothing_outside_is_drawn() {
        let far = Mark { region: Region { x: 4_000_000_000, y: 5, width: 400_000_000, height: 9 }, number: 12 };
        let near = Mark { region: Region { x: 0, y: 0, width: 10, height: 10 }, number: 345 };
        let png = marked(&white(), &[far, near]).unwrap();
        assert_eq!(pixel(&png, 11, 30), [255, 255, 255]);
        assert_eq!(pixel(&png, 0, 25), [255, 255, 255]);
        assert_eq!(pixel(&png, 1, 1), COLOURS[1]);
    }
}
