//! The tree: hashes of rows and nodes, and the frontier that grows by a row without reading the rows before it.

use crate::hash::Sha256;

/// The hash of a row: SHA-256 of a zero byte and the row's bytes (RFC 6962, section 2.1).
#[must_use]
pub fn leaf_hash(row: &[u8]) -> Sha256 {
    Sha256::of(&[&[0], row].concat())
}

/// The hash of two subtrees: SHA-256 of a one byte and both hashes (RFC 6962, section 2.1).
#[must_use]
pub fn node_hash(left: &Sha256, right: &Sha256) -> Sha256 {
    Sha256::of(&[&[1], left.as_bytes().as_slice(), right.as_bytes()].concat())
}

/// The place of a complete subtree: over the rows `index << level` up to `(index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodePlace {
    /// 0 for a row.
    pub level: u32,
    /// From 0, from the left.
    pub index: u64,
}

/// The roots of the complete subtrees that a tree consists of, the largest first: all that is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Sha256>,
}

impl Frontier {
    /// The places of the roots of a tree with so many rows.
    #[must_use]
    pub fn places(size: u64) -> Vec<NodePlace> {
        perfect_nodes(0, size)
    }

    /// Of a tree of this size, from the roots at [`Frontier::places`]; `None` when there are not as many.
    #[must_use]
    pub fn new(size: u64, roots: Vec<Sha256>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// How many rows.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root; of no rows, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Sha256 {
        fold(&self.roots).unwrap_or_else(|| Sha256::of(b""))
    }

    /// Adds a row by its hash; every subtree that it completes, itself first, is told to `made`.
    pub fn push(&mut self, leaf: Sha256, mut made: impl FnMut(NodePlace, Sha256)) {
        let (mut place, mut hash) = (NodePlace { level: 0, index: self.size }, leaf);
        made(place, hash);
        // As many subtrees are completed as the old size ends with ones in binary.
        while place.index & 1 == 1
            && let Some(left) = self.roots.pop()
        {
            hash = node_hash(&left, &hash);
            place = NodePlace { level: place.level + 1, index: place.index >> 1 };
            made(place, hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }
}

/// The complete subtrees that the rows `start..end` consist of, from the left. `start` is a multiple of the largest of them.
#[must_use]
pub fn perfect_nodes(mut start: u64, end: u64) -> Vec<NodePlace> {
    let mut nodes = Vec::new();
    while start < end {
        let level = (end - start).ilog2().min(start.trailing_zeros());
        nodes.push(NodePlace { level, index: start >> level });
        start += 1 << level;
    }
    nodes
}

/// The hash over neighbouring subtrees, as [`perfect_nodes`] orders them; `None` of none.
#[must_use]
pub fn fold(roots: &[Sha256]) -> Option<Sha256> {
    let (last, before) = roots.split_last()?;
    Some(before.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}
