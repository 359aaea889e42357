//! What proof does not show: painting over parts of a picture, and commitments to what was hidden.
//!
//! A commitment is sha256(salt ‖ content) with a salt of 32 random bytes: it says nothing of the content to whoever has not the salt, not
//! even whether a guess is right, and whoever is given both can check that this and nothing else was hidden. The caller draws the salt and
//! keeps it away from the proof. Never keeps what was hidden.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, Rgba, RgbaImage};
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::manifest::MaskedRegion;
use crate::picture::{self, PictureError, Region};

/// Bytes of a salt.
pub const SALT_BYTES: usize = 32;
/// What stands where something was.
const PAINT: Rgba<u8> = Rgba([48, 48, 48, 255]);

/// A picture with parts of it painted over.
#[derive(Debug, Clone)]
pub struct PaintedOver {
    /// PNG, without any metadata that the picture had.
    pub png: Vec<u8>,
    /// PNG of each part as it was, in the order of the regions; `None`: it lies outside the picture.
    pub hidden: Vec<Option<Vec<u8>>>,
}

/// Paints regions over. What of a region lies outside the picture is left out.
///
/// # Errors
/// The picture can not be read, or not be written: then nothing of it may be kept.
pub fn painted_over(png: &[u8], regions: &[Region]) -> Result<PaintedOver, PictureError> {
    let mut canvas = picture::decode(png)?;
    let hidden = regions.iter().map(|region| part(&canvas, *region)).collect::<Result<_, _>>()?;
    paint(&mut canvas, regions);
    Ok(PaintedOver { png: encode(&canvas)?, hidden })
}

/// As [`painted_over`], on pixels.
pub fn paint(canvas: &mut RgbaImage, regions: &[Region]) {
    for region in regions {
        let Some(Region { x, y, width, height }) = within(canvas, *region) else { continue };
        for row in y..y + height {
            for column in x..x + width {
                canvas.put_pixel(column, row, PAINT);
            }
        }
    }
}

/// What of a region lies in the picture.
fn within(canvas: &RgbaImage, region: Region) -> Option<Region> {
    let right = region.x.saturating_add(region.width).min(canvas.width());
    let bottom = region.y.saturating_add(region.height).min(canvas.height());
    (right > region.x && bottom > region.y).then(|| Region {
        width: right - region.x,
        height: bottom - region.y,
        ..region
    })
}

fn part(canvas: &RgbaImage, region: Region) -> Result<Option<Vec<u8>>, PictureError> {
    let Some(Region { x, y, width, height }) = within(canvas, region) else { return Ok(None) };
    encode(&image::imageops::crop_imm(canvas, x, y, width, height).to_image()).map(Some)
}

fn encode(canvas: &RgbaImage) -> Result<Vec<u8>, PictureError> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(Cursor::new(&mut png), CompressionType::Fast, FilterType::Sub)
        .write_image(canvas.as_raw(), canvas.width(), canvas.height(), ExtendedColorType::Rgba8)
        .map_err(PictureError::from_image)?;
    Ok(png)
}

/// What a manifest says of something hidden: sha256(salt ‖ content).
#[must_use]
pub fn commitment(salt: &[u8; SALT_BYTES], content: &[u8]) -> Sha256 {
    Sha256::of(&[salt.as_slice(), content].concat())
}

/// Something that was hidden, shown to somebody: with it anybody can check that the manifest speaks of exactly this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The episode whose manifest holds the commitment.
    pub episode_id: String,
    /// The picture or document in which it is hidden.
    pub sha256: Sha256,
    /// What kind of thing it is.
    pub kind: String,
    /// Where it stood.
    pub region: MaskedRegion,
    /// As the manifest has it.
    pub commitment: Sha256,
    /// The salt, in hexadecimal digits.
    pub salt: String,
    /// What stood there, in base64: a PNG for a place in a picture, a text for one in a document.
    pub content: String,
}

/// What became of the check of a disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosed {
    /// The manifest hides exactly this, there.
    Proved,
    /// Salt and content are not what its commitment was made of.
    NotWhatWasHidden,
    /// The manifest has no such commitment for that artifact and place.
    NotInManifest,
}

impl Disclosure {
    /// Checks it against a manifest, which has to be checked by itself.
    #[must_use]
    pub fn check(&self, manifest: &crate::Manifest) -> Disclosed {
        let Some(salt) = hex::decode(&self.salt).ok().and_then(|salt| <[u8; SALT_BYTES]>::try_from(salt).ok()) else {
            return Disclosed::NotWhatWasHidden;
        };
        let Some(content) = self.bytes() else { return Disclosed::NotWhatWasHidden };
        if commitment(&salt, &content) != self.commitment {
            return Disclosed::NotWhatWasHidden;
        }
        let listed = manifest.redactions.iter().any(|hidden| {
            hidden.commitment == self.commitment
                && hidden.sha256 == self.sha256
                && hidden.kind == self.kind
                && hidden.region == self.region
        });
        if listed && manifest.action.episode_id == self.episode_id {
            Disclosed::Proved
        } else {
            Disclosed::NotInManifest
        }
    }

    /// What stood there.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.content).ok()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn noisy() -> Vec<u8> {
        let canvas = RgbaImage::from_fn(60, 40, |x, y| Rgba([(x * 4) as u8, (y * 6) as u8, 200, 255]));
        encode(&canvas).unwrap()
    }

    #[test]
    fn what_is_painted_over_is_gone_and_nothing_else() {
        let regions = [Region { x: 10, y: 5, width: 20, height: 10 }, Region { x: 50, y: 30, width: 400, height: 400 }];
        let painted = painted_over(&noisy(), &regions).unwrap();
        let (before, after) = (picture::decode(&noisy()).unwrap(), picture::decode(&painted.png).unwrap());
        for (x, y, pixel) in after.enumerate_pixels() {
            let hidden = (10..30).contains(&x) && (5..15).contains(&y) || (x >= 50 && y >= 30);
            assert_eq!(*pixel, if hidden { PAINT } else { *before.get_pixel(x, y) }, "{x} {y}");
        }
        let part = picture::decode(painted.hidden[0].as_ref().unwrap()).unwrap();
        assert_eq!((part.width(), part.height()), (20, 10));
        assert_eq!(part.get_pixel(0, 0), before.get_pixel(10, 5), "what was hidden can be shown later");
    }

    #[test]
    fn a_place_outside_the_picture_hides_nothing_and_breaks_nothing() {
        let far = Region { x: u32::MAX, y: 3, width: u32::MAX, height: 4 };
        let painted = painted_over(&noisy(), &[far]).unwrap();
        assert_eq!(painted.hidden, [None]);
        assert!(painted_over(b"no picture", &[far]).is_err());
    }

    #[test]
    fn the_same_content_has_another_commitment_with_another_salt() {
        let (one, other) = (commitment(&[1; SALT_BYTES], b"yes"), commitment(&[2; SALT_BYTES], b"yes"));
        assert_ne!(one, other, "or short contents could be guessed");
        assert_ne!(one, commitment(&[1; SALT_BYTES], b"no"));
        assert_ne!(one, Sha256::of(b"yes"));
    }
}
