#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::hash::Sha256;
use crate::keys::{KeyHistory, SigningKey};

/// The rows, roots and proofs that the reference implementation of RFC 6962 is tested with.
const ROWS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// A tree with all its nodes, as the ledger keeps them.
#[derive(Default)]
struct Tree {
    frontier: Frontier,
    nodes: HashMap<NodePlace, Sha256>,
}

impl Tree {
    fn of(rows: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut tree = Self::default();
        rows.into_iter().for_each(|row| tree.push(&row));
        tree
    }

    fn push(&mut self, row: &[u8]) {
        let nodes = &mut self.nodes;
        self.frontier.push(leaf_hash(row), |place, hash| assert_eq!(nodes.insert(place, hash), None));
    }

    fn hash(&self, (start, end): (u64, u64)) -> Sha256 {
        fold(&perfect_nodes(start, end).iter().map(|place| self.nodes[place]).collect::<Vec<_>>()).unwrap()
    }

    fn inclusion(&self, index: u64, size: u64) -> Vec<Sha256> {
        inclusion_ranges(index, size).unwrap().into_iter().map(|range| self.hash(range)).collect()
    }

    fn consistency(&self, old: u64, size: u64) -> Vec<Sha256> {
        consistency_ranges(old, size).unwrap().into_iter().map(|range| self.hash(range)).collect()
    }
}

fn standard() -> Tree {
    Tree::of(ROWS.map(|row| hex::decode(row).unwrap()))
}

fn hashes(texts: &[&str]) -> Vec<Sha256> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn roots_are_those_of_the_standard() {
    assert_eq!(Frontier::default().root(), Sha256::of(b""));
    let mut tree = Tree::default();
    for (row, root) in ROWS.iter().zip(ROOTS) {
        tree.push(&hex::decode(row).unwrap());
        assert_eq!(tree.frontier.root().to_string(), root);
        let size = tree.frontier.size();
        let roots = Frontier::places(size).iter().map(|place| tree.nodes[place]).collect();
        assert_eq!(Frontier::new(size, roots).unwrap(), tree.frontier, "it goes on from the kept nodes");
    }
}

#[test]
fn proofs_are_those_of_the_standard() {
    let tree = standard();
    let included: [(u64, u64, &[&str]); 4] = [
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                ROOTS[3],
            ],
        ),
        (2, 3, &[ROOTS[1]]),
        (
            1,
            5,
            &[
                ROOTS[0],
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (index, size, proof) in included {
        assert_eq!(tree.inclusion(index, size), hashes(proof), "row {index} of {size}");
    }
    let consistent: [(u64, u64, &[&str]); 3] = [
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                ROOTS[3],
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (old, size, proof) in consistent {
        assert_eq!(tree.consistency(old, size), hashes(proof), "{old} to {size}");
    }
}

#[test]
fn every_proof_of_a_small_tree_holds_and_no_other_place_or_size_does() {
    const ROWS: u64 = 40;
    let tree = Tree::of((0..ROWS).map(|row| row.to_string().into_bytes()));
    let root = |size: u64| tree.hash((0, size));
    for size in 1..=ROWS {
        for index in 0..size {
            let (leaf, proof) = (leaf_hash(index.to_string().as_bytes()), tree.inclusion(index, size));
            assert!(verify_inclusion(&leaf, index, size, &proof, &root(size)));
            for other in (0..size).filter(|other| *other != index) {
                assert!(!verify_inclusion(&leaf, other, size, &proof, &root(size)), "{index} as {other} of {size}");
            }
            let longer = [proof.as_slice(), &[leaf]].concat();
            assert!(!verify_inclusion(&leaf, index, size, &longer, &root(size)));
        }
        for old in 1..=size {
            let proof = tree.consistency(old, size);
            assert!(verify_consistency(old, &root(old), size, &root(size), &proof), "{old} to {size}");
            for other in (1..=ROWS).filter(|other| *other != old) {
                let holds = verify_consistency(old, &root(other), size, &root(size), &proof);
                assert!(!holds, "the root of {other} as that of {old}, to {size}");
            }
        }
    }
    assert!(!verify_consistency(0, &Sha256::of(b""), 3, &root(3), &[]), "nothing proves nothing");
    assert_eq!((inclusion_ranges(3, 3), consistency_ranges(0, 3), consistency_ranges(4, 3)), (None, None, None));
}

proptest! {
    #[test]
    fn a_changed_row_or_proof_is_never_taken(size in 2_u64..300, pick in any::<u64>(), flip in any::<u64>()) {
        let tree = Tree::of((0..size).map(|row| row.to_string().into_bytes()));
        let (index, root) = (pick % size, tree.frontier.root());
        let (leaf, proof) = (leaf_hash(index.to_string().as_bytes()), tree.inclusion(index, size));
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root));
        prop_assert!(!verify_inclusion(&leaf_hash(b"other"), index, size, &proof, &root));
        let mut changed = proof.clone();
        let place = usize::try_from(flip).unwrap_or(0) % changed.len();
        changed[place] = Sha256::of(b"other");
        prop_assert!(!verify_inclusion(&leaf, index, size, &changed, &root));
        let old = 1 + pick % (size - 1);
        let proof = tree.consistency(old, size);
        prop_assert!(verify_consistency(old, &tree.hash((0, old)), size, &root, &proof));
        // The same log with one of the old rows changed: its proof does not connect it with the old root.
        let row = flip % old;
        let other = Tree::of((0..size).map(|r| if r == row { b"other".to_vec() } else { r.to_string().into_bytes() }));
        let forged = other.consistency(old, size);
        prop_assert!(!verify_consistency(old, &tree.hash((0, old)), size, &other.frontier.root(), &forged));
    }
}

fn checkpoint(key: &SigningKey) -> (Checkpoint, String) {
    let tree = standard();
    let origin = Checkpoint::origin_of(&leaf_hash(b""));
    let checkpoint = Checkpoint { origin, size: 8, root: tree.frontier.root() };
    let text = checkpoint.sign(key);
    (checkpoint, text)
}

#[test]
fn a_checkpoint_is_read_as_it_was_signed_and_only_its_key_signed_it() {
    let (key, _) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    let (checkpoint, text) = checkpoint(&key);
    assert!(text.starts_with("deed-audit/6e340b9cffb37a98\n8\nXcnaeacGWamtVZy3"), "{text}");
    let signed = SignedCheckpoint::parse(&text).unwrap();
    assert_eq!(signed.checkpoint, checkpoint);
    let of = |key: &SigningKey| KeyHistory::begin(key.public(), "");
    assert!(signed.signed_by(&of(&key)).is_some() && signed.signed_by(&of(&other)).is_none());
    let grown = SignedCheckpoint::parse(&text.replace("\n8\n", "\n9\n")).unwrap();
    assert!(grown.signed_by(&of(&key)).is_none());
    for wrong in [
        text.replace("deed-audit/", "other/"),
        text.replace("\n8\n", "\n08\n"),
        text.replace("\n\n", "\nmore\n\n"),
        text.replace('\u{2014}', "-"),
        text.trim_end().to_owned(),
        text.split("\n\n").next().unwrap().to_owned(),
        String::new(),
    ] {
        assert_eq!(SignedCheckpoint::parse(&wrong).unwrap_err().code(), "checkpoint-malformed", "{wrong}");
    }
    let vkey = Checkpoint::verifier_key(&checkpoint.origin, &key.public());
    assert!(vkey.starts_with("deed-audit/6e340b9cffb37a98+") && vkey.split('+').count() >= 3, "{vkey}");
}

#[test]
fn a_bundle_is_checked_offline_and_every_change_of_it_is_found() {
    let (key, _) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    let rows: Vec<Vec<u8>> =
        (0..7).map(|row| format!(r#"{{"action_id":"a{}","row":{row}}}"#, row % 2).into_bytes()).collect();
    let tree = Tree::of(rows.clone());
    let origin = Checkpoint::origin_of(&leaf_hash(&rows[0]));
    let text = Checkpoint { origin, size: 7, root: tree.frontier.root() }.sign(&key);
    let proved = |index: u64| ProvedRow {
        index,
        event: String::from_utf8(rows[usize::try_from(index).unwrap()].clone()).unwrap(),
        proof: tree.inclusion(index, 7),
    };
    let keys = KeyHistory::begin(key.public(), "");
    let bundle = AuditBundle::new("a1".into(), text, keys.clone(), vec![proved(1), proved(3), proved(5)]);
    let json = serde_json::to_vec(&bundle).unwrap();
    assert_eq!(AuditBundle::from_json(&json).unwrap(), bundle);
    assert!(bundle.verify(Some(&keys)).unwrap().known);
    assert!(!bundle.verify(None).unwrap().known);

    let strangers = KeyHistory::begin(other.public(), "");
    assert_eq!(bundle.verify(Some(&strangers)), Err(BundleError::Unsigned));
    type Change = fn(&mut AuditBundle);
    let changes: [(&str, Change); 5] = [
        ("audit-bundle-row", |bundle| bundle.rows[1].event = bundle.rows[1].event.replace("row\":3", "row\":4")),
        ("audit-bundle-row", |bundle| bundle.rows[1].index = 5),
        ("audit-bundle-row", |bundle| bundle.rows.swap(0, 1)),
        ("audit-bundle-row", |bundle| bundle.action_id = "a0".into()),
        ("audit-bundle-unsigned", |bundle| bundle.checkpoint = bundle.checkpoint.replace("\n7\n", "\n8\n")),
    ];
    for (code, change) in changes {
        let mut changed = bundle.clone();
        change(&mut changed);
        for trust in [None, Some(&keys)] {
            assert_eq!(changed.verify(trust).unwrap_err().code(), code);
        }
    }
}
