//! Proofs: that a row is in a tree, and that a tree is the beginning of a larger one.
//!
//! Making one is naming the ranges of rows whose hashes it consists of (RFC 6962, sections 2.1.1 and 2.1.2); who keeps
//! the nodes folds each. Checking is RFC 9162, sections 2.1.3.2 and 2.1.4.2.

use super::merkle::node_hash;
use crate::hash::Sha256;

/// Rows from and up to, the end not included.
type Range = (u64, u64);

/// The largest power of two below `n`, which is 2 at least.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The ranges whose hashes prove that row `index` (from 0) is in a tree of `size` rows, in the proof's order; `None` when it is not in it.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end, mut ranges) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The ranges whose hashes prove that the tree of the first `old` rows is the beginning of the one of `size`, in the proof's order; `None`
/// when it can not be.
#[must_use]
pub fn consistency_ranges(old: u64, size: u64) -> Option<Vec<Range>> {
    if old == 0 || old > size {
        return None;
    }
    let (mut start, mut end, mut ranges) = (0, size, Vec::new());
    // Whether the subtree that is looked at is a whole tree that the verifier has the root of.
    let mut known = true;
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
            known = false;
        }
    }
    if !known {
        ranges.push((start, end));
    }
    ranges.reverse();
    Some(ranges)
}

/// Whether the proof shows that a row of this hash is row `index` (from 0) of the tree of `size` rows with this root.
#[must_use]
pub fn verify_inclusion(leaf: &Sha256, index: u64, size: u64, proof: &[Sha256], root: &Sha256) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the proof shows that the tree of `old_size` rows with the root `old_root` is the beginning of the one of
/// `size` rows with `root`.
#[must_use]
pub fn verify_consistency(old_size: u64, old_root: &Sha256, size: u64, root: &Sha256, proof: &[Sha256]) -> bool {
    if old_size == 0 || old_size > size {
        return false;
    }
    if old_size == size {
        return proof.is_empty() && old_root == root;
    }
    // A whole subtree: its root, which the verifier has, begins the proof.
    let whole = old_size.is_power_of_two().then_some(old_root);
    let mut parts = whole.into_iter().chain(proof);
    let Some(first) = parts.next() else { return false };
    let (mut node, mut last) = (old_size - 1, size - 1);
    let shift = node.trailing_ones();
    node >>= shift;
    last >>= shift;
    let (mut old_hash, mut hash) = (*first, *first);
    for part in parts {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(part, &old_hash);
            hash = node_hash(part, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, part);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && hash == *root
}
