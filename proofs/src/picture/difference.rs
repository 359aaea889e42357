//! Where two pictures differ: boxes around what changed.
//!
//! Owns the comparison, cell by cell, in whole numbers: the same two pictures give the same boxes on every machine. It draws nothing.

use image::RgbaImage;

use super::{PictureError, Region, decode};

/// Edge of a cell, in pixels.
const CELL: u32 = 16;
/// By how much of 255 a channel of a pixel must differ to count: less is how a browser smooths the same letters twice.
const CHANNEL_STEP_MIN: u8 = 24;
/// How many pixels of a cell must differ: fewer is a caret.
const CELL_PIXELS_MIN: u32 = 3;
/// How far apart, in cells, changed cells may be to be one change: letters of a word are.
const REACH: i64 = 2;
/// More boxes than these say no more than one around all of them.
const BOXES_MAX: usize = 24;

/// Where two pictures differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureDifference {
    /// Boxes around what changed, in pixels, from the top left, line by line.
    pub boxes: Vec<Region>,
    /// How much of the cells of the part that both have changed, in thousandths.
    pub changed_permille: u32,
    /// Whether both are of the same size; otherwise only what both have was compared, from the top left.
    pub same_size: bool,
}

impl PictureDifference {
    /// Whether so much changed that boxes say nothing.
    #[must_use]
    pub fn is_another_picture(&self) -> bool {
        self.changed_permille > 600
    }
}

/// Compares two pictures.
///
/// # Errors
/// [`PictureError`] when one of them is no PNG, JPEG or WebP, is damaged, or would take too much to decode.
pub fn difference(before: &[u8], after: &[u8]) -> Result<PictureDifference, PictureError> {
    let (before, after) = (decode(before)?, decode(after)?);
    let (width, height) = (before.width().min(after.width()), before.height().min(after.height()));
    let (columns, rows) = (width.div_ceil(CELL), height.div_ceil(CELL));
    let mut changed = Vec::with_capacity((columns * rows) as usize);
    for row in 0..rows {
        for column in 0..columns {
            let cell = Region { x: column * CELL, y: row * CELL, width: CELL, height: CELL };
            changed.push(differs(&before, &after, clipped(cell, width, height)));
        }
    }
    let count = changed.iter().filter(|changed| **changed).count();
    let changed_permille = if changed.is_empty() { 0 } else { (count * 1000).div_ceil(changed.len()) as u32 };
    let boxes = boxes(&mut changed, columns, rows).into_iter().map(|cells| clipped(cells, width, height)).collect();
    Ok(PictureDifference { boxes, changed_permille, same_size: before.dimensions() == after.dimensions() })
}

fn clipped(region: Region, width: u32, height: u32) -> Region {
    let Region { x, y, .. } = region;
    Region { x, y, width: region.width.min(width - x), height: region.height.min(height - y) }
}

fn differs(before: &RgbaImage, after: &RgbaImage, cell: Region) -> bool {
    let mut pixels = 0;
    for y in cell.y..cell.y + cell.height {
        let row = |picture: &RgbaImage| {
            let start = (y as usize * picture.width() as usize + cell.x as usize) * 4;
            start..start + cell.width as usize * 4
        };
        let (a, b) = (&before.as_raw()[row(before)], &after.as_raw()[row(after)]);
        if a == b {
            continue;
        }
        let far = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) >= CHANNEL_STEP_MIN);
        pixels += a.chunks_exact(4).zip(b.chunks_exact(4)).filter(|pair| far(*pair)).count() as u32;
    }
    pixels >= CELL_PIXELS_MIN
}

/// Boxes around cells that are near each other; it takes the cells out as it goes.
fn boxes(changed: &mut [bool], columns: u32, rows: u32) -> Vec<Region> {
    let mut boxes = Vec::new();
    for start in 0..changed.len() {
        if !std::mem::take(&mut changed[start]) {
            continue;
        }
        let (first_column, first_row) = (start as i64 % i64::from(columns), start as i64 / i64::from(columns));
        let mut open = vec![(first_column, first_row)];
        let (mut left, mut top, mut right, mut bottom) = (first_column, first_row, first_column, first_row);
        while let Some((column, row)) = open.pop() {
            (left, right) = (left.min(column), right.max(column));
            (top, bottom) = (top.min(row), bottom.max(row));
            for near_row in (row - REACH).max(0)..=(row + REACH).min(i64::from(rows) - 1) {
                for near in (column - REACH).max(0)..=(column + REACH).min(i64::from(columns) - 1) {
                    if std::mem::take(&mut changed[(near_row * i64::from(columns) + near) as usize]) {
                        open.push((near, near_row));
                    }
                }
            }
        }
        let pixels = |cells: i64| cells as u32 * CELL;
        boxes.push(Region {
            x: pixels(left),
            y: pixels(top),
            width: pixels(right - left + 1),
            height: pixels(bottom - top + 1),
        });
    }
    join_touching(&mut boxes);
    if boxes.len() > BOXES_MAX {
        let all = boxes.iter().copied().reduce(around);
        boxes = all.into_iter().collect();
    }
    boxes
}

/// One box in the place of two that lie over each other, until none do.
fn join_touching(boxes: &mut Vec<Region>) {
    let touching = |a: Region, b: Region| {
        a.x <= b.x + b.width && b.x <= a.x + a.width && a.y <= b.y + b.height && b.y <= a.y + a.height
    };
    let mut place = 0;
    while place < boxes.len() {
        match (place + 1..boxes.len()).find(|other| touching(boxes[place], boxes[*other])) {
            Some(other) => {
                boxes[place] = around(boxes[place], boxes.remove(other));
                // What it touches now may stand before it.
                place = 0;
            }
            None => place += 1,
        }
    }
}

fn around(a: Region, b: Region) -> Region {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let right = (a.x + a.width).max(b.x + b.width);
    let bottom = (a.y + a.height).max(b.y + b.height);
    Region { x, y, width: right - x, height: bottom - y }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgba};

    use super::*;

    fn png(width: u32, height: u32, dark: &[Region]) -> Vec<u8> {
        let inside = |region: &Region, x, y| {
            (region.x..region.x + region.width).contains(&x) && (region.y..region.y + region.height).contains(&y)
        };
        let canvas = RgbaImage::from_fn(width, height, |x, y| {
            let shade = if dark.iter().any(|region| inside(region, x, y)) { 20 } else { 240 };
            Rgba([shade, shade, shade, 255])
        });
        let mut png = Vec::new();
        canvas.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        png
    }

    fn region(x: u32, y: u32, width: u32, height: u32) -> Region {
        Region { x, y, width, height }
    }

    #[test]
    fn the_same_picture_has_no_boxes() {
        let found = difference(&png(200, 120, &[]), &png(200, 120, &[])).unwrap();
        assert_eq!(found, PictureDifference { boxes: Vec::new(), changed_permille: 0, same_size: true });
    }

    #[test]
    fn boxes_lie_around_what_changed_and_far_changes_are_apart() {
        let found = difference(&png(400, 300, &[]), &png(400, 300, &[region(20, 20, 30, 8), region(300, 200, 40, 40)]))
            .unwrap();
        assert_eq!(found.boxes, [region(16, 16, 48, 16), region(288, 192, 64, 48)]);
        assert!(!found.is_another_picture());
    }

    #[test]
    fn a_caret_and_a_smoothed_edge_are_no_change() {
        let caret = difference(&png(100, 100, &[]), &png(100, 100, &[region(50, 40, 1, 2)])).unwrap();
        assert_eq!(caret.boxes, []);
        let mut canvas = RgbaImage::from_pixel(100, 100, Rgba([240, 240, 240, 255]));
        (0..100).for_each(|x| canvas.put_pixel(x, 50, Rgba([220, 230, 240, 255])));
        let mut smoothed = Vec::new();
        canvas.write_to(&mut Cursor::new(&mut smoothed), ImageFormat::Png).unwrap();
        assert_eq!(difference(&png(100, 100, &[]), &smoothed).unwrap().boxes, []);
    }

    #[test]
    fn pictures_of_two_sizes_are_compared_where_both_are() {
        let found = difference(&png(100, 100, &[]), &png(90, 150, &[region(85, 95, 5, 55)])).unwrap();
        assert_eq!(found.boxes, [region(80, 80, 10, 20)]);
        assert!(!found.same_size);
    }

    #[test]
    fn another_picture_is_said_to_be_one_and_many_boxes_are_one() {
        assert!(difference(&png(64, 64, &[]), &png(64, 64, &[region(0, 0, 64, 64)])).unwrap().is_another_picture());
        let dots: Vec<Region> = (0..36).map(|n| region(n % 6 * 90, n / 6 * 90, 8, 8)).collect();
        let found = difference(&png(540, 540, &[]), &png(540, 540, &dots)).unwrap();
        assert_eq!(found.boxes, [region(0, 0, 464, 464)]);
    }
}
