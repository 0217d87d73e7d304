//! The order of a committed input: rows by their id, identifiers by their place.
//!
//! Rows of one id become one, and the identifiers of those that may be used are counted through:
//! the ordinal of an identifier is its place in that count. Sorted by value, identifiers show which
//! are shared, and by how many rows. Most are not, and need nothing more: the last pass over the
//! rows numbers them as they come. Those of several rows get the number of their first occurrence;
//! those of too many are refused. Rows that lose every identifier on the way are left out, and the
//! others close ranks.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::error::Bug;
use protocol::identifier::IdentifierKind;
use protocol::limits::ROW_WIDTH_MAX;
use sha2::{Digest, Sha256};

use super::columns::{CONSENT_PURPOSES, Names, OBJECTIONS, name};
use super::counts::{ColumnCounts, FileUse, InputCounts, Tally};
use super::departures::LeftOut;
use super::merge::{ByValue, KeptHead, merge_rows};
use super::scan::{FIXED, Found, Reasons, Scanned, ScannedRow, USED, scan};
use super::sources::Sources;
use super::words::UnknownWords;
use super::{IDENTIFIERS, InputRules, Place, ROWS, RowIdHead, SharedLimits, Staging, objectors};
use crate::error::CrmError;
use normalize::Reason;
use store::record::{BigEndian, Record as _, U64, record};
use store::seal::StorageKey;
use store::sealed::{RawSealedOut, SealedOut, create_sealed, finish_sealed};
use store::spill::Workspace;
use store::spill::{SealedRecords, Sorted, Sorter};
use tabular::{Input, Step};

/// An input in its committed order, written to the staging directory.
pub(super) struct Gathered {
    /// Hash of its content, which chooses the seed of its commitment.
    pub(super) content: [u8; 32],
    pub(super) counts: InputCounts,
    /// Values by column of identifiers.
    pub(super) columns: BTreeMap<String, ColumnCounts>,
    /// Distinct identifiers.
    pub(super) distinct: u64,
    pub(super) files: Vec<FileUse>,
    /// Words that nobody explained.
    pub(super) unknown: Vec<UnknownWords>,
    /// Ids of the rows that were left out for a reason of rights.
    pub(super) left_out: SealedRecords,
}

/// Reads files and writes their rows and identifiers in the committed order.
pub(super) fn gather(
    inputs: &[Input],
    rules: &InputRules<'_>,
    staging: &Staging,
    key: &StorageKey,
    workspace: &Workspace,
    reasons: &mut Reasons<'_>,
) -> Result<Gathered, CrmError> {
    let Scanned { rows, mut tally, sources, files, names } =
        scan(inputs, rules, workspace, reasons)?;
    rules.watched.began(Step::Sort, None);
    tally.left_out = Some(LeftOut::new(&workspace.directory)?);
    let departed = rules.departed;
    let (merged, objectors) =
        merge_rows(rows, workspace, (&sources, departed), &mut tally, reasons)?;
    let left = objectors::apply(merged, objectors, workspace, (&mut tally, &names), reasons)?;
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
        names: &names,
        reasons,
        content: content_of(rules),
        identifiers: SealedOut::create(&path, key, IDENTIFIERS)?,
        row_ids: create_sealed(&staging.directory.join(ROWS), key, ROWS)?,
        path: &path,
    };
    let (content, distinct) = last.write(&left.rows)?;
    let Tally { counts, columns, unknown: [purposes, objections], left_out } = tally;
    let left_out = left_out.ok_or(Bug::invariant())?.finish()?;
    let unknown = [(purposes, CONSENT_PURPOSES), (objections, OBJECTIONS)];
    let unknown = unknown.into_iter().filter_map(|(words, at)| words.shown(name(at))).collect();
    let columns = columns.into_iter();
    let columns = columns.map(|(number, counts)| (names.of(number).to_owned(), counts)).collect();
    Ok(Gathered { content, counts, columns, distinct, files, unknown, left_out })
}

/// Identifiers of several rows.
struct Shared {
    /// Ordinals of those that too many rows hold, in order.
    refused: Sorted<Ordinal>,
    /// Numbers of later occurrences, in order.
    numbered: Sorted<Numbered>,
}

/// Refuses identifiers that too many rows hold, and numbers later occurrences of the others.
fn find_shared(
    mut sorted: Sorted<ByValue>,
    limits: SharedLimits,
    workspace: &Workspace,
    tally: &mut Tally,
) -> Result<Shared, CrmError> {
    // Three of them fill beside the one that is read.
    let memory_bytes = workspace.memory_bytes / 3;
    let directory = &workspace.directory;
    let mut groups = Groups {
        limits,
        members: Vec::new(),
        rows: 0,
        fixed: false,
        refused: Sorter::new(directory, memory_bytes)?,
        later: Sorter::new(directory, memory_bytes)?,
        by_first: Sorter::new(directory, memory_bytes)?,
    };
    while let Some(record) = sorted.next_record()? {
        groups.push(&record, tally)?;
    }
    groups.close(tally)?;
    drop(sorted);
    let Groups { refused, later, by_first, .. } = groups;
    let (mut refused, mut later) = (refused.finish()?, later.finish()?);
    let mut by_first = by_first.finish()?;
    let mut numbered = Sorter::new(directory, memory_bytes)?;
    // What has no number of its own, of all that comes before the first occurrence at hand.
    let mut unnumbered = 0;
    while let Some(Repeated { first, ordinal }) = by_first.next_record()? {
        let before = |one: &Ordinal| one.ordinal < first;
        while refused.next_if(before)?.is_some() || later.next_if(before)?.is_some() {
            unnumbered += 1;
        }
        // All of them come before it.
        let number = first.get().checked_sub(unnumbered).ok_or(Bug::invariant())?;
        numbered.push(&Numbered { ordinal, number: number.into() })?;
    }
    refused.rewind()?;
    Ok(Shared { refused, numbered: numbered.finish()? })
}

record! {
    /// Place of an identifier in the count.
    struct Ordinal {
        ordinal: U64<BigEndian>,
    }
}

record! {
    /// A later occurrence of an identifier, by the first one.
    struct Repeated {
        first: U64<BigEndian>,
        ordinal: U64<BigEndian>,
    }
}

record! {
    /// A later occurrence of an identifier, with its number.
    struct Numbered {
        ordinal: U64<BigEndian>,
        number: U64<BigEndian>,
    }
}

/// Takes identifiers in the order of their values and tells those that several rows hold.
struct Groups {
    limits: SharedLimits,
    /// The group at hand, until it is larger than any limit.
    members: Vec<ByValue>,
    rows: u64,
    fixed: bool,
    refused: Sorter<Ordinal>,
    /// All but the first occurrence.
    later: Sorter<Ordinal>,
    by_first: Sorter<Repeated>,
}

impl Groups {
    fn push(&mut self, record: &ByValue, tally: &mut Tally) -> Result<(), CrmError> {
        if self.members.first().is_some_and(|first| first.value() != record.value()) {
            self.close(tally)?;
        }
        let ByValue { ordinal, flags, .. } = *record;
        if flags & USED == 0 {
            // There for objections alone, which have been applied.
            return Ok(self.refused.push(&Ordinal { ordinal })?);
        }
        self.rows += 1;
        self.fixed |= flags & FIXED != 0;
        let most = self.limits.email.max(self.limits.phone).max(self.limits.phone_fixed);
        if self.rows <= u64::from(most.max(1)) {
            self.members.push(*record);
        } else {
            self.refused.push(&Ordinal { ordinal })?;
        }
        Ok(())
    }

    /// Ends the group at hand.
    fn close(&mut self, tally: &mut Tally) -> Result<(), CrmError> {
        let Some((first, later)) = self.members.split_first() else { return Ok(()) };
        let ByValue { kind, ordinal: first, .. } = *first;
        let refused = self.rows > u64::from(self.limit(kind));
        tally.count_shared(kind, self.rows, refused);
        if refused {
            for ByValue { ordinal, .. } in &self.members {
                self.refused.push(&Ordinal { ordinal: *ordinal })?;
            }
        } else {
            for ByValue { ordinal, .. } in later {
                self.by_first.push(&Repeated { first, ordinal: *ordinal })?;
                self.later.push(&Ordinal { ordinal: *ordinal })?;
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
    refused: Sorted<Ordinal>,
    numbered: Sorted<Numbered>,
    /// Number of the next identifier.
    ordinal: u64,
    /// Identifiers met so far; the number of the next new one.
    distinct: u64,
    sources: &'a Sources,
    tally: &'a mut Tally,
    names: &'a Names,
    reasons: &'a mut Reasons<'b>,
    content: Sha256,
    identifiers: SealedOut<Place>,
    row_ids: RawSealedOut,
    path: &'a Path,
}

impl Last<'_, '_> {
    /// Writes row ids and identifiers in committed order; the hash of the content, and how many
    /// identifiers are distinct.
    fn write(mut self, rows: &SealedRecords) -> Result<([u8; 32], u64), CrmError> {
        let mut rows = rows.read()?;
        while let Some(bytes) = rows.next_record()? {
            let kept = KeptHead::split(bytes);
            let kept = kept.and_then(|(head, row)| Some((head, ScannedRow::decode(row)?)));
            let (head, row) = kept.ok_or_else(|| CrmError::contradiction(self.path))?;
            self.write_row(&row, head.sources.get())?;
        }
        self.identifiers.finish()?;
        finish_sealed(self.row_ids, self.path)?;
        self.content.update(self.tally.counts.eligible.to_be_bytes());
        Ok((self.content.finalize().into(), self.distinct))
    }

    fn write_row(&mut self, row: &ScannedRow<'_>, sources: u64) -> Result<(), CrmError> {
        let eligible = self.tally.counts.eligible;
        let mut slot = 0;
        let mut kinds = [0; ROW_WIDTH_MAX as usize];
        for found in row.identifiers.iter().map(Found::decode) {
            let element = self.element()?;
            if !found.used {
                continue;
            }
            let Some(element) = element else {
                let name = self.names.of(found.column);
                self.tally.reject(found.column, Reason::SharedIdentifier);
                self.reasons.note(row.row_id, row.line, name, Reason::SharedIdentifier)?;
                continue;
            };
            let place = Place {
                row: eligible.into(),
                slot,
                element: element.into(),
                kind: found.kind,
                digest: found.digest,
                ruleset: self.ruleset,
                evidence: *row.evidence,
                time: row.consent_at.into(),
            };
            *kinds.get_mut(usize::from(slot)).ok_or(Bug::invariant())? = found.kind;
            slot += 1;
            self.content.update(place.bytes());
            self.identifiers.push(&place)?;
        }
        if slot == 0 {
            self.tally.counts.excluded_no_usable_identifier += 1;
            self.tally.leave_out(row, Reason::RowNoUsableIdentifier)?;
            return self.reasons.note(row.row_id, row.line, "", Reason::RowNoUsableIdentifier);
        }
        // The scan caps an id at 1,024 bytes.
        let len = u16::try_from(row.row_id.len()).map_err(|_| Bug::invariant())?;
        let head = RowIdHead { len: len.into() };
        // A result names rows by their ids: under other ids it is the result of another input.
        self.content.update(head.bytes());
        self.content.update(row.row_id);
        self.row_ids.append(head.bytes())?;
        self.row_ids.append(row.row_id)?;
        self.tally.counts.eligible += 1;
        self.tally.count_kinds(kinds.into_iter().take(slot.into()));
        self.sources.each(sources, &mut self.tally.counts, |of| of.eligible += 1);
        Ok(())
    }

    /// The number of the next identifier; `None` if it is refused.
    fn element(&mut self) -> Result<Option<u64>, CrmError> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        if self.refused.next_if(|one| one.ordinal.get() == ordinal)?.is_some() {
            return Ok(None);
        }
        if let Some(found) = self.numbered.next_if(|one| one.ordinal.get() == ordinal)? {
            return Ok(Some(found.number.get()));
        }
        let number = self.distinct;
        self.distinct += 1;
        Ok(Some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_have_their_bytes() {
        let (one, other) = (0x0102_0304_0506_0708.into(), 9.into());
        let expected = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(Ordinal { ordinal: one }.bytes(), &expected[..8]);
        assert_eq!(Repeated { first: one, ordinal: other }.bytes(), expected);
        assert_eq!(Numbered { ordinal: one, number: other }.bytes(), expected);
    }
}
