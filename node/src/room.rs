//! Room on the disk for a session, looked for before the session charges anything.
//!
//! A disk that fills up half-way ends a session whose evaluations are spent. How much a session
//! writes is known from its terms, but for digital IDs, of which nobody knows the number before.

use std::path::{Path, PathBuf};

use report::{Code, Diagnose, Text};

use store::os;

/// Sizes that decide how much a session writes.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Padded elements.
    pub elements: u64,
    /// Tags of the table.
    pub table_tags: u64,
    /// Bytes of a run that stay in memory.
    pub spill_memory: usize,
}

impl Demand {
    /// Bytes that the session writes at most: frames, spills, and its part of the ledger.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let frames = self
            .elements
            .saturating_mul(FRAMES_PER_ELEMENT)
            .saturating_add(self.table_tags.saturating_mul(TABLE_PER_TAG));
        let spills = SPILLED_PER_ELEMENT.map(|len| self.spilled(len));
        let all = spills.into_iter().fold(frames, u64::saturating_add);
        all.saturating_add(all / MARGIN_PART).saturating_add(MARGIN)
    }

    /// Fails if the disk that holds `dir` has less than [`Self::bytes`].
    ///
    /// # Errors
    ///
    /// [`NoRoom`]; a disk whose free space the system does not tell is taken to have enough.
    pub fn check(&self, dir: &Path) -> Result<(), NoRoom> {
        let needed = self.bytes();
        match os::free_bytes(dir) {
            Some(free) if free < needed => Err(NoRoom { dir: dir.into(), needed, free }),
            _ => Ok(()),
        }
    }

    /// Bytes that one spill of records of this length takes on disk.
    fn spilled(&self, record_len: u64) -> u64 {
        let bytes = self.elements.saturating_mul(record_len);
        let memory = u64::try_from(self.spill_memory).unwrap_or(u64::MAX);
        match bytes {
            in_memory if in_memory <= memory => 0,
            // So many sorted runs that they are merged into longer ones first.
            many if many > memory.saturating_mul(MERGED_AT_ONCE) => many.saturating_mul(2),
            few => few,
        }
    }
}

/// Too little room on a disk for what a session would write.
#[derive(Debug)]
pub struct NoRoom {
    /// Directory that the session would write to.
    pub dir: PathBuf,
    /// Bytes that it may need.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
}

impl Diagnose for NoRoom {
    fn code(&self) -> Code {
        Code::NoRoom
    }

    fn text(&self) -> Text {
        Text::new("no-room")
            .with("path", &self.dir)
            .with("free", self.free >> 20)
            .with("needed", self.needed.div_ceil(1 << 20))
    }
}

impl std::error::Error for NoRoom {}
report::told_in_english!(NoRoom);

/// BLIND and EVAL, 32 bytes of each; headers and proofs are in the margin.
const FRAMES_PER_ELEMENT: u64 = 64;
/// A tag is 9 bytes before it is packed.
const TABLE_PER_TAG: u64 = 9;
/// Bytes of a record in the runs of shuffled order, which are longer than those of aligned order:
/// rows, tags of answers, handles of hits, handles of rows.
const SPILLED_PER_ELEMENT: [u64; 4] = [32, 33, 24, 16];
/// Runs that a merge reads at once, at least.
const MERGED_AT_ONCE: u64 = 16;
/// Two percent, and something for transcript, ledger and the directories.
const MARGIN_PART: u64 = 50;
const MARGIN: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_grows_with_the_session_and_counts_what_is_spilled() {
        let small = Demand { elements: 32_768, table_tags: 32_768, spill_memory: 32 << 20 };
        assert!((8 << 20..12 << 20).contains(&small.bytes()), "{}", small.bytes());
        let large = Demand { elements: 10_000_000, table_tags: 10_000_000, ..small };
        // Frames, table, and every run, since none fits into memory.
        assert!(large.bytes() > 10_000_000 * (64 + 9 + 105));
        let in_memory = Demand { spill_memory: usize::MAX, ..large };
        assert!(in_memory.bytes() < 10_000_000 * (64 + 9 + 3) + (9 << 20));
        let most = Demand { elements: u64::MAX, table_tags: u64::MAX, spill_memory: 0 };
        assert_eq!(most.bytes(), u64::MAX);
    }

    #[test]
    fn disk_that_is_too_small_is_named_with_figures() {
        let dir = tempfile::tempdir().unwrap();
        let demand = Demand { elements: 1, table_tags: 1, spill_memory: 0 };
        demand.check(dir.path()).unwrap();
        let demand = Demand { elements: u64::MAX, ..demand };
        let refused = demand.check(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("MiB free") && refused.contains("up to"), "{refused}");
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        demand.check(&dir.path().join("absent")).unwrap();
    }
}
