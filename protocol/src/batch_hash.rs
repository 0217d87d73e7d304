//! Hashes that are computed once for each element, many of them side by side.
//!
//! A batch engine hashes eight messages in the time of one. What is hashed is defined for one
//! element, next to its name in the RFC or in `protocol.md`; the form for many writes the same
//! messages and hands them over together.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::group::{self, BatchArithmetic};

/// A hash to 64 bytes.
#[derive(Clone, Copy)]
pub enum BatchHash<'a> {
    /// SHA-512.
    Sha512,
    /// HMAC-SHA-512, of which HKDF-Expand is made.
    HmacSha512 {
        /// A pseudorandom key; secret.
        key: &'a [u8; 64],
    },
    /// `expand_message_xmd` of RFC 9380 with SHA-512.
    ExpandXmd {
        /// The domain separation tag, below 256 bytes.
        dst: &'a [u8],
    },
}

impl BatchHash<'_> {
    /// Hashes one message: the definition of [`BatchArithmetic::hash_each`].
    #[must_use]
    pub fn hash(&self, message: &[u8]) -> Zeroizing<[u8; 64]> {
        match self {
            Self::Sha512 => Zeroizing::new(Sha512::digest(message).into()),
            Self::HmacSha512 { key } => {
                // RFC 2104 fills a key up to the block of the hash with zeros.
                let mut block = Zeroizing::new([0; 128]);
                for (to, from) in block.iter_mut().zip(*key) {
                    *to = *from;
                }
                let hmac = Hmac::<Sha512>::new((&*block).into()).chain_update(message);
                Zeroizing::new(hmac.finalize().into_bytes().into())
            }
            Self::ExpandXmd { dst } => group::expand_message_xmd(dst, &[message]),
        }
    }
}

impl fmt::Debug for BatchHash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BatchHash(..)")
    }
}

/// A message under construction.
pub(crate) struct Message<'a> {
    bytes: &'a mut Vec<u8>,
    len: usize,
}

impl Message<'_> {
    /// Appends the parts.
    pub(crate) fn write(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
            self.len += part.len();
        }
    }
}

/// Hashes one message for each item: `message` writes it, `take` is handed its hash, in order.
///
/// Messages and hashes are as secret as the items and are wiped.
pub(crate) fn hash_each<T>(
    arithmetic: &dyn BatchArithmetic,
    hash: BatchHash<'_>,
    items: impl Iterator<Item = T>,
    mut message: impl FnMut(&T, &mut Message<'_>),
    mut take: impl FnMut(T, &[u8; 64]),
) {
    let mut items = items.fuse();
    let batch = items.size_hint().1.unwrap_or(BATCH).clamp(1, BATCH);
    // With room from the start: a vector that grows leaves what it held behind unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(batch * MESSAGE_MAX));
    let mut hashes = Zeroizing::new(vec![[0; 64]; batch]);
    loop {
        bytes.clear();
        // A place that is not written must not repeat what stood there.
        hashes.fill([0; 64]);
        let (mut held, mut lens) = (Vec::with_capacity(batch), Vec::with_capacity(batch));
        for item in items.by_ref().take(batch) {
            let mut one = Message { bytes: &mut bytes, len: 0 };
            message(&item, &mut one);
            lens.push(one.len);
            held.push(item);
        }
        if held.is_empty() {
            return;
        }
        debug_assert!(bytes.len() <= batch * MESSAGE_MAX, "room from the start");
        let mut rest = bytes.as_slice();
        let mut next = |len| {
            // The lengths are of what was appended, so that the last message ends the bytes.
            let (message, after) = rest.split_at(len);
            rest = after;
            message
        };
        let messages: Vec<&[u8]> = lens.into_iter().map(&mut next).collect();
        let (hashes, _) = hashes.split_at_mut(messages.len());
        arithmetic.hash_each(hash, &messages, hashes);
        for (item, hash) in held.into_iter().zip(hashes.iter()) {
            take(item, hash);
        }
    }
}

/// Messages hashed together: what they need stays in the first two levels of cache.
const BATCH: usize = 256;
/// The longest message: 145 bytes, for a weight of a proof.
const MESSAGE_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Portable;

    #[test]
    fn every_item_gets_the_hash_of_its_message() {
        let key = &[7; 64];
        for count in [0, 1, 2, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 5] {
            for hash in [
                BatchHash::Sha512,
                BatchHash::HmacSha512 { key },
                BatchHash::ExpandXmd { dst: b"test" },
            ] {
                let mut taken = Vec::new();
                hash_each(
                    &Portable,
                    hash,
                    0..count,
                    |number, message| message.write(&[b"number", &number.to_le_bytes()]),
                    |number, hashed| taken.push((number, *hashed)),
                );
                let expected = (0..count).map(|number| {
                    let message = [&b"number"[..], &number.to_le_bytes()].concat();
                    (number, *hash.hash(&message))
                });
                assert!(expected.eq(taken), "{count}");
            }
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", BatchHash::HmacSha512 { key: &[7; 64] }), "BatchHash(..)");
    }
}
