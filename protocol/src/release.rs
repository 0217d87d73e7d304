//! Names and digests of a history of releases, which both sides sign by its head.

use crate::suite::{self, LabelledHash, h};

/// Keyed name of a digital ID in a class file: 16 bytes of
/// `H("class-id"; key ‖ u8 len ‖ namespace ‖ value)`.
///
/// The namespace is its name, since terms number namespaces as they like. `None` for a name above
/// 255 bytes.
#[must_use]
pub fn class_id(key: &[u8; 32], namespace: &str, value: &[u8]) -> Option<[u8; 16]> {
    let len = u8::try_from(namespace.len()).ok()?;
    let hash = suite::hash(h::CLASS_ID, &[key, &[len], namespace.as_bytes(), value]);
    hash.first_chunk().copied()
}

/// Digest of a class file, fed by its bytes in order.
#[derive(Clone)]
pub struct ClassFileDigest(LabelledHash);

impl ClassFileDigest {
    /// Starts the digest under the group's secret: without it, whoever guesses the file, which is
    /// known before the first release, would see from the head whether it is the one.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut hash = LabelledHash::new(h::CLASS_FILE);
        hash.update(secret);
        Self(hash)
    }

    /// Feeds the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything that was fed.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize()
    }
}

/// Head of a group's releases after one of them: `H("release"; previous head ‖ class file before ‖
/// class file after ‖ sid)`.
#[must_use]
pub fn head(previous: &[u8; 32], before: &[u8; 32], after: &[u8; 32], sid: &[u8; 32]) -> [u8; 32] {
    suite::hash(h::RELEASE, &[previous, before, after, sid])
}
