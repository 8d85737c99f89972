//! The RFC 6962 Merkle tree over the lines of the journal, built one leaf at a time.
//!
//! It keeps only the roots of its complete subtrees (at most 64 hashes), so a root costs the logarithm of the size. It
//! never sees JSON: a leaf is the bytes of a line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hash of a leaf: `SHA256(0x00 || line)`, the line without its newline.
pub fn leaf(line: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(line).finalize().into()
}

/// Hash of an inner node: `SHA256(0x01 || left || right)`.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A hash as it stands in a checkpoint.
pub fn base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// A tree that grows leaf by leaf.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the complete subtrees, largest first: one per bit set in `size`.
    peaks: Vec<Hash>,
}

impl Tree {
    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let mut hash = leaf;
        for _ in 0..self.size.trailing_zeros() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
    }

    /// The root, `MTH` of RFC 6962; of no leaves it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.peaks.iter().rev();
        match smallest_first.next() {
            None => Sha256::digest(b"").into(),
            Some(last) => smallest_first.fold(*last, |right, left| node(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINES: [&str; 3] = [
        r#"{"seq":0,"t":"2026-11-22T05:00:00.000000Z","kind":"boot","cold":true}"#,
        r#"{"seq":1,"t":"2026-11-22T05:00:01.000000Z","kind":"tick","poi_w":31250000,"limit_w":40000000}"#,
        r#"{"seq":2,"t":"2026-11-22T05:00:01.100000Z","kind":"limit","from":1,"cause":"import_limit","ceiling_w":8750000}"#,
    ];

    #[test]
    fn leaves_and_roots_are_those_four_other_programs_computed() {
        let leaves = LINES.map(|line| base64(&leaf(line.as_bytes())));
        assert_eq!(LINES.map(str::len), [69, 93, 110]);
        assert_eq!(leaves[0], "AtztHqISnXGpZm4t30ygSRyymA9hoYacNrRJ0PNEHHE=");
        assert_eq!(leaves[1], "vnOv5djWiiZRvxC8uLsrQEShcVIPXs1uwsFwxdU2/Zg=");
        assert_eq!(leaves[2], "lU2W+nAG2dfiww1GrNvkZrQVEk9S18m9gMDzoENGopM=");
        let mut tree = Tree::default();
        let mut roots = vec![base64(&tree.root())];
        for line in LINES {
            tree.push(leaf(line.as_bytes()));
            roots.push(base64(&tree.root()));
        }
        assert_eq!(roots[0], "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(roots[1], leaves[0]);
        assert_eq!(roots[2], "dFsPhcQxDpEUFnen4cs/S8FrqVbHBH+yqG4yV6OLfQI=");
        assert_eq!(roots[3], "bsu7e1VizngRmsm3BMrNrbdCK0xTX09YjfAuLPr8vTY=");
    }

    /// The definition of RFC 6962, section 2.1, word by word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => *one,
            many => {
                let half = many.len().next_power_of_two() / 2;
                node(&by_definition(&many[..half]), &by_definition(&many[half..]))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_size_has_the_root_of_the_definition(lines in prop::collection::vec(any::<[u8; 3]>(), 0..140)) {
            let leaves: Vec<Hash> = lines.iter().map(|line| leaf(line)).collect();
            let mut tree = Tree::default();
            for (size, hash) in leaves.iter().enumerate() {
                prop_assert_eq!(tree.root(), by_definition(&leaves[..size]));
                tree.push(*hash);
            }
            prop_assert_eq!(tree.root(), by_definition(&leaves));
            prop_assert_eq!(tree.size(), leaves.len() as u64);
        }
    }
}
