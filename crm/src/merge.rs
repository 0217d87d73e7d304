//! Rows of one id, which become one.
//!
//! An objection or a lack of consent stands unless a row of the same id is later, by a readable
//! age, and both consents and does not object [N-67]. An age that is absent or unreadable is
//! neither earlier nor later than another: it overrules nothing and is overruled by nothing.

use std::mem;

use protocol::error::Bug;
use zeroize::Zeroizing;

use super::counts::Tally;
use super::departures::{Departed, Ground};
use super::objectors::Holding;
use super::scan::{Found, Reasons, ScannedRow};
use super::sources::{Sources, set_of};
use crate::error::CrmError;
use normalize::Reason;
use store::record::{BigEndian, Record as _, U64, record};
use store::spill::Workspace;
use store::spill::{SealedLog, SealedRecords, Sorter, VarSorter, grow};

/// Rows that may be used, each id once.
pub(super) struct Merged {
    /// In the order of their ids: the sources of each, then its [`ScannedRow`].
    pub(super) rows: SealedRecords,
    /// Identifiers of them.
    pub(super) by_value: Sorter<ByValue>,
}

/// Merges rows of one id, counts exclusions, and sorts identifiers by value; what the rows that
/// object hold is kept beside.
pub(super) fn merge_rows(
    scanned: VarSorter,
    workspace: &Workspace,
    (sources, departed): (&Sources, Option<&Departed>),
    tally: &mut Tally,
    reasons: &mut Reasons<'_>,
) -> Result<(Merged, Holding), CrmError> {
    let damaged = || CrmError::contradiction(&workspace.directory);
    let mut merging = Merging {
        kept: Kept::new(workspace)?,
        objectors: Holding::new(workspace)?,
        lacking: Holding::new(workspace)?,
        sources,
        departed,
        tally,
    };
    let mut group = Group::default();
    let mut sorted = scanned.finish()?;
    while let Some(bytes) = sorted.next_record()? {
        let row = ScannedRow::decode(bytes).ok_or_else(damaged)?;
        if group.rows > 0 && !group.is_of(row.row_id) {
            merging.close(&mut group, reasons)?;
        }
        merging.add(&mut group, &row, bytes, reasons)?;
    }
    if group.rows > 0 {
        merging.close(&mut group, reasons)?;
    }
    let Merging { kept, objectors, lacking, tally, .. } = merging;
    if let Some(left_out) = &mut tally.left_out {
        lacking.each(|of, held| left_out.lacks(of, held))?;
    }
    Ok((kept.finish()?, objectors))
}

/// Statement of a row about its id; of rows that say the same the last one, in the order of their
/// ages, stands for all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Objects = 0,
    LacksConsent = 1,
    Allows = 2,
}

impl Says {
    const ALL: [Self; 3] = [Self::Objects, Self::LacksConsent, Self::Allows];

    fn of(row: &ScannedRow<'_>) -> Self {
        match row.gate.reason() {
            None => Self::Allows,
            Some(_) if row.gate.objects() => Self::Objects,
            Some(_) => Self::LacksConsent,
        }
    }
}

/// The rows of one id so far.
#[derive(Default)]
struct Group {
    rows: u64,
    sources: u64,
    /// Row that stands for each of [`Says`], as it was encoded; empty if there is none.
    standing: [Zeroizing<Vec<u8>>; 3],
    /// Ages up to which each of [`Says`] stands.
    until: [Ages; 3],
}

/// The latest ages of rows that say the same, in microseconds since 1970: of those that state a
/// zone, and of those that do not; 0 for none.
#[derive(Clone, Copy, Default)]
struct Ages {
    zoned: u64,
    local: u64,
}

impl Ages {
    fn add(&mut self, age: u64, zoned: bool) {
        let latest = if zoned { &mut self.zoned } else { &mut self.local };
        *latest = age.max(*latest);
    }

    /// True if one of these ages is later than all the others are, in whatever zone a local one
    /// may be.
    fn are_later_than(&self, others: &Self) -> bool {
        let after = |age: u64, other: u64, apart: u64| {
            other == 0 || age.checked_sub(other).is_some_and(|later| later > apart)
        };
        let by = |age, zoned, local| {
            age > 0 && after(age, others.zoned, zoned) && after(age, others.local, local)
        };
        by(self.zoned, 0, ZONES_MICROS) || by(self.local, ZONES_MICROS, 0)
    }
}

impl Group {
    fn is_of(&self, row_id: &[u8]) -> bool {
        let any = self.standing.iter().find(|row| !row.is_empty());
        any.and_then(|row| ScannedRow::decode(row)).is_some_and(|row| row.row_id == row_id)
    }

    fn row(&self, says: Says) -> Option<ScannedRow<'_>> {
        self.standing.get(says as usize).and_then(|row| ScannedRow::decode(row))
    }

    /// True if what a row says is not overruled by a later one that may be used.
    fn stands(&self, says: Says) -> bool {
        let [objects, lacks, allows] = &self.until;
        match says {
            Says::Objects => self.row(says).is_some() && !allows.are_later_than(objects),
            Says::LacksConsent => self.row(says).is_some() && !allows.are_later_than(lacks),
            Says::Allows => true,
        }
    }

    /// Statement that decides about the id.
    fn decides(&self) -> Says {
        let against = [Says::Objects, Says::LacksConsent];
        against.into_iter().find(|says| self.stands(*says)).unwrap_or(Says::Allows)
    }
}

struct Merging<'a> {
    kept: Kept,
    objectors: Holding,
    /// Identifiers of the ids of several rows of which any lacks a consent.
    lacking: Holding,
    sources: &'a Sources,
    departed: Option<&'a Departed>,
    tally: &'a mut Tally,
}

impl Merging<'_> {
    /// Takes one row of the id at hand.
    fn add(
        &mut self,
        group: &mut Group,
        row: &ScannedRow<'_>,
        bytes: &[u8],
        reasons: &mut Reasons<'_>,
    ) -> Result<(), CrmError> {
        let says = Says::of(row);
        let mut stands = true;
        if let Some(old) = group.row(says) {
            // A consent that is missing weighs more than one that is old or incomplete.
            stands = says != Says::LacksConsent || weight(row) <= weight(&old);
            let other = if stands { &old } else { row };
            reasons.note(other.row_id, other.line, "", Reason::RowDuplicateId)?;
        }
        // Rows that lack a consent come before those that have one.
        let lacks = says == Says::LacksConsent || group.row(Says::LacksConsent).is_some();
        if lacks && group.rows == 1 {
            let first = Says::ALL.into_iter().find_map(|says| group.row(says));
            self.lacking.hold(&first.ok_or(Bug::invariant())?)?;
        }
        if lacks && group.rows >= 1 {
            self.lacking.hold(row)?;
        }
        // Nothing is later than an age that nobody can read.
        let age = match (says, row.updated_at) {
            (Says::Objects | Says::LacksConsent, 0) => u64::MAX,
            (_, age) => age,
        };
        let at = says as usize;
        if stands {
            replace(group.standing.get_mut(at).ok_or(Bug::invariant())?, bytes);
        }
        group.until.get_mut(at).ok_or(Bug::invariant())?.add(age, row.zoned);
        group.rows += 1;
        group.sources |= set_of(row.source);
        // Rows that object come first, so that no row of such an id is missed.
        if group.row(Says::Objects).is_some() {
            self.objectors.hold(row)?;
        }
        Ok(())
    }

    /// Decides about the id at hand, and begins the next one.
    fn close(&mut self, group: &mut Group, reasons: &mut Reasons<'_>) -> Result<(), CrmError> {
        let counts = &mut self.tally.counts;
        counts.rows += 1;
        counts.rows_merged += group.rows - 1;
        self.sources.each(group.sources, counts, |of| of.rows += 1);
        let number = self.objectors.number();
        self.objectors.close(group.stands(Says::Objects).then_some((Ground::Objection, 0)))?;
        let decides = group.decides();
        let ground = |row: &ScannedRow<'_>| Some((Ground::of(row.gate.reason()?)?, row.consent_at));
        let lacks = group.row(decides).filter(|_| decides == Says::LacksConsent);
        self.lacking.close(lacks.as_ref().and_then(ground))?;
        for other in Says::ALL.into_iter().filter(|says| *says != decides) {
            if let Some(row) = group.row(other) {
                reasons.note(row.row_id, row.line, "", Reason::RowDuplicateId)?;
            }
        }
        if let Some(row) = group.row(decides) {
            match row.gate.reason() {
                Some(reason) if row.gate.objects() => {
                    self.tally.counts.excluded_optout += 1;
                    self.tally.object(&row, reason, number)?;
                }
                Some(reason) => {
                    self.tally.counts.excluded_consent += 1;
                    self.tally.leave_out(&row, reason)?;
                }
                // Whoever left for a reason of rights objects, whatever a later file says; the row
                // takes no others out.
                None if self.departed.is_some_and(|departed| row.is_of(departed)) => {
                    self.tally.counts.excluded_optout += 1;
                    self.tally.count_left_out(Reason::RowOptout);
                    reasons.note(row.row_id, row.line, "", Reason::RowOptout)?;
                }
                None if !row.is_usable() => {
                    self.tally.counts.excluded_no_usable_identifier += 1;
                    self.tally.leave_out(&row, Reason::RowNoUsableIdentifier)?;
                }
                None => self.kept.push(&row, group.sources)?,
            }
        }
        group.standing.iter_mut().for_each(|row| row.clear());
        (group.rows, group.sources, group.until) = (0, 0, [Ages::default(); 3]);
        Ok(())
    }
}

/// Weight of what a row without a usable consent says; the least weighs most.
fn weight(row: &ScannedRow<'_>) -> u8 {
    row.gate.reason().and_then(Ground::of).map_or(u8::MAX, Ground::code)
}

/// Rows that are kept so far, and their identifiers by value.
pub(super) struct Kept {
    rows: SealedLog,
    by_value: Sorter<ByValue>,
    /// Number of the next identifier.
    ordinal: u64,
    encoded: Zeroizing<Vec<u8>>,
}

impl Kept {
    pub(super) fn new(workspace: &Workspace) -> Result<Self, CrmError> {
        let Workspace { directory, memory_bytes } = workspace;
        Ok(Self {
            rows: SealedLog::new(directory)?,
            by_value: Sorter::new(directory, *memory_bytes)?,
            ordinal: 0,
            encoded: Zeroizing::new(Vec::with_capacity(ROW_BYTES)),
        })
    }

    /// Keeps a row, and numbers its identifiers through.
    pub(super) fn push(&mut self, row: &ScannedRow<'_>, sources: u64) -> Result<(), CrmError> {
        self.encoded.clear();
        let mut encoded = mem::take(&mut self.encoded);
        row.encode(&mut encoded);
        self.rows.push_parts(&[KeptHead { sources: sources.into() }.bytes(), &encoded])?;
        self.encoded = encoded;
        for found in row.identifiers.iter().map(Found::decode) {
            self.by_value.push(&ByValue {
                kind: found.kind,
                digest: found.digest,
                ordinal: self.ordinal.into(),
                flags: found.flags(),
            })?;
            self.ordinal += 1;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Merged, CrmError> {
        Ok(Merged { rows: self.rows.finish()?, by_value: self.by_value })
    }
}

record! {
    /// Start of a kept row; its [`ScannedRow`] follows.
    pub(super) struct KeptHead {
        pub(super) sources: U64<BigEndian>,
    }
}

record! {
    /// An identifier of a kept row, sorted by its value.
    pub(super) struct ByValue {
        pub(super) kind: u8,
        pub(super) digest: [u8; 32],
        pub(super) ordinal: U64<BigEndian>,
        pub(super) flags: u8,
    }
}

impl ByValue {
    pub(super) const fn value(&self) -> (u8, &[u8; 32]) {
        (self.kind, &self.digest)
    }
}

/// Gives a buffer another content, without leaving a copy of the old one behind.
fn replace(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    buffer.clear();
    grow(buffer, bytes, usize::MAX);
}

/// Room for most rows.
const ROW_BYTES: usize = 512;

/// A local time is at most so far from what it would be in UTC.
const ZONES_MICROS: u64 = 14 * 3_600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_and_values_have_their_bytes() {
        let head = KeptHead { sources: 0x0102_0304_0506_0708.into() };
        assert_eq!(head.bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
        let ordinal = 0x0102_0304_0506_0708.into();
        let by_value = ByValue { kind: 2, digest: [0xdd; 32], ordinal, flags: 5 };
        let expected = [&[2][..], &[0xdd; 32], &[1, 2, 3, 4, 5, 6, 7, 8, 5]].concat();
        assert_eq!(by_value.bytes(), expected);
    }
}
