//! The order of a committed input: rows by their id, identifiers by their place.
//!
//! Rows of one id become one. Identifiers sorted by value show which are shared, and by how many
//! rows; sorted by first occurrence they get their numbers; sorted by place they are written. Rows
//! that lose every identifier on the way are left out, and the others close ranks.

use std::path::Path;

use protocol::identifier::IdentifierKind;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::counts::{FileUse, Tally};
use super::scan::{Found, Gate, Reasons, Scanned, ScannedRow, scan};
use super::sources::{Sources, set_of};
use super::{IDENTIFIERS, InputRules, Place, ROWS, SharedLimits, Staging, columns};
use crate::data::sealed::{SealedOut, create_sealed, fill, finish_sealed};
use crate::data::source::InputFile;
use crate::data::{DataError, Workspace};
use crate::normalize::Reason;
use crate::runs::{FixedSorted, FixedSorter, SealedLog, SealedRecords, VarSorter};
use crate::seal::StorageKey;

/// An input in its committed order, written to the staging directory.
pub(super) struct Gathered {
    /// Hash of its content, which chooses the seed of its commitment.
    pub(super) content: [u8; 32],
    pub(super) tally: Tally,
    /// Distinct identifiers.
    pub(super) distinct: u64,
    pub(super) files: Vec<FileUse>,
}

/// Reads files and writes their rows and identifiers in the committed order.
pub(super) fn gather(
    files: &[InputFile],
    rules: &InputRules<'_>,
    staging: &Staging,
    key: &StorageKey,
    workspace: &Workspace,
    reasons: &mut Reasons<'_>,
) -> Result<Gathered, DataError> {
    let Scanned { rows, mut tally, sources, files, .. } = scan(files, rules, workspace, reasons)?;
    let merged = merge_rows(rows, rules, workspace, &sources, &mut tally, reasons)?;
    let numbered = number_elements(merged.by_identifier, rules.shared, workspace, &mut tally)?;
    let path = staging.directory.join(IDENTIFIERS);
    let last = Last {
        places: Stream::new(numbered.places)?,
        refused: Stream::new(numbered.refused)?,
        sources: &sources,
        tally: &mut tally,
        reasons,
        content: Sha256::new(),
        identifiers: create_sealed(&path, key, IDENTIFIERS)?,
        row_ids: create_sealed(&staging.directory.join(ROWS), key, ROWS)?,
        path: &path,
    };
    let content = last.write(&merged.rows)?;
    Ok(Gathered { content, tally, distinct: numbered.distinct, files })
}

/// Rows that may be used, each id once.
struct Merged {
    /// In the order of their ids, as [`KeptRow`].
    rows: SealedRecords,
    by_identifier: FixedSorter,
}

/// What is kept of a row until it is written.
struct KeptRow<'a> {
    line: u64,
    sources: u64,
    /// The column of each identifier, by its slot.
    columns: &'a [u8],
    row_id: &'a [u8],
}

impl<'a> KeptRow<'a> {
    fn encode(&self) -> Vec<u8> {
        let count = u8::try_from(self.columns.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.line.to_be_bytes());
        bytes.extend_from_slice(&self.sources.to_be_bytes());
        bytes.push(count);
        bytes.extend_from_slice(self.columns);
        bytes.extend_from_slice(self.row_id);
        bytes
    }

    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (line, rest) = bytes.split_first_chunk::<8>()?;
        let (sources, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first()?;
        let (columns, row_id) = rest.split_at_checked(usize::from(*count))?;
        Some(Self {
            line: u64::from_be_bytes(*line),
            sources: u64::from_be_bytes(*sources),
            columns,
            row_id,
        })
    }
}

/// Merges rows of one id, counts exclusions, and sorts identifiers by value.
fn merge_rows(
    scanned: VarSorter,
    rules: &InputRules<'_>,
    workspace: &Workspace,
    sources: &Sources,
    tally: &mut Tally,
    reasons: &mut Reasons<'_>,
) -> Result<Merged, DataError> {
    let ruleset = rules.normalizer.ruleset().code();
    let mut rows = SealedLog::new(&workspace.directory)?;
    let mut by_identifier =
        FixedSorter::new(&workspace.directory, BY_IDENTIFIER_LEN, workspace.memory_bytes)?;
    let mut sorted = scanned.finish()?;
    let mut current: Option<(ScannedRow, u64)> = None;
    let mut kept = 0_u64;
    loop {
        let next = match sorted.next_record()? {
            Some(bytes) => Some(
                ScannedRow::decode(bytes)
                    .ok_or_else(|| DataError::contradiction(&workspace.directory))?,
            ),
            None => None,
        };
        let mut set = next.as_ref().map_or(0, |row| set_of(row.source));
        if let Some((row, row_sources)) = current.take() {
            if next.as_ref().is_some_and(|next| next.row_id == row.row_id) {
                // Sorted by age: the later one replaces the earlier.
                tally.counts.rows_merged += 1;
                reasons.note(&row.row_id, row.line, "", Reason::RowDuplicateId)?;
                set |= row_sources;
            } else {
                tally.counts.rows += 1;
                sources.each(row_sources, &mut tally.counts, |of| of.rows += 1);
                if usable(&row, tally) {
                    rows.push(&kept_row(&row, row_sources))?;
                    push_identifiers(&row, kept, ruleset, &mut by_identifier)?;
                    kept += 1;
                }
            }
        }
        let Some(next) = next else { break };
        current = Some((next, set));
    }
    Ok(Merged { rows: rows.finish()?, by_identifier })
}

/// Whether a row has identifiers that may be used; counts it where it has not.
fn usable(row: &ScannedRow, tally: &mut Tally) -> bool {
    let counts = &mut tally.counts;
    match row.gate {
        Gate::OptOut => counts.excluded_optout += 1,
        Gate::Consent => counts.excluded_consent += 1,
        Gate::Eligible if row.identifiers.is_empty() => counts.excluded_no_usable_identifier += 1,
        Gate::Eligible => {
            counts.rows_cut += u64::from(row.cut);
            return true;
        }
    }
    false
}

fn kept_row(row: &ScannedRow, sources: u64) -> Vec<u8> {
    let columns: Vec<u8> = row.identifiers.iter().map(|found| found.column).collect();
    KeptRow { line: row.line, sources, columns: &columns, row_id: &row.row_id }.encode()
}

fn push_identifiers(
    row: &ScannedRow,
    number: u64,
    ruleset: u8,
    by_identifier: &mut FixedSorter,
) -> Result<(), DataError> {
    for (slot, Found { kind, digest, fixed, .. }) in (0_u8..).zip(&row.identifiers) {
        let mut record = [0; BY_IDENTIFIER_LEN];
        fill(
            &mut record,
            &[
                &[*kind],
                digest,
                &number.to_be_bytes(),
                &[slot, ruleset],
                &row.evidence,
                &row.consent_at.to_be_bytes(),
                &[u8::from(*fixed)],
            ],
        );
        by_identifier.push(&record)?;
    }
    Ok(())
}

/// Identifiers with their numbers, and those that too many rows hold.
struct Numbered {
    /// As [`Place`], in the order of rows and slots.
    places: FixedSorter,
    /// row ‖ slot, in that order.
    refused: FixedSorter,
    distinct: u64,
}

/// Refuses identifiers that too many rows hold, and numbers the others by first occurrence.
///
/// Sorted by value, the first of a group is its first occurrence. Sorted by first occurrence, the
/// ordinal of a group is its number. Sorted by place, the sequence is the committed one.
fn number_elements(
    by_identifier: FixedSorter,
    limits: SharedLimits,
    workspace: &Workspace,
    tally: &mut Tally,
) -> Result<Numbered, DataError> {
    let mut groups = Groups {
        limits,
        members: Vec::new(),
        rows: 0,
        fixed: false,
        by_first: FixedSorter::new(&workspace.directory, BY_FIRST_LEN, workspace.memory_bytes)?,
        refused: FixedSorter::new(&workspace.directory, 9, workspace.memory_bytes)?,
    };
    let mut sorted = by_identifier.finish()?;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_IDENTIFIER_LEN>().0 {
            groups.push(record, tally)?;
        }
    }
    groups.close(tally)?;
    let Groups { by_first, refused, .. } = groups;
    let mut places = FixedSorter::new(&workspace.directory, Place::LEN, workspace.memory_bytes)?;
    let (mut last_first, mut distinct): (Option<[u8; 9]>, u64) = (None, 0);
    let mut sorted = by_first.finish()?;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_FIRST_LEN>().0 {
            let (first, rest) = record.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            let (place, rest) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            if last_first != Some(*first) {
                last_first = Some(*first);
                distinct += 1;
            }
            let element = distinct.saturating_sub(1).to_be_bytes();
            let mut out = [0; Place::LEN];
            fill(&mut out, &[place, &element, rest]);
            places.push(&out)?;
        }
    }
    Ok(Numbered { places, refused, distinct })
}

/// Takes identifiers in the order of their values and tells groups that are too large.
struct Groups {
    limits: SharedLimits,
    /// The group at hand, until it is larger than any limit.
    members: Vec<[u8; BY_IDENTIFIER_LEN]>,
    rows: u64,
    fixed: bool,
    by_first: FixedSorter,
    refused: FixedSorter,
}

impl Groups {
    fn push(
        &mut self,
        record: &[u8; BY_IDENTIFIER_LEN],
        tally: &mut Tally,
    ) -> Result<(), DataError> {
        if self.members.first().is_some_and(|first| value(first).0 != value(record).0) {
            self.close(tally)?;
        }
        self.rows += 1;
        self.fixed |= record.last() == Some(&1);
        let most = self.limits.email.max(self.limits.phone).max(self.limits.phone_fixed);
        if self.rows <= u64::from(most) {
            self.members.push(*record);
        } else {
            self.refuse(record)?;
        }
        Ok(())
    }

    /// Ends the group at hand.
    fn close(&mut self, tally: &mut Tally) -> Result<(), DataError> {
        let members = core::mem::take(&mut self.members);
        let Some(first) = members.first() else { return Ok(()) };
        let [kind, ..] = *first;
        let refused = self.rows > u64::from(self.limit(kind));
        tally.count_shared(kind, self.rows, refused);
        let (_, rest) = value(first);
        let (place, _) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
        for record in &members {
            if refused {
                self.refuse(record)?;
                continue;
            }
            let ((kind, digest), rest) = value(record);
            let (own, rest) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            let rest = rest.split_last().map_or(rest, |(_, rest)| rest);
            let mut out = [0; BY_FIRST_LEN];
            fill(&mut out, &[place, own, &[kind], digest, rest]);
            self.by_first.push(&out)?;
        }
        self.rows = 0;
        self.fixed = false;
        self.members = members;
        self.members.clear();
        Ok(())
    }

    fn refuse(&mut self, record: &[u8; BY_IDENTIFIER_LEN]) -> Result<(), DataError> {
        let (_, rest) = value(record);
        let (place, _) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
        Ok(self.refused.push(place)?)
    }

    fn limit(&self, kind: u8) -> u32 {
        let email = [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL];
        if email.iter().any(|email| email.code() == kind) {
            self.limits.email
        } else if self.fixed {
            self.limits.phone_fixed
        } else {
            self.limits.phone
        }
    }
}

/// The kind and digest of a record, and what follows.
fn value(record: &[u8; BY_IDENTIFIER_LEN]) -> ((u8, &[u8; 32]), &[u8]) {
    let [kind, rest @ ..] = record;
    let (digest, rest) = rest.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
    ((*kind, digest), rest)
}

/// The last pass: rows with what is left of their identifiers.
struct Last<'a, 'b> {
    /// As [`Place`], in order.
    places: Stream<{ Place::LEN }>,
    /// row ‖ slot, in order.
    refused: Stream<9>,
    sources: &'a Sources,
    tally: &'a mut Tally,
    reasons: &'a mut Reasons<'b>,
    content: Sha256,
    identifiers: SealedOut,
    row_ids: SealedOut,
    path: &'a Path,
}

impl Last<'_, '_> {
    /// Writes row ids and identifiers in committed order; the hash of the content.
    fn write(mut self, rows: &SealedRecords) -> Result<[u8; 32], DataError> {
        let mut rows = rows.read()?;
        let mut number = 0;
        while let Some(bytes) = rows.next_record()? {
            let row = KeptRow::decode(bytes).ok_or_else(|| DataError::contradiction(self.path))?;
            self.write_row(&row, number)?;
            number += 1;
        }
        finish_sealed(self.identifiers, self.path)?;
        finish_sealed(self.row_ids, self.path)?;
        self.content.update(self.tally.counts.eligible.to_be_bytes());
        Ok(self.content.finalize().into())
    }

    fn write_row(&mut self, row: &KeptRow<'_>, number: u64) -> Result<(), DataError> {
        while let Some([.., slot]) = self.refused.next_of(number)? {
            let column = row.columns.get(usize::from(slot)).copied();
            let name = columns::name(column.map_or(usize::MAX, usize::from));
            self.tally.reject(name, Reason::SharedIdentifier);
            self.reasons.note(row.row_id, row.line, name, Reason::SharedIdentifier)?;
        }
        let eligible = self.tally.counts.eligible.to_be_bytes();
        let mut kinds = Vec::new();
        while let Some(place) = self.places.next_of(number)? {
            let (_, rest) = place.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            let slot = u8::try_from(kinds.len()).unwrap_or(u8::MAX);
            let mut out = [0; Place::LEN];
            fill(&mut out, &[&eligible, &[slot], rest]);
            kinds.extend(out.get(Place::KIND_AT));
            self.content.update(out);
            self.identifiers.append(&out)?;
        }
        if kinds.is_empty() {
            self.tally.counts.excluded_no_usable_identifier += 1;
            return self.reasons.note(row.row_id, row.line, "", Reason::RowNoUsableIdentifier);
        }
        // The scan caps an id at 1,024 bytes.
        let len =
            u16::try_from(row.row_id.len()).map_err(|_| DataError::contradiction(self.path))?;
        self.row_ids.append(&len.to_be_bytes())?;
        self.row_ids.append(row.row_id)?;
        self.tally.counts.eligible += 1;
        self.tally.count_kinds(kinds);
        self.sources.each(row.sources, &mut self.tally.counts, |of| of.eligible += 1);
        Ok(())
    }
}

/// Sorted records that begin with the number of their row, taken row by row.
struct Stream<const N: usize> {
    sorted: FixedSorted,
    chunk: Zeroizing<Vec<u8>>,
    next: usize,
}

impl<const N: usize> Stream<N> {
    fn new(sorter: FixedSorter) -> Result<Self, DataError> {
        let (sorted, chunk) = (sorter.finish()?, Zeroizing::new(Vec::new()));
        Ok(Self { sorted, chunk, next: 0 })
    }

    /// The next record, if it is of this row.
    fn next_of(&mut self, row: u64) -> Result<Option<[u8; N]>, DataError> {
        if self.next >= self.chunk.len() {
            self.chunk = self.sorted.next_chunk(CHUNK_BYTES)?.unwrap_or_default();
            self.next = 0;
        }
        let rest = self.chunk.get(self.next..).unwrap_or_default();
        let record =
            rest.first_chunk::<N>().filter(|record| record.starts_with(&row.to_be_bytes()));
        self.next += if record.is_some() { N } else { 0 };
        Ok(record.copied())
    }
}

/// kind ‖ digest ‖ row ‖ slot ‖ ruleset ‖ evidence ‖ time ‖ fixed.
const BY_IDENTIFIER_LEN: usize = 1 + 32 + 8 + 1 + 1 + 32 + 8 + 1;
/// first row ‖ first slot ‖ row ‖ slot ‖ kind ‖ digest ‖ ruleset ‖ evidence ‖ time.
const BY_FIRST_LEN: usize = 9 + BY_IDENTIFIER_LEN - 1;
const CHUNK_BYTES: usize = 1 << 20;
