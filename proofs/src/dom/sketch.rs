//! The similarity sketch: 64 bits of which few differ when two pages are alike.
//!
//! Source: M. Charikar, "Similarity estimation techniques from rounding algorithms" (STOC 2002), as used for web pages by
//! G. S. Manku, A. Jain, A. Das Sarma, "Detecting near-duplicates for web crawling" (WWW 2007).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hash::parse_hex_u64;

/// How many successive lines of the canonical form make one feature.
const SHINGLE_LINES: usize = 3;

/// A 64-bit simhash over shingles of the canonical form. Written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sketch(u64);

impl Sketch {
    /// How many of the 64 bits differ: 0 for the same structure, about 32 for pages that have nothing in common.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// Why a text is not a [`Sketch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sketch is written as 16 lower-case hexadecimal digits")]
pub struct NotASketch;

impl FromStr for Sketch {
    type Err = NotASketch;

    fn from_str(text: &str) -> Result<Self, NotASketch> {
        parse_hex_u64(text).map(Self).ok_or(NotASketch)
    }
}

impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({self})")
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The sketch of a page whose canonical lines, without their depths, have these hashes.
pub(super) fn of_lines(line_hashes: &[u64]) -> Sketch {
    let mut votes = [0_i64; 64];
    // Empty lines in front give a page of one or two elements its features too.
    let padded: Vec<u64> = std::iter::repeat_n(0, SHINGLE_LINES - 1).chain(line_hashes.iter().copied()).collect();
    for shingle in padded.windows(SHINGLE_LINES) {
        let feature = shingle.iter().fold(0, |so_far, line| mix(so_far, *line));
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if feature >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    Sketch(votes.iter().enumerate().fold(0, |bits, (bit, vote)| if *vote > 0 { bits | 1 << bit } else { bits }))
}

/// A hash of some bytes that is the same on every machine and in every version: FNV-1a, 64 bits.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Joins a value to a hash, in order; the finaliser of MurmurHash3 spreads it over all bits.
pub(super) fn mix(hash: u64, value: u64) -> u64 {
    let mut mixed = hash.rotate_left(29) ^ value;
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}
