//! Hashes of many messages: which there are, and each of them one message at a time.
//!
//! The vector backends hash several messages side by side; the portable backend, the self-check
//! and the tests use what is here.

use core::fmt;

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::expand::{self, DstPrime};

/// A hash to 64 bytes that an [`Engine`](crate::Engine) computes for many messages at once.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Hash<'a> {
    /// SHA-512 of FIPS 180-4.
    Sha512,
    /// HMAC of RFC 2104 over SHA-512.
    HmacSha512 {
        /// The secret key, of any length.
        key: &'a [u8],
    },
    /// `expand_message_xmd` of RFC 9380 over SHA-512.
    ExpandXmd {
        /// The domain separation tag; one over 255 bytes is hashed first.
        dst: &'a [u8],
    },
}

impl fmt::Debug for Hash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hash::Sha512 => "Sha512",
            Hash::HmacSha512 { .. } => "HmacSha512(..)",
            Hash::ExpandXmd { .. } => "ExpandXmd(..)",
        })
    }
}

/// A [`Hash`] made ready for many messages; a key is erased when dropped.
pub(crate) enum Hasher {
    Sha512,
    HmacSha512(HmacKey),
    ExpandXmd(DstPrime),
}

impl Hasher {
    pub(crate) fn new(hash: Hash<'_>) -> Self {
        match hash {
            Hash::Sha512 => Hasher::Sha512,
            Hash::HmacSha512 { key } => Hasher::HmacSha512(HmacKey::new(key)),
            Hash::ExpandXmd { dst } => Hasher::ExpandXmd(DstPrime::new(dst)),
        }
    }

    /// Hashes one message.
    pub(crate) fn hash(&self, message: &[u8]) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(match self {
            Hasher::Sha512 => Sha512::digest(message).into(),
            Hasher::HmacSha512(key) => key.authenticate(message),
            Hasher::ExpandXmd(dst) => expand::expand(message, dst),
        })
    }
}

/// A key of HMAC-SHA-512, with the two hashes that it starts.
pub(crate) struct HmacKey {
    blocks: Zeroizing<[[u8; BLOCK]; 2]>,
    inner: Sha512,
    outer: Sha512,
}

impl HmacKey {
    fn new(key: &[u8]) -> Self {
        let mut blocks = Zeroizing::new([[INNER; BLOCK], [OUTER; BLOCK]]);
        let hashed: Zeroizing<[u8; 64]>;
        let key = if key.len() > BLOCK {
            hashed = Zeroizing::new(Sha512::digest(key).into());
            hashed.as_slice()
        } else {
            key
        };
        for block in blocks.iter_mut() {
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
        }
        let [inner, outer] = blocks.each_ref().map(|block| Sha512::new().chain_update(block));
        HmacKey { blocks, inner, outer }
    }

    /// Blocks that are hashed before the message, and before its hash.
    pub(crate) fn blocks(&self) -> &[[u8; BLOCK]; 2] {
        &self.blocks
    }

    fn authenticate(&self, message: &[u8]) -> [u8; 64] {
        let first = self.inner.clone().chain_update(message).finalize();
        let first: Zeroizing<[u8; 64]> = Zeroizing::new(first.into());
        self.outer.clone().chain_update(*first).finalize().into()
    }
}

/// Bytes that SHA-512 takes at a time.
pub(crate) const BLOCK: usize = 128;

const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;
