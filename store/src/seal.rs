//! Sealing at rest: what a node keeps of secrets and personal data is unreadable without its key.
//!
//! AES-256-GCM under a key of its own for every file and every small secret, derived from the
//! storage key with HKDF and a random file id. A stream is cut into blocks of at most 64 KiB; each
//! is bound to its file, its place, and whether it is the last, so that a block that was changed,
//! moved, repeated, taken from another file, or cut off is noticed. What a file is for is bound as
//! its context, so that one sealed file cannot stand in for another.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{self, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use protocol::error::Bug;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::os::{self, OsError, PRIVATE_MODE};
use crate::record::zerocopy::{self, FromZeros as _, IntoBytes as _};
use crate::record::{BigEndian, LittleEndian, Record as _, U16, U32, U64, record};
use crate::told::number;

/// The key under which a node seals what it keeps.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StorageKey([u8; 32]);

impl StorageKey {
    /// Draws a key and keeps it in a new file that only its owner can read.
    ///
    /// # Errors
    ///
    /// [`SealError::Os`], also if the file exists: a key that seals something is never lost to
    /// a slip.
    pub fn create(path: &Path) -> Result<Self, SealError> {
        let key = Self::ephemeral()?;
        os::publish_new(path, PRIVATE_MODE, |out| out.write_all(&key.0))?;
        Ok(key)
    }

    /// Reads a key from a private file.
    ///
    /// # Errors
    ///
    /// [`SealError::Os`] with the fix if others can read the file, [`SealError::NotAKey`] if it
    /// does not hold a key.
    pub fn load(path: &Path) -> Result<Self, SealError> {
        let bytes = os::read_private(path)?;
        let bytes: &[u8; 32] =
            bytes.as_slice().try_into().map_err(|_| SealError::NotAKey { path: path.into() })?;
        Ok(Self(*bytes))
    }

    /// Draws a key that is never written: what it seals ends with the process.
    ///
    /// # Errors
    ///
    /// [`SealError::Os`] without randomness.
    pub fn ephemeral() -> Result<Self, SealError> {
        Ok(Self(os::entropy()?))
    }

    /// Wraps bytes from a systemd credential, a descriptor, or a passphrase.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A keyed hash for one purpose, under a key derived for it.
    ///
    /// # Errors
    ///
    /// [`SealError::Bug`], which does not happen.
    pub fn keyed_hash(&self, purpose: &str) -> Result<KeyedHash, SealError> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, HASH_MAGIC).extract(&self.0);
        let info = [purpose.as_bytes()];
        let okm = prk.expand(&info, hmac::HMAC_SHA256).map_err(|_| Bug::invariant())?;
        Ok(KeyedHash(hmac::Key::from(okm)))
    }

    /// The AEAD key of one file or secret.
    fn derive(&self, id: &[u8; ID_LEN], info: &[&[u8]]) -> Result<LessSafeKey, SealError> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, id).extract(&self.0);
        let okm = prk.expand(info, &AES_256_GCM).map_err(|_| Bug::invariant())?;
        Ok(LessSafeKey::new(UnboundKey::from(okm)))
    }
}

opaque!(StorageKey);

/// HMAC-SHA-256 under a key of the node: equal content has equal names, which nobody else can make
/// or test.
pub struct KeyedHash(hmac::Key);

impl KeyedHash {
    /// The hash of the parts one after the other.
    #[must_use]
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        let mut hash = [0; 32];
        // The tag of HMAC-SHA-256 has as many bytes.
        hash.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }
}

opaque!(KeyedHash);

/// Seals a small secret; `context` says what it is, such as `seed 5f0c`, and is bound, not hidden.
///
/// # Errors
///
/// [`SealError::Os`] without randomness.
pub fn seal_bytes(key: &StorageKey, context: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
    let id: [u8; ID_LEN] = os::entropy()?;
    let mut content = Zeroizing::new(secret.to_vec());
    let tag = key
        .derive(&id, &[SECRET_MAGIC])?
        .seal_in_place_separate_tag(nonce(0), Aad::from(context.as_bytes()), &mut content)
        .map_err(|_| Bug::invariant())?;
    Ok([SECRET_MAGIC, &id, &content, tag.as_ref()].concat())
}

/// Opens what [`seal_bytes`] sealed under the same key and context.
///
/// # Errors
///
/// [`SealError::NotSealed`] if this is something else, [`SealError::Damaged`] if it was altered,
/// or sealed under another key or for another context.
pub fn open_bytes(
    key: &StorageKey,
    context: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (id, content) = sealed
        .strip_prefix(SECRET_MAGIC)
        .and_then(|rest| rest.split_first_chunk::<ID_LEN>())
        .ok_or(SealError::NotSealed)?;
    let mut content = Zeroizing::new(content.to_vec());
    let len = key
        .derive(id, &[SECRET_MAGIC])?
        .open_in_place(nonce(0), Aad::from(context.as_bytes()), &mut content)
        .map_err(|_| SealError::Damaged { block: 0 })?
        .len();
    content.truncate(len);
    Ok(content)
}

/// Seals a stream as it is written; nothing is valid before [`SealedWriter::finish`].
pub struct SealedWriter<W: Write> {
    inner: W,
    cipher: BlockCipher,
    /// Plaintext of the block being filled; sealed in place.
    block: Zeroizing<Vec<u8>>,
    block_len: usize,
}

impl<W: Write> SealedWriter<W> {
    /// Starts a sealed stream; `context` says what the stream is and is bound, not hidden.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`] if the header cannot be written.
    pub fn new(inner: W, key: &StorageKey, context: &str) -> Result<Self, SealError> {
        Self::with_block_len(inner, key, context, BLOCK_LEN_MAX)
    }

    /// Starts a sealed stream with blocks of `block_len` bytes, brought between 256 B and 64 KiB.
    ///
    /// # Errors
    ///
    /// As [`SealedWriter::new`].
    pub fn with_block_len(
        mut inner: W,
        key: &StorageKey,
        context: &str,
        block_len: usize,
    ) -> Result<Self, SealError> {
        let block_len = block_len.clamp(BLOCK_LEN_MIN, BLOCK_LEN_MAX);
        let header = Header::new(os::entropy()?, block_len)?;
        inner.write_all(header.bytes()).map_err(SealError::Io)?;
        Ok(Self {
            inner,
            cipher: BlockCipher::new(key, &header, context)?,
            block: Zeroizing::new(Vec::with_capacity(block_len)),
            block_len,
        })
    }

    /// Adds bytes to the stream.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`]; the stream is then of no use.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<(), SealError> {
        while !bytes.is_empty() {
            // A full block waits until it is known not to be the last.
            if self.block.len() == self.block_len {
                self.seal_block(false)?;
            }
            let room = self.block_len.checked_sub(self.block.len()).ok_or(Bug::invariant())?;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals the last block and gives the inner writer back, which is not synced yet.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`].
    pub fn finish(mut self) -> Result<W, SealError> {
        self.seal_block(true)?;
        self.inner.flush().map_err(SealError::Io)?;
        Ok(self.inner)
    }

    fn seal_block(&mut self, last: bool) -> Result<(), SealError> {
        let tag = self.cipher.seal(last, &mut self.block)?;
        self.inner.write_all(&self.block).map_err(SealError::Io)?;
        self.inner.write_all(tag.as_ref()).map_err(SealError::Io)?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(io::Error::from)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

opaque!(SealedWriter<W: Write>);

/// Opens a sealed stream block by block; gives out no byte that was not authenticated.
pub struct SealedReader<R: Read> {
    inner: R,
    cipher: BlockCipher,
    /// The block last opened, `filled` bytes of it, `used` of them given out by [`Read`].
    block: Zeroizing<Vec<u8>>,
    filled: usize,
    used: usize,
    sealed_len: usize,
    /// First byte of the next block, read to learn whether there is one.
    ahead: Option<u8>,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    /// Reads the header of a sealed stream written under the same key and context.
    ///
    /// # Errors
    ///
    /// [`SealError::NotSealed`] if this is something else, [`SealError::Version`] if it is newer
    /// than this program, [`SealError::Io`].
    pub fn new(mut inner: R, key: &StorageKey, context: &str) -> Result<Self, SealError> {
        let mut header = Header::new_zeroed();
        match inner.read_exact(header.as_mut_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SealError::NotSealed);
            }
            read => read.map_err(SealError::Io)?,
        }
        // A block is at most 64 KiB, and followed by the first byte of the next.
        let sealed_len = header.block_len()? + TAG_LEN;
        Ok(Self {
            inner,
            cipher: BlockCipher::new(key, &header, context)?,
            block: Zeroizing::new(vec![0; sealed_len + 1]),
            filled: 0,
            used: 0,
            sealed_len,
            ahead: None,
            ended: false,
        })
    }

    /// The next block, or `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SealError::Damaged`] with the number of the block; nothing after it is read.
    pub fn next_block(&mut self) -> Result<Option<&[u8]>, SealError> {
        if self.ended {
            return Ok(None);
        }
        self.filled = 0;
        self.used = 0;
        let sealed = self.read_block()?;
        let last = sealed <= self.sealed_len;
        let (block, ahead) = self.block.split_at_mut(sealed.min(self.sealed_len));
        self.ahead = if last { None } else { ahead.first().copied() };
        // What fails is never tried again as if it were the end.
        self.ended = true;
        self.filled = self.cipher.open(last, block)?;
        self.ended = last;
        Ok(self.block.get(..self.filled))
    }

    /// Gives out some authenticated bytes, 0 after the last or for no room.
    ///
    /// # Errors
    ///
    /// As [`SealedReader::next_block`].
    pub fn read_some(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        while self.used >= self.filled {
            if self.next_block()?.is_none() {
                return Ok(0);
            }
        }
        let mut ready = self.block.get(self.used..self.filled).ok_or(Bug::invariant())?;
        let taken = ready.read(out).map_err(SealError::Io)?;
        // At most what was ready.
        self.used += taken;
        Ok(taken)
    }

    /// Reads one sealed block and, if there is one, the byte after it.
    fn read_block(&mut self) -> Result<usize, SealError> {
        let mut taken = 0;
        if let (Some(byte), Some(first)) = (self.ahead.take(), self.block.first_mut()) {
            *first = byte;
            taken = 1;
        }
        let room = self.block.get_mut(taken..).ok_or(Bug::invariant())?;
        Ok(taken + os::read_full(&mut self.inner, room).map_err(SealError::Io)?)
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_some(out).map_err(io::Error::from)
    }
}

opaque!(SealedReader<R: Read>);

/// Something sealed cannot be written, read, or trusted.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file or the random source.
    Os(#[from] OsError),
    /// The sealed stream cannot be read or written.
    Io(#[source] io::Error),
    /// A file does not hold a storage key.
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The data does not start like sealed data.
    NotSealed,
    /// The data is of a later version.
    Version {
        /// The version it names.
        version: u16,
    },
    /// A block was altered, moved, cut off, or sealed under another key.
    Damaged {
        /// Number of the first bad block.
        block: u64,
    },
    /// A defect of ours: the cipher refused, which it does for no input of ours.
    Bug(#[from] Bug),
}

diagnose! { SealError: inner [Os, Bug];
    Self::Io(source) => Storage, "seal-io" { why: source };
    Self::NotAKey { path } => Damaged, "seal-not-a-key" { path: path };
    Self::NotSealed => Storage, "seal-not-sealed";
    Self::Version { version } => Storage, "seal-version" { version: number(*version) };
    Self::Damaged { block } => Damaged, "seal-damaged" { block: number(*block) };
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io(error) => error,
            SealError::Damaged { .. } | SealError::NotSealed | SealError::Version { .. } => {
                Self::new(io::ErrorKind::InvalidData, error)
            }
            error => Self::other(error),
        }
    }
}

/// Bytes of plaintext in a full block, at most.
pub const BLOCK_LEN_MAX: usize = 1 << 16;

record! {
    /// Start of a sealed stream.
    struct Header {
        magic: [u8; 8],
        version: U16<LittleEndian>,
        id: [u8; ID_LEN],
        block_len: U32<LittleEndian>,
    }
}

impl Header {
    fn new(id: [u8; ID_LEN], block_len: usize) -> Result<Self, Bug> {
        let block_len = u32::try_from(block_len).map_err(|_| Bug::invariant())?.into();
        Ok(Self { magic: MAGIC, version: VERSION.into(), id, block_len })
    }

    /// Bytes of plaintext in a full block, if this is a header of this version.
    fn block_len(&self) -> Result<usize, SealError> {
        if self.magic != MAGIC {
            return Err(SealError::NotSealed);
        }
        let version = self.version.get();
        if version != VERSION {
            return Err(SealError::Version { version });
        }
        // Checked before anything of that size is allocated.
        let len = usize::try_from(self.block_len.get()).ok();
        len.filter(|len| (BLOCK_LEN_MIN..=BLOCK_LEN_MAX).contains(len)).ok_or(SealError::NotSealed)
    }
}

record! {
    /// Place of a block, under its authentication.
    struct Place {
        id: [u8; ID_LEN],
        number: U64<LittleEndian>,
        last: u8,
    }
}

record! {
    /// Nonce of a block; the key is of one file, so its number never repeats under it.
    struct BlockNonce {
        zero: [u8; 4],
        number: U64<BigEndian>,
    }
}

/// Seals or opens the blocks of one stream in order.
struct BlockCipher {
    key: LessSafeKey,
    id: [u8; ID_LEN],
    next: u64,
}

impl BlockCipher {
    fn new(key: &StorageKey, header: &Header, context: &str) -> Result<Self, SealError> {
        // The whole header and the context enter the key, so no block says them again.
        let info = [header.bytes(), context.as_bytes()].concat();
        Ok(Self { key: key.derive(&header.id, &[&info])?, id: header.id, next: 0 })
    }

    fn seal(&mut self, last: bool, block: &mut [u8]) -> Result<aead::Tag, SealError> {
        let (nonce, aad) = self.step(last)?;
        self.key.seal_in_place_separate_tag(nonce, aad, block).map_err(|_| Bug::invariant().into())
    }

    fn open(&mut self, last: bool, block: &mut [u8]) -> Result<usize, SealError> {
        let damaged = SealError::Damaged { block: self.next };
        let (nonce, aad) = self.step(last)?;
        match self.key.open_in_place(nonce, aad, block) {
            Ok(plaintext) => Ok(plaintext.len()),
            Err(_) => {
                block.zeroize();
                Err(damaged)
            }
        }
    }

    /// Nonce and place of the next block.
    fn step(&mut self, last: bool) -> Result<(Nonce, Aad<Place>), Bug> {
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Bug::invariant())?;
        let place = Place { id: self.id, number: number.into(), last: last.into() };
        Ok((nonce(number), Aad::from(place)))
    }
}

impl AsRef<[u8]> for Place {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

fn nonce(number: u64) -> Nonce {
    let nonce = BlockNonce { zero: [0; 4], number: number.into() };
    Nonce::assume_unique_for_key(zerocopy::transmute!(nonce))
}

const MAGIC: [u8; 8] = *b"VEILSEAL";
const SECRET_MAGIC: &[u8] = b"VEILMATCH-SECRET-1\n";
const HASH_MAGIC: &[u8] = b"VEILMATCH-HASH-1\n";
const VERSION: u16 = 1;
const ID_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// Bytes of plaintext in a full block, at least.
pub(crate) const BLOCK_LEN_MIN: usize = 256;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;

    const KEY: StorageKey = StorageKey::from_bytes([7; 32]);

    fn seal(context: &str, plaintext: &[u8]) -> Vec<u8> {
        let mut writer =
            SealedWriter::with_block_len(Vec::new(), &KEY, context, BLOCK_LEN_MIN).unwrap();
        writer.append(plaintext).unwrap();
        writer.finish().unwrap()
    }

    fn open(context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut reader = SealedReader::new(sealed, &KEY, context)?;
        let mut plaintext = Vec::new();
        while let Some(block) = reader.next_block()? {
            plaintext.extend_from_slice(block);
        }
        Ok(plaintext)
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    /// A writer whose n-th write fails.
    struct Failing {
        left: usize,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn streams_of_every_size_around_a_block_round_trip() {
        for len in [0, 1, 255, 256, 257, 511, 512, 513, 5_000] {
            let plaintext = sample(len);
            let sealed = seal("test", &plaintext);
            let blocks = len.div_ceil(BLOCK_LEN_MIN).max(1);
            assert_eq!(sealed.len(), Header::LEN + len + blocks * TAG_LEN);
            assert_eq!(open("test", &sealed).unwrap(), plaintext, "{len}");
            let mut read = Vec::new();
            SealedReader::new(&sealed[..], &KEY, "test").unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, plaintext);
        }
    }

    /// A stream as its description says, made without the writer.
    #[test]
    fn layout_of_a_stream_is_fixed() {
        let id = [9; ID_LEN];
        let head = [b"VEILSEAL".as_slice(), &[1, 0], &id, &[0, 1, 0, 0]].concat();
        let key = KEY.derive(&id, &[&[&head[..], b"test"].concat()]).unwrap();
        let mut sealed = head;
        for (number, last, block) in [(0_u64, 0, vec![7; 256]), (1, 1, vec![8; 3])] {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&number.to_be_bytes());
            let nonce = Nonce::assume_unique_for_key(nonce);
            let place = [&id[..], &number.to_le_bytes(), &[last]].concat();
            let mut block = block;
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(place), &mut block).unwrap();
            sealed.extend(block);
            sealed.extend(tag.as_ref());
        }
        assert_eq!(open("test", &sealed).unwrap(), [vec![7; 256], vec![8; 3]].concat());
    }

    #[test]
    fn truncation_at_every_prefix_is_noticed() {
        let sealed = seal("test", &sample(700));
        for cut in 0..sealed.len() {
            assert!(open("test", &sealed[..cut]).is_err(), "cut at {cut}");
        }
        let longer = [&sealed[..], &[0]].concat();
        assert!(matches!(open("test", &longer), Err(SealError::Damaged { block: 2 })));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal("test", &sample(300));
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(open("test", &altered).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn moved_repeated_and_foreign_blocks_are_noticed() {
        let sealed_len = BLOCK_LEN_MIN + TAG_LEN;
        let plaintext = vec![9; 4 * BLOCK_LEN_MIN];
        let (one, other) = (seal("test", &plaintext), seal("test", &plaintext));
        assert_ne!(one[Header::LEN..], other[Header::LEN..], "ids differ");
        let block = |of: &[u8], number: usize| {
            of[Header::LEN + number * sealed_len..][..sealed_len].to_vec()
        };
        let assemble = |blocks: &[Vec<u8>]| [&one[..Header::LEN], &blocks.concat()].concat();
        let honest: Vec<_> = (0..4).map(|number| block(&one, number)).collect();
        assert_eq!(open("test", &assemble(&honest)).unwrap(), plaintext);
        let cases = [
            (vec![1, 0, 2, 3], 0),
            (vec![0, 2, 1, 3], 1),
            (vec![0, 0, 1, 2, 3], 1),
            (vec![0, 1, 3], 2),
            (vec![0, 1, 2], 2),
            (vec![3], 0),
        ];
        for (order, bad) in cases {
            let blocks: Vec<_> = order.iter().map(|&number| block(&one, number)).collect();
            match open("test", &assemble(&blocks)) {
                Err(SealError::Damaged { block }) => assert_eq!(block, bad, "{order:?}"),
                other => panic!("{order:?}: {other:?}"),
            }
        }
        let mut foreign = honest;
        foreign[1] = block(&other, 1);
        assert!(matches!(open("test", &assemble(&foreign)), Err(SealError::Damaged { block: 1 })));
    }

    #[test]
    fn other_key_and_other_context_are_refused() {
        let sealed = seal("shard 3", b"content");
        assert!(matches!(open("shard 5", &sealed), Err(SealError::Damaged { block: 0 })));
        let key = StorageKey::from_bytes([8; 32]);
        let mut reader = SealedReader::new(&sealed[..], &key, "shard 3").unwrap();
        assert!(reader.next_block().is_err());
        assert!(matches!(reader.next_block(), Ok(None)), "no second try");
    }

    #[test]
    fn later_version_is_named() {
        let mut sealed = seal("test", b"content");
        sealed[MAGIC.len()] = 2;
        assert!(matches!(open("test", &sealed), Err(SealError::Version { version: 2 })));
    }

    #[test]
    fn every_failing_write_is_reported() {
        for left in 0.. {
            let outcome = SealedWriter::with_block_len(Failing { left }, &KEY, "test", 256)
                .and_then(|mut writer| {
                    writer.append(&sample(1_000))?;
                    writer.finish()
                });
            match outcome {
                Err(error) => assert!(matches!(error, SealError::Io(_)), "{error:?}"),
                Ok(_) => {
                    assert_eq!(left, 9, "a header, four blocks, four tags");
                    break;
                }
            }
        }
    }

    #[test]
    fn plaintext_does_not_occur_in_what_is_written() {
        let plaintext = sample(2_000);
        let sealed = seal("test", &plaintext);
        for window in plaintext.windows(8) {
            assert!(!sealed.windows(8).any(|part| part == window));
        }
    }

    #[test]
    fn small_secret_round_trips_and_nothing_else_opens() {
        let sealed = seal_bytes(&KEY, "seed 5f0c", b"secret").unwrap();
        let opened = open_bytes(&KEY, "seed 5f0c", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"secret");
        assert_ne!(sealed, seal_bytes(&KEY, "seed 5f0c", b"secret").unwrap());
        assert!(open_bytes(&KEY, "seed 5f0d", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(open_bytes(&KEY, "seed 5f0c", &sealed[..cut]).is_err());
        }
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(open_bytes(&KEY, "seed 5f0c", &altered).is_err(), "{bit}");
        }
    }

    #[test]
    fn storage_key_is_a_private_file_that_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("storage.key");
        let key = StorageKey::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(StorageKey::load(&path).unwrap().0, key.0);
        assert!(StorageKey::create(&path).is_err());
        assert_eq!(format!("{key:?}"), "StorageKey(..)");
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(matches!(StorageKey::load(&path), Err(SealError::NotAKey { .. })));
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_stream(pieces in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..600), 0..8)
        ) {
            let mut writer =
                SealedWriter::with_block_len(Vec::new(), &KEY, "test", 256).unwrap();
            for piece in &pieces {
                writer.append(piece).unwrap();
            }
            let sealed = writer.finish().unwrap();
            prop_assert_eq!(open("test", &sealed).unwrap(), pieces.concat());
        }
    }
}
