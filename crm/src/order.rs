//! The order of a committed input: rows by their id, identifiers by their place.
//!
//! Rows of one id become one, and the identifiers of those that may be used are counted through:
//! the ordinal of an identifier is its place in that count. Sorted by value, identifiers show which
//! are shared, and by how many rows. Most are not, and need nothing more: the last pass over the
//! rows numbers them as they come. Those of several rows get the number of their first occurrence;
//! those of too many are refused. Rows that lose every identifier on the way are left out, and the
//! others close ranks.

use std::path::Path;

use protocol::identifier::IdentifierKind;
use protocol::limits::ROW_WIDTH_MAX;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::counts::{FileUse, Tally};
use super::merge::{BY_VALUE_LEN, merge_rows, value};
use super::scan::{FIXED, Found, Reasons, Scanned, ScannedRow, USED, scan};
use super::sources::Sources;
use super::{IDENTIFIERS, InputRules, Place, ROWS, SharedLimits, Staging, columns, objectors};
use crate::error::CrmError;
use normalize::Reason;
use store::seal::StorageKey;
use store::sealed::{RawSealedOut as SealedOut, create_sealed, fill, finish_sealed};
use store::spill::Workspace;
use store::spill::{FixedSorted, FixedSorter, SealedRecords};
use tabular::InputFile;

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
) -> Result<Gathered, CrmError> {
    let Scanned { rows, mut tally, sources, files, .. } = scan(files, rules, workspace, reasons)?;
    let (merged, objectors) = merge_rows(rows, workspace, &sources, &mut tally, reasons)?;
    let left = objectors::apply(merged, objectors, workspace, &mut tally, reasons)?;
    let shared = find_shared(left.by_value, rules.shared, workspace, &mut tally)?;
    let path = staging.directory.join(IDENTIFIERS);
    let last = Last {
        ruleset: rules.normalizer.ruleset().code(),
        refused: shared.refused,
        numbered: shared.numbered,
        ordinal: 0,
        distinct: 0,
        sources: &sources,
        tally: &mut tally,
        reasons,
        content: content_of(rules),
        identifiers: create_sealed(&path, key, IDENTIFIERS)?,
        row_ids: create_sealed(&staging.directory.join(ROWS), key, ROWS)?,
        path: &path,
    };
    let (content, distinct) = last.write(&left.rows)?;
    Ok(Gathered { content, tally, distinct, files })
}

/// Identifiers of several rows.
struct Shared {
    /// Ordinals of those that too many rows hold, in order.
    refused: Stream<8>,
    /// ordinal ‖ number of later occurrences, in order.
    numbered: Stream<16>,
}

/// Refuses identifiers that too many rows hold, and numbers later occurrences of the others.
fn find_shared(
    mut sorted: FixedSorted,
    limits: SharedLimits,
    workspace: &Workspace,
    tally: &mut Tally,
) -> Result<Shared, CrmError> {
    // Three of them fill beside the one that is read.
    let memory_bytes = workspace.memory_bytes / 3;
    let sorter = |len| FixedSorter::new(&workspace.directory, len, memory_bytes);
    let mut groups = Groups {
        limits,
        members: Vec::new(),
        rows: 0,
        fixed: false,
        refused: sorter(8)?,
        later: sorter(8)?,
        by_first: sorter(16)?,
    };
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_VALUE_LEN>().0 {
            groups.push(record, tally)?;
        }
    }
    groups.close(tally)?;
    drop(sorted);
    let Groups { refused, later, by_first, .. } = groups;
    let (mut refused, mut later) = (Stream::new(refused)?, Stream::<8>::new(later)?);
    let mut by_first = Stream::<16>::new(by_first)?;
    let mut numbered = sorter(16)?;
    // What has no number of its own, of all that comes before the first occurrence at hand.
    let mut unnumbered = 0_u64;
    while let Some(record) = by_first.next()? {
        let (first, own) = record.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        while refused.next_below(first)?.is_some() || later.next_below(first)?.is_some() {
            unnumbered += 1;
        }
        let number = u64::from_be_bytes(*first).saturating_sub(unnumbered).to_be_bytes();
        let mut out = [0; 16];
        fill(&mut out, &[own, &number]);
        numbered.push(&out)?;
    }
    refused.rewind()?;
    Ok(Shared { refused, numbered: Stream::new(numbered)? })
}

/// Takes identifiers in the order of their values and tells those that several rows hold.
struct Groups {
    limits: SharedLimits,
    /// The group at hand, until it is larger than any limit.
    members: Vec<[u8; BY_VALUE_LEN]>,
    rows: u64,
    fixed: bool,
    /// Ordinals.
    refused: FixedSorter,
    /// Ordinals of all but the first occurrence.
    later: FixedSorter,
    /// Ordinal of the first occurrence ‖ that of a later one.
    by_first: FixedSorter,
}

impl Groups {
    fn push(&mut self, record: &[u8; BY_VALUE_LEN], tally: &mut Tally) -> Result<(), CrmError> {
        if self.members.first().is_some_and(|first| value(first).0 != value(record).0) {
            self.close(tally)?;
        }
        let (_, ordinal, flags) = value(record);
        if flags & USED == 0 {
            // There for objections alone, which have been applied.
            return Ok(self.refused.push(ordinal)?);
        }
        self.rows += 1;
        self.fixed |= flags & FIXED != 0;
        let most = self.limits.email.max(self.limits.phone).max(self.limits.phone_fixed);
        if self.rows <= u64::from(most.max(1)) {
            self.members.push(*record);
        } else {
            self.refused.push(value(record).1)?;
        }
        Ok(())
    }

    /// Ends the group at hand.
    fn close(&mut self, tally: &mut Tally) -> Result<(), CrmError> {
        let Some((first, later)) = self.members.split_first() else { return Ok(()) };
        let ((kind, _), first_ordinal, _) = value(first);
        let refused = self.rows > u64::from(self.limit(kind));
        tally.count_shared(kind, self.rows, refused);
        if refused {
            for record in &self.members {
                self.refused.push(value(record).1)?;
            }
        } else {
            for record in later {
                let mut out = [0; 16];
                fill(&mut out, &[first_ordinal, value(record).1]);
                self.by_first.push(&out)?;
                self.later.push(value(record).1)?;
            }
        }
        self.members.clear();
        self.rows = 0;
        self.fixed = false;
        Ok(())
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

/// The hash of an input before its rows: what they were judged by. Rows that were read for one
/// purpose never have the seed of an input for another, nor its root [D-28].
fn content_of(rules: &InputRules<'_>) -> Sha256 {
    let mut content = Sha256::new();
    content.update(rules.gate.purpose.code().to_be_bytes());
    content.update(rules.gate.consent_max_age_days.to_be_bytes());
    content
}

/// The last pass: rows with what is left of their identifiers.
struct Last<'a, 'b> {
    ruleset: u8,
    refused: Stream<8>,
    numbered: Stream<16>,
    /// Number of the next identifier.
    ordinal: u64,
    /// Identifiers met so far; the number of the next new one.
    distinct: u64,
    sources: &'a Sources,
    tally: &'a mut Tally,
    reasons: &'a mut Reasons<'b>,
    content: Sha256,
    identifiers: SealedOut,
    row_ids: SealedOut,
    path: &'a Path,
}

impl Last<'_, '_> {
    /// Writes row ids and identifiers in committed order; the hash of the content, and how many
    /// identifiers are distinct.
    fn write(mut self, rows: &SealedRecords) -> Result<([u8; 32], u64), CrmError> {
        let mut rows = rows.read()?;
        while let Some(bytes) = rows.next_record()? {
            let (sources, encoded) = bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
            let row = ScannedRow::decode(encoded);
            let row = row.ok_or_else(|| CrmError::contradiction(self.path))?;
            self.write_row(&row, u64::from_be_bytes(*sources))?;
        }
        finish_sealed(self.identifiers, self.path)?;
        finish_sealed(self.row_ids, self.path)?;
        self.content.update(self.tally.counts.eligible.to_be_bytes());
        Ok((self.content.finalize().into(), self.distinct))
    }

    fn write_row(&mut self, row: &ScannedRow<'_>, sources: u64) -> Result<(), CrmError> {
        let eligible = self.tally.counts.eligible.to_be_bytes();
        let mut slot = 0;
        let mut kinds = [0; ROW_WIDTH_MAX as usize];
        for found in row.identifiers.iter().map(Found::decode) {
            let element = self.element()?;
            if !found.used {
                continue;
            }
            let Some(element) = element else {
                let name = columns::name(found.column.into());
                self.tally.reject(name, Reason::SharedIdentifier);
                self.reasons.note(row.row_id, row.line, name, Reason::SharedIdentifier)?;
                continue;
            };
            let mut out = [0; Place::LEN];
            fill(
                &mut out,
                &[
                    &eligible,
                    &[slot],
                    &element.to_be_bytes(),
                    &[found.kind],
                    &found.digest,
                    &[self.ruleset],
                    row.evidence,
                    &row.consent_at.to_be_bytes(),
                ],
            );
            if let Some(kind) = kinds.get_mut(usize::from(slot)) {
                *kind = found.kind;
            }
            slot += 1;
            self.content.update(out);
            self.identifiers.append(&out)?;
        }
        if slot == 0 {
            self.tally.counts.excluded_no_usable_identifier += 1;
            self.tally.leave_out(Reason::RowNoUsableIdentifier);
            return self.reasons.note(row.row_id, row.line, "", Reason::RowNoUsableIdentifier);
        }
        // The scan caps an id at 1,024 bytes.
        let len =
            u16::try_from(row.row_id.len()).map_err(|_| CrmError::contradiction(self.path))?;
        // A result names rows by their ids: under other ids it is the result of another input.
        self.content.update(len.to_be_bytes());
        self.content.update(row.row_id);
        self.row_ids.append(&len.to_be_bytes())?;
        self.row_ids.append(row.row_id)?;
        self.tally.counts.eligible += 1;
        self.tally.counts.rows_cut += u64::from(row.cut);
        self.tally.count_kinds(kinds.into_iter().take(slot.into()));
        self.sources.each(sources, &mut self.tally.counts, |of| of.eligible += 1);
        Ok(())
    }

    /// The number of the next identifier; `None` if it is refused.
    fn element(&mut self) -> Result<Option<u64>, CrmError> {
        let ordinal = self.ordinal.to_be_bytes();
        self.ordinal += 1;
        if self.refused.next_of(&ordinal)?.is_some() {
            return Ok(None);
        }
        if let Some(record) = self.numbered.next_of(&ordinal)? {
            let (_, number) = record.split_last_chunk::<8>().unwrap_or((&[], &[0; 8]));
            return Ok(Some(u64::from_be_bytes(*number)));
        }
        let number = self.distinct;
        self.distinct += 1;
        Ok(Some(number))
    }
}

/// Sorted records that begin with an ordinal.
pub(super) struct Stream<const N: usize> {
    sorted: FixedSorted,
    chunk: Zeroizing<Vec<u8>>,
    at: usize,
}

impl<const N: usize> Stream<N> {
    fn new(sorter: FixedSorter) -> Result<Self, CrmError> {
        Ok(Self::of(sorter.finish()?))
    }

    pub(super) fn of(sorted: FixedSorted) -> Self {
        Self { sorted, chunk: Zeroizing::default(), at: 0 }
    }

    fn rewind(&mut self) -> Result<(), CrmError> {
        (self.chunk, self.at) = (Zeroizing::default(), 0);
        Ok(self.sorted.rewind()?)
    }

    fn next(&mut self) -> Result<Option<[u8; N]>, CrmError> {
        self.next_if(|_| true)
    }

    /// The next record, if it is of this ordinal.
    pub(super) fn next_of(&mut self, ordinal: &[u8; 8]) -> Result<Option<[u8; N]>, CrmError> {
        self.next_if(|record| record.starts_with(ordinal))
    }

    /// The next record, if it is of a lesser ordinal.
    fn next_below(&mut self, ordinal: &[u8; 8]) -> Result<Option<[u8; N]>, CrmError> {
        self.next_if(|record| record.as_slice() < ordinal.as_slice())
    }

    pub(super) fn next_if(
        &mut self,
        wanted: impl FnOnce(&[u8; N]) -> bool,
    ) -> Result<Option<[u8; N]>, CrmError> {
        if self.at >= self.chunk.len() && !self.sorted.is_at_end() {
            self.chunk = self.sorted.next_chunk(CHUNK_BYTES)?.unwrap_or_default();
            self.at = 0;
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let record = rest.first_chunk::<N>().filter(|record| wanted(record)).copied();
        self.at += if record.is_some() { N } else { 0 };
        Ok(record)
    }
}

const CHUNK_BYTES: usize = 1 << 20;
