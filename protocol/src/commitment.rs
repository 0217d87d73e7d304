//! Commitments of each side before a session: salted leaves and sealed roots of its data.
//!
//! Leaves are salted, so an opening shows one row and nothing of its neighbours. The advertiser's
//! root is sealed anew for every session; the provider's commitment is the same for all partners.

use alloc::vec::Vec;

use crate::group::BatchArithmetic;
use crate::identifier::{Identifier, IdentifierDigest, IdentifierKind, RulesetId};
use crate::purpose::Purpose;
use crate::seed::LeafSalts;
use crate::suite::{self, h};
use crate::terms::LinkFilter;
use crate::transcript::merkle::{self, Hash, Tree};

/// One real identifier of one row of the advertiser.
#[derive(Debug, Clone)]
pub struct InputLeaf {
    /// Position of the row in the committed order.
    pub row: u64,
    /// Position of the identifier in its row.
    pub slot: u8,
    /// The identifier.
    pub identifier: Identifier,
    /// SHA-256 of the consent record as kept by the advertiser.
    pub consent_evidence: [u8; 32],
    /// Unix time of the source record, 0 if it has none.
    pub source_time: u64,
}

impl InputLeaf {
    /// Hash of the leaf [T-06].
    #[must_use]
    pub fn hash(&self, salt: &[u8; 16]) -> Hash {
        merkle::leaf_hash(&[
            salt,
            &self.row.to_le_bytes(),
            &[self.slot, self.identifier.kind.code(), self.identifier.ruleset.code()],
            self.identifier.digest.expose_bytes(),
            &self.consent_evidence,
            &self.source_time.to_le_bytes(),
        ])
    }
}

/// Builds the root of an input, leaf by leaf in (row, slot) order.
#[derive(Debug)]
pub struct InputCommitter {
    salts: LeafSalts,
    tree: Tree,
}

impl InputCommitter {
    /// Starts an empty input.
    #[must_use]
    pub const fn new(salts: LeafSalts) -> Self {
        Self { salts, tree: Tree::new() }
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: &InputLeaf) {
        let salt = self.salts.salt(self.tree.leaves());
        self.tree.push(leaf.hash(&salt));
    }

    /// Appends many leaves: the same as each of them by [`InputCommitter::push`], in less time.
    pub fn extend(&mut self, arithmetic: &dyn BatchArithmetic, leaves: &[InputLeaf]) {
        let Self { salts, tree } = self;
        salts.salt_each(arithmetic, tree.leaves(), leaves.iter(), |leaf, salt| {
            tree.push(leaf.hash(salt));
        });
    }

    /// The root, for an input of `rows` rows that were read by the map of this digest.
    #[must_use]
    pub fn finish(self, rows: u64, map: [u8; 32]) -> InputRoot {
        InputRoot { root: self.tree.root(), leaves: self.tree.leaves(), rows, map }
    }
}

/// The advertiser's committed input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRoot {
    /// Merkle root over the leaves.
    pub root: Hash,
    /// Number of leaves: real identifiers, duplicates included.
    pub leaves: u64,
    /// Number of rows n.
    pub rows: u64,
    /// Digest of the map by which the rows were read from their files; zeros for files that have
    /// our own names.
    pub map: [u8; 32],
}

impl InputRoot {
    /// The commitment of HELLO_A: hides root and counts behind a salt of the session [T-06].
    #[must_use]
    pub fn seal(&self, salt: &[u8; 32]) -> [u8; 32] {
        let counts = [self.leaves.to_le_bytes(), self.rows.to_le_bytes()];
        suite::hash(h::INPUT_ROOT, &[salt, &self.root, counts.as_flattened(), &self.map])
    }
}

/// Opening of the input commitment of a session, as its advertiser may show it to an auditor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputOpening {
    /// The salt of the session.
    pub salt: [u8; 32],
    /// The input.
    pub input: InputRoot,
}

impl InputOpening {
    /// Name of its file, beside the transcript.
    pub const FILE: &'static str = "input.opening";
    /// Bytes of its file.
    pub const LEN: usize = OPENING_MAGIC.len() + 32 + 32 + 8 + 8 + 32;

    /// The commitment that it opens.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        self.input.seal(&self.salt)
    }

    /// The bytes of its file [T-22].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let InputRoot { root, leaves, rows, map } = &self.input;
        let counts = [leaves.to_le_bytes(), rows.to_le_bytes()];
        [OPENING_MAGIC, &self.salt, root, counts.as_flattened(), map].concat()
    }

    /// Reads the bytes of its file; `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(OPENING_MAGIC)?;
        let (salt, rest) = rest.split_first_chunk::<32>()?;
        let (root, rest) = rest.split_first_chunk::<32>()?;
        let (leaves, rest) = rest.split_first_chunk::<8>()?;
        let (rows, rest) = rest.split_first_chunk::<8>()?;
        let map = rest.try_into().ok()?;
        let (leaves, rows) = (u64::from_le_bytes(*leaves), u64::from_le_bytes(*rows));
        Some(Self { salt: *salt, input: InputRoot { root: *root, leaves, rows, map } })
    }
}

/// First line of the file of an opening.
const OPENING_MAGIC: &[u8] = b"VEILMATCH-INPUT-OPENING-3\n";

/// One identifier of one record of the provider, with what filters ask of it.
#[derive(Debug, Clone)]
pub struct SnapshotLeaf {
    /// The record a handle would name.
    pub record: u64,
    /// The identifier.
    pub identifier: Identifier,
    /// Hash of the record's digital IDs.
    pub ids_digest: [u8; 32],
    /// Unix time of the last evidence.
    pub last_seen: u64,
    /// Evidence classes, as bits.
    pub evidence: u16,
    /// Device classes, as bits.
    pub devices: u16,
    /// 0 individual, 1 household.
    pub level: u8,
    /// Distinct days with a login, at most 255.
    pub logins: u8,
    /// Persons on the record's devices, at most 255.
    pub persons: u8,
    /// Purposes consented to, as bits.
    pub purposes: u32,
    /// Zeros, or the hash over the partners objected to.
    pub objection_scope: [u8; 32],
    /// SHA-256 of the consent record as kept by the provider.
    pub consent_evidence: [u8; 32],
}

impl SnapshotLeaf {
    /// Hash of the leaf [T-07].
    #[must_use]
    pub fn hash(&self, salt: &[u8; 16]) -> Hash {
        merkle::leaf_hash(&[
            salt,
            &self.record.to_le_bytes(),
            &[self.identifier.kind.code(), self.identifier.ruleset.code()],
            self.identifier.digest.expose_bytes(),
            &self.ids_digest,
            &self.last_seen.to_le_bytes(),
            &self.evidence.to_le_bytes(),
            &self.devices.to_le_bytes(),
            &[self.level, self.logins, self.persons],
            &self.purposes.to_le_bytes(),
            &self.objection_scope,
            &self.consent_evidence,
        ])
    }

    /// True if the leaf is in a partner's table: a pure function of leaf, conditions and day.
    ///
    /// `at` is the Unix time of the snapshot's day. A leaf with any scoped objection is left out
    /// until objections by partner exist, which errs on the side of the person.
    #[must_use]
    pub fn passes(&self, filter: &LinkFilter, kinds: &[u8], purpose: Purpose, at: u64) -> bool {
        // Evidence that is younger than the snapshot has no age.
        let age_days = at.saturating_sub(self.last_seen) / 86_400;
        kinds.contains(&self.identifier.kind.code())
            && age_days <= u64::from(filter.max_age_days)
            && self.evidence & filter.evidence_mask != 0
            && self.devices & filter.device_mask != 0
            && self.level <= filter.level
            && self.logins >= filter.min_logins
            && self.persons <= filter.max_persons
            && self.purposes & purpose.bit() != 0
            && self.objection_scope == [0; 32]
    }
}

/// The provider's committed data of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRoot {
    /// Merkle root over the leaves.
    pub root: Hash,
    /// Number of leaves.
    pub leaves: u64,
    /// Number of records.
    pub records: u64,
}

impl SnapshotRoot {
    /// The commitment of the signed snapshot [T-07].
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        let counts = [self.leaves.to_le_bytes(), self.records.to_le_bytes()];
        suite::hash(h::SNAPSHOT_ROOT, &[&self.root, counts.as_flattened()])
    }
}

/// Builds the root of a snapshot, leaf by leaf.
#[derive(Debug)]
pub struct SnapshotCommitter {
    salts: LeafSalts,
    tree: Tree,
}

impl SnapshotCommitter {
    /// Starts an empty snapshot.
    #[must_use]
    pub const fn new(salts: LeafSalts) -> Self {
        Self { salts, tree: Tree::new() }
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: &SnapshotLeaf) {
        let salt = self.salts.salt(self.tree.leaves());
        self.tree.push(leaf.hash(&salt));
    }

    /// Appends many leaves: the same as each of them by [`SnapshotCommitter::push`], in less time.
    pub fn extend(&mut self, arithmetic: &dyn BatchArithmetic, leaves: &[SnapshotLeaf]) {
        let Self { salts, tree } = self;
        salts.salt_each(arithmetic, tree.leaves(), leaves.iter(), |leaf, salt| {
            tree.push(leaf.hash(salt));
        });
    }

    /// The root, for a snapshot of `records` records.
    #[must_use]
    pub fn finish(self, records: u64) -> SnapshotRoot {
        SnapshotRoot { root: self.tree.root(), leaves: self.tree.leaves(), records }
    }
}

/// An identifier from its three parts, as stored forms hold it.
///
/// `None` for a kind or ruleset without a code.
#[must_use]
pub fn identifier_from_parts(kind: u8, ruleset: u8, digest: [u8; 32]) -> Option<Identifier> {
    Some(Identifier {
        kind: IdentifierKind::from_code(kind)?,
        ruleset: RulesetId::from_code(ruleset)?,
        digest: IdentifierDigest::from_bytes(digest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Portable;
    use crate::seed::{InputSeed, SessionSeed};

    fn leaf(row: u64, byte: u8) -> InputLeaf {
        InputLeaf {
            row,
            slot: 0,
            identifier: identifier_from_parts(1, 1, [byte; 32]).unwrap(),
            consent_evidence: [0; 32],
            source_time: 0,
        }
    }

    fn root(seed: u8, bytes: &[u8]) -> InputRoot {
        let mut committer = InputCommitter::new(InputSeed::from_bytes([seed; 32]).leaf_salts());
        for (row, byte) in (0..).zip(bytes) {
            committer.push(&leaf(row, *byte));
        }
        committer.finish(bytes.len() as u64, [0; 32])
    }

    #[test]
    fn same_data_and_seed_give_the_same_root_and_different_seals() {
        assert_eq!(root(1, &[5, 6]), root(1, &[5, 6]));
        assert_ne!(root(1, &[5, 6]), root(2, &[5, 6]));
        assert_ne!(root(1, &[5, 6]), root(1, &[6, 5]));
        let one = SessionSeed::from_bytes([1; 32]).input_salt();
        let two = SessionSeed::from_bytes([2; 32]).input_salt();
        assert_ne!(root(1, &[5]).seal(&one), root(1, &[5]).seal(&two));
    }

    #[test]
    fn an_opening_is_read_back_from_its_file_and_from_no_other_bytes() {
        let input = InputRoot { root: [2; 32], leaves: 3, rows: 4, map: [5; 32] };
        let opening = InputOpening { salt: [1; 32], input };
        assert_eq!(opening.commitment(), input.seal(&[1; 32]));
        let bytes = opening.encode();
        assert_eq!(bytes.len(), InputOpening::LEN);
        assert_eq!(InputOpening::parse(&bytes), Some(opening));
        for cut in 0..bytes.len() {
            assert_eq!(InputOpening::parse(&bytes[..cut]), None);
        }
        assert_eq!(InputOpening::parse(&[&bytes[..], &[0]].concat()), None);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let commitment = InputOpening::parse(&other).map(|opening| opening.commitment());
            assert_ne!(commitment, Some(opening.commitment()), "bit {bit}");
        }
    }

    #[test]
    fn leaves_appended_together_give_the_root_of_leaves_one_by_one() {
        let leaves: Vec<InputLeaf> = (0..60).map(|byte| leaf(u64::from(byte), byte)).collect();
        let bytes: Vec<u8> = (0..60).collect();
        for cut in [0, 1, 17, 60] {
            let mut committer = InputCommitter::new(InputSeed::from_bytes([1; 32]).leaf_salts());
            let (first, second) = leaves.split_at(cut);
            committer.extend(&Portable, first);
            committer.extend(&Portable, second);
            assert_eq!(committer.finish(60, [0; 32]), root(1, &bytes));
        }
    }

    #[test]
    fn filter_leaves_out_what_the_terms_exclude() {
        let base = SnapshotLeaf {
            record: 1,
            identifier: identifier_from_parts(1, 1, [1; 32]).unwrap(),
            ids_digest: [0; 32],
            last_seen: 100 * 86_400,
            evidence: 1,
            devices: 1,
            level: 0,
            logins: 2,
            persons: 1,
            purposes: 0b10,
            objection_scope: [0; 32],
            consent_evidence: [0; 32],
        };
        let filter = LinkFilter { min_logins: 1, max_persons: 2, ..LinkFilter::DEFAULT };
        let passes = |leaf: &SnapshotLeaf, day: u64| {
            leaf.passes(&filter, &[1], Purpose::Match, day * 86_400)
        };
        assert!(passes(&base, 190));
        assert!(!passes(&base, 191));
        for excluded in [
            SnapshotLeaf { evidence: 0x10, ..base.clone() },
            SnapshotLeaf { devices: 0, ..base.clone() },
            SnapshotLeaf { level: 1, ..base.clone() },
            SnapshotLeaf { logins: 0, ..base.clone() },
            SnapshotLeaf { persons: 3, ..base.clone() },
            SnapshotLeaf { purposes: 0b01, ..base.clone() },
            SnapshotLeaf { objection_scope: [1; 32], ..base.clone() },
        ] {
            assert!(!passes(&excluded, 100));
        }
        assert!(!base.passes(&filter, &[2], Purpose::Match, 100 * 86_400));
        for other in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Match) {
            assert!(!base.passes(&filter, &[1], other, 100 * 86_400), "{other}");
        }
    }
}
