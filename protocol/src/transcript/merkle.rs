//! RFC 6962 trees over the frames of a bulk stream.
//!
//! A stream is appended to frame by frame and only its root is ever compared, so a tree is kept as
//! its frontier: the roots of the full subtrees of the leaves so far, at most 32 of them.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

/// Hash of a leaf or node.
pub type Hash = [u8; 32];

/// Hash of one leaf, `SHA-256(0x00 ‖ parts)` [T-03].
#[must_use]
pub fn leaf_hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new().chain_update([0x00]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A growing tree, kept as its frontier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Roots of full subtrees, largest first; the bits of `leaves` say how large each is.
    frontier: Vec<Hash>,
    leaves: u64,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { frontier: Vec::new(), leaves: 0 }
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Each trailing one bit of the count is a full subtree that the new leaf completes.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.frontier.push(node);
        // Nobody hashes 2^64 leaves, and a clamp spares every caller an error that cannot be.
        self.leaves = self.leaves.saturating_add(1);
    }

    /// Number of leaves.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The Merkle tree head; SHA-256 of nothing for the empty tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.frontier.iter().rev();
        let Some(smallest) = subtrees.next() else {
            return Sha256::digest([]).into();
        };
        subtrees.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursive definition of RFC 6962 2.1.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node_hash(&definition(left), &definition(right))
            }
        }
    }

    #[test]
    fn frontier_equals_the_recursive_definition() {
        let leaves: Vec<Hash> = (0_u8..200).map(|i| leaf_hash(&[&[i]])).collect();
        let mut tree = Tree::new();
        for count in 0..leaves.len() {
            assert_eq!(tree.root(), definition(&leaves[..count]), "{count} leaves");
            assert_eq!(tree.leaves(), count as u64);
            tree.push(leaves[count]);
        }
    }
}
