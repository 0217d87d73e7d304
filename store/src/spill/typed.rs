//! Sorters of one record layout.

use std::marker::PhantomData;
use std::path::Path;

use super::{FixedSorted, FixedSorter, RECORD_LEN_MAX, SpillError};
use crate::record::Record;
use protocol::error::Bug;

/// Sorts records of one layout by their bytes; equal ones are all kept.
#[derive(Debug)]
pub struct Sorter<R: Record> {
    inner: FixedSorter,
    layout: PhantomData<R>,
}

impl<R: Record> Sorter<R> {
    /// A sorter that spills to `dir`, which is made private, and stays near `memory_bytes`.
    ///
    /// # Errors
    ///
    /// [`SpillError::Os`].
    pub fn new(dir: &Path, memory_bytes: usize) -> Result<Self, SpillError> {
        const { assert!(R::LEN >= 1 && R::LEN <= RECORD_LEN_MAX) };
        Ok(Self { inner: FixedSorter::new(dir, R::LEN, memory_bytes)?, layout: PhantomData })
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if it cannot be spilled.
    pub fn push(&mut self, record: &R) -> Result<(), SpillError> {
        self.inner.push(record.bytes())
    }

    /// Takes several records.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn extend(&mut self, records: &[R]) -> Result<(), SpillError> {
        records.iter().try_for_each(|record| self.push(record))
    }

    /// Ends the input; what comes back is sorted.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if the last spill cannot be written or an earlier one is damaged.
    pub fn finish(self) -> Result<Sorted<R>, SpillError> {
        Ok(Sorted { inner: self.inner.finish()?, layout: PhantomData })
    }
}

/// The sorted records of a [`Sorter`], or of a session's spill.
#[derive(Debug)]
pub struct Sorted<R: Record> {
    inner: FixedSorted,
    layout: PhantomData<R>,
}

impl<R: Record> Sorted<R> {
    /// The next record, which stays where it is; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Failed`] once a spill was found damaged.
    pub fn peek(&self) -> Result<Option<&R>, SpillError> {
        match self.inner.peek()? {
            None => Ok(None),
            Some(bytes) => R::read(bytes).map(Some).ok_or_else(|| Bug::invariant().into()),
        }
    }

    /// The next record in increasing order; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged; [`SpillError::Failed`] on every call after that.
    pub fn next_record(&mut self) -> Result<Option<R>, SpillError> {
        self.next_if(|_| true)
    }

    /// The next record, if it is a wanted one; else it stays.
    ///
    /// # Errors
    ///
    /// As [`Self::next_record`].
    pub fn next_if(&mut self, wanted: impl FnOnce(&R) -> bool) -> Result<Option<R>, SpillError> {
        let next = self.peek()?.filter(|record| wanted(record)).copied();
        if next.is_some() {
            self.inner.advance()?;
        }
        Ok(next)
    }

    /// Starts again with the first record.
    ///
    /// # Errors
    ///
    /// [`SpillError::Seal`] if a spill is damaged.
    pub fn rewind(&mut self) -> Result<(), SpillError> {
        self.inner.rewind()
    }

    /// Records in all.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.inner.records()
    }

    /// True once every record has been given.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.inner.is_at_end()
    }
}

impl<R: Record> TryFrom<FixedSorted> for Sorted<R> {
    type Error = SpillError;

    /// Records of a session's spill in the layout that they have.
    fn try_from(inner: FixedSorted) -> Result<Self, SpillError> {
        match inner.record_len() == R::LEN {
            true => Ok(Self { inner, layout: PhantomData }),
            false => Err(Bug::misuse().into()),
        }
    }
}
