//! Work on files, told to whoever shows it.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::reading::Input;

/// Step of the work on files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Files are read; counted in bytes as they lie on disk.
    Read,
    /// Rows are sorted and joined; not counted.
    Sort,
    /// Identifiers are committed to; counted.
    Commit,
}

/// Watcher of the work.
pub trait Watch: Send + Sync {
    /// A step begins; its size, if it is known.
    fn began(&self, step: Step, total: Option<u64>);

    /// Work of the step is done, so much in all.
    fn done(&self, done: u64);
}

/// Work that somebody may watch; clones are the same work, and the default is watched by nobody.
#[derive(Clone, Default)]
pub struct Watched(Option<Arc<Work>>);

struct Work {
    watch: Box<dyn Watch>,
    /// Halves of bytes read, since a file that is read twice counts once.
    halves: AtomicU64,
}

impl Watched {
    /// Work that is watched.
    #[must_use]
    pub fn by(watch: impl Watch + 'static) -> Self {
        Self(Some(Arc::new(Work { watch: Box::new(watch), halves: AtomicU64::new(0) })))
    }

    /// Tells that a step begins, and its size if it is known.
    pub fn began(&self, step: Step, total: Option<u64>) {
        if let Some(work) = &self.0 {
            work.watch.began(step, total);
        }
    }

    /// Tells that these inputs are read from now on.
    pub fn began_reading(&self, inputs: &[Input]) {
        let Some(work) = &self.0 else { return };
        work.halves.store(0, Ordering::Relaxed);
        let bytes = |input: &Input| {
            let found = std::fs::metadata(&input.file.path).ok();
            found.filter(|found| found.is_file()).map(|found| found.len())
        };
        let known =
            |input: &Input| if input.file.is_standard_input() { None } else { bytes(input) };
        work.watch.began(Step::Read, inputs.iter().map(known).sum());
    }

    /// Tells that so much of the step is done in all.
    pub fn done(&self, done: u64) {
        if let Some(work) = &self.0 {
            work.watch.done(done);
        }
    }

    fn read(&self, halves: u64) {
        if let Some(work) = &self.0 {
            let before = work.halves.fetch_add(halves, Ordering::Relaxed);
            work.watch.done((before + halves) / 2);
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Watched" } else { "Unwatched" })
    }
}

/// Watch over one file; clones are over the same one.
#[derive(Clone)]
pub(crate) struct FileWatch {
    watched: Watched,
    twice: Rc<Cell<bool>>,
    read: Rc<Cell<u64>>,
}

impl FileWatch {
    pub(crate) fn new(watched: &Watched) -> Self {
        Self { watched: watched.clone(), twice: Rc::default(), read: Rc::default() }
    }

    /// Counts the file by halves, what was read of it already too: it is read twice.
    pub(crate) fn reads_twice(&self) {
        self.twice.set(true);
        if let Some(work) = &self.watched.0 {
            work.halves.fetch_sub(self.read.get(), Ordering::Relaxed);
        }
    }

    /// Counts bytes that were read.
    pub(crate) fn read(&self, bytes: u64) {
        self.read.set(self.read.get() + bytes);
        self.watched.read(if self.twice.get() { bytes } else { bytes * 2 });
    }
}

/// Counts the bytes of a file as they are read, packed as they are.
pub(crate) struct Counted<R> {
    pub(crate) from: R,
    pub(crate) watch: FileWatch,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(out)?;
        self.watch.read(read as u64);
        Ok(read)
    }
}

/// Progress through a file of so many rows and bytes, where bytes cannot be counted themselves.
pub(crate) struct Share {
    watch: FileWatch,
    bytes: u64,
    rows: u64,
}

impl Share {
    pub(crate) fn new(watch: FileWatch, bytes: u64, rows: u64) -> Self {
        Self { watch, bytes, rows: rows.max(1) }
    }

    /// Tells how many rows were read, now and then, and at the end.
    pub(crate) fn read(&self, row: u64, ended: bool) {
        if !ended && !row.is_multiple_of(SHARE_ROWS) {
            return;
        }
        let share = u128::from(self.bytes) * u128::from(row.min(self.rows)) / u128::from(self.rows);
        // The file was looked at before its rows were.
        let before = self.watch.read.get();
        if let Some(more) = u64::try_from(share).ok().and_then(|bytes| bytes.checked_sub(before)) {
            self.watch.read(more);
        }
    }
}

/// Rows between two looks at the progress.
const SHARE_ROWS: u64 = 256;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::schema::{Column, Holds, Schema};
    use crate::source::RowSource;
    use crate::testing::{self, Table, gzip, zstd};

    static SCHEMA: Schema = Schema {
        columns: &[Column::required("id", Holds::Name)],
        families: &[],
        one_of: &[],
        program: "advertiser-node",
    };

    type Noted = Vec<(Option<u64>, u64)>;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Noted>>);

    impl Watch for Seen {
        fn began(&self, step: Step, total: Option<u64>) {
            assert_eq!(step, Step::Read);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((total, 0));
        }

        fn done(&self, done: u64) {
            if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).last_mut() {
                last.1 = done;
            }
        }
    }

    #[test]
    fn every_form_ends_at_the_bytes_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let rows = (0..3_000).map(|id| vec![format!("customer-{}", id * 7_919)]).collect();
        let table = Table { columns: vec![("id", testing::Holds::Text)], rows };
        let (csv, ndjson, parquet) = (table.csv(), table.ndjson(), table.parquet(700, true));
        for (name, bytes) in [
            ("a.csv", csv.clone()),
            ("a.csv.gz", gzip(&csv)),
            ("a.csv.zst", zstd(&csv)),
            ("a.ndjson", ndjson.clone()),
            ("a.ndjson.gz", gzip(&ndjson)),
            ("a.parquet", parquet),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let (seen, input) = (Seen::default(), Input::own(&path));
            let watched = Watched::by(seen.clone());
            let twice = [input.clone(), input];
            watched.began_reading(&twice);
            for input in &twice {
                let mut source = RowSource::open(input, &SCHEMA, &watched).unwrap();
                while source.advance().unwrap() {}
            }
            let all = bytes.len() as u64 * 2;
            let told = seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            assert_eq!(told, [(Some(all), all)], "{name}");
        }
    }

    #[test]
    fn nobody_knows_how_much_comes_on_standard_input() {
        let seen = Seen::default();
        let path = std::path::Path::new("-");
        Watched::by(seen.clone()).began_reading(&[Input::own(path)]);
        Watched::default().began_reading(&[Input::own(path)]);
        assert_eq!(seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone(), [(None, 0)]);
    }
}
