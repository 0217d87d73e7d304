//! Sealed files: what prepared sets are kept in, records of one layout one after the other.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::marker::PhantomData;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroize as _;

use crate::error::StoreError;
use crate::os::PRIVATE_MODE;
use crate::record::Record;
use crate::seal::{SealError, SealedReader, SealedWriter, StorageKey};

/// Records of one layout on their way into a sealed file, or into a writer that publishes one.
#[derive(Debug)]
pub struct SealedOut<R: Record, W: Write = BufWriter<File>> {
    inner: SealedWriter<W>,
    path: PathBuf,
    layout: PhantomData<R>,
}

impl<R: Record> SealedOut<R> {
    /// Creates a sealed file that only its owner can read; one that is there is emptied.
    ///
    /// # Errors
    ///
    /// [`StoreError`] that names the file.
    pub fn create(path: &Path, key: &StorageKey, context: &str) -> Result<Self, StoreError> {
        let inner = create_sealed(path, key, context)?;
        Ok(Self { inner, path: path.to_path_buf(), layout: PhantomData })
    }

    /// Seals the last block and has the file on disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`] that names the file.
    pub fn finish(self) -> Result<(), StoreError> {
        finish_sealed(self.inner, &self.path)
    }
}

impl<R: Record, W: Write> SealedOut<R, W> {
    /// Seals records into a writer, such as one of [`crate::os::publish_atomically`].
    ///
    /// # Errors
    ///
    /// [`SealError::Io`].
    pub fn over(to: W, key: &StorageKey, context: &str) -> Result<Self, SealError> {
        let inner = SealedWriter::new(to, key, context)?;
        Ok(Self { inner, path: PathBuf::new(), layout: PhantomData })
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`]; the file is then of no use.
    pub fn push(&mut self, record: &R) -> Result<(), SealError> {
        self.inner.append(record.bytes())
    }

    /// The same file, of which the records of another layout follow.
    pub fn then<S: Record>(self) -> SealedOut<S, W> {
        SealedOut { inner: self.inner, path: self.path, layout: PhantomData }
    }

    /// Seals the last block and gives the writer back, which is not synced.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`].
    pub fn into_inner(self) -> Result<W, SealError> {
        self.inner.finish()
    }
}

/// A sealed file of records of one layout, read from its start.
#[derive(Debug)]
pub struct SealedFile<R: Record> {
    inner: RawSealedFile,
    path: PathBuf,
    layout: PhantomData<R>,
}

impl<R: Record> SealedFile<R> {
    /// Opens a sealed file; one that is removed meanwhile can be read to its end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] that names the file.
    pub fn open(path: &Path, key: &StorageKey, context: &str) -> Result<Self, StoreError> {
        let inner = open_sealed(path, key, context)?;
        Ok(Self { inner, path: path.to_path_buf(), layout: PhantomData })
    }

    /// The next record; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`], [`StoreError::Io`]; [`StoreError::Contradiction`] if the file ends
    /// within a record.
    pub fn next_record(&mut self) -> Result<Option<R>, StoreError> {
        let mut record = R::new_zeroed();
        let whole = read_or_end(&mut self.inner, record.as_mut_bytes(), &self.path)?;
        Ok(whole.then_some(record))
    }

    /// The first record of a file that must have one, such as its head.
    ///
    /// # Errors
    ///
    /// As [`Self::next_record`]; [`StoreError::Contradiction`] at the end.
    pub fn require(&mut self) -> Result<R, StoreError> {
        self.next_record()?.ok_or_else(|| StoreError::contradiction(&self.path))
    }

    /// The same file, of which the records of another layout follow.
    #[must_use]
    pub fn then<S: Record>(self) -> SealedFile<S> {
        SealedFile { inner: self.inner, path: self.path, layout: PhantomData }
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A sealed file being written whose records have no fixed layout.
pub type RawSealedOut = SealedWriter<BufWriter<File>>;
/// A sealed file being read whose records have no fixed layout.
pub type RawSealedFile = SealedReader<BufReader<File>>;

/// Creates a sealed file that only its owner can read.
///
/// # Errors
///
/// [`StoreError::Io`], [`StoreError::Seal`].
pub fn create_sealed(
    path: &Path,
    key: &StorageKey,
    context: &str,
) -> Result<RawSealedOut, StoreError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_MODE)
        .open(path)
        .map_err(StoreError::io(path))?;
    Ok(SealedWriter::new(BufWriter::new(file), key, context)?)
}

/// Seals the last block and has the file on disk.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn finish_sealed(out: RawSealedOut, path: &Path) -> Result<(), StoreError> {
    let mut buffered = out.finish()?;
    buffered.flush().map_err(StoreError::io(path))?;
    buffered.get_ref().sync_all().map_err(StoreError::io(path))
}

/// Opens a sealed file for reading from its start.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn open_sealed(
    path: &Path,
    key: &StorageKey,
    context: &str,
) -> Result<RawSealedFile, StoreError> {
    let file = File::open(path).map_err(StoreError::io(path))?;
    SealedReader::new(BufReader::new(file), key, context).map_err(StoreError::sealed(path))
}

/// Reads a sealed file to its end: every block of it is as it was written.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn verify_sealed(path: &Path, key: &StorageKey, context: &str) -> Result<(), StoreError> {
    let mut reader = open_sealed(path, key, context)?;
    while reader.next_block().map_err(StoreError::sealed(path))?.is_some() {}
    Ok(())
}

/// Fills `out` from the file: true when it did, false at the end; anything between is damage.
///
/// # Errors
///
/// [`StoreError`] that names the file.
pub fn read_or_end(
    reader: &mut RawSealedFile,
    out: &mut [u8],
    path: &Path,
) -> Result<bool, StoreError> {
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        let read = reader.read_some(room).map_err(StoreError::sealed(path))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    match filled {
        full if full == out.len() => Ok(true),
        0 => Ok(false),
        _ => {
            out.zeroize();
            Err(StoreError::contradiction(path))
        }
    }
}

/// Leaves that are hashed together.
pub const LEAVES_AT_ONCE: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::testing::private_tempdir;
    use crate::record::{BigEndian, U64, record};
    use crate::spill::{Sorted, Sorter};

    record! {
        struct Head {
            count: U64<BigEndian>,
        }
    }

    record! {
        struct Entry {
            name: [u8; 3],
            number: U64<BigEndian>,
        }
    }

    fn entry(name: &[u8; 3], number: u64) -> Entry {
        Entry { name: *name, number: number.into() }
    }

    #[test]
    fn layouts_have_no_gaps_and_records_come_back() {
        let dir = private_tempdir();
        let key = StorageKey::from_bytes([1; 32]);
        let path = dir.path().join("file");
        let mut out = SealedOut::<Head>::create(&path, &key, "test").unwrap();
        out.push(&Head { count: 2.into() }).unwrap();
        let mut out = out.then::<Entry>();
        for number in [7, 1 << 40] {
            out.push(&entry(b"abc", number)).unwrap();
        }
        out.finish().unwrap();
        verify_sealed(&path, &key, "test").unwrap();
        let mut raw = Vec::new();
        let mut reader = open_sealed(&path, &key, "test").unwrap();
        std::io::Read::read_to_end(&mut reader, &mut raw).unwrap();
        assert_eq!(raw, b"\0\0\0\0\0\0\0\x02abc\0\0\0\0\0\0\0\x07abc\0\0\x01\0\0\0\0\0");
        let mut head = SealedFile::<Head>::open(&path, &key, "test").unwrap();
        assert_eq!(head.require().unwrap().count.get(), 2);
        let mut file = head.then::<Entry>();
        assert_eq!(file.next_record().unwrap(), Some(entry(b"abc", 7)));
        assert_eq!(file.next_record().unwrap(), Some(entry(b"abc", 1 << 40)));
        assert_eq!(file.next_record().unwrap(), None);
        // Under another layout the file ends within a record.
        let mut other = SealedFile::<Entry>::open(&path, &key, "test").unwrap();
        other.require().unwrap();
        other.require().unwrap();
        assert!(matches!(other.next_record(), Err(StoreError::Contradiction { .. })));
    }

    #[test]
    fn sorter_of_a_layout_orders_by_its_fields() {
        let dir = private_tempdir();
        let mut sorter = Sorter::<Entry>::new(dir.path(), 1 << 10).unwrap();
        let mut expected = Vec::new();
        for number in 0..500_u64 {
            let record = entry(&[(number % 7) as u8; 3], number.wrapping_mul(0x9e37_79b9) % 1_000);
            sorter.push(&record).unwrap();
            expected.push((record.name, record.number.get()));
        }
        expected.sort_unstable();
        let mut sorted = sorter.finish().unwrap();
        for _ in 0..2 {
            assert!(sorted.next_if(|record| record.name[0] == 9).unwrap().is_none());
            for (name, number) in &expected {
                assert_eq!(sorted.peek().unwrap(), Some(&entry(name, *number)));
                assert_eq!(sorted.next_record().unwrap(), Some(entry(name, *number)));
            }
            assert!(sorted.next_record().unwrap().is_none() && sorted.is_at_end());
            sorted.rewind().unwrap();
        }
        let raw = crate::spill::FixedSorter::new(dir.path(), 12, 1 << 10).unwrap();
        assert!(Sorted::<Entry>::try_from(raw.finish().unwrap()).is_err());
    }
}
